"""Groups of points that come from a few sources: k-means, and mixtures of Gaussians.

The insight: if we knew which source each point came from, describing the sources would be easy; if we knew the
sources, saying where each point came from would be easy. So do both in turn. Each half step can only improve one
number (the inertia falls, the likelihood rises), therefore the turns come to rest; but where they rest depends on
the start. Taught in lesson 04; lesson 05 builds GrabCut on it.

Points are arrays (..., d): ``k_means(image, 4)`` takes a colour image (H, W, 3) and gives labels (H, W). A grey
image has d = 1: ``image[..., None]``.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from course_utils.classic.filters import grey
from course_utils.kernel import by_rows, kernel

BLOCK = 64  # points worked on together: one coordinate of so many neighbours is a vector for the processor
BAND = 256  # blocks with one set of totals, whoever adds them up
NEGLIGIBLE = -37.0  # exp of it is below half of the last digit of 1


class Clusters(NamedTuple):
    """What ``k_means`` found."""

    centres: np.ndarray  #: float64 (k, d)
    labels: np.ndarray  #: int32 (...,), number of the nearest centre, the first of equals
    history: np.ndarray  #: float64 (steps,), inertia at each assignment; never rises


@dataclass(frozen=True)
class Mixture:
    """k Gaussians in d dimensions, each with its share: p(x) = Σ weight · N(x; mean, covariance)."""

    weights: np.ndarray  #: float64 (k,), sum 1; 0 where a component has no points
    means: np.ndarray  #: float64 (k, d)
    covariances: np.ndarray  #: float64 (k, d, d), symmetric, positive definite


class Fit(NamedTuple):
    """What ``fit_mixture`` found."""

    mixture: Mixture
    history: (
        np.ndarray
    )  #: float64 (steps + 1,), mean log-likelihood of a point, before the first step and after each


# ------------------------------------------------------------------------------------------------ k-means


def k_means(points, k, seed=0, *, start=None, steps=300):
    """k centres such that the points lie near theirs: least inertia, the sum of squared distances.

    1. Start from ``k_means_plus_plus``, or from given centres.
    2. Each point takes the label of its nearest centre.
    3. Each centre moves to the mean of its points: no other place has a smaller sum of squares.
    4. Again from 2 until the inertia falls no more.

    A cluster that loses all its points moves to the point that is farthest from its own centre (the next farthest
    for a second one), which can only lower the inertia. Where fewer than k different points exist, the rest of the
    clusters stay empty.

    Parameters: points (..., d), any real dtype; k, 1 … number of points; seed, whole number, for the first
    centres; start, instead of the seed, centres (k, d); steps, the most assignments to make.
    Returns: Clusters. Distances are taken in float32 for float32 points, otherwise in float64.
    Raises TypeError or ValueError for points that are no finite numbers, and for a bad k, start or steps.
    Cost: k · d multiplications a point and step; ten to a hundred steps. A local minimum, not the least of all.

    Reference: Lloyd, Least squares quantization in PCM, IEEE Transactions on Information Theory 28, 1982,
    doi:10.1109/TIT.1982.1056489. Lesson 04.
    """
    columns, shape = _columns(points)
    k = _count(k, columns.shape[1])
    centres = k_means_plus_plus(points, k, seed) if start is None else _centres(start, k, len(columns))
    if not isinstance(steps, int | np.integer) or steps < 1:
        raise ValueError(f"steps must be a whole number, 1 or more, not {steps!r}")
    labels = np.full(columns.shape[1], -1, np.int32)
    totals, history = _Totals(columns, k), []
    for _ in range(steps):
        if history:
            centres = _means(columns, labels, totals, centres)
        moved, inertia = _assign(columns, centres, labels, totals)
        if history and inertia >= history[-1]:
            break
        history.append(inertia)
        if moved == 0:
            break
    return Clusters(centres, labels.reshape(shape), np.array(history))


def k_means_plus_plus(points, k, seed=0):
    """First centres for k-means, far apart: each is a point drawn with probability as its squared distance.

    1. Draw the first centre evenly.
    2. Each point's squared distance to its nearest centre so far is its chance to be the next.
    3. Draw, and again from 2 until there are k.

    The inertia that follows is on average at most 8 (ln k + 2) times the least possible.

    Parameters and errors as for ``k_means``. Returns: float64 (k, d), rows of the points. Cost: d operations a
    point and centre.

    Reference: Arthur & Vassilvitskii, k-means++: the advantages of careful seeding, Proceedings of the 18th annual
    ACM-SIAM Symposium on Discrete Algorithms, 2007, pages 1027–1035. Lesson 04.
    """
    columns, _ = _columns(points)
    count = columns.shape[1]
    k = _count(k, count)
    rng = np.random.default_rng(seed)
    centres = np.empty((k, len(columns)))
    nearest = np.full(count, np.inf, columns.dtype)
    chosen = rng.integers(count)
    for c in range(k):
        centres[c] = columns[:, chosen]
        if c + 1 < k:
            by_rows(_come_nearer, _blocks(count), columns, centres[c].astype(columns.dtype), nearest)
            chances = np.cumsum(nearest, dtype=np.float64)
            drawn = np.searchsorted(chances, rng.random() * chances[-1], side="right")
            chosen = min(drawn, np.flatnonzero(nearest)[-1] if chances[-1] > 0 else count - 1)
    return centres


@kernel
def _come_nearer(first, last, columns, centre, nearest):
    count = columns.shape[1]
    distance = np.empty(BLOCK, columns.dtype)
    for start in range(first * BLOCK, min(last * BLOCK, count), BLOCK):
        stop = min(start + BLOCK, count)
        _squared_distance(columns, start, stop, centre, distance)
        for i in range(stop - start):
            nearest[start + i] = min(nearest[start + i], distance[i])


@kernel
def _nearest_centre(first, last, columns, centres, labels, sums, counts, moved, inertia):
    dimensions, count = columns.shape
    band = first // BAND
    distance, nearest = np.empty(BLOCK, columns.dtype), np.empty(BLOCK, columns.dtype)
    chosen = np.empty(BLOCK, np.int32)
    for start in range(first * BLOCK, min(last * BLOCK, count), BLOCK):
        size = min(BLOCK, count - start)
        _squared_distance(columns, start, start + size, centres[0], nearest)
        chosen[:] = 0
        for c in range(1, len(centres)):
            _squared_distance(columns, start, start + size, centres[c], distance)
            for i in range(size):
                nearer = distance[i] < nearest[i]
                chosen[i] = c if nearer else chosen[i]
                nearest[i] = distance[i] if nearer else nearest[i]
        for i in range(size):
            inertia[band, i] += nearest[i]  # a total for each place of the block: none waits for the last
        for i in range(size):
            new, old = chosen[i], labels[start + i]
            if new != old:  # the totals of a cluster change by those who come and go, and they are few
                labels[start + i] = new
                moved[band] += 1
                counts[band, new] += 1
                for j in range(dimensions):
                    sums[band, new, j] += columns[j, start + i]
                if old >= 0:
                    counts[band, old] -= 1
                    for j in range(dimensions):
                        sums[band, old, j] -= columns[j, start + i]


@kernel
def _squared_distance(columns, start, stop, centre, distance):
    for j in range(len(centre)):
        column = columns[j, start:stop]
        if j == 0:
            for i in range(column.size):
                distance[i] = (column[i] - centre[0]) * (column[i] - centre[0])
        else:
            for i in range(column.size):
                distance[i] += (column[i] - centre[j]) * (column[i] - centre[j])


class _Totals:
    """Sums and counts of the clusters' points, for each band of blocks on its own."""

    def __init__(self, columns, k):
        self.blocks = _blocks(columns.shape[1])
        self.bands = -(-self.blocks[0] // BAND)
        self.sums = np.zeros((self.bands, k, len(columns)))
        self.counts = np.zeros((self.bands, k), np.int64)


def _assign(columns, centres, labels, totals):
    """Label each point with its nearest centre; (how many labels changed, inertia)."""
    moved, inertia = np.zeros(totals.bands, np.int64), np.zeros((totals.bands, BLOCK))
    by_rows(
        _nearest_centre,
        totals.blocks,
        columns,
        centres.astype(columns.dtype),
        labels,
        totals.sums,
        totals.counts,
        moved,
        inertia,
        band=BAND,
    )
    return moved.sum(), inertia.sum()


def _means(columns, labels, totals, centres):
    """The clusters' means; an empty cluster goes to the farthest point that is not yet a centre."""
    sums, counts = totals.sums.sum(axis=0), totals.counts.sum(axis=0)
    means = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], centres)
    empty = np.flatnonzero(counts == 0)
    if empty.size:
        distance = ((columns - centres.T[:, labels]) ** 2).sum(axis=0)
        for c in empty:
            farthest = distance.argmax()
            if distance[farthest] > 0:
                means[c] = columns[:, farthest]
                same = (columns == columns[:, farthest, None]).all(axis=0)
                distance[same] = 0  # a second empty cluster needs another place
    return means


