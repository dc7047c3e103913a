"""The exercises of lesson 13: weights and how to undo them, Dice, a threshold, one seed against many, Lovász."""

import numpy as np

from course_utils.checks.framework import Exercise, Mistake, Property

# ------------------------------------------------------------------------------------------ prices by class


def weighted_cross_entropy(probabilities, target, weights):
    p, true = _of_the_truth(probabilities, target)
    return float((weights[true] * -np.log(p)).sum() / weights[true].sum())


def _of_the_truth(probabilities, target):
    """As the lesson hands them out: p of the true class, and the class, of each counted pixel (n,)."""
    counted = target != 255
    true = target[counted]
    return probabilities[:, counted][true, np.arange(len(true))], true


def _over_the_pixels(probabilities, target, weights):
    p, true = _of_the_truth(probabilities, target)
    return float((weights[true] * -np.log(p)).mean())


def _over_all_weights(probabilities, target, weights):
    p, true = _of_the_truth(probabilities, target)
    return float((weights[true] * -np.log(p)).sum() / weights.sum())


def _summed(probabilities, target, weights):
    p, true = _of_the_truth(probabilities, target)
    return float((weights[true] * -np.log(p)).sum())


def _without_weights(probabilities, target, weights):
    p, _ = _of_the_truth(probabilities, target)
    return float(-np.log(p).mean())


def _likeliest_class_s_weight(probabilities, target, weights):
    p, _ = _of_the_truth(probabilities, target)
    price = weights[probabilities.argmax(axis=0)[target != 255]]
    return float((price * -np.log(p)).sum() / price.sum())


def _inverted_weights(probabilities, target, weights):
    return weighted_cross_entropy(probabilities, target, 1 / weights)


def _no_minus(probabilities, target, weights):
    return -weighted_cross_entropy(probabilities, target, weights)


def _weights_inside(probabilities, target, weights):
    p, true = _of_the_truth(probabilities, target)
    return float(-np.log(weights[true] * p).mean())


def _weights_inside_and_below(probabilities, target, weights):
    p, true = _of_the_truth(probabilities, target)
    return float(-np.log(weights[true] * p).sum() / weights[true].sum())


def _in_bits(probabilities, target, weights):
    return weighted_cross_entropy(probabilities, target, weights) / np.log(2)


def _class_means(probabilities, target, weights):
    p, true = _of_the_truth(probabilities, target)
    return float(np.mean([-np.log(p[true == k]).mean() for k in np.unique(true)]))


def _weighted_class_means(probabilities, target, weights):
    p, true = _of_the_truth(probabilities, target)
    there = np.unique(true)
    return float(np.average([-np.log(p[true == k]).mean() for k in there], weights=weights[there]))


def _softmax(scores):
    scores = np.exp(scores - scores.max(axis=0))
    return scores / scores.sum(axis=0)


SIX = (  # the lesson's: five pixels of a wall, one of a person; weights 1 and 5
    np.array([[[0.9, 0.8, 0.9], [0.8, 0.9, 0.7]], [[0.1, 0.2, 0.1], [0.2, 0.1, 0.3]]]),
    np.array([[0, 0, 0], [0, 0, 1]]),
    np.array([1.0, 5.0]),
)


def _priced(rng):
    cases = []
    for classes, height, width in ((2, 1, 3), (3, 2, 3), (4, 3, 2), (3, 4, 5), (2, 5, 4)):
        target = rng.integers(0, classes, (height, width))
        target[rng.random(target.shape) < 0.2] = 255
        target.flat[0] = classes - 1
        scores = rng.normal(0, 1, (classes, height, width))
        cases.append((_softmax(scores), target, rng.uniform(0.2, 6, classes).round(1)))
    return cases


