"""What an editor hears in a piece of music: loudness, brightness, mode, onsets and beats.

Montages are cut by these curves. They are computed from the samples, apart from the encoder's curves, at 50 Hz.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter1d
from scipy.signal import stft

RATE = 24_000
HOP_SAMPLES = 480
GUIDE_RATE = RATE / HOP_SAMPLES  # 50 rows a second
# Krumhansl and Kessler 1982, the probe-tone profiles of C major and C minor.
_MAJOR = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
_MINOR = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])


@dataclass(frozen=True, slots=True, eq=False)
class Guide:
    """Curves of one piece of music, 50 rows a second.

    Args:
        loudness: (T,) dB.
        brightness: (T,) log2 of the spectral centroid in Hz.
        mode: (T,) how much more major than minor the last seconds sound, about -1 to 1.
        onset: (T,) >= 0, rise of the log spectrum.
        beats: (B,) seconds, rising.
    """

    loudness: np.ndarray
    brightness: np.ndarray
    mode: np.ndarray
    onset: np.ndarray
    beats: np.ndarray

    def span(self, start: float, seconds: float) -> "Guide":
        """The part from `start`, with beats counted from there."""
        first, last = round(start * GUIDE_RATE), round((start + seconds) * GUIDE_RATE)
        inside = self.beats[(self.beats >= start) & (self.beats < start + seconds)]
        return Guide(
            self.loudness[first:last],
            self.brightness[first:last],
            self.mode[first:last],
            self.onset[first:last],
            inside - start,
        )


def listen(samples: np.ndarray) -> Guide:
    """Curves and beats of mono sound at 24 kHz.

    Args:
        samples: (L,) float32.
    """
    freqs, _, spectrum = stft(samples, RATE, nperseg=1024, noverlap=1024 - HOP_SAMPLES, padded=True)
    power = np.abs(spectrum).T.astype(np.float32) ** 2  # (T, 513)
    total = power.sum(axis=1)
    loudness = 10 * np.log10(total + 1e-9)
    centroid = (power @ freqs + 1e-9 * 500) / (total + 1e-9)
    bands = np.log1p(1e5 * power @ _mel_bands(freqs))  # (T, 40)
    rise = np.maximum(np.diff(bands, axis=0, prepend=bands[:1]), 0).mean(axis=1)
    onset = np.maximum(rise - gaussian_filter1d(rise, 0.5 * GUIDE_RATE), 0)
    return Guide(loudness, np.log2(centroid + 20), _mode(power, freqs), onset, track_beats(onset))


def track_beats(onset: np.ndarray, rate: float = GUIDE_RATE) -> np.ndarray:
    """Beat times by dynamic programming over an onset curve. Ellis, JNMR 2007.

    Args:
        onset: (T,) >= 0.
        rate: rows a second.

    Returns:
        (B,) seconds, rising; empty where nothing pulses.
    """
    if len(onset) < 2 * rate or onset.max() <= 0:
        return np.zeros(0)
    curve = gaussian_filter1d(onset, 1.0)
    curve = curve / (curve.std() + 1e-9)
    period = _period(curve, rate)
    score, back = curve.copy(), np.full(len(curve), -1)
    lags = np.arange(round(period / 2), round(2 * period) + 1)
    penalty = 100.0 * np.log(lags / period) ** 2
    for t in range(lags[0], len(curve)):
        reach = lags[lags <= t]
        previous = score[t - reach] - penalty[: len(reach)]
        best = int(previous.argmax())
        if previous[best] > 0:
            score[t], back[t] = curve[t] + previous[best], t - reach[best]
    beat = len(score) - round(period) + int(score[-round(period) :].argmax())
    beats = []
    while beat >= 0:
        beats.append(beat)
        beat = int(back[beat])
    return np.array(beats[::-1]) / rate


def strong_onsets(onset: np.ndarray, gap: float = 0.25, rate: float = GUIDE_RATE) -> np.ndarray:
    """Times of local maxima at least `gap` seconds apart, the strongest first.

    Args:
        onset: (T,) >= 0.
    """
    width = 2 * round(gap * rate) + 1
    peaks = np.flatnonzero((onset == maximum_filter1d(onset, width)) & (onset > 0.5 * onset.std()))
    return peaks[np.argsort(-onset[peaks], kind="stable")] / rate


def _period(curve: np.ndarray, rate: float) -> float:
    """The beat period in rows: the best autocorrelation, leaning to 120 beats a minute."""
    lags = np.arange(round(0.25 * rate), round(1.2 * rate))
    centred = curve - curve.mean()
    strength = np.array([np.dot(centred[lag:], centred[:-lag]) for lag in lags]) / len(curve)
    lean = np.exp(-0.5 * (np.log2(lags / rate / 0.5) / 0.9) ** 2)
    return float(lags[int((strength * lean).argmax())])


def _mode(power: np.ndarray, freqs: np.ndarray) -> np.ndarray:
    """(T,) best correlation with a major profile minus that with a minor one, over about 3 s."""
    inside = (freqs > 100) & (freqs < 2500)
    pitch = np.round(12 * np.log2(freqs[inside] / 440.0)).astype(int) % 12
    chroma = np.stack([np.sqrt(power[:, inside][:, pitch == k].sum(axis=1)) for k in range(12)], axis=1)  # (T, 12)
    chroma = gaussian_filter1d(chroma, 1.5 * GUIDE_RATE / 2, axis=0)
    chroma = chroma - chroma.mean(axis=1, keepdims=True)
    chroma /= np.linalg.norm(chroma, axis=1, keepdims=True) + 1e-9
    best = []
    for profile in (_MAJOR, _MINOR):
        shape = (profile - profile.mean()) / np.linalg.norm(profile - profile.mean())
        keys = np.stack([np.roll(shape, k) for k in range(12)])
        best.append((chroma @ keys.T).max(axis=1))
    return best[0] - best[1]


def _mel_bands(freqs: np.ndarray, n_bands: int = 40) -> np.ndarray:
    """(F, 40) triangles between 40 Hz and 11 kHz, evenly laid on the mel scale."""
    edges = np.linspace(2595 * np.log10(1 + 40 / 700), 2595 * np.log10(1 + 11_000 / 700), n_bands + 2)
    hz = 700 * (10 ** (edges / 2595) - 1)
    up = (freqs[:, None] - hz[:-2]) / (hz[1:-1] - hz[:-2])
    down = (hz[2:] - freqs[:, None]) / (hz[2:] - hz[1:-1])
    return np.maximum(np.minimum(up, down), 0).astype(np.float32)
