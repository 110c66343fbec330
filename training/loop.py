"""The training loop: draws, steps, averages, judges, writes; a run that was killed goes on where its last state stands.

Every random draw of a step depends on (seed, step) or (seed, step, row) alone, so nothing of a generator is kept, and
several processes, each with its share of a batch's rows, do what one does with all of them.
"""

import copy
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from crossmodal.errors import CrossmodalError
from crossmodal.features import Side
from crossmodal.losses import GradientCache, PairBatch, gather_batch
from crossmodal.model import TwoTowerModel
from training.config import Config
from training.data.batches import Batch, Batches
from training.data.disturb import Disturbance
from training.objective import Objective
from training.optimisation import MeanWeights, frozen, parameter_groups, share_of_rate
from training.preparation import fit_preparation
from training.state import FAILED, STATE, load_state, save_state
from training.towers import BothTowers, Cut, draw_cuts, is_finite, side_batches
from training.tracking import Report, Tracker

MOST_SKIPS = 20  # steps in a row that the scaler of half precision may leave out
Progress = Callable[[int, int, Report], None]
Judge = Callable[[TwoTowerModel], Mapping[str, float]]  # a model's figures on the validation rows; recall@10 is one


class Trainer:
    """Trains a model on pairs.

    Args:
        model: trained in place.
        batches: what is drawn.
        config: of the run.
        folder: for state and logs; made if it is not there.
        judge: called with the averaged model after each epoch; None: nothing is held out.
        accelerator: device, precision and processes; None makes one out of `config`.
        networks: encoders that are trained with the towers, by side.
    """

    def __init__(
        self,
        model: TwoTowerModel,
        batches: Batches,
        config: Config,
        folder: Path,
        *,
        judge: Judge | None = None,
        accelerator: Accelerator | None = None,
        networks: Mapping[Side, Any] | None = None,
    ) -> None:
        self.model, self.batches, self.config, self.folder, self.judge = model, batches, config, folder, judge
        self.accelerator = accelerator or Accelerator(mixed_precision=config.precision)
        self.steps = config.steps if config.epochs is None else config.epochs * batches.steps_per_epoch
        n_classes = 0 if batches.labels is None else len(batches.labels.classes)
        dim = model.config.vector_dim
        with self._seeded(config.seed):  # proxies draw their first places from the global generator
            self.objective = Objective.of(config.loss, dim, model.config.label_dim or dim, n_classes)
        self.networks = dict(networks or {})
        augment = config.augment
        disturb = Disturbance(
            augment.noise, augment.level, augment.drop, augment.jitter / batches.hop, model.config.clip
        )
        modules = {side: encoder.network.float() for side, encoder in self.networks.items()}
        blocks = {side: encoder.blocks() for side, encoder in self.networks.items()}
        self.towers = BothTowers(model, modules, disturb, self.objective.looks_at, frozen(blocks, config.encoder))
        groups = parameter_groups(self.towers, self.objective, blocks, config.optimiser, config.encoder)
        optimiser = torch.optim.AdamW(groups, lr=config.optimiser.lr)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, share_of_rate(config.optimiser, self.steps))
        self.objective.to(self.accelerator.device)
        self.wrapped, self.optimiser = self.accelerator.prepare(self.towers, optimiser)
        self.mean = MeanWeights(self.towers, config.optimiser.ema, config.optimiser.ema_from)
        self.step = self.skipped = self.skipped_in_a_row = 0
        self.history: list[Report] = []
        self.best: dict[str, Any] = {"recall@10": -1.0, "epoch": 0, "weights": {}}
        self.epoch_losses: list[float] = []
        folder.mkdir(parents=True, exist_ok=True)

    def fit_preparation(self) -> None:
        """Set mean and deviation of both towers' curves to those of the training pairs."""
        fit_preparation(self.model, self.batches, self.networks)

    def run(self, progress: Progress | None = None, stop: Callable[[], bool] | None = None) -> TwoTowerModel:
        """Train to the end, or until `stop`, and return the averaged model in eval mode; with patience its best epoch.

        Raises:
            CrossmodalError: the loss is no longer finite, or there is no room for a state.
        """
        self.towers.train()
        tracker = Tracker(self.folder, self.step, self.history) if self._is_main else None
        try:
            while not self._is_over() and not (stop is not None and stop()):
                report = self._step()
                if self.step % self.batches.steps_per_epoch == 0 or self.step == self.steps:
                    row = self._epoch(report)
                    self.history.append(row)  # in every process: all must end at the same step
                    report |= {"recall@10": row["recall@10"]} if "recall@10" in row else {}
                    if tracker is not None:
                        tracker.epoch(row)
                if tracker is not None:
                    tracker.step(report)
                if self.step % self.config.checkpoint_every == 0 or self._is_over():
                    self.save()
                if progress is not None:
                    progress(self.step, self.steps, report)
        finally:
            if tracker is not None:
                tracker.close()
        return self.averaged(best=self.config.patience > 0)

    def averaged(self, *, best: bool = False) -> TwoTowerModel:
        """A copy of the model with the averaged weights (`best`: those of the best epoch), in eval mode."""
        weights = self.best["weights"] if best and self.best["weights"] else self.mean.state_dict()
        towers = copy.deepcopy(self.towers)  # a new model would draw first weights from the global generator
        towers.load_state_dict(weights)
        return towers.eval().model

    def save(self) -> None:
        """Write the state to resume from; the first process does.

        Raises:
            CrossmodalError: there is no room; the state before it is whole.
        """
        if self._is_main:
            save_state(self.folder / STATE, self._state())

    def resume(self) -> bool:
        """Load the last state, if there is one.

        Raises:
            ConfigError: the state is of other settings.
            CrossmodalError: it cannot be read.
        """
        state = load_state(self.folder / STATE, self.config.model_dump_json())
        if state is None:
            return False
        self.towers.load_state_dict(state["towers"])
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.mean.values = {name: value.to(self.accelerator.device) for name, value in state["mean"].items()}
        self.step, self.skipped, self.skipped_in_a_row = state["step"], state["skipped"], state["skipped_in_a_row"]
        self.history, self.best, self.epoch_losses = state["history"], state["best"], state["epoch_losses"]
        return True

    def _parts(self) -> dict[str, Any]:
        """What keeps its own state beside the towers."""
        parts = {
            "objective": self.objective,
            "optimiser": self.optimiser,
            "schedule": self.schedule,
            "batches": self.batches,
        }
        return parts if self.accelerator.scaler is None else parts | {"scaler": self.accelerator.scaler}

    def _state(self) -> dict[str, Any]:
        return {
            "config": self.config.model_dump_json(),
            "towers": self.towers.state_dict(),
            **{name: part.state_dict() for name, part in self._parts().items()},
            "mean": self.mean.values,
            "step": self.step,
            "skipped": self.skipped,
            "skipped_in_a_row": self.skipped_in_a_row,
            "history": self.history,
            "best": self.best,
            "epoch_losses": self.epoch_losses,
        }

    def _step(self) -> Report:
        began = time.perf_counter()
        batch = self.batches.draw(self.step)
        waited = time.perf_counter() - began
        total, terms = self._backward(batch)
        norm = self.accelerator.clip_grad_norm_(self.towers.parameters(), self.config.optimiser.grad_norm)
        rate = self.optimiser.param_groups[0]["lr"]
        self.optimiser.step()
        self.schedule.step()
        self.objective.after_step()
        self.step += 1
        self._count_skips(batch)
        self.mean.update(self.step)
        self.epoch_losses += [total] if math.isfinite(total) else []
        values = {name: round(term.item(), 5) for name, term in terms.items()}
        seconds = time.perf_counter() - began
        return {
            "step": self.step, "domain": batch.domain,
            "loss": round(total, 5) if math.isfinite(total) else "skipped", **values,
            "grad_norm": round(float(norm), 4), "lr": rate, "seconds": round(seconds, 4), "waited": round(waited, 4),
            "rows_per_second": round(len(batch.keys) / seconds, 1),
        }  # fmt: skip

    def _backward(self, batch: Batch) -> tuple[float, dict[str, Tensor]]:
        """Gradients of the loss over the rows of all processes, and its value and terms."""
        device, mine = (
            self.accelerator.device,
            batch.part(self.accelerator.process_index, self.accelerator.num_processes),
        )
        found: dict[str, Tensor] = {}
        generator = torch.Generator().manual_seed(self.config.seed * 1_000_003 + self.step)
        cuts = draw_cuts(batch.video.mask.shape[1], self.config.loss.disjoint, generator)
        inputs = tuple(t.to(device) for t in self.towers.inputs(mine, self.config.seed, self.step))

        def loss_of(*outputs: Tensor) -> Tensor:
            sides = side_batches(mine, self.towers.outputs, outputs, cuts, device)
            rows = gather_batch(PairBatch(*sides))
            if is_finite(rows):
                total, terms = self.objective(rows)
            else:  # known to all processes alike; the scaler leaves such a step out
                total, terms = torch.stack([torch.nan * output.sum() for output in outputs]).sum(), {}
            found.update(terms, total=total)
            scaler = self.accelerator.scaler
            if scaler is None and not torch.isfinite(total):
                self._fail(batch)
            return total if scaler is None else scaler.scale(total)

        self.optimiser.zero_grad(set_to_none=True)
        with self._seeded(self.config.seed * 1_000_003 + self.step + self.accelerator.process_index):  # dropout
            tower, rows = Cut(self.wrapped, cuts), self.config.chunk_rows
            if 0 < rows < len(mine.keys):
                GradientCache([tower], rows).backward([inputs], lambda outputs: loss_of(*outputs))
            else:
                loss_of(*tower(*inputs)).backward()
        return float(found.pop("total").item()), found

    def _epoch(self, report: Report) -> Report:
        """The row of an epoch: the mean loss of its steps, and the averaged model's figures."""
        began = time.perf_counter()
        losses, self.epoch_losses = self.epoch_losses, []
        epoch = len(self.history) + 1
        averaged = self.averaged()
        self.batches.refresh(averaged)
        figures = {} if self.judge is None else dict(self.judge(averaged))
        if figures.get("recall@10", -1.0) > self.best["recall@10"] and self.config.patience:
            weights = {name: value.clone() for name, value in self.mean.state_dict().items()}
            self.best = {"recall@10": figures["recall@10"], "epoch": epoch, "weights": weights}
        return {
            "epoch": epoch, "step": self.step, "loss": round(sum(losses) / max(len(losses), 1), 5), "lr": report["lr"],
            "skipped": self.skipped, "seconds": round(time.perf_counter() - began, 3), **figures,
        }  # fmt: skip

    def _is_over(self) -> bool:
        waits = len(self.history) - int(self.best["epoch"])
        return self.step >= self.steps or (0 < self.config.patience <= waits and bool(self.best["weights"]))

    def _count_skips(self, batch: Batch) -> None:
        """Steps that the scaler left out, because half precision did not hold them."""
        was_skipped = bool(self.accelerator.optimizer_step_was_skipped)
        self.skipped += was_skipped
        self.skipped_in_a_row = self.skipped_in_a_row + 1 if was_skipped else 0
        if self.skipped_in_a_row >= MOST_SKIPS:
            self._fail(batch)

    def _fail(self, batch: Batch) -> None:
        """Stop, and leave what the step saw."""
        if self._is_main:
            rows = {"keys": list(batch.keys), "video": batch.video.values, "audio": batch.audio.values}
            save_state(self.folder / FAILED, {**self._state(), "batch": rows})
        raise CrossmodalError(
            f"step {self.step}: the loss is not finite, with the rows {', '.join(batch.keys[:4])}"
            f"{' ...' if len(batch.keys) > 4 else ''}. Lower optimiser.lr and train again; "
            f"{self.folder / FAILED} holds weights and batch."
        )

    @property
    def _is_main(self) -> bool:
        return bool(self.accelerator.is_main_process)

    @contextmanager
    def _seeded(self, seed: int) -> Iterator[None]:
        """The global generator, which layers draw from, at `seed`; afterwards as it was."""
        devices = [self.accelerator.device] if self.accelerator.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(seed)
            yield
