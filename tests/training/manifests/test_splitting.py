"""`manifest split`: nothing stands on both sides, whatever ties rows together and in whatever order they stand."""

import json
import random
import shutil
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmodal.features import FeatureStore
from crossmodal.manifest import read_rows
from training.manifests.sounds import near_sounds
from training.manifests.splitting import NearPairs, assign, hanging_together, split_manifest

from .conftest import Run, encode, samples_of, write_rows

ROOT = Path(__file__).resolve().parents[3]
SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}
keys = st.lists(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("01234567")), max_size=3), min_size=1)


def none_near(sounds: dict[str, Path]) -> NearPairs:
    return []


@settings(deadline=None, max_examples=60)
@given(keys)
def test_rows_hang_together_exactly_where_a_chain_of_keys_joins_them(keys: list[list[tuple[str, str]]]) -> None:
    labels = hanging_together(keys, [])
    for start in range(len(keys)):
        reached, waiting = {start}, [start]
        while waiting:
            at = waiting.pop()
            joined = {row for row, own in enumerate(keys) if set(own) & set(keys[at])} - reached
            reached |= joined
            waiting += joined
        assert {row for row, label in enumerate(labels) if label == labels[start]} == reached


def test_keys_that_stand_for_one_another_join_their_rows() -> None:
    keys = [[("audio", "a")], [("audio", "b")], [("audio", "c")]]
    labels = hanging_together(keys, [(("audio", "a"), ("audio", "c"))])
    assert labels[0] == labels[2] != labels[1]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 9), min_size=3, max_size=60), st.integers(0, 5))
def test_shares_are_met_within_the_largest_set(sizes: list[int], seed: int) -> None:
    named = {str(k): size for k, size in enumerate(sizes)}
    where = assign(named, SHARES, seed)
    rows = defaultdict[str, int](int)
    for name, split in where.items():
        rows[split] += named[name]
    assert set(rows) == set(SHARES)
    for split, share in SHARES.items():
        assert abs(rows[split] - share * sum(sizes)) <= 2 * max(sizes)  # no split stays empty


def test_another_seed_gives_other_rows_and_the_same_seed_the_same() -> None:
    sizes = {str(k): 1 for k in range(50)}
    assert assign(sizes, SHARES, 1) == assign(dict(reversed(sizes.items())), SHARES, 1) != assign(sizes, SHARES, 2)


def test_a_share_of_zero_gives_nothing() -> None:
    assert set(assign({str(k): 1 for k in range(20)}, {"train": 0.5, "val": 0.5, "test": 0.0}, 0).values()) == {
        "train",
        "val",
    }


@pytest.fixture
def tied(media: Path, tmp_path: Path) -> Path:
    """Twelve rows: four ties by music, group, artist and label, one by the same film under two names."""
    cells: list[dict[str, Any]] = [{"music_id": "m"}, {"music_id": "m"}, {"group": "g"}, {"group": "g"}]
    cells += [{"artist": "The  Band"}, {"labels": {"artist": "the band"}}, {"artist": "Unknown"}, {"artist": "unknown"}]
    cells += [{}, {}, {}, {}]
    rows = [
        {"video": f"{k}.mp4", "audio": media / "missing" / f"{k}.wav", "n": k, **own} for k, own in enumerate(cells)
    ]
    for k in (8, 9):
        shutil.copy(media / "clip-0.mp4", tmp_path / f"{k}.mp4")
    return write_rows(tmp_path / "m.jsonl", rows)


def test_what_is_named_alike_stays_together_and_unread_files_are_told(tied: Path) -> None:
    for seed in range(8):
        found = split_manifest(tied, {"train": 0.5, "val": 0.5}, seed=seed, near=none_near)
        of = found.splits
        assert of[0] == of[1] and of[2] == of[3] and of[4] == of[5] and of[8] == of[9]
    assert found.n_groups == 8 and found.largest == 2  # Unknown is nobody: those rows are apart
    assert {note.line for note in found.unread} == set(range(1, 13))


def test_the_order_of_rows_changes_nothing(tied: Path) -> None:
    def by_n(path: Path) -> dict[int, str]:
        found = split_manifest(path, SHARES, seed=3, near=none_near)
        return {record.cells["n"]: split for record, split in zip(found.table.records, found.splits, strict=True)}

    first = by_n(tied)
    lines = tied.read_text().splitlines()
    for seed in range(3):
        random.Random(seed).shuffle(lines)
        shuffled = tied.with_name(f"shuffled-{seed}.jsonl")
        shuffled.write_text("\n".join(lines))
        assert by_n(shuffled) == first


def test_copies_at_low_bit_rates_and_excerpts_are_found_and_others_are_not(media: Path, tmp_path: Path) -> None:
    sounds = {f"track-{k}": media / f"track-{k}.wav" for k in range(3)}
    heard = samples_of(media / "track-0.wav")
    sounds["mp3"] = encode(0.6 * heard, tmp_path / "a.mp3", "libmp3lame", 40_000)
    sounds["cut"] = encode(heard[24_000 * 13 // 10 : 24_000 * 7], tmp_path / "b.m4a", "aac", 48_000)
    with FeatureStore(tmp_path / "f.db") as store:
        pairs = near_sounds(sounds, store)
    assert {frozenset(pair[:2]) for pair in pairs} == {
        frozenset(pair) for pair in (("track-0", "mp3"), ("track-0", "cut"), ("mp3", "cut"))
    }


def test_the_command_keeps_a_recoded_copy_with_its_original(media: Path, tmp_path: Path, command: Run) -> None:
    encode(samples_of(media / "track-0.wav"), tmp_path / "copy.mp3", "libmp3lame", 64_000)
    sounds = [media / "track-0.wav", "copy.mp3", media / "track-1.wav", media / "track-2.wav"]
    videos = [media / "clip-0.mp4", media / "clip-1.mp4", media / "clip-2.mp4", media / "own.mp4"]
    rows = [{"id": str(k), "video": videos[k], "audio": sounds[k], "split": "test"} for k in range(4)]
    write_rows(tmp_path / "m.jsonl", rows)
    words = ("manifest", "split", "m.jsonl", "-o", "s.jsonl", "--shares", "0.5,0.5", "--json")
    answer = command(*words, folder=tmp_path)
    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout)
    assert (told["groups"], told["largest_group"], len(told["near_duplicates"])) == (3, 2, 1)
    splits = [row.split for row in read_rows(tmp_path / "s.jsonl").rows]
    assert splits[0] == splits[1] and told["splits"] == {"train": 2, "val": 2} and "test" not in splits


def test_shares_that_are_none_are_wrong_use(tmp_path: Path, command: Run) -> None:
    answer = command("manifest", "split", "m.jsonl", "-o", "s.jsonl", "--shares", "0.8,x", folder=tmp_path)
    assert answer.returncode == 2 and "--shares" in answer.stderr


@pytest.mark.media
def test_a_loop_that_two_real_films_share_is_found(data_folder: Path, tmp_path: Path) -> None:
    lines = (ROOT / "data_manifests" / "real.jsonl").read_text().splitlines()
    path = tmp_path / "games.jsonl"
    path.write_text("\n".join(line for line in lines if '"group": "game-cytadela"' in line))
    with FeatureStore(tmp_path / "f.db") as store:
        found = split_manifest(path, SHARES, root=data_folder, near=lambda sounds: near_sounds(sounds, store))
    assert len(found.table.rows) == 6 and found.n_groups == 1
    assert len(found.near) == 1  # 05 and 06 (README-real); near sounds of the other four would be another finding
