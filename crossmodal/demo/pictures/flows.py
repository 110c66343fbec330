"""Scenes without things: silk, kaleidoscope, lava, tunnel, stars, fireworks."""

import math

import numpy as np

from crossmodal.demo.pictures.canvas import Canvas, Moment, Palette, over, smooth, splat, tint


class Silk:
    """Folds of cloth that flow over each other."""

    def __init__(self, canvas: Canvas, palette: Palette, rng: np.random.Generator) -> None:
        self.canvas, self.ramp = canvas, palette.ramp()
        angle = float(rng.uniform(0, 3.14))
        self.u = (np.cos(angle) * canvas.x + np.sin(angle) * canvas.y).astype(np.float32)
        self.v = (np.cos(angle) * canvas.y - np.sin(angle) * canvas.x).astype(np.float32)
        self.start = rng.uniform(0, 6.28, 4).tolist()
        self.folds = float(rng.uniform(2.2, 4.2))

    def draw(self, now: Moment) -> np.ndarray:
        a, b, c, d = self.start
        t = np.float32(now.phase * 0.8)
        warp = np.sin(1.6 * self.v + t + a) + 0.5 * np.sin(2.1 * self.u - np.float32(0.7) * t + b)
        fold = np.sin(
            np.float32(self.folds) * (self.u + np.float32(0.32 + 0.1 * now.level) * warp) + np.float32(1.1) * t + c
        )
        sheen = np.sin(np.float32(3.1) * self.v + np.float32(1.5) * warp + fold + d - t)
        tone = 0.42 + 0.3 * fold + 0.16 * sheen * fold
        tone += np.float32(0.16 + 0.22 * now.pulse) * smooth(0.82, 1.0, fold)
        return tint(tone, self.ramp)


class Kaleidoscope:
    """Mirrors round the middle, and coloured glass that turns behind them."""

    def __init__(self, canvas: Canvas, palette: Palette, rng: np.random.Generator) -> None:
        self.canvas, self.ramp = canvas, palette.ramp()
        radius, angle = canvas.polar()
        wedge = np.float32(np.pi / rng.choice((3, 4, 5, 6, 8)))
        folded = np.abs(angle % (2 * wedge) - wedge)
        self.x, self.y = radius * np.cos(folded), radius * np.sin(folded)
        self.radius = radius
        self.start = rng.uniform(0, 6.28, 4).tolist()
        self.fine = float(rng.uniform(3.0, 5.0))

    def draw(self, now: Moment) -> np.ndarray:
        a, b, c, d = self.start
        turn, scale = 0.22 * now.phase, np.float32(self.fine * (1 - 0.07 * now.pulse))
        cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
        u, v = (cos * self.x + sin * self.y) * scale, (cos * self.y - sin * self.x) * scale
        field = np.sin(u + np.float32(a + now.phase * 0.9)) + np.sin(
            v * np.float32(1.3) + np.float32(b) + np.sin(u * np.float32(0.7) + np.float32(c))
        )
        glass = np.sin(field * np.float32(2.1) + self.radius * np.float32(2.0) - np.float32(now.phase * 0.8 + d))
        tone = 0.48 + 0.34 * glass + 0.1 * field
        tone += np.float32(0.28 * now.spark) * smooth(0.75, 1.0, glass) - 0.1 * self.radius
        return tint(tone, self.ramp)


class Lava:
    """Drops that part and melt together."""

    def __init__(self, canvas: Canvas, palette: Palette, rng: np.random.Generator) -> None:
        self.canvas, self.ramp = canvas, palette.ramp()
        self.count = 8
        self.size = rng.uniform(0.16, 0.34, self.count)
        self.freq = rng.uniform(0.35, 1.0, (self.count, 2))
        self.start = rng.uniform(0, 6.28, (self.count, 2))
        self.ground = 0.1 + 0.16 * (1 - canvas.y) / 2 + canvas.zeros()

    def draw(self, now: Moment) -> np.ndarray:
        x, y = self.canvas.x, self.canvas.y
        field, lean = self.canvas.zeros(), self.canvas.zeros()
        centres = np.sin(self.freq * now.phase + self.start) * (1.45, 0.85)
        sizes = self.size * (1 + 0.22 * now.pulse) * (0.85 + 0.35 * now.level)
        for (cx, cy), size in zip(centres.tolist(), sizes.tolist(), strict=True):
            dx, dy = x - cx, y - cy
            near = np.float32(size * size) / (dx * dx + dy * dy + np.float32(1e-3))
            field += near
            lean += near * dy * np.float32(1 / size)
        soft = np.float32(9 * self.canvas.px)
        drop = smooth(1 - float(soft), 1 + float(soft), field)
        light = lean / np.maximum(field, 0.3)
        tone = self.ground + 0.14 * np.minimum(field, 1)
        over(
            tone,
            0.56
            + np.float32(0.24 + 0.1 * now.light) * light
            + np.float32(0.12) * np.tanh(field - 1)
            + np.float32(0.14 * now.spark),
            drop,
        )
        return tint(tone, self.ramp)


