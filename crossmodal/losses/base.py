"""What every pair loss is: a formula over a matrix of similarities, with checks, masks and averaging done once."""

from abc import abstractmethod
from enum import Enum
from typing import ClassVar, final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from crossmodal.errors import NonFiniteError
from crossmodal.similarity.vectors import Similarity


class Kind(Enum):
    """The kinds of pairs that a row may have."""

    POS = "positive"
    NEG = "negative"


class PairLoss(nn.Module):
    """A loss over pairs: who belongs to whom. A subclass writes `parts` and names what it expects and needs.

    `expects`: what kind of similarity its matrix must hold. `needs`: kinds of pairs without which a row is absent from
    sums and counts (it still serves as a column); where no row is left, the loss and all its gradients are 0.
    `near_one`: its targets suppose that what belongs together has similarity 1, as vectors have and sequences have not.
    """

    expects: Similarity = Similarity.BOUNDED
    needs: ClassVar[frozenset[Kind]] = frozenset({Kind.POS, Kind.NEG})
    near_one: ClassVar[bool] = False

    @abstractmethod
    def parts(self, sim: Tensor, is_pos: Tensor, is_neg: Tensor) -> list[tuple[Tensor, Tensor]]:
        """The formula: for each part its sums (N,) and what it averages over, its counts (N,).

        Every row is computed for itself, so that blocks of rows can be given. Counts that are all 0 say that the paper
        takes the sum and divides by nothing.

        Args:
            sim: (N, M) float32 or wider, higher is closer; ignored entries are 0.
            is_pos: (N, M) bool.
            is_neg: (N, M) bool; what is in neither is ignored.
        """

    @final  # type: ignore[misc]  # nn.Module declares it as an attribute
    def forward(
        self, sim: Tensor, is_pos: Tensor, ignore: Tensor | None = None, weight: Tensor | None = None
    ) -> Tensor:
        """The loss: sum over its parts of `sum(weight * sums) / sum(weight * counts)`.

        NaN or infinity in an ignored entry does no harm. In one that counts it is refused; on a GPU, where looking
        would make every step wait, and under `torch.compile` it shows as NaN in the result.

        Args:
            sim: (N, M) float, higher is closer.
            is_pos: (N, M) bool, True where row and column belong together.
            ignore: (N, M) bool, True where a pair is neither positive nor negative; wins over `is_pos`.
            weight: (N,) float, at least 0; weights that sum to 0 give loss 0.

        Returns:
            A scalar in float32 or wider, always part of the graph.

        Raises:
            ValueError: an argument of wrong shape or type, or not finite; the text names it.
        """
        _check(type(self).__name__, sim, is_pos, ignore, weight)
        wide = torch.promote_types(sim.dtype, torch.float32)
        kept = (sim if ignore is None else sim.masked_fill(ignore, 0)).to(wide)
        total = kept.detach().sum() * 0  # NaN, where anything is not finite
        if can_look(total) and total.isnan():
            raise NonFiniteError(
                f"{type(self).__name__}: sim {tuple(sim.shape)} holds NaN or infinity in an entry that counts. Look at "
                "what the towers give; a lower learning rate may help."
            )
        for value, amount in self._totals(kept, is_pos, ignore, weight):
            total = total + value / torch.where(amount > 0, amount, 1)
        return total

    def totals(
        self,
        sim: Tensor,
        is_pos: Tensor,
        ignore: Tensor | None = None,
        weight: Tensor | None = None,
        columns: Tensor | None = None,
    ) -> list[tuple[Tensor, Tensor]]:
        """For each part `sum(weight * sums)` and `sum(weight * counts)`, scalars: those of blocks of rows add up.

        Arguments as of `forward`, unchecked. `columns` (M,): the `column_statistic` of all rows, for the losses that
        have one; None: `sim` is all rows.
        """
        sim = sim.to(torch.promote_types(sim.dtype, torch.float32))
        return self._totals(sim if ignore is None else sim.masked_fill(ignore, 0), is_pos, ignore, weight, columns)

    def _totals(
        self,
        sim: Tensor,
        is_pos: Tensor,
        ignore: Tensor | None,
        weight: Tensor | None,
        columns: Tensor | None = None,
    ) -> list[tuple[Tensor, Tensor]]:
        is_neg = ~is_pos
        if ignore is not None:
            is_pos, is_neg = is_pos & ~ignore, is_neg & ~ignore
        present = self._present(is_pos, is_neg)
        share = present.to(sim.dtype) if weight is None else torch.where(present, weight.to(sim.dtype), 0)
        parts = self.parts(sim, is_pos, is_neg) if columns is None else self.parts(sim, is_pos, is_neg, columns)  # type: ignore[call-arg]
        return [
            (
                (share * torch.where(present, sums, 0)).sum(),
                (share * torch.where(present, counts.to(sim.dtype), 0)).sum(),
            )
            for sums, counts in parts
        ]

    def after_step(self) -> None:
        """Bring learned constants back into their range; called after each step of the optimiser."""

    def _present(self, is_pos: Tensor, is_neg: Tensor) -> Tensor:
        present = torch.ones(is_pos.shape[0], dtype=torch.bool, device=is_pos.device)
        if Kind.POS in self.needs:
            present = present & is_pos.any(1)
        if Kind.NEG in self.needs:
            present = present & is_neg.any(1)
        return present


def masked_logsumexp(logits: Tensor, mask: Tensor) -> Tensor:
    """Logsumexp along the last axis over `mask`; a row without any is the smallest finite number, with gradient 0.

    Args:
        logits: (N, M) float.
        mask: (N, M) bool.

    Returns:
        (N,).
    """
    least = torch.finfo(logits.dtype).min
    if logits.shape[-1] == 0:
        return logits.sum(-1) + least  # a part of the graph
    value = torch.where(mask, logits, least).logsumexp(-1)
    return torch.where(mask.any(-1), value, least)


def log1p_exp(x: Tensor) -> Tensor:
    """`log(1 + e^x)`, softplus; past x = 40, where e^-x is below what float64 adds to x, it is x itself."""
    return F.softplus(x, threshold=40)


def can_look(value: Tensor) -> bool:
    """Whether reading a value neither waits for a GPU nor breaks a compiled graph."""
    return value.device.type == "cpu" and not torch.compiler.is_compiling()


def _check(name: str, sim: Tensor, is_pos: Tensor, ignore: Tensor | None, weight: Tensor | None) -> None:
    if sim.ndim != 2 or not sim.is_floating_point():
        raise ValueError(f"{name}: sim is {tuple(sim.shape)} {sim.dtype}; it must be (N, M) float")
    for label, mask in (("is_pos", is_pos), ("ignore", ignore)):
        if mask is not None and (mask.shape != sim.shape or mask.dtype != torch.bool):
            raise ValueError(
                f"{name}: {label} is {tuple(mask.shape)} {mask.dtype}; it must be {tuple(sim.shape)} bool as sim is"
            )
    if weight is not None and weight.shape != sim.shape[:1]:
        raise ValueError(
            f"{name}: weight is {tuple(weight.shape)}; it must be ({sim.shape[0]},), one for each row of sim"
        )
