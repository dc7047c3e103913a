import numpy as np
import pytest
import torch
from page import act, press, shown
from torch import nn

from course_utils.explorers import AttentionExplorer
from course_utils.explorers.attention import by_hand, spread
from course_utils.models.attention import NonLocal, SegFormer, attention_maps


@pytest.fixture
def image():
    return np.random.default_rng(0).random((16, 24, 3))


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3, 2, padding=1), NonLocal(8, 2), NonLocal(8, 4, reduction=2))


@pytest.fixture
def explorer(model, image):
    return AttentionExplorer(model, image, name="noise")


def of(model, image):
    """The weights that the model computes, arrays (heads, H, W, h, w)."""
    found = attention_maps(model, torch.tensor(image.transpose(2, 0, 1), dtype=torch.float32))
    return [level.weights.double().numpy() for level in found]


def test_it_opens_with_the_middle_pixel_and_the_mean_of_the_heads(explorer, model, image):
    assert explorer.names == ["1.attention", "2.attention"] and explorer.pixel == (8, 12)
    assert (explorer.layer, explorer.head) == (0, -1)
    np.testing.assert_allclose(explorer.map, of(model, image)[0][:, 4, 6].mean(axis=0))
    assert model.training


def test_layer_and_head_are_chosen_by_sliders(explorer, model, image):
    first, second = of(model, image)
    act(explorer, "slider", name="head", value=2)
    np.testing.assert_allclose(explorer.map, first[1, 4, 6])
    act(explorer, "slider", name="layer", value=2)
    assert (explorer.layer, explorer.head) == (
        1,
        1,
    ) and "Layer 2, head 2 (2.attention)" in explorer.canvas.status
    np.testing.assert_allclose(explorer.map, second[1, 4, 6])
    assert explorer.map.shape == (4, 6)
    explorer.head = 3
    explorer.layer = 0
    assert explorer.head == 1, "a layer of two heads has no fourth"
    assert explorer.canvas.panel.count("<figure") == 2


def test_a_click_asks_the_place_over_that_pixel(explorer, model, image):
    act(explorer, "click", points=[[15, 0]], brush=1)
    assert explorer.pixel == (15, 0) and len(explorer.canvas.marks) == 1
    np.testing.assert_allclose(explorer.map, of(model, image)[0][:, 7, 0].mean(axis=0))
    ((corners, closed),) = explorer.canvas.polylines
    assert (
        closed
        and corners.min(axis=0).tolist() == [13.5, -0.5]
        and corners.max(axis=0).tolist() == [15.5, 1.5]
    )


def test_the_tint_is_the_map_over_the_image(explorer):
    painted = shown(explorer, "attention")
    assert painted.shape == (16, 24)
    np.testing.assert_array_equal(painted[::2, ::2], painted[1::2, 1::2])
    assert painted[::2, ::2].flat[explorer.map.argmax()] == painted.max()
    np.testing.assert_array_equal(painted[::2, ::2] > 0, explorer.map > explorer.map.mean())


def test_the_line_outlines_so_many_of_the_strongest_places(explorer):
    held = np.sort(explorer.map.ravel())[::-1].cumsum()
    assert held[explorer.places - 2] < 0.5 <= held[explorer.places - 1]
    act(explorer, "value", value=3.0)
    assert explorer.places == 3 and f"3 places hold {held[2]:.0%}" in explorer.canvas.status
    explorer.places = 0
    assert "0 places hold 0%" in explorer.canvas.status


