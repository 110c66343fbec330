"""Loudness of a sound as people hear it: ITU-R BS.1770-4, measured in a stream."""

import math
from dataclasses import dataclass

import numpy as np

from crossmodal.media.weighting import CHUNK, KWeighting

STEP = 0.1  # seconds: blocks of 400 ms overlap by 75 %, so four steps make a block
ABSOLUTE_GATE = -70.0  # LUFS
RELATIVE_GATE = -10.0  # LU below the mean of what passes the absolute gate
OFFSET = -0.691
SURROUND_GAIN = 1.41
RATE = 48_000
AT_ONCE = 0.5  # seconds: what is filtered together at least


@dataclass(frozen=True, slots=True)
class Loudness:
    """What a meter measured.

    Args:
        lufs: integrated loudness; -inf where nothing passes the gate (silence, or less than 0.4 s).
        peak_dbfs: highest sample in dB below full scale; -inf for digital silence.
    """

    lufs: float
    peak_dbfs: float


class LoudnessMeter:
    """Integrated loudness and sample peak of what is added, block by block.

    ITU-R BS.1770-4, annex 1: K-weighting, 400 ms blocks that overlap by 75 %, gates at -70 LUFS and 10 LU below.

    Example:
        >>> meter = LoudnessMeter()
        >>> t = np.arange(48_000 * 3) / 48_000
        >>> meter.add(np.stack([np.sin(2 * np.pi * 997 * t)] * 2).astype(np.float32), 48_000)
        >>> round(meter.result().lufs, 1)
        0.0
    """

    def __init__(self) -> None:
        self._rate = 0
        self._weights = np.ones(0)
        self._filter = KWeighting(RATE, 0)
        self._held: list[np.ndarray] = []
        self._n_held = 0
        self._rest = np.zeros((0, 0))
        self._energies: list[np.ndarray] = []
        self._peak = 0.0

    def add(self, samples: np.ndarray, rate: int) -> None:
        """Add samples (C, L) float32 of `rate` Hz; a change of rate or channels begins a new stretch."""
        if samples.shape[1] == 0:
            return
        if rate != self._rate or samples.shape[0] != len(self._weights):
            self._energies.append(self._last_energies())
            self._begin(samples.shape[0], rate)
        self._peak = max(self._peak, float(samples.max()), -float(samples.min()))
        self._held.append(samples)
        self._n_held += samples.shape[1]
        if self._n_held >= AT_ONCE * rate:
            self._filter_held()

    def result(self) -> Loudness:
        """Loudness of all that was added so far."""
        peak_dbfs = 20 * math.log10(self._peak) if self._peak > 0 else -math.inf
        steps = np.concatenate([*self._energies, self._last_energies()])
        if len(steps) < 4:
            return Loudness(-math.inf, peak_dbfs)
        blocks = np.convolve(steps, np.full(4, 0.25), mode="valid")
        return Loudness(_gated(blocks), peak_dbfs)

    def _begin(self, n_channels: int, rate: int) -> None:
        self._rate, self._weights = rate, _channel_weights(n_channels)
        self._filter = KWeighting(rate, n_channels)
        self._held, self._n_held = [], 0
        self._rest = np.zeros((n_channels, 0))

    def _filter_held(self) -> None:
        """K-weight what is held, but for a rest of less than a chunk of the filter."""
        samples = np.concatenate(self._held, axis=1)
        n_whole = self._n_held // CHUNK * CHUNK
        energies, self._rest = self._stepped(self._filter.apply(samples[:, :n_whole]))
        self._energies.append(energies)
        self._held, self._n_held = [samples[:, n_whole:].copy()], self._n_held - n_whole

    def _last_energies(self) -> np.ndarray:
        """Energies of the whole steps in what is held."""
        if not self._n_held:
            return np.zeros(0)
        return self._stepped(self._filter.preview(np.concatenate(self._held, axis=1)))[0]

    def _stepped(self, weighted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Energies (n,) of the whole steps in the rest and `weighted` (C, L), and the rest (C, L')."""
        if self._rest.shape[1]:
            weighted = np.concatenate([self._rest, weighted], axis=1)
        step = round(STEP * self._rate)
        n_steps = weighted.shape[1] // step
        whole = weighted[:, : n_steps * step].reshape(len(self._weights), n_steps, step)
        energies: np.ndarray = self._weights @ np.einsum("cns,cns->cn", whole, whole) / step
        return energies, weighted[:, n_steps * step :].copy()


def _channel_weights(n_channels: int) -> np.ndarray:
    """Front channels 1, low frequency effects 0, surrounds 1.41 (5.1 and wider in FFmpeg's order)."""
    if n_channels < 6:
        return np.ones(n_channels)
    return np.array([1.0, 1.0, 1.0, 0.0] + [SURROUND_GAIN] * (n_channels - 4))


def _gated(blocks: np.ndarray) -> float:
    with np.errstate(divide="ignore"):
        loud = OFFSET + 10 * np.log10(blocks)
    passed = blocks[loud > ABSOLUTE_GATE]
    if len(passed) == 0:
        return -math.inf
    gate = OFFSET + 10 * math.log10(passed.mean()) + RELATIVE_GATE
    passed = blocks[(loud > ABSOLUTE_GATE) & (loud > gate)]
    return float(OFFSET + 10 * math.log10(passed.mean()))
