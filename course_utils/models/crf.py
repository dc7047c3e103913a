"""The dense conditional random field: every pixel listens to every other one, most to those near and of its colour.

The insight: a network knows *what*, coarsely; the colours know *where*, finely. So let each pixel ask all others what
they take themselves for, and let an answer count the more, the nearer the other is and the more alike in colour. Done
a few times over, labels flow as far as a colour reaches, and stop where it stops.

To listen once is to multiply the probabilities (n, K) by a matrix of n × n weights, exp(−½ |fᵢ − fⱼ|²), with a
pixel's place and colour in its features f: for a photograph of 300 × 400 pixels 14 billion numbers. But that
multiplication is a *filter*, a Gaussian blur of K values in the space of the features, and a blur may be done on a grid
(``GaussianFilter``): its cost grows with n, not n².

- ``GaussianFilter``: the filter, on a permutohedral lattice, with its slope. ``ExactFilter``: the matrix, written out.
- ``Affinity``: a filter whose rows are brought to a like scale.
- ``mean_field``: the iteration, on any affinities; ``free_energy``: what none of its steps raises.
- ``DenseCRF``: a fixed number of its steps as a layer that learns. ``WithCRF`` puts it behind a network.

Reference: Krähenbühl & Koltun, Efficient inference in fully connected CRFs with Gaussian edge potentials, NIPS
2011, arXiv:1210.5644; Krähenbühl & Koltun, Parameter learning and convergent inference for dense random fields, ICML
2013; Zheng, Jayasumana, Romera-Paredes, Vineet, Su, Du, Huang & Torr, Conditional random fields as recurrent neural
networks, ICCV 2015, doi:10.1109/ICCV.2015.179. Taught in lesson 15.
"""

import math

import numpy as np
import torch
from torch import nn

from course_utils.kernel import kernel
from course_utils.models.parts import check_count

# -- the filter -----------------------------------------------------------------------------------------


def features(image, position, colour=None):
    """Where each pixel lies, and what colour it has, in units that make 1 the deviation of a Gaussian.

    Parameters: image, float (H, W) or (H, W, C); position, deviation in pixels; colour, deviation in the image's units,
    or None for features of the place alone. Both above 0, or ValueError is raised.
    Returns: float64 (H · W, 2 or 2 + C), pixels in reading order.
    """
    image = np.atleast_3d(np.asarray(image, float))
    for name, deviation in {"position": position, "colour": 1 if colour is None else colour}.items():
        if not 0 < deviation < math.inf:
            raise ValueError(f"{name} must be a deviation above 0, not {deviation!r}")
    places = np.moveaxis(np.indices(image.shape[:2]), 0, -1) / position
    parts = [places] if colour is None else [places, image / colour]
    return np.concatenate(parts, axis=2).reshape(image.shape[0] * image.shape[1], -1)


class ExactFilter:
    """Multiplication by the matrix exp(−½ |fᵢ − fⱼ|²), written out: what `GaussianFilter` is held against.

    Parameters: features, float (n, d). ``matrix`` is the float64 tensor (n, n).
    Cost: n² in memory and time: for some thousand pixels.
    """

    def __init__(self, features):
        features = torch.from_numpy(_checked(features))
        squares = features.square().sum(dim=1)
        apart = squares[:, None] + squares - 2 * features @ features.T
        self.matrix = torch.exp(-0.5 * apart.clamp(min=0))

    def __call__(self, values):
        return self.matrix.to(values) @ values


