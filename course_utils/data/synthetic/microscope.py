"""Fluorescence microscopy of cell nuclei, generated, with the exact instance truth.

*A picture is easy to segment until something happens to its light.* So the picture is made in the order in which
light travels, one short function an ingredient, and each ingredient has knobs that switch it off at 0:

============ ========================== ==========================================================================
stage        functions                  knobs
============ ========================== ==========================================================================
layout       ``_layout``                ``diameter crowding clustering touching size_spread elongation``
shapes       ``_shapes``, ``_compete``  ``irregularity mitosis overlap``
chromatin    ``_stain``, ``_chromatin`` ``dome brightness_spread texture nucleoli spots``
other light  ``_cytoplasm _debris``     ``cytoplasm debris background``
illumination ``_illumination``          ``illumination``
optics       ``_optics``                ``blur defocus haze``
camera       ``_camera``                ``dimness photons read_noise smoothing``
============ ========================== ==========================================================================

Every ingredient draws from a random stream of its own, so turning one knob leaves the other ingredients as they
were: more blur does not move a nucleus, and a more crowded image keeps the nuclei it had.

`nuclei` takes the knobs one by one; `specimen` draws them all from the ranges of a kind of culture (`KINDS`), for
varied sets of images. How near these come to photographs is measured by ``benchmarks/nuclei_realism.py``.
Lessons 02 and 03 threshold and part these nuclei; lesson 10 learns them.

References: Svoboda, Kozubek & Stejskal 2009, "Generation of digital phantoms of cell nuclei and simulation of image
formation in 3D image cytometry", doi:10.1002/cyto.a.20714 (the same chain from cell to camera, in three dimensions);
Caicedo et al. 2019, doi:10.1038/s41592-019-0612-7 (the real images).
"""

from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from course_utils.data.synthetic.sample import Sample, checked, frame, natural

# The knobs of `nuclei`: lowest value, highest value, what the number means.
KNOBS = {
    "diameter": (6, 120, "pixels"),
    "crowding": (0, 0.6, "share of the image that nuclei are meant to cover"),
    "clustering": (0, 1, "0 spread evenly, 1 gathered in some places"),
    "touching": (0, 1, "share of the nuclei that are placed against another one"),
    "size_spread": (0, 0.6, "standard deviation of the logarithm of the diameter"),
    "elongation": (0, 0.9, "typical eccentricity, 0 a circle"),
    "irregularity": (0, 1, "0 ellipses, 1 bent, bulging, flattened, dented and folded"),
    "mitosis": (0, 0.5, "share of small, bright, condensed nuclei"),
    "overlap": (0, 1, "share of the hidden nucleus's light that shines through where two overlap"),
    "dome": (0, 1, "0 flat as a coin, 0.5 a ball, brightest in the middle"),
    "brightness_spread": (0, 1, "standard deviation of the logarithm of a nucleus's brightness"),
    "texture": (0, 1, "standard deviation of the chromatin, share of its mean"),
    "nucleoli": (0, 1, "depth of the dark nucleoli, share of the chromatin"),
    "spots": (0, 3, "height of the bright chromocentres, relative to the chromatin"),
    "cytoplasm": (0, 1, "brightness of the cell bodies, relative to a nucleus"),
    "debris": (0, 20, "specks in 100 × 100 pixels"),
    "background": (0, 1, "glow of the medium, relative to a nucleus"),
    "illumination": (0, 1, "share of the light that is missing in the darkest place"),
    "blur": (0, 10, "pixels, standard deviation of the point spread function"),
    "defocus": (0, 10, "pixels, additional blur of the nuclei farthest from focus"),
    "haze": (0, 0.9, "share of the light that lands in the halo of the point spread function"),
    "dimness": (0, 0.97, "share of the camera's range that is left unused"),
    "photons": (0, 1e6, "photons in a pixel of a typical nucleus, 0 for no shot noise"),
    "read_noise": (0, 0.2, "standard deviation, share of the camera's range"),
    "smoothing": (0, 2, "pixels, standard deviation of the smoothing after the exposure"),
}

