"""Filters against scipy, scikit-image and plain loops over windows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from skimage import color, feature, transform
from skimage import filters as skimage_filters

from course_utils import kernel
from course_utils.classic import filters

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, max_side=12)
UNIT = {"elements": st.floats(0, 1, width=32)}


def images(*dtypes):
    """Small images of one of these dtypes; floats in [0, 1], integers over their whole range."""
    return st.sampled_from(dtypes or ["uint8", "uint16", "float32", "float64"]).flatmap(
        lambda dtype: hnp.arrays(dtype, SHAPES, **(UNIT if dtype.startswith("float") else {}))
    )


def windows(image, window):
    """(H, W, window²) float64: the pixels of each window, under numpy's reflection."""
    padded = np.pad(image.astype(float), window // 2, mode="reflect")
    view = np.lib.stride_tricks.sliding_window_view(padded, (window, window))
    return view.reshape(*image.shape, -1)


def tolerance(image):
    """What float32 or float64 results may be off by, from the size of the values."""
    scale = max(float(np.abs(image.astype(float)).max()), 1e-30)
    return scale * (2e-7 if image.dtype.itemsize <= 4 else 1e-12)


@given(images())
def test_integral_image_equals_scikit_image(image):
    table = filters.integral_image(image)
    assert table.shape == (image.shape[0] + 1, image.shape[1] + 1)
    assert not table[0].any() and not table[:, 0].any()
    expected = transform.integral_image(image.astype(float))
    np.testing.assert_allclose(table[1:, 1:], expected, rtol=1e-12)


@given(images("uint8"), st.data())
def test_four_look_ups_give_the_sum_of_any_rectangle(image, data):
    table = filters.integral_image(image)
    a, b = sorted(data.draw(st.tuples(*[st.integers(0, image.shape[0])] * 2)))
    c, d = sorted(data.draw(st.tuples(*[st.integers(0, image.shape[1])] * 2)))
    assert table[b, d] - table[a, d] - table[b, c] + table[a, c] == image[a:b, c:d].sum(dtype=int)


@given(images(), st.sampled_from([1, 3, 5, 9, 31]))
def test_box_means_and_deviations_equal_those_of_the_windows(image, window):
    pixels = windows(image, window)
    mean, std = filters.box_mean_std(image, window)
    np.testing.assert_allclose(filters.box_mean(image, window), pixels.mean(axis=2), atol=tolerance(image))
    np.testing.assert_allclose(mean, pixels.mean(axis=2), atol=tolerance(image))
    np.testing.assert_allclose(std, pixels.std(axis=2), atol=2e-6 * max(float(np.ptp(image)), 1e-30))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32", "float64"])
@pytest.mark.parametrize("window", [3, 301])
def test_a_constant_image_has_its_own_mean_and_no_deviation(dtype, window):
    value = np.array(0.1 if dtype.startswith("float") else 201).astype(dtype)
    mean, std = filters.box_mean_std(np.full((40, 50), value), window)
    assert (mean == value).all()
    assert (std == 0).all()


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_flat_patch_of_an_integer_image_has_exactly_no_deviation(dtype):
    image = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (60, 60)).astype(dtype)
    image[20:40, 20:40] = 201
    mean, std = filters.box_mean_std(image, 9)
    assert (std[24:36, 24:36] == 0).all() and (mean[24:36, 24:36] == 201).all()
    assert (std[:16, :16] > 0).all()


def test_deviations_of_a_large_float_image_stay_within_the_stated_error():
    image = np.random.default_rng(0).random((700, 300))
    image[100:600, 100:200] = 0.1
    _, std = filters.box_mean_std(image, 25)
    assert std[112:588, 112:188].max() < 1e-6
    offset_mean, offset_std = filters.box_mean_std(image + 1e6, 25)
    assert np.abs(offset_std - std).max() < 1e-6
    np.testing.assert_allclose(offset_mean - 1e6, filters.box_mean(image, 25), atol=1e-8)


