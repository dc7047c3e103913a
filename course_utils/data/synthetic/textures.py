"""Mosaics of real textures, of which brightness tells nothing: every region has the same grey histogram.

*A threshold, k-means and Otsu see one pixel; a texture is what its neighbours do.* Regions with smooth random
borders are filled from photographs of brick, grass, gravel, galaxies, retina and tissue. Each photograph is flattened
first by a Gaussian window of `FLAT` pixels: slow changes of brightness and contrast go, quick ones stay (in tissue the
mean over 49 × 49 pixels still varies by a quarter of the pixels' own deviation). Then the pixels of each region are
ranked and given the grey values of one common distribution. So no region is brighter or livelier than another, though
places within a region are; what is left to tell the textures apart is the arrangement: a person sees it at once.

======== ====================== ==========================================================
stage    functions              knobs
======== ====================== ==========================================================
layout   ``_regions _assigned`` ``regions textures waviness``
filling  ``_filled``            ``zoom turned split``
camera   ``_camera``            ``noise contrast illumination``
======== ====================== ==========================================================

Train and test never share a source pixel: each photograph gives two rectangles, at least `MARGIN` pixels apart, and
everything that is computed from a pixel (flattening, shrinking, turning, scaling) happens within its rectangle. Nor
do they share a copy: rows 0 to 134 of the grass photograph's left part return in it, 346 rows down and 182 columns to
the right, which is in the test half; so its training half begins below them.

Lesson 07 learns these textures from a few strokes; before, every method of lessons 02 to 06 has failed on them.

Reference: Ojala, Pietikäinen & Mäenpää 2002, doi:10.1109/TPAMI.2002.1017623 (textures that grey values do not tell).
"""

from functools import cache
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
from scipy import ndimage, special

from course_utils.data import photos
from course_utils.data.synthetic.sample import Sample, checked, frame, natural


class Source(NamedTuple):
    """Where a texture is cut: the photograph, how many times it is shrunk, and two rectangles (y0, y1, x0, x1)."""

    photo: str
    shrink: int
    train: tuple
    test: tuple


SOURCES = {
    "brick": Source("brick", 1, (0, 512, 0, 240), (0, 512, 272, 512)),
    "grass": Source("grass", 1, (152, 512, 0, 240), (0, 512, 272, 512)),  # above: see the module's docstring
    "gravel": Source("gravel", 1, (0, 512, 0, 240), (0, 512, 272, 512)),
    "galaxies": Source("hubble", 2, (0, 872, 0, 480), (0, 872, 520, 1000)),
    "retina": Source("retina", 3, (240, 690, 260, 1151), (722, 1172, 260, 1151)),
    "tissue": Source("immunohistochemistry", 1, (0, 512, 40, 240), (0, 512, 272, 512)),
}
TEXTURES = tuple(SOURCES)  # the class of a label
SPLITS = ("train", "test")
MARGIN = 32  # pixels of a photograph between what is for training and what is for testing

# The seeds that the course uses. Validation takes the training half of the photographs: choosing is part of training.
MOSAIC_SEEDS = {
    "train": tuple(range(8)),
    "validation": tuple(range(100, 104)),
    "test": tuple(range(200, 208)),
}

# The numeric knobs of `mosaics`: lowest value, highest value, what the number means.
MOSAIC_KNOBS = {
    "waviness": (0, 1, "0 straight borders, 1 winding ones"),
    "zoom": (1, 2, "largest magnification and reduction of a texture"),
    "noise": (0, 2, "standard deviation of the noise, relative to the texture's"),
    "contrast": (0.02, 0.25, "standard deviation of the grey values"),
    "illumination": (0, 1, "share of the light that is missing in the darkest place"),
}

STREAMS = ("seeds", "borders", "choice", "places", "turns", "scales", "noise", "illumination")
FLAT = 24  # pixels, standard deviation of the window over which mean and contrast are made the same


