"""The exercises of lesson 15: a step of a GRU, a sweep, a step of mean field, a filter on a grid, steps of a flood."""

import numpy as np

from course_utils.checks.framework import Exercise, Mistake, Property


def _sigmoid(values):
    return 1 / (1 + np.exp(-values))


def _softmax(scores, axis=1):
    powers = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


# ------------------------------------------------------------------------------------------- 1: a step of a GRU


def gru_step(given, recalled, state):
    return _blended(given, recalled, state)


def _blended(
    given,
    recalled,
    state,
    proposed=lambda given, recalled, reset, state: np.tanh(given + reset * recalled),
    blend=lambda update, state, proposal, reset: update * state + (1 - update) * proposal,
):
    reset, update = _sigmoid(given[0] + recalled[0]), _sigmoid(given[1] + recalled[1])
    return blend(update, state, proposed(given[2], recalled[2], reset, state), reset)


def _gates_exchanged(given, recalled, state):
    return _blended(given, recalled, state, blend=lambda u, s, p, r: (1 - u) * s + u * p)


def _no_tanh(given, recalled, state):
    return _blended(given, recalled, state, lambda g, c, r, s: g + r * c)


def _sigmoid_for_tanh(given, recalled, state):
    return _blended(given, recalled, state, lambda g, c, r, s: _sigmoid(g + r * c))


def _no_reset(given, recalled, state):
    return _blended(given, recalled, state, lambda g, c, r, s: np.tanh(g + c))


def _reset_given(given, recalled, state):
    return _blended(given, recalled, state, lambda g, c, r, s: np.tanh(r * g + c))


def _reset_both(given, recalled, state):
    return _blended(given, recalled, state, lambda g, c, r, s: np.tanh(r * (g + c)))


def _reset_outside(given, recalled, state):
    return _blended(given, recalled, state, lambda g, c, r, s: np.tanh(g) + r * np.tanh(c))


def _reset_state(given, recalled, state):
    return _blended(given, recalled, state, lambda g, c, r, s: np.tanh(g + r * s))


def _one_minus_reset(given, recalled, state):
    return _blended(given, recalled, state, lambda g, c, r, s: np.tanh(g + (1 - r) * c))


def _blend_by_reset(given, recalled, state):
    return _blended(given, recalled, state, blend=lambda u, s, p, r: r * s + (1 - r) * p)


def _proposal_alone(given, recalled, state):
    return _blended(given, recalled, state, blend=lambda u, s, p, r: p)


def _state_added(given, recalled, state):
    return _blended(given, recalled, state, blend=lambda u, s, p, r: s + (1 - u) * p)


def _proposal_whole(given, recalled, state):
    return _blended(given, recalled, state, blend=lambda u, s, p, r: u * s + p)


def _both_by_update(given, recalled, state):
    return _blended(given, recalled, state, blend=lambda u, s, p, r: u * (s + p))


def _recalled_blended(given, recalled, state):
    """What is recalled instead of the state."""
    return _blended(given, recalled, recalled[2])


PAPER_STEP = np.array([[0.0], [0], [1]]), np.array([[0.0], [0], [2]]), np.array([2.0])


def _gru_cases(rng, count=6):
    for _ in range(count):
        n = rng.integers(1, 5)
        yield tuple(rng.normal(0, 1.5, shape).round(1) for shape in ((3, n), (3, n), (n,)))


_OPEN = np.array([[0.0, 0], [60, 60], [1, -1]]), np.zeros((3, 2)), np.array([3.0, -7])
_SHUT = np.array([[0.0, 0], [-60, -60], [0.5, -2]]), np.array([[0.0, 0], [0, 0], [2, 4]]), np.array([3.0, -7])

