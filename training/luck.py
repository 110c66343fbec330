"""How high the best of K starts rises by luck: s_seq between media that have nothing to do with each other."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from crossmodal.features import Features, Side
from crossmodal.model import TwoTowerModel
from crossmodal.similarity.spectra import TrackSpectra
from crossmodal.similarity.starts import BONUS, search_starts
from crossmodal.similarity.windows import clip_windows
from training.data.pairs import Pair, span

# Seconds of the clip. Above 30 s a clip is several windows that move together: their mean has less luck.
LENGTHS = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 12.0, 20.0, 30.0, 60.0, 120.0)
STARTS = (1, 3, 10, 30, 100, 300, 1000, 2500)  # K
TRACK_SECONDS = 280.0
MOST_CLIPS, MOST_TRACKS = 48, 6
Steps = tuple[torch.Tensor, torch.Tensor]  # sequence (T, H, d), seen (T,)


@dataclass(frozen=True, slots=True, eq=False)
class Luck:
    """How high unrelated media score.

    Args:
        mean, deviation: of s_seq, (lengths, starts).
        g_deviation: of the cosine of the vectors.
    """

    mean: np.ndarray
    deviation: np.ndarray
    g_deviation: float


def measure_luck(pairs: list[Pair], model: TwoTowerModel, tell: Callable[[int], None]) -> Luck:
    """Mean and deviation of s_seq by clip length and K, over clips of one half of the sources on music of the other.

    Args:
        pairs: of at least two sources; long media are glued from several.
        model: in eval mode.
        tell: told how many lengths are done. A model without sequence has no luck but that of its vectors.
    """
    mean = np.zeros((len(LENGTHS), len(STARTS)))
    if not model.config.heads:
        return Luck(mean, np.ones_like(mean), _unrelated_cosines(pairs, model))
    deviation = np.zeros_like(mean)
    turns = MOST_TRACKS // 2
    spectra = [TrackSpectra.of([_glued_track(pairs, model, half, k) for k in range(turns)]) for half in (0, 1)]
    for row, seconds in enumerate(LENGTHS):
        samples: list[list[np.ndarray]] = [[] for _ in STARTS]
        for half in (0, 1):
            for clip in _clips(pairs, half, seconds, model):
                r = search_starts(clip_windows(*clip), spectra[1 - half]).r.numpy()
                for column, starts in enumerate(STARTS):
                    samples[column].append(_best_of(r, starts))
        for column in range(len(STARTS)):
            values = np.concatenate(samples[column])
            mean[row, column], deviation[row, column] = values.mean(), max(float(values.std()), 0.02)
        tell(row + 1)
    return Luck(mean, deviation, _unrelated_cosines(pairs, model))


def _best_of(r: np.ndarray, starts: int) -> np.ndarray:
    """s_seq, `max(r_0 + bonus, max_k r_k)`, of every stretch of `starts` starts without overlap: (M, K) -> (S,)."""
    count = r.shape[1] // starts
    if count == 0:
        starts, count = r.shape[1], 1
    stretches = r[:, : count * starts].reshape(-1, starts)
    stretches = stretches[np.isfinite(stretches).all(axis=1)]
    return np.maximum(stretches[:, 0] + BONUS, stretches.max(axis=1))


def _half(pairs: list[Pair], half: int) -> list[Pair]:
    """Every other source: no music of one half is in the other."""
    groups = sorted({pair.group for pair in pairs})
    return [pair for pair in pairs if groups.index(pair.group) % 2 == half]


def _clips(pairs: list[Pair], half: int, seconds: float, model: TwoTowerModel) -> list[Steps]:
    """Sequences of clips of one length; longer ones than a pair are glued from several."""
    inside = _half(pairs, half)
    clips = []
    for first in np.unique(np.linspace(0, len(inside) - 1, MOST_CLIPS // 2).round().astype(int)):
        parts: list[Features] = []
        total = 0.0
        while total < seconds - 1e-6:
            parts.append(inside[(first + len(parts)) % len(inside)].video)
            total += parts[-1].duration
        clips.append(_steps(model, span(_glue(parts), 0, seconds), "video"))
    return clips


def _glued_track(pairs: list[Pair], model: TwoTowerModel, half: int, turn: int) -> Steps:
    """The sequence of a long track of one half's music, in another order each turn."""
    by_music = {pair.music_id: pair.audio for pair in _half(pairs, half)}
    names = sorted(by_music)
    order = np.random.default_rng((turn, half)).permutation(len(names))
    parts: list[Features] = []
    total = 0.0
    while total < TRACK_SECONDS:
        parts.append(by_music[names[order[len(parts) % len(order)]]])
        total += parts[-1].duration
    return _steps(model, _glue(parts), "audio")


def _steps(model: TwoTowerModel, features: Features, side: Side) -> Steps:
    embedding = model.embed(features, side)
    return torch.from_numpy(embedding.sequence), torch.from_numpy(embedding.seen)


def _glue(parts: list[Features]) -> Features:
    values, seen = np.concatenate([p.values for p in parts]), np.concatenate([p.seen for p in parts])
    return Features(values, seen, parts[0].hop, len(values) * parts[0].hop, False)


def _unrelated_cosines(pairs: list[Pair], model: TwoTowerModel) -> float:
    clips = np.stack([model.embed(pair.video, "video").vector for pair in pairs])
    music = np.stack([model.embed(pair.audio, "audio").vector for pair in pairs])
    groups = np.array([pair.group for pair in pairs])
    return float((clips @ music.T)[groups[:, None] != groups[None, :]].std())
