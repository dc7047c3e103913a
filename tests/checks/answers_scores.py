"""Lesson 01: answers to its exercises, right ones written in unusual ways and usual mistakes."""

from collections import Counter
from fractions import Fraction

import numpy as np
from answers import right, wrong
from scipy.sparse import coo_matrix

from course_utils import metrics


@right("three-scores")
def sets_of_pixels(target, prediction):
    """Sets of coordinates; Dice counts the object's pixels of both masks."""
    t, p = (set(map(tuple, np.argwhere(mask).tolist())) for mask in (target, prediction))
    return 1 - len(t ^ p) / target.size, len(t & p) / len(t | p), 2 * len(t & p) / (len(t) + len(p))


@right("three-scores")
def dice_from_iou(target, prediction):
    """Means of comparisons, and Dice by its identity with IoU."""
    iou = np.mean((target & prediction)[target | prediction])
    return np.mean(target == prediction), iou, 2 * iou / (1 + iou)


@right("three-scores")
def course_library(target, prediction):
    matrix = metrics.confusion_matrix(target, prediction)
    return float(metrics.accuracy(matrix)), metrics.iou(matrix)[1], metrics.mask_dice(target, prediction)


@wrong("three-scores")
def dice_without_two(target, prediction):
    """The factor two is below the line of Dice only."""
    tp, fp, fn, tn = counts(target, prediction)
    return (tp + tn) / target.size, tp / (tp + fp + fn), tp / (2 * tp + fp + fn)


@wrong("three-scores")
def union_counts_twice(target, prediction):
    """Both areas are added without taking the overlap off once."""
    tp, fp, fn, tn = counts(target, prediction)
    return (tp + tn) / target.size, tp / (target.sum() + prediction.sum()), 2 * tp / (2 * tp + fp + fn)


@wrong("three-scores")
def other_order(target, prediction):
    """Dice and IoU have changed places."""
    tp, fp, fn, tn = counts(target, prediction)
    return (tp + tn) / target.size, 2 * tp / (2 * tp + fp + fn), tp / (tp + fp + fn)


@wrong("three-scores")
def accuracy_of_object(target, prediction):
    """The accuracy forgets the background that is right."""
    tp, fp, fn, _ = counts(target, prediction)
    return tp / target.size, tp / (tp + fp + fn), 2 * tp / (2 * tp + fp + fn)


@wrong("three-scores")
def precision_for_iou(target, prediction):
    """IoU without the missed pixels is precision (and has nothing to divide by for an empty answer)."""
    tp, fp, fn, tn = counts(target, prediction)
    return (tp + tn) / target.size, tp / (tp + fp) if tp else 0.0, 2 * tp / (2 * tp + fp + fn)


@wrong("three-scores")
def rounded_scores(target, prediction):
    """Rounded to two digits."""
    tp, fp, fn, tn = counts(target, prediction)
    exact = (tp + tn) / target.size, tp / (tp + fp + fn), 2 * tp / (2 * tp + fp + fn)
    return tuple(round(float(score), 2) for score in exact)


@wrong("three-scores")
def named_scores(target, prediction):
    """A dictionary, although a tuple is asked for."""
    accuracy, iou, dice = dice_from_iou(target, prediction)
    return {"accuracy": accuracy, "iou": iou, "dice": dice}


def counts(target, prediction):
    """The four counts of the exercise's stub."""
    tp = np.sum(target & prediction)
    fp = np.sum(~target & prediction)
    fn = np.sum(target & ~prediction)
    tn = np.sum(~target & ~prediction)
    return tp, fp, fn, tn


@right("confusion")
def one_hot_product(target, prediction, classes):
    """A matrix product of one-hot rows; a target of 255 is hot in no column."""
    numbers = np.arange(classes)
    rows = (target.reshape(-1, 1) == numbers).astype(np.int64)
    return rows.T @ (prediction.reshape(-1, 1) == numbers).astype(np.int64)