def mosaics(
    seed=0,
    *,
    size=256,
    split="train",
    textures=TEXTURES,
    regions=6,
    waviness=0.5,
    zoom=1.25,
    turned=True,
    noise=0.15,
    contrast=0.17,
    illumination=0.0,
):
    """Generate a mosaic of real textures of equal grey histogram, with its exact texture labels.

    Parameters
    ----------
    seed : int
        Not negative. The same seed and knobs give the same bytes (under the same versions of NumPy and SciPy).
    size : int or (int, int)
        Side, or height and width, of the image in pixels, each at least 16.
    split : {"train", "test"}
        The half of each photograph that the textures are cut from.
    textures : sequence of str
        1 to 6 different names of `TEXTURES`. Each fills at least one region, if there are as many regions.
    regions : int
        1 … 40 regions. Neighbours differ in texture where that is possible.
    waviness : float
        0 … 1: from straight borders to winding ones.
    zoom : float
        1 … 2: a region's texture is magnified or reduced by up to this factor.
    turned : bool
        Whether a region's texture is turned by a random multiple of 90° and mirrored.
    noise : float
        0 … 2: standard deviation of white noise, relative to the texture's own, added before the histograms are
        made equal.
    contrast : float
        0.02 … 0.25: standard deviation of the grey values about their mean, 0.5.
    illumination : float
        0 … 1: share of the light that is missing in the darkest place. Above 0 the histograms are no longer equal,
        but by place, not by texture.

    Returns
    -------
    Sample
        ``image`` float64 (H, W), multiples of 1/255 in [0, 1]; ``labels`` int32 (H, W), indices of `TEXTURES`.

    Raises
    ------
    ValueError, TypeError
        For a knob outside its range, an unknown texture or split, a wrong size or seed.

    Notes
    -----
    At illumination 0 the quantiles (1 % to 99 %) of any two regions agree to one grey level where each has a thousand
    pixels; with fewer, the outermost are those of a handful. About 30 ms for 256 × 256.

    Examples
    --------
    >>> sample = mosaics(seed=1, textures=("brick", "grass"))
    >>> sample.image.shape, sorted(set(sample.labels.flat))
    ((256, 256), [0, 1])
    """
    k = checked({name: value for name, value in locals().items() if name in MOSAIC_KNOBS}, MOSAIC_KNOBS)
    k.regions, k.turned, names = _count(regions), bool(turned), _names(textures)
    if split not in SPLITS:
        raise ValueError(f"split must be 'train' or 'test', not {split!r}.")
    size, rng = frame(size), _streams(seed)

    parts = _regions(size, k, rng)
    chosen = _assigned(parts, k.regions, len(names), rng.choice)
    image, labels = np.empty(size), np.empty(size, np.int32)
    for number in range(k.regions):
        inside = parts == number
        texture = names[chosen[number]]
        filling = _filled(size, inside, texture, split, k, rng)
        image[inside] = filling[inside]
        labels[inside] = TEXTURES.index(texture)
    return Sample(_camera(image, parts, k, rng), labels)


# ---------------------------------------------------------------------------------------------------- layout


def _regions(size, k, rng):
    """Region numbers int (H, W): the nearest of the centres, seen through a smoothly bent glass."""
    centres = _spread(k.regions, size, rng.seeds)
    side = np.sqrt(np.prod(size) / k.regions)
    place = np.mgrid[: size[0], : size[1]].astype(float)
    for axis in range(2):
        for share, width in ((0.12, 0.2), (0.05, 0.07)):
            place[axis] += k.waviness * side * share * _noise(size, side * width, rng.borders)
    distance = [np.hypot(place[0] - y, place[1] - x) for y, x in centres]
    return np.argmin(distance, axis=0)


def _spread(count, size, rng):
    """Centres (count, 2), each the one of twelve random places that is farthest from those before."""
    tries = rng.random((count, 12, 2)) * size
    centres = tries[:1, 0]
    for places in tries[1:]:
        gaps = np.linalg.norm(places[:, None] - centres, axis=-1).min(axis=1)
        centres = np.vstack([centres, places[np.argmax(gaps)]])
    return centres


def _assigned(parts, regions, textures, rng):
    """For each region the number of its texture: unlike its neighbours where possible, then the least used."""
    pairs = [parts[:, 1:], parts[:, :-1]], [parts[1:], parts[:-1]]
    touch = np.zeros((regions, regions), bool)
    for one, other in pairs:
        touch[one, other] = touch[other, one] = True
    chosen, used = np.full(regions, -1), np.zeros(textures)
    for number, favour in enumerate(rng.random((regions, textures))):
        beside = np.bincount(chosen[touch[number] & (chosen >= 0)], minlength=textures)
        # Every texture appears before one appears twice; the favour only breaks ties.
        cost = used + favour / 2 + regions * np.minimum(beside, 1)
        if used.min() == 0:
            cost[used > 0] += 2 * regions
        chosen[number] = np.argmin(cost)
        used[chosen[number]] += 1
    return chosen


# --------------------------------------------------------------------------------------------------- filling


