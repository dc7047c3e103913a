"""The exercises of lesson 07: softmax regression, honest splits, and a texture in one number."""

import math

import numpy as np

from course_utils.checks.framework import Exercise, Mistake, Property, small_images
from course_utils.classic import softmax


def _softmax(scores, axis=1):
    sums = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return sums / sums.sum(axis=axis, keepdims=True)


def _of_label(p, labels):
    return p[np.arange(len(labels)), labels]


_ONE_SHIFT = (
    "You subtracted the largest score of the *whole* table. In a row far below it every exponential is 0, and 0 over 0 "
    "is NaN. Each row has a maximum of its own: `axis=1, keepdims=True`."
)

# ------------------------------------------------------------------------------------------ the loss


def _exponentials(scores):
    """As the lesson hands them out."""
    return np.exp(scores - scores.max(axis=1, keepdims=True))


def mean_loss(scores, labels):
    """Without a logarithm of 0, however large the scores."""
    scores = scores - scores.max(axis=1, keepdims=True)
    return float((np.log(np.exp(scores).sum(axis=1)) - _of_label(scores, labels)).mean())


def _across_pixels(scores, labels):
    sums = _exponentials(scores)
    return float(-np.log(_of_label(sums / sums.sum(axis=0), labels)).mean())


def _all_across_pixels(scores, labels):
    return float(-np.log(_of_label(_softmax(scores, axis=0), labels)).mean())


def _one_sum_for_all(scores, labels):
    sums = _exponentials(scores)
    return float(-np.log(_of_label(sums / sums.sum(), labels)).mean())


def _no_division(scores, labels):
    return float(-np.log(_of_label(_exponentials(scores), labels)).mean())


def _no_shift(scores, labels):
    sums = np.exp(scores)
    return float(-np.log(_of_label(sums / sums.sum(axis=1, keepdims=True), labels)).mean())


def _one_shift(scores, labels):
    sums = np.exp(scores - scores.max())
    return float(-np.log(_of_label(sums / sums.sum(axis=1, keepdims=True), labels)).mean())


def _zeros_too(scores, labels):
    return float(-np.log(_softmax(scores) * np.eye(scores.shape[1])[labels]).mean())


def _whole_columns(scores, labels):
    return float(-np.log(_softmax(scores)[:, labels]).mean())


def _whole_rows(scores, labels):
    return float(-np.log(_softmax(scores)[labels]).mean())


def _is_whole_rows(answer, right, scores, labels):
    return labels.max() < len(scores) and bool(np.isclose(answer, _whole_rows(scores, labels)))


def _own_unshifted(scores, labels):
    return float((np.log(_exponentials(scores).sum(axis=1)) - _of_label(scores, labels)).mean())


def _labels_from_one(scores, labels):
    return float(-np.log(_of_label(_softmax(scores), labels - 1)).mean())


def _yes_or_no(scores, labels):
    p, truth = _softmax(scores), np.eye(scores.shape[1])[labels]
    return float(-np.log(np.where(truth, p, 1 - p)).sum(axis=1).mean())


def _yes_or_no_mean(scores, labels):
    return _yes_or_no(scores, labels) / scores.shape[1]


def _constant(scores, labels):
    return float(np.log(scores.shape[1]))


def _summed(scores, labels):
    return mean_loss(scores, labels) * len(labels)


def _over_classes_too(scores, labels):
    return mean_loss(scores, labels) / scores.shape[1]


def _no_logarithm(scores, labels):
    return float(1 - _of_label(_softmax(scores), labels).mean())


def _log_of_mean(scores, labels):
    return float(-np.log(_of_label(_softmax(scores), labels).mean()))


def _likeliest(scores, labels):
    return float(-np.log(_softmax(scores).max(axis=1)).mean())


def _in_bits(scores, labels):
    return mean_loss(scores, labels) / np.log(2)


WORKED = np.array([[2.0, 0, -2], [0, 0, 0], [-2, 0, 2]]), np.array([0, 1, 2])


def _score_tables(rng):
    cases = []
    for n, classes in ((1, 2), (2, 4), (3, 2), (4, 3), (5, 5), (6, 3)):
        cases.append((rng.normal(0, 2, (n, classes)).round(1), rng.integers(0, classes, n)))
    return cases


