"""The named endpoints, for `gradio_client` and anything else that speaks to the page: match, index, score, tracks."""

import os
from pathlib import Path
from typing import Any

import gradio as gr

from app.web import answers
from app.web.access import is_local
from app.web.desk import Desk
from app.web.searches import tracks_of
from crossmodal.errors import ConfigError, CrossmodalError
from crossmodal.manifest import read_table
from crossmodal.scoring import COLUMNS, score_pairs

MAX_RESULTS, MAX_TRACKS = 100, 1000


class Endpoints:
    """What programs may ask; every trouble comes back as one line."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def register(self) -> None:
        """Name the endpoints; called while Blocks are built."""
        gr.api(self.match, api_name="match", concurrency_limit=2)
        gr.api(self.index, api_name="index")
        gr.api(self.score, api_name="score", concurrency_limit=1)
        gr.api(self.tracks, api_name="tracks", concurrency_limit=4)

    def match(self, clip: gr.FileData, k: int = 10, request: gr.Request = None) -> dict[str, Any]:  # type: ignore[assignment]
        """The tracks that fit a clip: the object that `crossmodal match --json` prints.

        Args:
            clip: a file, as `handle_file` gives it, or the path of one.
            k: how many.
        """
        path = self._file(clip, request)
        with _told():
            found = self.desk.library.matcher().match_media(path, k=max(1, min(int(k), MAX_RESULTS)))
        return answers.for_programs(found, path.name)

    def index(self, folder: str, request: gr.Request = None) -> dict[str, Any]:  # type: ignore[assignment]
        """Begin to read a folder into the library, and say how it stands; `tracks` says how it goes on."""
        with _told():
            self.desk.add_folder(folder, _is_local(request))
        return dict(answers.with_file_for_path(self.desk.state()["job"]))

    def score(self, table: gr.FileData, request: gr.Request = None) -> list[dict[str, Any]]:  # type: ignore[assignment]
        """Score the pairs of a table; the files it names must be ones that the client may name."""
        path, local = self._file(table, request), _is_local(request)
        with _told():
            found = read_table(path)
            for row in found.rows:
                for named in (row.video, row.audio):
                    if named is not None:
                        self.desk.folders.check(os.fspath(named), local)
            matcher = self.desk.library.matcher()
            scored = iter(score_pairs(found.rows, matcher.model, None, store=matcher.store))
            return [self._scored(record, scored) for record in found.records]

    def tracks(self, first: int = 0, limit: int = 100) -> dict[str, Any]:
        """What is in the library: counts, the job that fills it, and tracks from number `first` on."""
        with _told():
            catalogue = self.desk.library.matcher().catalogue
            found = tracks_of(catalogue, max(0, int(first)), max(0, min(int(limit), MAX_TRACKS)))
        state = answers.with_file_for_path(self.desk.state())
        return {name: state[name] for name in ("ready", "present", "is_demo", "job")} | {"tracks": found}

    def _scored(self, record: Any, scored: Any) -> dict[str, Any]:
        if record.row is None:
            return dict.fromkeys(COLUMNS) | {"status": "error", "reason": record.trouble}
        return dict(next(scored).cells())

    def _file(self, given: Any, request: gr.Request | None) -> Path:
        """The file that was uploaded, or that a client may name."""
        named = given.get("path") if isinstance(given, dict) else getattr(given, "path", given)
        uploaded = self.desk.workspace.uploaded(str(named))
        if uploaded is not None:
            return uploaded
        with _told():
            path = self.desk.folders.check(str(named), _is_local(request))
            if not path.is_file():
                raise ConfigError(f"{path.name} is a folder, not a file. Name a file.")
        return path


def _is_local(request: gr.Request | None) -> bool:
    if request is None or request.client is None:
        return False
    return is_local(request.client.host, dict(request.headers))


class _told:  # noqa: N801 (reads as a word: `with _told():`)
    """Our errors become the client's, as one line."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, CrossmodalError):
            raise gr.Error(str(error), print_exception=False) from error
