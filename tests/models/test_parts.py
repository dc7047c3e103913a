"""What the networks share: against torch's own functions, sums written out, counts by hand and published counts."""

import itertools
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torchvision import models as torchvision_models

from course_utils.models import parts
from course_utils.models.parts import (
    Bilinear,
    ConvBlock,
    Encoder,
    ResidualBlock,
    ResizeConvolution,
    Segmenter,
    Standardise,
    SubPixel,
    Transposed,
    convolution,
    cost,
    group_norm,
)

SIDES = st.integers(1, 40)
UPS = [Bilinear, ResizeConvolution, Transposed, SubPixel]


def rectified(*shape):
    """What comes out of a norm and a ReLU: normal numbers, those below 0 set to 0."""
    return torch.randn(shape).relu()


# -- the contract ---------------------------------------------------------------------------------------


@settings(max_examples=25)
@given(SIDES, SIDES, st.lists(st.integers(1, 6), min_size=1, max_size=5), st.integers(1, 4))
def test_features_halve_and_round_up(height, width, widths, channels):
    encoder = Encoder(channels, widths).eval()
    features = encoder(torch.rand(2, channels, height, width))
    assert [tuple(level.shape) for level in features] == [
        (2, depth, -(-height // 2**i), -(-width // 2**i)) for i, depth in enumerate(widths)
    ]


def test_an_odd_border_is_pooled_from_what_there_is():
    image = torch.arange(15.0).reshape(1, 1, 3, 5)
    assert parts.halve(image).tolist() == [[[[6, 8, 9], [11, 13, 14]]]]


def test_parts_that_do_not_fit_are_refused():
    class Head(nn.Module):
        widths = (4, 8)

        def forward(self, features):
            return features[-1]

    with pytest.raises(ValueError, match=r"made for \(4, 8\).*widths=encoder.widths"):
        Segmenter(Encoder(3, (4, 6)), Head())
    with pytest.raises(ValueError, match="logits have 4 × 5 pixels, the images 8 × 10"):
        Segmenter(Encoder(3, (4, 8)), Head())(torch.rand(2, 3, 8, 10))


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), TypeError, "divide bytes by 255"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.float64), TypeError, "torch.float32, like the weights"),
        (torch.zeros(1, 8, 8, 3), ValueError, r"\(B, 3, H, W\), not \(1, 8, 8, 3\)"),
        (torch.zeros(3, 8, 8), ValueError, "permute"),
        (torch.zeros(0, 3, 8, 8), ValueError, "must have shape"),
        (torch.zeros(8, 8, 3).numpy(), TypeError, "torch.from_numpy"),
    ],
)
def test_images_that_are_none_get_a_clear_error(images, error, message):
    with pytest.raises(error, match=message):
        Encoder(3, (4, 8))(images)


def test_images_may_be_of_another_precision_under_autocast():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        features = Encoder(3, (4, 8))(torch.rand(1, 3, 8, 8).bfloat16())
    assert features[0].shape == (1, 4, 8, 8)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Encoder(0), ValueError, "channels must be a whole number, at least 1, not 0"),
        (lambda: Encoder(3, 16), ValueError, "widths must be the numbers of channels"),
        (lambda: Encoder(3, ()), ValueError, "widths must be"),
        (lambda: Encoder(3, (8, 0)), ValueError, r"not \(8, 0\)"),
        (lambda: Encoder(3, (8, 16), block="residual"), TypeError, "block must be a class"),
        (lambda: Encoder(3, (8, 16), norm=nn.BatchNorm2d(8)), TypeError, "norm must be a class"),
        (lambda: convolution(3, 4, 2), ValueError, "kernel must be odd"),
        (lambda: Transposed(3, 4, kernel=1), ValueError, "kernel must be a whole number, at least 2"),
        (lambda: Transposed(3, 4).bilinear_(), ValueError, "as many outputs as inputs"),
        (lambda: Transposed(3, 3, kernel=3).bilinear_(), ValueError, "kernel of twice an even stride"),
        (lambda: SubPixel(3, 4, stride=0), ValueError, "stride must be"),
        (lambda: Bilinear(3, 4, stride=1.5), ValueError, "stride must be"),
        (lambda: cost(nn.Identity(), (1, -3)), ValueError, "each number of shape"),
        (lambda: cost(nn.Identity(), 128), ValueError, "shape must be that of an input with its batch"),
    ],
)
def test_bad_arguments_get_a_clear_error(make, error, message):
    with pytest.raises(error, match=message):
        make()