MEAN_LOSS = Exercise(
    slug="mean-loss",
    lesson="07",
    title="Three pixels again",
    minutes=6,
    points=2,
    hints=(
        "Each row becomes probabilities by dividing it by its own sum. Then each pixel is asked for one number only.",
        "`exponentials.sum(axis=1, keepdims=True)` sums each row; `p[np.arange(len(labels)), labels]` takes from each "
        "row the entry of its label.",
        "`-np.log(p[np.arange(len(labels)), labels]).mean()`",
    ),
    reference=mean_loss,
    properties=(
        Property("is right on the worked example", [WORKED]),
        Property(
            "is ln K where nothing is known yet",
            [(np.zeros((2, 3)), np.array([0, 2])), (np.full((3, 4), 7.0), np.array([1, 1, 3]))],
        ),
        Property("is right on other scores", _score_tables, weight=2),
        Property(
            "bears large scores",
            [
                (np.array([[800.0, 801], [-900, -902]]), np.array([0, 1])),
                (np.array([[800.0, 801]]), np.array([0])),
            ],
        ),
    ),
    mistakes=(
        *(
            Mistake(
                name,
                wrong,
                "Your probabilities sum to 1 down the column, over the *pixels*. It is the classes that compete for a "
                "pixel: sum along `axis=1`.",
            )
            for name, wrong in (("across pixels", _across_pixels), ("all across pixels", _all_across_pixels))
        ),
        Mistake(
            "no division",
            _no_division,
            "You took the logarithm of the exponentials. Divide each row by its own sum first: only then are they "
            "probabilities.",
        ),
        Mistake(
            "no shift",
            _no_shift,
            "`np.exp(800)` is infinite, and infinity over infinity is NaN. Use the exponentials that were given: each "
            "row's largest score was subtracted, which changes no probability.",
        ),
        Mistake("one shift for all", _one_shift, _ONE_SHIFT),
        Mistake(
            "zeros in the logarithm",
            _zeros_too,
            "You took the logarithm of zeros, which is minus infinity: a table of truths times the probabilities is 0 "
            "at all other classes. Pick (or sum along the row) first, then take the logarithm.",
        ),
        Mistake(
            "whole columns",
            _whole_columns,
            "`p[:, labels]` takes whole columns, for every pixel those of *all* labels. One entry of each row: give "
            "the rows' numbers, too.",
        ),
        Mistake(
            "whole rows",
            _whole_rows,
            "`p[labels]` takes whole *rows*, those with the labels' numbers. One entry of each row: give the rows' "
            "numbers, too.",
            when=_is_whole_rows,
        ),
        Mistake(
            "own score unshifted",
            _own_unshifted,
            "Your sum is of the shifted scores, the label's own score is not shifted: take both from `shifted`.",
        ),
        Mistake(
            "labels from one",
            _labels_from_one,
            "You took the class before each label: labels are counted from 0, so none is to be subtracted.",
        ),
        *(
            Mistake(
                name,
                wrong,
                "You asked a yes-or-no question for each class and added the surprise at the others, log(1 − p). In "
                "softmax the classes compete already: the label's own probability is all that counts.",
            )
            for name, wrong in (("yes or no", _yes_or_no), ("yes or no, averaged", _yes_or_no_mean))
        ),
        Mistake(
            "knows nothing",
            _constant,
            "You returned the logarithm of the number of classes: that is the loss while all scores are equal.",
        ),
        Mistake(
            "one sum for all",
            _one_sum_for_all,
            "You divided by the sum of the whole table. Each pixel has a sum of its own: `axis=1, keepdims=True`.",
        ),
        Mistake(
            "summed",
            _summed,
            "That is the loss of all pixels added up. The mean is asked for, or more pixels would mean more loss.",
        ),
        Mistake(
            "over the classes too",
            _over_classes_too,
            "You averaged over pixels *and* classes, zeros included. There is one loss a pixel: divide by the number "
            "of pixels.",
        ),
        Mistake(
            "no logarithm",
            _no_logarithm,
            "That is one minus the probability of the label. The loss is minus its logarithm: it has no upper end, and "
            "punishes a confident error most.",
        ),
        Mistake(
            "log of the mean",
            _log_of_mean,
            "You took the mean before the logarithm. First the logarithm of each pixel, then the mean.",
        ),
        Mistake(
            "the likeliest class",
            _likeliest,
            "You took the probability of the *likeliest* class. The loss asks for that of the label, right or not.",
        ),
        Mistake(
            "in bits", _in_bits, "That is the loss in bits, with `np.log2`. Here it is the natural logarithm."
        ),
    ),
)

# ------------------------------------------------------------------------------------------ one step


def gradient_step(weights, table, labels, rate):
    """Rounded far below what the check forgives, so that a nought is shown as one."""
    return np.round(weights - rate * _gradient(weights, table, labels), 12) + 0.0


def _gradient(weights, table, labels, p=None):
    p = _softmax(table @ weights) if p is None else p
    truth = np.eye(weights.shape[1])[labels]
    return table.T @ (p - truth) / len(table)


def _uphill(weights, table, labels, rate):
    return weights + rate * _gradient(weights, table, labels)


def _summed_step(weights, table, labels, rate):
    return weights - rate * len(table) * _gradient(weights, table, labels)


def _without_truth(weights, table, labels, rate):
    return weights - rate * table.T @ _softmax(table @ weights) / len(table)


def _gradient_alone(weights, table, labels, rate):
    return _gradient(weights, table, labels)


def _change_alone(weights, table, labels, rate):
    return -rate * _gradient(weights, table, labels)


def _column_softmax(weights, table, labels, rate):
    return weights - rate * _gradient(weights, table, labels, _softmax(table @ weights, axis=0))


def _no_softmax(weights, table, labels, rate):
    return weights - rate * _gradient(weights, table, labels, table @ weights)


def _hard_answers(weights, table, labels, rate):
    p = np.eye(weights.shape[1])[(table @ weights).argmax(axis=1)]
    return weights - rate * _gradient(weights, table, labels, p)


def _sigmoids(weights, table, labels, rate):
    return weights - rate * _gradient(weights, table, labels, 1 / (1 + np.exp(-(table @ weights))))


def _over_all_entries(weights, table, labels, rate):
    return weights - rate * _gradient(weights, table, labels) / weights.shape[1]


