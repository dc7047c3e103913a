"""The exercises of lesson 16: rates by level, two modes of a norm, CKA, averages measured anew, worth in labels."""

import numpy as np

from course_utils.checks.framework import Exercise, Mistake, Property

# ------------------------------------------------------------------------------------------ rates by level


def rates(rate, fall, levels):
    return [rate / fall ** (levels - level) for level in range(levels)] + [rate]


def _turned_over(rate, fall, levels):
    return [*rates(rate, fall, levels)[-2::-1], rate]


def _all_turned_over(rate, fall, levels):
    return rates(rate, fall, levels)[::-1]


def _lowest_at_full_rate(rate, fall, levels):
    return [rate / fall ** (levels - 1 - level) for level in range(levels)] + [rate]


def _times_the_step(rate, fall, levels):
    return [rate / (fall * (levels - level)) for level in range(levels)] + [rate]


def _minus_the_step(rate, fall, levels):
    return [rate - fall * (levels - level) for level in range(levels)] + [rate]


def _faster_upwards(rate, fall, levels):
    return [rate * fall ** (levels - level) for level in range(levels)] + [rate]


def _one_rate(rate, fall, levels):
    return [rate / fall] * levels + [rate]


def _one_step_too_far(rate, fall, levels):
    return [rate / fall ** (levels - level + 1) for level in range(levels)] + [rate]


def _decoder_divided(rate, fall, levels):
    return [rate / fall ** (levels - level + 1) for level in range(levels)] + [rate / fall]


def _no_decoder(rate, fall, levels):
    return rates(rate, fall, levels)[:-1]


RATES = Exercise(
    slug="rates-by-level",
    lesson="16",
    title="A rate for each level",
    minutes=5,
    points=2,
    hints=(
        "Begin at the end: the decoder learns with `rate`. The lowest level is one step above it, the next level two "
        "steps. How many steps is level 0 above the decoder, if there are `levels` of them?",
        "Each step divides by `fall` once more, so after k steps the rate is `rate / fall**k`. Level i is "
        "`levels - i` steps above the decoder.",
        "`steps = levels - level` and `found.append(rate / fall**steps)`",
    ),
    reference=rates,
    properties=(
        Property("is right on the worked example", [(0.01, 2.0, 3)]),
        Property(
            "is right for other rates, falls and numbers of levels",
            [(0.005, 2.6, 5), (1.0, 10.0, 4), (0.02, 1.5, 1), (0.003, 3.0, 2)],
            weight=2,
        ),
        Property("is plain fine-tuning where the fall is 1", [(0.01, 1.0, 4)], weight=0.5),
        Property("has one rate alone where there is no encoder", [(0.01, 2.0, 0)], weight=0.5),
    ),
    mistakes=(
        Mistake(
            "levels turned over",
            _turned_over,
            "Your levels are the wrong way round: level 0, at full size, sees edges and colours, which are much the "
            "same everywhere. It is to change *least*.",
        ),
        Mistake(
            "all turned over",
            _all_turned_over,
            "The whole list is the wrong way round: it begins with level 0, the slowest, and ends with the decoder.",
        ),
        Mistake(
            "lowest level at full rate",
            _lowest_at_full_rate,
            "Your lowest level learns as fast as the decoder. It was taught, the decoder was not: it is one step "
            "slower.",
        ),
        Mistake(
            "one step too far",
            _one_step_too_far,
            "Your encoder is one step too slow: the lowest level is *one* step above the decoder.",
        ),
        Mistake(
            "decoder slowed down",
            _decoder_divided,
            "Every rate of yours is one step too slow, the decoder's too. What is new learns with `rate` itself.",
        ),
        Mistake(
            "multiples instead of powers",
            _times_the_step,
            "You divided by 2 · fall, 3 · fall … Each level is `fall` times slower than *the one below it*: that is a "
            "power, `fall**steps`.",
        ),
        Mistake(
            "subtracted",
            _minus_the_step,
            "You subtracted the fall, and the rates become negative. It is a factor: each level is `fall` *times* "
            "slower.",
        ),
        Mistake(
            "faster upwards",
            _faster_upwards,
            "Your levels learn faster, the farther they are from the decoder. Divide, so that they learn slower.",
        ),
        Mistake(
            "one rate for all levels",
            _one_rate,
            "All levels of yours have one rate. Each is `fall` times slower than the one below it.",
        ),
        Mistake(
            "decoder forgotten",
            _no_decoder,
            "The decoder's own rate is missing: it is the last of the list.",
        ),
    ),
)

