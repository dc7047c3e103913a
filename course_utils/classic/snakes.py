"""Snakes: a closed or open chain of points that bends, tightens and is pulled to the edges of an image.

The insight: the boundary itself is the unknown. Give a curve an energy that is low when it is short, smooth and
lies on edges, and let it slide downhill. Stiffness makes small steps necessary if they are explicit, so the inner
forces are taken at the *new* position: a linear system with five diagonals, solved in time linear in the points.

Points are rows (y, x) in pixels, the centre of ``image[y, x]`` at whole numbers. Taught in lesson 06.
"""

import math
from typing import NamedTuple

import numpy as np

from course_utils.classic.filters import check_count, check_number, check_positive, gaussian, grey
from course_utils.kernel import kernel

OVER_RELAXATION = 1.8  # of gradient_vector_flow's sweeps; near the best for 40 of them


class Evolution(NamedTuple):
    """What a snake did, step by step; entry 0 is the start.

    contours: float64 (T + 1, n, 2), rows (y, x); internal, external: float64 (T + 1,), the two parts of the energy;
    rested: whether it came to rest; if not, it was cut off after the last of its steps, and would have gone on.
    """

    contours: np.ndarray
    internal: np.ndarray
    external: np.ndarray
    rested: bool

    @property
    def energy(self):
        """internal + external, float64 (T + 1,)."""
        return self.internal + self.external


class Rest(NamedTuple):
    """Where a snake ended: contour, float64 (n, 2), rows (y, x); the steps it took; whether it came to rest."""

    contour: np.ndarray
    steps: int
    rested: bool


def edge_energy(image, sigma=2.0):
    """The landscape whose valleys are the edges: −|∇(G_σ ∗ image)|², scaled so that its least value is −1.

    A snake that slides down ends on strong edges; sigma says from how far it feels them (about 2 sigma) and how
    exactly it lies on them. For a snake that seeks dark or bright *lines* give ``evolve`` the blurred image, or its
    negative, instead; energies may be added with weights.

    Parameters: image (H, W), any real dtype; sigma of the Gaussian, in pixels.
    Returns: float64 (H, W) in [−1, 0]; all 0 for an image without edges.
    Raises TypeError or ValueError for a bad image or sigma. Cost: that of the Gaussian.

    Reference: Kass, Witkin & Terzopoulos, Snakes: active contour models, International Journal of Computer Vision 1,
    1988, doi:10.1007/BF00133570, section 3.2. Lesson 06.
    """
    down, right = _differences(gaussian(image, sigma).astype(np.float64))
    steepness = down**2 + right**2
    return -steepness / max(steepness.max(), np.finfo(float).tiny)


