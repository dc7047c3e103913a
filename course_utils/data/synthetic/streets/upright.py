"""Trees, people and poles: flat boards that face the camera, shaded as if they were round."""

from math import cos, sin

import numpy as np

from course_utils.data.synthetic.streets.view import (
    FINE,
    PERSON,
    POLE,
    TREE,
    draw_rod,
    of_rays,
    upright_board,
)


def draw_tree(canvas, view, tree, light, grain):
    board = upright_board(canvas, view, tree.x, tree.z, 1.3 * tree.wide, 0, tree.height + 0.35 * tree.tall)
    if board is None:
        return
    window, depth, p, y = board
    sx, sy, sz = light.sun_at.tolist()
    right = sx * view.cos - sz * view.sin  # the sun, seen across the view
    if not tree.bare:
        a, b = tree.offset
        p2, q2 = p / tree.wide, (y - tree.crown) / tree.tall
        body = 1 - p2**2 - q2**2
        grid = [np.broadcast_to(c, body.shape) for c in (y * 22 + a, p * 22 + b)]
        coarse, clump, twig = grain.at(12, *grid), grain.at(4, *grid), grain.at(1.5, *grid)
        fine = grain.at(0, *grid)
        leaf = (body + 0.38 * coarse + 0.24 * clump + 0.2 * twig + 0.14 * fine + tree.open > 0.1) & (
            body > -0.35
        )
        seen = canvas.visible(window, depth, leaf)
        if seen.any():
            coarse, clump, twig, fine = coarse[seen], clump[seen], twig[seen], fine[seen]
            bump = clump - grain.at(4, grid[0] + 5 * sy, grid[1] + 5 * right)[seen]
            broad = coarse - grain.at(12, grid[0] + 14 * sy, grid[1] + 14 * right)[seen]
            nx, ny = of_rays(p2, seen), of_rays(q2, seen)
            facing = (
                0.35
                + 0.5 * (nx * right + ny * sy)
                - 0.3 * (sz * view.cos + sx * view.sin)
                + 0.25 * bump
                + 0.35 * broad
            )
            hollow = np.clip(
                0.6 + 0.2 * coarse + 0.2 * clump + 0.2 * twig + 0.2 * fine + 0.25 * ny, 0.08, 1.4
            )
            sunlit = light.past_houses(
                tree.x + nx * tree.wide, tree.crown + ny * tree.tall, np.float32(tree.z)
            )
            tone = (
                np.exp(0.12 * twig + 0.1 * clump + 0.12 * fine)[:, None]
                * tree.leaf
                * (1 + 0.15 * coarse[:, None] * (1.0, 0.2, -0.5))
            )
            place = (
                tree.x + nx * tree.wide,
                tree.crown + ny * tree.tall,
                np.full(nx.shape, tree.z, np.float32),
            )
            colour = light.on(tone * hollow[:, None], (0.0, 0.55, 0.0), place, 0.0, 1.0)
            colour = colour + tone * (np.maximum(facing, 0) * hollow * sunlit)[:, None] * 1.3 * light.sun
            canvas.paint(window, depth, seen, colour, TREE)
    wood = np.zeros((y.size, p.size), np.float32)
    twigs = (126 if y.size > 80 * FINE else 62 if y.size > 30 * FINE else 30) if tree.bare else 14
    for x0, y0, x1, y1, radius in _branches(tree, twigs):
        draw_rod(wood, p[0], y[:, 0], (x0, y0, x1, y1), max(radius, 0.42 * depth / view.focal))
    seen = canvas.visible(window, depth + 0.05, wood > 0)
    if seen.any():
        round_ = wood[seen]
        y_seen = of_rays(y, seen)
        tone = (0.55 + 0.45 * round_) * (1 + 0.15 * grain.at(1.5, of_rays(p, seen) * 60, y_seen * 12))
        sunlit = light.past_houses(np.float32(tree.x), y_seen, np.float32(tree.z)) * (
            0.3 if not tree.bare else 0.7
        )
        place = (tree.x, y_seen, tree.z)
        canvas.paint(
            window,
            depth + 0.05,
            seen,
            light.on(tone[:, None] * tree.bark, (-0.3 * view.sin, 0.1, -0.8), place, sunlit, 0.8),
            TREE,
        )


