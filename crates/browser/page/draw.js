// Drawing on one slice: functions of arrays, without a screen.
//
// Labels are a Uint8Array of [rows, columns], row by row; row 0 is at the bottom of the screen.
// Places are [row, column] in pixels, and pixel (r, c) covers r to r + 1 and c to c + 1.

export const UNSURE = 255;

/** The pixel that a place lies in. */
export const pixelAt = ([row, column]) => [Math.floor(row), Math.floor(column)];

/**
 * Draws with a round pen from one place to another. The pen is round in mm; its size is counted in
 * pixels of the shorter side. Size 1 draws a line of single pixels.
 */
export function stroke(labels, [rows, columns], spacing, from, to, size, value) {
  const short = Math.min(spacing[0], spacing[1]);
  const scale = [spacing[0] / short, spacing[1] / short];
  if (size <= 1) return line(labels, [rows, columns], from, to, value);
  const radius = size / 2;
  const [r0, r1] = [Math.min(from[0], to[0]), Math.max(from[0], to[0])];
  const [c0, c1] = [Math.min(from[1], to[1]), Math.max(from[1], to[1])];
  const reach = [radius / scale[0], radius / scale[1]];
  const along = [(to[0] - from[0]) * scale[0], (to[1] - from[1]) * scale[1]];
  const length = along[0] ** 2 + along[1] ** 2;
  for (let r = Math.max(0, Math.floor(r0 - reach[0])); r < Math.min(rows, r1 + reach[0]); r += 1) {
    for (let c = Math.max(0, Math.floor(c0 - reach[1])); c < Math.min(columns, c1 + reach[1]); c += 1) {
      const y = (r + 0.5 - from[0]) * scale[0];
      const x = (c + 0.5 - from[1]) * scale[1];
      const part = length === 0 ? 0 : Math.max(0, Math.min(1, (y * along[0] + x * along[1]) / length));
      const distance = (y - part * along[0]) ** 2 + (x - part * along[1]) ** 2;
      if (distance <= radius ** 2) labels[r * columns + c] = value;
    }
  }
  // A pen thinner than a long pixel could miss every centre.
  line(labels, [rows, columns], from, to, value);
}

/** A line of single pixels that touch at least at a corner (Bresenham). */
function line(labels, [rows, columns], from, to, value) {
  let [r, c] = pixelAt(from);
  const [lastR, lastC] = pixelAt(to);
  const [dr, dc] = [Math.abs(lastR - r), -Math.abs(lastC - c)];
  const [stepR, stepC] = [Math.sign(lastR - r), Math.sign(lastC - c)];
  let error = dr + dc;
  for (;;) {
    if (r >= 0 && r < rows && c >= 0 && c < columns) labels[r * columns + c] = value;
    if (r === lastR && c === lastC) return;
    const twice = 2 * error;
    if (twice >= dc) { error += dc; r += stepR; }
    if (twice <= dr) { error += dr; c += stepC; }
  }
}

/**
 * Fills the area of one label around a place: pixels that share a side, so that a thin line that
 * goes by corners still closes. Returns how many were filled; 0 and no change if the area reaches
 * the edge of the image, which an open contour lets it do, unless `everywhere`.
 */
export function fill(labels, [rows, columns], place, value, everywhere = false) {
  const [row, column] = pixelAt(place);
  if (row < 0 || row >= rows || column < 0 || column >= columns) return 0;
  const start = row * columns + column;
  const old = labels[start];
  if (old === value) return 0;
  const seen = new Uint8Array(labels.length);
  const area = [start];
  seen[start] = 1;
  for (let next = 0; next < area.length; next += 1) {
    const i = area[next];
    const c = i % columns;
    const atEdge = c === 0 || c === columns - 1 || i < columns || i >= labels.length - columns;
    if (atEdge && !everywhere) return 0;
    if (c > 0) visit(i - 1);
    if (c < columns - 1) visit(i + 1);
    if (i >= columns) visit(i - columns);
    if (i < labels.length - columns) visit(i + columns);
  }
  function visit(i) {
    if (!seen[i] && labels[i] === old) {
      seen[i] = 1;
      area.push(i);
    }
  }
  for (const i of area) labels[i] = value;
  return area.length;
}

