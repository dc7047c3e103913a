"""U-Net: any size and make, what each skip carries, and that it learns."""

from functools import partial
from itertools import pairwise

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from course_utils.models.encoder_decoder import Decoder, Unpool
from course_utils.models.parts import (
    WIDTHS,
    Bilinear,
    ConvBlock,
    Encoder,
    ResidualBlock,
    ResizeConvolution,
    Segmenter,
    Standardise,
    SubPixel,
    Transposed,
    cost,
    group_norm,
)
from course_utils.models.unet import Add, Concatenate, UNet, UNetDecoder

SMALL = (4, 6, 8)
JOINS = [Concatenate, Add]
BLOCKS = [ConvBlock, ResidualBlock]


@st.composite
def nets(draw):
    """A U-Net of any make, in evaluation mode, with its numbers of channels and classes."""
    channels, classes = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    widths = draw(st.lists(st.integers(1, 8), min_size=1, max_size=5))
    net = UNet(
        channels,
        classes,
        widths,
        join=draw(st.sampled_from(JOINS)),
        skips=[draw(st.booleans()) for _ in widths[1:]],
        up=draw(st.sampled_from([Bilinear, ResizeConvolution, Transposed, SubPixel, Unpool])),
        block=draw(st.sampled_from(BLOCKS)),
        norm=draw(st.sampled_from([nn.BatchNorm2d, nn.Identity])),
    )
    return net.eval(), channels, classes


@settings(max_examples=40)
@given(nets(), st.integers(1, 60), st.integers(1, 60))
def test_any_make_takes_images_of_any_size(made, height, width):
    net, channels, classes = made
    logits = net(torch.rand(1, channels, height, width))
    assert logits.shape == (1, classes, height, width)
    assert logits.isfinite().all()


@pytest.mark.parametrize("size", [(1, 1), (17, 33), (128, 128), (100, 75)])
def test_the_default_net_takes_images_of_any_size(size):
    assert UNet(3, 2).eval()(torch.rand(1, 3, *size)).shape == (1, 2, *size)
    assert UNet(3, 2, norm=group_norm)(torch.rand(1, 3, *size)).shape == (1, 2, *size)


# -- skips ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("join", JOINS)
@pytest.mark.parametrize("skips", [True, False, (True, False), (False, True)])
def test_a_level_is_looked_at_where_its_skip_is_on(join, skips):
    features = [torch.randn(2, width, 16 >> i, 16 >> i).requires_grad_() for i, width in enumerate(SMALL)]
    UNetDecoder(SMALL, 2, join=join, skips=skips)(features).square().sum().backward()
    on = (skips, skips) if isinstance(skips, bool) else skips
    assert tuple(level.grad is not None and bool(level.grad.any()) for level in features) == (*on, True)


@pytest.mark.parametrize("block", BLOCKS)
def test_without_skips_it_is_the_plain_decoder(block):
    net, plain = UNetDecoder(SMALL, 3, skips=False, block=block), Decoder(SMALL, 3, block=block)
    plain.load_state_dict(net.state_dict())
    features = [torch.randn(2, width, 16 >> i, 16 >> i) for i, width in enumerate(SMALL)]
    assert torch.equal(net(features), plain(features))


@given(st.lists(st.booleans(), min_size=4, max_size=4))
def test_what_a_skip_costs(skips):
    def parameters(**arguments):
        return sum(parameter.numel() for parameter in UNet(3, 2, **arguments).parameters())

    saved = sum(9 * width**2 for width, on in zip(WIDTHS, skips, strict=False) if not on)
    assert parameters(skips=skips) == parameters() - saved
    assert parameters(skips=skips, join=Add) == parameters(join=Add) == parameters(skips=False)


def test_zeros_in_place_of_a_skip_would_add_weights_that_never_learn():
    class Zeros(Concatenate):
        def forward(self, below, across):
            return super().forward(below, torch.zeros_like(across))

    decoder = UNetDecoder(SMALL, 2, join=Zeros)
    features = [torch.randn(2, width, 16 >> i, 16 >> i) for i, width in enumerate(SMALL)]
    decoder(features).square().sum().backward()
    gradient = decoder.blocks[0][0].weight.grad
    assert gradient[:, : SMALL[0]].any() and not gradient[:, SMALL[0] :].any()


# -- cost -----------------------------------------------------------------------------------------------


