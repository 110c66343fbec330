"""Measures of short pieces of sound, 50 a second: spectrum, level, pitch classes, strikes."""

import numpy as np
from scipy.fft import rfft
from scipy.sparse import csr_array

from crossmodal.encoders.curves.rows import FINE_RATE, decibels

RATE = 24_000
WINDOW, STEP = 1024, RATE // FINE_RATE  # samples
MARGIN = (WINDOW - STEP) // 2  # samples that a window reaches beyond its step, on each side
FLUX_LAG, LEVEL_LAG = 2, 5  # steps
N_MEL, N_FINE_MEL, N_FLUX = 16, 40, 7
SWELL_FLOOR_DB = -75.0  # under it nothing rises or falls: hiss is no swell
FAINT = np.float32(0.4)  # 40 bands at -80 dB, fourth root of power: fainter sound strikes less and less
QUIET = np.float32(1e-8)  # power that chroma and the shape of the spectrum fade towards nothing at

MEASURES = (
    *(f"mel_{band:02d}" for band in range(N_MEL)),
    *(f"flux_{band}" for band in range(N_FLUX)),
    *("onset", "log_rms", "rms", "log_centroid", "flatness", "rolloff", "level_rise", "level_fall"),
    *(f"chroma_{pitch:02d}" for pitch in range(12)),
)


def _mel(hertz: np.ndarray | float) -> np.ndarray:
    return 2595 * np.log10(1 + np.asarray(hertz) / 700)


def _hertz(mel: np.ndarray) -> np.ndarray:
    return 700 * (10 ** (mel / 2595) - 1)


def _triangles(n_bands: int, low: float = 40.0, high: float = 11_000.0) -> np.ndarray:
    """(n_bands, bins): triangles with peak 1, evenly spaced in mel; one narrower than a bin takes the nearest."""
    bins = np.arange(WINDOW // 2 + 1) * RATE / WINDOW
    corners = _hertz(np.linspace(_mel(low), _mel(high), n_bands + 2))
    left, centre, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    weights = np.maximum(0, np.minimum((bins - left) / (centre - left), (right - bins) / (right - centre)))
    empty = weights.sum(1) < 0.5
    weights[empty, np.abs(bins - centre).argmin(1)[empty]] = 1
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
_BANDS = csr_array(np.concatenate([_triangles(N_MEL), _triangles(N_FINE_MEL), _pitch_classes()]).astype(np.float32))
_FLUX_EDGES = np.array([0, 6, 12, 18, 24, 30, 35])
_FLUX_SIZES = np.diff(np.append(_FLUX_EDGES, N_FINE_MEL)).astype(np.float32)
_FINE_HERTZ = _hertz(np.linspace(_mel(40.0), _mel(11_000.0), N_FINE_MEL + 2)[1:-1])
_FINE_OCTAVES = np.log2(_FINE_HERTZ / 40).astype(np.float32)  # above 40 Hz


def measures(sound: np.ndarray, before: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """The curves `MEASURES` of a stretch of sound.

    Args:
        sound: (MARGIN + steps * STEP + MARGIN,) float32.
        before: what this function gave as second result for the stretch before; None: the sound begins here.

    Returns:
        (steps, 43) float32; what the next stretch needs of this one.
    """
    pieces = sound[MARGIN:-MARGIN].reshape(-1, STEP)
    power = np.einsum("ij,ij->i", pieces, pieces) / np.float32(STEP)  # (steps,)
    level = decibels(power)
    bands = _spectra(sound)
    if before is None:
        bands[0] = bands[1]  # its window reaches before the beginning, and where a file begins nothing strikes
    mel, fine, pitch = np.split(bands, [N_MEL, N_MEL + N_FINE_MEL], 1)
    loudness = np.sqrt(np.sqrt(fine))  # (steps, 40)
    here = np.column_stack([loudness, np.maximum(level, np.float32(SWELL_FLOOR_DB))])
    lagged = np.concatenate([np.repeat(here[:1], LEVEL_LAG, 0) if before is None else before, here])
    flux, onset = _strikes(loudness, lagged[LEVEL_LAG - FLUX_LAG : -FLUX_LAG, :N_FINE_MEL])
    swell = here[:, -1] - lagged[:-LEVEL_LAG, -1]
    columns = [
        decibels(mel),
        flux,
        onset,
        level,
        np.sqrt(power),
        *_shape(fine),
        np.maximum(swell, 0),
        np.maximum(-swell, 0),
        _chroma(pitch),
    ]
    return np.column_stack(columns), lagged[-LEVEL_LAG:]


def _spectra(sound: np.ndarray) -> np.ndarray:
    """(steps, 68): power in 16 bands, in 40 bands, and in 12 pitch classes."""
    windows = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::STEP]
    spectrum = rfft(windows * _HANN, axis=1)
    power = (spectrum.real**2 + spectrum.imag**2) * _POWER  # (steps, bins)
    return (_BANDS @ np.ascontiguousarray(power.T)).T


def _strikes(now: np.ndarray, recent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Flux (steps, 7) in percent of full scale, and onset (steps,), the share of the loudness that is new.

    Args:
        now, recent: (steps, 40) fourth roots of power, now and two steps ago.
    """
    flux = np.maximum(now * now - recent * recent, 0)
    bands = np.float32(100) * np.add.reduceat(flux, _FLUX_EDGES, axis=1) / _FLUX_SIZES
    return bands, np.maximum(now - recent, 0).sum(1) / (now.sum(1) + FAINT)


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
