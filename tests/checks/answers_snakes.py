"""Lesson 06: answers to its exercises, right ones written in unusual ways and usual mistakes."""

from itertools import combinations

import numpy as np
from answers import right, wrong
from scipy import ndimage, sparse
from scipy.sparse.linalg import spsolve
from scipy.spatial.distance import cdist

from course_utils.classic import snakes

# ---------------------------------------------------------------------------------------- inner energy


@right("inner-energy")
def by_hand(points, alpha, beta):
    """Pure Python, coordinate by coordinate, with negative indices for the neighbours."""
    total = 0.0
    for axis in (0, 1):
        values = [float(v) for v in points[:, axis]]
        for i in range(len(values)):
            total += alpha * (values[i] - values[i - 1]) ** 2
            total += beta * (values[i] - 2 * values[i - 1] + values[i - 2]) ** 2
    return total / 2


@right("inner-energy")
def complex_plane(points, alpha, beta):
    """Points as complex numbers, and the energy from their spectrum (Parseval)."""
    spectrum = np.abs(np.fft.fft(points[:, 0] + 1j * points[:, 1])) ** 2 / len(points)
    second = 2 - 2 * np.cos(2 * np.pi * np.arange(len(points)) / len(points))
    return float(spectrum @ (alpha * second + beta * second**2)) / 2


@right("inner-energy")
def wrapped_differences(points, alpha, beta):
    wrapped = np.pad(points, ((1, 1), (0, 0)), mode="wrap")
    stretch, bend = np.diff(wrapped[1:], axis=0), np.diff(wrapped, 2, axis=0)
    return (alpha * np.sum(stretch**2) + beta * np.sum(bend**2)) / 2


@wrong("inner-energy")
def no_closing_side(points, alpha, beta):
    """The side from the last point to the first is missing."""
    return (alpha * np.sum(np.diff(points, axis=0) ** 2) + beta * np.sum(np.diff(points, 2, axis=0) ** 2)) / 2


@wrong("inner-energy")
def half_forgotten(points, alpha, beta):
    return alpha * np.sum((np.roll(points, 1, 0) - points) ** 2) + beta * np.sum(
        (np.roll(points, 1, 0) + np.roll(points, -1, 0) - 2 * points) ** 2
    )


@wrong("inner-energy")
def perimeter(points, alpha, beta):
    """Lengths, not their squares."""
    ahead, behind = np.roll(points, -1, 0), np.roll(points, 1, 0)
    return (
        alpha * np.linalg.norm(ahead - points, axis=1).sum()
        + beta * np.linalg.norm(ahead - 2 * points + behind, axis=1).sum()
    ) / 2


@wrong("inner-energy")
def bend_over_two_steps(points, alpha, beta):
    """The bend is taken for the slope over two steps."""
    ahead, behind = np.roll(points, -1, 0), np.roll(points, 1, 0)
    return (alpha * ((points - behind) ** 2).sum() + beta * ((ahead - behind) ** 2).sum()) / 2


@wrong("inner-energy")
def names_exchanged(points, alpha, beta):
    return by_hand(points, alpha=beta, beta=alpha)


@wrong("inner-energy")
def means(points, alpha, beta):
    ahead, behind = np.roll(points, -1, 0), np.roll(points, 1, 0)
    return (alpha * ((ahead - points) ** 2).mean() + beta * ((ahead - 2 * points + behind) ** 2).mean()) / 2


@wrong("inner-energy")
def half_of_the_first(points, alpha, beta):
    ahead, behind = np.roll(points, -1, 0), np.roll(points, 1, 0)
    return alpha * ((ahead - points) ** 2).sum() / 2 + beta * ((ahead - 2 * points + behind) ** 2).sum()


@wrong("inner-energy")
def half_of_the_second(points, alpha, beta):
    ahead, behind = np.roll(points, -1, 0), np.roll(points, 1, 0)
    return alpha * ((ahead - points) ** 2).sum() + beta * ((ahead - 2 * points + behind) ** 2).sum() / 2


