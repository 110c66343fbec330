"""Time stamps of one stream, in order and without holes of an hour."""

MAX_HOLE = 600.0  # seconds: a jump beyond this is taken for an error of the clock, not for a pause
MIN_HOLE = 0.05  # seconds: stamps of some containers are coarse; less than this is no hole in a sound
MAX_STEP_BACK = 1.0  # seconds: beyond this the clock started anew (a joined recording)


class Stamps:
    """Which of a frame's two stamps to believe: the presentation stamp, unless it goes wrong more often than the other.

    Source: libavcodec's `guess_correct_pts`, as ffplay and the ffmpeg program apply it.

    Attributes:
        has_moved: was there a stamp other than the first?
    """

    def __init__(self) -> None:
        self._latest: list[int | None] = [None, None]
        self._faults = [0, 0]
        self._first: int | None = None
        self.has_moved = False

    def best(self, presentation: int | None, decoding: int | None) -> int | None:
        """The stamp to use of a frame, in the order in which frames come out of the decoder."""
        for which, stamp in enumerate((presentation, decoding)):
            if stamp is not None:
                latest = self._latest[which]
                self._faults[which] += latest is not None and stamp <= latest
                self._latest[which] = stamp
        is_believed = presentation is not None and (decoding is None or self._faults[0] <= self._faults[1])
        stamp = presentation if is_believed else decoding
        self.has_moved |= self._first is not None and stamp != self._first
        self._first = stamp if self._first is None else self._first
        return stamp


class Timeline:
    """Puts stamps of one stream on a clock that does not jump.

    A jump of more than `MAX_HOLE` seconds forwards, or `MAX_STEP_BACK` backwards, shifts all that follows to where the
    last piece ended.
    """

    def __init__(self) -> None:
        self.end: float | None = None  # where the latest piece ends, seconds
        self.jumps = 0
        self._shift = 0.0

    def place(self, time: float, length: float) -> float:
        """The time of a piece of `length` seconds that is stamped `time`."""
        shifted = time + self._shift
        if self.end is not None and not -MAX_STEP_BACK <= shifted - self.end <= MAX_HOLE:
            self._shift += self.end - shifted
            self.jumps += 1
            shifted = self.end
        self.end = max(shifted + length, shifted if self.end is None else self.end)
        return shifted


class SoundClock:
    """Where decoded pieces of sound belong, counted in samples from 0:00.

    Args:
        base: seconds of one tick of the time stamps.
        zero: seconds of the stamp that is 0:00.

    Attributes:
        n_written: samples placed so far, silence included.
        n_holes: holes within the sound.
        line: the clock behind it.
    """

    def __init__(self, base: float, zero: float) -> None:
        self._base, self._zero, self._due = base, zero, -1.0
        self.n_written = self.n_holes = 0
        self.line = Timeline()

    def place(self, stamp: int | None, n_samples: int, rate: int) -> int | None:
        """Samples of silence that belong before a piece; None where the piece lies before 0:00 and is left out."""
        length = n_samples / rate
        if stamp is not None and stamp == self._due and self.line.end is not None:  # by far the most pieces
            self.line.end += length
            missing = 0
        else:
            written = self.n_written / rate
            time = written if stamp is None else stamp * self._base - self._zero
            behind = self.line.place(time, length) - written
            missing = 0 if abs(behind) < MIN_HOLE else round(behind * rate)
            if missing < 0:
                if not self.n_written and -missing >= n_samples:
                    return None
                missing = 0
            self.n_holes += missing > 0 and self.n_written > 0
        self._due = -1.0 if stamp is None else stamp + length / self._base
        self.n_written += missing + n_samples
        return missing

    def change_rate(self, before: int, now: int) -> None:
        """From here on samples are counted at another rate."""
        self.n_written = round(self.n_written * now / before)
