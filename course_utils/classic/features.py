"""From pixels to features: what a pixel's neighbourhood looks like, in some dozens of numbers.

The insight: a grey value says little, but a question asked at several scales says a lot: how bright is it around here,
is there an edge, a ridge, a blob, a stripe of that width and direction, a texture? Each answer is an image; stacked,
they make each pixel a point in a space of features, where a classifier needs no idea of images. Taught in lesson 07.
"""

import math
from typing import NamedTuple

import numpy as np

from course_utils.classic.filters import box_mean_std, gaussian, gradient, gradient_magnitude, grey
from course_utils.kernel import by_rows, kernel

SCALES = (1.0, 2.0, 4.0, 8.0)
FAMILIES = (
    "gaussian",
    "gradient",
    "hessian",
    "tensor",
    "laplacian",
    "difference",
    "gabor",
    "pattern",
    "local",
)


MOST = 1e18  # largest value times scale
GROUP = 16  # planes interleaved together: one line of the cache for each pixel


class Features(NamedTuple):
    """A stack of feature images, by ``features``."""

    values: np.ndarray  #: float32 (H, W, F), C-contiguous: values[mask] is a table of the pixels in a mask
    names: tuple  #: F names, such as "gradient σ=2"


def features(image, scales=SCALES, families=FAMILIES):
    """All features of an image: each pixel a point in F dimensions.

    The first six families are those that ilastik's pixel classification offers.

    =============== ============================================================ =========================
    ``gaussian``    brightness of the neighbourhood                              one a scale
    ``gradient``    strength of an edge: ``filters.gradient_magnitude``          one a scale
    ``hessian``     ridge, valley or blob: ``hessian_eigenvalues``               two a scale
    ``tensor``      how strong and how one-sided the edges around are:
                    ``structure_tensor_eigenvalues``                             two a scale
    ``laplacian``   blob: the sum of the Hessian's eigenvalues                   one a scale
    ``difference``  of the Gaussians at this scale and 1.6 times it              one a scale
    ``gabor``       stripes four scales wide and across four directions:
                    ``gabor_energy``                                             four a scale
    ``pattern``     ``local_binary_pattern`` of 8 points at that distance        one a scale
    ``local``       mean and deviation in the window of 2 · 2σ + 1 pixels        two a scale
    =============== ============================================================ =========================

    Derivatives are multiplied by σ (second ones by σ²), so that one shape seen at two sizes gives one number.

    Parameters: image (H, W) or (H, W, C), any real dtype, values times the largest scale at most 1e18 (squares of
    slopes must fit into float32); the features of each channel follow each other; scales, each above 0, in pixels;
    families, names from the table.
    Returns: Features(values, names). Raises TypeError or ValueError for a bad image (see ``filters.grey``), a scale
    or a family. Cost: about 180 σ multiplications a pixel and scale, 138 σ of them Gabor's, and some 200 other
    operations.

    Reference: Berg et al., ilastik: interactive machine learning for (bio)image analysis, Nature Methods 16, 2019,
    doi:10.1038/s41592-019-0582-9; scales: Lindeberg, Feature detection with automatic scale selection, International
    Journal of Computer Vision 30, 1998, doi:10.1023/A:1008045108935. Lesson 07.
    """
    channels = _channels(image)
    scales = [_positive(sigma, "each of scales") for sigma in np.atleast_1d(np.asarray(scales, dtype=object))]
    if unknown := [family for family in families if family not in FAMILIES]:
        raise ValueError(f"no family is called {unknown[0]!r}; there are {', '.join(FAMILIES)}")
    if not scales or not families:
        raise ValueError("at least one scale and one family are needed to make a feature")
    if (largest := max(max(abs(float(c.min())), abs(float(c.max()))) for c in channels)) > MOST / max(scales):
        raise ValueError(
            f"image has values as large as {largest:.3g}, and squares of its slopes do not fit into float32; "
            f"divide it, so that values times the largest scale are at most {MOST:g}"
        )
    names, planes = [], []
    for number, channel in enumerate(channels):
        before = f"channel {number} " if len(channels) > 1 else ""
        for sigma in scales:
            for name, plane in _one_scale(channel, sigma, families):
                names.append(f"{before}{name} σ={sigma:g}")
                planes.append(plane)
    values = np.empty((*channels[0].shape, len(planes)), np.float32)
    for first in range(0, len(planes), GROUP):
        group = np.stack(planes[first : first + GROUP])
        by_rows(_interleave, values.shape[:2], group, values[..., first : first + len(group)])
    return Features(values, tuple(names))


