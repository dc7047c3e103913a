"""Collages: figures of many shapes, materials and colours on a patched ground, to learn seeing from.

*Nothing here is meant.* The other generators draw one kind of picture well; this one draws pictures of nothing in
particular, as different from each other as forty materials, of four grains, eleven colours and fourteen shapes can make
them. Their names are the lesson: who can say what every place is made of, how coarse that is, of which colour, and what
shape it belongs to, whatever light, blur and noise do to the picture, has had to find edges, corners, texture, contour
and context. The four are drawn independently, and none is a short cut to another: 24 640 combinations.

========= ====================== =================================================================================
stage     functions              what varies beside the four names
========= ====================== =================================================================================
ground    ``_patches``           one to three parts, their borders
figures   ``SHAPES``             size, place, direction, proportions, order; many are half hidden
colours   ``COLOURS``            shade; in two pictures of five, all parts have one colour
materials ``MATERIALS``          direction, phase; contrast and hue of its dark and light parts
light     ``_painted``           shading and shadow of each figure; slope, tint and strength of the light on all
camera    ``_camera``            gamma, blur, noise; one picture in four is grey
========= ====================== =================================================================================

It shares no code, no photograph and no number with the pictures of the other generators: what is learned here and
useful there has been transferred. Lesson 16 uses it.

References: Kataoka et al., Pre-training without natural images, ACCV 2020, arXiv:2101.08515, and Baradad et al.,
Learning to see by looking at noise, NeurIPS 2021, arXiv:2106.05963 (that generated pictures can teach features);
Berlin & Kay, Basic color terms, 1969 (the eleven colours).
"""

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy import fft, ndimage

from course_utils.data.synthetic.sample import Sample, frame, natural

# The basic colour terms: red, green and blue of a typical one.
COLOURS = {
    "black": (0.07, 0.07, 0.08),
    "white": (0.93, 0.93, 0.91),
    "grey": (0.5, 0.5, 0.5),
    "red": (0.75, 0.1, 0.1),
    "green": (0.15, 0.55, 0.18),
    "yellow": (0.93, 0.85, 0.2),
    "blue": (0.12, 0.28, 0.75),
    "brown": (0.42, 0.26, 0.12),
    "purple": (0.47, 0.16, 0.6),
    "pink": (0.95, 0.6, 0.7),
    "orange": (0.94, 0.5, 0.1),
}
COLOUR_SPREAD = 0.04  # standard deviation of a region's own colour about the typical one
GRAINS = {
    "fine": (4, 5.5),
    "middling": (5.5, 7.5),
    "coarse": (7.5, 10.2),
    "large": (10.2, 14),
}  # periods, pixels
GREY_SHARE = 0.25  # of the pictures
ONE_COLOUR_SHARE = 0.4  # of the pictures: in them the material alone tells the parts apart
LUMINANCE = (0.2126, 0.7152, 0.0722)

# The seeds that the course uses; whoever learns from collages counts up from the first of "train".
COLLAGE_SEEDS = {
    "train": range(1_000_000),
    "validation": range(2_000_000, 2_000_500),
    "test": range(3_000_000, 3_002_000),
}


class Region(NamedTuple):
    """A part of the ground or a figure: keys of `MATERIALS`, `GRAINS` and `COLOURS`, and one of `SHAPES`.

    Materials of `GRAINLESS` have no period, and their grain means nothing.
    """

    material: str
    grain: str
    colour: str
    shape: str


@dataclass(frozen=True)
class Collage(Sample):
    """A generated image with its truth.

    ``image`` float64 (H, W, 3), multiples of 1/255 in [0, 1]; ``labels`` int32 (H, W), the number of the region that is
    seen, an index of ``regions``, a tuple of `Region`, from the ground to the front; ``grey``, whether the camera was
    blind to colour.
    """

    regions: tuple
    grey: bool