@right("confusion")
def sparse_matrix(target, prediction, classes):
    """A sparse matrix in coordinate form adds up what is entered twice."""
    scored = target < 255
    ones = np.ones(np.count_nonzero(scored), dtype=int)
    return coo_matrix((ones, (target[scored], prediction[scored])), shape=(classes, classes)).toarray()


@right("confusion")
def sorted_pairs(target, prediction, classes):
    """Sort the pairs, and measure how long each stretch of equal pairs is."""
    pairs = np.sort((target.astype(int) * 256 + prediction).ravel())
    rows, columns = np.indices((classes, classes))
    wanted = rows * 256 + columns
    return np.searchsorted(pairs, wanted, side="right") - np.searchsorted(pairs, wanted, side="left")


@wrong("confusion")
def columns_are_targets(target, prediction, classes):
    """Rows and columns are exchanged."""
    return one_hot_product(target, prediction, classes).T


@wrong("confusion")
def code_in_uint8(target, prediction, classes):
    """The code of a pair is computed in uint8, where 20 · 19 does not fit."""
    scored = target != 255
    code = (target * np.uint8(classes) + prediction)[scored]
    return np.bincount(code, minlength=classes**2)[: classes**2].reshape(classes, classes)


@wrong("confusion")
def buffered_increment(target, prediction, classes):
    """``matrix[rows, columns] += 1`` adds one to each cell, however often it is named."""
    matrix = np.zeros((classes, classes), int)
    scored = target != 255
    matrix[target[scored], prediction[scored]] += 1
    return matrix


@wrong("confusion")
def forgets_minlength(target, prediction, classes):
    """``bincount`` without ``minlength`` is too short when the last pair does not occur."""
    scored = target != 255
    code = target[scored].astype(int) * classes + prediction[scored]
    return np.bincount(code).reshape(classes, classes)


@wrong("confusion")
def unscored_to_zero(target, prediction, classes):
    """The pixels to leave out are counted as background."""
    return one_hot_product(np.where(target == 255, 0, target), prediction, classes)


@wrong("confusion")
def unscored_where_predicted(target, prediction, classes):
    """255 is looked for in the prediction instead of the target, and runs into the last class."""
    scored = prediction != 255
    code = np.minimum(target[scored], classes - 1).astype(int) * classes + prediction[scored]
    return np.bincount(code, minlength=classes**2).reshape(classes, classes)


@wrong("confusion")
def only_classes_that_occur(target, prediction, classes):
    """Classes that no pixel has are missing, so the matrix is smaller."""
    scored = target != 255
    present = np.union1d(target[scored], prediction[scored])
    return np.array(
        [[np.sum((target == row) & (prediction == column)) for column in present] for row in present]
    )


@wrong("confusion")
def unscored_forgotten(target, prediction, classes):
    """255 is a class like any other, so the count runs past the matrix."""
    code = target.astype(int) * classes + prediction
    return np.bincount(code.ravel(), minlength=classes**2).reshape(classes, classes)


@wrong("confusion")
def counts_in_uint8(target, prediction, classes):
    """The matrix takes the type of the class maps, and no cell can count beyond 255."""
    return one_hot_product(target, prediction, classes).astype(target.dtype)


@wrong("confusion")
def rows_as_shares(target, prediction, classes):
    """Each row is divided by its sum."""
    matrix = one_hot_product(target, prediction, classes)
    return matrix / np.maximum(1, matrix.sum(axis=1, keepdims=True))


@right("confusion")
def loop_over_pixels(target, prediction, classes):
    """The loop over pixels: slow, and right."""
    matrix = np.zeros((classes, classes), int)
    for y in range(target.shape[0]):
        for x in range(target.shape[1]):
            if target[y, x] != 255:
                matrix[target[y, x], prediction[y, x]] += 1
    return matrix


