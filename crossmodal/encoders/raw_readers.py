"""What stands between a file and a network: passages as tensors, decoded in guarded children.

A reader holds settings and no weights, so that it travels to the processes that decode for a training run.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from crossmodal.encoders.network_settings import SoundSettings, VideoSettings
from crossmodal.encoders.pretrained_reading import SHORTEST, read_pictures, shown_size
from crossmodal.encoders.raw_reading import read_frames, read_samples
from crossmodal.errors import ModelError
from crossmodal.features import Side, Source
from crossmodal.media import guard
from crossmodal.similarity.threads import one_thread

FLOOR_DB = -90.0


class RawReader(Protocol):
    """Reads passages of media as one kind of network takes them.

    Attributes:
        hop: seconds from row to row.
    """

    @property
    def hop(self) -> float: ...

    def read(self, source: Source, start: float, seconds: float, *, speed: float = 1.0, gain_db: float = 0.0) -> Tensor:
        """A passage (T, ...), one row a hop: at most `seconds` / hop rows, fewer where the medium ends.

        Args:
            source: the medium.
            start: second of the medium.
            seconds: how long the passage lasts when it is played.
            speed: how fast it is played: above 1 it reaches further into the medium, and sound is higher.
            gain_db: added to the level of sound.

        Raises:
            MediaError: the file cannot be used.
        """
        ...


@dataclass(frozen=True, slots=True)
class PictureReader:
    """Pictures uint8 (T, F, 3, H, W) for a video network."""

    settings: VideoSettings

    @property
    def hop(self) -> float:
        """Seconds from row to row."""
        return self.settings.hop

    def read(self, source: Source, start: float, seconds: float, *, speed: float = 1.0, gain_db: float = 0.0) -> Tensor:
        """As `RawReader.read`; pictures have no level."""
        per_row, size = self.settings.frames, self.settings.size
        count = round(seconds / self.hop) * per_row
        pixels = guard.run(read_frames, source, float(start), count, self.settings.rate / speed, (size, size))
        n_rows = min(max((len(pixels) + per_row // 2) // per_row, 1), len(pixels))
        lack = n_rows * per_row - len(pixels)
        if lack > 0:
            pixels = np.concatenate([pixels, np.repeat(pixels[-1:], lack, 0)])
        return torch.from_numpy(pixels[: n_rows * per_row]).unflatten(0, (n_rows, per_row))


@dataclass(frozen=True, slots=True)
class MelReader:
    """Log-mel spectra float32 (T, bands, F) in decibels, never under -90, for `log_mel`."""

    settings: SoundSettings

    @property
    def hop(self) -> float:
        """Seconds from row to row."""
        return self.settings.hop

    def read(self, source: Source, start: float, seconds: float, *, speed: float = 1.0, gain_db: float = 0.0) -> Tensor:
        """As `RawReader.read`."""
        n_rows, own = round(seconds / self.hop), self.settings
        rate = round(own.rate / speed)  # what is read slower and played at the usual rate is faster
        at = round(start * rate)
        stretch = guard.run(read_samples, source, at + self.lead, self.n_samples(n_rows), rate)
        heard = max(stretch.end - at, 0)  # samples from the start of the first row
        given = min(n_rows, max(int(heard / (own.rate * self.hop) + 0.5), 1)) if heard else 0
        return self.spectra(stretch.samples * np.float32(10 ** (gain_db / 20)), n_rows)[:given]

    @property
    def lead(self) -> int:
        """Samples from the start of a row to the start of its first window, mostly negative."""
        return self.settings.step // 2 - self.settings.window // 2

    def n_samples(self, n_rows: int) -> int:
        """Samples that the windows of so many rows reach over."""
        return (n_rows * self.settings.frames - 1) * self.settings.step + self.settings.window

    def spectra(self, samples: np.ndarray, n_rows: int) -> Tensor:
        """(T, bands, F) of samples from `lead` on, as many as `n_samples` says."""
        with one_thread():
            power = _mel(self.settings)(torch.from_numpy(samples))  # (bands, T F)
        decibels = 10 * (power / (self.settings.window / 4) ** 2).clamp_min(10 ** (FLOOR_DB / 10)).log10()
        return decibels.unflatten(1, (n_rows, -1)).transpose(0, 1).contiguous()


@dataclass(frozen=True, slots=True)
class PretrainedReader:
    """What a pretrained network takes: uint8 pictures (T, 3, H, W), or each window of sound as its processor makes it.

    Args:
        side: `video` or `audio`.
        processor: the checkpoint's own.
        hop: seconds from row to row.
        seconds: of a window of sound.
    """

    side: Side
    processor: Any
    hop: float
    seconds: float

    def read(self, source: Source, start: float, seconds: float, *, speed: float = 1.0, gain_db: float = 0.0) -> Tensor:
        """As `RawReader.read`; windows of sound reach beyond the passage where the medium does."""
        n_rows = round(seconds / self.hop)
        if self.side == "video":
            return self._pictures(source, start, n_rows, speed)
        return self._windows(source, start, n_rows, speed, gain_db)

    def _pictures(self, source: Source, start: float, n_rows: int, speed: float) -> Tensor:
        times = [start + (row + 0.5) * self.hop * speed for row in range(n_rows)]
        pixels = guard.run(read_pictures, source, times, shown_size(self.processor.size))
        if not len(pixels):
            return torch.zeros((0, 3, *pixels.shape[2:]), dtype=torch.uint8)
        # Scaled and cut to shape here; the network standardises, so that colours can be disturbed in between.
        made = self.processor(
            images=list(torch.from_numpy(pixels)), do_rescale=False, do_normalize=False, return_tensors="pt"
        )
        return made["pixel_values"].to(torch.uint8)

    def _windows(self, source: Source, start: float, n_rows: int, speed: float, gain_db: float) -> Tensor:
        own = self.processor.sampling_rate
        rate, reach = round(own / speed), round(self.seconds * own)
        at, before = round(start * rate), reach // 2
        stretch = guard.run(read_samples, source, at - before, round(n_rows * self.hop * own) + reach, rate)
        given = min(n_rows, int(max(stretch.end - at, 0) / (own * self.hop) + 0.5))
        samples = stretch.samples * np.float32(10 ** (gain_db / 20))
        first, last = max(before - at, 0), stretch.end - at + before  # where the medium begins and ends
        windows = []
        for row in range(given):
            begin = round((row + 0.5) * self.hop * own) + before - reach // 2
            begin = max(first, min(begin, last - reach))
            window = samples[begin : min(begin + reach, last)]
            windows.append(np.pad(window, (0, max(0, round(SHORTEST * own) - len(window)))))
        return self._processed(windows)

    def _processed(self, windows: list[np.ndarray]) -> Tensor:
        empty = not windows
        made = self.processor(
            windows or [np.zeros(round(SHORTEST * self.processor.sampling_rate), np.float32)],
            sampling_rate=self.processor.sampling_rate,
            return_tensors="pt",
        )
        values: Tensor = made["input_features" if "input_features" in made else "input_values"]
        return values[:0] if empty else values


@lru_cache(maxsize=4)
def _mel(settings: SoundSettings) -> torch.nn.Module:
    try:
        from torchaudio.transforms import MelSpectrogram  # not needed for curves
    except ImportError as error:
        raise ModelError("log_mel: needs torchaudio: pip install 'crossmodal[pretrained]'.") from error
    return MelSpectrogram(
        settings.rate,
        n_fft=settings.window,
        hop_length=settings.step,
        n_mels=settings.bands,
        mel_scale="slaney",
        center=False,
    )
