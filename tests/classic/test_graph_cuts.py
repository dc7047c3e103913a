"""Graph cuts against PyMaxflow, against all masks of tiny images, and by the laws that they obey."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from course_utils import metrics
from course_utils.classic import graph_cuts, mixtures
from course_utils.classic.graph_cuts import (
    alpha_expansion,
    contrast_weights,
    energy,
    grab_cut,
    graph_cut,
    min_cut,
)

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)
TINY = st.sampled_from([(1, 1), (1, 7), (5, 1), (2, 3), (3, 3), (3, 4), (2, 6)])
PYMAXFLOW = (
    [[0, 0, 0], [0, 0, 1], [0, 0, 0]],
    [[0, 0, 0], [0, 0, 0], [0, 1, 0]],
    [[0, 0, 0], [0, 0, 0], [0, 0, 1]],
    [[0, 0, 0], [0, 0, 0], [1, 0, 0]],
)


@st.composite
def problems(draw, shapes=SHAPES, labels=2, whole=True):
    """(unary, forward, backward) with many ties (whole numbers) or none (floats)."""
    shape, directions = draw(shapes), draw(st.sampled_from([2, 4]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    top = draw(st.sampled_from([2, 5, 30]))
    arrays = [rng.integers(0, top, (n, *shape)) for n in (labels, directions, directions)]
    if not whole:
        arrays = [array * rng.random(array.shape) for array in arrays]
    return tuple(arrays)


ANY = problems() | problems(whole=False)


def neighbours(directions, shape):
    """Each pair once: (direction, pixel, its neighbour)."""
    for d, (dy, dx) in enumerate([(0, 1), (1, 0), (1, 1), (1, -1)][:directions]):
        for y, x in np.ndindex(shape):
            if y + dy < shape[0] and 0 <= x + dx < shape[1]:
                yield d, (y, x), (y + dy, x + dx)


def cost(masks, unary, forward, backward):
    """The definition of a cut's cost, pair by pair, for a mask or for several (..., H, W)."""
    total = np.where(masks, unary[1], unary[0]).sum(axis=(-2, -1))
    for d, p, q in neighbours(len(forward), masks.shape[-2:]):
        here, there = masks[..., *p], masks[..., *q]
        total = total + forward[d][p] * (here & ~there) + backward[d][p] * (there & ~here)
    return total


def pymaxflow(unary, forward, backward, graph):
    """(flow, nodes on the source's side) by PyMaxflow."""
    maxflow = pytest.importorskip("maxflow")
    network = maxflow.Graph[graph]()
    nodes = network.add_grid_nodes(unary.shape[1:])
    for d in range(len(forward)):
        structure = np.array(PYMAXFLOW[d])
        network.add_grid_edges(nodes, forward[d], structure)
        moved = np.zeros_like(backward[d])  # PyMaxflow's weights belong to the pixel where the edge starts
        for direction, p, q in neighbours(d + 1, nodes.shape):
            if direction == d:
                moved[q] = backward[d][p]
        network.add_grid_edges(nodes, moved, structure[::-1, ::-1])
    network.add_grid_tedges(nodes, unary[0], unary[1])
    return network.maxflow(), ~network.get_grid_segments(nodes)


# -- minimum cut --------------------------------------------------------------------------------------


@given(problems())
def test_flow_of_whole_numbers_equals_pymaxflow(problem):
    cut = min_cut(*problem)
    assert cut.flow == pymaxflow(*problem, int)[0]
    assert cut.flow == cost(cut.mask, *problem)


@given(problems(whole=False))
def test_flow_of_floats_equals_pymaxflow(problem):
    cut = min_cut(*problem)
    flow, mask = pymaxflow(*problem, float)
    assert cut.flow == pytest.approx(flow, rel=1e-12)
    assert cut.flow == pytest.approx(cost(cut.mask, *problem), rel=1e-12)
    assert np.array_equal(cut.mask, mask & ~cut.undecided)


@pytest.mark.parametrize("directions", [2, 4])
@pytest.mark.parametrize("strength", [0.3, 3, 30])
def test_large_grids_equal_pymaxflow(directions, strength):
    rng = np.random.default_rng(0)
    unary = rng.random((2, 130, 170))
    forward, backward = strength * rng.random((2, directions, 130, 170)) ** 3
    cut = min_cut(unary, forward, backward)
    assert cut.flow == pytest.approx(pymaxflow(unary, forward, backward, float)[0], rel=1e-9)
    assert cut.flow == pytest.approx(cost(cut.mask, unary, forward, backward), rel=1e-9)


