// `Save video`: the server writes the file and says how long it takes; then the browser takes it.

import { el, say } from "./dom.js";
import { chosenRow, state } from "./store.js";

export class Saving {
  /** `root`: the shell; `player`; `fail(trouble)`: told what went wrong. */
  constructor(root, player, fail) {
    Object.assign(this, { player, fail, running: null });
    this.button = root.querySelector(".cm-save");
    this.words = this.button.querySelector("span");
    this.button.addEventListener("click", () => (this.running ? this.running.abort() : this.save()));
  }

  async save() {
    const row = chosenRow();
    if (row === null || row.play === null) return;
    this.running = new AbortController();
    say(this.words, "Saving …");
    try {
      const [clip, called] = [state.clip.id, `${state.clip.name.replace(/\.[^.]*$/, "")} with ${row.title}.mp4`.replace(/[\\/:*?"<>|]/g, "_")];
      const body = { clip_id: clip, library: state.answer.library, track_id: row.play, start: state.start, own_sound: this.player.ownSound };
      const name = await this.follow(body);
      const link = el("a", { href: `/cm/clip/${clip}/saved/${name}?called=${encodeURIComponent(called)}`, download: called });
      document.body.append(link);
      link.click();
      link.remove();
      say(this.words, "Saved");
      setTimeout(() => this.running === null && say(this.words, "Save video"), 2500);
    } catch (error) {
      say(this.words, "Save video");
      if (error.name !== "AbortError") this.fail({ what: `Could not save: ${error.message}`, do: error.remedy ?? "", kind: "save" });
    } finally {
      this.running = null;
    }
  }

  /** Reads the lines that the server sends, until one names the file. */
  async follow(body) {
    const answer = await fetch("/cm/save", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body), signal: this.running.signal });
    if (!answer.ok || !answer.body) throw new Error((await answer.json().catch(() => ({}))).detail ?? "the connection to crossmodal broke off.");
    let text = "";
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { value, done } = await reader.read();
      const lines = (text += value ?? "").split("\n");
      text = lines.pop();
      for (const line of lines.filter(Boolean).map((one) => JSON.parse(one))) {
        if (line.name) return line.name;
        if (line.trouble) throw Object.assign(new Error(lowered(line.trouble.what)), { remedy: line.trouble.do });
        say(this.words, line.left ? `Saving, ${line.left} s left` : "Saving …");
      }
      if (done) throw new Error("the connection to crossmodal broke off.");
    }
  }
}

/** "The disk is full." within a sentence. */
function lowered(words) {
  return words.startsWith("The ") ? words[0].toLowerCase() + words.slice(1) : words;
}
