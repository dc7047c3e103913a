"""Street scenes by day and night, generated, with the exact class of every pixel.

*A colour is not a thing.* A grey wall, a grey road and a grey sky share their colours, a window shows the sky, a red
car stands before red bricks, a green one under a tree; at night all turn orange. People need no second look, because
they know where roads lie and how cars stand on them; a method that sees a pixel and its neighbours does not.

The street is built in metres and looked at through a camera: one ray through the middle of each quarter of a pixel,
the nearest surface wins, its colour follows from its material and from the light that reaches it.

=========== ================================================== =============================
stage       functions                                          knobs
=========== ================================================== =============================
plan        ``_plan`` (what stands where)                      ``traffic people trees poles``
light       ``_Light`` (sun, sky, lamps, shadows)              ``night sunshine``
surfaces    ``_sky _ground _houses _tree _car _person _pole``  ``wet``
camera      ``_camera``                                        ``haze vignetting blur noise compression``
=========== ================================================== =============================

Each thing draws from a random stream of its own, so turning one knob leaves the others as they were: night falls on
the same street, and more traffic keeps the cars there were.

Lesson 07 ends the classics on these streets; the networks from lesson 09 on learn them.
"""

from math import cos, hypot, sin
from types import SimpleNamespace

import numpy as np
from scipy import fft, ndimage

from course_utils.data.synthetic.sample import Sample, checked, frame, natural

TOWN_CLASSES = ("sky", "road", "building", "tree", "car", "person", "pole", "window")
SKY, ROAD, BUILDING, TREE, CAR, PERSON, POLE, WINDOW = range(8)

# The seeds that the course uses.
TOWN_SEEDS = {
    "train": tuple(range(64)),
    "validation": tuple(range(1000, 1016)),
    "test": tuple(range(2000, 2032)),
}

# The knobs of `town`: lowest value, highest value, what the number means.
TOWN_KNOBS = {
    "night": (0, 1, "0 day, 0.5 dusk, 1 night"),
    "sunshine": (0, 1, "0 overcast, 1 a clear sky with hard shadows"),
    "traffic": (0, 1, "share of the places for cars that are taken"),
    "people": (0, 12, "people, expected number"),
    "trees": (0, 1, "share of the places for trees that are taken"),
    "poles": (0, 1, "share of the places for poles that are taken"),
    "wet": (0, 1, "0 dry ground, 1 a mirror of rain"),
    "haze": (0, 1, "share of a thing's light that haze replaces at 100 m"),
    "vignetting": (0, 1, "share of the light that is missing in the corners"),
    "blur": (0, 5, "pixels, standard deviation of the lens's blur"),
    "noise": (0, 0.2, "standard deviation of the camera's noise by day, share of its range"),
    "compression": (0, 1, "0 none, 1 blocks that show"),
}

STREAMS = (
    *("view", "sun", "clouds", "houses", "openings", "ground", "trees", "cars", "people", "poles", "grain"),
    *("lamps", "noise"),
)
FINE = 2  # rays across a pixel, each way
FAR = 110.0  # metres to the end of the street


def town(
    seed=0,
    *,
    size=(192, 256),
    night=0.0,
    sunshine=None,
    traffic=0.4,
    people=2.5,
    trees=0.45,
    poles=0.6,
    wet=None,
    haze=0.15,
    vignetting=0.25,
    blur=0.5,
    noise=0.012,
    compression=0.3,
):
    """Generate a street scene with the class of every pixel.

    The class of a pixel is that of most of its four rays, and of the nearest thing where two classes have
    two each, before blur and noise. Every pixel has one of the eight `TOWN_CLASSES`; none is to be ignored.
    ``road`` is all the ground, pavements too; ``tree`` is trunk, branches and leaves; ``pole`` is lamp posts with
    their lamps, signs, traffic lights and bollards; ``window`` is glass and frame in a building, doors and shop fronts
    too. The windows of a car are car. Sky seen between leaves is sky.

    Parameters
    ----------
    seed : int
        Not negative. The same seed and knobs give the same bytes (under the same versions of NumPy and SciPy).
    size : int or (int, int)
        Side, or height and width, of the image in pixels, each at least 16. The view stays about 55° wide.
    night : float
        0 … 1: day, dusk at 0.5, night under street lamps.
    sunshine : float or None
        0 … 1: from an overcast sky to a clear one with hard shadows. None draws it.
    traffic : float
        0 … 1: share of the places for cars, parked and driving, that are taken.
    people : float
        0 … 12: expected number of people, some of whom stand behind something.
    trees, poles : float
        0 … 1: share of the places for trees and for poles that are taken.
    wet : float or None
        0 … 1: from dry ground to one that mirrors the street. None draws it: dry in three of four.
    haze : float
        0 … 1: share of a thing's light that is replaced by haze at 100 m.
    vignetting : float
        0 … 1: share of the light that is missing in the corners.
    blur : float
        0 … 5 pixels: standard deviation of the lens's blur.
    noise : float
        0 … 0.2: standard deviation of the camera's noise by day, share of its range; by night 2.5 times that.
    compression : float
        0 … 1: strength of the loss in blocks of 8 × 8 pixels, as in JPEG.

    Returns
    -------
    Sample
        ``image`` float64 (H, W, 3), red, green, blue, multiples of 1/255 in [0, 1]; ``labels`` int32 (H, W), indices
        of `TOWN_CLASSES`.

    Raises
    ------
    ValueError, TypeError
        For a knob outside its range, a size below 16 pixels or a seed that is not a natural number.

    Notes
    -----
    Shares of the classes over the seeds 0 … 49: road 0.37, building 0.24, tree 0.13, sky 0.11, car 0.07, window 0.05,
    pole 0.02, person 0.003 (in one image of five there is nobody). About 0.2 s for 192 × 256.

    Examples
    --------
    >>> sample = town(seed=1, night=1)
    >>> sample.image.shape, sample.labels.dtype
    ((192, 256, 3), dtype('int32'))
    """
    rng = _streams(seed)
    drawn_sun, drawn_wet = rng.sun.random(), rng.sun.random()
    sunshine = min(1, 1.4 * drawn_sun) * (drawn_sun > 0.3) if sunshine is None else sunshine
    wet = max(0, 4 * drawn_wet - 3) if wet is None else wet
    k = checked({name: value for name, value in locals().items() if name in TOWN_KNOBS}, TOWN_KNOBS)
    view = _View(frame(size), rng.view)

    street = _plan(k, view, rng)
    light = _Light(street, k, rng.lamps)
    grain = _Grain(rng.grain)
    canvas = _Canvas(view)
    # Things first, what lies behind them afterwards: less is drawn that is then hidden.
    for car in street.cars:
        _car(canvas, view, car, light)
    for person in street.people:
        _person(canvas, view, person, light)
    for pole in street.poles:
        _pole(canvas, view, pole, light)
    for tree in street.trees:
        _tree(canvas, view, tree, light, grain)
    for house in street.houses:
        _house(canvas, view, house, light, grain)
    _ground(canvas, view, street, light, grain)
    _sky(canvas, view, light, rng.clouds)
    _rain(canvas, view, k.wet)
    return Sample(_camera(canvas, view, light, k, rng.noise), canvas.majority())


