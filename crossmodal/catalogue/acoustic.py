"""Acoustic fingerprints: is it the same recording, in another container, at another bit rate, a little later?

A fingerprint is the mel bands below 8 kHz, ten times a second, in steps of 0.375 dB, taken from stored Features. Two
are the same recording where, after one gain for all, no two seconds of them differ by more than codecs do. A wrong
merge becomes a training positive that nobody sees, so doubt means no.
"""

import zlib
from dataclasses import dataclass

import numpy as np

from crossmodal.catalogue.records import Acoustic
from crossmodal.catalogue.store import Catalogue
from crossmodal.encoders import AUDIO_CHANNELS
from crossmodal.features import Features

N_BANDS = 14  # of 16: the top ones are where low bit rates stop
HOP = 0.1  # seconds a row
STEP_DB, FLOOR_DB = 0.375, -90.0
LENGTHS_WITHIN = 0.02

AUDIBLE_DB = -70.0
BELOW_LOUDEST_DB = 30.0  # a codec may do what it likes under the loudest band of a moment
EDGE = 3  # rows at both ends that encoders fade or pad
SMOOTH = np.array([0.25, 0.5, 0.25])  # makes clocks that differ by part of a row comparable
BLOCK, BLOCK_HOP = 20, 10  # rows
LEAST_BLOCKS = 2  # with something that moves in them
LEAST_MOTION_DB = 1.0

# Measured on 9 tracks against 10 encodings of each, the largest difference of a track. At 96 kbit/s and more (MP3, AAC,
# Vorbis), and at 64 with MP3: blocks 0.1-0.4 dB, moments 0.3-1.9, but for one track of nine that is missed. At 64 with
# Opus, AAC, Vorbis: blocks 0.1-0.9, moments 0.2-3.5, a third missed. A voice 20 dB under the music all along: blocks
# 0.5, moments 3.3; one second of it 15 dB under: 0.3 and 2.6.
MOST_BLOCK_DB = 0.6
MOST_MOMENT_DB = 2.0
LEAST_CORRELATION = 0.8
MOST_SUMMARY_DB = 2.0  # only saves comparisons
MOMENT = 5  # rows


@dataclass(frozen=True, slots=True)
class SameRecording:
    """What a track is the same as.

    Args:
        track_id: the track that was found.
        recording_id: of it.
        offset: seconds: what sounds at t in the recording's first track sounds at t + offset in the new one.
    """

    track_id: int
    recording_id: int
    offset: float


def draw_acoustic(features: Features, encoder: str) -> Acoustic | None:
    """The fingerprint of a sound, or None: silent, too short, or nothing in it moves.

    Args:
        features: of the encoder `curves`.
        encoder: its fingerprint.
    """
    if features.silent or features.values.shape[1] != len(AUDIO_CHANNELS):
        return None
    bands = features.values[:, [AUDIO_CHANNELS.index(f"mel_{k:02d}") for k in range(N_BANDS)]]  # (T, 14)
    codes = np.clip(np.rint((bands - FLOOR_DB) / STEP_DB), 0, 255).astype(np.uint8)
    levels = _levels(codes)
    audible = _audible(levels, levels)
    if (_motions(levels, audible) >= LEAST_MOTION_DB).sum() < LEAST_BLOCKS:
        return None
    packed = zlib.compress(np.ascontiguousarray(codes.T).tobytes(), 6)
    return Acoustic(encoder, _summary(levels, audible).astype("<f4").tobytes(), packed)


def compare(one: Acoustic, other: Acoustic) -> float | None:
    """Seconds that `one` is later than `other` by its own clock, if they are the same recording; None if not.

    What sounds at t in `other` sounds at t + result in `one`.
    """
    a, b = (_levels(_unpacked(acoustic)) for acoustic in (one, other))
    if abs(len(a) - len(b)) > LENGTHS_WITHIN * max(len(a), len(b)) + 1:
        return None
    shift = _best_shift(a, b)
    return round(float(shift) * HOP, 3) if shift is not None and _agree(a, b, shift) else None


