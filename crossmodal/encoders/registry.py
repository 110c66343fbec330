"""Encoders by the names that a model's config uses."""

from difflib import get_close_matches

from crossmodal.encoders.encoder import CurvesEncoder
from crossmodal.errors import ConfigError
from crossmodal.features import Encoder, Side

ENCODERS: dict[str, type[CurvesEncoder]] = {"curves": CurvesEncoder}


def make_encoder(name: str, side: Side) -> Encoder:
    """The encoder called `name`, for one side.

    Raises:
        ConfigError: no encoder has that name.

    Example:
        >>> make_encoder("curves", "audio").channels
        48
    """
    if name not in ENCODERS:
        nearest = get_close_matches(name, ENCODERS, 1, 0.0)
        raise ConfigError(f"encoder: no encoder {name!r}. Did you mean {nearest[0]!r}?")
    return ENCODERS[name](side)