def collage(seed=0, *, size=64, figures=None, grey=None):
    """Generate a picture of figures on a ground, with the material, its grain, the colour and the shape at each pixel.

    Parameters
    ----------
    seed : int
        Not negative. The same seed and knobs give the same bytes (under the same versions of NumPy and SciPy).
    size : int or (int, int)
        Side, or height and width, of the image in pixels, each at least 16. Figures grow with it, materials do not.
    figures : int, optional
        0 … 12 figures; 1 to 5 where it is not said. Some may be hidden by later ones.
    grey : bool, optional
        Whether the picture has no colour; one in four where it is not said.

    Returns
    -------
    Collage

    Raises
    ------
    ValueError, TypeError
        For a number of figures out of range, a size below 16 pixels or a seed that is not a natural number.

    Notes
    -----
    About 3 ms for 64 × 64.

    Examples
    --------
    >>> sample = collage(seed=1, figures=0)
    >>> sample.image.shape, {region.shape for region in sample.regions}
    ((64, 64, 3), {'ground'})
    """
    size, rng = frame(size), np.random.default_rng(natural(seed))
    drawn_figures, drawn_grey = int(rng.integers(1, 6)), bool(rng.random() < GREY_SHARE)
    figures = drawn_figures if figures is None else _count(figures)
    grey = drawn_grey if grey is None else bool(grey)
    colour = str(rng.choice(list(COLOURS))) if rng.random() < ONE_COLOUR_SHARE else None

    labels = _patches(size, rng)
    regions, canvas = [], np.empty((*size, 3))
    for number in range(labels.max() + 1):
        region = _region(rng, colour, "ground")
        canvas[labels == number] = _filled(size, region, rng)[labels == number]
        regions.append(region)
    for _ in range(figures):
        region = _region(rng, colour)
        cover = _painted(canvas, region, rng)
        labels[cover > 0.5] = len(regions)
        regions.append(region)
    return Collage(_camera(canvas, grey, rng), labels.astype(np.int32), tuple(regions), grey)


def _region(rng, colour=None, shape=None):
    """Four independent names, but for those that are given."""
    names = [str(rng.choice(list(choices))) for choices in (MATERIALS, GRAINS, COLOURS, FIGURES)]
    return Region(*names[:2], colour or names[2], shape or names[3])


# ---------------------------------------------------------------------------------------------------- ground


def _patches(size, rng):
    """Numbers of the parts of the ground, int (H, W): one to three smooth fields, the highest wins."""
    count = rng.choice(3, p=(0.4, 0.4, 0.2)) + 1
    slope = rng.uniform(-6, 6, (count, 2))
    y, x = (np.linspace(-0.5, 0.5, n) for n in size)
    bend = rng.uniform(0, 1.2)
    fields = [a * y[:, None] + b * x + bend * _noise(size, rng, 3) for a, b in slope]
    return np.unique(np.argmax(fields, axis=0), return_inverse=True)[1].reshape(size)


# --------------------------------------------------------------------------------------------------- figures

# A shape is a function (u, v, rng) of the coordinates, whose unit is its radius: above 0 inside, below 0 outside, and
# near the border about the distance from it.


def _disk(u, v, rng):
    return 1 - np.hypot(u, v)


def _box(u, v, rng):
    return 1 - np.maximum(abs(u), abs(v))


def _bar(u, v, rng):
    return np.minimum(1.3 - abs(u), rng.uniform(0.12, 0.25) - abs(v))


def _polygon(sides):
    def level(u, v, rng):
        turns = 2 * np.pi * np.arange(sides) / sides
        return np.cos(np.pi / sides) - np.max([u * np.cos(t) + v * np.sin(t) for t in turns], axis=0)

    return level


def _star(u, v, rng):
    points, depth = rng.integers(4, 8), rng.uniform(0.45, 0.65)
    angle = np.arctan2(v, u) * points / (2 * np.pi)
    tooth = 2 * abs(angle - np.round(angle))  # 0 at a point, 1 between two
    return (1 - (1 - depth) * tooth - np.hypot(u, v)) * 0.6


