"""Models with drawn weights, and Features that need no media."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from crossmodal.encoders import AUDIO_CHANNELS, VIDEO_CHANNELS
from crossmodal.features import Features, Side
from crossmodal.model import TwoTowerModel, compact_config

FeatureMaker = Callable[..., Features]


@pytest.fixture(scope="session")
def model() -> TwoTowerModel:
    """A compact model of drawn weights, with statistics that are not trivial; read-only."""
    return drawn_model()


def drawn_model() -> TwoTowerModel:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = TwoTowerModel(compact_config())
    for tower in (model.video, model.audio):
        channels = len(tower.prepare.mean)
        tower.prepare.fit(torch.linspace(-1, 1, channels), torch.linspace(0.5, 3, channels))
    return model.eval()


@pytest.fixture(scope="session")
def make_features() -> FeatureMaker:
    """`make(side, rows, seed=0, gaps=())`: smooth random curves; `gaps` are (begin, end) rows that were not seen."""

    def make(side: Side, rows: int, *, seed: int = 0, gaps: tuple[tuple[int, int], ...] = ()) -> Features:
        channels = len(VIDEO_CHANNELS if side == "video" else AUDIO_CHANNELS)
        values = np.random.default_rng(seed).normal(size=(rows, channels)).cumsum(0)
        values = (values - values.mean(0)).astype(np.float16).astype(np.float32)
        seen = np.ones(rows, bool)
        for begin, end in gaps:
            seen[begin:end] = False
            values[begin:end] = 0
        return Features(values, seen, 0.1, rows * 0.1, silent=False)

    return make
