"""The exercises of lesson 04: clustering and mean shift."""

import math

import numpy as np

from course_utils.checks.framework import Exercise, Mistake, Property
from course_utils.classic import clustering, morphology

# ------------------------------------------------------------------------------------- a round of k-means


def k_means_step(values, centres):
    labels = np.abs(values[:, None] - centres).argmin(axis=1)
    return labels, _moved(values, labels, centres, np.mean)


def _moved(values, labels, centres, middle):
    """Centres at the ``middle`` of their values, those without values where they were."""
    groups = [values[labels == c] for c in range(len(centres))]
    return np.array([float(middle(g)) if g.size else float(c) for g, c in zip(groups, centres, strict=True)])


def _with(middle):
    def wrong(values, centres):
        labels, _ = k_means_step(values, centres)
        return labels, _moved(values, labels, centres, middle)

    return wrong


def _farthest(values, centres):
    labels = np.abs(values[:, None] - centres).argmax(axis=1)
    return labels, _moved(values, labels, centres, np.mean)


def _signed(values, centres):
    labels = (values[:, None] - centres).argmin(axis=1)
    return labels, _moved(values, labels, centres, np.mean)


def _empty_is_nan(values, centres):
    labels, _ = k_means_step(values, centres)
    return labels, _moved(values, labels, np.full(len(centres), np.nan), np.mean)


def _empty_is_zero(values, centres):
    labels, _ = k_means_step(values, centres)
    return labels, _moved(values, labels, np.zeros(len(centres)), np.mean)


def _not_moved(values, centres):
    return k_means_step(values, centres)[0], np.array(centres, float)


def _two_rounds(values, centres):
    return k_means_step(values, k_means_step(values, centres)[1])


def _until_it_rests(values, centres):
    for _ in range(60):
        labels, centres = k_means_step(values, centres)
    return labels, centres


def _labelled_again(values, centres):
    """One assignment too many: the labels are those of the moved centres, the centres moved once."""
    _, moved = k_means_step(values, centres)
    return k_means_step(values, moved)[0], moved


def _labels_from_one(values, centres):
    labels, moved = k_means_step(values, centres)
    return labels + 1, moved


def _last_of_equals(values, centres):
    distance = np.abs(values[:, None] - centres)[:, ::-1]
    labels = len(centres) - 1 - distance.argmin(axis=1)
    return labels, _moved(values, labels, centres, np.mean)


def _sorted_centres(values, centres):
    labels, moved = k_means_step(values, centres)
    return labels, np.sort(moved)


def _whole_centres(values, centres):
    labels, moved = k_means_step(values, centres)
    return labels, moved.astype(int)


def _rounded_centres(answer, right, *_):
    """Whether the labels are right, and the centres but for digits that were cut off."""
    near = [np.trunc(right[1]), *(np.round(right[1], digits) for digits in range(5))]
    return np.array_equal(answer[0], right[0]) and any(
        np.allclose(answer[1], moved, rtol=0, atol=1e-9) for moved in near
    )


PAPER = np.array([0.0, 0, 6, 7, 7, 12])
BAD_START, GOOD_START = np.array([7.0, 12]), np.array([0.0, 7])


def _clouds(rng):
    cases = []
    for n, k in ((3, 2), (5, 2), (6, 3), (8, 3), (9, 4), (12, 5)):
        cases.append((rng.normal(0, 3, n).round(2), rng.normal(0, 3, k).round(2)))
    return cases


K_MEANS_STEP = Exercise(
    slug="k-means-step",
    lesson="04",
    title="One round of k-means",
    minutes=3,
    points=2,
    hints=(
        "`distance[i, c]` is known. Which direction of that table do you look along to find the nearest centre of "
        "value `i`?",
        "`argmin(axis=1)` looks along each row. The values of cluster `c` are `values[labels == c]`.",
        "`labels = distance.argmin(axis=1)`; then for each `c` the mean of `values[labels == c]`, or `centres[c]` "
        "where there is none.",
    ),
    reference=k_means_step,
    properties=(
        Property("is right on the worked example", [(PAPER, BAD_START), (PAPER, GOOD_START)]),
        Property("is right on random values", _clouds, weight=2),
        Property(
            "leaves a centre without values where it is",
            [(np.array([1.0, 2]), np.array([1.5, 30])), (np.array([5.0]), np.array([-9.0, 5.5, 8]))],
        ),
        Property(
            "gives a value between two centres to the first", [(np.array([2.0, 4, 9]), np.array([1.0, 3]))]
        ),
    ),
    mistakes=(
        Mistake(
            "farthest",
            _farthest,
            "Each value went to its *farthest* centre. `argmin`, not `argmax`.",
        ),
        Mistake(
            "signed distance",
            _signed,
            "You compare differences with their sign, so the largest centre always wins. A distance has none.",
        ),
        Mistake(
            "not moved",
            _not_moved,
            "Your labels are right, but the centres stayed where they were. The second half of the round "
            "is to move each to the mean of its values.",
        ),
        Mistake(
            "median",
            _with(np.median),
            "You moved the centres to the *median*. The place with the least sum of squared distances is "
            "the mean.",
        ),
        Mistake(
            "sorted",
            _sorted_centres,
            "Your labels are right, and so are the means, but you put them in order of size. Entry c is the centre "
            "that the label c speaks of: leave each in its place.",
        ),
        Mistake(
            "rounded",
            _whole_centres,
            "Your labels are right, but your centres have lost digits. A mean is rarely a round number: leave it as "
            "it is, in a float array.",
            when=_rounded_centres,
        ),
        Mistake(
            "sum",
            _with(np.sum),
            "You added up the values of each cluster; divide by how many there are.",
        ),
        Mistake(
            "labels from one",
            _labels_from_one,
            "Your labels begin with 1; the first centre's number is 0.",
        ),
        Mistake(
            "labelled again",
            _labelled_again,
            "Your labels belong to the *moved* centres. One round is assign, then move; the labels are those that "
            "the means were taken of.",
        ),
        Mistake(
            "two rounds",
            _two_rounds,
            "You went round twice: the labels are those of the moved centres. One round is assign, then move.",
        ),
        Mistake(
            "until it rests",
            _until_it_rests,
            "You went round until nothing changed. Asked for is one round: assign once, then move once.",
        ),
        Mistake(
            "empty is nan",
            _empty_is_nan,
            "A centre without values became nan, the mean of nothing. It is to stay where it was.",
        ),
        Mistake(
            "empty is zero",
            _empty_is_zero,
            "A centre without values jumped to 0. It is to stay where it was.",
        ),
        Mistake(
            "last of equals",
            _last_of_equals,
            "A value half way between two centres went to the second. `argmin` takes the first of equals.",
        ),
    ),
)

