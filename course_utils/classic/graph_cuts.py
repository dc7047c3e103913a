"""Graph cuts: the best labelling when neighbours should agree, found as the narrowest cut through a network.

The insight: give each pixel a cost for being object and one for being background, and each pair of neighbours a
cost for being told apart. For two labels the cheapest of all 2ⁿ masks is found exactly: the costs are the widths of
pipes from a source over the pixels to a sink, a mask is a way to cut source from sink, and the narrowest cut is as
wide as the largest flow that gets through. Everything else here asks that question again and again.
Taught in lesson 05.

``unary``     (K, H, W), cost of giving label k to a pixel; of a mask K = 2: 0 background, 1 object
``pairwise``  (2, H, W), cost of a pixel's disagreement with its neighbours to the right and below, or (4, H, W),
              with those below right and below left, too; entries whose neighbour is outside do not count
"""

import math
from numbers import Real
from typing import NamedTuple

import numpy as np

from course_utils.classic import mixtures
from course_utils.classic.filters import grey
from course_utils.kernel import by_rows, kernel

OFFSETS = np.array(
    [(0, 1), (1, 0), (1, 1), (1, -1)]
)  # (dy, dx) of the neighbours, in the order of `pairwise`
OBJECT, BACKGROUND = 1, 2  # seeds and strokes
SOURCE, FREE, SINK = 1, 0, -1  # the trees: on the object's side, on neither, on the background's
ROOT, NONE = 8, 9  # parents that are no neighbour: the terminal itself; nobody
FAR = 2**30
FLOOR = (2 / 255) ** 2  # least variance of a colour: no camera is more exact than a grey level or two


class Cut(NamedTuple):
    """What ``min_cut`` found."""

    mask: np.ndarray  #: bool (H, W), the smallest object of all cheapest masks
    flow: float  #: the largest flow, which is the energy of the mask
    undecided: np.ndarray  #: bool (H, W); with all of these the mask is the largest of the cheapest masks


# ------------------------------------------------------------------------------------------- minimum cut


def min_cut(unary, pairwise, backward=None):
    """The mask of least energy: Σ unary[mask[p], p] + Σ pairwise over neighbours that differ.

    The network: a pipe of width unary[0] from the source to each pixel, one of width unary[1] from it to the sink,
    and between neighbours one in each direction. A pixel cut off from the source is background. Send water:

    1. From source and sink a tree each grows along pipes that are not full, pixel by pixel.
    2. Where the trees touch there is a path from source to sink. Send through it what its narrowest pipe lets pass.
    3. Full pipes break the trees. Each orphan looks for a new parent in its own tree, one still joined to the
       terminal, the nearest first; without one it leaves the tree and its children are orphans, too.
    4. Again from 1 until the trees no longer grow. The source's tree is the object.

    The trees live on, that is why this is fast: step 3 mends them instead of growing new ones. A parent's link to
    the terminal is stamped with the round in which it was last seen, so that nobody walks the same way twice.

    Parameters: unary (2, H, W), finite or ``np.inf``, which forbids a label; pairwise (2 or 4, H, W), finite and not
    negative; backward, like pairwise, where the cost depends on who is who: then ``pairwise`` counts where the
    pixel is object and its neighbour background, and ``backward`` where it is the other way round.
    Integers are added exactly, floats in float64.
    Returns: Cut. Of several cheapest masks it is the one with the fewest pixels, a part of all others; with floats
    that are rounded, masks that ought to cost the same may differ by the last digit, and that digit decides.
    Raises TypeError or ValueError for arrays that do not fit, NaN, a pixel with both labels forbidden, integers that
    add up to more than 2⁶², and a negative pairwise cost: rewarding disagreement is not submodular, and no cut can
    find the best mask.
    Cost: at most (edges · pixels² · flow), in practice a little more than linear in the pixels; more where the
    unary costs are weak, because water then flows far. 60 bytes a pixel, 92 with 8 neighbours.

    Reference: Greig, Porteous & Seheult, Exact maximum a posteriori estimation for binary images, Journal of the
    Royal Statistical Society B 51, 1989, doi:10.1111/j.2517-6161.1989.tb01764.x (the network); Boykov & Kolmogorov,
    An experimental comparison of min-cut/max-flow algorithms, IEEE TPAMI 26, 2004, doi:10.1109/TPAMI.2004.60 (the
    trees); Kolmogorov & Zabih, What energy functions can be minimized via graph cuts?, IEEE TPAMI 26, 2004,
    doi:10.1109/TPAMI.2004.1262177 (submodularity). Lesson 05.
    """
    unary = _unary(unary)
    if len(unary) != 2:
        raise ValueError(f"unary must have shape (2, H, W), background and object, but has {unary.shape}")
    shape = unary.shape[1:]
    forward = _pairwise(pairwise, shape)
    backward = forward if backward is None else _pairwise(backward, shape, "backward")
    if backward.shape != forward.shape:
        raise ValueError(f"backward must have pairwise's shape {forward.shape}, but has {backward.shape}")
    exact = all(array.dtype.kind == "i" for array in (unary, forward, backward))
    if exact and _most(unary, forward, backward) > 2**62:
        raise ValueError("unary and pairwise costs add up to more than 2⁶²: divide them, or use floats")
    return _cut(
        *(array.astype(np.int64 if exact else np.float64, copy=False) for array in (unary, forward, backward))
    )


