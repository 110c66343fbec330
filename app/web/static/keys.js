// Single keys, silent in text fields; arrows belong to a focused slider or choice. The help that names them.

import { el } from "./dom.js";
import { keep, kept } from "./store.js";

const SHORTCUTS = [
  ["Space", "Play, pause"],
  ["↑ ↓", "Other track, the picture runs on"],
  ["Enter", "Play the focused track"],
  ["← →", "Start of the music 0.1 s earlier, later (also with Shift)"],
  ["[ ]", "Other starts"],
  ["0", "From the beginning of the track"],
  ["J K L", "Back, pause, play"],
  ["Home End", "First, last picture"],
  ["M", "Music off, on"],
  ["?", "This list"],
  ["Esc", "Close"],
];

export class Keys {
  /** `root`: the shell; `does`: key -> function, see `surface.js`. */
  constructor(root, does, forget) {
    Object.assign(this, { does, isOn: kept().keys !== false });
    this.help = root.querySelector(".cm-help");
    this.fill(forget);
    root.querySelector(".cm-keys").addEventListener("click", () => this.open());
    document.addEventListener("keydown", (event) => this.press(event));
  }

  fill(forget) {
    const rows = SHORTCUTS.flatMap(([keys, words]) => [el("dt", {}, ...keys.split(" ").flatMap((key) => [el("kbd", { text: key }), " "])), el("dd", { text: words })]);
    const box = el("input", { type: "checkbox", checked: this.isOn, onchange: () => keep({ keys: (this.isOn = box.checked) }) });
    this.help.append(
      el("h2", { id: "cm-help-title", text: "Shortcuts" }),
      el("dl", {}, ...rows),
      el("label", {}, box, "Single keys do something"),
      el("div", { class: "cm-help-end" },
        el("button", { type: "button", class: "cm-button cm-tall cm-bare cm-forget", text: "Delete my clips", onclick: forget }),
        el("button", { type: "button", class: "cm-button cm-tall", text: "Close", onclick: () => this.help.close() })),
    );
    this.help.addEventListener("click", (event) => event.target === this.help && this.help.close());
  }

  open() {
    if (!this.help.open) this.help.showModal();
  }

  press(event) {
    const at = event.target instanceof Element ? event.target : document.body;
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || this.help.open) return;
    if (at.matches("input:not([type=radio],[type=checkbox]), textarea, select, [contenteditable]")) return;
    const isArrow = event.key.startsWith("Arrow") || event.key === "Home" || event.key === "End";
    if (isArrow && at.matches("[role=slider], input[type=radio]")) return;
    if ((event.key === " " || event.key === "Enter") && at.closest("button, a, label, summary") && !at.closest(".cm-row")) return;
    const does = this.does[event.key] ?? this.does[event.key.toLowerCase()];
    if (does === undefined || (!this.isOn && event.key.length === 1 && event.key !== " ")) return;
    if (does(event) !== false) event.preventDefault();
  }
}
