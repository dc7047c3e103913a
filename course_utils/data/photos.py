"""Real photographs, with ground truth drawn as outlines, object by object.

The photographs are those that scikit-image carries inside its package: their files are read where they
lie, nothing is downloaded. The ground truth is this project's own, ``data/annotations/PHOTO.ANNOTATOR.json``::

    {"photo": "coins", "width": 384, "height": 303, "annotator": "A", "drawn": "2026-11-22",
     "objects": [{"name": "coin 1", "class": "coin", "rings": [[[x, y], [x, y], ...], ...]}, ...]}

*Coordinates.* ``x`` counts columns and ``y`` rows, and the **centre of a pixel is at whole numbers**, as in
``matplotlib.pyplot.imshow``: the photograph covers -0.5 <= x <= width - 0.5, -0.5 <= y <= height - 0.5.

*Rings.* A ring is a closed polygon, first vertex not repeated. The rings of an object are read by the
even-odd rule, so a ring inside a ring is a hole and two rings apart are two visible parts of one object.

*Raster.* A pixel belongs to an object when its centre lies inside; a centre exactly on the outline belongs
to it when the inside is to its right (or, on a level edge, below). Objects are numbered 1, 2, … in the order
of the file, and a later object covers an earlier one.

Annotator "A" drew every photograph of `names`; "B" drew some of them again without having seen A's lines.
How each was drawn, and under what licence, stands in ``data/README.md``.
"""

import json
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from course_utils import paths


class Origin(NamedTuple):
    """Where a photograph comes from: its file inside scikit-image, who took it, and its licence."""

    file: str
    source: str
    licence: str


CATALOGUE = {
    "astronaut": Origin("astronaut.png", "Eileen Collins, NASA Great Images database", "public domain"),
    "brick": Origin("brick.png", "CC0Textures, Bricks25", "CC0"),
    "camera": Origin("camera.png", "Camera man, by Lav Varshney", "CC0"),
    "cell": Origin("cell.png", "Cell in saline, quantitative phase, by Paul Müller and others", "CC0"),
    "chelsea": Origin("chelsea.png", "Chelsea the cat, by Stefan van der Walt", "CC0"),
    "clock": Origin("clock_motion.png", "Wall clock, by Stefan van der Walt", "public domain"),
    "coffee": Origin("coffee.png", "Pikolo Espresso Bar, by Rachel Michetti", "CC0"),
    "coins": Origin("coins.png", "Greek coins from Pompeii, Brooklyn Museum", "no known restrictions"),
    "grass": Origin("grass.png", "Grass 01, by linolafett on DeviantArt", "CC0"),
    "gravel": Origin("gravel.png", "CC0Textures, Gravel04", "CC0"),
    "horse": Origin("horse.png", "Silhouette, by Andreas Preuss on openclipart", "CC0"),
    "hubble": Origin("hubble_deep_field.jpg", "Hubble eXtreme Deep Field, NASA", "public domain"),
    "immunohistochemistry": Origin(
        "ihc.png", "Colonic glands, Center for Microscopy and Molecular Imaging", "no known restrictions"
    ),
    "microaneurysms": Origin("microaneurysms.png", "HRF image database, by Andreas Maier", "CC0"),
    "moon": Origin("moon.png", "Surface of the Moon", "none stated by scikit-image"),
    "motorcycle": Origin(
        "motorcycle_left.png", "Middlebury stereo 2014, Scharstein and others", "none stated by scikit-image"
    ),
    "page": Origin("page.png", "Scanned page", "none stated by scikit-image"),
    "retina": Origin("retina.jpg", "Fundus of a left eye, by Mikael Häggström", "CC0"),
    "rocket": Origin("rocket.jpg", "DSCOVR on Falcon 9, SpaceX", "public domain"),
    "text": Origin("text.png", "Corner.png, Wikipedia", "public domain"),
}


class Outline(NamedTuple):
    """One drawn object: its name, its class, and its rings, a tuple of float64 (n, 2) arrays of (x, y)."""

    name: str
    kind: str
    rings: tuple


@dataclass(frozen=True, eq=False)
class Photo:
    """A photograph and its ground truth.

    ``image`` float64 (H, W) or (H, W, 3) in [0, 1]; ``labels`` int32 (H, W), 0 background, ``i + 1`` for
    ``objects[i]``; ``objects`` and ``classes``, one string per object; ``source`` and ``licence`` of the
    photograph. All arrays are your own copies.
    """

    name: str
    image: np.ndarray = field(repr=False)
    labels: np.ndarray = field(repr=False)
    objects: tuple
    classes: tuple
    source: str
    licence: str

    @property
    def mask(self):
        """Bool (H, W), True on every drawn object."""
        return self.labels > 0

    def object(self, name):
        """Bool (H, W) mask of one object, or of all objects of one class."""
        hits = [
            i
            for i, known in enumerate(zip(self.objects, self.classes, strict=True), start=1)
            if name in known
        ]
        if not hits:
            known = ", ".join(dict.fromkeys([*self.objects, *self.classes]))
            raise ValueError(f"{self.name} has no object or class called {name!r}; it has {known}")
        return np.isin(self.labels, hits)


