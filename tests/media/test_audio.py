"""A sample stands where its time stamp says: clicks at known seconds say where it came out."""

import itertools
import math
from fractions import Fraction

import av
import numpy as np
import pytest

from crossmodal.errors import MediaError
from crossmodal.media import open_audio

CLICKS = (0.25, 1.0, 1.7)


def check_clicks(tools, samples: np.ndarray, at=CLICKS, within: float = 0.003) -> None:
    for time in at:
        assert tools.onset(samples, after=time - 0.1) == pytest.approx(time, abs=within)


@pytest.mark.parametrize(
    ("suffix", "rate"),
    [*itertools.product([".wav", ".flac", ".mp3", ".ogg", ".m4a"], [44_100, 48_000]), (".opus", 48_000)],
)
def test_every_kind_keeps_its_clicks_in_place(tools, tmp_path, suffix, rate):
    sound = np.repeat(tools.click(2.0, CLICKS, rate), 2, axis=0)  # the vorbis encoder knows stereo only
    path = tools.write_sound(tmp_path / f"sound{suffix}", sound, rate)
    samples, warnings = tools.all_samples(path)
    check_clicks(tools, samples[0])
    assert samples.shape[1] / 24_000 == pytest.approx(2.0, abs=0.06) and warnings == []


@pytest.mark.parametrize("suffix", [".mp3", ".m4a", ".opus"])
def test_encoder_delay_is_removed_as_the_ffmpeg_program_removes_it(tools, tmp_path, suffix):
    path = tools.write_sound(tmp_path / f"sound{suffix}", tools.click(2.0, CLICKS))
    samples, _ = tools.all_samples(path, rate=48_000)
    other = np.frombuffer(tools.run_ffmpeg("-i", path, "-f", "f32le", "-ar", "48000", "-ac", "1", "-"), np.float32)
    n = min(len(other), samples.shape[1]) - 4800
    shifts = range(-40, 41)
    agree = [float(np.dot(samples[0, 4800:n], other[4800 + s : n + s])) for s in shifts]
    assert abs(shifts[int(np.argmax(agree))]) <= 1


@pytest.mark.parametrize("kind", ["rf64", "wav"])
def test_wav_of_more_than_4_gb_kind_and_of_the_usual_kind_hold_the_same_sound(tools, tmp_path, kind):
    options = {"rf64": "always"} if kind == "rf64" else {}
    path = tools.write_sound(tmp_path / "sound.wav", tools.click(2.0, CLICKS), options=options)
    assert path.read_bytes()[:4] == (b"RF64" if kind == "rf64" else b"RIFF")
    check_clicks(tools, tools.all_samples(path)[0][0])


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".ts", ".webm"])
@pytest.mark.parametrize("sound_start", [0.0, 0.6])
def test_flash_and_beep_of_a_film_stand_at_one_second(tools, tmp_path, suffix, sound_start):
    flash = lambda i: np.full((96, 160, 3), 255 if i == 30 else 20, np.uint8)  # noqa: E731
    film = tools.write_film(
        tmp_path / f"film{suffix}",
        codec="vp8" if suffix == ".webm" else "h264",
        n_frames=60,
        picture=flash,
        sound=tools.click(2.4 - sound_start, 1.2 - sound_start),
        sound_start=sound_start,
    )
    pixels, times, _, _ = tools.all_frames(film.path)
    samples, _ = tools.all_samples(film.path)
    flash_time = times[pixels.mean(axis=(1, 2, 3)).argmax()]
    assert tools.onset(samples[0], after=flash_time - 0.3) == pytest.approx(flash_time, abs=0.04)


def test_sound_that_starts_late_stays_late(tools, tmp_path):
    film = tools.write_film(tmp_path / "film.mkv", n_frames=50, sound=tools.click(1.0, 0.5), sound_start=1.0)
    samples, _ = tools.all_samples(film.path)
    assert np.abs(samples[0, :23_000]).max() == 0
    check_clicks(tools, samples[0], at=[1.5], within=0.005)