# ------------------------------------------------------------------------------------------ the two modes of a norm


def batch_norm(values, mean, variance, training):
    values = np.asarray(values, float)
    if not training:
        return (values - mean) / np.sqrt(variance), mean, variance
    own_mean, own_variance = values.mean(axis=0), values.var(axis=0)
    normed = (values - own_mean) / np.sqrt(own_variance)
    return normed, 0.9 * mean + 0.1 * own_mean, 0.9 * variance + 0.1 * own_variance


def _modes_swapped(values, mean, variance, training):
    return batch_norm(values, mean, variance, not training)


def _always_the_batch(values, mean, variance, training):
    return batch_norm(values, mean, variance, True)


def _always_the_averages(values, mean, variance, training):
    return batch_norm(values, mean, variance, False)


def _batch_but_averages_stay(values, mean, variance, training):
    normed, *_ = batch_norm(values, mean, variance, training)
    return normed, mean, variance


def _averages_move_but_are_used(values, mean, variance, training):
    _, *averages = batch_norm(values, mean, variance, training)
    return (values - mean) / np.sqrt(variance), *averages


def _new_averages_are_used(values, mean, variance, training):
    _, *averages = batch_norm(values, mean, variance, training)
    return (values - averages[0]) / np.sqrt(averages[1]), *averages


def _batch_in_evaluation(values, mean, variance, training):
    return batch_norm(values, mean, variance, True)[0], *batch_norm(values, mean, variance, training)[1:]


def _nine_tenths_new(values, mean, variance, training):
    normed, *_ = batch_norm(values, mean, variance, training)
    if not training:
        return normed, mean, variance
    return normed, 0.1 * mean + 0.9 * values.mean(axis=0), 0.1 * variance + 0.9 * values.var(axis=0)


def _averages_replaced(values, mean, variance, training):
    normed, *_ = batch_norm(values, mean, variance, training)
    return (normed, values.mean(axis=0), values.var(axis=0)) if training else (normed, mean, variance)


def _by_the_variance(values, mean, variance, training):
    normed, new_mean, new_variance = batch_norm(values, mean, variance, training)
    return normed / np.sqrt(values.var(axis=0) if training else variance), new_mean, new_variance


def _over_all_channels(values, mean, variance, training):
    if not training:
        return batch_norm(values, mean, variance, False)
    normed = (values - values.mean()) / values.std()
    return normed, 0.9 * mean + 0.1 * values.mean(), 0.9 * variance + 0.1 * values.var()


def _over_channels_of_an_example(values, mean, variance, training):
    if not training:
        return batch_norm(values, mean, variance, False)
    normed = (values - values.mean(axis=1, keepdims=True)) / values.std(axis=1, keepdims=True)
    return normed, *batch_norm(values, mean, variance, True)[1:]


def _one_less(values, mean, variance, training):
    if not training:
        return batch_norm(values, mean, variance, False)
    own_mean, own_variance = values.mean(axis=0), values.var(axis=0, ddof=1)
    normed = (values - own_mean) / np.sqrt(own_variance)
    return normed, 0.9 * mean + 0.1 * own_mean, 0.9 * variance + 0.1 * own_variance


def _deviation_kept(values, mean, variance, training):
    normed, new_mean, new_variance = batch_norm(values, mean, variance, training)
    if training:
        new_variance = 0.9 * variance + 0.1 * values.std(axis=0)
    return normed, new_mean, new_variance


PAPER = np.array([[1.0], [3.0]]), np.array([0.0]), np.array([4.0])


def _batches(training):
    def draw(rng):
        return [
            (
                rng.normal(rng.uniform(-2, 2), rng.uniform(0.5, 3), (n, channels)).round(2),
                rng.normal(size=channels).round(2),
                rng.uniform(0.5, 3, channels).round(2),
                training,
            )
            for n, channels in ((3, 1), (4, 2), (6, 3))
        ]

    return draw


