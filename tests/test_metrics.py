"""Scores against three trusted libraries, against exhaustive search, and against their own definitions."""

import doctest
import itertools
import warnings
from collections import Counter
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage, stats
from skimage import metrics as skimage_metrics
from sklearn import metrics as sklearn_metrics

from course_utils import metrics
from course_utils.metrics import (
    accuracy,
    adjusted_rand,
    balanced_accuracy,
    boundary,
    boundary_f,
    confusion_matrix,
    contingency,
    dice,
    hausdorff,
    iou,
    mask_dice,
    mask_iou,
    match_instances,
    mean_dice,
    mean_iou,
    paired_bootstrap,
    precision,
    recall,
    trimap,
    variation_of_information,
)

CLASSES = 5
SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9)
CLASS_DTYPES = st.sampled_from([np.uint8, np.int8, np.uint16, np.int32, np.int64, np.uint64])


def images(values, count=2, dtypes=CLASS_DTYPES):
    """Tuples of images (H, W) of one shape, each with its own integer dtype."""
    return SHAPES.flatmap(
        lambda shape: st.tuples(
            *[dtypes.flatmap(lambda d: hnp.arrays(d, shape, elements=values)) for _ in range(count)]
        )
    )


def masks(count=2):
    return SHAPES.flatmap(lambda shape: st.tuples(*[hnp.arrays(bool, shape)] * count))


class_pairs = images(st.integers(0, CLASSES - 1))
region_pairs = images(st.integers(0, 6))
chunks = st.sampled_from([4, 7, metrics.CHUNK])  # pixels counted at a time: the joints must not show


# --------------------------------------------------------------------------------------------------------
# Counting
# --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (st.booleans(), bool),
        (st.integers(0, 1), np.int64),
        (st.integers(0, 15), np.uint8),  # pairs fit into a byte
        (st.integers(0, 255), np.uint8),  # into two: 255 · 256 + 255 must not wrap around
        (st.sampled_from([0, 3, 70_000, 2**40]), np.int64),  # into neither
        (st.integers(-3, 3), np.int8),
        (st.integers(0, 1000), np.int32),
    ],
)
@given(data=st.data(), chunk=chunks)
def test_overlaps_are_what_a_counter_counts(values, dtype, data, chunk):
    a, b = data.draw(images(values, dtypes=st.just(dtype)))
    expected = Counter(zip(a.ravel().tolist(), b.ravel().tolist(), strict=True))
    with mock.patch.object(metrics, "CHUNK", chunk):
        pairs = metrics._overlaps(a, b)
    assert [*zip(*(part.tolist() for part in pairs), strict=True)] == [
        (*pair, pixels) for pair, pixels in sorted(expected.items())
    ]


def test_runs_of_many_labels_are_counted_across_chunks():
    a = np.repeat(np.arange(900), 700).reshape(900, 700)
    b = np.roll(a, 350)
    assert a.size > metrics.CHUNK
    pairs = metrics._overlaps(a, b)
    assert pairs.pixels.tolist() == [350] * 1800
    assert np.unique(pairs.target).size == 900


@given(class_pairs)
def test_confusion_matrix_equals_scikit_learn(pair):
    target, prediction = pair
    expected = sklearn_metrics.confusion_matrix(target.ravel(), prediction.ravel(), labels=range(CLASSES))
    matrix = confusion_matrix(target, prediction, CLASSES)
    assert matrix.dtype == np.int64
    np.testing.assert_array_equal(matrix, expected)


@given(images(st.sampled_from([0, 1, 2, 255]), dtypes=st.just(np.uint8)), st.integers(1, 2**31))
def test_ignored_pixels_equal_torchmetrics_and_hide_any_prediction(pair, seed):
    import torch
    from torchmetrics.functional.classification import multiclass_confusion_matrix

    target, prediction = pair
    prediction = np.minimum(prediction, 2)
    expected = multiclass_confusion_matrix(
        torch.tensor(prediction), torch.tensor(target.astype(int)), num_classes=3, ignore_index=255
    )
    matrix = confusion_matrix(target, prediction, 3)
    np.testing.assert_array_equal(matrix, expected)
    nonsense = np.random.default_rng(seed).integers(-9, 300, target.shape)
    hidden = np.where(target == 255, nonsense, prediction)
    np.testing.assert_array_equal(confusion_matrix(target, hidden, 3), matrix)


@given(class_pairs)
def test_ignore_can_be_another_number_or_none(pair):
    target, prediction = (image.astype(int) for image in pair)
    moved = np.where(target == 4, -100, target)
    prediction = np.minimum(prediction, 3)
    expected = confusion_matrix(np.where(target == 4, 255, target), prediction, 4)
    np.testing.assert_array_equal(confusion_matrix(moved, prediction, 4, ignore=-100), expected)
    assert confusion_matrix(target, prediction, 300, ignore=None).sum() == target.size


def test_layout_in_memory_does_not_matter():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, CLASSES, (2, 40, 30), dtype=np.uint8)
    expected = confusion_matrix(a.copy(), b.copy(), CLASSES)
    np.testing.assert_array_equal(confusion_matrix(np.asfortranarray(a), b, CLASSES), expected)
    np.testing.assert_array_equal(confusion_matrix(a[::-1, ::-1], b[::-1, ::-1], CLASSES), expected)
    wide = np.repeat(np.repeat(a, 2, axis=0), 3, axis=1)
    np.testing.assert_array_equal(confusion_matrix(wide[::2, ::3], b, CLASSES), expected)


