"""The frame at time t is the one that a player shows at t: numbers painted into the pictures say which one it was."""

from pathlib import Path

import av
import numpy as np
import psutil
import pytest

from crossmodal.errors import MediaError
from crossmodal.media import open_video

KINDS = [
    ("h264", ".mp4"),
    ("h264", ".mov"),
    ("h264", ".mkv"),
    ("h264", ".ts"),
    ("hevc", ".mp4"),
    ("hevc", ".mkv"),
    ("vp8", ".webm"),
    ("vp9", ".webm"),
    ("av1", ".mp4"),
    ("av1", ".webm"),
    ("mpeg4", ".avi"),
    ("mpeg4", ".mp4"),
    ("mjpeg", ".mov"),
    ("mjpeg", ".avi"),
    ("gif", ".gif"),
]
UNEVEN = [0.0, 0.04, 0.08, 0.2, 0.5, 0.51, 0.52, 0.9, 1.4, 1.433, 1.466, 2.0]


def expected(tools, film, times: np.ndarray) -> list[int]:
    return [tools.player([s - film.stamps[0] for s in film.stamps], t) for t in times]


@pytest.mark.parametrize(("codec", "suffix"), KINDS)
def test_every_kind_shows_the_painted_numbers(tools, tmp_path, codec, suffix):
    film = tools.write_film(tmp_path / f"film{suffix}", codec=codec, n_frames=20)
    pixels, times, pts, warnings = tools.all_frames(film.path)
    assert tools.read_numbers(pixels) == list(range(20))
    np.testing.assert_allclose(times, np.arange(20) / 25)
    np.testing.assert_allclose(pts, film.stamps, atol=1.1e-3)  # Matroska and GIF round to 1 ms
    assert warnings == []


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("rate", [8, 25, 60])
def test_uneven_frame_times_follow_the_rule_of_a_player(tools, tmp_path, suffix, rate):
    film = tools.write_film(tmp_path / f"film{suffix}", stamps=UNEVEN)
    pixels, times, pts, _ = tools.all_frames(film.path, rate=rate)
    assert tools.read_numbers(pixels) == expected(tools, film, times)
    assert (pts <= times + 1e-3).all()


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_a_film_whose_stamps_start_at_five_seconds_starts_at_zero(tools, tmp_path, suffix):
    film = tools.write_film(tmp_path / f"film{suffix}", stamps=[5 + i / 25 for i in range(20)])
    pixels, _times, pts, _ = tools.all_frames(film.path)
    assert tools.read_numbers(pixels) == list(range(20))
    assert pts[0] == pytest.approx(0, abs=1e-3)


def test_an_edit_list_hides_the_frames_before_the_cut(tools, tmp_path):
    film = tools.write_film(tmp_path / "whole.mp4", n_frames=60, options={"g": "20", "bf": "0"})
    cut = tmp_path / "cut.mp4"
    tools.run_ffmpeg("-ss", "1.0", "-i", film.path, "-c", "copy", cut)
    pixels, _times, _, _ = tools.all_frames(cut)
    assert tools.read_numbers(pixels) == list(range(25, 60))


@pytest.mark.parametrize(
    ("codec", "suffix", "options"),
    [
        ("h264", ".mp4", {"g": "50", "bf": "3"}),
        ("h264", ".mkv", {"g": "30", "bf": "3", "x264-params": "open-gop=1:scenecut=0:bframes=3"}),
        ("h264", ".ts", {"g": "30", "bf": "2"}),
        ("hevc", ".mp4", {"x265-params": "log-level=none:keyint=30:open-gop=1:bframes=3:pools=none"}),
        ("vp9", ".webm", {"g": "40"}),
        ("mpeg4", ".avi", {"g": "24"}),  # AVI has no stamps for B-frames
    ],
)
@pytest.mark.parametrize("start", [1.0, 2.6, 5.23, 7.5])
def test_a_part_is_the_same_as_that_part_of_the_whole(tools, tmp_path_factory, codec, suffix, options, start):
    path = tmp_path_factory.getbasetemp() / f"parts-{codec}{suffix}"
    if not path.exists():
        tools.write_film(path, codec=codec, n_frames=210, options=options)
    pixels, times, _pts, _ = tools.all_frames(path, rate=25, start=start, end=start + 0.6)
    assert tools.read_numbers(pixels) == [int(t * 25 + 1e-6) for t in times]
    np.testing.assert_allclose(times, start + np.arange(15) / 25)


