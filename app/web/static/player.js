// The picture leads, the music follows: one <video>, and pieces of sound on the Web Audio clock under it.

import { now, Offset, speakerOffset } from "./clocks.js";
import { Voice } from "./voice.js";

const FADE = 0.04; // seconds
const LEAD = 0.012; // seconds between the decision and the sound
const TIGHT = 0.004; // skew that is left alone
const LOOSE = 0.012; // skew from which the music is set anew instead of being drawn along
const DRAW = 0.002; // how much faster or slower the music runs while it is drawn along
const SURE = 8; // looks at the picture's clock before it is trusted
const LOW = 10 ** (-15 / 20);
const RATE = 48000;

export class Player {
  /** `video`: the element; `tell(name)`: called with "time", "playing", "trouble". */
  constructor(video, tell) {
    Object.assign(this, { video, tell, voice: null, sounding: null, voices: new Map(), ownSound: "off", isMuted: false, shown: 0, duration: 0 });
    this.context = new AudioContext({ sampleRate: RATE, latencyHint: "interactive" });
    this.pictureClock = new Offset(15);
    this.speakerClock = new Offset(61);
    this.out = this.context.createGain();
    this.out.connect(this.context.destination);
    for (const name of ["playing", "pause", "seeking", "seeked", "waiting", "ended"]) {
      video.addEventListener(name, () => {
        this.pictureClock.reset();
        this.follow();
      });
    }
    this.context.addEventListener("statechange", () => this.speakerClock.reset());
    for (const name of ["play", "pause", "ended"]) video.addEventListener(name, () => tell("playing"));
    const frame = () => {
      this.follow();
      this.tell("time");
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    setInterval(() => document.hidden && this.follow(), 200);
  }

  get isPlaying() {
    return !this.video.paused && !this.video.ended;
  }

  get time() {
    return Math.min(this.video.currentTime, this.duration || Infinity);
  }

  async play() {
    await this.context.resume();
    if (this.duration && this.video.currentTime >= this.duration - 0.05) this.video.currentTime = 0;
    await this.voice?.ensure(this.time).catch(() => this.tell("trouble"));
    await this.video.play().catch(() => this.tell("playing"));
  }

  pause() {
    this.video.pause();
  }

  seek(time) {
    this.video.currentTime = Math.max(0, Math.min(time, Math.max(0, this.duration - 0.04)));
    this.follow();
    this.tell("time");
  }

  /** The clip's own sound: off, low or full. */
  setOwnSound(level) {
    this.ownSound = level;
    this.video.muted = level === "off";
    this.video.volume = level === "low" ? LOW : 1;
  }

  muteMusic(isMuted) {
    this.isMuted = isMuted;
    this.out.gain.setTargetAtTime(isMuted ? 0 : 1, this.context.currentTime, FADE / 4);
  }

  /** A track from a start, made ready or not yet. */
  voiceOf(address, start) {
    const key = `${address}@${start.toFixed(3)}`;
    const voice = this.voices.get(key) ?? new Voice(this.context, address, start, this.duration);
    voice.duration = this.duration;
    this.voices.delete(key); // the last ones used stay
    this.voices.set(key, voice);
    for (const old of [...this.voices.keys()].slice(0, -6)) if (this.voices.get(old) !== this.voice) this.voices.delete(old);
    return voice;
  }

  /** Chooses what sounds; what sounded before goes on until the new sound is there. The picture is not touched. */
  async choose(voice) {
    this.voice = voice;
    if (voice === null) return this.silence();
    await voice.ensure(this.time);
    if (this.voice === voice) this.follow();
  }

  forget() {
    this.silence();
    this.voice = null;
    this.voices.clear();
  }

  /** Second of the clip that is heard at a time of the audio clock, as the sounding piece was set. */
  heardAt(when, sound = this.sounding) {
    return sound.clip + (when - sound.when) * sound.rate;
  }

  /** One more look at both clocks; called at each frame. */
  look() {
    this.speakerClock.look(speakerOffset(this.context));
    this.pictureClock.look(this.video.currentTime - now());
  }

  /** Second of the clip that the picture will show when the speaker is at a time of the audio clock. */
  pictureAt(when) {
    return this.pictureClock.median + when - this.speakerClock.median;
  }

  /** Seconds by which the music is ahead of the picture now; NaN where none sounds. */
  skew() {
    if (this.sounding === null) return NaN;
    const when = this.context.currentTime;
    return this.heardAt(when) - this.pictureAt(when);
  }

  /** Brings the music to where the picture is. Called at each frame, and whenever the picture does something. */
  follow() {
    const runs = this.isPlaying && !this.video.seeking && this.video.readyState >= 3 && this.context.state === "running";
    if (!runs || this.voice === null || this.time >= this.duration - 0.02) return this.silence();
    this.look();
    this.voice.ensure(this.time).catch(() => this.tell("trouble"));
    if (this.sounding === null) return this.hasMoved() ? this.enter(0.01) : undefined;
    if (this.sounding.voice !== this.voice) return this.voice.pieceAt(this.time + LEAD) && this.enter(FADE);
    if (this.sounding.piece.to - this.time < 0.4 && this.sounding.piece.to < this.duration - 0.01) return this.goOn();
    if (this.pictureClock.count < SURE) return;
    const skew = this.skew();
    if (Math.abs(skew) > LOOSE) return this.enter(FADE);
    this.draw(skew);
  }

  /** Whether the picture has begun to move since it was last still: sound is not sent ahead of it. */
  hasMoved() {
    const shown = this.video.currentTime;
    const moved = shown !== this.shown && Math.abs(shown - this.shown) < 0.5;
    this.shown = shown;
    return moved;
  }

  /** Starts the chosen voice where the picture will be, and fades out what sounded. */
  enter(fade) {
    const when = this.context.currentTime + LEAD;
    const clip = this.pictureAt(when);
    const piece = this.voice.pieceAt(Math.max(0, clip));
    if (piece === null) return this.sounding !== null && this.sounding.voice === this.voice ? this.silence() : undefined;
    this.begin(this.voice, piece, when, clip, 1, fade);
  }

  /** Goes over into the next piece of the same voice, in step. */
  goOn() {
    const when = this.context.currentTime + LEAD;
    const clip = this.heardAt(when);
    const piece = this.voice.pieceAt(clip);
    if (piece !== null && piece !== this.sounding.piece) this.begin(this.voice, piece, when, clip, this.sounding.rate, FADE);
  }

  begin(voice, piece, when, clip, rate, fade) {
    const source = new AudioBufferSourceNode(this.context, { buffer: piece.buffer, playbackRate: rate });
    const gain = new GainNode(this.context, { gain: 0 });
    gain.gain.setValueAtTime(0, when).linearRampToValueAtTime(1, when + fade);
    source.connect(gain).connect(this.out);
    const late = Math.max(0, piece.from - clip);
    source.start(when + late, Math.max(0, clip - piece.from));
    this.fadeOut(when, fade);
    this.sounding = { voice, piece, source, gain, when, clip, rate };
  }

  fadeOut(when, fade) {
    if (this.sounding === null) return;
    const { source, gain } = this.sounding;
    gain.gain.cancelScheduledValues(when);
    gain.gain.setValueAtTime(gain.gain.value, when).linearRampToValueAtTime(0, when + fade);
    source.stop(when + fade + 0.01);
    this.sounding = null;
  }

  silence() {
    this.pictureClock.reset();
    this.shown = this.video.currentTime;
    this.fadeOut(this.context.currentTime, 0.012);
  }

  /** Runs the music a little slower or faster until it is where the picture is: no jump is heard. */
  draw(skew) {
    const sound = this.sounding;
    let { rate } = sound;
    if (rate === 1 && Math.abs(skew) > TIGHT) rate = 1 - Math.sign(skew) * DRAW;
    else if (rate !== 1 && skew * (1 - rate) <= 0.0005 * DRAW) rate = 1;
    if (rate === sound.rate) return;
    const when = this.context.currentTime + 0.003;
    Object.assign(sound, { clip: this.heardAt(when), when, rate });
    sound.source.playbackRate.setValueAtTime(rate, when);
  }
}
