"""The exercises of lesson 05: graph cuts."""

from collections import deque
from itertools import pairwise as consecutive

import numpy as np

from course_utils.checks.framework import Exercise, Mistake, Property, small_masks
from course_utils.classic import graph_cuts, mixtures

# ---------------------------------------------------------------------------------- energy of a mask


def mask_energy(mask, unary, pairwise):
    data = np.where(mask, unary[1], unary[0]).sum()
    right = (pairwise[0][:, :-1] * (mask[:, :-1] != mask[:, 1:])).sum()
    below = (pairwise[1][:-1] * (mask[:-1] != mask[1:])).sum()
    return float(data + right + below)


def _smoothness(mask, pairwise):
    return mask_energy(mask, np.zeros((2, *mask.shape)), pairwise)


def _labels_swapped(mask, unary, pairwise):
    return mask_energy(mask, unary[::-1], pairwise)


def _object_only(mask, unary, pairwise):
    return unary[1][mask].sum() + _smoothness(mask, pairwise)


def _no_data(mask, unary, pairwise):
    return _smoothness(mask, pairwise)


def _no_smoothness(mask, unary, pairwise):
    return mask_energy(mask, unary, np.zeros_like(pairwise))


def _right_only(mask, unary, pairwise):
    return mask_energy(mask, unary, pairwise * np.array([1, 0])[:, None, None])


def _number_of_pipes(mask, unary, pairwise):
    return mask_energy(mask, unary, np.ones_like(pairwise))


def _agreements(mask, unary, pairwise):
    every = pairwise[0][:, :-1].sum() + pairwise[1][:-1].sum()
    return mask_energy(mask, unary, np.zeros_like(pairwise)) + every - _smoothness(mask, pairwise)


def _agreements_below(mask, unary, pairwise):
    agree = (pairwise[1][:-1] * (mask[:-1] == mask[1:])).sum()
    return _right_only(mask, unary, pairwise) + agree


def _right_costs_below(mask, unary, pairwise):
    return mask_energy(mask, unary, pairwise[[0, 0]])


def _next_rows_costs(mask, unary, pairwise):
    below = (pairwise[1][1:] * (mask[:-1] != mask[1:])).sum()
    return _right_only(mask, unary, pairwise) + below


def _both_ways(mask, unary, pairwise):
    return mask_energy(mask, unary, 2 * pairwise)


def _mean_data(mask, unary, pairwise):
    return np.where(mask, unary[1], unary[0]).mean() + _smoothness(mask, pairwise)


def _around_the_border(mask, unary, pairwise):
    right = pairwise[0] * (mask != np.roll(mask, -1, axis=1))
    below = pairwise[1] * (mask != np.roll(mask, -1, axis=0))
    return np.where(mask, unary[1], unary[0]).sum() + right.sum() + below.sum()


def _below_around_the_border(mask, unary, pairwise):
    below = (pairwise[1] * (mask != np.roll(mask, -1, axis=0))).sum()
    return _right_only(mask, unary, pairwise) + below


def _below_one_way(upper):
    """Below, only pairs whose upper pixel is object (or only those whose upper pixel is background) pay."""

    def energy(mask, unary, pairwise):
        differ = mask[:-1] != mask[1:]
        below = (pairwise[1][:-1] * (differ & (mask[:-1] == upper))).sum()
        return _right_only(mask, unary, pairwise) + below

    return energy


def _whole_planes(mask, unary, pairwise):
    return unary[mask.astype(int)].sum() + _smoothness(mask, pairwise)


def _cheapest_labels(mask, unary, pairwise):
    return unary.min(axis=0).sum() + _smoothness(mask, pairwise)


def _right_neighbours_again(mask, unary, pairwise):
    again = (pairwise[1][:, :-1] * (mask[:, :-1] != mask[:, 1:])).sum()
    return _right_only(mask, unary, pairwise) + again


def _whole_number(mask, unary, pairwise):
    return int(mask_energy(mask, unary, pairwise))


ROW = np.array([[[8, 4, 7, 1]], [[1, 5, 2, 8]]]), np.full((2, 1, 4), 2)


def _chain():
    return [(np.array([labels], bool), *ROW) for labels in ([1, 1, 1, 0], [1, 0, 1, 0], [0, 0, 0, 0])]


def _grids(rng):
    cases = []
    for mask in small_masks(rng, count=10):
        unary, pairwise = (rng.integers(0, 9, (2, *mask.shape)) for _ in range(2))
        cases.append((mask, unary, pairwise))
    return cases


def _fractions(rng):
    return [(rng.random((3, 4)) < 0.5, rng.random((2, 3, 4)), rng.random((2, 3, 4)))]


def _border_costs(rng):
    """Costs at the right and lower border, where there is no neighbour, are large."""
    pairwise = rng.integers(1, 5, (2, 3, 3))
    pairwise[0][:, -1] = pairwise[1][-1] = 100
    return [(np.eye(3, dtype=bool), rng.integers(0, 9, (2, 3, 3)), pairwise)]


