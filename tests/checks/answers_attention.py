"""Answers to the exercises of lesson 12 (attention)."""

import math

import numpy as np
from answers import right, wrong
from scipy import special


@right("attend")
def query_by_query(queries, keys, values):
    """Plain loops and Python's own exponential."""
    found = np.zeros((len(queries), values.shape[1]))
    for i, query in enumerate(queries):
        scores = [sum(a * b for a, b in zip(query, key, strict=True)) / math.sqrt(len(query)) for key in keys]
        powers = [math.exp(score - max(scores)) for score in scores]
        for power, value in zip(powers, values, strict=True):
            found[i] += power / sum(powers) * value
    return found


@right("attend")
def by_scipy(queries, keys, values):
    scores = np.einsum("nd,md->nm", queries, keys) * queries.shape[1] ** -0.5
    return special.softmax(scores, axis=1) @ values


@wrong("attend")
def bare_products(queries, keys, values):
    return special.softmax(queries @ keys.T, axis=1) @ values


@wrong("attend")
def columns_sum_to_one(queries, keys, values):
    return special.softmax(queries @ keys.T / np.sqrt(queries.shape[1]), axis=0) @ values


@wrong("attend")
def exponentials_of_all(queries, keys, values):
    with np.errstate(all="ignore"):
        powers = np.exp(queries @ keys.T / np.sqrt(queries.shape[1]))
        return (powers @ values) / powers.sum(axis=1)[:, None]


@wrong("attend")
def values_are_not_asked(queries, keys, values):
    """The weights."""
    return special.softmax(queries @ keys.T / np.sqrt(queries.shape[1]), axis=1)


@wrong("attend")
def each_key_by_itself(queries, keys, values):
    return special.expit(queries @ keys.T / np.sqrt(queries.shape[1])) @ values


@wrong("attend")
def the_nearest(queries, keys, values):
    return values[np.argmax(queries @ keys.T, axis=1)]


@wrong("attend")
def cut_off(queries, keys, values):
    """Nothing overflows, and large scores are alike."""
    powers = np.exp(np.clip(queries @ keys.T / np.sqrt(queries.shape[1]), -700, 700))
    return powers @ values / powers.sum(axis=1, keepdims=True)


@wrong("attend")
def one_largest_for_all(queries, keys, values):
    scores = queries @ keys.T / np.sqrt(queries.shape[1])
    with np.errstate(all="ignore"):
        powers = np.exp(scores - np.max(scores))
        return powers @ values / powers.sum(axis=1, keepdims=True)


@wrong("attend")
def all_share_a_one(queries, keys, values):
    scores = queries @ keys.T / np.sqrt(queries.shape[1])
    powers = np.exp(scores - scores.max(axis=1)[:, None])
    return powers / np.sum(powers) @ values


@right("merge-pieces")
def by_cases(first, second):
    """The lower one shrinks."""
    if first[0] < second[0]:
        first, second = second, first
    factor = math.exp(second[0] - first[0])
    return np.array([first[0], first[1] + factor * second[1], first[2] + factor * second[2]])


@right("merge-pieces")
def in_logarithms(first, second):
    highest = np.maximum(first[0], second[0])
    both = np.stack([first, second])
    return np.concatenate([[highest], np.exp(both[:, 0] - highest) @ both[:, 1:]])


@wrong("merge-pieces")
def as_they_are(first, second):
    return np.array([np.maximum(first[0], second[0]), *(first + second)[1:]])


@wrong("merge-pieces")
def from_nought(first, second):
    """Back to the bare exponentials."""
    with np.errstate(all="ignore"):
        return np.array([0, *(np.exp(first[0]) * first[1:] + np.exp(second[0]) * second[1:])])


@wrong("merge-pieces")
def mean_of_means(first, second):
    highest = max(first[0], second[0])
    total = first[1] * np.exp(first[0] - highest) + second[1] * np.exp(second[0] - highest)
    return np.array([highest, total, (first[2] / first[1] + second[2] / second[1]) / 2])


@wrong("merge-pieces")
def the_second_is_higher(first, second):
    factor = np.exp(first[0] - second[0])
    return np.array([second[0], *(factor * first[1:] + second[1:])])


@wrong("merge-pieces")
def one_exponential_over_another(first, second):
    highest = max(first[0], second[0])
    with np.errstate(all="ignore"):
        a, b = np.exp(first[0]) / np.exp(highest), np.exp(second[0]) / np.exp(highest)
        return np.array([highest, *(a * first[1:] + b * second[1:])])