GRU_STEP = Exercise(
    slug="gru-step",
    lesson="15",
    title="A step of a GRU",
    minutes=6,
    points=3,
    hints=(
        "Two lines are missing: the proposal, which is a tanh, and the blend of the old state and the proposal.",
        "The reset gate multiplies what is *recalled*, inside of the tanh; what is given stays as it is. The update "
        "gate is the share of the old state that stays.",
        "`proposal = np.tanh(given[2] + reset * recalled[2])`, then `update * state + (1 - update) * proposal`.",
    ),
    reference=gru_step,
    properties=(
        Property("is right on the worked example", [PAPER_STEP]),
        Property("is right for other numbers", _gru_cases, weight=2),
        Property("carries the state on where the update gate is wide open", [_OPEN], weight=0.5),
        Property("takes the proposal where it is shut", [_SHUT], weight=0.5),
    ),
    mistakes=(
        Mistake(
            "gates exchanged",
            _gates_exchanged,
            "Your update gate is the share of the *proposal*. Here, as in torch, it is the share of the old state that "
            "stays. (Half of the books have it your way: always look.)",
        ),
        Mistake("no tanh", _no_tanh, "The tanh is missing. Without it the state can grow from step to step."),
        Mistake(
            "sigmoid",
            _sigmoid_for_tanh,
            "You made the proposal by a sigmoid. Gates lie between 0 and 1; a proposal lies between −1 and 1: tanh.",
        ),
        Mistake(
            "reset forgotten",
            _no_reset,
            "The reset gate has no say. It multiplies what is recalled, before the tanh.",
        ),
        Mistake(
            "reset on the input",
            _reset_given,
            "Your reset gate multiplies what is *given*. It is there to silence the past: it multiplies what is "
            "recalled.",
        ),
        Mistake(
            "reset on both",
            _reset_both,
            "Your reset gate multiplies the whole sum. What is given always counts in full: only what is recalled is "
            "multiplied.",
        ),
        Mistake(
            "reset outside",
            _reset_outside,
            "You took two tanh. There is one, of the sum of what is given and the reset part of what is recalled.",
        ),
        Mistake(
            "reset on the state",
            _reset_state,
            "You put the state itself into the proposal. `recalled[2]` is what the state says to it, its matrix "
            "included.",
        ),
        Mistake(
            "reset turned round",
            _one_minus_reset,
            "Your reset gate works the wrong way round: at 1 all that is recalled counts, at 0 nothing.",
        ),
        Mistake(
            "blended by reset",
            _blend_by_reset,
            "You blended by the *reset* gate. It works inside of the proposal; old and new are blended by the update "
            "gate.",
        ),
        Mistake(
            "proposal alone",
            _proposal_alone,
            "You returned the proposal. The new state lies between it and the old one, where the update gate says.",
        ),
        Mistake(
            "state added",
            _state_added,
            "The old state stays whole in yours. Only its share `update` stays; the shares of old and new sum to 1.",
        ),
        Mistake(
            "proposal whole",
            _proposal_whole,
            "Your proposal comes in whole. Its share is `1 - update`, so that both shares sum to 1.",
        ),
        Mistake(
            "both by update",
            _both_by_update,
            "Both are multiplied by the update gate. The proposal's share is the rest, `1 - update`.",
        ),
        Mistake(
            "recalled for state",
            _recalled_blended,
            "You blended with `recalled[2]`. What is carried on is `state` itself, untouched by any matrix.",
        ),
    ),
)

# -------------------------------------------------------------------------------------------------- 2: a sweep


def sweep(values, keep):
    return _swept(values, keep)


def _swept(values, keep, step=lambda value, stay, state: stay * state + (1 - stay) * value):
    values, keep = np.asarray(values, float), np.asarray(keep, float)
    state = np.zeros(len(values))
    result = np.empty_like(values)
    for x in range(values.shape[1]):
        state = step(values[:, x], keep[:, x], state)
        result[:, x] = state
    return result


def _from_the_right(values, keep):
    return _swept(values[:, ::-1], keep[:, ::-1])[:, ::-1]


def _down_the_columns(values, keep):
    return _swept(values.T, keep.T).T


def _keep_for_write(values, keep):
    return _swept(values, 1 - np.asarray(keep, float))


def _around_the_end(values, keep):
    """As one long row."""
    return _swept(values.reshape(1, -1), keep.reshape(1, -1)).reshape(values.shape)


def _first_column_copied(values, keep):
    result = np.array(values, float)
    for x in range(1, values.shape[1]):
        result[:, x] = keep[:, x] * result[:, x - 1] + (1 - keep[:, x]) * values[:, x]
    return result


def _neighbours_value(values, keep):
    before = np.pad(np.asarray(values, float), ((0, 0), (1, 0)))[:, :-1]
    return keep * before + (1 - keep) * values


def _written_in_full(values, keep):
    return _swept(values, keep, lambda value, stay, state: stay * state + value)


def _gate_of_the_pixel_before(values, keep):
    keep = np.pad(np.asarray(keep, float), ((0, 0), (1, 0)))[:, :-1]
    return _swept(values, keep)


def _one_pixel_late(values, keep):
    return np.pad(_swept(values, keep), ((0, 0), (1, 0)))[:, :-1]


