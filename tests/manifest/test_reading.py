"""What stands in a table is what is read, whatever program wrote it, and what is wrong is told with its line."""

import csv
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crossmodal.errors import ManifestError
from crossmodal.manifest import Row, read_rows, read_table, row_schema


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_every_encoding_gives_the_same_rows(tmp_path: Path, encoding: str, name: str) -> None:
    text = (
        "id,video,audio\nÀ,ス.mp4,b.mp3\n" if name.endswith("csv") else '{"id":"À","video":"ス.mp4","audio":"b.mp3"}\n'
    )
    row = read_rows(written(tmp_path, name, text.encode(encoding))).rows[0]
    assert (row.id, row.video, row.audio) == ("À", tmp_path / "ス.mp4", tmp_path / "b.mp3")


@pytest.mark.parametrize("mark", [",", "\t", ";"])
def test_the_delimiter_is_found_and_a_decimal_comma_read_beside_the_last_two(tmp_path: Path, mark: str) -> None:
    number = "1.5" if mark == "," else "1,5"
    text = f"video{mark}audio{mark}video_start\na b.mp4{mark}c.mp3{mark}{number}\n"
    table = read_table(written(tmp_path, "a.csv", text))
    assert table.rows[0].video_start == 1.5 and table.records[0].cells["video_start"] == "1.5"


