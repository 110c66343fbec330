"""Scenes of places: dunes, sea, aurora, street lights, sunset road, forest, rain, skyline."""

import math

import numpy as np

from crossmodal.demo.pictures.canvas import ASPECT, Canvas, Moment, Palette, inside, over, smooth, tint


class Dunes:
    """Ridges behind ridges that drift by, under a sun that beats with the low strokes."""

    def __init__(self, canvas: Canvas, palette: Palette, rng: np.random.Generator) -> None:
        self.canvas, self.ramp = canvas, palette.ramp()
        self.waves = rng.uniform(0, 6.28, (5, 4)).tolist()
        self.sharp = float(rng.choice((0.0, 0.6, 1.0)))
        self.sun = (rng.uniform(-0.9, 0.9), rng.uniform(0.15, 0.5), rng.uniform(0.2, 0.36))
        self.distance = canvas.polar(self.sun[:2])[0]
        self.sky = 0.62 - 0.34 * smooth(-0.5, 1.0, canvas.y) + canvas.zeros()

    def draw(self, now: Moment) -> np.ndarray:
        radius = self.sun[2] * (1 + 0.16 * now.pulse)
        glow = np.exp(self.distance * np.float32(-2.2))
        tone = self.sky + (0.1 + 0.2 * now.light) * glow
        over(tone, 0.98, inside(self.distance - np.float32(radius), self.canvas.px * 1.3))
        x, y = self.canvas.x, self.canvas.y
        for layer in range(5):
            near = (layer + 1) / 5
            along = x * np.float32(0.7 + 0.5 * near) + np.float32(now.phase * (0.1 + 0.75 * near**2))
            a, b, c, d = self.waves[layer]
            height = np.sin(1.1 * along + a) * 0.5 + np.sin(2.3 * along + b) * 0.3 + np.sin(5.1 * along + c) * 0.1
            height += self.sharp * (0.22 * np.abs(np.sin(3.3 * along + d)) - 0.1)
            height = 0.05 - 0.95 * near**1.15 + 0.3 + (0.18 + 0.14 * near) * height  # (1, W)
            shade = np.float32(0.5 - 0.48 * near) + np.float32(0.1) * np.clip(1 - (height - y) * 1.6, 0, 1)
            over(tone, shade, inside(y - height, self.canvas.px))
        return tint(tone, self.ramp)


class Sea:
    """A moon over moving water; the path of light on it glitters with the high strokes."""

    def __init__(self, canvas: Canvas, palette: Palette, rng: np.random.Generator) -> None:
        self.canvas, self.ramp = canvas, palette.ramp()
        self.moon_x, self.horizon = rng.uniform(-0.7, 0.7), rng.uniform(-0.1, 0.2)
        self.moon = canvas.polar((self.moon_x, self.horizon + rng.uniform(0.35, 0.55)))[0]
        self.below = canvas.y < self.horizon
        depth = 0.16 / (np.maximum(self.horizon - canvas.y, 0) + 0.05)  # (H, 1): far is large
        self.depth, self.across = depth, (canvas.x - self.moon_x) * (depth * 5 + 1)
        self.path = np.exp(-(((canvas.x - self.moon_x) / (0.12 + 0.45 * np.maximum(self.horizon - canvas.y, 0))) ** 2))
        self.sky = 0.12 + 0.4 * np.exp(-(canvas.y - self.horizon) * 2.0)
        self.sway = rng.uniform(0, 6.28, 3).tolist()

    def draw(self, now: Moment) -> np.ndarray:
        tone = self.sky + np.float32(0.22 + 0.2 * now.pulse) * np.exp(self.moon * np.float32(-3))
        over(tone, 0.97, inside(self.moon - np.float32(0.17 * (1 + 0.08 * now.pulse)), self.canvas.px))
        a, b, c = self.sway
        run = self.depth * 34
        wave = np.sin(run + self.across * 0.6 + np.float32(now.phase * 2.1 + a)) + np.sin(
            run * np.float32(1.7) - self.across * np.float32(0.9) + np.float32(now.phase * 3.0 + b)
        )
        wave += 0.8 * np.sin(self.across * 1.6 + np.float32(c - now.phase * 1.4) + run * np.float32(0.4))
        water = 0.24 + 0.05 * wave + 0.1 * smooth(-1.0, 0.1, self.canvas.y - self.horizon)
        glitter = smooth(0.4, 1.9, wave) * self.path
        water += glitter * np.float32(0.34 + 0.24 * now.light + 0.35 * now.spark)
        return tint(np.where(self.below, water, tone), self.ramp)