PRICES = Exercise(
    slug="weighted-mean",
    lesson="13",
    title="A weighted cross-entropy",
    minutes=5,
    points=2,
    hints=(
        "Every counted pixel has a price, that of its *true* class. What do you divide by, so that a loss of 0.7 at "
        "every pixel stays 0.7?",
        "`weights[true]` takes, for each pixel, the weight of its class: an array as long as `p`.",
        "`price = weights[true]`, and `(price * -np.log(p)).sum() / price.sum()`",
    ),
    reference=weighted_cross_entropy,
    properties=(
        Property("is right on the worked example", [SIX]),
        Property(
            "is plain cross-entropy where all weights are equal",
            [(SIX[0], SIX[1], np.array([3.0, 3.0])), (SIX[0][:, :1], SIX[1][:1], np.array([0.5, 0.5]))],
        ),
        Property("is right on random images, with ignored pixels", _priced, weight=2),
    ),
    mistakes=(
        Mistake(
            "divided by the number of pixels",
            _over_the_pixels,
            "You divided by the number of pixels. Then larger weights make a larger loss, and a larger learning rate, "
            "in disguise. A weighted mean is divided by the sum of the *weights that were used*.",
        ),
        Mistake(
            "divided by the weights of all classes",
            _over_all_weights,
            "You divided by the sum of `weights`, one for each class. Each *pixel* brings its weight, so add these up.",
        ),
        Mistake(
            "summed", _summed, "That is a sum; a weighted mean divides it by the sum of the pixels' weights."
        ),
        Mistake(
            "weights unused",
            _without_weights,
            "Your answer is plain cross-entropy: the weights make no difference to it.",
        ),
        Mistake(
            "weight of the likeliest class",
            _likeliest_class_s_weight,
            "You took the weight of the class that the network finds likeliest. The price belongs to the *true* class: "
            "it must not depend on the answer.",
        ),
        Mistake(
            "weights turned over",
            _inverted_weights,
            "You divided by the weights: a class of weight 5 then counts a fifth.",
        ),
        Mistake("minus sign missing", _no_minus, "The sign: log p is negative, and a loss is −log p."),
        *(
            Mistake(
                name,
                wrong,
                "You multiplied p by the weight *before* the logarithm. Then the weight is only added to the loss, as "
                "−log w: it no longer multiplies the slope of its pixel. Prices multiply −log p.",
            )
            for name, wrong in (
                ("weights inside the logarithm", _weights_inside),
                ("weights inside, and divided by their sum", _weights_inside_and_below),
            )
        ),
        Mistake("another logarithm", _in_bits, "Take the natural logarithm, `np.log`."),
        *(
            Mistake(
                name,
                wrong,
                "You took a mean for each class first, and then the mean of these: one pixel of a small class then "
                "says as much as all of a large one together. Here each *pixel* brings its weight: one sum over all "
                "pixels, divided once.",
            )
            for name, wrong in (
                ("mean of class means", _class_means),
                ("weighted mean of class means", _weighted_class_means),
            )
        ),
    ),
)

# ------------------------------------------------------------------------------------------ Dice


def dice_loss(p, y):
    whole = p.sum() + y.sum()
    return float(1 - 2 * (p * y).sum() / whole) if whole else 0.0


def _dice_score(p, y):
    return 1 - dice_loss(p, y)


def _hard_dice(p, y):
    return dice_loss((p > 0.5).astype(float), y)


def _two_missing(p, y):
    whole = p.sum() + y.sum()
    return float(1 - (p * y).sum() / whole) if whole else 0.0


def _jaccard_loss(p, y):
    both = (p * y).sum()
    whole = p.sum() + y.sum() - both
    return float(1 - both / whole) if whole else 0.0


def _squares(p, y):
    whole = (p**2).sum() + y.sum()
    return float(1 - 2 * (p * y).sum() / whole) if whole else 0.0


def _smoothed(p, y):
    return float(1 - (2 * (p * y).sum() + 1) / (p.sum() + y.sum() + 1))


def _empty_is_bad(p, y):
    return dice_loss(p, y) if p.sum() + y.sum() else 1.0


def _empty_is_nan(p, y):
    with np.errstate(invalid="ignore"):
        return float(1 - 2 * (p * y).sum() / np.float64(p.sum() + y.sum()))


def _pixel_by_pixel(p, y):
    whole = p + y
    return float(np.mean(1 - 2 * p * y / np.where(whole > 0, whole, 1)))


def _both_classes(p, y):
    return (dice_loss(p, y) + dice_loss(1 - p, ~y)) / 2


def _free_without_an_object(p, y):
    return dice_loss(p, y) if y.any() else 0.0


def _free_without_an_answer(p, y):
    return dice_loss(p, y) if p.any() else 0.0


def _free_where_either_is_empty(p, y):
    return dice_loss(p, y) if p.any() and y.any() else 0.0


FOUR = np.array([[0.9, 0.4], [0.3, 0.0]]), np.array([[True, True], [False, False]])
NOTHING = np.zeros((2, 3)), np.zeros((2, 3), bool)
ONE_EMPTY = [
    (np.array([[0.5, 0.5]]), np.array([[False, False]])),
    (np.array([[0.0, 0.0]]), np.array([[True, False]])),
]


def _soft(rng):
    cases = []
    for height, width in ((1, 2), (2, 2), (3, 2), (2, 4), (4, 5)):
        y = rng.random((height, width)) < 0.4
        y.flat[0] = True
        cases.append((rng.random((height, width)).round(2), y))
    return cases