# -------------------------------------------------------------------------------------- groups by climbing


def groups(points, bandwidth):
    return _found([_climb(points, point, bandwidth) for point in points], bandwidth)


def _near(points, here, bandwidth):
    return np.linalg.norm(points - here, axis=1) <= bandwidth


def _climb(points, here, bandwidth, near=_near, steps=300, rest=1e-9):
    for _ in range(steps):
        mean = points[near(points, here, bandwidth)].mean(axis=0)
        if np.linalg.norm(mean - here) <= rest:
            break
        here = mean
    return here


def _found(ends, reach):
    """Labels of ends: that of the first founder within reach, or else a new one."""
    labels, founders = [], []
    for end in ends:
        near = [g for g, mode in enumerate(founders) if np.linalg.norm(end - mode) <= reach]
        labels.append(near[0] if near else len(founders))
        if not near:
            founders.append(end)
    return np.array(labels)


def _no_climb(points, bandwidth):
    return _found(points, bandwidth)


def _gives_up(steps):
    def wrong(points, bandwidth):
        return _found([_climb(points, point, bandwidth, steps=steps) for point in points], bandwidth)

    return wrong


_one_step = _gives_up(1)


def _early(points, bandwidth):
    return _found([_climb(points, point, bandwidth, rest=0.1) for point in points], bandwidth)


def _early_by_bandwidth(points, bandwidth):
    return _found([_climb(points, point, bandwidth, rest=0.05 * bandwidth) for point in points], bandwidth)


def _half_reach(points, bandwidth):
    return _found([_climb(points, point, bandwidth) for point in points], bandwidth / 2)


def _first_coordinate(points, bandwidth):
    return groups(points[:, :1], bandwidth)


def _founders_drift(points, bandwidth):
    """A founder's place becomes the mean of all ends that joined it."""
    labels, members = [], []
    for point in points:
        end = _climb(points, point, bandwidth)
        places = [np.mean(ends, axis=0) for ends in members]
        near = [g for g, place in enumerate(places) if np.linalg.norm(end - place) <= bandwidth]
        labels.append(near[0] if near else len(members))
        if near:
            members[near[0]].append(end)
        else:
            members.append([end])
    return np.array(labels)


def _replaced(points, bandwidth):
    """Each end takes the place of its point, so that later climbers look at moved points."""
    here = points.astype(float)
    for i in range(len(here)):
        here[i] = _climb(here, here[i], bandwidth)
    return _found(here, bandwidth)


def _points_found(points, bandwidth):
    """The founders' places are where they set out, not where they came to rest."""
    labels, founders = [], []
    for point in points:
        end = _climb(points, point, bandwidth)
        near = [g for g, place in enumerate(founders) if np.linalg.norm(end - place) <= bandwidth]
        labels.append(near[0] if near else len(founders))
        if not near:
            founders.append(point)
    return np.array(labels)


def _found_by(choose, inside):
    """Label of each end by ``choose`` among the founders that are ``inside``, given their distances."""

    def wrong(points, bandwidth):
        labels, founders = [], []
        for end in (_climb(points, point, bandwidth) for point in points):
            away = np.array([np.linalg.norm(end - place) for place in founders])
            near = np.flatnonzero(inside(away, bandwidth))
            labels.append(choose(near, away) if near.size else len(founders))
            if not near.size:
                founders.append(end)
        return np.array(labels)

    return wrong


_nearest_founder = _found_by(lambda near, away: near[away[near].argmin()], np.less_equal)
_last_founder = _found_by(lambda near, away: near[-1], np.less_equal)
_strict_founders = _found_by(lambda near, away: near[0], np.less)


def _all_move(points, bandwidth):
    """The points themselves move, so that the density changes under the climbers."""
    here = points.astype(float)
    for _ in range(60):
        here = np.array([here[_near(here, place, bandwidth)].mean(axis=0) for place in here])
    return _found(here, bandwidth)


