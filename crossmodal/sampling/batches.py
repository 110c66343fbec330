"""Batches of rows, planned an epoch at a time: balanced by class, without two rows of one track, one row a group.

A plan depends on (seed, epoch) alone and is one and the same in every process; each takes its share of every batch.
So any number of processes draws the rows of one, none twice, and a run goes on in the middle of an epoch.
"""

import logging
from abc import abstractmethod
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike
from torch.utils.data import Sampler

log = logging.getLogger(__name__)
State = dict[str, object]


class PlannedBatches(Sampler[list[int]]):
    """What every sampler of batches is; to be passed to a `DataLoader` as `batch_sampler`. A subclass writes `plan`.

    After an epoch the next one begins by itself. All processes have the same number of batches; where a batch has
    fewer rows than there are processes, some of them get an empty list.

    Args:
        n_rows: rows of the data set.
        batch_size: rows of a batch, all processes together.
        seed: of all draws.
        rank: this process.
        world: processes.
    """

    def __init__(self, n_rows: int, batch_size: int, *, seed: int = 0, rank: int = 0, world: int = 1) -> None:
        if batch_size < 1:
            raise ValueError(f"{type(self).__name__}: batch_size is {batch_size}; it must be at least 1")
        if not 0 <= rank < world:
            raise ValueError(f"{type(self).__name__}: rank is {rank}; it must be at least 0 and below world, {world}")
        self.n_rows, self.batch_size, self.seed, self.rank, self.world = n_rows, batch_size, seed, rank, world
        self.epoch = self._done = self._resume_at = 0
        self._planned: tuple[int, list[np.ndarray]] | None = None

    @abstractmethod
    def plan(self, rng: np.random.Generator) -> list[np.ndarray]:
        """The batches of an epoch, of all processes together: (rows,) int64 each."""

    @property
    def batches(self) -> list[np.ndarray]:
        """The batches of this epoch, of all processes together."""
        if self._planned is None or self._planned[0] != self.epoch:
            self._planned = self.epoch, self.plan(np.random.default_rng((self.seed, self.epoch)))
            if self.dropped:
                log.warning("%s: %d of %d rows are not drawn in epoch %d", type(self).__name__, self.dropped,
                            self.n_rows, self.epoch)  # fmt: skip
        return self._planned[1]

    @property
    def dropped(self) -> int:
        """How many rows are in no batch of this epoch; which ones changes from epoch to epoch."""
        batches = self.batches
        return self.n_rows - (len(np.unique(np.concatenate(batches))) if batches else 0)

    def set_epoch(self, epoch: int) -> None:
        """Begin `epoch` with the next iteration, from its first batch."""
        self.epoch, self._done, self._resume_at = epoch, 0, 0

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[int]]:
        batches, self._done, self._resume_at = self.batches, self._resume_at, 0
        for batch in batches[self._done :]:
            self._done += 1
            yield np.array_split(batch, self.world)[self.rank].tolist()
        self.set_epoch(self.epoch + 1)

    def state_dict(self, done: int | None = None) -> State:
        """Where the epoch stands.

        Args:
            done: batches of this epoch that training has used; the default is how many were handed out, which is more
                where a loader with workers reads ahead.
        """
        at = self._done if done is None else done
        return {"epoch": self.epoch, "done": at, "seed": self.seed, "rows": self.n_rows, "batch_size": self.batch_size}

    def load_state_dict(self, state: State) -> None:
        """Go on where `state` was taken; another number of processes draws the same batches.

        Raises:
            ValueError: the state is of other rows, another batch size or another seed.
        """
        for name, mine in (("seed", self.seed), ("rows", self.n_rows), ("batch_size", self.batch_size)):
            if state[name] != mine:
                raise ValueError(
                    f"{type(self).__name__}: the state has {name} {state[name]}, this sampler {mine}; "
                    "resume with the settings of that run, or begin a new one"
                )
        self.set_epoch(int(state["epoch"]))  # type: ignore[call-overload]
        self._done = self._resume_at = int(state["done"])  # type: ignore[call-overload]


