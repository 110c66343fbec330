"""What goes wrong is said in the page: what, why, what to do; and the last clip stays."""

import contextlib
import http.client
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from e2e.serving import LONG, Server, decoding_children, free_port, make_catalogue, running, serious_faults

from crossmodal.catalogue import Catalogue
from crossmodal.demo import make_clip, make_track

pytestmark = [pytest.mark.xdist_group("page-trouble"), pytest.mark.timeout(900)]

STRIP = ".cm-strip:not([hidden]) [role=alert]"
ZONE = ".cm-drop-trouble:not([hidden])"
LIMIT = ("--max-upload", "4mb")
# The page itself clicks "Cancel" when the server has the clip: a test that clicks may come after the list.
CANCEL_AT_ONCE = """() => {
  const timer = setInterval(() => {
    if (crossmodal.state.mode !== "working" || !crossmodal.state.clip?.id) return;
    clearInterval(timer);
    document.querySelector(".cm-working .cm-button").click();
  }, 5);
}"""


def said(page, selector: str) -> str:
    page.wait_for_selector(selector, timeout=LONG)
    words = page.inner_text(selector)
    assert "Traceback" not in words and "Error" not in words
    return words


@pytest.fixture
def notes(tmp_path) -> Path:
    path = tmp_path / "notes.mp4"
    path.write_text("these are notes, not a film\n" * 40)
    return path


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Iterator[Server]:
    """A server of its own over three tracks, one of which goes missing; it takes 4 MB."""
    with running(make_catalogue(tmp_path_factory.mktemp("small"), n_tracks=3, seconds=12.0), *LIMIT) as server:
        yield server


def test_a_file_that_is_no_video_is_said_in_the_drop_zone(page, person, notes) -> None:
    person.drop(page, notes)
    assert said(page, ZONE) == "notes.mp4 is not a video: it is text. Choose a video file."
    assert page.evaluate("crossmodal.state.mode") == "start"


def test_a_bad_file_leaves_the_last_clip_and_its_tracks_where_they_were(page, person, clip, notes) -> None:
    person.drop(page, clip)
    person.results(page)
    before = page.evaluate("[crossmodal.state.clip.id, crossmodal.state.chosen]")
    person.drop(page, notes)
    words = said(page, STRIP)
    assert words == "notes.mp4 is not a video: it is text. Choose a video file. Your last clip is still here."
    person.results(page)
    assert page.evaluate("[crossmodal.state.clip.id, crossmodal.state.chosen]") == before
    page.click(".cm-play")
    person.advances(page, 0.3)
    page.click(".cm-strip-close")
    assert page.locator(".cm-strip").is_hidden()


def test_a_film_that_breaks_off_before_anything_is_refused_and_the_last_clip_comes_back(
    page, person, clip, tmp_path
) -> None:
    whole = clip.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 3])  # its index stood at the end
    person.drop(page, clip)
    person.results(page)
    person.drop(page, tmp_path / "cut.mp4")
    assert said(page, STRIP).startswith("cut.mp4 ")
    person.results(page)


def test_music_on_the_left_is_sent_to_the_right(page, person, tmp_path) -> None:
    person.drop(page, make_track(tmp_path / "song.mp3", seconds=2))
    assert said(page, ZONE) == "song.mp3 has sound but no picture. Drop it on the music side."


def test_a_clip_without_sound_gets_its_tracks(page, person, tmp_path) -> None:
    person.drop(page, make_clip(tmp_path / "silent.mp4", seconds=4, cuts=(1.0, 2.5), seed=8))
    person.results(page)
    assert page.locator(".cm-strip").is_hidden()


