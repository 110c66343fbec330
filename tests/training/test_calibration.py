"""The fitted calibration says what happens: unrelated media stand at 0 with deviation 1, true pairs above."""

from pathlib import Path

import numpy as np
import pytest
import torch

from crossmodal.errors import ManifestError
from crossmodal.matching.calibration import Calibration
from crossmodal.model import TwoTowerModel
from crossmodal.model.compact import compact_config
from training import luck, trials
from training.calibration import LIBRARY, VERY_GOOD_BY_LUCK, calibrate, fit_logistic
from training.data.batches import Batches
from training.data.pairs import Pair
from training.evaluation import PairScores, aligned_scores
from training.loop import Trainer
from training.luck import Luck
from training.trials import Trial, searched_trials

pytestmark = pytest.mark.xdist_group("calibration")  # what they share is made once

LENGTHS = (2.0, 4.0, 10.0, 12.0)


@pytest.fixture(scope="module")
def fitted(pairs: list[Pair], tmp_path_factory: pytest.TempPathFactory) -> tuple[TwoTowerModel, Calibration]:
    """A tiny model after a few steps, and its calibration on small tables."""
    from training.config import load_config

    config = load_config(None, ["steps=25", "batch=24", "passage=[8, 10]", "optimiser.lr=5e-3", "augment.drop=0"])
    torch.manual_seed(0)
    tiny = {"width": 16, "dilations": [1, 2], "hidden": 16, "vector_dim": 16, "lag_channels": 2, "heads": 4}
    batches = Batches({"made": pairs}, {"made": 1.0}, size=24, passage=config.passage, seed=0)
    trainer = Trainer(TwoTowerModel(compact_config(**tiny)), batches, config, tmp_path_factory.mktemp("run"))
    trainer.fit_preparation()
    model = trainer.run()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(luck, "LENGTHS", (2.0, 6.0, 10.0, 15.0, 40.0))
        patch.setattr(luck, "STARTS", (1, 10, 100))
        patch.setattr(luck, "TRACK_SECONDS", 80.0)
        patch.setattr(trials, "LENGTHS", LENGTHS)
        return model, calibrate(pairs, model)


def shown(calibration: Calibration, trial: Trial) -> np.ndarray:
    """(N, M) the scores that a person sees."""
    scores = trial.scores
    final = calibration.final(scores.g, scores.s_seq, trial.seconds, scores.n_starts)
    return calibration.probability(final, trial.seconds)


def made_trial(seconds: float, true: np.ndarray, random: np.ndarray) -> Trial:
    """One track a clip, and one row of unrelated ones; with the flat luck of `flat`, s_seq is the final score."""
    n, m = len(true), len(random)
    s = np.concatenate([np.diag(true), np.tile(random, (n, 1))], axis=1)
    scores = PairScores(np.zeros_like(s), s, np.ones_like(s))
    unrelated = np.concatenate([np.zeros((n, n), bool), np.ones((n, m), bool)], axis=1)
    return Trial(seconds, scores, np.arange(n), unrelated)


def flat() -> Luck:
    """Luck that changes nothing: mean 0, deviation 1."""
    shape = (len(luck.LENGTHS), len(luck.STARTS))
    return Luck(np.zeros(shape), np.ones(shape), 1.0)


def test_unrelated_media_stand_at_zero_with_deviation_one(
    fitted: tuple[TwoTowerModel, Calibration], pairs: list[Pair]
) -> None:
    model, calibration = fitted
    scores = aligned_scores(pairs, model, 10.0)
    m, sigma = calibration.chance(10.0, 1)
    off = ~np.eye(len(pairs), dtype=bool)
    standing = (scores.s_seq[off] + calibration.bonus - m) / sigma  # at one start s_seq is r_0 + b
    assert abs(standing.mean()) < 0.3 and standing.std() == pytest.approx(1, abs=0.25)


def test_luck_rises_with_the_starts_and_falls_with_the_length(fitted: tuple[TwoTowerModel, Calibration]) -> None:
    table = np.array(fitted[1].mean)
    assert (np.diff(table, axis=1) > -0.03).all() and table[0, -1] > table[0, 0]
    assert table[0, -1] > table[-1, -1]


