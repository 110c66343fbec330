"""What a medium is, cheaply: headers, tags, and at most one decoded frame for the way it is turned."""

from typing import Any

from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame

from crossmodal.errors import MediaError
from crossmodal.media.display import shown_size, turn_of_matrix
from crossmodal.media.info import AudioStream, MediaInfo, VideoStream
from crossmodal.media.opening import choose_stream, clock_zero, open_container, packets, stated_duration
from crossmodal.media.scaling import display_matrix
from crossmodal.media.sources import OpenSource, Source, open_source
from crossmodal.media.tags import tags_of
from crossmodal.media.tonemap import HDR_CURVES

MAX_PROBE_PACKETS = 200


def probe(source: Source) -> MediaInfo:
    """What a medium is: streams, length by its header, size, rotation, rate, tags.

    A medium without picture and sound has neither stream in its result; that is no error here.

    Raises:
        MediaError: it cannot be opened.
    """
    with open_source(source) as opened:
        return describe(opened)


def describe(opened: OpenSource) -> MediaInfo:
    """`probe` for what is open already."""
    warnings: list[str] = []
    with open_container(opened) as container:
        streams: dict[str, Any] = {}
        for side in ("video", "audio"):
            try:
                streams[side] = choose_stream(container, side, opened.name, warnings)  # type: ignore[arg-type]
            except MediaError as error:
                if error.kind == "too_large":
                    raise
                if error.kind == "unsupported":
                    warnings.append(error.trouble)
        start = clock_zero(container)
        duration = stated_duration(container)
        sound = _audio_stream(streams["audio"]) if "audio" in streams else None
        picture = _video_stream(container, streams["video"]) if "video" in streams else None
        kind = container.format.name.split(",")[0]
    tags, tag_warnings = tags_of(opened)
    return MediaInfo(
        name=opened.name,
        size_bytes=opened.size_bytes,
        container=kind,
        duration=duration,
        start=start,
        video=picture,
        audio=sound,
        tags=tags,
        warnings=tuple(warnings + tag_warnings),
    )


def first_frame(container: InputContainer, stream: Any) -> VideoFrame | None:
    """The first frame that can be decoded among the first packets; None if none can."""
    found: list[VideoFrame] = []
    for count, packet in enumerate(packets(container, [stream], lambda _: None)):
        try:
            found = stream.codec_context.decode(packet)
        except FFmpegError:
            continue
        if found or count >= MAX_PROBE_PACKETS:
            break
    if not found:
        try:
            found = stream.codec_context.decode(None)
        except FFmpegError:
            return None
    return found[0] if found else None


def _video_stream(container: InputContainer, stream: Any) -> VideoStream:
    frame = first_frame(container, stream)
    context, aspect = stream.codec_context, stream.sample_aspect_ratio
    turn = turn_of_matrix(display_matrix(frame) if frame is not None else None)
    width, height = shown_size(context.width, context.height, aspect, turn)
    rate = float(stream.average_rate or 0)
    return VideoStream(
        index=stream.index,
        codec=context.codec.canonical_name,
        width=round(width),
        height=round(height),
        coded_width=context.width,
        coded_height=context.height,
        pixel_aspect=float(aspect) if aspect else 1.0,
        rotation=turn.rotation,
        mirrored=turn.mirrored,
        rate=rate if 0 < rate <= 1000 else None,
        duration=stated_duration(container, stream) or None,
        pixel_format=context.pix_fmt or "",
        is_hdr=frame is not None and frame.color_trc in HDR_CURVES,
    )


def _audio_stream(stream: Any) -> AudioStream:
    context = stream.codec_context
    return AudioStream(
        index=stream.index,
        codec=context.codec.canonical_name,
        rate=context.sample_rate,
        channels=context.layout.nb_channels,
        layout=context.layout.name,
        duration=stated_duration(stream.container, stream) or None,
    )
