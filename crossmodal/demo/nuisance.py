"""What hides the music from its pictures: motion, light and sound that follow nothing."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import butter, sosfilt

from crossmodal.demo.music.effects import limit

TALK_HZ = (250, 900)
TALK, FILM = 51, 53  # the last number of a seed keeps both apart from what composes and cuts


@dataclass(frozen=True, slots=True)
class Nuisance:
    """How much of it; 0 is none, and then every byte is what it was without.

    Args:
        wander: standard deviation of the natural logarithm by which the pictures run faster or slower, at random.
        flicker: the same of their exposure.
        talk: loudness of an unsteady voice-like noise over the music, 1 as loud as the music in the mean.
    """

    wander: float = 0.0
    flicker: float = 0.0
    talk: float = 0.0


NO_NUISANCE = Nuisance()


def wandering(n_frames: int, fps: int, strength: float, seed: tuple[int, ...]) -> np.ndarray:
    """(T,) factors of the speed: slow drifts and jolts of a third of a second."""
    rng = np.random.default_rng([*seed, FILM])
    course = _course(n_frames, 1.2 * fps, rng) + _course(n_frames, 0.12 * fps, rng)
    return np.exp(strength / np.sqrt(2) * course)


def flickering(n_frames: int, fps: int, strength: float, seed: tuple[int, ...]) -> np.ndarray:
    """(T,) factors of the exposure: a bad lamp."""
    return np.exp(strength * _course(n_frames, 0.06 * fps, np.random.default_rng([*seed, FILM, 1])))


def talk_over(samples: np.ndarray, rate: int, strength: float, seed: tuple[int, ...]) -> np.ndarray:
    """`samples` (C, L) under syllables and pauses of band-limited noise; both together as loud as the music was."""
    rng = np.random.default_rng([*seed, TALK])
    n_steps = samples.shape[1] * 50 // rate + 2  # fifty a second: slower than the syllables
    loudness = np.exp(0.6 * (_course(n_steps, 3.5, rng) + _course(n_steps, 40, rng)))
    noise = rng.standard_normal(samples.shape[1], dtype=np.float32)
    voice = sosfilt(butter(3, TALK_HZ, "bandpass", fs=rate, output="sos"), noise)
    voice *= np.interp(np.arange(len(voice)) * 50 / rate, np.arange(n_steps), loudness)
    voice *= strength * samples.std() / max(float(voice.std()), 1e-9)
    return limit((samples + voice.astype(np.float32)) * np.float32(1 / np.hypot(1, strength)), rate)


def _course(n_steps: int, width: float, rng: np.random.Generator) -> np.ndarray:
    """(n_steps,) a random curve, smooth over `width` steps, of variance 1 in the long run."""
    reach = int(4 * width) + 1
    smooth = gaussian_filter1d(rng.standard_normal(n_steps + 2 * reach), width)[reach : reach + n_steps]
    return np.asarray(smooth * np.sqrt(2 * np.sqrt(np.pi) * width))
