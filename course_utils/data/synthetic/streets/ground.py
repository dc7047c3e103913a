"""Sky and ground, with the markings and shadows that lie on it."""

from math import cos, sin

import numpy as np
from scipy import ndimage

from course_utils.data.synthetic.streets.view import FINE, ROAD


def draw_sky(canvas, view, light, rng):
    """The sky where no ray has met anything: a gradient, and clouds on a layer high above."""
    shape = canvas.depth.shape[0] // FINE, canvas.depth.shape[1] // FINE
    rise, across = view.dy[::FINE, None], view.dx[None, ::FINE]
    field, drift = rng.standard_normal((3, 64, 64)), rng.uniform(0, 64, (3, 2))
    height = np.maximum(rise, 0) + 0.12
    clouds = 0
    for octave, (tile, start) in enumerate(zip(field, drift, strict=True)):
        tile = ndimage.gaussian_filter(tile, 1, mode="wrap")
        at = [start[0] + 2**octave * 0.9 / height + 0 * across, start[1] + 2**octave * 0.9 * across / height]
        clouds = (
            clouds + ndimage.map_coordinates(tile / tile.std(), at, order=1, mode="grid-wrap") / 2**octave
        )
    cover = 0.5 + 1.0 * (1 - light.sunshine) - rng.uniform(0, 1.2)
    share = (
        np.clip(0.5 + 0.7 * (clouds / 1.3 + cover - 0.5), 0, 1)[..., None]
        * np.clip(rise / 0.05, 0.3, 1)[..., None]
    )
    lit = light.horizon * (0.62 + 0.38 * light.sunshine) + 0.25 * light.sun
    grey = lit * (1.0 - 0.3 * np.clip(clouds[..., None] - 0.2, -1, 1.5))
    sky = light.sky_at(np.broadcast_to(rise, shape))
    sky = sky * (1 - share) + grey * share
    toward = (
        view.dx[None, ::FINE] * light.sun_at[0]
        + view.dz[None, ::FINE] * light.sun_at[2]
        + rise * light.sun_at[1]
    )
    toward = toward / np.sqrt(1 + rise**2 + across**2)
    sky = (
        sky
        + (0.5 * np.maximum(toward, 0) ** 8 + 2 * np.maximum(toward, 0) ** 200)[..., None] * light.sun * 0.5
    )
    sky = np.repeat(np.repeat(sky, FINE, 0), FINE, 1).astype(np.float32)
    empty = np.isinf(canvas.depth)
    canvas.light[empty] = sky[empty]


def draw_ground(canvas, view, street, light, grain):
    """Asphalt, kerbs and slabs, with what is painted on them, the shadows and the dark under things."""
    first = int(view.horizon) + 1
    window = slice(first, view.rows), slice(0, view.columns)
    depth = view.height / np.maximum(-view.dy[first:, None], 1e-4)
    depth = np.broadcast_to(depth, canvas.depth[window].shape).astype(np.float32)
    seen = canvas.visible(window, depth, depth > 0)
    column = np.nonzero(seen)[1]
    t = depth[seen]
    x, z = view.x + view.dx[column] * t, view.dz[column] * t
    on_road = np.abs(x) < street.half_road
    kerb = np.abs(np.abs(x) - street.half_road - 0.07) < 0.07
    albedo = np.where(on_road[:, None], _asphalt(x, z, t, street, grain), _slabs(x, z, t, street, grain))
    albedo[kerb] = (
        0.32
        * street.ground.slabs
        / street.ground.slabs.mean()
        * (0.75 + 0.5 * (np.abs(x[kerb]) < street.half_road + 0.05))[:, None]
    )
    gutter = np.exp(-((np.abs(x) - street.half_road + 0.15) ** 2) / 0.03)
    albedo *= (1 - 0.35 * gutter * on_road)[:, None]
    sunlit, open_to_sky = _shaded(x, z, street, light, grain)
    colour = light.on(albedo, (0.0, 1.0, 0.0), (x, 0.0, z), sunlit, open_to_sky)
    canvas.paint(window, depth, seen, colour, ROAD)


