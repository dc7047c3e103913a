"""Softmax regression: from features to the probability of each class by one matrix, found by descent.

The insight: let each class score a pixel by a weighted sum of its features, and let the scores compete: e^score over
the sum of all. What makes the labels most likely is sought in a bowl without side valleys: with a penalty on large
weights it has one bottom, and walking downhill ends there from everywhere (the offsets may all rise by one number,
which changes no probability). Without one, classes that a line can part pull the weights ever further. It is the last
layer of nearly every network. Taught in lessons 07 and 08.
"""

import math
from typing import NamedTuple

import numpy as np

REMEMBERED = 10  # steps that the descent learns the bowl's curvature from
ARMIJO = 1e-4  # share of the promised fall that a step must keep


class Softmax(NamedTuple):
    """A fitted softmax regression, by ``softmax_regression``."""

    weights: np.ndarray  #: float64 (F, K), for standardised features
    offsets: np.ndarray  #: float64 (K,)
    mean: np.ndarray  #: float64 (F,), subtracted from the features …
    deviation: np.ndarray  #: float64 (F,), … which are then divided by this; 1 where a feature is constant
    classes: np.ndarray  #: int64 (K,), the labels, rising
    losses: np.ndarray  #: float64 (steps + 1,), before the first step and after each; never rises


def softmax_regression(features, labels, penalty=1e-3, *, steps=500, tolerance=1e-6):
    """Fit the weights that give the labels the least mean cross-entropy, with a penalty on large weights.

    loss = − mean log p(label | features) + penalty / 2 · Σ weights². The offsets are not penalised.

    1. Standardise each feature to mean 0 and deviation 1: a penalty, and a step, means the same to all.
    2. Loss and gradient over all points (``loss_and_gradient``): features · (probability − truth).
    3. Direction: the negative gradient, stretched by the curvature that the last ten steps revealed (L-BFGS).
    4. Halve the step until the loss falls by a fair share of what the slope promised; go; repeat from 2.
    5. Stop when no entry of the gradient exceeds ``tolerance``, or no step lowers the loss.

    Parameters: features, float (n, F), finite; labels, integers (n,), at least two different ones; penalty, 0 or more
    (scikit-learn's C is 1 / (n · penalty)); steps, at most so many.
    Returns: Softmax. Raises TypeError or ValueError for bad features, labels or parameters.
    Cost: 4 n F K operations a step.

    Reference: Hastie, Tibshirani & Friedman, The Elements of Statistical Learning, Springer, 2009, section 4.4,
    doi:10.1007/978-0-387-84858-7; Liu & Nocedal, On the limited memory BFGS method, Mathematical Programming 45, 1989,
    doi:10.1007/BF01589116 (step 3). Lessons 07 and 08.
    """
    features, labels = _table(features), np.asarray(labels)
    if labels.dtype.kind not in "iu" or labels.shape != (len(features),):
        raise ValueError(
            f"labels must be {len(features)} integers, one a row of features, not {labels.dtype} of {labels.shape}"
        )
    for name, value in (("penalty", penalty), ("tolerance", tolerance)):
        if not (np.isscalar(value) and 0 <= value < math.inf):
            raise ValueError(f"{name} must be a number, 0 or more, not {value!r}")
    classes, targets = np.unique(labels, return_inverse=True)
    if classes.size < 2:
        raise ValueError(
            f"labels has only the class {classes.tolist()}; there must be at least two to tell apart"
        )
    mean, deviation = _moments(features)
    deviation[deviation <= 1e-12 * np.abs(mean)] = 1
    table = np.column_stack([(features - mean) / deviation, np.ones(len(features))])
    weights, losses = _descend(table, targets, classes.size, penalty, steps, tolerance)
    return Softmax(weights[:-1], weights[-1], mean, deviation, classes.astype(np.int64), np.array(losses))


