// Pointers on the canvas: mouse, pen and fingers.
//
// Left button, pen or one finger draws; right button changes window and level; middle button or the
// space bar with the left one pans; the wheel zooms; two fingers zoom and pan. Once a pen was seen,
// one finger pans, so that a resting hand draws nothing.

export class Pointers {
  /** `hand` has start(place), move(places), end(), cancel(), windowBy(dx, dy), hover(place or null). */
  constructor(view, hand) {
    Object.assign(this, { view, hand, doing: null, space: false, pen: false });
    this.down = new Map();
    const { canvas } = view;
    canvas.addEventListener("pointerdown", (event) => this.press(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.release(event, true));
    canvas.addEventListener("pointercancel", (event) => this.release(event, false));
    canvas.addEventListener("pointerleave", () => hand.hover(null));
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    addEventListener("keydown", (event) => this.spaceBar(event, true));
    addEventListener("keyup", (event) => this.spaceBar(event, false));
    addEventListener("blur", () => { this.space = false; });
  }

  spaceBar(event, down) {
    if (event.key !== " " || /^(BUTTON|INPUT|SELECT)$/.test(event.target.tagName)) return;
    event.preventDefault();
    this.space = down;
    this.view.canvas.style.cursor = down ? "grab" : "";
  }

  pointOf(event) {
    const { left, top } = this.view.canvas.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  }

  press(event) {
    if (!this.view.slice) return;
    event.preventDefault();
    this.view.canvas.focus({ preventScroll: true });
    this.view.canvas.setPointerCapture(event.pointerId);
    this.down.set(event.pointerId, this.pointOf(event));
    if (event.pointerType === "pen") this.pen = true;
    if (this.down.size > 1) {
      if (this.doing === "draw") this.hand.cancel();
      this.doing = "pinch";
    } else if (event.button === 2) {
      this.doing = "window";
    } else if (event.button === 1 || this.space || (this.pen && event.pointerType === "touch")) {
      this.doing = "pan";
    } else if (event.button === 0) {
      this.doing = "draw";
      this.hand.start(this.view.placeAt(this.pointOf(event)), event.shiftKey);
    }
  }

  move(event) {
    if (!this.view.slice) return;
    const point = this.pointOf(event);
    this.hand.hover(event.pointerType === "touch" ? null : this.view.placeAt(point));
    const before = this.down.get(event.pointerId);
    if (!before) return;
    const [dx, dy] = [point[0] - before[0], point[1] - before[1]];
    if (this.doing === "draw") {
      const events = event.getCoalescedEvents?.() ?? [];
      const all = events.length > 0 ? events : [event];
      this.hand.move(all.map((each) => this.view.placeAt(this.pointOf(each))));
    } else if (this.doing === "pan") {
      this.view.pan(dx, dy);
    } else if (this.doing === "window") {
      this.hand.windowBy(dx, dy);
    } else if (this.doing === "pinch") {
      this.pinch(event.pointerId, before, point);
    }
    this.down.set(event.pointerId, point);
  }

  pinch(id, before, point) {
    const other = [...this.down].find(([each]) => each !== id)?.[1];
    if (!other) return;
    const apart = ([x, y]) => Math.max(10, Math.hypot(x - other[0], y - other[1]));
    const middle = [(point[0] + other[0]) / 2, (point[1] + other[1]) / 2];
    this.view.zoomAt(middle, apart(point) / apart(before));
    this.view.pan((point[0] - before[0]) / 2, (point[1] - before[1]) / 2);
  }

  release(event, whole) {
    if (!this.down.delete(event.pointerId)) return;
    if (this.doing === "draw") {
      if (whole) this.hand.end();
      else this.hand.cancel();
    }
    // The last finger of two lifts without drawing.
    if (this.down.size === 0) this.doing = null;
  }

  wheel(event) {
    event.preventDefault();
    // Lines and pages, which some mice count in, as pixels.
    const pixels = event.deltaY * [1, 16, 400][event.deltaMode];
    this.view.zoomAt(this.pointOf(event), Math.exp(-pixels / 400));
  }
}
