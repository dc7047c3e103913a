"""The exercises of lesson 01: pixels, masks and scores."""

import numpy as np

from course_utils.checks.framework import Exercise, Mistake, Property, small_masks

# ------------------------------------------------------------------------------------------ three scores


def three_scores(target, prediction):
    tp, fp = np.sum(target & prediction), np.sum(~target & prediction)
    fn, tn = np.sum(target & ~prediction), np.sum(~target & ~prediction)
    return (tp + tn) / target.size, tp / (tp + fp + fn), 2 * tp / (2 * tp + fp + fn)


def _accuracy_without_background(target, prediction):
    _, iou, dice = three_scores(target, prediction)
    return np.sum(target & prediction) / np.sum(target | prediction), iou, dice


def _iou_over_sum(target, prediction):
    accuracy, _, dice = three_scores(target, prediction)
    return accuracy, np.sum(target & prediction) / (np.sum(target) + np.sum(prediction)), dice


def _iou_with_background(target, prediction):
    accuracy, _, dice = three_scores(target, prediction)
    return accuracy, accuracy, dice


def _dice_without_two(target, prediction):
    accuracy, iou, dice = three_scores(target, prediction)
    return accuracy, iou, dice / 2


def _swapped(target, prediction):
    accuracy, iou, dice = three_scores(target, prediction)
    return accuracy, dice, iou


def _precision(target, prediction):
    accuracy, _, dice = three_scores(target, prediction)
    return accuracy, np.sum(target & prediction) / max(np.sum(prediction), 1), dice


def _dice_over_union(target, prediction):
    accuracy, iou, _ = three_scores(target, prediction)
    return accuracy, iou, min(2 * iou, 1)


def _recall(target, prediction):
    accuracy, _, dice = three_scores(target, prediction)
    return accuracy, np.sum(target & prediction) / max(np.sum(target), 1), dice


TRUTH = np.array([[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 1, 0, 0]], bool)
ANSWER = np.array([[0, 0, 0, 0], [0, 0, 1, 1], [0, 1, 1, 0], [0, 0, 0, 0]], bool)
ONE, NONE = np.ones((2, 3), bool), np.zeros((2, 3), bool)


def _pairs(rng):
    """Pairs of masks of which at least one has an object pixel."""
    pairs = [(mask, rng.random(mask.shape) < rng.uniform(0.2, 0.8)) for mask in small_masks(rng, count=16)]
    return [(a, b) for a, b in pairs if (a | b).any()]


THREE_SCORES = Exercise(
    slug="three-scores",
    lesson="01",
    title="Three scores",
    minutes=5,
    points=3,
    hints=(
        "Accuracy asks: of *all* pixels, how many are right? IoU and Dice never look at `tn`.",
        "IoU: the hits, divided by every pixel that truth or answer calls object. Which three counts are these?",
        "`iou = tp / (tp + fp + fn)`. Dice counts the hits twice, above and below the line.",
    ),
    reference=three_scores,
    bounds=(0, 1),
    properties=(
        Property("is right on the worked example", [(TRUTH, ANSWER)]),
        Property("is right on random masks", _pairs, weight=2),
        Property("scores an empty answer", [(ONE, NONE), (TRUTH, np.zeros_like(TRUTH))]),
    ),
    mistakes=(
        Mistake(
            "swapped",
            _swapped,
            "IoU and Dice have changed places. The order asked for is accuracy, IoU, Dice.",
        ),
        Mistake(
            "sum instead of union",
            _iou_over_sum,
            "Your IoU divides by the sizes of both masks added up, so the overlap is counted twice below the line. "
            "The union has it once.",
        ),
        Mistake(
            "background in IoU",
            _iou_with_background,
            "Your IoU counts the background on which both agree: that is accuracy again. Leave `tn` out.",
        ),
        Mistake(
            "no two in Dice",
            _dice_without_two,
            "Your Dice counts the hits once above the line, but twice below it. It must be able to reach 1.",
        ),
        Mistake(
            "no background in accuracy",
            _accuracy_without_background,
            "Your accuracy leaves out the background that was rightly left alone. Accuracy counts every right pixel.",
        ),
        Mistake(
            "Dice over the union",
            _dice_over_union,
            "Your Dice divides by the union. Below its line stand both masks, so the hits count twice "
            "there too.",
        ),
        Mistake(
            "recall",
            _recall,
            "Your IoU is the recall: it does not mind false alarms. Which pixels are in the union?",
        ),
        Mistake(
            "precision",
            _precision,
            "Your IoU is the precision: it does not mind what was missed. Which pixels are in the union?",
        ),
    ),
)