def _most(unary, forward, backward):
    """More than any number that whole costs can lead to."""
    largest = unary.size * max(int(unary.max()), -int(unary.min()))
    if largest > 2**62:  # a few large costs among small ones, perhaps
        largest = float(np.abs(unary.astype(np.float64)).sum())
    return largest + 2 * (int(forward.max()) + int(backward.max()))


class _Network(NamedTuple):
    """Pixels in rows with a frame of one pixel around, which no pipe reaches: no loop asks for the border.

    Direction d of a pixel leads to pixel + step[d]; d ^ 1 leads back.
    """

    residual: np.ndarray  # (n, 2 or 4 pairs of directions), what still fits through from the pixel
    terminal: np.ndarray  # (n,), what still fits through from the source (positive) or to the sink (negative)
    node: np.ndarray  # (n,) of _NODE
    step: np.ndarray  # int64 (directions,)
    orphans: np.ndarray  # int32 (n,), a list
    active: np.ndarray  # int64 (2,), first and last pixel that is to grow, −1 for none


_NODE = np.dtype(
    [
        ("stamp", np.int32),  # round in which `distance` was last found right
        ("distance", np.int32),  # steps to the terminal
        (
            "next",
            np.int32,
        ),  # that is to grow after this one, itself for the last, −1 for one not in the queue
        ("tree", np.int8),
        ("parent", np.uint8),  # direction, ROOT or NONE
    ],
    align=True,
)


def _cut(unary, forward, backward):
    directions, height, width = forward.shape
    framed = height + 2, width + 2
    pixels = framed[0] * framed[1]
    node = np.zeros(pixels, _NODE).view(np.recarray)
    node.parent, node.next = NONE, -1
    offsets = OFFSETS[:directions]
    network = _Network(
        np.zeros((pixels, 2 * directions), forward.dtype),
        np.zeros(pixels, unary.dtype),
        node,
        np.repeat(offsets @ (framed[1], 1), 2) * np.tile((1, -1), directions),
        np.empty(pixels, np.int32),
        np.full(2, -1),
    )
    through = _build(
        unary,
        forward,
        backward,
        offsets,
        network.residual.reshape(*framed, -1),
        network.terminal.reshape(framed),
    )
    flow = through + _max_flow(network)
    tree = node.tree.reshape(framed)[1:-1, 1:-1]
    return Cut(tree == SOURCE, float(flow), tree == FREE)


@kernel
def _build(unary, forward, backward, offsets, residual, terminal):
    """Lay the pipes. What flows from source to sink through a single pixel is sent at once, and returned."""
    directions, height, width = forward.shape
    through = terminal[0, 0]  # the frame's: zero
    for y in range(height):
        for x in range(width):
            through += min(unary[0, y, x], unary[1, y, x])
            terminal[y + 1, x + 1] = unary[0, y, x] - unary[1, y, x]
            for d in range(directions):
                v, u = y + offsets[d, 0], x + offsets[d, 1]
                if v < height and 0 <= u < width:
                    residual[y + 1, x + 1, 2 * d] = forward[d, y, x]
                    residual[v + 1, u + 1, 2 * d + 1] = backward[d, y, x]
    return through


@kernel
def _max_flow(network):
    node, terminal, step = network.node, network.terminal, network.step
    flow = terminal[0]  # the frame's: zero
    for p in range(terminal.size):
        if terminal[p] != 0:
            node[p].tree = SOURCE if terminal[p] > 0 else SINK
            node[p].parent = ROOT
            node[p].distance = 1
            _activate(network, p)
    now = 0
    while network.active[0] >= 0:
        p = _take_active(network)
        d = _grow(network, p, 0)
        while d != NONE:  # the other tree is there
            now += 1
            q = p + step[d]
            if node[p].tree == SOURCE:
                amount, orphans = _augment(network, p, d, q)
            else:
                amount, orphans = _augment(network, q, d ^ 1, p)
            flow += amount
            _adopt(network, orphans, now)
            d = _grow(network, p, d)
    return flow