def test_several_windows_that_move_together_have_less_luck_than_one(
    fitted: tuple[TwoTowerModel, Calibration],
) -> None:
    (one, one_spread), (several, several_spread) = (fitted[1].chance(seconds, 100) for seconds in (15.0, 40.0))
    assert several < one and several_spread < one_spread


def test_true_pairs_are_more_probable_than_random_ones(
    fitted: tuple[TwoTowerModel, Calibration], pairs: list[Pair]
) -> None:
    model, calibration = fitted
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trials, "LENGTHS", LENGTHS[-1:])
        (trial,) = searched_trials(pairs, model)
    probability = shown(calibration, trial)
    assert trial.true(probability).mean() > 0.7 > 0.4 > probability[trial.unrelated].mean()


def test_every_length_is_fitted_up_to_that_of_the_pairs(fitted: tuple[TwoTowerModel, Calibration]) -> None:
    assert tuple(row[0] for row in fitted[1].logistic) == LENGTHS


def test_the_probability_is_that_of_the_true_one_of_two() -> None:
    rng = np.random.default_rng(0)
    trial = made_trial(8.0, rng.normal(2, 1, 400), rng.normal(0, 1, 400))
    ((intercept, slope),) = fit_logistic([trial], flat(), (0.0, 0.0)).values()
    # Two normal laws, 2 apart, deviation 1: the log odds are 2 (x - 1).
    assert slope == pytest.approx(2, rel=0.15) and intercept == pytest.approx(-2, rel=0.15)


def test_the_probability_changes_smoothly_with_the_length() -> None:
    rng = np.random.default_rng(0)
    apart = {seconds: 0.8 * seconds**0.4 for seconds in (2.0, 4.0, 8.0, 12.0, 20.0, 30.0)}
    made = [made_trial(seconds, rng.normal(mean, 1, 400), rng.normal(0, 1, 400)) for seconds, mean in apart.items()]
    fit = fit_logistic(made, flat(), (0.0, 0.0))
    # Two normal laws, d apart, deviation 1: the log odds are d (x - d / 2).
    assert [slope for _, slope in fit.values()] == pytest.approx(list(apart.values()), rel=0.07)
    assert [intercept for intercept, _ in fit.values()] == pytest.approx([-(d**2) / 2 for d in apart.values()], abs=0.2)


def test_the_best_of_an_unrelated_library_is_seldom_called_very_good(
    fitted: tuple[TwoTowerModel, Calibration], pairs: list[Pair]
) -> None:
    model, calibration = fitted
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trials, "LENGTHS", (10.0, 12.0))
        made = searched_trials(pairs, model)
    random = np.concatenate([shown(calibration, trial)[trial.unrelated] for trial in made])
    assert (random >= calibration.limits.very_good + 0.005).mean() <= 5 * VERY_GOOD_BY_LUCK / LIBRARY
    assert calibration.limits.fair <= calibration.limits.good <= calibration.limits.very_good


def test_a_trial_searches_whole_tracks_and_knows_what_is_in_them(
    fitted: tuple[TwoTowerModel, Calibration], pairs: list[Pair]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trials, "LENGTHS", (10.0,))
        (trial,) = searched_trials(pairs, fitted[0])
    least = 10 * (trials.TRACK_SECONDS[0] - 10.0)
    # There are five sources of 12 s: a track holds each once at most.
    assert (trial.scores.n_starts >= min(least, 500)).all()
    assert not trial.unrelated[np.arange(len(pairs)), trial.own].any()


def test_it_is_deterministic_and_survives_its_file(fitted: tuple[TwoTowerModel, Calibration], tmp_path: Path) -> None:
    fitted[1].save(tmp_path)
    loaded = Calibration.load(tmp_path)
    assert loaded == fitted[1] and loaded.fingerprint == fitted[1].fingerprint


def test_too_few_pairs_are_refused_in_words(fitted: tuple[TwoTowerModel, Calibration], pairs: list[Pair]) -> None:
    with pytest.raises(ManifestError, match="12 different musics"):
        calibrate(pairs[:5], fitted[0])