@given(problems(TINY))
def test_no_mask_of_a_tiny_image_is_cheaper_and_the_answer_is_the_smallest_of_the_cheapest(problem):
    shape = problem[0].shape[1:]
    masks = np.array(list(itertools.product((False, True), repeat=np.prod(shape)))).reshape(-1, *shape)
    costs = cost(masks, *problem)
    best = masks[costs == costs.min()]
    cut = min_cut(*problem)
    assert cut.flow == costs.min()
    assert np.array_equal(cut.mask, best.all(axis=0))
    assert np.array_equal(cut.mask | cut.undecided, best.any(axis=0))


@given(ANY)
def test_swapping_the_labels_swaps_source_and_sink(problem):
    unary, forward, backward = problem
    cut, turned = min_cut(*problem), min_cut(unary[::-1], backward, forward)
    assert cut.flow == pytest.approx(turned.flow)
    if unary.dtype.kind == "i":
        assert np.array_equal(cut.undecided, turned.undecided)
        assert np.array_equal(turned.mask, ~(cut.mask | cut.undecided))


@given(ANY, st.integers(-5, 5))
def test_a_cost_added_to_both_labels_of_a_pixel_is_added_to_the_flow(problem, amount):
    unary, forward, backward = problem
    cut, shifted = min_cut(*problem), min_cut(unary + amount, forward, backward)
    assert shifted.flow == pytest.approx(cut.flow + amount * cut.mask.size, abs=1e-9)
    if unary.dtype.kind == "i":
        assert np.array_equal(cut.mask, shifted.mask)


@given(problems(whole=False))
def test_more_smoothness_never_lengthens_the_boundary(problem):
    unary, pairwise, _ = problem
    lengths = []
    for factor in (0, 0.1, 1, 10):
        mask = min_cut(unary, factor * pairwise).mask
        lengths.append(cost(mask, 0 * unary, pairwise, pairwise))
    assert all(later <= before + 1e-9 for before, later in itertools.pairwise(lengths))


@given(problems(whole=False), st.integers(0, 2**32 - 1))
def test_infinite_costs_forbid_a_label(problem, seed):
    unary, pairwise, _ = problem
    kind = np.random.default_rng(seed).integers(0, 3, unary.shape[1:])
    forbidding, dear = unary.copy(), unary.copy()
    for label in (0, 1):
        forbidding[label][kind == label + 1] = np.inf
        dear[label][kind == label + 1] = 1e7
    cut = min_cut(forbidding, pairwise)
    assert cut.mask[kind == 1].all() and not cut.mask[kind == 2].any() and np.isfinite(cut.flow)
    assert cut.flow == pytest.approx(min_cut(dear, pairwise).flow, rel=1e-6, abs=1e-6)


def test_a_pixel_and_a_pair_by_hand():
    assert min_cut([[[3]], [[1]]], np.zeros((2, 1, 1))) == (np.array([[True]]), 1.0, np.array([[False]]))
    unary = np.array([[[4, 1]], [[1, 3]]])  # the left pixel wants to be object, the right one background
    for weight, mask, flow in ((1, [[True, False]], 3), (3, [[True, True]], 4)):
        pairwise = np.array([[[weight, 0]], [[0, 0]]])
        cut = min_cut(unary, pairwise)
        assert cut.mask.tolist() == mask and cut.flow == flow == energy(cut.mask, unary, pairwise)


@given(problems(labels=4), st.integers(0, 2**32 - 1))
def test_the_energy_is_what_its_definition_says(problem, seed):
    unary, pairwise, _ = problem
    rng = np.random.default_rng(seed)
    labels, metric = rng.integers(0, 4, unary.shape[1:]), np.abs(np.subtract.outer(range(4), range(4)))
    total = np.take_along_axis(unary, labels[None], 0).sum()
    for d, p, q in neighbours(len(pairwise), labels.shape):
        total += pairwise[d][p] * metric[labels[p], labels[q]]
    assert energy(labels, unary, pairwise, metric) == total


# -- many labels --------------------------------------------------------------------------------------


def metrics_of(count):
    steps = np.abs(np.subtract.outer(np.arange(count), np.arange(count)))
    return {"Potts": (steps > 0) * 1.0, "linear": steps * 1.0, "cut off": np.minimum(steps, 2) * 1.0}


