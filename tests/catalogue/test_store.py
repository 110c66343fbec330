"""The store: whole tracks or nothing, two models apart, who may write, who waits."""

import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from catalogue.made import content, found, made_embedding
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmodal.catalogue import Catalogue, EmbeddingKey, PassedOver, schema
from crossmodal.catalogue.records import FileState
from crossmodal.errors import CatalogueError


def put(catalogue: Catalogue, name: str, path: str = "", *, seed: int = 0, model: str = "m", **tags: str) -> int:
    return catalogue.put_track(content(name), found(path or f"/{name}", **tags), model, made_embedding(seed))


def test_a_stored_embedding_comes_back_with_every_part(catalogue):
    embedding = made_embedding(3)
    catalogue.put_track(content("a"), found("/a"), "m", embedding)
    stored = catalogue.embedding(EmbeddingKey("a", "audio", "m"))
    np.testing.assert_array_equal(stored.vector, embedding.vector)
    np.testing.assert_array_equal(stored.sequence, embedding.sequence.astype(np.float16).astype(np.float32))
    np.testing.assert_array_equal(stored.segments, embedding.segments.astype(np.float16).astype(np.float32))
    np.testing.assert_array_equal(stored.times, embedding.times)
    np.testing.assert_array_equal(stored.seen, embedding.seen)
    assert (stored.duration, stored.silent) == (embedding.duration, False)


def test_views_come_back(catalogue):
    embedding = made_embedding(3)
    embedding.views["labels"] = np.array([0.5, 0.25], np.float32)
    catalogue.put_track(content("a"), found("/a"), "m", embedding)
    np.testing.assert_array_equal(catalogue.embedding(EmbeddingKey("a", "audio", "m")).views["labels"], [0.5, 0.25])


def test_sequences_and_segments_name_their_track(catalogue):
    ids = [put(catalogue, name, seed=seed) for seed, name in enumerate("abc")]
    found_ids = [stored.track_id for stored in catalogue.iter_sequences("m")]
    assert found_ids == ids == list(catalogue.embeddings("m").ids)
    assert list(catalogue.segments("m").ids) == [i for i in ids for _ in range(2)]
    assert [s.track_id for s in catalogue.iter_sequences("m", ids=[ids[1], 999])] == [ids[1]]


def test_two_models_never_mix(catalogue):
    put(catalogue, "a", model="old")
    catalogue.put_embedding(EmbeddingKey("a", "audio", "new"), made_embedding(1, dim=4))
    assert catalogue.embeddings("old").vectors.shape == (1, 8)
    assert catalogue.embeddings("new").vectors.shape == (1, 4)
    assert catalogue.models() == {"old": 1, "new": 1}


def test_a_span_does_not_stand_for_the_whole(catalogue):
    put(catalogue, "a")
    catalogue.put_embedding(EmbeddingKey("a", "audio", "other", 1.0, 2.0), made_embedding(1))
    assert catalogue.count(model="other") == 0
    assert catalogue.embedding(EmbeddingKey("a", "audio", "other")) is None
    assert catalogue.embedding(EmbeddingKey("a", "audio", "other", 1.0, 2.0)) is not None


def test_one_content_has_a_side(catalogue):
    put(catalogue, "a")
    catalogue.put_track(content("a", side="video"), found("/a"), "m", made_embedding(5))
    assert catalogue.count("audio") == catalogue.count("video") == 1


def test_silence_is_counted_and_in_no_result(catalogue):
    catalogue.put_track(content("s", silent=True), found("/s"), "m", made_embedding(0, silent=True))
    assert catalogue.count(model="m") == 1
    assert len(catalogue.embeddings("m").ids) == 0


def test_a_name_that_is_not_utf8_leads_back_to_its_file(catalogue):
    put(catalogue, "a", b"/music/caf\xe9.mp3")
    (track,) = catalogue.tracks()
    assert os.fsencode(track.path) == b"/music/caf\xe9.mp3"
    assert track.title == "caf\ufffd"


def test_a_track_without_a_title_is_called_as_its_file(catalogue):
    put(catalogue, "a", "/music/01 - Song.mp3")
    put(catalogue, "b", "/music/02.mp3", title="Named")
    assert [track.title for track in catalogue.tracks()] == ["01 - Song", "Named"]


def test_a_copy_without_tags_does_not_untitle_a_track(catalogue):
    track = put(catalogue, "a", "/1.mp3", title="Kept")
    catalogue.put_place(track, "audio", found("/2.mp3"))
    (stored,) = catalogue.tracks()
    assert stored.title == "Kept" and stored.places == [Path("/1.mp3"), Path("/2.mp3")]


def test_a_track_not_seen_keeps_its_vectors_out_of_results(catalogue):
    put(catalogue, "a")
    (place,) = catalogue.places()
    catalogue.set_present(not_seen=[place.id])
    assert catalogue.tracks() == [] and len(catalogue.embeddings("m").ids) == 0
    assert len(catalogue.tracks(present=False)) == 1
    catalogue.set_present(seen=[place.id])
    assert len(catalogue.embeddings("m").ids) == 1


