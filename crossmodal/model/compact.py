"""The compact model's settings: both towers on curves, 10 rows a second."""

from crossmodal.encoders import AMPLITUDE_CHANNELS, AUDIO_CHANNELS, DECIBEL_CHANNELS, make_encoder
from crossmodal.features import Side
from crossmodal.model.config import LevelConfig, ModelConfig, SideConfig


def compact_config(**settings: object) -> ModelConfig:
    """Settings of the compact model; any of `ModelConfig`'s may be named.

    Example:
        >>> config = compact_config(width=32)
        >>> [AUDIO_CHANNELS[at] for at in config.audio.level.scale][7]
        'rms'
    """
    level = LevelConfig(
        reference=AUDIO_CHANNELS.index("log_rms"),
        shift=tuple(map(AUDIO_CHANNELS.index, DECIBEL_CHANNELS)),
        scale=tuple(map(AUDIO_CHANNELS.index, AMPLITUDE_CHANNELS)),
    )
    return ModelConfig.model_validate({"video": _curves("video", None), "audio": _curves("audio", level), **settings})


def _curves(side: Side, level: LevelConfig | None) -> SideConfig:
    encoder = make_encoder("curves", side)
    return SideConfig(channels=encoder.channels, encoder_fingerprint=encoder.fingerprint, level=level)
