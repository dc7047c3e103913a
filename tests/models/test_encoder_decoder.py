"""FCN, SegNet and the plain encoder–decoder: any size, any pairing, and what each takes of the features."""

import itertools
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from course_utils.models.encoder_decoder import FCN, Decoder, EncoderDecoder, FCNDecoder, SegNet, Unpool
from course_utils.models.parts import (
    Bilinear,
    ConvBlock,
    Encoder,
    ResidualBlock,
    ResizeConvolution,
    Segmenter,
    SubPixel,
    Transposed,
    cost,
    group_norm,
    halve,
)

UPS = [Bilinear, ResizeConvolution, Transposed, partial(Transposed, kernel=3), SubPixel, Unpool]
SMALL = (4, 6, 4, 8, 4, 6)  # six levels, so that FCN-32s fits


def decoders(widths, classes):
    """One of each kind, for features of these widths."""
    yield from (FCNDecoder(widths, classes, stride=2**level) for level in range(len(widths)))
    yield from (Decoder(widths, classes, up=up) for up in UPS)


def features_of(widths, side=16, batch=2):
    return [
        torch.randn(batch, width, side // 2**i, side // 2**i).requires_grad_()
        for i, width in enumerate(widths)
    ]


@settings(max_examples=12)
@given(
    st.integers(1, 50),
    st.integers(1, 50),
    st.lists(st.integers(1, 6), min_size=1, max_size=5),
    st.sampled_from([ConvBlock, ResidualBlock]),
    st.sampled_from([nn.BatchNorm2d, nn.Identity]),
)
def test_any_encoder_fits_any_decoder_for_images_of_any_size(height, width, widths, block, norm):
    images = torch.rand(1, 2, height, width)
    for decoder in decoders(widths, 3):
        model = Segmenter(Encoder(2, widths, block, norm), decoder).eval()
        assert model(images).shape == (1, 3, height, width)


@pytest.mark.parametrize("size", [(1, 1), (17, 33), (64, 48), (5, 1)])
@pytest.mark.parametrize("norm", [nn.BatchNorm2d, group_norm])
@pytest.mark.parametrize("model", [*(partial(FCN, stride=s) for s in (32, 16, 8)), EncoderDecoder, SegNet])
def test_the_families_train_on_odd_sizes(model, norm, size):
    net = model(1, 4, SMALL, norm=norm)
    logits = net(torch.rand(2, 1, *size))
    assert logits.shape == (2, 4, *size)
    F.cross_entropy(logits, torch.randint(0, 4, (2, *size))).backward()


@pytest.mark.parametrize("model", [*(partial(FCN, stride=s) for s in (32, 16, 8)), EncoderDecoder, SegNet])
def test_the_gradient_reaches_every_parameter(model):
    net = model(3, 2)
    F.cross_entropy(net(torch.rand(2, 3, 64, 64)), torch.randint(0, 2, (2, 64, 64))).backward()
    assert [name for name, parameter in net.named_parameters() if not parameter.grad.any()] == []


# -- FCN ------------------------------------------------------------------------------------------------


def test_fcn_32s_enlarges_the_scores_of_the_lowest_features():
    decoder, features = FCNDecoder(SMALL, 3), features_of(SMALL, 64)
    (score,) = decoder.scores
    expected = (
        torch.einsum("kc,bchw->bkhw", score.weight[..., 0, 0], features[-1]) + score.bias[:, None, None]
    )
    expected = F.interpolate(expected, (64, 64), mode="bilinear")
    assert torch.allclose(decoder(features), expected, atol=1e-5)


@pytest.mark.parametrize("stride", [32, 16, 8])
def test_fcn_takes_scores_from_its_stride_on(stride):
    decoder, features = FCNDecoder(SMALL, 3, stride), features_of(SMALL, 64)
    for score in decoder.scores:
        nn.init.normal_(score.weight)
    decoder(features).square().sum().backward()
    taken = [level.grad is not None and bool(level.grad.any()) for level in features]
    assert taken == [2**level >= stride for level in range(6)]


def test_a_finer_fcn_starts_with_the_answer_of_the_coarse_one_and_learns_at_once():
    decoder, features = FCNDecoder(SMALL, 3, 8), features_of(SMALL, 64)
    logits = decoder(features)
    other = [*(level + 1 for level in features[:-1]), features[-1]]
    assert torch.equal(decoder(other), logits)
    logits.square().sum().backward()
    assert all(score.weight.grad.any() for score in decoder.scores)


# -- decoders that climb step by step -------------------------------------------------------------------


@pytest.mark.parametrize("up", UPS[:-1])
def test_the_plain_decoder_takes_nothing_but_the_lowest_features(up):
    features = features_of((4, 6, 8))
    Decoder((4, 6, 8), 2, up=up)(features).square().sum().backward()
    assert [level.grad is not None for level in features] == [False, False, True]


def test_segnet_takes_the_places_of_the_finer_features_and_not_their_values():
    decoder, features = Decoder((4, 6, 8), 2, up=Unpool).eval(), features_of((4, 6, 8))
    logits = decoder(features)
    logits.square().sum().backward()
    assert [level.grad is not None for level in features] == [False, False, True]
    assert torch.equal(decoder([features[0] * 3 + 1, features[1].exp(), features[2]]), logits)
    assert not torch.equal(decoder([features[0].flip(3), features[1], features[2]]), logits)


@settings(max_examples=20)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**31))
def test_unpooling_puts_values_where_the_largest_were(height, width, seed):
    torch.manual_seed(seed)
    fine, coarse = torch.randn(2, 3, height, width), torch.randn(2, 5, (height + 1) // 2, (width + 1) // 2)
    up = Unpool(5, 3).requires_grad_(False)
    values, found = up.mix(coarse), up(coarse, fine)
    expected = torch.zeros_like(fine)
    for b, c, y, x in itertools.product(range(2), range(3), *map(range, coarse.shape[2:])):
        window = [(i, j) for i in (2 * y, 2 * y + 1) for j in (2 * x, 2 * x + 1) if i < height and j < width]
        i, j = max(window, key=lambda place: fine[b, c, place[0], place[1]])
        expected[b, c, i, j] = values[b, c, y, x]
    assert torch.equal(found, expected)


def test_unpooling_undoes_pooling_up_to_the_smaller_values():
    fine = torch.rand(2, 3, 7, 6) + 0.1
    up = Unpool(3, 3)
    with torch.no_grad():
        up.mix.weight.copy_(torch.eye(3)[..., None, None])
    found = up(halve(fine), fine)
    assert torch.equal(found[found > 0], fine[found > 0])
    assert torch.equal(halve(found), halve(fine))


# -- cost, memory format, errors ------------------------------------------------------------------------


@pytest.mark.parametrize("stride", [32, 16, 8])
def test_cost_of_the_heads_by_hand(stride):
    net, classes = FCN(3, 5, SMALL, stride=stride), 5
    scored = SMALL[stride.bit_length() - 1 :]
    head = cost(net, (1, 3, 64, 64)).parameters - cost(net.encoder, (1, 3, 64, 64)).parameters
    assert head == (sum(scored) + len(scored)) * classes + (len(scored) - 1) * (16 * classes**2 + classes)


def test_ways_up_cost_what_their_docstrings_say():
    weights = {Bilinear: 1, ResizeConvolution: 9, Transposed: 16, SubPixel: 36}
    for up, factor in weights.items():
        found = cost(up(6, 4), (1, 6, 5, 5))
        pixels = 100 if up is ResizeConvolution else 25
        offsets = 4 * (4 if up is SubPixel else 1)
        assert found == (factor * 24 + offsets, factor * 24 * pixels)


@pytest.mark.parametrize("model", [partial(FCN, stride=8), *(partial(EncoderDecoder, up=up) for up in UPS)])
def test_the_memory_format_changes_nothing(model):
    net, images = model(3, 2).eval(), torch.rand(2, 3, 45, 38)
    expected = net(images)
    found = net.to(memory_format=torch.channels_last)(images.contiguous(memory_format=torch.channels_last))
    assert torch.allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: FCN(stride=64), ValueError, r"stride must be one of \[1, 2, 4, 8, 16, 32\] with 6 levels"),
        (lambda: FCN(stride="32s"), ValueError, "stride must be one of"),
        (lambda: FCN(classes=0), ValueError, "classes must be"),
        (lambda: EncoderDecoder(classes=2.5), ValueError, "classes must be a whole number"),
        (lambda: EncoderDecoder(up="bilinear"), TypeError, "up must be a class"),
        (
            lambda: Decoder((4, 8), 2)(features_of((4, 6))),
            ValueError,
            r"for features of \(4, 8\).*got \(4, 6\)",
        ),
        (lambda: Decoder((4, 8), 2)(features_of((4,))), ValueError, r"got \(4,\)"),
        (
            lambda: FCNDecoder((4, 8), 2, 2)([torch.zeros(1, 4, 9, 9), torch.zeros(1, 8, 4, 4)]),
            ValueError,
            "9 × 9 pixels must be followed by half of it, rounded up, not by 4 × 4",
        ),
    ],
)
def test_bad_arguments_get_a_clear_error(make, error, message):
    with pytest.raises(error, match=message):
        make()