def test_a_path_with_new_content_leaves_its_old_track_without_a_place(catalogue):
    put(catalogue, "old", "/a")
    put(catalogue, "new", "/a")
    assert [t.content_hash for t in catalogue.tracks()] == ["new"]
    assert catalogue.prune([]) == 1
    assert [t.content_hash for t in catalogue.tracks(present=False)] == ["new"]


def test_a_pruned_id_is_never_given_again(catalogue):
    first = put(catalogue, "a")
    catalogue.prune([place.id for place in catalogue.places()])
    assert catalogue.tracks(present=False) == [] and put(catalogue, "a") > first
    assert len(list(catalogue.iter_sequences("m"))) == 1


def test_a_file_passed_over_is_no_longer_a_place(catalogue):
    put(catalogue, "a", "/a")
    catalogue.pass_over("audio", PassedOver(b"/a", FileState(9, 9, 9, 9), "corrupt", "is broken"), "1")
    assert catalogue.count() == 0
    assert [f.reason for f in catalogue.passed_over("audio", "1")] == ["is broken"]
    assert catalogue.passed_over("audio", "2") == []  # another version tries again


def test_the_generation_is_another_after_each_commit_of_vectors(catalogue):
    seen = {catalogue.generation()}
    put(catalogue, "a")
    seen.add(catalogue.generation())
    catalogue.put_embedding(EmbeddingKey("a", "audio", "m2"), made_embedding(1))
    seen.add(catalogue.generation())
    catalogue.set_present(not_seen=[1])
    seen.add(catalogue.generation())
    catalogue.prune([1])
    seen.add(catalogue.generation())
    assert len(seen) == 5
    job = catalogue.start_job("index", "x")
    catalogue.end_job(job, "done")
    assert catalogue.generation() in seen


def test_a_restored_backup_does_not_meet_an_old_generation(tmp_path):
    import shutil

    def generation_after(folder: Path, name: str) -> str:
        with Catalogue.open(folder, create=True) as catalogue:
            put(catalogue, name)
            return catalogue.generation()

    generation_after(tmp_path / "a", "1")
    shutil.copytree(tmp_path / "a", tmp_path / "backup")
    assert generation_after(tmp_path / "a", "2") != generation_after(tmp_path / "backup", "2")


def test_a_failing_write_leaves_nothing(catalogue):
    put(catalogue, "a")
    before = catalogue.generation()
    with pytest.raises(AttributeError):
        catalogue.put_track(content("b"), found("/b"), "m", None)
    assert catalogue.tracks(present=False)[-1].content_hash == "a" and catalogue.generation() == before


@settings(deadline=None, max_examples=25)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["put", "again", "hide", "show", "prune", "copy"]), st.integers(0, 4)), max_size=14
    )
)
def test_any_history_gives_what_a_plain_dictionary_gives(tmp_path_factory, steps):
    """Oracle: content -> (paths, present paths), kept by hand."""
    tracks: dict[str, dict[str, bool]] = {}
    with Catalogue.open(tmp_path_factory.mktemp("c"), create=True) as catalogue:
        for action, n in steps:
            name, path = f"h{n}", f"/{n}"
            ids = {place.path.decode(): place.id for place in catalogue.places()}
            if action in ("put", "again"):
                put(catalogue, name, path, seed=n)
                tracks.setdefault(name, {})[path] = True
            elif action == "copy" and name in tracks:
                track = catalogue.track_id(name, "audio")
                catalogue.put_place(track, "audio", found(f"{path}copy"))
                tracks[name][f"{path}copy"] = True
            elif action in ("hide", "show") and path in ids:
                catalogue.set_present(**{"seen" if action == "show" else "not_seen": [ids[path]]})
                tracks[name][path] = action == "show"
            elif action == "prune":
                catalogue.prune([ids[path]] if path in ids else [])
                tracks.get(name, {}).pop(path, None)
                tracks = {key: places for key, places in tracks.items() if places}
        listed = {t.content_hash: {str(p) for p in t.places} for t in catalogue.tracks()}
        assert listed == {k: {p for p, there in v.items() if there} for k, v in tracks.items() if any(v.values())}
        assert {t.content_hash for t in catalogue.tracks(present=False)} == set(tracks)
        assert list(catalogue.embeddings("m").ids) == [t.id for t in catalogue.tracks()]


def test_a_missing_catalogue_says_how_to_make_one(tmp_path):
    with pytest.raises(CatalogueError, match="crossmodal index FOLDER") as caught:
        Catalogue.open(tmp_path / "none")
    assert caught.value.kind == "missing" and not (tmp_path / "none").exists()


def test_a_newer_catalogue_is_refused_by_name(tmp_path):
    Catalogue.open(tmp_path, create=True).close()
    with sqlite3.connect(tmp_path / "catalogue.db") as db:
        db.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
    db.close()
    for read_only in (False, True):
        with pytest.raises(CatalogueError, match="newer crossmodal") as caught:
            Catalogue.open(tmp_path, read_only=read_only)
        assert caught.value.kind == "too_new"