class GaussianFilter:
    """Multiplication by nearly that matrix in a time that grows with n: splat, blur, slice on a permutohedral lattice.

    A grid of cubes in d dimensions has 2^d corners around a point: 32 for place and colour. This lattice fills space
    with simplices, which have d + 1 corners: 6. Only the vertices that touch a pixel exist, and their neighbours.

    1. *Splat*: each pixel gives its values to the d + 1 vertices around it, shared by how near each is (``_enclose``).
    2. *Blur*: along each of the d + 1 directions of the lattice a vertex gives a fifth to either neighbour. All
       directions forwards, then backwards.
    3. *Slice*: each pixel reads its d + 1 vertices again, with the same shares.

    With S for the shares and B for the blur forwards this is the matrix c · S Bᵀ B Sᵀ. So it is symmetric, and its
    transpose, which the way back needs, is the filter itself; and no vector has a negative product with its image
    (``free_energy`` makes use of it). The original blurs once, by ¼, ½, ¼, forwards only, and has neither. Splat, blur
    and slice together are a spline, whose variance along each direction is 4/5 + 1/6, in steps of the lattice; c makes
    its sum that of the Gaussian. (A fifth: of shares from 0.1 to 0.3, it came nearest to the matrix on photographs.)

    How near it comes: the weight of two points depends a little on where the lattice lies under them, and what would
    pass over a vertex that is not there is lost. On pieces of three photographs (other than those that the fifth was
    chosen on) the means that `Affinity` makes of the image itself are off by 1 to 4 % of their deviation with place
    alone, and by 2 to 9 % with place and colour; of noise, of which means leave little, by 4 to 19 %. Without the
    scaling, sums are too small by up to 8 % where colours are scattered.

    Parameters: features, float (n, d), in units of the deviation. Raises ValueError where they are no finite (n, d),
    or span so many deviations that the vertices cannot be numbered by 63 bits.
    Called with values (n, K), a float tensor on any device; returns the same. It can be differentiated, as often as
    you like, by the values and not by the features. It computes on the CPU, in float64.
    Cost: making it, n · d²; using it, (n + number of vertices) · d · K. Attributes: ``size``, the number of vertices.

    Reference: Adams, Baek & Davis, Fast high-dimensional filtering using the permutohedral lattice, Computer Graphics
    Forum 29, 2010, doi:10.1111/j.1467-8659.2009.01645.x. Lesson 15.
    """

    # Along a direction, in its steps: of two blurs by [1, 3, 1] / 5, and of the shares of splat and slice.
    VARIANCE = 4 / 5 + 1 / 6

    def __init__(self, features):
        features = _checked(features)
        n, d = features.shape
        points = features @ _simplex(d).T * (d + 1) * math.sqrt(self.VARIANCE)
        room = 5 * (d + 1)  # for the vertices around the outermost points, and two steps beyond
        first = np.floor(points.min(axis=0)).astype(np.int64) - room
        spans = np.ceil(points.max(axis=0)).astype(np.int64) + room - first + 1
        if math.prod(map(int, spans[:d])) >= 2**62:
            raise ValueError(
                f"the features span {np.ptp(features, axis=0).round()} deviations, too many for a lattice; "
                "take larger deviations"
            )
        # The last coordinate follows from the others: it does not count.
        strides = np.concatenate([[1], np.cumprod(spans[: d - 1]), [0]])
        codes, self._shares = np.empty((n, d + 1), np.int64), np.empty((n, d + 1))
        _enclose(points, first, strides, codes, self._shares)
        self._vertices, self.size, self._neighbours = _connected(codes, (d + 1) * strides - strides.sum())
        self._gain = (2 * math.pi * self.VARIANCE) ** (d / 2) * math.sqrt(d + 1)

    def __call__(self, values):
        if values.ndim != 2 or len(values) != len(self._shares):
            raise ValueError(f"values must have shape ({len(self._shares)}, K), not {tuple(values.shape)}")
        return _Filtering.apply(values, self)

    def apply(self, values):
        """The same for a float array (n, K), in its own precision."""
        values = np.ascontiguousarray(values)
        rows = np.zeros(
            (self.size + 1, values.shape[1]), values.dtype
        )  # the last: vertices that are not there
        spare = rows.copy()
        _splat(values, self._vertices, self._shares, rows)
        for direction in (*self._neighbours, *self._neighbours[::-1]):
            _blur(rows, direction, spare)
            rows, spare = spare, rows
        result = np.empty_like(values)
        _slice(rows, self._vertices, self._shares, self._gain, result)
        return result


class _Filtering(torch.autograd.Function):
    """The filter between two tensors. Its matrix is symmetric: back goes what went forth."""

    @staticmethod
    def forward(context, values, filter):
        context.filter = filter
        return torch.from_numpy(filter.apply(values.detach().cpu().numpy())).to(values)

    @staticmethod
    def backward(context, slopes):
        return _Filtering.apply(slopes, context.filter), None


def _checked(features):
    features = np.ascontiguousarray(features, dtype=float)
    if features.ndim != 2 or 0 in features.shape or not np.isfinite(features).all():
        raise ValueError(f"features must be finite numbers of shape (n, d), not of shape {features.shape}")
    return features


def _simplex(d):
    """An orthonormal basis (d + 1, d) of the vectors of d + 1 coordinates that sum to 0."""
    basis = np.triu(np.ones((d + 1, d)), 0)
    basis[np.arange(1, d + 1), np.arange(d)] = -np.arange(1, d + 1)
    return basis / np.linalg.norm(basis, axis=0)