@wrong("merge-pieces")
def the_first_by_the_distance(first, second):
    factor = np.exp(-np.abs(first[0] - second[0]))
    return np.array([np.maximum(first[0], second[0]), *(factor * first[1:] + second[1:])])


@wrong("merge-pieces")
def grows(first, second):
    highest = max(first[0], second[0])
    return np.array(
        [highest, *(np.exp(highest - first[0]) * first[1:] + np.exp(highest - second[0]) * second[1:])]
    )


@right("attention-bytes")
def by_counting(height, width, stride, heads, reduction):
    asking = len(range(0, height, stride)) * len(range(0, width, stride))
    answering = len(range(0, height, stride * reduction)) * len(range(0, width, stride * reduction))
    return heads * asking * answering * np.dtype(np.float32).itemsize


@right("attention-bytes")
def by_ceiling(height, width, stride, heads, reduction):
    rows, columns = math.ceil(height / stride), math.ceil(width / stride)
    return 4 * heads * rows * columns * math.ceil(rows / reduction) * math.ceil(columns / reduction)


@wrong("attention-bytes")
def count_of_weights(height, width, stride, heads, reduction):
    return by_ceiling(height, width, stride, heads, reduction) // 4


@wrong("attention-bytes")
def pixels_not_pairs(height, width, stride, heads, reduction):
    return 4 * heads * math.ceil(height / stride) * math.ceil(width / stride)


@wrong("attention-bytes")
def queries_reduced(height, width, stride, heads, reduction):
    return by_ceiling(height, width, stride * reduction, heads, 1)


@wrong("attention-bytes")
def by_the_reduction_once(height, width, stride, heads, reduction):
    return by_ceiling(height, width, stride, heads, 1) // reduction


@wrong("attention-bytes")
def keys_at_the_reduction_alone(height, width, stride, heads, reduction):
    asking = math.ceil(height / stride) * math.ceil(width / stride)
    return 4 * heads * asking * math.ceil(height / reduction) * math.ceil(width / reduction)


@wrong("attention-bytes")
def in_megabytes(height, width, stride, heads, reduction):
    return by_ceiling(height, width, stride, heads, reduction) / 1024**2


@wrong("attention-bytes")
def areas_over_squares(height, width, stride, heads, reduction):
    asking = math.ceil(height * width / stride**2)
    return 4 * heads * asking * math.ceil(height * width / (stride * reduction) ** 2)


@wrong("attention-bytes")
def floors(height, width, stride, heads, reduction):
    rows, columns = height // stride, width // stride
    return 4 * heads * rows * columns * (rows // reduction) * (columns // reduction)


@right("along-rows")
def row_by_row(queries, keys, values):
    return np.stack([by_scipy(*row) for row in zip(queries, keys, values, strict=True)])


@right("along-rows")
def with_a_mask(queries, keys, values):
    """Plain attention in which other rows score minus infinity."""
    height, width, depth = queries.shape
    scores = queries.reshape(-1, depth) @ keys.reshape(-1, depth).T / math.sqrt(depth)
    row = np.arange(height * width) // width
    scores[row[:, None] != row] = -np.inf
    return (special.softmax(scores, axis=1) @ values.reshape(height * width, -1)).reshape(height, width, -1)


@wrong("along-rows")
def down_the_columns(queries, keys, values):
    return np.stack(
        [by_scipy(queries[:, x], keys[:, x], values[:, x]) for x in range(queries.shape[1])], axis=1
    )


@wrong("along-rows")
def all_of_them(queries, keys, values):
    flat = (part.reshape(-1, part.shape[-1]) for part in (queries, keys, values))
    return by_scipy(*flat).reshape(*queries.shape[:2], -1)


@wrong("along-rows")
def mask_of_noughts(queries, keys, values):
    height, width, depth = queries.shape
    scores = queries.reshape(-1, depth) @ keys.reshape(-1, depth).T / math.sqrt(depth)
    row = np.arange(height * width) // width
    scores *= row[:, None] == row
    return (special.softmax(scores, axis=1) @ values.reshape(height * width, -1)).reshape(height, width, -1)


@wrong("along-rows")
def others_only(queries, keys, values):
    scores = queries @ keys.transpose(0, 2, 1) / math.sqrt(queries.shape[2])
    scores[:, np.arange(scores.shape[1]), np.arange(scores.shape[1])] = -np.inf
    return special.softmax(scores, axis=2) @ values


@wrong("along-rows")
def root_forgotten(queries, keys, values):
    return special.softmax(queries @ keys.transpose(0, 2, 1), axis=2) @ values
