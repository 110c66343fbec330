"""CurvesEncoder: a medium's curves, decoded in a guarded child."""

import math
from pathlib import Path

from crossmodal.encoders.curves import AUDIO_CHANNELS, HOP, VIDEO_CHANNELS, AudioCurves, VideoCurves
from crossmodal.features import Features, Side, Source
from crossmodal.media import LoudnessMeter, VideoReader, film_windows, guard, open_audio, open_video
from crossmodal.media.windows import MAX_WHOLE

VERSIONS: dict[Side, int] = {"video": 1, "audio": 1}  # go up when the curves change: tests/encoders/test_golden.py
PICTURE_RATE, PICTURE_SIZE = 25.0, (64, 48)
SOUND_RATE = 24_000
OVERRUN = 60.0  # seconds: a film that goes on for longer than its header says is measured first


class CurvesEncoder:
    """Curves of pictures or of sound: fixed, without weights.

    Args:
        side: `video` or `audio`.
    """

    def __init__(self, side: Side) -> None:
        if side not in VERSIONS:
            raise ValueError(f"CurvesEncoder: side must be 'video' or 'audio', got {side!r}")
        self.side: Side = side
        self.hop = HOP
        self.channels = len(VIDEO_CHANNELS if side == "video" else AUDIO_CHANNELS)
        self.fingerprint = f"curves-{side}-{VERSIONS[side]}"

    def features(self, source: Source) -> Features:
        """Curves of the whole medium; of a film above ten minutes 40 windows of 12 s, the rest unseen.

        Raises:
            MediaError: the file cannot be used.
        """
        return guard.run(video_features if self.side == "video" else audio_features, source)


def video_features(source: Path | bytes) -> Features:
    """Curves of a picture, decoded in this process.

    Raises:
        MediaError: the file cannot be used.
    """
    with open_video(source) as video:
        curves, duration = _picture_curves(video)
        values, seen = curves.finish(duration)
        return Features(values, seen, HOP, duration, silent=False, warnings=tuple(video.warnings))


def audio_features(source: Path | bytes) -> Features:
    """Curves and loudness of a sound, in one pass, decoded in this process.

    Raises:
        MediaError: the file cannot be used.
    """
    curves, meter = AudioCurves(SOUND_RATE), LoudnessMeter()
    with open_audio(source) as audio:
        for block in audio.blocks(SOUND_RATE, 1, meter=meter):
            curves.add(block.samples[0], block.time)
        values, seen, silent = curves.finish(audio.duration)
        loudness = meter.result()
        return Features(
            values,
            seen,
            HOP,
            audio.duration,
            silent=silent,
            warnings=tuple(audio.warnings),
            loudness_lufs=_or_nan(loudness.lufs),
            peak_dbfs=_or_nan(loudness.peak_dbfs),
        )


def _picture_curves(video: VideoReader) -> tuple[VideoCurves, float]:
    """Curves still open, and the duration.

    The header's duration decides only which windows are laid, and the film is looked at again where it was far off.
    """
    stated = video.duration
    curves = VideoCurves(PICTURE_RATE)
    windows = film_windows(stated)
    reached = _feed(curves, video, windows)
    if reached is not None:
        length = max(reached, float(video.key_frame_times()[-1]))
    elif len(windows) > 1 and video.duration < 0.9 * stated:
        length = video.duration
    else:
        return curves, video.duration
    curves = VideoCurves(PICTURE_RATE)
    reached = _feed(curves, video, film_windows(length))
    return curves, video.duration if reached is None else reached


def _feed(curves: VideoCurves, video: VideoReader, windows: list[tuple[float, float]]) -> float | None:
    """Add the frames of `windows`, the last one to the end of the film; the time reached if that end does not come."""
    is_long = len(windows) > 1
    limit = max(windows[-1][1], MAX_WHOLE) + OVERRUN
    for start, end in windows:
        stop = None if end == windows[-1][1] else end
        for batch in video.frames(PICTURE_RATE, PICTURE_SIZE, start, stop, bars=False, from_key_frame=is_long):
            curves.add(batch.pixels, batch.times, batch.pts)
            guard.alive(float(batch.times[-1]))
            if batch.times[-1] > limit:
                return float(batch.times[-1])
    return None


def _or_nan(value: float) -> float:
    return value if math.isfinite(value) else math.nan