# ------------------------------------------------------------------------------------------------ mixtures


def fit_mixture(points, k, seed=0, *, start=None, steps=200, tolerance=1e-4, floor=1e-6):
    """A mixture of k Gaussians under which the points are likely, by expectation and maximisation.

    1. Start from the clusters of ``k_means``, each described by its Gaussian, or from a given mixture.
    2. Expectation: how much of each point does each component explain? (See ``responsibilities``.)
    3. Maximisation: each component's weight, mean and covariance become those of the points, each counted as
       much as the component explains of it.
    4. Again from 2 until the mean log-likelihood rises by less than ``tolerance``.

    A component that shrinks onto one point would have an infinite likelihood. So no variance, in any direction,
    may be less than ``floor``: eigenvalues of a covariance below it are raised to it. Under this bound step 3 still
    finds the maximum, so that the likelihood never falls.

    Parameters: points (..., d), any real dtype; k, 1 … number of points; seed, for k-means; start, instead of the
    seed, a Mixture with k components; steps, the most repetitions; tolerance, in nats a point; floor, the least
    variance, in squared units of the points (10⁻⁶ suits values in [0, 1]: a thousandth; for 0 … 255 take 0.01).
    Returns: Fit; its history's last entry is the likelihood of its mixture.
    Raises TypeError or ValueError as ``k_means``, and for a floor that is not above 0.
    Cost: about k · d² multiplications and k exponentials a point and step.

    Reference: Dempster, Laird & Rubin, Maximum likelihood from incomplete data via the EM algorithm, Journal of
    the Royal Statistical Society B 39, 1977, doi:10.1111/j.2517-6161.1977.tb01600.x. Lesson 04.
    """
    columns, _ = _columns(points, np.float64)
    k = _count(k, columns.shape[1])
    _check_floor(floor)
    if start is None:
        found = k_means(points, k, seed)
        mixture = mixture_of_labels(points, found.labels, k, floor=floor)
    else:
        mixture = _same_size(start, k, len(columns))
    likelihood, improved = _em_step(columns, mixture, floor)
    history = [likelihood]
    for _ in range(steps):
        likelihood, next_improved = _em_step(columns, improved, floor)
        gain = likelihood - history[-1]
        if gain < 0:  # at rest, but for rounding
            break
        history.append(likelihood)
        mixture, improved = improved, next_improved
        if gain < tolerance:
            break
    return Fit(mixture, np.array(history))


