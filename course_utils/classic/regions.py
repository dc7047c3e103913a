"""Regions: grow them from seeds, ask which are neighbours, and merge those that belong together.

The insight: growing asks pixels one at a time whether they fit their neighbours' region, merging asks whole regions,
whose means are far less noisy than a pixel. So a method that cuts too much, as the watershed of a noisy landscape
does, followed by one that merges, beats growing alone. Taught in lesson 03.
"""

import heapq
import math
from typing import NamedTuple

import numpy as np

from course_utils.classic.filters import framed, grey, neighbours, numbers
from course_utils.kernel import kernel


def grow(image, seeds, tolerance, *, adapt=True, connectivity=4):
    """Region growing: a pixel joins a neighbouring region when it differs from its mean by at most the tolerance.

    1. Queue the seed pixels in reading order; the mean of a region is that of its seeds.
    2. Take the first pixel of the queue. Each neighbour without a region joins that pixel's region if its value is
       within the tolerance of the region's mean now; it goes to the end of the queue and counts in the mean.
    3. Until the queue is empty. A pixel that was refused may be asked again by another neighbour.

    With adapt=False the mean stays that of the seeds; for one region that is the component, around its seeds, of all
    values within the tolerance, whatever the order (equal to ``skimage.segmentation.flood``). With the running mean
    a region can follow slow shading, and the answer depends on the order: a region can also drift.

    Parameters: image (H, W), any real dtype; seeds, integers (H, W), the region's number at its seeds and 0 elsewhere;
    tolerance, at least 0, in the image's unit; connectivity, 4 or 8.
    Returns: labels, int32 (H, W), 0 where no region came.
    Raises TypeError or ValueError for a bad image (see ``filters.grey``), seeds or parameter. Cost: linear.

    Reference: Zucker, Region growing: childhood and adolescence, Computer Graphics and Image Processing 5, 1976,
    doi:10.1016/S0146-664X(76)80014-7; Adams & Bischof, Seeded region growing, IEEE Transactions on Pattern Analysis
    and Machine Intelligence 16, 1994, doi:10.1109/34.295913 (which takes the most similar pixel first). Lesson 03.
    """
    image = grey(image)
    seeds = numbers(seeds, "seeds", image.shape)
    if not seeds.any():
        raise ValueError("seeds are needed: no pixel of seeds is above 0")
    if not (np.isscalar(tolerance) and tolerance >= 0):
        raise ValueError(f"tolerance must be a number, 0 or more, not {tolerance!r}")
    names = None
    if seeds.max() > seeds.size:  # each number will have a sum: go on with small ones
        names = np.unique(np.append(seeds, np.int32(0)))
        seeds = np.searchsorted(names, seeds).astype(np.int32)
    labels = framed(seeds, -1)
    sums, counts = np.zeros(seeds.max() + 1), np.zeros(seeds.max() + 1, np.int64)
    values = framed(image, 0)
    steps = neighbours(labels.shape[1], connectivity)
    _grow(values.ravel(), float(tolerance), bool(adapt), steps, sums, counts, labels.ravel())
    labels = np.ascontiguousarray(labels[1:-1, 1:-1])
    return labels if names is None else names[labels]


@kernel
def _grow(values, tolerance, adapt, steps, sums, counts, labels):
    queue = np.empty(labels.size, np.int32)
    head, tail = 0, 0
    for p in range(labels.size):
        if labels[p] > 0:
            queue[tail] = p
            tail += 1
            sums[labels[p]] += values[p]
            counts[labels[p]] += 1
    while head < tail:
        p = queue[head]
        head += 1
        region = labels[p]
        mean = sums[region] / counts[region]
        for step in steps:
            q = p + step
            if labels[q] == 0 and abs(values[q] - mean) <= tolerance:
                labels[q] = region
                queue[tail] = q
                tail += 1
                if adapt:
                    sums[region] += values[q]
                    counts[region] += 1
                    mean = sums[region] / counts[region]


class Adjacency(NamedTuple):
    """Which regions are neighbours; what ``adjacency`` gives.

    pairs:   int64 (n, 2), numbers of two regions that touch, the smaller first, in increasing order
    lengths: int64 (n,), on how many pairs of pixels they do
    heights: float64 (n,), mean over these of the higher of the two pixels' elevations; NaN without an elevation
    """

    pairs: np.ndarray
    lengths: np.ndarray
    heights: np.ndarray