class RecordingBook:
    """The recordings of a library, by what can be kept in memory of each: length and summary.

    Args:
        catalogue: whose fingerprints are looked up.
        encoder: fingerprint of the encoder; those drawn from others are not comparable.
    """

    def __init__(self, catalogue: Catalogue, encoder: str) -> None:
        self._catalogue = catalogue
        rows = catalogue.acoustics(encoder)
        self._n = len(rows)
        self._ids = np.array([row[0] for row in rows], np.int64)
        self._durations = np.array([row[1] for row in rows], np.float64)
        summaries = [np.frombuffer(row[2], "<f4") for row in rows]
        self._summaries = np.stack(summaries) if rows else np.zeros((0, 2 * N_BANDS), np.float32)

    def find(self, acoustic: Acoustic, duration: float) -> SameRecording | None:
        """The recording that a new track is, or None: a new one.

        Args:
            acoustic: of the new track.
            duration: seconds.
        """
        summary = np.frombuffer(acoustic.summary, "<f4")
        durations, summaries = self._durations[: self._n], self._summaries[: self._n]
        alike = np.abs(durations - duration) <= LENGTHS_WITHIN * np.maximum(durations, duration)
        alike &= np.abs(summaries - summary).mean(1) <= MOST_SUMMARY_DB
        order = np.flatnonzero(alike)
        for row in order[np.argsort(np.abs(summaries[order] - summary).mean(1), kind="stable")]:
            stored = self._catalogue.acoustic(int(self._ids[row]))
            if stored is None:
                continue
            other, recording, other_offset = stored
            later = compare(acoustic, other)
            if later is not None:
                return SameRecording(int(self._ids[row]), recording, other_offset + later)
        return None

    def holds(self, track: int) -> bool:
        """Whether the fingerprint of a track is in it."""
        return bool((self._ids[: self._n] == track).any())

    def add(self, track: int, duration: float, acoustic: Acoustic) -> None:
        """A new track."""
        if self._n == len(self._ids):
            room = max(64, self._n)  # grows by doubling
            self._ids = np.concatenate([self._ids, np.zeros(room, np.int64)])
            self._durations = np.concatenate([self._durations, np.zeros(room)])
            self._summaries = np.concatenate([self._summaries, np.zeros((room, 2 * N_BANDS), np.float32)])
        self._ids[self._n], self._durations[self._n] = track, duration
        self._summaries[self._n] = np.frombuffer(acoustic.summary, "<f4")
        self._n += 1


def _unpacked(acoustic: Acoustic) -> np.ndarray:
    return np.frombuffer(zlib.decompress(acoustic.fingerprint), np.uint8).reshape(N_BANDS, -1).T


def _levels(codes: np.ndarray) -> np.ndarray:
    """(T, 14) decibels, smoothed over three rows."""
    levels = codes * np.float32(STEP_DB) + np.float32(FLOOR_DB)
    padded = np.concatenate([levels[:1], levels, levels[-1:]])
    return SMOOTH[0] * padded[:-2] + SMOOTH[1] * padded[1:-1] + SMOOTH[2] * padded[2:]


