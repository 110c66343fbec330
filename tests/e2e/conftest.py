"""A real server over a fresh catalogue, and a real browser."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
]  # fmt: skip


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
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.3)
    process.kill()
    raise RuntimeError(f"the server did not answer: {process.communicate()[1][-2000:]}")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`crossmodal app` on a folder without a catalogue: it makes the demo library by itself."""
    folder, port = tmp_path_factory.mktemp("catalogue"), free_port()
    command = [sys.executable, "-c", "from app.cli import main; main()", "app", "-c", str(folder), "--port", str(port)]
    environment = {**os.environ, "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    address = f"http://127.0.0.1:{port}"
    wait_until_it_answers(address, process)
    yield Server(address, process, folder)
    process.terminate()
    process.wait(20)


@pytest.fixture
def page(server: Server):
    """A fresh browser page on the server; every address that it asked is in `page.asked`."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.asked = []
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(server.address)
        page.wait_for_selector("#go")
        yield page
        browser.close()
