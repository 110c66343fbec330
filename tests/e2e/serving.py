"""Servers, catalogues, and what a person does with a page: shared by the browser tests."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from axe_playwright_python.sync_playwright import Axe

from crossmodal.demo import make_track

LONG = 240_000  # milliseconds: what a loaded machine may take for anything
HOSTILE = '<img src=x onerror="window.wasHere=1">'


@dataclass
class Server:
    """A running `crossmodal app`."""

    address: str
    process: subprocess.Popen[str]
    catalogue: Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_it_answers(address: str, process: subprocess.Popen[str], seconds: float = 540) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/cm/library", timeout=5):
                return
        except OSError:
            time.sleep(0.3)
    process.kill()
    raise RuntimeError(f"the server did not answer: {process.communicate()[1][-2000:]}")


@contextmanager
def running(catalogue: Path, *options: str, port: int | None = None) -> Iterator[Server]:
    """`crossmodal app` on a catalogue, until the block ends."""
    port = port or free_port()
    command = [sys.executable, "-c", "from app.cli import main; main()", "app", "-c", str(catalogue)]
    environment = {**os.environ, "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    process = subprocess.Popen(
        [*command, "--port", str(port), *options], stderr=subprocess.PIPE, text=True, env=environment
    )
    address = f"http://127.0.0.1:{port}"
    wait_until_it_answers(address, process)
    try:
        yield Server(address, process, catalogue)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


def make_catalogue(folder: Path, n_tracks: int = 12, seconds: float = 15.0) -> Path:
    """A catalogue of made tracks; three have titles that are traps, one is shorter than most clips."""
    from crossmodal.catalogue import Catalogue, index_folders
    from crossmodal.model import TwoTowerModel

    music = folder / "music"
    music.mkdir(parents=True)
    for k in range(n_tracks):
        tags = {"title": HOSTILE, "artist": HOSTILE} if k % 4 == 0 else {"title": f"Track {k}", "artist": f"Artist {k}"}
        make_track(music / f"{k:02d}.mp3", seconds=5.0 if k == 1 else seconds, seed=k, tags=tags)
    with Catalogue.open(folder / "catalogue", create=True) as catalogue:
        index_folders(catalogue, [music], TwoTowerModel.from_pretrained("compact"), workers=2)
    return folder / "catalogue"


def decoding_children(server: Server) -> set[psutil.Process]:
    """The processes of a server that decode."""
    children = psutil.Process(server.process.pid).children()
    return {child for child in children if "crossmodal.media.guard_child" in " ".join(child.cmdline())}


def serious_faults(page: Any) -> list[str]:
    """Serious faults that axe finds in a page as it stands, as text."""
    found = Axe().run(page).response["violations"]
    return [
        f"{fault['id']}: {json.dumps([node['html'][:160] for node in fault['nodes']])}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
    ]


class Person:
    """What a person does with a page and waits for."""

    @staticmethod
    def drop(page: Any, clip: Path) -> None:
        """Choose a clip, which searches at once."""
        page.set_input_files(".cm-file", str(clip))

    @staticmethod
    def results(page: Any) -> None:
        """Wait for the list."""
        page.wait_for_function(
            "window.crossmodal?.state.mode === 'results' && crossmodal.state.chosen >= 0", timeout=LONG
        )

    @staticmethod
    def advances(page: Any, seconds: float = 0.5) -> None:
        """Wait until the picture has moved on, however slow the machine is."""
        at = page.evaluate("crossmodal.player.video.currentTime")
        moved = "([at, by]) => crossmodal.player.video.currentTime >= at + by"
        page.wait_for_function(moved, arg=[at, seconds], timeout=LONG)

    @staticmethod
    def sounds(page: Any) -> None:
        """Wait until the chosen voice sounds, where the picture is."""
        is_there = "() => crossmodal.player.sounding?.voice === crossmodal.player.voice"
        near = "&& Math.abs(crossmodal.player.skew()) < 0.02"
        page.wait_for_function(f"{is_there} {near}", timeout=LONG)
