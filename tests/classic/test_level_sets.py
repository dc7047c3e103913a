"""Level sets against scikit-image, and by what their equations say."""

import itertools
from importlib import import_module

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from skimage import segmentation
from skimage.segmentation import morphsnakes

from course_utils.classic import level_sets
from course_utils.classic.level_sets import (
    chan_vese,
    chan_vese_energy,
    checkerboard,
    disk_mask,
    edge_stopping,
    geodesic_contour,
    morphological_chan_vese,
    morphological_geodesic,
    signed_distance,
    stable_step,
    waves,
)
from course_utils.data import photos

SHAPES = st.tuples(st.integers(2, 20), st.integers(2, 20))
SEEDS = st.integers(0, 2**32 - 1)


def begin_alternation_again():
    """scikit-image alternates its two smoothers through all calls of a process: start as in a new one."""
    smoothers = (
        lambda u: morphsnakes.sup_inf(morphsnakes.inf_sup(u)),
        lambda u: morphsnakes.inf_sup(morphsnakes.sup_inf(u)),
    )
    morphsnakes._curvop.funcs = itertools.cycle(smoothers)


def scikit_start(shape):
    return import_module("skimage.segmentation._chan_vese")._cv_checkerboard(shape, 5)


def grey_photo(name, step=1):
    image = photos.image(name)
    return (image if image.ndim == 2 else image.mean(axis=2))[::step, ::step]


def cone(shape, centre, radius):
    """The exact signed distance of a disk."""
    return radius - np.hypot(*(np.indices(shape) - np.array(centre)[:, None, None]))


def crossing(profile):
    """Where a falling profile is zero, with linear interpolation."""
    i = np.flatnonzero(profile <= 0)[0]
    return i - 1 + profile[i - 1] / (profile[i - 1] - profile[i])


@pytest.mark.parametrize("name", ["camera", "coins", "cell"])
def test_chan_vese_is_scikit_image_s_step_for_step(name):
    image = grey_photo(name, 3)
    start = scikit_start(image.shape)
    for mu, inside, outside, steps in ((0.25, 1, 1, 1), (0.1, 1, 2, 30)):
        ours = chan_vese(
            image, start, mu=mu, inside=inside, outside=outside, step=0.5 * np.pi, steps=steps, tolerance=0
        )
        mask, phi, _ = segmentation.chan_vese(
            image, mu, inside, outside, -1, steps, 0.5, start, extended_output=True
        )
        assert np.abs(ours.phi - phi).max() < 1e-6
        assert np.array_equal(ours.mask, mask)


@pytest.mark.parametrize("name", ["camera", "coins", "cell", "page", "moon"])
def test_chan_vese_comes_at_least_as_low_as_scikit_image_and_never_rises(name):
    image = grey_photo(name, 3)
    for mu in (0.05, 0.25, 1.0):
        ours = chan_vese(image, mu=mu, steps=100, tolerance=0)
        theirs = segmentation.chan_vese(image, mu, tol=-1, max_num_iter=100, extended_output=True)[1]
        assert np.diff(ours.energies).max() <= 0
        assert ours.energies[-1] <= (1 + 1e-6) * chan_vese_energy(image, theirs, mu=mu)
        assert np.isclose(ours.energies[-1], chan_vese_energy(image, ours.phi, mu=mu), rtol=1e-9)


def test_the_energy_is_what_its_formula_says():
    rng = np.random.default_rng(0)
    image, phi = rng.random((9, 11)), rng.normal(size=(9, 11))
    image = (image - image.min()) / np.ptp(image)
    h = 0.5 + np.arctan(phi) / np.pi
    padded = np.pad(phi, 1, mode="edge")
    slopes = (padded[2:, 1:-1] - padded[:-2, 1:-1]) / 2, (padded[1:-1, 2:] - padded[1:-1, :-2]) / 2
    length = (np.hypot(*slopes) / (np.pi * (1 + phi**2))).sum()
    fits = [(w * (image - (w * image).sum() / w.sum()) ** 2).sum() for w in (h, 1 - h)]
    energy = 0.7 * length + 2 * fits[0] + 3 * fits[1]
    assert np.isclose(chan_vese_energy(image, phi, mu=0.7, inside=2, outside=3), energy)
    assert np.isclose(chan_vese_energy(image * 9 - 4, phi, mu=0.7, inside=2, outside=3), energy)