@kernel
def _activate(network, p):
    """Put a pixel at the end of the queue of those that are to grow, unless it waits already."""
    node, active = network.node, network.active
    if node[p].next < 0:
        node[p].next = p
        if active[0] < 0:
            active[0] = p
        else:
            node[active[1]].next = p
        active[1] = p


@kernel
def _take_active(network):
    node, active = network.node, network.active
    p = active[0]
    active[0] = node[p].next if p != active[1] else -1
    node[p].next = -1
    return p


@kernel
def _left(network, side, p, d):
    """What still fits between pixel p and its neighbour in direction d, if that one is p's parent."""
    return network.residual[p + network.step[d], d ^ 1] if side == SOURCE else network.residual[p, d]


@kernel
def _grow(network, p, first):
    """Take p's free neighbours into its tree, from direction ``first`` on; the direction of the other tree, or NONE."""
    node = network.node
    side = node[p].tree
    if side == FREE:
        return NONE
    for d in range(first, network.step.size):
        q = p + network.step[d]
        if _left(network, side, q, d ^ 1) > 0:
            if node[q].tree == FREE:
                node[q].tree = side
                _activate(network, q)
            elif node[q].tree != side:
                return d
            elif node[q].stamp > node[p].stamp or node[q].distance <= node[p].distance:
                continue  # q is no farther from the terminal than p, or its distance was seen later
            node[q].parent = d ^ 1
            node[q].stamp = node[p].stamp
            node[q].distance = node[p].distance + 1
    return NONE


@kernel
def _augment(network, p, d, q):
    """Send what fits from the source to p, in direction d to q, and to the sink; (amount, number of orphans)."""
    amount = _narrowest(network, SINK, q, _narrowest(network, SOURCE, p, network.residual[p, d]))
    network.residual[p, d] -= amount
    network.residual[q, d ^ 1] += amount
    orphans = _send(network, SOURCE, p, amount, 0)
    return amount, _send(network, SINK, q, amount, orphans)


@kernel
def _narrowest(network, side, p, narrowest):
    """What of an amount fits through the way between p and its terminal."""
    node = network.node
    while node[p].parent != ROOT:
        narrowest = min(narrowest, _left(network, side, p, node[p].parent))
        p += network.step[node[p].parent]
    return min(narrowest, abs(network.terminal[p]))


@kernel
def _send(network, side, p, amount, orphans):
    """Fill the pipes between p and its terminal; below a full pipe there is an orphan."""
    node, residual = network.node, network.residual
    while True:
        d = node[p].parent
        if d == ROOT:
            network.terminal[p] -= side * amount
            left = network.terminal[p]
        else:
            residual[p, d] += side * amount
            residual[p + network.step[d], d ^ 1] -= side * amount
            left = _left(network, side, p, d)
        if left == 0:
            node[p].parent = NONE
            network.orphans[orphans] = p
            orphans += 1
        if d == ROOT:
            return orphans
        p += network.step[d]


@kernel
def _adopt(network, orphans, now):
    """Find new parents for the first ``orphans`` of the list and for those who become orphans by that."""
    node, step = network.node, network.step
    k = 0
    while k < orphans:
        p = network.orphans[k]
        k += 1
        side, parent, nearest = node[p].tree, NONE, FAR
        for d in range(step.size):
            q = p + step[d]
            if node[q].tree == side and _left(network, side, p, d) > 0:
                distance = _distance(network, q, now)
                if distance < nearest:
                    parent, nearest = d, distance
        if nearest < FAR:
            node[p].parent = parent
            node[p].stamp = now
            node[p].distance = nearest + 1
            continue
        node[p].tree = FREE
        for d in range(step.size):
            q = p + step[d]
            if node[q].tree == side:
                if _left(network, side, p, d) > 0:
                    _activate(network, q)  # it may grow back here
                if node[q].parent == d ^ 1:
                    node[q].parent = NONE
                    network.orphans[orphans] = q
                    orphans += 1


@kernel
def _distance(network, q, now):
    """Steps from q to its terminal, FAR if an orphan is on the way; what is found is stamped on the way."""
    node, step = network.node, network.step
    p, walked = q, 0
    while node[p].stamp != now:
        d = node[p].parent
        if d == NONE:
            return FAR
        if d == ROOT:
            node[p].stamp = now
            node[p].distance = 1
            break
        walked += 1
        p += step[d]
    distance = total = walked + node[p].distance
    p = q
    while node[p].stamp != now:
        node[p].stamp = now
        node[p].distance = distance
        distance -= 1
        p += step[node[p].parent]
    return total


