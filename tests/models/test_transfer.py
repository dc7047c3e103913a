"""Transfer: what is frozen stays, what is thawed moves, levels and rates are as told, and CKA is what its text says."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_utils import training
from course_utils.models import transfer
from course_utils.models.attention import SegFormer
from course_utils.models.dilated import DeepLab
from course_utils.models.parts import Encoder, ResidualBlock, group_norm
from course_utils.models.unet import UNet

WIDTHS = (4, 6, 8)


def net(**options):
    return UNet(3, 2, WIDTHS, **options)


def state(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def moved(module, before):
    """Names of what is not as it was."""
    return {name for name, value in module.state_dict().items() if not torch.equal(value, before[name])}


def batches(seed=0):
    rng = np.random.default_rng(seed)
    images = rng.random((6, 16, 16, 3))
    return training.Batches(images, (images.mean(axis=3) > 0.5).astype(np.uint8), size=3, seed=seed)


def learn(model, steps=3, **options):
    return training.fit(model, batches(), steps=steps, watch=False, device="cpu", **options)


STATISTICS = {"running_mean", "running_var", "num_batches_tracked"}


# -- freezing ---------------------------------------------------------------------------------------------


def test_what_is_frozen_stays_to_the_last_bit_and_the_rest_learns():
    model = net()
    learn(model)  # statistics that are not those of a new network
    transfer.freeze(model.encoder)
    before, images = state(model), torch.rand(2, 3, 16, 16)
    features = [f.clone() for f in model.encoder(images)]
    learn(model)
    changed = moved(model, before)
    assert changed and all(name.startswith("decoder.") for name in changed)
    model.train()
    assert all(torch.equal(one, other) for one, other in zip(features, model.encoder(images), strict=True))
    assert not any(parameter.requires_grad for parameter in model.encoder.parameters())


def test_a_frozen_batch_norm_is_not_frozen_unless_it_is_held():
    model = net()
    transfer.freeze(model.encoder, hold_norms=False)
    before, images = state(model), torch.rand(2, 3, 16, 16)
    learn(model)
    changed = {name for name in moved(model, before) if name.startswith("encoder.")}
    assert changed and {name.rsplit(".", 1)[1] for name in changed} == STATISTICS
    model.train()
    alone, together = model.encoder(images[:1])[0], model.encoder(images)[0][:1]
    assert not torch.allclose(alone, together)  # batch mates matter
    transfer.hold(model.encoder)
    model.train()
    assert torch.allclose(model.encoder(images[:1])[0], model.encoder(images)[0][:1], atol=1e-6)


def test_thawing_undoes_freezing():
    model, never = net(), net()
    never.load_state_dict(model.state_dict())
    transfer.freeze(model)
    transfer.freeze(model)  # twice is once
    transfer.thaw(model)
    assert [type(part) for part in model.modules()] == [type(part) for part in never.modules()]
    for each in (model, never):
        learn(each)
    assert not moved(model, never.state_dict())


def test_holding_keeps_the_names_of_weights_and_survives_copies():
    model = net()
    names = list(model.state_dict())
    transfer.hold(model)
    twin = copy.deepcopy(model).train()
    assert list(model.state_dict()) == list(twin.state_dict()) == names
    assert not any(part.training for part in twin.modules() if isinstance(part, nn.BatchNorm2d))
    assert isinstance(next(p for p in twin.modules() if isinstance(p, nn.BatchNorm2d)), nn.BatchNorm2d)


def test_networks_without_batch_norms_freeze_as_well():
    model = net(norm=group_norm)
    transfer.freeze(model.encoder)
    before = state(model.encoder)
    learn(model)
    assert not moved(model.encoder, before)


def test_averages_measured_anew_are_those_of_the_images():
    module = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 1), nn.BatchNorm2d(2)
    )
    transfer.hold(module)
    images = [torch.rand(4, 3, 9, 9) for _ in range(3)]
    weights = [parameter.clone() for parameter in module.parameters()]
    transfer.recalibrate(module, images)
    seen = [module[0](batch) for batch in images]
    assert torch.allclose(
        module[1].running_mean, torch.stack([s.mean(dim=(0, 2, 3)) for s in seen]).mean(0), atol=1e-6
    )
    assert torch.allclose(
        module[1].running_var, torch.stack([s.var(dim=(0, 2, 3)) for s in seen]).mean(0), atol=1e-6
    )
    assert all(torch.equal(a, b) for a, b in zip(weights, module.parameters(), strict=True))
    assert module[1].momentum == 0.1 and not module[1].training
    module.train()
    out = module(torch.cat(images))
    assert out.mean(dim=(0, 2, 3)).abs().max() < 0.05 and (out.var(dim=(0, 2, 3)) - 1).abs().max() < 0.1
    with pytest.raises(ValueError, match="no batch"):
        transfer.recalibrate(module, [])


# -- levels, and their rates ------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [None, ResidualBlock])
def test_levels_of_the_plain_encoder_are_its_blocks(block):
    encoder = Encoder(3, WIDTHS, **({"block": block} if block else {}))
    encoder.blocks[0].requires_grad_(False)
    found = transfer.levels(encoder.train())
    for level, parts in zip(encoder.blocks, found, strict=True):
        assert parts == [p for p in level.modules() if list(p.parameters(recurse=False))]
    assert encoder.training and not any(p.requires_grad for p in encoder.blocks[0].parameters())
    assert all(p.requires_grad for p in encoder.blocks[1].parameters())
    assert all(parameter.grad is None for parameter in encoder.parameters())


@pytest.mark.parametrize("make", [lambda: DeepLab(3, 4), lambda: SegFormer(3, 4)])
def test_levels_of_other_encoders_hold_every_weight_once(make):
    encoder = make().encoder
    encoder.channels = 3
    found = [part for parts in transfer.levels(encoder) for part in parts]
    owned = [id(parameter) for part in found for parameter in part.parameters(recurse=False)]
    assert sorted(owned) == sorted(id(parameter) for parameter in encoder.parameters())


def test_rates_fall_from_the_decoder_to_the_first_level():
    model = net()
    groups = transfer.layerwise(model, 0.08, fall=2)
    assert [group["lr"] for group in groups] == [0.08, 0.04, 0.02, 0.01]
    owned = [set(map(id, group["params"])) for group in groups]
    assert owned[0] == set(map(id, model.decoder.parameters()))
    assert owned[3] == set(map(id, model.encoder.blocks[0].parameters()))
    assert sum(map(len, owned)) == len(list(model.parameters()))
    assert {group["lr"] for group in transfer.layerwise(model, 0.08, fall=1)} == {0.08}
    for bad in ({"rate": 0}, {"rate": 1, "fall": 0}):
        with pytest.raises(ValueError, match="above 0"):
            transfer.layerwise(model, **bad)


def test_a_first_step_moves_each_level_by_its_own_rate():
    """Adam's first step is the rate itself, whatever the slope: so rates can be read off the weights."""
    model = net()
    before = state(model)
    made = []

    def optimiser(parameters):
        made.append(training.adamw(transfer.layerwise(model, 0.08, fall=2), decay=0))
        return made[0]

    learn(model, steps=1, optimiser=optimiser, schedule=training.constant)
    for name, rate in {
        "decoder.head.weight": 0.08,
        "encoder.blocks.2.0.weight": 0.04,
        "encoder.blocks.0.0.weight": 0.01,
    }.items():
        step = (dict(model.named_parameters())[name] - before[name]).abs()
        assert step.max().item() == pytest.approx(rate, rel=0.02)


