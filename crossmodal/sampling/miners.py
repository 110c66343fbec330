"""Miners: which pairs of a batch a loss should see.

A miner looks at each row for itself, so that it also works on blocks of rows. What it does not keep is neither positive
nor negative: `left_out` gives the `ignore` of any pair loss.
"""

import math
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

PAIR_BLOCK = 1 << 22  # triplets looked at together


class Miner(Protocol):
    """Chooses pairs; carries no gradient."""

    def __call__(self, sim: Tensor, is_pos: Tensor, is_neg: Tensor) -> tuple[Tensor, Tensor]:
        """The positives and the negatives to keep.

        Args:
            sim: (N, M) float, higher is closer.
            is_pos: (N, M) bool.
            is_neg: (N, M) bool.

        Returns:
            Two (N, M) bool, subsets of `is_pos` and of `is_neg`.
        """


def left_out(miner: Miner, sim: Tensor, is_pos: Tensor, ignore: Tensor | None = None) -> Tensor:
    """What a loss must ignore after mining, (N, M) bool: all that `miner` does not keep, and `ignore`.

    Example:
        >>> sim, is_pos = torch.tensor([[0.9, 0.2, 0.4]]), torch.tensor([[True, False, False]])
        >>> left_out(Hard(), sim, is_pos)
        tensor([[False,  True, False]])
    """
    is_neg = ~is_pos
    if ignore is not None:
        is_pos, is_neg = is_pos & ~ignore, is_neg & ~ignore
    keep_pos, keep_neg = miner(sim.detach(), is_pos, is_neg)
    return ~(keep_pos | keep_neg)


@dataclass(frozen=True, slots=True)
class Hard:
    """Of each row the farthest positive and the nearest negative (batch-hard; Hermans et al. 2017, eq. 5)."""

    def __call__(self, sim: Tensor, is_pos: Tensor, is_neg: Tensor) -> tuple[Tensor, Tensor]:
        return _highest(-sim, is_pos), _highest(sim, is_neg)


@dataclass(frozen=True, slots=True)
class SemiHard:
    """Pairs of triplets whose negative is farther than the positive, but not by more than the margin.

    FaceNet (Schroff et al. 2015, §3.2): `s_p - margin <= s_n < s_p`. A positive is kept if any negative of its row is
    semi-hard for it, a negative if it is semi-hard for any positive.

    Args:
        margin: above 0, in units of the similarity; .2 of squared distance is .1 of cosine.
    """

    margin: float = 0.1

    def __call__(self, sim: Tensor, is_pos: Tensor, is_neg: Tensor) -> tuple[Tensor, Tensor]:
        sim = sim.contiguous()
        negatives = torch.where(is_neg, sim, torch.inf).sort(1).values  # (N, M)
        positives = torch.where(is_pos, sim, torch.inf).sort(1).values
        keep_pos = torch.searchsorted(negatives, sim) > torch.searchsorted(negatives, sim - self.margin)
        keep_neg = torch.searchsorted(positives, sim + self.margin, right=True) > torch.searchsorted(
            positives, sim, right=True
        )
        return is_pos & keep_pos, is_neg & keep_neg


@dataclass(frozen=True, slots=True)
class EasyPositive:
    """Of each row the nearest positive, and the nearest negative (EPHN) or the nearest below that positive (EPSHN).

    Xuan et al., WACV 2020, §3. Rows of one track that look different need not be drawn together.

    Args:
        negatives: `hard` or `semi_hard`; with the second a row without any farther negative has none.
    """

    negatives: Literal["hard", "semi_hard"] = "hard"

    def __call__(self, sim: Tensor, is_pos: Tensor, is_neg: Tensor) -> tuple[Tensor, Tensor]:
        keep_pos = _highest(sim, is_pos)
        if self.negatives == "semi_hard":
            nearest = torch.where(keep_pos, sim, -torch.inf).amax(1, keepdim=True) if sim.shape[1] else sim
            is_neg = is_neg & (sim < nearest)
        return keep_pos, _highest(sim, is_neg)


@dataclass(frozen=True, slots=True)
class MultiSimilarity:
    """Negatives nearer than the farthest positive, positives farther than the nearest negative, each by `epsilon`.

    Wang et al., CVPR 2019, eq. 7 and 8: `s_n + epsilon > min_P s` and `s_p - epsilon < max_N s`.

    Args:
        epsilon: the paper's .1.
    """

    epsilon: float = 0.1

    def __call__(self, sim: Tensor, is_pos: Tensor, is_neg: Tensor) -> tuple[Tensor, Tensor]:
        if sim.shape[1] == 0:
            return is_pos, is_neg
        farthest = torch.where(is_pos, sim, torch.inf).amin(1, keepdim=True)
        nearest = torch.where(is_neg, sim, -torch.inf).amax(1, keepdim=True)
        return is_pos & (sim - self.epsilon < nearest), is_neg & (sim + self.epsilon > farthest)


