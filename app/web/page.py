"""The page's Blocks: two surfaces of our own, the events behind them, and the named endpoints for programs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from app.web.access import is_local
from app.web.api import Endpoints
from app.web.clips import Clip
from app.web.desk import Desk
from app.web.words import said, trouble
from crossmodal.errors import CrossmodalError, MediaError

HERE = Path(__file__).parent
GONE = said(
    "Your last clip is no longer kept: it was deleted, or crossmodal was started anew.", "Drop it again.", "gone"
)
AT_ONCE = 4  # searches that are followed; of those, two decode at a time


def _component(name: str) -> gr.HTML:
    """A component whose mark-up and script are the files of its name."""
    mark_up, script = ((HERE / f"{name}.{kind}").read_text(encoding="utf-8") for kind in ("html", "js"))
    return gr.HTML(
        html_template=mark_up, js_on_load=script, elem_id=f"cm-{name}", apply_default_css=False, padding=False
    )


class Page:
    """Builds the Blocks and answers its events; one instance serves every visitor."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def build(self) -> gr.Blocks:
        """The page."""
        with gr.Blocks(title="crossmodal", analytics_enabled=False, delete_cache=(3600, 86400)) as blocks:
            surface, music = _component("surface"), _component("music")
            hidden: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
            search = surface.search(
                self.search, None, surface, concurrency_limit=AT_ONCE, trigger_mode="multiple", **hidden
            )
            surface.halt(self.halt, None, None, cancels=[search], queue=False, **hidden)
            music.bring(self.bring, None, music, **hidden)
            music.stop(self.stop, None, music, **hidden)
            Endpoints(self.desk).register()
        return blocks

    def search(self, event: gr.EventData) -> Iterator[dict[str, Any]]:
        """Search for the clip that the event names; each moment bears the event's `turn`, so that the page knows it."""
        asked = event._data if isinstance(event._data, dict) else {}
        for moment in self._moments(asked):
            yield {**moment, "turn": asked.get("turn")}

    def _moments(self, asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The search for a new upload, an example, or a clip that is kept."""
        try:
            clip = self._clip(asked)
        except CrossmodalError as error:
            yield {"state": "trouble", "trouble": trouble(error, str(asked.get("name") or "") or None)}
            return
        if asked.get("instead"):
            self.desk.searches.cancel(str(asked["instead"]))
        if clip is None:
            yield {"state": "gone", "trouble": GONE}
            return
        resumes = bool(asked.get("resume"))
        steps = self.desk.searches.resume(clip) if resumes else self.desk.searches.follow(clip)
        yield from steps

    def _clip(self, asked: dict[str, Any]) -> Clip | None:
        if asked.get("path"):
            return self.desk.clips.add_upload(str(asked["path"]), str(asked.get("name") or "clip"))
        if asked.get("example"):
            return self.desk.clips.add_example(str(asked["example"]))
        return self.desk.clips.get(str(asked.get("clip")))

    def halt(self, event: gr.EventData) -> None:
        """End the search for a clip; the page has shown that already."""
        asked = event._data if isinstance(event._data, dict) else {}
        self.desk.searches.cancel(str(asked.get("clip")))

    def bring(self, event: gr.EventData, request: gr.Request) -> dict[str, Any]:
        """Begin to read a folder, or files that were uploaded."""
        asked = event._data if isinstance(event._data, dict) else {}
        try:
            if asked.get("folder") is not None:
                host = None if request.client is None else request.client.host
                self.desk.add_folder(str(asked["folder"]), is_local(host, dict(request.headers)))
            else:
                files = [(str(file.get("path")), str(file.get("name"))) for file in asked.get("files", [])]
                self.desk.add_files(files)
        except (CrossmodalError, OSError) as error:
            name = error.file if isinstance(error, MediaError) else None
            return {"said": trouble(error, name), "at": asked.get("at")}
        return {"said": None, "at": asked.get("at")}

    def stop(self, event: gr.EventData) -> dict[str, Any]:
        """End the job that adds music; what is done is kept."""
        self.desk.indexer.stop()
        asked = event._data if isinstance(event._data, dict) else {}
        return {"said": None, "at": asked.get("at")}