def test_gradual_unfreezing_opens_one_level_after_the_other_from_the_lowest():
    model = net()
    opened = []
    for stage in transfer.gradually(model.encoder):
        before = state(model.encoder)
        learn(model, steps=2)
        changed = {int(name.split(".")[1]) for name in moved(model.encoder, before)}
        assert changed == set(range(3 - stage, 3))
        opened.append(stage)
    assert opened == [0, 1, 2, 3]
    assert not any(isinstance(part, transfer._Held) for part in model.modules())


# -- controls ---------------------------------------------------------------------------------------------


def test_scaled_noise_has_the_mean_and_deviation_of_every_layer_and_nothing_else():
    taught, module = net(), net()
    learn(taught, steps=5)
    for _, parameter in taught.named_parameters():
        parameter.data.mul_(1.7).add_(0.03)
    assert transfer.mean_variance_(module, taught) is module
    for (name, own), theirs in zip(module.named_parameters(), taught.parameters(), strict=True):
        if own.numel() > 500:
            spread = theirs.std() / own.numel() ** 0.5
            assert abs(own.mean() - theirs.mean()) < 4 * spread, name
            assert own.std().item() == pytest.approx(theirs.std().item(), rel=0.15), name
            assert abs(np.corrcoef(own.detach().ravel(), theirs.detach().ravel())[0, 1]) < 0.15
        if theirs.numel() == 1 or theirs.std(correction=0) == 0:
            assert torch.allclose(own, theirs.mean().expand_as(own))
    assert all(
        part.running_mean.abs().max() == 0 for part in module.modules() if isinstance(part, nn.BatchNorm2d)
    )
    again = transfer.mean_variance_(net(), taught)
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), module.parameters(), strict=True))
    other = transfer.mean_variance_(net(), taught, seed=1)
    assert not torch.equal(next(other.parameters()), next(module.parameters()))
    with pytest.raises(ValueError, match="one build"):
        transfer.mean_variance_(UNet(3, 2, (4, 6)), taught)


