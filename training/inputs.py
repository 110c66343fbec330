"""What a run is trained and judged on: manifests of one's own, or the data folder of the bundled model."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crossmodal.errors import ConfigError
from crossmodal.features import FeatureStore, Side
from crossmodal.manifest import read_rows
from crossmodal.model import TwoTowerModel
from training.config import Config
from training.data.compact import training_domains, validation_pairs
from training.data.manifest import ManifestPairs, read_pairs, refuse_none
from training.data.pairs import Pair
from training.data.raw_pairs import RawManifestPairs, encoded_pairs, read_raw_pairs, trained_encoders
from training.progress import Tell


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

    def __post_init__(self) -> None:
        if bool(self.manifests) == (self.data is not None):
            raise ConfigError(
                "train needs either manifests (--manifest FILE) or the data folder (--data DIR), and not both."
            )


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """Pairs of Features; of raw media, where encoders are trained.

    Args:
        domains: what is trained on, by name.
        validation: what the epochs are judged on; empty: nothing is held out.
        failed: (id, reason) of rows that could not be used.
        networks: encoders that are trained, by side.
    """

    domains: dict[str, list[Any]]
    validation: list[Any] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    networks: dict[Side, Any] = field(default_factory=dict)

    def held_out(self, model: TwoTowerModel) -> list[Pair]:
        """The validation rows as Features; where networks are trained, of those that the model has now."""
        if not self.networks:
            return self.validation
        encoders = {side: model.encoders[side] for side in self.networks}
        return encoded_pairs(self.validation, encoders, model.config.hop)


def gather(inputs: Inputs, config: Config, model: TwoTowerModel, store: FeatureStore, tell: Tell) -> Material:
    """Decode what is not in the store yet, and list what cannot be used.

    Of a manifest with splits the rows of `train` are trained on and those of `val` judged on; one without is trained
    on whole. Of the data folder whole sources are held out for the judging (`data.held_out`).

    Raises:
        ManifestError, MediaError: as the inputs give, and where none of the rows can be used.
    """
    networks = trained_encoders(model) if config.encoder.blocks else {}
    if inputs.data is not None:
        if networks:
            raise ConfigError("--data is for models on stored Features. Name a manifest to train encoders on.")
        domains: dict[str, list[Any]] = {
            **training_domains(inputs.data, config.data, store, seed=config.seed, progress=tell)
        }
        return Material(domains, validation_pairs(inputs.data, config.data, store, tell))
    material = Material({}, networks=networks)
    for path in inputs.manifests:
        splits = {row.split for row in read_rows(path, root=inputs.root).rows}
        material.domains[path.stem] = []
        for split, pairs in (("train", material.domains[path.stem]), ("val", material.validation)):
            if split in splits or split == "train":
                found = _read(path, split if "train" in splits else None, inputs.root, model, networks, store, tell)
                pairs += found.pairs
                material.failed.extend(found.failed)
    refuse_none(inputs.manifests[0], [pair for pairs in material.domains.values() for pair in pairs], material.failed)
    return material


def _read(
    path: Path,
    split: str | None,
    root: Path | None,
    model: TwoTowerModel,
    networks: dict[Side, Any],
    store: FeatureStore,
    tell: Tell,
) -> ManifestPairs | RawManifestPairs:
    def told(done: int, total: int) -> None:
        tell("rows", done, total)

    if networks:
        return read_raw_pairs(path, store, model, networks, split=split, root=root, progress=told)
    return read_pairs(path, store, split=split, root=root, model=model, progress=told)


def shares(domains: dict[str, list[Any]], config: Config) -> dict[str, float]:
    """How often a batch comes from each domain: by its name in `data.shares`, else that of `manifest`."""
    named = config.data.shares
    return {name: named.get(name, named.get("manifest", 1.0)) for name in domains}
