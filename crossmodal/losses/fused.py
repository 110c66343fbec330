"""InfoNCE of a big batch, both directions out of one matrix that is never held: exact, memory linear in N.

For positive pairs (i, p) and the negatives n of a row or column, with logits `l = t s`, a direction is the mean of
`log(1 + e^(A_i - l_ip))`, `A_i = logsumexp_n l_in`. Blocks of whole rows are made twice: first for the `A` of rows and
columns and the logits of the positive pairs, which are few and are kept; then for the gradient, which by a negative is
`sum_p sigmoid(A_i - l_ip) e^(l_in - A_i)`, so that all a row needs is one number. Equal to `InfoNCE` in `TiledLoss`,
which computes each direction for itself.
"""

from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from crossmodal.losses.base import log1p_exp
from crossmodal.losses.batch import SideBatch
from crossmodal.losses.blocks import logaddexp_over_processes, row_blocks, sum_over_processes

MOST_PAIRS = 16  # positive pairs for each row and column; with more of them memory would not be linear


@dataclass(frozen=True, slots=True, eq=False)
class PositivePairs:
    """The pairs of rows and columns with one id and one domain, by rows.

    Args:
        rows, columns: (P,) int64 indices, rows ascending.
        first: list of N + 1 positions: row i has pairs first[i] to first[i + 1].
    """

    rows: Tensor
    columns: Tensor
    first: list[int]

    @classmethod
    def of(cls, rows: SideBatch, columns: SideBatch) -> "PositivePairs | None":
        """The pairs, or None where they are so many that a list would not be linear in the rows."""
        ids, order = columns.ids.sort()
        begin, end = torch.searchsorted(ids, rows.ids), torch.searchsorted(ids, rows.ids, right=True)
        counts = end - begin  # (N,)
        if int(counts.sum()) > MOST_PAIRS * (len(rows.ids) + len(ids)):
            return None
        row = torch.repeat_interleave(counts)
        within = torch.arange(len(row), device=row.device) - (counts.cumsum(0) - counts)[row]
        column = order[begin[row] + within]
        if rows.domain is not None and columns.domain is not None:
            kept = rows.domain[row] == columns.domain[column]
            row, column = row[kept], column[kept]
            counts = torch.bincount(row, minlength=len(rows.ids))
        return cls(row, column, [0, *counts.cumsum(0).tolist()])

    def among(self, block: slice) -> slice:
        """The pairs of the rows of a block."""
        return slice(self.first[block.start], self.first[block.stop])


