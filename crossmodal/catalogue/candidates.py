"""Which files may be media, by name and first bytes, and which are skipped, and why."""

import os
import re
from typing import Literal

Verdict = Literal["candidate", "AppleDouble", "part file", "not media"]

AUDIO_SUFFIXES = frozenset(
    [
        "mp3", "mp2", "mp1", "mpga", "flac", "ogg", "oga", "opus", "wav", "wave", "rf64", "bwf", "aif", "aiff",
        "aifc", "m4a", "m4b", "m4r", "aac", "ac3", "eac3", "dts", "ape", "wv", "tta", "tak", "alac", "caf",
        "mka", "wma", "spx", "amr", "au", "snd", "mpc", "dsf", "dff",
    ]
)  # fmt: skip
VIDEO_SUFFIXES = frozenset(
    [
        "mp4", "m4v", "mov", "qt", "mkv", "webm", "avi", "ts", "m2ts", "mts", "mpg", "mpeg", "mpe", "m2v",
        "vob", "ogv", "ogx", "wmv", "asf", "flv", "f4v", "3gp", "3g2", "gif", "mxf", "divx", "dv", "y4m",
    ]
)  # fmt: skip
_MEDIA = AUDIO_SUFFIXES | VIDEO_SUFFIXES
_PART_SUFFIXES = frozenset(
    [
        "part", "partial", "crdownload", "download", "opdownload", "filepart", "tmp", "temp", "aria2", "!ut",
        "!qb", "bc!",
    ]
)  # fmt: skip
# What rsync calls a file that it is still writing: .NAME.XXXXXX
_RSYNC_PART = re.compile(r"^\.(?P<name>.+)\.[A-Za-z0-9]{6}$")

SKIPPED_FOLDERS = frozenset(
    [
        "#recycle", "@recycle", "$recycle.bin", "recycler", ".appledouble", "@eadir", "@recently-snapshot", ".snapshot",
        ".snapshots", "~snapshot", "#snapshot", ".trash", ".trashes", ".spotlight-v100", ".fseventsd", "lost+found",
        "system volume information",
    ]
)  # fmt: skip

HEAD_BYTES = 400


def is_skipped_folder(name: bytes) -> bool:
    """Whether a folder of this name is a recycle bin, a snapshot, or a system's own."""
    text = os.fsdecode(name).lower()
    return text in SKIPPED_FOLDERS or text.startswith(".trash-")


def judge_name(name: bytes) -> Verdict | None:
    """What the name of a file says; None: look at its first bytes."""
    text = os.fsdecode(name)
    if text.startswith("._"):
        return "AppleDouble"
    suffix = _suffix(text)
    if suffix in _PART_SUFFIXES:
        return "part file"
    rsync = _RSYNC_PART.match(text)
    if rsync and _suffix(rsync["name"]) in _MEDIA and suffix not in _MEDIA:
        return "part file"
    return "candidate" if suffix in _MEDIA else None


def judge_head(head: bytes) -> Verdict:
    """What the first bytes of a file say, whatever it is called.

    Args:
        head: up to `HEAD_BYTES` bytes.
    """
    return "candidate" if _is_media(head) else "not media"


def _suffix(name: str) -> str:
    return name.rpartition(".")[2].lower() if "." in name.lstrip(".") else ""


_MAGIC = (
    b"ID3", b"fLaC", b"OggS", b"\x1a\x45\xdf\xa3", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", b"GIF87a", b"GIF89a",
    b"FLV\x01", b"MAC ", b"wvPk", b"TTA1", b"MPCK", b"MP+", b"caff", b"DSD ", b"FRM8", b"#!AMR", b".snd", b"\x0b\x77",
    b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3",
)  # fmt: skip
_STILL_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"mif1", b"crx ")


def _is_media(head: bytes) -> bool:
    if head[:4] in (b"RIFF", b"RF64", b"BW64"):
        return head[8:12] in (b"WAVE", b"AVI ")
    if head[:4] == b"FORM":
        return head[8:12] in (b"AIFF", b"AIFC")
    if head[4:8] == b"ftyp":
        return head[8:12] not in _STILL_BRANDS
    if head[4:8] in (b"moov", b"mdat", b"wide") or head.startswith(_MAGIC):
        return True
    is_transport = len(head) > 376 and head[0] == head[188] == head[376] == 0x47
    return is_transport or _is_mpeg_audio(head)


def _is_mpeg_audio(head: bytes) -> bool:
    """An MPEG audio or ADTS frame header with no field out of range; a UTF-16 mark is neither."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    if head[1] & 0xF6 == 0xF0:  # ADTS: layer 0
        return (head[2] >> 2) & 15 < 13
    version, layer = (head[1] >> 3) & 3, (head[1] >> 1) & 3
    bit_rate, rate = head[2] >> 4, (head[2] >> 2) & 3
    return version != 1 and layer in (1, 2) and bit_rate not in (0, 15) and rate != 3
