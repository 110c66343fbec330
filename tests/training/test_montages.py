"""Montages drawn straight into curves: the same from the same seed, cut where planned, judged with other footage."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from crossmodal.encoders import VIDEO_CHANNELS
from crossmodal.features import Encoder, Features, FeatureStore, Source
from training.data.footage import JUDGING_CLIPS, TRAINING_CLIPS, Footage, texture
from training.data.listening import RATE, listen
from training.data.montages import SECONDS, Music, Recipe, curves_of, draw_montages, hear, join, render
from training.data.rules import FRAME_RATE, Plan, Shot

BARRED = {
    "h264-mp3-in-mp4.mp4", "made-fragmented.mp4", "made-h264-high10.mkv", "made-h264-start-7s.mkv",
    "made-hevc-8bit.mp4",
    "made-mjpeg-anamorphic.mov", "made-mpeg4-bframes.avi", "made-theora-vorbis.ogv", "made-vp9-odd-321x181.webm",
    "made-h264-1080p30-60s.mp4", "vp8-720p24.webm",
}  # fmt: skip
"""README-video: these show films of `real` val."""


@pytest.fixture(scope="module")
def music() -> list[Music]:
    """Two pieces of 14 s whose loudness swells."""
    pieces = []
    for k in range(2):
        time = np.arange(14 * RATE) / RATE
        samples = (0.3 + 0.25 * np.sin(2 * np.pi * 0.2 * time + k)) * np.random.default_rng(k).normal(0, 0.3, len(time))
        rows = np.random.default_rng(k).normal(size=(140, 48)).astype(np.float32)
        audio = Features(rows, np.ones(140, bool), 0.1, 14.0, False)
        pieces.append(Music(f"piece-{k}", "made", audio, partial(np.asarray, samples.astype(np.float32))))
    return pieces


def plan(**changes: object) -> Plan:
    steady = np.ones(50)
    settings = {
        "shots": (Shot(0, 20, 0, 0.0), Shot(20, 50, 1, 0.0)),
        "speed": steady,
        "gain": steady,
        "warmth": steady,
        "flash": np.zeros(50),
        "blend": False,
    }
    return Plan(**(settings | changes))


def plain(colour: tuple[int, int, int]) -> Footage:
    return Footage("plain", np.full((30, 48, 64, 3), colour, np.uint8), 25.0)


def test_the_same_seed_draws_the_same_and_another_one_does_not(music: list[Music], tmp_path: Path) -> None:
    footage = [texture(k, seconds=2) for k in range(3)]

    def drawn(store: str, seed: int) -> list[np.ndarray]:
        recipe = Recipe(lambda rng: {"speed": 0.9}, name="test", seed=seed)
        with FeatureStore(tmp_path / store) as features_store:
            return [pair.video.values for pair in draw_montages(recipe, music, footage, 2, features_store)]

    first, again, stored, other = drawn("a.db", 1), drawn("b.db", 1), drawn("a.db", 1), drawn("a.db", 2)
    assert all(np.array_equal(a, b) and np.array_equal(a, c) for a, b, c in zip(first, again, stored, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_a_montage_names_its_music_and_where_it_begins(music: list[Music], tmp_path: Path) -> None:
    recipe = Recipe(lambda rng: {"cuts": 0.9}, name="test")
    with FeatureStore(tmp_path / "s.db") as store:
        pairs = list(draw_montages(recipe, music, [texture(0, seconds=2), texture(1, seconds=2)], 5, store))
    assert [p.music_id for p in pairs[:2]] != [p.music_id for p in pairs[1:3]]
    for pair in pairs:
        assert len(pair.video.values) == 120
        assert 0 <= pair.start <= 14 - SECONDS
        assert pair.start * 10 == pytest.approx(round(pair.start * 10))


def test_a_montage_lasts_as_long_as_its_recipe_says(music: list[Music], tmp_path: Path) -> None:
    recipe = Recipe(lambda rng: {"cuts": 0.9}, name="test", seconds=20.0)
    with FeatureStore(tmp_path / "s.db") as store:
        (pair,) = draw_montages(recipe, [join(music), *music], [texture(0, seconds=2), texture(1, seconds=2)], 1, store)
    assert len(pair.video.values) == 200 and pair.music_id == "piece-0+piece-1"


def test_joined_music_sounds_as_its_features_say(music: list[Music]) -> None:
    whole = join(music)
    assert whole.audio.duration == pytest.approx(28.0) and len(whole.samples()) == 28 * RATE
    assert np.array_equal(whole.samples()[14 * RATE :], music[1].samples())
    assert np.array_equal(whole.audio.values[140:], music[1].audio.values)


def test_speed_coupled_to_loudness_moves_the_picture_with_it(music: list[Music], tmp_path: Path) -> None:
    recipe = Recipe(lambda rng: {"speed": 1.0}, name="test")
    drifting = [texture(k, seconds=4) for k in range(40)]
    steady = sorted(drifting, key=lambda f: f.liveliness)[-4:]
    found = []
    with FeatureStore(tmp_path / "s.db") as store:
        for pair in draw_montages(recipe, music, steady, 4, store):
            motion = pair.video.values[:, VIDEO_CHANNELS.index("motion")]
            piece = next(m for m in music if m.name == pair.music_id)
            loud = (
                listen(piece.samples())
                .span(pair.start, SECONDS)
                .loudness[: 5 * len(motion)]
                .reshape(len(motion), 5)
                .mean(1)
            )
            found.append(np.corrcoef(motion, loud)[0, 1])
    assert np.mean(found) > 0.4


def test_a_plan_is_shown_frame_by_frame() -> None:
    gain, flash = np.ones(50), np.zeros(50)
    gain[30:], flash[10] = 0.5, 1.0
    frames = render(plan(gain=gain, flash=flash), [plain((200, 100, 50)), plain((20, 40, 60))])
    assert frames.shape == (50, 3, 48, 64) and frames.dtype == np.uint8
    assert frames[0, :, 0, 0].tolist() == [200, 100, 50]
    assert frames[10].min() == 255
    assert frames[20, :, 0, 0].tolist() == [20, 40, 60]
    assert frames[40, :, 0, 0].tolist() == [10, 20, 30]


def test_warmth_lifts_red_against_blue() -> None:
    frames = render(plan(warmth=np.full(50, 1.25)), [plain((100, 100, 100)), plain((100, 100, 100))])
    assert frames[0, :, 0, 0].tolist() == [125, 100, 80]


def test_footage_runs_to_and_fro_at_its_own_rate() -> None:
    footage = Footage(
        "ramp", np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((5, 48, 64, 3), np.uint8), 10.0
    )
    assert [footage.index(k / 10 + 0.01) for k in range(10)] == [0, 1, 2, 3, 4, 3, 2, 1, 0, 1]


def test_a_cut_shows_in_the_curves_where_it_was_planned() -> None:
    frames = render(plan(), [plain((250, 20, 20)), plain((10, 10, 200))])
    cut = curves_of(frames).values[:, VIDEO_CHANNELS.index("cut_max")]
    assert int(cut.argmax()) == int(20 / FRAME_RATE / 0.1)


def test_textures_differ_and_move() -> None:
    drawn = [texture(k, seconds=2) for k in range(8)]
    assert all(f.liveliness > 0.2 for f in drawn)
    assert len({f.frames.tobytes() for f in drawn}) == 8
    assert np.array_equal(texture(3, seconds=2).frames, drawn[3].frames)


def test_no_barred_clip_is_footage_and_none_judges_what_it_trained() -> None:
    trained = {name for names in TRAINING_CLIPS.values() for name in names}
    assert not BARRED & trained and not BARRED & set(JUDGING_CLIPS) and not trained & set(JUDGING_CLIPS)


@pytest.mark.media
def test_every_footage_clip_exists(data_folder: Path) -> None:
    names = {name for names in TRAINING_CLIPS.values() for name in names} | set(JUDGING_CLIPS)
    assert all((data_folder / "video" / name).is_file() for name in names)


def test_files_of_one_name_in_two_sources_are_two_pieces(music: list[Music], tmp_path: Path) -> None:
    """The library has two files `music004`: by the file's name alone one was cut by the other's beats."""

    class Store(FeatureStore):
        def features(self, encoder: Encoder, source: Source) -> Features:
            return music[0].audio

    with Store(tmp_path / "s.db") as store:
        names = {hear(tmp_path / source / "music004.ogg", source, store).name for source in ("one", "other")}
    assert len(names) == 2
