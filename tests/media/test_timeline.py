"""A clock that does not jump; the better of two stamps."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmodal.media.timeline import MAX_HOLE, MAX_STEP_BACK, MIN_HOLE, SoundClock, Stamps, Timeline

PROPERTY = settings(max_examples=200, deadline=None, derandomize=True)


def test_pieces_that_follow_each_other_stay_where_they_are():
    line = Timeline()
    assert [line.place(i / 25, 1 / 25) for i in range(100)] == pytest.approx([i / 25 for i in range(100)])
    assert line.jumps == 0 and line.end == pytest.approx(4.0)


def test_a_pause_is_kept_and_a_jump_is_closed():
    line = Timeline()
    assert line.place(0.0, 1.0) == 0.0
    assert line.place(500.0, 1.0) == 500.0
    assert line.place(9999.0, 1.0) == 501.0
    assert line.place(10_000.0, 1.0) == 502.0
    assert line.jumps == 1


def test_a_clock_that_starts_anew_goes_on():
    line = Timeline()
    assert [line.place(t, 1.0) for t in (10.0, 11.0, 0.0, 1.0)] == [10.0, 11.0, 12.0, 13.0]


@PROPERTY
@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(0, 10)), min_size=1, max_size=40))
def test_no_piece_is_more_than_the_limits_away_from_the_end_of_the_last(pieces):
    line = Timeline()
    line.place(*pieces[0])
    for time, length in pieces[1:]:
        end = line.end
        assert -MAX_STEP_BACK - 1e-6 <= line.place(time, length) - end <= MAX_HOLE + 1e-6
        assert line.end >= end


@PROPERTY
@given(st.sets(st.integers(0, 10_000), min_size=2, max_size=60), st.integers(0, 5))
def test_presentation_stamps_in_order_are_believed(numbers, delay):
    stamps, ordered = Stamps(), sorted(numbers)
    assert [stamps.best(n, n + delay) for n in ordered] == ordered
    assert Stamps().best(None, 7) == 7 and Stamps().best(None, None) is None


def test_decoding_stamps_are_believed_where_the_others_run_back():
    stamps = Stamps()
    pairs = [(0, 0), (3, 1), (1, 2), (2, 3), (7, 4), (4, 5), (5, 6), (6, 7)]
    assert [stamps.best(*pair) for pair in pairs][2:] == [2, 3, 4, 5, 6, 7]


@PROPERTY
@given(
    st.lists(st.tuples(st.integers(1, 4000), st.integers(0, 3)), min_size=1, max_size=30),
    st.sampled_from([8_000, 44_100, 48_000]),
    st.sampled_from([1 / 48_000, 1 / 1000, 1 / 14_112_000]),
)
def test_sound_is_never_further_from_its_stamp_than_a_hole_may_be(pieces, rate, base):
    clock, time = SoundClock(base, 5.0), 0.0
    for n_samples, pause in pieces:
        time += pause / 4
        missing = clock.place(round((time + 5.0) / base), n_samples, rate)
        assert missing is not None and missing >= 0
        begins = (clock.n_written - n_samples) / rate
        assert abs(begins - time) <= MIN_HOLE + 2 * base + 1 / rate
        time += n_samples / rate


def test_sound_before_zero_is_left_out():
    clock = SoundClock(1 / 1000, 0.0)
    assert clock.place(-500, 100, 1000) is None and clock.n_written == 0
    assert clock.place(0, 100, 1000) == 0 and clock.n_written == 100
    assert clock.place(None, 100, 1000) == 0 and clock.n_written == 200
