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


@wrong("mean-loss")
def logarithm_of_noughts(scores, labels):
    truth = special.softmax(scores, axis=1) * (labels[:, None] == np.arange(scores.shape[1]))
    with np.errstate(divide="ignore"):
        return -np.log(truth).mean()


@wrong("mean-loss")
def binary_cross_entropies(scores, labels):
    """As if each class were a yes-or-no question of its own."""
    p = special.softmax(scores, axis=1)
    p[np.arange(len(labels)), labels] = 1 - p[np.arange(len(labels)), labels]
    return -np.log1p(-p).sum() / len(labels)


@wrong("mean-loss")
def counted_from_one(scores, labels):
    return log_sum_exp(scores, labels - 1)


@wrong("mean-loss")
def never_divided(scores, labels):
    return float(np.mean(scores.max(axis=1) - scores[np.arange(len(labels)), labels]))


@wrong("mean-loss")
def competing_pixels(scores, labels):
    """The exponentials as given, row by row, then sums down the columns."""
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    return -np.log((p / p.sum(axis=0))[np.arange(len(labels)), labels]).mean()


@wrong("mean-loss")
def nothing_known(scores, labels):
    return math.log(scores.shape[1])


@wrong("mean-loss")
def one_largest_score(scores, labels):
    """Rows far below the largest score of all have no exponential left."""
    p = np.exp(scores - scores.max())
    return -np.log(p[np.arange(len(labels)), labels] / p.sum(axis=1)).mean()


@wrong("mean-loss")
def rows_of_the_labels(scores, labels):
    """``p[labels]`` takes rows."""
    return -special.log_softmax(scores, axis=1)[labels].mean()


@wrong("mean-loss")
def half_shifted(scores, labels):
    """The sum of shifted scores, the own score unshifted."""
    shifted = scores - scores.max(axis=1, keepdims=True)
    own = scores[np.arange(len(labels)), labels]
    return float((special.logsumexp(shifted, axis=1) - own).mean())


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


def _moved(weights, table, labels, rate, p):
    p[np.arange(len(labels)), labels] -= 1
    return weights - rate / len(table) * table.T @ p


@wrong("gradient-step")
def one_shift_for_all(weights, table, labels, rate):
    scores = table @ weights
    p = np.exp(scores - scores.max())
    return _moved(weights, table, labels, rate, p / p.sum(axis=1, keepdims=True))


@wrong("gradient-step")
def overflowing(weights, table, labels, rate):
    p = np.exp(table @ weights)
    return _moved(weights, table, labels, rate, p / p.sum(axis=1, keepdims=True))


@wrong("gradient-step")
def derivative_of_a_square(weights, table, labels, rate):
    return of_the_library(weights, table, labels, 2 * rate)


@wrong("gradient-step")
def weights_turned(weights, table, labels, rate):
    return _moved(weights, table, labels, rate, special.softmax(table @ weights.T, axis=1))


@wrong("gradient-step")
def classes_of_these_labels(weights, table, labels, rate):
    error = special.softmax(table @ weights, axis=1) - np.eye(len(np.unique(labels)))[labels]
    return weights - rate / len(table) * table.T @ error


@wrong("gradient-step")
def whole_columns_less_one(weights, table, labels, rate):
    p = special.softmax(table @ weights, axis=1)
    p[:, np.unique(labels)] -= 1
    return weights - rate / len(table) * table.T @ p


@wrong("gradient-step")
def mean_over_the_features(weights, table, labels, rate):
    return of_the_library(weights, table, labels, rate * len(table) / len(weights))


@wrong("gradient-step")
def mean_over_the_classes(weights, table, labels, rate):
    return of_the_library(weights, table, labels, rate * len(table) / len(weights.T))


@wrong("gradient-step")
def mean_over_the_table(weights, table, labels, rate):
    return of_the_library(weights, table, labels, rate * len(table) / table.size)


@wrong("gradient-step")
def offsets_kept(weights, table, labels, rate):
    """As if the last row were offsets to be left alone."""
    new = of_the_library(weights, table, labels, rate)
    new[-1] = weights[-1]
    return new


@wrong("gradient-step")
def with_a_penalty(weights, table, labels, rate):
    return weights - rate * softmax.loss_and_gradient(weights, table, labels, 1e-3)[1]


@wrong("gradient-step")
def of_length_one(weights, table, labels, rate):
    return of_the_library(weights, table, labels, 1)


@wrong("gradient-step")
def standing_still(weights, table, labels, rate):
    return weights + 0


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


@wrong("split-by-picture")
def rounded_down(pictures, share):
    numbers = np.unique(pictures)
    return np.isin(pictures, numbers[-int(np.clip(share * len(numbers), 1, len(numbers) - 1)) :])


@wrong("split-by-picture")
def quantile_of_rows(pictures, share):
    """A share of the rows, then whole pictures: one large picture fills it."""
    rows = np.sort(pictures)
    least = rows[-max(1, round(share * len(rows)))]
    if least == rows[0]:
        least = rows[rows > rows[0]][0]
    return pictures >= least


