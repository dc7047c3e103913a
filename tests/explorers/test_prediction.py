import numpy as np
import pytest
import torch
from page import act, play, press, shown
from torch import nn

from course_utils import metrics, training
from course_utils.explorers import PredictionExplorer
from course_utils.explorers.prediction import at, examine, example, ious

RNG = np.random.default_rng(0)


def two_classes(count=4, shape=(20, 30), seed=0):
    """Random images with a square each, and probabilities that know it the worse the later the image comes."""
    rng = np.random.default_rng(seed)
    images = [rng.random(shape) for _ in range(count)]
    targets = [np.zeros(shape, int) for _ in range(count)]
    beliefs = []
    for number, target in enumerate(targets):
        target[4:14, 6:20] = 1
        target[0] = 255
        p = (0.3 + 0.4 * (target == 1) + rng.normal(0, 0.1 + 0.1 * number, shape)).clip(0, 1)
        beliefs.append(np.stack([1 - p, p]))
    return images, targets, beliefs


@pytest.fixture
def data():
    return two_classes()


@pytest.fixture
def explorer(data):
    return PredictionExplorer(*data, name="squares")


@pytest.fixture
def many():
    """Three classes, three images; class 2 is not in the last one."""
    rng = np.random.default_rng(1)
    images, targets = (
        [rng.random((12, 16, 3)) for _ in range(3)],
        [rng.integers(0, 3, (12, 16)) for _ in range(3)],
    )
    targets[2][targets[2] == 2] = 255
    beliefs = []
    for noise, target in zip((1, 0, 3), targets, strict=True):
        logits = 2.0 * (np.arange(3)[:, None, None] == target) + noise * rng.normal(size=(3, 12, 16))
        beliefs.append(np.exp(logits) / np.exp(logits).sum(axis=0))
    return images, targets, beliefs


@pytest.mark.parametrize("threshold", [0.0, 0.29, 0.5, 1.0])
def test_scores_are_those_of_the_library_without_the_ignored(explorer, data, threshold):
    _, targets, beliefs = data
    act(explorer, "value", value=threshold)
    prediction, counted = beliefs[0][1] > threshold, targets[0] != 255
    np.testing.assert_array_equal(explorer.prediction, prediction)
    assert explorer.scores["IoU"] == metrics.mask_iou(targets[0][counted] == 1, prediction[counted])
    matrix = metrics.confusion_matrix(targets[0], prediction)
    np.testing.assert_array_equal(at(explorer._cases[0].counts, threshold), matrix)
    assert f"at threshold {threshold:.2f}" in explorer.canvas.status


def test_errors_are_painted_and_the_ignored_is_no_error(explorer, data):
    _, targets, beliefs = data
    prediction, target = beliefs[0][1] > 0.5, targets[0]
    for name, mask in {
        "hits": (target == 1) & prediction,
        "missed": (target == 1) & ~prediction,
        "false alarms": (target == 0) & prediction,
        "ignored": target == 255,
    }.items():
        np.testing.assert_array_equal(shown(explorer, name) > 0, mask)
    assert "5.0% of the pixels are not counted" in explorer.canvas.status


def test_single_precision_at_an_edge_is_counted_as_it_is_shown():
    """0.3 in single precision is a little more than the edge 0.3 in double precision, and must be so for all."""
    belief = np.full((1, 4), 0.3, np.float32)
    explorer = PredictionExplorer(
        [np.zeros((1, 4))], [np.ones((1, 4), int)], [np.stack([1 - belief, belief])]
    )
    for threshold in (0.29, 0.3, 0.31):
        explorer.threshold = threshold
        assert explorer.scores["IoU"] == explorer.prediction.mean()


def test_the_curve_is_the_iou_at_every_threshold(data):
    _, targets, beliefs = data
    case = examine(RNG.random((20, 30)), targets[1], beliefs[1])
    counted = targets[1] != 255
    for edge, value in zip(np.arange(1, 100) / 100, ious(case.counts), strict=True):
        assert value == pytest.approx(
            metrics.mask_iou(targets[1][counted] == 1, (beliefs[1][1] > edge)[counted])
        )


