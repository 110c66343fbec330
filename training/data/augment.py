"""What is done to raw media in training: pictures cut, turned and recoloured, sound louder, spectra with holes.

Each row's draws depend on (seed, step, key of the row) alone: neither the rows beside it nor the process that decodes
it changes them. Speed is drawn here too, and read by both sides of a row alike.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from training.data.disturb import row_seed

FLOOR_DB = -90.0
Part = Literal["colour", "shape", "timbre", "treble"]
PARTS: dict[str, tuple[Part, ...]] = {"video": ("colour", "shape"), "audio": ("timbre", "treble")}


class RawAugment(BaseModel):
    """How raw media are disturbed; what belongs to a side whose Features are stored is left out there.

    Args:
        crop: smallest share of a picture's area that is seen; 1: all of it, always.
        flip: how often pictures are mirrored.
        brightness, contrast, saturation: factors within 1 ± this, one draw for all pictures of a clip.
        hue: turn of the colour circle, within ± this.
        speed: clip and music are played faster or slower together, within 1 ± this.
        gain: decibels that sound is made louder or quieter, within ± this.
        time_masks, time_mask: how many stretches of a spectrum are blanked, and the longest, seconds.
        band_masks, band_mask: how many groups of neighbouring bands are blanked, and the largest, as a share of them.
        drop: how often a row lacks a part of one of its sides: of the pictures the colour or all shape, of the sound
            the timbre or the upper half of its bands. What is left keeps its course in time, so that the row is still
            a pair; never do both sides lack something.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    crop: float = Field(default=0.6, gt=0, le=1)
    flip: float = Field(default=0.5, ge=0, le=1)
    brightness: float = Field(default=0.3, ge=0, lt=1)
    contrast: float = Field(default=0.3, ge=0, lt=1)
    saturation: float = Field(default=0.3, ge=0, lt=1)
    hue: float = Field(default=0.05, ge=0, le=0.5)
    speed: float = Field(default=0.05, ge=0, le=0.5)
    gain: float = Field(default=6.0, ge=0, le=24)
    time_masks: int = Field(default=1, ge=0)
    time_mask: float = Field(default=0.4, ge=0)
    band_masks: int = Field(default=1, ge=0)
    band_mask: float = Field(default=0.15, ge=0, lt=1)
    drop: float = Field(default=0.1, ge=0, le=1)


NONE = RawAugment(
    crop=1, flip=0, brightness=0, contrast=0, saturation=0, hue=0, speed=0, gain=0, time_masks=0, band_masks=0, drop=0
)


@dataclass(frozen=True, slots=True)
class RowDraw:
    """What happens to one row before it is decoded.

    Args:
        speed: of both sides.
        gain_db: of its sound.
        drop: side and part that it lacks; None: nothing.
    """

    speed: float
    gain_db: float
    drop: tuple[str, Part] | None


def draw_row(augment: RawAugment, seed: int, step: int, key: str) -> RowDraw:
    """The draw of a row at a step."""
    generator = torch.Generator().manual_seed(row_seed(seed, step, key, "row"))
    speed, gain, dropped, side, part = torch.rand(5, generator=generator, dtype=torch.float64).tolist()
    name = ("video", "audio")[side < 0.5]
    lack = (name, PARTS[name][part < 0.5]) if dropped < augment.drop else None
    return RowDraw(1 + augment.speed * (2 * speed - 1), augment.gain * (2 * gain - 1), lack)


def augment_pictures(raw: Tensor, augment: RawAugment, seed: int, drop: Part | None = None) -> Tensor:
    """Pictures as another camera might show them: one cut, mirror and colour for all of a clip.

    Args:
        raw: (T, 3, H, W) or (T, F, 3, H, W) uint8.
        augment: how much.
        seed: of the draws.
        drop: `colour` or `shape` is lacking, if given.

    Returns:
        The same shape, uint8.
    """
    from torchvision.transforms import v2  # seconds, and only where pictures are trained on

    pictures = raw.flatten(0, -4)  # (T F, 3, H, W)
    if not len(pictures):
        return raw
    steps: list[torch.nn.Module] = []
    if augment.crop < 1:
        steps.append(v2.RandomResizedCrop(raw.shape[-2:], (augment.crop, 1.0), (0.8, 1.25), antialias=True))
    if augment.flip:
        steps.append(v2.RandomHorizontalFlip(augment.flip))
    colours = (augment.brightness, augment.contrast, augment.saturation, augment.hue)
    if any(colours):
        steps.append(v2.ColorJitter(*colours))
    with seeded(seed):
        for step in steps:
            pictures = step(pictures)
    if drop == "colour":
        pictures = v2.functional.rgb_to_grayscale(pictures, num_output_channels=3)
    elif drop == "shape":
        pictures = pictures.float().mean((2, 3), keepdim=True).round().to(torch.uint8).expand_as(pictures)
    return pictures.reshape(raw.shape)


