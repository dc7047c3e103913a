"""Shapes of a mask: grow, shrink, clean, fill and count.

The insight: flat erosion and dilation are the smallest and the largest value under a footprint, the other operators
are made of these two, and every footprint is a pile of horizontal runs. Connected components are a question about
runs too: which of them touch? Working in runs makes the cost follow the outline of things instead of their area.
Taught in lesson 02.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from course_utils.classic.filters import grey
from course_utils.kernel import by_rows, kernel


def disk(radius):
    """Footprint, bool (2r + 1, 2r + 1), of the pixels at most ``radius`` from the centre; r is its whole part."""
    if not (np.isscalar(radius) and 0 <= radius < np.inf):
        raise ValueError(f"radius must be a number of pixels, 0 or more, not {radius!r}")
    line = np.arange(-int(radius), int(radius) + 1)
    return line**2 + line[:, None] ** 2 <= radius**2


def square(side):
    """Footprint, bool (side, side), all True; ``side`` is odd, so that it has a centre."""
    if not isinstance(side, int | np.integer) or side < 1 or side % 2 == 0:
        raise ValueError(f"side must be an odd whole number of pixels, not {side!r}")
    return np.ones((side, side), bool)


def erode(image, footprint):
    """The smallest value under the footprint laid on each pixel; of a mask, where the footprint fits inside.

    Pixels outside the image do not count. Erosion of the image is dilation of its negative, negated, with the
    footprint turned half round: ``erode(m, f) == ~dilate(~m, f[::-1, ::-1])``.

    1. Cut the footprint into horizontal runs.
    2. Of each row of the image, the smallest value of 2, 4, 8 … pixels side by side, each from two of the last.
    3. A run of any length is two of these, overlapping; put its smallest value into the row that the run serves.

    Parameters: image (H, W), a mask or any real dtype; footprint, bool, odd sides, its centre on the pixel.
    Returns: an array like ``image``. Where the footprint covers no pixel of the image, as one without its centre
    can, the answer is the largest value of the dtype.
    Raises TypeError or ValueError for a bad image (see ``grey``) or footprint.
    Cost: about one operation a pixel for each row of the footprint, and two for each different run in it.

    Reference: Urbach & Wilkinson, Efficient 2-D grayscale morphological transformations with arbitrary flat
    structuring elements, IEEE Transactions on Image Processing 17, 2008, doi:10.1109/TIP.2007.912582. Lesson 02.
    """
    return _extreme(image, _footprint(footprint), False)


def dilate(image, footprint):
    """The largest value under the footprint, turned half round, laid on each pixel.

    Of a mask: everything that the footprint covers when its centre visits every pixel of the mask. Steps,
    parameters, cost and reference as for ``erode``; equal to ``scipy.ndimage.grey_dilation`` without its border.
    """
    return _extreme(image, _footprint(footprint)[::-1, ::-1], True)


def opening(image, footprint):
    """Erosion, then dilation: what remains of a mask is where the whole footprint fits.

    Bright things into which the footprint does not fit vanish, and of others the corners that it does not reach.
    Doing it again changes nothing.
    Parameters, errors and cost as for ``erode``. Reference: Serra, Image Analysis and Mathematical Morphology,
    Academic Press, 1982. Lesson 02.
    """
    return dilate(erode(image, footprint), footprint)


def closing(image, footprint):
    """Dilation, then erosion: dark gaps into which the footprint does not fit are filled.

    Parameters, errors, cost and reference as for ``opening``, whose mirror image it is.
    """
    return erode(dilate(image, footprint), footprint)


@kernel
def _extremes(first, last, image, chords, largest, empty, out):
    height, width = image.shape
    left, right = max(-chords[:, 0].min(), 0), max((chords[:, 0] + chords[:, 1]).max() - 1, 0)
    reach = np.abs(chords[:, 2]).max()
    runs = np.full(
        (2, left + width + right), empty
    )  # the extreme of `size` neighbours; room for twice the size
    chord_row = np.full(width, empty)
    for y in range(first - reach, last + reach):
        if first <= y + reach < last:
            _fill(out[y + reach], empty)  # no row above y serves this one
        if not 0 <= y < height:
            continue
        size, now = 1, 0
        _fill(runs[0], empty)
        _copy(image[y], runs[0, left : left + width])
        for c in range(len(chords)):
            start, length, dy = chords[c]
            if c == 0 or start != chords[c - 1, 0] or length != chords[c - 1, 1]:
                while 2 * size <= length:
                    _pick(runs[now], runs[now, size:], largest, runs[1 - now, :-size])
                    size, now = 2 * size, 1 - now
                begin = left + start
                _pick(runs[now, begin:], runs[now, begin + length - size :], largest, chord_row)
            if first <= y - dy < last:
                _improve(out[y - dy], chord_row, largest)


@kernel
def _fill(row, value):
    for x in range(row.size):
        row[x] = value


@kernel
def _copy(row, out):
    for x in range(row.size):
        out[x] = row[x]


@kernel
def _pick(left, right, largest, out):
    for x in range(out.size):
        out[x] = left[x] if (left[x] > right[x]) == largest else right[x]


@kernel
def _improve(best, row, largest):
    for x in range(best.size):
        best[x] = best[x] if (best[x] > row[x]) == largest else row[x]


def _extreme(image, footprint, largest):
    pixels = grey(image)
    dtype = np.asarray(image).dtype
    if dtype.kind == "b":
        lowest, highest = 0, 1
    else:
        limits = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
        lowest, highest = limits.min, limits.max
    out = np.empty_like(pixels)
    empty = pixels.dtype.type(lowest if largest else highest)
    chords = _chords(footprint.shape, footprint.tobytes())
    band = max(256, 4 * len(footprint))  # each band reads a footprint's rows beyond its own
    by_rows(_extremes, pixels.shape, pixels, chords, largest, empty, out, band=band)
    return out.view(bool) if dtype.kind == "b" else out.astype(dtype, copy=False)


def _footprint(footprint):
    array = np.asarray(footprint)
    if array.ndim != 2 or not all(side % 2 for side in array.shape):
        raise ValueError(
            f"footprint must have two odd sides, so that it has a centre, but its shape is {array.shape}"
        )
    if not array.any():
        raise ValueError("footprint has no pixel: at least one must be True")
    return array != 0


@lru_cache(maxsize=64)
def _chords(shape, pixels):
    """A footprint's runs, int64 (n, 3): start, length, dy, with start and dy counted from its centre.

    Shorter runs come first, equal ones together.
    """
    footprint = np.frombuffer(pixels, bool).reshape(shape)
    rows, columns = np.nonzero(np.diff(np.pad(footprint, ((0, 0), (1, 1))).astype(np.int8), axis=1))
    start, end = columns[0::2], columns[1::2]
    height, width = footprint.shape
    chords = np.stack([start - width // 2, end - start, rows[0::2] - height // 2], axis=1)
    return chords[np.lexsort((chords[:, 2], chords[:, 0], chords[:, 1]))]


def label(mask, connectivity=4):
    """Number the connected components of a mask: 1 … n in the order in which a reader meets them, 0 background.

    Two passes, over runs instead of pixels:

    1. Note where each row changes between background and object: the runs.
    2. A run joins every run of the row above that it touches. ``parent`` is a forest (union-find): each run points
       to an earlier run of the same component, the first of each to itself.
    3. In reading order, give each root the next number and each other run the number of its parent.
    4. Paint the runs.

    Parameters: mask, bool (H, W); connectivity, 4 (sides touch) or 8 (corners too).
    Returns: int32 (H, W), equal to ``scipy.ndimage.label`` and ``skimage.measure.label``.
    Raises TypeError for a mask that is not bool, ValueError for another connectivity.
    Cost: linear in the pixels for 1 and 4; at most n log n in the runs for 2 and 3.

    Reference: Rosenfeld & Pfaltz, Sequential operations in digital picture processing, Journal of the ACM 13, 1966,
    doi:10.1145/321356.321357; Tarjan & van Leeuwen, Worst-case analysis of set union algorithms, Journal of the ACM
    31, 1984, doi:10.1145/62.2160. Lesson 02.
    """
    pixels = _bits(mask)
    runs = _components(pixels, _checked(connectivity))
    return _painted(pixels, runs, runs.number, np.int32)


class _Runs(NamedTuple):
    """Row y's runs are first[y] … first[y + 1] − 1; each covers columns start … end − 1, of component ``number``."""

    first: np.ndarray
    start: np.ndarray
    end: np.ndarray
    number: np.ndarray

    def by_component(self, values):
        """Sum of the runs' values in each component, (n + 1,); entry 0 is the background's."""
        return np.bincount(self.number, values, minlength=1)


