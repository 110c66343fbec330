"""The fitted calibration says what happens: unrelated media stand at 0 with deviation 1, true pairs above."""

from pathlib import Path

import numpy as np
import pytest
import torch

from crossmodal.errors import ManifestError
from crossmodal.matching.calibration import Calibration
from crossmodal.model import TwoTowerModel
from crossmodal.model.compact import compact_config
from training import calibration as module
from training.calibration import calibrate
from training.data.batches import Batches
from training.data.pairs import Pair
from training.evaluation import aligned_scores
from training.loop import Trainer


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
        patch.setattr(module, "LENGTHS", (2.0, 6.0, 10.0, 15.0))
        patch.setattr(module, "STARTS", (1, 10, 100))
        patch.setattr(module, "TRACK_SECONDS", 60.0)
        return model, calibrate(pairs, model)


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


def test_true_pairs_are_more_probable_than_random_ones(
    fitted: tuple[TwoTowerModel, Calibration], pairs: list[Pair]
) -> None:
    model, calibration = fitted
    scores = aligned_scores(pairs, model, 10.0)
    shown = calibration.probability(calibration.final(scores.g, scores.s_seq, 10.0, 1), 10.0)
    off = ~np.eye(len(pairs), dtype=bool)
    assert np.diag(shown).mean() > 0.7 > 0.4 > shown[off].mean()


def test_it_is_deterministic_and_survives_its_file(fitted: tuple[TwoTowerModel, Calibration], tmp_path: Path) -> None:
    fitted[1].save(tmp_path)
    loaded = Calibration.load(tmp_path)
    assert loaded == fitted[1] and loaded.fingerprint == fitted[1].fingerprint


def test_too_few_pairs_are_refused_in_words(fitted: tuple[TwoTowerModel, Calibration], pairs: list[Pair]) -> None:
    with pytest.raises(ManifestError, match="12 different musics"):
        calibrate(pairs[:5], fitted[0])
