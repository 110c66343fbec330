"""Sums over all triplets of a row without listing them.

A hinge is linear where it is not 0: `sum_(p,n) [s_n - t_p]_+ = sum_n c_n s_n - sum_p k_p t_p`, with c_n the number of
thresholds under s_n and k_p the number of negatives over t_p. Both are found by sorting: memory N M in place of N M M.
Counts are float32, exact to 2^24.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
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
    held, order = sim.detach().contiguous().sort(1)  # (N, M)
    found = _Counts(is_pos.gather(1, order).to(sim.dtype), is_neg.gather(1, order).to(sim.dtype))
    # One search says both which negatives are over a threshold and which thresholds are under a negative: had each its
    # own comparison, rounding could make them disagree, and the sums below would no longer cancel.
    over, under = found.beyond(torch.searchsorted(held, held - margin, right=True))
    if only_semi_hard:
        nearer_over, nearer_under = found.beyond(torch.searchsorted(held, held))
        over, under = over - nearer_over, under - nearer_under
    factors = torch.zeros_like(held).scatter(1, order, under - over)
    # Both counts have one sum, so any shift of the row drops out; without one large similarities would lose digits.
    value = (factors * (sim - held.mean(1, keepdim=True))).sum(1)
    active = over.sum(1)
    return TripletSums(value + margin * active, active, is_pos.sum(1) * is_neg.sum(1))


@dataclass(frozen=True, slots=True, eq=False)
class _Counts:
    """Rows in rising order: 1 where a positive stands, 1 where a negative stands; (N, M) float each."""

    positive: Tensor
    negative: Tensor

    def beyond(self, first: Tensor) -> tuple[Tensor, Tensor]:
        """For each positive how many negatives stand at `first` (N, M) or behind it; for each negative how often."""
        before = F.pad(self.negative.cumsum(1), (1, 0))  # (N, M + 1)
        over = self.positive * (before[:, -1:] - before.gather(1, first))
        begins = torch.zeros_like(before).scatter_add(1, first, self.positive)
        return over, self.negative * begins.cumsum(1)[:, :-1]
