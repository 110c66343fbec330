"""How soon is music heard under a picture, how far apart are the two, and how soon is there a list?

Real Chromium on the real server: click to sound, and skew at 0, 30, 60 and 90 s of a 90-second clip over the music that
is there; drop to first picture and to the list for a 60-second 1080p clip, and how far stage, transport and time line
move between states, over a library of 1,000 tracks (most of them noise). Usage: page.py [CLICKS]
"""

import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from _library import catalogue_of_music, catalogue_of_noise
from _media import clip_1080p
from harness import Comparison, Cost, report

CLICKS = int(sys.argv[1]) if len(sys.argv) > 1 else 10
PORT, N_TRACKS, LONG = 7961, 1000, 240_000
FLAGS = ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"]
LANES = (".cm-stage", ".cm-transport", ".cm-timeline")
# From the press on a row's button to the first moment at which its own sound leaves the player.
CLICK_TO_SOUND = """async (k) => {
  const { player } = crossmodal;
  const begun = performance.now();
  document.querySelectorAll("#cm-list .cm-row button")[k].click();
  while (player.sounding?.voice !== player.voice) await new Promise((r) => setTimeout(r, 1));
  while (player.context.currentTime < player.sounding.when) await new Promise((r) => setTimeout(r, 1));
  return (performance.now() - begun) / 1000;
}"""


@contextmanager
def server(catalogue: Path) -> Iterator[str]:
    """`crossmodal app` on a catalogue."""
    command = [sys.executable, "-c", "from app.cli import main; main()", "app", "-c", str(catalogue)]
    process = subprocess.Popen([*command, "--port", str(PORT)], stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{PORT}"
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{address}/cm/library", timeout=5).close()
                break
            except OSError:
                time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(30)


def library(folder: Path) -> Path:
    """The music that is there and noise, `N_TRACKS` together, in one catalogue."""
    noise = catalogue_of_noise(N_TRACKS, 180.0)
    copy = Path(shutil.copytree(noise, folder / "library"))
    from crossmodal.catalogue import Catalogue, index_folders
    from crossmodal.model import TwoTowerModel

    with Catalogue.open(catalogue_of_music()) as music:
        roots = sorted({track.path.parent for track in music.tracks()})
    with Catalogue.open(copy) as catalogue:
        index_folders(catalogue, roots, TwoTowerModel.from_pretrained("compact"))
    return copy


def main() -> None:
    from playwright.sync_api import sync_playwright

    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        clips = ninety_seconds(Path(folder)), clip_1080p()
        browser = play.chromium.launch(executable_path=chromium, args=FLAGS)
        with server(catalogue_of_music()) as address:
            page = opened(browser, address)
            clicks = click_to_sound(page, clips[0])
            skews = skew(page)
            page.context.close()
        with server(library(Path(folder))) as address:
            drops = [dropped(browser, address, clips[1])]
        browser.close()
    picture, listed, shift = ([drop[k] for drop in drops] for k in range(3))
    report(
        [
            seconds("click to sound, next rows prefetched", clicks, 0.2),
            seconds("drop of a 60 s 1080p clip to its first picture", picture, 1.0),
            seconds("drop of a 60 s 1080p clip to the list, 1,000 tracks", listed, None),
        ],
        __file__,
        skew_ms_at_second=skews,
        shift_of_lanes_px=max(shift),
    )


def seconds(question: str, values: list[float], limit: float | None) -> Comparison:
    """Seconds on the wall, as the harness reports them."""
    return Comparison(question, [Cost(0.0, value) for value in values], limit=limit)


def ninety_seconds(folder: Path) -> Path:
    from crossmodal.demo import make_clip

    return make_clip(folder / "ninety.mp4", seconds=90, size=(640, 360), cuts=tuple(range(5, 90, 5)), seed=5)


def opened(browser: Any, address: str) -> Any:
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.goto(address)
    page.wait_for_function("window.crossmodal?.state.library", timeout=LONG)
    return page


def click_to_sound(page: Any, clip: Path) -> list[float]:
    """Seconds from the press on the next row to its sound, while the picture runs."""
    page.set_input_files(".cm-file", str(clip))
    page.wait_for_function("crossmodal.state.chosen >= 0", timeout=LONG)
    page.click(".cm-play")
    page.wait_for_function("crossmodal.player.sounding !== null", timeout=LONG)
    found = []
    for k in range(CLICKS):
        page.wait_for_timeout(2500)  # the next three rows are fetched
        found.append(page.evaluate(CLICK_TO_SOUND, 1 + k % 9))
    return found


def skew(page: Any) -> dict[str, float]:
    """Milliseconds between picture and music, the worst of half a second at each place, after a seek there and on."""
    page.evaluate("crossmodal.player.seek(0)")
    found = {}
    for second in (0, 30, 60, 89):
        page.wait_for_function("(at) => crossmodal.player.time >= at + 0.5", arg=second, timeout=LONG)
        worst = page.evaluate("""async () => {
          let worst = 0;
          for (let k = 0; k < 10; k += 1) {
            await new Promise((r) => setTimeout(r, 30));
            worst = Math.max(worst, Math.abs(crossmodal.player.skew()) || 0);
          }
          return 1000 * worst;
        }""")
        found[str(second)] = round(worst, 1)
    return found


def dropped(browser: Any, address: str, clip: Path) -> tuple[float, float, float]:
    """Seconds to the first picture and to the list, and pixels by which the lanes moved between the two."""
    page = opened(browser, address)
    begun = time.monotonic()
    page.set_input_files(".cm-file", str(clip))
    page.wait_for_function("crossmodal.state.clip && crossmodal.player.video.readyState >= 2", timeout=LONG)
    picture = time.monotonic() - begun
    before = places(page)
    page.wait_for_function("crossmodal.state.mode === 'results'", timeout=LONG)
    listed = time.monotonic() - begun
    shift = max(abs(a - b) for a, b in zip(before, places(page), strict=True))
    page.context.close()
    return picture, listed, shift


def places(page: Any) -> list[float]:
    """Left, top, width and height of the lanes."""
    return [page.locator(lane).bounding_box()[side] for lane in LANES for side in ("x", "y", "width", "height")]


if __name__ == "__main__":
    main()
