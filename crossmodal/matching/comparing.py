"""How well clips and tracks belong together: the one comparison behind a match, a scored pair and a percentile."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch

from crossmodal.embedding import Embedding
from crossmodal.matching.calibration import Calibration, plain_final
from crossmodal.similarity import BestStarts, ClipWindows, TrackSpectra, best_starts, clip_windows
from crossmodal.similarity.correlation import FLOOR
from crossmodal.similarity.starts import BONUS

RANK_DIGITS = 6  # scores that agree so far are equal: a block's rounding decides no rank


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """One comparison for each of M candidates.

    Args:
        g: (M,) cosine of the vectors.
        s_seq: (M,) best sequence similarity; NaN where nothing is left to compare.
        n_starts: (M,) int64 K.
        start: (M,) int64, the step of the track at which the clip begins.
        seconds: (M,) length of each clip.
        rank: (M,) what ranks, higher is better; comparable between clips of different lengths if calibrated.
        score: (M,) probability in [0, 1]; NaN without a calibration.
    """

    g: np.ndarray
    s_seq: np.ndarray
    n_starts: np.ndarray
    start: np.ndarray
    seconds: np.ndarray
    rank: np.ndarray
    score: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence["Scores"]) -> "Scores":
        """The candidates of all parts, one after another."""
        return cls(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)))

    def take(self, places: np.ndarray) -> "Scores":
        """Some of the candidates."""
        return Scores(*(getattr(self, f.name)[places] for f in fields(self)))

    def __len__(self) -> int:
        return len(self.g)


def windows_of(clip: Embedding) -> ClipWindows | None:
    """What of a clip is compared over time; None where it is still, nothing was seen, or its model has no sequence."""
    if not clip.sequence.size or not clip.seen.any():
        return None
    windows = clip_windows(torch.from_numpy(clip.sequence), torch.from_numpy(clip.seen))
    n = windows.seen.sum(1)[:, None].float()  # (W, 1)
    moves = windows.values.square().sum((1, 3)) > n * FLOOR**2  # (W, H)
    return windows if bool(moves.any()) else None


def spectra_of(track: Embedding) -> TrackSpectra:
    """One track, ready to be searched."""
    return TrackSpectra.of([(torch.from_numpy(track.sequence), torch.from_numpy(track.seen))])


def compare_clip(clip: Embedding, vectors: np.ndarray, tracks: TrackSpectra, calibration: Calibration | None) -> Scores:
    """A clip against many tracks.

    Args:
        clip: of a video.
        vectors: (M, D) of the tracks.
        tracks: their sequences.
        calibration: of the model; None ranks by `.4 g + .6 s_seq`.
    """
    g = (vectors @ clip.vector).astype(np.float64)  # (M,)
    windows = windows_of(clip)
    if windows is None:
        return _judged(g, _nothing_found(len(g)), clip.duration, calibration)
    bonus = BONUS if calibration is None else calibration.bonus
    return _judged(g, best_starts(windows, tracks, bonus=bonus), clip.duration, calibration)


def compare_pair(clip: Embedding, track: Embedding, calibration: Calibration | None) -> Scores:
    """One clip against one track: Scores of one candidate."""
    return compare_clip(clip, track.vector[None], spectra_of(track), calibration)


def order(rank: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Places from the best down; ties by id."""
    return np.lexsort((ids, -np.round(rank, RANK_DIGITS)))


def percentiles(of: np.ndarray, library: np.ndarray, is_inside: np.ndarray) -> np.ndarray:
    """Which share of the library ranks lower, in percent; what ranks the same counts half.

    Args:
        of: (N,) ranks.
        library: (M,) ranks of the library.
        is_inside: (N,) bool: which of `of` are themselves of the library; those are not compared with themselves.

    Returns:
        (N,) in [0, 100].
    """
    sample = np.sort(np.round(library, RANK_DIGITS))
    at = np.round(of, RANK_DIGITS)
    lower, not_above = np.searchsorted(sample, at, "left"), np.searchsorted(sample, at, "right")
    equal = not_above - lower
    others = len(sample) - is_inside
    return np.clip(100 * (lower + (equal - is_inside) / 2) / np.maximum(others, 1), 0, 100)


def _judged(g: np.ndarray, found: BestStarts, seconds: float, calibration: Calibration | None) -> Scores:
    s_seq = found.s_seq.numpy().astype(np.float64)
    s_seq = np.where(np.isfinite(s_seq), s_seq, np.nan)
    n_starts = found.n_starts.numpy()
    if calibration is None:
        rank, score = plain_final(g, s_seq), np.full(len(g), np.nan)
    else:
        final = calibration.final(g, s_seq, seconds, n_starts)
        rank, score = calibration.logit(final, seconds), calibration.probability(final, seconds)
    return Scores(g, s_seq, n_starts, found.start.numpy(), np.full(len(g), seconds), rank, score)


def _nothing_found(m: int) -> BestStarts:
    nothing = torch.full((m,), -torch.inf)
    return BestStarts(nothing, torch.zeros(m, dtype=torch.int64), nothing, torch.ones(m, dtype=torch.int64))
