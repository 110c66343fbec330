// The panel while a search runs: time left, four stages, Cancel; and after it was stopped.

import { clock, count, el, icon, say, timeLeft } from "./dom.js";
import { state } from "./store.js";

const WAIT_SECONDS = 6;

export class Working {
  /** `root`: the shell; `cancel()`, `again()`: what the button does. */
  constructor(root, cancel, again) {
    Object.assign(this, { cancel, again, asked: 0 });
    this.box = root.querySelector(".cm-working");
    this.headline = el("h2", { text: "Finding music" });
    this.left = el("p", { class: "cm-left-time" });
    this.stages = el("ol", { class: "cm-stages", "aria-label": "Stages" });
    this.button = el("button", { type: "button", class: "cm-button cm-tall", onclick: () => (state.mode === "stopped" ? this.again() : this.cancel()) });
    this.ghosts = el("div", { class: "cm-ghosts", "aria-hidden": "true" }, ...Array.from({ length: 6 }, () => el("i")));
    this.box.append(this.headline, this.left, this.stages, this.button, el("p", { class: "cm-soon", text: "The ten best come here" }), this.ghosts);
  }

  begin() {
    this.asked = performance.now();
    this.show({ stage: 0, share: 0, done: 0, total: 0, left: null });
  }

  /** Shows a moment of the search. */
  show(moment) {
    const waits = moment.stage === 0 && performance.now() - this.asked > WAIT_SECONDS * 1000;
    say(this.headline, "Finding music");
    say(this.left, waits ? "Waiting for other searches" : moment.left === null || moment.left === undefined ? "A few seconds left" : timeLeft(moment.left));
    say(this.button, "Cancel");
    const clip = state.clip;
    const size = clip?.width ? `${clock(clip.duration)} · ${clip.width} × ${clip.height}` : "";
    const tracks = state.library ? count(state.library.ready) : "the";
    const notes = [size, moment.total ? `${count(moment.done)} of ${count(moment.total)}` : "", "", ""];
    const names = ["Reading the clip", "Looking at the pictures", `Searching ${tracks} tracks`, "Ranking the best ten"];
    this.stages.replaceChildren(...names.map((name, k) => this.stage(name, notes[k], k, moment)));
    this.stages.hidden = false;
  }

  stage(name, note, k, moment) {
    const place = k < moment.stage ? "done" : k === moment.stage ? "now" : "next";
    const sign = icon({ done: "tick", now: "half", next: "ring" }[place]);
    const words = place === "next" ? "waiting" : k === 1 && place === "done" ? "" : note;
    const line = k === 1 && place === "now" ? el("div", { class: "cm-track-line" }, el("i")) : null;
    if (line) line.firstChild.style.width = `${100 * moment.share}%`;
    return el("li", { class: `cm-is-${place}` }, sign, el("span", { text: name }), el("small", { text: words }), line);
  }

  /** Says that the search was stopped. */
  stopped() {
    say(this.headline, "Search stopped");
    say(this.left, "Your clip is still here.");
    say(this.button, "Search again");
    this.stages.hidden = true;
  }

  /** Nothing to search in. */
  nothing(words) {
    this.stopped();
    say(this.headline, words.what);
    say(this.left, words.do);
  }
}