def energy(labels, unary, pairwise, metric=None):
    """What a labelling costs: Σ unary[labels[p], p] + Σ pairwise[p, q] · metric[labels[p], labels[q]].

    Parameters: labels, integers (H, W) in 0 … K − 1, or a mask; unary (K, H, W); pairwise (2 or 4, H, W); metric
    (K, K), the cost of two labels side by side; without it (Potts) 1 where they differ.
    Returns: float. Raises TypeError or ValueError as ``min_cut`` and ``alpha_expansion``. Cost: one pass. Lesson 05.
    """
    unary = _unary(unary).astype(np.float64, copy=False)
    pairwise = _pairwise(pairwise, unary.shape[1:]).astype(np.float64, copy=False)
    labels = _labelling(labels, unary)
    return _energy(labels, unary, pairwise, OFFSETS[: len(pairwise)], _metric(metric, len(unary)))


@kernel
def _energy(labels, unary, pairwise, offsets, metric):
    height, width = labels.shape
    total = 0.0
    for y in range(height):
        for x in range(width):
            total += unary[labels[y, x], y, x]
            for d in range(len(offsets)):
                v, u = y + offsets[d, 0], x + offsets[d, 1]
                if v < height and 0 <= u < width:
                    total += pairwise[d, y, x] * metric[labels[y, x], labels[v, u]]
    return total


# ------------------------------------------------------------------------------------------- many labels


class Expansion(NamedTuple):
    """What ``alpha_expansion`` found."""

    labels: np.ndarray  #: int32 (H, W), 0 … K − 1
    energies: np.ndarray  #: float64 (moves + 1,), at the start and after each move; never rises


def alpha_expansion(unary, pairwise, metric=None, *, start=None, sweeps=20):
    """A labelling of low energy for several labels, by minimum cuts between keeping and changing.

    With three labels or more the best labelling is NP-hard to find. But the best *expansion* of one label α, in which
    any set of pixels, however large, may change to α at once and all others stay, is a question with two answers
    a pixel: a minimum cut.

    1. Start from each pixel's cheapest label.
    2. For each label α: costs of the pixels and pairs for keeping (0) and for taking α (1), minimum cut, and the
       pixels on the object's side take α.
    3. Again from 2 until no label can expand.

    Of the costs A, B, C, D of a pair (keep–keep, keep–take, take–keep, take–take: D = 0) the network can hold only
    B + C − A − D, and the triangle inequality of the metric says that this is not negative; the rest,
    A + (C − A)·takes(p) + (D − C)·takes(q), are costs of single pixels.

    Parameters: unary (K, H, W), finite; pairwise (2 or 4, H, W), not negative; metric (K, K), costs of neighbouring
    labels, without it (Potts) 1 for two that differ; start, labels (H, W) to begin with; sweeps, the most
    repetitions of step 2.
    Returns: Expansion. Its energy (see ``energy``) is at most 2c times the least, where c is the largest cost
    of two different labels over the smallest: 2 for Potts (for costs that are not negative).
    Raises TypeError or ValueError for arrays that do not fit, and for costs of labels that are no metric.
    Cost: one minimum cut a label and sweep; two to five sweeps.

    Reference: Boykov, Veksler & Zabih, Fast approximate energy minimization via graph cuts, IEEE TPAMI 23, 2001,
    doi:10.1109/34.969114. Lesson 05.
    """
    unary = _unary(unary).astype(np.float64, copy=False)
    if not np.isfinite(unary).all():
        raise ValueError("unary must be finite; where a label is forbidden, write a cost above all others")
    pairwise = _pairwise(pairwise, unary.shape[1:]).astype(np.float64, copy=False)
    metric = _metric(metric, len(unary))
    labels = unary.argmin(axis=0).astype(np.int32) if start is None else _labelling(start, unary)
    offsets = OFFSETS[: len(pairwise)]
    energies = [_energy(labels, unary, pairwise, offsets, metric)]
    costs, forward, backward = np.empty((2, *labels.shape)), np.zeros_like(pairwise), np.empty_like(pairwise)
    for _ in range(_whole(sweeps, "sweeps")):
        before = energies[-1]
        for alpha in range(len(unary)):
            _expansion(labels, alpha, unary, pairwise, offsets, metric, costs, backward)
            moved = np.where(_cut(costs, forward, backward).mask, np.int32(alpha), labels)
            after = _energy(moved, unary, pairwise, offsets, metric)
            labels = moved if after < energies[-1] else labels
            energies.append(min(after, energies[-1]))
        if energies[-1] == before:
            break
    return Expansion(labels, np.array(energies))