# -------------------------------------------------------------------------------------- confusion matrix


def confusion(target, prediction, classes):
    scored = target != 255
    cells = classes * target[scored].astype(int) + prediction[scored]
    return np.bincount(cells, minlength=classes**2).reshape(classes, classes)


def _columns_are_truth(target, prediction, classes):
    return confusion(target, prediction, classes).T


def _ignored_as_background(target, prediction, classes):
    return confusion(np.where(target == 255, 0, target), prediction, classes)


def _ignored_in_prediction(target, prediction, classes):
    matrix = np.zeros((classes, classes), int)
    for truth, answer in zip(target.ravel(), prediction.ravel(), strict=True):
        if answer != 255:
            matrix[min(truth, classes - 1), answer] += 1
    return matrix


def _overflow(target, prediction, classes):
    scored = target != 255
    cells = (np.uint8(classes) * target[scored] + prediction[scored]).astype(int)
    full = np.bincount(cells, minlength=classes**2)
    return full[: classes**2].reshape(classes, classes)


def _without_minlength(target, prediction, classes):
    scored = target != 255
    cells = classes * target[scored].astype(int) + prediction[scored]
    counts = np.bincount(cells)
    return counts.reshape(classes, classes)


def _background_left_out(target, prediction, classes):
    matrix = confusion(target, prediction, classes)
    matrix[0] = 0
    return matrix


def _class_maps(rng):
    cases = []
    for classes in (2, 3, 5, 20):
        for _ in range(3):
            shape = tuple(rng.integers(1, 7, 2))
            target = rng.integers(0, classes, shape).astype(np.uint8)
            cases.append((target, rng.integers(0, classes, shape).astype(np.uint8), classes))
    return cases


def _not_flattened(target, prediction, classes):
    scored = np.where(target == 255, 0, target).astype(int)
    return np.bincount(classes * scored + prediction, minlength=classes**2).reshape(classes, classes)


def _with_ignored(rng):
    cases = _class_maps(rng)
    for target, *_ in cases:
        target[rng.random(target.shape) < 0.3] = 255
    return cases


SMALL_T = np.array([[0, 0, 1], [2, 1, 1]], np.uint8)
SMALL_P = np.array([[0, 1, 1], [2, 2, 1]], np.uint8)
MANY = np.full((2, 2), 19, np.uint8)
LARGE_MAP = np.ones((20, 20), np.uint8)


def _nothing_left_out(target, prediction, classes):
    cells = classes * target.ravel().astype(int) + prediction.ravel()
    return np.bincount(cells, minlength=classes**2).reshape(classes, classes)


def _counts_in_uint8(target, prediction, classes):
    return confusion(target, prediction, classes).astype(np.uint8).astype(int)


def _assigned_once(target, prediction, classes):
    matrix = np.zeros((classes, classes), int)
    scored = target != 255
    matrix[target[scored], prediction[scored]] += 1
    return matrix


CONFUSION = Exercise(
    slug="confusion",
    lesson="01",
    title="A confusion matrix",
    minutes=15,
    points=4,
    hints=(
        "First keep the pixels that are scored: `scored = target != 255`, then `target[scored]`.",
        "Number the cells of the matrix: a pixel with target i and prediction j falls into cell `classes * i + j`. "
        "How large can that get, and does it fit into `uint8`?",
        "`np.bincount(cells, minlength=classes**2).reshape(classes, classes)`, with the target made `int` first.",
    ),
    reference=confusion,
    properties=(
        Property("is right on a small example", [(SMALL_T, SMALL_P, 3)]),
        Property("is right on random class maps", _class_maps, weight=2),
        Property("does not score pixels whose target is 255", _with_ignored, weight=2),
        Property("counts more than 255 pixels of a kind", [(LARGE_MAP, LARGE_MAP, 2)]),
        Property("has a row for a class that does not occur", [(SMALL_T, SMALL_P, 6), (MANY, MANY, 20)]),
        Property(
            "gives zeros where every pixel is ignored", [(np.full((1, 3), 255, np.uint8), SMALL_P[:1], 3)]
        ),
    ),
    mistakes=(
        Mistake(
            "transposed",
            _columns_are_truth,
            "Rows and columns are swapped: row i holds the pixels that *are* class i, column j those you *called* j.",
        ),
        Mistake(
            "overflow",
            _overflow,
            "The cell numbers were computed in `uint8` and wrapped around at 256. Convert with `.astype(int)` first.",
        ),
        Mistake(
            "not flattened",
            _not_flattened,
            "`bincount` counts in a row of numbers, not in a table: `.ravel()` the pixels, or select "
            "them with `target[scored]`.",
        ),
        Mistake(
            "no minlength",
            _without_minlength,
            "`bincount` stops at the largest number that occurs. Tell it how many cells there are: `minlength`.",
        ),
        Mistake(
            "255 counted as background",
            _ignored_as_background,
            "Pixels with target 255 were scored as background. They are not background, they are *unknown*: drop them.",
        ),
        Mistake(
            "255 looked for in the prediction",
            _ignored_in_prediction,
            "You dropped pixels by the prediction. It is the *target* that says 255 for pixels to leave out.",
        ),
        Mistake(
            "255 not left out",
            _nothing_left_out,
            "Pixels with target 255 were not left out; as cell numbers they lie beyond the matrix.",
        ),
        Mistake(
            "counted once",
            _assigned_once,
            "`matrix[rows, columns] += 1` adds 1 to a cell only once, however often it is named. "
            "Count with `bincount`.",
        ),
        Mistake(
            "uint8 counts", _counts_in_uint8, "The counts themselves wrap around at 256: count in `int`."
        ),
        Mistake(
            "background left out",
            _background_left_out,
            "Class 0 is a class like the others here; its row must be counted too.",
        ),
    ),
)

