"""The compact model's settings: both towers on curves, 10 rows a second."""

from crossmodal.encoders import AUDIO_CHANNELS, VIDEO_CHANNELS
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
    sides = {
        "video": SideConfig(channels=len(VIDEO_CHANNELS)),
        "audio": SideConfig(channels=len(AUDIO_CHANNELS), level=level),
    }
    return ModelConfig.model_validate({**sides, **settings})