def _largest_first(points, bandwidth):
    return clustering.mean_shift(points, bandwidth).labels


def _hops(points, bandwidth):
    """Whoever can be reached in hops of a bandwidth is of one group; nobody climbs."""
    labels = np.full(len(points), -1)
    for first in range(len(points)):
        if labels[first] < 0:
            reached = np.arange(len(points)) == first
            for _ in points:
                reached |= np.any([_near(points, place, bandwidth) for place in points[reached]], axis=0)
            labels[reached] = labels.max() + 1
    return labels


def _half_bandwidth(points, bandwidth):
    return groups(points, bandwidth / 2)


def _one_group(points, bandwidth):
    return np.zeros(len(points), int)


def _other_numbers(answer, right, *_):
    """Whether the groups are right and their numbers are not."""
    pairs = np.unique(np.stack([answer, right]), axis=1).shape[1]
    return len(np.unique(answer)) == len(np.unique(right)) == pairs and not np.array_equal(answer, right)


def _by_place(points, bandwidth):
    """Numbered by the place of the mode, the smallest first."""
    ends = [_climb(points, point, bandwidth) for point in points]
    labels = _found(ends, bandwidth)
    founders = [ends[int(np.flatnonzero(labels == g)[0])] for g in range(labels.max() + 1)]
    rank = {g: r for r, g in enumerate(sorted(range(len(founders)), key=lambda g: tuple(founders[g])))}
    return np.array([rank[g] for g in labels])


def _old_neighbours(points, bandwidth):
    ends = [points[_near(points, point, bandwidth)].mean(axis=0) for point in points]
    return _found(ends, 1e-9)


def _not_merged(points, bandwidth):
    return _found([_climb(points, point, bandwidth) for point in points], 1e-6)


def _strict(points, bandwidth):
    def near(points, here, bandwidth):
        inside = np.linalg.norm(points - here, axis=1) < bandwidth
        return inside if inside.any() else _near(points, here, bandwidth)

    return _found([_climb(points, point, bandwidth, near) for point in points], bandwidth)


def _squared(points, bandwidth):
    def near(points, here, bandwidth):
        square = ((points - here) ** 2).sum(axis=1)
        return square <= max(bandwidth, square.min())

    return _found([_climb(points, point, bandwidth, near) for point in points], bandwidth)


def _square_window(points, bandwidth):
    def near(points, here, bandwidth):
        return (np.abs(points - here) <= bandwidth).all(axis=1)

    return _found([_climb(points, point, bandwidth, near) for point in points], bandwidth)


def _fixed_bandwidth(points, bandwidth):
    return groups(points, 1.0)


def _from_one(points, bandwidth):
    return groups(points, bandwidth) + 1


def _how_many(points, bandwidth):
    return int(groups(points, bandwidth).max()) + 1


def _chained(points, bandwidth):
    """Joins whoever ends near any earlier end, not near a founder."""
    ends, labels = [_climb(points, point, bandwidth) for point in points], []
    for i, end in enumerate(ends):
        near = [labels[j] for j in range(i) if np.linalg.norm(end - ends[j]) <= bandwidth]
        labels.append(near[0] if near else max(labels, default=-1) + 1)
    return np.array(labels)


SIX = PAPER[:, None]
LONG = np.cumsum([4, 23, 16, 25, 5, 8, 11, 11, 9, 14, 1, 7, 0, 7, 9, 0, 7, 10, 9, 6, 4, 0]).astype(float)[
    :, None
]
EDGE = np.array([[9.0], [2], [13], [11]])  # its ends are 10, 2, 12 and 11: exactly one bandwidth, 2, apart
TWO_NEAR = np.array(
    [[25.0], [17], [6], [0], [18], [11]]
)  # the first founder in reach is the nearer, not the last
# A slope on which climbs are long: 67 steps, and all end in one group.
SLOPE = np.round(500 * np.log1p(np.linspace(0, 1, 90) * (np.exp(1.2) - 1)))[:, None]
OTHER_EDGE = np.array([[2.0], [4], [7], [7], [11]])
STAIRS = np.array([[0.0, 0], [1, 1], [2.4, 0], [4, 2], [4, 5], [5, 5], [9, 5]])


def _point_clouds(rng):
    cases = []
    for n, d, bandwidth in ((5, 1, 2.0), (6, 2, 1.5), (8, 2, 2.0), (9, 3, 1.7), (12, 2, 1.3), (14, 1, 0.6)):
        cases.append((rng.normal(0, 2, (n, d)).round(2), bandwidth))
    return cases


def _long_rows(rng):
    """A crowded row: climbs of many steps, and modes so near that founding matters."""
    rows = [(np.sort(rng.random((n, 1)) * 9, axis=0)[rng.permutation(n)].round(2), 1.1) for n in (12, 16, 20)]
    return [*rows, (LONG, 45.0), (TWO_NEAR, 8.0), (SLOPE, 100.0)]


