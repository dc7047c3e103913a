"""Judges of masks: shapes and windows, spectral norms as torch's, losses and their slopes, a step of each."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from course_utils.models import adversarial, receptive
from course_utils.models.adversarial import (
    ImageJudge,
    PatchJudge,
    fool_loss,
    judge_loss,
    noisy,
    one_hot,
    saturating_fool_loss,
    softened,
    spectral_norm,
    step,
)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.fixture
def pictures():
    return torch.rand(4, 3, 32, 32), torch.randint(2, (4, 32, 32))


def test_a_judge_gives_a_verdict_for_each_window_or_one_for_all(pictures):
    images, target = pictures
    masks = one_hot(target, 2)
    assert PatchJudge()(images, masks).shape == (4, 1, 8, 8)
    assert PatchJudge(widths=(8,))(images, masks).shape == (4, 1, 16, 16)
    assert ImageJudge(32)(images, masks).shape == (4, 1, 1, 1)
    assert PatchJudge(1, 5)(images[:, :1], masks[:, :1].repeat(1, 5, 1, 1)).shape == (4, 1, 8, 8)


def test_a_window_is_as_large_as_the_layers_say_and_the_whole_is_seen_at_once(pictures):
    images, target = pictures
    masks = one_hot(target, 2).requires_grad_()
    field = receptive.receptive_field(list(PatchJudge().layers))
    assert (field.size, field.stride) == (18, 4)
    verdict = PatchJudge()(images, masks)[0, 0, 4, 4]
    (slope,) = torch.autograd.grad(verdict, masks)
    rows, columns = slope[0].abs().amax(0).nonzero().T
    assert rows.max() - rows.min() == columns.max() - columns.min() == 17
    (slope,) = torch.autograd.grad(ImageJudge(32)(images, masks)[0, 0, 0, 0], masks)
    assert (slope[0].abs().amax(0) > 0).all() and not slope[1:].any(), "and other pairs have no say"


@pytest.mark.parametrize("wrong", [{"size": 30}, {"size": 4}, {"size": 0}])
def test_a_whole_that_cannot_be_halved_is_refused(wrong):
    with pytest.raises(ValueError, match=r"halvings|size"):
        ImageJudge(**wrong)


# ---------------------------------------------------------------------------------------------- spectral norm


@pytest.mark.parametrize("layer", [nn.Linear(7, 5), nn.Linear(3, 9), nn.Conv2d(3, 6, 4), nn.Conv2d(5, 1, 3)])
def test_weights_are_divided_by_their_largest_singular_value(layer):
    weight = layer.weight.detach().clone()
    largest = torch.linalg.matrix_norm(weight.flatten(1), 2)
    spectral_norm(layer, turns=50)
    torch.testing.assert_close(layer.weight, weight / largest, atol=1e-4, rtol=1e-3)
    assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("make", [lambda: nn.Conv2d(3, 6, 4), lambda: nn.Linear(8, 5)])
def test_it_is_torch_s_with_the_same_vectors_turn_by_turn(make):
    ours, theirs = make(), make()
    theirs.load_state_dict(ours.state_dict())
    spectral_norm(ours)
    parametrizations.spectral_norm(theirs)
    mine, other = ours.parametrizations.weight[0], theirs.parametrizations.weight[0]
    other._u.copy_(mine.left)
    other._v.copy_(mine.right)
    x = torch.randn(2, 3, 8, 8) if isinstance(ours, nn.Conv2d) else torch.randn(2, 8)
    for _ in range(3):
        torch.testing.assert_close(ours(x), theirs(x))
        torch.testing.assert_close(mine.left, other._u)
    for layer in (ours, theirs):
        layer(x).square().sum().backward()
    name = "parametrizations.weight.original"
    torch.testing.assert_close(ours.get_parameter(name).grad, theirs.get_parameter(name).grad)
    ours.eval()
    before = mine.left.clone()
    ours(x)
    assert torch.equal(before, mine.left), "in evaluation the vectors stay"


def test_its_gradient_is_that_of_the_quotient():
    layer = spectral_norm(nn.Linear(4, 3).double(), turns=200)
    weight = layer.parametrizations.weight.original
    layer.eval()
    x = torch.randn(2, 4, dtype=torch.float64)

    def quotient(w):
        return x @ (w / torch.linalg.matrix_norm(w, 2)).T

    ours = torch.autograd.grad(F.linear(x, layer.weight).pow(3).sum(), weight)[0]
    theirs = torch.autograd.grad(quotient(weight).pow(3).sum(), weight)[0]
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)


def test_a_verdict_of_normed_layers_changes_by_a_limited_amount():
    """A layer that shares its weights among windows stretches at most by the root of their number times its norm."""
    judge = ImageJudge(16, widths=(8, 8), norm=spectral_norm).double().eval()
    plain = ImageJudge(16, widths=(8, 8)).double().eval()
    images = torch.rand(1, 3, 16, 16, dtype=torch.float64)
    masks = torch.rand(1, 2, 16, 16, dtype=torch.float64)
    change = 0.01 * torch.randn_like(masks)
    moved = [abs(j(images, masks + change) - j(images, masks)).item() for j in (judge, plain)]
    assert moved[0] <= 4 * change.norm() and moved[0] < moved[1], (
        "each pixel is in four windows of each layer"
    )


def test_weights_can_be_saved_and_loaded():
    judge, other = (PatchJudge(norm=spectral_norm).eval() for _ in range(2))
    other.load_state_dict(judge.state_dict())
    x, y = torch.rand(1, 3, 16, 16), torch.rand(1, 2, 16, 16)
    assert torch.equal(judge(x, y), other(x, y))


# ------------------------------------------------------------------------------------------ masks and losses


def test_a_truth_becomes_maps_and_softened_ones_still_sum_to_one():
    target = torch.tensor([[[0, 2], [1, 1]]])
    maps = one_hot(target, 3)
    assert maps.shape == (1, 3, 2, 2) and torch.equal(maps.argmax(1), target)
    soft = softened(maps, 0.3)
    torch.testing.assert_close(soft.sum(1), torch.ones(1, 2, 2))
    assert soft.unique().tolist() == pytest.approx([0.1, 0.8])
    with pytest.raises(ValueError, match="255"):
        one_hot(torch.full((1, 2, 2), 255), 3)


def test_noise_has_its_deviation_and_none_changes_nothing():
    maps = torch.zeros(1, 2, 100, 100)
    assert noisy(maps, 0) is maps
    assert noisy(maps, 0.3).std().item() == pytest.approx(0.3, rel=0.05)


def test_losses_are_cross_entropies_of_the_verdict():
    truths, answers = torch.randn(5, 1, 4, 4), torch.randn(5, 1, 4, 4)
    bce = F.binary_cross_entropy_with_logits
    expected = bce(truths, torch.ones_like(truths)) + bce(answers, torch.zeros_like(answers))
    torch.testing.assert_close(judge_loss(truths, answers), expected)
    torch.testing.assert_close(fool_loss(answers), bce(answers, torch.ones_like(answers)))
    torch.testing.assert_close(saturating_fool_loss(answers), torch.log1p(-answers.sigmoid()).mean())
    assert judge_loss(torch.zeros(1), torch.zeros(1)).item() == pytest.approx(2 * math.log(2))


def test_where_the_judge_is_sure_one_slope_is_steep_and_the_other_flat():
    for logit in (-8.0, -2.0, 0.0, 3.0):
        slopes = []
        for loss in (fool_loss, saturating_fool_loss):
            verdict = torch.tensor([logit], requires_grad=True)
            slopes.append(torch.autograd.grad(loss(verdict), verdict)[0].item())
        sigma = 1 / (1 + math.exp(-logit))
        assert slopes == pytest.approx([-(1 - sigma), -sigma], abs=1e-6)


# --------------------------------------------------------------------------------------------- a step of each


def rivals():
    torch.manual_seed(1)
    segmenter = nn.Conv2d(3, 2, 3, padding=1)
    judge = PatchJudge(widths=(4,))
    return segmenter, judge, [torch.optim.SGD(m.parameters(), lr=0.1) for m in (segmenter, judge)]


def weights(model):
    return torch.cat([p.detach().flatten().clone() for p in model.parameters()])


def test_a_step_moves_both_and_without_weight_the_judge_has_no_say(pictures):
    images, target = pictures
    moved = {}
    for weight in (0, 0.5):
        segmenter, judge, optimisers = rivals()
        start = weights(segmenter), weights(judge)
        told = step(segmenter, judge, optimisers, images, target, F.cross_entropy, weight)
        assert not torch.equal(weights(judge), start[1])
        moved[weight] = weights(segmenter) - start[0]
        assert set(told) == {"loss", "judge", "fooled", "seen"} and 0 <= told["fooled"] <= 1
    segmenter, _, optimisers = rivals()
    F.cross_entropy(segmenter(images), target).backward()
    alone = weights(segmenter)
    optimisers[0].step()
    torch.testing.assert_close(moved[0], weights(segmenter) - alone)
    assert not torch.allclose(moved[0], moved[0.5])


def test_the_judge_s_step_lowers_its_loss_and_the_segmenter_s_raises_it(pictures):
    images, target = pictures
    segmenter, judge, optimisers = rivals()
    first = step(segmenter, judge, [None, optimisers[1]], images, target, F.cross_entropy, 1)
    for _ in range(20):
        last = step(segmenter, judge, [None, optimisers[1]], images, target, F.cross_entropy, 1)
    assert last["judge"] < first["judge"] and last["loss"] == first["loss"], "only the judge learned"
    frozen = [optimisers[0], None]
    for _ in range(20):
        fooled = step(segmenter, judge, frozen, images, target, lambda z, y: 0 * z.sum(), 1)
    assert fooled["judge"] > last["judge"]


def test_the_same_seed_gives_the_same_steps(pictures):
    told = []
    for _ in range(2):
        segmenter, judge, optimisers = rivals()
        told.append(
            [
                step(segmenter, judge, optimisers, *pictures, F.cross_entropy, 0.1, smoothing=0.1, noise=0.2)
                for _ in range(3)
            ]
        )
    assert told[0] == told[1]


def test_the_room_knows_it():
    from course_utils import models

    assert models.adversarial is adversarial
