"""Drum kits: each piece of a kit is one short sound, made once a song."""

from dataclasses import dataclass

import numpy as np
from scipy.signal import butter, sosfilt


@dataclass(frozen=True, slots=True)
class Kit:
    """How the pieces of a kit are tuned. Frequencies in Hz, times in seconds; gains by piece come from `MIX`."""

    kick: tuple[float, float, float, float]  # from, to, seconds of sweep, seconds of ring
    kick_click: float
    snare: tuple[float, float, float]  # tone, its share, seconds of noise
    hat: tuple[float, float]  # lowest Hz, seconds
    clap_spread: float = 0.012
    dust: float = 0.0  # share of low-pass dulling, 0-1
    gain: float = 1.0


KITS = {
    "club": Kit((170, 50, 0.035, 0.28), 0.5, (190, 0.35, 0.13), (7500, 0.045)),
    "techno": Kit((150, 46, 0.045, 0.34), 0.4, (210, 0.3, 0.1), (8500, 0.035)),
    "electro": Kit((140, 44, 0.06, 0.45), 0.3, (180, 0.45, 0.2), (7000, 0.05)),
    "gated": Kit((160, 52, 0.04, 0.25), 0.5, (170, 0.4, 0.24), (7000, 0.06), gain=1.05),
    "dusty": Kit((120, 55, 0.04, 0.22), 0.2, (200, 0.5, 0.11), (5000, 0.05), dust=0.75, gain=0.95),
    "break": Kit((180, 60, 0.03, 0.16), 0.6, (220, 0.5, 0.14), (6500, 0.06)),
    "trap": Kit((120, 42, 0.05, 0.5), 0.5, (200, 0.25, 0.15), (9000, 0.03)),
    "live": Kit((130, 58, 0.03, 0.2), 0.4, (185, 0.55, 0.17), (6000, 0.07), dust=0.3),
    "brushes": Kit((110, 60, 0.03, 0.18), 0.1, (170, 0.15, 0.22), (5500, 0.08), dust=0.45, gain=0.75),
    "hand": Kit((95, 75, 0.03, 0.2), 0.3, (260, 0.7, 0.08), (6500, 0.06), dust=0.35, gain=0.85),
    "hall": Kit((75, 48, 0.06, 0.8), 0.1, (150, 0.5, 0.3), (6000, 0.12), dust=0.35),
    "chip": Kit((240, 60, 0.05, 0.12), 0.2, (330, 0.2, 0.09), (6000, 0.03)),
}
# Peak level of each piece at full velocity, and where it stands (-1 left, 1 right).
MIX = {
    "kick": (0.62, 0.0),
    "snare": (0.34, 0.0),
    "clap": (0.34, 0.05),
    "rim": (0.2, -0.25),
    "hat": (0.15, 0.25),
    "open": (0.15, 0.25),
    "ride": (0.12, 0.35),
    "shaker": (0.1, -0.35),
    "tom": (0.36, -0.1),
    "low tom": (0.4, 0.15),
    "conga": (0.22, -0.3),
    "crash": (0.22, -0.15),
    "boom": (0.6, 0.0),
    "riser": (0.14, 0.0),
    "fall": (0.16, 0.0),
    "crackle": (0.02, 0.0),
}