def evolve(
    points,
    energy,
    *,
    field=None,
    alpha=0.1,
    beta=0.1,
    balloon=0.0,
    step=1.0,
    steps=500,
    limit=1.0,
    tolerance=1e-3,
    ends="closed",
):
    """Let a snake slide downhill and return all that happened.

    The energy of points p₁ … pₙ in the landscape P::

        E = ½ Σ (α |pᵢ₊₁ − pᵢ|² + β |pᵢ₊₁ − 2pᵢ + pᵢ₋₁|²) + Σ P(pᵢ)

    α pulls neighbours together, as a rubber band does; β resists bending, as a rod does. Where E is least its
    derivative is zero (the Euler–Lagrange equation): A p + ∇P(p) = 0, where A has five diagonals.

    1. Read the landscape at the points: its value for the energy, its slope for the force F = −∇P. Between the
       pixels P is a quadratic spline through them, so the force is the exact derivative of the energy.
    2. With a balloon, add that force along the normal, outwards where it is positive.
    3. One semi-implicit step, stiffness at the new place and image at the old: (1 + step · A) q = p + step · F.
    4. Go from p towards q, the whole way, or so far that no point moves more than ``limit``.
    5. Stop when no point has moved more than ``tolerance``, or after ``steps``.

    The stiffness sets no bound on the step: with the image's force fixed, E never rises. The image does, for its force
    is taken at the old place: E never rises if step ≤ ``largest_step(energy)``. The balloon and a ``field`` are forces
    without a term in E, which may then rise.

    Parameters: points (n, 2), n at least 5, a closed contour's first point not repeated; energy (H, W), the
    landscape P, low where the snake is to go; field (2, H, W), a force (down, right) that replaces −∇P, for example
    from ``gradient_vector_flow``; alpha, beta, at least 0; balloon, pixels a step of size 1; step, above 0; steps,
    at most; limit, pixels, above 0; ends: "closed", "free" (an open chain) or "fixed" (open, its ends held).
    Outside the image the landscape goes on level from the border. step · (4 alpha + 16 beta) at most 1e12.
    Returns: an Evolution; the final contour is ``contours[-1]``. Look at its ``rested`` before you say where a snake
    ends: tension moves a contour over level ground slowly, often for thousands of steps. ``settle`` waits for it.
    Raises TypeError or ValueError for bad arguments, ValueError for a balloon with an open snake.
    Cost: O(n) a step, and O(H·W) once. The number of points stays: when a snake grows or shrinks much, evolve some
    steps, ``resample``, and go on.

    scikit-image's ``active_contour`` takes the same steps with gamma = 1 / step and the landscape negated, but cuts
    each coordinate's move to max_px_move · tanh(move), so that it is slower to the same end.

    Reference: Kass, Witkin & Terzopoulos, Snakes: active contour models, International Journal of Computer Vision 1,
    1988, doi:10.1007/BF00133570; balloon: Cohen, On active contour models and balloons, CVGIP: Image Understanding
    53, 1991, doi:10.1016/1049-9660(91)90028-N. Lesson 06.
    """
    points = _points(points)
    landscape = grey(energy, "energy").astype(np.float64)
    for name, value, least in (("alpha", alpha, 0), ("beta", beta, 0), ("tolerance", tolerance, 0)):
        check_number(name, value, least)
    for name, value in (("step", step), ("limit", limit)):
        check_positive(name, value)
    check_number("balloon", balloon, -np.inf)
    check_count("steps", steps)
    if step * (4 * alpha + 16 * beta) > 1e12:
        raise ValueError(
            f"step is {step:g}: beyond step · (4 alpha + 16 beta) = 1e12 rounding would eat the points; take a smaller"
        )
    if ends not in ("closed", "free", "fixed"):
        raise ValueError(f'ends must be "closed", "free" or "fixed", not {ends!r}')
    if balloon and ends != "closed":
        raise ValueError("a balloon needs an inside: use ends='closed', or balloon=0")
    surface = _coefficients(landscape)
    if field is None:
        pull = np.empty((2, 0, 0))  # none: the force is the slope of the surface
    else:
        pull = np.stack([_coefficients(part) for part in _field(field, landscape.shape)])
    closed, fixed = ends == "closed", ends == "fixed"
    bands = step * stiffness(len(points), alpha, beta, closed)
    bands[2] += 1
    if fixed:
        bands[:, [0, -1]] = np.array([0, 0, 1, 0, 0])[:, None]
    system = _factorise(bands)
    contours = np.empty((int(steps) + 1, *points.shape))
    energies = np.empty((2, int(steps) + 1))
    contours[0] = points
    taken, rested = _evolve(
        surface,
        pull,
        system,
        np.array([alpha, beta, balloon, step, limit, tolerance], float),
        closed,
        fixed,
        contours,
        energies,
    )
    return Evolution(contours[: taken + 1], energies[0, : taken + 1], energies[1, : taken + 1], rested)


