"""What a medium does at each single step: what late interaction and time warping compare."""

import torch
from torch import Tensor

from crossmodal.similarity.correlation import inverse_norm
from crossmodal.similarity.windows import mean_off


def step_directions(rows: Tensor, mask: Tensor) -> Tensor:
    """All heads of a step as one vector of length at most 1.

    The mean over time is taken off, each head is divided by its own strength (at least the floor of `correlation`), so
    that all count alike, and a step longer than 1 is brought to length 1. Silence and stills stay near 0.

    Args:
        rows: (B, T, H, d) float32 or wider.
        mask: (B, T) bool, True where seen.

    Returns:
        (B, T, H d), zero where unseen.
    """
    centred = mean_off(rows, mask)
    n = mask.sum(1).clamp_min(1)[:, None].to(rows.dtype)  # (B, 1)
    strength = inverse_norm(centred.square().sum((1, 3)), n) * n.sqrt()  # (B, H) one over the mean length of a step
    steps = (centred * strength[:, None, :, None]).flatten(2)
    return steps * steps.square().sum(2, keepdim=True).clamp_min(1).rsqrt()


def wide(video: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
    """Both in one type, float32 or wider."""
    kind = torch.promote_types(torch.promote_types(video.dtype, audio.dtype), torch.float32)
    return video.to(kind), audio.to(kind)