# Seven kinds of culture: the ranges from which `specimen` draws their knobs.
# fmt: off
KINDS = {
    "fibroblasts": dict(
        diameter=(14, 16), crowding=(0.008, 0.032), clustering=(0, 0.4), touching=(0, 0.06),
        size_spread=(0.12, 0.21), elongation=(0.62, 0.72), irregularity=(0.05, 0.35), mitosis=(0, 0.08),
        overlap=(0, 0.3), dome=(0.15, 0.25), brightness_spread=(0.18, 0.36),
        texture=(0.09, 0.15), nucleoli=(0, 0.3), spots=(0, 0.2),
        cytoplasm=(0.05, 0.11), debris=(0.3, 1.5), background=(0.028, 0.045), illumination=(0, 0.2),
        blur=(0.65, 0.9), defocus=(0, 0.7), haze=(0.18, 0.28), dimness=(0.44, 0.58),
        photons=(1250, 1650), read_noise=(0.0005, 0.001),
    ),
    "spheroids": dict(
        diameter=(21, 25), crowding=(0.08, 0.24), clustering=(0.8, 1), touching=(0.1, 0.3),
        size_spread=(0.16, 0.26), elongation=(0.45, 0.55), irregularity=(0.3, 0.7), mitosis=(0.02, 0.08),
        overlap=(0.5, 1), dome=(0.75, 0.95), brightness_spread=(0.04, 0.14),
        texture=(0.4, 0.52), nucleoli=(0.2, 0.6), spots=(0.4, 1.2),
        cytoplasm=(0.01, 0.04), debris=(0.5, 2), background=(0.005, 0.035), illumination=(0, 0.2),
        blur=(0.85, 1.1), defocus=(0, 1.5), haze=(0.45, 0.57), dimness=(0.5, 0.63),
        photons=(3000, 5500), read_noise=(0.0002, 0.0005),
    ),
    "chromatin": dict(
        diameter=(14.5, 16.7), crowding=(0.02, 0.08), clustering=(0.2, 0.8), touching=(0.05, 0.25),
        size_spread=(0.19, 0.3), elongation=(0.55, 0.65), irregularity=(0.2, 0.6), mitosis=(0.02, 0.1),
        overlap=(0.1, 0.5), dome=(0.22, 0.35), brightness_spread=(0.18, 0.32),
        texture=(0.17, 0.26), nucleoli=(0.05, 0.35), spots=(0, 0.25),
        cytoplasm=(0.02, 0.07), debris=(0, 0.8), background=(0.137, 0.162), illumination=(0, 0.15),
        blur=(0.6, 0.85), defocus=(0, 0.7), haze=(0.22, 0.32), dimness=(0.35, 0.5),
        photons=(1950, 2500), read_noise=(0.0005, 0.001),
    ),
    "dense": dict(
        diameter=(10, 11.6), crowding=(0.02, 0.1), clustering=(0.4, 1), touching=(0.15, 0.35),
        size_spread=(0.18, 0.3), elongation=(0.6, 0.7), irregularity=(0.1, 0.45), mitosis=(0.05, 0.18),
        overlap=(0.1, 0.6), dome=(0.12, 0.25), brightness_spread=(0.25, 0.4),
        texture=(0.12, 0.2), nucleoli=(0, 0.2), spots=(0, 0.25),
        cytoplasm=(0.01, 0.05), debris=(0.2, 1.5), background=(0.09, 0.102), illumination=(0, 0.12),
        blur=(0.6, 0.8), defocus=(0, 0.5), haze=(0.15, 0.25), dimness=(0, 0.25),
        photons=(3000, 3800), read_noise=(0.0005, 0.001),
    ),
    "large": dict(
        diameter=(49, 56), crowding=(0.22, 0.34), clustering=(0, 0.3), touching=(0.02, 0.2),
        size_spread=(0.1, 0.2), elongation=(0.66, 0.75), irregularity=(0.5, 1), mitosis=(0, 0.02),
        overlap=(0.1, 0.5), dome=(0.17, 0.27), brightness_spread=(0.12, 0.24),
        texture=(0.11, 0.17), nucleoli=(0.1, 0.45), spots=(0, 0.1),
        cytoplasm=(0, 0.03), debris=(0.2, 1.2), background=(0.1, 0.2), illumination=(0, 0.12),
        blur=(1.05, 1.3), defocus=(0, 1), haze=(0.25, 0.4), dimness=(0.79, 0.86),
        photons=(1100, 1500), read_noise=(0, 0.0005),
    ),
    "confocal": dict(
        diameter=(45, 52), crowding=(0.1, 0.24), clustering=(0.3, 0.9), touching=(0.05, 0.35),
        size_spread=(0.18, 0.28), elongation=(0.5, 0.66), irregularity=(0.6, 1), mitosis=(0, 0.03),
        overlap=(0.7, 1), dome=(0.35, 0.55), brightness_spread=(0.15, 0.3),
        texture=(0.26, 0.4), nucleoli=(0, 0.4), spots=(0, 0.06),
        cytoplasm=(0, 0.03), debris=(0, 0.4), background=(0, 0.03), illumination=(0, 0.3),
        blur=(0.6, 0.9), defocus=(0, 1.2), haze=(0.55, 0.65), dimness=(0.69, 0.79),
        photons=(150, 300), read_noise=(0.015, 0.025), smoothing=(0.62, 0.7),
    ),
    "culture": dict(
        diameter=(23, 46), crowding=(0.12, 0.28), clustering=(0, 0.3), touching=(0.02, 0.2),
        size_spread=(0.12, 0.22), elongation=(0.7, 0.78), irregularity=(0.3, 0.7), mitosis=(0, 0.04),
        overlap=(0, 0.4), dome=(0.12, 0.25), brightness_spread=(0.15, 0.32),
        texture=(0.18, 0.25), nucleoli=(0.1, 0.4), spots=(0, 0.25),
        cytoplasm=(0, 0.012), debris=(0.3, 1.5), background=(0.07, 0.17), illumination=(0, 0.03),
        blur=(0.85, 1.15), defocus=(0, 1), haze=(0.15, 0.3), dimness=(0.4, 0.77),
        photons=(1500, 2600), read_noise=(0.0005, 0.001),
    ),
}
# fmt: on

