"""Sums over all triplets of a row without listing them.

A hinge is linear where it is not 0: `sum_(p,n) [s_n - t_p]_+ = sum_n c_n s_n - sum_p k_p t_p`, with c_n the number of
thresholds under s_n and k_p the number of negatives over t_p. Both are found by sorting: memory N M in place of N M M.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class TripletSums:
    """Of each row: the sum of its hinges, how many are not 0, and how many triplets there are; (N,) each."""

    value: Tensor
    active: Tensor
    valid: Tensor


def hinge_sums(
    sim: Tensor, is_pos: Tensor, is_neg: Tensor, margin: float, *, only_semi_hard: bool = False
) -> TripletSums:
    """The sum over triplets of `[s_n - s_p + margin]_+`, with its gradient.

    Args:
        sim: (N, M) float, higher is closer.
        is_pos, is_neg: (N, M) bool.
        margin: at least 0.
        only_semi_hard: leave out triplets with `s_n >= s_p`.
    """
    held, is_pos, is_neg = sim.detach().contiguous(), is_pos.contiguous(), is_neg.contiguous()  # as searching wants it
    negatives = torch.where(is_neg, held, -torch.inf).sort(1).values  # (N, M), what is no negative is under everything
    positives = torch.where(is_pos, held, torch.inf).sort(1).values
    over = _count_over(negatives, held - margin)  # (N, M) k_p: negatives over the threshold of each positive
    under = torch.searchsorted(positives - margin, held)  # (N, M) c_n: thresholds under each negative
    if only_semi_hard:
        over = over - (negatives.shape[1] - torch.searchsorted(negatives, held))
        under = under - torch.searchsorted(positives, held, right=True)
    over, under = torch.where(is_pos, over, 0), torch.where(is_neg, under, 0)
    # Both counts have one sum, so any shift of the row drops out; without one large similarities would lose digits.
    centred = sim - held.mean(1, keepdim=True)
    value = ((under - over).to(sim.dtype) * centred).sum(1)
    active = over.sum(1)
    return TripletSums(value + margin * active.to(sim.dtype), active, is_pos.sum(1) * is_neg.sum(1))


def _count_over(ordered: Tensor, limits: Tensor) -> Tensor:
    return ordered.shape[1] - torch.searchsorted(ordered, limits, right=True)
