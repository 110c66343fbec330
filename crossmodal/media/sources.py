"""Where bytes come from: a path, bytes, or a seekable binary file, always opened by handle and never by name.

A demuxer that is given a name may take `concat:x.mp3`, `12:30 take.wav` or `img%03d.png` for a protocol or a pattern
and read other files. One that is given a nameless handle cannot.
"""

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from crossmodal.errors import MediaError, one_line

Source = str | Path | bytes | BinaryIO
Side = Literal["video", "audio"]


@dataclass(frozen=True, slots=True)
class OpenSource:
    """Bytes that can be read: the handle, the name to show to a person, the size in bytes."""

    handle: BinaryIO
    name: str
    size_bytes: int


class NamelessHandle:
    """A file as a demuxer sees it: read, seek and tell, and no name that it could guess from.

    Each has a place of its own in the file, so that several demuxers can read one handle in turns.
    """

    def __init__(self, handle: BinaryIO, size_bytes: int) -> None:
        self._handle, self._size, self._place = handle, size_bytes, 0

    def read(self, n_bytes: int = -1) -> bytes:
        """Up to `n_bytes` from this place on; all that is left if negative."""
        self._handle.seek(self._place)
        data = self._handle.read(n_bytes)
        self._place += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place; the file itself is sought when it is read."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}[whence]
        self._place = max(0, base + offset)
        return self._place

    def tell(self) -> int:
        """The place."""
        return self._place


def display_name(source: Source) -> str:
    """The name of a source as a person may see it: one line, with a stand-in for bytes that are not UTF-8.

    Example:
        >>> display_name("/music/a.mp3")
        'a.mp3'
    """
    if isinstance(source, bytes):
        return "bytes"
    if isinstance(source, str | Path):
        return _shown(os.fspath(source))
    name = getattr(source, "name", None)
    return _shown(name) if isinstance(name, str | bytes) else "file object"


def _shown(path: str | bytes) -> str:
    name = os.path.basename(os.fsencode(path).rstrip(b"/")) or os.fsencode(path)  # noqa: PTH119 (bytes)
    return one_line(name.decode("utf-8", "replace"))


@contextmanager
def open_source(source: Source) -> Iterator[OpenSource]:
    """Open `source` for reading; what was a path is closed afterwards, a file object of the caller is not.

    Raises:
        MediaError: `missing` (no such file, a folder, no permission), `empty`, `refused` (a device or pipe),
            `unsupported` (a file object that cannot seek).
    """
    name = display_name(source)
    if isinstance(source, bytes):
        yield _checked(io.BytesIO(source), name)
    elif isinstance(source, str | Path):
        handle = _open_path(source, name)
        try:
            yield _checked(handle, name)
        finally:
            handle.close()
    else:
        yield _checked(source, name)


def _open_path(path: str | Path, name: str) -> BinaryIO:
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 (a str with odd bytes stays as it is)
        if stat.S_ISDIR(mode):
            raise MediaError(name, "missing", "is a folder, not a file", "Name a file in it.")
        if not stat.S_ISREG(mode):
            raise MediaError(name, "refused", "is a device or a pipe", "Copy it into a file first.")
        return open(path, "rb", buffering=0)  # noqa: PTH123 (closed by open_source)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MediaError(name, "missing", "there is no such file", "Check the path.") from error
    except PermissionError as error:
        raise MediaError(name, "missing", "may not be read", "Ask for the right to read it.") from error
    except (OSError, ValueError) as error:
        raise MediaError(name, "missing", f"cannot be opened ({error})", "Check the path.") from error


def _checked(handle: BinaryIO, name: str) -> OpenSource:
    try:
        size_bytes = handle.seek(0, os.SEEK_END)
        handle.seek(0)
    except (OSError, AttributeError, ValueError) as error:
        raise MediaError(
            name, "unsupported", "cannot be sought in", "Give a path, bytes, or a file on disk."
        ) from error
    if size_bytes == 0:
        raise MediaError(name, "empty", "holds 0 bytes", "Copy or download it again.")
    return OpenSource(handle, name, size_bytes)
