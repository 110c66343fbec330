"""A pair loss over batches whose (N, M) matrix does not fit: the same value and gradients, memory linear in N.

The similarities are made and given to the loss in blocks of whole rows, first of the video rows, then of the audio
rows. Gradients by a block's similarities become gradients by vectors at once, and the block is forgotten.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn

from crossmodal.losses.base import PairLoss
from crossmodal.losses.batch import PairBatch, SideBatch
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

        Raises:
            ValueError: sides without vectors or of different widths, or extra pairs, which are (N, M) arrays.
        """
        video, audio = _prepared(self.loss.expects, *_vectors(batch))
        learned = [constant for constant in self.loss.parameters() if constant.requires_grad]
        squares = [rows.square().sum(1) for rows in (video, audio)]
        value = _Tiled.apply(self, batch.video, batch.audio, video, audio, *squares, *learned)
        return value + (video * 0).sum() + (audio * 0).sum()  # a broken row shows, as it does in the whole matrix

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
        size = max(self.tiled.block_entries // max(len(self.columns.ids), 1), 1)
        rank, world = _share(self.tiled.group)
        for first in range(rank * size, len(self.rows.ids), world * size):
            yield slice(first, first + size)

    def inner(self, block: slice) -> Tensor:
        """(n, M) inner products of the rows of a block; of unit rows within [-1, 1]."""
        product = self.vectors[0][block] @ self.vectors[1].T
        return product.clamp_(-1, 1) if self.tiled.loss.expects is Similarity.BOUNDED else product

    def totals(self, block: slice, inner: Tensor, row_squares: Tensor, column_squares: Tensor) -> tuple[Tensor, Tensor]:
        """Values and amounts (P,) of the parts of the loss, summed over the rows of a block."""
        sim = _similarity(self.tiled.loss.expects, inner, row_squares, column_squares)
        is_pos = self.rows.ids[block, None] == self.columns.ids
        ignore = None
        if self.rows.domain is not None and self.columns.domain is not None:
            ignore = self.rows.domain[block, None] != self.columns.domain
        if self.tiled.miner is not None:
            ignore = left_out(self.tiled.miner, sim, is_pos, ignore)
        weight = None if self.rows.weight is None else self.rows.weight[block]
        parts = self.tiled.loss.totals(sim, is_pos, ignore, weight)
        return torch.stack([value for value, _ in parts]), torch.stack([amount for _, amount in parts])

    def sums(self) -> tuple[Tensor, Tensor]:
        """Values and amounts (P,) over all rows, without gradients."""
        found = self._nothing()
        for block in self.blocks():
            totals = self.totals(block, self.inner(block), self.squares[0][block], self.squares[1])
            for whole, part in zip(found, totals, strict=True):
                whole += part
        _over_processes(found, self.tiled.group)
        return found

    def with_gradients(self, learned: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """The loss, and its gradients by the vectors and squares of rows and columns and by the learned constants."""
        values, amounts = self._nothing()
        shares = torch.ones_like(amounts)
        if len(shares) > 1:  # each part is divided by its own count, which must be known before
            shares = 1 / _at_least_one(self.sums()[1])
        inputs = [*self.vectors, *self.squares, *learned]
        gradients = [torch.zeros_like(part) for part in inputs]
        for block in self.blocks():
            block_values, block_amounts = self._add_gradients(block, shares, learned, gradients)
            values += block_values
            amounts += block_amounts
        _over_processes([values, amounts, *gradients], self.tiled.group)
        if len(shares) == 1:
            for gradient in gradients:
                gradient /= _at_least_one(amounts[0])
        return (values / _at_least_one(amounts)).sum(), gradients

    def _add_gradients(
        self, block: slice, shares: Tensor, learned: list[Tensor], gradients: list[Tensor]
    ) -> tuple[Tensor, Tensor]:
        inner = self.inner(block).requires_grad_()
        row_squares, column_squares = (
            self.squares[0][block].clone().requires_grad_(),
            self.squares[1].clone().requires_grad_(),
        )
        with torch.enable_grad():
            values, amounts = self.totals(block, inner, row_squares, column_squares)
            leaves = [inner, row_squares, column_squares, *learned]
            found = torch.autograd.grad((values * shares).sum(), leaves, allow_unused=True)
        if found[0] is not None:
            gradients[0][block] += found[0] @ self.vectors[1]
            gradients[1].addmm_(found[0].T, self.vectors[0][block])
        targets = [gradients[2][block], *gradients[3:]]
        for target, part in zip(targets, found[1:], strict=True):
            if part is not None:
                target += part
        return values.detach(), amounts.detach()

    def _nothing(self) -> tuple[Tensor, Tensor]:
        """Values and amounts before the first block; the loss says for no rows how many parts it has."""
        none = slice(0, 0)
        values, _ = self.totals(none, self.inner(none), self.squares[0][none], self.squares[1])
        return torch.zeros_like(values), torch.zeros_like(values)


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
            halves = [values / _at_least_one(amounts) for values, amounts in (one.sums() for one in both)]
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


def _share(group: dist.ProcessGroup | None) -> tuple[int, int]:
    return (0, 1) if group is None else (dist.get_rank(group), dist.get_world_size(group))


def _over_processes(tensors: Iterable[Tensor], group: dist.ProcessGroup | None) -> None:
    """Sum each in place over the processes that share the blocks."""
    if group is not None:
        for tensor in tensors:
            dist.all_reduce(tensor, group=group)
