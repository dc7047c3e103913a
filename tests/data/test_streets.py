"""The town: the truth is the geometry's, each knob does what it says, and colours do not give the classes away."""

import zlib
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import low_level
from course_utils.data.synthetic import streets
from course_utils.data.synthetic.sample import checked
from course_utils.data.synthetic.streets import TOWN_CLASSES, TOWN_KNOBS, TOWN_SEEDS, plan, town
from course_utils.data.synthetic.streets.light import Light
from course_utils.data.synthetic.streets.upright import draw_pole
from course_utils.data.synthetic.streets.view import (
    BUILDING,
    CAR,
    FINE,
    PERSON,
    POLE,
    ROAD,
    SKY,
    TREE,
    WINDOW,
    Canvas,
    View,
)

SEEDS = st.integers(0, 10**6)
SMALL = {"size": (72, 96)}
EMPTY = {"traffic": 0, "people": 0, "trees": 0, "poles": 0}
LIGHT = ("night", "sunshine", "wet", "haze", "vignetting", "blur", "noise", "compression")
CLEAN = {"blur": 0, "noise": 0, "compression": 0, "vignetting": 0, "haze": 0, "wet": 0}

few = settings(max_examples=5)


def view_of(seed, size):
    """The camera that `town` uses for this seed."""
    return View(size, streets._streams(seed).view)


# ------------------------------------------------------------------------------------------------ the truth


@few
@given(SEEDS, st.fixed_dictionaries({n: st.floats(low, high) for n, (low, high, _) in TOWN_KNOBS.items()}))
def test_any_knobs_give_an_eight_bit_colour_image_and_the_eight_classes(seed, knobs):
    sample = town(seed, size=(40, 56), **knobs)
    assert sample.image.shape == (40, 56, 3) and sample.labels.shape == (40, 56)
    assert sample.image.dtype == np.float64 and sample.labels.dtype == np.int32
    assert np.array_equal(np.round(sample.image * 255) / 255, sample.image)
    assert sample.image.min() >= 0 and sample.image.max() <= 1
    assert sample.labels.min() >= 0 and sample.labels.max() < len(TOWN_CLASSES)
    again = town(seed, size=(40, 56), **knobs)
    assert again.image.tobytes() == sample.image.tobytes()
    assert again.labels.tobytes() == sample.labels.tobytes()


def test_the_town_is_that_of_the_lessons():
    """Notebooks and recorded results show it: a change of the generator is a change of the lessons."""
    sample = town(1)
    assert zlib.crc32(sample.labels.astype("<i4").tobytes()) == 2940603571
    assert sample.image.mean(axis=(0, 1)) == pytest.approx([0.4842, 0.5029, 0.5227], abs=2e-3)


@few
@given(SEEDS)
def test_ground_lies_below_the_horizon_and_sky_above(seed):
    size = (96, 128)
    labels, horizon = town(seed, size=size).labels, view_of(seed, size).horizon / FINE
    rows = np.arange(size[0])[:, None] + 0.5
    assert not ((labels == ROAD) & (rows < horizon - 1)).any()
    assert not ((labels == SKY) & (rows > horizon + 1)).any()
    empty = town(seed, size=size, **EMPTY).labels
    assert set(np.unique(empty)) <= {SKY, ROAD, BUILDING, WINDOW}


@few
@given(SEEDS)
def test_ground_ends_where_the_house_fronts_stand(seed):
    """In an empty street a pixel of the ground, put back into metres, lies between the fronts or in a gap of them."""
    size = (96, 128)
    view = view_of(seed, size)
    labels = town(seed, size=size, **EMPTY).labels
    row, column = np.nonzero(labels == ROAD)
    rise = (view.horizon - FINE * (row + 0.5)) / view.focal
    near = rise < -0.06  # not where a pixel is metres deep
    u = (FINE * (column[near] + 0.5) - view.columns / 2) / view.focal
    depth = -view.height / rise[near]
    x = view.x + depth * (u * view.cos + view.sin)
    z = depth * (view.cos - u * view.sin)
    houses = plan._row(-1, view, streets._streams(seed).houses)  # the left side is drawn first
    for house in houses:
        here = (z > house.start + 0.5) & (z < house.stop - 0.5)
        assert (x[here] > -house.at - 0.1 - 0.05 * depth[here]).all()


