"""Snakes against scipy, scikit-image, and by what their equations say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import interpolate, linalg, sparse
from scipy.sparse.linalg import spsolve
from skimage import filters, segmentation

from course_utils.classic import snakes
from course_utils.classic.snakes import (
    circle,
    edge_energy,
    evolve,
    gradient_vector_flow,
    largest_step,
    resample,
    settle,
    snake,
    solve_cyclic,
    stiffness,
)
from course_utils.data import photos

SEEDS = st.integers(0, 2**32 - 1)
WEIGHTS = st.floats(0, 10)


def dense(bands):
    """The matrix of five cyclic diagonals, written out."""
    count = bands.shape[1]
    matrix = np.zeros((count, count))
    for k, i in np.ndindex(5, count):
        matrix[i, (i + k - 2) % count] += bands[k, i]
    return matrix


def blob():
    """A slanted, blurred ellipse of 120 × 150 pixels, about (60, 75)."""
    y, x = np.mgrid[:120, :150] - np.array([60, 75])[:, None, None]
    return filters.gaussian(((y / 1.3) ** 2 + x**2 + y * x / 2 < 30**2).astype(float), 2)


def level(shape=(40, 40)):
    return np.zeros(shape)


def radii(points, centre):
    return np.hypot(*(points - centre).T)


@given(SEEDS, st.integers(5, 30), WEIGHTS, WEIGHTS, st.booleans())
def test_the_banded_solver_equals_scipy_on_the_dense_matrix(seed, count, alpha, beta, closed):
    bands = stiffness(count, alpha, beta, closed)
    bands[2] += 1
    right = np.random.default_rng(seed).normal(size=(count, 3))
    expected = linalg.solve(dense(bands), right)
    assert np.allclose(solve_cyclic(bands, right), expected, atol=1e-11)
    assert np.allclose(solve_cyclic(bands, right[:, 0]), expected[:, 0], atol=1e-11)


@given(SEEDS, st.integers(5, 30))
def test_the_solver_takes_any_dominant_matrix(seed, count):
    rng = np.random.default_rng(seed)
    bands = rng.uniform(-1, 1, (5, count))
    bands[2] = 5 * rng.choice([-1, 1], count)
    right = rng.normal(size=count)
    assert np.allclose(solve_cyclic(bands, right), linalg.solve(dense(bands), right), atol=1e-11)


def test_the_solver_never_makes_the_dense_matrix():
    count = 200_000  # a dense matrix would take 320 GB
    bands = stiffness(count, 1, 1)
    bands[2] += 1
    right = np.random.default_rng(0).normal(size=count)
    x = solve_cyclic(bands, right)
    product = sum(bands[k] * np.roll(x, 2 - k) for k in range(5))
    assert np.allclose(product, right, atol=1e-9)


@pytest.mark.parametrize(
    "bands, right, error",
    [
        (np.ones((4, 9)), np.ones(9), ValueError),
        (np.ones((5, 4)), np.ones(4), ValueError),
        (np.ones((5, 9)), np.ones(8), ValueError),
        (np.ones((5, 9)), np.full(9, np.nan), ValueError),
        (np.zeros((5, 9)), np.ones(9), np.linalg.LinAlgError),
    ],
)
def test_the_solver_refuses(bands, right, error):
    with pytest.raises(error):
        solve_cyclic(bands, right)


@given(SEEDS, st.integers(5, 20), WEIGHTS, WEIGHTS, st.booleans())
def test_the_inner_energy_is_that_of_the_matrix(seed, count, alpha, beta, closed):
    points = np.random.default_rng(seed).uniform(0, 39, (count, 2))
    found = evolve(points, level(), alpha=alpha, beta=beta, steps=0, ends="closed" if closed else "free")
    matrix = dense(stiffness(count, alpha, beta, closed))
    assert np.isclose(found.internal[0], np.einsum("ic,ij,jc", points, matrix, points) / 2, rtol=1e-9)
    assert found.external[0] == 0
    assert np.linalg.eigvalsh(matrix).min() > -1e-9


@given(SEEDS, WEIGHTS, WEIGHTS, st.floats(0.01, 100), st.sampled_from(["closed", "free", "fixed"]))
def test_with_a_fixed_force_no_step_is_too_large(seed, alpha, beta, step, ends):
    rng = np.random.default_rng(seed)
    ramp = rng.normal() * np.arange(60)[:, None] + rng.normal() * np.arange(
        50
    )  # its slope is the same everywhere
    points = rng.uniform(10, 40, (12, 2))
    energy = evolve(points, ramp, alpha=alpha, beta=beta, step=step, steps=30, limit=0.2, ends=ends).energy
    assert np.diff(energy).max() <= 1e-9 * abs(energy).max()


@given(SEEDS, st.floats(0, 1), st.floats(0, 1), st.sampled_from(["closed", "free", "fixed"]))
def test_in_any_landscape_the_energy_never_rises_up_to_the_stated_step(seed, alpha, beta, ends):
    rng = np.random.default_rng(seed)
    landscape = rng.normal(size=(20, 25))
    points = rng.uniform(-2, 22, (15, 2))
    step = largest_step(landscape)
    energy = evolve(points, landscape, alpha=alpha, beta=beta, step=step, steps=40, ends=ends).energy
    assert np.diff(energy).max() <= 1e-12 * abs(energy).max()


@given(SEEDS)
def test_the_energy_never_rises_where_a_contour_crosses_the_border(seed):
    rng = np.random.default_rng(seed)
    landscape = filters.gaussian(rng.normal(size=(30, 30)), 2)
    points = circle(rng.uniform(0, 29, 2), rng.uniform(5, 12), 30)
    step = largest_step(landscape)
    energy = evolve(points, landscape, alpha=0.2, beta=0.1, step=step, steps=60, limit=9).energy
    assert np.diff(energy).max() <= 1e-12 * abs(energy).max()


def test_a_snake_says_whether_it_rests_or_was_cut_off():
    start, energy = circle((60, 75), 45, 100), edge_energy(blob())
    cut = evolve(start, energy, alpha=0.02, steps=30)
    assert not cut.rested and len(cut.contours) == 31
    rested = evolve(start, energy, alpha=0.02, steps=20_000, tolerance=1e-4)
    assert rested.rested and len(rested.contours) < 20_000
    exactly = evolve(start, energy, alpha=0.02, steps=len(rested.contours) - 1, tolerance=1e-4)
    assert exactly.rested
    further = snake(rested.contours[-1], energy, alpha=0.02, steps=5000, tolerance=0)
    assert np.abs(further - rested.contours[-1]).max() < 0.2


def test_to_settle_is_to_evolve_until_it_rests():
    start, energy = circle((60, 75), 55, 160), edge_energy(blob())
    step = largest_step(energy)
    found = settle(start, energy, alpha=0.02, beta=0.02)
    whole = evolve(start, energy, alpha=0.02, beta=0.02, step=step, steps=50_000, tolerance=1e-4 * step)
    assert found.rested and found.steps == len(whole.contours) - 1 > 1000
    assert np.array_equal(found.contour, whole.contours[-1])
    small = settle(start, energy, alpha=0.02, beta=0.02, step=1.0)
    assert small.rested and small.steps > found.steps
    assert np.abs(small.contour - found.contour).max() < 0.5
    cut = settle(start, energy, alpha=0.02, beta=0.02, steps=1100)
    assert (cut.steps, cut.rested) == (1100, False)
    assert settle(start, level((120, 150)), alpha=1).rested  # level ground bounds no step
    for settings in ({"steps": 0}, {"tolerance": -1}, {"step": 0}):
        with pytest.raises(ValueError, match=next(iter(settings))):
            settle(start, energy, **settings)


@pytest.mark.parametrize("centre", [(np.nan, 0), (0, 0, 0), 5])
def test_a_circle_needs_a_centre(centre):
    with pytest.raises(ValueError, match="centre must be two"):
        circle(centre, 1)


def test_beyond_the_stated_step_the_energy_may_rise():
    ditch = np.tile(np.where(np.arange(21) == 10, -1.0, 0.0), (21, 1))
    points = circle((10, 10), 3, 12)
    energy = evolve(points, ditch, alpha=0, beta=0, step=20 * largest_step(ditch), limit=9).energy
    assert np.diff(energy).max() > 0


@pytest.mark.parametrize(
    "count, alpha, beta, step", [(30, 0.5, 0.0, 1.0), (100, 2.0, 1.0, 0.3), (40, 0.0, 5.0, 4.0)]
)
def test_without_an_image_a_circle_shrinks_at_the_speed_the_equation_says(count, alpha, beta, step):
    lowest = 2 - 2 * np.cos(2 * np.pi / count)  # a circle is an eigenvector of the differences
    factor = 1 / (1 + step * (alpha * lowest + beta * lowest**2))
    start = circle((20, 20), 15, count)
    found = evolve(start, level(), alpha=alpha, beta=beta, step=step, steps=50, limit=99, tolerance=0)
    expected = 15 * factor ** np.arange(51)
    for contour, radius in zip(found.contours, expected, strict=True):
        assert np.allclose(radii(contour, (20, 20)), radius, rtol=1e-10)


def test_a_balloon_alone_grows_a_pixel_a_unit_of_time_whichever_way_the_points_go():
    start = circle((20, 20), 5, 60)
    for points in (start, start[::-1]):
        grown = evolve(points, level(), alpha=0, beta=0, balloon=0.5, steps=8)
        assert np.allclose([radii(c, (20, 20)).mean() for c in grown.contours], 5 + 0.5 * np.arange(9))
        shrunk = snake(points, level(), alpha=0, beta=0, balloon=-0.5, steps=8)
        assert np.allclose(radii(shrunk, (20, 20)), 1)


def test_fixed_ends_stay_and_a_stiff_chain_between_them_becomes_a_line():
    points = np.stack([10 + 5 * np.sin(np.arange(20)), np.linspace(3, 35, 20)], axis=1)
    fixed = evolve(points, level(), alpha=1, beta=1, step=10, steps=2000, ends="fixed", tolerance=0)
    assert (fixed.contours[:, [0, -1]] == points[[0, -1]]).all()
    assert np.allclose(fixed.contours[-1], np.linspace(points[0], points[-1], 20), atol=1e-6)
    free = snake(points, level(), alpha=0, beta=1, step=10, steps=2000, ends="free", tolerance=0)
    assert np.abs(np.diff(free, 2, axis=0)).max() < 1e-6  # a rod without tension unbends and keeps its ends


@pytest.mark.parametrize("alpha, beta, gamma", [(0.015, 0.5, 0.05), (0.1, 0.1, 0.1), (0.01, 10, 0.1)])
def test_it_ends_where_scikit_image_does(alpha, beta, gamma):
    image, start = blob(), circle((60, 75), 45, 100)
    theirs = segmentation.active_contour(
        image, start, alpha=alpha, beta=beta, gamma=gamma, max_num_iter=12000, convergence=-1
    )
    ours = evolve(
        start, -filters.sobel(image), alpha=alpha, beta=beta, step=1 / gamma, steps=12000, tolerance=1e-9
    )
    assert np.abs(ours.contours[-1] - theirs).max() < 1e-4
    assert np.diff(ours.energy).max() < 1e-12


@pytest.mark.parametrize("ends", ["free", "fixed"])
def test_open_chains_end_near_scikit_image_s(ends):
    image = filters.gaussian(np.tile(np.abs(np.arange(60) - 30) < 2, (60, 1)).astype(float), 2)
    start = np.stack([np.linspace(5, 55, 40), 30 + 4 * np.sin(np.linspace(0, np.pi, 40))], axis=1)
    theirs = segmentation.active_contour(
        image, start, 0.0, 0.5, 1, 0, 0.1, max_num_iter=8000, convergence=-1, boundary_condition=ends
    )
    ours = snake(start, -image, alpha=0, beta=0.5, step=10, steps=8000, ends=ends, tolerance=0)
    # scikit-image writes other equations into the two rows at each end
    assert np.abs(ours - theirs)[3:-3, 1].max() < 0.1


def test_between_pixels_the_landscape_is_the_quadratic_spline_of_scipy():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(40, 50))
    spline = interpolate.RectBivariateSpline(np.arange(40), np.arange(50), values, kx=2, ky=2, s=0)
    surface = snakes._coefficients(values)
    for y, x in rng.uniform(15, 25, (200, 2)):  # far from the border, where the two end otherwise
        expected = [spline(y, x, dx=dy, dy=dx, grid=False) for dy, dx in ((0, 0), (1, 0), (0, 1))]
        assert np.allclose(snakes._read(surface, y, x), expected, atol=1e-6)
    for y, x in np.ndindex(40, 50):
        assert np.isclose(snakes._read(surface, y, x)[0], values[y, x])


def test_outside_the_image_the_landscape_goes_on_level():
    surface = snakes._coefficients(np.random.default_rng(0).normal(size=(9, 9)))
    value, down, right = snakes._read(surface, -3.0, 4.2)
    assert value == snakes._read(surface, -0.5, 4.2)[0]
    assert down == 0 and right != 0
    assert snakes._read(surface, -0.5, 4.2)[1] == 0 == snakes._read(surface, 8.5, 4.2)[1]  # no kink there


def test_the_edge_energy_has_its_valley_on_the_edge():
    image = (np.arange(40) >= 20) * np.ones((30, 1))
    energy = edge_energy(image, 1.5)
    assert energy.min() == -1 and (energy <= 0).all()
    assert set(energy.argmin(axis=1)) <= {19, 20}
    assert (edge_energy(np.full((5, 6), 7)) == 0).all()
    assert np.array_equal(edge_energy(image * 200 + 30, 1.5).round(9), energy.round(9))


@given(SEEDS, st.integers(2, 12), st.integers(2, 40), st.booleans())
def test_resampled_points_lie_on_the_contour_at_equal_distances(seed, count, wanted, closed):
    points = np.random.default_rng(seed).uniform(0, 20, (count, 2))
    found = resample(points, wanted, closed=closed)
    assert found.shape == (wanted, 2) and np.array_equal(found[0], points[0])
    chain = np.concatenate([points, points[:1]]) if closed else points
    starts, ends = chain[:-1], chain[1:]
    share = ((found[:, None] - starts) * (ends - starts)).sum(2) / ((ends - starts) ** 2).sum(1)
    nearest = starts + np.clip(share, 0, 1)[..., None] * (ends - starts)
    assert np.abs(found[:, None] - nearest).max(axis=2).min(axis=1).max() < 1e-9
    if not closed:
        assert np.allclose(found[-1], points[-1])


def test_resampling_a_circle_keeps_it():
    again = resample(circle((5, 6), 4, 1000), 50)
    assert np.allclose(again, circle((5, 6), 4, 50), atol=1e-3)


def best_field(edges, mu):
    """(the field with the least energy, from a sparse solver; the energy as a function)."""
    down, right = [
        sparse.kron(*pair)
        for pair in (
            (difference(edges.shape[0]), sparse.eye(edges.shape[1])),
            (sparse.eye(edges.shape[0]), difference(edges.shape[1])),
        )
    ]
    gradient = np.stack(np.gradient(edges)).reshape(2, -1)
    weight = (gradient**2).sum(axis=0)
    smoothness = mu * (down.T @ down + right.T @ right)

    def energy(field):
        parts = field.reshape(2, -1)
        return sum(v @ (smoothness @ v) + weight @ (v - g) ** 2 for v, g in zip(parts, gradient, strict=True))

    matrix = (smoothness + sparse.diags(weight)).tocsc()
    return np.stack([spsolve(matrix, weight * g) for g in gradient]).reshape(2, *edges.shape), energy


def difference(size):
    return sparse.diags([-np.ones(size - 1), np.ones(size - 1)], [0, 1], shape=(size - 1, size))


def horseshoe(size=96):
    """A square with a deep notch from above."""
    y, x = np.mgrid[:size, :size] / size
    notch = (abs(x - 0.5) < 0.08) & (y < 0.6)
    return ((abs(y - 0.5) < 0.26) & (abs(x - 0.5) < 0.26) & ~notch).astype(float)


def test_gradient_vector_flow_is_the_field_of_least_energy():
    edges = -edge_energy(horseshoe()[:, :83], 1.5)
    best, energy = best_field(edges, 0.2)
    found = gradient_vector_flow(edges, 0.2)
    assert 0 <= energy(found) / energy(best) - 1 < 1e-4
    assert (np.hypot(*(found - best)) / np.hypot(*best)).max() < 0.1  # also where it is weak
    assert energy(gradient_vector_flow(edges, 0.2, 400)) / energy(best) - 1 < 1e-8


@given(SEEDS, st.tuples(st.integers(1, 7), st.integers(1, 7)), st.floats(0.01, 10))
def test_no_sweep_of_gradient_vector_flow_raises_its_energy(seed, shape, mu):
    edges = np.random.default_rng(seed).random(shape)
    gradient = snakes._differences(edges)
    weight = (gradient**2).sum(axis=0)

    def energy(field):
        rough = sum((np.diff(field, axis=axis) ** 2).sum() for axis in (1, 2))
        return mu * rough + (weight * (field - gradient) ** 2).sum()

    energies = [energy(gradient)] + [energy(gradient_vector_flow(edges, mu, n)) for n in range(1, 8)]
    assert np.diff(energies[1:]).max() <= 1e-9 * energies[1] + 1e-15


def test_gradient_vector_flow_fills_a_notch_that_edges_do_not_even_from_far_away():
    image = horseshoe(128)
    energy = edge_energy(image, 1.5)
    flow = snakes.normalise(gradient_vector_flow(-energy))
    overlaps = []
    for radius, field in ((45, None), (60, flow)):
        points = circle((64, 64), radius, 300)
        for _ in range(30):
            points = snake(points, energy, field=field, alpha=0.1, beta=0, step=0.5, steps=40)
            points = resample(points, 300)
        mask = photos.rasterise([points[:, ::-1]], image.shape)
        overlaps.append((mask & (image > 0)).sum() / (mask | (image > 0)).sum())
    assert overlaps[0] < 0.8 and overlaps[1] > 0.95


@pytest.mark.parametrize(
    "points, energy, settings, error, message",
    [
        (np.ones((4, 2)), level(), {}, ValueError, "at least 5"),
        (np.ones((9, 3)), level(), {}, ValueError, "rows"),
        (np.full((9, 2), np.nan), level(), {}, ValueError, "finite"),
        (np.full((9, 2), "a"), level(), {}, TypeError, "numbers"),
        (np.ones((9, 2)), np.full((4, 4), np.nan), {}, ValueError, "energy has NaN"),
        (np.ones((9, 2)), np.zeros((4, 4, 3)), {}, ValueError, "energy must be grey"),
        (np.ones((9, 2)), level(), {"field": np.zeros((40, 40))}, ValueError, "field must have shape"),
        (np.ones((9, 2)), level(), {"alpha": -1}, ValueError, "alpha"),
        (np.ones((9, 2)), level(), {"beta": np.inf}, ValueError, "beta"),
        (np.ones((9, 2)), level(), {"step": 0}, ValueError, "step"),
        (np.ones((9, 2)), level(), {"step": 1e300}, ValueError, "step is 1e"),
        (np.full((9, 2), 1e200), level(), {}, ValueError, "further out"),
        (np.ones((9, 2)), level(), {"limit": 0}, ValueError, "limit"),
        (np.ones((9, 2)), level(), {"steps": 2.5}, ValueError, "steps"),
        (np.ones((9, 2)), level(), {"balloon": np.nan}, ValueError, "balloon"),
        (np.ones((9, 2)), level(), {"ends": "open"}, ValueError, "ends"),
        (np.ones((9, 2)), level(), {"balloon": 1, "ends": "free"}, ValueError, "inside"),
    ],
)
def test_bad_arguments_are_refused_in_words(points, energy, settings, error, message):
    with pytest.raises(error, match=message):
        evolve(points, energy, **settings)


def test_small_and_strange_inputs():
    points = circle((3, 3), 2, 8)
    for shape in ((1, 1), (1, 9), (9, 1)):
        assert np.isfinite(snake(points, np.ones(shape))).all()
        assert gradient_vector_flow(np.random.default_rng(0).random(shape)).shape == (2, *shape)
        assert largest_step(np.ones(shape)) > 1e9
    assert (gradient_vector_flow(np.full((9, 9), 3)) == 0).all()
    wide = np.random.default_rng(0).random((30, 60))
    landscape, before = wide[::2, ::3], wide.copy()
    same = snake(points, landscape)
    assert np.array_equal(same, snake(points, landscape.copy())) and np.array_equal(wide, before)
    assert np.array_equal(snake(np.asfortranarray(points), landscape), same)
    whole = np.array([[2, 2], [2, 9], [9, 9], [9, 5], [9, 2]])
    assert snake(whole, (landscape * 9).astype(np.uint8)).dtype == np.float64
    at_one_place = np.full((6, 2), 4.0)
    assert np.allclose(snake(at_one_place, level(), balloon=1), at_one_place)
    with pytest.raises(ValueError, match="same place"):
        resample(at_one_place, 9)
