import numpy as np
import pytest
import torch
from page import act, press, shown
from torch import nn

from course_utils.explorers import FeatureExplorer
from course_utils.explorers.features import look_inside, nearest, oriented_edges, strongest
from course_utils.models.parts import Encoder, Standardise
from course_utils.models.unet import UNet


@pytest.fixture
def image():
    """A bright disk on a dark ground, of a size that no halving leaves whole."""
    rows, columns = np.mgrid[:45, :61]
    return 0.2 + 0.6 * (np.hypot(rows - 20, columns - 35) < 12)


@pytest.fixture
def explorer(image):
    return FeatureExplorer(image=image, name="a disk")


def test_the_default_filters_react_to_slopes_of_their_direction(image):
    maps = oriented_edges()(torch.tensor(image[None, None], dtype=torch.float32)).detach()
    assert maps.shape == (1, 8, 3, 4)
    (level, *_) = look_inside(oriented_edges(), image)
    ramp = np.tile(np.linspace(0, 1, 61), (45, 1))
    reaction = look_inside(oriented_edges(), ramp)[0].maps[:, 22, 30]
    np.testing.assert_allclose(reaction[:8] / reaction[0], np.cos(np.arange(8) * np.pi / 8), atol=1e-5)
    np.testing.assert_allclose(reaction[8:], -reaction[:8], atol=1e-6)
    assert level.kernels.shape == (16, 1, 7, 7)


def test_the_map_shown_is_the_models_nearest_enlarged(image):
    model = UNet(1, 3, (2, 4, 8)).eval()
    explorer = FeatureExplorer(model, image)
    assert explorer.names == ["first convolution", "features 0", "features 1", "features 2", "logits"]
    with torch.no_grad():
        features = model.encoder(torch.tensor(image[None, None], dtype=torch.float32))
    for level, values in enumerate(features):
        act(explorer, "slider", name="level", value=level + 1)
        act(explorer, "slider", name="channel", value=2)
        expected = values[0, 1].numpy()
        np.testing.assert_allclose(explorer.map, expected, atol=1e-6)
        large = np.repeat(np.repeat(expected, 2**level, 0), 2**level, 1)[:45, :61]
        explorer.threshold = float(np.median(expected))
        np.testing.assert_array_equal(shown(explorer, "above the line") > 0, large > explorer.threshold)


def test_the_first_convolution_is_shown_with_its_kernel_and_no_other(image):
    explorer = FeatureExplorer(
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(inplace=True), nn.Conv2d(2, 2, 3)), image
    )
    assert explorer.names == ["convolution 3 × 3", "ReLU", "convolution 3 × 3"]
    has_kernel = []
    for level in range(3):
        explorer.level = level
        has_kernel.append("kernel" in explorer.canvas.panel)
    assert has_kernel == [True, False, False]


def test_a_layer_before_the_first_convolution_keeps_its_own_level(image):
    levels = look_inside(nn.Sequential(Standardise(), nn.Conv2d(1, 2, 3)), image)
    assert [level.kernels is None for level in levels] == [True, False]
    assert levels[0].maps.mean() == pytest.approx(0, abs=1e-5)


def test_a_channel_that_a_level_has_not_becomes_its_last(image):
    explorer = FeatureExplorer(Encoder(1, (8, 2)), image, level=1, channel=7)
    assert explorer.channel == 7
    act(explorer, "slider", name="level", value=2)
    assert explorer.channel == 1 and [s["max"] for s in explorer.canvas.sliders] == [2, 2]
    with pytest.raises(ValueError, match="one of 0 … 2"):
        explorer.level = 3


def test_standardising_leaves_a_patch_its_size(image):
    layers = nn.Sequential(Standardise(), nn.Conv2d(1, 2, 3, 2, 1), nn.ReLU()), nn.Conv2d(2, 2, 3, padding=1)
    explorer = FeatureExplorer(nn.Sequential(*layers), image, level=2)
    act(explorer, "action", name="strongest")
    assert [part.stop - part.start for part in explorer.patch] == [9, 9]  # 7 are seen, 9 are the least shown
    assert explorer._sizes() == [7, 7]


def test_the_strongest_patches_come_in_order_and_begin_anew(explorer):
    values = []
    for rank in range(6):
        press(explorer, "strongest")
        assert explorer.canvas.status.startswith(f"Patch {rank + 1} by strength")
        values.append(explorer.map[explorer._asked])
    assert values[0] == explorer.map.max() and values == sorted(values, reverse=True)
    press(explorer, "strongest")
    assert explorer.canvas.status.startswith("Patch 1 ")


def test_a_patch_is_the_window_that_the_pixel_sees(image):
    explorer = FeatureExplorer(nn.Sequential(nn.Conv2d(1, 1, 11, padding=5), nn.AvgPool2d(2)), image, level=1)
    act(explorer, "click", points=[[20, 30]], brush=1)
    assert explorer._asked == (10, 15)
    assert [(part.start, part.stop) for part in explorer.patch] == [(15, 27), (25, 37)]
    ((corners, closed),) = explorer.canvas.polylines
    assert closed and corners.min(axis=0).tolist() == [14.5, 24.5]
    act(explorer, "undo")
    assert explorer.patch is None and explorer.canvas.marks == []


def test_a_clicked_pixel_is_named_and_found_in_the_histogram(explorer):
    act(explorer, "click", points=[[20, 23]], brush=1)
    assert "The pixel: " in explorer.canvas.status and ">pixel<" in explorer.canvas.plot["svg"]
    act(explorer, "slider", name="channel", value=2)
    assert ">pixel<" not in explorer.canvas.plot["svg"]


def test_moving_the_line_changes_what_lies_above_it(explorer):
    for part in (0.3, 0.6):
        value = float(np.quantile(explorer.map, part))
        act(explorer, "value", value=value)
        assert f"{(explorer.map > value).mean():.1%} above the line" in explorer.canvas.status


def test_a_map_of_one_value_is_shown(image):
    model = nn.Conv2d(1, 1, 3, padding=1)
    nn.init.zeros_(model.weight)
    explorer = FeatureExplorer(model, image)
    assert "says the same everywhere" in explorer.canvas.status
    press(explorer, "strongest")
    assert explorer.patch is not None


def test_the_strongest_lie_apart():
    values = np.zeros((16, 16))
    values[3, 3], values[3, 4], values[12, 12] = 5, 4, 3
    assert strongest(values, 2) == [(3, 3), (12, 12)]
    assert len(strongest(np.zeros((2, 2)), 6)) == 1


@pytest.mark.parametrize(
    ("fine", "coarse"), [(45, 45), (45, 23), (45, 12), (45, 6), (44, 11), (45, 43), (7, 14)]
)
def test_every_pixel_has_one_of_the_map_over_it(fine, coarse):
    index = nearest(fine, coarse)
    assert index[0] == 0 and index.max() <= coarse - 1 and (np.diff(index) >= 0).all()
    assert coarse > fine or set(index.tolist()) == set(range(coarse))


def test_the_strip_shows_the_image_and_three_levels(explorer):
    alt = explorer.strip().alt
    assert "a disk" in alt and alt.count("channel") == 3 and "45 × 61" in alt and "3 × 4" in alt


@pytest.mark.parametrize(
    ("image", "model", "message"),
    [
        (np.zeros((4,)), None, "expected"),
        (np.full((4, 5), 200.0), None, "divide 8-bit"),
        (np.zeros((9, 9, 3)), None, "takes 1 channels, the image has 3"),
    ],
)
def test_what_has_no_features_is_refused(image, model, message):
    with pytest.raises(ValueError, match=message):
        FeatureExplorer(model, image)