# -- similarity -------------------------------------------------------------------------------------------

SHAPES = st.tuples(st.integers(3, 30), st.integers(1, 6), st.integers(1, 6), st.integers(0, 10**6))
some = settings(max_examples=60)


def two_sides(n, p, q, seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, p)) + rng.normal(size=p)
    return x, np.tanh(x @ rng.standard_normal((p, q))) + 0.5 * rng.standard_normal((n, q)), rng


def by_pairs(x, y):
    """The definition: centre both matrices of similarities, and take the cosine between them."""
    centre = np.eye(len(x)) - 1 / len(x)
    k, m = (centre @ side @ side.T @ centre for side in (x, y))
    return np.sum(k * m) / (np.linalg.norm(k) * np.linalg.norm(m))


@some
@given(SHAPES)
def test_cka_is_the_cosine_of_two_matrices_of_similarities(shape):
    x, y, _ = two_sides(*shape)
    found = transfer.cka(x, y)
    assert found == pytest.approx(by_pairs(x, y), abs=1e-9)
    assert -1e-12 <= found <= 1 + 1e-12
    assert transfer.cka(y, x) == pytest.approx(found, abs=1e-12)
    assert transfer.cka(x, x) == pytest.approx(1, abs=1e-12)


@some
@given(SHAPES)
def test_turning_shifting_and_scaling_features_changes_nothing(shape):
    x, y, rng = two_sides(*shape)
    turn = np.linalg.qr(rng.standard_normal((y.shape[1], y.shape[1])))[0]
    order = rng.permutation(len(x))
    found = transfer.cka(x, y)
    assert transfer.cka(x, y @ turn) == pytest.approx(found, abs=1e-9)
    assert transfer.cka(x, -3.7 * y + rng.normal(size=y.shape[1])) == pytest.approx(found, abs=1e-9)
    assert transfer.cka(x[order], y[order]) == pytest.approx(found, abs=1e-9)
    assert transfer.cka(torch.tensor(x), torch.tensor(y, requires_grad=True)) == pytest.approx(found)


def test_stretching_one_feature_does():
    """That sets it apart from canonical correlation, which any invertible matrix leaves as it is."""
    x = two_sides(200, 4, 4, 0)[0]
    assert transfer.cka(x, x * [30, 1, 1, 1]) < 0.9 * transfer.cka(x, x)


def test_cka_on_paper():
    """Two features of four examples, uncorrelated and equally strong; one of them alone: 1 / √2."""
    x = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1.0]])
    assert transfer.cka(x, x[:, :1]) == pytest.approx(0.5**0.5)
    assert transfer.cka(x[:, :1], x[:, 1:]) == pytest.approx(0, abs=1e-12)