DICE = Exercise(
    slug="soft-dice",
    lesson="13",
    title="Dice as a loss",
    minutes=6,
    points=3,
    hints=(
        "Lesson 01's Dice is twice the intersection over the sum of both sizes. What are intersection and size, when "
        "one of the two masks is made of shares?",
        "The intersection is the sum of `p` over the object's pixels, the size of the answer is `p.sum()`. A loss is "
        "one minus the score. Then think of two empty masks.",
        "`1 - 2 * (p * y).sum() / (p.sum() + y.sum())`, and 0 where that sum is 0",
    ),
    reference=dice_loss,
    bounds=(0, 1),
    properties=(
        Property("is right on the worked example", [FOUR]),
        Property(
            "is one minus Dice for masks",
            [
                (np.array([[1.0, 1, 0]]), np.array([[True, False, False]])),
                (np.array([[0.0, 0, 1]]), np.array([[True, False, False]])),
                (np.array([[1.0, 0], [1, 0]]), np.array([[True, False], [True, False]])),
            ],
        ),
        Property("is right on random shares", _soft, weight=2),
        Property("is 0 where there is nothing and nothing was found", [NOTHING], weight=0.5),
        Property("is 1 where only one of the two is empty", ONE_EMPTY, weight=0.5),
    ),
    mistakes=(
        Mistake(
            "the score",
            _dice_score,
            "That is the score: 1 for a perfect answer. A loss is made *small*: one minus it.",
        ),
        Mistake(
            "masks made first",
            _hard_dice,
            "You made a mask of p before you compared. Then a small change of p changes nothing, the slope is 0, and "
            "nothing can be learned. Sum the shares themselves.",
        ),
        Mistake(
            "the 2 is missing", _two_missing, "Even a perfect answer costs ½: the intersection counts twice."
        ),
        Mistake(
            "Jaccard",
            _jaccard_loss,
            "You divided by the union: that is the Jaccard loss. Dice counts the intersection twice, above the line "
            "and below it.",
        ),
        Mistake(
            "squares",
            _squares,
            "You squared p under the line, as V-Net did. That is another loss; here the sizes are plain sums.",
        ),
        Mistake(
            "one added",
            _smoothed,
            "You added 1 above and below the line, as many programs do against 0 / 0. It makes small objects cheaper; "
            "here only the empty case is to be caught.",
        ),
        *(
            Mistake(
                name,
                wrong,
                "Your loss for two empty masks is not 0. Nothing was there and nothing was found: lesson 01 agreed "
                "that this is perfect.",
            )
            for name, wrong in (("empty costs 1", _empty_is_bad), ("empty is not a number", _empty_is_nan))
        ),
        *(
            Mistake(
                name,
                wrong,
                "Your loss is 0 where only one of the two is empty. Something was found where nothing is, or nothing "
                "where something is: that is as bad as can be. It is perfect only where *both* are empty.",
            )
            for name, wrong in (
                ("free without an object", _free_without_an_object),
                ("free without an answer", _free_without_an_answer),
                ("free where either is empty", _free_where_either_is_empty),
            )
        ),
        Mistake(
            "pixel by pixel",
            _pixel_by_pixel,
            "You took a Dice of each pixel and the mean of these. Dice is one number for the region: sum first, then "
            "divide.",
        ),
        Mistake(
            "background too",
            _both_classes,
            "You took the mean of object and background. Here the object alone is asked for.",
        ),
    ),
)

# ------------------------------------------------------------------------------------------ weights undone


def honest(probabilities, weights):
    shares = probabilities / weights[:, None, None]
    return shares / shares.sum(axis=0)


def _weighted_again(probabilities, weights):
    return honest(probabilities, 1 / weights)


def _not_shares(probabilities, weights):
    return probabilities / weights[:, None, None]


def _the_colleague(probabilities, weights):
    return probabilities * weights[:, None, None]


def _over_the_picture(probabilities, weights):
    shares = probabilities / weights[:, None, None]
    return shares / shares.sum(axis=(1, 2), keepdims=True)


def _over_everything(probabilities, weights):
    shares = probabilities / weights[:, None, None]
    return shares / shares.sum()


def _by_the_largest(probabilities, weights):
    shares = probabilities / weights[:, None, None]
    return shares / shares.max(axis=0)


def _softmax_again(probabilities, weights):
    return _softmax(probabilities / weights[:, None, None])


def _logs_subtracted(probabilities, weights):
    return np.log(probabilities) - np.log(weights)[:, None, None]


def _unchanged(probabilities, weights):
    return probabilities * 1.0


def _shares_of_the_weights(probabilities, weights):
    return probabilities / (weights / weights.sum())[:, None, None]


def _only_the_sum_is_missing(answer, right, probabilities, weights):
    """Right but for one factor a pixel: the classes stand in the right ratios, and do not sum to 1."""
    whole = answer.sum(axis=0)
    return bool((whole > 0).all() and np.allclose(answer / whole, right) and not np.allclose(whole, 1))


ONE_IN_TEN = np.array([[[0.5]], [[0.5]]]), np.array([1.0, 9.0])


def _believed(rng):
    return [
        (_softmax(rng.normal(0, 1.5, (classes, height, width))), rng.uniform(0.3, 9, classes).round(1))
        for classes, height, width in ((2, 1, 2), (2, 2, 3), (3, 2, 2), (4, 3, 2), (3, 4, 5))
    ]


