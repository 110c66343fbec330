"""Matcher: a clip gets its tracks, out of a catalogue."""

import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import torch

from crossmodal.catalogue import Catalogue, Progress, Track, embed_missing
from crossmodal.embedding import LABELS
from crossmodal.errors import CatalogueError, ConfigError, MediaError
from crossmodal.features import FeatureStore, Side, Source
from crossmodal.matching.answering import STILL, Asked, Found, make_match
from crossmodal.matching.calibration import Calibration
from crossmodal.matching.comparing import windows_of
from crossmodal.matching.library import Library, Ranking
from crossmodal.matching.placing import Steps
from crossmodal.matching.results import Match, Matches, Query, To
from crossmodal.media import display_name
from crossmodal.model import TwoTowerModel

SIDES: dict[To, tuple[Side, Side]] = {"music": ("video", "audio"), "video": ("audio", "video")}  # queried, found


class Matcher:
    """Finds tracks for clips, and clips for tracks. May be called from several threads. Use `Matcher.open`.

    Args:
        catalogue: open.
        model: in eval mode.
        calibration: of the model, None: results are ranked and have no score.
    """

    def __init__(self, catalogue: Catalogue, model: TwoTowerModel, calibration: Calibration | None) -> None:
        self.catalogue, self.model, self.calibration = catalogue, model, calibration
        self.fingerprint = model.fingerprint
        self.store = FeatureStore(catalogue.features_path)
        self._owns_catalogue = False
        self._libraries: dict[Side, Library] = {}
        self._lock = threading.Lock()

    @classmethod
    def open(
        cls, catalogue: Catalogue | str | Path | None = None, model: TwoTowerModel | str | Path = "compact"
    ) -> "Matcher":
        """Open a catalogue for matching.

        Args:
            catalogue: open, or its folder; None: `$CROSSMODAL_CATALOGUE`, or the user's data folder.
            model: loaded, or a folder, or the name of a bundled one.

        Raises:
            CatalogueError: no catalogue there, or not one that this version reads.
            ModelError: no model there.
        """
        opened = catalogue if isinstance(catalogue, Catalogue) else Catalogue.open(catalogue)
        try:
            loaded = model if isinstance(model, TwoTowerModel) else TwoTowerModel.from_pretrained(model)
            matcher = cls(opened, loaded, Calibration.load(loaded.folder))
        except BaseException:
            if opened is not catalogue:
                opened.close()
            raise
        matcher._owns_catalogue = opened is not catalogue
        return matcher

    def match(self, source: Source, k: int = 10, to: To = "music", alpha: float | None = None) -> list[Match]:
        """The `k` best matches of a medium, best first. Arguments and errors as of `match_media`."""
        return self.match_media(source, k, to, alpha).matches

    def match_media(self, source: Source, k: int = 10, to: To = "music", alpha: float | None = None) -> Matches:
        """The best matches of a medium, with what is known of it.

        Args:
            source: a clip for `to="music"`, a track for `to="video"`: path, bytes, or a seekable binary file.
            k: at most so many.
            to: what is looked for.
            alpha: share, 0-1, of the projection that labels trained in the comparison of overall character, of models
                that have one (`model.label_dim`); None: none. Scores and percentiles are calibrated without it.

        Raises:
            MediaError: the medium cannot be used; `no_audio`: a silent track.
            CatalogueError: `empty`, or `other_model`: nothing in it that this model has vectors of.
            ConfigError: `k`, `to` or `alpha` out of range.
        """
        _check(k, to)
        self._check_alpha(alpha)
        asked, found_side = SIDES[to]
        self._check_not_empty(found_side)
        features = self.store.features(self.model.encoders[asked], source)
        query = self.model.embed(features, asked)
        name = display_name(source)
        if query.silent:
            raise MediaError(name, "no_audio", "its sound is silent", "Name a file with music in it.")
        library = self._library(found_side)
        if not len(library):
            raise CatalogueError("empty", f"{self.catalogue.folder} holds nothing but silence. Add music to it.")
        ranking = library.rank(query, self.catalogue, self.calibration, alpha or 0.0)
        is_still = to == "music" and self.model.config.heads > 0 and windows_of(query) is None
        about = Query(
            name=name,
            to=to,
            duration=query.duration,
            compared=len({library.recordings.get(int(i), -int(i)) for i in library.table.ids}),
            calibrated=self.calibration is not None,
            is_still=is_still,
            warnings=(*features.warnings, *([STILL.text] if is_still else []), *self._coverage_warning(found_side)),
        )
        asked_about = Asked(query, to, self.model.config.hop, self.calibration)
        return Matches(about, self._matches(asked_about, library, ranking, k))

    def count(self, side: Side = "audio") -> int:
        """How many tracks (or clips) can be searched with this model."""
        return self.catalogue.count(side, model=self.fingerprint)

    def coverage(self, side: Side = "audio") -> tuple[int, int]:
        """(present tracks that this model has vectors of, present tracks)."""
        return self.count(side), self.catalogue.count(side)

    def catch_up(
        self, side: Side = "audio", *, progress: Progress | None = None, stop: threading.Event | None = None
    ) -> None:
        """Give the tracks that another model was used for vectors of this one; what is done can be searched meanwhile.

        Args:
            side: of the tracks.
            progress: told of each track.
            stop: set from another thread to end early.

        Raises:
            CatalogueError: the catalogue cannot be written.
        """
        embed_missing(self.catalogue, self.model, side, progress=progress, stop=stop)

    def close(self) -> None:
        """Close the feature store, and the catalogue if `open` opened it."""
        self.store.close()
        if self._owns_catalogue:
            self.catalogue.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _library(self, side: Side) -> Library:
        """The library as it is now; threads that come together read it once."""
        with self._lock:
            held = self._libraries.get(side)
            if held is None or held.table.generation != self.catalogue.generation():
                view = LABELS if self.model.config.label_dim else None
                self._libraries[side] = Library.read(self.catalogue, self.fingerprint, side, held, view=view)
            return self._libraries[side]

    def _check_alpha(self, alpha: float | None) -> None:
        if alpha is None:
            return
        if not 0 <= alpha <= 1:
            raise ConfigError(f"alpha: {alpha} is no share. Give 0 to 1.")
        if not self.model.config.label_dim:
            raise ConfigError(f"alpha: model {self.model.config.name!r} has one global vector, nothing to mix.")

    def _check_not_empty(self, side: Side) -> None:
        done, present = self.coverage(side)
        if done:
            return
        folder, what = self.catalogue.folder, "music" if side == "audio" else "clips"
        if present:
            raise CatalogueError(
                "other_model",
                f"{folder} was indexed with another model: 0 of {present} tracks have vectors of "
                f"{self.model.config.name!r}. Run `crossmodal index` on it with this model; nothing is decoded again.",
            )
        option = "" if side == "audio" else " --as video"
        raise CatalogueError(
            "empty", f"{folder} holds no {what} yet. Add some: crossmodal index FOLDER{option} -c {folder}"
        )

    def _coverage_warning(self, side: Side) -> list[str]:
        done, present = self.coverage(side)
        if done == present:
            return []
        return [f"{done} of {present} tracks have vectors of this model yet; the others were not compared."]

    def _matches(self, asked: Asked, library: Library, ranking: Ranking, k: int) -> list[Match]:
        ids = [int(i) for i in ranking.ids[:k]]
        tracks = {track.id: track for track in self.catalogue.tracks_by_id(ids)}
        recordings = self._recordings(tracks.values())
        sequences = self._sequences(library, ids)
        matches = []
        for place, track_id in enumerate(ids):
            if track_id not in tracks or track_id not in sequences:
                continue  # it left the library while the search ran
            track = tracks[track_id]
            others = [other for other in recordings[track.recording_id] if other.id != track_id]
            scores = ranking.scores.take(np.array([place]))
            found = Found(track, sequences[track_id], scores, float(ranking.percentile[place]), others)
            matches.append(make_match(asked, found))
        return matches

    def _recordings(self, tracks: Iterable[Track]) -> dict[int, list[Track]]:
        """Recording id -> the tracks of it that have a file."""
        sides = {track.recording_id: track.side for track in tracks}
        found: dict[int, list[Track]] = {recording: [] for recording in sides}
        for track in self.catalogue.recordings(list(sides)):
            if track.places and track.side == sides[track.recording_id]:
                found[track.recording_id].append(track)
        return found

    def _sequences(self, library: Library, ids: list[int]) -> dict[int, Steps]:
        """From the bank, or for candidates of a large library from the catalogue."""
        held = library.bank.sequences(ids)
        missing = [i for i in ids if i not in held]
        for stored in self.catalogue.iter_sequences(self.fingerprint, library.side, missing):
            held[stored.track_id] = torch.from_numpy(stored.sequence.astype(np.float32)), torch.from_numpy(stored.seen)
        return held


def _check(k: int, to: str) -> None:
    if k < 1:
        raise ConfigError(f"k: {k} is not a number of results. Give 1 or more.")
    if to not in SIDES:
        raise ConfigError(f"to: no kind {to!r}. Choose 'music' or 'video'.")
