"""Canals from the air, each with a bend that a cloud hides: what mask is right where nobody can know?

*The ends tell that there is a middle, and not where.* A canal comes in on the left, passes under a cloud, and goes out
on the right along the same straight line. Under the cloud it makes a detour to one side, up or down by a fair coin, and
far or less far by an even chance. The truth holds the whole canal, seen and hidden. Of the detour not one bit of the
picture tells: turn it over (``detour``) and the picture is the same to the byte.

So the best probability of each hidden pixel by itself is the share of the detours that cross it, less than one half
where they have parted (`Canals.chances`); who takes each pixel's likelier class tears the canal in two. Of
the *masks* that could be true there is a whole family, each in one piece (`Canals.at`): so the truth is known, and so
is what would have been as good.

============= ======================================================== ====================
``cover``     1: the bend is a matter of chance; 0: no cloud, it is seen
``bend``      0: the canal goes straight on under the cloud, and who has seen the ends knows it
============= ======================================================== ====================

======== ================== =========================
stage    functions          knobs
======== ================== =========================
course   ``_course``        ``bend gap width detour``
land     ``_land``
water    ``_dug``           ``width``
clouds   ``_clouded``       ``cover gap``
camera   ``_camera``        ``noise``
======== ================== =========================

Lesson 14 asks adversarial training for the hidden part.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from course_utils.data.synthetic.sample import Sample, checked, frame, natural

# The seeds that the course uses.
CANAL_SEEDS = {
    "train": tuple(range(1200)),
    "validation": tuple(range(100_000, 100_200)),
    "test": tuple(range(200_000, 200_200)),
}

# The numeric knobs of `canals`: lowest value, highest value, what the number means.
CANAL_KNOBS = {
    "bend": (0, 100, "pixels, the largest detour under the cloud"),
    "gap": (4, 400, "pixels along the picture's width, over which the cloud hides the canal"),
    "width": (2, 30, "pixels, how wide the canal is"),
    "cover": (0, 1, "opacity of the cloud"),
    "noise": (0, 0.2, "standard deviation of the camera's noise, share of white"),
}

LEAST = 0.3  # the smallest detour, share of the largest
SLOPE = 0.15  # rows a column, the steepest canal
RIM = (
    2  # pixels around all that a detour could change, under the same thick cloud: the lens's blur ends within
)


@dataclass(frozen=True)
class Canals(Sample):
    """A generated image with its truth, and all that could have been true.

    ``image`` float64 (H, W, 3), multiples of 1/255 in [0, 1]; ``labels`` int32 (H, W), 1 on the canal, under the cloud,
    too; ``hidden`` bool (H, W), under the thick of the cloud; ``detour`` float, pixels, of the truth, above 0
    downwards; ``straight`` float (W,), row of the canal's middle in each column, without the detour; ``swing`` float
    (W,), share of the detour that it makes in each column, 0 … 1; ``width``; ``bend``; ``cover``.
    """

    hidden: np.ndarray
    detour: float
    straight: np.ndarray
    swing: np.ndarray
    width: float
    bend: float
    cover: float

    def at(self, detour):
        """The canal as it would be with another detour, bool (H, W)."""
        return _canal(self.labels.shape[0], self.straight + detour * self.swing, self.width) >= 0

    def chances(self, steps=41):
        """Which share of all detours that might have been crosses each pixel, float (H, W): what is to be known."""
        sides = np.linspace(LEAST, 1, steps) * self.bend
        return np.mean([self.at(detour) for detour in (*-sides, *sides)], axis=0)


def canals(seed=0, *, size=32, bend=7, gap=16, width=3, cover=1, noise=0.03, detour=None):
    """Generate a canal that passes under a cloud and bends there.

    Parameters
    ----------
    seed : int
        Not negative. The same seed and knobs give the same bytes (under the same version of NumPy).
    size : int or (int, int)
        Side, or height and width, of the image in pixels, each at least 16. Nothing scales with it.
    bend : float
        0 … 100 pixels: the largest detour. The detour's size is uniform from `LEAST` of it to all of it.
    gap : float
        4 … 400 pixels: how long the stretch is in which the detour happens.
    width : float
        2 … 30 pixels, of the canal.
    cover : float
        0 … 1: opacity of the cloud. With 1 the image does not depend on the detour at all.
    noise : float
        0 … 0.2: standard deviation of the camera's noise, share of white.
    detour : float, optional
        −bend … bend, pixels, down where it is above 0. By default chance decides. Everything else stays as it is.

    Returns
    -------
    Canals
        ``image``, ``labels`` (1 on the whole canal), ``hidden``, and what it takes to draw all that might be true.

    Raises
    ------
    ValueError, TypeError
        For a knob outside its range, a detour larger than the bend, a size below 16 pixels or one that cannot hold the
        cloud, a seed that is not a natural number.

    Notes
    -----
    About a tenth of 32 × 32 pixels are canal, a third is under the cloud. About 1 ms for 32 × 32.

    Examples
    --------
    >>> up, down = (canals(seed=1, detour=rows) for rows in (-6, 6))
    >>> bool((up.image == down.image).all()), bool((up.labels == down.labels).all())
    (True, False)
    """
    k = checked({name: value for name, value in locals().items() if name in CANAL_KNOBS}, CANAL_KNOBS)
    size, rng = frame(size), np.random.default_rng(natural(seed))
    tall = _check_room(size, k)
    # As many numbers are drawn whatever the knobs are, so that turning one leaves alone what it does not mean.
    chance = rng.random(16)
    grain, billows = (_smooth(rng.standard_normal(size)) for _ in range(2))
    speckle = rng.standard_normal((*size, 3))

    if detour is None:
        detour = (LEAST + (1 - LEAST) * chance[0]) * k.bend * (1 if chance[1] < 0.5 else -1)
    elif not abs(detour) <= k.bend:
        raise ValueError(f"detour must lie between −bend and bend, here ±{k.bend:g}, but it is {detour}.")
    straight, swing = _course(size, k, tall, chance)
    inside = _canal(size[0], straight + detour * swing, k.width)
    opaque = _opacity(size, straight, swing, k, billows)
    scene = _dug(_land(size, grain, chance), inside, grain)
    scene = _clouded(scene, k.cover * opaque, billows)
    return Canals(
        image=_camera(scene, speckle, k.noise),
        labels=(inside >= 0).astype(np.int32),
        hidden=opaque == 1,
        detour=float(detour),
        straight=straight,
        swing=swing,
        width=k.width,
        bend=k.bend,
        cover=k.cover,
    )


# ---------------------------------------------------------------------------------------------------- course


def _course(size, k, tall, chance):
    """(straight, swing), float (W,) each: the canal's middle without detour, and the share of it in each column."""
    x = np.arange(size[1])
    spare = size[1] - k.gap - 2 * RIM
    middle = RIM + k.gap / 2 + spare * (0.25 + 0.5 * chance[2]) - 0.5
    slope = SLOPE * (2 * chance[3] - 1)
    room = size[0] / 2 - tall  # rows that its middle may be away from the picture's
    row = (size[0] - 1) / 2 + room * (2 * chance[4] - 1)
    along = np.clip((x - middle) / k.gap, -0.5, 0.5)
    return row + slope * (x - middle), np.where(abs(along) < 0.5, np.cos(np.pi * along) ** 2, 0)