def _components(pixels, connectivity):
    first = np.zeros(len(pixels) + 1, np.int64)
    by_rows(_count_edges, pixels.shape, pixels, first[1:])
    np.cumsum(first, out=first)
    edges = np.empty(first[-1] + 1, np.int32)
    by_rows(_find_edges, pixels.shape, pixels, first, edges)
    number = np.empty(first[-1] // 2, np.int32)
    _join_runs(edges, first, connectivity == 8, number)
    number_roots(number)
    return _Runs(first // 2, edges[:-1:2], edges[1::2], number)


def _painted(pixels, runs, values, dtype, rest=0):
    """Image (H, W) with one value for each run, and the rest outside them."""
    image = np.empty(pixels.shape, dtype)
    by_rows(_paint, pixels.shape, pixels, runs.first, values, image.dtype.type(rest), image)
    return image


@kernel
def _count_edges(start, stop, mask, counts):
    for y in range(start, stop):
        row, ahead = mask[y], mask[y, 1:]
        count = row[0] + row[-1]
        for x in range(ahead.size):
            count += row[x] ^ ahead[x]
        counts[y] = count


@kernel
def _find_edges(start, stop, mask, first, edges):
    """Row y's runs begin and end at edges[n], edges[n + 1] for n = first[y], first[y] + 2, … below first[y + 1]."""
    for y in range(start, stop):
        row = mask[y]
        n = first[y]
        before = row[0] & 0
        for x in range(row.size):
            if n < first[y + 1]:
                edges[n] = x  # written at every pixel, kept where the value changes: no branch to guess wrong
            n += row[x] ^ before
            before = row[x]
        if before:
            edges[n] = row.size


@kernel
def _join_runs(edges, first, corners, parent):
    for y in range(first.size - 1):
        above, above_end = first[max(y - 1, 0)], first[y]
        for run in range(first[y], first[y + 1], 2):
            parent[run // 2] = run // 2
            while above < above_end and edges[above + 1] + corners <= edges[run]:
                above += 2  # it ends before this run begins
            while above < above_end and edges[above] < edges[run + 1] + corners:
                a, b = find_root(parent, above // 2), find_root(parent, run // 2)
                parent[max(a, b)] = min(a, b)
                if edges[above + 1] > edges[run + 1]:
                    break  # it may touch the next run of this row, too
                above += 2


@kernel
def find_root(parent, node):
    """The root of a node's tree in the forest ``parent``, in which a root points to itself."""
    while parent[node] != node:
        parent[node] = parent[parent[node]]  # halve the path for whoever comes next
        node = parent[node]
    return node


@kernel
def number_roots(parent):
    """Each root becomes the next number from 1, each other node its parent's, which comes before it."""
    count = 0
    for node in range(parent.size):
        if parent[node] == node:
            count += 1
            parent[node] = count
        else:
            parent[node] = parent[parent[node]]


@kernel
def _paint(start, stop, mask, first, values, rest, image):
    for y in range(start, stop):
        row, out = mask[y], image[y]
        run, before = first[y] - 1, row[0] & 0
        for x in range(row.size):
            run += row[x] & ~before
            before = row[x]
            out[x] = values[run] if row[x] else rest


def areas(labels):
    """Pixels of each number in a label image: int64 (n + 1,), where n is the largest; entry 0 is the background.

    Parameters: labels, integers (H, W), none negative; a mask is taken as the labels 0 and 1.
    Raises TypeError for labels that are not integers, ValueError for negative ones. Cost: one pass. Lesson 02.
    """
    labels = _labels(labels)
    counts = np.zeros(int(labels.max()) + 1, np.int64)
    _areas(labels.ravel(), counts)
    return counts


@kernel
def _areas(labels, counts):
    current, length = labels[0], 0
    for number in labels:
        if number != current:  # count a run at once: adding 1 to the same entry again and again would stall
            counts[current] += length
            current, length = number, 0
        length += 1
    counts[current] += length


def keep(labels, chosen):
    """Mask of the pixels whose number is chosen: ``chosen[labels]``, in one quick pass.

    Parameters: labels, integers (H, W), none negative; chosen, bool (n + 1,) with n at least the largest number.
    Returns: bool (H, W). Raises TypeError or ValueError when these do not fit.
    """
    labels, chosen = _labels(labels), np.asarray(chosen)
    if chosen.dtype != bool or chosen.ndim != 1 or len(chosen) <= labels.max():
        raise ValueError(
            f"chosen must be bool with an entry for each of the numbers 0 to {labels.max()}, "
            f"but is {chosen.dtype} of shape {chosen.shape}"
        )
    mask = np.empty(labels.shape, bool)
    by_rows(_keep, labels.shape, labels, chosen, mask)
    return mask


@kernel
def _keep(first, last, labels, chosen, mask):
    for y in range(first, last):
        row, out = labels[y], mask[y]
        for x in range(row.size):
            out[x] = chosen[row[x]]


def remove_small(mask_or_labels, area, connectivity=4):
    """Drop the components of a mask, or the regions of a label image, that have fewer than ``area`` pixels.

    Parameters: mask, bool (H, W), whose components count with that connectivity, or labels, integers (H, W), whose
    regions count as they are numbered, connected or not; area, in pixels.
    Returns: an array like the first; the numbers of the regions that stay do not change.
    Raises TypeError or ValueError for a bad mask or labels. Cost: one labelling. Lesson 02.
    """
    if np.asarray(mask_or_labels).dtype == bool:
        return _chosen(mask_or_labels, connectivity, lambda areas: areas >= area)
    large = keep(mask_or_labels, areas(mask_or_labels) >= area)
    return np.where(large, mask_or_labels, np.asarray(mask_or_labels).dtype.type(0))


def largest(mask, connectivity=4):
    """Mask of the component with the most pixels, the first in reading order of those; empty for an empty mask.

    Parameters, errors and cost as for ``label``.
    """
    return _chosen(mask, connectivity, lambda areas: np.arange(areas.size) == np.argmax(areas))


def _chosen(mask, connectivity, choose):
    """Mask of the components that ``choose(areas)`` marks."""
    pixels = _bits(mask)
    runs = _components(pixels, _checked(connectivity))
    chosen = choose(runs.by_component(runs.end - runs.start))
    return _painted(pixels, runs, chosen[runs.number], bool)


def fill_holes(mask):
    """Fill the background that cannot be reached from the image's border by steps to the side.

    1. Label the background, 4-connected, so that an 8-connected ring already encloses.
    2. A background component with no pixel on the border is a hole: it joins the mask.

    Parameters: mask, bool (H, W). Returns: bool (H, W), equal to ``scipy.ndimage.binary_fill_holes``.
    Raises TypeError for a mask that is not bool. Cost: one labelling.
    Reference: Soille, Morphological Image Analysis, Springer, 2003, doi:10.1007/978-3-662-05088-0. Lesson 02.
    """
    background = 1 - _bits(mask)
    runs = _components(background, 4)
    open_ = (runs.start == 0) | (runs.end == background.shape[1])
    open_[: runs.first[1]] = open_[runs.first[-2] :] = True
    hole = runs.by_component(open_) == 0
    return _painted(background, runs, hole[runs.number], bool, rest=True)


def _checked(connectivity):
    if connectivity not in (4, 8):
        raise ValueError(f"connectivity must be 4 (sides) or 8 (sides and corners), not {connectivity!r}")
    return connectivity


def _labels(labels):
    array = np.asarray(labels)
    if array.dtype.kind not in "bui":
        raise TypeError(f"labels must be integers, not {array.dtype}")
    array = array.view(np.uint8) if array.dtype == bool else array
    if array.ndim != 2 or array.size == 0:
        raise ValueError(
            f"labels must have shape (H, W) and at least one pixel, but their shape is {array.shape}"
        )
    if array.dtype.kind == "i" and array.min() < 0:
        raise ValueError(f"labels must not be negative, but the least is {array.min()}")
    return np.ascontiguousarray(array)


def _bits(mask, name="mask"):
    if np.asarray(mask).dtype != bool:
        dtype = np.asarray(mask).dtype
        raise TypeError(
            f"{name} must be bool, not {dtype}; compare it with something, for example {name} > 0"
        )
    return grey(mask, name)