GROUPS = Exercise(
    slug="mean-shift-groups",
    lesson="04",
    title="Everybody climbs",
    minutes=15,
    points=4,
    seconds=5.0,
    hints=(
        "Two loops: first climb from each point and keep where it ended, then go through the ends and "
        "give out labels. `climb` of section 4 may be used: its last place, `[-1]`, is the mode.",
        "Keep a list of founders. For each end look whether a founder is at most one bandwidth away.",
        "`near = [g for g, mode in enumerate(founders) if np.linalg.norm(end - mode) <= bandwidth]`; the label is "
        "`near[0]` if there is one, otherwise `len(founders)`, and the end joins the founders.",
    ),
    reference=groups,
    properties=(
        Property(
            "is right on the six values of section 3, with bandwidths 3, 5 and 6",
            [(SIX, 3.0), (SIX, 5.0), (SIX, 6.0)],
        ),
        Property("is right in the plane", [(STAIRS, 1.5), (STAIRS, 2.0), (STAIRS, 3.2)]),
        Property("is right on random clouds, in 1 to 3 dimensions", _point_clouds, weight=2),
        Property("is right where climbs are long", _long_rows),
        Property("is right in small units, the six values in 1024ths", [(SIX / 1024, 5 / 1024)]),
        Property(
            "counts exactly one bandwidth as near, for neighbours and for founders",
            [(EDGE, 2.0), (OTHER_EDGE, 3.0)],
        ),
        Property("is right for a single point", [(np.array([[3.0, 4]]), 2.0)], weight=0.3),
    ),
    mistakes=(
        Mistake(
            "how many",
            _how_many,
            "That is the number of groups. Asked for is a label for each point.",
        ),
        Mistake(
            "from one",
            _from_one,
            "Your labels begin with 1; the first founder's number is 0.",
        ),
        Mistake(
            "one group",
            _one_group,
            "Every point got number 0. An end farther than a bandwidth from all founders founds a group of its own.",
        ),
        Mistake(
            "bandwidth ignored",
            _fixed_bandwidth,
            "You climb with a bandwidth of 1, whatever is given. No k does not mean no parameter: the "
            "bandwidth decides how many groups there are.",
        ),
        Mistake(
            "half the bandwidth",
            _half_bandwidth,
            "You climb with half the bandwidth. A neighbour may be a whole bandwidth away, on either side.",
        ),
        Mistake(
            "half the reach",
            _half_reach,
            "An end belongs to a founder at most a whole bandwidth away; you ask for half of one.",
        ),
        Mistake(
            "first coordinate",
            _first_coordinate,
            "Only the first coordinate of the points counts in your answer. Points may have several: keep `points` "
            "whole, and take distances over all of them.",
        ),
        Mistake(
            "hops",
            _hops,
            "Your groups are all that can be reached in hops of a bandwidth from point to point. Each point is "
            "to climb first; the places where they end decide.",
        ),
        Mistake(
            "no climb",
            _no_climb,
            "You group the points where they stand. Each is to climb first; its *mode* decides.",
        ),
        Mistake(
            "old neighbours",
            _old_neighbours,
            "You asked for the neighbours once and went to their mean. Where you stand now, others are "
            "near: climb on, and then let modes within one bandwidth be one group.",
        ),
        Mistake(
            "one step",
            _one_step,
            "You made one step. Go on until the mean is where you stand.",
        ),
        *(
            Mistake(
                f"{steps} steps",
                _gives_up(steps),
                "Your climbs are given up after some number of steps. How many are needed depends on the points (there "
                "are climbs of 67 here): go on until the mean is where you stand.",
            )
            for steps in (2, 3, 5, 10, 16, 20, 50)
        ),
        Mistake(
            "rests early",
            _early,
            "You stop as soon as a step is shorter than some fixed length. In small units every step is: "
            "stop when the mean is where you stand, but for rounding (10⁻⁹).",
        ),
        Mistake(
            "rests early for its bandwidth",
            _early_by_bandwidth,
            "You stop at a step that is short beside the bandwidth. On a gentle slope all steps are: stop when the "
            "mean is where you stand, but for rounding (10⁻⁹).",
        ),
        Mistake(
            "founder is the point",
            _points_found,
            "You keep the *point* that founds a group. Keep the place where its climb ended: ends are compared with "
            "ends.",
        ),
        Mistake(
            "all move",
            _all_move,
            "Your points move together, and the next means are taken of the moved ones. The climbers move; the "
            "points that they look at stay where they were.",
        ),
        Mistake(
            "points replaced",
            _replaced,
            "You put each end in the place of its point, so that later climbers look at moved points. Keep the ends "
            "in an array of their own.",
        ),
        Mistake(
            "founders drift",
            _founders_drift,
            "The places that you compare with drift: each end that joins a group pulls its place along. The founder "
            "is the *first* end, and stays.",
        ),
        Mistake(
            "modes not merged",
            _not_merged,
            "You made a group of each place where a climb ended. An end within one bandwidth of a "
            "founder belongs to that founder's group.",
        ),
        Mistake(
            "squared distance",
            _squared,
            "You compare *squared* distances with the bandwidth. Square the bandwidth, too, or take the root.",
        ),
        Mistake(
            "square window",
            _square_window,
            "Your neighbours lie in a square: each coordinate alone is within the bandwidth. Asked for "
            "is the distance, all coordinates together.",
        ),
        Mistake(
            "strict",
            _strict,
            "A point exactly one bandwidth away is a neighbour: `<=`, not `<`.",
        ),
        Mistake(
            "strict founders",
            _strict_founders,
            "An end exactly one bandwidth away from a founder belongs to its group: `<=`, not `<`.",
        ),
        Mistake(
            "nearest founder",
            _nearest_founder,
            "Where several founders are near, you take the *nearest*. Asked for is the first one.",
        ),
        Mistake(
            "last founder",
            _last_founder,
            "Where several founders are near, you take the *last*. Asked for is the first one.",
        ),
        Mistake(
            "chained",
            _chained,
            "You compare with the ends of *all* earlier points, so groups grow in chains. Compare with "
            "the founders alone.",
        ),
        Mistake(
            "largest first",
            _largest_first,
            "That is the rule of the library's `mean_shift`: the mode with the most points around it founds first, and "
            "an end goes to the nearest. Here the first point founds first, and the first founder in reach counts.",
        ),
        Mistake(
            "other numbers",
            _by_place,
            "Your groups are right, their numbers are not. The first point's group is 0, and each new group gets the "
            "next number as you go through the points.",
            when=_other_numbers,
        ),
    ),
)

