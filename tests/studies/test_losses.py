"""Lesson 13's losses on streets: a fair choice, tuned decisions, and recipes against overfitting."""

import numpy as np
import pytest

from course_utils import metrics, study
from course_utils.studies import losses


@pytest.fixture
def brief(monkeypatch):
    """Trainings of two steps on a few streets, chosen by trials that were never made."""
    monkeypatch.setattr(losses, "STEPS", 2)
    monkeypatch.setattr(losses, "REGULAR_STEPS", 2)
    monkeypatch.setattr(losses, "CROP", 32)
    for name in ("LEARNED", "VALIDATION", "EXAM"):
        monkeypatch.setattr(losses, name, getattr(losses, name)[:2])
    tried = [
        {"loss": loss, "trial_0": 0.1, "trial_1": 0.4, "trial_2": 0.2, "trial_3": 0.3}
        for loss in losses.LOSSES
    ]
    monkeypatch.setattr(losses, "rows", lambda name: tried)
    losses.prices.cache_clear()
    yield
    losses.prices.cache_clear()


@pytest.mark.parametrize("name", ["loss_trials", "losses", "closer_losses", "by_heart"])
def test_runs_of_a_study_of_losses_have_the_same_columns_and_numbers_again(brief, name):
    found = study.STUDIES[name]
    first, last = found.configurations[1], found.configurations[-1]
    rows = [found.run(seed=0, **configuration) for configuration in (first, last, first)]
    assert list(rows[1]) == list(rows[0])
    assert rows[2] == pytest.approx(rows[0], nan_ok=True)
    assert all(isinstance(value, float) for value in rows[0].values())


@pytest.mark.parametrize("recipe", losses.RECIPES)
def test_each_recipe_teaches(brief, recipe):
    row = losses._regularised(0, recipe, 3)
    assert all(np.isfinite(value) for value in row.values())
    assert row == pytest.approx(losses._regularised(0, recipe, 3))


@pytest.mark.parametrize("loss", losses.LOSSES)
def test_each_loss_has_four_trials_and_takes_the_best(brief, loss):
    assert len(set(losses.trials(loss))) == 4
    assert losses.chosen(loss) == losses.trials(loss)[1]
    _, history = losses.learn(loss, watch=False)
    assert history.steps == 2 and np.isfinite(history.losses).all()


def test_nobody_chooses_on_what_is_asked_about_later():
    learned, chosen, asked = map(set, (losses.LEARNED, losses.VALIDATION, losses.EXAM))
    assert not learned & chosen and not (learned | chosen | set(range(100))) & asked
    assert losses.TRIAL_SEED not in study.STUDIES["losses"].seeds


def planted(rng, count=2, size=30):
    """Honest probabilities, and targets drawn from them; two classes are rare."""
    common = (
        rng.normal(0, 2, (count, losses.CLASSES, size, size))
        - np.array([0, 0, 0, 0, 0, 4, 3, 0])[:, None, None]
    )
    probabilities = np.exp(common) / np.exp(common).sum(axis=1, keepdims=True)
    draws = rng.random((count, 1, size, size))
    return probabilities, (probabilities.cumsum(axis=1) < draws).sum(axis=1).clip(max=7)


def test_shifts_never_make_the_mean_iou_worse_where_they_are_tuned():
    for seed in range(5):
        probabilities, targets = planted(np.random.default_rng(seed))
        before, after = (
            metrics.mean_iou(metrics.confusion_matrix(targets, losses.decided(probabilities, shift), 8))
            for shift in (0, losses.shifts(probabilities, targets))
        )
        assert after > before + 0.01


def test_shifts_undo_what_weights_have_done():
    """Weights w turn honest probabilities p into w p; tuned, both lead to about the same answers."""
    probabilities, targets = planted(np.random.default_rng(0), count=4)
    weights = np.array([1, 1, 2, 1, 1, 30, 10, 1.0])[:, None, None]
    weighted = probabilities * weights / (probabilities * weights).sum(axis=1, keepdims=True)
    plain, other = (
        metrics.mean_iou(metrics.confusion_matrix(targets, losses.decided(p, losses.shifts(p, targets)), 8))
        for p in (probabilities, weighted)
    )
    assert other == pytest.approx(plain, abs=0.01)
    np.testing.assert_array_equal(
        losses.decided(weighted, -np.log(weights.ravel())), losses.decided(probabilities)
    )


def test_scores_of_the_truth_are_perfect():
    _, targets = losses.streets(losses.EXAM[:1])
    targets = np.stack(targets)
    sure = np.moveaxis(np.eye(8, dtype=np.float32)[targets], -1, 1)
    found = losses.scores(sure, targets, np.zeros(8))
    assert found["ece"] == 0 and found["said_pole"] == 1
    assert found["plain_miou"] == found["tuned_miou"] == found["plain_boundary"] == 1
