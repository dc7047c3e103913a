"""Races of ``course_utils.classic.features`` and ``softmax`` against scikit-image and scikit-learn."""

import warnings
from functools import partial

import numpy as np
from skimage import feature, filters
from sklearn.linear_model import LogisticRegression

from benchmarks.classic import image, texture
from benchmarks.race import Race
from course_utils.classic import features as course
from course_utils.classic import softmax

SIZES = (0.25, 1, 4)  # megapixels: a stack of features is a hundred bytes a pixel
SCALES = (0.5, 1, 2, 4, 8, 16)
BORDER = 70  # scikit-image repeats the outermost pixel for its blur, ours reflects
PENALTY = 1e-3


def races():
    """All races of this suite, list of Race."""
    return [
        Race(
            "brightness, edges and Hessian at six scales, float32",
            partial(image, "float32"),
            {
                "course": lambda i: course.features(i, SCALES, ("gaussian", "gradient", "hessian")).values,
                "scikit-image": feature.multiscale_basic_features,
            },
            same_brightness_and_curvature,
        ),
        Race(
            "Hessian eigenvalues, σ = 2, float32",
            partial(image, "float32"),
            {
                "course": lambda i: np.stack(course.hessian_eigenvalues(i, 2)),
                "scikit-image": lambda i: feature.hessian_matrix_eigvals(
                    feature.hessian_matrix(i, 2, mode="reflect", use_gaussian_derivatives=False)
                ),
            },
            close,
        ),
        Race(
            "structure tensor's eigenvalues, σ = 2, float32",
            partial(image, "float32"),
            {
                "course": lambda i: np.stack(course.structure_tensor_eigenvalues(i, 2)),
                "scikit-image": lambda i: (
                    feature.structure_tensor_eigenvalues(feature.structure_tensor(i, 2, mode="reflect")) / 64
                ),
            },
            close,
        ),
        Race(
            "Gabor energy, frequency 0.1, 30°, float32",
            partial(image, "float32"),
            {
                "course": lambda i: course.gabor_energy(i, 0.1, np.pi / 6),
                "scikit-image": lambda i: np.hypot(*filters.gabor(i, 0.1, np.pi / 6)),
            },
            close,
        ),
        *[
            Race(
                f"local binary pattern, {points} points, uint8",
                partial(image, "uint8"),
                {
                    "course": lambda i, p=points, r=radius: course.local_binary_pattern(i, p, r),
                    "scikit-image": lambda i, p=points, r=radius: feature.local_binary_pattern(
                        i, p, r, "uniform"
                    ),
                },
                same_patterns,
            )
            for points, radius in ((8, 1.0), (24, 3.0))
        ],
        Race(
            "softmax regression, 12 features, 3 classes",
            pixels,
            {"course": fit, "scikit-learn": their_fit},
            same_loss,
            "Every sixteenth pixel is a point. Both descend by L-BFGS to a gradient below 10⁻⁴.",
        ),
    ]


def close(answers):
    first = answers["course"]
    for name, answer in answers.items():
        assert np.allclose(answer, first, atol=1e-5), f"{name} has another answer"


def same_brightness_and_curvature(answers):
    """The features that both define alike, away from the border: the Gaussian, and of the Hessian as given by σ²."""
    inner = (slice(BORDER, -BORDER),) * 2
    ours, theirs = (answers[name][inner] for name in ("course", "scikit-image"))
    for number, sigma in enumerate(SCALES):
        expected = theirs[..., 4 * number : 4 * number + 4] * [1, sigma / np.sqrt(2), sigma**2, sigma**2]
        rounding = (
            1e-6 * max(sigma, 1) ** 2
        )  # of float32, times the scale that the features are multiplied by
        assert np.allclose(ours[..., 4 * number : 4 * number + 4], expected, atol=rounding), f"σ = {sigma}"


def same_patterns(answers):
    """Away from the border; a tie may fall either way where scikit-image interpolates a flat place."""
    ours, theirs = (answers[name][4:-4, 4:-4] for name in ("course", "scikit-image"))
    assert np.mean(ours != theirs) < 0.02


def pixels(megapixels):
    """(features, labels): the stack at every fourth pixel of every fourth row, and three grey levels to tell."""
    values = course.features(texture(megapixels), SCALES, ("gaussian", "gradient", "hessian")).values
    labels = np.digitize(values[..., 12], [115, 140])[::4, ::4]
    return values[::4, ::4, :12].reshape(-1, 12).astype(np.float64), labels.ravel()


def fit(table, labels):
    model = softmax.softmax_regression(table, labels, PENALTY, tolerance=1e-4)
    return loss(model.weights, model.offsets, model, table, labels)


def their_fit(table, labels):
    scaled = (table - table.mean(axis=0)) / table.std(axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = LogisticRegression(C=1 / (len(labels) * PENALTY), tol=1e-4, max_iter=500).fit(scaled, labels)
    return loss(model.coef_.T, model.intercept_, None, scaled, labels)


def loss(weights, offsets, model, table, labels):
    scaled = table if model is None else (table - model.mean) / model.deviation
    stacked = np.column_stack([scaled, np.ones(len(scaled))])
    return softmax.loss_and_gradient(np.vstack([weights, offsets]), stacked, labels, PENALTY)[0]


def same_loss(answers):
    for name, answer in answers.items():
        assert abs(answer - answers["course"]) < 1e-3, f"{name} ends at another loss: {answers}"