# ----------------------------------------------------------------------------------------- responsibilities


def responsibilities(values, weights, means, variances):
    joint = weights * _bells(values, means, variances)
    return joint / joint.sum(axis=1, keepdims=True)


def _bells(values, means, variances):
    """Density of each value under each component, (n, k)."""
    return np.exp(-((values[:, None] - means) ** 2) / (2 * variances)) / np.sqrt(2 * np.pi * variances)


def _no_weights(values, weights, means, variances):
    return responsibilities(values, np.ones(len(means)), means, variances)


def _colleague(values, weights, means, variances):
    bells = _bells(values, means, variances)
    return bells / bells.sum(axis=0)


def _weights_after(values, weights, means, variances):
    bells = _bells(values, means, variances)
    return weights * bells / bells.sum(axis=1, keepdims=True)


def _weights_divided(values, weights, means, variances):
    joint = _bells(values, means, variances) / weights
    return joint / joint.sum(axis=1, keepdims=True)


def _little_added(values, weights, means, variances):
    joint = weights * _bells(values, means, variances)
    return joint / (joint.sum(axis=1, keepdims=True) + 1e-9)


def _a_little_less(answer, right, *_):
    """Whether shares are right but for a divisor that is a little too large."""
    less = answer.sum(axis=1, keepdims=True)
    return bool(
        (less < 1).all() and (less > 0.9).all() and np.allclose(answer / less, right, rtol=1e-9, atol=0)
    )


def _not_shared_out(values, weights, means, variances):
    return weights * _bells(values, means, variances)


def _hard(values, weights, means, variances):
    share = responsibilities(values, weights, means, variances)
    return np.eye(len(means))[share.argmax(axis=1)]


def _variance_squared(values, weights, means, variances):
    joint = weights * np.exp(-((values[:, None] - means) ** 2) / (2 * variances**2))
    joint = joint / np.sqrt(2 * np.pi * variances)
    return joint / joint.sum(axis=1, keepdims=True)


def _no_height(values, weights, means, variances):
    joint = weights * np.exp(-((values[:, None] - means) ** 2) / (2 * variances))
    return joint / joint.sum(axis=1, keepdims=True)


def _no_keepdims(values, weights, means, variances):
    joint = weights * _bells(values, means, variances)
    return joint / joint.sum(axis=1)


def _over_everything(values, weights, means, variances):
    joint = weights * _bells(values, means, variances)
    return joint / joint.sum()


def _roots_of_weights(values, weights, means, variances):
    return responsibilities(values, np.sqrt(weights), means, variances)


TWO = np.array([0.75, 0.25]), np.array([0.0, 4.0]), np.array([1.0, 1.0])
UNEQUAL = np.array([0.5, 0.5]), np.array([0.0, 3.0]), np.array([4.0, 0.25])


def _mixtures(rng):
    cases = []
    for n, k in ((2, 2), (3, 3), (4, 2), (5, 3), (6, 4)):
        weights = rng.random(k) + 0.2
        cases.append(
            (rng.normal(0, 2, n).round(2), weights / weights.sum(), rng.normal(0, 2, k), rng.random(k) + 0.3)
        )
    return cases