HONEST = Exercise(
    slug="undo-weights",
    lesson="13",
    title="Repair: honest again",
    minutes=6,
    points=3,
    hints=(
        "The network says w p / Σ w p. Which of the two steps, multiplying or dividing by the sum, has to be undone "
        "first, and which can be done anew at the end?",
        "Dividing by the weights leaves p times some number, the same for all classes of a pixel. Which number makes "
        "shares of them?",
        "`shares = probabilities / weights[:, None, None]`, and then `shares / shares.sum(axis=0)`",
    ),
    reference=honest,
    properties=(
        Property("is right on the worked example", [ONE_IN_TEN]),
        Property(
            "leaves equal weights without effect",
            [(np.array([[[0.2, 0.7]], [[0.8, 0.3]]]), np.array([4.0, 4.0]))],
        ),
        Property("is right on random probabilities", _believed, weight=2),
        Property(
            "gives shares: they sum to 1 at every pixel",
            _believed,
            holds=lambda answer, probabilities, weights: bool(np.allclose(answer.sum(axis=0), 1)),
        ),
    ),
    mistakes=(
        Mistake(
            "as it was",
            _the_colleague,
            "That is still the colleague's: the weights are multiplied in once more, and nothing makes shares of the "
            "result.",
        ),
        Mistake(
            "weighted once more",
            _weighted_again,
            "You multiplied by the weights. They are in the probabilities already: rare classes are now pushed up "
            "twice.",
        ),
        Mistake(
            "no shares",
            _not_shares,
            "You divided by the weights, but what is left does not sum to 1 over the classes of a pixel.",
        ),
        *(
            Mistake(
                name,
                wrong,
                "You divided by a sum over the *picture*. A probability is a share among the classes of one pixel: sum "
                "over the first axis alone.",
            )
            for name, wrong in (
                ("sum over the picture", _over_the_picture),
                ("sum over everything", _over_everything),
            )
        ),
        Mistake(
            "divided by the largest",
            _by_the_largest,
            "You divided by the largest class of each pixel, so that it has 1. Shares are divided by their *sum*.",
        ),
        Mistake(
            "another softmax",
            _softmax_again,
            "You took a softmax. It is for scores, any real numbers; these are shares already, up to one factor: "
            "divide by their sum.",
        ),
        Mistake(
            "logarithms",
            _logs_subtracted,
            "Those are logarithms. They would decide rightly, but probabilities are asked for.",
        ),
        Mistake("unchanged", _unchanged, "The weights make no difference to your answer."),
        Mistake(
            "no shares, in any ratio",
            _shares_of_the_weights,
            "You divided by the weights, but what is left does not sum to 1 over the classes of a pixel.",
            when=_only_the_sum_is_missing,
        ),
    ),
)

# ------------------------------------------------------------------------------------------ a threshold


def choose_threshold(probabilities, masks, thresholds):
    return _best(probabilities, masks, thresholds, _pooled_iou)


def _best(probabilities, masks, thresholds, score, pick=np.argmax, found=np.greater):
    each = [score([found(p, t) for p in probabilities], masks) for t in thresholds]
    return float(thresholds[int(pick(each))])


def _pooled_iou(answers, masks):
    both = sum((a & m).sum() for a, m in zip(answers, masks, strict=True))
    either = sum((a | m).sum() for a, m in zip(answers, masks, strict=True))
    return both / either


def _mean_iou(answers, masks):
    return np.mean(
        [(a & m).sum() / (a | m).sum() if (a | m).any() else 1.0 for a, m in zip(answers, masks, strict=True)]
    )


def _accuracy(answers, masks):
    return sum((a == m).sum() for a, m in zip(answers, masks, strict=True))


def _by_accuracy(probabilities, masks, thresholds):
    return _best(probabilities, masks, thresholds, _accuracy)


def _image_by_image(probabilities, masks, thresholds):
    return _best(probabilities, masks, thresholds, _mean_iou)


def _last_of_equals(probabilities, masks, thresholds):
    return _best(
        probabilities, masks, thresholds, _pooled_iou, lambda each: len(each) - 1 - np.argmax(each[::-1])
    )


def _worst(probabilities, masks, thresholds):
    return _best(probabilities, masks, thresholds, _pooled_iou, np.argmin)


def _not_greater(probabilities, masks, thresholds):
    return _best(probabilities, masks, thresholds, _pooled_iou, found=np.greater_equal)


def _by_recall(probabilities, masks, thresholds):
    return _best(
        probabilities,
        masks,
        thresholds,
        lambda answers, masks: sum((a & m).sum() for a, m in zip(answers, masks, strict=True)),
    )


def _by_precision(probabilities, masks, thresholds):
    def precision(answers, masks):
        found = sum(a.sum() for a in answers)
        return sum((a & m).sum() for a, m in zip(answers, masks, strict=True)) / found if found else 0

    return _best(probabilities, masks, thresholds, precision)


def _mean_of_both(probabilities, masks, thresholds):
    def both(answers, masks):
        background = [~m for m in masks]
        return (_pooled_iou(answers, masks) + _pooled_iou([~a for a in answers], background)) / 2

    return _best(probabilities, masks, thresholds, both)


