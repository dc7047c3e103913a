"""Features against scikit-image, and by what they promise: shift, scale and rotation."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import feature as skimage_feature
from skimage import filters as skimage_filters

from course_utils.classic import features as course
from course_utils.classic.filters import gaussian, gradient_magnitude

SEEDS = st.integers(0, 2**32 - 1)
SHAPES = st.tuples(st.integers(2, 25), st.integers(2, 25))
ONE_SIDED = st.sampled_from([(1, 1), (1, 7), (6, 1)])
CIRCLES = st.sampled_from([(8, 1.0), (16, 2.0), (24, 3.0), (5, 1.5), (1, 1.0)])
SCALES = st.sampled_from([0.0, 0.7, 1.5, 4.0])


def noise(seed, shape):
    return np.random.default_rng(seed).random(shape)


@given(SEEDS, SHAPES, SCALES)
def test_hessian_eigenvalues_equal_scikit_image(seed, shape, sigma):
    image = noise(seed, shape)
    blurred = gaussian(image, sigma)
    slopes = np.gradient(blurred)
    parts = [np.gradient(slopes[0], axis=0), np.gradient(slopes[0], axis=1), np.gradient(slopes[1], axis=1)]
    expected = skimage_feature.hessian_matrix_eigvals(parts)
    assert np.allclose(course.hessian_eigenvalues(image, sigma), expected, atol=1e-12)
    if sigma:
        parts = skimage_feature.hessian_matrix(image, sigma, mode="reflect", use_gaussian_derivatives=False)
        assert np.allclose(skimage_feature.hessian_matrix_eigvals(parts), expected, atol=1e-9)


@given(SEEDS, SHAPES, st.sampled_from([0.7, 1.5, 4.0]), SCALES)
def test_structure_tensor_equals_scikit_image(seed, shape, sigma, inner):
    image = noise(seed, shape)
    parts = skimage_feature.structure_tensor(gaussian(image, inner), sigma, mode="reflect")
    expected = skimage_feature.structure_tensor_eigenvalues(parts) / 64
    found = course.structure_tensor_eigenvalues(image, sigma, inner)
    assert np.allclose(found, expected, atol=1e-12)
    assert found[1].min() >= -1e-12


@settings(max_examples=40)
@given(SEEDS, SHAPES, st.sampled_from([0.1, 0.2, 0.4]), st.floats(-4, 4))
def test_gabor_energy_equals_scikit_image(seed, shape, frequency, angle):
    image, border = (
        noise(seed, shape),
        25,
    )  # scipy's reflection is not exact where a filter is larger than the image
    padded = np.pad(image, border, mode="symmetric")
    expected = np.hypot(*skimage_filters.gabor(padded, frequency, angle))[border:-border, border:-border]
    assert np.allclose(course.gabor_energy(image, frequency, angle), expected, atol=1e-10)


@given(SEEDS, SHAPES, CIRCLES)
def test_local_binary_pattern_equals_scikit_image_inside(seed, shape, circle):
    image, inner = noise(seed, (shape[0] + 8, shape[1] + 8)), (slice(4, -4),) * 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of floats because of ties, which noise has none of
        expected = skimage_feature.local_binary_pattern(image, *circle, "uniform")
    assert np.array_equal(course.local_binary_pattern(image, *circle)[inner], expected[inner])


@given(SEEDS, SHAPES | ONE_SIDED, CIRCLES)
def test_patterns_at_the_border_are_those_of_the_reflected_image(seed, shape, circle):
    image, inner = noise(seed, shape), (slice(6, -6),) * 2
    padded = np.pad(image, 6, mode="symmetric")
    assert np.array_equal(
        course.local_binary_pattern(image, *circle), course.local_binary_pattern(padded, *circle)[inner]
    )


@given(SEEDS)
def test_patterns_do_not_see_brightness_contrast_or_quarter_turns(seed):
    image = np.random.default_rng(seed).integers(0, 50, (12, 15))
    pattern = course.local_binary_pattern(image)
    assert np.array_equal(course.local_binary_pattern(4 * image + 17), pattern)
    assert np.array_equal(course.local_binary_pattern(np.rot90(image)), np.rot90(pattern))


def test_flat_places_have_the_pattern_of_ones_only():
    for points, radius in ((8, 1.0), (16, 2.3), (24, 3.0)):
        assert (course.local_binary_pattern(np.full((9, 8), 0.1), points, radius) == points).all()


def test_gabor_answers_to_its_own_stripes_alike_everywhere():
    stripes = np.sin(2 * np.pi * 0.1 * np.arange(96))[None].repeat(96, axis=0)
    along, across = course.gabor_energy(stripes, 0.1), course.gabor_energy(stripes, 0.1, np.pi / 2)
    inner = along[30:-30, 30:-30]
    assert inner.std() < 0.01 * inner.mean()
    assert across[30:-30, 30:-30].max() < 0.1 * inner.min()
    assert np.allclose(course.gabor_energy(stripes.T, 0.1, np.pi / 2), along.T)


def test_a_ridge_bends_one_way_and_a_blob_both():
    y, x = np.mgrid[-20:21, -20:21]
    larger, smaller = course.hessian_eigenvalues(np.exp(-(x**2) / 18), 1)
    assert abs(larger[20, 20]) < 1e-9 < -smaller[20, 20]
    larger, smaller = course.hessian_eigenvalues(np.exp(-(x**2 + y**2) / 18), 1)
    assert larger[20, 20] == pytest.approx(smaller[20, 20]) and larger[20, 20] < 0


@given(SEEDS, SHAPES | ONE_SIDED, st.sampled_from([(), (2,)]))
def test_the_stack_holds_each_feature_under_its_name(seed, shape, colour):
    image = noise(seed, shape + colour)
    found = course.features(image, (1, 2.5))
    assert found.values.shape == (*shape, len(found.names)) and found.values.dtype == np.float32
    assert found.values.flags.c_contiguous and len(set(found.names)) == len(found.names)
    one = image[..., 1] if colour else image
    before = "channel 1 " if colour else ""
    for name, expected in {
        "gaussian σ=2.5": gaussian(one, 2.5),
        "gradient σ=2.5": 2.5 * gradient_magnitude(gaussian(one, 2.5)),
        "hessian smaller σ=1": course.hessian_eigenvalues(one, 1)[1],
        "laplacian σ=2.5": 6.25 * sum(course.hessian_eigenvalues(one, 2.5)),
        "tensor larger σ=2.5": 6.25 * course.structure_tensor_eigenvalues(one, 2.5, 2.5)[0],
        "difference σ=1": gaussian(one, 1) - gaussian(one, 1.6),
        "gabor 45° σ=1": course.gabor_energy(one, 0.25, np.pi / 4),
        "pattern σ=1": course.local_binary_pattern(one),
    }.items():
        assert np.allclose(found.values[..., found.names.index(before + name)], expected, atol=1e-6), name


def test_families_and_scales_choose():
    image = noise(0, (9, 8))
    chosen = course.features(image, 3, ("local", "gaussian"))
    assert chosen.names == ("gaussian σ=3", "local mean σ=3", "local deviation σ=3")
    assert len(course.features(image).names) == 15 * len(course.SCALES)


def test_a_constant_image_is_flat_in_every_feature():
    found = course.features(np.full((20, 20), 3, np.uint8))
    assert np.ptp(found.values, axis=(0, 1)).max() < 1e-5
    for name, value in zip(found.names, found.values[0, 0], strict=True):
        if name.split()[0] in ("gradient", "hessian", "tensor", "laplacian", "difference"):
            assert abs(value) < 1e-4, name


def test_as_large_as_values_may_be_no_feature_is_infinite():
    image = np.kron(np.array([[0, 1, 0], [1, 0, 1]]), np.ones((4, 4))) * course.MOST / 8
    for dtype in (np.float64, np.float32):
        assert np.isfinite(course.features(-image.astype(dtype), (1, 8)).values).all()


def test_bands_of_rows_fit_together():
    image = noise(0, (600, 900)).astype(np.float32)
    part = course.features(image[150:400], (1,)).values[60:-60]
    assert np.allclose(course.features(image, (1,)).values[210:340], part, atol=1e-5)


def test_input_is_left_as_it_was_and_may_be_frozen_or_strided():
    image = noise(0, (20, 18, 3))
    before, expected = image.copy(), course.features(image, (1,)).values
    assert np.array_equal(image, before)
    before.setflags(write=False)
    for other in (before, np.asfortranarray(image), np.repeat(image, 2, axis=1)[:, ::2]):
        assert np.array_equal(course.features(other, (1,)).values, expected)


def test_bad_input_gets_a_clear_error():
    image = noise(0, (8, 9))
    for bad, message in ((image * np.nan, "NaN"), (image[0], "shape"), (np.ones((4, 4, 0)), "no channels")):
        with pytest.raises(ValueError, match=message):
            course.features(bad)
    for arguments, message in (
        (((1, 0),), "each of scales must be"),
        (((),), "at least one scale"),
        (((1,), ("colour",)), "no family is called 'colour'"),
    ):
        with pytest.raises(ValueError, match=message):
            course.features(image, *arguments)
    with pytest.raises(ValueError, match="do not fit into float32"):
        course.features(image * 1e30)
    with pytest.raises(ValueError, match="frequency must be"):
        course.gabor_energy(image, 0)
    with pytest.raises(ValueError, match="angle must be"):
        course.gabor_energy(image, 0.1, np.inf)
    with pytest.raises(ValueError, match="points must be"):
        course.local_binary_pattern(image, 0)
    with pytest.raises(ValueError, match="radius must be"):
        course.local_binary_pattern(image, 8, 0)
