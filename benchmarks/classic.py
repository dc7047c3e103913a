"""Races of ``course_utils.classic`` against scikit-image, SciPy and OpenCV.

The image is smooth noise with some grain, its blobs of a fixed size in pixels, so that a larger image holds more
of them. Each library is called as its documentation says is fastest for the task; where its function does more or
less than ours, the note says so.
"""

from functools import cache, partial

import cv2
import numpy as np
from scipy import ndimage
from skimage import exposure, filters, measure, morphology, transform

from benchmarks.race import Race, side
from course_utils import classic

SIGMA = 2.0
WINDOW = 25
K = 0.2


def races():
    """All races of this suite, list of Race."""
    return [*_histograms(), *_filters(), *_local_thresholds(), *_morphology(), *_components()]


@cache
def texture(megapixels):
    """uint8 image: blobs some ten pixels wide, with grain."""
    rng = np.random.default_rng(0)
    shape = (side(megapixels), side(megapixels))
    smooth = ndimage.gaussian_filter(rng.random(shape, np.float32), 4)
    smooth = (smooth - smooth.mean()) / smooth.std()
    grain = rng.standard_normal(shape, np.float32)
    return np.clip(128 + 40 * smooth + 8 * grain, 0, 255).astype(np.uint8)


def image(dtype, megapixels):
    """(image,): grey values 0 to 255 for integers, in [0, 1] for floats."""
    values = texture(megapixels)
    return (values if dtype == "uint8" else (values / np.array(255, dtype)).astype(dtype),)


def blobs(megapixels):
    """(mask,) of the bright blobs, with the specks that the grain makes."""
    return (texture(megapixels) > 128,)


def noise(megapixels):
    """(mask,) of independent pixels, half of them True: the worst case for whoever counts on runs."""
    return (np.random.default_rng(0).random((side(megapixels),) * 2, np.float32) < 0.5,)


def equal(answers):
    """All answers are the same array (or number), up to its dtype."""
    first = next(iter(answers.values()))
    for name, answer in answers.items():
        assert np.array_equal(answer, first), f"{name} has another answer"


def close(tolerance, answers):
    """All answers differ from the first by at most the tolerance."""
    first = next(iter(answers.values()))
    for name, answer in answers.items():
        worst = np.abs(np.asarray(answer, float) - first).max()
        assert worst <= tolerance, f"{name} is off by {worst:g}"


