"""Softmax regression against scikit-learn, finite differences and its own promise to descend."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from course_utils.classic import softmax

SEEDS = st.integers(0, 2**32 - 1)


def points(seed, classes=3, count=120, width=5):
    """Overlapping Gaussian clouds, of features with different units: (features, labels)."""
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), rng.integers(0, classes, count - classes)])
    features = rng.normal(0, 1.5, (classes, width))[labels] + rng.normal(size=(count, width))
    return features * 10.0 ** rng.integers(-3, 4, width) + rng.normal(0, 5, width), labels


@settings(max_examples=15)
@given(SEEDS, st.integers(3, 5), st.sampled_from([1e-3, 1e-2, 1.0]))
def test_the_loss_equals_scikit_learn(seed, classes, penalty):
    features, labels = points(seed, classes)
    model = softmax.softmax_regression(features, labels, penalty, tolerance=1e-8)
    table = (features - model.mean) / model.deviation
    theirs = LogisticRegression(C=1 / (len(labels) * penalty), tol=1e-9, max_iter=5000).fit(table, labels)
    weights = np.vstack([theirs.coef_.T, theirs.intercept_])
    loss, _ = softmax.loss_and_gradient(
        weights, np.column_stack([table, np.ones(len(table))]), labels, penalty
    )
    assert model.losses[-1] == pytest.approx(loss, abs=1e-7)
    assert np.allclose(softmax.probabilities(model, features), theirs.predict_proba(table), atol=1e-3)


@settings(max_examples=25)
@given(SEEDS, st.integers(2, 4))
def test_the_gradient_is_that_of_the_loss(seed, classes):
    _, labels = points(seed, classes, 30, 3)
    rng = np.random.default_rng(seed)
    table = np.column_stack([rng.normal(size=(30, 3)), np.ones(30)])
    weights = rng.normal(size=(4, classes))
    _, gradient = softmax.loss_and_gradient(weights, table, labels, 0.1)
    for i in np.ndindex(weights.shape):
        step = np.zeros_like(weights)
        step[i] = 1e-6
        up, _ = softmax.loss_and_gradient(weights + step, table, labels, 0.1)
        down, _ = softmax.loss_and_gradient(weights - step, table, labels, 0.1)
        assert gradient[i] == pytest.approx((up - down) / 2e-6, abs=1e-7)


@settings(max_examples=25)
@given(SEEDS, st.integers(2, 4), st.sampled_from([0, 1e-3, 1.0]))
def test_the_loss_never_rises_and_ends_flat(seed, classes, penalty):
    features, labels = points(seed, classes)
    model = softmax.softmax_regression(features, labels, penalty)
    assert (np.diff(model.losses) <= 0).all()
    assert model.losses[0] == pytest.approx(np.log(classes))
    found = softmax.probabilities(model, features)
    assert found.shape == (len(labels), classes)
    assert np.allclose(found.sum(axis=1), 1) and found.min() >= 0


def test_units_and_names_of_the_classes_do_not_matter():
    features, labels = points(0)
    one = softmax.softmax_regression(features, labels)
    other = softmax.softmax_regression(features * 1000 + 7, np.array([7, 9, 30])[labels])
    assert np.allclose(
        softmax.probabilities(one, features), softmax.probabilities(other, features * 1000 + 7), atol=1e-6
    )
    assert np.array_equal(
        np.array([7, 9, 30])[softmax.predict(one, features)], softmax.predict(other, features * 1000 + 7)
    )


@pytest.mark.parametrize("unit", [1e200, 1e-200])
def test_features_whose_squares_no_float_holds_are_learned_like_others(unit):
    features, labels = points(0)
    one, other = (softmax.softmax_regression(table, labels) for table in (features, features * unit))
    assert other.losses[-1] == pytest.approx(one.losses[-1], rel=1e-6)
    assert np.allclose(other.deviation, one.deviation * unit, rtol=1e-12)


def test_two_classes_of_one_feature_meet_half_way():
    model = softmax.softmax_regression([[0.0], [1.0]], [0, 1], 0.1)
    assert softmax.predict(model, [[0.4], [0.6]]).tolist() == [0, 1]
    assert np.allclose(softmax.probabilities(model, [[0.5]]), 0.5)


def test_constant_features_do_no_harm():
    features, labels = points(0)
    constant = np.column_stack([features, np.full(len(labels), 0.1)])
    model = softmax.softmax_regression(constant, labels)
    assert np.allclose(model.weights[-1], 0)
    assert model.losses[-1] == pytest.approx(softmax.softmax_regression(features, labels).losses[-1])


def test_input_is_left_as_it_was_and_bad_input_gets_a_clear_error():
    features, labels = points(0)
    before = features.copy()
    model = softmax.softmax_regression(features, labels)
    assert np.array_equal(features, before)
    for bad, message in (
        (features[0], r"shape \(n, F\)"),
        (features[:0], r"shape \(n, F\)"),
        (features * np.nan, "NaN"),
    ):
        with pytest.raises(ValueError, match=message):
            softmax.softmax_regression(bad, labels)
    with pytest.raises(TypeError, match="real numbers"):
        softmax.softmax_regression(features.astype(complex), labels)
    with pytest.raises(ValueError, match="only the class"):
        softmax.softmax_regression(features, 0 * labels)
    with pytest.raises(ValueError, match="120 integers"):
        softmax.softmax_regression(features, labels[1:])
    with pytest.raises(ValueError, match="penalty must be"):
        softmax.softmax_regression(features, labels, -1)
    with pytest.raises(ValueError, match="must have 5 columns"):
        softmax.probabilities(model, features[:, 1:])