def _better_than_nothing(probabilities, masks, thresholds):
    best, where = 0, None
    for threshold in thresholds:
        score = _pooled_iou([p > threshold for p in probabilities], masks)
        if score > best:
            best, where = score, float(threshold)
    return where


def _better_than_nothing_or_the_last(probabilities, masks, thresholds):
    found = _better_than_nothing(probabilities, masks, thresholds)
    return float(thresholds[-1]) if found is None else found


def _first_image(probabilities, masks, thresholds):
    return choose_threshold(probabilities[:1], masks[:1], thresholds)


def _always_a_half(probabilities, masks, thresholds):
    return 0.5


def _its_place(probabilities, masks, thresholds):
    return float(list(thresholds).index(choose_threshold(probabilities, masks, thresholds)))


def _its_score(probabilities, masks, thresholds):
    return float(max(_pooled_iou([p > t for p in probabilities], masks) for t in thresholds))


ROW = (
    [np.array([[0.05, 0.15, 0.35, 0.45, 0.1, 0.3]])],
    [np.array([[False, False, True, True, False, False]])],
    np.array([0.1, 0.2, 0.3, 0.4, 0.5]),
)
LEVELS = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])
TIES = (  # nothing lies between 0.2 and 0.5; one value stands on a threshold
    [np.array([[0.15, 0.1, 0.6, 0.55]]), np.array([[0.2, 0.05], [0.7, 0.1]])],
    [np.array([[False, False, True, True]]), np.array([[False, False], [True, False]])],
    LEVELS,
)
ALL_ZERO = [np.array([[0.1, 0.2]])], [np.array([[True, False]])], np.array([0.3, 0.6])
RARE = (  # to find two pixels of a rare object, three false alarms are worth their price
    [np.array([[0.35, 0.05, 0.35, 0.05, 0.35], [0.35, 0.05, 0.05, 0.05, 0.35]])],
    [np.array([[True, False, False, False, True], [False, False, False, False, False]])],
    LEVELS,
)
NO_MISSES = (  # to find all of an object, a false alarm is worth its price
    [np.array([[0.65, 0.35, 0.35, 0.35]])],
    [np.array([[True, True, True, False]])],
    LEVELS,
)
OBJECT_ALONE = (  # the background would rather have a low threshold
    [np.array([[0.35, 0.35, 0.65, 0.35, 0.15, 0.15]])],
    [np.array([[False, False, False, False, True, True]])],
    np.array([0.1, 0.3, 0.6]),
)
LARGE_AND_SMALL = (  # a large object that wants a low threshold, and two small ones that want a high one
    [
        np.array([[0.35, 0.35, 0.35], [0.35, 0.35, 0.35], [0.65, 0.65, 0.05]]),
        np.array([[0.65, 0.35, 0.35]]),
        np.array([[0.35], [0.65]]),
    ],
    [
        np.array([[True, True, True], [True, True, True], [True, True, False]]),
        np.array([[True, False, False]]),
        np.array([[False], [True]]),
    ],
    LEVELS,
)


def _rare(rng):
    cases = []
    for shapes in (((2, 3),), ((3, 4), (2, 2)), ((5, 4), (4, 5), (2, 6)), ((6, 6), (3, 3))):
        masks = [rng.random(shape) < 0.25 for shape in shapes]
        masks[0].flat[0] = True
        probabilities = [(0.35 * m + rng.random(m.shape) * 0.45).round(2) for m in masks]
        cases.append((probabilities, masks, LEVELS))
    return cases


