"""The same recording, and what must never be taken for it."""

import numpy as np
import pytest
from catalogue.made import RATE, song

from crossmodal.catalogue.acoustic import compare, draw_acoustic
from crossmodal.encoders import AudioCurves
from crossmodal.features import Features


def acoustic_of(samples: np.ndarray):
    curves = AudioCurves(RATE)
    curves.add(samples.astype(np.float32), 0.0)
    values, seen, silent = curves.finish(len(samples) / RATE)
    return draw_acoustic(Features(values, seen, 0.1, len(samples) / RATE, silent), "e")


def voice(start: float, seconds: float, level: float, total: int) -> np.ndarray:
    """A sliding, trembling tone between 300 and 2,000 Hz for a while, silence round it."""
    out, time = np.zeros(total), np.arange(round(seconds * RATE)) / RATE
    phase = 6.2832 * (600 * time + 60 * np.sin(8 * time))
    tone = sum(np.sin(k * phase) / k for k in (1, 2, 3)) * (0.6 + 0.4 * np.sin(25 * time))
    begin = round(start * RATE)
    out[begin : begin + len(tone)] = level * tone
    return out


@pytest.mark.parametrize("delay_ms", [0, 13, 25, 48, 100])
def test_a_later_and_quieter_copy_is_the_same_with_its_offset(delay_ms):
    delay = RATE * delay_ms // 1000
    late = 0.5 * np.concatenate([np.zeros(delay), song()])
    offset = compare(acoustic_of(late), acoustic_of(song()))
    assert offset == pytest.approx(delay_ms / 1000, abs=0.02)
    assert compare(acoustic_of(song()), acoustic_of(late)) == pytest.approx(-delay_ms / 1000, abs=0.02)


def test_noise_of_a_codec_is_no_difference():
    noise = 0.0015 * np.random.default_rng(1).standard_normal(len(song()))
    assert compare(acoustic_of(song() + noise), acoustic_of(song())) == pytest.approx(0, abs=0.02)


def test_another_song_of_the_same_length_is_another():
    assert compare(acoustic_of(song(seed=1)), acoustic_of(song(seed=2))) is None


def test_silence_has_no_fingerprint_at_any_length():
    assert acoustic_of(np.zeros(RATE * 10)) is None and acoustic_of(np.zeros(RATE * 11)) is None


@pytest.mark.parametrize(
    "make", [lambda r: r.standard_normal(RATE * 12) * 0.1, lambda r: np.sin(np.arange(RATE * 12) / 9)]
)
def test_steady_noise_and_a_steady_tone_have_none(make):
    assert acoustic_of(make(np.random.default_rng(0))) is None


@pytest.mark.parametrize(("start", "seconds"), [(0.5, 11), (5, 4), (7.3, 1)])
@pytest.mark.parametrize("level", [0.12, 0.05])
def test_loop_and_loop_with_voice_stay_apart(start, seconds, level):
    loop = np.tile(song(2.0), 6)
    assert compare(acoustic_of(loop + voice(start, seconds, level, len(loop))), acoustic_of(loop)) is None


@pytest.mark.parametrize(
    ("start", "seconds", "level"), [(0.5, 11, 0.012), (5, 4, 0.012), (0.5, 11, 0.01), (7.3, 1, 0.02)]
)
def test_a_voice_far_under_the_loop_keeps_them_apart_too(start, seconds, level):
    """15 dB under the loop for a second, 20 dB for several: less than that is what codecs do."""
    loop = np.tile(song(2.0), 6)
    assert compare(acoustic_of(loop + voice(start, seconds, level, len(loop))), acoustic_of(loop)) is None


def test_lengths_more_than_two_percent_apart_are_not_the_same():
    whole = song(20.0)
    assert compare(acoustic_of(whole[: RATE * 19]), acoustic_of(whole)) is None
    assert compare(acoustic_of(whole[: round(RATE * 19.7)]), acoustic_of(whole)) == pytest.approx(0, abs=0.02)


def test_the_last_seconds_count_too():
    one, other = song(20.0), song(20.0)
    other[-3 * RATE :] = song(3.0, seed=5)
    assert compare(acoustic_of(one), acoustic_of(other)) is None
