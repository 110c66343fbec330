"""Encoders: media in, Features out."""

from crossmodal.encoders.curves import (
    AMPLITUDE_CHANNELS,
    AUDIO_CHANNELS,
    DECIBEL_CHANNELS,
    VIDEO_CHANNELS,
    AudioCurves,
    VideoCurves,
)
from crossmodal.encoders.encoder import CurvesEncoder
from crossmodal.encoders.registry import ENCODERS, NETWORKS, make_encoder

__all__ = [
    "AMPLITUDE_CHANNELS",
    "AUDIO_CHANNELS",
    "DECIBEL_CHANNELS",
    "ENCODERS",
    "NETWORKS",
    "VIDEO_CHANNELS",
    "AudioCurves",
    "CurvesEncoder",
    "VideoCurves",
    "make_encoder",
]