RESPONSIBILITIES = Exercise(
    slug="responsibilities",
    lesson="04",
    title="Repair: who explains the pixel?",
    minutes=7,
    points=3,
    hints=(
        "A pixel is shared out among the components: which sum must be 1, that of a row or that of a column?",
        "Half way between two equally wide components the larger one should get more. Where does its "
        "size come in?",
        "`joint = weights * bells`, then divide by `joint.sum(axis=1, keepdims=True)`.",
    ),
    reference=responsibilities,
    bounds=(0, 1),
    properties=(
        Property(
            "is right half way between two components, where the weights decide",
            [(np.array([2.0]), *TWO), (np.array([2.0, 1.0]), *TWO)],
        ),
        Property("is right for a wide and a narrow component", [(np.array([0.0, 2.5, 3.0]), *UNEQUAL)]),
        Property("is right on random mixtures", _mixtures, weight=2),
        Property(
            "shares each value out completely",
            _mixtures,
            holds=lambda answer, *_: (
                bool(np.allclose(answer.sum(axis=1), 1)) or "The shares of a value do not add up to 1."
            ),
        ),
    ),
    mistakes=(
        Mistake(
            "colleague's",
            _colleague,
            "The columns add up to 1, so every *component* is shared out among the values, and whether the weights are "
            "there makes no difference: they cancel. Share out each *value*: rows, axis 1.",
        ),
        Mistake(
            "no weights",
            _no_weights,
            "The rows add up to 1 now. But a component of three quarters of the pixels explains a "
            "doubtful pixel three times as well as one of a quarter: multiply by `weights`.",
        ),
        Mistake(
            "weights after",
            _weights_after,
            "You divide by the sum of the *bells*, and the weights come in above the line only, so the shares of a "
            "value do not add up to 1. Multiply by the weights first, and divide by the sum of these products.",
        ),
        Mistake(
            "weights divided",
            _weights_divided,
            "You divided by the weights. A large component explains more: multiply.",
        ),
        Mistake(
            "over everything",
            _over_everything,
            "You divide by the sum of the whole table, so all values together are shared out once. Share out each "
            "value by itself: divide by the sum of its row.",
        ),
        Mistake(
            "roots of weights",
            _roots_of_weights,
            "Your shares add up to 1, but you took the root of the weights. They count as they are.",
        ),
        Mistake(
            "a little added",
            _little_added,
            "You add something small to the sum. Far out all bells are tiny, and it is no longer small beside "
            "them: the shares add up to a little less than 1. The sum is above 0 here; divide by it alone.",
            when=_a_little_less,
        ),
        Mistake(
            "not shared out",
            _not_shared_out,
            "These are weight times density. Divide by their sum over the components, so that they are shares.",
        ),
        Mistake(
            "hard labels",
            _hard,
            "Every value went wholly to one component, as in k-means. EM shares it out.",
        ),
        Mistake(
            "variance squared",
            _variance_squared,
            "You squared the variance: it *is* the square already.",
        ),
        Mistake(
            "no height",
            _no_height,
            "The factor 1/√(2π · variance) is gone. A wide bell is a low one, and that matters as soon "
            "as the variances differ.",
        ),
        Mistake(
            "no keepdims",
            _no_keepdims,
            "Without `keepdims=True` NumPy lays the row sums across the columns: value i is divided by "
            "the sum of another one.",
        ),
    ),
)

# -------------------------------------------------------------------------------------- pieces of clusters


def pieces(labels):
    clusters = range(labels.max() + 1)
    return np.array([morphology.label(labels == c, connectivity=4).max() for c in clusters])


def _one_each(labels):
    return np.array([int((labels == c).any()) for c in range(labels.max() + 1)])


def _eight(labels):
    return np.array([morphology.label(labels == c, connectivity=8).max() for c in range(labels.max() + 1)])


def _without_zero(labels):
    return pieces(labels)[1:]


def _zero_is_background(labels):
    found = pieces(labels)
    found[0] = 0
    return found


def _without_last(labels):
    return pieces(labels)[:-1]


def _with_background(labels):
    numbered = (morphology.label(labels == c, connectivity=4) for c in range(labels.max() + 1))
    return np.array([len(np.unique(numbers)) for numbers in numbered])


def _all_together(labels):
    return int(pieces(labels).sum())


def _clusters(labels):
    return len(np.unique(labels))


def _one_more(labels):
    return pieces(labels) + 1


def _pixels(labels):
    return np.bincount(labels.ravel())


def _label_of_labels(labels):
    return np.array([morphology.label(labels > 0, connectivity=4).max()] * (labels.max() + 1))


def _rest(labels):
    return np.array([morphology.label(labels != c, connectivity=4).max() for c in range(labels.max() + 1)])


def _only_occurring(labels):
    found = pieces(labels)
    return found[found > 0]


STRIPES = np.array([[0, 1, 0], [0, 1, 0], [1, 1, 0]])
CORNERS = np.array([[1, 0, 2], [0, 1, 2], [2, 0, 1]])
GAP = np.array([[3, 3, 0, 3], [0, 1, 1, 3]])


def _label_images(rng):
    shapes = ((2, 3), (3, 3), (4, 3), (4, 5), (5, 5), (6, 4))
    return [rng.integers(0, k, shape) for shape, k in zip(shapes, (2, 3, 2, 4, 3, 5), strict=True)]


