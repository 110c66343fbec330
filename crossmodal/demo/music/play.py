"""A score made to sound: notes into parts, parts through room, echo and duck, all of it to one loudness."""

import numpy as np

from crossmodal.demo.music.drums import MIX, DrumKit
from crossmodal.demo.music.effects import duck, echo, lighten, limit, loudness_lufs, reverb
from crossmodal.demo.music.score import ROLES, Note, Song
from crossmodal.demo.music.voices import sound

LOUDNESS_LUFS = -16.0
TAIL = 1.6  # seconds before a passage whose notes still ring into it
PAN = {"pad": 0.0, "chords": -0.22, "arp": 0.3, "lead": 0.06, "bass": 0.0}


def play(
    song: Song, *, rate: int = 44_100, channels: int = 2, start: float = 0.0, end: float | None = None
) -> np.ndarray:
    """The sound of a song, or of a passage of it.

    Args:
        song: the score.
        rate: samples a second.
        channels: 1 or 2.
        start: second at which the passage begins.
        end: where it stops; None: the song's end.

    Returns:
        float32 (channels, L), peaks at or below -1.5 dBFS. A whole song has -16 LUFS; a passage is about as
        loud as it is within its song.
    """
    end = song.duration if end is None else end
    lead_in = min(start, TAIL)
    stage = _Stage(song, rate, channels, start - lead_in, end)
    mix = stage.mix()
    is_whole = start == 0.0 and end >= song.duration
    if is_whole:
        gain = 10 ** ((LOUDNESS_LUFS - loudness_lufs(mix, rate)) / 20)
    else:
        gain = 10 ** ((LOUDNESS_LUFS - TYPICAL_LUFS[channels]) / 20)
    return limit(mix * np.float32(gain), rate)[:, round(lead_in * rate) :]


# Loudness of a mix of 1 or 2 channels before its gain: the median of a song of each style, which lie within 5 dB.
TYPICAL_LUFS = {1: -17.5, 2: -14.4}


class _Stage:
    """Buffers of one performance; times are counted from `start`."""

    def __init__(self, song: Song, rate: int, channels: int, start: float, end: float) -> None:
        self.song, self.rate, self.channels, self.start, self.end = song, rate, channels, start, end
        self.n_samples = round((end - start) * rate)
        self.wet = np.zeros(self.n_samples, dtype=np.float32)  # what goes to the reverb
        self.taps = np.zeros((channels, self.n_samples), dtype=np.float32)  # what goes to the echo

    def mix(self) -> np.ndarray:
        """(channels, L), not yet at its loudness."""
        style, seed = self.song.style, self.song.seed[-1]
        drums, kicks = self._drums()
        pump = (
            duck(kicks, self.n_samples, self.rate, style.duck, min(self.song.beat * 0.9, 0.45)) if style.duck else None
        )
        out = drums
        for role in ROLES:
            if role in style.parts:
                out += self._part(role, pump)
        out += echo(self.taps, style.echo_beats * self.song.beat, self.rate)
        self.wet += 0.3 * self.taps.mean(axis=0)
        out += 0.5 * reverb(self.wet, style.room, self.rate, self.channels, seed)
        return lighten(out, self.rate)

    def _part(self, role: str, pump: np.ndarray | None) -> np.ndarray:
        part = self.song.style.parts[role]
        out = np.zeros((self.channels, self.n_samples), dtype=np.float32)
        voice = self.song.voices[role]
        made: dict[tuple[int, int, int], np.ndarray] = {}
        grain = int(self.rate * 0.02)
        for note in self.song.notes:
            if note.role != role or note.time >= self.end or note.time + note.length + 1.5 < self.start:
                continue
            n_held = max(1, round(note.length * self.rate / grain)) * grain
            key = (note.pitch, n_held, round(note.brightness * 7))
            if key not in made:
                made[key] = sound(voice, note.pitch, n_held, note.brightness, self.rate, self.channels)
            self._place(out, made[key], note.time, note.velocity**1.4, _pan(role, note))
        out *= np.float32(10 ** (part.level_db / 20) * 1.6)
        if pump is not None:
            out *= pump
        self.wet += part.room * out.mean(axis=0)
        if part.echo:
            self.taps += part.echo * 0.6 * out
        return out

    def _place(self, out: np.ndarray, samples: np.ndarray, time: float, gain: float, pan: float) -> None:
        """Add `samples` (1 or C, L) at a time; a mono sound is panned."""
        first = round((time - self.start) * self.rate)
        skip = max(0, -first)
        last = min(first + samples.shape[-1], self.n_samples)
        if last <= max(first, 0):
            return
        part = samples[:, skip : last - first]
        for channel in range(self.channels):
            side = 1.0 if self.channels == 1 else 1.0 + pan * (1 if channel else -1)
            out[channel, first + skip : last] += np.float32(gain * side) * part[channel % len(part)]

    def _drums(self) -> tuple[np.ndarray, np.ndarray]:
        kit = DrumKit(self.song.style.kit, self.rate, self.song.seed[-1])
        out = np.zeros((self.channels, self.n_samples), dtype=np.float32)
        kicks = []
        for hit in self.song.hits:
            if hit.time >= self.end or hit.time + max(hit.length, 2.0) < self.start:
                continue
            if hit.piece == "kick":
                kicks.append(hit.time - self.start)
            self._place(out, kit.sound(hit.piece, hit.length)[None], hit.time, hit.velocity, MIX[hit.piece][1])
        self.wet += 0.12 * out.mean(axis=0)
        return out, np.array(kicks)


def _pan(role: str, note: Note) -> float:
    return PAN[role] + (0.12 if note.pitch % 2 else -0.12) * (role == "arp")