def test_chan_vese_parts_two_blobs_without_an_edge_from_one_start():
    centres = np.array([[32, 24], [32, 76]])
    far = np.min([np.hypot(*(np.indices((64, 100)) - c[:, None, None])) for c in centres], axis=0)
    image = 1 / (1 + np.exp((far - 12) / 3))  # so soft that no pixel differs from its neighbour by a tenth
    assert np.abs(np.diff(image)).max() < 0.1
    found = chan_vese(image, disk_mask(image.shape, (32, 50), 30), mu=0.05).mask
    assert ndimage.label(found)[1] == 2
    halfway = (image[found].mean() + image[~found].mean()) / 2
    assert ((image > halfway) != found).mean() < 0.01


@given(SEEDS, SHAPES, st.integers(0, 6), st.integers(0, 6))
def test_twenty_steps_are_ten_and_ten(seed, shape, some, more):
    rng = np.random.default_rng(seed)
    image, start = rng.random(shape), rng.random(shape) > 0.5
    phi = signed_distance(start)
    half = chan_vese(image, phi, steps=some, tolerance=0)
    rest = chan_vese(image, half.phi, steps=more, tolerance=0)
    whole = chan_vese(image, phi, steps=some + more, tolerance=0)
    assert np.array_equal(rest.phi, whole.phi)
    assert np.array_equal(np.concatenate([half.energies, rest.energies[1:]]), whole.energies)
    for method in (morphological_chan_vese, morphological_geodesic):
        between = method(image, start, steps=some, smoothing=1)
        after = method(image, between, steps=more, smoothing=1, first=some)
        assert np.array_equal(after, method(image, start, steps=some + more, smoothing=1))


MORPHOLOGICAL = st.tuples(st.integers(0, 7), st.integers(0, 3))


@given(SEEDS, SHAPES, MORPHOLOGICAL, st.sampled_from([(1, 1), (1, 2), (3, 1)]), st.booleans())
def test_morphological_chan_vese_is_scikit_image_s_bit_for_bit(seed, shape, schedule, sides, whole_numbers):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, shape).astype(np.uint8) if whole_numbers else rng.random(shape)
    start, (steps, smoothing) = rng.random(shape) > 0.5, schedule
    inside, outside = sides
    ours = morphological_chan_vese(
        image, start, steps=steps, smoothing=smoothing, inside=inside, outside=outside
    )
    begin_alternation_again()
    theirs = segmentation.morphological_chan_vese(image, steps, start, smoothing, *sides)
    assert np.array_equal(ours, theirs)


@given(SEEDS, SHAPES, MORPHOLOGICAL, st.sampled_from([0, 1, -1, 0.7, -2]))
def test_the_morphological_geodesic_is_scikit_image_s_bit_for_bit(seed, shape, schedule, balloon):
    rng = np.random.default_rng(seed)
    speed, start = rng.random(shape), rng.random(shape) > 0.5
    steps, smoothing = schedule
    for threshold in (None, 0.3):
        ours = morphological_geodesic(
            speed, start, steps=steps, smoothing=smoothing, balloon=balloon, threshold=threshold
        )
        begin_alternation_again()
        theirs = segmentation.morphological_geodesic_active_contour(
            speed, steps, start, smoothing, "auto" if threshold is None else threshold, balloon
        )
        assert np.array_equal(ours, theirs)


def test_both_are_equal_on_photographs_from_the_usual_starts():
    begin_alternation_again()
    image = grey_photo("coins")
    theirs = segmentation.morphological_chan_vese(image, 35, smoothing=3)
    assert np.array_equal(morphological_chan_vese(image, steps=35, smoothing=3), theirs)
    begin_alternation_again()
    speed = edge_stopping(image, 1000, 2)
    theirs = segmentation.morphological_geodesic_active_contour(speed, 60, balloon=-1)
    assert np.array_equal(morphological_geodesic(speed, steps=60, balloon=-1), theirs)
    assert 0 < theirs.sum() < theirs.size