# ------------------------------------------------------------------------------------ the view and what it catches


class _View:
    """A camera at height ``height`` (m), ``x`` metres right of the middle of the road, looking along the street.

    It keeps verticals vertical, so a ray's horizontal direction (``dx``, ``dz``) is that of its column and its rise
    ``dy`` that of its row, all per metre along the optical axis.
    """

    def __init__(self, size, rng):
        self.rows, self.columns = FINE * size[0], FINE * size[1]
        self.half_road = rng.uniform(3.0, 4.6)
        self.half_street = self.half_road + rng.uniform(2.0, 3.4)
        self.x = rng.uniform(-0.9, 0.9) * (self.half_road - 0.8)
        self.height = rng.uniform(1.45, 2.1)
        turn = float(np.clip(rng.normal(-0.03 * self.x, 0.07), -0.2, 0.2))
        self.focal = rng.uniform(0.88, 1.05) * self.columns
        self.horizon = rng.uniform(0.44, 0.54) * self.rows
        u = (np.arange(self.columns, dtype=np.float32) + 0.5 - self.columns / 2) / self.focal
        self.dx = (u * np.cos(turn) + np.sin(turn)).astype(np.float32)
        self.dz = (np.cos(turn) - u * np.sin(turn)).astype(np.float32)
        self.dy = ((self.horizon - np.arange(self.rows, dtype=np.float32) - 0.5) / self.focal).astype(
            np.float32
        )
        self.sin, self.cos = float(np.sin(turn)), float(np.cos(turn))

    def seen(self, x, z):
        """Depth along the axis (m) and column of a place (x, z)."""
        x = x - self.x
        depth = z * self.cos + x * self.sin
        return depth, self.columns / 2 + self.focal * (x * self.cos - z * self.sin) / np.maximum(depth, 1e-3)

    def row(self, y, depth):
        return self.horizon - self.focal * (y - self.height) / depth

    def window(self, x, z, wide, low, high):
        """Slices of the rays that may hit something upright around (x, z); None when it is out of sight."""
        depth, column = self.seen(x, z)
        if depth < 1.5:
            return None
        near = max(depth - wide, 1)
        reach = self.focal * wide / near + 2
        top, bottom = min(self.row(high, d) for d in (near, depth + wide)), self.row(low, near)
        rows = slice(*np.clip([int(top) - 1, int(bottom) + 3], 0, self.rows))
        columns = slice(*np.clip([int(column - reach), int(column + reach) + 2], 0, self.columns))
        return (rows, columns) if rows.start < rows.stop and columns.start < columns.stop else None


class _Canvas:
    """Light (R, C, 3), class and depth (R, C) of what each ray has met so far."""

    def __init__(self, view):
        self.light = np.zeros((view.rows, view.columns, 3), np.float32)
        self.classes = np.full((view.rows, view.columns), SKY, np.uint8)
        self.depth = np.full((view.rows, view.columns), np.inf, np.float32)

    def visible(self, window, depth, mask):
        """Where the rays of a window meet a surface before anything drawn so far."""
        return mask & (depth < self.depth[window])

    def paint(self, window, depth, mask, light, kind):
        """Paint a surface where it is visible; light (h, w, 3) or (n, 3), one for each visible ray."""
        self.depth[window][mask] = np.broadcast_to(depth, mask.shape)[mask]
        self.light[window][mask] = (
            light if np.ndim(light) < 3 else np.broadcast_to(light, (*mask.shape, 3))[mask]
        )
        self.classes[window][mask] = kind if np.ndim(kind) == 0 else np.broadcast_to(kind, mask.shape)[mask]

    def majority(self):
        """int32 labels (H, W): the class of most rays of a pixel, of the nearest where two classes have two each."""
        h, w = self.classes.shape[0] // FINE, self.classes.shape[1] // FINE

        def rays(plane):
            return plane.reshape(h, FINE, w, FINE).transpose(0, 2, 1, 3).reshape(h, w, FINE**2)

        classes, nearness = rays(self.classes), 1 / (1 + rays(self.depth))
        labels = classes[..., 0].astype(np.int32)
        mixed = (classes != classes[..., :1]).any(axis=-1)
        votes = (classes[mixed][..., None] == np.arange(8)).astype(np.float32)
        score = votes.sum(axis=1) + 0.5 * (votes * nearness[mixed][..., None]).max(axis=1)
        labels[mixed] = np.argmax(score, axis=-1)
        return labels


