"""Losses: gradients, limits, identities, what other libraries say, and nothing that could become NaN."""

from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from torch.nn import functional as F
from torchvision.ops import sigmoid_focal_loss

from course_utils import losses, metrics, training

LOSSES = {
    "cross-entropy": losses.cross_entropy,
    "weighted": partial(losses.cross_entropy, weights=[0.2, 3, 1]),
    "smoothed": partial(losses.cross_entropy, smoothing=0.1),
    "focal": losses.focal,
    "focal, γ ½, weighted": partial(losses.focal, gamma=0.5, weights=[1, 2, 3]),
    "dice": losses.dice,
    "tversky": partial(losses.tversky, alpha=0.3, beta=0.7),
    "tversky, false alarms free": partial(losses.tversky, alpha=0, beta=1),
    "lovasz": losses.lovasz,
    "cldice": partial(losses.cldice, classes=[1, 2]),
    "boundary": losses.boundary,
    "mixed": losses.mixed((1, losses.dice), (0.01, partial(losses.boundary, classes=[1]))),
}
every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())


@st.composite
def cases(draw, classes=None):
    """(logits float64, target) of a few pixels, some of them ignored; classes may be absent."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    classes = classes or draw(st.integers(2, 4))
    shape = draw(st.integers(1, 3)), draw(st.integers(1, 6)), draw(st.integers(1, 6))
    logits = torch.from_numpy(
        rng.normal(0, draw(st.sampled_from([0.1, 1, 5])), (shape[0], classes, *shape[1:]))
    )
    target = rng.integers(0, draw(st.integers(1, classes)), shape)
    target[rng.random(shape) < draw(st.sampled_from([0, 0.3]))] = 255
    return logits, torch.from_numpy(target)


def hard(prediction, classes):
    """Logits whose softmax is exactly 0 or 1."""
    return 1e4 * F.one_hot(prediction, classes).movedim(-1, 1).double()


def gradient(loss, logits, target):
    logits = logits.clone().requires_grad_()
    value = loss(logits, target)
    value.backward()
    return value.item(), logits.grad


# -- what holds for all of them -------------------------------------------------------------------------


@every_loss
def test_the_gradient_is_the_slope(loss):
    rng = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 4, 5, generator=rng, dtype=torch.float64, requires_grad=True)
    target = torch.randint(3, (2, 4, 5), generator=rng)
    target[0, 0, :3] = 255
    assert torch.autograd.gradcheck(lambda x: loss(x, target), logits)


@every_loss
@settings(max_examples=20)
@given(cases(classes=3), st.sampled_from([torch.float32, torch.float64]), st.sampled_from([1, 1e2, 1e4, 1e8]))
def test_no_finite_logits_give_a_value_or_slope_that_is_not_finite(loss, case, dtype, scale):
    value, slope = gradient(loss, (scale * case[0]).to(dtype), case[1])
    assert np.isfinite(value) and slope.isfinite().all()


LARGEST = {dtype: torch.finfo(dtype).max for dtype in (torch.float16, torch.bfloat16, torch.float32)}


@every_loss
@pytest.mark.parametrize("dtype", LARGEST)
@pytest.mark.parametrize("right", [True, False])
def test_the_largest_logits_there_are_give_a_finite_value_and_slope(loss, dtype, right):
    target = torch.tensor([[[0, 1, 2, 255], [0, 0, 1, 2]]])
    answer = (
        torch.where(target == 255, 0, target) if right else (torch.where(target == 255, 0, target) + 1) % 3
    )
    logits = LARGEST[dtype] * (2 * F.one_hot(answer, 3).movedim(-1, 1) - 1).to(dtype)
    value, slope = gradient(loss, logits, target)
    assert np.isfinite(value) and slope.isfinite().all()
    if right and loss not in (LOSSES["smoothed"], LOSSES["boundary"], LOSSES["mixed"]):
        assert value == pytest.approx(0, abs=1e-6)


def test_the_largest_logits_are_finite_with_shares_too():
    logits = LARGEST[torch.float32] * torch.tensor([1.0, -1, -1]).reshape(1, 3, 1, 1)
    for k in range(3):
        shares = F.one_hot(torch.tensor([[[k]]]), 3).movedim(-1, 1).float()
        value, slope = gradient(losses.soft_cross_entropy, logits, shares)
        assert np.isfinite(value) and slope.isfinite().all() and (value == 0) == (k == 0)


@every_loss
@pytest.mark.parametrize("shape", [(0, 3, 4, 4), (2, 3, 0, 4)])
def test_a_batch_without_a_pixel_is_refused(loss, shape):
    with pytest.raises(ValueError, match="no pixel"):
        loss(torch.zeros(shape), torch.zeros(shape[0], *shape[2:], dtype=torch.int64))


@every_loss
@settings(max_examples=15)
@given(cases(classes=3))
def test_an_ignored_pixel_is_worth_nothing(loss, case):
    logits, target = case
    ignored = (target == 255)[:, None].expand_as(logits)
    value, slope = gradient(loss, logits, target)
    other, _ = gradient(loss, torch.where(ignored, 7 - 3 * logits, logits), target)
    assert value == pytest.approx(other, abs=1e-12)
    assert (slope[ignored] == 0).all()


@every_loss
def test_where_nothing_counts_the_loss_is_0_and_teaches_nothing(loss):
    value, slope = gradient(loss, torch.randn(2, 3, 4, 4), torch.full((2, 4, 4), 255))
    assert value == 0 and (slope == 0).all()


@every_loss
@settings(max_examples=15)
@given(cases(classes=3), st.floats(-50, 50))
def test_a_number_added_to_all_scores_of_a_pixel_changes_nothing(loss, case, number):
    logits, target = case
    assert loss(logits + number, target).item() == pytest.approx(loss(logits, target).item(), abs=1e-9)


@every_loss
def test_going_downhill_finds_the_truth(loss):
    target = torch.zeros(1, 9, 9, dtype=torch.int64)
    target[0, 2:7, 3:6], target[0, 4] = 1, 2
    logits = torch.randn(1, 3, 9, 9, generator=torch.Generator().manual_seed(0)).requires_grad_()
    optimiser = torch.optim.Adam([logits], 0.3)
    for _ in range(120):
        optimiser.zero_grad()
        loss(logits, target).backward()
        optimiser.step()
    found = logits.argmax(1)
    if loss is LOSSES["cldice"] or loss is LOSSES["tversky, false alarms free"]:  # these forgive false alarms
        assert (found == 2)[target == 2].all()
    else:
        assert (found == target).all()


@pytest.mark.parametrize(
    ("logits", "target", "message"),
    [
        (torch.zeros(1, 1, 2, 2), torch.zeros(1, 2, 2, dtype=int), "K of 2 or more"),
        (torch.zeros(3, 2, 2), torch.zeros(3, 2, 2, dtype=int), "expected .B, K, H, W."),
        (torch.zeros(1, 3, 2, 2), torch.zeros(1, 2, 3, dtype=int), "expected class numbers"),
        (torch.zeros(1, 3, 2, 2), torch.zeros(1, 2, 2), "int64"),
        (torch.zeros(1, 3, 2, 2), torch.full((1, 2, 2), 3), "expected 0 … 2, or 255"),
        (torch.zeros(1, 3, 2, 2), torch.full((1, 2, 2), -1), "expected 0 … 2, or 255"),
    ],
)
@every_loss
def test_what_does_not_fit_is_refused(loss, logits, target, message):
    with pytest.raises(ValueError, match=message):
        loss(logits, target)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (partial(losses.cross_entropy, weights=[1, 2]), "3 numbers"),
        (partial(losses.cross_entropy, weights=[1, 2, -1]), "0 or more"),
        (partial(losses.cross_entropy, weights=[1, 2, np.nan]), "0 or more"),
        (partial(losses.cross_entropy, smoothing=1.5), "smoothing"),
        (partial(losses.focal, gamma=-1), "gamma"),
        (partial(losses.tversky, alpha=-1), "alpha"),
        (partial(losses.tversky, beta=0), "beta"),
        (partial(losses.cldice, classes=[3]), "classes"),
        (partial(losses.boundary, classes=[]), "classes"),
        (partial(losses.cldice, classes=[1], iterations=-1), "iterations"),
    ],
)
def test_parameters_out_of_range_are_refused(loss, message):
    with pytest.raises(ValueError, match=message):
        loss(torch.zeros(1, 3, 2, 2), torch.zeros(1, 2, 2, dtype=torch.int64))


def test_a_sum_needs_parts():
    with pytest.raises(ValueError, match="at least one"):
        losses.mixed()


# -- pixel by pixel -------------------------------------------------------------------------------------


@settings(max_examples=50)
@given(cases(), st.sampled_from([0, 0.1, 1]), st.booleans())
def test_cross_entropy_is_that_of_torch(case, smoothing, weighted):
    logits, target = case
    weights = torch.linspace(0.5, 2, logits.shape[1], dtype=torch.float64) if weighted else None
    found = losses.cross_entropy(logits, target, weights, smoothing)
    if (target == 255).all():
        assert found == 0
        return
    expected = F.cross_entropy(logits, target, weights, ignore_index=255, label_smoothing=smoothing)
    torch.testing.assert_close(found, expected)


@settings(max_examples=20)
@given(cases())
def test_cross_entropy_is_that_of_the_training_loop(case):
    torch.testing.assert_close(losses.cross_entropy(*case), training.cross_entropy(*case))


@settings(max_examples=20)
@given(cases(classes=3))
def test_cross_entropy_with_whole_shares_is_cross_entropy(case):
    logits, target = case
    shares = F.one_hot(torch.where(target == 255, 3, target), 4)[..., :3].movedim(-1, 1).double()
    torch.testing.assert_close(
        losses.soft_cross_entropy(logits, shares), losses.cross_entropy(logits, target)
    )


def test_cross_entropy_with_shares_is_that_of_torch_and_best_at_the_shares():
    shares = torch.rand(2, 3, 4, 5, dtype=torch.float64).softmax(1)
    logits = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    torch.testing.assert_close(losses.soft_cross_entropy(logits, shares), F.cross_entropy(logits, shares))
    assert gradient(losses.soft_cross_entropy, shares.log(), shares)[1].abs().max() < 1e-12
    with pytest.raises(ValueError, match="expected the same"):
        losses.soft_cross_entropy(logits, shares[:1])


@settings(max_examples=20)
@given(cases(classes=3), st.booleans())
def test_focal_with_gamma_0_is_cross_entropy(case, weighted):
    weights = [1, 5, 0.1] if weighted else None
    torch.testing.assert_close(losses.focal(*case, 0, weights), losses.cross_entropy(*case, weights))


@pytest.mark.parametrize("gamma", [0, 0.5, 2, 5])
def test_focal_of_two_classes_is_that_of_torchvision(gamma):
    scores = torch.randn(2, 6, 7, dtype=torch.float64) * 3
    target = torch.randint(2, (2, 6, 7))
    found = losses.focal(torch.stack([torch.zeros_like(scores), scores], dim=1), target, gamma)
    expected = sigmoid_focal_loss(scores, target.double(), alpha=-1, gamma=gamma, reduction="mean")
    torch.testing.assert_close(found, expected)


def test_focal_forgives_what_is_right_more_than_what_is_wrong():
    target = torch.ones(1, 1, 1, dtype=torch.int64)
    share = {}
    for p in (0.9, 0.1):
        logits = torch.tensor([1 - p, p], dtype=torch.float64).log().reshape(1, 2, 1, 1)
        share[p] = (losses.focal(logits, target) / losses.cross_entropy(logits, target)).item()
    assert share == pytest.approx({0.9: 0.01, 0.1: 0.81})


def test_weights_move_the_best_answer_from_p_to_w_p_and_no_further():
    target = torch.tensor([0] * 9 + [1]).reshape(
        1, 2, 5
    )  # ten pixels that look alike: one in ten is of class 1
    weights = torch.tensor([1.0, 4.0], dtype=torch.float64)
    shifted = torch.tensor([0.9, 0.1], dtype=torch.float64).log() + weights.log()
    one_score = shifted.reshape(1, 2, 1, 1).requires_grad_()
    losses.cross_entropy(one_score.expand(1, 2, 2, 5), target, weights).backward()
    assert one_score.grad.abs().max() < 1e-12


# -- region by region -----------------------------------------------------------------------------------


@settings(max_examples=30)
@given(cases())
def test_tversky_at_a_half_is_dice(case):
    logits, target = case
    p = logits.softmax(1)
    scores = []
    for k in target[target != 255].unique():
        q, y = p[:, k][target != 255], (target[target != 255] == k).double()
        scores.append(2 * (q * y).sum() / (q.sum() + y.sum()))
    expected = 1 - torch.stack(scores).mean() if scores else torch.tensor(0.0, dtype=torch.float64)
    torch.testing.assert_close(losses.tversky(logits, target, 0.5, 0.5), expected)
    torch.testing.assert_close(losses.dice(logits, target), expected)


@settings(max_examples=60)
@given(cases(), st.integers(0, 2**31))
def test_at_hard_predictions_region_losses_are_one_minus_the_score(case, seed):
    logits, target = case
    classes = logits.shape[1]
    prediction = torch.randint(classes, target.shape, generator=torch.Generator().manual_seed(seed))
    matrix = metrics.confusion_matrix(target.numpy(), prediction.numpy(), classes)
    present = matrix.sum(1) > 0
    if not present.any():
        return
    answer = hard(prediction, classes), target
    jaccard = 1 - metrics.iou(matrix)[present].mean()
    assert losses.lovasz(*answer).item() == pytest.approx(jaccard)
    assert losses.tversky(*answer, 1, 1).item() == pytest.approx(jaccard)
    assert losses.dice(*answer).item() == pytest.approx(1 - metrics.dice(matrix)[present].mean())


@settings(max_examples=30)
@given(cases())
def test_lovasz_is_the_mean_jaccard_loss_over_all_thresholds_of_the_error(case):
    logits, target = case
    kept = target != 255
    total = []
    for k in target[kept].unique():
        truth = (target[kept] == k).numpy()
        errors = np.abs(truth - logits.softmax(1)[:, k][kept].numpy())
        levels = np.unique(np.concatenate([[0], errors]))
        integral = 0.0
        for low, high in pairwise(levels):
            answer = truth ^ (errors > low)  # wrong where the error is larger
            integral += (high - low) * (1 - metrics.mask_iou(truth, answer))
        total.append(integral)
    expected = np.mean(total) if total else 0
    assert losses.lovasz(logits, target).item() == pytest.approx(expected, abs=1e-12)


def test_a_class_that_is_absent_has_no_region_to_be_compared_with():
    logits = torch.randn(1, 3, 4, 4, dtype=torch.float64)
    target = torch.randint(2, (1, 4, 4), generator=torch.Generator().manual_seed(0))
    p = logits.softmax(1)
    two = torch.stack(
        [1 - 2 * p[:, k][target == k].sum() / (p[:, k].sum() + (target == k).sum()) for k in (0, 1)]
    )
    torch.testing.assert_close(losses.dice(logits, target), two.mean())


def test_beta_pays_for_finding():
    target = torch.zeros(1, 4, 10, dtype=torch.int64)
    target[:, :, :4] = 1
    small, large = target.clone(), target.clone()
    small[:, :, 3], large[:, :, 4] = 0, 1
    for alpha, beta in ((0.2, 0.8), (0.8, 0.2)):
        region = [losses.tversky(hard(answer, 2), target, alpha, beta).item() for answer in (small, large)]
        # of class 1 alone: what one class misses is a false alarm of the other
        one = [12 / (12 + beta * 4), 16 / (16 + alpha * 4)]
        zero = [24 / (24 + alpha * 4), 20 / (20 + beta * 4)]
        assert region == pytest.approx([1 - (a + b) / 2 for a, b in zip(one, zero, strict=True)])


def test_regions_are_those_of_segmentation_models_pytorch():
    theirs = pytest.importorskip(
        "segmentation_models_pytorch", reason="it is in the dependency group `bench`"
    ).losses
    logits = torch.randn(3, 4, 9, 8)
    target = torch.randint(4, (3, 9, 8))
    target[0, :2] = 255
    kept = {"mode": "multiclass", "ignore_index": 255}
    for mine, their in (
        (losses.dice(logits, target), theirs.DiceLoss(**kept)),
        (losses.tversky(logits, target, 0.3, 0.7), theirs.TverskyLoss(alpha=0.3, beta=0.7, **kept)),
        (losses.tversky(logits, target, 1, 1), theirs.TverskyLoss(alpha=1, beta=1, **kept)),
        (losses.lovasz(logits, target), theirs.LovaszLoss(**kept)),
    ):
        torch.testing.assert_close(mine, their(logits, target), rtol=1e-4, atol=1e-6)


# -- lines and boundaries -------------------------------------------------------------------------------


def pole(width=1, gap=0):
    """A street of 20 × 15 with one upright pole, int64 (1, 20, 15)."""
    target = torch.zeros(1, 20, 15, dtype=torch.int64)
    target[:, 2:18, 7 - width // 2 : 8 + width // 2] = 1
    if gap:
        target[:, 10 : 10 + gap] = 0
    return target


def test_the_skeleton_of_a_bar_is_its_middle_and_that_of_a_line_is_the_line():
    for width in (1, 3, 5):
        bar = (pole(width) == 1).float()[:, None]
        line = losses.soft_skeleton(bar, 3)[0, 0]
        middle = line[2 + width // 2 : 18 - width // 2]
        assert (middle[:, 7] == 1).all() and middle.sum() == len(middle)


@pytest.mark.parametrize("iterations", range(4))
def test_a_bar_leaves_a_line_up_to_twice_the_iterations_and_two(iterations):
    for width in range(1, 14):
        bar = torch.zeros(1, 1, 40, 30)
        bar[..., 2:38, 8 : 8 + width] = 1
        found = losses.soft_skeleton(bar, iterations)[..., 19:21, :].any()
        assert found == (width <= 2 * iterations + 2)


def test_a_soft_skeleton_of_masks_is_that_of_morphology():
    cross = ndimage.generate_binary_structure(2, 1)
    masks = np.random.default_rng(0).random((5, 30, 30)) < 0.5
    masks = ndimage.binary_dilation(masks, np.ones((1, 3, 3)))
    for mask in masks:
        expected, rest = np.zeros_like(mask), mask
        for _ in range(4):
            smaller = ndimage.binary_erosion(rest, cross, border_value=1)
            expected |= rest & ~ndimage.binary_dilation(smaller, np.ones((3, 3)))
            rest = smaller
        found = losses.soft_skeleton(torch.from_numpy(mask).float()[None, None], 3)[0, 0]
        np.testing.assert_array_equal(found.numpy(), expected)


def test_cldice_charges_for_a_gap_and_not_for_a_thicker_pole():
    target = pole(3)
    loss = partial(losses.cldice, classes=[1])
    perfect, broken, thick = (
        loss(hard(answer, 2), target).item() for answer in (pole(3), pole(3, 4), pole(5))
    )
    assert perfect == pytest.approx(0, abs=1e-9)
    assert broken > 0.1
    assert thick == pytest.approx(0, abs=0.03)
    assert losses.dice(hard(pole(5), 2), target) > losses.dice(
        hard(pole(3, 4), 2), target
    )  # Dice sees it otherwise


def test_cldice_of_a_class_that_is_not_there_is_0():
    assert losses.cldice(torch.randn(1, 2, 5, 5), torch.zeros(1, 5, 5, dtype=torch.int64), classes=[1]) == 0


def test_the_boundary_loss_counts_a_class_that_is_not_there_as_0():
    logits = torch.randn(1, 3, 5, 5, dtype=torch.float64)
    target = torch.zeros(1, 5, 5, dtype=torch.int64)
    target[:, 1:3, 1:4] = 1
    one, both = (losses.boundary(logits, target, classes=k) for k in ([1], [1, 2]))
    torch.testing.assert_close(both, one / 2)


@settings(max_examples=30)
@given(cases(classes=3), st.integers(0, 2**31))
def test_against_the_truth_the_boundary_loss_of_masks_is_the_distance_of_wrong_pixels(case, seed):
    target = torch.where(case[1] == 255, 0, case[1])
    answer = torch.randint(3, target.shape, generator=torch.Generator().manual_seed(seed))
    paid = losses.boundary(hard(answer, 3), target) - losses.boundary(hard(target, 3), target)
    expected = 0.0
    for truth, found in zip(target.numpy(), answer.numpy(), strict=True):
        for k in range(3):
            expected += np.abs(losses.signed_distance(truth == k))[(truth == k) != (found == k)].sum()
    assert paid.item() == pytest.approx(expected / (3 * target.numel()))


def test_a_signed_distance_is_half_a_pixel_at_the_boundary_and_turns_with_the_mask():
    distance = losses.signed_distance(np.array([[1, 1, 1, 0, 0]], bool))
    np.testing.assert_array_equal(distance, [[-2.5, -1.5, -0.5, 0.5, 1.5]])
    mask = np.random.default_rng(0).random((12, 9)) < 0.4
    np.testing.assert_array_equal(losses.signed_distance(~mask), -losses.signed_distance(mask))
    for constant in (np.ones((3, 4), bool), np.zeros((3, 4), bool)):
        assert not losses.signed_distance(constant).any()


# -- prices ---------------------------------------------------------------------------------------------


def test_inverse_frequency_gives_every_class_the_same_say():
    targets = [np.array([[0, 0, 0, 0, 0, 0, 2, 2]]), np.array([[0, 0, 255, 255]])]
    share = np.array([0.8, 0, 0.2, 0])
    for power in (0, 0.5, 1):
        weights = losses.inverse_frequency(targets, 4, power)
        assert weights @ share == pytest.approx(1)
        assert weights[2] / weights[0] == pytest.approx(4**power)
        assert weights[1] == weights[3] == 0
    full = losses.inverse_frequency(targets, 4) * share
    np.testing.assert_allclose(full, [0.5, 0, 0.5, 0])


@pytest.mark.parametrize("targets", [[np.full((2, 2), 255)], [np.array([[0, 4]])], []])
def test_frequencies_of_nothing_and_of_unknown_classes_are_refused(targets):
    with pytest.raises(ValueError, match="expected some of 0 … 3"):
        losses.inverse_frequency(targets, 4)