THRESHOLD = Exercise(
    slug="tune-threshold",
    lesson="13",
    title="A threshold, chosen on validation",
    minutes=8,
    points=4,
    hints=(
        "For one threshold you have one mask an image. Count the pixels of all intersections and of all unions, over "
        "all images, and divide once.",
        "`sum((a & m).sum() for …)` over the pairs of answer and mask; do that for every threshold, and remember the "
        "best.",
        "`np.argmax` of the list of IoUs gives the place of the first of equal ones; answer the threshold there.",
    ),
    reference=choose_threshold,
    properties=(
        Property("is right on one row of pixels", [ROW]),
        Property("goes low for a rare object, though it costs accuracy", [RARE, NO_MISSES]),
        Property("takes the lowest of thresholds that are equally good", [TIES]),
        Property("takes the lowest, too, where every IoU is 0", [ALL_ZERO], weight=0.5),
        Property("pools the pixels of all images", [LARGE_AND_SMALL]),
        Property("asks for the IoU of the object, not of the background too", [OBJECT_ALONE], weight=0.5),
        Property("is right on random images", _rare, weight=2),
    ),
    mistakes=(
        Mistake(
            "by accuracy",
            _by_accuracy,
            "Your threshold has the best *accuracy*. Where the object is rare, nearly every threshold has a good one "
            "(lesson 01): take the IoU of the object.",
        ),
        Mistake(
            "image by image",
            _image_by_image,
            "You took the mean of the images' IoUs. That is a policy, too, but here pixels are pooled: one "
            "intersection and one union for all images, then one division.",
        ),
        Mistake(
            "last of equals",
            _last_of_equals,
            "Among equally good thresholds you took the last; the lowest is asked for.",
        ),
        Mistake("the worst", _worst, "You took the threshold of the *smallest* IoU."),
        Mistake(
            "equal counts as object",
            _not_greater,
            "A pixel that *equals* the threshold counts as object in your answer. The course's rule is: greater.",
        ),
        Mistake(
            "by recall",
            _by_recall,
            "Your threshold finds most of the object, at any price: that is always the lowest. False alarms belong "
            "into the union.",
        ),
        Mistake(
            "by precision",
            _by_precision,
            "Your threshold makes the fewest false alarms, at any price: that is mostly a high one. Misses belong into "
            "the union, too.",
        ),
        Mistake(
            "mean over object and background",
            _mean_of_both,
            "You took the mean IoU of object and background. The object alone is asked for.",
        ),
        Mistake("first image only", _first_image, "Your threshold was chosen on the first image alone."),
        Mistake("always ½", _always_a_half, "You answered 0.5. Try all thresholds.", throughout=True),
        Mistake(
            "its place", _its_place, "You returned the place of the threshold in the list, not the threshold."
        ),
        Mistake(
            "its IoU", _its_score, "You returned the best IoU. The threshold that reaches it is asked for."
        ),
        *(
            Mistake(
                name,
                wrong,
                "Where every IoU is 0, all thresholds are equally good, and the lowest is asked for; but none is "
                "better than the 0 that you start from. Start from less, −1 say.",
            )
            for name, wrong in (
                ("none where all are 0", _better_than_nothing),
                ("the last where all are 0", _better_than_nothing_or_the_last),
            )
        ),
    ),
)

# ------------------------------------------------------------------------------------------ one seed


def misjudged(a, b):
    better, worse = (a, b) if np.mean(a) > np.mean(b) else (b, a)
    difference = np.subtract.outer(better, worse)
    return float(((difference < 0) + 0.5 * (difference == 0)).mean())


def _same_seed_pairs(a, b):
    n = min(len(a), len(b))
    better, worse = (a, b) if np.mean(a) > np.mean(b) else (b, a)
    difference = np.asarray(better)[:n] - np.asarray(worse)[:n]
    return float(((difference < 0) + 0.5 * (difference == 0)).mean())


def _judged_well(a, b):
    return 1 - misjudged(a, b)


def _ties_forgotten(a, b):
    better, worse = (a, b) if np.mean(a) > np.mean(b) else (b, a)
    return float((np.subtract.outer(better, worse) < 0).mean())


def _ties_misjudged(a, b):
    better, worse = (a, b) if np.mean(a) > np.mean(b) else (b, a)
    return float((np.subtract.outer(better, worse) <= 0).mean())


def _a_is_better(a, b):
    difference = np.subtract.outer(a, b)
    return float(((difference < 0) + 0.5 * (difference == 0)).mean())


def _b_is_better(a, b):
    return _a_is_better(b, a)


def _by_the_best(a, b):
    better, worse = (a, b) if np.max(a) > np.max(b) else (b, a)
    difference = np.subtract.outer(better, worse)
    return float(((difference < 0) + 0.5 * (difference == 0)).mean())


def _by_the_median(a, b):
    better, worse = (a, b) if np.median(a) > np.median(b) else (b, a)
    difference = np.subtract.outer(better, worse)
    return float(((difference < 0) + 0.5 * (difference == 0)).mean())


def _by_the_sum(a, b):
    better, worse = (a, b) if np.sum(a) > np.sum(b) else (b, a)
    difference = np.subtract.outer(better, worse)
    return float(((difference < 0) + 0.5 * (difference == 0)).mean())


def _the_smaller_share(a, b):
    return min(misjudged(a, b), 1 - misjudged(a, b))


def _how_many(a, b):
    return misjudged(a, b) * len(a) * len(b)


LUCKY = np.array([0.9, 0.1, 0.1]), np.array([0.3, 0.3, 0.2])  # better on average, by one run of three
UNLUCKY = (
    np.array([0.1, 0.45, 0.45]),
    np.array([0.4, 0.4, 0.6]),
)  # the larger median, worse on average and in pairs
TWO = np.array([0.40, 0.44, 0.48]), np.array([0.43, 0.46])


def _runs(rng):
    cases = []
    for n, m in ((2, 2), (3, 3), (5, 5), (4, 2), (5, 3)):
        a, b = rng.normal(0.50, 0.03, n).round(2), rng.normal(0.52, 0.03, m).round(2)
        if abs(a.mean() - b.mean()) < 1e-6:
            a = a + 0.01
        cases.append((a, b))
    return cases