STREAMS = (
    *("layout", "density", "shapes", "mitosis", "focus", "stain", "crease", "nucleoli", "spots", "chromatin"),
    *("cytoplasm", "debris", "illumination", "photons", "read"),
)

BULGE = 0.2  # an irregular outline stays within its ellipse enlarged by this share
PENETRATION = 0.35  # how deep touching nuclei may push into each other, share of the shorter half-axis
GAP = 1.5  # pixels between the enlarged ellipses of nuclei that are not meant to touch
TRIES = 20  # places that are tried for a nucleus before it is left out
ROW_NOISE = 0.12  # standard deviation that a whole row has in common, share of the read noise's
TYPICAL = 0.6  # grey value of a typical nucleus at dimness 0; above it is room for brighter ones


def nuclei(
    seed=0,
    *,
    size=256,
    diameter=24.0,
    crowding=0.2,
    clustering=0.3,
    touching=0.3,
    size_spread=0.2,
    elongation=0.65,
    irregularity=0.4,
    mitosis=0.04,
    overlap=0.3,
    dome=0.3,
    brightness_spread=0.2,
    texture=0.15,
    nucleoli=0.3,
    spots=0.3,
    cytoplasm=0.04,
    debris=0.5,
    background=0.1,
    illumination=0.3,
    blur=1.0,
    defocus=1.0,
    haze=0.25,
    dimness=0.3,
    photons=400.0,
    read_noise=0.004,
    smoothing=0.0,
):
    """Generate one fluorescence image of cell nuclei, bright on dark, with its exact instance labels.

    The truth is what emits light: a pixel belongs to a nucleus when its centre lies inside the outline, before blur
    and noise. Where two nuclei overlap, the pixel belongs to the one that is deeper there. Touching nuclei have
    different labels; cell bodies and debris have none.

    Parameters
    ----------
    seed : int
        Not negative. The same seed and knobs give the same bytes (under the same version of NumPy).
    size : int or (int, int)
        Side, or height and width, of the image in pixels, each at least 16. Nuclei do not scale with it.
    diameter : float
        Pixels, 6 … 120: diameter of the circle of the same area as a typical nucleus.
    crowding : float
        0 … 0.6: share of the image that nuclei are meant to cover. 0 leaves one nucleus; high values stay below
        the aim, because nuclei that find no room are left out. More crowding keeps the nuclei of less.
    clustering : float
        0 … 1: from an even spread to gatherings with empty ground between them.
    touching : float
        0 … 1: share of the nuclei that are placed against another one. At 0 no two nuclei touch.
    size_spread : float
        0 … 0.6: standard deviation of the logarithm of the diameter.
    elongation : float
        0 … 0.9: typical eccentricity; 0 makes circles.
    irregularity : float
        0 … 1: from ellipses to outlines that are bent, bulging, flattened on some sides, tapered, dented or blistered,
        each in its own degree, with a bright fold here and there.
    mitosis : float
        0 … 0.5: share of condensed nuclei, smaller, lumpy whatever the irregularity, 1.5 to 3 times as bright.
    overlap : float
        0 … 1: share of the hidden nucleus's light that shines through where two overlap. At 0 they press against
        each other and a dark seam parts them, at 1 their light adds up.
    dome : float
        0 … 1: how much brighter a nucleus is in the middle: 0 flat as a coin, 0.5 a ball (exponent of the level
        inside the outline).
    brightness_spread : float
        0 … 1: standard deviation of the logarithm of a nucleus's brightness; small ones tend to be brighter.
    texture : float
        0 … 1: typical standard deviation of the chromatin before blur, share of its mean; nuclei differ in it and in
        the size of the grains.
    nucleoli : float
        0 … 1: depth of up to three dark nucleoli in a nucleus, share of the chromatin.
    spots : float
        0 … 3: typical height of the bright chromocentres, up to a dozen in a nucleus, relative to the chromatin.
    cytoplasm : float
        0 … 1: brightness of the cell bodies, spindles and corners drawn out along the nuclei, relative to a nucleus.
    debris : float
        0 … 20: specks in 100 × 100 pixels (expected number); a few are ghosts or lumps far from focus, wide and faint.
    background : float
        0 … 1: glow of the medium, relative to a nucleus.
    illumination : float
        0 … 1: share of the light, of nuclei and background alike, that is missing in the darkest place.
    blur : float
        0 … 10 pixels: standard deviation of the point spread function.
    defocus : float
        0 … 10 pixels: additional blur of the third of the nuclei that lies farthest from focus.
    haze : float
        0 … 0.9: share of the light that lands in the wide halo of the point spread function.
    dimness : float
        0 … 0.97: share of the camera's range that is left unused; the eight bits then show as steps.
    photons : float
        0 … 1e6: photons in a pixel of a typical nucleus; more are better, the noise is 1/√photons. 0: no shot noise.
    read_noise : float
        0 … 0.2: standard deviation of the camera's own noise, share of its range; a little of it is common to a row.
    smoothing : float
        0 … 2 pixels: smoothing by the microscope's software, which makes the noise coarse-grained.

    Returns
    -------
    Sample
        ``image`` float64 (H, W) in [0, 1]; ``labels`` int32 (H, W), 0 background, 1 … n the nuclei, each one
        connected piece (through edges, not corners).

    Raises
    ------
    ValueError, TypeError
        For a knob outside its range, a size below 16 pixels or a seed that is not a natural number.

    Notes
    -----
    About 80 ms for 256 × 256; the time grows with the pixels and with the square of the number of nuclei.

    Examples
    --------
    >>> sample = nuclei(seed=1, crowding=0.3)
    >>> sample.image.shape, sample.labels.dtype
    ((256, 256), dtype('int32'))
    """
    k = checked({name: value for name, value in locals().items() if name in KNOBS}, KNOBS)
    size, rng = frame(size), _streams(seed)

    cells = _layout(size, k, rng.layout, rng.density)
    # Two answers a nucleus: is it condensed, and if so, to a plate?
    mitotic = rng.mitosis.random((len(cells), 2)) < (k.mitosis, 0.3)
    levels = _shapes(cells, mitotic, size, k, rng.shapes)
    labels, seam = _compete(levels, size)
    grains = _chromatin(size, k.diameter, rng.chromatin)
    planes = _stain(cells, mitotic[:, 0], levels, labels, seam, grains, k, rng)
    planes[0] += k.background + _cytoplasm(cells, size, k, rng.cytoplasm)
    planes[0] += _debris(cells, size, k, rng.debris)
    planes *= _illumination(size, k, rng.illumination)
    image = _camera(_optics(planes, k), k, rng)
    return Sample(image, _consecutive(labels))