@right("mean-iou-over-images")
def exact_fractions(targets, predictions):
    """Sets and fractions; rounded once, at the end."""
    total = Fraction(0)
    for target, prediction in zip(targets, predictions, strict=True):
        t, p = set(np.flatnonzero(target).tolist()), set(np.flatnonzero(prediction).tolist())
        total += Fraction(len(t & p), len(t | p)) if t | p else 1
    return float(total / len(targets))


@right("mean-iou-over-images")
def all_pixels_in_a_row(targets, predictions):
    """One long row of pixels, each with the number of its picture, counted by ``bincount``."""
    picture = np.repeat(np.arange(len(targets)), [target.size for target in targets])
    t = np.concatenate([np.ravel(target) for target in targets])
    p = np.concatenate([np.ravel(prediction) for prediction in predictions])
    both, either = (np.bincount(picture, weights=w, minlength=len(targets)) for w in (t & p, t | p))
    return np.divide(both, either, out=np.ones(len(targets)), where=either > 0).mean()


@right("mean-iou-over-images")
def first_and_rest(targets, predictions):
    """Recursion over the list, with the library's IoU."""
    score = metrics.mask_iou(targets[0], predictions[0])
    if len(targets) == 1:
        return score
    return (score + (len(targets) - 1) * first_and_rest(targets[1:], predictions[1:])) / len(targets)


@wrong("mean-iou-over-images")
def pooled_pixels(targets, predictions):
    """One IoU of all pixels together: big pictures and big objects weigh more."""
    both = sum(np.sum(t & p) for t, p in zip(targets, predictions, strict=True))
    either = sum(np.sum(t | p) for t, p in zip(targets, predictions, strict=True))
    return both / either if either else 1.0


@wrong("mean-iou-over-images")
def empty_is_left_out(targets, predictions):
    """Pictures without any object do not enter the mean."""
    scores = [
        np.sum(t & p) / np.sum(t | p) for t, p in zip(targets, predictions, strict=True) if (t | p).any()
    ]
    return float(np.mean(scores)) if scores else 1.0


@wrong("mean-iou-over-images")
def empty_is_zero(targets, predictions):
    """A picture on which both masks are empty counts as a failure."""
    return float(
        np.mean([np.sum(t & p) / max(1, np.sum(t | p)) for t, p in zip(targets, predictions, strict=True)])
    )


@wrong("mean-iou-over-images")
def one_empty_is_one(targets, predictions):
    """A picture on which *either* mask is empty counts as 1."""
    return float(
        np.mean(
            [
                np.sum(t & p) / np.sum(t | p) if t.any() and p.any() else 1.0
                for t, p in zip(targets, predictions, strict=True)
            ]
        )
    )


@wrong("mean-iou-over-images")
def nothing_predicted_is_one(targets, predictions):
    """The empty case is recognised by the prediction alone, so a missed object counts as 1."""
    scores = [
        np.sum(t & p) / np.sum(t | p) if p.any() else 1.0 for t, p in zip(targets, predictions, strict=True)
    ]
    return float(np.mean(scores))


@wrong("mean-iou-over-images")
def return_in_the_loop(targets, predictions):
    """``return`` is one level too deep: only the first picture is scored."""
    total = 0.0
    for target, prediction in zip(targets, predictions, strict=True):
        total += metrics.mask_iou(target, prediction)
        return total / len(targets)


@wrong("mean-iou-over-images")
def mean_of_both_classes(targets, predictions):
    """The background's IoU is averaged in."""
    return float(
        np.mean(
            [
                (metrics.mask_iou(t, p) + metrics.mask_iou(~t, ~p)) / 2
                for t, p in zip(targets, predictions, strict=True)
            ]
        )
    )


@wrong("mean-iou-over-images")
def stacked_pictures(targets, predictions):
    """``np.array`` of the list: works as long as all pictures have one size."""
    targets, predictions = np.array(targets), np.array(predictions)
    both, either = (targets & predictions).sum((1, 2)), (targets | predictions).sum((1, 2))
    return float(np.where(either > 0, both / np.maximum(1, either), 1.0).mean())