@kernel
def _evolve(surface, pull, system, settings, closed, fixed, contours, energies):
    alpha, beta, balloon, step, limit, tolerance = settings
    n = contours.shape[1]
    target = np.empty((2, n))
    steps = contours.shape[0] - 1
    rested = False
    for t in range(steps + 1):
        points = contours[t]
        energies[0, t] = _internal(points, alpha, beta, closed)
        energies[1, t] = 0
        for i in range(n):
            y, x = points[i]
            value, down, right = _read(surface, y, x)
            energies[1, t] += value
            down, right = -down, -right
            if pull.size > 0:
                down, right = _read(pull[0], y, x)[0], _read(pull[1], y, x)[0]
            target[0, i], target[1, i] = y + step * down, x + step * right
        if t == steps:
            break
        if balloon != 0:
            _inflate(points, step * balloon, target)
        if fixed:
            target[:, 0], target[:, n - 1] = points[0], points[n - 1]
        _solve(system, target[0])
        _solve(system, target[1])
        farthest = 0.0
        for i in range(n):
            down, right = target[0, i] - points[i, 0], target[1, i] - points[i, 1]
            farthest = max(farthest, math.sqrt(down * down + right * right))
        part = min(1.0, limit / max(farthest, limit))  # of the way, the same for all, so still downhill
        for i in range(n):
            contours[t + 1, i, 0] = points[i, 0] + part * (target[0, i] - points[i, 0])
            contours[t + 1, i, 1] = points[i, 1] + part * (target[1, i] - points[i, 1])
        if part * farthest <= tolerance:
            steps, rested = t + 1, True  # the next round measures its energy and ends
    return steps, rested


@kernel
def _internal(points, alpha, beta, closed):
    n = len(points)
    stretch = bend = 0.0
    for i in range(n if closed else n - 1):
        here, ahead = points[i], points[(i + 1) % n]
        stretch += (ahead[0] - here[0]) ** 2 + (ahead[1] - here[1]) ** 2
    for i in range(n if closed else n - 2):
        here, ahead, beyond = points[i], points[(i + 1) % n], points[(i + 2) % n]
        bend += (beyond[0] - 2 * ahead[0] + here[0]) ** 2 + (beyond[1] - 2 * ahead[1] + here[1]) ** 2
    return (alpha * stretch + beta * bend) / 2


@kernel
def _inflate(points, push, target):
    """Add a push along the outward normal, which is the tangent turned by a right angle."""
    n = len(points)
    area = 0.0
    for i in range(n):
        area += points[i - 1, 1] * points[i, 0] - points[i, 1] * points[i - 1, 0]
    turn = 1.0 if area > 0 else -1.0  # the sense in which the points go round
    for i in range(n):
        down = points[(i + 1) % n, 0] - points[i - 1, 0]
        right = points[(i + 1) % n, 1] - points[i - 1, 1]
        length = max(math.sqrt(down * down + right * right), 1e-12)
        target[0, i] -= turn * push * right / length
        target[1, i] += turn * push * down / length


def snake(points, energy, **settings):
    """The last contour of ``evolve``, whose settings it takes; float64 (n, 2).

    Its history costs so little beside the steps that it is kept anyway.
    """
    return evolve(points, energy, **settings).contours[-1]


def settle(points, energy, *, step=None, steps=100_000, tolerance=1e-4, **settings):
    """Let a snake slide until it rests, and forget the way; for the thousands of steps that this may take.

    1. Take the largest step at which the energy cannot rise.
    2. ``evolve`` a thousand steps at a time, until no point is faster than ``tolerance``, or after ``steps``.

    Parameters: points, energy and the other settings as for ``evolve``; step, None for ``largest_step(energy)``, at
    most 100; steps, at most, at least 1; tolerance, pixels a unit of time (a step of size 1), at least 0.
    Returns: Rest(contour, steps, rested). Raises as ``evolve`` does. Cost: O(n) a step, memory for a thousand of them.
    Lesson 06.
    """
    check_count("steps", steps, 1)
    check_number("tolerance", tolerance, 0)
    step = min(largest_step(energy), 100.0) if step is None else step
    check_positive("step", step)
    taken, rested = 0, False
    while taken < steps and not rested:
        part = evolve(
            points, energy, step=step, steps=min(1000, steps - taken), tolerance=tolerance * step, **settings
        )
        points, rested = part.contours[-1], part.rested
        taken += len(part.contours) - 1
    return Rest(points, taken, rested)


