"""Lesson 05: answers to its exercises, right ones written in unusual ways and usual mistakes."""

from itertools import pairwise, product

import numpy as np
from answers import right, wrong
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_flow

from course_utils.classic import graph_cuts, mixtures


@right("mask-energy")
def by_the_library(mask, unary, pairwise):
    return graph_cuts.energy(mask, unary, pairwise)


@right("mask-energy")
def pixel_after_pixel(mask, unary, pairwise):
    """The definition, with loops over the pixels and Python's own numbers."""
    height, width = mask.shape
    total = 0
    for y in range(height):
        for x in range(width):
            total += unary[int(mask[y, x])][y][x].item()
            if x + 1 < width and mask[y, x] != mask[y, x + 1]:
                total += pairwise[0][y][x].item()
            if y + 1 < height and mask[y, x] != mask[y + 1, x]:
                total += pairwise[1][y][x].item()
    return total


@right("mask-energy")
def squared_differences(mask, unary, pairwise):
    """Labels as numbers: a difference of 0 or 1 is its own square."""
    labels = mask.astype(float)
    data = (unary[0] + labels * (unary[1] - unary[0])).sum()
    across, down = np.diff(labels, axis=1) ** 2, np.diff(labels, axis=0) ** 2
    return data + np.sum(pairwise[0, :, :-1] * across) + np.sum(pairwise[1, :-1] * down)


@wrong("mask-energy")
def background_costs_of_object(mask, unary, pairwise):
    """`unary[0]` is taken for the object."""
    return graph_cuts.energy(~mask, unary, pairwise)


@wrong("mask-energy")
def data_only(mask, unary, pairwise):
    """The neighbours are forgotten."""
    return np.where(mask, unary[1], unary[0]).sum()


@wrong("mask-energy")
def boundary_length(mask, unary, pairwise):
    """The boundary's length is counted, not its cost."""
    return graph_cuts.energy(mask, unary, np.ones(pairwise.shape))


@wrong("mask-energy")
def cheapest_labels(mask, unary, pairwise):
    """The data term is that of the best labels, whatever the mask is."""
    return unary.min(axis=0).sum() + graph_cuts.energy(mask, np.zeros(unary.shape), pairwise)


@wrong("mask-energy")
def rows_only(mask, unary, pairwise):
    """Pairs above each other are missing."""
    right_pairs = (pairwise[0][:, :-1] * (mask[:, :-1] != mask[:, 1:])).sum()
    return np.where(mask, unary[1], unary[0]).sum() + right_pairs


@wrong("mask-energy")
def around_the_border(mask, unary, pairwise):
    """`np.roll` makes the last row a neighbour of the first."""
    data = np.where(mask, unary[1], unary[0]).sum()
    right_pairs = pairwise[0] * (mask != np.roll(mask, -1, axis=1))
    return data + right_pairs.sum() + (pairwise[1] * (mask != np.roll(mask, -1, axis=0))).sum()


@wrong("mask-energy")
def last_row_beside_the_first(mask, unary, pairwise):
    """The line `right` as it was given, below it `np.roll`."""
    rolled = pairwise[1] * (mask != np.roll(mask, -1, 0))
    return rows_only(mask, unary, pairwise) + rolled.sum()


@wrong("mask-energy")
def object_above_background(mask, unary, pairwise):
    """`&` with one side turned round in place of `!=`."""
    return rows_only(mask, unary, pairwise) + pairwise[1][:-1][mask[:-1] & ~mask[1:]].sum()


@wrong("mask-energy")
def background_above_object(mask, unary, pairwise):
    """The same, with the other side turned round."""
    return rows_only(mask, unary, pairwise) + (pairwise[1][:-1] * (mask[:-1] < mask[1:])).sum()


@wrong("mask-energy")
def planes_of_costs(mask, unary, pairwise):
    """A mask as an index takes whole planes."""
    return unary[mask * 1].sum() + graph_cuts.energy(mask, np.zeros(unary.shape), pairwise)


@wrong("mask-energy")
def to_the_right_twice(mask, unary, pairwise):
    """The line for the neighbours below is copied with the indices of those to the right."""
    data = np.where(mask, unary[1], unary[0]).sum()
    differ = mask[:, 1:] != mask[:, :-1]
    return data + pairwise[0][:, :-1][differ].sum() + pairwise[1][:, :-1][differ].sum()


@wrong("mask-energy")
def without_its_fraction(mask, unary, pairwise):
    """`int` around the sum."""
    return int(graph_cuts.energy(mask, unary, pairwise))


