// Asks the server every so often how the library stands; what it does not answer is a lost connection.

import { state, tell } from "./store.js";

const CALM = 4000;
const BUSY = 700;
let timer = 0;
let failures = 0;

/** Asks now, and from then on. */
export async function refresh() {
  clearTimeout(timer);
  try {
    const answer = await fetch("/cm/library", { cache: "no-store", signal: AbortSignal.timeout(8000) });
    if (!answer.ok) throw new Error(String(answer.status));
    const before = state.library;
    state.library = await answer.json();
    failures = 0;
    if (state.isLost) {
      state.isLost = false;
      tell("found again");
    }
    tell("library", before);
  } catch {
    failures += 1;
    if (failures >= 2 && !state.isLost) {
      state.isLost = true;
      tell("lost");
    }
  }
  const isBusy = state.isLost || failures > 0 || Boolean(state.library?.job.running);
  timer = setTimeout(refresh, isBusy ? BUSY : CALM);
}
