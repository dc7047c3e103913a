"""Lesson 10's networks on nuclei, rims and instances, deep stacks, and the studies."""

import numpy as np
import pytest
import torch

from course_utils import study
from course_utils.studies import skips, upsampling


@pytest.fixture
def brief(monkeypatch):
    """Trainings of two steps, on two pictures and one test picture a kind."""
    for module, values in {
        skips: {"NUCLEI_STEPS": 2, "DEEP_STEPS": 2},
        upsampling: {"STREET_STEPS": 2, "STREETS": 2, "STREET_EXAM": upsampling.STREET_EXAM[:1]},
    }.items():
        for name, value in values.items():
            monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(skips, "NUCLEI", skips.NUCLEI | {"train": range(100, 102), "test": range(300, 301)})
    skips.unseen.cache_clear()
    yield
    skips.unseen.cache_clear()


@pytest.mark.parametrize("name", ["skips", "few_skips", "seams", "street_skips", "deep_stacks"])
def test_runs_of_a_study_of_skips_have_the_same_columns_and_numbers_again(brief, name):
    found = study.STUDIES[name]
    first, last = found.configurations[0], found.configurations[-1]
    rows = [found.run(seed=0, **configuration) for configuration in (first, last, first)]
    assert list(rows[1]) == list(rows[0])
    assert rows[2] == pytest.approx(rows[0])
    assert all(isinstance(value, float) for value in rows[0].values())


def test_no_picture_of_nuclei_is_learned_from_and_asked_about():
    seeds = skips.NUCLEI
    learned = {1000 * seed + number for seed in range(study.MOST_SEEDS) for number in seeds["train"]}
    assert not learned & {*seeds["validation"], *seeds["test"]}
    assert not {*seeds["validation"]} & {*seeds["test"]}


TOUCHING = np.zeros((12, 20), np.int32)
TOUCHING[2:10, 2:10], TOUCHING[2:10, 10:18] = 1, 2


def test_a_rim_runs_between_objects_that_touch_and_not_along_the_frame():
    classes = skips.rim_classes(TOUCHING, width=1)
    assert classes.dtype == np.uint8
    assert (classes[5] == [0, 0, 2, 1, 1, 1, 1, 1, 1, 2, 2, 1, 1, 1, 1, 1, 1, 2, 0, 0]).all()
    assert (skips.rim_classes(np.ones((6, 6), np.int32)) == 1).all()
    assert np.flatnonzero(skips.seam(TOUCHING, width=1)[5]).tolist() == [9, 10]
    assert not skips.seam((TOUCHING > 0).astype(np.int32)).any()


def test_instances_fill_the_mask_and_are_parted_where_the_rim_has_a_gap():
    classes = skips.rim_classes(TOUCHING)
    assert (np.unique(skips.instances(classes)[classes > 0]) > 0).all()
    classes[5:7, 8:12] = 1  # a gap of two pixels
    found = skips.instances(classes)
    assert ((found > 0) == (classes > 0)).all()
    assert len({found[5, 4], found[5, 15]}) == 2
    assert skips.instances(np.zeros((4, 5), np.uint8)).max() == 0
    assert skips.instances(np.full((4, 5), 2, np.uint8)).max() == 1


def test_true_classes_score_1_but_for_their_islands():
    (sample,) = skips.nuclei([300])
    scores = skips.nuclei_scores([sample], [skips.rim_classes(sample.labels)])
    assert (scores["iou"], scores["boundary_f"], scores["seams"]) == (1, 1, 1)
    assert scores["f1_50"] > 0.95
    assert scores["islands_50"] < 0.9


def test_residual_changes_that_start_at_zero_let_the_gradient_through():
    batch = torch.randint(256, (2, 1, 16, 16)), torch.randint(3, (2, 16, 16))
    torch.manual_seed(0)
    first = {kind: skips.gradients(skips.stack(12, kind), batch)[0] for kind in ("plain", "residual from 0")}
    assert first["residual from 0"] > 10 * first["plain"]