def largest_step(energy):
    """The step up to which ``evolve`` never raises the energy: 2 / L, L a bound on the landscape's curvature.

    A step goes down if the force does not change too much on the way. Between pixels the landscape's second
    derivatives are weighted means of the second differences of its coefficients (see ``_coefficients``); the largest
    of these, rows summed as in Gershgorin's circles, bound how fast the force can change.

    Parameters: energy (H, W). Returns: float; infinite, or by rounding huge, for a level landscape. Cost: a few passes.
    Lesson 06.
    """
    c = np.pad(_coefficients(grey(energy, "energy").astype(np.float64)), 1, mode="edge")
    down = np.abs(np.diff(c, 2, axis=0)).max()
    right = np.abs(np.diff(c, 2, axis=1)).max()
    mixed = np.abs(np.diff(np.diff(c, axis=0), axis=1)).max()
    curvature = max(down, right) + mixed
    return 2 / curvature if curvature > 0 else math.inf


def resample(points, count, *, closed=True):
    """The same contour with ``count`` points at equal distances along it.

    1. The length from the first point to each, along the chain.
    2. Equal shares of the whole length; between points, the line from one to the next.

    Parameters: points (n, 2), n at least 2; count, at least 2; closed: the last point joins the first.
    Returns: float64 (count, 2), its first point the first (and, of an open chain, its last the last).
    Raises TypeError or ValueError for bad arguments, ValueError when all points are the same. Cost: O(n + count).
    Lesson 06.
    """
    points = _points(points, 2)
    check_count("count", count, 2)
    chain = np.concatenate([points, points[:1]]) if closed else points
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(chain, axis=0).T))])
    if along[-1] == 0:
        raise ValueError("points are all at the same place: such a contour has no length to divide")
    shares = np.linspace(0, along[-1], count, endpoint=not closed)
    return np.stack([np.interp(shares, along, chain[:, axis]) for axis in (0, 1)], axis=1)


def circle(centre, radius, count=100):
    """A closed contour to start from: float64 (count, 2) points (y, x) on a circle."""
    check_positive("radius", radius)
    check_count("count", count, 5)
    if np.shape(centre) != (2,) or not np.isfinite(centre).all():
        raise ValueError(f"centre must be two finite numbers (y, x), not {centre!r}")
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.asarray(centre, float) + radius * np.stack([np.sin(angle), np.cos(angle)], axis=1)


def stiffness(count, alpha, beta, closed=True):
    """The matrix A of a snake's inner energy ½ pᵀA p as five diagonals: float64 (5, n).

    Entry [k, i] stands in row i and column i + k − 2 of A, counted round the corner. Each squared difference of the
    energy, of points (−1, 1) for α and (1, −2, 1) for β, adds the products of its coefficients; at the ends of an
    open chain there are fewer, which gives the natural boundary.
    """
    bands = np.zeros((5, count))
    for weight, stencil in ((alpha, (-1, 1)), (beta, (1, -2, 1))):
        first = np.arange(count if closed else count - len(stencil) + 1)
        for a, left in enumerate(stencil):
            for b, right in enumerate(stencil):
                bands[2 + b - a, (first + a) % count] += weight * left * right
    return bands


