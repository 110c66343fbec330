"""Where a catalogue may stand: shares and disks without a log are refused, what cannot be written can be searched."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from catalogue.made import content, found, made_embedding

from crossmodal.catalogue import Catalogue, default_folder, ground
from crossmodal.errors import CatalogueError

MOUNTS = [("/", "ext4"), ("/mnt", "ext4"), ("/mnt/nas", "nfs4"), ("/mnt/nas/local", "xfs"), ("/home/x", "fuse.sshfs")]


@pytest.mark.parametrize(
    ("folder", "share"),
    [
        ("/mnt/nas/lib", "nfs4"),
        ("/mnt/nas", "nfs4"),
        ("/mnt/nasty", None),
        ("/mnt/nas/local/x", None),
        ("/home/x/y", "fuse.sshfs"),
    ],
)
def test_the_deepest_mount_says_what_a_folder_stands_on(folder, share):
    assert ground.share_of(Path(folder), MOUNTS) == share


@pytest.mark.parametrize("kind", ["nfs", "cifs", "smb3", "smbfs", "fuse.sshfs", "CIFS"])
def test_a_share_is_refused_with_the_remedy(tmp_path, kind):
    refusal = ground.why_not_write(tmp_path, [("/", "ext4"), (str(tmp_path.resolve()), kind)])
    assert refusal is not None and refusal.kind == "refused" and "Keep the catalogue on a local disk" in str(refusal)


def test_a_local_disk_is_not_refused(tmp_path):
    assert ground.why_not_write(tmp_path, ground.mounts()) is None


def test_the_answer_to_the_wal_pragma_is_checked(tmp_path):
    db = sqlite3.connect(":memory:")  # answers `memory`
    with pytest.raises(CatalogueError, match="local disk") as caught:
        ground.use_wal(db, tmp_path)
    assert caught.value.kind == "refused"
    db.close()


def test_the_default_folder_can_be_named(monkeypatch, tmp_path):
    monkeypatch.setenv("CROSSMODAL_CATALOGUE", str(tmp_path))
    assert default_folder() == tmp_path
    monkeypatch.delenv("CROSSMODAL_CATALOGUE")
    assert default_folder().name == "catalogue"


def fill(folder: Path) -> None:
    with Catalogue.open(folder, create=True) as catalogue:
        catalogue.put_track(content("a"), found("/a"), "m", made_embedding(0))


def test_opened_for_reading_only_nothing_is_written(tmp_path):
    fill(tmp_path)
    with Catalogue.open(tmp_path, read_only=True) as catalogue:
        assert catalogue.read_only and len(catalogue.embeddings("m").ids) == 1
        with pytest.raises(CatalogueError) as caught:
            catalogue.put_track(content("b"), found("/b"), "m", made_embedding(1))
    assert caught.value.kind == "read_only"


READ = """
import os, sys
import faiss, numpy
from crossmodal.catalogue import Catalogue, open_index
from crossmodal.errors import CatalogueError
if os.getuid() == 0:  # root may write everything: become somebody who may not
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
with Catalogue.open(sys.argv[1]) as catalogue:
    assert catalogue.read_only
    print(len(catalogue.embeddings("m").ids), len(open_index(catalogue, "m")), len(list(catalogue.iter_sequences("m"))))
    try:
        catalogue.start_job("index", "x")
    except CatalogueError as error:
        print(error.kind)
"""


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that others may read, unlike pytest's."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def as_reader(folder: Path) -> subprocess.CompletedProcess[str]:
    """Search `folder` as somebody who may read it and not write it."""
    if os.getuid() != 0:
        folder.chmod(0o555)
    return subprocess.run([sys.executable, "-c", READ, str(folder)], capture_output=True, text=True)


@pytest.mark.skipif(os.name == "nt", reason="rights work otherwise there")
def test_a_catalogue_that_cannot_be_written_can_be_searched(public_folder):
    fill(public_folder)
    before = sorted(public_folder.iterdir())
    done = as_reader(public_folder)
    assert done.stdout.split() == ["1", "1", "1", "read_only"], done.stderr
    assert sorted(public_folder.iterdir()) == before


@pytest.mark.skipif(os.name == "nt", reason="rights work otherwise there")
def test_immutable_is_not_used_while_a_log_holds_tracks(public_folder):
    """A copy of a catalogue whose writer was killed: the tracks are in the log only, and must not be missed."""
    origin = public_folder / "origin"
    with Catalogue.open(origin, create=True) as catalogue:
        catalogue.put_track(content("a"), found("/a"), "m", made_embedding(0))
        copy = public_folder / "copy"
        copy.mkdir()
        for name in ("catalogue.db", "catalogue.db-wal"):
            shutil.copy(origin / name, copy / name)
    assert (copy / "catalogue.db-wal").stat().st_size > 0
    done = as_reader(copy)
    assert "still holds tracks" in done.stderr and done.stdout == "", done.stderr
