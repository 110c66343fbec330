"""The picture's curves, against scenes whose motion and light are known."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmodal.encoders.curves import VIDEO_CHANNELS, VideoCurves


def curves(frames, times=None, pts=None, duration=None, rate=25.0):
    times = np.arange(len(frames)) / rate if times is None else times
    made = VideoCurves(rate)
    made.add(frames, times, times if pts is None else pts)
    return made.finish(len(frames) / rate if duration is None else duration)


def curve(values, name):
    return values[:, VIDEO_CHANNELS.index(name)]


def judder(values):
    """Decibels by which the fastest moment of a row stands above the row's mean, at most."""
    return (curve(values, "motion_max") - curve(values, "motion"))[2:].max()


def flat(red, green, blue, n=10):
    return np.broadcast_to(np.uint8([red, green, blue])[None, :, None, None], (n, 3, 48, 64)).copy()


def test_there_are_37_curves_each_with_a_name_of_its_own():
    assert len(set(VIDEO_CHANNELS)) == len(VIDEO_CHANNELS) == 37


class TestBlocks:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (130, 3, 48, 64), dtype=np.uint8)
    pixels[40:43] = pixels[40]  # repeats in pixels
    times = np.where(np.arange(130) < 90, np.arange(130), np.arange(130) + 60) / 25  # and a gap
    pts = np.floor(times * 12 + 1e-9) / 12  # and repeats in time

    @given(st.lists(st.integers(0, 130), max_size=6))
    @settings(deadline=None, max_examples=10)
    def test_any_split_into_blocks_gives_the_same_bits(self, cuts):
        whole = curves(self.pixels, self.times, self.pts, 7.6)
        parts = VideoCurves()
        edges = [0, *sorted(cuts), 130]
        for begin, end in pairwise(edges):
            parts.add(self.pixels[begin:end], self.times[begin:end], self.pts[begin:end])
        values, seen = parts.finish(7.6)
        assert values.tobytes() == whole[0].tobytes() and (seen == whole[1]).all()

    def test_the_callers_array_may_be_used_again_at_once(self):
        buffer, made = np.empty((10, 3, 48, 64), np.uint8), VideoCurves()
        for begin in range(0, 130, 10):
            buffer[:] = self.pixels[begin : begin + 10]
            made.add(buffer, self.times[begin : begin + 10], self.pts[begin : begin + 10])
        assert (made.finish(7.6)[0] == curves(self.pixels, self.times, self.pts, 7.6)[0]).all()