def _over_features(weights, table, labels, rate):
    return weights - rate * _gradient(weights, table, labels) * len(table) / table.shape[1]


def _over_classes(weights, table, labels, rate):
    return weights - rate * _gradient(weights, table, labels) * len(table) / weights.shape[1]


def _over_table(weights, table, labels, rate):
    return weights - rate * _gradient(weights, table, labels) / table.shape[1]


def _last_row_kept(weights, table, labels, rate):
    return np.vstack([gradient_step(weights, table, labels, rate)[:-1], weights[-1:]])


def _twice(weights, table, labels, rate):
    return weights - 2 * rate * _gradient(weights, table, labels)


def _no_shift_step(weights, table, labels, rate):
    sums = np.exp(table @ weights)
    return weights - rate * _gradient(weights, table, labels, sums / sums.sum(axis=1, keepdims=True))


def _one_shift_step(weights, table, labels, rate):
    sums = np.exp(table @ weights - (table @ weights).max())
    return weights - rate * _gradient(weights, table, labels, sums / sums.sum(axis=1, keepdims=True))


def _turned_weights(weights, table, labels, rate):
    return weights - rate * _gradient(weights, table, labels, _softmax(table @ weights.T))


def _classes_that_occur(weights, table, labels, rate):
    truth = np.eye(labels.max() + 1)[labels]
    return weights - rate * table.T @ (_softmax(table @ weights) - truth) / len(table)


def _columns_less_one(weights, table, labels, rate):
    p = _softmax(table @ weights)
    p[:, labels] -= 1
    return weights - rate * table.T @ p / len(table)


def _rate_ignored(weights, table, labels, rate):
    return weights - _gradient(weights, table, labels)


def _no_step(weights, table, labels, rate):
    return weights.copy()


def _penalised(weights, table, labels, rate):
    return weights - rate * (_gradient(weights, table, labels) + 1e-3 * weights)


def _penalised_but_last(weights, table, labels, rate):
    return weights - rate * (_gradient(weights, table, labels) + 1e-3 * weights * _all_but_last(weights))


def _all_but_last(weights):
    return (np.arange(len(weights)) < len(weights) - 1)[:, None]


PAPER = np.zeros((2, 3)), np.array([[2.0, 0], [1, 1], [0, 2]]), np.array([0, 1, 2]), 3.0
SECOND = np.array([[1.0, 0, -1], [-1, 0, 1]]), *PAPER[1:3], 1.5
SQUARE = np.array([[1.0, 2], [0, -1]]), np.array([[1.0, 0], [2, 1], [0, 1]]), np.array([0, 1, 1]), 1.5
RARE = (
    np.array([[0.5, 0, 1], [0, 1, -1]]),
    np.array([[1.0, 2], [0, 1]]),
    np.array([0, 1]),
    0.5,
)  # no pixel of class 2


def _steps(rng):
    cases = [RARE, SQUARE]
    for n, features, classes in ((1, 2, 2), (2, 1, 3), (4, 3, 2), (5, 2, 4), (6, 4, 3)):
        table = rng.normal(0, 1, (n, features)).round(1)
        labels = rng.integers(0, classes, n)
        weights = rng.normal(0, 1, (features, classes)).round(1)
        cases.append((weights, table, labels, float(rng.choice([0.1, 0.5, 2]))))
    return cases


