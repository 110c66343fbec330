"""The page at several sizes, by keyboard, and as axe sees it."""

import pytest
from e2e.serving import LONG, decoding_children, serious_faults

from crossmodal.demo import make_clip

pytestmark = [pytest.mark.xdist_group("page-looks"), pytest.mark.timeout(900)]

LANES = [".cm-stage", ".cm-transport", ".cm-timeline"]
FOCUSED = """document.activeElement.className.split(" ").find((name) => name.startsWith("cm-"))
    ?? document.activeElement.type"""


def places(page) -> list[dict[str, float]]:
    return [page.locator(lane).bounding_box() for lane in LANES]


def test_stage_transport_and_time_line_stay_at_the_same_pixels_from_state_to_state(page, person, tmp_path) -> None:
    person.drop(page, make_clip(tmp_path / "a.mp4", seconds=20, size=(320, 180), cuts=(4.0,), seed=21))
    page.wait_for_function("crossmodal.state.mode === 'working'", timeout=LONG)
    working = places(page)
    page.wait_for_function("crossmodal.state.mode === 'results'", timeout=LONG)
    assert places(page) == working
    page.click(".cm-tracks")
    assert places(page) == working
    page.keyboard.press("Escape")
    person.drop(page, make_clip(tmp_path / "tall.mp4", seconds=3, size=(120, 200), seed=22))
    page.wait_for_function("crossmodal.state.clip.name === 'tall.mp4'", timeout=LONG)
    assert places(page) == working
    person.results(page)
    assert places(page) == working
    stage, transport, timeline = working
    assert (stage["y"], stage["height"], transport["height"], timeline["height"]) == (52, 492, 58, 284)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_ten_rows_are_in_sight_and_axe_finds_nothing_serious_in_any_state(
    open_page, person, server, clip, tmp_path, scheme
) -> None:
    page = open_page(server, color_scheme=scheme)
    assert serious_faults(page) == []
    (tmp_path / "notes.mp4").write_text("no film " * 50)
    person.drop(page, tmp_path / "notes.mp4")
    page.wait_for_selector(".cm-drop-trouble:not([hidden])", timeout=LONG)
    assert serious_faults(page) == []
    person.drop(page, clip)
    person.results(page)
    rows = page.locator("#cm-list .cm-row")
    rows.nth(9).wait_for(timeout=LONG)
    last = rows.nth(9).bounding_box()
    assert rows.count() == 10 and last["y"] + last["height"] <= 886
    assert serious_faults(page) == []
    person.drop(page, tmp_path / "notes.mp4")
    page.wait_for_selector(".cm-strip:not([hidden])", timeout=LONG)
    person.results(page)
    assert serious_faults(page) == []
    page.click(".cm-tracks")
    page.wait_for_selector(".cm-music .cm-folder", timeout=LONG)
    assert serious_faults(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert serious_faults(page) == []
    grounds = page.evaluate("""() => ["body", ".cm-app", ".cm-right", ".cm-timeline", ".cm-music"].map((one) =>
      getComputedStyle(document.querySelector(one)).backgroundColor)""")
    if scheme == "dark":
        assert all(max(map(int, ground[4:-1].split(","))) < 60 for ground in grounds if ground.startswith("rgb("))


def test_on_a_phone_nothing_is_cut_the_picture_stays_in_sight_and_targets_are_44(
    open_page, person, server, clip
) -> None:
    page = open_page(server, 390, 844, has_touch=True, is_mobile=True)
    person.drop(page, clip)
    person.results(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    small = page.evaluate("""() => [...document.querySelectorAll(
        ".cm-bar button, .cm-play, .cm-row button, .cm-starts button, .cm-nudge button, .cm-save, .cm-segments label")]
      .filter((one) => one.offsetParent).map((one) => [one.className, one.getBoundingClientRect()])
      .filter(([, box]) => box.height < 42 || box.width < 42)
      .map(([name, box]) => `${name} ${box.width} ${box.height}`)""")
    assert small == []
    cut = page.evaluate("""() => [...document.querySelectorAll(".cm-app :is(button, p, h2, span, b)")]
      .filter((one) => one.offsetParent && one.getBoundingClientRect().right > 391).map((one) => one.className)""")
    assert cut == []
    page.evaluate("document.querySelector('#cm-list .cm-row:nth-child(9)').scrollIntoView()")
    page.wait_for_timeout(300)
    assert page.locator(".cm-stage").bounding_box()["y"] == 0
    assert serious_faults(page) == []


def test_everything_is_done_by_keyboard(page, person, clip) -> None:
    person.drop(page, clip)
    person.results(page)
    page.locator("body").click(position={"x": 5, "y": 5})
    page.keyboard.press("Space")
    person.advances(page, 0.3)
    page.keyboard.press("ArrowDown")
    assert page.evaluate("crossmodal.state.chosen") == 1
    assert page.evaluate("document.activeElement.closest('.cm-row') !== null")
    start = page.evaluate("crossmodal.state.start")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("crossmodal.state.start") == pytest.approx(start + 0.1, abs=0.011)
    page.keyboard.press("0")
    assert page.evaluate("crossmodal.state.start") == 0
    page.keyboard.press("]")
    page.keyboard.press("m")
    assert page.evaluate("crossmodal.player.isMuted") is True
    page.keyboard.press("k")
    page.wait_for_function("!crossmodal.player.isPlaying", timeout=LONG)
    page.keyboard.press("End")
    assert page.evaluate("crossmodal.player.time") > 7
    page.keyboard.press("Home")
    assert page.evaluate("crossmodal.player.time") == 0
    page.keyboard.press("?")
    assert page.locator(".cm-help").is_visible()
    page.keyboard.press("Escape")
    assert page.locator(".cm-help").is_hidden()
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement !== document.body")


def test_single_keys_are_silent_in_text_fields_and_where_they_were_switched_off(page, person, clip) -> None:
    person.drop(page, clip)
    person.results(page)
    page.click(".cm-tracks")
    page.fill("#cm-folder-path", "")
    page.type("#cm-folder-path", "km0 ?")
    assert page.input_value("#cm-folder-path") == "km0 ?" and page.evaluate("crossmodal.player.isMuted") is False
    page.keyboard.press("Tab")
    page.click(".cm-back")
    page.keyboard.press("?")
    page.uncheck(".cm-help input")
    page.keyboard.press("Escape")
    page.keyboard.press("m")
    assert page.evaluate("crossmodal.player.isMuted") is False


def test_focus_goes_from_the_skip_link_through_bar_transport_and_time_line_to_the_list(page, person, clip) -> None:
    person.drop(page, clip)
    person.results(page)
    page.wait_for_selector(".cm-grip", timeout=LONG)
    page.evaluate("document.activeElement.blur(); window.getSelection().removeAllRanges()")
    seen = []
    for _ in range(24):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(FOCUSED))
        if page.evaluate("document.activeElement.closest('.cm-row') !== null"):
            break
    order = [name for name in ("cm-skip", "cm-button", "cm-round", "radio", "cm-grip") if name in seen]
    assert order == ["cm-skip", "cm-button", "cm-round", "radio", "cm-grip"] and seen.index("cm-skip") == 0
    assert page.evaluate("document.activeElement.closest('.cm-row') !== null")
    grip = page.locator(".cm-grip")
    assert grip.get_attribute("aria-valuetext").startswith("starts at ")


def test_results_are_announced_once(page, person, clip) -> None:
    page.evaluate("""() => {
      window.said = [];
      const region = document.querySelector(".cm-app > .cm-said-once");
      const changes = { childList: true, characterData: true, subtree: true };
      new MutationObserver(() => said.push(region.textContent)).observe(region, changes);
    }""")
    person.drop(page, clip)
    person.results(page)
    page.locator("#cm-list .cm-row").nth(3).click()
    assert len(page.evaluate("said")) == 1 and "tracks found. Best: " in page.evaluate("said[0]")


def test_with_reduced_motion_nothing_moves_but_picture_and_playhead(open_page, server) -> None:
    page = open_page(server, reduced_motion="reduce")
    name = page.evaluate("""() => {
      const row = document.createElement("i");
      row.className = "cm-loading";
      row.append(Object.assign(document.createElement("i"), { className: "cm-round" }));
      document.querySelector(".cm-app").append(row);
      return getComputedStyle(row.firstChild, "::after").animationName;
    }""")
    assert name == "none"


def test_axe_finds_nothing_serious_while_a_search_runs(page, person, server, tmp_path) -> None:
    person.drop(page, make_clip(tmp_path / "long.mp4", seconds=30, size=(320, 180), cuts=(5.0, 20.0), seed=41))
    page.wait_for_function("document.querySelector('.cm-stages .cm-is-now')?.innerText.includes(' of ')", timeout=LONG)
    busy = decoding_children(server)
    for child in busy:
        child.suspend()
    try:
        assert serious_faults(page) == [] and page.evaluate("crossmodal.state.mode") == "working"
    finally:
        for child in busy:
            child.resume()
    person.results(page)