@kernel
def _interleave(first, last, planes, values):
    for y in range(first, last):
        for x in range(values.shape[1]):
            for f in range(values.shape[2]):
                values[y, x, f] = planes[f, y, x]


def _one_scale(image, sigma, families):
    """(name, float image) of each feature of one channel at one scale."""
    blurred = gaussian(image, sigma)
    if "gaussian" in families:
        yield "gaussian", blurred
    if "gradient" in families:
        yield "gradient", sigma * gradient_magnitude(blurred)
    if "hessian" in families or "laplacian" in families:
        larger, smaller = _pair(_hessian, blurred)
        if "hessian" in families:
            yield "hessian larger", sigma**2 * larger
            yield "hessian smaller", sigma**2 * smaller
        if "laplacian" in families:
            yield "laplacian", sigma**2 * (larger + smaller)
    if "tensor" in families:
        larger, smaller = _tensor(blurred, sigma)
        yield "tensor larger", sigma**2 * larger
        yield "tensor smaller", sigma**2 * smaller
    if "difference" in families:
        yield "difference", blurred - gaussian(image, 1.6 * sigma)
    if "gabor" in families:
        for degrees in (0, 45, 90, 135):
            yield f"gabor {degrees}°", gabor_energy(image, 1 / (4 * sigma), math.radians(degrees))
    if "pattern" in families:
        yield "pattern", local_binary_pattern(image, 8, sigma)
    if "local" in families:
        mean, deviation = box_mean_std(image, 2 * math.ceil(2 * sigma) + 1)
        yield "local mean", mean
        yield "local deviation", deviation


# ----------------------------------------------------------------------------------------- derivatives


def hessian_eigenvalues(image, sigma):
    """The two principal curvatures of the blurred image: (larger, smaller).

    On a bright ridge the smaller is strongly negative and the larger about 0; on a bright blob both are negative, in a
    dark one both positive; on a saddle the signs differ; their sum is the Laplacian.

    1. Blur.
    2. Second derivatives as differences of differences: a = ∂²/∂y², b = ∂²/∂x∂y, c = ∂²/∂x², each difference
       (next − last) / 2, one-sided at the border (``numpy.gradient``).
    3. Eigenvalues of [a b; b c]: (a + c) / 2 ± √(b² + ((a − c) / 2)²).

    Parameters: image (H, W), any real dtype; sigma, 0 or more, in pixels. The border of the blur reflects.
    Raises TypeError or ValueError for a bad image or sigma. Returns: two float arrays (H, W), equal to
    ``skimage.feature.hessian_matrix_eigvals`` of its ``hessian_matrix(mode="reflect",
    use_gaussian_derivatives=False)``. Cost: the blur and 25 operations a pixel.
    Reference: Frangi et al., Multiscale vessel enhancement filtering, MICCAI 1998, doi:10.1007/BFb0056195. Lesson 07.
    """
    return _pair(_hessian, gaussian(image, sigma))


