"""The index beside a catalogue: loaded where it reflects the store, else made from it."""

import logging
from pathlib import Path

from crossmodal.catalogue.index import FaissIndex
from crossmodal.catalogue.store import Catalogue
from crossmodal.errors import CatalogueError
from crossmodal.features import Side

log = logging.getLogger(__name__)


def index_path(catalogue: Catalogue, model: str, side: Side = "audio") -> Path:
    """The file of the index of one model (fingerprint) and side."""
    return catalogue.folder / f"index-{side}-{model[:16]}.faiss"


def open_index(catalogue: Catalogue, model: str, side: Side = "audio") -> FaissIndex:
    """The index of what `catalogue.embeddings` gives.

    The saved file where it carries the catalogue's generation; else, or where it is damaged, it is made from the
    store, which for exact search is as quick as reading it.

    Args:
        catalogue: any, read-only too.
        model: fingerprint.
        side: of the tracks.
    """
    saved = _load(index_path(catalogue, model, side))
    if saved is not None and saved.generation == catalogue.generation():
        return saved
    table = catalogue.embeddings(model, side)
    index = FaissIndex(table.vectors.shape[1], table.generation)
    index.add(table.ids, table.vectors)
    return index


def save_index(catalogue: Catalogue, model: str, side: Side = "audio") -> FaissIndex:
    """Bring the saved index up to date; see `open_index`."""
    index = open_index(catalogue, model, side)
    index.save(index_path(catalogue, model, side))
    return index


def _load(path: Path) -> FaissIndex | None:
    if not path.exists():
        return None
    try:
        return FaissIndex.load(path)
    except (CatalogueError, OSError) as error:
        log.warning("%s", error)
        return None
