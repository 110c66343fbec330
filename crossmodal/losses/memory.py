"""A memory of earlier batches: more negatives, and positives from other batches, than one batch holds."""

import warnings

import torch
from torch import Tensor, nn

from crossmodal.losses.base import PairLoss
from crossmodal.losses.batch import PairBatch, SideBatch
from crossmodal.similarity.vectors import pairwise

SUSPECT_BATCHES = 3
CLEARED = -1


class CrossBatchMemory(nn.Module):
    """XBM between two modalities: the video rows of a batch against the audio of the last batches, and the reverse.

    Wang et al., CVPR 2020, algorithm 1: the batch is put in first, without a graph, then compared with all that is in;
    the loss is to be added to that of the batch. Each side has a queue of its own, and both get gradients. Who belongs
    together is said by id, so ids must be those of the music in the whole data set: rows of an earlier batch with an
    equal id are positives, the row's own partner of this batch and of earlier epochs among them. No row meets a copy of
    itself, since the sides are compared with each other.

    What is in memory is part of the state dict. With several processes give it the batch of `gather_batch`: then all
    memories are alike, and loss and gradients are those of one process. In eval mode nothing is put in.

    Args:
        loss: pair loss; the one on the vectors of the batch, whose learned constants are then shared.
        dim: D of the vectors.
        size: rows of each queue; the authors' code has 8192.
        warm_up: batches during which the loss is 0, as early vectors are old at once; the authors' code has 2000.

    Raises:
        ValueError: a queue or a width below 1.

    Example:
        >>> memory = CrossBatchMemory(InfoNCE(), dim=2, size=4)
        >>> rows = torch.eye(2)
        >>> side = SideBatch(torch.tensor([7, 3]), vectors=rows)
        >>> memory(PairBatch(side, side)).item() < 0.01
        True
    """

    seen: Tensor

    def __init__(self, loss: PairLoss, dim: int, *, size: int = 8192, warm_up: int = 0) -> None:
        super().__init__()
        if size < 1 or dim < 1:
            raise ValueError(f"CrossBatchMemory: size is {size} and dim {dim}; both must be at least 1")
        self.loss, self.size, self.warm_up = loss, size, warm_up
        for side in ("video", "audio"):
            self.register_buffer(f"{side}_vectors", torch.zeros(size, dim))
            self.register_buffer(f"{side}_ids", torch.zeros(size, dtype=torch.int64))
            self.register_buffer(f"{side}_domain", torch.zeros(size, dtype=torch.int64))
            self.register_buffer(f"{side}_filled", torch.zeros(size, dtype=torch.bool))
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))  # batches
        self._suspect = 0

    def forward(self, batch: PairBatch) -> Tensor:
        """The mean of video against remembered audio and of audio against remembered video, a scalar.

        Raises:
            ValueError: a side without vectors, of another width, or with more rows than the memory.
        """
        video, audio = self._vectors("video", batch.video), self._vectors("audio", batch.audio)
        if self.training:
            self._warn_of_row_numbers(batch.video.ids)
            self._put("video", batch.video, video)
            self._put("audio", batch.audio, audio)
            self.seen += 1
        to_music = self._against("audio", batch.video, video)
        to_video = self._against("video", batch.audio, audio)
        return torch.where(self.seen > self.warm_up, (to_music + to_video) / 2, 0)

    def _against(self, remembered: str, side: SideBatch, vectors: Tensor) -> Tensor:
        memory = self._queue(remembered, "vectors").clone()  # the next batch is written over what backward still reads
        sim = pairwise(self.loss.expects)(vectors, memory)  # (N, size)
        is_pos = side.ids[:, None] == self._queue(remembered, "ids")
        ignore = ~self._queue(remembered, "filled").expand_as(is_pos)
        if side.domain is not None:
            ignore = ignore | (side.domain[:, None] != self._queue(remembered, "domain"))
        return self.loss(sim, is_pos, ignore, side.weight)

    @torch.no_grad()
    def _put(self, name: str, side: SideBatch, vectors: Tensor) -> None:
        domain = torch.zeros_like(side.ids) if side.domain is None else side.domain
        fresh = {"vectors": vectors, "ids": side.ids, "domain": domain, "filled": torch.ones_like(side.ids)}
        for part, rows in fresh.items():
            queue = self._queue(name, part)
            queue.copy_(torch.cat([queue, rows.to(queue.dtype)])[len(rows) :])  # the oldest leave first

    def _queue(self, side: str, part: str) -> Tensor:
        queue = getattr(self, f"{side}_{part}")
        assert isinstance(queue, Tensor)
        return queue

    def _vectors(self, name: str, side: SideBatch) -> Tensor:
        width = self._queue(name, "vectors").shape[1]
        if side.vectors is None or side.vectors.shape[1] != width:
            found = None if side.vectors is None else tuple(side.vectors.shape)
            raise ValueError(f"CrossBatchMemory: {name}.vectors is {found}; it must be (rows, {width})")
        if len(side.ids) > self.size:
            raise ValueError(
                f"CrossBatchMemory: {name} has {len(side.ids)} rows; the memory holds {self.size}. Raise size."
            )
        return side.vectors

    def _warn_of_row_numbers(self, ids: Tensor) -> None:
        """Say it once where batch after batch has the ids 0 .. N-1 in order (of each process, once gathered)."""
        if not 0 <= self._suspect < SUSPECT_BATCHES or len(ids) < 2:
            return
        follows = (ids[1:] == ids[:-1] + 1) | (ids[1:] == 0)
        self._suspect = self._suspect + 1 if bool((ids[0] == 0) & follows.all() & (ids[1] == 1)) else CLEARED
        if self._suspect == SUSPECT_BATCHES:
            warnings.warn(
                f"CrossBatchMemory: {SUSPECT_BATCHES} batches in a row have the ids 0 to {int(ids.max())} in order. "
                "These look like row numbers; rows of different batches would be taken for the same music. Give the "
                "ids of the music in the whole data set.",
                stacklevel=3,
            )
