"""Where a catalogue stands: its folder, what kind of disk that is, and how its database is opened there."""

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs
import psutil

from crossmodal.errors import CatalogueError

DATABASE = "catalogue.db"
BUSY_SECONDS = 30.0

# File systems reached over a network: SQLite's log needs memory that all its users share, and locks that hold.
_SHARES = frozenset(
    ["nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "sshfs", "afs", "afpfs", "webdav", "davfs", "ncpfs", "9p"]
)
_REMEDY = "Keep the catalogue on a local disk (--catalogue DIR); the music may stay where it is."


def default_folder() -> Path:
    """`$CROSSMODAL_CATALOGUE`, or `catalogue` in the user's data folder."""
    named = os.environ.get("CROSSMODAL_CATALOGUE")
    return Path(named) if named else platformdirs.user_data_path("crossmodal", appauthor=False) / "catalogue"


def mounts() -> list[tuple[str, str]]:
    """(mount point, file system type) of everything mounted here."""
    return [(part.mountpoint, part.fstype) for part in psutil.disk_partitions(all=True)]


def share_of(folder: Path, mounted: Iterable[tuple[str, str]]) -> str | None:
    """The file system type of `folder` if it is reached over a network, else None.

    Args:
        folder: need not exist.
        mounted: (mount point, type), as `mounts` gives them; of two at one point the later hides the earlier.
    """
    place = Path(os.path.realpath(folder))
    if str(place).startswith("\\\\"):
        return "smb"
    inside = [(len(Path(point).parts), kind) for point, kind in mounted if place.is_relative_to(point)]
    if not inside:
        return None
    deepest = max(depth for depth, _ in inside)
    kind = [kind for depth, kind in inside if depth == deepest][-1].lower()
    return kind if kind.removeprefix("fuse.") in _SHARES else None


def can_write(folder: Path) -> bool:
    """Whether files can be made in `folder` and its database, if there is one, can be written."""
    database = folder / DATABASE
    return os.access(folder, os.W_OK | os.X_OK) and (not database.exists() or os.access(database, os.W_OK))


def why_not_write(folder: Path, mounted: Iterable[tuple[str, str]]) -> CatalogueError | None:
    """Why a catalogue in `folder` may not be written: `refused` on a network share, `read_only`; None: it may."""
    share = share_of(folder, mounted)
    if share is not None:
        return CatalogueError(
            "refused", f"{folder} is on a network share ({share}), where a catalogue can be damaged. {_REMEDY}"
        )
    if folder.exists() and not can_write(folder):
        return CatalogueError("read_only", f"{folder} cannot be written. Give yourself the right to, or copy it.")
    return None


def open_writable(folder: Path) -> sqlite3.Connection:
    """A connection that may write, in WAL mode.

    Raises:
        CatalogueError: `refused`: no WAL there.
    """
    db = _connect(folder, "rwc")
    try:
        use_wal(db, folder)
    except BaseException:
        db.close()
        raise
    db.execute("PRAGMA synchronous = NORMAL")  # with WAL: safe against kills; a power cut costs the last tracks only
    return db


def use_wal(db: sqlite3.Connection, folder: Path) -> None:
    """Ask for WAL and check the answer: SQLite does not raise where it cannot be had.

    Raises:
        CatalogueError: `refused`, with the remedy.
    """
    (mode,) = db.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode.lower() != "wal":
        raise CatalogueError("refused", f"{folder}: SQLite cannot keep its log there (it answers {mode!r}). {_REMEDY}")


def open_readable(folder: Path) -> sqlite3.Connection:
    """A connection that reads only.

    Where the folder cannot be written and no log holds data, nobody changes the file: `immutable` then needs no log.
    Else the log is read too.

    Raises:
        CatalogueError: `read_only`: committed data lies in a log that cannot be read without writing beside it.
    """
    wal = folder / f"{DATABASE}-wal"
    if can_write(folder):
        return _connect(folder, "ro")
    if not wal.exists() or wal.stat().st_size == 0:
        return _connect(folder, "ro", immutable=True)
    db = _connect(folder, "ro")
    try:
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        db.close()
        raise CatalogueError(
            "read_only",
            f"{folder} cannot be written, and its log {wal.name} still holds tracks. "
            "Open the catalogue once where it can be written, or copy the folder to such a place.",
        ) from error
    return db


def _connect(folder: Path, mode: str, *, immutable: bool = False) -> sqlite3.Connection:
    # as_uri quotes what would be read as a query. The store hands a connection to one thread at a time.
    address = f"{(folder.absolute() / DATABASE).as_uri()}?mode={mode}{'&immutable=1' if immutable else ''}"
    db = sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA foreign_keys = ON")
    return db


@contextmanager
def told(folder: Path, holder_of: Callable[[Path], str]) -> Iterator[None]:
    """Turn SQLite's errors into one line for a person.

    Args:
        folder: of the catalogue.
        holder_of: names who holds the lock, as far as it is known.
    """
    try:
        yield
    except sqlite3.Error as error:
        explained = _explained(error, folder / DATABASE, holder_of(folder))
        if explained is None:
            raise
        raise explained from error


def _explained(error: sqlite3.Error, file: Path, writer: str) -> CatalogueError | None:
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return CatalogueError(
            "locked", f"{file} has been held by {writer} for {BUSY_SECONDS:.0f} s. Wait for it to end, or end it."
        )
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN):
        return CatalogueError(
            "read_only", f"{file} cannot be written ({error}). Give yourself the right to, or copy it."
        )
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return CatalogueError(
            "refused",
            f"{file}: the disk is full or fails ({error}). What was done is kept; free some room and run it again.",
        )
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return CatalogueError(
            "damaged",
            f"{file} is damaged ({error}). Restore it from a copy, or move it away and index the music again.",
        )
    return None