@kernel
def _expansion(labels, alpha, unary, pairwise, offsets, metric, costs, backward):
    height, width = labels.shape
    for y in range(height):
        for x in range(width):
            costs[0, y, x] = unary[labels[y, x], y, x]
            costs[1, y, x] = unary[alpha, y, x]
    for y in range(height):
        for x in range(width):
            for d in range(len(offsets)):
                v, u = y + offsets[d, 0], x + offsets[d, 1]
                if v < height and 0 <= u < width:
                    weight, here, there = pairwise[d, y, x], labels[y, x], labels[v, u]
                    keep_keep, keep_take = weight * metric[here, there], weight * metric[here, alpha]
                    take_keep = weight * metric[alpha, there]
                    costs[1, y, x] += take_keep - keep_keep
                    costs[1, v, u] -= take_keep
                    backward[d, y, x] = max(keep_take + take_keep - keep_keep, 0.0)


# ------------------------------------------------------------------------------------------- photographs


def contrast_weights(image, smoothness=25.0, connectivity=8):
    """Pairwise costs that make a boundary cheap where the colour changes: smoothness · exp(−β |z_p − z_q|²) / |p − q|.

    β = 1 / (2 · mean of |z_p − z_q|² over all neighbours): what counts as a contrast, the image itself says.
    Division by the distance makes the cost of a boundary nearly its length, whatever its direction, with eight
    neighbours. A straight boundary crosses one pair a pixel with four neighbours, and three with eight, two of them
    diagonal: where there is no contrast, a pixel of it costs smoothness or (1 + 2/√2) · smoothness, 2.4 times as much.

    Parameters: image (H, W) or (H, W, C), integers or floats in [0, 1]; smoothness, the cost of a pair side by side
    where there is no contrast; connectivity, 4 or 8.
    Returns: float64 (2 or 4, H, W), 0 where the neighbour is outside.
    Raises TypeError or ValueError for a bad image, smoothness or connectivity. Cost: one exponential a pair.

    Reference: Boykov & Jolly, Interactive graph cuts for optimal boundary & region segmentation of objects in N-D
    images, ICCV 2001, doi:10.1109/ICCV.2001.937505; β from Rother, Kolmogorov & Blake 2004 (see ``grab_cut``).
    Lesson 05.
    """
    colours = _colours(image)
    if connectivity not in (4, 8):
        raise ValueError(f"connectivity must be 4 (sides) or 8 (sides and corners), not {connectivity!r}")
    if not (isinstance(smoothness, Real) and 0 <= smoothness < np.inf):
        raise ValueError(f"smoothness must be a number, 0 or more, not {smoothness!r}")
    height, width = colours.shape[:2]
    offsets = OFFSETS[: connectivity // 2]
    weights, totals = np.empty((len(offsets), height, width)), np.zeros(height)
    by_rows(_squared_contrast, (height, width), colours, offsets, weights, totals)
    pairs = sum((height - dy) * (width - abs(dx)) for dy, dx in offsets)
    weights *= -0.5 / max(totals.sum() / max(pairs, 1), 1e-200)
    np.exp(weights, out=weights)
    weights *= (smoothness / np.hypot(*offsets.T))[:, None, None]
    return weights


@kernel
def _squared_contrast(first, last, colours, offsets, squares, totals):
    """|z_p − z_q|² for each pair, infinite where there is no neighbour, and the sum of a row's."""
    height, width, channels = colours.shape
    for y in range(first, last):
        for d in range(len(offsets)):
            dy, dx = offsets[d]
            squares[d, y] = np.inf
            if y + dy < height:
                for x in range(max(-dx, 0), width - max(dx, 0)):
                    total = 0.0
                    for c in range(channels):
                        difference = colours[y, x, c] - colours[y + dy, x + dx, c]
                        total += difference * difference
                    squares[d, y, x] = total
                    totals[y] += total


def seed_costs(image, seeds, components=4, *, strange=0.5, floor=FLOOR, seed=0):
    """Unary costs from painted pixels: −log of how often such a colour occurs under the seeds of each label.

    Half of each density is a mixture of Gaussians (lesson 04), fitted to one kind of seed, and half (``strange``) is
    even over all colours: a colour that nobody has painted says little, however much farther it lies from one kind of
    seed than from the other. At the seeds themselves the other label is forbidden: its cost is ``np.inf``.

    Parameters: image (H, W) or (H, W, C), integers or floats in [0, 1]; seeds, integers (H, W): 0 unknown, 1 object, 2
    background; components, Gaussians a label; strange, the share of the even density, between 0 and 1; floor, the least
    variance of a colour; seed, for the Gaussians' start.
    Returns: float64 (2, H, W), for background and object. With ``components=0`` the colours tell nothing: all costs
    are 0 but those of the seeds.
    Raises TypeError or ValueError for a bad image, seeds that do not fit it, and when one kind of seed is missing.
    Cost: the fit of the mixtures to the seeds' pixels, and ``components`` exponentials a pixel.

    Reference: Boykov & Jolly 2001 (see ``graph_cut``), with mixtures in place of their histograms. Lesson 05.
    """
    colours = _colours(image)
    seeds = _seeds(seeds, colours.shape[:2])
    if not (isinstance(strange, Real) and 0 < strange < 1):
        raise ValueError(f"strange must be a share between 0 and 1, not {strange!r}")
    _whole(components, "components", least=0)
    costs = np.zeros((2, *seeds.shape))
    for label, number in ((1, OBJECT), (0, BACKGROUND)):
        mine = seeds == number
        if not mine.any():
            missing = "object (1)" if label else "background (2)"
            raise ValueError(f"seeds have no {missing} pixel: paint at least one of each kind")
        if components:
            points = colours[mine]
            fitted = mixtures.fit_mixture(points, min(components, len(points)), seed, floor=floor).mixture
            painted = mixtures.log_density(fitted, colours)
            costs[label] = -np.logaddexp(painted + math.log(1 - strange), math.log(strange))
    costs[:, seeds > 0] = 0
    costs[0, seeds == OBJECT] = costs[1, seeds == BACKGROUND] = np.inf
    return costs


def graph_cut(image, seeds, *, smoothness=50.0, components=4, connectivity=8, seed=0):
    """Interactive segmentation: paint a little of the object and of the background, and cut.

    1. Unary costs: what the painted colours say about each pixel (``seed_costs``).
    2. Pairwise costs: neighbours of the same colour want the same label (``contrast_weights``).
    3. ``min_cut``: the best mask of all that contain the object's seeds and none of the background's.

    Parameters: image (H, W) or (H, W, C), integers or floats in [0, 1]; seeds, integers (H, W): 0 unknown, 1 object, 2
    background; smoothness, the cost of a boundary against the unary costs (see ``contrast_weights``); components,
    Gaussians a label, 0 for seeds and contrast alone; connectivity, 4 or 8; seed, for the Gaussians' start.
    Returns: Cut. Raises TypeError or ValueError as the three functions. Cost: mostly the minimum cut.

    Reference: Boykov & Jolly, Interactive graph cuts for optimal boundary & region segmentation of objects in N-D
    images, ICCV 2001, doi:10.1109/ICCV.2001.937505. Lesson 05.
    """
    return min_cut(
        seed_costs(image, seeds, components, seed=seed), contrast_weights(image, smoothness, connectivity)
    )


class GrabCut(NamedTuple):
    """What ``grab_cut`` did, round by round."""

    mask: np.ndarray  #: bool (H, W), after the last round
    masks: np.ndarray  #: bool (rounds + 1, H, W), at the start and after each cut
    energies: (
        np.ndarray
    )  #: float64 (rounds, 2), after fitting and after cutting; read in that order it never rises


def grab_cut(
    image, box, strokes=None, *, smoothness=25.0, components=4, rounds=5, connectivity=8, floor=FLOOR, seed=0
):
    """Cut an object out of a box drawn around it, by learning its colours and the background's in turn.

    With one mixture of Gaussians for the object's colours and one for the background's, and for each pixel the
    component k that its colour z comes from, the energy is::

        E = Σ −log(weight_k · N(z; mean_k, covariance_k)) + Σ pairwise over neighbours that differ

    where the first sum takes each pixel's k from the mixture of its side. All pixels count, those outside the box
    too; no covariance has an eigenvalue below ``floor``. Start with everything inside the box as object and the
    colours of each side in clusters by ``k_means``; then in each round

    1. give each component the weight, mean and covariance of its pixels: among all Gaussians within the floor these
       make E least;
    2. cut: for each pixel and side the best component, and with these costs the best mask;
    3. give each pixel the best component of its new side, which the cut has reckoned with already.

    No step can raise E, so the rounds come to rest: in a good mask, or in a bad one when object and background share
    their colours. Strokes, then, say more.

    Parameters: image (H, W) or (H, W, C), integers or floats in [0, 1]; box (top, left, bottom, right), outside of
    which all is background: ``image[top:bottom, left:right]`` is inside; strokes, integers (H, W): 0 none, 1 object,
    2 background, stronger than the box; smoothness, cost of a boundary (see ``contrast_weights``); components,
    Gaussians a side; rounds, the most to make; connectivity, 4 or 8; floor, the least variance of a colour; seed,
    for the clusters.
    Returns: GrabCut. It ends early when a round changes nothing, or when no pixel is left to the object.
    Raises TypeError or ValueError for a bad image, a box that is empty or leaves no background, strokes that do not
    fit the image or leave no object.
    Cost: a round is a minimum cut of the box, and a few passes of the mixtures over the image.

    Reference: Rother, Kolmogorov & Blake, "GrabCut": interactive foreground extraction using iterated graph cuts,
    ACM Transactions on Graphics 23, 2004, doi:10.1145/1015706.1015720. Lesson 05.
    """
    colours = _colours(image)
    fixed = _fixed(box, strokes, colours.shape[:2])
    weights = contrast_weights(image, smoothness, connectivity)
    offsets = OFFSETS[: len(weights)]
    mask = fixed != BACKGROUND
    inside = _bounds(mask)
    sizes = [min(_whole(components, "components"), np.count_nonzero(mask == side)) for side in (0, 1)]
    component = np.empty(mask.shape, np.int32)
    for side in (0, 1):
        component[mask == side] = mixtures.k_means(colours[mask == side], sizes[side], seed, steps=10).labels
    masks, energies = [mask], []
    for _ in range(_whole(rounds, "rounds")):
        models = [
            mixtures.mixture_of_labels(
                colours[mask == side], component[mask == side], sizes[side], floor=floor
            )
            for side in (0, 1)
        ]
        costs = np.zeros((2, *mask.shape))
        costs[0] = -mixtures.log_peak(models[0], colours)
        costs[1][inside] = -mixtures.log_peak(models[1], colours[inside])
        fitted = _energy(mask.view(np.uint8), costs, weights, offsets, _metric(None, 2))
        mask = _cut_inside(costs, weights, fixed, inside)
        cut = _energy(mask.view(np.uint8), costs, weights, offsets, _metric(None, 2))
        masks.append(mask)
        energies.append((fitted, cut))
        if not mask.any() or (len(energies) > 1 and cut >= energies[-2][1]):
            break
        for side in (0, 1):
            component[mask == side] = mixtures.most_likely(models[side], colours[mask == side])
    return GrabCut(mask, np.array(masks), np.array(energies))


def _cut_inside(costs, weights, fixed, inside):
    """The minimum cut where only the pixels inside (two slices) may be object: around them lies background."""
    costs = costs[:, *inside].copy()
    costs[0][fixed[inside] == OBJECT] = np.inf
    costs[1][fixed[inside] == BACKGROUND] = np.inf
    pairwise = np.ascontiguousarray(weights[:, *inside])
    mask = np.zeros(fixed.shape, bool)
    mask[inside] = _cut(costs, pairwise, pairwise).mask
    return mask


def _bounds(mask):
    """Slices of the rectangle around a mask, one pixel larger where the image allows it."""
    found = [np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0)]
    return tuple(slice(max(line[0] - 1, 0), line[-1] + 2) for line in found)