def loss_and_gradient(weights, table, targets, penalty):
    """Mean cross-entropy with penalty, and its gradient.

    Parameters: weights, float64 (F + 1, K), the last row the offsets; table, float64 (n, F + 1), whose last column is
    1; targets, int (n,), 0 … K − 1; penalty.
    Returns: (loss, gradient (F + 1, K)).
    """
    points = np.arange(len(table))
    scores = weights.T @ table.T  # a class a row: what follows runs along the points, in memory's order
    scores -= scores.max(axis=0)  # changes no probability, and no exponential overflows
    shares = np.exp(scores)
    totals = shares.sum(axis=0)
    loss = (np.log(totals) - scores[targets, points]).mean()
    shares /= totals
    shares[targets, points] -= 1
    gradient = (shares @ table).T / len(table)
    gradient[:-1] += penalty * weights[:-1]
    return loss + penalty / 2 * (weights[:-1] ** 2).sum(), gradient


def probabilities(model, features):
    """Probability of each class: float64 (n, K), rows sum to 1, columns as ``model.classes``.

    Parameters: model, of ``softmax_regression``; features, float (n, F). Raises ValueError for another F or NaN.
    """
    features = _table(features)
    if features.shape[1] != model.mean.size:
        raise ValueError(
            f"features must have {model.mean.size} columns, as in the fit, not {features.shape[1]}"
        )
    scores = (features - model.mean) / model.deviation @ model.weights + model.offsets
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    return scores / scores.sum(axis=1, keepdims=True)


def predict(model, features):
    """The likeliest class of each row of features: int64 (n,). Parameters and errors as for ``probabilities``."""
    return model.classes[probabilities(model, features).argmax(axis=1)]


def _descend(table, targets, classes, penalty, steps, tolerance):
    weights = np.zeros((table.shape[1], classes))
    loss, gradient = loss_and_gradient(weights, table, targets, penalty)
    losses, memory = [loss], []
    for _ in range(steps):
        if np.abs(gradient).max() <= tolerance:
            break
        direction = _stretched(-gradient, memory)
        slope = (direction * gradient).sum()
        if slope >= 0:  # rounding has spoilt the memory: plain descent
            direction, slope, memory = -gradient, -(gradient**2).sum(), []
        length = 1.0
        while True:
            new_loss, new_gradient = loss_and_gradient(weights + length * direction, table, targets, penalty)
            if new_loss <= loss + ARMIJO * length * slope:
                break
            length /= 2
            if length < 1e-12:
                return weights, losses
        move, change = length * direction, new_gradient - gradient
        if (curvature := (move * change).sum()) > 1e-14 * (change**2).sum():
            memory = [*memory[1 - REMEMBERED :], (move, change, curvature)]
        weights, loss, gradient = weights + move, new_loss, new_gradient
        losses.append(loss)
    return weights, losses


def _stretched(vector, memory):
    """The product of the vector with the inverse curvature that the remembered (move, change) pairs reveal."""
    vector, shares = vector.copy(), []
    for move, change, curvature in reversed(memory):
        shares.append((move * vector).sum() / curvature)
        vector -= shares[-1] * change
    if memory:
        _, change, curvature = memory[-1]
        vector *= curvature / (change**2).sum()
    for (move, change, curvature), share in zip(memory, reversed(shares), strict=True):
        vector += (share - (change * vector).sum() / curvature) * move
    return vector


def _moments(features):
    """Mean and deviation of each column, computed near 1, so that the squares of no number are too large or small."""
    _, power = np.frexp(np.abs(features).max(axis=0))
    near = np.ldexp(features, -power)  # a power of two: exact
    return np.ldexp(near.mean(axis=0), power), np.ldexp(near.std(axis=0), power)


def _table(features):
    table = np.asarray(features)
    if table.dtype.kind not in "buif":
        raise TypeError(f"features must be an array of real numbers, not of {table.dtype}")
    if table.ndim != 2 or 0 in table.shape:
        raise ValueError(
            f"features must have shape (n, F), one row for each point, not {table.shape}; "
            "of an image's features take values[mask] or values.reshape(-1, F)"
        )
    table = table.astype(np.float64)
    if not np.isfinite(table).all():
        raise ValueError("features has NaN or infinity; see numpy.nan_to_num")
    return table
