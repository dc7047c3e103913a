"""Part things that touch: distance transform, maxima as markers, and the watershed by flooding.

The insight: a grey image is a landscape. Water that rises from chosen sources meets on the crests between them,
and a queue ordered by height makes it rise: every pixel is entered once, at the height of the lowest pass that leads
there. Where the objects alone are known, as a mask, the distance to the background makes a landscape of them: each
is a hill, and two that touch are two hills with a saddle between. Taught in lesson 03.
"""

import heapq
import math
from typing import NamedTuple

import numpy as np

from course_utils.classic.filters import framed, grey, neighbours, numbers
from course_utils.classic.morphology import dilate, disk, square
from course_utils.kernel import by_rows, kernel

CLOSED = -(2**31)  # what the flood must not enter: outside the mask, outside the image, on a line


def distance_transform(mask):
    """Distance of each pixel of a mask to the nearest pixel outside it, in pixels; 0 outside.

    Exact: it is the root of ``squared_distance``, see there. Where the mask covers the whole image there is no such
    pixel, and the distance is infinite (which ``maxima`` and ``watershed`` refuse: such a mask has no outline to part).

    Parameters: mask, bool (H, W). Returns: float64 (H, W), equal to ``scipy.ndimage.distance_transform_edt``.
    Raises TypeError for a mask that is not bool, ValueError for a wrong shape. Lesson 03.
    """
    squared = squared_distance(mask)
    return np.sqrt(squared, out=squared)


def squared_distance(mask):
    """Squared distance of each pixel of a mask to the nearest pixel outside it: whole numbers, without rounding.

    The square of a distance is a sum, dx² + dy², so the nearest pixel is found in two steps along straight lines:

    1. Down and up each column: the distance g to the nearest pixel outside the mask in that column.
    2. Along each row: the answer at x is the least of (x − s)² + g(s)² over all columns s. These are parabolas of
       equal width, so any two of them cross once. Read from left to right and keep the *lower envelope*: a new
       parabola removes those before it that it undercuts before they would have become the lowest.
    3. Walk along the envelope and read off the values.

    A pixel outside the mask has g = 0 and hides everything behind it, so each run of the mask is done by itself.

    Parameters: mask, bool (H, W). Returns: float64 (H, W), each a whole number, or infinity where the mask covers
    the whole image. Raises TypeError for a mask that is not bool, ValueError for a wrong shape.
    Cost: linear; each parabola enters the envelope once and leaves it at most once.

    Reference: Felzenszwalb & Huttenlocher, Distance transforms of sampled functions, Theory of Computing 8, 2012,
    doi:10.4086/toc.2012.v008a019. Lesson 03.
    """
    pixels = _mask(mask)
    height, width = pixels.shape
    gaps = np.empty(pixels.shape, np.int32)
    by_rows(_column_gaps, (width, height), pixels, height + width, gaps, band=512)
    squared = np.empty(pixels.shape)
    by_rows(_lower_envelopes, pixels.shape, gaps, height + width, squared)
    return squared


@kernel
def _column_gaps(first, last, mask, none, gaps):
    """gaps[y, x] for the columns first to last - 1: distance to the nearest False in the column, at most ``none``."""
    height = mask.shape[0]
    above = np.full(last - first, none, np.int32)
    for y in range(height):
        row, here = mask[y, first:last], gaps[y, first:last]
        for x in range(here.size):
            here[x] = min(above[x] + 1, none) * row[x]
            above[x] = here[x]
    for y in range(height - 2, -1, -1):
        here, below = gaps[y, first:last], gaps[y + 1, first:last]
        for x in range(here.size):
            here[x] = min(here[x], below[x] + 1)


@kernel
def _lower_envelopes(first, last, gaps, none, squared):
    width = gaps.shape[1]
    site = np.empty(width, np.int64)  # the parabolas of the envelope, by their lowest points
    lift = np.empty(width)  # g² + s²: what the crossing of two parabolas is computed from
    begin = np.empty(width)  # from where on each is the lowest
    for y in range(first, last):
        row, out = gaps[y], squared[y]
        x = 0
        while x < width:
            if row[x] == 0:
                out[x] = 0.0
                x += 1
                continue
            start, stop = x, x
            while stop < width and row[stop] > 0:
                stop += 1
            count = 0
            for s in range(max(start - 1, 0), min(stop + 1, width)):
                if row[s] >= none:
                    continue  # no pixel outside the mask in that column
                height = float(row[s]) * row[s] + float(s) * s
                crossing = -np.inf
                while count > 0:
                    crossing = (height - lift[count - 1]) / (2 * (s - site[count - 1]))
                    if crossing > begin[count - 1]:
                        break
                    count -= 1
                site[count], lift[count] = s, height
                begin[count] = crossing if count > 0 else -np.inf
                count += 1
            lowest = 0
            for x in range(start, stop):
                while lowest + 1 < count and begin[lowest + 1] < x:
                    lowest += 1
                s = site[lowest]
                out[x] = float(row[s]) * row[s] + float(x - s) * (x - s) if count > 0 else np.inf
            x = stop


