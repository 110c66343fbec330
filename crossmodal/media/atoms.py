"""The few atoms of an MP4 or MOV file that decide whether it may be read: its index, data references, encryption."""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_BOXES = {b"moov", b"trak", b"mdia", b"minf", b"dinf", b"stbl"}
_ENCRYPTED = {b"encv", b"enca", b"enct", b"drms", b"drmi", b"drmt"}
MAX_ATOMS = 10_000
MAX_DEPTH = 8


@dataclass(slots=True)
class Movie:
    """What the atoms say: is there an index, does it name other files, are its streams encrypted."""

    has_index: bool = False
    names_other_files: bool = False
    is_encrypted: bool = False


def read_movie(handle: BinaryIO) -> Movie:
    """Walk the atoms of an ISO media file by their headers; sample data is stepped over, damage ends the walk.

    Source: ISO/IEC 14496-12, boxes `moov`, `dref`, `stsd`; QuickTime data references `alis`.
    """
    movie = Movie()
    end = handle.seek(0, os.SEEK_END)
    stack: list[tuple[int, int, int]] = [(0, end, 0)]
    n_atoms = 0
    while stack:
        start, end, depth = stack.pop()
        for kind, inside, stop in _atoms(handle, start, end):
            n_atoms += 1
            if n_atoms > MAX_ATOMS:
                return movie
            movie.has_index |= kind == b"moov"
            if kind in _BOXES and depth < MAX_DEPTH:
                stack.append((inside, stop, depth + 1))
            elif kind == b"dref":
                movie.names_other_files |= any(
                    _is_elsewhere(handle, entry, at) for entry, at, _ in _atoms(handle, inside + 8, stop)
                )
            elif kind == b"stsd":
                movie.is_encrypted |= any(entry in _ENCRYPTED for entry, _, _ in _atoms(handle, inside + 8, stop))
    return movie


def _atoms(handle: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(kind, offset of what is inside, offset of the end) of each atom between two offsets."""
    while start + 8 <= end:
        handle.seek(start)
        header = handle.read(16)
        if len(header) < 8:
            return
        size, kind = struct.unpack(">I4s", header[:8])
        inside = start + 8
        if size == 1 and len(header) == 16:
            size, inside = struct.unpack(">Q", header[8:])[0], start + 16
        elif size == 0:
            size = end - start
        if size < inside - start:
            return
        yield kind, inside, min(start + size, end)
        start += size


def _is_elsewhere(handle: BinaryIO, kind: bytes, inside: int) -> bool:
    """A data reference whose flag "the data is in this file" is not set."""
    handle.seek(inside)
    flags = handle.read(4)
    return kind in (b"url ", b"urn ", b"alis", b"rsrc") and len(flags) == 4 and not flags[3] & 1