@right("cut-width")
def quadratic_form(capacity, side):
    """Indicator, matrix, indicator."""
    inside = side.astype(float)
    return float(inside @ capacity @ (1 - inside))


@right("cut-width")
def loops_over_pairs(capacity, side):
    inside, outside = np.flatnonzero(side), np.flatnonzero(~side)
    return sum(capacity[p, q].item() for p in inside for q in outside)


@right("cut-width")
def masked(capacity, side):
    return np.where(np.logical_and.outer(side, ~side), capacity, 0).sum()


@wrong("cut-width")
def edges(capacity, side):
    """The number of pipes."""
    return int((capacity[np.ix_(side, ~side)] > 0).sum())


@wrong("cut-width")
def either_way(capacity, side):
    """Pipes of both directions."""
    return capacity[side[:, None] != side].sum()


@wrong("cut-width")
def rows_and_columns_confused(capacity, side):
    """Rows are taken for the ends of the pipes."""
    return capacity[np.ix_(~side, side)].sum()


@wrong("cut-width")
def stay_inside(capacity, side):
    """The pipes within the side."""
    return capacity[np.ix_(side, side)].sum()


@wrong("cut-width")
def everything_that_leaves_the_nodes(capacity, side):
    """Rows only."""
    return capacity[side, :].sum()


@wrong("cut-width")
def two_masks_in_one_index(capacity, side):
    """Two masks in one index are paired, entry by entry."""
    rows, columns = np.flatnonzero(side), np.flatnonzero(~side)
    return sum(capacity[rows, columns])


@wrong("cut-width")
def columns_only(capacity, side):
    """All that ends outside the side, wherever it begins."""
    return capacity.sum(axis=0)[~side].sum()


@wrong("cut-width")
def zeros_and_ones(capacity, side):
    """0 and 1 as row numbers."""
    return capacity[side * 1][:, (~side) * 1].sum()


@wrong("cut-width")
def in_whole_numbers(capacity, side):
    """`int` around the sum."""
    return int(capacity[np.ix_(side, ~side)].sum())


@right("repair-max-flow")
def smallest_of_all_cuts(capacity, source, sink):
    """The theorem instead of the method: the least width of all the 2ⁿ⁻² cuts."""
    others = [p for p in range(len(capacity)) if p not in (source, sink)]
    least = None
    for choice in product((False, True), repeat=len(others)):
        side = np.zeros(len(capacity), bool)
        side[source] = True
        side[others] = choice
        width = int(capacity[np.ix_(side, ~side)].sum())
        least = width if least is None else min(least, width)
    return least


@right("repair-max-flow")
def from_scipy(capacity, source, sink):
    return int(maximum_flow(csr_array(capacity.astype(np.int32)), source, sink).flow_value)


@right("repair-max-flow")
def unit_by_unit(capacity, source, sink):
    """Depth-first paths of one unit each: slower, as right."""
    residual, flow = capacity.tolist(), 0

    def push(p, seen):
        if p == sink:
            return True
        seen.add(p)
        for q, width in enumerate(residual[p]):
            if width > 0 and q not in seen and push(q, seen):
                residual[p][q] -= 1
                residual[q][p] += 1
                return True
        return False

    while push(source, set()):
        flow += 1
    return flow


@wrong("repair-max-flow")
def greedy(capacity, source, sink):
    """Narrowest pipe, but nothing is ever taken back."""
    residual, flow = capacity.copy(), 0
    while (path := shortest(residual, source, sink)) is not None:
        amount = min(residual[p, q] for p, q in path)
        for p, q in path:
            residual[p, q] -= amount
        flow += int(amount)
    return flow


@wrong("repair-max-flow")
def as_much_as_the_source_gives(capacity, source, sink):
    """What the first pipe holds is sent, whatever comes after it."""
    residual, flow = capacity.copy(), 0
    while (path := shortest(residual, source, sink)) is not None:
        amount = residual[path[0]]
        for p, q in path:
            residual[p, q] -= amount
            residual[q, p] += amount
        flow += int(amount)
    return flow


@wrong("repair-max-flow")
def first_path(capacity, source, sink):
    """One path, and done."""
    path = shortest(capacity, source, sink)
    return int(min(capacity[p, q] for p, q in path)) if path else 0


@wrong("repair-max-flow")
def what_leaves_the_source(capacity, source, sink):
    """The cut around the source alone."""
    return int(capacity[source].sum())


def filled(capacity, source, sink, amount, back):
    """Shortest paths, with the amount that a student sends and what they write on the way back."""
    return sum(sent for sent, _ in sendings(capacity, source, sink, amount, back))


