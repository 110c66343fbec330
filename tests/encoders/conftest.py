"""Made pictures and sounds whose motion, light and level are known."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates

HEIGHT, WIDTH = 48, 64


class Scene:
    """A smooth coloured texture, larger than the frame, seen through a window that moves and zooms."""

    def __init__(self, seed: int = 0) -> None:
        noise = np.random.default_rng(seed).standard_normal((3, 3 * HEIGHT, 3 * WIDTH))
        smooth = np.stack([gaussian_filter(plane, 3, mode="wrap") for plane in noise])
        self._texture = 127 + 45 * smooth / smooth.std()

    def frame(self, x: float = 0.0, y: float = 0.0, zoom: float = 1.0) -> np.ndarray:
        """(3, 48, 64) uint8: the window's centre moved by (x, y) pixels, what is seen made `zoom` times larger."""
        rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
        rows = (rows - (HEIGHT - 1) / 2) / zoom + 1.5 * HEIGHT + y
        columns = (columns - (WIDTH - 1) / 2) / zoom + 1.5 * WIDTH + x
        planes = [map_coordinates(plane, [rows, columns], order=1, mode="wrap") for plane in self._texture]
        return np.clip(np.round(planes), 0, 255).astype(np.uint8)

    def pan(self, positions: np.ndarray) -> np.ndarray:
        """(T, 3, 48, 64): one frame a horizontal position."""
        return np.stack([self.frame(x=position) for position in positions])


@pytest.fixture(scope="session")
def scene() -> Scene:
    return Scene()


@pytest.fixture(scope="session")
def other_scene() -> Scene:
    return Scene(seed=1)


@pytest.fixture(scope="session")
def music() -> np.ndarray:
    """(96,000,) float32: 4 s of plucked chords with noise, at 24 kHz."""
    rng = np.random.default_rng(2)
    time = np.arange(96_000) / 24_000
    beat = time % 0.5
    tones = sum(np.sin(2 * np.pi * f * (1 + np.floor(time)) / 2 * time) for f in (220, 277, 330))
    return (0.1 * tones * np.exp(-4 * beat) + 0.01 * rng.standard_normal(96_000)).astype(np.float32)


@pytest.fixture(scope="session")
def sine() -> Callable[..., np.ndarray]:
    def make(hertz: float, seconds: float = 2.0, amplitude: float = 0.1) -> np.ndarray:
        return (amplitude * np.sin(2 * np.pi * hertz * np.arange(round(seconds * 24_000)) / 24_000)).astype(np.float32)

    return make