NORM = Exercise(
    slug="two-modes",
    lesson="16",
    title="The two modes of a batch norm",
    minutes=8,
    points=3,
    hints=(
        "There are two pairs of mean and variance: the batch's own, and the averages that are handed in. Which pair "
        "does it divide by in training, which one in evaluation? And which mode touches the averages?",
        "In training: take mean and variance of `values` over the examples, `axis=0`; use them; and move the averages "
        "a tenth of the way towards them. In evaluation: use the averages, and hand them back as they are.",
        "`normed = (values - own_mean) / np.sqrt(own_variance)`, and the new mean is `0.9 * mean + 0.1 * own_mean`",
    ),
    reference=batch_norm,
    properties=(
        Property("is right on the worked example, in training", [(*PAPER, True)]),
        Property("is right on the worked example, in evaluation", [(*PAPER, False)]),
        Property("is right in training", _batches(True), weight=2),
        Property("is right in evaluation", _batches(False)),
        Property(
            "takes a batch of one example in evaluation",
            [(np.array([[5.0, 1.0]]), np.array([1.0, 1.0]), np.array([4.0, 1.0]), False)],
            weight=0.5,
        ),
    ),
    mistakes=(
        Mistake(
            "modes swapped",
            _modes_swapped,
            "Your modes are swapped: in *training* a batch is divided by its own deviation, in evaluation by the "
            "average one.",
        ),
        Mistake(
            "the batch in evaluation, averages kept",
            _batch_in_evaluation,
            "In evaluation you still use the batch's own mean and variance. Then the answer for an image depends on "
            "which images are in its batch, and for one alone it is 0 / 0.",
        ),
        Mistake(
            "always the batch",
            _always_the_batch,
            "You do the same in both modes, as if it were always training. In evaluation the averages are used, and "
            "stay as they are.",
        ),
        Mistake(
            "always the averages",
            _always_the_averages,
            "You do the same in both modes, as if it were always evaluation. In training the batch's own mean and "
            "variance are used, and the averages move.",
        ),
        Mistake(
            "averages never move",
            _batch_but_averages_stay,
            "The normed values are right. In training the averages move, too: a tenth of the way towards the batch's.",
        ),
        Mistake(
            "averages used in training",
            _averages_move_but_are_used,
            "Your averages move as they should. But in training the *batch's own* mean and variance are used to norm "
            "it; the averages are for later.",
        ),
        Mistake(
            "new averages used in training",
            _new_averages_are_used,
            "You normed the batch by the averages that you had just moved. In training it is normed by its own mean "
            "and variance; the averages are for later.",
        ),
        Mistake(
            "nine tenths new",
            _nine_tenths_new,
            "Your averages move nine tenths of the way. They are to remember: nine tenths old, one tenth new.",
        ),
        Mistake(
            "averages replaced",
            _averages_replaced,
            "Your averages forget all batches but the last. They move a tenth of the way: nine tenths old, one tenth "
            "new.",
        ),
        Mistake(
            "divided by the variance",
            _by_the_variance,
            "You divided by the variance. Divide by its root, the deviation: only then do the values come out with "
            "deviation 1.",
        ),
        Mistake(
            "over all channels",
            _over_all_channels,
            "You took one mean over all channels. Each channel has its own, over the examples: `axis=0`.",
        ),
        Mistake(
            "over the channels of an example",
            _over_channels_of_an_example,
            "You normed each example over its channels (that is a layer norm). A batch norm goes down a channel, over "
            "the examples: `axis=0`.",
        ),
        Mistake(
            "divided by n - 1",
            _one_less,
            "You divided by n − 1 for the variance. Here it is n, as `np.var` does by default.",
        ),
        Mistake(
            "deviation averaged",
            _deviation_kept,
            "You mixed the batch's *deviation* into the average variance. Mix variance with variance.",
        ),
    ),
)

# ------------------------------------------------------------------------------------------ CKA


def cka(x, y):
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    return float(_square(y.T @ x) / np.sqrt(_square(x.T @ x) * _square(y.T @ y)))


