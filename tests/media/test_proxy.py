"""Proxies: what no browser plays becomes what each plays, on the same clock."""

from pathlib import Path

import av
import numpy as np
import pytest

from crossmodal.demo import make_clip
from crossmodal.media import VideoStream, guard, open_audio, open_video, probe, proxy
from crossmodal.media.info import MediaInfo


def times_of(path: Path) -> np.ndarray:
    with open_video(path) as video:
        return np.array([time for time, _ in video.shown()])


def _blocks(path: Path):
    with open_audio(path) as sound:
        yield from sound.blocks()


@pytest.mark.parametrize("suffix", ["avi", "mkv"])
def test_a_proxy_shows_the_clips_frames_at_their_times_with_its_sound(tmp_path, suffix) -> None:
    clip = make_clip(tmp_path / f"clip.{suffix}", seconds=2.0, sound=True, seed=3)
    proxy.proxy(clip, tmp_path / "growing.mp4", tmp_path / "proxy.mp4")
    for made in ("growing.mp4", "proxy.mp4"):
        np.testing.assert_allclose(times_of(tmp_path / made), times_of(clip), atol=0.002)
    with open_audio(tmp_path / "proxy.mp4") as sound:
        assert sum(block.samples.shape[1] for block in sound.blocks()) / 24_000 == pytest.approx(2.0, abs=0.1)
    one, other = (np.concatenate([b.samples[0] for b in _blocks(path)]) for path in (clip, tmp_path / "proxy.mp4"))
    lags = [float(np.dot(one[5000:20000], other[5000 + lag : 20000 + lag])) for lag in range(-600, 601)]
    assert abs(int(np.argmax(lags)) - 600) / 24_000 < 0.002
    info = probe(tmp_path / "proxy.mp4")
    assert proxy.playable_type(info) == "video/mp4" and info.video is not None and info.video.codec == "h264"


def test_a_proxy_of_a_silent_clip_is_silent_and_even(tmp_path) -> None:
    clip = make_clip(tmp_path / "clip.gif", seconds=1.0, size=(150, 110))
    proxy.proxy(clip, tmp_path / "growing.mp4", tmp_path / "proxy.mp4")
    with av.open(str(tmp_path / "proxy.mp4")) as made:
        assert not made.streams.audio and made.streams.video[0].width % 2 == 0


def test_a_growing_proxy_can_be_read_before_it_is_whole(tmp_path) -> None:
    clip = make_clip(tmp_path / "clip.avi", seconds=6.0, seed=5)
    proxy.proxy(clip, tmp_path / "growing.mp4", tmp_path / "proxy.mp4")
    data = (tmp_path / "growing.mp4").read_bytes()
    (tmp_path / "part.mp4").write_bytes(data[: 2 * len(data) // 3])
    assert 10 < len(times_of(tmp_path / "part.mp4")) < 150


@pytest.mark.parametrize(
    ("container", "codec", "pixels", "kind"),
    [
        ("mov", "h264", "yuv420p", "video/mp4"),
        ("matroska", "libdav1d", "yuv420p10le", "video/webm"),
        ("matroska", "vp9", "yuv420p", "video/webm"),
        ("mov", "hevc", "yuv420p", None),
        ("mov", "h264", "yuv420p10le", None),
        ("mov", "h264", "yuv422p", None),
        ("mpegts", "h264", "yuv420p", None),
        ("avi", "mpeg4", "yuv420p", None),
    ],
)
def test_only_what_browsers_play_is_played_as_it_is(container: str, codec: str, pixels: str, kind: str | None) -> None:
    stream = VideoStream(0, codec, 640, 360, 640, 360, pixel_format=pixels)
    assert proxy.playable_type(MediaInfo("clip", 1, container, 2.0, video=stream)) == kind


@pytest.mark.media
@pytest.mark.parametrize("name", ["made-hevc-8bit.mp4", "iphone-rotated.mov"])
def test_a_real_clip_becomes_an_upright_proxy(data_folder, tmp_path, name: str) -> None:
    clip = data_folder / "video" / name
    limits = guard.Limits(60.0, 2 << 30)
    guard.run(proxy.proxy, clip, tmp_path / "growing.mp4", tmp_path / "proxy.mp4", limits=limits)
    before, after = probe(clip).video, probe(tmp_path / "proxy.mp4").video
    assert before is not None and after is not None
    assert (after.width, after.height, after.rotation) == (before.width, before.height, 0)
    np.testing.assert_allclose(times_of(tmp_path / "proxy.mp4"), times_of(clip), atol=0.002)