# ----------------------------------------------------------------------------------------- mean over images


def mean_iou(targets, predictions):
    return float(np.mean([_iou(t, p) for t, p in zip(targets, predictions, strict=True)]))


def _iou(target, prediction, empty=1.0):
    union = np.sum(target | prediction)
    return np.sum(target & prediction) / union if union else empty


def _pooled(targets, predictions):
    hits = sum(np.sum(t & p) for t, p in zip(targets, predictions, strict=True))
    union = sum(np.sum(t | p) for t, p in zip(targets, predictions, strict=True))
    return float(hits / union) if union else 1.0


def _empty_is_zero(targets, predictions):
    return float(np.mean([_iou(t, p, 0.0) for t, p in zip(targets, predictions, strict=True)]))


def _empty_left_out(targets, predictions):
    scores = [_iou(t, p) for t, p in zip(targets, predictions, strict=True) if (t | p).any()]
    return float(np.mean(scores)) if scores else 1.0


def _no_objects_is_one(targets, predictions):
    return float(np.mean([_iou(t, p) if t.any() else 1.0 for t, p in zip(targets, predictions, strict=True)]))


def _no_answer_is_one(targets, predictions):
    return float(np.mean([_iou(t, p) if p.any() else 1.0 for t, p in zip(targets, predictions, strict=True)]))


def _background_too_mean(targets, predictions):
    both = [(_iou(t, p) + _iou(~t, ~p)) / 2 for t, p in zip(targets, predictions, strict=True)]
    return float(np.mean(both))


def _sum_of_scores(targets, predictions):
    return float(sum(_iou(t, p) for t, p in zip(targets, predictions, strict=True)))


def _mean_dice(targets, predictions):
    ious = np.array([_iou(t, p) for t, p in zip(targets, predictions, strict=True)])
    return float(np.mean(2 * ious / (1 + ious)))


def _only_first(targets, predictions):
    return float(_iou(targets[0], predictions[0]))


def _collections(rng):
    cases = []
    for number in (1, 2, 3, 4):
        targets = small_masks(rng, count=number)[:number]
        cases.append((targets, [rng.random(t.shape) < rng.uniform(0.1, 0.9) for t in targets]))
    return cases


LARGE, LARGE_ANSWER = np.ones((3, 4), bool), np.eye(3, 4, dtype=bool)
SPOT = np.array([[True, False]])

