"""The instruments: each turns a pitch and a length into samples.

Four kinds of synthesis, each cheap in NumPy: `pad` (one inverse FFT makes a long, wide, loopable tone: Nasca Octavian
Paul's PADsynth), `table` (single cycles of a filtered wave, dark and bright, mixed by an envelope), `partials` (sines
that die away) and `fm`.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.fft

from crossmodal.demo.music.theory import frequency_hz

TABLE_BITS = 12
PAD_SAMPLES = 1 << 17


@dataclass(frozen=True, slots=True)
class Voice:
    """How an instrument sounds. Times in seconds, cutoffs in Hz; `low` and `high` are the filter closed and open."""

    kind: str
    shape: str = "saw"
    low: float = 500.0
    high: float = 3000.0
    attack: float = 0.005
    decay: float = 0.4
    sustain: float = 0.6
    release: float = 0.1
    sweep: float = 0.25  # seconds in which the filter closes again; 0: stays
    detune: float = 0.0  # cents between two layers; pad: width of a partial
    vibrato: float = 0.0  # cents
    partials: tuple[tuple[float, float, float], ...] = ()  # ratio, amplitude, seconds to 1/e
    ratio: float = 1.0  # fm: modulator to carrier
    index: float = 2.0  # fm: depth at full brightness
    breath: float = 0.0  # share of noise
    gain: float = 1.0


FELT = ((1, 1, 1.6), (2.001, 0.45, 1.1), (3.004, 0.22, 0.7), (4.01, 0.12, 0.5), (5.02, 0.06, 0.35), (6.04, 0.03, 0.25))
STEEL = tuple((k * (1 + 0.0002 * k * k), 0.9 / k**1.1 * abs(np.sin(k * 0.55)), 1.4 / k**0.75) for k in range(1, 13))
NYLON = tuple((float(k), 0.9 / k**1.4 * abs(np.sin(k * 0.7)), 0.9 / k**0.8) for k in range(1, 10))
MARIMBA = ((1, 1, 0.45), (3.98, 0.35, 0.14), (9.9, 0.12, 0.05))
GLASS = ((1, 1, 1.8), (2.76, 0.4, 0.9), (5.4, 0.2, 0.5), (8.9, 0.08, 0.25))
MUSIC_BOX = ((1, 1, 1.1), (2, 0.15, 0.5), (5.2, 0.22, 0.3), (8.4, 0.06, 0.15))
HARP = tuple((float(k), 0.8 / k**1.7, 1.1 / k**0.6) for k in range(1, 9))
UPRIGHT = ((1, 1, 0.7), (2, 0.5, 0.35), (3, 0.22, 0.2), (4, 0.1, 0.12))

VOICES = {
    "warm pad": Voice("pad", "saw", 300, 2200, attack=0.5, release=0.9, detune=35),
    "glass pad": Voice("pad", "hollow", 500, 5200, attack=0.7, release=1.2, detune=18),
    "strings": Voice("pad", "saw", 700, 4200, attack=0.22, release=0.5, detune=28),
    "low strings": Voice("pad", "saw", 350, 2400, attack=0.12, release=0.4, detune=22),
    "choir": Voice("pad", "vowel", 700, 3600, attack=0.4, release=0.8, detune=40),
    "organ": Voice("pad", "organ", 900, 4000, attack=0.03, release=0.12, detune=8),
    "supersaw": Voice("pad", "saw", 900, 9000, attack=0.02, release=0.18, detune=45),
    "electric piano": Voice("fm", ratio=14.0, index=0.5, attack=0.004, decay=1.1, sustain=0.12, release=0.25),
    "soft keys": Voice("fm", ratio=1.0, index=1.3, attack=0.008, decay=0.9, sustain=0.2, release=0.25),
    "bell": Voice("fm", ratio=3.5, index=2.2, attack=0.002, decay=1.2, sustain=0.0, release=0.9),
    "felt piano": Voice("partials", partials=FELT, attack=0.006, sustain=1, release=0.3),
    "steel guitar": Voice("partials", partials=STEEL, attack=0.002, sustain=1, release=0.25),
    "nylon guitar": Voice("partials", partials=NYLON, attack=0.003, sustain=1, release=0.2),
    "marimba": Voice("partials", partials=MARIMBA, attack=0.002, sustain=1, release=0.4),
    "glass": Voice("partials", partials=GLASS, attack=0.003, sustain=1, release=1.0),
    "music box": Voice("partials", partials=MUSIC_BOX, attack=0.001, sustain=1, release=0.8),
    "harp": Voice("partials", partials=HARP, attack=0.002, sustain=1, release=0.7),
    "pluck": Voice("table", "saw", 350, 5000, decay=0.22, sustain=0.05, release=0.12, sweep=0.12, detune=9),
    "stab": Voice("table", "saw", 500, 4200, decay=0.25, sustain=0.25, release=0.09, sweep=0.16, detune=14),
    "skank": Voice("table", "organ", 700, 3200, decay=0.09, sustain=0.1, release=0.05, sweep=0.08),
    "saw lead": Voice("table", "saw", 900, 6000, 0.012, 0.3, 0.7, 0.16, sweep=0.5, detune=12, vibrato=14),
    "square lead": Voice("table", "square", 900, 5000, 0.008, 0.25, 0.6, 0.1, sweep=0.4, vibrato=10),
    "chip lead": Voice("table", "pulse", 6000, 11000, 0.002, 0.15, 0.65, 0.04, sweep=0, vibrato=12),
    "chip arp": Voice("table", "square", 5000, 9000, 0.002, 0.09, 0.3, 0.03, sweep=0),
    "flute": Voice("table", "flute", 1200, 4200, 0.06, 0.5, 0.85, 0.15, sweep=0, vibrato=18, breath=0.05),
    "whistle": Voice("table", "sine", 2000, 6000, 0.04, 0.5, 0.9, 0.15, sweep=0, vibrato=22, breath=0.02),
    "sub": Voice("table", "sine", 200, 500, 0.008, 0.6, 0.85, 0.07, sweep=0),
    "round bass": Voice("table", "triangle", 250, 900, 0.006, 0.5, 0.7, 0.07, sweep=0.2),
    "saw bass": Voice("table", "saw", 180, 1600, 0.004, 0.25, 0.6, 0.05, sweep=0.15),
    "acid": Voice("table", "saw", 220, 4200, 0.003, 0.2, 0.45, 0.04, sweep=0.11, gain=0.9),
    "square bass": Voice("table", "square", 250, 1800, 0.004, 0.22, 0.6, 0.05, sweep=0.14),
    "reese": Voice("pad", "saw", 160, 1100, attack=0.02, release=0.09, detune=30),
    "long 808": Voice("fm", ratio=1.0, index=0.9, attack=0.003, decay=0.9, sustain=0.25, release=0.25),
    "upright": Voice("partials", partials=UPRIGHT, attack=0.006, sustain=1, release=0.1),
}


def sound(name: str, pitch: int, n_held: int, brightness: float, rate: int, channels: int) -> np.ndarray:
    """One note of a voice, at a loudness like every other voice's.

    Args:
        name: key of `VOICES`.
        pitch: MIDI number.
        n_held: samples until the release.
        brightness: 0-1, filter closed to open.
        rate: samples a second.
        channels: 1, or 2 for voices that are wide.

    Returns:
        float32 (channels or 1, n_held + release).
    """
    voice = VOICES[name]
    n_samples = n_held + int(voice.release * rate)
    make = {"pad": _pad, "table": _table, "partials": _partials, "fm": _fm}[voice.kind]
    tone = make(voice, pitch, n_samples, round(brightness * 7) / 7, rate, channels)
    return tone * (_envelope(voice, n_held, n_samples, rate) * np.float32(voice.gain))


def _envelope(voice: Voice, n_held: int, n_samples: int, rate: int) -> np.ndarray:
    """(L,): attack, decay to the sustained level, release."""
    time = np.arange(n_samples, dtype=np.float32) * np.float32(1 / rate)
    level = np.float32(voice.sustain) + np.float32(1 - voice.sustain) * np.exp(time * np.float32(-1 / voice.decay))
    n_attack = min(max(int(voice.attack * rate), 8), n_samples)
    level[:n_attack] *= np.sin(np.linspace(0, np.pi / 2, n_attack, dtype=np.float32))
    tail = n_samples - n_held
    level[n_held:] *= np.linspace(1, 0, tail, dtype=np.float32) ** 2
    return level


def _shape(shape: str, harmonics: np.ndarray, frequency: float) -> np.ndarray:
    """Amplitudes of the harmonics of an unfiltered wave."""
    odd = harmonics % 2 == 1
    if shape == "sine":
        return (harmonics == 1).astype(float)
    if shape == "triangle":
        return np.where(odd, 1 / harmonics**2, 0.02 / harmonics)
    if shape == "square":
        return np.where(odd, 1 / harmonics, 0)
    if shape == "pulse":
        return np.abs(np.sin(np.pi * 0.25 * harmonics)) / harmonics
    if shape == "hollow":
        return np.where(odd, 1 / harmonics, 0.25 / harmonics)
    if shape == "organ":
        return np.isin(harmonics, (1, 2, 3, 4, 6, 8)) / harmonics**0.6
    if shape == "flute":
        return 1 / harmonics**2.4
    if shape == "vowel":
        hertz = harmonics * frequency
        formants = ((600, 120, 1.0), (1040, 140, 0.6), (2400, 240, 0.25))
        return (
            sum(level * np.exp(-(((hertz - at) / width) ** 2) / 2) for at, width, level in formants) + 0.25 / harmonics
        )
    return 1 / harmonics


def _filtered(voice: Voice, cutoff: float, frequency: float, rate: int) -> np.ndarray:
    """Amplitudes of harmonics 1, 2, … below 0.45 of the rate, through a 12 dB low-pass with a slight peak."""
    harmonics = np.arange(1, max(2, int(0.45 * rate / frequency)))
    over = harmonics * frequency / cutoff
    return (
        _shape(voice.shape, harmonics, frequency)
        * (1 + 0.5 * np.exp(-(((over - 1) / 0.3) ** 2)))
        / (1 + over**4) ** 0.5
    )


def _cutoff(voice: Voice, brightness: float, frequency: float) -> float:
    """In Hz, on a log scale from `low` to `high`, following the pitch a little."""
    return float(voice.low * (voice.high / voice.low) ** brightness * max(frequency / 220, 0.25) ** 0.35)


@lru_cache(maxsize=256)
def _pad_loop(name: str, shape: str, cutoff: float, detune: float, frequency: float, rate: int) -> np.ndarray:
    """(PAD_SAMPLES,): a loop whose partials are narrow bands of random phase."""
    voice = Voice("pad", shape)
    amplitudes = _filtered(voice, cutoff, frequency, rate)
    bins = np.zeros(PAD_SAMPLES // 2 + 1, dtype=np.float32)
    for harmonic, amplitude in enumerate(amplitudes[:64], start=1):
        centre = harmonic * frequency / rate * PAD_SAMPLES
        width = max(centre * (2 ** (detune / 1200) - 1) * 0.5, 0.6)
        first, last = max(1, int(centre - 3 * width)), min(len(bins), int(centre + 3 * width) + 2)
        offset = (np.arange(first, last) - centre) / width
        bins[first:last] += amplitude * np.exp(-0.5 * offset**2) / np.sqrt(width)
    phase = np.random.default_rng([int(frequency * 100), len(name)]).random(len(bins), dtype=np.float32) * np.float32(
        2 * np.pi
    )
    loop = scipy.fft.irfft(bins * np.exp(1j * phase)).astype(np.float32)
    return loop * np.float32(0.22 / max(float(loop.std()), 1e-9))


def _pad(voice: Voice, pitch: int, n_samples: int, brightness: float, rate: int, channels: int) -> np.ndarray:
    frequency = frequency_hz(pitch)
    loop = _pad_loop(voice.shape, voice.shape, _cutoff(voice, brightness, frequency), voice.detune, frequency, rate)
    offsets = [(channel * PAD_SAMPLES // 2 + pitch * 7919) % PAD_SAMPLES for channel in range(channels)]
    return np.stack([loop.take(np.arange(offset, offset + n_samples), mode="wrap") for offset in offsets])


def _cycle(voice: Voice, cutoff: float, frequency: float, rate: int) -> np.ndarray:
    """One period, (2**TABLE_BITS,), of the filtered wave."""
    amplitudes = _filtered(voice, cutoff, frequency, rate)
    spectrum = np.zeros((1 << TABLE_BITS) // 2 + 1, dtype=np.complex64)
    count = min(len(amplitudes), len(spectrum) - 1)
    spectrum[1 : count + 1] = -1j * amplitudes[:count]
    wave = scipy.fft.irfft(spectrum).astype(np.float32)
    return wave * np.float32(0.22 / max(float(wave.std()), 1e-9))


def _table(voice: Voice, pitch: int, n_samples: int, brightness: float, rate: int, channels: int) -> np.ndarray:
    frequency = frequency_hz(pitch)
    open_wave = _cycle(voice, _cutoff(voice, brightness, frequency), frequency, rate)
    closed_wave = _cycle(voice, _cutoff(voice, brightness * 0.35, frequency), frequency, rate)
    time = np.arange(n_samples, dtype=np.float32) * np.float32(1 / rate)
    closing = np.exp(time * np.float32(-1 / voice.sweep)) if voice.sweep else np.ones(n_samples, dtype=np.float32)
    layers = (-0.5, 0.5) if voice.detune else (0.0,)
    out = np.zeros((channels if voice.detune else 1, n_samples), dtype=np.float32)
    for layer, cents in enumerate(layers):
        index = _phase(frequency * 2 ** (cents * voice.detune / 1200), voice.vibrato, time, rate, layer * 0.37)
        tone = closed_wave[index]
        tone += closing * (open_wave - closed_wave)[index]
        out[layer % len(out)] += tone * (0.75 if len(out) == 1 and len(layers) == 2 else 1.0)
        if len(out) == 2:
            out[1 - layer] += 0.45 * tone
    if voice.breath:
        out += voice.breath * np.random.default_rng(pitch).standard_normal(n_samples, dtype=np.float32)
    return out


def _phase(frequency: float, vibrato: float, time: np.ndarray, rate: int, start: float) -> np.ndarray:
    """(L,) int64 indices into a table; unsigned arithmetic wraps by itself."""
    step = frequency / rate * 2**32
    if vibrato:
        depth = np.minimum(time / 0.4, 1) * np.float32(vibrato / 1200 * np.log(2))
        steps = step * (1 + depth * np.sin(np.float32(2 * np.pi * 5.3) * time))
        phase = np.cumsum(steps).astype(np.uint64)
    else:
        phase = np.arange(len(time), dtype=np.uint64) * np.uint64(step)
    phase += np.uint64(start * 2**32)
    return ((phase & np.uint64(0xFFFFFFFF)) >> np.uint64(32 - TABLE_BITS)).astype(np.int64)


def _partials(voice: Voice, pitch: int, n_samples: int, brightness: float, rate: int, channels: int) -> np.ndarray:
    frequency = frequency_hz(pitch)
    time = np.arange(n_samples, dtype=np.float32) * np.float32(1 / rate)
    out = np.zeros(n_samples, dtype=np.float32)
    longer = float(np.clip((262 / frequency) ** 0.5, 0.5, 1.6))
    for ratio, amplitude, decay in voice.partials:
        if ratio * frequency > 0.45 * rate:
            break
        level = amplitude * (0.35 + 0.65 * brightness) ** max(np.log2(ratio), 0)
        n_heard = min(n_samples, int(5 * decay * longer * rate))
        part = time[:n_heard]
        fade = np.exp(part * np.float32(-1 / (decay * longer)))
        out[:n_heard] += np.float32(level) * fade * np.sin(part * np.float32(2 * np.pi * ratio * frequency))
    return 0.5 * out[None]


def _fm(voice: Voice, pitch: int, n_samples: int, brightness: float, rate: int, channels: int) -> np.ndarray:
    frequency = np.float32(2 * np.pi * frequency_hz(pitch))
    time = np.arange(n_samples, dtype=np.float32) * np.float32(1 / rate)
    ratio = voice.ratio if voice.ratio * frequency_hz(pitch) < 0.4 * rate else 1.0
    depth = voice.index * (0.3 + 0.9 * brightness) * np.exp(time * np.float32(-1 / (0.45 * voice.decay)))
    tone = np.sin(frequency * time + depth.astype(np.float32) * np.sin(frequency * np.float32(ratio) * time))
    return 0.36 * tone[None]
