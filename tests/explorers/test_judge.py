import numpy as np
import pytest
from page import act, play, press, shown

from course_utils import metrics
from course_utils.explorers import JudgeExplorer


@pytest.fixture
def given():
    rng = np.random.default_rng(0)
    images = rng.random((2, 16, 24, 3))
    targets = np.zeros((2, 16, 24), bool)
    targets[:, 6:9] = True
    answers = np.where(targets, 0.9, 0.1)[None].repeat(4, 0)
    answers[0, :, :, 8:16] = 0.2  # torn before
    answers[1, :, 6:8, 8:12] = 0.2
    verdicts = rng.normal(0, 1, (4, 2, 4, 6)) + np.array([-9, 1, -2, 0])[:, None, None, None]
    return images, answers, verdicts, targets


@pytest.fixture
def explorer(given):
    return JudgeExplorer(*given, name="bars")


def test_the_line_goes_from_before_to_after(explorer, given):
    _, answers, verdicts, targets = given
    for moment in (0, 2, 3):
        act(explorer, "value", value=float(moment))
        np.testing.assert_array_equal(explorer.mask, answers[moment, 0] > 0.5)
        np.testing.assert_array_equal(shown(explorer, "mask") > 0, explorer.mask)
        assert f"{metrics.mask_iou(targets[0], explorer.mask):.3f}" in explorer.canvas.status
    expected = 1 / (1 + np.exp(-verdicts[3, 0]))
    np.testing.assert_allclose(explorer.belief[::4, ::4], expected)
    assert explorer.belief.shape == (16, 24) and explorer.canvas.plot["steps"] == 3


def test_it_opens_where_a_judge_that_has_learned_saw_through_the_answers(explorer):
    assert explorer.moment == explorer.seen_through == 2
    assert "learned nothing" not in explorer.canvas.status
    act(explorer, "value", value=0.0)
    assert "learned nothing" in explorer.canvas.status


def test_colours_of_the_verdict_reach_as_far_to_both_sides_as_it_does(given):
    images, answers, verdicts, targets = given
    faint = JudgeExplorer(images, answers, 0.01 * verdicts, targets)
    strong = JudgeExplorer(images, answers, verdicts, targets)
    for explorer in (faint, strong):
        used = set()
        for moment in (1, 2, 3):
            explorer.moment = moment
            used |= set(shown(explorer, "verdict").ravel().tolist())
        assert len(used) >= 10, "of fifteen"
    same = JudgeExplorer(images, answers, 0 * verdicts, targets)
    assert np.ptp(shown(same, "verdict")) == 0


def test_another_picture_has_its_own_answers(explorer, given):
    image = explorer.canvas.image
    act(explorer, "slider", name="picture", value=2)
    assert explorer.picture == 1 and explorer.canvas.image != image
    np.testing.assert_allclose(explorer.belief[::4, ::4], 1 / (1 + np.exp(-given[2][2, 1])))
    explorer.picture = 99
    assert explorer.picture == 1


def test_the_curve_tells_the_mean_belief_at_every_moment_also_at_the_ends(explorer):
    beliefs = np.array([explorer._belief(moment).mean() for moment in range(4)])
    heights = 226 - np.array(explorer.canvas.plot["curve"])  # above the foot of the curve
    np.testing.assert_allclose(heights / heights.max(), beliefs / beliefs.max(), atol=0.01)


def test_playing_goes_from_the_start_to_the_end_and_can_be_stopped(explorer):
    explorer.moment = 3
    press(explorer, "play")
    assert explorer.moment == 0 and explorer.canvas.playing and explorer.canvas.actions[0]["pressed"]
    act(explorer, "tick")
    assert explorer.moment == 1
    press(explorer, "play")
    assert not explorer.canvas.playing
    press(explorer, "play")
    play(explorer)
    assert explorer.moment == 3 and not explorer.canvas.actions[0]["pressed"]


def test_without_truth_there_is_no_iou(given):
    explorer = JudgeExplorer(*given[:3])
    assert "IoU" not in explorer.canvas.panel and "IoU" not in explorer.canvas.status


def test_the_strip_tells_before_and_after(explorer):
    strip = explorer.strip()
    before, between, after = (int((explorer.answers[moment, 0] > 0.5).sum()) for moment in (0, 2, 3))
    for words in (
        f"before: {before} pixels",
        f"(moment 2): {between}",
        f"(moment 3): {after} pixels",
        "bars",
    ):
        assert words in strip.alt


def test_what_does_not_fit_is_refused(given):
    images, answers, verdicts, targets = given
    for wrong, message in (
        ((images, answers[:1], verdicts[:1]), "2 or more"),
        ((images, answers[..., :-1], verdicts), "answers"),
        ((images, answers, verdicts[:2]), "verdicts"),
        ((images, answers, verdicts, targets[:1]), "target for each"),
    ):
        with pytest.raises(ValueError, match=message):
            JudgeExplorer(*wrong)
