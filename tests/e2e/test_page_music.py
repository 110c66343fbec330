"""Adding music: one child of the server, whatever the tabs do; a search never waits for it."""

import sqlite3
import time
from contextlib import closing

import psutil
import pytest
from e2e.serving import LONG, make_catalogue, running

from crossmodal.catalogue import Catalogue
from crossmodal.demo import make_clip, make_track

pytestmark = [pytest.mark.xdist_group("page-music"), pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A server of its own, since its library grows."""
    with running(make_catalogue(tmp_path_factory.mktemp("growing"), n_tracks=3, seconds=12.0)) as server:
        yield server


def indexing_children(server) -> list[psutil.Process]:
    children = psutil.Process(server.process.pid).children()
    return [child for child in children if "app.web.indexing_child" in " ".join(child.cmdline())]


def test_a_folder_is_added_while_the_clip_plays_and_trouble_is_listed_by_file(
    open_page, person, served, tmp_path
) -> None:
    for k in range(3):
        make_track(tmp_path / "more" / f"new {k}.mp3", seconds=12.0, seed=40 + k) if k else (tmp_path / "more").mkdir()
    (tmp_path / "more" / "broken.mp3").write_bytes(b"\xff\xfb\x90\x00" + b"\x00" * 400)
    (tmp_path / "more" / "page.mp3").write_text("<html>no music</html>" * 20)
    page = open_page(served)
    person.drop(page, make_clip(tmp_path / "clip.mp4", seconds=40, size=(160, 90), cuts=(9.0, 20.0), seed=5))
    person.results(page)
    page.click(".cm-play")
    page.click(".cm-tracks")
    page.fill("#cm-folder-path", str(tmp_path / "more"))
    page.click(".cm-folder button")
    person.advances(page, 0.1)
    page.wait_for_selector(".cm-report:not([hidden]) .cm-counts", timeout=LONG)
    report = page.inner_text(".cm-report")
    assert "2\nNew" in report and "page.mp3" in report and "with trouble" in report
    page.wait_for_function("crossmodal.state.library.present === 5", timeout=LONG)
    with Catalogue.open(served.catalogue, read_only=True) as catalogue:
        assert catalogue.jobs(1)[0].state == "done"
    page.click(".cm-back")
    page.click(".cm-list-head button")
    page.wait_for_function("crossmodal.state.answer?.compared === 5", timeout=LONG)
    assert page.faults == []


def test_files_are_dropped_on_the_right_and_kept_beside_the_catalogue(open_page, served, tmp_path) -> None:
    page = open_page(served)
    before = page.evaluate("crossmodal.state.library.present")
    page.set_input_files(".cm-music-file", str(make_track(tmp_path / "Mine, all mine.flac", seconds=12.0, seed=77)))
    page.wait_for_function("(n) => crossmodal.state.library.present === n + 1", arg=before, timeout=LONG)
    assert (served.catalogue / "added" / "Mine, all mine.flac").is_file()


def test_a_run_goes_on_without_tabs_is_seen_by_the_next_one_stops_cleanly_and_a_search_passes_it(
    open_page, person, served, clip, tmp_path
) -> None:
    (tmp_path / "many").mkdir()
    for k in range(40):
        make_track(tmp_path / "many" / f"{k}.wav", seconds=30.0, seed=100 + k)
    page = open_page(served)
    page.fill("#cm-folder-path", str(tmp_path / "many"))
    page.click(".cm-folder button")
    page.wait_for_function("crossmodal.state.library.job.running?.total === 40", timeout=LONG)
    assert len(indexing_children(served)) == 1
    page.close()
    again = open_page(served)
    again.wait_for_function("crossmodal.state.library.job.running?.done >= 1", timeout=LONG)
    person.drop(again, clip)
    person.results(again)
    is_running = again.evaluate("crossmodal.state.library.job.running !== null")
    if is_running:  # the search was answered before the run was over: it did not wait
        assert "that are ready" in again.inner_text(".cm-list-head p")
        again.click(".cm-tracks")
        again.click(".cm-job button")
    again.wait_for_function("crossmodal.state.library.job.running === null", timeout=LONG)
    end = time.monotonic() + 30
    while indexing_children(served) and time.monotonic() < end:
        time.sleep(0.1)
    assert indexing_children(served) == []
    with Catalogue.open(served.catalogue, read_only=True) as catalogue:
        assert catalogue.jobs(1)[0].state in ("stopped", "done")


def test_music_of_another_model_is_made_ready_when_the_page_starts(open_page, person, clip, tmp_path) -> None:
    catalogue = make_catalogue(tmp_path, n_tracks=3, seconds=12.0)
    with closing(sqlite3.connect(catalogue / "catalogue.db")) as db, db:
        db.execute("UPDATE embedding SET model = 'another'")
    with running(catalogue) as started:
        page = open_page(started)
        page.wait_for_function("crossmodal.state.library.ready === 3", timeout=LONG)
        person.drop(page, clip)
        person.results(page)
        assert page.evaluate("crossmodal.state.answer.compared") == 3 and page.faults == []