def test_the_pooled_score_counts_the_pixels_of_all_images(explorer, data):
    _, targets, beliefs = data
    assert "IoU, all images pooled" not in explorer.scores
    for index in range(4):
        explorer.index = index
    explorer.threshold = 0.6
    pooled = sum(metrics.confusion_matrix(t, b[1] > 0.6) for t, b in zip(targets, beliefs, strict=True))
    assert explorer.scores["IoU, all images pooled"] == metrics.iou(pooled)[1]


def test_next_and_previous_go_round(explorer):
    seen = []
    for name in ("next", "next", "next", "next", "previous"):
        press(explorer, name)
        seen.append(explorer.index)
    assert seen == [1, 2, 3, 0, 3]
    act(explorer, "slider", name="image", value=2)
    assert explorer.index == 1 and explorer.canvas.status.startswith("Image 2 of 4")


def test_another_image_brings_its_own_picture_and_forgets_the_click(data):
    images, targets, beliefs = data
    images[1], targets[1], beliefs[1] = images[1][:10], targets[1][:10], beliefs[1][:, :10]
    explorer = PredictionExplorer(images, targets, beliefs)
    before = explorer.canvas.image
    act(explorer, "click", points=[[15, 3]], brush=1)
    press(explorer, "next")
    assert (
        explorer.canvas.size == [10, 30] and explorer.canvas.image != before and explorer.canvas.marks == []
    )


def test_the_worst_image_comes_first_and_the_order_comes_back(explorer, data):
    _, targets, beliefs = data
    press(explorer, "worst")
    play(explorer)
    scores = [
        metrics.mask_iou((t == 1)[t != 255], (b[1] > 0.5)[t != 255])
        for t, b in zip(targets, beliefs, strict=True)
    ]
    assert explorer.order == np.argsort(scores).tolist() and explorer.index == np.argmin(scores)
    assert (
        explorer.canvas.sliders[0]["label"] == "image, worst first"
        and explorer.canvas.sliders[0]["value"] == 1
    )
    press(explorer, "worst")
    assert explorer.order == [0, 1, 2, 3] and explorer.canvas.sliders[0]["value"] == explorer.index + 1


def test_a_clicked_pixel_tells_its_probabilities(explorer, data):
    beliefs = data[2]
    for row, column, truth in ((0, 2, "ignored"), (8, 10, "object"), (18, 25, "background")):
        act(explorer, "click", points=[[row, column]], brush=1)
        assert len(explorer.canvas.marks) == 1
        assert f"truth: {truth}" in explorer.canvas.panel
        assert f">{beliefs[0][1, row, column]:.3f}<" in explorer.canvas.panel
        assert ">pixel<" in explorer.canvas.plot["svg"]
    act(explorer, "undo")
    assert "truth:" not in explorer.canvas.panel


def test_more_classes_have_the_likeliest_and_errors_of_one(many):
    _, targets, beliefs = many
    explorer = PredictionExplorer(*many, classes=("sky", "road", "car"))
    assert explorer.canvas.plot == {} and "sky: clear" in explorer.canvas.panel
    act(explorer, "slider", name="class", value=2)
    found = beliefs[0].argmax(axis=0)
    np.testing.assert_array_equal(explorer.prediction, found)
    np.testing.assert_array_equal(shown(explorer, "missed") > 0, (targets[0] == 2) & (found != 2))
    np.testing.assert_array_equal(shown(explorer, "false alarms") > 0, (targets[0] != 2) & (found == 2))
    matrix = metrics.confusion_matrix(targets[0], found, 3)
    assert explorer.scores["mean IoU"] == metrics.mean_iou(matrix)
    assert explorer.scores["IoU, car"] == metrics.iou(matrix)[2] and "; car: " in explorer.canvas.status


def test_the_worst_of_more_classes_is_that_of_least_mean_iou(many):
    explorer = PredictionExplorer(*many)
    press(explorer, "worst")
    play(explorer)
    assert explorer.order == [2, 0, 1]
    matrices = [metrics.confusion_matrix(t, b.argmax(axis=0), 3) for _, t, b in zip(*many, strict=True)]
    assert explorer.scores["mean IoU, all images pooled"] == metrics.mean_iou(sum(matrices))


