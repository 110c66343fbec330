// Files dragged over the page: the left takes a clip, the right takes music.

import { isMusic } from "./upload.js";

/** `clip(file)` and `music(files)` are told what was let go over their side. */
export function listen(clip, music) {
  let depth = 0;
  const mark = (event) => {
    const isRight = event !== null && onRight(event);
    document.body.classList.toggle("cm-over", event !== null && !isRight);
    document.body.classList.toggle("cm-music-dragged", isRight);
    document.querySelector(".cm-music")?.classList.toggle("cm-music-over", isRight);
  };
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  window.addEventListener("dragenter", (event) => hasFiles(event) && (depth += 1));
  window.addEventListener("dragleave", () => {
    depth = Math.max(0, depth - 1);
    if (depth === 0) mark(null);
  });
  window.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    mark(event);
  });
  window.addEventListener("drop", (event) => {
    depth = 0;
    mark(null);
    const files = [...(event.dataTransfer?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    if (onRight(event)) music(files);
    else clip(files.find((file) => !isMusic(file)) ?? files[0]);
  });
}

function onRight(event) {
  return event.target instanceof Element && event.target.closest(".cm-right, .cm-music") !== null;
}
