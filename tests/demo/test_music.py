"""Songs: composed by rule, the same from the same seed, at one loudness."""

import numpy as np
import pyloudnorm
import pytest

from crossmodal.demo.music import Song, compose, play
from crossmodal.demo.music.styles import STYLES
from crossmodal.demo.music.theory import SCALES, chord_pitches, frequency_hz, voicing

RATE = 24_000


@pytest.fixture(scope="module")
def house() -> tuple[Song, np.ndarray]:
    """A song with a beat, and its sound."""
    song = compose((5, 5), style=3)
    return song, play(song, rate=RATE, channels=2)


@pytest.mark.parametrize("style", range(len(STYLES)), ids=[style.name for style in STYLES])
def test_song_of_each_style_is_whole_bars_of_its_own_scale(style: int) -> None:
    song = compose((1, style), style=style)
    assert 60 <= song.sections[-1].end <= 100
    assert [s.end for s in song.sections[:-1]] == pytest.approx([s.start for s in song.sections[1:]])
    assert len(song.energy) == round(song.sections[-1].end / song.bar)
    assert max(song.energy) - min(song.energy) > 0.4, "a song has quiet and loud sections"
    scale = {(song.tonic + step) % 12 for step in SCALES[song.mode]}
    assert {note.pitch % 12 for note in song.notes} <= scale
    assert all(0 <= note.time < song.duration and note.length > 0 for note in song.notes)


def test_same_seed_gives_the_same_samples_and_another_seed_other_samples() -> None:
    first, again, other = (play(compose((2, n)), rate=RATE, channels=1, end=8) for n in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_song_has_sixteen_lufs_and_no_clipped_peak(house: tuple[Song, np.ndarray]) -> None:
    _, samples = house
    assert pyloudnorm.Meter(RATE).integrated_loudness(samples.T.astype(float)) == pytest.approx(-16, abs=0.7)
    assert np.abs(samples).max() <= 0.85
    assert np.isfinite(samples).all() and abs(float(samples.mean())) < 1e-3


def test_beat_that_is_heard_is_the_beat_of_the_score(house: tuple[Song, np.ndarray]) -> None:
    song, samples = house
    chorus = next(section for section in song.sections if section.name == "chorus")
    low = samples[0, int(chorus.start * RATE) : int(chorus.end * RATE)]
    envelope = np.sqrt((low[: len(low) // 240 * 240].reshape(-1, 240) ** 2).mean(axis=1))  # 100 a second
    onsets = np.maximum(np.diff(envelope), 0)
    onsets -= onsets.mean()
    power = np.correlate(onsets, onsets, "full")[len(onsets) - 1 :]
    beat = song.beat * 100
    on, off = (power[round(beat * k)] for k in (1, 1.37))
    assert on > 3 * abs(off)


@pytest.mark.parametrize("start", [20.0, 30.0, 45.0])
def test_passage_sounds_like_the_same_stretch_of_the_whole_song(house: tuple[Song, np.ndarray], start: float) -> None:
    song, _ = house
    whole = play(song, rate=RATE, channels=1)[0]
    passage = play(song, rate=RATE, channels=1, start=start, end=start + 6)[0]
    stretch = whole[int(start) * RATE : int(start + 6) * RATE]
    assert passage.shape == stretch.shape
    assert np.corrcoef(passage, stretch)[0, 1] > 0.995  # but for what rang on for longer than the lead-in
    assert abs(20 * np.log10(passage.std() / stretch.std())) < 2


def test_loud_sections_are_louder_than_quiet_ones(house: tuple[Song, np.ndarray]) -> None:
    song, samples = house
    level = {s.name: samples[:, int(s.start * RATE) : int(s.end * RATE)].std() for s in song.sections}
    assert level["chorus"] > 1.5 * level["break"]


def test_chords_are_stacked_thirds_and_voices_lie_near_their_centre() -> None:
    assert chord_pitches(60, "major", 1, 3) == (60, 64, 67)
    assert chord_pitches(57, "minor", 6, 4) == (65, 69, 72, 76)
    assert voicing((60, 64, 67), 60) == (55, 60, 64)
    assert frequency_hz(69) == 440.0