@given(region_pairs)
def test_arguments_are_left_unchanged(pair):
    masks = [image > 2 for image in pair]
    before = [image.copy() for image in (*pair, *masks)]
    for score in (adjusted_rand, variation_of_information, match_instances, contingency):
        score(*pair)
    confusion_matrix(*pair, 7)
    for score in (mask_iou, boundary_f, hausdorff):
        score(*masks)
    for image, copy in zip((*pair, *masks), before, strict=True):
        np.testing.assert_array_equal(image, copy)


# --------------------------------------------------------------------------------------------------------
# Scores of a matrix
# --------------------------------------------------------------------------------------------------------


@given(class_pairs)
def test_class_scores_equal_scikit_learn(pair):
    target, prediction = (image.ravel().astype(int) for image in pair)
    matrix = confusion_matrix(target, prediction, CLASSES)
    seen = np.union1d(target, prediction)
    arguments = {"average": None, "labels": seen, "zero_division": 0}
    for ours, theirs in [
        (iou, sklearn_metrics.jaccard_score),
        (dice, sklearn_metrics.f1_score),
        (precision, sklearn_metrics.precision_score),
        (recall, sklearn_metrics.recall_score),
    ]:
        expected = np.full(CLASSES, np.nan)
        expected[seen] = theirs(target, prediction, **arguments)
        np.testing.assert_allclose(ours(matrix), expected, rtol=1e-12)
    assert accuracy(matrix) == pytest.approx(sklearn_metrics.accuracy_score(target, prediction))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns of predicted classes that are not in the truth
        expected = sklearn_metrics.balanced_accuracy_score(target, prediction)
    assert balanced_accuracy(matrix) == pytest.approx(expected)


@given(images(st.integers(0, 2)))
def test_means_equal_torchmetrics(pair):
    import torch
    from torchmetrics.functional.segmentation import mean_iou as theirs

    one_image = [torch.tensor(image.astype(int))[None] for image in pair]
    matrix = confusion_matrix(*pair, 3)
    expected = theirs(*one_image[::-1], num_classes=3, input_format="index")
    assert mean_iou(matrix) == pytest.approx(expected.item(), abs=1e-6)
    expected = theirs(*one_image[::-1], num_classes=3, input_format="index", include_background=False)
    assert mean_iou(matrix, background=False) == pytest.approx(expected.item(), abs=1e-6, nan_ok=True)


@given(class_pairs)
def test_mean_dice_is_scikit_learns_macro_f1(pair):
    target, prediction = (image.ravel().astype(int) for image in pair)
    matrix = confusion_matrix(target, prediction, CLASSES)
    assert mean_dice(matrix) == pytest.approx(
        sklearn_metrics.f1_score(target, prediction, average="macro", zero_division=0)
    )
    objects = np.setdiff1d(np.union1d(target, prediction), 0)
    expected = (
        sklearn_metrics.f1_score(target, prediction, average="macro", labels=objects, zero_division=0)
        if len(objects)
        else np.nan
    )
    assert mean_dice(matrix, background=False) == pytest.approx(expected, nan_ok=True)


@given(class_pairs)
def test_iou_and_dice_tell_the_same_of_one_image(pair):
    matrix = confusion_matrix(*pair, CLASSES)
    d = dice(matrix)
    np.testing.assert_allclose(iou(matrix), d / (2 - d))
    np.testing.assert_allclose(
        d, 2 * precision(matrix) * recall(matrix) / _positive(precision, recall, matrix)
    )


def _positive(precision, recall, matrix):
    total = precision(matrix) + recall(matrix)
    return np.where(total == 0, 1, total)


def test_iou_and_dice_rank_methods_differently_on_average():
    steady, uneven = np.array([0.5, 0.5]), np.array([1.0, 0.08])
    in_dice = [(2 * scores / (1 + scores)).mean() for scores in (steady, uneven)]
    assert uneven.mean() > steady.mean()
    assert in_dice[1] < in_dice[0]
    half = np.array([[0, 1], [1, 2]])  # the scores above are those of real matrices
    poor = np.array([[0, 46], [46, 8]])
    np.testing.assert_allclose([iou(half)[1], iou(poor)[1]], [0.5, 0.08])


@given(class_pairs, st.permutations(range(CLASSES)))
def test_renaming_the_classes_only_reorders_the_scores(pair, names):
    names = np.array(names)
    before = confusion_matrix(*pair, CLASSES)
    after = confusion_matrix(*(names[image.astype(int)] for image in pair), CLASSES)
    for score in (iou, dice, precision, recall):
        np.testing.assert_array_equal(score(after)[names], score(before))
    assert mean_iou(after) == pytest.approx(mean_iou(before))


@given(class_pairs)
def test_exchanging_truth_and_answer_transposes(pair):
    matrix = confusion_matrix(*pair, CLASSES)
    swapped = confusion_matrix(*pair[::-1], CLASSES)
    np.testing.assert_array_equal(swapped, matrix.T)
    np.testing.assert_array_equal(iou(swapped), iou(matrix))
    np.testing.assert_array_equal(dice(swapped), dice(matrix))
    np.testing.assert_array_equal(precision(swapped), recall(matrix))


@given(st.lists(class_pairs, min_size=1, max_size=4))
def test_a_stack_of_matrices_gives_pooled_scores_and_means_over_images(pairs):
    matrices = np.stack([confusion_matrix(*pair, CLASSES) for pair in pairs])
    for score in (accuracy, balanced_accuracy, precision, recall, iou, dice, mean_iou, mean_dice):
        np.testing.assert_array_equal(score(matrices), [score(matrix) for matrix in matrices])
    together = [np.concatenate([pair[i].ravel().astype(int) for pair in pairs]) for i in (0, 1)]
    np.testing.assert_array_equal(matrices.sum(axis=0), confusion_matrix(*together, CLASSES))


