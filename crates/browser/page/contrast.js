// Window and level: which intensities are black and which are white.

import { autoWindow } from "./draw.js";

export class Contrast {
  /** Two sliders from 0 to 1000 show and set the window of a view. */
  constructor(view, level, width) {
    Object.assign(this, { view, level, width, range: [0, 1] });
    for (const slider of [level, width]) slider.addEventListener("input", () => this.slid());
  }

  /** Another slice; it keeps the window of the one before unless `anew`. */
  open(slice, anew) {
    let [low, high] = slice.window;
    for (const value of slice.intensities) {
      if (value < low && value > -Infinity) low = value;
      if (value > high && value < Infinity) high = value;
    }
    this.range = [low, high > low ? high : low + 1];
    if (anew) this.view.window = [...slice.window];
    this.show();
  }

  set(low, high) {
    const [first, last] = this.range;
    const width = Math.max((last - first) / 1000, Math.min(high - low, 2 * (last - first)));
    const level = Math.max(first, Math.min(last, (low + high) / 2));
    this.view.window = [level - width / 2, level + width / 2];
    this.show();
  }

  show() {
    const [first, last] = this.range;
    const [low, high] = this.view.window;
    this.level.value = (1000 * ((low + high) / 2 - first)) / (last - first);
    // Narrow windows matter most, so the slider is finest there.
    this.width.value = 1000 * Math.sqrt((high - low) / (2 * (last - first)));
    this.view.changed("image");
  }

  slid() {
    const [first, last] = this.range;
    const level = first + (Number(this.level.value) / 1000) * (last - first);
    const half = (Number(this.width.value) / 1000) ** 2 * (last - first);
    this.set(level - half, level + half);
  }

  /** A drag of so many pixels: sideways the window, up and down the level. */
  drag(dx, dy) {
    const [low, high] = this.view.window;
    const step = (high - low) / 250;
    const level = (low + high) / 2 - dy * step;
    const half = Math.max(0.02, 1 + dx / 250) * ((high - low) / 2);
    this.set(level - half, level + half);
  }

  auto() {
    if (this.view.slice) this.set(...autoWindow(this.view.slice.intensities));
  }

  reset() {
    if (this.view.slice) this.set(...this.view.slice.window);
  }
}
