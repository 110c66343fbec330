"""What is asked of `catalogue.db`: rows out, values back. Each function is one answer on a given connection."""

import json
import os
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from crossmodal.catalogue.records import (
    Acoustic,
    EmbeddingTable,
    FileState,
    Job,
    PassedOver,
    Place,
    SegmentTable,
    StoredSequence,
    Track,
)
from crossmodal.embedding import Embedding
from crossmodal.errors import one_line
from crossmodal.features import Side

# ruff: noqa: S608 (queries are put together of these constants; values are always bound)
_IS_PRESENT = "EXISTS (SELECT 1 FROM place WHERE place.track = t.id AND place.present)"
_WHOLE = "e.start_s = 0 AND e.end_s IS NULL"
_AMONG = "IN (SELECT value FROM json_each(?))"
_OF_MODEL = f"JOIN track AS t ON t.id = e.track WHERE e.model = ? AND t.side = ? AND {_WHOLE} AND {_IS_PRESENT}"
# What is in results: whole media, of one model and side, there, and not silent.
_LISTED = f"{_OF_MODEL} AND NOT e.silent"
_BY_ID = "ORDER BY t.id"

_TRACK = """
SELECT id, content_hash, side, recording_id, recording_offset, title, artist, album, genre, licence, duration,
    loudness_lufs, peak_dbfs, silent, warnings FROM track AS t"""
_TRACKS_OF_SIDE = f"{_TRACK} WHERE t.side = ? {_BY_ID}"
_TRACKS_PRESENT = f"{_TRACK} WHERE t.side = ? AND {_IS_PRESENT} {_BY_ID}"
_TRACKS_BY_ID = f"{_TRACK} WHERE t.id {_AMONG}"
_TRACKS_OF_RECORDINGS = f"{_TRACK} WHERE t.recording_id {_AMONG} {_BY_ID}"
_PLACES = f"SELECT track, path, present FROM place WHERE track {_AMONG} ORDER BY id"
_ALL_PLACES = """
SELECT id, track, path, present, tags, size, mtime_ns, ctime_ns, inode FROM place WHERE side = ? ORDER BY id"""
_VECTORS = f"SELECT t.id, e.vector, e.duration FROM embedding AS e {_LISTED} {_BY_ID}"
_VIEWS = f"SELECT e.views FROM embedding AS e {_LISTED} {_BY_ID}"
_LISTED_IDS = f"SELECT t.id FROM embedding AS e {_LISTED} {_BY_ID}"
_SEQUENCES = f"""
SELECT t.id, s.heads, s.dims, s.rows, s.seen FROM embedding AS e JOIN sequence AS s ON s.embedding = e.id
{_LISTED} AND t.id {_AMONG} {_BY_ID}"""
_SEGMENTS = f"""
SELECT t.id, s.times, s.vectors FROM embedding AS e JOIN segment AS s ON s.embedding = e.id {_LISTED} {_BY_ID}"""
_EMBEDDING = """
SELECT e.duration, e.silent, e.vector, e.views, g.times, g.vectors, s.heads, s.dims, s.rows, s.seen
FROM embedding AS e JOIN segment AS g ON g.embedding = e.id JOIN sequence AS s ON s.embedding = e.id
WHERE e.track = ? AND e.model = ? AND e.start_s = ? AND ifnull(e.end_s, -1) = ?"""
_COUNT = f"SELECT count(*) FROM track AS t WHERE t.side = ? AND {_IS_PRESENT}"
_COUNT_OF_MODEL = f"SELECT count(*) FROM embedding AS e {_OF_MODEL}"
_MODELS = f"SELECT DISTINCT e.model FROM embedding AS e JOIN track AS t ON t.id = e.track WHERE t.side = ? AND {_WHOLE}"
_WITHOUT_EMBEDDING = f"""
SELECT t.id, t.content_hash, (SELECT path FROM place WHERE place.track = t.id AND present ORDER BY place.id)
FROM track AS t WHERE t.side = ? AND {_IS_PRESENT}
AND NOT EXISTS (SELECT 1 FROM embedding AS e WHERE e.track = t.id AND e.model = ? AND {_WHOLE}) {_BY_ID}"""
_PASSED_OVER = """
SELECT path, kind, reason, size, mtime_ns, ctime_ns, inode FROM passed_over
WHERE side = ? AND version = ? ORDER BY path"""
_ACOUSTICS = f"""
SELECT t.id, t.duration, a.summary FROM acoustic AS a JOIN track AS t ON t.id = a.track WHERE a.encoder = ? {_BY_ID}"""
_ACOUSTIC = """
SELECT a.encoder, a.summary, a.fingerprint, t.recording_id, t.recording_offset
FROM acoustic AS a JOIN track AS t ON t.id = a.track WHERE t.id = ?"""
_JOBS = "SELECT id, kind, subject, host, pid, state, started, ended, done, total FROM job ORDER BY id DESC LIMIT ?"


