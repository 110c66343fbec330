"""Does the score that a person sees mean what it says? True and random pairs, searched in whole tracks, by length."""

from dataclasses import dataclass

import numpy as np

from crossmodal.matching.calibration import Calibration
from crossmodal.model import TwoTowerModel
from training.data.pairs import Pair
from training.trials import Trial, searched_trials

BINS = 10
LIBRARY = 50


@dataclass(frozen=True, slots=True)
class Reliability:
    """Scores of clips of one length.

    Args:
        seconds: of the clips.
        clips: how many.
        true, random: median score of true and of random pairs.
        error: mean distance of score and truth over ten bins of the score, both kinds of pairs weighing the same.
        best_by_luck: how often the best of 50 unrelated tracks is called good, and very good; NaN for fewer tracks.
    """

    seconds: float
    clips: int
    true: float
    random: float
    error: float
    best_by_luck: tuple[float, float]


def reliability(pairs: list[Pair], model: TwoTowerModel, calibration: Calibration) -> list[Reliability]:
    """What a calibration says of pairs that it was not fitted on, for every length that they allow.

    Args:
        pairs: a clip and the whole of its music.
        model: in eval mode.
        calibration: of the model.
    """
    return [_of_trial(trial, calibration) for trial in searched_trials(pairs, model)]


def reliability_error(true: np.ndarray, random: np.ndarray) -> float:
    """Expected calibration error (Guo et al. 2017, eq. 3) where true and random pairs weigh the same.

    Args:
        true, random: probabilities in [0, 1].

    Example:
        >>> reliability_error(np.array([0.9, 0.9, 0.1]), np.array([0.1, 0.1, 0.9]))
        0.23333333333333334
    """
    scores = np.concatenate([true, random])
    truth = np.concatenate([np.ones(len(true)), np.zeros(len(random))])
    weight = np.concatenate([np.full(len(true), 0.5 / len(true)), np.full(len(random), 0.5 / len(random))])
    bins = np.minimum((scores * BINS).astype(int), BINS - 1)
    return float(np.abs(np.bincount(bins, weight * (truth - scores), BINS)).sum())


def _of_trial(trial: Trial, calibration: Calibration) -> Reliability:
    scores = trial.scores
    final = calibration.final(scores.g, scores.s_seq, trial.seconds, scores.n_starts)
    shown = calibration.probability(final, trial.seconds)
    true, random = trial.true(shown), shown[trial.unrelated]
    best = np.array(
        [
            row[is_other][first : first + LIBRARY].max()
            for row, is_other in zip(shown, trial.unrelated, strict=True)
            for first in range(0, is_other.sum() - LIBRARY + 1, LIBRARY)
        ]
    )
    limits = calibration.limits
    by_luck = tuple(float((best >= limit).mean()) if len(best) else np.nan for limit in (limits.good, limits.very_good))
    return Reliability(
        trial.seconds,
        len(true),
        float(np.median(true)),
        float(np.median(random)),
        reliability_error(true, random),
        (by_luck[0], by_luck[1]),
    )
