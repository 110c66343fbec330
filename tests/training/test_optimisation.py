"""Which weights learn how fast."""

import pytest
import torch
from torch import nn

from training.config import EncoderConfig, OptimiserConfig
from training.optimisation import MeanWeights, parameter_groups, share_of_rate


def made() -> tuple[nn.Module, list[nn.Module], nn.Module]:
    """Towers with an encoder of three blocks inside, its blocks, and an objective with one constant."""
    network = nn.Sequential(*(nn.Linear(2, 2) for _ in range(3)))
    towers = nn.ModuleDict({"network": network, "tower": nn.Linear(2, 2)})
    objective = nn.Module()
    objective.scale = nn.Parameter(torch.zeros(()))
    return towers, list(network), objective


def rates(groups: list[dict], parameter: nn.Parameter) -> tuple[float, float] | None:
    found = [(g["lr"], g["weight_decay"]) for g in groups for p in g["params"] if p is parameter]
    assert len(found) <= 1
    return found[0] if found else None


def test_blocks_get_smaller_rates_towards_the_input_and_those_below_stand_still() -> None:
    towers, blocks, objective = made()
    encoder = EncoderConfig(blocks=2, lr_share=0.1, layer_decay=0.5)
    groups = parameter_groups(towers, objective, {"video": blocks}, OptimiserConfig(lr=1.0, weight_decay=0.2), encoder)
    assert rates(groups, towers["tower"].weight) == (1.0, 0.2) and rates(groups, towers["tower"].bias) == (1.0, 0.0)
    assert rates(groups, blocks[2].weight) == pytest.approx((0.1, 0.2))
    assert rates(groups, blocks[1].weight) == pytest.approx((0.05, 0.2))
    assert rates(groups, blocks[0].weight) is None and not blocks[0].weight.requires_grad
    assert rates(groups, objective.scale) == (1.0, 0.0)


def test_all_blocks_can_be_trained() -> None:
    towers, blocks, objective = made()
    groups = parameter_groups(towers, objective, {"video": blocks}, OptimiserConfig(lr=1.0), EncoderConfig(blocks=-1))
    assert all(rates(groups, block.weight) is not None for block in blocks)


def test_the_rate_rises_then_falls_as_a_cosine_or_stays() -> None:
    cosine = share_of_rate(OptimiserConfig(warm_up=4), 104)
    assert [cosine(step) for step in (0, 3)] == [0.25, 1.0]
    assert cosine(54) == pytest.approx(0.5) and cosine(104) == pytest.approx(0) and cosine(500) == pytest.approx(0)
    constant = share_of_rate(OptimiserConfig(warm_up=4, schedule="constant"), 104)
    assert constant(1) == 0.5 and constant(103) == 1.0


def test_the_mean_begins_where_it_should_and_forgets_at_its_decay() -> None:
    module = nn.Linear(1, 1, bias=False)
    mean = MeanWeights(module, decay=0.75, first=2)
    for step, value in enumerate((8.0, 4.0, 0.0), 1):
        nn.init.constant_(module.weight, value)
        mean.update(step)
    assert mean.state_dict()["weight"].item() == pytest.approx(3.0)  # .75 * 4 + .25 * 0
