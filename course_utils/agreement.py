"""How well do two annotators agree who outlined the same photographs without seeing each other's lines?

Their agreement is the ceiling of every score in the course: a method that scores higher against annotator A
than annotator B does has learned A's habits, not the object. Each doubly drawn object is compared by its
visible pixels, A in the role of the truth. The record in ``data/results/annotators.csv`` is written by ::

    python -m course_utils.agreement

and a test recomputes it. Lesson 01 teaches with it.
"""

import csv
from typing import NamedTuple

import numpy as np

from course_utils import metrics, paths
from course_utils.data import photos


class Agreement(NamedTuple):
    """One object drawn twice.

    ``iou`` of the two masks; ``boundary_f`` of their boundaries at 2 pixels; ``distance``, the mean
    distance in pixels from the boundary pixels of each drawing to the other's boundary. Four decimals.
    """

    photo: str
    object: str
    iou: float
    boundary_f: float
    distance: float


def measure():
    """Compare all doubly drawn objects anew: a list of `Agreement`, by photograph, in A's order of objects."""
    return [row for name in photos.names("B") for row in _compare(name)]


def recorded():
    """The same list, read from the file that the course ships."""
    with open(_record(), encoding="utf-8", newline="") as file:
        return [
            Agreement(row["photo"], row["object"], *(float(row[key]) for key in Agreement._fields[2:]))
            for row in csv.DictReader(file)
        ]


def boundary_distance(target, prediction):
    """Mean distance, in pixels, from each boundary pixel of one mask to the nearest of the other.

    Averaged over the boundary pixels of both masks, bool (H, W): symmetric, 0.0 when the boundaries
    coincide. Unlike the Hausdorff distance no single pixel decides it. ValueError when a mask has no boundary,
    because it is empty or full.
    """
    from scipy.ndimage import distance_transform_edt  # here, because importing scipy takes a while

    a, b = metrics.boundary(target), metrics.boundary(prediction)
    if not a.any() or not b.any():
        raise ValueError("An empty or a full mask has no boundary to measure a distance from.")
    return float(np.concatenate([distance_transform_edt(~b)[a], distance_transform_edt(~a)[b]]).mean())


def _compare(name):
    first, second = photos.load(name), photos.second(name)
    drawn_twice = {outline.name for outline in photos.outlines(name, "B")}
    for number, known in enumerate(first.objects, start=1):
        if known in drawn_twice:
            a, b = first.labels == number, second == number
            scores = metrics.mask_iou(a, b), metrics.boundary_f(a, b, 2.0), boundary_distance(a, b)
            yield Agreement(name, known, *(round(score, 4) for score in scores))


def _record():
    return paths.bundled("data") / "results" / "annotators.csv"


def _write():
    with open(_record(), "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Agreement._fields)
        writer.writerows(measure())


if __name__ == "__main__":
    _write()
