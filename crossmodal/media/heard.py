"""A track as it is heard under a clip: decoded once into a file of samples, then cut out of it piece by piece.

The pieces say sample for sample what `mux.preview` writes: the same clock, the same gain, and a track that ends before
the clip starts again over the same crossfade.
"""

import math
import os
import struct
from pathlib import Path

import numpy as np

from crossmodal.errors import MediaError
from crossmodal.media import guard
from crossmodal.media.audio import open_audio
from crossmodal.media.mux import CROSSFADE, RATE
from crossmodal.media.sources import Source, display_name

PEAKS_A_SECOND = 50
FRAME_BYTES = 4  # two channels of 16 bits


def decode_samples(track: Source, out: str | Path, gain: float = 0.0) -> int:
    """Write a track's sound as raw samples: stereo, 48 kHz, little-endian 16 bits, clipped at full scale.

    Beside it, under the same name with `.peaks` after it, stands its waveform: one byte for each fiftieth of a second,
    the largest absolute value in 255ths of full scale. The samples grow while they are written, so that a reader can
    take what is there; the peaks appear at the end, and say that the samples are all there.

    Args:
        track: the music, or a film whose sound is taken.
        out: the file of samples.
        gain: decibels, see `mux.gain_db`.

    Returns:
        How many samples there are, of each channel.

    Raises:
        MediaError: its sound cannot be used.
    """
    out, n_samples, peaks = Path(out), 0, list[np.ndarray]()
    factor, step = 10 ** (gain / 20), RATE // PEAKS_A_SECOND
    rest = np.zeros(0, np.float32)
    with open_audio(track) as audio, out.open("wb", buffering=0) as file:
        for block in audio.blocks(RATE, 2):
            samples = np.clip(factor * block.samples, -1, 1)  # (2, L)
            file.write(np.round(samples.T * 32767).astype("<i2").tobytes())
            loud = np.concatenate([rest, np.abs(samples).max(axis=0)])
            whole = len(loud) // step
            peaks.append(loud[: whole * step].reshape(whole, step).max(axis=1, initial=0))
            rest, n_samples = loud[whole * step :], n_samples + samples.shape[1]
            guard.alive(block.time)
    if not n_samples:
        raise MediaError(display_name(track), "empty", "holds no sound", "Choose another track.")
    peaks.append(rest.max(keepdims=True, initial=0)[: len(rest)])
    beside = out.with_name(f"{out.name}.peaks.part")
    beside.write_bytes(np.round(np.concatenate(peaks) * 255).astype(np.uint8).tobytes())
    beside.replace(out.with_name(f"{out.name}.peaks"))
    return n_samples


def n_samples_there(samples: str | Path) -> int:
    """How many samples of each channel a file holds by now."""
    return os.stat(samples).st_size // FRAME_BYTES  # noqa: PTH116 (asked often)


def piece(samples: str | Path, n_all: int | None, *, start: float, at: float, seconds: float) -> np.ndarray:
    """What sounds under a clip from its second `at` on, when the track begins at its own second `start`.

    Args:
        samples: a file that `decode_samples` wrote, or is writing.
        n_all: how many samples it will hold; None: it is being written, and reaches beyond what is asked for.
        start: second of the track under the clip's 0:00.
        at: second of the clip.
        seconds: how long.

    Returns:
        (L, 2) int16 at 48 kHz.
    """
    first, n_wanted = round(at * RATE), round(seconds * RATE)
    skip = round(start * RATE)
    if n_all is None or skip + first + n_wanted <= n_all - round(CROSSFADE * RATE):
        return _read(samples, skip + first, n_wanted)
    return _repeated(samples, n_all, skip, (first, first + n_wanted))


def wav(samples: np.ndarray) -> bytes:
    """(L, 2) int16 at 48 kHz as a WAV file."""
    data = samples.astype("<i2").tobytes()
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 1, 2, RATE,
                       RATE * FRAME_BYTES, FRAME_BYTES, 16, b"data", len(data))  # fmt: skip
    return head + data


def _read(samples: str | Path, first: int, n_samples: int) -> np.ndarray:
    with Path(samples).open("rb") as file:
        file.seek(first * FRAME_BYTES)
        data = file.read(n_samples * FRAME_BYTES)
    return np.frombuffer(data[: len(data) // FRAME_BYTES * FRAME_BYTES], "<i2").reshape(-1, 2)


def _repeated(samples: str | Path, n_all: int, skip: int, span: tuple[int, int]) -> np.ndarray:
    """Samples `span` of the endless sound that begins at sample `skip` and starts again, crossfaded, at each end."""
    out = np.zeros((span[1] - span[0], 2), np.float32)
    begins, skip, fade_in = 0, min(skip, max(n_all - 1, 0)), 0
    while begins < span[1]:
        length = n_all - skip
        fade_out = min(round(CROSSFADE * RATE), length // 4)
        _add(out, samples, (begins - span[0], skip, length), (fade_in, fade_out))
        begins, skip, fade_in = begins + length - fade_out, 0, fade_out
    return np.clip(np.round(out), -32768, 32767).astype(np.int16)


def _add(out: np.ndarray, samples: str | Path, where: tuple[int, int, int], fades: tuple[int, int]) -> None:
    """One pass of the track, from `skip` to its end, at its place in `out`, faded at equal power at both ends."""
    place, skip, length = where
    low, high = max(0, -place), min(length, len(out) - place)
    if low >= high:
        return
    part = _read(samples, skip + low, high - low).astype(np.float32)
    high = low + len(part)
    gains, at = np.ones(len(part), np.float32), np.arange(low, high)
    for fade, position in ((fades[0], at), (fades[1], length - 1 - at)):
        if fade:
            angle = np.clip(position / max(fade - 1, 1), 0, 1) * (math.pi / 2)
            gains *= np.sin(angle).astype(np.float32)
    out[place + low : place + high] += gains[:, None] * part