def mixture_of_labels(points, labels, k, *, floor=1e-6):
    """The mixture whose component c is the Gaussian of the points labelled c: one maximisation with hard labels.

    Parameters: points (..., d); labels, integers (...,), 0 … k − 1; k, number of components; floor, the least
    variance (see ``fit_mixture``).
    Returns: Mixture. A component without points has weight 0, and mean and covariance of all points.
    Raises TypeError or ValueError for bad points, labels that do not fit them, and a floor that is not above 0.
    Cost: d² multiplications a point.

    Reference: the "learn GMM parameters" step of Rother, Kolmogorov & Blake, "GrabCut": interactive foreground
    extraction using iterated graph cuts, ACM Transactions on Graphics 23, 2004, doi:10.1145/1015706.1015720.
    Lesson 05.
    """
    columns, shape = _columns(points, np.float64)
    labels = np.asarray(labels)
    _check_floor(floor)
    if labels.shape != shape or labels.dtype.kind not in "iu":
        raise ValueError(
            f"labels must be integers of shape {shape}, one for each point, "
            f"but are {labels.dtype} of shape {labels.shape}"
        )
    if labels.min() < 0 or labels.max() >= k:
        raise ValueError(f"labels must lie in 0 … {k - 1}, but go from {labels.min()} to {labels.max()}")
    labels, dimensions = labels.ravel(), len(columns)
    counts = np.bincount(labels, minlength=k)
    centre = columns.mean(axis=1)
    means = np.tile(centre, (k, 1))
    covariances = np.empty((k, dimensions, dimensions))
    for c in range(k):
        mine = columns[:, labels == c] if counts[c] else columns
        means[c] = mine.mean(axis=1)
        away = mine - means[c][:, None]
        covariances[c] = away @ away.T / away.shape[1]
    return Mixture(counts / counts.sum(), means, _raised(covariances, floor))


