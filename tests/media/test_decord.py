"""decord behind the same door: where its frames are a player's, where they are not, and what it does without decord."""

import sys

import numpy as np
import pytest

from crossmodal.errors import ConfigError, MediaError
from crossmodal.media import open_video


def numbers(tools, path, **options) -> list[int]:
    options = {"rate": 25, "size": (64, 48), "bars": False, **options}
    with open_video(path, reader="decord") as video:
        return [n for batch in video.frames(**options) for n in tools.read_numbers(batch.pixels)]


@pytest.fixture
def decord():
    return pytest.importorskip("decord")


def test_frames_of_constant_rate_in_closed_groups_are_those_of_our_reader(decord, tools, tmp_path) -> None:
    film = tools.write_film(tmp_path / "constant.mp4", n_frames=75, options={"g": "12", "x264-params": "open-gop=0"})
    ours = tools.read_numbers(tools.all_frames(film.path, 25)[0])
    assert numbers(tools, film.path) == ours == list(range(75))
    assert numbers(tools, film.path, rate=8, start=0.5, end=2.0) == [
        tools.player(film.stamps, 0.5 + k / 8) for k in range(12)
    ]


def test_frames_of_variable_rate_are_right_by_their_stamps(decord, tools, tmp_path) -> None:
    stamps = [0, 0.04, 0.08, 0.5, 0.6, 0.62, 1.2, 1.24, 1.9]
    film = tools.write_film(tmp_path / "variable.mp4", stamps=stamps)
    times = np.arange(0, 1.9, 0.1)
    assert numbers(tools, film.path, rate=10)[: len(times)] == [tools.player(stamps, t) for t in times]


def test_the_whole_picture_stands_between_grey_bars_as_in_our_reader(decord, tools, tmp_path) -> None:
    film = tools.write_film(tmp_path / "bars.mp4", n_frames=5)
    shape = []
    for reader in ("pyav", "decord"):
        with open_video(film.path, reader=reader) as video:
            batch = next(video.frames(5, 80))
        shape.append((batch.pixels.shape, (batch.pixels == 128).all(axis=(0, 1, 3)).sum()))
    assert shape[0] == shape[1] == ((1, 3, 80, 80), 32)


@pytest.mark.media
def test_frames_of_a_transport_stream_are_not_a_players(decord, tools, data_folder) -> None:
    path = data_folder / "video" / "ts-start-10s.ts"
    pixels = tools.all_frames(path, 5)[0].astype(int)
    with open_video(path, reader="decord") as video:
        theirs = np.concatenate([b.pixels for b in video.frames(5, (64, 48), bars=False)]).astype(int)
    n = min(len(pixels), len(theirs))
    assert np.abs(pixels[:n] - theirs[:n]).mean() > 3


def test_a_transport_stream_is_not_read_as_a_player_shows_it(decord, tools, tmp_path) -> None:
    film = tools.write_film(tmp_path / "late.ts", stamps=[7 + k / 25 for k in range(75)], options={"g": "12"})
    ours = tools.read_numbers(tools.all_frames(film.path, 25)[0])
    assert ours == list(range(75))
    assert numbers(tools, film.path) != ours


def test_a_damaged_film_is_a_media_error(decord, tools, tmp_path) -> None:
    film = tools.write_film(tmp_path / "noise.mkv", n_frames=50)
    data = bytearray(film.path.read_bytes())
    data[600:] = bytes(len(data) - 600)
    film.path.write_bytes(data)
    with pytest.raises(MediaError):
        numbers(tools, film.path)


def test_without_the_package_one_line_says_what_to_install(tools, tmp_path, monkeypatch) -> None:
    film = tools.write_film(tmp_path / "film.mp4", n_frames=3)
    monkeypatch.setitem(sys.modules, "decord", None)
    with pytest.raises(ConfigError, match=r"crossmodal\[decord\]"):
        numbers(tools, film.path)
