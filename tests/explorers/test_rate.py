"""The rate explorer: a true loss, its true slope, and the steps of torch.optim."""

import re

import numpy as np
import pytest
from page import act, play, press

from course_utils import metrics
from course_utils.explorers import RateExplorer
from course_utils.explorers.rate import METHODS, PixelLoss, descend, turning, verdict


@pytest.fixture(scope="module")
def scene():
    """A picture of 8-bit greys with a brighter object that overlaps with its ground in grey."""
    random = np.random.default_rng(0)
    target = np.zeros((30, 40), bool)
    target[8:22, 10:28] = True
    image = np.rint(255 * (random.normal(0.35, 0.12, target.shape) + 0.25 * target).clip(0, 1)) / 255
    return image, target


@pytest.fixture
def explorer(scene):
    return RateExplorer(*scene, steps=30)


def torch_loss(torch, image, target, point):
    scores = torch.as_tensor(image).ravel() * point[0] + point[1]
    return torch.nn.functional.binary_cross_entropy_with_logits(
        scores, torch.as_tensor(target).ravel().double()
    )


@pytest.mark.parametrize("standardise", [False, True])
def test_the_loss_and_its_slope_are_those_of_autograd(scene, standardise):
    torch = pytest.importorskip("torch")
    image, target = scene
    loss = PixelLoss(*scene, standardise=standardise)
    pixels = (image - image.mean()) / image.std() if standardise else image
    for w, b in ((0, 0), (3, -2), (-50, 20), (900, -100)):
        point = torch.tensor([w, b], dtype=torch.float64, requires_grad=True)
        expected = torch_loss(torch, pixels, target, point)
        expected.backward()
        np.testing.assert_allclose(loss(np.array([w, b])), expected.item(), rtol=1e-9)
        np.testing.assert_allclose(loss.gradient(np.array([w, b])), point.grad, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("standardise", [False, True])
def test_the_least_loss_has_no_slope(scene, standardise):
    loss = PixelLoss(*scene, standardise=standardise)
    np.testing.assert_allclose(loss.gradient(loss.best), 0, atol=1e-9)
    around = loss.best + np.random.default_rng(1).normal(0, 0.1, (50, 2))
    assert (loss(around) > loss.least).all()


def test_standardised_or_not_the_least_loss_is_the_same(scene):
    raw, round_ = (PixelLoss(*scene, standardise=s) for s in (False, True))
    assert raw.least == pytest.approx(round_.least)
    assert raw.threshold(raw.best) == pytest.approx(round_.threshold(round_.best))


@pytest.mark.parametrize("rate", [0.004, 0.5, 6.0])
def test_the_paths_are_those_of_torch(scene, rate):
    torch = pytest.importorskip("torch")
    image, target = scene
    makers = {
        "SGD": lambda p: torch.optim.SGD(p, rate),
        "momentum": lambda p: torch.optim.SGD(p, rate, momentum=0.9),
        "AdamW": lambda p: torch.optim.AdamW(p, rate, weight_decay=0.01),
    }
    explorer = RateExplorer(*scene, (-2, 3), rate=rate, steps=20)
    for number, name in enumerate(METHODS):
        point = torch.tensor([-2.0, 3.0], dtype=torch.float64, requires_grad=True)
        optimiser, path = makers[name]([point]), [(-2.0, 3.0)]
        for _ in range(20):
            optimiser.zero_grad()
            torch_loss(torch, image, target, point).backward()
            optimiser.step()
            path.append(point.tolist())
        np.testing.assert_allclose(explorer.paths[number], path, rtol=1e-6, atol=1e-6)


def test_many_rates_at_once_are_the_same_as_one_by_one(scene):
    loss = PixelLoss(*scene)
    rates = np.array([0.1, 1.0, 10.0])
    together = descend(lambda p, _: loss.gradient(p), (1, 1), rates, 15)
    for i, rate in enumerate(rates):
        alone = descend(lambda p, _: loss.gradient(p), (1, 1), rate, 15)
        np.testing.assert_allclose(together[:, i], alone)


def test_batches_are_the_pixels_on_average(scene):
    loss = PixelLoss(*scene)
    batches = loss.batches(16, 4000, seed=0)
    assert (batches.sum(axis=(1, 2)) == 16).all()
    slopes = np.array([loss.gradient(np.array([2.0, -1.0]), counts) for counts in batches])
    error = slopes.std(axis=0) / np.sqrt(len(slopes))
    assert (np.abs(slopes.mean(axis=0) - loss.gradient(np.array([2.0, -1.0]))) < 4 * error).all()
    np.testing.assert_array_equal(batches, loss.batches(16, 4000, seed=0))
    assert (batches != loss.batches(16, 4000, seed=1)).any()


def test_small_batches_shake_the_path_and_all_pixels_do_not(explorer):
    smooth = explorer.paths
    act(explorer, "slider", name="batch", value=3)
    assert explorer.batch == 8 and "8 pixels a step" in explorer.canvas.status
    shaken = explorer.paths
    assert not np.allclose(smooth, shaken)
    press(explorer, "seed")
    assert not np.allclose(explorer.paths, shaken)
    act(explorer, "slider", name="batch", value=11)  # 2048 pixels are more than there are
    np.testing.assert_array_equal(explorer.paths, smooth)


def test_a_moved_line_is_another_rate_and_the_plot_says_where_it_ends(explorer):
    for power in (-1.0, 1.3):
        act(explorer, "value", value=power)
        assert explorer.rate == pytest.approx(10**power)
        index = round((power + 2.5) * 10)
        np.testing.assert_allclose(explorer.losses[:, -1], explorer._ends[:, index], rtol=1e-9)
        assert f"{float(f'{10**power:.2g}'):g}</text>" in explorer.canvas.plot["svg"]


def test_a_small_rate_crawls_a_fair_one_arrives_and_a_large_one_diverges(scene):
    explorer = RateExplorer(*scene, standardise=True, steps=60)
    words = []
    for rate in (0.004, 3.0, 300.0):
        explorer.rate = rate
        words.append(verdict(explorer.losses[0], explorer.loss.least))
    assert words == ["crawls", "arrives", "diverges"]


def test_a_loss_that_has_run_away_is_told_in_few_digits():
    explorer = RateExplorer(rate=300.0, steps=120)
    assert explorer.losses[:, -1].max() > 1e6
    for text in (explorer.canvas.status, explorer.canvas.panel):
        assert "e+" in text and not re.search(r"\d{6}", re.sub("<[^>]*>", " ", text))


def test_a_long_valley_makes_for_a_zig_zag_and_a_round_one_does_not():
    explorer = RateExplorer(rate=12.0)
    long = turning(explorer.paths[0])
    explorer.standardise = True
    assert long > 0.6 and turning(explorer.paths[0]) < 0.1


@pytest.mark.parametrize(
    ("losses", "word"),
    [
        ([1, 2, 3, 4], "diverges"),
        ([9, 5, 2, 1.01], "arrives"),
        ([9, 4, 6, 4, 6, 4, 6, 5], "bounces"),
        ([9, 8.5, 8, 7.5], "crawls"),
        ([4, 60, 3.9, 3.6], "overshoots"),
        ([9, 7, 5, 2.5], "is on its way"),
        ([9], "crawls"),
        ([1], "arrives"),
    ],
)
def test_verdicts(losses, word):
    assert verdict(np.array(losses, float), 1.0) == word


@pytest.mark.parametrize(
    ("path", "share"),
    [([(0, 0), (1, 0), (2, 0), (3, 0)], 0), ([(0, 0), (1, 0), (0, 0), (1, 0)], 1), ([(0, 0)], 0)],
)
def test_turning_counts_steps_back(path, share):
    assert turning(np.array(path, float)) == share


def test_a_click_is_a_start_and_undo_brings_the_first_back(explorer):
    first = explorer.start
    act(explorer, "click", points=[[99.5, 299.5]], brush=1)
    wanted = explorer._middle + explorer._half * np.array([0.5, 0.5])
    np.testing.assert_allclose(explorer.start, wanted)
    np.testing.assert_allclose(explorer._pixels(explorer.start), [99.5, 299.5])
    assert (explorer.paths[:, 0] == explorer.start).all()
    act(explorer, "undo")
    np.testing.assert_array_equal(explorer.start, first)


def test_it_plays_step_by_step(explorer):
    assert explorer.step == 30
    press(explorer, "play")
    assert explorer.step == 0
    act(explorer, "tick")
    assert explorer.step == 1 and len(explorer.canvas.marks[1]["points"]) == 2
    play(explorer)
    assert explorer.step == 30 and not explorer.canvas.playing


def test_a_method_can_be_hidden(explorer):
    assert [mark["brush"] for mark in explorer.canvas.marks] == [
        4,
        1,
        1,
        2,
        2,
        3,
        3,
    ]  # the start, three paths
    press(explorer, "momentum")
    assert [mark["brush"] for mark in explorer.canvas.marks] == [4, 1, 1, 3, 3]
    assert "momentum" not in explorer.canvas.status
    for name in ("SGD", "AdamW"):
        press(explorer, name)
    assert len(explorer.canvas.marks) == 1 and "no method shown" in explorer.canvas.status
    press(explorer, "momentum")
    assert len(explorer.canvas.marks) == 3


def test_the_table_tells_what_the_point_means_for_the_picture(scene, explorer):
    image, target = scene
    explorer.rate = 10.0
    w, b = explorer.paths[2, -1]
    expected = metrics.mask_iou(target, image * w + b > 0)
    assert f"<td>{expected:.3f}</td>" in explorer.canvas.panel
    np.testing.assert_array_equal(
        explorer.loss.mask(image, (w, b)),
        image > explorer.loss.threshold((w, b)) if w > 0 else image < -b / w,
    )


def test_standardising_keeps_masks_what_they_are(scene):
    image, _ = scene
    loss = PixelLoss(*scene, standardise=True)
    np.testing.assert_array_equal(loss.mask(image, (2.0, 0.3)), image > loss.threshold((2.0, 0.3)))


def test_the_largest_rate_and_most_steps_stay_finite(scene):
    explorer = RateExplorer(*scene, rate=10**2.5, steps=120)
    assert np.isfinite(explorer.losses).all() and np.isfinite(explorer._ends).all()


def test_the_default_needs_no_picture():
    explorer = RateExplorer()
    assert explorer.canvas.label.endswith("coins") and explorer.losses[:, -1].max() < np.inf


def test_the_strip_tells_three_rates(scene):
    strip = RateExplorer(*scene, rate=3.0, name="a bright square").strip()
    assert "a bright square" in strip.alt
    for rate in ("0.1", "3", "48"):
        assert f"at {rate} SGD" in strip.alt


@pytest.mark.parametrize(
    ("image", "target", "message"),
    [
        (np.eye(4), None, "needs a target"),
        (np.eye(4), np.eye(4), "no lowest point"),
        (np.eye(4), np.zeros((4, 4)), "object and background"),
        (np.eye(4), np.eye(5), "must match"),
        (np.ones((4, 4)), np.eye(4), "different finite values"),
        (255 * np.eye(4), np.eye(4), "divide 8-bit"),
        (np.zeros((4, 4, 2)), np.eye(4), "height, width"),
    ],
)
def test_what_has_no_loss_is_refused(image, target, message):
    with pytest.raises(ValueError, match=message):
        RateExplorer(image, target)


def test_a_rate_outside_the_plot_is_refused(explorer):
    with pytest.raises(ValueError, match="rate must be from"):
        explorer.rate = 1000.0
