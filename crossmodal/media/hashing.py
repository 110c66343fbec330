"""One number for what a medium shows or plays, whatever its tags, its name or its place."""

import hashlib
import struct
from typing import Any

from crossmodal.errors import MediaError
from crossmodal.media.opening import choose_stream, clock_zero, keep_only, open_container, packets
from crossmodal.media.probing import first_frame
from crossmodal.media.scaling import display_matrix
from crossmodal.media.sources import OpenSource, Side, Source, open_source

VERSION = b"crossmodal content 1"
_SIDE_DATA = ("skip_samples", "new_extradata", "param_change", "palette", "display_matrix")


def content_hash(source: Source, side: Side) -> str:
    """Hash of the coded packets of the stream that is used, and of all that a player's picture or sound depends on.

    Packets' bytes and time stamps, skip and edit data, codec parameters, and of pictures rotation and pixel aspect; no
    tags. A retagged copy has the same hash; a trimmed, turned or retimed one another.

    Returns:
        32 hexadecimal digits.

    Raises:
        MediaError: the file cannot be opened, or holds no packet of this side.
    """
    with open_source(source) as opened:
        return _content_hash(opened, side)


def _content_hash(opened: OpenSource, side: Side) -> str:
    digest = hashlib.blake2b(VERSION + side.encode(), digest_size=16)
    n_packets = 0
    with open_container(opened) as container:
        stream = choose_stream(container, side, opened.name, [])
        keep_only(container, [stream])
        zero = clock_zero(container)
        digest.update(_parameters(stream, side))
        base = float(stream.time_base)
        for packet in packets(container, [stream], lambda _: None):
            n_packets += 1
            digest.update(_stamps(packet, base, zero))
            digest.update(memoryview(packet))  # type: ignore[arg-type]
            for data in packet.iter_sidedata():
                if data.data_type in _SIDE_DATA:
                    digest.update(data.data_type.encode() + bytes(data))
        if side == "video":
            digest.update(_display(opened, stream))
    if not n_packets:
        raise MediaError(opened.name, "empty", f"holds nothing of its {side}", "Copy or download it again.")
    return digest.hexdigest()


def _parameters(stream: Any, side: Side) -> bytes:
    context = stream.codec_context
    name = context.codec.canonical_name
    parts: list[Any] = [name, _without_comments(name, context.extradata or b"")]
    if side == "audio":
        parts += [context.sample_rate, context.layout.nb_channels]
    else:
        parts += [context.width, context.height]
    return repr(parts).encode()


def _stamps(packet: Any, base: float, zero: float) -> bytes:
    pts = packet.pts if packet.pts is not None else packet.dts
    micros = -1 if pts is None else round((pts * base - zero) * 1e6)
    length = round((packet.duration or 0) * base * 1e6)
    return struct.pack("<qqq?", micros, length, packet.size, packet.is_discard)


def _without_comments(codec: str, extradata: bytes) -> bytes:
    """Codec parameters of Vorbis and Theora without the second of their three headers, which holds tags.

    Source: libavcodec's `avpriv_split_xiph_headers`: two-byte lengths before each, or Xiph lacing (a 2, then lengths).
    """
    first = {"vorbis": 30, "theora": 42}.get(codec)
    if first is None or len(extradata) < 6:
        return extradata
    if int.from_bytes(extradata[:2], "big") == first:
        at = 2 + first
        second = int.from_bytes(extradata[at : at + 2], "big")
        return extradata[:at] + extradata[at + 2 + second :]
    if extradata[0] != 2:
        return extradata
    lengths, at = [0, 0], 1
    for which in (0, 1):
        while at < len(extradata):
            at += 1
            lengths[which] += extradata[at - 1]
            if extradata[at - 1] != 255:
                break
    return extradata[at : at + lengths[0]] + extradata[at + sum(lengths) :]


def _display(opened: OpenSource, stream: Any) -> bytes:
    with open_container(opened) as container:
        again = choose_stream(container, "video", opened.name, [])
        keep_only(container, [again])
        frame = first_frame(container, again)
    matrix = display_matrix(frame) if frame is not None else None
    return repr((matrix, str(stream.sample_aspect_ratio or 1))).encode()
