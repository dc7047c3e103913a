from itertools import pairwise

import numpy as np
import pytest
import torch
from page import act, play, press, shown

from course_utils import metrics
from course_utils.explorers import RefinementExplorer
from course_utils.explorers.refinement import by_blocks
from course_utils.models.crf import DenseCRF


@pytest.fixture
def target():
    rows, columns = np.indices((24, 32))
    return (rows + columns > 27).astype(int)


@pytest.fixture
def image(target):
    noise = np.random.default_rng(0).normal(0, 0.02, (24, 32, 3))
    return np.clip(np.where(target, 0.7, 0.3)[..., None] + noise, 0, 1)


@pytest.fixture
def explorer(image, target):
    return RefinementExplorer(image, by_blocks(target, 8), target=target, steps=5, name="two sides")


def test_its_steps_are_those_of_the_layer(explorer, image, target):
    crf = DenseCRF(2, 5, position=10, colour=0.06, near=2, appearance=4, smoothness=2)
    with torch.no_grad():
        expected = crf.iterate(by_blocks(target, 8), torch.from_numpy(image.transpose(2, 0, 1)))
    assert len(explorer.history) == 6 and explorer.step == 5
    for ours, theirs in zip(explorer.history, expected, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)
    assert explorer.values[-1] > explorer.values[0] + 0.02


def test_the_line_scrubs_through_the_steps(explorer):
    for step in (3, 0, 5):
        act(explorer, "value", value=float(step))
        answer = explorer.history[step].argmax(0).numpy()
        np.testing.assert_array_equal(explorer.answer, answer)
        np.testing.assert_array_equal(shown(explorer, "answer") > 0, answer > 0)
        assert f"Step {step} of 5" in explorer.canvas.status
    assert f"{explorer.changes[4]} pixels change" in explorer.canvas.status
    act(explorer, "value", value=0.0)
    assert "as they came" in explorer.canvas.status


def test_changes_and_scores_are_counted_along_the_steps(explorer, target):
    answers = [scores.argmax(0).numpy() for scores in explorer.history]
    assert explorer.changes == [(a != b).sum() for a, b in pairwise(answers)]
    expected = [metrics.mean_iou(metrics.confusion_matrix(target, answer)) for answer in answers]
    assert explorer.values == pytest.approx(expected)
    assert explorer.canvas.plot["steps"] == 5 and len(explorer.canvas.plot["curve"]) == 6
    assert f"{expected[5]:.3f}" in explorer.canvas.panel and "within 3 px" in explorer.canvas.panel


def test_prices_and_deviation_can_be_set(explorer):
    before = explorer.history[-1]
    for name, value in {"appearance": 8.0, "smoothness": 0.0, "position": 30.0, "colour": 0.4}.items():
        act(explorer, "slider", name=name, value=value)
        assert not torch.equal(explorer.history[-1], before)
        before = explorer.history[-1]
    act(explorer, "slider", name="appearance", value=0.0)
    assert explorer.changes == [0] * 5 and explorer.values[0] == explorer.values[-1]
    assert torch.equal(explorer.history[0], explorer.history[-1])


def test_playing_goes_from_the_start_to_the_end_and_can_be_stopped(explorer):
    press(explorer, "play")
    assert explorer.step == 0 and explorer.canvas.playing and explorer.canvas.actions[0]["pressed"]
    act(explorer, "tick")
    assert explorer.step == 1
    press(explorer, "play")
    assert not explorer.canvas.playing and explorer.step == 1
    press(explorer, "play")
    act(explorer, "tick")
    assert explorer.step == 2, "it goes on where it was"
    play(explorer)
    assert explorer.step == 5 and not explorer.canvas.actions[0]["pressed"]
    press(explorer, "play")
    act(explorer, "value", value=4.0)
    assert not explorer.canvas.playing


def test_what_was_refined_elsewhere_can_be_scrubbed(image):
    history = [torch.randn(3, 24, 32) for _ in range(4)]
    explorer = RefinementExplorer(image[..., 0], history=history)
    assert explorer.canvas.sliders == [] and explorer.values == [] and explorer.canvas.panel == ""
    assert explorer.step == 3
    explorer.step = 1
    np.testing.assert_array_equal(explorer.answer, history[1].argmax(0))
    explorer.step = 99
    assert explorer.step == 3


def test_pixels_that_are_not_known_are_not_scored(image, target):
    hidden = target.copy()
    hidden[:12] = 255
    explorer = RefinementExplorer(image, by_blocks(target, 8), target=hidden, steps=1)
    expected = metrics.mean_iou(metrics.confusion_matrix(target[12:], explorer.answer[12:]))
    assert explorer.values[-1] == pytest.approx(expected)


def test_blocks_know_what_is_where_and_not_where_it_ends(target):
    scores = by_blocks(target, 8)
    assert scores.shape == (2, 24, 32)
    answer = scores.argmax(0).numpy()
    right = answer == target
    assert 0.85 < right.mean() < 1 and right[~metrics.trimap(target, 6)].all()


def test_the_default_gets_better_and_with_far_votes_better_at_first_and_then_worse():
    explorer = RefinementExplorer()
    assert explorer.image.shape == (100, 150, 3)
    assert explorer.values[-1] > explorer.values[0] + 0.02
    act(explorer, "slider", name="position", value=30.0)
    act(explorer, "slider", name="colour", value=0.08)
    assert explorer.values[1] > explorer.values[0] > explorer.values[-1]


def test_the_strip_tells_the_steps(explorer):
    strip = explorer.strip()
    assert "two sides" in strip.alt and "before" in strip.alt
    for step in (1, 2, 5):
        assert f"step {step}: " in strip.alt and f"{explorer.values[step]:.3f}" in strip.alt


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scores": torch.zeros(2, 24, 31)}, r"shape \(K, 24, 32\)"),
        ({"scores": torch.zeros(1, 24, 32)}, "two classes"),
        ({"target": np.zeros((3, 3), int), "scores": torch.zeros(2, 24, 32)}, "target has shape"),
        ({"history": [torch.zeros(2, 24, 32)]}, "after one step"),
        ({"scores": torch.zeros(2, 24, 32), "steps": 0}, "steps must be"),
        ({}, "scores, history or a target"),
    ],
)
def test_what_cannot_be_refined_is_refused(image, options, message):
    with pytest.raises(ValueError, match=message):
        RefinementExplorer(image, **options)
