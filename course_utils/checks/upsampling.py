"""The exercises of lesson 09: a dense layer that slides, stamps, half a pixel, and errors by distance."""

from itertools import pairwise

import numpy as np

from course_utils.checks.framework import Exercise, Mistake, Property

# ------------------------------------------------------------------------------------------ a dense layer slides


def scan(features, weights, offsets, side):
    return _products(features, weights, side) + offsets[:, None, None]


def _windows(features, side):
    """As the lesson hands them out, (C, H − side + 1, W − side + 1, side, side)."""
    return np.lib.stride_tricks.sliding_window_view(features, (side, side), axis=(1, 2))


def _kernels(features, weights, side):
    return weights.reshape(len(weights), len(features), side, side)


def _products(features, weights, side, pattern="kcij,cyxij->kyx", kernels=None):
    kernels = _kernels(features, weights, side) if kernels is None else kernels
    return np.einsum(pattern, kernels, _windows(features, side))


def _no_offsets(features, weights, offsets, side):
    return _products(features, weights, side)


def _offsets_along_the_row(features, weights, offsets, side):
    return _products(features, weights, side) + offsets


def _first_offset_for_all(features, weights, offsets, side):
    return _products(features, weights, side) + offsets[0]


def _sum_of_offsets(features, weights, offsets, side):
    return _products(features, weights, side) + offsets.sum()


def _offsets_in_each_channel(features, weights, offsets, side):
    return _products(features, weights, side) + len(features) * offsets[:, None, None]


def _flipped_scan(features, weights, offsets, side):
    kernels = _kernels(features, weights, side)[..., ::-1, ::-1]
    return _products(features, weights, side, kernels=kernels) + offsets[:, None, None]


def _turned_scan(features, weights, offsets, side):
    return _products(features, weights, side, "kcij,cyxji->kyx") + offsets[:, None, None]


def _one_channel(features, weights, offsets, side):
    kernels = _kernels(features, weights, side).copy()
    kernels[:, 1:] = 0
    return _products(features, weights, side, kernels=kernels) + offsets[:, None, None]


def _mean_scan(features, weights, offsets, side):
    return _products(features, weights, side) / weights.shape[1] + offsets[:, None, None]


def _over_the_window(features, weights, offsets, side):
    return _products(features, weights, side) / side**2 + offsets[:, None, None]


def _offsets_in_each_product(features, weights, offsets, side):
    return _products(features, weights, side) + weights.shape[1] * offsets[:, None, None]


def _positive_part(features, weights, offsets, side):
    return np.maximum(scan(features, weights, offsets, side), 0)


SLIDE = (  # the lesson's: one channel, a window of 2 × 2, one score
    np.array([[[1.0, 0, 2], [3, 1, 0], [0, 2, 1]]]),
    np.array([[1.0, 2, 0, -1]]),
    np.array([0.5]),
    2,
)


def _scans(rng):
    cases = []
    for channels, height, width, classes, side in (
        (1, 3, 4, 2, 2), (2, 3, 3, 3, 3), (2, 4, 5, 3, 2), (3, 4, 3, 2, 1), (2, 3, 5, 2, 3), (2, 5, 4, 3, 2),
    ):  # fmt: skip
        features = rng.normal(0, 1, (channels, height, width)).round(1)
        weights = rng.normal(0, 1, (classes, channels * side**2)).round(1)
        cases.append((features, weights, rng.normal(0, 1, classes).round(1), side))
    return cases


