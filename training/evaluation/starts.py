"""Where in its music a clip is placed: how often the right second is found, beside starting at 0."""

import numpy as np
import torch

from crossmodal.embedding import Embedding
from crossmodal.similarity.spectra import TrackSpectra
from crossmodal.similarity.starts import best_starts
from crossmodal.similarity.windows import clip_windows
from training.report import interval

NEAR = 1.0  # seconds


def start_figures(
    clips: list[Embedding], music: list[Embedding], true: np.ndarray, groups: np.ndarray, *, hop: float, bonus: float
) -> dict[str, object]:
    """Share of the clips placed within a second of the truth in their own music, and the mean overlap (IoU) with it.

    Args:
        clips: (N,).
        music: (N,) the whole of each clip's own.
        true: (N,) second of the music at which the clip begins.
        groups: (N,) for the interval of the paired difference to starting at 0.
        hop: seconds of a step.
        bonus: what the start at 0 is favoured by.

    Returns:
        Empty where the model has no sequence, and so places nothing.
    """
    if not clips[0].sequence[0].size:
        return {}
    found = np.array([_start(clip, track, bonus) for clip, track in zip(clips, music, strict=True)]) * hop
    lengths = np.array([clip.duration for clip in clips])
    ours, zero = _near(found, true), _near(np.zeros_like(true), true)
    return {
        "within_1s": float(ours.mean()),
        "mean_iou": float(_overlap(found, true, lengths).mean()),
        "start_at_zero": {"within_1s": float(zero.mean()), "mean_iou": float(_overlap(0 * true, true, lengths).mean())},
        "difference": float((ours - zero).mean()),
        "interval": interval(ours - zero, groups),
    }


def _start(clip: Embedding, track: Embedding, bonus: float) -> int:
    tracks = TrackSpectra.of([(torch.from_numpy(track.sequence), torch.from_numpy(track.seen))])
    windows = clip_windows(torch.from_numpy(clip.sequence), torch.from_numpy(clip.seen))
    return int(best_starts(windows, tracks, bonus=bonus).start[0])


def _near(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    return (np.abs(found - true) <= NEAR + 1e-6).astype(np.float64)


def _overlap(found: np.ndarray, true: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    common = np.clip(lengths - np.abs(found - true), 0, None)
    return common / (2 * lengths - common)
