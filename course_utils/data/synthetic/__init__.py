"""Generated pictures with exact truth: each generator defeats the easy method for a reason of its own.

=============== ============================================================= =========
``microscope``  ``nuclei``, ``specimen``: crowded, blurred, unevenly lit cells 02, 03, 10
``textures``    ``mosaics``: real textures of the same grey histogram         07
``streets``     ``town``: streets where no colour belongs to one thing        07, 09 …
``beacons``     ``beacon``: what a thing is, only a far-away light tells      11, 12, 15
``canals``      ``canals``: a bend that a cloud hides, so nobody can know     14
``collages``    ``collage``: nothing in particular, to learn seeing from      16
``mazes``       ``maze``: which water is joined, only its winding way tells   15
=============== ============================================================= =========
"""

from course_utils.data.synthetic.beacons import (
    BEACON_CLASSES,
    BEACON_KNOBS,
    BEACON_SEEDS,
    beacon,
    beacon_levels,
    blob_accuracy,
)
from course_utils.data.synthetic.canals import CANAL_KNOBS, CANAL_SEEDS, Canals, canals
from course_utils.data.synthetic.collages import (
    COLLAGE_SEEDS,
    COLOURS,
    GRAINLESS,
    GRAINS,
    MATERIALS,
    SHAPES,
    Collage,
    collage,
)
from course_utils.data.synthetic.mazes import MAZE_SEEDS, Maze, maze
from course_utils.data.synthetic.microscope import KINDS, KNOBS, nuclei, specimen
from course_utils.data.synthetic.sample import Sample
from course_utils.data.synthetic.streets import TOWN_CLASSES, TOWN_KNOBS, TOWN_SEEDS, town
from course_utils.data.synthetic.textures import MOSAIC_KNOBS, MOSAIC_SEEDS, TEXTURES, mosaics

__all__ = [
    "BEACON_CLASSES",
    "BEACON_KNOBS",
    "BEACON_SEEDS",
    "CANAL_KNOBS",
    "CANAL_SEEDS",
    "COLLAGE_SEEDS",
    "COLOURS",
    "GRAINLESS",
    "GRAINS",
    "KINDS",
    "KNOBS",
    "MATERIALS",
    "MAZE_SEEDS",
    "MOSAIC_KNOBS",
    "MOSAIC_SEEDS",
    "SHAPES",
    "TEXTURES",
    "TOWN_CLASSES",
    "TOWN_KNOBS",
    "TOWN_SEEDS",
    "Canals",
    "Collage",
    "Maze",
    "Sample",
    "beacon",
    "beacon_levels",
    "blob_accuracy",
    "canals",
    "collage",
    "maze",
    "mosaics",
    "nuclei",
    "specimen",
    "town",
]
