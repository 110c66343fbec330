"""A fresh catalogue, a small random model, and a music folder of a few seconds."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from catalogue.made import random_model

from crossmodal.catalogue import Catalogue, index_folders
from crossmodal.demo import make_track


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    with Catalogue.open(tmp_path / "library", create=True) as opened:
        yield opened


@pytest.fixture(scope="session")
def model() -> object:
    """A random two-tower model, small: what it says means nothing, how it is kept does."""
    return random_model(0)


@pytest.fixture
def other_model() -> object:
    return random_model(1)


@pytest.fixture(scope="session")
def made_music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three tracks of 4 s; read only."""
    folder = tmp_path_factory.mktemp("made music")
    for seed, name in enumerate(["one.flac", "two.mp3", "three.ogg"]):
        make_track(folder / name, seconds=4.0, seed=seed, tags={"title": f"Title {seed}", "artist": "Nobody"})
    return folder


@pytest.fixture
def music(made_music: Path, tmp_path: Path) -> Path:
    """A copy of the made music that a test may change."""
    return shutil.copytree(made_music, tmp_path / "music")


@pytest.fixture
def indexed(catalogue: Catalogue, model: object) -> Callable[..., object]:
    """`indexed(folder, ...)`: a run of the index over folders, in this process, one worker."""

    def run(*folders: Path, **options: object) -> object:
        return index_folders(catalogue, folders, options.pop("model", model), workers=1, **options)

    return run
