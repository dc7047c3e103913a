"""Dilated convolution: equal to torch's, its holes by theory and by gradient, and nets that see as far as they say."""

from functools import partial
from itertools import combinations_with_replacement

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from course_utils.models import receptive
from course_utils.models.attention import PixelNorm
from course_utils.models.dilated import (
    ASPP,
    AtrousBlock,
    DeepLab,
    DeepLabDecoder,
    DilatedEncoder,
    DilatedNet,
    Pooled,
    PyramidPooling,
    Scores,
    atrous,
    atrous_by_grids,
    dense,
    from_grids,
    grids,
    hybrid,
    ways,
)
from course_utils.models.parts import Encoder, ResidualBlock, Segmenter, cost, group_norm

BOTH = pytest.mark.parametrize("convolve", [atrous, atrous_by_grids])


# -- from scratch ---------------------------------------------------------------------------------------


@BOTH
@settings(max_examples=60)
@given(
    kernel=st.sampled_from([1, 3, 5]),
    dilation=st.integers(1, 6),
    sizes=st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 17), st.integers(1, 17)),
    outputs=st.integers(1, 4),
)
def test_equal_to_torch(convolve, kernel, dilation, sizes, outputs):
    images = torch.randn(*sizes, dtype=torch.float64)
    weight = torch.randn(outputs, sizes[1], kernel, kernel, dtype=torch.float64)
    padding = dilation * (kernel // 2)
    expected = F.conv2d(images, weight, padding=padding, dilation=dilation)
    torch.testing.assert_close(convolve(images, weight, dilation), expected)


def test_five_pixels_on_paper():
    line = torch.tensor([1.0, 2, 3, 4, 5])[None, None, None]
    weight = torch.zeros(1, 1, 3, 3)
    weight[0, 0, 1] = torch.tensor([1.0, 10, 100])
    assert atrous(line, weight, 2).flatten().tolist() == [310, 420, 531, 42, 53]


@BOTH
def test_a_gradient_passes(convolve):
    images = torch.randn(1, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(2, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(partial(convolve, dilation=2), (images, weight))


@BOTH
@pytest.mark.parametrize(
    ("shape", "dilation", "message"),
    [
        ((1, 1, 2, 2), 1, "k odd"),
        ((1, 1, 3, 5), 1, "k odd"),
        ((1, 1, 3, 3), 0, "dilation"),
        ((1, 1, 3, 3), 1.5, "dil"),
    ],
)
def test_a_kernel_needs_a_middle_and_a_dilation_is_a_whole_number(convolve, shape, dilation, message):
    with pytest.raises(ValueError, match=message):
        convolve(torch.zeros(1, 1, 8, 8), torch.zeros(shape), dilation)


def test_grids_hold_every_second_pixel_and_come_back():
    image = torch.arange(20.0).reshape(1, 1, 4, 5)
    dealt = grids(image, 2)
    assert dealt.shape == (4, 1, 2, 3)
    assert dealt[1, 0].tolist() == [[1, 3, 0], [11, 13, 0]]  # 0 where there is no pixel
    assert dealt[2, 0].tolist() == [[5, 7, 9], [15, 17, 19]]
    assert torch.equal(from_grids(dealt, 2)[..., :4, :5], image)


@given(st.integers(1, 5), st.integers(1, 3), st.integers(1, 9), st.integers(1, 9))
def test_grids_are_slices(dilation, batch, height, width):
    images = torch.randn(batch, 2, dilation * height, dilation * width)
    dealt = grids(images, dilation).unflatten(0, (batch, dilation, dilation))
    for i in range(dilation):
        for j in range(dilation):
            assert torch.equal(dealt[:, i, j], images[..., i::dilation, j::dilation])
    assert torch.equal(from_grids(dealt.flatten(0, 2), dilation), images)


# -- gridding -------------------------------------------------------------------------------------------


def stack(dilations, kernel=3):
    return [
        nn.Conv2d(1, 1, kernel, padding="same", dilation=dilation, dtype=torch.float64)
        for dilation in dilations
    ]


def rising(longest=4, largest=9):
    return [d for n in range(1, longest + 1) for d in combinations_with_replacement(range(1, largest + 1), n)]


def test_too_many_ways_to_count_are_refused():
    assert sum(map(int, ways((1,) * 42))) == 3**42
    with pytest.raises(ValueError, match="64 bits"):
        ways((1,) * 43)
    assert (ways([3**n for n in range(12)]) == 1).all()  # one way each, however many layers


def test_two_layers_of_dilation_2_on_paper():
    assert ways((2, 2)).tolist() == [1, 0, 2, 0, 3, 0, 2, 0, 1]
    assert ways((1, 2)).tolist() == [1, 1, 2, 1, 2, 1, 1]
    assert ways(()).tolist() == [1]


@pytest.mark.parametrize("dilations", [(2, 2, 2), (1, 2, 3), (1, 2, 4), (5, 1), (1, 3, 9), (4, 6)])
def test_ways_are_the_receptive_field_and_its_holes(dilations):
    found = ways(dilations)
    field = receptive.receptive_field(stack(dilations))
    assert len(found) == field.size
    middle = 50
    seen = receptive.seen(stack(dilations), middle, 101)
    assert (np.flatnonzero(found) + middle - len(found) // 2).tolist() == seen.tolist()


@pytest.mark.parametrize("dilations", [(2, 2), (1, 2, 3), (3, 1)])
def test_with_equal_weights_the_gradient_is_the_number_of_ways(dilations):
    layers = stack(dilations)
    for layer in layers:
        nn.init.ones_(layer.weight)
    images = torch.rand(1, 1, 31, 33, dtype=torch.float64, requires_grad=True)
    found = receptive.influence(nn.Sequential(*layers)(images), images, (15, 16))
    reach = len(ways(dilations)) // 2
    inner = found[15 - reach : 16 + reach, 16 - reach : 17 + reach]
    expected = np.outer(ways(dilations), ways(dilations))
    np.testing.assert_allclose(inner / inner.sum(), expected / expected.sum(), atol=1e-12)
    assert inner.sum() == pytest.approx(found.sum())


@pytest.mark.parametrize("kernel", [3, 5])
def test_the_rule_finds_exactly_the_stacks_without_holes(kernel):
    for dilations in rising():
        assert hybrid(dilations, kernel) == (ways(dilations, kernel) > 0).all(), dilations
        assert hybrid(dilations[::-1], kernel) == hybrid(dilations, kernel)


def second_gap(dilations):
    """M₂ of Wang 2018: the largest distance of two values that are read, from the last layer back to the second."""
    gap = dilations[-1]
    for dilation in reversed(dilations[1:-1]):
        gap = max(gap - 2 * dilation, gap - 2 * (gap - dilation), dilation)
    return gap


def test_the_published_rule_is_the_same_for_dilations_that_rise_from_1():
    for dilations in rising():
        if dilations[0] == 1 and len(dilations) > 1:
            assert (second_gap(dilations) <= 3) == hybrid(dilations), dilations
    assert second_gap((1, 2, 5)) == 2 and second_gap((1, 2, 9)) == 5  # the examples of the paper
    assert second_gap((2, 2, 2)) <= 3 and not hybrid((2, 2, 2))
    assert second_gap((1, 1, 8)) > 5 and hybrid((1, 1, 8), kernel=5)  # for a larger kernel the two differ


def test_powers_of_the_kernel_reach_each_pixel_in_one_way():
    for kernel in (3, 5):
        dilations = [kernel**n for n in range(4)]
        assert hybrid(dilations, kernel) and (ways(dilations, kernel) == 1).all()
        assert not hybrid([*dilations[:-1], dilations[-1] + 1], kernel)


def test_grids_of_equal_dilations_never_meet():
    """Change one grid of the image, and the answer changes on that grid alone; one plain layer, and all change."""
    images = torch.rand(1, 1, 24, 24, dtype=torch.float64)
    moved = images.clone()
    moved[..., ::2, ::2] += 1
    for dilations, all_change in (((2, 2, 4), False), ((2, 2, 1), True)):
        net = nn.Sequential(*stack(dilations))
        changed = (net(images) - net(moved))[0, 0].abs() > 1e-12
        assert changed[::2, ::2].all()
        assert changed[1::2].any() == changed[:, 1::2].any() == all_change


@pytest.mark.parametrize(("dilations", "kernel"), [((0,), 3), ((1.5,), 3), ((1,), 2), ((1,), 0)])
@pytest.mark.parametrize("function", [ways, hybrid])
def test_dilations_are_whole_numbers_and_kernels_odd(function, dilations, kernel):
    with pytest.raises(ValueError, match=r"must be (a whole|odd)"):
        function(dilations, kernel)


# -- without the halvings -------------------------------------------------------------------------------


def trained(widths=(4, 6, 8, 5), **options):
    """An encoder whose norms have averages that are not those of the start, in evaluation mode."""
    encoder = Encoder(2, widths, **options)
    encoder(torch.rand(4, 2, 24, 24))
    return encoder.eval()


@pytest.mark.parametrize("stride", [1, 2, 4, 8])
@pytest.mark.parametrize("size", [(32, 40), (29, 45)])
@pytest.mark.parametrize("options", [{}, {"block": ResidualBlock}])
def test_dense_features_hold_those_of_the_encoder(stride, size, options):
    encoder, images = trained(**options), torch.rand(2, 2, *size)
    coarse, fine = encoder(images)[-1], dense(encoder, stride)(images)
    assert fine.shape[-2:] == tuple(-(-side // stride) for side in size)
    torch.testing.assert_close(fine[..., :: 8 // stride, :: 8 // stride], coarse, atol=1e-5, rtol=1e-4)


def test_between_them_lie_the_answers_for_the_image_moved():
    encoder, image = trained(), torch.rand(1, 2, 96, 96)
    fine = dense(encoder, 1)(image)
    for y, x in ((3, 5), (4, 0)):
        moved = encoder(image[..., y:, x:])[-1]
        inner = fine[..., y::8, x::8][..., : moved.shape[-2], : moved.shape[-1]]
        torch.testing.assert_close(inner[..., 5:-5, 5:-5], moved[..., 5:-5, 5:-5], atol=1e-5, rtol=1e-4)


def test_the_encoder_stays_as_it_was():
    encoder = trained().train()
    found = dense(encoder)
    assert not found.training and encoder.training
    assert all(layer.dilation == (1, 1) for layer in encoder.modules() if isinstance(layer, nn.Conv2d))
    assert {id(p) for p in found.parameters()}.isdisjoint(id(p) for p in encoder.parameters())
    with pytest.raises(ValueError, match=r"one of \[1, 2, 4, 8\]"):
        dense(encoder, 16)


class Squeezed(nn.Module):
    """A norm that looks at the whole map, and none that torch knows."""

    def __init__(self, channels):
        super().__init__()
        self.mean = nn.AdaptiveAvgPool2d(1)

    def forward(self, x):
        return x - self.mean(x)


@pytest.mark.parametrize(
    "norm", [group_norm, nn.InstanceNorm2d, partial(nn.BatchNorm2d, track_running_stats=False), Squeezed]
)
def test_a_norm_that_averages_over_the_map_is_refused(norm):
    encoder, images = trained(norm=norm), torch.rand(1, 2, 32, 32)
    with pytest.raises(ValueError, match="averages over the map"):
        dense(encoder, 4)
    torch.testing.assert_close(
        dense(encoder, 8)(images), encoder(images)[-1]
    )  # nothing left out: the same map


def test_a_norm_over_the_channels_of_a_pixel_is_not_refused():
    encoder, images = trained(norm=PixelNorm), torch.rand(1, 2, 32, 32)
    torch.testing.assert_close(
        dense(encoder, 4)(images)[..., ::2, ::2], encoder(images)[-1], atol=1e-5, rtol=1e-4
    )


def test_a_norm_with_recorded_means_looks_at_one_pixel():
    encoder = trained(norm=partial(nn.InstanceNorm2d, track_running_stats=True))
    images = torch.rand(1, 2, 32, 32)
    torch.testing.assert_close(
        dense(encoder, 4)(images)[..., ::2, ::2], encoder(images)[-1], atol=1e-5, rtol=1e-4
    )


# -- theory and gradient --------------------------------------------------------------------------------


def side(field):
    return int(field.any(axis=1).sum()), int(field.any(axis=0).sum())


@pytest.mark.parametrize("dilations", [(1, 1), (2, 4), (2, 4, 8, 1), (3, 3)])
def test_a_dilated_net_sees_what_its_layers_say(dilations):
    """Computed from the layers, walked backwards, and measured by gradients of a net with chance weights: all agree."""
    net = DilatedNet(1, 2, 4, dilations).double().eval()
    chain = [*net.encoder.plain.blocks[0], *(layer for block in net.encoder.dilated for layer in block)]
    field = receptive.receptive_field(chain)
    assert field.size == 5 + 2 * sum(dilations) and field.stride == 1
    shape, pixel = (1, 50, 57), (25, 30)
    theory = receptive.reachable(net, shape, pixel)
    lines = [receptive.seen(chain, pixel[axis], shape[1 + axis], axis) for axis in (0, 1)]
    assert np.array_equal(
        theory, np.isin(np.arange(50), lines[0])[:, None] & np.isin(np.arange(57), lines[1])
    )
    reacts = np.zeros(shape[1:], bool)
    for _ in range(6):  # a ReLU that is shut hides a way; six images leave no way hidden
        images = torch.randn(1, *shape, dtype=torch.float64, requires_grad=True)
        reacts |= receptive.influence(net(images), images, pixel) != 0
    assert not reacts[~theory].any()
    assert side(reacts) == side(theory) == (field.size,) * 2


def test_deeplab_without_the_whole_image_sees_a_window_and_with_it_everything():
    near = DeepLab(1, 2, (2, 2, 2), dilations=(2,), context=partial(ASPP, dilations=(1, 3), whole=False))
    chain = []
    for block in near.encoder.plain.blocks:
        chain += [*block, nn.MaxPool2d(2, ceil_mode=True)]
    chain = [*chain[:-1], *near.encoder.dilated[0], near.encoder.context.branches[2][0]]
    shape, level = (1, 120, 120), 2
    field = receptive.receptive_field(chain)
    assert side(receptive.reachable(near, shape, (15, 15), level)) == (field.size,) * 2
    for far in (DeepLab(1, 2, (2, 2, 2)), DeepLab(1, 2, (2, 2, 2), context=PyramidPooling)):
        assert receptive.reachable(far, shape, (60, 60)).all()
    images = torch.rand(1, *shape, dtype=torch.float64, requires_grad=True)
    net = near.double().eval()
    reacts = receptive.influence(net(images), images, (60, 60)) != 0
    assert reacts.any() and not reacts[~receptive.reachable(near, shape, (60, 60))].any()


# -- pooling ----------------------------------------------------------------------------------------------


def test_a_branch_as_wide_as_the_map_is_a_1_x_1_convolution():
    """Chen 2017: of the nine taps, only the middle one still meets the map."""
    branch = ASPP(3, 4, dilations=(6,)).branches[1][0]
    x = torch.randn(2, 3, 6, 6)
    torch.testing.assert_close(branch(x), F.conv2d(x, branch.weight[..., 1:2, 1:2]))


def test_one_bin_says_the_same_everywhere_and_more_bins_what_is_near():
    x = torch.rand(1, 2, 12, 12)
    one = Pooled(2, 3)(x)
    assert one.shape == (1, 3, 12, 12) and torch.allclose(one, one[..., :1, :1])
    moved = x.flip(-1)
    layer, quarters = Pooled(2, 3), Pooled(2, 3, 2)
    nn.init.ones_(quarters.mix.weight)
    torch.testing.assert_close(layer(x), layer(moved))
    assert not torch.allclose(quarters(x), quarters(moved))


@pytest.mark.parametrize("context", [ASPP, PyramidPooling, partial(ASPP, dilations=(), whole=False)])
@pytest.mark.parametrize("size", [(1, 1), (5, 3), (13, 16)])
def test_contexts_keep_the_size(context, size):
    layer = context(6, 5).eval()
    assert layer(torch.rand(2, 6, *size)).shape == (2, 5, *size)


# -- what a net must do -----------------------------------------------------------------------------------

NETS = {
    "full size": lambda **o: DilatedNet(3, 4, 6, (2, 4), **o),
    "full size, pooled": lambda **o: DilatedNet(3, 4, 6, (2,), context=ASPP, **o),
    "deep": lambda **o: DeepLab(3, 4, (4, 5, 6), **o),
    "deep, pyramid": lambda **o: DeepLab(3, 4, (4, 5, 32), context=PyramidPooling, fine=0, **o),
    "deep, none": lambda **o: DeepLab(3, 4, (4, 6), context=None, fine=0, dilations=(), **o),
}


@pytest.mark.parametrize("name", NETS)
@settings(max_examples=8)
@given(st.integers(1, 50), st.integers(1, 50))
def test_images_of_any_size(name, height, width):
    logits = NETS[name]().eval()(torch.rand(1, 3, height, width))
    assert logits.shape == (1, 4, height, width) and logits.isfinite().all()


@pytest.mark.parametrize("name", NETS)
def test_the_gradient_reaches_every_parameter(name):
    net = NETS[name]()
    F.cross_entropy(net(torch.rand(4, 3, 32, 32)), torch.randint(0, 4, (4, 32, 32))).backward()
    assert [name for name, parameter in net.named_parameters() if not parameter.grad.any()] == []


def test_a_batch_of_one_image_trains():
    DeepLab(3, 2)(torch.rand(1, 3, 32, 32)).sum().backward()
    DeepLab(3, 2, norm=group_norm)(torch.rand(1, 3, 5, 5)).sum().backward()


def test_dilation_costs_nothing():
    near, far = (DilatedNet(3, 2, 8, (d,) * 3) for d in (1, 7))
    assert cost(near, (1, 3, 40, 40)) == cost(far, (1, 3, 40, 40))


def test_cost_by_hand():
    width, dilations, pixels = 8, (2, 4, 1), 32 * 32
    layers = [(9, 3, width), *[(9, width, width)] * 4, (1, width, 2)]
    products = sum(taps * a * b for taps, a, b in layers)
    norms = 2 * width * 5
    assert cost(DilatedNet(3, 2, width, dilations), (1, 3, 32, 32)) == (
        products + norms + 2,
        products * pixels,
    )


def test_the_default_net_is_no_larger_than_a_u_net():
    assert 0.2e6 < cost(DeepLab(), (1, 3, 128, 128)).parameters < 0.45e6


@pytest.mark.parametrize("fine", [0, 1])
def test_one_fine_level_is_handed_across(fine):
    features = [torch.randn(2, width, 16 >> i, 16 >> i).requires_grad_() for i, width in enumerate((4, 6, 8))]
    DeepLabDecoder((4, 6, 8), 2, fine=fine)(features).square().sum().backward()
    used = [level.grad is not None and bool(level.grad.any()) for level in features]
    assert used == [fine == 0, fine == 1, True]


def test_parts_of_one_net_fit_another():
    encoder = DilatedEncoder(1, (4, 6, 8), (2,), context=ASPP)
    for decoder in (Scores(encoder.widths, 3), DeepLabDecoder(encoder.widths, 3)):
        assert Segmenter(encoder, decoder)(torch.rand(2, 1, 19, 16)).shape == (2, 3, 19, 16)


@pytest.mark.parametrize("name", ["full size", "deep"])
def test_a_few_steps_learn_one_image_by_heart(name):
    net = NETS[name](norm=group_norm)
    images = torch.rand(1, 3, 16, 16)
    target = torch.randint(0, 4, (1, 2, 2)).repeat_interleave(8, dim=1).repeat_interleave(8, dim=2)
    optimiser = torch.optim.Adam(net.parameters(), 0.02)
    for _ in range(60):
        loss = F.cross_entropy(net(images), target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss < 0.2


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: DilatedNet(dilations=(0,)), ValueError, "each dilation"),
        (lambda: DilatedNet(context=ASPP(4, 4)), TypeError, "context must be a class"),
        (lambda: DilatedNet(norm="batch"), TypeError, "norm must be a class"),
        (lambda: DeepLab(fine=3), ValueError, r"0 … 2 for 4 widths, not 3"),
        (lambda: DeepLab(widths=(8,), fine=0), ValueError, "fine must be"),
        (lambda: Scores((4, 8), 2)([torch.zeros(1, 4, 4, 4)]), ValueError, "features of"),
        (lambda: Pooled(3, 3, 0), ValueError, "bins must be"),
        (lambda: AtrousBlock(3, 3, kernel=2), ValueError, "kernel must be odd"),
    ],
)
def test_bad_arguments_get_a_clear_error(make, error, message):
    with pytest.raises(error, match=message):
        make()
