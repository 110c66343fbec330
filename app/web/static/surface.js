// The surface: puts the parts together, asks the server through Gradio's queue, and keeps what a reload needs.

import { clock, clockTenths, count, el, icon, say } from "./dom.js";
import { Clips } from "./clips.js";
import * as drop from "./drop.js";
import { Keys } from "./keys.js";
import { refresh } from "./library.js";
import { List } from "./list.js";
import { Picture } from "./picture.js";
import { Player } from "./player.js";
import { Saving } from "./saving.js";
import { chosenRow, keep, kept, on, state, tell } from "./store.js";
import { Timeline } from "./timeline.js";
import { Tracks } from "./tracks.js";
import { Trouble } from "./trouble.js";
import { Working } from "./working.js";

export function start(gradio) {
  new Surface(gradio);
}

class Surface {
  constructor({ element, props, trigger, watch }) {
    this.root = element.querySelector(".cm-app");
    this.trigger = trigger;
    this.find = (name) => this.root.querySelector(name);
    this.clips = new Clips(this);
    this.tracks = new Tracks(this);
    this.player = new Player(this.find(".cm-stage video"), (what) => this.heard(what));
    this.picture = new Picture(this.root, this.player, (trouble) => this.trouble.show(trouble, "playback"));
    this.trouble = new Trouble(this.root, () => this.chooseFile());
    this.list = new List(this.root, (k, isButton) => this.tracks.press(k, isButton));
    this.timeline = new Timeline(this.root, this.player, (second, rests) => this.tracks.moveStart(second, rests));
    this.working = new Working(this.root, () => this.cancel(), () => this.clips.search({ clip: state.clip.id }));
    this.saving = new Saving(this.root, this.player, (trouble) => this.trouble.show(trouble, "save"));
    this.keys = new Keys(this.root, this.tracks.keyTable(), () => this.clips.forgetClips());
    watch("value", () => props.value && this.take(props.value));
    this.listen();
    window.crossmodal = { player: this.player, state }; // for tests and benchmarks
    refresh();
    this.clips.restore();
  }

  listen() {
    this.find(".cm-choose").addEventListener("click", () => this.chooseFile());
    this.find(".cm-change").addEventListener("click", () => this.chooseFile());
    this.find(".cm-tracks").addEventListener("click", () => this.openMusic(!document.body.classList.contains("cm-music-open")));
    this.find(".cm-play").addEventListener("click", () => this.toggle());
    this.find(".cm-drop .cm-forget").addEventListener("click", () => this.clips.forgetClips());
    const file = this.find(".cm-file");
    file.addEventListener("change", () => {
      if (file.files.length) this.clips.dropped(file.files[0]);
      file.value = "";
    });
    this.root.querySelectorAll(".cm-sound input").forEach((input) => input.addEventListener("change", () => this.pickSound(input.value)));
    drop.listen((dropped) => this.clips.dropped(dropped), (files) => this.addMusic(files));
    on("library", (before) => this.showLibrary(before));
    on("lost", () => this.trouble.show({ what: "Connection to crossmodal lost.", do: "Start it again; this page reconnects.", kind: "lost" }, "connection"));
    on("found again", () => this.reconnect());
    on("close music", () => this.openMusic(false));
  }

  // What comes from the server

  take(message) {
    const id = message.clip?.id ?? null;
    const isShown = id === (state.clip?.id ?? null);
    const isBefore = id !== null && id === this.clips.before?.clip?.id;
    const isOver = message.turn !== this.clips.turn; // stopped, or asked again since: what was under way may still arrive
    if (isOver || isBefore || (message.state === "stopped" && !isShown)) return;
    if (id !== null && !isShown && this.clips.awaits === null) return;
    if (message.clip && !isShown) this.clips.accept(message.clip);
    ({ working: () => this.showWorking(message), results: () => this.showResults(message.answer), stopped: () => this.showStopped(),
      trouble: () => this.showTrouble(message.trouble), gone: () => this.showGone(message.trouble) })[message.state]?.();
  }