def generation(db: sqlite3.Connection) -> str:
    """The random id of the last commit that touched vectors."""
    (value,) = db.execute("SELECT value FROM meta WHERE key = 'generation'").fetchone()
    return str(value)


def tracks(db: sqlite3.Connection, side: Side, *, present: bool) -> list[Track]:
    """Tracks of a side by id; those with a file only, or all."""
    return _with_places(db, db.execute(_TRACKS_PRESENT if present else _TRACKS_OF_SIDE, (side,)).fetchall())


def tracks_by_id(db: sqlite3.Connection, ids: Sequence[int]) -> list[Track]:
    """The tracks of these ids, in their order; unknown ids are left out."""
    rows = db.execute(_TRACKS_BY_ID, (_json_ids(ids),)).fetchall()
    found = {track.id: track for track in _with_places(db, rows)}
    return [found[int(i)] for i in ids if int(i) in found]


def recordings(db: sqlite3.Connection, recording_ids: Sequence[int]) -> list[Track]:
    """All tracks of these recordings, by id."""
    return _with_places(db, db.execute(_TRACKS_OF_RECORDINGS, (_json_ids(recording_ids),)).fetchall())


def track_id(db: sqlite3.Connection, content_hash: str, side: Side) -> int | None:
    """The id of a content, or None."""
    row = db.execute("SELECT id FROM track WHERE content_hash = ? AND side = ?", (content_hash, side)).fetchone()
    return None if row is None else int(row[0])


def embeddings(db: sqlite3.Connection, model: str, side: Side, view: str | None) -> EmbeddingTable:
    """Global vectors of what is in results; with a view, that follows each vector in its row."""
    rows = db.execute(_VECTORS, (model, side)).fetchall()
    vectors = [np.frombuffer(row[1], "<f4") for row in rows]
    if view is not None:
        further = [json.loads(row[0])[view] for row in db.execute(_VIEWS, (model, side))]
        vectors = [np.concatenate([own, np.array(more, "<f4")]) for own, more in zip(vectors, further, strict=True)]
    return EmbeddingTable(
        ids=np.array([row[0] for row in rows], np.int64),
        vectors=np.stack(vectors).astype(np.float32) if rows else np.zeros((0, 0), np.float32),
        durations=np.array([row[2] for row in rows], np.float64),
        generation=generation(db),
    )


def listed_ids(db: sqlite3.Connection, model: str, side: Side) -> np.ndarray:
    """(N,) int64: the ids that `embeddings` gives."""
    return np.array([row[0] for row in db.execute(_LISTED_IDS, (model, side))], np.int64)


def sequences(db: sqlite3.Connection, model: str, side: Side, ids: Sequence[int]) -> list[StoredSequence]:
    """Sequences of those of `ids` that are in results, by id."""
    rows = db.execute(_SEQUENCES, (model, side, _json_ids(ids)))
    return [StoredSequence(track, *_sequence(heads, dims, blob, seen)) for track, heads, dims, blob, seen in rows]


def segments(db: sqlite3.Connection, model: str, side: Side) -> SegmentTable:
    """Segments of what is in results, by track and time."""
    ids, times, parts = list[np.ndarray](), list[np.ndarray](), list[np.ndarray]()
    for track, blob, packed in db.execute(_SEGMENTS, (model, side)):
        starts = np.frombuffer(blob, "<f4")
        if len(starts):
            ids.append(np.full(len(starts), track, np.int64))
            times.append(starts)
            parts.append(np.frombuffer(packed, "<f2").astype(np.float32).reshape(len(starts), -1))
    return SegmentTable(
        np.concatenate([np.zeros(0, np.int64), *ids]),
        np.concatenate([np.zeros(0, np.float32), *times]),
        np.concatenate(parts) if parts else np.zeros((0, 0), np.float32),
    )


def embedding(db: sqlite3.Connection, track: int, model: str, start: float, end: float | None) -> Embedding | None:
    """One stored embedding; segments and sequence as float32 of stored float16."""
    row = db.execute(_EMBEDDING, (track, model, start, -1.0 if end is None else end)).fetchone()
    if row is None:
        return None
    duration, silent, vector, views, times, packed, *stored = row
    sequence, seen = _sequence(*stored)
    whole = np.frombuffer(vector, "<f4").astype(np.float32)
    return Embedding(
        vector=whole,
        segments=np.frombuffer(packed, "<f2").astype(np.float32).reshape(-1, len(whole)),
        times=np.frombuffer(times, "<f4").astype(np.float32),
        sequence=sequence.astype(np.float32),
        seen=seen,
        duration=duration,
        silent=bool(silent),
        views={name: np.array(values, np.float32) for name, values in json.loads(views or "{}").items()},
    )