def solve_cyclic(bands, right):
    """Solve A x = right for a matrix with five diagonals that go on round the corner.

    Elimination keeps to the diagonals, but the corners of a closed chain would fill in. So the last two unknowns
    wait: A = [[B, U], [V, D]] with B without corners.

    1. Eliminate in B, each row using the two above: O(n), and no new entries outside the diagonals.
    2. From the same factors, Z = B⁻¹U, two columns, and the 2 × 2 matrix S = D − V Z.
    3. For each right-hand side (r, s): y = B⁻¹r, then the last two S⁻¹(s − V y), then the others y − Z · those.

    Parameters: bands (5, n), n at least 5, entry [k, i] in row i and column (i + k − 2) mod n; right (n,) or (n, m).
    Elimination is without pivoting: A has to be positive definite or diagonally dominant.
    Returns: float64 like right. Raises TypeError or ValueError for bad arguments, ``numpy.linalg.LinAlgError`` for a
    pivot that is zero. Cost: about 40 operations a row, and 12 for each right-hand side.

    Reference: Golub & Van Loan, Matrix Computations, 4th edition, Johns Hopkins, 2013, sections 2.1.4 and 4.3.
    Lesson 06.
    """
    bands, right = grey(bands, "bands").astype(np.float64), np.asarray(right, np.float64)
    if len(bands) != 5 or bands.shape[1] < 5:
        raise ValueError(f"bands must have shape (5, n) with n at least 5, but their shape is {bands.shape}")
    if right.ndim not in (1, 2) or len(right) != bands.shape[1] or not np.isfinite(right).all():
        raise ValueError(
            f"right must be finite, of shape ({bands.shape[1]},) or ({bands.shape[1]}, m), not {right.shape}"
        )
    system = _factorise(bands)
    solution = np.array(right.reshape(len(right), -1).T, order="C")
    for column in solution:
        _solve(system, column)
    return solution.T.reshape(right.shape)


def _factorise(bands):
    """All that ``_solve`` needs, float64 (10, n): L's two bands, U's three, Z's two columns, S and the rows of V."""
    system = np.zeros((10, bands.shape[1]))
    if not _factor(bands, system):
        raise np.linalg.LinAlgError("a pivot is zero: the matrix is singular or would need pivoting")
    return system


@kernel
def _factor(bands, system):
    n = bands.shape[1]
    m = n - 2
    lower, upper, border, rest = system[:2], system[2:5], system[5:7], system[7:]
    for i in range(m):  # row i of B, less multiples of the two rows above
        left2, left1, pivot, right1, right2 = bands[:, i]
        if i > 1:
            lower[1, i] = left2 / upper[0, i - 2]
            left1 -= lower[1, i] * upper[1, i - 2]
            pivot -= lower[1, i] * upper[2, i - 2]
        if i > 0:
            lower[0, i] = left1 / upper[0, i - 1]
            pivot -= lower[0, i] * upper[1, i - 1]
            right1 -= lower[0, i] * upper[2, i - 1]
        if pivot == 0:
            return False
        upper[0, i], upper[1, i], upper[2, i] = pivot, right1, right2
        for k in range(5):
            column = (i + k - 2) % n
            if column >= m:
                border[column - m, i] += bands[k, i]  # U
    upper[0, m:] = 1
    _substitute(lower, upper, border[0, :m])
    _substitute(lower, upper, border[1, :m])
    for j in range(2):
        rest[1 + j, :5] = bands[:, m + j]
        for k in range(5):
            column = (m + j + k - 2) % n
            if column >= m:
                rest[0, 2 * j + column - m] += bands[k, m + j]  # D
            else:
                rest[0, 2 * j] -= bands[k, m + j] * border[0, column]
                rest[0, 2 * j + 1] -= bands[k, m + j] * border[1, column]
    return rest[0, 0] * rest[0, 3] != rest[0, 1] * rest[0, 2]


@kernel
def _solve(system, x):
    """Put the solution in the place of the right-hand side."""
    n = x.size
    m = n - 2
    border, rest = system[5:7], system[7:]
    _substitute(system[:2], system[2:5], x[:m])
    for j in range(2):
        for k in range(5):
            column = (m + j + k - 2) % n
            if column < m:
                x[m + j] -= rest[1 + j, k] * x[column]  # s − V y
    s00, s01, s10, s11 = rest[0, :4]
    determinant = s00 * s11 - s01 * s10
    first, second = x[m], x[m + 1]
    x[m], x[m + 1] = (
        (s11 * first - s01 * second) / determinant,
        (s00 * second - s10 * first) / determinant,
    )
    for i in range(m):
        x[i] -= border[0, i] * x[m] + border[1, i] * x[m + 1]


