"""Contrastive loss: positives together, negatives apart by a margin; by distance and by cosine."""

import torch
from torch import Tensor

from crossmodal.losses.base import PairLoss
from crossmodal.similarity.vectors import Similarity


class Contrastive(PairLoss):
    """Contrastive loss of DrLIM, summed over all pairs.

    Hadsell et al., CVPR 2006, eq. 4: `D^2 / 2` of a positive, `[margin - D]_+^2 / 2` of a negative. It is a sum, as in
    the paper: twice the batch has four times the gradient, so the learning rate belongs to the batch.

    Args:
        margin: in units of distance, > 0; the paper names none. Distances are those of the vectors as they come;
            between unit vectors at most 2, and sqrt 2 where they are unrelated.

    Example:
        >>> distance = torch.tensor([[0.4, 1.1, 1.3], [1.2, 0.7, 0.9]])
        >>> is_pos = torch.tensor([[True, False, False], [False, True, True]])
        >>> round(Contrastive(margin=1.25)(-distance, is_pos).item(), 4)
        0.7425
    """

    expects, needs = Similarity.NEG_DISTANCE, frozenset()

    def __init__(self, margin: float = 1.0) -> None:
        super().__init__()
        if margin <= 0:
            raise ValueError(f"Contrastive: margin is {margin}; it must be above 0")
        self.margin = margin

    def parts(self, sim: Tensor, is_pos: Tensor, is_neg: Tensor) -> list[tuple[Tensor, Tensor]]:
        near = torch.where(is_neg, (self.margin + sim).relu(), 0)  # (N, M)
        far = torch.where(is_pos, sim, 0)
        sums = (near.square() + far.square()).sum(1) / 2
        return [(sums, torch.zeros_like(sums))]  # the sum itself


class CosineContrastive(PairLoss):
    """Contrastive loss on similarities: mean over positives of `1 - s`, plus mean over negatives of `[s - margin]_+`.

    The form of `torch.nn.CosineEmbeddingLoss`, with a mean for each kind of pair, so that the many negatives do not
    drown the few positives.

    Args:
        margin: similarity that negatives may have, in [-1, 1). Worth searching from 0 to .6.

    Example:
        >>> sim = torch.tensor([[0.8, 0.3, -0.1], [0.2, 0.6, 0.5]])
        >>> is_pos = torch.tensor([[True, False, False], [False, True, True]])
        >>> round(CosineContrastive(margin=0.25)(sim, is_pos).item(), 6)
        0.383333
    """

    expects, needs = Similarity.BOUNDED, frozenset()
    near_one = True

    def __init__(self, margin: float = 0.25) -> None:
        super().__init__()
        if not -1 <= margin < 1:
            raise ValueError(f"CosineContrastive: margin is {margin}; it must be at least -1 and below 1")
        self.margin = margin

    def parts(self, sim: Tensor, is_pos: Tensor, is_neg: Tensor) -> list[tuple[Tensor, Tensor]]:
        far = torch.where(is_pos, 1 - sim, 0)  # (N, M)
        near = torch.where(is_neg, (sim - self.margin).relu(), 0)
        return [(far.sum(1), is_pos.sum(1)), (near.sum(1), is_neg.sum(1))]  # a mean for each kind
