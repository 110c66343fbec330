"""Features of every file of a manifest into the store, so that training and evaluation decode nothing."""

import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from crossmodal.cores import n_cores
from crossmodal.errors import MediaError
from crossmodal.features import Encoder, FeatureStore
from crossmodal.manifest import Row
from crossmodal.media import content_hash, guard
from training.manifests.looking import Progress, Side
from training.manifests.validating import files_of


@dataclass(slots=True)
class Extraction:
    """What a run did.

    Args:
        made: files (a side each) whose Features were made now.
        there: those that the store held already.
        failed: (file, reason) of the others.
    """

    made: int = 0
    there: int = 0
    failed: list[tuple[Path, str]] = field(default_factory=list)


def extract(
    rows: Iterable[Row],
    encoders: Mapping[Side, Encoder],
    store: FeatureStore,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Extraction:
    """Fill the store; each file is stored by itself, so that a run that was stopped goes on where it was.

    Args:
        rows: of a manifest; a file under several spellings is read once.
        encoders: of each side.
        store: where Features are kept.
        workers: files decoded at once; None: one a core.
        progress: told (done, total) of files.
    """
    files = {(os.path.realpath(path), side): (path, side) for row in rows for path, side in files_of(row)}
    found = Extraction()
    pool = ThreadPoolExecutor(workers or n_cores(), thread_name_prefix="extract")
    try:
        waiting = {pool.submit(_extract, path, side, encoders, store): path for path, side in files.values()}
        for done, future in enumerate(as_completed(waiting), 1):
            try:
                is_new = future.result()
                found.made, found.there = found.made + is_new, found.there + (not is_new)
            except MediaError as error:
                found.failed.append((waiting[future], str(error)))
            if progress is not None:
                progress(done, len(waiting))
    finally:
        pool.shutdown(cancel_futures=True)
    found.failed.sort()
    return found


def _extract(path: Path, side: Side, encoders: Mapping[Side, Encoder], store: FeatureStore) -> bool:
    """Whether there was anything to do."""
    encoder = encoders[side]
    key = guard.run(content_hash, path, side)
    if store.get(key, side, encoder.fingerprint) is not None:
        return False
    store.put(key, side, encoder.fingerprint, encoder.features(path))
    return True