@kernel
def _substitute(lower, upper, x):
    m = x.size
    for i in range(1, m):  # L y = x, from the top
        x[i] -= lower[0, i] * x[i - 1]
        if i > 1:
            x[i] -= lower[1, i] * x[i - 2]
    for i in range(m - 1, -1, -1):  # U x = y, from the bottom
        if i < m - 1:
            x[i] -= upper[1, i] * x[i + 1]
        if i < m - 2:
            x[i] -= upper[2, i] * x[i + 2]
        x[i] /= upper[0, i]


def gradient_vector_flow(edges, mu=0.2, sweeps=40):
    """A force field that points to edges from afar, and into concavities: the edge map's gradient, diffused.

    The gradient of an edge map f is zero in flat regions, so a snake there feels nothing. GVF keeps it where it is
    strong and fills the rest as smoothly as it can: it is the field v with the least
    Σ μ |∇v|² + |∇f|² |v − ∇f|². Its derivative is zero where, in each pixel and for both components,
    (|∇f|² + μ · neighbours) v = |∇f|² ∇f + μ · (sum of the neighbours' v).

    1. Solve the same problem on an image of half the size (by these same steps), as a first guess.
    2. Sweep over the pixels, first those of one colour of a chessboard, then the other: give each the v that its
       equation asks for, and, as it will change further, 0.8 of the way again (successive over-relaxation). No
       sweep raises the energy, and there is no time step to choose.

    Xu and Prince let v diffuse in time, explicitly, which is stable for steps up to 1 / 4μ only and needs of the
    order of side² of them, to the same end.

    Parameters: edges f (H, W), large on edges, for example ``-edge_energy(image)``; mu, smoothing, above 0, larger
    for a noisier image; sweeps at each size.
    Returns: float64 (2, H, W), the components (down, right); see ``normalise``.
    Raises TypeError or ValueError for bad arguments. Cost: 4 / 3 of ``sweeps`` passes, whatever the reach.

    Reference: Xu & Prince, Snakes, shapes, and gradient vector flow, IEEE Transactions on Image Processing 7, 1998,
    doi:10.1109/83.661186. Lesson 06.
    """
    gradient = _differences(grey(edges, "edges").astype(np.float64))
    check_positive("mu", mu)
    check_count("sweeps", sweeps)
    weight = (gradient**2).sum(axis=0)
    return _flow(weight, weight * gradient, float(mu), int(sweeps))


def _flow(weight, source, mu, sweeps):
    height, width = weight.shape
    if min(height, width) >= 8:
        half = _flow(_halve(weight), np.stack([_halve(part) for part in source]), mu / 4, sweeps)
        field = np.ascontiguousarray(half.repeat(2, axis=1).repeat(2, axis=2)[:, :height, :width])
    else:
        field = source.copy()
    for _ in range(sweeps):
        for colour in (0, 1):
            _relax(weight, source, mu, colour, field)
    return field


