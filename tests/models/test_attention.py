"""Attention: equal to torch's and torchvision's, blind to the place unless told, of any size, and what it costs."""

import math
from functools import partial

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torchvision.models import VisionTransformer
from torchvision.ops import SqueezeExcitation as TheirSqueezeExcitation

from course_utils.models.attention import (
    CBAM,
    GatedConcatenate,
    MLPDecoder,
    NonLocal,
    PixelNorm,
    Positions,
    SegFormer,
    SelfAttention,
    SqueezeExcitation,
    TransformerBlock,
    TransformerEncoder,
    attend,
    attend_in_pieces,
    attention_maps,
    then,
)
from course_utils.models.encoder_decoder import FCNDecoder
from course_utils.models.memory import peak_bytes
from course_utils.models.parts import (
    ConvBlock,
    Encoder,
    ResidualBlock,
    Segmenter,
    Standardise,
    cost,
)
from course_utils.models.unet import Concatenate, UNet, UNetDecoder

SMALL = (4, 8, 16)
LAYERS = [SqueezeExcitation, CBAM, SelfAttention, NonLocal, TransformerBlock, Positions]


def asked(n, m, d=8, e=8, heads=2, dtype=torch.float32):
    """Random queries, keys and values."""
    return (torch.randn(1, heads, *shape, dtype=dtype) for shape in ((n, d), (m, d), (m, e)))


# -- the formula ------------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(*(st.integers(1, 40) for _ in range(4)), st.integers(1, 50), st.floats(0.01, 300))
def test_attention_is_that_of_torch_whole_and_in_pieces(n, m, d, e, size, scale):
    queries, keys, values = asked(n, m, d, e, dtype=torch.float64)
    expected = F.scaled_dot_product_attention(scale * queries, keys, values)
    found, weights = attend(scale * queries, keys, values)
    assert torch.allclose(found, expected, atol=1e-10)
    assert torch.allclose(attend_in_pieces(scale * queries, keys, values, size), expected, atol=1e-10)
    assert (weights >= 0).all() and torch.allclose(weights.sum(dim=-1), torch.ones(()).double())


def test_a_paper_example():
    """Three pixels; the first two keys fit equally, the third not at all: half and half of their values."""
    queries, keys = torch.tensor([[1.0, 0]]), torch.tensor([[60.0, 1], [60, -5], [-600, 0]])
    found, weights = attend(queries, keys, torch.tensor([[2.0], [4], [100]]))
    assert weights.tolist() == [[0.5, 0.5, 0]] and found.item() == 3


def test_without_the_root_one_of_many_random_keys_takes_nearly_all():
    queries, keys, values = asked(50, 50, 256)
    _, weights = attend(queries, keys, values)
    _, bare = attend(queries * math.sqrt(256), keys, values)
    assert weights.amax(-1).mean() < 0.25 and bare.amax(-1).mean() > 0.85


@pytest.mark.parametrize("size", [1, 2, 256])
def test_pieces_survive_keys_that_cannot_be_chosen(size):
    queries, values = torch.tensor([[1.0, 0.5]]), torch.tensor([[1.0], [2], [4]])
    keys = torch.tensor([[-math.inf, 0], [0, 1], [0, 1]])
    assert attend(queries, keys, values)[0].item() == 3
    assert attend_in_pieces(queries, keys, values, size).item() == pytest.approx(3)


def test_where_nobody_answers_nothing_is_heard():
    queries, keys, values = torch.randn(2, 3), torch.zeros(0, 3), torch.zeros(0, 4)
    for heard in (attend(queries, keys, values)[0], attend_in_pieces(queries, keys, values)):
        assert heard.shape == (2, 4) and not heard.any()


def test_pieces_have_the_same_slopes():
    given = [part.requires_grad_() for part in asked(5, 9, dtype=torch.float64)]
    slopes = [torch.autograd.grad(way(*given).square().sum(), given) for way in
              (lambda *parts: attend(*parts)[0], partial(attend_in_pieces, size=4))]  # fmt: skip
    assert all(torch.allclose(*pair) for pair in zip(*slopes, strict=True))
    assert torch.autograd.gradcheck(lambda *parts: attend(*parts)[0], given)


def test_memory_grows_with_the_square_only_where_all_weights_are_held():
    held = {}
    for n in (512, 1024):
        given = list(asked(n, n, 16, 16, heads=1))
        held[n] = [
            peak_bytes(partial(way, *given))
            for way in (attend, partial(attend_in_pieces, size=64), F.scaled_dot_product_attention)
        ]
        assert held[n][0] >= 4 * n * n
    whole, pieces, fused = (later / first for first, later in zip(held[512], held[1024], strict=True))
    assert whole > 3.8 and pieces < 2.1 and fused < 2.1
    assert held[1024][2] < held[1024][0] / 10


