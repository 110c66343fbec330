"""The feature store: nothing is decoded twice, and nothing is lost when its file is."""

import logging
import multiprocessing
import os
import sqlite3
import threading
from pathlib import Path

import numpy as np
import pytest

from crossmodal.features import Features, FeatureStore
from crossmodal.features.store import default_path

KEY = ("ab" * 32, "audio", "curves-audio-1")


def made_features(n_rows: int = 120, n_channels: int = 48, seed: int = 0, **fields: object) -> Features:
    rng = np.random.default_rng(seed)
    values = np.cumsum(rng.standard_normal((n_rows, n_channels)), 0).astype(np.float16).astype(np.float32)
    facts = {"hop": 0.1, "duration": n_rows / 10 + 0.0123, "silent": False, **fields}
    return Features(values, rng.random(n_rows) > 0.1, **facts)  # type: ignore[arg-type]


def assert_same(one: Features, other: Features) -> None:
    assert one.values.tobytes() == other.values.tobytes() and one.values.shape == other.values.shape
    assert (one.seen == other.seen).all() and one.seen.dtype == other.seen.dtype
    assert (one.hop, one.duration, one.silent, one.warnings) == (
        other.hop,
        other.duration,
        other.silent,
        other.warnings,
    )
    np.testing.assert_equal((one.loudness_lufs, one.peak_dbfs), (other.loudness_lufs, other.peak_dbfs))


class CountingEncoder:
    """Reads a text file, and counts how often."""

    side, hop, channels, fingerprint = "audio", 0.1, 48, "counting-1"

    def __init__(self) -> None:
        self.n_calls = 0

    def features(self, source: object) -> Features:
        self.n_calls += 1
        return made_features(seed=self.n_calls)


@pytest.fixture
def store(tmp_path: Path):
    with FeatureStore(tmp_path / "features.db") as opened:
        yield opened


class TestKeeping:
    @pytest.mark.parametrize(
        "features",
        [
            made_features(loudness_lufs=-14.25, peak_dbfs=-0.5, warnings=("the file stops after 3 s", "ü")),
            made_features(silent=True),
            made_features(n_rows=1, n_channels=37),
            made_features(n_rows=9),
        ],
    )
    def test_what_comes_out_is_what_went_in_to_the_bit(self, store, features):
        store.put(*KEY, features)
        assert_same(store.get(*KEY), features)

    def test_hash_side_and_fingerprint_all_count(self, store):
        store.put(*KEY, made_features())
        assert store.get("cd" * 32, *KEY[1:]) is None
        assert store.get(KEY[0], "video", KEY[2]) is None
        assert store.get(*KEY[:2], "curves-audio-2") is None

    def test_a_second_put_replaces(self, store):
        store.put(*KEY, made_features(seed=1))
        store.put(*KEY, made_features(seed=2))
        assert_same(store.get(*KEY), made_features(seed=2))

    def test_nothing_is_decoded_twice_also_after_closing(self, tmp_path):
        encoder = CountingEncoder()
        for _ in range(2):
            with FeatureStore(tmp_path / "f.db") as store:
                first = store.features_by_hash(encoder, "a.wav", "12" * 32)
                assert_same(store.features_by_hash(encoder, "b.wav", "12" * 32), first)
        assert encoder.n_calls == 1

    def test_a_closed_store_says_so(self, tmp_path):
        store = FeatureStore(tmp_path / "f.db")
        store.close()
        with pytest.raises(ValueError, match="closed"):
            store.get(*KEY)


class TestPlace:
    def test_the_environment_names_the_folder(self, monkeypatch, tmp_path):
        monkeypatch.setenv("CROSSMODAL_CACHE", str(tmp_path / "new" / "cache"))
        with FeatureStore() as store:
            store.put(*KEY, made_features())
        assert default_path() == tmp_path / "new" / "cache" / "features.db" and default_path().is_file()

    def test_without_it_the_users_cache_folder_is_used(self, monkeypatch):
        monkeypatch.delenv("CROSSMODAL_CACHE", raising=False)
        assert "crossmodal" in default_path().parts and default_path().name == "features.db"

    def test_making_a_store_touches_no_file(self, tmp_path):
        FeatureStore(tmp_path / "f.db")
        assert not list(tmp_path.iterdir())


