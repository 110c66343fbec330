"""A person drops a clip and hears the music that fits under it: real server, real browser, real media."""

from urllib.parse import urlsplit

import numpy as np
import psutil
import pytest
from e2e.serving import HOSTILE, LONG, running

from crossmodal.media import open_audio, probe

pytestmark = [pytest.mark.xdist_group("page"), pytest.mark.timeout(900)]

ROWS = "#cm-list .cm-row"
# The loudest sample of what leaves the player, over half a second.
LOUDEST = """async () => {
  const { context, out } = crossmodal.player;
  const tap = context.createAnalyser();
  out.connect(tap);
  const block = new Float32Array(2048);
  let loudest = 0;
  for (let k = 0; k < 25; k += 1) {
    await new Promise((r) => setTimeout(r, 20));
    tap.getFloatTimeDomainData(block);
    loudest = Math.max(loudest, ...block.map(Math.abs));
  }
  out.disconnect(tap);
  return loudest;
}"""


def play(page, person) -> None:
    page.click(".cm-play")
    person.advances(page, 0.3)
    person.sounds(page)


def test_a_first_start_finds_demo_music_for_an_example_and_asks_no_other_host(open_page, person, tmp_path) -> None:
    with running(tmp_path / "catalogue") as server:
        page = open_page(server)
        page.wait_for_selector(".cm-examples button", timeout=LONG)
        assert "demo tracks" in page.inner_text(".cm-tracks")
        page.click(".cm-examples button")
        person.results(page)
        assert page.locator(ROWS).count() == 10
        play(page, person)
        hosts = {urlsplit(url).hostname for url in page.asked if url.startswith(("http", "ws"))}
        assert hosts == {"127.0.0.1"} and page.faults == []
        family = [psutil.Process(server.process.pid), *psutil.Process(server.process.pid).children(recursive=True)]
        remote = [c.raddr.ip for process in family for c in process.net_connections("inet") if c.raddr]
        assert set(remote) <= {"127.0.0.1", "::1"}


@pytest.mark.media
@pytest.mark.parametrize("name", ["phone-rotated-90.mp4", "vp9-vertical.webm", "bikes-25fps-silent.mp4"])
def test_a_real_clip_plays_with_the_best_of_ten_tracks_under_it(page, person, data_folder, name: str) -> None:
    person.drop(page, data_folder / "video" / name)
    person.results(page)
    assert page.locator(ROWS).count() == 10
    page.click(".cm-play")
    person.advances(page, 0.3)
    person.sounds(page)
    assert page.locator(".cm-strip").is_hidden()


def test_what_is_heard_is_loud_enough_to_hear(page, person, clip) -> None:
    person.drop(page, clip)
    person.results(page)
    play(page, person)
    assert page.evaluate(LOUDEST) > 0.02


def test_another_track_enters_at_the_same_picture_time_and_the_picture_never_stops(page, person, clip) -> None:
    person.drop(page, clip)
    person.results(page)
    play(page, person)
    page.evaluate("""() => {
      window.stops = 0;
      for (const name of ["pause", "seeking", "waiting"])
        crossmodal.player.video.addEventListener(name, () => !crossmodal.player.video.ended && (stops += 1));
    }""")
    page.locator(ROWS).nth(2).click()
    person.sounds(page)
    assert page.evaluate("[crossmodal.state.chosen, stops]") == [2, 0]
    page.keyboard.press("ArrowDown")
    person.sounds(page)
    assert page.evaluate("[crossmodal.state.chosen, stops]") == [3, 0]
    assert page.locator(f"{ROWS}[aria-current=true]").count() == 1


def test_picture_and_music_are_together_again_after_seeks_and_pauses(page, person, clip) -> None:
    person.drop(page, clip)
    person.results(page)
    play(page, person)
    for second in (5.0, 1.0, 3.3):
        page.evaluate("(second) => crossmodal.player.seek(second)", second)
        person.advances(page, 0.3)
        person.sounds(page)
    page.keyboard.press("k")
    page.wait_for_function("crossmodal.player.sounding === null", timeout=LONG)
    page.keyboard.press("l")
    person.advances(page, 0.2)
    person.sounds(page)


def test_a_moved_start_is_heard_and_window_letter_and_words_agree(page, person, clip) -> None:
    person.drop(page, clip)
    person.results(page)
    play(page, person)
    before = page.evaluate("crossmodal.state.start")
    lane = page.locator(".cm-music-lane").bounding_box()
    y = lane["y"] + 30
    page.mouse.move(lane["x"] + 500, y)
    page.mouse.down()
    page.mouse.move(lane["x"] + 300, y, steps=5)
    page.mouse.up()
    start = page.evaluate("crossmodal.state.start")
    assert start == pytest.approx(before + 200 / lane["width"] * 8, abs=0.1)
    page.wait_for_function("Math.abs(crossmodal.player.voice.start - crossmodal.state.start) < 0.005", timeout=LONG)
    person.sounds(page)
    assert page.locator(".cm-starts [aria-pressed=true]").count() == 0
    assert f"from {int(start // 60)}:{int(start % 60):02d}" in page.inner_text(".cm-now-from")
    window, whole = page.locator(".cm-window").bounding_box(), page.locator(".cm-whole-lane").bounding_box()
    length = page.evaluate("crossmodal.state.answer.rows[crossmodal.state.chosen].duration")
    assert window["x"] - whole["x"] == pytest.approx(start / length * whole["width"], abs=2)
    page.locator(".cm-starts button").first.click()
    assert page.evaluate("crossmodal.state.start") == before
    assert page.locator(".cm-starts button").first.get_attribute("aria-pressed") == "true"


