"""One training run, from inputs to a model folder: the bundled model, or a model of one's own manifests."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from crossmodal.errors import ConfigError
from crossmodal.features import FeatureStore
from crossmodal.model import TwoTowerModel
from crossmodal.model.compact import compact_config
from training.calibration import calibrate
from training.config import Config, load_config
from training.data.batches import Batches
from training.data.compact import calibration_pairs, training_domains
from training.data.manifest import read_pairs
from training.data.pairs import Pair
from training.loop import Trainer
from training.tracking import Report

CONFIG = "training.json"
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a run reads.

    Args:
        manifests: pairs of one's own; each is a domain.
        data: the data folder of the bundled model; not together with manifests.
        root: what relative paths of the manifests start from.
    """

    manifests: tuple[Path, ...] = ()
    data: Path | None = None
    root: Path | None = None


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
    progress: Progress | None = None,
) -> RunResult:
    """Train and write a model folder; with the data folder, its calibration too.

    Args:
        inputs: manifests, or the data folder.
        out: folder of the run: model, log, state.
        preset: name or YAML file.
        settings: `key=value` overrides.
        store_path: of the feature store; None is the user's cache.
        resume: go on where the run stopped.
        progress: told (what, done, total).

    Raises:
        ConfigError: neither or both inputs; settings that do not hold; a run in `out` without `resume`.
        ManifestError, MediaError: as the inputs give.
    """
    config = load_config(preset, settings)
    tell = progress or (lambda name, done, total: None)
    if bool(inputs.manifests) == (inputs.data is not None):
        raise ConfigError(
            "train needs either manifests (--manifest FILE) or the data folder (--data DIR), and not both."
        )
    if (out / CONFIG).is_file() and not resume:
        raise ConfigError(f"{out}: holds a run already. Go on with --resume, or train into another folder.")
    with FeatureStore(store_path) as store:
        domains, failed = _domains(inputs, config, store, tell)
        batches = Batches(
            domains,
            _shares(domains, config),
            size=config.batch,
            passage=config.passage,
            seed=config.seed,
            label=config.loss.label,
        )
        if batches.labels is not None and not batches.labels.classes:
            raise ConfigError(f"loss.label: no row has the label '{config.loss.label}'. Name one that the rows have.")
        trainer = Trainer(new_model(config), batches, config, out)
        if not (resume and trainer.resume()):
            trainer.fit_preparation()
        (out / CONFIG).write_text(config.model_dump_json(indent=2) + "\n", encoding="utf-8")
        report = {"loss": float("nan")}

        def told(step: int, steps: int, line: Report) -> None:
            report["loss"] = float(line["loss"])
            tell("training", step, steps)

        model = trainer.run(told)
        model.save_pretrained(out)
        if inputs.data is not None:
            held_out = calibration_pairs(inputs.data, config.data, store, tell)
            calibrate(held_out, model, progress=lambda done, total: tell("calibration", done, total)).save(out)
    rows = {name: len(pairs) for name, pairs in domains.items()}
    return RunResult(out, trainer.step, report["loss"], rows, _notes(batches), failed)


def new_model(config: Config) -> TwoTowerModel:
    """An untrained compact model; its weights depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):  # layers draw their first weights from the global generator
        torch.manual_seed(config.seed)
        return TwoTowerModel(compact_config(**config.model))


def _domains(
    inputs: Inputs, config: Config, store: FeatureStore, tell: Progress
) -> tuple[dict[str, list[Pair]], list[tuple[str, str]]]:
    if inputs.data is not None:
        return training_domains(inputs.data, config.data, store, seed=config.seed, progress=tell), []
    domains, failed = {}, []
    model = new_model(config)  # for its encoders and its hop
    for path in inputs.manifests:
        found = read_pairs(
            path,
            store,
            split=_train_split(path),
            root=inputs.root,
            model=model,
            progress=lambda d, t: tell("rows", d, t),
        )
        domains[path.stem] = found.pairs
        failed += found.failed
    return domains, failed


def _train_split(path: Path) -> str | None:
    """`train` where the manifest has that split; a manifest without splits is trained on whole."""
    from crossmodal.manifest import read_rows

    return "train" if any(row.split == "train" for row in read_rows(path).rows) else None


def _shares(domains: dict[str, list[Pair]], config: Config) -> dict[str, float]:
    shares = config.data.shares
    return {name: shares.get(name, shares.get("manifest", 1.0)) for name in domains}


def _notes(batches: Batches) -> list[str]:
    return [
        f"{name}: {count} musics, so batches of this domain have {count} rows and not {batches.size}"
        for name, count in batches.shrunk().items()
    ]
