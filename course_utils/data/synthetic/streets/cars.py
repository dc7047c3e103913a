"""Cars: a body drawn out from its outline, in its own frame."""

from math import cos, hypot, sin

import numpy as np

from course_utils.data.synthetic.streets.view import CAR


def _outline(car):
    """The car from the side: places along (m, front positive), heights, and which stretches between are glass."""
    half, roof = car.long / 2, car.high
    if car.van:
        along = (-1, -0.985, -0.95, 0.5, 0.58, 0.8, 0.97, 1)
        height, glass = (0.9, roof - 0.12, roof, roof, roof - 0.07, 1.2, 1.02, 0.7), (0, 0, 0, 0, 1, 0, 0)
    elif car.estate:
        along = (-1, -0.985, -0.95, -0.80, -0.6, -0.2, 0.05, 0.16, 0.5, 0.8, 0.95, 1)
        # fmt: off
        height = (
            0.8, 0.97, 1.02, roof - 0.09, roof - 0.02, roof, roof - 0.03, roof - 0.09, 1.0, 0.9, 0.78, 0.6,
        )
        # fmt: on
        glass = (0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0)
    else:
        along = (-1, -0.97, -0.9, -0.62, -0.36, -0.26, -0.08, 0.08, 0.18, 0.52, 0.8, 0.95, 1)
        # fmt: off
        height = (
            0.75, 0.9, 0.97, 1.01, roof - 0.11, roof - 0.03, roof, roof - 0.03, roof - 0.1, 0.99, 0.89, 0.77, 0.6,
        )
        # fmt: on
        glass = (0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0)
    return [half * share for share in along], list(height), glass


def draw_car(canvas, view, car, light):
    """A body drawn out from its outline, narrower above the belt; wheels, glass, lamps and a plate on it."""
    window = view.window(car.x, car.z, 0.56 * car.long + 0.4, 0, car.high + 0.1)
    if window is None:
        return
    body = _Body(canvas, view, car, light, window)
    with np.errstate(divide="ignore", invalid="ignore"):
        body.hull()
        for end in (-1, 1):
            body.end(end)
        for side in (-1, 1):
            if side * body.ow > body.half:  # the camera sees this side
                body.flank(side)
                body.cabin(side)


