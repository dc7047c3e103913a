"""The exercises of lesson 03: edges, region growing and watershed."""

import heapq
from functools import partial

import numpy as np

from course_utils.checks.framework import Exercise, Mistake, Property
from course_utils.classic import morphology, watershed

# --------------------------------------------------------------------------------------- the lowest pass


def water_level(elevation, sources, x):
    return float(min(way.max() for way in _ways(elevation, sources, x)))


def _ways(elevation, sources, x):
    return [elevation[min(source, x) : max(source, x) + 1] for source in sources]


def _of_ways(rule):
    """A wrong answer that makes something else of the ways than the lowest pass."""
    return lambda elevation, sources, x: float(rule(_ways(elevation, sources, x)))


_shortest = _of_ways(lambda ways: min(ways, key=len).max())


def _own_height(elevation, sources, x):
    return float(elevation[x])


def _ends_left_out(elevation, sources, x):
    ways = [elevation[min(source, x) + 1 : max(source, x)] for source in sources]
    return float(min(way.max() if way.size else elevation[x] for way in ways))


def _half_open(elevation, sources, x):
    ways = [elevation[min(source, x) : max(source, x)] for source in sources]
    return float(min(way.max() if way.size else elevation[x] for way in ways))


def _never_above_zero(elevation, sources, x):
    return float(min([0, *(way.max() for way in _ways(elevation, sources, x))]))


def _never_below_zero(elevation, sources, x):
    return float(min(max([0, *way]) for way in _ways(elevation, sources, x)))


def _which_way(elevation, sources, x):
    return int(np.argmin([way.max() for way in _ways(elevation, sources, x)]))


def _which_source(elevation, sources, x):
    return sources[_which_way(elevation, sources, x)]


def _climb(elevation, sources, x):
    ways = _ways(elevation, sources, x)
    return float(min(way.max() - elevation[source] for way, source in zip(ways, sources, strict=True)))


PAPER = np.array([1, 3, 2, 5, 5, 5, 5, 0, 2])
WALLS = np.array([0.5, 0.1, 0.9, 0.2, 0.3, 0.4, 0.8, 0.0])


BELOW = -np.array([9.0, 2.5, 6.0, 4.0, 7.0, 3.0, 8.0])


def _rows(rng):
    """Random rows; in the longer ones it is not the nearest source whose water comes first."""
    cases = []
    for n in (1, 2, 4, 6, 7, 8, 8, 9):
        while True:
            sources = np.sort(rng.choice(n, rng.integers(1, min(n, 3) + 1), replace=False)).tolist()
            elevation, x = rng.permutation(3 * n)[:n], int(rng.integers(n))
            if n < 6 or _shortest(elevation, sources, x) != water_level(elevation, sources, x):
                break
        cases.append((elevation, sources, x))
    return cases


WATER_LEVEL = Exercise(
    slug="water-level",
    lesson="03",
    title="When does it get wet?",
    minutes=4,
    points=2,
    hints=(
        "Water on one way must climb over the highest pixel of that way. And of several ways?",
        "For each way its highest pixel, `way.max()`; of these, the way that asks for least.",
        "`min(way.max() for way in ways)`",
    ),
    reference=water_level,
    properties=(
        Property(
            "is right on the row of section 3", [(PAPER, [0, 7], 2), (PAPER, [0, 7], 4), (PAPER, [0], 8)]
        ),
        Property("is right on random rows", _rows, weight=2),
        Property(
            "is right below zero, as where minus a distance is flooded",
            [(BELOW, [0, 6], 4), (BELOW, [0, 4], 2), (BELOW, [2], 2)],
        ),
        Property(
            "takes a longer way where the shorter one has a wall", [(WALLS, [1, 7], 3), (WALLS, [0, 7], 5)]
        ),
        Property(
            "counts both ends of a way, also where they are one pixel or the highest",
            [(PAPER, [1], 1), (np.array([4.0]), [0], 0), (WALLS, [1], 2), (WALLS, [6], 4), (WALLS, [2], 3)],
        ),
    ),
    mistakes=(
        Mistake(
            "shortest way",
            _shortest,
            "You took the source that is *nearest*. Water does not count steps: it takes the way "
            "whose highest pixel "
            "is lowest, be it longer.",
        ),
        Mistake(
            "sum of the way",
            _of_ways(lambda ways: min(way.sum() for way in ways)),
            "You added the elevations along the way, as for a shortest path. Only the highest pixel "
            "of a way counts.",
        ),
        Mistake(
            "own height",
            _own_height,
            "That is the elevation of pixel `x` itself. A hollow behind a pass stays dry until the "
            "water is as high "
            "as the pass.",
        ),
        Mistake(
            "highest pass",
            _of_ways(lambda ways: max(way.max() for way in ways)),
            "You took the *worst* of the ways. The water that comes first comes over the lowest pass.",
        ),
        Mistake(
            "lowest pixel",
            _of_ways(lambda ways: min(way.min() for way in ways)),
            "You took the lowest pixel of a way. To come along it, water must rise to its *highest*.",
        ),
        Mistake(
            "highest of the low",
            _of_ways(lambda ways: max(way.min() for way in ways)),
            "Minimum and maximum are the other way round: first the highest pixel of each way, then "
            "the lowest of these.",
        ),
        Mistake(
            "which way",
            _which_way,
            "You returned *which* way the water takes, not how high it stands then: its level.",
        ),
        Mistake(
            "which source",
            _which_source,
            "You returned *which* source the water comes from, not how high it stands when it reaches `x`: its level.",
        ),
        Mistake(
            "climb above the source",
            _climb,
            "That is how far the water climbs *above its source*. Its level is a height like the elevations: nothing "
            "is taken off.",
        ),
        Mistake(
            "lowest so far begins at 0",
            _never_above_zero,
            "Your answer is never above 0. Where the lowest so far begins at 0, no pass is lower: begin with the "
            "first way, or with infinity.",
            throughout=True,
        ),
        Mistake(
            "highest so far begins at 0",
            _never_below_zero,
            "Your answer is never below 0. Where the highest so far begins at 0, pixels below 0 never count: begin "
            "with the first pixel of the way, or with minus infinity.",
            throughout=True,
        ),
        Mistake(
            "first source only",
            _of_ways(lambda ways: ways[0].max()),
            "Only the first source is in your answer. Water comes from all of them.",
        ),
        Mistake(
            "mean of the way",
            _of_ways(lambda ways: min(way.mean() for way in ways)),
            "You averaged the elevations of a way. Water is stopped by its highest pixel, however "
            "short the wall is.",
        ),
        Mistake(
            "last end left out",
            _half_open,
            "A way ends *with* its last pixel. In a slice the end is not included: `+ 1` belongs to it.",
        ),
        Mistake(
            "ends left out",
            _ends_left_out,
            "Both ends belong to the way: the source must be under water, and so must pixel `x`.",
        ),
    ),
)

