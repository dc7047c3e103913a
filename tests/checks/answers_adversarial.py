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


def torches(logits, truth, judge, weight):
    """z, w and t as tensors, the answer p, and a judge."""
    z, w = (torch.tensor(x, requires_grad=True) for x in (logits, judge))
    return z, w, torch.tensor(truth), z.softmax(dim=0), lambda mask: (w * mask).sum()


def own_loss(z, t):
    return -(t * z.log_softmax(dim=0)).sum(dim=0).mean()


@right("broken-step")
def stepped_as_the_hint_says(logits, truth, judge, weight):
    z, w, t, p, verdict = torches(logits, truth, judge, weight)
    (F.softplus(-verdict(t)) + F.softplus(verdict(p.detach()))).backward()
    slope = w.grad.numpy().copy()
    (own_loss(z, t) + weight * F.softplus(-verdict(p))).backward()
    return z.grad.numpy(), slope


@right("broken-step")
def stepped_by_autograd(logits, truth, judge, weight):
    """Each loss is asked for the slope of its own player; nothing is detached and nothing adds up."""
    z, w, t, p, verdict = torches(logits, truth, judge, weight)
    bce, one = F.binary_cross_entropy_with_logits, torch.ones((), dtype=torch.float64)
    judges = bce(verdict(t), one) + bce(verdict(p), 0 * one)
    (of_judge,) = torch.autograd.grad(judges, w, retain_graph=True)
    (of_logits,) = torch.autograd.grad(own_loss(z, t) + weight * bce(verdict(p), one), z)
    return of_logits.numpy(), of_judge.numpy()


@right("broken-step")
def stepped_with_slopes_set_back(logits, truth, judge, weight):
    """The segmenter first; then all slopes are set back and the judge follows."""
    z, w, t, p, verdict = torches(logits, truth, judge, weight)
    (F.cross_entropy(z[None], t[None]) + weight * F.softplus(-verdict(p))).backward()
    w.grad = None
    (F.softplus(-verdict(t)) + F.softplus(verdict(p.detach()))).backward()
    return [z.grad, w.grad]


@wrong("broken-step")
def stepped_with_a_view(logits, truth, judge, weight):
    """Detached and asked for a truth, but what is returned of the judge is a view that goes on adding up."""
    z, w, t, p, verdict = torches(logits, truth, judge, weight)
    (F.softplus(-verdict(t)) + F.softplus(verdict(p.detach()))).backward()
    slope = w.grad.numpy()
    (own_loss(z, t) + weight * F.softplus(-verdict(p))).backward()
    return z.grad.numpy(), slope


@wrong("broken-step")
def stepped_as_given(logits, truth, judge, weight):
    """Nothing repaired."""
    z, w, t, p, verdict = torches(logits, truth, judge, weight)
    (F.softplus(-verdict(t)) + F.softplus(verdict(p))).backward(retain_graph=True)
    (own_loss(z, t) + weight * F.softplus(verdict(p))).backward()
    return z.grad.numpy(), w.grad.numpy()


@wrong("broken-step")
def stepped_without_graph(logits, truth, judge, weight):
    """retain_graph is taken away, and nothing else."""
    z, w, t, p, verdict = torches(logits, truth, judge, weight)
    (F.softplus(-verdict(t)) + F.softplus(verdict(p))).backward()
    (own_loss(z, t) + weight * F.softplus(-verdict(p))).backward()
    return z.grad.numpy(), w.grad.numpy()


@wrong("broken-step")
def stepped_with_logits(logits, truth, judge, weight):
    """The judge is shown logits instead of probabilities."""
    z, w, t, _, verdict = torches(logits, truth, judge, weight)
    (F.softplus(-verdict(t)) + F.softplus(verdict(z.detach()))).backward()
    slope = w.grad.numpy().copy()
    (own_loss(z, t) + weight * F.softplus(-verdict(z))).backward()
    return z.grad.numpy(), slope


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


@right("caught-up")
def caught_from_the_end(seen, fooled, window, level):
    """Go back from the last step as long as the mean is below."""
    right_ = (seen + (1 - fooled)) / 2
    found = -1
    for step in range(len(seen) - 1, window - 2, -1):
        if right_[step - window + 1 : step + 1].mean() >= level:
            break
        found = step
    return found


@right("caught-up")
def caught_by_sums(seen, fooled, window, level):
    """Means by cumulative sums; below from here to the end by a minimum from the right."""
    total = np.concatenate([[0], np.cumsum(seen - fooled)])
    means = 0.5 + (total[window:] - total[:-window]) / (2 * window)
    stays = np.logical_and.accumulate((means < level)[::-1])[::-1]
    return int(np.argmax(stays)) + window - 1 if stays.any() else -1


@wrong("caught-up")
def caught_once(seen, fooled, window, level):
    """The first crossing."""
    for step in range(window - 1, len(seen)):
        if (seen - fooled)[step - window + 1 : step + 1].mean() / 2 + 0.5 < level:
            return step
    return -1


@wrong("caught-up")
def caught_in_single_steps(seen, fooled, window, level):
    """The window is forgotten."""
    above = np.flatnonzero((seen + 1 - fooled) / 2 >= level)
    first = above[-1] + 1 if len(above) else 0
    return int(first) if first < len(seen) else -1


@wrong("caught-up")
def caught_at_the_last_above(seen, fooled, window, level):
    """The step before."""
    means = np.convolve((seen + 1 - fooled) / 2, np.ones(window) / window, "valid")
    above = np.flatnonzero(means >= level)
    return int(above[-1] + window - 1) if len(above) else window - 1


@wrong("caught-up")
def caught_by_the_fooled(seen, fooled, window, level):
    """Only answers are looked at."""
    return caught_from_the_end(1 - fooled, fooled, window, level)


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
