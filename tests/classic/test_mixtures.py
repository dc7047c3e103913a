"""k-means and Gaussian mixtures against scikit-learn and scipy, and by what each step promises."""

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import multivariate_normal
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture

from course_utils.classic import mixtures
from course_utils.classic.mixtures import (
    Mixture,
    fit_mixture,
    k_means,
    k_means_plus_plus,
    log_density,
    log_peak,
    mixture_of_labels,
    most_likely,
    responsibilities,
)

VALUES = st.integers(-3, 3).map(float) | st.floats(-1, 1, width=32)
POINTS = hnp.arrays(
    st.sampled_from(["float32", "float64"]), st.tuples(st.integers(1, 40), st.integers(1, 4)), elements=VALUES
)
LEVELS = hnp.arrays("uint8", st.tuples(st.integers(1, 40), st.integers(1, 3)))


def blobs(count=900, k=3, d=3, apart=1.0, seed=0):
    """(points, number of the source of each): Gaussians of different shapes."""
    rng = np.random.default_rng(seed)
    source = rng.integers(k, size=count)
    shapes = rng.normal(size=(k, d, d)) / 6
    centres = apart * rng.normal(size=(k, d))
    return centres[source] + (shapes[source] @ rng.normal(size=(count, d, 1)))[..., 0], source


def inertia(points, centres, labels):
    return ((points - centres[labels]) ** 2).sum()


# ------------------------------------------------------------------------------------------------ k-means


@pytest.mark.parametrize("seed", range(8))
def test_k_means_from_the_same_start_equals_scikit_learn(seed):
    points, _ = blobs(3000, k=5, seed=seed)
    start = k_means_plus_plus(points, 6, seed)
    ours = k_means(points, 6, start=start)
    theirs = KMeans(6, init=start, n_init=1, tol=0, max_iter=1000, algorithm="lloyd").fit(points)
    assert np.allclose(ours.centres, theirs.cluster_centers_, rtol=0, atol=1e-9)
    assert np.array_equal(ours.labels, theirs.labels_)
    assert ours.history[-1] == pytest.approx(theirs.inertia_, rel=1e-9)


@given(POINTS | LEVELS, st.integers(1, 6), st.integers(0, 5))
def test_inertia_never_rises_and_labels_and_centres_belong_together(points, k, seed):
    k = min(k, len(points))
    centres, labels, history = k_means(points, k, seed)
    values = points.astype(float)
    distances = ((values[:, None] - centres) ** 2).sum(axis=2)
    tolerance = 1e-5 if points.dtype == np.float32 else 1e-9
    scale = tolerance * (1 + (values**2).sum())
    assert (np.diff(history) <= 0).all()
    assert labels.dtype == np.int32 and labels.shape == (len(points),)
    assert np.allclose(distances[np.arange(len(points)), labels], distances.min(axis=1), atol=scale)
    assert history[-1] == pytest.approx(distances.min(axis=1).sum(), abs=scale)
    for c in np.unique(labels):
        assert np.allclose(centres[c], values[labels == c].mean(axis=0), atol=scale)


@given(LEVELS, st.integers(1, 8))
def test_as_many_clusters_are_used_as_there_are_different_points(points, k):
    k = min(k, len(points))
    different = len(np.unique(points, axis=0))
    found = k_means(points, k)
    assert len(np.unique(found.labels)) == min(k, different)
    if k >= different:
        assert found.history[-1] == 0


def test_an_empty_cluster_goes_to_the_farthest_point():
    points = np.array([[0.0], [1.0], [2.0], [10.0]])
    found = k_means(points, 3, start=[[1.0], [500.0], [600.0]])
    assert sorted(found.centres.ravel()) == [0.5, 2.0, 10.0] or sorted(found.centres.ravel()) == [
        0.0,
        1.5,
        10.0,
    ]
    assert (np.diff(found.history) < 0).all()


