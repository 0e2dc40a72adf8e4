// Brings the parts together: list, view, hand, saving.

import * as server from "./ask.js";
import { clock } from "./clock.js";
import { Contrast } from "./contrast.js";
import { UNSURE } from "./draw.js";
import { Hand } from "./hand.js";
import { Pointers } from "./input.js";
import { help, keyOf, listen } from "./keys.js";
import { List, mm } from "./list.js";
import { Saver, tabs } from "./save.js";
import { View } from "./view.js";

const $ = (id) => document.getElementById(id);
const view = new View($("canvas"));
const contrast = new Contrast(view, $("level"), $("width"));
const list = new List($("list"), (index) => open(index));
const state = { overview: { title: "", classes: [], slices: [] }, current: null, emptyAsked: null };
let saver;

const hand = new Hand(view, { changed, say, windowBy: (dx, dy) => contrast.drag(dx, dy) });
hand.read = readout;
new Pointers(view, hand);

const asked = () => state.overview.slices[state.current];
const name = () => localStorage.getItem("slicewise-name") ?? "";

// What the person is told ---------------------------------------------------------------------

let toastTimer;
function say(text) {
  $("toast").textContent = text;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { $("toast").textContent = ""; }, 6000);
}

function readout(place) {
  const pixel = place && view.slice && place.map(Math.floor);
  const [rows, columns] = view.slice?.shape ?? [0, 0];
  const inside = pixel && pixel[0] >= 0 && pixel[1] >= 0 && pixel[0] < rows && pixel[1] < columns;
  if (!inside) {
    $("readout").textContent = "";
    return;
  }
  const i = pixel[0] * columns + pixel[1];
  const label = view.labels[i];
  const word = label === UNSURE ? "unsure" : state.overview.classes[label]?.name;
  $("readout").textContent = `row ${pixel[0]}, column ${pixel[1]} · ${Number(view.slice.intensities[i].toPrecision(5))} · ${word}`;
}

/** Shows what is saved and what is not. */
function report() {
  const unsaved = saver.unsaved();
  const stuck = unsaved.find((each) => each.problem);
  const here = hand.drawing;
  $("banner").hidden = !stuck;
  if (stuck) {
    const many = unsaved.length > 1 ? ` (${unsaved.length} slices)` : "";
    const text = `not saved${many}: ${stuck.problem}; trying again. ${saver.storageFull ? "The browser's storage is full: do not close this tab." : "Your drawing is kept in this browser."}`;
    if ($("banner").textContent !== text) $("banner").textContent = text;
  }
  const conflict = here?.conflict;
  $("conflict").hidden = !conflict;
  const text = conflict ? `Somebody else saved slice ${here.slice} of ${here.case} in the meantime, in another tab or program.` : "";
  if ($("conflict-text").textContent !== text) $("conflict-text").textContent = text;
  const elsewhere = [...saver.drawings.values()].find((each) => each.conflict && each !== here);
  $("saved").className = stuck || conflict || elsewhere ? "bad" : "";
  if (conflict) $("saved").textContent = "waits for you";
  else if (stuck) $("saved").textContent = "not saved";
  else if (elsewhere) $("saved").textContent = `look at ${elsewhere.case}, slice ${elsewhere.slice}`;
  else $("saved").textContent = unsaved.length > 0 ? "saving …" : "saved";
  buttons();
}

