"""Pixels as nodes, likeness as edges: three ways to part a graph beside the minimum cut.

The insight: once an image is a graph, "which pixels belong together?" can be asked in the words of graphs, and each
wording has its own exact answer. *Is this edge stronger than what either side knows inside itself?* grows regions in
one pass over the sorted edges (Felzenszwalb and Huttenlocher). *Which cut is cheap for both sides?* is an eigenvector
(Shi and Malik). *Whose seed does a walker meet first?* is one linear system (Grady). Relatives of lesson 05.
"""

import math
from typing import NamedTuple

import numpy as np

from course_utils.classic import morphology
from course_utils.classic.filters import gaussian, grey
from course_utils.classic.morphology import find_root, number_roots
from course_utils.kernel import by_rows, kernel

LEAK = 1e-10  # weight of the strongest wall: no pixel is ever quite cut off
KEEP_FILL = 0.97  # share of the dropped fill that goes to the diagonal; 1 may not be positive definite
DENSE = 60  # nodes up to which all eigenvectors at once are the quickest way to two
SHIFT = 1e-3  # of the eigenvalues, so that the matrix has an inverse

# ------------------------------------------------------------------------- Felzenszwalb and Huttenlocher


class Merging(NamedTuple):
    """What ``merging`` did, in order: the edges that joined two regions."""

    labels: np.ndarray  #: int32 (H, W), the regions 1 … n in reading order of their first pixels
    pixels: np.ndarray  #: int32 (m, 2), the two pixels of each joining edge, as y · W + x
    weights: np.ndarray  #: float32 (m,), its weight
    free: int  #: so many joined by the criterion; the later ones because a region was too small


def felzenszwalb(image, scale=1.0, sigma=0.8, min_size=20, connectivity=8):
    """Regions whose borders are stronger than anything inside them; the labels of ``merging``.

    Returns: int32 (H, W), 1 … n; each region is connected. Everything else as for ``merging``.
    """
    return merging(image, scale, sigma, min_size, connectivity).labels


