"""The tiny clips and tracks that every other room's tests are made of."""

from pathlib import Path

import av
import numpy as np
import pytest

from crossmodal.demo import make_clip, make_track


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "ts", "webm", "avi", "gif"])
def test_clip_of_each_container_holds_all_its_frames(tmp_path: Path, suffix: str) -> None:
    path = make_clip(tmp_path / f"clip.{suffix}", seconds=0.8)
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == 20 and (frames[0].width, frames[0].height) == (160, 120)


@pytest.mark.parametrize("suffix", ["wav", "flac", "m4a", "mp3", "opus", "ogg"])
def test_track_of_each_container_has_its_length_and_can_be_heard(tmp_path: Path, suffix: str) -> None:
    path = make_track(tmp_path / f"track.{suffix}", seconds=1.5, tags={"title": "Small"})
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        assert {**container.metadata, **stream.metadata}.get("title", "Small") == "Small"
        blocks = [frame.to_ndarray() for frame in container.decode(stream)]
    scale = 32768.0 if blocks[0].dtype == np.int16 else 1.0
    samples = np.concatenate([block.reshape(1, -1) for block in blocks], axis=1) / scale
    assert samples.shape[1] / stream.rate == pytest.approx(1.5, abs=0.08)
    assert 0.02 < np.sqrt(np.mean(samples**2)) < 0.5


def test_clip_changes_most_at_its_cuts(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4", seconds=2, cuts=(0.6, 1.4), seed=3)
    with av.open(str(path)) as container:
        frames = np.stack([frame.to_ndarray(format="gray") for frame in container.decode(video=0)]).astype(float)
    change = np.abs(np.diff(frames, axis=0)).mean((1, 2))
    assert set(np.argsort(change)[-2:] + 1) == {15, 35}


def test_same_seed_gives_the_same_bytes_and_another_seed_other_bytes(tmp_path: Path) -> None:
    first, again, other = (make_clip(tmp_path / f"{n}.mp4", seconds=0.4, seed=n // 2) for n in (0, 1, 2))
    assert first.read_bytes() == again.read_bytes() != other.read_bytes()
    tracks = [make_track(tmp_path / f"{n}.m4a", seconds=0.4, seed=n // 2) for n in (0, 1, 2)]
    assert tracks[0].read_bytes() == tracks[1].read_bytes() != tracks[2].read_bytes()


def test_clip_with_sound_carries_a_soundtrack(tmp_path: Path) -> None:
    with av.open(str(make_clip(tmp_path / "clip.mp4", seconds=0.4, sound=True))) as container:
        assert len(container.streams.audio) == 1


def test_unknown_suffix_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no codec for the suffix '\.txt'"):
        make_track(tmp_path / "track.txt")