class BalancedBatches(PlannedBatches):
    """P classes with K rows each (P x K): each row has K - 1 others of its class beside it.

    Every row of every class with at least K rows comes about once an epoch: what is left of a class that K does not
    divide is filled up with further rows of it. No row stands twice in one batch. Classes with fewer than K rows,
    rows without a class, and what does not make a whole batch are not drawn (`dropped`).

    Args:
        labels: (N,) int; below 0: no class.
        classes: P, at least 2.
        per_class: K, at least 2.
        seed, rank, world: as of `PlannedBatches`.

    Raises:
        ValueError: P or K below 2, or fewer than P classes of K rows.

    Example:
        >>> batch = next(iter(BalancedBatches([0, 0, 0, 1, 1, 2, 2, 2], classes=2, per_class=2)))
        >>> len(set(batch))
        4
    """

    def __init__(
        self, labels: ArrayLike, classes: int, per_class: int, *, seed: int = 0, rank: int = 0, world: int = 1
    ) -> None:
        labels = np.asarray(labels)
        super().__init__(len(labels), classes * per_class, seed=seed, rank=rank, world=world)
        if classes < 2 or per_class < 2:
            raise ValueError(
                f"BalancedBatches: classes is {classes} and per_class {per_class}; both must be at least 2"
            )
        self.members = [rows for rows in _members(labels, labels >= 0) if len(rows) >= per_class]
        if len(self.members) < classes:
            raise ValueError(
                f"BalancedBatches: {len(self.members)} classes have {per_class} rows or more; a batch wants {classes} "
                "of them. Lower classes or per_class."
            )
        self.classes, self.per_class = classes, per_class

    def plan(self, rng: np.random.Generator) -> list[np.ndarray]:
        stacks = [self._stacks(rng.permutation(rows)) for rows in self.members]  # one (stacks, K) a class
        owner = np.repeat(np.arange(len(stacks)), [len(part) for part in stacks])
        units = np.concatenate(stacks)
        return [units[batch].ravel() for batch in _deal(owner, self.classes, _full_batches(owner, self.classes), rng)]

    def _stacks(self, rows: np.ndarray) -> np.ndarray:
        lack = -len(rows) % self.per_class
        return np.concatenate([rows, rows[:lack]]).reshape(-1, self.per_class)


class UniqueTrackBatches(PlannedBatches):
    """No two rows of a batch share a track, so that no false negative hides in it.

    Batches are of one size, to within one row. A track with more rows than the epoch has batches loses some of them,
    others in each epoch (`dropped`).

    Args:
        tracks: (N,) int or str; equal values are one track.
        batch_size: at most the number of tracks; `fitting_batch` shrinks a wish to it.
        seed, rank, world: as of `PlannedBatches`.

    Raises:
        ValueError: a batch of more rows than there are tracks.

    Example:
        >>> sampler = UniqueTrackBatches([7, 7, 8, 9], batch_size=2)
        >>> len(sampler), sampler.dropped
        (2, 0)
    """

    def __init__(self, tracks: ArrayLike, batch_size: int, *, seed: int = 0, rank: int = 0, world: int = 1) -> None:
        self.tracks = np.unique(np.asarray(tracks), return_inverse=True)[1]
        super().__init__(len(self.tracks), batch_size, seed=seed, rank=rank, world=world)
        self.n_tracks = len(np.unique(self.tracks))
        if batch_size > self.n_tracks:
            raise ValueError(
                f"{type(self).__name__}: batch_size is {batch_size}, but there are {self.n_tracks} tracks and no two "
                f"rows of a batch may share one. Take at most {self.n_tracks}."
            )

    def plan(self, rng: np.random.Generator) -> list[np.ndarray]:
        return _deal(self.tracks, self.batch_size, _near_full_batches(self.tracks, self.batch_size), rng)


