"""The training loop: draws, steps, averages, writes; a run that was killed goes on where its last state stands.

Every random draw of a step depends on (seed, step) alone. A state is written beside and moved, so half a state never
stands under the real name. One JSON line a step goes to `log.jsonl`.
"""

import copy
import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from crossmodal.errors import ConfigError, CrossmodalError
from crossmodal.losses import PairBatch, SideBatch
from crossmodal.model import Tower, TwoTowerModel
from training.config import Config
from training.data.batches import Batch, Batches, Rows
from training.data.disturb import Disturbance
from training.data.pairs import Pair, span

STATE, LOG, CONFIG = "state.pt", "log.jsonl", "training.json"
Report = dict[str, float | int | str]
Progress = Callable[[int, int, Report], None]


class Trainer:
    """Trains a model on pairs.

    Args:
        model: trained in place; its preparation is fitted to the pairs here, unless the run is resumed.
        batches: what is drawn.
        config: of the run.
        folder: for state and log; made if it is not there.
    """

    def __init__(self, model: TwoTowerModel, batches: Batches, config: Config, folder: Path) -> None:
        self.model, self.batches, self.config, self.folder = model, batches, config, folder
        folder.mkdir(parents=True, exist_ok=True)
        opt = config.optimiser
        n_classes = 0 if batches.labels is None else len(batches.labels.classes)
        with torch.random.fork_rng(devices=[]):  # proxies draw their first places from the global generator
            torch.manual_seed(config.seed)
            self.loss = config.loss.make(model.config.label_dim or model.config.vector_dim, n_classes)
        self.optimiser = torch.optim.AdamW(_parameter_groups(model, self.loss, opt.weight_decay), lr=opt.lr)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimiser, self._share_of_rate)
        augment = config.augment
        jitter, clip = augment.jitter / batches.hop, model.config.clip
        self.disturb = Disturbance(augment.noise, augment.level, augment.drop, jitter, clip)
        self.average: dict[str, Tensor] = {}
        self.step = 0

    def fit_preparation(self) -> None:
        """Set mean and deviation of both towers' curves to those of the training pairs."""
        for tower, side in ((self.model.video, "video"), (self.model.audio, "audio")):
            tower.prepare.fit(*curve_statistics(tower, self.batches.pairs(), side))

    def run(self, progress: Progress | None = None, stop: Callable[[], bool] | None = None) -> TwoTowerModel:
        """Train to the last step, or until `stop`, and return the averaged model in eval mode.

        Raises:
            CrossmodalError: the loss is no longer finite.
        """
        self.model.train()
        with (self.folder / LOG).open("a", encoding="utf-8", buffering=1) as log:
            while self.step < self.config.steps and not (stop is not None and stop()):
                report = self._step()
                log.write(json.dumps(report) + "\n")
                if self.step % self.config.checkpoint_every == 0 or self.step == self.config.steps:
                    self.save()
                if progress is not None:
                    progress(self.step, self.config.steps, report)
        return self.averaged()

    def averaged(self) -> TwoTowerModel:
        """A copy of the model with the averaged weights, in eval mode."""
        averaged = copy.deepcopy(self.model)  # a new model would draw first weights from the global generator
        averaged.load_state_dict({**self.model.state_dict(), **self.average})
        return averaged.eval()

    def save(self) -> None:
        """Write the state to resume from, beside and moved."""
        beside = self.folder / (STATE + ".part")
        torch.save(self._state(), beside)
        beside.replace(self.folder / STATE)

    def resume(self) -> bool:
        """Load the last state, if there is one, and cut the log to it.

        Raises:
            ConfigError: the state is of other settings.
        """
        path = self.folder / STATE
        if not path.is_file():
            return False
        state = torch.load(path, weights_only=True)
        if state["config"] != self.config.model_dump_json():
            raise ConfigError(
                f"{path}: belongs to other settings. Train into a new folder, or repeat the settings of that run."
            )
        self.model.load_state_dict(state["model"])
        self.loss.load_state_dict(state["loss"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        self.average, self.step = state["average"], state["step"]
        _cut_log(self.folder / LOG, self.step)
        return True

    def _state(self) -> dict[str, object]:
        return {
            "config": self.config.model_dump_json(),
            "model": self.model.state_dict(),
            "loss": self.loss.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "average": self.average,
            "step": self.step,
        }

    def _step(self) -> Report:
        began = time.perf_counter()
        batch = self.batches.draw(self.step)
        with torch.random.fork_rng(devices=[]):  # dropout draws from the global generator
            torch.manual_seed(self.config.seed * 1_000_003 + self.step)
            terms = self.loss.terms(self._pair_batch(batch))
        total = torch.stack([self.loss.weights[name] * term for name, term in terms.items()]).sum()
        if not torch.isfinite(total):
            raise CrossmodalError(f"step {self.step}: the loss is not finite. Lower optimiser.lr and train again.")
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.config.optimiser.grad_norm)
        rate = self.optimiser.param_groups[0]["lr"]
        self.optimiser.step()
        self.schedule.step()
        self.loss.after_step()
        self.step += 1
        self._average_weights()
        values = {name: round(term.item(), 5) for name, term in terms.items()}
        seconds = round(time.perf_counter() - began, 4)
        return {
            "step": self.step, "domain": batch.domain, "loss": round(total.item(), 5), **values,
            "grad_norm": round(norm.item(), 4), "lr": rate, "seconds": seconds,
        }  # fmt: skip

    def _pair_batch(self, batch: Batch) -> PairBatch:
        generator = torch.Generator().manual_seed(self.config.seed * 1_000_003 + self.step)
        steps = batch.video.mask.shape[1]
        first, last = _window(steps, generator)
        stretches = _stretches(steps, self.config.loss.disjoint, generator)
        sides = []
        for tower, rows, (begin, end) in zip(
            (self.model.video, self.model.audio), (batch.video, batch.audio), stretches, strict=True
        ):
            hidden = self._hidden(tower, rows, generator)  # (N, W, T)
            sequence = tower.sequence(hidden, rows.mask)[:, first:last]
            heard = hidden[:, :, begin:end], rows.mask[:, begin:end]
            sides.append(
                SideBatch(
                    batch.ids,
                    tower.to_vector(*heard),
                    sequence,
                    rows.mask[:, first:last],
                    weight=batch.weight,
                    labels=batch.labels,
                    label_vectors=None if tower.to_label_vector is None else tower.to_label_vector(*heard),
                )
            )
        return PairBatch(video=sides[0], audio=sides[1])

    def _hidden(self, tower: Tower, rows: Rows, generator: torch.Generator) -> Tensor:
        curves = self.disturb(tower.prepare(rows.values, rows.mask), generator)  # (N, 2C, T)
        return tower.encode(curves, rows.mask)

    def _average_weights(self) -> None:
        if self.step < self.config.optimiser.ema_from:
            return
        decay = self.config.optimiser.ema
        for name, value in self.model.named_parameters():
            if name in self.average:
                self.average[name].lerp_(value.detach(), 1 - decay)
            else:
                self.average[name] = value.detach().clone()

    def _share_of_rate(self, step: int) -> float:
        warm_up = self.config.optimiser.warm_up
        if step < warm_up:
            return (step + 1) / warm_up
        left = (step - warm_up) / max(self.config.steps - warm_up, 1)
        return 0.5 * (1 + math.cos(math.pi * min(left, 1.0)))


def curve_statistics(tower: Tower, pairs: list[Pair], side: str) -> tuple[Tensor, Tensor]:
    """Mean and deviation (C,) of the curves of one side over the passages of all pairs, level taken off.

    A curve without variance has deviation 1.
    """
    channels = tower.prepare.mean.shape[0]
    total, squares, n_rows = torch.zeros(channels, dtype=torch.float64), torch.zeros(channels, dtype=torch.float64), 0
    for pair in pairs:
        part = pair.video if side == "video" else span(pair.audio, pair.start, pair.seconds)
        mask = torch.from_numpy(part.seen)[None]
        curves = tower.prepare.without_level(torch.from_numpy(part.values)[None], mask)[mask].double()  # (T, C)
        total, squares, n_rows = total + curves.sum(0), squares + curves.square().sum(0), n_rows + len(curves)
    mean = total / n_rows
    deviation = (squares / n_rows - mean.square()).clamp_min(0).sqrt()
    return mean.float(), torch.where(deviation < 1e-4, 1.0, deviation).float()


def _window(steps: int, generator: torch.Generator) -> tuple[int, int]:
    """A random part of half to the whole length, common to all rows."""
    length = int(torch.randint(steps // 2, steps + 1, (1,), generator=generator))
    first = int(torch.randint(0, steps - length + 1, (1,), generator=generator))
    return first, first + length


def _stretches(steps: int, disjoint: float, generator: torch.Generator) -> tuple[tuple[int, int], tuple[int, int]]:
    """What the vectors of the two sides see: two halves that share nothing, or a random stretch each."""
    if float(torch.rand((), generator=generator)) < disjoint:
        halves = (0, steps // 2), (steps - steps // 2, steps)
        return halves if float(torch.rand((), generator=generator)) < 0.5 else halves[::-1]
    return _window(steps, generator), _window(steps, generator)


def _parameter_groups(model: nn.Module, loss: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """The model's weights decay; its biases and single values, and the loss's scales and proxies, do not."""
    decayed = [p for p in model.parameters() if p.requires_grad and p.ndim > 1]
    plain = [p for p in model.parameters() if p.requires_grad and p.ndim <= 1]
    plain += [p for p in loss.parameters() if p.requires_grad]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": plain, "weight_decay": 0.0}]


def _cut_log(path: Path, step: int) -> None:
    """Drop the lines that were written after the state was."""
    if not path.is_file():
        return
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)[:step]
    beside = path.with_suffix(".part")
    beside.write_text("".join(lines), encoding="utf-8")
    beside.replace(path)
