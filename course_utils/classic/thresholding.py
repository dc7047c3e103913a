"""From grey values to a mask, by one number, by two, or by one for each pixel.

The insight: a threshold is a classifier with one feature, and all that it needs to know of a million pixels is
their histogram. Nearly every global method here scores each place where the histogram can be cut, by one formula
over three running sums, and takes the best (`li` iterates instead); local methods give each pixel the statistics of
its own window.

A pixel is bright when ``image > threshold``, strictly. For an image of one single value, methods with one
threshold return this value, so that nothing is bright; ``multi_otsu`` refuses it. Taught in lesson 02.
"""

from typing import NamedTuple

import numpy as np

from course_utils.classic.filters import box_mean_std, grey, grey_range
from course_utils.classic.morphology import keep, label
from course_utils.kernel import by_rows, kernel

WIDEST = 2**24  # distinct integers that a histogram may span
BAND = 256  # rows counted into a table of their own, so that threads do not wait for each other
LINE = 4096  # bytes in a row of 8-byte words


class Histogram(NamedTuple):
    """counts: int64 (n,), pixels in each bin; centres: (n,), the grey value in the middle of each bin."""

    counts: np.ndarray
    centres: np.ndarray


def histogram(image, bins=256):
    """How many pixels have each grey value.

    An 8-bit image has 256 bins, one for each value from 0 to 255, whatever occurs; a mask counts as values 0 and 1
    of these. Any other integer image has one bin for each value from its least to its greatest. A float image has
    ``bins`` bins of equal width from its least value to its greatest: a value on an edge belongs to the bin above
    it, but the greatest to the last bin. (A constant float image gets bins of total width 1 around its value.)
    ``bins`` does not matter to integers.

    Parameters: image (H, W), any real dtype; bins, at least 1.
    Returns: Histogram(counts int64 (n,), centres (n,)), centres int64 for integers, else float of the image's type.
    Equal to ``skimage.exposure.histogram``, which leaves out the empty ends of an 8-bit image.
    Raises TypeError or ValueError for a bad image (see ``filters.grey``), for fewer than 1 bin, and for integers
    that span more than 2²⁴ values. Cost: one pass; two more over a float image, for its range.
    """
    image, low, high = grey_range(image)
    if not isinstance(bins, int | np.integer) or bins < 1:
        raise ValueError(f"bins must be a whole number, at least 1, not {bins!r}")
    if image.dtype == np.uint8:
        return Histogram(_histogram_8bit(image), np.arange(256))
    if image.dtype.kind in "ui":
        if int(high) - int(low) >= WIDEST:
            raise ValueError(
                f"image spans the integers {low} to {high}, too many for a bin each; convert it to float"
            )
        counts = np.zeros(int(high) - int(low) + 1, np.int64)
        _count_integers(image.ravel(), low, counts)
        return Histogram(counts, np.arange(int(low), int(high) + 1))
    if low == high:
        low, high = low - image.dtype.type(0.5), high + image.dtype.type(0.5)
    span = float(high) - float(low)
    if span == np.inf:
        raise ValueError(f"image spans {low} to {high}, wider than a float can say; scale it down")
    edges = np.linspace(low, high, bins + 1, dtype=image.dtype)
    per_unit = bins / span if span > bins * np.finfo(float).tiny else 0.0
    centres = (edges[:-1] + edges[1:]) / 2
    edges[-1] = np.inf  # the greatest value belongs to the last bin
    tables = np.zeros((-(-len(image) // BAND), bins), np.int64)
    by_rows(_count_floats, image.shape, image, edges, per_unit, tables, band=BAND)
    return Histogram(tables.sum(axis=0), centres)


def _histogram_8bit(image):
    """Counts of the 256 values, from eight pixels at a time."""
    lines, rest = np.split(image.ravel(), [image.size // LINE * LINE])
    words = lines.view(np.uint64).reshape(-1, LINE // 8)
    tables = np.zeros((-(-len(words) // BAND), 8, 256), np.int64)
    by_rows(_count_bytes, (len(words), LINE), words, tables, band=BAND)
    return tables.sum(axis=(0, 1)) + np.bincount(rest, minlength=256)


@kernel
def _count_bytes(first, last, words, tables):
    table = tables[first // BAND]
    for word in words[first:last].ravel():
        for k in range(8):  # a table each: adding to an entry waits for the last addition to the same entry
            table[k, (word >> np.uint64(8 * k)) & np.uint64(255)] += 1


@kernel
def _count_integers(pixels, low, counts):
    for value in pixels:
        counts[value - low] += 1


@kernel
def _count_floats(first, last, image, edges, per_unit, tables):
    counts, low = tables[first // BAND], edges[0]
    one, end = np.uint64(1), np.uint64(counts.size - 1)  # unsigned: no check for negative indices
    for value in image[first:last].ravel():
        i = min(np.uint64((value - low) * per_unit), end)
        while value < edges[i]:  # the product was rounded; the edges decide
            i -= one
        while value >= edges[i + one]:
            i += one
        counts[i] += 1


def between_class_variance(counts, centres):
    """Otsu's criterion for every cut of a histogram: how far apart the means of its two sides lie.

    With w₀ the share of the pixels up to a bin, m their part of the mean and μ the mean of all,
    σ_B² = (μ w₀ − m)² / (w₀ (1 − w₀)) = w₀ (1 − w₀) (mean of the bright − mean of the dark)².

    1. w₀ and m for all cuts at once, as cumulative sums.
    2. The formula; 0 where a side is empty.

    Parameters: counts (n,) and centres (n,) of a histogram. Returns: float64 (n − 1,), in squared grey values; entry
    i is the cut after bin i. Raises ValueError for counts that are no histogram. Cost: one pass over the bins.
    Reference and lesson as for ``otsu``.
    """
    weight, total, _ = _running_sums(counts, centres)
    share, part, mean = weight[:-1] / weight[-1], total[:-1] / weight[-1], total[-1] / weight[-1]
    apart = (mean * share - part) ** 2
    spread = share * (1 - share)
    return np.divide(apart, spread, out=np.zeros(len(apart)), where=spread > 0)


def otsu(image, bins=256):
    """Otsu's threshold: the cut that parts the means of dark and bright the most.

    The variance of all pixels is the variance within the two sides plus the variance between them, so parting
    the means is the same as making both sides as uniform as possible. It does not look for the valley, and where
    one side is rare it cuts the larger one.

    1. The histogram.
    2. ``between_class_variance`` of every cut.
    3. The centre of the bin before the best cut, the first of equals.

    Parameters: image (H, W), any real dtype; bins, for float images. Returns: float; bright is image > threshold.
    Equal to ``skimage.filters.threshold_otsu``. Raises TypeError or ValueError for a bad image (see ``histogram``).
    Cost: the histogram's; the search is one pass over the bins.

    Reference: Otsu, A threshold selection method from gray-level histograms, IEEE Transactions on Systems, Man, and
    Cybernetics 9, 1979, doi:10.1109/TSMC.1979.4310076. Lesson 02.
    """
    return _best_cut(image, bins, lambda *of: -between_class_variance(*of))


def minimum_error_curve(counts, centres):
    """Kittler and Illingworth's criterion for every cut of a histogram: the lower, the better two Gaussians fit.

    Each side is taken for a Gaussian with its own weight P, deviation σ and mean; J says how badly two such bells
    describe the histogram: J = 1 + 2 (P₀ ln σ₀ + P₁ ln σ₁) − 2 (P₀ ln P₀ + P₁ ln P₁).

    1. Weight, mean and variance of both sides for all cuts, from cumulative sums.
    2. The formula; infinity where a side is empty.

    A side is never taken to be narrower than the values within one bin (variance: width² / 12). Without this floor
    any side of a single bin would have J = −∞.

    Parameters: counts (n,) and centres (n,) of a histogram. Returns: float64 (n − 1,); entry i is the cut after bin
    i. Raises ValueError for counts that are no histogram. Cost: one pass over the bins.
    Reference and lesson as for ``minimum_error``.
    """
    sums = _running_sums(counts, centres)
    everything = sums[:, -1:]
    width = abs(centres[1] - centres[0]) if len(centres) > 1 else 1
    criterion = np.ones(len(centres) - 1)
    for weight, total, squares in (sums[:, :-1], everything - sums[:, :-1]):
        with np.errstate(divide="ignore", invalid="ignore"):
            variance = np.maximum(squares / weight - (total / weight) ** 2, width**2 / 12)
            share = weight / everything[0]
            side = share * np.log(variance) - 2 * share * np.log(share)
        criterion += np.where(weight > 0, side, np.inf)
    return criterion


def minimum_error(image, bins=256):
    """Kittler and Illingworth's threshold: the cut at which two Gaussians, one a side, fit the histogram best.

    For such classes it comes close to the cut with the fewest mistakes. Otsu's criterion fits two Gaussians of equal
    weight and width; here each has its own, so a rare narrow class keeps its place beside a common wide one.

    1. The histogram.
    2. ``minimum_error_curve`` of every cut.
    3. The centre of the bin before the lowest, the first of equals.

    Parameters: image (H, W), any real dtype; bins, for float images. Returns: float; bright is image > threshold.
    Raises TypeError or ValueError for a bad image (see ``histogram``). Cost: the histogram's.

    Reference: Kittler & Illingworth, Minimum error thresholding, Pattern Recognition 19, 1986,
    doi:10.1016/0031-3203(86)90030-0. Lesson 02.
    """
    return _best_cut(image, bins, minimum_error_curve)


def cross_entropy(counts, centres):
    """Li and Lee's criterion for every cut of a histogram: what is lost when each side is painted in its mean.

    η = −Σ m ln μ over the two sides, with m the sum of a side's grey values and μ their mean, both above the least
    grey value that occurs; the term that no cut changes is left out. Infinity where a side is empty.

    Parameters: counts (n,) and centres (n,) of a histogram. Returns: float64 (n − 1,), per pixel; entry i is the cut
    after bin i. Raises ValueError for counts that are no histogram. Cost: one pass over the bins.
    Reference and lesson as for ``li``.
    """
    counts, centres = np.asarray(counts), np.asarray(centres, float)
    least = centres[np.argmax(counts > 0)] if counts.size else 0
    sums = _running_sums(counts, np.maximum(centres - least, 0), about=0)
    loss = np.zeros(len(centres) - 1)
    for weight, total, _ in (sums[:, :-1], sums[:, -1:] - sums[:, :-1]):
        mean = np.divide(
            total, weight, out=np.ones_like(total), where=(weight > 0) & (total > 0)
        )  # 0 ln 0 is 0
        loss -= np.where(weight > 0, total * np.log(mean), -np.inf)
    return loss / sums[0, -1]


def li(image):
    """Li's threshold: the least cross entropy between the image and its two-tone picture, found by iteration.

    Where the criterion (see ``cross_entropy``) is least, the threshold is the logarithmic mean of the two sides'
    means. So:

    1. Start from the mean of the image.
    2. The means of both sides, a and b, above the least grey value; the next threshold is (b − a) / (ln b − ln a).
    3. Repeat until the same pixels are dark as before.

    ``li_steps`` gives the thresholds on the way. The iteration ends in a minimum that need not be the lowest.

    Parameters: image (H, W), any real dtype. Returns: float; bright is image > threshold. Equal to
    ``skimage.filters.threshold_li`` with a small tolerance (by default that stops within half a grey step).
    Raises TypeError or ValueError for a bad image (see ``filters.grey``).
    Cost: the histogram of an integer image, some tens of passes over a float one.

    Reference: Li & Lee, Minimum cross entropy thresholding, Pattern Recognition 26, 1993,
    doi:10.1016/0031-3203(93)90115-D (the criterion); Li & Tam, An iterative algorithm for minimum cross entropy
    thresholding, Pattern Recognition Letters 19, 1998, doi:10.1016/S0167-8655(98)00057-9 (the iteration). Lesson 02.
    """
    return float(li_steps(image)[-1])


def li_steps(image):
    """The thresholds that ``li`` visits, float64 (n,), from the image's mean to its answer."""
    image = grey(image)
    least = float(image.min())
    if least == image.max():
        return np.array([least])
    dark_side = (
        _float_dark_side(image, least) if image.dtype.kind == "f" else _integer_dark_side(image, least)
    )
    pixels, total = dark_side(np.inf)
    thresholds, before = [total / pixels], -1
    while True:
        count, low = dark_side(thresholds[-1])
        if (
            count == before or low == 0
        ):  # low: only the least value is dark, and the logarithm of 0 is not a number
            return np.array(thresholds) + least
        before, dark, bright = count, low / count, (total - low) / (pixels - count)
        thresholds.append((bright - dark) / (np.log(bright) - np.log(dark)))


def _integer_dark_side(image, least):
    counts, values = histogram(image)
    above = values - least

    def dark_side(threshold):
        """How many pixels are at most ``threshold`` above the least, and the sum of what they are above it."""
        dark = above <= threshold
        return counts[dark].sum(), (counts * above)[dark].sum()

    return dark_side


def _float_dark_side(image, least):
    counts, sums = np.empty(len(image), np.int64), np.empty(len(image))

    def dark_side(threshold):
        by_rows(_dark_rows, image.shape, image, least, float(threshold), counts, sums)
        return counts.sum(), sums.sum()

    return dark_side


@kernel
def _dark_rows(first, last, image, least, threshold, counts, sums):
    for y in range(first, last):
        count, total = 0, 0.0
        for x in range(image.shape[1]):
            above = image[y, x] - least
            dark = above <= threshold
            count += dark
            total += above * dark
        counts[y], sums[y] = count, total


def multi_otsu(image, classes=3, bins=256):
    """Otsu for several classes: the cuts that make all classes together as uniform as possible.

    Trying all cuts takes binsᶜ⁻¹ steps. But the best cuts of a prefix of the histogram do not depend on what comes
    after it, and the last of them only moves up as the prefix grows:

    1. Running sums of the non-empty bins; a class from bin i to j scores (its sum)² / (its weight), the part of
       the between-class variance that depends on the cuts.
    2. For 2, 3 … classes and each prefix: the best place for the last cut, searched only between the places found
       for a shorter and a longer prefix.
    3. Walk back from the whole histogram: each class ends where the one after it begins.

    Parameters: image (H, W), any real dtype; classes, at least 2; bins, for float images.
    Returns: float64 (classes − 1,), increasing; class k is what lies above k of them (``numpy.digitize(image,
    thresholds, right=True)``). Equal to ``skimage.filters.threshold_multiotsu``.
    Raises TypeError or ValueError for a bad image (see ``histogram``), ValueError for fewer non-empty bins than
    classes. Cost: the histogram's, and classes × bins × log(bins).

    Reference: Liao, Chen & Chung, A fast algorithm for multilevel thresholding, Journal of Information Science and
    Engineering 17, 2001, doi:10.6688/JISE.2001.17.5.1 (the criterion); Galil & Park, Dynamic programming with
    convexity, concavity and sparsity, Theoretical Computer Science 92, 1992, doi:10.1016/0304-3975(92)90135-3 (the
    search). Lesson 02.
    """
    if not isinstance(classes, int | np.integer) or classes < 2:
        raise ValueError(f"classes must be a whole number, at least 2, not {classes!r}")
    counts, centres = histogram(image, bins)
    counts, centres = counts[counts > 0], centres[counts > 0]
    if len(counts) < classes:
        raise ValueError(
            f"image has only {len(counts)} different grey values (or bins), too few for {classes} classes"
        )
    weight, total, _ = np.pad(_running_sums(counts, centres), ((0, 0), (1, 0)))
    begin = np.zeros((classes, len(counts) + 1), np.int64)
    _last_cuts(weight, total, begin)
    cuts = [begin[classes - 1, len(counts)]]
    while len(cuts) < classes - 1:
        cuts.append(begin[classes - 1 - len(cuts), cuts[-1]])
    return centres[np.array(cuts[::-1]) - 1].astype(float)


@kernel
def _last_cuts(weight, total, begin):
    """begin[c, j]: where the last of c + 1 classes begins in the best partition of the first j bins."""
    bins = weight.size - 1
    score = np.zeros(bins + 1)
    score[1:] = total[1:] ** 2 / weight[1:]  # one class
    for c in range(1, begin.shape[0]):
        longer = np.full(bins + 1, -np.inf)
        step = 1
        while 2 * step <= bins:
            step *= 2
        while step > 0:  # prefixes at every 2ⁿ-th bin, then those half way between
            for j in range(step, bins + 1, 2 * step):
                low = max(c, begin[c, j - step])
                high = begin[c, j + step] if j + step <= bins else j - 1
                begin[c, j] = c
                for i in range(low, min(high, j - 1) + 1):
                    candidate = score[i] + (total[j] - total[i]) ** 2 / (weight[j] - weight[i])
                    if candidate > longer[j]:
                        longer[j] = candidate
                        begin[c, j] = i
            step //= 2
        score = longer


def niblack(image, window=25, k=0.2):
    """Niblack's local threshold: the mean of each pixel's window less k times its standard deviation.

    In a window of ink and paper the mean lies between them. In a window of paper alone it lies amid the noise,
    where some pixels are always darker than mean − k·std: there Niblack finds specks.

    1. ``box_mean_std`` of the window around each pixel.
    2. mean − k·std.

    Parameters: image (H, W), any real dtype; window, odd side in pixels; k, larger calls more pixels bright.
    Returns: float (H, W), thresholds of the dtype of ``box_mean_std``; bright is image > threshold.
    Equal to ``skimage.filters.threshold_niblack``. Raises as ``box_mean_std``. Cost: that of ``box_mean_std``.

    Reference: Niblack, An Introduction to Digital Image Processing, Prentice-Hall, 1986. Lesson 02.
    """
    mean, threshold = box_mean_std(image, window)
    threshold *= -k
    threshold += mean
    return threshold


def sauvola(image, window=25, k=0.2, r=None):
    """Sauvola's local threshold: below the mean by a share that is large where the window is flat.

    mean · (1 + k (std / r − 1)). Where the window holds ink and paper, std is large and the threshold not far below
    the mean, which it never exceeds; where it holds paper alone, std is near 0 and the threshold drops by the share
    k, out of reach of the paper's noise. It asks for dark objects on a bright ground.

    1. ``box_mean_std`` of the window around each pixel.
    2. The formula.

    Parameters: image (H, W), any real dtype, not negative; window, odd side in pixels; k, 0 to 1; r, the largest
    standard deviation there is, by default half the range of the image's type: 0.5 for floats, which are taken to
    lie in [0, 1], and for masks, 127.5 for 8 bits. (scikit-image takes 1 for floats, by a range from −1 to 1.)
    Returns: float (H, W), thresholds of the dtype of ``box_mean_std``; bright is image > threshold.
    Equal to ``skimage.filters.threshold_sauvola`` for the same r. Raises as ``box_mean_std``, and ValueError for
    r ≤ 0. Cost: that of ``box_mean_std``.

    Reference: Sauvola & Pietikäinen, Adaptive document image binarization, Pattern Recognition 33, 2000,
    doi:10.1016/S0031-3203(99)00055-2. Lesson 02.
    """
    if r is None:
        dtype = np.asarray(image).dtype
        r = (int(np.iinfo(dtype).max) - int(np.iinfo(dtype).min)) / 2 if dtype.kind in "ui" else 0.5
    if not r > 0:
        raise ValueError(f"r must be greater than 0, not {r!r}")
    mean, threshold = box_mean_std(image, window)
    threshold *= k / r
    threshold += 1 - k
    threshold *= mean
    return threshold


def hysteresis(image, low, high):
    """Two thresholds: pixels above ``low`` count only where they hang together with one above ``high``.

    1. Label the 4-connected components of image > low.
    2. Keep those that hold a pixel with image > high.

    Parameters: image (H, W), any real dtype; low ≤ high. Returns: mask, bool (H, W), equal to
    ``skimage.filters.apply_hysteresis_threshold``. Raises TypeError or ValueError for a bad image (see
    ``filters.grey``), ValueError for low > high. Cost: one labelling and two passes.

    Reference: Canny, A computational approach to edge detection, IEEE Transactions on Pattern Analysis and Machine
    Intelligence 8, 1986, doi:10.1109/TPAMI.1986.4767851. Lesson 02; edges in lesson 03.
    """
    image = grey(image)
    if not low <= high:
        raise ValueError(f"low must not be above high, but low is {low!r} and high {high!r}")
    labels = label(image > low)
    strong = np.zeros(int(labels.max()) + 1, bool)
    _mark(labels, image > high, strong)
    return keep(labels, strong)


@kernel
def _mark(labels, mask, marked):
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            if mask[y, x]:
                marked[labels[y, x]] = True


def _best_cut(image, bins, criterion):
    """Centre of the bin before the cut where criterion(counts, centres) is least, the first of equals."""
    if bins < 2:
        raise ValueError(f"bins must be at least 2, or there is nothing to cut, but is {bins!r}")
    counts, centres = histogram(image, bins)
    if np.count_nonzero(counts) == 1:  # a constant image
        return float(np.asarray(image).flat[0])
    return float(centres[np.argmin(criterion(counts, centres))])


def _running_sums(counts, centres, about=None):
    """Cumulative sums over the bins, float64 (3, n): of the pixels, of their values and of their squares.

    Values count from ``about``, by default the middle bin, so that their squares stay small beside their spread.
    """
    counts, centres = np.asarray(counts, float), np.asarray(centres, float)
    if counts.ndim != 1 or counts.shape != centres.shape or counts.size == 0:
        raise ValueError(
            f"counts and centres must be of one length, but have shapes {counts.shape}, {centres.shape}"
        )
    if not np.isfinite(counts).all() or counts.min() < 0 or counts.max() == 0:
        raise ValueError("counts must be numbers of pixels: finite, none negative, and not all zero")
    values = centres - (centres[len(centres) // 2] if about is None else about)
    return np.cumsum([counts, counts * values, counts * values**2], axis=1)