/** Brings list, heading, buttons and sliders to what is. */
function buttons() {
  const { overview, current } = state;
  const drawingOf = (each) => saver?.drawings.get(`${each.case}:${each.slice}`);
  const here = asked();
  list.show(overview.slices, current, (each) => Boolean(drawingOf(each)?.problem || drawingOf(each)?.conflict));
  if (here) {
    $("where").textContent = `${here.case} · slice ${here.slice} of 0–${here.of - 1} · ${here.plane} · ${mm(here.position_mm)}`;
    $("why").textContent = here.why;
    document.title = `${here.case} ${here.slice} · ${overview.title}`;
  }
  for (const button of document.querySelectorAll("[data-tool]")) button.setAttribute("aria-pressed", button.dataset.tool === hand.tool);
  for (const button of document.querySelectorAll("[data-value]")) button.setAttribute("aria-pressed", Number(button.dataset.value) === hand.value);
  const none = !hand.drawing;
  const disable = (action, off) => { document.querySelector(`#tools [data-action=${action}]`).disabled = off; };
  disable("undo", none || hand.history.done.length === 0);
  disable("redo", none || hand.history.undone.length === 0);
  disable("take", none || !view.slice?.draft);
  for (const action of ["empty", "done"]) disable(action, none);
  $("reopen").hidden = here?.state !== "done";
  $("size").value = hand.size;
  $("size-said").textContent = hand.size;
  for (const what of ["labels", "outline", "draft"]) $(what).checked = view.shows[what];
  $("mirror").checked = view.mirrored;
  $("smooth").checked = view.smooth;
  $("protect").checked = hand.protects;
  const outline = view.slice?.outline;
  $("outline-text").textContent = outline ? `outline of slice ${outline.slice}` : "no slice drawn nearby";
  $("draft-text").textContent = view.slice?.draft ? "draft, dashed" : "no draft";
  $("outline").parentElement.classList.toggle("none", !outline);
  $("draft").parentElement.classList.toggle("none", !view.slice?.draft);
}

// Slices --------------------------------------------------------------------------------------

let opening = 0;
async function open(index) {
  if (!(index >= 0 && index < state.overview.slices.length)) return;
  const ticket = (opening += 1);
  const here = state.overview.slices[index];
  $("list").classList.remove("open");
  $("menu").setAttribute("aria-expanded", "false");
  let slice;
  try {
    slice = await server.slice(here.case, here.slice);
  } catch (problem) {
    if (ticket === opening) say(`Cannot open ${here.case}, slice ${here.slice}: ${problem.message}.`);
    return;
  }
  if (ticket !== opening) return;
  const other = asked()?.case !== here.case || !view.slice;
  state.current = index;
  state.emptyAsked = null;
  const drawing = saver.open(here.case, here.slice, slice);
  if (!saver.isUnsaved(drawing)) drawing.finished = here.state === "done";
  hand.open(drawing);
  view.show(slice, drawing.labels);
  contrast.open(slice, other);
  report();
}

function changed() {
  const here = asked();
  state.emptyAsked = null;
  $("toast").textContent = "";
  if (here?.state === "open") here.state = "begun";
  saver.changed(hand.drawing);
}

/** Says that the open slice is finished, and goes on. */
function finish() {
  hand.drawing.finished = true;
  Object.assign(asked() ?? {}, { state: "done", who: name() });
  saver.changed(hand.drawing, true);
  const { slices } = state.overview;
  const places = slices.map((_, i) => ((state.current ?? 0) + i) % slices.length);
  const next = places.find((i) => slices[i].state !== "done");
  if (next === undefined) say("All slices are done. Thank you!");
  else open(next);
}

/** Asks anew how far the slices are; what is not saved yet is known better here. */
async function refresh() {
  let overview;
  try {
    overview = await server.overview();
  } catch {
    return;
  }
  const known = new Map(state.overview.slices.map((each) => [`${each.case}:${each.slice}`, each]));
  for (const each of overview.slices) {
    const drawing = saver.drawings.get(`${each.case}:${each.slice}`);
    const before = known.get(`${each.case}:${each.slice}`);
    if (drawing && before && (saver.isUnsaved(drawing) || drawing.sending)) each.state = before.state;
  }
  const here = asked();
  const index = overview.slices.findIndex((each) => each.case === here?.case && each.slice === here?.slice);
  state.overview = overview;
  state.current = index < 0 ? null : index;
  view.classes = overview.classes;
  buttons();
}

// Actions -------------------------------------------------------------------------------------

