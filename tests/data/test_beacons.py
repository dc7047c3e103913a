"""The beacons: what is near a blob tells nothing, a bag of marks tells a known part, the row tells all."""

import zlib
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from course_utils.data import synthetic
from course_utils.data.synthetic.beacons import (
    BEACON_CLASSES,
    BEACON_KNOBS,
    BEACON_SEEDS,
    REACH,
    beacon,
    beacon_levels,
    blob_accuracy,
)

SEEDS = st.integers(0, 10**6)
KNOBS = st.fixed_dictionaries(
    {
        "pairs": st.integers(1, 4),
        "distance": st.integers(0, 30),
        "distractors": st.integers(0, 4),
        "diameter": st.sampled_from([5, 7, 9]),
        "noise": st.floats(0, 0.2),
    }
)

few = settings(max_examples=40)


@few
@given(SEEDS, KNOBS)
def test_any_knobs_give_an_eight_bit_image_and_a_truth_that_agrees_with_its_marks(seed, knobs):
    sample = beacon(seed, size=(48, 56), **knobs)
    assert sample.image.shape == (48, 56, 3) and sample.image.dtype == np.float64
    assert sample.labels.dtype == sample.target.dtype == np.int32
    assert np.array_equal(np.round(sample.image * 255) / 255, sample.image)
    assert sample.image.min() >= 0 and sample.image.max() <= 1
    assert [mark.blob for mark in sample.marks] == [
        *range(1, knobs["pairs"] + 1),
        *[0] * knobs["distractors"],
    ]
    assert np.array_equal(np.unique(sample.labels), np.arange(knobs["pairs"] + 1))
    assert np.array_equal(sample.target > 0, sample.labels > 0)
    for mark in sample.marks[: knobs["pairs"]]:
        assert set(sample.target[sample.labels == mark.blob]) == {mark.colour}
    assert beacon(seed, size=(48, 56), **knobs).image.tobytes() == sample.image.tobytes()


@few
@given(SEEDS, KNOBS)
def test_each_blob_is_one_piece_with_its_own_mark_and_no_other_in_its_rows(seed, knobs):
    sample = beacon(seed, size=(48, 56), **knobs)
    for blob in range(1, knobs["pairs"] + 1):
        mask = sample.labels == blob
        rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        assert np.ptp(rows) < knobs["diameter"] and np.ptp(columns) < knobs["diameter"]
        assert ndimage.label(mask)[1] == 1
        own = [mark.blob for mark in sample.marks if rows[0] <= mark.row <= rows[-1]]
        assert own == [blob]


def test_the_beacons_are_those_of_the_lessons():
    """Notebooks and recorded results show these: a change of the generator is a change of the lessons."""
    sample = beacon(1)
    assert zlib.crc32(sample.target.astype("<i4").tobytes()) == 2970203221
    assert (
        np.abs(sample.image[16, 10:12] - [[0.09804, 0.17255, 0.18039], [0.09804, 0.17255, 0.17647]]).max()
        <= 1 / 255 + 1e-9
    )


# ------------------------------------------------------------------------------------ chance: the local view


@few
@given(SEEDS, KNOBS)
def test_no_pixel_within_the_distance_of_a_blob_depends_on_its_class(seed, knobs):
    """Turn one mark's colour over: all that changes is farther than the distance. So a local view is at chance."""
    sample = beacon(seed, size=(48, 56), **knobs)
    colours = [mark.colour for mark in sample.marks]
    for mark in sample.marks[: knobs["pairs"]]:
        other = beacon(seed, size=(48, 56), colours=_turned(colours, mark.blob - 1), **knobs)
        changed = (other.image != sample.image).any(axis=2)
        assert changed[mark.row - 1 : mark.row + 2, mark.column - 1 : mark.column + 2].any()
        rows, columns = np.nonzero(changed)
        assert abs(rows - mark.row).max() <= REACH and abs(columns - mark.column).max() <= REACH
        mask = sample.labels == mark.blob
        assert ndimage.distance_transform_cdt(~mask, "chessboard")[changed].min() > knobs["distance"]
        assert (other.target[mask] == 3 - mark.colour).all()
        assert np.array_equal(other.target[~mask], sample.target[~mask])


