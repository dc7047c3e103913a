"""Morphology against scipy and scikit-image, and by the laws that it obeys."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from skimage import measure
from skimage import morphology as skimage_morphology

from course_utils.classic import morphology
from course_utils.classic.morphology import closing, dilate, disk, erode, label, opening, square

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, max_side=12)
MASKS = hnp.arrays(bool, SHAPES)
INTEGERS = hnp.arrays("uint8", SHAPES)
IMAGES = MASKS | INTEGERS | hnp.arrays("float32", SHAPES, elements=st.floats(-1, 1, width=32))
FOOTPRINTS = st.sampled_from([square(3), disk(2), disk(4), square(5)]) | hnp.arrays(
    bool, st.tuples(*[st.sampled_from([1, 3, 5, 7])] * 2)
).filter(np.any)
CENTRED = FOOTPRINTS.map(lambda footprint: footprint | _centre(footprint))
EIGHT = np.ones((3, 3), bool)


def _centre(footprint):
    centre = np.zeros(footprint.shape, bool)
    centre[footprint.shape[0] // 2, footprint.shape[1] // 2] = True
    return centre


def extreme(image, footprint, function, empty):
    """The definition, as a loop over the footprint: function is np.minimum or np.maximum."""
    reach = np.array(footprint.shape) // 2
    padded = np.pad(image, [(r, r) for r in reach], constant_values=empty)
    result = np.full_like(image, empty)
    for dy, dx in np.argwhere(footprint):
        result = function(result, padded[dy : dy + image.shape[0], dx : dx + image.shape[1]])
    return result


def ends(dtype):
    if dtype.kind == "b":
        return False, True
    limits = np.iinfo(dtype) if dtype.kind in "ui" else np.finfo(dtype)
    return limits.min, limits.max


@given(IMAGES, FOOTPRINTS)
def test_erosion_and_dilation_are_what_their_definition_says(image, footprint):
    low, high = ends(image.dtype)
    eroded, dilated = erode(image, footprint), dilate(image, footprint)
    assert eroded.dtype == dilated.dtype == image.dtype
    assert np.array_equal(eroded, extreme(image, footprint, np.minimum, high))
    assert np.array_equal(dilated, extreme(image, footprint[::-1, ::-1], np.maximum, low))


@given(INTEGERS, st.sampled_from([square(1), square(3), square(7), disk(1), disk(3.5), disk(6)]))
def test_grey_operators_equal_scikit_image(image, footprint):
    for ours, theirs in (
        (erode, skimage_morphology.erosion),
        (dilate, skimage_morphology.dilation),
        (opening, skimage_morphology.opening),
        (closing, skimage_morphology.closing),
    ):
        assert np.array_equal(ours(image, footprint), theirs(image, footprint, mode="ignore"))


@given(MASKS, CENTRED)
def test_mask_operators_equal_scipy(mask, footprint):
    assert np.array_equal(erode(mask, footprint), ndimage.binary_erosion(mask, footprint, border_value=1))
    assert np.array_equal(dilate(mask, footprint), ndimage.binary_dilation(mask, footprint))


@given(MASKS, FOOTPRINTS)
def test_erosion_is_dilation_of_the_background(mask, footprint):
    assert np.array_equal(erode(mask, footprint), ~dilate(~mask, footprint[::-1, ::-1]))


@given(MASKS, st.integers(0, 2**32 - 1), FOOTPRINTS)
def test_a_dilation_fits_where_the_mask_fits_the_erosion(mask, seed, footprint):
    other = np.random.default_rng(seed).random(mask.shape) > 0.5
    grown, shrunk = dilate(other, footprint), erode(mask, footprint)
    assert (grown <= mask).all() == (other <= shrunk).all()


@given(IMAGES, FOOTPRINTS)
def test_opening_shrinks_closing_grows_and_a_second_time_changes_nothing(image, footprint):
    opened, closed = opening(image, footprint), closing(image, footprint)
    assert (opened <= image).all() and (image <= closed).all()
    assert np.array_equal(opening(opened, footprint), opened)
    assert np.array_equal(closing(closed, footprint), closed)


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "uint32", "float16", "float64"])
def test_a_footprint_that_covers_nothing_gives_the_end_of_the_type(dtype):
    aside = np.array([[True, False, False]])
    image = np.array([[1, 2]], dtype)
    assert erode(image, aside).tolist() == [[ends(image.dtype)[1], 1]]
    assert dilate(image, aside).tolist() == [[2, ends(image.dtype)[0]]]


def test_a_grey_operator_acts_on_each_level_alone():
    image = np.random.default_rng(0).integers(0, 9, (40, 50)).astype(np.int32)
    for operator in (erode, dilate, opening, closing):
        for level in (2, 5, 8):
            assert np.array_equal(operator(image, disk(3)) >= level, operator(image >= level, disk(3)))


@given(st.integers(0, 12))
def test_disks_equal_scikit_image_and_squares_are_full(radius):
    assert np.array_equal(disk(radius), skimage_morphology.disk(radius, dtype=bool))
    assert square(2 * radius + 1).all() and square(2 * radius + 1).shape == (2 * radius + 1,) * 2


@given(MASKS)
def test_labels_equal_scipy_and_scikit_image(mask):
    for connectivity, structure in ((4, None), (8, EIGHT)):
        labels = label(mask, connectivity)
        assert labels.dtype == np.int32
        assert np.array_equal(labels, ndimage.label(mask, structure)[0])
        assert np.array_equal(labels, measure.label(mask, connectivity=connectivity // 4))


@pytest.mark.parametrize("density", [0.1, 0.4, 0.59, 0.9])
def test_labels_of_large_noise_equal_scipy(density):
    mask = np.random.default_rng(0).random((900, 701)) < density
    assert np.array_equal(label(mask, 4), ndimage.label(mask)[0])
    assert np.array_equal(label(mask, 8), ndimage.label(mask, EIGHT)[0])


def test_labels_of_a_spiral_are_one():
    spiral = np.zeros((101, 101), bool)
    for k in range(0, 50, 2):
        spiral[k, max(k - 1, 0) : 101 - k] = spiral[100 - k, k : 101 - k] = True
        spiral[k : 101 - k, 100 - k] = spiral[k + 2 : 101 - k, k] = True
    assert np.array_equal(label(spiral), ndimage.label(spiral)[0])
    assert label(spiral).max() == 1


@given(MASKS)
def test_turning_the_image_changes_the_numbers_but_not_the_components(mask):
    for connectivity in (4, 8):
        labels = label(mask, connectivity)
        for turned, back in ((mask.T, np.transpose), (mask[::-1], np.flipud), (mask[:, ::-1], np.fliplr)):
            other = back(label(turned, connectivity))
            pairs = np.unique(np.stack([labels.ravel(), other.ravel()]), axis=1)
            assert pairs.shape[1] == labels.max() + (not mask.all()) == other.max() + (not mask.all())


@given(MASKS)
def test_filled_holes_equal_scipy_and_stay_filled(mask):
    filled = morphology.fill_holes(mask)
    assert np.array_equal(filled, ndimage.binary_fill_holes(mask))
    assert np.array_equal(morphology.fill_holes(filled), filled)


@given(hnp.arrays("int32", SHAPES, elements=st.integers(0, 9)))
def test_areas_count_each_number(labels):
    assert np.array_equal(morphology.areas(labels), np.bincount(labels.ravel()))


@given(MASKS, st.integers(0, 8))
def test_small_components_go_as_in_scikit_image(mask, area):
    expected = skimage_morphology.remove_small_objects(mask, max_size=area - 1, connectivity=2)
    assert np.array_equal(morphology.remove_small(mask, area, connectivity=8), expected)
    labels = label(mask, 8)
    kept = morphology.remove_small(labels, area)
    assert kept.dtype == labels.dtype
    assert np.array_equal(kept, labels * expected)


@given(MASKS)
def test_the_largest_component_is_the_first_of_the_largest(mask):
    largest = morphology.largest(mask)
    sizes = morphology.areas(label(mask))[1:]
    assert largest.sum() == (sizes.max() if mask.any() else 0)
    assert (largest <= mask).all() and label(largest).max() == mask.any()
    if mask.any():
        assert np.array_equal(largest, label(mask) == 1 + np.argmax(sizes))


def test_one_pixel_and_no_object_are_fine():
    for value in (False, True):
        mask = np.array([[value]])
        for function in (
            label,
            morphology.fill_holes,
            morphology.largest,
            lambda m: morphology.remove_small(m, 1),
            lambda m: erode(m, disk(3)),
            lambda m: dilate(m, disk(3)),
        ):
            assert function(mask).tolist() == [[value]]


def test_input_is_left_as_it_was_and_may_be_frozen_or_strided():
    mask = np.random.default_rng(0).random((30, 40)) > 0.5
    before = mask.copy()
    frozen = mask.copy()
    frozen.setflags(write=False)
    for function in (
        label,
        morphology.fill_holes,
        morphology.largest,
        lambda m: morphology.remove_small(m, 5),
        lambda m: opening(m, disk(1)),
    ):
        expected = function(mask)
        assert np.array_equal(mask, before)
        for other in (np.asfortranarray(mask), np.repeat(mask, 2, axis=1)[:, ::2], frozen):
            assert np.array_equal(function(other), expected)


def test_what_is_no_mask_label_image_or_footprint_gets_a_clear_error():
    mask, grey = np.ones((4, 4), bool), np.ones((4, 4))
    for function in (label, morphology.fill_holes, morphology.largest):
        with pytest.raises(TypeError, match=r"mask must be bool, not float64; .* mask > 0"):
            function(grey)
        with pytest.raises(ValueError, match=r"shape \(H, W\)"):
            function(mask[0])
    with pytest.raises(ValueError, match="connectivity must be 4"):
        label(mask, 6)
    for function in (morphology.areas, lambda x: morphology.remove_small(x, 1)):
        with pytest.raises(TypeError, match="labels must be integers"):
            function(grey)
        with pytest.raises(ValueError, match="must not be negative"):
            function(np.full((4, 4), -1))
    with pytest.raises(ValueError, match="numbers 0 to 1"):
        morphology.keep(label(mask), np.ones(1, bool))
    for function in (erode, dilate, opening, closing):
        with pytest.raises(ValueError, match="two odd sides"):
            function(mask, np.ones((2, 3)))
        with pytest.raises(ValueError, match="at least one must be True"):
            function(mask, np.zeros((3, 3)))
        with pytest.raises(ValueError, match="NaN"):
            function(np.full((4, 4), np.nan), disk(1))
    with pytest.raises(ValueError, match="side must be an odd"):
        square(4)
    with pytest.raises(ValueError, match="radius must be"):
        disk(-1)
