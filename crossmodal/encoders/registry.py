"""Encoders by the names that a model's config uses."""

from difflib import get_close_matches
from pathlib import Path

from crossmodal.encoders.encoder import CurvesEncoder
from crossmodal.errors import ConfigError
from crossmodal.features import Encoder, Side

ENCODERS: dict[str, type[CurvesEncoder]] = {"curves": CurvesEncoder}
# Sides only: what they are made of is read when one is made, as children that decode import this module.
NETWORKS: dict[str, Side] = {"r2plus1d_18": "video", "swin3d_t": "video", "log_mel": "audio"}


def make_encoder(name: str, side: Side) -> Encoder:
    """The encoder called `name`, for one side.

    Args:
        name: one of `ENCODERS`; a network of `NETWORKS`, with first weights; the folder of a trained one; or a
            pretrained checkpoint by OWNER/NAME or folder.
        side: `video` or `audio`.

    Raises:
        ConfigError: no encoder has that name, or it is one of the other side.
        ModelError: the checkpoint cannot be loaded.

    Example:
        >>> make_encoder("curves", "audio").channels
        48
    """
    if name in ENCODERS:
        return ENCODERS[name](side)
    if name in NETWORKS:
        return _network(name, side)
    if (Path(name) / "encoder.json").is_file():
        from crossmodal.encoders.network_encoder import NetworkEncoder  # loads torch

        return NetworkEncoder.load(name, side)
    if "/" in name or Path(name).is_dir():
        from crossmodal.encoders.pretrained import PretrainedEncoder  # loads torch and transformers

        return PretrainedEncoder(name, side)
    nearest = get_close_matches(name, [*ENCODERS, *NETWORKS], 1, 0.0)
    raise ConfigError(
        f"encoder: no encoder {name!r}. Did you mean {nearest[0]!r}? "
        "A pretrained one is named OWNER/NAME, or by its folder."
    )


def _network(name: str, side: Side) -> Encoder:
    if NETWORKS[name] != side:
        fitting = " or ".join(known for known, its_side in NETWORKS.items() if its_side == side)
        raise ConfigError(f"encoder: {name!r} is one of {NETWORKS[name]}. For {side} name {fitting}.")
    from crossmodal.encoders.network_encoder import NetworkEncoder  # loads torch
    from crossmodal.encoders.network_settings import DEFAULTS

    return NetworkEncoder(DEFAULTS[name])