def test_an_absent_class_is_nan_and_one_sided_classes_score_zero():
    matrix = confusion_matrix([0, 0, 1], [0, 2, 2], 4)  # 1 is never predicted, 2 is not there, 3 is nowhere
    for score in (precision, recall, iou, dice):
        values = score(matrix)
        assert values[0] > 0
        assert values[1:3].tolist() == [0, 0]
        assert np.isnan(values[3])
    assert mean_iou(matrix) == pytest.approx(0.5 / 3)
    assert balanced_accuracy(matrix) == pytest.approx((0.5 + 0) / 2)


@pytest.mark.filterwarnings("error")
def test_where_everything_is_ignored_all_scores_are_nan_without_a_warning():
    matrix = confusion_matrix(np.full((3, 4), 255), np.zeros((3, 4), int), 3)
    assert matrix.sum() == 0
    for score in (accuracy, balanced_accuracy, precision, recall, iou, dice, mean_iou, mean_dice):
        assert np.isnan(score(matrix)).all()
    assert np.isnan(mean_iou(confusion_matrix([0], [0]), background=False))


def test_small_integers_do_not_overflow():
    matrix = np.array([[200, 50], [50, 200]], np.uint8)
    for score in (accuracy, balanced_accuracy, precision, recall, iou, dice):
        np.testing.assert_array_equal(score(matrix), score(matrix.astype(np.int64)))
    target = np.full((20, 20), 199, np.uint8)
    assert confusion_matrix(target, target, 200)[199, 199] == 400


# --------------------------------------------------------------------------------------------------------
# Masks and boundaries
# --------------------------------------------------------------------------------------------------------


@given(masks(), st.sampled_from([bool, np.uint8, np.int64]))
def test_mask_scores_are_those_of_the_object(pair, dtype):
    target, prediction = pair
    both, either = (target & prediction).sum(), (target | prediction).sum()
    expected = both / either if either else 1.0
    assert mask_iou(target.astype(dtype), prediction) == expected
    assert mask_dice(target, prediction.astype(dtype)) == pytest.approx(2 * expected / (1 + expected))
    assert mask_iou(target, prediction) == mask_iou(prediction, target)
    assert mask_iou(target, target) == mask_dice(target, target) == 1
    assert type(mask_iou(target, prediction)) is type(mask_dice(target, target)) is float


def test_empty_masks():
    empty, full = np.zeros((4, 5), bool), np.ones((4, 5), bool)
    for score in (mask_iou, mask_dice, boundary_f):
        assert score(empty, empty) == 1
        assert score(empty, full) == score(full, empty) == 0
    assert hausdorff(empty, empty) == 0
    assert hausdorff(empty, full) == hausdorff(full, empty) == np.inf


def test_masks_without_a_boundary():
    """Both lack one: right only where the masks are equal. One lacks it: nothing can be near."""
    empty, full, half = np.zeros((4, 5), bool), np.ones((4, 5), bool), np.eye(4, 5, dtype=bool)
    assert boundary_f(full, full) == 1
    assert hausdorff(full, full) == 0
    for pair in itertools.permutations([empty, full, half], 2):
        assert boundary_f(*pair, 30) == 0
        assert hausdorff(*pair) == np.inf


def test_a_single_pixel_is_an_image():
    one, none = np.array([[True]]), np.array([[False]])
    assert mask_iou(one, one) == boundary_f(one, one) == adjusted_rand(one, one) == 1
    assert hausdorff(one, one) == 0
    assert mask_iou(one, none) == boundary_f(one, none) == 0
    assert match_instances(one, one).pairs.tolist() == [[1, 1]]
    assert variation_of_information(one, none) == (0, 0)
    assert confusion_matrix(one, none).tolist() == [[0, 0], [1, 0]]


@given(masks(1))
def test_boundary_is_where_the_object_meets_background_inside_the_picture(pair):
    (mask,) = pair
    expected = np.zeros_like(mask)
    for y, x in np.argwhere(mask):
        neighbours = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
        expected[y, x] = any(
            0 <= i < mask.shape[0] and 0 <= j < mask.shape[1] and not mask[i, j] for i, j in neighbours
        )
    edge = boundary(mask)
    assert edge.dtype == bool
    np.testing.assert_array_equal(edge, expected)
    assert edge.any() == (mask.any() and not mask.all())


@given(masks(1), st.integers(0, 3), st.integers(0, 3), st.integers(1, 9), st.integers(1, 9))
def test_a_crop_invents_no_boundary(pair, top, left, height, width):
    window = np.s_[top : top + height, left : left + width]
    if pair[0][window].size:
        assert (boundary(pair[0][window]) <= boundary(pair[0])[window]).all()


@given(masks(1), st.integers(1, 3), st.sampled_from(["edge", "symmetric"]))
def test_boundary_is_that_of_a_picture_which_goes_on_beyond_its_frame(pair, r, mode):
    wider = boundary(np.pad(pair[0], r, mode=mode))
    np.testing.assert_array_equal(wider[r:-r, r:-r], boundary(pair[0]))


@given(
    images(st.sampled_from([0, 1, 2, 255]), 1, st.sampled_from([np.uint8, np.int64])),
    st.sampled_from([0, 1, 1.5, 3]),
)
def test_a_trimap_holds_what_is_near_another_class(pair, width):
    (target,) = pair
    expected = np.zeros(target.shape, bool)
    for here, there in itertools.product(np.ndindex(target.shape), repeat=2):
        if target[here] != target[there] and 255 not in (target[here], target[there]):
            expected[here] |= np.hypot(*np.subtract(here, there)) <= width
    np.testing.assert_array_equal(trimap(target, width), expected)
    if not (target == 255).any():
        np.testing.assert_array_equal(trimap(target, width, ignore=None), expected)


