"""Mazes of canals: which water does the dye reach? Only a long winding way tells, and no straight line leads there.

Narrow canals between dikes, some of them closed by a gate that is a dike like any other, and one pixel with dye. Near
by, dyed water looks like any other; who wants to know must follow the canals, step by step, as a flood would
(lesson 02's components, lesson 03's flood). A distance as the crow flies tells little: neighbours on both sides of a
dike may be fifty steps apart.

Lesson 15 asks networks that take steps, and others, for the dyed water.
"""

from dataclasses import dataclass

import numpy as np

from course_utils.data.synthetic.sample import natural

WATER, DIKE, DYE = (0.12, 0.24, 0.38), (0.55, 0.50, 0.36), (0.85, 0.20, 0.25)
#: The seeds that the course uses.
MAZE_SEEDS = {"train": range(2000), "validation": range(100_000, 100_100), "test": range(200_000, 200_100)}


@dataclass(frozen=True)
class Maze:
    """A maze with its truth.

    ``image`` float64 (H, W, 3), multiples of 1/255 in [0, 1]; ``target`` int32 (H, W), 1 where the dye gets, 0
    elsewhere; ``water`` bool (H, W); ``steps`` int32 (H, W): how many pixels the way from the dye is long, along the
    water, 0 at the dye itself, −1 where it does not get.
    """

    image: np.ndarray
    target: np.ndarray
    water: np.ndarray
    steps: np.ndarray


def maze(seed=0, *, cells=7, gates=4, noise=0.03):
    """Generate a maze of canals, (2 · cells + 1) pixels each way.

    One long canal is dug from a first crossing to the next that is still dry, chosen by chance, and back where there
    is none: so all crossings are joined, each pair in one way. Then ``gates`` passages are closed.

    Parameters: seed, not negative; cells, crossings each way, 2 to 40; gates, 0 to 99, but fewer than crossings;
    noise, standard deviation of the camera's, 0 to 0.2. Returns: `Maze`. Raises ValueError or TypeError for others.
    """
    for name, value, low, high in (("cells", cells, 2, 40), ("gates", gates, 0, min(99, cells**2 - 1))):
        if not low <= value <= high or value != int(value):
            raise ValueError(f"{name} must be a whole number from {low} to {high}, not {value!r}")
    if not 0 <= noise <= 0.2:
        raise ValueError(f"noise must lie between 0 and 0.2, not {noise!r}")
    rng = np.random.default_rng(natural(seed))
    passages = _dug(cells, rng)
    water = np.zeros((2 * cells + 1, 2 * cells + 1), bool)
    water[1::2, 1::2] = True
    for row, column in rng.permutation(passages)[gates:]:
        water[row, column] = True
    start = tuple(1 + 2 * rng.integers(cells, size=2))
    steps = _flooded(water, start)
    scene = np.where(water[..., None], WATER, DIKE)
    scene[start] = DYE
    speckle = rng.standard_normal(scene.shape)
    image = np.round(255 * (scene + noise * speckle).clip(0, 1)) / 255
    return Maze(image, (steps >= 0).astype(np.int32), water, steps)


def _dug(cells, rng):
    """The pixels (row, column) of the passages between crossings, an array (cells² − 1, 2)."""
    here = tuple(rng.integers(cells, size=2))
    dug, way, passages = {here}, [here], []
    while way:
        row, column = way[-1]
        around = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
        dry = [place for place in around if place not in dug and min(place) >= 0 and max(place) < cells]
        if not dry:
            way.pop()
            continue
        there = dry[rng.integers(len(dry))]
        passages.append((row + there[0] + 1, column + there[1] + 1))  # the pixel half way
        dug.add(there)
        way.append(there)
    return np.array(passages)


def _flooded(water, start):
    """Steps from the start to each pixel along the water, int32 (H, W), −1 where there is no way."""
    steps = np.full(water.shape, -1, np.int32)
    front, steps[start] = [start], 0
    while front:
        reached = []
        for row, column in front:
            for place in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
                if water[place] and steps[place] < 0:  # a dike runs round the picture
                    steps[place] = steps[row, column] + 1
                    reached.append(place)
        front = reached
    return steps
