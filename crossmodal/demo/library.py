"""The demo library: tagged tracks, clips cut to passages of them, and a manifest of the pairs."""

import json
import multiprocessing
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import butter, resample_poly, sosfilt

from crossmodal.cores import n_cores
from crossmodal.demo.containers import write_media
from crossmodal.demo.music import Song, compose, play
from crossmodal.demo.nuisance import talk_over
from crossmodal.demo.passages import LIBRARY, SAMPLE_RATE
from crossmodal.demo.pictures import plan_film
from crossmodal.demo.variants import Variant
from crossmodal.errors import ConfigError

MANIFEST = "manifest.jsonl"
ARTIST = "crossmodal demo"
FPS = 25
DEMO = Variant()
MOODS = ((0.62, "energetic"), (0.45, "lively"), (0.0, "calm"))

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class DemoLibrary:
    """What stands in a demo folder: manifest rows of the pairs that are there, and how many were made just now."""

    folder: Path
    rows: tuple[dict[str, Any], ...]
    n_made: int

    @property
    def manifest(self) -> Path:
        """The file that lists the pairs."""
        return self.folder / MANIFEST

    @property
    def music(self) -> Path:
        """The folder of tracks."""
        return self.folder / "music"

    @property
    def clips(self) -> Path:
        """The folder of clips."""
        return self.folder / "clips"


@dataclass(frozen=True, slots=True)
class _Pair:
    """One pair before it is made: song, passage, file names."""

    variant: Variant
    index: int
    song: Song
    start: float
    seconds: float
    row: dict[str, Any]


