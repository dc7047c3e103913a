"""Races of ``course_utils.classic.snakes`` and ``level_sets`` against scikit-image.

All take the same number of steps from the same start. The image is smooth noise, so that there are outlines all over
it; the snake's is a blurred disk, with as many points as its circle has pixels.
"""

from functools import cache

import numpy as np
from scipy import ndimage
from skimage import segmentation

from benchmarks.race import Race, side
from course_utils.classic import level_sets, snakes

SIZES = (0.25, 1, 4)  # megapixels
STEPS = 20  # even, so that scikit-image's alternation of smoothers is where it was when the call is over
SNAKE_STEPS = 200


@cache
def texture(megapixels):
    """float64 image from 0 to 1: blobs some ten pixels wide."""
    values = ndimage.gaussian_filter(np.random.default_rng(0).random((side(megapixels),) * 2), 4)
    return (values - values.min()) / np.ptp(values)


@cache
def speed(megapixels):
    """The edge map of the texture."""
    return level_sets.edge_stopping(texture(megapixels), sigma=2)


@cache
def disk(megapixels):
    """(landscape with a valley along a circle, points outside it)."""
    size = side(megapixels)
    image = ndimage.gaussian_filter(level_sets.disk_mask((size, size)).astype(float), 4)
    radius = 3 / 8 * size
    return snakes.edge_energy(image), snakes.circle((size // 2,) * 2, radius + 3, round(2 * np.pi * radius))


def races():
    """All races of this suite, list of Race."""
    return [_snake(), *_level_sets(), _edge_stopping()]


def _snake():
    def close(answers):
        worst = np.abs(answers["course"] - answers["scikit-image"]).max()
        assert worst < 0.1, f"the contours are {worst:g} pixels apart"

    return Race(
        f"snake, {SNAKE_STEPS} steps",
        disk,
        {
            "course": lambda energy, start: snakes.snake(
                start, energy, alpha=0.01, beta=0.1, step=1, steps=SNAKE_STEPS, tolerance=0
            ),
            "scikit-image": lambda energy, start: segmentation.active_contour(
                -energy,
                start,
                alpha=0.01,
                beta=0.1,
                w_line=1,
                w_edge=0,
                gamma=1,
                max_num_iter=SNAKE_STEPS,
                convergence=-1,
            ),
        },
        close,
        "scikit-image inverts the dense matrix and multiplies by it, O(n³) and O(n²); the course solves five "
        "diagonals. It records the contour and the energy of every step, too.",
    )


def _level_sets():
    def same(answers):
        ours, theirs = answers["course"], answers["scikit-image"]
        assert np.array_equal(ours, theirs), f"{np.count_nonzero(ours != theirs)} pixels differ"

    def nearly(answers):  # the sums that make the means are taken in another order
        differ = np.mean(answers["course"] != answers["scikit-image"])
        assert differ < 1e-4, f"{differ:.2%} of the pixels differ"

    return [
        Race(
            f"Chan–Vese, {STEPS} steps",
            lambda megapixels: (texture(megapixels),),
            {
                "course": lambda i: level_sets.chan_vese(i, steps=STEPS, tolerance=0).mask,
                "scikit-image": lambda i: segmentation.chan_vese(i, tol=-1, max_num_iter=STEPS),
            },
            nearly,
            "Both measure the energy at each step.",
        ),
        Race(
            f"morphological Chan–Vese, {STEPS} steps",
            lambda megapixels: (texture(megapixels),),
            {
                "course": lambda i: level_sets.morphological_chan_vese(i, steps=STEPS),
                "scikit-image": lambda i: segmentation.morphological_chan_vese(i, STEPS),
            },
            nearly,
        ),
        Race(
            f"morphological geodesic contour, {STEPS} steps",
            lambda megapixels: (speed(megapixels),),
            {
                "course": lambda g: level_sets.morphological_geodesic(g, steps=STEPS, balloon=-1),
                "scikit-image": lambda g: segmentation.morphological_geodesic_active_contour(
                    g, STEPS, balloon=-1
                ),
            },
            same,
        ),
    ]


def _edge_stopping():
    def close(answers):
        worst = np.abs(answers["course"] - answers["scikit-image"]).max()
        assert worst < 1e-9, f"off by {worst:g}"

    return Race(
        "edge map, σ = 5",
        lambda megapixels: (texture(megapixels),),
        {"course": level_sets.edge_stopping, "scikit-image": segmentation.inverse_gaussian_gradient},
        close,
    )