def test_a_damaged_clip_is_used_as_far_as_it_goes_and_the_rest_is_hatched(page, person, tmp_path) -> None:
    whole = make_clip(tmp_path / "whole.mkv", seconds=12, cuts=(1.0, 3.0, 5.0), seed=9).read_bytes()
    (tmp_path / "damaged.mkv").write_bytes(whole[: len(whole) // 2])
    person.drop(page, tmp_path / "damaged.mkv")
    person.results(page)
    assert 5 < page.evaluate("crossmodal.state.answer.part") < 8
    assert page.inner_text(".cm-chip").startswith("Only the first 0:0")
    assert page.locator(".cm-unseen").count() >= 1


def test_a_search_is_stopped_and_done_again(page, person, tmp_path) -> None:
    page.evaluate(CANCEL_AT_ONCE)
    person.drop(page, make_clip(tmp_path / "long.mp4", seconds=60, size=(640, 360), cuts=(5.0, 20.0), seed=11))
    page.wait_for_function("crossmodal.state.mode === 'stopped'", timeout=LONG)
    page.wait_for_selector(".cm-working:has-text('Your clip is still here.')", timeout=LONG)
    page.click(".cm-working .cm-button")
    person.results(page)


def test_a_search_that_was_stopped_stays_so_though_the_server_goes_on(page, person, tmp_path) -> None:
    unheard: list[str] = []  # what the click sends: answered here, so that the server never hears of it

    def answer(route: Any) -> None:
        unheard.append(route.request.url)
        route.fulfill(json={"success": True, "data": []})

    page.route("**/gradio_api/cancel", answer)
    page.route("**/gradio_api/run/**", answer)
    page.evaluate(CANCEL_AT_ONCE)
    person.drop(page, make_clip(tmp_path / "late.mp4", seconds=60, size=(640, 360), cuts=(5.0, 20.0), seed=12))
    page.wait_for_function("crossmodal.state.mode === 'stopped'", timeout=LONG)
    answered = "async id => (await fetch(`/cm/clip/${id}/strip`)).ok"
    assert page.evaluate(answered, page.evaluate("crossmodal.state.clip.id"))
    page.wait_for_timeout(3000)  # in which it tells ten times how far it is
    assert page.evaluate("crossmodal.state.mode") == "stopped" and len(unheard) == 2
    page.unroute_all()
    page.click(".cm-working .cm-button")
    person.results(page)


def test_an_empty_library_says_so_and_opens_the_music_side(open_page, person, clip, tmp_path) -> None:
    Catalogue.open(tmp_path / "empty", create=True).close()
    with running(tmp_path / "empty") as server:
        page = open_page(server)
        assert "No music yet" in page.inner_text(".cm-music")
        person.drop(page, clip)
        assert said(page, STRIP) == "No music yet. Add a folder or files on the right."
        page.wait_for_selector(".cm-music .cm-folder", timeout=LONG)
        page.click(".cm-play")
        person.advances(page, 0.3)


def test_a_file_over_the_limit_is_refused_before_it_is_read(open_page, person, small, tmp_path) -> None:
    (tmp_path / "large.mp4").write_bytes(os.urandom(6 << 20))
    page = open_page(small)
    person.drop(page, tmp_path / "large.mp4")
    assert said(page, ZONE) == "large.mp4 is larger than 4 MB. Cut it, or start crossmodal with a higher --max-upload."
    assert not any("/gradio_api/upload" in url for url in page.asked)
    # A program that sends it all the same is answered by the head alone: not one byte of a body is sent here.
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(small.address).port, timeout=60)
    connection.putrequest("POST", "/gradio_api/upload")
    connection.putheader("Content-Type", "multipart/form-data; boundary=x")
    connection.putheader("Content-Length", str(6 << 20))
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413 and "--max-upload" in json.loads(answer.read())["detail"]


def test_a_lost_connection_is_said_and_made_up_for(open_page, person, clip, catalogue) -> None:
    port = free_port()
    with running(catalogue, port=port) as server:
        page = open_page(server)
        person.drop(page, clip)
        person.results(page)
    assert said(page, STRIP) == "Connection to crossmodal lost. Start it again; this page reconnects."
    assert serious_faults(page) == []
    page.click(".cm-play")
    person.advances(page, 0.3)
    with running(catalogue, port=port):
        page.wait_for_function("!crossmodal.state.isLost", timeout=LONG)
        page.wait_for_function("!document.querySelector('.cm-strip p').innerText.includes('lost')", timeout=LONG)


def test_a_connection_that_breaks_in_mid_upload_is_said_by_the_files_name(page, person, clip) -> None:
    page.route("**/gradio_api/upload*", lambda route: route.abort("connectionreset"))
    person.drop(page, clip)
    words = said(page, ZONE)
    assert words.startswith("clip.mp4 did not arrive") and "drop it again" in words
    page.unroute("**/gradio_api/upload*")
    person.drop(page, clip)
    person.results(page)


def test_a_folder_from_another_computer_is_refused_and_files_are_offered(open_page, server) -> None:
    page = open_page(server, extra_http_headers={"X-Forwarded-For": "192.0.2.7"})
    assert page.locator(".cm-folder").is_hidden() and page.locator(".cm-choose-music").is_visible()
    assert "Everything stays on the computer that runs crossmodal" in page.inner_text(".cm-drop-private")
    page.evaluate("document.querySelector('.cm-folder').hidden = false")
    page.fill("#cm-folder-path", "/etc")
    page.click(".cm-folder button")
    assert "--allow-folder" in said(page, ".cm-music-trouble:not([hidden])")


def test_a_folder_that_is_not_there_is_said(page) -> None:
    page.fill("#cm-folder-path", "/no/such/folder")
    page.click(".cm-folder button")
    assert "this folder does not exist" in said(page, ".cm-music-trouble:not([hidden])")


def test_a_track_whose_file_is_gone_says_so_in_its_row_and_blocks_nothing(
    open_page, person, clip, small, tmp_path
) -> None:
    page = open_page(small)
    person.drop(page, clip)
    person.results(page)
    second = page.evaluate("crossmodal.state.answer.rows[1].id")
    with Catalogue.open(small.catalogue, read_only=True) as opened:
        (track,) = opened.tracks_by_id([second])
    shutil.move(track.path, tmp_path / "elsewhere")
    page.reload()
    page.wait_for_function("window.crossmodal?.state.library", timeout=LONG)
    person.results(page)
    page.locator("#cm-list .cm-row").nth(1).click()
    page.wait_for_selector("#cm-list .cm-row:nth-child(2) .cm-missing", timeout=LONG)
    assert "missing" in page.inner_text("#cm-list .cm-row:nth-child(2)")
    page.locator("#cm-list .cm-row").nth(2).click()
    person.sounds(page) if page.evaluate("crossmodal.player.isPlaying") else page.click(".cm-play")
    person.advances(page, 0.3)


@pytest.mark.skipif(os.name != "posix", reason="slows a process down by signals")
def test_a_search_is_ended_after_its_tab_is_gone(open_page, person, server, tmp_path) -> None:
    page = open_page(server)
    person.drop(page, make_clip(tmp_path / "long.mp4", seconds=60, size=(640, 360), cuts=(5.0, 20.0), seed=31))
    page.wait_for_function("document.querySelector('.cm-stages .cm-is-now')?.innerText.includes(' of ')", timeout=LONG)
    page.close()
    busy = decoding_children(server)
    end, is_over = time.monotonic() + 90, False
    while not is_over and time.monotonic() < end:
        slowed_down(busy)  # a tenth of their pace: the search cannot be done before the page is missed
        is_over = any(not child.is_running() for child in busy)
    assert is_over  # a search that is done leaves its child alive; only one that was ended takes it along


def slowed_down(children: set[psutil.Process]) -> None:
    """All of them at once: one that runs while another stands still is not slowed."""
    for move, seconds in (("suspend", 0.18), ("resume", 0.02)):
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                getattr(child, move)()
        time.sleep(seconds)
