"""Structure losses: the geometry within one modality, before and after its encoder; norms."""

from abc import abstractmethod
from typing import ClassVar, final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from crossmodal.errors import NonFiniteError
from crossmodal.losses.base import can_look
from crossmodal.similarity.vectors import cosine


class StructureLoss(nn.Module):
    """A loss on the rows of one modality: what they were before the encoder, and what they are after it.

    A subclass writes `value`. `looks_before`: it compares with the features at all. A batch of one row, or of none,
    gives 0 and gradients of 0 where a loss compares rows.
    """

    looks_before: ClassVar[bool] = True

    @abstractmethod
    def value(self, before: Tensor, after: Tensor) -> Tensor:
        """The formula, a scalar. `before` (N, D0) and `after` (N, D), float32 or wider."""

    @final  # type: ignore[misc]  # nn.Module declares it as an attribute
    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        """The loss of a batch.

        Args:
            before: (N, D0) float, features that the encoder was given; no gradient goes to them.
            after: (N, D) float, the vectors that it made.

        Returns:
            A scalar in float32 or wider, always part of the graph of `after`.

        Raises:
            ValueError: an argument of wrong shape or type, or not finite; the text names it.
        """
        name = type(self).__name__
        for label, rows in (("before", before), ("after", after)):
            if rows.ndim != 2 or not rows.is_floating_point() or rows.shape[0] != after.shape[0]:
                raise ValueError(
                    f"{name}: {label} is {tuple(rows.shape)} {rows.dtype}; it must be ({after.shape[0]}, D) float"
                )
            if can_look(rows) and not rows.isfinite().all():
                raise NonFiniteError(f"{name}: {label} {tuple(rows.shape)} holds NaN or infinity")
        wide = torch.promote_types(torch.promote_types(before.dtype, after.dtype), torch.float32)
        before, after = before.detach().to(wide), after.to(wide)
        return self.value(before, after) + (after * 0).sum()


class SquaredNorm(StructureLoss):
    """Mean squared length of the vectors: what N-pair adds to its loss to keep inner products small.

    Sohn, NeurIPS 2016. Ports weigh it differently: TensorFlow's .0005 a side (.002 / 4).

    Example:
        >>> SquaredNorm()(torch.zeros(2, 1), torch.tensor([[3.0, 4.0], [0.0, 1.0]])).item()
        13.0
    """

    looks_before = False

    def value(self, before: Tensor, after: Tensor) -> Tensor:
        return after.square().sum(1).sum() / max(after.shape[0], 1)


class SoftStructure(StructureLoss):
    """CBVMR's soft intra-modal structure constraint: rows keep the order of their neighbours.

    Hong et al., ICMR 2018 (CBVMR): `sum_(i != j != k) [sgn(z_ij - z_ik) - sgn(z~_ij - z~_ik)] (z_ij - z_ik)`, z the
    cosine after the encoder, z~ that of the features before: 0 where a triplet has one order in both, twice the
    difference where not. The signs have no gradient. It is a sum over N^3 triplets; ranks give it in N^2 log N. The
    released code compares only neighbouring columns: `NeighbourStructure`.

    Example:
        >>> before, after = torch.eye(3), torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
        >>> round(SoftStructure()(before, after).item(), 4)
        3.2
    """

    def value(self, before: Tensor, after: Tensor) -> Tensor:
        return order_change(cosine(after, after), cosine(before, before))


def order_change(z: Tensor, z_before: Tensor) -> Tensor:
    """The constraint on matrices (N, N) of similarities after and before: `2 sum_ij z_ij (rank_ij - rank~_ij)`."""
    return 2 * (z * (_rank(z.detach()) - _rank(z_before))).sum()


class NeighbourStructure(StructureLoss):
    """The structure constraint as CBVMR's code was released: neighbouring columns only, of the first rows.

    The mean over rows i < `rows` and columns j < N - 1 of the bracket of `SoftStructure` with k = j + 1. It depends on
    how the batch is ordered.

    Args:
        rows: K; None: all.

    Example:
        >>> before, after = torch.eye(3), torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
        >>> round(NeighbourStructure()(before, after).item(), 4)
        0.1333
    """

    def __init__(self, rows: int | None = None) -> None:
        super().__init__()
        if rows is not None and rows < 1:
            raise ValueError(f"NeighbourStructure: rows is {rows}; it must be at least 1, or None for all")
        self.rows = rows

    def value(self, before: Tensor, after: Tensor) -> Tensor:
        return neighbour_change(cosine(after, after)[: self.rows], cosine(before, before)[: self.rows])


def neighbour_change(z: Tensor, z_before: Tensor) -> Tensor:
    """The released constraint on rows (K, N) of similarities after and before."""
    if z.shape[1] < 2:
        return z.sum() * 0
    step, step_before = z[:, :-1] - z[:, 1:], z_before[:, :-1] - z_before[:, 1:]  # (K, N - 1)
    return ((step.detach().sign() - step_before.sign()) * step).mean()


class IntraModalDistribution(StructureLoss):
    """Each row's softmax over the other rows stays what it was before the encoder.

    The mean over rows of the Kullback-Leibler divergence of the softmax of cosines after the encoder from that before.
    Of our own making, in the spirit of the intra-modal terms of video-music papers; it is no paper's equation.

    Args:
        temperature: divides cosines on both sides, > 0. Small: only the nearest rows count.

    Example:
        >>> rows = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
        >>> abs(IntraModalDistribution()(rows, 2 * rows).item()) < 1e-6
        True
    """

    def __init__(self, temperature: float = 0.1) -> None:
        super().__init__()
        if temperature <= 0:
            raise ValueError(f"IntraModalDistribution: temperature is {temperature}; it must be above 0")
        self.temperature = temperature

    def value(self, before: Tensor, after: Tensor) -> Tensor:
        n = after.shape[0]
        if n < 2:
            return after.sum() * 0
        was, now = (self._log_share(rows) for rows in (before, after))  # (N, N)
        return F.kl_div(now, was, reduction="sum", log_target=True) / n

    def _log_share(self, rows: Tensor) -> Tensor:
        own = torch.eye(rows.shape[0], dtype=torch.bool, device=rows.device)
        logits = (cosine(rows, rows) / self.temperature).masked_fill(own, torch.finfo(rows.dtype).min)
        return logits.log_softmax(1).masked_fill(own, 0)


def _rank(z: Tensor) -> Tensor:
    """(N, N): of each entry how many others of its row, the diagonal left out, are below it, less those above it."""
    own = torch.eye(z.shape[0], dtype=torch.bool, device=z.device)
    ordered = z.masked_fill(own, torch.inf).sort(1).values
    below = torch.searchsorted(ordered, z)
    not_above = torch.searchsorted(ordered, z, right=True)
    above = z.shape[0] - 1 - not_above  # the diagonal is above all
    return (below - above).to(z.dtype).masked_fill(own, 0)
