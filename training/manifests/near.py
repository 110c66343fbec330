"""Which sounds hold the same music, in another container, at another bit rate, cut elsewhere?

Neighbours are found by the model's vectors of their windows, and compared by how their mel bands move and stand, over
every way in which the two overlap. A split keeps together what this finds: a pair too many costs nothing, a pair too
few is a leak. Music played faster, in another key or by others is not found.
"""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

from crossmodal.catalogue.index import FaissIndex
from crossmodal.encoders import AUDIO_CHANNELS
from crossmodal.features import Features

Segments = Callable[[Features], np.ndarray]

N_BANDS = 14  # of 16: the top ones are where low bit rates stop
QUIETEST_DB = -70.0
NEIGHBOURS = 10  # per window; measured: a copy of 6.8 s at 48 kbit/s is among the first 3 of 527 sounds
LEAST_ROWS, MOST_ROWS = 20, 40  # of overlap: half of the shorter within these
# Measured on `visual`, 12 s each: re-encoded to MP3 or Opus at 32 kbit/s, or cut and put in AAC: 0.74 to 0.99; 23,625
# pairs of others: 0.51 at most, and 0.61 for another passage of one loop. 7,140 pairs of whole tracks: 0.52 at most.
ALIKE = 0.65


def near_duplicates(sounds: Sequence[Features], segments: Segments) -> list[tuple[int, int, float]]:
    """(i, j, similarity) of sounds that share a passage, i < j.

    Args:
        sounds: of the encoder `curves`.
        segments: gives the unit vectors (S, D) of a sound's windows.
    """
    bands = [_Bands(sound) for sound in sounds]
    found = []
    for i, j in sorted(_neighbours([segments(sound) for sound in sounds])):
        alike = _alike(bands[i], bands[j])
        if alike >= ALIKE:
            found.append((i, j, round(alike, 3)))
    return found


def _neighbours(vectors: Sequence[np.ndarray]) -> set[tuple[int, int]]:
    """Pairs of sounds of which a window of one is among the nearest of a window of the other."""
    owner = np.repeat(np.arange(len(vectors)), [len(v) for v in vectors])  # (windows,)
    if not len(owner):
        return set()
    index = FaissIndex(vectors[owner[0]].shape[1])
    index.add(np.arange(len(owner)), np.concatenate([v for v in vectors if len(v)]))
    pairs = set[tuple[int, int]]()
    for i, own in enumerate(vectors):
        if len(own):
            _, near = index.search(own, NEIGHBOURS + len(own))  # its own windows are among them
            pairs.update((min(i, int(j)), max(i, int(j))) for j in np.unique(owner[near]) if j != i)
    return pairs


class _Bands:
    """A sound's mel bands without its gain: how they stand (T, 14) and how they move (T, 14), with running energy."""

    def __init__(self, sound: Features) -> None:
        levels = sound.values[:, [AUDIO_CHANNELS.index(f"mel_{k:02d}") for k in range(N_BANDS)]]
        levels = np.maximum(levels, QUIETEST_DB)
        standing = levels - levels.mean(1, keepdims=True)
        self.views = [np.diff(levels, axis=0), (standing - standing.mean(0))[1:]]
        self.energies = [np.concatenate([[0.0], np.cumsum((view**2).sum(1, dtype=np.float64))]) for view in self.views]
        self.n_rows = len(self.views[0])


def _alike(one: _Bands, other: _Bands) -> float:
    """The highest mean correlation of both views over all overlaps, at most 1; 0 where both are too short."""
    least = int(np.clip(min(one.n_rows, other.n_rows) // 2, LEAST_ROWS, MOST_ROWS))
    shifts = np.arange(least - other.n_rows, one.n_rows - least + 1)  # what is at t + shift in one is at t in other
    if not len(shifts):
        return 0.0
    first, last = np.maximum(shifts, 0), np.minimum(shifts + other.n_rows, one.n_rows)
    size = next_fast_len(one.n_rows + other.n_rows, real=True)
    total = np.zeros(len(shifts))
    for a, b, energy, other_energy in zip(one.views, other.views, one.energies, other.energies, strict=True):
        products = irfft((rfft(a, size, axis=0) * rfft(b, size, axis=0).conj()).sum(1), size)[shifts]
        both = (energy[last] - energy[first]) * (other_energy[last - shifts] - other_energy[first - shifts])
        total += products / np.sqrt(np.maximum(both, 1e-6))
    return float(total.max()) / 2
