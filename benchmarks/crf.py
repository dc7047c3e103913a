"""Races of the Gaussian filter behind the dense CRF against the sum over all pairs of pixels.

The image is that of the suite ``classic``, in three colours; the features are place and colour, with the deviations
that are usual for photographs. Nobody waits for all pairs on a photograph: they sit out the larger sizes, and the
growth of both is what the race is about. The answers, scaled by the sums of their rows, differ by what the lattice
leaves out.
"""

from functools import cache

import numpy as np
import torch

from benchmarks.classic import texture
from benchmarks.race import Race
from course_utils.models.crf import GaussianFilter, features

SIZES = (0.002, 0.008, 0.03, 0.12, 0.5)  # megapixels
THREADS = (1,)  # the lattice is on one
CLASSES = 8
PIECE = 256  # pixels whose pairs are computed at a time


def races():
    """All races of this suite, list of Race."""
    note = (
        "From features to answer, the lattice included. A larger image is a larger piece of texture, with the same "
        "deviations of place and colour. Every pair sits out where a call would take more than eight seconds."
    )
    return [
        Race(
            f"Gaussian filter, place and colour, {CLASSES} values",
            task,
            {"course": by_lattice, "every pair": by_pairs},
            alike,
            note,
            sizes=SIZES,
        ),
    ]


@cache
def task(megapixels):
    """(features float64 (n, 5), values float32 (n, CLASSES)); the first are grey, the last are 1."""
    grey = texture(megapixels) / 255
    image = np.stack([grey, grey[::-1], grey[:, ::-1]], axis=-1)
    values = np.random.default_rng(0).random((grey.size, CLASSES), np.float32)
    values[:, 0], values[:, -1] = grey.ravel(), 1
    return features(image, 40.0, 0.06), values


def by_lattice(points, values):
    return GaussianFilter(points).apply(values)


def by_pairs(points, values):
    """A few rows of the matrix at a time, so that it never has to be held."""
    points, values = torch.from_numpy(points).float(), torch.from_numpy(values)
    squares = points.square().sum(dim=1)
    result = torch.empty_like(values)
    for start in range(0, len(points), PIECE):
        rows = slice(start, start + PIECE)
        apart = squares[rows, None] + squares - 2 * points[rows] @ points.T
        result[rows] = (-0.5 * apart.clamp(min=0)).exp() @ values
    return result.numpy()


def alike(answers):
    """The mean grey around each pixel, the sum over the weights', is the same to a hundredth, on average."""
    if len(answers) == 2:
        ours, exact = (answer[:, 0] / answer[:, -1] for answer in answers.values())
        assert np.abs(ours - exact).mean() < 0.01, np.abs(ours - exact).mean()
