import re
import time

import numpy as np
import pytest
from page import act, shown

from course_utils import metrics, strokes
from course_utils.explorers import StrokesExplorer
from course_utils.explorers.strokes import kinds


@pytest.fixture
def target():
    labels = np.ones((60, 80), np.int32)
    labels[:, 40:] = 2
    labels[:5] = 0  # nobody knows
    return labels


@pytest.fixture
def image(target):
    """Stripes left, noise right, of equal mean and contrast."""
    rng = np.random.default_rng(0)
    stripes = np.sign(np.sin(np.arange(60) * 2 * np.pi / 8 + 0.1))[:, None].repeat(80, axis=1)
    return 0.5 + 0.3 * np.where(np.arange(80) < 40, stripes, rng.choice([-1.0, 1.0], (60, 80)))


@pytest.fixture
def explorer(image, target):
    return StrokesExplorer(image, ("stripes", "noise"), target, scales=(1, 2), trees=12)


LEFT, RIGHT = [[30, 5], [30, 32]], [[25, 48], [35, 74]]


def paint(explorer):
    act(explorer, "stroke", points=LEFT, brush=1)
    act(explorer, "stroke", points=RIGHT, brush=2)


def test_one_brush_teaches_nothing(explorer):
    assert "at least two brushes" in explorer.canvas.status and not explorer.canvas.playing
    act(explorer, "stroke", points=LEFT, brush=1)
    assert "at least two brushes" in explorer.canvas.status and not explorer.canvas.playing
    assert not explorer.answer.any() and explorer.scores == {}


def test_the_forest_grows_tick_by_tick_to_that_of_the_library(explorer, image):
    paint(explorer)
    assert explorer.canvas.playing == (explorer.grown < 12) and explorer.grown >= 1
    for _ in range(12):
        act(explorer, "tick")
    assert explorer.grown == 12 and not explorer.canvas.playing
    forest = strokes.pixel_classifier(image, explorer.painted, trees=12, scales=(1, 2))
    assert np.array_equal(explorer.answer, forest.predict(image))
    assert np.array_equal(shown(explorer, "answer"), explorer.answer)
    votes = np.sort(forest.probabilities(image), axis=0)
    apart = votes[-1] - votes[-2]
    sure = np.abs(apart - 0.2) > 1e-6  # where rounding does not decide
    assert np.array_equal(explorer.unsure[sure], (apart < 0.2)[sure])


def test_the_score_is_of_the_pixels_that_were_not_painted(explorer, target):
    paint(explorer)
    explorer.finish()
    asked = (target > 0) & (explorer.painted == 0)
    each = [metrics.mask_iou(target[asked] == k, explorer.answer[asked] == k) for k in (1, 2)]
    assert explorer.scores["mean IoU"] == pytest.approx(np.mean(each)) and np.mean(each) > 0.75
    assert explorer.scores["IoU, noise"] == pytest.approx(each[1])
    assert f"{np.mean(each):.2f}" in explorer.canvas.status


def test_importances_are_the_forests_summed_by_kind(explorer, image):
    paint(explorer)
    explorer.finish()
    forest = strokes.pixel_classifier(image, explorer.painted, trees=12, scales=(1, 2))
    assert sum(explorer.importances.values()) == pytest.approx(1)
    expected = sum(share for name, share in forest.importances().items() if name.startswith("gabor"))
    assert explorer.importances["gabor"] == pytest.approx(expected)
    assert list(explorer.importances.values()) == sorted(explorer.importances.values(), reverse=True)
    assert next(iter(explorer.importances)) in explorer.canvas.panel


def test_a_kind_is_the_family_whatever_the_channel_scale_and_direction():
    names = ("channel 1 gabor 45° σ=2", "local mean σ=1", "channel 0 gabor 0° σ=8")
    assert kinds(names, np.array([1.0, 2.0, 5.0])) == {"gabor": 0.75, "local": 0.25}


def test_undo_and_clear_forget_and_stop_stops(explorer):
    paint(explorer)
    act(explorer, "action", name="stop")
    grown = explorer.grown
    assert not explorer.canvas.playing
    act(explorer, "stroke", points=[[50, 60], [55, 70]], brush=2)
    act(explorer, "undo")
    explorer.finish()
    assert explorer.grown == 12 >= grown and len(explorer.canvas.marks) == 2
    act(explorer, "action", name="clear")
    assert explorer.canvas.marks == [] and not explorer.answer.any() and not explorer.canvas.playing


def test_a_wider_brush_paints_more(explorer):
    paint(explorer)
    before = (explorer.painted > 0).sum()
    act(explorer, "slider", name="width", value=9)
    assert (explorer.painted > 0).sum() > 1.5 * before


def test_strokes_to_begin_with_are_marks_like_the_readers(image, target):
    explorer = StrokesExplorer(
        image, ("stripes", "noise"), target, [(LEFT, 1), (RIGHT, 2)], scales=(1,), trees=3
    )
    explorer.finish()
    assert [mark["brush"] for mark in explorer.canvas.marks] == [1, 2]
    assert explorer.painted[30, 20] == 1 and explorer.painted[30, 61] == 2 and explorer.grown == 3


def test_without_a_target_there_is_no_score_but_an_answer(image):
    explorer = StrokesExplorer(image, scales=(1,), trees=3)
    paint(explorer)
    explorer.finish()
    assert explorer.scores == {} and explorer.answer.all()
    assert "IoU" not in explorer.canvas.status


def test_a_tick_is_short(image):
    large = np.tile(image, (8, 6))[:448, :448]
    explorer = StrokesExplorer(large)
    paint(explorer)
    start = time.perf_counter()
    act(explorer, "tick")
    assert time.perf_counter() - start < 1  # a tenth on an idle machine


def test_the_strip_tells_that_more_strokes_help(explorer):
    strip = explorer.strip()
    assert "1 stroke a class" in strip.alt and "9 strokes a class" in strip.alt
    few, many = (float(word) for word in re.findall(r"mean IoU on the others (\d\.\d\d)", strip.alt))
    assert few < many


def test_the_strip_of_an_unpainted_picture_without_truth_is_the_picture(image):
    assert "nothing painted yet" in StrokesExplorer(image, scales=(1,)).strip().alt


@pytest.mark.parametrize(
    ("names", "target", "message"),
    [
        (("one",), None, "must be 2 to 7 classes"),
        (("a", "b"), np.zeros((4, 5), int), "expected integers of the image's"),
        (("a", "b"), np.full((60, 80), 3), "numbers up to 3"),
        (("a", "b"), np.ones((60, 80)), "target is float64"),
    ],
)
def test_what_does_not_fit_is_refused(image, names, target, message):
    with pytest.raises(ValueError, match=message):
        StrokesExplorer(image, names, target)
