"""What the page fetches by id: clips, stills, strips, proxies, pieces of sound, waveforms, the state of the library."""

import json
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Body, HTTPException, Query, Request
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse

from app.web import clips
from app.web.access import is_local
from app.web.clips import Clip
from app.web.desk import Desk
from app.web.library import Name
from app.web.saving import save, saved
from app.web.words import trouble
from crossmodal.catalogue import Track
from crossmodal.errors import CatalogueError, MediaError

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
POLL = 0.1
GONE = "This clip is gone. Drop it again."
Seconds = Annotated[float, Query(ge=0, le=1e6)]


def router(desk: Desk) -> APIRouter:
    """All routes of the page."""
    routes = APIRouter(prefix="/cm")
    _clip_routes(routes, desk)
    _track_routes(routes, desk)
    _library_routes(routes, desk)
    return routes


def _clip_routes(routes: APIRouter, desk: Desk) -> None:
    def clip_of(clip_id: str) -> Clip:
        clip = desk.clips.get(clip_id)
        if clip is None:
            raise HTTPException(404, GONE)
        return clip

    @routes.get("/clip/{clip_id}")
    def film(clip_id: str) -> FileResponse:
        clip = clip_of(clip_id)
        return FileResponse(clip.path, media_type=clip.type or "application/octet-stream")

    @routes.get("/clip/{clip_id}/still")
    def still(clip_id: str) -> Response:
        return _drawn(lambda: clips.still(clip_of(clip_id)))

    @routes.get("/clip/{clip_id}/strip")
    def strip(clip_id: str, fine: bool = False) -> Response:
        return _drawn(lambda: clips.strip(clip_of(clip_id), fine))

    @routes.get("/clip/{clip_id}/proxy")
    def proxy(clip_id: str) -> Response:
        clip = clip_of(clip_id)
        clips.start_proxy(clip)
        if clip.proxy.exists():
            return FileResponse(clip.proxy, media_type="video/mp4")
        return StreamingResponse(_growing(clip), media_type="video/mp4", headers={"Cache-Control": "no-store"})

    @routes.get("/clip/{clip_id}/proxy/state")
    def proxy_state(clip_id: str) -> dict[str, Any]:
        clip = clip_of(clip_id)
        failed = None if clip.proxy_trouble is None else trouble(clip.proxy_trouble, clip.name)
        return {"is_done": clip.proxy.exists(), "trouble": failed}

    @routes.get("/example/{name}/still")
    def example(name: str) -> Response:
        return _drawn(lambda: desk.example_still(name))

    @routes.post("/forget")
    def forget(ids: Annotated[list[str], Body(embed=True)]) -> dict[str, int]:
        desk.searches.forget(ids)
        return {"forgotten": desk.clips.forget(ids)}

    @routes.post("/save")
    def save_video(
        clip_id: Annotated[str, Body()],
        library: Annotated[Name, Body()],
        track_id: Annotated[int, Body()],
        start: Annotated[float, Body(ge=0)],
        own_sound: Annotated[str, Body(pattern="^(off|low|full)$")],
    ) -> StreamingResponse:
        clip, track = clip_of(clip_id), _track(desk, library, track_id)
        lines = save(clip, track, secrets.token_urlsafe(12), start=start, own_sound=own_sound)
        return StreamingResponse((json.dumps(line) + "\n" for line in lines), media_type="application/x-ndjson")

    @routes.get("/clip/{clip_id}/saved/{name}")
    def saved_video(clip_id: str, name: str, called: str = "with music.mp4") -> FileResponse:
        path = saved(clip_of(clip_id), name)
        if re.fullmatch(r"[\w-]+", name) is None or not path.is_file():
            raise HTTPException(404, "This video is gone. Save it again.")
        return FileResponse(path, media_type="video/mp4", filename=Path(called).name[:120])


def _track_routes(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/track/{library}/{track_id}")
    def media(library: Name, track_id: int) -> FileResponse:
        path = _track(desk, library, track_id).path
        if not path.is_file():
            raise HTTPException(404, "This file is missing.")
        return FileResponse(path, media_type=MEDIA_TYPES.get(path.suffix.lower(), "application/octet-stream"))

    @routes.get("/track/{library}/{track_id}/sound")
    def sound(library: Name, track_id: int, start: Seconds = 0, at: Seconds = 0, seconds: Seconds = 15) -> Response:
        return _heard(lambda: desk.sounds.of(_track(desk, library, track_id)).piece(start, at, seconds), "audio/wav")

    @routes.get("/track/{library}/{track_id}/peaks")
    def peaks(library: Name, track_id: int) -> Response:
        return _heard(lambda: desk.sounds.of(_track(desk, library, track_id)).peaks(), "application/octet-stream")


def _library_routes(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/library")
    def library(request: Request) -> dict[str, Any]:
        host = None if request.client is None else request.client.host
        return {**desk.state(), "is_local": is_local(host, request.headers)}


def _track(desk: Desk, library: Name, track_id: int) -> Track:
    try:
        found = desk.library.named(library).catalogue.tracks_by_id([track_id])
    except CatalogueError as error:
        raise HTTPException(404, str(error)) from error
    if not found:
        raise HTTPException(404, "This track is no longer in the library.")
    return found[0]


def _drawn(make: Any) -> Response:
    try:
        return FileResponse(make(), media_type="image/jpeg", headers={"Cache-Control": "private, max-age=600"})
    except MediaError as error:
        return JSONResponse(trouble(error), 422)


def _heard(make: Any, kind: str) -> Response:
    try:
        return Response(make(), media_type=kind, headers={"Cache-Control": "no-store"})
    except MediaError as error:
        return JSONResponse(trouble(error), 404 if error.kind == "missing" else 422)
    except OSError as error:
        return JSONResponse(trouble(error), 507)


def _growing(clip: Clip) -> Iterator[bytes]:
    """A proxy while it is written."""
    while not clip.growing.exists() and clip.proxy_trouble is None:
        time.sleep(POLL)
    if clip.proxy_trouble is not None:
        return
    with clip.growing.open("rb") as file:
        while True:
            is_last = clip.proxy.exists() or clip.proxying is None or not clip.proxying.is_alive()
            while data := file.read(1 << 18):
                yield data
            if is_last:
                return
            time.sleep(POLL)
