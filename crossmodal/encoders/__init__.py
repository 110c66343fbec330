"""Encoders: media in, Features out."""

from crossmodal.encoders.curves import AUDIO_CHANNELS, VIDEO_CHANNELS, AudioCurves, VideoCurves

__all__ = ["AUDIO_CHANNELS", "VIDEO_CHANNELS", "AudioCurves", "VideoCurves"]