def merging(image, scale=1.0, sigma=0.8, min_size=20, connectivity=8):
    """Felzenszwalb and Huttenlocher's regions, and the edges that made them.

    A region's inner difference is the largest weight in its minimum spanning tree: what it takes to hold it together.
    Two regions are one unless the weakest edge between them exceeds the inner difference of one of them. A region of
    few pixels knows little about itself, so it is granted scale / pixels on top. Edges are looked at once, in rising
    order, therefore the edge that joins is the largest so far, and no tree need be kept:

    1. Blur a little; an edge's weight is the distance of its two colours.
    2. Sort the edges (radix sort: a positive float's bits are in the order of its values).
    3. For each edge between two regions: join them when its weight is at most the limit of both; the new limit is
       this weight + scale / pixels.
    4. Once more through the edges left over: join a region of fewer than min_size pixels to its likest neighbour.

    Parameters: image (H, W) or (H, W, C), any real dtype; scale, at least 0, in the image's unit times pixels: the
    paper's 300 for values up to 255 is 300 / 255 for values in [0, 1]; sigma of the blur, in pixels; min_size, in
    pixels; connectivity, 4 or 8. Edges of equal weight are taken in reading order. The regions are the same as those
    of ``skimage.segmentation.felzenszwalb`` with its scale = 255 · scale, where no two weights are equal.
    Returns: Merging(labels, pixels, weights, free). A constant image is one region.
    Raises TypeError or ValueError for a bad image (see ``filters.grey``) or parameter.
    Cost: linear in the pixels but for the union-find, which is nearly so.

    Reference: Felzenszwalb & Huttenlocher, Efficient graph-based image segmentation, International Journal of
    Computer Vision 59, 2004, doi:10.1023/B:VISI.0000022288.19776.77. Lesson 05.
    """
    pixels = _channels(image)
    if not (np.isscalar(scale) and 0 <= scale < math.inf):
        raise ValueError(f"scale must be a number, 0 or more, not {scale!r}")
    if not (np.isscalar(min_size) and 0 <= min_size < math.inf):
        raise ValueError(f"min_size must be a number of pixels, 0 or more, not {min_size!r}")
    if connectivity not in (4, 8):
        raise ValueError(f"connectivity must be 4 (sides) or 8 (sides and corners), not {connectivity!r}")
    height, width, channels = pixels.shape
    if height * width >= 2**29:
        raise ValueError(f"image must have fewer than 2^29 pixels, but its shape is {pixels.shape}")
    planes = np.stack([gaussian(pixels[..., c], sigma) for c in range(channels)])

    directions = 2 if connectivity == 4 else 4
    weights = np.empty((height, width, directions), np.float32)
    by_rows(_edge_weights, (height, width), planes, weights)
    edges, weights = _sorted_edges(weights)

    parent = np.arange(height * width, dtype=np.int32)
    joining = np.empty(height * width - 1, np.int32)
    free, joined = _merge(edges, weights, directions, width, float(scale), float(min_size), parent, joining)
    labels = parent.reshape(height, width)
    number_roots(parent)
    chosen = edges[joining[:joined]]
    ends = np.stack([chosen // directions, chosen // directions + _steps(width)[chosen % directions]], axis=1)
    return Merging(labels, ends.astype(np.int32), weights[joining[:joined]], int(free))


def _steps(width):
    """Index of the neighbour in each direction (right, down, down and right, down and left), minus the pixel's."""
    return np.array([1, width, width + 1, width - 1])


@kernel
def _edge_weights(first, last, planes, weights):
    channels, height, width = planes.shape
    for y in range(first, last):
        for x in range(width):
            for d in range(weights.shape[2]):
                below, beside = y + (d > 0), x + (d == 0) + (d == 2) - (d == 3)
                if below == height or beside < 0 or beside == width:
                    weights[y, x, d] = np.inf  # no such neighbour; sorted to the end
                    continue
                total = 0.0
                for c in range(channels):
                    difference = np.float64(planes[c, y, x]) - np.float64(planes[c, below, beside])
                    total += difference * difference
                weights[y, x, d] = math.sqrt(total)


def _sorted_edges(weights):
    """(numbers, weights) of the edges that exist, rising; equal weights in reading order."""
    height, width, directions = weights.shape
    count = height * (width - 1) + (height - 1) * width
    count += 2 * (height - 1) * (width - 1) if directions == 4 else 0
    keys = weights.reshape(-1).view(np.uint32)
    spare = np.empty((2, keys.size), np.uint32)
    edges = np.empty((2, keys.size), np.int32)
    _radix_sort(keys, spare[0], spare[1], edges[0], edges[1])
    return edges[0, :count], spare[0, :count].view(np.float32)


@kernel
def _radix_sort(keys, sorted_keys, spare_keys, order, spare_order):
    """Three stable counting sorts, by the lowest, middle and highest 11 bits."""
    place = np.zeros((3, 2048), np.int64)
    for key in keys:
        for digit in range(3):
            place[digit, (key >> 11 * digit) & 2047] += 1
    for digit in range(3):
        total = 0
        for value in range(2048):
            total, place[digit, value] = total + place[digit, value], total
    for i in range(keys.size):
        _put(i, keys[i], place[0], keys[i] & 2047, order, sorted_keys)
    for i in range(keys.size):
        key = sorted_keys[i]
        _put(order[i], key, place[1], (key >> 11) & 2047, spare_order, spare_keys)
    for i in range(keys.size):
        key = spare_keys[i]
        _put(spare_order[i], key, place[2], (key >> 22) & 2047, order, sorted_keys)


@kernel
def _put(item, key, place, digit, items, keys):
    items[place[digit]] = item
    keys[place[digit]] = key
    place[digit] += 1


@kernel
def _merge(edges, weights, directions, width, scale, min_size, parent, joining):
    """Joins the forest ``parent``; returns how many edges joined by the criterion, and how many in all."""
    size = np.ones(parent.size, np.int32)
    limit = np.full(parent.size, np.float32(scale))  # inner difference + scale / pixels, of each root
    left_over = np.empty(edges.size, np.int32)
    joined = waiting = 0
    for e in range(edges.size):
        pixel, d = edges[e] // directions, edges[e] % directions
        other = pixel + (1 if d == 0 else width + (d == 2) - (d == 3))
        a, b = find_root(parent, pixel), find_root(parent, other)
        if a == b:
            continue
        if weights[e] <= limit[a] and weights[e] <= limit[b]:
            root = _join(parent, size, a, b)
            limit[root] = weights[e] + scale / size[root]
            joining[joined] = e
            joined += 1
        else:
            left_over[waiting] = e
            waiting += 1
    free = joined
    for e in left_over[:waiting]:
        pixel, d = edges[e] // directions, edges[e] % directions
        other = pixel + (1 if d == 0 else width + (d == 2) - (d == 3))
        a, b = find_root(parent, pixel), find_root(parent, other)
        if a != b and (size[a] < min_size or size[b] < min_size):
            _join(parent, size, a, b)
            joining[joined] = e
            joined += 1
    return free, joined


@kernel
def _join(parent, size, a, b):
    root, child = min(a, b), max(a, b)  # the root is the region's first pixel
    parent[child] = root
    size[root] += size[child]
    return root


# ------------------------------------------------------------------------------------------ random walker


class Walk(NamedTuple):
    """What ``walk`` found: who is met first."""

    probabilities: np.ndarray  #: float64 (K, H, W); sum 1 over K where a seed can be reached, else 0
    numbers: np.ndarray  #: int64 (K,), the seeds' number that each of the K belongs to, rising


def random_walker(image, seeds, beta=4.0, *, mask=None, tolerance=1e-5):
    """Each pixel gets the number of the seed that a random walker from there most probably meets first.

    Returns: int32 (H, W), the likeliest number of ``walk`` (the smallest of equals), 0 where no seed can be reached.
    Seeds keep their number. Everything else as for ``walk``.
    """
    probabilities, numbers = walk(image, seeds, beta, mask=mask, tolerance=tolerance)
    labels = numbers.astype(np.int32)[probabilities.argmax(axis=0)]
    if mask is not None:
        labels[probabilities.sum(axis=0) == 0] = 0
    return labels


def walk(image, seeds, beta=4.0, *, mask=None, tolerance=1e-5):
    """Probability that a random walker from each pixel meets a seed of each number before one of any other.

    The walker steps to one of four neighbours, with a chance in proportion to the edge's weight
    w = exp(−β |difference of colours|² / σ²), where σ² is the image's variance (summed over channels): it seldom
    crosses an edge. Nobody need walk. The probability of a free pixel is the mean of its neighbours', weighted by w,
    and that is a linear system, one equation a free pixel, whose matrix is the graph's Laplacian:

    1. Weights of the edges to the right and down; the Laplacian of the free pixels, with the sum of a pixel's weights
       on its diagonal.
    2. Right-hand side for a number: each free pixel's weights to the seeds of that number.
    3. Conjugate gradients, made quick by an incomplete factorisation (modified incomplete Cholesky): eliminate as
       Gauss would, but give the new edges that would appear back to the diagonal.
    4. Solve for all numbers but the last; its probability is what remains to 1.

    The answer depends neither on the unit of the values nor on an offset. With σ² and 10⁻¹⁰ added to each weight it is
    that of ``skimage.segmentation.random_walker`` with its beta = 10 · beta · s · √C / σ², s the standard deviation of
    all values, C the channels.

    Parameters: image (H, W) or (H, W, C), any real dtype; seeds, integers (H, W), 0 where undecided; beta, at least 0
    (0: only distance counts); mask, bool (H, W), the pixels that take part, all when None; tolerance, the residual at
    which the solver stops, relative to the right-hand side.
    Returns: Walk(probabilities, numbers). Seeds have probability 1 of their own number. With seeds of one number only
    every walker ends there: probability 1. A pixel of the mask that no seed can reach, or outside it, has 0 for all.
    Raises ValueError when there is no seed, a negative one or one outside the mask; TypeError or ValueError for a bad
    image, seeds, mask or parameter.
    Cost: about ten operations a pixel and step; the steps grow with the fourth root of the pixels or a little more.

    Reference: Grady, Random walks for image segmentation, IEEE Transactions on Pattern Analysis and Machine
    Intelligence 28, 2006, doi:10.1109/TPAMI.2006.233; Gustafsson, A class of first order factorization methods, BIT
    18, 1978, doi:10.1007/BF01931691 (step 3). Lesson 05.
    """
    pixels = _channels(image)
    seeds, mask = _seeds(seeds, mask, pixels.shape[:2])
    if not (np.isscalar(beta) and 0 <= beta < math.inf):
        raise ValueError(f"beta must be a number, 0 or more, not {beta!r}")
    if not (np.isscalar(tolerance) and 0 < tolerance < 1):
        raise ValueError(f"tolerance must be a number between 0 and 1, not {tolerance!r}")
    numbers = np.unique(seeds[seeds > 0]).astype(np.int64)
    reached = _reached(seeds > 0, mask)
    free = reached & (seeds == 0)

    right, down = _step_weights(pixels, beta)
    if mask is not None:
        _cut_edges(right, down, mask)
    flow = _Operator(right, down, np.zeros(free.shape))
    diagonal = np.where(free, -flow(np.ones(free.shape)), 1.0)
    sources = [np.where(free, -flow((seeds == number).astype(float)), 0.0) for number in numbers[:-1]]
    _cut_edges(right, down, free)  # from here on a seed's row is that of the unit matrix

    probabilities = np.zeros((numbers.size, *free.shape))
    if sources and free.any():
        laplacian, factor = _Operator(right, down, diagonal), _Factor(right, down, diagonal)
        for probability, source in zip(probabilities, sources, strict=False):
            probability[:] = np.clip(_solve(laplacian, factor, source, tolerance), 0, 1)
    rest = 1 - probabilities[:-1].sum(axis=0)
    probabilities[-1] = np.where(free, np.maximum(rest, 0), 0)
    probabilities += seeds == numbers[:, None, None]
    if numbers.size > 2:  # where the solver's errors add up to more than 1
        probabilities /= np.where(reached, probabilities.sum(axis=0), 1)
    return Walk(probabilities, numbers)


def _seeds(seeds, mask, shape):
    seeds = np.asarray(seeds)
    if seeds.dtype.kind not in "iu":
        raise TypeError(f"seeds must be integers, 0 where undecided, not {seeds.dtype}")
    if seeds.shape != shape:
        raise ValueError(f"seeds must have the image's shape {shape}, not {seeds.shape}")
    if seeds.min() < 0:
        raise ValueError(
            f"seeds must not be negative, but the least is {seeds.min()}; leave pixels out with mask"
        )
    if not seeds.any():
        raise ValueError("seeds has no seed: at least one pixel must have a number above 0")
    if mask is not None:
        mask = np.asarray(mask)
        if mask.dtype != bool or mask.shape != shape:
            raise ValueError(
                f"mask must be bool of the image's shape {shape}, not {mask.dtype} of {mask.shape}"
            )
        if outside := np.count_nonzero(seeds[~mask]):
            raise ValueError(f"{outside} seeds lie outside the mask; include them or take them away")
    return seeds, mask


def _reached(seeded, mask):
    """Mask of the pixels from which a walker can come to a seed."""
    if mask is None:
        return np.ones(seeded.shape, bool)
    parts = morphology.label(mask)
    good = np.zeros(parts.max() + 1, bool)
    good[parts[seeded]] = True
    return morphology.keep(parts, good)


def _step_weights(pixels, beta):
    """(right, down), float64 (H, W): weight of the edge to the next pixel; 0 at the image's end."""
    variance = sum(np.var(pixels[..., c], dtype=np.float64) for c in range(pixels.shape[2]))
    fall = beta / variance if variance > 0 else 0.0
    right, down = np.zeros(pixels.shape[:2]), np.zeros(pixels.shape[:2])
    by_rows(_likeness, right.shape, pixels, fall, right, down)
    return right, down


@kernel
def _likeness(first, last, pixels, fall, right, down):
    height, width, channels = pixels.shape
    for y in range(first, last):
        for x in range(width):
            beside = below = 0.0
            for c in range(channels):
                value = np.float64(pixels[y, x, c])
                across = value - pixels[y, x + 1, c] if x + 1 < width else 0.0
                down_by = value - pixels[y + 1, x, c] if y + 1 < height else 0.0
                beside += across * across
                below += down_by * down_by
            if x + 1 < width:
                right[y, x] = math.exp(-fall * beside) + LEAK
            if y + 1 < height:
                down[y, x] = math.exp(-fall * below) + LEAK


def _cut_edges(right, down, inside):
    """Set to 0, in place, the weights of edges that leave a mask or lie outside it."""
    right[:, :-1] *= inside[:, :-1] & inside[:, 1:]
    down[:-1] *= inside[:-1] & inside[1:]


class _Operator:
    """The product of a grid's matrix with an image of values: diagonal · value − Σ weight · neighbour's value."""

    def __init__(self, right, down, diagonal):
        self.parts = right, down, diagonal

    def __call__(self, values):
        out = np.empty(self.parts[0].shape)
        by_rows(_product, out.shape, *self.parts, values.reshape(out.shape), out)
        return out.reshape(values.shape)


@kernel
def _product(first, last, right, down, diagonal, values, out):
    height, width = values.shape
    for y in range(first, last):
        row, here = values[y], out[y]
        for x in range(width):
            here[x] = diagonal[y, x] * row[x]
        for x in range(width - 1):
            here[x] -= right[y, x] * row[x + 1]
        for x in range(1, width):
            here[x] -= right[y, x - 1] * row[x - 1]
        if y > 0:
            for x in range(width):
                here[x] -= down[y - 1, x] * values[y - 1, x]
        if y + 1 < height:
            for x in range(width):
                here[x] -= down[y, x] * values[y + 1, x]


class _Factor:
    """The incomplete factorisation of a grid's matrix; calling it solves with it instead of with the matrix."""

    def __init__(self, right, down, diagonal):
        self.parts = right, down, np.empty(diagonal.shape)
        _factorise(right, down, diagonal, self.parts[2])

    def __call__(self, values):
        out = np.empty(self.parts[0].shape)
        _substitute(*self.parts, values.reshape(out.shape), out)
        return out.reshape(values.shape)


@kernel
def _factorise(right, down, diagonal, inverse):
    """inverse: 1 / pivot of each pixel, eliminated in reading order."""
    height, width = diagonal.shape
    for y in range(height):
        for x in range(width):
            pivot = diagonal[y, x]
            if x > 0:  # the left neighbour passes its edge to us on, and would join us to its lower neighbour
                a, b = right[y, x - 1], down[y, x - 1]
                pivot -= a * (a + KEEP_FILL * b) * inverse[y, x - 1]
            if y > 0:  # the upper one would join us to its right neighbour
                a, b = down[y - 1, x], right[y - 1, x]
                pivot -= a * (a + KEEP_FILL * b) * inverse[y - 1, x]
            inverse[y, x] = 1 / pivot


@kernel
def _substitute(right, down, inverse, values, out):
    height, width = values.shape
    above = np.zeros(width)  # what each column passes down
    for y in range(height):
        passed = 0.0
        for x in range(width):
            value = (values[y, x] + above[x] + passed) * inverse[y, x]
            passed = right[y, x] * value
            above[x] = down[y, x] * value
            out[y, x] = value
    below = np.zeros(width)
    for y in range(height - 1, -1, -1):
        passed = 0.0
        for x in range(width - 1, -1, -1):
            value = out[y, x] + (down[y, x] * below[x] + right[y, x] * passed) * inverse[y, x]
            passed = below[x] = out[y, x] = value


def _solve(matrix, factor, source, tolerance):
    from scipy.sparse.linalg import LinearOperator, cg

    wrapped = [LinearOperator((source.size,) * 2, matvec=f, dtype=np.float64) for f in (matrix, factor)]
    answer, left = cg(wrapped[0], source.ravel(), rtol=tolerance, atol=0, M=wrapped[1], maxiter=10_000)
    if left:
        raise RuntimeError(
            f"the solver did not come to tolerance {tolerance} in {left} steps; a larger one helps"
        )
    return answer.reshape(source.shape)


# ----------------------------------------------------------------------------------------- normalised cut


class Cut(NamedTuple):
    """A graph in two halves, by ``normalised_cut``."""

    side: np.ndarray  #: bool (N,), the two halves; node 0 is on the False side
    value: float  #: the normalised cut's value, 0 (nothing in common) to 2
    vector: (
        np.ndarray
    )  #: float64 (N,), the eigenvector that was split; near-constant where nodes belong together
    bound: float  #: its eigenvalue: no split of the graph has a smaller value


def affinity(image, radius=5, sigma_value=None, sigma_space=4.0):
    """How much alike each two pixels at most ``radius`` apart are: the edges of Shi and Malik's graph.

    w = exp(−|difference of colours|² / sigma_value²) · exp(−distance² / sigma_space²); a pixel is like itself: 1.

    Parameters: image (H, W) or (H, W, C), any real dtype; radius, in pixels; sigma_value, above 0, in the image's unit,
    a fifth of its range when None; sigma_space, in pixels.
    Returns: scipy csr_array (H · W, H · W), symmetric, float64; pixel (y, x) is node y · W + x.
    Raises TypeError or ValueError for a bad image (see ``filters.grey``) or parameter.
    Cost: one exponential for each of about π radius² edges a pixel, twelve bytes of memory each.

    Reference: Shi & Malik, as in ``normalised_cut``, equation 13. Lesson 05.
    """
    from scipy.sparse import csr_array

    pixels = _channels(image)
    if sigma_value is None:
        sigma_value = (float(pixels.max()) - float(pixels.min())) / 5 or 1.0
    for name, sigma in (("sigma_value", sigma_value), ("sigma_space", sigma_space)):
        if not (np.isscalar(sigma) and 0 < sigma < math.inf):
            raise ValueError(f"{name} must be a number above 0, not {sigma!r}")
    offsets = np.argwhere(morphology.disk(radius)) - int(radius)
    near = np.exp(-(offsets**2).sum(axis=1) / sigma_space**2)
    height, width = pixels.shape[:2]
    y, x = np.arange(height)[:, None], np.arange(width)
    counts = sum(
        ((y + dy >= 0) & (y + dy < height)) & ((x + dx >= 0) & (x + dx < width)) for dy, dx in offsets
    )
    first = np.concatenate([[0], np.cumsum(counts)])
    data, columns = np.empty(first[-1]), np.empty(first[-1], np.int32)
    by_rows(_affinities, (height, width), pixels, offsets, near, 1 / sigma_value**2, first, data, columns)
    return csr_array((data, columns, first), shape=(height * width,) * 2)


@kernel
def _affinities(first_row, last_row, pixels, offsets, near, fall, first, data, columns):
    height, width, channels = pixels.shape
    for y in range(first_row, last_row):
        for x in range(width):
            e = first[y * width + x]
            for k in range(len(offsets)):
                other_y, other_x = y + offsets[k, 0], x + offsets[k, 1]
                if 0 <= other_y < height and 0 <= other_x < width:
                    distance = 0.0
                    for c in range(channels):
                        difference = np.float64(pixels[y, x, c]) - pixels[other_y, other_x, c]
                        distance += difference * difference
                    data[e] = math.exp(-fall * distance) * near[k]
                    columns[e] = other_y * width + other_x
                    e += 1


def region_affinity(image, labels, sigma=1.0):
    """How much alike the regions that touch are: a graph with a node for each region, small enough to cut at once.

    w = exp(−|difference of mean colours|² / sigma) between regions with pixels that touch, sides or corners; 1 of a
    region with itself. Equal to ``skimage.graph.rag_mean_color(…, mode="similarity")`` and a self-edge of 1.

    Parameters: image (H, W) or (H, W, C), any real dtype; labels, int (H, W), numbers 1 … n, all in use; sigma, above
    0, the image's unit squared.
    Returns: scipy csr_array (n, n); node i is region i + 1.
    Raises TypeError or ValueError for a bad image, labels or parameter. Cost: a few passes. Lesson 05.
    """
    from scipy.sparse import coo_array

    pixels, labels = _channels(image), np.asarray(labels)
    if labels.dtype.kind not in "iu" or labels.shape != pixels.shape[:2]:
        raise ValueError(
            f"labels must be integers of the image's shape {pixels.shape[:2]}, not {labels.dtype} of {labels.shape}"
        )
    if not (np.isscalar(sigma) and 0 < sigma < math.inf):
        raise ValueError(f"sigma must be a number above 0, not {sigma!r}")
    count = int(labels.max())
    if labels.min() < 1 or (areas := np.bincount(labels.ravel(), minlength=count + 1)[1:]).min() == 0:
        raise ValueError("labels must be 1 … n without a gap; see numpy.unique(…, return_inverse=True)")
    nodes = labels.ravel() - 1
    means = [np.bincount(nodes, channel.ravel(), count) / areas for channel in np.moveaxis(pixels, 2, 0)]
    nodes = nodes.reshape(labels.shape).astype(np.int64)
    pairs = []
    for here, there in (
        (nodes[:, :-1], nodes[:, 1:]),
        (nodes[:-1], nodes[1:]),
        (nodes[:-1, :-1], nodes[1:, 1:]),
        (nodes[:-1, 1:], nodes[1:, :-1]),
    ):
        border = here != there
        a, b = here[border], there[border]
        pairs.append(np.minimum(a, b) * count + np.maximum(a, b))
    a, b = np.divmod(np.unique(np.concatenate(pairs)), count)
    weights = np.exp(-sum((mean[a] - mean[b]) ** 2 for mean in means) / sigma)
    own = np.arange(count)
    rows, columns = np.concatenate([a, b, own]), np.concatenate([b, a, own])
    return coo_array(
        (np.concatenate([weights, weights, np.ones(count)]), (rows, columns)), (count, count)
    ).tocsr()


def ncut_value(affinity, labels):
    """Value of a partition: for each part, the weight that leaves it over all the weight at its nodes, summed.

    Ncut = Σ cut(A, rest) / assoc(A, all). Unlike the cut alone, it does not favour lone nodes: what is cheap to cut
    off has little weight of its own to set against it.

    Parameters: affinity, symmetric, not negative, scipy sparse or array (N, N); labels (N,), the part of each node.
    Returns: float, 0 to the number of parts. Raises ValueError for a bad affinity or labels. Cost: one product.
    Reference: Shi & Malik, as in ``normalised_cut``, equation 2. Lesson 05.
    """
    graph, degree = _graph(affinity)
    labels = np.asarray(labels).ravel()
    if labels.size != degree.size:
        raise ValueError(f"labels must have one number for each of {degree.size} nodes, not {labels.size}")
    total = 0.0
    for part in np.unique(labels):
        inside = (labels == part).astype(float)
        total += 1 - inside @ (graph @ inside) / (degree @ inside)
    return float(max(total, 0.0))


def normalised_cut(affinity, seed=0):
    """Part a graph in two such that the cut is small beside what each half holds together.

    To find the least Ncut is NP-hard. Allow each node any number instead of two values, and the problem becomes the
    second smallest eigenvector of (D − W) y = λ D y, where D holds the nodes' degrees; λ is a bound from below.

    1. That eigenvector (``spectral_embedding``).
    2. Sort the nodes by it, and move them one by one to the other side; each move changes the cut and both totals by
       what the node's own edges say.
    3. Keep the split of least Ncut of all N − 1.

    The value is at most 2 √(2 λ) (Cheeger's inequality), but not always the least there is.

    Parameters: affinity, symmetric, not negative, scipy sparse or array (N, N), N at least 2, no node without edge
    (give each node one to itself); seed for the eigensolver's start.
    Returns: Cut(side, value, vector, bound). A graph of several components is parted between them, at value 0.
    Raises ValueError for a bad affinity. Cost: that of
    ``spectral_embedding``, and one look at each edge.

    Reference: Shi & Malik, Normalized cuts and image segmentation, IEEE Transactions on Pattern Analysis and Machine
    Intelligence 22, 2000, doi:10.1109/34.868688. Lesson 05.
    """
    graph, degree = _graph(affinity)
    if degree.size < 2:
        raise ValueError("affinity must have at least two nodes to cut between, but has 1")
    values, vectors = spectral_embedding(graph, 2, seed)
    order = np.argsort(vectors[:, 1], kind="stable")
    costs = np.empty(degree.size - 1)
    _sweep(graph.data, graph.indices, graph.indptr, degree, order, costs)
    best = int(np.argmin(costs))
    side = np.zeros(degree.size, bool)
    side[order[: best + 1]] = True
    side ^= side[0]
    return Cut(side, ncut_value(graph, side), vectors[:, 1], float(values[1]))


@kernel
def _sweep(data, columns, first, degree, order, costs):
    """costs[i]: Ncut of the split between order[:i + 1] and the rest."""
    moved = np.zeros(degree.size, np.bool_)
    cut = inside = 0.0
    outside = degree.sum()
    for i in range(costs.size):
        node = order[i]
        for e in range(first[node], first[node + 1]):
            if columns[e] != node:
                cut += -data[e] if moved[columns[e]] else data[e]
        moved[node] = True
        inside += degree[node]
        outside -= degree[node]
        costs[i] = max(cut, 0.0) * (1 / inside + 1 / outside)


def recursive_cut(affinity, limit=0.05, seed=0):
    """Cut in two, and the halves again, as long as a cut's value stays below ``limit``.

    Parameters: affinity and seed as for ``normalised_cut``; limit, 0 to 2: smaller means fewer parts.
    Returns: int32 (N,), the parts 1 … n in order of their first nodes.
    Raises ValueError for a bad affinity or limit. Cost: at most one ``normalised_cut`` a part and one a cut.
    Reference: as for ``normalised_cut``. Lesson 05.
    """
    graph, degree = _graph(affinity)
    if not (np.isscalar(limit) and 0 <= limit <= 2):
        raise ValueError(f"limit must be a number from 0 to 2, not {limit!r}")
    labels = np.zeros(degree.size, np.int64)
    waiting, parts = [np.arange(degree.size)], 0
    while waiting:
        nodes = waiting.pop()
        cut = normalised_cut(graph[nodes][:, nodes], seed) if nodes.size > 1 else None
        if cut is not None and cut.value < limit:
            waiting += [nodes[cut.side], nodes[~cut.side]]
        else:
            labels[nodes] = parts
            parts += 1
    return _in_order(labels)


def k_way_cut(affinity, k, seed=0):
    """Part a graph in k at once: the first k eigenvectors, turned until each node lies near one axis.

    In the ideal case, k components, the eigenvectors are constant on each, so the nodes sit on k orthogonal rays. The
    eigenvectors are determined up to a rotation, so look for the one that brings the rays onto the axes:

    1. Embed the nodes by k eigenvectors, and scale each to length 1.
    2. First axes: the first node, then each time the node that is farthest from the axes so far.
    3. In turn: each node takes the nearest axis; the rotation that fits this choice best is a singular value
       decomposition. Stop when the fit no longer grows.

    Parameters: affinity and seed as for ``normalised_cut``; k, 1 to N.
    Returns: int32 (N,), parts 1 … k at most, in order of their first nodes; ``ncut_value`` says how good they are.
    Raises ValueError for a bad affinity or k. Cost: as ``normalised_cut``, and 2 k operations a node and turn.

    Reference: Yu & Shi, Multiclass spectral clustering, ICCV 2003, doi:10.1109/ICCV.2003.1238361. Lesson 05.
    """
    _, points = spectral_embedding(affinity, k, seed)
    points = points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-300)
    axes, likeness = np.empty((k, k)), np.zeros(len(points))
    node = 0
    for i in range(k):
        axes[i] = points[node]
        likeness += np.abs(points @ axes[i])
        node = int(np.argmin(likeness))
    fit, before = 0.0, -1.0
    while fit > before + 1e-12 * len(points):
        labels = np.argmax(points @ axes.T, axis=1)
        sums = np.zeros((k, k))
        np.add.at(sums, labels, points)
        left, strengths, right = np.linalg.svd(sums)
        axes, before, fit = left @ right, fit, float(strengths.sum())
    return _in_order(labels)


def spectral_embedding(affinity, k, seed=0):
    """The k smallest eigenvalues of (D − W) y = λ D y and their vectors: a place in k dimensions for each node.

    The matrix 1 − D^−½ W D^−½ is symmetric, with the eigenvalues λ and the eigenvectors D^½ y. The small ones lie close
    together, where scipy's Lanczos iteration is slow; of the inverse they are the largest and far apart. So factorise
    the matrix once (a little shifted, since 0 is an eigenvalue) and iterate with the inverse.

    Parameters: affinity, symmetric, not negative, scipy sparse or array (N, N); k, 1 to N; seed of the start.
    Returns: (values float64 (k,), rising from 0, at most 2; vectors float64 (N, k), with yᵀ D y = 1 and the entry of
    largest size positive). The first vector is constant if the graph is connected.
    Raises ValueError for a bad affinity or k. Cost: a sparse factorisation, which is what takes the time and memory:
    some ten thousand pixels at radius 5 are a matter of seconds.
    Reference: Shi & Malik, as in ``normalised_cut``. Lesson 05.
    """
    from scipy.sparse import dia_array, eye_array
    from scipy.sparse.linalg import LinearOperator, eigsh, splu

    graph, degree = _graph(affinity)
    nodes = degree.size
    if not isinstance(k, int | np.integer) or not 1 <= k <= nodes:
        raise ValueError(f"k must be a whole number from 1 to {nodes}, the number of nodes, not {k!r}")
    root = np.sqrt(degree)
    scale = dia_array((1 / root[None], 0), shape=graph.shape)
    likeness = (scale @ graph @ scale).tocsc()
    if nodes <= DENSE or k > nodes // 2:
        values, vectors = np.linalg.eigh(likeness.toarray())
    else:
        shifted = (1 + SHIFT) * eye_array(
            nodes, format="csc"
        ) - likeness  # positive definite: needs no pivots
        factors = splu(
            shifted, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
        )
        inverse = LinearOperator(graph.shape, matvec=factors.solve, dtype=np.float64)
        rng = np.random.default_rng(seed)
        values, vectors = eigsh(inverse, k, which="LA", v0=rng.random(nodes))
        values = 1 + SHIFT - 1 / values
    order = np.argsort(-values, kind="stable")[:k]
    vectors = vectors[:, order] / root[:, None]
    largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(k)]
    return np.clip(1 - values[order], 0, 2), vectors * np.where(largest < 0, -1, 1)