class _Grain:
    """Noise that a surface carries: tiles of mean 0 and deviation 1, looked up by place."""

    def __init__(self, rng):
        white = rng.standard_normal((4, 256, 256)).astype(np.float32)
        self.tiles = {0: white[0]}
        for number, sigma in enumerate((1.5, 4, 12), 1):
            soft = ndimage.gaussian_filter(white[number], sigma, mode="wrap")
            self.tiles[sigma] = soft / soft.std()

    def at(self, sigma, a, b):
        """Noise whose grains are about ``2 * sigma`` cells wide, at cells (a, b)."""
        return self.tiles[sigma][np.asarray(a).astype(np.int32) & 255, np.asarray(b).astype(np.int32) & 255]


# ----------------------------------------------------------------------------------------- plan: what stands where

# Albedos, linear. Walls and cars share colours with each other, with the road and the sky: that is the point.
# fmt: off
WALLS = np.array([
    (.29, .14, .10), (.34, .19, .13), (.25, .15, .12), (.42, .33, .22), (.50, .45, .36), (.60, .57, .50),
    (.34, .34, .35), (.22, .23, .25), (.46, .48, .50), (.55, .50, .38), (.62, .50, .40),
    (.38, .42, .40), (.18, .17, .16), (.45, .29, .21),
])
PAINTS = np.array([
    (.65, .66, .67), (.40, .42, .44), (.20, .21, .23), (.02, .02, .025), (.07, .08, .09), (.40, .03, .02),
    (.28, .07, .05), (.03, .07, .24), (.09, .15, .24), (.03, .10, .05), (.12, .17, .07),
    (.45, .38, .26), (.50, .52, .54), (.16, .10, .07),
])
LEAVES = np.array([
    (.07, .12, .03), (.05, .09, .03), (.11, .13, .04), (.04, .08, .045),
    (.14, .11, .03), (.12, .07, .03), (.09, .10, .06),
])
CLOTHES = np.array([
    (.02, .02, .025), (.04, .05, .09), (.10, .10, .11), (.28, .28, .29), (.35, .05, .04), (.45, .40, .33),
    (.10, .13, .06), (.06, .12, .28), (.55, .55, .56), (.20, .12, .07), (.5, .30, .04),
])
# fmt: on


def _plan(k, view, rng):
    street = SimpleNamespace(half_road=view.half_road, half_street=view.half_street)
    street.houses = [*_row(-1, view, rng.houses), *_row(1, view, rng.houses), *_end(view, rng.houses)]
    for house in street.houses:
        house.panes = rng.openings.random((24, 64, 6)).astype(np.float32)
    street.ground = _pavement(view, rng.ground)
    street.trees = _planted(k, view, street, rng.trees)
    street.cars = _parked(k, view, rng.cars)
    street.people = _walking(k, view, rng.people)
    street.poles, street.lamps = _standing(k, view, rng.poles)
    return street


def _row(side, view, rng):
    """The houses of one side (-1 left, 1 right), wall to wall with a gap now and then."""
    houses, z = [], rng.uniform(-14, -6)
    storeys, style = rng.integers(2, 5), rng.integers(len(WALLS))
    while z < FAR:
        length, gap, alike = rng.uniform(6, 17), rng.random() < 0.16, rng.random() < 0.35
        house = _style(rng, style if alike else rng.integers(len(WALLS)), storeys)
        house.side, house.start, house.stop = side, z, z + length
        house.at = view.half_street + rng.choice([0, 0, 0, 0.5, 1.8])
        if not (gap and z > 3):
            houses.append(house)
        z += length
    return houses


def _end(view, rng):
    """What closes the street: a house across it, or nothing but the sky."""
    house = _style(rng, rng.integers(len(WALLS)), rng.integers(2, 6))
    house.side, house.start, house.stop, house.at = 0, -22.0, 22.0, rng.uniform(55, FAR)
    return [house] if rng.random() < 0.6 else []


def _style(rng, style, storeys):
    storeys = int(np.clip(storeys + rng.integers(-1, 2), 2, 5))
    house = SimpleNamespace(storeys=storeys, ground=rng.uniform(3.0, 4.0), storey=rng.uniform(2.7, 3.3))
    house.height = house.ground + (storeys - 1) * house.storey + rng.uniform(0.3, 1.1)
    house.albedo = WALLS[style] * np.exp(rng.normal(0, 0.18)) * np.exp(rng.normal(0, 0.04, 3))
    house.material = "brick" if style in (0, 1, 2, 3, 13) else str(rng.choice(["render", "stone", "render"]))
    house.bay, house.wide, house.tall = (
        rng.uniform(2.1, 3.6),
        rng.uniform(0.38, 0.66),
        rng.uniform(0.46, 0.62),
    )
    house.sill = rng.uniform(0.2, 0.3)
    house.frame = np.array(
        [(0.6, 0.6, 0.58), (0.6, 0.6, 0.58), (0.07, 0.07, 0.08), (0.16, 0.08, 0.05)][rng.integers(4)]
    )
    house.panes_across, house.panes_down = rng.integers(1, 3), rng.integers(1, 4)
    house.shop, house.pitched = rng.random() < 0.4, rng.random() < 0.6
    house.fascia = np.array(
        [(0.3, 0.03, 0.03), (0.03, 0.06, 0.25), (0.03, 0.12, 0.07), (0.05, 0.05, 0.05), (0.5, 0.42, 0.2)]
    )[rng.integers(5)]
    house.trim = house.albedo * rng.uniform(0.8, 1.5) if rng.random() < 0.5 else np.array((0.5, 0.49, 0.46))
    house.roof = np.array([(0.07, 0.075, 0.09), (0.22, 0.09, 0.06), (0.12, 0.11, 0.10)])[rng.integers(3)]
    house.slope, house.chimneys = rng.uniform(0.6, 1.0), rng.uniform(0.1, 0.9, 2)
    house.pipe, house.depth, house.offset = (
        rng.uniform(0, 1),
        rng.uniform(7, 11),
        rng.integers(0, 256, 2).tolist(),
    )
    return house