# -- blocks ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "layer",
    [
        partial(convolution, kernel=1),
        partial(convolution, kernel=3),
        partial(convolution, kernel=5),
        *(partial(Transposed, kernel=kernel) for kernel in (2, 4, 6)),
        partial(Transposed, kernel=6, stride=3),
        ResizeConvolution,
        SubPixel,
        partial(SubPixel, icnr=False),
    ],
)
def test_weights_keep_the_size_of_the_values(layer):
    """He's rule: rectified normal numbers in, numbers of mean square 1 out."""
    values = layer(64, 64)(rectified(4, 64, 30, 30))[..., 6:-6, 6:-6]
    assert values.square().mean().item() == pytest.approx(1, rel=0.1)


def test_twenty_layers_keep_the_size_of_the_values():
    stack = nn.Sequential(*[ConvBlock(64, 64, nn.Identity) for _ in range(10)])
    inside = stack(rectified(1, 64, 48, 48))[..., 20:-20, 20:-20]  # where no padded zero has been seen
    assert 0.05 < inside.square().mean() < 10  # without the 2 of the rule: 10⁻⁶


@pytest.mark.parametrize("block", [ConvBlock, ResidualBlock])
def test_offsets_are_where_no_norm_takes_them_off(block):
    for norm, offsets in ((nn.BatchNorm2d, False), (group_norm, False), (nn.Identity, True)):
        layers = [layer for layer in block(4, 8, norm).modules() if isinstance(layer, nn.Conv2d)]
        assert [layer.bias is not None for layer in layers] == [offsets] * len(layers)


def test_a_residual_block_without_change_lets_its_input_pass():
    same, other = ResidualBlock(8, 8), ResidualBlock(8, 12)
    x = rectified(2, 8, 9, 7)
    for block in (same, other):
        nn.init.zeros_(block.change[-1].weight)
    assert torch.equal(same(x), x)
    assert torch.equal(other(x), other.shortcut(x).relu())


@given(st.integers(1, 200))
def test_any_number_of_channels_is_grouped_by_two_or_more(channels):
    norm = group_norm(channels)
    assert norm.num_groups <= max(1, channels // 2)
    assert norm(torch.randn(2, channels, 3, 3)).shape == (2, channels, 3, 3)


@settings(max_examples=25)
@given(st.floats(0.1, 1), st.floats(-2, 2), st.sampled_from([1, 3]))
def test_standardised_images_forget_brightness_and_contrast(contrast, brightness, channels):
    images = torch.rand(3, channels, 8, 9)
    found = Standardise()(images)
    assert torch.allclose(found.mean(dim=(1, 2, 3)), torch.zeros(3), atol=1e-5)
    assert torch.allclose(found.std(dim=(1, 2, 3), correction=0), torch.ones(3), atol=1e-4)
    assert torch.allclose(Standardise()(contrast * images + brightness), found, atol=1e-4)
    assert torch.allclose(Standardise()(images[:1]), found[:1], atol=1e-5)  # whatever else is in the batch


def test_an_image_of_one_value_becomes_zero_and_noise_stays_small():
    noise = torch.rand(1, 1, 8, 8) / 2550  # within a tenth of a grey level
    assert Standardise()(torch.full((1, 3, 1, 1), 0.7)).abs().max() < 1e-4
    assert Standardise()(0.5 + noise).abs().max() < 0.1


# -- up-sampling ----------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(SIDES, SIDES, st.sampled_from(UPS))
def test_every_way_up_doubles_and_can_be_cut_to_the_finer_size(height, width, up):
    fine = torch.zeros(2, 7, height, width)
    coarse = parts.halve(torch.randn(2, 3, height, width))
    large = up(3, 5)(coarse)
    assert large.shape == (2, 5, 2 * coarse.shape[2], 2 * coarse.shape[3])
    assert parts.cut(large, fine).shape == (2, 5, height, width)


@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (3, 2), (4, 2), (5, 2), (3, 3), (5, 3), (8, 4)])
def test_transposed_convolution_is_the_transposed_matrix_of_the_convolution(kernel, stride):
    """The convolution that shrinks stride · n values to n, as a matrix by its definition; in both directions."""
    sides, channels = (3, 4), (2, 3)
    up = Transposed(*channels, kernel=kernel, stride=stride)
    weights, before = up[0].weight.detach(), (kernel - stride + 1) // 2
    matrix = torch.zeros(channels[0], *sides, channels[1], stride * sides[0], stride * sides[1])
    for y, x, i, j in itertools.product(*map(range, sides), range(kernel), range(kernel)):
        row, column = stride * y - before + i, stride * x - before + j
        if 0 <= row < stride * sides[0] and 0 <= column < stride * sides[1]:
            matrix[:, y, x, :, row, column] = weights[:, :, i, j]
    coarse = torch.randn(1, channels[0], *sides)
    expected = torch.tensordot(coarse[0], matrix, dims=3)
    assert torch.allclose(up(coarse)[0], expected, atol=1e-5)