PIECES = Exercise(
    slug="pieces",
    lesson="04",
    title="In how many pieces?",
    minutes=2,
    points=2,
    hints=(
        "Take one cluster at a time: `labels == c` is a mask. Lesson 02 counted the islands of a mask.",
        "`morphology.label(mask, connectivity=4)` numbers the islands 1, 2, …: its largest number is how "
        "many there are.",
        "`np.array([morphology.label(labels == c, connectivity=4).max() for c in range(labels.max() + 1)])`",
    ),
    reference=pieces,
    properties=(
        Property("is right on three small label images", [STRIPES, CORNERS, GAP]),
        Property("is right on random label images", _label_images, weight=2),
        Property(
            "is right for a single cluster, and for a single pixel",
            [np.zeros((3, 4), int), np.array([[0]])],
            weight=0.5,
        ),
    ),
    mistakes=(
        Mistake(
            "one each",
            _one_each,
            "You count each cluster once, as if it were one region. Clusters are groups of *colours*: "
            "nothing keeps their pixels together.",
        ),
        Mistake(
            "corners join",
            _eight,
            "Your pieces join at their corners. With 4 neighbours only pixels with a common side do.",
        ),
        Mistake(
            "cluster 0 left out",
            _without_zero,
            "One entry is missing: 0 is a cluster here, no background.",
        ),
        Mistake(
            "cluster 0 counts 0",
            _zero_is_background,
            "You gave cluster 0 no pieces, as if it were background. It is a cluster like the others.",
        ),
        Mistake(
            "last cluster left out",
            _without_last,
            "The last cluster is missing: `range(n)` ends with n − 1, so the largest number needs "
            "`range(labels.max() + 1)`.",
        ),
        Mistake(
            "background counted",
            _with_background,
            "You count the 0 of `label` as a piece: it marks the pixels outside the cluster. The largest "
            "number is how many pieces there are.",
        ),
        Mistake(
            "one more each",
            _one_more,
            "Each number is one too large. The largest number of `label` *is* how many pieces there are: nothing "
            "is to be added.",
        ),
        Mistake(
            "all together",
            _all_together,
            "That is the number of all pieces. Asked for is an array, one number a cluster.",
        ),
        Mistake(
            "how many clusters",
            _clusters,
            "That is how many clusters occur. Asked for is an array: in how many pieces each of them lies.",
        ),
        Mistake("pixels", _pixels, "You count the pixels of each cluster, not its pieces."),
        Mistake(
            "pieces of the rest",
            _rest,
            "Your mask is all that is *not* in the cluster: `==`, not `!=`.",
        ),
        Mistake(
            "islands of all",
            _label_of_labels,
            "You label everything above 0 at once, so neighbouring clusters become one island. One "
            "cluster at a time.",
        ),
        Mistake(
            "only those that occur",
            _only_occurring,
            "Entry c is to be cluster c. A number that does not occur has 0 pieces, and keeps its place.",
        ),
    ),
)

# ---------------------------------------------------------------------------------------------------- SLIC


def slic_distance(image, y, x, value, step, compactness):
    return _slic(image, y, x, value, step, (compactness / step) ** 2)


def _slic(image, y, x, value, step, weight):
    rows, columns = np.indices(image.shape)
    away = (image - value) ** 2 + weight * ((rows - y) ** 2 + (columns - x) ** 2)
    return np.where((abs(rows - y) <= step) & (abs(columns - x) <= step), away, np.inf)


def _swapped(image, y, x, value, step, compactness):
    return slic_distance(image, x, y, value, step, compactness)


def _everywhere(image, y, x, value, step, compactness):
    rows, columns = np.indices(image.shape)
    return (image - value) ** 2 + (compactness / step) ** 2 * ((rows - y) ** 2 + (columns - x) ** 2)


def _disc(image, y, x, value, step, compactness):
    rows, columns = np.indices(image.shape)
    far = (rows - y) ** 2 + (columns - x) ** 2 > step**2
    return np.where(far, np.inf, _everywhere(image, y, x, value, step, compactness))


def _compactness_not_squared(image, y, x, value, step, compactness):
    return _slic(image, y, x, value, step, compactness / step**2)


def _not_by_step(image, y, x, value, step, compactness):
    return _slic(image, y, x, value, step, compactness**2)


def _roots(image, y, x, value, step, compactness):
    return np.sqrt(slic_distance(image, y, x, value, step, compactness))


def _absolute(image, y, x, value, step, compactness):
    away = slic_distance(image, y, x, value, step, compactness)
    return away - (image - value) ** 2 + abs(image - value)


def _strict_window(image, y, x, value, step, compactness):
    rows, columns = np.indices(image.shape)
    inside = (abs(rows - y) < step) & (abs(columns - x) < step)
    return np.where(inside, _everywhere(image, y, x, value, step, compactness), np.inf)


def _truncated(image, y, x, value, step, compactness):
    return slic_distance(image, int(y), int(x), value, step, compactness)


def _rounded(image, y, x, value, step, compactness):
    return slic_distance(image, round(y), round(x), value, step, compactness)


def _times_step(image, y, x, value, step, compactness):
    return _slic(image, y, x, value, step, (compactness * step) ** 2)


def _zero_outside(image, y, x, value, step, compactness):
    away = slic_distance(image, y, x, value, step, compactness)
    return np.where(np.isinf(away), 0, away)


def _finite_outside(answer, right, *_):
    """Whether all is right in the window, and finite outside it."""
    outside = np.isinf(right)
    return bool(
        outside.any() and np.isfinite(answer).all() and np.allclose(answer[~outside], right[~outside])
    )


def _no_place(image, y, x, value, step, compactness):
    return _slic(image, y, x, value, step, 0)


def _either(image, y, x, value, step, compactness):
    rows, columns = np.indices(image.shape)
    inside = (abs(rows - y) <= step) | (abs(columns - x) <= step)
    return np.where(inside, _everywhere(image, y, x, value, step, compactness), np.inf)


def _twice_the_window(image, y, x, value, step, compactness):
    rows, columns = np.indices(image.shape)
    inside = (abs(rows - y) <= 2 * step) & (abs(columns - x) <= 2 * step)
    return np.where(inside, _everywhere(image, y, x, value, step, compactness), np.inf)


