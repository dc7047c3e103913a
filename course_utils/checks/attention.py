"""The exercises of lesson 12: attention, softmax in pieces, the cost, attention along rows."""

import numpy as np

from course_utils.checks.framework import Exercise, Mistake, Property


def _softmax(scores, axis=-1):
    powers = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def _rounded(values):
    """Far below what the check forgives, so that a nought is shown as one."""
    return np.round(values, 12) + 0.0


# ------------------------------------------------------------------------------------------------ 1: attend


def attend(queries, keys, values):
    scores = queries @ keys.T / np.sqrt(queries.shape[1])
    return _rounded(_softmax(scores) @ values)


def _no_root(queries, keys, values):
    return _softmax(queries @ keys.T) @ values


def _by_width(queries, keys, values):
    return _softmax(queries @ keys.T / queries.shape[1]) @ values


def _by_keys(queries, keys, values):
    return _softmax(queries @ keys.T / np.sqrt(len(keys))) @ values


def _over_queries(queries, keys, values):
    return _softmax(queries @ keys.T / np.sqrt(queries.shape[1]), axis=0) @ values


def _over_all(queries, keys, values):
    return _softmax(queries @ keys.T / np.sqrt(queries.shape[1]), axis=None) @ values


def _no_softmax(queries, keys, values):
    return queries @ keys.T / np.sqrt(queries.shape[1]) @ values


def _no_exponential(queries, keys, values):
    scores = queries @ keys.T / np.sqrt(queries.shape[1])
    with np.errstate(all="ignore"):
        return scores / scores.sum(axis=1, keepdims=True) @ values


def _not_normalised(queries, keys, values):
    scores = queries @ keys.T / np.sqrt(queries.shape[1])
    return np.exp(scores - scores.max(axis=1, keepdims=True)) @ values


def _sigmoid(queries, keys, values):
    scores = queries @ keys.T / np.sqrt(queries.shape[1])
    return np.exp(-np.logaddexp(0, -scores)) @ values


def _overflowing(queries, keys, values):
    with np.errstate(all="ignore"):
        powers = np.exp(queries @ keys.T / np.sqrt(queries.shape[1]))
        return powers / powers.sum(axis=1, keepdims=True) @ values


def _clipped(queries, keys, values):
    powers = np.exp(np.clip(queries @ keys.T / np.sqrt(queries.shape[1]), -700, 700))
    return powers / powers.sum(axis=1, keepdims=True) @ values


def _largest_of_all(queries, keys, values):
    scores = queries @ keys.T / np.sqrt(queries.shape[1])
    with np.errstate(all="ignore"):
        powers = np.exp(scores - scores.max())
        return powers / powers.sum(axis=1, keepdims=True) @ values


def _one_sum(queries, keys, values):
    scores = queries @ keys.T / np.sqrt(queries.shape[1])
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum() @ values


def _hard(queries, keys, values):
    return values[(queries @ keys.T).argmax(axis=1)].astype(float)


def _keys_for_values(queries, keys, values):
    """The shapes meet only where keys and values have as many numbers."""
    return _softmax(queries @ keys.T / np.sqrt(queries.shape[1])) @ keys


def _weights_alone(queries, keys, values):
    return _softmax(queries @ keys.T / np.sqrt(queries.shape[1]))


def _distances(queries, keys, values):
    apart = ((queries[:, None] - keys[None]) ** 2).sum(axis=2)
    return _softmax(-apart / np.sqrt(queries.shape[1])) @ values


_LN2 = float(np.log(2))
PAPER = (
    np.array([[2 * _LN2, 0, 0, 0]]),
    np.array([[0.0, 5, 0, 1], [1, 0, 2, 0], [2, 3, 0, 0]]),
    np.array([[7.0], [0], [14]]),
)
HUGE = (
    np.array([[1500.0, 0], [-1200, 30]]),
    np.array([[1.0, 0], [0, 1], [1, 1]]),
    np.array([[1.0, 0], [0, 2], [3, 4]]),
)
#: Both scores, 1414 and 1273, are too large for an exponential, and they are not alike.
TWO_HUGE = np.array([[2000.0, 0]]), np.array([[1.0, 0], [0.9, 0]]), np.array([[1.0, 6], [3, 0]])


def _asked(rng, count=8, same=False):
    for _ in range(count):
        n, m, d, e = rng.integers(1, 5, 4) + np.array([0, 1, 1, 0])
        e = d if same else e
        shapes = (n, d), (m, d), (m, e)
        yield tuple(np.round(rng.normal(0, 1.5, shape), 1) for shape in shapes)


