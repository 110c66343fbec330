"""How a match is printed: names that are not UTF-8, numbers that are none, hostile titles."""

import json
from pathlib import Path
from urllib.parse import unquote_to_bytes

import numpy as np
import pytest

from app.cli.match import clock
from app.cli.output import path_fields, print_json, print_table, shown_path

ODD = Path(b"/m/caf\xe9\n.mp3".decode("utf-8", "surrogateescape"))


def test_json_leads_back_to_a_file_whose_name_is_not_utf8() -> None:
    fields = path_fields(ODD)
    assert unquote_to_bytes(fields["path_bytes"]) == b"/m/caf\xe9\n.mp3" and fields["path"] == "/m/caf\ufffd\n.mp3"
    assert path_fields(Path("/m/ス.mp3")) == {"path": "/m/ス.mp3"} and shown_path(ODD) == "/m/caf\ufffd .mp3"


def test_numbers_that_are_none_are_null(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": float("nan"), "b": np.array([1.5, np.inf], np.float32)})
    assert json.loads(capsys.readouterr().out) == {"a": None, "b": [1.5, None]}


def test_a_hostile_title_stays_on_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("#", "title"), [("1", "a\x1b[31m\nb\u202e[red]"), ("2", "スカル・ストーンズ" * 9)])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and "\x1b" not in lines[1] and "\u202e" not in lines[1] and "[red]" in lines[1]


def test_starts_are_given_to_a_tenth() -> None:
    assert [clock(s) for s in (0, 59.96, 61.25, 3600)] == ["0:00.0", "1:00.0", "1:01.2", "60:00.0"]