def test_the_clips_own_sound_is_off_under_music_and_low_is_15_db_down(page, person, clip) -> None:
    person.drop(page, clip)
    person.results(page)
    sound = "({ muted: crossmodal.player.video.muted, volume: crossmodal.player.video.volume })"
    assert page.evaluate(sound)["muted"] is True
    page.check(".cm-sound input[value=low]")
    assert page.evaluate(sound) == {"muted": False, "volume": pytest.approx(10 ** (-15 / 20))}
    page.check(".cm-sound input[value=full]")
    assert page.evaluate(sound) == {"muted": False, "volume": 1}


def test_save_video_gives_the_clip_with_the_music_under_it(page, person, clip, catalogue, tmp_path) -> None:
    person.drop(page, clip)
    person.results(page)
    with page.expect_download(timeout=LONG) as download:
        page.click(".cm-save")
    saved = tmp_path / "saved.mp4"
    download.value.save_as(saved)
    assert download.value.suggested_filename.startswith("clip with ")
    info = probe(saved)
    assert info.video is not None and (info.video.width, info.video.height) == (320, 180)
    with open_audio(saved) as sound:
        samples = np.concatenate([block.samples[0] for block in sound.blocks()])
    assert len(samples) / 24_000 == pytest.approx(8, abs=0.2) and np.abs(samples).max() > 0.02


def test_a_title_that_is_a_trap_stays_text_everywhere(page, person, clip) -> None:
    person.drop(page, clip)
    person.results(page)
    titles = page.locator(".cm-title").all_inner_texts()
    row = titles.index(HOSTILE)
    page.locator(ROWS).nth(row).click()
    assert page.inner_text(".cm-now-title") == HOSTILE
    assert page.locator(".cm-app img[src=x]").count() == 0 and page.evaluate("window.wasHere") is None


def test_a_reload_brings_back_clip_list_track_and_start(page, person, clip) -> None:
    person.drop(page, clip)
    person.results(page)
    page.locator(ROWS).nth(4).click()
    page.click("button[aria-label='Start 0.1 seconds later']")
    kept = page.evaluate("[crossmodal.state.clip.id, crossmodal.state.chosen, crossmodal.state.start]")
    page.reload()
    person.results(page)
    assert page.evaluate("[crossmodal.state.clip.id, crossmodal.state.chosen, crossmodal.state.start]") == kept
    play(page, person)


def test_another_clip_begins_at_the_start_that_was_found_for_it(page, person, clip, tmp_path) -> None:
    person.drop(page, clip)
    person.results(page)
    page.keyboard.press(page.evaluate("crossmodal.state.start > 1 ? 'ArrowLeft' : 'ArrowRight'"))  # there is room
    page.wait_for_function("crossmodal.state.start !== crossmodal.state.answer.rows[0].start", timeout=LONG)
    page.wait_for_timeout(400)  # a moved start is kept once it rests
    again = tmp_path / "again.mp4"
    again.write_bytes(clip.read_bytes())
    person.drop(page, again)
    page.wait_for_function("crossmodal.state.clip.name === 'again.mp4'", timeout=LONG)
    person.results(page)
    start, best = page.evaluate("[crossmodal.state.start, crossmodal.state.answer.rows[0].start]")
    assert start == best and page.evaluate("crossmodal.state.chosen") == 0


def test_my_clips_are_deleted_when_i_say_so(page, person, clip, server) -> None:
    person.drop(page, clip)
    person.results(page)
    address = f"{server.address}/cm/clip/{page.evaluate('crossmodal.state.clip.id')}"
    assert page.request.get(address, headers={"Range": "bytes=0-1"}).status == 206
    page.keyboard.press("?")
    page.click(".cm-help .cm-forget")
    page.wait_for_selector(".cm-drop", timeout=LONG)
    assert page.request.get(address).status == 404
    page.reload()
    page.wait_for_function("window.crossmodal?.state.library", timeout=LONG)
    assert page.evaluate("crossmodal.state.mode") == "start"


@pytest.mark.media
def test_a_clip_that_no_browser_plays_is_a_still_at_once_and_then_plays(page, person, data_folder) -> None:
    person.drop(page, data_folder / "video" / "made-hevc-8bit.mp4")
    page.wait_for_function("document.querySelector('.cm-stage img')?.naturalWidth > 0", timeout=LONG)
    person.results(page)
    page.wait_for_function("crossmodal.player.video.readyState >= 2", timeout=LONG)
    page.click(".cm-play")
    person.advances(page, 0.3)
    page.wait_for_selector(".cm-stage-note", state="hidden", timeout=LONG)
    page.wait_for_function("crossmodal.player.video.seekable.length > 0", timeout=LONG)
    page.evaluate("crossmodal.player.seek(2.5)")
    page.wait_for_function("Math.abs(crossmodal.player.video.currentTime - 2.5) < 1.6", timeout=LONG)
