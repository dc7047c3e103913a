"""The exercises of lesson 07: softmax regression, honest splits, and a texture in one number."""

import numpy as np

from course_utils.checks.framework import Exercise, Mistake, Property, small_images
from course_utils.classic import softmax


def _softmax(scores, axis=1):
    sums = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return sums / sums.sum(axis=axis, keepdims=True)


def _of_label(p, labels):
    return p[np.arange(len(labels)), labels]


# ------------------------------------------------------------------------------------------ the loss


def mean_loss(scores, labels):
    return float(-np.log(_of_label(_softmax(scores), labels)).mean())


def _across_pixels(scores, labels):
    return float(-np.log(_of_label(_softmax(scores, axis=0), labels)).mean())


def _one_sum_for_all(scores, labels):
    sums = np.exp(scores - scores.max(axis=1, keepdims=True))
    return float(-np.log(_of_label(sums / sums.sum(), labels)).mean())


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
        Property("bears large scores", [(np.array([[800.0, 801], [-900, -902]]), np.array([0, 1]))]),
    ),
    mistakes=(
        Mistake(
            "across pixels",
            _across_pixels,
            "Your probabilities sum to 1 down the column, over the *pixels*. It is the classes that compete for a "
            "pixel: sum along `axis=1`.",
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
    return weights - rate * _gradient(weights, table, labels)


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


PAPER = np.zeros((2, 3)), np.array([[2.0, 0], [1, 1], [0, 2]]), np.array([0, 1, 2]), 3.0
SECOND = np.array([[1.0, 0, -1], [-1, 0, 1]]), *PAPER[1:3], 1.5


def _steps(rng):
    cases = []
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
        Property("is right for the step on paper", [PAPER]),
        Property("is right for the second step", [SECOND]),
        Property("is right on other tables", _steps, weight=2),
        Property(
            "bears large scores",
            [(np.array([[500.0, 0], [0, 500]]), np.array([[3.0, 1], [1, 2]]), np.array([1, 1]), 1.0)],
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
            "each picture apart",
            _each_picture_apart,
            "You test on a part of *every* picture: each test pixel has neighbours in training. Choose whole pictures.",
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


def _one_mean(table, labels, pictures):
    return np.full(len(np.unique(pictures)), leave_one_out(table, labels, pictures).mean())


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
        Property("is right for two pictures of one feature", [TWO]),
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


def _number_of_ones(image):
    codes = binary_pattern(image)
    return sum(codes >> bit & 1 for bit in range(8))


SPIRAL = np.array([[9, 1, 2], [8, 5, 3], [7, 6, 4]])
TIE = np.array([[5, 5, 1], [1, 5, 1], [1, 1, 5]])

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
            "number of ones",
            _number_of_ones,
            "You counted the bits. Each has a worth of its own, 1, 2, 4 … 128, so that the pattern can be told again.",
        ),
    ),
)

EXERCISES = [MEAN_LOSS, GRADIENT_STEP, SPLIT_BY_PICTURE, LEAVE_ONE_OUT, BINARY_PATTERN]
