"""Answers to the exercises of lesson 13, by other methods than ours, and with other mistakes."""

from fractions import Fraction
from itertools import pairwise, product

import numpy as np
import torch
from answers import right, wrong
from scipy.stats import mannwhitneyu, ttest_ind  # here: a check would count the time of importing
from torch.nn import functional as F

from course_utils import losses, metrics


@right("weighted-mean")
def by_torch(probabilities, target, weights):
    logits = torch.from_numpy(np.log(probabilities))[None]
    loss = F.cross_entropy(
        logits, torch.from_numpy(target)[None], torch.from_numpy(weights), ignore_index=255
    )
    return loss.item()


@right("weighted-mean")
def pixel_after_pixel(probabilities, target, weights):
    cost = price = 0
    for y, x in np.argwhere(target != 255):
        k = target[y, x]
        cost -= weights[k] * np.log(probabilities[k, y, x])
        price += weights[k]
    return cost / price


@wrong("weighted-mean")
def ignored_pixels_counted_as_class_0(probabilities, target, weights):
    return pixel_after_pixel(probabilities, np.where(target == 255, 0, target), weights)


@wrong("weighted-mean")
def every_class_pays(probabilities, target, weights):
    """The sum runs over all classes of a pixel, not only over the true one."""
    counted = target != 255
    return float(
        (weights[:, None] * -np.log(probabilities[:, counted])).sum() / weights[target[counted]].sum()
    )


@wrong("weighted-mean")
def class_after_class(probabilities, target, weights):
    """A mean for each class, then the weighted mean of the classes that are there."""
    there = [k for k in range(len(weights)) if (target == k).any()]
    means = [-np.log(probabilities[k][target == k]).mean() for k in there]
    return float(np.average(means, weights=weights[there]))


@right("soft-dice")
def from_hits_misses_and_alarms(p, y):
    hits, misses, alarms = p[y].sum(), (1 - p[y]).sum(), p[~y].sum()
    whole = 2 * hits + misses + alarms
    return (misses + alarms) / whole if whole > 0 else 0


@right("soft-dice")
def as_tversky(p, y):
    if not (p.any() or y.any()):
        return 0.0
    return float(1 - np.vdot(p, y) / (np.vdot(p, y) + 0.5 * (p * ~y).sum() + 0.5 * ((1 - p) * y).sum()))


@wrong("soft-dice")
def mean_of_products(p, y):
    return float(1 - 2 * (p * y).mean())


@wrong("soft-dice")
def cross_entropy_instead(p, y):
    return float(-np.log(np.where(y, p, 1 - p) + 1e-9).mean())


@wrong("soft-dice")
def free_without_an_object(p, y):
    return from_hits_misses_and_alarms(p, y) if np.any(y) else 0.0


@wrong("soft-dice")
def free_without_an_answer(p, y):
    return 0.0 if np.sum(p) == 0 else from_hits_misses_and_alarms(p, y)


@wrong("soft-dice")
def free_where_either_is_empty(p, y):
    return from_hits_misses_and_alarms(p, y) if p.sum() * y.sum() else 0.0


@right("undo-weights")
def by_logarithms(probabilities, weights):
    with np.errstate(divide="ignore"):
        scores = np.log(probabilities) - np.log(weights)[:, None, None]
    scores = np.exp(scores - scores.max(axis=0))
    return scores / scores.sum(axis=0, keepdims=True)


@right("undo-weights")
def class_by_class(probabilities, weights):
    total = sum(p / w for p, w in zip(probabilities, weights, strict=True))
    return np.stack([p / w / total for p, w in zip(probabilities, weights, strict=True)])


@wrong("undo-weights")
def root_of_the_weights(probabilities, weights):
    return by_logarithms(probabilities, np.sqrt(weights))


@wrong("undo-weights")
def by_shares_of_the_weights(probabilities, weights):
    return probabilities / (weights / weights.sum())[:, None, None]


@wrong("undo-weights")
def by_weights_of_mean_1(probabilities, weights):
    return probabilities / (weights / weights.mean())[:, None, None]


@wrong("undo-weights")
def decided_already(probabilities, weights):
    return (probabilities / weights[:, None, None]).argmax(axis=0)


@right("tune-threshold")
def from_confusion_matrices(probabilities, masks, thresholds):
    best, where = -1.0, None
    for threshold in thresholds:
        matrix = sum(
            metrics.confusion_matrix(mask, p > threshold)
            for p, mask in zip(probabilities, masks, strict=True)
        )
        if metrics.iou(matrix)[1] > best:
            best, where = metrics.iou(matrix)[1], threshold
    return where


@right("tune-threshold")
def laid_end_to_end(probabilities, masks, thresholds):
    p, y = (np.concatenate([a.ravel() for a in arrays]) for arrays in (probabilities, masks))
    answers = p > np.asarray(thresholds)[:, None]
    score = [Fraction(int((a & y).sum()), int((a | y).sum())) for a in answers]
    return thresholds[score.index(max(score))]


