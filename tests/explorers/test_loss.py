"""The loss explorer: an answer that moves, losses on one scale, and pushes that go downhill."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from page import act, press, shown

from course_utils import losses
from course_utils.explorers import LossExplorer
from course_utils.explorers.loss import KEYS, Answer, on_object, price_lists, push, scores


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def target():
    mask = np.zeros((40, 56), bool)
    mask[10:30, 20:25] = True
    return mask


@pytest.fixture
def explorer(target):
    return LossExplorer(target)


def classes(target):
    return torch.from_numpy(target.astype(np.int64))[None]


def test_an_answer_in_its_place_is_the_truth_and_moving_shifts_it(target):
    np.testing.assert_array_equal(scores(target, Answer()) > 0, target)
    moved = scores(target, Answer(rows=4, columns=-7))
    np.testing.assert_array_equal(moved[4:, :-7], scores(target, Answer())[:-4, 7:])
    assert (scores(target, Answer(rows=40)) < 0).all()
    np.testing.assert_array_equal(scores(target, Answer(grow=2)) > 0, losses.signed_distance(target) < 2)
    assert (scores(target, Answer(gap=6)) > 0).sum() == target.sum() - 6 * 5
    assert (scores(target, Answer(gap=40)) < 0).all()
    assert np.abs(scores(target, Answer(sure=4))).max() <= 12


@pytest.mark.parametrize("name", KEYS.values())
def test_the_push_goes_downhill(target, name):
    loss = price_lists(target)[name]
    score = scores(target, Answer(columns=3, sure=0.5))
    field = push(loss, score, classes(target))
    value, after = (
        loss(torch.stack([torch.zeros(40, 56), torch.from_numpy(s)])[None], classes(target)).item()
        for s in (score, score + field / np.abs(field).max() * 0.1)
    )
    assert after < value


def test_cross_entropy_pushes_by_p_minus_y(target, explorer):
    explorer.loss = "cross-entropy"
    p = 1 / (1 + np.exp(-scores(target, explorer.answer)))
    np.testing.assert_allclose(explorer.push, (target - p) / target.size, atol=1e-12)
    assert shown(explorer, "pushed up")[target].any() and not shown(explorer, "pushed up")[~target].any()
    assert not shown(explorer, "pushed down")[target].any()


def test_from_afar_only_some_losses_feel_the_object(target):
    """Once the two no longer touch, one step nearer changes nothing for Jaccard and Dice, but for the boundary loss."""
    explorer = LossExplorer(target, start=Answer(columns=16, sure=4))
    away = dict(explorer.values)
    press(explorer, "left")
    change = {name: explorer.values[name] - away[name] for name in away}
    assert abs(change["Dice"]) < 1e-4 and abs(change["Lovász"]) < 1e-4
    assert change["boundary"] < -0.005


def test_region_losses_turn_to_the_few_pixels_of_the_object(target):
    score = np.zeros(target.shape)  # nobody knows anything
    share = {
        name: on_object(push(loss, score, classes(target)), target)
        for name, loss in price_lists(target).items()
    }
    assert share["cross-entropy"] == pytest.approx(target.mean())
    assert share["weighted"] == pytest.approx(0.5)
    assert share["Dice"] > 3 * target.mean()


def test_a_gap_is_dear_to_cldice_and_growing_is_not(target):
    pole = np.zeros_like(target)
    pole[5:35, 20:23] = True
    explorer = LossExplorer(pole, start=Answer(sure=4))
    explorer.answer = Answer(sure=4, gap=8)
    gap = dict(explorer.values)
    explorer.answer = Answer(sure=4, grow=1)
    grown = explorer.values
    assert gap["clDice"] > 0.1 > grown["clDice"]
    assert gap["Dice"] < grown["Dice"]


def test_what_is_very_thick_has_no_line_and_no_clash():
    block = np.zeros((50, 50), bool)
    block[10:40, 10:40] = True
    explorer = LossExplorer(block, loss="clDice")
    assert explorer.values["clDice"] == pytest.approx(0) and np.isfinite(explorer._curve()[1]).all()


def test_the_scale_runs_from_perfect_to_nothing(target, explorer):
    explorer.answer = Answer(sure=4)
    at_home = explorer._relative()
    explorer.answer = Answer(columns=56, sure=4)
    lost = explorer._relative()
    assert all(value < 0.3 for name, value in at_home.items())
    assert all(value > 0.8 for name, value in lost.items())


def test_the_curve_is_the_loss_along_the_row(explorer):
    for name in ("Lovász", "boundary"):
        explorer.loss = name
        columns, curve = explorer._curve()
        for number in (0, len(columns) // 2 + 2):
            explorer.answer = replace(explorer.answer, columns=int(columns[number]))
            assert explorer._relative()[name] == pytest.approx(curve[number])
        explorer.answer = replace(explorer.answer, grow=explorer.answer.grow + 1)
        assert not np.allclose(explorer._curve()[1], curve)


def test_mouse_line_sliders_and_keys_move_one_answer(explorer):
    act(explorer, "drag", gesture=1, **{"from": [5, 5], "to": [8, 3.2]})
    assert explorer.answer == Answer(rows=3, columns=4)
    act(explorer, "drag", gesture=1, **{"from": [5, 5], "to": [5, 5]})
    assert explorer.answer == Answer(columns=6)
    act(explorer, "value", value=-11.0)
    assert explorer.answer.columns == -11 and explorer.canvas.value == -11
    act(explorer, "slider", name="sure", value=2.2)
    act(explorer, "slider", name="gap", value=3)
    assert explorer.answer == Answer(columns=-11, sure=2.2, gap=3)
    press(explorer, "place")
    assert explorer.answer == Answer(sure=2.2)
    press(explorer, "undo")
    assert explorer.answer == Answer(columns=-11, sure=2.2, gap=3)
    act(explorer, "value", value=1000.0)
    assert explorer.answer.columns == explorer.target.shape[1]


def test_every_button_of_the_canvas_is_understood(explorer):
    explorer.loss = "focal"
    for button in explorer.canvas.actions:
        before = explorer.canvas.status, explorer.answer
        press(explorer, button["name"])
        if button["name"] != "focal":
            assert (explorer.canvas.status, explorer.answer) != before, button["name"]
    assert [b["name"] for b in explorer.canvas.actions if b.get("pressed")] == ["boundary"]


def test_the_strip_tells_where_four_losses_push(explorer):
    strip = explorer.strip()
    for name in ("cross-entropy", "Dice", "Lovász", "boundary"):
        assert f"{name} " in strip.alt
    assert "moved 6 px right" in strip.alt


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": np.zeros((4, 4))}, "object and background"),
        ({"target": np.eye(4), "image": np.zeros((5, 5))}, "must match"),
        ({"target": np.eye(4), "loss": "hinge"}, "must be one of cross-entropy"),
    ],
)
def test_what_cannot_be_compared_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        LossExplorer(**arguments)
