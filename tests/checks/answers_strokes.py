"""Answers to the exercises of lesson 07, by other methods than ours, and with other mistakes."""

import math

import numpy as np
from answers import right, wrong
from scipy import special
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupShuffleSplit, LeaveOneGroupOut

from course_utils.classic import softmax


@right("mean-loss")
def log_sum_exp(scores, labels):
    """No probability is computed at all."""
    return float(np.mean(special.logsumexp(scores, axis=1) - scores[np.arange(len(labels)), labels]))


@right("mean-loss")
def pixel_by_pixel(scores, labels):
    """A loop in plain Python."""
    total = 0.0
    for row, label in zip(scores.tolist(), labels.tolist(), strict=True):
        total += math.log(sum(math.exp(score - row[label]) for score in row))
    return total / len(labels)


@right("mean-loss")
def one_hot(scores, labels):
    truth = np.eye(scores.shape[1])[labels]
    return -(special.log_softmax(scores, axis=1) * truth).sum() / len(truth)


@wrong("mean-loss")
def overflows(scores, labels):
    """exp(800) is infinite."""
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return float(-np.log(p[np.arange(len(labels)), labels]).mean())


@wrong("mean-loss")
def whole_columns(scores, labels):
    """``p[:, labels]`` takes columns for all pixels, not one entry of each row."""
    return float(-np.log(special.softmax(scores, axis=1)[:, labels]).mean())


@wrong("mean-loss")
def sign_forgotten(scores, labels):
    return float(special.log_softmax(scores, axis=1)[np.arange(len(labels)), labels].mean())


@wrong("mean-loss")
def scores_for_probabilities(scores, labels):
    """Shares of the scores without the exponential."""
    p = np.abs(scores) / (np.abs(scores).sum(axis=1, keepdims=True) + 1e-9)
    return float(-np.log(p[np.arange(len(labels)), labels] + 1e-9).mean())


@right("gradient-step")
def sum_of_outer_products(weights, table, labels, rate):
    """Each pixel pulls by its features times what its probabilities are wrong by."""
    new = weights.copy()
    for features, label in zip(table, labels, strict=True):
        error = special.softmax(features @ weights)
        error[label] -= 1
        new -= rate / len(table) * np.outer(features, error)
    return new


@right("gradient-step")
def einsum(weights, table, labels, rate):
    error = special.softmax(table @ weights, axis=1) - (labels[:, None] == np.arange(weights.shape[1]))
    return weights - rate * np.einsum("nf,nk->fk", table, error) / len(table)


@right("gradient-step")
def of_the_library(weights, table, labels, rate):
    """The library takes the last row for offsets, which without penalty are like all weights."""
    return weights - rate * softmax.loss_and_gradient(weights, table, labels, 0.0)[1]


@wrong("gradient-step")
def in_place(weights, table, labels, rate):
    """The argument is changed."""
    weights -= rate * softmax.loss_and_gradient(weights, table, labels, 0.0)[1]
    return weights


@wrong("gradient-step")
def two_steps(weights, table, labels, rate):
    return of_the_library(of_the_library(weights, table, labels, rate), table, labels, rate)


@wrong("gradient-step")
def fixed_rate(weights, table, labels, rate):
    """The rate of the worked example, whatever is asked for."""
    return of_the_library(weights, table, labels, 3.0)


@wrong("gradient-step")
def turned(weights, table, labels, rate):
    """The gradient as (K, F)."""
    error = special.softmax(table @ weights, axis=1) - np.eye(weights.shape[1])[labels]
    return weights.T - rate * error.T @ table / len(table)


@right("split-by-picture")
def sets(pictures, share):
    numbers = sorted(set(pictures.tolist()))
    count = sorted((1, round(share * len(numbers)), len(numbers) - 1))[1]
    test = set(numbers[len(numbers) - count :])
    return np.array([number in test for number in pictures.tolist()])


@right("split-by-picture")
def ranks(pictures, share):
    numbers, rank = np.unique(pictures, return_inverse=True)
    count = np.clip(round(share * numbers.size), 1, numbers.size - 1)
    return rank >= numbers.size - count


@wrong("split-by-picture")
def drawn_by_lot(pictures, share):
    """Whole pictures, but other ones than those asked for."""
    splitter = GroupShuffleSplit(1, test_size=share, random_state=0)
    test = np.zeros(len(pictures), bool)
    try:
        test[next(splitter.split(pictures, groups=pictures))[1]] = True
    except ValueError:
        test[0] = True
    return test


