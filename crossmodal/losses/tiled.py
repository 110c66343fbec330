"""A pair loss over batches whose (N, M) matrix does not fit: the same value and gradients, memory linear in N.

The similarities are made and given to the loss in blocks of whole rows, first of the video rows, then of the audio
rows. Gradients by a block's similarities become gradients by vectors at once, and the block is forgotten.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn

from crossmodal.errors import NonFiniteError
from crossmodal.losses.base import PairLoss, can_look
from crossmodal.losses.batch import PairBatch, SideBatch
from crossmodal.losses.blocks import logaddexp_over_processes, row_blocks, sum_over_processes
from crossmodal.losses.fused import FusedInfoNCE, PositivePairs
from crossmodal.losses.infonce import InfoNCE
from crossmodal.sampling.miners import Miner, left_out
from crossmodal.similarity.vectors import Similarity, unit_rows

BLOCK_ENTRIES = 1 << 20  # similarities held at once: a dozen such arrays stay in the cache of a processor


class TiledLoss(nn.Module):
    """What `CrossModalLoss(vectors=loss)` gives, both directions, without ever holding an (N, M) array.

    Equal ids are positives, rows of other domains are ignored, weights count. Gradients are made in the forward pass,
    as soon as a block is there, so that nothing is computed twice; they cannot be differentiated again.

    Args:
        loss: any pair loss; one that looks at columns too (lifted structure) says how by its `column_statistic`.
        miner: which pairs of each row the loss sees; None: all.
        block_entries: similarities held at once.
        group: processes that all have the same batch (`gather_batch`) and share its blocks; None: this one does all.

    Example:
        >>> side = SideBatch(torch.tensor([7, 3]), vectors=torch.eye(2))
        >>> round(TiledLoss(InfoNCE(logit_scale=10))(PairBatch(side, side)).item(), 6)
        4.5e-05
    """

    def __init__(
        self,
        loss: PairLoss,
        *,
        miner: Miner | None = None,
        block_entries: int = BLOCK_ENTRIES,
        group: dist.ProcessGroup | None = None,
    ) -> None:
        super().__init__()
        if block_entries < 1:
            raise ValueError(f"TiledLoss: block_entries is {block_entries}; it must be at least 1")
        self.loss, self.miner, self.block_entries, self.group = loss, miner, block_entries, group

    def forward(self, batch: PairBatch) -> Tensor:
        """The mean of video to music and music to video, a scalar.

        NaN or infinity in the vectors is refused; on a GPU, where looking would make every step wait, it shows as NaN.

        Raises:
            ValueError: sides without vectors or of different widths, not finite, or extra pairs, which are (N, M)
                arrays.
        """
        video, audio = _vectors(batch)
        broken = (video * 0).sum() + (audio * 0).sum()
        if can_look(broken) and broken.isnan():
            raise NonFiniteError("TiledLoss: the vectors hold NaN or infinity. Look at what the towers give.")
        video, audio = _prepared(self.loss.expects, video, audio)
        if type(self.loss) is InfoNCE and self.miner is None:
            pairs = PositivePairs.of(batch.video, batch.audio)
            if pairs is not None:
                fused = FusedInfoNCE(batch.video, batch.audio, pairs, self.block_entries, self.group)
                return broken + fused(video, audio, self.loss.log_scale)
        learned = [constant for constant in self.loss.parameters() if constant.requires_grad]
        squares = [rows.square().sum(1) for rows in (video, audio)]
        return broken + _Tiled.apply(self, batch.video, batch.audio, video, audio, *squares, *learned)

    def after_step(self) -> None:
        """Bring learned constants back into their range; to be called after each step of the optimiser."""
        self.loss.after_step()


@dataclass(frozen=True, slots=True, eq=False)
class _Direction:
    """The rows of one side against all of the other.

    Args:
        tiled: says what is computed.
        rows, columns: ids, domains and weights of N rows and M columns.
        vectors: (N, D), (M, D).
        squares: (N,), (M,) squared lengths of the vectors.
    """

    tiled: TiledLoss
    rows: SideBatch
    columns: SideBatch
    vectors: tuple[Tensor, Tensor]
    squares: tuple[Tensor, Tensor]

    def blocks(self) -> Iterator[slice]:
        """The rows of each block; of those that this process has to do."""
        return row_blocks(len(self.rows.ids), len(self.columns.ids), self.tiled.block_entries, self.tiled.group)

    def inner(self, block: slice) -> Tensor:
        """(n, M) inner products of the rows of a block; of unit rows within [-1, 1]."""
        product = self.vectors[0][block] @ self.vectors[1].T
        return product.clamp_(-1, 1) if self.tiled.loss.expects is Similarity.BOUNDED else product

    def leaves(self, block: slice) -> list[Tensor]:
        """What the similarities of a block are made of, cut from the graph: `inner` and the squared lengths."""
        return [self.inner(block), self.squares[0][block].detach(), self.squares[1].detach()]

    def matrix(self, block: slice, leaves: list[Tensor]) -> tuple[Tensor, Tensor, Tensor | None]:
        """`sim`, `is_pos` and `ignore` of a block, (n, M) each."""
        sim = _similarity(self.tiled.loss.expects, *leaves)
        is_pos = self.rows.ids[block, None] == self.columns.ids
        ignore = None
        if self.rows.domain is not None and self.columns.domain is not None:
            ignore = self.rows.domain[block, None] != self.columns.domain
        if self.tiled.miner is not None:
            ignore = left_out(self.tiled.miner, sim, is_pos, ignore)
        return sim, is_pos, ignore

    def totals(self, block: slice, leaves: list[Tensor], statistic: Tensor | None) -> tuple[Tensor, Tensor]:
        """Values and amounts (P,) of the parts of the loss, summed over the rows of a block."""
        weight = None if self.rows.weight is None else self.rows.weight[block]
        parts = self.tiled.loss.totals(*self.matrix(block, leaves), weight, statistic)
        return torch.stack([value for value, _ in parts]), torch.stack([amount for _, amount in parts])

    def statistic_of(self, block: slice, leaves: list[Tensor]) -> Tensor:
        """(M,) what a block adds to the statistic of the columns."""
        sim, is_pos, ignore = self.matrix(block, leaves)
        is_neg = ~is_pos
        if ignore is not None:
            sim, is_neg = sim.masked_fill(ignore, 0), is_neg & ~ignore
        return self.tiled.loss.column_statistic(sim, is_neg)  # type: ignore[operator]

    def statistic(self) -> Tensor | None:
        """(M,) the statistic of the columns over all rows, for a loss that has one: blocks join by logaddexp."""
        if not hasattr(self.tiled.loss, "column_statistic"):
            return None
        joined = self.squares[1].new_full(self.squares[1].shape, torch.finfo(self.squares[1].dtype).min)
        for block in self.blocks():
            joined = torch.logaddexp(joined, self.statistic_of(block, self.leaves(block)))
        return logaddexp_over_processes(joined, self.tiled.group)

    def sums(self, statistic: Tensor | None) -> tuple[Tensor, Tensor]:
        """Values and amounts (P,) over all rows, without gradients."""
        found = self._nothing(statistic)
        for block in self.blocks():
            for whole, part in zip(found, self.totals(block, self.leaves(block), statistic), strict=True):
                whole += part
        sum_over_processes(found, self.tiled.group)
        return found

    def with_gradients(self, learned: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """The loss, and its gradients by the vectors and squares of rows and columns and by the learned constants."""
        statistic = self.statistic()
        values, amounts = self._nothing(statistic)
        shares = torch.ones_like(amounts)
        if len(shares) > 1:  # each part is divided by its own count, which must be known before
            shares = 1 / _at_least_one(self.sums(statistic)[1])
        sums = _Gradients.of(self, learned, statistic)
        for block in self.blocks():
            for whole, part in zip((values, amounts), self._add_block(block, shares, sums), strict=True):
                whole += part
        if statistic is not None:
            self._through_statistic(statistic, sums)
        sum_over_processes([values, amounts, *sums.found], self.tiled.group)
        if len(shares) == 1:
            for gradient in sums.found:
                gradient /= _at_least_one(amounts[0])
        return (values / _at_least_one(amounts)).sum(), sums.found

    def _add_block(self, block: slice, shares: Tensor, sums: "_Gradients") -> tuple[Tensor, Tensor]:
        """Add the gradients of a block, and give its values and amounts; its graph ends with the call."""
        leaves = [leaf.requires_grad_() for leaf in self.leaves(block)]
        with torch.enable_grad():
            values, amounts = self.totals(block, leaves, sums.statistic)
            value = (values * shares).sum()
        sums.add(block, leaves, value)
        return values.detach(), amounts.detach()

    def _through_statistic(self, statistic: Tensor, sums: "_Gradients") -> None:
        """Add the gradients that pass through the statistic of the columns, block by block."""
        assert sums.by_statistic is not None
        sum_over_processes([sums.by_statistic], self.tiled.group)
        for block in self.blocks():
            leaves = [leaf.requires_grad_() for leaf in self.leaves(block)]
            with torch.enable_grad():
                part = self.statistic_of(block, leaves)
                share = (part.detach() - statistic).exp()  # of a block in logaddexp
                value = (part * share * sums.by_statistic).sum()
            sums.add(block, leaves, value)

    def _nothing(self, statistic: Tensor | None) -> tuple[Tensor, Tensor]:
        """Values and amounts before the first block; the loss says for no rows how many parts it has."""
        none = slice(0, 0)
        values, _ = self.totals(none, self.leaves(none), statistic)
        return torch.zeros_like(values), torch.zeros_like(values)


@dataclass(slots=True, eq=False)
class _Gradients:
    """Sums over blocks of the gradients of one direction.

    Args:
        vectors: of the rows and of the columns.
        learned: constants of the loss.
        found: by the vectors and squares of rows and columns and by the learned constants.
        statistic: (M,) of the columns, a leaf, where the loss has one.
        by_statistic: (M,) gradient by it.
    """

    vectors: tuple[Tensor, Tensor]
    learned: list[Tensor]
    found: list[Tensor]
    statistic: Tensor | None
    by_statistic: Tensor | None

    @classmethod
    def of(cls, direction: _Direction, learned: list[Tensor], statistic: Tensor | None) -> "_Gradients":
        found = [torch.zeros_like(part) for part in (*direction.vectors, *direction.squares, *learned)]
        leaf = None if statistic is None else statistic.detach().clone().requires_grad_()
        return cls(direction.vectors, learned, found, leaf, None if leaf is None else torch.zeros_like(leaf))

    def add(self, block: slice, leaves: list[Tensor], value: Tensor) -> None:
        """Add the gradients of a value that came out of the leaves of a block; to be called where no graph is made."""
        extra = [] if self.statistic is None else [self.statistic]
        inner, *parts = torch.autograd.grad(value, [*leaves, *self.learned, *extra], allow_unused=True)
        if inner is not None:
            self.found[0][block] += inner @ self.vectors[1]
            self.found[1].addmm_(inner.T, self.vectors[0][block])
        targets = [self.found[2][block], *self.found[3:], self.by_statistic]
        for target, part in zip(targets, parts, strict=False):  # the last only with a statistic
            if part is not None and target is not None:
                target += part


class _Tiled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, tiled: TiledLoss, video: SideBatch, audio: SideBatch, *inputs: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
        """Inputs: vectors of video and audio, their squares, and the learned constants."""
        v, a, v_squares, a_squares, *learned = inputs
        both = [
            _Direction(tiled, video, audio, (v, a), (v_squares, a_squares)),
            _Direction(tiled, audio, video, (a, v), (a_squares, v_squares)),
        ]
        if not any(ctx.needs_input_grad):
            halves = [values / _at_least_one(amounts) for values, amounts in (d.sums(d.statistic()) for d in both)]
            return torch.cat(halves).sum() / 2
        (to_music, gradients), (to_video, others) = (direction.with_gradients(learned) for direction in both)
        others = [others[1], others[0], others[3], others[2], *others[4:]]  # in the order of the first direction
        for gradient, other in zip(gradients, others, strict=True):
            gradient.add_(other).div_(2)
        ctx.save_for_backward(*gradients)
        return (to_music + to_video) / 2

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[no-untyped-def]
        return None, None, None, *(gradient * part for part in ctx.saved_tensors)


def _vectors(batch: PairBatch) -> tuple[Tensor, Tensor]:
    video, audio = batch.video.vectors, batch.audio.vectors
    if video is None or audio is None or video.shape[1] != audio.shape[1]:
        found = [None if rows is None else tuple(rows.shape) for rows in (video, audio)]
        raise ValueError(f"TiledLoss: video is {found[0]} and audio is {found[1]}; both must be (rows, D) with one D")
    if batch.vector_extra.negatives is not None or batch.vector_extra.ignore is not None:
        raise ValueError(
            "TiledLoss: vector_extra names pairs by an (N, M) array; say it by ids or domains, or do not tile"
        )
    wide = torch.promote_types(torch.promote_types(video.dtype, audio.dtype), torch.float32)
    return video.to(wide), audio.to(wide)


def _prepared(kind: Similarity, video: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
    """The vectors as inner products need them, by the rules of `crossmodal.similarity.vectors`."""
    if kind is Similarity.BOUNDED:
        return unit_rows(video), unit_rows(audio)
    if kind is Similarity.DOT:
        return video, audio
    centre = audio.detach().mean(0) if len(audio) else audio.new_zeros(audio.shape[1])
    return video - centre, audio - centre


def _similarity(kind: Similarity, inner: Tensor, row_squares: Tensor, column_squares: Tensor) -> Tensor:
    """(n, M) similarity out of inner products and squared lengths."""
    if kind in (Similarity.BOUNDED, Similarity.DOT):
        return inner
    distance = (row_squares[:, None] + column_squares - 2 * inner).relu()
    if kind is Similarity.NEG_SQ_DISTANCE:
        return -distance
    far = distance > 0
    return -torch.where(far, torch.where(far, distance, 1).sqrt(), 0)


def _at_least_one(amounts: Tensor) -> Tensor:
    return torch.where(amounts > 0, amounts, 1)
