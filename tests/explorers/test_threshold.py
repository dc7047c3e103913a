import numpy as np
import pytest
from page import act, shown

from course_utils import metrics
from course_utils.classic import thresholding
from course_utils.explorers import ThresholdExplorer
from course_utils.explorers.threshold import measure


@pytest.fixture
def image():
    """Two grey levels with noise: a bright square on a dark ground."""
    picture = np.random.default_rng(0).normal(0.3, 0.05, (60, 80))
    picture[20:40, 30:60] += 0.4
    return picture.clip(0, 1)


@pytest.fixture
def target(image):
    truth = np.zeros(image.shape, bool)
    truth[20:40, 30:60] = True
    return truth


@pytest.mark.parametrize("dark", [False, True])
def test_the_mask_and_scores_are_those_of_the_library(image, target, dark):
    mask, scores = measure(image, 0.5, target, dark=dark)
    np.testing.assert_array_equal(mask, image <= 0.5 if dark else image > 0.5)
    assert scores["IoU"] == metrics.mask_iou(target, mask) and scores["Dice"] == metrics.mask_dice(
        target, mask
    )
    assert scores["share of pixels"] == mask.mean()


def test_a_pixel_at_the_threshold_is_dark():
    mask, _ = measure(np.array([[0.4, 0.5, 0.6]]), 0.5)
    assert mask.tolist() == [[False, False, True]]


def test_moving_the_line_changes_mask_layer_scores_and_words(image, target):
    explorer = ThresholdExplorer(image, target)
    for value in (0.35, 0.5):
        act(explorer, "value", value=value)
        np.testing.assert_array_equal(explorer.mask, image > value)
        np.testing.assert_array_equal(shown(explorer, "object") > 0, image > value)
        assert f">{metrics.mask_iou(target, image > value):.3f}<" in explorer.canvas.panel
        assert explorer.canvas.status.startswith(f"Threshold {value:.3f}: {(image > value).mean():.1%}")


def test_the_threshold_can_be_set_from_python(image):
    explorer = ThresholdExplorer(image, start=0.2)
    assert explorer.threshold == 0.2
    explorer.threshold = 0.6
    np.testing.assert_array_equal(shown(explorer, "object") > 0, image > 0.6)


def test_without_a_target_there_is_no_score(image):
    explorer = ThresholdExplorer(image)
    assert list(explorer.scores) == ["share of pixels"]
    assert [layer["name"] for layer in explorer.canvas.layers] == ["object"]


def test_labels_are_a_target_too(image, target):
    labels = target * np.arange(1, 81)
    assert ThresholdExplorer(image, labels, 0.5).scores == ThresholdExplorer(image, target, 0.5).scores


def test_otsu_is_a_key_away_and_the_top_of_the_curve(image):
    explorer = ThresholdExplorer(image, start=0.9)
    act(explorer, "action", name="otsu")
    assert explorer.threshold == thresholding.otsu(image)
    plot = explorer.canvas.plot
    edge = round((explorer.otsu - plot["min"]) / (plot["max"] - plot["min"]) * plot["steps"])
    assert plot["curve"][edge] == min(plot["curve"])  # y grows downwards


def test_dark_objects_swap_the_sides(image):
    explorer = ThresholdExplorer(image, start=0.5)
    act(explorer, "action", name="dark")
    np.testing.assert_array_equal(explorer.mask, image <= 0.5)
    assert explorer.canvas.plot["side"] == -1
    assert {a["name"]: a.get("pressed") for a in explorer.canvas.actions} == {"otsu": None, "dark": True}
    act(explorer, "action", name="dark")
    np.testing.assert_array_equal(explorer.mask, image > 0.5)


def test_a_clicked_pixel_is_named_and_found_in_the_histogram(image):
    explorer = ThresholdExplorer(image, start=0.5)
    for row, column in ((5, 6), (30, 40)):
        act(explorer, "click", points=[[row, column]], brush=1)
    assert len(explorer.canvas.marks) == 1
    assert f"row 30, column 40 is {image[30, 40]:.3f}: object" in explorer.canvas.status
    assert ">pixel<" in explorer.canvas.plot["svg"]
    act(explorer, "undo")
    assert "row" not in explorer.canvas.status and ">pixel<" not in explorer.canvas.plot["svg"]


def test_eight_bit_levels_have_a_bin_each():
    levels = np.arange(20, 220).reshape(10, 20) / 255
    explorer = ThresholdExplorer(levels)
    assert explorer.canvas.plot["steps"] == 200
    assert (thresholding.histogram(levels, 200).counts == 1).all()


def test_the_strip_tells_three_thresholds(image, target):
    strip = ThresholdExplorer(image, target, name="a square").strip()
    best = measure(image, thresholding.otsu(image), target)[1]["IoU"]
    assert "a square" in strip.alt and f"IoU {best:.2f}" in strip.alt


@pytest.mark.parametrize(
    ("image", "target", "message"),
    [
        (np.zeros((4, 5, 3)), None, "one number a pixel"),
        (np.full((4, 5), 0.5), None, "one value only"),
        (np.array([[0.0, np.nan]]), None, "not finite"),
        (np.eye(4), np.zeros((4, 5)), "must match"),
    ],
)
def test_what_has_no_threshold_is_refused(image, target, message):
    with pytest.raises(ValueError, match=message):
        ThresholdExplorer(image, target)
