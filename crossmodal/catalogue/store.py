"""Catalogue: tracks, files and embeddings on disk. `catalogue.db` is the truth; all beside it is derived."""

import os
import socket
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from crossmodal.catalogue import ground, queries, schema, statements
from crossmodal.catalogue.lock import holder_of
from crossmodal.catalogue.records import (
    Acoustic,
    Content,
    EmbeddingKey,
    EmbeddingTable,
    FoundFile,
    Job,
    PassedOver,
    Place,
    SegmentTable,
    StoredSequence,
    Track,
)
from crossmodal.embedding import Embedding
from crossmodal.errors import CatalogueError
from crossmodal.features import Side

SEQUENCES_AT_ONCE = 64
FEATURES = "features.db"


class Catalogue:
    """A library on disk, for any number of readers and one writer at a time, across threads and processes.

    A reader sees whole tracks only. No read transaction outlives one answer. Use `Catalogue.open`.

    Example:
        >>> import tempfile
        >>> with Catalogue.open(tempfile.mkdtemp(), create=True) as catalogue:
        ...     catalogue.count()
        0
    """

    def __init__(self, folder: Path, refusal: CatalogueError | None) -> None:
        self.folder = folder
        self._refusal = refusal
        self._idle: list[sqlite3.Connection] = []
        self._pool_lock = threading.Lock()
        self._write_lock = threading.RLock()
        self._writer: sqlite3.Connection | None = None
        self._closed = False

    @classmethod
    def open(cls, folder: str | Path | None = None, *, create: bool = False, read_only: bool = False) -> "Catalogue":
        """Open the catalogue in `folder`.

        Args:
            folder: None: `$CROSSMODAL_CATALOGUE`, or the user's data folder.
            create: make it if it is not there.
            read_only: never write, not even to bring it up to date. One that cannot be written is opened so anyway.

        Raises:
            CatalogueError: `missing`, `too_new`, `damaged`, `refused` (a network share, no WAL), or `read_only`.
        """
        folder = ground.default_folder() if folder is None else Path(folder)
        refusal = ground.why_not_write(folder, ground.mounts())
        if read_only:
            refusal = CatalogueError("read_only", f"{folder} was opened for reading only.")
        if not (folder / ground.DATABASE).exists():
            if not create:
                raise CatalogueError(
                    "missing", f"{folder} holds no catalogue. Make one: crossmodal index FOLDER --catalogue {folder}"
                )
            if refusal is not None:
                raise refusal
            folder.mkdir(parents=True, exist_ok=True)
        catalogue = cls(folder, refusal)
        try:
            catalogue._prepare()
        except BaseException:
            catalogue.close()
            raise
        return catalogue

    def _prepare(self) -> None:
        file = self.folder / ground.DATABASE
        with ground.told(self.folder, holder_of):
            if self._refusal is None:
                self._writer = ground.open_writable(self.folder)
                schema.migrate(self._writer, file)
                return
            db = ground.open_readable(self.folder)
            self._idle.append(db)
            version = schema.version_of(db, file)
        schema.check_readable(version, file)
        if version < len(schema.MIGRATIONS):
            raise CatalogueError(
                "read_only",
                f"{file} is of an older crossmodal (version {version}) and must be brought up to date once. "
                "Open it where it can be written.",
            )

    @property
    def read_only(self) -> bool:
        """Whether writing is refused."""
        return self._refusal is not None

    @property
    def features_path(self) -> Path | None:
        """Where Features of this library are kept; None: they cannot be kept there."""
        return None if self.read_only else self.folder / FEATURES

    # Reading

    def generation(self) -> str:
        """A random id, another one after each commit that touched vectors or what is in results."""
        with self._reading() as db:
            return queries.generation(db)

    def tracks(self, side: Side = "audio", *, present: bool = True) -> list[Track]:
        """Tracks of a side by id; `present`: those with a file only."""
        with self._reading() as db:
            return queries.tracks(db, side, present=present)

    def tracks_by_id(self, ids: Sequence[int] | np.ndarray) -> list[Track]:
        """The tracks of these ids, in their order; unknown ids are left out."""
        with self._reading() as db:
            return queries.tracks_by_id(db, list(ids))

    def recordings(self, recording_ids: Sequence[int]) -> list[Track]:
        """All tracks of these recordings, by id: the places of one recording are those of all of them."""
        with self._reading() as db:
            return queries.recordings(db, recording_ids)

    def track_id(self, content_hash: str, side: Side) -> int | None:
        """The id of a content, or None where it is not known."""
        with self._reading() as db:
            return queries.track_id(db, content_hash, side)

    def embeddings(self, model: str, side: Side = "audio", *, view: str | None = None) -> EmbeddingTable:
        """Global vectors of one model: whole media, present, not silent.

        Args:
            model: fingerprint.
            side: of the tracks.
            view: one that the model's embeddings have: it then follows the vector in each row.
        """
        with self._reading() as db:
            return queries.embeddings(db, model, side, view)

    def listed_ids(self, model: str, side: Side = "audio") -> np.ndarray:
        """(N,) int64: the ids that `embeddings` gives, rising."""
        with self._reading() as db:
            return queries.listed_ids(db, model, side)

    def embedding(self, key: EmbeddingKey) -> Embedding | None:
        """One stored embedding, or None; segments and sequence went through float16."""
        with self._reading() as db:
            track = queries.track_id(db, key.content_hash, key.side)
            return None if track is None else queries.embedding(db, track, key.model, key.start, key.end)

    def iter_sequences(
        self, model: str, side: Side = "audio", ids: Sequence[int] | np.ndarray | None = None
    ) -> Iterator[StoredSequence]:
        """Sequences of what `embeddings` gives, or of those of `ids` among it, by id; read a few at a time."""
        wanted = sorted(int(i) for i in (self.listed_ids(model, side) if ids is None else ids))
        for at in range(0, len(wanted), SEQUENCES_AT_ONCE):
            with self._reading() as db:
                found = queries.sequences(db, model, side, wanted[at : at + SEQUENCES_AT_ONCE])
            yield from found

    def segments(self, model: str, side: Side = "audio") -> SegmentTable:
        """Segments of what `embeddings` gives, by track and time."""
        with self._reading() as db:
            return queries.segments(db, model, side)

    def count(self, side: Side = "audio", *, model: str | None = None) -> int:
        """Present tracks; with a model, those of them that it has vectors for (silent ones count)."""
        with self._reading() as db:
            return queries.count(db, side, model)

    def models(self, side: Side = "audio") -> dict[str, int]:
        """Fingerprint of each model with vectors here -> for how many present tracks."""
        with self._reading() as db:
            return queries.models(db, side)

    def without_embedding(self, model: str, side: Side = "audio") -> list[tuple[int, str, bytes]]:
        """(id, content hash, path) of present tracks that this model has no vectors for."""
        with self._reading() as db:
            return queries.without_embedding(db, model, side)

    def places(self, side: Side = "audio") -> list[Place]:
        """Every file that is or was known, by id."""
        with self._reading() as db:
            return queries.places(db, side)

    def passed_over(self, side: Side, version: str) -> list[PassedOver]:
        """Files that this version of crossmodal read and did not take, by path."""
        with self._reading() as db:
            return queries.passed_over(db, side, version)

    def acoustics(self, encoder: str) -> list[tuple[int, float, bytes]]:
        """(track id, duration, summary) of each acoustic fingerprint drawn from this encoder's features."""
        with self._reading() as db:
            return queries.acoustics(db, encoder)

    def acoustic(self, track: int) -> tuple[Acoustic, int, float] | None:
        """(fingerprint, recording id, recording offset) of a track; None: it has no fingerprint."""
        with self._reading() as db:
            return queries.acoustic(db, track)

    def jobs(self, limit: int = 10) -> list[Job]:
        """The last jobs, newest first."""
        with self._reading() as db:
            return queries.jobs(db, limit)

    # Writing: each method is one transaction.

    def put_track(
        self,
        content: Content,
        file: FoundFile,
        model: str,
        embedding: Embedding,
        *,
        acoustic: Acoustic | None = None,
        recording: tuple[int, float] | None = None,
    ) -> int:
        """Write a track with its file, its embedding, its segments and its sequence, or nothing.

        The same content a second time adds the file; the same model a second time replaces the vectors.

        Args:
            content: what is known of it.
            file: where it was found.
            model: fingerprint of the embedding's model.
            embedding: of the whole medium.
            acoustic: its fingerprint, None for silence.
            recording: (recording id, offset in seconds) if it is the same recording as another track.

        Returns:
            The track's id.

        Raises:
            CatalogueError: `locked` after 30 s behind another writer, `read_only`, or `refused` (disk full).
        """
        with self._transaction() as db:
            track = statements.put_track(db, content)
            statements.put_place(db, track, content.side, file)
            statements.put_embedding(db, track, model, embedding)
            if acoustic is not None:
                statements.put_acoustic(db, track, acoustic)
            if recording is not None:
                statements.join_recording(db, track, *recording)
            statements.renew_generation(db)
        return track

    def put_embedding(self, key: EmbeddingKey, embedding: Embedding) -> None:
        """Write an embedding of a known content with its segments and its sequence, or nothing.

        The same key a second time replaces what was there; other models' rows are not touched.

        Raises:
            CatalogueError: `missing`: no such content; and as `put_track`.
        """
        with self._transaction() as db:
            track = queries.track_id(db, key.content_hash, key.side)
            if track is None:
                raise CatalogueError("missing", f"{self.folder} holds no track with content {key.content_hash[:12]}.")
            statements.put_embedding(db, track, key.model, embedding, start=key.start, end=key.end)
            statements.renew_generation(db)

    def put_place(self, track: int, side: Side, file: FoundFile, *, moved_from: Place | None = None) -> None:
        """Say that a file has a track's content; `moved_from` is the place that it had."""
        with self._transaction() as db:
            if moved_from is not None:
                statements.move_place(db, moved_from.id, file.path)
            statements.put_place(db, track, side, file)
            statements.renew_generation(db)

    def put_acoustic(self, track: int, acoustic: Acoustic) -> None:
        """Store the fingerprint of a track, in place of the one that it had."""
        with self._transaction() as db:
            statements.put_acoustic(db, track, acoustic)

    def set_present(self, *, seen: Iterable[int] = (), not_seen: Iterable[int] = ()) -> None:
        """Say of places (by id) that their files are there, or are not: those stay, out of results."""
        seen, not_seen = list(seen), list(not_seen)
        if not seen and not not_seen:
            return
        with self._transaction() as db:
            statements.set_present(db, seen, present=True)
            statements.set_present(db, not_seen, present=False)
            statements.renew_generation(db)

    def prune(self, places: Sequence[int]) -> int:
        """Forget places (by id), and every track that then has none; how many tracks that were."""
        with self._transaction() as db:
            removed = statements.prune(db, places)
            statements.renew_generation(db)
        return removed

    def pass_over(self, side: Side, file: PassedOver, version: str) -> None:
        """Remember a file that was read and not taken: it is tried again when it changes, or by another version."""
        with self._transaction() as db:
            if statements.pass_over(db, side, file, version):
                statements.renew_generation(db)

    def forget_passed_over(self, side: Side, paths: Sequence[bytes]) -> None:
        """Forget files that are gone."""
        if paths:
            with self._transaction() as db:
                statements.forget_passed_over(db, side, paths)

    def start_job(self, kind: str, subject: str) -> int:
        """A new running job; those still marked as running were killed."""
        with self._transaction() as db:
            return statements.start_job(db, kind, subject, socket.gethostname(), os.getpid())

    def note_job(self, job: int, done: int, total: int) -> None:
        """How far a job is."""
        with self._transaction() as db:
            statements.note_job(db, job, done, total)

    def end_job(self, job: int, state: str, report: str = "{}") -> None:
        """The end of a job: `done`, `stopped` or `failed`; `report` is JSON."""
        with self._transaction() as db:
            statements.end_job(db, job, state, report)

    # Connections

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with ground.told(self.folder, holder_of):
            db = self._take()
            db.execute("BEGIN")  # several statements of one answer see one state
            try:
                yield db
            finally:
                db.rollback()
                self._give_back(db)

    def _take(self) -> sqlite3.Connection:
        with self._pool_lock:
            if self._closed:
                raise CatalogueError("missing", f"{self.folder}: this catalogue was closed.")
            if self._idle:
                return self._idle.pop()
        return ground.open_readable(self.folder)

    def _give_back(self, db: sqlite3.Connection) -> None:
        with self._pool_lock:
            if not self._closed:
                self._idle.append(db)
                return
        db.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        if self._refusal is not None:
            raise self._refusal
        with self._write_lock, ground.told(self.folder, holder_of):
            if self._writer is None:
                raise CatalogueError("missing", f"{self.folder}: this catalogue was closed.")
            # IMMEDIATE: two writers queue at the door instead of failing half-way.
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:  # Ctrl-C too, and a COMMIT that fails
                self._writer.rollback()
                raise

    def close(self) -> None:
        """Close every connection; answers that are being given are finished."""
        with self._pool_lock:
            self._closed = True
            idle, self._idle = self._idle, []
        with self._write_lock:
            writer, self._writer = self._writer, None
        for db in [*idle, *([writer] if writer else [])]:
            db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