def test_windows_that_begin_on_a_key_frame_keep_to_the_grid_and_never_overlap(tools, tmp_path):
    film = tools.write_film(tmp_path / "film.mp4", n_frames=250, options={"g": "50", "x264-params": "scenecut=0"})
    seen: list[float] = []
    with open_video(film.path) as video:
        assert video.key_frame_times().tolist() == pytest.approx([0, 2, 4, 6, 8])
        for start in (0.0, 1.0, 4.5, 7.0):
            part = list(video.frames(25, (64, 48), start, start + 1.5, bars=False, from_key_frame=True))
            times = np.concatenate([b.times for b in part])
            numbers = tools.read_numbers(np.concatenate([b.pixels for b in part]))
            assert numbers == np.round(times * 25).astype(int).tolist()
            assert times[0] <= start + 1e-9 or times[0] == pytest.approx(seen[-1] + 0.04)
            seen += times.tolist()
    assert np.diff(seen).min() > 0.039
    assert 4.0 in np.round(seen, 6)  # the window asked for at 4.5 begins on its key frame


def test_a_key_frame_far_before_a_window_is_not_its_beginning(tools, tmp_path):
    film = tools.write_film(tmp_path / "film.mp4", stamps=[i / 4 for i in range(120)], options={"g": "1000"})
    with open_video(film.path) as video:
        batches = list(video.frames(4, (64, 48), 20.0, 22.0, bars=False, from_key_frame=True))
    assert np.concatenate([b.times for b in batches]).tolist() == [20 + i / 4 for i in range(8)]
    assert tools.read_numbers(np.concatenate([b.pixels for b in batches])) == list(range(80, 88))


def test_warnings_are_of_the_last_reading_and_do_not_add_up(tools, tmp_path):
    film = tools.write_film(tmp_path / "film.mkv", n_frames=75)
    data = film.path.read_bytes()
    with open_video(data[: int(len(data) * 0.6)]) as video:
        lines = [(list(video.frames(25, 16)), video.warnings)[1] for _ in range(2)]
    assert lines[0] == lines[1] != []


def test_numbers_stay_right_when_the_film_is_asked_for_twice_and_by_two_readers_at_once(tools, tmp_path):
    film = tools.write_film(tmp_path / "film.mp4", n_frames=80)
    with film.path.open("rb") as handle, open_video(handle) as one, open_video(handle) as two:
        for _ in range(2):
            pairs = zip(one.frames(25, (64, 48), bars=False), two.frames(25, (64, 48), bars=False), strict=True)
            numbers = [tools.read_numbers(a.pixels) + tools.read_numbers(b.pixels) for a, b in pairs]
            assert sorted(n for few in numbers for n in few) == sorted(2 * list(range(80)))


def test_bytes_a_file_object_and_a_path_give_the_same_frames(tools, tmp_path):
    path = tools.write_film(tmp_path / "film.mkv", n_frames=10).path
    with path.open("rb") as handle:
        results = [tools.all_frames(source)[0] for source in (path, str(path), path.read_bytes(), handle)]
    assert all((pixels == results[0]).all() for pixels in results)


# The corners of a picture as it is coded: red, green / blue, white.
CORNERS = {(-1, -1): (200, 0, 0), (1, -1): (0, 180, 0), (-1, 1): (0, 0, 200), (1, 1): (220, 220, 220)}