def test_an_older_catalogue_is_migrated_once_and_keeps_its_tracks(tmp_path):
    with Catalogue.open(tmp_path, create=True) as catalogue:
        put(catalogue, "a")
    file = tmp_path / "catalogue.db"
    newer = (*schema.MIGRATIONS, ("ALTER TABLE track ADD COLUMN shade TEXT DEFAULT 'blue'",))
    db = sqlite3.connect(file, isolation_level=None)
    schema.migrate(db, file, newer)
    schema.migrate(db, file, newer)
    assert db.execute("SELECT content_hash, shade FROM track").fetchall() == [("a", "blue")]
    assert schema.version_of(db, file) == len(newer)
    db.close()


def test_a_migration_that_fails_changes_nothing(tmp_path):
    Catalogue.open(tmp_path, create=True).close()
    file = tmp_path / "catalogue.db"
    db = sqlite3.connect(file, isolation_level=None)
    broken = (*schema.MIGRATIONS, ("ALTER TABLE track ADD COLUMN shade TEXT", "CREATE nonsense"))
    with pytest.raises(sqlite3.OperationalError):
        schema.migrate(db, file, broken)
    db.close()
    with Catalogue.open(tmp_path) as catalogue:
        put(catalogue, "a")


@pytest.mark.parametrize("data", [b"no database at all, but long enough to be looked at" * 20, None])
def test_a_foreign_or_damaged_database_is_named_and_left_alone(tmp_path, data):
    file = tmp_path / "catalogue.db"
    if data is None:
        with sqlite3.connect(file) as db:
            db.execute("CREATE TABLE theirs (x)")
        db.close()
    else:
        file.write_bytes(data)
    before = file.read_bytes()
    with pytest.raises(CatalogueError, match=r"catalogue\.db") as caught:
        Catalogue.open(tmp_path)
    assert caught.value.kind == "damaged" and file.read_bytes()[100:] == before[100:]


def test_a_reader_in_another_thread_sees_whole_tracks_only(catalogue):
    stop, halves = threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            ids = set(catalogue.embeddings("m").ids.tolist())
            later = {s.track_id for s in catalogue.iter_sequences("m", ids=sorted(ids))}
            halves.extend(ids - later)

    reader = threading.Thread(target=read)
    reader.start()
    for seed in range(60):
        put(catalogue, f"t{seed}", seed=seed)
    stop.set()
    reader.join()
    assert halves == [] and len(catalogue.embeddings("m").ids) == 60


def test_no_read_transaction_outlives_an_answer(catalogue):
    """An iterator that is half read must not keep the log from being folded in."""
    for seed in range(80):
        put(catalogue, f"t{seed}", seed=seed)
    reading = catalogue.iter_sequences("m")
    next(reading)
    catalogue.embeddings("m")
    with sqlite3.connect(catalogue.folder / "catalogue.db") as db:
        busy, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    db.close()
    assert busy == 0 and (catalogue.folder / "catalogue.db-wal").stat().st_size == 0
    assert len(list(reading)) == 79


CHILD = """
import sys, time
from crossmodal.catalogue import Catalogue, writing_job
with Catalogue.open(sys.argv[1]) as catalogue, writing_job(catalogue.folder, "index"):
    print("holds", flush=True)
    sys.stdin.readline()
"""


def start_writer(folder: Path) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None and child.stdout.readline().strip() == "holds"
    return child


def test_a_second_job_waits_and_names_the_first(catalogue):
    from crossmodal.catalogue import writing_job

    child = start_writer(catalogue.folder)
    with (
        pytest.raises(CatalogueError, match=rf"crossmodal index.*process {child.pid}") as caught,
        writing_job(catalogue.folder, "index", wait=0.3),
    ):
        pass
    assert caught.value.kind == "locked"
    words: list[str] = []
    release = threading.Timer(0.6, child.communicate, ["\n"])
    release.start()
    with writing_job(catalogue.folder, "index", waiting=words.append):
        assert len(words) == 1 and f"process {child.pid}" in words[0]
    release.join()


def test_the_lock_of_a_killed_job_is_free(catalogue):
    from crossmodal.catalogue import writing_job

    child = start_writer(catalogue.folder)
    job = catalogue.start_job("index", "x")
    child.kill()
    child.wait()
    with writing_job(catalogue.folder, "index", wait=5):
        catalogue.start_job("index", "y")
    states = {j.id: j.state for j in catalogue.jobs()}
    assert states[job] == "interrupted"


def test_a_writer_behind_a_held_transaction_gives_up_with_one_line(catalogue):
    from crossmodal.catalogue import ground

    other = sqlite3.connect(catalogue.folder / "catalogue.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    catalogue._writer.execute("PRAGMA busy_timeout = 200")  # instead of half a minute
    with pytest.raises(CatalogueError, match="has been held by") as caught:
        put(catalogue, "a")
    assert caught.value.kind == "locked" and ground.BUSY_SECONDS == 30
    other.rollback()
    other.close()
    put(catalogue, "a")


def test_a_closed_catalogue_says_so(catalogue):
    catalogue.close()
    with pytest.raises(CatalogueError, match="closed"):
        catalogue.tracks()
    with pytest.raises(CatalogueError, match="closed"):
        put(catalogue, "a")