def specimen(seed=0, kind=None, *, size=256):
    """Generate an image whose knobs are drawn, too: one of a varied set, as real cultures are.

    ``kind`` is one of `KINDS`; None draws it. ``seed`` and ``size`` are those of `nuclei`, whose Sample is returned.
    Raises ValueError for an unknown kind, and what `nuclei` raises.
    """
    if kind is not None and kind not in KINDS:
        raise ValueError(f"There is no kind of specimen called {kind!r}; choose one of {', '.join(KINDS)}.")
    rng = np.random.default_rng([natural(seed), 1])  # the 1 parts this stream from those of `nuclei`
    drawn = str(rng.choice(list(KINDS)))
    knobs = {knob: rng.uniform(*bounds) for knob, bounds in KINDS[kind or drawn].items()}
    return nuclei(seed, size=size, **knobs)


# ------------------------------------------------------------------------------------ layout: where the nuclei lie

ANGLES = np.arange(16) * np.pi / 16
DIRECTIONS = np.stack([np.sin(ANGLES), np.cos(ANGLES)])  # (2, 16), y first


class Cell(NamedTuple):
    """An ellipse: ``centre`` (2,) y and x; ``axes`` (2,) long and short half-axis; ``angle`` of the long one."""

    centre: np.ndarray
    axes: np.ndarray
    angle: float