def _pavement(view, rng):
    """Markings, patches, cracks and covers of the ground."""
    ground = SimpleNamespace(
        offset=rng.integers(0, 256, 2).tolist(), asphalt=rng.uniform(0.09, 0.2), tint=rng.normal(0, 0.02, 3)
    )
    ground.slabs = rng.uniform(0.2, 0.36) * np.exp(rng.normal(0, 0.05, 3))
    ground.patches = [
        (
            rng.uniform(-1, 1) * view.half_road,
            z,
            rng.uniform(0.4, 1.6),
            rng.uniform(0.6, 4),
            rng.uniform(0.6, 1.25),
        )
        for z in rng.uniform(3, 35, 5).tolist()
    ]
    ground.cracks = [
        (
            rng.uniform(-0.9, 0.9) * view.half_road,
            rng.uniform(0.6, 3, 3).tolist(),
            rng.uniform(0, 6, 3).tolist(),
        )
        for _ in range(3)
    ]
    ground.crossing = rng.uniform(7, 26) if rng.random() < 0.3 else None
    ground.covers = [(rng.uniform(-0.8, 0.8) * view.half_road, z) for z in rng.uniform(4, 26, 3).tolist()]
    ground.middle, ground.edge = rng.integers(3), rng.integers(3)
    ground.wear = rng.uniform(0.5, 1.1)
    return ground


