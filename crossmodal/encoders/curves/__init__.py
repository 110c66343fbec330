"""Curves: what happens in a picture or a sound, ten rows a second, by fixed rules and without weights."""

from crossmodal.encoders.curves.audio import AMPLITUDE_CHANNELS, AUDIO_CHANNELS, DECIBEL_CHANNELS, AudioCurves
from crossmodal.encoders.curves.rows import HOP
from crossmodal.encoders.curves.video import VIDEO_CHANNELS, VideoCurves

__all__ = [
    "AMPLITUDE_CHANNELS",
    "AUDIO_CHANNELS",
    "DECIBEL_CHANNELS",
    "HOP",
    "VIDEO_CHANNELS",
    "AudioCurves",
    "VideoCurves",
]
