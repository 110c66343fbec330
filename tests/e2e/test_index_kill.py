"""Kill -9 at random moments of an indexing run: no half track, nothing done twice, the index agrees with the store."""

import os
import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from crossmodal.catalogue import Catalogue, index_path, open_index
from crossmodal.catalogue.index import FaissIndex
from crossmodal.demo import make_track
from crossmodal.model import TwoTowerModel, compact_config

KILLS = 50 if os.environ.get("CROSSMODAL_SOAK") else 5
TRACKS = 2 * KILLS + 4


def start(music: Path, library: Path, model: Path) -> subprocess.Popen[bytes]:
    """The real command, one worker, so that there is something left to kill."""
    command = ["index", str(music), "-c", str(library), "--model", str(model), "--workers", "1"]
    code = "from app.cli import main; main()"
    return subprocess.Popen([sys.executable, "-c", code, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def rows_of(library: Path) -> dict[int, tuple[str, float]]:
    """id -> (content hash, when it was added), of every track that is there."""
    if not (library / "catalogue.db").exists():
        return {}
    db = sqlite3.connect(library / "catalogue.db")
    try:
        return {row[0]: (row[1], row[2]) for row in db.execute("SELECT id, content_hash, added FROM track")}
    except sqlite3.OperationalError as error:
        assert "no such table" in str(error)  # killed before the first commit
        return {}
    finally:
        db.close()


def check_whole(library: Path, fingerprint: str) -> None:
    """Every track has its file, its vector, its segments and its sequence; an index made now agrees."""
    with Catalogue.open(library) as catalogue:
        tracks = catalogue.tracks(present=False)
        ids = [track.id for track in tracks]
        assert all(track.places for track in tracks)
        assert [s.track_id for s in catalogue.iter_sequences(fingerprint)] == ids
        assert sorted(set(catalogue.segments(fingerprint).ids.tolist())) == ids
        table, index = catalogue.embeddings(fingerprint), open_index(catalogue, fingerprint)
        assert table.ids.tolist() == ids == index.ids().tolist()
        if ids:
            scores, best = index.search(table.vectors, 1)
            np.testing.assert_allclose(scores[:, 0], 1, atol=1e-5)
            assert len(best) == len(ids)


@pytest.mark.timeout(7200 if KILLS > 5 else 600)
def test_killed_again_and_again_a_library_is_whole(tmp_path):
    music, library, folder = tmp_path / "music", tmp_path / "library", tmp_path / "model"
    music.mkdir()
    for seed in range(TRACKS):
        make_track(music / f"{seed:03d}.flac", seconds=3.0 + 0.2 * (seed % 7), seed=seed)
    model = TwoTowerModel(compact_config(width=8, hidden=8, vector_dim=16))
    model.save_pretrained(folder)
    chance, before = random.Random(int(os.environ.get("CROSSMODAL_SEED", "0"))), dict[int, tuple[str, float]]()
    for _ in range(KILLS):
        process, deadline = start(music, library, folder), time.monotonic() + 120
        while process.poll() is None and len(rows_of(library)) == len(before) and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(chance.random() * 0.5)  # any moment after the first new track
        process.kill()
        process.communicate()
        after = rows_of(library)
        assert after.items() >= before.items()  # nothing that was done is done again
        check_whole(library, model.fingerprint)
        before = after
    last = start(music, library, folder)
    out, err = last.communicate(timeout=500)
    assert last.returncode == 0, err.decode()
    assert before and f"{len(before)} unchanged".encode() in out
    rows = rows_of(library)
    assert len(rows) == TRACKS == len({content for content, _ in rows.values()}) and rows.items() >= before.items()
    check_whole(library, model.fingerprint)
    with Catalogue.open(library) as catalogue:  # the saved file itself, not one made now
        saved = FaissIndex.load(index_path(catalogue, model.fingerprint))
        assert saved.generation == catalogue.generation()
        assert saved.ids().tolist() == catalogue.embeddings(model.fingerprint).ids.tolist()