def test_starts_equal_scikit_image_s():
    for shape in ((20, 31), (7, 5), (1, 1)):
        assert np.array_equal(checkerboard(shape), segmentation.checkerboard_level_set(shape))
        assert np.array_equal(disk_mask(shape), segmentation.disk_level_set(shape))
        assert np.array_equal(waves(shape), scikit_start(shape))
    theirs = segmentation.disk_level_set((20, 31), center=(4, 9), radius=6.5)
    assert np.array_equal(disk_mask((20, 31), (4, 9), 6.5), theirs)


@given(
    hnp.arrays(np.float64, hnp.array_shapes(min_dims=2, max_dims=2, max_side=15), elements=st.floats(0, 1)),
    st.floats(0.3, 6),
    st.floats(0, 1000),
)
def test_the_edge_map_equals_scikit_image_s(image, sigma, alpha):
    theirs = segmentation.inverse_gaussian_gradient(image, alpha, sigma)
    assert np.allclose(edge_stopping(image, alpha, sigma), theirs, atol=1e-7)


def test_a_signed_distance_is_near_the_exact_one_and_leaves_the_outline():
    exact = cone((90, 80), (44.3, 39.6), 25.4)
    for phi in (exact, exact**3 / 100 + exact, 0.01 * exact):
        found = signed_distance(phi)
        assert np.array_equal(found > 0, phi > 0)
        assert np.abs(found - exact)[np.abs(exact) < 3].max() < 0.25
        assert np.abs(found - exact).max() < 1
        for row in (44, 30):
            assert abs(crossing(found[row, 40:]) - crossing(exact[row, 40:])) < 0.05
    wall = np.arange(50.0) - 20.3 + np.zeros((40, 1))
    assert np.allclose(signed_distance(7 * wall), wall)


def test_a_mask_s_signed_distance_is_near_the_euclidean():
    mask = photos.load("coins").mask
    euclidean = ndimage.distance_transform_edt(mask) - ndimage.distance_transform_edt(~mask)
    found = signed_distance(mask)
    assert np.array_equal(found > 0, mask)
    assert np.abs(found - euclidean + np.where(mask, 0.5, -0.5)).max() < 1.5


@pytest.mark.parametrize("step", [None, 0.1])
@pytest.mark.parametrize("renew", [20, 50, 10**6])
def test_a_circle_under_curvature_flow_shrinks_as_the_equation_says(step, renew):
    level = np.ones((81, 81))
    dt = step or stable_step(level)
    for steps in (200, 800):
        found = geodesic_contour(level, cone(level.shape, (40, 40), 28), step=step, steps=steps, renew=renew)
        expected = np.sqrt(28**2 - 2 * steps * dt)
        for profile, unit in ((found.phi[40, 40:], 1), (np.diagonal(found.phi)[40:], np.sqrt(2))):
            assert abs(unit * crossing(profile) - expected) < 0.3
        assert abs(found.energies[-1] / (2 * np.pi * expected) - 1) < 0.03