@given(
    hnp.arrays("float64", st.tuples(st.integers(2, 7), st.just(2)), elements=st.integers(-4, 4).map(float))
)
def test_no_grouping_is_better_than_the_best_of_many_starts(points):
    def spread(part):
        return ((part - part.mean(axis=0)) ** 2).sum()

    groupings = (np.array(g) for g in itertools.product(range(2), repeat=len(points)))
    least = min(
        sum(((p - p.mean(axis=0)) ** 2).sum() for p in (points[g == 0], points[g == 1]) if len(p))
        for g in groupings
    )
    assert min(k_means(points, 2, seed).history[-1] for seed in range(20)) == pytest.approx(least, abs=1e-9)


def test_plus_plus_draws_points_by_their_squared_distance():
    points = np.array([[0.0], [1.0], [3.0]])
    drawn = [k_means_plus_plus(points, 2, seed).ravel() for seed in range(3000)]
    second = np.array([b for a, b in drawn if a == 0])
    assert len(second) / 3000 == pytest.approx(1 / 3, abs=0.03)
    assert np.mean(second == 3) == pytest.approx(0.9, abs=0.03) and not (second == 0).any()
    assert all(len(np.unique(k_means_plus_plus(points, 3, seed))) == 3 for seed in range(20))


def test_plus_plus_starts_lower_than_even_draws():
    points, _ = blobs(2000, k=8, apart=3)
    even = [points[np.random.default_rng(s).choice(2000, 8, replace=False)] for s in range(20)]
    spread = [k_means_plus_plus(points, 8, s) for s in range(20)]
    first = [
        np.mean([k_means(points, 8, start=s, steps=1).history[0] for s in starts])
        for starts in (even, spread)
    ]
    assert first[1] < 0.7 * first[0]


# ------------------------------------------------------------------------------------------------ mixtures


