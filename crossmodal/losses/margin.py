"""Margin loss: every pair on its side of one learned boundary."""

import torch
from torch import Tensor, nn

from crossmodal.losses.base import PairLoss
from crossmodal.similarity.vectors import Similarity


class Margin(PairLoss):
    """Margin loss: positives inside a boundary, negatives outside, each by `alpha`.

    Wu et al., ICCV 2017: `[alpha + y (D - beta)]_+`, y = 1 for positives and -1 for negatives, divided by
    the number of pairs whose loss is not 0. The paper draws its negatives by distance
    (`crossmodal.sampling.DistanceWeighted`); vectors are to be of unit length. Its boundary for each class has no place
    in a loss over pairs, where rows have no class.

    Args:
        alpha: half the width of the gap, > 0; the paper's .2.
        beta: the boundary at the start, in (0, 2); the paper's 1.2.
        learned: False keeps `beta` as it is.

    Example:
        >>> distance = torch.tensor([[0.4, 1.1, 1.5], [1.25, 1.15, 0.9]])
        >>> is_pos = torch.tensor([[True, False, False], [False, True, True]])
        >>> round(Margin()(-distance, is_pos).item(), 4)
        0.2
    """

    expects, needs = Similarity.NEG_DISTANCE, frozenset()

    def __init__(self, alpha: float = 0.2, beta: float = 1.2, *, learned: bool = True) -> None:
        super().__init__()
        if alpha <= 0 or not 0 < beta < 2:
            raise ValueError(f"Margin: alpha is {alpha} and beta {beta}; alpha must be above 0, beta between 0 and 2")
        self.alpha = alpha
        self.beta = nn.Parameter(torch.tensor(beta), requires_grad=learned)

    def parts(self, sim: Tensor, is_pos: Tensor, is_neg: Tensor) -> list[tuple[Tensor, Tensor]]:
        beyond = -sim - self.beta.to(sim.dtype)  # (N, M) D - beta
        wrong = torch.where(is_pos | is_neg, (self.alpha + torch.where(is_pos, beyond, -beyond)).relu(), 0)
        return [(wrong.sum(1), (wrong > 0).sum(1))]  # mean over pairs whose loss is not 0

    @torch.no_grad()
    def after_step(self) -> None:
        self.beta.clamp_(0, 2)  # distances of unit vectors