MASK_ENERGY = Exercise(
    slug="mask-energy",
    lesson="05",
    title="The energy of a mask",
    minutes=6,
    points=3,
    hints=(
        "The data term takes one of two numbers for each pixel. Which function of numpy chooses between two "
        "arrays by a mask?",
        "`np.where(mask, unary[1], unary[0])` are the costs of the labels. For the rows, do with the first index "
        "what `right` does with the second.",
        "`below = (pairwise[1][:-1] * (mask[:-1] != mask[1:])).sum()`, and the energy is the sum of the three.",
    ),
    reference=mask_energy,
    properties=(
        Property("is right on the four pixels of the worked example", _chain()),
        Property("is right on random grids", _grids, weight=2),
        Property("does not count neighbours outside the picture", _border_costs),
        Property("is right where the costs are no whole numbers", _fractions, weight=0.5),
    ),
    mistakes=(
        Mistake(
            "labels swapped",
            _labels_swapped,
            "Your data term charges object pixels with the cost of background. `unary[1]` is the cost of being "
            "object.",
        ),
        Mistake(
            "object only",
            _object_only,
            "Only the pixels of the object pay in your data term. Background has its cost, too: `unary[0]`.",
        ),
        Mistake("no data", _no_data, "The data term is missing from your energy."),
        Mistake(
            "no smoothness",
            _no_smoothness,
            "Your energy is the data term alone: neighbours that differ pay nothing.",
        ),
        Mistake(
            "right neighbours only",
            _right_only,
            "The neighbours below do not pay in your energy: the second blank is still missing, or is 0.",
        ),
        Mistake(
            "number of pipes",
            _number_of_pipes,
            "You *count* the pairs that differ. Each of them costs its own width, `pairwise`.",
        ),
        Mistake(
            "agreement pays",
            _agreements,
            "In your energy the neighbours that *agree* pay. Which comparison is 1 where two labels differ?",
        ),
        Mistake(
            "agreement below pays",
            _agreements_below,
            "To the right those pay that differ, below those that agree. Compare your line with `right`.",
        ),
        Mistake(
            "costs of the wrong direction",
            _right_costs_below,
            "For the neighbours below you used the costs of the neighbours to the right: those below stand in "
            "`pairwise[1]`.",
        ),
        Mistake(
            "costs of the next row",
            _next_rows_costs,
            "Your costs belong to the lower pixel of each pair. `pairwise[1][y, x]` is the cost of (y, x) and "
            "the one *below* it.",
        ),
        Mistake(
            "right neighbours again",
            _right_neighbours_again,
            "Your second comparison is again between a pixel and the one to its *right*. Compare each row with the "
            "row below it.",
        ),
        Mistake(
            "around the border",
            _around_the_border,
            "With `np.roll` the last column becomes a neighbour of the first, and the last row of the first row. "
            "They are no neighbours: leave them out by slices.",
        ),
        Mistake(
            "around the lower border",
            _below_around_the_border,
            "`np.roll` goes round: your last row pays for differing from the first. They are no neighbours: compare "
            "`mask[:-1]` with `mask[1:]`.",
        ),
        *(
            Mistake(
                f"below, only {pair} pays",
                _below_one_way(upper),
                "Of the neighbours below, only one kind of disagreement pays in your energy: object above background, "
                "or background above object. Both are disagreements.",
            )
            for upper, pair in ((True, "object above background"), (False, "background above object"))
        ),
        Mistake(
            "whole planes",
            _whole_planes,
            "`unary[mask.astype(int)]` takes a *whole* plane of costs for every pixel. You want one number for each: "
            "choose between the two planes pixel by pixel.",
        ),
        Mistake(
            "cheapest labels",
            _cheapest_labels,
            "Your data term is that of the cheapest labels, whatever `mask` says. The energy is that of the mask "
            "which is handed over.",
        ),
        Mistake(
            "cut to a whole number",
            _whole_number,
            "Your energy has lost its fraction: costs may be floats, so leave `int` out.",
        ),
        Mistake(
            "every pair twice",
            _both_ways,
            "Each pair of neighbours pays twice in your energy. A pair is counted once, from its left or upper "
            "pixel.",
        ),
        Mistake("mean for sum", _mean_data, "The data term is the *sum* over all pixels, not their mean."),
    ),
)

# -------------------------------------------------------------------------------------- width of a cut


def cut_width(capacity, side):
    return float(capacity[side][:, ~side].sum())


def _pipes_counted(capacity, side):
    return np.count_nonzero(capacity[side][:, ~side])


def _both_directions(capacity, side):
    return capacity[side][:, ~side].sum() + capacity[~side][:, side].sum()


def _backwards(capacity, side):
    return capacity[~side][:, side].sum()


def _difference(capacity, side):
    return capacity[side][:, ~side].sum() - capacity[~side][:, side].sum()


def _within(capacity, side):
    return capacity[side][:, side].sum()


def _all_out_of_side(capacity, side):
    return capacity[side].sum()


def _narrowest(capacity, side):
    across = capacity[side][:, ~side]
    return across[across > 0].min() if across.any() else 0


def _paired(capacity, side):
    return capacity[side, ~side].sum()


def _all_into_the_others(capacity, side):
    return capacity[:, ~side].sum()


def _numbers_for_masks(capacity, side):
    number = side.astype(int)
    return capacity[number][:, 1 - number].sum()


def _whole_width(capacity, side):
    return int(cut_width(capacity, side))


PAPER = np.array(
    [
        [0, 2, 0, 0, 0, 1],
        [2, 0, 2, 0, 0, 5],
        [0, 2, 0, 2, 0, 2],
        [0, 0, 2, 0, 0, 8],
        [8, 4, 7, 1, 0, 0],
        [0, 0, 0, 0, 0, 0],
    ]
)
SIDE = np.array([1, 1, 1, 0, 1, 0], bool)


