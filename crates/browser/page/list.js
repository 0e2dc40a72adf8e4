// The list of slices on the left.

const STATES = { open: ["○", "to do"], begun: ["◐", "begun"], done: ["●", "done"] };

const make = (tag, fields = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), fields);
  element.append(...children);
  return element;
};

/** A position as text: at most two decimals and a proper minus. */
export const mm = (value) => `${String(Number(value.toFixed(2))).replace("-", "−")} mm`;

export class List {
  constructor(element, choose) {
    Object.assign(this, { element, choose });
    this.progress = make("p", { className: "progress" });
    this.bar = make("progress", { max: 1, value: 0 });
    this.items = make("div");
    element.append(this.progress, this.bar, this.items);
  }

  /** Shows the slices; `current` is the place of the open one, `unsaved` says which are not saved. */
  show(slices, current, unsaved) {
    const done = slices.filter((each) => each.state === "done").length;
    this.progress.textContent = `${done} of ${slices.length} done`;
    this.bar.setAttribute("aria-label", this.progress.textContent);
    Object.assign(this.bar, { max: Math.max(1, slices.length), value: done });
    const text = JSON.stringify([slices, current, slices.map(unsaved)]);
    if (text === this.shown) return;
    this.shown = text;
    const focused = this.items.contains(document.activeElement);
    let name = null;
    let group = null;
    this.items.replaceChildren();
    slices.forEach((each, index) => {
      if (each.case !== name) {
        name = each.case;
        group = make("ol");
        this.items.append(make("h2", { textContent: name }), group);
      }
      group.append(make("li", {}, this.item(each, index, current, unsaved(each))));
    });
    const chosen = this.items.querySelector("[aria-current]");
    chosen?.scrollIntoView({ block: "nearest" });
    if (focused) chosen?.focus();
  }

  item(each, index, current, isUnsaved) {
    const [sign, word] = STATES[each.state];
    const who = each.who ? `, ${each.who}` : "";
    const button = make(
      "button",
      {
        className: `slice ${each.state}`,
        title: `${each.case}, slice ${each.slice} (from 0, ${each.of} in all), ${each.plane}, ${mm(each.position_mm)}: ${each.why}`,
      },
      make("span", { className: "sign", textContent: sign, ariaHidden: "true" }),
      make(
        "span",
        {},
        make("span", { className: "number", textContent: `slice ${each.slice}` }),
        make("span", { className: "state", textContent: ` ${word}${who}${isUnsaved ? ", not saved" : ""}` }),
        make("span", { className: "why", textContent: each.why }),
      ),
    );
    if (index === current) button.setAttribute("aria-current", "true");
    button.addEventListener("click", () => this.choose(index));
    return button;
  }
}
