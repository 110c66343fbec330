"""Margin loss: every pair on its side of one learned boundary."""

import torch
from torch import Tensor, nn

from crossmodal.losses.base import PairLoss, can_look
from crossmodal.similarity.vectors import Similarity


class Margin(PairLoss):
    """Margin loss: positives inside a boundary, negatives outside, each by `alpha`.

    Wu et al., ICCV 2017: `[alpha + y (D - beta)]_+`, y = 1 for positives and -1 for negatives, divided by
    the number of pairs whose loss is not 0. The paper draws its negatives by distance
    (`crossmodal.sampling.DistanceWeighted`); vectors are to be of unit length. With a boundary for each class it is
    `MarginClass`; the paper's further boundary for each row, and its price on large boundaries (nu, 0 in the authors'
    code), are left out.

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


class MarginClass(nn.Module):
    """Margin loss with a boundary for each class: `beta + by_class` of the anchor's class.

    Wu et al., ICCV 2017, sec. 4.2: `beta_0 + beta_class`, both learned. A class whose rows lie wide apart gets a wide
    boundary. As the pairs of `Margin` have no class, the labels of the anchors come with them: `CrossModalLoss` gives
    those of the videos on the way to music, and those of the music on the way back, where this is its loss on labels.

    Args:
        classes: K, at least 2.
        alpha, beta, learned: as of `Margin`; `learned` is for both parts of the boundary.

    Example:
        >>> loss = MarginClass(3)
        >>> loss.by_class.data[2] = -0.3
        >>> distance, is_pos = torch.tensor([[1.0, 1.6]]), torch.tensor([[True, False]])
        >>> [round(loss(-distance, torch.tensor([label]), is_pos).item(), 4) for label in (0, 2)]
        [0.0, 0.3]
    """

    expects = Similarity.NEG_DISTANCE

    def __init__(self, classes: int, alpha: float = 0.2, beta: float = 1.2, *, learned: bool = True) -> None:
        super().__init__()
        if classes < 2:
            raise ValueError(f"MarginClass: classes is {classes}; it must be at least 2")
        self.margin = Margin(alpha, beta, learned=learned)
        self.by_class = nn.Parameter(torch.zeros(classes), requires_grad=learned)

    def forward(
        self,
        sim: Tensor,
        labels: Tensor,
        is_pos: Tensor,
        ignore: Tensor | None = None,
        weight: Tensor | None = None,
    ) -> Tensor:
        """The loss of one direction, a scalar; arguments but `labels` as of every pair loss.

        Args:
            sim: (N, M) float, minus the distance.
            labels: (N,) int64, the class of each anchor, 0 to classes - 1; -1: unknown, all its pairs are ignored.
            is_pos, ignore: (N, M) bool.
            weight: (N,) float.

        Raises:
            ValueError: an argument of wrong shape or type, or a label out of range; the text names it.
        """
        classes = len(self.by_class)
        if labels.shape != sim.shape[:1] or labels.dtype != torch.int64:
            raise ValueError(f"MarginClass: labels is {tuple(labels.shape)} {labels.dtype}; it must be (rows,) int64")
        if can_look(labels) and len(labels) and not ((labels >= -1) & (labels < classes)).all():
            raise ValueError(
                f"MarginClass: labels holds {int(labels.min())} to {int(labels.max())}; it must be 0 to {classes - 1}, "
                "or -1 for unknown"
            )
        unknown = (labels < 0)[:, None].expand_as(sim)
        ignore = unknown if ignore is None else ignore | unknown
        # D - (beta + by_class) is D - by_class against beta.
        further = self.by_class[labels.clamp_min(0)].to(torch.promote_types(sim.dtype, torch.float32))
        return self.margin(sim + further[:, None], is_pos, ignore, weight)

    @torch.no_grad()
    def after_step(self) -> None:
        """Hold each boundary where distances of unit vectors are, to be called after each step of the optimiser."""
        self.margin.after_step()
        self.by_class.copy_((self.by_class + self.margin.beta).clamp(0, 2) - self.margin.beta)