def log_density(mixture, points):
    """log p(x) of each point x, float64 (...,): the logarithm of Σ weight · N(x; mean, covariance).

    Sums of tiny numbers are taken relative to the greatest of them, so that points far from all components get
    their right −10⁴ and not log 0. Its negative is the data term of a graph cut.

    Parameters: mixture, a Mixture in d dimensions; points (..., d). Raises TypeError or ValueError where these do
    not fit. Cost: k · d² multiplications and up to k exponentials a point. Lessons 04 and 05.
    """
    columns, shape = _columns(points, np.float64)
    out = np.empty(columns.shape[1])
    by_rows(_log_density, _blocks(out.size), columns, *_for_kernel(mixture, columns), out)
    return out.reshape(shape)


def responsibilities(mixture, points):
    """How much of each point each component explains: float64 (..., k), rows sum to 1.

    Bayes' rule: weight · N(x; mean, covariance) over the sum of that over all components. Shares below 10⁻¹⁶ are
    given as 0. Parameters, errors and cost as for ``log_density``. Lesson 04.
    """
    columns, shape = _columns(points, np.float64)
    weights = np.empty((len(mixture.weights), columns.shape[1]))
    by_rows(_responsibilities, _blocks(columns.shape[1]), columns, *_for_kernel(mixture, columns), weights)
    return np.ascontiguousarray(weights.T).reshape(*shape, -1)


def most_likely(mixture, points):
    """Number of the component with the largest share in each point, int32 (...,), the first of equals.

    Parameters and errors as for ``log_density``, cost without the exponentials. Lesson 05: GrabCut's first step.
    """
    columns, shape = _columns(points, np.float64)
    labels = np.empty(columns.shape[1], np.int32)
    by_rows(_most_likely, _blocks(labels.size), columns, *_for_kernel(mixture, columns), labels)
    return labels.reshape(shape)


def log_peak(mixture, points):
    """log of the largest term of p(x) alone: of weight · N(x; mean, covariance) of the most likely component.

    It is what a point costs (negative) when it belongs to one component instead of to a share of all.
    Parameters and errors as for ``log_density``, cost without the exponentials. Returns: float64 (...). Lesson 05.
    """
    columns, shape = _columns(points, np.float64)
    out = np.empty(columns.shape[1])
    by_rows(_log_peak, _blocks(out.size), columns, *_for_kernel(mixture, columns), out)
    return out.reshape(shape)


@kernel
def _log_density(first, last, columns, means, roots, constants, out):
    logs, total = np.empty((len(means), BLOCK)), np.empty(BLOCK)
    away = np.empty((len(means), len(columns), BLOCK))
    for start in range(first * BLOCK, min(last * BLOCK, out.size), BLOCK):
        stop = min(start + BLOCK, out.size)
        _log_joint(columns, start, stop, means, roots, constants, away, logs)
        _share(logs, stop - start, out[start:stop], total)


@kernel
def _responsibilities(first, last, columns, means, roots, constants, weights):
    logs, total, log_sum = np.empty((len(means), BLOCK)), np.empty(BLOCK), np.empty(BLOCK)
    away = np.empty((len(means), len(columns), BLOCK))
    for start in range(first * BLOCK, min(last * BLOCK, columns.shape[1]), BLOCK):
        stop = min(start + BLOCK, columns.shape[1])
        _log_joint(columns, start, stop, means, roots, constants, away, logs)
        _share(logs, stop - start, log_sum, total)
        for c in range(len(means)):
            for i in range(stop - start):
                weights[c, start + i] = logs[c, i] / total[i]


