"""Houses: fronts with windows, gables, roofs and chimneys."""

import numpy as np

from course_utils.data.synthetic.streets.view import BUILDING, WINDOW, upright_board


def draw_house(canvas, view, house, light, grain):
    """The front with its windows; for houses along the street also the near end, the roof and chimneys."""
    if house.side:
        with np.errstate(divide="ignore"):
            t = (house.side * house.at - view.x) / view.dx
        t = np.where(t > 0, t, np.inf)
        z = np.where(np.isfinite(t), view.dz * np.where(np.isfinite(t), t, 0), -1e3)
        along, slant, tilt = z - house.start, view.dz / np.abs(view.dx), 1 / np.abs(view.dx)
        normal = (-float(house.side), 0.0, 0.0)
        _front(canvas, view, house, light, grain, t, along, house.stop - house.start, slant, tilt, normal)
        if house.start > 1.5:
            _gable(canvas, view, house, light, grain)
        if house.pitched:
            _roof(canvas, view, house, light, grain)
    else:
        t = house.at / view.dz
        along = view.x + view.dx * t - house.start
        normal = (0.0, 0.0, -1.0)
        _front(canvas, view, house, light, grain, t, along, 44.0, view.dx / view.dz, 1 / view.dz, normal)


def _upright(canvas, view, t, valid, top):
    """Rays that may hit an upright plane: window, heights (h, w), visible mask; None if there are none."""
    columns = np.flatnonzero(valid & np.isfinite(t) & (t > 0.3))
    if not columns.size:
        return None
    columns = slice(columns[0], columns[-1] + 1)
    near = t[columns][valid[columns]].min()
    rows = slice(*np.clip([int(view.row(np.max(top), near)) - 1, int(view.row(0, near)) + 2], 0, view.rows))
    if rows.start >= rows.stop:
        return None
    window = rows, columns
    with np.errstate(invalid="ignore"):
        y = view.height + view.dy[rows, None] * t[None, columns]
        mask = (y >= 0) & (y <= np.broadcast_to(top, t.shape)[columns]) & valid[columns]
    seen = canvas.visible(window, t[None, columns], mask)
    return (window, y, seen) if seen.any() else None


def _front(canvas, view, house, light, grain, t, along, length, slant, tilt, normal):
    found = _upright(canvas, view, t, (along >= 0) & (along <= length), house.height)
    if found is None:
        return
    window, y, seen = found
    row, column = np.nonzero(seen)
    column, y = column + window[1].start, y[seen]
    rise = view.dy[window[0]][row]
    a, depth, slant, tilt = along[column], t[column], slant[column], tilt[column]
    x, z = view.x + view.dx[column] * depth, view.dz[column] * depth

    bay = length / max(1, round(length / house.bay))
    outer, floor, number, u, v = _opening(house, a, y, bay, length)
    recess = 0.13
    inner, floor_in, number_in, u, v = _opening(
        house, a + recess * slant, y + recess * tilt * rise, bay, length
    )
    glass = outer & inner & (floor == floor_in) & (number == number_in)
    reveal = outer & ~glass

    albedo = _masonry(house, a, y, depth, grain) * np.where(reveal, 0.55, 1)[:, None]
    level = np.where(y < house.ground, y, np.mod(y - house.ground, house.storey))
    band = (level > house.ground - 0.18) & (y < house.ground) | (y > house.height - 0.3)
    below = _opening(house, a, y + 0.12, bay, length)[0] & ~outer
    beside = _opening(house, a, y - 0.18, bay, length)[0] & ~outer
    albedo[band | below | beside] = (
        house.trim * (1 + 0.06 * grain.at(4, a * 9, y * 9))[band | below | beside, None]
    )
    if house.shop:
        sign = (y > 0.80 * house.ground) & (y < 0.94 * house.ground)
        albedo[sign] = (
            house.fascia * (1 + 0.5 * (np.mod(a[sign], 2.3) < 1.1) * (np.mod(a[sign] * 3, 1) < 0.6))[:, None]
        )
    pipe = np.abs(a - house.pipe * length) < 0.05
    albedo[pipe & ~outer] *= 0.4
    cornice = house.height - 0.3 - y
    dark = 1 - 0.35 * np.exp(-y / 0.5) - 0.4 * np.exp(-np.maximum(cornice, 0) / 0.25) * (cornice > 0)
    open_to_sky = dark * (0.6 + 0.4 * np.clip(y / house.height, 0, 1))
    sunlit = light.past_houses(x, y, z) if house.side else 1.0
    colour = light.on(
        albedo, normal, (x, y, z), sunlit * np.where((cornice > 0) & (cornice < 0.25), 0.3, 1), open_to_sky
    )
    if glass.any():
        place = (x[glass], y[glass], z[glass])
        panes = house.panes[floor[glass] % 24, number[glass] % 64]
        facing = 1 / (tilt[glass] * np.sqrt(1 + rise[glass] ** 2 + 1e-6))
        shown = _glass(
            house,
            light,
            panes,
            u[glass],
            v[glass],
            place,
            rise[glass] * tilt[glass],
            facing,
            normal,
            depth[glass],
            floor[glass],
        )
        colour[glass] = shown
    kind = np.full(seen.shape, BUILDING, np.uint8)
    kind[seen] = np.where(glass, WINDOW, BUILDING)
    canvas.paint(window, t[None, window[1]], seen, colour, kind)