def _square(matrix):
    return (matrix**2).sum()


def _not_centred(x, y):
    return float(_square(y.T @ x) / np.sqrt(_square(x.T @ x) * _square(y.T @ y)))


def _centred_along_examples(x, y):
    return _not_centred(x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True))


def _centred_by_one_number(x, y):
    return _not_centred(x - x.mean(), y - y.mean())


def _root_forgotten(x, y):
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    return float(_square(y.T @ x) / (_square(x.T @ x) * _square(y.T @ y)))


def _not_divided(x, y):
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    return float(_square(y.T @ x))


def _root_of_it(x, y):
    return float(np.sqrt(cka(x, y)))


def _by_the_features_sizes(x, y):
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    return float(_square(y.T @ x) / (_square(x) * _square(y)))


def _no_squares(x, y):
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    return float(abs(y.T @ x).sum() / np.sqrt(abs(x.T @ x).sum() * abs(y.T @ y).sum()))


def _also_scaled(x, y):
    return cka(x / x.std(axis=0), y / y.std(axis=0))


def _feature_by_feature(x, y):
    n = min(x.shape[1], y.shape[1])
    x, y = (x - x.mean(axis=0))[:, :n], (y - y.mean(axis=0))[:, :n]
    return float((x * y).sum() / np.sqrt(_square(x) * _square(y)))


THREE = np.array([[-1.0], [0.0], [1.0]]), np.array([[4.0], [0.0], [2.0]])


def _pairs(rng):
    return [
        (
            (rng.normal(size=(n, p)) * rng.uniform(0.5, 3, p)).round(2),
            (rng.normal(size=(n, q)) * rng.uniform(0.5, 3, q)).round(2),
        )
        for n, p, q in ((4, 1, 2), (6, 2, 2), (8, 3, 2), (12, 2, 4))
    ]


def _moved(rng):
    """The same as `_pairs`, with means that are far from 0."""
    return [(x + 5, y - 3 * np.arange(1, y.shape[1] + 1)) for x, y in _pairs(rng)]


def _turned(rng):
    cases = []
    for n, p in ((6, 2), (10, 3)):
        x = rng.normal(size=(n, p)).round(2)
        turn, _ = np.linalg.qr(rng.normal(size=(p, p)))
        cases.append((x, 4 * x @ turn))
    return cases


CKA = Exercise(
    slug="similarity-cka",
    lesson="16",
    title="Do two layers sort the examples alike?",
    minutes=8,
    points=3,
    hints=(
        "Three things are asked for in the formula: each feature loses its mean, a matrix of products of features is "
        "made, and its squares are summed up. Which axis do the examples lie along?",
        "`x - x.mean(axis=0)` centres each feature. `y.T @ x` has a row for each feature of y and a column for each of "
        "x. The sum of its squares stands above the line, and the root of the product of two such sums below it.",
        "`(y.T @ x)**2` summed, over `np.sqrt(((x.T @ x)**2).sum() * ((y.T @ y)**2).sum())`, both centred before",
    ),
    reference=cka,
    bounds=(0, 1),
    properties=(
        Property("is right on the worked example", [THREE]),
        Property("is right on random features", _pairs, weight=2),
        Property("does not mind where a feature's zero lies", _moved),
        Property("is 1 for features that were turned and enlarged", _turned),
    ),
    mistakes=(
        Mistake(
            "not centred",
            _not_centred,
            "Your similarity depends on where a feature's zero lies: take each feature's mean off first. Without that, "
            "features that are never negative, as behind a ReLU, all look alike.",
        ),
        Mistake(
            "centred along the wrong axis",
            _centred_along_examples,
            "You took off each *example's* mean. The rows are examples: a feature's mean goes down its column, "
            "`axis=0`.",
        ),
        Mistake(
            "one mean for all",
            _centred_by_one_number,
            "You took one mean off all features. Each feature has its own, `x.mean(axis=0)`.",
        ),
        Mistake(
            "root forgotten",
            _root_forgotten,
            "Below the line the root is missing: features that are merely enlarged would otherwise seem less alike.",
        ),
        Mistake(
            "not divided",
            _not_divided,
            "This number grows with the features. Divide by what the two would give with themselves.",
        ),
        Mistake(
            "root of the whole",
            _root_of_it,
            "You took the root of the whole. It belongs under the line only, and the squares above it stay.",
        ),
        Mistake(
            "sizes of the features",
            _by_the_features_sizes,
            "You divided by the sums of squares of x and y themselves. Under the line stand those of the *products* "
            "`x.T @ x` and `y.T @ y`: only then is everything 1 like itself.",
        ),
        Mistake(
            "no squares",
            _no_squares,
            "You summed absolute values. The sums are of *squares*: then turning the features changes nothing.",
        ),
        Mistake(
            "features scaled",
            _also_scaled,
            "You divided each feature by its deviation, too. Then a feature that hardly varies counts as much as the "
            "one that carries everything, and turning the features changes the answer. Only the mean goes.",
        ),
        Mistake(
            "feature by feature",
            _feature_by_feature,
            "You compared the first feature with the first, the second with the second. Nobody numbered the channels "
            "of two networks alike: compare each with each, `y.T @ x`.",
        ),
    ),
)