@kernel
def _enclose(points, first, strides, codes, shares):
    """The d + 1 vertices around each point, as codes, and its shares in them.

    A point has d + 1 coordinates of sum 0. The vertices are the whole numbers of sum 0 that leave all the same
    remainder modulo d + 1; of the corners of a simplex, each leaves another one.
    """
    n, sides = points.shape
    corner, rank, share = np.empty(sides), np.empty(sides, np.int64), np.empty(sides + 1)
    for i in range(n):
        # 1. Round each coordinate to a multiple of d + 1. Their sum may be off by some times d + 1.
        off = 0
        for k in range(sides):
            multiple = math.floor(points[i, k] / sides + 0.5)
            corner[k] = sides * multiple
            off += multiple
        # 2. Rank the coordinates by what was rounded away, the largest first.
        for k in range(sides):
            rank[k] = 0
            for other in range(sides):
                ahead = (points[i, other] - corner[other]) - (points[i, k] - corner[k])
                rank[k] += ahead > 0 or (ahead == 0 and other < k)
        # 3. Mend the sum where it costs least: this is the corner whose remainder is 0.
        for k in range(sides):
            rank[k] += off
            if rank[k] < 0:
                rank[k] += sides
                corner[k] += sides
            elif rank[k] >= sides:
                rank[k] -= sides
                corner[k] -= sides
        # 4. The share in a vertex is the gap between two remainders that follow each other in rank.
        share[:] = 0
        for k in range(sides):
            beyond = (points[i, k] - corner[k]) / sides
            share[sides - 1 - rank[k]] += beyond
            share[sides - rank[k]] -= beyond
        share[0] += 1 + share[sides]
        # 5. From corner to corner: one more in each coordinate, and d + 1 less in that of the lowest rank so far.
        for remainder in range(sides):
            code = 0
            for k in range(sides):
                lowered = sides if rank[k] >= sides - remainder else 0
                code += (np.int64(corner[k]) + remainder - lowered - first[k]) * strides[k]
            codes[i, remainder], shares[i, remainder] = code, share[remainder]


def _connected(codes, steps):
    """Numbers of the vertices instead of codes, int32 (n, d + 1); how many there are; and the neighbours of each.

    Beside the vertices that touch a pixel there is a rim: their neighbours, so that what passes over these arrives.
    A step along direction k adds ``steps[k]`` to a code. The neighbours are int32 (d + 1, size, 2), one step on and one
    back; where there is no such vertex, the number is ``size``.
    """
    numbers, touched, _ = _numbered(codes)
    rim = touched[:, None] + np.concatenate([steps, -steps])
    all_codes = np.concatenate([touched, rim.ravel()])  # the touched ones come first, and keep their numbers
    _, vertices, table = _numbered(all_codes[:, None])
    neighbours = np.full((len(steps), len(vertices), 2), len(vertices), np.int32)
    _find_neighbours(vertices, steps, *table, neighbours)
    return numbers, len(vertices), neighbours


def _numbered(codes):
    """A number for each code, int32 as its shape; the different codes in that order; the table that knows them."""
    places, count = 2**14 + 1, -1
    numbers = np.empty(codes.shape, np.int32)
    while count < 0:
        places = 4 * places + 1
        keys, number_at = np.full(places, -1), np.empty(places, np.int32)
        count = _number(codes, keys, number_at, numbers)
    different = np.empty(count, np.int64)
    different[number_at[keys >= 0]] = keys[keys >= 0]
    return numbers, different, (keys, number_at)


@kernel
def _place(code, keys):
    """Where in a hash table of codes (−1 where free) this one stands, or would."""
    place = (code ^ (code >> 17)) % len(keys)
    while keys[place] != code and keys[place] >= 0:
        place = (place + 1) % len(keys)
    return place


@kernel
def _number(codes, keys, number_at, numbers):
    """Number the codes in the order in which they come; returns how many, or −1 if the table becomes half full."""
    count = 0
    for i in range(codes.shape[0]):
        for corner in range(codes.shape[1]):
            place = _place(codes[i, corner], keys)
            if keys[place] < 0:
                if 2 * (count + 1) > len(keys):
                    return -1
                keys[place], number_at[place] = codes[i, corner], count
                count += 1
            numbers[i, corner] = number_at[place]
    return count