class TestDamage:
    def test_the_file_may_be_deleted_while_the_store_is_open(self, store):
        store.put(*KEY, made_features())
        for path in store.path.parent.iterdir():
            path.unlink()
        assert store.get(*KEY) is None
        store.put(*KEY, made_features(seed=3))
        with FeatureStore(store.path) as other:
            assert_same(other.get(*KEY), made_features(seed=3))

    @pytest.mark.parametrize("junk", [b"no database" * 1000, b"", b"SQLite format 3\0" + b"\xff" * 5000])
    def test_a_file_that_is_no_database_is_built_anew(self, tmp_path, junk, caplog):
        path = tmp_path / "features.db"
        path.write_bytes(junk)
        with FeatureStore(path) as store, caplog.at_level(logging.WARNING):
            assert store.get(*KEY) is None
            store.put(*KEY, made_features())
            assert_same(store.get(*KEY), made_features())
        assert not junk or "built anew" in caplog.text

    def test_a_file_damaged_in_the_middle_is_built_anew(self, tmp_path, caplog):
        path = tmp_path / "features.db"
        with FeatureStore(path) as store:
            for i in range(30):
                store.put(f"{i:064d}", "audio", "x", made_features(seed=i))
        damaged = bytearray(path.read_bytes())
        damaged[4096:] = os.urandom(len(damaged) - 4096)
        path.write_bytes(damaged)
        with FeatureStore(path) as store, caplog.at_level(logging.WARNING):
            for i in range(30):
                assert store.get(f"{i:064d}", "audio", "x") is None
            store.put(*KEY, made_features())
            assert_same(store.get(*KEY), made_features())
        assert "damaged" in caplog.text

    def test_one_damaged_row_is_made_again_and_costs_no_other(self, store, caplog):
        store.put(*KEY, made_features())
        store.put("cd" * 32, *KEY[1:], made_features(seed=5))
        with sqlite3.connect(store.path) as db:
            db.execute("UPDATE features SET data = substr(data, 1, 100) WHERE content_hash = ?", (KEY[0],))
        with caplog.at_level(logging.WARNING):
            assert store.get(*KEY) is None
        assert "damaged" in caplog.text
        assert_same(store.get("cd" * 32, *KEY[1:]), made_features(seed=5))

    def test_a_store_of_another_version_is_emptied(self, tmp_path):
        path = tmp_path / "features.db"
        with sqlite3.connect(path) as db:
            db.execute("CREATE TABLE features (something TEXT)")
            db.execute("PRAGMA user_version = 99")
        with FeatureStore(path) as store:
            store.put(*KEY, made_features())
            assert_same(store.get(*KEY), made_features())

    def test_a_place_that_cannot_be_written_costs_only_time(self, tmp_path, caplog):
        blocker = tmp_path / "file"
        blocker.write_text("no folder")
        encoder = CountingEncoder()
        with FeatureStore(blocker / "features.db") as store, caplog.at_level(logging.WARNING):
            for _ in range(2):
                assert store.features_by_hash(encoder, "a.wav", "12" * 32).values.shape == (120, 48)
        assert encoder.n_calls == 2 and "cannot be used" in caplog.text


def _write_and_read(path: Path, worker: int, n_rows: int) -> bool:
    with FeatureStore(path) as store:
        for i in range(n_rows):
            store.put(f"{i:064d}", "audio", "shared", made_features(seed=i))
            store.put(f"{i:064d}", "audio", f"worker-{worker}", made_features(seed=i))
        return all(store.get(f"{i:064d}", "audio", "shared") is not None for i in range(n_rows))


class TestManyAtOnce:
    def test_threads_share_one_store(self, store):
        failures: list[BaseException] = []

        def work(worker: int) -> None:
            try:
                for i in range(20):
                    store.put(f"{i:064d}", "audio", "shared", made_features(seed=i))
                    assert_same(store.get(f"{i:064d}", "audio", "shared"), made_features(seed=i))
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures

    def test_processes_share_one_file_from_its_first_moment(self, tmp_path, caplog):
        path = tmp_path / "features.db"
        with multiprocessing.get_context("spawn").Pool(3) as pool:
            assert all(pool.starmap(_write_and_read, [(path, worker, 10) for worker in range(3)]))
        with FeatureStore(path) as store:
            for worker in range(3):
                for i in range(10):
                    assert_same(store.get(f"{i:064d}", "audio", f"worker-{worker}"), made_features(seed=i))