class DrumKit:
    """The sounds of one kit at one sample rate."""

    def __init__(self, name: str, rate: int, seed: int) -> None:
        self.kit, self.rate = KITS[name], rate
        self.seed = seed
        self._made: dict[tuple[str, int], np.ndarray] = {}

    def sound(self, piece: str, length: float = 0.0) -> np.ndarray:
        """float32 (L,) of one piece, its peak as `MIX` says; risers and crackle last `length` seconds."""
        key = (piece, round(length * 10))
        if key not in self._made:
            # Of its own seed: a passage, which may begin with another piece, must hear the same snare.
            self.rng = np.random.default_rng([self.seed, 5, key[1], *piece.encode()])
            made = self._make(piece, length)
            peak = float(np.abs(made).max()) or 1.0
            self._made[key] = (made * (MIX[piece][0] * self.kit.gain / peak)).astype(np.float32)
        return self._made[key]

    def _make(self, piece: str, length: float) -> np.ndarray:
        kit = self.kit
        if piece == "kick":
            return self._dull(self._kick(*kit.kick, kit.kick_click))
        if piece == "boom":
            return self._kick(90, 36, 0.12, 1.1, 0.15)
        if piece == "snare":
            tone, share, seconds = kit.snare
            return self._dull(share * self._ring(tone, 0.09) + (1 - share) * self._noise(1200, 9000, seconds))
        if piece == "clap":
            return self._dull(self._clap())
        if piece in ("tom", "low tom", "conga", "rim"):
            tone, seconds = {"tom": (150, 0.2), "low tom": (95, 0.28), "conga": (240, 0.12), "rim": (820, 0.025)}[piece]
            return self._kick(tone * 1.4, tone, 0.03, seconds, 0.2)
        if piece in ("riser", "fall"):
            return self._sweep(length, rising=piece == "riser")
        if piece == "crackle":
            return self._crackle(length)
        seconds = {"hat": kit.hat[1], "open": 0.22, "ride": 0.35, "shaker": 0.05, "crash": 1.3}[piece]
        lowest = kit.hat[0] * {"ride": 0.7, "shaker": 0.75, "crash": 0.5}.get(piece, 1.0)
        noise = self._noise(lowest, 16_000, seconds)
        if piece == "shaker":
            noise *= np.minimum(np.arange(len(noise)) / (0.02 * self.rate), 1)
        return self._dull(noise)

    def _time(self, seconds: float) -> np.ndarray:
        return np.arange(int(seconds * self.rate)) / self.rate

    def _kick(self, high: float, low: float, sweep: float, ring: float, click: float) -> np.ndarray:
        time = self._time(4 * ring)
        turns = low * time + (high - low) * sweep * (1 - np.exp(-time / sweep))
        body = np.sin(2 * np.pi * turns) * np.exp(-time / ring) * np.minimum(time / 0.001, 1)
        body = np.tanh(1.6 * body)
        body[: int(0.01 * self.rate)] += click * self._noise(1500, 6000, 0.002)[: int(0.01 * self.rate)]
        return body * np.minimum((4 * ring - time) / 0.02, 1)

    def _ring(self, tone: float, seconds: float) -> np.ndarray:
        time = self._time(1.2)
        return (np.sin(2 * np.pi * tone * time) + 0.5 * np.sin(2 * np.pi * tone * 1.59 * time)) * np.exp(
            -time / seconds
        )

    def _noise(self, low: float, high: float, seconds: float) -> np.ndarray:
        time = self._time(max(1.2, 4 * seconds))
        edges = [low, min(high, 0.45 * self.rate)]
        band = butter(2, edges, "bandpass", fs=self.rate, output="sos")
        noise = sosfilt(band, self.rng.standard_normal(len(time)))
        return noise * np.exp(-time / seconds) * np.minimum(time / 0.0008, 1)

    def _clap(self) -> np.ndarray:
        burst = self._noise(900, 5500, 0.006)
        clap = 0.8 * self._noise(900, 5500, 0.09)
        for stroke in range(3):
            at = int(stroke * self.kit.clap_spread * self.rate)
            clap[at:] += burst[: len(burst) - at]
        return clap

    def _sweep(self, length: float, rising: bool) -> np.ndarray:
        time = self._time(length)
        noise = self.rng.standard_normal(len(time))
        low = sosfilt(butter(2, [200, 1200], "bandpass", fs=self.rate, output="sos"), noise)
        high = sosfilt(butter(2, [2500, 9000], "bandpass", fs=self.rate, output="sos"), noise)
        way = time / max(length, 1e-3)
        way = way if rising else 1 - way
        return (low * (1 - way) + 1.4 * high * way) * way**2

    def _crackle(self, length: float) -> np.ndarray:
        n_samples = int(length * self.rate)
        ticks = np.zeros(n_samples)
        at = self.rng.integers(0, n_samples, int(9 * length))
        ticks[at] = self.rng.standard_normal(len(at)) * self.rng.random(len(at)) ** 3
        hiss = 0.012 * self.rng.standard_normal(n_samples)
        return sosfilt(butter(2, [600, 7000], "bandpass", fs=self.rate, output="sos"), ticks + hiss)

    def _dull(self, samples: np.ndarray) -> np.ndarray:
        if not self.kit.dust:
            return samples
        cutoff = 12_000 * (1 - self.kit.dust) + 3_500 * self.kit.dust
        return sosfilt(butter(1, min(cutoff, 0.45 * self.rate), fs=self.rate, output="sos"), samples)