@kernel
def _hessian(first, last, image, larger, smaller):
    height, width = image.shape
    slopes = np.empty((3, 2, width), image.dtype)  # downwards and across, of the rows above, here and below
    for y in range(max(first - 1, 0), min(first + 1, height)):
        _slopes(image, y, slopes[y % 3])
    for y in range(first, last):
        up, low = max(y - 1, 0), min(y + 1, height - 1)
        if low > y:
            _slopes(image, low, slopes[low % 3])
        share = np.float64(1 / max(low - up, 1))
        down, across = slopes[y % 3]
        for x in range(width):
            left, right = max(x - 1, 0), min(x + 1, width - 1)
            a = (slopes[low % 3, 0, x] - slopes[up % 3, 0, x]) * share
            b = (down[right] - down[left]) / np.float64(max(right - left, 1))
            c = (across[right] - across[left]) / np.float64(max(right - left, 1))
            middle, half = (a + c) / 2, (a - c) / 2
            root = math.sqrt(b * b + half * half)
            larger[y, x], smaller[y, x] = middle + root, middle - root


@kernel
def _slopes(image, y, out):
    height, width = image.shape
    up, low = max(y - 1, 0), min(y + 1, height - 1)
    share = np.float64(1 / max(low - up, 1))
    for x in range(width):
        left, right = max(x - 1, 0), min(x + 1, width - 1)
        out[0, x] = (image[low, x] - image[up, x]) * share
        out[1, x] = (image[y, right] - image[y, left]) / np.float64(max(right - left, 1))


def structure_tensor_eigenvalues(image, sigma, inner=0.0):
    """How much the image changes around here along the direction of most change, and across it: (larger, smaller).

    Both small: flat. One large: an edge, or stripes of one direction. Both large: a corner, or texture of all
    directions.

    1. Blur with ``inner``; Sobel's slopes down and across (``filters.gradient``).
    2. The products y², x y, x² of the slopes, each blurred with ``sigma``: the mean change in each direction.
    3. Eigenvalues as in ``hessian_eigenvalues``.

    Parameters: image (H, W), any real dtype; sigma and inner, 0 or more, in pixels. The border reflects.
    Returns: two float arrays (H, W), 1/64 of ``skimage.feature.structure_tensor_eigenvalues`` of its
    ``structure_tensor(mode="reflect")``, whose Sobel filter is not divided by 8. The smaller is 0 or more but for
    rounding. Raises TypeError or ValueError for a bad image, sigma or inner. Cost: four blurs, 40 operations a pixel.
    Reference: Förstner & Gülch, A fast operator for detection and precise location of distinct points, corners and
    centres of circular features, ISPRS Intercommission Workshop, 1987. Lesson 07.
    """
    return _tensor(gaussian(image, inner), sigma)


def _tensor(image, sigma):
    down, right = gradient(image)
    products = [gaussian(product, sigma) for product in (down * down, down * right, right * right)]
    return _pair(_eigenvalues, *products)


@kernel
def _eigenvalues(first, last, a, b, c, larger, smaller):
    for y in range(first, last):
        for x in range(a.shape[1]):
            yy, xy, xx = np.float64(a[y, x]), np.float64(b[y, x]), np.float64(c[y, x])
            middle, half = (yy + xx) / 2, (yy - xx) / 2
            root = math.sqrt(xy * xy + half * half)
            larger[y, x], smaller[y, x] = middle + root, middle - root


# ------------------------------------------------------------------------------------------------ texture


