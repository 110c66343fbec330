"""What sounds, strikes and swells, as 48 curves of ten rows a second, without learning.

Computed 50 times a second on 24 kHz mono at true level, then averaged. How a curve follows the level of a file:
`mel_*`, `log_rms` are decibels with a floor of -90 (a gain adds to them: `DECIBEL_CHANNELS`); `rms` and `flux_*` are
amplitudes (a gain multiplies them: `AMPLITUDE_CHANNELS`); the rest does not follow it.
"""

import numpy as np
from scipy.fft import rfft
from scipy.sparse import csr_array

from crossmodal.encoders.curves.rows import FINE_PER_ROW, FINE_RATE, FLOOR_DB, decibels, half, row_count

RATE = 24_000
WINDOW, STEP = 1024, RATE // FINE_RATE  # samples
BLOCK = 100  # steps computed at once: fixed, so that the sizes in which sound arrives change no bit
MARGIN = (WINDOW - STEP) // 2  # samples that a window reaches beyond its step, on each side
SLACK = 0.005  # seconds: time stamps this far off are rounding, not holes
N_MEL, N_FINE_MEL, N_FLUX = 16, 40, 7
FLUX_LAG, LEVEL_LAG, CHROMA_LAG = 2, 5, 4  # steps, steps, rows
SWELL_FLOOR_DB = -75.0  # under it nothing rises or falls: hiss is no swell
FAINT = np.float32(0.4)  # 40 bands at -80 dB, fourth root of power: fainter sound strikes less and less
QUIET = np.float32(1e-8)  # power that chroma and the shape of the spectrum fade towards nothing at

_PEAKS = ("flux_0", "flux_3", "flux_6", "onset")
_MEANS = (
    *(f"mel_{band:02d}" for band in range(N_MEL)),
    *(f"flux_{band}" for band in range(N_FLUX)),
    "onset",
    "log_rms",
    "rms",
    "log_centroid",
    "flatness",
    "rolloff",
    "chroma_change",
    "level_rise",
    "level_fall",
    *(f"chroma_{pitch:02d}" for pitch in range(12)),
)

AUDIO_CHANNELS: tuple[str, ...] = (*_MEANS, *(f"{name}_max" for name in _PEAKS))
DECIBEL_CHANNELS = tuple(name for name in AUDIO_CHANNELS if name.startswith("mel_") or name == "log_rms")
AMPLITUDE_CHANNELS = tuple(name for name in AUDIO_CHANNELS if name.startswith("flux_") or name == "rms")


def _mel(hertz: np.ndarray | float) -> np.ndarray:
    return 2595 * np.log10(1 + np.asarray(hertz) / 700)