# -------------------------------------------------------------------------------------------- the flood


def flood(elevation, markers):
    return _flooded(elevation, markers)


_SIDES = ((-1, 0), (0, -1), (0, 1), (1, 0))


def _flooded(
    elevation, markers, *, steps=_SIDES, key=lambda height, n: (height, n), rise=max, wrap=False, guard=True,
    order=list, until=0, outside=(0, 0),
):  # fmt: skip
    """The flood, with a place for each mistake: the neighbours, the order of the queue, the height of an entry, what
    lies beyond the border, whether a pixel that has a label is left alone, the order of the markers, how many entries
    are left over, and how many rows and columns at the beginning and the end are taken for outside."""
    height, width = elevation.shape
    labels = np.array(markers)
    places = order(np.argwhere(labels > 0).tolist())
    queue = [(key(elevation[y, x], n), y, x, elevation[y, x]) for n, (y, x) in enumerate(places)]
    heapq.heapify(queue)
    entered, done = len(queue), set()
    while len(queue) > until:
        _, y, x, level = heapq.heappop(queue)
        if (y, x) in done:
            continue
        done.add((y, x))
        for dy, dx in steps:
            v, u = y + dy, x + dx
            if wrap:
                v, u = v % height, u % width
            if not (outside[0] <= v < height - outside[1] and outside[0] <= u < width - outside[1]):
                continue
            if (labels[v, u] == 0) if guard else (v, u) not in done:
                labels[v, u] = labels[y, x]
                reached = rise(elevation[v, u], level)
                heapq.heappush(queue, (key(reached, entered), v, u, reached))
                entered += 1
    return labels


def _eight(elevation, markers):
    corners = ((-1, -1), (-1, 1), (1, -1), (1, 1))
    return _flooded(elevation, markers, steps=_SIDES + corners)


def _without_number(elevation, markers):
    return _flooded(elevation, markers, key=lambda height, n: height)


def _last_come(elevation, markers):
    return _flooded(elevation, markers, key=lambda height, n: (height, -n))


def _own_heights(elevation, markers):
    return _flooded(elevation, markers, rise=lambda height, level: height)


def _from_the_top(elevation, markers):
    return _flooded(elevation, markers, key=lambda height, n: (-height, n), rise=min)


def _nearest(elevation, markers):
    return _flooded(elevation, markers, key=lambda height, n: n)


def _lower_of_the_two(elevation, markers):
    return _flooded(elevation, markers, rise=min)


def _whole_heights(elevation, markers):
    return _flooded(np.asarray(elevation).astype(int), markers)


def _along_the_rows(elevation, markers):
    return _flooded(elevation, markers, steps=_SIDES[1:3])


def _without(side):
    return lambda elevation, markers: _flooded(elevation, markers, steps=[s for s in _SIDES if s != side])


def _within(outside):
    return lambda elevation, markers: _flooded(elevation, markers, outside=outside)


def _around(elevation, markers):
    return _flooded(elevation, markers, wrap=True)


def _overrun(elevation, markers):
    return _flooded(elevation, markers, guard=False)


def _sums(elevation, markers):
    return _flooded(elevation, markers, rise=lambda height, level: height + level)


def _newest_of_the_entered(elevation, markers):
    """Markers are numbered 0, 1, 2 …, all that follow with a minus."""
    first = np.count_nonzero(markers)
    return _flooded(elevation, markers, key=lambda height, n: (height, n if n < first else -n))


def _counter_stands(elevation, markers):
    """Everything after the markers enters with one number, so that the position decides."""
    first = np.count_nonzero(markers)
    return _flooded(elevation, markers, key=lambda height, n: (height, min(n, first)))


def _from_zero(elevation, markers):
    return _flooded(elevation, markers, rise=lambda height, level: max(height, level, 0))


def _wet_from_the_start(elevation, markers):
    return _flooded(np.where(markers > 0, min(0, elevation.min()), elevation), markers)


def _markers_by_number(elevation, markers):
    return _flooded(elevation, markers, order=lambda places: sorted(places, key=lambda p: markers[tuple(p)]))


def _by_columns(elevation, markers):
    return _flooded(elevation, markers, order=lambda places: sorted(places, key=lambda p: p[::-1]))


def _one_left(elevation, markers):
    """``while len(queue) > 1``: the last entry is never taken out."""
    return _flooded(elevation, markers, until=1)


def _below_only(elevation, markers):
    """Indices are kept below the size of the array, but not above -1."""
    height, width = elevation.shape
    labels = np.array(markers)
    queue = [(elevation[y, x], n, y, x) for n, (y, x) in enumerate(np.argwhere(labels > 0).tolist())]
    heapq.heapify(queue)
    entered = len(queue)
    while queue:
        level, _, y, x = heapq.heappop(queue)
        for dy, dx in _SIDES:
            v, u = y + dy, x + dx
            if v < height and u < width and labels[v, u] == 0:
                labels[v, u] = labels[y, x]
                heapq.heappush(queue, (max(elevation[v, u], level), entered, v, u))
                entered += 1
    return labels