def maxima(image, connectivity=8):
    """Mask of the regional maxima: plateaus, of one pixel or more, from which every step to the outside goes down.

    1. A pixel with a higher neighbour, which a dilation finds, is no maximum.
    2. Nor is a pixel of the same height beside one that is none: spread this over the plateau, from a stack.

    Parameters: image (H, W), any real dtype; connectivity, 4 or 8. Minima are ``maxima`` of the negative.
    Returns: bool (H, W), equal to ``skimage.morphology.local_maxima`` but for an image of one value, which is one
    plateau with nothing above it and here a maximum (there, it is none).
    Raises TypeError or ValueError for a bad image (see ``filters.grey``), ValueError for another connectivity.
    Cost: linear. Reference: Soille, Morphological Image Analysis, Springer, 2003, doi:10.1007/978-3-662-05088-0,
    chapter 6. Lesson 03.
    """
    image = grey(image)
    highest = dilate(image, square(3) if connectivity == 8 else disk(1))
    heights, top = framed(image, 0), framed((image == highest).view(np.uint8), 2)
    _drop_slopes(heights.ravel(), neighbours(heights.shape[1], connectivity), top.ravel())
    return _inner(top).view(bool)


@kernel
def _drop_slopes(heights, steps, top):
    """top: 1 where no neighbour is higher, 0 elsewhere, 2 on the frame; what is not a maximum becomes 0."""
    stack = np.empty(heights.size, np.int32)
    for p in range(heights.size):
        count = 0
        if top[p] == 1:
            for step in steps:
                if top[p + step] == 0 and heights[p + step] == heights[p]:
                    top[p], stack[0], count = 0, p, 1
                    break
        while count > 0:
            count -= 1
            q = stack[count]
            for step in steps:
                if top[q + step] == 1 and heights[q + step] == heights[q]:
                    top[q + step], stack[count] = 0, q + step
                    count += 1


def h_maxima(image, h, connectivity=8):
    """Mask of the maxima that stand out by h: from each, the way to a higher one leads down by at least h.

    Texture and noise make many small maxima, a thing makes one large one; h tells them apart, so the components of
    this mask are good markers. (``maxima`` is the limit of small h.)

    1. Lower the image by h, and let it rise again as far as the image lets it (``reconstruct``).
    2. A small maximum is raised by what comes over its pass from higher ones; a maximum that stands out by h is
       where nothing came: the maxima where the lowered image stayed as it was.

    Parameters: image (H, W), any real dtype; h > 0, in its unit; connectivity, 4 or 8.
    Returns: bool (H, W). Equal to ``skimage.morphology.h_maxima`` for integers; for floats that function lowers the
    image by about 10⁻¹⁵ of each value (10⁻⁶ for float32) more than h, so that it may differ where a height is h to
    within that. As there, nothing stands out of an image whose range is below h.
    Raises TypeError or ValueError for a bad image (see ``filters.grey``), ValueError for h ≤ 0 or another connectivity.
    Cost: one reconstruction. Reference: Soille, Morphological Image Analysis, Springer, 2003,
    doi:10.1007/978-3-662-05088-0, chapter 6. Lesson 03.
    """
    image = grey(image)
    if not (np.isscalar(h) and 0 < h < np.inf):
        raise ValueError(f"h must be a number greater than 0, in the unit of the image, not {h!r}")
    if image.dtype.kind != "f":
        image = image.astype(np.int64 if h == int(h) else np.float64)
    lowered = image - image.dtype.type(h)
    if image.max() - image.min() < h:
        return np.zeros(image.shape, bool)
    return maxima(image, connectivity) & (reconstruct(lowered, image, connectivity) == lowered)