GRADIENT_STEP = Exercise(
    slug="gradient-step",
    lesson="07",
    title="One step downhill",
    minutes=12,
    points=4,
    hints=(
        "Four lines: scores, probabilities, what they differ from the truth by, and how much of that each feature "
        "answers for.",
        "The truth as a table with a 1 in each row: `np.eye(K)[labels]`. Its difference from the probabilities has "
        "shape (n, K); `table.T @ …` gathers it by feature.",
        "`weights - rate * table.T @ (p - truth) / len(table)`",
    ),
    reference=gradient_step,
    properties=(
        Property("is right for the step on paper", [PAPER, (np.zeros((2, 2)), *SQUARE[1:])]),
        Property("is right for the second step", [SECOND, SQUARE]),
        Property("is right on other tables", _steps, weight=2),
        Property(
            "bears large scores",
            [
                (np.array([[500.0, 0], [0, 500]]), np.array([[3.0, 1], [1, 2]]), np.array([1, 1]), 1.0),
                (np.array([[1000.0, 1001, 999]]), np.array([[1.0], [-1], [1]]), np.array([0, 1, 2]), 1.0),
            ],
        ),
    ),
    mistakes=(
        Mistake(
            "uphill",
            _uphill,
            "That step makes the loss larger: the gradient points uphill, so it is subtracted (or: the truth minus the "
            "probability, added).",
        ),
        Mistake(
            "gradient alone",
            _gradient_alone,
            "You returned the gradient. Asked for are the weights after the step.",
        ),
        Mistake(
            "change alone",
            _change_alone,
            "You returned the change. Asked for are the weights after it: add the old ones.",
        ),
        Mistake(
            "summed over pixels",
            _summed_step,
            "The loss is a mean over the pixels, so its gradient is one, too: divide by `len(table)`. Without that, "
            "twice the pixels would make the step twice as long.",
        ),
        Mistake(
            "twice the gradient",
            _twice,
            "Your step is twice as long. A square has a 2 in its derivative; minus the logarithm of a softmax has "
            "none: its derivative is the probability minus the truth.",
        ),
        Mistake(
            "over the features",
            _over_features,
            "You divided by the number of features. The mean is over the pixels: `len(table)`.",
        ),
        Mistake(
            "over the classes",
            _over_classes,
            "You divided by the number of classes. The mean is over the pixels alone: `len(table)`.",
        ),
        Mistake(
            "over the whole table",
            _over_table,
            "You divided by the size of the table, pixels times features. Divide by the number of pixels alone, "
            "`len(table)`.",
        ),
        Mistake(
            "no shift",
            _no_shift_step,
            "`np.exp(1500)` is infinite, and infinity over infinity is NaN. Subtract each row's largest score first: "
            "that changes no probability.",
        ),
        Mistake("one shift for all", _one_shift_step, _ONE_SHIFT),
        Mistake(
            "weights turned",
            _turned_weights,
            "You multiplied by `weights.T`. The table is (n, F) and the weights (F, K): `table @ weights` is (n, K), a "
            "score for each pixel and class.",
        ),
        Mistake(
            "only classes that occur",
            _classes_that_occur,
            "`labels.max() + 1` is not the number of classes: the last class may have no pixel here. Ask the weights, "
            "`weights.shape[1]`.",
        ),
        Mistake(
            "columns less one",
            _columns_less_one,
            "`p[:, labels] -= 1` subtracts 1 in whole columns. One entry of each row: give the rows' numbers, too.",
        ),
        Mistake(
            "rate ignored",
            _rate_ignored,
            "Your step has the same length whatever `rate` is: multiply the gradient by it.",
        ),
        Mistake(
            "no step",
            _no_step,
            "You returned the weights unchanged: subtract the rate times the gradient.",
        ),
        *(
            Mistake(
                name,
                wrong,
                "You kept a penalty on the weights, which this exercise leaves out: all that counts is the "
                "cross-entropy.",
            )
            for name, wrong in (("penalty", _penalised), ("penalty but for the last", _penalised_but_last))
        ),
        Mistake(
            "last row kept",
            _last_row_kept,
            "You left the last row of the weights as it was. There is no row of offsets here: all weights take part.",
        ),
        Mistake(
            "over all entries",
            _over_all_entries,
            "You averaged over pixels and classes. Divide by the number of pixels only, `len(table)`; `.mean()` of the "
            "whole table counts the classes, too.",
        ),
        Mistake(
            "without the truth",
            _without_truth,
            "Your step does not depend on the labels: subtract the truth, a table with a 1 at each pixel's label, from "
            "the probabilities.",
        ),
        Mistake(
            "softmax down the columns",
            _column_softmax,
            "Your probabilities compete over the pixels. For each pixel they must sum to 1 over the classes: `axis=1`.",
        ),
        Mistake(
            "no softmax",
            _no_softmax,
            "You compared the *scores* with the truth. First turn them into probabilities.",
        ),
        Mistake(
            "hard answers",
            _hard_answers,
            "You compared the chosen class with the truth: then a pixel that is barely right teaches nothing. Use the "
            "probabilities.",
        ),
        Mistake(
            "one class at a time",
            _sigmoids,
            "Each of your classes has a sigmoid of its own, so they do not compete. Divide the exponentials by their "
            "sum over the classes.",
        ),
    ),
)

# ----------------------------------------------------------------------------------------- the split


def split_by_picture(pictures, share):
    numbers = np.unique(pictures)
    count = min(max(round(share * len(numbers)), 1), len(numbers) - 1)
    return np.isin(pictures, numbers[-count:])


def _by_row(pictures, share):
    test = np.zeros(len(pictures), bool)
    count = min(max(round(share * len(pictures)), 1), len(pictures) - 1)
    test[-count:] = True
    return test


def _colleagues(pictures, share):
    test = np.zeros(len(pictures), bool)
    test[-round(share * len(pictures)) :] = True
    return test


def _minus_nothing(pictures, share):
    numbers = np.unique(pictures)
    return np.isin(pictures, numbers[-round(share * len(numbers)) :])


def _none_left(pictures, share):
    numbers = np.unique(pictures)
    count = max(round(share * len(numbers)), 1)
    return np.isin(pictures, numbers[-count:])


def _share_of_rows(pictures, share):
    rows = np.sort(pictures)
    least = rows[-max(1, round(share * len(rows)))]
    return pictures >= (rows[rows > rows[0]][0] if least == rows[0] else least)


def _share_of_rows_all(pictures, share):
    rows = np.sort(pictures)
    return pictures >= rows[-max(1, round(share * len(rows)))]


def _rows_gathered(pictures, share):
    numbers, sizes = np.unique(pictures, return_counts=True)
    count = 1
    while count < len(numbers) - 1 and sizes[-count:].sum() < share * len(pictures):
        count += 1
    return np.isin(pictures, numbers[-count:])


def _share_of_rows_at_most(pictures, share):
    count = min(max(round(share * len(pictures)), 1), len(pictures) - 1)
    return np.isin(pictures, np.sort(pictures)[-count:])


def _quantile(pictures, share):
    return pictures >= np.quantile(pictures, 1 - share)