def corners_picture(_: int) -> np.ndarray:
    pixels = np.zeros((64, 96, 3), np.uint8)
    for (x, y), colour in CORNERS.items():
        pixels[:32, :, :][..., :48, :] = pixels[:32, :48] if (x, y) != (-1, -1) else colour
        rows, columns = slice(0, 32) if y < 0 else slice(32, 64), slice(0, 48) if x < 0 else slice(48, 96)
        pixels[rows, columns] = colour
    return pixels


@pytest.mark.parametrize("turn", [(1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0)])
@pytest.mark.parametrize("mirrored", [False, True])
def test_the_display_matrix_turns_and_mirrors_the_picture(tools, tmp_path, turn, mirrored):
    a, b, c, d = turn
    if mirrored:  # left and right change places before the turn
        a, b = -a, -b
    one = 1 << 16
    matrix = [a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30]
    film = tools.write_film(
        tmp_path / "film.mp4",
        n_frames=3,
        size=(96, 64),
        picture=corners_picture,
        prepare=lambda stream: stream.set_display_matrix(matrix),
    )
    with open_video(film.path) as video:
        shown = (64, 96) if a == 0 else (96, 64)
        assert (video.info.video.width, video.info.video.height) == shown
        assert video.info.video.mirrored == mirrored
        assert video.info.video.rotation == {(1, 0): 0, (0, 1): 90, (-1, 0): 180, (0, -1): 270}[turn[:2]]
        pixels = next(video.frames(25, shown, bars=False)).pixels[0]
    width, height = shown
    for (x, y), colour in CORNERS.items():
        # Where the definition of the matrix puts the corner: x' = a x + c y, y' = b x + d y.
        to_x, to_y = a * x + c * y, b * x + d * y
        column, row = width // 4 if to_x < 0 else 3 * width // 4, height // 4 if to_y < 0 else 3 * height // 4
        np.testing.assert_allclose(pixels[:, row, column], colour, atol=25)


def test_pixels_are_square_and_the_rest_is_grey_bars(tools, tmp_path):
    def wide(stream) -> None:
        stream.sample_aspect_ratio = av.rational.AVRational(2, 1) if hasattr(av, "rational") else 2

    film = tools.write_film(
        tmp_path / "film.mkv",
        n_frames=3,
        size=(64, 64),
        picture=lambda _: np.full((64, 64, 3), 255, np.uint8),
        prepare=wide,
    )
    with open_video(film.path) as video:
        assert (video.info.video.width, video.info.video.height) == (128, 64)
        pixels = next(video.frames(25, 100)).pixels[0]
    assert pixels.shape == (3, 100, 100)
    assert (pixels[:, :25] == 128).all() and (pixels[:, 75:] == 128).all() and (pixels[:, 25:75] > 240).all()


@pytest.mark.parametrize("size", [(2, 2), (3, 5), (16, 1024), (161, 121)])
def test_odd_and_extreme_sizes_fit_whole_into_any_frame(tools, tmp_path, size):
    path, codec = (tmp_path / "film.mkv", "mpeg4") if size == (16, 1024) else (tmp_path / "film.webm", "vp9")
    white = lambda _: np.full((size[1], size[0], 3), 255, np.uint8)  # noqa: E731
    tools.write_film(path, codec=codec, n_frames=2, size=size, picture=white)
    with open_video(path) as video:
        pixels = next(video.frames(25, (64, 48))).pixels
    assert pixels.shape == (2, 3, 48, 64) and (pixels > 240).any()


def test_the_last_picture_lasts_until_the_end_of_the_sound(tools, tmp_path):
    film = tools.write_film(tmp_path / "film.mp4", n_frames=25, sound=tools.click(2.0, 0.5))
    pixels, times, _pts, _ = tools.all_frames(film.path)
    with open_video(film.path) as video:
        list(video.frames(25, 16))
        assert video.duration == pytest.approx(2.0, abs=0.05)
    assert len(times) == pytest.approx(50, abs=1)
    assert tools.read_numbers(pixels)[24:] == [24] * (len(times) - 24)


