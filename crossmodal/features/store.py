"""FeatureStore: Features on disk, so that no medium is decoded twice.

One SQLite file that only saves work: it may be deleted at any time, a damaged one is built anew, and one that cannot be
written costs nothing but time.
"""

import json
import logging
import math
import os
import sqlite3
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import numpy as np
import platformdirs

from crossmodal.features.features import Encoder, Features, Side, Source
from crossmodal.media import content_hash as media_content_hash
from crossmodal.media import guard

log = logging.getLogger(__name__)
Result = TypeVar("Result")

VERSION = 1
WAIT = 30.0  # seconds behind another writer
_TABLE = """
CREATE TABLE IF NOT EXISTS features (
    content_hash TEXT NOT NULL, side TEXT NOT NULL, fingerprint TEXT NOT NULL,
    n_rows INTEGER NOT NULL, n_channels INTEGER NOT NULL, data BLOB NOT NULL,
    hop REAL NOT NULL, duration REAL NOT NULL, silent INTEGER NOT NULL,
    warnings TEXT NOT NULL, loudness_lufs REAL, peak_dbfs REAL,
    PRIMARY KEY (content_hash, side, fingerprint)
)
"""
_KEY = "content_hash = ? AND side = ? AND fingerprint = ?"
_SELECT = f"""
SELECT n_rows, n_channels, data, hop, duration, silent, warnings, loudness_lufs, peak_dbfs FROM features WHERE {_KEY}
"""  # noqa: S608 (constants)
_DELETE = f"DELETE FROM features WHERE {_KEY}"  # noqa: S608 (constants)
_UPSERT = "INSERT OR REPLACE INTO features VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


def default_path() -> Path:
    """`features.db` in $CROSSMODAL_CACHE, else in the user's cache folder."""
    folder = os.environ.get("CROSSMODAL_CACHE") or platformdirs.user_cache_dir("crossmodal", appauthor=False)
    return Path(folder) / "features.db"


