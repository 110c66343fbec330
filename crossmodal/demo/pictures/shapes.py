"""Scenes of shapes: posters, orbits, mandalas, rings, seeds, paper, strings."""

import math

import numpy as np

from crossmodal.demo.pictures.canvas import ASPECT, Canvas, Moment, Palette, inside, over, smooth, tint


class Poster:
    """A wall of tiles - arcs, discs, leaves, stripes - that turn with the beat."""

    def __init__(self, canvas: Canvas, palette: Palette, rng: np.random.Generator) -> None:
        self.canvas, self.colours = canvas, palette.colours
        self.cell = float(rng.choice((0.5, 0.67, 1.0)))
        columns, rows = int(np.ceil(2 * ASPECT / self.cell)) + 3, int(np.ceil(2 / self.cell)) + 1
        self.kinds = rng.integers(0, 6, (rows, columns))
        self.turns = rng.integers(0, 4, (rows, columns))
        self.listens = rng.integers(0, 4, (rows, columns))
        self.ground = rng.integers(0, 5, (rows, columns))
        self.ink = (self.ground + rng.integers(1, 5, (rows, columns))) % 5

    def draw(self, now: Moment) -> np.ndarray:
        canvas, cell = self.canvas, self.cell
        picture = np.empty((3, canvas.height, canvas.width), dtype=np.float32)
        n_rows, n_columns = self.kinds.shape
        beats, way = int(now.beat), min(now.beat % 1 / 0.45, 1.0)
        eased = way * way * (3 - 2 * way)
        shift = now.phase * 0.22
        first = int(np.floor((float(canvas.x[0, 0]) + shift) / cell))
        for row in range(n_rows):
            top = 1 - row * cell if cell != 0.67 else 1.005 - row * cell
            for column in range(first, first + int(2 * ASPECT / cell) + 3):
                left = column * cell - shift
                part = self._part(left, top)
                if part is None:
                    continue
                tile = (row, column % n_columns)
                moved = beats + self.listens[tile]
                turn = self.turns[tile] + (moved // 4) + (eased if moved % 4 == 3 else 0)
                self._tile(picture, part, (left + cell / 2, top - cell / 2), tile, float(turn) * np.pi / 2, now)
        return picture

    def _part(self, left: float, top: float) -> tuple[slice, slice] | None:
        x, y = self.canvas.x[0], self.canvas.y[:, 0]
        columns = slice(int(np.searchsorted(x, left)), int(np.searchsorted(x, left + self.cell)))
        rows = slice(int(np.searchsorted(-y, -top)), int(np.searchsorted(-y, -top + self.cell)))
        return (rows, columns) if rows.stop > rows.start and columns.stop > columns.start else None

    def _tile(
        self,
        picture: np.ndarray,
        part: tuple[slice, slice],
        centre: tuple[float, float],
        tile: tuple[int, int],
        angle: float,
        now: Moment,
    ) -> None:
        dx, dy = self.canvas.x[:, part[1]] - np.float32(centre[0]), self.canvas.y[part[0]] - np.float32(centre[1])
        cos, sin, half = np.float32(np.cos(angle)), np.float32(np.sin(angle)), np.float32(self.cell / 2)
        u, v = (cos * dx + sin * dy) / half, (cos * dy - sin * dx) / half
        beat = now.pulse if self.listens[tile] % 2 else now.spark
        distance = _tile_shape(int(self.kinds[tile]), u, v, np.float32(beat), np.float32(now.phase)) * half
        cover = inside(distance, self.canvas.px)
        ground, ink = self.colours[self.ground[tile]], self.colours[self.ink[tile]]
        picture[:, part[0], part[1]] = ground + (ink - ground) * cover


def _tile_shape(kind: int, u: np.ndarray, v: np.ndarray, beat: np.float32, phase: np.float32) -> np.ndarray:
    """Signed distance of a tile's figure, in half tiles; u, v in -1..1."""
    if kind == 0:
        return np.sqrt((u + 1) ** 2 + (v + 1) ** 2) - (1.55 + 0.4 * beat)
    if kind == 1:
        return np.sqrt(u * u + v * v) - (0.52 + 0.36 * beat)
    if kind == 2:
        return np.maximum(np.sqrt((u + 1) ** 2 + (v + 1) ** 2), np.sqrt((u - 1) ** 2 + (v - 1) ** 2)) - 2.0
    if kind == 3:
        return np.abs((u * 2 + phase * 0.5) % 1 - 0.5) * 0.5 - (0.1 + 0.06 * beat) + 0 * v
    if kind == 4:
        return np.maximum(np.sqrt(u * u + v * v) - 0.92, v - 0.5 * beat)
    ring = np.sqrt((u + 1) ** 2 + (v - 1) ** 2)
    return np.abs((ring * 1.5) % 1 - 0.5) / 1.5 - (0.12 + 0.08 * beat)


class Orbits:
    """Bodies on rings with trails behind them; the centre breathes with the low strokes."""

    def __init__(self, canvas: Canvas, palette: Palette, rng: np.random.Generator) -> None:
        self.canvas, self.colours = canvas, palette.colours
        self.centre = (float(rng.uniform(-0.5, 0.5)), float(rng.uniform(-0.15, 0.15)))
        tilt = float(rng.uniform(0.0, 0.5))
        dx, dy = canvas.x - np.float32(self.centre[0]), (canvas.y - np.float32(self.centre[1])) * np.float32(1 + tilt)
        self.radius = np.sqrt(dx * dx + dy * dy)
        angle = np.arctan2(dy, dx)
        self.rings = np.array([0.3, 0.46, 0.64, 0.84, 1.08, 1.36, 1.7])
        self.nearest = np.abs(self.radius - self.rings.astype(np.float32)[:, None, None]).argmin(axis=0)  # (H, W)
        self.off = np.abs(self.radius - self.rings.astype(np.float32)[self.nearest])
        self.angle, self.tilt = angle, tilt
        self.speeds = 1.5 / self.rings**1.1 * rng.choice((-1, 1), 7)
        self.start = rng.uniform(0, 6.28, 7)
        self.sizes = rng.uniform(0.035, 0.085, 7).tolist()
        self.ink = self.colours[rng.choice((2, 3, 3, 4), 7)]  # (7, 3, 1, 1)
        self.ink_there = self.ink[:, :, 0, 0].T.take(self.nearest, axis=1)  # (3, H, W)
        self.ground = self.colours[0] + (self.colours[1] - self.colours[0]) * (0.85 * np.exp(-1.1 * self.radius))
        self.lines = (inside(self.off - np.float32(0.003), canvas.px) * np.float32(0.16)) * self.colours[4]

    def draw(self, now: Moment) -> np.ndarray:
        canvas = self.canvas
        angles = (self.start + self.speeds * now.phase) % (2 * np.pi)
        turn = np.sign(self.speeds).astype(np.float32)
        behind = ((angles.astype(np.float32)[self.nearest] - self.angle) * turn[self.nearest]) % np.float32(2 * np.pi)
        trail = np.exp(behind * np.float32(-1.1)) * inside(self.off - np.float32(0.012 + 0.01 * now.level), canvas.px)
        picture = self.ground + self.lines
        picture = picture + (trail * np.float32(0.35 + 0.65 * now.light)) * self.ink_there
        core = np.float32(0.13 * (1 + 0.35 * now.pulse))
        glow = np.exp(-np.maximum(self.radius - core, 0) * 7) * np.float32(0.2 + 0.5 * now.pulse)
        picture = picture + glow * self.colours[3]
        picture = picture + (self.colours[4] - picture) * inside(self.radius - core, canvas.px)
        for ring, angle, size, ink in zip(self.rings.tolist(), angles.tolist(), self.sizes, self.ink, strict=True):
            cx = self.centre[0] + ring * math.cos(angle)
            cy = self.centre[1] + ring * math.sin(angle) / (1 + self.tilt)
            size *= 1 + 0.5 * now.spark
            rows, columns = canvas.patch(cx, cy, size + 2 * canvas.px)
            away = np.sqrt((canvas.x[:, columns] - cx) ** 2 + (canvas.y[rows] - cy) ** 2)
            cover = inside(away - size, canvas.px)
            picture[:, rows, columns] += (ink - picture[:, rows, columns]) * cover
        return picture


class Mandala:
    """Flowers within flowers that turn against each other and open with the loudness."""

    def __init__(self, canvas: Canvas, palette: Palette, rng: np.random.Generator) -> None:
        self.canvas, self.ramp = canvas, palette.ramp()
        centre = (float(rng.choice((-0.7, 0.0, 0.0, 0.7))), float(rng.choice((-0.4, 0.0, 0.0))))
        self.radius, self.angle = canvas.polar(centre)
        self.petals = rng.choice((5, 6, 7, 8, 9, 12), 6).tolist()
        self.sharp = rng.uniform(0.12, 0.34, 6).tolist()
        self.start = rng.uniform(0, 6.28, 6).tolist()

    def draw(self, now: Moment) -> np.ndarray:
        tone = 0.08 + 0.12 * np.exp(-self.radius * self.radius)
        for layer in range(6):
            size = (1.5, 1.12, 0.84, 0.58, 0.36, 0.17)[layer] * (0.82 + 0.3 * now.level + 0.1 * now.pulse)
            turn = self.start[layer] + now.phase * 0.42 * (-1) ** layer * (1 + 0.3 * layer)
            petal = np.abs(np.cos((self.angle + np.float32(turn)) * np.float32(self.petals[layer] / 2)))
            edge = np.float32(size) * (1 - np.float32(self.sharp[layer]) + np.float32(self.sharp[layer]) * petal)
            shade = (0.22, 0.42, 0.6, 0.34, 0.8, 0.98)[layer] + 0.14 * (self.radius / np.float32(size) - 0.6)
            shade = shade + np.float32(0.15 * (now.spark if layer % 2 else now.pulse))
            over(tone, shade, inside(self.radius - edge, self.canvas.px * 1.4))
        return tint(tone, self.ramp)


class Rings:
    """Two sets of waves that run through each other: op art with soft edges."""

    def __init__(self, canvas: Canvas, palette: Palette, rng: np.random.Generator) -> None:
        self.canvas, self.colours = canvas, palette.colours
        self.apart = float(rng.uniform(0.5, 1.2))
        self.wave = float(rng.uniform(13, 24))
        self.orbit = float(rng.uniform(0, 6.28))
        self.pick = rng.choice(((0, 4, 2), (1, 3, 4), (0, 3, 2)), 1)[0]

    def draw(self, now: Moment) -> np.ndarray:
        angle = self.orbit + 0.25 * now.phase
        a = (self.apart * math.cos(angle), 0.5 * self.apart * math.sin(angle))
        canvas = self.canvas
        near, far = (
            np.sqrt((canvas.x - np.float32(sign * a[0])) ** 2 + (canvas.y - np.float32(sign * a[1])) ** 2)
            for sign in (1, -1)
        )
        run, wave = np.float32(now.phase * 3.2), np.float32(self.wave)
        field = np.sin(near * wave - run) * np.sin(far * wave - run * np.float32(0.8))
        soft = max(0.5 * self.wave * canvas.px, 0.06)
        ground, ink, light = (self.colours[k] for k in self.pick)
        cover = np.clip(0.5 + (field + np.float32(0.12 - 0.5 * now.pulse)) / np.float32(2 * soft), 0, 1)
        glow = np.exp(-near * np.float32(1.5)) * np.float32(0.25 + 0.75 * now.light)
        picture = ground + (ink - ground) * cover
        return picture + (light - picture) * (glow * (0.3 + 0.7 * cover))


class Seeds:
    """A sunflower of dots; waves run from its middle to its rim."""

    def __init__(self, canvas: Canvas, palette: Palette, rng: np.random.Generator) -> None:
        self.canvas, self.palette = canvas, palette
        count = 190
        k = np.arange(count) + 0.5
        self.radius = 1.5 * np.sqrt(k / count)
        self.angle = k * 2.399963
        self.turn = float(rng.choice((-1, 1)) * rng.uniform(0.14, 0.3))
        self.ink = palette.ramp().T[(250 + 250 * (k / count)[:: int(rng.choice((1, -1)))]).astype(int), :, None, None]
        self.ground = palette.colours[0] + (palette.colours[1] - palette.colours[0]) * (
            0.6 * np.exp(-canvas.polar()[0])
        )

    def draw(self, now: Moment) -> np.ndarray:
        canvas, picture = self.canvas, self.ground.copy()
        wave = np.sin(self.radius * 5.5 - now.phase * 3.0)
        size = 0.026 + 0.02 * self.radius + (0.012 + 0.03 * now.level) * np.maximum(wave, 0) + 0.012 * now.pulse
        angle = self.angle + self.turn * now.phase
        radius = self.radius * (1 + 0.03 * now.pulse)
        xs, ys = radius * np.cos(angle) * 1.15, radius * np.sin(angle)
        strength = np.clip(0.55 + 0.35 * now.light + 0.3 * wave * now.level + 0.3 * now.spark, 0.2, 1.15)
        for cx, cy, r, s, ink in zip(xs, ys, size, strength, self.ink, strict=True):
            rows, columns = canvas.patch(cx, cy, r + 2 * canvas.px)
            if rows.stop <= rows.start or columns.stop <= columns.start:
                continue
            away = np.sqrt((canvas.x[:, columns] - np.float32(cx)) ** 2 + (canvas.y[rows] - np.float32(cy)) ** 2)
            cover = inside(away - np.float32(r), canvas.px)
            picture[:, rows, columns] += (ink * np.float32(s) - picture[:, rows, columns]) * cover
        return picture


class Paper:
    """Sheets of cut paper, one over the other, each with its shadow; the cuts wander."""

    def __init__(self, canvas: Canvas, palette: Palette, rng: np.random.Generator) -> None:
        self.canvas, self.ramp = canvas, palette.ramp()
        self.turn = rng.uniform(0, 6.28, 5).tolist()
        self.scale = float(rng.uniform(0.8, 1.25))
        self.n_sheets = int(rng.integers(5, 8))
        self.flip = bool(rng.integers(2))

    def draw(self, now: Moment) -> np.ndarray:
        x, y = self.canvas.x * np.float32(self.scale), self.canvas.y * np.float32(self.scale)
        a, b, c, d, e = self.turn
        t = now.phase * 0.5
        field = np.sin(1.5 * x + a + t + 0.8 * np.sin(1.7 * y + b)) + np.sin(
            2.0 * y + c - 0.8 * t + 0.7 * np.sin(1.3 * x + d + t)
        )
        field += 0.5 * np.sin(np.float32(2.3) * x + np.float32(1.9) * y + np.float32(e + 1.3 * t))
        field = field * np.float32(0.2 * (1 + 0.12 * now.pulse)) + np.float32(0.5 + 0.1 * (now.level - 0.5))
        step = field * self.n_sheets
        sheet = np.floor(step)
        into = step - sheet
        edge = np.float32(4.5 * self.n_sheets * 0.2 * self.canvas.px * self.scale)
        shade = (sheet + np.clip(into / edge, 0, 1) - 1) / (self.n_sheets - 1)
        shadow = np.exp(-(1 - into) * 5.0) * np.float32(0.11 + 0.03 * now.level)
        shade = shade if not self.flip else 1 - shade
        return tint(0.1 + 0.84 * shade - shadow + np.float32(0.1 * now.spark) * shade, self.ramp)


class Strings:
    """Twenty strings that swing; the louder, the wider."""

    def __init__(self, canvas: Canvas, palette: Palette, rng: np.random.Generator) -> None:
        self.canvas, self.palette = canvas, palette
        self.count = 20
        self.freq = rng.uniform(1.0, 3.2, (self.count, 2)).tolist()
        self.start = rng.uniform(0, 6.28, (self.count, 2)).tolist()
        self.ink = palette.ramp().T[np.linspace(170, 500, self.count).astype(int), :, None, None]
        self.ground = palette.colours[0] + (palette.colours[1] - palette.colours[0]) * smooth(1.2, -1.2, canvas.y) * 0.8
        self.ground = self.ground + canvas.zeros()

    def draw(self, now: Moment) -> np.ndarray:
        canvas, picture = self.canvas, self.ground.copy()
        x, y = canvas.x[0], canvas.y[:, 0]
        envelope = np.exp(-((x / 1.1) ** 2))
        for k in range(self.count):
            rest = 0.9 - 1.8 * k / (self.count - 1)
            (f, g), (a, b) = self.freq[k], self.start[k]
            swing = np.sin(2.2 * f * x + a + now.phase * 1.6) * np.sin(1.3 * g * x + b - now.phase * 1.1)
            line = rest + envelope * swing * (0.06 + 0.34 * now.level + 0.12 * now.pulse)
            half = 0.008 + 0.006 * now.level + 0.008 * now.spark
            low, high = float(line.min()) - 0.05, float(line.max()) + 0.05
            rows = slice(int(np.searchsorted(-y, -high)), int(np.searchsorted(-y, -low)))
            if rows.stop <= rows.start:
                continue
            slope = np.gradient(line, x)
            away = np.abs(y[rows, None] - line[None]) / np.sqrt(1 + slope**2)[None] - half
            cover = inside(away, canvas.px)
            picture[:, rows] += (self.ink[k] * np.float32(0.75 + 0.4 * now.light) - picture[:, rows]) * cover
        return picture