def _ring(u, v, rng):
    width = rng.uniform(0.15, 0.28)
    return width - abs(np.hypot(u, v) - (1 - width))


def _frame(u, v, rng):
    width = rng.uniform(0.12, 0.24)
    return width - abs(np.maximum(abs(u), abs(v)) - (1 - width))


def _crescent(u, v, rng):
    return np.minimum(1 - np.hypot(u, v), np.hypot(u - rng.uniform(0.4, 0.7), v) - 0.85)


def _cross(u, v, rng):
    width = rng.uniform(0.2, 0.4)
    arms = [np.minimum(1 - abs(a), width - abs(b)) for a, b in ((u, v), (v, u))]
    return np.maximum(*arms)


def _half(u, v, rng):
    return np.minimum(1 - np.hypot(u, v), v + 0.1)


def _flower(u, v, rng):
    petals, depth = rng.integers(3, 9), rng.uniform(0.15, 0.3)
    return (1 - depth + depth * np.cos(petals * np.arctan2(v, u)) - np.hypot(u, v)) * 0.7


def _blob(u, v, rng):
    angle, border = np.arctan2(v, u), 0.8
    for wave in range(2, 6):
        border = border + rng.normal(0, 0.22 / wave) * np.cos(wave * angle + rng.uniform(0, 2 * np.pi))
    return border - np.hypot(u, v)


FIGURES = {
    "disk": _disk,
    "box": _box,
    "bar": _bar,
    "triangle": _polygon(3),
    "hexagon": _polygon(6),
    "star": _star,
    "ring": _ring,
    "frame": _frame,
    "crescent": _crescent,
    "cross": _cross,
    "half": _half,
    "flower": _flower,
    "blob": _blob,
}
SHAPES = ("ground", *FIGURES)


def _painted(canvas, region, rng):
    """Put a figure on the canvas, in place; returns what part of each pixel it covers, float (H, W)."""
    size = canvas.shape[:2]
    radius = min(size) * 0.12 * 4 ** rng.random()  # to 0.48 of the side, small ones as often as large ones
    middle, turn = rng.uniform(0, size), rng.uniform(0, 2 * np.pi)
    stretch = 1.5 ** rng.uniform(-1, 1)
    shape_seed = rng.integers(2**32)

    def cover(dy=0.0, dx=0.0, soft=1.0):
        y = (np.arange(size[0]) - middle[0] - dy)[:, None] / radius
        x = (np.arange(size[1]) - middle[1] - dx) / radius
        u = (np.cos(turn) * x + np.sin(turn) * y) * stretch
        v = (np.cos(turn) * y - np.sin(turn) * x) / stretch
        level = FIGURES[region.shape](u, v, np.random.default_rng(shape_seed))
        return np.clip(level * radius / soft + 0.5, 0, 1), u, v, level

    if rng.random() < 0.4:
        away, soft = rng.uniform(-0.25, 0.25, 2) * radius, rng.uniform(1.5, 5)
        canvas *= 1 - rng.uniform(0.2, 0.6) * cover(*away, soft)[0][..., None]
    share, u, v, level = cover()
    light = 1 + rng.uniform(-0.35, 0.35) * u + rng.uniform(-0.35, 0.35) * v
    if rng.random() < 0.3:  # round, like a ball or a pipe: darker towards its rim
        light = light * (0.55 + 0.45 * np.sqrt(np.clip(3 * level, 0, 1)))
    filling = _filled(size, region, rng) * np.clip(light, 0.3, 1.7)[..., None]
    canvas += share[..., None] * (filling - canvas)
    return share


# ------------------------------------------------------------------------------------------------- materials


def _filled(size, region, rng):
    """An image (H, W, 3) of a material in a colour, whose dark and light parts differ in brightness, some in hue."""
    field = MATERIALS[region.material](Cloth(size, rng, rng.uniform(*GRAINS[region.grain])))
    colour = np.clip(COLOURS[region.colour] + COLOUR_SPREAD * rng.standard_normal(3), 0.02, 0.98)
    room = max(np.minimum(colour, 1 - colour).mean(), 0.22)  # dark and light colours bear less contrast
    change = rng.uniform(0.5, 1) * room * (1 + 0.35 * rng.standard_normal(3))
    return np.clip(colour + field[..., None] * change, 0, 1)