MEAN_IOU = Exercise(
    slug="mean-iou-over-images",
    lesson="01",
    title="Mean over pictures",
    minutes=8,
    points=3,
    hints=(
        "Compute one IoU per pair of masks first; average only at the very end.",
        "What does your formula divide by when both masks are empty? Decide that case before you divide.",
        "`scores.append(intersection / union if union else 1.0)`, and at the end `float(np.mean(scores))`.",
    ),
    reference=mean_iou,
    bounds=(0, 1),
    properties=(
        Property("is right for two pictures of different size", [([LARGE, SPOT], [LARGE_ANSWER, SPOT])]),
        Property("is right for random collections", _collections, weight=2),
        Property(
            "counts a picture on which both masks are empty as 1",
            [([NONE, LARGE], [NONE, LARGE_ANSWER]), ([NONE], [NONE])],
        ),
        Property("counts a false alarm on an empty truth as 0", [([NONE, LARGE], [ONE, LARGE])]),
        Property("counts an object that was missed entirely as 0", [([ONE, LARGE], [NONE, LARGE_ANSWER])]),
    ),
    mistakes=(
        Mistake(
            "pooled",
            _pooled,
            "You pooled the pixels of all pictures into one IoU, so large objects outvote small ones. "
            "Here every picture has one vote: average the IoUs.",
        ),
        Mistake("Dice", _mean_dice, "That is the mean Dice: the intersection counts twice in it."),
        Mistake(
            "empty scores 0",
            _empty_is_zero,
            "A picture with nothing to find, where nothing was found, got 0. The policy stated in the exercise says 1.",
        ),
        Mistake(
            "empty left out",
            _empty_left_out,
            "Pictures on which both masks are empty were left out of the mean. The policy here counts them as 1.",
        ),
        Mistake(
            "no object is always right",
            _no_objects_is_one,
            "Where the truth is empty you gave 1 whatever was answered. A false alarm on an empty picture is an error.",
        ),
        Mistake(
            "no answer is always right",
            _no_answer_is_one,
            "Where nothing was predicted you gave 1 whatever the truth is. An object missed entirely "
            "scores 0.",
        ),
        Mistake(
            "sum",
            _sum_of_scores,
            "You added the scores up. The mean divides by the number of pictures.",
        ),
        Mistake(
            "background averaged in",
            _background_too_mean,
            "You averaged the IoU of the object with that of the background. Here only the object counts.",
        ),
        Mistake(
            "only the first", _only_first, "Only the first picture was scored: did the loop return too early?"
        ),
    ),
)

# ------------------------------------------------------------------------------------------------ repair


def iou_of_files(target, prediction):
    return float(_iou(target != 0, prediction != 0))


def _product_overflows(target, prediction):
    union = ((target != 0) | (prediction != 0)).sum()
    return float((target * prediction != 0).sum() / union) if union else 1.0


def _sum_overflows(target, prediction):
    union = (target + prediction != 0).sum()
    hits = ((target != 0) & (prediction != 0)).sum()
    return float(min(hits / union, 1.0)) if union else 1.0


def _only_255(target, prediction):
    return float(_iou(target == 255, prediction == 255))


def _above_half(target, prediction):
    return float(_iou(target > 127, prediction > 127))


def _bitwise(target, prediction):
    if target.dtype.kind == "f" or prediction.dtype.kind == "f":
        return iou_of_files(target, prediction)
    union = ((target | prediction) != 0).sum()
    return float(((target & prediction) != 0).sum() / union) if union else 1.0


def _same_value(target, prediction):
    union = ((target != 0) | (prediction != 0)).sum()
    return float(((target == prediction) & (target != 0)).sum() / union) if union else 1.0


def _positive(target, prediction):
    return float(_iou(target > 0, prediction > 0))


def _empty_truth_is_one(target, prediction):
    return iou_of_files(target, prediction) if (target != 0).any() else 1.0


def _as_integers(target, prediction):
    return iou_of_files(target.astype(int), prediction.astype(int))


def _empty_divides(target, prediction):
    target, prediction = target != 0, prediction != 0
    union = (target | prediction).sum()
    return float((target & prediction).sum() / union) if union else 0.0


def _files(values, dtype):
    def cases(rng):
        pairs = [(rng.choice(values, s), rng.choice(values, s)) for s in ((1, 4), (3, 2), (4, 4), (5, 3))]
        return [(a.astype(dtype), b.astype(dtype)) for a, b in pairs]

    return cases


SIGNED = np.array([[0, -1, 3], [2, 0, -4]], np.int16)
OPPOSITE = np.array([[0, 1, -3], [0, 0, 5]], np.int16)
EMPTY_FILE, FULL_FILE = np.zeros((2, 3), np.uint8), np.full((2, 3), 255, np.uint8)

