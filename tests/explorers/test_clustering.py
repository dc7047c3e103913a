import numpy as np
import pytest
from page import act, play, shown

from course_utils import metrics
from course_utils.classic import clustering
from course_utils.explorers import MeanShiftExplorer
from course_utils.explorers.clustering import lab, regions


@pytest.fixture
def image():
    """A red and a blue half with noise, and a grey square."""
    picture = np.zeros((40, 60, 3))
    picture[:, :30], picture[:, 30:] = (0.7, 0.2, 0.2), (0.2, 0.3, 0.7)
    picture[10:20, 25:40] = 0.5
    return (picture + np.random.default_rng(0).normal(0, 0.03, picture.shape)).clip(0, 1)


@pytest.fixture
def target():
    truth = np.repeat([[1, 2]], 30, axis=1).repeat(40, axis=0)
    truth[10:20, 25:40] = 3
    return truth


def test_it_opens_with_the_whole_path_of_the_first_pixel(image):
    explorer = MeanShiftExplorer(image, (12, 26), spatial=6, colour=20)
    path = clustering.mean_shift_path(lab(image), 12, 26, 6, 20)
    np.testing.assert_array_equal(explorer.path, path)
    assert explorer.step == len(path) - 1 and not explorer.canvas.playing
    (line, _) = explorer.canvas.polylines[0]
    np.testing.assert_allclose(line, path[:, :2])
    assert explorer.canvas.clicks == [(12, 26, 1)]


def test_a_clicked_pixel_climbs_step_by_step_and_stops_at_its_mode(image):
    explorer = MeanShiftExplorer(image, spatial=6, colour=20)
    act(explorer, "click", points=[[5.2, 8.9]], brush=1)
    path = clustering.mean_shift_path(lab(image), 5, 9, 6, 20)
    assert explorer.canvas.playing and explorer.step == 0
    for step in range(1, len(path)):
        act(explorer, "tick")
        assert explorer.step == step and len(explorer.canvas.polylines[0][0]) == step + 1
        assert f"Step {step} of {len(path) - 1}" in explorer.canvas.status
    assert not explorer.canvas.playing
    assert explorer.canvas.clicks == [(5, 9, 1)]


def test_the_density_shown_never_falls(image):
    explorer = MeanShiftExplorer(image, spatial=6, colour=20)
    for pixel in ((3, 3), (15, 27), (22, 33), (39, 59)):
        explorer.climb(*pixel)
        assert (np.diff(explorer.density) >= 0).all()
        assert f"<b>{explorer.density[-1]:.2f}</b>" in explorer.canvas.panel


def test_the_neighbours_shown_have_the_next_step_as_their_mean(image):
    explorer = MeanShiftExplorer(image, spatial=6, colour=20)
    act(explorer, "click", points=[[12, 24]], brush=1)
    near = shown(explorer, "neighbours") > 0
    np.testing.assert_array_equal(near, explorer.neighbours())
    mean = [*np.argwhere(near).mean(axis=0), *lab(image)[near].mean(axis=0)]
    np.testing.assert_allclose(mean, explorer.path[1], atol=1e-9)


def test_all_pixels_climb_row_after_row_and_make_the_library_s_regions(image, target):
    explorer = MeanShiftExplorer(image, target=target, spatial=4, colour=16, area=30)
    act(explorer, "action", name="all")
    act(explorer, "tick")
    assert (
        0 < np.count_nonzero(explorer.labels.any(axis=1)) < 40 and "of the pixels" in explorer.canvas.status
    )
    play(explorer)
    expected = clustering.mean_shift_segments(lab(image), 4, 16, 30)
    assert metrics.adjusted_rand(expected, explorer.labels) == 1
    assert shown(explorer, "regions").all() and f"{expected.max()} region" in explorer.canvas.status
    assert explorer.scores == {"covering": metrics.covering(target, expected)}


def test_the_climb_of_all_can_be_stopped_and_goes_on(image):
    explorer = MeanShiftExplorer(image, spatial=4, colour=16)
    act(explorer, "action", name="all")
    act(explorer, "tick")
    act(explorer, "action", name="all")
    assert not explorer.canvas.playing
    rows = explorer.labels.any(axis=1).sum()
    act(explorer, "action", name="all")
    act(explorer, "tick")
    assert explorer.labels.any(axis=1).sum() > rows


def test_another_bandwidth_forgets_the_regions_and_finds_the_new_path(image):
    explorer = MeanShiftExplorer(image, (12, 26), spatial=4, colour=16)
    act(explorer, "action", name="all")
    play(explorer)
    act(explorer, "slider", name="colour", value=40)
    assert explorer.colour == 40 and not explorer.labels.any()
    np.testing.assert_array_equal(explorer.path, clustering.mean_shift_path(lab(image), 12, 26, 4, 40))


def test_the_least_area_changes_the_regions_at_once(image):
    explorer = MeanShiftExplorer(image, spatial=2, colour=8, area=0)
    act(explorer, "action", name="all")
    play(explorer)
    many = explorer.labels.max()
    act(explorer, "slider", name="area", value=200)
    assert 1 <= explorer.labels.max() < many
    assert np.bincount(explorer.labels.ravel())[1:].min() >= 200 or explorer.labels.max() == 1


def test_taking_back_keeps_the_pixel(image):
    explorer = MeanShiftExplorer(image, (12, 26))
    act(explorer, "undo")
    assert explorer.canvas.clicks == [(12, 26, 1)] and len(explorer.canvas.polylines) == 1


def test_regions_are_those_of_the_library_for_any_modes():
    rng = np.random.default_rng(1)
    picture = rng.random((12, 17, 3))
    values = lab(picture)
    modes = clustering.mean_shift_modes(values, 3, 25) / np.array([3, 3, 25, 25, 25])
    for area in (1, 4):
        np.testing.assert_array_equal(
            regions(modes, area), clustering.mean_shift_segments(values, 3, 25, area)
        )


def test_grey_pictures_climb_too(image):
    explorer = MeanShiftExplorer(image.mean(axis=2), (5, 5))
    assert explorer.path.shape[1] == 5
    np.testing.assert_allclose(explorer.path[:, 3:], 0, atol=0.01)


def test_the_strip_tells_the_climb_and_two_bandwidths(image):
    explorer = MeanShiftExplorer(image, (12, 26), spatial=4, colour=16, area=30, name="three colours")
    strip = explorer.strip()
    for factor in (8, 32):
        regions_found = clustering.mean_shift_segments(lab(image), 4, factor, 30).max()
        assert f"colour bandwidth {factor}: {regions_found} region" in strip.alt
    assert "three colours" in strip.alt and f"{len(explorer.path) - 1} steps" in strip.alt


@pytest.mark.parametrize(
    ("image", "target", "message"),
    [
        (np.zeros((4, 5, 2)), None, "expected"),
        (np.full((4, 5), 200.0), None, "divide 8-bit"),
        (np.array([[0.0, np.nan]]), None, "finite"),
        (np.eye(4), np.zeros((4, 5)), "must match"),
    ],
)
def test_what_cannot_climb_is_refused(image, target, message):
    with pytest.raises(ValueError, match=message):
        MeanShiftExplorer(image, target=target)