def _last_state(values, keep):
    return _swept(values, keep)[:, -1]


def _closed_form(values, keep):
    """Divides by the product of what was kept, which is 0 behind a closed gate."""
    with np.errstate(all="ignore"):
        kept = np.cumprod(keep, axis=1)
        return kept * np.cumsum((1 - keep) * values / kept, axis=1)


def _both_ways(values, keep):
    return (sweep(values, keep) + _from_the_right(values, keep)) / 2


def _cut_to_whole(values, keep):
    result, state = np.zeros_like(values), np.zeros(len(values))
    for x in range(values.shape[1]):
        state = keep[:, x] * state + (1 - keep[:, x]) * values[:, x]
        result[:, x] = state
    return result


SWEEP_PAPER = np.array([[0.0, 1, 0, 0, -1, 0]]), np.array([[1.0, 0, 1, 1, 0, 1]])


def _maps(rng, count=6):
    for _ in range(count):
        shape = tuple(rng.integers(1, 6, 2))
        yield rng.normal(0, 2, shape).round(1), rng.random(shape).round(2)


SWEEP = Exercise(
    slug="sweep-rows",
    lesson="15",
    title="A memory that walks along the rows",
    minutes=8,
    points=4,
    hints=(
        "One state for each row, all at once: an array (H,), zeros at first. Walk over the *columns*.",
        "At column x the new state is `keep[:, x] * state + (1 - keep[:, x]) * values[:, x]`; write it down, then go "
        "on with it.",
        "`state = np.zeros(len(values))`, `result = np.zeros(values.shape)`, and `for x in range(values.shape[1]):` "
        "with these two lines inside.",
    ),
    reference=sweep,
    properties=(
        Property("is right on the worked example", [SWEEP_PAPER]),
        Property(
            "shows where a single 1 is carried",
            [
                (np.eye(1, 6, 2), np.array([[0.5, 0.5, 0, 1, 0.5, 1]])),
                (np.array([[0.0, 0], [4, 0], [0, 0]]), np.array([[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]])),
            ],
        ),
        Property("is right on other maps", lambda rng: [*_maps(rng)], weight=2),
        Property(
            "takes whole numbers, and gates that shut",
            [(np.array([[4, 1, 3]]), np.array([[0.0, 0.5, 0.25]])), (np.array([[2, 5]]), np.array([[1, 0]]))],
            weight=0.5,
        ),
    ),
    mistakes=(
        Mistake(
            "from the right",
            _from_the_right,
            "You walked from right to left. The first pixel that is read is the one on the left.",
        ),
        Mistake(
            "down the columns",
            _down_the_columns,
            "You walked down the columns. A row is read from left to right: x runs along the *second* axis.",
        ),
        Mistake(
            "keep and write exchanged",
            _keep_for_write,
            "Keeping and writing are exchanged: where `keep` is 1 the state stays, where it is 0 the value is written.",
        ),
        Mistake(
            "round the end of the row",
            _around_the_end,
            "Your memory walks on from the end of a row into the next one. Each row begins with a state of 0.",
        ),
        Mistake(
            "first column copied",
            _first_column_copied,
            "You began with the first column's values as the state. Its pixels have a gate, too: their state is "
            "`(1 - keep) * value`, for before them it is 0.",
        ),
        Mistake(
            "the neighbour's value",
            _neighbours_value,
            "You kept the *value* of the pixel before, not the state there. So nothing is carried farther than one "
            "pixel: that is a convolution.",
        ),
        Mistake(
            "written in full",
            _written_in_full,
            "You added the whole value. Its share is `1 - keep`, so that the state stays between what it has met.",
        ),
        Mistake(
            "the gate of the pixel before",
            _gate_of_the_pixel_before,
            "You used the gate of the pixel before. `keep[:, x]` says what happens on reading pixel x.",
        ),
        Mistake(
            "one pixel late",
            _one_pixel_late,
            "Your states are one pixel late: the answer at x is the state *after* x was read.",
        ),
        Mistake(
            "the last state",
            _last_state,
            "You returned the states at the end of the rows. Every pixel is to get the state when it was read.",
        ),
        Mistake(
            "division by what was kept",
            _closed_form,
            "You divided by the product of the gates. Behind a gate of 0 that is 0 / 0: walk instead, or start the "
            "product anew there.",
        ),
        Mistake(
            "both ways",
            _both_ways,
            "You took the mean of both ways. Here one is asked for, from left to right.",
        ),
        Mistake(
            "fractions cut off",
            _cut_to_whole,
            "Your result has the type of the values: of whole numbers, fractions are cut off. `np.zeros(values.shape)` "
            "is float.",
        ),
    ),
)

