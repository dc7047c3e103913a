"""The grand comparison: every method answers, prices are counted, and rows taken over are those of their study."""

import numpy as np
import pytest
import torch

from course_utils import reckoning, scoreboard, study
from course_utils.studies import comparison, exams

ALL = [(name, method) for name, methods in comparison.METHODS.items() for method in methods]
ROWS = study.rows(comparison.NAME)


@pytest.fixture
def tiny(monkeypatch):
    """One picture a set, the smallest; a step of training."""
    some = {exam: (min(exam.pictures(), key=lambda p: p.truth.size),) for exam in exams.EXAMS.values()}
    monkeypatch.setattr(exams.Exam, "pictures", lambda self: some[self])
    monkeypatch.setattr(comparison, "TIMED_STEPS", 1)
    monkeypatch.setattr(comparison, "_taught", lambda learn, seed: learn(seed, steps=1, watch=False))
    monkeypatch.setattr(comparison.adversarial, "WARM_STEPS", 1)
    comparison._short.cache_clear()


@pytest.mark.parametrize(("name", "method"), ALL, ids=map("/".join, ALL))
def test_every_method_answers(name, method, tiny):
    row = comparison.run(0, name, method)
    entry = comparison.METHODS[name][method]
    assert tuple(row) == (*comparison.NUMBERS, "source")
    assert 0 <= row["quality"] <= 1 and row["milliseconds"] >= 0 and row["megabytes"] > 0
    assert (row["boundary_f"] >= 0) == (exams.EXAMS[name].tolerance is not None)
    learned = entry.given in ("pixels", "pictures")
    assert (row["taught"] > 0) == learned == (row["train_seconds"] > 0)
    assert (row["asked"] > 0) == (entry.given in ("which side", "box", "strokes"))


def test_the_same_seed_gets_the_same_score_and_strokes_differ_by_seed(tiny):
    one, again, other = (comparison.run(seed, "town", "watershed + strokes") for seed in (0, 0, 1))
    assert one["quality"] == again["quality"] != other["quality"] and one["asked"] == again["asked"]


def test_scores_that_were_recorded_are_those_of_their_study():
    taken = [row for row in ROWS if row["source"]]
    assert {row["source"] for row in taken} == {
        "networks", "skips", "few_skips", "few_mosaics", "ways_to_transfer", "canals",
    }  # fmt: skip
    for name, study_name, which, score in [
        ("town", "networks", {"net": "DeepLab"}, "miou"),
        ("nuclei", "skips", {"net": "all", "longer": 3}, "iou"),
        ("counted", "few_skips", {"net": "FCN-8s"}, "f1_50"),
        ("mosaics", "few_mosaics", {"way": "fine-tuned", "count": 10}, "miou"),
        ("canals", "canals", {"method": "λ = 0.3"}, "nearest"),
    ]:
        method = {"all": "U-Net, longer", "fine-tuned": "taught encoder", "λ = 0.3": "U-Net + judge"}
        wanted = next(iter(which.values()))
        ours = study.column(ROWS, "quality", set=name, method=method.get(wanted, wanted))
        assert np.array_equal(ours, study.column(study.rows(study_name), score, **which)[: len(ours)])


def test_photographs_are_scored_as_on_the_scoreboard_and_in_the_reckoning():
    board = {row.method: row for row in scoreboard._read(study.path_of("scoreboard"))}
    for row in ROWS:
        if row["set"] == "photos" and row["method"] in board:
            known = board[row["method"]]
            assert (row["quality"], row["boundary_f"]) == (known.photos_iou, known.photos_boundary_f)
    names = {
        "watershed + strokes": "marker watershed",
        "k-means + strokes": "k-means, k = 8",
        "mean shift + strokes": "mean shift",
        "forest + strokes": "forest, painted here",
    }
    reckoned = [row for row in reckoning.rows() if row["seed"] == 0]
    for ours, theirs in names.items():
        (score,) = study.column(ROWS, "quality", set="photos", method=ours)
        # There the pictures are of single precision.
        assert score == pytest.approx(reckoning.mean_score(reckoned, theirs, "photos"), abs=2e-3)


def test_one_name_is_one_method():
    for name in {method for _, method in ALL}:
        entries = [methods[name] for methods in comparison.METHODS.values() if name in methods]
        assert len({(entry.lesson, entry.given) for entry in entries}) == 1, name


def test_memory_of_a_network_is_its_weights_and_its_tensors():
    model = torch.nn.Conv2d(1, 2, 3, padding=1)
    found = comparison._answering(model, np.zeros((10, 20)), comparison._likeliest)
    weights = 4 * (2 * 9 + 2)
    assert found["megabytes"] >= (weights + 4 * 2 * 10 * 20) / 1e6 and found["milliseconds"] > 0


def test_arrays_are_counted_at_their_peak():
    def call():
        kept = np.zeros(10**6)
        np.zeros(10**6)
        return kept

    assert 16 <= comparison._arrays(call) < 17


def test_the_recorded_scores_can_be_made_again():
    """Where no training is needed; on another machine a network may differ in the last digits."""
    for name, method in [("nuclei", "Otsu"), ("counted", "Otsu, watershed"), ("canals", "k-means + strokes")]:
        (row,) = (r for r in ROWS if (r["set"], r["method"], r["seed"]) == (name, method, 0))
        again = comparison.run(0, name, method)
        assert again["quality"] == pytest.approx(row["quality"], abs=2e-3)
