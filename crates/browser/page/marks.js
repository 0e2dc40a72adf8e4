// Lines on the slice whose width does not grow with the zoom. `t` has the screen pixels per image
// pixel (sx, sy) and where the image's origin is (x, y).

import { UNSURE } from "./draw.js";

/** White stripes over the pixels that are unsure. */
export function hatch(context, labels, [rows, columns], t, { width, height }) {
  context.save();
  context.beginPath();
  for (let r = 0; r < rows; r += 1) {
    for (let c = 0; c < columns; c += 1) {
      if (labels[r * columns + c] !== UNSURE) continue;
      const first = c;
      while (c + 1 < columns && labels[r * columns + c + 1] === UNSURE) c += 1;
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
}

/** Edges in their classes' colours on black, so that they are seen on any grey. */
export function edges(context, byLabel, t, colour, dash) {
  for (const [label, flat] of byLabel) {
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
    context.strokeStyle = colour(label);
    context.lineWidth = 1.5;
    context.stroke(path);
  }
  context.setLineDash([]);
}

/** A contour that is being drawn, and how it would be closed. */
export function contour(context, { places, colour }, t) {
  context.beginPath();
  for (const [row, column] of places) context.lineTo(t.x + t.sx * column, t.y + t.sy * row);
  context.strokeStyle = colour;
  context.lineWidth = 2;
  context.stroke();
  context.beginPath();
  for (const [row, column] of [places[0], places.at(-1)]) context.lineTo(t.x + t.sx * column, t.y + t.sy * row);
  context.setLineDash([3, 4]);
  context.stroke();
  context.setLineDash([]);
}

/** Letters of the four sides (left, right, top, bottom) and a bar of some millimetres. */
export function frame(context, { width, height }, [left, right, top, bottom], pixelsPerMm) {
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
  const bar = [100, 50, 20, 10, 5, 2, 1, 0.5].find((mm) => mm * pixelsPerMm <= width / 4) ?? 0.2;
  context.textAlign = "left";
  context.font = "12px system-ui, sans-serif";
  text(`${bar} mm`, 14, height - 24);
  context.fillRect(14, height - 15, bar * pixelsPerMm, 2);
}

/** A circle where the pen would draw. */
export function cursor(context, [x, y], radius, colour) {
  for (const [width, style] of [[3, "rgb(0 0 0 / 0.6)"], [1.5, colour]]) {
    context.beginPath();
    context.arc(x, y, Math.max(3, radius), 0, 2 * Math.PI);
    context.lineWidth = width;
    context.strokeStyle = style;
    context.stroke();
  }
}
