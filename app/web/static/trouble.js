// The error strip under the bar, or the same words in the drop zone while there is no clip.

import { el } from "./dom.js";
import { state } from "./store.js";

export class Trouble {
  /** `root`: the shell; `choose()`: what the strip's button does. */
  constructor(root, choose) {
    Object.assign(this, { root, shown: null });
    this.strip = root.querySelector(".cm-strip");
    this.words = this.strip.querySelector("p");
    this.zone = root.querySelector(".cm-drop-trouble");
    this.action = this.strip.querySelector(".cm-strip-action");
    this.action.addEventListener("click", choose);
    this.strip.querySelector(".cm-strip-close").addEventListener("click", () => this.clear());
    new ResizeObserver(() => this.tellHeight()).observe(this.strip);
  }

  /** Shows a trouble { what, do, kind }; `about`: "clip" offers another one. */
  show(trouble, about = "clip") {
    this.shown = trouble;
    const inZone = state.clip === null && about === "clip";
    const kept = about === "clip" && state.clip !== null ? [" ", el("span", { class: "cm-kept", text: "Your last clip is still here." })] : [];
    const words = [el("b", { text: trouble.what }), trouble.do ? ` ${trouble.do}` : "", ...kept];
    this.zone.hidden = !inZone;
    this.strip.hidden = inZone;
    this.action.hidden = about !== "clip";
    (inZone ? this.zone : this.words).replaceChildren(...words);
    this.tellHeight();
  }

  /** Takes away what is shown, or only what is shown of one kind. */
  clear(kind = null) {
    if (kind !== null && this.shown?.kind !== kind) return;
    this.shown = null;
    this.strip.hidden = this.zone.hidden = true;
    this.tellHeight();
  }

  tellHeight() {
    const height = this.strip.hidden ? 0 : this.strip.offsetHeight + 10;
    document.documentElement.style.setProperty("--cm-strip-height", `${height}px`);
  }
}