def _canal(height, course, width):
    """How far inside the canal each pixel is, in rows, (H, W): 0 or more on it.

    A canal of constant width, measured across, covers the more rows of a column the steeper it is there.
    """
    steep = np.hypot(1, np.gradient(course))
    return width / 2 * steep - abs(np.arange(height)[:, None] - course)


# --------------------------------------------------------------------------------------------------- picture


def _land(size, grain, chance):
    """Four fields, green or brown, each ploughed in its own direction, (H, W, 3)."""
    y, x = np.ogrid[: size[0], : size[1]]
    first = (y - size[0] * (0.2 + 0.6 * chance[5])) + (x - size[1] / 2) * (chance[6] - 0.5) > 0
    second = (x - size[1] * (0.2 + 0.6 * chance[7])) + (y - size[0] / 2) * (chance[8] - 0.5) > 0
    field = 2 * first + second
    ripe = np.roll([0.1, 0.9, 0.4, 0.65], int(4 * chance[9]))[field] + 0.15 * grain
    colour = np.array([0.22, 0.36, 0.15]) + ripe[..., None] * np.array([0.28, 0.12, 0.1])
    turn = 2 * np.pi * (chance[10] + np.array([0, 0.2, 0.45, 0.7]))[field]
    furrow = np.sin(1.9 * (np.cos(turn) * x + np.sin(turn) * y))
    return colour * (1 + 0.08 * furrow + 0.08 * grain)[..., None]