def _triangles(n_bands: int, low: float, high: float) -> np.ndarray:
    """(n_bands, bins): triangles with peak 1, evenly spaced in mel; one narrower than a bin takes the nearest."""
    bins = np.arange(WINDOW // 2 + 1) * RATE / WINDOW
    corners = 700 * (10 ** (np.linspace(_mel(low), _mel(high), n_bands + 2) / 2595) - 1)
    left, centre, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    weights = np.maximum(0, np.minimum((bins - left) / (centre - left), (right - bins) / (right - centre)))
    nearest = np.abs(bins - centre).argmin(1)
    empty = weights.sum(1) < 0.5
    weights[empty, nearest[empty]] = 1
    return weights


def _pitch_classes(low: float = 100.0, high: float = 5000.0) -> np.ndarray:
    """(12, bins): each bin shared by the two nearest pitch classes, C first."""
    bins = np.arange(1, WINDOW // 2 + 1) * RATE / WINDOW
    pitch = 69 + 12 * np.log2(bins / 440)
    apart = np.abs((pitch - np.arange(12)[:, None] + 6) % 12 - 6)
    weights = np.maximum(0, 1 - apart) * ((bins >= low) & (bins <= high))
    return np.concatenate([np.zeros((12, 1)), weights], 1)


_HANN = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)
_POWER = np.float32((2 / _HANN.sum()) ** 2)  # a full-scale sine on a bin has power 1
_BANDS = csr_array(
    np.concatenate([_triangles(N_MEL, 40, 11_000), _triangles(N_FINE_MEL, 40, 11_000), _pitch_classes()]).astype(
        np.float32
    )
)
_FLUX_EDGES = np.array([0, 6, 12, 18, 24, 30, 35])
_FLUX_SIZES = np.diff(np.append(_FLUX_EDGES, N_FINE_MEL)).astype(np.float32)
_FINE_CENTRES = np.linspace(_mel(40), _mel(11_000), N_FINE_MEL + 2)[1:-1]
_FINE_OCTAVES = np.log2((700 * (10 ** (_FINE_CENTRES / 2595) - 1)) / 40).astype(np.float32)  # above 40 Hz


class AudioCurves:
    """The curves of one sound, fed in order of time.

    Args:
        rate: samples a second; only 24,000.
    """

    def __init__(self, rate: int = RATE) -> None:
        if rate != RATE:
            raise ValueError(f"AudioCurves: rate must be {RATE}, got {rate}")
        self._waiting = [np.zeros(MARGIN, np.float32)]
        self._n_waiting = MARGIN
        self._n_samples = 0  # placed so far, silence in holes included
        self._means: list[np.ndarray] = []  # per block (rows, 44)
        self._peaks: list[np.ndarray] = []
        self._before: np.ndarray | None = None  # last steps of the block before: (lag, fine mel and level)
        self._silent = True

    def add(self, samples: np.ndarray, time: float) -> None:
        """Take the next samples.

        Args:
            samples: (L,) float in [-1, 1], mono.
            time: seconds of the first one; a hole before it is silence, what lies before 0 is left out.
        """
        if samples.ndim != 1:
            raise ValueError(f"AudioCurves: samples must be (L,) mono, got {samples.shape}")
        begin = round(time * RATE)
        if abs(begin - self._n_samples) <= SLACK * RATE:
            begin = self._n_samples
        if begin < self._n_samples:
            samples = samples[self._n_samples - begin :]
        else:
            self._extend_silence(begin - self._n_samples)
        self._extend(np.asarray(samples, np.float32))

    def finish(self, duration: float) -> tuple[np.ndarray, np.ndarray, bool]:
        """The curves of all that was added.

        Args:
            duration: seconds of the whole medium; what no sample covers is silence.

        Returns:
            values (T', 48) float32, rounded to float16; seen (T',) bool, all True; silent.
        """
        n_rows = row_count(duration)
        self._extend_silence(RATE)  # so that the last row computed is silence to the last lag
        self._extend_silence(BLOCK * STEP + 2 * MARGIN - self._n_waiting)
        means = _fit(np.concatenate(self._means), n_rows)
        peaks = _fit(np.concatenate(self._peaks), n_rows)
        means[:, _MEANS.index("chroma_change")] = _chroma_change(means[:, -12:])
        return half(np.concatenate([means, peaks], 1)), np.ones(n_rows, np.bool_), self._silent

    def _extend_silence(self, n_samples: int) -> None:
        while n_samples > 0:
            part = min(n_samples, BLOCK * STEP)
            self._extend(np.zeros(part, np.float32))
            n_samples -= part

    def _extend(self, samples: np.ndarray) -> None:
        self._n_samples += len(samples)
        need = BLOCK * STEP + 2 * MARGIN
        while len(samples):
            part = samples[: need - self._n_waiting].copy()
            samples = samples[len(part) :]
            self._waiting.append(part)
            self._n_waiting += len(part)
            if self._n_waiting == need:
                block = np.concatenate(self._waiting)
                self._block(block)
                self._waiting, self._n_waiting = [block[-2 * MARGIN :]], 2 * MARGIN

    def _block(self, block: np.ndarray) -> None:
        """Append the rows of one block (BLOCK * STEP samples with MARGIN on both sides)."""
        steps = block[MARGIN:-MARGIN].reshape(BLOCK, STEP)
        power = np.einsum("ij,ij->i", steps, steps) / np.float32(STEP)  # (steps,)
        level = decibels(power)
        self._silent = self._silent and bool((level <= FLOOR_DB).all())
        mel, fine, pitch = _spectra(block)
        loudness = np.sqrt(np.sqrt(fine))  # (steps, 40)
        swelling = np.maximum(level, np.float32(SWELL_FLOOR_DB))[:, None]
        lagged = self._with_history(np.concatenate([loudness, swelling], 1))
        now, recent = lagged[LEVEL_LAG:, :N_FINE_MEL], lagged[LEVEL_LAG - FLUX_LAG : -FLUX_LAG, :N_FINE_MEL]
        flux = np.maximum(now * now - recent * recent, 0)  # (steps, 40), amplitude
        bands = np.float32(100) * np.add.reduceat(flux, _FLUX_EDGES, axis=1) / _FLUX_SIZES  # percent of full scale
        onset = np.maximum(now - recent, 0).sum(1) / (now.sum(1) + FAINT)
        swell = lagged[LEVEL_LAG:, -1] - lagged[:-LEVEL_LAG, -1]
        columns = [
            decibels(mel),
            bands,
            onset,
            level,
            np.sqrt(power),
            *_shape(fine),
            np.zeros(BLOCK, np.float32),  # chroma change: taken from rows, at the end
            np.maximum(swell, 0),
            np.maximum(-swell, 0),
            _chroma(pitch),
        ]
        curves = np.concatenate([c if c.ndim == 2 else c[:, None] for c in columns], 1)  # (steps, 44)
        rows = curves.reshape(-1, FINE_PER_ROW, curves.shape[1])
        self._means.append(rows.mean(1))
        self._peaks.append(rows[:, :, [_MEANS.index(name) for name in _PEAKS]].max(1))

    def _with_history(self, values: np.ndarray) -> np.ndarray:
        """`values` (steps, C) behind the last LEVEL_LAG steps of the block before; at first, behind repeats."""
        before = np.repeat(values[:1], LEVEL_LAG, 0) if self._before is None else self._before
        lagged = np.concatenate([before, values])
        self._before = lagged[-LEVEL_LAG:]
        return lagged


def _spectra(block: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Power in 16 bands, in 40 bands, and by pitch class, each (steps, bands)."""
    windows = np.lib.stride_tricks.sliding_window_view(block, WINDOW)[::STEP]
    spectrum = rfft(windows * _HANN, axis=1)
    power = (spectrum.real**2 + spectrum.imag**2) * _POWER  # (steps, bins)
    bands = (_BANDS @ np.ascontiguousarray(power.T)).T  # (steps, 68)
    return bands[:, :N_MEL], bands[:, N_MEL : N_MEL + N_FINE_MEL], bands[:, -12:]


def _shape(fine: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centroid and roll-off (85 %) in octaves above 40 Hz, flatness in [0, 1]; all near 0 in silence. Each (steps,)."""
    total = fine.sum(1)
    weight = total / (total + QUIET)
    share = fine / (total + QUIET)[:, None]
    centroid = np.log2(1 + (share * (np.exp2(_FINE_OCTAVES) - 1)).sum(1))
    flatness = np.exp(np.log(fine + QUIET / N_FINE_MEL).mean(1)) / ((total + QUIET) / N_FINE_MEL)
    below = (np.cumsum(share, 1) < np.float32(0.85) * share.sum(1)[:, None]).sum(1)
    rolloff = _FINE_OCTAVES[np.minimum(below, N_FINE_MEL - 1)] * weight
    return centroid, flatness * weight, rolloff


def _chroma(pitch: np.ndarray) -> np.ndarray:
    """(steps, 12): share of the magnitude in each pitch class; 0 in silence."""
    magnitude = np.sqrt(pitch)
    return magnitude / (magnitude.sum(1, keepdims=True) + np.sqrt(QUIET))


def _chroma_change(chroma: np.ndarray) -> np.ndarray:
    """(T',): half the absolute change of the chroma against 0.4 s before; 0 at the beginning."""
    earlier = np.concatenate([np.repeat(chroma[:1], CHROMA_LAG, 0), chroma])[: len(chroma)]
    return np.abs(chroma - earlier).sum(1) / 2


def _fit(rows: np.ndarray, n_rows: int) -> np.ndarray:
    """`rows` cut to `n_rows`, or continued by the last one, which is silence."""
    lacking = n_rows - len(rows)
    return rows[:n_rows].copy() if lacking <= 0 else np.concatenate([rows, np.repeat(rows[-1:], lacking, 0)])
