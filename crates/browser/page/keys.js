// Everything that a key or a button does, and the help that lists it.

/**
 * Rows of [group, key, words for the help, name of the action]. Keys are those of `event.key` in
 * lower case; some actions have a second one.
 */
const KEYS = [
  ["Draw", ["p"], "pen", "pen"],
  ["Draw", ["l"], "contour: drawn around an area, filled when let go", "contour"],
  ["Draw", ["f"], "fill: click into a closed contour (Shift: into any area)", "fill"],
  ["Draw", ["e", "0"], "erase, and back to the class before", "erase"],
  ["Draw", ["u"], "unsure: hatched, left out of training", "unsure"],
  ["Draw", ["k"], "keep what is drawn: pen and contour change background alone", "protect"],
  ["Draw", ["["], "smaller pen", "smaller"],
  ["Draw", ["]"], "larger pen", "larger"],
  ["Draw", ["t"], "take the draft as your drawing", "take"],
  ["See", ["h"], "hide and show your labels", "labels"],
  ["See", ["o"], "outline of the nearest slice drawn before", "outline"],
  ["See", ["g"], "the model's draft, dashed", "draft"],
  ["See", ["m"], "mirror: radiological display", "mirror"],
  ["See", ["i"], "interpolate: smooth between pixels", "smooth"],
  ["See", ["a"], "window and level from this slice", "auto"],
  ["See", ["w"], "window and level as at first", "reset"],
  ["See", ["c"], "centre: the whole slice", "fit"],
  ["See", ["+", "="], "zoom in", "closer"],
  ["See", ["-"], "zoom out", "farther"],
  ["Slices", ["d", "enter"], "done: finished, and on to the next", "done"],
  ["Slices", ["x"], "empty: nothing is here; finished, and on to the next", "empty"],
  ["Slices", ["n", "arrowdown"], "next slice", "next"],
  ["Slices", ["b", "arrowup"], "slice before", "before"],
  ["Slices", ["?"], "this help", "help"],
];

const BY_HAND = [
  ["Draw", "1 … 9", "class of that number"],
  ["Draw", "Ctrl Z", "undo"],
  ["Draw", "Ctrl Y", "redo"],
  ["See", "wheel, two fingers", "zoom"],
  ["See", "space drag, middle drag", "pan"],
  ["See", "right drag", "window (sideways) and level (up and down)"],
];

const nameOf = (key) => ({ arrowdown: "↓", arrowup: "↑", enter: "Enter" })[key] ?? key.toUpperCase();

/** Key of an action, for a button's title. */
export const keyOf = (action) => {
  const row = KEYS.find(([, , , name]) => name === action);
  return row ? nameOf(row[1][0]) : null;
};

/** Calls `actions[name]()` for its key, `actions.class(number)` for a digit. */
export function listen(actions) {
  addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]")) return;
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && event.target.type !== "checkbox";
    const key = event.key.toLowerCase();
    if (event.ctrlKey || event.metaKey) {
      const action = { z: event.shiftKey ? "redo" : "undo", y: "redo" }[key];
      if (!action) return;
      event.preventDefault();
      actions[action]();
      return;
    }
    if (event.altKey) return;
    // Arrows move a focused slider, and Enter presses a focused button.
    if (typing && /^(arrow|home|end|page)/.test(key)) return;
    if (key === "enter" && event.target.tagName === "BUTTON") return;
    const row = KEYS.find(([, keys]) => keys.includes(key));
    if (/^[1-9]$/.test(key)) actions.class(Number(key));
    else if (row && !(event.repeat && /^(done|empty|take)$/.test(row[3]))) actions[row[3]]();
    else return;
    event.preventDefault();
  });
}

/** Writes the help into an element. */
export function help(element) {
  const rows = [...KEYS.map(([group, keys, words]) => [group, keys.map(nameOf).join(", "), words]), ...BY_HAND];
  for (const group of ["Draw", "See", "Slices"]) {
    const table = document.createElement("table");
    table.createCaption().textContent = group;
    for (const [, keys, words] of rows.filter(([each]) => each === group)) {
      const row = table.insertRow();
      row.insertCell().append(...keys.split(", ").flatMap((key) => [Object.assign(document.createElement("kbd"), { textContent: key }), " "]));
      row.insertCell().textContent = words;
    }
    element.append(table);
  }
}