  showWorking(moment) {
    if (state.mode !== "working") this.setMode("working");
    this.working.show(moment);
  }

  showResults(answer) {
    const known = this.player.duration || state.clip.duration;
    answer.part = answer.duration < known - Math.max(0.5, 0.02 * known) ? answer.duration : null;
    state.answer = answer;
    this.trouble.clear("empty");
    this.setMode("results");
    this.list.fill(answer);
    this.showFacts();
    const last = kept();
    const k = last.clip === state.clip.id && answer.rows[last.row?.k]?.id === last.row?.id ? last.row?.k ?? 0 : 0;
    if (answer.rows.length) this.tracks.choose(k, last.row?.k === k && last.clip === state.clip.id ? last.row?.start : undefined);
    this.announce(answer);
    if (state.clip.duration > 10 && state.clip.duration < 240) this.timeline.showStrip(`/cm/clip/${state.clip.id}/strip?fine=1`);
  }

  announce(answer) {
    const best = answer.rows[0];
    const words = best ? `${answer.rows.length} tracks found. Best: ${best.title}${best.word ? `, ${best.word} fit` : ""}.` : "No track found.";
    say(this.root.querySelector(":scope > .cm-said-once"), words);
  }

  showStopped() {
    this.setMode("stopped");
    this.working.stopped();
  }

  showTrouble(trouble) {
    const isNew = this.clips.awaits !== null;
    this.clips.awaits = null;
    if (isNew) this.clips.goBack();
    this.trouble.show(trouble, trouble.kind === "empty" || trouble.kind === "other_model" ? "library" : "clip");
    if (isNew || state.clip === null) return;
    this.setMode("stopped");
    this.working.nothing(trouble);
    if (trouble.kind === "empty") this.openMusic(true);
  }

  showGone(trouble) {
    const hadPicture = state.clip !== null;
    this.clips.awaits = null;
    keep({ clip: null, row: null });
    if (hadPicture && this.picture.local === null) this.clips.toStart();
    this.trouble.show(trouble, "clip");
  }

  // Clips

  chooseFile() {
    this.find(".cm-file").click();
  }

  cancel() {
    this.clips.turn += 1;
    this.trigger("halt", { clip: state.clip?.id });
    this.showStopped();
  }

  reconnect() {
    this.trouble.clear("lost");
    if (state.clip?.id && state.mode !== "stopped") this.clips.search({ clip: state.clip.id, resume: true });
  }

  // Playing

  toggle() {
    if (state.clip === null) return;
    if (this.player.isPlaying) this.player.pause();
    else this.player.play();
  }

  pickSound(level) {
    this.ownPicked = level;
    this.setSound(level);
  }

  setSound(level) {
    this.player.setOwnSound(level);
    this.find(`.cm-sound input[value=${level}]`).checked = true;
  }

  heard(what) {
    if (what === "time") return this.showTime();
    if (what === "trouble") return this.tracks.missed(state.chosen, this.player.voice?.trouble);
    if (what === "duration") {
      this.timeline.drawAll();
      return this.showTime(true);
    }
    const sign = this.player.isPlaying ? "pause" : "play";
    this.find(".cm-play").replaceChildren(icon(sign));
    this.find(".cm-play").setAttribute("aria-label", sign === "pause" ? "Pause" : "Play");
    this.list.mark(state.chosen, this.player.isPlaying);
  }

  showTime(always = false) {
    if (state.clip === null) return;
    const text = clockTenths(this.player.time);
    if (text !== this.timeText || always) {
      this.timeText = text;
      this.find(".cm-time b").textContent = text;
      say(this.find(".cm-time span"), `/ ${clock(this.player.duration)}`);
    }
    this.timeline.moveHead();
  }

  showNow() {
    const row = chosenRow();
    say(this.find(".cm-now-title"), row?.title ?? "");
    say(this.find(".cm-now-artist"), row === null ? "Clip alone, no music chosen" : row.artist);
    say(this.find(".cm-now-from"), row === null ? "" : `from ${clock(state.start)} of the track`);
    this.find(".cm-save").hidden = row === null;
    this.setSound(this.ownPicked ?? (row === null ? "full" : "off"));
    this.heard("playing");
  }

