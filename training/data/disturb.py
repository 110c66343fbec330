"""What is done to curves in training so that a small model does not learn them by heart."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Disturbance:
    """How curves are disturbed, in deviations over the training set.

    Args:
        noise: Gaussian, each value by itself.
        level: Gaussian, one offset a channel and row.
        drop: share of whole channels that are set to their mean.
        jitter: hops, uniform to both sides, one a row.
    """

    noise: float = 0.3
    level: float = 0.5
    drop: float = 0.2
    jitter: float = 0.2

    def __call__(self, curves: Tensor, mean: Tensor, deviation: Tensor, generator: torch.Generator) -> Tensor:
        """Curves as no file shows them: shifted by parts of a hop, noisy, off level, with channels missing.

        Args:
            curves: (N, T, C) float, level taken off.
            mean: (C,) over the training set.
            deviation: (C,) over the training set.
            generator: of all draws.

        Returns:
            (N, T, C), disturbed.
        """
        rows, _, channels = curves.shape
        z = (shifted(curves, self.jitter * (2 * torch.rand(rows, generator=generator) - 1)) - mean) / deviation
        z = z + self.noise * torch.randn(z.shape, generator=generator)
        z = z + self.level * torch.randn((rows, 1, channels), generator=generator)
        z = z * (torch.rand((rows, 1, channels), generator=generator) >= self.drop)
        return z * deviation + mean


def shifted(curves: Tensor, hops: Tensor) -> Tensor:
    """Curves read `hops` later, between rows by a straight line; the ends hold.

    Args:
        curves: (N, T, C).
        hops: (N,) within ±1.
    """
    later = torch.cat([curves[:, 1:], curves[:, -1:]], 1)
    earlier = torch.cat([curves[:, :1], curves[:, :-1]], 1)
    ahead, behind = hops.clamp_min(0)[:, None, None], (-hops).clamp_min(0)[:, None, None]
    return curves + ahead * (later - curves) + behind * (earlier - curves)