def test_a_circle_vanishes_when_its_time_has_come():
    level = np.ones((31, 31))
    steps = round(8**2 / 2 / stable_step(level))
    assert geodesic_contour(level, disk_mask(level.shape, radius=8), steps=steps * 9 // 10).mask.any()
    assert not geodesic_contour(level, disk_mask(level.shape, radius=8), steps=steps * 11 // 10).mask.any()


def test_a_balloon_moves_a_straight_front_a_pixel_a_unit_of_time():
    half = np.tile(20.0 - np.arange(60), (50, 1))
    for balloon in (1.0, -1.0):
        found = geodesic_contour(np.ones(half.shape), half, balloon=balloon, steps=40)
        expected = 20 + balloon * 40 * stable_step(np.ones(half.shape), balloon)
        assert abs(crossing(found.phi[25]) - expected) < 1e-6


def test_a_geodesic_contour_parts_and_rests_on_two_disks():
    far = np.minimum(*[np.hypot(*(np.indices((70, 120)) - np.array([[[35]], [[x]]]))) for x in (35, 85)])
    speed = edge_stopping((far < 18).astype(float), 1000, 1.5)
    found = geodesic_contour(speed, disk_mask(speed.shape, (35, 60), 55), balloon=-0.2, steps=2500)
    assert ndimage.label(found.mask)[1] == 2
    overlap = (found.mask & (far < 18)).sum() / (found.mask | (far < 18)).sum()
    assert overlap > 0.85  # the balloon presses, and the curvature pulls, to the inner slope of the edge


METHODS = {
    "chan_vese": lambda image, start: chan_vese(image, start, steps=5).mask,
    "geodesic_contour": lambda image, start: geodesic_contour(image, start, steps=5).mask,
    "morphological_chan_vese": lambda image, start: morphological_chan_vese(image, start, steps=5),
    "morphological_geodesic": lambda image, start: morphological_geodesic(image, start, steps=5, balloon=1),
}


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_strange_inputs(method):
    rng = np.random.default_rng(0)
    for shape in ((1, 1), (1, 7), (7, 1)):
        for start in (np.ones(shape, bool), np.zeros(shape, bool), rng.random(shape) > 0.5):
            assert method(rng.random(shape), start).shape == shape
    start = checkerboard((20, 24))
    assert method(np.full((20, 24), 3), start).dtype == bool
    wide = rng.integers(0, 200, (40, 48))
    image = wide[::2, ::2]
    before, start_before = wide.copy(), start.copy()
    answer = method(image, start)
    assert np.array_equal(wide, before) and np.array_equal(start, start_before)
    for other in (np.ascontiguousarray(image), image.astype(np.uint8), image.astype(float)):
        assert np.array_equal(method(other, start), answer)
    assert np.array_equal(method(image, np.asfortranarray(start)), answer)
    with pytest.raises(ValueError, match="shape"):
        method(image, start[1:])
    with pytest.raises(ValueError, match="NaN"):
        method(np.full((20, 24), np.nan), start)
    with pytest.raises(ValueError, match="grey"):
        method(np.zeros((20, 24, 3)), start)
    with pytest.raises(TypeError, match="numbers"):
        method(np.full((20, 24), "a"), start)


@pytest.mark.parametrize("value", [True, False])
def test_a_start_of_one_side_only_has_no_outline(value):
    start = np.full((9, 8), value)
    assert (np.sign(signed_distance(start)) == (1 if value else -1)).all()
    assert (np.abs(signed_distance(start)) == 17).all()
    image = np.random.default_rng(0).random((9, 8))
    assert geodesic_contour(image, start, steps=9).energies[-1] == 0
    assert (morphological_chan_vese(image, start, steps=0) == start).all()


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda i: chan_vese(i, mu=-1), "mu"),
        (lambda i: chan_vese(i, inside=0), "inside"),
        (lambda i: chan_vese(i, step=0), "step"),
        (lambda i: chan_vese(i, steps=-1), "steps"),
        (lambda i: chan_vese(i, tolerance=np.nan), "tolerance"),
        (lambda i: geodesic_contour(i - 1, i > 0.5), "speed must not be negative"),
        (lambda i: geodesic_contour(i, i > 0.5, step=10), "unstable"),
        (lambda i: geodesic_contour(i, i > 0.5, renew=0), "renew"),
        (lambda i: morphological_chan_vese(i, smoothing=-1), "smoothing"),
        (lambda i: morphological_chan_vese(i, first=0.5), "first"),
        (lambda i: morphological_geodesic(i, threshold="auto"), "threshold"),
        (lambda i: edge_stopping(i, sigma=0), "sigma"),
        (lambda i: edge_stopping(i, alpha=-1), "alpha"),
        (lambda i: checkerboard((0, 3)), "shape"),
        (lambda i: checkerboard((3, 3), 0), "side"),
        (lambda i: disk_mask((3, 3), radius=0), "radius"),
    ],
)
def test_bad_arguments_are_refused_in_words(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.random.default_rng(0).random((9, 9)))


def test_bands_and_threads_change_nothing(monkeypatch):
    image = np.random.default_rng(0).random((60, 50))
    start = checkerboard(image.shape)
    answers = [method(image, start) for method in METHODS.values()]
    monkeypatch.setattr(
        level_sets, "by_rows", lambda f, shape, *a: [f(y, y + 1, *a) for y in range(shape[0])]
    )
    for method, answer in zip(METHODS.values(), answers, strict=True):
        assert np.array_equal(method(image, start), answer)
