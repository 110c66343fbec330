"""The compact model's settings: both towers on curves, 10 rows a second."""

from crossmodal.encoders import AUDIO_CHANNELS, make_encoder
from crossmodal.features import Side
from crossmodal.model.config import LevelConfig, ModelConfig, SideConfig


def compact_config(**settings: object) -> ModelConfig:
    """Settings of the compact model; any of `ModelConfig`'s may be named.

    Example:
        >>> compact_config(width=32).audio.level.scale
        (25,)
    """
    level = LevelConfig(
        reference=AUDIO_CHANNELS.index("log_rms"),
        shift=tuple(at for at, name in enumerate(AUDIO_CHANNELS) if name.startswith("mel_") or name == "log_rms"),
        scale=(AUDIO_CHANNELS.index("rms"),),
    )
    return ModelConfig.model_validate({"video": _curves("video", None), "audio": _curves("audio", level), **settings})


def _curves(side: Side, level: LevelConfig | None) -> SideConfig:
    encoder = make_encoder("curves", side)
    return SideConfig(channels=encoder.channels, encoder_fingerprint=encoder.fingerprint, level=level)
