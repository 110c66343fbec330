"""The K-weighting of ITU-R BS.1770-4 for samples in a stream, as matrix products over chunks.

A recursive filter goes sample by sample. As a linear system with four states it also goes chunk by chunk: what a chunk
gives is a matrix times its samples plus a matrix times the state in which it begins, and the states at the beginnings
follow each other by a small matrix, whose powers let them be summed by doubling. NumPy alone does that quicker than
SciPy's filters, which would cost each decoding child two seconds of import.
"""

import math

import numpy as np

CHUNK = 64  # samples: `KWeighting.apply` takes whole multiples
_FORGOTTEN = 1e-12  # what is left of a state by then counts for nothing


def k_weighting(rate: int) -> np.ndarray:
    """The two filters of BS.1770-4 at `rate` Hz, (2, 6) second-order sections: high shelf, then high pass."""
    # Prototypes fitted to the standard's coefficients at 48 kHz (bilinear transform, pre-warped).
    k = math.tan(math.pi * 1681.974450955533 / rate)
    q, high = 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    shelf = _section(
        (high + band * k / q + k * k, 2 * (k * k - high), high - band * k / q + k * k),
        (1 + k / q + k * k, 2 * (k * k - 1), 1 - k / q + k * k),
    )
    k, q = math.tan(math.pi * 38.13547087602444 / rate), 0.5003270373238773
    norm = 1 + k / q + k * k
    high_pass = _section((norm, -2 * norm, norm), (norm, 2 * (k * k - 1), 1 - k / q + k * k))
    return np.array([shelf, high_pass])


def _section(b: tuple[float, float, float], a: tuple[float, float, float]) -> list[float]:
    return [*(value / a[0] for value in b), *(value / a[0] for value in a)]


class KWeighting:
    """The filters at one rate, and how far they have come.

    Args:
        rate: hertz.
        n_channels: C, each filtered by itself.
    """

    def __init__(self, rate: int, n_channels: int) -> None:
        sections = k_weighting(rate)
        pulse = np.zeros(CHUNK)
        pulse[0] = 1.0
        response, states = _run(sections, pulse, np.zeros(4))
        lag = np.arange(CHUNK)[:, None] - np.arange(CHUNK)
        direct = np.where(lag >= 0, response[lag], 0.0).T  # (B, B) samples to samples
        self._driven = _single(np.concatenate([direct, states[::-1]], axis=1))  # (B, B + 4): and to the state after
        free = [_run(sections, np.zeros(CHUNK), unit) for unit in np.eye(4)]
        self._out_of = _single(np.stack([output for output, _ in free]))  # (4, B) state to samples
        power = np.stack([after[-1] for _, after in free])  # (4, 4) state to state a chunk later, from the right
        self._powers: list[np.ndarray] = []  # 1, 2, 4, 8... chunks later, as long as anything is left
        while np.abs(power).max() > _FORGOTTEN:
            power = np.where(np.abs(power) > _FORGOTTEN**2, power, 0)  # numbers near the least one are slow
            self._powers.append(power)
            power = power @ power
        self._state = np.zeros((n_channels, 4))

    def apply(self, samples: np.ndarray) -> np.ndarray:
        """(C, L) float32 of samples (C, L), L a multiple of `CHUNK`; goes on where the last call ended."""
        weighted, self._state = self._applied(samples)
        return weighted

    def preview(self, samples: np.ndarray) -> np.ndarray:
        """What `apply` would give of samples (C, L) of any length, without going on."""
        n_samples = samples.shape[1]
        padded = np.pad(samples, ((0, 0), (0, -n_samples % CHUNK)))
        return self._applied(padded)[0][:, :n_samples]

    def _applied(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n_channels, n_chunks = len(samples), samples.shape[1] // CHUNK
        driven = _single(samples).reshape(-1, CHUNK) @ self._driven  # (C * n, B + 4)
        states = np.empty((n_channels, n_chunks + 1, 4))  # at the beginning of each chunk, and after the last
        states[:, 0] = self._state
        states[:, 1:] = driven[:, CHUNK:].reshape(n_channels, n_chunks, 4)
        for level, power in enumerate(self._powers):  # each state adds up what 1, 2, 4... chunks before it left
            if (apart := 1 << level) > n_chunks:
                break
            states[:, apart:] += states[:, :-apart] @ power
        weighted = _single(states[:, :-1].reshape(-1, 4)) @ self._out_of
        weighted += driven[:, :CHUNK]
        return weighted.reshape(n_channels, -1), states[:, -1].copy()


def _single(values: np.ndarray) -> np.ndarray:
    """Float32 in C order: samples come in it, and only the states, which add up for long, need more."""
    return np.ascontiguousarray(values, np.float32)


def _run(sections: np.ndarray, samples: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sample by sample: what comes out (L,), and the states after each sample (L, 4). Transposed direct form II."""
    outputs, states = np.empty(len(samples)), np.empty((len(samples), 4))
    s = state.astype(np.float64)
    for n, value in enumerate(samples):
        for i, (b0, b1, b2, _, a1, a2) in enumerate(sections):
            out = b0 * value + s[2 * i]
            s[2 * i] = b1 * value - a1 * out + s[2 * i + 1]
            s[2 * i + 1] = b2 * value - a2 * out
            value = out
        outputs[n], states[n] = value, s
    return outputs, states
