"""Triplet losses: the positive nearer than the negative, by a margin or softly; all, semi-hard and hardest triplets."""

from typing import Literal

import torch
from torch import Tensor

from crossmodal.losses.base import Kind, PairLoss, log1p_exp
from crossmodal.losses.hinges import hinge_sums
from crossmodal.similarity.vectors import Similarity

EXPECTS = {"squared": Similarity.NEG_SQ_DISTANCE, "plain": Similarity.NEG_DISTANCE}
Distance = Literal["squared", "plain"]


class Triplet(PairLoss):
    """Triplet loss over all triplets, or the semi-hard ones: `[D_p - D_n + margin]_+`.

    FaceNet (Schroff et al., CVPR 2015, eq. 1 to 4): squared distance on the unit sphere, semi-hard negatives
    (`D_p < D_n < D_p + margin`), for every pair of anchor and positive. Triplets are never listed: memory is that of
    the matrix. With `margin=None` (all triplets only) the hinge is `log(1 + e^x)`, which needs a matrix a positive
    pair and, as pairs are counted, cannot be compiled into one graph.

    Args:
        margin: above 0, in units of the distance; None: soft. FaceNet's .2 of squared distance is .1 of cosine.
        triplets: which ones.
        average: over the chosen triplets, or those whose loss is not 0 (Hermans et al. 2017, batch all != 0).
        distance: squared, or as it is. Vectors are taken as they come; FaceNet's are of unit length.

    Example:
        >>> distance = torch.tensor([[0.9, 1.0, 1.3], [0.8, 0.7, 0.9]])
        >>> is_pos = torch.tensor([[True, False, False], [False, True, True]])
        >>> round(Triplet(triplets="all")(-distance.square(), is_pos).item(), 4)
        0.1075
    """

    needs = frozenset({Kind.POS, Kind.NEG})

    def __init__(
        self,
        margin: float | None = 0.2,
        triplets: Literal["all", "semi_hard"] = "semi_hard",
        *,
        average: Literal["all", "non_zero"] = "all",
        distance: Distance = "squared",
    ) -> None:
        super().__init__()
        if margin is not None and margin <= 0:
            raise ValueError(f"Triplet: margin is {margin}; it must be above 0, or None for the soft one")
        if margin is None and (triplets, average) != ("all", "all"):
            raise ValueError("Triplet: the soft margin (None) is never 0; it goes with triplets='all', average='all'")
        self.margin, self.triplets, self.average, self.expects = margin, triplets, average, EXPECTS[distance]

    def parts(self, sim: Tensor, is_pos: Tensor, is_neg: Tensor) -> list[tuple[Tensor, Tensor]]:
        if self.margin is None:
            return [(_soft_sums(sim, is_pos, is_neg), is_pos.sum(1) * is_neg.sum(1))]
        only_semi_hard = self.triplets == "semi_hard"
        sums = hinge_sums(sim, is_pos, is_neg, self.margin, only_semi_hard=only_semi_hard)
        # All semi-hard triplets have a loss, so that both averages are one.
        return [(sums.value, sums.active if only_semi_hard or self.average == "non_zero" else sums.valid)]


class BatchHardTriplet(PairLoss):
    """Batch-hard triplet loss: of each anchor the farthest positive and the nearest negative.

    Hermans et al. 2017, eq. 5: the mean over anchors of `[D_p - D_n + margin]_+`, or of `log(1 + e^(D_p - D_n))`;
    distance not squared, vectors not normalised. A loss that stays at the margin (soft: at log 2 = .693) means that
    all vectors became one.

    Args:
        margin: above 0; None, the authors' choice, is the soft one. They tried .1 to 1.
        distance: as it is, or squared.

    Example:
        >>> distance = torch.tensor([[0.9, 1.0, 1.3], [0.8, 0.7, 0.9]])
        >>> is_pos = torch.tensor([[True, False, False], [False, True, True]])
        >>> round(BatchHardTriplet(margin=0.2)(-distance, is_pos).item(), 4)
        0.2
    """

    needs = frozenset({Kind.POS, Kind.NEG})

    def __init__(self, margin: float | None = None, *, distance: Distance = "plain") -> None:
        super().__init__()
        if margin is not None and margin <= 0:
            raise ValueError(f"BatchHardTriplet: margin is {margin}; it must be above 0, or None for the soft one")
        self.margin, self.expects = margin, EXPECTS[distance]

    def parts(self, sim: Tensor, is_pos: Tensor, is_neg: Tensor) -> list[tuple[Tensor, Tensor]]:
        complete = is_pos.any(1) & is_neg.any(1)
        gap = _highest(sim, is_neg) + _highest(-sim, is_pos)  # (N,) D_p - D_n
        gap = torch.where(complete, gap, 0)
        return [(log1p_exp(gap) if self.margin is None else (gap + self.margin).relu(), complete)]  # mean over anchors


def _highest(values: Tensor, mask: Tensor) -> Tensor:
    if values.shape[1] == 0:
        return values.sum(1)
    return torch.where(mask, values, torch.finfo(values.dtype).min / 4).amax(1)  # equals share the gradient


def _soft_sums(sim: Tensor, is_pos: Tensor, is_neg: Tensor) -> Tensor:
    """(N,) sum over all triplets of `log(1 + e^(s_n - s_p))`."""
    row, column = is_pos.nonzero(as_tuple=True)  # (P,)
    gaps = sim[row] - sim[row, column][:, None]  # (P, M)
    return sim.new_zeros(sim.shape[0]).index_add(0, row, torch.where(is_neg[row], log1p_exp(gaps), 0).sum(1))
