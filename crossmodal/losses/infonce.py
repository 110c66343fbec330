"""InfoNCE (NT-Xent), one positive pair at a time, with a learned scale."""

import math

import torch
from torch import Tensor, nn

from crossmodal.losses.base import Kind, PairLoss, log1p_exp, masked_logsumexp
from crossmodal.similarity.vectors import Similarity


class InfoNCE(PairLoss):
    """InfoNCE: each positive pair against the negatives of its row.

    van den Oord et al. 2018, eq. 4; Chen et al. (NT-Xent), ICML 2020, eq. 1: the mean over positive pairs of
    `log(1 + sum_n exp(scale s_n) / exp(scale s_p))`; other positives of the row are not in the denominator. With one
    positive a row it is the cross-entropy of CLIP (Radford et al. 2021); `CrossModalLoss` takes both directions.

    Args:
        logit_scale: what similarities are multiplied by at the start, > 0; CLIP's 1 / .07.
        max_scale: the learned scale is held at or under this after each step (`after_step`); CLIP's is 100.
        learned: False keeps `logit_scale` as it is.

    Example:
        >>> sim = torch.tensor([[0.8, 0.3, -0.1], [0.2, 0.6, 0.5]])
        >>> is_pos = torch.tensor([[True, False, False], [False, True, True]])
        >>> round(InfoNCE(logit_scale=10)(sim, is_pos).item(), 6)
        0.024525
    """

    expects, needs = Similarity.BOUNDED, frozenset({Kind.POS, Kind.NEG})

    def __init__(self, logit_scale: float = 1 / 0.07, max_scale: float = 60.0, *, learned: bool = True) -> None:
        super().__init__()
        if not 0 < logit_scale <= max_scale:
            raise ValueError(
                f"InfoNCE: logit_scale is {logit_scale}; it must be above 0 and at most max_scale, {max_scale}"
            )
        self.max_scale = max_scale
        self.log_scale = nn.Parameter(torch.tensor(math.log(logit_scale)), requires_grad=learned)

    def parts(self, sim: Tensor, is_pos: Tensor, is_neg: Tensor) -> list[tuple[Tensor, Tensor]]:
        return [against_negatives(sim * self.log_scale.to(sim.dtype).exp(), is_pos, is_neg)]

    @torch.no_grad()
    def after_step(self) -> None:
        # In forward a clamp would have gradient 0 and the scale would stick at its edge.
        self.log_scale.clamp_(max=math.log(self.max_scale))


def against_negatives(logits: Tensor, is_pos: Tensor, is_neg: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-entropy of each positive pair against itself and the negatives of its row, and how many there are; (N,)."""
    against = masked_logsumexp(logits, is_neg)  # (N,)
    lack = log1p_exp(against[:, None] - logits)  # (N, M)
    return torch.where(is_pos, lack, 0).sum(1), is_pos.sum(1)  # mean over positive pairs