# ------------------------------------------------------------------------------------- 3: a step of mean field


def mean_field_step(logits, beliefs, affinity, price):
    return _softmax(_after_listening(logits, beliefs, affinity, price))


def _after_listening(logits, beliefs, affinity, price):
    heard = affinity @ beliefs
    return logits - price * (heard.sum(axis=1, keepdims=True) - heard)


def _agreeing_pays(logits, beliefs, affinity, price):
    return _softmax(logits - price * affinity @ beliefs)


def _on_the_last_scores(logits, beliefs, affinity, price):
    return _softmax(_after_listening(np.log(beliefs), beliefs, affinity, price))


def _evidence_twice(logits, beliefs, affinity, price):
    return _softmax(_after_listening(logits + np.log(beliefs), beliefs, affinity, price))


def _scores_alone(logits, beliefs, affinity, price):
    return _after_listening(logits, beliefs, affinity, price)


def _softmax_over_pixels(logits, beliefs, affinity, price):
    return _softmax(_after_listening(logits, beliefs, affinity, price), axis=0)


def _no_price(logits, beliefs, affinity, price):
    return mean_field_step(logits, beliefs, affinity, 1.0)


def _no_logits(logits, beliefs, affinity, price):
    return mean_field_step(np.zeros_like(logits), beliefs, affinity, price)


def _from_logits(logits, beliefs, affinity, price):
    """Listens to what the network believed, not to the beliefs."""
    return mean_field_step(logits, _softmax(logits), affinity, price)


def _listens_to_logits(logits, beliefs, affinity, price):
    return _softmax(logits + price * affinity @ logits)


def _hard_votes(logits, beliefs, affinity, price):
    votes = np.eye(beliefs.shape[1])[beliefs.argmax(axis=1)]
    return mean_field_step(logits, votes, affinity, price)


def _without_itself(logits, beliefs, affinity, price):
    return mean_field_step(logits, beliefs, affinity * (1 - np.eye(len(logits))), price)


def _weights_to_one(logits, beliefs, affinity, price):
    return mean_field_step(logits, beliefs, affinity / affinity.sum(axis=1, keepdims=True), price)


def _alone(logits, beliefs, affinity, price):
    return mean_field_step(logits, beliefs, np.eye(len(logits)), price)


def _logits_priced(logits, beliefs, affinity, price):
    return mean_field_step(price * logits, beliefs, affinity, price)


def _averaged(logits, beliefs, affinity, price):
    return affinity @ beliefs / (affinity @ beliefs).sum(axis=1, keepdims=True)


def _overflowing(logits, beliefs, affinity, price):
    with np.errstate(all="ignore"):
        powers = np.exp(_after_listening(logits, beliefs, affinity, price))
        return powers / powers.sum(axis=1, keepdims=True)


def _not_normalised(logits, beliefs, affinity, price):
    scores = _after_listening(logits, beliefs, affinity, price)
    return np.exp(scores - scores.max(axis=1, keepdims=True))


MEAN_FIELD_PAPER = (
    np.array([[np.log(9), 0], [0, np.log(1.5)]]),
    np.array([[0.9, 0.1], [0.4, 0.6]]),
    np.full((2, 2), 0.5),
    4.0,
)


def _crfs(rng, count=6, size=1.5):
    for _ in range(count):
        n, classes = rng.integers(2, 6), rng.integers(2, 5)
        points = rng.normal(0, 1, (n, 2))
        kernel = np.exp(-0.5 * ((points[:, None] - points) ** 2).sum(axis=2))
        scale = kernel.sum(axis=1) ** -0.5
        logits = rng.normal(0, size, (n, classes)).round(1)
        beliefs = _softmax(rng.normal(0, 1, (n, classes)))
        yield logits, beliefs, scale[:, None] * kernel * scale, float(rng.integers(2, 6))