def test_a_decimal_comma_in_a_comma_file_is_a_fault_with_its_remedy(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", 'video,audio,video_start\na.mp4,b.mp3,"1,5"\n')
    assert "line 2: video_start: '1,5' is not a number. Write it with a point." in str(read_table(path).faults[0])


@pytest.mark.parametrize("text", ["NA", "007", "1E10", "null", "-0", "=1"])
def test_ids_are_text_in_every_form(tmp_path: Path, text: str) -> None:
    rows = [
        read_rows(written(tmp_path, "a.csv", f"id,video,audio\n{text},a.mp4,b.mp3\n")).rows,
        read_rows(written(tmp_path, "a.jsonl", json.dumps({"id": text, "video": "a.mp4", "audio": None}))).rows,
    ]
    pq.write_table(pa.table({"id": [text], "video": ["a.mp4"], "audio": ["b.mp3"]}), tmp_path / "a.parquet")
    rows.append(read_rows(tmp_path / "a.parquet").rows)
    assert [row[0].id for row in rows] == [text] * 3


def test_a_number_as_an_id_stays_as_it_is_written(tmp_path: Path) -> None:
    lines = "".join(f'{{"id": {text}, "video": "a.mp4", "audio": null}}\n' for text in ("7", "1E10", "1.50"))
    assert [row.id for row in read_rows(written(tmp_path, "a.jsonl", lines)).rows] == ["7", "1E10", "1.50"]


def test_an_empty_cell_is_null_and_the_word_null_is_a_file(tmp_path: Path) -> None:
    rows = read_rows(written(tmp_path, "a.csv", 'id,video,audio\n1,a.mp4,\n2,a.mp4,""\n3,a.mp4,null\n')).rows
    assert [row.audio for row in rows] == [None, None, tmp_path / "null"]


def test_lines_are_the_files_own_after_quoted_breaks_and_blank_lines(tmp_path: Path) -> None:
    text = 'video,audio,note\n"a.mp4",b.mp3,"two\nlines"\n\na.mp4,b.mp3,"x\r\ny"\n,b.mp3,bad\n'
    assert [fault.line for fault in read_table(written(tmp_path, "a.csv", text)).faults] == [7]
    old_mac = "video,audio\ra.mp4,b.mp3\r,b.mp3\r"
    assert [fault.line for fault in read_table(written(tmp_path, "b.csv", old_mac)).faults] == [3]


def test_a_line_separator_inside_json_is_no_line(tmp_path: Path) -> None:
    text = '{"video": "a\u2028b.mp4", "audio": null}\n\n{"video": null, "audio": null}\n'
    table = read_table(written(tmp_path, "a.jsonl", text))
    assert table.rows[0].video.name == "a\u2028b.mp4" and [fault.line for fault in table.faults] == [3]


def test_only_a_scheme_is_an_address(tmp_path: Path) -> None:
    names = ["12:30 take.mp4", "concat:x.mp4", "mailto.mp4", "~/x.mp4", "$HOME/x.mp4", "a//b.mp4"]
    rows = read_rows(written(tmp_path, "a.csv", "id,video,audio\n" + "".join(f"{n},{n},\n" for n in names))).rows
    assert [row.video for row in rows] == [tmp_path / name for name in names]
    for address in ("https://x.org/a.mp4", "file:///a.mp4", "S3://b/a.mp4"):
        table = read_table(written(tmp_path, "b.csv", f"video,audio\n{address},\n"))
        assert "is an address" in str(table.faults[0])


def test_a_windows_path_gets_its_remedy_unless_a_file_is_called_so(tmp_path: Path) -> None:
    for name in (r"C:\films\a.mp4", r"\\server\a.mp4", "D:/a.mp4"):
        table = read_table(written(tmp_path, "a.jsonl", json.dumps({"video": name, "audio": None})))
        assert "Windows path" in str(table.faults[0]) and "with /" in str(table.faults[0])
    (tmp_path / r"a\b.mp4").touch()
    assert read_rows(written(tmp_path, "b.csv", "video,audio\na\\b.mp4,\n")).rows[0].video.exists()


def test_root_is_what_relative_paths_start_from(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "video,audio\na.mp4,/b.mp3\n")
    row = read_rows(path, root="/elsewhere").rows[0]
    assert (row.video, row.audio) == (Path("/elsewhere/a.mp4"), Path("/b.mp3"))


def test_a_name_that_is_not_utf8_leads_to_its_file_and_other_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / b"caf\xe9.mp4".decode("utf-8", "surrogateescape")).touch()
    rows = read_rows(written(tmp_path, "a.csv", b"video,audio\ncaf\xe9.mp4,\n")).rows
    assert rows[0].video.exists()
    table = read_table(written(tmp_path, "b.csv", b"id,video,audio\ncaf\xe9,a.mp4,\n1,th\xe9.mp4,\n"))
    assert all("not UTF-8" in str(fault) and "Save the table as UTF-8" in str(fault) for fault in table.faults)
    assert len(table.faults) == 2


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"video": ""}, "video: is empty"),
        ({"video_end": "abc"}, "video_end: 'abc' is not a number"),
        ({"video_start": -1}, "video_start: -1 is below 0"),
        ({"weight": True}, "weight: True is not a number"),
        ({"video_start": 5, "video_end": 3}, "video_end (3) must be after video_start (5)"),
        ({"split": "trian"}, "Did you mean 'train'?"),
        ({"labels": "[1]"}, "labels: must be a JSON object"),
        ({"id": ["a"]}, "id: must be text"),
        ({"video": 3}, "video: 3 is not the name of a file"),
        ({"audio": "a\0b"}, "NUL"),
    ],
)
def test_a_bad_value_is_one_line_that_names_it(tmp_path: Path, cells: dict[str, object], said: str) -> None:
    row = {"id": "1", "video": "a.mp4", "audio": None, **cells}
    path = written(tmp_path, "a.jsonl", "\n" + json.dumps(row))
    (fault,) = read_table(path).faults
    assert fault.line == 2 and said in str(fault) and "\n" not in str(fault)


@pytest.mark.parametrize(
    "line", ["{", "[1]", '{"video": "a", "video": "b"}', '{"video": 1e999, "audio": null}', "nope"]
)
def test_a_line_that_is_no_object_costs_itself_only(tmp_path: Path, line: str) -> None:
    good = '{"video": "a.mp4", "audio": null}\n'
    table = read_table(written(tmp_path, "a.jsonl", f"{good}{line}\n{good}"))
    assert [fault.line for fault in table.faults] == [2] and len(table.rows) == 2


def test_rows_of_another_length_than_the_header_are_faults(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "a.csv", "video,audio,x\na.mp4\na.mp4,b.mp3,1,2\na.mp4,b.mp3,1,,\n"))
    assert [fault.line for fault in table.faults] == [2, 3]


