"""The sound's curves, against sounds whose level, pitch and strikes are known."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torchaudio.functional import melscale_fbanks

from crossmodal.encoders.curves import AMPLITUDE_CHANNELS, AUDIO_CHANNELS, DECIBEL_CHANNELS, AudioCurves

RATE = 24_000
FREE_CHANNELS = [name for name in AUDIO_CHANNELS if name not in {*DECIBEL_CHANNELS, *AMPLITUDE_CHANNELS}]


def curves(samples, time=0.0, duration=None):
    made = AudioCurves()
    made.add(samples, time)
    return made.finish(time + len(samples) / RATE if duration is None else duration)


def curve(values, name):
    return values[:, AUDIO_CHANNELS.index(name)]


def test_there_are_48_curves_each_with_a_name_of_its_own():
    assert len(set(AUDIO_CHANNELS)) == len(AUDIO_CHANNELS) == 48


class TestBlocks:
    @given(st.lists(st.integers(0, 96_000), max_size=8))
    @settings(deadline=None, max_examples=20)
    def test_any_split_into_blocks_gives_the_same_bits(self, music, cuts):
        parts = AudioCurves()
        for begin, end in pairwise([0, *sorted(cuts), len(music)]):
            parts.add(music[begin:end], begin / RATE)
        assert parts.finish(4.0)[0].tobytes() == curves(music)[0].tobytes()

    def test_the_callers_array_may_be_used_again_at_once(self, music):
        buffer, made = np.empty(1000, np.float32), AudioCurves()
        for begin in range(0, len(music), 1000):
            buffer[:] = music[begin : begin + 1000]
            made.add(buffer, begin / RATE)
        assert (made.finish(4.0)[0] == curves(music)[0]).all()

    def test_what_comes_later_changes_nothing_before(self, music):
        whole, first = curves(music)[0], curves(music[: 3 * RATE])[0]
        assert (whole[:29] == first[:29]).all()


class TestLevel:
    def test_a_sine_has_the_level_that_it_has(self, sine):
        values = curves(sine(1000))[0]
        np.testing.assert_allclose(curve(values, "log_rms")[1:19], -20 - 3.01, atol=0.02)
        np.testing.assert_allclose(curve(values, "rms")[1:19], 0.1 / np.sqrt(2), rtol=1e-3)

    def test_a_gain_adds_to_decibels_multiplies_amplitudes_and_leaves_the_rest(self, music):
        soft, loud = curves(music)[0], curves(2 * music)[0]
        for name in DECIBEL_CHANNELS:
            np.testing.assert_allclose(curve(loud, name), curve(soft, name) + 6.02, atol=0.06)
        for name in AMPLITUDE_CHANNELS:
            np.testing.assert_allclose(curve(loud, name), 2 * curve(soft, name), rtol=0.01, atol=1e-4)
        for name in FREE_CHANNELS:
            spread = np.ptp(curve(soft, name)) + 1e-3
            np.testing.assert_allclose(curve(loud, name), curve(soft, name), atol=0.05 * spread, err_msg=name)

    def test_a_swell_rises_and_a_decay_falls(self, sine):
        tone = sine(500, 4)
        envelope = 10 ** (-np.abs(np.arange(len(tone)) / RATE - 2))  # 20 dB a second up, then down
        values = curves((tone * envelope).astype(np.float32))[0]
        rise, fall = curve(values, "level_rise"), curve(values, "level_fall")
        np.testing.assert_allclose(rise[2:18], 2, atol=0.2)
        np.testing.assert_allclose(fall[23:38], 2, atol=0.2)
        assert rise[23:].max() < 0.1 and fall[2:18].max() < 0.1

    @pytest.mark.parametrize("noise", [0.0, 1e-6])
    def test_silence_is_silent_finite_and_at_the_floor(self, noise):
        samples = (noise * np.random.default_rng(0).standard_normal(2 * RATE)).astype(np.float32)
        values, seen, silent = curves(samples)
        assert silent and seen.all() and np.isfinite(values).all()
        assert (curve(values, "log_rms") == -90).all() and (curve(values, "mel_03") == -90).all()
        assert np.abs(values[:, [AUDIO_CHANNELS.index(name) for name in FREE_CHANNELS]]).max() < 0.1

    def test_one_short_sound_in_silence_is_not_silent(self, sine):
        samples = np.zeros(3 * RATE, np.float32)
        samples[RATE : RATE + 480] = sine(800, 0.02, 0.001)
        assert not curves(samples)[2]


class TestPitchAndShape:
    def test_mel_bands_agree_with_torchaudios(self, music):
        bank = melscale_fbanks(513, 40.0, 11_000.0, n_mels=16, sample_rate=RATE, mel_scale="htk").numpy().T
        window = np.hanning(1025)[:-1]
        first = 2 * RATE - 272  # the window round the middle of the step that begins at 2 s
        pieces = [music[first + 480 * k :][:1024] * window for k in range(5)]
        five = [bank @ (np.abs(np.fft.rfft(piece)) ** 2 * (2 / window.sum()) ** 2) for piece in pieces]
        expected = np.maximum(10 * np.log10(np.maximum(five, 1e-12)), -90).mean(0)
        np.testing.assert_allclose(curves(music)[0][20, :16], expected, atol=0.1)

    @pytest.mark.parametrize(("hertz", "pitch"), [(440.0, 9), (523.25, 0), (1174.7, 2), (3322.4, 8)])
    def test_a_note_has_its_pitch_class(self, sine, hertz, pitch):
        chroma = curves(sine(hertz))[0][5, AUDIO_CHANNELS.index("chroma_00") :][:12]
        assert chroma.argmax() == pitch and chroma.sum() == pytest.approx(1, abs=0.01)

    def test_higher_is_higher_and_noise_is_flat(self, sine):
        low, high = curves(sine(300))[0][5], curves(sine(3000))[0][5]
        noise = curves((0.1 * np.random.default_rng(0).standard_normal(RATE)).astype(np.float32))[0][5]
        at = AUDIO_CHANNELS.index
        assert high[at("log_centroid")] - low[at("log_centroid")] == pytest.approx(np.log2(10), abs=0.3)
        assert high[at("rolloff")] > low[at("rolloff")] + 2
        assert noise[at("flatness")] > 0.5 > 0.1 > max(low[at("flatness")], high[at("flatness")])

    def test_chroma_changes_where_the_chord_does(self, sine):
        samples = np.concatenate([sine(440), sine(659.3)])
        change = curve(curves(samples)[0], "chroma_change")
        assert change[20:24].min() > 0.8 and change[2:19].max() < 0.05 and change[26:39].max() < 0.1


class TestOnsets:
    def test_a_strike_stands_out_at_its_own_row(self, sine):
        samples = 0.01 * sine(200, 3, 1.0)
        at = round(1.55 * RATE)
        samples[at : at + 2400] += sine(2000, 0.1, 0.3)
        for name in ("onset_max", "flux_3_max"):
            peaks = curve(curves(samples)[0], name)
            assert peaks.argmax() == 15 and peaks[15] > 5 * np.delete(peaks, [14, 15, 16]).max()

    def test_a_low_strike_is_in_the_low_band_and_a_high_one_in_the_high(self, sine):
        for hertz, band in ((80, 0), (9000, 6)):
            samples = np.zeros(2 * RATE, np.float32)
            samples[RATE : RATE + 4800] = sine(hertz, 0.2, 0.3)
            rows = curves(samples)[0][10]
            flux = rows[AUDIO_CHANNELS.index("flux_0") : AUDIO_CHANNELS.index("flux_6") + 1]
            assert flux.argmax() == band

    def test_nothing_strikes_where_a_file_begins_or_ends_in_the_middle_of_a_sound(self, sine):
        values = curves(sine(1000)[6:-6])[0]  # from crest to crest
        assert curve(values, "onset_max").max() < 0.01 and curve(values, "flux_3_max").max() < 0.01
        assert curve(curves(sine(1000)[6:], time=1.0)[0], "onset_max").max() > 0.5


class TestTimeAndEdges:
    def test_late_sound_and_holes_are_silence_and_keep_their_place(self, sine):
        made = AudioCurves()
        made.add(sine(500, 1), 1.0)
        made.add(sine(500, 1), 4.0)
        values, seen, silent = made.finish(6.0)
        loud = curve(values, "log_rms") > -60
        assert (np.flatnonzero(loud) == np.r_[10:20, 40:50]).all() and seen.all() and not silent

    def test_what_lies_before_zero_or_overlaps_is_left_out(self, sine):
        tone = sine(500, 2)
        made = AudioCurves()
        made.add(tone[: RATE + 2400], -0.1)  # to 1.0 s
        made.add(tone[RATE - 9600 + 2400 :], 0.6)
        assert (made.finish(1.9)[0] == curves(tone[2400:])[0]).all()

    def test_rounded_time_stamps_make_no_holes(self, music):
        made = AudioCurves()
        for begin in range(0, len(music), 1000):
            made.add(music[begin : begin + 1000], round(begin / RATE, 3))
        assert (made.finish(4.0)[0] == curves(music)[0]).all()

    @pytest.mark.parametrize("n_samples", [0, 1, 480, 2400])
    def test_very_short_sound_makes_one_row(self, n_samples):
        values, seen, _ = curves(np.full(n_samples, 0.1, np.float32))
        assert values.shape == (1, 48) and seen.all() and np.isfinite(values).all()

    def test_a_longer_duration_ends_in_silence(self, sine):
        values = curves(sine(500, 1), duration=9.0)[0]
        assert len(values) == 90 and (curve(values, "log_rms")[11:] == -90).all()
        assert np.abs(curve(values, "level_fall")[12:]).max() == 0

    def test_a_shorter_duration_cuts(self, music):
        assert (curves(music, duration=2.0)[0] == curves(music)[0][:20]).all()

    def test_values_are_float32_that_float16_holds(self, music):
        values = curves(music)[0]
        assert values.dtype == np.float32 and (values.astype(np.float16) == values).all()

    def test_other_rates_and_stereo_are_refused(self):
        with pytest.raises(ValueError, match="24000"):
            AudioCurves(44_100)
        with pytest.raises(ValueError, match="mono"):
            AudioCurves().add(np.zeros((2, 100), np.float32), 0.0)