@wrong("mean-iou-over-images")
def warning_and_nan(targets, predictions):
    """The empty case is not handled: 0/0."""
    with np.errstate(invalid="ignore"):
        return float(
            np.mean([np.sum(t & p) / np.sum(t | p) for t, p in zip(targets, predictions, strict=True)])
        )


@right("repair-iou")
def sorted_positions(target, prediction):
    """The positions of the objects, merged as sorted lists."""
    t, p = np.flatnonzero(target), np.flatnonzero(prediction)
    union = np.union1d(t, p).size
    return np.intersect1d(t, p, assume_unique=True).size / union if union else 1.0


@right("repair-iou")
def python_numbers(target, prediction):
    """No arithmetic with the pixels at all, only their truth."""
    both = either = 0
    for t, p in zip(target.ravel().tolist(), prediction.ravel().tolist(), strict=True):
        both += bool(t and p)
        either += bool(t or p)
    return both / either if either else 1.0


@right("repair-iou")
def repaired_arithmetic(target, prediction):
    """The colleague's formula, on masks of 0.0 and 1.0: the smaller and the larger of both add up."""
    t, p = (target != 0) * 1.0, (prediction != 0) * 1.0
    union = np.maximum(t, p).sum()
    return float(np.minimum(t, p).sum() / union) if union > 0 else 1.0


@wrong("repair-iou")
def greater_than_zero(target, prediction):
    """Negative numbers are taken for background."""
    return metrics.mask_iou(target > 0, prediction > 0)


@wrong("repair-iou")
def greater_than_127(target, prediction):
    """A mask is cut at half of 255; a label of 1 is lost."""
    return metrics.mask_iou(target > 127, prediction > 127)


@wrong("repair-iou")
def wider_integers(target, prediction):
    """A wider type cures 128, but cuts fractions below 1 off."""
    target, prediction = target.astype(np.int64), prediction.astype(np.int64)
    union = np.sum((target != 0) | (prediction != 0))
    return np.sum((target != 0) & (prediction != 0)) / union if union else 1.0


@wrong("repair-iou")
def same_arithmetic_in_float(target, prediction):
    """The colleague's formula in floats: 1 and -1 still add up to nothing."""
    target, prediction = target.astype(np.float64), prediction.astype(np.float64)
    union = (target + prediction != 0).sum()
    return (target * prediction != 0).sum() / union if union else 1.0


@wrong("repair-iou")
def bits_in_common(target, prediction):
    """``&`` on numbers compares bits: 1 & 2 is 0 (and floats have no ``&`` at all)."""
    union = np.count_nonzero(target | prediction)
    return np.count_nonzero(target & prediction) / union if union else 1.0


@wrong("repair-iou")
def equal_numbers(target, prediction):
    """An object pixel counts as hit only when both files use the same number."""
    union = np.count_nonzero((target != 0) | (prediction != 0))
    return np.count_nonzero((target == prediction) & (target != 0)) / union if union else 1.0


@wrong("repair-iou")
def empty_forgotten(target, prediction):
    """0/0 where both masks are empty."""
    target, prediction = target != 0, prediction != 0
    with np.errstate(invalid="ignore"):
        return np.sum(target & prediction) / np.sum(target | prediction)


@wrong("repair-iou")
def empty_truth_is_one(target, prediction):
    """The empty case is recognised by the truth alone, so a false alarm counts as 1."""
    return metrics.mask_iou(target != 0, prediction != 0) if target.any() else 1.0


@wrong("repair-iou")
def clears_up_in_place(target, prediction):
    """The right number, but the caller's arrays are overwritten."""
    target[target != 0] = 1
    prediction[prediction != 0] = 1
    return metrics.mask_iou(target == 1, prediction == 1)