def _fixed(box, strokes, shape):
    """int8 (H, W): 0 to be decided, 1 object, 2 background."""
    try:
        top, left, bottom, right = sides = [int(side) for side in box]
        if any(whole != side for whole, side in zip(sides, box, strict=True)):
            raise ValueError
    except (TypeError, ValueError):
        raise ValueError(f"box must be four whole numbers (top, left, bottom, right), not {box!r}") from None
    height, width = shape
    if not (0 <= top < bottom <= height and 0 <= left < right <= width):
        raise ValueError(
            f"box (top, left, bottom, right) = {(top, left, bottom, right)} must have top < bottom and left < right "
            f"and lie within the image of {height} rows and {width} columns"
        )
    fixed = np.full(shape, BACKGROUND, np.int8)
    fixed[top:bottom, left:right] = 0
    if strokes is not None:
        strokes = _seeds(strokes, shape, "strokes")
        fixed = np.where(strokes > 0, strokes, fixed).astype(np.int8)
    if not (fixed == BACKGROUND).any():
        raise ValueError("box leaves no background to learn from: make it smaller, or paint strokes of 2")
    if not (fixed != BACKGROUND).any():
        raise ValueError("strokes leave no pixel that may be object")
    return fixed


# ------------------------------------------------------------------------------------------------- input