def reconstruct(start, ceiling, connectivity=8):
    """Morphological reconstruction: let ``start`` spread to its neighbours, again and again, under the ceiling.

    1. In reading order: each pixel takes the largest value among itself and the neighbours already read, but not more
       than its ceiling.
    2. The same backwards. Most of the image is now done; a pixel from which a neighbour could still rise is queued.
    3. Each queued pixel raises its neighbours, which join the queue.

    Parameters: start and ceiling (H, W), of one real dtype, start nowhere above ceiling; connectivity, 4 or 8.
    Returns: an array like ``start``, equal to ``skimage.morphology.reconstruction``.
    Raises TypeError or ValueError for bad images (see ``filters.grey``), ValueError where start is above ceiling.
    Cost: a few passes, and for each pixel that rises late as often as it does so.

    Reference: Vincent, Morphological grayscale reconstruction in image analysis, IEEE Transactions on Image
    Processing 2, 1993, doi:10.1109/83.217222. Lesson 03.
    """
    start, ceiling = grey(start, "start"), grey(ceiling, "ceiling")
    if start.shape != ceiling.shape or start.dtype != ceiling.dtype:
        raise ValueError(
            "start and ceiling must have one shape and one dtype, "
            f"but are {start.dtype} {start.shape} and {ceiling.dtype} {ceiling.shape}"
        )
    if (start > ceiling).any():
        raise ValueError("start must not be above ceiling; take numpy.minimum(start, ceiling)")
    lowest = start.min()
    level, limit = framed(start, lowest), framed(ceiling, lowest)
    _reconstruct(level.ravel(), limit.ravel(), neighbours(start.shape[1] + 2, connectivity))
    return _inner(level)


@kernel
def _reconstruct(level, limit, steps):
    size = level.size
    frame = max(steps)
    for p in range(frame, size - frame):
        for step in steps:
            if step < 0:
                level[p] = min(max(level[p], level[p + step]), limit[p])
    queue = np.empty(size, np.int32)  # a ring: nobody stands in it twice
    queued = np.zeros(size, np.uint8)
    head, count = 0, 0
    for p in range(size - frame - 1, frame - 1, -1):
        for step in steps:
            if step > 0:
                level[p] = min(max(level[p], level[p + step]), limit[p])
        for step in steps:
            q = p + step
            if step > 0 and queued[p] == 0 and level[q] < level[p] and level[q] < limit[q]:
                queue[count], queued[p] = p, 1
                count += 1
    while count > 0:
        p = queue[head]
        head, count, queued[p] = (head + 1) % size, count - 1, 0
        for step in steps:
            q = p + step
            if level[q] < level[p] and level[q] < limit[q]:
                level[q] = min(level[p], limit[q])
                if queued[q] == 0:
                    queue[(head + count) % size], queued[q] = q, 1
                    count += 1


class Flood(NamedTuple):
    """What ``flood`` gives.

    labels:  int32 (H, W), the marker whose water came to the pixel; 0 on lines and where no water came
    arrival: int32 (H, W), the pixel's place in the order in which water came, 0, 1, 2 …; -1 where none came
    """

    labels: np.ndarray
    arrival: np.ndarray


def watershed(elevation, markers, *, mask=None, connectivity=4, compactness=0.0, lines=False):
    """Marker-controlled watershed: flood a landscape from the markers; the basins are the regions.

    Water rises everywhere at the same time. Formally, each pixel goes to a marker from which it is reached over the
    lowest pass: among all paths, one whose highest pixel is lowest.

    1. One queue for each height. Put each marker pixel, in reading order, into the queue of its height.
    2. Take the first pixel of the lowest queue that is not empty; that queue's height is the water level now.
    3. Give each of its neighbours that is free its label, and put it last into the queue of its own height, or
       of the water level if that is higher, as a hollow behind a pass fills through the pass. Go on with 2.

    The tie rule is *first come, first served*: pixels leave by (height, order of entry). On a plateau that makes the
    fronts go on side by side, one step each, so the boundary lies half way. The neighbours are asked in the order
    above, left, right, below, then the corners in reading order.

    compactness > 0 adds its multiple of the distance, in pixels, from the marker pixel that the water came from to the
    height, which makes regions round (Neubert & Protzel); sorted by a heap, since these heights are not known before.
    lines=True leaves pixels with label 0 between regions: those that, when their turn comes, touch another
    region already. They still pass water on.

    Parameters: elevation (H, W), any real dtype; markers, integers (H, W), number of the source at its pixels and 0
    elsewhere; mask, bool (H, W), where water may go, by default everywhere; connectivity, 4 or 8; compactness, at least
    0, in grey values for a pixel of distance.
    Returns: int32 (H, W), see ``Flood``; a part of the mask without markers stays 0. Markers keep their labels, also
    where they touch.
    Equal to ``skimage.segmentation.watershed``, which has the same rule, where no two marker pixels have the same
    elevation: it takes those in the order in which its heap happens to hold them. With lines, it also overlooks a
    marker pixel that another region has touched, and with compactness it draws none.
    Raises TypeError or ValueError for a bad image (see ``filters.grey``), mask, markers or parameter, and for no marker
    in the mask.
    Cost: linear. Floats and large integers are ranked first, by a radix sort, which is linear, too. With compactness
    n log n, for the heap.

    Reference: Meyer, Un algorithme optimal pour la ligne de partage des eaux, 8e congrès RFIA, 1991; Beucher & Meyer,
    The morphological approach to segmentation: the watershed transformation, in Mathematical Morphology in Image
    Processing, 1993; Neubert & Protzel, Compact watershed and preemptive SLIC, ICPR 2014, doi:10.1109/ICPR.2014.181.
    Lesson 03.
    """
    labels, _ = _flooded(elevation, markers, mask, connectivity, compactness, lines)
    return np.maximum(labels[1:-1, 1:-1], 0)


