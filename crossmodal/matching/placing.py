"""Where a clip lies in its track, and how well moment by moment."""

from dataclasses import dataclass

import numpy as np
import torch

from crossmodal.matching.calibration import Calibration
from crossmodal.matching.results import Reason
from crossmodal.similarity import TrackSpectra, clip_windows, moments, other_peaks, search_starts
from crossmodal.similarity.moments import MOMENT_STEPS

Steps = tuple[torch.Tensor, torch.Tensor]  # sequence (T, H, d), seen (T,)


@dataclass(frozen=True, slots=True, eq=False)
class Placing:
    """Fields `start`, `alternatives` in seconds; `moments` (n,) float32 as of `Match`."""

    start: float
    alternatives: tuple[float, ...]
    moments: np.ndarray


def place(
    clip: Steps, track: Steps, start: int, hop: float, *, g: float, calibration: Calibration | None, is_still: bool
) -> Placing:
    """Lay a clip on a track.

    Args:
        clip, track: sequences.
        start: step of the track that was chosen.
        hop: seconds a step.
        g: cosine of their vectors.
        calibration: of the model; without one the moments are NaN.
        is_still: nothing of the clip moves, or the model has no sequence: there are no peaks.
    """
    others = [] if is_still else _peaks(clip, track, start)
    if start != 0 and 0 not in others:
        others.append(0)
    r = moments(*clip, *track, start).numpy().astype(np.float64)  # (n,)
    return Placing(
        start=round(start * hop, 3),
        alternatives=tuple(round(step * hop, 3) for step in others),
        moments=_as_scores(r, g, hop, calibration),
    )


def closest(placing: Placing, hop: float) -> Reason | None:
    """The passage that fits best; None where no moment is known, or the clip is no longer than a moment's span."""
    if len(placing.moments) <= MOMENT_STEPS or not np.isfinite(placing.moments).any():
        return None
    at = float(np.nanargmax(placing.moments)) * hop
    track_time = placing.start + at
    text = f"Closest round {clock(at)} of the clip, {clock(track_time)} of the music."
    return Reason("closest", text, round(at, 3), round(track_time, 3))


def clock(seconds: float) -> str:
    """Seconds as m:ss, or h:mm:ss from an hour."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _peaks(clip: Steps, track: Steps, start: int) -> list[int]:
    scores = search_starts(clip_windows(*clip), TrackSpectra.of([track]))
    found = other_peaks(scores.r, torch.tensor([start]))[0].tolist()
    return [step for step in found if step >= 0]


def _as_scores(r: np.ndarray, g: float, hop: float, calibration: Calibration | None) -> np.ndarray:
    """Moments as a whole clip of that span at its one start would be scored."""
    if calibration is None:
        return np.full(len(r), np.nan, np.float32)
    span = min(MOMENT_STEPS, len(r)) * hop
    known = np.isfinite(r)
    s_seq = np.where(known, r, 0) + calibration.bonus  # as of a match with one start, which is at 0
    score = calibration.probability(calibration.final(g, s_seq, span, 1), span)
    return np.where(known, score, np.nan).astype(np.float32)
