"""What sounds, strikes and swells, as 48 curves of ten rows a second, without learning.

Computed 50 times a second on 24 kHz mono at true level, then averaged. How a curve follows the level of a file:
`mel_*`, `log_rms` are decibels with a floor of -90 (a gain adds to them: `DECIBEL_CHANNELS`); `rms` and `flux_*` are
amplitudes (a gain multiplies them: `AMPLITUDE_CHANNELS`); the rest does not follow it.
"""

import numpy as np

from crossmodal.encoders.curves.rows import FINE_PER_ROW, FLOOR_DB, half, row_count
from crossmodal.encoders.curves.sound import MARGIN, MEASURES, RATE, STEP, measures

BLOCK = 100  # steps computed at once: fixed, so that the sizes in which sound arrives change no bit
SLACK = 0.005  # seconds: time stamps this far off are rounding, not holes
CHROMA_LAG = 4  # rows
_NEED = MARGIN + BLOCK * STEP + MARGIN  # samples of a block
_PEAKS = ("flux_0", "flux_3", "flux_6", "onset")

AUDIO_CHANNELS: tuple[str, ...] = (*MEASURES, "chroma_change", *(f"{name}_max" for name in _PEAKS))
DECIBEL_CHANNELS = tuple(name for name in AUDIO_CHANNELS if name.startswith("mel_") or name == "log_rms")
AMPLITUDE_CHANNELS = tuple(name for name in AUDIO_CHANNELS if name.startswith("flux_") or name == "rms")

_SILENCE = np.array([[FLOOR_DB if name in DECIBEL_CHANNELS else 0.0 for name in AUDIO_CHANNELS]], np.float16)


class AudioCurves:
    """The curves of one sound, fed in order of time.

    Args:
        rate: samples a second; only 24,000.
    """

    def __init__(self, rate: int = RATE) -> None:
        if rate != RATE:
            raise ValueError(f"AudioCurves: rate must be {RATE}, got {rate}")
        self._waiting = [np.zeros(MARGIN, np.float32)]
        self._n_waiting = MARGIN
        self._n_samples = 0  # placed so far, silence in holes included
        self._rows: list[np.ndarray] = []  # per block (rows, 48) float16
        self._before: np.ndarray | None = None  # what `measures` needs of the block before
        self._last_step = np.zeros((1, len(MEASURES)), np.float32)
        self._silent = True

    def add(self, samples: np.ndarray, time: float) -> None:
        """Take the next samples.

        Args:
            samples: (L,) float in [-1, 1], mono.
            time: seconds of the first one; a hole before it is silence, what lies before 0 is left out.
        """
        if samples.ndim != 1:
            raise ValueError(f"AudioCurves: samples must be (L,) mono, got {samples.shape}")
        begin = round(time * RATE)
        if abs(begin - self._n_samples) <= SLACK * RATE:
            begin = self._n_samples
        if begin < self._n_samples:
            samples = samples[self._n_samples - begin :]
        self._extend_silence(begin - self._n_samples)
        self._n_samples += len(samples)
        self._extend(np.asarray(samples, np.float32))

    def finish(self, duration: float) -> tuple[np.ndarray, np.ndarray, bool]:
        """The curves of all that was added.

        Args:
            duration: seconds of the whole medium; what no sample covers is silence.

        Returns:
            values (T', 48) float32, rounded to float16; seen (T',) bool, all True; silent.
        """
        n_rows = row_count(duration)
        n_steps = max(1, (self._n_samples - MARGIN) // STEP)  # later windows reach past the end, where nothing strikes
        self._extend(np.zeros(_NEED - self._n_waiting, np.float32), n_steps)
        rows = np.concatenate(self._rows)[: min(n_rows, row_count(self._n_samples / RATE))]
        values = np.concatenate([rows, np.repeat(_SILENCE, n_rows - len(rows), 0)]).astype(np.float32)
        first = AUDIO_CHANNELS.index("chroma_00")
        values[:, AUDIO_CHANNELS.index("chroma_change")] = half(_chroma_change(values[:, first : first + 12]))
        return values, np.ones(n_rows, np.bool_), self._silent

    def _extend_silence(self, n_samples: int) -> None:
        while n_samples > 0:
            part = min(n_samples, BLOCK * STEP)
            self._n_samples += part
            self._extend(np.zeros(part, np.float32))
            n_samples -= part

    def _extend(self, samples: np.ndarray, n_steps: int | None = None) -> None:
        """Compute the blocks that `samples` complete; the sound ends after `n_steps`, if that is known."""
        while len(samples):
            part = samples[: _NEED - self._n_waiting].copy()
            samples = samples[len(part) :]
            self._waiting.append(part)
            self._n_waiting += len(part)
            if self._n_waiting == _NEED:
                block = np.concatenate(self._waiting)
                self._compute(block, BLOCK if n_steps is None else n_steps - BLOCK * len(self._rows))
                self._waiting, self._n_waiting = [block[-2 * MARGIN :]], 2 * MARGIN

    def _compute(self, block: np.ndarray, n_steps: int) -> None:
        """Append the rows of one block, of which the steps after `n_steps` hold no sound: they repeat the last."""
        curves, self._before = measures(block, self._before)  # (steps, 43)
        if n_steps < BLOCK:
            curves[max(n_steps, 0) :] = curves[n_steps - 1] if n_steps > 0 else self._last_step
        self._last_step = curves[-1:]
        self._silent = self._silent and bool((curves[:, MEASURES.index("log_rms")] <= FLOOR_DB).all())
        steps = curves.reshape(-1, FINE_PER_ROW, len(MEASURES))
        change = np.zeros((len(steps), 1), np.float32)  # of chroma: taken from rows, at the end
        peaks = steps[:, :, [MEASURES.index(name) for name in _PEAKS]].max(1)
        self._rows.append(half(np.concatenate([steps.mean(1), change, peaks], 1)).astype(np.float16))


def _chroma_change(chroma: np.ndarray) -> np.ndarray:
    """(T',): half the absolute change of the chroma (T', 12) against 0.4 s before; 0 at the beginning."""
    earlier = np.concatenate([np.repeat(chroma[:1], CHROMA_LAG, 0), chroma])[: len(chroma)]
    return np.abs(chroma - earlier).sum(1) / 2
