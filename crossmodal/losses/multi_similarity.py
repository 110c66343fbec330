"""Multi-similarity loss, with its miner inside."""

from torch import Tensor

from crossmodal.losses.base import PairLoss, log1p_exp, masked_logsumexp
from crossmodal.sampling.miners import MultiSimilarity as MultiSimilarityMiner
from crossmodal.similarity.vectors import Similarity


class MultiSimilarity(PairLoss):
    """Multi-similarity: a soft maximum over positives and one over negatives, each around one similarity.

    Wang et al., CVPR 2019: the mean over all rows, those left without pairs too, of
    `log(1 + sum_p exp(-alpha (s - base))) / alpha + log(1 + sum_n exp(beta (s - base))) / beta`, after its
    miner chose the pairs (`crossmodal.sampling.MultiSimilarity`).

    Args:
        alpha, beta: steepness for positives and negatives, > 0; the paper's 2 and 50 (the authors' code: beta 40).
        base: similarity around which both turn; the authors' code has .5 (the paper is quoted with 1).
        epsilon: of the miner, the paper's .1; None: no mining.

    Example:
        >>> sim = torch.tensor([[0.8, 0.3, -0.1], [0.2, 0.6, 0.5]])
        >>> is_pos = torch.tensor([[True, False, False], [False, True, True]])
        >>> round(MultiSimilarity(epsilon=None)(sim, is_pos).item(), 6)
        0.368444
    """

    expects, needs = Similarity.BOUNDED, frozenset()
    near_one = True

    def __init__(
        self, alpha: float = 2.0, beta: float = 50.0, *, base: float = 0.5, epsilon: float | None = 0.1
    ) -> None:
        super().__init__()
        if alpha <= 0 or beta <= 0:
            raise ValueError(f"MultiSimilarity: alpha is {alpha} and beta {beta}; both must be above 0")
        self.alpha, self.beta, self.base = alpha, beta, base
        self.miner = None if epsilon is None else MultiSimilarityMiner(epsilon)

    def parts(self, sim: Tensor, is_pos: Tensor, is_neg: Tensor) -> list[tuple[Tensor, Tensor]]:
        counted = (is_pos | is_neg).any(1)
        if self.miner is not None:
            is_pos, is_neg = self.miner(sim.detach(), is_pos, is_neg)
        above = sim - self.base  # (N, M)
        pull = log1p_exp(masked_logsumexp(-self.alpha * above, is_pos)) / self.alpha  # (N,)
        push = log1p_exp(masked_logsumexp(self.beta * above, is_neg)) / self.beta
        return [(pull + push, counted)]  # mean over all rows
