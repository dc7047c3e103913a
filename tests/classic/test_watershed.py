"""Distance transform, maxima and watershed against scipy, scikit-image, slow definitions and the laws they obey."""

import heapq
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from skimage import morphology as skimage_morphology
from skimage import segmentation

from course_utils import kernel
from course_utils.classic.morphology import label
from course_utils.classic.watershed import (
    distance_transform,
    flood,
    h_maxima,
    maxima,
    reconstruct,
    squared_distance,
    watershed,
)

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, max_side=12)
MASKS = hnp.arrays(bool, SHAPES)
STEPPED = hnp.arrays("uint8", SHAPES, elements=st.integers(0, 6))  # with plateaus
IMAGES = (
    STEPPED | hnp.arrays("int16", SHAPES) | hnp.arrays("float32", SHAPES, elements=st.floats(0, 1, width=32))
)
CONNECTIVITY = st.sampled_from([4, 8])


def structure(connectivity):
    return ndimage.generate_binary_structure(2, connectivity // 4)


@st.composite
def scenes(draw, images=IMAGES):
    """(elevation, markers, mask): some one-pixel or larger markers, at least one inside the mask."""
    elevation = draw(images)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    markers = rng.integers(1, 5, elevation.shape) * (rng.random(elevation.shape) < draw(st.floats(0, 0.4)))
    mask = rng.random(elevation.shape) < draw(st.sampled_from([0.6, 0.9, 1.0]))
    inside = tuple(rng.integers(elevation.shape))
    markers[inside], mask[inside] = 1, True
    return elevation, markers, mask


def neighbours(p, shape, connectivity):
    """In the order in which the rule names them: sides, then corners, each in reading order."""
    around = [(-1, 0), (0, -1), (0, 1), (1, 0)] + [(-1, -1), (-1, 1), (1, -1), (1, 1)] * (connectivity == 8)
    for dy, dx in around:
        if 0 <= p[0] + dy < shape[0] and 0 <= p[1] + dx < shape[1]:
            yield p[0] + dy, p[1] + dx


def first_come_first_served(elevation, markers, mask, connectivity, compactness=0.0, lines=False):
    """(labels, arrival) by the rule's own words, one heap for all: (height, order of entry)."""
    owner = {tuple(p): int(markers[tuple(p)]) for p in np.argwhere((markers > 0) & mask)}
    queue = [(float(elevation[p]), n, p, p) for n, p in enumerate(owner)]
    heapq.heapify(queue)
    arrival, entered = {}, len(queue)
    while queue:
        level, _, p, source = heapq.heappop(queue)
        if p in arrival:
            continue
        arrival[p] = len(arrival)
        around = [q for q in neighbours(p, elevation.shape, connectivity) if mask[q]]
        if p != source:
            others = {owner[q] for q in around if owner.get(q, 0) and (q in arrival or markers[q])}
            owner[p] = 0 if lines and others - {owner[source]} else owner[source]
        for q in around:
            if q not in owner:
                height = float(elevation[q]) + compactness * math.hypot(q[0] - source[0], q[1] - source[1])
                heapq.heappush(queue, (max(height, level), entered, q, source))
                entered += 1
    labels, order = np.zeros(elevation.shape, int), np.full(elevation.shape, -1)
    for p, number in arrival.items():
        labels[p], order[p] = owner[p], number
    return labels, order


def lowest_pass(elevation, sources, mask, connectivity):
    """Per pixel, the highest point of the best path from the sources: relaxed until nothing changes."""
    cost = np.where(sources & mask, elevation.astype(float), np.inf)
    while True:
        before = cost.copy()
        for p in np.argwhere(mask & ~sources):
            p = tuple(p)
            best = min((cost[q] for q in neighbours(p, mask.shape, connectivity)), default=np.inf)
            cost[p] = min(cost[p], max(best, elevation[p]))
        if np.array_equal(before, cost):
            return cost


# -- distance -----------------------------------------------------------------------------------------


@given(MASKS)
def test_distances_equal_scipy_and_exhaustive_search(mask):
    assume(not mask.all())
    assert np.array_equal(distance_transform(mask), ndimage.distance_transform_edt(mask))
    there, outside = np.indices(mask.shape).reshape(2, -1, 1), np.argwhere(~mask).T[:, None]
    nearest = ((there - outside) ** 2).sum(axis=0).min(axis=1)
    assert np.array_equal(squared_distance(mask).ravel(), nearest)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (4, 3)])
