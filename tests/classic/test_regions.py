"""Region growing and merging against scikit-image, slow definitions and the laws they obey."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from skimage import graph, segmentation

from course_utils.classic.morphology import label
from course_utils.classic.regions import adjacency, grow, merge, merges_by_height, merges_by_mean

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, max_side=10)
IMAGES = hnp.arrays("uint8", SHAPES, elements=st.integers(0, 9)) | hnp.arrays(
    "float64", SHAPES, elements=st.floats(0, 9)
)
LABELS = hnp.arrays("int32", SHAPES, elements=st.integers(0, 6))
CONNECTIVITY = st.sampled_from([4, 8])


def pairs_of_pixels(shape, connectivity):
    for y, x in np.ndindex(*shape):
        for dy, dx in [(0, 1), (1, 0)] + [(1, 1), (1, -1)] * (connectivity == 8):
            if y + dy < shape[0] and 0 <= x + dx < shape[1]:
                yield (y, x), (y + dy, x + dx)


def walls(labels, elevation, connectivity):
    """{(a, b): heights of the pairs of pixels where a and b touch}, one after the other."""
    found = {}
    for p, q in pairs_of_pixels(labels.shape, connectivity):
        a, b = sorted((int(labels[p]), int(labels[q])))
        if a > 0 and a != b:
            found.setdefault((a, b), []).append(max(elevation[p], elevation[q]))
    return found


def merged_slowly(labels, weigh):
    """[(a, b, weight)]: all weights computed anew from the pixels before each merge."""
    labels, history = labels.copy(), []
    while weights := weigh(labels):
        (a, b), weight = min(weights.items(), key=lambda item: item[1])
        history.append((a, b, weight))
        labels[labels == b] = a
    return history


# -- growing ------------------------------------------------------------------------------------------


@given(IMAGES, st.data(), st.sampled_from([0.0, 1.0, 2.5]), CONNECTIVITY)
def test_growing_about_one_seed_equals_the_flood_of_scikit_image(image, data, tolerance, connectivity):
    seed = data.draw(st.tuples(*[st.integers(0, side - 1) for side in image.shape]))
    seeds = np.zeros(image.shape, int)
    seeds[seed] = 3
    grown = grow(image, seeds, tolerance, adapt=False, connectivity=connectivity)
    near = label(abs(image.astype(float) - float(image[seed])) <= tolerance, connectivity)
    assert np.array_equal(grown, 3 * (near == near[seed]))
    whole, tolerance = image.astype(int), int(tolerance)  # that library rounds both
    expected = segmentation.flood(whole, seed, tolerance=tolerance, connectivity=connectivity // 4)
    assert np.array_equal(grow(whole, seeds, tolerance, adapt=False, connectivity=connectivity) > 0, expected)


@given(IMAGES, st.integers(0, 2**32 - 1), st.sampled_from([0.0, 1.0, 100.0]), CONNECTIVITY)
def test_regions_keep_their_seeds_and_hang_together_with_them(image, seed, tolerance, connectivity):
    rng = np.random.default_rng(seed)
    seeds = rng.integers(1, 4, image.shape) * (rng.random(image.shape) < 0.1)
    seeds[0, 0] = 2
    grown = grow(image, seeds, tolerance, connectivity=connectivity)
    assert grown.dtype == np.int32
    assert np.array_equal(grown[seeds > 0], seeds[seeds > 0])
    for number in np.unique(grown[grown > 0]):
        parts = label(grown == number, connectivity)
        assert set(np.unique(parts)) - {0} == set(np.unique(parts[seeds == number]))
    if tolerance == 100:
        assert (grown > 0).all()


def test_a_running_mean_follows_shading_and_a_fixed_one_does_not():
    ramp = np.tile(np.arange(100.0), (9, 1))
    seeds = np.zeros(ramp.shape, int)
    seeds[4, 0] = 1
    assert (grow(ramp, seeds, 10, adapt=False)[4] > 0).sum() == 11
    assert (grow(ramp, seeds, 10)[4] > 0).sum() > 15


def test_the_numbers_of_seeds_may_be_large():
    image = np.array([[0, 0, 0, 9, 9]])
    large = np.array([[2**31 - 1, 0, 0, 0, 7]])
    assert grow(image, large, 1).tolist() == [[2**31 - 1] * 3 + [7] * 2]
    assert grow(image, large, 1).dtype == np.int32


def test_the_mean_is_that_of_all_pixels_so_far():
    image, seeds = np.array([[0, 2, 4, 6, 8]]), np.array([[1, 0, 0, 0, 0]])
    assert grow(image, seeds, 3).tolist() == [[1, 1, 1, 0, 0]]  # means 0, 1, 2; then 6 is 4 away
    assert grow(image, seeds, 4).tolist() == [[1, 1, 1, 1, 0]]  # 3; then 8 is 5 away


# -- the graph ----------------------------------------------------------------------------------------


@given(LABELS, st.integers(0, 2**32 - 1), CONNECTIVITY)
def test_the_graph_is_what_its_definition_says(labels, seed, connectivity):
    elevation = np.random.default_rng(seed).integers(0, 99, labels.shape)
    pairs, lengths, heights = adjacency(labels, elevation, connectivity)
    expected = walls(labels, elevation, connectivity)
    assert list(map(tuple, pairs.tolist())) == sorted(expected)
    for pair, length, height in zip(map(tuple, pairs.tolist()), lengths, heights, strict=True):
        assert length == len(expected[pair])
        assert height == pytest.approx(np.mean(expected[pair]), abs=1e-9)
    assert np.isnan(adjacency(labels).heights).all()


def test_the_edges_equal_those_of_scikit_image():
    labels = np.random.default_rng(0).integers(1, 200, (40, 50))
    theirs = graph.RAG(labels, connectivity=1)
    assert sorted(map(tuple, adjacency(labels).pairs.tolist())) == sorted(
        tuple(sorted(e)) for e in theirs.edges
    )


# -- merging ------------------------------------------------------------------------------------------


@given(LABELS, st.integers(0, 2**32 - 1), CONNECTIVITY, st.sampled_from([None, 1, 3]))
def test_merging_by_means_does_what_the_slow_definition_does(labels, seed, connectivity, channels):
    rng = np.random.default_rng(seed)
    image = rng.random(labels.shape if channels is None else (*labels.shape, channels))

    def weigh(labels):
        return {
            (a, b): np.linalg.norm(image[labels == a].mean(axis=0) - image[labels == b].mean(axis=0))
            for a, b in walls(labels, np.zeros(labels.shape), connectivity)
        }

    expected = merged_slowly(labels, weigh)
    merges = merges_by_mean(image, labels, connectivity)
    assert list(map(tuple, merges.pairs.tolist())) == [(a, b) for a, b, _ in expected]
    np.testing.assert_allclose(merges.weights, [weight for *_, weight in expected], atol=1e-12)


@given(LABELS, st.integers(0, 2**32 - 1), CONNECTIVITY)
def test_merging_by_walls_does_what_the_slow_definition_does(labels, seed, connectivity):
    elevation = np.random.default_rng(seed).random(labels.shape)
    expected = merged_slowly(
        labels,
        lambda now: {pair: np.mean(wall) for pair, wall in walls(now, elevation, connectivity).items()},
    )
    merges = merges_by_height(elevation, labels, connectivity)
    # two walls may have the same highest pixel, and so the same height: then the order is free
    np.testing.assert_allclose(merges.weights, [weight for *_, weight in expected], atol=1e-12)


def test_merging_of_many_regions_by_means_equals_scikit_image():
    image = ndimage.gaussian_filter(np.random.default_rng(0).random((60, 70)), 2)
    labels = segmentation.slic(image, 150, channel_axis=None, start_label=1)
    colour = np.dstack([image] * 3)

    def join(rag, source, target):
        for key in ("total color", "pixel count"):
            rag.nodes[target][key] += rag.nodes[source][key]
        node = rag.nodes[target]
        node["mean color"] = node["total color"] / node["pixel count"]

    def weigh(rag, _, target, neighbour):
        difference = rag.nodes[target]["mean color"] - rag.nodes[neighbour]["mean color"]
        return {"weight": np.linalg.norm(difference)}

    for threshold in (0.02, 0.05):
        theirs = graph.merge_hierarchical(
            labels, graph.rag_mean_color(colour, labels, connectivity=1), threshold, False, True, join, weigh
        )
        ours = merge(labels, merges_by_mean(colour, labels), threshold)
        assert 2 < ours.max() < 140
        assert len(np.unique(ours * 1000 + theirs)) == ours.max() == len(np.unique(theirs))


@given(LABELS, st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_a_cut_of_the_history_joins_whole_regions(labels, seed, threshold):
    image = np.random.default_rng(seed).random(labels.shape)
    merges = merges_by_mean(image, labels)
    merged = merge(labels, merges, threshold)
    assert np.array_equal(merged == 0, labels == 0)
    assert set(np.unique(merged)) - {0} == set(range(1, merged.max() + 1))
    regions, left = len(set(np.unique(labels)) - {0}), int(merged.max())
    late = np.flatnonzero(merges.weights >= threshold)
    assert regions - left == (late[0] if late.size else len(merges.weights))
    assert len(np.unique(labels * 100 + merged)) == len(np.unique(labels))
    assert merge(labels, merges, 0).max() == regions
    assert np.array_equal(merge(labels, merges, np.inf) > 0, labels > 0)


def test_a_tie_is_no_reason_to_lose_a_region():
    labels = np.arange(1, 26).reshape(5, 5)
    for history in (merges_by_mean(np.zeros((5, 5)), labels), merges_by_height(np.zeros((5, 5)), labels)):
        assert len(history.weights) == 24 and not history.weights.any()
        assert (merge(labels, history, 1) == 1).all()


def test_one_region_and_none_have_nothing_to_merge():
    for labels in (np.ones((1, 1), int), np.full((3, 4), 7), np.zeros((3, 4), int)):
        image = np.zeros(labels.shape)
        assert len(adjacency(labels).pairs) == len(merges_by_mean(image, labels).pairs) == 0
        assert np.array_equal(merge(labels, merges_by_height(image, labels), 1), labels > 0)


# -- input --------------------------------------------------------------------------------------------


def test_input_is_left_as_it_was_and_may_be_frozen_or_strided():
    rng = np.random.default_rng(0)
    image, labels = rng.random((20, 30)), rng.integers(0, 40, (20, 30))
    image.setflags(write=False)
    labels.setflags(write=False)
    for function in (
        lambda i, k: grow(i, k * (k > 35), 0.2),
        lambda i, k: adjacency(k, i).heights,
        lambda i, k: merges_by_mean(i, k).weights,
        lambda i, k: merge(k, merges_by_height(i, k), 0.6),
    ):
        expected = function(image, labels)
        for layout in (np.asfortranarray, lambda a: np.repeat(a, 2, axis=1)[:, ::2], lambda a: a[::-1][::-1]):
            assert np.array_equal(function(layout(image), layout(labels)), expected)


def test_bad_input_gets_a_clear_error():
    image, labels = np.zeros((4, 5)), np.eye(4, 5, dtype=int)
    for call, error, message in (
        (lambda: grow(image, labels > 0, 1), TypeError, r"number them with morphology.label\(seeds\)"),
        (lambda: grow(image, labels * 0, 1), ValueError, "no pixel of seeds is above 0"),
        (
            lambda: grow(image, labels.T, 1),
            ValueError,
            r"seeds must be that of the image, .* is \(5, 4\)",
        ),
        (lambda: grow(image, labels, -1), ValueError, "tolerance must be a number, 0 or more"),
        (lambda: grow(image, labels, np.nan), ValueError, "tolerance must be a number, 0 or more"),
        (lambda: grow(image, labels, 1, connectivity=5), ValueError, "connectivity must be 4"),
        (lambda: grow(image + np.nan, labels, 1), ValueError, "image has NaN"),
        (lambda: adjacency(image), TypeError, "labels must be integers"),
        (lambda: adjacency(-labels), ValueError, "from -1 to 0"),
        (lambda: adjacency(labels[0]), ValueError, r"shape of labels must be \(H, W\)"),
        (lambda: adjacency(labels, image.T), ValueError, "elevation must have the shape of the labels"),
        (lambda: adjacency(labels, connectivity=6), ValueError, "connectivity must be 4"),
        (lambda: merges_by_mean(image + np.nan, labels), ValueError, "image has NaN"),
        (
            lambda: merges_by_mean(image[..., None, None], labels),
            ValueError,
            r"shape \(H, W\) or \(H, W, C\)",
        ),
        (lambda: merges_by_height(image + np.inf, labels), ValueError, "elevation has NaN or infinity"),
        (
            lambda: merge(labels, merges_by_mean(image, labels), np.nan),
            ValueError,
            "threshold must be a number",
        ),
    ):
        with pytest.raises(error, match=message):
            call()
