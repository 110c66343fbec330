"""Small pictures of a film, as JPEG files: its first frame, and a strip of thumbnails."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange

from crossmodal.errors import MediaError
from crossmodal.media.scaling import GREY, Scaler
from crossmodal.media.sources import Source, open_source
from crossmodal.media.video import VideoReader

QUALITY = 4  # of MJPEG, 2 (best) to 31


def still(film: Source, out: str | Path, max_side_px: int = 1280) -> tuple[int, int]:
    """Write the first frame of a film, upright and with square pixels.

    Args:
        film: the film.
        out: a JPEG to be written.
        max_side_px: of its longer side.

    Returns:
        Width and height of the film as a player shows it, in pixels.

    Raises:
        MediaError: no frame can be decoded.
    """
    with open_source(film) as opened:
        reader = VideoReader(opened)
        info = reader.info.video
        _, frame = next(reader.shown(), (0.0, None))
        if frame is None or info is None:
            raise MediaError(opened.name, "corrupt", "no picture in it can be decoded", "Export it again.")
        scale = min(1.0, max_side_px / max(info.width, info.height))
        size = max(2, 2 * round(info.width * scale / 2)), max(2, 2 * round(info.height * scale / 2))
        pixels = np.zeros((size[1], size[0], 3), np.uint8)  # (H, W, 3)
        Scaler(size, False, None).draw(frame, pixels)
    _write_jpeg(pixels, Path(out))
    return info.width, info.height


def strip(film: Source, out: str | Path, n_cells: int, cell_px: int = 84) -> int:
    """Write thumbnails side by side in one JPEG: squares from the middle of frames at even distances.

    Each cell shows the frame in the middle of its share of the film. All of the film is decoded.

    Args:
        film: the film.
        out: a JPEG to be written, `n_cells` * `cell_px` wide.
        n_cells: how many.
        cell_px: side of each.

    Returns:
        How many cells hold a picture; the rest is grey (a damaged end).

    Raises:
        MediaError: no frame can be decoded.
    """
    with open_source(film) as opened:
        reader = VideoReader(opened)
        cells, n_drawn = np.full((cell_px, n_cells * cell_px, 3), GREY, np.uint8), 0
        step = max(reader.duration, 0.01) / n_cells
        for batch in reader.frames(1 / step, _cell_size(reader, cell_px), step / 2, bars=False):
            for pixels in batch.pixels[: n_cells - n_drawn]:
                _paste(cells, n_drawn, pixels)
                n_drawn += 1
            if n_drawn == n_cells:
                break
    _write_jpeg(cells, Path(out))
    return n_drawn


def strip_of_key_frames(film: Source, out: str | Path, n_cells: int, cell_px: int = 84) -> int:
    """As `strip`, in a tenth of the time: each cell shows the key frame before the middle of its share."""
    with open_source(film) as opened:
        reader = VideoReader(opened)
        cells, n_drawn = np.full((cell_px, n_cells * cell_px, 3), GREY, np.uint8), 0
        keys, size = reader.key_frame_times(), _cell_size(reader, cell_px)
        wanted = (np.arange(n_cells) + 0.5) * reader.duration / n_cells  # (n_cells,) seconds
        shown, pixels = -1, None
        for cell, key in enumerate(np.maximum(np.searchsorted(keys, wanted, "right") - 1, 0)):
            if key != shown:
                batch = next(reader.frames(1.0, size, float(keys[key]), float(keys[key]) + 0.01, bars=False), None)
                shown, pixels = key, None if batch is None else batch.pixels[0]
            if pixels is not None:
                _paste(cells, cell, pixels)
                n_drawn += 1
    _write_jpeg(cells, Path(out))
    return n_drawn


def _cell_size(reader: VideoReader, side: int) -> tuple[int, int]:
    """The size to which frames are scaled so that a square of `side` pixels is cut from their middle."""
    info = reader.info.video
    assert info is not None  # a reader without a picture is not made
    short = min(info.width, info.height)
    return max(side, round(side * info.width / short)), max(side, round(side * info.height / short))


def _paste(cells: np.ndarray, cell: int, pixels: np.ndarray) -> None:
    """The middle of pixels (3, H, W) into a cell of (side, n * side, 3)."""
    side = cells.shape[0]
    left, top = (pixels.shape[2] - side) // 2, (pixels.shape[1] - side) // 2
    cells[:, cell * side : (cell + 1) * side] = pixels[:, top : top + side, left : left + side].transpose(1, 2, 0)


def _write_jpeg(pixels: np.ndarray, out: Path) -> None:
    """(H, W, 3) RGB as JPEG; the file appears once it is whole."""
    encoder: Any = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = pixels.shape[1], pixels.shape[0], "yuv420p"
    encoder.time_base, encoder.color_range = Fraction(1, 25), ColorRange.JPEG
    encoder.options = {"qmin": str(QUALITY), "qmax": str(QUALITY)}
    frame = VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
    frame = frame.reformat(format="yuv420p", dst_color_range=ColorRange.JPEG)
    data = b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])
    beside = out.with_name(f".{out.name}.part")
    beside.write_bytes(data)
    beside.replace(out)
