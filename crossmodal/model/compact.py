"""The compact model's settings: both towers on curves, 10 rows a second; or on other encoders, by their names."""

from pydantic import ValidationError

from crossmodal.encoders import AMPLITUDE_CHANNELS, AUDIO_CHANNELS, DECIBEL_CHANNELS, make_encoder
from crossmodal.errors import ConfigError
from crossmodal.features import Side
from crossmodal.model.config import LevelConfig, ModelConfig, SideConfig, explain

SIDES: tuple[Side, Side] = ("video", "audio")


def compact_config(**settings: object) -> ModelConfig:
    """Settings of the compact model; any of `ModelConfig`'s may be named.

    `video` and `audio` may name an encoder, such as `openai/clip-vit-base-patch32` or a folder: its channels and
    fingerprint are then taken from it.

    Raises:
        ConfigError: a setting that is not there, or a value that does not hold.
        ConfigError, ModelError: such an encoder is not there.

    Example:
        >>> config = compact_config(width=32)
        >>> [AUDIO_CHANNELS[at] for at in config.audio.level.scale][7]
        'rms'
    """
    for side in SIDES:
        settings[side] = side_config(settings.get(side, "curves"), side)
    try:
        return ModelConfig.model_validate(settings)
    except ValidationError as error:
        raise ConfigError(f"model: {explain(error, ModelConfig)}") from error


def side_config(named: object, side: Side) -> object:
    """What stands before a tower, of an encoder's name; anything else as it is."""
    if not isinstance(named, str):
        return named
    encoder = make_encoder(named, side)
    level = _sound_level() if (named, side) == ("curves", "audio") else None
    return SideConfig(encoder=named, channels=encoder.channels, encoder_fingerprint=encoder.fingerprint, level=level)


def _sound_level() -> LevelConfig:
    return LevelConfig(
        reference=AUDIO_CHANNELS.index("log_rms"),
        shift=tuple(map(AUDIO_CHANNELS.index, DECIBEL_CHANNELS)),
        scale=tuple(map(AUDIO_CHANNELS.index, AMPLITUDE_CHANNELS)),
    )
