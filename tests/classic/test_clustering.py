"""Mean shift and SLIC against scikit-learn, OpenCV and scikit-image, and by what the mathematics promises."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from scipy.spatial.distance import cdist
from skimage import color, data
from skimage.segmentation import slic as skimage_slic
from sklearn.cluster import MeanShift

from course_utils import kernel, metrics
from course_utils.classic.clustering import (
    absorb_small,
    joint_density,
    mean_shift,
    mean_shift_filter,
    mean_shift_modes,
    mean_shift_path,
    mean_shift_segments,
    slic,
)
from course_utils.data import photos

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)
GREY = hnp.arrays("uint8", SHAPES) | hnp.arrays("float64", SHAPES, elements=st.floats(0, 1, width=32))
COLOUR = SHAPES.flatmap(lambda shape: hnp.arrays("uint8", (*shape, 3), elements=st.integers(0, 60)))
CLOUDS = hnp.arrays(
    "float64",
    st.tuples(st.integers(1, 40), st.integers(1, 5)),
    elements=st.integers(-20, 20).map(lambda n: n / 8),
)


def photograph(height=60, width=80):
    return data.coffee()[150 : 150 + height, 200 : 200 + width]


def bandwidth_of(image):
    return 0.3 * (float(image.max()) - float(image.min())) + 0.01


def neighbours_mean(image, place, spatial, colour):
    """The definition: the mean of all pixels within distance 1, looked for in the whole image."""
    pixels = np.atleast_3d(image).astype(float)
    points = np.dstack([*np.indices(pixels.shape[:2]), pixels]).reshape(-1, 2 + pixels.shape[2])
    scale = np.array([spatial] * 2 + [colour] * pixels.shape[2])
    near = (((points - place) / scale) ** 2).sum(axis=1) <= 1
    return points[near].mean(axis=0)


# ------------------------------------------------------------------------------------------------ images


@given(GREY | COLOUR, st.sampled_from([1, 2.5, 4]), st.data())
def test_each_step_goes_to_the_mean_of_the_neighbours_and_the_mode_is_a_fixed_point(image, spatial, data):
    colour = bandwidth_of(image)
    y, x = (data.draw(st.integers(0, size - 1)) for size in image.shape[:2])
    path = mean_shift_path(image, y, x, spatial, colour)
    assert np.array_equal(path[0, :2], (y, x)) and np.allclose(path[0, 2:], image[y, x])
    for here, there in itertools.pairwise(path):
        assert np.allclose(there, neighbours_mean(image, here, spatial, colour), atol=1e-9)
    assert np.allclose(path[-1], neighbours_mean(image, path[-1], spatial, colour), atol=1e-9)
    assert np.allclose(mean_shift_modes(image, spatial, colour)[y, x], path[-1], atol=1e-9)


@given(GREY | COLOUR, st.sampled_from([1, 2.5, 4]), st.data())
def test_the_density_never_falls_on_the_way(image, spatial, data):
    colour = bandwidth_of(image)
    y, x = (data.draw(st.integers(0, size - 1)) for size in image.shape[:2])
    density = joint_density(image, mean_shift_path(image, y, x, spatial, colour), spatial, colour)
    assert (np.diff(density) >= -1e-9).all()
    assert density[0] >= 1


def test_paths_on_a_photograph_climb_and_all_pixels_rest_where_their_own_path_ends():
    image = photograph(40, 50)
    modes = mean_shift_modes(image, 6, 25)
    for y, x in np.ndindex(40, 50):
        path = mean_shift_path(image, y, x, 6, 25)
        assert np.array_equal(path[-1], modes[y, x])
        if (y + x) % 10 == 0:
            assert (np.diff(joint_density(image, path, 6, 25)) >= -1e-9).all()
    assert np.array_equal(mean_shift_filter(image, 6, 25), modes[..., 2:])


def test_density_is_the_sum_of_epanechnikovs_kernel():
    image, place = photograph(12, 15), np.array([4.2, 7.9, 100, 60, 30.0])
    points = np.dstack([*np.indices((12, 15)), image]).reshape(-1, 5)
    away = (((points - place) / [3, 3, 50, 50, 50]) ** 2).sum(axis=1)
    assert joint_density(image, place, 3, 50) == pytest.approx(np.maximum(0, 1 - away).sum())


def test_modes_equal_scikit_learns_from_the_same_starts():
    image = photograph(12, 14)
    points = (np.dstack([*np.indices((12, 14)), image]) / [5, 5, 30, 30, 30]).reshape(-1, 5)
    modes = mean_shift_modes(image, 5, 30) / [5, 5, 30, 30, 30]
    for p in range(0, len(points), 7):  # one start at a time, else scikit-learn merges what lies near
        theirs = MeanShift(bandwidth=1.0, seeds=points[p : p + 1]).fit(points).cluster_centers_[0]
        assert np.allclose(modes.reshape(-1, 5)[p], theirs, atol=5e-3)  # it rests after a step of 0.001


def test_we_climb_at_least_as_high_as_opencv():
    cv2 = pytest.importorskip("cv2", reason="OpenCV is in the dependency group `bench`")
    image = photograph()
    ours = mean_shift_modes(image, 8, 25)
    theirs = cv2.pyrMeanShiftFiltering(image, 8, 25, maxLevel=0)
    start = np.dstack([*np.indices(image.shape[:2]), image]).astype(float)
    heights = {
        "start": joint_density(image, start, 8, 25).mean(),
        "ours": joint_density(image, ours, 8, 25).mean(),
        # OpenCV tells colours, not places: give it the best place, ours
        "theirs": joint_density(image, np.dstack([ours[..., :2], theirs]), 8, 25).mean(),
    }
    assert heights["start"] < heights["theirs"] < heights["ours"]


def test_a_noisy_step_becomes_two_flat_halves_with_a_sharp_edge():
    rng = np.random.default_rng(0)
    clean = np.zeros((30, 40))
    clean[:, 20:] = 1
    image = clean + rng.normal(0, 0.05, clean.shape)
    smooth = mean_shift_filter(image, 6, 0.4)
    assert abs(smooth - clean).max() < 0.05
    assert np.array_equal(mean_shift_segments(image, 6, 0.4, area=30), 1 + clean.astype(int))


@given(GREY | COLOUR, st.sampled_from([1, 5, 20]))
def test_segments_are_connected_large_enough_and_numbered_in_reading_order(image, area):
    labels = mean_shift_segments(image, 2, bandwidth_of(image), area)
    check_partition(labels, min(area, labels.size))


def check_partition(labels, area=1):
    assert labels.dtype == np.int32
    numbers, first = np.unique(labels, return_index=True)
    assert np.array_equal(numbers, np.arange(1, labels.max() + 1))
    assert (np.diff(first) > 0).all()
    for number in numbers:
        assert ndimage.label(labels == number)[1] == 1
        assert (labels == number).sum() >= area


@given(
    hnp.arrays("int64", SHAPES, elements=st.integers(0, 40)),
    st.sampled_from([1, 3, 5]),
    st.sampled_from([3, 7, 14]),
    st.data(),
)
def test_a_pixel_exactly_one_bandwidth_away_counts(image, spatial, colour, data):
    y, x = (data.draw(st.integers(0, size - 1)) for size in image.shape)
    here, there = (*mean_shift_path(image, y, x, spatial, colour), None)[:2]
    rows, columns = np.indices(image.shape)
    place, tone = (rows - y) ** 2 + (columns - x) ** 2, (image - image[y, x]) ** 2
    near = place * colour**2 + tone * spatial**2 <= spatial**2 * colour**2  # whole numbers: exact
    mean = np.array([rows[near].mean(), columns[near].mean(), image[near].mean()])
    assert np.allclose(mean, here if there is None else there, rtol=0, atol=1e-9)


# ------------------------------------------------------------------------------------------------ points


@pytest.mark.parametrize("bandwidth", [3, 5, 7, 14, 49])
def test_a_point_exactly_one_bandwidth_away_counts(bandwidth):
    for low in range(0, 256 - bandwidth, 5):
        found = mean_shift(np.array([[low], [low + bandwidth]]), bandwidth)
        assert found.modes.tolist() == [[low + bandwidth / 2]]


@given(st.lists(st.integers(0, 60), min_size=1, max_size=30), st.integers(1, 20))
def test_whole_grey_values_climb_as_the_plain_definition_says(values, bandwidth):
    points = np.array(values, float)
    ends = mean_shift(points[:, None], bandwidth).ends.ravel()
    for start, end in zip(points, ends, strict=True):
        here = start
        while (mean := points[abs(points - here) <= bandwidth].mean()) != here:
            here = mean
        assert end == pytest.approx(here, abs=1e-9)


def test_a_climb_may_end_where_the_density_is_least():
    points = np.array([[-3.0], [-3], [0], [3], [3]])  # the doubles lie exactly one bandwidth from the 0
    assert mean_shift(points, 3).ends[2] == 0

    def density(z):
        return np.maximum(0, 1 - ((points - z) / 3) ** 2).sum()

    assert density(0) == 1 < density(0.5) == density(-0.5)


def test_a_start_that_no_point_sees_has_no_mode():
    found = mean_shift(np.zeros((3, 1)), 1, starts=[[1000.0], [0.5]])
    assert found.modes.tolist() == [[0]] and found.labels.tolist() == [-1, 0]
    assert found.ends.ravel().tolist() == [1000, 0]
    nobody = mean_shift(np.zeros((3, 1)), 1, starts=[[1000.0]])
    assert nobody.modes.shape == (0, 1) and nobody.labels.tolist() == [-1]


def three_clouds(d=3):
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(5 * c, 0.5, (n, d)) for c, n in enumerate((80, 150, 60))])


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_labels_of_separate_clouds_equal_scikit_learns(d):
    points = three_clouds(d)
    ours = mean_shift(points, 2.5)
    theirs = MeanShift(bandwidth=2.5).fit(points)
    assert np.array_equal(ours.labels, theirs.labels_)
    assert np.allclose(ours.modes, theirs.cluster_centers_, atol=5e-3)


@given(CLOUDS, st.sampled_from([0.3, 1.0, 3.0]))
def test_every_climb_ends_on_a_fixed_point_higher_up(points, bandwidth):
    modes, labels, ends = mean_shift(points, bandwidth)
    for end in ends:
        near = ((points - end) ** 2).sum(axis=1) <= bandwidth**2 * (1 + 1e-12)
        sure = ((points - end) ** 2).sum(axis=1) <= bandwidth**2 * (1 - 1e-12)
        if np.array_equal(near, sure):  # else a point on the rim may count or not
            assert np.allclose(points[near].mean(axis=0), end, atol=1e-9)

    def density(places):
        return np.maximum(0, 1 - (cdist(places, points) / bandwidth) ** 2).sum(axis=1)

    assert (density(ends) >= density(points) - 1e-9).all()
    assert (cdist(modes, modes) + 1e9 * np.eye(len(modes)) > bandwidth * (1 - 1e-9)).all()
    assert np.array_equal(labels, cdist(ends, modes).argmin(axis=1)) or (
        np.allclose(
            np.take_along_axis(cdist(ends, modes), labels[:, None], 1)[:, 0], cdist(ends, modes).min(axis=1)
        )
    )


def test_the_grid_of_cells_misses_nobody():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(700, 4)) * [1, 5, 0.1, 3]
    for bandwidth in (0.05, 0.7, 30):  # more cells than points, some, and a single one
        ends = mean_shift(points, bandwidth).ends
        for start, end in zip(points[::50], ends[::50], strict=True):
            here, last = start, None
            while last is None or not np.allclose(here, last, rtol=0, atol=1e-12):
                last, here = here, points[((points - here) ** 2).sum(axis=1) <= bandwidth**2].mean(axis=0)
            assert np.allclose(end, here, atol=1e-9)


def test_starts_of_ones_own_and_shapes():
    points = three_clouds(2)
    found = mean_shift(points, 2.5, starts=[[[0.3, 0.2], [5.2, 4.9]], [[4.7, 5.0], [99.0, 99.0]]])
    assert found.labels.shape == (2, 2) and found.ends.shape == (2, 2, 2)
    assert found.labels[0, 1] == found.labels[1, 0] == 0
    assert found.ends[1, 1].tolist() == [99.0, 99.0]  # no point is near: it stays
    assert np.allclose(
        mean_shift(points.reshape(10, 29, 2), 2.5).labels.ravel(), mean_shift(points, 2.5).labels
    )


# ------------------------------------------------------------------------------------------------ superpixels


@settings(max_examples=60)
@given(GREY | COLOUR, st.integers(1, 30), st.sampled_from([0.5, 10.0, 1000.0]))
def test_superpixels_are_connected_and_not_too_small(image, count, compactness):
    size = image.shape[0] * image.shape[1]
    count = min(count, size)
    labels = slic(image, count, compactness)
    check_partition(labels, min(size, size / count / 4))


def test_superpixels_of_a_photograph_score_like_scikit_images():
    photo = photos.load("coffee")
    image = color.rgb2lab(photo.image)
    ours = slic(image, 300, 10.0)
    theirs = skimage_slic(image, 300, 10.0, sigma=0, convert2lab=False)
    check_partition(ours)
    assert abs(ours.max() - 300) < 40

    def spread(labels):  # what superpixels are for: nearly one colour each
        means = [ndimage.mean(image[..., c], labels, np.arange(1, labels.max() + 1)) for c in range(3)]
        return ((image - np.stack(means, axis=-1)[labels - 1]) ** 2).sum(axis=-1).mean()

    assert spread(ours) < 1.05 * spread(theirs)
    leak, other_leak = (metrics.under_segmentation_error(photo.labels, labels) for labels in (ours, theirs))
    assert leak < 1.1 * other_leak
    recall, other_recall = (metrics.boundary_recall(photo.labels, labels) for labels in (ours, theirs))
    assert recall > other_recall - 0.05


def test_superpixels_of_a_constant_image_are_the_grid_and_edges_are_kept():
    constant = slic(np.zeros((40, 60)), 24, 1.0)
    assert slic(np.zeros((1, 100)), 10).max() > 10  # a strip narrower than S: cells are as wide as it is
    assert constant.max() == 24 and np.bincount(constant.ravel())[1:].min() >= 80
    image = np.zeros((40, 60))
    image[:, 33:] = 1
    labels = slic(image, 24, 0.05)
    assert not set(labels[:, :33].ravel()) & set(labels[:, 33:].ravel())


@given(hnp.arrays("int64", SHAPES, elements=st.integers(-1, 2)), st.integers(1, 9), st.data())
def test_absorbing_leaves_large_connected_pieces_and_moves_only_small_ones(labels, area, data):
    image = data.draw(hnp.arrays("uint8", labels.shape))
    absorbed = absorb_small(labels, image, area)
    check_partition(absorbed, min(area, labels.size))
    for value in np.unique(labels):
        pieces, count = ndimage.label(labels == value)
        for piece in range(1, count + 1):
            assert len(np.unique(absorbed[pieces == piece])) == 1
    if area == 1:
        pairs = np.unique(np.stack([absorbed.ravel(), labels.ravel()]), axis=1)
        assert pairs.shape[1] == absorbed.max()


def test_a_small_piece_joins_the_neighbour_of_the_nearest_colour():
    image = np.array([[0, 0, 0, 4, 9, 9, 9]])
    assert absorb_small(np.array([[1, 1, 1, 2, 3, 3, 3]]), image, 2).tolist() == [[1, 1, 1, 1, 2, 2, 2]]
    with pytest.raises(ValueError, match="labels must be integers of the image's shape"):
        absorb_small(np.zeros((1, 7)), image, 2)


# ------------------------------------------------------------------------------------------------ all


FUNCTIONS = {
    "modes": lambda i: mean_shift_modes(i, 3, 20),
    "filter": lambda i: mean_shift_filter(i, 3, 20),
    "path": lambda i: mean_shift_path(i, 0, 0, 3, 20),
    "segments": lambda i: mean_shift_segments(i, 3, 20, 4),
    "slic": lambda i: slic(i, 1, 10.0),
    "points": lambda i: mean_shift(i, 20).ends,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_input_is_left_as_it_was_and_may_be_frozen_or_strided(name):
    function, image = FUNCTIONS[name], photograph(12, 17).copy()
    before = image.copy()
    frozen = image.copy()
    frozen.setflags(write=False)
    expected = function(image)
    assert np.array_equal(image, before)
    for other in (np.asfortranarray(image), np.repeat(image, 2, axis=1)[:, ::2], frozen):
        assert np.array_equal(function(other), expected)
    assert np.allclose(function(image.astype(np.float32)), expected)


@pytest.mark.parametrize("name", ["modes", "filter", "path", "segments", "slic"])
def test_one_pixel_grey_images_and_bad_images(name):
    function = FUNCTIONS[name]
    assert np.isfinite(function(np.array([[5]], np.uint8))).all()
    assert np.isfinite(function(np.array([[True, False]]))).all()
    assert np.array_equal(
        function(np.full((1, 1, 3), 7.0)).ravel()[-1:], function(np.full((1, 1), 7.0)).ravel()[-1:]
    )
    with pytest.raises(ValueError, match=r"\(H, W\) or \(H, W, C\)"):
        function(np.ones(5))
    with pytest.raises(ValueError, match="NaN"):
        function(np.full((4, 4, 3), np.nan))
    with pytest.raises(TypeError, match="array of numbers"):
        function(np.full((4, 4), "a"))


def test_bad_parameters_get_a_clear_error():
    image, points = photograph(8, 8), three_clouds()
    for spatial, colour, words in (
        (0.5, 1, "spatial must be"),
        (3, 0, "colour must be"),
        (np.nan, 1, "spatial"),
    ):
        with pytest.raises(ValueError, match=words):
            mean_shift_modes(image, spatial, colour)
    with pytest.raises(ValueError, match="at most 3 channels, not 4"):
        mean_shift_modes(np.ones((4, 4, 4)), 3, 1)
    with pytest.raises(ValueError, match="y is 0 … 7, x is 0 … 7"):
        mean_shift_path(image, 8, 0, 3, 1)
    with pytest.raises(ValueError, match="places must have shape"):
        joint_density(image, np.zeros((2, 3)), 3, 1)
    with pytest.raises(ValueError, match="area must be"):
        mean_shift_segments(image, 3, 1, 0)
    with pytest.raises(ValueError, match="bandwidth must be"):
        mean_shift(points, -1)
    with pytest.raises(ValueError, match="bandwidth must be"):
        mean_shift(points, 1e-320)
    with pytest.raises(ValueError, match="one point at least"):
        mean_shift(np.empty((0, 3)), 1)
    with pytest.raises(ValueError, match=r"points must have shape \(\.\.\., d\)"):
        mean_shift(points[0], 1)
    with pytest.raises(ValueError, match="starts must have 3 coordinates"):
        mean_shift(points, 1, starts=np.zeros((2, 2)))
    with pytest.raises(ValueError, match="NaN"):
        mean_shift(points, 1, starts=np.full((2, 3), np.nan))
    with pytest.raises(ValueError, match="from 1 to the number of pixels, 64"):
        slic(image, 65)
    with pytest.raises(ValueError, match="compactness must be"):
        slic(image, 4, 0)


def test_many_threads_change_nothing():
    image = np.tile(photograph(150, 200), (4, 4, 1))
    points = three_clouds(2).repeat(4, axis=0) + np.random.default_rng(0).normal(0, 0.3, (1160, 2))
    before = kernel.get_num_threads()
    try:
        answers = []
        for threads in (1, 3):
            kernel.set_num_threads(threads)
            answers.append(
                (
                    mean_shift_modes(image[:90, :120], 4, 20),
                    mean_shift(points, 1).ends,
                    slic(image, 300, 20.0),
                )
            )
    finally:
        kernel.set_num_threads(before)
    for one, many in zip(*answers, strict=True):
        assert np.array_equal(one, many)