def test_with_few_examples_all_is_alike():
    rng = np.random.default_rng(0)
    few, many = (transfer.cka(rng.standard_normal((n, 50)), rng.standard_normal((n, 50))) for n in (25, 5000))
    assert few > 0.6 and many < 0.05


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (np.ones((4, 2)), np.eye(4), "same for all examples"),
        (np.eye(4), np.zeros((4, 1)), "same for all examples"),
        (np.eye(4), np.eye(3), "same n"),
        (np.eye(1), np.eye(1), "n ≥ 2"),
        (np.arange(4.0), np.eye(4), "same n"),
        (np.eye(4), np.diag([1, 2, np.nan, 4]), "finite"),
    ],
)
def test_what_cannot_be_compared_is_refused(first, second, said):
    with pytest.raises(ValueError, match=said):
        transfer.cka(first, second)


def test_a_network_is_like_itself_and_less_like_another():
    images = torch.rand(16, 3, 32, 32)
    one, other = Encoder(3, WIDTHS), Encoder(3, WIDTHS)
    own, across = transfer.similarity(one, one, images), transfer.similarity(one, other, images)
    assert own.shape == (3, 3) and np.allclose(own.diagonal(), 1) and np.allclose(own, own.T)
    assert (across < 1).all() and across[2, 2] < 0.99
    assert one.training
    dead = copy.deepcopy(one)
    nn.init.zeros_(dead.blocks[2][4].weight)
    found = transfer.similarity(one, dead, images)
    assert np.isnan(found[:, 2]).all() and np.isfinite(found[:, :2]).all()
    shallow = Encoder(3, WIDTHS[:2])
    assert transfer.similarity(one, shallow, images).shape == (3, 2)
    renumbered = copy.deepcopy(one)
    order = torch.randperm(WIDTHS[2])
    last = renumbered.blocks[2]
    with torch.no_grad():
        last[3].weight.copy_(last[3].weight[order])
    assert transfer.similarity(one, renumbered, images)[2, 2] == pytest.approx(1, abs=1e-6)


# -- what frozen features know ----------------------------------------------------------------------------


def test_hypercolumns_hold_every_level_at_every_pixel():
    encoder, images = Encoder(3, WIDTHS), torch.rand(2, 3, 16, 24)
    found = transfer.hypercolumns(encoder, images)
    assert found.shape == (2, sum(WIDTHS), 16, 24) and encoder.training and not found.requires_grad
    levels = encoder.eval()(images)
    assert torch.equal(found[:, :4], levels[0])
    assert torch.allclose(found[:, 4:10, 4:12, 4:20].mean(), levels[1][:, :, 2:6, 2:10].mean(), atol=0.05)


def test_a_readout_solves_what_is_linear_and_counts_classes_alike():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(60, 5, generator=generator, dtype=torch.float64)
    classes = (features @ torch.tensor([1.0, -2, 0, 0.5, 0]).double() > 0).long()
    weights, offsets = transfer.readout(features, classes, 2, ridge=1e-6)
    assert ((features @ weights + offsets).argmax(1) == classes).double().mean() > 0.95
    rare = torch.cat([features[classes == 0], features[classes == 1][:3]])
    numbers = torch.cat([classes[classes == 0], classes[classes == 1][:3]])
    many = torch.cat([rare, *[rare[numbers == 1]] * 9]), torch.cat([numbers, *[numbers[numbers == 1]] * 9])
    once, often = transfer.readout(rare, numbers, 2), transfer.readout(*many, 2)
    assert all(torch.allclose(a, b) for a, b in zip(once, often, strict=True))


def test_a_readout_is_the_least_of_its_sum_of_squares():
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(30, 4, generator=generator, dtype=torch.float64)
    classes = torch.arange(30) % 3

    def charge(weights, offsets):
        miss = features @ weights + offsets - torch.eye(3, dtype=torch.float64)[classes]
        centred = features - features.mean(0)
        return (miss**2).sum(1).mean() + 0.1 * (centred**2).mean() * (weights**2).sum()

    weights, offsets = transfer.readout(features, classes, 3)
    least = charge(weights, offsets)
    for _ in range(20):
        other = weights + 0.02 * torch.randn(weights.shape, generator=generator, dtype=torch.float64)
        moved = offsets + 0.02 * torch.randn(3, generator=generator, dtype=torch.float64)
        assert charge(other, offsets) > least and charge(weights, moved) > least


def test_a_class_without_an_example_is_refused():
    for classes, count in (([0, 0], 2), ([0, 2], 2)):
        with pytest.raises(ValueError, match="needs an example"):
            transfer.readout(torch.eye(2), torch.tensor(classes), count)