def _audible(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(T, 14) bool: bands that count."""
    louder = np.maximum(a, b)
    return (louder > AUDIBLE_DB) & (louder > louder.max(1, keepdims=True) - BELOW_LOUDEST_DB)


def _blocks(rows: np.ndarray) -> np.ndarray:
    """(n, 14, 20) the blocks of two seconds, one a second, of (T, 14)."""
    if len(rows) < BLOCK:
        return np.zeros((0, rows.shape[1], BLOCK), rows.dtype)
    return np.lib.stride_tricks.sliding_window_view(rows, BLOCK, axis=0)[::BLOCK_HOP]


def _motions(levels: np.ndarray, audible: np.ndarray) -> np.ndarray:
    """(n,) how far levels move round their mean in time, dB, block by block."""
    moves, heard = _blocks(levels), _blocks(audible)
    moves = (moves - moves.mean(2, keepdims=True)) * heard
    return np.sqrt(np.square(moves).sum((1, 2)) / np.maximum(heard.sum((1, 2)), 1))


def _summary(levels: np.ndarray, audible: np.ndarray) -> np.ndarray:
    """(28,) mean and deviation of each band in time, without the gain."""
    weight = np.maximum(audible.sum(0), 1)
    mean = np.where(audible.any(0), (levels * audible).sum(0) / weight, FLOOR_DB)
    deviation = np.sqrt((((levels - mean) * audible) ** 2).sum(0) / weight)
    return np.concatenate([np.maximum(mean - mean.max(), -BELOW_LOUDEST_DB), deviation])


def _shifted(levels: np.ndarray, shift: float, n_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Values at rows + shift, linearly between rows; and which of `n_rows` rows there are."""
    at = np.arange(n_rows) + shift
    low = np.floor(at).astype(int)
    there = (low >= 0) & (low + 1 < len(levels))
    low = np.clip(low, 0, len(levels) - 2)
    part = (at - low)[:, None]
    return (1 - part) * levels[low] + part * levels[low + 1], there


def _best_shift(a: np.ndarray, b: np.ndarray) -> float | None:
    """The shift s, in rows, at which b(t) is most like a(t + s): whole rows first, then quarters."""
    if min(len(a), len(b)) <= 2 * EDGE + BLOCK:
        return None
    slack = len(a) - len(b)
    whole = range(min(0, slack) - 3, max(0, slack) + 4)
    near = min(whole, key=lambda shift: _distance(a, b, shift))
    return min(np.arange(near - 1, near + 1.01, 0.25), key=lambda shift: _distance(a, b, shift))


def _distance(a: np.ndarray, b: np.ndarray, shift: float) -> float:
    moved, there = _shifted(a, shift, len(b))
    apart = (moved - b)[there]
    return float(np.abs(apart - np.median(apart)).mean())


def _agree(a: np.ndarray, b: np.ndarray, shift: float) -> bool:
    """Whether nothing but a codec stands between a(t + shift) and b(t), in any two seconds."""
    moved, there = _shifted(a, shift, len(b))
    there[:EDGE] = there[-EDGE:] = False
    if there.sum() < min(len(a), len(b)) - 4 * EDGE:
        return False
    first, last = np.flatnonzero(there)[[0, -1]]
    x, y = moved[first : last + 1], b[first : last + 1]
    audible = _audible(x, y)
    if not audible.any():
        return False
    apart = (x - y - np.median((x - y)[audible])) * audible
    if _largest_moment(apart, audible) > MOST_MOMENT_DB:
        return False
    return bool(_blocks_agree(x, y, apart, audible).all())


def _blocks_agree(x: np.ndarray, y: np.ndarray, apart: np.ndarray, audible: np.ndarray) -> np.ndarray:
    """(n,) block by block: hardly apart, and what moves in both moves alike; what is quiet in both agrees."""
    heard = _blocks(audible)
    count = heard.sum((1, 2))
    is_near = np.abs(_blocks(apart)).sum((1, 2)) <= MOST_BLOCK_DB * count
    is_still = np.minimum(_motions(x, audible), _motions(y, audible)) < LEAST_MOTION_DB
    x, y = ((part - part.mean(2, keepdims=True)) * heard for part in (_blocks(x), _blocks(y)))
    least = LEAST_CORRELATION * np.sqrt(np.square(x).sum((1, 2)) * np.square(y).sum((1, 2)))
    return (count < BLOCK) | is_near & (is_still | ((x * y).sum((1, 2)) >= least))


def _largest_moment(apart: np.ndarray, audible: np.ndarray) -> float:
    """The largest mean difference over half a second and two neighbouring bands, dB."""
    sums, counts = (np.cumsum(np.pad(values, ((1, 0), (0, 0))), 0) for values in (apart, audible.astype(np.float64)))
    sums, counts = (total[MOMENT:] - total[:-MOMENT] for total in (sums, counts))  # (T - 4, 14)
    sums, counts = sums[:, :-1] + sums[:, 1:], counts[:, :-1] + counts[:, 1:]
    means = np.where(counts >= MOMENT, sums / np.maximum(counts, 1), 0.0)
    return float(np.abs(means).max(initial=0.0))
