"""Races of lesson 03's algorithms, edges to merging, against scikit-image, SciPy and OpenCV.

The image is that of ``benchmarks.classic``, blurred, so that its blobs are the hills and basins of a landscape.
"""

from functools import cache, partial

import cv2
import numpy as np
from scipy import ndimage
from skimage import feature, filters, graph, morphology, segmentation

from benchmarks.classic import blobs, close, equal, texture
from benchmarks.race import Race
from course_utils import classic

SIZES = (0.25, 1, 4)  # megapixels
EIGHT = np.ones((3, 3), bool)


def races():
    """All races of this suite, list of Race."""
    return [*_edges(), *_distances(), *_maxima(), *_watersheds(), *_regions()]


@cache
def landscape(megapixels, dtype="uint8"):
    """(elevation, markers): hollows where blobs are, one marker for each that is 6 grey values deep."""
    image = cv2.GaussianBlur(texture(megapixels), (0, 0), 2)
    markers = classic.morphology.label(classic.watershed.h_maxima(image, 6), 8)
    elevation = 255 - image
    if dtype == "float32":  # all values different, as those of a float image are
        elevation = elevation + np.random.default_rng(0).random(elevation.shape, np.float32)
    return elevation.astype(dtype), markers


def _agree(share):
    """Check that label images name that share of the pixels alike; OpenCV floods by another measure, see the note."""

    def check(answers):
        first = next(iter(answers.values()))
        for name, answer in answers.items():
            same = (answer == first).mean()
            assert same >= share or name == "OpenCV", f"{name} agrees on {same:.3f} of the pixels only"

    return check


def _edges():
    ours = classic.filters

    def opencv_sobel(image):
        across, down = cv2.Sobel(image, cv2.CV_32F, 1, 0), cv2.Sobel(image, cv2.CV_32F, 0, 1)
        return cv2.magnitude(across, down)

    def almost_same_edges(answers):
        ours, theirs = (answers[name][16:-16, 16:-16] for name in ("course", "scikit-image"))
        assert (ours != theirs).mean() < 0.02 * ours.mean()

    def float_image(megapixels):
        return ((texture(megapixels) / np.float32(255)).astype(np.float32),)

    return [
        Race(
            "gradient magnitude, float32",
            float_image,
            {
                "course": ours.gradient_magnitude,
                "scikit-image": lambda i: filters.sobel(i),
                "OpenCV": opencv_sobel,
            },
            lambda answers: close(
                1e-5,
                {
                    n: a / {"scikit-image": 2**0.5, "OpenCV": 8}.get(n, 1)
                    for n, a in answers.items()
                    if n != "OpenCV"
                },
            ),
            "OpenCV reflects the image about its outermost pixels, the others repeat them. It filters with vector "
            "instructions by hand; our two derivatives are written out before their lengths are taken.",
        ),
        Race(
            "Canny, sigma 2, float32",
            float_image,
            {
                "course": lambda i: ours.canny(i, 2, 0.008, 0.016),
                "scikit-image": lambda i: feature.canny(i, 2, 8 * 0.008, 8 * 0.016, mode="nearest"),
                "OpenCV": lambda i: cv2.Canny(
                    cv2.convertScaleAbs(cv2.GaussianBlur(i, (17, 17), 2), alpha=255),
                    8 * 0.008 * 255,
                    8 * 0.016 * 255,
                    L2gradient=True,
                ),
            },
            almost_same_edges,
            "OpenCV finds edges in 8-bit images only, in whole numbers, and weighs no neighbours.",
        ),
    ]


def _distances():
    ours = classic.watershed

    def cells(megapixels):
        return (~(np.random.default_rng(0).random(texture(megapixels).shape, np.float32) < 0.0005),)

    return [
        Race(
            f"exact distance transform, {what}",
            make,
            {
                "course": ours.distance_transform,
                "OpenCV": lambda m: cv2.distanceTransform(
                    m.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE
                ),
                "SciPy": ndimage.distance_transform_edt,
            },
            partial(close, 1e-3),
            "OpenCV answers in float32, the others in float64.",
        )
        for what, make in (("blobs", blobs), ("distances to scattered points", cells))
    ]


def _maxima():
    ours = classic.watershed

    def hills(megapixels):
        return (255 - landscape(megapixels)[0],)

    def start_and_ceiling(megapixels):
        (image,) = hills(megapixels)
        return np.maximum(image, 6) - np.uint8(6), image

    return [
        Race(
            "regional maxima, uint8",
            hills,
            {"course": ours.maxima, "scikit-image": morphology.local_maxima},
            equal,
        ),
        Race(
            "h-maxima, uint8",
            hills,
            {
                "course": lambda i: ours.h_maxima(i, 6),
                "scikit-image": lambda i: morphology.h_maxima(i, 6, footprint=EIGHT),
            },
            equal,
        ),
        Race(
            "reconstruction by dilation, uint8",
            start_and_ceiling,
            {
                "course": ours.reconstruct,
                "scikit-image": lambda s, c: morphology.reconstruction(s, c, footprint=EIGHT),
            },
            equal,
        ),
    ]


