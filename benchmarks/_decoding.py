"""Loops that decode and do nothing else: ours, PyAV's plainest, OpenCV's."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter

PICTURE_RATE, PICTURE_SIZE = 25.0, (64, 48)  # what the curves ask for
PEER_SIZE = 224
THREADS = 2


def our_frames(path: Path) -> np.ndarray:
    """(T, 3, H, W): the frames that the curves use, by our reader."""
    from crossmodal.media import open_video

    with open_video(path) as video:
        return np.concatenate([b.pixels for b in video.frames(PICTURE_RATE, PICTURE_SIZE, bars=False)])


def our_bare_decoding(path: Path) -> int:
    """The same frames, given up as they come; how many."""
    from crossmodal.media import open_video

    with open_video(path) as video:
        return sum(len(batch.times) for batch in video.frames(PICTURE_RATE, PICTURE_SIZE, bars=False))


def plain_frames(path: Path) -> np.ndarray:
    """(T, 3, H, W): the same frames by PyAV's loop, for a clip of constant rate that begins at 0."""
    return np.stack([pixels.transpose(2, 0, 1) for pixels in _plain(path)])


def plain_decoding(path: Path) -> int:
    """PyAV's loop alone; how many frames it gave."""
    return sum(1 for _ in _plain(path))


def _plain(path: Path) -> Iterator[np.ndarray]:
    width, height = PICTURE_SIZE
    step, shown = 0, None
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type, stream.codec_context.thread_count = "AUTO", THREADS
        reformatter = VideoReformatter()
        for frame in container.decode(stream):
            drawn = None
            while shown is not None and step / PICTURE_RATE < frame.time - 1e-6:
                if drawn is None:
                    drawn = _scaled(reformatter, shown, width, height)
                yield drawn
                step += 1
            shown = frame
        end = shown.time + float(shown.duration * shown.time_base)
        while step / PICTURE_RATE < end - 1e-6:
            yield _scaled(reformatter, shown, width, height)
            step += 1


def _scaled(reformatter: VideoReformatter, frame: av.VideoFrame, width: int, height: int) -> np.ndarray:
    area = Interpolation.AREA
    matrix = Colorspace.ITU709 if frame.height > 576 else None
    return reformatter.reformat(frame, width, height, "rgb24", src_colorspace=matrix, interpolation=area).to_ndarray()


def opencv_decoding(path: Path) -> int:
    """Every frame decoded and shrunk to 224 x 224 by OpenCV; how many."""
    import cv2  # not needed by the other loops

    cv2.setNumThreads(THREADS)
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, THREADS])
    n_frames = 0
    while True:
        is_there, picture = capture.read()
        if not is_there:
            break
        cv2.resize(picture, (PEER_SIZE, PEER_SIZE), interpolation=cv2.INTER_AREA)
        n_frames += 1
    capture.release()
    return n_frames


def pure_audio_decoding(path: Path) -> int:
    """Every sample of a sound decoded by PyAV and given up; how many."""
    n_samples = 0
    with av.open(str(path), metadata_errors="replace") as container:
        for frame in container.decode(audio=0):
            n_samples += frame.samples
    return n_samples
