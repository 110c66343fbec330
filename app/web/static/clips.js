// Clips: dropped, shown at once, sent, accepted or refused; the last one comes back.

import { say } from "./dom.js";
import { keep, kept, state } from "./store.js";
import { isMusic, upload } from "./upload.js";

const KEPT_CLIPS = 50;

export class Clips {
  /** `surface`: the parts; see `surface.js`. */
  constructor(surface) {
    this.surface = surface;
    this.awaits = null; // a clip that the server has not accepted yet: { local }
    this.before = null; // what was on screen before it
    this.turn = 0; // of the search that is listened to
  }

  /** The server took the clip that was dropped, or knows the one that was kept. */
  accept(clip) {
    const { local } = this.awaits ?? {};
    this.awaits = this.before = null;
    this.surface.trouble.clear();
    this.setClip(clip, local ?? null);
    keep({ clip: clip.id, row: kept().clip === clip.id ? kept().row : null, mine: [...new Set([...(kept().mine ?? []), clip.id])].slice(-KEPT_CLIPS) });
    this.surface.timeline.showStrip(`/cm/clip/${clip.id}/strip`);
  }

  setClip(clip, local) {
    const isSame = state.clip?.id === null && state.clip.name === clip.name;
    state.clip = clip;
    this.surface.picture.show(clip, local);
    if (!isSame) {
      Object.assign(state, { answer: null, chosen: -1, start: 0 });
      this.surface.timeline.clear();
    }
    say(this.surface.find(".cm-clip-name"), clip.name);
    this.surface.find(".cm-clip-name").title = clip.name;
    this.surface.showFacts();
    this.surface.show();
  }

  async dropped(file) {
    if (isMusic(file)) return this.surface.trouble.show({ what: `${file.name} has sound but no picture.`, do: "Drop it on the music side.", kind: "no_video" });
    this.surface.trouble.clear();
    const local = URL.createObjectURL(file);
    const sending = new AbortController();
    this.awaits = { local, name: file.name };
    this.tryAtOnce(file, local);
    this.showSending(file.name, 0, sending);
    const sent = await upload(file, (share) => this.showSending(file.name, share, sending), sending.signal).catch((trouble) => ({ trouble }));
    this.showSending("", null);
    if (this.awaits?.local !== local) return; // another clip was dropped meanwhile
    if (!sent.trouble) return this.search({ path: sent, name: file.name });
    this.awaits = null;
    this.goBack();
    if (sent.trouble.kind !== "stopped") this.surface.trouble.show(sent.trouble);
  }

  /** Shows the person's own file before the server has it, where the browser can play it. */
  tryAtOnce(file, local) {
    const trial = document.createElement("video");
    trial.muted = true;
    trial.preload = "auto";
    trial.onloadeddata = () => {
      if (this.awaits?.local !== local || !trial.videoWidth) return;
      this.before = { clip: state.clip, answer: state.answer, chosen: state.chosen, start: state.start, mode: state.mode, local: this.surface.picture.local };
      this.surface.picture.local = null; // the one before may be needed again
      this.setClip({ id: null, name: file.name, duration: trial.duration, width: trial.videoWidth, height: trial.videoHeight, rate: null, type: file.type }, local);
      this.surface.setMode("working");
      this.surface.working.begin();
    };
    trial.src = local;
  }

  /** The clip that was there before one that could not be used. */
  goBack() {
    const { before } = this;
    this.before = null;
    if (before === null) return;
    if (before.clip === null) return this.toStart();
    this.setClip(before.clip, before.local);
    Object.assign(state, { answer: before.answer, start: before.start });
    this.surface.timeline.showStrip(`/cm/clip/${before.clip.id}/strip`);
    this.surface.setMode(before.mode === "working" ? "stopped" : before.mode);
    if (before.answer === null) return this.surface.working.stopped();
    this.surface.list.fill(before.answer);
    this.surface.tracks.choose(before.chosen, before.start);
  }

  showSending(name, share, sending = null) {
    const box = this.surface.find(".cm-upload");
    const note = share === null || share >= 1 ? "" : `Reading ${name} in, ${Math.round(100 * share)} %`;
    box.hidden = note === "" || state.mode !== "start";
    say(box.querySelector("span"), note);
    box.querySelector("progress").value = share ?? 0;
    if (sending) box.querySelector("button").onclick = () => sending.abort();
    if (!this.surface.picture.isProxy) this.surface.picture.say(state.mode === "start" ? "" : note);
  }

  search(asked) {
    const old = asked.clip ? null : (this.before?.clip ?? state.clip)?.id;
    const isOnScreen = asked.clip ? !asked.resume : state.clip?.id === null; // else the one before stays until then
    if (isOnScreen) {
      this.surface.setMode("working");
      this.surface.working.begin();
    }
    this.turn += 1;
    this.surface.trigger("search", { ...asked, instead: old ?? null, turn: this.turn });
  }

  toStart() {
    this.surface.picture.clear();
    Object.assign(state, { clip: null, answer: null, chosen: -1 });
    this.surface.setMode("start");
  }

  async forgetClips() {
    const ids = kept().mine ?? [];
    await fetch("/cm/forget", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ ids }) }).catch(() => {});
    keep({ clip: null, row: null, mine: [] });
    this.surface.find(".cm-help").close();
    this.surface.trouble.clear();
    this.toStart();
    this.surface.showLibrary();
  }

  restore() {
    const { clip } = kept();
    this.awaits = null;
    if (clip) {
      this.awaits = { local: null };
      this.search({ clip, resume: true });
    }
    this.surface.setMode("start");
  }
}
