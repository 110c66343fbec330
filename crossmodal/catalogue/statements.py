"""What is written to `catalogue.db`. Each function is part of one transaction on a connection that it is given."""

import json
import sqlite3
import time
from collections.abc import Iterable, Sequence

import numpy as np

from crossmodal.catalogue.records import TAG_FIELDS, Acoustic, Content, FoundFile, PassedOver
from crossmodal.catalogue.schema import new_generation
from crossmodal.embedding import Embedding
from crossmodal.features import Side

_UPSERT_TRACK = """
INSERT INTO track (content_hash, side, recording_id, duration, silent, loudness_lufs, peak_dbfs, warnings, added)
VALUES (?, ?, 0, ?, ?, ?, ?, ?, ?)
ON CONFLICT (content_hash, side) DO UPDATE SET duration = excluded.duration, silent = excluded.silent,
    loudness_lufs = excluded.loudness_lufs, peak_dbfs = excluded.peak_dbfs, warnings = excluded.warnings
RETURNING id, recording_id"""
_UPSERT_PLACE = """
INSERT INTO place (track, side, path, size, mtime_ns, ctime_ns, inode, present, tags) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?)
ON CONFLICT (path, side) DO UPDATE SET track = excluded.track, size = excluded.size, mtime_ns = excluded.mtime_ns,
    ctime_ns = excluded.ctime_ns, inode = excluded.inode, present = 1, tags = excluded.tags"""

