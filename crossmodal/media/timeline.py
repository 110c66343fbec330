"""Time stamps of one stream, in order and without holes of an hour."""

MAX_HOLE = 600.0  # seconds: a jump beyond this is taken for an error of the clock, not for a pause
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