@given(images(), st.sampled_from([0, 0.4, 1, 2.5, 7]))
def test_gaussian_equals_scipy(image, sigma):
    expected = ndimage.gaussian_filter(image.astype(float), sigma, mode="reflect", truncate=4)
    blurred = filters.gaussian(image, sigma)
    assert blurred.dtype == (np.float64 if image.dtype == np.float64 else np.float32)
    np.testing.assert_allclose(blurred, expected, atol=5 * tolerance(image))


def test_gaussian_of_a_point_is_separable_and_keeps_the_sum():
    point = np.zeros((41, 41))
    point[20, 20] = 1
    blurred = filters.gaussian(point, 3)
    np.testing.assert_allclose(blurred, np.outer(blurred[20], blurred[:, 20]) / blurred[20, 20], atol=1e-15)
    assert blurred.sum() == pytest.approx(1, abs=1e-12)


@given(images())
def test_gradients_equal_scipy_and_scikit_image(image):
    down, right = filters.gradient(image)
    values, exact = image.astype(float), {"atol": 4 * tolerance(image), "rtol": 0}
    np.testing.assert_allclose(down, ndimage.sobel(values, 0) / 8, **exact)
    np.testing.assert_allclose(right, ndimage.sobel(values, 1) / 8, **exact)
    steepness = filters.gradient_magnitude(image)
    np.testing.assert_allclose(steepness * np.sqrt(2), skimage_filters.sobel(values), **exact)


def test_the_gradient_of_a_plane_is_its_slope():
    y, x = np.indices((12, 15))
    down, right = filters.gradient(3 * y - 2 * x + 7)
    assert (down[1:-1, 1:-1] == 3).all() and (right[1:-1, 1:-1] == -2).all()


def disc(size=80, radius=25, blur=2.0):
    y, x = np.indices((size, size)) - size / 2 + 0.3
    return filters.gaussian((np.hypot(y, x) < radius).astype(float), blur)


def test_canny_draws_one_thin_closed_line_around_a_disc():
    edges = filters.canny(disc(), 1, 0.03, 0.08)
    y, x = np.nonzero(edges)
    assert abs(np.hypot(y - 39.7, x - 39.7) - 25).max() < 1.2
    assert ndimage.label(edges, np.ones((3, 3)))[1] == 1
    assert ndimage.label(~edges)[1] == 2  # an inside and an outside
    assert edges.sum() < 2 * np.pi * 25 * 1.3


@pytest.mark.parametrize("sigma", [1.0, 2.0])
def test_canny_nearly_equals_scikit_image_away_from_the_border(sigma):
    image = ndimage.gaussian_filter(np.random.default_rng(0).random((120, 140)), 2)
    low, high = 0.005, 0.012
    ours = filters.canny(image, sigma, low, high)[20:-20, 20:-20]
    theirs = feature.canny(image, sigma, 8 * low, 8 * high)[20:-20, 20:-20]
    assert ours.mean() > 0.03
    assert (ours != theirs).mean() < 0.02 * ours.mean()


@given(images("uint8", "float64"))
def test_canny_keeps_weak_edges_only_together_with_strong_ones(image):
    scale = max(float(image.max()), 1e-9)
    weak, strong = (filters.canny(image, 1, t * scale, t * scale) for t in (0.02, 0.1))
    edges = filters.canny(image, 1, 0.02 * scale, 0.1 * scale)
    parts, _ = ndimage.label(weak, np.ones((3, 3)))
    assert np.array_equal(edges, np.isin(parts, np.unique(parts[strong])) & (parts > 0))


def test_nothing_has_no_edges():
    for image in (np.full((9, 8), 0.3), np.zeros((1, 1)), np.ones((2, 5), np.uint8)):
        assert not filters.canny(image, 1, 0, 0).any()
        assert not filters.gradient_magnitude(image).any()