def test_a_trimap_has_as_much_on_either_side_of_a_straight_boundary():
    mask = np.zeros((20, 30), bool)
    mask[:, 12:] = True
    for width in (1, 2, 5):
        band = trimap(mask, width)
        assert (band.sum(axis=1) == 2 * width).all() and band[:, 12 - width : 12 + width].all()
    prediction = np.roll(mask, 1, axis=1)  # one pixel off at the boundary, and wrong at the frame
    prediction[:, 0] = False
    scores = [
        iou(confusion_matrix(np.where(trimap(mask, width), mask, 255), prediction))[1] for width in (1, 2, 5)
    ]
    assert scores == [0, 1 / 2, 4 / 5]


@pytest.mark.parametrize(
    ("target", "width", "message"),
    [
        (np.zeros(4, int), 1, "need an image"),
        (np.zeros((2, 2), int), -1, "0 or more"),
        (np.zeros((2, 2)), 1, "target"),
    ],
)
def test_what_has_no_trimap(target, width, message):
    with pytest.raises((ValueError, TypeError), match=message):
        trimap(target, width)


def distances(sources, goals):
    """From each source pixel to the nearest goal, by the distance transform of the whole image."""
    return ndimage.distance_transform_edt(~goals)[sources]


@given(masks(), st.sampled_from([0, 1, np.sqrt(2), 2.0, 2.5, 30]))
def test_boundary_f_is_the_harmonic_mean_of_two_shares(pair, tolerance):
    target, prediction = pair
    edges = [boundary(mask) for mask in (prediction, target)]
    if all(edge.any() for edge in edges):
        shares = [np.mean(distances(*order) <= tolerance) for order in (edges, edges[::-1])]
        expected = stats.hmean(shares) if min(shares) > 0 else 0
        assert boundary_f(target, prediction, tolerance) == pytest.approx(expected)
    assert boundary_f(target, prediction, tolerance) == boundary_f(prediction, target, tolerance)
    assert boundary_f(target, target, 0) == 1
    assert boundary_f(target, prediction, tolerance) <= boundary_f(target, prediction, tolerance + 1)


def test_boundary_f_counts_a_contour_exactly_at_the_tolerance():
    target, prediction = np.zeros((2, 9, 30), bool)
    target[:, 5], prediction[:, 8] = True, True
    assert boundary_f(target, prediction, 3) == 1
    assert boundary_f(target, prediction, 2.999) == 0


@given(masks(), st.sampled_from([0, 50, 95, 100]))
def test_hausdorff_equals_scikit_image_on_the_boundaries(pair, percentile):
    target, prediction = pair
    edges = [boundary(mask) for mask in pair]
    assert hausdorff(target, prediction, percentile) == hausdorff(prediction, target, percentile)
    assert hausdorff(target, target) == 0
    if all(edge.any() for edge in edges):
        assert hausdorff(target, prediction) == skimage_metrics.hausdorff_distance(*edges)
        expected = [np.percentile(distances(*order), percentile) for order in (edges, edges[::-1])]
        assert hausdorff(target, prediction, percentile) == pytest.approx(max(expected))


@given(masks(), st.sampled_from([0, 1, 2.5]))
def test_beside_its_mirror_image_a_picture_scores_the_same(pair, tolerance):
    """What the mirror shows is never nearer than what it mirrors, so every distance occurs twice as often."""
    for axis in (0, 1):
        doubled = [np.concatenate([mask, np.flip(mask, axis)], axis) for mask in pair]
        assert boundary_f(*doubled, tolerance) == pytest.approx(boundary_f(*pair, tolerance))
        assert hausdorff(*doubled) == hausdorff(*pair)


def test_the_frame_earns_nothing():
    """Two objects that share three sides of the frame, and nothing of the boundary."""
    target, prediction = np.zeros((2, 40, 60), bool)
    target[:, :20], prediction[:, :30] = True, True
    assert boundary_f(target, prediction, 2) == 0
    assert hausdorff(target, prediction) == hausdorff(target, prediction, 0) == 10
    assert mask_iou(target, prediction) == pytest.approx(2 / 3)


@given(st.integers(4, 9).flatmap(lambda n: st.tuples(*[hnp.arrays(bool, (n, n))] * 2)))
def test_within_the_frame_boundary_and_hausdorff_are_those_of_torchmetrics(pair):
    import torch
    from torchmetrics.functional.segmentation import hausdorff_distance
    from torchmetrics.functional.segmentation.utils import mask_edges

    pair = [
        np.pad(mask[1:-1, 1:-1], 1) for mask in pair
    ]  # square: for others torchmetrics 1.9 raises IndexError
    if all(mask.any() for mask in pair):
        prediction, target = (torch.tensor(mask.astype(int)) for mask in pair)
        edges = mask_edges(prediction, target, crop=False)
        np.testing.assert_array_equal(edges[0], boundary(pair[0]))
        np.testing.assert_array_equal(edges[1], boundary(pair[1]))
        expected = hausdorff_distance(
            prediction[None], target[None], num_classes=2, include_background=False, input_format="index"
        )
        assert hausdorff(*pair[::-1]) == pytest.approx(expected.item())


@given(masks(3))
def test_hausdorff_obeys_the_triangle_inequality(three):
    a, b, c = three
    if all(boundary(mask).any() for mask in three):
        assert hausdorff(a, c) <= hausdorff(a, b) + hausdorff(b, c) + 1e-9