SCAN = Exercise(
    slug="scan-dense",
    lesson="09",
    title="A fully connected layer slides",
    minutes=6,
    points=2,
    hints=(
        "At each place: multiply each kernel with the window there, number by number, and add up everything, channels "
        "included. Then the class's own offset.",
        "Name the axes: the kernels are `k c i j`, the windows `c y x i j`. What is summed is missing in the result, "
        "`k y x`. The offsets need two axes more to stand beside that.",
        '`np.einsum("kcij,cyxij->kyx", kernels, windows) + offsets[:, None, None]`',
    ),
    reference=scan,
    properties=(
        Property("is right on the worked example", [SLIDE]),
        Property(
            "gives the dense layer's scores where the map is one window",
            [
                (
                    np.array([[[1.0, 2], [3, 4]], [[0, 1], [0, -1]]]),
                    np.arange(16.0).reshape(2, 8),
                    np.array([1.0, -2]),
                    2,
                ),
                (np.array([[[2.0]], [[-1]]]), np.array([[1.0, 3], [2, 0]]), np.array([0.5, -5]), 1),
            ],
        ),
        Property("is right on larger maps", _scans, weight=2),
    ),
    mistakes=(
        Mistake(
            "offsets forgotten",
            _no_offsets,
            "The sums of products are right, but each class has an offset as well: a dense layer adds it to "
            "every score.",
        ),
        Mistake(
            "offsets along the row",
            _offsets_along_the_row,
            "You added the offsets along the last axis, which is the columns of the map. There is one offset a "
            "*class*, and the classes are the first axis: `offsets[:, None, None]`.",
        ),
        Mistake(
            "the first offset for all",
            _first_offset_for_all,
            "You added the first class's offset to the scores of every class. Each class has one of its own.",
        ),
        Mistake(
            "sum of the offsets",
            _sum_of_offsets,
            "You added the sum of all offsets to every score. Each class has one of its own.",
        ),
        Mistake(
            "kernels flipped",
            _flipped_scan,
            "You turned the kernels round, as the convolution of mathematics does. A dense layer multiplies the first "
            "weight with the first number of the window; so does what torch calls a convolution.",
        ),
        Mistake(
            "rows and columns of the kernel",
            _turned_scan,
            "You paired the rows of the kernel with the columns of the window. A window is flattened row by row, and "
            "so were the weights.",
        ),
        Mistake(
            "one channel only",
            _one_channel,
            "You summed over the first channel alone. Each kernel has a layer for every channel, and all products are "
            "added up.",
        ),
        *(
            Mistake(
                name,
                wrong,
                "You took a mean. A score is the *sum* of all products.",
            )
            for name, wrong in (
                ("mean of the products", _mean_scan),
                ("mean over the window", _over_the_window),
            )
        ),
        Mistake(
            "offset in each product",
            _offsets_in_each_product,
            "You added the offset once for every product. It is added once to each score, after the sum.",
        ),
        Mistake(
            "offset in each channel",
            _offsets_in_each_channel,
            "You added the offset once for every channel. It is added once to each score, after the sum over the "
            "channels, too.",
        ),
        Mistake(
            "negative scores cut off",
            _positive_part,
            "Your scores are never below 0. A score may be: the ReLU belongs between layers, not behind the last one.",
        ),
    ),
)

# ------------------------------------------------------------------------------------------ stamps


def enlarge(values, kernel, stride):
    result = np.zeros((len(values) - 1) * stride + len(kernel))
    for i, value in enumerate(values):
        result[i * stride : i * stride + len(kernel)] += value * kernel
    return result


def _matrix(count, kernel, stride):
    """The convolution that the exercise speaks of, (count, (count − 1) · stride + len(kernel))."""
    matrix = np.zeros((count, (count - 1) * stride + len(kernel)))
    for i in range(count):
        matrix[i, i * stride : i * stride + len(kernel)] = kernel
    return matrix


def _inverted(values, kernel, stride):
    return np.linalg.pinv(_matrix(len(values), kernel, stride)) @ values


def _overwritten(values, kernel, stride):
    result = np.zeros((len(values) - 1) * stride + len(kernel))
    for i, value in enumerate(values):
        result[i * stride : i * stride + len(kernel)] = value * kernel
    return result


def _first_one_stays(values, kernel, stride):
    result = np.zeros((len(values) - 1) * stride + len(kernel))
    for i in reversed(range(len(values))):
        result[i * stride : i * stride + len(kernel)] = values[i] * kernel
    return result


def _flipped_stamps(values, kernel, stride):
    return enlarge(values, kernel[::-1], stride)


def _stride_two(values, kernel, stride):
    return enlarge(values, kernel, 2)


def _whole_numbers(values, kernel, stride):
    return enlarge(values, kernel, stride).astype(int)


def _as_the_values_are(values, kernel, stride):
    result = np.zeros((len(values) - 1) * stride + len(kernel), values.dtype)
    for i, value in enumerate(values):
        result[i * stride : i * stride + len(kernel)] += (value * kernel).astype(values.dtype)
    return result