def adjacency(labels, elevation=None, connectivity=4):
    """The region adjacency graph: one edge for each two regions that touch.

    1. Pair each pixel with its neighbour to the right and the one below (and the two below at the corners).
    2. Pairs of different regions, counted by the two numbers, are the edges.

    The height of an edge is the mean of max(elevation) over its pairs: how high the wall between the two regions is.
    Pixels with label 0 are no region; where lines of 0 part the regions, none touch.

    Parameters: labels, integers (H, W), none negative; elevation (H, W), any real dtype; connectivity, 4 or 8.
    Returns: ``Adjacency``. Raises TypeError or ValueError for bad labels, elevation or connectivity.
    Cost: a pass, and sorting the pairs of pixels on boundaries.

    Reference: Trémeau & Colantoni, Regions adjacency graph applied to color image segmentation, IEEE Transactions on
    Image Processing 9, 2000, doi:10.1109/83.841950. Lesson 03.
    """
    labels = numbers(labels)
    if elevation is None:
        elevation = np.full(labels.shape, np.nan)
    else:
        elevation = _image(elevation, labels.shape, "elevation")[:, :, 0]
    neighbours(1, connectivity)  # to check it
    here_there = [(np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])]
    if connectivity == 8:
        here_there += [(np.s_[:-1, :-1], np.s_[1:, 1:]), (np.s_[:-1, 1:], np.s_[1:, :-1])]
    keys, walls = [], []
    base = int(labels.max()) + 1
    for here, there in here_there:
        differ = (labels[here] != labels[there]) & (labels[here] > 0) & (labels[there] > 0)
        one, other = labels[here][differ].astype(np.int64), labels[there][differ].astype(np.int64)
        keys.append(np.minimum(one, other) * base + np.maximum(one, other))
        walls.append(np.maximum(elevation[here][differ], elevation[there][differ]))
    keys, edge = np.unique(np.concatenate(keys), return_inverse=True)
    lengths = np.bincount(edge, minlength=keys.size)
    heights = np.bincount(edge, np.concatenate(walls), keys.size) / lengths
    return Adjacency(np.stack([keys // base, keys % base], axis=1), lengths, heights)


class Merges(NamedTuple):
    """A history of merging: what ``merges_by_mean`` and ``merges_by_height`` give, and ``merge`` takes.

    pairs:   int64 (n, 2), the regions that were joined at each step; the joint region has the smaller number, the first
    weights: float64 (n,), how different they were
    """

    pairs: np.ndarray
    weights: np.ndarray


def merges_by_mean(image, labels, connectivity=4):
    """Merge the two neighbouring regions whose means are nearest, then the next two, until nothing touches.

    1. Put all edges of the adjacency graph into a heap, by the distance of the two regions' means.
    2. Take the least; join the two. The joint region has the mean of all its pixels, and the neighbours of both.
    3. Its edges weigh differently now: put them into the heap anew; what lies there from before does not count.

    The history is the result, so that ``merge`` can cut it at any threshold without doing it again.

    Parameters: image (H, W) or (H, W, C), real; labels, integers (H, W), none negative, 0 is no region;
    connectivity, 4 or 8. Colours are compared by Euclidean distance, which means most in Lab.
    Returns: ``Merges``. Raises TypeError or ValueError for a bad image, labels or connectivity.
    Cost: each merge costs as much as the two regions have neighbours.

    Reference: Garrido, Salembier & Garcia, Extensive operators in partition lattices for image sequence analysis,
    Signal Processing 66, 1998, doi:10.1016/S0165-1684(98)00004-8. Lesson 03.
    """
    labels = numbers(labels)
    image = _image(image, labels.shape, "image")
    pairs, lengths, _ = adjacency(labels, None, connectivity)
    areas = np.bincount(labels.ravel()).astype(np.float64)
    channels = [np.bincount(labels.ravel(), channel.ravel()) for channel in np.moveaxis(image, 2, 0)]
    means = np.stack(channels, axis=1) / np.maximum(areas, 1)[:, None]
    return _merges(pairs, lengths, np.zeros(len(pairs)), means, areas)


def merges_by_height(elevation, labels, connectivity=4):
    """Merge the two regions with the lowest wall between them, by mean elevation along it, then the next two.

    As ``merges_by_mean``, with another weight: that of ``adjacency``. Where both of two regions touch a third, the two
    walls become one, whose height is the mean over its length.

    Parameters: elevation (H, W), any real dtype; labels and connectivity as there. Returns: ``Merges``.
    """
    labels = numbers(labels)
    pairs, lengths, heights = adjacency(labels, elevation, connectivity)
    size = int(labels.max()) + 1
    return _merges(pairs, lengths, heights, np.zeros((size, 0)), np.ones(size))


def merge(labels, merges, threshold):
    """Carry out the merges of a history up to the first that joins regions as different as the threshold.

    Parameters: labels, those that the history was made of; merges, ``Merges``; threshold, in the unit of its weights.
    Returns: labels, int32 (H, W), numbered 1, 2, 3 … in the order of the least number merged into each; 0 stays 0.
    Cost: one pass. Lesson 03.
    """
    labels = numbers(labels)
    if not (np.isscalar(threshold) and threshold == threshold):
        raise ValueError(f"threshold must be a number, in the unit of the weights, not {threshold!r}")
    parent = np.arange(int(labels.max()) + 1)
    for (stays, goes), weight in zip(merges.pairs, merges.weights, strict=True):
        if weight >= threshold:
            break
        parent[goes] = stays
    for number in range(parent.size):  # a parent has a smaller number, so it is final already
        parent[number] = parent[parent[number]]
    present = np.bincount(labels.ravel()) > 0
    present[0] = True
    roots = np.unique(np.append(parent[present], 0))
    return np.searchsorted(roots, parent).astype(np.int32)[labels]


def _merges(pairs, lengths, heights, means, areas):
    order, weights = np.empty((len(areas), 2), np.int64), np.empty(len(areas))
    count = _merge(pairs.ravel(), lengths.astype(float), heights, means, areas, order, weights)
    return Merges(order[:count], weights[:count])


@kernel
def _merge(ends, lengths, heights, means, areas, order, weights):
    """Edge e joins the regions ends[2e] and ends[2e + 1]; these *halves* of edges are linked in one list a region."""
    edges, regions = lengths.size, areas.size
    after, first = np.full(2 * edges, -1), np.full(regions, -1)
    for half in range(2 * edges):
        after[half], first[ends[half]] = first[ends[half]], half
    version = np.zeros(edges, np.int64)  # of the edge's weight; -1 once the edge is gone
    queue = [(_weight(e, ends, heights, means), e, 0) for e in range(edges)]
    heapq.heapify(queue)
    shared = np.full(regions, -1)  # the edge to that neighbour, while two regions are joined
    count = 0
    while len(queue) > 0:
        weight, edge, made = heapq.heappop(queue)
        if made != version[edge]:
            continue
        a, b = min(ends[2 * edge], ends[2 * edge + 1]), max(ends[2 * edge], ends[2 * edge + 1])
        order[count, 0], order[count, 1], weights[count] = a, b, weight
        count += 1
        version[edge] = -1
        for c in range(means.shape[1]):
            means[a, c] = (areas[a] * means[a, c] + areas[b] * means[b, c]) / (areas[a] + areas[b])
        areas[a] += areas[b]
        halves = -1  # the list of the joint region
        for region in (a, b):
            half = first[region]
            while half >= 0:
                e, following = half // 2, after[half]
                if version[e] >= 0:
                    neighbour = ends[half ^ 1]
                    known = shared[neighbour]
                    if known < 0:
                        shared[neighbour], ends[half] = e, a
                        after[half], halves = halves, half
                    else:  # both touch that neighbour: their edges become one
                        length = lengths[known] + lengths[e]
                        heights[known] = (lengths[known] * heights[known] + lengths[e] * heights[e]) / length
                        lengths[known], version[e] = length, -1
                half = following
        first[a], half = halves, halves
        while half >= 0:
            e = half // 2
            shared[ends[half ^ 1]] = -1
            version[e] += 1
            heapq.heappush(queue, (_weight(e, ends, heights, means), e, version[e]))
            half = after[half]
    return count


@kernel
def _weight(edge, ends, heights, means):
    """Distance of the means of the two regions; where there are no means, height of the wall."""
    squares = 0.0
    for c in range(means.shape[1]):
        squares += (means[ends[2 * edge], c] - means[ends[2 * edge + 1], c]) ** 2
    return math.sqrt(squares) if means.shape[1] > 0 else heights[edge]


def _image(image, shape, name):
    """The image as float64 (H, W, C)."""
    image = np.asarray(image)
    if image.shape[:2] != shape:
        raise ValueError(f"{name} must have the shape of the labels, {shape}, but has {image.shape}")
    channels = image[:, :, None] if image.ndim == 2 else image
    if channels.ndim != 3:
        raise ValueError(f"{name} must have shape (H, W) or (H, W, C), but has {image.shape}")
    return np.stack([grey(channel, name) for channel in np.moveaxis(channels, 2, 0)], axis=2).astype(float)
