"""The clips that people dropped: what is known of each, what was drawn of each, and how long they stay."""

import secrets
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.web.workspace import Workspace
from crossmodal.errors import MediaError, MediaErrorKind, one_line
from crossmodal.media import MediaInfo, guard, pictures, probe, proxy

LIFE = 24 * 3600.0  # seconds
N_CELLS, CELL_PX = 18, 84
SHORT = 10.0  # seconds up to which the whole strip is decoded at once
WORKING = guard.Limits(seconds=60.0, memory_bytes=2 << 30)  # an encoder of large pictures holds many of them


@dataclass(slots=True)
class Clip:
    """One clip. Field `id` cannot be guessed; `type`: under which a browser plays it as it is, None: it does not."""

    id: str
    path: Path
    name: str
    info: MediaInfo
    type: str | None
    folder: Path
    is_upload: bool
    added: float = field(default_factory=time.time)
    lock: threading.Lock = field(default_factory=threading.Lock)
    proxying: threading.Thread | None = None
    proxy_trouble: MediaError | None = None

    @property
    def proxy(self) -> Path:
        """The proxy, once it is whole; while it grows it is `growing`."""
        return self.folder / "proxy.mp4"

    @property
    def growing(self) -> Path:
        return self.folder / "growing.mp4"

    def shown(self) -> dict[str, Any]:
        """What the page is told of it."""
        picture = self.info.video
        assert picture is not None  # `Clips.add` refuses others
        return {
            "id": self.id,
            "name": self.name,
            "duration": self.info.duration,
            "width": picture.width,
            "height": picture.height,
            "rate": picture.rate,
            "has_sound": self.info.audio is not None,
            "type": self.type,
        }


class Clips:
    """All clips of this server.

    Args:
        workspace: where what is drawn of them lies.
        lent: files that may be clips without being uploads: the examples.
    """

    def __init__(self, workspace: Workspace, lent: Callable[[], list[Path]] = list) -> None:
        self._workspace, self._lent = workspace, lent
        self._clips: dict[str, Clip] = {}
        self._lock = threading.Lock()

    def get(self, clip_id: str) -> Clip | None:
        """The clip of that id, or None."""
        return self._clips.get(clip_id)

    def add_upload(self, path: str, name: str) -> Clip:
        """Take a file that was uploaded.

        Raises:
            MediaError: it lies elsewhere, or is no film.
        """
        real = self._workspace.uploaded(path)
        if real is None:
            raise MediaError(one_line(name, 120), "refused", "was not uploaded to this page", "Drop it again.")
        return self.add(real, name, is_upload=True)

    def add_example(self, name: str) -> Clip:
        """Take one of the examples, by its file name.

        Raises:
            MediaError: there is none of that name.
        """
        for path in self._lent():
            if path.name == name:
                return self.add(path, path.name, is_upload=False)
        raise MediaError(one_line(name, 120), "missing", "is no example", "Choose another.")

    def add(self, path: Path, name: str, *, is_upload: bool) -> Clip:
        """Look into a file and keep it.

        Raises:
            MediaError: it is no film; it is named as the person knows it.
        """
        name = one_line(name, 120) or path.name
        try:
            info = guard.run(probe, path)
            if info.video is None:
                kind: MediaErrorKind = "no_video" if info.audio is not None else "not_media"
                raise MediaError(name, kind, "has no picture", "Give a film.")
        except MediaError as error:
            if is_upload:
                path.unlink(missing_ok=True)
            raise MediaError(name, error.kind, error.trouble, error.remedy) from error
        clip_id = secrets.token_urlsafe(18)
        folder = self._workspace.clips / clip_id
        folder.mkdir()
        clip = Clip(clip_id, path, name, info, proxy.playable_type(info), folder, is_upload)
        with self._lock:
            self._clips[clip_id] = clip
        return clip

    def forget(self, clip_ids: list[str]) -> int:
        """Delete clips with all that was made of them; how many there were."""
        with self._lock:
            found = [clip for clip_id in clip_ids if (clip := self._clips.pop(clip_id, None)) is not None]
        for clip in found:
            shutil.rmtree(clip.folder, ignore_errors=True)
            if clip.is_upload:
                clip.path.unlink(missing_ok=True)
        return len(found)

    def forget_old(self, is_needed: Callable[[str], bool], now: float | None = None) -> None:
        """Delete what is older than a day, except clips of searches that run; and uploads that became no clip."""
        limit = (time.time() if now is None else now) - LIFE
        self.forget([clip.id for clip in list(self._clips.values()) if clip.added < limit and not is_needed(clip.id)])
        kept = {clip.path for clip in self._clips.values()}
        for path in self._workspace.uploads.rglob("*"):
            if path.is_file() and path not in kept and path.stat().st_mtime < limit:
                path.unlink(missing_ok=True)


def still(clip: Clip) -> Path:
    """The first frame as a JPEG.

    Raises:
        MediaError: there is none.
    """
    return _made(clip, "still.jpg", lambda out: guard.run(pictures.still, clip.path, out, limits=WORKING))


def strip(clip: Clip, fine: bool) -> Path:
    """Thumbnails as a JPEG: of key frames for long clips at first, of the very instants where `fine`.

    Raises:
        MediaError: nothing can be decoded.
    """
    draw = pictures.strip if fine or clip.info.duration <= SHORT else pictures.strip_of_key_frames
    name = f"{draw.__name__}.jpg"
    return _made(clip, name, lambda out: guard.run(draw, clip.path, out, N_CELLS, CELL_PX, limits=WORKING))


def _made(clip: Clip, name: str, make: Callable[[Path], object]) -> Path:
    out = clip.folder / name
    with clip.lock:
        if not out.exists():
            make(out)
    return out


def start_proxy(clip: Clip) -> None:
    """Begin to make the proxy, unless that was done."""

    def run() -> None:
        try:
            guard.run(proxy.proxy, clip.path, clip.growing, clip.proxy, limits=WORKING)
        except MediaError as error:
            clip.proxy_trouble = error

    with clip.lock:
        if clip.proxying is None:
            clip.proxying = threading.Thread(target=run, daemon=True, name="proxy")
            clip.proxying.start()
