"""Encoders: media in, Features out."""

from crossmodal.encoders.curves import (
    AMPLITUDE_CHANNELS,
    AUDIO_CHANNELS,
    DECIBEL_CHANNELS,
    VIDEO_CHANNELS,
    AudioCurves,
    VideoCurves,
)

__all__ = [
    "AMPLITUDE_CHANNELS",
    "AUDIO_CHANNELS",
    "DECIBEL_CHANNELS",
    "VIDEO_CHANNELS",
    "AudioCurves",
    "VideoCurves",
]