  // What is shown where

  setMode(mode) {
    state.mode = mode;
    if (mode !== "results") Object.assign(state, { chosen: -1, answer: null });
    if (mode !== "results") this.player.choose(null);
    this.show();
    this.showNow();
    this.timeline.drawAll();
  }

  show() {
    const { mode } = state;
    const has = state.clip !== null;
    this.root.dataset.state = mode;
    this.find(".cm-start").hidden = has;
    this.find(".cm-work").hidden = this.find(".cm-clip").hidden = !has;
    this.find(".cm-working").hidden = !(has && (mode === "working" || mode === "stopped"));
    this.find(".cm-found").hidden = mode !== "results";
    document.body.classList.toggle("cm-has-clip", has);
    this.openMusic(document.body.classList.contains("cm-music-open") && has);
  }

  openMusic(isOpen) {
    document.body.classList.toggle("cm-music-open", isOpen);
    document.body.classList.toggle("cm-show-music", isOpen || state.clip === null);
    this.find(".cm-tracks").setAttribute("aria-expanded", String(isOpen));
    tell("music side", isOpen);
  }

  addMusic(files) {
    if (state.clip !== null) this.openMusic(true);
    tell("add music", files);
  }

  showFacts() {
    const { clip, answer } = state;
    const rate = clip.rate ? ` · ${Number(clip.rate.toFixed(2))} fps` : "";
    say(this.find(".cm-clip-facts"), `${clock(this.player.duration || clip.duration)} · ${clip.width} × ${clip.height}${rate}`);
    const chip = this.find(".cm-chip");
    chip.hidden = !answer?.part;
    say(chip, answer?.part ? `Only the first ${clock(answer.part)} could be read` : "");
  }

  showLibrary(before = null) {
    const { library } = state;
    if (library === null) return;
    const number = library.job.running ? library.ready : library.present;
    this.find(".cm-tracks span").replaceChildren(count(number), el("span", { class: "cm-word", text: library.is_demo ? " demo tracks" : number === 1 ? " track" : " tracks" }));
    const home = library.is_local ? "Nothing leaves this computer" : "Everything stays on the computer that runs crossmodal";
    this.find(".cm-private").hidden = state.clip === null;
    say(this.find(".cm-private span"), home);
    this.find(".cm-drop-private").replaceChildren(el("b", { text: `${home}. ` }), library.is_local ? "No account, no upload, works without internet." : "No account, works without internet.");
    say(this.find(".cm-foot"), home);
    this.find(".cm-foot").hidden = state.clip === null;
    this.find(".cm-drop .cm-forget").hidden = !(kept().mine ?? []).length;
    this.showExamples(library.examples);
    if (state.answer && before && (before.ready !== library.ready || Boolean(before.job.running) !== Boolean(library.job.running))) this.offerAgain();
  }

  /** The library grew since the search. */
  offerAgain() {
    const head = this.find(".cm-list-head");
    if (head.querySelector("button") || state.library.ready === state.answer.ready) return;
    const button = el("button", { type: "button", class: "cm-button", text: "Search again" });
    button.addEventListener("click", () => {
      button.remove();
      this.clips.search({ clip: state.clip.id });
    });
    head.append(button);
  }

  showExamples(examples) {
    const box = this.find(".cm-examples");
    box.hidden = examples.length === 0;
    const list = box.querySelector("ul");
    if (list.childElementCount === examples.length) return;
    list.replaceChildren(...examples.map(({ file, title }) => {
      const picture = el("img", { src: `/cm/example/${encodeURIComponent(file)}/still`, alt: "", loading: "lazy" });
      const button = el("button", { type: "button" }, picture, el("span", { text: title }));
      button.addEventListener("click", () => {
        this.clips.awaits = { local: null };
        this.trouble.clear();
        this.clips.search({ example: file, name: title });
      });
      return el("li", {}, button);
    }));
  }

}
