"""The clip with music under it: picture and music together from the first to the last second, in every kind of clip."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from crossmodal.errors import MediaError
from crossmodal.media import guard, mux, open_audio, open_video

RATE = 48_000


def write_flashes(
    path: Path, seconds: float = 6.0, codec: str = "libx264", rate: int = 25, zero: float = 0.0, **options: str
) -> Path:
    """A dark clip that is white for 0.12 s at every whole second, its sound a tone for as long."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, rate)
        sound = out.add_stream("aac" if path.suffix != ".webm" else "libopus", rate=RATE, layout="mono")
        for k in range(round(seconds * rate)):
            level = 235 if (k / rate) % 1 < 0.12 else 20
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), level, np.uint8), format="rgb24")
            frame.pts, frame.time_base = k + round(zero * rate), Fraction(1, rate)
            out.mux(stream.encode(frame))
            t = (k * RATE // rate + np.arange(RATE // rate)) / RATE
            tone = (0.5 * np.sin(2 * np.pi * 440 * t)).astype(np.float32)[None]
            block = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            block.sample_rate, block.pts, block.time_base = (
                RATE,
                k * RATE // rate + round(zero * RATE),
                Fraction(1, RATE),
            )
            out.mux(sound.encode(block))
        out.mux(stream.encode(None))
        out.mux(sound.encode(None))
    return path


def write_clicks(path: Path, seconds: float, offset: float = 0.0, level: float = 0.8) -> Path:
    """Silence with a 2 kHz click of 20 ms at every whole second plus `offset`."""
    t = np.arange(int(seconds * RATE)) / RATE
    wave = np.where((t - offset) % 1 < 0.02, level * np.sin(2 * np.pi * 2000 * t), 0).astype(np.float32)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("flac", rate=RATE, layout="mono")
        samples = np.ascontiguousarray((wave * 32767).astype(np.int16)[None])
        for at in range(0, samples.shape[1], 4096):
            frame = av.AudioFrame.from_ndarray(samples[:, at : at + 4096], format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE, at
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def onsets(wave: np.ndarray, rate: float, level: float) -> np.ndarray:
    """Seconds at which |wave| first exceeds `level` after 0.3 s below it."""
    at = np.flatnonzero(np.abs(wave) > level) / rate
    return at[np.diff(at, prepend=-1.0) > 0.3]


def sound_of(path: Path) -> np.ndarray:
    with open_audio(path) as audio:
        return np.concatenate([block.samples[0] for block in audio.blocks(RATE)])


def flashes_of(path: Path) -> np.ndarray:
    with open_video(path) as video:
        shown = [(time, float(frame.to_ndarray(format="gray").mean())) for time, frame in video.shown()]
    times, light = np.array(shown).T
    return times[(light > 128) & (np.concatenate([[0], light[:-1]]) < 128)]


def codec_of(path: Path) -> tuple[str, bytes]:
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        return video.codec_context.name, next(bytes(p) for p in container.demux(video) if p.size)[-200:]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("copied.mp4", {}),
        ("copied.mkv", {}),
        ("late.ts", {"zero": 7.0}),
        ("vp9.webm", {"codec": "libvpx-vp9"}),
        ("mpeg4.avi", {"codec": "mpeg4"}),
        ("hevc.mp4", {"codec": "libx265"}),
    ],
)
def test_picture_and_music_keep_one_clock_from_the_first_to_the_last_second(
    tmp_path: Path, name: str, options: dict
) -> None:
    clip = write_flashes(tmp_path / name, **options)
    track = write_clicks(tmp_path / "track.flac", 12, offset=0.25)
    out = mux.preview(clip, track, tmp_path / "out.mp4", start=1.25)
    # The picture keeps the clip's own clock, and the music begins at its 0:00.
    assert np.abs(flashes_of(out) - flashes_of(clip)).max() <= 0.005
    assert np.abs(onsets(sound_of(out), RATE, 0.2)[:6] - np.arange(6)).max() <= 0.005
    assert list(tmp_path.glob(".*")) == []


def test_plain_h264_is_copied_and_other_pictures_are_encoded(tmp_path: Path) -> None:
    track = write_clicks(tmp_path / "track.flac", 8)
    clip = write_flashes(tmp_path / "clip.mp4", seconds=2)
    assert codec_of(mux.preview(clip, track, tmp_path / "a.mp4", start=0)) == codec_of(clip)
    clip = write_flashes(tmp_path / "clip.avi", seconds=2, codec="mpeg4")
    assert codec_of(mux.preview(clip, track, tmp_path / "b.mp4", start=0))[0] == "h264"


@pytest.mark.parametrize(("own_sound", "low", "high"), [("off", 0, 1e-3), ("low", 0.07, 0.11), ("full", 0.4, 0.6)])
def test_the_clips_own_sound_is_off_low_or_full(tmp_path: Path, own_sound, low: float, high: float) -> None:
    clip = write_flashes(tmp_path / "clip.mp4", seconds=3)
    track = write_clicks(tmp_path / "track.flac", 6, level=0.0)
    wave = sound_of(mux.preview(clip, track, tmp_path / "out.mp4", start=0, own_sound=own_sound))
    assert low <= np.abs(wave[60_000:80_000]).max() <= high


