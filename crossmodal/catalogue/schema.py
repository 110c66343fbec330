"""The tables of `catalogue.db`, and how an older one becomes this one."""

import sqlite3
import uuid
from collections.abc import Sequence
from pathlib import Path

from crossmodal.errors import CatalogueError

# "cmdl": says that a database is ours. SQLite keeps it in the file's header.
APPLICATION_ID = 0x636D646C

# One entry a version, oldest first; a new catalogue runs through all of them. Released entries are never edited.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
        # One content (hash of what a player plays) on one side. Ids are never given twice: histories keep them.
        """CREATE TABLE track (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            content_hash TEXT NOT NULL,
            side TEXT NOT NULL CHECK (side IN ('video', 'audio')),
            recording_id INTEGER NOT NULL,
            recording_offset REAL NOT NULL DEFAULT 0,
            title TEXT, artist TEXT, album TEXT, genre TEXT, licence TEXT,
            duration REAL NOT NULL,
            loudness_lufs REAL, peak_dbfs REAL,
            silent INTEGER NOT NULL,
            warnings TEXT NOT NULL DEFAULT '[]',
            rights TEXT NOT NULL DEFAULT '{}',
            descriptors TEXT NOT NULL DEFAULT '{}',
            state TEXT NOT NULL DEFAULT 'listed',
            added REAL NOT NULL,
            UNIQUE (content_hash, side))""",
        "CREATE INDEX track_recording ON track (recording_id)",
        # What `recording.py` compares; under the fingerprint of the encoder that it was drawn from.
        """CREATE TABLE acoustic (
            track INTEGER PRIMARY KEY REFERENCES track (id) ON DELETE CASCADE,
            encoder TEXT NOT NULL,
            summary BLOB NOT NULL,
            fingerprint BLOB NOT NULL)""",
        # Every file with that content. Paths are bytes: not every name is text.
        """CREATE TABLE place (
            id INTEGER PRIMARY KEY,
            track INTEGER NOT NULL REFERENCES track (id) ON DELETE CASCADE,
            side TEXT NOT NULL,
            path BLOB NOT NULL,
            size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL, inode INTEGER NOT NULL,
            present INTEGER NOT NULL,
            tags TEXT NOT NULL DEFAULT '{}',
            UNIQUE (path, side))""",
        "CREATE INDEX place_track ON place (track)",
        # Files that were read and are not in the library: broken, or of the other kind. Tried again when they change.
        """CREATE TABLE passed_over (
            path BLOB NOT NULL,
            side TEXT NOT NULL,
            size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL, inode INTEGER NOT NULL,
            kind TEXT NOT NULL,
            reason TEXT NOT NULL,
            version TEXT NOT NULL,
            PRIMARY KEY (path, side)) WITHOUT ROWID""",
        # Key: content hash and side (both by the track), span, model. end_s is NULL for the whole medium.
        """CREATE TABLE embedding (
            id INTEGER PRIMARY KEY,
            track INTEGER NOT NULL REFERENCES track (id) ON DELETE CASCADE,
            start_s REAL NOT NULL,
            end_s REAL,
            model TEXT NOT NULL,
            duration REAL NOT NULL,
            silent INTEGER NOT NULL,
            vector BLOB NOT NULL,
            views BLOB)""",
        "CREATE UNIQUE INDEX embedding_key ON embedding (track, model, start_s, ifnull(end_s, -1))",
        "CREATE INDEX embedding_model ON embedding (model, track)",
        """CREATE TABLE segment (
            embedding INTEGER PRIMARY KEY REFERENCES embedding (id) ON DELETE CASCADE,
            times BLOB NOT NULL,
            vectors BLOB NOT NULL)""",
        """CREATE TABLE sequence (
            embedding INTEGER PRIMARY KEY REFERENCES embedding (id) ON DELETE CASCADE,
            heads INTEGER NOT NULL, dims INTEGER NOT NULL,
            rows BLOB NOT NULL,
            seen BLOB NOT NULL)""",
        """CREATE TABLE job (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            kind TEXT NOT NULL,
            subject TEXT NOT NULL,
            host TEXT NOT NULL, pid INTEGER NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('running', 'done', 'stopped', 'failed', 'interrupted')),
            started REAL NOT NULL, ended REAL,
            done INTEGER NOT NULL DEFAULT 0, total INTEGER NOT NULL DEFAULT 0,
            report TEXT NOT NULL DEFAULT '{}')""",
    ),
)


def version_of(db: sqlite3.Connection, file: Path) -> int:
    """The schema version of an open database; 0 for an empty one.

    Raises:
        CatalogueError: `damaged`: tables of another program.
    """
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if not tables:
        return 0
    (application,) = db.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION_ID:
        raise CatalogueError(
            "damaged", f"{file} is a database, but not a catalogue. Name another folder with --catalogue."
        )
    (version,) = db.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
    return int(version)


def check_readable(version: int, file: Path, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> None:
    """Refuse a catalogue of a newer crossmodal by name.

    Raises:
        CatalogueError: `too_new`.
    """
    if version > len(migrations):
        raise CatalogueError(
            "too_new",
            f"{file} was written by a newer crossmodal (catalogue version {version}; this one reads up to "
            f"{len(migrations)}). Update crossmodal, or name another folder with --catalogue.",
        )


def migrate(db: sqlite3.Connection, file: Path, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> None:
    """Bring a database to the newest version, all of it or nothing; an empty one gets its tables.

    Args:
        db: in autocommit mode, open for writing.
        file: its path, for messages.
        migrations: statements of each version, oldest first.

    Raises:
        CatalogueError: `too_new`, or `damaged`.
    """
    version = version_of(db, file)
    check_readable(version, file, migrations)
    if version == len(migrations):
        return
    db.execute("BEGIN IMMEDIATE")  # two programs may make it at once: the second finds it made
    try:
        version = version_of(db, file)
        check_readable(version, file, migrations)
        for statement in (s for step in migrations[version:] for s in step):
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute("REPLACE INTO meta VALUES ('schema_version', ?)", (str(len(migrations)),))
        db.execute("INSERT OR IGNORE INTO meta VALUES ('generation', ?)", (new_generation(),))
        db.execute("COMMIT")
    except BaseException:
        db.rollback()
        raise


def new_generation() -> str:
    """A random id: a counter would meet itself after a restored backup."""
    return uuid.uuid4().hex
