"""CurvesEncoder on media as they come: made here by PyAV, and real ones."""

import io
import struct
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from crossmodal.demo import make_clip, make_track
from crossmodal.encoders import AUDIO_CHANNELS, ENCODERS, VIDEO_CHANNELS, CurvesEncoder, make_encoder
from crossmodal.encoders.encoder import audio_features, video_features
from crossmodal.errors import ConfigError, MediaError
from crossmodal.features import FeatureStore


def write_wav(path: Path, samples: np.ndarray, rate: int = 24_000) -> Path:
    """16-bit mono, by hand."""
    data = np.round(samples * 32_767).astype("<i2").tobytes()
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16,
                       b"data", len(data))  # fmt: skip
    path.write_bytes(head + data)
    return path


def write_film(path: Path, seconds: int, rate: int = 5, gop: int = 10) -> Path:
    """Tiny grey film in Matroska whose light rises by one level a second."""
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("mpeg4", rate=rate, options={"g": str(gop)})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(seconds * rate):
            picture = np.full((48, 64, 3), number // rate % 256, np.uint8)
            picture[:, number % 64] = 255
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def state_duration(path: Path, seconds: float) -> None:
    """Write another duration into the header of a Matroska file (element 4489, a float64 of milliseconds)."""
    data = bytearray(path.read_bytes())
    at = data.index(b"\x44\x89\x88") + 3
    data[at : at + 8] = struct.pack(">d", seconds * 1000)
    path.write_bytes(data)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", seconds=2.0, cuts=(0.96,), sound=True)


@pytest.fixture(scope="module")
def long_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("film") / "long.mkv", 800)


class TestContract:
    @pytest.mark.parametrize("name", ENCODERS)
    @pytest.mark.parametrize("side", ["video", "audio"])
    def test_an_encoder_gives_what_it_declares(self, clip, name, side):
        encoder = make_encoder(name, side)
        features = encoder.features(clip)
        assert features.values.shape == (20, encoder.channels) and features.hop == encoder.hop == 0.1
        assert features.duration == pytest.approx(2.0, abs=0.06) and features.seen.all() and not features.silent
        assert np.isfinite(features.values).all()
        assert (features.values.astype(np.float16).astype(np.float32) == features.values).all()
        assert encoder.side == side and side in encoder.fingerprint

    @pytest.mark.parametrize("side", ["video", "audio"])
    def test_path_text_bytes_and_file_give_the_same_bits(self, clip, side):
        encoder = CurvesEncoder(side)
        first = encoder.features(clip)
        for source in (str(clip), clip.read_bytes(), io.BytesIO(clip.read_bytes())):
            again = encoder.features(source)
            assert again.values.tobytes() == first.values.tobytes() and again.duration == first.duration

    def test_this_process_and_the_child_agree_to_the_bit(self, clip):
        assert video_features(clip).values.tobytes() == CurvesEncoder("video").features(clip).values.tobytes()
        assert audio_features(clip).values.tobytes() == CurvesEncoder("audio").features(clip).values.tobytes()

    def test_an_unknown_name_is_answered_with_the_nearest(self):
        with pytest.raises(ConfigError, match=r"'curvs'.*'curves'"):
            make_encoder("curvs", "video")
        with pytest.raises(ValueError, match="side"):
            CurvesEncoder("picture")  # type: ignore[arg-type]

    def test_encoders_load_no_torch(self):
        code = "import sys, crossmodal.encoders; print('torch' in sys.modules)"
        shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        assert shown.strip() == "False"


