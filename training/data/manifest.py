"""Pairs of Features out of a manifest: each file is decoded once, whatever can be used is, and the rest is listed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from crossmodal.encoders import make_encoder
from crossmodal.errors import ManifestError, MediaError
from crossmodal.features import Encoder, Features, FeatureStore, Side
from crossmodal.manifest import Row, read_rows
from crossmodal.media import content_hash, guard
from training.data.pairs import Pair, span

Progress = Callable[[int, int], None]


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
    encoders: dict[Side, Encoder] | None = None,
    progress: Progress | None = None,
) -> ManifestPairs:
    """Features of the rows of a manifest.

    Args:
        path: JSONL, CSV or Parquet.
        store: where Features are kept.
        split: only rows of this split; None takes all.
        root: what relative paths start from; None is the manifest's folder.
        domain: name of the pairs' domain; None is the file's name.
        encoders: None takes the curves.
        progress: told (done, total).

    Raises:
        ManifestError: it cannot be read, or has no row of that split.
    """
    rows = [row for row in read_rows(path, root=root).rows if split is None or row.split == split]
    if not rows:
        wanted = f" of the split '{split}'" if split else ""
        raise ManifestError(str(path), None, f"no row{wanted} in it. Name another split or manifest.")
    sides = encoders or {"video": make_encoder("curves", "video"), "audio": make_encoder("curves", "audio")}
    found = ManifestPairs([], [])
    for k, row in enumerate(rows):
        try:
            found.pairs.append(_pair(row, store, sides, domain or path.stem))
        except MediaError as error:
            found.failed.append((row.id, str(error)))
        if progress is not None:
            progress(k + 1, len(rows))
    return found


def _pair(row: Row, store: FeatureStore, encoders: dict[Side, Encoder], domain: str) -> Pair:
    audio_path = row.audio if row.audio is not None else row.video
    video = _part(store.features(encoders["video"], row.video), row.video_start, row.video_end)
    audio = store.features(encoders["audio"], audio_path)
    if audio.silent:
        raise MediaError(str(audio_path), "no_audio", "the sound is silent", "A pair needs music; leave the row out.")
    music_id = row.music_id or guard.run(content_hash, audio_path, "audio")
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
    )


def _part(features: Features, start: float | None, end: float | None) -> Features:
    if start is None and end is None:
        return features
    first = start or 0.0
    return span(features, first, (features.duration if end is None else min(end, features.duration)) - first)
