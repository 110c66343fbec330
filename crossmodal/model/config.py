"""What a two-tower model is made of: the settings in `config.json`, checked, the nearest key named for a wrong one."""

import difflib
import types
import typing
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

FORMAT = 1
# Settings that models were made before: they stand in no fingerprint while they have their defaults.
LATER = ("label_dim", "tower", "layers", "step", "depth", "attention_heads")

Count = Annotated[int, Field(gt=0)]
Channel = Annotated[int, Field(ge=0)]


class LevelConfig(BaseModel):
    """Which channels of a side carry its level, so that the tower can take the loudness off.

    The loudness is the mean power of `reference` over the medium or span.

    Args:
        reference: channel that holds the level in decibels.
        shift: channels in decibels that a gain adds to: the loudness is subtracted.
        scale: channels in amplitude that a gain multiplies: divided by the loudness.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    reference: Channel
    shift: tuple[Channel, ...] = ()
    scale: tuple[Channel, ...] = ()


class SideConfig(BaseModel):
    """What stands before one tower.

    Args:
        encoder: name in `crossmodal.encoders.ENCODERS`, or a pretrained checkpoint: OWNER/NAME, or a folder (one
            inside the model's folder goes first).
        encoder_fingerprint: the encoder that the tower was trained on; empty: whichever is installed.
        channels: C of its Features.
        level: how loudness is taken off; None: there is none (pictures).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    encoder: str = "curves"
    encoder_fingerprint: str = ""
    channels: Count
    level: LevelConfig | None = None

    @model_validator(mode="after")
    def _level_inside(self) -> Self:
        if self.level is not None:
            highest = max([self.level.reference, *self.level.shift, *self.level.scale])
            if highest >= self.channels:
                raise ValueError(f"level names channel {highest}, but there are {self.channels}, counted from 0")
        return self


class ModelConfig(BaseModel):
    """Settings of a `TwoTowerModel`; defaults are the compact model's.

    Args:
        format: version of this file's format.
        name: what the model calls itself.
        hop: seconds from row to row of Features and sequence.
        video, audio: what stands before each tower.
        width: channels inside a tower.
        kernel: taps of a convolution, odd.
        dilations: one gated convolution each.
        heads, head_dim: H and d of the sequence; no heads: no sequence, media are compared by their vectors alone.
        vector_dim: D of the global vector.
        label_dim: D of a second projection, trained by label; 0: there is none.
        lag_channels: learned curves whose autocorrelation is taken.
        lags: the autocorrelation's lags, 1 .. lags hops.
        hidden: width of the global head's hidden layer.
        dropout: in training, inside the tower and the global head.
        clip: standardised curves are held within plus and minus this.
        segment_length, segment_hop: seconds, of the windows that get a vector each.
        tower: key of `crossmodal.model.towers.TOWERS`. `width`, `kernel`, `dilations`, `lag_channels`, `lags` and
            `hidden` are of `conv`; `transformer` has `width` and `hidden` (of its feed-forward layers) too.
        layers: widths of the hidden layers of `pooled`.
        step: seconds that `transformer` takes together.
        depth, attention_heads: its layers, and heads of each.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    name: str = "compact"
    hop: Annotated[float, Field(gt=0)] = 0.1
    video: SideConfig = SideConfig(channels=37)
    audio: SideConfig = SideConfig(channels=48)
    width: Count = 48
    kernel: Count = 3
    dilations: tuple[Count, ...] = (1, 2, 4, 8)
    heads: Annotated[int, Field(ge=0)] = 8
    head_dim: Count = 2
    vector_dim: Count = 128
    label_dim: Annotated[int, Field(ge=0)] = 0
    lag_channels: Count = 8
    lags: Count = 48
    hidden: Count = 128
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    clip: Annotated[float, Field(gt=0)] = 5.0
    segment_length: Annotated[float, Field(gt=0)] = 12.0
    segment_hop: Annotated[float, Field(gt=0)] = 6.0
    tower: Literal["conv", "pooled", "transformer"] = "conv"
    layers: tuple[Count, ...] = (256,)
    step: Annotated[float, Field(gt=0)] = 1.0
    depth: Count = 2
    attention_heads: Count = 4

    @model_validator(mode="after")
    def _odd_kernel(self) -> Self:
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel is {self.kernel}; it must be odd")
        return self

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        if self.tower == "transformer" and self.width % self.attention_heads:
            raise ValueError(f"width is {self.width}; attention_heads, {self.attention_heads}, must divide it")
        return self

    def identity(self) -> str:
        """What a fingerprint is taken over: settings that came later count only where they are used."""
        fields = type(self).model_fields
        return self.model_dump_json(exclude={name for name in LATER if getattr(self, name) == fields[name].default})

    @property
    def reach(self) -> int:
        """How many rows to each side a row of a tower's output depends on."""
        return sum(self.dilations) * (self.kernel // 2)


def explain(error: ValidationError, schema: type[BaseModel]) -> str:
    """The first fault of a settings file in one line; an unknown key is answered with the nearest valid one.

    Args:
        error: what pydantic raised while reading `schema`.
        schema: the settings' class.

    Example:
        >>> try:
        ...     ModelConfig.model_validate({"widht": 3})
        ... except ValidationError as error:
        ...     explain(error, ModelConfig)
        "no key 'widht'. Did you mean 'width'?"
    """
    first = error.errors()[0]
    path = [str(part) for part in first["loc"]]
    where = ".".join(path)
    if first["type"] == "extra_forbidden":
        known = _keys_at(schema, path[:-1])
        near = difflib.get_close_matches(path[-1], known, n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]!r}?" if near else f"Valid keys: {', '.join(sorted(known))}."
        return f"no key {where!r}. {hint}"
    message = first["msg"].removeprefix("Value error, ")
    return f"{where}: {message}" if where else message


def _keys_at(schema: type[BaseModel], path: list[str]) -> list[str]:
    for part in path:
        field = schema.model_fields.get(part)
        inner = None if field is None else _model_in(field.annotation)
        if inner is None:
            break
        schema = inner
    return list(schema.model_fields)


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return next((found for arg in typing.get_args(annotation) if (found := _model_in(arg))), None)
    return None
