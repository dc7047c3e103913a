"""The canals: the picture knows nothing of the detour, the truth is one piece, and so is all that could be true."""

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from course_utils.data import synthetic
from course_utils.data.synthetic.canals import CANAL_KNOBS, CANAL_SEEDS, LEAST, canals

SEEDS = st.integers(0, 10**6)
KNOBS = st.fixed_dictionaries(
    {"bend": st.floats(0, 10), "gap": st.floats(12, 24), "width": st.floats(2, 5), "noise": st.floats(0, 0.2)}
)
SIZE = (48, 40)
few = settings(max_examples=40, deadline=None)


@few
@given(SEEDS, KNOBS, st.floats(0, 1))
def test_any_knobs_give_an_eight_bit_image_and_a_canal_in_one_piece(seed, knobs, cover):
    sample = canals(seed, size=SIZE, cover=cover, **knobs)
    assert sample.image.shape == (*SIZE, 3) and sample.image.dtype == np.float64
    assert np.array_equal(np.round(sample.image * 255) / 255, sample.image)
    assert sample.labels.dtype == np.int32 and set(np.unique(sample.labels)) == {0, 1}
    assert ndimage.label(sample.labels, np.ones((3, 3)))[1] == 1
    assert sample.labels[:, 0].any() and sample.labels[:, -1].any()
    assert ndimage.label(sample.labels == 0)[1] == 2, "land above and below, and no hole"
    assert canals(seed, size=SIZE, cover=cover, **knobs).image.tobytes() == sample.image.tobytes()


@few
@given(SEEDS, KNOBS, st.floats(-1, 1), st.floats(-1, 1))
def test_under_the_cloud_the_image_does_not_depend_on_the_detour(seed, knobs, one, other):
    a, b = (canals(seed, size=SIZE, detour=share * knobs["bend"], **knobs) for share in (one, other))
    assert a.image.tobytes() == b.image.tobytes()
    assert not (a.labels != b.labels)[~a.hidden].any(), "outside of the cloud nothing is uncertain"
    assert np.array_equal(a.hidden, b.hidden)


@few
@given(SEEDS)
def test_without_a_cloud_the_detour_is_seen(seed):
    up, down = (canals(seed, cover=0, noise=0, detour=rows) for rows in (-6, 6))
    differ = up.labels != down.labels
    assert differ.any()
    change = abs(up.image - down.image).max(axis=2)
    assert np.median(change[differ]) > 0.1 > 0.02 > np.median(change[~differ])


@few
@given(SEEDS, st.floats(-7, 7))
def test_the_truth_is_that_of_its_detour_and_other_truths_can_be_drawn(seed, rows):
    sample = canals(seed, detour=rows)
    assert sample.detour == rows
    assert np.array_equal(sample.at(rows), sample.labels == 1)
    assert np.array_equal(canals(seed).at(rows), sample.labels == 1)
    top = np.argmax(sample.swing)
    middle = np.flatnonzero(sample.labels[:, top]).mean()
    assert middle == pytest.approx(sample.straight[top] + rows * sample.swing[top], abs=0.6)


@few
@given(SEEDS)
def test_the_chances_are_those_of_many_throws_and_the_likelier_class_is_torn(seed):
    sample = canals(seed)
    chances = sample.chances()
    rng = np.random.default_rng(seed)
    sides = rng.choice([-1, 1], 400) * rng.uniform(LEAST, 1, 400) * sample.bend
    assert abs(np.mean([sample.at(d) for d in sides], axis=0) - chances).max() < 0.15
    assert not (chances[:, np.argmax(sample.swing)] > 0.5).any()
    assert ndimage.label(chances > 0.5, np.ones((3, 3)))[1] == 2


def test_detours_go_up_and_down_alike_and_each_is_as_far_as_it_says():
    """Of 1000 fair coins a share of 0.5 ± 0.016 is expected."""
    detours = np.array([canals(seed).detour for seed in range(1000)])
    assert abs((detours > 0).mean() - 0.5) < 0.06
    assert abs(detours).min() >= LEAST * 7 and abs(detours).max() <= 7
    assert abs(detours).mean() == pytest.approx((1 + LEAST) / 2 * 7, abs=0.2)


@few
@given(SEEDS)
def test_a_knob_leaves_alone_what_it_does_not_mean(seed):
    plain = canals(seed)
    assert np.array_equal(canals(seed, noise=0.1).labels, plain.labels)
    assert np.array_equal(canals(seed, cover=0).labels, plain.labels)
    straight = canals(seed, bend=0)
    assert straight.detour == 0 and np.array_equal(straight.chances() > 0.5, straight.labels == 1)


def test_the_canals_are_those_of_the_lessons():
    """Recorded results show these: a change of the generator is a change of the lesson."""
    sample = canals(1)
    assert zlib.crc32(sample.labels.astype("<i4").tobytes()) == 2409531048
    assert 0.09 < np.mean([canals(seed).labels.mean() for seed in range(50)]) < 0.12
    assert 0.3 < np.mean([canals(seed).hidden.mean() for seed in range(50)]) < 0.4


def test_the_names_and_seeds_are_those_of_the_course():
    assert synthetic.canals is canals
    train, validation, test = (set(CANAL_SEEDS[part]) for part in ("train", "validation", "test"))
    assert not (train & validation or train & test or validation & test)


@pytest.mark.parametrize("name", CANAL_KNOBS)
def test_a_knob_out_of_range_says_which_and_what_it_means(name):
    low, high, meaning = CANAL_KNOBS[name]
    for wrong in (low - 1, high * 2 + 1, np.nan):
        with pytest.raises(ValueError, match=name) as error:
            canals(**{name: wrong})
        assert meaning in str(error.value)
    with pytest.raises(TypeError, match=name):
        canals(**{name: "much"})


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"seed": -1}, ValueError, "negative"),
        ({"size": 8}, ValueError, "at least 16"),
        ({"bend": 14}, ValueError, "rows.*has 32"),
        ({"gap": 28}, ValueError, "36 columns.*has 32"),
        ({"detour": 8}, ValueError, "±7"),
        ({"detour": np.nan}, ValueError, "detour"),
    ],
)
def test_wrong_arguments_are_explained(arguments, error, words):
    with pytest.raises(error, match=words):
        canals(**arguments)