ATTEND = Exercise(
    slug="attend",
    lesson="12",
    title="Attention, from scores to means",
    minutes=7,
    points=4,
    hints=(
        "Two things are missing: the weights of each query, which are positive and sum to 1, and the mean that they "
        "make of the values.",
        "A softmax along the keys: `np.exp(scores - largest)`, divided by the sum of its row. `largest` is each row's "
        "own: `scores.max(axis=1, keepdims=True)`.",
        "`powers = np.exp(scores - scores.max(axis=1, keepdims=True))`, then "
        "`powers / powers.sum(axis=1, keepdims=True) @ values`.",
    ),
    reference=attend,
    properties=(
        Property("is right on the worked example", [PAPER]),
        Property(
            "is right for other pixels", lambda rng: [*_asked(rng), *_asked(rng, 4, same=True)], weight=2
        ),
        Property("survives scores of a thousand", [HUGE, TWO_HUGE]),
    ),
    mistakes=(
        Mistake(
            "overflow",
            _overflowing,
            "`np.exp` of a large score is infinite, and infinity over infinity no number. Take the largest score of "
            "each row off first: the quotient stays the same.",
        ),
        Mistake(
            "clipped",
            _clipped,
            "You cut large scores off before `np.exp`: two that are both too large then count alike. Take the largest "
            "score of each row off instead: the differences stay.",
        ),
        Mistake(
            "the largest of all",
            _largest_of_all,
            "You took off the largest score of the whole table. Rows far below it then have exponentials of 0 alone: "
            "each row needs its own largest.",
        ),
        Mistake(
            "no softmax",
            _no_softmax,
            "The scores themselves weighted the values. Weights have to be positive and sum to 1: softmax.",
        ),
        Mistake(
            "softmax over the queries",
            _over_queries,
            "The softmax ran down the queries. Each *query* shares out a weight of 1 among the keys: along the rows.",
        ),
        Mistake(
            "softmax over everything",
            _over_all,
            "One softmax over the whole matrix: all queries together share a weight of 1. Each row needs its own.",
        ),
        Mistake(
            "one sum",
            _one_sum,
            "You divided by the sum of *all* exponentials: all queries share a weight of 1. Each row needs its own "
            "sum, `sum(axis=1, keepdims=True)`.",
        ),
        Mistake(
            "no root",
            _no_root,
            "The root of d is missing under the scores. Without it they grow with the number of channels.",
        ),
        Mistake(
            "divided by d",
            _by_width,
            "You divided by d in all. The line that is given has divided by the root already: take `scores` as they "
            "are.",
        ),
        Mistake(
            "root of the keys",
            _by_keys,
            "You divided by the root of the number of *keys*. The length of a query, d, makes products large.",
        ),
        Mistake(
            "without the exponential",
            _no_exponential,
            "You divided the scores by their sum. They may be negative, and their sum 0: softmax takes exponentials "
            "first.",
        ),
        Mistake(
            "not normalised",
            _not_normalised,
            "The exponentials are right, but they do not sum to 1: divide each row by its sum.",
        ),
        Mistake(
            "sigmoid",
            _sigmoid,
            "A sigmoid judges each key by itself, as the gates do. Here the keys compete for a weight of 1: softmax.",
        ),
        Mistake(
            "the best key alone",
            _hard,
            "You took the value of the best key alone. Attention is a soft choice: all keys have a part in the mean.",
        ),
        Mistake(
            "weights alone",
            _weights_alone,
            "These are the weights, one for each key. What is asked for is the mean of the values by them.",
        ),
        Mistake(
            "keys as values",
            _keys_for_values,
            "You averaged the *keys*. They decide who is heard; what is said are the values.",
        ),
        Mistake(
            "distances",
            _distances,
            "You scored by distance. Here a key fits by its product with the query: it is not compared, it is measured "
            "along the query.",
        ),
    ),
)

# --------------------------------------------------------------------------------------- 2: softmax in pieces


def merge(first, second):
    return _rounded(_merged(first, second))


def _merged(first, second, shrink=lambda old, new: np.exp(old - new)):
    highest = max(first[0], second[0])
    a, b = shrink(first[0], highest), shrink(second[0], highest)
    return np.array([highest, a * first[1] + b * second[1], a * first[2] + b * second[2]])


def _colleague(first, second):
    return np.array([max(first[0], second[0]), first[1] + second[1], first[2] + second[2]])


