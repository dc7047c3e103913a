"""Races of k-means, mixtures, mean shift and superpixels against scikit-learn, OpenCV and scikit-image.

The image is made of patches of a few colours with grain. Where an answer depends on the start, all entrants get the
same; where they stop by rules of their own, what they reach is compared: inertia, likelihood, density, score.
"""

import warnings
from functools import cache, partial

import cv2
import numpy as np
from scipy import ndimage
from skimage import segmentation
from sklearn.cluster import KMeans, MeanShift
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from benchmarks.race import Race, side
from course_utils.classic import clustering, mixtures

K = 8
STEPS = 10
SPATIAL, COLOUR = 8, 25.0  # bandwidths, pixels and grey levels


def races():
    """All races of this suite, list of Race."""
    return [*_k_means(), _mixture(), *_filters(), _points(), _superpixels()]


@cache
def patches(megapixels):
    """uint8 (H, W, 3): twelve colours in patches some thirty pixels wide, with grain."""
    rng = np.random.default_rng(0)
    shape = (side(megapixels),) * 2
    fields = [ndimage.gaussian_filter(rng.random(shape, np.float32), 12, truncate=3) for _ in range(12)]
    colours = rng.uniform(40, 215, (12, 3)).astype(np.float32)
    clean = colours[np.argmax(fields, axis=0)]
    return np.clip(clean + 8 * rng.standard_normal(clean.shape, np.float32), 0, 255).astype(np.uint8)


def _image(megapixels):
    return (patches(megapixels),)


def _vectors(dtype, megapixels):
    """(points (n, 3), first centres (K, 3), the labels by these), values in [0, 1]."""
    points = patches(megapixels).reshape(-1, 3) / np.array(255, dtype)
    centres = mixtures.k_means_plus_plus(points, K).astype(dtype)
    return points, centres, mixtures.k_means(points, K, start=centres, steps=1).labels


def _k_means():
    def ours(points, centres, labels):
        return mixtures.k_means(points, K, start=centres, steps=STEPS + 1).history[-1]

    def scikit_learn(points, centres, labels):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return KMeans(K, init=centres, n_init=1, max_iter=STEPS, tol=0).fit(points).inertia_

    def opencv(points, centres, labels):  # starts from labels, and changes them
        criteria = (cv2.TERM_CRITERIA_COUNT, STEPS, 0)
        return cv2.kmeans(points, K, labels.copy(), criteria, 1, cv2.KMEANS_USE_INITIAL_LABELS)[0]

    def same_inertia(answers):
        first = answers["course"]
        for name, inertia in answers.items():
            assert abs(inertia - first) < 0.01 * first, f"{name}: {inertia:g} instead of {first:g}"

    races = []
    for dtype in ("float32", "float64"):
        entrants = {"course": ours, "scikit-learn": scikit_learn}
        if dtype == "float32":  # OpenCV has no other
            entrants["OpenCV"] = opencv
        name = f"k-means, k = {K}, {STEPS} steps, {dtype}"
        races.append(Race(name, partial(_vectors, dtype), entrants, same_inertia, sizes=(0.25, 1, 4)))
    return races


