"""Islets in a dark sea, each told by the colour of a lamp far away in its own row: who can see that far?

*Nothing near a blob tells its class.* An islet is a ``blob``, a lamp is a ``mark``, and every blob has one mark in its
own row, on one side or the other. Its pixels are of class 1 where that mark is amber and of class 2 where it is blue.
The colours are thrown by independent fair coins, and the blob looks the same for both. So what a method scores on the
pixels of the blobs says what it can see, and each level is known:

============ =============================================== ==========================================
level        what it knows                                   share of the blobs' pixels that it gets
============ =============================================== ==========================================
``chance``   no mark: its view ends within ``distance``      1/2
``bag``      how many marks of each colour, and not where    0.75 for 3 marks, 0.688 for 4, 0.656 for 6
``solved``   all                                             1
============ =============================================== ==========================================

The bag matters since a network whose convolutions see a few pixels may still average over the whole image: global
pooling, squeeze-and-excitation, group and instance normalisation do. With one blob and one mark that would be enough.
With three it is not: who only knows that two of three marks are amber does best to call all blobs amber, and is right
for two of three. `beacon_levels` gives the number for any count of marks. Marks in rows without a blob
(``distractors``) weigh as much in the bag as the others, and lower it.

======== ==================== ==========================================
stage    functions            knobs
======== ==================== ==========================================
layout   ``_rows _columns``   ``pairs distance distractors diameter``
water    ``_water``
islets   ``_rock``            ``diameter``
lamps    ``_light``           ``colours``
camera   ``_camera``          ``noise``
======== ==================== ==========================================

Lesson 11 asks dilated convolutions for these classes, lesson 12 attention, lesson 15 recurrent sweeps.
"""

from dataclasses import dataclass
from math import comb
from typing import NamedTuple

import numpy as np

from course_utils.data.synthetic.sample import Sample, checked, frame, natural

BEACON_CLASSES = ("background", "amber", "blue")

# The seeds that the course uses.
BEACON_SEEDS = {
    "train": tuple(range(2000)),
    "validation": tuple(range(100_000, 100_200)),
    "test": tuple(range(200_000, 200_400)),
}

# The numeric knobs of `beacon`: lowest value, highest value, what the number means.
BEACON_KNOBS = {
    "pairs": (1, 16, "blobs, each with a mark in its row"),
    "distance": (
        0,
        1000,
        "least number of pixels between a blob and anything that its mark's colour changes",
    ),
    "distractors": (0, 16, "marks in rows without a blob"),
    "diameter": (5, 31, "odd number of pixels, side of the square that a blob fits into"),
    "noise": (0, 0.2, "standard deviation of the camera's noise in white, share of its range"),
}

REACH = 3  # pixels from the middle of a mark to the last one that its colour changes: light to 2, the lens's blur 1
CORE = 3  # rows that a mark of its own needs
LIGHTS = np.array([[1.0, 0.58, 0.12], [0.16, 0.5, 1.0]])  # amber, blue


class Mark(NamedTuple):
    """A lamp: the pixel in its middle, its colour (1 amber, 2 blue), and the number of its blob, 0 for none."""

    row: int
    column: int
    colour: int
    blob: int


class Levels(NamedTuple):
    """Shares of the blobs' pixels, right, of the best method that sees no mark, a bag of marks, everything."""

    chance: float
    bag: float
    solved: float


@dataclass(frozen=True)
class Beacons(Sample):
    """A generated image with its truth.

    ``image`` float64 (H, W, 3), multiples of 1/255 in [0, 1]; ``labels`` int32 (H, W), the number of the blob, 0 for
    none; ``target`` int32 (H, W), indices of `BEACON_CLASSES`; ``marks``, a tuple of `Mark`, those of the blobs first.
    """

    target: np.ndarray
    marks: tuple


