"""From grey values to a mask, by one number, by two, or by one for each pixel.

The insight: a threshold is a classifier with one feature, and all that it needs to know of a million pixels is
their histogram. Every global method here scores each place where the histogram can be cut, by one formula over
three running sums, and takes the best; local methods give each pixel the statistics of its own window.

A pixel is bright when ``image > threshold``, strictly. For an image of one single value every global method
returns this value, so that nothing is bright. Taught in lesson 02.
"""

from typing import NamedTuple

import numpy as np

from course_utils.classic.filters import box_mean_std, grey
from course_utils.classic.morphology import keep, label
from course_utils.kernel import kernel

WIDEST = 2**24  # distinct integers that a histogram may span


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
    image = grey(image)
    if not isinstance(bins, int | np.integer) or bins < 1:
        raise ValueError(f"bins must be a whole number, at least 1, not {bins!r}")
    if image.dtype == np.uint8:
        return Histogram(_histogram_8bit(image), np.arange(256))
    low, high = image.min(), image.max()
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
    edges = np.linspace(low, high, bins + 1, dtype=image.dtype)
    counts = np.zeros(bins, np.int64)
    _count_floats(image.ravel(), edges, bins / (float(high) - float(low)), counts)
    return Histogram(counts, (edges[:-1] + edges[1:]) / 2)


def _histogram_8bit(image):
    """Counts of the 256 values, from eight pixels at a time."""
    pixels = image.ravel()
    words, rest = pixels[: pixels.size // 8 * 8].view(np.uint64), pixels[pixels.size // 8 * 8 :]
    tables = np.zeros((8, 256), np.int64)
    _count_bytes(words, tables)
    return tables.sum(axis=0) + np.bincount(rest, minlength=256)


@kernel
def _count_bytes(words, tables):
    for word in words:
        for k in range(8):  # a table each: adding to an entry waits for the last addition to the same entry
            tables[k, (word >> np.uint64(8 * k)) & np.uint64(255)] += 1


@kernel
def _count_integers(pixels, low, counts):
    for value in pixels:
        counts[value - low] += 1


@kernel
def _count_floats(pixels, edges, per_unit, counts):
    last = counts.size - 1
    for value in pixels:
        i = min(int((value - edges[0]) * per_unit), last)
        if value < edges[i]:  # the product was rounded; the edges decide
            i -= 1
        elif i < last and value >= edges[i + 1]:
            i += 1
        counts[i] += 1


class _Sides(NamedTuple):
    """For each cut, after bin i: share of the pixels, mean and variance of the dark and of the bright side."""

    dark: tuple
    bright: tuple


def _sides(counts, centres):
    """Both sides of all n − 1 cuts of a histogram, in one cumulative pass from either end.

    Each side is (weight, mean, variance), three arrays (n − 1,); the mean of an empty side is NaN.
    """
    counts, centres = np.asarray(counts, float), np.asarray(centres, float)
    if counts.ndim != 1 or counts.shape != centres.shape or counts.size == 0:
        raise ValueError(
            f"counts and centres must have one length, but have shapes {counts.shape}, {centres.shape}"
        )
    if not (counts >= 0).all() or not counts.any() or not np.isfinite(counts).all():
        raise ValueError("counts must be numbers of pixels: none negative, and not all zero")
    middle = centres[np.argmax(np.cumsum(counts) >= counts.sum() / 2)]  # near the data: squares stay small

    def running(order):
        n, x = counts[order], centres[order] - middle
        weight, total, squares = np.cumsum(n), np.cumsum(n * x), np.cumsum(n * x * x)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = total / weight
            variance = np.maximum(squares / weight - mean**2, 0)
        return weight / weight[-1], mean + middle, variance

    forward, backward = slice(None), slice(None, None, -1)
    dark = tuple(values[:-1] for values in running(forward))
    bright = tuple(values[::-1][1:] for values in running(backward))
    return _Sides(dark, bright)
