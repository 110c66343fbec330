"""Features that others computed: arrays on disk, and manifests whose rows name them instead of media.

So an experiment runs where the raw videos cannot be shared (VM-NET, MVPt, MGSV-EC). `video` and `audio` of such a row
name an array (`.npy`, or a tensor in `.pt`), or a Parquet file of many media; `training.data.manifest.read_pairs`
makes pairs of them as of media.
"""

import math
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from crossmodal.errors import ManifestError
from crossmodal.features import Features, Side
from crossmodal.manifest import Row

ARRAYS = (".npy", ".pt")
TABLES = (".parquet", ".pq")
HALF = 65_504.0  # the largest float16


def read_array(path: Path, hop: float, *, mask: Path | None = None, duration: float | None = None) -> Features:
    """Features out of one array.

    Args:
        path: `.npy`, or `.pt` with one tensor: (T, C) or (1, T, C) of numbers, a row a hop.
        hop: seconds.
        mask: array (T,) or (1, T), not 0 where a row counts; rows after the last that counts are padding.
        duration: seconds; None: T hops.

    Raises:
        ManifestError: it is missing, damaged, or no such array.
    """
    values = _without_batch(_array(path), 2, path)
    seen = np.ones(len(values), np.bool_) if mask is None else _without_batch(_array(mask), 1, mask) != 0
    if len(seen) != len(values):
        raise ManifestError(str(mask), None, f"has {len(seen)} rows, and {path.name} has {len(values)}.")
    n_rows = int(np.flatnonzero(seen)[-1]) + 1 if seen.any() else 0
    return _features(path, values[:n_rows], seen[:n_rows], hop, duration)


class FeatureTable:
    """Features of many media in one Parquet file.

    Its columns: `key` (text), `values` (a list of rows, each a list of C numbers), `hop` (seconds), and optionally
    `duration` (seconds).

    Raises:
        ManifestError: the file is missing or damaged, or lacks a column.
    """

    def __init__(self, path: Path) -> None:
        import pyarrow as pa  # a fifth of a second, and only for this form
        import pyarrow.parquet as pq

        self.path = path
        try:
            self._table = pq.read_table(path)
        except FileNotFoundError:
            raise ManifestError(str(path), None, "there is no such file. Check the name.") from None
        except (pa.ArrowException, OSError) as error:
            raise ManifestError(str(path), None, f"is damaged, or no Parquet ({error}). Write it again.") from error
        for name in ("key", "values", "hop"):
            if name not in self._table.column_names:
                raise ManifestError(str(path), None, f"has no column {name!r}. Features have key, values and hop.")
        self._rows = {str(key): row for row, key in enumerate(self._table["key"].to_pylist())}

    def read(self, key: str) -> Features:
        """The Features under `key`.

        Raises:
            ManifestError: there are none, or they are no (T, C) of finite numbers.
        """
        if key not in self._rows:
            raise ManifestError(str(self.path), None, f"has no features under the key {key!r}.")
        row = self._rows[key]
        listed = self._table["values"][row].as_py()
        try:
            values = _without_batch(np.array(listed, np.float32), 2, self.path)
        except (ValueError, TypeError):
            raise ManifestError(str(self.path), row + 1, "values are no rows of equally many numbers.") from None
        duration = self._table["duration"][row].as_py() if "duration" in self._table.column_names else None
        hop = self._table["hop"][row].as_py()
        return _features(self.path, values, np.ones(len(values), np.bool_), hop, duration)


class FeatureRows:
    """Features of the rows of a manifest; each Parquet file is opened once.

    Further columns of the manifest say how an array is to be read: `video_hop` and `audio_hop` (seconds; needed for
    arrays), `video_mask` and `audio_mask` (files), `video_duration` and `audio_duration` (seconds). In a Parquet file
    a medium stands under `video_key` (default: the row's id) and `audio_key` (default: its music_id, else its id).

    Args:
        folder: what masks' paths start from.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tables: dict[Path, FeatureTable] = {}

    def read(self, row: Row, side: Side) -> Features:
        """Features of one side of a row.

        Raises:
            ManifestError: they cannot be read.
        """
        path = row.video if side == "video" else row.audio
        extra: Mapping[str, Any] = row.model_extra or {}
        if path is None:
            raise ManifestError(row.id, None, "features have no sound of their own. Name the audio's features.")
        if path.suffix.lower() in TABLES:
            if path not in self._tables:
                self._tables[path] = FeatureTable(path)
            default = row.id if side == "video" else row.music_id or row.id
            return self._tables[path].read(str(extra.get(f"{side}_key") or default))
        hop = _number(extra.get(f"{side}_hop"))
        if hop is None:
            raise ManifestError(str(path), None, f"the manifest has no {side}_hop (seconds a row) for it. Add one.")
        mask = extra.get(f"{side}_mask")
        return read_array(
            path, hop, mask=self._folder / str(mask) if mask else None, duration=_number(extra.get(f"{side}_duration"))
        )


def names_features(row: Row) -> bool:
    """Whether a row's video is an array or a table of features, by the name's ending."""
    return row.video.suffix.lower() in (*ARRAYS, *TABLES)


def _array(path: Path) -> np.ndarray:
    try:
        if path.suffix.lower() == ".npy":
            return np.load(path, allow_pickle=False)
        if path.suffix.lower() == ".pt":
            import torch  # seconds, and only for this form

            return torch.load(path, map_location="cpu", weights_only=True).float().numpy()
    except FileNotFoundError:
        raise ManifestError(str(path), None, "there is no such file. Check the name.") from None
    except (OSError, ValueError, EOFError, RuntimeError, AttributeError, pickle.UnpicklingError) as error:
        raise ManifestError(str(path), None, f"is damaged, or no array of numbers ({error}).") from error
    raise ManifestError(str(path), None, f"features end in {', '.join((*ARRAYS, *TABLES))}.")


def _without_batch(array: np.ndarray, n_axes: int, path: Path) -> np.ndarray:
    """(1, T, ...) as (T, ...)."""
    array = array[0] if array.ndim == n_axes + 1 and len(array) == 1 else array
    if array.ndim != n_axes or array.dtype.kind not in "fiub":
        shape = "(T, C)" if n_axes == 2 else "(T,)"
        raise ManifestError(str(path), None, f"holds {array.shape} {array.dtype}; it must hold numbers {shape}.")
    return array


def _features(path: Path, values: np.ndarray, seen: np.ndarray, hop: float, duration: float | None) -> Features:
    if not values.size:
        raise ManifestError(str(path), None, "holds no row.")
    if not (np.isfinite(values).all() and np.abs(values).max() <= HALF):
        raise ManifestError(str(path), None, f"holds NaN, infinity or numbers beyond {HALF:g}.")
    if hop is None or not (math.isfinite(hop) and hop > 0):
        raise ManifestError(str(path), None, f"its hop is {hop}; it must be seconds above 0.")
    rounded = np.where(seen[:, None], values, 0).astype(np.float16).astype(np.float32)
    return Features(rounded, seen.astype(np.bool_), float(hop), float(duration or hop * len(values)), silent=False)


def _number(value: object) -> float | None:
    if value in (None, ""):
        return None
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise ManifestError("manifest", None, f"{value!r} is not a number of seconds.") from None