def test_follow_goes_where_the_pixel_looks(explorer):
    row, column = np.unravel_index(explorer.map.argmax(), explorer.map.shape)
    press(explorer, "follow")
    assert (explorer.pixel[0] // 2, explorer.pixel[1] // 2) == (row, column)


def test_the_question_can_be_turned_round(explorer, model, image):
    press(explorer, "incoming")
    assert explorer.incoming and explorer.canvas.actions[1]["pressed"]
    np.testing.assert_allclose(explorer.map, of(model, image)[0][:, :, :, 4, 6].mean(axis=0))
    assert "is listened to most by" in explorer.canvas.status and "all together" in explorer.canvas.panel
    explorer.layer = 1
    assert explorer.map.shape == (8, 12)
    ((corners, _),) = explorer.canvas.polylines
    assert np.ptp(corners, axis=0).tolist() == [4, 4], "of the coarser places that answer"
    press(explorer, "incoming")
    assert not explorer.incoming and explorer.map.shape == (4, 6)


def test_taking_back_keeps_the_pixel(explorer):
    explorer.pixel = 3, 4
    act(explorer, "undo")
    assert explorer.pixel == (3, 4) and len(explorer.canvas.marks) == 1


def test_the_heads_by_hand_look_for_a_colour_a_row_and_both():
    image = np.zeros((8, 8, 3))
    image[2:4, 6:] = image[6:, 6:] = image[2:4, :2] = (1, 0.5, 0)
    (found,) = by_hand(image)
    weights = found.weights[:, 1, 0].numpy()
    assert weights.shape == (3, 4, 4)
    assert np.argwhere(weights[0] > 0.1).tolist() == [[1, 0], [1, 3], [3, 3]]
    assert np.allclose(weights[1], weights[1][:, :1]) and weights[1][:, 0].argmax() == 1
    assert np.argwhere(weights[2] > 0.1).tolist() == [[1, 0], [1, 3]]
    np.testing.assert_allclose(found.weights.sum(dim=(-2, -1)), 1)


def test_the_default_needs_nothing():
    explorer = AttentionExplorer()
    assert explorer.names == ["by hand"] and len(explorer.canvas.sliders) == 1
    assert explorer.canvas.panel.count("<figure") == 3


@pytest.mark.parametrize("size", [(1, 1), (1, 6), (5, 1)])
def test_a_single_pixel_or_row_can_be_asked(size):
    explorer = AttentionExplorer(image=np.linspace(0, 1, size[0] * size[1]).reshape(size))
    assert explorer.map.shape == tuple(length // min(length, 2) for length in size)
    assert explorer.map.sum() == pytest.approx(1)
    assert explorer.strip()


def test_maps_may_come_from_anywhere(image):
    weights = np.full((1, 2, 3, 4, 6), 1 / 24)
    explorer = AttentionExplorer(image=image[..., 0], maps=[("elsewhere", weights)])
    assert explorer.names == ["elsewhere"] and explorer.canvas.sliders == [] and explorer.head == 0
    assert explorer.places == 12 and "<figure" not in explorer.canvas.panel
    assert "24.0" in explorer.canvas.panel


def test_a_transformer_that_labels_pixels_has_its_layers():
    explorer = AttentionExplorer(
        SegFormer(3, 2, (4, 8, 16), stride=2), np.random.default_rng(0).random((20, 17, 3))
    )
    assert len(explorer.names) == 2 and explorer.map.shape == (5, 5)


@pytest.mark.parametrize(
    ("weights", "places"), [([1, 1, 1, 1], 4), ([1, 0, 0], 1), ([0.5, 0.25, 0.25], 2**1.5)]
)
def test_how_vague_a_map_is(weights, places):
    assert spread(weights) == pytest.approx(places)


def test_the_strip_tells_where_the_pixel_looks(explorer):
    strip = explorer.strip()
    assert "noise" in strip.alt and strip.alt.count("most to row") == 4
    assert "row 8, column 12" in strip.alt and "layer 2, head 4: most" in strip.alt


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image": np.zeros(4)}, "expected"),
        ({"image": np.full((8, 8), 200.0)}, "divide 8-bit"),
        ({"pixel": (16, 0)}, "outside of the image, 16 × 24"),
        ({"layer": 2}, "layer must be one of 0 … 1"),
        ({"maps": [("flat", np.ones((4, 4)))]}, "expected .heads"),
        ({"maps": [("less", -np.ones((1, 2, 2, 2, 2)))]}, "not negative"),
        ({"model": nn.Conv2d(3, 2, 1)}, "no layer of attention"),
    ],
)
def test_what_cannot_be_asked_is_refused(model, image, options, message):
    with pytest.raises(ValueError, match=message):
        AttentionExplorer(**{"model": model, "image": image} | options)