def _grown(first, second):
    return _merged(first, second, lambda old, new: np.exp(new - old))


def _first_shrinks(first, second):
    """As if the second always had the higher score."""
    shrink = np.exp(first[0] - second[0])
    return np.array([second[0], shrink * first[1] + second[1], shrink * first[2] + second[2]])


def _totals_alone(first, second):
    good = _merged(first, second)
    return np.array([good[0], good[1], first[2] + second[2]])


def _sums_alone(first, second):
    good = _merged(first, second)
    return np.array([good[0], first[1] + second[1], good[2]])


def _both_by_one(first, second):
    """Both shrink by the difference of the two scores."""
    shrink = np.exp(-abs(first[0] - second[0]))
    return np.array(
        [max(first[0], second[0]), shrink * (first[1] + second[1]), shrink * (first[2] + second[2])]
    )


def _unshifted(first, second):
    with np.errstate(all="ignore"):
        return np.array(
            [
                0.0,
                *(
                    np.exp(first[0]) * a + np.exp(second[0]) * b
                    for a, b in zip(first[1:], second[1:], strict=True)
                ),
            ]
        )


def _factors_exchanged(first, second):
    good = _merged([second[0], *first[1:]], [first[0], *second[1:]])
    return np.array([max(first[0], second[0]), *good[1:]])


def _divided(first, second):
    good = _merged(first, second)
    return np.array([good[0], good[1], good[2] / good[1]])


def _highest_added(first, second):
    good = _merged(first, second)
    return np.array([first[0] + second[0], good[1], good[2]])


def _quotient(first, second):
    """Right, but for what overflows."""
    with np.errstate(all="ignore"):
        return _merged(first, second, lambda old, new: np.exp(old) / np.exp(new))


def _own_alone(first, second):
    with np.errstate(all="ignore"):
        return _merged(first, second, lambda old, new: np.exp(old))


def _first_always(first, second):
    """The first shrinks by the difference, whichever is higher."""
    shrink = np.exp(-abs(first[0] - second[0]))
    return np.array([max(first[0], second[0]), shrink * first[1] + second[1], shrink * first[2] + second[2]])


def _not_exponential(first, second):
    return _merged(first, second, lambda old, new: old - new)


def _piece(scores, values):
    scores, values = np.asarray(scores, float), np.asarray(values, float)
    powers = np.exp(scores - scores.max())
    return np.array([scores.max(), powers.sum(), powers @ values])


PIECES = _piece([0], [7.0]), _piece([_LN2, 2 * _LN2], [0.0, 14])


def _two_pieces(rng, count=8):
    for _ in range(count):
        lengths = rng.integers(1, 5, 2)
        yield tuple(_piece(rng.normal(0, 2, n).round(1), rng.integers(-4, 9, n)) for n in lengths)


