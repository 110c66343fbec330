"""Batches of raw media: passages decoded and augmented in worker processes, for encoders that are trained.

Every draw depends on (seed, step) or (seed, step, row) alone: any number of workers gives the same rows, and a run that
was killed goes on with them. A row whose file fails is replaced by one of another music, the same in every run.
"""

import itertools
import logging
import multiprocessing
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from crossmodal.encoders.raw_readers import MelReader, RawReader
from crossmodal.errors import MediaError
from crossmodal.features import Features, Side
from training.data.augment import (
    RawAugment,
    RowDraw,
    augment_pictures,
    augment_spectra,
    augment_windows,
    draw_row,
)
from training.data.batches import Batch, Batches, Rows
from training.data.disturb import row_seed
from training.data.raw_pairs import SIDES, RawPair

log = logging.getLogger(__name__)

AHEAD = 2  # batches that each worker holds ready


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """A batch, and (row id, reason) of the rows that were replaced in it."""

    batch: Batch
    failed: list[tuple[str, str]]


class RawBatches(Batches):
    """Draws batches whose sides are what networks take (N, T, ...), or Features where no encoder is trained.

    Args:
        domains: name -> pairs.
        shares: name -> how often a batch comes from it; need not sum to 1.
        readers: what reads the media of each side that is trained.
        hop: seconds from row to row, of both sides.
        size, passage, seed, label, per_class, time: as in `Batches`.
        augment: how raw media are disturbed.
        workers: processes that decode; 0: this one.
    """

    def __init__(
        self,
        domains: Mapping[str, list[RawPair]],
        shares: dict[str, float],
        *,
        readers: Mapping[Side, RawReader],
        hop: float,
        size: int,
        passage: tuple[float, float],
        seed: int,
        label: str | None = None,
        per_class: int = 0,
        time: Literal["aligned", "shuffled"] = "aligned",
        augment: RawAugment | None = None,
        workers: int = 0,
    ) -> None:
        super().__init__(
            domains,  # type: ignore[arg-type]  # raw pairs have all that is asked of pairs here
            shares,
            size=size,
            passage=passage,
            seed=seed,
            label=label,
            per_class=per_class,
            time=time,
            hop=hop,
        )
        self.readers, self.augment, self.workers = dict(readers), augment or RawAugment(), workers
        self.failed: dict[str, str] = {}
        self._stream: Iterator[Made] | None = None
        self._next = -1

    def draw(self, step: int) -> Batch:
        """The batch of a step; the next ones are decoded meanwhile.

        Raises:
            MediaError: no row of the domain can be decoded.
        """
        made = self.make(step) if self.workers == 0 else self._from_workers(step)
        for key, reason in made.failed:
            if key not in self.failed:
                self.failed[key] = reason
                log.warning("%s: left out: %s", key, reason)
        return made.batch

    def close(self) -> None:
        """End the workers; they are started again when a batch is drawn."""
        self._stream, self._next = None, -1

    def make(self, step: int) -> Made:
        """Decode and augment the batch of a step in this process."""
        rng = np.random.default_rng((self.seed, step))
        name = self.names[int(rng.choice(len(self.names), p=self.odds))]
        drawn: Any = self._rows_by_class(name, rng) if self.per_class else self._rows_by_music(name, rng)
        length = max(1, round(rng.uniform(*self.passage) / self.hop))
        pairs, rows, failed = self._decoded(drawn, name, step, length)
        labels = None if self.labels is None else self.labels.draw(pairs, rng)  # type: ignore[arg-type]
        batch = Batch(
            video=_stacked([row["video"] for row in rows]),
            audio=_stacked([row["audio"] for row in rows]),
            ids=torch.tensor([self.ids[pair.music_id] for pair in pairs]),
            weight=torch.tensor([pair.weight for pair in pairs], dtype=torch.float32),
            domain=name,
            keys=tuple(pair.id for pair in pairs),
            labels=labels,
        )
        return Made(batch, failed)

    def _decoded(
        self, drawn: list[RawPair], name: str, step: int, length: int
    ) -> tuple[list[RawPair], list[dict[Side, Rows]], list[tuple[str, str]]]:
        """As many rows as were drawn, others in place of those that fail while there are any."""
        pairs: list[RawPair] = []
        rows: list[dict[Side, Rows]] = []
        failed: list[tuple[str, str]] = []
        last: MediaError | None = None
        for pair in itertools.chain(drawn, self._others(drawn, name, step)):
            if len(pairs) == len(drawn):
                break
            try:
                rows.append(self._row(pair, step, length))
                pairs.append(pair)
            except MediaError as error:
                last = error
                failed.append((pair.id, str(error)))
        if last is not None and not pairs:
            raise last
        return pairs, rows, failed

    def _others(self, drawn: list[RawPair], name: str, step: int) -> Iterator[RawPair]:
        """Pairs of musics that were not drawn, in an order of their own."""
        taken = {pair.music_id for pair in drawn}
        musics: Any = [pairs for pairs in self.domains[name] if pairs[0].music_id not in taken]
        rng = np.random.default_rng((self.seed, step, 1))
        for at in rng.permutation(len(musics)):
            yield musics[at][int(rng.integers(len(musics[at])))]

    def _row(self, pair: RawPair, step: int, length: int) -> dict[Side, Rows]:
        draw = draw_row(self.augment, self.seed, step, pair.id)
        generator = torch.Generator().manual_seed(row_seed(self.seed, step, pair.id, "place"))
        place, music_place = torch.rand(2, generator=generator, dtype=torch.float64).tolist()
        start = self._start(pair.seconds, length, draw.speed, place)
        heard, heard_left = pair.start + start, pair.seconds - start
        if self.time == "shuffled":
            heard = self._start(pair.music_seconds, length, draw.speed, music_place)
            heard_left = pair.music_seconds - heard
        places = {"video": (pair.video_start + start, pair.seconds - start), "audio": (heard, heard_left)}
        made: dict[Side, Rows] = {}
        for side in SIDES:
            begin, seconds = places[side]
            n_rows = min(length, max(round(seconds / draw.speed / self.hop), 1))  # the rest is past the pair's end
            made[side] = self._side(side, pair, begin, length, n_rows, draw, step)
        return made

    def _start(self, seconds: float, length: int, speed: float, place: float) -> float:
        """A start on the grid of hops at which the whole passage is inside, if there is one."""
        room = max(int((seconds - length * self.hop * speed) / self.hop + 1e-6), 0)
        return int(place * (room + 1)) * self.hop

    def _side(
        self, side: Side, pair: RawPair, start: float, length: int, n_rows: int, draw: RowDraw, step: int
    ) -> Rows:
        source = pair.video if side == "video" else pair.audio
        if isinstance(source, Features):
            return _cut(source, start, length, n_rows, draw.speed)
        reader = self.readers[side]
        raw = reader.read(source, start, n_rows * self.hop, speed=draw.speed, gain_db=draw.gain_db)
        if not len(raw):
            raise MediaError(str(source), "truncated", f"there is nothing at {start:g} s", "Copy the file again.")
        raw = self._augmented(raw, side, reader, draw, row_seed(self.seed, step, pair.id, side))
        values = raw.new_zeros((length, *raw.shape[1:]))
        values[: len(raw)] = raw
        return Rows(values, torch.arange(length) < len(raw))

    def _augmented(self, raw: Tensor, side: Side, reader: RawReader, draw: RowDraw, seed: int) -> Tensor:
        lack = draw.drop[1] if draw.drop is not None and draw.drop[0] == side else None
        if side == "video":
            return augment_pictures(raw, self.augment, seed, lack)
        if isinstance(reader, MelReader):
            return augment_spectra(raw, self.augment, seed, self.hop, lack)
        return augment_windows(raw, self.augment, seed)

    def _from_workers(self, step: int) -> Made:
        if self._stream is None or step != self._next:
            loader = DataLoader(
                _Steps(self),
                batch_size=None,
                sampler=_From(step),
                num_workers=self.workers,
                prefetch_factor=AHEAD,
                collate_fn=_as_it_is,  # type: ignore[arg-type]  # one at a time, no list
                multiprocessing_context=_start_method(),
                worker_init_fn=_end_with_parent,
            )
            self._stream = iter(loader)
        self._next = step + 1
        return next(self._stream)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_stream": None, "_next": -1, "failed": {}}