def _turned(colours, index):
    return [3 - colour if place == index else colour for place, colour in enumerate(colours)]


def test_the_coins_are_fair_and_do_not_know_each_other():
    """Of 2000 throws a share of 0.5 ± 0.011 is expected; 0.04 is more than three times that."""
    coins = np.array([[mark.colour for mark in beacon(seed).marks] for seed in range(2000)]) - 1
    assert abs(coins.mean(axis=0) - 0.5).max() < 0.04
    assert abs(np.corrcoef(coins.T)[np.triu_indices(3, 1)]).max() < 0.08


def test_distances_vary_and_blobs_lie_on_either_side():
    gaps, sides = [], []
    for seed in range(200):
        sample = beacon(seed)
        for mark in sample.marks:
            columns = np.flatnonzero((sample.labels == mark.blob).any(axis=0))
            sides.append(mark.column > columns[-1])
            gaps.append(max(columns[0] - mark.column, mark.column - columns[-1]) - REACH)
    assert min(gaps) > 12 and max(gaps) >= 18
    assert abs(np.mean(sides) - 0.5) < 0.08


# ----------------------------------------------------------------------------------- what the oracles score


def _lamps(image):
    """The lamps seen in the picture: rows, columns and colours, brightest pixels of their surroundings."""
    bright = ndimage.gaussian_filter(image.sum(axis=2), 0.7)
    peaks = (bright == ndimage.maximum_filter(bright, 5)) & (image.max(axis=2) > 0.75)
    rows, columns = np.nonzero(peaks)
    tint = ndimage.gaussian_filter(image[..., 2] - image[..., 0], 1)[rows, columns]
    return rows, columns, np.where(tint > 0, 2, 1)


def _scores(labels, classes):
    """Scores (3, H, W) that say a class for each blob."""
    return np.eye(3)[np.array([0, *classes])[labels]].transpose(2, 0, 1)


def _bag_says(sample):
    _, _, colours = _lamps(sample.image)
    return [np.argmax(np.bincount(colours, minlength=3))] * sample.labels.max()


def _all_says(sample):
    rows, _, colours = _lamps(sample.image)
    middles = [np.mean(np.nonzero(sample.labels == blob)[0]) for blob in range(1, sample.labels.max() + 1)]
    return [colours[np.argmin(abs(rows - middle))] for middle in middles]


@pytest.mark.parametrize("distractors", [0, 3])
def test_a_bag_of_marks_reaches_its_level_and_who_knows_the_rows_all(distractors):
    """The oracles look at the pictures: so these hold what they must. Standard error over 500: 0.01."""
    right = {_bag_says: [], _all_says: []}
    for seed in range(500):
        sample = beacon(seed, distractors=distractors)
        for says, shares in right.items():
            shares.append(blob_accuracy(sample.target, _scores(sample.labels, says(sample))))
    known = beacon_levels(3, distractors)
    assert np.mean(right[_bag_says]) == pytest.approx(known.bag, abs=0.04)
    assert np.mean(right[_all_says]) > 0.99


@pytest.mark.parametrize(("pairs", "distractors"), [(1, 0), (2, 0), (3, 0), (3, 1), (3, 3), (4, 4)])
def test_the_level_of_the_bag_is_that_of_all_throws(pairs, distractors):
    """For each count of amber marks, the better of calling every blob amber and every blob blue; over all throws."""
    right = {}
    for throw in product((0, 1), repeat=pairs + distractors):
        right.setdefault(sum(throw), []).append(np.mean(throw[:pairs]))
    best = [max(sum(amber), len(amber) - sum(amber)) for amber in right.values()]
    chance, bag, solved = beacon_levels(pairs, distractors)
    assert (chance, solved) == (0.5, 1.0)
    assert bag == pytest.approx(sum(best) / 2 ** (pairs + distractors))