@pytest.mark.parametrize("seed", range(6))
def test_em_from_the_same_start_equals_scikit_learn(seed):
    points, _ = blobs(1500, k=3, seed=seed)
    start = mixture_of_labels(points, k_means(points, 4, seed).labels, 4)
    ours = fit_mixture(points, 4, start=start, steps=15, tolerance=0, floor=1e-12)
    theirs = GaussianMixture(
        4,
        weights_init=start.weights,
        means_init=start.means,
        precisions_init=np.linalg.inv(start.covariances),
        max_iter=15,
        tol=0,
        reg_covar=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not converged, as we asked
        theirs.fit(points)
    for mine, other in (("weights", "weights_"), ("means", "means_"), ("covariances", "covariances_")):
        assert np.allclose(getattr(ours.mixture, mine), getattr(theirs, other), rtol=1e-7, atol=1e-9)
    assert ours.history[-1] == pytest.approx(theirs.score(points), abs=1e-9)
    assert np.allclose(log_density(ours.mixture, points), theirs.score_samples(points), atol=1e-7)
    assert np.allclose(responsibilities(ours.mixture, points), theirs.predict_proba(points), atol=1e-8)
    assert np.array_equal(most_likely(ours.mixture, points), theirs.predict(points))


@given(POINTS | LEVELS, st.integers(1, 4), st.sampled_from([1e-6, 1e-3, 0.1]))
def test_likelihood_never_falls_and_the_result_is_a_mixture(points, k, floor):
    k = min(k, len(points))
    mixture, history = fit_mixture(points, k, floor=floor, steps=30, tolerance=0)
    assert (np.diff(history) >= 0).all()
    assert history[-1] == pytest.approx(log_density(mixture, points).mean(), rel=1e-9, abs=1e-9)
    assert mixture.weights.sum() == pytest.approx(1) and (mixture.weights >= 0).all()
    assert np.allclose(mixture.covariances, mixture.covariances.transpose(0, 2, 1), rtol=1e-12, atol=0)
    scale = np.abs(mixture.covariances).max()
    assert np.linalg.eigvalsh(mixture.covariances).min() >= floor - 1e-12 * scale


@given(POINTS, st.integers(1, 4))
def test_every_single_step_raises_the_likelihood_but_for_rounding(points, k):
    """Without the guard that ends the loop: the mathematics itself, with a floor that is often reached."""
    columns, _ = mixtures._columns(points, np.float64)
    mixture = mixture_of_labels(points, np.arange(len(points)) % k, k, floor=0.01)
    last = -np.inf
    for _ in range(20):
        likelihood, mixture = mixtures._em_step(columns, mixture, 0.01)
        assert likelihood >= last - 1e-9
        last = likelihood


def test_a_single_gaussian_is_fitted_at_once():
    points, _ = blobs(500, k=1)
    mixture, history = fit_mixture(points, 1)
    assert np.allclose(mixture.means[0], points.mean(axis=0))
    assert np.allclose(mixture.covariances[0], np.cov(points.T, bias=True))
    assert history[-1] == pytest.approx(history[0])


def test_em_finds_the_mixture_that_made_the_points():
    rng = np.random.default_rng(0)
    truth = Mixture(
        np.array([0.3, 0.7]),
        np.array([[0.0, 0], [3, 1]]),
        np.array([[[1, 0.6], [0.6, 1]], [[0.3, 0], [0, 2]]]),
    )
    source = rng.random(20000) < 0.7
    first, second = (rng.multivariate_normal(truth.means[c], truth.covariances[c], 20000) for c in (0, 1))
    points = np.where(source[:, None], second, first)
    found, history = fit_mixture(points, 2, tolerance=1e-8, steps=500)
    order = np.argsort(found.weights)
    assert np.allclose(found.weights[order], truth.weights, atol=0.02)
    assert np.allclose(found.means[order], truth.means, atol=0.06)
    assert np.allclose(found.covariances[order], truth.covariances, atol=0.1)
    assert history[-1] >= log_density(truth, points).mean()


@given(st.integers(0, 1000), st.integers(1, 4), st.integers(1, 4))
def test_density_is_the_sum_of_scipys_normal_densities(seed, k, d):
    rng = np.random.default_rng(seed)
    roots = rng.normal(size=(k, d, d))
    shapes = roots @ roots.transpose(0, 2, 1) + 0.1 * np.eye(d)
    mixture = Mixture(rng.dirichlet(np.ones(k)), rng.normal(size=(k, d)), shapes)
    points = rng.normal(size=(5, 7, d)) * 2
    normals = [multivariate_normal(*pair).pdf(points) for pair in zip(mixture.means, shapes, strict=True)]
    parts = mixture.weights * np.stack(normals, axis=-1)
    assert np.allclose(np.exp(log_density(mixture, points)), parts.sum(axis=-1))
    assert np.allclose(
        responsibilities(mixture, points), parts / parts.sum(axis=-1, keepdims=True), atol=1e-12
    )
    assert np.array_equal(most_likely(mixture, points), parts.argmax(axis=-1))
    assert np.allclose(np.exp(log_peak(mixture, points)), parts.max(axis=-1))


def test_far_points_keep_their_likelihood():
    mixture = mixture_of_labels(np.array([[0.0], [1.0], [5.0], [6.0]]), np.array([0, 0, 1, 1]), 2)
    far = log_density(mixture, np.array([[1000.0]]))
    assert far == pytest.approx(np.log(0.5 / np.sqrt(2 * np.pi) / 0.5) - 0.5 * (994.5 / 0.5) ** 2)


@given(LEVELS, st.integers(1, 5), st.integers(0, 99))
def test_a_mixture_of_labels_holds_shares_means_and_covariances(points, k, seed):
    labels = np.random.default_rng(seed).integers(k, size=len(points))
    mixture = mixture_of_labels(points, labels, k, floor=1e-3)
    for c in range(k):
        mine = points[labels == c].astype(float)
        assert mixture.weights[c] == pytest.approx(len(mine) / len(points))
        mine = mine if len(mine) else points.astype(float)
        assert np.allclose(mixture.means[c], mine.mean(axis=0))
        expected = np.atleast_2d(np.cov(mine.T, bias=True))
        assert np.allclose(mixture.covariances[c], expected, atol=1e-3 + 1e-9)
    assert np.isfinite(log_density(mixture, points)).all()
    assert (mixture.weights[most_likely(mixture, points)] > 0).all()


# ------------------------------------------------------------------------------------------------ both


def test_images_keep_their_shape_and_many_threads_change_nothing():
    from course_utils import kernel

    points, _ = blobs(1_200_000, k=3)
    image = points.reshape(1000, 1200, 3)
    before = kernel.get_num_threads()
    try:
        answers = []
        for threads in (1, 3):
            kernel.set_num_threads(threads)
            clusters = k_means(image, 3, steps=4)
            mixture = fit_mixture(
                image, 3, start=mixture_of_labels(image, clusters.labels, 3), steps=2
            ).mixture
            answers.append(
                (*clusters, mixture.means, log_density(mixture, image), most_likely(mixture, image))
            )
    finally:
        kernel.set_num_threads(before)
    for one, many in zip(*answers, strict=True):
        assert np.array_equal(one, many)
    assert clusters.labels.shape == (1000, 1200)
    assert responsibilities(mixture, image[:2, :3]).shape == (2, 3, 3)


def test_input_is_left_as_it_was_and_may_be_frozen_or_strided():
    points, _ = blobs(200)
    before = points.copy()
    frozen = points.copy()
    frozen.setflags(write=False)
    for function in (
        lambda p: k_means(p, 3).labels,
        lambda p: fit_mixture(p, 3).mixture.means,
        lambda p: log_density(fit_mixture(p, 2, steps=1).mixture, p),
    ):
        expected = function(points)
        assert np.array_equal(points, before)
        for other in (np.asfortranarray(points), np.repeat(points, 2, axis=0)[::2], frozen):
            assert np.array_equal(function(other), expected)


def test_one_point_and_constant_points_are_fine():
    for points in (np.full((1, 3), 0.5), np.full((9, 2), 7, np.uint8)):
        clusters = k_means(points, 1)
        assert clusters.labels.tolist() == [0] * len(points) and clusters.history.tolist() == [0]
        mixture = fit_mixture(points, 1).mixture
        assert np.array_equal(mixture.means[0], points[0])
        assert np.allclose(mixture.covariances[0], 1e-6 * np.eye(points.shape[1]))


def test_what_is_no_set_of_points_gets_a_clear_error():
    points, _ = blobs(20)
    mixture = fit_mixture(points, 2).mixture
    for function in (lambda p: k_means(p, 2), lambda p: fit_mixture(p, 2), lambda p: log_density(mixture, p)):
        with pytest.raises(
            ValueError, match=r"points must have shape \(\.\.\., d\).* points\[\.\.\., None\]"
        ):
            function(points[0])
        with pytest.raises(ValueError, match="points has NaN or infinity in 3 of 60"):
            function(np.where(np.arange(20)[:, None] == 4, np.nan, points))
        with pytest.raises(TypeError, match="points must be an array of numbers"):
            function(points.astype(complex))
        with pytest.raises(ValueError, match=r"points ha(s no pixels|ve no coordinates)"):
            function(np.empty((0, 3)))
    for k in (0, 21, 2.0, True):
        with pytest.raises(ValueError, match="k must be a whole number from 1 to the number of points, 20"):
            k_means(points, k)
        with pytest.raises(ValueError, match="k must be a whole number"):
            fit_mixture(points, k)
    with pytest.raises(ValueError, match=r"start must be 2 finite centres, of shape \(2, 3\)"):
        k_means(points, 2, start=np.zeros((3, 2)))
    with pytest.raises(ValueError, match="steps must be"):
        k_means(points, 2, steps=0)
    with pytest.raises(ValueError, match="floor must be a variance above 0"):
        fit_mixture(points, 2, floor=0)
    with pytest.raises(TypeError, match="expected a Mixture"):
        fit_mixture(points, 2, start=points)
    with pytest.raises(ValueError, match=r"means of shape \(2, 3\); expected \(2, 2\)"):
        log_density(mixture, points[:, :2])
    with pytest.raises(ValueError, match=r"labels must be integers of shape \(20,\)"):
        mixture_of_labels(points, np.zeros(20), 2)
    with pytest.raises(ValueError, match=r"labels must lie in 0 … 1, but go from 0 to 2"):
        mixture_of_labels(points, np.arange(20) % 3, 2)