def test_a_mistyped_column_is_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="Is 'adio' it"):
        read_table(written(tmp_path, "a.csv", "video,adio\na,b\n"))
    table = read_table(written(tmp_path, "b.csv", "video,audio,vidoe_start\na,b,1\n"))
    assert table.notes == ["column 'vidoe_start' is kept and not used. Did you mean 'video_start'?"]
    assert table.rows[0].model_extra == {"vidoe_start": "1"}


def test_a_manifest_stops_at_its_first_fault_and_at_an_id_that_stands_twice(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"line 3: video: is empty\. Name a file\. \(1 more rows have faults\.\)"):
        read_rows(written(tmp_path, "a.csv", "id,video,audio\n1,a,\n2,,\n3,,\n"))
    with pytest.raises(ManifestError, match="line 3: id '1' is that of line 2"):
        read_rows(written(tmp_path, "b.csv", "id,video,audio\n1,a,\n1,b,\n"))


def test_unknown_labels_are_left_out(tmp_path: Path) -> None:
    labels = {"genre": "house", "mood": ["dark", None, ""], "key": None, "x": "", "y": [], "bpm": 120}
    text = io.StringIO()
    csv.writer(text).writerows([["video", "audio", "labels"], ["a", "b", json.dumps(labels)], ["a", "b", ""]])
    rows = read_table(written(tmp_path, "a.csv", text.getvalue())).rows
    assert rows[0].labels == {"genre": "house", "mood": ("dark",), "bpm": "120"} and rows[1].labels == {}


def test_labels_of_a_parquet_struct_are_read(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"video": ["a", "b"], "audio": ["a", None], "labels": [{"g": "x", "m": None}, None], "id": [1, 2]}),
        tmp_path / "a.parquet",
    )
    rows = read_rows(tmp_path / "a.parquet").rows
    assert rows[0].labels == {"g": "x"} and [row.id for row in rows] == ["1", "2"] and rows[1].audio is None


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b'video,audio\n"a,b\n', "line 2"),
        ("a.csv", b"video,audio,audio\n", "two columns are called 'audio'"),
        ("a.parquet", b"PAR1 nonsense", "no Parquet"),
        ("a.xlsx", b"x", ".jsonl"),
        ("a.csv", b"\xff\xfea\x00b", "UTF-16"),
        ("a.jsonl", b"[]\n", "not a JSON object"),
    ],
)
def test_a_table_that_cannot_be_read_says_why_in_one_line(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    with pytest.raises(ManifestError) as caught:
        read_table(written(tmp_path, name, content))
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_table_is_told(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="no such file"):
        read_table(tmp_path / "a.csv")


def test_the_schema_names_every_field_and_keeps_others() -> None:
    schema = row_schema()
    assert set(schema["properties"]) == set(Row.model_fields) and schema["additionalProperties"] is True
    assert set(schema["required"]) == {"id", "video", "audio"}


MANIFESTS = Path(__file__).resolve().parents[2] / "data_manifests"


def test_the_published_schema_is_the_one_of_the_code() -> None:
    assert json.loads((MANIFESTS / "row.schema.json").read_text()) == row_schema(), "stale: run `make docs`"


@pytest.mark.parametrize("name", sorted(path.name for path in MANIFESTS.glob("*.jsonl")))
def test_every_example_manifest_is_read_and_named_in_the_readme(name: str) -> None:
    table = read_rows(MANIFESTS / name, root="/data")
    assert table.rows and not table.notes and f"`{name}`" in (MANIFESTS / "README.md").read_text()
    assert all(str(row.video).startswith("/data/") for row in table.rows)


@pytest.mark.media
@pytest.mark.parametrize("name", ["visual", "real"])
def test_the_examples_over_the_media_folder_are_its_own_manifests(data_folder: Path, name: str) -> None:
    ours = read_rows(MANIFESTS / f"{name}.jsonl", root=data_folder).rows
    assert ours == read_rows(data_folder / name / "manifest.jsonl").rows and ours[0].video.is_file()