REPAIR_IOU = Exercise(
    slug="repair-iou",
    lesson="01",
    title="Repair: IoU of files",
    minutes=8,
    points=3,
    hints=(
        "`uint8` holds 0 to 255 and wraps around: 128 + 128 is 0, and so is 128 × 128. Is arithmetic needed at all?",
        "Turn both arrays into bool first. Which comparison makes every value but 0 True?",
        "`target != 0`, `prediction != 0`, then `&` and `|`; and decide what happens when the union is empty.",
    ),
    reference=iou_of_files,
    bounds=(0, 1),
    properties=(
        Property("is right for 0 and 255 in uint8", _files([0, 255], np.uint8)),
        Property("is right for 0 and 128 in uint8", _files([0, 128], np.uint8), weight=2),
        Property(
            "is right for 0 and 1, and for floats",
            lambda rng: _files([0, 1], np.uint8)(rng) + _files([0, 0.5], float)(rng),
        ),
        Property("is right when every object has a number of its own", _files([0, 1, 2, 4, 200], np.uint8)),
        Property("is right for negative numbers, too", [(SIGNED, OPPOSITE), (SIGNED, SIGNED)]),
        Property("scores two empty masks 1", [(np.zeros((2, 2), np.uint8), np.zeros((2, 2), np.uint8))]),
        Property("scores a false alarm, and a miss, 0", [(EMPTY_FILE, FULL_FILE), (FULL_FILE, EMPTY_FILE)]),
    ),
    mistakes=(
        Mistake(
            "product overflows",
            _product_overflows,
            "The product of two `uint8` numbers wraps around: 128 × 128 is 0, so hits vanish. Compare with 0 first.",
        ),
        Mistake(
            "sum overflows",
            _sum_overflows,
            "The sum of two `uint8` numbers wraps around: 128 + 128 is 0, so the union loses pixels. "
            "Compare with 0 first.",
        ),
        Mistake(
            "only 255",
            _only_255,
            "You look for exactly 255. The contract says: any value other than 0 is object.",
        ),
        Mistake(
            "above the middle",
            _above_half,
            "You cut at the middle of 0 to 255. Any value other than 0 is object, 1 and 0.5 too.",
        ),
        Mistake(
            "same value",
            _same_value,
            "You count a hit only where both masks hold the same number. Any value other than 0 is object, whichever.",
        ),
        Mistake(
            "bits instead of truth",
            _bitwise,
            "`&` and `|` on integers work bit by bit: 1 & 2 is 0 although both are object. Make them bool first.",
        ),
        Mistake("only positive", _positive, "Negative numbers are object, too: any value other than 0 is."),
        Mistake(
            "empty truth is always right",
            _empty_truth_is_one,
            "Where the truth is empty you gave 1 whatever was answered. Only where *both* are empty is it 1.",
        ),
        Mistake(
            "made integers",
            _as_integers,
            "`astype(int)` cuts 0.5 down to 0, so a faint object vanishes.",
        ),
        Mistake(
            "empty masks", _empty_divides, "Two empty masks agree completely; the contract asks for 1.0."
        ),
    ),
)

# ---------------------------------------------------------------------------------------------- instances


def instance_hits(target, prediction):
    hits = 0
    for i in np.unique(target[target > 0]):
        for j in np.unique(prediction[prediction > 0]):
            hits += _iou(target == i, prediction == j) > 0.5
    return int(hits)


def _any_overlap(target, prediction):
    return len(np.unique(target[(target > 0) & (prediction > 0)]))


def _same_number(target, prediction):
    return int(sum(_iou(target == i, prediction == i) > 0.5 for i in np.unique(target[target > 0])))


def _background_too(target, prediction):
    return int(instance_hits(target, prediction) + (_iou(target == 0, prediction == 0) > 0.5))


def _covered(target, prediction):
    covered = [
        ((prediction > 0) & (target == i)).sum() > 0.5 * (target == i).sum()
        for i in np.unique(target[target > 0])
    ]
    return int(sum(covered))


def _recall_of_one(target, prediction):
    hits = 0
    for i in np.unique(target[target > 0]):
        inside = target == i
        sizes = [(inside & (prediction == j)).sum() for j in np.unique(prediction[prediction > 0])]
        hits += max(sizes, default=0) > 0.5 * inside.sum()
    return int(hits)


def _at_least_half(target, prediction):
    hits = 0
    for i in np.unique(target[target > 0]):
        hits += any(_iou(target == i, prediction == j) >= 0.5 for j in np.unique(prediction[prediction > 0]))
    return int(hits)


def _dice_above_half(target, prediction):
    hits = 0
    for i in np.unique(target[target > 0]):
        ious = [_iou(target == i, prediction == j) for j in np.unique(prediction[prediction > 0])]
        hits += any(2 * v / (1 + v) > 0.5 for v in ious)
    return int(hits)


