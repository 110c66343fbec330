"""A person drops a clip into the page and hears the music that fits: real server, real browser, real media."""

from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from crossmodal.demo import make_clip

# The first test waits until the server has made the demo library.
pytestmark = [pytest.mark.xdist_group("page"), pytest.mark.timeout(900)]

# Only a media element that advances is playing: half a second more than where it stood, however slow the machine is.
PLAY = """async (selector) => {
  const media = document.querySelector(selector);
  media.currentTime = 0;
  await Promise.race([media.play(), new Promise((r) => setTimeout(r, 4000))]);
  const from = media.currentTime;
  for (let k = 0; k < 300 && media.currentTime < from + 0.5 && !media.error; k++)
    await new Promise((r) => setTimeout(r, 100));
  return { advanced: media.currentTime - from, error: media.error && media.error.message };
}"""


def search(page, clip: Path) -> None:
    page.set_input_files("#clip input[type=file]", str(clip))
    page.wait_for_selector("#clip video", timeout=120_000)
    page.click("#go")


def assert_result_plays(page) -> None:
    page.wait_for_selector("#tracks .cm-match", timeout=240_000)
    page.wait_for_selector("#preview video, #status [role=alert]", timeout=240_000)
    assert page.locator("#status [role=alert]").all_inner_texts() == []
    assert page.locator("#tracks .cm-match").count() == 10
    played = page.evaluate(PLAY, "#player audio")
    assert played["advanced"] >= 0.5 and played["error"] is None, played
    played = page.evaluate(PLAY, "#preview video")
    assert played["advanced"] >= 0.5 and played["error"] is None, played


def wait_for_another_preview(page, old: str) -> None:
    changed = "(old) => ![null, undefined, old].includes(document.querySelector('#preview video')?.getAttribute('src'))"
    page.wait_for_function(changed, arg=old, timeout=240_000)


def test_a_made_clip_gives_ten_tracks_a_player_and_a_preview_and_asks_no_other_host(page, server, tmp_path) -> None:
    make_clip(tmp_path / "clip.mp4", seconds=8, cuts=(2.0, 4.0, 6.0), seed=3)
    search(page, tmp_path / "clip.mp4")
    assert_result_plays(page)
    hosts = {urlsplit(url).hostname for url in page.asked if url.startswith(("http", "ws"))}
    assert hosts == {"127.0.0.1"}
    family = [psutil.Process(server.process.pid), *psutil.Process(server.process.pid).children(recursive=True)]
    remote = [c.raddr.ip for process in family for c in process.net_connections("inet") if c.raddr]
    assert set(remote) <= {"127.0.0.1", "::1"}


@pytest.mark.media
@pytest.mark.parametrize("name", ["phone-rotated-90.mp4", "vp9-vertical.webm", "bikes-25fps-silent.mp4"])
def test_a_real_clip_gives_ten_tracks_a_player_and_a_preview(page, data_folder, name: str) -> None:
    search(page, data_folder / "video" / name)
    assert_result_plays(page)


def test_another_track_and_the_clips_own_sound_change_the_preview(page, tmp_path) -> None:
    make_clip(tmp_path / "clip.mp4", seconds=6, cuts=(2.0, 4.0), seed=5)
    search(page, tmp_path / "clip.mp4")
    page.wait_for_selector("#preview video", timeout=240_000)
    first = page.get_attribute("#preview video", "src")
    page.locator("#tracks .cm-match").nth(2).click()
    page.wait_for_function(
        "(old) => document.querySelector('#preview video')?.getAttribute('src') !== old", arg=first, timeout=240_000
    )
    assert page.locator("#tracks .cm-match").nth(2).get_attribute("aria-pressed") == "true"
    second = page.get_attribute("#preview video", "src")
    page.locator("#sound label", has_text="Low").click()
    page.wait_for_function(
        "(old) => document.querySelector('#preview video')?.getAttribute('src') !== old", arg=second, timeout=240_000
    )
    assert page.evaluate(PLAY, "#preview video")["advanced"] >= 0.5


def test_a_file_that_is_no_video_is_said_in_the_page(page, tmp_path) -> None:
    (tmp_path / "notes.mp4").write_text("these are notes, not a film\n" * 40)
    search(page, tmp_path / "notes.mp4")
    page.wait_for_selector("#status [role=alert]", timeout=240_000)
    message = page.inner_text("#status [role=alert]")
    assert "notes.mp4" in message and "Traceback" not in message


def test_the_search_without_a_clip_says_what_to_do(page) -> None:
    page.click("#go")
    page.wait_for_selector("#status [role=alert]", timeout=120_000)
    assert "Drop a video" in page.inner_text("#status [role=alert]")


def test_media_are_served_in_ranges_and_nothing_else_is_served(page, server) -> None:
    tracks = page.request.get(f"{server.address}/media/1", headers={"Range": "bytes=0-1"})
    assert tracks.status == 206 and len(tracks.body()) == 2 and tracks.headers["etag"]
    assert page.request.get(f"{server.address}/media/1", headers={"Range": "bytes=999999999-"}).status == 416
    assert page.request.get(f"{server.address}/media/999999").status == 404
    assert page.request.get(f"{server.address}/preview/..%2f..%2fetc%2fhostname").status == 404
    for path in ("gradio_api/file=/etc/hostname", f"gradio_api/file={server.catalogue}/demo/catalogue.db"):
        assert page.request.get(f"{server.address}/{path}").status in (403, 404)


def test_a_strangers_host_name_gets_403(page, server) -> None:
    assert page.request.get(server.address, headers={"Host": "evil.example"}).status == 403
    assert page.request.get(server.address, headers={"Origin": "http://evil.example"}).status == 403