def _ratio_not_squared(image, y, x, value, step, compactness):
    return _slic(image, y, x, value, step, compactness / step)


def _own_value(image, y, x, value, step, compactness):
    return slic_distance(image, y, x, image[int(y), int(x)], step, compactness)


def _sliced(start, stop):
    """A window by a slice that may begin below 0, which NumPy counts from the end."""

    def wrong(image, y, x, value, step, compactness):
        away = np.full(image.shape, np.inf)
        window = tuple(slice(start(c - step), stop(c + step) + 1) for c in (y, x))
        away[window] = _everywhere(image, y, x, value, step, compactness)[window]
        return away

    return wrong


RAMP = np.arange(15.0).reshape(3, 5) / 15
LARGER = np.arange(42.0).reshape(6, 7) / 42  # with a step of 1, larger than the window both ways


def _centres(rng):
    cases = []
    for _ in range(8):
        shape = rng.integers(2, 8, 2)
        y, x = (rng.random(2) * (shape - 1)).round(1)
        cases.append((rng.random(shape), float(y), float(x), float(rng.random()), 2, 0.3))
    return cases


SLIC_DISTANCE = Exercise(
    slug="slic-distance",
    lesson="04",
    title="Going further: the distance of SLIC",
    minutes=15,
    points=3,
    hints=(
        "`rows, columns = np.indices(image.shape)` gives every pixel its coordinates.",
        "Two squares: of the difference in value, and of `compactness / step` times the distance in the image.",
        "Compute it everywhere, then `np.where((abs(rows - y) <= step) & (abs(columns - x) <= step), "
        "away, np.inf)`.",
    ),
    reference=slic_distance,
    properties=(
        Property(
            "is right on a ramp",
            [(RAMP, 1, 3, 0.5, 2, 0.2), (RAMP, 0, 0, 0.0, 3, 1.0), (LARGER, 2, 3, 0.4, 1, 0.3)],
        ),
        Property("is right for centres between pixels", _centres, weight=2),
        Property("sees all of a single pixel", [(np.array([[0.7]]), 0, 0, 0.2, 1, 1.0)], weight=0.5),
    ),
    mistakes=(
        Mistake("x and y swapped", _swapped, "Row and column are exchanged: y counts rows, the first axis."),
        Mistake(
            "strict window",
            _strict_window,
            "Pixels exactly `step` rows or columns away are still seen: `<=`, not `<`.",
        ),
        Mistake(
            "truncated centre",
            _truncated,
            "You made whole numbers of `y` and `x`. A centre is a mean, and lies between pixels.",
        ),
        Mistake(
            "rounded centre",
            _rounded,
            "You made whole numbers of `y` and `x`. A centre is a mean, and lies between pixels.",
        ),
        Mistake(
            "everywhere",
            _everywhere,
            "You compare the centre with every pixel. Pixels more than `step` rows or columns away are "
            "infinitely far: that is what makes SLIC fast.",
        ),
        Mistake(
            "either way",
            _either,
            "Your window is a cross: near in rows *or* in columns is enough. It is a square: at most `step` rows *and* "
            "at most `step` columns away.",
        ),
        Mistake(
            "twice the window",
            _twice_the_window,
            "Your window reaches two steps each way. It reaches one: at most `step` rows and `step` columns away.",
        ),
        *(
            Mistake(
                name,
                _sliced(start, stop),
                "Your window is a slice, and near the upper or left border its start falls below 0: NumPy counts that "
                "from the other end. Begin at `max(…, 0)`, with the start rounded up and the end rounded down.",
            )
            for name, start, stop in (("cut slice", int, int), ("slice below 0", math.ceil, math.floor))
        ),
        Mistake(
            "a disc",
            _disc,
            "Your window is a disc. It is a square: at most `step` rows *and* at most `step` columns away.",
        ),
        Mistake(
            "compactness not squared",
            _compactness_not_squared,
            "The whole of compactness · distance / step is squared, the compactness, too.",
        ),
        Mistake(
            "ratio not squared",
            _ratio_not_squared,
            "The distance is squared, but compactness / step is not. The whole of compactness · distance / step is.",
        ),
        Mistake(
            "value of the pixel",
            _own_value,
            "You compare with the picture's value at the centre's place. The centre's own value is a mean, and is "
            "handed over: `value`.",
        ),
        Mistake(
            "times step",
            _times_step,
            "You multiplied by `step`. The distance in the image is *divided* by it.",
        ),
        Mistake(
            "absolute difference",
            _absolute,
            "The difference in value is to be squared, too; you took its absolute value.",
        ),
        Mistake(
            "finite outside",
            _zero_outside,
            "Outside the window your distance is a finite number. It is to be `np.inf`, so that the centre never "
            "wins there.",
            when=_finite_outside,
        ),
        Mistake("not by step", _not_by_step, "Divide the distance in the image by `step` before you square."),
        Mistake("root", _roots, "You took the root. Asked for is the *squared* distance."),
        Mistake(
            "no place",
            _no_place,
            "Only the values count in your distance. Without the place this is k-means in a window.",
        ),
    ),
)

EXERCISES = [K_MEANS_STEP, GROUPS, RESPONSIBILITIES, PIECES, SLIC_DISTANCE]
