"""One writing job at a time, across processes: the second waits and names the first."""

import json
import os
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from crossmodal.errors import CatalogueError

LOCK = "writer.lock"
HOLDER = "writer.json"
POLL = 0.2  # seconds


def holder_of(folder: Path) -> str:
    """Who writes to a catalogue, in words, as far as is known."""
    try:
        note = json.loads((folder / HOLDER).read_text(encoding="utf-8"))
        since = time.strftime("%H:%M", time.localtime(note["started"]))
        return f"`crossmodal {note['kind']}` (process {note['pid']} on {note['host']}, since {since})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another program"


@contextmanager
def writing_job(
    folder: Path, kind: str, *, wait: float | None = None, waiting: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Be the only job that writes to a catalogue.

    The lock is SQLite's own, on a file beside the catalogue: it works on every system and ends with its process.

    Args:
        folder: of the catalogue.
        kind: the command, for others to see.
        wait: seconds behind another job; None: until it ends.
        waiting: told once, in words, who is waited for.

    Raises:
        CatalogueError: `locked`, naming the other job.
    """
    lock = sqlite3.connect(folder / LOCK, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        _acquire(lock, folder, wait, waiting)
        note = {"kind": kind, "pid": os.getpid(), "host": socket.gethostname(), "started": time.time()}
        (folder / HOLDER).write_text(json.dumps(note), encoding="utf-8")
        try:
            yield
        finally:
            (folder / HOLDER).unlink(missing_ok=True)
    finally:
        lock.close()


def _acquire(lock: sqlite3.Connection, folder: Path, wait: float | None, waiting: Callable[[str], None] | None) -> None:
    begun = time.monotonic()
    told = False
    while True:
        try:
            lock.execute("BEGIN EXCLUSIVE")
            return
        except sqlite3.OperationalError as error:
            if (error.sqlite_errorcode & 0xFF) != sqlite3.SQLITE_BUSY:
                raise CatalogueError("read_only", f"{folder / LOCK} cannot be written ({error}).") from error
            if wait is not None and time.monotonic() - begun > wait:
                raise CatalogueError(
                    "locked", f"{folder} is being written by {holder_of(folder)}. Wait for it to end, or end it."
                ) from error
        if waiting is not None and not told:
            waiting(f"Waiting for {holder_of(folder)} to end.")
            told = True
        time.sleep(POLL)