def _opening(house, a, y, bay, length):
    """Whether a place on a front (along, height) is an opening; its storey and bay; where in the opening (0 … 1)."""
    number = np.floor(a / bay).astype(np.int32)
    u = a / bay - number
    upper = y >= house.ground
    floor = np.where(upper, 1 + np.floor((y - house.ground) / house.storey), 0).astype(np.int32)
    v = np.where(upper, np.mod(y - house.ground, house.storey) / house.storey, y / house.ground)
    door = ~upper & (np.mod(number + house.offset[0], 3) == 0) & (not house.shop)
    wide = np.where(upper, house.wide, 0.88 if house.shop else np.where(door, 0.36, house.wide))
    low = np.where(upper, house.sill, 0.12 if house.shop else np.where(door, 0.02, 0.27))
    tall = np.where(upper, house.tall, 0.64 if house.shop else np.where(door, 0.66, 0.42))
    blind = house.panes[floor % 24, number % 64, 5] < 0.05
    p, q = (u - 0.5) / wide + 0.5, (v - low) / tall
    inside = (p > 0) & (p < 1) & (q > 0) & (q < 1) & (floor < house.storeys) & (a > 0) & (a < length)
    return inside & ~(blind & upper), floor, number, p, q


def _glass(house, light, panes, p, q, place, rise, facing, normal, depth, floor):
    """What a window shows (n, 3): its frame, and in the glass the sky or the house opposite, and the room behind."""
    _, y, z = place
    tilt = 0.12 * (panes[:, 0] - 0.5) + 0.05 * (panes[:, 1] - 0.5) * p
    up = rise + tilt
    side = -house.side if house.side else 1
    opposite = light.top_of(side, z) if house.side else 7.0
    mirrored = y + up * 2 * light.half_street > opposite - 0.4 * panes[:, 1]
    seen = np.where(
        mirrored[:, None], light.sky_at(np.maximum(up, 0)), light.wall * (0.4 + 0.5 * panes[:, 1:2])
    )
    reflectance = 0.16 + 0.5 * panes[:, 2] ** 2 + 0.5 * (1 - np.clip(facing, 0, 1)) ** 3
    room = np.full((p.size, 3), 0.025) * (1 + panes[:, :1])
    drawn = panes[:, 3]
    curtain = ((np.abs(p - 0.5) > 0.5 - 0.28 * drawn) & (drawn > 0.35)) | (
        q > 1 - 0.7 * panes[:, 4] * (panes[:, 4] > 0.7)
    )
    cloth = np.array((0.38, 0.36, 0.32)) * (0.6 + 0.4 * np.sin(40 * p))[:, None] * (0.4 + 0.8 * panes[:, :1])
    room = np.where((curtain & (floor > 0))[:, None], cloth, room)
    inside = room * (0.45 * light.sky + 0.12 * light.sun) * (0.4 + 0.6 * q)[:, None]
    lit = (panes[:, 5] > 0.72 - 0.25 * (house.shop & (floor == 0))) * np.clip(
        (light.night - 0.25) / 0.4, 0, 1
    )
    lamp = (
        np.array((1.0, 0.66, 0.36)) * (0.25 + 0.7 * panes[:, 0:1]) + np.array((0, 0.1, 0.3)) * panes[:, 1:2]
    )
    inside = inside + (lit * (0.35 + 0.65 * np.exp(-((q - 0.75) ** 2 + (p - 0.5) ** 2) / 0.15)))[
        :, None
    ] * lamp * (0.35 + room * 2)
    glass = inside * (1 - reflectance)[:, None] + seen * reflectance[:, None]
    glass *= (1 - 0.55 * np.exp(-(1 - q) / 0.06) - 0.2 * np.exp(-np.minimum(p, 1 - p) / 0.04))[:, None]
    bar = 0.045 + 0.0006 * depth
    u, w = np.mod(p * house.panes_across, 1), np.mod(q * house.panes_down, 1)
    frame = (np.minimum(u, 1 - u) < bar * house.panes_across) | (
        np.minimum(w, 1 - w) < 0.7 * bar * house.panes_down
    )
    frame_light = light.on(np.broadcast_to(house.frame, (p.size, 3)), normal, place, 0.4, 0.55)
    return np.where(frame[:, None], frame_light, glass)