MEAN_FIELD = Exercise(
    slug="mean-field-step",
    lesson="15",
    title="A step of mean field",
    minutes=9,
    points=4,
    hints=(
        "Listen first: `heard = affinity @ beliefs`, (n, K): how much belief in each label reaches each pixel.",
        "A label pays for the belief in all *other* labels: `heard.sum(axis=1, keepdims=True) - heard`, times the "
        "price. Take it off the network's logits, then a softmax along each row.",
        "`scores = logits - price * (heard.sum(axis=1, keepdims=True) - heard)`, "
        "`powers = np.exp(scores - scores.max(axis=1, keepdims=True))`, and divide each row by its sum.",
    ),
    reference=mean_field_step,
    properties=(
        Property("is right on the worked example", [MEAN_FIELD_PAPER]),
        Property("is right for other pixels, labels and prices", lambda rng: [*_crfs(rng)], weight=2),
        Property(
            "leaves it to the network where disagreeing costs nothing",
            lambda rng: [(*case[:3], 0.0) for case in _crfs(rng, 2)],
            weight=0.5,
        ),
        Property("survives scores of a thousand", lambda rng: [*_crfs(rng, 2, size=2000.0)], weight=0.5),
    ),
    mistakes=(
        Mistake(
            "overflow",
            _overflowing,
            "`np.exp` of a large score is infinite, and infinity over infinity no number. Take the largest score of "
            "each row off first.",
        ),
        Mistake(
            "agreeing pays",
            _agreeing_pays,
            "In yours a label pays for those who *agree*. It pays for the belief in all other labels (or is paid for "
            "its own: after the softmax that is the same).",
        ),
        Mistake(
            "on the last scores",
            _on_the_last_scores,
            "You went on from the last beliefs. A step begins with the network's own `logits` each time, less what was "
            "heard; the beliefs are only listened to.",
        ),
        Mistake(
            "evidence twice",
            _evidence_twice,
            "You counted the last beliefs beside the logits. They are made of the logits already: so the evidence "
            "counts once more at each step.",
        ),
        Mistake(
            "scores alone",
            _scores_alone,
            "These are the new scores. What is asked for are beliefs: their softmax, rows of sum 1.",
        ),
        Mistake(
            "not normalised",
            _not_normalised,
            "The exponentials are right, but they do not sum to 1: divide each row by its sum.",
        ),
        Mistake(
            "softmax over pixels",
            _softmax_over_pixels,
            "Your softmax ran down the pixels. Each *pixel* shares out a belief of 1 among the labels: along the rows.",
        ),
        Mistake("no price", _no_price, "The price has no say: what is heard is multiplied by it."),
        Mistake(
            "no logits",
            _no_logits,
            "The network's own scores are gone. What is heard is taken off `logits`.",
        ),
        Mistake(
            "the price of logits",
            _logits_priced,
            "You multiplied the logits by the price, too. Only what is heard has a price.",
        ),
        Mistake(
            "listening to the network",
            _from_logits,
            "You listened to the softmax of the logits. That is the first step only: listen to the `beliefs` that are "
            "handed over.",
        ),
        Mistake(
            "listening to scores",
            _listens_to_logits,
            "You passed logits through the affinities. Pixels tell each other *beliefs*, between 0 and 1.",
        ),
        Mistake(
            "hard votes",
            _hard_votes,
            "You let every pixel cast one vote for its likeliest label. Mean field listens to the beliefs themselves: "
            "who is unsure has half a say.",
        ),
        Mistake(
            "without itself",
            _without_itself,
            "You left each pixel's own belief out. Here it hears itself, too: take `affinity` as it is.",
        ),
        Mistake(
            "weights to one",
            _weights_to_one,
            "You scaled the rows of the affinity to 1. They have been scaled: take `affinity` as it is.",
        ),
        Mistake(
            "nobody heard",
            _alone,
            "In yours each pixel hears itself alone. `affinity @ beliefs` brings the others' beliefs.",
        ),
        Mistake(
            "a mean",
            _averaged,
            "You averaged the beliefs of the others. They speak to the network's `logits`, at a price; they do not "
            "replace them.",
        ),
    ),
)

# ------------------------------------------------------------------------------------ 4: a filter on a grid


def grid_filter(places, values, size):
    return _filtered(places, values, size)


def _by_counting(left, share, values, size):
    return np.bincount(left, (1 - share) * values, size) + np.bincount(left + 1, share * values, size)


def _soft(grid):
    return np.convolve(grid, [0.2, 0.6, 0.2], "same")


def _read(grid, left, share):
    return (1 - share) * grid[left] + share * grid[left + 1]


def _filtered(places, values, size, splat=_by_counting, blur=_soft, read=_read):
    left = np.floor(places).astype(int)
    share = places - left
    return read(blur(splat(left, share, values, size)), left, share)


