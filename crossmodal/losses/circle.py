"""Circle loss between pairs."""

from torch import Tensor

from crossmodal.losses.base import Kind, PairLoss, log1p_exp, masked_logsumexp
from crossmodal.similarity.vectors import Similarity


class Circle(PairLoss):
    """Circle loss: each pair is pulled or pushed as hard as it is wrong.

    Sun et al., CVPR 2020, eq. 6, with O_p = 1 + m, O_n = -m, delta_p = 1 - m, delta_n = m: the mean over anchors of
    `log(1 + sum_n exp(gamma a_n (s - m)) sum_p exp(-gamma a_p (s - 1 + m)))`. The weights `a_p = [1 + m - s]_+` and
    `a_n = [s + m]_+` carry no gradient, as in the paper's eq. 5, so finite differences do not give it.

    Args:
        m: relaxation, above 0 and below 1. Small: tight classes, slow start. Retrieval .4, faces .25.
        gamma: scale, > 0; the paper's 80 for retrieval, 256 for faces, 128 for persons.

    Example:
        >>> loss = Circle()(torch.tensor([[0.7, 0.5]]), torch.tensor([[True, False]]))
        >>> round(loss.item(), 3)
        1.784
    """

    expects, needs = Similarity.BOUNDED, frozenset({Kind.POS, Kind.NEG})
    near_one = True

    def __init__(self, m: float = 0.4, gamma: float = 80.0) -> None:
        super().__init__()
        check_circle("Circle", m, gamma)
        self.m, self.gamma = m, gamma

    def parts(self, sim: Tensor, is_pos: Tensor, is_neg: Tensor) -> list[tuple[Tensor, Tensor]]:
        pull, push = circle_logits(sim, self.m, self.gamma)  # (N, M) each
        complete = is_pos.any(1) & is_neg.any(1)
        wrong = log1p_exp(masked_logsumexp(pull, is_pos) + masked_logsumexp(push, is_neg))  # (N,)
        return [(wrong, complete)]  # mean over anchors that have both


def circle_logits(sim: Tensor, m: float, gamma: float) -> tuple[Tensor, Tensor]:
    """Logits of each entry as a positive and as a negative, the shape of `sim`; their weights carry no gradient."""
    lack = (1 + m - sim.detach()).relu()  # alpha_p
    excess = (sim.detach() + m).relu()  # alpha_n
    return -gamma * lack * (sim - (1 - m)), gamma * excess * (sim - m)


def check_circle(name: str, m: float, gamma: float) -> None:
    """Raise ValueError for constants out of range."""
    if not 0 < m < 1 or gamma <= 0:
        raise ValueError(f"{name}: m is {m} and gamma {gamma}; m must lie between 0 and 1, gamma above 0")
