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
    return data + right + below


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


ROW = np.array([[[8, 4, 7, 1]], [[1, 5, 2, 8]]]), np.full((2, 1, 4), 2)


def _chain():
    return [(np.array([labels], bool), *ROW) for labels in ([1, 1, 1, 0], [1, 0, 1, 0], [0, 0, 0, 0])]


def _grids(rng):
    cases = []
    for mask in small_masks(rng, count=10):
        unary, pairwise = (rng.integers(0, 9, (2, *mask.shape)) for _ in range(2))
        cases.append((mask, unary, pairwise))
    mask = rng.random((3, 4)) < 0.5
    return [*cases, (mask, rng.random((2, 3, 4)), rng.random((2, 3, 4)))]


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
    return capacity[side][:, ~side].sum()


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
    return [*cases, (rng.random((4, 4)), np.array([True, False, True, False]))]


CUT_WIDTH = Exercise(
    slug="cut-width",
    lesson="05",
    title="The width of a cut",
    minutes=6,
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
            "narrowest pipe",
            _narrowest,
            "That is the narrowest pipe of the cut. To stop the water, *all* of them have to be blocked.",
        ),
    ),
)

# ---------------------------------------------------------------------------------------- largest flow


def largest_flow(capacity, source, sink):
    return _augment(capacity, source, sink)


def _augment(capacity, source, sink, *, give_back=True, amount=min, search=deque.popleft):
    """Augmenting paths; the options are the ways to go wrong."""
    residual, flow = np.array(capacity, np.int64), 0
    while True:
        path = _path(residual, source, sink, search)
        if path is None:
            return int(flow)
        pipes = list(consecutive(path))
        sent = amount([residual[pipe] for pipe in pipes])
        for p, q in pipes:
            residual[p, q] -= sent
            residual[q, p] += sent if give_back else 0
        flow += sent


def _path(residual, source, sink, search=deque.popleft):
    parent, queue = {source: None}, deque([source])
    while queue:
        p = search(queue)
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


def _never_taken_back(capacity, source, sink):
    return _augment(capacity, source, sink, give_back=False)


def _ends_only(widths):
    return min(widths[0], widths[-1])


def _first_and_last(capacity, source, sink):
    return _augment(capacity, source, sink, amount=_ends_only)


def _nothing_repaired(capacity, source, sink):
    return _augment(capacity, source, sink, amount=_ends_only, give_back=False)


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
NECK = _pipes(4, (0, 1, 9), (1, 2, 2), (2, 3, 7))
NO_WAY = _pipes(4, (0, 1, 3), (2, 3, 4), (2, 1, 5))


def _random_networks(rng):
    cases = []
    for n in (3, 4, 5, 6, 6, 7, 7, 8):
        capacity = rng.integers(1, 10, (n, n)) * (rng.random((n, n)) < 0.5)
        np.fill_diagonal(capacity, 0)
        source, sink = rng.permutation(n)[:2].tolist()
        cases.append((capacity, source, sink))
    return cases


REPAIR_MAX_FLOW = Exercise(
    slug="repair-max-flow",
    lesson="05",
    title="Repair: augmenting paths",
    minutes=10,
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
        Property("is held up by the narrowest pipe, wherever it is", [(NECK, 0, 3)]),
        Property("takes back what was sent the wrong way, and no more", [(ACROSS, 0, 7), (WIDE, 0, 5)]),
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
            "one path only",
            _one_path,
            "You stop after the first path. Go on until the source cannot reach the sink.",
        ),
        Mistake(
            "source and sink only",
            _ends,
            "You added up the pipes at the source and at the sink. What lies between them may be narrower.",
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
_log2 = _with(lambda p: -np.log2(p))


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
    return mine <= least + 1e-9 or f"has an energy of {mine:.3f}, but a mask of {least:.3f} exists"


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


def _cut_afterwards(image, mask, box, smoothness):
    return _box_forgotten(image, mask, box, smoothness) & box


def _scenes(rng):
    """A disk of two colours on a ground of two, one of which the object shares; a mask that is half right."""
    cases = []
    y, x = np.mgrid[:14, :16]
    for radius, smoothness in ((4, 1.0), (3, 4.0), (4, 8.0)):
        disk = np.hypot(y - 6.5, x - 8) < radius
        image = np.where(disk[..., None], (0.7, 0.4, 0.3), (0.3, 0.4, 0.6))
        image = np.where(((x > 8) & disk)[..., None], (0.4, 0.6, 0.5), image)
        image = np.where((x < 4)[..., None], (0.62, 0.4, 0.34), image)
        image = (image + rng.normal(0, 0.09, image.shape)).clip(0, 1)
        box = (abs(y - 6.5) <= radius + 1) & (abs(x - 8) <= radius + 2)
        mask = box & (rng.random(box.shape) < 0.8)
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
        Mistake("one Gaussian", _one_gaussian, "You fitted one Gaussian a side. Two are asked for."),
        Mistake(
            "four neighbours",
            _four_neighbours,
            "You took four neighbours. `contrast_weights(image, smoothness)` takes eight.",
        ),
    ),
)

EXERCISES = [MASK_ENERGY, CUT_WIDTH, REPAIR_MAX_FLOW, RESTORE_MASK, GRAB_ROUND]
