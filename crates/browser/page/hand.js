// What the hand does on the slice: pen, contour and fill with a class, each as one step to undo.

import { difference, fill, fillContour, History, stroke, UNSURE } from "./draw.js";

export class Hand {
  /** `changed()` is called after each step, `say(text)` shows a line to the person. */
  constructor(view, { changed, say, windowBy }) {
    Object.assign(this, { view, changed, say, windowBy });
    this.tool = "pen";
    this.value = 1;
    this.lastClass = 1;
    this.size = 6;
    this.protects = false;
    this.drawing = null;
    this.base = null;
    this.histories = new WeakMap();
  }

  /** Steps of the open drawing. */
  get history() {
    if (!this.histories.has(this.drawing)) this.histories.set(this.drawing, new History());
    return this.histories.get(this.drawing);
  }

  open(drawing) {
    this.cancel();
    this.drawing = drawing;
  }

  choose(value) {
    if (value !== 0 && value !== UNSURE) this.lastClass = value;
    this.value = value;
    this.hover(this.view.cursor?.place ?? null);
  }

  colour() {
    if (this.value === UNSURE) return "#ffffff";
    return this.value === 0 ? "#bbbbbb" : this.view.classes[this.value].colour;
  }

  start(place, everywhere) {
    if (!this.drawing) return;
    const { labels } = this.drawing;
    const { shape, spacing_mm: spacing } = this.view.slice;
    if (!this.view.shows.labels) this.say("Your labels are hidden; press H to show them.");
    if (this.tool === "fill") {
      this.step(() => {
        if (labels[Math.floor(place[0]) * shape[1] + Math.floor(place[1])] === this.value) {
          this.say("This area has the chosen class already.");
        } else if (fill(labels, shape, place, this.value, everywhere) === 0) {
          this.say("Not filled: the area reaches the edge of the image. Close its contour, or hold Shift to fill all the same.");
        }
      });
      return;
    }
    this.base = labels.slice();
    this.last = place;
    if (this.tool === "contour") this.view.contour = { places: [place], colour: this.colour() };
    else stroke(labels, shape, spacing, place, place, this.size, this.value);
    this.protect();
    this.view.changed("paint");
  }

  /** Gives back what was drawn before the stroke, if only background may be drawn on. */
  protect() {
    if (!this.protects || this.value === 0) return;
    const { labels } = this.drawing;
    for (let i = 0; i < labels.length; i += 1) if (this.base[i] !== 0) labels[i] = this.base[i];
  }

  move(places) {
    if (!this.base) return;
    const { shape, spacing_mm: spacing } = this.view.slice;
    for (const place of places) {
      if (this.tool === "contour") this.view.contour.places.push(place);
      else stroke(this.drawing.labels, shape, spacing, this.last, place, this.size, this.value);
      this.last = place;
    }
    this.protect();
    this.view.changed("paint");
  }

  end() {
    if (!this.base) return;
    const { base } = this;
    if (this.view.contour) {
      fillContour(this.drawing.labels, this.view.slice.shape, this.view.contour.places, this.value);
      this.view.contour = null;
      this.protect();
    }
    this.base = null;
    this.remember(base);
  }

  /** Takes a stroke back that is not at its end. */
  cancel() {
    if (!this.base) return;
    this.drawing.labels.set(this.base);
    this.base = null;
    this.view.contour = null;
    this.view.changed("paint");
    // A part of it may have been saved meanwhile.
    this.changed();
  }

  /** Changes the open drawing by a function, as one step; true if anything changed. */
  step(change) {
    if (!this.drawing || this.base) return false;
    const before = this.drawing.labels.slice();
    change(this.drawing.labels);
    return this.remember(before);
  }

  remember(before) {
    const step = difference(before, this.drawing.labels);
    this.view.changed("paint");
    if (!step) return false;
    this.history.push(step);
    this.changed();
    return true;
  }

  /** Labels of a drawing were changed by other than its person; undo brings them back. */
  replaced(drawing, step) {
    if (drawing === this.drawing) {
      this.base = null;
      this.view.contour = null;
      this.view.changed("paint");
    }
    if (!step) return;
    if (!this.histories.has(drawing)) this.histories.set(drawing, new History());
    this.histories.get(drawing).push(step);
  }

  undo() {
    if (this.drawing && !this.base && this.history.undo(this.drawing.labels)) this.afterUndo();
  }

  redo() {
    if (this.drawing && !this.base && this.history.redo(this.drawing.labels)) this.afterUndo();
  }

  afterUndo() {
    this.view.changed("paint");
    this.changed();
  }

  hover(place) {
    const size = this.tool === "pen" ? this.size : 0;
    this.view.cursor = place && { place, size, colour: this.colour() };
    this.view.changed();
    this.read?.(place);
  }
}