def flood(elevation, markers, *, mask=None, connectivity=4, compactness=0.0, lines=False):
    """The watershed with its history: a ``Flood`` of the labels and the order in which the water came.

    The water level when it came to a pixel is the highest elevation at which it had arrived before, so
    ``arrival < n`` is a frame of the film. Parameters, errors and the rest as for ``watershed``.
    """
    labels, order = _flooded(elevation, markers, mask, connectivity, compactness, lines)
    arrival = np.full(labels.size, -1, np.int32)
    arrival[order] = np.arange(order.size)
    return Flood(np.maximum(labels[1:-1, 1:-1], 0), _inner(arrival.reshape(labels.shape)))


def _flooded(elevation, markers, mask, connectivity, compactness, lines):
    """(labels with their frame, the flooded pixels in order); see ``_flood`` for labels that are not regions."""
    elevation = grey(elevation, "elevation")
    labels = framed(_marked(markers, mask, elevation.shape), CLOSED)
    order = np.empty(labels.size, np.int32)
    steps = neighbours(labels.shape[1], connectivity)
    if not (np.isscalar(compactness) and 0 <= compactness < np.inf):
        raise ValueError(f"compactness must be a number, 0 or more, not {compactness!r}")
    if compactness > 0:
        height = framed(elevation.astype(np.float64), 0).ravel()
        options = (float(compactness), labels.shape[1], steps, bool(lines))
        count = _flood_compactly(height, *options, labels.ravel(), order)
    else:
        ranks, levels = _ranks(elevation)
        count = _flood(framed(ranks, 0).ravel(), levels, steps, bool(lines), labels.ravel(), order)
    return labels, order[:count]


@kernel
def _flood(height, levels, steps, lines, labels, order):
    """Fill labels and order, the pixels as they are flooded; returns how many.

    labels: n > 0 belongs to marker n, -n waits in a queue for it, 0 is free; CLOSED must not be entered.
    """
    counts = np.zeros(levels, np.int64)
    for p in range(labels.size):
        if labels[p] >= 0:
            counts[height[p]] += 1
    begin = (
        np.cumsum(counts) - counts
    )  # where in `waiting` the queue of each height lies, with room for all of it
    end = begin.copy()
    waiting = np.empty(labels.size, np.int32)
    for p in range(labels.size):
        if labels[p] > 0:
            waiting[end[height[p]]] = p
            end[height[p]] += 1
    flooded, entered = 0, 0  # order[flooded:entered] is the queue of the present height
    for present in range(levels):
        for i in range(begin[present], end[present]):
            order[entered] = waiting[i]
            entered += 1
        while flooded < entered:
            p = order[flooded]
            flooded += 1
            number = abs(labels[p])
            if labels[p] < 0:
                labels[p] = CLOSED if lines and _meets_another(p, number, steps, labels) else number
            for step in steps:
                q = p + step
                if labels[q] == 0:
                    labels[q] = -number
                    if height[q] <= present:
                        order[entered] = q
                        entered += 1
                    else:
                        waiting[end[height[q]]] = q
                        end[height[q]] += 1
    return entered


@kernel
def _meets_another(p, number, steps, labels):
    meets = False
    for step in steps:
        meets |= labels[p + step] > 0 and labels[p + step] != number
    return meets