@kernel
def _most_likely(first, last, columns, means, roots, constants, labels):
    logs = np.empty((len(means), BLOCK))
    away = np.empty((len(means), len(columns), BLOCK))
    for start in range(first * BLOCK, min(last * BLOCK, labels.size), BLOCK):
        stop = min(start + BLOCK, labels.size)
        _log_joint(columns, start, stop, means, roots, constants, away, logs)
        chosen = labels[start:stop]
        for i in range(stop - start):
            chosen[i] = 0
        for c in range(1, len(means)):
            for i in range(stop - start):
                better = logs[c, i] > logs[0, i]
                logs[0, i] = logs[c, i] if better else logs[0, i]
                chosen[i] = c if better else chosen[i]


@kernel
def _log_peak(first, last, columns, means, roots, constants, out):
    logs = np.empty((len(means), BLOCK))
    away = np.empty((len(means), len(columns), BLOCK))
    for start in range(first * BLOCK, min(last * BLOCK, out.size), BLOCK):
        stop = min(start + BLOCK, out.size)
        _log_joint(columns, start, stop, means, roots, constants, away, logs)
        for i in range(stop - start):
            out[start + i] = logs[0, i]
        for c in range(1, len(means)):
            for i in range(stop - start):
                out[start + i] = max(out[start + i], logs[c, i])


@kernel
def _moments(first, last, columns, means, roots, constants, totals, likelihood):
    """Each component's totals, places of a block apart: weight; weight · away; weight · away · away."""
    k, dimensions = means.shape
    band = first // BAND
    logs, total, log_sum = np.empty((k, BLOCK)), np.empty(BLOCK), np.empty(BLOCK)
    away, sums = np.empty((k, dimensions, BLOCK)), totals[band]
    for start in range(first * BLOCK, min(last * BLOCK, columns.shape[1]), BLOCK):
        size = min(BLOCK, columns.shape[1] - start)
        _log_joint(columns, start, start + size, means, roots, constants, away, logs)
        _share(logs, size, log_sum, total)
        for i in range(size):
            likelihood[band] += log_sum[i]
        for c in range(k):
            for i in range(size):
                logs[c, i] /= total[i]  # now the responsibility
                sums[c, 0, i] += logs[c, i]
            n = 1
            for j in range(dimensions):
                for i in range(size):
                    sums[c, n, i] += logs[c, i] * away[c, j, i]
                n += 1
                for m in range(j + 1):
                    for i in range(size):
                        sums[c, n, i] += logs[c, i] * away[c, j, i] * away[c, m, i]
                    n += 1


@kernel
def _log_joint(columns, start, stop, means, roots, constants, away, logs):
    """logs[c, i] = log(weight · N(point i)); away[c, j, i] = coordinate j of point i minus that of mean c."""
    size = stop - start
    whitened = np.empty(BLOCK)
    for c in range(len(means)):
        for i in range(size):
            logs[c, i] = constants[c]
        for j in range(len(columns)):
            column = columns[j, start:stop]
            for i in range(size):
                away[c, j, i] = column[i] - means[c, j]
                whitened[i] = roots[c, j, j] * away[c, j, i]
            for m in range(j):
                for i in range(size):
                    whitened[i] += roots[c, j, m] * away[c, m, i]
            for i in range(size):
                logs[c, i] -= 0.5 * whitened[i] * whitened[i]


@kernel
def _share(logs, size, log_sum, total):
    """Turn logs into exp(log − greatest), with their total; log_sum is the logarithm of the sum of exp(log)."""
    greatest = np.empty(BLOCK)
    for i in range(size):
        greatest[i] = logs[0, i]
        total[i] = 0.0
    for c in range(1, len(logs)):
        for i in range(size):
            greatest[i] = max(greatest[i], logs[c, i])
    for c in range(len(logs)):
        for i in range(size):
            behind = logs[c, i] - greatest[i]
            logs[c, i] = math.exp(behind) if behind > NEGLIGIBLE else 0.0
            total[i] += logs[c, i]
    for i in range(size):
        log_sum[i] = greatest[i] + math.log(total[i])