def _histograms():
    thresholding = classic.thresholding

    def same_counts(answers):
        ours, theirs = answers["course"], answers["scikit-image"]
        first = int(theirs[1][0])
        assert np.array_equal(ours.counts[first : first + len(theirs[0])], theirs[0])

    def almost_same_counts(answers):  # OpenCV rounds otherwise at the edges of bins
        ours = answers["course"].counts
        assert np.array_equal(ours, answers["scikit-image"][0])
        assert np.abs(ours - answers["OpenCV"].ravel()).sum() < 0.01 * ours.sum()

    one_by_one = "scikit-image and the course find the threshold and compare; OpenCV does both in one call."
    return [
        Race(
            "histogram, uint8",
            partial(image, "uint8"),
            {
                "course": thresholding.histogram,
                "scikit-image": exposure.histogram,
                "OpenCV": lambda i: cv2.calcHist([i], [0], None, [256], [0, 256]),
                "numpy": lambda i: np.bincount(i.ravel(), minlength=256),
            },
            same_counts,
            "OpenCV also parts small images among threads; ours begins at half a megapixel, in bands of 256 rows.",
        ),
        Race(
            "histogram, float32",
            partial(image, "float32"),
            {
                "course": thresholding.histogram,
                "scikit-image": exposure.histogram,
                "OpenCV": lambda i: cv2.calcHist([i], [0], None, [256], [i.min(), np.nextafter(i.max(), 2)]),
            },
            almost_same_counts,
        ),
        Race(
            "mask by Otsu, uint8",
            partial(image, "uint8"),
            {
                "course": lambda i: i > _same_type(i, thresholding.otsu(i)),
                "scikit-image": lambda i: i > _same_type(i, filters.threshold_otsu(i)),
                "OpenCV": lambda i: cv2.threshold(i, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[1],
            },
            equal,
            one_by_one,
        ),
        Race(
            "mask by Otsu, float64",
            partial(image, "float64"),
            {
                "course": lambda i: i > _same_type(i, thresholding.otsu(i)),
                "scikit-image": lambda i: i > _same_type(i, filters.threshold_otsu(i)),
            },
            equal,
        ),
        Race(
            "multi-Otsu, 3 classes, uint8",
            partial(image, "uint8"),
            {"course": thresholding.multi_otsu, "scikit-image": filters.threshold_multiotsu},
            equal,
        ),
        *[
            Race(
                f"Li, {dtype}",
                partial(image, dtype),
                {"course": thresholding.li, "scikit-image": filters.threshold_li},
                partial(close, 1e-3),
            )
            for dtype in ("uint8", "float64")
        ],
    ]


def _filters():
    ours = classic.filters
    radius = int(4 * SIGMA + 0.5)

    def blur(i):
        return cv2.GaussianBlur(i, (2 * radius + 1,) * 2, SIGMA, borderType=cv2.BORDER_REFLECT)

    return [
        Race(
            "integral image, float64",
            partial(image, "float64"),
            {
                "course": lambda i: ours.integral_image(i)[1:, 1:],
                "scikit-image": transform.integral_image,
                "OpenCV": lambda i: cv2.integral(i, sdepth=cv2.CV_64F)[1:, 1:],
            },
            partial(close, 1e-4),
            "Beyond the caches both wait for the memory.",
        ),
        Race(
            "integral image, uint8",
            partial(image, "uint8"),
            {
                "course": lambda i: ours.integral_image(i)[1:, 1:],
                "scikit-image": partial(transform.integral_image, dtype=np.float64),
                "OpenCV": lambda i: cv2.integral(i, sdepth=cv2.CV_64F)[1:, 1:],
            },
            equal,
            "OpenCV adds up several pixels of a row in one register; our running total takes them one by one.",
        ),
        *[
            Race(
                f"box mean, {WINDOW} × {WINDOW}, {dtype}",
                partial(image, dtype),
                {
                    "course": lambda i: ours.box_mean(i, WINDOW),
                    "SciPy": lambda i: ndimage.uniform_filter(i, WINDOW, _real(i), "mirror"),
                    "OpenCV": lambda i: cv2.boxFilter(i, _depth(i), (WINDOW, WINDOW)),
                },
                partial(close, 2e-3 if dtype == "uint8" else 1e-4),
                "Both slide the window, at a few operations a pixel. OpenCV's are written for each processor's vector "
                "registers, ours are what the compiler makes of the plain loop; on one thread that is a tenth.",
            )
            for dtype in ("uint8", "float32", "float64")
        ],
        *[
            Race(
                f"Gaussian, σ = {SIGMA:g}, {dtype}",
                partial(image, dtype),
                {
                    "course": lambda i: ours.gaussian(i, SIGMA),
                    "scikit-image": lambda i: filters.gaussian(i, SIGMA, mode="reflect"),
                    "SciPy": lambda i: ndimage.gaussian_filter(i, SIGMA),
                    "OpenCV": blur,
                },
                partial(close, 1e-5),
                "The same separable sum in all. OpenCV blurs along the rows first, in vector registers, and keeps a "
                "ring of finished rows for the columns; ours goes down the columns first, row by row.",
            )
            for dtype in ("float32", "float64")
        ],
    ]


def _local_thresholds():
    ours = classic.thresholding

    def sauvola(i, r):
        """As OpenCV's own functions allow it: two box filters and arithmetic."""
        mean = cv2.boxFilter(i, _depth(i), (WINDOW, WINDOW))
        std = cv2.sqrBoxFilter(i, _depth(i), (WINDOW, WINDOW))
        std -= mean * mean
        cv2.sqrt(np.maximum(std, 0, out=std), std)
        std *= K / r
        std += 1 - K
        return cv2.multiply(mean, std)

    def hardly_different(answers):  # the square root of a rounding error is large where the image is flat
        close(0.3 if answers["course"].max() > 1 else 1e-3, answers)

    return [
        Race(
            f"Sauvola, {WINDOW} × {WINDOW}, {dtype}",
            partial(image, dtype),
            {
                "course": lambda i, r=r: ours.sauvola(i, WINDOW, K, r),
                "scikit-image": lambda i, r=r: filters.threshold_sauvola(i, WINDOW, K, r),
                "OpenCV": lambda i, r=r: sauvola(i, r),
            },
            hardly_different,
            "OpenCV has no such function outside its contributed modules; its entry is two box filters and arithmetic.",
        )
        for dtype, r in (("uint8", 127.5), ("float32", 0.5), ("float64", 0.5))
    ] + [
        Race(
            "hysteresis, float32",
            partial(image, "float32"),
            {
                "course": lambda i: ours.hysteresis(i, 0.5, 0.7),
                "scikit-image": lambda i: filters.apply_hysteresis_threshold(i, 0.5, 0.7),
            },
            equal,
        )
    ]


def _morphology():
    ours = classic.morphology
    shapes = {
        "3 × 3 square": ours.square(3),
        "15 × 15 square": ours.square(15),
        "disk of radius 5": ours.disk(5),
        "disk of radius 15": ours.disk(15),
    }

    def scikit_image(i, footprint):
        if i.dtype == bool and not footprint.all():  # their fastest for disks: by the distance transform
            return morphology.isotropic_dilation(i, len(footprint) // 2)
        return morphology.dilation(
            i, morphology.footprint_rectangle(footprint.shape, decomposition="separable")
        )

    def grey_scikit_image(i, footprint):
        return scikit_image(i, footprint) if footprint.all() else morphology.dilation(i, footprint)

    def scipy(i, footprint):
        if i.dtype == bool:
            return ndimage.maximum_filter(i, footprint=footprint, mode="constant")
        full = {"size": footprint.shape} if footprint.all() else {"footprint": footprint}
        return ndimage.maximum_filter(i, **full)

    def opencv(i, kernel):
        return cv2.dilate(i.view(np.uint8) if i.dtype == bool else i, kernel)

    def dilation(what, make, name):
        footprint, kernel = shapes[name], shapes[name].astype(np.uint8)
        grey = what != "mask"
        entrants = {
            "course": lambda i: ours.dilate(i, footprint),
            "scikit-image": lambda i: (grey_scikit_image if grey else scikit_image)(i, footprint),
            "OpenCV": lambda i: opencv(i, kernel),
        }
        if footprint.all():
            entrants["SciPy"] = lambda i: scipy(i, footprint)
        note = (
            "OpenCV makes the rectangle from two one-dimensional passes in registers, hand-written for each processor; "
            "ours treats it as any footprint, a row of it at a time."
        )
        return Race(f"dilation, {name}, {what}", make, entrants, equal, note if footprint.all() else "")

    return [
        *[dilation("mask", blobs, name) for name in shapes],
        *[dilation("float32", partial(image, "float32"), name) for name in shapes if "15" not in name],
        Race(
            "opening, disk of radius 5, mask",
            blobs,
            {
                "course": lambda m: ours.opening(m, shapes["disk of radius 5"]),
                "scikit-image": lambda m: morphology.isotropic_opening(m, 5),
                "OpenCV": lambda m: cv2.morphologyEx(
                    m.view(np.uint8), cv2.MORPH_OPEN, shapes["disk of radius 5"].astype(np.uint8)
                ),
            },
            equal,
        ),
    ]


def _components():
    ours = classic.morphology

    def same_partition(answers):  # OpenCV numbers the components in another order
        first = answers["course"]
        assert np.array_equal(first, answers["SciPy"]), "SciPy has another answer"
        assert np.array_equal(first, answers["scikit-image"]), "scikit-image has another answer"
        count, labels = answers["OpenCV"]
        assert count == first.max() + 1
        number = np.zeros(count, np.int32)
        number[labels] = first
        assert np.array_equal(number[labels], first), "OpenCV has other components"

    def opencv_fill(mask):
        """From OpenCV's documentation of floodFill: flood the outside of a framed image, and invert."""
        framed = np.pad(mask.view(np.uint8), 1)
        cv2.floodFill(framed, None, (0, 0), 2)
        return framed[1:-1, 1:-1] != 2

    return [
        *[
            Race(
                f"components, {connectivity}-connected, {what}",
                make,
                {
                    "course": partial(ours.label, connectivity=connectivity),
                    "scikit-image": partial(measure.label, connectivity=connectivity // 4),
                    "SciPy": lambda m, c=connectivity: ndimage.label(m, np.ones((3, 3)) if c == 8 else None)[
                        0
                    ],
                    "OpenCV": lambda m, c=connectivity: cv2.connectedComponents(
                        m.view(np.uint8), connectivity=c
                    ),
                },
                same_partition,
                note,
            )
            for what, make, note in (
                (
                    "blobs",
                    blobs,
                    "Two-dimensional blocks against runs: OpenCV decides for 2 × 2 pixels at a time, by tables.",
                ),
                (
                    "noise",
                    noise,
                    "In noise a run is two pixels long, so runs save nothing; OpenCV looks at blocks of 2 × 2 pixels.",
                ),
            )
            for connectivity in (4, 8)
        ],
        Race(
            "fill holes, mask",
            blobs,
            {"course": ours.fill_holes, "SciPy": ndimage.binary_fill_holes, "OpenCV": opencv_fill},
            equal,
            "OpenCV floods the outside from one corner and looks at nothing else; ours finds every component.",
        ),
        Race(
            "remove components below 64 pixels, mask",
            blobs,
            {
                "course": lambda m: ours.remove_small(m, 64),
                "scikit-image": lambda m: morphology.remove_small_objects(m, max_size=63),
            },
            equal,
        ),
    ]


def _real(pixels):
    return np.float64 if pixels.dtype == np.float64 else np.float32


def _depth(pixels):
    return cv2.CV_64F if pixels.dtype == np.float64 else cv2.CV_32F


def _same_type(pixels, threshold):
    """The threshold in the image's type: numpy would convert an integer image to compare it with a float."""
    return pixels.dtype.type(threshold)
