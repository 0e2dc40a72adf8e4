// What the page asks of the server. Paths are relative, so the token in the address goes with them.

/** Why the server did not do it: `kind` is conflict, input, failed, refused or silent. */
export class Refused extends Error {
  constructor(kind, message, version) {
    super(message);
    Object.assign(this, { kind, version });
  }
}

async function ask(path, options = {}) {
  let response;
  let body;
  try {
    response = await fetch(path, { ...options, signal: AbortSignal.timeout(20000) });
    body = await response.arrayBuffer();
  } catch {
    throw new Refused("silent", "the program does not answer");
  }
  if (response.ok) return body;
  let said = {};
  try {
    said = JSON.parse(new TextDecoder().decode(body));
  } catch { /* no JSON: the status has to do */ }
  throw new Refused(said.kind ?? "failed", said.error ?? `the program answered ${response.status}`, said.version);
}

const parse = (bytes) => JSON.parse(new TextDecoder().decode(bytes));

/** The list of slices that are asked. */
export const overview = async () => parse(await ask("overview"));

/** One slice: its header, and its arrays as typed arrays. */
export async function slice(name, number) {
  const frame = await ask(`slice?case=${encodeURIComponent(name)}&slice=${number}`);
  const length = new DataView(frame).getUint32(0, true);
  const view = parse(new Uint8Array(frame, 4, length));
  const pixels = view.shape[0] * view.shape[1];
  let at = 4 + length;
  // A copy, because floats must lie at a multiple of four bytes.
  view.intensities = new Float32Array(frame.slice(at, at + 4 * pixels));
  at += 4 * pixels;
  const next = () => {
    at += pixels;
    return new Uint8Array(frame, at - pixels, pixels);
  };
  view.labels = view.labels ? next() : null;
  view.draft = view.draft ? next() : null;
  view.outline = view.outline === null ? null : { slice: view.outline, labels: next() };
  return view;
}

/** Hands a drawing in; returns the version that it became. */
export async function save({ labels, ...header }) {
  const head = new TextEncoder().encode(JSON.stringify(header));
  const frame = new Uint8Array(4 + head.length + labels.length);
  new DataView(frame.buffer).setUint32(0, head.length, true);
  frame.set(head, 4);
  frame.set(labels, 4 + head.length);
  return parse(await ask("answer", { method: "POST", body: frame })).version;
}