def gabor_energy(image, frequency, angle=0.0):
    """How strongly a pixel's neighbourhood is striped with a given frequency and direction.

    A Gabor filter is a wave under a Gaussian. Its answer to stripes is itself a wave; the two filters in quadrature,
    cosine and sine, give a point on a circle, whose radius does not depend on where in the stripe the pixel lies.
    With a round Gaussian the complex filter g(x) g(y) e^(2πi f (x cos θ + y sin θ)) is a factor in x times one in y:

    1. Gaussian of σ = 0.56 / frequency (one octave wide), cut off at 3σ.
    2. Down the columns: the sums with cosine (pairs added) and with sine (pairs subtracted).
    3. Along the rows: the complex product, in real numbers.
    4. √(real² + imaginary²).

    Parameters: image (H, W), any real dtype; frequency, stripes a pixel, above 0; angle in radians, 0 for a change
    along x, that is, upright stripes. The border reflects between pixels.
    Returns: float32 or float64 (H, W) as ``filters.gaussian``; the length of the two answers of
    ``skimage.filters.gabor``. It does not vanish on a constant image: the cosine filter's sum is not quite 0.
    Raises TypeError or ValueError for a bad image, frequency or angle. Cost: 10 / frequency multiplications a pixel.

    Reference: Daugman, Uncertainty relation for resolution in space, spatial frequency, and orientation optimized by
    two-dimensional visual cortical filters, JOSA A 2, 1985, doi:10.1364/JOSAA.2.001160. Lesson 07.
    """
    image = grey(image)
    frequency = _positive(frequency, "frequency")
    if not (np.isscalar(angle) and math.isfinite(angle)):
        raise ValueError(f"angle must be a number, in radians, not {angle!r}")
    image = image.astype(np.float32 if image.dtype.itemsize <= 4 else np.float64, copy=False)
    sigma = math.sqrt(math.log(2) / 2) / math.pi * 3 / frequency
    radius = math.ceil(max(3 * sigma * max(abs(math.cos(angle)), abs(math.sin(angle))), 1))
    steps = np.arange(radius + 1)
    weights = np.exp(-0.5 * (steps / sigma) ** 2) / (sigma * math.sqrt(2 * math.pi))
    waves = 2 * math.pi * frequency * steps * np.array([[math.cos(angle)], [math.sin(angle)]])
    cosines, sines = (
        (weights * np.cos(waves)).astype(image.dtype),
        (weights * np.sin(waves)).astype(image.dtype),
    )
    energy = np.empty_like(image)
    by_rows(_gabor, image.shape, np.pad(image, radius, mode="symmetric"), cosines, sines, energy)
    return energy


@kernel
def _gabor(first, last, padded, cosines, sines, energy):
    radius = cosines.shape[1] - 1
    even, odd = np.empty(padded.shape[1], padded.dtype), np.empty(padded.shape[1], padded.dtype)
    for y in range(first, last):
        real, imaginary = energy[y], np.empty(energy.shape[1], padded.dtype)
        for x in range(even.size):
            even[x], odd[x] = cosines[1, 0] * padded[y + radius, x], 0
        for k in range(1, radius + 1):
            _add_rows(padded[y + radius + k], padded[y + radius - k], cosines[1, k], sines[1, k], even, odd)
        for x in range(real.size):
            real[x], imaginary[x] = cosines[0, 0] * even[x + radius], cosines[0, 0] * odd[x + radius]
        for k in range(1, radius + 1):
            left, right = radius - k, radius + k
            _add_turned(
                even[left:],
                even[right:],
                odd[left:],
                odd[right:],
                cosines[0, k],
                sines[0, k],
                real,
                imaginary,
            )
        for x in range(real.size):
            real[x] = math.sqrt(real[x] * real[x] + imaginary[x] * imaginary[x])


@kernel
def _add_rows(below, above, cosine, sine, even, odd):
    for x in range(even.size):
        even[x] += cosine * (below[x] + above[x])
        odd[x] += sine * (below[x] - above[x])


@kernel
def _add_turned(even_left, even_right, odd_left, odd_right, cosine, sine, real, imaginary):
    """Add (even + i odd) times (cosine ± i sine) of the two neighbours at equal distance."""
    for x in range(real.size):
        real[x] += cosine * (even_left[x] + even_right[x]) - sine * (odd_right[x] - odd_left[x])
        imaginary[x] += cosine * (odd_left[x] + odd_right[x]) + sine * (even_right[x] - even_left[x])


