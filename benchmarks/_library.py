"""Catalogues for the benchmarks, in the benchmarks' own work folder."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from _media import music_files, work_folder

if TYPE_CHECKING:
    from crossmodal.catalogue import Catalogue
    from crossmodal.embedding import Embedding
    from crossmodal.model import TwoTowerModel


def catalogue_of_music() -> Path:
    """A catalogue of the benchmarks' music with the bundled model, made once for each model."""
    from crossmodal.catalogue import Catalogue
    from crossmodal.catalogue.indexing import index_folders
    from crossmodal.model import TwoTowerModel

    model = TwoTowerModel.from_pretrained("compact")
    folder = work_folder("library")
    with Catalogue.open(folder, create=True) as catalogue:
        if not catalogue.count(model=model.fingerprint):
            index_folders(catalogue, sorted({path.parent for path in music_files()}), model)
    return folder


def catalogue_of_noise(n_tracks: int, seconds: float) -> Path:
    """A catalogue of `n_tracks` made-up tracks: smooth random sequences and random unit vectors of the bundled model.

    What is in a sequence does not change what a search costs; how long it is does.
    """
    from crossmodal.catalogue import Catalogue
    from crossmodal.model import TwoTowerModel

    model = TwoTowerModel.from_pretrained("compact")
    folder = work_folder(f"noise-{n_tracks}x{seconds:g}-{model.fingerprint[:8]}")
    with Catalogue.open(folder, create=True) as catalogue:
        if catalogue.count(model=model.fingerprint) == n_tracks:
            return folder
    shutil.rmtree(folder)
    with Catalogue.open(folder, create=True) as catalogue:
        _fill(catalogue, model, n_tracks, seconds)
    return folder


def _fill(catalogue: "Catalogue", model: "TwoTowerModel", n_tracks: int, seconds: float) -> None:
    from crossmodal.catalogue import Content, FileState, FoundFile

    rng = np.random.default_rng(0)
    here = work_folder("noise-files")
    for k in range(n_tracks):
        path = here / f"{k:05d}.wav"
        content = Content(f"{k:032x}", "audio", seconds, silent=False, loudness_lufs=-14.0, peak_dbfs=-1.0)
        found = FoundFile(bytes(path), FileState(1, k, k, k), {})
        catalogue.put_track(content, found, model.fingerprint, _embedding(rng, model, seconds))


def _embedding(rng: np.random.Generator, model: "TwoTowerModel", seconds: float) -> "Embedding":
    from crossmodal.embedding import Embedding

    config = model.config
    steps = round(seconds / config.hop)
    walk = rng.standard_normal((steps, config.heads, config.head_dim)).cumsum(axis=0)
    sequence = (walk - walk.mean(axis=0)) / np.sqrt(steps)
    vectors = rng.standard_normal((1 + int(seconds // config.segment_hop), config.vector_dim))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors = vectors.astype(np.float32)
    times = np.arange(len(vectors) - 1, dtype=np.float32) * np.float32(config.segment_hop)
    return Embedding(
        vectors[0], vectors[1:], times, sequence.astype(np.float32), np.ones(steps, np.bool_), seconds, silent=False
    )