@pytest.mark.parametrize("thresholds", [(2, 1), (-1, 1), (np.nan, 1)])
def test_thresholds_out_of_order_are_refused(thresholds):
    with pytest.raises(ValueError, match="0 <= low <= high"):
        filters.canny(np.zeros((4, 4)), 1, *thresholds)


@pytest.mark.parametrize(
    "function", [lambda i: filters.box_mean_std(i, 25), lambda i: filters.gaussian(i, 2)]
)
def test_the_answer_does_not_depend_on_the_number_of_threads(function):
    image = np.random.default_rng(0).random((900, 700))
    before = kernel.get_num_threads()
    try:
        kernel.set_num_threads(1)
        one = function(image)
        kernel.set_num_threads(3)
        assert np.array_equal(one, function(image))
    finally:
        kernel.set_num_threads(before)


@pytest.mark.parametrize(
    "function",
    [
        filters.integral_image,
        lambda image: filters.box_mean(image, 3),
        lambda image: filters.box_mean_std(image, 3),
        lambda image: filters.gaussian(image, 1),
        filters.gradient_magnitude,
        lambda image: filters.canny(image, 1, 0.01, 0.03),
    ],
)
class TestInput:
    def test_is_left_as_it_was(self, function):
        image = np.random.default_rng(0).random((9, 7))
        before = image.copy()
        function(image)
        assert np.array_equal(image, before)

    def test_in_any_memory_layout_gives_the_same(self, function):
        image = np.random.default_rng(0).random((9, 7))
        straight = function(image)
        frozen = image.copy()
        frozen.setflags(write=False)
        spread = np.zeros((18, 21))
        spread[::2, ::3] = image
        for other in (
            np.asfortranarray(image),
            image[::-1][::-1],
            spread[::2, ::3],
            frozen,
            image.astype(">f8"),
        ):
            assert np.array_equal(function(other), straight)

    def test_of_any_real_type_counts_by_value(self, function):
        mask = np.random.default_rng(0).random((9, 7)) > 0.5
        for dtype in ("uint8", "int16", "int64", "uint32", "float16", "float32"):
            np.testing.assert_allclose(function(mask.astype(dtype)), function(mask.astype(float)), atol=1e-6)
        np.testing.assert_allclose(function(mask), function(mask.astype(float)), atol=1e-6)

    def test_that_is_no_grey_image_gets_a_clear_error(self, function):
        with pytest.raises(ValueError, match=r"shape \(4, 4, 3\); it looks like colour"):
            function(np.zeros((4, 4, 3)))
        with pytest.raises(ValueError, match="no pixels"):
            function(np.zeros((0, 5)))
        with pytest.raises(ValueError, match="NaN or infinity in 2 of 16"):
            function(np.array([[np.nan, np.inf, 0, 0]] + [[0, 0, 0, 0]] * 3))
        with pytest.raises(TypeError, match="complex"):
            function(np.zeros((4, 4), complex))
        with pytest.raises(TypeError, match="numbers"):
            function([["a", "b"]])


@pytest.mark.parametrize("window", [0, 2, -3, 2.5, "3"])
def test_a_window_without_a_centre_is_refused(window):
    for function in (filters.box_mean, filters.box_mean_std):
        with pytest.raises(ValueError, match="window must be an odd whole number"):
            function(np.zeros((4, 4)), window)


@pytest.mark.parametrize("sigma", [-1, np.nan, np.inf, [1, 2]])
def test_a_sigma_that_is_no_width_is_refused(sigma):
    with pytest.raises(ValueError, match="sigma must be a number of pixels"):
        filters.gaussian(np.zeros((4, 4)), sigma)


def test_luminance_is_that_of_scikit_image():
    picture = np.random.default_rng(0).random((5, 7, 3))
    np.testing.assert_allclose(filters.luminance(picture), color.rgb2gray(picture), atol=1e-12)
    grey = picture[..., 0]
    assert filters.luminance(grey) is grey
