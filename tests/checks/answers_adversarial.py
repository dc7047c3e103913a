"""Answers to the exercises of lesson 14, by other methods than ours, and with other mistakes."""

import numpy as np
import torch
from answers import right, wrong
from scipy import ndimage
from torch.nn import functional as F


@right("judge-loss")
def judged_by_torch(truths, answers):
    t, a = (torch.tensor(x, dtype=torch.float64) for x in (truths, answers))
    bce = F.binary_cross_entropy_with_logits
    return (bce(t, torch.ones_like(t)) + bce(a, torch.zeros_like(a))).item()


@right("judge-loss")
def judged_one_by_one(truths, answers):
    def price(d):
        """log(1 + e^d), without overflow."""
        return max(d, 0) + np.log1p(np.exp(-abs(d)))

    return (
        sum(price(-d) for d in truths.flat) / truths.size + sum(price(d) for d in answers.flat) / answers.size
    )


@wrong("judge-loss")
def judged_by_accuracy(truths, answers):
    """The share that is wrong, which has no slope."""
    return float((truths < 0).mean() + (answers > 0).mean())


@wrong("judge-loss")
def judged_as_truths(truths, answers):
    """The answers are asked to be called truths, as the segmenter wants."""
    return float(np.logaddexp(0, -truths).mean() + np.logaddexp(0, -answers).mean())


@wrong("judge-loss")
def judged_with_small_numbers(truths, answers):
    """A small number is added before the logarithm."""
    with np.errstate(all="ignore"):
        p, q = 1 / (1 + np.exp(-truths)), 1 / (1 + np.exp(-answers))
    return float(-np.log(p + 1e-8).mean() - np.log(1 - q + 1e-8).mean())


@wrong("judge-loss")
def judged_pooled(truths, answers):
    """One mean over everything, doubled."""
    both = np.concatenate([np.logaddexp(0, -truths).ravel(), np.logaddexp(0, answers).ravel()])
    return float(2 * both.mean())


@right("largest-stretch")
def stretched_by_svd(matrix):
    return float(np.linalg.svd(matrix, compute_uv=False)[0])


@right("largest-stretch")
def stretched_by_eigenvalues(matrix):
    return float(np.sqrt(np.linalg.eigvalsh(matrix.T @ matrix).max()))


@right("largest-stretch")
def stretched_by_both_vectors(matrix):
    left = np.arange(1.0, len(matrix) + 1)
    for _ in range(500):
        right_ = matrix.T @ left
        right_ /= np.linalg.norm(right_)
        left = matrix @ right_
        left /= np.linalg.norm(left)
    return float(left @ matrix @ right_)


@wrong("largest-stretch")
def stretched_by_the_sum(matrix):
    """All stretches added up."""
    return float(np.linalg.svd(matrix, compute_uv=False).sum())


@wrong("largest-stretch")
def stretched_by_eigenvalue_alone(matrix):
    """The root is forgotten."""
    return float(np.linalg.eigvalsh(matrix.T @ matrix).max())


@wrong("largest-stretch")
def stretched_after_one_turn(matrix):
    """Only one turn."""
    vector = np.ones(matrix.shape[1])
    vector = matrix.T @ (matrix @ vector)
    return float(np.linalg.norm(matrix @ (vector / np.linalg.norm(vector))))


@right("could-be-canal")
def canal_by_scipy(mask):
    pieces = ndimage.label(mask, np.ones((3, 3)))[1]
    return bool(
        pieces == 1
        and (ndimage.binary_fill_holes(mask) == mask).all()
        and mask[:, 0].any()
        and mask[:, -1].any()
    )


@right("could-be-canal")
def canal_by_flooding(mask):
    """Walk over the canal from its first pixel; walk over the land from outside."""

    def reached(cells, start, diagonal):
        todo, seen = [start], {start}
        while todo:
            y, x = todo.pop()
            for dy in (-1, 0, 1):
                for dx in (-1, 0, 1):
                    near = y + dy, x + dx
                    if (diagonal or not dy * dx) and near in cells and near not in seen:
                        seen.add(near)
                        todo.append(near)
        return seen

    height, width = mask.shape
    canal = {(int(y), int(x)) for y, x in np.argwhere(mask)}
    if not canal or not mask[:, 0].any() or not mask[:, -1].any():
        return False
    land = {(y, x) for y in range(-1, height + 1) for x in range(-1, width + 1)} - canal
    return reached(canal, min(canal), True) == canal and reached(land, (-1, -1), False) == land


@wrong("could-be-canal")
def canal_by_area(mask):
    """Anything that touches both sides."""
    return bool(mask[:, 0].any() and mask[:, -1].any())


@wrong("could-be-canal")
def canal_without_corners(mask):
    """scipy's default joins sides only."""
    holes = (ndimage.binary_fill_holes(mask) != mask).any()
    return bool(ndimage.label(mask)[1] == 1 and not holes and mask[:, 0].any() and mask[:, -1].any())


@wrong("could-be-canal")
def canal_in_every_column(mask):
    """No column without canal."""
    return bool(mask.any(axis=0).all())


@wrong("could-be-canal")
def canal_with_holes(mask):
    """One piece from side to side."""
    return bool(ndimage.label(mask, np.ones((3, 3)))[1] == 1 and mask[:, 0].any() and mask[:, -1].any())


@right("steep-loss")
def steep_by_torch(own, verdicts, weight):
    return own + weight * F.softplus(-torch.tensor(verdicts, dtype=torch.float64)).mean().item()


@right("steep-loss")
def steep_by_cases(own, verdicts, weight):
    price = np.maximum(-verdicts, 0) + np.log1p(np.exp(-abs(verdicts)))
    return own + weight * price.mean()


@wrong("steep-loss")
def steep_naive(own, verdicts, weight):
    """Overflows."""
    with np.errstate(all="ignore"):
        return float(own - weight * np.log(1 / (1 + np.exp(-verdicts))).mean())


@wrong("steep-loss")
def steep_by_chance(own, verdicts, weight):
    """1 − σ: no logarithm, and flat again."""
    return float(own + weight * (1 - 1 / (1 + np.exp(-np.clip(verdicts, -500, 500)))).mean())


@wrong("steep-loss")
def steep_for_the_judge(own, verdicts, weight):
    """−log(1 − σ): the judge's."""
    return float(own + weight * np.logaddexp(0, verdicts).mean())


@right("hoped-accuracy")
def hoped_by_throws(chances, mask):
    """Both truths of each pixel, with their chances."""
    return float((chances * (mask == 1) + (1 - chances) * (mask == 0)).sum() / mask.size)


@right("hoped-accuracy")
def hoped_by_distance(chances, mask):
    return float(1 - abs(chances - mask).mean())


@wrong("hoped-accuracy")
def hoped_on_the_canal(chances, mask):
    """Weighted by the mask."""
    return float((chances * mask).sum() / max(mask.sum(), 1))


@wrong("hoped-accuracy")
def hoped_as_wrong(chances, mask):
    """The mean absolute difference is the share that is wrong."""
    return float(abs(chances - mask).mean())


@wrong("hoped-accuracy")
def hoped_at_best(chances, mask):
    """The mask plays no part."""
    return float(np.maximum(chances, 1 - chances).mean())