@wrong("inner-energy")
def mean_of_squared_lengths(points, alpha, beta):
    ahead, behind = np.roll(points, -1, 0), np.roll(points, 1, 0)
    squares = alpha * (ahead - points) ** 2 + beta * (ahead - 2 * points + behind) ** 2
    return squares.sum(axis=1).mean() / 2


@wrong("inner-energy")
def down_only(points, alpha, beta):
    """The squared length has lost its dx²."""
    return by_hand(np.stack([points[:, 0], np.zeros(len(points))], axis=1), alpha, beta)


@wrong("inner-energy")
def across_only(points, alpha, beta):
    return by_hand(np.stack([np.zeros(len(points)), points[:, 1]], axis=1), alpha, beta)


@wrong("inner-energy")
def no_bending(points, alpha, beta):
    return by_hand(points, alpha, 0)


@wrong("inner-energy")
def square_of_the_sum(points, alpha, beta):
    ahead, behind = np.roll(points, -1, 0), np.roll(points, 1, 0)
    return (alpha * np.sum(ahead - points) ** 2 + beta * np.sum(ahead - 2 * points + behind) ** 2) / 2


# --------------------------------------------------------------------------------------- implicit step


@right("implicit-step")
def five_diagonals(points, force, alpha, beta, step):
    """The library's banded solver."""
    bands = step * snakes.stiffness(len(points), alpha, beta)
    bands[2] += 1
    return snakes.solve_cyclic(bands, points + step * force)


@right("implicit-step")
def in_the_spectrum(points, force, alpha, beta, step):
    """Waves are the eigenvectors of a closed chain: divide each by its own factor."""
    second = 2 - 2 * np.cos(2 * np.pi * np.arange(len(points)) / len(points))
    factor = 1 + step * (alpha * second + beta * second**2)
    return np.real(np.fft.ifft(np.fft.fft(points + step * force, axis=0) / factor[:, None], axis=0))


@right("implicit-step")
def sparse_matrix(points, force, alpha, beta, step):
    """The differences as a sparse matrix D; tension is DᵀD, stiffness its square."""
    count = len(points)
    forward = sparse.lil_matrix((count, count))
    for i in range(count):
        forward[i, i] -= 1
        forward[i, (i + 1) % count] += 1
    tension = (forward.T @ forward).tocsc()
    matrix = sparse.eye(count, format="csc") + step * (alpha * tension + beta * tension @ tension)
    return np.column_stack([spsolve(matrix, column) for column in (points + step * force).T])


@wrong("implicit-step")
def forward_euler(points, force, alpha, beta, step):
    """An explicit step."""
    second = np.roll(points, 1, 0) + np.roll(points, -1, 0) - 2 * points
    fourth = np.roll(second, 1, 0) + np.roll(second, -1, 0) - 2 * second
    return points + step * (alpha * second - beta * fourth + force)


@wrong("implicit-step")
def force_without_step(points, force, alpha, beta, step):
    return five_diagonals(points, force / step, alpha, beta, step)


@wrong("implicit-step")
def step_left_out_of_matrix(points, force, alpha, beta, step):
    return five_diagonals(points, force * step, alpha, beta, 1.0)


@wrong("implicit-step")
def uphill(points, force, alpha, beta, step):
    return five_diagonals(points, -force, alpha, beta, step)


@wrong("implicit-step")
def open_ends(points, force, alpha, beta, step):
    """A tridiagonal matrix whose corners are empty."""
    count = len(points)
    tension = sparse.diags([-1.0, 2.0, -1.0], [-1, 0, 1], shape=(count, count)).toarray()
    matrix = np.eye(count) + step * (alpha * tension + beta * tension @ tension)
    return np.linalg.inv(matrix) @ (points + step * force)


@wrong("implicit-step")
def stiffness_as_tension(points, force, alpha, beta, step):
    return five_diagonals(points, force, alpha + beta, 0, step)