ONE_SEED = Exercise(
    slug="one-seed",
    lesson="13",
    title="If there had been one seed each",
    minutes=5,
    points=3,
    hints=(
        "Which of the two is better on average? Then take every run of the one with every run of the other: how many "
        "such pairs are there, and in how many does the worse loss win?",
        "`np.subtract.outer(better, worse)` is the table of all differences. A negative one is a wrong judgement, 0 is "
        "half of one.",
        "`((difference < 0) + 0.5 * (difference == 0)).mean()`",
    ),
    reference=misjudged,
    bounds=(0, 1),
    properties=(
        Property("is right on the worked example", [TWO]),
        Property(
            "is the same whichever comes first",
            [(TWO[1], TWO[0]), (np.array([0.3, 0.5]), np.array([0.45, 0.2, 0.3]))],
        ),
        Property("is 0 where the runs do not overlap", [(np.array([0.1, 0.2]), np.array([0.3, 0.5, 0.4]))]),
        Property(
            "counts a tie as half",
            [(np.array([0.5, 0.6]), np.array([0.5, 0.4])), (np.array([0.2]), np.array([0.2, 0.1]))],
        ),
        Property("goes by the means, whatever pairs and medians say", [LUCKY, LUCKY[::-1], UNLUCKY]),
        Property("is right on random runs", _runs, weight=2),
    ),
    mistakes=(
        Mistake(
            "the same seed only",
            _same_seed_pairs,
            "You compared run 1 with run 1, run 2 with run 2. The question is about *any* run of the one and *any* run "
            "of the other: all pairs.",
        ),
        Mistake(
            "judged rightly",
            _judged_well,
            "That is the share of pairs that judge *rightly*; the others are asked for.",
        ),
        Mistake(
            "ties left out",
            _ties_forgotten,
            "Equal scores count as right judgements in your answer. They decide nothing: half of them are wrong.",
        ),
        Mistake(
            "ties counted whole",
            _ties_misjudged,
            "Equal scores count as wrong judgements in your answer. They decide nothing: half of them are right.",
        ),
        Mistake(
            "the first is the better",
            _a_is_better,
            "You took it that `a` is the better loss. Look at the means first.",
        ),
        Mistake(
            "the second is the better",
            _b_is_better,
            "You took it that `b` is the better loss. Look at the means first.",
        ),
        Mistake(
            "by the best run",
            _by_the_best,
            "You called that loss better which has the best single run. One lucky seed does that; the *means* decide.",
        ),
        Mistake(
            "by the sum",
            _by_the_sum,
            "You called that loss better whose runs have the larger *sum*: more runs then make a better loss. The "
            "*means* decide.",
        ),
        Mistake(
            "the smaller share",
            _the_smaller_share,
            "You took the smaller of two shares, and so the loss that wins more pairs as the better one. The *means* "
            "decide which is better; then more than half of the pairs can judge wrongly.",
        ),
        Mistake(
            "by the median",
            _by_the_median,
            "You called that loss better which has the larger *median*. The *means* decide.",
        ),
        Mistake("how many", _how_many, "That is the number of pairs; their share is asked for."),
    ),
)

# ------------------------------------------------------------------------------------------ Lovász


def lovasz_loss(p, y):
    errors = np.abs(y - p)
    order = np.argsort(-errors, kind="stable")
    return float(errors[order] @ np.diff(_jaccard_losses(y[order]), prepend=0))


def _jaccard_losses(y):
    """The Jaccard loss after 1, 2, … n pixels, from the first on, have become wrong."""
    left = y.sum() - np.cumsum(y)
    return 1 - left / (y.sum() + np.cumsum(~y))


def _smallest_first(p, y):
    errors = np.abs(y - p)
    order = np.argsort(errors, kind="stable")
    return float(errors[order] @ np.diff(_jaccard_losses(y[order]), prepend=0))


def _not_the_steps(p, y):
    errors = np.abs(y - p)
    order = np.argsort(-errors, kind="stable")
    return float(errors[order] @ _jaccard_losses(y[order]))


def _unsorted(p, y):
    return float(np.abs(y - p) @ np.diff(_jaccard_losses(y), prepend=0))


def _sorted_errors_unsorted_truth(p, y):
    errors = np.sort(np.abs(y - p))[::-1]
    return float(errors @ np.diff(_jaccard_losses(y), prepend=0))


def _mean_error(p, y):
    return float(np.abs(y - p).mean())


def _soft_jaccard(p, y):
    both = (p * y).sum()
    return float(1 - both / (p.sum() + y.sum() - both))


def _sorted_by_p(p, y):
    errors = np.abs(y - p)
    order = np.argsort(-p, kind="stable")
    return float(errors[order] @ np.diff(_jaccard_losses(y[order]), prepend=0))


def _union_too_small(p, y):
    errors = np.abs(y - p)
    order = np.argsort(-errors, kind="stable")
    y = y[order]
    losses = 1 - (y.sum() - np.cumsum(y)) / y.sum()
    return float(errors[order] @ np.diff(losses, prepend=0))