def _planted(k, view, street, rng):
    """Trees: along the kerbs, and in clumps where a house is missing or the street ends."""
    places = [(side, z) for z in range(9, 80, 9) for side in (-1, 1)]
    avenue = rng.random(2) < 0.55  # whether a side has street trees at all
    bare = rng.random() < 0.3
    trees = []
    for side, z in places:
        taken, dx, dz = rng.random(3).tolist()
        dx, dz = 2 * dx - 1, 2 * dz - 1
        tree = _grown(rng, bare)
        open_here = not any(h.side == side and h.start - 1 < z < h.stop + 1 for h in street.houses)
        tree.x = (
            side * (view.half_road + 0.8 + 0.2 * dx)
            if not open_here
            else side * (view.half_street + 2.2 + dx)
        )
        tree.z = z + 2.5 * dz
        if taken < k.trees * (1.5 if open_here or avenue[(side + 1) // 2] else 0.35):
            trees.append(tree)
    for x in range(-40, 41, 6):  # the far end
        tree, taken = _grown(rng, bare), rng.random()
        tree.x, tree.z = x + rng.uniform(-2, 2), FAR + rng.uniform(0, 8)
        if taken < 1.8 * k.trees:
            trees.append(tree)
    return trees


def _grown(rng, bare):
    height = rng.uniform(4.5, 10)
    tree = SimpleNamespace(
        height=height,
        bare=bare,
        crown=rng.uniform(0.5, 0.68) * height,
        offset=rng.integers(0, 256, 2).tolist(),
    )
    tree.wide, tree.trunk = rng.uniform(0.28, 0.42) * height, rng.uniform(0.012, 0.024) * height
    tree.tall, tree.lean = (height - tree.crown), rng.normal(0, 0.03)
    tree.leaf = (
        LEAVES[rng.integers(len(LEAVES))] * np.exp(rng.normal(0, 0.15)) * np.exp(rng.normal(0, 0.08, 3))
    )
    tree.bark = np.array((0.11, 0.09, 0.07)) * rng.uniform(0.5, 1.5)
    tree.open, tree.branching = rng.uniform(-0.25, 0.25), rng.random((127, 3)).tolist()
    return tree


def _parked(k, view, rng):
    """Cars at the kerbs, bumper to bumper, and a few on the road."""
    cars = []
    spots = [(side, z, True) for z in np.arange(5.5, 70, 6.2).tolist() for side in (-1, 1)]
    spots += [(side, z, False) for z in (14, 30, 48) for side in (-1, 1)]
    for side, z, parked in spots:
        taken, dx, dz, flip = rng.random(), rng.normal(), rng.normal(), rng.random()
        car = _built(rng)
        car.x = side * (view.half_road - 1.05 + 0.08 * dx) if parked else side * (0.42 * view.half_road - 0.3)
        car.z, car.parked = z + 0.4 * dz * (1 if parked else 4), parked
        away = (side > 0) if not parked else flip < 0.5 + 0.4 * side
        car.heading = (0 if away else np.pi) + 0.03 * dx
        if taken < k.traffic * (1 if parked else 0.6) and car.z > 8 - 0.8 * abs(car.x - view.x):
            cars.append(car)
    return cars


def _built(rng):
    kind = rng.random()
    car = SimpleNamespace(paint=PAINTS[rng.integers(len(PAINTS))] * np.exp(rng.normal(0, 0.15)))
    car.long, car.wide, car.high = rng.uniform(3.9, 4.7), rng.uniform(1.66, 1.82), rng.uniform(1.4, 1.55)
    car.van = kind < 0.12
    car.estate = kind > 0.55
    if car.van:
        car.high, car.long = rng.uniform(1.9, 2.4), rng.uniform(4.6, 5.4)
    car.plate = np.array([(0.6, 0.6, 0.58), (0.6, 0.45, 0.05)])[rng.integers(2)]
    car.dirt = rng.uniform(0, 0.4)
    return car


def _walking(k, view, rng):
    """People on the pavements, some crossing."""
    people = []
    for draw in rng.random((24, 6)).tolist():
        person = SimpleNamespace(
            height=rng.uniform(1.55, 1.9), phase=rng.uniform(0, 2 * np.pi), build=rng.uniform(0.85, 1.2)
        )
        person.top, person.legs = (
            CLOTHES[rng.integers(len(CLOTHES))],
            CLOTHES[rng.integers(5)] * rng.uniform(0.7, 1.5),
        )
        person.skin = np.array((0.42, 0.27, 0.20)) * rng.uniform(0.2, 1.1)
        person.hair = np.array([(0.02, 0.015, 0.01), (0.1, 0.06, 0.03), (0.25, 0.18, 0.09), (0.3, 0.3, 0.3)])[
            rng.integers(4)
        ]
        person.bag, person.skirt, person.turn = rng.random() < 0.4, rng.random() < 0.2, rng.uniform(0.3, 1)
        side = 1 if draw[0] > 0.5 else -1
        on_road = draw[1] < 0.15
        person.x = side * (view.half_road + 0.4 + draw[2] * (view.half_street - view.half_road - 0.9))
        person.x = (2 * draw[2] - 1) * view.half_road if on_road else person.x
        person.z = 7.5 + 32 * draw[3] ** 1.5
        people.append((person, draw[4]))
    return [person for person, taken in people if taken < k.people / len(people)]


def _standing(k, view, rng):
    """Poles (lamp posts, signs, traffic lights, bollards), and the lamps: tuples (x, y, z)."""
    poles, lamps = [], []
    first, tall, both = rng.uniform(5, 15), rng.uniform(5.5, 8.5), rng.random() < 0.5
    style = rng.random()
    for number in range(5):
        for side in (-1, 1):
            if both or (number % 2) * 2 - 1 == side:
                x, z = side * (view.half_road + 0.35), first + 17 * number + rng.normal(0, 0.5)
                taken, arm = rng.random(), 0.0 if style < 0.3 else rng.uniform(0.9, 1.5)
                lamp = (x - side * arm, tall, z)
                lamps.append(lamp)  # it shines on the street whether or not its pole is in the picture
                if taken < 1.4 * k.poles:
                    poles.append(
                        SimpleNamespace(
                            kind="lamp", x=x, z=z, height=tall, radius=0.07, arm=-side * arm, grey=0.12
                        )
                    )
    for z in (6.5, 9, 12, 16, 21, 27, 34, 42):
        for side in (-1, 1):
            taken, kind, dx, dz = rng.random(), rng.random(), rng.uniform(-1, 1), rng.uniform(-1, 1)
            pole = SimpleNamespace(
                x=side * (view.half_road + 0.45 + 0.15 * dx), z=z + 1.5 * dz, arm=0.0, radius=0.035
            )
            pole.grey, pole.height = rng.uniform(0.04, 0.35), rng.uniform(2.3, 3.1)
            pole.kind = (
                "sign" if kind < 0.5 else "signal" if kind < 0.62 else "bollard" if kind < 0.8 else "wire"
            )
            pole.face = np.array([(0.45, 0.03, 0.03), (0.02, 0.08, 0.4), (0.5, 0.5, 0.5), (0.5, 0.38, 0.02)])[
                rng.integers(4)
            ]
            pole.square, pole.state = rng.random() < 0.4, rng.integers(3)
            if pole.kind == "bollard":
                pole.height, pole.radius = 1.0, 0.08
            if pole.kind == "wire":
                pole.height, pole.radius = 8.0, 0.11
            if taken < 0.45 * k.poles:
                poles.append(pole)
    return poles, lamps


# -------------------------------------------------------------------------------------------- light that arrives


class _Light:
    """Sun, sky and lamps: what light reaches a place, what a ray into the sky meets. Linear, 1 is bright."""

    def __init__(self, street, k, rng):
        turn, rise = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(22, 62)) * (1 - 0.75 * k.night)
        turn = turn - 0.25 * np.sin(2 * turn)  # towns have more sun in streets that lie along its path
        warm, mood = rng.uniform(0, 1), rng.uniform(-1, 1)
        self.sun_at = np.array(
            [np.cos(rise) * np.sin(turn), np.sin(rise), np.cos(rise) * np.cos(turn)], np.float32
        )
        day, low = (1 - k.night) ** 2.5, 1 - np.clip(rise / 0.7, 0, 1)
        self.night, self.sunshine, self.glow = k.night, k.sunshine, low
        self.sun = 3.8 * k.sunshine * day * np.array([1, 0.95 - 0.2 * low, 0.85 - 0.4 * low])
        clear, grey = np.array([0.62, 0.78, 1.0]), np.array([0.96, 1.0, 1.04]) * (1 + 0.04 * mood)
        cover = grey * (1 - k.sunshine) + clear * k.sunshine
        dark = k.night**2 * np.array([0.030, 0.032, 0.042])
        self.sky = (1.15 - 0.6 * k.sunshine) * day * cover + dark
        self.zenith = (
            day * (grey * 1.1 * (1 - k.sunshine) + np.array([0.16, 0.32, 0.72]) * 1.3 * k.sunshine)
            + 0.35 * dark
        )
        dusk = np.array([1.3, 0.85, 0.55]) * low * k.sunshine
        self.horizon = day * (
            grey * 1.35 * (1 - k.sunshine) + (np.array([1.0, 1.08, 1.15]) * 1.2 + dusk) * k.sunshine
        )
        self.horizon = self.horizon + k.night**2 * np.array([0.11, 0.07, 0.04]) * (0.6 + warm)
        self.lamps = np.array(street.lamps, np.float32).reshape(-1, 3)
        self.lamp = (
            9.0
            * np.clip((k.night - 0.3) / 0.5, 0, 1)
            * np.array([1.0, 0.72 - 0.25 * warm, 0.45 - 0.35 * warm])
        )
        self.wall = 0.3 * self.sky + 0.08 * self.sun + 0.02 * self.lamp
        self.half_street = street.half_street
        self.street = street
        places = np.arange(-60, 200, 0.25)
        self.tops = np.zeros((2, places.size), np.float32)
        for house in street.houses:
            if house.side:
                here = (places >= house.start) & (places <= house.stop)
                ridge = house.height + house.pitched * 0.3 * house.slope * house.depth
                self.tops[(house.side + 1) // 2, here] = ridge

    def sky_at(self, rise):
        """Light (…, 3) of the clear sky where a ray rises by ``rise`` metres a metre."""
        share = np.exp(-3.2 * np.maximum(rise, 0))[..., None].astype(np.float32)
        return (self.zenith + (self.horizon - self.zenith) * share).astype(np.float32)

    def top_of(self, side, z):
        """Height (m) of the houses on a side (-1, 1) at z."""
        return self.tops[
            (int(side) + 1) // 2, np.clip(4 * (z + 60), 0, self.tops.shape[1] - 1).astype(np.int32)
        ]

    def past_houses(self, x, y, z):
        """Share of the sun, 0 … 1, that the houses on its side let through to places on the street."""
        sx, sy, sz = self.sun_at.tolist()
        if not self.sun.any():
            return np.ones(np.broadcast(x, y, z).shape, np.float32)
        side = 1 if sx > 0 else -1
        reach = np.maximum(side * self.half_street - side * x, 0) / max(abs(sx), 1e-3)
        above = y + reach * sy - self.top_of(side, z + reach * sz)
        return np.clip(above / (0.012 * reach + 0.05) + 0.5, 0, 1)

    def on(self, albedo, normal, place, sunlit=1.0, open_to_sky=1.0):
        """Light (n, 3) that leaves a surface: albedo (n, 3); normal and place, three numbers or (n,) each."""
        nx, ny, nz = normal
        x, y, z = place
        facing = np.maximum(nx * self.sun_at[0] + ny * self.sun_at[1] + nz * self.sun_at[2], 0) * sunlit
        above = (0.55 + 0.45 * np.asarray(ny)) * open_to_sky
        lamps = 0.0
        if self.lamp.any():
            for lx, ly, lz in self.lamps.tolist():
                ax, ay, az = lx - x, ly - y, lz - z
                square = ax * ax + ay * ay + az * az + 0.6
                aimed = np.maximum(ay, 0.3) / np.sqrt(square)
                lamps = lamps + np.maximum(nx * ax + ny * ay + nz * az, 0) * aimed / (
                    square * np.sqrt(square)
                )
            lamps = lamps * 1.6
        arriving = (
            np.multiply.outer(np.asarray(above, np.float32), self.sky.astype(np.float32))
            + np.multiply.outer(np.asarray(facing, np.float32), self.sun.astype(np.float32))
            + np.multiply.outer(np.asarray(lamps, np.float32), self.lamp.astype(np.float32))
        )
        bounced = (
            0.12
            * (0.5 - 0.5 * np.asarray(ny, np.float32))[..., None]
            * (self.sky + 0.35 * self.sun).astype(np.float32)
        )
        return np.asarray(albedo, np.float32) * (arriving + bounced)


# ------------------------------------------------------------------------------------------ surfaces: sky and ground


def _sky(canvas, view, light, rng):
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


def _ground(canvas, view, street, light, grain):
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


# ----------------------------------------------------------------------------------------------- surfaces: houses


def _house(canvas, view, house, light, grain):
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
        board = _board(canvas, view, x, z, 0.6, house.height, ridge + 1.3)
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


# ---------------------------------------------------------------------------- surfaces: trees, cars, people, poles


def _board(canvas, view, x, z, wide, low, high):
    """A board at (x, z) that faces the camera: window, depth, metres to the right (1, w), height (h, 1); or None."""
    window = view.window(x, z, wide, low, high)
    if window is None:
        return None
    depth, column = view.seen(x, z)
    p = (np.arange(window[1].start, window[1].stop, dtype=np.float32) + 0.5 - column) * (depth / view.focal)
    return (
        window,
        np.float32(depth),
        p[None].astype(np.float32),
        view.height + view.dy[window[0], None] * np.float32(depth),
    )


def _tree(canvas, view, tree, light, grain):
    board = _board(canvas, view, tree.x, tree.z, 1.3 * tree.wide, 0, tree.height + 0.35 * tree.tall)
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
            nx, ny = np.broadcast_to(p2, body.shape)[seen], np.broadcast_to(q2, body.shape)[seen]
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
        _stroke(wood, p[0], y[:, 0], (x0, y0, x1, y1), max(radius, 0.42 * depth / view.focal))
    seen = canvas.visible(window, depth + 0.05, wood > 0)
    if seen.any():
        round_ = wood[seen]
        y_seen = np.broadcast_to(y, seen.shape)[seen]
        tone = (0.55 + 0.45 * round_) * (
            1 + 0.15 * grain.at(1.5, np.broadcast_to(p, seen.shape)[seen] * 60, y_seen * 12)
        )
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


def _stroke(plane, p, y, segment, radius):
    """Draw a rod into a plane (h, w): its roundness, 1 in the middle and near 0 at the rim."""
    x0, y0, x1, y1 = segment
    columns = slice(*np.searchsorted(p, [min(x0, x1) - radius, max(x0, x1) + radius]))
    rows = slice(*np.searchsorted(-y, [-max(y0, y1) - radius, -min(y0, y1) + radius]))
    if columns.start == columns.stop or rows.start == rows.stop:
        return
    ax, ay, lx, ly = p[None, columns] - x0, y[rows, None] - y0, x1 - x0, y1 - y0
    share = np.clip((ax * lx + ay * ly) / (lx * lx + ly * ly + 1e-9), 0, 1)
    square = ((ax - share * lx) ** 2 + (ay - share * ly) ** 2) / radius**2
    np.maximum(
        plane[rows, columns],
        np.sqrt(np.maximum(1 - square, 0)) + 1e-3 * (square < 1),
        out=plane[rows, columns],
    )


def _outline(car):
    """The car from the side: places along (m, front positive), heights, and which stretches between are glass."""
    half, roof = car.long / 2, car.high
    if car.van:
        along = (-1, -0.985, -0.95, 0.5, 0.58, 0.8, 0.97, 1)
        height, glass = (0.9, roof - 0.12, roof, roof, roof - 0.07, 1.2, 1.02, 0.7), (0, 0, 0, 0, 1, 0, 0)
    elif car.estate:
        along = (-1, -0.985, -0.95, -0.80, -0.6, -0.2, 0.05, 0.16, 0.5, 0.8, 0.95, 1)
        height = (
            0.8,
            0.97,
            1.02,
            roof - 0.09,
            roof - 0.02,
            roof,
            roof - 0.03,
            roof - 0.09,
            1.0,
            0.9,
            0.78,
            0.6,
        )
        glass = (0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0)
    else:
        along = (-1, -0.97, -0.9, -0.62, -0.36, -0.26, -0.08, 0.08, 0.18, 0.52, 0.8, 0.95, 1)
        height = (
            0.75,
            0.9,
            0.97,
            1.01,
            roof - 0.11,
            roof - 0.03,
            roof,
            roof - 0.03,
            roof - 0.1,
            0.99,
            0.89,
            0.77,
            0.6,
        )
        glass = (0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0)
    return [half * share for share in along], list(height), glass


def _car(canvas, view, car, light):
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


def _person(canvas, view, person, light):
    """Head, trunk, arms and legs as rods, clothed, in mid-step."""
    tall = person.height
    board = _board(canvas, view, person.x, person.z, 0.45 * tall, 0, 1.03 * tall)
    if board is None:
        return
    window, depth, p, y = board
    p, y = (p / tall / person.build).ravel(), (y / tall).ravel()
    step, other = 0.10 * np.sin(person.phase) * person.turn, 0.06 * np.sin(person.phase + 2)
    thin = 0.6 * depth / view.focal / tall
    limbs = [
        (
            person.legs,
            [(-0.035, 0.5, -0.04 - step, 0.27), (-0.04 - step, 0.27, -0.04 - 1.5 * step, 0.03)],
            0.042,
        ),
        (
            person.legs,
            [(0.035, 0.5, 0.04 + 0.8 * step, 0.27), (0.04 + 0.8 * step, 0.27, 0.03 + 1.3 * step, 0.03)],
            0.042,
        ),
        (
            np.full(3, 0.02),
            [
                (-0.04 - 1.5 * step, 0.02, -0.01 - 1.5 * step, 0.02),
                (0.03 + 1.3 * step, 0.02, 0.06 + 1.3 * step, 0.02),
            ],
            0.022,
        ),
        (
            person.top * 0.85,
            [(-0.10, 0.79, -0.125 - other, 0.63), (-0.125 - other, 0.63, -0.10 - 2 * other, 0.5)],
            0.028,
        ),
        (
            person.top * 0.85,
            [(0.10, 0.79, 0.125 + other, 0.63), (0.125 + other, 0.63, 0.10 + 2 * other, 0.5)],
            0.028,
        ),
        (person.top, [(-0.05, 0.77, -0.035, 0.52), (0.05, 0.77, 0.035, 0.52), (0.0, 0.79, 0.0, 0.5)], 0.062),
        (person.skin, [(0.0, 0.83, 0.0, 0.87), (-0.11 - 2 * other, 0.48, -0.11 - 2 * other, 0.47)], 0.026),
        (person.skin, [(0.0, 0.91, 0.0, 0.935)], 0.052),
        (person.hair, [(-0.01, 0.955, 0.01, 0.955)], 0.053),
    ]
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
            _stroke(plane, p, y, rod, max(radius, thin))
        albedo[plane > 0], roundness[plane > 0] = tone, plane[plane > 0]
    seen = canvas.visible(window, depth, roundness > 0)
    if not seen.any():
        return
    across = np.broadcast_to(p[None], seen.shape)[seen] / 0.15
    height = np.broadcast_to(y[:, None], seen.shape)[seen]
    toward = 0.45 + 0.55 * roundness[seen]
    fold = 1 + 0.12 * np.sin(60 * height + 9 * across)
    normal = (np.clip(across, -1, 1) * 0.8 * view.cos, 0.15 + 0 * across, -toward * 0.8)
    sunlit = light.past_houses(np.float32(person.x), height * tall, np.float32(person.z))
    colour = light.on(
        albedo[seen] * fold[:, None], normal, (person.x, height * tall, person.z), sunlit, 0.55 + 0.4 * toward
    )
    canvas.paint(window, depth, seen, colour, PERSON)


def _pole(canvas, view, pole, light):
    """A post and what it carries: a lamp on an arm, a sign, a traffic light; or nothing."""
    reach = max(abs(pole.arm) + 0.4, 0.5)
    board = _board(canvas, view, pole.x, pole.z, reach, 0, pole.height + 0.5)
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
    height = np.broadcast_to(y, mask.shape)[seen]
    front = np.sqrt(np.maximum(1 - across**2, 0.05))
    normal = (across * view.cos, 0.0 * across, -front)
    sunlit = light.past_houses(np.float32(pole.x), height, np.float32(pole.z))
    colour = light.on(albedo[seen], normal, (pole.x, height, pole.z), sunlit, 0.75)
    canvas.paint(window, depth, seen, colour + glow[seen], POLE)


# --------------------------------------------------------------------------------------------------- weather, camera


def _rain(canvas, view, wet):
    """Wet ground is darker and mirrors what stands above it, the more the flatter one looks at it."""
    if not wet:
        return
    ground = canvas.classes == ROAD
    rows = np.arange(view.rows)
    above = np.clip((2 * view.horizon - rows).astype(int), 0, view.rows - 1)
    mirror = ndimage.uniform_filter1d(canvas.light, 9 * FINE, axis=0)[above]
    steep = np.maximum(-view.dy, 0)
    share = wet * (0.06 + 0.5 * np.exp(-6 * steep))[:, None, None]
    shown = canvas.light * (1 - 0.45 * wet) * (1 - share) + mirror * share
    canvas.light[ground] = shown[ground]


def _camera(canvas, view, light, k, rng):
    """Haze, glare, exposure, lens, sensor and file: image float64 (H, W, 3), multiples of 1/255."""
    veil = 1 - (1 - k.haze) ** (np.where(np.isinf(canvas.depth), 0, canvas.depth) / 100)
    air = (0.5 * light.horizon + 0.5 * light.sky).astype(np.float32)
    seen = canvas.light + (air - canvas.light) * veil[..., None].astype(np.float32)
    h, w = view.rows // FINE, view.columns // FINE
    seen = np.minimum(seen, 20).reshape(h, FINE, w, FINE, 3).mean(axis=(1, 3))
    scale = view.columns / FINE / 256
    bright = np.maximum(seen - 1.5 * (1.2 - k.night), 0) if k.night > 0.2 else np.maximum(seen - 1.6, 0)
    seen = (
        seen
        + 0.10 * ndimage.gaussian_filter(bright, (2.5 * scale, 2.5 * scale, 0))
        + 0.05 * ndimage.gaussian_filter(bright, (9 * scale, 9 * scale, 0))
    )
    if k.blur:
        seen = ndimage.gaussian_filter(seen, (k.blur, k.blur, 0), truncate=3)
    y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in (h, w)), indexing="ij")
    seen = seen * (1 - k.vignetting * (x**2 + y**2) / 2)[..., None]
    # The meter weighs the lower part; nights are left darker than days.
    level = np.exp(np.mean(np.log(seen[h // 4 :] + 1e-3)))
    aim = 0.125 * (1 - k.night) + 0.05 * k.night
    exposed = seen * aim / level * (1 + rng.normal(0, 0.12))
    exposed *= np.exp(rng.normal(0, 0.035, 3))  # white balance
    curve = 1 - np.exp(-1.9 * np.maximum(exposed - 0.01, 0))
    signal = curve ** (1 / 2.2)
    signal = signal + 0.5 * signal * (1 - signal) * (2 * signal - 0.9)  # the camera's contrast
    signal = 0.8 * signal + 0.2 * signal @ np.array(
        [[0.3], [0.59], [0.11]]
    )  # sensors see less colour than eyes
    strength = k.noise * (1 + 1.5 * k.night)
    grain = rng.standard_normal((*signal.shape[:2], 4))
    signal = signal + strength * (0.8 * grain[..., :1] + 0.5 * grain[..., 1:]) * np.sqrt(0.4 + signal)
    if k.compression:
        signal = _compressed(signal, k.compression)
    return np.round(255 * np.clip(signal, 0, 1)).astype(np.float64) / 255


def _compressed(image, strength):
    """Loss in blocks of 8 × 8: fine detail is rounded most, colour more than light, as in JPEG."""
    matrix = np.array([[0.299, 0.587, 0.114], [-0.1687, -0.3313, 0.5], [0.5, -0.4187, -0.0813]])
    h, w = image.shape[:2]
    padded = np.pad(image @ matrix.T, ((0, -h % 8), (0, -w % 8), (0, 0)), mode="edge")
    blocks = padded.reshape(padded.shape[0] // 8, 8, padded.shape[1] // 8, 8, 3)
    waves = fft.dctn(blocks, axes=(1, 3), norm="ortho")
    order = np.add.outer(np.arange(8), np.arange(8))[:, None, :, None]
    step = strength * (0.04 + 0.035 * order) * np.array([1, 2, 2])
    blocks = fft.idctn(np.round(waves / step) * step, axes=(1, 3), norm="ortho")
    return blocks.reshape(padded.shape)[:h, :w] @ np.linalg.inv(matrix).T


# ------------------------------------------------------------------------------------------------------ small print


def _streams(seed):
    """One generator a name of STREAMS, each independent of the others."""
    children = np.random.SeedSequence(natural(seed)).spawn(len(STREAMS))
    return SimpleNamespace(**dict(zip(STREAMS, map(np.random.default_rng, children), strict=True)))