def tension_of(count):
    one = np.eye(count)
    return 2 * one - np.roll(one, 1, axis=1) - np.roll(one, -1, axis=1)


def solved(points, force, step, matrix, diagonal=None):
    diagonal = np.eye(len(points)) if diagonal is None else diagonal
    return np.linalg.solve(diagonal + step * matrix, points + step * force)


@wrong("implicit-step")
def twice_the_matrix(points, force, alpha, beta, step):
    tension = tension_of(len(points))
    return solved(points, force, step, 2 * (alpha * tension + beta * tension @ tension))


@wrong("implicit-step")
def half_the_matrix(points, force, alpha, beta, step):
    return five_diagonals(points, force, alpha / 2, beta / 2, step)


@wrong("implicit-step")
def entries_squared(points, force, alpha, beta, step):
    tension = tension_of(len(points))
    return solved(points, force, step, alpha * tension + beta * tension**2)


@wrong("implicit-step")
def without_beta(points, force, alpha, beta, step):
    return solved(points, force, step, alpha * tension_of(len(points)))


@wrong("implicit-step")
def exchanged(points, force, alpha, beta, step):
    return five_diagonals(points, force, beta, alpha, step)


@wrong("implicit-step")
def deaf_to_the_force(points, force, alpha, beta, step):
    return five_diagonals(points, np.zeros_like(force), alpha, beta, step)


@wrong("implicit-step")
def the_way_only(points, force, alpha, beta, step):
    return five_diagonals(points, force, alpha, beta, step) - points


@wrong("implicit-step")
def ones_in_all_entries(points, force, alpha, beta, step):
    tension = tension_of(len(points))
    return solved(points, force, step, alpha * tension + beta * tension @ tension, diagonal=1)


@wrong("implicit-step")
def nothing_on_the_diagonal(points, force, alpha, beta, step):
    tension = tension_of(len(points))
    return solved(points, force, step, alpha * tension + beta * tension @ tension, diagonal=0)


@wrong("implicit-step")
def pseudoinverse_without_ones(points, force, alpha, beta, step):
    """Least squares do not mind that the matrix is singular."""
    tension = tension_of(len(points))
    matrix = step * (alpha * tension + beta * tension @ tension)
    return np.linalg.lstsq(matrix, points + step * force, rcond=1e-12)[0]


@wrong("implicit-step")
def rolled_flat(points, force, alpha, beta, step):
    one = np.eye(len(points))
    tension = 2 * one - np.roll(one, 1) - np.roll(one, -1)
    return solved(points, force, step, alpha * tension + beta * tension @ tension)


@wrong("implicit-step")
def force_not_smoothed(points, force, alpha, beta, step):
    return five_diagonals(points, np.zeros_like(force), alpha, beta, step) + step * force


@wrong("implicit-step")
def tension_in_the_bending(points, force, alpha, beta, step):
    tension = alpha * tension_of(len(points))
    return solved(points, force, step, tension + beta * tension @ tension)


@wrong("implicit-step")
def tension_in_one_factor(points, force, alpha, beta, step):
    tension = tension_of(len(points))
    return solved(points, force, step, alpha * tension + beta * (alpha * tension) @ tension)


@wrong("implicit-step")
def stiffness_open(points, force, alpha, beta, step):
    count = len(points)
    beyond = np.eye(count, k=2) + np.eye(count, k=-2)
    near = np.roll(np.eye(count), 1, axis=1) + np.roll(np.eye(count), -1, axis=1)
    return solved(
        points, force, step, alpha * tension_of(count) + beta * (6 * np.eye(count) - 4 * near + beyond)
    )


# ----------------------------------------------------------------------------------------- region force


@right("region-force")
def with_ndimage(image, phi):
    """Means by label."""
    side = (phi > 0).astype(int)
    means = [ndimage.mean(image, side, k) if (side == k).any() else 0.0 for k in (0, 1)]
    return (image - means[0]) ** 2 - (image - means[1]) ** 2


