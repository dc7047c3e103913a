"""The snake explorer does what the library does, from the page and from Python."""

import numpy as np
import pytest
from page import act, play, press

from course_utils import metrics
from course_utils.classic import filters, level_sets, morphology, snakes
from course_utils.data import photos
from course_utils.explorers import SnakeExplorer
from course_utils.explorers.snakes import score


@pytest.fixture
def discs():
    """Two blurred discs and where they are."""
    shape = 60, 100
    mask = level_sets.disk_mask(shape, (30, 28), 14) | level_sets.disk_mask(shape, (30, 72), 14)
    return filters.gaussian(mask.astype(float), 1.5), mask


def run(explorer):
    press(explorer, "play")
    play(explorer)


def draw(explorer, *corners, closed=True):
    act(explorer, "polyline", points=[list(corner) for corner in corners], brush=1, closed=closed)


def snake_mark(explorer):
    return np.array(explorer.canvas.marks[1]["points"])


def test_a_frame_is_25_steps_of_the_library(discs):
    image, _ = discs
    explorer = SnakeExplorer(image, alpha=0.1, beta=0.2)
    landscape = snakes.edge_energy(image, 2)
    pace = snakes.largest_step(landscape)
    expected = snakes.evolve(explorer.start, landscape, alpha=0.1, beta=0.2, step=pace, steps=75)
    for _ in range(3):
        press(explorer, "step")
    np.testing.assert_allclose(explorer.contour, expected.contours[-1])
    np.testing.assert_allclose(explorer.energies, expected.energy[::25])
    np.testing.assert_allclose(snake_mark(explorer), expected.contours[-1], atol=0.051)
    np.testing.assert_array_equal(
        explorer.mask, photos.rasterise([expected.contours[-1][:, ::-1]], image.shape)
    )


def test_it_plays_until_it_rests_and_its_energy_never_rises(discs):
    explorer = SnakeExplorer(discs[0])
    run(explorer)
    assert not explorer.canvas.playing and "At rest" in explorer.canvas.status
    assert len(explorer.energies) > 10 and np.diff(explorer.energies).max() <= 0
    press(explorer, "play")  # from the start again
    assert explorer.frame == 0 and explorer.canvas.playing
    press(explorer, "play")
    assert not explorer.canvas.playing


def test_the_line_goes_back_in_time_and_a_step_goes_on_from_there(discs):
    explorer = SnakeExplorer(discs[0])
    for _ in range(6):
        explorer.advance()
    third = explorer._frames[3]
    act(explorer, "value", value=3.0)
    np.testing.assert_array_equal(explorer.contour, third)
    assert explorer.canvas.status.startswith("Snake, frame 3 of 6")
    assert len(explorer.energies) == 7
    press(explorer, "step")
    assert explorer.frame == 4 and len(explorer.energies) == 5


def test_dragging_stops_the_play(discs):
    explorer = SnakeExplorer(discs[0])
    press(explorer, "play")
    act(explorer, "tick")
    act(explorer, "value", value=0.0)
    assert not explorer.canvas.playing and explorer.frame == 0


def test_a_drawn_line_is_the_new_start_and_undo_brings_the_given_one_back(discs):
    given = snakes.circle((30, 28), 20, 40)
    explorer = SnakeExplorer(discs[0], given)
    first = explorer.start
    explorer.advance()
    draw(explorer, (5, 50), (5, 95), (55, 95), (55, 50), closed=False)
    assert explorer.frame == 0 and len(explorer.canvas.marks) == 2
    assert explorer.start.min(axis=0).tolist() == [5, 50]
    spacing = np.hypot(*np.diff(explorer.start, axis=0).T)
    assert np.ptp(spacing) < 1  # points at equal distances, but for those that cut a corner
    act(explorer, "undo")
    np.testing.assert_array_equal(explorer.start, first)


def test_two_corners_are_no_contour(discs):
    explorer = SnakeExplorer(discs[0])
    before = explorer.start
    draw(explorer, (5, 5), (20, 20), closed=False)
    np.testing.assert_array_equal(explorer.start, before)
    assert len(explorer.canvas.marks) == 2