def test_one_stray_pixel_decides_the_maximum_but_not_the_percentile():
    target = np.zeros((60, 60), bool)
    target[10:40, 10:40] = True
    prediction = target.copy()
    prediction[55, 55] = True
    assert hausdorff(target, prediction) == pytest.approx(16 * np.sqrt(2))
    assert hausdorff(target, prediction, 95) == 0


# --------------------------------------------------------------------------------------------------------
# Instances
# --------------------------------------------------------------------------------------------------------


def instance_ious(target, prediction):
    """{(target label, prediction label): IoU} for the instances that overlap, by looking at each pair."""
    table = {}
    for t, p in itertools.product(np.unique(target[target > 0]), np.unique(prediction[prediction > 0])):
        if both := ((target == t) & (prediction == p)).sum():
            table[int(t), int(p)] = both / ((target == t) | (prediction == p)).sum()
    return table


def best_pairing(candidates):
    """(number of pairs, sum of IoU) of the best one-to-one choice among {(t, p): iou}, trying all."""
    if not candidates:
        return 0, 0.0
    (t, p), value = next(iter(candidates.items()))
    without = {pair: v for pair, v in candidates.items() if pair != (t, p)}
    compatible = {pair: v for pair, v in without.items() if pair[0] != t and pair[1] != p}
    pairs, total = best_pairing(compatible)
    return max((pairs + 1, total + value), best_pairing(without))


@given(region_pairs, st.sampled_from([0, 0.1, 0.25, 1 / 3, 0.49, 0.5, 0.7, 0.99]))
def test_matches_are_the_best_of_all_pairings(pair, at):
    target, prediction = pair
    candidates = {pair: value for pair, value in instance_ious(target, prediction).items() if value > at}
    found = match_instances(target, prediction, at)
    for (t, p), value in zip(found.pairs.tolist(), found.ious, strict=True):
        assert candidates[t, p] == pytest.approx(value)
    pairs, total = best_pairing(candidates)
    assert (len(found.pairs), found.ious.sum()) == (pairs, pytest.approx(total))
    if at >= 0.5:
        assert len(candidates) == pairs  # nothing was left to choose
    for side, labels, alone in ((0, target, found.missed), (1, prediction, found.spurious)):
        every = np.concatenate([found.pairs[:, side], alone])
        assert sorted(every) == np.unique(labels[labels > 0]).tolist()
    assert found.pairs[:, 0].tolist() == sorted(found.pairs[:, 0])


def test_more_pairs_come_before_better_pairs():
    target = np.array([1] * 8 + [2] * 2)
    prediction = np.array([1] * 2 + [2] * 8)
    # (1, 2) alone has IoU 0.6; (1, 1) and (2, 2) have 0.25 each, less in sum, but they are two
    assert match_instances(target, prediction, 0.2).pairs.tolist() == [[1, 1], [2, 2]]
    assert match_instances(target, prediction, 0.3).pairs.tolist() == [[1, 2]]
    target = np.repeat([1, 1, 2, 2, 3], [2, 80, 2, 80, 2])
    prediction = np.repeat([1, 2, 2, 3, 3], [2, 80, 2, 80, 2])
    # three poor pairs, of IoU 0.03 or less, or two that are nearly perfect
    assert match_instances(target, prediction, 0).pairs.tolist() == [[1, 1], [2, 2], [3, 3]]
    assert match_instances(target, prediction, 0.1).pairs.tolist() == [[1, 2], [2, 3]]


def test_two_halves_cannot_both_match_the_whole():
    found = match_instances([5, 5, 0], [1, 2, 0], at=0.49)
    assert (len(found.pairs), len(found.missed), len(found.spurious)) == (1, 0, 1)
    assert found.ious.tolist() == [0.5]


def test_an_iou_of_exactly_one_half_is_no_match_at_one_half():
    found = match_instances([1, 1, 0], [1, 0, 0], at=0.5)
    assert (found.f1, found.dsb, found.pq, found.sq, found.rq) == (0, 0, 0, 0, 0)
    assert match_instances([1, 1, 0], [1, 0, 0], at=0.49).f1 == 1


@given(images(st.integers(0, 4)))
def test_panoptic_quality_equals_torchmetrics(pair):
    import torch
    from torchmetrics.functional.detection import panoptic_quality

    found = match_instances(*pair)
    things = [
        torch.tensor(np.stack([(image > 0).astype(int), image.astype(int)], axis=-1))[None] for image in pair
    ]
    scores = panoptic_quality(
        *things[::-1], things={1}, stuffs={0}, return_per_class=True, return_sq_and_rq=True
    )
    if pair[0].any() or pair[1].any():  # torchmetrics gives 0 where there is nothing to find; our policy is 1
        np.testing.assert_allclose(scores.reshape(-1, 3)[0], [found.pq, found.sq, found.rq], atol=1e-12)
    else:
        assert found.pq == found.sq == found.rq == 1


@given(region_pairs, st.sampled_from([0, 0.3, 0.5, 0.8]))
def test_instance_scores_follow_from_their_counts(pair, at):
    found = match_instances(*pair, at=at)
    tp, fn, fp = len(found.pairs), len(found.missed), len(found.spurious)
    if tp + fn + fp:
        assert found.f1 == found.rq == 2 * tp / (2 * tp + fn + fp)
        assert found.dsb == tp / (tp + fn + fp)
        assert found.dsb == pytest.approx(found.f1 / (2 - found.f1))
    assert found.pq == pytest.approx(found.sq * found.rq)
    swapped = match_instances(*pair[::-1], at=at)
    assert (swapped.f1, swapped.dsb) == (found.f1, found.dsb)
    assert swapped.pq == pytest.approx(found.pq)
    perfect = match_instances(pair[0], pair[0], at=at)
    assert perfect.f1 == perfect.dsb == perfect.pq == perfect.sq == 1