@right("region-force")
def without_squares(image, phi):
    """The difference of the squares is linear in the picture."""
    inside = phi > 0
    c1 = (image * inside).sum() / max(inside.sum(), 1)
    c2 = (image * ~inside).sum() / max((~inside).sum(), 1)
    return (c1 - c2) * (2 * image - c1 - c2)


@right("region-force")
def pixel_by_pixel(image, phi):
    sides = {True: [], False: []}
    for value, level in zip(image.flat, phi.flat, strict=True):
        sides[level > 0].append(value)
    c1, c2 = (sum(side) / len(side) if side else 0.0 for side in (sides[True], sides[False]))
    return np.array([[(v - c2) ** 2 - (v - c1) ** 2 for v in row] for row in image])


@wrong("region-force")
def the_colleague(image, phi):
    inside = phi > 0
    c1, c2 = (image * inside).mean(), (image * ~inside).mean()
    return (image - c1) ** 2 - (image - c2) ** 2


@wrong("region-force")
def sign_not_repaired(image, phi):
    return -without_squares(image, phi)


@wrong("region-force")
def means_not_repaired(image, phi):
    inside = phi > 0
    c1, c2 = (image * inside).mean(), (image * ~inside).mean()
    return (image - c2) ** 2 - (image - c1) ** 2


@wrong("region-force")
def beside_the_outline(image, phi):
    """Only pixels with a neighbour on the other side move, as a snake would."""
    inside = phi > 0
    cross = ndimage.generate_binary_structure(2, 1)
    edge = ndimage.binary_dilation(inside, cross) ^ ndimage.binary_erosion(inside, cross, border_value=1)
    return np.where(edge, without_squares(image, phi), 0.0)


@wrong("region-force")
def distances_not_squared(image, phi):
    inside = phi > 0
    c1 = image[inside].mean() if inside.any() else 0.0
    c2 = image[~inside].mean() if (~inside).any() else 0.0
    return abs(image - c2) - abs(image - c1)


@wrong("region-force")
def nan_of_an_empty_side(image, phi):
    inside = phi > 0
    with np.errstate(all="ignore"):
        c1 = np.divide(image[inside].sum(), inside.sum())
        c2 = np.divide(image[~inside].sum(), (~inside).sum())
    return (image - c2) ** 2 - (image - c1) ** 2


def mean_where(image, side):
    """0 / 0 is a nan, and no warning."""
    with np.errstate(all="ignore"):
        return np.divide(image[side].sum(), side.sum())


@wrong("region-force")
def only_the_inside_may_be_empty(image, phi):
    inside = phi > 0
    c1 = mean_where(image, inside) if inside.any() else 0.0
    return (image - mean_where(image, ~inside)) ** 2 - (image - c1) ** 2


@wrong("region-force")
def only_the_outside_may_be_empty(image, phi):
    inside = phi > 0
    c2 = 0.0 if inside.all() else mean_where(image, ~inside)
    return (image - c2) ** 2 - (image - mean_where(image, inside)) ** 2


@wrong("region-force")
def nans_wiped_off(image, phi):
    return np.nan_to_num(nan_of_an_empty_side(image, phi))


@wrong("region-force")
def below_zero_is_outside(image, phi):
    inside, outside = phi > 0, phi < 0
    c1 = image[inside].mean() if inside.any() else 0.0
    c2 = image[outside].mean() if outside.any() else 0.0
    return (image - c2) ** 2 - (image - c1) ** 2


@wrong("region-force")
def means_cut_to_integers(image, phi):
    inside = phi > 0
    c1 = image[inside].mean().astype(int) if inside.any() else 0
    c2 = image[~inside].mean().astype(int) if (~inside).any() else 0
    return (image - c2) ** 2 - (image - c1) ** 2