def _last_one_alone(left, share, values, size):
    grid = np.zeros(size)
    grid[left] += (1 - share) * values
    grid[left + 1] += share * values
    return grid


def _colleague(places, values, size):
    return _filtered(places, values, size, _last_one_alone)


def _one_side_mended(places, values, size):
    def splat(left, share, values, size):
        grid = np.bincount(left, (1 - share) * values, size)
        grid[left + 1] += share * values
        return grid

    return _filtered(places, values, size, splat)


def _shares_exchanged(places, values, size):
    return _filtered(places, values, size, lambda left, share, *rest: _by_counting(left, 1 - share, *rest))


def _assigned(places, values, size):
    def splat(left, share, values, size):
        grid = np.zeros(size)
        grid[left] = (1 - share) * values
        grid[left + 1] = share * values
        return grid

    return _filtered(places, values, size, splat)


def _nearest(places, values, size):
    return _filtered(
        places,
        values,
        size,
        lambda left, share, values, size: np.bincount(np.round(left + share).astype(int), values, size),
    )


def _no_blur(places, values, size):
    return _filtered(places, values, size, blur=lambda grid: grid)


def _blurred_twice(places, values, size):
    return _filtered(places, values, size, blur=lambda grid: _soft(_soft(grid)))


def _means(places, values, size):
    """Vertices hold means, not sums."""

    def splat(left, share, values, size):
        total = _by_counting(left, share, values, size)
        return total / np.maximum(_by_counting(left, share, np.ones(len(values)), size), 1e-12)

    return _filtered(places, values, size, splat)


def _counted(places, values, size):
    """Sums over the number of pixels that touch a vertex."""

    def splat(left, share, values, size):
        touching = np.bincount(left, minlength=size) + np.bincount(left + 1, minlength=size)
        return _by_counting(left, share, values, size) / np.maximum(touching, 1)

    return _filtered(places, values, size, splat)


def _no_shares_back(places, values, size):
    return _filtered(places, values, size, read=lambda grid, left, share: grid[left])


def _left_alone(places, values, size):
    return _filtered(
        places, values, size, lambda left, share, values, size: np.bincount(left, (1 - share) * values, size)
    )


def _grid_returned(places, values, size):
    left = np.floor(places).astype(int)
    return _soft(_by_counting(left, places - left, values, size))


def _unshared(places, values, size):
    return _filtered(
        places,
        values,
        size,
        lambda left, share, values, size: (
            np.bincount(left, values, size) + np.bincount(left + 1, values, size)
        ),
    )


def _divided_by_weight(places, values, size):
    return grid_filter(places, values, size) / grid_filter(places, np.ones(len(values)), size)


GRID_PAPER = np.array([1.25, 1.25, 2.5]), np.array([4.0, 4, 2]), 5


def _points(rng, count=6):
    for _ in range(count):
        size, n = int(rng.integers(3, 8)), int(rng.integers(2, 9))
        yield (rng.random(n) * (size - 1.01)).round(2), rng.normal(0, 2, n).round(1), size