class Tunnel:
    """A flight through a twisted tube of ribs."""

    def __init__(self, canvas: Canvas, palette: Palette, rng: np.random.Generator) -> None:
        self.canvas, self.ramp = canvas, palette.ramp()
        self.sides = int(rng.choice((4, 6, 8, 10)))
        self.twist = float(rng.uniform(-1.2, 1.2))
        self.sway = rng.uniform(0, 6.28, 2).tolist()

    def draw(self, now: Moment) -> np.ndarray:
        a, b = self.sway
        radius, angle = self.canvas.polar((0.3 * math.sin(0.31 * now.phase + a), 0.2 * math.sin(0.23 * now.phase + b)))
        depth = np.log(radius + np.float32(0.02))
        run = depth * np.float32(2.4) - np.float32(now.phase * 1.6)
        rib = np.sin(run * np.float32(2.2))
        panel = np.sin(
            angle * np.float32(self.sides)
            + np.float32(self.twist) * depth * np.float32(4)
            + np.float32(now.phase * 0.4)
        )
        tone = 0.4 + 0.2 * np.tanh(2.5 * rib * panel) + 0.12 * rib
        tone += np.float32(0.3 * now.spark) * smooth(0.7, 1.0, rib)
        tone *= smooth(0.0, 0.9, radius) * np.float32(0.85) + np.float32(0.15)
        tone += np.exp(radius * np.float32(-7)) * np.float32(0.35 + 0.65 * now.pulse)
        return tint(tone, self.ramp)


class Stars:
    """A flight through stars that draw lines when it goes fast."""

    def __init__(self, canvas: Canvas, palette: Palette, rng: np.random.Generator) -> None:
        self.canvas, self.colours = canvas, palette.colours
        self.count, self.n_dots = 380, 12
        self.place = rng.uniform(-1, 1, (self.count, 2)) * (2.2, 1.4)
        self.depth = rng.uniform(0, 1, self.count)
        self.ink = self.colours[rng.choice((2, 3, 4, 4), self.count), :, 0, 0]
        radius, angle = canvas.polar((float(rng.uniform(-0.4, 0.4)), float(rng.uniform(-0.2, 0.2))))
        cloud = np.exp(-1.3 * radius) * (0.75 + 0.25 * np.sin(2 * angle + 3 * radius))
        self.ground = self.colours[0] * 0.6 + (self.colours[1] - self.colours[0] * 0.6) * cloud

    def draw(self, now: Moment) -> np.ndarray:
        picture = self.ground * np.float32(0.8 + 0.5 * now.pulse)
        depth = (self.depth - now.phase * 0.16) % 1
        length = 0.004 + 0.075 * now.level**1.5
        dots = depth[:, None] + np.linspace(0, length, self.n_dots)[None]  # (S, dots)
        scale = 0.55 / (dots + 0.06)
        at = np.stack([self.place[:, :1] * scale * 0.5, self.place[:, 1:] * scale * 0.5], axis=2)  # (S, dots, 2)
        fade = np.clip(1.15 - depth, 0, 1)[:, None] * np.linspace(1, 0.2, self.n_dots)[None]
        gain = fade * (0.3 + 0.6 * now.light + 0.5 * now.spark) * np.where(depth > 0.4, 0.6, 1.3)[:, None]
        inks = np.repeat(self.ink, self.n_dots, axis=0)
        splat(picture, self.canvas, at.reshape(-1, 2), gain.reshape(-1), inks, 0.010)
        return picture


class Fireworks:
    """A burst on every beat, as large as the music is loud; the sparks fall and glitter."""

    def __init__(self, canvas: Canvas, palette: Palette, rng: np.random.Generator) -> None:
        self.canvas, self.colours = canvas, palette.colours
        self.n_sparks, self.n_dots = 90, 5
        self.place = rng.uniform(-1, 1, (64, 2)) * (1.35, 0.45) + (0, 0.25)
        self.ink = self.colours[rng.choice((2, 3, 3, 4), 64), :, 0, 0]
        angle, reach = rng.uniform(0, 6.28, self.n_sparks), np.sqrt(rng.uniform(0.12, 1, self.n_sparks))
        self.course = np.stack([np.cos(angle) * reach, np.sin(angle) * reach], axis=1)  # (S, 2)
        self.ground = self.colours[0] * 0.55 + (self.colours[1] - self.colours[0]) * (0.7 * smooth(0.6, -1.1, canvas.y))
        self.ground = self.ground + canvas.zeros()

    def draw(self, now: Moment) -> np.ndarray:
        picture = self.ground * np.float32(0.8 + 0.7 * now.pulse * now.level)
        bursts = [self._burst(int(now.beat) - back, now.beat % 1 + back, now) for back in range(4)]
        at, gain, inks = (np.concatenate(parts) for parts in zip(*bursts, strict=True))
        splat(picture, self.canvas, at, gain, inks, 0.012 + 0.006 * now.spark)
        return picture

    def _burst(self, number: int, age: float, now: Moment) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Places (n, 2), brightness (n,) and colours (n, 3) of one burst, `age` beats old."""
        size = (0.3 + 0.75 * now.level) * (1 - math.exp(-1.6 * age))
        fade = math.exp(-0.75 * age) * (0.35 + 0.75 * now.level)
        trail = size * np.linspace(1, 0.86 - 0.1 * math.exp(-age), self.n_dots)  # (dots,)
        at = self.place[number % 64] + self.course[:, None] * trail[None, :, None]  # (S, dots, 2)
        at[..., 1] -= 0.06 * age**2
        glitter = fade * np.linspace(1, 0.15, self.n_dots) * (0.6 + 0.4 * now.light + 0.6 * now.spark)
        n_all = self.n_sparks * self.n_dots
        return at.reshape(-1, 2), np.tile(glitter, self.n_sparks), np.broadcast_to(self.ink[number % 64], (n_all, 3))
