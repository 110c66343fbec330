"""Files in, frames and samples out; everything that reads media stands behind these names."""

from crossmodal.media import guard
from crossmodal.media.audio import AudioBlock, AudioReader, open_audio
from crossmodal.media.hashing import content_hash
from crossmodal.media.info import AudioStream, MediaInfo, Tags, VideoStream
from crossmodal.media.loudness import Loudness, LoudnessMeter
from crossmodal.media.probing import probe
from crossmodal.media.sources import Side, Source, display_name
from crossmodal.media.tags import read_tags
from crossmodal.media.video import FrameBatch, VideoReader, open_video
from crossmodal.media.windows import film_windows

__all__ = [
    "AudioBlock",
    "AudioReader",
    "AudioStream",
    "FrameBatch",
    "Loudness",
    "LoudnessMeter",
    "MediaInfo",
    "Side",
    "Source",
    "Tags",
    "VideoReader",
    "VideoStream",
    "content_hash",
    "display_name",
    "film_windows",
    "guard",
    "open_audio",
    "open_video",
    "probe",
    "read_tags",
]