def test_with_nothing_outside_the_mask_the_distance_is_infinite(shape):
    assert np.isinf(distance_transform(np.ones(shape, bool))).all()
    assert not distance_transform(np.zeros(shape, bool)).any()


def test_distances_of_a_large_mask_are_exact():
    mask = np.random.default_rng(0).random((900, 1100)) < 0.9995
    assert np.array_equal(distance_transform(mask), ndimage.distance_transform_edt(mask))
    corner = np.ones((700, 1300), bool)
    corner[0, 0] = False
    y, x = np.indices(corner.shape)
    assert np.array_equal(squared_distance(corner), y**2 + x**2)


# -- maxima -------------------------------------------------------------------------------------------


@given(IMAGES, CONNECTIVITY)
def test_maxima_equal_scikit_image(image, connectivity):
    if np.ptp(image) == 0:
        assert maxima(image, connectivity).all()
    else:
        expected = skimage_morphology.local_maxima(image, connectivity=connectivity // 4)
        assert np.array_equal(maxima(image, connectivity), expected)


@given(
    STEPPED | hnp.arrays("int16", SHAPES, elements=st.integers(-999, 999)), st.integers(1, 7), CONNECTIVITY
)
def test_h_maxima_of_integers_equal_scikit_image(image, h, connectivity):
    expected = skimage_morphology.h_maxima(image, h, footprint=structure(connectivity))
    assert np.array_equal(h_maxima(image, h, connectivity), expected > 0)
    # eighths are exact in binary, so that scikit-image's tolerance for rounding changes nothing
    assert np.array_equal(h_maxima(image / 8, h / 8, connectivity), expected > 0)


@given(STEPPED, CONNECTIVITY)
def test_h_maxima_get_fewer_with_h_and_begin_with_the_maxima(image, connectivity):
    assume(np.ptp(image) > 0)
    before = maxima(image, connectivity)
    assert np.array_equal(h_maxima(image, 0.5, connectivity), before)
    for h in range(1, 8):
        now = h_maxima(image, h, connectivity)
        assert (now <= before).all() and now.any() == (h <= np.ptp(image))
        before = now


@given(IMAGES, st.data(), CONNECTIVITY)
def test_reconstruction_equals_scikit_image_and_is_idempotent(ceiling, data, connectivity):
    start = np.minimum(
        data.draw(hnp.arrays(ceiling.dtype, ceiling.shape, elements=st.integers(0, 1))), ceiling
    )
    result = reconstruct(start, ceiling, connectivity)
    expected = skimage_morphology.reconstruction(start, ceiling, footprint=structure(connectivity))
    assert np.array_equal(result, expected)
    assert np.array_equal(reconstruct(result, ceiling, connectivity), result)


def test_a_path_that_winds_is_followed_to_its_end():
    ceiling = np.zeros((41, 41), np.uint8)
    ceiling[::2] = 9
    ceiling[1::4, -1] = ceiling[3::4, 0] = 9
    start = np.zeros_like(ceiling)
    start[-1, -1] = 7
    assert np.array_equal(reconstruct(start, ceiling, 4), np.minimum(ceiling, 7))


# -- watershed ----------------------------------------------------------------------------------------


@given(scenes(), CONNECTIVITY, st.sampled_from([0.0, 0.3, 2.0]), st.booleans())
def test_the_flood_follows_its_rule_to_the_letter(scene, connectivity, compactness, lines):
    elevation, markers, mask = scene
    options = {"connectivity": connectivity, "compactness": compactness, "lines": lines}
    labels, arrival = flood(elevation, markers, mask=mask, **options)
    expected_labels, expected_arrival = first_come_first_served(elevation, markers, mask, **options)
    assert labels.dtype == arrival.dtype == np.int32
    assert np.array_equal(labels, expected_labels)
    assert np.array_equal(arrival, expected_arrival)
    assert np.array_equal(watershed(elevation, markers, mask=mask, **options), labels)


@given(scenes(), CONNECTIVITY, st.sampled_from([0.0, 0.25, 3.0]))
def test_labels_equal_scikit_image_where_no_two_marker_pixels_are_equally_high(
    scene, connectivity, compactness
):
    elevation, markers, mask = scene
    _, first = np.unique(elevation, return_index=True)
    markers = np.where(np.isin(np.arange(elevation.size), first).reshape(elevation.shape), markers, 0)
    assume((markers * mask).any())
    options = {"mask": mask, "compactness": compactness}
    ours = watershed(elevation, markers, connectivity=connectivity, **options)
    theirs = segmentation.watershed(elevation, markers, connectivity=connectivity // 4, **options)
    assert np.array_equal(ours, theirs)


@given(scenes(), CONNECTIVITY)
def test_lines_equal_scikit_image_where_no_marker_is_touched(scene, connectivity):
    elevation, markers, mask = scene
    _, first = np.unique(elevation, return_index=True)
    markers = np.where(np.isin(np.arange(elevation.size), first).reshape(elevation.shape), markers, 0)
    assume((markers * mask).any())
    ours = watershed(elevation, markers, mask=mask, connectivity=connectivity, lines=True)
    for p in np.argwhere((markers > 0) & mask):
        around = {ours[q] for q in neighbours(tuple(p), ours.shape, connectivity)}
        assume(around <= {0, ours[tuple(p)]})
    theirs = segmentation.watershed(
        elevation, markers, mask=mask, connectivity=connectivity // 4, watershed_line=True
    )
    assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float64"])
def test_labels_of_a_large_image_equal_scikit_image(dtype):
    rng = np.random.default_rng(0)
    values = ndimage.gaussian_filter(rng.random((300, 401)), 3)
    order = np.argsort(np.argsort(values, axis=None)).reshape(values.shape)
    elevation = (order >> 9 if dtype == "uint8" else order >> 2 if dtype == "uint16" else order).astype(dtype)
    basins = label(h_maxima(-values, 0.002))
    markers = np.zeros_like(basins)
    for number, height in enumerate(np.unique(elevation[basins > 0]), 1):  # one pixel for each height
        markers.flat[np.flatnonzero((basins.ravel() > 0) & (elevation.ravel() == height))[0]] = number
    assert markers.max() > 40
    for connectivity in (4, 8):
        expected = segmentation.watershed(elevation, markers, connectivity=connectivity // 4)
        assert np.array_equal(watershed(elevation, markers, connectivity=connectivity), expected)


@given(scenes(), CONNECTIVITY)
def test_each_pixel_goes_to_a_marker_with_the_lowest_pass(scene, connectivity):
    elevation, markers, mask = scene
    labels = watershed(elevation, markers, mask=mask, connectivity=connectivity)
    best = lowest_pass(elevation, markers > 0, mask, connectivity)
    assert np.array_equal(labels > 0, np.isfinite(best))
    for number in np.unique(labels[labels > 0]):
        own = lowest_pass(elevation, markers == number, mask, connectivity)
        assert np.array_equal(own[labels == number], best[labels == number])


@given(scenes(), CONNECTIVITY)
def test_water_never_falls_and_comes_from_a_neighbour(scene, connectivity):
    elevation, markers, mask = scene
    labels, arrival = flood(elevation, markers, mask=mask, connectivity=connectivity)
    came = np.argwhere(arrival >= 0)[np.argsort(arrival[arrival >= 0])]
    assert np.array_equal(arrival[tuple(came.T)], np.arange(len(came)))
    for p in map(tuple, came):
        earlier = [q for q in neighbours(p, mask.shape, connectivity) if 0 <= arrival[q] < arrival[p]]
        assert markers[p] or any(labels[q] == labels[p] for q in earlier)
    passes = lowest_pass(elevation, markers > 0, mask, connectivity)[tuple(came.T)]
    level = np.maximum.accumulate(elevation[tuple(came.T)].astype(float))
    assert (passes <= level).all()


@given(scenes(STEPPED), st.integers(1, 30))
def test_only_the_order_of_the_heights_matters(scene, factor):
    elevation, markers, _ = scene
    expected = flood(elevation, markers)
    for other in (
        elevation.astype(int) ** 3 * factor - 7,
        np.sqrt(elevation),
        elevation.astype("int64") << 40,
    ):
        assert all(map(np.array_equal, flood(other, markers), expected))


@pytest.mark.parametrize("length", [8, 9, 30])
@pytest.mark.parametrize("connectivity", [4, 8])
def test_a_plateau_is_shared_half_and_half(length, connectivity):
    plateau, markers = np.zeros((9, length)), np.zeros((9, length), int)
    markers[:, 0], markers[:, -1] = 1, 2
    labels = watershed(plateau, markers, connectivity=connectivity)
    sizes = (labels == 1).sum(axis=1), (labels == 2).sum(axis=1)
    assert (abs(sizes[0] - sizes[1]) <= 1).all() and (sizes[0] + sizes[1] == length).all()


def test_compactness_turns_basins_into_voronoi_cells():
    rng = np.random.default_rng(0)
    elevation, markers = rng.random((50, 60)), np.zeros((50, 60), int)
    markers.flat[rng.choice(3000, 12, replace=False)] = np.arange(1, 13)
    labels = watershed(elevation, markers, connectivity=8, compactness=1e6)
    away = np.linalg.norm(
        np.indices(labels.shape)[:, None] - np.argwhere(markers).T[:, :, None, None], axis=0
    )
    own = np.argsort(markers[markers > 0])
    assert (np.take_along_axis(away[own], labels[None] - 1, 0)[0] - away.min(axis=0)).max() < 1.5


@given(scenes(), CONNECTIVITY, st.sampled_from([0.0, 1.0]))
def test_lines_part_regions_that_do_not_start_side_by_side(scene, connectivity, compactness):
    elevation, markers, mask = scene
    options = {"mask": mask, "connectivity": connectivity, "compactness": compactness}
    labels, arrival = flood(elevation, markers, lines=True, **options)
    assert np.array_equal(arrival >= 0, watershed(elevation, markers, **options) > 0)
    for p in map(tuple, np.argwhere((labels > 0) & (markers == 0))):
        assert {labels[q] for q in neighbours(p, mask.shape, connectivity)} <= {0, labels[p]}


@given(scenes(), CONNECTIVITY)
def test_what_no_marker_reaches_stays_unlabelled(scene, connectivity):
    elevation, markers, mask = scene
    labels = watershed(elevation, markers, mask=mask, connectivity=connectivity)
    parts = label(mask, connectivity)
    reached = np.unique(parts[(markers > 0) & mask])
    assert np.array_equal(labels > 0, np.isin(parts, reached))
    assert np.array_equal(labels[(markers > 0) & mask], markers[(markers > 0) & mask])


def test_one_pixel_one_marker_and_a_constant_image():
    assert watershed([[5]], [[3]]).tolist() == [[3]]
    assert flood([[5]], [[3]]).arrival.tolist() == [[0]]
    assert (watershed(np.zeros((4, 5)), np.eye(4, 5, dtype=int)) == 1).all()
    assert maxima([[5]]).tolist() == [[True]] and h_maxima([[5]], 1).tolist() == [[False]]


# -- input --------------------------------------------------------------------------------------------


def test_input_is_left_as_it_was_and_may_be_frozen_or_strided():
    rng = np.random.default_rng(0)
    image, mask = rng.random((30, 40)), rng.random((30, 40)) > 0.2
    markers = (rng.random((30, 40)) < 0.02) * np.arange(1, 41)
    for array in (image, mask, markers):
        array.setflags(write=False)
    for function in (
        lambda i, m, k: distance_transform(k),
        lambda i, m, k: maxima(i),
        lambda i, m, k: h_maxima(i, 0.1),
        lambda i, m, k: reconstruct(i * 0.5, i),
        lambda i, m, k: flood(i, m, mask=k)[1],
        lambda i, m, k: watershed(i, m, mask=k, compactness=1),
    ):
        expected = function(image, markers, mask)
        for layout in (np.asfortranarray, lambda a: np.repeat(a, 2, axis=1)[:, ::2], lambda a: a[::-1][::-1]):
            assert np.array_equal(function(*map(layout, (image, markers, mask))), expected)


def test_the_distance_does_not_depend_on_the_number_of_threads():
    mask = np.random.default_rng(0).random((900, 700)) < 0.99
    before = kernel.get_num_threads()
    try:
        kernel.set_num_threads(1)
        one = squared_distance(mask)
        kernel.set_num_threads(3)
        assert np.array_equal(one, squared_distance(mask))
    finally:
        kernel.set_num_threads(before)


@pytest.mark.parametrize("function", [watershed, flood])
def test_what_cannot_be_flooded_gets_a_clear_error(function):
    image, markers = np.zeros((4, 5)), np.eye(4, 5, dtype=int)
    for wrong, error, message in (
        ((image[0], markers), ValueError, r"elevation must be grey, of shape \(H, W\)"),
        ((image + np.nan, markers), ValueError, "elevation has NaN"),
        ((image, markers > 0), TypeError, r"number them with morphology.label\(markers\)"),
        ((image, markers * 1.0), TypeError, "markers must be integers"),
        (
            (image, markers.T),
            ValueError,
            r"shape of markers must be that of the image, \(4, 5\), but is \(5, 4\)",
        ),
        ((image, -markers), ValueError, "from -1 to 0"),
        ((image, markers * 0), ValueError, "no pixel of markers is above 0$"),
    ):
        with pytest.raises(error, match=message):
            function(*wrong)
    for wrong, error, message in (
        ({"mask": markers == 0}, ValueError, "above 0 in the mask"),
        ({"mask": markers}, TypeError, "mask must be bool"),
        ({"mask": markers.T > 0}, ValueError, "mask must have the shape"),
        ({"connectivity": 6}, ValueError, "connectivity must be 4"),
        ({"compactness": -1}, ValueError, "compactness must be a number, 0 or more"),
        ({"compactness": np.nan}, ValueError, "compactness must be a number, 0 or more"),
    ):
        with pytest.raises(error, match=message):
            function(image, markers, **wrong)


def test_what_is_no_mask_or_image_gets_a_clear_error():
    image = np.zeros((4, 5))
    for function in (distance_transform, squared_distance):
        with pytest.raises(TypeError, match="mask must be bool, not float64"):
            function(image)
    for function in (maxima, lambda i, *c: h_maxima(i, 1, *c), lambda i, *c: reconstruct(i, i, *c)):
        with pytest.raises(ValueError, match="NaN"):
            function(image + np.nan)
        with pytest.raises(ValueError, match="connectivity must be 4"):
            function(image + np.eye(4, 5), 6)
    for h in (0, -1, np.nan, np.inf, [1, 2]):
        with pytest.raises(ValueError, match="h must be a number greater than 0"):
            h_maxima(image, h)
    with pytest.raises(ValueError, match="one shape and one dtype"):
        reconstruct(image, image.T)
    with pytest.raises(ValueError, match="start must not be above ceiling"):
        reconstruct(image + 1, image)