@wrong("tune-threshold")
def by_precision(probabilities, masks, thresholds):
    p, y = (np.concatenate([a.ravel() for a in arrays]) for arrays in (probabilities, masks))
    score = [y[p > t].mean() if (p > t).any() else 0 for t in thresholds]
    return thresholds[int(np.argmax(score))]


@wrong("tune-threshold")
def share_of_the_object(probabilities, masks, thresholds):
    """The threshold that finds about as many pixels as there are."""
    p, y = (np.concatenate([a.ravel() for a in arrays]) for arrays in (probabilities, masks))
    return thresholds[int(np.argmin([abs((p > t).sum() - y.sum()) for t in thresholds]))]


@wrong("tune-threshold")
def better_than_nothing(probabilities, masks, thresholds):
    """None, where every threshold has an IoU of 0."""
    p, y = (np.concatenate([a.ravel() for a in arrays]) for arrays in (probabilities, masks))
    best, where = 0, None
    for t in thresholds:
        score = ((p > t) & y).sum() / ((p > t) | y).sum()
        if score > best:
            best, where = score, t
    return where


@wrong("tune-threshold")
def better_than_nothing_or_the_last(probabilities, masks, thresholds):
    found = better_than_nothing(probabilities, masks, thresholds)
    return thresholds[-1] if found is None else found


@right("one-seed")
def pair_by_pair(a, b):
    if sum(a) / len(a) < sum(b) / len(b):
        a, b = b, a
    against = [0.5 if x == y else float(x < y) for x, y in product(a, b)]
    return sum(against) / len(against)


@right("one-seed")
def by_rank_sums(a, b):
    better, worse = (a, b) if np.mean(a) > np.mean(b) else (b, a)
    return 1 - mannwhitneyu(better, worse).statistic / (len(a) * len(b))


@wrong("one-seed")
def the_smaller_share(a, b):
    share = mannwhitneyu(a, b).statistic / len(a) / len(b)
    return min(share, 1 - share)


@wrong("one-seed")
def by_medians(a, b):
    better, worse = (a, b) if np.median(a) > np.median(b) else (b, a)
    return float(np.mean([0.5 if x == y else float(x < y) for x, y in product(better, worse)]))


@wrong("one-seed")
def by_sums(a, b):
    if sum(a) < sum(b):
        a, b = b, a
    return float(np.mean([0.5 if x == y else float(x < y) for x, y in product(a, b)]))


@wrong("one-seed")
def overlap_of_ranges(a, b):
    return float(
        max(0, min(a.max(), b.max()) - max(a.min(), b.min()))
        / (max(a.max(), b.max()) - min(a.min(), b.min()))
    )


@wrong("one-seed")
def a_p_value(a, b):
    return float(np.nan_to_num(ttest_ind(a, b).pvalue, nan=1.0)) if min(len(a), len(b)) > 1 else 1.0


@right("lovasz-steps")
def by_the_library(p, y):
    with np.errstate(divide="ignore"):
        logits = torch.from_numpy(np.log(np.stack([1 - p, p]))).clamp(-800, 800)[None, :, None]
    # both classes have a region in the library; the object's part is what remains of twice the mean
    target = torch.from_numpy(y.astype(np.int64))[None, None]
    both = losses.lovasz(logits, target).item()
    if y.all():
        return both
    return 2 * both - pair_of_level_sets(1 - p, ~y)


@right("lovasz-steps")
def pair_of_level_sets(p, y):
    """The Jaccard loss of the answer that is wrong where the error exceeds a level, integrated over the levels."""
    errors = np.where(y, 1 - p, p)
    levels = np.unique(np.append(errors, 0))
    total = 0.0
    for low, high in pairwise(levels):
        answer = y ^ (errors > low)
        total += (high - low) * (1 - (answer & y).sum() / (answer | y).sum())
    return total


@wrong("lovasz-steps")
def hinge(p, y):
    signs = 2.0 * y - 1
    errors = np.maximum(1 - signs * (2 * p - 1), 0)
    return pair_of_level_sets(np.where(y, 1 - errors / 2, errors / 2), y) * 2


@wrong("lovasz-steps")
def steps_downwards(p, y):
    errors = np.abs(y - p)
    order = np.argsort(-errors)
    y = y[order]
    iou = (y.sum() - np.cumsum(y)) / (y.sum() + np.cumsum(~y))
    return float(errors[order] @ np.diff(iou, prepend=1))


@wrong("lovasz-steps")
def without_abs(p, y):
    errors = y - p
    order = np.argsort(errors)[::-1]
    y = y[order]
    losses = 1 - (y.sum() - np.cumsum(y)) / (y.sum() + np.cumsum(~y))
    return float((errors[order] * np.diff(losses, prepend=0)).sum())


@wrong("lovasz-steps")
def errors_left_unsorted(p, y):
    errors = np.abs(y - p)
    y = y[np.argsort(-errors)]
    losses = 1 - (y.sum() - np.cumsum(y)) / (y.sum() + np.cumsum(~y))
    return float(errors @ np.diff(losses, prepend=0))


@wrong("lovasz-steps")
def how_much_is_left(p, y):
    return 1 - pair_of_level_sets(p, y)