const choose = (value) => () => {
  if (value >= state.overview.classes.length && value !== UNSURE) return;
  // The key that chose eraser or unsure goes back to the class.
  hand.choose(value === hand.value && (value === 0 || value === UNSURE) ? hand.lastClass : value);
  buttons();
};
const use = (tool) => () => {
  hand.tool = tool;
  hand.hover(view.cursor?.place ?? null);
  buttons();
};
const toggle = (what) => () => {
  view.shows[what] = !view.shows[what];
  view.changed();
  buttons();
};
const resize = (size) => {
  hand.size = Math.max(1, Math.min(60, size));
  hand.hover(view.cursor?.place ?? null);
  buttons();
};
const zoom = (factor) => view.zoomAt([view.canvas.clientWidth / 2, view.canvas.clientHeight / 2], factor);

const actions = {
  pen: use("pen"),
  contour: use("contour"),
  fill: use("fill"),
  protect: () => {
    hand.protects = !hand.protects;
    buttons();
  },
  erase: choose(0),
  unsure: choose(UNSURE),
  class: (value) => { if (value !== hand.value) choose(value)(); },
  smaller: () => resize(hand.size - (hand.size > 12 ? 4 : 1)),
  larger: () => resize(hand.size + (hand.size >= 12 ? 4 : 1)),
  undo: () => hand.undo(),
  redo: () => hand.redo(),
  labels: toggle("labels"),
  outline: toggle("outline"),
  draft: toggle("draft"),
  smooth: () => {
    view.smooth = !view.smooth;
    localStorage.setItem("slicewise-smooth", view.smooth);
    view.changed();
    buttons();
  },
  mirror: () => {
    view.mirrored = !view.mirrored;
    localStorage.setItem("slicewise-mirrored", view.mirrored);
    view.changed();
    buttons();
  },
  take: () => {
    if (view.slice?.draft && !hand.step((labels) => labels.set(view.slice.draft))) say("Your drawing is the draft already.");
  },
  auto: () => contrast.auto(),
  reset: () => contrast.reset(),
  fit: () => view.fit(),
  closer: () => zoom(1.25),
  farther: () => zoom(0.8),
  next: () => open((state.current ?? -1) + 1),
  before: () => open((state.current ?? 1) - 1),
  done: () => {
    if (!hand.drawing || hand.base) return;
    if (hand.drawing.labels.some((label) => label !== 0)) finish();
    else say("Nothing is drawn. If nothing is here, press Empty (X).");
  },
  empty: () => {
    if (!hand.drawing || hand.base) return;
    const pixels = hand.drawing.labels.reduce((sum, label) => sum + (label !== 0), 0);
    if (pixels > 0 && state.emptyAsked !== hand.drawing) {
      state.emptyAsked = hand.drawing;
      say(`${pixels} pixels are drawn here. Press Empty (X) again to erase them and finish.`);
      return;
    }
    hand.step((labels) => labels.fill(0));
    finish();
  },
  help: () => $("help").showModal(),
};

// Start ---------------------------------------------------------------------------------------

function wire() {
  listen(actions);
  help($("keys"));
  for (const button of document.querySelectorAll("[data-action]")) {
    const { action } = button.dataset;
    const key = keyOf(action);
    if (key && action !== "help") {
      button.title ||= `${button.textContent} (${key})`;
      button.append(Object.assign(document.createElement("kbd"), { textContent: key }));
    }
    button.addEventListener("click", () => actions[action]());
  }
  const input = (id, change) => $(id).addEventListener("input", () => change(Number($(id).value)));
  input("size", resize);
  input("opacity", (value) => { view.opacity = value / 100; view.changed(); });
  for (const id of ["labels", "outline", "draft", "mirror", "smooth", "protect"]) $(id).addEventListener("change", actions[id]);
  $("menu").addEventListener("click", () => $("menu").setAttribute("aria-expanded", $("list").classList.toggle("open")));
  $("theirs").addEventListener("click", () => { saver.showTheirs(hand.drawing); refresh(); });
  $("mine").addEventListener("click", () => saver.keepMine(hand.drawing));
  $("reopen").addEventListener("click", () => {
    hand.drawing.finished = false;
    Object.assign(asked() ?? {}, { state: "begun" });
    saver.changed(hand.drawing, true);
  });
  $("help-close").addEventListener("click", () => $("help").close());
  $("person").addEventListener("click", askName);
  // After a mouse, keys and the space bar are meant for the slice again.
  addEventListener("click", (event) => {
    const away = event.detail > 0 && event.target.closest("aside, nav, header, .banner");
    if (away && !document.querySelector("dialog[open]")) view.canvas.focus({ preventScroll: true });
  });
  // What is about to be saved needs a moment more; what cannot be saved is kept in the browser.
  addEventListener("beforeunload", (event) => {
    const inAMoment = saver?.unsaved().some((each) => saver.storageFull || !(each.problem || each.conflict));
    if (!inAMoment) return;
    saver.hurry();
    event.preventDefault();
  });
}

