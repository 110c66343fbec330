"""Searches: followed by a page, ended when nobody follows any more, joined rather than begun twice."""

import threading
import time
from pathlib import Path

import pytest

from app.web.clips import Clips
from app.web.library import Library
from app.web.searches import Search, Searches
from app.web.workspace import Workspace
from crossmodal.catalogue import Catalogue, index_folders
from crossmodal.demo import make_clip, make_track
from crossmodal.model import TwoTowerModel


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("library")
    (folder / "music").mkdir()
    model = TwoTowerModel.from_pretrained("compact")
    for k in range(2):
        make_track(folder / "music" / f"{k}.wav", seconds=10.0, seed=k)
    with Catalogue.open(folder / "catalogue", create=True) as catalogue:
        index_folders(catalogue, [folder / "music"], model, workers=1)
    library = Library(folder / "catalogue", None, model)
    yield library
    library.close()


@pytest.fixture
def clips(tmp_path, monkeypatch) -> Clips:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return Clips(Workspace())


def take(clips: Clips, folder: Path, seconds: float, seed: int) -> object:
    path = make_clip(folder / f"{seed}.mp4", seconds=seconds, cuts=(1.0,), seed=seed)
    return clips.add(path, "mine.mp4", is_upload=False)


def test_a_followed_search_tells_its_stages_and_ends_with_the_answer(library, clips, tmp_path) -> None:
    moments = list(Searches(library).follow(take(clips, tmp_path, 3.0, 1)))
    assert moments[0]["state"] == "working" and moments[-1]["state"] == "results"
    stages = [moment["stage"] for moment in moments[:-1]]
    assert stages == sorted(stages)
    rows = moments[-1]["answer"]["rows"]
    assert len(rows) == 2 and rows[0]["score"] >= rows[1]["score"] and moments[-1]["answer"]["library"] == "own"


def test_a_search_that_nobody_follows_ends_by_itself_and_one_that_is_followed_does_not(
    library, clips, tmp_path
) -> None:
    clip = take(clips, tmp_path, 20.0, 2)
    left = Search(clip, library, grace=0.01)
    next(left.follow())
    end = time.monotonic() + 60
    while not left.is_done and time.monotonic() < end:
        time.sleep(0.05)
    assert left.stop.is_set() and left.shown()["state"] == "stopped"
    followed = Search(clip, library, grace=5.0)
    assert list(followed.follow())[-1]["state"] == "results"


def test_a_page_that_comes_back_late_gets_its_answer_all_the_same(library, clips, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(Search.__init__, "__defaults__", (0.01,))
    following = Searches(library).follow(take(clips, tmp_path, 20.0, 7))
    next(following)
    time.sleep(1.5)  # as a machine that stands still
    monkeypatch.setattr(Search.__init__, "__defaults__", (30.0,))
    assert list(following)[-1]["state"] == "results"


def test_a_second_page_joins_the_search_that_runs(library, clips, tmp_path) -> None:
    clip, searches = take(clips, tmp_path, 12.0, 3), Searches(library)
    first = searches.follow(clip)
    next(first)
    assert searches.is_running(clip.id)
    second = threading.Thread(target=lambda: ends.append(list(searches.follow(clip))[-1]))
    ends: list[dict[str, object]] = []
    second.start()
    ends.append(list(first)[-1])
    second.join(60)
    assert ends[0]["answer"] is ends[1]["answer"]


def test_a_cancelled_search_says_so_and_can_be_begun_again(library, clips, tmp_path) -> None:
    clip, searches = take(clips, tmp_path, 20.0, 4), Searches(library)
    following = searches.follow(clip)
    next(following)
    searches.cancel(clip.id)
    assert list(following)[-1]["state"] == "stopped"
    assert list(searches.follow(clip))[-1]["state"] == "results"


def test_a_page_that_was_loaded_again_gets_the_last_answer_without_a_search(library, clips, tmp_path) -> None:
    clip, searches = take(clips, tmp_path, 2.0, 5), Searches(library)
    (*_, last) = searches.follow(clip)
    again = list(searches.resume(clip))
    assert len(again) == 1 and again[0]["answer"] is last["answer"]
    searches.forget([clip.id])
    assert next(iter(searches.resume(clip)))["state"] == "working"


def test_an_empty_library_is_said_before_a_clip_is_decoded(clips, tmp_path) -> None:
    Catalogue.open(tmp_path / "empty", create=True).close()
    empty = Library(tmp_path / "empty", None, TwoTowerModel.from_pretrained("compact"))
    (*_, last) = Searches(empty).follow(take(clips, tmp_path, 2.0, 6))
    assert last["state"] == "trouble" and last["trouble"]["kind"] == "empty"
    empty.close()