def _networks(rng):
    cases = []
    for n in (2, 3, 4, 5, 5, 6, 6):
        capacity = rng.integers(0, 9, (n, n)) * (rng.random((n, n)) < 0.7)
        np.fill_diagonal(capacity, 0)
        side = rng.random(n) < 0.5
        side[:2] = True, False
        cases.append((capacity, rng.permutation(side)))
    return cases


def _fractional_pipes(rng):
    capacity = rng.random((5, 5))
    np.fill_diagonal(capacity, 0)
    return [(capacity, np.array([True, False, True, False, True]))]


CUT_WIDTH = Exercise(
    slug="cut-width",
    lesson="05",
    title="The width of a cut",
    minutes=4,
    points=2,
    hints=(
        "Which rows of `capacity` are pipes that leave the source's side, and which columns are where they may end?",
        "`capacity[side]` are the rows of the source's side. From these take the columns of the others: `~side`.",
        "`capacity[side][:, ~side].sum()`",
    ),
    reference=cut_width,
    properties=(
        Property(
            "is right on the worked example",
            [(PAPER, SIDE), (PAPER, np.arange(6) != 5), (PAPER, np.arange(6) == 4)],
        ),
        Property("is right on random networks", _networks, weight=2),
        Property("is right where the widths are no whole numbers", _fractional_pipes, weight=0.5),
        Property(
            "is 0 when nothing, or everything, is on the source's side",
            [(PAPER[:3, :3], np.zeros(3, bool)), (PAPER[:3, :3], np.ones(3, bool))],
            weight=0.3,
        ),
    ),
    mistakes=(
        Mistake(
            "pipes counted",
            _pipes_counted,
            "You count the pipes. A minimum cut is the one of least *width*: add up the capacities.",
        ),
        Mistake(
            "both directions",
            _both_directions,
            "Pipes that lead *back* to the source's side are counted, too. They bring no water to the other side.",
        ),
        Mistake(
            "the way back",
            _backwards,
            "You added up the pipes that lead *back* to the source's side. Rows are where a pipe begins.",
        ),
        Mistake(
            "net width",
            _difference,
            "You subtract the pipes that lead back. An empty pipe the other way does not stop any water.",
        ),
        Mistake(
            "inside the side",
            _within,
            "These are the pipes within the source's side: they need not be blocked.",
        ),
        Mistake(
            "all out of the side",
            _all_out_of_side,
            "You added up all pipes of these nodes, also those that end on the same side.",
        ),
        Mistake(
            "rows and columns paired",
            _paired,
            "`capacity[side, ~side]` pairs the first True of `side` with the first of `~side`, and so on. You want "
            "every row of the one with every column of the other: index twice, first rows, then columns.",
        ),
        Mistake(
            "all into the others",
            _all_into_the_others,
            "You added up all pipes that end outside the side, also those that begin there.",
        ),
        Mistake(
            "numbers for masks",
            _numbers_for_masks,
            "As integers, 0 and 1 are *numbers of rows*: the same two rows again and again. Keep the mask bool.",
        ),
        Mistake(
            "cut to a whole number",
            _whole_width,
            "Your width has lost its fraction: pipes may have any width, so leave `int` out.",
        ),
        Mistake(
            "narrowest pipe",
            _narrowest,
            "That is the narrowest pipe of the cut. To stop the water, *all* of them have to be blocked.",
        ),
    ),
)

# ---------------------------------------------------------------------------------------- largest flow


def largest_flow(capacity, source, sink):
    return _augment(capacity, source, sink)


def _sum(back, sent):
    return back + sent


def _augment(
    capacity,
    source,
    sink,
    *,
    back=_sum,
    amount=min,
    fits=lambda capacity, residual: residual,
    taken=1,
    count=lambda flow, sent, pipes: flow + sent,
):
    """Augmenting paths; the options are the ways to go wrong."""
    residual, flow = np.array(capacity, np.int64), 0
    while True:
        path = _path(residual, source, sink)
        if path is None:
            return int(flow)
        pipes = list(consecutive(path))
        sent = amount([fits(capacity, residual)[pipe] for pipe in pipes])
        for p, q in pipes:
            residual[p, q] -= taken * sent
            residual[q, p] = back(residual[q, p], sent)
        flow = count(flow, sent, pipes)


def _path(residual, source, sink):
    parent, queue = {source: None}, deque([source])
    while queue:
        p = queue.popleft()
        for q in np.flatnonzero(residual[p] > 0).tolist():
            if q not in parent:
                parent[q] = p
                queue.append(q)
    if sink not in parent:
        return None
    path = [sink]
    while path[-1] != source:
        path.append(parent[path[-1]])
    return path[::-1]


def _kept(back, sent):
    return back


def _never_taken_back(capacity, source, sink):
    return _augment(capacity, source, sink, back=_kept)


def _way_back_replaced(capacity, source, sink):
    return _augment(capacity, source, sink, back=lambda back, sent: sent)


def _way_back_widened(capacity, source, sink):
    return _augment(capacity, source, sink, back=max)


def _way_back_narrowed(capacity, source, sink):
    return _augment(capacity, source, sink, back=lambda back, sent: back - sent)


def _once_per_pipe(capacity, source, sink):
    return _augment(capacity, source, sink, count=lambda flow, sent, pipes: flow + sent * len(pipes))


