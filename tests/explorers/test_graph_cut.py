import time

import numpy as np
import pytest
from page import act, shown

from course_utils import metrics
from course_utils.classic import graph_cuts
from course_utils.explorers import GraphCutExplorer
from course_utils.explorers.graph_cut import enlarge, largest, shrink

STROKES = [([(30, 35), (30, 55)], 1), ([(8, 5), (8, 75)], 2)]


@pytest.fixture(scope="module")
def target():
    truth = np.zeros((60, 80), bool)
    truth[20:40, 30:60] = True
    return truth


@pytest.fixture(scope="module")
def image(target):
    """A reddish rectangle on a bluish ground, with much noise."""
    colours = np.where(target[..., None], (0.6, 0.4, 0.4), (0.4, 0.4, 0.6))
    return (colours + np.random.default_rng(0).normal(0, 0.12, colours.shape)).clip(0, 1)


def test_the_mask_is_the_librarys_cut(image, target):
    explorer = GraphCutExplorer(image, target, STROKES, smoothness=10)
    expected = graph_cuts.graph_cut(image, explorer.seeds, smoothness=10).mask
    np.testing.assert_array_equal(explorer.mask, expected)
    np.testing.assert_array_equal(shown(explorer, "mask") > 0, expected)
    assert f">{metrics.mask_iou(target, expected):.3f}<" in explorer.canvas.panel


@pytest.mark.parametrize("smoothness", [0, 3, 40])
def test_energy_is_flow(image, smoothness):
    explorer = GraphCutExplorer(image, start=STROKES, smoothness=smoothness)
    parts = explorer.energy
    assert parts["pixels"] + parts["boundary"] == pytest.approx(parts["flow"], rel=1e-9)
    assert f"Flow {parts['flow']:,.0f}." in explorer.canvas.panel


def test_the_slider_trades_pixels_for_boundary(image, target):
    explorer = GraphCutExplorer(image, target, STROKES, smoothness=0)
    assert explorer.energy["pixels"] == explorer.energy["boundary"] == 0
    before = explorer.mask
    act(explorer, "slider", name="smoothness", value=20)
    assert explorer.smoothness == 20 and explorer.energy["pixels"] > 0
    assert metrics.mask_iou(target, explorer.mask) > metrics.mask_iou(target, before) + 0.05
    assert explorer.canvas.status.startswith("λ = 20: ")


def test_the_smoothness_can_be_set_from_python(image):
    explorer = GraphCutExplorer(image, start=STROKES)
    explorer.smoothness = 7
    assert explorer.smoothness == 7
    np.testing.assert_array_equal(
        explorer.mask, graph_cuts.graph_cut(image, explorer.seeds, smoothness=7).mask
    )


def test_strokes_make_seeds_and_undo_takes_them_back(image):
    explorer = GraphCutExplorer(image)
    assert not explorer.mask.any() and "at least one stroke" in explorer.canvas.status
    for points, brush in STROKES:
        act(explorer, "stroke", points=points, brush=brush)
    assert set(np.unique(explorer.seeds)) == {0, 1, 2}
    assert explorer.mask[explorer.seeds == 1].all() and not explorer.mask[explorer.seeds == 2].any()
    act(explorer, "undo")
    assert not explorer.mask.any() and not explorer.energy
    act(explorer, "action", name="clear")
    assert not explorer.seeds.any() and explorer.canvas.marks == []


def test_wider_strokes_paint_more(image):
    explorer = GraphCutExplorer(image, start=STROKES, width=1)
    few = np.count_nonzero(explorer.seeds)
    act(explorer, "slider", name="width", value=9)
    assert np.count_nonzero(explorer.seeds) > 4 * few


def test_grab_cut_is_played_round_by_round(image, target):
    explorer = GraphCutExplorer(image, target, smoothness=10)
    expected = graph_cuts.grab_cut(image, explorer.box, smoothness=10)
    act(explorer, "action", name="grab")
    assert explorer.round == 0 and explorer.canvas.playing
    np.testing.assert_array_equal(explorer.mask, expected.masks[0])
    names = {layer["name"] for layer in explorer.canvas.layers}
    buttons = {button["name"] for button in explorer.canvas.actions}
    assert {"box", "mask"} <= names and not names & buttons, "a layer is no brush"
    ticks = 0
    while explorer.canvas.playing:
        act(explorer, "tick")
        ticks += 1
        np.testing.assert_array_equal(explorer.mask, expected.masks[ticks])
        assert f"{abs(expected.energies[ticks - 1, 1]):,.0f}" in explorer.canvas.status
    assert ticks == len(expected.masks) - 1 and metrics.mask_iou(target, explorer.mask) > 0.8


def test_grab_cut_can_be_stopped_and_a_stroke_returns_to_the_cut(image):
    explorer = GraphCutExplorer(image, start=STROKES)
    mask = explorer.mask
    act(explorer, "action", name="grab")
    act(explorer, "tick")
    act(explorer, "action", name="grab")
    assert not explorer.canvas.playing and explorer.round == 1
    act(explorer, "slider", name="smoothness", value=explorer.smoothness)
    assert explorer.round is None
    np.testing.assert_array_equal(explorer.mask, mask)


def test_a_box_without_background_is_explained(image):
    explorer = GraphCutExplorer(image, box=(0, 0, 60, 80))
    act(explorer, "action", name="grab")
    act(explorer, "tick")
    assert "no background" in explorer.canvas.status and not explorer.canvas.playing


def test_a_large_picture_is_cut_in_blocks_and_answers_at_once(image, target):
    large, truth = (np.kron(a, np.ones((7, 7, 1)[: a.ndim])) for a in (image, target))
    truth = truth.astype(bool)
    strokes = [([(7 * y, 7 * x) for y, x in points], brush) for points, brush in STROKES]
    explorer = GraphCutExplorer(large, truth, strokes, width=30)
    assert explorer.mask.shape == truth.shape and explorer.scores["IoU"] > 0.9
    seconds = []
    for value in (5, 15, 30):
        start = time.perf_counter()
        act(explorer, "slider", name="smoothness", value=value)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.5  # 0.1 on an idle machine; the point is that it is not seconds


def test_blocks_have_means_and_largest_numbers_and_grow_back():
    picture = np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(shrink(picture, 2), [[2.5, 4.5], [8.5, 10.5]])
    np.testing.assert_array_equal(largest(np.array([[0, 1, 2], [0, 0, 0]]), 2), [[1, 2]])
    np.testing.assert_array_equal(enlarge(np.array([[True, False]]), 2, (2, 3)), [[1, 1, 0]] * 2)
    np.testing.assert_array_equal(shrink(picture, 1), picture)


def test_the_strip_tells_what_smoothness_does(image, target):
    strip = GraphCutExplorer(image, target, STROKES, name="a rectangle").strip()
    assert "a rectangle" in strip.alt and "λ = 0" in strip.alt and "IoU" in strip.caption
    assert "nothing painted" in GraphCutExplorer(image).strip().alt


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image": np.zeros((4, 5))}, "at least 8"),
        ({"image": np.full((9, 9), 2.0)}, r"in \[0, 1\]"),
        ({"image": np.zeros((9, 9)), "target": np.zeros((9, 8))}, "must match"),
        ({"image": np.zeros((9, 9)), "box": (0, 0, 10, 5)}, "does not lie within"),
    ],
)
def test_what_cannot_be_cut_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        GraphCutExplorer(**arguments)
