"""The curves of a made picture and a made sound stay what they were under a fingerprint: stored Features rely on it.

When the curves change on purpose: raise `VERSIONS` in `crossmodal/encoders/encoder.py`, then run this file.
"""

from pathlib import Path

import numpy as np
import pytest

from crossmodal.encoders import AUDIO_CHANNELS, VIDEO_CHANNELS, AudioCurves, CurvesEncoder, VideoCurves
from crossmodal.features import Side

FOLDER = Path(__file__).parent / "golden"


def made_picture() -> np.ndarray:
    """(4 s) coloured waves that speed up, with a cut at 1.52 s, a repeat and a still end: integers only."""
    y, x = np.mgrid[0:48, 0:64]
    frames = []
    for i in range(75):
        phase = i * i // 40 + (0 if i < 38 else 977)
        red = (x * 5 + phase * 7) % 256
        green = np.abs((y * 9 + x * 2 - phase * 3) % 512 - 256) % 256
        frames.append(np.stack([red, green, (red * (1 + i // 38) + green) // 3 % 256]))
    return np.stack([*frames, *frames[-1:] * 25]).astype(np.uint8)


def made_sound() -> np.ndarray:
    """(4 s) triangle waves of rising pitch in pulses, with noise of a fixed recipe and a silent end."""
    n = np.arange(80_000, dtype=np.int64)
    triangle = np.abs((n * (110 + 55 * (n // 12_000)) // 24) % 2000 - 1000) - 500
    pulse = 12_000 - n % 12_000
    noise = (n * 7919 * (n % 101 + 3)) % 211 - 105
    samples = triangle * pulse // 12_000 * 12 + noise * 3
    return np.concatenate([samples / 32_768, np.zeros(16_000)]).astype(np.float32)


def made_curves(side: Side) -> np.ndarray:
    if side == "video":
        video, times = VideoCurves(), np.arange(100) / 25
        video.add(made_picture(), times, np.where(np.arange(100) == 20, 19 / 25, times))
        return video.finish(4.0)[0]
    audio = AudioCurves()
    audio.add(made_sound(), 0.0)
    return audio.finish(4.0)[0]


@pytest.mark.parametrize("side", ["video", "audio"])
def test_curves_are_what_their_fingerprint_promises(side: Side):
    stored = FOLDER / f"{CurvesEncoder(side).fingerprint}.npy"
    assert stored.is_file(), f"no golden output {stored.name}: run this file as a program, and commit what it writes"
    names = VIDEO_CHANNELS if side == "video" else AUDIO_CHANNELS
    expected, values = np.load(stored).astype(np.float32), made_curves(side)
    assert values.shape == expected.shape == (40, len(names))
    for name, ours, theirs in zip(names, values.T, expected.T, strict=True):
        message = f"{name} changed under an old fingerprint; see this file's first lines"
        np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=2e-3, err_msg=message)


@pytest.mark.parametrize("side", ["video", "audio"])
def test_no_curve_of_the_golden_input_is_constant(side: Side):
    names = VIDEO_CHANNELS if side == "video" else AUDIO_CHANNELS
    dead = [name for name, spread in zip(names, np.ptp(made_curves(side), axis=0), strict=True) if spread < 1e-3]
    assert not dead


if __name__ == "__main__":
    for side in ("video", "audio"):
        np.save(FOLDER / f"{CurvesEncoder(side).fingerprint}.npy", made_curves(side).astype("<f2"))