def _numbered_from_one(target, prediction):
    hits = 0
    for i in range(1, len(np.unique(target[target > 0])) + 1):
        for j in np.unique(prediction[prediction > 0]):
            hits += _iou(target == i, prediction == j) > 0.5
    return int(hits)


THREE = np.array([[1, 1, 0, 2, 2], [1, 1, 0, 2, 2], [0, 0, 0, 0, 0], [7, 7, 7, 7, 0]])
RENAMED = np.array([[5, 5, 0, 1, 1], [5, 5, 0, 1, 1], [0, 0, 0, 0, 0], [2, 2, 2, 2, 0]])
MERGED = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0], [7, 7, 7, 0, 0]])
CUT = np.array([[1, 2, 0, 3, 3], [1, 2, 0, 3, 3], [0, 0, 0, 0, 0], [4, 4, 5, 5, 0]])
HALF_T, HALF_P = np.array([[1, 1, 0, 3]]), np.array([[1, 0, 0, 3]])
THIRD_T, THIRD_P = np.array([[1, 1, 1, 1, 0, 0]]), np.array([[0, 0, 5, 5, 5, 5]])
FORTY_T, FORTY_P = np.array([[2, 2, 2, 2, 2, 0]]), np.array([[0, 0, 4, 4, 4, 4]])


def _label_maps(rng):
    cases = []
    for _ in range(12):
        target = np.repeat(np.repeat(rng.integers(0, 4, (2, 2)), 3, 0), 3, 1)
        prediction = np.roll(target, tuple(rng.integers(-1, 2, 2)), (0, 1))
        prediction = rng.permutation(5)[prediction] * (prediction > 0)
        cases.append((target, prediction))
    return cases


INSTANCE_HITS = Exercise(
    slug="instance-hits",
    lesson="01",
    title="Going further: count the hits",
    minutes=20,
    points=4,
    hints=(
        "Go through the true objects: `for i in np.unique(target[target > 0])`. "
        "Only predicted objects that lie under object i can match it.",
        "For a pair (i, j) you need the IoU of the masks `target == i` and `prediction == j`: "
        "the whole predicted object, not only its part inside.",
        "`(inside & other).sum() / (inside | other).sum() > 0.5` counts one hit; above one half no second j can do so.",
    ),
    reference=instance_hits,
    properties=(
        Property(
            "finds all objects of a perfect answer, whatever their numbers",
            [(THREE, THREE), (THREE, RENAMED)],
        ),
        Property("loses objects that were merged", [(THREE, MERGED)]),
        Property("loses objects that were cut in two", [(THREE, CUT)]),
        Property("asks for *more* than one half", [(HALF_T, HALF_P)]),
        Property("does not count a weak overlap", [(THIRD_T, THIRD_P), (FORTY_T, FORTY_P)]),
        Property("is right on random label maps", _label_maps, weight=2),
        Property(
            "is 0 where there is nothing",
            [(np.zeros((2, 2), int), THREE[:2, :2]), (THREE, np.zeros_like(THREE))],
        ),
    ),
    mistakes=(
        Mistake(
            "same number",
            _same_number,
            "You compare object 5 with object 5. Numbers of instances are arbitrary: match by overlap, not by name.",
        ),
        Mistake(
            "background matched",
            _background_too,
            "The background was matched like an object. Leave number 0 out on both sides.",
        ),
        Mistake(
            "any overlap", _any_overlap, "You count every object that is touched at all. Ask for IoU > 0.5."
        ),
        Mistake(
            "covered by anything",
            _covered,
            "You ask how much of the object is covered by *any* prediction. It must be *one* predicted object, and its "
            "IoU counts what it covers beyond, too.",
        ),
        Mistake(
            "recall instead of IoU",
            _recall_of_one,
            "You divide by the true object's size, so one prediction that covers everything matches everything. "
            "Divide by the union.",
        ),
        Mistake(
            "numbered from one",
            _numbered_from_one,
            "You count the objects 1, 2, 3 … up to their number. Numbers may be missing: ask "
            "`np.unique` which occur.",
        ),
        Mistake(
            "Dice",
            _dice_above_half,
            "You ask for Dice above one half. IoU is the stricter one: the same overlap has a smaller IoU.",
        ),
        Mistake(
            "half is enough",
            _at_least_half,
            "An IoU of exactly one half was counted; the contract says *above* 0.5.",
        ),
    ),
)

EXERCISES = [THREE_SCORES, CONFUSION, MEAN_IOU, REPAIR_IOU, INSTANCE_HITS]
