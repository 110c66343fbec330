"""How near clips and musics are: cosines of the vectors and similarity over time, aligned or searched."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from crossmodal.embedding import Embedding
from crossmodal.features import Features
from crossmodal.matching.calibration import Calibration, plain_final
from crossmodal.model import TwoTowerModel
from crossmodal.similarity.sequences import aligned
from crossmodal.similarity.spectra import TrackSpectra
from crossmodal.similarity.starts import best_starts
from crossmodal.similarity.windows import clip_windows
from training.data.pairs import Pair, span

BLOCK = 256  # clips


@dataclass(frozen=True, slots=True, eq=False)
class PairScores:
    """What a pair is judged by, for every clip and every music, (N, M) each; NaN where nothing is left to compare."""

    g: np.ndarray
    s_seq: np.ndarray
    n_starts: np.ndarray


def aligned_scores(pairs: list[Pair], model: TwoTowerModel, seconds: float) -> PairScores:
    """The first `seconds` of each clip against the same seconds of each music: one start, no bonus."""
    clips = [model.embed(span(p.video, 0, seconds), "video") for p in pairs]
    music = [model.embed(span(p.audio, p.start, seconds), "audio") for p in pairs]
    s = sequence_similarity(*_stacked(clips), *_stacked(music))
    return PairScores(cosines(clips, music), s, np.ones_like(s))


def searched_scores(clips: list[Embedding], music: list[Embedding], bonus: float) -> PairScores:
    """Each clip at every start of each music, as a match does it."""
    g = cosines(clips, music)
    if not clips[0].sequence[0].size:
        return PairScores(g, np.full_like(g, np.nan), np.ones_like(g))
    tracks = TrackSpectra.of([(torch.from_numpy(e.sequence), torch.from_numpy(e.seen)) for e in music])
    found = [
        best_starts(clip_windows(torch.from_numpy(e.sequence), torch.from_numpy(e.seen)), tracks, bonus=bonus)
        for e in clips
    ]
    s = np.stack([f.s_seq.numpy() for f in found]).astype(np.float64)
    return PairScores(g, np.where(np.isfinite(s), s, np.nan), np.stack([f.n_starts.numpy() for f in found]))


def sequence_similarity(video: Tensor, video_seen: Tensor, audio: Tensor, audio_seen: Tensor) -> np.ndarray:
    """`crossmodal.similarity.aligned` in blocks of clips: memory grows with the pool, not with its square.

    Args:
        video: (N, T, H, d); with H = 0 the model has no sequence.
        video_seen: (N, T) bool.
        audio: (M, T, H, d).
        audio_seen: (M, T) bool.

    Returns:
        (N, M) float64; NaN where there is no sequence.
    """
    if not video.shape[2]:
        return np.full((len(video), len(audio)), np.nan)
    blocks = [
        aligned(video[first : first + BLOCK], audio, video_seen[first : first + BLOCK], audio_seen)
        for first in range(0, len(video), BLOCK)
    ]
    return torch.cat(blocks).cpu().numpy().astype(np.float64)


def final(scores: PairScores, calibration: Calibration | None, seconds: float) -> np.ndarray:
    """The score that ranks, (N, M)."""
    if calibration is not None:
        return calibration.final(scores.g, scores.s_seq, seconds, scores.n_starts)
    return plain_final(scores.g, scores.s_seq)


def middle(features: Features, seconds: float) -> Features:
    """The middle two thirds of the first `seconds`."""
    return span(features, seconds / 6, 2 * seconds / 3)


def cosines(clips: list[Embedding], music: list[Embedding]) -> np.ndarray:
    """(N, M) float64 of the vectors."""
    return (
        np.stack([e.vector for e in clips]).astype(np.float64)
        @ np.stack([e.vector for e in music]).astype(np.float64).T
    )


def _stacked(side: list[Embedding]) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(np.stack([e.sequence for e in side])), torch.from_numpy(np.stack([e.seen for e in side]))