def _asphalt(x, z, t, street, grain):
    ground, (a, b) = street.ground, street.ground.offset
    fine, far = np.exp(-t / 14), 1 / (1 + (t / 25) ** 2)
    tone = (
        1
        + 0.16 * fine * grain.at(0, x * 90 + a, z * 90 + b)
        + 0.10 * far * grain.at(1.5, x * 40 + a, z * 25 + b)
    )
    tone += 0.07 * grain.at(12, x * 12 + b, z * 3 + a) + 0.05 * grain.at(4, x * 12 + b, z * 1.2 + a)
    lane = np.abs(np.abs(x) - 0.45 * street.half_road)
    tone *= 1 - 0.10 * np.exp(-((lane - 0.75) ** 2) / 0.08) + 0.05 * np.exp(-(lane**2) / 0.1)
    for px, pz, wide, long, shade in ground.patches:
        inside = (np.abs(x - px) < wide) & (np.abs(z - pz) < long)
        seam = inside & (
            (np.abs(np.abs(x - px) - wide) < 0.03) | (np.abs(np.abs(z - pz) - long) < 0.03 + t * 0.004)
        )
        tone = np.where(inside, tone * shade, tone) * np.where(seam, 0.6, 1)
    for cx, rate, phase in ground.cracks:
        path = cx + 0.35 * np.sin(rate[0] * z / 3 + phase[0]) + 0.08 * np.sin(rate[1] * z * 2 + phase[1])
        path += 0.05 * grain.at(4, z * 20, phase[2] * 40 + 0 * z)
        tone *= 1 - 0.5 * np.exp(-(((x - path) / (0.012 + 0.0015 * t)) ** 2)) * (
            grain.at(12, z * 8, 0 * z + phase[2] * 50) > -0.3
        )
    for cx, cz in ground.covers:
        tone = np.where((x - cx) ** 2 + (z - cz) ** 2 < 0.1, 0.55 * tone, tone)
    albedo = ground.asphalt * tone[:, None] * (1 + ground.tint)
    share, tint = _markings(x, z, street, grain)
    return albedo * (1 - share) + tint * share


def _markings(x, z, street, grain):
    """Worn paint on the road: its share of a place (n, 1), and its albedo (n, 3)."""
    ground, b = street.ground, street.ground.offset[1]
    paint = np.zeros(x.shape, np.float32)
    dashes = np.mod(z, 6) < (2.2, 6, 3.2)[ground.middle]
    paint = np.maximum(paint, (np.abs(x) < 0.06) & dashes)
    if ground.edge:
        edge = street.half_road - 0.3
        line = np.abs(np.abs(x) - edge) < 0.05
        if ground.edge == 2:
            line |= np.abs(np.abs(x) - edge + 0.2) < 0.05
        paint = np.maximum(paint, line)
    if ground.crossing is not None:
        stripes = (np.abs(z - ground.crossing) < 1.5) & (np.mod(x + 20, 1.1) < 0.55)
        ahead = (np.abs(z - ground.crossing + 3) < 0.15) & (x > 0)
        paint = np.maximum(paint * (np.abs(z - ground.crossing) > 2.2), stripes | ahead)
    worn = np.clip(
        1.1
        - 0.5 * ground.wear
        + 0.3 * grain.at(1.5, x * 35 + b, z * 25)
        + 0.25 * grain.at(12, x * 25, z * 8),
        0,
        1,
    )
    lines = (0.5, 0.38, 0.06) if ground.edge == 2 else (0.55, 0.55, 0.53)
    tint = np.where((np.abs(x) > 1)[:, None], lines, (0.55, 0.55, 0.53))
    if ground.crossing is not None:
        tint = np.where((np.abs(z - ground.crossing) < 4)[:, None], (0.6, 0.6, 0.58), tint)
    return (paint * worn)[:, None], tint


def _slabs(x, z, t, street, grain):
    """Paving slabs beside the road; beyond the house fronts, plain ground."""
    ground = street.ground
    row = np.floor(z / 0.6)
    across = (np.abs(x) - street.half_road) / 0.6 + 0.5 * np.mod(row, 2)
    joint = (np.mod(z, 0.6) < 0.02 + 0.002 * t) | (np.mod(across, 1) < 0.03 + 0.002 * t)
    tone = 1 + 0.09 * grain.at(0, row, np.floor(across)) + 0.07 * grain.at(12, x * 14, z * 6)
    tone += 0.07 * np.exp(-t / 14) * grain.at(0, x * 60, z * 60)
    tone -= 0.22 * joint / (1 + (t / 12) ** 2)
    return tone[:, None] * ground.slabs


