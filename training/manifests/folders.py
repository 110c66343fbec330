"""A manifest out of folders: videos with their own sound, or videos and music that carry the same names."""

import os
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from crossmodal.catalogue.scan import scan_folders
from crossmodal.cores import n_cores
from crossmodal.errors import ManifestError, MediaError
from crossmodal.manifest import path_from
from crossmodal.media import MediaInfo, guard, probe
from training.manifests.looking import Progress

COLUMNS = ("id", "video", "audio", "group", "split", "title", "artist")
NEEDED = COLUMNS[:3]
SPLITS = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class Made:
    """Rows, and what gave none.

    Args:
        rows: cells by column, in the order of their ids.
        left_out: (path, reason): no picture, no sound, no music of that name.
        failed: (path, reason): files that cannot be read, names that fit several files.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[tuple[Path, str]] = field(default_factory=list)
    failed: list[tuple[Path, str]] = field(default_factory=list)

    @property
    def columns(self) -> list[str]:
        """Those of `COLUMNS` that are needed, or hold something."""
        return [name for name in COLUMNS if name in NEEDED or any(row.get(name) for row in self.rows)]


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    name: str  # below its folder, with /
    info: MediaInfo | MediaError


def from_folder(
    videos: Path,
    music: Path | None = None,
    *,
    base: Path,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Made:
    """Pairs out of a folder of videos with their own sound, or of videos and music matched by name.

    Names match where all but the ending is the same below both folders, else where the bare name is and is the only
    one of its kind. A subfolder called train, val or test gives the split, other subfolders the group; the sound's tags
    give title and artist.

    Args:
        videos: read with all folders in it.
        music: None: the videos' own sound.
        base: folder that paths are written relative to.
        workers: files read at once; None: one a core.
        progress: told (done, total) of files.

    Raises:
        ManifestError: a folder that is missing, empty or cannot be read.
    """
    paths = _media_below(videos)
    sounds = _media_below(music) if music is not None else []
    infos = _probed([*paths, *sounds], workers, progress)
    films = [_File(path, _below(path, videos), infos[path]) for path in paths]
    made = Made()
    if music is None:
        pairs = [(film, film) for film in films]
    else:
        tracks = [_File(path, _below(path, music), infos[path]) for path in sounds]
        pairs = list(_matched(films, tracks, made))
    names = Counter(_stem(film.name) for film, _ in pairs)
    for film, track in pairs:
        if _usable(film, "video", made) and _usable(track, "audio", made):
            stem = _stem(film.name)
            made.rows.append(_row(film, track, stem if names[stem] == 1 else film.name, base))
    made.rows.sort(key=lambda row: row["id"])
    return made


def _media_below(folder: Path) -> list[Path]:
    scan = scan_folders([folder])
    if not scan.roots:
        reason = scan.trouble[0][1].partition(".")[0].partition(":")[0] if scan.trouble else "is a file"
        raise ManifestError(str(folder), None, f"{reason}. Name a folder of media.")
    return [Path(os.fsdecode(path)) for path in sorted(scan.files)]


def _probed(paths: list[Path], workers: int | None, progress: Progress | None) -> dict[Path, MediaInfo | MediaError]:
    with ThreadPoolExecutor(workers or n_cores(), thread_name_prefix="probe") as pool:
        found = {}
        for done, (path, info) in enumerate(zip(paths, pool.map(_probe, paths), strict=True), 1):
            found[path] = info
            if progress is not None:
                progress(done, len(paths))
    return found


def _probe(path: Path) -> MediaInfo | MediaError:
    try:
        return guard.run(probe, path)
    except MediaError as error:
        return error


def _below(path: Path, folder: Path) -> str:
    return os.path.relpath(path, os.path.abspath(folder)).replace(os.sep, "/")  # noqa: PTH100 (as the scan's paths)


def _stem(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))


def _same(name: str) -> str:
    """What names that look alike have in common."""
    return unicodedata.normalize("NFC", name).casefold()


def _matched(films: list[_File], tracks: list[_File], made: Made) -> Iterator[tuple[_File, _File]]:
    by_path, by_name = defaultdict[str, list[_File]](list), defaultdict[str, list[_File]](list)
    for track in tracks:
        by_path[_same(_stem(track.name))].append(track)
        by_name[_same(PurePosixPath(track.name).stem)].append(track)
    bare = Counter(_same(PurePosixPath(film.name).stem) for film in films)
    used: set[Path] = set()
    for film in films:
        found = by_path[_same(_stem(film.name))]
        name = _same(PurePosixPath(film.name).stem)
        if not found and bare[name] == 1:
            found = by_name[name]
        used.update(track.path for track in found)
        if len(found) == 1:
            yield film, found[0]
        elif found:
            listed = ", ".join(track.name for track in found)
            made.failed.append((film.path, f"its name fits several files of music: {listed}. Keep one"))
        else:
            made.left_out.append((film.path, "no music has its name"))
    made.left_out.extend((track.path, "no video has its name") for track in tracks if track.path not in used)


def _usable(file: _File, side: str, made: Made) -> bool:
    if isinstance(file.info, MediaError):
        made.failed.append((file.path, str(file.info)))
        return False
    if getattr(file.info, side) is not None:
        return True
    made.left_out.append((file.path, "has no picture" if side == "video" else "has no sound"))
    return False


def _row(film: _File, track: _File, name: str, base: Path) -> dict[str, Any]:
    assert isinstance(track.info, MediaInfo)
    folders = list(PurePosixPath(film.name).parts[:-1])
    split = folders.pop(0).lower() if folders and folders[0].lower() in SPLITS else None
    own = track is film
    return {
        "id": _printable(name),
        "video": path_from(film.path, base),
        "audio": None if own else path_from(track.path, base),
        "group": _printable("/".join(folders)) or None,
        "split": split,
        "title": track.info.tags.title,
        "artist": track.info.tags.artist,
    }


def _printable(name: str) -> str:
    """A name as an id: text, whatever bytes it was."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