class OneRowPerGroup(PlannedBatches):
    """One row of each group an epoch, drawn anew each time: a group counts the same however many rows it has.

    Batches are of one size, to within one row; rows that were not drawn count in `dropped`.

    Args:
        groups: (N,) int or str.
        batch_size: at most the number of groups; `fitting_batch` shrinks a wish to it.
        seed, rank, world: as of `PlannedBatches`.

    Raises:
        ValueError: a batch of more rows than there are groups.
    """

    def __init__(self, groups: ArrayLike, batch_size: int, *, seed: int = 0, rank: int = 0, world: int = 1) -> None:
        groups = np.asarray(groups)
        super().__init__(len(groups), batch_size, seed=seed, rank=rank, world=world)
        self.members = _members(groups, np.ones(len(groups), dtype=bool))
        if batch_size > len(self.members):
            raise ValueError(
                f"OneRowPerGroup: batch_size is {batch_size}, but there are {len(self.members)} groups. "
                f"Take at most {len(self.members)}."
            )

    def plan(self, rng: np.random.Generator) -> list[np.ndarray]:
        drawn = np.array([rows[rng.integers(len(rows))] for rows in self.members])
        return np.array_split(rng.permutation(drawn), -(-len(drawn) // self.batch_size))


def fitting_batch(tracks: ArrayLike, wish: int) -> int:
    """The batch that a preset gets where it wishes for more rows than there are tracks; it is said in the log."""
    most = len(np.unique(np.asarray(tracks)))
    if wish > most:
        log.warning("batches of %d rows shrink to %d: there are no more tracks", wish, most)
    return min(wish, most)


def choose_batches(
    tracks: ArrayLike,
    batch_size: int,
    *,
    unique_track: bool = False,
    per_class: int | None = None,
    labels: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    seed: int = 0,
    rank: int = 0,
    world: int = 1,
) -> PlannedBatches:
    """The sampler that a configuration names; one of `unique_track`, `per_class` and `groups` must be given.

    Args:
        tracks: (N,) int or str.
        batch_size: rows of a batch, all processes together.
        unique_track: `UniqueTrackBatches`.
        per_class: `BalancedBatches` with that many rows a class; must divide `batch_size`.
        labels: (N,) int, the classes of `per_class`. None: the tracks.
        groups: (N,) int or str, for `OneRowPerGroup`.
        seed, rank, world: as of `PlannedBatches`.

    Raises:
        ValueError: none or several of the three, a batch that `per_class` does not divide, or what the sampler refuses.
    """
    if unique_track and per_class is not None:
        raise ValueError(
            "choose_batches: unique_track and per_class exclude each other: one forbids two rows of a track in "
            "a batch, the other asks for them. Drop one."
        )
    if sum((unique_track, per_class is not None, groups is not None)) != 1:
        raise ValueError("choose_batches: give one of unique_track, per_class and groups")
    share = {"seed": seed, "rank": rank, "world": world}
    if unique_track:
        return UniqueTrackBatches(tracks, batch_size, **share)
    if groups is not None:
        return OneRowPerGroup(groups, batch_size, **share)
    assert per_class is not None
    if batch_size % per_class:
        raise ValueError(f"choose_batches: batch_size is {batch_size}; per_class, {per_class}, must divide it")
    classes = np.unique(np.asarray(tracks), return_inverse=True)[1] if labels is None else labels
    return BalancedBatches(classes, batch_size // per_class, per_class, **share)


def _members(values: np.ndarray, known: np.ndarray) -> list[np.ndarray]:
    """Rows of each value, in the order of the values."""
    rows = np.flatnonzero(known)
    order = rows[np.argsort(values[rows], kind="stable")]
    return np.split(order, np.flatnonzero(values[order][1:] != values[order][:-1]) + 1) if len(order) else []


def _full_batches(owner: np.ndarray, size: int) -> int:
    """The most batches of `size` units of different owners each."""
    counts = np.bincount(owner)
    count = len(owner) // size
    while np.minimum(counts, count).sum() < size * count:
        count = int(np.minimum(counts, count).sum()) // size
    return count


def _near_full_batches(owner: np.ndarray, size: int) -> int:
    """How many batches of at most `size` units of different owners there are, all as full as they can be."""
    counts = np.bincount(owner)
    count, fewer = len(owner), -(-len(owner) // size)
    while fewer < count:
        count, fewer = fewer, -(-int(np.minimum(counts, fewer).sum()) // size)
    return count


def _deal(owner: np.ndarray, size: int, count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """`count` batches of at most `size` units, none with two of one owner.

    An owner keeps at most `count` units. Laid out owner by owner and dealt in turns, as cards are, the units of an
    owner fall into different batches.
    """
    order = rng.permutation(len(owner))
    rank_of_owner = rng.permutation(int(owner.max()) + 1 if len(owner) else 0)
    order = order[np.argsort(rank_of_owner[owner[order]], kind="stable")]
    first = np.searchsorted(rank_of_owner[owner[order]], np.arange(len(rank_of_owner)))
    within = np.arange(len(order)) - first[rank_of_owner[owner[order]]]
    kept = order[within < count]
    if len(kept) > size * count:
        kept = kept[np.sort(rng.permutation(len(kept))[: size * count])]
    return [rng.permutation(kept[at::count]) for at in rng.permutation(count)]