def _dug(land, inside, grain):
    """The land with the canal in it, and bright paths along its banks."""
    path = np.clip(1 - abs(inside + 0.8), 0, 1)[..., None]
    water = np.clip(inside + 0.5, 0, 1)[..., None]
    scene = land + 0.5 * path * (np.array([0.55, 0.52, 0.42]) - land)
    return scene + water * (np.array([0.2, 0.33, 0.4]) * (1 + 0.06 * grain[..., None]) - scene)


def _opacity(size, straight, swing, k, billows):
    """Opacity of the cloud, (H, W): 1 wherever a detour could change anything, and billows around that."""
    x = np.arange(size[1])
    reach = k.bend * swing + k.width / 2 * _steepest(k)  # rows from the straight course
    near = (abs(x - x[:, None]) <= RIM) & (swing > 0)
    reach = np.where(near, reach, -np.inf).max(axis=1) + RIM  # −∞ where there is no cloud
    over = abs(np.arange(size[0])[:, None] - straight) - reach
    away = ndimage.distance_transform_edt(over > 0)
    return np.where(over <= 0, 1.0, np.clip(1.2 + 0.5 * billows - 0.5 * away, 0, 0.95))


def _clouded(scene, opacity, billows):
    """The scene under the cloud."""
    white = np.array([0.86, 0.87, 0.9]) * (1 + 0.05 * billows)[..., None]
    return scene + opacity[..., None] * (white - scene)


def _camera(scene, speckle, noise):
    """The lens's blur, noise, eight bits."""
    scene = np.pad(scene, ((1, 1), (1, 1), (0, 0)), "edge")
    scene = (scene[:-2] + 4 * scene[1:-1] + scene[2:]) / 6
    scene = (scene[:, :-2] + 4 * scene[:, 1:-1] + scene[:, 2:]) / 6
    return np.round(255 * np.clip(scene + noise * speckle, 0, 1)) / 255


def _smooth(noise):
    """Noise (H, W) averaged over 3 × 3 pixels, of about mean 0 and standard deviation 1."""
    for axis in range(2):
        noise = noise + np.roll(noise, 1, axis) + np.roll(noise, -1, axis)
    return noise / 3


# ----------------------------------------------------------------------------------------------- small print


def _steepest(k):
    """Rows of a column that a canal of width 1 covers at most, where it is steepest."""
    return np.hypot(1, SLOPE + np.pi * k.bend / k.gap)


def _check_room(size, k):
    """Rows from the straight course to the end of what a detour may change. ValueError where they do not fit."""
    tall = k.bend + k.width / 2 * _steepest(k) + RIM
    if 2 * tall > size[0]:
        raise ValueError(
            f"A bend of {k.bend:g} and a width of {k.width:g} pixels need {int(np.ceil(2 * tall))} rows, but the image "
            f"has {size[0]}: take a smaller bend or a larger size."
        )
    if k.gap + 2 * RIM + 4 > size[1]:
        raise ValueError(
            f"A gap of {k.gap:g} pixels needs {int(np.ceil(k.gap)) + 2 * RIM + 4} columns, but the image has "
            f"{size[1]}: take a smaller gap or a larger size."
        )
    return tall
