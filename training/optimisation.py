"""What of a model learns how fast: groups of weights, the rate over time, and the mean of the weights."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from crossmodal.features import Side
from training.config import EncoderConfig, OptimiserConfig

Blocks = Mapping[Side, list[nn.Module]]  # of the encoders that are trained, by side, from input to output


def parameter_groups(
    towers: nn.Module, objective: nn.Module, blocks: Blocks, optimiser: OptimiserConfig, encoder: EncoderConfig
) -> list[dict[str, Any]]:
    """Groups for AdamW, each with its rate; what is not trained is frozen here.

    Weights decay; biases, single values, and the loss's scales and proxies do not. Of an encoder's network the last
    `encoder.blocks` blocks are trained, each at the rate of the one behind it times `encoder.layer_decay`.
    """
    rates = _rates(blocks, optimiser.lr, encoder)
    for parts in blocks.values():
        for parameter in (p for block in parts for p in block.parameters()):
            parameter.requires_grad_(parameter in rates)
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for parameter in towers.parameters():
        if parameter.requires_grad:
            decay = optimiser.weight_decay if parameter.ndim > 1 else 0.0
            groups.setdefault((rates.get(parameter, optimiser.lr), decay), []).append(parameter)
    groups.setdefault((optimiser.lr, 0.0), []).extend(p for p in objective.parameters() if p.requires_grad)
    return [{"params": weights, "lr": lr, "weight_decay": decay} for (lr, decay), weights in groups.items() if weights]


def frozen(blocks: Blocks, encoder: EncoderConfig) -> list[nn.Module]:
    """The blocks that are not trained."""
    return [block for parts in blocks.values() for block in parts[: len(parts) - _count(parts, encoder)]]


def _count(parts: list[nn.Module], encoder: EncoderConfig) -> int:
    return len(parts) if encoder.blocks < 0 else min(encoder.blocks, len(parts))


def _rates(blocks: Blocks, lr: float, encoder: EncoderConfig) -> dict[nn.Parameter, float]:
    rates = {}
    for parts in blocks.values():
        for depth, block in enumerate(reversed(parts[len(parts) - _count(parts, encoder) :])):
            rate = lr * encoder.lr_share * encoder.layer_decay**depth
            rates.update(dict.fromkeys(block.parameters(), rate))
    return rates


def share_of_rate(optimiser: OptimiserConfig, steps: int) -> Callable[[int], float]:
    """The rate at a step as a share of the full one: up in a line, then as `schedule` says."""

    def share(step: int) -> float:
        if step < optimiser.warm_up:
            return (step + 1) / optimiser.warm_up
        if optimiser.schedule == "constant":
            return 1.0
        left = (step - optimiser.warm_up) / max(steps - optimiser.warm_up, 1)
        return 0.5 * (1 + math.cos(math.pi * min(left, 1.0)))

    return share


class MeanWeights:
    """The exponential mean of a module's weights (EMA); empty until the first step that counts.

    Args:
        module: whose.
        decay: of what was before, a step.
        first: step it begins at.
    """

    def __init__(self, module: nn.Module, decay: float, first: int) -> None:
        self.module, self.decay, self.first = module, decay, first
        self.values: dict[str, Tensor] = {}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after `step`."""
        if step < self.first:
            return
        for name, value in self.module.named_parameters():
            if name in self.values:
                self.values[name].lerp_(value.detach(), 1 - self.decay)
            else:
                self.values[name] = value.detach().clone()

    def state_dict(self) -> dict[str, Tensor]:
        """All of the module's state, its weights those of the mean."""
        return {**self.module.state_dict(), **self.values}