def _graph(affinity):
    """(csr_array float64, degrees) of a symmetric matrix."""
    from scipy.sparse import csr_array

    graph = csr_array(affinity, dtype=np.float64)
    if graph.ndim != 2 or graph.shape[0] != graph.shape[1] or graph.shape[0] == 0:
        raise ValueError(
            f"affinity must be a square matrix, one row for each node, not of shape {graph.shape}"
        )
    if not np.isfinite(graph.data).all() or (graph.data < 0).any():
        raise ValueError("affinity must be 0 or more everywhere, without NaN or infinity")
    difference = graph - graph.T
    if difference.nnz and np.abs(difference.data).max() > 1e-9 * graph.data.max():
        raise ValueError("affinity must be symmetric: the edge from i to j is the edge from j to i")
    degree = np.asarray(graph.sum(axis=1)).ravel()
    if (degree == 0).any():
        raise ValueError(
            f"{np.count_nonzero(degree == 0)} nodes of affinity have no edge; give each node one to itself, of weight 1"
        )
    return graph, degree


def _in_order(labels):
    """Numbers 1 … n in order of their first appearance, int32."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(first.size, np.int32)
    rank[np.argsort(first)] = np.arange(1, first.size + 1)
    return rank[inverse]


def _channels(image):
    """The image as an array (H, W, C), checked by ``filters.grey``; C is 1 for a grey one."""
    array = np.asarray(image)
    if array.ndim != 3:
        return grey(array)[..., None]
    if array.shape[2] == 0:
        raise ValueError(f"image has no channels: its shape is {array.shape}")
    return grey(array.reshape(len(array), -1)).reshape(array.shape)