@wrong("split-by-picture")
def every_second_row(pictures, share):
    return np.arange(len(pictures)) % 2 == 1


@wrong("split-by-picture")
def train_for_test(pictures, share):
    return ~ranks(pictures, share)


@wrong("split-by-picture")
def rounded_up(pictures, share):
    numbers = np.unique(pictures)
    count = min(math.ceil(share * len(numbers)), len(numbers) - 1)
    return np.isin(pictures, numbers[-count:])


@right("leave-one-out")
def of_scikit_learn(table, labels, pictures):
    """Other code for the split; the groups come sorted."""
    scores = []
    for train, test in LeaveOneGroupOut().split(table, labels, pictures):
        model = softmax.softmax_regression(table[train], labels[train])
        scores.append(float(np.mean(softmax.predict(model, table[test]) == labels[test])))
    return np.array(scores)


@right("leave-one-out")
def other_regression(table, labels, pictures):
    """scikit-learn's regression with the same penalty on standardised features."""
    scores = []
    for number in sorted(set(pictures.tolist())):
        rest = pictures != number
        mean, deviation = table[rest].mean(axis=0), table[rest].std(axis=0)
        model = LogisticRegression(C=1000 / rest.sum(), tol=1e-8, max_iter=5000)
        model.fit((table[rest] - mean) / deviation, labels[rest])
        scores.append(model.score((table[~rest] - mean) / deviation, labels[~rest]))
    return np.array(scores)


@wrong("leave-one-out")
def one_pixel_out(table, labels, pictures):
    """Leaves out a pixel, not a picture."""
    hits = []
    for row in range(len(table)):
        rest = np.arange(len(table)) != row
        model = softmax.softmax_regression(table[rest], labels[rest], steps=20)
        hits.append(softmax.predict(model, table[row : row + 1])[0] == labels[row])
    return np.array([np.mean(np.array(hits)[pictures == number]) for number in np.unique(pictures)])


@wrong("leave-one-out")
def by_appearance(table, labels, pictures):
    """The pictures in the order in which they are met."""
    order = [list(np.unique(pictures)).index(number) for number in dict.fromkeys(pictures.tolist())]
    return of_scikit_learn(table, labels, pictures)[order]


@wrong("leave-one-out")
def pooled(table, labels, pictures):
    """One number for all rows."""
    sizes = [np.sum(pictures == number) for number in np.unique(pictures)]
    return float(np.average(of_scikit_learn(table, labels, pictures), weights=sizes))


@right("binary-pattern")
def pixel_after_pixel(image):
    height, width = image.shape
    codes = np.zeros((height - 2, width - 2), int)
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            ring = [
                *image[y - 1, x - 1 : x + 2],
                image[y, x + 1],
                *image[y + 1, x - 1 : x + 2][::-1],
                image[y, x - 1],
            ]
            codes[y - 1, x - 1] = int("".join(str(int(v >= image[y, x])) for v in ring)[::-1], 2)
    return codes


@right("binary-pattern")
def windows(image):
    views = np.lib.stride_tricks.sliding_window_view(image, (3, 3))
    bits = views.reshape(*views.shape[:2], 9)[..., [0, 1, 2, 5, 8, 7, 6, 3]] >= views[..., 1, 1, None]
    return np.packbits(bits, axis=-1, bitorder="little")[..., 0].astype(int)


@wrong("binary-pattern")
def with_border(image):
    """The border is kept, the picture mirrored."""
    return pixel_after_pixel(np.pad(image, 1, mode="symmetric"))


@wrong("binary-pattern")
def four_neighbours(image):
    centre = image[1:-1, 1:-1]
    around = (image[:-2, 1:-1], image[1:-1, 2:], image[2:, 1:-1], image[1:-1, :-2])
    return sum((neighbour >= centre) * 2**bit for bit, neighbour in enumerate(around))


@wrong("binary-pattern")
def against_the_mean(image):
    """Compared with the mean of the window, not with its centre."""
    views = np.lib.stride_tricks.sliding_window_view(image, (3, 3))
    ring = views.reshape(*views.shape[:2], 9)[..., [0, 1, 2, 5, 8, 7, 6, 3]]
    return np.packbits(ring >= views.mean(axis=(2, 3))[..., None], axis=-1, bitorder="little")[..., 0].astype(
        int
    )