def _mixture():
    def make(megapixels):
        points, _, labels = _vectors("float64", megapixels)
        points = points + np.random.default_rng(1).normal(
            0, 0.1, points.shape
        )  # else EM rests before its last step
        return points, mixtures.mixture_of_labels(points, labels, K)

    def ours(points, start):
        return mixtures.fit_mixture(points, K, start=start, steps=STEPS, tolerance=-1).history[STEPS - 1]

    def scikit_learn(points, start):
        precisions = np.linalg.inv(start.covariances)
        model = GaussianMixture(
            K,
            weights_init=start.weights,
            means_init=start.means,
            precisions_init=precisions,
            max_iter=STEPS,
            tol=0,
            reg_covar=0,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return model.fit(points).lower_bound_  # of the mixture before the last step

    def same_likelihood(answers):
        for name, likelihood in answers.items():
            assert abs(likelihood - answers["course"]) < 1e-6, f"{name}: {answers}"

    return Race(
        f"Gaussian mixture, k = {K}, {STEPS} steps, float64",
        make,
        {"course": ours, "scikit-learn": scikit_learn},
        same_likelihood,
        "OpenCV's EM comes to the same likelihood; it took 39 s at 0.25 megapixels, once, and takes no part.",
        sizes=(0.25, 1, 4),
    )


def _filters():
    def opencv(image, level, criteria):
        return cv2.pyrMeanShiftFiltering(image, SPATIAL, COLOUR, maxLevel=level, termcrit=criteria)

    usual = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 5, 1)
    to_rest = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 100, 0)

    def nearly_the_same_colours(answers):
        for name, answer in answers.items():
            away = np.abs(answer - answers["course"].astype(float)).mean()
            assert away < 12, f"{name} is off by {away:.1f} grey levels on average"

    return [
        Race(
            f"mean shift filter, {SPATIAL} pixels, {COLOUR:g} grey levels",
            _image,
            {
                "course": lambda i: clustering.mean_shift_filter(i, SPATIAL, COLOUR),
                "OpenCV": lambda i: opencv(i, 0, usual),
                "OpenCV, pyramid": lambda i: opencv(i, 1, usual),
                "OpenCV, 100 steps": lambda i: opencv(i, 0, to_rest),
            },
            nearly_the_same_colours,
            "OpenCV works on 8-bit integers, stops a climb after 5 steps and, with the pyramid, climbs mostly on "
            "a quarter of the pixels; ours climbs from each pixel, between the pixels, to the exact mode.",
            sizes=(0.015, 0.15, 0.5),
        )
    ]


def _points():
    def make(megapixels):
        image = patches(megapixels)
        places = np.indices(image.shape[:2]).transpose(1, 2, 0) / SPATIAL
        return (np.concatenate([places, image / COLOUR], axis=2).reshape(-1, 5),)

    def about_as_many_modes(answers):
        counts = {name: len(modes) for name, modes in answers.items()}
        assert max(counts.values()) < 1.25 * counts["course"], counts
        assert min(counts.values()) > 0.75 * counts["course"], counts

    return Race(
        "mean shift of points in five dimensions",
        make,
        {
            "course": lambda p: clustering.mean_shift(p, 1.0).modes,
            "scikit-learn": lambda p: MeanShift(bandwidth=1.0).fit(p).cluster_centers_,
            "scikit-learn, bin_seeding": lambda p: (
                MeanShift(bandwidth=1.0, bin_seeding=True).fit(p).cluster_centers_
            ),
        },
        about_as_many_modes,
        "With bin_seeding climbs start from the occupied cells of a grid only, not from every point.",
        sizes=(0.0015, 0.005, 0.015),
    )


def _superpixels():
    def make(megapixels):
        from skimage.color import rgb2lab

        return (rgb2lab(patches(megapixels)).astype(np.float32), round(megapixels * 1e6 / 400))

    def spread(image, labels):
        numbers = labels.ravel()
        areas = np.maximum(np.bincount(numbers), 1)
        means = [np.bincount(numbers, image[..., c].ravel()) / areas for c in range(3)]
        return sum(((image[..., c] - means[c][labels]) ** 2).mean() for c in range(3))

    def as_good(answers):
        image, _ = make(answers["course"].size / 1e6)
        spreads = {name: spread(image, labels) for name, labels in answers.items()}
        assert spreads["course"] < 1.25 * min(spreads.values()), (
            f"colours within superpixels spread by {spreads}"
        )

    def opencv(image, count):
        superpixels = cv2.ximgproc.createSuperpixelSLIC(image, cv2.ximgproc.SLIC, 20, 10.0)
        superpixels.iterate(10)
        superpixels.enforceLabelConnectivity(25)
        return superpixels.getLabels()

    return Race(
        "superpixels (SLIC) of 400 pixels",
        make,
        {
            "course": lambda i, n: clustering.slic(i, n, 10.0),
            "scikit-image": lambda i, n: segmentation.slic(i, n, 10.0, sigma=0, convert2lab=False),
            "OpenCV": opencv,
        },
        as_good,
        sizes=(0.15, 1, 4),
    )
