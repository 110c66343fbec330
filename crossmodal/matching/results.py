"""What a match is made of: values that a page, a table or a program reads."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from crossmodal.catalogue import Track
from crossmodal.matching.calibration import Word

To = Literal["music", "video"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Something that can be checked.

    Args:
        kind: `still`, `short`, `closest`.
        text: in words, one line.
        clip_time, track_time: seconds that it is about, or None.
    """

    kind: str
    text: str
    clip_time: float | None = None
    track_time: float | None = None


@dataclass(frozen=True, slots=True)
class OtherPlace:
    """Another file of the same recording. Field `start`: seconds of that file at which the clip begins."""

    path: Path
    start: float


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """One result.

    Args:
        track: what was found; with `to="video"` a clip.
        score: probability in [0, 1] that the pair is the true one of one true and one random pair of its length; None
            without a calibration.
        percentile: which share of the library fits less, 0-100; None in a library of fewer than 10.
        start: second of the music at which the clip begins.
        alternatives: further starts: up to two other peaks, best first, and 0.0 unless the start is 0.0.
        length: seconds of the clip that the music covers from `start`.
        moments: (n,) float32 in [0, 1], one a hop of the clip: the fit of the 8 s round it; NaN where unseen, past the
            track's end, or without a calibration.
        reasons: what can be said of it.
        word: `very good`, `good`, `fair`, `weak`; None without a calibration.
        is_short: the music ends before the clip does.
        other_places: further files of the same recording, each with the start that its own clock asks for.
    """

    track: Track
    score: float | None
    percentile: float | None
    start: float
    alternatives: tuple[float, ...]
    length: float
    moments: np.ndarray
    reasons: tuple[Reason, ...] = ()
    word: Word | None = None
    is_short: bool = False
    other_places: tuple[OtherPlace, ...] = ()

    def __repr__(self) -> str:
        score = "no score" if self.score is None else f"score={self.score:.3f}"
        return f"Match({self.track.title!r}, {score}, start={self.start:.1f})"


@dataclass(frozen=True, slots=True)
class Query:
    """What was asked.

    Args:
        name: of the file, as a person may see it.
        to: what was looked for.
        duration: seconds.
        compared: how many tracks (or clips) it was compared with, one a recording.
        calibrated: whether scores say anything.
        is_still: nothing of the clip moves: the vectors alone ranked.
        warnings: what was wrong but could be lived with.
    """

    name: str
    to: To
    duration: float
    compared: int
    calibrated: bool
    is_still: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Matches:
    """A query with its matches, best first."""

    query: Query
    matches: list[Match] = field(default_factory=list)