GRID_FILTER = Exercise(
    slug="grid-filter",
    lesson="15",
    title="Repair: a filter on a grid",
    minutes=7,
    points=3,
    hints=(
        "Print the grid after the splat for two pixels at one place. How much should a vertex hold, and how much does "
        "it hold?",
        "`grid[left] += …` reads all old entries, adds, and writes all new ones. An index that stands twice in `left` "
        "is written twice: the last one wins. What adds one after the other?",
        "`np.add.at(grid, left, (1 - share) * values)`, and the same for `left + 1`. Or "
        "`np.bincount(left, (1 - share) * values, size)`.",
    ),
    reference=grid_filter,
    properties=(
        Property("is right on the worked example", [GRID_PAPER]),
        Property(
            "is right for pixels that lie far apart",
            [(np.array([0.5, 3.25]), np.array([2.0, 4]), 6), (np.array([1.0]), np.array([5.0]), 4)],
            weight=0.5,
        ),
        Property("is right for pixels that share vertices", lambda rng: [*_points(rng)], weight=2),
    ),
    mistakes=(
        Mistake(
            "the last one alone",
            _colleague,
            "`grid[left] += …` keeps only the last of several pixels with one left vertex: that is the colleague's "
            "mistake. They are to be added up.",
        ),
        Mistake(
            "one side mended",
            _one_side_mended,
            "The left vertices are right. The right ones, `grid[left + 1]`, keep the last of several pixels alone.",
        ),
        Mistake(
            "assigned",
            _assigned,
            "You assign to the vertices. What was there before is lost: several pixels give to one vertex, and add up.",
        ),
        Mistake(
            "shares exchanged",
            _shares_exchanged,
            "The shares are exchanged: `share` is how far the pixel lies from the *left* vertex, so it is the part of "
            "the right one.",
        ),
        Mistake(
            "nearest alone",
            _nearest,
            "You gave everything to the nearest vertex. A pixel between two vertices gives to both, by its shares.",
        ),
        Mistake(
            "left alone",
            _left_alone,
            "The right vertex gets nothing: `share * values` is missing at `left + 1`.",
        ),
        Mistake(
            "unshared",
            _unshared,
            "Both vertices got the whole value. Each gets its share, so that the two sum to the value.",
        ),
        Mistake("no blur", _no_blur, "The blur is gone. It stands between splat and slice."),
        Mistake(
            "blurred twice", _blurred_twice, "You blurred twice. Here it is once, as in the colleague's code."
        ),
        Mistake(
            "means",
            _means,
            "Your vertices hold means. The filter is a *sum* over pixels: two pixels at one place count double.",
        ),
        Mistake(
            "divided by a number of pixels",
            _counted,
            "You divided by the number of pixels at a vertex. The filter is a *sum*: two pixels count double.",
        ),
        Mistake(
            "divided by the weights",
            _divided_by_weight,
            "You divided by the sum of the weights. That makes means of it; here the sum is asked for.",
        ),
        Mistake(
            "no shares on the way back",
            _no_shares_back,
            "On the way back you read the left vertex alone. A pixel reads both, with the same shares.",
        ),
        Mistake(
            "the grid itself",
            _grid_returned,
            "You returned the grid. Each pixel reads its two vertices again: as many numbers as there are values.",
        ),
    ),
)

# ------------------------------------------------------------------------------------- 5: steps of a flood


def steps_to_reach(water, source):
    return _spread(water, source)


def _around(front):
    """The front and its four neighbours."""
    padded = np.pad(front, 1)
    return padded[1:-1, 1:-1] | padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]


def _spread(water, source, around=_around, most=None, first=0):
    steps = np.full(water.shape, -1)
    front = np.zeros(water.shape, bool)
    front[source] = True
    steps[front] = first
    for step in range(1, (water.size if most is None else most) + 1):
        new = around(front) & water & (steps < 0)
        if not new.any():
            break
        steps[new] = first + step
        front |= new
    return steps


def _eight_neighbours(water, source):
    def around(front):
        padded = np.pad(front, 1)
        return np.lib.stride_tricks.sliding_window_view(padded, (3, 3)).any(axis=(2, 3))

    return _spread(water, source, around)


def _from_one(water, source):
    return _spread(water, source, first=1)


def _across_dikes(water, source):
    return np.where(water, _spread(np.ones_like(water), source), -1)


def _on_the_dikes(water, source):
    return _spread(np.ones_like(water), source)


def _dry_is_0(water, source):
    return np.maximum(_spread(water, source), 0)


def _over_the_edge(water, source):
    def around(front):
        return (
            front
            | np.roll(front, 1, 0)
            | np.roll(front, -1, 0)
            | np.roll(front, 1, 1)
            | np.roll(front, -1, 1)
        )

    return _spread(water, source, around)


def _too_few_steps(water, source):
    return _spread(water, source, most=max(water.shape))


def _within_one_step(water, source):
    """Changes the front while it walks over it: right and below, the flood runs on in the same step."""
    steps = np.full(water.shape, -1)
    steps[source] = 0
    height, width = water.shape
    for step in range(1, water.size + 1):
        before = (steps >= 0).sum()
        for y in range(height):
            for x in range(width):
                if water[y, x] and steps[y, x] < 0:
                    near = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
                    if any(0 <= r < height and 0 <= c < width and steps[r, c] >= 0 for r, c in near):
                        steps[y, x] = step
        if (steps >= 0).sum() == before:
            break
    return steps


def _rows_for_columns(water, source):
    return _spread(water.T, source).T


def _reached_alone(water, source):
    return (_spread(water, source) >= 0).astype(int)


def _later_overwrites(water, source):
    """Every step writes to all that is wet."""
    steps, front = np.full(water.shape, -1), np.zeros(water.shape, bool)
    front[source] = True
    steps[front] = 0
    for step in range(1, water.size + 1):
        grown = _around(front) & water
        if (grown == front).all():
            break
        steps[grown] = step
        front = grown
    return steps


