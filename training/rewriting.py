"""The picture of one file with the sound of another, written anew at a given length. For guarded children: no torch."""

from pathlib import Path

import numpy as np

from crossmodal.demo.containers import write_media
from crossmodal.media import guard, open_audio, open_video

RATE, SIZE, SAMPLE_RATE = 25, (320, 240), 24_000


def rewrite(
    video: Path, audio: str, out: str, begins: tuple[float, float], seconds: float, title: str | None = None
) -> None:
    """Write the picture of one file and the sound of another anew, both exactly `seconds` long.

    Args:
        video: whose picture.
        audio: whose sound.
        out: mp4.
        begins: seconds from which picture and sound are taken.
        seconds: of the file.
        title: tag; None writes no tags.
    """
    pictures = _pictures(video, begins[0], round(seconds * RATE))
    samples = _samples(Path(audio), begins[1], round(seconds * SAMPLE_RATE))
    tags = None if title is None else {"title": title}
    write_media(
        Path(out), pictures=pictures, size=SIZE, rate=RATE, samples=samples[None], sample_rate=SAMPLE_RATE, tags=tags
    )


def _pictures(path: Path, start: float, count: int) -> list[np.ndarray]:
    pictures: list[np.ndarray] = []
    with open_video(path) as video:
        for batch in video.frames(RATE, SIZE, start, start + count / RATE):
            pictures.extend(batch.pixels)
            guard.alive(float(batch.times[-1]))
    return (pictures + pictures[-1:] * count)[:count]


def _samples(path: Path, start: float, count: int) -> np.ndarray:
    first = round(start * SAMPLE_RATE)
    samples = np.zeros(count, np.float32)
    with open_audio(path) as audio:
        for block in audio.blocks(SAMPLE_RATE):
            at = round(block.time * SAMPLE_RATE) - first
            if at >= count:
                break
            part = block.samples[0, max(0, -at) :][: count - max(0, at)]
            samples[max(0, at) : max(0, at) + len(part)] = part
            guard.alive(float(block.time))
    return samples