def write_demo(
    folder: Path | str,
    *,
    seed: int = 0,
    pairs: int = 60,
    first: int | None = None,
    variant: Variant = DEMO,
    workers: int | None = None,
    progress: Progress | None = None,
) -> DemoLibrary:
    """Write the demo library, or what is missing of it.

    Each file is written apart and moved, and the manifest is renewed after each pair, so that it is whole at every
    moment and may be read while the rest is made.

    Args:
        folder: gets `music/`, `clips/` and `manifest.jsonl`; made if it is not there.
        seed: of all songs and pictures; on one machine the same seed gives the same bytes.
        pairs: how many there are in all.
        first: make only pairs up to this many now.
        variant: what departs from the demo library; a folder holds pairs of one variant.
        workers: processes; None: one a core.
        progress: called with (done, in all) at the start and after each pair.

    Returns:
        The library as it stands.

    Raises:
        ConfigError: the folder holds something else, or cannot be written.
    """
    folder = Path(folder)
    wanted = min(pairs, first) if first is not None else pairs
    listed = _listed(folder, seed)
    try:
        for name in ("music", "clips", ".making"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        missing = [index for index in range(wanted) if not _is_there(folder, listed.get(index))]
        _make_all(_Task(folder, seed, variant), missing, listed, workers, progress, wanted)
        _sweep(folder / ".making")
    except OSError as error:
        raise ConfigError(
            f"{folder}: the demo library cannot be written: {error.strerror or error}. Name another folder."
        ) from error
    return DemoLibrary(folder, tuple(listed[index] for index in sorted(listed)), len(missing))


def planned_rows(*, seed: int = 0, pairs: int = 60) -> list[dict[str, Any]]:
    """The manifest rows that a demo library will have, before any of its files is made."""
    return [_plan(seed, index, DEMO).row for index in range(pairs)]


@dataclass(frozen=True, slots=True)
class _Task:
    """What all pairs of a run share."""

    folder: Path
    seed: int
    variant: Variant


def _make_all(
    task: _Task,
    missing: list[int],
    listed: dict[int, dict[str, Any]],
    workers: int | None,
    progress: Progress | None,
    wanted: int,
) -> None:
    done = wanted - len(missing)
    for row in _made(task, missing, workers):
        if row is not None:
            listed[int(row["id"].rsplit("-", 1)[1]) - 1] = row
            _write_manifest(task.folder, listed)
            done += 1
        if progress:
            progress(done, wanted)


def _made(task: _Task, missing: list[int], workers: int | None) -> Iterable[dict[str, Any] | None]:
    """The rows of the missing pairs as they get ready; a None first, so that progress shows at once."""
    yield None
    n_workers = min(workers or n_cores(), len(missing))
    if n_workers <= 1:
        yield from (make_pair(task, index) for index in missing)
        return
    # spawn: a fork would copy the threads of a running app in the middle of what they do.
    with ProcessPoolExecutor(n_workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        waiting = [pool.submit(make_pair, task, index) for index in missing]
        try:
            for future in as_completed(waiting):
                yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def make_pair(task: _Task, index: int) -> dict[str, Any]:
    """Write track and clip of one pair and return its manifest row; a file that is there is kept."""
    folder, pair = task.folder, _plan(task.seed, index, task.variant)
    track, clip = folder / pair.row["audio"], folder / pair.row["video"]
    if track.exists() and clip.exists():
        return pair.row
    variant = task.variant
    samples = play(pair.song, rate=variant.track_rate, channels=variant.channels)
    if not track.exists():
        tags = {"title": pair.song.title, "artist": ARTIST, "genre": pair.song.style.genre, "album": "Demo library"}
        with _Beside(folder, track) as part:
            write_media(part, samples=_disturbed(pair, samples), sample_rate=variant.track_rate, tags=tags)
    if not clip.exists():
        with _Beside(folder, clip) as part:
            _write_clip(part, pair, samples)
    return pair.row


def _disturbed(pair: _Pair, samples: np.ndarray) -> np.ndarray:
    """The track that is written; its pictures follow the music alone."""
    talk = pair.variant.nuisance.talk
    return talk_over(samples, pair.variant.track_rate, talk, pair.song.seed) if talk else samples


def _plan(seed: int, index: int, variant: Variant) -> _Pair:
    """Song, passage and row of a pair, before anything sounds."""
    rng = np.random.default_rng([LIBRARY, seed, index, 31])
    song = compose((LIBRARY, seed, index), style=variant.styles[index % len(variant.styles)])
    seconds = float(rng.integers(9, 12))
    start = 0.0 if index % 3 == 2 else _passage(song, seconds, rng)
    name = f"{index + 1:02d} {song.title}"
    row = {
        "id": f"demo-{seed}-{index + 1}",
        "video": f"clips/{name.lower().replace(' ', '-')}.mp4",
        "audio": f"music/{name}.{variant.suffixes[index % len(variant.suffixes)]}",
        "audio_start": start,
        "audio_end": round(start + seconds, 3),
        "music_id": f"demo-{seed}-{index + 1}",
        "labels": {"genre": song.style.genre, "mode": song.mode, "mood": _mood(song, start, seconds)},
    }
    return _Pair(variant, index, song, start, seconds, row)


def _passage(song: Song, seconds: float, rng: np.random.Generator) -> float:
    """A start on a bar from which the passage runs over the seam of two sections."""
    seams = [section.start for section in song.sections[1:]]
    seam = float(rng.choice(seams))
    start = seam - float(rng.uniform(0.3, 0.7)) * seconds
    last = song.sections[-1].end - seconds
    return round(max(0.0, min(round(start / song.bar) * song.bar, last)), 3)


def _mood(song: Song, start: float, seconds: float) -> str:
    bars = range(int(start / song.bar), min(int((start + seconds) / song.bar) + 1, len(song.energy)))
    pace = np.clip((song.tempo_bpm - 60) / 110, 0, 1)
    arousal = 0.75 * float(np.mean([song.energy[bar] for bar in bars])) + 0.25 * float(pace)
    return next(word for limit, word in MOODS if arousal >= limit)


def _write_clip(path: Path, pair: _Pair, samples: np.ndarray) -> None:
    variant = pair.variant
    first = round(pair.start * variant.track_rate)
    passage = samples[:, first : first + round(pair.seconds * variant.track_rate)].mean(axis=0)
    heard = resample_poly(passage, SAMPLE_RATE // 300, variant.track_rate // 300).astype(np.float32)
    film = plan_film(
        pair.song,
        pair.start,
        heard,
        rate=SAMPLE_RATE,
        fps=FPS,
        seed=pair.song.seed,
        lead_scene=pair.index * 7 + 3,
        scenes=variant.scenes,
        nuisance=variant.nuisance,
    )
    own = _air(pair) if pair.index % 3 == 1 else None
    pictures = film.frames(variant.drawn_size)
    write_media(path, pictures=pictures, size=variant.clip_size, rate=FPS, samples=own, sample_rate=variant.track_rate)


def _air(pair: _Pair) -> np.ndarray:
    """(1, L): a quiet wind, the clip's own sound."""
    rng, rate = np.random.default_rng([*pair.song.seed, 41]), pair.variant.track_rate
    n_samples = round(pair.seconds * rate)
    wind = sosfilt(butter(1, [180, 900], "bandpass", fs=rate, output="sos"), rng.standard_normal(n_samples))
    swell = 0.6 + 0.4 * np.sin(np.arange(n_samples) / rate * 0.9 + rng.uniform(0, 6))
    return (0.03 * swell * wind / max(float(wind.std()), 1e-9)).astype(np.float32)[None]


class _Beside:
    """A private path to write to; moved to its place when all went well, else removed."""

    def __init__(self, folder: Path, target: Path) -> None:
        self.part, self.target = folder / ".making" / f"{os.getpid()}-{target.name}", target

    def __enter__(self) -> Path:
        return self.part

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is None:
            self.part.replace(self.target)
        else:
            self.part.unlink(missing_ok=True)


def _listed(folder: Path, seed: int) -> dict[int, dict[str, Any]]:
    """Rows of the manifest that is there, by index from 0."""
    manifest = folder / MANIFEST
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder}: is a file. Name a folder for the demo library.")
    if not manifest.exists():
        return {}
    try:
        rows = [json.loads(line) for line in manifest.read_text(encoding="utf-8").splitlines() if line.strip()]
        ids = [str(row["id"]).split("-") for row in rows]
        ours = all(parts[:2] == ["demo", str(seed)] for parts in ids)
        found = {int(parts[2]) - 1: row for parts, row in zip(ids, rows, strict=True)} if ours else {}
    except (ValueError, KeyError, IndexError, TypeError):
        ours, found = False, {}
    if not ours:
        raise ConfigError(f"{manifest}: is not the manifest of a demo library of seed {seed}. Name another folder.")
    return {index: row for index, row in found.items() if _is_there(folder, row)}


def _is_there(folder: Path, row: dict[str, Any] | None) -> bool:
    return row is not None and (folder / row["audio"]).exists() and (folder / row["video"]).exists()


def _write_manifest(folder: Path, listed: dict[int, dict[str, Any]]) -> None:
    lines = "".join(json.dumps(listed[index], ensure_ascii=False) + "\n" for index in sorted(listed))
    with _Beside(folder, folder / MANIFEST) as part:
        part.write_text(lines, encoding="utf-8")


def _sweep(making: Path) -> None:
    """Remove the private folder, unless another process is at work in it."""
    try:
        making.rmdir()
    except OSError:
        return