class Cloth:
    """What a material is drawn on: coordinates turned and shifted at random, in units of its period, and chance.

    ``u``, ``v`` float (H, W), a period is 1; ``rng``; ``period`` in pixels.
    """

    def __init__(self, size, rng, period=8.0):
        self.size, self.rng, self.period = size, rng, period
        turn, (up, left) = rng.uniform(0, 2 * np.pi), rng.random(2)
        y, x = np.arange(size[0])[:, None] / self.period, np.arange(size[1]) / self.period
        self.u = np.cos(turn) * x + np.sin(turn) * y + left
        self.v = np.cos(turn) * y - np.sin(turn) * x + up

    def noise(self, power):
        """Noise whose amplitude falls with the frequency to this power, deviation about 0.5."""
        return 0.5 * _noise(self.size, self.rng, power)

    def band(self, narrow=0.3, long=1.0):
        """Noise around one frequency, that of the period; ``long`` times as long in a random direction."""
        fy, fx = _frequencies(self.size)
        if long > 1:
            turn = self.rng.uniform(0, np.pi)
            fy, fx = np.cos(turn) * fy - np.sin(turn) * fx, (np.cos(turn) * fx + np.sin(turn) * fy) * long
        octaves = np.log2(np.maximum(np.hypot(fy, fx), 1e-9) * self.period)
        return 0.5 * _shaped(self.size, self.rng, np.exp(-((octaves / narrow) ** 2) / 2))

    def cells(self, jitter=1.0, staggered=False):
        """The nearest of points strewn one a unit square: `Cells`. Without jitter they are a lattice."""
        return _nearest(self.u, self.v, jitter, staggered, self.rng)

    def polar(self):
        """Distance, in periods, from a random place of the picture, and direction from it."""
        middle = self.rng.random(2) * (np.array(self.size) - 1)
        row, column = middle.astype(int)
        du, dv = self.u - self.u[row, column], self.v - self.v[row, column]
        return np.hypot(du, dv), np.arctan2(dv, du)


class Cells(NamedTuple):
    """Of each pixel: distance to the nearest point, and to the second; where it lies from the nearest; a number, 0 … 1,
    that all pixels of a cell share. Float (H, W) each."""

    first: np.ndarray
    second: np.ndarray
    du: np.ndarray
    dv: np.ndarray
    one: np.ndarray


