"""Features: what an encoder makes of one medium, and what an encoder is."""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

import numpy as np

Side = Literal["video", "audio"]
Source = str | Path | bytes | BinaryIO


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Rows over time, made by an encoder out of one medium.

    Args:
        values: (T, C) float32, finite, rounded to float16: one row a hop.
        seen: (T,) bool: False where a long film was skipped; such rows count in no mean and no sum.
        hop: seconds from row to row.
        duration: seconds, measured while decoding.
        silent: audio: nothing above the floor; video: False.
        warnings: what was wrong with the file but could be lived with.
        loudness_lufs: integrated loudness (ITU-R BS.1770-4) of audio; NaN where silent, unmeasured, or video.
        peak_dbfs: highest sample of audio in dB below full scale; NaN where unmeasured or video.
    """

    values: np.ndarray
    seen: np.ndarray
    hop: float
    duration: float
    silent: bool
    warnings: tuple[str, ...] = ()
    loudness_lufs: float = float("nan")
    peak_dbfs: float = float("nan")

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.dtype != np.float32:
            raise ValueError(f"Features: values must be (T, C) float32, got {self.values.shape} {self.values.dtype}")
        if self.seen.shape != (self.values.shape[0],) or self.seen.dtype != np.bool_:
            raise ValueError(f"Features: seen must be ({self.values.shape[0]},) bool, got {self.seen.shape}")

    def __repr__(self) -> str:
        return (
            f"Features(values={self.values.shape}, hop={self.hop}, duration={self.duration:.2f}, silent={self.silent})"
        )


class Encoder(Protocol):
    """Turns a medium into Features. Made in `crossmodal.encoders`."""

    side: Side
    hop: float
    channels: int

    @property
    def fingerprint(self) -> str:
        """Of weights and settings; of curves: a version."""
        ...

    def features(self, source: Source) -> Features:
        """Features of the whole medium.

        Raises:
            MediaError: the file cannot be used.
        """
        ...