def names(annotator="A"):
    """Sorted tuple of the photographs that the annotator has drawn."""
    return tuple(sorted(path.name.split(".")[0] for path in _annotations().glob(f"*.{annotator}.json")))


def load(name):
    """The photograph ``name`` with its ground truth, as a `Photo`. ValueError lists the names there are."""
    drawn = outlines(name)
    origin = CATALOGUE[name]
    return Photo(
        name=name,
        image=image(name),
        labels=_labels(name, "A").copy(),
        objects=tuple(outline.name for outline in drawn),
        classes=tuple(outline.kind for outline in drawn),
        source=origin.source,
        licence=origin.licence,
    )


def image(name):
    """Any photograph of `CATALOGUE`, drawn or not: float64 (H, W) or (H, W, 3) in [0, 1], a fresh array."""
    return _pixels(name) / 255.0


def file(name):
    """Path of a photograph of `CATALOGUE` inside the scikit-image package.

    Raises ValueError, with the list of names, for an unknown one; FileNotFoundError where the installed
    scikit-image does not carry the file.
    """
    if name not in CATALOGUE:
        raise ValueError(f"There is no photograph called {name!r}; choose from {', '.join(CATALOGUE)}.")
    # find_spec instead of importing skimage: reading one file does not need the library.
    path = Path(find_spec("skimage").submodule_search_locations[0]) / "data" / CATALOGUE[name].file
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing: the installed scikit-image does not carry the photograph {name!r}. "
            "`course doctor` names the version that the course asks for."
        )
    return path


def second(name):
    """The labels of the other annotator: int32 (H, W), with the numbers of ``load(name).labels``.

    An object keeps its number in both drawings; one that annotator B did not draw is background here.
    Raises ValueError, with the list of names, where there is no second drawing.
    """
    return _labels(name, "B").copy()


def outlines(name, annotator="A"):
    """What an annotator drew on a photograph, as a tuple of `Outline` in the order of the file."""
    return _read(name, annotator)


def rasterise(rings, shape):
    """Bool mask of ``shape`` (H, W): the pixels whose centre is inside the rings, by the even-odd rule.

    Walking along a row one enters or leaves the region at every edge that is crossed. So each edge toggles,
    in each row that it spans, the first pixel at or after the crossing; a running sum along the row is then
    odd inside. Rows are half open (``low <= y < high``), which counts a shared vertex once.
    O(height of the edges + pixels).
    """
    height, width = shape
    toggles = np.zeros((height, width + 1), np.int32)
    for ring in rings:
        start = np.asarray(ring, float)
        end = np.roll(start, -1, axis=0)
        first = np.clip(np.ceil(np.minimum(start[:, 1], end[:, 1])), 0, height).astype(int)
        stop = np.clip(np.ceil(np.maximum(start[:, 1], end[:, 1])), 0, height).astype(int)
        rows = stop - first  # that each edge spans
        edge = np.repeat(np.arange(len(start)), rows)
        row = np.arange(len(edge)) + np.repeat(stop - np.cumsum(rows), rows)
        (x0, y0), (x1, y1) = start[edge].T, end[edge].T
        crossing = x0 + (row - y0) * (x1 - x0) / (y1 - y0)
        np.add.at(toggles, (row, np.clip(np.ceil(crossing), 0, width).astype(int)), 1)
    return np.cumsum(toggles[:, :width], axis=1) % 2 == 1


def _annotations():
    return paths.bundled("data") / "annotations"


@cache
def _pixels(name):
    """uint8 (H, W) or (H, W, 3), read-only: an eighth of the float image, so all of them may stay."""
    with Image.open(file(name)) as picture:
        if picture.mode == "RGBA":  # the horse is drawn in black on nothing: put white paper under it
            paper = Image.new("RGBA", picture.size, "white")
            picture = Image.alpha_composite(paper, picture).convert("L")
        pixels = np.array(picture)
    pixels.flags.writeable = False
    return pixels


@cache
def _read(name, annotator):
    if name not in names(annotator):
        what = "annotated photograph" if annotator == "A" else "photograph with a second drawing"
        hint = " Without ground truth it can be had from photos.image." if name in CATALOGUE else ""
        raise ValueError(f"{name!r} is no {what}; choose from {', '.join(names(annotator))}.{hint}")
    source = _annotations() / f"{name}.{annotator}.json"
    drawn = json.loads(source.read_text(encoding="utf-8"))
    if (drawn["height"], drawn["width"]) != _pixels(name).shape[:2]:
        raise ValueError(
            f"{source} was drawn on a photograph of another size than {_pixels(name).shape[:2]}."
        )
    return tuple(
        Outline(item["name"], item["class"], tuple(_ring(ring) for ring in item["rings"]))
        for item in drawn["objects"]
    )


def _ring(vertices):
    ring = np.array(vertices, float)
    ring.flags.writeable = False
    return ring


@cache
def _labels(name, annotator):
    drawn = outlines(name, annotator)
    number = {outline.name: i for i, outline in enumerate(outlines(name), start=1)}
    labels = np.zeros(_pixels(name).shape[:2], np.int32)
    for outline in drawn:
        labels[rasterise(outline.rings, labels.shape)] = number[outline.name]
    labels.flags.writeable = False
    return labels
