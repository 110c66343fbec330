"""The server: catalogue and matcher opened once, media served by id, the page mounted beside."""

import atexit
import os
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI, HTTPException
from fastapi.responses import FileResponse

from app import demo_library
from app.web.hosts import HostCheck
from app.web.workspace import Workspace
from crossmodal.catalogue import Catalogue, default_folder
from crossmodal.errors import CatalogueError, ConfigError
from crossmodal.matching import Matcher

MEDIA_TYPES = {
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".mp3": "audio/mpeg",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".wav": "audio/wav",
    ".mp4": "video/mp4",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What `crossmodal app` was started with."""

    catalogue: str | None
    model: str
    host: str
    port: int
    allow_host: tuple[str, ...]
    max_upload: str


def serve(settings: Settings, say: Callable[[str], None]) -> None:
    """Run the page until it is stopped.

    Raises:
        ConfigError: the port is taken, or the address is not of this computer.
        CatalogueError, ModelError: the catalogue or the model cannot be opened.
    """
    check_port(settings.host, settings.port)
    workspace = Workspace()
    atexit.register(workspace.close)
    # Gradio reads these when it is first imported: no outside host is asked, uploads stay in our own folder.
    os.environ.update(GRADIO_ANALYTICS_ENABLED="False", HF_HUB_OFFLINE="1", GRADIO_TEMP_DIR=str(workspace.uploads))
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = "127.0.0.1,localhost,::1"
    folder = catalogue_to_show(settings, say)
    with Matcher.open(folder, model=settings.model) as matcher:
        run_server(build(settings, matcher, folder, workspace), settings, say)


def catalogue_to_show(settings: Settings, say: Callable[[str], None]) -> Path:
    """The person's catalogue, or the demo library's where it holds no music yet."""
    folder = Path(settings.catalogue) if settings.catalogue else default_folder()
    if has_music(folder):
        return folder
    demo_folder = demo_library.demo_catalogue_folder(folder)
    demo_library.make_first_dozen(demo_folder, settings.model, say)
    child = demo_library.start_the_rest(demo_folder, settings.model)
    atexit.register(child.terminate)
    say(f"This is the demo library. Your own music: crossmodal index FOLDER{catalogue_option(settings)}")
    return demo_folder


def has_music(folder: Path) -> bool:
    """Whether a catalogue stands in `folder` and holds a track."""
    try:
        with Catalogue.open(folder, read_only=True) as catalogue:
            return catalogue.count() > 0
    except CatalogueError as error:
        if error.kind == "missing":
            return False
        raise


def catalogue_option(settings: Settings) -> str:
    return f" -c {settings.catalogue}" if settings.catalogue else ""


def build(settings: Settings, matcher: Matcher, folder: Path, workspace: Workspace) -> FastAPI:
    """The web application: media and previews by id, and the page."""
    import gradio

    from app.web.page import CSS, Page

    server = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @server.get("/media/{track_id}")
    def media(track_id: int) -> FileResponse:
        found = matcher.catalogue.tracks_by_id([track_id])
        path = found[0].path if found else None
        if path is None or not path.is_file():
            raise HTTPException(404, "This file is missing.")
        return FileResponse(path, media_type=MEDIA_TYPES.get(path.suffix.lower(), "application/octet-stream"))

    @server.get("/preview/{name}")
    def preview(name: str) -> FileResponse:
        path = workspace.preview(name)
        if path is None:
            raise HTTPException(404, "This preview is gone. Choose the track again.")
        return FileResponse(path, media_type="video/mp4")

    theme = gradio.themes.Base(
        primary_hue="emerald", neutral_hue="gray", font=["system-ui", "sans-serif"], font_mono=["monospace"]
    )
    blocks = Page(matcher, workspace, demo_library.example_clips(folder)).build()
    gradio.mount_gradio_app(
        server,
        blocks,
        path="/",
        max_file_size=settings.max_upload,
        theme=theme,
        css=CSS,
        footer_links=[],
        ssr_mode=False,
    )
    server.add_middleware(HostCheck, allowed=[settings.host, *settings.allow_host])
    return server


def run_server(server: FastAPI, settings: Settings, say: Callable[[str], None]) -> None:
    import uvicorn

    shown = "127.0.0.1" if settings.host == "0.0.0.0" else settings.host
    config = uvicorn.Config(
        server, host=settings.host, port=settings.port, log_level="warning", timeout_graceful_shutdown=2
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