@wrong("region-force")
def near_the_outline_most(image, phi):
    return without_squares(image, phi) / (np.pi * (1 + phi**2))


# ------------------------------------------------------------------------------------------- split


@right("split-snake")
def table_of_distances(points, near, gap):
    """All distances at once; what is too near along the chain counts as infinitely far."""
    count = len(points)
    steps = np.subtract.outer(np.arange(count), np.arange(count))
    along = np.minimum(np.abs(steps), count - np.abs(steps))
    distance = np.where((along >= gap) & (steps < 0), cdist(points, points), np.inf)
    i, j = np.unravel_index(np.argmin(distance), distance.shape)
    parts = np.zeros(count, int)
    if distance[i, j] < near:
        parts[i:j] = 1
    return parts


@right("split-snake")
def shortest_pair(points, near, gap):
    """Pure Python over all pairs."""
    count = len(points)
    pairs = [
        (abs(complex(*points[i]) - complex(*points[j])), i, j)
        for i, j in combinations(range(count), 2)
        if gap <= j - i <= count - gap
    ]
    length, i, j = min(pairs, default=(np.inf, 0, 0))
    return np.array([int(length < near and i <= k < j) for k in range(count)])


@wrong("split-snake")
def one_snake_for_ever(points, near, gap):
    """It never splits."""
    return np.zeros(len(points), int)


@wrong("split-snake")
def end_is_far_from_beginning(points, near, gap):
    """The chain is taken for open: first and last point look far apart along it."""
    count = len(points)
    best = min(
        (np.linalg.norm(points[i] - points[j]), i, j) for i in range(count) for j in range(i + gap, count)
    )
    return np.array([int(best[0] < near and best[1] <= k < best[2]) for k in range(count)])


@wrong("split-snake")
def first_found(points, near, gap):
    count = len(points)
    for i, j in combinations(range(count), 2):
        if gap <= j - i <= count - gap and np.linalg.norm(points[i] - points[j]) < near:
            return np.array([int(i <= k < j) for k in range(count)])
    return np.zeros(count, int)


@wrong("split-snake")
def always_cuts(points, near, gap):
    return table_of_distances(points, np.inf, gap)


@wrong("split-snake")
def both_ends_in_one_part(points, near, gap):
    parts = table_of_distances(points, near, gap)
    return np.maximum(parts, np.roll(parts, 1))


@wrong("split-snake")
def city_blocks(points, near, gap):
    """Distances along the axes."""
    count = len(points)
    pairs = [
        (np.abs(points[i] - points[j]).sum(), i, j)
        for i, j in combinations(range(count), 2)
        if gap <= j - i <= count - gap
    ]
    length, i, j = min(pairs, default=(np.inf, 0, 0))
    return np.array([int(length < near and i <= k < j) for k in range(count)])


def chosen_by(metric, compared):
    """A split that seeks the nearest pair by one distance of SciPy's and compares another with ``near``."""

    def cut(points, near, gap):
        pairs = [p for p in combinations(range(len(points)), 2) if gap <= p[1] - p[0] <= len(points) - gap]
        lengths, others = cdist(points, points, metric), cdist(points, points, compared)
        i, j = min(pairs, key=lambda pair: lengths[pair], default=(0, 0))
        return np.array([int(i <= k < j and others[i, j] < near) for k in range(len(points))])

    return cut


for name, metrics in {
    "chessboard_distance": ("chebyshev", "chebyshev"),
    "chosen_on_a_chessboard": ("chebyshev", "euclidean"),
    "chosen_in_city_blocks": ("cityblock", "euclidean"),
}.items():
    answer = chosen_by(*metrics)
    answer.__name__ = name
    wrong("split-snake")(answer)


@wrong("split-snake")
def upper_triangle(points, near, gap):
    """Outside the upper triangle the table holds zeros, and they are the least."""
    distance = np.triu(cdist(points, points), gap)
    i, j = np.unravel_index(np.argmin(distance), distance.shape)
    return np.array([int(distance[i, j] < near and i <= k < j) for k in range(len(points))])


