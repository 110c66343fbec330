"""Multi-class N-pair loss."""

from torch import Tensor

from crossmodal.losses.base import Kind, PairLoss
from crossmodal.losses.infonce import against_negatives
from crossmodal.similarity.vectors import Similarity


class NPair(PairLoss):
    """N-pair: each positive pair against the negatives of its row, by inner products that nothing normalises.

    Sohn, NeurIPS 2016 (N-pair-mc): the mean over positive pairs of `log(1 + sum_n exp(f.f_n - f.f_p))`. The paper draws
    one pair a class and adds the squared norms of the vectors with a small weight: the structure loss `SquaredNorm`.

    Example:
        >>> sim = torch.tensor([[1.2, 0.5], [0.3, 0.9]])
        >>> round(NPair()(sim, torch.eye(2, dtype=torch.bool)).item(), 6)
        0.420337
    """

    expects, needs = Similarity.DOT, frozenset({Kind.POS, Kind.NEG})

    def parts(self, sim: Tensor, is_pos: Tensor, is_neg: Tensor) -> list[tuple[Tensor, Tensor]]:
        return [against_negatives(sim, is_pos, is_neg)]