def _last_path_only(capacity, source, sink):
    return _augment(capacity, source, sink, count=lambda flow, sent, pipes: sent)


def _nothing_added(capacity, source, sink):
    return 0


def _nothing_taken_off(capacity, source, sink):
    """What is sent is not taken off the pipes: it does not come to an end."""
    return _augment(capacity, source, sink, taken=0)


def _ends_only(widths):
    return min(widths[0], widths[-1])


def _first_and_last(capacity, source, sink):
    return _augment(capacity, source, sink, amount=_ends_only)


def _nothing_repaired(capacity, source, sink):
    return _augment(capacity, source, sink, amount=_ends_only, back=_kept)


def _three_pipes_only(capacity, source, sink):
    return _augment(capacity, source, sink, amount=lambda widths: min(*widths[:2], widths[-1]))


def _first_only(capacity, source, sink):
    return _augment(capacity, source, sink, amount=lambda widths: widths[0])


def _widest(capacity, source, sink):
    return _augment(capacity, source, sink, amount=max)


def _without_first(capacity, source, sink):
    return _augment(capacity, source, sink, amount=lambda widths: min(widths[1:]))


def _without_last(capacity, source, sink):
    return _augment(capacity, source, sink, amount=lambda widths: min(widths[:-1]))


def _empty_pipes(capacity, source, sink):
    """What fits through an empty pipe, however much has been sent: it does not come to an end."""
    return _augment(capacity, source, sink, fits=lambda capacity, residual: capacity)


def _one_path(capacity, source, sink):
    path = _path(capacity, source, sink)
    return 0 if path is None else int(min(capacity[p, q] for p, q in consecutive(path)))


def _ends(capacity, source, sink):
    return int(min(capacity[source].sum(), capacity[:, sink].sum()))


def _paths_counted(capacity, source, sink):
    residual, count = np.array(capacity, np.int64), 0
    while (path := _path(residual, source, sink)) is not None:
        pipes = list(consecutive(path))
        sent = min(residual[pipe] for pipe in pipes)
        for p, q in pipes:
            residual[p, q] -= sent
            residual[q, p] += sent
        count += 1
    return count


def _back_unbounded(capacity, source, sink):
    """The way back gets the width of the pipe instead of what was sent."""
    residual, flow = np.array(capacity, np.int64), 0
    for _ in range(100):
        path = _path(residual, source, sink)
        if path is None:
            break
        pipes = list(consecutive(path))
        sent = min(residual[pipe] for pipe in pipes)
        for p, q in pipes:
            residual[q, p] += residual[p, q]
            residual[p, q] -= sent
        flow += sent
    return int(flow)


def _pipes(n, *pipes):
    capacity = np.zeros((n, n), int)
    for start, end, width in pipes:
        capacity[start, end] = width
    return capacity


# Of the two shortest ways the first goes across, and blocks both others unless it is taken back.
ACROSS = _pipes(
    8, (0, 1, 1), (1, 2, 1), (2, 7, 1), (0, 3, 1), (3, 4, 1), (4, 2, 1), (1, 5, 1), (5, 6, 1), (6, 7, 1)
)
# What went from 1 to 2 is one; if the whole pipe could be taken back, five more would get through.
WIDE = _pipes(6, (0, 1, 1), (1, 2, 5), (2, 5, 1), (0, 3, 9), (3, 2, 9), (1, 4, 9), (4, 5, 9))
NECKS = [_pipes(6, *((p, p + 1, 2 if p == neck else 7 + p) for p in range(5))) for neck in range(5)]
# A picture of 2 × 3 pixels: what pixel 5 gave to 2 and took back is missing when it gives once more.
TWICE = _pipes(
    8,
    *((6, p, width) for p, width in enumerate((6, 1, 2, 4, 7, 8))),
    *((p, 7, width) for p, width in enumerate((4, 4, 1, 7, 2, 1))),
    *((*pair, 3) for p, q in ((0, 1), (0, 3), (1, 4), (2, 5)) for pair in ((p, q), (q, p))),
    *((*pair, 4) for p, q in ((1, 2), (4, 5)) for pair in ((p, q), (q, p))),
)
NO_WAY = _pipes(4, (0, 1, 3), (2, 3, 4), (2, 1, 5))


# Nothing is lost here by taking the larger of two ways back, until more than that is to be undone.
BOTH_WAYS = np.array(
    [
        [0, 0, 7, 7, 0, 4, 0],
        [0, 0, 3, 8, 1, 8, 5],
        [0, 3, 0, 0, 7, 1, 4],
        [0, 8, 0, 0, 0, 0, 2],
        [0, 1, 7, 0, 0, 0, 9],
        [0, 8, 1, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0],
    ]
)
TAKEN_BACK = (509, 1759, 2289)  # seeds of random networks in which water has to be taken back


def _random_networks(rng):
    cases = []
    for n in (3, 4, 5, 6, 6, 7, 7, 8):
        capacity = rng.integers(1, 10, (n, n)) * (rng.random((n, n)) < 0.5)
        np.fill_diagonal(capacity, 0)
        source, sink = rng.permutation(n)[:2].tolist()
        cases.append((capacity, source, sink))
    for seed in TAKEN_BACK:
        rng = np.random.default_rng(seed)
        capacity = rng.integers(1, 10, (7, 7)) * (rng.random((7, 7)) < 0.4)
        np.fill_diagonal(capacity, 0)
        cases.append((capacity, 0, 6))
    return cases


