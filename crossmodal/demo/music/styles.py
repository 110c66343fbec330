# ruff: noqa: E501  (a score is read in rows, one part a row)
"""The fifteen styles: who plays, in which patterns, how fast, in what room.

Patterns hold one bar of sixteenths (16 characters in 4/4, 12 in 3/4). Parts: `x` a stroke on the chord or its root, `5`
the fifth, `8` the octave, `-` held on, `.` silence. Arpeggios: digits count the chord's tones upwards. Drums: `x` loud,
`o` middle, `g` soft.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """One role of the band: it plays in sections whose energy reaches `enters`."""

    voices: tuple[str, ...]
    patterns: tuple[str, ...]
    enters: float
    level_db: float
    centre: int  # MIDI number round which it plays
    room: float = 0.3  # send to the reverb, 0-1
    echo: float = 0.0  # send to the echo, 0-1


@dataclass(frozen=True, slots=True)
class Style:
    """What all songs of a style share; the seed chooses within it."""

    name: str
    genre: str
    tempo_bpm: tuple[int, int]
    modes: tuple[str, ...]
    form: str
    kit: str
    beat: tuple[tuple[str, str, float], ...]  # piece, pattern, energy from which it plays
    parts: dict[str, Part]
    beats_a_bar: int = 4
    tones: int = 3  # in a chord
    bars_a_chord: int = 1
    swing: float = 0.0  # share of a sixteenth by which every second one is late
    loose: float = 0.003  # seconds by which players miss the grid
    duck: float = 0.0  # how far the kick pushes the others down, 0-1
    room: float = 1.6  # seconds of reverb
    echo_beats: float = 0.75
    crackle: bool = False


HELD = ("x---------------",)
# Sections: name, share of the length, energy from, to.
FORMS = {
    "song": (
        ("intro", 2, 0.2, 0.3),
        ("verse", 4, 0.45, 0.5),
        ("build", 2, 0.5, 0.8),
        ("chorus", 4, 0.9, 0.95),
        ("break", 2, 0.3, 0.22),
        ("build", 2, 0.4, 0.85),
        ("chorus", 4, 0.95, 1.0),
        ("outro", 2, 0.45, 0.15),
    ),
    "club": (
        ("intro", 3, 0.32, 0.5),
        ("verse", 4, 0.6, 0.68),
        ("break", 3, 0.2, 0.28),
        ("build", 2, 0.4, 0.85),
        ("chorus", 6, 0.95, 1.0),
        ("outro", 2, 0.5, 0.3),
    ),
    "swell": (
        ("intro", 3, 0.08, 0.22),
        ("verse", 4, 0.3, 0.48),
        ("build", 4, 0.5, 0.85),
        ("chorus", 4, 0.95, 1.0),
        ("break", 2, 0.25, 0.15),
        ("outro", 3, 0.4, 0.08),
    ),
    "calm": (
        ("intro", 2, 0.12, 0.24),
        ("verse", 4, 0.34, 0.42),
        ("chorus", 4, 0.6, 0.72),
        ("break", 2, 0.2, 0.16),
        ("verse", 3, 0.4, 0.5),
        ("chorus", 4, 0.7, 0.8),
        ("outro", 2, 0.3, 0.1),
    ),
    "bold": (
        ("chorus", 3, 0.85, 0.9),
        ("verse", 4, 0.5, 0.58),
        ("build", 2, 0.6, 0.85),
        ("chorus", 4, 0.95, 1.0),
        ("break", 3, 0.22, 0.35),
        ("chorus", 5, 0.9, 1.0),
        ("outro", 1, 0.5, 0.3),
    ),
}

_LEAD_SLOW = (
    "x-------x---x-----------x-------",
    "x-----x-x-------x-----x---------",
    "........x-------x---x-----------",
)
_LEAD_EASY = (
    "x---x---x-x---..x---x-----------",
    "..x-x---x---x-..x-------x---....",
    "x-----x---x-x---x-----x---......",
)
_LEAD_BUSY = (
    "x-x-x---x-x---x-x-x-x---x-------",
    "x-..x-x-..x-x---x-..x-x-x---x---",
    "x--x--x-x---x-x-x--x--x-x-------",
)
_LEAD_WALTZ = ("x---x-x---x-x-----------", "x-------x-x-x---x-------", "x---x---x---x-------....")
_FOUR = ("kick", "x...x...x...x...")

STYLES = (
    Style(
        "drift", "Ambient", (60, 72), ("lydian", "major", "dorian"), "swell", "hall",
        (("boom", "x...............", 0.7), ("shaker", "o...g...o...g...", 0.55)),
        {
            "pad": Part(("glass pad", "warm pad", "choir"), HELD, 0.0, -9, 62, 0.7),
            "arp": Part(("glass", "harp", "bell"), ("0...2...4...3...", "0.....3...2.....", "4...2...1...3.5."), 0.2, -13, 67, 0.7, 0.6),
            "lead": Part(("flute", "whistle", "felt piano"), _LEAD_SLOW, 0.45, -13, 72, 0.7, 0.4),
            "bass": Part(("sub", "low strings"), HELD, 0.3, -12, 38, 0.2),
        },
        tones=5, bars_a_chord=1, room=2.8, loose=0.012,
    ),
    Style(
        "dusk", "Lo-fi hip hop", (72, 86), ("dorian", "major", "minor"), "calm", "dusty",
        (("kick", "x......o.ox.....", 0.25), ("snare", "....x.......x...", 0.3), ("hat", "x.o.x.o.x.o.x.og", 0.35),
         ("rim", "......g....g..g.", 0.6)),
        {
            "chords": Part(("electric piano", "soft keys", "nylon guitar"), ("x-------..x-----", "x-----x-----x---", "..x---..x-------"), 0.0, -10, 60, 0.35),
            "bass": Part(("round bass", "upright"), ("x-----x-..x-5---", "x---..x-8---5---"), 0.3, -9, 40, 0.05),
            "lead": Part(("electric piano", "flute", "music box", "marimba"), _LEAD_EASY, 0.4, -13, 72, 0.45, 0.45),
            "pad": Part(("warm pad",), HELD, 0.5, -19, 62, 0.5),
        },
        tones=5, swing=0.3, loose=0.01, room=1.2, duck=0.25, crackle=True,
    ),
    Style(
        "undertow", "Trip hop", (84, 98), ("minor", "phrygian", "dorian"), "song", "break",
        (("kick", "x.....x...x.....", 0.35), ("snare", "....x..g.g..x...", 0.4), ("hat", "x.x.x.x.x.x.x.x.", 0.5), ("ride", "x...x...x...x...", 0.8)),
        {
            "pad": Part(("low strings", "strings", "choir"), HELD, 0.1, -13, 57, 0.5),
            "bass": Part(("reese", "sub"), ("x-----..x-x-....", "x---....x-..8-5-"), 0.3, -9, 38, 0.05),
            "arp": Part(("bell", "harp", "pluck"), ("0..3..2.4..3..2.", "0.2..3..4.2..3.."), 0.4, -15, 65, 0.5, 0.6),
            "lead": Part(("saw lead", "whistle"), _LEAD_SLOW, 0.7, -14, 69, 0.5, 0.5),
        },
        tones=4, swing=0.15, room=1.8,
    ),
    Style(
        "glow", "House", (118, 126), ("minor", "dorian", "major"), "club", "club",
        ((*_FOUR, 0.32), ("open", "..x...x...x...x.", 0.5), ("clap", "....x.......x...", 0.55), ("hat", "g.ogg.ogg.ogg.og", 0.7),
         ("conga", "...o..o....o..o.", 0.6)),
        {
            "chords": Part(("stab", "electric piano", "organ"), ("x..x..x...x..x..", "..x...x...x..x..", "x--x--x---x-x---"), 0.2, -12, 62, 0.3, 0.3),
            "bass": Part(("saw bass", "square bass", "round bass"), ("..x-..x-..x-..8-", "x..x..x-..x.8-x-", "..x.x-..8-x.x-.."), 0.4, -9, 38, 0.0),
            "pad": Part(("warm pad", "strings"), HELD, 0.15, -18, 62, 0.5),
            "lead": Part(("pluck", "saw lead", "whistle"), _LEAD_BUSY, 0.75, -14, 74, 0.4, 0.5),
        },
        tones=4, duck=0.6, room=1.5,
    ),
    Style(
        "steel", "Techno", (128, 138), ("minor", "phrygian"), "club", "techno",
        ((*_FOUR, 0.3), ("hat", "..x...x...x...x.", 0.4), ("hat", "gogggogggogggogg", 0.7), ("clap", "....x.......x...", 0.75), ("rim", "..o..o....o..o..", 0.5),
         ("low tom", "......o...o..o..", 0.85)),
        {
            "bass": Part(("acid", "saw bass", "square bass"), ("x.x.8.x.x.x8.x.x", "..xx..xx..xx..x8", "x..x..x.x..x8.5."), 0.3, -9, 36, 0.05, 0.2),
            "arp": Part(("pluck", "stab", "chip arp"), ("0..0..3.0..2..0.", "0.3.0.2.0.3.0.4.", "..0...2...0..3.."), 0.5, -14, 62, 0.4, 0.5),
            "pad": Part(("low strings", "choir", "warm pad"), HELD, 0.15, -18, 58, 0.6),
        },
        bars_a_chord=2, duck=0.5, room=2.2,
    ),
    Style(
        "neon", "Synthwave", (96, 112), ("minor", "major", "dorian"), "song", "gated",
        (("kick", "x.......x.......", 0.35), ("kick", "x...x...x...x...", 0.85), ("snare", "....x.......x...", 0.4), ("hat", "x.g.x.g.x.g.x.g.", 0.5),
         ("tom", "..............oo", 0.9)),
        {
            "bass": Part(("saw bass", "square bass"), ("x.x.x.x.x.x.x.x.", "x.xxx.xxx.xxx.xx", "x.8.x.8.x.8.x.8."), 0.3, -10, 38, 0.05),
            "pad": Part(("supersaw", "warm pad"), HELD, 0.1, -15, 62, 0.5),
            "arp": Part(("pluck", "square lead"), ("0123432101234321", "0.2.3.4.3.2.3.1.", "0240240240240241"), 0.45, -16, 67, 0.4, 0.5),
            "lead": Part(("saw lead", "square lead"), _LEAD_EASY, 0.7, -12, 74, 0.5, 0.5),
        },
        duck=0.35, room=2.0,
    ),
    Style(
        "rush", "Drum and bass", (166, 175), ("minor", "dorian"), "club", "break",
        (("kick", "x.........x.....", 0.3), ("snare", "....x.......x...", 0.35), ("hat", "x.x.x.x.x.x.x.x.", 0.45), ("snare", ".......g.g....g.", 0.6),
         ("ride", "..x...x...x...x.", 0.85), ("kick", ".......o........", 0.8)),
        {
            "bass": Part(("reese", "long 808", "sub"), ("x-----x-..x-----", "x--x--x---..8---", "x-..x---..x-5-8-"), 0.4, -8, 37, 0.0),
            "pad": Part(("glass pad", "strings", "choir"), HELD, 0.0, -14, 64, 0.6),
            "arp": Part(("bell", "pluck", "electric piano"), ("0.3.2.4.0.3.2.5.", "0..2..3.4..2..3."), 0.3, -15, 69, 0.5, 0.5),
            "lead": Part(("whistle", "saw lead"), _LEAD_SLOW, 0.8, -14, 74, 0.5, 0.4),
        },
        tones=4, bars_a_chord=2, duck=0.3, room=2.0,
    ),
    Style(
        "horizon", "Cinematic", (76, 96), ("minor", "dorian", "major"), "swell", "hall",
        (("boom", "x.......x.......", 0.6), ("low tom", "x..x..x.x..xx.x.", 0.75), ("tom", "....x..x....x.xx", 0.85), ("snare", "ggggggggggggggoo", 0.9)),
        {
            "pad": Part(("strings", "low strings"), HELD, 0.0, -11, 60, 0.6),
            "chords": Part(("low strings",), ("x.x.x.x.x.x.x.x.", "x.xxx.xxx.xxx.xx"), 0.4, -14, 55, 0.4),
            "arp": Part(("strings", "felt piano", "harp"), ("0.2.3.2.0.2.3.2.", "0123210101232101"), 0.3, -15, 67, 0.5),
            "lead": Part(("choir", "strings"), _LEAD_SLOW, 0.65, -11, 72, 0.6),
            "bass": Part(("low strings", "sub"), HELD, 0.35, -11, 36, 0.3),
        },
        room=2.8, loose=0.006,
    ),
    Style(
        "meadow", "Folk", (92, 116), ("major", "mixolydian", "lydian"), "calm", "hand",
        (("kick", "x.......x.......", 0.45), ("shaker", "x.o.x.o.x.o.x.o.", 0.4), ("clap", "....x.......x...", 0.65), ("conga", "..o..o....o..oo.", 0.6)),
        {
            "arp": Part(("steel guitar", "nylon guitar"), ("0.2.3.4.2.3.4.3.", "0.3.2.3.4.3.2.3.", "0.23.24.0.23.24."), 0.0, -9, 57, 0.25),
            "chords": Part(("steel guitar", "nylon guitar"), ("x---x-x-..x-x-x-", "x-x-..x-x-x---x-"), 0.5, -12, 60, 0.25),
            "bass": Part(("upright", "round bass"), ("x-----5-x-----5-", "x---..x-5---8---"), 0.35, -10, 40, 0.05),
            "lead": Part(("whistle", "flute", "marimba"), _LEAD_EASY, 0.5, -14, 74, 0.4, 0.2),
            "pad": Part(("strings",), HELD, 0.6, -17, 62, 0.5),
        },
        room=1.1, loose=0.009, swing=0.08,
    ),
    Style(
        "lantern", "Piano", (66, 104), ("major", "minor", "lydian", "dorian"), "calm", "brushes",
        (("hat", "....o.......o...", 0.7), ("kick", "x.......x.......", 0.75)),
        {
            "arp": Part(("felt piano",), ("0.2.3.2.4.2.3.2.", "0...2.3...4.3.2.", "0.3.4.3.5.3.4.3.", "0..2..3..2..4.3."), 0.0, -8, 58, 0.45),
            "lead": Part(("felt piano",), _LEAD_EASY, 0.3, -8, 74, 0.45),
            "bass": Part(("felt piano",), ("x-------5-------", "x---------------"), 0.2, -9, 40, 0.3),
            "pad": Part(("strings", "warm pad"), HELD, 0.55, -16, 62, 0.6),
        },
        tones=4, room=2.2, loose=0.012,
    ),
    Style(
        "pixel", "Chiptune", (136, 160), ("major", "mixolydian", "minor"), "bold", "chip",
        (("kick", "x..x..x.x..x..x.", 0.4), ("snare", "....x.......x...", 0.45), ("hat", "x.x.x.x.x.x.x.xx", 0.5), ("snare", "..............gg", 0.8)),
        {
            "lead": Part(("chip lead",), _LEAD_BUSY, 0.35, -13, 76, 0.15, 0.3),
            "arp": Part(("chip arp",), ("0120120120120120", "0.2.4.2.0.2.4.2.", "0123012301230123"), 0.1, -18, 64, 0.15),
            "bass": Part(("square bass", "round bass"), ("x.x.x.x.8.x.x.8.", "x-x-8-x-x-x-8-5-"), 0.4, -10, 40, 0.0),
        },
        room=0.7, echo_beats=0.5, loose=0.0,
    ),
    Style(
        "harbour", "Dub reggae", (68, 80), ("minor", "dorian", "mixolydian"), "song", "live",
        (("kick", "........x.......", 0.25), ("rim", "........x.......", 0.3), ("hat", "x.o.x.o.x.o.x.og", 0.35), ("conga", "...o..o....o..o.", 0.6)),
        {
            "chords": Part(("skank",), ("....x.......x...", "....x.x.....x.x.", "..x...x...x...x."), 0.1, -11, 62, 0.4, 0.55),
            "bass": Part(("round bass", "sub"), ("x-..x-8---..5-..", "..x-x---..5-8-x-", "x---..x-5-x-...."), 0.25, -7, 38, 0.0),
            "lead": Part(("organ", "flute"), _LEAD_EASY, 0.5, -15, 70, 0.5, 0.6),
            "pad": Part(("organ",), HELD, 0.7, -21, 62, 0.5),
        },
        swing=0.2, loose=0.008, room=2.4,
    ),
    Style(
        "mirror", "Disco", (110, 120), ("dorian", "minor", "major"), "bold", "live",
        ((*_FOUR, 0.3), ("hat", "x.g.x.g.x.g.x.g.", 0.35), ("open", "..x...x...x...x.", 0.6), ("snare", "....x.......x...", 0.5), ("conga", "..oo..o...oo..o.", 0.75)),
        {
            "bass": Part(("saw bass", "round bass", "upright"), ("x.8.x.8.x.8.x.8.", "x..x8.x..x.x8.5.", "x.xx8..xx.x.8.5."), 0.35, -8, 38, 0.0),
            "chords": Part(("electric piano", "nylon guitar", "stab"), ("..x.x..x..x.x..x", "x..x..x.x..x..x.", ".xx..xx..xx..xx."), 0.2, -12, 62, 0.25),
            "pad": Part(("strings",), HELD, 0.55, -14, 69, 0.5),
            "lead": Part(("strings", "square lead", "whistle"), _LEAD_BUSY, 0.75, -13, 76, 0.4, 0.2),
        },
        tones=4, room=1.3, duck=0.2,
    ),
    Style(
        "vault", "Trap", (134, 150), ("minor", "phrygian"), "song", "trap",
        (("kick", "x......x..x.....", 0.35), ("clap", "........x.......", 0.4), ("hat", "x.x.x.x.x.x.x.x.", 0.45), ("hat", "..........g.ggg.", 0.7),
         ("open", "..............x.", 0.8)),
        {
            "bass": Part(("long 808",), ("x------x--x-----", "x---------x-..8-", "x-----x---..x---"), 0.35, -6, 34, 0.0),
            "arp": Part(("bell", "pluck", "glass", "harp"), ("0...3...2...3...", "0..3..4...3..2..", "0.3.4...2.3....."), 0.05, -11, 67, 0.5, 0.5),
            "pad": Part(("choir", "low strings", "strings"), HELD, 0.3, -17, 57, 0.5),
            "lead": Part(("whistle", "flute", "square lead"), _LEAD_SLOW, 0.7, -14, 72, 0.5, 0.4),
        },
        tones=3, bars_a_chord=2, room=1.8, echo_beats=1.5,
    ),
    Style(
        "carousel", "Waltz", (108, 144), ("major", "minor", "lydian"), "calm", "brushes",
        (("kick", "x...........", 0.4), ("hat", "....o...o...", 0.45), ("shaker", "x.g.o.g.o.g.", 0.65), ("ride", "x...g...g...", 0.8)),
        {
            "chords": Part(("nylon guitar", "felt piano", "harp"), ("....x---x---", "....x-..x-.."), 0.1, -11, 60, 0.35),
            "bass": Part(("upright", "felt piano", "low strings"), ("x-------....", "x---....5---"), 0.2, -9, 40, 0.15),
            "lead": Part(("music box", "flute", "strings", "whistle"), _LEAD_WALTZ, 0.1, -11, 76, 0.5, 0.15),
            "arp": Part(("harp", "music box", "glass"), ("0.2.3.4.3.2.", "0.1.2.3.2.1."), 0.55, -15, 69, 0.5),
            "pad": Part(("strings", "warm pad"), HELD, 0.5, -16, 62, 0.55),
        },
        beats_a_bar=3, room=1.9, loose=0.01,
    ),
)  # fmt: skip
