"""Procedural video and music: hidden rhythm, energy and colour through two sensors; musics never heard are retrieved.

A music has a tempo, an accent pattern, a level and swell of energy and a hue. Each of its clips has a phase, small
deviations from these, and disturbances that only one modality knows (camera, timbre). Eight channels of each modality
are a random two-layer network of all that, with noise; encoders get their spectra over time.
"""

import math

import torch
from _retrieval_tasks import Data, Task
from torch import Tensor, nn

MUSICS, CLIPS = {"train": 200, "choose": 60, "new": 100}, 6
LENGTH, RATE, CHANNELS, BINS, NOISE = 64, 8.0, 8, 24, 0.2  # steps, steps a second
DIM, HIDDEN, STEPS, DROPOUT = 32, 128, 150, 0.2


def pairs() -> Task:
    """Clips of musics to learn, of others to choose by, and of others again to judge by."""
    generator = torch.Generator().manual_seed(0)
    count = sum(MUSICS.values())
    hidden = _hidden(count, generator)
    sides = [_spectra(_sensed(hidden, generator)) for _ in ("video", "audio")]  # (musics * CLIPS, F)
    own = torch.arange(count).repeat_interleave(CLIPS)
    is_trained = own < MUSICS["train"]
    scaled = [(side - side[is_trained].mean(0)) / side[is_trained].std(0) for side in sides]
    parts: list[Data] = []
    for rows in own.split([CLIPS * musics for musics in MUSICS.values()]):
        here = (own >= rows[0]) & (own <= rows[-1])
        parts.append((scaled[0][here], scaled[1][here], rows - rows[0]))
    wide = scaled[0].shape[1]
    return Task(
        "pairs", *parts, MUSICS["train"], lambda: [_tower(wide) for _ in range(2)], DIM, STEPS, 16, 4, own_counts=True
    )


def _hidden(count: int, generator: torch.Generator) -> Tensor:
    """(musics * CLIPS, 5, LENGTH): pulse, energy, two of hue, brightness."""

    def of_clips(values: Tensor, deviation: float) -> Tensor:
        rows = values.repeat_interleave(CLIPS)
        return (rows + deviation * torch.randn(rows.shape, generator=generator))[:, None]

    def draw() -> Tensor:
        return torch.rand(count, generator=generator)

    time = torch.arange(LENGTH) / RATE
    beat = 2 * math.pi * torch.exp(of_clips(draw(), 0.01)) * time  # 1 to 2.7 beats a second
    phase = 2 * math.pi * torch.rand(count * CLIPS, 1, generator=generator)
    pulse = (beat + phase).cos()
    for harmonic in (0.5, 1.5):  # the accents: every second beat, and between the beats
        pulse = pulse + of_clips(draw(), 0.05) * (harmonic * (beat + phase)).cos()
    swell = of_clips(draw(), 0.05) * (2 * math.pi * (0.1 + 0.3 * of_clips(draw(), 0.02)) * time + phase).cos()
    energy, hue, light = 2 * of_clips(draw(), 0.1) - 1 + swell, 2 * math.pi * of_clips(draw(), 0.03), draw()
    still = [hue.cos(), hue.sin(), 2 * of_clips(light, 0.1) - 1]
    return torch.stack([pulse, energy, *(part.expand(-1, LENGTH) for part in still)], dim=1)


def _sensed(hidden: Tensor, generator: torch.Generator) -> Tensor:
    """(N, CHANNELS, LENGTH) of one modality."""
    steps = torch.randn(len(hidden), 3, LENGTH, generator=generator)
    alien = steps.cumsum(2) / LENGTH**0.5  # what only this modality knows
    seen = torch.cat([hidden, alien], dim=1)
    for wide, narrow in ((seen.shape[1], 16), (16, CHANNELS)):
        weights = torch.randn(narrow, wide, generator=generator) * (2 / wide) ** 0.5
        seen = torch.einsum("cw,nwt->nct", weights, seen).tanh()
    return seen + NOISE * torch.randn(seen.shape, generator=generator)


def _spectra(curves: Tensor) -> Tensor:
    """(N, C, T) -> (N, C * (1 + BINS)): means, and magnitudes of the lowest frequencies."""
    mean = curves.mean(2, keepdim=True)
    magnitudes = torch.fft.rfft((curves - mean) * torch.hann_window(LENGTH)).abs()[..., 1 : BINS + 1]
    return torch.cat([mean, magnitudes.log1p()], dim=2).flatten(1)


def _tower(wide: int) -> nn.Module:
    return nn.Sequential(
        nn.Dropout(DROPOUT), nn.Linear(wide, HIDDEN), nn.ReLU(), nn.Dropout(DROPOUT), nn.Linear(HIDDEN, DIM)
    )
