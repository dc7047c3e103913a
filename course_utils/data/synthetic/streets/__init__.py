"""Street scenes by day and night, generated, with the exact class of every pixel.

*A colour is not a thing.* A grey wall, a grey road and a grey sky share their colours, a window shows the sky, a red
car stands before red bricks, a green one under a tree; at night all turn orange. People need no second look, because
they know where roads lie and how cars stand on them; a method that sees a pixel and its neighbours does not.

The street is built in metres and looked at through a camera: one ray through the middle of each quarter of a pixel,
the nearest surface wins, its colour follows from its material and from the light that reaches it.

======== ============================================== =============================================
stage    modules                                        knobs
======== ============================================== =============================================
plan     ``plan`` (what stands where)                   ``traffic people trees poles``
light    ``light`` (sun, sky, lamps, shadows)           ``night sunshine``
surfaces ``ground houses cars upright``
view     ``view`` (which ray meets what)
camera   ``camera`` (rain on the ground, lens, sensor)  ``wet haze vignetting blur noise compression``
======== ============================================== =============================================

Each thing draws from a random stream of its own, so turning one knob leaves the others as they were: night falls on
the same street, and more traffic keeps the cars there were.

Lesson 07 ends the classics on these streets; the networks from lesson 09 on learn them.
"""

from types import SimpleNamespace

import numpy as np

from course_utils.data.synthetic.sample import Sample, checked, frame, natural
from course_utils.data.synthetic.streets.camera import photograph, rain
from course_utils.data.synthetic.streets.cars import draw_car
from course_utils.data.synthetic.streets.ground import draw_ground, draw_sky
from course_utils.data.synthetic.streets.houses import draw_house
from course_utils.data.synthetic.streets.light import Light
from course_utils.data.synthetic.streets.plan import lay_out
from course_utils.data.synthetic.streets.upright import draw_person, draw_pole, draw_tree
from course_utils.data.synthetic.streets.view import TOWN_CLASSES, Canvas, Grain, View

__all__ = ["TOWN_CLASSES", "TOWN_KNOBS", "TOWN_SEEDS", "town"]

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
    view = View(frame(size), rng.view)

    street = lay_out(k, view, rng)
    light = Light(street, k, rng.lamps)
    grain = Grain(rng.grain)
    canvas = Canvas(view)
    # Things first, what lies behind them afterwards: less is drawn that is then hidden.
    for car in street.cars:
        draw_car(canvas, view, car, light)
    for person in street.people:
        draw_person(canvas, view, person, light)
    for pole in street.poles:
        draw_pole(canvas, view, pole, light)
    for tree in street.trees:
        draw_tree(canvas, view, tree, light, grain)
    for house in street.houses:
        draw_house(canvas, view, house, light, grain)
    draw_ground(canvas, view, street, light, grain)
    draw_sky(canvas, view, light, rng.clouds)
    rain(canvas, view, k.wet)
    return Sample(photograph(canvas, view, light, k, rng.noise), canvas.majority())


def _streams(seed):
    """One generator a name of STREAMS, each independent of the others."""
    children = np.random.SeedSequence(natural(seed)).spawn(len(STREAMS))
    return SimpleNamespace(**dict(zip(STREAMS, map(np.random.default_rng, children), strict=True)))