def _first_step_lost(p, y):
    errors = np.abs(y - p)
    order = np.argsort(-errors, kind="stable")
    losses = _jaccard_losses(y[order])
    return float(errors[order][1:] @ np.diff(losses))


def _signed_errors(p, y):
    errors = y - p
    order = np.argsort(-errors, kind="stable")
    return float(errors[order] @ np.diff(_jaccard_losses(y[order]), prepend=0))


def _signed_the_other_way(p, y):
    errors = p - y
    order = np.argsort(-errors, kind="stable")
    return float(errors[order] @ np.diff(_jaccard_losses(y[order]), prepend=0))


def _errors_unsorted(p, y):
    errors = np.abs(y - p)
    order = np.argsort(-errors, kind="stable")
    return float(errors @ np.diff(_jaccard_losses(y[order]), prepend=0))


def _one_minus(p, y):
    return 1 - lovasz_loss(p, y)


THREE = np.array([0.6, 0.9, 0.3]), np.array([True, True, False])


def _lines(rng):
    cases = []
    for n in (2, 3, 4, 6, 9):
        y = rng.random(n) < 0.4
        y[-1] = True
        cases.append((rng.permutation(np.linspace(0.03, 0.97, n)).round(2), y))
    return cases


LOVASZ = Exercise(
    slug="lovasz-steps",
    lesson="13",
    title="Going further: Lovász",
    minutes=12,
    points=5,
    hints=(
        "Work the example on paper: errors 0.4, 0.1, 0.3. The first to become wrong is pixel 0 (of the object), then "
        "pixel 2 (background), then pixel 1. What is the Jaccard loss after each?",
        "With the truth in that order: what is left of the object after i pixels is `y.sum() - np.cumsum(y)`, and the "
        "union is `y.sum() + np.cumsum(~y)`. The steps are the differences, the first from 0.",
        "`errors[order] @ np.diff(1 - left / union, prepend=0)` with `order = np.argsort(-errors)`",
    ),
    reference=lovasz_loss,
    bounds=(0, 1),
    properties=(
        Property("is right on the worked example", [THREE]),
        Property(
            "is the Jaccard loss for masks",
            [
                (np.array([1.0, 1, 0, 0]), np.array([True, False, True, False])),
                (np.array([0.0, 1, 1]), np.array([False, True, True])),
                (np.array([0.0, 0, 0]), np.array([True, True, False])),
            ],
        ),
        Property("is right on random rows", _lines, weight=2),
    ),
    mistakes=(
        Mistake(
            "errors with the other sign",
            _signed_the_other_way,
            "An error is a *size*, |y − p|. Without `np.abs` those of misses are negative: they come last in order, "
            "and make the loss smaller.",
        ),
        Mistake(
            "errors left unsorted",
            _errors_unsorted,
            "The steps are in falling order of error; so must the errors be: `errors[order]`.",
        ),
        Mistake(
            "one minus the loss",
            _one_minus,
            "That is one minus the loss: it is 1 for a perfect answer. A loss is made *small*.",
        ),
        Mistake(
            "smallest first",
            _smallest_first,
            "You let the pixels with the *smallest* errors become wrong first. The worst go first.",
        ),
        Mistake(
            "not the steps",
            _not_the_steps,
            "You charged each pixel the whole Jaccard loss so far. It pays only the *step* that it adds.",
        ),
        *(
            Mistake(
                name,
                wrong,
                "Errors and truth are not in the same order, that of falling errors: sort both by one `order`.",
            )
            for name, wrong in (
                ("nothing sorted", _unsorted),
                ("truth left unsorted", _sorted_errors_unsorted_truth),
            )
        ),
        Mistake(
            "sorted by p",
            _sorted_by_p,
            "You sorted by p. The order is that of the *errors* |y − p|: a sure miss is as bad as a sure false alarm.",
        ),
        Mistake(
            "mean error",
            _mean_error,
            "That is the mean error: every pixel pays the same price. The steps of the Jaccard loss are the prices.",
        ),
        Mistake(
            "soft Jaccard",
            _soft_jaccard,
            "That is the soft Jaccard loss, Tversky at 1, 1. It agrees with Lovász for masks, but not in between.",
        ),
        *(  # these two are equal: without np.abs all misses come first, and after them no step is left
            Mistake(
                name,
                wrong,
                "Only misses cost something in your answer, false alarms are free. Are your errors *sizes*, |y − p|? "
                "Without `np.abs` those of false alarms are negative, and come last. And what do you divide by? A "
                "wrong pixel of the background joins the *union*; the size of the object stays.",
            )
            for name, wrong in (
                ("errors with a sign", _signed_errors),
                ("false alarms free", _union_too_small),
            )
        ),
        Mistake(
            "first step lost",
            _first_step_lost,
            "The first pixel's step is missing: before it the Jaccard loss was 0 (`np.diff` has a `prepend`).",
        ),
    ),
)

EXERCISES = [PRICES, DICE, HONEST, THRESHOLD, ONE_SEED, LOVASZ]
