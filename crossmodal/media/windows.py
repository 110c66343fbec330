"""Which parts of a film are looked at: all of a short one, windows of a long one."""

MAX_WHOLE = 600.0  # seconds
N_WINDOWS = 40
WINDOW = 12.0  # seconds


def film_windows(duration: float) -> list[tuple[float, float]]:
    """(start, end) in seconds of the parts of a film that are decoded.

    Up to 10 minutes it is the whole; beyond, 40 windows of 12 s, evenly laid, the first at 0:00, the last at the end.

    Example:
        >>> film_windows(60.0)
        [(0.0, 60.0)]
        >>> len(film_windows(7200.0)), film_windows(7200.0)[-1]
        (40, (7188.0, 7200.0))
    """
    if duration <= MAX_WHOLE:
        return [(0.0, float(duration))]
    step = (duration - WINDOW) / (N_WINDOWS - 1)
    return [(i * step, i * step + WINDOW) for i in range(N_WINDOWS)]