def cutter(allowed, less=np.less, ends=(0, 0)):
    """A split that takes the nearest of the allowed pairs (i, j, n, gap)."""

    def cut(points, near, gap):
        count = len(points)
        pairs = [
            (np.linalg.norm(points[i] - points[j]), i, j)
            for i, j in combinations(range(count), 2)
            if allowed(i, j, count, gap)
        ]
        length, i, j = min(pairs, default=(np.inf, 0, 0))
        found = np.zeros(count, int)
        if less(length, near):
            found[i + ends[0] : j + ends[1]] = 1
        return found

    return cut


def both_ways(i, j, n, gap):
    return gap <= j - i <= n - gap


CUTTERS = {
    "always_three": cutter(lambda i, j, n, gap: 3 <= j - i <= n - 3),
    "always_two": cutter(lambda i, j, n, gap: 2 <= j - i <= n - 2),
    "always_four": cutter(lambda i, j, n, gap: 4 <= j - i <= n - 4),
    "always_five": cutter(lambda i, j, n, gap: 5 <= j - i <= n - 5),
    "strictly_more": cutter(lambda i, j, n, gap: gap < j - i < n - gap),
    "strictly_more_round_the_end": cutter(lambda i, j, n, gap: gap <= j - i < n - gap),
    "one_less": cutter(lambda i, j, n, gap: gap - 1 <= j - i <= n - gap + 1),
    "neighbours_only_round_the_end": cutter(lambda i, j, n, gap: gap <= j - i < n - 1),
    "one_way_or_the_other": cutter(lambda i, j, n, gap: max(j - i, n - (j - i)) >= gap),
    "round_the_end_only": cutter(lambda i, j, n, gap: n - (j - i) >= gap),
    "any_pair": cutter(lambda i, j, n, gap: True),
    "loop_ends_early": cutter(lambda i, j, n, gap: both_ways(i, j, n, gap) and j < n - 1),
    "loop_ends_early_by_gap": cutter(lambda i, j, n, gap: both_ways(i, j, n, gap) and j < n - gap),
    "loop_begins_late": cutter(lambda i, j, n, gap: both_ways(i, j, n, gap) and i > 0),
    "at_most_near": cutter(both_ways, less=np.less_equal),
    "between_the_two": cutter(both_ways, ends=(1, 0)),
}
for name, answer in CUTTERS.items():
    answer.__name__ = name
    wrong("split-snake")(answer)


@wrong("split-snake")
def near_is_one(points, near, gap):
    return table_of_distances(points, 1.0, gap)


@wrong("split-snake")
def numbered_from_one(points, near, gap):
    parts = table_of_distances(points, near, gap)
    return 2 - parts if parts.any() else parts


@wrong("split-snake")
def least_of_nothing(points, near, gap):
    count = len(points)
    length, i, j = min(
        (np.linalg.norm(points[i] - points[j]), i, j)
        for i, j in combinations(range(count), 2)
        if both_ways(i, j, count, gap)
    )
    return np.array([int(length < near and i <= k < j) for k in range(count)])


@wrong("split-snake")
def no_root(points, near, gap):
    return table_of_distances(points, np.sqrt(near), gap)


# --------------------------------------------------------------------------------------- gradient vector flow


@right("gradient-vector-flow")
def laplace_of_ndimage(field, edges, mu, step):
    """SciPy's Laplacian, whose border repeats the outermost pixel."""
    down, right_ = np.gradient(edges)
    weight = down * down + right_ * right_
    parts = [
        v + step * (mu * ndimage.laplace(v, mode="nearest") - weight * (v - g))
        for v, g in zip(field, (down, right_), strict=True)
    ]
    return np.array(parts)


