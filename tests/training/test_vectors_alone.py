"""A calibration of a model without sequence: the cosine in units of unrelated media, and a probability."""

import numpy as np
import pytest
import torch

from crossmodal.model import TwoTowerModel, compact_config
from training.calibration import calibrate
from training.data.pairs import Pair
from training.evaluation import evaluate


@pytest.fixture(scope="module")
def model() -> TwoTowerModel:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return TwoTowerModel(compact_config(tower="pooled", heads=0, vector_dim=16, layers=[16])).eval()


def test_it_is_calibrated_on_cosines(model: TwoTowerModel, pairs: list[Pair]) -> None:
    fitted = calibrate(pairs, model)
    clips = np.stack([model.embed(pair.video, "video").vector for pair in pairs])
    music = np.stack([model.embed(pair.audio, "audio").vector for pair in pairs])
    groups = np.array([pair.group for pair in pairs])
    cosines = clips @ music.T
    assert fitted.sigma_g == pytest.approx(cosines[groups[:, None] != groups].std(), abs=1e-4)
    final = fitted.final(cosines, np.full_like(cosines, np.nan), 12.0, 1)
    np.testing.assert_allclose(final, cosines / fitted.sigma_g, rtol=1e-5)
    assert np.isfinite(fitted.probability(final, 12.0)).all()


def test_it_is_evaluated_by_cosines(model: TwoTowerModel, pairs: list[Pair]) -> None:
    found = evaluate(pairs, model, None)
    clips = np.stack([model.embed(pair.video, "video").vector for pair in pairs])
    music = np.stack([model.embed(pair.audio, "audio").vector for pair in pairs])
    np.testing.assert_allclose(found.protocols["aligned"].sim, clips @ music.T, atol=1e-5)
    assert all(np.isfinite(protocol.sim).all() for protocol in found.protocols.values())