class _Body:
    """A car and the rays that may meet it, in the car's own frame: l forward, y up, w to its right (m)."""

    BELT = 0.93  # metres; above it the body narrows

    def __init__(self, canvas, view, car, light, window):
        self.canvas, self.car, self.light, self.window, self.eye = canvas, car, light, window, view.height
        rows, columns = window
        self.cos, self.sin = ahead, aside = cos(car.heading), sin(car.heading)
        x, z = view.x - car.x, -car.z
        self.ol, self.ow = x * aside + z * ahead, x * ahead - z * aside
        self.dl = (view.dx[columns] * aside + view.dz[columns] * ahead)[None]
        self.dw = (view.dx[columns] * ahead - view.dz[columns] * aside)[None]
        self.dy = view.dy[rows, None]
        self.along, self.height, self.glass = _outline(car)
        self.half, self.lean = car.wide / 2, 0.1 if car.van else 0.26

    def at(self, t):
        """Where the rays are at depth t: l, y, w."""
        return self.ol + self.dl * t, self.eye + self.dy * t, self.ow + self.dw * t

    def breadth(self, y):
        """Half the width at a height."""
        return self.half - self.lean * np.maximum(y - self.BELT, 0) - 0.05 * np.maximum(0.45 - y, 0)

    def hull(self):
        """Bonnet, windscreen, roof, rear window and boot: the outline's stretches, each a slanted plane."""
        corners = list(zip(self.along, self.height, strict=True))
        for (l0, y0), (l1, y1), glass in zip(corners, corners[1:], self.glass, strict=False):
            steep = hypot(l1 - l0, y1 - y0)
            nl, ny = (y0 - y1) / steep, (l1 - l0) / steep
            facing = self.dl * nl + self.dy * ny
            if facing.min() >= 0:
                continue
            t = ((l0 - self.ol) * nl + (y0 - self.eye) * ny) / facing
            l, y, w = self.at(t)  # noqa: E741
            share = (l - l0) / (l1 - l0)
            mask = (share >= 0) & (share <= 1) & (np.abs(w) < self.breadth(y)) & (facing < 0)
            if mask.any():
                pane = glass & (np.abs(w) < self.breadth(y) - 0.09) & (share > 0.08) & (share < 0.92)
                albedo = np.where(pane[..., None], 0.012, self.car.paint)
                self.put(t, mask, (nl, ny, 0.25 * w / self.half), albedo, np.where(pane, 0.9, 1.0))

    def end(self, end):
        """The back (-1) or the front (1), with bumper, lamps, plate and grille."""
        car, light = self.car, self.light
        if end * self.ol <= car.long / 2:
            return
        t = (end * car.long / 2 - self.ol) / self.dl
        _, y, w = self.at(t)
        top = self.height[-1] if end > 0 else self.height[0]
        mask = (y > 0.22) & (y < top) & (np.abs(w) < self.breadth(y) - 0.08 * (y < 0.4))
        albedo = np.broadcast_to(car.paint, (*mask.shape, 3)).copy()
        albedo[(y < 0.42) & mask] = 0.03
        lamps = (np.abs(y - (0.6 if end > 0 else 0.7)) < 0.07) & (np.abs(np.abs(w) - 0.68) < 0.12) & (y < top)
        albedo[lamps] = (0.55, 0.56, 0.56) if end > 0 else (0.45, 0.02, 0.02)
        albedo[(np.abs(w) < 0.26) & (np.abs(y - 0.47) < 0.06)] = car.plate
        if end > 0:
            albedo[(np.abs(w) < 0.42) & (y > 0.56) & (y < 0.66)] = 0.02
        self.put(t, mask, (float(end), 0.12 * (y - 0.45), 0.3 * w / self.half), albedo, 0.8)
        if light.night > 0.25 and not car.parked:
            on = mask & lamps & (t > 0) & (np.abs(self.canvas.depth[self.window] - t) < 1e-3)
            beam = np.array((14, 13, 11) if end > 0 else (2.2, 0.12, 0.08))
            self.canvas.light[self.window][on] += beam * min(1, 1.5 * light.night)

    def flank(self, side):
        """A side below the belt: sill, doors' seams, wheels in their arches."""
        car, t = self.car, (side * self.half - self.ow) / self.dw
        t = np.broadcast_to(t, np.broadcast_shapes(t.shape, self.dy.shape))
        l, y, _ = self.at(t)  # noqa: E741
        top = np.interp(l, self.along, self.height, left=0, right=0)
        half = car.long / 2
        wheel = np.minimum(np.hypot(l - 0.62 * half, y - 0.31), np.hypot(l + 0.6 * half, y - 0.31))
        mask = (y < top) & (y > 0.24) & (y < self.BELT) | (wheel < 0.31)
        albedo = np.broadcast_to(car.paint * (1 - 0.3 * car.dirt), (*mask.shape, 3)).copy()
        albedo[y < 0.34] = 0.04
        seam = (np.abs(l + 0.04 * car.long) < 0.012) | (np.abs(l - 0.2 * car.long) < 0.012)
        albedo[seam & (y > 0.4)] *= 0.35
        albedo[np.abs(y - 0.52) < 0.025] *= 0.7
        albedo[wheel < 0.37] = 0.008
        albedo[wheel < 0.30] = 0.018
        spokes = np.mod(np.arctan2(y - 0.31, np.abs(l) - 0.61 * half) * 5 / (2 * np.pi), 1) < 0.55
        albedo[(wheel < 0.19) & spokes] = 0.32
        # The sheet bulges: it looks down below the middle and up above it.
        ny = np.where(y < 0.6, -0.25 + 0.25 * (y - 0.24) / 0.36, 0.35 * (y - 0.6) / 0.3)
        self.put(t, mask, (0.12 * l / car.long, ny, float(side)), albedo, np.where(wheel < 0.37, 0.1, 1.0))

    def cabin(self, side):
        """A side above the belt, leaning inwards: windows and pillars."""
        car = self.car
        t = (side * (self.half - self.lean * (self.eye - self.BELT)) - self.ow) / (
            self.dw + side * self.lean * self.dy
        )
        l, y, _ = self.at(t)  # noqa: E741
        top = np.interp(l, self.along, self.height, left=0, right=0)
        mask = (y < top) & (y >= self.BELT)
        front, back = (0.68, 0.3) if car.van else (0.46, -0.86) if car.estate else (0.46, -0.56)
        share = l / (car.long / 2)
        pane = (
            (y > self.BELT + 0.03)
            & (y < np.minimum(top, car.high - 0.03) - 0.07)
            & (share < front)
            & (share > back)
        )
        pillar = (np.abs(share + 0.08) < 0.03) | (np.abs(share + 0.56) < 0.025)
        albedo = np.broadcast_to(car.paint * (1 - 0.3 * car.dirt), (*mask.shape, 3)).copy()
        albedo[pane] = np.where(pillar[pane], 0.01, 0.012)[:, None]
        normal = 0.12 * l / car.long, np.full(mask.shape, self.lean), float(side)
        self.put(t, mask, normal, albedo, np.where(pane & ~pillar, 0.9, 1.0))

    def put(self, t, mask, normal, albedo, gloss):
        """Paint a surface at depth t where it is seen; lacquer and glass mirror the sky and, below it, the street."""

        def of_seen(part):
            return np.broadcast_to(part, mask.shape)[seen]

        t = np.broadcast_to(t, mask.shape)
        seen = self.canvas.visible(self.window, t, mask & (t > 0.5))
        if not seen.any():
            return
        car, light = self.car, self.light
        nl, ny, nw = map(of_seen, normal)
        world = nl * self.sin + nw * self.cos, ny, nl * self.cos - nw * self.sin
        y = of_seen(self.eye + self.dy * t)
        place = np.float32(car.x), y, np.float32(car.z)
        shade = np.clip(0.5 + 0.5 * y / 0.9, 0.45, 1)
        base = np.broadcast_to(albedo, (*mask.shape, 3))[seen]
        colour = light.on(base, world, place, light.past_houses(*place), shade)
        dl, dy, dw = map(of_seen, (self.dl, self.dy, self.dw))
        long = np.sqrt(dl**2 + dy**2 + dw**2)
        into = -(dl * nl + dy * ny + dw * nw) / long
        up = dy / long + 2 * into * ny
        share = np.clip(0.05 + 0.95 * (1 - np.clip(into, 0, 1)) ** 4, 0, 0.8)
        share = (share * of_seen(gloss))[:, None]
        sky, up = np.clip((up - 0.05) / 0.5, 0, 1)[:, None], up[:, None]
        street = light.wall * np.clip(0.9 + 3 * up, 0.25, 1.2)
        mirror = light.sky_at(np.maximum(up[:, 0], 0)) * sky + street * (1 - sky)
        self.canvas.paint(self.window, t, seen, colour * (1 - 0.6 * share) + mirror * share, CAR)
