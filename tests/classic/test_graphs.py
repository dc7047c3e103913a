"""Graph methods against scikit-image, exhaustive search and what the mathematics promises."""

import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from skimage import graph as skimage_graph
from skimage import segmentation

from course_utils.classic import graphs
from course_utils.classic.morphology import label

SEEDS = st.integers(0, 2**32 - 1)
SHAPES = st.tuples(st.integers(1, 14), st.integers(1, 14))
SMALL = hnp.arrays("uint8", SHAPES, elements=st.integers(0, 9))


def partition(labels):
    """Numbers 0 … n - 1 in order of first appearance: equal for equal partitions."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse].reshape(np.shape(labels))


def weighted(seed, nodes, density=0.6):
    """A random symmetric affinity with self-edges of 1."""
    rng = np.random.default_rng(seed)
    matrix = rng.random((nodes, nodes)) * (rng.random((nodes, nodes)) < density)
    matrix = (matrix + matrix.T) / 2
    np.fill_diagonal(matrix, 1)
    return matrix


def two_blocks(nodes=5, bridge=0.05):
    """Two groups that hold together, with weak edges between them."""
    matrix = np.full((2 * nodes, 2 * nodes), bridge)
    matrix[:nodes, :nodes] = matrix[nodes:, nodes:] = 1
    return matrix


# -- Felzenszwalb and Huttenlocher --------------------------------------------------------------------


@given(SEEDS, SHAPES, st.sampled_from([(), (3,)]), st.sampled_from([0, 0.05, 0.5, 3]), st.integers(0, 30))
def test_regions_equal_scikit_image_where_no_two_edges_are_equal(seed, shape, colour, scale, min_size):
    image = np.random.default_rng(seed).random(shape + colour)
    found = graphs.merging(image, scale, 0.8, min_size)
    weights = graphs.merging(image, 1e9, 0.8, 0).weights
    assume(np.unique(weights).size == weights.size)
    axis = -1 if colour else None
    theirs = segmentation.felzenszwalb(image, 255 * scale, 0.8, min_size, channel_axis=axis)
    assert np.array_equal(partition(found.labels), partition(theirs))


@given(SMALL, st.sampled_from([0, 0.5, 2, 20]), st.integers(0, 12), st.sampled_from([4, 8]))
def test_regions_are_connected_numbered_in_reading_order_and_not_too_small(image, scale, size, connectivity):
    labels = graphs.felzenszwalb(image, scale, 0, size, connectivity)
    assert labels.dtype == np.int32
    assert np.array_equal(labels, partition(labels) + 1)
    for number in range(1, labels.max() + 1):
        assert label(labels == number, connectivity).max() == 1
    assert labels.max() == 1 or np.bincount(labels.ravel())[1:].min() >= size


def test_without_scale_and_blur_the_regions_are_the_flat_zones():
    image = np.random.default_rng(0).integers(0, 3, (20, 30)).astype(np.uint8)
    flat = np.zeros((20, 30), np.int64)
    for value in range(3):
        flat += (image == value) * (label(image == value) + 1000 * value)
    assert np.array_equal(graphs.felzenszwalb(image, 0, 0, 0, 4), partition(flat) + 1)


@given(SEEDS, st.sampled_from([4, 8]), st.integers(0, 9))
def test_the_merging_replays_to_its_labels(seed, connectivity, min_size):
    image = np.random.default_rng(seed).random((9, 11))
    found = graphs.merging(image, 0.3, 0.5, min_size, connectivity)
    regions = np.arange(image.size)
    for a, b in found.pixels:
        assert regions[a] != regions[b]  # a forest: every edge joins two regions
        regions[regions == regions[b]] = regions[a]
    assert np.array_equal(partition(regions.reshape(image.shape)) + 1, found.labels)
    for part in (found.weights[: found.free], found.weights[found.free :]):
        assert (np.diff(part) >= 0).all()


def test_the_unit_of_the_image_is_the_unit_of_the_scale():
    image = np.random.default_rng(0).integers(0, 200, (30, 40)).astype(np.float64)
    assert np.array_equal(graphs.felzenszwalb(image, 64), graphs.felzenszwalb(image / 256, 64 / 256))


def test_felzenszwalb_says_what_is_wrong():
    image = np.ones((5, 6))
    assert (graphs.felzenszwalb(image) == 1).all()
    assert graphs.felzenszwalb([[3]]).tolist() == [[1]]
    with pytest.raises(ValueError, match="scale must be"):
        graphs.felzenszwalb(image, -1)
    with pytest.raises(ValueError, match="min_size must be"):
        graphs.felzenszwalb(image, min_size=np.nan)
    with pytest.raises(ValueError, match="connectivity must be"):
        graphs.felzenszwalb(image, connectivity=6)
    with pytest.raises(ValueError, match="sigma must be"):
        graphs.felzenszwalb(image, sigma=-1)


# -- random walker ------------------------------------------------------------------------------------


def planted(seed, shape, count):
    """Seeds 1 … count, or fewer where there is no room, on otherwise undecided pixels."""
    rng = np.random.default_rng(seed)
    seeds = np.zeros(shape, np.int64)
    places = rng.permutation(seeds.size)[: count + 2]
    seeds.ravel()[places] = 1 + np.arange(places.size) % count
    return seeds


def their_beta(image, beta):
    channels = image.reshape(len(image) * image.shape[1], -1)
    return 10 * beta * image.std() * np.sqrt(channels.shape[1]) / channels.var(axis=0).sum()


@settings(max_examples=40)
@given(SEEDS, st.tuples(st.integers(2, 14), st.integers(2, 14)), st.booleans(), st.integers(2, 4))
def test_probabilities_equal_scikit_image(seed, shape, colour, count):
    image = np.random.default_rng(seed).random((*shape, 3) if colour else shape)
    seeds = planted(seed, shape, count)
    assume(seeds.max() > 1 and (seeds == 0).any())
    found = graphs.walk(image, seeds, 4.0, tolerance=1e-13)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = segmentation.random_walker(
            image,
            seeds,
            their_beta(image, 4.0),
            "bf",
            return_full_prob=True,
            channel_axis=-1 if colour else None,
        )
    assert np.allclose(found.probabilities, theirs, atol=1e-5)


@settings(max_examples=40)
@given(SMALL, SEEDS, st.integers(1, 4), st.sampled_from([0, 1, 4, 50]))
def test_probabilities_sum_to_one_and_are_means_of_their_neighbours(image, seed, count, beta):
    seeds = planted(seed, image.shape, count)
    found, numbers = graphs.walk(image, seeds, beta, tolerance=1e-12)
    assert found.min() >= 0 and found.max() <= 1
    assert np.allclose(found.sum(axis=0), 1, atol=1e-12)
    right, down = graphs._step_weights(image[..., None], beta)
    weights = ndimage.convolve(right, [[0, 1, 1]], mode="constant")  # of the edges on both sides
    weights = weights + ndimage.convolve(down, [[0], [1], [1]], mode="constant")
    for probability, number in zip(found, numbers, strict=True):
        assert (probability[seeds == number] == 1).all()
        total = np.zeros(image.shape)
        total[:, :-1] += right[:, :-1] * probability[:, 1:]
        total[:, 1:] += right[:, :-1] * probability[:, :-1]
        total[:-1] += down[:-1] * probability[1:]
        total[1:] += down[:-1] * probability[:-1]
        assert np.allclose(total[seeds == 0], (weights * probability)[seeds == 0], atol=1e-9)


def test_on_a_line_without_edges_the_probability_falls_evenly():
    seeds = np.array([[1, 0, 0, 0, 2]])
    found = graphs.walk(np.zeros((1, 5)), seeds, tolerance=1e-12)
    assert np.allclose(found.probabilities[0], [[1, 0.75, 0.5, 0.25, 0]])
    assert graphs.random_walker(np.zeros((1, 5)), seeds).tolist() == [[1, 1, 1, 2, 2]]


@given(SEEDS)
def test_unit_and_offset_of_the_image_do_not_matter(seed):
    image = np.random.default_rng(seed).random((8, 9))
    seeds = planted(seed, image.shape, 2)
    one = graphs.walk(image, seeds, tolerance=1e-12).probabilities
    other = graphs.walk(255 * image - 40, seeds, tolerance=1e-12).probabilities
    assert np.allclose(one, other, atol=1e-5)


def test_an_edge_holds_the_walker_back():
    image = np.zeros((20, 20))
    image[:, 13:] = 1
    seeds = np.zeros((20, 20), int)
    seeds[10, 0], seeds[10, 19] = 7, 3
    assert np.array_equal(graphs.random_walker(image, seeds), np.where(image == 0, 7, 3))


def test_what_no_seed_can_reach_stays_undecided():
    image, mask, seeds = np.zeros((3, 7)), np.ones((3, 7), bool), np.zeros((3, 7), int)
    mask[:, 4] = False
    seeds[0, 0], seeds[2, 3] = 1, 2
    found = graphs.walk(image, seeds, mask=mask)
    assert not found.probabilities[:, :, 4:].any()
    assert np.allclose(found.probabilities[:, :, :4].sum(axis=0), 1)
    assert (graphs.random_walker(image, seeds, mask=mask)[:, 4:] == 0).all()


def test_seeds_of_one_number_take_all_and_seeds_everywhere_stay():
    image = np.random.default_rng(0).random((6, 7))
    one = np.zeros((6, 7), int)
    one[2, 2] = 5
    assert (graphs.random_walker(image, one) == 5).all()
    everywhere = np.random.default_rng(0).integers(1, 4, (6, 7))
    assert np.array_equal(graphs.random_walker(image, everywhere), everywhere)
    assert graphs.random_walker([[0.5]], np.array([[2]])).tolist() == [[2]]


def test_the_walker_says_what_is_wrong():
    image, seeds = np.zeros((4, 5)), np.zeros((4, 5), int)
    with pytest.raises(ValueError, match="no seed"):
        graphs.walk(image, seeds)
    with pytest.raises(ValueError, match="must not be negative"):
        graphs.walk(image, seeds - 1)
    with pytest.raises(TypeError, match="seeds must be integers"):
        graphs.walk(image, seeds + 0.5)
    seeds[0, 0] = 1
    with pytest.raises(ValueError, match="image's shape"):
        graphs.walk(image, seeds[1:])
    with pytest.raises(ValueError, match="1 seeds lie outside"):
        graphs.walk(image, seeds, mask=np.zeros((4, 5), bool))
    with pytest.raises(ValueError, match="mask must be bool"):
        graphs.walk(image, seeds, mask=np.zeros((4, 5)))
    with pytest.raises(ValueError, match="beta must be"):
        graphs.walk(image, seeds, -1)
    with pytest.raises(ValueError, match="tolerance must be"):
        graphs.walk(image, seeds, tolerance=0)


# -- normalised cut -----------------------------------------------------------------------------------


@given(SEEDS, st.integers(2, 9), st.sampled_from([0.3, 0.6, 1.0]))
def test_the_best_split_lies_between_the_eigenvalue_and_ours(seed, nodes, density):
    matrix = weighted(seed, nodes, density)
    cut = graphs.normalised_cut(matrix)
    splits = [[split >> node & 1 for node in range(nodes)] for split in range(1, 2 ** (nodes - 1))]
    best = min(graphs.ncut_value(matrix, split) for split in splits)
    assert cut.bound - 1e-9 <= best <= cut.value + 1e-9
    assert cut.value <= 2 * np.sqrt(2 * cut.bound) + 1e-6
    assert cut.value == pytest.approx(graphs.ncut_value(matrix, cut.side))
    assert not cut.side[0] and cut.side.any()


@given(SEEDS, st.integers(1, 9), st.integers(1, 4))
def test_the_value_is_what_its_definition_says(seed, nodes, parts):
    matrix = weighted(seed, nodes)
    labels = np.random.default_rng(seed).integers(0, parts, nodes)
    expected = sum(
        matrix[labels == part][:, labels != part].sum() / matrix[labels == part].sum() for part in set(labels)
    )
    assert graphs.ncut_value(matrix, labels) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("nodes", [40, 90])  # by the dense and by the sparse solver
def test_the_embedding_solves_its_equation(nodes):
    matrix = weighted(1, nodes, 0.2)
    values, vectors = graphs.spectral_embedding(matrix, 5)
    degree = matrix.sum(axis=1)
    assert np.allclose((np.diag(degree) - matrix) @ vectors, degree[:, None] * vectors * values, atol=1e-8)
    assert np.allclose(vectors.T @ (degree[:, None] * vectors), np.eye(5), atol=1e-8)
    every = np.linalg.eigvalsh(np.eye(nodes) - matrix / np.sqrt(np.outer(degree, degree)))
    assert np.allclose(values, every[:5], atol=1e-9)


@pytest.mark.parametrize("nodes", [3, 50])
def test_two_blocks_are_found_by_all(nodes):
    matrix = two_blocks(nodes, 0.01)
    wanted = np.repeat([False, True], nodes)
    assert np.array_equal(graphs.normalised_cut(matrix).side, wanted)
    assert np.array_equal(graphs.k_way_cut(matrix, 2), 1 + wanted)
    assert np.array_equal(graphs.recursive_cut(matrix, 0.3), 1 + wanted)


def test_components_are_parted_at_no_cost():
    matrix = np.kron(np.eye(4), np.ones((30, 30)))
    assert graphs.normalised_cut(matrix).value == pytest.approx(0, abs=1e-12)
    for labels in (graphs.recursive_cut(matrix), graphs.k_way_cut(matrix, 4)):
        assert np.array_equal(labels, np.repeat([1, 2, 3, 4], 30))


def test_three_stripes_of_an_image():
    image = np.repeat([0.1, 0.9, 0.4], 6)[None].repeat(12, axis=0)
    matrix = graphs.affinity(image, radius=3)
    stripes = np.repeat([1, 2, 3], 6)[None].repeat(12, axis=0)
    assert np.array_equal(graphs.k_way_cut(matrix, 3).reshape(image.shape), stripes)
    assert np.array_equal(graphs.recursive_cut(matrix, 0.1).reshape(image.shape), stripes)


@pytest.mark.parametrize("shape", [(5, 7), (4, 5, 3), (1, 1)])
def test_affinity_is_what_its_definition_says(shape):
    image = np.random.default_rng(0).random(shape)
    found = graphs.affinity(image, 2, 0.3, 1.5).toarray()
    colours = image.reshape(shape[0] * shape[1], -1)
    places = np.argwhere(np.ones(shape[:2]))
    distance = ((places[:, None] - places) ** 2).sum(axis=2)
    expected = np.exp(-((colours[:, None] - colours) ** 2).sum(axis=2) / 0.09 - distance / 2.25)
    assert np.allclose(found, expected * (distance <= 4))


def test_region_affinity_equals_scikit_image():
    image = np.random.default_rng(0).random((30, 40, 3))
    labels = graphs.felzenszwalb(image, 0.5)
    rag = skimage_graph.rag_mean_color(image, labels, mode="similarity", sigma=0.1)
    expected = np.eye(labels.max())
    for a, b, data in rag.edges(data=True):
        expected[a - 1, b - 1] = expected[b - 1, a - 1] = data["weight"]
    assert np.allclose(graphs.region_affinity(image, labels, 0.1).toarray(), expected)


def test_cuts_say_what_is_wrong():
    image = np.ones((4, 5))
    for matrix, message in (
        (np.ones((2, 3)), "square"),
        (-np.eye(2), "0 or more"),
        (np.full((2, 2), np.nan), "0 or more"),
        (np.triu(np.ones((3, 3))), "symmetric"),
        (np.zeros((2, 2)), "2 nodes of affinity have no edge"),
        (np.ones((1, 1)), "at least two nodes"),
    ):
        with pytest.raises(ValueError, match=message):
            graphs.normalised_cut(matrix)
    with pytest.raises(ValueError, match="k must be"):
        graphs.k_way_cut(np.ones((3, 3)), 4)
    with pytest.raises(ValueError, match="limit must be"):
        graphs.recursive_cut(np.ones((3, 3)), 3)
    with pytest.raises(ValueError, match="each of 3 nodes"):
        graphs.ncut_value(np.ones((3, 3)), [0, 1])
    with pytest.raises(ValueError, match="sigma_value must be"):
        graphs.affinity(image, sigma_value=0)
    with pytest.raises(ValueError, match="1 … n without a gap"):
        graphs.region_affinity(image, np.full((4, 5), 2))
    assert graphs.recursive_cut(np.ones((1, 1))).tolist() == [1]
    assert graphs.affinity(image, 1).nnz == 4 * 5 + 2 * (4 * 4 + 3 * 5)  # constant: every neighbour alike


# -- all ----------------------------------------------------------------------------------------------


def test_input_is_left_as_it_was_and_may_be_frozen_or_strided():
    image = np.random.default_rng(0).random((12, 10))
    seeds = planted(0, image.shape, 2)
    for function in (
        graphs.felzenszwalb,
        lambda i: graphs.random_walker(i, seeds),
        lambda i: graphs.affinity(i, 2).toarray(),
    ):
        expected, before = function(image), image.copy()
        assert np.array_equal(image, before)
        before.setflags(write=False)
        for other in (before, np.asfortranarray(image), np.repeat(image, 2, axis=1)[:, ::2]):
            assert np.array_equal(function(other), expected)


@pytest.mark.parametrize(
    "function",
    [graphs.felzenszwalb, lambda i: graphs.walk(i, np.eye(4, dtype=int)), graphs.affinity],
    ids=["felzenszwalb", "walk", "affinity"],
)
def test_what_is_no_image_gets_a_clear_error(function):
    for image, error in (
        (np.full((4, 4), np.nan), "NaN"),
        (np.ones(4), "shape"),
        (np.ones((4, 4, 0)), "no channels"),
        (np.ones((0, 4)), "no pixels"),
    ):
        with pytest.raises(ValueError, match=error):
            function(image)
    with pytest.raises(TypeError, match="numbers"):
        function(np.ones((4, 4), complex))
