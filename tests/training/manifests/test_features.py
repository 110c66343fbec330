"""Features that others computed become pairs, whatever form they come in; what is no such form is told in a line."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from crossmodal.errors import ManifestError
from crossmodal.features import Features, FeatureStore, at_hop
from crossmodal.manifest import write_table
from training.data.manifest import read_pairs
from training.manifests.features import FeatureTable, names_features, read_array
from training.manifests.mgsv import COLUMNS, mgsv_rows

from .conftest import Run, write_rows

VALUES = np.arange(12, dtype=np.float32).reshape(4, 3) / 8


def test_an_array_is_the_same_from_npy_and_pt(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", VALUES.astype(np.float16))
    torch.save(torch.tensor(VALUES)[None], tmp_path / "a.pt")
    for name in ("a.npy", "a.pt"):
        features = read_array(tmp_path / name, 0.5)
        assert np.array_equal(features.values, VALUES) and features.values.dtype == np.float32
        assert (features.hop, features.duration) == (0.5, 2.0) and features.seen.all()


def test_rows_after_the_last_that_counts_are_padding(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", VALUES)
    np.save(tmp_path / "mask.npy", np.array([[1, 0, 1, 0]]))
    features = read_array(tmp_path / "a.npy", 1.0, mask=tmp_path / "mask.npy")
    assert features.seen.tolist() == [True, False, True] and not features.values[1].any()
    assert features.duration == 3.0


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((2, 3, 4), np.float32), "(T, C)"),
        (np.zeros((0, 4), np.float32), "no row"),
        (np.full((2, 2), np.nan), "NaN"),
        (np.full((2, 2), 1e6), "65504"),
        (np.array([["a", "b"]]), "numbers"),
        (np.array([[None, {}]], dtype=object), "no array of numbers"),
    ],
)
def test_what_is_no_features_is_told_in_a_line(tmp_path: Path, array: np.ndarray, said: str) -> None:
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    with pytest.raises(ManifestError) as caught:
        read_array(tmp_path / "a.npy", 1.0)
    assert said in str(caught.value) and "a.npy" in str(caught.value) and "\n" not in str(caught.value)


class Harm:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemExit('ran')",))


def test_a_pickle_with_code_in_it_is_not_run(tmp_path: Path) -> None:
    torch.save(Harm(), tmp_path / "a.pt")
    with pytest.raises(ManifestError, match="no array of numbers"):
        read_array(tmp_path / "a.pt", 1.0)


def test_a_parquet_file_holds_many_media(tmp_path: Path) -> None:
    table = {"key": ["a", "b"], "values": [VALUES.tolist(), VALUES[:2].tolist()], "hop": [1.0, 2.5]}
    pq.write_table(pa.table(table), tmp_path / "f.parquet")
    read = FeatureTable(tmp_path / "f.parquet")
    assert np.array_equal(read.read("a").values, VALUES) and read.read("b").duration == 5.0
    with pytest.raises(ManifestError, match="'c'"):
        read.read("c")
    pq.write_table(pa.table({"key": ["a"], "values": [[[1.0], [1.0, 2.0]]], "hop": [1.0]}), tmp_path / "g.parquet")
    with pytest.raises(ManifestError, match="line 1: values are no rows"):
        FeatureTable(tmp_path / "g.parquet").read("a")


def test_pairs_come_with_their_spans_and_bad_rows_are_listed(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", VALUES)
    table = {"key": ["m1", "r2"], "values": [VALUES.tolist()] * 2, "hop": [2.5, 2.5]}
    pq.write_table(pa.table(table), tmp_path / "music.parquet")
    rows = [
        {"id": "r1", "video": "v.npy", "audio": "music.parquet", "music_id": "m1", "video_hop": 1, "video_start": 1,
         "audio_start": 2.5, "audio_end": 7.5, "split": "train"},
        {"id": "r2", "video": "v.npy", "audio": "music.parquet", "video_hop": "1.0", "group": "g", "split": "train"},
        {"id": "r3", "video": "v.npy", "audio": "music.parquet", "split": "train"},
        {"id": "r4", "video": "v.npy", "audio": None, "video_hop": 1, "split": "train"},
        {"id": "r5", "video": "v.npy", "audio": "v.npy", "video_hop": 1, "audio_hop": 1, "split": "val"},
    ]  # fmt: skip
    path = write_rows(tmp_path / "m.jsonl", rows)
    with FeatureStore(tmp_path / "f.db") as store:
        found = read_pairs(path, store, split="train")
    first, second = found.pairs
    assert np.array_equal(first.video.values, VALUES[1:]) and (first.start, first.end) == (2.5, 7.5)
    assert first.music_id == "m1" and second.music_id == "r2" and second.group == "g" and first.domain == "m"
    assert [row for row, _ in found.failed] == ["r3", "r4"] and "video_hop" in found.failed[0][1]


def test_a_model_on_features_of_others_is_trained_and_judged(tmp_path: Path, command: Run) -> None:
    """CLIP once a second beside AST every 2.5 s, as MGSV has them, in a model of two rows a second."""
    rng = np.random.default_rng(0)
    rows = []
    for k in range(12):
        np.save(tmp_path / f"v{k}.npy", rng.standard_normal((14, 6)).astype(np.float32))
        np.save(tmp_path / f"a{k}.npy", rng.standard_normal((6, 5)).astype(np.float32))
        rows.append({"id": str(k), "video": f"v{k}.npy", "audio": f"a{k}.npy", "video_hop": 1, "audio_hop": 2.5})
    write_rows(tmp_path / "m.jsonl", rows)
    settings = ["steps=2", "batch=4", "passage=[6, 8]", "model.hop=0.5", "model.width=8", "model.dilations=[1]"]
    settings += ["model.video={encoder: owner/clip, channels: 6}", "model.audio={encoder: owner/ast, channels: 5}"]
    trained = command("train", "-m", "m.jsonl", "--out", "run", *settings, folder=tmp_path)
    assert trained.returncode == 0, trained.stderr
    judged = command("evaluate", "run", "m.jsonl", "--json", folder=tmp_path)
    assert judged.returncode == 0, judged.stderr
    told = json.loads(judged.stdout)
    assert told["pool"] == 12 and told["untrained"] == {}  # motion and loudness are not among such features
    assert "no curves" in command("evaluate", "run", "m.jsonl", folder=tmp_path).stdout


def test_mgsv_ec_is_read_as_its_authors_publish_it(tmp_path: Path) -> None:
    head = "video_id,music_id,video_start,video_end,music_start,music_end,music_total_duration,video_category"
    lines = [head, "11,4+5x,0.0,3.2,23.22,26.42,30.0,Beauty", "12,4+5x,0.0,2.0,0.0,2.0,30.0,Pets"]
    (tmp_path / "val_data.csv").write_text("\n".join(lines))
    for part, kind, names, shape in (
        ("vit_feature1", "vit", ("11", "12"), (50, 512)),
        ("ast_feature2p5", "ast", ("4+5x",), (96, 768)),
    ):
        for name in names:
            mask = torch.zeros(shape[0])
            mask[: 4 if kind == "vit" else 12] = 1
            for folder, tensor in ((f"{kind}_feature", torch.rand(shape)), (f"{kind}_mask", mask)):
                (tmp_path / part / folder).mkdir(parents=True, exist_ok=True)
                torch.save(tensor, tmp_path / part / folder / f"{name}.pt")
    rows = mgsv_rows(tmp_path / "val_data.csv", tmp_path, base=tmp_path / "out", split="val")
    (tmp_path / "out").mkdir()
    write_table(tmp_path / "out" / "mgsv.csv", COLUMNS, rows)
    with FeatureStore(tmp_path / "f.db") as store:
        found = read_pairs(tmp_path / "out" / "mgsv.csv", store, split="val")
    assert not found.failed
    first = found.pairs[0]
    assert first.id == "11" and first.music_id == "4+5x" and (first.start, first.end) == (23.22, 26.42)
    assert first.video.values.shape == (4, 512) and (first.video.hop, first.video.duration) == (1.0, 3.2)
    assert first.audio.values.shape == (12, 768) and (first.audio.hop, first.audio.duration) == (2.5, 30.0)
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ManifestError, match="not a table of MGSV-EC"):
        mgsv_rows(tmp_path / "other.csv", tmp_path, base=tmp_path)


def test_another_hop_reads_a_ramp_off_where_it_stands() -> None:
    ramp = (np.arange(40, dtype=np.float32)[:, None] + 0.5) * 0.5  # value = second at the middle of the row
    slow = Features(ramp, np.ones(40, np.bool_), 0.5, 20.0, silent=False)
    for hop in (0.1, 0.3, 1.0):
        fast = at_hop(slow, hop)
        middles = (np.arange(len(fast.values)) + 0.5) * hop
        assert len(fast.values) == round(20 / hop) and fast.hop == hop
        np.testing.assert_allclose(fast.values[:, 0], np.clip(middles, 0.25, 19.75), atol=0.01)
    assert at_hop(slow, 0.5) is slow


def test_unseen_rows_give_nothing_at_another_hop() -> None:
    seen = np.array([True, True, False, False, True])
    values = np.where(seen[:, None], np.float32(7), 0).astype(np.float32)
    fast = at_hop(Features(values, seen, 1.0, 5.0, silent=False), 0.5)
    assert fast.seen.tolist() == np.repeat(seen, 2).tolist() and set(fast.values[fast.seen, 0]) == {7.0}


def test_a_row_of_media_names_no_features(tmp_path: Path) -> None:
    from crossmodal.manifest import read_table

    path = write_rows(tmp_path / "m.jsonl", [{"video": "a.npy", "audio": None}, {"video": "a.mp4", "audio": None}])
    assert [names_features(row) for row in read_table(path).rows] == [True, False]
