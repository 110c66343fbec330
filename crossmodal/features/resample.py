"""Features at another hop, so that encoders of different pace can stand before two towers that share one."""

import numpy as np

from crossmodal.features.features import Features


def row_count(duration: float, hop: float) -> int:
    """Rows of a medium of `duration` seconds: the last is kept if half of it is there; at least one."""
    return max(1, int(np.floor(duration / hop + 0.5 + 1e-9)))


def at_hop(features: Features, hop: float) -> Features:
    """The same medium in rows of `hop` seconds, each read off linearly between the middles of the given rows.

    A row is seen where the given row at its middle is; an unseen neighbour gives nothing.

    Args:
        features: of any hop.
        hop: seconds.

    Example:
        >>> slow = Features(np.array([[0.0], [10.0]], np.float32), np.ones(2, bool), 1.0, 2.0, silent=False)
        >>> at_hop(slow, 0.5).values[:, 0].tolist()
        [0.0, 2.5, 7.5, 10.0]
    """
    if np.isclose(features.hop, hop):
        return features
    given = len(features.values)
    n_rows = row_count(features.duration, hop)
    place = (np.arange(n_rows) + 0.5) * (hop / features.hop)  # in given rows
    near = np.clip(place.astype(np.int64), 0, given - 1)
    low = np.clip(np.floor(place - 0.5).astype(np.int64), 0, given - 1)
    high = np.minimum(low + 1, given - 1)
    low, high = (np.where(features.seen[rows], rows, near) for rows in (low, high))
    part = np.clip(place - 0.5 - low, 0.0, 1.0).astype(np.float32)[:, None]
    values = features.values[low] * (1 - part) + features.values[high] * part
    seen = features.seen[near]
    return Features(
        values=np.where(seen[:, None], values, 0).astype(np.float16).astype(np.float32),
        seen=seen,
        hop=hop,
        duration=features.duration,
        silent=features.silent,
        warnings=features.warnings,
        loudness_lufs=features.loudness_lufs,
        peak_dbfs=features.peak_dbfs,
    )
