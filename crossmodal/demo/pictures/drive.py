"""What the pictures hear: loudness, strokes and brightness of a passage, one value a frame."""

from dataclasses import dataclass

import numpy as np
import scipy.fft
from scipy.ndimage import gaussian_filter1d

WINDOW = 2048
RATE = 24_000


@dataclass(frozen=True, slots=True, eq=False)
class Drive:
    """A passage as curves (T,), one value a frame; all in 0-1."""

    level: np.ndarray
    pulse: np.ndarray
    spark: np.ndarray
    light: np.ndarray


def hear(samples: np.ndarray, rate: int, n_frames: int, fps: int) -> Drive:
    """Listen to a passage.

    Args:
        samples: (L,) mono, at the loudness of its song (a song has -16 LUFS).
        rate: samples a second.
        n_frames: how many frames the clip has.
        fps: frames a second.

    Returns:
        The curves. Strokes jump up at their frame and die away within a third of a second.
    """
    spectra = _spectra(samples, rate, n_frames, fps)  # (T, F)
    hertz = np.arange(spectra.shape[1]) * rate / WINDOW
    power = (spectra**2).sum(axis=1)
    decibels = 10 * np.log10(gaussian_filter1d(power, 0.1 * fps) + 1e-6)
    level = np.clip((decibels - 19) / 28, 0, 1)  # -40 to -12 dBFS
    low, high = (_strokes(spectra[:, band], fps) for band in (hertz < 180, hertz > 3500))
    weight = spectra[:, 1:]
    centroid = np.exp((weight * np.log(hertz[1:])).sum(axis=1) / np.maximum(weight.sum(axis=1), 1e-6))
    centroid = gaussian_filter1d(np.where(power > 1e-4, centroid, 200.0), 0.15 * fps)
    light = np.clip(np.log2(np.maximum(centroid, 1) / 220) / 3.6, 0, 1)
    return Drive(*(curve.astype(np.float32) for curve in (level, low, high, light)))


def _spectra(samples: np.ndarray, rate: int, n_frames: int, fps: int) -> np.ndarray:
    """(T, F) magnitudes round the middle of each frame."""
    hop = rate / fps
    centres = ((np.arange(n_frames) + 0.5) * hop).astype(int)
    padded = np.pad(samples.astype(np.float32), (WINDOW // 2, WINDOW))
    window = np.hanning(WINDOW).astype(np.float32)
    rows = np.stack([padded[at : at + WINDOW] for at in np.minimum(centres, len(samples))])
    return np.abs(scipy.fft.rfft(rows * window, axis=1))


def _strokes(band: np.ndarray, fps: int) -> np.ndarray:
    """(T,) onsets of a band: their strength against the passage's strongest, dying away."""
    logs = np.log1p(band)
    rise = np.maximum(np.diff(logs, axis=0, prepend=logs[:1]), 0).mean(axis=1)
    rise -= np.median(rise)
    strength = np.clip(rise / max(float(np.quantile(rise, 0.97)), 0.06), 0, 1)
    out, fade = np.zeros(len(rise)), np.exp(-1 / (0.11 * fps))
    for index in range(len(rise)):
        out[index] = max(strength[index], (out[index - 1] if index else 0.0) * fade)
    return out