def augment_spectra(raw: Tensor, augment: RawAugment, seed: int, hop: float, drop: Part | None = None) -> Tensor:
    """Log-mel spectra with holes in time and in the bands (SpecAugment: Park et al., Interspeech 2019).

    Holes hold the mean of the passage, as in the paper's mean-normalised spectra.

    Args:
        raw: (T, bands, F) decibels.
        augment: how much.
        seed: of the draws.
        hop: seconds a row.
        drop: `timbre` (only the level is left) or `treble` (the upper half of the bands) is lacking, if given.

    Returns:
        The same shape.
    """
    from torchaudio.transforms import FrequencyMasking, TimeMasking

    if not len(raw):
        return raw
    n_rows, bands, frames = raw.shape
    spectrum = raw.transpose(0, 1).flatten(1)[None].clone()  # (1, bands, T F)
    if drop == "timbre":
        spectrum = spectrum.mean(1, keepdim=True).expand_as(spectrum)
    elif drop == "treble":
        spectrum[:, bands // 2 :] = FLOOR_DB
    masks = [FrequencyMasking(max(round(augment.band_mask * bands), 0))] * augment.band_masks
    masks += [TimeMasking(max(round(augment.time_mask / hop * frames), 0))] * augment.time_masks
    mean = spectrum.mean().item()
    with seeded(seed):
        for mask in masks:
            spectrum = mask(spectrum, mean)
    return spectrum[0].unflatten(1, (n_rows, frames)).transpose(0, 1).contiguous()


def augment_windows(raw: Tensor, augment: RawAugment, seed: int) -> Tensor:
    """Windows of sound as a pretrained network takes them, with holes in the same bands of all.

    Overlapping windows show a second several times, so that no hole is cut in time.

    Args:
        raw: (T, ..., F, bands), by the network's own processor.
        augment: how much.
        seed: of the draws.
    """
    from torchaudio.transforms import FrequencyMasking

    if not len(raw) or not augment.band_masks:
        return raw
    mask = FrequencyMasking(round(augment.band_mask * raw.shape[-1]))
    turned = raw.reshape(1, -1, raw.shape[-1]).transpose(1, 2)  # (1, bands, T ... F)
    with seeded(seed):
        for _ in range(augment.band_masks):
            turned = mask(turned, raw.mean().item())
    return turned.transpose(1, 2).reshape(raw.shape)


def mask_curves(curves: Tensor, generator: torch.Generator, *, steps: int, channels: int) -> Tensor:
    """SpecAugment on prepared curves: in each row one stretch of time and one group of neighbouring channels are 0.

    0 is the mean of a prepared curve.

    Args:
        curves: (N, C, T).
        generator: of all draws.
        steps: the longest stretch.
        channels: the largest group.
    """
    rows, n_channels, n_steps = curves.shape
    blank = torch.zeros((rows, n_channels, n_steps), dtype=torch.bool)
    for axis, (size, most) in enumerate(((n_channels, channels), (n_steps, steps))):
        length, place = torch.rand((2, rows), generator=generator)
        length = (length * (min(most, size) + 1)).long()  # (N,) 0 to `most`
        first = (place * (size - length + 1)).long()
        at = torch.arange(size)[None]
        inside = (at >= first[:, None]) & (at < (first + length)[:, None])  # (N, size)
        blank |= inside[:, :, None] if axis == 0 else inside[:, None, :]
    return curves.masked_fill(blank.to(curves.device), 0.0)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """The global generator, which torchvision and torchaudio draw from, at `seed`; afterwards as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