def _branches(tree, twigs):
    """Segments (x0, y0, x1, y1, radius), each branch forking in two."""
    stem = (0.42 if tree.bare else 0.5) * tree.height
    grown = [(0.0, 0.0, tree.lean, stem, tree.trunk)]
    segments = [(0.0, 0.0, sin(tree.lean) * stem, stem, tree.trunk)]
    for number in range(twigs):
        x, y, angle, length, radius = grown[number // 2]
        x, y = x + length * sin(angle), y + length * cos(angle)
        bend, longer, along = tree.branching[number]
        angle = 0.85 * angle + (0.25 + 0.45 * bend) * (2 * (number % 2) - 1)
        length, radius = (
            ((0.28 if tree.bare else 0.17) * tree.height if number < 2 else length * 0.78)
            * (0.7 + 0.5 * longer),
            0.64 * radius,
        )
        shift = 0.25 * along * (number > 1)
        px, py = x - shift * length * sin(angle), y - shift * length * cos(angle)
        grown.append((px, py, angle, length, radius))
        segments.append((px, py, px + length * sin(angle), py + length * cos(angle), radius))
    return segments


def draw_person(canvas, view, person, light):
    """Head, trunk, arms and legs as rods, clothed, in mid-step."""
    tall = person.height
    board = upright_board(canvas, view, person.x, person.z, 0.45 * tall, 0, 1.03 * tall)
    if board is None:
        return
    window, depth, p, y = board
    p, y = (p / tall / person.build).ravel(), (y / tall).ravel()
    step, other = 0.10 * np.sin(person.phase) * person.turn, 0.06 * np.sin(person.phase + 2)
    thin = 0.6 * depth / view.focal / tall
    left, right, hand = -0.04 - 1.5 * step, 0.03 + 1.3 * step, -0.11 - 2 * other
    sleeve, shoe = person.top * 0.85, np.full(3, 0.02)
    # fmt: off
    limbs = [  # colour; rods (x0, y0, x1, y1) in heights of a person; radius
        (person.legs, [(-0.035, 0.5, -0.04 - step, 0.27), (-0.04 - step, 0.27, left, 0.03)], 0.042),
        (person.legs, [(0.035, 0.5, 0.04 + 0.8 * step, 0.27), (0.04 + 0.8 * step, 0.27, right, 0.03)], 0.042),
        (shoe, [(left, 0.02, -0.01 - 1.5 * step, 0.02), (right, 0.02, 0.06 + 1.3 * step, 0.02)], 0.022),
        (sleeve, [(-0.10, 0.79, -0.125 - other, 0.63), (-0.125 - other, 0.63, -0.10 - 2 * other, 0.5)], 0.028),
        (sleeve, [(0.10, 0.79, 0.125 + other, 0.63), (0.125 + other, 0.63, 0.10 + 2 * other, 0.5)], 0.028),
        (person.top, [(-0.05, 0.77, -0.035, 0.52), (0.05, 0.77, 0.035, 0.52), (0.0, 0.79, 0.0, 0.5)], 0.062),
        (person.skin, [(0.0, 0.83, 0.0, 0.87), (hand, 0.48, hand, 0.47)], 0.026),
        (person.skin, [(0.0, 0.91, 0.0, 0.935)], 0.052),
        (person.hair, [(-0.01, 0.955, 0.01, 0.955)], 0.053),
    ]
    # fmt: on
    if person.skirt:
        limbs.insert(
            5, (person.legs, [(-0.03, 0.52, -0.05, 0.36), (0.03, 0.52, 0.05, 0.36), (0, 0.5, 0, 0.36)], 0.06)
        )
    if person.bag:
        limbs.append((np.array((0.05, 0.04, 0.035)), [(0.13, 0.47, 0.14, 0.52)], 0.05))
    albedo = np.zeros((y.size, p.size, 3), np.float32)
    roundness = np.zeros((y.size, p.size), np.float32)
    for tone, rods, radius in limbs:
        plane = np.zeros_like(roundness)
        for rod in rods:
            draw_rod(plane, p, y, rod, max(radius, thin))
        albedo[plane > 0], roundness[plane > 0] = tone, plane[plane > 0]
    seen = canvas.visible(window, depth, roundness > 0)
    if not seen.any():
        return
    across = of_rays(p[None], seen) / 0.15
    height = of_rays(y[:, None], seen)
    toward = 0.45 + 0.55 * roundness[seen]
    fold = 1 + 0.12 * np.sin(60 * height + 9 * across)
    normal = (np.clip(across, -1, 1) * 0.8 * view.cos, 0.15 + 0 * across, -toward * 0.8)
    sunlit = light.past_houses(np.float32(person.x), height * tall, np.float32(person.z))
    colour = light.on(
        albedo[seen] * fold[:, None], normal, (person.x, height * tall, person.z), sunlit, 0.55 + 0.4 * toward
    )
    canvas.paint(window, depth, seen, colour, PERSON)


def draw_pole(canvas, view, pole, light):
    """A post and what it carries: a lamp on an arm, a sign, a traffic light; or nothing."""
    reach = max(abs(pole.arm) + 0.4, 0.5)
    board = upright_board(canvas, view, pole.x, pole.z, reach, 0, pole.height + 0.5)
    if board is None:
        return
    window, depth, p, y = board
    thin = 0.5 * depth / view.focal
    radius = np.maximum(pole.radius * np.where(y < 0.9, 1.35, 1.0) * (1.1 - 0.35 * y / pole.height), thin)
    mask = (np.abs(p) < radius) & (y > 0) & (y < pole.height)
    albedo = np.full((*mask.shape, 3), pole.grey * np.array((0.95, 1.0, 1.0)))
    glow = np.zeros((*mask.shape, 3), np.float32)
    if pole.kind == "lamp":
        arm = pole.arm * view.cos
        if pole.arm:
            share = np.clip(p / arm, 0, 1)
            mask |= (
                (np.abs(y - pole.height - 0.25 * share + 0.1) < np.maximum(0.035, thin))
                & (p / arm >= 0)
                & (p / arm < 1)
            )
        head = (np.abs(p - arm) < 0.28) & (np.abs(y - pole.height - 0.12) < np.maximum(0.07, thin))
        mask |= head
        glow[head] = light.lamp * 1.4
        albedo[head] = 0.25
    elif pole.kind == "sign":
        centre = pole.height - 0.3
        face = (
            (np.abs(p) < 0.3) & (np.abs(y - centre) < 0.22) if pole.square else np.hypot(p, y - centre) < 0.3
        )
        inner = (
            (np.abs(p) < 0.25) & (np.abs(y - centre) < 0.17) if pole.square else np.hypot(p, y - centre) < 0.2
        )
        mask |= face
        albedo[face] = pole.face
        albedo[face & inner] = pole.face if pole.square else 0.55
        albedo[face & inner & (np.abs(y - centre) < 0.05)] = 0.04 if not pole.square else 0.5
    elif pole.kind == "signal":
        box = (np.abs(p) < 0.16) & (y > pole.height - 0.95) & (y < pole.height)
        mask |= box
        albedo[box] = 0.015
        for number, light_ in enumerate(((3.0, 0.15, 0.1), (2.6, 1.3, 0.1), (0.15, 2.2, 0.8))):
            lens = np.hypot(p, y - pole.height + 0.17 + 0.3 * number) < 0.1
            albedo[lens] = np.array(light_) * 0.05
            if number == pole.state:
                glow[lens] = np.array(light_) * (0.9 - 0.5 * light.night)
    elif pole.kind == "bollard":
        albedo[(np.abs(y - 0.85) < 0.06) & mask] = 0.5
    seen = canvas.visible(window, depth, mask)
    if not seen.any():
        return
    across = np.clip(p / radius, -1, 1)[seen]
    height = of_rays(y, seen)
    front = np.sqrt(np.maximum(1 - across**2, 0.05))
    normal = (across * view.cos, 0.0 * across, -front)
    sunlit = light.past_houses(np.float32(pole.x), height, np.float32(pole.z))
    colour = light.on(albedo[seen], normal, (pole.x, height, pole.z), sunlit, 0.75)
    canvas.paint(window, depth, seen, colour + glow[seen], POLE)