def by_hand(channels, classes, widths, side):
    """Parameters and multiply–adds of a U-Net of plain blocks, concatenation, bilinear: one line a layer."""
    weights, products = 0, 0

    def layer(inputs, outputs, kernel, pixels, others):
        nonlocal weights, products
        weights += kernel**2 * inputs * outputs + others * outputs
        products += kernel**2 * inputs * outputs * pixels

    for level, (inputs, width) in enumerate(pairwise((channels, *widths))):
        pixels = (side >> level) ** 2
        layer(inputs, width, 3, pixels, 2)
        layer(width, width, 3, pixels, 2)
    for level, (fine, coarse) in enumerate(pairwise(widths)):
        pixels = (side >> level) ** 2
        layer(coarse, fine, 1, pixels // 4, 1)
        layer(2 * fine, fine, 3, pixels, 2)
        layer(fine, fine, 3, pixels, 2)
    layer(widths[0], classes, 1, side**2, 1)
    return weights, products


@pytest.mark.parametrize("widths", [(8,), (4, 8), WIDTHS, (16, 24, 32, 48)])
def test_cost_by_hand(widths):
    assert cost(UNet(3, 5, widths), (1, 3, 64, 64)) == by_hand(3, 5, widths, 64)


def test_the_default_net_is_small():
    assert 0.3e6 < cost(UNet(), (1, 3, 128, 128)).parameters < 0.5e6


# -- what a net must do ---------------------------------------------------------------------------------


@pytest.mark.parametrize("join", JOINS)
@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("up", [Bilinear, partial(Transposed, kernel=3), SubPixel])
def test_the_gradient_reaches_every_parameter(join, block, up):
    net = UNet(3, 2, join=join, block=block, up=up)
    F.cross_entropy(net(torch.rand(2, 3, 32, 32)), torch.randint(0, 2, (2, 32, 32))).backward()
    assert [name for name, parameter in net.named_parameters() if not parameter.grad.any()] == []


@pytest.mark.parametrize(
    "up", [Bilinear, ResizeConvolution, Transposed, partial(Transposed, kernel=3), SubPixel, Unpool]
)
def test_a_shift_by_all_halvings_shifts_the_answer(up):
    """Two windows on one image, four pixels apart, agree where neither sees its border."""
    net, image = UNet(1, 3, SMALL, up=up).eval(), torch.rand(1, 1, 84, 84)
    one, other = net(image[..., :80, :80]), net(image[..., 4:, 4:])
    assert torch.allclose(one[..., 36:44, 36:44], other[..., 32:40, 32:40], atol=1e-4)
    assert not torch.allclose(one[..., 36:44, 36:44], other[..., 36:44, 36:44], atol=1e-2)


def test_in_evaluation_batch_mates_do_not_matter():
    net = UNet(3, 2, SMALL)
    net(torch.rand(4, 3, 16, 16))  # averages that are not those of the start
    images = torch.rand(3, 3, 17, 20)
    assert torch.allclose(net.eval()(images)[1], net(images[1:2])[0], atol=1e-5)


@pytest.mark.parametrize(
    "make", [{}, {"join": Add, "block": ResidualBlock}, {"norm": group_norm}, {"up": Unpool}]
)
def test_a_few_steps_learn_one_image_by_heart(make):
    """Squares of random classes on random pixels: there is no rule to find."""
    net = nn.Sequential(Standardise(), UNet(1, 2, (8, 16), **make))
    images, squares = torch.rand(1, 1, 16, 16), torch.randint(0, 2, (1, 4, 4))
    target = squares.repeat_interleave(4, dim=1).repeat_interleave(4, dim=2)
    for _ in range(40):
        loss = F.cross_entropy(net(images), target)
        net.zero_grad()
        loss.backward()
        with torch.no_grad():
            for parameter in net.parameters():
                parameter -= 0.5 * parameter.grad
    assert loss < 0.05


def test_one_seed_makes_one_net_and_weights_survive_the_file(tmp_path):
    torch.manual_seed(7)
    net = UNet(3, 2, SMALL, block=ResidualBlock)
    net(torch.rand(2, 3, 16, 16))
    torch.manual_seed(7)
    twin = UNet(3, 2, SMALL, block=ResidualBlock)
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), twin.parameters(), strict=True))
    safetensors.torch.save_file(net.state_dict(), tmp_path / "net.safetensors")
    other = UNet(3, 2, SMALL, block=ResidualBlock)
    other.load_state_dict(safetensors.torch.load_file(tmp_path / "net.safetensors"))
    images = torch.rand(2, 3, 19, 16)
    assert torch.equal(net.eval()(images), other.eval()(images))


def test_the_memory_format_changes_nothing():
    net, images = UNet(3, 2, block=ResidualBlock).eval(), torch.rand(2, 3, 45, 38)
    expected = net(images)
    found = net.to(memory_format=torch.channels_last)(images.contiguous(memory_format=torch.channels_last))
    assert torch.allclose(found, expected, atol=1e-4)


def test_the_parts_of_one_net_fit_another():
    encoder = Encoder(1, SMALL, ResidualBlock, group_norm)
    model = Segmenter(encoder, UNetDecoder(encoder.widths, 4, join=Add))
    assert model(torch.rand(2, 1, 9, 9)).shape == (2, 4, 9, 9)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"skips": (True, True)}, ValueError, "or 4 of these.*for widths of 5 levels"),
        ({"skips": 3}, ValueError, "skips must be True, False"),
        ({"skips": (1, 1, 1, "no")}, ValueError, "skips must be True, False"),
        ({"join": "add"}, TypeError, "join must be a class"),
        ({"block": ConvBlock(3, 3)}, TypeError, "block must be a class"),
        ({"up": None}, TypeError, "up must be a class"),
        ({"widths": "8,16"}, ValueError, "widths must be the numbers"),
        ({"classes": 0}, ValueError, "classes must be a whole number"),
    ],
)
def test_bad_arguments_get_a_clear_error(arguments, error, message):
    with pytest.raises(error, match=message):
        UNet(**arguments)