def count(db: sqlite3.Connection, side: Side, model: str | None) -> int:
    """Present tracks of a side; with a model, those of them that have its vectors (silent ones too)."""
    row = db.execute(_COUNT, (side,)) if model is None else db.execute(_COUNT_OF_MODEL, (model, side))
    return int(row.fetchone()[0])


def models(db: sqlite3.Connection, side: Side) -> dict[str, int]:
    """Model fingerprint -> how many present tracks have its vectors."""
    return {model: count(db, side, model) for (model,) in db.execute(_MODELS, (side,)).fetchall()}


def without_embedding(db: sqlite3.Connection, model: str, side: Side) -> list[tuple[int, str, bytes]]:
    """(id, content hash, path) of present tracks that have no vectors of this model."""
    return db.execute(_WITHOUT_EMBEDDING, (side, model)).fetchall()


def places(db: sqlite3.Connection, side: Side) -> list[Place]:
    """Every known file of a side, by id."""
    rows = db.execute(_ALL_PLACES, (side,))
    return [
        Place(key, track, path, FileState(*state), bool(present), json.loads(tags))
        for key, track, path, present, tags, *state in rows
    ]


def passed_over(db: sqlite3.Connection, side: Side, version: str) -> list[PassedOver]:
    """Files that this version of crossmodal read and did not take."""
    rows = db.execute(_PASSED_OVER, (side, version))
    return [PassedOver(path, FileState(*state), kind, reason) for path, kind, reason, *state in rows]


def acoustics(db: sqlite3.Connection, encoder: str) -> list[tuple[int, float, bytes]]:
    """(track id, duration, summary) of every fingerprint drawn from this encoder's features, by id."""
    return db.execute(_ACOUSTICS, (encoder,)).fetchall()


def acoustic(db: sqlite3.Connection, track: int) -> tuple[Acoustic, int, float] | None:
    """Fingerprint, recording id and offset of a track; None: it has none."""
    row = db.execute(_ACOUSTIC, (track,)).fetchone()
    return None if row is None else (Acoustic(*row[:3]), row[3], row[4])


def jobs(db: sqlite3.Connection, limit: int) -> list[Job]:
    """The last jobs, newest first."""
    return [Job(*row) for row in db.execute(_JOBS, (limit,))]


def _with_places(db: sqlite3.Connection, rows: list[tuple]) -> list[Track]:
    there, known = defaultdict[int, list[Path]](list), dict[int, Path]()
    for track, raw, present in db.execute(_PLACES, (_json_ids([row[0] for row in rows]),)):
        path = Path(os.fsdecode(raw))
        known[track] = path
        if present:
            there[track].append(path)
    return [_track(row, there[row[0]], known.get(row[0])) for row in rows]


def _track(row: tuple, there: list[Path], known: Path | None) -> Track:
    path = there[0] if there else known or Path()
    # A name is bytes; a person sees a stand-in where they are not UTF-8.
    name = one_line(os.fsencode(path.stem).decode("utf-8", "replace"))
    return Track(
        id=row[0],
        content_hash=row[1],
        side=row[2],
        recording_id=row[3],
        recording_offset=row[4],
        title=row[5] or name,
        artist=row[6],
        album=row[7],
        genre=row[8],
        licence=row[9],
        duration=row[10],
        loudness_lufs=row[11],
        peak_dbfs=row[12],
        silent=bool(row[13]),
        places=there,
        path=path,
        warnings=tuple(json.loads(row[14])),
    )


def _sequence(heads: int, dims: int, rows: bytes, seen: bytes) -> tuple[np.ndarray, np.ndarray]:
    if not heads:
        bits = np.unpackbits(np.frombuffer(seen, np.uint8)).astype(np.bool_)
        length = int(np.flatnonzero(bits)[-1])  # the last bit stands behind the last row
        return np.zeros((length, 0, dims), "<f2"), bits[:length]
    sequence = np.frombuffer(rows, "<f2").reshape(-1, heads, dims)  # (T, H, d)
    return sequence, np.unpackbits(np.frombuffer(seen, np.uint8), count=len(sequence)).astype(np.bool_)


def _json_ids(ids: Sequence[int]) -> str:
    return json.dumps([int(i) for i in ids])