@given(region_pairs, st.permutations(range(1, 7)), st.integers(1, 10_000))
def test_numbers_of_instances_mean_nothing(pair, names, factor):
    names = factor * np.array([0, *names])
    before = match_instances(*pair, at=0.2)
    after = match_instances(pair[0], names[pair[1].astype(int)], at=0.2)
    assert (after.f1, after.dsb, after.pq) == pytest.approx((before.f1, before.dsb, before.pq))
    assert adjusted_rand(pair[0], names[pair[1].astype(int)]) == pytest.approx(adjusted_rand(*pair))


# --------------------------------------------------------------------------------------------------------
# Clusterings
# --------------------------------------------------------------------------------------------------------


@given(region_pairs, st.sampled_from([1, 100]))
def test_contingency_equals_scikit_image(pair, spread):
    target, prediction = pair[0].astype(int) * spread, pair[1].astype(int)
    table = contingency(target, prediction)
    assert table.dtype == np.int64
    np.testing.assert_array_equal(table, skimage_metrics.contingency_table(target, prediction).toarray())


@given(images(st.integers(-1, 6), dtypes=st.sampled_from([np.int8, np.int64])))
def test_adjusted_rand_equals_scikit_learn(pair):
    expected = sklearn_metrics.adjusted_rand_score(*(image.ravel() for image in pair))
    assert adjusted_rand(*pair) == pytest.approx(expected, abs=1e-12)
    assert adjusted_rand(*pair[::-1]) == pytest.approx(expected, abs=1e-12)
    assert adjusted_rand(pair[0], pair[0]) == 1


def test_adjusted_rand_of_random_partitions_is_zero_on_average():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 25)
    values = [adjusted_rand(labels, rng.permutation(labels)) for _ in range(300)]
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(len(values))
    assert min(values) < 0


def test_adjusted_rand_is_exact_for_large_images():
    labels = np.repeat(np.arange(2), 2_000_000).reshape(2000, 2000)
    assert adjusted_rand(labels, labels) == 1  # products of pair counts exceed 64 bits
    assert adjusted_rand(labels, labels.T) == pytest.approx(0, abs=1e-6)


@given(region_pairs)
def test_variation_of_information_equals_scikit_image(pair):
    ours = variation_of_information(*pair)
    theirs = skimage_metrics.variation_of_information(*(image.astype(int) for image in pair))
    assert ours.total == pytest.approx(theirs.sum(), abs=1e-9)
    np.testing.assert_allclose(ours, theirs, atol=1e-9)
    assert variation_of_information(*pair[::-1]) == pytest.approx(ours[::-1])
    assert variation_of_information(pair[0], pair[0]) == (0, 0)


def test_split_and_merge_are_told_apart():
    one, halves = np.zeros((4, 4), int), np.repeat([[0, 0, 1, 1]], 4, axis=0)
    assert variation_of_information(one, halves) == (1, 0)  # one bit says which half a pixel went to
    assert variation_of_information(halves, one) == (0, 1)


@given(images(st.integers(0, 4), count=3))
def test_variation_of_information_obeys_the_triangle_inequality(three):
    a, b, c = three
    direct = variation_of_information(a, c).total
    assert direct <= variation_of_information(a, b).total + variation_of_information(b, c).total + 1e-9


# --------------------------------------------------------------------------------------------------------
# Probabilities
# --------------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 10, 15]))
def test_calibration_error_equals_torchmetrics(seed, bins):
    import torch
    from torchmetrics.functional.classification import binary_calibration_error

    rng = np.random.default_rng(seed)
    probability = rng.random((7, 9))
    event = rng.random((7, 9)) < probability**2
    found = metrics.calibration(probability, event, bins)
    expected = binary_calibration_error(torch.tensor(probability), torch.tensor(event), bins)
    assert found.error == pytest.approx(expected.item(), abs=1e-6)
    assert found.counts.sum() == 63
    assert np.nansum(found.counts * found.came) == pytest.approx(event.sum())
    assert np.nansum(found.counts * found.said) == pytest.approx(probability.sum())


def test_calibration_at_the_ends():
    found = metrics.calibration([0.0, 1.0, 1.0, 0.5], np.array([False, True, False, True]), bins=2)
    assert found.counts.tolist() == [2, 2]  # 0.5 is on the edge, and counts below it
    assert found.said.tolist() == [0.25, 1.0] and found.came.tolist() == [0.5, 0.5]
    assert found.error == pytest.approx((2 * 0.25 + 2 * 0.5) / 4)
    assert metrics.calibration([], np.zeros(0, bool)).error == 0


@pytest.mark.parametrize(
    ("probability", "event", "message"),
    [
        ([0.5], np.array([1]), "and bool"),
        ([0.5, 0.1], np.array([True]), "same shape"),
        ([1.5], np.array([True]), "softmax"),
        ([np.nan], np.array([True]), "softmax"),
    ],
)
def test_calibration_of_what_is_no_probability_is_refused(probability, event, message):
    with pytest.raises(ValueError, match=message):
        metrics.calibration(probability, event)


@given(st.integers(0, 2**32 - 1), st.sampled_from([3, 10, 1000]))
def test_average_precision_equals_scikit_learn_with_ties_too(seed, levels):
    from sklearn.metrics import average_precision_score

    rng = np.random.default_rng(seed)
    score = rng.integers(0, levels, (6, 8)) / levels
    event = rng.random((6, 8)) < score**2 + 0.02
    event[0, 0] = True
    found = metrics.average_precision(score, event)
    assert found == pytest.approx(average_precision_score(event.ravel(), score.ravel()))
    assert metrics.average_precision(np.exp(3 * score) - 7, event) == found  # only the order counts


