"""What the montage rules hear, on sounds whose truth is known."""

import numpy as np
import pytest

from training.data.listening import GUIDE_RATE, RATE, listen, strong_onsets, track_beats


def clicks(bpm: float, seconds: float = 16.0, first: float = 0.3) -> np.ndarray:
    """Noise bursts on every beat."""
    rng = np.random.default_rng(0)
    samples = rng.normal(0, 1e-3, round(seconds * RATE)).astype(np.float32)
    burst = np.exp(-np.arange(2000) / 300) * rng.normal(0, 0.5, 2000)
    for time in np.arange(first, seconds - 0.1, 60 / bpm):
        start = int(time * RATE)
        samples[start : start + 2000] += burst[: len(samples) - start].astype(np.float32)
    return samples


@pytest.mark.parametrize("bpm", [84, 100, 120, 141])
def test_beats_stand_on_the_clicks(bpm: float) -> None:
    beats = listen(clicks(bpm)).beats
    truth = np.arange(0.3, 15.9, 60 / bpm)
    assert len(beats) >= len(truth) - 2
    assert np.median(np.abs(beats[:, None] - truth[None]).min(1)) < 0.025
    assert np.diff(beats).mean() == pytest.approx(60 / bpm, rel=0.03)


def test_silence_has_no_beats() -> None:
    assert len(listen(np.zeros(4 * RATE, np.float32)).beats) == 0
    assert len(track_beats(np.zeros(500))) == 0


def test_brightness_and_loudness_follow_the_sound() -> None:
    time = np.arange(4 * RATE) / RATE
    low, high = np.sin(2 * np.pi * 200 * time), 0.1 * np.sin(2 * np.pi * 4000 * time)
    guide = listen(np.concatenate([low, high]).astype(np.float32))
    middle = len(guide.loudness) // 2
    assert guide.brightness[middle + 10 : -10].min() > guide.brightness[10 : middle - 10].max() + 3  # 200 to 4,000 Hz
    assert guide.loudness[10 : middle - 10].mean() - guide.loudness[middle + 10 : -10].mean() == pytest.approx(
        20, abs=1
    )


@pytest.mark.parametrize(("third", "sign"), [(4, 1), (3, -1)])
def test_a_major_chord_sounds_more_major_than_a_minor_one(third: int, sign: int) -> None:
    time = np.arange(4 * RATE) / RATE
    chord = sum(np.sin(2 * np.pi * 261.6 * 2 ** (step / 12) * time) for step in (0, third, 7, 12))
    assert sign * listen((0.1 * chord).astype(np.float32)).mode.mean() > 0.02


def test_strong_onsets_come_strongest_first_and_apart() -> None:
    onset = np.zeros(500)
    onset[[50, 55, 200, 300]] = [1.0, 3.0, 2.0, 4.0]
    times = strong_onsets(onset)
    assert times.tolist() == [300 / GUIDE_RATE, 55 / GUIDE_RATE, 200 / GUIDE_RATE]


def test_a_span_counts_its_beats_from_its_start() -> None:
    guide = listen(clicks(120)).span(2.0, 6.0)
    assert len(guide.loudness) == 300
    assert (guide.beats >= 0).all() and (guide.beats < 6).all()
    assert np.abs(((guide.beats + 2.0 - 0.3) / 0.5 + 0.5) % 1 - 0.5).max() < 0.06
