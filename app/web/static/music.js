// The music side: what there is, how more is added, how far that is, and which files made trouble.

import { clock, count, el, icon, say, several, timeLeft } from "./dom.js";
import { refresh } from "./library.js";
import { on, state, tell } from "./store.js";
import { upload } from "./upload.js";

const COUNTS = [
  ["added", "New"],
  ["updated", "Changed"],
  ["duplicates", "Same recording twice"],
  ["skipped", "Left out"],
  ["unreadable", "Not read"],
];

export function start(gradio) {
  new MusicSide(gradio);
}

class MusicSide {
  constructor({ element, props, trigger, watch }) {
    this.root = element.querySelector(".cm-music");
    this.trigger = trigger;
    this.find = (name) => this.root.querySelector(name);
    this.input = this.find(".cm-folder input");
    this.trouble = this.find(".cm-music-trouble");
    watch("value", () => props.value && this.take(props.value));
    this.listen();
    on("library", () => this.show());
    on("music side", () => this.show());
    on("add music", (files) => this.addFiles(files));
    this.show();
  }

  listen() {
    this.find(".cm-folder").addEventListener("submit", (event) => {
      event.preventDefault();
      this.say("");
      this.trigger("bring", { folder: this.input.value, at: Date.now() });
    });
    const files = this.find(".cm-music-file");
    this.find(".cm-choose-music").addEventListener("click", () => files.click());
    files.addEventListener("change", () => {
      this.addFiles([...files.files]);
      files.value = "";
    });
    this.find(".cm-back").addEventListener("click", () => tell("close music"));
  }

  /** What the server said to `bring` or `stop`. */
  take(value) {
    this.say(value.said ? `${value.said.what} ${value.said.do}` : "");
    if (!value.said) this.input.value = "";
    refresh();
  }

  say(words) {
    say(this.trouble, words.trim());
    this.trouble.hidden = words === "";
  }

  /** Sends files one after another, then has them read. */
  async addFiles(files) {
    const sent = [];
    this.say("");
    for (const [k, file] of files.entries()) {
      const title = `Reading ${several(files.length, "file")} in`;
      try {
        sent.push({ path: await upload(file, (share) => this.showSending(title, (k + share) / files.length)), name: file.name });
      } catch (trouble) {
        this.say(`${trouble.what} ${trouble.do}`);
      }
    }
    this.showSending("", null);
    if (sent.length) this.trigger("bring", { files: sent, at: Date.now() });
  }

  showSending(title, part) {
    this.sending = part === null ? null : { title, part };
    this.show();
  }

  show() {
    const { library } = state;
    this.root.classList.toggle("cm-in-list", state.clip !== null);
    this.find(".cm-back").hidden = state.clip === null;
    say(this.find(".cm-back").lastChild, "Back to the tracks");
    if (library === null) return;
    const { present, is_demo: isDemo } = library;
    say(this.find(".cm-count-big"), present === 0 ? "No music yet" : `${count(present)} ${isDemo ? "demo " : ""}track${present === 1 ? "" : "s"}`);
    say(this.find(".cm-count-note"), present === 0 ? "Add a folder or files here." : isDemo ? "Ready to search, so that you can try everything at once." : `${library.ready === present ? "All" : count(library.ready)} ready to search.`);
    this.find(".cm-folder").hidden = !library.is_local;
    say(this.find(".cm-folder-note"), library.is_local ? "Your files stay where they are and are never changed. You can search while they are read." : "Chosen files are copied to the computer that runs crossmodal. You can search while they are read.");
    this.showJob(library);
    this.showReport(library.job);
  }

  showJob({ job, ready }) {
    const box = this.find(".cm-job");
    const { running } = job;
    box.hidden = running === null && !this.sending;
    if (box.hidden) return box.replaceChildren();
    const now = running ?? {};
    const isReading = now.total > 0;
    const title = this.sending ? this.sending.title : isReading ? `${count(now.done)} of ${count(now.total)} files read` : now.phase || "Starting";
    const share = this.sending ? this.sending.part : isReading ? now.done / now.total : 0;
    const line = el("div", { class: "cm-track-line", role: "progressbar", "aria-label": title, "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": Math.round(100 * share) }, el("i"));
    line.firstChild.style.width = `${100 * share}%`;
    const pace = [now.rate ? `${count(Math.round(now.rate * 60))} a minute` : "", now.name ? `now: ${now.name}` : now.subject ?? ""].filter(Boolean).join(" · ");
    const focused = box.contains(document.activeElement);
    box.replaceChildren(
      el("div", { class: "cm-job-head" }, el("b", { text: title }), el("span", { text: isReading ? timeLeft(now.remaining) : "" })),
      line,
      el("p", { text: pace }),
      el("p", { class: "cm-job-ready", text: ready ? `You can search meanwhile. The ${several(ready, "track")} that ${ready === 1 ? "is" : "are"} ready ${ready === 1 ? "is" : "are"} searched.` : "The first tracks can be searched soon." }),
      this.jobEnd(now),
    );
    if (focused) box.querySelector("button")?.focus();
  }

  jobEnd(now) {
    if (this.sending) return el("div", { class: "cm-job-end" });
    if (!now.is_ours) return el("div", { class: "cm-job-end" }, el("span", { text: "Another program does this." }));
    const button = el("button", { type: "button", class: "cm-button", text: now.is_stopping ? "Stopping" : "Stop", disabled: now.is_stopping, onclick: () => this.trigger("stop", { at: Date.now() }) });
    return el("div", { class: "cm-job-end" }, button, el("span", { text: "What is done is kept. Add the folder again to go on." }));
  }

  showReport({ running, last }) {
    const box = this.find(".cm-report");
    box.hidden = running !== null || last === null;
    const key = JSON.stringify(last);
    if (box.hidden || box.dataset.key === key) return;
    box.dataset.key = key;
    if (last.error) return box.replaceChildren(el("p", { class: "cm-music-trouble", role: "alert", text: last.error }));
    const { report } = last;
    const numbers = COUNTS.map(([name, words]) => [size(report[name]), words]);
    const bad = report.unreadable.map(({ path, reason }) => el("li", {}, icon("wrong"), el("b", { text: shortened(path) }), el("p", { text: reason })));
    const head = report.stopped ? "Stopped. What is done is kept." : `Done in ${clock(report.seconds)}.`;
    box.replaceChildren(
      el("p", { text: head, role: "status" }),
      el("div", { class: "cm-counts" }, ...numbers.map(([number, words]) => el("div", {}, el("b", { text: count(number) }), el("span", { text: words })))),
      ...(bad.length ? [el("h3", { text: `${several(bad.length, "file")} with trouble` }), el("ul", {}, ...bad)] : []),
    );
  }
}

/** A number, or how many there are. */
function size(value) {
  if (Array.isArray(value)) return value.length;
  if (value !== null && typeof value === "object") return Object.values(value).reduce((sum, one) => sum + one, 0);
  return value ?? 0;
}

/** The last two parts of a path. */
function shortened(path) {
  return path.split(/[\\/]/).slice(-2).join("/");
}