# ------------------------------------------------------------------------------------------ averages, measured anew


def averages(batches):
    values = np.concatenate(batches).astype(float)
    return values.mean(axis=0), values.var(axis=0)


def _mean_of_batch_variances(batches):
    return averages(batches)[0], np.mean([batch.var(axis=0) for batch in batches], axis=0)


def _weighted_batch_variances(batches):
    sizes = [len(batch) for batch in batches]
    return averages(batches)[0], np.average([batch.var(axis=0) for batch in batches], axis=0, weights=sizes)


def _the_colleague(batches):
    return (
        np.mean([batch.mean(axis=0) for batch in batches], axis=0),
        np.mean([batch.var(axis=0) for batch in batches], axis=0),
    )


def _mean_of_batch_means(batches):
    return np.mean([batch.mean(axis=0) for batch in batches], axis=0), averages(batches)[1]


def _running(batches):
    mean, variance = np.zeros(batches[0].shape[1]), np.ones(batches[0].shape[1])
    for batch in batches:
        mean, variance = 0.9 * mean + 0.1 * batch.mean(axis=0), 0.9 * variance + 0.1 * batch.var(axis=0)
    return mean, variance


def _last_batch(batches):
    return averages(batches[-1:])


def _first_batch(batches):
    return averages(batches[:1])


def _deviations(batches):
    mean, variance = averages(batches)
    return mean, np.sqrt(variance)


def _squares_alone(batches):
    values = np.concatenate(batches)
    return values.mean(axis=0), (values**2).mean(axis=0)


def _variance_of_means(batches):
    return averages(batches)[0], np.var([batch.mean(axis=0) for batch in batches], axis=0)


def _all_channels(batches):
    values = np.concatenate(batches)
    ones = np.ones(values.shape[1])
    return values.mean() * ones, values.var() * ones


def _one_fewer(batches):
    values = np.concatenate(batches)
    return values.mean(axis=0), values.var(axis=0, ddof=1)


def _swapped(batches):
    return averages(batches)[::-1]


TWO_BATCHES = [np.array([[0.0], [2.0]]), np.array([[10.0], [12.0], [14.0], [16.0]])]


def _unequal(rng):
    return [
        ([rng.normal(rng.uniform(-3, 3), 1, (n, channels)).round(2) for n in sizes],)
        for sizes, channels in (((2, 3), 1), ((4, 1, 2), 2), ((5, 3, 4, 2), 3))
    ]


def _equal(rng):
    return [
        ([rng.normal(rng.uniform(-3, 3), 1, (n, channels)).round(2) for _ in range(count)],)
        for n, count, channels in ((2, 2, 1), (3, 3, 2))
    ]