REPAIR_MAX_FLOW = Exercise(
    slug="repair-max-flow",
    lesson="05",
    title="Repair: augmenting paths",
    minutes=6,
    points=4,
    hints=(
        "How much can a path of three pipes carry, and where in the code is that decided?",
        "What is sent from p to q may be taken back later. Which entry of `residual` must grow for that?",
        "`amount = min(residual[p, q] for p, q in pairs(path))`, and in the loop also `residual[q, p] += "
        "amount`.",
    ),
    reference=largest_flow,
    properties=(
        Property("is right on the worked example", [(PAPER, 4, 5)]),
        Property("is held up by the narrowest pipe, wherever it is", [(neck, 0, 5) for neck in NECKS]),
        Property(
            "takes back what was sent the wrong way, and no more",
            [(ACROSS, 0, 7), (WIDE, 0, 5), (TWICE, 6, 7), (BOTH_WAYS, 0, 6)],
        ),
        Property("is right on random networks", _random_networks, weight=2),
        Property("is 0 where no way leads to the sink", [(NO_WAY, 0, 3)], weight=0.3),
    ),
    mistakes=(
        Mistake(
            "nothing repaired",
            _nothing_repaired,
            "That is what the colleague's version gives. Follow one path by hand: how much fits, and what may be "
            "undone?",
        ),
        Mistake(
            "never taken back",
            _never_taken_back,
            "One mistake is left: water that went the wrong way is never taken back, so your flow stays too small.",
        ),
        Mistake(
            "first and last pipe",
            _first_and_last,
            "One mistake is left: a path carries what its *narrowest* pipe lets pass, not only its first and last.",
        ),
        Mistake(
            "way back replaced",
            _way_back_replaced,
            "The way back is *set* to what was sent. It may have room already, from the pipe that leads that way or "
            "from an earlier path: add to it.",
        ),
        Mistake(
            "way back widened",
            _way_back_widened,
            "The way back is the larger of its room and what was sent. It has room for both: add.",
        ),
        Mistake(
            "way back narrowed",
            _way_back_narrowed,
            "The way back becomes *narrower* in your version. What was sent from p to q can be taken back, so "
            "`residual[q, p]` has to grow.",
        ),
        Mistake(
            "once per pipe",
            _once_per_pipe,
            "You count the water once for every pipe it passes. A path adds its amount to the flow once, after the "
            "loop over its pipes.",
        ),
        Mistake(
            "last path only",
            _last_path_only,
            "You return the amount of the last path. The flow is the sum over all paths: add, with `+=`.",
        ),
        Mistake(
            "nothing added",
            _nothing_added,
            "Your flow stays 0. Each path adds its amount to it.",
        ),
        Mistake(
            "nothing taken off",
            _nothing_taken_off,
            "Your loop does not end: it finds a path again and again. Is what was sent taken off `residual[p, q]`, "
            "and is it more than 0?",
        ),
        Mistake(
            "three pipes only",
            _three_pipes_only,
            "Your amount looks at the first pipes and the last one. A path may have more than three: which is the "
            "narrowest of *all*?",
        ),
        Mistake(
            "first pipe only",
            _first_only,
            "You send what the *first* pipe of the path holds, whatever comes after it.",
        ),
        Mistake(
            "widest pipe",
            _widest,
            "You send what the *widest* pipe of the path holds; the others cannot carry that.",
        ),
        Mistake(
            "without the first pipe",
            _without_first,
            "The pipe from the source is left out when you look for the narrowest. It belongs to the path.",
        ),
        Mistake(
            "without the last pipe",
            _without_last,
            "The pipe into the sink is left out when you look for the narrowest. It belongs to the path.",
        ),
        Mistake(
            "empty pipes",
            _empty_pipes,
            "Your loop does not end. Does the amount look at `capacity`, what fitted at the *start*? What fits now is "
            "in `residual`, and what is sent has to be taken off there.",
        ),
        Mistake(
            "one path only",
            _one_path,
            "You stop after the first path. Go on until the source cannot reach the sink.",
        ),
        Mistake(
            "source and sink only",
            _ends,
            "You added up the pipes at one end, the source or the sink. What lies between may be narrower.",
        ),
        Mistake(
            "paths counted",
            _paths_counted,
            "You return the number of paths. Each of them carries its own amount.",
        ),
        Mistake(
            "all of the pipe taken back",
            _back_unbounded,
            "The way back grew by the width of the pipe. Only what was *sent* can be taken back.",
        ),
    ),
)

# --------------------------------------------------------------------------------------- restored mask


def restore(received, flipped, smoothness):
    wrong, right = -np.log(flipped), -np.log(1 - flipped)
    unary = np.where([~received, received], right, wrong)
    return graph_cuts.min_cut(unary, np.full((2, *received.shape), float(smoothness))).mask


def _with(costs=lambda p: -np.log(p), turn=False, price=lambda s: s):
    """A wrong answer by other costs, labels in the other order, or another price of a boundary."""

    def restored(received, flipped, smoothness):
        unary = np.where([~received, received], costs(1 - flipped), costs(flipped))
        pairwise = np.full((2, *received.shape), float(price(smoothness)))
        return graph_cuts.min_cut(unary[::-1] if turn else unary, pairwise).mask

    return restored


