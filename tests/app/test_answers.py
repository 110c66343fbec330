"""What the list and the time line draw."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.web import answers
from crossmodal.catalogue import Track
from crossmodal.matching import Match, OtherPlace


def track(path: Path, track_id: int = 1) -> Track:
    return Track(
        track_id, f"h{track_id}", "audio", 7, 0.0, "Title", "Artist", None, None, None, 60.0, -14.0, -1.0, False,
        [path], path, (),
    )  # fmt: skip


class Recordings:
    """A catalogue that knows one recording."""

    def __init__(self, *tracks: Track) -> None:
        self.tracks = tracks

    def recordings(self, recording_ids: list[int]) -> list[Track]:
        return [one for one in self.tracks if one.recording_id in recording_ids]


def match(found: Track, **more: object) -> Match:
    return replace(
        Match(found, 0.91, 99.99, 12.0, (30.0, 0.0), 8.0, np.array([0.5, np.nan, 1.0], np.float32), word="good"), **more
    )


def test_a_row_is_plain_json_with_nothing_that_is_no_number(tmp_path) -> None:
    (tmp_path / "a.mp3").write_bytes(b"x")
    row = answers._row(Recordings(), match(track(tmp_path / "a.mp3")))  # type: ignore[arg-type]
    assert json.loads(json.dumps(row, allow_nan=False))["moments"] == [0.5, None, 1.0]
    assert (row["play"], row["start"], row["percentile"], row["alternatives"]) == (1, 12.0, "99.9", [30.0, 0.0])


def test_where_a_tracks_file_is_gone_another_place_of_the_recording_plays_on_its_own_clock(tmp_path) -> None:
    (tmp_path / "b.flac").write_bytes(b"x")
    gone, other = track(tmp_path / "a.mp3"), track(tmp_path / "b.flac", 2)
    found = match(gone, other_places=(OtherPlace(tmp_path / "b.flac", 12.05),))
    row = answers._row(Recordings(gone, other), found)  # type: ignore[arg-type]
    assert (row["id"], row["play"], row["start"]) == (1, 2, 12.05)
    assert row["alternatives"] == [30.05, 0.05]
    os.remove(tmp_path / "b.flac")  # noqa: PTH107
    assert answers._row(Recordings(gone, other), found)["play"] is None  # type: ignore[arg-type]


@pytest.mark.parametrize("n", [0, 1, 399, 400, 401, 72_000])
def test_moments_are_thinned_to_what_can_be_drawn_and_keep_their_mean(n: int) -> None:
    moments = np.random.default_rng(0).random(n).astype(np.float32)
    thin = answers.thinned(moments)
    assert len(thin) == min(n, answers.MAX_MOMENTS)
    if n:
        assert np.mean(thin) == pytest.approx(moments.mean(), abs=0.01)


def test_what_was_not_seen_stays_unseen_when_thinned() -> None:
    moments = np.where(np.arange(4000) < 2000, 0.5, np.nan).astype(np.float32)
    thin = answers.thinned(moments)
    assert thin[:200] == [0.5] * 200 and thin[200:] == [None] * 200


def test_programs_get_no_field_that_their_client_would_download() -> None:
    given = {"query": {"path": "a", "path_bytes": "b"}, "matches": [{"track": {"path": "c", "id": 1}, "others": ()}]}
    renamed = answers.with_file_for_path(given)
    assert renamed == {
        "query": {"file": "a", "file_bytes": "b"},
        "matches": [{"track": {"file": "c", "id": 1}, "others": []}],
    }
