"""What a medium is, as values: its streams, its length, its tags."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Tags:
    """What the file says about itself; each a line of text of at most 1 KB, or None.

    Fields `bpm` and `year` are numbers within a plausible range, or None.
    """

    title: str | None = None
    artist: str | None = None
    album: str | None = None
    genre: str | None = None
    licence: str | None = None
    date: str | None = None
    comment: str | None = None
    bpm: float | None = None
    year: int | None = None


@dataclass(frozen=True, slots=True)
class VideoStream:
    """The picture that is used.

    Fields `width` and `height` are those that a player shows: turned upright, with square pixels. `rotation` is in
    degrees clockwise (0, 90, 180, 270), and `mirrored` says that the picture is turned over left to right before it.
    `rate` is frames a second, None where frame times are uneven or unknown; `duration` is seconds, a hint.
    """

    index: int
    codec: str
    width: int
    height: int
    coded_width: int
    coded_height: int
    pixel_aspect: float = 1.0
    rotation: int = 0
    mirrored: bool = False
    rate: float | None = None
    duration: float | None = None
    pixel_format: str = ""
    is_hdr: bool = False


@dataclass(frozen=True, slots=True)
class AudioStream:
    """The sound that is used: rate in hertz, channels, layout as FFmpeg names it; `duration` in seconds is a hint."""

    index: int
    codec: str
    rate: int
    channels: int
    layout: str
    duration: float | None = None


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What `probe` finds without decoding the medium.

    Field `duration` is what the header says, in seconds: a hint (0.0 where it says nothing). `start` is the time
    stamp that a player shows as 0:00, in seconds.
    """

    name: str
    size_bytes: int
    container: str
    duration: float
    start: float = 0.0
    video: VideoStream | None = None
    audio: AudioStream | None = None
    tags: Tags = field(default_factory=Tags)
    warnings: tuple[str, ...] = ()