AVERAGES = Exercise(
    slug="measured-anew",
    lesson="16",
    title="Repair: averages measured anew",
    minutes=7,
    points=3,
    hints=(
        "Two batches: (0, 2) and (10, 12, 14, 16). Each varies little by itself. How much do all six numbers together "
        "vary? Where does the rest come from?",
        "A mean of means forgets that batches differ in size; a mean of variances forgets that they differ from each "
        "other. Both go away when all examples are taken together.",
        "`np.concatenate(batches)` puts all examples below each other. (Without keeping them all: sum up the numbers, "
        "the squares and the count; the variance is the mean square minus the squared mean.)",
    ),
    reference=averages,
    properties=(
        Property("is right on the worked example", [(TWO_BATCHES,)]),
        Property("is right for a single batch", [(TWO_BATCHES[1:],)], weight=0.5),
        Property("is right for batches of equal size", _equal),
        Property("is right for batches of unequal size", _unequal, weight=2),
    ),
    mistakes=(
        Mistake(
            "the colleague's",
            _the_colleague,
            "These are the colleague's numbers: a mean of batch means, in which small batches count as much as large "
            "ones, and a mean of batch variances, in which it is lost that the batches differ from each other.",
        ),
        *(
            Mistake(
                name,
                wrong,
                "Your mean is right. Your variance is a mean of the batches' own variances: by how much the batches "
                "*differ from each other* is lost. Measure the distance of each example from the mean of all.",
            )
            for name, wrong in (
                ("mean of variances", _mean_of_batch_variances),
                ("weighted mean of variances", _weighted_batch_variances),
            )
        ),
        Mistake(
            "mean of means",
            _mean_of_batch_means,
            "Your variance is right. Your mean is a mean of batch means, in which an example of a small batch counts "
            "more than one of a large batch.",
        ),
        Mistake(
            "running averages",
            _running,
            "You let averages run along from 0 and 1, as a norm in training does. After a few batches they are still "
            "mostly where they began. All examples count alike here.",
        ),
        Mistake(
            "the last batch",
            _last_batch,
            "Only the last batch is in your averages: does the loop overwrite what it found before?",
        ),
        Mistake(
            "the first batch",
            _first_batch,
            "Only the first batch is in your averages: does a `return` stand inside of the loop?",
        ),
        Mistake("deviations", _deviations, "You returned the deviation. The second array is the variance."),
        Mistake(
            "mean square",
            _squares_alone,
            "Your variance is the mean of the squares. Take the square of the mean off, or the mean off before you "
            "square.",
        ),
        Mistake(
            "variance of the means",
            _variance_of_means,
            "Your variance is that of the batch means alone. What varies *within* a batch is missing.",
        ),
        Mistake(
            "over all channels",
            _all_channels,
            "You took one mean over all channels. Each channel has its own, over the examples: `axis=0`.",
        ),
        Mistake(
            "divided by n - 1",
            _one_fewer,
            "You divided by n − 1 for the variance. Here it is n, as `np.var` does by default.",
        ),
        Mistake("swapped", _swapped, "You returned the variance first. The mean comes first."),
    ),
)

# ------------------------------------------------------------------------------------------ what labels are worth


def worth(counts, scores, score):
    counts, scores = np.asarray(counts, float), np.asarray(scores, float)
    if score > scores[-1]:
        return np.inf
    if score <= scores[0]:
        return float(counts[0])
    return float(np.exp(np.interp(score, scores, np.log(counts))))


def _straight_in_counts(counts, scores, score):
    if score > scores[-1]:
        return np.inf
    return float(np.interp(score, scores, counts))


def _never_infinite(counts, scores, score):
    return float(np.exp(np.interp(score, scores, np.log(counts))))


def _still_a_logarithm(counts, scores, score):
    return np.inf if score > scores[-1] else float(np.interp(score, scores, np.log(counts)))


def _next_count(counts, scores, score):
    reached = counts[scores >= score]
    return float(reached[0]) if len(reached) else np.inf


def _nearest_count(counts, scores, score):
    return np.inf if score > scores[-1] else float(counts[np.argmin(abs(scores - score))])


def _count_before(counts, scores, score):
    if score > scores[-1]:
        return np.inf
    return float(counts[max(np.searchsorted(scores, score) - 1, 0)])


def _extrapolated(counts, scores, score):
    if scores[0] < score <= scores[-1]:
        return worth(counts, scores, score)
    ends = slice(0, 2) if score <= scores[0] else slice(-2, None)
    slope = np.diff(np.log(counts[ends])) / np.diff(scores[ends])
    return float(np.exp(np.log(counts[ends][0]) + slope[0] * (score - scores[ends][0])))