def test_only_the_two_colours_scores_at_the_blobs_count():
    target = np.array([[0, 1, 2], [2, 1, 0]])
    scores = np.zeros((3, 2, 3))
    scores[0] = 9
    scores[1, :, 1] = 1
    scores[2, :, 0] = scores[2, :, 2] = 0.5
    assert blob_accuracy(target, scores) == 1.0
    scores[1, 1, 0] = 0.6
    assert blob_accuracy(target, scores) == 0.75
    assert blob_accuracy(target[None], scores[None]) == 0.75
    assert np.isnan(blob_accuracy(np.zeros((2, 3), int), scores))
    with pytest.raises(ValueError, match=r"\(2, 2, 3\).*3, H, W"):
        blob_accuracy(target, scores[:2])


# ------------------------------------------------------------------------------------ each knob, and it alone


@few
@given(SEEDS)
def test_a_knob_leaves_alone_what_it_does_not_mean(seed):
    plain = beacon(seed, noise=0)
    assert np.array_equal(beacon(seed, noise=0.1).target, plain.target)
    far = beacon(seed, distance=16)
    assert [(mark.row, mark.colour) for mark in far.marks] == [(m.row, m.colour) for m in plain.marks]
    more = beacon(seed, distractors=3)
    assert [mark.colour for mark in more.marks[:3]] == [mark.colour for mark in plain.marks]
    sizes = [(beacon(seed, diameter=d, size=48).labels > 0).sum() for d in (5, 9, 13)]
    assert sizes == sorted(sizes) and sizes[0] < sizes[-1]


def test_a_blob_is_easy_to_find_but_not_by_a_threshold_alone():
    """A twelfth of the pixels; brighter than most of the sea."""
    samples = [beacon(seed) for seed in range(50)]
    blobs = np.concatenate([s.image[s.target > 0].mean(axis=1) for s in samples])
    sea = np.concatenate([s.image[s.target == 0].mean(axis=1) for s in samples])
    assert 0.07 < blobs.size / (blobs.size + sea.size) < 0.11
    assert np.median(blobs) > np.quantile(sea, 0.85)
    assert np.quantile(blobs, 0.1) < np.quantile(sea, 0.95)


def test_the_names_and_seeds_are_those_of_the_course():
    assert synthetic.beacon is beacon and len(BEACON_CLASSES) == 3
    train, validation, test = (set(BEACON_SEEDS[part]) for part in ("train", "validation", "test"))
    assert not (train & validation or train & test or validation & test)


# --------------------------------------------------------------------------------------------- errors that help


@pytest.mark.parametrize("name", BEACON_KNOBS)
def test_a_knob_out_of_range_says_which_and_what_it_means(name):
    low, high, meaning = BEACON_KNOBS[name]
    for wrong in (low - 1, high * 2 + 1, np.nan):
        with pytest.raises(ValueError, match=name) as error:
            beacon(**{name: wrong})
        assert meaning in str(error.value)
    with pytest.raises(TypeError, match=name):
        beacon(**{name: "much"})


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"seed": -1}, ValueError, "negative"),
        ({"size": 8}, ValueError, "at least 16"),
        ({"diameter": 6}, ValueError, "odd"),
        ({"pairs": 2.5}, ValueError, "pairs must be a whole number"),
        ({"pairs": 5}, ValueError, "35 rows.*has 32"),
        ({"distance": 19}, ValueError, "33 columns.*has 32"),
        ({"colours": (1, 2)}, ValueError, "3 numbers"),
        ({"colours": (0, 1, 2)}, ValueError, "amber"),
    ],
)
def test_wrong_arguments_are_explained(arguments, error, words):
    with pytest.raises(error, match=words):
        beacon(**arguments)
