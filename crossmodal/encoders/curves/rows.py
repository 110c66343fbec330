"""From fine samples (50 a second) to rows (10 a second): one row convention for picture and sound."""

import numpy as np

HOP = 0.1  # seconds a row
FINE_RATE = 50  # samples a second before averaging
FINE_PER_ROW = 5
FLOOR_DB = -90.0


def row_count(duration: float) -> int:
    """Rows of a medium: row k covers [k, k + 1) tenths of a second; the last is kept if half of it is there.

    Args:
        duration: seconds, finite; whatever yields something has at least one row.
    """
    return max(1, int(np.floor(duration / HOP + 0.5 + 1e-9)))


def half(values: np.ndarray) -> np.ndarray:
    """`values` as float32, finite and rounded to float16, so that a stored copy is the same to the bit."""
    finite = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=65504.0, neginf=-65504.0)
    return np.clip(finite, -65504.0, 65504.0).astype(np.float16).astype(np.float32)


def decibels(power: np.ndarray, floor_db: float = FLOOR_DB) -> np.ndarray:
    """10 log10 of a power, never under `floor_db`."""
    floor = np.float32(10.0 ** (floor_db / 10))
    return np.float32(10.0) * np.log10(np.maximum(power, floor))
