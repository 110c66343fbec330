"""Each coupling moves what it names, and nothing moves without it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.data.listening import GUIDE_RATE, Guide
from training.data.rules import (
    COUPLINGS,
    FRAME_RATE,
    Drivers,
    Plan,
    draw_plan,
    few_couplings,
    loose_drivers,
    many_couplings,
    other_drivers,
    usual_drivers,
)

N_FRAMES = 300
LIVELINESS = np.array([5.0, 1.0, 3.0, 9.0, 7.0])


def guide(seed: int = 0) -> Guide:
    """12 s of random curves with beats every 0.5 s."""
    rng = np.random.default_rng(seed)
    curves = [np.convolve(rng.normal(size=640), np.ones(41) / 6, "valid")[:600] for _ in range(3)]
    onset = np.zeros(600)
    onset[rng.choice(600, 30, replace=False)] = rng.uniform(0.2, 1, 30)
    return Guide(*curves, onset, np.arange(0.2, 12, 0.5))


def drivers(seed: int = 0) -> Drivers:
    return usual_drivers(guide(seed), N_FRAMES, np.random.default_rng(seed))


def plans(strengths: dict[str, float], count: int = 30) -> list[tuple[Plan, Drivers]]:
    return [(draw_plan(drivers(k), LIVELINESS, strengths, np.random.default_rng(k)), drivers(k)) for k in range(count)]


def mean_correlation(pairs: list[tuple[np.ndarray, np.ndarray]]) -> float:
    return float(np.mean([np.corrcoef(a, b)[0, 1] if a.std() and b.std() else 0.0 for a, b in pairs]))


def on_beat(plan: Plan, beats: np.ndarray) -> float:
    cuts = np.array([shot.first for shot in plan.shots[1:]]) / FRAME_RATE
    return float((np.abs(cuts[:, None] - beats).min(1) < 0.03).mean()) if len(cuts) else 1.0


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), names=st.sets(st.sampled_from(COUPLINGS)))
def test_every_plan_covers_its_frames_once(seed: int, names: set[str]) -> None:
    rng = np.random.default_rng(seed)
    plan = draw_plan(drivers(seed % 7), LIVELINESS, {name: float(rng.uniform(0.4, 1)) for name in names}, rng)
    assert plan.shots[0].first == 0 and plan.shots[-1].last == N_FRAMES
    assert all(a.last == b.first for a, b in zip(plan.shots[:-1], plan.shots[1:], strict=True))
    assert all(shot.last - shot.first >= 3 for shot in plan.shots)
    assert {len(c) for c in (plan.speed, plan.gain, plan.warmth, plan.flash)} == {N_FRAMES}
    assert all(np.isfinite(c).all() and (c >= 0).all() for c in (plan.speed, plan.gain, plan.warmth, plan.flash))


@pytest.mark.parametrize(
    ("name", "curve", "driver"),
    [("speed", "speed", "energy"), ("light", "gain", "light"), ("warm", "warmth", "warm")],
)
def test_speed_light_and_warmth_follow_their_curve_only_when_coupled(name: str, curve: str, driver: str) -> None:
    coupled = mean_correlation([(np.log(getattr(p, curve)), getattr(d, driver)) for p, d in plans({name: 0.8})])
    free = mean_correlation([(np.log(getattr(p, curve)), getattr(d, driver)) for p, d in plans({})])
    assert coupled > 0.95 and abs(free) < 0.3


def test_cuts_stand_on_beats_only_when_coupled() -> None:
    coupled = np.mean([on_beat(p, d.beats) for p, d in plans({"cuts": 0.8})])
    free = np.mean([on_beat(p, d.beats) for p, d in plans({})])
    assert coupled > 0.8 and free < 0.35


def test_shots_are_shorter_in_loud_passages_only_when_coupled() -> None:
    def slope(strengths: dict[str, float]) -> float:
        lengths, loud = [], []
        for plan, d in plans(strengths):
            for shot in plan.shots[:-1]:
                lengths.append(np.log(shot.last - shot.first))
                loud.append(d.energy[shot.first])
        return float(np.corrcoef(lengths, loud)[0, 1])

    assert slope({"shot": 1.0}) < -0.4
    assert abs(slope({})) < 0.2


def test_lively_footage_stands_on_loud_passages_only_when_coupled() -> None:
    def relation(strengths: dict[str, float]) -> float:
        lively = [LIVELINESS[s.footage] for p, d in plans(strengths) for s in p.shots]
        loud = [d.energy[s.first : s.last].mean() for p, d in plans(strengths) for s in p.shots]
        return float(np.corrcoef(lively, loud)[0, 1])

    assert relation({"lively": 0.9}) > 0.7
    assert abs(relation({})) < 0.2


def test_flashes_fall_on_the_strongest_onsets_only_when_coupled() -> None:
    for plan, d in plans({"flash": 0.8}, 10):
        peaks = np.flatnonzero(plan.flash > 0.35) / FRAME_RATE
        assert len(peaks) and np.abs(peaks[:, None] - d.hits[None]).min(1).max() < 0.09
    assert np.mean([plan.flash.max() > 0 for plan, _ in plans({})]) < 0.4


def test_the_rules_for_calibration_follow_other_curves() -> None:
    usual = usual_drivers(guide(), N_FRAMES, np.random.default_rng(0))
    other = other_drivers(guide(), N_FRAMES, np.random.default_rng(0))
    loudness = np.interp(np.arange(N_FRAMES) / FRAME_RATE, np.arange(600) / GUIDE_RATE, guide().loudness)
    assert np.corrcoef(usual.energy, loudness)[0, 1] > 0.8 and abs(np.corrcoef(other.energy, loudness)[0, 1]) < 0.5
    assert np.corrcoef(other.light, loudness)[0, 1] > 0.7


def test_loose_rules_follow_neither_the_usual_curves_nor_those_of_the_calibration() -> None:
    drawn = [
        [rule(guide(k), N_FRAMES, np.random.default_rng(k)) for rule in (loose_drivers, usual_drivers, other_drivers)]
        for k in range(30)
    ]
    assert abs(mean_correlation([(loose.energy, usual.energy) for loose, usual, _ in drawn])) < 0.2
    assert abs(mean_correlation([(loose.energy, other.energy) for loose, _, other in drawn])) < 0.2
    assert abs(mean_correlation([(loose.light, other.light) for loose, _, other in drawn])) < 0.2


def test_a_montage_with_shots_by_loudness_has_several_shots() -> None:
    assert min(len(plan.shots) for plan, _ in plans({"shot": 0.8})) >= 4


def test_strengths_stay_in_their_range() -> None:
    rng = np.random.default_rng(0)
    few = [few_couplings(rng) for _ in range(200)]
    assert {len(drawn) for drawn in few} == {1, 2, 3}
    assert set().union(*few) == set(COUPLINGS)
    for drawn in [*few, *(many_couplings(rng) for _ in range(200))]:
        assert drawn and all(0.4 <= strength <= 1 for strength in drawn.values())