/** Fills a closed contour given by its corners: the pixels whose centres lie inside (even-odd). */
export function fillContour(labels, [rows, columns], corners, value) {
  for (let r = 0; r < rows; r += 1) {
    const y = r + 0.5;
    const crossings = [];
    corners.forEach(([y0, x0], i) => {
      const [y1, x1] = corners[(i + 1) % corners.length];
      if (y0 <= y !== y1 <= y) crossings.push(x0 + ((y - y0) / (y1 - y0)) * (x1 - x0));
    });
    crossings.sort((a, b) => a - b);
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      const first = Math.max(0, Math.ceil(crossings[i] - 0.5));
      const end = Math.min(columns, Math.ceil(crossings[i + 1] - 0.5));
      for (let c = first; c < end; c += 1) labels[r * columns + c] = value;
    }
  }
}

/**
 * Edges between pixels of different labels, for each label but background: a map from label to a
 * flat list of row0, column0, row1, column1. Edges in one line are one.
 */
export function outline(labels, [rows, columns]) {
  const edges = new Map();
  const at = (r, c) => (r < 0 || c < 0 || r >= rows || c >= columns ? 0 : labels[r * columns + c]);
  const along = (lines, length, pair, add) => {
    for (let i = 0; i <= lines; i += 1) {
      let label = 0;
      let first = 0;
      for (let j = 0; j <= length; j += 1) {
        const [a, b] = j < length ? pair(i, j) : [0, 0];
        // Of two classes that touch, the higher draws the edge, so that it is drawn once.
        const here = a === b ? 0 : Math.max(a, b);
        if (here === label) continue;
        if (label !== 0) {
          if (!edges.has(label)) edges.set(label, []);
          edges.get(label).push(...add(i, first, j));
        }
        label = here;
        first = j;
      }
    }
  };
  along(rows, columns, (r, c) => [at(r - 1, c), at(r, c)], (r, c, end) => [r, c, r, end]);
  along(columns, rows, (c, r) => [at(r, c - 1), at(r, c)], (c, r, end) => [r, c, end, c]);
  return edges;
}

/** What changed from one array to another; null if nothing did. */
export function difference(before, after) {
  const places = [];
  for (let i = 0; i < before.length; i += 1) if (before[i] !== after[i]) places.push(i);
  if (places.length === 0) return null;
  return {
    places: Uint32Array.from(places),
    before: Uint8Array.from(places, (i) => before[i]),
    after: Uint8Array.from(places, (i) => after[i]),
  };
}

/** Steps that can be undone and done again, for one slice. */
export class History {
  constructor() {
    this.done = [];
    this.undone = [];
  }

  /** Remembers a step; what was undone before is forgotten. */
  push(step) {
    this.done.push(step);
    this.undone = [];
    if (this.done.length > 500) this.done.shift();
  }

  /** Undoes the last step on `labels`; false if there is none. */
  undo(labels) {
    const step = this.done.pop();
    if (!step) return false;
    step.places.forEach((place, i) => { labels[place] = step.before[i]; });
    this.undone.push(step);
    return true;
  }

  /** Does the step again that was undone last; false if there is none. */
  redo(labels) {
    const step = this.undone.pop();
    if (!step) return false;
    step.places.forEach((place, i) => { labels[place] = step.after[i]; });
    this.done.push(step);
    return true;
  }
}

/** Labels as text of runs, "value*count,…": small enough for the browser's own storage. */
export function pack(labels) {
  const runs = [];
  for (let i = 0; i < labels.length;) {
    let end = i;
    while (end < labels.length && labels[end] === labels[i]) end += 1;
    runs.push(`${labels[i]}*${end - i}`);
    i = end;
  }
  return runs.join();
}

/** Undoes `pack`. */
export function unpack(text) {
  const runs = text.split(",").map((run) => run.split("*").map(Number));
  const labels = new Uint8Array(runs.reduce((sum, [, count]) => sum + count, 0));
  let i = 0;
  for (const [value, count] of runs) {
    labels.fill(value, i, i + count);
    i += count;
  }
  return labels;
}

/** Intensities between which 1 % below and 0.5 % above are left out. */
export function autoWindow(intensities) {
  const sorted = Float32Array.from(intensities).filter(Number.isFinite).sort();
  if (sorted.length === 0) return [0, 1];
  const low = sorted[Math.floor(0.01 * (sorted.length - 1))];
  const high = sorted[Math.ceil(0.995 * (sorted.length - 1))];
  return high > low ? [low, high] : [low, low + 1];
}