def _layout(size, k, rng, rng_density):
    """Place one ellipse after the other, alone or against one that is already there: list of Cell.

    Each nucleus draws the same count of random numbers whether it finds a place or not, so the first n nuclei are
    the same however many follow.
    """
    frame, margin, density = np.array(size), k.diameter / 4, _density(size, k.clustering, rng_density)
    count = max(1, round(k.crowding * np.prod(frame + 2 * margin) / (np.pi / 4 * k.diameter**2)))
    cells, short = [], np.empty(count)
    centres, supports = np.empty((count, 2)), np.empty((count, len(ANGLES)))
    common = rng.uniform(0, np.pi)  # neighbours tend to lie the same way
    for _ in range(count):
        normal, guest, tries = rng.standard_normal(3), rng.random() < k.touching, rng.random((TRIES, 4))
        axes, angle, n = _axes(normal, k), common + 0.6 * normal[2], len(cells)
        support = _support(axes, angle)
        for y, x, chance, depth in tries:
            if n == 0:  # the first one always shows
                centre, fits = (y, x) * frame, True
            elif guest:
                host = int(y**2 * n)  # mostly an early one: heaps, where the latest would make chains
                push = depth * PENETRATION * min(axes[1], short[host])
                centre = centres[host] + _beside(2 * np.pi * x, supports[host] + support - push)
                gaps = _gaps(centre, support, centres[:n], supports[:n])
                fits = (gaps >= -PENETRATION * np.minimum(axes[1], short[:n])).all()
            else:
                centre, room = (y, x) * (frame + 2 * margin) - margin, 1 + BULGE
                gaps = _gaps(centre, room * support, centres[:n], room * supports[:n])
                fits = (gaps >= GAP).all() and chance <= density(centre)
            if fits and (np.abs(centre - frame / 2) <= frame / 2 + margin).all():
                cells.append(Cell(centre, axes, angle))
                centres[n], supports[n], short[n] = centre, support, axes[1]
                break
    return cells


def _axes(normal, k):
    """Long and short half-axis of an ellipse drawn around the wished diameter and eccentricity."""
    size, stretch = np.clip(normal[:2], -2, 2)
    radius = k.diameter / 2 * np.exp(k.size_spread * size)
    ratio = (1 - min(k.elongation * (1 + 0.12 * stretch), 0.95) ** 2) ** 0.25
    return np.array([radius / ratio, radius * ratio])


def _density(size, clustering, rng):
    """Function from a place (2,) to the chance, in (0, 1], that a nucleus may settle there."""
    waves, phases = rng.normal(0, 5 / max(size), (4, 2)), rng.uniform(0, 2 * np.pi, 4)
    return lambda place: 1 - clustering / (1 + np.exp(4 * np.cos(waves @ place + phases).sum()))


def _support(axes, angle):
    """Half-width (px) of an ellipse as seen along each of DIRECTIONS: (16,)."""
    return np.hypot(axes[0] * np.cos(ANGLES - angle), axes[1] * np.sin(ANGLES - angle))


def _gaps(centre, support, centres, supports):
    """Distance (px) of an ellipse from each of n others, negative where they overlap: (n,).

    Convex shapes are as far apart as the widest gap between their shadows (separating axes). Sixteen directions
    stand for all, so the answer may be a little too small, never too large.
    """
    return (np.abs((centres - centre) @ DIRECTIONS) - supports - support).max(axis=1)


def _beside(angle, reach):
    """Offset (2,) in a direction at which two ellipses just meet, whose half-widths sum up to ``reach`` (16,)."""
    direction = np.array([np.sin(angle), np.cos(angle)])
    return direction * np.min(reach / np.maximum(np.abs(direction @ DIRECTIONS), 1e-9))


# --------------------------------------------------------------------------------------- shapes: their outlines


def _shapes(cells, mitotic, size, k, rng):
    """For each cell its window (two slices) and its level there: 1 in the middle, 0 on the outline, less outside."""
    levels = []
    for cell, (condensed, plate) in zip(cells, mitotic, strict=True):
        shrunk = (0.75, 0.45) if plate else (0.7, 0.7)
        axes, irregularity = (cell.axes * shrunk, 0.8) if condensed else (cell.axes, k.irregularity)
        levels.append(_shape(cell, axes, size, irregularity, rng))
    return levels


