"""What every proxy loss is: classes with proxies that both modalities share."""

from abc import abstractmethod
from typing import final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from crossmodal.errors import NonFiniteError
from crossmodal.losses.base import can_look
from crossmodal.similarity.vectors import unit_rows

UNKNOWN = -1


class ProxyLoss(nn.Module):
    """A loss over classes: which label. Rows of both modalities meet the same proxies.

    A subclass writes `value`. Rows whose label is unknown (-1) are absent; where no row is left, the loss and all its
    gradients are 0.

    Args:
        dim: D of the vectors.
        classes: K, at least 2.
        per_class: proxies of each class.
        bias: a learned constant for each class too.
    """

    def __init__(self, dim: int, classes: int, *, per_class: int = 1, bias: bool = False) -> None:
        super().__init__()
        if dim < 1 or classes < 2 or per_class < 1:
            raise ValueError(
                f"{type(self).__name__}: dim is {dim}, classes {classes} and proxies a class {per_class}; "
                "they must be at least 1, 2 and 1"
            )
        self.dim, self.classes = dim, classes
        # As Proxy-Anchor's authors draw them (kaiming normal, fan out); directions are uniform on the sphere.
        self.proxies = nn.Parameter(torch.randn(classes * per_class, dim) * (2 / (classes * per_class)) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(classes), requires_grad=bias)

    @abstractmethod
    def value(self, emb: Tensor, labels: Tensor, share: Tensor) -> Tensor:
        """The formula, a scalar.

        Args:
            emb: (N, D) float32 or wider; rows of unknown label are 0.
            labels: (N,) int64 in 0 .. K-1; unknown ones are 0.
            share: (N,) weight of each row; 0 where the label is unknown.
        """

    @final  # type: ignore[misc]  # nn.Module declares it as an attribute
    def forward(self, emb: Tensor, labels: Tensor, weight: Tensor | None = None) -> Tensor:
        """The loss of a batch of one modality, or of both, one under the other.

        Args:
            emb: (N, D) float.
            labels: (N,) int64, 0 to classes - 1; -1: unknown.
            weight: (N,) float, at least 0; weights that sum to 0 give loss 0.

        Returns:
            A scalar in float32 or wider, always part of the graph.

        Raises:
            ValueError: an argument of wrong shape or type, a label out of range, or a vector that is not finite. What a
                value must be is looked at where that does not make a GPU wait, and not under `torch.compile`.
        """
        self._check(emb, labels, weight)
        known = labels != UNKNOWN
        emb = emb.to(torch.promote_types(emb.dtype, torch.float32))
        if not can_look(labels) or not known.all():  # a twelfth of ArcFace's time, forward and backward
            emb = emb.masked_fill(~known[:, None], 0)
        total = emb.detach().sum() * 0  # NaN, where anything is not finite
        if can_look(total) and total.isnan():
            raise NonFiniteError(f"{type(self).__name__}: emb {tuple(emb.shape)} holds NaN or infinity")
        share = known.to(emb.dtype) if weight is None else torch.where(known, weight.to(emb.dtype), 0)
        with torch.autocast(emb.device.type, enabled=False):
            return total + self.value(emb, torch.where(known, labels, 0), share)

    def after_step(self) -> None:
        """Bring learned constants back into their range; called after each step of the optimiser."""

    def _check(self, emb: Tensor, labels: Tensor, weight: Tensor | None) -> None:
        name = type(self).__name__
        if emb.ndim != 2 or emb.shape[1] != self.dim or not emb.is_floating_point():
            raise ValueError(f"{name}: emb is {tuple(emb.shape)} {emb.dtype}; it must be (rows, {self.dim}) float")
        if labels.shape != emb.shape[:1] or labels.dtype != torch.int64:
            raise ValueError(f"{name}: labels is {tuple(labels.shape)} {labels.dtype}; it must be ({len(emb)},) int64")
        if weight is not None and weight.shape != emb.shape[:1]:
            raise ValueError(f"{name}: weight is {tuple(weight.shape)}; it must be ({len(emb)},), one for each row")
        if can_look(labels) and len(labels) and not ((labels >= UNKNOWN) & (labels < self.classes)).all():
            raise ValueError(
                f"{name}: labels holds {int(labels.min())} to {int(labels.max())}; it must be 0 to {self.classes - 1}, "
                "or -1 for unknown"
            )


def cosines(emb: Tensor, proxies: Tensor) -> Tensor:
    """(N, D), (K, D) -> (N, K), in the type of `emb`."""
    return unit_rows(emb) @ unit_rows(proxies.to(emb.dtype)).T


def lengths(rows: Tensor) -> Tensor:
    """(N, D) -> (N,) Euclidean; a zero row has gradient 0."""
    squares = rows.square().sum(1)
    alive = squares > 0
    return torch.where(alive, torch.where(alive, squares, 1).sqrt(), 0)


def is_target(labels: Tensor, classes: int) -> Tensor:
    """(N, K) bool: the class of each row."""
    return labels[:, None] == torch.arange(classes, device=labels.device)


def at_target(logits: Tensor, labels: Tensor) -> Tensor:
    """(N, K) -> (N,) the entries of the own classes."""
    return logits.gather(1, labels[:, None])[:, 0]


def with_target(logits: Tensor, labels: Tensor, values: Tensor) -> Tensor:
    """(N, K) with the entries of the own classes replaced by `values` (N,)."""
    return logits.scatter(1, labels[:, None], values[:, None])


def weighted_mean(rows: Tensor, share: Tensor) -> Tensor:
    """`sum(share * rows) / sum(share)`; 0 where the shares sum to 0."""
    whole = share.sum()
    return (share * torch.where(share > 0, rows, 0)).sum() / torch.where(whole > 0, whole, 1)


def cross_entropy(logits: Tensor, labels: Tensor, share: Tensor) -> Tensor:
    """Weighted mean of `-log softmax(logits)` at the labels."""
    return weighted_mean(F.cross_entropy(logits, labels, reduction="none"), share)
