"""How long media last that are read in passages; guarded children run this, so it loads no torch."""

from pathlib import Path

import numpy as np

from crossmodal.encoders.pretrained_reading import SILENCE
from crossmodal.errors import MediaError
from crossmodal.media import guard, open_audio, open_video

RATE = 8000  # samples a second: enough to hear whether there is anything
LOOKED_AT = 0.5  # seconds of a film that must be decodable


def measure_film(path: Path) -> float:
    """Seconds of a film by its header, its first pictures decoded; by decoding all where the header says nothing.

    Raises:
        MediaError: no picture can be decoded.
    """
    with open_video(path) as video:
        stated = video.duration
        stop = LOOKED_AT if stated > 0 else None
        for _ in video.frames(2.0, (16, 16), 0.0, stop, bars=False):
            guard.alive()
        return stated if stated > 0 else video.duration


def measure_sound(path: Path) -> float:
    """Seconds of a sound, decoded to its end.

    Raises:
        MediaError: it cannot be decoded, or is silent.
    """
    peak = 0.0
    with open_audio(path) as audio:
        for block in audio.blocks(RATE, 1):
            guard.alive(block.time)
            peak = max(peak, float(np.abs(block.samples).max(initial=0.0)))
        if peak <= SILENCE:
            raise MediaError(path.name, "no_audio", "the sound is silent", "A pair needs music; leave the row out.")
        return audio.duration
