"""The first page, small and plain: a clip, one button, the ranked tracks, and the clip with the chosen one under it."""

from pathlib import Path
from typing import Any

import gradio as gr

from app.web import rows
from app.web.workspace import Workspace
from crossmodal.errors import CrossmodalError, MediaError
from crossmodal.matching import Match, Matcher, Matches
from crossmodal.media import guard, mux

HERE = Path(__file__).parent
CSS = (HERE / "page.css").read_text(encoding="utf-8")
SOUNDS = {"Off": "off", "Low": "low", "Full": "full"}
MUXING = guard.Limits(seconds=60.0, memory_bytes=2 << 30)  # an encoder of large pictures holds many of them
HEAD = (
    '<div class="cm-head"><h1>crossmodal</h1><span>Music for your video, from your own library. '
    "Nothing leaves the computer that runs crossmodal.</span></div>"
)
EMPTY = '<div class="cm-empty">The tracks that fit appear here.</div>'


class Page:
    """Builds the Blocks and answers its events; one instance serves every visitor, whose own things are in State."""

    def __init__(self, matcher: Matcher, workspace: Workspace, examples: list[Path]) -> None:
        self.matcher, self.workspace, self.examples = matcher, workspace, examples

    def build(self) -> gr.Blocks:
        """The page."""
        with gr.Blocks(title="crossmodal", analytics_enabled=False, delete_cache=(3600, 86400)) as blocks:
            gr.HTML(HEAD)
            with gr.Row(equal_height=False):
                with gr.Column(scale=5, min_width=340):
                    clip = gr.Video(label="Drop a video clip here", sources=["upload"], elem_id="clip", height=320)
                    go = gr.Button("Find music", variant="primary", elem_id="go")
                    status = gr.HTML(elem_id="status")
                    preview = gr.HTML(elem_id="preview")
                    sound = gr.Radio(list(SOUNDS), value="Off", label="Clip sound", elem_id="sound", visible=False)
                    if self.examples:
                        gr.Examples([[str(path)] for path in self.examples], clip, label="Or try one of these")
                with gr.Column(scale=4, min_width=340):
                    player = gr.HTML(elem_id="player")
                    listing = gr.HTML(
                        EMPTY, elem_id="tracks", js_on_load=(HERE / "rows.js").read_text(encoding="utf-8")
                    )
            found: gr.State = gr.State(None)
            chosen: gr.State = gr.State(0)
            shown = [status, listing, player, preview, sound]
            go.click(self.find, clip, [found, chosen, *shown], api_name="match", concurrency_limit=2)
            listing.click(
                self.choose, [clip, found, sound], [chosen, *shown], api_visibility="private", concurrency_limit=2
            )
            sound.change(
                self.restage,
                [clip, found, chosen, sound],
                [status, preview],
                api_visibility="private",
                concurrency_limit=2,
            )
        return blocks

    def find(self, clip: str | None, progress: gr.Progress = gr.Progress()) -> tuple[Any, ...]:  # noqa: B008
        """Match the clip and stage the best track under it."""
        nothing = (None, 0, "", EMPTY, "", "", gr.update(visible=False))
        if not clip:
            return (*nothing[:2], rows.trouble("No clip yet. Drop a video above, or pick an example."), *nothing[3:])
        try:
            progress(0.1, desc="Looking at the pictures")
            matches = self.matcher.match_media(clip, k=10)
        except CrossmodalError as error:
            return (*nothing[:2], rows.trouble(error), *nothing[3:])
        progress(0.8, desc="Putting the music under the picture")
        return (matches, 0, *self.stage(clip, matches, 0, "Off"))

    def choose(self, clip: str, matches: Matches | None, sound: str, event: gr.EventData) -> tuple[Any, ...]:
        """Stage the track of the row that was clicked."""
        rank = int(event._data.get("rank", 0)) if isinstance(event._data, dict) else 0
        if matches is None or not 0 <= rank < len(matches.matches):
            return (0, rows.trouble("Search first, then choose a track."), EMPTY, "", "", gr.update(visible=False))
        return (rank, *self.stage(clip, matches, rank, sound))

    def restage(self, clip: str, matches: Matches | None, rank: int, sound: str) -> tuple[str, str]:
        """The preview again, with the clip's own sound at another level."""
        if matches is None:
            return "", ""
        status, _, _, preview, _ = self.stage(clip, matches, rank, sound)
        return status, preview

    def stage(self, clip: str, matches: Matches, rank: int, sound: str) -> tuple[Any, ...]:
        """Status, list, player, preview and sound choice with the track of `rank` chosen."""
        match = matches.matches[rank]
        status = rows.notice(" ".join(f"{line[:1].upper()}{line[1:].rstrip('.')}." for line in matches.query.warnings))
        try:
            preview = rows.preview(self.make_preview(clip, match, sound), self.note(match))
        except MediaError as error:
            status, preview = rows.trouble(error), ""
        listing = rows.match_list(matches, rank)
        return status, listing, rows.player(match), preview, gr.update(visible=True)

    def make_preview(self, clip: str, match: Match, sound: str) -> str:
        """Mux the clip with the track from its start; the name that the preview route serves it by."""
        self.workspace.forget_previews()
        out = self.workspace.new_preview()
        track = match.track
        gain = mux.gain_db(track.loudness_lufs, track.peak_dbfs)
        guard.run(
            mux.preview, clip, track.path, out, limits=MUXING, start=match.start, own_sound=SOUNDS[sound], gain=gain
        )
        return out.name

    @staticmethod
    def note(match: Match) -> str:
        short = "The track is shorter than the clip: it starts again with a crossfade. " if match.is_short else ""
        return f"{short}With {rows.title(match)} from {rows.clock(match.start)}."