def sendings(capacity, source, sink, amount, back):
    """What each path carries, and its number of pipes."""
    residual = capacity.copy()
    while (path := shortest(residual, source, sink)) is not None:
        sent = amount([residual[pipe] for pipe in path], [capacity[pipe] for pipe in path])
        for p, q in path:
            residual[p, q] -= sent
            residual[q, p] = back(residual[q, p], sent)
        yield int(sent), len(path)


def narrowest(fits, _):
    return min(fits)


def added(back, sent):
    return back + sent


@wrong("repair-max-flow")
def equals_for_plus(capacity, source, sink):
    """`=` in place of `+=` on the way back."""
    return filled(capacity, source, sink, narrowest, lambda _, sent: sent)


@wrong("repair-max-flow")
def at_least_what_was_sent(capacity, source, sink):
    """The larger of two ways back."""
    return filled(capacity, source, sink, narrowest, lambda *back: max(back))


@wrong("repair-max-flow")
def one_pipe_more(capacity, source, sink):
    """The colleague's line, with the second pipe as well."""
    return filled(capacity, source, sink, lambda fits, _: min([fits[-1], *fits[:2]]), added)


@wrong("repair-max-flow")
def as_wide_as_the_widest(capacity, source, sink):
    """`max` in place of `min`."""
    return filled(capacity, source, sink, lambda fits, _: max(fits), added)


@wrong("repair-max-flow")
def from_the_second_node(capacity, source, sink):
    """The path without its source."""
    return filled(capacity, source, sink, lambda fits, _: min(fits[1:]), added)


@wrong("repair-max-flow")
def up_to_the_last_node(capacity, source, sink):
    """The path without its sink."""
    return filled(capacity, source, sink, lambda fits, _: min(fits[:-1]), added)


@wrong("repair-max-flow")
def widths_of_the_beginning(capacity, source, sink):
    """The narrowest pipe as it was at the start: no end."""
    return filled(capacity, source, sink, lambda _, widths: min(widths), added)


@wrong("repair-max-flow")
def less_on_the_way_back(capacity, source, sink):
    """`-=` on the way back as well."""
    return filled(capacity, source, sink, narrowest, lambda back, sent: back - sent)


@wrong("repair-max-flow")
def added_in_the_loop(capacity, source, sink):
    """`flow += amount` stands in the loop over the pipes."""
    return sum(sent * pipes for sent, pipes in sendings(capacity, source, sink, narrowest, added))


@wrong("repair-max-flow")
def equals_for_plus_of_the_flow(capacity, source, sink):
    """`flow = amount`."""
    flow = 0
    for sent, _ in sendings(capacity, source, sink, narrowest, added):
        flow = sent
    return flow


@wrong("repair-max-flow")
def flow_left_out(capacity, source, sink):
    """`flow += amount` is missing."""
    flow = 0
    for _ in sendings(capacity, source, sink, narrowest, added):
        pass
    return flow


@wrong("repair-max-flow")
def way_back_alone(capacity, source, sink):
    """Nothing is taken off: no end."""
    residual, flow = capacity.copy(), 0
    while (path := shortest(residual, source, sink)) is not None:
        sent = min(residual[pipe] for pipe in path)
        for p, q in path:
            residual[q, p] += sent
        flow += int(sent)
    return flow


@wrong("repair-max-flow")
def rounds(capacity, source, sink):
    """The number of paths of one unit, where pipes count once."""
    return from_scipy((capacity > 0).astype(np.int32), source, sink)


def shortest(residual, source, sink):
    """Pipes of a path with the fewest pipes, or None."""
    ways, seen = [[source]], {source}
    while ways:
        way = ways.pop(0)
        if way[-1] == sink:
            return list(pairwise(way))
        for q in np.flatnonzero(residual[way[-1]] > 0).tolist():
            if q not in seen:
                seen.add(q)
                ways.append([*way, q])
    return None


@right("restore-mask")
def gain_against_price(received, flipped, smoothness):
    """Only the difference of the two costs counts: being overruled costs log((1 − p) / p)."""
    gain = np.log((1 - flipped) / flipped)
    unary = gain * np.stack([received, ~received])
    return graph_cuts.min_cut(unary, np.full((2, *received.shape), smoothness)).mask


@right("restore-mask")
def background_cut_out(received, flipped, smoothness):
    """The cut of the negative, turned round: of several best masks it gives the largest."""
    costs = np.array([-np.log(1 - flipped), -np.log(flipped)])
    unary = costs[np.stack([~received, received]).astype(int)]
    return ~graph_cuts.min_cut(unary, np.full((2, *received.shape), smoothness)).mask