def _shape(cell, axes, size, irregularity, rng):
    """An ellipse, bent, warped, tapered, flattened, dented and blistered: each nucleus in its own degree.

    Nothing leaves the ellipse enlarged by BULGE.
    """
    waves, phases = rng.normal(0, 1.9, (6, 2)), rng.uniform(0, 2 * np.pi, (2, 6))
    strength, bent, taper = irregularity * rng.uniform((0.2, 0, -0.25), (0.8, 1, 0.25)) ** (1, 3, 1)
    sides, flatness = rng.uniform(0, 2 * np.pi, 4), irregularity * rng.uniform(0.2, 1.1, 4)
    dents, widths = rng.uniform(0, 2 * np.pi, 5), rng.uniform(0.12, 0.4, 5)
    depths = 2 * rng.uniform(-0.9, 1, 5) ** 5  # most of them shallow; below 0 it is a blister
    window = _window(cell.centre, (1 + BULGE) * cell.axes[0], size)
    u, v = (offset / axis for offset, axis in zip(_turned(cell, window), axes, strict=True))
    room = (1 + BULGE) ** 2 - u**2 - v**2
    if irregularity and u.size:
        waving = u[..., None, None] * waves[:, 0] + v[..., None, None] * waves[:, 1] + phases  # (h, w, 2, 6)
        swing = np.cos(waving).sum(axis=-1)
        swing *= BULGE * strength / np.hypot(*np.moveaxis(swing, -1, 0)).max()
        u, v = u + swing[..., 0], v + swing[..., 1] + 2 * BULGE * bent * np.cos(np.pi * np.clip(u, -1, 1))
        v = v / (1 + taper * np.clip(u, -1, 1))
    # The fourth power, as squares of squares, which are faster: straight sides, round corners between them.
    norm = np.square(u**2 + v**2)
    for side, flat in zip(sides, flatness, strict=True):
        norm += np.square(np.maximum(flat * (u * np.cos(side) + v * np.sin(side)), 0) ** 2)
    level = 1 - np.sqrt(norm)
    for dent, width, depth in zip(dents, widths, 3 * irregularity * widths * depths, strict=True):
        level -= depth * np.exp(-((u - np.cos(dent)) ** 2 + (v - np.sin(dent)) ** 2) / (2 * width**2))
    return window, np.minimum(level, room)


def _window(centre, reach, size):
    """The part of the image (two slices) within ``reach`` pixels of a centre."""
    low, high = np.clip([centre - reach, centre + reach + 2], 0, size).astype(int)
    return slice(low[0], high[0]), slice(low[1], high[1])


def _turned(cell, window):
    """Offsets (px) of a window's pixels from a cell's centre, along and across its long axis."""
    y, x = np.mgrid[window] - cell.centre[:, None, None]
    sin, cos = np.sin(cell.angle), np.cos(cell.angle)
    return x * cos + y * sin, y * cos - x * sin


def _compete(levels, size):
    """Give each pixel to the nucleus that is deepest there.

    Returns labels int32 (H, W), i + 1 for the i-th cell, and seam float64 (H, W), which falls from 1 to 0 towards
    a neighbour that overlaps.
    """
    labels, best, second = np.zeros(size, np.int32), np.zeros(size), np.zeros(size)
    for number, (window, level) in enumerate(levels, 1):
        second[window] = np.maximum(second[window], np.minimum(best[window], level))
        labels[window][level > best[window]] = number
        best[window] = np.maximum(best[window], level)
    for number, (window, _) in enumerate(levels, 1):
        pieces, count = ndimage.label(labels[window] == number)
        if count > 1:  # a neighbour or a dent cut it: the largest piece stays, the others go dark
            largest = 1 + np.argmax(np.bincount(pieces.ravel())[1:])
            labels[window][(pieces > 0) & (pieces != largest)] = 0
    return labels, np.where(second > 0, np.minimum(1, (best - second) / 0.15), 1)


# ------------------------------------------------------------------------------ chromatin: the light they emit


def _stain(cells, condensed, levels, labels, seam, grains, k, rng):
    """Light of the nuclei, 1 for a typical one, in three planes from in focus to out of focus: (3, H, W).

    A nucleus holds the same amount of DNA whatever its size, so small ones tend to be brighter.
    """
    planes, (coarse, fine) = np.zeros((3, *labels.shape)), grains
    for number, (cell, bright, (window, level)) in enumerate(zip(cells, condensed, levels, strict=True), 1):
        smallness = np.log(k.diameter / 2) - np.log(cell.axes).mean()
        light = np.exp(k.brightness_spread * (rng.stain.standard_normal() + 2 * smallness))
        light *= 1 + bright * rng.stain.uniform(0.5, 2)
        dark, lit = _bumps(cell, window, 3, 0.2, rng.nucleoli), _bumps(cell, window, 12, 0.12, rng.spots)
        lit = k.spots * rng.spots.uniform(0.3, 1.7) * lit + k.irregularity * _crease(cell, window, rng.crease)
        grain = _mixed(coarse[window], fine[window], rng.stain)
        contrast = k.texture * np.exp(0.15 * rng.stain.standard_normal()) + 0.3 * bright
        light = light * np.exp(contrast * grain)
        light = light * np.clip(1 - k.nucleoli * dark + lit, 0, None)
        own, foreign = seam[window] + k.overlap * (1 - seam[window]), k.overlap * (labels[window] > 0)
        visible = np.where(labels[window] == number, own, foreign)
        depth = np.where(level > 0, np.maximum(level, 1e-9) ** k.dome, 0)
        planes[rng.focus.integers(3)][window] += light * visible * depth
    return planes