class TestVideo:
    def test_a_cut_is_where_it_was_made(self, clip):
        cut = CurvesEncoder("video").features(clip).values[:, VIDEO_CHANNELS.index("cut_max")]
        assert cut.argmax() == 9

    def test_the_picture_is_stretched_without_bars(self, tmp_path):
        path = make_clip(tmp_path / "tall.mp4", seconds=0.4, size=(48, 160))
        luma = video_features(path).values[:, [VIDEO_CHANNELS.index(f"luma_1{i}") for i in range(3)]]
        with av.open(str(path)) as container:
            frame = next(container.decode(video=0)).reformat(3, 3, "gray", interpolation="AREA").to_ndarray()
        np.testing.assert_allclose(luma[0], frame[1] / 255, atol=0.06)

    def test_one_frame_is_a_film(self, tmp_path):
        features = CurvesEncoder("video").features(make_clip(tmp_path / "one.mp4", seconds=0.04))
        assert features.values.shape == (1, 37) and features.seen.all() and features.duration > 0

    def test_sound_alone_is_no_video(self, tmp_path):
        with pytest.raises(MediaError) as caught:
            CurvesEncoder("video").features(make_track(tmp_path / "a.wav", seconds=0.5))
        assert caught.value.kind == "no_video"

    def test_a_long_film_is_seen_in_forty_windows(self, long_film):
        features = video_features(long_film)
        values, seen = features.values, features.seen
        assert len(values) == pytest.approx(8000, abs=2) and features.duration == pytest.approx(800, abs=0.3)
        assert seen[0] and seen[-1] and 0.55 < seen.mean() < 0.65  # 480 of 800 s
        assert not values[~seen].any()
        luma = values[:, VIDEO_CHANNELS.index("luma")]
        rows = np.flatnonzero(seen & (np.arange(len(seen)) % 10 > 1) & (np.arange(len(seen)) % 10 < 8))
        np.testing.assert_allclose(luma[rows] * 255, (rows // 10) % 256, atol=7)  # windows lie where they say

    def test_a_film_at_the_limit_is_seen_whole(self, tmp_path):
        features = video_features(write_film(tmp_path / "ten.mkv", 599, rate=2, gop=50))
        assert features.seen.all() and len(features.values) == pytest.approx(5990, abs=5)

    def test_a_header_that_says_ten_hours_costs_nothing(self, tmp_path):
        path = write_film(tmp_path / "short.mkv", 4)
        state_duration(path, 36_000)
        features = CurvesEncoder("video").features(path)
        assert len(features.values) == 40 and features.seen.all() and features.duration == pytest.approx(4.0, abs=0.01)

    def test_a_long_film_whose_header_says_little_is_still_seen_in_windows(self, long_film, tmp_path):
        path = tmp_path / "modest.mkv"
        path.write_bytes(long_film.read_bytes())
        state_duration(path, 3.0)
        features = video_features(path)
        assert features.duration == pytest.approx(800, abs=0.3) and 0.5 < features.seen.mean() < 0.7


class TestAudio:
    def test_level_and_loudness_are_those_of_the_file(self, tmp_path):
        tone = 0.25 * np.sin(2 * np.pi * 997 * np.arange(72_000) / 24_000)
        features = CurvesEncoder("audio").features(write_wav(tmp_path / "tone.wav", tone))
        rms = features.values[1:29, AUDIO_CHANNELS.index("log_rms")]
        np.testing.assert_allclose(rms, 20 * np.log10(0.25 / np.sqrt(2)), atol=0.05)
        assert features.peak_dbfs == pytest.approx(-12.04, abs=0.05)
        assert features.loudness_lufs == pytest.approx(-15.05, abs=0.15)  # BS.1770: a 997 Hz sine at 0 dBFS is -3.01

    def test_silence_is_silent_and_has_no_loudness(self, tmp_path):
        features = CurvesEncoder("audio").features(write_wav(tmp_path / "silence.wav", np.zeros(24_000)))
        assert features.silent and np.isnan(features.loudness_lufs) and np.isnan(features.peak_dbfs)
        assert len(features.values) == 10 and np.isfinite(features.values).all()

    def test_a_tenth_of_a_second_is_a_sound(self, tmp_path):
        features = CurvesEncoder("audio").features(write_wav(tmp_path / "short.wav", np.full(2400, 0.1)))
        assert features.values.shape == (1, 48) and not features.silent and np.isfinite(features.values).all()

    def test_a_silent_film_has_no_audio(self, tmp_path):
        with pytest.raises(MediaError) as caught:
            CurvesEncoder("audio").features(make_clip(tmp_path / "mute.mp4", seconds=0.4))
        assert caught.value.kind == "no_audio"

    def test_warnings_of_the_reader_come_along(self, tmp_path):
        path = write_wav(tmp_path / "cut.wav", 0.1 * np.random.default_rng(0).uniform(-1, 1, 48_000))
        with av.open(str(tmp_path / "cut.flac"), "w") as container, av.open(str(path)) as source:
            stream = container.add_stream("flac", rate=24_000, layout="mono")
            for frame in source.decode(audio=0):
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        whole = (tmp_path / "cut.flac").read_bytes()
        features = CurvesEncoder("audio").features(whole[: len(whole) * 6 // 10])
        assert features.warnings and all(isinstance(line, str) for line in features.warnings)


class TestWithStore:
    def test_a_renamed_copy_is_not_decoded_again(self, clip, tmp_path):
        with FeatureStore(tmp_path / "f.db") as store:
            first = store.features(CurvesEncoder("video"), clip)
            copy = tmp_path / "copy.mp4"
            copy.write_bytes(clip.read_bytes())
            again = store.features(Refusing("video"), copy)
            assert again.values.tobytes() == first.values.tobytes() and again.warnings == first.warnings

    def test_the_two_sides_of_one_file_are_kept_apart(self, clip, tmp_path):
        with FeatureStore(tmp_path / "f.db") as store:
            for _ in range(2):
                assert store.features(CurvesEncoder("video"), clip).values.shape == (20, 37)
                assert store.features(CurvesEncoder("audio"), clip).values.shape == (20, 48)

    @pytest.mark.media
    def test_a_second_of_music_takes_about_a_kilobyte(self, data_folder, tmp_path):
        track = sorted((data_folder / "music_train").glob("*.*"))[0]
        with FeatureStore(tmp_path / "f.db") as store:
            features = store.features(CurvesEncoder("audio"), track)
        assert (tmp_path / "f.db").stat().st_size < 30_000 + 1024 * features.duration


class Refusing(CurvesEncoder):
    def features(self, source):
        raise AssertionError("decoded again")


@pytest.mark.media
class TestRealMedia:
    def test_motion_follows_loudness_in_visualisers_and_not_when_shifted(self, data_folder):
        own, shifted = [], []
        for path in sorted((data_folder / "visual" / "val").glob("*.mp4"))[:12]:
            motion = video_features(path).values[:, VIDEO_CHANNELS.index("motion_rms")]
            rms = audio_features(path).values[:, AUDIO_CHANNELS.index("rms")]
            own.append(np.corrcoef(motion[:120], rms[:120])[0, 1])
            shifted.append(np.corrcoef(motion[:120], np.roll(rms[:120], 50))[0, 1])
        assert np.mean(own) > 0.3 and np.mean(own) > np.mean(shifted) + 0.25

    def test_every_kind_of_film_gives_curves(self, data_folder):
        for name in ("phone-rotated-90.mp4", "msvideo1-vorbis.mkv", "cinepak-silent.avi", "animated-odd-height.gif"):
            features = video_features(data_folder / "video" / name)
            assert np.isfinite(features.values).all() and features.seen.all(), name