MERGE = Exercise(
    slug="merge-pieces",
    lesson="12",
    title="Repair: a softmax in pieces",
    minutes=7,
    points=3,
    hints=(
        "Each piece took *its own* largest score off before the exponential. Before sums of two pieces may be added, "
        "both have to be sums over the same number.",
        "exp(s − highest) = exp(s − own) · exp(own − highest): each piece's total and sum shrink by one factor.",
        "`a, b = np.exp(first[0] - highest), np.exp(second[0] - highest)`; the total is `a * first[1] + "
        "b * second[1]`, and the sum of the values likewise.",
    ),
    reference=merge,
    properties=(
        Property("is right on the worked example", [PIECES]),
        Property(
            "is right whichever piece has the highest score", lambda rng: list(_two_pieces(rng)), weight=2
        ),
        Property(
            "survives scores of a thousand",
            [(_piece([1000, 999], [1, 2]), _piece([-1000], [5])), (_piece([-5], [3]), _piece([1000], [4]))],
        ),
    ),
    mistakes=(
        Mistake(
            "overflow",
            _unshifted,
            "You went back to the exponentials of the scores themselves, and those overflow. Only differences to the "
            "highest score may go into `np.exp`.",
        ),
        Mistake(
            "simply added",
            _colleague,
            "Those are the colleague's sums. Each piece measured from its own highest score, so one unit in the one is "
            "not one unit in the other: let both shrink to the common highest score first.",
        ),
        Mistake(
            "grown",
            _grown,
            "Your pieces grow where they should shrink: the exponent is *own* highest minus *common* highest, at most "
            "0.",
        ),
        Mistake(
            "only the first shrinks",
            _first_shrinks,
            "You let the first piece shrink whatever the scores are. The highest score may be in it.",
        ),
        Mistake(
            "the first, whichever is higher",
            _first_always,
            "Your first piece always shrinks, even where it holds the highest score. The factor of each is its own: 1 "
            "for the higher one.",
        ),
        Mistake(
            "a quotient that overflows",
            _quotient,
            "`np.exp(own) / np.exp(highest)` is right on paper; both are infinite for large scores. Subtract first, "
            "then take one exponential.",
        ),
        Mistake(
            "its own score alone",
            _own_alone,
            "Your factor is the exponential of the piece's own highest score. The *common* highest is to be taken off "
            "before.",
        ),
        Mistake(
            "both shrink",
            _both_by_one,
            "Both pieces shrank. The one that holds the highest score is measured from it already: its factor is 1.",
        ),
        Mistake(
            "sums not shrunk",
            _totals_alone,
            "The totals are right, the sums of the values were not shrunk: they hold the same exponentials.",
        ),
        Mistake(
            "totals not shrunk",
            _sums_alone,
            "The sums of the values are right, the totals were not shrunk: they hold the same exponentials.",
        ),
        Mistake(
            "factors exchanged",
            _factors_exchanged,
            "The factors are exchanged: the piece with the *lower* highest score shrinks, the other keeps its numbers.",
        ),
        Mistake(
            "already divided",
            _divided,
            "You divided already. The mean is the last step, after the last piece; a mean cannot be merged further.",
        ),
        Mistake(
            "scores added",
            _highest_added,
            "The first number is the highest score of both pieces: the larger one.",
        ),
        Mistake(
            "without the exponential",
            _not_exponential,
            "The factor is the *exponential* of the difference: scores add where exponentials multiply.",
        ),
    ),
)

# ---------------------------------------------------------------------------------------------- 3: what it costs


def weight_bytes(height, width, stride, heads, reduction):
    return 4 * heads * _places(height, width, stride) * _places(height, width, stride * reduction)