@wrong("split-by-picture")
def until_enough_rows(pictures, share):
    """Pictures from the last on, until they hold the share of the rows."""
    test, numbers = set(), sorted(set(pictures.tolist()))
    while len(numbers) > 1 and (not test or np.isin(pictures, list(test)).mean() < share):
        test.add(numbers.pop())
    return np.isin(pictures, list(test))


@wrong("split-by-picture")
def clamped_above_only(pictures, share):
    numbers = np.unique(pictures)
    return np.isin(pictures, numbers[-min(round(share * len(numbers)), len(numbers) - 1) :])


@wrong("split-by-picture")
def counted_from_the_front(pictures, share):
    """Without the trap of ``x[-0:]``, and so without a test where the share rounds to none."""
    numbers = np.unique(pictures)
    return np.isin(pictures, numbers[len(numbers) - min(round(share * len(numbers)), len(numbers) - 1) :])


@wrong("split-by-picture")
def no_bound_at_all(pictures, share):
    numbers = np.unique(pictures)
    return np.isin(pictures, numbers[len(numbers) - round(share * len(numbers)) :])


@wrong("split-by-picture")
def above_the_quantile(pictures, share):
    return pictures >= np.quantile(pictures, 1 - share)


@wrong("split-by-picture")
def pictures_of_the_last_rows(pictures, share):
    rows = np.sort(pictures)
    return np.isin(pictures, rows[-min(max(round(share * len(rows)), 1), len(rows) - 1) :])


@wrong("split-by-picture")
def last_rows_in_order(pictures, share):
    """Sorted, and then cut by rows all the same."""
    test = np.zeros(len(pictures), bool)
    test[np.argsort(pictures, kind="stable")[-max(round(share * len(pictures)), 1) :]] = True
    return test


@wrong("split-by-picture")
def larger_than(pictures, share):
    numbers = np.unique(pictures)
    return pictures > numbers[-sorted((1, round(share * len(numbers)), len(numbers) - 1))[1]]


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


@wrong("leave-one-out")
def right_pixels(table, labels, pictures):
    """How many, not which share."""
    return of_scikit_learn(table, labels, pictures) * np.unique(pictures, return_counts=True)[1]


@wrong("leave-one-out")
def backwards(table, labels, pictures):
    return of_scikit_learn(table, labels, pictures)[::-1].copy()


@wrong("leave-one-out")
def worst_first(table, labels, pictures):
    return np.array(sorted(of_scikit_learn(table, labels, pictures)))


@wrong("leave-one-out")
def always_one(table, labels, pictures):
    return np.ones(len(set(pictures.tolist())))


@wrong("leave-one-out")
def shares_for_labels(table, labels, pictures):
    """Probabilities are compared with labels."""
    scores = []
    for train, test in LeaveOneGroupOut().split(table, labels, pictures):
        model = softmax.softmax_regression(table[train], labels[train])
        scores.append(np.mean(labels[test] == softmax.probabilities(model, table[test]).T))
    return np.array(scores)


@wrong("leave-one-out")
def numbers_that_do_not_occur(table, labels, pictures):
    """A picture without rows cannot be examined: an exception."""
    scores = []
    for number in range(pictures.max() + 1):
        own = pictures == number
        model = softmax.softmax_regression(table[~own], labels[~own])
        scores.append(np.mean(softmax.predict(model, table[own]) == labels[own]))
    return np.array(scores)


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


def _bits(image, compare, order=(0, 1, 2, 5, 8, 7, 6, 3)):
    views = np.lib.stride_tricks.sliding_window_view(image, (3, 3))
    ring = views.reshape(*views.shape[:2], 9)[..., list(order)]
    bits = compare(ring, views[..., 1, 1, None])
    return np.packbits(bits, axis=-1, bitorder="little")[..., 0].astype(int)


@wrong("binary-pattern")
def unsigned_difference(image):
    """A difference of 8-bit numbers is never below 0."""
    return _bits(image, lambda ring, centre: ring - centre >= 0)


@wrong("binary-pattern")
def nearly_as_bright(image):
    return _bits(image, lambda ring, centre: ring > centre - 0.01)


@wrong("binary-pattern")
def rolled_the_other_way(image):
    return _bits(image, np.greater_equal, (8, 7, 6, 3, 0, 1, 2, 5))


@wrong("binary-pattern")
def from_above(image):
    return _bits(image, np.greater_equal, (1, 2, 5, 8, 7, 6, 3, 0))


@wrong("binary-pattern")
def stops_too_early(image):
    codes = windows(image)
    codes[-1:], codes[:, -1:] = 0, 0
    return codes


@wrong("binary-pattern")
def nothing_added(image):
    return np.zeros((len(image) - 2, len(image[0]) - 2), int)
