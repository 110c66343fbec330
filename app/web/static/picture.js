// The stage: a clip that the browser plays as it is, or a still until its proxy can be played.

const LOOK_EVERY = 500;

export class Picture {
  /** `root`: the shell; `player`; `fail(trouble)`: told when not even a proxy can be made. */
  constructor(root, player, fail) {
    Object.assign(this, { player, fail, clip: null, local: null, isProxy: false });
    this.video = root.querySelector(".cm-stage video");
    this.still = root.querySelector(".cm-stage img");
    this.note = root.querySelector(".cm-stage-note");
    this.video.addEventListener("error", () => this.clip !== null && this.cannotPlay());
    this.video.addEventListener("loadeddata", () => (this.still.hidden = true));
    this.video.addEventListener("durationchange", () => this.measure());
  }

  /** Shows a clip, from the person's own file where that is at hand. */
  show(clip, local = null) {
    const isSame = this.clip !== null && this.clip.id === null && local !== null && local === this.local;
    this.clip = clip;
    if (isSame) return this.measure(); // it is on screen already, and may be playing
    if (this.local !== null && this.local !== local) URL.revokeObjectURL(this.local);
    Object.assign(this, { local, isProxy: false });
    this.still.hidden = true;
    this.say("");
    this.player.forget();
    if (clip.type === null && clip.id !== null) return this.cannotPlay();
    this.video.src = local ?? `/cm/clip/${clip.id}`;
    this.measure();
  }

  clear() {
    this.clip = null;
    this.player.forget();
    this.video.removeAttribute("src");
    this.video.load();
  }

  measure() {
    const found = this.video.duration;
    const isKnown = Number.isFinite(found) && found > 0 && !(this.isProxy && !this.isWhole);
    this.player.duration = isKnown ? found : this.clip?.duration || 0;
    this.player.tell("duration");
  }

  /** A still at once, then the proxy from its first fragment, and at last the whole proxy in which one can seek. */
  cannotPlay() {
    if (this.isProxy || this.clip.id === null) return;
    Object.assign(this, { isProxy: true, isWhole: false });
    const { clip } = this;
    this.still.src = `/cm/clip/${clip.id}/still`;
    this.still.hidden = false;
    this.say("Preparing playback");
    this.video.src = `/cm/clip/${clip.id}/proxy`;
    this.measure();
    this.watchProxy(clip);
  }

  async watchProxy(clip) {
    while (this.clip?.id === clip.id && !this.isWhole) {
      const state = await fetch(`/cm/clip/${clip.id}/proxy/state`).then((answer) => answer.json()).catch(() => ({}));
      if (this.clip?.id !== clip.id) return;
      if (state.trouble) {
        this.say("No playback");
        return this.fail(state.trouble);
      }
      if (state.is_done) return this.useWhole(clip);
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
    }
  }

  useWhole(clip) {
    this.isWhole = true;
    const [time, plays] = [this.video.currentTime, this.player.isPlaying];
    this.video.src = `/cm/clip/${clip.id}/proxy?whole=1`;
    this.video.currentTime = time;
    if (plays) this.player.play();
    this.say("");
    this.measure();
  }

  say(words) {
    this.note.textContent = words;
    this.note.hidden = words === "";
  }
}