@few
@given(SEEDS, st.floats(-2, 2), st.floats(6, 30))
def test_a_pole_stands_where_the_camera_sees_it(seed, x, z):
    """One post alone on a canvas: the column and the rows of pinhole geometry, and its width in pixels."""
    view = view_of(seed, (192, 256))
    canvas = Canvas(view)
    knobs = {name: low for name, (low, _, _) in TOWN_KNOBS.items()} | {"sunshine": 0.5, "wet": 0}
    k = checked(knobs, TOWN_KNOBS)
    street = SimpleNamespace(houses=[], lamps=[], half_street=8.0)
    light = Light(street, k, np.random.default_rng(0))
    pole = SimpleNamespace(x=x, z=z, height=3.0, radius=0.2, arm=0.0, kind="wire", grey=0.2)
    draw_pole(canvas, view, pole, light)
    row, column = np.nonzero(canvas.classes == POLE)
    depth = z * view.cos + (x - view.x) * view.sin
    centre = view.columns / 2 + view.focal * ((x - view.x) * view.cos - z * view.sin) / depth
    if 20 < centre < view.columns - 20:
        assert abs(column.mean() + 0.5 - centre) < 1
        assert abs(row.max() + 0.5 - min(view.horizon + view.focal * view.height / depth, view.rows)) < 1.5
        top = view.horizon - view.focal * (3 - view.height) / depth
        assert abs(row.min() + 0.5 - max(top, 0)) < 1.5
        assert np.allclose(canvas.depth[row, column], depth)


def test_what_is_nearer_hides_what_is_farther():
    """A car drawn before or after a house gives the same picture: depth decides, not the order."""
    view = view_of(3, (96, 128))
    window = (slice(10, 60), slice(20, 90))
    surfaces = [(5.0, CAR), (20.0, BUILDING), (9.0, TREE)]
    pictures = []
    for order in (surfaces, surfaces[::-1]):
        canvas = Canvas(view)
        for depth, kind in order:
            mask = canvas.visible(window, np.float32(depth), np.ones((50, 70), bool))
            canvas.paint(window, np.float32(depth), mask, np.zeros(3, np.float32), kind)
        pictures.append(canvas.majority())
    assert np.array_equal(*pictures) and set(np.unique(pictures[0])) == {SKY, CAR}


def test_the_class_of_a_pixel_is_that_of_most_of_its_rays_and_of_the_nearest_in_a_tie():
    canvas = Canvas(view_of(0, (16, 16)))
    canvas.classes[:2, :2], canvas.depth[:2, :2] = [[ROAD, ROAD], [ROAD, POLE]], [[9, 9], [9, 2]]
    canvas.classes[:2, 2:4], canvas.depth[:2, 2:4] = [[ROAD, POLE], [ROAD, POLE]], [[9, 2], [9, 2]]
    canvas.classes[:2, 4:6], canvas.depth[:2, 4:6] = [[ROAD, POLE], [ROAD, CAR]], [[9, 2], [9, 5]]
    assert canvas.majority()[0, :4].tolist() == [ROAD, POLE, ROAD, SKY]


# ------------------------------------------------------------------------------------ each knob, and it alone


@few
@given(SEEDS, st.sampled_from(LIGHT))
def test_light_weather_and_camera_do_not_move_a_thing(seed, name):
    low, high, _ = TOWN_KNOBS[name]
    one, other = (town(seed, **SMALL, **{name: value}) for value in (low, high))
    assert np.array_equal(one.labels, other.labels)
    assert not np.array_equal(one.image, other.image)


@few
@given(SEEDS)
def test_more_of_a_thing_keeps_what_there_was_and_none_is_none(seed):
    for name, kind, most in (
        ("traffic", CAR, 1),
        ("people", PERSON, 12),
        ("trees", TREE, 1),
        ("poles", POLE, 1),
    ):
        alone = EMPTY | {name: 0}
        masks = [town(seed, **SMALL, **alone | {name: share * most}).labels == kind for share in (0, 0.4, 1)]
        assert not masks[0].any() and masks[2].sum() >= masks[1].sum()
        assert (masks[2] | ~masks[1]).mean() > 0.99  # but for what a nearer one of its kind trades at its rim


def test_night_is_dark_and_its_windows_are_lit():
    for seed in range(4):
        day, night = town(seed, **CLEAN), town(seed, night=1, **CLEAN)
        assert night.image.mean() < 0.85 * day.image.mean()
        assert night.image[night.labels == SKY].mean() < 0.75 * day.image[day.labels == SKY].mean()
    walls, panes = (
        np.mean([town(s, night=1).image[town(s).labels == kind].mean() for s in range(4)])
        for kind in (BUILDING, WINDOW)
    )
    assert panes > walls


def test_sunshine_casts_shadows_on_the_ground():
    spread = []
    for sunshine in (0, 1):
        ground = [town(s, sunshine=sunshine, **CLEAN) for s in range(6)]
        spread.append(np.mean([s.image[s.labels == ROAD].std() for s in ground]))
    assert spread[1] > 1.2 * spread[0]