def _infinite(water, source):
    found = _spread(water, source)
    return np.where(found < 0, np.inf, found)


_U = np.array([[1, 0, 1], [1, 0, 1], [1, 1, 1]], bool)
_TWO = np.array([[1, 1, 0, 1, 1], [0, 1, 0, 0, 1], [0, 1, 0, 0, 1]], bool)
_EDGES = np.array([[1, 1, 0, 1], [0, 0, 0, 1], [1, 1, 1, 1]], bool)
_SNAKE = np.array([[1, 1, 1, 1, 1], [0, 0, 0, 0, 1], [1, 1, 1, 1, 1], [1, 0, 0, 0, 0], [1, 1, 1, 1, 1]], bool)
_TALL = np.array([[0, 1], [0, 1], [1, 1], [1, 0]], bool)
_CORNERS = np.eye(3, dtype=bool)


def _waters(rng, count=5):
    for _ in range(count):
        water = rng.random(tuple(rng.integers(2, 6, 2))) < 0.65
        places = np.argwhere(water)
        if len(places):
            yield water, tuple(int(n) for n in places[rng.integers(len(places))])


STEPS_TO_REACH = Exercise(
    slug="steps-to-reach",
    lesson="15",
    title="Going further: the same small step, again and again",
    minutes=10,
    points=3,
    hints=(
        "Keep what is wet as a bool map. One step: who is wet, or next to it, and water? Those who are new get the "
        "number of the step.",
        "`np.pad(wet, 1)` gives room: `padded[:-2, 1:-1]` is the map moved down by a pixel. Four moved maps and the "
        "map itself, joined by `|`, and then `& water`. Stop when a step brings nothing new.",
        "`new = (padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]) & water & (steps < 0)`, "
        "then `steps[new] = step` and `wet |= new`.",
    ),
    reference=steps_to_reach,
    properties=(
        Property("is right on the worked example", [(_U, (0, 0))]),
        Property("tells what is never reached by −1", [(_TWO, (0, 0)), (_CORNERS, (1, 1))]),
        Property(
            "is right on winding ways and other maps",
            lambda rng: [(_SNAKE, (0, 0)), (_TALL, (0, 1)), *_waters(rng)],
            weight=2,
        ),
        Property(
            "does not leave the map and come back on the other side",
            [(_EDGES, (0, 0)), (_EDGES, (2, 0))],
            weight=0.5,
        ),
        Property("takes a single pixel", [(np.ones((1, 1), bool), (0, 0))], weight=0.5),
    ),
    mistakes=(
        Mistake(
            "eight neighbours",
            _eight_neighbours,
            "Your flood slips through corners. A step goes up, down, left or right, not aslant.",
        ),
        Mistake("from one", _from_one, "You counted from 1. The source is reached after 0 steps."),
        Mistake(
            "across dikes",
            _across_dikes,
            "Your flood crosses dikes: it grew everywhere, and was cut to the water in the end. Cut it at *each* step.",
        ),
        Mistake("on the dikes", _on_the_dikes, "Your flood runs over the dikes: `& water` is missing."),
        Mistake("dry is 0", _dry_is_0, "What is never reached is −1. With you it is 0, like the source."),
        Mistake(
            "dry is infinite",
            _infinite,
            "What is never reached is −1, so that the answer holds whole numbers.",
        ),
        Mistake(
            "over the edge",
            _over_the_edge,
            "`np.roll` brings what leaves on one side back on the other. Pad with dry pixels and cut instead.",
        ),
        Mistake(
            "too few steps",
            _too_few_steps,
            "You stopped too early. A winding way may be longer than the side of the map: go on until a step brings "
            "nothing new.",
        ),
        Mistake(
            "on in the same step",
            _within_one_step,
            "Your flood runs on within a step: a pixel that became wet in it wets its neighbours at once. Look at the "
            "map as it was *before* the step.",
        ),
        Mistake(
            "rows for columns",
            _rows_for_columns,
            "You took the source as (column, row). It is (row, column).",
        ),
        Mistake(
            "reached alone",
            _reached_alone,
            "You said which water is reached. What is asked for is after how many steps.",
        ),
        Mistake(
            "overwritten",
            _later_overwrites,
            "Each step writes its number over all that is wet. Only what is *new* gets it: `& (steps < 0)`.",
        ),
    ),
)

EXERCISES = [GRU_STEP, SWEEP, MEAN_FIELD, GRID_FILTER, STEPS_TO_REACH]