def test_a_slider_lets_the_snake_go_on_with_a_new_energy(discs):
    explorer = SnakeExplorer(discs[0], alpha=0.05)
    for _ in range(4):
        explorer.advance()
    here = explorer.contour
    act(explorer, "slider", name="alpha", value=0.4)
    np.testing.assert_array_equal(explorer.contour, here)
    assert explorer.alpha == 0.4 and len(explorer.energies) == 1
    landscape = snakes.edge_energy(discs[0], 2)
    expected = snakes.evolve(here, landscape, alpha=0.4, beta=explorer.beta, steps=0).energy
    np.testing.assert_allclose(explorer.energies, expected)


def test_the_weights_can_be_set_from_python(discs):
    explorer = SnakeExplorer(discs[0])
    explorer.alpha, explorer.beta, explorer.balloon = 0.2, 1.0, -0.1
    assert [s["value"] for s in explorer.canvas.sliders] == [0.2, 1.0, -0.1]


def test_a_balloon_makes_a_contour_grow(discs):
    explorer = SnakeExplorer(discs[0], snakes.circle((30, 28), 5, 40), alpha=0.0, balloon=0.3)
    before = explorer.mask.sum()
    explorer.advance()
    assert explorer.mask.sum() > before


def test_chan_vese_splits_where_the_snake_stays_one(discs):
    image, mask = discs
    explorer = SnakeExplorer(image, target=mask)
    run(explorer)
    assert morphology.label(explorer.mask).max() == 1
    press(explorer, "regions")
    assert explorer.frame == 0 and explorer.contour is None
    run(explorer)
    assert morphology.label(explorer.mask).max() == 2 and "2 parts" in explorer.canvas.status
    assert metrics.mask_iou(mask, explorer.mask) > 0.95
    assert explorer.energies[-1] < explorer.energies[0]
    assert "inside" in [layer["name"] for layer in explorer.canvas.layers]
    press(explorer, "regions")
    np.testing.assert_array_equal(explorer.contour, explorer.start)


def test_chan_vese_of_the_explorer_is_that_of_the_library(discs):
    image, _ = discs
    explorer = SnakeExplorer(image, mu=0.2)
    explorer.regions = True
    inside = photos.rasterise([explorer.start[:, ::-1]], image.shape)
    steps = max(2, 500_000 // image.size)
    explorer.advance()
    expected = level_sets.chan_vese(image, inside, mu=0.2, steps=steps)
    np.testing.assert_array_equal(explorer.mask, expected.mask)
    np.testing.assert_allclose(explorer.energies, expected.energies[[0, -1]])


def test_scores_are_those_of_the_library(discs):
    image, mask = discs
    explorer = SnakeExplorer(image, target=mask)
    assert explorer.scores == score(mask, explorer.mask)
    assert explorer.scores["IoU"] == metrics.mask_iou(mask, explorer.mask)
    assert f">{explorer.scores['IoU']:.3f}<" in explorer.canvas.panel
    assert SnakeExplorer(image).scores == {}


def test_colour_pictures_are_shown_in_colour(discs):
    image = np.stack([discs[0]] * 3, axis=-1)
    explorer = SnakeExplorer(image)
    explorer.advance()
    assert explorer.canvas.size == [60, 100] and explorer.mask.shape == (60, 100)


def test_the_plot_holds_a_bar_for_each_frame(discs):
    explorer = SnakeExplorer(discs[0])
    for _ in range(5):
        explorer.advance()
    assert (explorer.canvas.plot["min"], explorer.canvas.plot["max"]) == (0, 6)
    assert explorer.canvas.plot["steps"] == 6


def test_the_strip_tells_both_methods(discs):
    strip = SnakeExplorer(*discs[:1], target=discs[1], name="two discs").strip()
    assert "two discs" in strip.alt and "Chan–Vese, step" in strip.alt and strip.alt.count("IoU") == 3
    assert "(at rest)" in strip.alt
    hasty = SnakeExplorer(discs[0], balloon=0.3)  # a balloon that grows out of the picture
    assert "(cut off)" in hasty.strip().alt


@pytest.mark.parametrize(
    ("image", "start", "target", "message"),
    [
        (np.full((9, 9), 0.5), None, None, "one value only"),
        (np.zeros((4, 5, 2)), None, None, "height, width"),
        (np.eye(9), None, np.zeros((4, 5)), "must match"),
        (np.eye(9), [(1, 1), (2, 2)], None, "three different corners"),
        (np.where(np.eye(9), np.nan, 0), None, None, "not finite"),
    ],
)
def test_what_has_no_contour_is_refused(image, start, target, message):
    with pytest.raises(ValueError, match=message):
        SnakeExplorer(image, start, target)
