"""The untrained row: what motion against loudness reaches without any learning."""

import numpy as np

from crossmodal.encoders import AUDIO_CHANNELS, VIDEO_CHANNELS
from crossmodal.features import Features, Side
from training.data.pairs import Pair, span
from training.evaluation.scores import middle
from training.report import Protocol, protocol_of


def untrained(pairs: list[Pair], seconds: float) -> dict[str, Protocol]:
    """What motion against loudness reaches without any learning: correlation over time, at the best start if searched.

    *apart* compares the autocorrelations of the two curves (0.1-4.8 s): their pulse. Empty where there are no curves.
    """
    if any(_widths(pair) != (len(VIDEO_CHANNELS), len(AUDIO_CHANNELS)) for pair in pairs):
        return {}
    motion = [_curve(span(p.video, 0, seconds), "video") for p in pairs]
    loudness = [_curve(span(p.audio, p.start, seconds), "audio") for p in pairs]
    half = len(motion[0]) // 2
    clips = [_curve(middle(p.video, seconds), "video") for p in pairs]
    whole = [_curve(p.audio, "audio") for p in pairs]
    pulses = [np.stack([_pulse(c[:half]) for c in motion]), np.stack([_pulse(c[half:]) for c in loudness])]
    return {
        "aligned": protocol_of(pairs, _unit(np.stack(motion)) @ _unit(np.stack(loudness)).T),
        "searched": protocol_of(pairs, np.stack([_slide(np.stack(clips), track) for track in whole], axis=1)),
        "apart": protocol_of(pairs, _unit(pulses[0]) @ _unit(pulses[1]).T),
    }


def _widths(pair: Pair) -> tuple[int, int]:
    return pair.video.values.shape[1], pair.audio.values.shape[1]


def _curve(features: Features, side: Side) -> np.ndarray:
    names, name = (VIDEO_CHANNELS, "motion") if side == "video" else (AUDIO_CHANNELS, "rms")
    return features.values[:, names.index(name)].astype(np.float64)


def _slide(clips: np.ndarray, track: np.ndarray) -> np.ndarray:
    """(N,) best correlation of each clip (N, T) with any stretch of the track."""
    windows = np.lib.stride_tricks.sliding_window_view(track, min(clips.shape[1], len(track)))
    return (_unit(clips[:, : windows.shape[1]]) @ _unit(windows).T).max(axis=1)


def _pulse(curve: np.ndarray, lags: int = 48) -> np.ndarray:
    centred = curve - curve.mean()
    return np.array([np.dot(centred[lag:], centred[:-lag]) for lag in range(1, min(lags, len(curve) - 2) + 1)])


def _unit(rows: np.ndarray) -> np.ndarray:
    rows = rows - rows.mean(axis=1, keepdims=True)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
