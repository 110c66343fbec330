"""Loudness against signals whose loudness the standard states, and against another meter."""

import math

import numpy as np
import pyloudnorm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import sosfilt

from crossmodal.media.loudness import LoudnessMeter
from crossmodal.media.weighting import CHUNK, KWeighting, k_weighting


def tone(dbfs: float, seconds: float, rate: int = 48_000, hz: float = 1000.0) -> np.ndarray:
    t = np.arange(int(seconds * rate)) / rate
    return np.stack([10 ** (dbfs / 20) * np.sin(2 * np.pi * hz * t)] * 2).astype(np.float32)


def measure(*parts: np.ndarray, rate: int = 48_000) -> float:
    meter = LoudnessMeter()
    for part in parts:
        meter.add(part, rate)
    return meter.result().lufs


def test_filters_at_48_khz_are_the_tables_of_the_standard() -> None:
    shelf = [1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585]
    high_pass = [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621]
    np.testing.assert_allclose(k_weighting(48_000), [shelf, high_pass], atol=1e-8)


# EBU Tech 3341, minimum requirements test signals 1 to 5 (tolerance 0.1 LU).
@pytest.mark.parametrize(
    ("parts", "lufs"),
    [
        ([(-23, 20)], -23.0),
        ([(-33, 20)], -33.0),
        ([(-36, 10), (-23, 60), (-36, 10)], -23.0),
        ([(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)], -23.0),
        ([(-26, 20), (-20, 20.1), (-26, 20)], -23.0),
    ],
)
def test_signals_of_ebu_tech_3341(parts: list[tuple[float, float]], lufs: float) -> None:
    assert abs(measure(*(tone(*part) for part in parts)) - lufs) <= 0.1


@pytest.mark.parametrize("rate", [48_000, 44_100, 22_050])
def test_agrees_with_another_meter_on_noise(rate: int) -> None:
    rng = np.random.default_rng(rate)
    swell = np.abs(np.sin(np.arange(rate * 12) / rate))
    noise = (0.1 * rng.standard_normal((2, rate * 12)) * swell).astype(np.float32)
    peer = pyloudnorm.Meter(rate, filter_class="DeMan").integrated_loudness(noise.T.astype(np.float64))
    assert abs(measure(noise, rate=rate) - peer) < 0.1


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 30_000), min_size=1, max_size=8))
def test_how_the_samples_are_cut_into_blocks_does_not_matter(lengths: list[int]) -> None:
    noise = np.random.default_rng(0).standard_normal((1, sum(lengths))).astype(np.float32) * 0.1
    cuts = np.cumsum(lengths)[:-1]
    whole, parts = measure(noise), measure(*np.split(noise, cuts, axis=1))
    assert whole == parts or abs(whole - parts) < 1e-6


def test_silence_and_a_moment_have_no_loudness_but_a_peak() -> None:
    meter = LoudnessMeter()
    meter.add(np.zeros((2, 48_000), np.float32), 48_000)
    assert meter.result().lufs == -math.inf and meter.result().peak_dbfs == -math.inf
    meter.add(np.full((2, 10), -0.5, np.float32), 48_000)
    assert abs(meter.result().peak_dbfs + 6.02) < 0.01


def test_surround_channels_count_more_and_low_frequency_effects_not() -> None:
    one = tone(-20, 3)[:1]
    rest = np.zeros((5, one.shape[1]), np.float32)
    front, effects, surround = (np.insert(rest, at, one, axis=0) for at in (0, 3, 4))
    assert measure(effects) == -math.inf
    assert abs(measure(surround) - measure(front) - 10 * math.log10(1.41)) < 1e-3


@pytest.mark.parametrize("rate", [8000, 44_100, 192_000])
def test_chunks_give_what_the_filters_give_sample_by_sample(rate: int) -> None:
    noise = np.random.default_rng(rate).standard_normal((2, 50 * CHUNK))
    weighting = KWeighting(rate, 2)
    parts = [weighting.apply(noise[:, : 7 * CHUNK]), weighting.apply(noise[:, 7 * CHUNK : 40 * CHUNK])]
    parts.append(weighting.preview(noise[:, 40 * CHUNK : -100]))
    expected = sosfilt(k_weighting(rate), noise[:, :-100], axis=1)
    np.testing.assert_allclose(np.concatenate(parts, axis=1), expected, atol=5e-5)


def test_a_result_half_way_changes_nothing() -> None:
    noise = np.random.default_rng(3).standard_normal((2, 200_000)).astype(np.float32) * 0.1
    meter, whole = LoudnessMeter(), measure(noise)
    for part in np.split(noise, [30_000, 100_001], axis=1):
        meter.add(part, 48_000)
        meter.result()
    assert abs(meter.result().lufs - whole) < 1e-6