def _colours(image):
    """The image as float64 (H, W, C) in [0, 1]."""
    array = np.asarray(image)
    if array.ndim not in (2, 3) or array.size == 0:
        raise ValueError(
            f"image must have shape (H, W) or (H, W, C) and pixels, but its shape is {array.shape}"
        )
    flat = grey(array.reshape(len(array), -1), "image")
    if flat.dtype.kind == "u":
        flat = flat / (1 if array.dtype == bool else np.iinfo(flat.dtype).max)
    elif flat.dtype.kind == "i" or flat.min() < 0 or flat.max() > 1:
        raise ValueError(
            f"image must be uint8, uint16 or floats in [0, 1], but is {array.dtype} from {flat.min()} to {flat.max()}; "
            "divide it by its largest possible value"
        )
    return flat.astype(np.float64, copy=False).reshape(*array.shape[:2], -1)


def _seeds(seeds, shape, name="seeds"):
    seeds = np.asarray(seeds)
    if seeds.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers (0 none, 1 object, 2 background), not {seeds.dtype}")
    if seeds.shape != shape:
        raise ValueError(f"{name} must have the image's shape {shape}, but have {seeds.shape}")
    if seeds.min() < 0 or seeds.max() > 2:
        raise ValueError(
            f"{name} must be 0 (none), 1 (object) or 2 (background), but go from {seeds.min()} to {seeds.max()}"
        )
    return seeds