@dataclass(frozen=True, slots=True, eq=False)
class Angular:
    """Pairs of triplets in which the negative sees anchor and positive under a wide angle.

    The angle of Wang et al., ICCV 2017, eq. 4: `tan = |a - p| / (2 |n - c|)`, c the middle of a and p. It asks how near
    negatives are to positives, which (N, M) does not say; hence one such miner a batch.

    Args:
        among: (M, M) cosine of the columns with each other.
        degrees: triplets above it are kept.
    """

    among: Tensor
    degrees: float = 20.0

    def __call__(self, sim: Tensor, is_pos: Tensor, is_neg: Tensor) -> tuple[Tensor, Tensor]:
        if self.among.shape != (sim.shape[1], sim.shape[1]):
            raise ValueError(f"Angular: among is {tuple(self.among.shape)}; it must be ({sim.shape[1]},) squared")
        keep_pos, keep_neg = torch.zeros_like(is_pos), torch.zeros_like(is_neg)
        limit = math.tan(math.radians(self.degrees))
        for part in is_pos.nonzero().split(max(PAIR_BLOCK // max(sim.shape[1], 1), 1)):
            anchor, positive = part.T
            near = sim[anchor, positive][:, None]  # (P, 1)
            to_middle = 1 - sim[anchor] - self.among[positive] + (1 + near) / 2  # (P, M) |n - c|^2
            wide = is_neg[anchor] & (2 - 2 * near > 4 * limit**2 * to_middle)
            keep_pos[anchor, positive] = wide.any(1)
            keep_neg.index_put_((anchor,), wide.to(keep_neg.dtype), accumulate=True)
        return keep_pos, keep_neg


@dataclass(frozen=True, slots=True)
class DistanceWeighted:
    """As many negatives as a row has positives, drawn so that all distances are met alike; all positives.

    Wu et al., ICCV 2017, §4.2: on a sphere in `dim` dimensions almost all distances are near sqrt 2; weights
    `1 / q(D)`, `log 1/q = (2 - n) log D - (n - 3)/2 log(1 - D^2/4)`, undo that. Drawn without replacement; a row whose
    negatives all lie beyond `limit` keeps none.

    Args:
        dim: of the vectors, n above.
        cutoff: distances below it weigh as much as it does.
        limit: distances beyond it are not drawn.
        generator: of the draw; None: torch's own.
    """

    dim: int
    cutoff: float = 0.5
    limit: float = 1.4
    generator: torch.Generator | None = None

    def __call__(self, sim: Tensor, is_pos: Tensor, is_neg: Tensor) -> tuple[Tensor, Tensor]:
        distance = (2 - 2 * sim).clamp_min(0).sqrt()  # (N, M)
        open_to = is_neg & (distance < self.limit)
        noise = torch.rand(sim.shape, generator=self.generator, dtype=sim.dtype, device=sim.device)
        gumbel = -(-noise.clamp_min(1e-20).log()).log()
        keys = torch.where(open_to, self.log_weight(distance) + gumbel, -torch.inf)
        rank = keys.argsort(1, descending=True).argsort(1)  # (N, M) 0 for the first drawn
        return is_pos, open_to & (rank < is_pos.sum(1, keepdim=True))

    def log_weight(self, distance: Tensor) -> Tensor:
        """`log 1/q` of distances, up to a constant."""
        at = distance.clamp(self.cutoff, self.limit)
        return (2 - self.dim) * at.log() - (self.dim - 3) / 2 * (1 - at.square() / 4).log()


MINERS: dict[str, type[Miner]] = {
    "hard": Hard,
    "semi_hard": SemiHard,
    "easy_positive": EasyPositive,
    "multi_similarity": MultiSimilarity,
    "angular": Angular,
    "distance_weighted": DistanceWeighted,
}


def _highest(values: Tensor, mask: Tensor) -> Tensor:
    """(N, M) bool: of each row the entry of `mask` with the highest value, the first of equals."""
    if values.shape[1] == 0:
        return mask
    best = torch.where(mask, values, -torch.inf).argmax(1, keepdim=True)
    return torch.zeros_like(mask).scatter_(1, best, True) & mask
