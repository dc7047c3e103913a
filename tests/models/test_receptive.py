import copy

import numpy as np
import pytest
import torch
from torch import nn

from course_utils.models import receptive
from course_utils.models.parts import ConvBlock, Encoder, ResidualBlock, group_norm
from course_utils.models.receptive import (
    ReceptiveField,
    effective_side,
    influence,
    levels,
    reachable,
    seen,
    shares,
)
from course_utils.models.unet import UNet

LENGTHS = 19, 24  # of the images in these tests


def images(count=1, channels=1, **options):
    return torch.rand(count, channels, *LENGTHS, dtype=torch.float64, **options)


def outer(layers, pixel):
    """Bool (H, W): the rows and columns that the theory names."""
    rows, columns = (seen(layers, pixel[axis], LENGTHS[axis], axis) for axis in (0, 1))
    field = np.zeros(LENGTHS, bool)
    field[np.ix_(rows, columns)] = True
    return field


def reacts(layers, pixel):
    """Bool (H, W): where the gradient of an output pixel is not zero."""
    batch = images(requires_grad=True)
    return influence(nn.Sequential(*layers)(batch), batch, pixel) != 0


def random_layer(rng, kinds):
    pair = lambda low, high: tuple(int(n) for n in rng.integers(low, high, 2))  # noqa: E731
    kind = kinds[rng.integers(len(kinds))]
    if kind == "convolution":
        return nn.Conv2d(1, 1, pair(1, 5), pair(1, 4), pair(0, 3), pair(1, 3))
    if kind == "same":
        return nn.Conv2d(1, 1, pair(1, 5), padding="same", dilation=pair(1, 3))
    if kind in ("average", "maximum"):
        pool = nn.AvgPool2d if kind == "average" else nn.MaxPool2d
        return pool(
            int(rng.integers(2, 4)),
            int(rng.integers(1, 4)),
            int(rng.integers(2)),
            ceil_mode=bool(rng.integers(2)),
        )
    if kind == "transposed":
        step = int(rng.integers(1, 4))
        return nn.ConvTranspose2d(
            1, 1, pair(1, 5), step, int(rng.integers(2)), int(rng.integers(step)), dilation=pair(1, 3)
        )
    return nn.Upsample(scale_factor=int(rng.integers(1, 4)), mode=kind)