@kernel
def _find_neighbours(vertices, steps, keys, number_at, neighbours):
    for vertex in range(len(vertices)):
        for direction in range(len(steps)):
            for side in range(2):
                place = _place(vertices[vertex] + (1 - 2 * side) * steps[direction], keys)
                if keys[place] >= 0:
                    neighbours[direction, vertex, side] = number_at[place]


@kernel
def _splat(values, vertices, shares, rows):
    for i in range(vertices.shape[0]):
        for corner in range(vertices.shape[1]):
            vertex, share = vertices[i, corner], shares[i, corner]
            for k in range(values.shape[1]):
                rows[vertex, k] += share * values[i, k]


@kernel
def _blur(rows, neighbours, result):
    for vertex in range(neighbours.shape[0]):
        on, back = neighbours[vertex, 0], neighbours[vertex, 1]
        for k in range(rows.shape[1]):
            result[vertex, k] = (rows[on, k] + 3 * rows[vertex, k] + rows[back, k]) / 5


@kernel
def _slice(rows, vertices, shares, gain, result):
    for i in range(vertices.shape[0]):
        for k in range(rows.shape[1]):
            total = 0.0
            for corner in range(vertices.shape[1]):
                total += shares[i, corner] * rows[vertices[i, corner], k]
            result[i, k] = gain * total


class Affinity:
    """A filter with the same say for pixels that have many like themselves and for those that have few.

    The sums of a Gaussian's rows differ: a pixel of the sky has thousands of likes, one of a rope has ten. Divide by
    the roots of the sums of both, A = D^(−½) K D^(−½). It stays symmetric, and its eigenvalues lie between 0 and 1.

    Parameters: features, float (n, d); filter, `GaussianFilter` or `ExactFilter`.
    Called with values (n, K); returns the same.

    Reference: Krähenbühl & Koltun 2013, and the code that goes with it. Lesson 15.
    """

    def __init__(self, features, filter=GaussianFilter):
        self.filter = filter(features)
        sums = self.filter(torch.ones(len(features), 1, dtype=torch.float64))
        self.scale = sums.rsqrt()

    def __call__(self, values):
        scale = self.scale.to(values)
        return scale * self.filter(scale * values)


# -- mean field -----------------------------------------------------------------------------------------


def mean_field(logits, affinities, compatibilities, steps=5):
    """Let the pixels talk: scores before, and after each step, a list of ``steps + 1`` tensors (n, K).

    The probability of a labelling x is made of what the network says of each pixel, and of what each pair pays that
    disagrees: log p(x) = Σᵢ logitᵢ(xᵢ) − ½ Σᵢⱼ Aᵢⱼ C(xᵢ, xⱼ) + constant. The best product of probabilities Q that stand
    each for a pixel is not in reach; these steps approach one that no step betters:

    1. Softmax: what each pixel takes itself for.
    2. Listen: the means of it over all others, once for each affinity.
    3. Translate: what the label j over there speaks against the label k over here is the entry (j, k) of C.
    4. New scores: the network's, and not those of the step before, less what was heard.

    A pixel hears itself too, as in the authors' own code; in their paper the sum leaves it out (j ≠ i). See
    ``free_energy`` for what that changes.

    Parameters: logits, float (n, K); affinities, functions (n, K) -> (n, K); compatibilities, for each of them float
    (K, K), what a pair of labels pays: `potts` for a price of disagreeing; steps, at least 0.
    Cost: steps times that of the affinities, n · K² each. Raises ValueError for steps that are none.

    Reference: Krähenbühl & Koltun 2011, algorithm 1; as layers, Zheng et al. 2015. Lesson 15.
    """
    check_count("steps", steps, 0)
    history = [logits]
    for _ in range(steps):
        beliefs = history[-1].softmax(dim=1)
        heard = (
            affinity(beliefs) @ price for affinity, price in zip(affinities, compatibilities, strict=True)
        )
        history.append(logits - sum(heard))
    return history


def potts(classes, price=1.0):
    """Compatibilities (K, K) in which each pair of different labels pays the price, and equal ones pay nothing."""
    return price * (1 - torch.eye(classes))