def test_blur_noise_vignetting_haze_and_compression_do_as_they_say():
    plain = CLEAN | SMALL

    def detail(image):
        return np.abs(np.diff(image, axis=0)).mean()

    blurred = [detail(town(5, **plain | {"blur": value}).image) for value in (0, 1, 4)]
    assert blurred == sorted(blurred, reverse=True)
    truth = town(5, **plain).image
    errors = [np.std(town(5, **plain | {"noise": value}).image - truth) for value in (0.01, 0.05, 0.2)]
    assert errors == sorted(errors) and errors[0] == pytest.approx(0.01, rel=0.4)
    packed = [np.std(town(5, **plain | {"compression": value}).image - truth) for value in (0.1, 0.4, 1)]
    assert packed == sorted(packed)
    corner = [town(5, **plain | {"vignetting": value}).image[-4:, -4:].mean() for value in (0, 1)]
    assert corner[1] < corner[0]
    clear, hazy = (town(5, **plain | {"haze": value}) for value in (0, 0.9))
    walls = clear.labels == BUILDING
    assert hazy.image[walls].std() < clear.image[walls].std()


def test_wet_ground_mirrors_the_street():
    """The grey of the ground follows that of what stands as far above the horizon as it lies below."""
    likeness = []
    for wet in (0, 1):
        alike = []
        for seed in range(4):
            sample = town(seed, **CLEAN | {"wet": wet})
            horizon = round(view_of(seed, (192, 256)).horizon / FINE)
            below, above = np.arange(horizon + 4, horizon + 50), np.arange(horizon - 4, horizon - 50, -1)
            ground = sample.labels[below] == ROAD
            grey = sample.image.mean(axis=-1)
            alike.append(np.corrcoef(grey[below][ground], grey[above][ground])[0, 1])
        likeness.append(np.mean(alike))
    assert likeness[1] > likeness[0] + 0.1


def test_the_picture_keeps_its_view_at_twice_the_size():
    small, large = (town(7, size=(96 * n, 128 * n)).labels for n in (1, 2))
    assert (small == large[::2, ::2]).mean() > 0.85


# ----------------------------------------------------------------------------------- what the lessons count on


def test_classes_are_as_frequent_as_the_documentation_says():
    shares = np.mean(
        [np.bincount(town(s, size=(96, 128)).labels.ravel(), minlength=8) / 96 / 128 for s in range(50)],
        axis=0,
    )
    documented = dict(road=0.37, building=0.24, tree=0.13, sky=0.11, car=0.07, window=0.05, pole=0.02)
    for name, share in documented.items():
        assert shares[TOWN_CLASSES.index(name)] == pytest.approx(share, rel=0.25), name
        assert f"{name} {share:g}" in " ".join(town.__doc__.split())
    assert 0.0015 < shares[PERSON] < 0.006


def test_poles_are_thin():
    """Half of the runs of pole in a row are three pixels long at most."""
    runs = []
    for seed in range(8):
        padded = np.pad(town(seed).labels == POLE, ((0, 0), (1, 1))).astype(np.int8)
        steps = np.diff(padded, axis=1)
        runs.append(np.argwhere(steps == -1)[:, 1] - np.argwhere(steps == 1)[:, 1])
    assert np.median(np.concatenate(runs)) <= 3


def test_colour_and_filters_have_a_ceiling_and_do_not_survive_nightfall():
    """The full measurement, eight and eight images and three draws, is ``data/results/low_level.csv``."""
    train = [town(seed, size=(96, 128)) for seed in range(6)]
    test = [town(seed, size=(96, 128)) for seed in range(2000, 2006)]
    dark = [town(seed, size=(96, 128), night=1) for seed in range(2000, 2006)]
    day, _ = low_level.iou(train, test, low_level.filters, 8)
    night, _ = low_level.iou(train, dark, low_level.filters, 8)
    assert 0.2 < np.nanmean(day) < 0.55
    assert np.nanmean(night) < 0.6 * np.nanmean(day)
    assert day[ROAD] > 0.4 and day[PERSON] < 0.1 and day[POLE] < 0.25


def test_the_course_never_tests_with_a_seed_it_trained_with():
    train, validation, test = (set(TOWN_SEEDS[part]) for part in ("train", "validation", "test"))
    assert not (train & validation or train & test or validation & test)


# --------------------------------------------------------------------------------------------- errors that help


@pytest.mark.parametrize("name", TOWN_KNOBS)
def test_a_knob_out_of_range_says_which_and_what_it_means(name):
    low, high, meaning = TOWN_KNOBS[name]
    for wrong in (low - 1, high * 2 + 1, np.nan):
        with pytest.raises(ValueError, match=name) as error:
            town(**{name: wrong})
        assert meaning in str(error.value)
    with pytest.raises(TypeError, match=name):
        town(**{name: "much"})


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"seed": -1}, ValueError, "negative"),
        ({"seed": 1.5}, TypeError, "whole number"),
        ({"size": 8}, ValueError, "at least 16"),
        ({"size": (64, 64, 3)}, TypeError, "height, width"),
    ],
)
def test_wrong_seeds_and_sizes_are_explained(arguments, error, words):
    with pytest.raises(error, match=words):
        town(**arguments)
