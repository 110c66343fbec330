"""Whether scores mean what they say, on scores whose truth is known."""

import numpy as np
import pytest

from training.reliability import reliability_error


def test_scores_that_are_the_truth_have_no_error() -> None:
    rng = np.random.default_rng(0)
    odds = rng.normal(0, 2, 200_000)
    scores = 1 / (1 + np.exp(-odds))
    is_true = rng.random(len(scores)) < scores
    assert reliability_error(scores[is_true], scores[~is_true]) < 0.01


def test_scores_that_are_too_sure_are_caught() -> None:
    rng = np.random.default_rng(0)
    odds = rng.normal(0, 1, 50_000)
    is_true = rng.random(len(odds)) < 1 / (1 + np.exp(-odds))
    bold = 1 / (1 + np.exp(-4 * odds))
    assert reliability_error(bold[is_true], bold[~is_true]) > 0.1


@pytest.mark.parametrize("always", [0.0, 0.5, 1.0])
def test_a_score_that_says_nothing_is_right_only_at_one_half(always: float) -> None:
    same = np.full(10, always)
    assert reliability_error(same, same) == pytest.approx(abs(always - 0.5))
