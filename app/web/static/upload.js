// Files go to the server by the upload route, with progress; what is too large is not sent at all.

import { state } from "./store.js";

/** Sends a file; `progress(share)`. Resolves to its path there; rejects with { what, do, kind }. `signal`: ends it. */
export function upload(file, progress, signal) {
  const library = state.library;
  if (library && file.size > library.max_upload_bytes) return Promise.reject(tooLarge(file.name, library.max_upload));
  if (file.size === 0) return Promise.reject({ what: `${file.name} holds 0 bytes.`, do: "Copy or download it again.", kind: "empty" });
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const form = new FormData();
    form.append("files", file, file.name);
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onload = () => {
      if (request.status === 200) resolve(JSON.parse(request.responseText)[0]);
      else reject(request.status === 413 ? tooLarge(file.name, library?.max_upload ?? "the limit") : broken(file.name));
    };
    request.onerror = () => reject(broken(file.name));
    request.onabort = () => reject({ what: "Stopped.", do: "", kind: "stopped" });
    signal?.addEventListener("abort", () => request.abort());
    request.open("POST", "/gradio_api/upload");
    request.send(form);
  });
}

function tooLarge(name, limit) {
  return { what: `${name} is larger than ${limit}.`, do: "Cut it, or start crossmodal with a higher --max-upload.", kind: "too_large" };
}

function broken(name) {
  return { what: `${name} did not arrive: the connection to crossmodal broke off.`, do: "See that crossmodal is running, then drop it again.", kind: "lost" };
}

/** Whether a file is music rather than a film, by what the browser or its name says. */
export function isMusic(file) {
  return file.type.startsWith("audio/") || (!file.type && /\.(mp3|flac|wav|ogg|oga|opus|m4a|aac|aif|aiff|wma)$/i.test(file.name));
}
