"""The demo library, which the page opens with where there is no music yet: a dozen first, the rest behind it."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psutil

FIRST = 12
PAIRS = 60


def demo_catalogue_folder(catalogue_folder: Path) -> Path:
    """Where the demo library's own catalogue stands: apart, so that its tracks never mix with a person's music."""
    return catalogue_folder / "demo"


def example_clips(demo_folder: Path, limit: int = 6) -> list[Path]:
    """The demo clips that are there, in name order."""
    return sorted((demo_folder / "library" / "clips").glob("*.mp4"))[:limit]


def make_first_dozen(demo_folder: Path, model_name: str, say: Callable[[str], None]) -> None:
    """Write and index the first dozen tracks, unless they are there."""
    from crossmodal.demo import write_demo

    if len(example_clips(demo_folder, FIRST)) < FIRST:
        say("No music yet: making the demo library (the first dozen takes about half a minute) ...")
        write_demo(demo_folder / "library", first=FIRST, pairs=PAIRS)
    index_demo(demo_folder, model_name, FIRST)


def index_demo(demo_folder: Path, model_name: str, at_least: int) -> None:
    """Index what is written of the demo library into its own catalogue, unless `at_least` so many tracks are in it."""
    from crossmodal.catalogue import Catalogue, index_folders
    from crossmodal.model import TwoTowerModel

    model = TwoTowerModel.from_pretrained(model_name)
    with Catalogue.open(demo_folder, create=True) as catalogue:
        if catalogue.count(model=model.fingerprint) < at_least:
            index_folders(catalogue, [demo_folder / "library" / "music"], model, workers=1)


def start_the_rest(demo_folder: Path, model_name: str) -> subprocess.Popen[bytes]:
    """A child process that writes and indexes what is missing of the demo library; it ends with this process."""
    return subprocess.Popen(
        [sys.executable, "-m", "app.demo_library", str(demo_folder), model_name],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def end_with_parent() -> None:
    """Wait until the pipe from the parent closes, as it does however the parent ends; then end, children first."""
    sys.stdin.buffer.read()
    for child in psutil.Process().children(recursive=True):
        child.kill()
    os._exit(0)


def yield_to_the_page() -> None:
    """Give this process a low priority: whoever searches meanwhile must not wait for it."""
    if sys.platform == "win32":
        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
    else:
        psutil.Process().nice(15)


if __name__ == "__main__":
    from crossmodal.demo import write_demo

    threading.Thread(target=end_with_parent, daemon=True).start()
    yield_to_the_page()
    folder, name = Path(sys.argv[1]), sys.argv[2]
    write_demo(folder / "library", pairs=PAIRS, workers=1)
    index_demo(folder, name, PAIRS)