def _em_step(columns, mixture, floor):
    """(mean log-likelihood of the mixture, the mixture after one expectation and maximisation)."""
    dimensions, count = columns.shape
    k, blocks = len(mixture.weights), _blocks(count)
    bands = -(-blocks[0] // BAND)
    totals = np.zeros((bands, k, 1 + dimensions + dimensions * (dimensions + 1) // 2, BLOCK))
    likelihood = np.zeros(bands)
    by_rows(_moments, blocks, columns, *_for_kernel(mixture, columns), totals, likelihood, band=BAND)
    totals = totals.sum(axis=(0, 3))
    explained = np.maximum(totals[:, 0], np.finfo(float).tiny)
    shift, scatter = np.empty((k, dimensions)), np.empty((k, dimensions, dimensions))
    n = 1
    for j in range(dimensions):
        shift[:, j] = totals[:, n] / explained
        for m in range(j + 1):
            scatter[:, j, m] = scatter[:, m, j] = totals[:, n + 1 + m] / explained
        n += j + 2
    covariances = scatter - shift[:, :, None] * shift[:, None, :]
    alive = totals[:, 0] > 0
    improved = Mixture(
        totals[:, 0] / totals[:, 0].sum(),
        mixture.means + shift,
        np.where(alive[:, None, None], _raised(covariances, floor), mixture.covariances),
    )
    return likelihood.sum() / count, improved


def _raised(covariances, floor):
    """Covariances whose eigenvalues are at least ``floor``; those that are so already stay as they are.

    Beside a variance 10¹³ times as large, rounding would hide the floor; it is then that much higher.
    """
    values, vectors = np.linalg.eigh(covariances)
    least = np.maximum(floor, 1e-13 * values[:, -1:])
    raised = vectors * np.maximum(values, least)[:, None, :] @ vectors.transpose(0, 2, 1)
    raised = (raised + raised.transpose(0, 2, 1)) / 2
    return np.where((values < least).any(axis=1)[:, None, None], raised, covariances)


def _for_kernel(mixture, columns):
    """(means, roots, constants), such that the distance of x in the exponent is |root (x − mean)|².

    With Σ = L Lᵀ (Cholesky), (x − mean)ᵀ Σ⁻¹ (x − mean) is that of root = L⁻¹, a triangle.
    """
    mixture = _same_size(mixture, len(mixture.weights), len(columns))
    factors = np.linalg.cholesky(mixture.covariances)
    roots = np.linalg.inv(factors)
    half_log_determinant = np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
    with np.errstate(divide="ignore"):  # a component of weight 0 has the logarithm −∞, and never a share
        constants = np.log(mixture.weights) - half_log_determinant - len(columns) / 2 * math.log(2 * math.pi)
    return np.ascontiguousarray(mixture.means, np.float64), roots, constants


# ------------------------------------------------------------------------------------------------ input


def _columns(points, dtype=None):
    """(columns (d, n), shape (...,)): the points, one coordinate after the other, float32 or float64."""
    array = np.asarray(points)
    if array.ndim < 2:
        raise ValueError(
            f"points must have shape (..., d), coordinates last, but have shape {array.shape}; "
            "single numbers are points with d = 1: points[..., None]"
        )
    if array.shape[-1] == 0:
        raise ValueError(f"points have no coordinates: their shape is {array.shape}")
    rows = grey(array.reshape(-1, array.shape[-1]), "points")
    dtype = dtype or (np.float32 if rows.dtype == np.float32 else np.float64)
    return np.ascontiguousarray(rows.T, dtype), array.shape[:-1]


def _blocks(count):
    """Shape of the points when they stand in rows of BLOCK: what ``by_rows`` divides among the threads."""
    return -(-count // BLOCK), BLOCK


def _count(k, points):
    if not isinstance(k, int | np.integer) or isinstance(k, bool) or not 1 <= k <= points:
        raise ValueError(f"k must be a whole number from 1 to the number of points, {points}, not {k!r}")
    return int(k)


def _centres(start, k, dimensions):
    centres = np.array(start, np.float64)
    if centres.shape != (k, dimensions) or not np.isfinite(centres).all():
        raise ValueError(f"start must be {k} finite centres, of shape {(k, dimensions)}, not {centres.shape}")
    return centres


def _same_size(mixture, k, dimensions):
    if not isinstance(mixture, Mixture):
        raise TypeError(
            f"expected a Mixture, as fit_mixture(…).mixture gives it, not {type(mixture).__name__}"
        )
    if np.shape(mixture.means) != (k, dimensions):
        raise ValueError(
            f"the mixture has means of shape {np.shape(mixture.means)}; expected {(k, dimensions)}: "
            "components, and coordinates of a point"
        )
    return mixture


def _check_floor(floor):
    if not (np.isscalar(floor) and 0 < floor < np.inf):
        raise ValueError(f"floor must be a variance above 0, not {floor!r}")
