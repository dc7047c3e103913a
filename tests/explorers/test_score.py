import numpy as np
import pytest
from page import press
from skimage import morphology

from course_utils import metrics
from course_utils.explorers import ScoreExplorer
from course_utils.explorers.score import Damage, act, predict, score


@pytest.fixture
def target():
    rows, columns = np.mgrid[:90, :120]
    return np.hypot(rows - 45, (columns - 60) / 1.5) < 20


def drag(explorer, gesture, start, end):
    event = {"id": "1", "kind": "drag", "gesture": gesture, "from": start, "to": end}
    explorer.canvas._receive(explorer.canvas, event, [])


def test_no_damage_is_perfect(target):
    np.testing.assert_array_equal(predict(target, Damage()), target)
    assert set(score(target, target).values()) == {1.0}


def test_moving_shifts_without_wrapping(target):
    moved = predict(target, Damage(rows=40, columns=-70))
    np.testing.assert_array_equal(moved[40:, :-70], target[:-40, 70:])
    assert not moved[:40].any() and not moved[:, -70:].any()
    assert not predict(target, Damage(rows=-200)).any()


@pytest.mark.parametrize("pixels", [1, 2, 5])
def test_growing_and_eroding_are_the_disk_s(target, pixels):
    disk = morphology.disk(pixels)
    np.testing.assert_array_equal(predict(target, Damage(grow=pixels)), morphology.dilation(target, disk))
    np.testing.assert_array_equal(predict(target, Damage(grow=-pixels)), morphology.erosion(target, disk))


def test_blur_rounds_corners_and_keeps_the_size():
    square = np.zeros((80, 80), bool)
    square[20:60, 20:60] = True
    blurred = predict(square, Damage(blur=2))
    assert not blurred[20, 20] and blurred[40, 20] and abs(blurred.sum() / square.sum() - 1) < 0.05


def test_holes_are_cut_from_the_object_and_specks_strewn_outside(target):
    holed, specked = predict(target, Damage(holes=1)), predict(target, Damage(specks=1))
    assert (holed <= target).all() and (target & ~holed).sum() >= 12
    assert (specked >= target).all() and (specked & ~target).sum() >= 12
    more = predict(target, Damage(specks=2))
    assert (more >= specked).all() and more.sum() > specked.sum()


def test_the_scores_disagree_as_the_lesson_says(target):
    moved = score(target, predict(target, Damage(columns=4)))
    assert moved["accuracy"] > moved["IoU"] > moved["boundary F (2 px)"]
    nothing = score(target, predict(target, Damage(nothing=True)))
    assert nothing["accuracy"] == pytest.approx(1 - target.mean()) and nothing["IoU"] == 0
    assert moved["IoU"] == metrics.mask_iou(target, predict(target, Damage(columns=4)))


def test_buttons_say_what_they_do():
    assert act(Damage(), "left") == Damage(columns=-1) and act(Damage(), "down") == Damage(rows=1)
    assert act(Damage(grow=2), "erode") == Damage(grow=1) and act(Damage(), "specks") == Damage(specks=1)
    assert act(act(Damage(blur=1), "nothing"), "nothing") == Damage(blur=1)
    assert act(Damage(rows=3, holes=2), "reset") == Damage()


def test_every_button_of_the_canvas_is_understood(target):
    explorer = ScoreExplorer(target, start=Damage(rows=2, columns=3, specks=1))
    for button in explorer.canvas.actions:
        before = explorer.prediction.copy(), explorer.canvas.status
        press(explorer, button["name"])
        assert explorer.canvas.status != before[1], button["name"]


def test_undo_goes_back_step_by_step(target):
    explorer = ScoreExplorer(target, start=Damage())
    for name in ("grow", "holes"):
        press(explorer, name)
    drag(explorer, 1, [10, 10], [12, 10])
    drag(explorer, 1, [10, 10], [15, 10])
    assert explorer.damage == Damage(rows=5, grow=1, holes=1)
    seen = []
    for _ in range(4):
        press(explorer, "undo")
        seen.append(explorer.damage)
    assert seen == [Damage(grow=1, holes=1), Damage(grow=1), Damage(), Damage()]


def test_a_drag_is_measured_from_where_it_began(target):
    explorer = ScoreExplorer(target, start=Damage(columns=4))
    drag(explorer, 1, [10.0, 10.0], [13.2, 9.0])
    drag(explorer, 1, [10.0, 10.0], [11.0, 11.6])
    assert explorer.damage == Damage(rows=1, columns=6)
    drag(explorer, 2, [50.0, 50.0], [50.0, 51.0])
    assert explorer.damage == Damage(rows=1, columns=7)
    assert (
        'class="meter"' in explorer.canvas.panel and "<i style" in explorer.canvas.panel
    )  # the scores before


def test_the_damage_is_told_in_words():
    assert str(Damage()) == "perfect" and str(Damage(nothing=True, rows=3)) == "nothing found"
    told = str(Damage(rows=-2, columns=3, grow=-1, blur=1, holes=1, specks=2))
    assert told == "moved 2 px up, 3 px right, eroded by 1 px, blurred, 12 holes, 24 specks"


def test_mistakes_are_counted(target):
    explorer = ScoreExplorer(target, start=Damage(columns=4))
    missed = (target & ~explorer.prediction).sum()
    assert f"{missed:,} pixels missed" in explorer.canvas.status


def test_the_strip_has_the_scores_of_four_predictions(target):
    strip = ScoreExplorer(target, name="an ellipse").strip()
    assert "an ellipse" in strip.alt and "nothing found: accuracy" in strip.alt
    assert f"accuracy {1 - target.mean():.2f}" in strip.caption


@pytest.mark.parametrize(
    ("target", "image"),
    [
        (np.zeros((5, 5)), None),
        (np.ones((5, 5)), None),
        (np.ones(5), None),
        (np.eye(5), np.zeros((4, 5))),
    ],
)
def test_what_cannot_be_scored_is_refused(target, image):
    with pytest.raises(ValueError, match="must"):
        ScoreExplorer(target, image)