@pytest.mark.parametrize("stride", [2, 4, 32])
def test_bilinear_weights_interpolate(stride):
    up = Transposed(3, 3, kernel=2 * stride, stride=stride).bilinear_()
    coarse = torch.randn(2, 3, 5, 4)
    expected = F.interpolate(coarse, scale_factor=stride, mode="bilinear")
    inside = (..., slice(stride // 2, -stride // 2), slice(stride // 2, -stride // 2))
    assert torch.allclose(up(coarse)[inside], expected[inside], atol=1e-5)


def test_bilinear_mixes_channels_and_pixels_in_either_order():
    up, coarse = Bilinear(5, 3), torch.randn(2, 5, 4, 6)
    after = up[0](F.interpolate(coarse, scale_factor=2, mode="bilinear"))
    assert torch.allclose(up(coarse), after, atol=1e-6)


def test_sub_pixels_are_laid_out_by_rows():
    up, coarse = SubPixel(4, 3, stride=2, icnr=False), torch.randn(1, 4, 3, 5)
    values, large = up[0](coarse), up(coarse)
    for channel, y, x in itertools.product(range(3), range(6), range(10)):
        number = 4 * channel + 2 * (y % 2) + x % 2
        assert large[0, channel, y, x] == values[0, number, y // 2, x // 2]


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_sub_pixel_and_transposed_convolution_can_do_the_same(kernel):
    """The weights are the same numbers in another order: phases beside taps, and taps backwards."""
    sub, transposed = SubPixel(4, 3, kernel, icnr=False), Transposed(4, 3, 2 * kernel)
    with torch.no_grad():
        weights = (
            sub[0].weight.reshape(3, 2, 2, 4, kernel, kernel).flip(4, 5)
        )  # out, phase, phase, in, tap, tap
        transposed[0].weight.copy_(weights.permute(3, 0, 4, 1, 5, 2).reshape(4, 3, 2 * kernel, 2 * kernel))
    coarse = torch.randn(2, 4, 5, 6)
    assert torch.allclose(sub(coarse), transposed(coarse), atol=1e-5)


def unevenness(up):
    """How much more the pixels of one phase vary than those of another, over many filters, for a constant input."""
    large = up(1, 4096)(torch.ones(1, 1, 8, 8))[..., 4:-4, 4:-4]
    energy = [large[..., y::2, x::2].square().mean().item() for y in (0, 1) for x in (0, 1)]
    return max(energy) / min(energy)


def test_checkerboards_come_of_a_kernel_that_the_stride_does_not_divide():
    assert unevenness(partial(Transposed, kernel=3)) == pytest.approx(4, rel=0.25)  # four products, or one
    for up in (Bilinear, ResizeConvolution, SubPixel, *(partial(Transposed, kernel=k) for k in (2, 4, 6))):
        assert unevenness(up) < 1.25


def test_a_constant_stays_constant_where_pixels_are_computed_alike():
    def spread(up):
        return up(6, 5)(torch.ones(1, 6, 8, 8))[..., 4:-4, 4:-4].flatten(2).std(dim=2).max()

    for up in (Bilinear, ResizeConvolution, SubPixel):
        assert spread(up) < 1e-5
    for up in (partial(SubPixel, icnr=False), Transposed, partial(Transposed, kernel=3)):
        assert spread(up) > 0.1  # equal shares of the overlap do not make equal weights


def test_with_equal_weights_a_divided_kernel_is_even_and_another_is_not():
    def values(kernel):
        up = Transposed(1, 1, kernel=kernel)
        nn.init.ones_(up[0].weight)
        return sorted(set(up(torch.ones(1, 1, 8, 8))[..., 4:-4, 4:-4].flatten().tolist()))

    assert values(2) == [1]
    assert values(3) == [1, 2, 4]
    assert values(4) == [4]


def test_sub_pixels_that_start_alike_repeat_each_pixel():
    large = SubPixel(4, 3)(torch.randn(2, 4, 5, 6))
    assert torch.allclose(large, F.interpolate(large[..., ::2, ::2], scale_factor=2), atol=1e-6)


# -- cost -----------------------------------------------------------------------------------------------

COUNTED = {
    "convolution": (nn.Conv2d(3, 8, 3, padding=1), (2, 3, 10, 12), 3 * 8 * 9 + 8, 2 * 120 * 3 * 8 * 9),
    "stride": (nn.Conv2d(3, 8, 3, stride=2, bias=False), (1, 3, 9, 9), 3 * 8 * 9, 16 * 3 * 8 * 9),
    "dilation": (nn.Conv2d(2, 2, 3, dilation=2), (1, 2, 9, 9), 2 * 2 * 9 + 2, 25 * 2 * 2 * 9),
    "groups": (nn.Conv2d(8, 12, 5, groups=4), (1, 8, 9, 9), 12 * 2 * 25 + 12, 25 * 12 * 2 * 25),
    "depthwise": (nn.Conv2d(8, 8, 3, groups=8, bias=False), (1, 8, 5, 5), 72, 9 * 72),
    "transposed": (nn.ConvTranspose2d(6, 4, 4, 2, 1), (3, 6, 5, 7), 6 * 4 * 16 + 4, 3 * 35 * 6 * 4 * 16),
    "transposed, groups": (
        nn.ConvTranspose2d(6, 4, 3, groups=2),
        (1, 6, 5, 7),
        6 * 2 * 9 + 4,
        35 * 6 * 2 * 9,
    ),
    "linear": (nn.Linear(7, 5), (4, 7), 40, 4 * 35),
    "linear, of a sequence": (nn.Linear(7, 5, bias=False), (2, 3, 7), 35, 6 * 35),
    "shuffle": (nn.PixelShuffle(2), (1, 8, 5, 5), 0, 0),
    "norm": (nn.BatchNorm2d(8), (1, 8, 5, 5), 16, 0),
    "bilinear": (nn.Upsample(scale_factor=2, mode="bilinear"), (1, 8, 5, 5), 0, 0),
    # queries, keys, values and the way out: 4 · 6²; scores and means of values: 2 · 10² · 6
    "attention": (
        nn.TransformerEncoderLayer(6, 2, 11, batch_first=True),
        (3, 10, 6),
        None,
        3 * (10 * (144 + 132) + 1200),
    ),
    "recurrent, with memory": (
        nn.LSTM(4, 5, batch_first=True),
        (2, 7, 4),
        4 * (20 + 25 + 10),
        2 * 7 * 4 * (20 + 25),
    ),
    "recurrent": (nn.GRU(4, 5, batch_first=True), (2, 7, 4), 3 * (20 + 25 + 10), 2 * 7 * 3 * (20 + 25)),
    "two of one": (nn.Sequential(shared := nn.Linear(5, 5), shared), (1, 5), 30, 50),
}


@pytest.mark.parametrize(("model", "shape", "parameters", "products"), COUNTED.values(), ids=COUNTED)
def test_cost_equals_the_count_by_hand(model, shape, parameters, products):
    found = cost(model, shape)
    assert found.multiply_adds == products
    assert found.parameters == parameters or parameters is None


@pytest.mark.parametrize("name", ["squeezenet1_1", "mobilenet_v3_small", "shufflenet_v2_x0_5", "resnet18"])
def test_cost_equals_what_torchvision_publishes(name):
    published = torchvision_models.get_model_weights(name).DEFAULT.meta
    found = cost(torchvision_models.get_model(name, weights=None), (1, 3, 224, 224))
    assert found.parameters == published["num_params"]
    assert found.multiply_adds / 1e9 == pytest.approx(published["_ops"], abs=6e-4)


def test_a_model_is_counted_in_any_state_and_left_as_it_was():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(), nn.Conv2d(4, 4, 1)).double()
    model[1].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert cost(model, (1, 3, 6, 6)) == cost(model.eval(), (1, 3, 6, 6))
    model.train()
    model[1].eval()
    fused = torch.backends.mha.get_fastpath_enabled()
    with pytest.raises(RuntimeError):
        cost(model, (1, 5, 6, 6))
    assert [layer.training for layer in model] == [True, False, True, True]
    assert torch.backends.mha.get_fastpath_enabled() == fused
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
