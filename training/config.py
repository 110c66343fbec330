"""The settings of a training run: typed, from a preset or a YAML file, overridden by `key=value`."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from crossmodal.errors import ConfigError
from training.data.augment import RawAugment
from training.objective import Objective

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
        time: of the music of a pair: `aligned` with its clip, or `shuffled`: another passage of it, drawn at random.
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
    time: Literal["aligned", "shuffled"] = "aligned"
    exclude_groups: tuple[str, ...] = ("freecol",)


class AugmentConfig(Section):
    """Disturbance of curves; of raw media, see `raw`.

    Args:
        noise, level: deviation of the noise on each value, and of each channel's offset, in deviations of the curves.
        drop: share of the channels that a row lacks.
        jitter: seconds by which picture and sound of a row are out of step, at most.
        tempo: picture and sound of a row are slowed down or sped up together, between 1 / (1 + tempo) and 1 + tempo.
    """

    noise: float = Field(default=0.3, ge=0)
    level: float = Field(default=0.5, ge=0)
    drop: float = Field(default=0.2, ge=0, lt=1)
    jitter: float = Field(default=0.02, ge=0, le=0.1)
    tempo: float = Field(default=0, ge=0, le=1)


class OptimiserConfig(Section):
    """AdamW with warm-up, a schedule and an exponential mean of the weights.

    Args:
        lr: rate of the towers and of what the losses learn.
        weight_decay: of weights with more than one axis; 0 is Adam.
        schedule: after the warm-up: `cosine` to 0 over the steps left, or `constant`.
        warm_up: steps.
        grad_norm: gradients are clipped to it.
        ema, ema_from: decay of the mean, and the step it begins at.
    """

    lr: float = Field(default=2e-3, gt=0)
    weight_decay: float = Field(default=0.2, ge=0)
    schedule: Literal["cosine", "constant"] = "cosine"
    warm_up: int = Field(default=30, ge=0)
    grad_norm: float = Field(default=1.0, gt=0)
    ema: float = Field(default=0.98, ge=0, lt=1)
    ema_from: int = Field(default=300, ge=0)


class EncoderConfig(Section):
    """What is trained of encoders that have a network (`log_mel`, `r2plus1d_18`, a pretrained checkpoint).

    Args:
        blocks: how many of its last blocks are trained; -1: all; 0: none, and its Features are kept in the store.
        lr_share: rate of the last block, as a share of the towers'.
        layer_decay: the rate of each block is that of the next one times this.
    """

    blocks: int = Field(default=0, ge=-1)
    lr_share: float = Field(default=0.1, gt=0)
    layer_decay: float = Field(default=1.0, gt=0, le=1)


class LossConfig(Section):
    """The terms of the loss, each any loss of the family by its key.

    Args:
        name: shorthand: sets `vectors` and `sequences`.
        vectors, sequences: keys of `crossmodal.losses.PAIR_LOSSES`, on the global vectors and on the sequences.
        within: key of `PAIR_LOSSES`, on the vectors of each side among themselves; None: none.
        structure: key of `STRUCTURE_LOSSES`: each side before and after its tower; None: none.
        label: what a loss by label looks at: a label of the manifests, such as `genre`, or `music_id`; None: nothing.
        labels: key of `PROXY_LOSSES` or `PAIR_LOSSES`: the loss by that label. It trains the model's second projection
            (`model.label_dim`), or the vectors where there is none.
        memory: rows of earlier batches that the vectors are compared with too (XBM); 0: none.
        *_options: arguments of their constructors.
        *_weight: of the terms; the memory's stands beside that of the vectors.
        direction_weights: of video to music and of music to video.
        disjoint: how often the vectors of a batch are taken of two halves that share nothing.
        max_scale: limit of the learned scales, of losses that have one.
    """

    name: str | None = None
    vectors: str = "infonce"
    sequences: str = "infonce"
    within: str | None = None
    structure: str | None = None
    label: str | None = None
    labels: str = "normface"
    memory: int = Field(default=0, ge=0)
    vector_options: dict[str, Any] = Field(default_factory=dict)
    sequence_options: dict[str, Any] = Field(default_factory=dict)
    within_options: dict[str, Any] = Field(default_factory=dict)
    structure_options: dict[str, Any] = Field(default_factory=dict)
    label_options: dict[str, Any] = Field(default_factory=dict)
    vector_weight: float = Field(default=1.0, ge=0)
    sequence_weight: float = Field(default=1.0, ge=0)
    within_weight: float = Field(default=1.0, ge=0)
    structure_weight: float = Field(default=1.0, ge=0)
    label_weight: float = Field(default=1.0, ge=0)
    memory_weight: float = Field(default=1.0, ge=0)
    direction_weights: tuple[float, float] = (1.0, 1.0)
    disjoint: float = Field(default=0.5, ge=0, le=1)
    max_scale: float = Field(default=60.0, gt=0)

    @model_validator(mode="before")
    @classmethod
    def _spell_out(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("name") is not None:
            named = values["name"]
            return {"vectors": named, "sequences": named, **{k: v for k, v in values.items() if k != "name"}}
        return values

    @model_validator(mode="after")
    def _losses_exist(self) -> Self:
        try:
            Objective.of(self, dim=4, label_dim=4, classes=2)
        except ConfigError as error:
            raise ValueError(str(error)) from error
        return self


class Config(Section):
    """All settings of a run.

    Args:
        steps: of the optimiser.
        epochs: instead of steps: how often every music is come by on the average.
        batch: rows that are compared with each other, of all processes together.
        chunk_rows: rows that the towers hold at a time (gradient caching); 0: all. The gradients are the batch's.
        precision: `no` (float32), `bf16` or `fp16`.
        passage: shortest and longest seconds of the passages that are compared; one length a batch.
        per_class: rows of each class in a batch (P x K by `loss.label`); 0: each music once, whatever its class.
        hard_negatives: rows that each anchor of a batch brings along because the model takes their music for its own;
            0: all rows are drawn at random.
        patience: epochs without a better recall@10 on the validation rows after which a run ends, with the weights of
            its best epoch; 0: it runs to the end and keeps the last.
        checkpoint_every: steps between two states to resume from.
        workers: processes that decode and augment raw media.
        raw: how raw media are disturbed, where an encoder is trained; `augment` then still disturbs its rows.
        model: keys of the model's own configuration that differ from its defaults.
    """

    seed: int = 0
    steps: int = Field(default=900, ge=1)
    epochs: int | None = Field(default=None, ge=1)
    batch: int = Field(default=64, ge=2)
    chunk_rows: int = Field(default=0, ge=0)
    precision: Literal["no", "bf16", "fp16"] = "no"
    passage: tuple[float, float] = (9.0, 12.0)
    per_class: int = Field(default=0, ge=0)
    hard_negatives: int = Field(default=0, ge=0)
    patience: int = Field(default=0, ge=0)
    checkpoint_every: int = Field(default=100, ge=1)
    workers: int = Field(default=2, ge=0)
    data: DataConfig = DataConfig()
    augment: AugmentConfig = AugmentConfig()
    raw: RawAugment = RawAugment()
    optimiser: OptimiserConfig = OptimiserConfig()
    encoder: EncoderConfig = EncoderConfig()
    loss: LossConfig = LossConfig()
    model: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if not 1 < self.passage[0] <= self.passage[1]:
            raise ValueError(f"passage is {list(self.passage)}; it must be the shortest and the longest, above 1 s")
        if self.per_class and self.loss.label is None:
            raise ValueError("per_class needs a label: set loss.label")
        if self.per_class and self.hard_negatives:
            raise ValueError(
                "per_class and hard_negatives exclude each other: a batch has several rows of a class, or "
                "each music once"
            )
        if self.hard_negatives and self.encoder.blocks:
            raise ValueError("hard_negatives looks at stored Features, and encoder.blocks trains what makes them")
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