def _over_the_lowest_pass(answer, right, elevation, markers):
    """Whether each pixel has a marker from which it is reached over its lowest pass: only ties can be wrong then."""
    known = np.isin(answer, markers[markers > 0]).all()
    if not known or not np.array_equal(answer[markers > 0], markers[markers > 0]):
        return False
    lowest = _levels(elevation, markers)
    reached = {n: _levels(elevation, np.where(markers == n, n, 0)) for n in np.unique(answer).tolist()}
    return all(np.array_equal(levels[answer == n], lowest[answer == n]) for n, levels in reached.items())


def _levels(elevation, markers):
    """The water level at which each pixel becomes wet."""
    order = np.argsort(watershed.flood(elevation, markers).arrival, axis=None)
    levels = np.empty(elevation.shape)
    levels.ravel()[order] = np.maximum.accumulate(elevation.ravel()[order])
    return levels


def _round_by_round(elevation, markers):
    """Level by level, as in section 4: in one round a pixel takes its first wet neighbour."""
    labels, sources = np.zeros(np.add(elevation.shape, 2), int), np.pad(markers, 1)
    height = np.pad(np.asarray(elevation, float), 1, constant_values=np.inf)
    for level in np.unique(elevation):
        while True:
            sides = ((1, 0), (1, 1), (-1, 1), (-1, 0))
            offers = np.stack([sources, *(np.where(sources, 0, np.roll(labels, *side)) for side in sides)])
            new = np.take_along_axis(offers, np.argmax(offers > 0, axis=0)[None], axis=0)[0]
            shore = (labels == 0) & (height <= level) & (new > 0)
            if not shore.any():
                break
            labels[shore] = new[shore]
    return labels[1:-1, 1:-1]


def _one_ring(elevation, markers):
    labels = np.array(markers)
    for y, x in np.argwhere(markers > 0).tolist():
        for dy, dx in _SIDES:
            v, u = y + dy, x + dx
            if 0 <= v < labels.shape[0] and 0 <= u < labels.shape[1] and labels[v, u] == 0:
                labels[v, u] = labels[y, x]
    return labels


ROW, SOURCES = PAPER[None], np.array([[1, 0, 0, 0, 0, 0, 0, 2, 0]])
HOLLOWS = (
    np.array([[1, 6, 2, 2, 6, 0], [9, 9, 3, 9, 9, 9], [4, 4, 4, 4, 4, 4]]),
    np.array([[1, 0, 0, 0, 0, 2], [0, 0, 0, 0, 0, 0], [0, 0, 3, 0, 0, 0]]),
)


def _scene(rng, elevation):
    markers = np.zeros(elevation.shape, int)
    places = rng.choice(elevation.size, min(elevation.size, int(rng.integers(2, 5))), replace=False)
    markers.ravel()[places] = np.arange(1, len(places) + 1)
    return elevation, markers


def _distinct(rng):
    """Landscapes without two equal heights, so that no tie has to be broken but that of one pixel."""
    shapes = [(1, 6), (3, 3), (4, 6), (6, 5), (5, 7), (7, 6), (6, 6), (8, 8)]
    return [_scene(rng, rng.permutation(h * w).reshape(h, w) / 7) for h, w in shapes]


def _stepped(rng):
    """Landscapes of few heights: plateaus and hollows."""
    shapes = [(2, 5), (4, 4), (5, 6), (6, 6), (7, 5), (8, 8), (8, 7), (8, 8), (7, 8), (8, 8)]
    return [_scene(rng, rng.integers(0, 3, shape)) for shape in shapes]


def _plateaus(_rng):
    ends = np.array([[1, 0, 0, 0, 0, 2]])
    square = np.zeros((5, 6), int)
    square[0, 0], square[4, 5], square[1, 4] = 3, 1, 2
    return [(np.zeros((1, 6)), ends), (np.full((5, 6), 7), square), (np.zeros((1, 6)), ends[:, ::-1] * 5)]


def _below_zero(rng):
    shapes = [(1, 5), (3, 4), (5, 5), (6, 4)]
    return [_scene(rng, rng.integers(-4, 1, shape)) for shape in shapes]


