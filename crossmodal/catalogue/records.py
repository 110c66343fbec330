"""The values that a catalogue takes and gives."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from crossmodal.features import Side

TAG_FIELDS = ("title", "artist", "album", "genre", "licence")


class FileState(NamedTuple):
    """What changes when a file changes: bytes, two clocks in whole nanoseconds, inode."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> "FileState":
        # Inodes of some file systems have 64 bits, SQLite's integers a sign.
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino & 0x7FFF_FFFF_FFFF_FFFF)


class EmbeddingKey(NamedTuple):
    """What an embedding is stored under; two models never mix.

    Fields `start` and `end` are seconds; end None is the end of the medium.
    """

    content_hash: str
    side: Side
    model: str
    start: float = 0.0
    end: float | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """What is known of one content (hash of what a player plays), apart from files and models.

    Args:
        content_hash: hex.
        side: `video` or `audio`.
        duration: seconds, measured.
        silent: nothing above the floor.
        loudness_lufs, peak_dbfs: None where unmeasured or silent.
        warnings: what was wrong with the file but could be lived with.
    """

    content_hash: str
    side: Side
    duration: float
    silent: bool
    loudness_lufs: float | None = None
    peak_dbfs: float | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file as it was read: its path in bytes, its state, its tags (of `TAG_FIELDS` -> text; None: not read)."""

    path: bytes
    state: FileState
    tags: dict[str, str] | None


@dataclass(frozen=True, slots=True)
class Place:
    """A file with a track's content.

    Fields `present`: it was there when its folder was last read; `tags`: as of `FoundFile`.
    """

    id: int
    track_id: int
    path: bytes
    state: FileState
    present: bool
    tags: dict[str, str] | None


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A file that was read and is not in the library. Fields `kind`, `reason`: for programs, for a person."""

    path: bytes
    state: FileState
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class Track:
    """A track (or a clip, with side `video`) of the library.

    Args:
        id: never given twice.
        recording_id: one for the same recording in other containers and bit rates.
        recording_offset: seconds: what sounds at t in the recording's first track sounds at t + offset in this one.
        title: of the tags, else the file's name.
        places: files with exactly this content that were there when last looked for.
        path: the first of the places; where there is none, the one that was there.
        loudness_lufs, peak_dbfs: None where unmeasured or silent.
        warnings: what was wrong with the file but could be lived with.
    """

    id: int
    content_hash: str
    side: Side
    recording_id: int
    recording_offset: float
    title: str
    artist: str | None
    album: str | None
    genre: str | None
    licence: str | None
    duration: float
    loudness_lufs: float | None
    peak_dbfs: float | None
    silent: bool
    places: list[Path]
    path: Path
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingTable:
    """Global vectors of one model and side: present tracks that are not silent, by id.

    Args:
        ids: (N,) int64, rising.
        vectors: (N, D) float32, unit.
        durations: (N,) float64, seconds.
        generation: of the catalogue when this was read.
    """

    ids: np.ndarray
    vectors: np.ndarray
    durations: np.ndarray
    generation: str

    def __repr__(self) -> str:
        return f"EmbeddingTable(vectors={self.vectors.shape}, generation={self.generation[:8]})"


class StoredSequence(NamedTuple):
    """The sequence of one track: sequence (T, H, d) float16, seen (T,) bool."""

    track_id: int
    sequence: np.ndarray
    seen: np.ndarray


class SegmentTable(NamedTuple):
    """Segments of one model and side: track (S,) int64, start in seconds (S,) float32, vectors (S, D) float32."""

    ids: np.ndarray
    times: np.ndarray
    vectors: np.ndarray


class Acoustic(NamedTuple):
    """The acoustic fingerprint of a track, packed; see `recording.py`. `encoder`: whose features it was drawn from."""

    encoder: str
    summary: bytes
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Job:
    """A long piece of work on the catalogue. Field `state`: running, done, stopped, failed, interrupted (killed)."""

    id: int
    kind: str
    subject: str
    host: str
    pid: int
    state: str
    started: float
    ended: float | None
    done: int
    total: int
