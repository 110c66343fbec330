"""One training run, from inputs to a model folder with its card: the bundled model, or one of one's own manifests."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator, InitProcessGroupKwargs

from crossmodal.errors import ConfigError, ManifestError
from crossmodal.features import FeatureStore
from crossmodal.model import TwoTowerModel
from crossmodal.model.compact import compact_config
from training.calibration import calibrate
from training.config import Config, load_config
from training.data.batches import Batches
from training.data.compact import calibration_pairs
from training.data.hard_batches import HardBatches
from training.data.raw import RawBatches
from training.evaluation import retrieval
from training.inputs import Inputs, Material, gather, shares
from training.loop import Judge, Trainer
from training.progress import Tell
from training.run_card import RunFacts, command, run_card, write_curves
from training.tracking import Report

CONFIG = "training.json"
PATIENCE = timedelta(days=2)  # of processes that wait while the first one decodes


@dataclass(frozen=True, slots=True, eq=False)
class RunResult:
    """What a run left.

    Args:
        folder: of the model.
        steps: done in all.
        loss: of the last step.
        rows: pairs trained on, by domain.
        notes: what a person should know.
        failed: (id, reason) of rows that could not be used.
    """

    folder: Path
    steps: int
    loss: float
    rows: dict[str, int]
    notes: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The run in a few lines."""
        rows = ", ".join(f"{count} {name}" for name, count in self.rows.items())
        failed = [f"{row}: {reason}" for row, reason in self.failed]
        return [*self.notes, *failed, f"{self.steps} steps on {rows} pairs; loss of the last step {self.loss:.3f}"]


def train_run(
    inputs: Inputs,
    out: Path,
    *,
    preset: str | Path | None = "compact",
    settings: Sequence[str] = (),
    store_path: Path | None = None,
    resume: bool = False,
    tell: Tell | None = None,
) -> RunResult:
    """Train and write a model folder: weights, calibration, card, curves.

    Args:
        inputs: manifests, or the data folder.
        out: folder of the run: model, logs, state.
        preset: name or YAML file.
        settings: `key=value` overrides.
        store_path: of the feature store; None is the user's cache.
        resume: go on where the run stopped.
        tell: told how far each part is.

    Raises:
        ConfigError: settings that do not hold; a run in `out` without `resume`.
        ManifestError, MediaError: as the inputs give.
        CrossmodalError: the loss is no longer finite, or there is no room.
    """
    config, tell = load_config(preset, settings), tell or _quiet
    if (out / CONFIG).is_file() and not resume:
        raise ConfigError(f"{out}: holds a run already. Go on with --resume, or train into another folder.")
    accelerator = Accelerator(
        mixed_precision=config.precision, kwargs_handlers=[InitProcessGroupKwargs(timeout=PATIENCE)]
    )
    with FeatureStore(store_path) as store:
        model = new_model(config)
        with accelerator.main_process_first():  # the others find what the first one decoded in the store
            material = gather(inputs, config, model, store, tell)
        trainer = Trainer(
            model,
            make_batches(material, config, model.config.hop),
            config,
            out,
            judge=_judge(material),
            accelerator=accelerator,
            networks=material.networks,
        )
        if not (resume and trainer.resume()):
            trainer.fit_preparation()
        if accelerator.is_main_process:
            (out / CONFIG).write_text(config.model_dump_json(indent=2) + "\n", encoding="utf-8")
        last: Report = {"loss": float("nan")}

        def told(step: int, steps: int, report: Report) -> None:
            last.update(report)
            tell("training", step, steps, _note(last))

        trained = trainer.run(told)
        notes = _notes(trainer.batches, material)
        if accelerator.is_main_process:
            said = _calibrate(trained, inputs, config, material, store, out, tell)
            notes += [said] if said.startswith("Its scores are not") else []
            _write_card(trained, trainer, material, out, command(preset, list(settings), list(inputs.manifests),
                                                                 inputs.data), said)  # fmt: skip
    rows = {name: len(pairs) for name, pairs in material.domains.items()}
    loss = float(last["loss"]) if last["loss"] != "skipped" else float("nan")
    return RunResult(out, trainer.step, loss, rows, notes, material.failed)