def _sorted_rows(pictures, share):
    return _by_row(pictures, share)[np.argsort(np.argsort(pictures, kind="stable"))]


def _empty_test(pictures, share):
    numbers = np.unique(pictures)
    return np.isin(pictures, numbers[len(numbers) - min(round(share * len(numbers)), len(numbers) - 1) :])


def _empty_test_or_all(pictures, share):
    numbers = np.unique(pictures)
    return np.isin(pictures, numbers[len(numbers) - round(share * len(numbers)) :])


def _rounded_down(pictures, share):
    numbers = np.unique(pictures)
    return np.isin(pictures, numbers[-min(max(int(share * len(numbers)), 1), len(numbers) - 1) :])


def _rounded_up(pictures, share):
    numbers = np.unique(pictures)
    return np.isin(pictures, numbers[-min(max(math.ceil(share * len(numbers)), 1), len(numbers) - 1) :])


def _all_for_none(pictures, share):
    numbers = np.unique(pictures)
    return np.isin(pictures, numbers[-min(round(share * len(numbers)), len(numbers) - 1) :])


def _one_too_few(pictures, share):
    numbers = np.unique(pictures)
    return pictures > numbers[-min(max(round(share * len(numbers)), 1), len(numbers) - 1)]


def _by_appearance(pictures, share):
    numbers = np.array(list(dict.fromkeys(pictures.tolist())))
    count = min(max(round(share * len(numbers)), 1), len(numbers) - 1)
    return np.isin(pictures, numbers[-count:])


def _numbered_from_nought(pictures, share):
    total = len(np.unique(pictures))
    return pictures >= total - min(max(round(share * total), 1), total - 1)


def _largest_number_is_count(pictures, share):
    total = int(pictures.max()) + 1
    return pictures >= total - min(max(round(share * total), 1), total - 1)


def _first_pictures(pictures, share):
    numbers = np.unique(pictures)
    count = min(max(round(share * len(numbers)), 1), len(numbers) - 1)
    return np.isin(pictures, numbers[:count])


def _each_picture_apart(pictures, share):
    test = np.zeros(len(pictures), bool)
    for number in np.unique(pictures):
        rows = np.flatnonzero(pictures == number)
        test[rows[len(rows) - max(round(share * len(rows)), 1) :]] = True
    return test


def _picture_columns(rng):
    cases = []
    for total, n in ((2, 5), (3, 8), (4, 10), (6, 15)):
        numbers = rng.choice(np.arange(1, 40), total, replace=False)
        rows = np.concatenate([numbers, rng.choice(numbers, n - total)])
        cases.append((rng.permutation(rows), float(rng.choice([0.3, 0.4, 0.6]))))
    return cases


SPLIT_BY_PICTURE = Exercise(
    slug="split-by-picture",
    lesson="07",
    title="Repair the split",
    minutes=8,
    points=3,
    hints=(
        "The colleague counts rows. Count pictures instead: which numbers are there at all?",
        "`np.unique(pictures)` are the different numbers, sorted; `np.isin(pictures, chosen)` says which rows belong "
        "to the chosen ones. And what is `x[-0:]`?",
        "`count = min(max(round(share * len(numbers)), 1), len(numbers) - 1)`, then "
        "`np.isin(pictures, numbers[-count:])`.",
    ),
    reference=split_by_picture,
    properties=(
        Property(
            "keeps the rows of a picture together",
            [(np.array([0, 0, 0, 1, 1, 2, 2, 2]), 0.34), (np.array([5, 5, 9, 9, 9, 9]), 0.5)],
        ),
        Property("takes pictures in any order and with any numbers", _picture_columns, weight=2),
        Property(
            "counts pictures, however many rows each has",
            [
                (np.array([1, 2, 2, *[9] * 12, 4]), 0.5),
                (np.array([*[1] * 12, 2, 3, 4]), 0.5),
                (np.array([1, 2, 3, *[4] * 9, 5, 6]), 0.45),
            ],
        ),
        Property(
            "tests on one picture at least, and keeps one to learn from",
            [(np.array([0, 1, 2, 1]), 0.1), (np.array([3, 3, 8]), 0.9), (np.array([4, 7, 6, 6]), 0.95)],
        ),
    ),
    mistakes=(
        Mistake(
            "the colleague's",
            _colleagues,
            "That is still the colleague's split: it cuts through a picture, so some of its pixels are in training and "
            "their neighbours in the test.",
        ),
        Mistake(
            "by row",
            _by_row,
            "Your split counts rows and cuts through a picture: its pixels stand on both sides. Choose whole pictures.",
        ),
        Mistake(
            "sorted rows",
            _sorted_rows,
            "You sorted the rows, but still count *rows*, so the split cuts through a picture. Choose whole pictures.",
        ),
        Mistake(
            "each picture apart",
            _each_picture_apart,
            "You test on a part of *every* picture: each test pixel has neighbours in training. Choose whole pictures.",
        ),
        *(
            Mistake(
                name,
                wrong,
                "You took a share of the *rows*, rounded to whole pictures: one large picture fills it alone. The "
                "share is of the pictures, `round(share * number of pictures)`.",
            )
            for name, wrong in (
                ("share of rows", _share_of_rows),
                ("share of rows, perhaps all", _share_of_rows_all),
                ("rows gathered", _rows_gathered),
                ("share of rows, never all of them", _share_of_rows_at_most),
                ("quantile of the rows", _quantile),
            )
        ),
        Mistake(
            "rounded down",
            _rounded_down,
            "You rounded down, with `int` or `//`. Asked for is the nearest whole number, `round`.",
        ),
        Mistake(
            "rounded up",
            _rounded_up,
            "You rounded up. Asked for is the nearest whole number, `round`.",
        ),
        Mistake(
            "all for none",
            _all_for_none,
            "Where the share rounds to no picture, `numbers[-0:]` is *all* of them: test on one at least.",
        ),
        Mistake(
            "empty test",
            _empty_test,
            "Where the share rounds to no picture, your test is empty: test on one at least.",
        ),
        Mistake(
            "empty test, or all",
            _empty_test_or_all,
            "Where the share rounds to no picture, your test is empty; where it rounds to all, none is left to learn "
            "from. One of each at least.",
        ),
        Mistake(
            "one too few",
            _one_too_few,
            "You test on one picture less than asked: `>` leaves out the picture that you compare with, `>=` does not.",
        ),
        Mistake(
            "minus nothing",
            _minus_nothing,
            "Where the share rounds to no picture, `numbers[-0:]` is *all* of them; and where it rounds to all, none "
            "is left to learn from. One of each at least.",
        ),
        Mistake(
            "none left",
            _none_left,
            "With a large share your split leaves no picture to learn from: keep one.",
        ),
        Mistake(
            "order of appearance",
            _by_appearance,
            "You took the pictures in the order in which they appear. The *largest numbers* are the test: sort them.",
        ),
        Mistake(
            "numbered from nought",
            _numbered_from_nought,
            "Your comparison supposes that the pictures are numbered 0, 1, 2 …; the numbers may be any.",
        ),
        Mistake(
            "largest number taken for the count",
            _largest_number_is_count,
            "You took the largest number for the number of pictures. Some numbers may be missing: `np.unique`.",
        ),
        Mistake(
            "first pictures",
            _first_pictures,
            "You test on the smallest numbers; the *last* pictures are asked for.",
        ),
    ),
)