class TestMotion:
    @pytest.mark.parametrize("pictures_a_second", [12, 8, 6])
    def test_repeats_by_time_read_as_fast_as_the_same_pan_without_repeats(self, scene, pictures_a_second):
        times = np.arange(75) / 25
        shown = np.floor(times * pictures_a_second + 1e-9) / pictures_a_second
        smooth = curves(scene.pan(8 * times))[0]
        repeated = curves(scene.pan(8 * shown), times, shown)[0]
        for name in ("motion", "motion_rms", "pan"):
            np.testing.assert_allclose(curve(repeated, name)[2:].mean(), curve(smooth, name)[2:].mean(), rtol=0.1)
        assert judder(repeated) < 0.5

    @pytest.mark.parametrize("times_shown", [2, 3])
    def test_repeats_encoded_as_frames_of_their_own_read_as_fast_too(self, scene, times_shown):
        times = np.arange(75) / 25
        slow = curves(scene.pan(20 * np.repeat(times[::times_shown], times_shown)[:75]))[0]
        smooth = curves(scene.pan(20 * times))[0]
        expected = curve(smooth, "motion_rms")[2:].mean()
        np.testing.assert_allclose(curve(slow, "motion_rms")[2:].mean(), expected, rtol=0.1)
        assert judder(slow) < 0.5

    def test_half_the_speed_is_half_the_motion(self, scene):
        times = np.arange(50) / 25
        fast, slow = (curves(scene.pan(speed * times))[0] for speed in (10, 5))
        np.testing.assert_allclose(curve(slow, "motion_rms").mean() / curve(fast, "motion_rms").mean(), 0.5, atol=0.05)

    @pytest.mark.parametrize("rate", [12.5, 30.0, 50.0])
    def test_another_frame_rate_of_the_same_scene_gives_the_same_motion(self, scene, rate):
        reference = curves(scene.pan(15 * np.arange(50) / 25))[0]
        times = np.arange(round(2 * rate)) / rate
        other = curves(scene.pan(15 * times), rate=rate)[0]
        for name in ("motion_rms", "pan_x", "histogram_change"):
            np.testing.assert_allclose(curve(other, name)[2:].mean(), curve(reference, name)[2:].mean(), rtol=0.12)

    def test_pan_is_measured_in_pixels_of_a_tenth_second(self, scene):
        values = curves(scene.pan(np.arange(50) * 0.6))[0]  # 0.6 pixels a frame of 1/25 s: 1.5 in 0.1 s
        np.testing.assert_allclose(curve(values, "pan_x")[2:], np.sqrt(1.5), rtol=0.12)
        assert curve(values, "pan_y").max() < 0.5 and curve(values, "zoom").max() < 0.1

    def test_zoom_is_measured_and_is_no_pan(self, scene):
        frames = np.stack([scene.frame(zoom=1.004**i) for i in range(50)])
        values = curves(frames)[0]
        np.testing.assert_allclose(curve(values, "zoom")[2:], np.sqrt(0.01), rtol=0.2)  # 0.4 % a frame: 1 % in 0.1 s
        assert curve(values, "pan").max() < 0.5

    def test_only_the_moving_corner_moves(self, scene):
        frames = flat(100, 100, 100, 25)
        frames[:, :, 32:, 43:] = scene.pan(np.arange(25))[:, :, 32:, 43:]
        values = curves(frames)[0].mean(0)
        cells = values[: VIDEO_CHANNELS.index("motion")]
        assert cells.argmax() == 8 and np.ptp(cells[:8]) == 0 and cells[8] > cells[7] + 6

    def test_the_first_frame_is_no_stop(self, scene):
        motion = curve(curves(scene.pan(np.arange(50)))[0], "motion_rms")
        assert motion[0] > 0.8 * motion.mean()

    def test_a_still_does_not_move_however_it_is_stored(self, scene):
        frames = np.repeat(scene.frame()[None], 50, 0)
        for pts in (None, np.zeros(50)):
            values = curves(frames, pts=pts)[0]
            assert curve(values, "motion_rms").max() == 0 and curve(values, "pan").max() < 1e-3
            assert curve(values, "cut_max").max() == 0

    @pytest.mark.parametrize("stamped", [True, False])
    def test_a_pan_that_stops_stands_still_within_three_tenths(self, scene, stamped):
        frames = scene.pan(np.minimum(np.arange(50), 24.0))
        pts = np.minimum(np.arange(50), 24) / 25 if stamped else None
        motion = curve(curves(frames, pts=pts)[0], "motion_rms")
        assert motion[:10].min() > 0 and motion[13:].max() == 0

    def test_stamps_that_run_back_or_stand_still_do_no_harm(self, scene):
        pts = np.arange(50) / 25
        pts[20:] -= 5
        values, seen = curves(scene.pan(np.arange(50)), pts=pts)
        assert np.isfinite(values).all() and seen.all()


class TestCuts:
    def test_a_cut_stands_out_at_its_own_row(self, scene, other_scene):
        frames = np.concatenate([scene.pan(np.arange(33)), np.stack([other_scene.frame()] * 42)])  # cut at 1.32 s
        peak = curve(curves(frames)[0], "cut_max")
        assert peak.argmax() == 13 and peak[13] > 10 * np.delete(peak, 13).max()

    def test_a_cut_in_calm_footage_stands_out_more_than_in_wild(self, scene, other_scene):
        calm = np.concatenate([scene.pan(0.2 * np.arange(25)), other_scene.pan(0.2 * np.arange(25))])
        wild = np.concatenate([scene.pan(9 * np.arange(25)), other_scene.pan(9 * np.arange(25))])
        assert curve(curves(calm)[0], "cut_max")[10] > 2 * curve(curves(wild)[0], "cut_max")[10]