def new_model(config: Config) -> TwoTowerModel:
    """An untrained model; its weights depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):  # layers draw their first weights from the global generator
        torch.manual_seed(config.seed)
        return TwoTowerModel(compact_config(**config.model))


def make_batches(material: Material, config: Config, hop: float) -> Batches:
    """What is drawn of the pairs.

    Raises:
        ConfigError: no row has the label that is trained on, or no domain is ever drawn.
        ManifestError: nothing to tell apart.
    """
    how: dict[str, Any] = {
        "size": config.batch,
        "passage": config.passage,
        "seed": config.seed,
        "label": config.loss.label,
        "per_class": config.per_class,
        "time": config.data.time,
        "hop": hop,
    }
    odds = shares(material.domains, config)
    _check_drawn([pairs for name, pairs in material.domains.items() if odds[name] > 0])
    if material.networks:
        readers = {side: encoder.reader for side, encoder in material.networks.items()}
        raw = {"readers": readers, "augment": config.raw, "workers": config.workers}
        batches: Batches = RawBatches(material.domains, odds, **raw, **how)  # type: ignore[arg-type]
    elif config.hard_negatives:
        how |= {"per_anchor": config.hard_negatives, "tempo": config.augment.tempo}
        batches = HardBatches(material.domains, odds, **how)
    else:
        batches = Batches(material.domains, odds, tempo=config.augment.tempo, **how)
    if batches.labels is not None and not batches.labels.classes:
        raise ConfigError(f"loss.label: no row has the label '{config.loss.label}'. Name one that the rows have.")
    return batches


def _check_drawn(drawn: list[list[Any]]) -> None:
    if not drawn:
        raise ConfigError("data.shares: no domain has a share above 0, so no batch can be drawn.")
    if all(len({pair.music_id for pair in pairs}) < 2 for pairs in drawn):
        count = sum(map(len, drawn))
        raise ManifestError(
            "train",
            None,
            f"{count} rows that can be used, of one music: two are the least, since it learns to tell them apart.",
        )


def _judge(material: Material) -> Judge | None:
    if len(material.validation) < 2:
        return None
    return lambda model: retrieval(material.held_out(model), model)


def _calibrate(
    model: TwoTowerModel,
    inputs: Inputs,
    config: Config,
    material: Material,
    store: FeatureStore,
    out: Path,
    tell: Tell,
) -> str:
    """Fit the scores to pairs that were not trained on, where there are enough; a sentence on what they mean."""
    pairs = material.held_out(model)
    if inputs.data is not None:
        pairs = calibration_pairs(inputs.data, config.data, store, tell)
    model.save_pretrained(out)
    try:
        calibrate(pairs, model, progress=lambda done, total: tell("calibration", done, total)).save(out)
    except ManifestError as error:
        return f"Its scores are not calibrated ({error}): it ranks, and shows no score. Later: `crossmodal calibrate`."
    return f"Its scores are calibrated on {len(pairs)} pairs that it was not trained on (`calibration.json`)."


def _write_card(
    model: TwoTowerModel, trainer: Trainer, material: Material, out: Path, command: str, calibration: str
) -> None:
    write_curves(out)
    facts = RunFacts(
        command=command,
        fingerprint=model.fingerprint,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        rows={name: len(pairs) for name, pairs in material.domains.items()},
        held_out=len(material.validation),
        history=trainer.history,
        chosen=int(trainer.best["epoch"]) or len(trainer.history),
        calibration=calibration,
    )
    (out / "README.md").write_text(run_card(facts, trainer.config), encoding="utf-8")


def _note(report: Report) -> str:
    recall = f" · recall@10 {float(report['recall@10']):.2f}" if "recall@10" in report else ""
    loss = f"loss {report['loss']:.2f}" if isinstance(report["loss"], float) else str(report["loss"])
    return f"{loss}{recall} · {float(report['rows_per_second']):.0f} rows/s"


def _notes(batches: Batches, material: Material) -> list[str]:
    shrunk = [
        f"{name}: {count} musics, so batches of this domain have {count} rows and not {batches.size}"
        for name, count in batches.shrunk().items()
    ]
    lonely = len(material.validation) < 2
    return shrunk + (["no rows with split 'val': nothing was held out to judge the epochs by"] if lonely else [])


def _quiet(name: str, done: int, total: int, note: str = "") -> None:
    """Nobody listens."""
