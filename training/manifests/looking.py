"""A look at the files of a manifest: each is read once, in a guarded child, several at a time.

The module is imported by those children, so it loads neither torch nor pydantic.
"""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from crossmodal.cores import n_cores
from crossmodal.errors import MediaError
from crossmodal.media import content_hash, guard, open_audio, open_video
from crossmodal.media.opening import choose_stream, clock_zero, keep_only, open_container, packets
from crossmodal.media.sources import open_source

Side = Literal["video", "audio"]
Progress = Callable[[int, int], None]

RATE = 24_000  # what the curves listen at
SILENCE = 10 ** (-90 / 20)  # the floor of the curves


@dataclass(frozen=True, slots=True)
class Look:
    """What one side of a file is.

    Args:
        content_hash: of the coded stream, whatever its tags and name.
        duration: seconds; of sound as decoded, of pictures as their packets say.
        silent: no sample above -90 dB; False for pictures.
        warnings: what is wrong with the file but can be lived with.
    """

    content_hash: str
    duration: float
    silent: bool
    warnings: tuple[str, ...]


class Looks:
    """What was found, by file and side; a file under several spellings was read once."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, Side], Look | MediaError] = {}

    def of(self, path: Path, side: Side) -> Look:
        """The look at one side of a file that was asked for.

        Raises:
            MediaError: it cannot be used.
        """
        found = self._found[_key(path, side)]
        if isinstance(found, MediaError):
            raise found
        return found

    def take(self, path: Path, side: Side, found: Look | MediaError) -> None:
        """Keep what was found."""
        self._found[_key(path, side)] = found


def look_at(
    files: Iterable[tuple[Path, Side]], *, workers: int | None = None, progress: Progress | None = None
) -> Looks:
    """Read files: all of the sound, of pictures the packets and one frame.

    Args:
        files: (path, side), in any order, several times if need be.
        workers: files read at once; None: one a core.
        progress: told (done, total).
    """
    wanted = {_key(path, side): (path, side) for path, side in files}
    looks = Looks()
    pool = ThreadPoolExecutor(workers or n_cores(), thread_name_prefix="look")
    try:
        waiting = {pool.submit(_look, *file): file for file in wanted.values()}
        for done, future in enumerate(as_completed(waiting), 1):
            looks.take(*waiting[future], future.result())
            if progress is not None:
                progress(done, len(waiting))
    finally:
        pool.shutdown(cancel_futures=True)
    return looks


def _key(path: Path, side: Side) -> tuple[str, Side]:
    return os.path.realpath(path), side


def _look(path: Path, side: Side) -> Look | MediaError:
    try:
        return Look(*guard.run(measure, path, side))
    except MediaError as error:
        return error


def measure(path: Path, side: Side) -> tuple[str, float, bool, tuple[str, ...]]:
    """The fields of `Look`, read in this process.

    Raises:
        MediaError: the file cannot be used.
    """
    if side == "audio":
        duration, silent, warnings = _heard(path)
    else:
        duration, silent, warnings = _film_length(path), False, _first_picture(path)
    return content_hash(path, side), duration, silent, warnings


def _heard(path: Path) -> tuple[float, bool, tuple[str, ...]]:
    peak = 0.0
    with open_audio(path) as audio:
        for block in audio.blocks(RATE, 1):
            peak = max(peak, float(np.abs(block.samples).max(initial=0.0)))
        return audio.duration, peak <= SILENCE, tuple(audio.warnings)


def _first_picture(path: Path) -> tuple[str, ...]:
    """Warnings; one frame is decoded, which tells whether any can be."""
    with open_video(path) as video:
        next(video.frames(1.0, 16, 0.0, 1.0), None)
        return tuple(video.warnings)


def _film_length(path: Path) -> float:
    """Seconds to the end of the last picture's packet."""
    end = 0.0
    with open_source(path) as opened, open_container(opened) as container:
        stream = choose_stream(container, "video", opened.name, [])
        keep_only(container, [stream])
        zero, base = clock_zero(container), float(stream.time_base)
        for packet in packets(container, [stream], lambda _: None):
            stamp = packet.pts if packet.pts is not None else packet.dts
            if stamp is not None:
                end = max(end, (stamp + (packet.duration or 0)) * base - zero)
    return end
