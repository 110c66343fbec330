"""Turns, places and windows by their definitions."""

import struct
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmodal.media import film_windows
from crossmodal.media.display import Turn, place, shown_size, turn_of_matrix
from crossmodal.media.mono import MonoMixer, side_weights

PROPERTY = settings(max_examples=200, deadline=None, derandomize=True)


@PROPERTY
@given(
    turn=st.sampled_from([(1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0)]),
    flip=st.sampled_from([1, -1]),
    height=st.integers(1, 5),
    width=st.integers(1, 5),
)
def test_each_pixel_goes_where_the_matrix_says(turn, flip, height, width):
    a, b, c, d = turn
    a, b = flip * a, flip * b
    one = 1 << 16
    matrix = struct.pack("=9i", a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30)
    pixels = np.arange(height * width * 3).reshape(height, width, 3)
    upright = turn_of_matrix(matrix).apply(pixels)
    high, wide = upright.shape[:2]
    for y in range(height):
        for x in range(width):
            # Twice the distance from the middle, so that all stays whole numbers.
            dx, dy = 2 * x - (width - 1), 2 * y - (height - 1)
            to_x, to_y = (a * dx + c * dy + wide - 1) // 2, (b * dx + d * dy + high - 1) // 2
            assert (upright[to_y, to_x] == pixels[y, x]).all()


def test_no_matrix_or_a_short_one_turns_nothing():
    assert turn_of_matrix(None) == turn_of_matrix(b"123") == Turn()


@PROPERTY
@given(
    shown=st.tuples(st.floats(1, 9000), st.floats(1, 9000)),
    size=st.tuples(st.integers(1, 500), st.integers(1, 500)),
    transpose=st.booleans(),
    bars=st.booleans(),
)
def test_a_picture_lies_whole_within_its_frame(shown, size, transpose, bars):
    turn = Turn(transpose=transpose)
    at = place(shown, size, turn, bars)
    assert at.left >= 0 and at.left + at.shown_width <= size[0] and at.shown_width >= 1
    assert at.top >= 0 and at.top + at.shown_height <= size[1] and at.shown_height >= 1
    assert at.shown_width == size[0] or at.shown_height == size[1]
    assert {at.width, at.height} == {at.shown_width, at.shown_height}


def test_wide_pixels_make_a_picture_wider_and_narrow_ones_make_it_higher():
    assert shown_size(352, 288, Fraction(525, 352), Turn()) == (525.0, 288.0)
    assert shown_size(100, 100, Fraction(1, 2), Turn()) == (100.0, 200.0)
    assert shown_size(100, 50, None, Turn(transpose=True)) == (50.0, 100.0)


@PROPERTY
@given(st.floats(0.04, 40_000))
def test_windows_lie_in_order_within_the_film_and_never_overlap(duration):
    windows = film_windows(duration)
    assert windows[0][0] == 0 and windows[-1][1] == pytest.approx(duration)
    assert len(windows) == (1 if duration <= 600 else 40)
    for (_, end), (start, _) in pairwise(windows):
        assert start >= end
    assert sum(end - start for start, end in windows) <= max(600, 480) + 1e-6


@PROPERTY
@given(st.lists(st.sampled_from(["FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR", "BC"]), min_size=2, unique=True))
def test_the_sides_of_any_layout_are_means(names):
    weights = side_weights(names)
    assert weights.shape == (2, len(names)) and (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-6)


@PROPERTY
@given(st.integers(0, 2**32 - 1), st.floats(-1, 1), st.integers(1, 5))
def test_the_mono_of_two_sides_never_exceeds_the_louder(seed, gain, n_blocks):
    rng = np.random.default_rng(seed)
    mixer = MonoMixer(1000)
    for _ in range(n_blocks):
        left = rng.uniform(-1, 1, 1000).astype(np.float32)
        sides = np.stack([left, np.float32(gain) * left * rng.choice([-1, 1]).astype(np.float32)])
        out = mixer.mix(sides)
        assert out.shape == (1000,) and np.abs(out).max() <= np.abs(sides).max() + 1e-6
        louder = max(float(np.dot(side, side)) for side in sides)
        assert float(np.dot(out[100:], out[100:])) >= 0.1 * 0.8 * louder
