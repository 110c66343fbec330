"""A table that was written is read again as it was."""

import csv
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crossmodal.errors import ManifestError
from crossmodal.manifest import read_table, write_table
from crossmodal.manifest.guarding import guard, unguard

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
risky = st.tuples(st.sampled_from(["", "'", "''", "=", "+", "-", "@", "'=", "'+1", "-1", "+1,5", "\t", "1E10"]), text)
cell = st.one_of(text, risky.map("".join))
path_text = cell.filter(lambda t: t and "\0" not in t and "://" not in t and "\\" not in t and t[1:2] != ":")
rows = st.lists(
    st.fixed_dictionaries(
        {"video": path_text, "audio": st.one_of(st.none(), path_text), "id": cell, "note": cell, "=odd, name": cell}
    ),
    min_size=1,
    max_size=4,
)
quick = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(cell)
def test_the_guard_is_undone_exactly(value: str) -> None:
    assert unguard(guard(value)) == value


@given(cell)
def test_no_guarded_cell_is_a_formula(value: str) -> None:
    guarded = guard(value)
    if guarded[:1] in tuple("=+-@"):
        float(guarded.replace(",", "."))


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.jsonl", "t.parquet"])
@quick
@given(table=rows)
def test_what_is_written_is_read_again(tmp_path: Path, name: str, table: list[dict[str, Any]]) -> None:
    columns = ["id", "video", "=odd, name", "audio", "note"]
    write_table(tmp_path / name, columns, table)
    again = read_table(tmp_path / name)
    assert list(again.columns) == columns
    nothing = (None, "")
    for record, row in zip(again.records, table, strict=True):
        assert {k: v for k, v in record.cells.items() if v not in nothing} == {
            k: v for k, v in row.items() if v not in nothing
        }


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.parquet"])
def test_a_second_writing_gives_the_same_bytes(tmp_path: Path, name: str) -> None:
    table = [{"video": "-i.mp4", "audio": None, "note": "=1+1", "labels": {"mood": ["a", "b"]}, "score": 0.25}]
    columns = ["video", "audio", "note", "labels", "score"]
    write_table(tmp_path / name, columns, table, numbers=["score"])
    first = (tmp_path / name).read_bytes()
    write_table(tmp_path / name, columns, [r.cells for r in read_table(tmp_path / name).records], numbers=["score"])
    assert (tmp_path / name).read_bytes() == first


def test_numbers_and_paths_are_never_guarded(tmp_path: Path) -> None:
    write_table(
        tmp_path / "a.csv", ["video", "audio", "n", "m"], [{"video": "-i.mp4", "audio": "=x", "n": -1.5, "m": "-x"}]
    )
    with (tmp_path / "a.csv").open(newline="") as file:
        assert list(csv.reader(file))[1] == ["-i.mp4", "=x", "-1.5", "'-x"]


def test_a_name_that_is_not_utf8_leads_back_to_its_file(tmp_path: Path) -> None:
    odd = b"caf\xe9.mp4".decode("utf-8", "surrogateescape")
    (tmp_path / odd).touch()
    for name in ("a.csv", "a.jsonl"):
        write_table(tmp_path / name, ["video", "audio"], [{"video": odd, "audio": None}])
        assert read_table(tmp_path / name).rows[0].video.exists()


def test_a_column_without_one_type_becomes_text(tmp_path: Path) -> None:
    values = [1, "a", 10**30, {"x": 1}, [1, "b"]]
    table = [{"video": "a", "audio": None, "odd": value} for value in values]
    write_table(tmp_path / "a.parquet", ["video", "audio", "odd"], table)
    assert [r.cells["odd"] for r in read_table(tmp_path / "a.parquet").records] == [
        "1", "a", str(10**30), '{"x": 1}', '[1, "b"]'
    ]  # fmt: skip


def test_a_failed_writing_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    out = tmp_path / "a.csv"
    out.write_text("old")
    with pytest.raises(ManifestError):
        write_table(tmp_path / "a.odd", ["video"], [])
    (tmp_path / "full").mkdir()
    with pytest.raises(ManifestError, match="cannot be written"):
        write_table(tmp_path / "full" / ".." / "a.csv" / "b.csv", ["video"], [])
    assert out.read_text() == "old" and sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "full"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "a.csv").symlink_to(tmp_path / "real" / "b.csv")
    write_table(tmp_path / "a.csv", ["video", "audio"], [{"video": "x", "audio": None}])
    assert (tmp_path / "a.csv").is_symlink() and (tmp_path / "real" / "b.csv").read_text() == "video,audio\nx,\n"
