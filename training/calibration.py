"""Fit what a model's similarities mean: the calibration of a match (DESIGN §3.6), on pairs that training did not see.

From *unrelated* media: how high the best of K starts rises by luck, by clip length and ln K, and how widely. From true
pairs against random ones: how much the vectors should count, and the probability that a pair is the true one.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize

from crossmodal.errors import ManifestError
from crossmodal.features import Features
from crossmodal.matching.calibration import Calibration
from crossmodal.model import TwoTowerModel
from crossmodal.similarity.spectra import TrackSpectra
from crossmodal.similarity.starts import BONUS, search_starts
from crossmodal.similarity.windows import clip_windows
from training.data.pairs import Pair, span
from training.evaluation import PairScores, aligned_scores, searched_scores

LENGTHS = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 12.0, 20.0, 30.0)  # seconds of the clip
STARTS = (1, 3, 10, 30, 100, 300, 1000, 2500)  # K
TRACK_SECONDS = 280.0
MOST_CLIPS, MOST_TRACKS = 48, 6
FEWEST_PAIRS = 12
Progress = Callable[[int, int], None]


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


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """True and random pairs of one length.

    Args:
        seconds: of the clips.
        scores: (N, N): row i belongs to column i.
        unrelated: (N, N) bool: another music.
    """

    seconds: float
    scores: PairScores
    unrelated: np.ndarray


def calibrate(pairs: list[Pair], model: TwoTowerModel, *, progress: Progress | None = None) -> Calibration:
    """Fit the calibration of a model.

    Args:
        pairs: that training did not see, at least 12 of 6 s or more.
        model: in eval mode.
        progress: told (done, total).

    Raises:
        ManifestError: too few pairs.
    """
    usable = [pair for pair in pairs if pair.seconds >= 6.0 - 1e-6 and not pair.audio.silent]
    if len({pair.music_id for pair in usable}) < FEWEST_PAIRS:
        raise ManifestError(
            "calibrate", None, f"{len(usable)} pairs of 6 s or more, and {FEWEST_PAIRS} different musics are the least."
        )
    tell = progress or (lambda done, total: None)
    luck = measure_luck(usable, model, tell)
    trials = run_trials(usable, model)
    tell(len(LENGTHS) + 1, len(LENGTHS) + 2)
    share = fit_share(trials, luck)
    logistic = fit_logistic(trials, luck, share)
    tell(len(LENGTHS) + 2, len(LENGTHS) + 2)
    return _assemble(luck, share, logistic)


def measure_luck(pairs: list[Pair], model: TwoTowerModel, tell: Progress) -> Luck:
    """s_seq between clips and tracks that have nothing to do with each other; long media are glued from several."""
    mean = np.zeros((len(LENGTHS), len(STARTS)))
    deviation = np.zeros_like(mean)
    tracks = [_glued_track(pairs, model, half, k) for half in (0, 1) for k in range(MOST_TRACKS // 2)]
    for row, seconds in enumerate(LENGTHS):
        samples: list[list[np.ndarray]] = [[] for _ in STARTS]
        for half in (0, 1):  # the clips of one half on the music of the other
            spectra = TrackSpectra.of(tracks[(1 - half) * 3 : (1 - half) * 3 + 3])
            for clip in _clips(pairs, half, seconds, model):
                r = search_starts(clip_windows(*clip), spectra).r.numpy()
                for column, starts in enumerate(STARTS):
                    samples[column].append(_best_of(r, starts))
        for column in range(len(STARTS)):
            values = np.concatenate(samples[column])
            mean[row, column], deviation[row, column] = values.mean(), max(float(values.std()), 0.02)
        tell(row + 1, len(LENGTHS) + 2)
    return Luck(mean, deviation, _unrelated_cosines(pairs, model))


def run_trials(pairs: list[Pair], model: TwoTowerModel) -> list[Trial]:
    """Every clip on every music: aligned at several lengths, and searched in the whole audio."""
    music_ids = np.array([pair.music_id for pair in pairs])
    unrelated = music_ids[:, None] != music_ids[None, :]
    whole = [model.embed(pair.audio, "audio") for pair in pairs]
    shortest = min(pair.seconds for pair in pairs)
    trials = []
    for seconds in (length for length in LENGTHS if length <= shortest + 1e-6):
        trials.append(Trial(seconds, aligned_scores(pairs, model, seconds), unrelated))
        if seconds > shortest - 2:
            continue
        room = shortest - seconds
        clips = [model.embed(span(pair.video, room / 2, seconds), "video") for pair in pairs]
        trials.append(Trial(seconds, searched_scores(clips, whole, BONUS), unrelated))
    return trials


def fit_share(trials: list[Trial], luck: Luck) -> tuple[float, float]:
    """(w at one start, what each e-fold of starts adds): the share of the vectors that tells true from random best."""
    best, chosen = np.inf, (0.4, 0.0)
    for at_one in np.arange(0.05, 0.61, 0.05):
        for slope in np.arange(0.0, 0.101, 0.02):
            loss = float(np.mean([_cross_entropy(_standing(trial, luck, (at_one, slope)), trial) for trial in trials]))
            if loss < best - 1e-6:
                best, chosen = loss, (float(at_one), float(slope))
    return chosen


def fit_logistic(trials: list[Trial], luck: Luck, share: tuple[float, float]) -> dict[float, tuple[float, float]]:
    """For each clip length (intercept, slope): the probability of being the true one of a true and a random pair."""
    fitted = {}
    for seconds in sorted({trial.seconds for trial in trials}):
        true, random = [], []
        for trial in (t for t in trials if t.seconds == seconds):
            standing = _standing(trial, luck, share)
            true.append(np.diag(standing))
            random.append(standing[trial.unrelated])
        fitted[seconds] = _logistic(np.concatenate(true), np.concatenate(random))
    return fitted


def _assemble(luck: Luck, share: tuple[float, float], logistic: dict[float, tuple[float, float]]) -> Calibration:
    def table(values: np.ndarray) -> tuple[tuple[float, ...], ...]:
        return tuple(tuple(round(float(value), 5) for value in row) for row in values)

    return Calibration(
        sigma_g=round(luck.g_deviation, 5),
        lengths=LENGTHS,
        starts=STARTS,
        mean=table(luck.mean),
        deviation=table(luck.deviation),
        share_at_one=round(share[0], 4),
        share_per_log_start=round(share[1], 4),
        bonus=BONUS,
        logistic=tuple((seconds, round(a, 5), round(b, 5)) for seconds, (a, b) in sorted(logistic.items())),
    )


def _standing(trial: Trial, luck: Luck, share: tuple[float, float]) -> np.ndarray:
    """(N, N) the final score of a trial under these constants."""
    scores = trial.scores
    flat = {trial.seconds: (0.0, 1.0)}
    return _assemble(luck, share, flat).final(scores.g, scores.s_seq, trial.seconds, scores.n_starts)


def _cross_entropy(standing: np.ndarray, trial: Trial) -> float:
    """Cross-entropy of the true music among the unrelated ones, at the best temperature."""
    own = np.eye(len(standing), dtype=bool)
    lead = np.where(own | trial.unrelated, standing, -np.inf)

    def loss(log_scale: np.ndarray) -> float:
        logits = float(np.exp(log_scale[0])) * lead
        top = logits.max(axis=1, keepdims=True)
        return float(np.mean(np.log(np.exp(logits - top).sum(axis=1)) + top[:, 0] - np.diag(logits)))

    return float(minimize(loss, [0.0], method="Nelder-Mead", options={"maxiter": 40}).fun)


def _logistic(true: np.ndarray, random: np.ndarray) -> tuple[float, float]:
    """Intercept and slope (> 0) of P(true) where true and random pairs are equally many; both kinds weigh the same."""

    def loss(parameters: np.ndarray) -> float:
        intercept, slope = parameters[0], np.exp(parameters[1])
        return float(
            np.logaddexp(0, -(intercept + slope * true)).mean() + np.logaddexp(0, intercept + slope * random).mean()
        )

    intercept, log_slope = minimize(loss, [0.0, 0.0], method="Nelder-Mead", options={"maxiter": 400}).x
    return float(intercept), float(np.exp(log_slope))


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


def _clips(
    pairs: list[Pair], half: int, seconds: float, model: TwoTowerModel
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Sequences of clips of one length; longer ones than a pair are glued from several."""
    chosen = _half(pairs, half)[: MOST_CLIPS // 2]
    clips = []
    for k in range(len(chosen)):
        parts: list[Features] = []
        total = 0.0
        while total < seconds - 1e-6:
            part = chosen[(k + len(parts)) % len(chosen)].video
            parts.append(part)
            total += part.duration
        embedding = model.embed(span(_glue(parts), 0, seconds), "video")
        clips.append((torch.from_numpy(embedding.sequence), torch.from_numpy(embedding.seen)))
    return clips


def _glued_track(pairs: list[Pair], model: TwoTowerModel, half: int, turn: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The sequence of a long track of one half's music, in another order each turn."""
    by_music = {pair.music_id: pair.audio for pair in _half(pairs, half)}
    names = sorted(by_music)
    order = np.random.default_rng((turn, half)).permutation(len(names))
    parts: list[Features] = []
    total = 0.0
    while total < TRACK_SECONDS:
        parts.append(by_music[names[order[len(parts) % len(order)]]])
        total += parts[-1].duration
    embedding = model.embed(_glue(parts), "audio")
    return torch.from_numpy(embedding.sequence), torch.from_numpy(embedding.seen)


def _glue(parts: list[Features]) -> Features:
    values, seen = np.concatenate([p.values for p in parts]), np.concatenate([p.seen for p in parts])
    return Features(values, seen, parts[0].hop, len(values) * parts[0].hop, False)


def _unrelated_cosines(pairs: list[Pair], model: TwoTowerModel) -> float:
    clips = np.stack([model.embed(pair.video, "video").vector for pair in pairs])
    music = np.stack([model.embed(pair.audio, "audio").vector for pair in pairs])
    ids = np.array([pair.music_id for pair in pairs])
    return float((clips @ music.T)[ids[:, None] != ids[None, :]].std())