_turned = _with(turn=True)
_probabilities = _with(lambda p: p)
_one_minus = _with(lambda p: 1 - p)
_half_price = _with(price=lambda s: s / 2)
_double_price = _with(price=lambda s: 2 * s)
_log2 = _with(lambda p: -np.log2(p))
_log10 = _with(lambda p: -np.log10(p))
_whole_price = _with(price=int)
_zero_and_one = _with(lambda p: float(p < 0.5))


def _integers_turned(received, flipped, smoothness):
    wrong, right = -np.log(flipped), -np.log(1 - flipped)
    labels = received.astype(int)
    unary = np.where([~labels, labels], right, wrong)
    return graph_cuts.min_cut(unary, np.full((2, *received.shape), smoothness)).mask


def _received_for_nothing(received, flipped, smoothness):
    unary = np.stack([received, ~received]) * -np.log(flipped)
    return graph_cuts.min_cut(unary, np.full((2, *received.shape), float(smoothness))).mask


def _always_a_fifth(received, flipped, smoothness):
    return restore(received, 0.2, smoothness)


def _contrast(connectivity):
    def restored(received, flipped, smoothness):
        unary = np.where([~received, received], -np.log(1 - flipped), -np.log(flipped))
        weights = graph_cuts.contrast_weights(received, smoothness, connectivity)
        return graph_cuts.min_cut(unary, weights).mask

    return restored


def _as_received(received, flipped, smoothness):
    return received.copy()


def _one_direction(received, flipped, smoothness):
    unary = np.where([~received, received], -np.log(1 - flipped), -np.log(flipped))
    pairwise = np.zeros((2, *received.shape))
    pairwise[0] = smoothness
    return graph_cuts.min_cut(unary, pairwise).mask


def _with_diagonals(received, flipped, smoothness):
    unary = np.where([~received, received], -np.log(1 - flipped), -np.log(flipped))
    return graph_cuts.min_cut(unary, np.full((4, *received.shape), float(smoothness))).mask


def _price(mask, received, flipped, smoothness):
    unary = np.where([~received, received], -np.log(1 - flipped), -np.log(flipped))
    return mask_energy(mask, unary, np.full((2, *received.shape), smoothness))


def _is_least(answer, received, flipped, smoothness):
    """Of several cheapest masks any will do."""
    mine = _price(answer, received, flipped, smoothness)
    least = _price(restore(received, flipped, smoothness), received, flipped, smoothness)
    return mine <= least + 1e-9 or f"Your mask has an energy of {mine:.3f}, but there is one of {least:.3f}."


SPECK = np.zeros((5, 6), bool)
SPECK[2, 3] = True
BLOCK = np.zeros((5, 6), bool)
BLOCK[1:4, 1:5] = True
BLOCK[2, 2] = False
SQUARE = np.zeros((6, 7), bool)
SQUARE[1:4, 2:5] = True


def _damaged(rng):
    cases = []
    for _ in range(8):
        mask = np.zeros((6, 7), bool)
        mask[1 : rng.integers(3, 6), 1 : rng.integers(4, 7)] = True
        flipped = float(rng.uniform(0.05, 0.35))
        cases.append((mask ^ (rng.random(mask.shape) < flipped), flipped, float(rng.uniform(0.2, 1.2))))
    return cases


def _sure(rng):
    """Where the gain of a lone pixel is about what its four neighbours ask for; other costs say otherwise."""
    cases = []
    for flipped in (0.02, 0.1, 0.25, 0.4):
        gain = np.log((1 - flipped) / flipped)
        others = gain / np.log(10), 1 - 2 * flipped, 1.0, -np.log(flipped)
        levels = sorted([*others, gain, gain / np.log(2)])
        cases += [
            (SPECK, flipped, (low + high) / 8) for low, high in consecutive(levels) if high / low > 1.01
        ]
    return cases


