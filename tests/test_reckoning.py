"""The reckoning: the task is what it says, nobody is examined on what was painted, recorded rows can be made again."""

import numpy as np
import pytest

from course_utils import reckoning, study
from course_utils.data import synthetic

METHODS, RECORDED = reckoning.METHODS, reckoning.rows()


def test_the_sets_are_the_scoreboards_and_the_test_halves_of_the_generators():
    assert [kind for kind, _ in reckoning.catalogue().values()] == sorted(
        (kind for kind, _ in reckoning.catalogue().values()), key=reckoning.SETS.index
    )
    for name, (kind, _) in reckoning.catalogue().items():
        item = reckoning.find(name)
        assert (item.name, item.set) == (name, kind)
        assert item.mask.dtype == bool and 0.01 < item.mask.mean() < 0.99, name


def test_the_streets_are_the_first_with_enough_car():
    car = synthetic.TOWN_CLASSES.index("car")
    seeds = range(reckoning.TOWN[0], reckoning.TOWN[-1] + 1)
    assert seeds[0] == synthetic.TOWN_SEEDS["test"][0]
    shares = {seed: (synthetic.town(seed).labels == car).mean() for seed in seeds}
    assert tuple(seed for seed, share in shares.items() if share >= 0.03) == reckoning.TOWN


def test_a_mosaics_object_is_no_brighter_than_the_rest():
    for seed in reckoning.MOSAICS:
        item = reckoning.find(f"mosaic {seed}")
        assert abs(np.median(item.image[item.mask]) - np.median(item.image[~item.mask])) < 0.01, seed


def test_a_change_changes_the_picture_and_only_a_smaller_one_its_truth():
    plain = reckoning.changed("coffee")
    for change in reckoning.CHANGES:
        item = reckoning.changed("coffee", change, 1)
        assert item.image.shape[:2] == item.mask.shape and 0 <= item.image.min() <= item.image.max() <= 1
        if change == "half":
            assert item.mask.shape == (200, 300)
            assert abs(item.mask.mean() - plain.mask.mean()) < 0.005
        else:
            assert np.array_equal(item.mask, plain.mask)
            assert np.array_equal(item.image, plain.image) == (change == "as it is")


def test_chance_is_in_light_and_noise_alone_and_the_same_for_the_same_seed():
    for change in reckoning.CHANGES:
        one, again, other = (reckoning.Task("horse", change, seed).image for seed in (1, 1, 2))
        assert np.array_equal(one, again)
        assert np.array_equal(one, other) == (change not in reckoning.RANDOM)


def test_strokes_lie_on_what_they_say_and_leave_most_to_be_found():
    for name in ("rocket", "page", "nuclei 900"):
        task = reckoning.Task(name, seed=2)
        assert task.item.mask[task.strokes == 1].all() and not task.item.mask[task.strokes == 2].any()
        assert 0 < (task.strokes > 0).mean() < 0.05


def test_what_was_painted_is_not_examined(monkeypatch):
    def cheat(task):
        """Right on the strokes, wrong elsewhere."""
        return np.where(task.strokes > 0, task.item.mask, ~task.item.mask)

    monkeypatch.setitem(reckoning.METHODS, "cheat", reckoning.Entrant(cheat, "07", "strokes"))
    assert reckoning.run(0, "photos", "coins", "as it is", "cheat") == {"iou": 0.0}


def test_regions_are_named_by_their_strokes_and_those_without_by_their_colour():
    regions = np.array([[0, 0, 1, 1, 2, 3]])
    colours = np.array([[9.0, 9, 1, 1, 8, 2]])[..., None]
    strokes = np.array([[1, 1, 2, 0, 0, 0]])
    assert reckoning.named(regions, colours, strokes).tolist() == [[1, 1, 2, 2, 1, 2]]
    several = np.array([[1, 0, 5, 0, 0, 3]])
    assert reckoning.named(regions, colours, several).tolist() == [[1, 1, 5, 5, 1, 3]]


def test_a_share_of_the_strokes_counts_not_their_number():
    regions = np.array([[0, 0, 0, 1, 1]])
    strokes = np.array([[1, 2, 2, 2, 2]])  # all of the object's strokes, half of the background's
    assert reckoning.named(regions, np.zeros((1, 5, 1)), strokes).tolist() == [[1] * 3 + [2] * 2]
    equal = np.array([[1, 1, 2, 2, 0]])
    assert reckoning.named(np.zeros((1, 5), int), np.zeros((1, 5, 1)), equal).tolist() == [[2] * 5]


def test_a_box_around_everything_says_nothing():
    assert METHODS["GrabCut"].segment(reckoning.Task("nuclei 900")).all()


@pytest.mark.parametrize("method", METHODS)
def test_every_method_answers_with_a_mask(method):
    task = reckoning.Task("mosaic 200", seed=1)
    answer = METHODS[method].segment(task)
    assert answer.dtype == bool and answer.shape == task.item.mask.shape


def test_the_runs_are_each_once_and_only_chance_is_repeated():
    runs = reckoning.STUDY.runs()
    keys = [(*configuration.values(), seed) for configuration, seed in runs]
    assert len(set(keys)) == len(keys)
    for configuration, seed in runs:
        assert seed in METHODS[configuration["method"]].seeds
        assert (configuration["set"] == "photos") or configuration["change"] == "as it is"


@pytest.mark.skipif(not RECORDED, reason="nothing was recorded yet")
def test_what_ships_is_complete():
    keys = {study._key(row) for row in RECORDED}
    assert keys == {study._key(study._row(reckoning.STUDY, *run)) for run in reckoning.STUDY.runs()}
    assert len(RECORDED) == len(keys)


@pytest.mark.parametrize("row", [r for r in RECORDED if r["picture"] in ("chelsea", "mosaic 202")][::9])
def test_what_ships_comes_from_this_code(row):
    picture = {name: row[name] for name in ("set", "picture", "change", "method")}
    assert reckoning.run(row["seed"], **picture)["iou"] == pytest.approx(row["iou"], abs=2e-3)


def test_scores_are_means_over_seeds_and_then_over_pictures():
    recorded = [
        {"set": "town", "picture": name, "change": "as it is", "method": "Otsu", "seed": seed, "iou": iou}
        for name, seed, iou in (("a", 0, 0.2), ("a", 1, 0.4), ("b", 0, 0.9))
    ]
    assert reckoning.scores(recorded, "Otsu", "town") == pytest.approx({"a": 0.3, "b": 0.9})
    assert reckoning.mean_score(recorded, "Otsu", "town") == pytest.approx(0.6)
    assert np.isnan(reckoning.mean_score(recorded, "Otsu", "nuclei"))


def test_a_picture_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"no picture 'dog'; there are coins"):
        reckoning.find("dog")