def local_binary_pattern(image, points=8, radius=1.0):
    """Rotation-invariant uniform local binary pattern: which of the points on a circle are as bright as its centre?

    Only the signs of differences count: to add a number to the image, or to multiply it by one above 0, changes no
    pattern. (Another rising change, such as a gamma, changes some: between the pixels, values are interpolated.)

    1. Values at ``points`` places on the circle, between four pixels by bilinear interpolation.
    2. Bit 1 where the value is at least the centre's.
    3. Going round, count the changes between 0 and 1. At most two: an edge, a corner, a spot, a flat place; the
       pattern is the number of ones, 0 … points, whatever the rotation. More: no clear shape, the pattern points + 1.

    Parameters: image (H, W), any real dtype; points, 1 to 64; radius, above 0, in pixels. The border reflects
    between pixels.
    Returns: uint8 (H, W), 0 … points + 1; equal to ``skimage.feature.local_binary_pattern(…, "uniform")`` inside,
    but for ties (a flat place is one of ones only, exactly) and the border, where that one takes 0 outside.
    Raises TypeError or ValueError for a bad image, points or radius. Cost: about ten operations a point and pixel.

    Reference: Ojala, Pietikäinen & Mäenpää, Multiresolution gray-scale and rotation invariant texture classification
    with local binary patterns, IEEE Transactions on Pattern Analysis and Machine Intelligence 24, 2002,
    doi:10.1109/TPAMI.2002.1017623. Lesson 07.
    """
    image = grey(image)
    radius = _positive(radius, "radius")
    if not isinstance(points, int | np.integer) or not 1 <= points <= 64:
        raise ValueError(f"points must be a whole number from 1 to 64, not {points!r}")
    turns = 2 * np.pi * np.arange(points) / points
    places = np.round(np.stack([-radius * np.sin(turns), radius * np.cos(turns)]), 5)
    whole = np.floor(places).astype(np.int64)
    patterns = np.empty(image.shape, np.uint8)
    padded = np.pad(image.astype(np.float64), math.ceil(radius) + 1, mode="symmetric")
    by_rows(_patterns, image.shape, padded, whole, places - whole, patterns)
    return patterns


@kernel
def _patterns(first, last, padded, whole, part, patterns):
    height, width = patterns.shape
    border = (padded.shape[0] - height) // 2
    points = whole.shape[1]
    ones, changes = np.empty(width, np.uint8), np.empty(width, np.uint8)
    bits, before = np.empty(width, np.uint8), np.empty(width, np.uint8)
    for y in range(first, last):
        centre = padded[border + y, border:]
        ones[:], changes[:] = 0, 0
        for point in range(-1, points):  # the last point first, only to be the one before the first
            dy, dx = whole[0, point % points], border + whole[1, point % points]
            top, bottom = padded[border + y + dy, dx:], padded[border + y + dy + 1, dx:]
            down, across = part[0, point % points], part[1, point % points]
            for x in range(width):
                above = top[x] + across * (top[x + 1] - top[x])
                below = bottom[x] + across * (bottom[x + 1] - bottom[x])
                bits[x] = above + down * (below - above) >= centre[x]
            if point >= 0:
                for x in range(width):
                    ones[x] += bits[x]
                    changes[x] += bits[x] ^ before[x]
            bits, before = before, bits
        for x in range(width):
            patterns[y, x] = ones[x] if changes[x] <= 2 else points + 1


# -------------------------------------------------------------------------------------------------- checks


def _pair(function, *images):
    larger, smaller = np.empty_like(images[0]), np.empty_like(images[0])
    by_rows(function, larger.shape, *images, larger, smaller)
    return larger, smaller


def _positive(number, name):
    if not (np.isscalar(number) and not isinstance(number, str) and 0 < number < math.inf):
        raise ValueError(f"{name} must be a number above 0, not {number!r}")
    return float(number)


def _channels(image):
    """List of the image's channels, each (H, W), checked by ``filters.grey``."""
    array = np.asarray(image)
    if array.ndim != 3:
        return [grey(array)]
    if array.shape[2] == 0:
        raise ValueError(f"image has no channels: its shape is {array.shape}")
    array = grey(array.reshape(len(array), -1)).reshape(array.shape)
    return [np.ascontiguousarray(array[..., c]) for c in range(array.shape[2])]
