"""What a run has to do: the folders as they are, against the library as it was."""

import os
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from crossmodal.catalogue.records import FileState, PassedOver, Place
from crossmodal.catalogue.scan import Scan


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run has to do.

    Args:
        read: paths that are new or changed, those first that may have been moved.
        unchanged: how many files are as they were.
        returned: places that were not seen and are there again as they were.
        gone: places that the scan would have found, and did not.
        still_bad: files that were passed over before and did not change.
        forgotten: paths passed over before that are gone.
        known: path -> place, of every known file.
    """

    read: list[bytes]
    unchanged: int
    returned: list[int]
    gone: list[Place]
    still_bad: list[PassedOver]
    forgotten: list[bytes]
    known: dict[bytes, Place]


def make_plan(
    scan: Scan,
    places: Iterable[Place],
    passed_over: Iterable[PassedOver],
    *,
    retry: Collection[str] = (),
    with_tags: bool = True,
) -> Plan:
    """Compare a scan with what is known.

    Args:
        scan: of the folders.
        places: of the side that is indexed.
        passed_over: by this version of crossmodal.
        retry: kinds of passed-over files that are read again all the same.
        with_tags: files whose tags were never read are read again.
    """
    known = {place.path: place for place in places}
    bad = {file.path: file for file in passed_over}
    gone = [place for place in known.values() if place.path not in scan.files and scan.covers(place.path)]
    lost = {(place.state.size, place.state.mtime_ns) for place in gone}
    read, returned, still_bad = list[bytes](), list[int](), list[PassedOver]()
    unchanged = 0
    for path, state in scan.files.items():
        place, failure = known.get(path), bad.get(path)
        if failure is not None and failure.state == state and failure.kind not in retry:
            still_bad.append(failure)
        elif (
            failure is None and place is not None and place.state == state and (place.tags is not None or not with_tags)
        ):
            unchanged += 1
            returned += [] if place.present else [place.id]
        else:
            read.append(path)
    read.sort(key=lambda path: _clock(scan.files[path]) not in lost)  # stable: else in the order found
    forgotten = [path for path in bad if path not in scan.files and scan.covers(path)]
    return Plan(read, unchanged, returned, gone, still_bad, forgotten, known)


def _is_as_it_was(place: Place, state: FileState, with_tags: bool) -> bool:
    return place.state == state and (place.tags is not None or not with_tags)


class MovedFiles:
    """Places whose files are gone: where a file with the same content turns up, it was moved."""

    def __init__(self, gone: Iterable[Place]) -> None:
        self._by_track = defaultdict[int, list[Place]](list)
        for place in gone:
            self._by_track[place.track_id].append(place)

    def take(self, track: int, path: bytes, state: FileState) -> Place | None:
        """The place that `path` most likely had before: the same spelling (NFC), then inode, then name, then any."""
        candidates = self._by_track.get(track)
        if not candidates:
            return None
        name = os.path.basename(path)  # noqa: PTH119 (bytes)
        best = max(
            candidates,
            key=lambda place: (
                _spelling(place.path) == _spelling(path),
                place.state.inode == state.inode,
                _spelling(os.path.basename(place.path)) == _spelling(name),  # noqa: PTH119 (bytes)
                -place.id,
            ),
        )
        candidates.remove(best)
        return best

    def left(self) -> list[Place]:
        """Places that nothing took."""
        return [place for places in self._by_track.values() for place in places]


def _clock(state: FileState) -> tuple[int, int]:
    return state.size, state.mtime_ns


def _spelling(path: bytes) -> str:
    return unicodedata.normalize("NFC", os.fsdecode(path))
