"""Thresholds against scikit-image and against exhaustive search of the criteria, written as plain loops."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage import color, data, exposure, filters

from course_utils.classic import thresholding
from course_utils.classic.thresholding import histogram, hysteresis, li, minimum_error, multi_otsu, otsu

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, max_side=12)
BYTES = hnp.arrays("uint8", SHAPES)
SHORTS = hnp.arrays("uint16", SHAPES) | hnp.arrays("int16", SHAPES)
FLOATS = hnp.arrays("float64", SHAPES, elements=st.floats(0, 1)) | hnp.arrays(
    "float32", SHAPES, elements=st.floats(-3, 3, width=32)
)
IMAGES = BYTES | SHORTS | FLOATS
COUNTS = hnp.arrays("int64", st.integers(2, 12), elements=st.integers(0, 20)).filter(np.any)
GLOBAL = {"otsu": otsu, "minimum_error": minimum_error, "li": li}


@pytest.fixture(scope="module")
def photographs():
    """Grey uint8 photographs, by name."""
    images = {name: getattr(data, name)() for name in ("camera", "cell", "coins", "moon", "page")}
    return images | {"coffee": (255 * color.rgb2gray(data.coffee())).astype(np.uint8)}


def spread(image):
    """False for float images too flat for scikit-image, which wants finite bins."""
    return image.dtype.kind in "ui" or np.ptp(image.astype(float)) > 1e-3 or np.ptp(image) == 0


@given(IMAGES, st.integers(1, 300))
def test_histograms_equal_those_of_scikit_image(image, bins):
    assume(spread(image))
    counts, centres = histogram(image, bins)
    expected, expected_centres = exposure.histogram(image, bins)
    if image.dtype == np.uint8:
        assert np.array_equal(centres, np.arange(256))
        assert counts.sum() == image.size
        counts, centres = counts[expected_centres], centres[expected_centres]
    assert np.array_equal(counts, expected)
    np.testing.assert_allclose(centres, expected_centres, rtol=1e-6)


@given(st.integers(0, 2**32 - 1), st.sampled_from(["float32", "float64"]))
def test_values_on_an_edge_belong_to_the_bin_above(seed, dtype):
    edges = np.linspace(*np.array([-1, 2], dtype), 8, dtype=dtype)
    image = np.random.default_rng(seed).choice(edges, (5, 6))
    image[0, :2] = edges[0], edges[-1]
    assert np.array_equal(histogram(image, 7).counts, np.histogram(image, edges)[0])


def test_floats_too_close_for_their_bins_are_still_counted_once_each():
    image = np.array([[1.0, np.nextafter(1, 2)], [1.0, 1.0]])
    assert histogram(image).counts.sum() == 4
    assert (image > otsu(image)).tolist() == [[False, True], [False, False]]
    tiny = np.array([[0.0, 5e-324]])
    assert histogram(tiny).counts.sum() == 2
    assert (tiny > otsu(tiny)).tolist() == [[False, True]]


def between(counts, centres, cut):
    """ω₀ ω₁ (μ₁ − μ₀)² for the cut after bin ``cut``, from sums over lists."""
    dark, bright = (
        [(n, x) for i, (n, x) in enumerate(zip(counts, centres, strict=True)) if (i > cut) == side and n]
        for side in (False, True)
    )
    if not dark or not bright:
        return 0.0
    weights = [sum(n for n, _ in side) for side in (dark, bright)]
    means = [sum(n * x for n, x in side) / w for side, w in zip((dark, bright), weights, strict=True)]
    return math.prod(weights) / sum(weights) ** 2 * (means[1] - means[0]) ** 2


def kittler(counts, centres, cut):
    """J for the cut after bin ``cut``, from sums over lists."""
    total = sum(counts)
    criterion = 1.0
    for side in (range(cut + 1), range(cut + 1, len(counts))):
        weight = sum(counts[i] for i in side)
        if weight == 0:
            return math.inf
        mean = sum(counts[i] * centres[i] for i in side) / weight
        variance = sum(counts[i] * (centres[i] - mean) ** 2 for i in side) / weight
        variance = max(variance, (centres[1] - centres[0]) ** 2 / 12)
        criterion += 2 * weight / total * math.log(math.sqrt(variance))
        criterion -= 2 * weight / total * math.log(weight / total)
    return criterion


def cross(counts, centres, cut):
    """−Σ m ln μ for the cut after bin ``cut``, grey values above the least that occurs."""
    total, least = sum(counts), min(x for n, x in zip(counts, centres, strict=True) if n)
    criterion = 0.0
    for side in (range(cut + 1), range(cut + 1, len(counts))):
        weight = sum(counts[i] for i in side)
        if weight == 0:
            return math.inf
        moment = sum(counts[i] * (centres[i] - least) for i in side if counts[i])
        criterion -= moment * math.log(moment / weight) / total if moment else 0
    return criterion


@pytest.mark.parametrize(
    "curve, plain",
    [
        (thresholding.between_class_variance, between),
        (thresholding.minimum_error_curve, kittler),
        (thresholding.cross_entropy, cross),
    ],
)
@given(counts=COUNTS, step=st.sampled_from([0.5, 1, 3]), start=st.integers(-40, 40))
def test_curves_equal_plain_loops_over_the_cuts(curve, plain, counts, step, start):
    centres = start + step * np.arange(len(counts))
    expected = [plain(counts.tolist(), centres.tolist(), cut) for cut in range(len(counts) - 1)]
    np.testing.assert_allclose(curve(counts, centres), expected, rtol=1e-9, atol=1e-9)


def test_a_histogram_by_hand():
    counts, centres = np.array([3, 1, 0, 4]), np.array([0, 1, 2, 3])
    expected = [3 / 8 * 5 / 8 * 2.6**2, 1 / 4 * 2.75**2, 1 / 4 * 2.75**2]
    np.testing.assert_allclose(thresholding.between_class_variance(counts, centres), expected)


def test_minimum_error_finds_where_two_bells_cross():
    centres = np.arange(256)
    bells = [(0.7, 80.0, 8.0), (0.3, 150.0, 20.0)]
    density = [w / s * np.exp(-(((centres - m) / s) ** 2) / 2) for w, m, s in bells]
    curve = thresholding.minimum_error_curve(np.round(1e7 * sum(density)), centres)
    crossing = np.flatnonzero(np.diff(np.sign(density[0] - density[1])) < 0)[0]
    assert abs(int(np.argmin(curve)) - crossing) <= 1
    # At the best cut, J is nearly that of the true bells: 1 + 2 Σ P ln σ − 2 Σ P ln P.
    ideal = 1 + 2 * sum(w * math.log(s) - w * math.log(w) for w, _, s in bells)
    assert curve.min() == pytest.approx(ideal, abs=0.03)


@given(IMAGES)
def test_otsu_equals_scikit_image(image):
    assume(spread(image))
    ours, theirs = otsu(image), filters.threshold_otsu(image)
    if ours != pytest.approx(theirs, rel=1e-6):  # a tie, broken by their single precision
        counts, centres = histogram(image)
        curve = thresholding.between_class_variance(counts, centres)
        at = [np.argmin(np.abs(centres - threshold)) for threshold in (ours, theirs)]
        assert curve[at[0]] == pytest.approx(curve[at[1]], rel=1e-5)
        assert curve[at[0]] == curve.max()


@given(IMAGES)
def test_li_equals_scikit_image(image):
    assume(spread(image))
    step = float(np.diff(np.unique(image).astype(float)).min(initial=1))
    theirs = filters.threshold_li(
        image if image.dtype.kind == "f" else image.astype(int), tolerance=1e-6 * step
    )  # int16 would overflow
    assert li(image) == pytest.approx(float(theirs), rel=1e-5, abs=1e-5 * step)


@pytest.mark.parametrize("form", [np.uint8, np.uint16, np.float32, np.float64])
def test_thresholds_of_photographs_equal_scikit_image(photographs, form):
    for name, image in photographs.items():
        image = (image / 255).astype(form) if form in (np.float32, np.float64) else image.astype(form)
        assert otsu(image) == pytest.approx(filters.threshold_otsu(image), rel=1e-6), name
        assert li(image) == pytest.approx(float(filters.threshold_li(image, tolerance=1e-9)), rel=1e-5), name
        np.testing.assert_allclose(multi_otsu(image), filters.threshold_multiotsu(image), rtol=1e-6)
        low, high = 0.8 * otsu(image), 1.2 * otsu(image)
        expected = filters.apply_hysteresis_threshold(image, low, high)
        assert np.array_equal(hysteresis(image, low, high), expected), name


@given(BYTES)
def test_otsu_follows_a_change_of_brightness_and_contrast(image):
    assume(np.ptp(image) > 0)
    mask = image > otsu(image)
    wide = 3 * image.astype(np.int32) - 1000
    assert np.array_equal(wide > otsu(wide), mask)


@given(BYTES)
def test_otsu_of_the_negative_parts_the_pixels_as_well(image):
    assume(np.ptp(image) > 0)
    counts, centres = histogram(image)
    best = thresholding.between_class_variance(counts, centres).max()
    mirrored = int(255 - otsu(~image))
    assert between(counts.tolist(), centres.tolist(), mirrored - 1) == pytest.approx(best, rel=1e-9)


@given(COUNTS, st.integers(2, 4))
def test_multi_otsu_equals_exhaustive_search(counts, classes):
    image = np.repeat(np.arange(len(counts), dtype=np.uint8) ** 2, counts)[None]
    values, counts = np.unique(image, return_counts=True)
    assume(len(values) >= classes)

    def within(thresholds):
        groups = np.split(image[0], np.searchsorted(image[0], thresholds, side="right"))
        return sum(len(group) * group.var() for group in groups)

    best = min(within(cuts) for cuts in itertools.combinations(values[:-1], classes - 1))
    thresholds = multi_otsu(image, classes)
    assert thresholds.shape == (classes - 1,) and (np.diff(thresholds) > 0).all()
    assert within(thresholds) == pytest.approx(best, rel=1e-9, abs=1e-9)


@given(IMAGES)
def test_multi_otsu_of_two_classes_is_otsu(image):
    assume(spread(image))
    counts, centres = histogram(image)
    assume(np.count_nonzero(counts) >= 2)
    curve = thresholding.between_class_variance(counts, centres)
    at = [np.argmin(np.abs(centres - threshold)) for threshold in (multi_otsu(image, 2)[0], otsu(image))]
    assert curve[at[0]] == pytest.approx(curve[at[1]], rel=1e-9)


def test_multi_otsu_of_many_grey_values_is_as_good_as_that_of_scikit_image():
    image = np.random.default_rng(0).normal(3000, 700, (60, 60)).astype(np.uint16)
    image[:20] += 4000

    def within(thresholds):
        groups = np.digitize(image, thresholds, right=True)
        return sum((groups == k).sum() * image[groups == k].var() for k in range(3))

    assert within(multi_otsu(image)) <= within(filters.threshold_multiotsu(image, nbins=256)) * (1 + 1e-9)


@given(IMAGES, st.sampled_from([3, 5, 25]), st.sampled_from([-0.2, 0.2, 0.5]))
def test_local_thresholds_equal_scikit_image(image, window, k):
    assume(min(image.shape) > window // 2)  # scikit-image cannot reflect further
    scale = max(float(np.abs(image.astype(float)).max()), 1e-6)
    for ours, theirs in (
        (thresholding.niblack(image, window, k), filters.threshold_niblack(image.astype(float), window, k)),
        (
            thresholding.sauvola(image, window, k, r=scale),
            filters.threshold_sauvola(image.astype(float), window, k, r=scale),
        ),
    ):
        np.testing.assert_allclose(ours, theirs, atol=3e-6 * scale)


def test_sauvola_takes_r_from_the_range_of_the_type(photographs):
    page = photographs["page"]
    np.testing.assert_allclose(thresholding.sauvola(page), thresholding.sauvola(page, r=127.5))
    np.testing.assert_allclose(thresholding.sauvola(page / 255), thresholding.sauvola(page / 255, r=0.5))
    np.testing.assert_allclose(thresholding.sauvola(page) / 255, thresholding.sauvola(page / 255), rtol=1e-5)


@given(IMAGES, st.floats(0, 1), st.floats(0, 1))
def test_hysteresis_equals_scikit_image(image, a, b):
    low, high = np.quantile(image, sorted([a, b]))
    assert np.array_equal(hysteresis(image, low, high), filters.apply_hysteresis_threshold(image, low, high))


@pytest.mark.parametrize("function", GLOBAL.values(), ids=GLOBAL)
@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16", "int32", "float32", "float64"])
def test_nothing_in_a_constant_image_is_bright(function, dtype):
    for value in (0, 1) if dtype == "bool" else (0, 0.1, 7):
        for shape in ((1, 1), (3, 5)):
            image = np.full(shape, value).astype(dtype)
            assert function(image) == float(image[0, 0])


@pytest.mark.parametrize("function", GLOBAL.values(), ids=GLOBAL)
@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16", "int16", "float32", "float64"])
def test_two_grey_values_are_told_apart(function, dtype):
    low, high = (False, True) if dtype == "bool" else (10, 200)
    image = np.full((6, 7), low).astype(dtype)
    image[2:4, 3:] = high
    assert np.array_equal(image > function(image), image == np.array(high, dtype))


@given(IMAGES)
def test_li_steps_start_at_the_mean_and_end_at_the_answer(image):
    steps = thresholding.li_steps(image)
    assert steps[-1] == li(image)
    assert steps[0] == pytest.approx(image.mean(dtype=float), rel=1e-5, abs=1e-6)


def test_input_is_left_as_it_was():
    image = np.random.default_rng(0).random((20, 30))
    before = image.copy()
    for function in (
        *GLOBAL.values(),
        histogram,
        multi_otsu,
        thresholding.niblack,
        thresholding.sauvola,
        lambda i: hysteresis(i, 0.4, 0.6),
    ):
        function(image)
        assert np.array_equal(image, before)
        assert np.array_equal(function(np.asfortranarray(image)), function(image)) or function is histogram


def test_what_cannot_be_thresholded_gets_a_clear_error():
    for function in (*GLOBAL.values(), histogram, multi_otsu, thresholding.niblack, thresholding.sauvola):
        with pytest.raises(ValueError, match="looks like colour"):
            function(np.zeros((4, 4, 3)))
        with pytest.raises(ValueError, match="NaN"):
            function(np.full((4, 4), np.nan))
    with pytest.raises(ValueError, match="only 2 different grey values"):
        multi_otsu(np.eye(3), 3)
    with pytest.raises(ValueError, match="classes must be"):
        multi_otsu(np.eye(3), 1)
    with pytest.raises(ValueError, match="bins must be"):
        histogram(np.eye(3), 0)
    with pytest.raises(ValueError, match="at least 2"):
        otsu(np.eye(3), 1)
    with pytest.raises(ValueError, match="too many for a bin each"):
        histogram(np.array([[0, 2**40]]))
    with pytest.raises(ValueError, match="wider than a float can say"):
        histogram(np.array([[-1.7e308, 1.7e308]]))
    with pytest.raises(ValueError, match="low must not be above high"):
        hysteresis(np.eye(3), 0.6, 0.4)
    with pytest.raises(ValueError, match="r must be greater than 0"):
        thresholding.sauvola(np.eye(3), 3, r=0)
    for curve in (
        thresholding.between_class_variance,
        thresholding.minimum_error_curve,
        thresholding.cross_entropy,
    ):
        with pytest.raises(ValueError, match="one length"):
            curve([1, 2, 3], [1, 2])
        with pytest.raises(ValueError, match="numbers of pixels"):
            curve([0, 0], [1, 2])
        with pytest.raises(ValueError, match="numbers of pixels"):
            curve([1, -1, 3], [1, 2, 3])
