"""Into train, val and test, so that nothing that was trained on is judged on.

Rows hang together that share music, group, artist, a file's content, or sound that is nearly the same; what hangs
together stays together. The order of the rows changes nothing.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from crossmodal.errors import MediaError
from crossmodal.manifest import Record, Row, Table, read_rows
from training.manifests.looking import Looks, look_at
from training.manifests.validating import Note, files_of

SPLITS = ("train", "val", "test")
# Names that say that the artist is not known; rows that carry them have nothing in common.
NOBODY = frozenset(["", "unknown", "unknown artist", "various", "various artists", "va", "n/a", "none", "-"])

Key = tuple[str, str]
NearPairs = list[tuple[str, str, float]]


@dataclass(frozen=True, slots=True)
class Division:
    """What a split did.

    Args:
        table: as read.
        splits: of each record.
        n_groups: how many sets of rows hang together.
        largest: rows of the largest.
        near: (content hash, content hash, similarity) of sounds that are nearly the same.
        unread: rows of which a file cannot be read: they went by their columns alone.
    """

    table: Table
    splits: list[str]
    n_groups: int
    largest: int
    near: NearPairs = field(default_factory=list)
    unread: list[Note] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """Rows of each split."""
        found = Counter(self.splits)
        return {name: found[name] for name in SPLITS if name in found}


def split_manifest(
    path: Path,
    shares: Mapping[str, float],
    *,
    seed: int = 0,
    root: Path | None = None,
    near: Callable[[dict[str, Path]], NearPairs],
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Division:
    """Give each row of a manifest a split.

    Args:
        path: whose rows all hold; splits that stand in it are replaced.
        shares: split -> share of the rows, adding up to 1.
        seed: another seed, other rows in each split.
        root: what relative paths start from; None: the manifest's folder.
        near: finds sounds that are nearly the same among content hash -> file.
        workers: files read at once; None: one a core.
        progress: told (done, total) of files.

    Raises:
        ManifestError: it cannot be read, or has a row that does not hold.
    """
    table = read_rows(path, root)
    looks = look_at((file for row in table.rows for file in files_of(row)), workers=workers, progress=progress)
    keys, unread = list[list[Key]](), list[Note]()
    for record in table.records:
        assert record.row is not None
        keys.append(_keys(record.row, looks))
        unread.extend(Note(record.line, record.row.id, text) for text in _unread(record.row, looks))
    found = near(_sounds(table.rows, looks))
    texts = [_text(record) for record in table.records]
    groups = hanging_together(keys, [(("audio", one), ("audio", other)) for one, other, _ in found])
    names = _names(groups, texts)
    sizes = Counter(names[group] for group in groups)
    where = assign(sizes, shares, seed)
    splits = [where[names[group]] for group in groups]
    return Division(table, splits, len(sizes), max(sizes.values(), default=0), found, unread)


def hanging_together(keys: Sequence[Sequence[Key]], same: Sequence[tuple[Key, Key]]) -> list[int]:
    """The number of the set that each row belongs to: rows that share a key, over any number of others, are one.

    Args:
        keys: of each row.
        same: pairs of keys that stand for one another.
    """
    known: dict[Key, int] = {}
    edges: list[tuple[int, int]] = []
    for row, own in enumerate(keys):
        edges += [(row, len(keys) + known.setdefault(key, len(known))) for key in own]
    edges += [(len(keys) + known[one], len(keys) + known[other]) for one, other in same]
    n_nodes = len(keys) + len(known)
    starts, ends = np.array(edges, np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(edges), np.bool_), (starts, ends)), shape=(n_nodes, n_nodes))
    return [int(label) for label in connected_components(graph, directed=False)[1][: len(keys)]]


def assign(sizes: Mapping[str, int], shares: Mapping[str, float], seed: int) -> dict[str, str]:
    """Set -> split. The largest goes first; each is drawn into a split with room for it, by the room that is left.

    Args:
        sizes: rows of each set, under a name that the order of rows does not change.
        shares: split -> share.
        seed: of the draws.
    """
    total = sum(sizes.values())
    room = {name: share * total for name, share in shares.items() if share > 0}
    where = {}
    for key in sorted(sizes, key=lambda key: (-sizes[key], _draw(seed, "order", key), key)):
        fitting = {name: left for name, left in room.items() if left >= sizes[key] - 0.5}
        name = _drawn(fitting, _draw(seed, "split", key)) if fitting else max(room, key=lambda name: room[name])
        room[name] -= sizes[key]
        where[key] = name
    _fill_empty(where, sizes, room)
    return where


def _fill_empty(where: dict[str, str], sizes: Mapping[str, int], room: Mapping[str, float]) -> None:
    """No split stays empty where another has more than one set to give."""
    for name in room:
        if name in where.values():
            continue
        counts = Counter(where.values())
        giver = max(counts, key=lambda split: (counts[split], split))
        if counts[giver] > 1:
            smallest = min((key for key in where if where[key] == giver), key=lambda key: (sizes[key], key))
            where[smallest] = name


def _drawn(room: Mapping[str, float], draw: float) -> str:
    left = draw * sum(room.values())
    for name, size in room.items():
        left -= size
        if left < 0:
            return name
    return list(room)[-1]


def _draw(seed: int, what: str, key: str) -> float:
    """A number in [0, 1) that seed and key alone decide."""
    digest = hashlib.blake2b(f"{seed} {what} {key}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def artist_of(row: Row) -> str:
    """The artist that a further column or a label names, spelt alike; empty: not known."""
    named = (row.model_extra or {}).get("artist") or row.labels.get("artist") or ""
    text = " ".join(str(named).casefold().split())
    return "" if text in NOBODY else text


def _keys(row: Row, looks: Looks) -> list[Key]:
    named = {"music": row.music_id, "group": row.group, "artist": artist_of(row)}
    keys = [(kind, value) for kind, value in named.items() if value]
    for path, side in files_of(row):
        keys.append((f"{side} file", str(path.resolve())))
        try:
            keys.append((side, looks.of(path, side).content_hash))
        except MediaError:
            continue
    return keys


def _unread(row: Row, looks: Looks) -> list[str]:
    found = []
    for path, side in files_of(row):
        try:
            looks.of(path, side)
        except MediaError as error:
            found.append(f"{side}: {error}")
    return found


def _sounds(rows: Sequence[Row], looks: Looks) -> dict[str, Path]:
    """Content hash -> file, of every sound that can be read and is not silent."""
    sounds: dict[str, Path] = {}
    for row in rows:
        path = row.audio or row.video
        try:
            look = looks.of(path, "audio")
        except MediaError:
            continue
        if not look.silent:
            sounds.setdefault(look.content_hash, path)
    return dict(sorted(sounds.items()))


def _text(record: Record) -> str:
    """What a row is, whatever line it stands on."""
    cells = {name: value for name, value in record.cells.items() if name != "split"}
    return json.dumps(cells, sort_keys=True, default=str)


def _names(groups: Sequence[int], texts: Sequence[str]) -> dict[int, str]:
    members = defaultdict[int, list[str]](list)
    for group, text in zip(groups, texts, strict=True):
        members[group].append(text)
    return {group: min(own) for group, own in members.items()}