@right("instance-hits")
def table_of_pairs(target, prediction):
    """Pure Python: count pairs of numbers, then look at each pair."""
    pairs = Counter(zip(target.ravel().tolist(), prediction.ravel().tolist(), strict=True))
    of_target, of_prediction = Counter(target.ravel().tolist()), Counter(prediction.ravel().tolist())
    return sum(
        bool(t and p) and 3 * both > of_target[t] + of_prediction[p]  # both / union > 1/2, without division
        for (t, p), both in pairs.items()
    )


@right("instance-hits")
def matrix_of_ious(target, prediction):
    """All overlaps at once: the product of two stacks of masks."""
    t, p = (
        (labels.ravel() == np.setdiff1d(labels, 0)[:, None]).astype(float) for labels in (target, prediction)
    )
    both = t @ p.T
    union = t.sum(axis=1)[:, None] + p.sum(axis=1) - both
    return int((both / union > 0.5).any(axis=1).sum())


@right("instance-hits")
def majority_only(target, prediction):
    """Only the number that fills most of a true object can overlap it by more than one half."""
    hits = 0
    for number in set(target[target != 0].tolist()):
        inside, areas = np.unique(prediction[target == number], return_counts=True)
        most = inside[np.argmax(areas)]
        hits += bool(most != 0 and metrics.mask_iou(target == number, prediction == most) > 0.5)
    return hits


@wrong("instance-hits")
def one_half_is_enough(target, prediction):
    """IoU of exactly one half counts, too (and one object can then be hit twice)."""
    return hits_by_loop(target, prediction, lambda t, p: 2 * np.sum(t & p) >= np.sum(t | p))


@wrong("instance-hits")
def covered_by_half(target, prediction):
    """The overlap is divided by the true object's area: recall instead of IoU."""
    return hits_by_loop(target, prediction, lambda t, p: np.sum(t & p) / np.sum(t) > 0.5)


@wrong("instance-hits")
def touched_at_all(target, prediction):
    """Any overlap counts as a hit."""
    return hits_by_loop(target, prediction, lambda t, p: (t & p).any())


@wrong("instance-hits")
def same_number(target, prediction):
    """Object 3 is compared with prediction 3 only, although numbers are just names."""
    return sum(
        metrics.mask_iou(target == number, prediction == number) > 0.5 for number in np.setdiff1d(target, 0)
    )


@wrong("instance-hits")
def background_counts(target, prediction):
    """``np.unique`` also returns 0, and the background is found almost always."""
    numbers = np.unique(prediction)
    return sum(
        any(metrics.mask_iou(target == t, prediction == p) > 0.5 for p in numbers) for t in np.unique(target)
    )


@wrong("instance-hits")
def against_whole_foreground(target, prediction):
    """Each object is compared with everything that was predicted."""
    return sum(metrics.mask_iou(target == t, prediction != 0) > 0.5 for t in np.setdiff1d(target, 0))


@wrong("instance-hits")
def numbers_up_to_count(target, prediction):
    """Counts the numbers and then assumes that they are 1, 2, 3 …"""
    t, p = np.setdiff1d(target, 0), np.setdiff1d(prediction, 0)
    return sum(
        any(
            np.any(target == i) and metrics.mask_iou(target == i, prediction == j) > 0.5
            for j in range(1, len(p) + 1)
        )
        for i in range(1, len(t) + 1)
    )


@wrong("instance-hits")
def share_of_found(target, prediction):
    """The recall of the objects instead of their number."""
    total = len(np.setdiff1d(target, 0))
    return matrix_of_ious(target, prediction) / total if total else 1.0


def hits_by_loop(target, prediction, hit):
    """How many true objects have a predicted object that ``hit`` accepts."""
    return sum(
        any(hit(target == t, prediction == p) for p in np.setdiff1d(prediction, 0))
        for t in np.setdiff1d(target, 0)
    )