@right("gradient-vector-flow")
def four_shifts(field, edges, mu, step):
    """Differences to each neighbour, none across the border."""
    change = np.zeros(field.shape)
    for axis in (1, 2):
        across = np.diff(field, axis=axis)
        lower = [slice(None)] * 3
        upper = [slice(None)] * 3
        lower[axis], upper[axis] = slice(None, -1), slice(1, None)
        change[tuple(lower)] += across
        change[tuple(upper)] -= across
    gradient = np.array(np.gradient(edges))
    return field + step * mu * change - step * np.sum(gradient**2, 0) * (field - gradient)


@wrong("gradient-vector-flow")
def diffusion_alone(field, edges, mu, step):
    return field + step * mu * np.array([ndimage.laplace(v, mode="nearest") for v in field])


@wrong("gradient-vector-flow")
def dark_border(field, edges, mu, step):
    gradient = np.array(np.gradient(edges))
    spread = np.array([ndimage.laplace(v, mode="constant") for v in field])
    return field + step * (mu * spread - np.sum(gradient**2, 0) * (field - gradient))


@wrong("gradient-vector-flow")
def length_for_weight(field, edges, mu, step):
    gradient = np.array(np.gradient(edges))
    spread = np.array([ndimage.laplace(v, mode="nearest") for v in field])
    return field + step * (mu * spread - np.hypot(*gradient) * (field - gradient))


@wrong("gradient-vector-flow")
def right_before_down(field, edges, mu, step):
    gradient = np.array(np.gradient(edges))[::-1]
    spread = np.array([ndimage.laplace(v, mode="nearest") for v in field])
    return field + step * (mu * spread - np.sum(gradient**2, 0) * (field - gradient))


def flow(field, edges, mu, step, mode="nearest", gain=1):
    gradient = np.array(np.gradient(edges))
    spread = np.array([ndimage.laplace(v, mode=mode) for v in field])
    return step * (mu * spread - gain * np.sum(gradient**2, 0) * (field - gradient))


@wrong("gradient-vector-flow")
def change_only(field, edges, mu, step):
    return flow(field, edges, mu, step)


@wrong("gradient-vector-flow")
def unchanged(field, edges, mu, step):
    return field.copy()


@wrong("gradient-vector-flow")
def no_step(field, edges, mu, step):
    return field + flow(field, edges, mu, 1)


@wrong("gradient-vector-flow")
def no_mu(field, edges, mu, step):
    return field + flow(field, edges, 1, step)


@wrong("gradient-vector-flow")
def tether_pushes(field, edges, mu, step):
    return field + flow(field, edges, mu, step, gain=-1)


@wrong("gradient-vector-flow")
def round_the_world(field, edges, mu, step):
    return field + flow(field, edges, mu, step, mode="wrap")


@wrong("gradient-vector-flow")
def mirrored(field, edges, mu, step):
    return field + flow(field, edges, mu, step, mode="mirror")


@wrong("gradient-vector-flow")
def tied_to_zero(field, edges, mu, step):
    weight = np.sum(np.array(np.gradient(edges)) ** 2, 0)
    spread = np.array([ndimage.laplace(v, mode="nearest") for v in field])
    return field + step * (mu * spread - weight * field)


@wrong("gradient-vector-flow")
def laplacian_over_three_axes(field, edges, mu, step):
    """SciPy's Laplacian takes the other component for a neighbour."""
    gradient = np.array(np.gradient(edges))
    spread = ndimage.laplace(field, mode="nearest")
    return field + step * (mu * spread - np.sum(gradient**2, 0) * (field - gradient))


@wrong("gradient-vector-flow")
def mean_of_four(field, edges, mu, step):
    gradient = np.array(np.gradient(edges))
    cross = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]]) / 4
    spread = np.array([ndimage.convolve(v, cross, mode="nearest") - v for v in field])
    return field + step * (mu * spread - np.sum(gradient**2, 0) * (field - gradient))


@wrong("gradient-vector-flow")
def mu_on_both(field, edges, mu, step):
    return field + mu * flow(field, edges, 1, step)
