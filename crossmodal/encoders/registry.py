"""Encoders by the names that a model's config uses."""

from difflib import get_close_matches
from pathlib import Path

from crossmodal.encoders.encoder import CurvesEncoder
from crossmodal.errors import ConfigError
from crossmodal.features import Encoder, Side

ENCODERS: dict[str, type[CurvesEncoder]] = {"curves": CurvesEncoder}


def make_encoder(name: str, side: Side) -> Encoder:
    """The encoder called `name`, for one side: one of `ENCODERS`, or a pretrained checkpoint by OWNER/NAME or folder.

    Raises:
        ConfigError: no encoder has that name.
        ModelError: the checkpoint cannot be loaded.

    Example:
        >>> make_encoder("curves", "audio").channels
        48
    """
    if name in ENCODERS:
        return ENCODERS[name](side)
    if "/" in name or Path(name).is_dir():
        from crossmodal.encoders.pretrained import PretrainedEncoder  # loads torch and transformers

        return PretrainedEncoder(name, side)
    nearest = get_close_matches(name, ENCODERS, 1, 0.0)
    raise ConfigError(
        f"encoder: no encoder {name!r}. Did you mean {nearest[0]!r}? "
        "A pretrained one is named OWNER/NAME, or by its folder."
    )
