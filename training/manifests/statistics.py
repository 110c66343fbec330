"""What a manifest holds: rows, hours, splits, labels, what stands twice, what is missing, what two splits share."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from crossmodal.errors import MediaError
from crossmodal.manifest import Record, Row, read_table
from training.manifests.looking import Looks, Progress, Side, look_at
from training.manifests.splitting import artist_of
from training.manifests.validating import Note, files_of

NO_SPLIT = "none"


@dataclass(slots=True)
class Statistics:
    """The counts.

    Args:
        rows: all; `usable` can be read as rows.
        faults: why each of the others cannot.
        hours: side -> hours of the parts that count, over rows.
        files: side -> how many files of different content.
        splits: split -> rows and hours of video; rows without one under `none`.
        musics, groups, artists: how many different ones are named.
        labels: name -> value -> rows.
        unlabelled: label name -> rows without it.
        empty: field -> rows without it.
        duplicates: what stands twice -> lines of the rows, one list a repetition.
        shared: `music`, `group`, `artist`, `video`, `audio` -> how many stand in more than one split.
        missing: files that are not there, once each.
        unreadable: (file, reason) of others that cannot be used.
    """

    rows: int = 0
    usable: int = 0
    faults: list[Note] = field(default_factory=list)
    hours: dict[str, float] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)
    splits: dict[str, dict[str, float]] = field(default_factory=dict)
    musics: int = 0
    groups: int = 0
    artists: int = 0
    labels: dict[str, dict[str, int]] = field(default_factory=dict)
    unlabelled: dict[str, int] = field(default_factory=dict)
    empty: dict[str, int] = field(default_factory=dict)
    duplicates: dict[str, list[list[int]]] = field(default_factory=dict)
    shared: dict[str, int] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)


def statistics(
    path: Path, root: Path | None = None, *, workers: int | None = None, progress: Progress | None = None
) -> Statistics:
    """Count what a manifest holds; every file is read once.

    Args:
        path: JSONL, CSV or Parquet.
        root: what relative paths start from; None: the manifest's folder.
        workers: files read at once; None: one a core.
        progress: told (done, total) of files.

    Raises:
        ManifestError: it cannot be read at all.
    """
    table = read_table(path, root)
    looks = look_at((file for row in table.rows for file in files_of(row)), workers=workers, progress=progress)
    found = Statistics(rows=len(table.records), usable=len(table.rows))
    found.faults = [Note(r.line, str(r.cells.get("id") or r.line), r.trouble) for r in table.records if r.row is None]
    records = [record for record in table.records if record.row is not None]
    _count_hours(found, table.rows, looks)
    _count_labels(found, table.rows)
    _count_names(found, records, looks)
    _count_trouble(found, table.rows, looks)
    return found


def _count_hours(found: Statistics, rows: list[Row], looks: Looks) -> None:
    splits: dict[str, dict[str, float]] = defaultdict(lambda: {"rows": 0, "hours": 0.0})
    hours = Counter[str]({"video": 0, "audio": 0})
    for row in rows:
        own = {side: _seconds(row, path, side, looks) / 3600 for path, side in files_of(row)}
        hours.update(own)  # type: ignore[arg-type]
        of_split = splits[row.split or NO_SPLIT]
        of_split["rows"] += 1
        of_split["hours"] += own["video"]
    found.hours = {side: round(count, 4) for side, count in hours.items()}
    found.splits = {
        name: {"rows": splits[name]["rows"], "hours": round(splits[name]["hours"], 4)}
        for name in ("train", "val", "test", NO_SPLIT)
        if name in splits
    }


def _seconds(row: Row, path: Path, side: Side, looks: Looks) -> float:
    """Seconds of the part that counts; 0 of a file that cannot be read."""
    try:
        duration = looks.of(path, side).duration
    except MediaError:
        return 0.0
    start, end = getattr(row, f"{side}_start") or 0.0, getattr(row, f"{side}_end")
    return max(0.0, (duration if end is None else min(end, duration)) - start)


def _count_labels(found: Statistics, rows: list[Row]) -> None:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    carried = Counter[str]()
    for row in rows:
        for name, value in row.labels.items():
            carried[name] += 1
            counts[name].update((value,) if isinstance(value, str) else value)
    found.labels = {name: dict(counts[name].most_common()) for name in sorted(counts)}
    found.unlabelled = {name: len(rows) - carried[name] for name in sorted(counts)}
    empty = Counter(name for row in rows for name in ("audio", "music_id", "group", "split") if not getattr(row, name))
    found.empty = {name: count for name, count in empty.items() if count}


def _count_names(found: Statistics, records: list[Record], looks: Looks) -> None:
    """Names and contents: how many, on which lines, in which splits."""
    lines: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    splits: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for record in records:
        assert record.row is not None
        for kind, value in _values(record.row, looks).items():
            if value:
                lines[kind][value].append(record.line)
                splits[kind][value].update({record.row.split} - {None})  # type: ignore[arg-type]
    found.musics, found.groups, found.artists = (len(lines[kind]) for kind in ("music", "group", "artist"))
    found.files = {side: len(lines[side]) for side in ("video", "audio")}
    twice = {kind: [own for own in lines[kind].values() if len(own) > 1] for kind in ("id", "pair", "video", "audio")}
    found.duplicates = {kind: own for kind, own in twice.items() if own}
    shared = {kind: sum(len(own) > 1 for own in splits[kind].values()) for kind in splits if kind not in ("id", "pair")}
    found.shared = {kind: count for kind, count in shared.items() if count}


def _values(row: Row, looks: Looks) -> dict[str, str]:
    hashes = dict[str, str]()
    for path, side in files_of(row):
        try:
            hashes[side] = looks.of(path, side).content_hash
        except MediaError:
            hashes[side] = ""
    parts = [row.video_start, row.video_end, row.audio_start, row.audio_end]
    return {
        "id": row.id,
        "pair": f"{hashes['video']} {hashes['audio']} {parts}" if all(hashes.values()) else "",
        "music": row.music_id or "",
        "group": row.group or "",
        "artist": artist_of(row),
        **hashes,
    }


def _count_trouble(found: Statistics, rows: list[Row], looks: Looks) -> None:
    missing, unreadable = dict[str, None](), dict[str, str]()
    for row in rows:
        for path, side in files_of(row):
            try:
                looks.of(path, side)
            except MediaError as error:
                if error.kind == "missing":
                    missing[str(path)] = None
                else:
                    unreadable.setdefault(str(path), str(error))
    found.missing, found.unreadable = list(missing), list(unreadable.items())