def _mixed(coarse, fine, rng):
    """Grain in the proportion of one nucleus: some are clouded, some are netted, some are the net's negative."""
    angle = rng.uniform(0.2, 0.45) * rng.choice((-np.pi, np.pi))
    return np.cos(angle) * coarse + np.sin(angle) * fine


def _bumps(cell, window, count, radius, rng):
    """Round bumps, of height 1 at most, inside a cell: about ``radius`` of its short half-axis wide, few or many."""
    distance, turn = 0.8 * np.sqrt(rng.random(count)), rng.uniform(0, 2 * np.pi, count)
    width = radius * cell.axes[1] * rng.uniform(0.5, 1.3, count) * rng.uniform(0.7, 1.4)
    height = rng.random(count) ** rng.uniform(0, 1.5)
    along, across = cell.axes[:, None] * distance * (np.cos(turn), np.sin(turn))
    sin, cos = np.sin(cell.angle), np.cos(cell.angle)
    centres = cell.centre + np.stack([along * sin + across * cos, along * cos - across * sin], axis=1)
    return np.minimum(_gaussians(window, centres, width, height), 1)


def _gaussians(window, centres, widths, heights):
    """Sum of n Gaussian spots over a window (two slices): centres (n, 2), widths (n,) px, heights (n,)."""
    y, x = (
        np.exp(-0.5 * ((np.arange(part.start, part.stop) - middle[:, None]) / widths[:, None]) ** 2)
        for part, middle in zip(window, centres.T, strict=True)
    )
    return (y * heights[:, None]).T @ x


def _crease(cell, window, rng):
    """A bright fold across a cell, height 0 in most cells, up to 0.5 in some."""
    angle, shift, bend, width, height = rng.uniform((0, -0.6, -0.9, 0.06, -1.5), (np.pi, 0.6, 0.9, 0.2, 0.5))
    if height < 0:
        return 0
    u, v = (offset / axis for offset, axis in zip(_turned(cell, window), cell.axes, strict=True))
    along, across = u * np.cos(angle) + v * np.sin(angle), v * np.cos(angle) - u * np.sin(angle)
    return height * np.exp(-(((across - shift - bend * along**2) / width) ** 2) - 3 * along**2)


def _chromatin(size, diameter, rng):
    """Mottle of mean 0 and standard deviation 1, coarse clouds and a fine net: two arrays (H, W)."""
    net = -np.abs(_noise(size, max(0.032 * diameter, 0.75), rng))  # threads around dark holes
    return _noise(size, 0.07 * diameter, rng), (net - net.mean()) / net.std()


def _noise(size, sigma, rng):
    """Smooth Gaussian noise of mean 0 and standard deviation 1."""
    noise = ndimage.gaussian_filter(rng.standard_normal(size), sigma, mode="wrap")
    return (noise - noise.mean()) / noise.std()


# ----------------------------------------------------------------------------------------------- what else glows