def _shaded(x, z, street, light, grain):
    """Shares of the sun and of the sky (n,) that reach the ground past houses, trees, cars, people and poles."""
    sunlit = light.past_houses(x, 0.0, z)
    sx, sy, sz = light.sun_at.tolist()
    wall = np.maximum(street.half_street - np.abs(x), 0)
    open_to_sky = 0.62 + 0.38 * np.clip(wall / 5, 0, 1) - 0.3 * np.exp(-wall / 0.35)
    sharp = light.sun.any()
    for tree in street.trees:
        if sharp and tree.z < 60:
            # The ray to the sun meets the crown, an ellipsoid, or the trunk.
            reach = tree.wide + tree.height * max(abs(sx), abs(sz)) / sy
            near = (np.abs(x - tree.x) < reach) & (np.abs(z - tree.z) < reach)
            gx, gz = x[near], z[near]
            ux, uy, uz = (tree.x - gx) / tree.wide, tree.crown / tree.tall, (tree.z - gz) / tree.wide
            dx, dy, dz = sx / tree.wide, sy / tree.tall, sz / tree.wide
            along = (ux * dx + uy * dy + uz * dz) / (dx * dx + dy * dy + dz * dz)
            miss = (ux - along * dx) ** 2 + (uy - along * dy) ** 2 + (uz - along * dz) ** 2
            leaves = (
                1
                - miss
                + 0.5 * grain.at(4, gx * 14 + tree.offset[0], gz * 14)
                + 0.35 * grain.at(12, gx * 14, gz * 14)
            )
            shade = np.clip(2.0 * leaves, 0, 1) * (0.35 if tree.bare else 0.85)
            trunk = 0.9 * _bar(gx, gz, tree.x, tree.z, tree.trunk + 0.02, tree.crown, light)
            sunlit[near] *= (1 - shade) * (1 - trunk)
        under = np.abs(z - tree.z) < 1.5 * tree.wide
        square = (x[under] - tree.x) ** 2 + (z[under] - tree.z) ** 2
        open_to_sky[under] *= 1 - 0.35 * np.exp(-square / (0.6 * tree.wide) ** 2)
    for car in street.cars:
        ahead, side = cos(car.heading), sin(car.heading)
        ax, az = x - car.x, z - car.z
        near = (np.abs(ax) < 6) & (np.abs(az) < 8)
        ax, az = ax[near], az[near]
        along, aside = np.abs(ax * side + az * ahead), np.abs(ax * ahead - az * side)
        gap = np.hypot(np.maximum(along - car.long / 2 + 0.15, 0), np.maximum(aside - car.wide / 2 + 0.1, 0))
        open_to_sky[near] *= 1 - 0.88 * np.exp(-gap / 0.22)
        sunlit[near] *= 1 - np.exp(-((gap / 0.1) ** 2))
        if sharp:
            for height in (0.5, 0.9, 1.35):  # the shadow of slices of the car
                bx, bz = ax + height * sx / sy, az + height * sz / sy
                along, aside = np.abs(bx * side + bz * ahead), np.abs(bx * ahead - bz * side)
                long, wide = (0.26, 0.4) if height > 1 and not car.van else (0.5, 0.5)
                depth = np.minimum(long * car.long - along, wide * car.wide - aside)
                sunlit[near] *= 1 - np.clip(depth / 0.08 + 0.5, 0, 1)
    for person in street.people:
        under = (np.abs(x - person.x) < 0.8) & (np.abs(z - person.z) < 0.8)
        square = (x[under] - person.x) ** 2 + (z[under] - person.z) ** 2
        open_to_sky[under] *= 1 - 0.5 * np.exp(-square / 0.06)
    bars = [(person.x, person.z, 0.17, person.height) for person in street.people]
    bars += [(pole.x, pole.z, pole.radius, pole.height) for pole in street.poles]
    for bx, bz, radius, height in bars if sharp else ():
        reach = 0.5 + height * max(abs(sx), abs(sz)) / sy
        near = (np.abs(x - bx) < reach) & (np.abs(z - bz) < reach)
        sunlit[near] *= 1 - 0.9 * _bar(x[near], z[near], bx, bz, radius, height, light)
    return sunlit, open_to_sky


def _bar(x, z, px, pz, radius, height, light):
    """0 … 1: how far an upright bar at (px, pz) keeps the sun from places on the ground."""
    sx, sy, sz = light.sun_at.tolist()
    flat = max(np.hypot(sx, sz), 1e-6)
    ax, az = px - x, pz - z
    along, aside = (ax * sx + az * sz) / flat, np.abs(ax * sz - az * sx) / flat
    soft = 0.02 + 0.012 * np.maximum(along, 0)
    return np.clip((radius - aside) / soft + 0.5, 0, 1) * (along > -radius) * (along * sy / flat < height)
