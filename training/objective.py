"""What a run minimises: the terms that its settings name, on one batch, and a memory of earlier ones."""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor, nn

from crossmodal.errors import ConfigError
from crossmodal.losses import (
    PAIR_LOSSES,
    CrossBatchMemory,
    CrossModalLoss,
    MarginClass,
    PairBatch,
    PairLoss,
    ProxyLoss,
    StructureLoss,
    make_label_loss,
    make_pair_loss,
    make_structure_loss,
)

if TYPE_CHECKING:
    from training.config import LossConfig


class Objective(nn.Module):
    """The loss of a run with its learned constants, proxies and memory.

    Args:
        loss: of one batch.
        memory: of earlier batches, on the vectors; None: none.
        memory_weight: of its term.
    """

    def __init__(
        self, loss: CrossModalLoss, memory: CrossBatchMemory | None = None, memory_weight: float = 1.0
    ) -> None:
        super().__init__()
        self.loss, self.memory, self.memory_weight = loss, memory, memory_weight

    @classmethod
    def of(cls, config: LossConfig, dim: int, label_dim: int, classes: int) -> Self:
        """The objective of a run, its learned constants at their start.

        Args:
            config: names and options.
            dim: D of the vectors.
            label_dim: D of the vectors that a loss by label trains.
            classes: of the label.

        Raises:
            ConfigError: no such loss, an option that it does not have, or no term at all.
        """
        vectors = _pair(config.vectors, config.vector_options, config) if config.vector_weight else None
        if config.memory and vectors is None:
            raise ConfigError("loss.memory keeps vectors, and loss.vector_weight is 0. Leave one of them out.")
        try:
            loss = CrossModalLoss(
                vectors=vectors,
                sequences=_pair(config.sequences, config.sequence_options, config) if config.sequence_weight else None,
                within=None if config.within is None else _pair(config.within, config.within_options, config),
                labels=_by_label(config, label_dim, classes)
                if config.label is not None and config.label_weight
                else None,
                structure=_structure(config),
                vector_weight=config.vector_weight,
                sequence_weight=config.sequence_weight,
                within_weight=config.within_weight,
                label_weight=config.label_weight,
                structure_weight=config.structure_weight,
                direction_weights=config.direction_weights,
            )
        except ValueError as error:
            raise ConfigError(str(error)) from error
        memory = CrossBatchMemory(vectors, dim, size=config.memory) if config.memory and vectors is not None else None
        return cls(loss, memory, config.memory_weight)

    def forward(self, batch: PairBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted sum, a scalar, and its terms by name, each without its weight."""
        terms = self.loss.terms(batch)
        weights = dict(self.loss.weights)
        if self.memory is not None:
            terms["memory"] = self.memory(batch)
            weights["memory"] = self.memory_weight
        return torch.stack([weights[name] * term for name, term in terms.items()]).sum(), terms

    @property
    def looks_at(self) -> frozenset[str]:
        """Which of `vectors`, `sequences`, `labels` and `before` it needs of a tower."""
        loss = self.loss
        named = {
            "vectors": any(part is not None for part in (loss.vectors, loss.within, loss.structure)),
            "sequences": loss.sequences is not None,
            "labels": loss.labels is not None,
            "before": loss.structure is not None,
        }
        return frozenset(name for name, is_needed in named.items() if is_needed)

    def after_step(self) -> None:
        """Bring learned constants back into their range."""
        self.loss.after_step()


def _by_label(config: LossConfig, label_dim: int, classes: int) -> PairLoss | ProxyLoss | MarginClass:
    if config.labels in PAIR_LOSSES:
        return _pair(config.labels, config.label_options, config)
    return make_label_loss(config.labels, label_dim, classes, config.label_options)


def _structure(config: LossConfig) -> StructureLoss | None:
    return None if config.structure is None else make_structure_loss(config.structure, config.structure_options)


def _pair(name: str, options: dict[str, Any], config: LossConfig) -> PairLoss:
    has_scale = "max_scale" in signature(PAIR_LOSSES[name]).parameters if name in PAIR_LOSSES else False
    return make_pair_loss(name, {"max_scale": config.max_scale, **options} if has_scale else options)
