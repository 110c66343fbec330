"""Many channels to one or two, second by second, so that a side that is turned over does not cancel the other."""

import numpy as np

FAR_QUIETER = 0.1  # power of the mix over power of the louder side: -10 dB
KEEP = 0.5  # a side already in use is kept until the other has twice its power
FADE = 0.1  # seconds
_CENTRE, _LEFT, _RIGHT = ("FC", "BC", "TFC", "TBC", "TC"), "L", "R"


def side_weights(channel_names: list[str]) -> np.ndarray:
    """(2, C) float32 weights that make a left and a right side of named channels, each row summing to 1.

    Front channels count 1, centre and surround 0.707, the low-frequency channel 0, as in ITU-R BS.775.
    """
    if len(channel_names) == 1:
        return np.ones((2, 1), np.float32)
    weights = np.zeros((2, len(channel_names)))
    for i, name in enumerate(channel_names):
        if name.startswith("LFE"):
            continue
        if name in ("FL", "FR", "DL", "DR"):
            weights[int(name[1] == _RIGHT), i] = 1.0
        elif name not in _CENTRE and _LEFT in name[1:]:
            weights[0, i] = 0.707
        elif name not in _CENTRE and _RIGHT in name[1:]:
            weights[1, i] = 0.707
        else:
            weights[:, i] = 0.707
    sums = weights.sum(axis=1, keepdims=True)
    weights = np.where(sums > 0, weights / np.maximum(sums, 1e-9), 1 / len(channel_names))
    return weights.astype(np.float32)


class MonoMixer:
    """Blocks of about a second, two sides in, one out: their mean, or the louder side where the mean is far quieter.

    A change from one second to the next is crossfaded over 0.1 s.
    """

    def __init__(self, rate: int) -> None:
        self._fade = max(1, int(FADE * rate))
        self._used: int | None = None  # None: the mix, 0 or 1: a side
        self._has_begun = False
        self.seconds_of_one_side = 0.0
        self._rate = rate

    def mix(self, sides: np.ndarray) -> np.ndarray:
        """(L,) of sides (2, L)."""
        both = 0.5 * (sides[0] + sides[1])
        before, self._used = self._used, self._choose(sides, both)
        if self._used is not None:
            self.seconds_of_one_side += sides.shape[1] / self._rate
        now = both if self._used is None else sides[self._used]
        has_begun, self._has_begun = self._has_begun, True
        if before == self._used or not has_begun:
            return now
        old = both if before is None else sides[before]
        n = min(self._fade, len(both))
        ramp = np.linspace(0, 1, n, dtype=np.float32)
        return np.concatenate([old[:n] + ramp * (now[:n] - old[:n]), now[n:]])

    def _choose(self, sides: np.ndarray, both: np.ndarray) -> int | None:
        power = [float(np.dot(x, x)) for x in (*sides, both)]
        louder = int(power[1] > power[0])
        if power[2] >= FAR_QUIETER * power[louder]:
            return None
        if self._used is not None and power[self._used] > KEEP * power[louder]:
            return self._used
        return louder