# ---------------------------------------------------------------------------------- one picture at a time


def leave_one_out(table, labels, pictures):
    return _accuracies(table, labels, pictures, lambda own: (~own, own))


def _accuracies(table, labels, pictures, parts):
    """The accuracy for each picture of a fit; ``parts`` gives the rows to fit and those to examine."""
    found = []
    for number in np.unique(pictures):
        fit, examine = parts(pictures == number)
        model = softmax.softmax_regression(table[fit], labels[fit])
        found.append((softmax.predict(model, table[examine]) == labels[examine]).mean())
    return np.array(found)


def _taught_by_all(table, labels, pictures):
    return _accuracies(table, labels, pictures, lambda own: (np.ones(len(own), bool), own))


def _taught_by_itself(table, labels, pictures):
    return _accuracies(table, labels, pictures, lambda own: (own, own))


def _turned_round(table, labels, pictures):
    return _accuracies(table, labels, pictures, lambda own: (own, ~own))


def _examined_on_training(table, labels, pictures):
    return _accuracies(table, labels, pictures, lambda own: (~own, ~own))


def _examined_on_all(table, labels, pictures):
    return _accuracies(table, labels, pictures, lambda own: (~own, np.ones(len(own), bool)))


def _errors(table, labels, pictures):
    return 1 - leave_one_out(table, labels, pictures)


def _counts(table, labels, pictures):
    sizes = np.array([np.sum(pictures == number) for number in np.unique(pictures)])
    return np.rint(leave_one_out(table, labels, pictures) * sizes).astype(int)


def _as_they_come(table, labels, pictures):
    numbers = np.unique(pictures).tolist()
    return leave_one_out(table, labels, pictures)[
        [numbers.index(n) for n in dict.fromkeys(pictures.tolist())]
    ]


def _one_row_out(table, labels, pictures):
    right = []
    for row in range(len(table)):
        rest = np.arange(len(table)) != row
        model = softmax.softmax_regression(table[rest], labels[rest])
        right.append(softmax.predict(model, table[row : row + 1])[0] == labels[row])
    return np.array([np.mean(np.array(right)[pictures == number]) for number in np.unique(pictures)])


def _one_mean(table, labels, pictures):
    return np.full(len(np.unique(pictures)), leave_one_out(table, labels, pictures).mean())


def _falling(table, labels, pictures):
    return leave_one_out(table, labels, pictures)[::-1]


def _sorted_by_size(table, labels, pictures):
    return np.sort(leave_one_out(table, labels, pictures))


def _ones(table, labels, pictures):
    return np.ones(len(np.unique(pictures)))


def _probabilities_compared(table, labels, pictures):
    found = []
    for number in np.unique(pictures):
        own = pictures == number
        model = softmax.softmax_regression(table[~own], labels[~own])
        found.append((softmax.probabilities(model, table[own]) == labels[own][:, None]).mean())
    return np.array(found)