def write_holed(path, samples: np.ndarray, holes: list[tuple[float, float]], rate: int = 48_000):
    """PCM in Matroska, without the packets that lie in a hole."""
    with av.open(str(path), "w", format="matroska") as container:
        track = container.add_stream("pcm_s16le", rate=rate)
        track.layout = "mono"
        for at in range(0, samples.shape[1], 480):
            time = at / rate
            if any(first <= time < last for first, last in holes):
                continue
            frame = av.AudioFrame.from_ndarray(samples[:, at : at + 480], format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
            (frame,) = av.AudioResampler(format="s16").resample(frame)
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return path


def test_a_hole_becomes_silence_and_is_said(tools, tmp_path):
    path = write_holed(tmp_path / "holed.mkv", tools.click(3.0, [0.5, 2.5]), [(1.0, 1.8)])
    samples, warnings = tools.all_samples(path)
    check_clicks(tools, samples[0], at=[0.5, 2.5])
    assert np.abs(samples[0, 24_240:42_900]).max() < 1e-4
    assert samples.shape[1] / 24_000 == pytest.approx(3.0, abs=0.01)
    assert warnings == ["1 holes in the sound were filled with silence"]


def test_a_jump_of_an_hour_is_closed(tools, tmp_path):
    with av.open(str(tmp_path / "jump.mkv"), "w", format="matroska") as container:
        track = container.add_stream("flac", rate=48_000)
        track.layout = "mono"
        samples = tools.click(2.0, CLICKS)
        for at in [*range(0, samples.shape[1], 4800), None]:
            frame = None
            if at is not None:
                frame = av.AudioFrame.from_ndarray(samples[:, at : at + 4800], format="fltp", layout="mono")
                frame.sample_rate, frame.pts, frame.time_base = 48_000, at, Fraction(1, 48_000)
            for packet in track.encode(frame):
                packet.pts = packet.dts = packet.pts + (3600 * 48_000 if packet.pts >= 48_000 else 0)
                container.mux(packet)
    samples, warnings = tools.all_samples(tmp_path / "jump.mkv")
    assert samples.shape[1] / 24_000 == pytest.approx(2.0, abs=0.3)
    assert any("jump" in line for line in warnings)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 8.0])
def test_what_is_no_sample_never_gets_through(tools, tmp_path, bad):
    samples = tools.click(1.0, 0.5)
    samples[0, 1000:1100] = bad
    path = tools.write_sound(tmp_path / "sound.wav", samples, codec="pcm_f32le")
    out, warnings = tools.all_samples(path, rate=48_000)
    assert np.isfinite(out).all() and np.abs(out).max() <= 1
    assert any("100 samples" in line for line in warnings)


class Recorder:
    def __init__(self) -> None:
        self.parts: list[np.ndarray] = []
        self.rates: set[int] = set()

    def add(self, samples: np.ndarray, rate: int) -> None:
        self.parts.append(samples.copy())
        self.rates.add(rate)


def test_a_meter_hears_the_sound_as_it_was_decoded(tools, tmp_path):
    stereo = np.concatenate([tools.click(2.5, 0.5), 3.0 * tools.click(2.5, 1.0)])
    path = tools.write_sound(tmp_path / "sound.wav", stereo, codec="pcm_f32le")
    recorder = Recorder()
    tools.all_samples(path, meter=recorder)
    np.testing.assert_array_equal(np.concatenate(recorder.parts, axis=1), stereo)
    assert recorder.rates == {48_000}