# -- the layers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("size", [(1, 1), (3, 7), (16, 16), (2, 33)])
def test_any_size_goes_in_and_comes_out(layer, size):
    x = torch.randn(2, 8, *size)
    assert layer(8)(x).shape == x.shape
    assert layer(8)(x).isfinite().all()


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_self_attention_is_that_of_torch(heads):
    ours, theirs = SelfAttention(8, heads), nn.MultiheadAttention(8, heads, batch_first=True)
    nn.init.normal_(ours.query.bias)
    layers = ours.query, ours.key, ours.value
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([layer.weight[..., 0, 0] for layer in layers]))
        theirs.in_proj_bias.copy_(torch.cat([ours.query.bias, torch.zeros(8), ours.value.bias]))
        theirs.out_proj.weight.copy_(ours.mix.weight[..., 0, 0])
        theirs.out_proj.bias.copy_(ours.mix.bias)
    x = torch.randn(2, 8, 5, 6)
    tokens = x.flatten(2).transpose(1, 2)
    expected, weights = theirs(tokens, tokens, tokens, average_attn_weights=False)
    assert torch.allclose(ours(x).flatten(2).transpose(1, 2), expected, atol=1e-5)
    assert torch.allclose(ours.weights(x).flatten(4).flatten(2, 3), weights, atol=1e-6)


@pytest.mark.parametrize("reduction", [1, 2, 3])
def test_its_weights_are_those_that_it_uses(reduction):
    layer, x = SelfAttention(8, 2, reduction), torch.randn(1, 8, 7, 9)
    weights = layer.weights(x)
    small = -(-7 // reduction), -(-9 // reduction)
    assert weights.shape == (1, 2, 7, 9, *small)
    assert torch.allclose(weights.sum(dim=(-2, -1)), torch.ones(()))
    values = layer._split(layer.value(F.avg_pool2d(x, reduction, ceil_mode=True))).unflatten(2, small)
    heard = torch.einsum("bnyxhw,bnhwc->bncyx", weights, values).flatten(1, 2)
    assert torch.allclose(layer.mix(heard), layer(x), atol=1e-5)


def test_attention_of_a_layer_never_holds_all_weights():
    layer, x = SelfAttention(16, 2), torch.randn(1, 16, 32, 32)
    with torch.no_grad():
        assert peak_bytes(lambda: layer(x)) < peak_bytes(lambda: layer.weights(x)) / 10


@given(st.randoms(use_true_random=False))
@settings(max_examples=5)
def test_attention_is_blind_to_the_place_unless_it_is_told(chance):
    x, order = torch.randn(1, 8, 4, 6), torch.tensor(chance.sample(range(24), 24))

    def shuffled(maps):
        return maps.flatten(2)[..., order].unflatten(2, (4, 6))

    layer = NonLocal(8, 2)
    assert torch.allclose(layer(shuffled(x)), shuffled(layer(x)), atol=1e-5)
    if order.tolist() != sorted(order.tolist()):
        told = nn.Sequential(Positions(8), layer)
        assert not torch.allclose(told(shuffled(x)), shuffled(told(x)), atol=1e-2)
    gates = SqueezeExcitation(8)
    assert torch.allclose(gates.gates(shuffled(x)), gates.gates(x), atol=1e-6)


def test_the_codes_of_two_places_agree_by_their_distance_alone():
    code = Positions(16).code(20, 30)
    assert code.shape == (16, 20, 30) and code.abs().max() <= 1
    agreement = torch.einsum("cyx,c->yx", code, code[:, 10, 12])
    assert agreement.argmax() == 10 * 30 + 12
    elsewhere = torch.einsum("cyx,c->yx", code, code[:, 4, 5])
    assert torch.allclose(elsewhere[2:8, 1:9], agreement[8:14, 8:16], atol=1e-4)
    rows = torch.einsum("cyx,c->yx", code[:8], code[:8, 10, 12])
    assert torch.allclose(rows, rows[:, :1].expand(-1, 30)) and rows[:, 0].argmax() == 10


def test_squeeze_and_excitation_is_that_of_torchvision():
    ours, theirs, x = SqueezeExcitation(8), TheirSqueezeExcitation(8, 8), torch.randn(2, 8, 5, 7)
    theirs.load_state_dict(dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True)))
    assert torch.allclose(ours(x), theirs(x), atol=1e-6)
    assert cost(ours, x.shape).parameters == 2 * 8 * 8 + 8 + 8


