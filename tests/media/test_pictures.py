"""Stills and strips: the frames that a player shows, upright, in files that another program reads."""

from pathlib import Path

import av
import numpy as np
import pytest

from crossmodal.demo import make_clip
from crossmodal.errors import MediaError
from crossmodal.media import guard, open_video, pictures


def read(path: Path) -> np.ndarray:
    """(H, W, 3) of a JPEG, by the decoder."""
    with av.open(str(path)) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


def test_a_still_is_the_first_frame_at_the_shown_size(tmp_path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", seconds=1.0, size=(160, 90), seed=4)
    assert pictures.still(clip, tmp_path / "still.jpg") == (160, 90)
    with open_video(clip) as video:
        first = next(video.frames(1.0, (160, 90), bars=False)).pixels[0].transpose(1, 2, 0)
    assert np.abs(read(tmp_path / "still.jpg").astype(int) - first).mean() < 6


@pytest.mark.media
def test_a_turned_clip_has_an_upright_still(data_folder, tmp_path) -> None:
    clip = data_folder / "video" / "phone-rotated-90.mp4"
    assert guard.run(pictures.still, clip, tmp_path / "still.jpg") == (1080, 1920)
    assert read(tmp_path / "still.jpg").shape == (1280, 720, 3)


@pytest.mark.parametrize("draw", [pictures.strip, pictures.strip_of_key_frames])
def test_a_strip_has_a_cell_for_each_share_of_the_clip(tmp_path, draw) -> None:
    clip = make_clip(tmp_path / "clip.mp4", seconds=4.0, cuts=(2.0,), seed=1)
    assert draw(clip, tmp_path / "strip.jpg", 8, 40) == 8
    assert read(tmp_path / "strip.jpg").shape == (40, 320, 3)


def test_the_cells_of_a_strip_change_where_the_clip_is_cut(tmp_path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", seconds=4.0, cuts=(2.0,), seed=1)
    pictures.strip(clip, tmp_path / "strip.jpg", 8, 40)
    cells = read(tmp_path / "strip.jpg").reshape(40, 8, 40, 3).astype(float)
    steps = [np.abs(cells[:, k + 1] - cells[:, k]).mean() for k in range(7)]
    assert int(np.argmax(steps)) == 3


def test_a_clip_without_a_picture_is_refused_by_name(tmp_path) -> None:
    (tmp_path / "notes.mp4").write_text("no film " * 50)
    with pytest.raises(MediaError, match=r"notes\.mp4"):
        guard.run(pictures.still, tmp_path / "notes.mp4", tmp_path / "still.jpg")
    assert not (tmp_path / "still.jpg").exists()