RESTORE_MASK = Exercise(
    slug="restore-mask",
    lesson="05",
    title="Restore a damaged mask",
    minutes=10,
    points=4,
    hints=(
        "If a pixel was received as object, how probable is that given that it was object? And given that it was "
        "background?",
        "The label that was received costs `-np.log(1 - flipped)`, the other one `-np.log(flipped)`. Build "
        "`unary` of shape (2, H, W) from these.",
        "`unary = np.where([~received, received], -np.log(1 - flipped), -np.log(flipped))`; `pairwise` is full "
        "of `smoothness`, shape (2, H, W).",
    ),
    reference=restore,
    properties=(
        Property("keeps the mask when neighbours do not matter", [(BLOCK, 0.2, 0.0)], holds=_is_least),
        Property(
            "removes a speck, fills a hole and keeps a block",
            [(SPECK, 0.1, 1.0), (BLOCK, 0.2, 0.9), (SQUARE, 0.4, 0.13)],
            holds=_is_least,
        ),
        Property("lets a sure pixel stand against its neighbours", _sure, holds=_is_least),
        Property("is the best mask on random pictures", _damaged, weight=2, holds=_is_least),
        Property(
            "works for a single pixel and a single row",
            [(np.array([[True]]), 0.3, 2.0), (np.array([[1, 0, 1, 1, 0, 0]], bool), 0.3, 0.5)],
            holds=_is_least,
            weight=0.5,
        ),
    ),
    mistakes=(
        Mistake(
            "turned round",
            _turned,
            "Your pixels pay for the label that was received: are the labels turned round, or is a minus "
            "missing? That "
            "label is the probable one, so it has to be the cheap one.",
        ),
        Mistake(
            "nothing restored",
            _as_received,
            "Your mask is the one that was received. Let the neighbours speak: a minimum cut with `smoothness` "
            "between them.",
        ),
        Mistake(
            "probabilities for costs",
            _one_minus,
            "Your costs are probabilities, not their logarithms. Independent pixels multiply, and logarithms "
            "make sums of that.",
        ),
        Mistake(
            "0 and 1 for costs",
            _zero_and_one,
            "The label that was not received costs 1 in your version, however sure the line is. Its cost depends on "
            "`flipped`.",
        ),
        Mistake(
            "the received label for nothing",
            _received_for_nothing,
            "The label that was received costs 0 in your version. It has a price, too, −log(1 − `flipped`); only the "
            "difference of the two counts.",
        ),
        Mistake(
            "always a fifth",
            _always_a_fifth,
            "Your costs do not change with `flipped`: use the argument, not a number.",
        ),
        Mistake(
            "the probable is dear",
            _probabilities,
            "Your costs are the probabilities themselves, so that the probable label is the dearer one.",
        ),
        Mistake(
            "one direction",
            _one_direction,
            "Only neighbours beside each other pay. `pairwise[1]` is for those below.",
        ),
        Mistake(
            "half price", _half_price, "Each pair pays `smoothness` once, and in your version half of it."
        ),
        Mistake(
            "double price",
            _double_price,
            "Each pair pays `smoothness` once, and in your version twice.",
        ),
        Mistake(
            "diagonals, too",
            _with_diagonals,
            "Your neighbours touch at corners, too. Asked for are those beside and below: two entries of `pairwise`.",
        ),
        Mistake(
            "another logarithm",
            _log2,
            "You took logarithms to the base 2, which makes the data weigh more against `smoothness`. The "
            "natural one is meant.",
        ),
        Mistake(
            "logarithm to the base 10",
            _log10,
            "You took logarithms to the base 10, which makes the data weigh less against `smoothness`. The "
            "natural one is meant.",
        ),
        Mistake(
            "whole-number prices",
            _whole_price,
            "Your prices of neighbours have lost their fraction: an integer array makes 0 of a `smoothness` of 0.9.",
        ),
        Mistake(
            "integers turned round",
            _integers_turned,
            "Your mask is empty. Of integers, `~` makes −1 and −2, and both count as True: turn the mask round while "
            "it is bool.",
        ),
        Mistake(
            "contrast of the mask",
            _contrast(8),
            "Your prices of neighbours depend on the received mask (`contrast_weights`). Here each pair costs "
            "`smoothness`, beside and below.",
        ),
        Mistake(
            "contrast of the mask, four neighbours",
            _contrast(4),
            "Your prices of neighbours depend on the received mask (`contrast_weights`). Here each pair costs "
            "`smoothness`, beside and below.",
        ),
    ),
)

# ------------------------------------------------------------------------------------ round of GrabCut


def grab_round(image, mask, box, smoothness):
    return _round(image, mask, box, smoothness)


def _round(image, mask, box, smoothness, *, order=(False, True), forbid=True, components=2):
    sides = [mixtures.fit_mixture(image[mask == label], components).mixture for label in order]
    costs = -np.stack([mixtures.log_density(side, image) for side in sides])
    if forbid:
        costs[1][~box] = np.inf
    return graph_cuts.min_cut(costs, graph_cuts.contrast_weights(image, smoothness)).mask


def _sides_swapped(image, mask, box, smoothness):
    return _round(image, mask, box, smoothness, order=(True, False))


def _box_forgotten(image, mask, box, smoothness):
    return _round(image, mask, box, smoothness, forbid=False)


def _one_gaussian(image, mask, box, smoothness):
    return _round(image, mask, box, smoothness, components=1)


def _box_for_mask(image, mask, box, smoothness):
    return _round(image, box, box, smoothness)


def _no_neighbours(image, mask, box, smoothness):
    return _round(image, mask, box, 0)


def _four_neighbours(image, mask, box, smoothness):
    sides = [mixtures.fit_mixture(image[mask == label], 2).mixture for label in (False, True)]
    costs = -np.stack([mixtures.log_density(side, image) for side in sides])
    costs[1][~box] = np.inf
    return graph_cuts.min_cut(costs, graph_cuts.contrast_weights(image, smoothness, 4)).mask


def _always_25(image, mask, box, smoothness):
    return _round(image, mask, box, 25)


def _four_gaussians(image, mask, box, smoothness):
    return _round(image, mask, box, smoothness, components=4)


def _forbidding(label, inside):
    """A wrong answer: of the given label, the pixels inside the box, or those outside, are forbidden."""

    def grabbed(image, mask, box, smoothness):
        sides = [mixtures.fit_mixture(image[mask == side], 2).mixture for side in (False, True)]
        costs = -np.stack([mixtures.log_density(side, image) for side in sides])
        costs[label][box if inside else ~box] = np.inf
        return graph_cuts.min_cut(costs, graph_cuts.contrast_weights(image, smoothness)).mask

    return grabbed


def _shrinking(image, mask, box, smoothness):
    return _cut_of(_log_densities(image, ~mask, mask), ~mask, image, smoothness)


def _background_from_outside(image, mask, box, smoothness):
    return _cut_of(_log_densities(image, ~box, mask), ~box, image, smoothness)


def _minus_density(image, mask, box, smoothness):
    return _cut_of(np.exp(_log_densities(image, ~mask, mask)), ~box, image, smoothness)


