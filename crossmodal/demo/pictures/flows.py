"""Scenes without things: silk, kaleidoscope, lava, tunnel, stars, clouds."""

import math

import numpy as np

from crossmodal.demo.pictures.canvas import ASPECT, Canvas, Moment, Palette, over, smooth, tint


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
        self.count, self.n_dots = 420, 9
        self.place = rng.uniform(-1, 1, (self.count, 2)) * (2.2, 1.4)
        self.depth = rng.uniform(0, 1, self.count)
        self.ink = self.colours[rng.choice((2, 3, 4, 4), self.count), :, 0, 0]
        radius, angle = canvas.polar((float(rng.uniform(-0.4, 0.4)), float(rng.uniform(-0.2, 0.2))))
        cloud = np.exp(-1.3 * radius) * (0.75 + 0.25 * np.sin(2 * angle + 3 * radius))
        self.ground = self.colours[0] * 0.6 + (self.colours[1] - self.colours[0] * 0.6) * cloud

    def draw(self, now: Moment) -> np.ndarray:
        canvas = self.canvas
        picture = self.ground * np.float32(0.8 + 0.5 * now.pulse)
        depth = (self.depth - now.phase * 0.16) % 1
        length = 0.004 + 0.075 * now.level**1.5
        dots = depth[:, None] + np.linspace(0, length, self.n_dots)[None]  # (S, dots)
        scale = 0.55 / (dots + 0.06)
        size = np.clip(0.010 * scale, canvas.px, 0.05)
        sx, sy = self.place[:, :1] * scale * 0.5, self.place[:, 1:] * scale * 0.5
        fade = (
            np.clip(1.2 - depth, 0, 1)[:, None]
            * np.linspace(1, 0.2, self.n_dots)[None]
            * (0.3 + 0.5 * now.light + 0.4 * now.spark)
        )
        gain = fade * np.minimum((size / canvas.px) ** 2, 5) * 0.55
        column = (sx / ASPECT + 1) / 2 * canvas.width - 0.5
        row = (1 - sy) / 2 * canvas.height - 0.5
        layer = np.zeros((3, canvas.height * canvas.width), dtype=np.float32)
        left, top = np.floor(column).astype(int), np.floor(row).astype(int)
        for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
            weight = np.abs(1 - dx - (column - left)) * np.abs(1 - dy - (row - top)) * gain
            at_x, at_y = left + dx, top + dy
            ok = (at_x >= 0) & (at_x < canvas.width) & (at_y >= 0) & (at_y < canvas.height)
            colour = np.broadcast_to(self.ink[:, None], (*weight.shape, 3))[ok] * weight[ok][:, None]
            flat = (at_y * canvas.width + at_x)[ok]
            for channel in range(3):
                layer[channel] += np.bincount(flat, colour[:, channel], layer.shape[1])
        return picture + layer.reshape(3, canvas.height, canvas.width)


class Clouds:
    """Layers of soft colour that slide over each other, with a light behind them."""

    def __init__(self, canvas: Canvas, palette: Palette, rng: np.random.Generator) -> None:
        self.canvas, self.colours = canvas, palette.colours
        self.start = rng.uniform(0, 6.28, (4, 3)).tolist()
        self.freq = rng.uniform(0.6, 1.7, (4, 2)).tolist()
        order = rng.permutation(4)
        self.inks = self.colours[1:][order]
        self.lamp = canvas.polar((float(rng.uniform(-1, 1)), float(rng.uniform(-0.3, 0.6))))[0]

    def draw(self, now: Moment) -> np.ndarray:
        x, y = self.canvas.x, self.canvas.y
        picture = np.broadcast_to(self.colours[1], (3, self.canvas.height, self.canvas.width)).copy()
        for layer in range(4):
            a, b, c = self.start[layer]
            f, g = self.freq[layer]
            t = now.phase * (0.5 + 0.22 * layer)
            bank = np.sin(f * 1.5 * x + a + t + np.sin(g * y + b)) + np.sin(
                g * 1.9 * y + c - 0.6 * t + np.sin(f * x + 0.4 * t)
            )
            cover = smooth(-0.9, 1.5, bank) * np.float32(0.78)
            picture += (self.inks[layer] - picture) * cover
        glow = np.exp(-self.lamp * self.lamp * np.float32(2.2)) * np.float32(0.15 + 0.35 * now.light + 0.4 * now.pulse)
        return picture + (1 - picture) * glow
