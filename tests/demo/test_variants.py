"""Sets that depart from the demo library: other bands, other scenes, nuisance."""

from pathlib import Path

import av
import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from crossmodal.demo import write_demo
from crossmodal.demo.music import compose, play
from crossmodal.demo.music.bands import styles_led_by, styles_without, timbre_family
from crossmodal.demo.music.styles import STYLES
from crossmodal.demo.nuisance import Nuisance, flickering, talk_over, wandering
from crossmodal.demo.pictures import plan_film
from crossmodal.demo.pictures.scenes import FAMILIES, SCENES
from crossmodal.demo.variants import Variant

RATE = 24_000
STRUCK = timbre_family("partials")


def test_band_without_a_timbre_family_never_plays_it() -> None:
    styles = styles_without(STRUCK)
    assert 10 <= len(styles) < len(STYLES)
    for index, style in enumerate(styles):
        assert not set(compose((9, index), style=style).voices.values()) & STRUCK


def test_band_led_by_a_timbre_family_plays_it_in_two_parts_and_more() -> None:
    styles = styles_led_by(STRUCK)
    assert len(styles) >= 5
    for index, style in enumerate(styles):
        voices = compose((9, index), style=style).voices.values()
        assert sum(voice in STRUCK for voice in voices) >= 2


def test_families_of_scenes_share_none_and_leave_none_out() -> None:
    assert sorted(name for family in FAMILIES.values() for name in family) == sorted(SCENES)
    assert min(len(family) for family in FAMILIES.values()) >= 3


def test_film_shows_its_scenes_only_and_nuisance_moves_no_cut() -> None:
    song = compose((5, 6), style=3)
    samples = play(song, rate=RATE, channels=1, start=20, end=28)[0]
    clean, disturbed = (
        plan_film(song, 20, samples, rate=RATE, seed=(1, 2), scenes=FAMILIES["flows"], nuisance=nuisance)
        for nuisance in (Nuisance(), Nuisance(wander=1.5, flicker=0.1))
    )
    assert {shot.scene for shot in disturbed.shots} <= set(FAMILIES["flows"])
    assert disturbed.shots == clean.shots and np.array_equal(disturbed.flash, clean.flash)
    speeds = [np.log(np.diff(film.phase)) for film in (clean, disturbed)]
    assert np.corrcoef(*speeds)[0, 1] < 0.9 and speeds[1].std() > speeds[0].std()


def test_random_courses_have_the_strength_that_was_asked_for() -> None:
    for course in (wandering(50_000, 25, 1.5, (1,)), flickering(50_000, 25, 1.5, (1,))):
        assert np.log(course).std() == pytest.approx(1.5, rel=0.15)
        assert abs(np.log(course).mean()) < 0.2


def test_talk_is_as_loud_as_asked_hides_the_loudness_and_leaves_the_treble() -> None:
    music = play(compose((5, 5), style=3), rate=RATE, channels=2, end=30) / 4  # quiet: nothing for the limiter to do
    heard = talk_over(music, RATE, 2.5, (3,))
    assert heard.shape == music.shape and heard.std() == pytest.approx(music.std(), rel=0.1)
    assert (heard * np.hypot(1, 2.5) - music).std() == pytest.approx(2.5 * music.std(), rel=0.05)
    treble = butter(4, 4000, "highpass", fs=RATE, output="sos")
    whole = [_levels(side[0]) for side in (music, heard)]
    bright = [_levels(sosfilt(treble, side[0])) for side in (music, heard)]
    assert np.corrcoef(*whole)[0, 1] < 0.7 < 0.9 < np.corrcoef(*bright)[0, 1]


def _levels(samples: np.ndarray) -> np.ndarray:
    """(T,) decibels, ten a second."""
    return 20 * np.log10(samples[: 30 * RATE].reshape(-1, RATE // 10).std(axis=1) + 1e-6)


def test_variant_says_how_large_files_are_and_who_plays(tmp_path: Path) -> None:
    variant = Variant(
        styles=styles_without(STRUCK),
        scenes=FAMILIES["places"],
        nuisance=Nuisance(wander=1, talk=1),
        drawn_size=(64, 48),
        clip_size=(64, 48),
        track_rate=RATE,
        channels=1,
        suffixes=("flac",),
    )
    (row,) = write_demo(tmp_path, pairs=1, seed=3, variant=variant, workers=1).rows
    with av.open(str(tmp_path / row["audio"])) as container:
        sound = container.streams.audio[0]
        assert (sound.rate, sound.channels, Path(row["audio"]).suffix) == (RATE, 1, ".flac")
    with av.open(str(tmp_path / row["video"])) as container:
        picture = container.streams.video[0]
        assert (picture.width, picture.height) == (64, 48)
