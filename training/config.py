"""The settings of a training run: typed, from a preset or a YAML file, overridden by `key=value`."""

import difflib
from collections.abc import Sequence
from inspect import signature
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from crossmodal.errors import ConfigError
from crossmodal.losses import PAIR_LOSSES, CrossModalLoss, PairLoss, ProxyLoss, make_pair_loss, make_proxy_loss

PRESETS = Path(__file__).parent / "presets"


class Section(BaseModel):
    """A part of the settings; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DataConfig(Section):
    """What is trained on.

    Args:
        shares: how often a batch comes from each domain.
        few, many, loose: montages of one to three couplings, of whole edits, and of edits by other curves of the music.
        demo_pairs: procedural pairs of `crossmodal.demo`.
        held_out: share of the sources that is kept from training for `calibrate`.
        textures: pieces of procedural footage.
        exclude_groups: sources never trained on (README-real: freecol, where `real` is the judge).
    """

    shares: dict[str, float] = Field(
        default_factory=lambda: {"visual": 0.5, "montage": 0.42, "demo": 0.08, "manifest": 1.0}
    )
    few: int = Field(default=480, ge=0)
    many: int = Field(default=160, ge=0)
    loose: int = Field(default=100, ge=0)
    demo_pairs: int = Field(default=30, ge=0)
    held_out: float = Field(default=0.15, ge=0, lt=1)
    textures: int = Field(default=24, ge=0)
    exclude_groups: tuple[str, ...] = ("freecol",)


class AugmentConfig(Section):
    """Disturbance of the prepared curves, in their own units; jitter in seconds."""

    noise: float = Field(default=0.3, ge=0)
    level: float = Field(default=0.5, ge=0)
    drop: float = Field(default=0.2, ge=0, lt=1)
    jitter: float = Field(default=0.02, ge=0, le=0.1)


class OptimiserConfig(Section):
    """AdamW with a cosine, warm-up and an exponential mean of the weights."""

    lr: float = Field(default=2e-3, gt=0)
    weight_decay: float = Field(default=0.2, ge=0)
    warm_up: int = Field(default=30, ge=0)
    grad_norm: float = Field(default=1.0, gt=0)
    ema: float = Field(default=0.98, ge=0, lt=1)
    ema_from: int = Field(default=300, ge=0)


class LossConfig(Section):
    """A pair loss on vectors, one on sequences, and perhaps a loss by label.

    Args:
        vectors, sequences: keys of `crossmodal.losses.PAIR_LOSSES`.
        label: the manifests' label that is trained on, such as `genre`; None: none.
        labels: key of `PROXY_LOSSES` or `PAIR_LOSSES`: the loss by that label. It trains the model's second projection
            (`model.label_dim`), or the vectors where there is none.
        vector_options, sequence_options, label_options: arguments of their constructors.
        vector_weight, sequence_weight, label_weight: of the terms.
        disjoint: how often the vectors of a batch are taken of two halves that share nothing.
        max_scale: limit of the learned scales, of losses that have one.
    """

    vectors: str = "infonce"
    sequences: str = "infonce"
    label: str | None = None
    labels: str = "normface"
    vector_options: dict[str, Any] = Field(default_factory=dict)
    sequence_options: dict[str, Any] = Field(default_factory=dict)
    label_options: dict[str, Any] = Field(default_factory=dict)
    vector_weight: float = Field(default=1.0, ge=0)
    sequence_weight: float = Field(default=1.0, ge=0)
    label_weight: float = Field(default=1.0, ge=0)
    disjoint: float = Field(default=0.5, ge=0, le=1)
    max_scale: float = Field(default=60.0, gt=0)

    @model_validator(mode="after")
    def _losses_exist(self) -> Self:
        try:
            self.make(dim=4, classes=2)
        except ConfigError as error:
            raise ValueError(str(error)) from error
        return self

    def make(self, dim: int, classes: int) -> CrossModalLoss:
        """The loss of a run, its learned constants at their start.

        Args:
            dim: D of the vectors that a loss by label trains.
            classes: of the label.
        """
        return CrossModalLoss(
            vectors=self._part(self.vectors, self.vector_options) if self.vector_weight else None,
            sequences=self._part(self.sequences, self.sequence_options) if self.sequence_weight else None,
            labels=self._by_label(dim, classes) if self.label is not None and self.label_weight else None,
            vector_weight=self.vector_weight,
            sequence_weight=self.sequence_weight,
            label_weight=self.label_weight,
        )

    def _by_label(self, dim: int, classes: int) -> PairLoss | ProxyLoss:
        if self.labels in PAIR_LOSSES:
            return self._part(self.labels, self.label_options)
        return make_proxy_loss(self.labels, dim, classes, self.label_options)

    def _part(self, name: str, options: dict[str, Any]) -> PairLoss:
        has_scale = "max_scale" in signature(PAIR_LOSSES[name]).parameters if name in PAIR_LOSSES else False
        return make_pair_loss(name, {"max_scale": self.max_scale, **options} if has_scale else options)


class Config(Section):
    """All settings of a run.

    Args:
        steps: of the optimiser.
        batch: rows.
        passage: shortest and longest seconds of the passages that are compared; one length a batch.
        checkpoint_every: steps between two states to resume from.
        model: keys of the model's own configuration that differ from its defaults.
    """

    seed: int = 0
    steps: int = Field(default=900, ge=1)
    batch: int = Field(default=64, ge=2)
    passage: tuple[float, float] = (9.0, 12.0)
    checkpoint_every: int = Field(default=100, ge=1)
    data: DataConfig = DataConfig()
    augment: AugmentConfig = AugmentConfig()
    optimiser: OptimiserConfig = OptimiserConfig()
    loss: LossConfig = LossConfig()
    model: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _shortest_first(self) -> Self:
        if not 1 < self.passage[0] <= self.passage[1]:
            raise ValueError(f"passage is {list(self.passage)}; it must be the shortest and the longest, above 1 s")
        return self


def load_config(preset: str | Path | None = None, overrides: Sequence[str] = ()) -> Config:
    """The settings of a preset or YAML file with `key=value` overrides (`optimiser.lr=1e-3`).

    Args:
        preset: name in `training/presets`, a path to a YAML file, or None for the defaults.
        overrides: dotted keys and YAML values.

    Raises:
        ConfigError: no such preset, not YAML, an unknown key, a value out of range.

    Example:
        >>> load_config(None, ["steps=3", "optimiser.lr=1e-3"]).optimiser.lr
        0.001
    """
    settings: dict[str, Any] = _read(preset) if preset is not None else {}
    for text in overrides:
        key, sign, value = text.partition("=")
        if not sign:
            raise ConfigError(f"'{text}' is no setting. Write key=value, e.g. steps=300.")
        _assign(settings, key.strip().split("."), _value(value))
    try:
        return Config.model_validate(settings)
    except ValidationError as error:
        raise ConfigError(_explain(error, str(preset or "settings"))) from error


def _read(preset: str | Path) -> dict[str, Any]:
    path = Path(preset)
    if path.suffix not in {".yaml", ".yml"}:
        path = PRESETS / f"{preset}.yaml"
    if not path.is_file():
        names = sorted(p.stem for p in PRESETS.glob("*.yaml"))
        raise ConfigError(f"no preset '{preset}'. There are: {', '.join(names)}; or name a file that ends in .yaml.")
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise ConfigError(f"{path.name}: not YAML: {error}") from error
    if not isinstance(settings, dict):
        raise ConfigError(f"{path.name}: settings must be keys and values.")
    return settings


def _value(text: str) -> Any:
    value = yaml.safe_load(text)
    if isinstance(value, str):  # YAML 1.1 reads 1e-3 as a word
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _assign(settings: dict[str, Any], path: list[str], value: Any) -> None:
    for key in path[:-1]:
        inner = settings.setdefault(key, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"{'.'.join(path)}: '{key}' is a value and has no keys inside.")
        settings = inner
    settings[path[-1]] = value


def _explain(error: ValidationError, where: str) -> str:
    first = error.errors()[0]
    place = [str(part) for part in first["loc"]]
    if first["type"] != "extra_forbidden":
        at = f"{'.'.join(place)}: " if place else ""
        return f"{where}: {at}{first['msg'].removeprefix('Value error, ')}, got {_short(first['input'])}."
    section: Any = Config
    for part in place[:-1]:
        section = section.model_fields[part].annotation
    close = difflib.get_close_matches(place[-1], section.model_fields, n=1)
    hint = f" Did you mean '{close[0]}'?" if close else f" There are: {', '.join(section.model_fields)}."
    return f"{where}: no setting '{'.'.join(place)}'.{hint}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:39] + "…"
