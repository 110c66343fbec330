"""Films: scenes that move with the music, cut on its beats."""

import numpy as np
import pytest

from crossmodal.demo.music import Song, compose, play
from crossmodal.demo.pictures import Film, hear, plan_film
from crossmodal.demo.pictures.canvas import PALETTES, Canvas, Moment
from crossmodal.demo.pictures.scenes import SCENES

RATE = 24_000


def moment(phase: float, level: float, pulse: float = 0.0) -> Moment:
    return Moment(time=0, phase=phase, level=level, pulse=pulse, spark=pulse, light=0.5, beat=phase)


@pytest.fixture(scope="module")
def passage() -> tuple[Song, float, np.ndarray]:
    """A song, and six seconds of it across the seam from build to chorus."""
    song = compose((5, 6), style=3)
    chorus = next(section for section in song.sections if section.name == "chorus")
    start = chorus.start - 3
    return song, start, play(song, rate=RATE, channels=1, start=start, end=start + 6)[0]


@pytest.fixture(scope="module")
def film(passage: tuple[Song, float, np.ndarray]) -> Film:
    song, start, samples = passage
    return plan_film(song, start, samples, rate=RATE, seed=(1, 2))


@pytest.mark.parametrize("name", SCENES)
def test_scene_moves_with_its_phase_and_answers_the_stroke(name: str) -> None:
    canvas = Canvas.of((96, 54))
    scene = SCENES[name](canvas, PALETTES[0], np.random.default_rng(4))
    still = scene.draw(moment(1.2, 0.6)).copy()
    assert still.shape == (3, 54, 96) and still.dtype == np.float32
    assert np.isfinite(still).all() and still.min() > -0.2 and still.std() > 0.02
    assert np.allclose(scene.draw(moment(1.2, 0.6)), still), "a picture depends on its moment only"
    assert np.abs(scene.draw(moment(1.7, 0.6)) - still).mean() > 0.003
    assert np.abs(scene.draw(moment(1.2, 0.6, pulse=1)) - still).mean() > 0.002


@pytest.mark.parametrize("name", SCENES)
def test_scene_is_the_same_picture_at_every_size(name: str) -> None:
    small, large = (
        np.clip(SCENES[name](Canvas.of(size), PALETTES[9], np.random.default_rng(2)).draw(moment(2.3, 0.7, 0.3)), 0, 1)
        for size in ((96, 54), (288, 162))
    )
    shrunk = large.reshape(3, 54, 3, 96, 3).mean(axis=(2, 4))
    assert np.corrcoef(small.ravel(), shrunk.ravel())[0, 1] > 0.85


def test_film_has_a_frame_a_step_and_is_the_same_again(film: Film) -> None:
    frames = list(film.frames((64, 48)))
    assert len(frames) == 150 and frames[0].shape == (3, 48, 64) and frames[0].dtype == np.uint8
    assert all(np.array_equal(a, b) for a, b in zip(frames, film.frames((64, 48)), strict=True))


def test_cuts_lie_on_beats_and_one_on_the_seam(film: Film, passage: tuple[Song, float, np.ndarray]) -> None:
    song, start, _ = passage
    cuts = np.array(film.cuts) + start
    late = cuts - np.floor(cuts / song.beat + 1e-6) * song.beat
    assert len(cuts) and (late < 1 / 25 + 1e-6).all(), "a cut is the first frame of its beat"
    assert any(0 <= cut - (start + 3) < 1 / 25 + 1e-6 for cut in cuts)


def test_loud_music_moves_faster_than_quiet_music(passage: tuple[Song, float, np.ndarray]) -> None:
    song, start, samples = passage
    loud, quiet = (plan_film(song, start, gain * samples, rate=RATE, seed=(1, 2)) for gain in (1.0, 0.1))
    assert np.ptp(loud.phase) > 2 * np.ptp(quiet.phase)


def test_strokes_are_heard_at_their_frames_and_die_away() -> None:
    samples = np.zeros(4 * RATE)
    for second in (1, 2, 3):
        time = np.arange(RATE // 5) / RATE
        samples[second * RATE : second * RATE + len(time)] = np.sin(2 * np.pi * 60 * time) * np.exp(-20 * time)
    drive = hear(samples, RATE, 100, 25)
    peaks = [int(np.argmax(drive.pulse[at - 6 : at + 6])) + at - 6 for at in (25, 50, 75)]
    assert np.abs(np.array(peaks) - (25, 50, 75)).max() <= 1
    assert drive.pulse[40] < 0.2 * drive.pulse[peaks[0]]
    assert drive.level[:12].max() < 0.05 < drive.level[26]