def _zeros_like_the_values(values, kernel, stride):
    result = np.zeros((len(values) - 1) * stride + len(kernel), values.dtype)
    for i, value in enumerate(values):
        result[i * stride : i * stride + len(kernel)] += value * kernel
    return result


def _whole_zeros(values, kernel, stride):
    result = np.zeros((len(values) - 1) * stride + len(kernel), int)
    for i, value in enumerate(values):
        result[i * stride : i * stride + len(kernel)] += value * kernel
    return result


def _last_stamp_missing(values, kernel, stride):
    result = np.zeros((len(values) - 1) * stride + len(kernel))
    for i in range(len(values) - 1):
        result[i * stride : i * stride + len(kernel)] += values[i] * kernel
    return result


def _kernel_of_sum_one(values, kernel, stride):
    total = kernel.sum()
    return enlarge(values, kernel, stride) / (total if total else 1)


def _averaged(values, kernel, stride):
    return enlarge(values, kernel, stride) / enlarge(np.ones(len(values)), np.ones(len(kernel)), stride).clip(
        1
    )


def _shares(values, kernel, stride):
    sums = enlarge(np.ones(len(values)), kernel, stride)
    return enlarge(values, kernel, stride) / np.where(sums == 0, 1, sums)


def _stride_ignored(values, kernel, stride):
    return np.convolve(values, kernel)


def _zeros_between_alone(values, kernel, stride):
    spread = np.zeros((len(values) - 1) * stride + 1)
    spread[::stride] = values
    return np.convolve(spread, kernel, "same")[: len(spread)]


def _repeated(values, kernel, stride):
    return np.convolve(np.repeat(values, stride), kernel)[: (len(values) - 1) * stride + len(kernel)]


def _cut_to_size(values, kernel, stride):
    before = (len(kernel) - stride + 1) // 2
    return enlarge(values, kernel, stride)[before : before + stride * len(values)]


def _too_short(values, kernel, stride):
    return enlarge(values, kernel, stride)[: stride * len(values)]


PAPER = np.array([3.0, 1]), np.array([1.0, 2, 1]), 2


def _stamps(rng):
    cases = []
    for count, size, stride in (
        (1, 3, 2),
        (3, 2, 2),
        (3, 3, 2),
        (4, 4, 2),
        (3, 5, 3),
        (4, 3, 1),
        (2, 6, 4),
        (5, 4, 3),
    ):
        cases.append((rng.normal(0, 2, count).round(1), rng.normal(0, 1, size).round(1), stride))
    return cases


