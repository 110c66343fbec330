"""Lifted structure: a positive pair against all negatives of both its ends; and its generalised form."""

import torch
from torch import Tensor

from crossmodal.losses.base import Kind, PairLoss, masked_logsumexp
from crossmodal.similarity.vectors import Similarity


class LiftedStructure(PairLoss):
    """Lifted structure: each positive pair against the negatives of its row and of its column.

    Oh Song et al., CVPR 2016, eq. 4: `1 / (2 |P|) sum_(i,j) [log(sum_n e^(margin - D_in) + sum_n e^(margin - D_nj))
    + D_ij]_+^2`. Between two encoders the second sum runs over the rows that are negatives of column j, which makes
    both directions the same. The matrix of all pairs against all negatives is never made.

    In blocks of rows the column sums must be known before: `column_statistic` of each block, joined by logaddexp, is
    the `columns` of `totals`.

    Args:
        margin: in units of distance; the paper's 1. Distances are those of the vectors as they come.

    Example:
        >>> distance = torch.tensor([[0.4, 1.1, 1.3], [1.2, 0.7, 0.9]])
        >>> is_pos = torch.tensor([[True, False, False], [False, True, True]])
        >>> round(LiftedStructure()(-distance, is_pos).item(), 5)
        0.84183
    """

    expects, needs = Similarity.NEG_DISTANCE, frozenset({Kind.POS})

    def __init__(self, margin: float = 1.0) -> None:
        super().__init__()
        self.margin = margin

    def column_statistic(self, sim: Tensor, is_neg: Tensor) -> Tensor:
        """(n, M) rows of the matrix -> (M,) log of the sum over each column's negatives of `e^(margin - D)`."""
        return masked_logsumexp((self.margin + sim).T, is_neg.T)

    def parts(
        self, sim: Tensor, is_pos: Tensor, is_neg: Tensor, columns: Tensor | None = None
    ) -> list[tuple[Tensor, Tensor]]:
        if columns is None:
            columns = self.column_statistic(sim, is_neg)  # (M,)
        rows = masked_logsumexp(self.margin + sim, is_neg)  # (N,)
        wrong = (torch.logaddexp(rows[:, None], columns) - sim).relu().square()  # (N, M)
        return [(torch.where(is_pos, wrong, 0).sum(1), 2 * is_pos.sum(1))]  # mean over positive pairs, halved


class GeneralisedLifted(PairLoss):
    """Generalised lifted structure: all positives of an anchor against all its negatives.

    Hermans et al. 2017: the mean over anchors of `[log sum_p e^D + log sum_n e^(margin - D)]_+`.

    Args:
        margin: in units of distance; 1.

    Example:
        >>> distance = torch.tensor([[0.4, 1.1, 1.3], [1.2, 0.7, 0.9]])
        >>> is_pos = torch.tensor([[True, False, False], [False, True, True]])
        >>> round(GeneralisedLifted()(-distance, is_pos).item(), 5)
        1.09814
    """

    expects, needs = Similarity.NEG_DISTANCE, frozenset({Kind.POS, Kind.NEG})

    def __init__(self, margin: float = 1.0) -> None:
        super().__init__()
        self.margin = margin

    def parts(self, sim: Tensor, is_pos: Tensor, is_neg: Tensor) -> list[tuple[Tensor, Tensor]]:
        complete = is_pos.any(1) & is_neg.any(1)
        far, near = masked_logsumexp(-sim, is_pos), self.margin + masked_logsumexp(sim, is_neg)  # (N,)
        return [((far + near).relu(), complete)]  # mean over anchors
