"""Ranking hinge of CBVMR (VM-NET), the full form and the released one."""

import torch
from torch import Tensor

from crossmodal.losses.base import Kind, PairLoss
from crossmodal.losses.hinges import hinge_sums
from crossmodal.similarity.vectors import Similarity


class RankingHinge(PairLoss):
    """Ranking hinge on similarities: every negative of a row at least `margin` below each positive.

    Hong et al., ICMR 2018 (CBVMR), its two inter-modal terms: the sum over triplets of `[s_n - s_p + margin]_+`.
    Both directions are `CrossModalLoss`'s; the released code weighs music anchors by 3 and video anchors by 1
    (`direction_weights=(1, 3)` there) and takes, for each positive pair, the mean over the `top` nearest negatives,
    zeros included. With `top` it is that mean, over pairs too.

    Args:
        margin: above 0; the released code's .1.
        top: nearest negatives of each row that count; the released code's 100. None: all, and the sum, as in the paper.

    Example:
        >>> sim, is_pos = torch.tensor([[0.4, 0.3], [0.5, 0.6]]), torch.eye(2, dtype=torch.bool)
        >>> loss = RankingHinge(margin=0.2)
        >>> round((loss(sim, is_pos) + loss(sim.T, is_pos)).item(), 4)
        0.5
    """

    expects, needs = Similarity.BOUNDED, frozenset({Kind.POS, Kind.NEG})
    near_one = True

    def __init__(self, margin: float = 0.1, top: int | None = None) -> None:
        super().__init__()
        if margin <= 0 or (top is not None and top < 1):
            raise ValueError(f"RankingHinge: margin is {margin} and top {top}; above 0, and at least 1 or None")
        self.margin, self.top = margin, top

    def parts(self, sim: Tensor, is_pos: Tensor, is_neg: Tensor) -> list[tuple[Tensor, Tensor]]:
        if self.top is not None:
            is_neg = _nearest(sim.detach(), is_neg, self.top)
        sums = hinge_sums(sim, is_pos, is_neg, self.margin)
        return [(sums.value, torch.zeros_like(sums.value) if self.top is None else sums.valid)]


def _nearest(sim: Tensor, mask: Tensor, k: int) -> Tensor:
    """(N, M) bool: the `k` highest entries of each row among `mask`."""
    if k >= sim.shape[1]:
        return mask
    best = torch.where(mask, sim, -torch.inf).topk(k, 1).indices
    return torch.zeros_like(mask).scatter(1, best, True) & mask
