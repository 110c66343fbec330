"""Disturbance of prepared curves: each part does what it says."""

import numpy as np
import pytest
import torch

from training.data.disturb import Disturbance, row_seed, shifted, stretched

CALM = {"noise": 0.0, "level": 0.0, "drop": 0.0, "jitter": 0.0}


def curves() -> torch.Tensor:
    return torch.randn((32, 20, 90), generator=torch.Generator().manual_seed(0))


def disturbed(**how: float) -> torch.Tensor:
    disturbance = Disturbance(**(CALM | how))
    return disturbance(curves(), disturbance.draw(range(32), 20, 90))


def test_nothing_asked_changes_nothing() -> None:
    assert torch.equal(disturbed(), curves())


def test_noise_and_level_have_their_deviation() -> None:
    noise, level = disturbed(noise=0.3) - curves(), disturbed(level=0.5) - curves()
    assert noise.std() == pytest.approx(0.3, rel=0.05) and abs(noise.mean()) < 0.01
    inside = level.std(dim=2).median()  # a value that the clip cuts moves less than its row
    assert inside < 1e-5 and level[..., 0].std() == pytest.approx(0.5, rel=0.15)


def test_whole_channels_are_dropped() -> None:
    gone = (disturbed(drop=0.2) == 0).all(dim=2)
    assert gone.float().mean() == pytest.approx(0.2, abs=0.05)
    assert ((disturbed(drop=0.2) == 0).any(dim=2) == gone).all()


def test_values_stay_within_the_clip() -> None:
    assert disturbed(noise=10.0, clip=5.0).abs().max() <= 5.0


@pytest.mark.parametrize("hops", [-0.7, -0.2, 0.0, 0.4, 1.0])
def test_a_shift_reads_between_the_rows(hops: float) -> None:
    ramp = torch.arange(10, dtype=torch.float32).expand(1, 1, 10)
    moved = shifted(ramp, torch.tensor([hops]))[0, 0]
    assert np.allclose(moved, np.interp(np.arange(10) + hops, np.arange(10), np.arange(10)), atol=1e-6)


@pytest.mark.parametrize(("taken", "length"), [(10, 14), (14, 10), (2, 9), (30, 2)])
def test_another_tempo_reads_between_the_rows_from_end_to_end(taken: int, length: int) -> None:
    values = np.random.default_rng(0).normal(size=(taken, 3)).astype(np.float32)
    seen = np.arange(taken) != 1
    found, is_seen = stretched(values, seen, length)
    places = np.linspace(0, taken - 1, length)
    for channel in range(3):
        assert np.allclose(found[:, channel], np.interp(places, np.arange(taken), values[:, channel]), atol=1e-5)
    assert found.dtype == np.float32 and not is_seen[(places > 0) & (places < 2)].any()
    assert is_seen[(places >= 2) & (places < taken - 1)].all()


def test_a_row_is_disturbed_alike_whatever_rows_stand_beside_it() -> None:
    disturbance, seeds = Disturbance(), [row_seed(0, 7, key, "video") for key in ("a", "b", "c")]
    whole = disturbance.draw(seeds, 20, 90)
    alone = disturbance.draw(seeds[2:], 20, 90)
    assert all(torch.equal(many[2:], one) for many, one in zip(whole, alone, strict=True))


def test_seed_step_row_and_side_each_change_the_draws() -> None:
    seeds = {row_seed(*where) for where in ((0, 7, "a", "video"), (1, 7, "a", "video"), (0, 8, "a", "video"),
                                            (0, 7, "b", "video"), (0, 7, "a", "audio"))}  # fmt: skip
    assert len(seeds) == 5 and all(0 <= seed < 2**63 for seed in seeds)
