"""Curves made comparable before a tower: loudness off, standardised over the training set and by the medium itself."""

import math

import torch
from torch import Tensor, nn

from crossmodal.model.config import LevelConfig, SideConfig

# A curve whose own deviation is under this share of the training set's is taken to stand still.
LEAST_DEVIATION = 0.1


class Preparation(nn.Module):
    """Curves made comparable: loudness off, standardised over the training set, and beside it by the medium itself.

    Args:
        side: channels and level of the side.
        clip: both copies are held within plus and minus this.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, side: SideConfig, clip: float) -> None:
        super().__init__()
        self.level, self.clip = side.level, clip
        self.register_buffer("mean", torch.zeros(side.channels))
        self.register_buffer("deviation", torch.ones(side.channels))

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """(N, T, C) with (N, T) bool -> (N, 2C, T), zero where unseen; statistics are taken over what `mask` shows."""
        seen = mask[..., None]
        values = torch.where(seen, self.without_level(values, mask), 0)
        curves = torch.where(seen, (values - self.mean) / self.deviation, 0)  # (N, T, C)
        n_seen = seen.sum(1, keepdim=True).clamp_min(1)
        own_mean = curves.sum(1, keepdim=True) / n_seen
        centred = torch.where(seen, curves - own_mean, 0)
        own_deviation = (centred.square().sum(1, keepdim=True) / n_seen).clamp_min(LEAST_DEVIATION**2).sqrt()
        both = torch.cat([curves, centred / own_deviation], -1).clamp(-self.clip, self.clip)
        return both.transpose(1, 2)

    def without_level(self, values: Tensor, mask: Tensor) -> Tensor:
        """The same curves (N, T, C) as if the medium's mean power over `mask` (N, T) were 1."""
        return values if self.level is None else _without_level(values, mask, self.level)

    @torch.no_grad()
    def fit(self, mean: Tensor, deviation: Tensor) -> None:
        """Set mean and deviation (C,) of the training set, taken over curves that `without_level` made."""
        self.mean.copy_(mean)
        self.deviation.copy_(deviation.clamp_min(1e-4))


def _without_level(values: Tensor, mask: Tensor, level: LevelConfig) -> Tensor:
    log_power = torch.where(mask, values[..., level.reference] * (math.log(10) / 10), -torch.inf)
    n_seen = mask.sum(1, keepdim=True).clamp_min(1)
    loudness = log_power.logsumexp(1, keepdim=True) - n_seen.log()  # (N, 1) ln of power
    loudness = torch.where(mask.any(1, keepdim=True), loudness, 0)[..., None]
    shift, scale = values.new_zeros(2, values.shape[-1])
    shift[list(level.shift)] = 10 / math.log(10)
    scale[list(level.scale)] = 0.5
    return (values - shift * loudness) * (-scale * loudness).exp()
