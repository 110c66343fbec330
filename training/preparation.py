"""Mean and deviation of the training curves, which both towers are set to before the first step."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from crossmodal.features import Side
from crossmodal.model import TwoTowerModel
from crossmodal.model.towers import Tower
from training.data.batches import Batches
from training.data.pairs import Pair, span

SIDES: tuple[Side, Side] = ("video", "audio")
FIRST_BATCHES = 4


def fit_preparation(model: TwoTowerModel, batches: Batches, networks: Mapping[Side, Any]) -> None:
    """Set mean and deviation of both towers to those of what they are trained on.

    Args:
        model: whose towers.
        batches: what is drawn; where nothing is trained before a tower, all of its pairs count.
        networks: encoders that are trained, by side. A network that standardises its rows itself needs nothing here;
            of another one the first batches are looked at, as it is before training.
    """
    for side in SIDES:
        tower = getattr(model, side)
        if side not in networks:
            tower.prepare.fit(*curve_statistics(tower, batches.pairs(), side))
        elif not hasattr(networks[side].network, "standardise"):
            tower.prepare.fit(*row_statistics(networks[side].network, batches, side))


@torch.no_grad()
def row_statistics(network: nn.Module, batches: Batches, side: Side) -> tuple[Tensor, Tensor]:
    """Mean and deviation (C,) of the rows that a network makes of the first batches."""
    was_training = network.training
    network.eval()
    rows = []
    for step in range(FIRST_BATCHES):
        drawn = getattr(batches.draw(step), side)
        rows.append(network(drawn.values)[drawn.mask].double())
    network.train(was_training)
    every = torch.cat(rows)
    deviation = every.std(0, correction=0)
    return every.mean(0).float(), torch.where(deviation < 1e-4, 1.0, deviation).float()


def curve_statistics(tower: Tower, pairs: list[Pair], side: Side) -> tuple[Tensor, Tensor]:
    """Mean and deviation (C,) of the curves of one side over the passages of all pairs, level taken off.

    A curve without variance has deviation 1.
    """
    channels = tower.prepare.mean.shape[0]
    total, squares, n_rows = torch.zeros(channels, dtype=torch.float64), torch.zeros(channels, dtype=torch.float64), 0
    for pair in pairs:
        part = pair.video if side == "video" else span(pair.audio, pair.start, pair.seconds)
        mask = torch.from_numpy(part.seen)[None]
        curves = tower.prepare.without_level(torch.from_numpy(part.values)[None], mask)[mask].double()  # (T, C)
        total, squares, n_rows = total + curves.sum(0), squares + curves.square().sum(0), n_rows + len(curves)
    mean = total / n_rows
    deviation = (squares / n_rows - mean.square()).clamp_min(0).sqrt()
    return mean.float(), torch.where(deviation < 1e-4, 1.0, deviation).float()