def _watersheds():
    ours = classic.watershed.watershed

    def opencv(elevation, markers):
        return cv2.watershed(cv2.merge([elevation] * 3), markers.copy())

    def distances(megapixels):
        (mask,) = blobs(megapixels)
        distance = classic.watershed.distance_transform(mask)
        return -distance, classic.morphology.label(classic.watershed.h_maxima(distance, 0.75), 8), mask

    order = "Among marker pixels of one elevation scikit-image has another order, so a few pixels on plateaus differ."
    return [
        Race(
            "marker watershed, 8 neighbours, uint8",
            landscape,
            {
                "course": partial(ours, connectivity=8),
                "scikit-image": lambda e, m: segmentation.watershed(e, m, connectivity=2),
                "OpenCV": opencv,
            },
            _agree(0.9),
            "OpenCV floods by the difference of neighbouring colours, not by height, and draws lines: about the same "
            f"work, another answer. {order}",
        ),
        Race(
            "marker watershed, 4 neighbours, float32",
            partial(landscape, dtype="float32"),
            {"course": ours, "scikit-image": segmentation.watershed},
            _agree(0.99),
        ),
        Race(
            "marker watershed of a distance transform within its mask, float64",
            distances,
            {
                "course": lambda e, m, k: ours(e, m, mask=k),
                "scikit-image": lambda e, m, k: segmentation.watershed(e, m, mask=k),
            },
            _agree(0.95),
            order,
        ),
        Race(
            "compact watershed, uint8",
            landscape,
            {
                "course": lambda e, m: ours(e, m, compactness=1.0),
                "scikit-image": lambda e, m: segmentation.watershed(e, m, compactness=1.0),
            },
            _agree(0.95),
            order,
        ),
    ]


def _regions():
    ours = classic.regions

    def seeded(megapixels):
        image = cv2.GaussianBlur(texture(megapixels), (0, 0), 2)
        seed = tuple(np.argwhere(image == 128)[0].tolist())
        seeds = np.zeros(image.shape, np.int32)
        seeds[seed] = 1
        return image, seeds, seed

    def opencv_flood(image, seeds, seed):
        grown = np.zeros((image.shape[0] + 2, image.shape[1] + 2), np.uint8)
        flags = 4 | cv2.FLOODFILL_MASK_ONLY | cv2.FLOODFILL_FIXED_RANGE | (1 << 8)
        cv2.floodFill(image, grown, seed[::-1], 0, 30, 30, flags)
        return grown[1:-1, 1:-1]

    def basins(megapixels):
        elevation, markers = landscape(megapixels)
        labels = classic.watershed.watershed(elevation, markers)
        return np.dstack([elevation / 255] * 3), labels

    def join(regions, source, target):
        node, other = regions.nodes[target], regions.nodes[source]
        node["total color"] += other["total color"]
        node["pixel count"] += other["pixel count"]
        node["mean color"] = node["total color"] / node["pixel count"]

    def weigh(regions, _, target, neighbour):
        difference = regions.nodes[target]["mean color"] - regions.nodes[neighbour]["mean color"]
        return {"weight": np.linalg.norm(difference)}

    def scikit_image_merge(image, labels):
        regions = graph.rag_mean_color(image, labels, connectivity=1)
        return graph.merge_hierarchical(labels, regions, 0.1, False, True, join, weigh)

    def same_number(answers):
        counts = {name: len(np.unique(answer)) for name, answer in answers.items()}
        assert len(set(counts.values())) == 1, counts

    return [
        Race(
            "region growing from one seed, uint8",
            seeded,
            {
                "course": lambda i, s, p: ours.grow(i, s, 30, adapt=False),
                "scikit-image": lambda i, s, p: segmentation.flood(i, p, tolerance=30, connectivity=1),
                "OpenCV": opencv_flood,
            },
            equal,
            "OpenCV fills whole runs of a row at once; ours asks pixel by pixel in the order of arrival, which the "
            "running mean, switched off here, needs.",
        ),
        Race(
            "merging of neighbouring regions by mean colour",
            basins,
            {
                "course": lambda i, k: ours.merge(k, ours.merges_by_mean(i, k), 0.1),
                "scikit-image": scikit_image_merge,
            },
            same_number,
            "Ours keeps the whole history, down to one region; scikit-image's graph is made of Python dictionaries.",
        ),
    ]
