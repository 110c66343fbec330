"""From Features to an Embedding: blocks, gaps, spans, silence, and the same bits every time."""

import copy
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from crossmodal.demo import make_clip, make_track
from crossmodal.embedding import Embedding
from crossmodal.errors import ModelError
from crossmodal.features import Features, Side
from crossmodal.model import TwoTowerModel
from crossmodal.model.embedding import BLOCK_ROWS

PARTS = ("vector", "segments", "times", "sequence", "seen")
FILM_GAPS = tuple((at, at + 30) for at in range(120, 1500, 150))


def same_bits(one: Embedding, other: Embedding) -> bool:
    return all(np.array_equal(getattr(one, part), getattr(other, part)) for part in PARTS)


@pytest.mark.parametrize("side", ["video", "audio"])
@pytest.mark.parametrize(
    ("rows", "gaps"),
    [(1, ()), (5, ()), (47, ()), (130, ()), (BLOCK_ROWS, ()), (BLOCK_ROWS + 1, ()), (2500, ()), (1500, FILM_GAPS)],
)
def test_blocks_give_what_one_pass_gives(
    model: TwoTowerModel, make_features: object, side: Side, rows: int, gaps: tuple[tuple[int, int], ...]
) -> None:
    features: Features = make_features(side, rows, gaps=gaps)  # type: ignore[operator]
    found = model.embed(features, side)
    with torch.no_grad():
        vector, sequence = getattr(model, side)(
            torch.from_numpy(features.values)[None], torch.from_numpy(features.seen)[None]
        )
    np.testing.assert_allclose(found.vector, vector[0], atol=1e-5)
    np.testing.assert_allclose(found.sequence, sequence[0], atol=1e-5)
    assert np.array_equal(found.seen, features.seen) and found.duration == features.duration


def test_segments_are_windows_of_twelve_seconds_every_six_and_the_last_ends_with_the_medium(
    model: TwoTowerModel, make_features: object
) -> None:
    features = make_features("audio", 433)  # type: ignore[operator]
    found = model.embed(features, "audio")
    np.testing.assert_allclose(found.times, [0, 6, 12, 18, 24, 30, 31.3], atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found.segments, axis=1), 1, atol=1e-5)
    assert len(model.embed(make_features("audio", 40), "audio").segments) == 1  # type: ignore[operator]


def test_a_medium_as_long_as_a_window_has_itself_as_segment(model: TwoTowerModel, make_features: object) -> None:
    found = model.embed(make_features("video", 120), "video")  # type: ignore[operator]
    assert found.times.tolist() == [0]
    np.testing.assert_allclose(found.segments[0], found.vector, atol=1e-6)


def test_windows_of_which_under_half_was_seen_have_no_vector(model: TwoTowerModel, make_features: object) -> None:
    found = model.embed(make_features("video", 600, gaps=((180, 420),)), "video")  # type: ignore[operator]
    np.testing.assert_allclose(found.times, [0, 6, 12, 36, 42, 48], atol=1e-5)  # 12 s: 6 of 12 seen; 18, 24, 30: less


def test_the_same_features_give_the_same_bits_alone_beside_others_and_from_threads(
    model: TwoTowerModel, make_features: object
) -> None:
    features = [make_features("audio", rows, seed=rows) for rows in (90, 1700, 333)]  # type: ignore[operator]
    alone = [model.embed(each, "audio") for each in features]
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with ThreadPoolExecutor(3) as pool:
            together = list(pool.map(lambda each: model.embed(each, "audio"), features * 3))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert all(same_bits(alone[at % 3], found) for at, found in enumerate(together))


def test_a_model_in_training_embeds_without_dropout_and_stays_in_training(
    model: TwoTowerModel, make_features: object
) -> None:
    features = make_features("video", 100)  # type: ignore[operator]
    expected = model.embed(features, "video")
    model.train()
    try:
        assert same_bits(model.embed(features, "video"), expected) and model.video.training
    finally:
        model.eval()