@cache
def _texture(name, split):
    """The flattened half of a photograph that ``split`` may use: float64, mean about 0, deviation about 1."""
    source = SOURCES[name]
    y0, y1, x0, x1 = getattr(source, split)
    part = photos.image(source.photo)[y0:y1, x0:x1]
    part = part if part.ndim == 2 else part @ (0.2126, 0.7152, 0.0722)
    n = source.shrink
    part = part.reshape(part.shape[0] // n, n, part.shape[1] // n, n).mean(axis=(1, 3))
    part = part - ndimage.gaussian_filter(part, FLAT)
    part /= np.sqrt(ndimage.gaussian_filter(part**2, FLAT)) + 1e-3
    part.flags.writeable = False
    return part


def _filled(size, inside, name, split, k, rng):
    """An image (H, W) that shows a texture in the region ``inside``: a random piece, turned and scaled.

    A region that is larger than the texture sees it go on as if mirrored at its edges.
    """
    texture = _texture(name, split)
    quarter, mirrored = rng.turns.integers(4), rng.turns.integers(2)
    if k.turned:
        texture = np.rot90(texture, quarter)[:, :: 1 - 2 * mirrored]
    step = k.zoom ** rng.scales.uniform(-1, 1)
    window = ndimage.find_objects(inside.astype(int))
    image, place = np.zeros(size), rng.places.random(2)
    if window:
        lengths = np.array([part.stop - part.start for part in window[0]])
        room = np.array(texture.shape) - step * lengths
        corner = place * np.where(room > 0, room, texture.shape)
        axes = [start + step * np.arange(length) for start, length in zip(corner, lengths, strict=True)]
        at = np.meshgrid(*axes, indexing="ij")
        image[window[0]] = ndimage.map_coordinates(texture, at, order=1, mode="mirror")
    return image


# ---------------------------------------------------------------------------------------------------- camera


def _camera(image, parts, k, rng):
    """Noise, then one histogram for all regions, then uneven light, then eight bits."""
    image = image + k.noise * rng.noise.standard_normal(image.shape)
    for number in range(k.regions):
        inside = parts == number
        image[inside] = _ranked(image[inside])
    light = 1 - k.illumination * _shade(image.shape, rng.illumination)
    return np.round(255 * np.clip((0.5 + k.contrast * image) * light, 0, 1)) / 255


def _ranked(values):
    """The same order of values (n,) with the normal distribution: the i-th smallest gets the quantile of its rank."""
    ranks = np.empty(values.size)
    ranks[np.argsort(values, kind="stable")] = np.arange(values.size)
    return special.ndtri((ranks + 0.5) / values.size) if values.size else values


def _shade(size, rng):
    """0 in the brightest place, 1 in the darkest: a slope in a random direction."""
    turn = rng.uniform(0, 2 * np.pi)
    y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in size), indexing="ij")
    slope = y * np.sin(turn) + x * np.cos(turn)
    return (slope - slope.min()) / np.ptp(slope)


# ----------------------------------------------------------------------------------------------- small print


def _noise(size, sigma, rng):
    """Smooth Gaussian noise of mean 0 and standard deviation 1."""
    noise = ndimage.gaussian_filter(rng.standard_normal(size), sigma, mode="wrap")
    return (noise - noise.mean()) / noise.std()


def _streams(seed):
    """One generator a name of STREAMS, each independent of the others."""
    children = np.random.SeedSequence(natural(seed)).spawn(len(STREAMS))
    return SimpleNamespace(**dict(zip(STREAMS, map(np.random.default_rng, children), strict=True)))


def _count(regions):
    if isinstance(regions, bool) or not isinstance(regions, (int, np.integer)):
        raise TypeError(f"regions must be a whole number from 1 to 40, not {regions!r}.")
    if not 1 <= regions <= 40:
        raise ValueError(f"regions must lie between 1 and 40, but it is {regions}.")
    return int(regions)


def _names(textures):
    """The textures, checked, in the order of TEXTURES."""
    if isinstance(textures, str) or not all(isinstance(name, str) for name in textures):
        raise TypeError(f"textures must be a sequence of names such as ('brick', 'grass'), not {textures!r}.")
    unknown = [name for name in textures if name not in SOURCES]
    if unknown:
        raise ValueError(f"There is no texture called {unknown[0]!r}; choose from {', '.join(TEXTURES)}.")
    if not textures or len(set(textures)) != len(textures):
        raise ValueError(f"textures must be at least one name, none twice, not {textures!r}.")
    return [name for name in TEXTURES if name in textures]