def test_average_precision_at_the_ends():
    event = np.array([True, False, True, False])
    assert metrics.average_precision([4, 1, 3, 2], event) == 1
    assert metrics.average_precision([1, 1, 1, 1], event) == 0.5  # no order: their share
    assert metrics.average_precision([2, 4, 1, 3], event) == pytest.approx((1 / 3 + 2 / 4) / 2)
    assert np.isnan(metrics.average_precision([1, 2], np.zeros(2, bool)))
    assert np.isnan(metrics.average_precision([], np.zeros(0, bool)))
    with pytest.raises(ValueError, match="NaN"):
        metrics.average_precision([1, np.nan], np.ones(2, bool))
    with pytest.raises(ValueError, match="same shape"):
        metrics.average_precision([1, 2, 3], np.ones(2, bool))


# --------------------------------------------------------------------------------------------------------
# Bootstrap
# --------------------------------------------------------------------------------------------------------


def test_bootstrap_approaches_the_exact_distribution_of_three_images():
    a, b = np.array([4, 5, 6]) / 8, np.array([6, 4, 7]) / 8
    exact = [np.mean([(b - a)[i] for i in draw]) for draw in itertools.product(range(3), repeat=3)]
    found = paired_bootstrap(a, b, 20_000, confidence=0.6)
    assert found.difference == pytest.approx(np.mean(b - a))
    assert found.ahead == pytest.approx(np.mean(np.sign(exact) / 2 + 0.5), abs=0.015)
    lowest, highest = np.quantile(exact, [0.2, 0.8], method="inverted_cdf")
    assert (found.low, found.high) == pytest.approx((lowest, highest), abs=0.011)


def test_bootstrap_agrees_with_scipy():
    rng = np.random.default_rng(1)
    a = rng.uniform(0.5, 0.9, 40)
    b = a + rng.normal(0.01, 0.05, 40)
    theirs = stats.bootstrap((b - a,), np.mean, method="percentile", n_resamples=9999, random_state=2)
    found = paired_bootstrap(a, b)
    spread = theirs.standard_error
    assert found.low == pytest.approx(theirs.confidence_interval.low, abs=0.1 * spread)
    assert found.high == pytest.approx(theirs.confidence_interval.high, abs=0.1 * spread)
    assert found == paired_bootstrap(a, b, seed=0) != paired_bootstrap(a, b, seed=1)


@given(hnp.arrays(float, st.integers(2, 9), elements=st.floats(0, 1)), st.floats(-1, 1))
def test_bootstrap_of_a_constant_gain_is_certain(scores, gain):
    found = paired_bootstrap(scores, scores + gain, 50)
    assert found[:3] == pytest.approx([gain] * 3, abs=1e-12)
    if abs(gain) > 1e-9:
        assert found.ahead == (gain > 0)


def test_bootstrap_of_a_method_against_itself_knows_nothing():
    assert paired_bootstrap([0.2, 0.9], [0.2, 0.9], 100) == (0, 0, 0, 0.5)


def test_pairing_sees_what_separate_means_do_not():
    rng = np.random.default_rng(0)
    difficulty = rng.uniform(0.2, 0.9, 50)
    better = difficulty + 0.01 + rng.normal(0, 0.005, 50)
    assert paired_bootstrap(difficulty, better, 500).low > 0
    assert paired_bootstrap(difficulty, rng.permutation(better), 500).low < 0


# --------------------------------------------------------------------------------------------------------
# What is refused
# --------------------------------------------------------------------------------------------------------

