"""The search over starts against plain loops, and what it promises at its edges."""

import math

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracles import sequence_loops

from crossmodal.similarity import (
    TrackSpectra,
    aligned,
    best_starts,
    clip_windows,
    favour_zero,
    moments,
    other_peaks,
    search_starts,
)
from crossmodal.similarity import starts as starts_module

SLOW_START = settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck), derandomize=True)


def draw(
    seed: int, steps: int, share_seen: float = 1.0, heads: int = 3, dim: int = 2
) -> tuple[torch.Tensor, torch.Tensor]:
    """A sequence (T, H, d) whose heads differ in level and strength, and which of its steps are seen, in runs."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(steps, heads, dim)) * rng.choice([0.01, 1, 3], size=(1, heads, 1)) + rng.normal(
        size=(1, heads, dim)
    )
    seen = np.repeat(rng.random(-(-steps // 3)) < share_seen, 3)[:steps]
    return torch.from_numpy(rows).float(), torch.from_numpy(seen)


def whole(steps: int) -> torch.Tensor:
    return torch.ones(steps, dtype=torch.bool)


@SLOW_START
@given(
    seed=st.integers(0, 10_000),
    clip_steps=st.integers(1, 30),
    track_steps=st.lists(st.integers(1, 50), min_size=1, max_size=4),
    clip_share=st.sampled_from([1.0, 1.0, 0.8, 0.5]),
    track_share=st.sampled_from([1.0, 1.0, 0.8, 0.5]),
    window=st.sampled_from([7, 12, 300]),
)
def test_every_start_is_what_plain_loops_give(
    seed: int, clip_steps: int, track_steps: list[int], clip_share: float, track_share: float, window: int
) -> None:
    clip, clip_seen = draw(seed, clip_steps, clip_share)
    tracks = [draw(seed + 1 + at, steps, track_share) for at, steps in enumerate(track_steps)]
    found = search_starts(clip_windows(clip, clip_seen, window_steps=window), TrackSpectra.of(tracks))
    for at, (track, seen) in enumerate(tracks):
        expected = sequence_loops.all_starts(
            clip.double().numpy(), clip_seen.numpy(), track.double().numpy(), seen.numpy(), window
        )
        assert found.n_starts[at] == len(expected)
        np.testing.assert_allclose(found.r[at, : len(expected)], expected, atol=2e-5)
        assert (found.r[at, len(expected) :] == -math.inf).all()


def test_a_start_of_one_equals_the_aligned_similarity() -> None:
    sides = [[draw(10 * side + at, 120) for at in range(4)] for side in range(2)]
    for clip_share in (1.0, 0.8):
        clips = [(rows, draw(at, 120, clip_share)[1]) for at, (rows, _) in enumerate(sides[0])]
        video, video_mask = (torch.stack(part) for part in zip(*clips, strict=True))
        audio, audio_mask = (torch.stack(part) for part in zip(*sides[1], strict=True))
        tracks = TrackSpectra.of(sides[1])
        searched = torch.stack([search_starts(clip_windows(*clip), tracks).r[:, 0] for clip in clips])
        torch.testing.assert_close(searched, aligned(video, audio, video_mask, audio_mask), atol=1e-5, rtol=0)


def test_long_tracks_keep_their_digits() -> None:
    clip, track = draw(1, 40)[0], draw(2, 20_000)[0] + 5
    found = search_starts(clip_windows(clip, whole(40)), TrackSpectra.of([(track, whole(20_000))])).r[0]
    for start in (0, 7_777, 19_960):
        cut = aligned(clip[None], track[None, start : start + 40], whole(40)[None], whole(40)[None])
        assert found[start] == pytest.approx(cut.item(), abs=1e-4)


def test_the_planted_start_is_found_for_short_and_for_long_clips() -> None:
    track, seen = draw(3, 3000)
    for steps in (20, 300, 1300):
        best = best_starts(clip_windows(track[411 : 411 + steps], whole(steps)), TrackSpectra.of([(track, seen)]))
        assert best.start.item() == 411
        assert best.r_start.item() > 0.9  # heads under the floor say nothing


def test_a_second_search_gives_the_bits_of_the_first_for_another_clip_too() -> None:
    bank, anew = (TrackSpectra.of([draw(seed, 700) for seed in (1, 2)]) for _ in range(2))
    for clip in (draw(1, 400), draw(5, 330)):
        first, again = (search_starts(clip_windows(*clip), bank).r for _ in range(2))
        assert torch.equal(first, again) and bank.n_bytes > anew.n_bytes
    assert torch.equal(again, search_starts(clip_windows(*clip), anew).r)


def test_reduced_and_whole_results_agree_and_keep_the_order_of_the_tracks() -> None:
    tracks = [draw(at, steps) for at, steps in enumerate([90, 400, 30, 95, 400, 31, 1000])]
    clip = clip_windows(*draw(50, 60))
    scores, best = search_starts(clip, TrackSpectra.of(tracks)), best_starts(clip, TrackSpectra.of(tracks), bonus=0.1)
    s_seq, start = favour_zero(scores.r, 0.1)
    assert torch.equal(best.s_seq, s_seq) and torch.equal(best.start, start)
    assert torch.equal(best.r_start, scores.r.gather(1, start[:, None])[:, 0])
    assert best.n_starts.tolist() == [31, 341, 1, 36, 341, 1, 941] == scores.n_starts.tolist()


def test_a_track_scores_the_same_whatever_stands_beside_it() -> None:
    tracks = [draw(at, 400 + at) for at in range(70)]
    clip = clip_windows(*draw(99, 60))
    together = search_starts(clip, TrackSpectra.of(tracks))
    for at in (0, 33, 69):
        alone = search_starts(clip, TrackSpectra.of([tracks[at]]))
        torch.testing.assert_close(alone.r[0], together.r[at, : alone.r.shape[1]], atol=2e-6, rtol=0)


def test_picked_tracks_score_as_in_the_whole_bank() -> None:
    tracks = TrackSpectra.of([draw(at, steps) for at, steps in enumerate([90, 400, 30, 95])])
    clip = clip_windows(*draw(7, 50))
    every, some = search_starts(clip, tracks), search_starts(clip, tracks.pick([3, 0]))
    for at, place in enumerate((3, 0)):
        n_starts = int(every.n_starts[place])
        torch.testing.assert_close(some.r[at, :n_starts], every.r[place, :n_starts], atol=2e-6, rtol=0)


def test_the_start_at_zero_is_favoured_by_the_bonus_and_no_more() -> None:
    r = torch.tensor([[0.50, 0.59, 0.10], [0.50, 0.61, 0.10], [-math.inf, -math.inf, -math.inf]])
    s_seq, start = favour_zero(r, 0.1)
    assert start.tolist() == [0, 1, 0]
    torch.testing.assert_close(s_seq, torch.tensor([0.60, 0.61, -math.inf]))


def test_other_peaks_are_local_maxima_apart_from_the_start_and_from_each_other() -> None:
    r = torch.zeros(1, 100)
    r[0, [10, 22, 31, 70, 75]] = torch.tensor([0.9, 0.7, 0.6, 0.5, 0.8])
    assert other_peaks(r, torch.tensor([10]), count=3, apart=20).tolist() == [[75, 31, -1]]


def test_a_slope_beside_the_start_is_no_peak() -> None:
    r = torch.linspace(1, 0, 100)[None]
    assert other_peaks(r, torch.tensor([0])).tolist() == [[-1, -1]]


def test_silence_and_stills_score_nothing_rather_than_noise() -> None:
    still = torch.full((50, 3, 2), 2.0)
    track, seen = draw(4, 200)
    scores = search_starts(clip_windows(still + 1e-4 * draw(5, 50)[0], whole(50)), TrackSpectra.of([(track, seen)]))
    assert scores.r.abs().max() < 0.02


def test_what_is_never_seen_on_both_sides_cannot_be_compared() -> None:
    clip, _ = draw(6, 40)
    track, _ = draw(7, 100)
    hidden = torch.zeros(100, dtype=torch.bool)
    best = best_starts(clip_windows(clip, whole(40)), TrackSpectra.of([(track, hidden)]))
    assert best.s_seq.item() == -math.inf and best.start.item() == 0 and not best.s_seq.isnan().any()


def test_values_at_unseen_steps_change_nothing() -> None:
    clip, clip_seen = draw(8, 40, 0.8)
    track, seen = draw(9, 90, 0.8)
    spoilt = torch.where(seen[:, None, None], track, 1e4)
    before = search_starts(clip_windows(clip, clip_seen), TrackSpectra.of([(track, seen)]))
    after = search_starts(
        clip_windows(torch.where(clip_seen[:, None, None], clip, torch.nan), clip_seen),
        TrackSpectra.of([(spoilt, seen)]),
    )
    assert torch.equal(before.r, after.r)


def test_a_short_track_pays_for_what_it_does_not_cover() -> None:
    clip, _ = draw(10, 200)
    part = search_starts(clip_windows(clip, whole(200)), TrackSpectra.of([(clip[:100], whole(100))])).r
    full = search_starts(clip_windows(clip, whole(200)), TrackSpectra.of([(clip, whole(200))])).r
    assert full.item() == pytest.approx(1, abs=0.1) and part.item() < 0.8 * full.item()


def test_half_precision_tracks_score_nearly_the_same() -> None:
    clip = clip_windows(*draw(11, 50))
    track, seen = draw(12, 300)
    exact = search_starts(clip, TrackSpectra.of([(track, seen)])).r
    halved = search_starts(clip, TrackSpectra.of([(track.half(), seen)])).r
    torch.testing.assert_close(exact, halved, atol=3e-3, rtol=0)


def test_tracks_may_come_from_a_generator() -> None:
    tracks = TrackSpectra.of(draw(at, 100 + at) for at in range(40))
    assert tracks.n_tracks == 40 and sum(len(block.index) for block in tracks.blocks) == 40
    assert tracks.n_bytes > 0


def test_an_empty_bank_gives_empty_results() -> None:
    clip = clip_windows(*draw(13, 20))
    assert search_starts(clip, TrackSpectra.of([])).r.shape == (0, 0)
    assert best_starts(clip, TrackSpectra.of([])).s_seq.shape == (0,)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: clip_windows(torch.zeros(0, 3, 2), whole(0)), "no step"),
        (lambda: clip_windows(torch.zeros(5, 3), whole(5)), "sequence is"),
        (lambda: clip_windows(torch.zeros(5, 3, 2), whole(4)), "seen is"),
        (lambda: TrackSpectra.of([(torch.zeros(0, 3, 2), whole(0))]), "track 0 has no step"),
        (lambda: search_starts(clip_windows(*draw(0, 9)), TrackSpectra.of([draw(0, 9, heads=4)])), "one model"),
    ],
)
def test_wrong_input_is_named(make: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()  # type: ignore[operator]


@SLOW_START
@given(
    seed=st.integers(0, 10_000),
    clip_steps=st.integers(1, 40),
    track_steps=st.integers(1, 60),
    start=st.integers(0, 50),
    share=st.sampled_from([1.0, 0.7]),
    span=st.sampled_from([5, 8]),
)
def test_moments_are_what_plain_loops_give(
    seed: int, clip_steps: int, track_steps: int, start: int, share: float, span: int
) -> None:
    clip, clip_seen = draw(seed, clip_steps, share)
    track, seen = draw(seed + 1, track_steps, share)
    found = moments(clip, clip_seen, track, seen, start, span_steps=span)
    expected = sequence_loops.moment_r(
        clip.double().numpy(), clip_seen.numpy(), track.double().numpy(), seen.numpy(), start, span
    )
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_scan_takes_one_thread_and_gives_the_others_back() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with starts_module.one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
