// One track from one start, as pieces of sound over the clip's time: fetched, decoded, at hand.

const FIRST = 15; // seconds of the piece that must be there at once
const MORE = 45; // seconds of those after it
const OVERLAP = 1;
const SOON = 5;
const AHEAD = 25; // seconds of sound that are kept ready
const BEHIND = 20;
const RETRY = 2000; // milliseconds between two tries

export class Voice {
  /** `address`: of the track's sound; `start`: second of the track under the clip's 0:00; `duration`: of the clip. */
  constructor(context, address, start, duration) {
    Object.assign(this, { context, address, start, duration, pieces: [], loading: null, trouble: null, failed: 0 });
  }

  /** The piece that sounds at a clip's second, best the one that lasts longest; or null. */
  pieceAt(at) {
    const fitting = this.pieces.filter((piece) => piece.from <= at + 1e-3 && piece.to > at + 0.08);
    return fitting.reduce((best, piece) => (best === null || piece.to > best.to ? piece : best), null);
  }

  /** Until which second there is sound without a gap from `at` on. */
  readyUntil(at) {
    const piece = this.pieceAt(at);
    return piece === null || piece.to >= this.duration - 0.01 ? (piece?.to ?? at) : this.readyUntil(piece.to - 0.1);
  }

  /** Sees to it that there is sound from `at` on; the promise is kept once the first of it is there. */
  async ensure(at, all = true) {
    if (at >= this.duration - 0.05) return;
    if (this.trouble !== null && performance.now() < this.failed + RETRY) throw new Error(this.trouble.kind);
    if (this.pieceAt(at) === null) await this.load(at, FIRST);
    const until = this.readyUntil(at);
    if (all && until < this.duration - 0.01 && until - at < AHEAD && this.loading === null) {
      this.loading = this.load(Math.max(0, until - OVERLAP), MORE).catch(() => {}).finally(() => (this.loading = null));
    }
    if (this.pieces.length > 3) this.pieces = this.pieces.filter((piece) => piece.to > at - BEHIND && piece.from < at + 2 * MORE + AHEAD);
  }

  /** Sees to it that there is sound for the next seconds from `at` on, should somebody choose this. */
  async prepare(at) {
    const piece = this.pieceAt(at);
    if (piece === null || (piece.to < at + SOON && piece.to < this.duration - 0.1)) await this.load(at, FIRST);
    this.pieces = this.pieces.filter((one) => one.to > at - BEHIND);
  }

  /** Fetches and decodes `seconds` from a clip's second on; the same piece is asked for once at a time. */
  async load(from, seconds) {
    const length = Math.min(seconds, this.duration - from + 0.05);
    if (this.asked && Math.abs(this.asked.from - from) < 5 && this.asked.from <= from) return this.asked.promise;
    const promise = this.fetched(from, length);
    this.asked = { from, promise };
    try {
      await promise;
    } finally {
      if (this.asked?.promise === promise) this.asked = null;
    }
  }

  async fetched(from, length) {
    const query = `start=${this.start.toFixed(4)}&at=${from.toFixed(4)}&seconds=${length.toFixed(4)}`;
    const answer = await fetch(`${this.address}/sound?${query}`).catch(() => new Response("{}", { status: 503 }));
    if (!answer.ok) {
      this.failed = performance.now();
      this.trouble = await answer.json().catch(() => ({ what: "The music could not be fetched.", do: "", kind: "lost" }));
      throw new Error(this.trouble.kind);
    }
    const buffer = await this.context.decodeAudioData(await answer.arrayBuffer());
    this.trouble = null;
    this.pieces.push({ from, to: from + buffer.duration, buffer });
  }
}