ENLARGE = Exercise(
    slug="enlarge-by-stamps",
    lesson="09",
    title="A transposed convolution",
    minutes=8,
    points=4,
    hints=(
        "Column i of the transposed matrix is the kernel, moved `i * stride` down. What does the product with `values` "
        "do with the columns?",
        "Start from zeros, `(n - 1) * stride + k` of them. Each value adds the kernel, times itself, at its own place.",
        "In a loop over i: `result[i * stride : i * stride + len(kernel)] += values[i] * kernel`",
    ),
    reference=enlarge,
    properties=(
        Property("is right on the worked example", [PAPER]),
        Property(
            "stamps the kernel where a single value is 1",
            [
                (np.array([0.0, 1, 0]), np.array([1.0, 2, 4]), 2),
                (np.array([1.0]), np.array([2.0, 0, -1]), 2),
                (np.array([0.0, 0, 1]), np.array([5.0, 1]), 2),
                (np.array([0.0, 1]), np.array([1.0, 3, 2]), 3),
            ],
        ),
        Property(
            "turns a constant into the sums of the weights that meet",
            [(np.ones(4), np.ones(3), 2), (np.ones(3), np.ones(5), 3), (np.ones(3), np.ones(4), 2)],
        ),
        Property("is right on other values", _stamps, weight=2),
        Property("takes whole numbers", [(np.array([2, 1]), np.array([0.5, 1, 0.5]), 2)], weight=0.5),
    ),
    mistakes=(
        Mistake(
            "inverse",
            _inverted,
            "You inverted the matrix. A transposed convolution does not undo a convolution: it has the shape of the "
            "way back, with the same numbers in the matrix, rows and columns exchanged.",
        ),
        *(
            Mistake(
                name,
                wrong,
                "Where stamps overlap, one of yours replaces the other. They *add up*: each output value is a sum over "
                "all stamps that reach it.",
            )
            for name, wrong in (
                ("later stamps replace", _overwritten),
                ("earlier stamps stay", _first_one_stays),
            )
        ),
        Mistake(
            "kernel flipped",
            _flipped_stamps,
            "You stamped the kernel back to front. A column of the transposed matrix is a row of the matrix, from "
            "top to bottom as it was from left to right.",
        ),
        Mistake(
            "averaged",
            _averaged,
            "You divided by the number of stamps that meet. The transpose only adds, and that is where checkerboards "
            "come from.",
        ),
        Mistake(
            "weights made to sum to one",
            _shares,
            "You divided by the sum of the weights at each place, so that a constant stays one. The transpose does "
            "not: it only adds.",
        ),
        Mistake(
            "stride ignored",
            _stride_ignored,
            "Your stamps lie one step apart, whatever `stride` is: that is an ordinary convolution with a wide border. "
            "Stamp i begins at `i * stride`.",
        ),
        Mistake(
            "stride 2 always",
            _stride_two,
            "Your stamps lie two apart, whatever `stride` is. Stamp i begins at `i * stride`.",
        ),
        *(
            Mistake(
                name,
                wrong,
                "You cut the products to whole numbers: 1.5 becomes 1. The kernel holds fractions, so the result "
                "needs floats, even where the values are whole numbers.",
            )
            for name, wrong in (
                ("whole numbers", _whole_numbers),
                ("kind of number of the values", _as_the_values_are),
            )
        ),
        *(
            Mistake(
                name,
                wrong,
                "Your result was made for whole numbers, and fractions cannot be added into it. The values may be "
                "whole numbers: start from float zeros all the same, `np.zeros(…)` without a dtype.",
            )
            for name, wrong in (
                ("zeros of the values' kind", _zeros_like_the_values),
                ("zeros that are whole numbers", _whole_zeros),
            )
        ),
        Mistake(
            "last stamp missing",
            _last_stamp_missing,
            "Your last value stamps nothing. There is a stamp for every value, `len(values)` of them.",
        ),
        Mistake(
            "divided by the kernel's sum",
            _kernel_of_sum_one,
            "You divided by the sum of the kernel. The transpose holds the same weights as the convolution, as they "
            "are.",
        ),
        Mistake(
            "zeros between, and cut",
            _zeros_between_alone,
            "Zeros between the values and then a convolution is a right way, but you kept too little of it (`same`): "
            "the outermost stamps hang over the ends. With `full` the result has `(n - 1) * stride + k` values.",
        ),
        Mistake(
            "values repeated",
            _repeated,
            "You repeated the values and convolved: that is the *resize-convolution*, a cure for checkerboards, and "
            "another thing. Here each value is stamped once.",
        ),
        Mistake(
            "cut on both sides",
            _cut_to_size,
            "You cut the result to `stride * n` values, as padding does in torch. No padding here: all "
            "`(n - 1) * stride + k` values are asked for.",
        ),
        Mistake(
            "cut at the end",
            _too_short,
            "Your result has `stride * n` values. The last stamp begins at `(n - 1) * stride` and is as long as the "
            "kernel.",
        ),
    ),
)

# ------------------------------------------------------------------------------------------ half a pixel


def enlarge_linear(values, factor):
    return _read_at(values, (np.arange(len(values) * factor) + 0.5) / factor - 0.5)


def _read_at(values, places):
    return np.interp(places, np.arange(len(values)), values)


def _from_the_edges(values, factor):
    return _read_at(values, np.arange(len(values) * factor) / factor)


def _ends_to_ends(values, factor):
    return _read_at(values, np.linspace(0, len(values) - 1, len(values) * factor))


def _half_missing_behind(values, factor):
    return _read_at(values, (np.arange(len(values) * factor) + 0.5) / factor)


def _half_missing_before(values, factor):
    return _read_at(values, np.arange(len(values) * factor) / factor - 0.5)


def _wrong_way(values, factor):
    return _read_at(values, (np.arange(len(values) * factor) - 0.5) / factor + 0.5)


def _nearest(values, factor):
    return np.repeat(values, factor) * 1.0


def _half_of_a_coarse_pixel(values, factor):
    return _read_at(values, np.arange(len(values) * factor) / factor + 0.5)