@right("restore-mask")
def by_expansion(received, flipped, smoothness):
    """With two labels one expansion from all background is a minimum cut."""
    unary = -np.log(np.where(received, [[[flipped]], [[1 - flipped]]], [[[1 - flipped]], [[flipped]]]))
    start = np.zeros(received.shape, int)
    found = graph_cuts.alpha_expansion(unary, np.full((2, *received.shape), smoothness), start=start)
    return found.labels == 1


@wrong("restore-mask")
def labels_turned(received, flipped, smoothness):
    """Cheap is the label that was not received."""
    gain = np.log((1 - flipped) / flipped)
    unary = gain * np.stack([~received, received])
    return graph_cuts.min_cut(unary, np.full((2, *received.shape), smoothness)).mask


@wrong("restore-mask")
def without_logarithm(received, flipped, smoothness):
    """Probabilities of being wrong as costs."""
    unary = np.where([received, ~received], 1 - flipped, flipped)
    return graph_cuts.min_cut(unary, np.full((2, *received.shape), smoothness)).mask


@wrong("restore-mask")
def only_data(received, flipped, smoothness):
    """Each pixel for itself."""
    return received.copy()


@wrong("restore-mask")
def pairs_beside_each_other(received, flipped, smoothness):
    """Neighbours below do not count."""
    gain = np.log((1 - flipped) / flipped)
    pairwise = np.zeros((2, *received.shape))
    pairwise[0] = smoothness
    return graph_cuts.min_cut(gain * np.stack([received, ~received]), pairwise).mask


@wrong("restore-mask")
def each_pair_from_both_sides(received, flipped, smoothness):
    """The price of each pair is paid twice."""
    gain = np.log((1 - flipped) / flipped)
    pairwise = np.full((2, *received.shape), 2 * smoothness)
    return graph_cuts.min_cut(gain * np.stack([received, ~received]), pairwise).mask


@wrong("restore-mask")
def by_tens(received, flipped, smoothness):
    """Logarithms to the base 10."""
    gain = np.log10((1 - flipped) / flipped)
    pairwise = np.full((2, *received.shape), smoothness)
    return graph_cuts.min_cut(gain * np.stack([received, ~received]), pairwise).mask


@wrong("restore-mask")
def integer_array(received, flipped, smoothness):
    """An array of whole numbers for the prices."""
    gain = np.log((1 - flipped) / flipped)
    pairwise = np.full((2, *received.shape), smoothness, dtype=int)
    return graph_cuts.min_cut(gain * np.stack([received, ~received]), pairwise).mask


@wrong("restore-mask")
def one_for_each_change(received, flipped, smoothness):
    """Every pixel that is changed costs 1."""
    pairwise = np.full((2, *received.shape), smoothness)
    return graph_cuts.min_cut(np.stack([received, ~received]).astype(int), pairwise).mask


@wrong("restore-mask")
def as_received_is_free(received, flipped, smoothness):
    """Only the label that was not received costs anything."""
    unary = np.stack([received, ~received]) * -np.log(flipped)
    return graph_cuts.min_cut(unary, np.full((2, *received.shape), smoothness)).mask


@wrong("restore-mask")
def one_in_five(received, flipped, smoothness):
    """The horse's share for every mask."""
    flipped = 0.2
    unary = np.where([~received, received], -np.log(1 - flipped), -np.log(flipped))
    return graph_cuts.min_cut(unary, np.full((2, *received.shape), smoothness)).mask


@wrong("restore-mask")
def minus_one_and_minus_two(received, flipped, smoothness):
    """`~` of integers."""
    costs = -np.log(np.where([~received.astype(int), received.astype(int)], 1 - flipped, flipped))
    return graph_cuts.min_cut(costs, np.full((2, *received.shape), smoothness)).mask


@wrong("restore-mask")
def photographs_prices(received, flipped, smoothness):
    """The prices of section 5, from the damaged mask."""
    gain = np.log((1 - flipped) / flipped)
    weights = graph_cuts.contrast_weights(received.astype(float), smoothness)
    return graph_cuts.min_cut(gain * np.stack([received, ~received]), weights).mask


@right("grab-round")
def pixels_in_a_row(image, mask, box, smoothness):
    """Colours as rows of a table, costs written side by side."""
    table = image.reshape(-1, 3)
    costs = np.empty((2, len(table)))
    for label in (1, 0):
        chosen = table[mask.ravel() == bool(label)]
        costs[label] = -mixtures.log_density(mixtures.fit_mixture(chosen, 2).mixture, table)
    costs = costs.reshape(2, *mask.shape)
    costs[1] = np.where(box, costs[1], np.inf)
    return graph_cuts.min_cut(costs, graph_cuts.contrast_weights(image, smoothness)).mask


