"""Mean and deviation of the training curves, which both towers are set to before the first step."""

import torch
from torch import Tensor

from crossmodal.features import Side
from crossmodal.model import TwoTowerModel
from crossmodal.model.towers import Tower
from training.data.pairs import Pair, span

SIDES: tuple[Side, Side] = ("video", "audio")


def fit_preparation(model: TwoTowerModel, pairs: list[Pair], *, without: set[Side]) -> None:
    """Set both towers to the statistics of the pairs; `without`: sides whose rows a network still learns to make."""
    for side in SIDES:
        if side not in without:
            tower = getattr(model, side)
            tower.prepare.fit(*curve_statistics(tower, pairs, side))


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
