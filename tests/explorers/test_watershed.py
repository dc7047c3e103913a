import numpy as np
import pytest
from page import act, shown

from course_utils import metrics
from course_utils.classic import watershed
from course_utils.explorers import WatershedExplorer
from course_utils.explorers.watershed import plant, rise


@pytest.fixture
def target():
    """Two discs that touch, and one alone."""
    y, x = np.indices((40, 70))
    labels = np.zeros((40, 70), int)
    for number, (row, column, radius) in enumerate([(20, 15, 11), (20, 31, 10), (14, 58, 7)], start=1):
        labels[(np.hypot(y - row, x - column) < radius) & (labels == 0)] = number
    return labels


@pytest.fixture
def explorer(target):
    mask = target > 0
    return WatershedExplorer(mask * 0.8, -watershed.distance_transform(mask), mask, target, depth=0.75)


def click(explorer, row, column):
    act(explorer, "click", points=[[row, column]], brush=1)


def test_deep_hollows_part_the_discs(explorer, target):
    assert explorer.markers.max() == 3
    assert explorer.scores == {
        f"F1 at IoU {at}": metrics.match_instances(target, explorer.labels, at).f1 for at in (0.5, 0.75)
    }
    assert explorer.scores["F1 at IoU 0.75"] == 1
    assert "3 regions, in truth 3" in explorer.canvas.status


def test_the_slider_of_the_depth_changes_the_markers(explorer):
    act(explorer, "slider", name="depth", value=4.0)
    assert explorer.depth == 4 and explorer.markers.max() == 2
    explorer.depth = 0.75
    assert explorer.markers.max() == 3


def test_two_equal_tops_of_one_thing_are_one_marker():
    land = -np.array([[5, 4, 5, 1, 5]])
    everywhere = np.ones(land.shape, bool)
    assert plant(land, everywhere, 0).tolist() == [[1, 0, 2, 0, 3]]
    assert plant(land, everywhere, 2).tolist() == [[1, 1, 1, 0, 2]]


def test_no_island_loses_its_only_marker():
    mask = np.array([[True, True, False, True, False]])
    land = -watershed.distance_transform(mask)
    assert plant(land, mask, 3.0).max() == 2


def test_what_is_wet_is_the_library_s_flood_up_to_the_level(explorer):
    labels, arrival = watershed.flood(explorer.elevation, explorer.markers, mask=explorer.mask)
    np.testing.assert_array_equal(explorer.labels, labels)
    for level in (-9.0, -5.0, -2.5, -1.0):
        act(explorer, "value", value=level)
        wet = explorer.wet > 0
        np.testing.assert_array_equal(shown(explorer, "regions") > 0, wet)
        assert set(np.sort(arrival[wet])) == set(range(wet.sum()))  # the first to arrive, without a gap
        assert (explorer.elevation[wet] <= level).all()
        np.testing.assert_array_equal(explorer.wet[wet], labels[wet])


def test_a_hollow_stays_dry_until_the_water_stands_at_its_pass():
    land = np.array([[1.0, 3, 2, 5]])
    labels, levels = rise(land, np.array([[1, 0, 0, 0]]), np.ones(land.shape, bool))
    assert labels.tolist() == [[1, 1, 1, 1]] and levels.tolist() == [[1, 3, 3, 5]]


def test_a_hollow_of_exactly_that_depth_is_filled():
    land = -np.array([[3.0, 1, 3.5]])
    everywhere = np.ones(land.shape, bool)
    assert plant(land, everywhere, 1.9).max() == 2
    assert plant(land, everywhere, 2.0).max() == 1


def test_the_level_is_told_with_the_digits_that_its_step_needs(explorer):
    explorer.level = -5.04
    assert "Water at −5.04, " in explorer.canvas.status
    counted = WatershedExplorer(explorer.image, explorer.elevation * 100)
    counted.level = -48
    assert "Water at −48, " in counted.canvas.status


def test_own_markers_flood_from_the_clicks_alone(explorer):
    act(explorer, "action", name="own")
    assert explorer.own and not explorer.labels.any()
    assert "click" in explorer.canvas.status
    click(explorer, 20, 15)
    assert "1 region, in truth 3" in explorer.canvas.status
    click(explorer, 20, 34)
    click(explorer, 0, 0)  # outside the mask: nothing to flood
    assert "1 of your markers lies where no water may go" in explorer.canvas.status
    assert explorer.markers[20, 15] == 1 and explorer.markers.max() == 2
    assert len(np.unique(explorer.labels)) == 3
    act(explorer, "undo")
    act(explorer, "undo")
    assert explorer.markers.max() == 1
    act(explorer, "action", name="own")
    assert explorer.markers.max() == 4  # three hollows and the click


def test_playing_lets_the_water_rise_to_the_top_and_stops(explorer):
    explorer.level = -11.0
    act(explorer, "action", name="play")
    seen = [np.count_nonzero(explorer.wet)]
    for _ in range(100):
        if not explorer.canvas.playing:
            break
        act(explorer, "tick")
        seen.append(np.count_nonzero(explorer.wet))
    assert not explorer.canvas.playing and seen == sorted(seen)
    assert seen[-1] == explorer.mask.sum()
    act(explorer, "action", name="play")  # again, from the bottom
    assert explorer.canvas.playing and explorer.level < -10
    act(explorer, "value", value=-3.0)  # dragging stops it
    assert not explorer.canvas.playing


def test_without_a_target_there_is_no_score(explorer):
    bare = WatershedExplorer(explorer.image, explorer.elevation)
    assert bare.scores == {} and bare.mask.all()
    assert [layer["name"] for layer in bare.canvas.layers] == ["regions", "markers"]


def test_the_strip_tells_where_the_water_starts(explorer):
    strip = explorer.strip()
    assert "h = 0.75, full: 3 regions" in strip.alt and "In truth there are 3" in strip.alt


def test_each_action_has_a_key(explorer):
    assert {a["name"]: a["key"] for a in explorer.canvas.actions} == {"play": "p", "own": "o"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": np.zeros((4, 5))}, "image has shape"),
        ({"mask": np.ones((40, 69), bool)}, "mask has shape"),
        ({"target": np.ones((4, 4), int)}, "target has shape"),
        ({"mask": np.zeros((40, 70), bool)}, "at least one pixel"),
        ({"elevation": np.zeros((40, 70))}, "more than one height"),
        ({"elevation": np.full((40, 70), np.nan)}, "finite"),
    ],
)
def test_what_cannot_be_flooded_is_refused(explorer, change, message):
    given = {"image": explorer.image, "elevation": explorer.elevation, "mask": explorer.mask, "target": None}
    with pytest.raises(ValueError, match=message):
        WatershedExplorer(**(given | change))