@right("grab-round")
def background_made_certain(image, mask, box, smoothness):
    """Where object is forbidden, a cost above all others does the same as infinity."""
    unary = []
    for side in (~mask, mask):
        unary.append(-mixtures.log_density(mixtures.fit_mixture(image[side], 2).mixture, image))
    unary[1] = unary[1] + 1e7 * ~box
    return graph_cuts.min_cut(np.array(unary), graph_cuts.contrast_weights(image, smoothness)).mask


@wrong("grab-round")
def object_first(image, mask, box, smoothness):
    """The object's costs stand where the background's belong."""
    costs = side_costs(image, mask)[::-1].copy()
    costs[1][~box] = np.inf
    return graph_cuts.min_cut(costs, graph_cuts.contrast_weights(image, smoothness)).mask


@wrong("grab-round")
def likely_is_dear(image, mask, box, smoothness):
    """The minus is missing."""
    costs = -side_costs(image, mask)
    costs[1][~box] = np.inf
    return graph_cuts.min_cut(costs, graph_cuts.contrast_weights(image, smoothness)).mask


@wrong("grab-round")
def anywhere(image, mask, box, smoothness):
    """The box is not used."""
    return graph_cuts.min_cut(side_costs(image, mask), graph_cuts.contrast_weights(image, smoothness)).mask


@wrong("grab-round")
def smoothness_by_default(image, mask, box, smoothness):
    """`contrast_weights` with its own smoothness."""
    costs = side_costs(image, mask)
    costs[1][~box] = np.inf
    return graph_cuts.min_cut(costs, graph_cuts.contrast_weights(image)).mask


@wrong("grab-round")
def nothing_in_the_box(image, mask, box, smoothness):
    """Object is forbidden where it is allowed."""
    costs = side_costs(image, mask)
    costs[1, box] = np.inf
    return graph_cuts.min_cut(costs, graph_cuts.contrast_weights(image, smoothness)).mask


@wrong("grab-round")
def never_grows(image, mask, box, smoothness):
    """Object is forbidden wherever it is not yet."""
    costs = side_costs(image, mask)
    costs[1, ~mask] = np.inf
    return graph_cuts.min_cut(costs, graph_cuts.contrast_weights(image, smoothness)).mask


@wrong("grab-round")
def background_outside(image, mask, box, smoothness):
    """The background's colours are taken from outside the box."""
    costs = np.stack([side_costs(image, box)[0], side_costs(image, mask)[1]])
    costs[1, ~box] = np.inf
    return graph_cuts.min_cut(costs, graph_cuts.contrast_weights(image, smoothness)).mask


@wrong("grab-round")
def exponential(image, mask, box, smoothness):
    """Minus the density."""
    costs = -np.exp(-side_costs(image, mask))
    costs[1, ~box] = np.inf
    return graph_cuts.min_cut(costs, graph_cuts.contrast_weights(image, smoothness)).mask


@wrong("grab-round")
def object_all_around(image, mask, box, smoothness):
    """Outside the box, background is forbidden."""
    costs = side_costs(image, mask)
    costs[0, ~box] = np.inf
    return graph_cuts.min_cut(costs, graph_cuts.contrast_weights(image, smoothness)).mask


@wrong("grab-round")
def same_mask(image, mask, box, smoothness):
    """What came in."""
    return mask & box


@wrong("grab-round")
def four_components(image, mask, box, smoothness):
    """The lesson's four Gaussians."""
    costs = -np.stack(
        [mixtures.log_density(mixtures.fit_mixture(image[mask == side], 4).mixture, image) for side in (0, 1)]
    )
    costs[1][~box] = np.inf
    return graph_cuts.min_cut(costs, graph_cuts.contrast_weights(image, smoothness)).mask


@wrong("grab-round")
def whole_fit(image, mask, box, smoothness):
    """`.mixture` is forgotten."""
    costs = -np.stack(
        [mixtures.log_density(mixtures.fit_mixture(image[mask == side], 2), image) for side in (0, 1)]
    )
    costs[1][~box] = np.inf
    return graph_cuts.min_cut(costs, graph_cuts.contrast_weights(image, smoothness)).mask


@wrong("grab-round")
def likelier_side(image, mask, box, smoothness):
    """No cut: each pixel in the box goes where its colour is likelier."""
    background, object_ = side_costs(image, mask)
    return (object_ < background) & box


def side_costs(image, mask):
    return np.stack(
        [
            -mixtures.log_density(mixtures.fit_mixture(image[mask == side], 2).mixture, image)
            for side in (0, 1)
        ]
    )