class Aurora:
    """Curtains of light over a ridge; they ripple faster and stand higher as the music grows."""

    def __init__(self, canvas: Canvas, palette: Palette, rng: np.random.Generator) -> None:
        self.canvas, self.colours = canvas, palette.colours
        self.waves = rng.uniform(0, 6.28, (3, 4)).tolist()
        self.ridge = (
            -0.62
            + 0.12 * np.sin(canvas.x * 2.1 + rng.uniform(0, 6))
            + 0.07 * np.sin(canvas.x * 5.3 + rng.uniform(0, 6))
        )
        self.land = inside(canvas.y - self.ridge, canvas.px)
        self.stars = canvas.zeros()
        at = rng.integers(0, canvas.height * canvas.width, max(8, canvas.height * canvas.width // 900))
        self.stars.reshape(-1)[at] = rng.random(len(at)) ** 2
        self.sky = self.colours[0] + (self.colours[1] - self.colours[0]) * smooth(1.0, -0.7, canvas.y)

    def draw(self, now: Moment) -> np.ndarray:
        picture = self.sky + self.stars * np.float32(0.35 + 0.65 * now.spark)  # (H, W, 3)
        x, y = self.canvas.x, self.canvas.y
        for curtain, (a, b, c, d) in enumerate(self.waves):
            t = now.phase * (0.5 + 0.16 * curtain)
            foot = -0.3 + 0.26 * curtain + 0.2 * np.sin(1.3 * x + a + t) + 0.1 * np.sin(3.1 * x + b - 1.3 * t)
            rays = 0.55 + 0.25 * np.sin(9 * x + c + 2.2 * t) + 0.2 * np.sin(23 * x + d - 3.1 * t)
            rise = y - foot  # (H, W)
            height = np.float32(0.22 + 0.5 * now.level + 0.12 * now.pulse)
            light = np.exp(-np.maximum(rise, 0) / height) * smooth(-0.05, 0.02, rise) * rays
            light *= np.float32((0.3 + 0.55 * now.light + 0.35 * now.pulse) * (1 - 0.2 * curtain))
            picture = picture + light * self.colours[2 + curtain % 2] + (light**3) * 0.3
        return picture + (self.colours[0] * 0.35 - picture) * self.land


class StreetLights:
    """Lights out of focus that glide by in the dark and flare up with the strokes."""

    def __init__(self, canvas: Canvas, palette: Palette, rng: np.random.Generator) -> None:
        self.canvas, self.colours = canvas, palette.colours
        self.count = 46
        self.place = rng.uniform(0, 1, (self.count, 2)).tolist()
        self.depth = np.sort(rng.uniform(0.25, 1.0, self.count)).tolist()
        self.colour = self.colours[rng.choice((1, 2, 2, 3, 3, 4), self.count)]
        self.listens = rng.integers(0, 3, self.count).tolist()
        self.offset = rng.uniform(0, 6.28, self.count).tolist()
        self.ground = self.colours[0] * 0.75 + (self.colours[1] - self.colours[0]) * (0.5 * smooth(0.9, -1.0, canvas.y))
        self.ground = self.ground + canvas.zeros()

    def draw(self, now: Moment) -> np.ndarray:
        picture = self.ground.copy()
        span = 2 * ASPECT + 1.2
        for k in range(self.count):
            depth = self.depth[k]
            cx = (self.place[k][0] * span + now.phase * 0.62 * depth**1.5) % span - span / 2
            cy = (self.place[k][1] * 1.7 - 0.95) + 0.06 * math.sin(0.6 * now.phase + self.offset[k])
            stroke = (now.pulse, now.spark, now.level)[self.listens[k]]
            radius = 0.05 + 0.2 * depth**2 * (1 + 0.2 * now.pulse)
            strength = (0.16 + 0.26 * now.light + 0.55 * stroke) * (0.9 - 0.35 * depth)
            rows, columns = self.canvas.patch(cx, cy, radius + 2 * self.canvas.px)
            dx, dy = self.canvas.x[:, columns] - cx, self.canvas.y[rows] - cy
            distance = np.sqrt(dx * dx + dy * dy)
            cover = inside(distance - np.float32(radius), self.canvas.px * 2.5) * (
                0.72 + 0.28 * smooth(0.6 * radius, radius, distance)
            )
            picture[:, rows, columns] += (cover * np.float32(strength)) * self.colour[k]
        return picture


class Road:
    """A grid that rushes towards us under a striped sun."""

    def __init__(self, canvas: Canvas, palette: Palette, rng: np.random.Generator) -> None:
        self.canvas, self.colours = canvas, palette.colours
        self.horizon = float(rng.uniform(-0.25, -0.05))
        down = np.maximum(self.horizon - canvas.y, 1e-3)
        self.depth = 0.5 / (down + 0.015)  # (H, 1)
        self.width = np.maximum(self.depth**2 * canvas.px * 1.3, 0.02)
        lanes = canvas.x * self.depth * 1.6
        lane = np.abs((lanes + 0.5) % 1 - 0.5)
        self.lanes = 1 - smooth(0.02, 0.06, lane / (1 + self.depth * canvas.px * 20))
        self.fog = np.exp(-self.depth * 0.09)
        self.floor = canvas.y < self.horizon
        centre = (float(rng.uniform(-0.4, 0.4)), self.horizon + 0.42)
        self.sun = canvas.polar(centre)[0]
        self.slits = (canvas.y - centre[1]) / 0.5
        sky = smooth(self.horizon, 1.0, canvas.y)
        self.sky = self.colours[2] * 0.8 + (self.colours[0] - self.colours[2] * 0.8) * np.sqrt(sky)
        a, b = rng.uniform(0, 6.28, 2).tolist()
        hills = 0.09 + 0.07 * np.abs(np.sin(2.3 * canvas.x + a)) + 0.06 * np.abs(np.sin(5.9 * canvas.x + b))
        self.hills = inside(canvas.y - self.horizon - hills * np.minimum(1, np.abs(canvas.x) * 1.2 + 0.15), canvas.px)

    def draw(self, now: Moment) -> np.ndarray:
        radius = 0.5 * (1 + 0.05 * now.pulse)
        disc = inside(self.sun - np.float32(radius), self.canvas.px)
        gap = np.abs((self.slits * 6 + now.phase * 0.25) % 1 - 0.5)
        disc = disc * np.where(self.slits < 0.15, smooth(0.1, 0.16, gap + np.clip(self.slits + 0.6, 0, 1) * 0.25), 1)
        warm = self.colours[3] + (self.colours[4] - self.colours[3]) * np.clip(self.slits * 0.5 + 0.5, 0, 1)
        picture = self.sky + (0.1 + 0.3 * now.pulse) * np.exp(-2.5 * self.sun) * self.colours[3]
        picture = picture + (warm - picture) * disc
        picture = picture + (self.colours[0] * 0.8 - picture) * self.hills
        row = np.abs((self.depth * 1.6 + now.phase * 1.5) % 1 - 0.5)
        rows = smooth(0.5 - 0.05, 0.5 - 0.01, row - 0.0 + np.minimum(self.width * 0.2, 0.06)) * self.fog
        glow = np.maximum(self.lanes * self.fog, rows) * np.float32(0.45 + 0.35 * now.light + 0.45 * now.spark)
        ground = self.colours[0] * 0.7 + self.fog * 0.12 * self.colours[1]
        return np.where(self.floor, ground + glow * self.colours[3], picture)


class Forest:
    """Trunks in the mist that pass at three speeds, with fireflies among them."""

    def __init__(self, canvas: Canvas, palette: Palette, rng: np.random.Generator) -> None:
        self.canvas, self.ramp, self.glow = canvas, palette.ramp(), palette.colours[4]
        self.trunks = [np.sort(rng.uniform(0, 5.2, 9 + 3 * layer)) for layer in (2, 1, 0)]
        self.lean = [rng.uniform(-0.06, 0.06, len(layer)) for layer in self.trunks]
        self.mist = (
            0.66 - 0.25 * np.abs(canvas.y - 0.1) + 0.06 * np.sin(canvas.x * 1.3 + rng.uniform(0, 6)) + canvas.zeros()
        )
        self.flies = rng.uniform(0, 1, (26, 4)).tolist()

    def draw(self, now: Moment) -> np.ndarray:
        canvas = self.canvas
        tone = self.mist + np.float32(0.22 * (now.light - 0.4) + 0.12 * now.pulse)
        for layer, (trunks, lean) in enumerate(zip(self.trunks, self.lean, strict=True)):
            near = (layer + 1) / 3
            centres = ((trunks + now.phase * 0.55 * near**1.6) % 5.2 - 2.6).tolist()
            half = 0.035 + 0.1 * near**1.5
            nearest = np.full((canvas.height, canvas.width), 9.0, dtype=np.float32)
            for centre, slope in zip(centres, lean.tolist(), strict=True):
                columns = slice(*canvas.patch(centre, 0, half + 0.15)[1].indices(canvas.width)[:2])
                axis = np.float32(centre) + np.float32(slope) * canvas.y
                away = np.abs(canvas.x[:, columns] - axis) - np.float32(half) * (1 - 0.12 * canvas.y)
                nearest[:, columns] = np.minimum(nearest[:, columns], away)
            over(tone, 0.46 - 0.42 * near, inside(nearest, canvas.px * (1.6 - near * 0.6)))
        picture = tint(tone, self.ramp)
        for a, b, c, d in self.flies:
            cx = ((a * 4.4 + now.phase * (0.15 + 0.4 * d)) % 4.4) - 2.2
            cy = -0.8 + 1.5 * b + 0.12 * math.sin(now.phase * 1.7 + 6.28 * c)
            size = 0.02 + 0.035 * d
            strength = np.float32(np.clip(0.15 + 1.1 * (now.spark if c > 0.4 else now.pulse), 0, 1))
            rows, columns = canvas.patch(cx, cy, 4 * size)
            away = ((canvas.x[:, columns] - cx) ** 2 + (canvas.y[rows] - cy) ** 2) / size**2
            picture[:, rows, columns] += (strength * np.exp(-away)) * self.glow
        return picture


class Rain:
    """Streaks of rain before a window of soft light; it pours as the music does."""

    def __init__(self, canvas: Canvas, palette: Palette, rng: np.random.Generator) -> None:
        self.canvas, self.ramp = canvas, palette.ramp()
        # Neighbouring columns share a streak, so that it has the same width at every resolution.
        stripe = (canvas.x[0] * 16).astype(int) + 200
        offsets, speeds = rng.uniform(0, 1, 400).astype(np.float32), rng.uniform(0.7, 1.5, 400).astype(np.float32)
        self.offset, self.speed = offsets[stripe][None], speeds[stripe][None]
        middle = (canvas.x * 16) % 1 - 0.5
        self.profile = np.exp(-((middle / 0.2) ** 2)).astype(np.float32)
        self.lamps = rng.uniform(-1, 1, (4, 2)) * (1.6, 0.7)
        self.near = [canvas.polar((float(a), float(b)))[0] for a, b in self.lamps]

    def draw(self, now: Moment) -> np.ndarray:
        tone = 0.1 + 0.12 * (1 - self.canvas.y) + self.canvas.zeros()
        for k, near in enumerate(self.near):
            stroke = (now.pulse, now.spark, now.level, now.light)[k]
            tone += np.float32(0.12 + 0.4 * stroke) * np.exp(near * np.float32(-1.7))
        fall = (self.canvas.y * 0.5 + self.offset + np.float32(now.phase * 0.55) * self.speed) % 1
        streak = smooth(0.55 - 0.3 * now.level, 1.0, fall) * self.profile
        return tint(tone * (1 + 0.9 * streak) + 0.07 * streak, self.ramp)


class Skyline:
    """A city at night that passes in three rows; its windows answer the high strokes."""

    def __init__(self, canvas: Canvas, palette: Palette, rng: np.random.Generator) -> None:
        self.canvas, self.colours = canvas, palette.colours
        self.rows = [self._houses(rng, row) for row in range(3)]
        self.moon = canvas.polar((float(rng.uniform(-1.2, 1.2)), float(rng.uniform(0.45, 0.7))))[0]
        self.sky = self.colours[0] + (self.colours[2] - self.colours[0]) * smooth(1.1, -0.8, canvas.y) + canvas.zeros()

    @staticmethod
    def _houses(rng: np.random.Generator, row: int) -> tuple[np.ndarray, np.ndarray]:
        """Heights of 40 lots, and which of their 12 × 40 windows are lit how."""
        height = (-0.15 - 0.28 * row) + rng.uniform(-0.3, 0.45 - 0.1 * row, 40)
        return height.astype(np.float32), (rng.random((40, 480)) ** 2).astype(np.float32)

    def draw(self, now: Moment) -> np.ndarray:
        picture = self.sky + np.exp(self.moon * np.float32(-2)) * np.float32(0.15 + 0.3 * now.pulse) * self.colours[3]
        picture += (self.colours[4] - picture) * inside(
            self.moon - np.float32(0.15 * (1 + 0.12 * now.pulse)), self.canvas.px
        )
        for row, (heights, lit) in enumerate(self.rows):
            self._draw_row(picture, row, heights, lit, now)
        return picture

    def _draw_row(self, picture: np.ndarray, row: int, heights: np.ndarray, lit: np.ndarray, now: Moment) -> None:
        px, top = self.canvas.px, int(np.searchsorted(-self.canvas.y[:, 0], -float(heights.max()) - 2 * self.canvas.px))
        y = self.canvas.y[top:]
        width, cell = 0.17 + 0.09 * row, 0.05 + 0.012 * row
        along = self.canvas.x[0] / np.float32(width) + np.float32(now.phase * (0.25 + 0.5 * row) * 0.55 / width)
        lot = np.floor(along).astype(int) % 40
        column, floor = (along % 1) * 5, (y + np.float32(2)) / np.float32(cell)
        edge = px * 1.2 / cell
        pane = inside(np.abs(column % 1 - 0.5) - np.float32(0.26), edge) * ((column > 0.5) & (column < 4.5))
        pane = pane[None] * inside(np.abs(floor % 1 - 0.5) - np.float32(0.3), edge)
        window = (lot * 480 + np.floor(column).astype(int) * 90)[None] + np.floor(floor).astype(int) % 90
        shine = lit.ravel().take(window) * np.float32(0.5 + 0.7 * now.light + now.spark) - np.float32(0.25)
        house = inside(y - heights[lot][None], px)
        light = np.clip(shine, 0, 1) * pane * house
        wall = self.colours[1] * (0.75 - 0.3 * row) + self.colours[0] * (0.25 + 0.2 * row)
        part = picture[:, top:]
        part *= 1 - house
        part += wall * (house - light)
        part += self.colours[3] * light
