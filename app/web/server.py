"""The server: library, desk and page opened once; the page mounted beside what it fetches by id."""

import atexit
import os
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from app import demo_library
from app.web import limits
from app.web.access import Folders
from app.web.hosts import HostCheck
from app.web.workspace import Workspace
from crossmodal.catalogue import Catalogue, default_folder
from crossmodal.errors import CatalogueError, ConfigError

HERE = Path(__file__).parent
WAITING = 100  # calls that may wait for their turn


@dataclass(frozen=True, slots=True)
class Settings:
    """What `crossmodal app` was started with."""

    catalogue: str | None
    model: str
    host: str
    port: int
    allow_host: tuple[str, ...]
    allow_folder: tuple[str, ...]
    max_upload: str


def serve(settings: Settings, say: Callable[[str], None]) -> None:
    """Run the page until it is stopped.

    Raises:
        ConfigError: the port is taken, the address is not of this computer, or the upload limit is no size.
        CatalogueError, ModelError: the catalogue or the model cannot be opened.
    """
    limit_bytes = upload_limit(settings.max_upload)
    check_port(settings.host, settings.port)
    workspace = Workspace()
    atexit.register(workspace.close)
    # Gradio reads these when it is first imported: no outside host is asked, uploads stay in our own folder.
    os.environ.update(GRADIO_ANALYTICS_ENABLED="False", HF_HUB_OFFLINE="1", GRADIO_TEMP_DIR=str(workspace.uploads))
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = "127.0.0.1,localhost,::1"
    from app.web.desk import Desk  # torch and gradio load here, after the address was found to be free
    from app.web.library import Library
    from crossmodal.model import TwoTowerModel

    folder = Path(settings.catalogue) if settings.catalogue else default_folder()
    demo = demo_for(folder, settings, say)
    library = Library(folder, demo, TwoTowerModel.from_pretrained(settings.model))
    desk = Desk(library, workspace, Folders(settings.allow_folder), settings.model, limit_bytes)
    atexit.register(desk.close)
    desk.catch_up()
    run_server(build(desk, settings), settings, say)


def demo_for(folder: Path, settings: Settings, say: Callable[[str], None]) -> Path | None:
    """The folder of the demo library, begun where no catalogue was ever made; None: there is a catalogue, use it."""
    try:
        with Catalogue.open(folder, read_only=True):
            return None
    except CatalogueError as error:
        if error.kind != "missing":
            raise
    demo = demo_library.demo_catalogue_folder(folder)
    demo_library.make_first_dozen(demo, settings.model, say)
    child = demo_library.start_the_rest(demo, settings.model)
    atexit.register(child.terminate)
    say("This is the demo library. Add your own music on the page, or with crossmodal index FOLDER.")
    return demo


def upload_limit(text: str) -> int:
    """`--max-upload` in bytes.

    Raises:
        ConfigError: it is no size.
    """
    try:
        return limits.as_bytes(text)
    except ValueError as error:
        raise ConfigError(f"--max-upload: {text!r} is no size. Give one such as 500mb or 4gb.") from error


def build(desk: "Desk", settings: Settings) -> FastAPI:  # type: ignore[name-defined]  # noqa: F821 (loads gradio)
    """The web application."""
    import gradio

    from app.web.page import Page
    from app.web.routes import router

    server = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    server.include_router(router(desk))
    server.mount("/cm/static", StaticFiles(directory=HERE / "static"))
    blocks = Page(desk).build()
    blocks.queue(max_size=WAITING)
    gradio.mount_gradio_app(
        server,
        blocks,
        path="/",
        max_file_size=desk.max_upload_bytes,
        theme=gradio.themes.Base(font=[gradio.themes.Font("sans-serif")], font_mono=[gradio.themes.Font("monospace")]),
        head=(HERE / "head.html").read_text(encoding="utf-8"),
        favicon_path=str(HERE / "static" / "icon.png"),
        footer_links=[],
        ssr_mode=False,
        run_history=False,
    )
    server.add_middleware(limits.BodyLimit, limit_bytes=desk.max_upload_bytes)
    server.add_middleware(HostCheck, allowed=[settings.host, *settings.allow_host])
    return server


def run_server(server: FastAPI, settings: Settings, say: Callable[[str], None]) -> None:
    import uvicorn

    shown = "127.0.0.1" if settings.host == "0.0.0.0" else settings.host
    config = uvicorn.Config(
        server,
        host=settings.host,
        port=settings.port,
        log_level="warning",
        timeout_graceful_shutdown=2,
        proxy_headers=False,  # who asks is whoever is connected, not who a header says it is
    )
    runner = uvicorn.Server(config)
    announce = runner.startup

    async def startup(sockets: list[socket.socket] | None = None) -> None:
        await announce(sockets)
        say(f"crossmodal is at http://{shown}:{settings.port} (stop it with Ctrl-C). Nothing leaves this computer.")

    runner.startup = startup  # type: ignore[method-assign]
    if sys.platform != "win32":
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    runner.run()


def check_port(host: str, port: int) -> None:
    """Raise ConfigError where the address cannot be listened on, before anything slow is done."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        if sys.platform != "win32":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = error.strerror or str(error)
            raise ConfigError(
                f"cannot listen on {host}:{port}: {reason}. Choose another with --port or --host."
            ) from error