def _places(height, width, step):
    return -(-height // step) * -(-width // step)


def _numbers(height, width, stride, heads, reduction):
    return weight_bytes(height, width, stride, heads, reduction) // 4


def _one_head(height, width, stride, heads, reduction):
    return weight_bytes(height, width, stride, 1, reduction)


def _linear_cost(height, width, stride, heads, reduction):
    return 4 * heads * _places(height, width, stride)


def _reduced_once(height, width, stride, heads, reduction):
    return weight_bytes(height, width, stride, heads, 1) // reduction


def _both_reduced(height, width, stride, heads, reduction):
    return 4 * heads * _places(height, width, stride * reduction) ** 2


def _not_reduced(height, width, stride, heads, reduction):
    return weight_bytes(height, width, stride, heads, 1)


def _stride_once(height, width, stride, heads, reduction):
    """Pixels over the stride, instead of over its square."""
    places = -(-height * width // stride)
    return 4 * heads * places * -(-places // reduction**2)


def _full_size(height, width, stride, heads, reduction):
    return weight_bytes(height, width, 1, heads, reduction)


def _rounded_down(height, width, stride, heads, reduction):
    small = (height // stride) * (width // stride)
    return 4 * heads * small * (height // stride // reduction) * (width // stride // reduction)


def _sides_alone(height, width, stride, heads, reduction):
    return 4 * heads * -(-height // stride) * -(-width // stride // reduction)


def _keys_of_the_image(height, width, stride, heads, reduction):
    """Keys as if the map had the size of the image before it is reduced."""
    return 4 * heads * _places(height, width, stride) * _places(height, width, reduction)


def _area_rounded_up(height, width, stride, heads, reduction):
    asking = -(-height * width // stride**2)
    return 4 * heads * asking * -(-height * width // (stride * reduction) ** 2)


def _as_megabytes(height, width, stride, heads, reduction):
    return weight_bytes(height, width, stride, heads, reduction) / 2**20


def _height_twice(height, width, stride, heads, reduction):
    return weight_bytes(height, height, stride, heads, reduction)


def _pairs_over_reduction(height, width, stride, heads, reduction):
    return 4 * heads * (_places(height, width, stride) ** 2 // reduction**2)


def _as_bits(height, width, stride, heads, reduction):
    return 8 * weight_bytes(height, width, stride, heads, reduction)


def _as_doubles(height, width, stride, heads, reduction):
    return 2 * weight_bytes(height, width, stride, heads, reduction)


WEIGHT_BYTES = Exercise(
    slug="attention-bytes",
    lesson="12",
    title="What all weights take",
    minutes=5,
    points=2,
    hints=(
        "Count first who asks: the pixels of the map, at this stride. Then who answers. Every head has a weight for "
        "every pair.",
        "A map at stride 4 of 30 rows has 8, rounded up: `-(-30 // 4)`. With a reduction of 2 the keys have 4 rows.",
        "`4 * heads * asking * answering`, with `asking` rows times columns at `stride`, and `answering` the same at "
        "`stride * reduction`.",
    ),
    reference=weight_bytes,
    properties=(
        Property(
            "is right for one head at full size", [(2, 3, 1, 1, 1), (16, 16, 1, 1, 1), (32, 32, 1, 1, 1)]
        ),
        Property("is right for strides and heads", [(32, 64, 4, 2, 1), (64, 64, 8, 4, 1), (30, 5, 4, 2, 1)]),
        Property(
            "is right where keys are reduced", [(64, 64, 4, 1, 2), (128, 96, 4, 2, 4), (20, 36, 4, 1, 2)]
        ),
        Property("rounds up at odd sizes", [(30, 5, 4, 1, 1), (7, 9, 2, 2, 2), (33, 33, 4, 1, 4)]),
    ),
    mistakes=(
        Mistake("numbers", _numbers, "That is how many weights there are. A float32 has 4 bytes."),
        Mistake(
            "megabytes", _as_megabytes, "Those are megabytes. What is asked for are bytes, a whole number."
        ),
        Mistake(
            "keys of the image",
            _keys_of_the_image,
            "You reduced the image, not the map. The map that answers has the stride `stride * reduction`.",
        ),
        Mistake("height twice", _height_twice, "You took the height for both sides. The width counts, too."),
        Mistake("bits", _as_bits, "Those are bits: a byte has eight of them."),
        Mistake("doubles", _as_doubles, "You counted 8 bytes a number. A float32 has 4."),
        Mistake(
            "one for each pixel",
            _linear_cost,
            "You counted one weight for each pixel. There is one for each *pair*: the pixels that ask times those that "
            "answer.",
        ),
        Mistake(
            "sides alone",
            _sides_alone,
            "You multiplied the rows by the columns once. Rows times columns ask, and rows times columns answer.",
        ),
        Mistake(
            "one head", _one_head, "You counted one head. Each of them has weights of its own for every pair."
        ),
        Mistake(
            "full size",
            _full_size,
            "You counted the image's pixels. The map has a `stride`-th of them each way.",
        ),
        Mistake(
            "stride once",
            _stride_once,
            "You divided the number of pixels by the stride. It thins out rows *and* columns: by its square.",
        ),
        Mistake(
            "not reduced",
            _not_reduced,
            "You left the reduction out: with `reduction` 2 a quarter as many pixels answer.",
        ),
        Mistake(
            "reduced once",
            _reduced_once,
            "The reduction thins out rows *and* columns of the keys: their number falls by its square.",
        ),
        Mistake(
            "both reduced",
            _both_reduced,
            "You reduced those that ask, too. Every pixel of the map still asks: only the keys and values are fewer.",
        ),
        Mistake(
            "area rounded up",
            _area_rounded_up,
            "You divided the number of pixels and rounded that up. Rows and columns are rounded up each by itself.",
        ),
        Mistake(
            "pairs divided",
            _pairs_over_reduction,
            "You divided the pairs by the square of the reduction. At odd sizes that is not it: count the rows and "
            "columns of the map that answers, rounded up.",
        ),
        Mistake(
            "rounded down",
            _rounded_down,
            "You rounded down. Half a stride at the border is a pixel of the map: round up, `-(-height // stride)`.",
        ),
    ),
)

# -------------------------------------------------------------------------------------------- 4: along the rows


def along_rows(queries, keys, values):
    scores = np.einsum("ywd,yvd->ywv", queries, keys) / np.sqrt(queries.shape[2])
    return _rounded(np.einsum("ywv,yve->ywe", _softmax(scores), values))


def _along_columns(queries, keys, values):
    return along_rows(*(part.transpose(1, 0, 2) for part in (queries, keys, values))).transpose(1, 0, 2)


def _of_everything(queries, keys, values):
    flat = (part.reshape(-1, part.shape[2]) for part in (queries, keys, values))
    return attend(*flat).reshape(*queries.shape[:2], values.shape[2])


def _rows_no_root(queries, keys, values):
    return along_rows(queries * np.sqrt(queries.shape[2]), keys, values)


def _rows_over_queries(queries, keys, values):
    scores = np.einsum("ywd,yvd->ywv", queries, keys) / np.sqrt(queries.shape[2])
    return np.einsum("ywv,yve->ywe", _softmax(scores, axis=1), values)


def _rows_mean(queries, keys, values):
    return np.broadcast_to(values.mean(axis=1, keepdims=True), (*queries.shape[:2], values.shape[2])).copy()


def _masked_by_noughts(queries, keys, values):
    """Other rows' scores are set to 0, and 0 is a score like any other."""
    height, width, depth = queries.shape
    scores = queries.reshape(-1, depth) @ keys.reshape(-1, depth).T / np.sqrt(depth)
    row = np.repeat(np.arange(height), width)
    scores = np.where(row[:, None] == row[None], scores, 0)
    return (_softmax(scores) @ values.reshape(-1, values.shape[2])).reshape(height, width, -1)


def _root_of_width(queries, keys, values):
    scores = np.einsum("ywd,yvd->ywv", queries, keys) / np.sqrt(queries.shape[1])
    return np.einsum("ywv,yve->ywe", _softmax(scores), values)


def _without_itself(queries, keys, values):
    scores = np.einsum("ywd,yvd->ywv", queries, keys) / np.sqrt(queries.shape[2])
    scores = np.where(np.eye(scores.shape[1], dtype=bool), -np.inf, scores)
    return np.einsum("ywv,yve->ywe", _softmax(scores), values)


def _first_row(queries, keys, values):
    """All rows ask the first one."""
    scores = np.einsum("ywd,vd->ywv", queries, keys[0]) / np.sqrt(queries.shape[2])
    return np.einsum("ywv,ve->ywe", _softmax(scores), values[0])


def _maps(rng, count=8):
    for _ in range(count):
        height, width, depth, e = rng.integers(1, 4, 4) + np.array([1, 1, 1, 0])
        yield tuple(np.round(rng.normal(0, 1.5, (height, width, n)), 1) for n in (depth, depth, e))


ROW = np.full((2, 2, 1), _LN2), np.array([[[0.0], [1]], [[0], [2]]]), np.array([[[3.0], [0]], [[5], [0]]])

ALONG_ROWS = Exercise(
    slug="along-rows",
    lesson="12",
    title="Going further: attention along rows",
    minutes=10,
    points=3,
    hints=(
        "What changes against exercise 1? Each row is a small attention by itself: a loop over rows would do.",
        "`@` takes stacks of matrices: `queries @ keys.transpose(0, 2, 1)` has the scores (H, W, W), row by row.",
        "Then a softmax over the last axis, and `weights @ values`, once more for all rows at a time.",
    ),
    reference=along_rows,
    properties=(
        Property("is right on the worked example", [ROW]),
        Property("is right for other maps", lambda rng: list(_maps(rng)), weight=2),
    ),
    mistakes=(
        Mistake(
            "along columns",
            _along_columns,
            "Your pixels ask their *column*. Rows are the first axis: pixels of one row share the first index.",
        ),
        Mistake(
            "everything",
            _of_everything,
            "Your pixels ask the whole map: that is plain self-attention. Only the pixels of the own row answer here.",
        ),
        Mistake(
            "noughts for others",
            _masked_by_noughts,
            "Other rows got a score of 0, and 0 is a score like any other: its exponential is 1. Leave them out, or "
            "give them minus infinity.",
        ),
        Mistake(
            "softmax over the queries",
            _rows_over_queries,
            "The softmax ran along those who ask. Each pixel shares out a weight of 1 among those who answer: the last "
            "axis.",
        ),
        Mistake("no root", _rows_no_root, "The root of d is missing under the scores."),
        Mistake(
            "root of the width",
            _root_of_width,
            "You divided by the root of the row's length. It is the number of channels, the last axis, that counts.",
        ),
        Mistake(
            "without itself",
            _without_itself,
            "Your pixels leave themselves out. Each asks all pixels of its row, itself among them.",
        ),
        Mistake("means", _rows_mean, "Every pixel got the plain mean of its row: nobody asked anything."),
        Mistake("first row", _first_row, "All pixels ask the first row. Each is to ask its own."),
    ),
)

EXERCISES = [ATTEND, MERGE, WEIGHT_BYTES, ALONG_ROWS]
