"""What the first bytes say, before any decoder sees them: what must be refused, and why a file would not open."""

import os
import struct
from typing import BinaryIO

from crossmodal.errors import MediaError, MediaErrorKind
from crossmodal.media.atoms import read_movie

MAX_PIXELS = 64 * 2**20  # 64 megapixels a picture
HEAD_BYTES = 4096

_LISTS = (b"#extm3u", b"ffconcat", b"v=0", b"[playlist]", b"[reference]", b"rtsptext", b"<asx", b"<smil", b"<mpd")
_LISTS_IN_XML = (b"<mpd", b"<smil", b"<playlist", b"<asx", b"<smoothstreamingmedia", b"<manifest")
_PICTURES = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"BM": "BMP",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"8BPS": "Photoshop",
    b"\x00\x00\x01\x00": "icon",
    b"\xff\x0a": "JPEG XL",
    b"\x00\x00\x00\x0cJXL ": "JPEG XL",
    b"\x00\x00\x00\x0cjP  ": "JPEG 2000",
}
_OTHERS = {
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive",
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"\x7fELF": "a program",
    b"MZ": "a program",
    b"SQLite format 3": "a database",
}
_STILL_BRANDS = (b"avif", b"heic", b"heix", b"mif1", b"avis", b"hevc")


def refuse_by_head(handle: BinaryIO, name: str) -> None:
    """Raise if the first bytes are of something that no decoder may or can be given; the handle is put back to 0.

    Raises:
        MediaError: `refused` for containers that name other files or addresses, `too_large` for a picture of more
            than 64 megapixels, `unsupported` for still pictures and encrypted films, `not_media` for texts,
            documents and archives.
    """
    head = _read_head(handle)
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(_LISTS) or (text.startswith(b"<?xml") and any(word in text for word in _LISTS_IN_XML)):
        raise MediaError(
            name, "refused", "is a list that names other files or addresses", "Give the media file itself."
        )
    _refuse_picture(head, name)
    for magic, what in _OTHERS.items():
        if head.startswith(magic):
            raise MediaError(name, "not_media", f"is {what}", "Give a film or a piece of music.")
    if _is_text(head):
        what = "a web page" if b"<html" in text or b"<!doctype" in text else "text"
        raise MediaError(name, "not_media", f"is {what}", "Give a film or a piece of music.")
    _refuse_movie(handle, head, name)


def kind_of_failure(handle: BinaryIO, name: str) -> MediaError:
    """The error for a file that the demuxer would not open, from what its first bytes promise."""
    head = _read_head(handle)
    kind: MediaErrorKind
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip"):
        if not read_movie(handle).has_index:
            trouble = "the index (moov) is missing: the recording or the copy was cut off"
            return MediaError(name, "truncated", trouble, "Copy it again, or repair it from the recorder.")
        kind = "corrupt"
    elif head.startswith(b"ID3"):
        return MediaError(name, "empty", "holds tags and no sound that can be read", "Copy or download it again.")
    elif head.startswith(
        (b"\x1a\x45\xdf\xa3", b"RIFF", b"RF64", b"OggS", b"fLaC", b"FLV", b"FORM", b"\x30\x26\xb2\x75")
    ):
        kind = "corrupt"
    else:
        return MediaError(name, "not_media", "is neither a film nor music that is known", "Give a media file.")
    return MediaError(name, kind, "the file is damaged and cannot be opened", "Copy or download it again.")


def has_frame_count(handle: BinaryIO) -> bool:
    """Does an MP3 file state its length, in the header of Xing, LAME or Fraunhofer? Without it, it is guessed."""
    head = _read_head(handle)
    if head.startswith(b"ID3") and len(head) > 10:
        size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
        handle.seek(10 + size)
        head = handle.read(HEAD_BYTES)
    return any(mark in head for mark in (b"Xing", b"Info", b"VBRI"))


def check_pixels(width: int, height: int, name: str) -> None:
    """Raise `too_large` if a picture of this size is over 64 megapixels."""
    if width * height > MAX_PIXELS:
        trouble = f"pictures of {width}×{height} are over the limit of 64 megapixels"
        raise MediaError(name, "too_large", trouble, "Scale it down first.")


def _read_head(handle: BinaryIO) -> bytes:
    handle.seek(0)
    head = handle.read(HEAD_BYTES)
    handle.seek(0)
    return head


def _refuse_picture(head: bytes, name: str) -> None:
    if head[:6] in (b"GIF87a", b"GIF89a") and len(head) >= 10:
        width, height = struct.unpack("<HH", head[6:10])
        check_pixels(width, height, name)
        return
    what = next((what for magic, what in _PICTURES.items() if head.startswith(magic)), None)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        what = "WebP"
    if head[4:8] == b"ftyp" and head[8:12] in _STILL_BRANDS:
        what = "HEIF or AVIF"
    if what is not None:
        raise MediaError(name, "unsupported", f"is a still picture ({what})", "Give a film or a piece of music.")


def _refuse_movie(handle: BinaryIO, head: bytes, name: str) -> None:
    if head[4:8] not in (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip", b"pnot"):
        return
    movie = read_movie(handle)
    handle.seek(0, os.SEEK_SET)
    if movie.names_other_files:
        raise MediaError(name, "refused", "its data lies in another file that it names", "Export it as one file.")
    if movie.is_encrypted:
        raise MediaError(name, "unsupported", "is encrypted", "Use a copy without protection.")


def _is_text(head: bytes) -> bool:
    sample = head[:512]
    if b"\x00" in sample:
        return False
    try:
        text = sample.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(sample) - 4:
            return False
        text = sample[: error.start].decode("utf-8")
    return len(text) > 1 and all(c.isprintable() or c in "\r\n\t\f" for c in text)