ALONE_IN_A_ROW = (np.array([[1, 2, 3]]), np.array([[1, 0, 0]]))
ALONE_BELOW = (np.array([[3, 1], [2, 5]]), np.array([[0, 0], [0, 4]]))
ALONE_ABOVE = (
    np.array([[1, 5, 2, 7], [4, 3, 8, 1], [6, 2, 0, 5]]),
    np.array([[7, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]),
)
TOUCHING = np.array([[2, 1, 2, 3], [3, 0, 1, 2]]), np.array([[5, 5, 2, 0], [0, 0, 2, 2]])

FLOOD = Exercise(
    slug="flood-queue",
    lesson="03",
    title="The flood",
    minutes=18,
    points=4,
    late="A loop whose condition never becomes false does that. Here it is mostly a pixel that enters the queue again "
    "and again because its label stays 0: labels begin as a copy of `markers`, and a pixel gets its label when it "
    "enters.",
    hints=(
        "Begin with a list of entries for the marker pixels and `heapq.heapify` it; then a `while "
        "queue:` loop that takes "
        "out one entry and looks at four neighbours.",
        "A neighbour is free when it lies inside the array and its label is 0. Give it the label "
        "*when it enters* the "
        "queue, so that it enters once; count the entries.",
        "`heapq.heappush(queue, (max(elevation[v, u], level), entered, v, u))`, where `level` is the "
        "first member of the "
        "entry that was taken out.",
    ),
    reference=flood,
    properties=(
        Property("is right on the row of section 3", [(ROW, SOURCES)]),
        Property("is right on random landscapes without equal heights", _distinct, weight=2),
        Property("shares plateaus between the waters that reach them", _plateaus),
        Property("is right where there are plateaus and hollows", lambda rng: [HOLLOWS, *_stepped(rng)]),
        Property("is right below zero, too", _below_zero, weight=0.5),
        Property(
            "floods everything from a single marker",
            [ALONE_IN_A_ROW, ALONE_BELOW, ALONE_ABOVE],
            weight=0.5,
        ),
        Property(
            "keeps the markers' labels, also where markers touch or cover everything",
            [TOUCHING, (np.array([[3]]), np.array([[4]])), (np.eye(2), np.array([[1, 2], [2, 1]]))],
            weight=0.5,
        ),
    ),
    mistakes=(
        Mistake(
            "no order of entry",
            _without_number,
            "Among entries of equal height your queue goes by position, not by order of entry. So "
            "one water runs over a "
            "whole plateau. Put the number of the entry second.",
        ),
        Mistake(
            "last come",
            _last_come,
            "Among equal heights the *newest* entry leaves first, as from a stack: one water runs "
            "over the whole plateau. "
            "First come, first served.",
        ),
        Mistake(
            "newest of the entered",
            _newest_of_the_entered,
            "Among equal heights the *newest* entry leaves first, as from a stack: a larger number must leave later, "
            "so the number enters without a minus.",
        ),
        Mistake(
            "counter stands still",
            _counter_stands,
            "All entries after the markers carry the same number, so among equal heights the position decides, and "
            "one water runs over a whole plateau. Count on after each entry.",
        ),
        Mistake(
            "level begins at 0",
            _from_zero,
            "Below zero your water knows no heights: the level begins at 0 there. A landscape may lie below zero, as "
            "minus a distance does; take the height of the entry that was taken out.",
        ),
        Mistake(
            "wet from the start",
            _wet_from_the_start,
            "Your markers flow before the water stands as high as they lie. A marker pixel enters with its own "
            "elevation.",
        ),
        Mistake(
            "own height only",
            _own_heights,
            "A hollow behind a pass enters with its own, lower height and jumps the queue. Water "
            "there stands as high as "
            "the pass: take the larger of the two heights.",
        ),
        Mistake(
            "lower of the two heights",
            _lower_of_the_two,
            "A pixel enters with the *lower* of the two heights. Behind a pass the water stands as high as the pass: "
            "take the higher of the two.",
        ),
        Mistake(
            "whole numbers",
            _whole_heights,
            "Your heights were made whole numbers, so unequal ones became equal. Heights may be fractions.",
        ),
        *(
            Mistake(
                f"nothing {place}",
                _without(side),
                f"Your water never goes on to the pixel *{place}*. All four neighbours are looked at: above, left, "
                "right, below.",
            )
            for side, place in zip(_SIDES, ("above", "to the left", "to the right", "below"), strict=True)
        ),
        *(
            Mistake(
                f"{name} left out",
                _within(outside),
                f"Your water never goes into {place}: they belong to the picture, too. When does a neighbour lie "
                "inside?",
            )
            for name, place, outside in (
                ("beginning", "row 0 and column 0", (1, 0)),
                ("end", "the last row and the last column", (0, 1)),
                ("frame", "the first and last rows and columns", (1, 1)),
            )
        ),
        Mistake(
            "from the top",
            _from_the_top,
            "Your water begins at the *highest* pixel. The lowest entry leaves first.",
        ),
        Mistake(
            "nearest marker",
            _nearest,
            "The elevation plays no part: each pixel got the marker that is fewest steps away. The "
            "queue must be ordered "
            "by height first.",
        ),
        Mistake(
            "eight neighbours",
            _eight,
            "Your water also flows over corners. Four neighbours are asked for: above, left, right, below.",
        ),
        Mistake(
            "around the border",
            _around,
            "Your water leaves the picture at one side and comes in at the other: index -1 is the "
            "last row or column. "
            "Check that a neighbour lies inside.",
        ),
        Mistake(
            "negative index",
            _below_only,
            "Your water leaves the picture above or at the left and comes in at the other side: index -1 is the "
            "last row or column. A neighbour lies inside when it is below the size *and* not below 0.",
        ),
        Mistake(
            "one entry left",
            _one_left,
            "Your loop ends while an entry still stands in the queue; with a single marker it never begins. Go on "
            "until the queue is empty.",
        ),
        Mistake(
            "markers by number",
            _markers_by_number,
            "Your markers enter in the order of their numbers. They are to enter in reading order: row by row, from "
            "left to right.",
        ),
        Mistake(
            "markers by columns",
            _by_columns,
            "Your markers enter column by column. Reading order is row by row, from left to right.",
        ),
        Mistake(
            "one label for all",
            lambda elevation, markers: (_flooded(elevation, markers) > 0).astype(int),
            "Everything is wet, but all under the number 1: keep the markers' own numbers, `markers.copy()`, not "
            "`markers > 0`.",
        ),
        Mistake(
            "overrun",
            _overrun,
            "Pixels that have a label already are given another one, markers among them. Only a "
            "pixel with label 0 is free.",
        ),
        Mistake(
            "heights added",
            _sums,
            "You add the heights along the way. The water level is the *highest* elevation on the "
            "way, not the sum.",
        ),
        Mistake(
            "one ring",
            _one_ring,
            "Only the markers' own neighbours got a label. A pixel that becomes wet enters the queue, too.",
        ),
        Mistake(
            "nothing flooded",
            lambda elevation, markers: np.array(markers),
            "The markers came back as they were: no pixel was flooded.",
            throughout=True,
        ),
        Mistake(
            "some stay dry",
            _along_the_rows,
            "Some pixels stayed 0, but the water gets everywhere. Are all four neighbours looked at: above, left, "
            "right, below? And does the loop go on until the queue is empty?",
            when=lambda answer, right, elevation, markers: (answer == 0).any(),
        ),
        Mistake(
            "another tie rule",
            _round_by_round,
            "All your water comes over lowest passes: it is a watershed, and only ties are broken otherwise than "
            "here. Equal heights leave in the order in which they entered, the marker pixels first, in reading order.",
            when=_over_the_lowest_pass,
            throughout=True,
        ),
    ),
)

# --------------------------------------------------------------------------------------------- repair


def part_at_waists(mask):
    distance, markers = _tops(mask)
    return watershed.watershed(-distance, markers, mask=mask)


def _tops(mask):
    distance = watershed.distance_transform(mask)
    return distance, morphology.label(watershed.maxima(distance), 8)


def _not_negated(mask):
    distance, markers = _tops(mask)
    return watershed.watershed(distance, markers, mask=mask)


def _no_mask(mask):
    distance, markers = _tops(mask)
    return watershed.watershed(-distance, markers)


def _unrepaired(mask):
    return watershed.watershed(*_tops(mask))


def _mask_inverted(mask):
    distance, markers = _tops(mask)
    return watershed.watershed(-distance, markers, mask=~mask)


def _only_markers(mask):
    return _tops(mask)[1]


def _whole_distances(mask):
    distance, markers = _tops(mask)
    return watershed.watershed(-distance.astype(int), markers, mask=mask)


def _four_neighbours(mask):
    distance = watershed.distance_transform(mask)
    return watershed.watershed(-distance, morphology.label(watershed.maxima(distance)), mask=mask)


def _minima(mask):
    distance, _ = _tops(mask)
    return watershed.watershed(-distance, morphology.label(watershed.maxima(-distance), 8), mask=mask)


def _components(mask):
    return morphology.label(mask)


def _lines(mask):
    distance, markers = _tops(mask)
    return watershed.watershed(-distance, markers, mask=mask, lines=True)


def _of_the_background(mask):
    distance = watershed.distance_transform(~mask)
    return watershed.watershed(-distance, _tops(mask)[1], mask=mask)


def _discs(shape, *discs):
    """Mask of discs, each (row, column, radius)."""
    y, x = np.indices(shape)
    return np.any([np.hypot(y - row, x - column) < radius for row, column, radius in discs], axis=0)


def _blobs(rng):
    """Masks of a few discs that touch, of unequal sizes."""
    masks = []
    for _ in range(6):
        shape = tuple(rng.integers(14, 26, 2))
        places = [(*(rng.random(2) * shape), rng.uniform(3, 6)) for _ in range(4)]
        masks.append(_discs(shape, *places))
    return masks


TWO = _discs((9, 15), (4, 4, 4.2), (4, 10, 3.4))
# No two of its markers have equal heights: among those, the rule says nothing.
RING = np.ones((6, 7), bool)
RING[2, 2] = False
# The left part has a top of two pixels above, two below, which hang together over a corner.
SLANTED = np.array(
    [
        [0, 0, 1, 1, 0, 0, 1, 1, 1],
        [0, 1, 1, 1, 1, 1, 1, 1, 1],
        [1, 1, 1, 1, 1, 1, 1, 1, 1],
        [1, 1, 1, 1, 0, 0, 1, 1, 1],
        [1, 1, 1, 1, 0, 0, 1, 1, 1],
        [1, 1, 1, 1, 0, 0, 0, 0, 1],
        [0, 1, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0, 0],
    ],
    bool,
)

_DRY = (
    "None of your sources lies where the water may go. Sources belong into the middle of the objects, where `distance` "
    "is large, and the water belongs where `mask` is True: which of the two is turned round?"
)

REPAIR = Exercise(
    slug="repair-split",
    lesson="03",
    title="Repair",
    minutes=6,
    points=3,
    hints=(
        "Water rises from the *lowest* places. Where is `distance` low, and where are the markers?",
        "And where may the water go? `watershed.watershed` takes a mask.",
        "`watershed.watershed(-distance, markers, mask=mask)`",
    ),
    reference=part_at_waists,
    properties=(
        Property("parts two discs at their waist", [TWO, TWO.T]),
        Property("is right on heaps of discs", _blobs, weight=2),
        Property("gives a top that hangs together over a corner one marker", [SLANTED], weight=0.5),
        Property(
            "leaves the background 0, also inside a ring and where a single pixel is object",
            [RING, np.array([[False, True, False]])],
        ),
    ),
    mistakes=(
        Mistake(
            "not negated",
            _not_negated,
            "The water still rises on `distance`, where the middles of the objects are *peaks* and "
            "the rims are low. "
            "One of the two mistakes is mended.",
        ),
        Mistake(
            "no mask",
            _no_mask,
            "The water still leaves the objects: the background has labels, too. One of the two "
            "mistakes is mended.",
        ),
        Mistake("unrepaired", _unrepaired, "Both mistakes are still in it: start from the picture above."),
        Mistake(
            "components",
            _components,
            "Those are the connected components, as lesson 02 left them: nothing is parted.",
        ),
        Mistake(
            "minima as markers",
            _minima,
            _DRY,
        ),
        Mistake("mask inverted", _mask_inverted, _DRY),
        Mistake(
            "markers only",
            _only_markers,
            "Those are the markers. The flood that goes out from them is missing.",
        ),
        Mistake(
            "whole numbers",
            _whole_distances,
            "The distances were made whole numbers, so places of unequal height became equal, and waters meet "
            "elsewhere than at the waist. Heights may be fractions.",
        ),
        Mistake(
            "markers by four neighbours",
            _four_neighbours,
            "Your markers are numbered with 4 neighbours, so a top that hangs together over a corner gets two of "
            "them. The line that was given numbers them with 8: it needs no repair.",
        ),
        Mistake(
            "lines",
            _lines,
            "Your answer has lines of 0 between the parts. Each object pixel is to get the number of "
            "a marker.",
        ),
        Mistake(
            "distance of the background",
            _of_the_background,
            "Your parts meet half way between the sources, as on a flat landscape: the waist plays no part. Is what "
            "you flood the distance *inside* the objects, turned over?",
        ),
    ),
)

# ------------------------------------------------------------------------------------------- carry over


def territory(labels, reach):
    distance = watershed.distance_transform(labels == 0)
    return watershed.watershed(distance, labels, mask=distance <= reach)


def _everything(labels, reach):
    return watershed.watershed(watershed.distance_transform(labels == 0), labels)


def _strictly(labels, reach):
    distance = watershed.distance_transform(labels == 0)
    return watershed.watershed(distance, labels, mask=(distance < reach) | (labels > 0))


def _dilated(labels, reach):
    """Each pixel takes the largest number within reach: later objects run over earlier ones."""
    return _painted(labels, reach, range(1, int(labels.max()) + 1))


def _dilated_but_objects(labels, reach):
    return np.where(labels > 0, labels, _dilated(labels, reach))


def _first_wins(labels, reach):
    grown = _painted(labels, reach, range(int(labels.max()), 0, -1))
    return np.where(labels > 0, labels, grown)


def _painted(labels, reach, order):
    grown = np.array(labels)
    for number in order:
        if (labels == number).any():
            grown[watershed.distance_transform(labels != number) <= reach] = number
    return grown


def _rounded_down(labels, reach):
    return territory(labels, int(reach))


def _dilated_by_whole(labels, reach):
    return _dilated(labels, int(reach))


def _dilated_but_objects_by_whole(labels, reach):
    return _dilated_but_objects(labels, int(reach))


def _first_wins_by_whole(labels, reach):
    return _first_wins(labels, int(reach))


def _on(landscape):
    """The flood of another landscape, its mask right."""

    def wrong(labels, reach):
        distance = watershed.distance_transform(labels == 0)
        return watershed.watershed(landscape(distance), labels, mask=distance <= reach)

    return wrong


def _nearest_centre(labels, reach):
    y, x = np.indices(labels.shape)
    numbers = np.unique(labels[labels > 0])
    centres = [np.argwhere(labels == number).mean(axis=0) for number in numbers]
    nearest = np.argmin([np.hypot(y - row, x - column) for row, column in centres], axis=0)
    within = watershed.distance_transform(labels == 0) <= reach
    return np.where(labels > 0, labels, np.where(within, numbers[nearest], 0))


def _dry_objects(labels, reach):
    distance = watershed.distance_transform(labels == 0)
    return watershed.watershed(distance, labels, mask=(distance <= reach) & (labels == 0))


def _inside(labels, reach):
    distance = watershed.distance_transform(labels > 0)
    return watershed.watershed(distance, labels, mask=distance <= reach) if (labels > 0).any() else labels


def _flat(labels, reach):
    """A constant landscape: steps instead of distances decide, and the reach is counted in steps."""
    grown = np.array(labels)
    for _ in range(int(reach)):
        around = np.pad(grown, 1)
        for part in (around[:-2, 1:-1], around[1:-1, :-2], around[1:-1, 2:], around[2:, 1:-1]):
            grown = np.where(grown == 0, part, grown)
    return grown


def _one_object(labels, reach):
    return (watershed.distance_transform(labels == 0) <= reach).astype(int)


def _rings_only(labels, reach):
    return np.where(labels > 0, 0, territory(labels, reach))


def _is_territory(answer, labels, reach):
    distance = watershed.distance_transform(labels == 0)
    if not np.array_equal(answer[labels > 0], labels[labels > 0]):
        return "Pixels of the objects themselves changed their number."
    if answer[distance > reach].any():
        return "A pixel beyond the reach of every object got a number."
    if not answer[distance <= reach].all():
        return "A pixel within reach of an object stayed 0."
    for number in np.unique(answer[answer > 0]):
        if not (labels == number).any():
            return f"There is no object {number}, but your answer has one."
        own = watershed.distance_transform(labels != number)
        if (own[answer == number] >= distance[answer == number] + 1.5).any():
            return "A pixel went to an object although another one is clearly nearer."
    return True


ALONE = np.zeros((7, 9), int)
ALONE[3, 4] = 3
PAIR = np.zeros((6, 12), int)
PAIR[2:4, 1:3], PAIR[1:5, 9:11] = 2, 1
CLOSE = np.array([[0, 0, 4, 0, 1, 0, 0, 0]])
FULL = np.array([[1, 2], [1, 2]])
FAR = np.zeros((15, 15), int)
FAR[0, 0], FAR[7, 14] = 1, 2
BAR = np.zeros((9, 15), int)
BAR[1, 1:12], BAR[6, 12], BAR[5, 1] = 2, 1, 3


def _crowds(rng):
    cases = []
    for reach in (1, 2, 2.5, 4, 6):
        labels = np.zeros(rng.integers(9, 15, 2), int)
        numbers = rng.permutation(5) + 1
        for number in numbers[:4].tolist():
            y, x = (rng.random(2) * (np.array(labels.shape) - 2)).astype(int)
            labels[y : y + 2, x : x + 2] = number
        cases.append((labels, reach))
    return cases


_NO_RISE = (
    "Your landscape does not rise with the distance from the nuclei: it is flat, or it falls. Then steps to the four "
    "sides decide, for which slanting ways are too long."
)
_OVERRUN = (
    "Each object is grown by itself: where two reaches overlap, a number decides, not the distance. And a reach of 2.5 "
    "was made a whole number."
)

TERRITORY = Exercise(
    slug="territory",
    lesson="03",
    title="To each nucleus its cell",
    minutes=8,
    points=3,
    hints=(
        "The nuclei themselves are the markers. The landscape rises with the distance from them: "
        "which mask's distance "
        "transform is that?",
        "`watershed.distance_transform(labels == 0)` is the distance of each background pixel to the "
        "nearest object "
        "pixel. The reach is a limit on it.",
        "`watershed.watershed(distance, labels, mask=distance <= reach)`",
    ),
    reference=territory,
    properties=(
        Property(
            "grows one object by the reach", [(ALONE, 2), (ALONE, 0), (ALONE, 2.5)], holds=_is_territory
        ),
        Property(
            "lets two objects meet half way",
            [(PAIR, 9), (CLOSE, 3), (FAR, 20), (BAR, 9), (BAR.T, 7)],
            holds=_is_territory,
            weight=1.5,
        ),
        Property(
            "is right for several objects, whatever their numbers", _crowds, holds=_is_territory, weight=1.5
        ),
        Property(
            "leaves a picture without background as it is", [(FULL, 5)], holds=_is_territory, weight=0.5
        ),
    ),
    mistakes=(
        Mistake(
            "no limit",
            _everything,
            "Your objects grow without end. Only pixels at a distance of at most `reach` belong to a "
            "cell: use the "
            "argument `mask`.",
        ),
        Mistake(
            "strictly less",
            _strictly,
            "Pixels at a distance of exactly `reach` are missing: *at most* includes it.",
        ),
        Mistake(
            "later objects win",
            _dilated,
            "Each object is grown by itself, and where two reaches overlap the larger number takes "
            "all, even pixels of "
            "the other nucleus. The nearer one is to win.",
        ),
        Mistake(
            "larger numbers win",
            _dilated_but_objects,
            "Where two reaches overlap, the larger number takes all. The nearer object is to win: "
            "let the waters meet.",
        ),
        Mistake(
            "smaller numbers win",
            _first_wins,
            "Where two reaches overlap, the smaller number takes all. The nearer object is to win: "
            "let the waters meet.",
        ),
        Mistake(
            "flat landscape",
            _on(np.zeros_like),
            _NO_RISE,
        ),
        Mistake(
            "upside down",
            _on(np.negative),
            _NO_RISE,
        ),
        Mistake(
            "nearest centre",
            _nearest_centre,
            "You ask which *centre* is nearest. Beside a long nucleus the nearest pixel counts: water starts from all "
            "of its pixels.",
        ),
        Mistake(
            "objects are dry",
            _dry_objects,
            "The water may not be where the nuclei are, so no source is left. A cell includes its nucleus: the mask, "
            "too.",
        ),
        Mistake(
            "reach rounded down",
            _rounded_down,
            "The reach was made a whole number: with 2.5 a pixel at 2.24 is within reach, with 2 it is not.",
        ),
        Mistake(
            "later objects win, reach rounded down",
            _dilated_by_whole,
            _OVERRUN,
        ),
        Mistake("larger numbers win, reach rounded down", _dilated_but_objects_by_whole, _OVERRUN),
        Mistake("smaller numbers win, reach rounded down", _first_wins_by_whole, _OVERRUN),
        Mistake(
            "distance inside",
            _inside,
            "That is the distance inside the objects. Needed is the distance of the *background's* "
            "pixels to them.",
        ),
        Mistake(
            "steps for distance",
            _flat,
            "Your objects grow step by step to the four sides, into diamonds. The reach is a "
            "Euclidean distance.",
        ),
        Mistake(
            "one object",
            _one_object,
            "You return the cells' pixels, but not whose they are: each pixel gets the number of its object.",
        ),
        Mistake(
            "rings only",
            _rings_only,
            "The nuclei themselves are missing: a cell includes its nucleus.",
        ),
    ),
)

# ------------------------------------------------------------------------------------------ prominence


def prominences(heights):
    return _prominences(heights, best=max)


def _prominences(heights, best, ends=True, highest=np.inf, stop=True):
    n = len(heights)
    result = np.zeros(n)
    for p in range(n):
        beside = [q for q in (p - 1, p + 1) if 0 <= q < n]
        if any(heights[q] > heights[p] for q in beside) or (not ends and len(beside) < 2):
            continue
        passes = []
        for way in (heights[:p][::-1], heights[p + 1 :]):
            higher = np.flatnonzero(way > heights[p])
            if higher.size:
                passes.append(way[: higher[0]].min() if stop else way.min())
        result[p] = heights[p] - best(passes) if passes else highest
    return result


def _worse_side(heights):
    return _prominences(heights, best=min)


def _inner_peaks(heights):
    return _prominences(heights, best=max, ends=False)


def _highest_zero(heights):
    return _prominences(heights, best=max, highest=0.0)


def _highest_full(heights):
    return _prominences(heights, best=max, highest=float(np.max(heights)))


def _to_the_end(heights):
    return _prominences(heights, best=max, stop=False)


def _from_both_sides(heights, empty=True, top=False):
    """As scipy.signal.peak_prominences: a side without a higher point counts, too, down to its lowest.

    ``empty``: a side without any pixel, too, as high as the peak. ``top``: the highest peak is made infinite in the
    end.
    """
    n = len(heights)
    result = np.zeros(n)
    for p in range(n):
        if any(heights[q] > heights[p] for q in (p - 1, p + 1) if 0 <= q < n):
            continue
        bases = []
        for way in (heights[:p][::-1], heights[p + 1 :]):
            higher = np.flatnonzero(way > heights[p])
            if empty or way.size:
                bases.append(min([heights[p], *way[: higher[0] if higher.size else len(way)]]))
        result[p] = heights[p] - max(bases) if bases else np.inf
    if top:
        result[np.argmax(heights)] = np.inf
    return result


def _next_hollow(heights):
    """Down to the first hollow on the better side, not to the lowest point before something higher."""
    result = prominences(heights)
    for p in np.flatnonzero(np.isfinite(result) & (result > 0)):
        drops = []
        for step in (-1, 1):
            q = p
            while 0 <= q + step < len(heights) and heights[q + step] < heights[q]:
                q += step
            drops.append(heights[p] - heights[q])
        result[p] = min(drop for drop in drops if drop > 0)
    return result


def _first_rise(heights):
    """The walk ends at the first point that is higher than the one before it."""
    result = np.zeros(len(heights))
    for p in np.flatnonzero(prominences(heights) > 0):
        lows = []
        for step in (-1, 1):
            q, low = p, heights[p]
            while 0 <= q < len(heights) and heights[q] <= low:
                low = heights[q]
                q += step
            if 0 <= q < len(heights):
                lows.append(low)
        result[p] = heights[p] - max(lows) if lows else np.inf
    return result


def _one_side(step):
    def wrong(heights):
        result = np.zeros(len(heights))
        for p in np.flatnonzero(prominences(heights) > 0):
            way = heights[:p][::-1] if step < 0 else heights[p + 1 :]
            higher = np.flatnonzero(way > heights[p])
            result[p] = heights[p] - way[: higher[0]].min() if higher.size else np.inf
        return result

    return wrong


def _the_pass_itself(heights):
    result = prominences(heights)
    inner = np.isfinite(result) & (result > 0)
    return np.where(inner, heights - result, result)


def _turned_over(heights):
    result = prominences(heights)
    return np.where(np.isfinite(result), -result, result)


def _passes_above_zero(heights):
    """The highest of the low points begins at 0."""
    result = prominences(heights)
    inner = np.isfinite(result) & (result > 0)
    return np.where(inner, heights - np.maximum(heights - result, 0), result)


def _low_from_zero(heights):
    """The lowest point of a side begins at 0."""
    result, n = np.zeros(len(heights)), len(heights)
    for p in np.flatnonzero(prominences(heights) > 0):
        ways = (heights[:p][::-1], heights[p + 1 :])
        higher = [(way, np.flatnonzero(way > heights[p])) for way in ways if n]
        lows = [min([0, *way[: there[0]]]) for way, there in higher if there.size]
        result[p] = heights[p] - max(lows) if lows else np.inf
    return result


PEAKS = np.array([2.0, 5.0, 4.5, 7.0, 1.0, 6.0, 3.0, 4.0, 0.0])
STAIRS = np.array([1.0, 2.0, 3.0, 4.0])


def _ridges(rng):
    return [rng.permutation(3 * n)[:n] / 4 for n in (2, 3, 5, 6, 8, 9, 10, 12, 12, 14)]


PROMINENCE = Exercise(
    slug="prominence",
    lesson="03",
    title="Going further: how far does a peak stand out?",
    minutes=20,
    points=4,
    hints=(
        "Take each peak by itself. The part left of it, read from the peak outwards, is "
        "`heights[:p][::-1]`; the part "
        "right of it `heights[p + 1:]`.",
        "On each part find the first point that is higher than the peak, `np.flatnonzero(way > "
        "heights[p])`; the low "
        "point is the minimum of what lies before it. A part without a higher point is left out.",
        "`heights[p] - max(low_points)`, or `np.inf` where there are none: the pass that counts is "
        "the *higher* one.",
    ),
    reference=prominences,
    properties=(
        Property("is right on a row of four peaks", [PEAKS]),
        Property("is right on random rows", _ridges, weight=2),
        Property(
            "is right below zero, too",
            [PEAKS - 8, -np.array([6.0, 1.0, 4.0, 3.0, 9.0, 2.0])],
        ),
        Property("treats both ends as possible peaks", [PEAKS[3:], PEAKS[:4], STAIRS, STAIRS[::-1].copy()]),
        Property("is infinite for a single pixel", [np.array([3.5])], weight=0.2),
    ),
    mistakes=(
        Mistake(
            "lower pass",
            _worse_side,
            "Of the two sides you took the one where you must go down *further*. Water, and walkers, "
            "take the higher pass.",
        ),
        Mistake(
            "first rise",
            _first_rise,
            "Your walk ends as soon as it goes up again. Go on until you stand *higher than the peak*: a small hill "
            "on the way is no goal.",
        ),
        Mistake(
            "left side only",
            _one_side(-1),
            "You walk to the left only. Walk both ways, and take the side where you need not go down so far.",
        ),
        Mistake(
            "right side only",
            _one_side(1),
            "You walk to the right only. Walk both ways, and take the side where you need not go down so far.",
        ),
        Mistake(
            "the low point itself",
            _the_pass_itself,
            "That is the height of the pass. The prominence is how far the peak stands *above* it.",
        ),
        Mistake(
            "turned over",
            _turned_over,
            "The prominence is the peak's height less the low point, not the other way round.",
        ),
        Mistake(
            "low points begin at 0",
            _low_from_zero,
            "Your lowest point so far begins at 0, but a row may lie anywhere: begin with the height of the peak.",
        ),
        Mistake(
            "passes begin at 0",
            _passes_above_zero,
            "Your highest low point begins at 0, so passes below zero never count: begin with none.",
        ),
        Mistake(
            "inner peaks only",
            _inner_peaks,
            "The first and the last pixel can be peaks, too: they have one neighbour only.",
        ),
        *(
            Mistake(
                f"a side without a higher point counts{name}",
                partial(_from_both_sides, **how),
                "A side on which nothing is higher does not count; you took the lowest point on it as a pass.",
                throughout=True,
            )
            for name, how in (
                ("", {}),
                (", the highest mended", {"top": True}),
                (", if it has pixels", {"empty": False}),
                (", if it has pixels, the highest mended", {"empty": False, "top": True}),
            )
        ),
        Mistake(
            "the highest is 0",
            _highest_zero,
            "From the highest of all no way leads higher: its prominence is `np.inf`.",
        ),
        Mistake(
            "the highest has its height",
            _highest_full,
            "From the highest of all no way leads higher: its prominence is `np.inf`, not its height.",
        ),
        Mistake(
            "walks to the end",
            _to_the_end,
            "You look for the lowest point of the whole side. The walk ends where you stand higher "
            "than the peak.",
        ),
        Mistake(
            "next hollow",
            _next_hollow,
            "You stop at the first hollow. Go on until you stand *higher than the peak*: a small "
            "hill on the way is no goal.",
        ),
    ),
)

EXERCISES = [WATER_LEVEL, FLOOD, REPAIR, TERRITORY, PROMINENCE]
