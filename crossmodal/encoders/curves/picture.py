"""Measures of single frames: light, colours, edges."""

import numpy as np

WIDTH, HEIGHT = 64, 48
SOFT_FLOOR = 5e-3  # added to differences before the logarithm: coding noise of stills stays near the floor

GRID = tuple(f"{row}{column}" for row in range(3) for column in range(3))
STILL = ("luma", "contrast", "saturation", "warmth", "green", "edges", *(f"luma_{cell}" for cell in GRID))

_ROW_EDGES = np.array([0, 16, 32])
_COLUMN_EDGES = np.array([0, 21, 43])
_CELL_SIZES = np.outer([16, 16, 16], [21, 22, 21]).astype(np.float32)


def luma(rgb: np.ndarray) -> np.ndarray:
    """(T, 3, 48, 64) in [0, 1] to (T, 48, 64), BT.601."""
    return np.float32(0.299) * rgb[:, 0] + np.float32(0.587) * rgb[:, 1] + np.float32(0.114) * rgb[:, 2]


def histograms(pixels: np.ndarray) -> np.ndarray:
    """(T, 3, 48, 64) uint8 to (T, 64): share of the pixels in each of 4 × 4 × 4 colours."""
    red, green, blue = (pixels[:, c] >> 6 for c in range(3))
    colours = ((red << 4) | (green << 2) | blue).astype(np.int64)
    colours += 64 * np.arange(len(pixels))[:, None, None]
    counts = np.bincount(colours.reshape(-1), minlength=64 * len(pixels)).reshape(-1, 64)
    return (counts / (WIDTH * HEIGHT)).astype(np.float32)


def still(rgb: np.ndarray, light: np.ndarray) -> np.ndarray:
    """(T, 15), the curves `STILL`, of frames (T, 3, 48, 64) in [0, 1] and their luma."""
    red, green, blue = (mean(rgb[:, c]) for c in range(3))
    edges = mean(np.abs(np.diff(light, axis=2))) + mean(np.abs(np.diff(light, axis=1)))
    columns = [
        mean(light),
        light.reshape(len(light), -1).std(1),
        mean(rgb.max(1) - rgb.min(1)),
        red - blue,
        green - (red + blue) / 2,
        log(edges),
    ]
    return np.concatenate([np.stack(columns, 1), cells(light)], 1).astype(np.float32)


def mean(planes: np.ndarray) -> np.ndarray:
    """(T, ...) to (T,)."""
    return planes.reshape(len(planes), -1).mean(1)


def cells(planes: np.ndarray) -> np.ndarray:
    """(T, 48, 64) to (T, 9): means over a 3 × 3 grid, row by row."""
    strips = np.add.reduceat(planes, _COLUMN_EDGES, axis=2)
    sums = np.add.reduceat(strips, _ROW_EDGES, axis=1)
    return (sums / _CELL_SIZES).reshape(len(planes), 9)


def log(values: np.ndarray) -> np.ndarray:
    """Decibels of an amplitude in [0, 1], softly floored at -46."""
    return np.float32(20) * np.log10(values + np.float32(SOFT_FLOOR))
