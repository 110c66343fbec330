// The chosen track: which row, from which second, made to sound and kept ready.

import { chosenRow, keep, state } from "./store.js";
import { starts } from "./timeline.js";

const REST = 100; // milliseconds after which a drawn start is heard
const PREFETCH_EVERY = 1500;
const NEXT_ROWS = 3;
const SKIP = 5; // seconds of J
const STEP = 0.1; // seconds of the arrow keys

export class Tracks {
  /** `surface`: the parts; see `surface.js`. */
  constructor(surface) {
    this.surface = surface;
    setInterval(() => this.prefetch(), PREFETCH_EVERY);
  }

  press(k, isButton) {
    if (k === state.chosen) return isButton || !this.surface.player.isPlaying ? this.surface.toggle() : undefined;
    this.choose(k);
    if (!this.surface.player.isPlaying) this.surface.player.play();
  }

  /** Chooses a row; the picture is left as it is. */
  choose(k, from = undefined) {
    const row = state.answer?.rows[k];
    if (!row || row.play === null) return;
    Object.assign(state, { chosen: k, start: from ?? row.start });
    keep({ row: { k, id: row.id, start: state.start } });
    this.surface.timeline.drawAll();
    this.surface.timeline.showPeaks(this.address(row));
    this.surface.showNow();
    this.sound();
  }

  address(row) {
    return `/cm/track/${state.answer.library}/${row.play}`;
  }

  /** Lets the chosen track be heard from the chosen start. */
  async sound() {
    const [row, k] = [chosenRow(), state.chosen];
    const voice = this.surface.player.voiceOf(this.address(row), state.start);
    this.surface.list.load(k, true);
    try {
      await this.surface.player.choose(voice);
    } catch {
      this.missed(k, voice.trouble);
    } finally {
      this.surface.list.load(k, false);
    }
    this.prefetch();
  }

  missed(k, trouble) {
    if (!trouble || trouble.kind === "lost") return;
    this.surface.list.miss(k, trouble.kind === "missing" ? "file is missing" : trouble.what);
    if (trouble.kind !== "missing") this.surface.trouble.show(trouble, "track");
  }

  /** The next rows' sound from where the picture is, before anybody asks for it. */
  async prefetch() {
    if (state.mode !== "results" || state.chosen < 0 || this.surface.timeline.dragged) return;
    const { player } = this.surface;
    const { answer } = state;
    for (const row of answer.rows.slice(state.chosen + 1, state.chosen + 1 + NEXT_ROWS)) {
      if (state.answer !== answer) return; // another clip, or another search, since the last row was fetched
      if (row.play === null) continue;
      await player.voiceOf(this.address(row), row.start).prepare(player.time).catch(() => {});
    }
  }

  moveStart(second, rests) {
    const row = chosenRow();
    if (row === null) return;
    state.start = Math.round(Math.max(0, Math.min(second, Math.max(0, row.duration - 0.5))) * 100) / 100;
    this.surface.timeline.drawMusic();
    this.surface.timeline.drawWhole();
    this.surface.timeline.drawStarts();
    this.surface.showNow();
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.settle(row), rests ? 0 : REST);
  }

  settle(row) {
    if (row !== chosenRow()) return;
    keep({ row: { k: state.chosen, id: row.id, start: state.start } });
    this.sound();
  }

  keyTable() {
    const row = (step) => {
      if (state.mode !== "results") return false;
      const rows = state.answer.rows.map((one, k) => (one.play === null ? -1 : k)).filter((k) => k >= 0);
      const at = rows.indexOf(state.chosen);
      const next = rows[Math.max(0, Math.min(rows.length - 1, at + step))];
      this.choose(next);
      this.surface.list.focus(next);
    };
    const other = (step) => {
      const found = chosenRow() === null ? [] : starts(chosenRow());
      const at = found.findIndex(({ is }) => is);
      if (found.length) this.moveStart(found[(at + step + found.length) % found.length].second, true);
    };
    return {
      " ": () => this.surface.toggle(),
      ArrowDown: () => row(1),
      ArrowUp: () => row(-1),
      ArrowLeft: () => this.moveStart(state.start - STEP, true),
      ArrowRight: () => this.moveStart(state.start + STEP, true),
      "[": () => other(-1),
      "]": () => other(1),
      0: () => this.moveStart(0, true),
      j: () => this.surface.player.seek(this.surface.player.time - SKIP),
      k: () => this.surface.player.pause(),
      l: () => this.surface.player.play(),
      Home: () => this.surface.player.seek(0),
      End: () => this.surface.player.seek(this.surface.player.duration),
      m: () => this.surface.player.muteMusic(!this.surface.player.isMuted),
      "?": () => this.surface.keys.open(),
      Escape: () => (document.body.classList.contains("cm-music-open") ? this.surface.openMusic(false) : this.surface.trouble.clear()),
    };
  }
}