def _tables(rng):
    """Pictures that each shift the features a little, so that whoever saw a picture knows more about it."""
    cases = []
    for total, rows in ((2, 8), (3, 6), (4, 7)):
        numbers = rng.choice(20, total, replace=False)
        pictures = np.repeat(numbers, rows)
        labels = np.tile(np.arange(rows) % 3, total)
        shift = rng.normal(0, 1.2, (total, 3)).repeat(rows, axis=0)
        table = rng.normal(0, 0.7, (len(labels), 3)) + np.eye(3)[labels] + shift
        order = rng.permutation(len(labels))
        cases.append((table[order].round(1), labels[order], pictures[order]))
    return cases


TWO = (
    np.array([[0.0], [1], [0.2], [0.9], [5], [6], [5.5], [4.8]]),
    np.array([0, 1, 0, 1, 0, 1, 1, 0]),
    np.array([7, 7, 7, 7, 3, 3, 3, 3]),
)

MIXED = (  # the best threshold is wrong for one pixel of each picture
    np.array([[2.0], [0], [2], [3], [0], [3], [1], [0], [1], [3], [2]]),
    np.array([0, 0, 0, 1, 0, 1, 1, 1, 1, 0, 0]),
    np.array([2, 5, 2, 2, 5, 2, 5, 5, 5, 2, 2]),
)

LEAVE_ONE_OUT = Exercise(
    slug="leave-one-out",
    lesson="07",
    title="One picture at a time",
    minutes=12,
    points=4,
    hints=(
        "For each picture two sets of rows: its own, and all others. Which of them teaches, and which is examined?",
        "`own = pictures == number` in a loop over `np.unique(pictures)`; `~own` are the others.",
        "`model = softmax.softmax_regression(table[~own], labels[~own])`, then the mean of "
        "`softmax.predict(model, table[own]) == labels[own]`.",
    ),
    reference=leave_one_out,
    bounds=(0, 1),
    properties=(
        Property("is right for two pictures of one feature", [TWO, MIXED]),
        Property("is right on other tables", _tables, weight=2),
    ),
    mistakes=(
        Mistake(
            "taught by all",
            _taught_by_all,
            "Your model was fitted to all rows, those of the examined picture among them. That is the leak that this "
            "lesson is about: fit to `~own`.",
        ),
        Mistake(
            "taught by itself",
            _taught_by_itself,
            "You fitted to the picture that you then examine. Fit to all the *others*.",
        ),
        Mistake(
            "turned round",
            _turned_round,
            "You learn from one picture and examine all the others. Asked for is the other way round.",
        ),
        Mistake(
            "examined on training rows",
            _examined_on_training,
            "You examine the rows that the model was fitted to. Examine those that were left out.",
        ),
        Mistake(
            "examined on all",
            _examined_on_all,
            "You examine all rows, those of the training pictures among them. Examine those that were left out.",
        ),
        Mistake(
            "errors",
            _errors,
            "Those are the shares of *wrong* pixels. The accuracy is the share of right ones.",
        ),
        Mistake(
            "counts",
            _counts,
            "You counted the right pixels. The accuracy is their share: divide by the picture's number of pixels.",
        ),
        Mistake(
            "in order of appearance",
            _as_they_come,
            "The numbers are right, but in the order in which the pictures appear. Asked for is the rising order of "
            "their numbers, as `np.unique` gives it.",
        ),
        Mistake(
            "in falling order",
            _falling,
            "The numbers are right, but in falling order of the pictures' numbers. Asked for is the rising one.",
        ),
        Mistake(
            "sorted by size",
            _sorted_by_size,
            "The numbers are right, but sorted by their size. Asked for is the order of the pictures' numbers.",
        ),
        Mistake(
            "all ones",
            _ones,
            "All your accuracies are 1, whatever the table. What are the predictions compared with?",
        ),
        Mistake(
            "probabilities compared",
            _probabilities_compared,
            "You compared *probabilities* with labels. `softmax.predict` gives the likeliest class of each row.",
        ),
        Mistake(
            "one row out",
            _one_row_out,
            "You left out one *pixel* at a time: the others of its picture still teach. Leave out the whole picture.",
        ),
        Mistake(
            "one mean for all",
            _one_mean,
            "You give the same number, the mean, for each picture. Keep them apart: their spread is half the answer.",
        ),
    ),
)

# ------------------------------------------------------------------------------- going further: a pattern

_CLOCKWISE = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))


def binary_pattern(image):
    return _coded(image, _CLOCKWISE)


def _coded(image, steps, compare=np.greater_equal):
    height, width = image.shape
    centre, codes = image[1:-1, 1:-1], np.zeros((height - 2, width - 2), int)
    for bit, (dy, dx) in enumerate(steps):
        neighbour = image[1 + dy : height - 1 + dy, 1 + dx : width - 1 + dx]
        codes += compare(neighbour, centre) * 2**bit
    return codes


def _strictly(image):
    return _coded(image, _CLOCKWISE, np.greater)


def _darker(image):
    return _coded(image, _CLOCKWISE, np.less)


def _darker_or_equal(image):
    return _coded(image, _CLOCKWISE, np.less_equal)


def _first_bit_highest(image):
    return _coded(image, _CLOCKWISE[::-1])


def _anticlockwise(image):
    return _coded(image, (_CLOCKWISE[0], *_CLOCKWISE[:0:-1]))


def _reading_order(image):
    return _coded(image, sorted(_CLOCKWISE))


def _from_the_right(image):
    return _coded(image, (*_CLOCKWISE[3:], *_CLOCKWISE[:3]))


