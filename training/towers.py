"""Both towers as one module: one call is one forward of all that is trained, and rows are its first axis throughout.

So gradients can be cached by rows, and processes meet once a step.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from crossmodal.features import Side
from crossmodal.losses import PairBatch, SideBatch
from crossmodal.model import TwoTowerModel
from training.data.batches import Batch, Rows
from training.data.disturb import Disturbance, row_seed

SIDES: tuple[Side, Side] = ("video", "audio")
GIVEN = ("vectors", "sequences", "label_vectors")
PER_SIDE = 6  # tensors of a side: values, mask, and the draws of the disturbance


@dataclass(frozen=True, slots=True)
class Cuts:
    """Which steps of a passage are compared, first and behind the last, the same for all rows of a batch.

    Args:
        window: of the sequences of both sides.
        video, audio: of what the vectors see.
    """

    window: tuple[int, int]
    video: tuple[int, int]
    audio: tuple[int, int]


class BothTowers(nn.Module):
    """The towers of a model, behind the networks of those encoders that are trained with them.

    Args:
        model: whose towers; parts that the loss does not look at are frozen.
        networks: of the encoders that are trained, by side: raw media in, rows out.
        disturb: what is done to the prepared curves.
        looks_at: what the loss needs: some of `vectors`, `sequences`, `labels`, `before`.
        frozen: parts of the networks that are not trained, and stay in eval mode.
    """

    def __init__(
        self,
        model: TwoTowerModel,
        networks: Mapping[Side, nn.Module],
        disturb: Disturbance,
        looks_at: frozenset[str],
        frozen: Sequence[nn.Module] = (),
    ) -> None:
        super().__init__()
        self.model, self.networks = model, nn.ModuleDict({str(side): network for side, network in networks.items()})
        self.disturb, self.looks_at = disturb, looks_at
        self._frozen = tuple(frozen)  # no ModuleList: they are registered with their networks
        self.has_label_head = model.video.to_label_vector is not None
        self._freeze_what_is_not_looked_at()

    def train(self, mode: bool = True) -> Self:
        """As of any module; what is frozen keeps its running statistics and drops nothing."""
        super().train(mode)
        for block in self._frozen:
            block.eval()
        return self

    def forward(self, *tensors: Tensor, cuts: Cuts) -> tuple[Tensor, ...]:
        """What the loss needs of both sides, video first, in the order of `outputs`; `tensors` as `inputs` gives."""
        video, audio = tensors[:PER_SIDE], tensors[PER_SIDE:]
        return (*self._side("video", cuts.video, cuts, *video), *self._side("audio", cuts.audio, cuts, *audio))

    def inputs(self, batch: Batch, seed: int, step: int) -> tuple[Tensor, ...]:
        """The tensors of both sides for some rows of a batch, with their disturbance, on the CPU."""
        return (*self._inputs(batch.video, "video", batch, seed, step),
                *self._inputs(batch.audio, "audio", batch, seed, step))  # fmt: skip

    def _inputs(self, rows: Rows, side: Side, batch: Batch, seed: int, step: int) -> tuple[Tensor, ...]:
        seeds = [row_seed(seed, step, key, side) for key in batch.keys]
        channels = 2 * getattr(self.model, side).prepare.mean.shape[0]
        return rows.values, rows.mask, *self.disturb.draw(seeds, channels, rows.mask.shape[1])

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what `forward` gives of each side, as `SideBatch` calls them."""
        named = {
            "vectors": "vectors" in self.looks_at or ("labels" in self.looks_at and not self.has_label_head),
            "sequences": "sequences" in self.looks_at,
            "label_vectors": "labels" in self.looks_at and self.has_label_head,
            "features": "before" in self.looks_at,
        }
        return tuple(name for name, is_needed in named.items() if is_needed)

    def _side(
        self, side: Side, stretch: tuple[int, int], cuts: Cuts, values: Tensor, mask: Tensor, *draws: Tensor
    ) -> list[Tensor]:
        tower = getattr(self.model, side)
        if side in self.networks:
            values = self.networks[side](values)
        prepared = tower.prepare(values, mask)
        hidden = tower.encode(self.disturb(prepared, draws), mask)  # type: ignore[arg-type]  # four of them
        (begin, end), (first, last) = stretch, cuts.window
        heard = hidden[:, :, begin:end], mask[:, begin:end]
        makes: dict[str, Callable[[], Tensor]] = {
            "vectors": lambda: tower.to_vector(*heard),
            "sequences": lambda: tower.sequence(hidden, mask)[:, first:last],
            "label_vectors": lambda: tower.to_label_vector(*heard),
            "features": lambda: _mean(prepared[:, :, begin:end], heard[1]).detach(),
        }
        return [makes[name]() for name in self.outputs]

    def _freeze_what_is_not_looked_at(self) -> None:
        for side in SIDES:
            tower = getattr(self.model, side)
            heads = {"vectors": tower.to_vector, "sequences": tower.to_sequence, "label_vectors": tower.to_label_vector}
            for name, head in heads.items():
                if head is not None and name not in self.outputs:
                    head.requires_grad_(False)


