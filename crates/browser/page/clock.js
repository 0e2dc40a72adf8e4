// Seconds of work: the page is looked at, and something was done in the last half minute.

const AWAY_AFTER = 30_000;

/** Calls `worked(seconds)` about once a second while the person works. */
export function clock(worked) {
  let last = performance.now();
  let touched = last;
  for (const kind of ["pointerdown", "pointermove", "keydown", "wheel"]) {
    addEventListener(kind, () => { touched = performance.now(); }, { passive: true, capture: true });
  }
  setInterval(() => {
    const now = performance.now();
    // A browser that slept for longer counts as away.
    const seconds = Math.min(2, (now - last) / 1000);
    last = now;
    if (document.visibilityState === "visible" && now - touched < AWAY_AFTER) worked(seconds);
  }, 1000);
}
