"""What a song is before it sounds: sections, bars, and the notes and hits of each part."""

from dataclasses import dataclass, field

from crossmodal.demo.music.styles import Style

ROLES = ("pad", "chords", "arp", "lead", "bass")


@dataclass(frozen=True, slots=True)
class Note:
    """One tone of one part; times in seconds."""

    role: str
    time: float
    length: float
    pitch: int
    velocity: float  # 0-1
    brightness: float  # 0-1: how far the voice's filter is open


@dataclass(frozen=True, slots=True)
class Hit:
    """One stroke of the drum kit, or one effect (riser, impact); `length` is used by risers only."""

    piece: str
    time: float
    velocity: float
    length: float = 0.0


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of bars of one character; energy runs from `rise[0]` to `rise[1]`."""

    name: str
    first_bar: int
    n_bars: int
    rise: tuple[float, float]
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Song:
    """A whole composition. `energy` has one value a bar (0-1); `bright_bars` says which bars stand on a major chord."""

    seed: tuple[int, ...]
    title: str
    style: Style
    tonic: int
    mode: str
    tempo_bpm: float
    beats_a_bar: int
    duration: float
    sections: tuple[Section, ...]
    energy: tuple[float, ...]
    bright_bars: tuple[bool, ...]
    voices: dict[str, str] = field(repr=False)
    notes: tuple[Note, ...] = field(repr=False)
    hits: tuple[Hit, ...] = field(repr=False)

    @property
    def beat(self) -> float:
        """Seconds of a beat."""
        return 60.0 / self.tempo_bpm

    @property
    def bar(self) -> float:
        """Seconds of a bar."""
        return self.beat * self.beats_a_bar