class Cut:
    """Towers with their cuts set: what a gradient cache calls, with tensors alone."""

    def __init__(self, towers: nn.Module, cuts: Cuts) -> None:
        self.towers, self.cuts = towers, cuts
        self.no_sync: Callable[[], AbstractContextManager[None]] = getattr(towers, "no_sync", nullcontext)

    def __call__(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        made: tuple[Tensor, ...] = self.towers(*tensors, cuts=self.cuts)
        return made


def side_batches(
    batch: Batch, names: tuple[str, ...], outputs: tuple[Tensor, ...], cuts: Cuts, device: torch.device
) -> tuple[SideBatch, SideBatch]:
    """Both sides as the losses see them, out of what `BothTowers` gave."""
    made = []
    for at, rows in enumerate((batch.video, batch.audio)):
        own = dict(zip(names, outputs[at * len(names) :], strict=False))
        masks = rows.mask[:, slice(*cuts.window)].to(device) if "sequences" in own else None
        labels = None if batch.labels is None else batch.labels.to(device)
        weight = batch.weight.to(device)
        made.append(SideBatch(batch.ids.to(device), masks=masks, weight=weight, labels=labels, **own))
    return made[0], made[1]


def is_finite(batch: PairBatch) -> bool:
    """Whether all that the towers gave are numbers."""
    given = [getattr(side, name) for side in (batch.video, batch.audio) for name in GIVEN]
    return all(bool(torch.isfinite(value).all()) for value in given if value is not None)


def draw_cuts(steps: int, disjoint: float, generator: torch.Generator) -> Cuts:
    """Cuts of a passage.

    Args:
        steps: T of the passage.
        disjoint: how often the vectors see two halves that share nothing, rather than a random stretch each.
        generator: of the draws.
    """
    window = _window(steps, generator)
    if float(torch.rand((), generator=generator)) < disjoint:
        halves = (0, steps // 2), (steps - steps // 2, steps)
        turned = float(torch.rand((), generator=generator)) >= 0.5
        return Cuts(window, halves[turned], halves[not turned])
    return Cuts(window, _window(steps, generator), _window(steps, generator))


def _window(steps: int, generator: torch.Generator) -> tuple[int, int]:
    """A random part of half to the whole length."""
    length = int(torch.randint(steps // 2, steps + 1, (1,), generator=generator))
    first = int(torch.randint(0, steps - length + 1, (1,), generator=generator))
    return first, first + length


def _mean(curves: Tensor, mask: Tensor) -> Tensor:
    """(N, C, T) over what is seen -> (N, C)."""
    seen = mask[:, None]
    return torch.where(seen, curves, 0).sum(2) / seen.sum(2).clamp_min(1)