class FeatureStore:
    """Features by (content hash, side, encoder fingerprint), for any number of threads and processes.

    Args:
        path: the file, made when first used; None: `default_path()`.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder, FeatureStore(f"{folder}/features.db") as store:
        ...     store.get("0" * 64, "audio", "curves-audio-1") is None
        True
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = default_path() if path is None else Path(path)
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None
        self._opened: tuple[int, int, int] | None = None  # process, device and inode of the file that is open
        self._closed = False

    def features(self, encoder: Encoder, source: Source) -> Features:
        """Features of `source`: stored ones, else `encoder`'s, which are then stored.

        Raises:
            MediaError: the file cannot be used.
        """
        return self.features_by_hash(encoder, source, guard.run(media_content_hash, source, encoder.side))

    def features_by_hash(self, encoder: Encoder, source: Source, content_hash: str) -> Features:
        """`features` where the content hash of the encoder's side is already known.

        Raises:
            MediaError: the file cannot be used.
        """
        stored = self.get(content_hash, encoder.side, encoder.fingerprint)
        if stored is not None:
            return stored
        made = encoder.features(source)
        self.put(content_hash, encoder.side, encoder.fingerprint, made)
        return made

    def get(self, content_hash: str, side: Side, fingerprint: str) -> Features | None:
        """The stored Features, or None: never stored, or no longer readable."""
        key = (content_hash, side, fingerprint)
        row = self._attempt(lambda db: db.execute(_SELECT, key).fetchone())
        if row is None:
            return None
        try:
            return _unpacked(*row)
        except (zlib.error, ValueError, TypeError) as error:
            log.warning("%s: the stored features of %s are damaged (%s) and will be made again.", self.path, key, error)
            self._attempt(lambda db: db.execute(_DELETE, key))
            return None

    def put(self, content_hash: str, side: Side, fingerprint: str, features: Features) -> None:
        """Store `features`, in place of what had the same key. Values are kept as float16."""
        row = (content_hash, side, fingerprint, *_packed(features))
        self._attempt(lambda db: db.execute(_UPSERT, row))

    def close(self) -> None:
        """Close the file; the store cannot be used any more."""
        with self._lock:
            self._closed = True
            self._disconnect()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _attempt(self, action: Callable[[sqlite3.Connection], Result]) -> Result | None:
        """The result of `action`, once more on a new file if this one is damaged, or None with a warning."""
        with self._lock:
            if self._closed:
                raise ValueError(f"FeatureStore: {self.path} is closed")
            try:
                return action(self._connection())
            except sqlite3.OperationalError as error:
                log.warning("%s: the feature store cannot be used (%s); this file is decoded again.", self.path, error)
            except OSError as error:
                log.warning("%s: the feature store cannot be used (%s); this file is decoded again.", self.path, error)
            except sqlite3.DatabaseError as error:
                log.warning("%s: the feature store is damaged (%s) and is built anew.", self.path, error)
                return self._again_on_a_new_file(action)
            return None

    def _again_on_a_new_file(self, action: Callable[[sqlite3.Connection], Result]) -> Result | None:
        self._disconnect()
        try:
            for suffix in ("", "-wal", "-shm"):
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
            return action(self._connection())
        except (sqlite3.DatabaseError, OSError) as error:
            log.warning("%s: the feature store cannot be built anew (%s).", self.path, error)
            self._disconnect()
            return None

    def _connection(self) -> sqlite3.Connection:
        """The open file; opened again where it was deleted or replaced, or in a forked process."""
        if self._db is not None and self._opened == self._identity():
            return self._db
        self._disconnect()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(self.path, timeout=WAIT, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        _prepare(self._db)
        self._opened = self._identity()
        return self._db

    def _identity(self) -> tuple[int, int, int] | None:
        try:
            status = self.path.stat()
        except OSError:
            return None
        return os.getpid(), status.st_dev, status.st_ino

    def _disconnect(self) -> None:
        if self._db is not None and (self._opened is None or self._opened[0] == os.getpid()):
            self._db.close()
        self._db = self._opened = None


def _prepare(db: sqlite3.Connection) -> None:
    """Make the table; one of another version is dropped, since all in it can be made again."""
    if db.execute("PRAGMA user_version").fetchone()[0] == VERSION:
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        if db.execute("PRAGMA user_version").fetchone()[0] != VERSION:
            db.execute("DROP TABLE IF EXISTS features")
            db.execute(_TABLE)
            db.execute(f"PRAGMA user_version = {VERSION}")
        db.execute("COMMIT")
    except BaseException:
        db.rollback()
        raise


def _packed(features: Features) -> tuple[object, ...]:
    """The columns of a row after its key."""
    halves = np.ascontiguousarray(features.values.T.astype("<f2"))  # (C, T): a curve's neighbours are alike
    planes = halves.view(np.uint8).reshape(-1, 2).T  # low bytes, then high ones, which hardly change
    data = zlib.compress(planes.tobytes() + np.packbits(features.seen).tobytes(), 4)
    return (
        *features.values.shape,
        data,
        features.hop,
        features.duration,
        features.silent,
        json.dumps(features.warnings),
        _none_for_nan(features.loudness_lufs),
        _none_for_nan(features.peak_dbfs),
    )


def _unpacked(
    n_rows: int,
    n_channels: int,
    data: bytes,
    hop: float,
    duration: float,
    silent: int,
    warnings: str,
    loudness_lufs: float | None,
    peak_dbfs: float | None,
) -> Features:
    """Features of a row. ValueError, TypeError or zlib.error where it is damaged."""
    raw = np.frombuffer(zlib.decompress(data), np.uint8)
    n_values = 2 * n_rows * n_channels
    if len(raw) != n_values + (n_rows + 7) // 8:
        raise ValueError(f"{len(raw)} bytes for {n_rows} rows of {n_channels}")
    halves = np.ascontiguousarray(raw[:n_values].reshape(2, -1).T).view("<f2").reshape(n_channels, n_rows)
    return Features(
        values=np.ascontiguousarray(halves.T.astype(np.float32)),
        seen=np.unpackbits(raw[n_values:], count=n_rows).astype(np.bool_),
        hop=hop,
        duration=duration,
        silent=bool(silent),
        warnings=tuple(json.loads(warnings)),
        loudness_lufs=math.nan if loudness_lufs is None else loudness_lufs,
        peak_dbfs=math.nan if peak_dbfs is None else peak_dbfs,
    )


def _none_for_nan(value: float) -> float | None:
    return None if math.isnan(value) else value
