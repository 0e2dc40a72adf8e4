// What is seen of a slice: the canvas, its zoom and pan, window and level.

import { outline, UNSURE } from "./draw.js";

const colourOf = (text) => [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
const MARGIN = 26;

export class View {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.image = document.createElement("canvas");
    this.paint = document.createElement("canvas");
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
    this.unsure = false;
    for (let i = 0; i < this.labels.length; i += 1) {
      const label = this.labels[i];
      if (label === 0) continue;
      if (label === UNSURE) {
        this.unsure = true;
        continue;
      }
      const colour = colours[label] ?? [255, 255, 255];
      const at = 4 * i;
      data.data[at] = colour[0];
      data.data[at + 1] = colour[1];
      data.data[at + 2] = colour[2];
      data.data[at + 3] = 255;
    }
    context.putImageData(data, 0, 0);
    const alone = this.unsure && this.labels.map((label) => (label === UNSURE ? UNSURE : 0));
    this.edges.unsure = this.unsure && outline(alone, this.slice.shape);
  }

  draw() {
    const { context, canvas } = this;
    const ratio = canvas.width / Math.max(1, canvas.getBoundingClientRect().width);
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
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (this.shows.labels && this.unsure) this.drawUnsure(t);
    if (this.shows.draft && this.edges.draft) this.drawEdges(this.edges.draft, t, [5, 4]);
    if (this.shows.outline && this.edges.outline) this.drawEdges(this.edges.outline, t, []);
    if (this.contour) this.drawContour(t);
    this.drawFrame(t);
    if (this.cursor) this.drawCursor(t);
  }

  /** White stripes of a fixed width on the screen, whatever the zoom. */
  drawUnsure(t) {
    const { context } = this;
    const { width, height } = this.canvas.getBoundingClientRect();
    const [rows, columns] = this.slice.shape;
    context.save();
    context.beginPath();
    for (let r = 0; r < rows; r += 1) {
      for (let c = 0; c < columns; c += 1) {
        if (this.labels[r * columns + c] !== UNSURE) continue;
        const first = c;
        while (c + 1 < columns && this.labels[r * columns + c + 1] === UNSURE) c += 1;
        context.rect(t.x + t.sx * first, t.y + t.sy * r, t.sx * (c + 1 - first), t.sy);
      }
    }
    context.clip();
    context.fillStyle = "rgb(0 0 0 / 0.35)";
    context.fillRect(0, 0, width, height);
    context.beginPath();
    for (let x = -height; x < width; x += 7) {
      context.moveTo(x, height);
      context.lineTo(x + height, 0);
    }
    context.strokeStyle = "#fff";
    context.lineWidth = 1.5;
    context.stroke();
    context.restore();
    this.drawEdges(this.edges.unsure, t, []);
  }

  /** Edges in their classes' colours on black, so that they are seen on any grey. */
  drawEdges(edges, t, dash) {
    const { context } = this;
    for (const [label, flat] of edges) {
      const path = new Path2D();
      for (let i = 0; i < flat.length; i += 4) {
        path.moveTo(t.x + t.sx * flat[i + 1], t.y + t.sy * flat[i]);
        path.lineTo(t.x + t.sx * flat[i + 3], t.y + t.sy * flat[i + 2]);
      }
      context.setLineDash([]);
      context.strokeStyle = "rgb(0 0 0 / 0.55)";
      context.lineWidth = 3;
      context.stroke(path);
      context.setLineDash(dash);
      context.strokeStyle = this.classes[label]?.colour ?? "#fff";
      context.lineWidth = 1.5;
      context.stroke(path);
    }
    context.setLineDash([]);
  }

  drawContour(t) {
    const { context } = this;
    context.beginPath();
    for (const [row, column] of this.contour.places) context.lineTo(t.x + t.sx * column, t.y + t.sy * row);
    context.strokeStyle = this.contour.colour;
    context.lineWidth = 2;
    context.stroke();
    context.closePath();
    context.setLineDash([3, 4]);
    context.stroke();
    context.setLineDash([]);
  }

  /** Letters of the sides and a bar of whole centimetres or millimetres. */
  drawFrame(t) {
    const { context } = this;
    const { width, height } = this.canvas.getBoundingClientRect();
    let [left, right, top, bottom] = this.slice.sides;
    if (this.mirrored) [left, right] = [right, left];
    context.font = "600 15px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineWidth = 3;
    context.strokeStyle = "#1b1b1b";
    context.fillStyle = "#d8d8d8";
    const text = (letters, x, y) => {
      context.strokeText(letters, x, y);
      context.fillText(letters, x, y);
    };
    text(left, 13, height / 2);
    text(right, width - 13, height / 2);
    text(top, width / 2, 13);
    text(bottom, width / 2, height - 13);
    const perMm = Math.abs(t.sx) / this.slice.spacing_mm[1];
    const bar = [100, 50, 20, 10, 5, 2, 1, 0.5].find((mm) => mm * perMm <= width / 4) ?? 0.2;
    const y = height - 14;
    context.strokeStyle = "#d8d8d8";
    context.lineWidth = 2;
    context.strokeRect(14, y, bar * perMm, 0);
    context.textAlign = "left";
    context.font = "12px system-ui, sans-serif";
    context.lineWidth = 3;
    context.strokeStyle = "#1b1b1b";
    text(`${bar} mm`, 14, y - 10);
  }

  drawCursor(t) {
    const { context } = this;
    const { place, size, colour } = this.cursor;
    const short = Math.min(...this.slice.spacing_mm);
    const perUnit = (Math.abs(t.sx) / this.slice.spacing_mm[1]) * short;
    const radius = Math.max(3, (size / 2) * perUnit);
    const [x, y] = [t.x + t.sx * place[1], t.y + t.sy * place[0]];
    for (const [width, style] of [[3, "rgb(0 0 0 / 0.6)"], [1.5, colour]]) {
      context.beginPath();
      context.arc(x, y, radius, 0, 2 * Math.PI);
      context.lineWidth = width;
      context.strokeStyle = style;
      context.stroke();
    }
  }
}