def _cytoplasm(cells, size, k, rng):
    """Faint cell bodies, around the nuclei and along them, and of neighbours whose nucleus does not show."""
    if not k.cytoplasm:
        return np.zeros(size)
    half = -(-size[0] // 2), -(-size[1] // 2)  # every other pixel will do: bodies are smooth
    mottle = 1 + 0.2 * _noise(half, 0.04 * k.diameter, rng) + 0.2 * _noise(half, 0.2 * k.diameter, rng)
    light = np.zeros(half)
    for cell in cells:
        near, away = cell.centre / 2, cell.centre / 2 + rng.normal(0, 2 * k.diameter, 2)
        for centre, share in (near, 1), (away, 0.6):
            bright, reach = rng.uniform((-0.6, 1), (1, 3.5)) * (share, k.diameter)
            if bright > 0:  # not every cell has a body that shows
                window = _window(centre, 1.1 * reach, half)
                light[window] += bright * _body(cell._replace(centre=centre), window, reach, rng)
    light = ndimage.zoom(np.maximum(mottle, 0) * light, 2, order=1)[: size[0], : size[1]]
    return k.cytoplasm * (0.1 + light)


def _body(cell, window, reach, rng):
    """Light, from 0 to 1, of a cell drawn out to two or three streaked arms, ``reach`` pixels long at most."""
    along, across = (offset / reach for offset in _turned(cell, window))
    light = 0.3 * np.exp(-(along**2 + across**2) / rng.uniform(0.01, 0.1))  # the haze around the nucleus
    arms = rng.normal((0, np.pi, np.pi / 2), (0.2, 0.2, 1))
    for arm in arms[: 2 + (rng.random() < 0.3)]:
        length, width, curve, fibre = rng.uniform((0.5, 0.1, -0.4, 40), (1, 0.45, 0.4, 120))
        forth, aside = along * np.cos(arm) + across * np.sin(arm), across * np.cos(arm) - along * np.sin(arm)
        taper, aside = np.clip(1 - forth / length, 0, 1), aside - curve * forth**2
        edge = np.square(aside / (width**2 * taper + 0.015))
        streaks = 1 + 0.3 * np.cos(fibre * aside) * np.cos(0.2 * fibre * forth)
        light = np.maximum(light, np.sqrt(taper) * streaks * np.clip(0.5 + forth / 0.2, 0, 1) * np.exp(-edge))
    place, radius, hollow = rng.normal(0, 0.15, 2), rng.uniform(0.04, 0.1), rng.random() < 0.3
    if hollow:  # a vacuole
        distance = ((along - place[0]) ** 2 + (across - place[1]) ** 2) / radius**2
        light *= 1 - 0.8 * np.exp(-(distance**2))
    return light


def _debris(cells, size, k, rng):
    """Specks: anywhere, strewn around the one before, or near a nucleus; ghosts and lumps far from focus."""
    count = rng.poisson(k.debris * np.prod(size) / 1e4)
    centres, crumbs = rng.random((count, 2)) * size, rng.normal(0, 0.3 * k.diameter, (count, 2))
    kinds, hosts, turns, large, bright = rng.random((5, count))
    for i in range(count):
        if kinds[i] < 0.4 and i:
            centres[i] = centres[i - 1] + crumbs[i]
        elif kinds[i] < 0.6:
            host = cells[int(hosts[i] * len(cells))]
            away = _beside(2 * np.pi * turns[i], (1.1 + 0.4 * large[i]) * _support(host.axes, host.angle))
            centres[i] = host.centre + away
    whole = slice(0, size[0]), slice(0, size[1])
    which = [kinds > 0.98, kinds > 0.94]  # lumps of which only the glow arrives, ghosts; the rest is sharp
    sharp = 0.5 + 0.1 * k.diameter * large**2
    widths = np.select(which, [40 + 50 * large, (0.15 + 0.2 * large) * k.diameter], sharp)
    heights = np.select(which, [0.25 * bright, 0.15 * bright], 0.1 + bright**3)
    return _gaussians(whole, centres, widths, heights)


# ------------------------------------------------------------------------------- illumination, optics, camera


def _illumination(size, k, rng):
    """Share of the light that arrives: 1 in the brightest place, 1 - illumination in the darkest: (H, W).

    The lamp's beam is a wide Gaussian spot that is not quite aligned.
    """
    y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in size), indexing="ij")
    centre, width = rng.uniform(-0.9, 0.9, 2), rng.uniform(0.6, 0.9)
    dark = 1 - np.exp(-((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / (2 * width**2))
    return 1 - k.illumination * (dark - dark.min()) / (dark.max() - dark.min())


def _optics(planes, k):
    """Blur each plane by its distance from focus, then move part of the light into a wide halo: (H, W)."""
    sigmas = np.hypot(k.blur, k.defocus * np.array([0, 0.4, 1]))
    sharp = sum(_blurred(plane, sigma) for plane, sigma in zip(planes, sigmas, strict=True))
    halo = 0.6 * _blurred(sharp, 5) + 0.4 * _blurred(sharp, 20) if k.haze else 0
    return (1 - k.haze) * sharp + k.haze * halo


def _blurred(light, sigma):
    return ndimage.gaussian_filter(light, sigma, mode="reflect", truncate=3) if sigma else light


def _camera(light, k, rng):
    """Photons arrive at random, reading them out adds noise, eight bits are left: (H, W) in [0, 1]."""
    if k.photons:
        light = rng.photons.poisson(light * k.photons) / k.photons
    pixels, rows = rng.read.standard_normal(light.shape), rng.read.standard_normal((len(light), 1))
    noise = np.sqrt(1 - ROW_NOISE**2) * pixels + ROW_NOISE * rows
    signal = TYPICAL * (1 - k.dimness) * light + k.read_noise * noise
    return np.round(255 * np.clip(_blurred(signal, k.smoothing), 0, 1)) / 255


# --------------------------------------------------------------------------------------------- small print


def _streams(seed):
    """One generator a name of STREAMS, each independent of the others."""
    children = np.random.SeedSequence(natural(seed)).spawn(len(STREAMS))
    return SimpleNamespace(**dict(zip(STREAMS, map(np.random.default_rng, children), strict=True)))


def _consecutive(labels):
    """The same labels numbered 1 … n without holes, in the same order."""
    present = np.bincount(labels.ravel()) > 0
    present[0] = False
    return (np.cumsum(present) * present).astype(np.int32)[labels]
