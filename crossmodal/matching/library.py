"""One side of a catalogue as a model sees it: what a query is compared with, and where its results stand."""

from dataclasses import dataclass

import numpy as np

from crossmodal.catalogue import Catalogue, EmbeddingTable
from crossmodal.embedding import Embedding
from crossmodal.features import Side
from crossmodal.matching.bank import ClipBank, TrackBank, bank_of, clips_of
from crossmodal.matching.calibration import Calibration
from crossmodal.matching.candidates import Candidates
from crossmodal.matching.comparing import Scores, order, percentiles

FULL_SCAN = 5_000  # tracks of which every sequence is scanned; of more, so many candidates are
SAMPLE = 1_000  # tracks that a percentile is taken against beyond that
FEWEST = 10  # below, a percentile says nothing


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """A library against a query, best first; tracks of one recording are one result, at the place of the best.

    Args:
        ids: (N,) int64.
        scores: of each.
        percentile: (N,) in [0, 100]; NaN in a library of fewer than 10.
        library: (M,) ranks of the library, by recording, or of a fixed sample of it.
    """

    ids: np.ndarray
    scores: Scores
    percentile: np.ndarray
    library: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Library:
    """A state of a catalogue's side, for one model. Made by `read`; never changes, so threads may share it.

    Args:
        side: of what is in it.
        model: fingerprint.
        table: global vectors; with a view, each has its own behind it.
        bank: every sequence, or in a large library those of the sample.
        recordings: track id -> recording id.
        candidates: None: every sequence is scanned.
        view: the view that can be blended in; None: the model has none.
    """

    side: Side
    model: str
    table: EmbeddingTable
    bank: TrackBank | ClipBank
    recordings: dict[int, int]
    candidates: Candidates | None
    view: str | None = None

    @classmethod
    def read(
        cls, catalogue: Catalogue, model: str, side: Side, before: "Library | None" = None, *, view: str | None = None
    ) -> "Library":
        """The library as the catalogue is now; what `before` holds of it is not read again.

        Args:
            view: of the embeddings, that can be blended in.
        """
        table = catalogue.embeddings(model, side, view=view)
        recordings = {track.id: track.recording_id for track in catalogue.tracks(side)}
        is_large = len(table.ids) > FULL_SCAN
        held = _rows(table, sample_of(table.ids)) if is_large else table
        last = before.bank if before is not None else None
        bank: TrackBank | ClipBank
        if side == "audio":
            bank = (last if isinstance(last, TrackBank) else TrackBank()).following(held, catalogue, model)
        else:
            bank = (last if isinstance(last, ClipBank) else ClipBank()).following(held, catalogue, model)
        candidates = None
        if is_large:
            plain = table if view is None else catalogue.embeddings(model, side)
            candidates = Candidates(plain, catalogue.segments(model, side))
        return cls(side, model, table, bank, recordings, candidates, view)

    def __len__(self) -> int:
        return len(self.table.ids)

    def rank(
        self,
        query: Embedding,
        catalogue: Catalogue,
        calibration: Calibration | None,
        alpha: float = 0.0,
    ) -> Ranking:
        """Compare `query` with the library.

        Args:
            query: of a clip for a library of music, of a track for one of clips.
            catalogue: that this was read from; a large library's candidates are read from it.
            calibration: of the model.
            alpha: share of the view, of a library that was read with one. Candidates are found without it.
        """
        blended = self._blended(query, alpha)
        ids, scores = self._by_recording(self.bank.ids, self.bank.compare(blended, calibration))
        library = scores.rank
        if self.candidates is not None:
            near = self.candidates.nearest(query, FULL_SCAN)
            ids, scores = self._by_recording(*self._scan(near, blended, catalogue, calibration))
        if len(library) < FEWEST:
            return Ranking(ids, scores, np.full(len(ids), np.nan), library)
        sampled = {self._recording(int(i)) for i in self.bank.ids}
        inside = np.array([self._recording(int(i)) in sampled for i in ids], np.bool_)
        return Ranking(ids, scores, percentiles(scores.rank, library, inside), library)

    def standing(self, query: Embedding, calibration: Calibration | None) -> np.ndarray:
        """(M,) ranks of the library against `query`, by recording: what percentiles are taken against."""
        _, scores = self._by_recording(self.bank.ids, self.bank.compare(self._blended(query, 0.0), calibration))
        return scores.rank

    def holds(self, track_id: int | None) -> bool:
        """Whether the recording of a track is among those of `standing`."""
        if track_id is None or track_id not in self.recordings:
            return False
        return self.recordings[track_id] in {self._recording(int(i)) for i in self.bank.ids}

    def _blended(self, query: Embedding, alpha: float) -> Embedding:
        return query if self.view is None else query.blended(alpha)

    def _scan(
        self, near: np.ndarray, query: Embedding, catalogue: Catalogue, calibration: Calibration | None
    ) -> tuple[np.ndarray, Scores]:
        table = _rows(self.table, near)
        make = bank_of if self.side == "audio" else clips_of
        bank = make(table, catalogue, self.model)
        return bank.ids, bank.compare(query, calibration)

    def _by_recording(self, ids: np.ndarray, scores: Scores) -> tuple[np.ndarray, Scores]:
        """The best of each recording, best first."""
        best: dict[int, int] = {}
        for place in order(scores.rank, ids):
            best.setdefault(self._recording(int(ids[place])), int(place))
        places = np.array(list(best.values()), np.int64)
        return ids[places], scores.take(places)

    def _recording(self, track_id: int) -> int:
        return self.recordings.get(track_id, -track_id)


def sample_of(ids: np.ndarray) -> np.ndarray:
    """`SAMPLE` of the ids, spread at random and always the same: one that is added changes few of them."""
    mixed = (ids.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(32)
    return np.sort(ids[np.argsort(mixed, kind="stable")[:SAMPLE]])


def _rows(table: EmbeddingTable, ids: np.ndarray) -> EmbeddingTable:
    among = np.isin(table.ids, ids)
    return EmbeddingTable(table.ids[among], table.vectors[among], table.durations[among], table.generation)