class TestLight:
    def test_a_flat_colour_has_the_light_and_colour_that_it_has(self):
        values = curves(flat(200, 100, 50))[0][0]
        row = dict(zip(VIDEO_CHANNELS, values, strict=True))
        assert row["luma"] == pytest.approx((0.299 * 200 + 0.587 * 100 + 0.114 * 50) / 255, abs=1e-3)
        assert row["saturation"] == row["warmth"] == pytest.approx(150 / 255, abs=1e-3)
        assert row["green"] == pytest.approx((100 - 125) / 255, abs=1e-3)
        assert row["contrast"] == pytest.approx(0, abs=1e-3)

    def test_the_grid_is_read_row_by_row(self):
        frames = flat(0, 0, 0)
        frames[:, :, :16, 43:] = 255  # upper right
        values = curves(frames)[0][0]
        assert [VIDEO_CHANNELS[i] for i in np.flatnonzero(values == 1)] == ["luma_02"]

    def test_rise_and_fall_of_light_are_apart(self):
        ramp = np.concatenate([np.arange(0, 100, 4), np.arange(100, 0, -4)]).astype(np.uint8)
        frames = np.broadcast_to(ramp[:, None, None, None], (50, 3, 48, 64)).copy()
        values = curves(frames)[0]
        rise, fall = curve(values, "luma_rise"), curve(values, "luma_fall")
        np.testing.assert_allclose(rise[1:9], 10 / 255, rtol=0.02)  # 4 a frame: 10 in 0.1 s
        np.testing.assert_allclose(fall[12:19], 10 / 255, rtol=0.02)
        assert rise[12:].max() == 0 and fall[:9].max() == 0

    def test_a_blurred_picture_has_fewer_edges(self, scene, other_scene):
        sharp = np.repeat(scene.frame()[None], 10, 0)
        assert curve(curves(sharp)[0], "edges")[0] > curve(curves(flat(90, 90, 90))[0], "edges")[0] + 10


class TestGapsAndEdges:
    def test_what_was_not_read_is_unseen_and_zero(self, scene):
        times = np.concatenate([np.arange(25) / 25, 4 + np.arange(25) / 25])
        values, seen = curves(scene.pan(np.arange(50)), times, duration=6.0)
        assert (np.flatnonzero(seen) == np.r_[0:10, 40:50]).all()
        assert not values[~seen].any()

    def test_no_difference_is_taken_across_a_gap(self, scene, other_scene):
        calm = scene.pan(0.1 * np.arange(25))
        after = other_scene.pan(0.1 * np.arange(25))
        times = np.concatenate([np.arange(25) / 25, 4 + np.arange(25) / 25])
        values = curves(np.concatenate([calm, after]), times, duration=5.0)[0]
        assert curve(values, "cut_max").max() < 0.05
        alone = curves(after, 4 + np.arange(25) / 25, duration=5.0)[0]
        assert (values[40:] == alone[40:]).all()

    def test_one_frame_makes_one_row(self, scene):
        values, seen = curves(scene.frame()[None], duration=0.04)
        assert values.shape == (1, 37) and seen.all() and np.isfinite(values).all()

    def test_no_frame_at_all_is_one_unseen_row(self):
        values, seen = VideoCurves().finish(0.0)
        assert values.shape == (1, 37) and not seen.any() and not values.any()

    def test_a_lone_frame_after_a_gap_is_finite(self, scene):
        values, seen = curves(scene.pan(np.arange(2)), np.array([0.0, 2.0]), duration=2.1)
        assert np.isfinite(values).all() and seen.sum() == 2

    def test_values_are_float32_that_float16_holds(self, scene):
        values = curves(scene.pan(np.arange(50)))[0]
        assert values.dtype == np.float32 and (values.astype(np.float16) == values).all()

    def test_frames_of_another_size_are_refused(self):
        with pytest.raises(ValueError, match="48, 64"):
            VideoCurves().add(np.zeros((1, 3, 64, 48), np.uint8), np.zeros(1), np.zeros(1))
        with pytest.raises(ValueError, match="agree"):
            VideoCurves().add(np.zeros((2, 3, 48, 64), np.uint8), np.zeros(1), np.zeros(1))
        with pytest.raises(ValueError, match="rate"):
            VideoCurves(60)