two, tall, wide = np.zeros((2, 2), int), np.zeros((3, 2), int), np.zeros((2, 3), int)
nan = np.array([[0, np.nan], [0, 0]])
matrix = np.eye(2, dtype=int)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: confusion_matrix(tall, wide), ValueError, ["(3, 2)", "(2, 3)", "swapped", "transpose"]),
        (lambda: confusion_matrix(two, wide), ValueError, ["(2, 2)", "(2, 3)", "nearest", "argmax"]),
        (lambda: confusion_matrix([], []), ValueError, ["(0,)", "no pixel"]),
        (lambda: confusion_matrix(two, nan), ValueError, ["prediction", "NaN", "1 of 4"]),
        (lambda: confusion_matrix(nan, two), ValueError, ["target", "NaN"]),
        (lambda: confusion_matrix(two, two / 2), TypeError, ["prediction", "float64", "> 0.5", "argmax"]),
        (lambda: confusion_matrix(two, np.full((2, 2), "a")), TypeError, ["prediction", "<U1"]),
        (lambda: confusion_matrix(two + 7, two, 7), ValueError, ["target", "7 in 4", "0 … 6", "255"]),
        (lambda: confusion_matrix(two, two - 1), ValueError, ["prediction", "-1 in 4", "0 … 1"]),
        (lambda: confusion_matrix(two, two + 255), ValueError, ["prediction", "255", "mask > 0"]),
        (lambda: confusion_matrix(two, two, 1), ValueError, ["classes", "1", "2 or more"]),
        (lambda: confusion_matrix(two, two, 2.0), ValueError, ["classes", "2.0", "whole number"]),
        (lambda: confusion_matrix(two, two, 300), ValueError, ["ignore=255", "ignore=None"]),
        (lambda: mask_iou(two, two + 255), ValueError, ["prediction", "255", "labels > 0"]),
        (lambda: mask_dice(two - 1, two), ValueError, ["target", "-1", "bool"]),
        (lambda: mask_iou(two, two * 0.5), TypeError, ["prediction", "float64"]),
        (lambda: mask_iou(tall, wide), ValueError, ["(3, 2)", "swapped"]),
        (lambda: boundary(np.zeros((2, 2, 2), bool)), ValueError, ["(2, 2, 2)", "(H, W)"]),
        (lambda: boundary(two + 2), ValueError, ["mask", "2", "bool"]),
        (lambda: boundary_f(two[0], two[0]), ValueError, ["(2,)", "(H, W)"]),
        (lambda: boundary_f(two, two, -1), ValueError, ["tolerance", "-1", "0 or more"]),
        (lambda: boundary_f(two, two, np.nan), ValueError, ["tolerance", "nan"]),
        (lambda: hausdorff(two, two, 101), ValueError, ["percentile", "101", "0 … 100"]),
        (lambda: match_instances(two - 3, two), ValueError, ["target", "-3", "target[target < 0] = 0"]),
        (lambda: match_instances(two, two, at=1), ValueError, ["at is 1", "less than 1"]),
        (lambda: match_instances(two, two * 1.0), TypeError, ["prediction", "float64"]),
        (lambda: contingency(two, two - 1), ValueError, ["prediction", "-1"]),
        (lambda: contingency(two + 2**40, two + 9), ValueError, ["does not fit", "np.unique"]),
        (lambda: adjusted_rand(two, wide), ValueError, ["(2, 2)", "(2, 3)"]),
        (lambda: variation_of_information(two, nan), ValueError, ["prediction", "NaN"]),
        (lambda: iou(matrix[0]), ValueError, ["(2,)", "(K, K)"]),
        (lambda: iou(np.zeros((2, 3))), ValueError, ["(2, 3)", "(K, K)"]),
        (lambda: dice(matrix / 2), ValueError, ["whole numbers", "normalise"]),
        (lambda: accuracy(matrix * np.nan), ValueError, ["whole numbers"]),
        (lambda: accuracy(-matrix), ValueError, ["0 or more"]),
        (lambda: accuracy(matrix + np.inf), ValueError, ["whole numbers"]),
        (lambda: paired_bootstrap([1, 2], [1]), ValueError, ["(2,)", "(1,)", "same images"]),
        (lambda: paired_bootstrap([1], [1]), ValueError, ["at least two"]),
        (lambda: paired_bootstrap([1, np.nan], [1, 2]), ValueError, ["NaN", "out of both"]),
        (lambda: paired_bootstrap([1, 2], [1, 2], 0), ValueError, ["draws=0"]),
        (lambda: paired_bootstrap([1, 2], [1, 2], confidence=95), ValueError, ["95", "between 0 and 1"]),
    ],
)
@pytest.mark.filterwarnings("error")
def test_errors_say_what_was_wrong_and_what_to_do(call, error, words):
    with pytest.raises(error) as raised:
        call()
    for word in words:
        assert word in str(raised.value)


# Partitions against drawn regions ------------------------------------------------------------------------


@given(
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=8).flatmap(
        lambda shape: st.tuples(*[hnp.arrays(np.int64, shape, elements=st.integers(0, 3))] * 2)
    )
)
def test_covering_leaks_and_recall_are_what_their_definitions_say(pair):
    target, prediction = pair
    covered = leaked = 0
    for r in np.unique(target):
        region = target == r
        others = [prediction == s for s in np.unique(prediction)]
        covered += region.sum() * max((region & o).sum() / (region | o).sum() for o in others)
        leaked += sum(min((region & o).sum(), (o & ~region).sum()) for o in others)
    assert metrics.covering(target, prediction) == pytest.approx(covered / target.size)
    assert metrics.under_segmentation_error(target, prediction) == pytest.approx(leaked / target.size)
    assert metrics.covering(target, target) == 1 and metrics.under_segmentation_error(target, target) == 0
    for tolerance in (0, 1, 2):
        true, given_borders = (np.argwhere(borders(labels)) for labels in pair)
        near = [len(given_borders) and abs(given_borders - p).max(axis=1).min() <= tolerance for p in true]
        expected = np.mean(near) if near else 1
        assert metrics.boundary_recall(target, prediction, tolerance) == pytest.approx(expected)


def borders(labels):
    height, width = labels.shape
    return [
        [len(set(labels[y : y + 2, x]) | set(labels[y, x : x + 2])) > 1 for x in range(width)]
        for y in range(height)
    ]


def test_covering_and_leaks_by_hand():
    target = np.array([[1, 1, 1, 2, 2, 2]])
    prediction = np.array([[1, 1, 1, 1, 2, 2]])
    assert metrics.covering(target, prediction) == pytest.approx((3 * 3 / 4 + 3 * 2 / 3) / 6)
    assert metrics.under_segmentation_error(target, prediction) == pytest.approx((1 + 1) / 6)
    assert metrics.boundary_recall(target, prediction, 0) == 0
    assert metrics.boundary_recall(target, prediction, 1) == 1
    with pytest.raises(ValueError, match="whole number of pixels"):
        metrics.boundary_recall(target, prediction, 1.5)
    with pytest.raises(ValueError, match="borders need an image"):
        metrics.boundary_recall(target[0], prediction[0])


def test_the_examples_in_the_docstrings_hold():
    failed, tried = doctest.testmod(metrics)
    assert tried >= 3
    assert failed == 0


def test_the_entrants_of_the_benchmark_agree():
    from benchmarks.metrics import races, same

    for race in races():
        arguments = race.make(0.01)
        answers = {name: call(*arguments) for name, call in race.entrants.items()}
        assert next(iter(answers)) == "course"
        assert len(answers) > 1
        race.check(answers)
    with pytest.raises(AssertionError, match="other"):
        same({"course": 0.5, "other": 0.6})