def _from_above(image):
    return _coded(image, (*_CLOCKWISE[1:], _CLOCKWISE[0]))


def _opposite(image):
    return _coded(image, [(-dy, -dx) for dy, dx in _CLOCKWISE])


def _wrapping_difference(image):
    return _coded(image, _CLOCKWISE, lambda neighbour, centre: neighbour - centre >= 0)


def _forgiving(image):
    return _coded(
        image, _CLOCKWISE, lambda neighbour, centre: (neighbour > centre) | _near(neighbour, centre)
    )


def _near(neighbour, centre):
    return np.isclose(neighbour, centre, atol=1e-2)


def _last_left_out(image):
    codes = binary_pattern(image)
    codes[-1], codes[:, -1] = 0, 0
    return codes


def _noughts(image):
    return 0 * binary_pattern(image)


def _number_of_ones(image):
    codes = binary_pattern(image)
    return sum(codes >> bit & 1 for bit in range(8))


SPIRAL = np.array([[9, 1, 2], [8, 5, 3], [7, 6, 4]])
TIE = np.array([[5, 5, 1], [1, 5, 1], [1, 1, 5]])
CLOSE = np.array([[0.5, 0.504, 0.496], [0.499, 0.5, 0.501], [0.52, 0.495, 0.48]])

BINARY_PATTERN = Exercise(
    slug="binary-pattern",
    lesson="07",
    title="Going further: a texture in one number",
    minutes=20,
    points=3,
    hints=(
        "Eight neighbours, eight comparisons with the centre, eight bits. Whole images can be compared at once: the "
        "picture moved by one pixel with the picture.",
        "`image[0:-2, 0:-2]` is the top left neighbour of every inner pixel `image[1:-1, 1:-1]`; the one above it is "
        "`image[0:-2, 1:-1]`.",
        "Add `(neighbour >= centre) * 2**bit` for bit 0 … 7, clockwise from the top left.",
    ),
    reference=binary_pattern,
    bounds=(0, 255),
    properties=(
        Property("is right for one pixel", [SPIRAL, TIE, SPIRAL.T.copy()]),
        Property(
            "is right on random pictures",
            lambda rng: [
                np.pad(image, 1, mode="edge") if min(image.shape) < 3 else image
                for image in small_images(rng, count=8, levels=5)
            ],
            weight=2,
        ),
        Property("gives 255 on a constant picture", [np.full((3, 4), 0.5)]),
        Property("compares exactly, and 8-bit pictures too", [CLOSE, SPIRAL.astype(np.uint8)]),
        Property("does not mind a lamp", lambda rng: [(0.3 * rng.random((4, 5)) + 0.1).round(2)]),
    ),
    mistakes=(
        Mistake(
            "strictly brighter",
            _strictly,
            "A neighbour *as bright as* the centre counts as 1, too: `>=`. On a constant picture every bit is 1.",
        ),
        Mistake(
            "darker", _darker, "Your bits say which neighbours are *darker*. Asked for: at least as bright."
        ),
        Mistake(
            "darker or equal",
            _darker_or_equal,
            "You asked whether the centre is at least as bright as its neighbour; it is the other way round.",
        ),
        Mistake(
            "first bit highest",
            _first_bit_highest,
            "Your order of the bits is turned round: the top left neighbour is bit 0, worth 1, not 128.",
        ),
        Mistake(
            "anticlockwise",
            _anticlockwise,
            "You go round anticlockwise. After the top left comes the one above, then the top right.",
        ),
        Mistake(
            "reading order",
            _reading_order,
            "You number the neighbours as one reads, row by row. They are to go round the centre clockwise.",
        ),
        Mistake(
            "from the right",
            _from_the_right,
            "You begin with the neighbour at the right. Bit 0 is the top left one.",
        ),
        Mistake(
            "from above",
            _from_above,
            "You begin with the neighbour above. Bit 0 is the top left one.",
        ),
        Mistake(
            "opposite neighbours",
            _opposite,
            "Each of your bits belongs to the neighbour on the *opposite* side. `np.roll(image, 1, axis=0)` moves the "
            "picture down: what then lies on a pixel was above it.",
        ),
        Mistake(
            "difference of 8 bits",
            _wrapping_difference,
            "Numbers of 8 bits without sign cannot be negative: 3 − 5 is 254. Compare the two, `neighbour >= centre`, "
            "instead of their difference with 0.",
        ),
        Mistake(
            "forgiving",
            _forgiving,
            "You count a slightly darker neighbour as equally bright. Compare exactly: `>=`.",
        ),
        Mistake(
            "last row and column left out",
            _last_left_out,
            "Your loop ends one row and one column too early: the inner pixels are those of rows 1 … H − 2, and "
            "`range(1, H - 1)` is that.",
        ),
        Mistake(
            "noughts",
            _noughts,
            "All your codes are 0: nothing is ever added to them. Does the loop reach a pixel, and the sum its array?",
        ),
        Mistake(
            "number of ones",
            _number_of_ones,
            "You counted the bits. Each has a worth of its own, 1, 2, 4 … 128, so that the pattern can be told again.",
        ),
    ),
)

EXERCISES = [MEAN_LOSS, GRADIENT_STEP, SPLIT_BY_PICTURE, LEAVE_ONE_OUT, BINARY_PATTERN]
