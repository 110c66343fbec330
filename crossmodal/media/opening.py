"""A container opened safely, the stream that is used of it, and its clock."""

import logging
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet

from crossmodal.errors import MediaError
from crossmodal.media import guard
from crossmodal.media.sniffing import MAX_PIXELS, check_pixels, has_frame_count, kind_of_failure, refuse_by_head
from crossmodal.media.sources import NamelessHandle, OpenSource, Side
from crossmodal.media.timeline import MAX_HOLE

log = logging.getLogger(__name__)

# Demuxers that read the opened bytes alone. Playlists, concat scripts, SDP, picture sequences and devices are not among
# them; the sniffer refuses those with a reason, this list stands behind it.
FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,ogg,gif,mp3,flac,wav,w64,aiff,aac,asf,flv,live_flv,"
    "h264,hevc,av1,obu,ivf,m4v,dv,mxf,ac3,eac3,dts,caf,au,ape,wv,tta,dsf,amr,rm,mjpeg,mpc,mpc8,tak,voc,nut,vvc,y4m,"
    "yuv4mpegpipe,iff,truehd,swf,smjpeg,nsv,bink,roq,film_cpk,h263,mp2,loas,spx,dsf,iamf,vc1,rso,sox,hca,adx,ea,wsvqa"
)
_GUESSED = ("aac", "ac3", "eac3", "dts", "loas", "amr", "h264", "hevc", "m4v", "mpegvideo", "mjpeg")
BUFFER_BYTES = 1 << 16
MAX_READ_FAILURES = 32
MAX_ENTRIES = 100_000
_NO_PICTURES = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails


def open_container(opened: OpenSource) -> InputContainer:
    """The container in an opened source; only its bytes are read, over no protocol.

    Raises:
        MediaError: what the first bytes or the demuxer say: `not_media`, `refused`, `truncated`, `corrupt`, `empty`,
            `too_large`, `unsupported`.
    """
    refuse_by_head(opened.handle, opened.name)
    try:
        container = av.open(
            NamelessHandle(opened.handle, opened.size_bytes),
            mode="r",
            metadata_errors="replace",
            buffer_size=BUFFER_BYTES,
            options={"format_whitelist": FORMATS, "max_pixels": str(MAX_PIXELS)},
            io_open=_refuse_to_open,
        )
    except FFmpegError as error:
        log.debug("%s: %s", opened.name, error)
        raise kind_of_failure(opened.handle, opened.name) from error
    except MediaError as error:
        raise MediaError(opened.name, error.kind, error.trouble, error.remedy) from error
    if not container.streams:
        container.close()
        raise MediaError(opened.name, "corrupt", "its index lists nothing", "Copy or download it again.")
    return container


def _refuse_to_open(url: str, flags: int, options: dict[str, str]) -> Any:
    raise MediaError("", "refused", "names another file or address", "Give one file that holds everything.")


def streams_of(container: InputContainer, side: Side) -> list[Any]:
    """The streams of one side, cover pictures apart, in the order in which they are tried: defaults first."""
    streams = [s for s in getattr(container.streams, side) if not s.disposition & _NO_PICTURES]
    return sorted(streams, key=lambda s: not s.disposition & av.stream.Disposition.default)


def choose_stream(container: InputContainer, side: Side, name: str, warnings: list[str]) -> Any:
    """The default stream of `side` if it can be decoded, else the first that can; the others go into `warnings`.

    Raises:
        MediaError: `no_video` or `no_audio` if there is none, `unsupported` if none can be decoded, `too_large`.
    """
    streams = streams_of(container, side)
    what = "picture" if side == "video" else "sound"
    if not streams:
        trouble = f"has no {what}" + (" (a cover is no film)" if side == "video" and container.streams.video else "")
        remedy = "Give a film." if side == "video" else "Give music, or a film with sound."
        raise MediaError(name, "no_video" if side == "video" else "no_audio", trouble, remedy)
    chosen = next((s for s in streams if _can_decode(s)), None)
    if chosen is None:
        raise MediaError(
            name, "unsupported", f"its {what} is in a codec that is not known", "Convert it to H.264 or AAC."
        )
    if side == "video":
        check_pixels(chosen.codec_context.width, chosen.codec_context.height, name)
    if len(streams) > 1:
        others = ", ".join(
            f"{s.index} ({_codec_name(s)})" for s in sorted(streams, key=lambda s: s.index) if s is not chosen
        )
        warnings.append(f"{what} stream {chosen.index} ({_codec_name(chosen)}) is used; not used: {others}")
    return chosen