def test_a_header_that_says_ten_hours_is_only_a_hint(tools, tmp_path):
    film = tools.write_film(tmp_path / "film.mp4", n_frames=25)
    data = bytearray(film.path.read_bytes())
    at = data.index(b"mvhd")
    scale = int.from_bytes(data[at + 16 : at + 20], "big")
    data[at + 20 : at + 24] = (36_000 * scale).to_bytes(4, "big")
    with open_video(bytes(data)) as video:
        n_frames = sum(len(batch.times) for batch in video.frames(25, 16))
        assert n_frames == 25 and video.duration == pytest.approx(1.0)


def test_a_film_whose_stamps_stand_still_runs_at_its_usual_rate(tools, tmp_path):
    film = tools.write_film(tmp_path / "film.mp4", n_frames=25, options={"bf": "0"})
    data = bytearray(film.path.read_bytes())
    at = data.index(b"stts") + 8
    for entry in range(int.from_bytes(data[at : at + 4], "big")):
        data[at + 8 + 8 * entry : at + 12 + 8 * entry] = bytes(4)  # the step of each run of frames
    for atom, place in ((b"mdhd", 20), (b"mvhd", 20), (b"tkhd", 24)):
        data[data.index(atom) + place : data.index(atom) + place + 4] = bytes(4)  # the lengths
    with open_video(bytes(data)) as video:
        n_frames = sum(len(batch.times) for batch in video.frames(25, 16))
        assert n_frames == 25 and 0.9 < video.duration < 1.1
        assert any("stand still" in line for line in video.warnings)


def test_a_jump_of_an_hour_is_closed_and_said(tools, tmp_path):
    film = tools.write_film(tmp_path / "film.mp4", stamps=[i / 25 + 3600 * (i >= 20) for i in range(40)])
    pixels, _, _, warnings = tools.all_frames(film.path)
    assert tools.read_numbers(pixels) == list(range(40))
    assert any("jump" in line for line in warnings)
    with open_video(film.path) as video:
        assert video.duration == pytest.approx(1.6, abs=0.1)  # what windows are laid over


def test_a_long_still_is_kept(tools, tmp_path):
    film = tools.write_film(tmp_path / "film.mp4", stamps=[0.0, 0.04, 90.0, 90.04], options={"bf": "0"})
    pixels, _times, _, warnings = tools.all_frames(film.path, rate=1)
    assert tools.read_numbers(pixels) == [0] + [1] * 89 + [2] and warnings == []


def test_a_damaged_packet_costs_its_frames_and_not_the_film(tools, tmp_path):
    film = tools.write_film(tmp_path / "film.mp4", n_frames=60, options={"g": "10", "bf": "0"})
    data = bytearray(film.path.read_bytes())
    with av.open(str(film.path)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    for at, n_bytes in places[32:35]:
        data[at + 4 : at + n_bytes] = bytes(255 - b for b in data[at + 4 : at + n_bytes])
    pixels, times, _, warnings = tools.all_frames(bytes(data))
    numbers = tools.read_numbers(pixels)
    assert len(times) == 60 and any("damaged" in line for line in warnings)
    assert numbers[:32] == list(range(32)) and numbers[40:] == list(range(40, 60))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_a_cut_film_gives_what_is_there_and_says_where_it_stops(tools, tmp_path, suffix):
    codec = "vp8" if suffix == ".webm" else "h264"
    options = {"movflags": "faststart"} if suffix == ".mp4" else {}
    film = tools.write_film(tmp_path / f"film{suffix}", codec=codec, n_frames=75, container_options=options)
    data = film.path.read_bytes()
    _pixels, times, _, warnings = tools.all_frames(data[: int(len(data) * 0.6)])
    assert 10 < len(times) < 70
    assert any("stops after" in line for line in warnings)


def test_the_default_stream_is_used_and_the_other_named(tools, tmp_path):
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("mpeg4", rate=25) for _ in range(2)]
        for stream, disposition in zip(streams, (0, 1), strict=True):
            stream.width, stream.height, stream.pix_fmt, stream.disposition = 160, 96, "yuv420p", disposition
        for i in range(5):
            for which, stream in enumerate(streams):
                frame = av.VideoFrame.from_ndarray(tools.paint(100 * which + i), format="rgb24")
                frame.pts = i
                container.mux(stream.encode(frame.reformat(format="yuv420p")))
        for stream in streams:
            container.mux(stream.encode(None))
    pixels, _, _, warnings = tools.all_frames(path)
    assert tools.read_numbers(pixels) == [100, 101, 102, 103, 104]
    assert "picture stream 1 (mpeg4) is used; not used: 0 (mpeg4)" in warnings