def test_a_short_track_starts_again_over_a_crossfade(tmp_path: Path) -> None:
    clip = write_flashes(tmp_path / "clip.mp4", seconds=6)
    track = write_clicks(tmp_path / "track.flac", 2.5, offset=0.1)
    clicks = onsets(sound_of(mux.preview(clip, track, tmp_path / "out.mp4", start=0)), RATE, 0.05)
    # 2.5 s with a quarter of it (0.625 s) faded: the second round begins at 1.875 s, the third at 3.75 s.
    expected = [0.1, 1.1, 1.975, 2.1, 2.975, 3.85, 3.975, 4.85, 5.725]
    assert all(np.abs(clicks - time).min() < 0.02 for time in expected if time not in (2.1, 3.975))


def test_a_track_that_ends_within_the_clip_after_more_than_four_seconds_starts_again(tmp_path: Path) -> None:
    clip = write_flashes(tmp_path / "clip.mp4", seconds=8)
    track = write_clicks(tmp_path / "track.flac", 5.5, offset=0.1)
    clicks = onsets(sound_of(mux.preview(clip, track, tmp_path / "out.mp4", start=0)), RATE, 0.05)
    # The last second of 5.5 s is the crossfade: the second round begins at 4.5 s.
    assert all(np.abs(clicks - time).min() < 0.02 for time in (0.1, 1.1, 2.1, 3.1, 4.1, 5.6, 6.6, 7.6))


def test_the_music_is_brought_to_one_loudness_without_lifting_a_peak(tmp_path: Path) -> None:
    assert mux.gain_db(-8.0, -0.2) == -10.0
    assert mux.gain_db(-30.0, -4.0) == 3.0
    assert mux.gain_db(-30.0, -0.5) == 0.0
    assert mux.gain_db(float("nan"), -3.0) == mux.gain_db(float("-inf"), float("-inf")) == 0.0
    clip = write_flashes(tmp_path / "clip.mp4", seconds=2)
    track = write_clicks(tmp_path / "track.flac", 4, offset=0.5, level=0.8)
    wave = sound_of(mux.preview(clip, track, tmp_path / "out.mp4", start=0, gain=-6.0))
    assert abs(np.abs(wave).max() - 0.4) < 0.05


def test_frame_times_of_a_variable_rate_survive(tmp_path: Path) -> None:
    stamps = [0, 3, 4, 20, 21, 22, 50, 75, 76, 100]
    for name, codec in (("clip.mp4", "libx264"), ("clip.mkv", "mpeg4")):
        with av.open(str(tmp_path / name), "w") as out:
            stream = out.add_stream(codec, rate=50)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            stream.codec_context.time_base = Fraction(1, 50)
            for stamp in stamps:
                frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), stamp, np.uint8), format="rgb24")
                frame.pts, frame.time_base = stamp, Fraction(1, 50)
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
        out_path = mux.preview(tmp_path / name, write_clicks(tmp_path / "t.flac", 4), tmp_path / "out.mp4", start=0)
        with open_video(out_path) as video:
            assert np.allclose([time for time, _ in video.shown()], np.array(stamps) / 50, atol=0.003)


def test_trouble_leaves_nothing_behind_and_crosses_the_guard(tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_text("notes")
    with pytest.raises(MediaError) as raised:
        guard.run(mux.preview, tmp_path / "notes.mp4", "no-track.mp3", tmp_path / "out.mp4", start=0.0)
    assert raised.value.file == "notes.mp4" and [p.name for p in tmp_path.iterdir()] == ["notes.mp4"]
    clip = write_flashes(tmp_path / "clip.mp4", seconds=1)
    with pytest.raises(MediaError, match=r"no-track\.mp3"):
        guard.run(mux.preview, clip, "no-track.mp3", tmp_path / "out.mp4", start=0.0)
    assert not (tmp_path / "out.mp4").exists() and not list(tmp_path.glob(".*"))


@pytest.mark.media
@pytest.mark.parametrize(
    "name", ["phone-rotated-90.mp4", "made-mjpeg-anamorphic.mov", "ts-start-10s.ts", "editlist.mp4"]
)
def test_real_clips_come_out_upright_whole_and_square(data_folder: Path, tmp_path: Path, name: str) -> None:
    clip = data_folder / "video" / name
    track = next((data_folder / "music").rglob("*.ogg"))
    out = mux.preview(clip, track, tmp_path / "out.mp4", start=0)
    with open_video(clip) as before, open_video(out) as after:
        old, new = ([time for time, _ in reader.shown()] for reader in (before, after))
        shape = (before.info.video.width / before.info.video.height, after.info.video.width / after.info.video.height)
        assert len(new) == len(old) and np.allclose(np.array(new) - new[0], np.array(old) - old[0], atol=0.005)
        assert abs(new[0] - old[0]) < 0.01 and abs(shape[0] / shape[1] - 1) < 0.02