def free_energy(logits, beliefs, affinities, compatibilities):
    """What a step of ``mean_field`` never raises (float), where A has no negative eigenvalue and C is `potts`.

    F = Σ Q (log Q − logits) + ½ Σ Q · (A Q C). The first part is convex. Under these conditions the second is concave:
    it lies below its tangent, and a step finds the lowest point of the first part plus that tangent. So no step raises
    F, with all pixels changing at once.

    F is not how far the beliefs Q are from the field, KL(Q ‖ p): that is, but for a constant, F without the terms of a
    pixel with itself, Aᵢᵢ, which charge a pixel for being unsure. KL may rise where F falls. Lesson 15's example on
    paper, two pixels with A = ½ throughout: over steps 0, 1, 2, 3 and 4, F is −1.399, −1.877, −2.185, −2.227, −2.228,
    and KL less the constant −2.059, −2.368, −2.378, −2.310, −2.294. With Aᵢᵢ = 0 both are one, but A has negative
    eigenvalues then, and all pixels changing at once may go round for ever.

    Parameters: beliefs, float (n, K), rows of sum 1; the others as for `mean_field`.

    Reference: Krähenbühl & Koltun 2013, section 3; Yuille & Rangarajan, The concave-convex procedure, Neural
    Computation 15, 2003, doi:10.1162/08997660360581958. Lesson 15.
    """
    alone = torch.special.xlogy(beliefs, beliefs) - beliefs * logits
    pairs = sum(
        beliefs * (affinity(beliefs) @ price)
        for affinity, price in zip(affinities, compatibilities, strict=True)
    )
    return float((alone + pairs / 2).sum())


class DenseCRF(nn.Module):
    """Some steps of mean field as a layer: scores and the image in, scores whose boundaries follow the image out.

    Two affinities: *appearance*, of place and colour, which carries labels far over even colours; *smoothness*, of the
    place alone, which takes off specks. What pairs of labels pay is learned, a matrix (K, K) for each; at first it is a
    price of disagreeing. The deviations are set, not learned: choose them on validation images. Slopes run through
    all steps to the prices and to the network's scores, so that both can learn together. The steps share their
    prices: a recurrent network, whose state is the beliefs, and whose input at each step are the logits.

    Parameters: classes; steps; position (pixels) and colour (in the image's units), deviations of appearance; near,
    deviation of smoothness, in pixels; appearance and smoothness, the prices at first.
    ``crf(logits (B, K, H, W), images (B, C, H, W))`` -> (B, K, H, W). Raises ValueError where these do not fit.
    Cost: a lattice for each image, steps · K filters. It runs on the CPU.

    Reference: Krähenbühl & Koltun 2011 and 2013; Zheng et al. 2015 (with a price for each label and one matrix, where
    here each affinity has a matrix). Lesson 15.
    """

    def __init__(
        self, classes, steps=5, *, position=40.0, colour=0.06, near=3.0, appearance=4.0, smoothness=2.0
    ):
        super().__init__()
        check_count("classes", classes, 2)
        check_count("steps", steps, 0)
        self.steps, self.position, self.colour, self.near = steps, position, colour, near
        self.appearance = nn.Parameter(potts(classes, appearance))
        self.smoothness = nn.Parameter(potts(classes, smoothness))

    def forward(self, logits, images):
        return torch.stack([self.iterate(*pair)[-1] for pair in self._pairs(logits, images)])

    def iterate(self, logits, image):
        """Scores (K, H, W) of one image (C, H, W) before, and after each step: a list of steps + 1."""
        rows = logits.flatten(1).T
        prices = self.appearance.to(rows), self.smoothness.to(rows)
        history = mean_field(rows, self.affinities(image), prices, self.steps)
        return [scores.T.unflatten(1, logits.shape[1:]) for scores in history]

    def affinities(self, image):
        """The two `Affinity` of an image (C, H, W)."""
        pixels = image.detach().double().cpu().movedim(0, -1).numpy()
        return (
            Affinity(features(pixels, self.position, self.colour)),
            Affinity(features(pixels, self.near)),
        )

    def _pairs(self, logits, images):
        classes = len(self.appearance)
        if logits.ndim != 4 or logits.shape[1] != classes:
            raise ValueError(f"logits must have shape (B, {classes}, H, W), not {tuple(logits.shape)}")
        if images.ndim != 4 or (len(images), *images.shape[2:]) != (len(logits), *logits.shape[2:]):
            raise ValueError(
                f"images must have shape (B, C, H, W) like the logits {tuple(logits.shape)}, not {tuple(images.shape)}"
            )
        return zip(logits, images, strict=True)


class WithCRF(nn.Module):
    """A network with a `DenseCRF` behind it: images (B, C, H, W) -> logits (B, K, H, W), to be taught as one."""

    def __init__(self, network, crf):
        super().__init__()
        self.network, self.crf = network, crf

    def forward(self, images):
        return self.crf(self.network(images), images)
