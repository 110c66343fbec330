"""`crossmodal extract`: Features are made once, whatever stops the run or fails in it."""

import json
from pathlib import Path

from crossmodal.encoders import make_encoder
from crossmodal.features import FeatureStore
from crossmodal.manifest import read_rows
from training.manifests.extracting import extract

from .conftest import Run, write_rows


def test_a_run_that_was_stopped_goes_on_where_it_was(media: Path, tmp_path: Path) -> None:
    rows = [{"id": str(k), "video": media / f"clip-{k}.mp4", "audio": media / "track-0.wav"} for k in range(3)]
    table = read_rows(write_rows(tmp_path / "m.jsonl", rows))
    encoders = {side: make_encoder("curves", side) for side in ("video", "audio")}
    with FeatureStore(tmp_path / "f.db") as store:
        first = extract(table.rows[:1], encoders, store)
        again = extract(table.rows, encoders, store)
        assert (first.made, first.there) == (2, 0) and (again.made, again.there) == (2, 2)
        made = encoders["video"].features(media / "clip-2.mp4")
        assert (store.features(encoders["video"], media / "clip-2.mp4").values == made.values).all()


def test_the_command_lists_what_fails_and_says_so(media: Path, tmp_path: Path, command: Run) -> None:
    rows = [
        {"video": media / "clip-0.mp4", "audio": media / "track-0.wav"},
        {"video": media / "broken.mp4", "audio": "gone.wav"},
        {"video": "", "audio": None},
    ]
    write_rows(tmp_path / "m.jsonl", rows)
    answer = command("extract", "m.jsonl", "--store", "f.db", "--json", folder=tmp_path)
    told = json.loads(answer.stdout)
    assert answer.returncode == 1 and (told["made"], told["there"]) == (2, 0) and told["bad_rows"][0]["line"] == 3
    assert {Path(one["path"]).name for one in told["failed"]} == {"broken.mp4", "gone.wav"}
    assert command("extract", "m.jsonl", "--store", "f.db", folder=tmp_path).stdout.startswith("0 files made, 2 there")
    write_rows(tmp_path / "none.jsonl", rows[1:])
    assert command("extract", "none.jsonl", "--store", "f.db", folder=tmp_path).returncode == 3
    write_rows(tmp_path / "good.jsonl", rows[:1])
    assert command("extract", "good.jsonl", "--store", "f.db", folder=tmp_path).returncode == 0