class _Steps(Dataset[Made]):
    def __init__(self, batches: RawBatches) -> None:
        self.batches = batches

    def __getitem__(self, step: int) -> Made:
        return self.batches.make(step)


class _From(Sampler[int]):
    """Steps from one on, without end."""

    def __init__(self, step: int) -> None:
        self.step = step

    def __iter__(self) -> Iterator[int]:
        return itertools.count(self.step)


def _start_method() -> str:
    """How workers are started: never as forks of this process, as one that has computed hangs.

    A server that has imported what they need and computed nothing forks them where there are such; Windows starts anew.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return "spawn"
    multiprocessing.set_forkserver_preload([__name__, "torchvision.transforms.v2", "torchaudio.transforms"])
    return "forkserver"


def _end_with_parent(_: int) -> None:
    """In a worker: end when the run is killed; the server that forked it goes on, so nothing else would tell."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _as_it_is(made: Made) -> Made:
    return made


def _stacked(rows: list[Rows]) -> Rows:
    return Rows(torch.stack([row.values for row in rows]), torch.stack([row.mask for row in rows]))


def _cut(features: Features, start: float, length: int, n_rows: int, speed: float) -> Rows:
    """Rows (T, C) of Features from `start` on, at another speed read between their middles."""
    place = start / features.hop + (np.arange(length) + 0.5) * speed - 0.5  # in rows
    last = len(features.values) - 1
    low = np.clip(np.floor(place + 1e-9).astype(np.int64), 0, last)
    high = np.minimum(low + 1, last)
    part = np.clip(place - low, 0.0, 1.0).astype(np.float32)[:, None]
    part[part < 1e-6] = 0
    inside = (place <= last + 0.5) & (np.arange(length) < n_rows)
    seen = inside & features.seen[low] & (features.seen[high] | (part[:, 0] == 0))
    values = features.values[low] * (1 - part) + features.values[high] * part
    return Rows(torch.from_numpy(np.where(seen[:, None], values, np.float32(0))), torch.from_numpy(seen))