@given(problems(st.sampled_from([(1, 6), (2, 3), (6, 1), (2, 2)]), labels=3) | problems(TINY, labels=2))
def test_expansion_is_within_its_factor_of_the_best_labelling(problem):
    unary, pairwise, _ = problem
    count, shape = len(unary), unary.shape[1:]
    if count ** np.prod(shape) > 800:
        shape = (2, 3)
        unary, pairwise = np.resize(unary, (count, *shape)), np.resize(pairwise, (len(pairwise), *shape))
    for metric in metrics_of(count).values():
        least = min(
            energy(np.reshape(labels, shape), unary, pairwise, metric)
            for labels in itertools.product(range(count), repeat=np.prod(shape))
        )
        found = alpha_expansion(unary, pairwise, metric)
        factor = 2 * metric.max() / metric[metric > 0].min()
        assert least <= found.energies[-1] <= factor * least
        if count == 2:
            assert found.energies[-1] == least


@given(problems(labels=4) | problems(labels=3, whole=False))
def test_the_energy_of_an_expansion_never_rises_and_is_its_labels(problem):
    unary, pairwise, _ = problem
    for metric in metrics_of(len(unary)).values():
        found = alpha_expansion(unary, pairwise, metric)
        assert (np.diff(found.energies) <= 0).all()
        assert found.energies[0] == energy(unary.argmin(axis=0), unary, pairwise, metric)
        assert found.energies[-1] == energy(found.labels, unary, pairwise, metric)
        again = alpha_expansion(unary, pairwise, metric, start=found.labels)
        assert again.energies[-1] == pytest.approx(found.energies[-1])


def test_expansion_of_two_labels_is_the_minimum_cut():
    rng = np.random.default_rng(0)
    unary, pairwise = rng.random((2, 40, 50)), 0.3 * rng.random((4, 40, 50))
    assert np.array_equal(alpha_expansion(unary, pairwise).labels, min_cut(unary, pairwise).mask)


def test_expansion_is_as_good_as_pymaxflow():
    fastmin = pytest.importorskip("maxflow.fastmin")
    rng = np.random.default_rng(0)
    truth = np.repeat(np.repeat(rng.integers(0, 4, (6, 7)), 9, 0), 9, 1)
    unary = (truth - np.arange(4)[:, None, None] + rng.normal(0, 1.2, truth.shape)) ** 2
    for metric in metrics_of(4).values():
        theirs = fastmin.aexpansion_grid(np.moveaxis(unary, 0, -1).copy(), 2 * metric)
        ours = alpha_expansion(unary, np.full((2, *truth.shape), 2.0), metric)
        assert ours.energies[-1] <= 1.001 * energy(theirs, unary, np.full((2, *truth.shape), 2.0), metric)
        assert (ours.labels == truth).mean() > (unary.argmin(axis=0) == truth).mean() + 0.1


# -- photographs --------------------------------------------------------------------------------------


