"""Real servers over real catalogues, and a real browser."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from e2e.serving import LONG, Person, Server, make_catalogue, running

from crossmodal.demo import make_clip

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
]  # fmt: skip


@pytest.fixture(scope="session")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalogue of twelve made tracks; read-only by agreement."""
    return make_catalogue(tmp_path_factory.mktemp("library"))


@pytest.fixture(scope="session")
def server(catalogue: Path) -> Iterator[Server]:
    """The page over the made catalogue."""
    with running(catalogue) as server:
        yield server


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of eight seconds with sound."""
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    return make_clip(path, seconds=8, size=(320, 180), cuts=(2.0, 4.0, 6.0), seed=3, sound=True)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One Chromium for all tests of a process."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a server in a context of its own; addresses asked are in `page.asked`, faults of the script in `faults`."""
    contexts = []

    def opened(server: Server, width: int = 1440, height: int = 900, **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.asked, page.faults = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.goto(server.address)
        page.wait_for_function("window.crossmodal?.state.library", timeout=LONG)
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def page(open_page: Callable[..., Any], server: Server) -> Iterator[Any]:
    """A page on the server; a fault of its script fails the test."""
    page = open_page(server)
    yield page
    assert page.faults == []


@pytest.fixture
def person() -> type[Person]:
    return Person
