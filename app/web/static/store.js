// What both surfaces know, and what a reload brings back.

const KEY = "crossmodal";
const listeners = new Map();

export const state = {
  mode: "start", // start, working, stopped, results
  clip: null, // as the server tells it: id, name, duration, width, height, rate, type
  answer: null,
  chosen: -1, // row
  start: 0, // second of the track under the clip's 0:00
  library: null, // as /cm/library tells it
  isLost: false,
};

/** Calls `listener` at each `tell(name)`. */
export function on(name, listener) {
  listeners.set(name, [...(listeners.get(name) ?? []), listener]);
}

/** Tells all listeners of `name`. */
export function tell(name, detail) {
  for (const listener of listeners.get(name) ?? []) listener(detail);
}

/** What was kept over a reload; {} where nothing was, or keeping is forbidden. */
export function kept() {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "{}") ?? {};
  } catch {
    return {};
  }
}

/** Keeps some values more. */
export function keep(values) {
  try {
    localStorage.setItem(KEY, JSON.stringify({ ...kept(), ...values }));
  } catch {
    // a browser that keeps nothing still works, until it is reloaded
  }
}

/** The row that is chosen, or null. */
export function chosenRow() {
  return state.answer?.rows[state.chosen] ?? null;
}
