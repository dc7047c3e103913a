"""Races of ``course_utils.classic.graphs`` against scikit-image.

The image is that of the suite ``classic``: blobs some ten pixels wide, with grain. The seeds of the random walker are
short strokes in bright and in dark blobs. All answers are compared by what they are worth, not bit by bit: the
parameters mean the same, the arithmetic does not round the same.
"""

import warnings
from functools import cache

import numpy as np
from skimage import graph, segmentation

from benchmarks.classic import texture
from benchmarks.race import Race
from course_utils.classic import graphs

SIZES = (0.1, 0.4, 1)  # megapixels: what scikit-image's random walker can bear
BETA = 4.0


def races():
    """All races of this suite, list of Race."""
    return [
        Race(
            "Felzenszwalb–Huttenlocher, grey",
            lambda megapixels: (image(megapixels),),
            {
                "course": lambda i: graphs.felzenszwalb(i, 1.0, 0.8, 20),
                "scikit-image": lambda i: segmentation.felzenszwalb(i, 255, 0.8, 20, channel_axis=None),
            },
            nearly_the_same_partition,
            sizes=(0.5, 2, 4),
        ),
        Race(
            "Felzenszwalb–Huttenlocher, colour",
            lambda megapixels: (
                np.stack([image(megapixels), image(megapixels).T, image(megapixels)[::-1]], -1),
            ),
            {
                "course": lambda i: graphs.felzenszwalb(i, 1.0, 0.8, 20),
                "scikit-image": lambda i: segmentation.felzenszwalb(i, 255, 0.8, 20),
            },
            nearly_the_same_partition,
            sizes=(0.5, 2, 4),
        ),
        Race(
            "random walker, two labels",
            strokes,
            {"course": walk, **their_walks()},
            mostly_the_same_labels,
            "scikit-image stops at a residual of 10⁻³, its default; ours at 10⁻⁵, which costs about twice the steps. "
            "Its multigrid takes part where pyamg is installed.",
        ),
        Race(
            "normalised cut of a region graph",
            superpixels,
            {"course": our_cut, "scikit-image": their_cut},
            cuts_of_equal_worth,
            "From image and superpixels to labels, the graph included.",
            sizes=(0.02, 0.05, 0.1),
        ),
    ]


@cache
def image(megapixels):
    """float64 image in [0, 1]."""
    return texture(megapixels) / 255


def strokes(megapixels):
    """(image, seeds): short strokes every thirty pixels, 1 where dark and 2 where bright."""
    values = image(megapixels)
    seeds = np.zeros(values.shape, np.int32)
    for y in range(10, len(values) - 10, 30):
        for x in range(10, values.shape[1] - 10, 30):
            window = values[y : y + 6, x : x + 6].mean()
            if abs(window - 0.5) > 0.06:
                seeds[y : y + 6, x : x + 6] = 1 + (window > 0.5)
    return values, seeds


def walk(values, seeds):
    return graphs.random_walker(values, seeds, BETA)


def their_walks():
    """scikit-image's solvers: Jacobi, and multigrid where pyamg is installed."""

    def call(mode):
        def entrant(values, seeds):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return segmentation.random_walker(values, seeds, 10 * BETA / values.std(), mode)

        return entrant

    walks = {"scikit-image": call("cg_j")}
    try:
        import pyamg  # noqa: F401
    except ModuleNotFoundError:
        return walks
    return walks | {"scikit-image, multigrid": call("cg_mg")}


def superpixels(megapixels):
    """(image, labels 1 … n, their mean difference squared)."""
    values = image(megapixels)
    return values, graphs.felzenszwalb(values, 0.1, 0.8, 20)


def our_cut(values, labels):
    cut = graphs.recursive_cut(graphs.region_affinity(values, labels, 0.02), 0.1)
    return values, labels, cut[labels - 1]


def their_cut(values, labels):
    rag = graph.rag_mean_color(np.stack([values] * 3, -1), labels, mode="similarity", sigma=0.06)
    return values, labels, graph.cut_normalized(labels, rag, thresh=0.1, rng=0)


def cuts_of_equal_worth(answers):
    """Both stop by the same limit; which parts that leaves, and how many, depends on the first cuts.

    So the k-way values differ either way (0.078 : 0.061 a part at 0.02 megapixels, 0.103 : 0.162 at 0.05).
    """
    worth = {}
    for name, (values, labels, cut) in answers.items():
        parts = np.zeros(labels.max(), np.int64)
        parts[labels - 1] = cut
        value = graphs.ncut_value(graphs.region_affinity(values, labels, 0.02), parts)
        worth[name] = value / np.unique(parts).size
    assert worth["course"] <= 1.5 * worth["scikit-image"], worth  # cut over volume, of the mean part


def nearly_the_same_partition(answers):
    """Ours has float32 weights: regions may differ where two edges are equal to seven digits."""
    counts = {name: np.unique(labels).size for name, labels in answers.items()}
    assert max(counts.values()) <= 1.01 * min(counts.values()), counts


def mostly_the_same_labels(answers):
    for name, labels in answers.items():
        differing = np.mean(labels != answers["course"])
        assert differing < 0.05, f"{name} differs in {differing:.1%} of the pixels"
