"""Pairs of Features out of a manifest: each file is decoded once, whatever can be used is, and the rest is listed.

Rows may name features that others computed instead of media (`training.manifests.features`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from crossmodal.encoders import make_encoder
from crossmodal.errors import ManifestError, MediaError
from crossmodal.features import Encoder, Features, FeatureStore, Side, at_hop
from crossmodal.manifest import Row, read_rows
from crossmodal.media import content_hash, guard
from crossmodal.model import TwoTowerModel
from training.data.pairs import Pair, span
from training.manifests.features import FeatureRows, names_features

Progress = Callable[[int, int], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class ManifestPairs:
    """What a manifest gave.

    Args:
        pairs: rows that can be used.
        failed: (id, reason) of the others.
    """

    pairs: list[Pair]
    failed: list[tuple[str, str]]


def read_pairs(
    path: Path,
    store: FeatureStore,
    *,
    split: str | None = None,
    root: Path | None = None,
    domain: str | None = None,
    model: TwoTowerModel | None = None,
    progress: Progress | None = None,
) -> ManifestPairs:
    """Features of the rows of a manifest.

    Args:
        path: JSONL, CSV or Parquet.
        store: where Features are kept.
        split: only rows of this split; None takes all.
        root: what relative paths start from; None is the manifest's folder.
        domain: name of the pairs' domain; None is the file's name.
        model: whose encoders are taken, and to whose hop both sides are brought; None takes the curves as they are.
        progress: told (done, total).

    Raises:
        ManifestError: it cannot be read, or has no row of that split.
        ModelError: an encoder of the model is not there.
    """
    reader = _Reader(store, model, FeatureRows(root or path.parent))
    made = usable(rows_of(path, split, root), lambda row: _pair(row, reader, domain or path.stem), progress)
    return ManifestPairs(*made)


def rows_of(path: Path, split: str | None, root: Path | None) -> list[Row]:
    """The rows of a split, or all.

    Raises:
        ManifestError: it cannot be read, or has no row of that split.
    """
    rows = [row for row in read_rows(path, root=root).rows if split is None or row.split == split]
    if not rows:
        wanted = f" of the split '{split}'" if split else ""
        raise ManifestError(str(path), None, f"no row{wanted} in it. Name another split or manifest.")
    return rows


def refuse_none(path: Path, pairs: Sequence[object], failed: list[tuple[str, str]]) -> None:
    """Go on only if there is a row to work on.

    Raises:
        ManifestError: there is none; with the reason of the first.
    """
    if not pairs:
        row, reason = failed[0]
        raise ManifestError(str(path), None, f"none of {len(failed)} rows can be used. The first, {row}: {reason}")


def usable(
    rows: list[Row], make: Callable[[Row], T], progress: Progress | None
) -> tuple[list[T], list[tuple[str, str]]]:
    """What `make` gives of the rows that it can use, and (id, reason) of the others."""
    made, failed = [], []
    for k, row in enumerate(rows):
        try:
            made.append(make(row))
        except (MediaError, ManifestError) as error:
            failed.append((row.id, str(error)))
        if progress is not None:
            progress(k + 1, len(rows))
    return made, failed


class _Reader:
    """Features of one side of a row: a file's, from the store where they are, or those that the row names."""

    def __init__(self, store: FeatureStore, model: TwoTowerModel | None, rows: FeatureRows) -> None:
        self._store, self._model, self._rows = store, model, rows
        self._encoders: dict[Side, Encoder] = {}

    def read(self, row: Row, side: Side) -> Features:
        if names_features(row):
            return self._rows.read(row, side)
        if not self._encoders:  # late: who brings features need not have what made them
            self._encoders = _curves() if self._model is None else self._model.encoders
        return self._store.features(self._encoders[side], row.video if side == "video" else row.audio or row.video)

    def at_hop(self, features: Features) -> Features:
        return features if self._model is None else at_hop(features, self._model.config.hop)


def _curves() -> dict[Side, Encoder]:
    return {"video": make_encoder("curves", "video"), "audio": make_encoder("curves", "audio")}


def _pair(row: Row, reader: _Reader, domain: str) -> Pair:
    video = reader.at_hop(part_of(reader.read(row, "video"), row.video_start, row.video_end))
    audio = reader.at_hop(reader.read(row, "audio"))
    audio_path = row.audio if row.audio is not None else row.video
    if audio.silent:
        raise MediaError(str(audio_path), "no_audio", "the sound is silent", "A pair needs music; leave the row out.")
    music_id = row.music_id or (row.id if names_features(row) else guard.run(content_hash, audio_path, "audio"))
    return Pair(
        row.id,
        music_id,
        row.group or row.id,
        video,
        audio,
        start=row.audio_start or 0.0,
        end=row.audio_end,
        domain=domain,
        weight=row.weight,
        labels={name: (value,) if isinstance(value, str) else tuple(value) for name, value in row.labels.items()},
    )


def part_of(features: Features, start: float | None, end: float | None) -> Features:
    """The part of a clip from `start` to `end` seconds; ManifestError where it holds nothing."""
    if start is None and end is None:
        return features
    first = start or 0.0
    part = span(features, first, (features.duration if end is None else min(end, features.duration)) - first)
    if not len(part.values):
        raise ManifestError("video", None, f"from {first:g} s on there is nothing: it lasts {features.duration:.2f} s.")
    return part