def random_stack(seed, kinds):
    """(layers, an output pixel) of a random chain in double precision whose output is not empty."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    while True:
        layers = [random_layer(rng, kinds).double() for _ in range(rng.integers(1, 5))]
        try:
            shape = nn.Sequential(*layers)(images()).shape[-2:]
        except RuntimeError:  # a window larger than what is left of the image
            continue
        if max(shape) < 200:
            return layers, tuple(int(rng.integers(n)) for n in shape)


WINDOWS = ("convolution", "same", "average")
ENLARGING = ("transposed", "nearest", "bilinear")


@pytest.mark.parametrize("seed", range(60))
def test_theory_is_the_set_of_pixels_with_a_gradient(seed):
    layers, pixel = random_stack(seed, WINDOWS + ENLARGING)
    np.testing.assert_array_equal(outer(layers, pixel), reacts(layers, pixel))


@pytest.mark.parametrize("seed", range(30))
def test_the_three_numbers_are_the_ends_of_that_set(seed):
    layers, pixel = random_stack(seed, WINDOWS)
    for axis, output in enumerate(pixel):
        field = receptive.receptive_field(layers, axis)
        pixels = seen(layers, output + 1000, 100_000, axis)
        assert (pixels[0], pixels[-1]) == field.of(output + 1000)


@pytest.mark.parametrize("seed", range(15))
def test_a_maximum_can_come_from_anywhere_in_its_window(seed):
    layers, pixel = random_stack(seed, ("convolution", "maximum"))
    np.testing.assert_array_equal(
        reachable(nn.Sequential(*layers), (1, *LENGTHS), pixel), outer(layers, pixel)
    )


def test_the_recurrence_by_hand():
    layers = [
        nn.Conv2d(1, 1, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(1, 1, 3, dilation=2, padding=2),
    ]
    assert receptive.receptive_fields(layers) == [(1, 1, 0), (3, 1, -1), (3, 1, -1), (4, 2, -1), (12, 2, -5)]


def test_the_field_of_vgg_16_is_the_published_one():
    """212 pixels, stride 32, padding 90, in the table of Araujo, Norris & Sim 2019."""
    stages = [
        [nn.Conv2d(1, 1, 3, padding=1), nn.ReLU()] * count + [nn.MaxPool2d(2)] for count in (2, 2, 3, 3, 3)
    ]
    assert receptive.receptive_field([layer for stage in stages for layer in stage]) == ReceptiveField(
        212, 32, -90
    )


def test_rows_and_columns_may_differ():
    layer = nn.Conv2d(1, 1, (1, 5), stride=(2, 1), padding=(0, 2))
    assert receptive.receptive_field(layer, 0) == (1, 2, 0) and receptive.receptive_field(layer, 1) == (
        5,
        1,
        -2,
    )


def test_a_transposed_convolution_of_stride_1_is_a_convolution():
    assert receptive.receptive_field(nn.ConvTranspose2d(1, 1, 5, padding=1)) == (5, 1, -3)


@pytest.mark.parametrize("layer", [nn.ConvTranspose2d(1, 1, 3, 2), nn.Upsample(scale_factor=2)])
def test_no_one_size_holds_behind_what_enlarges(layer):
    with pytest.raises(ValueError, match="seen"):
        receptive.receptive_field([nn.Conv2d(1, 1, 3), layer])


@pytest.mark.parametrize("function", [receptive.receptive_field, lambda layers: seen(layers, 0, 9)])
def test_other_layers_are_refused(function):
    with pytest.raises(TypeError, match="reachable"):
        function([nn.Conv2d(1, 1, 3), nn.GroupNorm(1, 1)])


def test_circular_padding_is_refused_since_it_reaches_the_far_side():
    layer = nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular")
    with pytest.raises(TypeError, match="circular"):
        seen([layer], 0, 8)
    assert np.flatnonzero(reachable(layer, (1, 8, 8), (0, 0)).any(axis=1)).tolist() == [0, 1, 7]


def test_an_output_pixel_must_exist():
    with pytest.raises(ValueError, match=r"0 … 7 that 10 become, not 8"):
        seen(nn.Conv2d(1, 1, 3), 8, 10)


# ------------------------------------------------------------------------------------------- any network


def test_two_convolutions_and_a_shortcut_reach_five_pixels():
    block = ResidualBlock(1, 4)
    chain = nn.Sequential(nn.Conv2d(1, 1, 5, padding=2))
    np.testing.assert_array_equal(reachable(block, (1, *LENGTHS), (4, 7)), outer(chain, (4, 7)))


def test_a_u_net_sees_what_its_longest_way_sees():
    """Skips are shorter ways through the same pixels; the way by the lowest level is a chain."""
    model = UNet(1, 2, (4, 4, 4))
    down = [*model.encoder.blocks[0], nn.MaxPool2d(2, ceil_mode=True), *model.encoder.blocks[1],
            nn.MaxPool2d(2, ceil_mode=True), *model.encoder.blocks[2]]  # fmt: skip
    up = [*model.decoder.ups[1], *model.decoder.blocks[1], *model.decoder.ups[0], *model.decoder.blocks[0]]
    for pixel in ((9, 12), (0, 23)):
        np.testing.assert_array_equal(reachable(model, (1, *LENGTHS), pixel), outer([*down, *up], pixel))


def test_every_level_has_a_field():
    model = Encoder(1, (2, 4, 4))
    sides = []
    for level in range(3):
        field = reachable(model, (1, 40, 40), (20 >> level, 20 >> level), level)
        sides.append(int(field.any(axis=0).sum()))
    assert sides == [5, 14, 32]


def test_what_reacts_can_be_reached_in_a_trained_way():
    torch.manual_seed(0)
    model = UNet(1, 3, (4, 8)).double().eval()
    batch = images(2, requires_grad=True)
    field = reachable(model, (1, *LENGTHS), (3, 20))
    assert (influence(model(batch), batch, (3, 20))[~field] == 0).all()


def test_group_norm_sees_the_whole_image_and_batch_norm_does_not():
    for norm, everything in ((group_norm, True), (nn.BatchNorm2d, False)):
        assert reachable(ConvBlock(1, 4, norm), (1, *LENGTHS), (9, 9)).all() == everything


def test_the_model_is_left_as_it_is():
    model = UNet(1, 2, (4, 4))
    before = copy.deepcopy(model.state_dict())
    reachable(model, (1, *LENGTHS), (3, 3))
    assert model.training and all(
        torch.equal(before[name], value) for name, value in model.state_dict().items()
    )
    assert next(model.parameters()).dtype == torch.float32


# ------------------------------------------------------------------------------------------- what it does see


def test_the_influence_of_equal_weights_is_a_box_convolved_with_itself():
    layers = [nn.Conv2d(1, 1, 3, padding=1, bias=False, dtype=torch.float64) for _ in range(4)]
    for layer in layers:
        nn.init.ones_(layer.weight)
    batch = images(requires_grad=True)
    found = influence(nn.Sequential(*layers)(batch), batch, (9, 12))
    line = np.array([1.0])
    for _ in layers:
        line = np.convolve(line, [1, 1, 1])
    expected = np.zeros(LENGTHS)
    expected[5:14, 8:17] = np.outer(line, line)
    np.testing.assert_allclose(found / found.sum(), expected / expected.sum())


def test_scores_that_mirror_each_other_do_not_hide_their_influence():
    layer = nn.Conv2d(1, 2, 3, padding=1, dtype=torch.float64)
    with torch.no_grad():
        layer.weight[1] = -layer.weight[0]
    batch = images(requires_grad=True)
    assert (influence(layer(batch), batch, (5, 5)) > 0).sum() == 9


def test_shares_are_those_of_squares():
    rng = np.random.default_rng(0)
    values = rng.random((9, 11))
    held = shares(values, (4, 5))
    assert held[0] == 0 and held[-1] == 1
    for side in (1, 3, 5, 7):
        reach = side // 2
        part = values[4 - reach : 5 + reach, 5 - reach : 6 + reach].sum() / values.sum()
        assert held[side] == pytest.approx(part) and held[side - 1] <= held[side]
    between = shares(values, (3.5, 4.5))
    assert between[2] == pytest.approx(values[3:5, 4:6].sum() / values.sum())


def test_the_effective_side_is_that_of_the_smallest_square():
    values = np.zeros((9, 9))
    values[4, 4], values[3, 3], values[0, 8] = 94, 2, 4
    assert effective_side(values, (4, 4)) == 3
    assert effective_side(values, (4, 4), 0.94) == 1 and effective_side(values, (4, 4), 0.97) == 9
    assert effective_side(np.zeros((9, 9)), (4, 4)) == 0 and shares(np.zeros((9, 9)), (4, 4)).max() == 0


def test_levels_of_a_chain_survive_layers_that_work_in_place():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(inplace=True), ConvBlock(2, 2))
    (first, raw), (second, rectified), (third, _) = levels(model.double().eval(), images())
    assert (first, second, third) == ("convolution 3 × 3", "ReLU", "convolution 3 × 3 + convolution 3 × 3")
    assert raw.min() < 0 and torch.equal(raw.clamp(min=0), rectified)


def test_levels_of_a_segmenter_are_features_and_logits():
    inner = UNet(1, 3, (2, 4))
    for model in (inner, nn.Sequential(nn.Identity(), inner)):
        found = levels(model.double(), images())
        assert [name for name, _ in found][-3:] == ["features 0", "features 1", "logits"]
        assert [tuple(level.shape[1:]) for _, level in found][-3:] == [(2, 19, 24), (4, 10, 12), (3, 19, 24)]


@pytest.mark.parametrize(
    ("length", "coarse", "expected"),
    [
        (45, 45, 1),
        (45, 23, 2),
        (45, 12, 4),
        (5, 2, 4),
        (44, 22, 2),
        (45, 22, 2),
        (45, 43, 45 / 43),
        (10, 20, 0.5),
    ],
)
def test_spacing_knows_halvings_that_round_up(length, coarse, expected):
    assert receptive.spacing(length, coarse) == expected
