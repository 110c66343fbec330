"""Silent footage to cut: clips, what visualisers drew, procedural textures. Always 64×48 RGB frames.

A piece of footage is a short list of frames that a montage reads at any speed, to and fro.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

WIDTH, HEIGHT = 64, 48
MAX_SECONDS = 12.0
# README-video, "Who may be trained on": nothing else of that folder may be. By source, to hold a source out whole.
TRAINING_CLIPS = {
    "bikes": ("bikes-25fps-silent.mp4",),
    "cinepak": ("cinepak-silent.avi",),
    "city": ("city-mpeg2-start.mpg",),
    "libopenshot": (
        "h264-2997-silent.mp4",
        "made-rotated-180.mp4",
        "made-h264-4k-2s.mp4",
        "made-h264-5994.mp4",
        "msmpeg4v2.avi",
    ),
    "diver": ("mjpeg-mp2-diver.mov",),
    "rain": ("rain-1080p2997.mp4",),
}
# Never seen in training, and no film of `real`: the footage of the montages that judge.
JUDGING_CLIPS = (
    "anamorphic-525-352.mp4",
    "animated-odd-height.gif",
    "editlist.mp4",
    "h264-60fps.mov",
    "hevc-in-avi.avi",
    "iphone-rotated.mov",
    "mpeg4-mp3.avi",
    "msvideo1-vorbis.mkv",
    "odd-height-465.mov",
    "phone-rotated-90.mp4",
    "theora.ogv",
    "theora-anamorphic.ogg",
    "vp9-vertical.webm",
)


@dataclass(frozen=True, slots=True, eq=False)
class Footage:
    """A silent clip.

    Args:
        name: for reports.
        frames: (F, 48, 64, 3) uint8, distinct frames only.
        rate: frames a second at normal speed.
    """

    name: str
    frames: np.ndarray
    rate: float

    @property
    def liveliness(self) -> float:
        """Mean absolute difference between frames 0.1 s apart, 0-255."""
        stride = max(1, round(0.1 * self.rate))
        if len(self.frames) <= stride:
            return 0.0
        return float(np.abs(self.frames[stride:].astype(np.int16) - self.frames[:-stride]).mean())

    def index(self, position: float) -> int:
        """The frame shown `position` seconds into the footage, which runs to and fro for ever."""
        turn = max(2 * (len(self.frames) - 1), 1)
        step = int(np.floor(position * self.rate)) % turn
        return step if step < len(self.frames) else turn - step


def read_footage(path: Path, *, seconds: float = MAX_SECONDS, rate: float = 25.0) -> Footage:
    """The first seconds of a clip, stretched to 64×48.

    Raises:
        MediaError: the file cannot be used.
    """
    from crossmodal.media import open_video  # here, so that tests of the rules decode nothing

    frames, previous = [], None
    with open_video(path) as video:
        for batch in video.frames(rate, (WIDTH, HEIGHT), end=seconds, bars=False):
            for pixels, pts in zip(batch.pixels, batch.pts, strict=True):
                if pts != previous:
                    frames.append(pixels.transpose(1, 2, 0))
                previous = pts
        shown = min(video.duration, seconds)
    return Footage(path.stem, np.stack(frames), max(len(frames) / max(shown, 0.04), 1.0))


def read_all(paths: Iterable[Path]) -> list[Footage]:
    """Footage of those files that have at least a dozen frames."""
    return [footage for footage in map(read_footage, paths) if len(footage.frames) >= 12]


def texture(seed: int, seconds: float = 6.0, rate: float = 25.0) -> Footage:
    """Procedural footage: one of six kinds of moving pattern, coloured and paced by the seed."""
    rng = np.random.default_rng((seed, 7001))
    times = np.arange(round(seconds * rate)) / rate
    kind = TEXTURES[int(rng.integers(len(TEXTURES)))]
    field = kind(rng, times)  # (F, 48, 64) in 0-1
    dark, bright = rng.uniform(0, 110, 3), rng.uniform(90, 255, 3)
    frames = dark + field[..., None] * (bright - dark)
    grain = rng.normal(0, rng.uniform(0, 4), (*frames.shape[:3], 1))
    return Footage(f"texture-{seed}", np.clip(frames + grain, 0, 255).astype(np.uint8), rate)


def _grid() -> tuple[np.ndarray, np.ndarray]:
    return np.meshgrid(np.linspace(-1, 1, WIDTH), np.linspace(-0.75, 0.75, HEIGHT))


def _waves(rng: np.random.Generator, times: np.ndarray) -> np.ndarray:
    """Plane waves that cross."""
    x, y = _grid()
    field = np.zeros((len(times), HEIGHT, WIDTH))
    for _ in range(int(rng.integers(2, 5))):
        angle, pitch, pace = rng.uniform(0, 2 * np.pi), rng.uniform(2, 9), rng.uniform(0.1, 1.2)
        across = pitch * (np.cos(angle) * x + np.sin(angle) * y)
        field += np.sin(across[None] + 2 * np.pi * pace * times[:, None, None])
    return 0.5 + 0.5 * field / np.abs(field).max()


def _discs(rng: np.random.Generator, times: np.ndarray) -> np.ndarray:
    """Soft discs on Lissajous paths."""
    x, y = _grid()
    field = np.zeros((len(times), HEIGHT, WIDTH))
    for _ in range(int(rng.integers(2, 9))):
        pace, phase = rng.uniform(0.2, 2.0, 2), rng.uniform(0, 2 * np.pi, 2)
        cx, cy = 0.8 * np.sin(pace[0] * times + phase[0]), 0.6 * np.sin(pace[1] * times + phase[1])
        far = (x[None] - cx[:, None, None]) ** 2 + (y[None] - cy[:, None, None]) ** 2
        field = np.maximum(field, rng.uniform(0.4, 1.0) * np.exp(-far / (2 * rng.uniform(0.06, 0.25) ** 2)))
    return field


def _panned_noise(rng: np.random.Generator, times: np.ndarray) -> np.ndarray:
    """A camera that drifts over a rough landscape."""
    size = 192
    land = gaussian_filter(rng.normal(size=(size, size)), rng.uniform(1.5, 6), mode="wrap")
    land = (land - land.min()) / (land.max() - land.min())
    pace, angle = rng.uniform(2, 20), rng.uniform(0, 2 * np.pi)
    rows = (pace * np.sin(angle) * times).astype(int)
    columns = (pace * np.cos(angle) * times + 6 * np.sin(2 * np.pi * 0.2 * times)).astype(int)
    down, along = np.arange(HEIGHT), np.arange(WIDTH)
    return land[(rows[:, None, None] + down[:, None]) % size, (columns[:, None, None] + along) % size]


def _zoom(rng: np.random.Generator, times: np.ndarray) -> np.ndarray:
    """Rings and spokes rushing outwards."""
    x, y = _grid()
    radius, angle = np.hypot(x, y) + 1e-3, np.arctan2(y, x)
    spokes, rings, pace = int(rng.integers(0, 7)), rng.uniform(3, 10), rng.uniform(0.1, 1.2)
    turned = spokes * angle[None] + rng.uniform(-1, 1) * times[:, None, None]
    return 0.5 + 0.5 * np.sin(rings * np.log(radius)[None] * 2 - 2 * np.pi * pace * times[:, None, None]) * np.cos(
        turned
    )


def _walkers(rng: np.random.Generator, times: np.ndarray) -> np.ndarray:
    """Upright bars that pass at their own speeds, as people in a street."""
    x, y = _grid()
    field = np.full((len(times), HEIGHT, WIDTH), 0.3) + 0.2 * y[None]
    for _ in range(int(rng.integers(3, 12))):
        pace, phase, width = rng.uniform(-0.9, 0.9), rng.uniform(-1, 1), rng.uniform(0.03, 0.12)
        top, tone = rng.uniform(-0.5, 0.3), rng.uniform(0, 1)
        centre = (pace * times + phase + 1.2) % 2.4 - 1.2
        body = (np.abs(x[None] - centre[:, None, None]) < width) & (y[None] > top)
        field = np.where(body, tone, field)
    return field


def _still(rng: np.random.Generator, times: np.ndarray) -> np.ndarray:
    """A still picture under a hand-held camera's tremble and a slow pan."""
    size = 96
    land = gaussian_filter(rng.normal(size=(size, size)), rng.uniform(1, 4))
    land = (land - land.min()) / (land.max() - land.min())
    sway = gaussian_filter(rng.normal(size=(2, len(times))), (0, 8)) * rng.uniform(2, 12)
    row = np.clip(20 + sway[0] + rng.uniform(-2, 2) * times, 0, size - HEIGHT).astype(int)
    column = np.clip(16 + sway[1] + rng.uniform(-3, 3) * times, 0, size - WIDTH).astype(int)
    return np.stack([land[r : r + HEIGHT, c : c + WIDTH] for r, c in zip(row, column, strict=True)])


TEXTURES = (_waves, _discs, _panned_noise, _zoom, _walkers, _still)
