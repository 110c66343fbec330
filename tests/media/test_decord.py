"""decord behind the same interface: where its frames are a player's, and where they are not."""

import builtins
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from crossmodal.errors import MediaError
from crossmodal.media import open_video

pytest.importorskip("decord")


def write_numbers(path: Path, stamps: list[int], **options: str) -> Path:
    """A clip whose frame k is of one grey, 8 k + 16, shown from stamps[k] / 50 s."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=50, options={"crf": "10", **options})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 50)
        for k, stamp in enumerate(stamps):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 8 * k + 16, np.uint8), format="rgb24")
            frame.pts, frame.time_base = stamp, Fraction(1, 50)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def numbers(path: Path, reader: str) -> list[int]:
    with open_video(path, reader=reader) as video:  # type: ignore[arg-type]
        batches = list(video.frames(rate=50, size=(16, 12), bars=False))
    return [round((float(frame.mean()) - 16) / 8) for batch in batches for frame in batch.pixels]


def test_frames_of_a_constant_rate_are_equal(tmp_path: Path) -> None:
    clip = write_numbers(tmp_path / "clip.mp4", list(range(25)), bf="0")
    assert numbers(clip, "decord") == numbers(clip, "pyav") == list(range(25))


def test_frames_of_a_variable_rate_are_equal_by_their_stamps(tmp_path: Path) -> None:
    stamps = [0, 1, 2, 10, 11, 30, 31, 32]
    clip = write_numbers(tmp_path / "clip.mp4", stamps, bf="0")
    ours = numbers(clip, "pyav")
    assert [ours[stamp] for stamp in stamps] == list(range(8))
    assert numbers(clip, "decord")[: len(ours) - 1] == ours[:-1]


def test_a_transport_stream_is_where_decord_is_wrong(tmp_path: Path) -> None:
    clip = write_numbers(tmp_path / "clip.ts", list(range(25)), g="10")
    assert numbers(clip, "pyav") == list(range(25))
    assert numbers(clip, "decord") != list(range(25))


def test_what_decord_cannot_read_is_one_error(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "clip.webm"), "w") as out:
        stream = out.add_stream("libsvtav1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(3):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")))
        out.mux(stream.encode(None))
    with (
        pytest.raises(MediaError, match="decord cannot read it"),
        open_video(tmp_path / "clip.webm", reader="decord"),
    ):
        pass


def test_without_decord_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: object) -> object:
        if name == "decord":
            raise ImportError(name)
        return real(name, *rest)  # type: ignore[arg-type]

    clip = write_numbers(tmp_path / "clip.mp4", [0, 1])
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MediaError, match=r"crossmodal\[decord\]"), open_video(clip, reader="decord"):
        pass
