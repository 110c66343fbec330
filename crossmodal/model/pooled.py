"""A tower of statistics: each curve's mean, deviation, peak and pace over time, then fully connected layers.

The two-branch network of VM-NET (Hong et al., ICMR 2018) and of Prétet et al. (IJCNN 2021): statistics of a whole
medium, layers with batch normalisation, a unit vector. What happens when is lost at the door.
"""

import torch
from torch import Tensor, nn

from crossmodal.model.config import ModelConfig, SideConfig
from crossmodal.model.tower import Tower, moments
from crossmodal.similarity.vectors import unit_rows

STATISTICS = 4  # of each curve


def statistics(curves: Tensor, mask: Tensor) -> Tensor:
    """Mean, deviation, maximum, and root mean square step from row to row, of what is seen.

    Args:
        curves: (N, W, T) float.
        mask: (N, T) bool.

    Returns:
        (N, 4 W); zero steps and maximum where too little was seen to have one.
    """
    mean, _, deviation = moments(curves, mask)
    highest = torch.where(mask[:, None], curves, torch.finfo(curves.dtype).min).amax(2)
    highest = torch.where(mask.any(1)[:, None], highest, 0)
    both = (mask[:, 1:] & mask[:, :-1])[:, None]  # (N, 1, T - 1)
    steps = torch.where(both, curves[..., 1:] - curves[..., :-1], 0)
    pace = (steps.square().sum(2) / both.sum(2).clamp_min(1) + 1e-4).sqrt()
    return torch.cat([mean, deviation, highest, pace], 1)


class StatisticsHead(nn.Module):
    """Statistics -> (fully connected, batch normalisation, ReLU, dropout) a layer -> projection, normalised twice.

    The last layer is batch-normalised and brought to unit length, as in the released code of VM-NET. In training a
    batch needs two rows.

    Args:
        width: W of the curves.
        layers: widths of the hidden layers; none: a linear map, as the released run of VM-NET has.
        dim: D.
        dropout: after each hidden layer.
    """

    def __init__(self, width: int, layers: tuple[int, ...], dim: int, dropout: float) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        last = STATISTICS * width
        for size in layers:
            parts += [nn.Linear(last, size), nn.BatchNorm1d(size), nn.ReLU(), nn.Dropout(dropout)]
            last = size
        self.layers = nn.Sequential(*parts, nn.Linear(last, dim), nn.BatchNorm1d(dim))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(N, W, T) with (N, T) bool -> (N, D) unit; a row that has seen nothing is not meaningful."""
        return unit_rows(self.layers(statistics(x, mask)))


class PooledTower(Tower):
    """Prepared curves as they are; their statistics make the vector, and a 1x1 the sequence, where there is one.

    Args:
        config: the model's; `layers` are the hidden widths.
        side: what stands before this tower.
    """

    def __init__(self, config: ModelConfig, side: SideConfig) -> None:
        super().__init__(config, side, 2 * side.channels)
        self.to_sequence = self._sequence_layer()
        self.to_vector = self._head(config, config.vector_dim)
        self.to_label_vector = self._head(config, config.label_dim) if config.label_dim else None

    def encode(self, curves: Tensor, mask: Tensor) -> Tensor:
        """(N, 2C, T) with (N, T) bool -> the same, zero where unseen."""
        return torch.where(mask[:, None], curves, 0)

    def _head(self, config: ModelConfig, dim: int) -> StatisticsHead:
        return StatisticsHead(self.width, config.layers, dim, config.dropout)