def _log_densities(image, *sides):
    return np.stack(
        [mixtures.log_density(mixtures.fit_mixture(image[side], 2).mixture, image) for side in sides]
    )


def _cut_of(likely, forbidden, image, smoothness):
    """The cut whose costs are minus ``likely`` (2, H, W), without object where it is forbidden."""
    costs = -likely
    costs[1][forbidden] = np.inf
    return graph_cuts.min_cut(costs, graph_cuts.contrast_weights(image, smoothness)).mask


def _as_it_came(image, mask, box, smoothness):
    return mask.copy()


def _fit_for_mixture(image, mask, box, smoothness):
    sides = [mixtures.fit_mixture(image[mask == label], 2) for label in (False, True)]
    return np.stack([mixtures.log_density(side, image) for side in sides])[0] > 0


def _cut_afterwards(image, mask, box, smoothness):
    return _box_forgotten(image, mask, box, smoothness) & box


def _scenes(rng):
    """A disk of two colours on a ground of two, one of which the object shares; a mask that is half right."""
    cases = []
    y, x = np.mgrid[:14, :16]
    for radius, smoothness, noise in ((4, 1.0, 0.09), (4, 0.3, 0.09), (5, 2.0, 0.06), (4, 1.0, 0.02)):
        disk = np.hypot(y - 6.5, x - 8) < radius
        image = np.where(disk[..., None], (0.7, 0.4, 0.3), (0.3, 0.4, 0.6))
        image = np.where(((x > 8) & disk)[..., None], (0.4, 0.6, 0.5), image)
        image = np.where((x < 4)[..., None], (0.62, 0.4, 0.34), image)
        image = (image + rng.normal(0, noise, image.shape)).clip(0, 1)
        box = (abs(y - 6.5) <= radius + 1) & (abs(x - 8) <= radius + 2)
        mask = (box if noise > 0.02 else disk) & (rng.random(box.shape) < 0.8)
        cases.append((image, mask, box, smoothness))
    return cases


GRAB_ROUND = Exercise(
    slug="grab-round",
    lesson="05",
    title="Going further: a round of GrabCut",
    minutes=20,
    points=3,
    hints=(
        "`image[mask]` are the colours of the object, `image[~mask]` those of the background: points (n, 3).",
        "Stack minus the two log densities, background first, then write `np.inf` where object is forbidden.",
        "`costs[1][~box] = np.inf`, then `graph_cuts.min_cut(costs, graph_cuts.contrast_weights(image, "
        "smoothness)).mask`.",
    ),
    reference=grab_round,
    properties=(Property("is right on small colour pictures", _scenes),),
    mistakes=(
        Mistake(
            "sides swapped",
            _sides_swapped,
            "The object gets the background's colours: the first cost is that of background, and a cost is "
            "*minus* the log "
            "density. One of the two went wrong.",
        ),
        Mistake(
            "box forgotten",
            _box_forgotten,
            "There is object outside the box. Forbid it before you cut, with a cost of infinity.",
        ),
        Mistake(
            "box afterwards",
            _cut_afterwards,
            "You cleared what lies outside the box after the cut. Inside, the cut then took neighbours for "
            "object that are not.",
        ),
        Mistake(
            "box for mask",
            _box_for_mask,
            "Your mixtures learn from the box. In this round they are to learn from `mask`.",
        ),
        Mistake(
            "no neighbours",
            _no_neighbours,
            "Each pixel decides for itself: the weights of the neighbours are missing, or 0.",
        ),
        Mistake(
            "smoothness left aside",
            _always_25,
            "Your cut does not use `smoothness`: hand it over to `contrast_weights`, which else takes 25.",
        ),
        Mistake(
            "box turned round",
            _forbidding(1, True),
            "You forbade object *inside* the box. It is forbidden outside: `~box`.",
        ),
        Mistake(
            "background forbidden",
            _forbidding(0, False),
            "Outside the box everything became object: you forbade *background* there. `costs[1]` is that of object.",
        ),
        Mistake(
            "the mask for the box",
            _shrinking,
            "Your object can only shrink: you forbade it outside `mask`. It is forbidden outside the *box*, `~box`.",
        ),
        Mistake(
            "background from outside the box",
            _background_from_outside,
            "Your background learned outside the box alone. What is not in `mask` is background inside the box, too: "
            "`~mask`.",
        ),
        Mistake(
            "densities for costs",
            _minus_density,
            "Your costs are minus the *density*. A cost is minus its logarithm, and `log_density` is that logarithm "
            "already.",
        ),
        Mistake(
            "mask as it came", _as_it_came, "You return the mask that came in. The round ends with a new cut."
        ),
        Mistake("four Gaussians", _four_gaussians, "You fitted four Gaussians a side. Two are asked for."),
        Mistake(
            "fit for mixture",
            _fit_for_mixture,
            "`fit_mixture` returns more than the mixture (its likelihoods, too): if that is what you gave to "
            "`log_density`, take its `.mixture`.",
        ),
        Mistake("one Gaussian", _one_gaussian, "You fitted one Gaussian a side. Two are asked for."),
        Mistake(
            "four neighbours",
            _four_neighbours,
            "You took four neighbours. `contrast_weights(image, smoothness)` takes eight.",
        ),
    ),
)

EXERCISES = [MASK_ENERGY, CUT_WIDTH, REPAIR_MAX_FLOW, RESTORE_MASK, GRAB_ROUND]