@pytest.mark.parametrize(("curve", "white"), [(16, 0.58), (18, 0.75)])  # PQ and HLG at 203 nits, BT.2408
def test_hdr_is_toned_to_the_range_of_a_screen(tools, tmp_path, curve, white):
    levels = [white, 0.30, 0.0, 1.0]

    def picture(_: int) -> np.ndarray:
        return np.repeat(np.repeat([[int(65535 * v) for v in levels]], 24, axis=1), 64, axis=0)[..., None].repeat(3, 2)

    def tag(stream) -> None:
        stream.codec_context.color_trc, stream.codec_context.color_primaries = curve, 9
        stream.codec_context.colorspace, stream.codec_context.color_range = 9, 1

    film = tools.write_film(
        tmp_path / "hdr.mp4",
        n_frames=2,
        size=(96, 64),
        picture=lambda i: picture(i).astype(np.uint16),
        pixel_format="yuv420p10le",
        prepare=tag,
    )
    with open_video(film.path) as video:
        assert video.info.video.is_hdr
        pixels = next(video.frames(25, (96, 64))).pixels[0]
    seen = [int(pixels[:, 32, 24 * i + 12].mean()) for i in range(4)]
    assert 225 < seen[0] < 245  # diffuse white; untoned it would be 0.58 or 0.75 of 255
    assert 45 < seen[1] < 100 and seen[2] < 4 and seen[3] > 250
    assert np.ptp(pixels[:, 32, 12].astype(int)) < 6  # grey stays grey


def test_a_film_of_many_frames_takes_no_more_memory_than_a_short_one(tools, tmp_path):
    short = tools.write_film(tmp_path / "short.avi", codec="mpeg4", n_frames=50, size=(320, 240))
    long = tools.write_film(tmp_path / "long.avi", codec="mpeg4", n_frames=1500, size=(320, 240))
    tools_process = psutil.Process()

    def rss_after(path: Path) -> int:
        with open_video(path) as video:
            n_frames = sum(len(batch.times) for batch in video.frames(25, (320, 240)))
        assert n_frames in (50, 1500)
        return tools_process.memory_info().rss

    before = rss_after(short.path)
    assert rss_after(long.path) - before < 40 * 2**20  # all frames at once would be 345 MB


def test_nonsense_is_asked_for(tools, tmp_path):
    film = tools.write_film(tmp_path / "film.mp4", n_frames=3)
    with open_video(film.path) as video:
        for rate, size, start in ((0, 10, 0), (25, 0, 0), (25, (4, -1), 0), (float("nan"), 10, 0), (25, 10, -1)):
            with pytest.raises(ValueError, match="must be positive"):
                video.frames(rate, size, start)
        assert list(video.frames(25, 10, start=100.0)) == []


def test_sound_alone_has_no_picture(tools, tmp_path):
    path = tools.write_sound(tmp_path / "sound.m4a", tools.click(1.0, 0.5))
    with pytest.raises(MediaError) as caught, open_video(path):
        pass
    assert caught.value.kind == "no_video" and "sound.m4a" in str(caught.value)