def test_cbam_by_its_formula():
    layer, x = CBAM(4, 2, kernel=3), torch.randn(1, 4, 5, 6)
    first, second = layer.excite[0].weight.data[..., 0, 0], layer.excite[2].weight.data[..., 0, 0]
    scores = [second @ (first @ squeezed).relu() for squeezed in (x[0].mean((1, 2)), x[0].amax((1, 2)))]
    scaled = x[0] * torch.sigmoid(sum(scores))[:, None, None]
    around = F.pad(torch.stack([scaled.mean(0), scaled.amax(0)]), (1, 1, 1, 1))
    expected = torch.empty(5, 6)
    for row in range(5):
        for column in range(6):
            window = around[:, row : row + 3, column : column + 3]
            expected[row, column] = (layer.where.weight[0] * window).sum()
    assert torch.allclose(layer(x)[0], scaled * torch.sigmoid(expected), atol=1e-5)


def test_a_gate_lies_between_shut_and_open():
    join, below, across = GatedConcatenate(6), torch.randn(2, 6, 4, 5), torch.randn(2, 6, 4, 5)
    gate = join.gate(below, across)
    assert gate.shape == (2, 1, 4, 5) and gate.min() > 0 and gate.max() < 1
    assert torch.equal(join(below, across), torch.cat([below, across * gate], dim=1))
    assert not torch.allclose(
        gate, join.gate(torch.randn(2, 6, 4, 5), across), atol=1e-3
    )  # the decoder has a say
    nn.init.constant_(join.score.bias, 100.0)
    assert torch.equal(join(below, across), Concatenate(6)(below, across))
    nn.init.constant_(join.score.bias, -200.0)
    assert not join(below, across)[:, 6:].any()


def test_norms_of_pixels_look_at_one_pixel():
    norm, x = PixelNorm(6), torch.randn(2, 6, 4, 5)
    deviations, means = torch.std_mean(norm(x), dim=1, correction=0)
    assert means.abs().max() < 1e-6 and (deviations - 1).abs().max() < 1e-3
    changed = x.clone()
    changed[:, :, 2, 3] += torch.randn(6)
    differs = (norm(changed) != norm(x)).any(dim=1)
    assert differs.sum() == 2 and differs[:, 2, 3].all()


# -- networks ---------------------------------------------------------------------------------------------

NETS = {
    "squeeze and excitation": partial(UNet, block=then(SqueezeExcitation)),
    "CBAM": partial(UNet, block=then(CBAM, ResidualBlock)),
    "gates": partial(UNet, join=GatedConcatenate),
    "self-attention": partial(UNet, block=then(partial(NonLocal, reduction=2))),
    "SegFormer": partial(SegFormer, stride=2),
}


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("size", [(1, 1), (9, 14), (32, 17)])
def test_networks_take_images_of_any_size(net, size):
    model = NETS[net](3, 5, SMALL).eval()
    assert model(torch.rand(2, 3, *size)).shape == (2, 5, *size)


@pytest.mark.parametrize("net", NETS)
def test_the_gradient_reaches_every_parameter(net):
    model = NETS[net](3, 2, (16, 16, 32))
    F.cross_entropy(model(torch.rand(2, 3, 32, 32)), torch.randint(0, 2, (2, 32, 32))).backward()
    assert [name for name, parameter in model.named_parameters() if not parameter.grad.any()] == []


@pytest.mark.parametrize("net", NETS)
def test_a_few_steps_learn_one_image_by_heart(net):
    model = nn.Sequential(Standardise(), NETS[net](1, 2, (8, 16)))
    images, squares = torch.rand(1, 1, 16, 16), torch.randint(0, 2, (1, 4, 4))
    target = squares.repeat_interleave(4, dim=1).repeat_interleave(4, dim=2)
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.02)
    for _ in range(60):
        loss = F.cross_entropy(model(images), target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss < 0.1


@pytest.mark.parametrize("net", NETS)
def test_one_seed_makes_one_net_and_weights_survive_the_file(net, tmp_path):
    torch.manual_seed(7)
    model = NETS[net](3, 2, SMALL)
    torch.manual_seed(7)
    twin = NETS[net](3, 2, SMALL)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), twin.parameters(), strict=True))
    safetensors.torch.save_file(model.state_dict(), tmp_path / "net.safetensors")
    other = NETS[net](3, 2, SMALL)
    other.load_state_dict(safetensors.torch.load_file(tmp_path / "net.safetensors"))
    images = torch.rand(2, 3, 19, 16)
    assert torch.equal(model.eval()(images), other.eval()(images))


@pytest.mark.parametrize("net", NETS)
def test_the_memory_format_changes_nothing(net):
    model, images = NETS[net](3, 2, SMALL).eval(), torch.rand(2, 3, 21, 18)
    expected = model(images)
    found = model.to(memory_format=torch.channels_last)(images.contiguous(memory_format=torch.channels_last))
    assert torch.allclose(found, expected, atol=1e-4)


