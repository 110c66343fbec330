// The time line: lanes over the clip's time, the whole track with its window, and the starts.

import { clock, clockTenths, colour, el, icon, say, spoken } from "./dom.js";
import { BAR_PX, drawFit, drawStrip, drawWave, joins, marks, trackSecond } from "./lanes.js";
import { chosenRow, state } from "./store.js";

const CELLS = 18;
const CLICK_PX = 4;
const NUDGE = 0.1;
const LETTERS = ["A", "B", "C"];

export class Timeline {
  /** `root`: the shell; `player`; `moveStart(second, isResting)`: told where the start was moved to. */
  constructor(root, player, moveStart) {
    Object.assign(this, { root, player, moveStart, peaks: null, peaksOf: "", strip: null, dragged: null });
    const find = (name) => root.querySelector(name);
    this.box = find(".cm-timeline");
    [this.ruler, this.picture, this.fit, this.music, this.whole] = [".cm-ruler", ".cm-picture", ".cm-fit-lane", ".cm-music-lane", ".cm-whole-lane"].map(find);
    this.head = el("button", { type: "button", class: "cm-head", role: "slider", "aria-label": "Playhead", "aria-valuemin": 0 });
    this.grip = el("button", { type: "button", class: "cm-grip", role: "slider", "aria-label": "Start of the music", "aria-valuemin": 0 });
    this.window = el("div", { class: "cm-window" });
    this.wholeEnd = el("span", { class: "cm-whole-end" });
    this.overlay = el("div", { class: "cm-overlay" });
    this.box.append(this.overlay, this.head);
    this.row = find(".cm-start-row");
    this.listen();
    new ResizeObserver(() => this.drawAll()).observe(this.box);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.drawAll());
  }

  get duration() {
    return this.player.duration || state.clip?.duration || 1;
  }

  listen() {
    for (const lane of [this.ruler, this.picture, this.fit]) drag(lane, (at) => this.player.seek(at * this.duration));
    drag(this.head, (at) => this.player.seek(at * this.duration), null, () => this.picture);
    this.head.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: 10, PageDown: -10 }[event.key];
      if (step) this.player.seek(this.player.time + step * (event.shiftKey ? 0.1 : 1));
      if (step) event.preventDefault();
    });
    this.grip.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -NUDGE, ArrowRight: NUDGE, ArrowDown: -NUDGE, ArrowUp: NUDGE, PageUp: 1, PageDown: -1 }[event.key];
      if (step) this.moveStart(state.start + step, true);
      if (event.key === "Home") this.moveStart(0, true);
      if (step || event.key === "Home") event.preventDefault();
    });
    this.slide(this.music, () => -this.duration / this.music.clientWidth, (at) => this.player.seek(at * this.duration));
    this.slide(this.whole, () => (chosenRow()?.duration ?? 0) / this.whole.clientWidth, (at) => this.moveStart(at * (chosenRow()?.duration ?? 0), true));
  }

  /** A lane along which the start is drawn; `pace()`: seconds of start a pixel; a press without a move is `click(share)`. */
  slide(lane, pace, click) {
    lane.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || chosenRow() === null || event.target.closest(".cm-pin")) return;
      event.preventDefault();
      if (event.target === this.grip) this.grip.focus();
      this.dragged = { x: event.clientX, start: state.start, pace: pace() * (event.target === this.grip ? -1 : 1), moved: false };
      lane.setPointerCapture(event.pointerId);
    });
    lane.addEventListener("pointermove", (event) => {
      if (this.dragged === null) return;
      const dx = event.clientX - this.dragged.x;
      this.dragged.moved ||= Math.abs(dx) >= CLICK_PX;
      lane.classList.toggle("cm-dragging", this.dragged.moved);
      if (this.dragged.moved) this.moveStart(this.dragged.start + dx * this.dragged.pace, false);
    });
    const end = (event) => {
      if (this.dragged === null) return;
      const { moved } = this.dragged;
      this.dragged = null;
      lane.classList.remove("cm-dragging");
      if (moved) this.moveStart(state.start, true);
      else if (event.type === "pointerup") click(share(lane, event));
    };
    for (const name of ["pointerup", "pointercancel"]) lane.addEventListener(name, end);
  }

  /** Shows thumbnails, as soon as they are there. */
  async showStrip(address) {
    const image = new Image();
    image.src = address;
    try {
      await image.decode();
      if (address.includes(state.clip?.id ?? "?")) this.strip = image;
      this.drawPicture();
    } catch {
      // a clip whose thumbnails cannot be drawn keeps an empty lane
    }
  }

  /** Fetches the waveform of the chosen track. */
  async showPeaks(address) {
    if (this.peaksOf === address) return;
    Object.assign(this, { peaksOf: address, peaks: null });
    this.drawMusic();
    const answer = await fetch(`${address}/peaks`).catch(() => null);
    if (this.peaksOf !== address) return;
    if (!answer?.ok) this.peaksOf = "";
    else this.peaks = new Uint8Array(await answer.arrayBuffer());
    this.drawMusic();
    this.drawWhole();
  }

  clear() {
    Object.assign(this, { peaks: null, peaksOf: "", strip: null });
    this.drawAll();
  }

  drawAll() {
    if (this.box.clientWidth === 0) return;
    this.drawRuler();
    this.drawPicture();
    this.drawFit();
    this.drawMusic();
    this.drawWhole();
    this.drawStarts();
    this.drawUnseen();
    this.moveHead(true);
  }

  drawRuler() {
    const width = this.ruler.clientWidth;
    this.ruler.replaceChildren(...marks(this.duration, width).map((t) => {
      const mark = el("span", { text: this.duration < 4 ? clockTenths(t) : clock(t) });
      mark.style.left = `${(t / this.duration) * width}px`;
      return mark;
    }));
  }

  drawPicture() {
    const canvas = this.picture.querySelector("canvas");
    canvas.hidden = this.strip === null;
    if (this.strip !== null) drawStrip(canvas, this.strip, CELLS);
  }

  drawFit() {
    const row = chosenRow();
    const canvas = this.fit.querySelector("canvas");
    const known = state.answer ? Math.min(1, state.answer.duration / this.duration) : 1;
    drawFit(canvas, row?.moments ?? [], row === null ? null : state.answer.good_enough, { share: known });
    this.fit.setAttribute("aria-label", row?.word ? `Fit over the clip: ${row.word}` : "How well the music fits over the length of the clip");
  }

  drawMusic() {
    const row = chosenRow();
    const empty = this.music.querySelector(".cm-empty-lane");
    empty.hidden = row !== null && this.peaks !== null;
    say(empty, row === null ? state.mode === "results" ? "No track chosen" : "The music comes here" : "");
    this.box.querySelector(".cm-name-music small").hidden = row === null;
    this.music.querySelectorAll(".cm-join").forEach((mark) => mark.remove());
    if (row === null || this.peaks === null) return this.grip.remove();
    if (!this.grip.isConnected) this.music.append(this.grip);
    const width = this.music.clientWidth;
    const known = (Math.min(this.duration, state.answer.duration || this.duration) / this.duration) * width;
    this.joined = joins(state.start, row.duration, this.duration);
    const played = (this.player.time / this.duration) * width;
    const [music, toCome] = [colour("music"), colour("to-come")];
    const second = (x) => trackSecond((Math.min(x, known) / width) * this.duration, state.start, this.joined);
    drawWave(this.music.querySelector("canvas"), this.peaks, second, (x) => (x < played ? music : toCome));
    for (const join of this.joined) {
      const mark = el("div", { class: `cm-join${join / this.duration > 0.8 ? " cm-late" : ""}` }, el("span", { text: "starts again here" }));
      mark.style.left = `${(join / this.duration) * width}px`;
      this.music.append(mark);
    }
    this.describeGrip(row);
  }

  describeGrip(row) {
    this.grip.setAttribute("aria-valuemax", row.duration.toFixed(1));
    this.grip.setAttribute("aria-valuenow", state.start.toFixed(1));
    this.grip.setAttribute("aria-valuetext", `starts at ${spoken(state.start)}`);
  }

  drawWhole() {
    const row = chosenRow();
    const empty = this.whole.querySelector(".cm-empty-lane");
    empty.hidden = row !== null && this.peaks !== null;
    this.whole.querySelectorAll(".cm-pin").forEach((pin) => pin.remove());
    if (row === null || this.peaks === null) {
      this.window.remove();
      return this.wholeEnd.remove();
    }
    const width = this.whole.clientWidth;
    const x = (second) => (second / row.duration) * width;
    const [from, to] = [x(state.start), x(Math.min(row.duration, state.start + this.duration))];
    const [music, unused] = [colour("music"), colour("unused")];
    drawWave(this.whole.querySelector("canvas"), this.peaks, (at) => (at / width) * row.duration, (at) => (at >= from && at <= to ? music : unused));
    Object.assign(this.window.style, { left: `${from}px`, width: `${Math.max(6, to - from)}px` });
    say(this.wholeEnd, clock(row.duration));
    this.whole.append(this.window, this.wholeEnd);
    for (const { letter, second, is } of starts(row)) {
      const pin = el("button", { type: "button", class: "cm-pin", text: letter, tabindex: -1, "aria-pressed": String(is), "aria-label": `Start ${letter}, ${clock(second)}` });
      pin.style.left = `${x(second)}px`;
      pin.addEventListener("click", () => this.moveStart(second, true));
      this.whole.append(pin);
    }
  }

  drawStarts() {
    const row = chosenRow();
    const name = this.box.querySelector(".cm-start-name");
    name.hidden = row === null;
    if (row === null) {
      const hint = state.mode === "working" ? "You can play your clip while the search runs." : "Play one of the tracks to hear it under your clip.";
      this.row.replaceChildren(el("span", { class: "cm-start-hint", text: hint }));
      this.startsOf = null;
      return;
    }
    if (this.startsOf !== row) this.makeStarts(row);
    starts(row).forEach(({ is }, k) => this.startButtons[k].setAttribute("aria-pressed", String(is)));
    say(this.startOutput, clockTenths(state.start));
  }

  makeStarts(row) {
    this.startsOf = row;
    this.startButtons = starts(row).map(({ letter, second }) => {
      const word = { A: "A best", 0: "Beginning" }[letter] ?? letter;
      const button = el("button", { type: "button" }, el("b", { text: word }), el("span", { text: clock(second) }));
      button.addEventListener("click", () => this.moveStart(second, true));
      return button;
    });
    this.startOutput = el("output", { "aria-label": "Start of the music" });
    const nudge = (sign, label) => el("button", { type: "button", class: "cm-button", "aria-label": label, onclick: () => this.moveStart(state.start + sign * NUDGE, true) }, icon(sign < 0 ? "back" : "next"));
    this.row.replaceChildren(
      el("div", { class: "cm-starts", role: "group", "aria-label": "Starts" }, ...this.startButtons),
      el("div", { class: "cm-nudge" }, nudge(-1, "Start 0.1 seconds earlier"), this.startOutput, nudge(1, "Start 0.1 seconds later"), el("small", { text: "0.1 s" })),
    );
  }

  /** Hatches what of the clip was not looked at, or could not be. */
  drawUnseen() {
    this.overlay.replaceChildren();
    if (state.mode !== "results" || state.answer === null) return;
    const { left, width } = laneBox(this.box, this.picture);
    const known = state.answer.duration;
    const stretches = [];
    if (known < this.duration - Math.max(0.5, this.duration * 0.02)) stretches.push([known, this.duration, "damaged, not used for the match"]);
    const moments = chosenRow()?.moments ?? [];
    const at = (k) => (k / Math.max(1, moments.length - 1)) * Math.min(known, this.duration);
    gaps(moments).filter(([a, b]) => ((at(b) - at(a)) / this.duration) * width > 2 && at(b) <= known && !past(at(a))).forEach(([a, b]) => stretches.push([at(a), at(b), "not looked at"]));
    for (const [from, to, words] of stretches) {
      const wide = ((to - from) / this.duration) * width;
      const box = el("div", { class: "cm-unseen" }, wide > 90 ? el("span", { text: words }) : null);
      Object.assign(box.style, { left: `${left + (from / this.duration) * width}px`, width: `${wide}px` });
      this.overlay.append(box);
    }
  }

  /** The playhead, and which bars are played; called at each frame, and does something only where something moved. */
  moveHead(always = false) {
    const time = this.player.time;
    if (time === this.headAt && !always) return;
    this.headAt = time;
    const { left, width } = laneBox(this.box, this.picture);
    this.head.style.transform = `translateX(${left + (time / this.duration) * width}px)`;
    this.head.setAttribute("aria-valuemax", this.duration.toFixed(1));
    this.head.setAttribute("aria-valuenow", time.toFixed(1));
    this.head.setAttribute("aria-valuetext", spoken(time));
    const bars = Math.floor(((time / this.duration) * width) / BAR_PX);
    if (bars !== this.barsPlayed && this.peaks !== null && chosenRow() !== null) this.drawMusic();
    this.barsPlayed = bars;
  }
}

