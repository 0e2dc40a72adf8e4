// Nothing that is drawn gets lost: drawings are kept in the browser until the server has them.
//
// A drawing that is not saved lies in memory and in localStorage, is handed in again and again until
// the server answers, and is found again when the page is opened anew.

import * as server from "./ask.js";
import { difference, pack, unpack } from "./draw.js";

const AFTER_STROKE = 250;
const LONGEST_WAIT = 5000;
const PREFIX = "slicewise:";

const same = (a, b) => a.length === b.length && a.every((value, i) => value === b[i]);
const keyOf = (name, slice) => `${name}:${slice}`;

export class Saver {
  /**
   * `name()` says who draws. `report()` is called when anything about saving changed, and
   * `replaced(drawing, step)` when the labels of a drawing were changed by other than its person.
   */
  constructor({ title, tab, name, report, replaced }) {
    Object.assign(this, { title, tab, name, report, replaced });
    this.drawings = new Map();
    this.storageFull = false;
  }

  /** The drawing of a slice that the server has just sent; what is not saved yet goes before. */
  open(name, slice, view) {
    const known = this.drawings.get(keyOf(name, slice));
    const theirs = view.labels ?? new Uint8Array(view.shape[0] * view.shape[1]);
    if (known && (this.isUnsaved(known) || known.sending)) return known;
    if (known && same(known.labels, theirs)) {
      known.version = view.version;
      return known;
    }
    return this.add({ case: name, slice, labels: theirs.slice(), version: view.version, seconds: known?.seconds ?? 0 });
  }

  add(fields) {
    const drawing = { finished: false, seconds: 0, serial: 0, saved: 0, sending: false, wait: 0, ...fields };
    this.drawings.set(keyOf(drawing.case, drawing.slice), drawing);
    return drawing;
  }

  isUnsaved = (drawing) => drawing.serial !== drawing.saved;

  unsaved = () => [...this.drawings.values()].filter(this.isUnsaved);

  /** The person changed a drawing, or said that it is finished. */
  changed(drawing, now = false) {
    drawing.serial += 1;
    this.keep(drawing);
    this.schedule(drawing, now ? 0 : AFTER_STROKE);
    this.report();
  }

  schedule(drawing, delay) {
    clearTimeout(drawing.timer);
    drawing.timer = setTimeout(() => this.send(drawing), delay);
  }

  /** Hands in at once what waits; for example because the page was looked at again. */
  hurry() {
    for (const drawing of this.unsaved()) this.schedule(drawing, 0);
  }

  async send(drawing) {
    if (drawing.sending || drawing.conflict || !this.isUnsaved(drawing)) return;
    const { serial, seconds } = drawing;
    const labels = drawing.labels.slice();
    const { case: name, slice, finished, version } = drawing;
    drawing.sending = true;
    this.report();
    try {
      drawing.version = await server.save({ case: name, slice, finished, seconds, version, who: this.name(), labels });
      drawing.saved = serial;
      drawing.seconds -= seconds;
      Object.assign(drawing, { problem: null, wait: 0 });
      if (this.isUnsaved(drawing)) this.keep(drawing);
      else this.forget(drawing);
    } catch (problem) {
      await this.failed(drawing, problem, labels, seconds);
    }
    drawing.sending = false;
    if (this.isUnsaved(drawing) && !drawing.conflict) this.schedule(drawing, drawing.wait || AFTER_STROKE);
    this.report();
  }

  async failed(drawing, problem, labels, seconds) {
    try {
      if (problem.kind !== "conflict") throw problem;
      const view = await server.slice(drawing.case, drawing.slice);
      const theirs = view.labels ?? new Uint8Array(labels.length);
      if (same(theirs, labels)) {
        // It was our own: the server had it, but its answer was lost.
        drawing.version = view.version;
        drawing.seconds -= seconds;
        drawing.wait = 0;
      } else {
        drawing.conflict = { labels: theirs, version: view.version };
      }
      drawing.problem = null;
    } catch (last) {
      drawing.problem = last.message;
      drawing.wait = Math.min(LONGEST_WAIT, 2 * drawing.wait || 500);
    }
  }

  /** After a conflict: saves this drawing on top of theirs, which the server keeps as a version. */
  keepMine(drawing) {
    drawing.version = drawing.conflict.version;
    drawing.conflict = null;
    this.changed(drawing, true);
  }

  /** After a conflict: shows theirs; undo brings one's own back. */
  showTheirs(drawing) {
    const { labels, version } = drawing.conflict;
    Object.assign(drawing, { version, conflict: null, saved: drawing.serial });
    this.replace(drawing, labels);
    this.forget(drawing);
    this.report();
  }

  replace(drawing, labels) {
    const step = difference(drawing.labels, labels);
    drawing.labels.set(labels);
    this.replaced(drawing, step);
  }

  // In the browser's storage -----------------------------------------------------------------

  place = (drawing) => `${PREFIX}${this.title}:${this.tab}:${keyOf(drawing.case, drawing.slice)}`;

  keep(drawing) {
    const { case: name, slice, finished, seconds, version, labels } = drawing;
    const text = { title: this.title, tab: this.tab, case: name, slice, finished, seconds, version, labels: pack(labels) };
    try {
      localStorage.setItem(this.place(drawing), JSON.stringify(text));
      this.storageFull = false;
    } catch {
      this.storageFull = true;
    }
  }

  forget(drawing) {
    localStorage.removeItem(this.place(drawing));
  }

  /**
   * Takes up what tabs that are no more could not save; `isAlive(tab)` says which still are. What is
   * not asked at the moment, says `isAsked(kept)`, stays in the storage. Returns how many were taken up.
   */
  restore(isAlive, isAsked) {
    let count = 0;
    for (const place of Object.keys(localStorage).filter((each) => each.startsWith(PREFIX))) {
      let kept;
      try {
        kept = JSON.parse(localStorage.getItem(place));
      } catch {
        continue;
      }
      if (kept?.title !== this.title || (kept.tab !== this.tab && isAlive(kept.tab)) || !isAsked(kept)) continue;
      const known = this.drawings.get(keyOf(kept.case, kept.slice));
      // One's own is in memory already, or has to be saved first.
      if (known && (kept.tab === this.tab || this.isUnsaved(known) || known.sending)) continue;
      const { case: name, slice, finished, seconds, version } = kept;
      const labels = unpack(kept.labels);
      if (known && same(known.labels, labels)) {
        localStorage.removeItem(place);
        continue;
      }
      const drawing = known ?? this.add({ case: name, slice, labels });
      if (known) this.replace(known, labels);
      Object.assign(drawing, { finished, version, seconds: drawing.seconds + seconds, restored: true });
      this.changed(drawing);
      if (kept.tab !== this.tab) localStorage.removeItem(place);
      count += 1;
    }
    return count;
  }
}

/**
 * A name for this tab that outlives a reload, and a function that says which tabs are open. A lock
 * of the browser ends with its tab, however that ends.
 */
export async function tabs() {
  const held = async () => new Set((await navigator.locks.query()).held.map((lock) => lock.name));
  let tab = sessionStorage.getItem("slicewise-tab");
  if (!tab || (await held()).has(tab)) {
    tab = `tab-${crypto.getRandomValues(new Uint32Array(2)).join("")}`;
    sessionStorage.setItem("slicewise-tab", tab);
  }
  await new Promise((ready) => {
    navigator.locks.request(tab, () => {
      ready();
      return new Promise(() => {});
    });
  });
  return { tab, alive: held };
}