def test_the_parts_of_one_net_fit_another():
    images = torch.rand(2, 3, 25, 32)
    transformer = TransformerEncoder(3, SMALL, stride=2)
    for decoder in (UNetDecoder(SMALL, 4, join=GatedConcatenate), FCNDecoder(SMALL, 4, stride=4)):
        assert Segmenter(transformer, decoder)(images).shape == (2, 4, 25, 32)
    convolutions = Segmenter(Encoder(3, SMALL, then(CBAM)), MLPDecoder(SMALL, 4, stride=1))
    assert convolutions(images).shape == (2, 4, 25, 32)


def test_the_transformer_is_small_and_counted():
    found = cost(SegFormer(3, 8), (1, 3, 96, 128))
    assert 0.2e6 < found.parameters < 0.3e6
    attention = cost(SelfAttention(16, 2, reduction=2), (1, 16, 8, 8)).multiply_adds
    assert attention == 2 * 64 * 16**2 + 2 * 16 * 16**2 + 2 * 16 * 64 * 16


def test_keys_have_the_lowest_resolution_at_every_level():
    maps = attention_maps(TransformerEncoder(3, (8, 16, 32, 64), stride=2), torch.rand(3, 32, 48))
    assert [tuple(found.weights.shape) for found in maps] == [
        (1, 16, 24, 4, 6),
        (2, 8, 12, 4, 6),
        (4, 4, 6, 4, 6),
    ]


# -- maps -------------------------------------------------------------------------------------------------


def test_maps_are_those_of_the_layers_and_the_model_stays_as_it_was():
    model, image = nn.Sequential(nn.Conv2d(3, 8, 3), Positions(8), NonLocal(8, 2)), torch.rand(3, 10, 12)
    (found,) = attention_maps(model, image)
    with torch.no_grad():
        seen = model[2].norm(model[1](model[0](image[None])))
        assert torch.equal(found.weights, model[2].attention.weights(seen)[0])
    assert found.name == "2.attention" and model.training
    assert not any(module._forward_hooks for module in model.modules())


def test_maps_of_a_vision_transformer_of_torchvision_leave_out_the_token_of_the_class():
    model = VisionTransformer(32, 8, num_layers=2, num_heads=2, hidden_dim=8, mlp_dim=8, num_classes=3)
    maps = attention_maps(model, torch.rand(3, 32, 32))
    assert [tuple(found.weights.shape) for found in maps] == 2 * [(2, 4, 4, 4, 4)]
    sums = maps[0].weights.sum(dim=(-2, -1))
    assert (sums < 1).all() and (sums > 0.5).all()


def test_maps_of_what_has_none_are_refused():
    with pytest.raises(ValueError, match="Conv2d has no layer of attention"):
        attention_maps(nn.Conv2d(3, 2, 1), torch.rand(3, 4, 4))

    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(4, 1, batch_first=True)

        def forward(self, images):
            tokens = images.flatten(2).transpose(1, 2)[:, :13]
            return self.attention(tokens, tokens, tokens)

    with pytest.raises(ValueError, match="no grid of square patches"):
        attention_maps(Odd(), torch.rand(4, 5, 7))

    class Crossed(Odd):
        def forward(self, images):
            tokens = images.flatten(2).transpose(1, 2)
            return self.attention(tokens[:, :5], tokens, tokens)

    with pytest.raises(ValueError, match="'attention' 5 queries ask 16 keys: that is cross-attention"):
        attention_maps(Crossed(), torch.rand(4, 4, 4))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: SelfAttention(8, 3), ValueError, "heads must divide the channels"),
        (lambda: SelfAttention(8, 0), ValueError, "heads must be a whole number"),
        (lambda: SelfAttention(8, reduction=0), ValueError, "reduction must be a whole number"),
        (lambda: SqueezeExcitation(8, 0), ValueError, "reduction must be a whole number"),
        (lambda: CBAM(8, kernel=4), ValueError, "kernel must be odd"),
        (lambda: Positions(6), ValueError, "multiple of 4"),
        (lambda: then("SE"), TypeError, "layer must be a class"),
        (lambda: then(CBAM, ConvBlock(3, 3)), TypeError, "block must be a class"),
        (lambda: SegFormer(3, 2, stride=3), ValueError, r"stride must be one of \[1, 2, 4, 8, 16\]"),
        (lambda: SegFormer(3, 2, depth=0), ValueError, "depth must be a whole number"),
        (lambda: SegFormer(3, 2)(torch.rand(1, 1, 8, 8)), ValueError, "takes 3 channels"),
        (lambda: MLPDecoder(SMALL, 2, stride=1)([torch.rand(1, 4, 8, 8)]), ValueError, "made for features"),
        (lambda: attend_in_pieces(*asked(3, 3), size=0), ValueError, "size must be"),
    ],
)
def test_what_cannot_be_made_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