def beacon(seed=0, *, size=32, pairs=3, distance=12, distractors=0, diameter=7, noise=0.02, colours=None):
    """Generate an image whose blobs are classified by marks far away in their rows.

    Parameters
    ----------
    seed : int
        Not negative. The same seed and knobs give the same bytes (under the same version of NumPy).
    size : int or (int, int)
        Side, or height and width, of the image in pixels, each at least 16. Blobs and marks do not scale with it.
    pairs : int
        1 … 16 blobs, each with its mark. No two share a row.
    distance : int
        Pixels, at least, between any pixel of a blob and the nearest that its mark's colour changes: an answer that
        depends on no pixel farther than this is at chance. How far beyond it the mark is, chance decides.
    distractors : int
        0 … 16 marks in rows where no blob is.
    diameter : int
        Odd, 5 … 31: side of the square that a blob fits into.
    noise : float
        0 … 0.2: standard deviation of the camera's noise in white, share of its range; less where it is dark.
    colours : sequence of 1 and 2, optional
        One for each mark, 1 amber and 2 blue, those of the blobs first, then those of the distractors. By default
        coins decide. Everything else stays as it is: so one can ask what an answer depends on.

    Returns
    -------
    Beacons
        ``image`` float64 (H, W, 3), red, green, blue, multiples of 1/255 in [0, 1]; ``target`` int32 (H, W), 0
        background (marks, too), 1 amber, 2 blue; ``labels`` int32 (H, W), which blob; ``marks``.

    Raises
    ------
    ValueError, TypeError
        For a knob outside its range, colours that are not those of the marks, a size below 16 pixels or one that
        cannot hold the rows or the distance, a seed that is not a natural number.

    Notes
    -----
    Blobs cover about 9 % of 32 × 32 pixels. About 0.4 ms for 32 × 32.

    Examples
    --------
    >>> sample = beacon(seed=1, colours=(1, 2, 2))
    >>> sample.image.shape, [int(sample.target[sample.labels == blob].min()) for blob in (1, 2, 3)]
    ((32, 32, 3), [1, 2, 2])
    """
    k = checked({name: value for name, value in locals().items() if name in BEACON_KNOBS}, BEACON_KNOBS)
    k = _whole(k)
    size, rng = frame(size), np.random.default_rng(natural(seed))
    _check_room(size, k)
    # As many numbers are drawn whatever the knobs are, so that turning one leaves alone what it does not mean.
    coins = 1 + rng.integers(2, size=32)
    chance = rng.random((32, 8))
    grain = _smooth(rng.standard_normal(size))
    waves = rng.random((4, 3))
    speckle = rng.standard_normal((*size, 3))

    count = k.pairs + k.distractors
    colours = coins[:count] if colours is None else _colours(colours, count)
    rows = _rows(size[0], k, chance)
    blobs, columns = _columns(size[1], k, chance)
    height, cover = _rock(size, k, rows[: k.pairs], blobs, chance, grain)
    owner = cover.argmax(axis=0)
    labels = np.where(cover.max(axis=0) > 0.5, owner + 1, 0).astype(np.int32)
    scene = _painted(_water(size, grain, waves), height, cover, grain)
    scene += _light(size, rows, columns, colours, chance)
    target = np.concatenate([[0], colours])[labels].astype(np.int32)
    numbers = [*range(1, k.pairs + 1), *[0] * k.distractors]
    marks = tuple(Mark(*map(int, mark)) for mark in zip(rows, columns, colours, numbers, strict=True))
    return Beacons(_camera(scene, speckle, k.noise), labels, target, marks)


