"""Pairs drawn straight into memory."""

import numpy as np

from crossmodal.demo import draw_pair


def test_drawn_pair_has_frames_and_samples_of_one_length() -> None:
    frames, samples = draw_pair(3, 2.0)
    batches = list(frames)
    assert all(batch.dtype == np.uint8 and batch.shape[1:] == (3, 48, 64) for batch in batches)
    assert sum(len(batch) for batch in batches) == 50
    assert samples.shape == (48_000,) and samples.dtype == np.float32
    assert np.abs(samples).max() < 1


def test_drawn_pair_is_the_same_from_the_same_seed() -> None:
    (first, heard), (again, heard_again), (_, other) = (draw_pair(seed, 1.0, size=(32, 24)) for seed in (8, 8, 9))
    assert np.array_equal(heard, heard_again) and not np.array_equal(heard, other)
    assert np.array_equal(np.concatenate(list(first)), np.concatenate(list(again)))