def test_false_alarms_do_not_lie_in_what_is_ignored(many):
    explorer = PredictionExplorer(*many, start=2)
    explorer.shown_class = 1
    assert not (shown(explorer, "false alarms") > 0)[many[1][2] == 255].any()


def test_a_model_predicts_when_an_image_is_looked_at():
    torch.manual_seed(0)
    images, targets, _ = two_classes()
    model = nn.Conv2d(1, 2, 3, padding=1)
    explorer = PredictionExplorer(images, targets, model=model)
    assert list(explorer._cases) == [0]
    np.testing.assert_array_equal(explorer._cases[0].probabilities, training.predict(model, images[0]))
    press(explorer, "worst")
    assert explorer.canvas.playing and "Predicting: 1 of 4" in explorer.canvas.status
    play(explorer)
    assert len(explorer._cases) == 4 and explorer.canvas.status.startswith("Image 1 of 4, number")


def test_an_image_without_object_is_right_when_nothing_is_found():
    belief = np.full((1, 5, 5), 0.2)
    explorer = PredictionExplorer(
        [np.zeros((5, 5))], [np.zeros((5, 5), bool)], [np.concatenate([1 - belief, belief])]
    )
    assert explorer.scores["IoU"] == 1.0 and [s["name"] for s in explorer.canvas.sliders] == []
    explorer.threshold = 0.1
    assert explorer.scores["IoU"] == 0.0


def test_an_image_that_is_ignored_altogether_is_shown():
    belief = np.full((1, 5, 5), 0.2)
    explorer = PredictionExplorer(
        [np.zeros((5, 5))], [np.full((5, 5), 255)], [np.concatenate([1 - belief, belief])]
    )
    assert "100.0% of the pixels are not counted" in explorer.canvas.status


def test_the_example_has_errors_to_look_at():
    images, targets, beliefs = example(2, 64)
    assert len(images) == len(targets) == len(beliefs) == 2
    for target, belief in zip(targets, beliefs, strict=True):
        np.testing.assert_allclose(belief.sum(axis=0), 1)
        assert 0.3 < metrics.mask_iou(target, (belief[1] > 0.5)) < 1


def test_the_strip_goes_from_worst_to_best(explorer):
    press(explorer, "worst")
    play(explorer)
    strip = explorer.strip()
    worst, best = explorer.order[0], explorer.order[-1]
    assert "squares" in strip.alt
    assert strip.alt.index(f"image {worst + 1}: IoU") < strip.alt.index(f"image {best + 1}: IoU")


def test_the_strip_needs_nobody_to_have_looked(data):
    images, targets, beliefs = data
    assert PredictionExplorer(images, targets, beliefs).strip().alt.count("IoU") == 3
    model = nn.Conv2d(1, 2, 3, padding=1)
    assert PredictionExplorer(images, targets, model=model).strip().alt.count("IoU") == 3


def test_the_strip_of_more_classes_shows_their_predictions(many):
    assert "mean IoU" in PredictionExplorer(*many).strip().alt


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"probabilities": None}, "one of the two"),
        ({"probabilities": []}, "0 arrays of probabilities for 1 images"),
        ({"targets": []}, "its own target"),
        ({"targets": [np.zeros((4, 6), int)]}, "expected"),
        ({"targets": [np.zeros((4, 5))]}, "integers"),
        ({"images": [np.zeros((5, 4))]}, "must match"),
        ({"probabilities": [np.full((2, 4, 5), 3.0)]}, "softmax"),
        ({"probabilities": [np.full((2, 4, 5), np.nan)]}, "softmax"),
        ({"probabilities": [np.zeros((4, 5))]}, "K of 2 or more"),
        ({"classes": ("a",)}, "1 names"),
        ({"start": 1}, "none of number 1"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    right = {"images": [np.zeros((4, 5))], "targets": [np.zeros((4, 5), int)],
             "probabilities": [np.full((2, 4, 5), 0.5)]}  # fmt: skip
    with pytest.raises(ValueError, match=message):
        PredictionExplorer(**(right | change))