_INSERT_EMBEDDING = """
INSERT INTO embedding (track, start_s, end_s, model, duration, silent, vector, views) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""


def renew_generation(db: sqlite3.Connection) -> None:
    """A new random id: what is derived from the vectors is out of date."""
    db.execute("UPDATE meta SET value = ? WHERE key = 'generation'", (new_generation(),))


def put_track(db: sqlite3.Connection, content: Content) -> int:
    """Insert or update a content; its id. A new one is a recording of its own."""
    values = (
        content.content_hash,
        content.side,
        content.duration,
        content.silent,
        content.loudness_lufs,
        content.peak_dbfs,
        json.dumps(content.warnings),
        time.time(),
    )
    track, recording = db.execute(_UPSERT_TRACK, values).fetchone()
    if recording == 0:
        db.execute("UPDATE track SET recording_id = id WHERE id = ?", (track,))
    return int(track)


def put_acoustic(db: sqlite3.Connection, track: int, acoustic: Acoustic) -> None:
    """Store the acoustic fingerprint of a track."""
    db.execute("REPLACE INTO acoustic VALUES (?, ?, ?, ?)", (track, *acoustic))


def join_recording(db: sqlite3.Connection, track: int, recording: int, offset: float) -> None:
    """Say that a track is the same recording as others, `offset` seconds later by its own clock."""
    db.execute("UPDATE track SET recording_id = ?, recording_offset = ? WHERE id = ?", (recording, offset, track))


def put_place(db: sqlite3.Connection, track: int, side: Side, file: FoundFile) -> None:
    """Say that a file has the content of a track; what its path held before is no longer there."""
    before = db.execute("SELECT track FROM place WHERE path = ? AND side = ?", (file.path, side)).fetchone()
    read = file.tags
    tags = json.dumps(None if read is None else {name: read[name] for name in TAG_FIELDS if read.get(name)})
    db.execute(_UPSERT_PLACE, (track, side, file.path, *file.state, tags))
    db.execute("DELETE FROM passed_over WHERE path = ? AND side = ?", (file.path, side))
    retag(db, track)
    if before is not None and before[0] != track:
        retag(db, before[0])


def retag(db: sqlite3.Connection, track: int) -> None:
    """Give a track the tags of its first place that has any; present ones go first."""
    rows = db.execute("SELECT tags FROM place WHERE track = ? ORDER BY present DESC, id", (track,)).fetchall()
    tags: dict[str, str] = next((found for (text,) in rows if (found := json.loads(text))), {})
    db.execute(
        "UPDATE track SET title = ?, artist = ?, album = ?, genre = ?, licence = ? WHERE id = ?",
        (*(tags.get(name) for name in TAG_FIELDS), track),
    )


def move_place(db: sqlite3.Connection, place: int, path: bytes) -> None:
    """Give a place another path."""
    db.execute("DELETE FROM place WHERE path = ? AND side = (SELECT side FROM place WHERE id = ?)", (path, place))
    db.execute("UPDATE place SET path = ? WHERE id = ?", (path, place))


def set_present(db: sqlite3.Connection, places: Iterable[int], *, present: bool) -> None:
    """Say of places that their files were there, or were not."""
    db.executemany("UPDATE place SET present = ? WHERE id = ?", ((present, place) for place in places))


def prune(db: sqlite3.Connection, places: Sequence[int]) -> int:
    """Forget places, and tracks that then have none; how many tracks that were."""
    db.executemany("DELETE FROM place WHERE id = ?", ((place,) for place in places))
    return db.execute("DELETE FROM track WHERE NOT EXISTS (SELECT 1 FROM place WHERE place.track = track.id)").rowcount


def put_embedding(
    db: sqlite3.Connection,
    track: int,
    model: str,
    embedding: Embedding,
    *,
    start: float = 0.0,
    end: float | None = None,
) -> None:
    """Store an embedding with its segments and its sequence, in place of what had the same key."""
    db.execute(
        "DELETE FROM embedding WHERE track = ? AND model = ? AND start_s = ? AND ifnull(end_s, -1) = ?",
        (track, model, start, -1.0 if end is None else end),
    )
    views = json.dumps({name: [float(x) for x in vector] for name, vector in embedding.views.items()})
    row = db.execute(
        _INSERT_EMBEDDING,
        (track, start, end, model, embedding.duration, embedding.silent, _bytes(embedding.vector, "<f4"), views),
    ).lastrowid
    times, segments = _bytes(embedding.times, "<f4"), _bytes(embedding.segments, "<f2")
    db.execute("INSERT INTO segment VALUES (?, ?, ?)", (row, times, segments))
    _, heads, dims = embedding.sequence.shape
    # Rows of no heads hold no bytes, so a last bit behind what was seen says how many there are.
    bits = embedding.seen if heads else np.append(embedding.seen, True)
    rows, seen = _bytes(embedding.sequence, "<f2"), np.packbits(bits).tobytes()
    db.execute("INSERT INTO sequence VALUES (?, ?, ?, ?, ?)", (row, heads, dims, rows, seen))


def pass_over(db: sqlite3.Connection, side: Side, file: PassedOver, version: str) -> bool:
    """Remember that a file was read and not taken. A place of that path is no longer there; True if one was."""
    values = (file.path, side, *file.state, file.kind, file.reason, version)
    db.execute("REPLACE INTO passed_over VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
    query = "UPDATE place SET present = 0 WHERE path = ? AND side = ? AND present"
    return db.execute(query, (file.path, side)).rowcount > 0


def forget_passed_over(db: sqlite3.Connection, side: Side, paths: Iterable[bytes]) -> None:
    """Forget files that are gone."""
    db.executemany("DELETE FROM passed_over WHERE path = ? AND side = ?", ((path, side) for path in paths))


def start_job(db: sqlite3.Connection, kind: str, subject: str, host: str, pid: int) -> int:
    """A new running job; those that were running were killed, since only one runs at a time."""
    now = time.time()
    db.execute("UPDATE job SET state = 'interrupted', ended = ? WHERE state = 'running'", (now,))
    query = "INSERT INTO job (kind, subject, host, pid, state, started) VALUES (?, ?, ?, ?, 'running', ?)"
    return int(db.execute(query, (kind, subject, host, pid, now)).lastrowid or 0)


def note_job(db: sqlite3.Connection, job: int, done: int, total: int) -> None:
    """How far a job is."""
    db.execute("UPDATE job SET done = ?, total = ? WHERE id = ?", (done, total, job))


def end_job(db: sqlite3.Connection, job: int, state: str, report: str) -> None:
    """The end of a job; `report` is JSON."""
    values = (state, time.time(), report, job)
    db.execute("UPDATE job SET state = ?, ended = ?, report = ? WHERE id = ?", values)


def _bytes(values: np.ndarray, dtype: str) -> bytes:
    return np.ascontiguousarray(values.astype(dtype)).tobytes()