def noise(seconds: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (0.1 * rng.standard_normal(round(seconds * 48_000))).astype(np.float32)


def test_a_side_turned_over_does_not_silence_the_other(tools, tmp_path):
    left = noise(4.0, 1)
    path = tools.write_sound(tmp_path / "sound.wav", np.stack([left, -0.8 * left]), codec="pcm_f32le")
    samples, warnings = tools.all_samples(path, rate=48_000)
    np.testing.assert_allclose(samples[0], left, atol=1e-6)
    assert any("cancel out for 4 s" in line for line in warnings)


def test_a_side_turned_over_for_a_while_is_judged_second_by_second_without_a_click(tools, tmp_path):
    time = np.arange(6 * 48_000) / 48_000
    left = (0.3 * np.sin(2 * np.pi * 100 * time)).astype(np.float32)
    right = np.where((time >= 2) & (time < 4), -left, left).astype(np.float32)
    path = tools.write_sound(tmp_path / "sound.wav", np.stack([left, right]), codec="pcm_f32le")
    samples, _ = tools.all_samples(path, rate=48_000)
    loud = np.abs(samples[0]).reshape(-1, 4800).max(axis=1)
    assert loud[3:].min() > 0.2
    assert np.abs(np.diff(samples[0])).max() < 1.5 * np.abs(np.diff(left)).max()


def test_wide_stereo_is_mixed_from_both_sides(tools, tmp_path):
    left, right = noise(3.0, 1), noise(3.0, 2)
    path = tools.write_sound(tmp_path / "sound.wav", np.stack([left, right]), codec="pcm_f32le")
    samples, warnings = tools.all_samples(path, rate=48_000)
    np.testing.assert_allclose(samples[0], (left + right) / 2, atol=1e-6)
    assert warnings == []
    both, _ = tools.all_samples(path, rate=48_000, channels=2)
    np.testing.assert_allclose(both, np.stack([left, right]), atol=1e-6)


def test_surround_sound_is_mixed_without_its_low_frequency_channel(tools, tmp_path):
    one = tools.click(1.0, 0.5)
    sound = np.concatenate([one, one, one, 0.9 * np.ones_like(one), one, one])
    path = tools.write_sound(tmp_path / "sound.wav", sound, codec="pcm_f32le", layout="5.1")
    samples, _ = tools.all_samples(path, rate=48_000)
    np.testing.assert_allclose(samples[0], one[0], atol=1e-5)


@pytest.mark.parametrize("suffix", [".m4a", ".flac", ".opus"])
def test_eight_channels_come_out(tools, tmp_path, suffix):
    sound = np.repeat(tools.click(1.0, 0.5), 8, axis=0)
    sound[3] *= 0.1
    path = tools.write_sound(tmp_path / f"sound{suffix}", sound, layout="7.1")
    samples, _ = tools.all_samples(path)
    check_clicks(tools, samples[0], at=[0.5])


@pytest.mark.parametrize("rate", [8_000, 22_050, 96_000, 192_000])
def test_rates_are_changed_without_moving_the_clicks(tools, tmp_path, rate):
    path = tools.write_sound(tmp_path / "sound.flac", tools.click(2.0, CLICKS, rate), rate)
    samples, _ = tools.all_samples(path)
    check_clicks(tools, samples[0])
    assert samples.shape[1] == pytest.approx(48_000, abs=2)


def test_a_tone_keeps_its_height_and_level_through_resampling(tools, tmp_path):
    time = np.arange(2 * 44_100) / 44_100
    tone = (0.5 * np.sin(2 * np.pi * 3000 * time)).astype(np.float32)[None]
    path = tools.write_sound(tmp_path / "sound.wav", tone, 44_100, codec="pcm_f32le")
    samples, _ = tools.all_samples(path)
    expected = 0.5 * np.sin(2 * np.pi * 3000 * np.arange(samples.shape[1]) / 24_000)
    np.testing.assert_allclose(samples[0, 500:-500], expected[500:-500], atol=2e-3)


def test_bytes_a_file_object_and_a_path_give_the_same_samples(tools, tmp_path):
    path = tools.write_sound(tmp_path / "sound.flac", tools.click(1.0, 0.5))
    with open_audio(path) as audio:
        twice = [np.concatenate([b.samples for b in audio.blocks()], axis=1) for _ in range(2)]
    assert (twice[0] == twice[1]).all()
    with path.open("rb") as handle:
        results = [tools.all_samples(source)[0] for source in (path, str(path), path.read_bytes(), handle)]
    assert all((samples == results[0]).all() for samples in results)


def test_a_cut_file_gives_what_is_there_and_says_where_it_stops(tools, tmp_path):
    data = tools.write_sound(tmp_path / "sound.flac", tools.click(4.0, 0.5)).read_bytes()
    samples, warnings = tools.all_samples(data[: len(data) // 2])
    assert 1 < samples.shape[1] / 24_000 < 3
    assert any("stops after" in line for line in warnings)


def test_a_length_that_is_only_guessed_is_no_reason_for_a_warning(tools, tmp_path):
    """Variable bit rate without a Xing header: the length is guessed from the first frames, which are silence."""
    samples = np.concatenate([np.zeros((1, 24_000), np.float32), tools.click(4.0, 0.5) * 100 % 0.5], axis=1)
    path = tools.write_sound(tmp_path / "sound.mp3", samples, options={"write_xing": "0", "id3v2_version": "0"})
    _, warnings = tools.all_samples(path)
    assert warnings == []
    whole = tools.write_sound(tmp_path / "whole.mp3", samples).read_bytes()
    _, warnings = tools.all_samples(whole[: len(whole) // 2])
    assert any("stops after" in line for line in warnings)


def test_a_silent_film_has_no_sound(tools, tmp_path):
    film = tools.write_film(tmp_path / "film.mp4", n_frames=3)
    with pytest.raises(MediaError) as caught, open_audio(film.path):
        pass
    assert caught.value.kind == "no_audio"


def test_nonsense_is_asked_for(tools, tmp_path):
    path = tools.write_sound(tmp_path / "sound.wav", tools.click(1.0, 0.5))
    with open_audio(path) as audio, pytest.raises(ValueError, match="channels"):
        audio.blocks(channels=3)