@kernel
def _flood_compactly(height, compactness, width, steps, lines, labels, order):
    """As ``_flood``, by a heap. A pixel stands in it once for each offer of water that was lower than those before."""
    source = np.full(labels.size, -1, np.int32)  # the marker pixel that the lowest offer comes from
    lowest = np.full(labels.size, np.inf)
    queue = [(0.0, 0, 0)]  # height, order of entry, pixel
    queue.clear()
    entered, flooded = 0, 0
    for p in range(labels.size):
        if labels[p] > 0:
            source[p] = p
            queue.append((height[p], entered, p))
            entered += 1
    heapq.heapify(queue)
    while len(queue) > 0:
        present, _, p = heapq.heappop(queue)
        if lowest[p] == -np.inf:
            continue  # flooded already, by a lower offer
        lowest[p] = -np.inf
        order[flooded] = p
        flooded += 1
        s = source[p]
        if p != s:
            labels[p] = CLOSED if lines and _meets_another(p, labels[s], steps, labels) else labels[s]
        for step in steps:
            q = p + step
            if labels[q] == 0:
                dy, dx = q // width - s // width, q % width - s % width
                offer = max(height[q] + compactness * math.sqrt(dy * dy + dx * dx), present)
                if offer < lowest[q]:
                    lowest[q], source[q] = offer, s
                    heapq.heappush(queue, (offer, entered, q))
                    entered += 1
    return flooded


def _ranks(elevation):
    """(rank of each pixel's elevation, number of ranks): small whole numbers in the same order."""
    if elevation.dtype.kind == "u":
        return elevation, np.iinfo(elevation.dtype).max + 1
    least = elevation.min()
    if elevation.dtype.kind == "i" and int(elevation.max()) - int(least) < 2**16:
        return (elevation - least).astype(np.uint16), 2**16
    order = _sorted(_sortable(elevation.ravel()))
    ranks = np.empty(elevation.size, np.int32)
    count = _number(elevation.ravel(), order, ranks)
    return ranks.reshape(elevation.shape), count


def _sortable(values):
    """Unsigned integers in the order of the values: IEEE 754 has the bits of floats almost so."""
    bits = np.dtype(f"u{values.itemsize}").type
    top = bits(1 << (8 * values.itemsize - 1))
    if values.dtype.kind == "i":
        return values.view(bits) ^ top
    keys = (values + values.dtype.type(0)).view(bits)  # -0 + 0 is 0
    return np.where(keys & top, ~keys, keys | top)


def _sorted(keys):
    """Where the values stand in increasing order, int32: radix sort, 11 bits at a time, the lowest first."""
    order, other = np.arange(keys.size, dtype=np.int32), np.empty(keys.size, np.int32)
    for shift in range(0, 8 * keys.itemsize, 11):
        digits = (keys >> keys.dtype.type(shift)).astype(np.uint16) & np.uint16(2047)
        if (digits != digits[0]).any():
            _sort_by_digit(digits, order, other)
            order, other = other, order
    return order


@kernel
def _sort_by_digit(digits, order, out):
    begin = np.zeros(2048, np.int64)
    for digit in digits:
        begin[digit] += 1
    begin = np.cumsum(begin) - begin
    for p in order:
        out[begin[digits[p]]] = p
        begin[digits[p]] += 1


@kernel
def _number(values, order, ranks):
    rank = 0
    for i in range(order.size):
        if i > 0 and values[order[i]] != values[order[i - 1]]:
            rank += 1
        ranks[order[i]] = rank
    return rank + 1


def _marked(markers, mask, shape):
    """The markers as int32, CLOSED outside the mask."""
    markers = numbers(markers, "markers", shape)
    if mask is not None:
        inside = _mask(mask)
        if inside.shape != shape:
            raise ValueError(f"mask must have the shape of the image, {shape}, but has {inside.shape}")
        markers[inside == 0] = CLOSED
    if markers.max() <= 0:
        raise ValueError(
            "markers are needed: no pixel of markers is above 0" + ("" if mask is None else " in the mask")
        )
    return markers


def _mask(mask):
    if np.asarray(mask).dtype != bool:
        dtype = np.asarray(mask).dtype
        raise TypeError(f"mask must be bool, not {dtype}; compare it with something, for example mask > 0")
    return grey(mask, "mask")


def _inner(framed):
    return np.ascontiguousarray(framed[1:-1, 1:-1])