def scene(size=48, seed=0, colours=3):
    """A disk on a ground, both of several colours, with noise: (image, mask)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    mask = (y - 0.55 * size) ** 2 + (x - 0.45 * size) ** 2 < (0.3 * size) ** 2
    ground, thing = rng.uniform(0.1, 0.45, (2, colours)), rng.uniform(0.55, 0.9, (2, colours))
    part = (y // 7 + x // 11) % 2
    image = np.where(mask[..., None], thing[part], ground[part])
    return np.clip(image + rng.normal(0, 0.05, image.shape), 0, 1), mask


def box_of(mask, margin=3):
    y, x = np.nonzero(mask)
    return y.min() - margin, x.min() - margin, y.max() + 1 + margin, x.max() + 1 + margin


def seeds_of(mask):
    seeds = np.zeros(mask.shape, int)
    y, x = np.nonzero(mask)
    seeds[y.min() + 6 : y.max() - 5, int(x.mean())] = 1
    seeds[1, :] = seeds[:, 1] = 2
    return seeds


@pytest.mark.parametrize("connectivity", [4, 8])
@pytest.mark.parametrize("colour", [True, False])
def test_contrast_weights_are_what_their_formula_says(connectivity, colour):
    image = np.random.default_rng(0).random((7, 9, 3))
    image = image if colour else image[..., 0]
    pairs = list(neighbours(connectivity // 2, (7, 9)))
    squares = [np.sum((image[p] - image[q]) ** 2) for _, p, q in pairs]
    weights = contrast_weights(image, 20, connectivity)
    expected = np.zeros_like(weights)
    for (d, p, q), square in zip(pairs, squares, strict=True):
        expected[d][p] = 20 * np.exp(-square / (2 * np.mean(squares))) / np.linalg.norm(np.subtract(p, q))
    assert np.allclose(weights, expected)


def test_a_constant_image_has_contrast_nowhere():
    weights = contrast_weights(np.full((4, 5), 0.3), 10)
    assert weights[0, :, :-1].tolist() == [[10] * 4] * 4
    assert np.allclose(weights[2, :-1, :-1], 10 / np.sqrt(2))
    assert contrast_weights(np.full((1, 1), 7, np.uint8)).tolist() == [[[0]]] * 4


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("components", [0, 1, 5])
def test_a_few_strokes_cut_out_the_disk(seed, components):
    image, mask = scene(seed=seed)
    seeds = seeds_of(mask)
    cut = graph_cut(image, seeds, components=components, smoothness=5)
    assert cut.mask[seeds == 1].all() and not cut.mask[seeds == 2].any()
    if components == 5:
        assert metrics.mask_iou(mask, cut.mask) > 0.97


def test_graph_cut_is_the_minimum_cut_of_its_two_costs():
    image, mask = scene()
    unary, pairwise = graph_cuts.seed_costs(image, seeds_of(mask)), contrast_weights(image)
    cut = graph_cut(image, seeds_of(mask), smoothness=25)
    assert np.array_equal(cut.mask, min_cut(unary, pairwise).mask)
    assert cut.flow == pytest.approx(energy(cut.mask, unary, pairwise))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("colours", [1, 3])
def test_grab_cut_finds_the_disk_in_its_box_and_its_energy_never_rises(seed, colours):
    image, mask = scene(seed=seed, colours=colours)
    image = image[..., 0] if colours == 1 else image
    found = grab_cut(image, box_of(mask), smoothness=10, rounds=12, components=3)
    assert metrics.mask_iou(mask, found.mask) > 0.95
    energies = found.energies.ravel()
    assert (np.diff(energies) <= 1e-9 * np.abs(energies).max()).all()
    assert np.array_equal(found.mask, found.masks[-1]) and len(found.masks) == len(found.energies) + 1


@given(st.integers(0, 2**32 - 1))
def test_no_step_of_grab_cut_raises_the_energy_not_even_in_noise(seed):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, rng.choice([2, 4, 256]), (14, 17, 3)).astype(np.uint8)
    found = grab_cut(image, (3, 4, 12, 13), smoothness=rng.choice([0.1, 1, 10]), components=3, rounds=8)
    energies = found.energies.ravel()
    assert (np.diff(energies) <= 1e-9 * np.abs(energies).max()).all()
    outside = np.ones(image.shape[:2], bool)
    outside[3:12, 4:13] = False
    assert not found.masks[:, outside].any()


def test_the_energy_of_grab_cut_is_the_one_that_its_docstring_states():
    image, mask = scene()
    found = grab_cut(image, box_of(mask), rounds=1, components=2)
    start = found.masks[0]
    total = energy(start, np.zeros((2, *start.shape)), contrast_weights(image))
    models = []
    for side in (0, 1):
        points = image[start == side]
        labels = mixtures.k_means(points, 2, 0, steps=10).labels
        models.append(mixtures.mixture_of_labels(points, labels, 2, floor=graph_cuts.FLOOR))
        total -= mixtures.log_peak(models[-1], points).sum()
    assert found.energies[0, 0] == pytest.approx(total)
    costs = np.array([-mixtures.log_peak(model, image) for model in models])
    assert found.energies[0, 1] == pytest.approx(energy(found.mask, costs, contrast_weights(image)))
    costs[1][~start] = np.inf
    assert found.energies[0, 1] == pytest.approx(min_cut(costs, contrast_weights(image)).flow)


def test_strokes_are_stronger_than_the_box():
    image, mask = scene()
    strokes = np.zeros(mask.shape, int)
    strokes[2:4, 2:6], strokes[24:28, 20:24] = 1, 2
    found = grab_cut(image, box_of(mask), strokes)
    assert found.mask[strokes == 1].all() and not found.mask[strokes == 2].any()
    everything = grab_cut(image, (0, 0, *mask.shape), strokes)
    assert everything.mask[strokes == 1].all() and not everything.mask[strokes == 2].any()


def test_constant_images_and_single_pixels():
    flat = np.full((6, 7), 0.5)
    seeds = np.zeros((6, 7), int)
    seeds[0, 0], seeds[5, 6] = 1, 2
    cut = graph_cut(flat, seeds)
    assert cut.mask[0, 0] and not cut.mask[5, 6] and cut.mask.sum() == 1  # a corner has the shortest boundary
    assert np.isfinite(grab_cut(flat, (1, 1, 4, 5)).energies).all()
    one = grab_cut(np.array([[0.1, 0.9]]), (0, 1, 1, 2))
    assert not one.mask[0, 0]
    assert alpha_expansion(np.array([[[3]], [[1]], [[2]]]), np.zeros((2, 1, 1))).labels.tolist() == [[1]]


def test_types_and_layouts_of_the_image_do_not_matter_and_the_input_is_left_as_it_was():
    image, mask = scene()
    image = np.round(image * 255).astype(np.uint8)
    seeds = seeds_of(mask)
    expected, grabbed = graph_cut(image, seeds), grab_cut(image, box_of(mask))
    before = image.copy(), seeds.copy()
    wide = np.repeat(image, 2, axis=1)[:, ::2]
    for other in (image / 255, np.asfortranarray(image), wide, (image.astype(np.uint16) * 257)):
        other.setflags(write=False)
        cut = graph_cut(other, seeds.astype(np.uint8)[::-1][::-1])
        assert np.array_equal(cut.mask, expected.mask) and cut.flow == pytest.approx(expected.flow)
        assert np.array_equal(grab_cut(other, box_of(mask)).mask, grabbed.mask)
    assert np.array_equal(image, before[0]) and np.array_equal(seeds, before[1])
    rng = np.random.default_rng(0)
    unary, pairwise = rng.random((2, 12, 9)), rng.random((4, 12, 9))
    cut = min_cut(unary, pairwise)
    for change in (np.asfortranarray, lambda a: np.repeat(a, 2, axis=2)[:, :, ::2]):
        assert np.array_equal(min_cut(change(unary), change(pairwise)).mask, cut.mask)


def test_costs_that_do_not_fit_get_a_clear_error():
    unary, pairwise = np.ones((2, 4, 5)), np.ones((2, 4, 5))
    with pytest.raises(ValueError, match="not submodular"):
        min_cut(unary, -pairwise)
    with pytest.raises(ValueError, match=r"\(2, H, W\), background and object"):
        min_cut(np.ones((3, 4, 5)), pairwise)
    for wrong in (np.ones((4, 5)), np.ones((1, 4, 5)), np.ones((2, 0, 5))):
        with pytest.raises(ValueError, match="unary must have shape"):
            min_cut(wrong, pairwise)
    with pytest.raises(ValueError, match="NaN"):
        min_cut(unary * np.nan, pairwise)
    with pytest.raises(ValueError, match="forbids all labels of 20 pixels"):
        min_cut(unary * np.inf, pairwise)
    for wrong in (np.ones((2, 5, 4)), np.ones((3, 4, 5)), np.ones((4, 5))):
        with pytest.raises(ValueError, match="pairwise must have shape"):
            min_cut(unary, wrong)
    with pytest.raises(ValueError, match="pairwise must be finite"):
        min_cut(unary, pairwise * np.inf)
    with pytest.raises(ValueError, match="backward must have pairwise's shape"):
        min_cut(unary, pairwise, np.ones((4, 4, 5)))
    with pytest.raises(TypeError, match="array of numbers"):
        min_cut(unary.astype(str), pairwise)
    for whole, links in (((2**62, 2**61), 2**62), ((2**61, 2**61), 1), ((1, -(2**63)), 1), ((1, 2), 2**61)):
        with pytest.raises(ValueError, match="add up to more than 2⁶²"):
            min_cut(np.array(whole)[:, None, None] * np.ones((2, 2), int), np.full((2, 2, 2), links))
    with pytest.raises(ValueError, match="below 2⁶³"):
        min_cut(np.full((2, 4, 5), 2**63, np.uint64), pairwise)
    with pytest.raises(ValueError, match="unary must be finite"):
        alpha_expansion(np.array([np.ones((4, 5)), np.full((4, 5), np.inf)]), pairwise)
    for metric, reason in (
        (np.ones((3, 3)), "shape"),
        (np.ones((2, 2)), "0 for a label beside itself"),
        ([[0, 1], [2, 0]], "symmetric"),
        ([[0, -1], [-1, 0]], "not negative"),
    ):
        with pytest.raises(ValueError, match=reason):
            alpha_expansion(unary, pairwise, metric)
    with pytest.raises(ValueError, match="triangle inequality, but 0 beside 2 costs 4"):
        alpha_expansion(np.ones((3, 4, 5)), pairwise, np.subtract.outer(range(3), range(3)) ** 2)
    for labels in (np.full((4, 5), 2), np.full((4, 5), -1)):
        with pytest.raises(ValueError, match="labels must lie in 0 … 1"):
            energy(labels, unary, pairwise)
    with pytest.raises(ValueError, match="labels must be integers"):
        alpha_expansion(unary, pairwise, start=np.ones((4, 5)))


@pytest.mark.parametrize(("connectivity", "price"), [(4, 1), (8, 1 + np.sqrt(2))])
def test_a_straight_boundary_through_an_even_area_costs_what_the_docstring_says(connectivity, price):
    mask = np.zeros((300, 40), bool)
    mask[:, 20:] = True
    weights = contrast_weights(np.full(mask.shape, 0.5), 10, connectivity)
    length = energy(mask, np.zeros((2, *mask.shape)), weights) / 10
    assert length / 300 == pytest.approx(price, rel=0.01)  # at both ends a diagonal is missing


def test_images_seeds_and_boxes_that_do_not_fit_get_a_clear_error():
    image, mask = scene(24)
    seeds = np.zeros(mask.shape, int)
    with pytest.raises(ValueError, match=r"no object \(1\) pixel"):
        graph_cut(image, seeds)
    seeds[0] = 1
    with pytest.raises(ValueError, match=r"no background \(2\) pixel"):
        graph_cut(image, seeds)
    with pytest.raises(ValueError, match="image's shape"):
        graph_cut(image, seeds[1:])
    with pytest.raises(TypeError, match="seeds must be integers"):
        graph_cut(image, seeds * 1.0)
    with pytest.raises(ValueError, match="go from 0 to 3"):
        graph_cut(image, seeds * 3)
    seeds[-1] = 2
    for wrong, reason in (
        (image * np.nan, "NaN"),
        (image * 255, "divide"),
        (image[0, 0], "shape"),
        (mask[:0], "shape"),
    ):
        with pytest.raises(ValueError, match=reason):
            graph_cut(wrong, seeds)
        with pytest.raises(ValueError, match=reason):
            grab_cut(wrong, (1, 1, 5, 5))
    with pytest.raises(ValueError, match="connectivity must be 4"):
        graph_cut(image, seeds, connectivity=6)
    with pytest.raises(ValueError, match="strange must be a share"):
        graph_cuts.seed_costs(image, seeds, strange=1)
    for wrong in (-1, np.nan, np.inf, "a", None, [1]):
        with pytest.raises(ValueError, match="smoothness must be"):
            graph_cut(image, seeds, smoothness=wrong)
    for wrong in (-1, 2.5, "a"):
        with pytest.raises(ValueError, match="components must be a whole number, 0 or more"):
            graph_cut(image, seeds, components=wrong)
    for box in ((5, 5, 5, 9), (0, 0, 25, 9), (-1, 0, 5, 5), (5, 0, 2, 9)):
        with pytest.raises(ValueError, match="top < bottom"):
            grab_cut(image, box)
    for box in ((1, 2, 3), (1.9, 1, 7, 8), ("a", 1, 7, 8), (np.nan, 1, 7, 8), 5):
        with pytest.raises(ValueError, match="four whole numbers"):
            grab_cut(image, box)
    with pytest.raises(ValueError, match="leaves no background"):
        grab_cut(image, (0, 0, 24, 24))
    with pytest.raises(ValueError, match="leave no pixel"):
        grab_cut(image, (1, 1, 5, 5), np.full(mask.shape, 2))
    for name in ("components", "rounds"):
        with pytest.raises(ValueError, match=f"{name} must be a whole number"):
            grab_cut(image, (1, 1, 5, 5), **{name: 0})


def test_boxes_on_real_photographs_do_about_as_well_as_in_opencv(real_data):
    pytest.importorskip("cv2", reason="OpenCV is in the dependency group `bench`")
    from benchmarks import real_grab_cut

    examples = list(real_grab_cut.photos(real_data, "bsds_photos", "train"))[::3]
    rows = list(real_grab_cut.compare(real_grab_cut.try_all(examples), "bsds_photos", "train"))
    iou = {(row[2], row[3]): float(row[5]) for row in rows}
    for prompt in ("box", "box and strokes"):
        assert iou[prompt, "course"] > iou[prompt, "OpenCV"] - 0.05
    assert iou["box and strokes", "course"] > iou["strokes", "course"]
