"""A library in memory, ready to be searched: vectors, and all sequences with their spectra.

It follows the catalogue: what is new is read, what is gone is passed over, and all else stays as it is.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch

from crossmodal.catalogue import Catalogue, EmbeddingTable
from crossmodal.embedding import Embedding
from crossmodal.matching.calibration import Calibration
from crossmodal.matching.comparing import Scores, compare_clip, compare_pair
from crossmodal.similarity import TrackSpectra

PART_GROWTH = 2  # a part is at least so many times as large as all that came after it, so parts stay few


@dataclass(frozen=True, slots=True, eq=False)
class BankPart:
    """Tracks that were read together: ids (n,) int64 rising, vectors (n, D), sequences."""

    ids: np.ndarray
    vectors: np.ndarray
    spectra: TrackSpectra


@dataclass(frozen=True, slots=True, eq=False)
class TrackBank:
    """Tracks to be searched.

    Args:
        parts: what was read.
        ids: (M,) int64: the tracks that count, in the order of the parts.
        live: (all rows of the parts,) bool: which those are.
    """

    parts: tuple[BankPart, ...] = ()
    ids: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    live: np.ndarray = field(default_factory=lambda: np.zeros(0, np.bool_))

    def following(self, table: EmbeddingTable, catalogue: Catalogue, model: str) -> "TrackBank":
        """The bank of what `table` lists; only what this one lacks is read.

        Args:
            table: of the catalogue.
            catalogue: where sequences are read.
            model: fingerprint.
        """
        vectors = {int(i): vector for i, vector in zip(table.ids, table.vectors, strict=True)}
        kept = self._parts_to_keep(vectors)
        held = {int(i) for part in kept for i, is_same in zip(part.ids, _same(part, vectors), strict=True) if is_same}
        missing = sorted(set(vectors) - held)
        parts = kept if not missing else [*kept, _read(missing, vectors, catalogue, model)]
        live = np.concatenate([np.zeros(0, np.bool_), *(_same(part, vectors) for part in parts)])
        ids = np.concatenate([np.zeros(0, np.int64), *(part.ids for part in parts)])
        return TrackBank(tuple(parts), ids[live], live)

    def compare(self, clip: Embedding, calibration: Calibration | None) -> Scores:
        """`clip` against every track, in the order of `ids`."""
        if not self.parts:
            return Scores(*np.zeros((7, 0)))
        parts = [compare_clip(clip, part.vectors, part.spectra, calibration) for part in self.parts]
        return Scores.joined(parts).take(np.flatnonzero(self.live))

    def sequences(self, ids: Iterable[int]) -> dict[int, tuple[torch.Tensor, torch.Tensor]]:
        """(T, H, d) float32 and (T,) seen of some of the tracks."""
        wanted, found = set(ids), {}
        rows = np.concatenate([np.zeros(0, np.int64), *(part.ids for part in self.parts)])
        alive = {int(i) for i in rows[self.live]} & wanted
        for part in self.parts:
            for row, track_id in enumerate(part.ids):
                if int(track_id) in alive:
                    found[int(track_id)] = _sequence(part.spectra, row)
        return found

    def _parts_to_keep(self, vectors: dict[int, np.ndarray]) -> list[BankPart]:
        """The parts of which most is still listed, the first ones that are large beside all that is new."""
        kept: list[BankPart] = []
        used = [part for part in self.parts if 2 * _same(part, vectors).sum() >= len(part.ids)]
        new = len(vectors) - sum(int(_same(part, vectors).sum()) for part in used)
        for part in reversed(used):
            size = int(_same(part, vectors).sum())
            if new and not kept and size < PART_GROWTH * new:
                new += size
            else:
                kept.append(part)
        return kept[::-1]


def bank_of(table: EmbeddingTable, catalogue: Catalogue, model: str) -> TrackBank:
    """A bank of tracks, read for one search."""
    return TrackBank().following(table, catalogue, model)


@dataclass(frozen=True, slots=True, eq=False)
class ClipBank:
    """Clips that slide inside a queried track.

    Args:
        ids: (M,) int64.
        clips: their embeddings, without segments.
    """

    ids: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    clips: tuple[Embedding, ...] = ()

    def following(self, table: EmbeddingTable, catalogue: Catalogue, model: str) -> "ClipBank":
        """The bank of what `table` lists; only what this one lacks is read."""
        known = {int(i): clip for i, clip in zip(self.ids, self.clips, strict=True)}
        rows = {int(i): row for row, i in enumerate(table.ids)}
        clips = {
            i: known[i] for i, row in rows.items() if i in known and np.array_equal(known[i].vector, table.vectors[row])
        }
        for stored in catalogue.iter_sequences(model, "video", sorted(set(rows) - set(clips))):
            row = rows[stored.track_id]
            clips[stored.track_id] = _clip(
                stored.sequence, stored.seen, table.vectors[row], float(table.durations[row])
            )
        ids = sorted(clips)
        return ClipBank(np.array(ids, np.int64), tuple(clips[i] for i in ids))

    def compare(self, track: Embedding, calibration: Calibration | None) -> Scores:
        """Every clip at every start of `track`, in the order of `ids`."""
        if not self.clips:
            return Scores(*np.zeros((7, 0)))
        return Scores.joined([compare_pair(clip, track, calibration) for clip in self.clips])

    def sequences(self, ids: Iterable[int]) -> dict[int, tuple[torch.Tensor, torch.Tensor]]:
        """(T, H, d) float32 and (T,) seen of some of the clips."""
        wanted = set(ids)
        return {
            int(i): (torch.from_numpy(clip.sequence).float(), torch.from_numpy(clip.seen))
            for i, clip in zip(self.ids, self.clips, strict=True)
            if int(i) in wanted
        }


def clips_of(table: EmbeddingTable, catalogue: Catalogue, model: str) -> ClipBank:
    """A bank of clips, read for one search."""
    return ClipBank().following(table, catalogue, model)


def _read(ids: list[int], vectors: dict[int, np.ndarray], catalogue: Catalogue, model: str) -> BankPart:
    found: list[int] = []

    def sequences() -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for stored in catalogue.iter_sequences(model, "audio", ids):
            if len(stored.sequence):
                found.append(stored.track_id)
                yield torch.from_numpy(stored.sequence.copy()), torch.from_numpy(stored.seen.copy())

    spectra = TrackSpectra.of(sequences())
    width = next(iter(vectors.values())).shape[0]
    rows = np.array([vectors[i] for i in found], np.float32).reshape(-1, width)
    return BankPart(np.array(found, np.int64), rows, spectra)


def _same(part: BankPart, vectors: dict[int, np.ndarray]) -> np.ndarray:
    """(n,) bool: which of a part's tracks are still what they were; an id of a restored catalogue may be another's."""
    return np.array(
        [
            int(i) in vectors and np.array_equal(vectors[int(i)], own)
            for i, own in zip(part.ids, part.vectors, strict=True)
        ],
        np.bool_,
    )


def _sequence(spectra: TrackSpectra, place: int) -> tuple[torch.Tensor, torch.Tensor]:
    (block,) = spectra.pick([place]).blocks
    length = int(block.lengths[0])
    return block.rows[0, ..., :length].permute(2, 0, 1).float(), block.seen[0, :length]


def _clip(sequence: np.ndarray, seen: np.ndarray, vector: np.ndarray, duration: float) -> Embedding:
    return Embedding(
        vector=vector,
        segments=np.zeros((0, len(vector)), np.float32),
        times=np.zeros(0, np.float32),
        sequence=sequence.astype(np.float32),
        seen=seen,
        duration=duration,
        silent=False,
    )