def test_silence_has_a_zero_vector_and_no_segments(model: TwoTowerModel, make_features: object) -> None:
    features = replace(make_features("audio", 200), silent=True)  # type: ignore[operator]
    found = model.embed(features, "audio")
    assert found.silent and not found.vector.any() and not found.sequence.any()
    assert found.segments.shape == (0, 128) and found.sequence.shape == (200, 8, 2)


def test_a_medium_of_which_nothing_was_seen_is_zero_but_not_silent(model: TwoTowerModel, make_features: object) -> None:
    found = model.embed(make_features("video", 50, gaps=((0, 50),)), "video")  # type: ignore[operator]
    assert not found.silent and not found.vector.any() and not found.seen.any()


def test_a_span_is_what_its_slice_would_be_by_itself(model: TwoTowerModel, make_features: object) -> None:
    features = make_features("audio", 500)  # type: ignore[operator]
    sliced = replace(features, values=features.values[123:380], seen=features.seen[123:380], duration=25.7)
    found = model.embed(features, "audio", start=12.3, end=38.0)
    assert same_bits(found, model.embed(sliced, "audio"))
    assert found.duration == pytest.approx(25.7) and found.times[0] == 0
    assert same_bits(model.embed(features, "audio", start=12.31, end=37.96), found)  # rounded to a hop
    assert len(model.embed(features, "audio", start=40).sequence) == 100
    assert model.embed(features, "audio", start=40, end=900).duration == pytest.approx(10)


@pytest.mark.parametrize(("start", "end"), [(60.0, None), (10.0, 10.0), (20.0, 10.0), (-1.0, 5.0)])
def test_a_span_without_a_row_is_refused(
    model: TwoTowerModel, make_features: object, start: float, end: float | None
) -> None:
    with pytest.raises(ModelError, match="holds nothing"):
        model.embed(make_features("video", 500), "video", start=start, end=end)  # type: ignore[operator]


def test_features_of_another_kind_are_refused_in_one_line(model: TwoTowerModel, make_features: object) -> None:
    with pytest.raises(ModelError, match="takes audio features of 48 channels") as caught:
        model.embed(make_features("video", 50), "audio")  # type: ignore[operator]
    assert "\n" not in str(caught.value)
    with pytest.raises(ModelError, match=r"every 0\.2 s"):
        model.embed(replace(make_features("video", 50), hop=0.2), "video")  # type: ignore[operator]


def test_made_media_are_embedded_by_the_models_own_encoders(model: TwoTowerModel, tmp_path: Path) -> None:
    clip, track = make_clip(tmp_path / "clip.mp4", seconds=2), make_track(tmp_path / "track.wav", seconds=3)
    video, audio = model.embed_video(clip), model.embed_audio(track)
    assert video.sequence.shape == (20, 8, 2) and audio.sequence.shape == (30, 8, 2)
    assert not audio.silent and np.linalg.norm(audio.vector) == pytest.approx(1, abs=1e-5)
    assert same_bits(model.embed_video(clip), video)
    assert len(model.embed_audio(track, start=1.0, end=2.5).sequence) == 15


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_another_device_agrees(model: TwoTowerModel, make_features: object) -> None:
    features = make_features("audio", 1500)  # type: ignore[operator]
    here, there = model.embed(features, "audio"), copy.deepcopy(model).cuda().embed(features, "audio")
    np.testing.assert_allclose(there.vector, here.vector, atol=1e-5)
    np.testing.assert_allclose(there.sequence, here.sequence, atol=1e-5)


@pytest.mark.media
def test_real_media_are_embedded(model: TwoTowerModel, data_folder: Path) -> None:
    clip = sorted((data_folder / "video").glob("*.mp4"))[0]
    track = sorted((data_folder / "music").rglob("*.ogg"))[0]
    for found in (model.embed_video(clip), model.embed_audio(track)):
        assert np.linalg.norm(found.vector) == pytest.approx(1, abs=1e-5)
        assert np.isfinite(found.sequence).all() and len(found.sequence) == pytest.approx(found.duration * 10, abs=1)