def _halve(values):
    """Means of 2 × 2 pixels; an odd side's last pixel counts twice."""
    height, width = values.shape
    even = np.pad(values, ((0, height % 2), (0, width % 2)), mode="edge")
    return (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4


@kernel
def _relax(weight, source, mu, colour, field):
    height, width = weight.shape
    for y in range(height):
        up, down = max(y - 1, 0), min(y + 1, height - 1)  # the border's outer neighbour is the pixel itself
        for x in range((y + colour) % 2, width, 2):
            left, right = max(x - 1, 0), min(x + 1, width - 1)
            count = (up < y) + (down > y) + (left < x) + (right > x)
            share = 1 / (weight[y, x] + mu * count) if count > 0 or weight[y, x] > 0 else 0.0
            for k in range(2):
                v = field[k]
                around = v[up, x] + v[down, x] + v[y, left] + v[y, right] - (4 - count) * v[y, x]
                v[y, x] += OVER_RELAXATION * ((source[k, y, x] + mu * around) * share - v[y, x])


def normalise(field, floor=1e-3):
    """A field of nearly unit length: v / √(|v|² + floor²), so that weak forces from far away count, too.

    Take a step of at most 0.5 in such a field: across an edge it turns round within a pixel or two.
    Parameters: field (2, H, W); floor, the length below which v counts as none. Returns: float64 (2, H, W).
    """
    check_positive("floor", floor)
    down, right = _field(field, np.shape(field)[1:])
    return np.stack([down, right]) / np.sqrt(down**2 + right**2 + floor**2)


def _differences(values):
    """Central differences (2, H, W) down and right; one-sided at the border, 0 along a side of one pixel."""
    parts = [
        np.gradient(values, axis=axis) if size > 1 else np.zeros_like(values)
        for axis, size in enumerate(values.shape)
    ]
    return np.stack(parts)


def _coefficients(values):
    """Those of the quadratic B-spline through the pixels: (c[i−1] + 6 c[i] + c[i+1]) / 8 = value, in y and x.

    Outside, the outermost coefficient repeats.
    """
    for _ in range(2):
        values = np.array(values.T, order="C")
        _to_coefficients(values)
    return values


@kernel
def _to_coefficients(values):
    """Down the columns, in place: a matrix with three diagonals, eliminated and substituted."""
    size = values.shape[0]
    pivots = np.empty(size)
    for y in range(size):
        pivots[y] = 6.0 + (y == 0) + (y == size - 1)
        for x in range(values.shape[1]):
            values[y, x] *= 8
        if y > 0:
            pivots[y] -= 1 / pivots[y - 1]
            for x in range(values.shape[1]):
                values[y, x] -= values[y - 1, x] / pivots[y - 1]
    for y in range(size - 1, -1, -1):
        for x in range(values.shape[1]):
            below = values[y + 1, x] if y < size - 1 else 0.0
            values[y, x] = (values[y, x] - below) / pivots[y]


@kernel
def _read(surface, y, x):
    """(value, slope down, slope right) of the spline with these coefficients; level outside the image."""
    height, width = surface.shape
    # half a pixel beyond the outermost centres the spline is level, so there it may end without a kink
    inside_y, inside_x = min(max(y, -0.5), height - 0.5), min(max(x, -0.5), width - 0.5)
    row, column = min(int(inside_y + 0.5), height - 1), min(int(inside_x + 0.5), width - 1)  # nearest pixel
    dy, dx = inside_y - row, inside_x - column  # in [−½, ½]
    weights_y, weights_x = _weights(dy), _weights(dx)
    slopes_y, slopes_x = (dy - 0.5, -2 * dy, dy + 0.5), (dx - 0.5, -2 * dx, dx + 0.5)
    value = down = right = 0.0
    for i in range(3):
        line = surface[min(max(row + i - 1, 0), height - 1)]
        here = along = 0.0
        for j in range(3):
            coefficient = line[min(max(column + j - 1, 0), width - 1)]
            here += weights_x[j] * coefficient
            along += slopes_x[j] * coefficient
        value += weights_y[i] * here
        down += slopes_y[i] * here
        right += weights_y[i] * along
    return value, down if y == inside_y else 0.0, right if x == inside_x else 0.0


@kernel
def _weights(d):
    """Of the pixels before, at and after, for a place d from the middle one; they sum to 1."""
    return 0.5 * (0.5 - d) ** 2, 0.75 - d * d, 0.5 * (0.5 + d) ** 2


def _points(points, least=5):
    array = np.asarray(points)
    if array.dtype.kind not in "uif":
        raise TypeError(f"points must be numbers, not {array.dtype}")
    if array.ndim != 2 or array.shape[1] != 2 or len(array) < least:
        raise ValueError(
            f"points must have shape (n, 2), rows (y, x), n at least {least}, but their shape is {array.shape}"
        )
    if not np.isfinite(array).all():
        raise ValueError("points must be finite, but some are NaN or infinite")
    if np.abs(array).max() > 1e9:
        raise ValueError("points must be pixels of an image, but some are further out than 1e9")
    return array.astype(np.float64)


def _field(field, shape):
    array = np.asarray(field)
    if array.ndim != 3 or array.shape != (2, *shape):
        raise ValueError(
            f"field must have shape (2, H, W), (down, right) for each of the {shape} pixels, not {array.shape}"
        )
    return [grey(part, "field").astype(np.float64) for part in array]