/** Resolves when the person has said a name. */
function askName() {
  const dialog = $("ask-name");
  $("name").value = name();
  dialog.showModal();
  return new Promise((ready) => {
    dialog.addEventListener("cancel", (event) => { if (!name()) event.preventDefault(); });
    dialog.querySelector("form").onsubmit = (event) => {
      event.preventDefault();
      const given = $("name").value.trim();
      if (!given) return;
      localStorage.setItem("slicewise-name", given);
      $("person").textContent = given;
      dialog.close();
      ready();
    };
  });
}

function classButtons() {
  const all = [...state.overview.classes.entries()].slice(1).map(([value, each]) => [value, each.name, value < 10 ? value : ""]);
  all.push([0, "erase", "E"], [UNSURE, "unsure", "U"]);
  $("classes").replaceChildren(...all.map(([value, text, key]) => {
    const button = Object.assign(document.createElement("button"), { title: key === "" ? text : `Draw ${text} (${key})` });
    button.dataset.value = value;
    const swatch = Object.assign(document.createElement("span"), { className: `swatch ${value === 0 ? "erase" : ""}${value === UNSURE ? "unsure" : ""}` });
    if (value !== 0 && value !== UNSURE) swatch.style.background = state.overview.classes[value].colour;
    button.append(swatch, text, Object.assign(document.createElement("kbd"), { textContent: key }));
    button.addEventListener("click", () => { hand.choose(value); buttons(); });
    return button;
  }));
}

async function start() {
  wire();
  for (;;) {
    try {
      state.overview = await server.overview();
      break;
    } catch (problem) {
      $("banner").hidden = false;
      $("banner").textContent = `${problem.message}; trying again`;
      await new Promise((later) => { setTimeout(later, 2000); });
    }
  }
  view.classes = state.overview.classes;
  $("title").textContent = state.overview.title;
  view.mirrored = localStorage.getItem("slicewise-mirrored") === "true";
  view.smooth = localStorage.getItem("slicewise-smooth") === "true";
  if (state.overview.classes.length === 1) hand.value = 0;
  classButtons();
  const { tab, alive } = await tabs();
  saver = new Saver({ title: state.overview.title, tab, name, report, replaced: (drawing, step) => hand.replaced(drawing, step) });
  window.slicewise = { view, hand, saver, state };
  $("person").textContent = name();
  if (!name()) await askName();
  const restore = async () => {
    const open = await alive();
    const isAsked = (kept) => state.overview.slices.some((each) => each.case === kept.case && each.slice === kept.slice);
    const count = saver.restore((each) => open.has(each), isAsked);
    if (count > 0) say(`${count === 1 ? "A drawing" : `${count} drawings`} that could not be saved before: restored, and saved now.`);
  };
  await restore();
  report();
  const { slices } = state.overview;
  const first = slices.findIndex((each) => each.state !== "done");
  if (slices.length > 0) await open(Math.max(0, first));
  else say("No slices are asked at the moment.");
  setInterval(restore, 10000);
  setInterval(refresh, 20000);
  document.addEventListener("visibilitychange", () => {
    saver.hurry();
    if (document.visibilityState === "visible") refresh();
  });
  clock((seconds) => { if (hand.drawing) hand.drawing.seconds += seconds; });
}

start();