@dataclass(frozen=True, slots=True, eq=False)
class FusedInfoNCE:
    """What is computed.

    Args:
        video, audio: ids, domains and weights of N rows and M columns.
        pairs: the positives.
        block_entries: logits held at once.
        group: processes that all have the same batch and share its blocks; None: this one does all.
    """

    video: SideBatch
    audio: SideBatch
    pairs: PositivePairs
    block_entries: int
    group: dist.ProcessGroup | None

    def __call__(self, video: Tensor, audio: Tensor, log_scale: Tensor) -> Tensor:
        """The mean of both directions, a scalar, for unit rows (N, D) and (M, D) and a scalar."""
        return _Fused.apply(self, video, audio, log_scale)

    def blocks(self) -> list[slice]:
        return list(row_blocks(len(self.video.ids), len(self.audio.ids), self.block_entries, self.group))

    def logits(self, block: slice, scaled: Tensor, audio: Tensor) -> Tensor:
        """(n, M) of the rows of a block; the smallest number where a pair is ignored."""
        logits = scaled[block] @ audio.T
        if self.video.domain is not None and self.audio.domain is not None:
            apart = self.video.domain[block, None] != self.audio.domain
            logits.masked_fill_(apart, torch.finfo(logits.dtype).min)
        return logits

    def statistics(self, scaled: Tensor, audio: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logsumexp over the negatives of rows (N,) and columns (M,), and logits (P,) of the positive pairs."""
        least = torch.finfo(scaled.dtype).min
        of_rows, of_columns = scaled.new_zeros(len(scaled)), scaled.new_full((len(audio),), least)
        of_pairs = scaled.new_zeros(len(self.pairs.rows))
        for block in self.blocks():
            logits, here = self.logits(block, scaled, audio), self.pairs.among(block)
            at = self.pairs.rows[here] - block.start, self.pairs.columns[here]
            of_pairs[here] = logits[at]
            logits[at] = least
            if logits.shape[1]:
                of_rows[block] = logits.logsumexp(1)
                of_columns = torch.logaddexp(of_columns, logits.logsumexp(0))
        sum_over_processes([of_rows, of_pairs], self.group)
        return of_rows, logaddexp_over_processes(of_columns, self.group), of_pairs

    def direction(
        self, against: Tensor, anchors: Tensor, of_pairs: Tensor, weight: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """The loss of one direction, and minus its gradient by the logits (P,) of the positive pairs.

        Args:
            against: (N,) logsumexp over the negatives of each anchor.
            anchors: (P,) the anchor of each pair.
            of_pairs: (P,) logits.
            weight: (N,) of the anchors, or None.
        """
        present = against > torch.finfo(against.dtype).min / 2  # has negatives
        share = present.to(against.dtype) if weight is None else torch.where(present, weight.to(against.dtype), 0)
        lack, share = against[anchors] - of_pairs, share[anchors]  # (P,)
        amount = share.sum()
        share = share / torch.where(amount > 0, amount, 1)
        return (share * log1p_exp(lack)).sum(), share * lack.sigmoid()

    def gradients(
        self, scaled: Tensor, audio: Tensor, shifts: tuple[Tensor, Tensor], of_pairs: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Gradients by `scaled` and `audio`.

        Args:
            scaled, audio: (N, D), (M, D).
            shifts: (N,), (M,): `e^(logit - shift)` is what a negative's gradient has from its row and its column.
            of_pairs: (P,) gradients by the logits of the positive pairs.
        """
        by_scaled, by_audio = torch.zeros_like(scaled), torch.zeros_like(audio)
        for block in self.blocks():
            logits, here = self.logits(block, scaled, audio), self.pairs.among(block)
            gradient = (logits - shifts[0][block, None]).exp_()
            gradient += logits.sub_(shifts[1]).exp_()
            gradient[self.pairs.rows[here] - block.start, self.pairs.columns[here]] = of_pairs[here]
            by_scaled[block] = gradient @ audio
            by_audio.addmm_(gradient.T, scaled[block])
        sum_over_processes([by_scaled, by_audio], self.group)
        return by_scaled, by_audio


class _Fused(torch.autograd.Function):
    @staticmethod
    def forward(ctx, what: FusedInfoNCE, video: Tensor, audio: Tensor, log_scale: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
        """Makes the gradients too, where any is wanted."""
        scale, pairs = log_scale.to(video.dtype).exp(), what.pairs
        scaled = video * scale
        of_rows, of_columns, of_pairs = what.statistics(scaled, audio)
        to_music, row_pull = what.direction(of_rows, pairs.rows, of_pairs, what.video.weight)
        to_video, column_pull = what.direction(of_columns, pairs.columns, of_pairs, what.audio.weight)
        value = (to_music + to_video) / 2
        if any(ctx.needs_input_grad):
            shifts = _shift(of_rows, pairs.rows, row_pull), _shift(of_columns, pairs.columns, column_pull)
            by_scaled, by_audio = what.gradients(scaled, audio, shifts, -(row_pull + column_pull) / 2)
            ctx.save_for_backward(by_scaled * scale, by_audio, (by_scaled * scaled).sum().to(log_scale.dtype))
        return value

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[no-untyped-def]
        return None, *(gradient * part for part in ctx.saved_tensors)


def _shift(against: Tensor, anchors: Tensor, pull: Tensor) -> Tensor:
    """(N,) such that `e^(logit - shift)` is the gradient by a negative of an anchor: half of all its pairs' pull."""
    return against - (torch.zeros_like(against).index_add_(0, anchors, pull) / 2).log()