/** The starts of a row: A, B, C by fit, 0 for the beginning; `is`: chosen now. */
export function starts(row) {
  const best = [row.start, ...row.alternatives.filter((second) => second > 0.05)].slice(0, 3);
  const found = best.map((second, k) => ({ letter: LETTERS[k], second }));
  if (best.every((second) => second > 0.05)) found.push({ letter: "0", second: 0 });
  return found.map((one) => ({ ...one, is: Math.abs(one.second - state.start) < 0.05 }));
}

/** Whether the music is over at a clip's second: there the fit is unknown for another reason. */
function past(at) {
  const row = chosenRow();
  return row === null || at >= row.length - 0.5;
}

/** [first, last] of each stretch without a value. */
function gaps(moments) {
  const found = [];
  moments.forEach((value, k) => {
    if (value !== null) return;
    if (k > 0 && moments[k - 1] === null && found.length) found.at(-1)[1] = k;
    else found.push([k, k]);
  });
  return found;
}

function laneBox(box, lane) {
  return { left: lane.offsetLeft, width: lane.clientWidth || box.clientWidth };
}

function share(lane, event) {
  const { left, width } = lane.getBoundingClientRect();
  return Math.max(0, Math.min(1, (event.clientX - left) / Math.max(1, width)));
}

/** Press and draw along a lane: `move(share)` at each step. */
function drag(handle, move, end = null, laneOf = () => handle) {
  handle.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    handle.focus?.();
    handle.setPointerCapture(event.pointerId);
    move(share(laneOf(), event));
    const step = (next) => move(share(laneOf(), next));
    handle.addEventListener("pointermove", step);
    for (const name of ["pointerup", "pointercancel"]) {
      handle.addEventListener(name, () => {
        handle.removeEventListener("pointermove", step);
        end?.();
      }, { once: true });
    }
  });
}