def _nearest(u, v, jitter, staggered, rng):
    row, column = np.floor(v).astype(int), np.floor(u).astype(int)
    top, left = row.min() - 1, column.min() - 1
    rows, columns = row.max() - top + 2, column.max() - left + 2
    down, right, one = rng.random((3, rows * columns))
    r, c = np.divmod(np.arange(rows * columns), columns)
    point_v = r + top + 0.5 + jitter * (down - 0.5)
    point_u = c + left + 0.5 + jitter * (right - 0.5) + (0.5 * (r % 2) - 0.25) * staggered
    here = (row - top) * columns + column - left
    first, second, winner = np.full(u.shape, np.inf), np.full(u.shape, np.inf), here
    for step in range(9):  # the squares around it, where the nearest point must be
        number = here + (step // 3 - 1) * columns + step % 3 - 1
        distance = (u - point_u[number]) ** 2 + (v - point_v[number]) ** 2
        closer = distance < first
        second = np.where(closer, first, np.minimum(second, distance))
        first, winner = np.where(closer, distance, first), np.where(closer, number, winner)
    du, dv = u - point_u[winner], v - point_v[winner]
    return Cells(np.sqrt(first), np.sqrt(second), du, dv, one[winner])


def _wave(t):
    return np.sin(2 * np.pi * t)


def _hard(t, sharpness=5.0):
    """Nearly −1 or 1, with a soft edge at 0."""
    return np.tanh(sharpness * t)


def _line(t, share=0.25):
    """1 on lines at the whole numbers, −1 between them; they take about this share."""
    return _hard(np.cos(2 * np.pi * t) - np.cos(np.pi * share))


def _bricks(c):
    row = np.floor(c.v)
    return -np.maximum(_line(c.v, 0.22), _line(0.5 * c.u + 0.5 * (row % 2), 0.12))


def _weave(c):
    over = (np.floor(c.u) + np.floor(c.v)) % 2 > 0
    return np.where(over, abs(np.sin(np.pi * c.v)), -abs(np.sin(np.pi * c.u)))


def _scales(c):
    row = np.floor(c.v)
    across = c.u + 0.5 * (row % 2)
    return 2 * np.hypot(across % 1 - 0.5, 0.8 * (c.v % 1)) - 0.9


def _trellis(c):
    turned = (0.5 * c.u + sign * 0.866 * c.v for sign in (-1, 1))
    return np.max([_line(c.u, 0.2), *(_line(t, 0.2) for t in turned)], axis=0)


def _relief(c):
    turn, field = c.rng.uniform(0, 2 * np.pi), c.noise(2)
    slopes = np.gradient(field)
    slope = np.cos(turn) * slopes[1] + np.sin(turn) * slopes[0]
    return np.tanh(0.6 * slope / (slope.std() + 1e-9))


def _strokes(c, turns):
    found = c.cells()
    turn = np.pi * (found.one if turns else c.rng.random())
    along, across = (
        np.cos(turn) * found.du + np.sin(turn) * found.dv,
        np.cos(turn) * found.dv - np.sin(turn) * found.du,
    )
    return _hard(np.minimum(0.12 - abs(across), 0.45 - abs(along)), 12)


def _spiral(c):
    distance, angle = c.polar()
    return _wave(distance + c.rng.integers(1, 4) * angle / (2 * np.pi))


# Each a function of a `Cloth` that gives a field (H, W), about −1 … 1: 0 keeps the colour, the ends change it.
MATERIALS = {
    "plain": lambda c: np.zeros(c.size),
    # noise, from rough to smooth, and what can be made of it
    "sand": lambda c: c.noise(0),
    "rust": lambda c: c.noise(1),
    "clouds": lambda c: c.noise(2),
    "smoke": lambda c: c.noise(3),
    "grain": lambda c: 1.4 * c.band(),
    "maze": lambda c: _hard(c.band(0.2), 6),
    "fur": lambda c: 1.4 * c.band(0.4, long=7),
    "felt": lambda c: c.band(0.4, long=7) + c.band(0.4, long=7),
    "leopard": lambda c: -_hard(c.band(0.6) - 0.4, 6),
    "agate": lambda c: _wave(2.2 * c.noise(3)),
    "terraces": lambda c: np.round(2.5 * c.noise(3)) / 2.5,
    "veins": lambda c: 1.3 - 2.4 * np.sqrt(abs(c.noise(2)) + 0.01),
    "relief": _relief,
    # lines in one direction
    "stripes": lambda c: _wave(c.u),
    "bands": lambda c: _hard(_wave(c.u)),
    "wires": lambda c: _line(c.u),
    "blinds": lambda c: 2 * (c.u % 1) - 1,
    "wood": lambda c: _wave(c.u + 0.9 * c.noise(3)),
    # lattices
    "checks": lambda c: _hard(_wave(0.5 * c.u) * _wave(0.5 * c.v)),
    "mesh": lambda c: np.maximum(_line(c.u), _line(c.v)),
    "plaid": lambda c: (_wave(c.u) + _hard(_wave(c.v / 2))) / 2,
    "bricks": _bricks,
    "weave": _weave,
    "scales": _scales,
    "trellis": _trellis,
    "honeycomb": lambda c: _hard(0.14 - np.subtract(*c.cells(0.0, True)[1::-1]), 10),
    "dots": lambda c: _hard(0.3 - c.cells(0.0).first, 8),
    "peas": lambda c: 1 - 3 * c.cells(0.0, True).first,
    # cells strewn at random
    "spots": lambda c: _hard(0.28 - c.cells().first, 8),
    "pebbles": lambda c: 1 - 2.2 * c.cells().first,
    "cracks": lambda c: _hard(np.subtract(*c.cells()[1::-1]) - 0.1, 10),
    "crystals": lambda c: 2 * c.cells().one - 1,
    "confetti": lambda c: (lambda f: np.where(f.first < 0.33, 2 * f.one - 1, 0.0))(c.cells()),
    "shells": lambda c: _wave(1.4 * c.cells().first),
    "strokes": lambda c: _strokes(c, turns=True),
    "rain": lambda c: _strokes(c, turns=False),
    # around a place
    "rings": lambda c: _wave(c.polar()[0]),
    "spiral": _spiral,
    "rays": lambda c: _wave(c.rng.integers(6, 20) * c.polar()[1] / (2 * np.pi)),
}


GRAINLESS = ("plain", "sand", "rust", "clouds", "smoke", "agate", "terraces", "veins", "relief", "rays")


# ---------------------------------------------------------------------------------------------------- camera


def _camera(scene, grey, rng):
    """Light on the whole, the lens, the sensor, and eight bits: (H, W, 3) in [0, 1]."""
    size = scene.shape[:2]
    y, x = (np.linspace(-1, 1, n) for n in size)
    slope_y, slope_x, far = rng.uniform((-0.25, -0.25, 0), 0.25)
    light = 1 + slope_y * y[:, None] + slope_x * x - far * (y[:, None] ** 2 + x**2)
    strength, tint = 0.55 + 0.6 * rng.random(), 1 + 0.1 * rng.standard_normal(3)
    scene = scene * (strength * light)[..., None] * tint
    if grey:
        scene = np.repeat((scene @ np.array(LUMINANCE))[..., None], 3, axis=2)
    blur = 1.4 * rng.random() - 0.6
    if blur > 0.25:
        scene = ndimage.gaussian_filter(scene, (blur, blur, 0))
    scene = np.clip(scene, 0, 1) ** (1.6 ** rng.uniform(-1, 1))
    speckle = 0.04 * rng.random() ** 2 * rng.standard_normal((*size, 1 if grey else 3))
    return np.round(255 * np.clip(scene + speckle, 0, 1)) / 255


# ----------------------------------------------------------------------------------------------- small print


@cache
def _frequencies(size):
    """Of each term of ``rfft2``: cycles a pixel down and across, float (H, 1) and (1, W // 2 + 1)."""
    return fft.fftfreq(size[0])[:, None], fft.rfftfreq(size[1])[None]


@cache
def _falling(size, power):
    """Amplitudes that fall with the frequency to a power; 0 for the mean."""
    frequency = np.hypot(*_frequencies(size))
    frequency[0, 0] = np.inf
    return frequency ** -float(power) if power else np.isfinite(frequency).astype(float)


def _noise(size, rng, power):
    """Noise of mean 0 and deviation 1 whose amplitude falls with the frequency to this power, (H, W)."""
    return _shaped(size, rng, _falling(size, power))


def _shaped(size, rng, amplitudes):
    """White noise with these amplitudes of its frequencies, brought to mean 0 and deviation 1."""
    field = fft.irfft2(fft.rfft2(rng.standard_normal(size)) * amplitudes, s=size)
    return (field - field.mean()) / (field.std() + 1e-12)


def _count(figures):
    if isinstance(figures, bool) or not isinstance(figures, (int, np.integer)):
        raise TypeError(f"figures must be a whole number from 0 to 12, not {figures!r}.")
    if not 0 <= figures <= 12:
        raise ValueError(f"figures must lie between 0 and 12, but it is {figures}.")
    return int(figures)