def _axes_swapped(counts, scores, score):
    return (
        np.inf if score > scores[-1] else float(np.interp(np.log(max(score, 1e-9)), np.log(counts), scores))
    )


def _always_infinite_outside(counts, scores, score):
    return np.inf if not scores[0] <= score <= scores[-1] else worth(counts, scores, score)


def _infinite_at_the_end(counts, scores, score):
    return np.inf if score >= scores[-1] else worth(counts, scores, score)


CURVE = np.array([5.0, 10, 20, 50, 100]), np.array([0.39, 0.42, 0.46, 0.52, 0.55])


def _curves(rng):
    cases = []
    for n in (2, 3, 5):
        counts = np.cumprod(rng.integers(2, 5, n)).astype(float)
        scores = np.cumsum(rng.uniform(0.02, 0.1, n)).round(3) + 0.3
        cases += [(counts, scores, round(float(s), 4)) for s in rng.uniform(scores[0], scores[-1], 2)]
    return cases


WORTH = Exercise(
    slug="worth-in-labels",
    lesson="16",
    title="What is it worth in labels?",
    minutes=8,
    points=2,
    hints=(
        "You know the score for each count. The question goes the other way: from a score to a count. Where on the "
        "curve does the score lie, between which two counts?",
        "`np.interp(score, scores, …)` draws straight lines between points whose *first* coordinate is the score; the "
        "second is the logarithm of the count. Turn the logarithm back at the end, and think of a score that is above "
        "all.",
        "`np.exp(np.interp(score, scores, np.log(counts)))`, and `np.inf` where `score > scores[-1]`",
    ),
    reference=worth,
    properties=(
        Property("is right on the worked example", [(np.array([10.0, 40.0]), np.array([0.4, 0.6]), 0.5)]),
        Property("gives back the counts at their own scores", [(*CURVE, 0.42), (*CURVE, 0.55)], weight=0.5),
        Property("is right in between", _curves, weight=2),
        Property("is infinite where no count was enough", [(*CURVE, 0.6)], weight=0.5),
        Property("is the least count where less would have been enough", [(*CURVE, 0.3)], weight=0.5),
    ),
    mistakes=(
        Mistake(
            "straight in the counts",
            _straight_in_counts,
            "You drew straight lines over the counts. They are asked for over the *logarithm*: from 10 to 40 images "
            "is as far as from 40 to 160, and the middle between 10 and 40 is 20.",
        ),
        Mistake(
            "logarithm not turned back",
            _still_a_logarithm,
            "Your answer is the logarithm of the number of images. `np.exp` turns it back.",
        ),
        Mistake(
            "never infinite",
            _never_infinite,
            "A score above all that was measured gets the largest count from you. Nobody knows how many images that "
            "would take: `np.inf`.",
        ),
        Mistake(
            "the next count",
            _next_count,
            "You took the first count that is enough. Between two counts, go along the straight line.",
        ),
        Mistake(
            "the count before",
            _count_before,
            "You took the last count that is *not* enough. Between two counts, go along the straight line.",
        ),
        Mistake(
            "the nearest count",
            _nearest_count,
            "You took the count whose score is nearest. Between two counts, go along the straight line.",
        ),
        Mistake(
            "lines drawn on",
            _extrapolated,
            "You drew the lines on beyond what was measured. A curve of scores flattens: above the last score the "
            "answer is `np.inf`, below the first one the least count.",
        ),
        Mistake(
            "axes swapped",
            _axes_swapped,
            "You looked the score up among the counts. `np.interp(x, xs, ys)`: x and xs are of one kind, scores here.",
        ),
        Mistake(
            "infinite below, too",
            _always_infinite_outside,
            "A score below the first one is infinite with you. The least count was more than enough for it.",
        ),
        Mistake(
            "the last score itself",
            _infinite_at_the_end,
            "The last score itself *was* reached, with the last count: only above it the answer is infinite.",
        ),
    ),
)

EXERCISES = [RATES, NORM, CKA, AVERAGES, WORTH]
