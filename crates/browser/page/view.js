// What is seen of a slice: the canvas, its zoom and pan, window and level.

import { outline, UNSURE } from "./draw.js";
import * as marks from "./marks.js";

const colourOf = (text) => [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
const MARGIN = 26;

export class View {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.image = document.createElement("canvas");
    this.paint = document.createElement("canvas");
    this.lines = document.createElement("canvas");
    this.linesOf = null;
    this.classes = [];
    this.slice = null;
    this.labels = null;
    this.window = [0, 1];
    this.opacity = 0.45;
    this.mirrored = false;
    this.smooth = false;
    this.shows = { labels: true, outline: true, draft: true };
    this.zoom = 1;
    this.centre = [0, 0];
    this.cursor = null;
    this.contour = null;
    this.stale = { image: true, paint: true };
    this.edges = {};
    this.waiting = false;
    new ResizeObserver(() => this.resize()).observe(canvas);
  }

  /** Shows another slice; zoom and pan stay if its grid is the same. */
  show(slice, labels) {
    const grid = (each) => each && [...each.shape, ...each.spacing_mm].join();
    const same = grid(this.slice) === grid(slice);
    this.slice = slice;
    this.labels = labels;
    this.contour = null;
    this.linesOf = null;
    this.edges = {
      outline: slice?.outline && outline(slice.outline.labels, slice.shape),
      draft: slice?.draft && outline(slice.draft, slice.shape),
    };
    if (slice && !same) {
      for (const each of [this.image, this.paint]) [each.height, each.width] = slice.shape;
      this.fit();
    }
    this.changed("image", "paint");
  }

  /** Draws again before the next frame; what is named is made anew from the arrays. */
  changed(...what) {
    for (const each of what) this.stale[each] = true;
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.draw();
    });
  }

  resize() {
    const ratio = window.devicePixelRatio || 1;
    const { width, height } = this.canvas.getBoundingClientRect();
    this.canvas.width = Math.max(1, Math.round(width * ratio));
    this.canvas.height = Math.max(1, Math.round(height * ratio));
    // Setting a size clears the canvas; draw at once, so that nothing flickers.
    this.draw();
  }

  /** Centres the slice, as large as fits. */
  fit() {
    this.zoom = 1;
    if (this.slice) this.centre = [this.slice.shape[0] / 2, this.slice.shape[1] / 2];
    this.changed();
  }

  /** Screen pixels per image pixel along rows and columns, and where the image's origin is. */
  transform() {
    const { width, height } = this.canvas.getBoundingClientRect();
    const { shape, spacing_mm: spacing } = this.slice;
    const room = [Math.max(20, height - 2 * MARGIN), Math.max(20, width - 2 * MARGIN)];
    const fits = Math.min(room[0] / (shape[0] * spacing[0]), room[1] / (shape[1] * spacing[1]));
    const sy = -fits * this.zoom * spacing[0];
    const sx = fits * this.zoom * spacing[1] * (this.mirrored ? -1 : 1);
    return { sx, sy, x: width / 2 - sx * this.centre[1], y: height / 2 - sy * this.centre[0] };
  }

  /** The place [row, column] under a point of the canvas, in CSS pixels. */
  placeAt([x, y]) {
    const t = this.transform();
    return [(y - t.y) / t.sy, (x - t.x) / t.sx];
  }

  /** The point of the canvas over a place. */
  pointAt([row, column]) {
    const t = this.transform();
    return [t.x + t.sx * column, t.y + t.sy * row];
  }

  /** Zooms by a factor so that the place under a point stays there. */
  zoomAt(point, factor) {
    if (!this.slice) return;
    const before = this.placeAt(point);
    this.zoom = Math.max(0.2, Math.min(40, this.zoom * factor));
    const after = this.placeAt(point);
    this.centre = this.centre.map((at, axis) => at + before[axis] - after[axis]);
    this.changed();
  }

  pan(dx, dy) {
    if (!this.slice) return;
    const { sx, sy } = this.transform();
    this.centre = [this.centre[0] - dy / sy, this.centre[1] - dx / sx];
    this.changed();
  }

  paintImage() {
    const { intensities } = this.slice;
    const { width, height } = this.image;
    const context = this.image.getContext("2d");
    const data = context.createImageData(width, height);
    const [low, high] = this.window;
    const scale = 255 / Math.max(high - low, 1e-30);
    for (let i = 0; i < intensities.length; i += 1) {
      const grey = (intensities[i] - low) * scale;
      const at = 4 * i;
      data.data[at] = grey;
      data.data[at + 1] = grey;
      data.data[at + 2] = grey;
      data.data[at + 3] = 255;
    }
    context.putImageData(data, 0, 0);
  }

  /** Classes in their colours; pixels that are unsure are left to the hatching. */
  paintLabels() {
    const { width, height } = this.paint;
    const context = this.paint.getContext("2d");
    const data = context.createImageData(width, height);
    const colours = this.classes.map((each) => colourOf(each.colour));
    // Tells one set of unsure pixels from another.
    const unsure = { count: 0, sum: 0, squares: 0 };
    for (let i = 0; i < this.labels.length; i += 1) {
      const label = this.labels[i];
      if (label === 0) continue;
      if (label === UNSURE) {
        unsure.count += 1;
        unsure.sum += i;
        unsure.squares += i * i;
        continue;
      }
      const colour = colours[label] ?? [255, 255, 255];
      const at = 4 * i;
      data.data[at] = colour[0];
      data.data[at + 1] = colour[1];
      data.data[at + 2] = colour[2];
      data.data[at + 3] = 255;
    }
    this.unsure = unsure;
    context.putImageData(data, 0, 0);
  }

  draw() {
    const { context, canvas } = this;
    const box = canvas.getBoundingClientRect();
    const ratio = canvas.width / Math.max(1, box.width);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (!this.slice) return;
    if (this.stale.image) this.paintImage();
    if (this.stale.paint) this.paintLabels();
    this.stale = {};
    const t = this.transform();
    context.setTransform(ratio * t.sx, 0, 0, ratio * t.sy, ratio * t.x, ratio * t.y);
    context.imageSmoothingEnabled = this.smooth;
    context.drawImage(this.image, 0, 0);
    context.imageSmoothingEnabled = false;
    if (this.shows.labels) {
      context.globalAlpha = this.opacity;
      context.drawImage(this.paint, 0, 0);
      context.globalAlpha = 1;
    }
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.drawImage(this.drawLines(t, ratio), 0, 0);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (this.contour) marks.contour(context, this.contour, t);
    const [left, right, ...others] = this.slice.sides;
    const sides = this.mirrored ? [right, left, ...others] : this.slice.sides;
    marks.frame(context, box, sides, Math.abs(t.sx) / this.slice.spacing_mm[1]);
    if (this.cursor) this.drawCursor(t);
  }

  /** Hatching and outlines, which take longest, on a canvas that is kept while they stay the same. */
  drawLines(t, ratio) {
    const { lines, canvas, slice, shows } = this;
    const key = JSON.stringify([t, ratio, canvas.width, canvas.height, shows, this.unsure]);
    if (key === this.linesOf) return lines;
    this.linesOf = key;
    [lines.width, lines.height] = [canvas.width, canvas.height];
    const context = lines.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const colour = (label) => this.classes[label]?.colour ?? "#fff";
    if (shows.labels && this.unsure.count > 0) {
      marks.hatch(context, this.labels, slice.shape, t, canvas.getBoundingClientRect());
      const alone = this.labels.map((label) => (label === UNSURE ? UNSURE : 0));
      marks.edges(context, outline(alone, slice.shape), t, colour, []);
    }
    if (shows.draft && this.edges.draft) marks.edges(context, this.edges.draft, t, colour, [5, 4]);
    if (shows.outline && this.edges.outline) marks.edges(context, this.edges.outline, t, colour, []);
    return lines;
  }

  drawCursor(t) {
    const { place, size, colour } = this.cursor;
    const short = Math.min(...this.slice.spacing_mm);
    const radius = (size / 2) * (Math.abs(t.sx) / this.slice.spacing_mm[1]) * short;
    marks.cursor(this.context, [t.x + t.sx * place[1], t.y + t.sy * place[0]], radius, colour);
  }
}