def _unary(unary):
    """float64, or int64 for integers, (K, H, W); finite or +inf."""
    array = _numbers(unary, "unary")
    if array.ndim != 3 or len(array) < 2 or array.size == 0:
        raise ValueError(
            f"unary must have shape (K, H, W), costs of K ≥ 2 labels for each pixel, but has {array.shape}"
        )
    if array.dtype.kind == "f":
        if np.isnan(array).any() or array.min() == -np.inf:
            raise ValueError(
                "unary must be numbers or +infinity (a forbidden label), but has NaN or −infinity"
            )
        forbidden = np.count_nonzero(np.isinf(array).all(axis=0))
        if forbidden:
            raise ValueError(
                f"unary forbids all labels of {forbidden} pixels; are there seeds of two kinds on one?"
            )
    return array


def _pairwise(pairwise, shape, name="pairwise"):
    array = _numbers(pairwise, name)
    if array.ndim != 3 or array.shape[1:] != shape or len(array) not in (2, 4):
        raise ValueError(
            f"{name} must have shape (2, H, W) for right and below, or (4, H, W) with both diagonals, where "
            f"(H, W) = {shape} as in unary, but has {array.shape}"
        )
    if not np.isfinite(array).all():
        raise ValueError(
            f"{name} must be finite; a link that must not break needs a cost above all others together"
        )
    if array.min() < 0:
        raise ValueError(
            f"{name} must not be negative, but the least is {array.min()}: an energy that rewards neighbours for "
            "disagreeing is not submodular, and a cut cannot minimise it"
        )
    return array


def _numbers(values, name):
    array = np.asarray(values)
    if array.dtype.kind not in "buif":
        raise TypeError(f"{name} must be an array of numbers, not of {array.dtype}")
    if array.dtype.kind == "u" and array.size and array.max() > np.iinfo(np.int64).max:
        raise ValueError(f"{name} must be below 2⁶³, but the largest is {array.max()}; use floats")
    return np.ascontiguousarray(array, np.float64 if array.dtype.kind == "f" else np.int64)


def _metric(metric, count):
    """float64 (K, K), checked; Potts for None."""
    if metric is None:
        return 1.0 - np.eye(count)
    metric = np.array(metric, np.float64)
    if metric.shape != (count, count) or not np.isfinite(metric).all():
        raise ValueError(
            f"metric must be finite costs of shape {(count, count)}, label by label, but has shape {metric.shape}"
        )
    if (metric < 0).any() or np.diag(metric).any() or not np.array_equal(metric, metric.T):
        raise ValueError("metric must be symmetric and not negative, with 0 for a label beside itself")
    detour = (metric[:, :, None] + metric[None, :, :]).min(axis=1)
    if (metric > detour * (1 + 1e-9)).any():
        a, b = np.argwhere(metric > detour * (1 + 1e-9))[0]
        raise ValueError(
            f"metric must obey the triangle inequality, but {a} beside {b} costs {metric[a, b]}, by way of another "
            f"label {detour[a, b]}; a linear cost may be cut off: np.minimum(abs(a − b), limit)"
        )
    return metric


def _labelling(labels, unary):
    labels = np.asarray(labels)
    if labels.dtype.kind not in "bui" or labels.shape != unary.shape[1:]:
        raise ValueError(
            f"labels must be integers of shape {unary.shape[1:]} as in unary, but are {labels.dtype} {labels.shape}"
        )
    if labels.min() < 0 or labels.max() >= len(unary):
        raise ValueError(
            f"labels must lie in 0 … {len(unary) - 1}, but go from {labels.min()} to {labels.max()}"
        )
    return np.ascontiguousarray(labels, np.int32)


def _whole(number, name, least=1):
    if not isinstance(number, int | np.integer) or number < least:
        raise ValueError(f"{name} must be a whole number, {least} or more, not {number!r}")
    return int(number)
