"""Pairs whose media are decoded anew for each passage, because an encoder is trained on them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crossmodal.encoders.pretrained import PretrainedEncoder
from crossmodal.encoders.raw_measuring import measure_film, measure_sound
from crossmodal.errors import ConfigError, ManifestError, MediaError
from crossmodal.features import Features, FeatureStore, Side, at_hop
from crossmodal.manifest import Row
from crossmodal.media import content_hash, guard
from crossmodal.model import TwoTowerModel
from training.data.manifest import Progress, part_of, rows_of, usable
from training.data.pairs import Pair, span

SIDES: tuple[Side, Side] = ("video", "audio")


@dataclass(frozen=True, slots=True, eq=False)
class RawPair:
    """A clip and its music, each a file or, where no encoder is trained on it, Features.

    Args:
        id, music_id, group, domain, weight, labels: as in `Pair`.
        video: film, or Features of the part of it that counts, at the model's hop.
        audio: sound or film, or Features of all of it.
        seconds: how long clip and music run together.
        start: second of the audio at which the clip begins.
        video_start: second of the film at which the part begins that counts; 0 for Features.
        music_seconds: how long the audio lasts.
    """

    id: str
    music_id: str
    group: str
    video: Path | Features
    audio: Path | Features
    seconds: float
    start: float = 0.0
    video_start: float = 0.0
    music_seconds: float = 0.0
    domain: str = "manifest"
    weight: float = 1.0
    labels: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class RawManifestPairs:
    """What a manifest gave: pairs that can be used, and (id, reason) of the rows that cannot."""

    pairs: list[RawPair]
    failed: list[tuple[str, str]]


def trained_encoders(model: TwoTowerModel) -> dict[Side, Any]:
    """Encoders of a model that have a network to be trained; pretrained ones are set to the model's hop.

    Raises:
        ConfigError: a network of another hop.
    """
    trained: dict[Side, Any] = {}
    for side in SIDES:
        encoder: Any = model.encoders[side]
        if not hasattr(encoder, "network"):
            continue
        if isinstance(encoder, PretrainedEncoder):
            encoder.hop = model.config.hop
        if abs(encoder.hop - model.config.hop) > 1e-9:
            raise ConfigError(
                f"model.hop is {model.config.hop:g} s, and the {side} network gives a row every {encoder.hop:g} s. "
                f"Set model.hop={encoder.hop:g}."
            )
        trained[side] = encoder
    return trained


def read_raw_pairs(
    path: Path,
    store: FeatureStore,
    model: TwoTowerModel,
    trained: Mapping[Side, Any],
    *,
    split: str | None = None,
    root: Path | None = None,
    domain: str | None = None,
    progress: Progress | None = None,
) -> RawManifestPairs:
    """The rows of a manifest, each file looked at once: of films the first pictures, of sounds the whole.

    Args:
        path: JSONL, CSV or Parquet; its rows must name media.
        store: where Features of the other side are kept.
        model: whose encoders are taken.
        trained: sides with an encoder that is trained, as `trained_encoders` gives.
        split, root, domain, progress: as in `read_pairs`.

    Raises:
        ManifestError: it cannot be read, or has no row of that split.
    """
    look = _Looks(store, model, trained)
    made = usable(rows_of(path, split, root), lambda row: _pair(row, look, domain or path.stem), progress)
    return RawManifestPairs(*made)


class _Looks:
    """Files that were looked at, each once, and what they gave."""

    def __init__(self, store: FeatureStore, model: TwoTowerModel, trained: Mapping[Side, Any]) -> None:
        self._store, self._model, self._trained = store, model, trained
        self._known: dict[tuple[Path, str], Any] = {}

    def features(self, path: Path, side: Side) -> Features | None:
        """Features at the model's hop; None: the side is trained."""
        if side in self._trained:
            return None
        made: Features = self._once(path, side, lambda: self._store.features(self._model.encoders[side], path))
        return at_hop(made, self._model.config.hop)

    def seconds(self, path: Path, side: Side) -> float:
        """How long a file lasts.

        Raises:
            MediaError: it cannot be used, or holds no sound but silence.
        """
        if side == "video":
            return float(self._once(path, "film", lambda: guard.run(measure_film, path)))
        return float(self._once(path, "sound", lambda: guard.run(measure_sound, path)))

    def music(self, path: Path) -> str:
        """The content hash of a sound."""
        return str(self._once(path, "hash", lambda: guard.run(content_hash, path, "audio")))

    def _once(self, path: Path, what: str, look: Callable[[], Any]) -> Any:
        if (path, what) not in self._known:
            try:
                self._known[path, what] = look()
            except MediaError as error:
                self._known[path, what] = error
        known = self._known[path, what]
        if isinstance(known, MediaError):
            raise known
        return known


def _pair(row: Row, look: _Looks, domain: str) -> RawPair:
    audio_path = row.audio if row.audio is not None else row.video
    film, sound = look.features(row.video, "video"), look.features(audio_path, "audio")
    if film is not None:
        film = part_of(film, row.video_start, row.video_end)
        long = film.duration
    else:
        end = look.seconds(row.video, "video")
        long = (end if row.video_end is None else min(row.video_end, end)) - (row.video_start or 0.0)
    music_seconds = look.seconds(audio_path, "audio") if sound is None else sound.duration
    if sound is not None and sound.silent:
        raise MediaError(str(audio_path), "no_audio", "the sound is silent", "A pair needs music; leave the row out.")
    start = row.audio_start or 0.0
    end = music_seconds if row.audio_end is None else min(row.audio_end, music_seconds)
    seconds = min(long, end - start)
    if seconds <= 0:
        raise ManifestError(row.id, None, "clip and music have no second in common. Correct its starts and ends.")
    return RawPair(
        row.id,
        row.music_id or look.music(audio_path),
        row.group or row.id,
        film if film is not None else row.video,
        sound if sound is not None else audio_path,
        seconds,
        start=start,
        video_start=(row.video_start or 0.0) if film is None else 0.0,
        music_seconds=music_seconds,
        domain=domain,
        weight=row.weight,
        labels={name: (value,) if isinstance(value, str) else tuple(value) for name, value in row.labels.items()},
    )


def encoded_pairs(pairs: list[RawPair], trained: Mapping[Side, Any], hop: float) -> list[Pair]:
    """The pairs as Features of the present networks: what an epoch is judged on.

    Args:
        pairs: of `read_raw_pairs`; a file that can no longer be read costs its pairs.
        trained: encoders by side.
        hop: the model's.
    """
    known: dict[tuple[Side, Path], Features] = {}

    def features(side: Side, source: Path | Features) -> Features:
        if isinstance(source, Features):
            return source
        if (side, source) not in known:
            known[side, source] = at_hop(trained[side].features(source), hop)
        return known[side, source]

    made = []
    for pair in pairs:
        try:
            film = span(features("video", pair.video), pair.video_start, pair.seconds)
            sound = features("audio", pair.audio)
        except MediaError:
            continue
        made.append(
            Pair(pair.id, pair.music_id, pair.group, film, sound, start=pair.start, end=pair.start + pair.seconds,
                 domain=pair.domain, weight=pair.weight, labels=pair.labels)
        )  # fmt: skip
    return made
