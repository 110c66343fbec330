// The list of ten: one row a track, drawn anew only when there is another answer.

import { clock, count, el, icon, say } from "./dom.js";
import { drawFit } from "./lanes.js";
import { state } from "./store.js";

const RING_AFTER = 200; // milliseconds

export class List {
  /** `root`: the shell; `choose(k)`: told of the row whose button was pressed. */
  constructor(root, choose) {
    Object.assign(this, { root, choose, rows: [], timers: [] });
    this.box = root.querySelector(".cm-found");
    this.list = root.querySelector(".cm-list");
    new ResizeObserver(() => this.drawCurves()).observe(this.list);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.drawCurves());
  }

  /** Makes the rows of an answer. */
  fill(answer) {
    this.box.querySelector("h2").textContent = `${answer.rows.length} track${answer.rows.length === 1 ? "" : "s"} for this clip`;
    say(this.box.querySelector("p"), headWords(answer));
    this.rows = answer.rows.map((row, k) => this.row(row, k));
    const notes = answer.warnings.map((line) => el("li", { class: "cm-note", text: line }));
    this.list.replaceChildren(...this.rows, ...notes);
    this.drawCurves();
  }

  row(row, k) {
    const isMissing = row.play === null;
    const button = el("button", { type: "button", class: "cm-round", tabindex: k === 0 ? 0 : -1, "aria-label": `Play ${row.title}`, disabled: isMissing }, icon("play"));
    const word = row.word ? `${row.word[0].toUpperCase()}${row.word.slice(1)} fit` : "Fit not calibrated";
    const artist = row.artist ? [el("span", { class: "cm-artist", text: row.artist }), el("span", { class: "cm-dot", text: "·" })] : [];
    const facts = el("p", { class: "cm-facts" }, ...artist, el("span", { text: clock(row.duration) }));
    const from = isMissing ? el("p", { class: "cm-from cm-missing", text: "file is missing" }) : el("p", { class: "cm-from", text: `from ${clock(row.start)}` });
    const made = el("li", { class: "cm-row", "aria-current": "false" },
      button,
      el("div", { class: "cm-what" }, el("p", { class: "cm-title", text: row.title }), facts, from),
      el("div", { class: "cm-fit" },
        el("p", {}, el("b", { text: word }), ` ${row.score === null ? "" : row.score.toFixed(2)}`),
        el("canvas", { "aria-hidden": "true" }),
        el("p", { class: "cm-better", text: row.percentile ? `better than ${row.percentile} %` : "" })));
    made.addEventListener("click", (event) => !isMissing && !window.getSelection().toString() && this.choose(k, event.target.closest("button") !== null));
    return made;
  }

  drawCurves() {
    this.rows.forEach((made, k) => {
      const row = state.answer?.rows[k];
      if (row) drawFit(made.querySelector("canvas"), row.moments, state.answer.good_enough, { isSmall: true });
    });
  }

  /** Marks the chosen row, and whether it sounds. */
  mark(chosen, isPlaying) {
    if (state.answer === null) return;
    this.rows.forEach((made, k) => {
      const is = k === chosen;
      const sign = is && isPlaying ? "pause" : "play";
      if (made.dataset.sign === `${is}${sign}`) return;
      made.dataset.sign = `${is}${sign}`;
      made.setAttribute("aria-current", String(is));
      const button = made.querySelector("button");
      button.replaceChildren(icon(sign));
      button.setAttribute("aria-label", `${sign === "pause" ? "Pause" : "Play"} ${state.answer.rows[k].title}`);
      if (is && !this.list.contains(document.activeElement)) this.stopAt(k);
    });
  }

  /** The one row that Tab stops at. */
  stopAt(k) {
    this.rows.forEach((made, other) => (made.querySelector("button").tabIndex = other === k ? 0 : -1));
  }

  focus(k) {
    this.stopAt(k);
    this.rows[k]?.querySelector("button").focus({ preventScroll: true });
    this.rows[k]?.scrollIntoView({ block: "nearest" });
  }

  /** The row that holds the focus, or -1. */
  focused() {
    return this.rows.findIndex((made) => made.contains(document.activeElement));
  }

  /** A ring round the sign while the row's sound is fetched, after a while. */
  load(k, isLoading) {
    clearTimeout(this.timers[k]);
    const made = this.rows[k];
    if (!isLoading) made?.classList.remove("cm-loading");
    else this.timers[k] = setTimeout(() => made?.classList.add("cm-loading"), RING_AFTER);
  }

  /** Says in its row that a track's file is gone; nothing else is blocked. */
  miss(k, words) {
    const from = this.rows[k]?.querySelector(".cm-from");
    if (!from) return;
    from.classList.add("cm-missing");
    say(from, words);
  }
}

/** What stands under the headline: with what the clip was compared. */
export function headWords(answer) {
  const parts = [];
  if (answer.part) parts.push(`for the first ${clock(answer.part)}`);
  const isAll = answer.ready >= answer.present && !state.library?.job.running;
  parts.push(isAll ? `compared with all ${count(answer.compared)}` : `compared with the ${count(answer.compared)} that are ready`);
  if (!answer.part) parts.push("all play equally loud");
  return parts.join(" · ");
}
