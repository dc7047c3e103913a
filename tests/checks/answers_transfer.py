"""Answers to the exercises of lesson 16, by other methods than ours, and with other mistakes."""

import numpy as np
import torch
from answers import right, wrong
from torch import nn

from course_utils.models import transfer


@right("rates-by-level")
def rates_from_below(rate, fall, levels):
    found = [rate]
    for _ in range(levels):
        found.insert(0, found[0] / fall)
    return found


@right("rates-by-level")
def rates_as_powers(rate, fall, levels):
    return rate * np.power(float(fall), np.arange(-levels, 1))


@wrong("rates-by-level")
def fall_twice_a_level(rate, fall, levels):
    """Squares the fall at each level."""
    return [rate / fall ** (2 * (levels - level)) for level in range(levels)] + [rate]


@wrong("rates-by-level")
def slowest_is_the_decoder(rate, fall, levels):
    """What is new is handled with care, what was taught is not."""
    return [rate / fall**level for level in range(levels)] + [rate / fall**levels]


@wrong("rates-by-level")
def spread_evenly(rate, fall, levels):
    """Rates from slow to fast in equal steps."""
    return [*np.linspace(rate / fall**levels, rate, levels + 2)[:-1], rate]


@right("two-modes")
def torch_norm(values, mean, variance, training):
    norm = nn.BatchNorm1d(len(mean), eps=1e-12, affine=False).double()
    norm.running_mean.copy_(torch.from_numpy(np.asarray(mean, float)))
    norm.running_var.copy_(torch.from_numpy(np.asarray(variance, float)))
    norm.train(training)
    answer = norm(torch.from_numpy(np.asarray(values, float))).numpy()
    if not training:
        return answer, mean, variance
    n = len(values)  # torch keeps the variance by n - 1
    kept = norm.running_var.numpy()
    return answer, norm.running_mean.numpy(), 0.9 * variance + (kept - 0.9 * variance) * (n - 1) / n


@right("two-modes")
def example_by_example(values, mean, variance, training):
    old = np.array(mean, float), np.array(variance, float)
    used = old
    if training:
        n = len(values)
        own = sum(values) / n
        used = own, sum((value - own) ** 2 for value in values) / n
    answer = np.stack([(value - used[0]) / used[1] ** 0.5 for value in values])
    share = 0.1 if training else 0
    return answer, *(before + share * (now - before) for before, now in zip(old, used, strict=True))


@wrong("two-modes")
def only_the_mean_moves(values, mean, variance, training):
    """Forgets the average of the variance."""
    answer, new, _ = example_by_example(values, mean, variance, training)
    return answer, new, variance


@wrong("two-modes")
def never_divided(values, mean, variance, training):
    """Takes the mean off and leaves the deviation."""
    _, *averages = example_by_example(values, mean, variance, training)
    return values - (values.mean(axis=0) if training else mean), *averages


@wrong("two-modes")
def one_hundredth(values, mean, variance, training):
    """Moves by a hundredth."""
    answer, new_mean, new_variance = example_by_example(values, mean, variance, training)
    return answer, mean + (new_mean - mean) / 10, variance + (new_variance - variance) / 10


@right("similarity-cka")
def by_all_pairs_of_examples(x, y):
    n = len(x)
    centre = np.eye(n) - 1 / n
    k, m = (centre @ side @ side.T @ centre for side in (x, y))
    return (k * m).sum() / np.sqrt((k * k).sum() * (m * m).sum())


@right("similarity-cka")
def cka_of_the_library(x, y):
    return transfer.cka(x, y)


@right("similarity-cka")
def by_singular_values(x, y):
    (u, s, _), (v, t, _) = (np.linalg.svd(side - side.mean(0), full_matrices=False) for side in (x, y))
    cosines = (u.T @ v) ** 2
    return (s**2 @ cosines @ t**2) / np.sqrt((s**4).sum() * (t**4).sum())


@wrong("similarity-cka")
def mean_correlation(x, y):
    """The mean absolute correlation of all pairs of features."""
    both = np.corrcoef(x.T, y.T)[: x.shape[1], x.shape[1] :]
    return float(abs(both).mean())


@wrong("similarity-cka")
def examples_by_examples(x, y):
    """Compares the examples' own places: x Yᵀ, which needs as many features on both sides."""
    n = min(x.shape[1], y.shape[1])
    x, y = (side[:, :n] - side[:, :n].mean(0) for side in (x, y))
    return float(((x @ y.T) ** 2).sum() / np.sqrt(((x @ x.T) ** 2).sum() * ((y @ y.T) ** 2).sum()))


@wrong("similarity-cka")
def distance_instead(x, y):
    """One minus it."""
    return 1 - transfer.cka(x, y)


@right("measured-anew")
def by_running_sums(batches):
    count = sum(len(batch) for batch in batches)
    total = sum(batch.sum(axis=0) for batch in batches)
    squares = sum((batch.astype(float) ** 2).sum(axis=0) for batch in batches)
    mean = total / count
    return mean, squares / count - mean**2


@right("measured-anew")
def within_and_between(batches):
    sizes = [len(batch) for batch in batches]
    means = np.array([batch.mean(axis=0) for batch in batches])
    mean = np.average(means, axis=0, weights=sizes)
    spread = [batch.var(axis=0) + (own - mean) ** 2 for batch, own in zip(batches, means, strict=True)]
    return mean, np.average(spread, axis=0, weights=sizes)


@wrong("measured-anew")
def within_and_between_unweighted(batches):
    """The two parts are right, and all batches count alike."""
    means = np.array([batch.mean(axis=0) for batch in batches])
    return means.mean(0), np.mean([batch.var(axis=0) for batch in batches], axis=0) + means.var(0)


@wrong("measured-anew")
def summed_variances(batches):
    """Adds the variances up."""
    return by_running_sums(batches)[0], sum(batch.var(axis=0) for batch in batches)


@wrong("measured-anew")
def medians(batches):
    """Takes the median for the mean."""
    values = np.concatenate(batches)
    return np.median(values, axis=0), values.var(axis=0)


@right("worth-in-labels")
def walking_along(counts, scores, score):
    if score <= scores[0]:
        return float(counts[0])
    for k in range(1, len(counts)):
        if score <= scores[k]:
            part = (score - scores[k - 1]) / (scores[k] - scores[k - 1])
            return counts[k - 1] * (counts[k] / counts[k - 1]) ** part
    return np.inf


@right("worth-in-labels")
def in_doublings(counts, scores, score):
    found = 2 ** np.interp(score, scores, np.log2(counts), right=np.inf)
    return float(found)


@wrong("worth-in-labels")
def logarithm_of_the_score(counts, scores, score):
    """Takes the logarithm of the wrong axis."""
    return np.inf if score > scores[-1] else float(np.interp(np.log(score), np.log(scores), counts))


@wrong("worth-in-labels")
def the_count_before(counts, scores, score):
    """The last count that is not enough."""
    if score > scores[-1]:
        return np.inf
    return float(counts[max(np.searchsorted(scores, score) - 1, 0)])


@wrong("worth-in-labels")
def zero_below(counts, scores, score):
    """Says that no image is needed for a score below the first."""
    return 0.0 if score < scores[0] else walking_along(counts, scores, score)
