"""Batches of rows that the model, as it is now, takes for each other."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import ArrayLike

from crossmodal.sampling.batches import State, UniqueTrackBatches

Neighbours = Callable[[np.ndarray, int], np.ndarray]
LIKELY_POSITIVE = 0.01  # of all rows: the nearest ones may well fit, though nobody said so
QUERIES = 4096  # asked at a time, so that memory does not grow with the data set


class HardNegativeBatches(UniqueTrackBatches):
    """Batches in which each anchor brings rows along that lie near it; no two rows share a track.

    Until `refresh` is called batches are drawn as by `UniqueTrackBatches`. A row comes at most once an epoch. The
    epoch ends with the first batch that cannot be filled; what is then left is not drawn (`dropped`). Every process
    must be given the same vectors.

    Args:
        tracks: (N,) int or str; equal values are one recording, never negatives of each other.
        batch_size: at most the number of tracks.
        neighbours: of vectors (Q, D) and k, the rows (Q, k) int nearest to each, nearest first, among all N.
        per_anchor: rows that an anchor brings along; the rest of the batch is random.
        pool: rows that an anchor chooses from, the nearest behind those that are skipped as likely positives.
        seed, rank, world: as of `PlannedBatches`.

    Raises:
        ValueError: a batch of more rows than there are tracks, or a pool below `per_anchor`.
    """

    def __init__(
        self,
        tracks: ArrayLike,
        batch_size: int,
        neighbours: Neighbours,
        *,
        per_anchor: int = 3,
        pool: int = 32,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        super().__init__(tracks, batch_size, seed=seed, rank=rank, world=world)
        if not 1 <= per_anchor <= pool:
            raise ValueError(f"HardNegativeBatches: per_anchor is {per_anchor}; it must be 1 to pool, {pool}")
        self.neighbours, self.per_anchor, self.pool = neighbours, per_anchor, pool
        self.near: np.ndarray | None = None

    def refresh(self, vectors: np.ndarray) -> None:
        """Take the model's present vectors (N, D): they serve from the next epoch that is planned.

        Raises:
            ValueError: not one vector a row, or neighbours of another shape.
        """
        if vectors.ndim != 2 or len(vectors) != self.n_rows:
            raise ValueError(f"HardNegativeBatches: vectors is {vectors.shape}; it must be ({self.n_rows}, D)")
        skipped = int(np.ceil(LIKELY_POSITIVE * self.n_rows))
        k = min(self.n_rows, skipped + self.pool + int(np.bincount(self.tracks).max()))
        blocks = range(0, self.n_rows, QUERIES)
        self.near = np.concatenate([self._pool(vectors[at : at + QUERIES], at, k, skipped) for at in blocks])

    def plan(self, rng: np.random.Generator) -> list[np.ndarray]:
        if self.near is None:
            return super().plan(rng)
        near = rng.permuted(self.near, axis=1).tolist()  # which of the pool comes along is drawn
        free = [True] * self.n_rows
        waiting, batches = rng.permutation(self.n_rows).tolist(), []
        while waiting:
            batch, waiting = self._fill(waiting, near, free)
            if len(batch) > 1:
                batches.append(np.array(batch))
            if len(batch) < self.batch_size:
                break
        return [batches[at] for at in rng.permutation(len(batches))]

    def state_dict(self, done: int | None = None) -> State:
        """As of `PlannedBatches`, with the neighbours in use and the plan, which earlier ones may have made."""
        planned = self._planned[1] if self._planned is not None and self._planned[0] == self.epoch else []
        return {
            **super().state_dict(done),
            "near": torch.from_numpy(np.zeros((0, 0), np.int32) if self.near is None else self.near),
            "plan": torch.from_numpy(np.concatenate([np.zeros(0, np.int64), *planned])),
            "sizes": [len(batch) for batch in planned],
        }

    def load_state_dict(self, state: State) -> None:
        super().load_state_dict(state)
        near, rows, sizes = state["near"], state["plan"], state["sizes"]
        assert isinstance(near, torch.Tensor) and isinstance(rows, torch.Tensor) and isinstance(sizes, list)
        self.near = near.numpy() if len(near) else None
        self._planned = (self.epoch, [part.numpy() for part in rows.split(sizes)]) if sizes else None

    def _fill(self, waiting: list[int], near: list[list[int]], free: list[bool]) -> tuple[list[int], list[int]]:
        """One batch from the end of `waiting`, and who waits on, those that share a track with the batch included."""
        batch: list[int] = []
        taken: set[int] = set()
        postponed = []

        def is_open(row: int) -> bool:
            return row >= 0 and free[row] and self.tracks[row] not in taken

        def add(row: int) -> None:
            free[row] = False
            taken.add(int(self.tracks[row]))
            batch.append(row)

        while waiting and len(batch) < self.batch_size:
            anchor = waiting.pop()
            if is_open(anchor):
                add(anchor)
                full = min(len(batch) + self.per_anchor, self.batch_size)
                for row in near[anchor]:
                    if len(batch) < full and is_open(row):
                        add(row)
            elif free[anchor]:
                postponed.append(anchor)
        return batch, waiting + postponed

    def _pool(self, vectors: np.ndarray, first: int, k: int, skipped: int) -> np.ndarray:
        """(Q, pool) rows, nearest first, without own recording and likely positives; -1 where there are fewer."""
        rows = np.asarray(self.neighbours(vectors, k))
        if rows.shape != (len(vectors), k):
            raise ValueError(f"HardNegativeBatches: neighbours gave {rows.shape}; it must be ({len(vectors)}, {k})")
        own = self.tracks[first : first + len(vectors)][:, None]
        usable = (rows >= 0) & (self.tracks[rows] != own)
        usable &= usable.cumsum(1) > skipped
        order = np.argsort(~usable, axis=1, kind="stable")[:, : self.pool]
        found = np.where(np.take_along_axis(usable, order, 1), np.take_along_axis(rows, order, 1), -1)
        found = found.astype(np.int32)
        return np.pad(found, ((0, 0), (0, self.pool - found.shape[1])), constant_values=-1)
