"""Scoring tables of (video, audio) pairs: each file is decoded and embedded once, a bad row costs itself only."""

import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from crossmodal.catalogue import Catalogue
from crossmodal.embedding import Embedding
from crossmodal.errors import CrossmodalError, MediaError
from crossmodal.features import FeatureStore, Side
from crossmodal.manifest import Row
from crossmodal.matching.calibration import Calibration
from crossmodal.matching.comparing import Scores, compare_pair, percentiles
from crossmodal.matching.library import FEWEST, Library
from crossmodal.media import content_hash, display_name, guard
from crossmodal.model import TwoTowerModel

COLUMNS = ("score", "percentile", "start", "status", "reason")
Status = Literal["ok", "partial", "error"]
Progress = Callable[[int, int], None]
STILL = "Nothing moves in the video, so only its overall character was compared."


@dataclass(frozen=True, slots=True)
class ScoredRow:
    """What a row got.

    Args:
        row: it.
        score: probability in [0, 1], or None: an error, or the model has no calibration.
        percentile: 0-100 against the catalogue; None without one, or where it has fewer than 10 tracks.
        start: second of the audio file at which the video begins.
        status: `ok`; `partial`: a file was used as far as it goes; `error`: see `reason`.
        reason: what is wrong or to be known, one line.
    """

    row: Row
    score: float | None
    percentile: float | None
    start: float | None
    status: Status
    reason: str = ""

    def cells(self) -> dict[str, Any]:
        """The five columns, rounded as they are written."""
        return {
            "score": None if self.score is None else round(self.score, 4),
            "percentile": None if self.percentile is None else round(self.percentile, 2),
            "start": None if self.start is None else round(self.start, 2),
            "status": self.status,
            "reason": self.reason or None,
        }


@dataclass(frozen=True, slots=True)
class _Part:
    """The part of a file that a row uses; files that are the same on disk have one `file`, however they are spelled."""

    file: tuple[Any, ...]
    side: Side
    start: float
    end: float | None


@dataclass(frozen=True, slots=True, eq=False)
class _Used:
    """An embedded part, with its content hash and what was wrong with the file."""

    embedding: Embedding
    content_hash: str
    warnings: tuple[str, ...]


def score_pairs(
    rows: Iterable[Row],
    model: TwoTowerModel | str | Path = "compact",
    catalogue: Catalogue | str | Path | None = None,
    progress: Progress | None = None,
    *,
    store: FeatureStore | None = None,
) -> Iterator[ScoredRow]:
    """Score pairs, in their order.

    Args:
        rows: of `crossmodal.manifest.read_table(...).rows`; where a row has no audio the video's own sound counts.
        model: loaded, or a folder, or the name of a bundled one.
        catalogue: what percentiles are taken against; None: there are none.
        progress: told (rows done, rows).
        store: where Features are kept; None: beside the catalogue, or in the user's cache.

    Raises:
        ModelError, CatalogueError: one of them cannot be opened.
    """
    rows = list(rows)
    loaded = model if isinstance(model, TwoTowerModel) else TwoTowerModel.from_pretrained(model)
    opened = Catalogue.open(catalogue) if isinstance(catalogue, str | Path) else catalogue
    features = store or FeatureStore(opened.features_path if opened is not None else None)
    try:
        scorer = _Scorer(rows, loaded, features, opened)
        for done, row in enumerate(rows, 1):
            yield scorer.score(row)
            if progress is not None:
                progress(done, len(rows))
    finally:
        if features is not store:
            features.close()
        if opened is not None and opened is not catalogue:
            opened.close()


class _Scorer:
    """Keeps what later rows will use again, and lets go of the rest."""

    def __init__(self, rows: list[Row], model: TwoTowerModel, store: FeatureStore, catalogue: Catalogue | None) -> None:
        self.model, self.store, self.catalogue = model, store, catalogue
        self.calibration = Calibration.load(model.folder)
        self.library = None if catalogue is None else Library.read(catalogue, model.fingerprint, "audio")
        self.left = Counter(part for row in rows for part in _parts(row))
        self.used: dict[_Part, _Used | MediaError | CrossmodalError] = {}
        self.standings: dict[_Part, np.ndarray] = {}

    def score(self, row: Row) -> ScoredRow:
        """One row; what it did not need again is forgotten."""
        video_part, audio_part = _parts(row)
        try:
            video, audio = self._use(video_part, row.video), self._use(audio_part, row.audio or row.video)
            return self._compare(row, video_part, video, audio)
        except CrossmodalError as error:
            return ScoredRow(row, None, None, None, "error", str(error))
        finally:
            for part in (video_part, audio_part):
                self.left[part] -= 1
                if not self.left[part]:
                    self.used.pop(part, None)
                    self.standings.pop(part, None)

    def _compare(self, row: Row, video_part: _Part, video: _Used, audio: _Used) -> ScoredRow:
        scores = compare_pair(video.embedding, audio.embedding, self.calibration)
        score = float(scores.score[0])
        hop = self.model.config.hop
        is_still = self.model.config.heads > 0 and not math.isfinite(scores.s_seq[0])
        notes = [*dict.fromkeys((*video.warnings, *audio.warnings)), *([STILL] if is_still else [])]
        return ScoredRow(
            row=row,
            score=score if math.isfinite(score) else None,
            percentile=self._percentile(video_part, video, audio, scores),
            start=(row.audio_start or 0.0) + float(scores.start[0]) * hop,
            status="partial" if video.warnings or audio.warnings else "ok",
            reason=" ".join(f"{note.rstrip('.')}." for note in notes),
        )

    def _percentile(self, part: _Part, video: _Used, audio: _Used, scores: Scores) -> float | None:
        """Where the row stands among the tracks of the library; a track of it is not compared with itself."""
        if self.library is None or self.catalogue is None:
            return None
        if part not in self.standings:
            self.standings[part] = self.library.standing(video.embedding, self.calibration)
        library = self.standings[part]
        if len(library) < FEWEST:
            return None
        inside = self.library.holds(self.catalogue.track_id(audio.content_hash, "audio"))
        return float(percentiles(scores.rank, library, np.array([inside]))[0])

    def _use(self, part: _Part, path: Path) -> _Used:
        if part not in self.used:
            try:
                self.used[part] = self._embed(part, path)
            except CrossmodalError as error:
                self.used[part] = error
        used = self.used[part]
        if isinstance(used, CrossmodalError):
            raise used
        return used

    def _embed(self, part: _Part, path: Path) -> _Used:
        key = guard.run(content_hash, path, part.side)
        features = self.store.features_by_hash(self.model.encoders[part.side], path, key)
        embedding = self.model.embed(features, part.side, start=part.start, end=part.end)
        if embedding.silent:
            raise MediaError(display_name(path), "no_audio", "its sound is silent", "A pair needs music.")
        return _Used(embedding, key, features.warnings)


def _parts(row: Row) -> tuple[_Part, _Part]:
    audio = row.audio if row.audio is not None else row.video
    return (
        _Part(_identity(row.video), "video", row.video_start or 0.0, row.video_end),
        _Part(_identity(audio), "audio", row.audio_start or 0.0, row.audio_end),
    )


def _identity(path: Path) -> tuple[Any, ...]:
    """The same for every spelling of one file, links included."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return ("missing", os.fspath(path))
    return (status.st_dev, status.st_ino) if status.st_ino else (os.path.realpath(path),)