def beacon_levels(pairs=3, distractors=0):
    """The best shares of the blobs' pixels without any mark, with a bag of marks, and with everything: `Levels`.

    Of m = pairs + distractors marks, of which a bag knows that j are amber, each is amber with the chance j / m. So
    the best guess for every blob is the colour of more marks, right with the chance max(j, m − j) / m, whose mean
    over all throws of m coins is 1/2 + C(m − 1, ⌊(m − 1) / 2⌋) / 2^m.
    """
    marks = pairs + distractors
    return Levels(0.5, 0.5 + comb(marks - 1, (marks - 1) // 2) / 2**marks, 1.0)


def blob_accuracy(target, scores):
    """Share of the blobs' pixels whose own colour has a higher score than the other one (float); NaN without blobs.

    target : int (…, H, W), as of `beacon`; scores : float (…, 3, H, W), logits or probabilities

    The score of the background does not count: whether a blob is found is another question, and an easy one.
    """
    target, scores = np.asarray(target), np.asarray(scores)
    if scores.shape[-3:-2] != (3,) or scores.shape[:-3] + scores.shape[-2:] != target.shape:
        raise ValueError(
            f"Scores {scores.shape} do not fit the target {target.shape}: expected (…, 3, H, W)."
        )
    blobs = target > 0
    says = np.where(scores[..., 2, :, :] > scores[..., 1, :, :], 2, 1)
    return float((says == target)[blobs].mean()) if blobs.any() else float("nan")


# ---------------------------------------------------------------------------------------------------- layout


def _rows(height, k, chance):
    """Middle rows of all marks, int (pairs + distractors,), those of the blobs first: strips in a random order."""
    tall = np.array([k.diameter] * k.pairs + [CORE] * k.distractors)
    order = np.argsort(chance[: len(tall), 0])
    spare = height - tall.sum()
    above = np.sort(np.floor(chance[: len(tall), 1] * (spare + 1)))  # empty rows above each strip in turn
    starts = above + np.concatenate([[0], np.cumsum(tall[order])[:-1]])
    rows = np.empty(len(tall), int)
    rows[order] = starts + tall[order] // 2
    return rows


def _columns(width, k, chance):
    """Middle columns of the blobs, int (pairs,), and of the marks, int (pairs + distractors,)."""
    _, _, across, gap, side, *_ = chance[: k.pairs].T
    half = k.diameter // 2
    least = half + k.distance + REACH + 1
    most = width - 1 - half - REACH
    apart = least + np.floor(gap * (most - least + 1))
    left = np.floor(across * (width - (apart + half + REACH)))  # the first column of the pair
    blobs, marks = left + half, left + half + apart
    mirrored = side < 0.5
    blobs, marks = (np.where(mirrored, width - 1 - place, place) for place in (blobs, marks))
    alone = np.floor(chance[k.pairs : k.pairs + k.distractors, 2] * (width - 2 * REACH)) + REACH
    return blobs.astype(int), np.concatenate([marks, alone]).astype(int)


# --------------------------------------------------------------------------------------------------- picture


def _water(size, grain, waves):
    """The sea, (H, W, 3): swell in one direction, ripples, and an evening sky that is brighter on one side."""
    y, x = np.ogrid[: size[0], : size[1]]
    swell = 0
    for number, (turn, length, phase) in enumerate(waves):
        angle = 2 * np.pi * waves[0, 0] + 0.7 * (turn - 0.5)
        step = 2 * np.pi / ((4 + 5 * length) * (1 + 0.6 * number))
        swell = swell + np.sin(step * (np.cos(angle) * x + np.sin(angle) * y) + 2 * np.pi * phase)
    slope = (x / size[1] - 0.5) * (waves[1, 0] - 0.5) + (y / size[0] - 0.5) * (waves[2, 0] - 0.5)
    light = (1 + 0.12 * swell + 0.2 * grain) * (1 + 0.9 * slope) * (0.75 + 0.5 * waves[3, 0])
    return light[..., None] * np.array([0.13, 0.2, 0.22])


def _rock(size, k, rows, columns, chance, grain):
    """Of each islet its height, 1 in the middle and 0 at the shore, and what part of a pixel it covers: (n, H, W)."""
    y, x = np.ogrid[: size[0], : size[1]]
    dy, dx = y - rows[:, None, None], x - columns[:, None, None]
    turn, wide, narrow = chance[: k.pairs, 5:8].T[..., None, None]
    cos, sin, half = np.cos(np.pi * turn), np.sin(np.pi * turn), k.diameter / 2
    along = (cos * dx + sin * dy) / (half * (0.85 + 0.15 * wide))
    over = (cos * dy - sin * dx) / (half * (0.65 + 0.3 * narrow))
    height = 1 - np.hypot(along, over) - 0.12 * grain
    inside = (abs(dy) <= k.diameter // 2) & (abs(dx) <= k.diameter // 2)
    return height, np.clip(height * half + 0.5, 0, 1) * inside


def _painted(sea, height, cover, grain):
    """Sea and islets, lit from the upper left, with surf around them, (H, W, 3)."""
    top, cover = height.max(axis=0), cover.max(axis=0)
    shade = np.zeros_like(top)
    shade[1:, 1:] = top[1:, 1:] - top[:-1, :-1]  # rising away from the light
    stone = np.clip(0.9 + 0.9 * shade + 0.35 * grain + 0.25 * top, 0.3, 2)[..., None] * np.array(
        [0.3, 0.31, 0.25]
    )
    surf = np.clip(1 - 4 * abs(top + 0.12), 0, 1) * np.clip(0.5 + grain, 0, 1)
    return sea + 0.25 * surf[..., None] + cover[..., None] * (stone - sea)


def _light(size, rows, columns, colours, chance):
    """What the lamps add, (H, W, 3): a white core and a coloured glow that ends after two pixels."""
    y, x = np.ogrid[: size[0], : size[1]]
    dy, dx = y - rows[:, None, None], x - columns[:, None, None]
    near = (abs(dy) < REACH) & (abs(dx) < REACH)
    glow = np.exp(-(dy**2 + dx**2) / 2.2) * near * (0.8 + 0.5 * chance[: len(rows), 7, None, None])
    return np.tensordot(glow, LIGHTS[colours - 1], (0, 0)) + 0.8 * (glow**4).sum(axis=0)[..., None]


def _camera(scene, speckle, noise):
    """The lens's blur, noise, eight bits."""
    scene = np.pad(scene, ((1, 1), (1, 1), (0, 0)), "edge")
    scene = (scene[:-2] + 4 * scene[1:-1] + scene[2:]) / 6
    scene = (scene[:, :-2] + 4 * scene[:, 1:-1] + scene[:, 2:]) / 6
    scene = scene + noise * np.sqrt(0.1 + 0.9 * np.clip(scene, 0, 1)) * speckle
    return np.round(255 * np.clip(scene, 0, 1)) / 255


def _smooth(noise):
    """Noise (H, W) averaged over 3 × 3 pixels, of about mean 0 and standard deviation 1."""
    for axis in range(2):
        noise = noise + np.roll(noise, 1, axis) + np.roll(noise, -1, axis)
    return noise / 3


# ----------------------------------------------------------------------------------------------- small print


def _whole(knobs):
    """The knobs, those that count something as ints."""
    for name in ("pairs", "distance", "distractors", "diameter"):
        value = getattr(knobs, name)
        if value != int(value):
            raise ValueError(f"{name} must be a whole number ({BEACON_KNOBS[name][2]}), but it is {value:g}.")
        setattr(knobs, name, int(value))
    if knobs.diameter % 2 == 0:
        raise ValueError(
            f"diameter must be odd, so that a blob has a middle row, but it is {knobs.diameter}."
        )
    return knobs


def _check_room(size, k):
    tall = k.pairs * k.diameter + k.distractors * CORE
    if tall > size[0]:
        raise ValueError(
            f"{k.pairs} blobs of {k.diameter} rows and {k.distractors} distractors of {CORE} need {tall} rows, but the "
            f"image has {size[0]}: take fewer, a smaller diameter or a larger size."
        )
    wide = k.diameter + k.distance + 2 * REACH + 1
    if wide > size[1]:
        raise ValueError(
            f"A blob of {k.diameter} columns, the distance of {k.distance} and a mark of {2 * REACH + 1} need {wide} "
            f"columns, but the image has {size[1]}: take a smaller distance or a larger size."
        )


def _colours(colours, count):
    colours = np.asarray(colours)
    if colours.shape != (count,) or not np.isin(colours, (1, 2)).all():
        raise ValueError(
            f"colours must be {count} numbers, each 1 (amber) or 2 (blue), not {colours.tolist()}."
        )
    return colours.astype(int)
