"""Fit what a model's similarities mean: the calibration of a match (DESIGN §3.6), on pairs that training did not see.

From *unrelated* media: how high the best of K starts rises by luck, by clip length and ln K, and how widely. From true
pairs against random ones, searched in whole tracks: how much the vectors should count, the probability that a pair is
the true one, and from which score on a match deserves which word.
"""

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize

from crossmodal.errors import ManifestError
from crossmodal.matching.calibration import Calibration, Limits
from crossmodal.model import TwoTowerModel
from crossmodal.similarity.starts import BONUS
from training import luck as chances
from training.data.pairs import Pair
from training.luck import Luck, measure_luck
from training.trials import Trial, aligned_trials, searched_trials

FEWEST_PAIRS = 12
ALONE = (1.0, 0.0)  # share of the vectors where a model has no sequence
# The words: how often the best of LIBRARY unrelated tracks may be called good, and very good.
LIBRARY, GOOD_BY_LUCK, VERY_GOOD_BY_LUCK = 50, 1 / 3, 1 / 10
SHORTEST_JUDGED = 6.0  # seconds: shorter clips do not decide the words
Logistic = dict[float, tuple[float, float]]  # clip length -> intercept, slope
Progress = Callable[[int, int], None]


def calibrate(pairs: list[Pair], model: TwoTowerModel, *, progress: Progress | None = None) -> Calibration:
    """Fit the calibration of a model.

    Args:
        pairs: that training did not see, at least 12 of 6 s or more; longer clips than the pairs are take the
            probabilities of the longest.
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
    total = len(chances.LENGTHS) + 2
    tell = progress or (lambda done, total: None)
    luck = measure_luck(usable, model, lambda done: tell(done, total))
    searched = searched_trials(usable, model)
    tell(total - 1, total)
    share = fit_share([*aligned_trials(usable, model), *searched], luck) if model.config.heads else ALONE
    logistic = fit_logistic(searched, luck, share)
    limits = fit_limits(searched, _assemble(luck, share, logistic, Limits()))
    tell(total, total)
    return _assemble(luck, share, logistic, limits)


def fit_share(trials: list[Trial], luck: Luck) -> tuple[float, float]:
    """(w at one start, what each e-fold of starts adds): the share of the vectors that tells true from random best."""
    best, chosen = np.inf, (0.4, 0.0)
    for at_one in np.arange(0.05, 0.61, 0.05):
        for slope in np.arange(0.0, 0.101, 0.02):
            loss = float(np.mean([_cross_entropy(_standing(trial, luck, (at_one, slope)), trial) for trial in trials]))
            if loss < best - 1e-6:
                best, chosen = loss, (float(at_one), float(slope))
    return chosen


def fit_logistic(trials: list[Trial], luck: Luck, share: tuple[float, float]) -> Logistic:
    """For each clip length (intercept, slope): the probability of being the true one of a true and a random pair.

    The intercept is a parabola and the logarithm of the slope a line in ln(length), so that a clip that is a little
    longer is never judged by another measure. Both kinds of pairs and all lengths weigh the same.
    """
    standing = [_standing(trial, luck, share) for trial in trials]
    kinds = [(t.seconds, t.true(s), s[t.unrelated]) for t, s in zip(trials, standing, strict=True)]

    def loss(parameters: np.ndarray) -> float:
        total = 0.0
        for seconds, true, random in kinds:
            intercept, slope = _line(parameters, seconds)
            total += float(np.logaddexp(0, -(intercept + slope * true)).mean())
            total += float(np.logaddexp(0, intercept + slope * random).mean())
        return total

    parameters = minimize(loss, np.zeros(5), method="BFGS").x
    return {trial.seconds: _line(parameters, trial.seconds) for trial in trials}


def fit_limits(trials: list[Trial], calibration: Calibration) -> Limits:
    """What the best of an unrelated library seldom reaches is very good, what it reaches in one case of three good."""
    shown = [
        calibration.probability(_final(trial, calibration)[trial.unrelated], trial.seconds)
        for trial in trials
        if trial.seconds >= SHORTEST_JUDGED
    ]
    good, very_good = (
        round(float(np.mean([np.quantile(part, 1 - often / LIBRARY) for part in shown])), 2)
        for often in (GOOD_BY_LUCK, VERY_GOOD_BY_LUCK)
    )
    return Limits(very_good=max(very_good, good), good=good, fair=min(0.5, good))


def _line(parameters: np.ndarray, seconds: float) -> tuple[float, float]:
    x = np.log(seconds / 8)
    a0, a1, a2, b0, b1 = parameters
    return float(a0 + a1 * x + a2 * x * x), float(np.exp(b0 + b1 * x))


def _assemble(luck: Luck, share: tuple[float, float], logistic: Logistic, limits: Limits) -> Calibration:
    def table(values: np.ndarray) -> tuple[tuple[float, ...], ...]:
        return tuple(tuple(round(float(value), 5) for value in row) for row in values)

    return Calibration(
        sigma_g=round(luck.g_deviation, 5),
        lengths=chances.LENGTHS,
        starts=chances.STARTS,
        mean=table(luck.mean),
        deviation=table(luck.deviation),
        share_at_one=round(share[0], 4),
        share_per_log_start=round(share[1], 4),
        bonus=BONUS,
        logistic=tuple((seconds, round(a, 5), max(round(b, 5), 1e-4)) for seconds, (a, b) in sorted(logistic.items())),
        limits=limits,
    )


def _standing(trial: Trial, luck: Luck, share: tuple[float, float]) -> np.ndarray:
    """(N, M) the final score of a trial under these constants."""
    return _final(trial, _assemble(luck, share, {trial.seconds: (0.0, 1.0)}, Limits()))


def _final(trial: Trial, calibration: Calibration) -> np.ndarray:
    scores = trial.scores
    return calibration.final(scores.g, scores.s_seq, trial.seconds, scores.n_starts)


def _cross_entropy(standing: np.ndarray, trial: Trial) -> float:
    """Cross-entropy of the true music among the unrelated ones, at the best temperature."""
    true = trial.true(standing)
    lead = np.where(trial.unrelated, standing, -np.inf)

    def loss(log_scale: np.ndarray) -> float:
        logits = float(np.exp(log_scale[0])) * np.column_stack([true, lead])
        top = logits.max(axis=1, keepdims=True)
        return float(np.mean(np.log(np.exp(logits - top).sum(axis=1)) + top[:, 0] - logits[:, 0]))

    return float(minimize(loss, [0.0], method="Nelder-Mead", options={"maxiter": 40}).fun)