def _only_half_a_fine_pixel_back(values, factor):
    return _read_at(values, (np.arange(len(values) * factor) - 0.5) / factor)


def _always_a_quarter(values, factor):
    return _read_at(values, np.arange(len(values) * factor) / factor - 0.25)


def _rounded_down(values, factor):
    return enlarge_linear(values, factor).astype(int)


def _beyond_the_ends(values, factor):
    places = (np.arange(len(values) * factor) + 0.5) / factor - 0.5
    if len(values) == 1:
        return np.full(factor, float(values[0]))
    left = np.clip(np.floor(places).astype(int), 0, len(values) - 2)
    return values[left] + (places - left) * (values[left + 1] - values[left])


def _nothing_beyond(values, factor):
    places = (np.arange(len(values) * factor) + 0.5) / factor - 0.5
    return np.interp(places, np.arange(len(values)), values, left=0, right=0)


def _whole_fine_pixels(values, factor):
    return _read_at(values, (np.arange(len(values) * factor) - factor // 2) / factor)


def _zeros_beyond(values, factor):
    padded = np.concatenate([[0.0], values, [0.0]])
    return _read_at(padded, (np.arange(len(values) * factor) + 0.5) / factor + 0.5)


STEP = np.array([0.0, 0, 1, 1]), 4


def _lines(rng):
    return [
        (rng.normal(0, 1, count).round(1), factor)
        for count, factor in ((1, 3), (2, 2), (3, 2), (2, 5), (4, 3), (5, 4), (3, 8))
    ]


HALF_PIXEL = Exercise(
    slug="half-pixel",
    lesson="09",
    title="Repair: half a pixel",
    minutes=6,
    points=3,
    hints=(
        "Draw two coarse pixels as boxes, each over four fine ones, and mark the middle of every box, coarse and fine.",
        "Measured in fine pixels, the middle of fine pixel j lies at j + 0.5 from the left edge. Measured in coarse "
        "pixels that is `(j + 0.5) / factor`. The middle of coarse pixel i lies at i + 0.5.",
        "`places = (np.arange(len(values) * factor) + 0.5) / factor - 0.5`",
    ),
    reference=enlarge_linear,
    properties=(
        Property("leaves a step in its place", [STEP]),
        Property(
            "mirrors when its input is mirrored",
            [(np.array([0.0, 1, 0, 3]), 2), (np.array([5.0, 1, 2]), 3)],
        ),
        Property("is right on other values", _lines, weight=2),
        Property("leaves the values alone for factor 1", [(np.array([2.0, -1, 4]), 1)], weight=0.5),
    ),
    mistakes=(
        Mistake(
            "as it was",
            _from_the_edges,
            "That is still the colleague's answer: fine pixel 0 gets exactly the value of coarse pixel 0, as if their "
            "left edges mattered. Their *middles* do, and they do not coincide.",
        ),
        Mistake(
            "ends laid on ends",
            _ends_to_ends,
            "You laid the first fine pixel on the first coarse one and the last on the last (torch calls it "
            "`align_corners`). Then the steps are not `1 / factor` long: the picture is stretched.",
        ),
        Mistake(
            "half a pixel missing behind",
            _half_missing_behind,
            "You took the middle of the fine pixel, but measured from the left *edge* of the first coarse one. Its "
            "value stands in its middle, half a coarse pixel on.",
        ),
        Mistake(
            "half a pixel missing before",
            _half_missing_before,
            "You measured from the middle of the first coarse pixel, but took the left *edge* of each fine one. Half a "
            "fine pixel is missing.",
        ),
        *(
            Mistake(
                name,
                wrong,
                "You moved the places the wrong way: the shift has doubled. Where, in coarse pixels, does the middle "
                "of fine pixel 0 lie: before or behind the middle of coarse pixel 0?",
            )
            for name, wrong in (
                ("the wrong way", _wrong_way),
                ("half a coarse pixel on", _half_of_a_coarse_pixel),
            )
        ),
        Mistake(
            "half a fine pixel back",
            _only_half_a_fine_pixel_back,
            "You moved every place back by half a *fine* pixel. From the left edge of the row the middle of fine pixel "
            "j lies half a fine pixel *on*; what has to come off is half a *coarse* one.",
        ),
        Mistake(
            "always a quarter",
            _always_a_quarter,
            "Your shift is a quarter of a coarse pixel, whatever the factor. That is right for factor 2 alone: work it "
            "out from the middles.",
        ),
        Mistake(
            "a whole number of fine pixels",
            _whole_fine_pixels,
            "You moved the places by a whole number of fine pixels, `factor // 2`. That is right for odd factors "
            "alone: where the factor is even, the middle of a coarse pixel lies between two fine ones.",
        ),
        Mistake(
            "whole numbers",
            _rounded_down,
            "You cut the result to whole numbers. Values on a straight line are fractions: leave them floats.",
        ),
        Mistake(
            "values repeated",
            _nearest,
            "You repeated each value. It has the right place, but straight lines between the middles are asked for.",
        ),
        Mistake(
            "drawn on beyond the ends",
            _beyond_the_ends,
            "You drew the first and the last line on beyond the middles of the end pixels: values come up that are "
            "in no pixel. There the value stays what it is.",
        ),
        Mistake(
            "0 beyond the ends",
            _nothing_beyond,
            "Beyond the middles of the end pixels you answer 0. There the value stays what it is, as `np.interp` has "
            "it by itself.",
        ),
        Mistake(
            "zeros beyond the ends",
            _zeros_beyond,
            "Your values fade towards the ends, as if zeros lay outside. Beyond the last middle the value stays what "
            "it is.",
        ),
    ),
)

# ------------------------------------------------------------------------------------------ bands


def error_bands(distance, wrong, edges):
    bands = [(distance >= near) & (distance < far) for near, far in pairwise(edges)]
    return np.array([wrong[band].mean() if band.any() else np.nan for band in bands])


def _with(distance, wrong, edges, within, share=None):
    """Shares by another notion of a band, or of what a share is of."""
    found = []
    for near, far in pairwise(edges):
        band = within(distance, near, far)
        if share is not None:
            found.append(share(wrong, band))
        else:
            found.append(wrong[band].mean() if band.any() else np.nan)
    return np.array(found, float)


def _half_open(distance, near, far):
    return (distance >= near) & (distance < far)


def _counts(distance, wrong, edges):
    return _with(distance, wrong, edges, _half_open, lambda wrong, band: (wrong & band).sum())


def _of_all_errors(distance, wrong, edges):
    return _with(
        distance, wrong, edges, _half_open, lambda wrong, band: (wrong & band).sum() / max(wrong.sum(), 1)
    )


def _of_all_pixels(distance, wrong, edges):
    return _with(distance, wrong, edges, _half_open, lambda wrong, band: (wrong & band).mean())


def _right_ones(distance, wrong, edges):
    return 1 - error_bands(distance, wrong, edges)


def _both_ends(distance, wrong, edges):
    return _with(distance, wrong, edges, lambda distance, near, far: (distance >= near) & (distance <= far))


def _neither_end(distance, wrong, edges):
    return _with(distance, wrong, edges, lambda distance, near, far: (distance > near) & (distance < far))


def _other_end(distance, wrong, edges):
    return _with(distance, wrong, edges, lambda distance, near, far: (distance > near) & (distance <= far))


def _up_to(distance, wrong, edges):
    return _with(distance, wrong, edges, lambda distance, near, far: distance < far)


def _from_there_on(distance, wrong, edges):
    return _with(distance, wrong, edges, lambda distance, near, far: distance >= near)


def _histogram(distance, wrong, edges):
    pixels = np.histogram(distance, edges)[0]
    return np.where(pixels > 0, np.histogram(distance[wrong], edges)[0] / np.maximum(pixels, 1), np.nan)


def _no_far_end(distance, wrong, edges):
    return error_bands(distance, wrong, np.append(edges[:-1], np.inf))


def _whole_distances(distance, wrong, edges):
    return error_bands(np.floor(distance), wrong, edges)


def _rounded_distances(distance, wrong, edges):
    return error_bands(np.round(distance), wrong, edges)


def _zero_where_empty(distance, wrong, edges):
    return np.nan_to_num(error_bands(distance, wrong, edges))


BANDED = (
    np.array([[0.0, 1, 2, 3], [0, 1, 2, 4], [1, 2, 3, 5]]),
    np.array([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1]], bool),
    np.array([0.0, 1, 3, 5]),
)


def _bandings(rng):
    cases = []
    for shape, edges in (
        ((3, 4), (0, 1, 2, 4)),
        ((4, 5), (0, 2, 3, 6)),
        ((1, 6), (0, 3, 4)),
        ((5, 3), (1, 2, 5)),
    ):
        distance = rng.integers(0, 7, shape).astype(float)
        cases.append((distance, rng.random(shape) < 0.5, np.array(edges, float)))
    for shape, edges in (((2, 4), (0, 0.5, 1.5)), ((3, 4), (0.5, 1.5, 2.5, 4)), ((4, 4), (0, 1.25, 2.25))):
        distance = rng.integers(0, 20, shape) / 4  # not only whole pixels: roots, in a picture
        cases.append((distance, rng.random(shape) < 0.5, np.array(edges)))
    return cases


ERROR_BANDS = Exercise(
    slug="error-bands",
    lesson="09",
    title="Where are the errors?",
    minutes=8,
    points=4,
    hints=(
        "For each band: which pixels lie in it, and which share of *these* is wrong?",
        "`band = (distance >= near) & (distance < far)` is a mask, `wrong[band].mean()` a share. Of no pixels there is "
        "no share.",
        "`np.array([wrong[band].mean() if band.any() else np.nan for band in …])`",
    ),
    reference=error_bands,
    bounds=(0, 1),
    properties=(
        Property("is right on a small picture", [BANDED]),
        Property(
            "counts a pixel at a band's end in the next band",
            [
                (np.array([[0.0, 2, 2, 4]]), np.array([[True, False, True, True]]), np.array([0.0, 2, 4])),
                (
                    np.array([[1.0, 3], [1, 3]]),
                    np.array([[True, False], [False, False]]),
                    np.array([1.0, 3, 9]),
                ),
            ],
        ),
        Property("is right on other pictures", _bandings, weight=2),
        Property(
            "answers NaN for a band without pixels",
            [
                (
                    np.array([[0.0, 5], [0, 6]]),
                    np.array([[True, False], [False, False]]),
                    np.array([0.0, 1, 4, 9]),
                )
            ],
        ),
    ),
    mistakes=(
        Mistake(
            "counts",
            _counts,
            "You counted the wrong pixels. Bands hold unlike numbers of pixels, so ask for the share of a band that is "
            "wrong.",
        ),
        Mistake(
            "share of all errors",
            _of_all_errors,
            "You asked which share of the *errors* lies in each band. That is large where there are many pixels. Asked "
            "is: of the band's pixels, which share is wrong?",
        ),
        Mistake(
            "share of all pixels",
            _of_all_pixels,
            "You divided by the number of all pixels of the picture. Divide by the band's own.",
        ),
        Mistake("share that is right", _right_ones, "That is the share of *right* pixels in each band."),
        Mistake(
            "both ends",
            _both_ends,
            "A pixel at the end of one band is counted there and in the next: the far end does not belong to a band, "
            "`distance < far`.",
        ),
        Mistake(
            "no far end",
            _no_far_end,
            "Your last band has no far end: pixels beyond the last edge are counted in it, and belong to no band.",
        ),
        *(
            Mistake(
                name,
                wrong,
                "You rounded the distances to whole pixels. They may be fractions (diagonal neighbours are 1.41 "
                "apart), and so may the edges: compare them as they are.",
            )
            for name, wrong in (
                ("distances rounded down", _whole_distances),
                ("distances rounded", _rounded_distances),
            )
        ),
        Mistake(
            "the last edge counts",
            _histogram,
            "`np.histogram` takes the last edge for part of the last band; all its other bands leave their end out. "
            "Here no band contains its end.",
        ),
        Mistake(
            "the other end",
            _other_end,
            "Your bands contain their far end and not their near one. It is the other way round, or the pixels at "
            "distance 0 would be in no band.",
        ),
        Mistake(
            "neither end",
            _neither_end,
            "Pixels exactly on an edge are in none of your bands: `distance >= near`.",
        ),
        Mistake(
            "everything nearer",
            _up_to,
            "Each of your bands contains all nearer ones, too: a band also begins somewhere, `distance >= near`.",
        ),
        Mistake(
            "everything farther",
            _from_there_on,
            "Each of your bands contains all farther ones, too: a band also ends somewhere, `distance < far`.",
        ),
        Mistake(
            "0 where there is nothing",
            _zero_where_empty,
            "A band without pixels has no share of errors: 0 would claim that all was right there. Answer `np.nan`.",
        ),
    ),
)

# ------------------------------------------------------------------------------------------ sub-pixels


def sub_pixel(values, factor):
    channels, height, width = len(values) // factor**2, *values.shape[1:]
    parts = values.reshape(channels, factor, factor, height, width)
    return parts.transpose(0, 3, 1, 4, 2).reshape(channels, height * factor, width * factor)


def _laid_out(values, factor, axes, grouped=False):
    """Other orders in which the channels may be taken for places."""
    channels, height, width = len(values) // factor**2, *values.shape[1:]
    if grouped:
        parts = values.reshape(factor, factor, channels, height, width).transpose(2, 0, 1, 3, 4)
    else:
        parts = values.reshape(channels, factor, factor, height, width)
    return parts.transpose(axes).reshape(channels, height * factor, width * factor)


def _columns_first(values, factor):
    return _laid_out(values, factor, (0, 3, 2, 4, 1))


def _places_first(values, factor):
    return _laid_out(values, factor, (0, 3, 1, 4, 2), grouped=True)


def _side_by_side(values, factor):
    return _laid_out(values, factor, (0, 1, 3, 2, 4))


def _reshaped_alone(values, factor):
    return values.reshape(len(values) // factor**2, values.shape[1] * factor, values.shape[2] * factor)


def _first_repeated(values, factor):
    return values[:: factor**2].repeat(factor, axis=1).repeat(factor, axis=2)


def _means_repeated(values, factor):
    means = values.reshape(-1, factor**2, *values.shape[1:]).mean(axis=1)
    return means.repeat(factor, axis=1).repeat(factor, axis=2)


FOUR = np.array([[[1.0, 2]], [[3, 4]], [[5, 6]], [[7, 8]]]), 2


def _shuffles(rng):
    cases = []
    for channels, factor, height, width in (
        (1, 2, 2, 1),
        (2, 2, 1, 2),
        (1, 3, 1, 1),
        (3, 2, 2, 3),
        (2, 3, 2, 1),
    ):
        cases.append((rng.integers(0, 10, (channels * factor**2, height, width)).astype(float), factor))
    return cases


SUB_PIXEL = Exercise(
    slug="sub-pixel",
    lesson="09",
    title="Going further: channels become pixels",
    minutes=12,
    points=3,
    hints=(
        "Follow one number: channel `c * f * f + i * f + j`, row y, column x. In which row and column does it end?",
        "Give each of c, i, j, y and x an axis of its own by `reshape`, and bring them into the order c, y, i, x, j.",
        "`values.reshape(c, f, f, h, w).transpose(0, 3, 1, 4, 2).reshape(c, h * f, w * f)`",
    ),
    reference=sub_pixel,
    properties=(
        Property("is right on the worked example", [FOUR]),
        Property("is right on other maps", _shuffles, weight=2),
        Property("leaves everything alone for factor 1", [(np.arange(6.0).reshape(2, 1, 3), 1)], weight=0.5),
    ),
    mistakes=(
        Mistake(
            "columns first",
            _columns_first,
            "Within each square your channels run down the columns. They run along the rows: channel 1 lies to the "
            "right of channel 0.",
        ),
        Mistake(
            "places first",
            _places_first,
            "You took every C-th channel for one output channel. The `factor**2` channels of an output channel are "
            "neighbours: the first ones belong to channel 0.",
        ),
        Mistake(
            "side by side",
            _side_by_side,
            "You laid the channels side by side as whole maps. They are interleaved: each coarse pixel becomes a small "
            "square.",
        ),
        Mistake(
            "reshaped alone",
            _reshaped_alone,
            "`reshape` alone reads the numbers in the old order. The axes have to be exchanged first, so that the "
            "place within a square comes right behind the row (and the column).",
        ),
        Mistake(
            "first channel repeated",
            _first_repeated,
            "You repeated the first channel of each group: the other `factor**2 - 1` are lost.",
        ),
        Mistake(
            "means repeated",
            _means_repeated,
            "You averaged the channels of each group and repeated the mean: what made the pixels of a square differ is "
            "lost.",
        ),
    ),
)

EXERCISES = [SCAN, ENLARGE, HALF_PIXEL, ERROR_BANDS, SUB_PIXEL]