def _masonry(house, a, y, depth, grain):
    """Albedo (n, 3) of a wall at (along, height)."""
    da, dy = house.offset
    tone = 1 + 0.08 * grain.at(12, a * 7 + da, y * 7 + dy) + 0.07 * grain.at(4, a * 10 + da, y * 1.5 + dy)
    close = 1 / (1 + (depth / 14) ** 2)
    if house.material == "brick":
        course = np.floor(y / 0.075)
        brick = a / 0.225 + 0.5 * np.mod(course, 2)
        tone += (0.06 + 0.16 * close) * grain.at(0, course + dy, np.floor(brick) + da)
        mortar = (np.mod(y, 0.075) < 0.012) | (np.mod(brick, 1) < 0.05)
        tone = tone + np.where(mortar, 0.35, 0) * close
    elif house.material == "stone":
        course = np.floor(y / 0.42)
        block = a / 0.85 + 0.5 * np.mod(course, 2)
        tone += 0.08 * grain.at(0, course + dy, np.floor(block) + da) + 0.05 * close * grain.at(
            1.5, a * 40, y * 40
        )
        joint = (np.mod(y, 0.42) < 0.025 + 0.001 * depth) | (np.mod(block, 1) < 0.03)
        tone = tone - 0.25 * joint * (close + 0.15)
    else:
        tone += 0.05 * close * grain.at(0, a * 50, y * 50) + 0.05 * grain.at(1.5, a * 22 + da, y * 5)
    tone -= 0.12 * np.exp(-y / 0.9) * (1 + 0.5 * grain.at(4, a * 8, y * 8))
    return np.maximum(tone, 0.2)[:, None] * house.albedo


def _gable(canvas, view, house, light, grain):
    """The end of a house that looks towards the camera."""
    t = house.start / view.dz
    x = view.x + view.dx * t
    inward = house.side * x - house.at
    peak = house.slope * np.minimum(inward, house.depth - inward) if house.pitched else 0 * x
    found = _upright(
        canvas, view, t, (inward >= 0) & (inward <= house.depth), house.height + np.maximum(peak, 0)
    )
    if found is None:
        return
    window, y, seen = found
    column, y = np.nonzero(seen)[1] + window[1].start, y[seen]
    albedo = _masonry(house, inward[column], y, t[column], grain)
    dark = (1 - 0.35 * np.exp(-y / 0.5)) * (0.6 + 0.4 * np.clip(y / house.height, 0, 1))
    colour = light.on(
        albedo,
        (0.0, 0.0, -1.0),
        (x[column], y, house.start),
        light.past_houses(x[column], y, house.start),
        dark,
    )
    canvas.paint(window, t[None, window[1]], seen, colour, BUILDING)


def _roof(canvas, view, house, light, grain):
    """The slope that rises from the eaves away from the street, and its chimneys."""
    m, ridge = house.slope, house.height + house.slope * house.depth / 2
    top = int(np.clip(view.row(ridge + 1.5, max(house.start, 2.0)), 0, view.rows))
    bottom = int(np.clip(view.row(house.height, house.stop + 5), 0, view.rows))
    columns = slice(0, view.columns)
    window = slice(top, max(bottom, top)), columns
    if bottom <= top:
        return
    rise = view.dy[window[0], None] - m * house.side * view.dx[None]
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (house.height - view.height + m * (house.side * view.x - house.at)) / rise
        y, z = view.height + view.dy[window[0], None] * t, view.dz[None] * t
        mask = (t > 0) & (y > house.height) & (y < ridge) & (z > house.start) & (z < house.stop)
    seen = canvas.visible(window, t, mask)
    if seen.any():
        y, z, t_seen = y[seen], z[seen], t[seen]
        course = np.floor(y / 0.18)
        tone = 1 + 0.12 * grain.at(0, course, np.floor(z / 0.25)) + 0.1 * grain.at(12, y * 9, z * 9)
        tone -= 0.25 * (np.mod(y, 0.18) < 0.03) / (1 + (t_seen / 25) ** 2)
        norm = np.hypot(1, m)
        x = house.side * (house.at + (y - house.height) / m)
        colour = light.on(
            tone[:, None] * house.roof, (-house.side * m / norm, 1 / norm, 0.0), (x, y, z), 1.0, 0.95
        )
        canvas.paint(window, t, seen, colour, BUILDING)
    for share in house.chimneys:
        x, z = house.side * (house.at + 0.4 * house.depth), house.start + share * (house.stop - house.start)
        board = upright_board(canvas, view, x, z, 0.6, house.height, ridge + 1.3)
        if board is not None:
            window, depth, p, y = board
            mask = (np.abs(p) < np.where(y > ridge + 1.1, 0.5, 0.42)) & (y > house.height) & (y < ridge + 1.2)
            pots = (y >= ridge + 1.1) & (np.abs(np.abs(p) - 0.22) < 0.11)
            seen = canvas.visible(window, depth, mask & (y < ridge + 1.1) | pots & (y < ridge + 1.3))
            tone = (1 - 0.3 * (p > 0.1)) * (1 + 0 * y)
            albedo = (tone[..., None] * house.albedo * 0.8)[seen]
            canvas.paint(
                window, depth, seen, light.on(albedo, (0.0, 0.2, -0.9), (x, ridge, z), 0.8, 0.9), BUILDING
            )
