"""What is done to curves in training so that a small model does not learn them by heart."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Disturbance:
    """How prepared curves are disturbed: both copies of each, standardised over the training set and by the clip.

    The noise stands on what a tower sees, not on the raw curves: a curve that moves little within a clip keeps its
    shape in the copy that is normalised by the clip.

    Args:
        noise: Gaussian, each value by itself.
        level: Gaussian, one offset a channel and row.
        drop: share of whole input channels that are set to 0, their mean.
        jitter: hops, uniform to both sides, one a row.
        clip: the result is held within plus and minus this.
    """

    noise: float = 0.3
    level: float = 0.5
    drop: float = 0.2
    jitter: float = 0.2
    clip: float = 5.0

    def __call__(self, curves: Tensor, generator: torch.Generator) -> Tensor:
        """Curves as no file shows them: shifted by parts of a hop, noisy, off level, with channels missing.

        Args:
            curves: (N, 2C, T) prepared.
            generator: of all draws.

        Returns:
            (N, 2C, T), disturbed.
        """
        rows, channels, _ = curves.shape
        moved = shifted(curves, self.jitter * (2 * torch.rand(rows, generator=generator) - 1))
        moved = moved + self.noise * torch.randn(moved.shape, generator=generator)
        moved = moved + self.level * torch.randn((rows, channels, 1), generator=generator)
        kept = torch.rand((rows, channels, 1), generator=generator) >= self.drop
        return (moved * kept).clamp(-self.clip, self.clip)


def shifted(curves: Tensor, hops: Tensor) -> Tensor:
    """Curves read `hops` later, between rows by a straight line; the ends hold.

    Args:
        curves: (N, C, T).
        hops: (N,) within ±1.
    """
    later = torch.cat([curves[..., 1:], curves[..., -1:]], -1)
    earlier = torch.cat([curves[..., :1], curves[..., :-1]], -1)
    ahead, behind = hops.clamp_min(0)[:, None, None], (-hops).clamp_min(0)[:, None, None]
    return curves + ahead * (later - curves) + behind * (earlier - curves)
