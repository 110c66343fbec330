"""Loudness of a sound as people hear it: ITU-R BS.1770-4, measured in a stream."""

import math
from dataclasses import dataclass

import numpy as np

STEP = 0.1  # seconds: blocks of 400 ms overlap by 75 %, so four steps make a block
ABSOLUTE_GATE = -70.0  # LUFS
RELATIVE_GATE = -10.0  # LU below the mean of what passes the absolute gate
OFFSET = -0.691
SURROUND_GAIN = 1.41
TAPS, BLOCK = 32_768, 98_304  # samples: together a fast transform length


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
    The two filters are computed for the rate at hand from their analogue prototypes, and applied by FFT: SciPy's
    recursive filters would cost each decoding child two seconds of import.

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
        self._response = np.zeros(0, complex)
        self._past = np.zeros((0, 0))
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
            self._filter_held()
            self._begin(samples.shape[0], rate)
        self._peak = max(self._peak, float(np.abs(samples).max()))
        self._held.append(samples)
        self._n_held += samples.shape[1]
        if self._n_held >= BLOCK:
            self._filter_held()

    def result(self) -> Loudness:
        """Loudness of all that was added so far."""
        self._filter_held()
        peak_dbfs = 20 * math.log10(self._peak) if self._peak > 0 else -math.inf
        steps = np.concatenate(self._energies) if self._energies else np.zeros(0)
        if len(steps) < 4:
            return Loudness(-math.inf, peak_dbfs)
        blocks = np.convolve(steps, np.full(4, 0.25), mode="valid")
        return Loudness(_gated(blocks), peak_dbfs)

    def _begin(self, n_channels: int, rate: int) -> None:
        self._rate, self._weights = rate, _channel_weights(n_channels)
        self._response = _transfer(rate)
        self._past = np.zeros((n_channels, TAPS))
        self._rest = np.zeros((n_channels, 0))

    def _filter_held(self) -> None:
        """K-weight what is held, by overlap-save, and take the energies of its whole steps."""
        if not self._held:
            return
        samples = np.concatenate(self._held, axis=1)
        self._held, self._n_held = [], 0
        for at in range(0, samples.shape[1], BLOCK):
            block = samples[:, at : at + BLOCK]
            both = np.concatenate([self._past, block], axis=1)
            spectrum = np.fft.rfft(both, TAPS + BLOCK, axis=1) * self._response
            weighted = np.fft.irfft(spectrum, TAPS + BLOCK, axis=1)[:, TAPS : TAPS + block.shape[1]]
            self._past = both[:, both.shape[1] - TAPS :]
            self._add_energies(weighted)

    def _add_energies(self, weighted: np.ndarray) -> None:
        weighted = np.concatenate([self._rest, weighted], axis=1)
        step = round(STEP * self._rate)
        n_steps = weighted.shape[1] // step
        whole = weighted[:, : n_steps * step].reshape(len(self._weights), n_steps, step)
        self._energies.append(self._weights @ np.einsum("cns,cns->cn", whole, whole) / step)
        self._rest = weighted[:, n_steps * step :]


def _transfer(rate: int) -> np.ndarray:
    """The K-weighting at the frequencies of one transform of TAPS + BLOCK samples.

    The filters ring for less than TAPS samples (the slowest pole, at 38 Hz, has fallen below 1e-8 by then at every
    rate up to 192 kHz), so a block's result depends on the TAPS samples before it and no others.
    """
    z = np.exp(-2j * np.pi * np.arange((TAPS + BLOCK) // 2 + 1) / (TAPS + BLOCK))
    response = np.ones_like(z)
    for b0, b1, b2, _, a1, a2 in k_weighting(rate):
        response *= (b0 + b1 * z + b2 * z * z) / (1 + a1 * z + a2 * z * z)
    return response


def k_weighting(rate: int) -> np.ndarray:
    """The two filters of BS.1770-4 at `rate` Hz, (2, 6) second-order sections: high shelf, then high pass."""
    # Prototypes fitted to the standard's coefficients at 48 kHz (bilinear transform, pre-warped).
    k = math.tan(math.pi * 1681.974450955533 / rate)
    q, high = 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    shelf = _section(
        (high + band * k / q + k * k, 2 * (k * k - high), high - band * k / q + k * k),
        (1 + k / q + k * k, 2 * (k * k - 1), 1 - k / q + k * k),
    )
    k, q = math.tan(math.pi * 38.13547087602444 / rate), 0.5003270373238773
    norm = 1 + k / q + k * k
    high_pass = _section((norm, -2 * norm, norm), (norm, 2 * (k * k - 1), 1 - k / q + k * k))
    return np.array([shelf, high_pass])


def _section(b: tuple[float, float, float], a: tuple[float, float, float]) -> list[float]:
    return [*(value / a[0] for value in b), *(value / a[0] for value in a)]


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