def _can_decode(stream: Any) -> bool:
    context = stream.codec_context
    if context is None:
        return False
    try:
        context.options = {**context.options, "max_pixels": str(MAX_PIXELS)}
        if context.type == "video":
            context.thread_type, context.thread_count = "AUTO", 2
        context.open(strict=False)
    except (FFmpegError, ValueError):
        return False
    return True


def _codec_name(stream: Any) -> str:
    return stream.codec_context.codec.canonical_name if stream.codec_context is not None else "unknown codec"


def clock_zero(container: InputContainer) -> float:
    """The time stamp, in seconds, that a player shows as 0:00: the earliest start of a picture or sound stream."""
    starts = [
        s.start_time * s.time_base
        for side in ("video", "audio")
        for s in streams_of(container, side)  # type: ignore[arg-type]
        if s.start_time is not None and s.time_base
    ]
    if starts:
        return float(min(starts))
    return container.start_time / av.time_base if container.start_time is not None else 0.0


def stated_duration(container: InputContainer, stream: Any | None = None) -> float:
    """What the header says of the length of a stream or of the whole, in seconds; 0.0 where it says nothing."""
    if stream is not None:
        if stream.duration and stream.time_base:
            return max(0.0, float(stream.duration * stream.time_base) - _jumped(stream))
        return max(0.0, _tagged_duration(stream) - clock_zero(container))
    if not container.duration:
        return 0.0
    # Matroska states the stamp at which it ends, the others how long it lasts.
    zero = clock_zero(container) if container.format.name.startswith("matroska") else 0.0
    return max(0.0, container.duration / av.time_base - zero)


def checked_duration(opened: OpenSource, container: InputContainer, stream: Any) -> float:
    """The length that a stream is to be measured against, seconds; 0.0 where the demuxer only guesses it."""
    kind = container.format.name
    if kind in _GUESSED or (kind == "mp3" and not has_frame_count(opened.handle)):
        return 0.0
    return stated_duration(container, stream)


def _jumped(stream: Any) -> float:
    """Seconds that the index of a stream skips in jumps; 0.0 unless it holds less than a piece a second."""
    entries = stream.index_entries
    if not 1 < len(entries) <= min(MAX_ENTRIES, float(stream.duration * stream.time_base)):
        return 0.0
    stamps = sorted(entry.timestamp for entry in entries)
    steps = [float((after - before) * stream.time_base) for before, after in pairwise(stamps)]
    return sum(step for step in steps if step > MAX_HOLE)


def _tagged_duration(stream: Any) -> float:
    """Matroska's DURATION tag, `00:00:03.023000000`, as seconds; 0.0 without one."""
    parts = str(stream.metadata.get("DURATION", "")).strip("\x00 ").split(":")
    try:
        hours, minutes, seconds = (float(part) for part in parts)
    except ValueError:
        return 0.0
    return max(0.0, hours * 3600 + minutes * 60 + seconds)


def keep_only(container: InputContainer, streams: list[Any]) -> None:
    """Tell the demuxer to leave out all streams but these: their bytes are then not even read where it can help it."""
    wanted = {s.index for s in streams}
    for stream in container.streams:
        stream.discard = av.stream.Discard.default if stream.index in wanted else av.stream.Discard.all


def packets(container: InputContainer, streams: list[Any], on_failure: Any) -> Iterator[Packet]:
    """The packets of `streams` in file order, going on after a damaged one; empty ones are left out.

    Args:
        on_failure: called with the error when reading fails.
    """
    failures = 0
    while failures < MAX_READ_FAILURES:
        try:
            for packet in container.demux(streams):
                guard.alive()
                if packet.size:
                    failures = 0
                    yield packet
            return
        except FFmpegError as error:
            failures += 1
            on_failure(error)
