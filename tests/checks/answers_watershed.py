"""Lesson 03: answers to its exercises, right ones written in unusual ways and usual mistakes."""

import heapq
from collections import defaultdict, deque

import numpy as np
from answers import right, wrong
from scipy import ndimage, signal
from skimage import segmentation

from course_utils.classic import morphology, watershed

SIDES = ((-1, 0), (0, -1), (0, 1), (1, 0))


# -- water-level --------------------------------------------------------------------------------------


@right("water-level")
def water_that_rises(elevation, sources, x):
    """Raise the water through all elevations until the stretch of wet pixels around x holds a source."""
    for level in np.unique(elevation):
        stretch, _ = ndimage.label(elevation <= level)
        if stretch[x] and any(stretch[x] == stretch[source] for source in sources):
            return float(level)
    raise AssertionError("at the highest elevation everything is wet")


@right("water-level")
def nearest_sources_of_either_side(elevation, sources, x):
    """Running maxima outwards from x; of each side, whatever source is met first is the best."""
    levels = []
    for way in (range(x, -1, -1), range(x, len(elevation))):
        highest = -np.inf
        for place in way:
            highest = max(highest, elevation[place])
            if place in sources:
                levels.append(highest)
                break
    return min(levels)


@right("water-level")
def relaxed_until_nothing_changes(elevation, sources, x):
    """Bellman and Ford with the maximum in place of the sum."""
    level = np.full(len(elevation), np.inf)
    level[sources] = elevation[sources]
    for _ in elevation:
        beside = np.minimum(np.append(level[1:], np.inf), np.append(np.inf, level[:-1]))
        level = np.minimum(level, np.maximum(beside, elevation))
    return float(level[x])


@wrong("water-level")
def nearest_source(elevation, sources, x):
    source = min(sources, key=lambda s: abs(s - x))
    return float(elevation[min(source, x) : max(source, x) + 1].max())


@wrong("water-level")
def shortest_path(elevation, sources, x):
    return float(min(elevation[min(s, x) : max(s, x) + 1].sum() for s in sources))


@wrong("water-level")
def height_of_the_pixel(elevation, sources, x):
    return float(elevation[x])


@wrong("water-level")
def climbed_above_the_source(elevation, sources, x):
    """How much higher than the source the water must rise."""
    return float(min(elevation[min(s, x) : max(s, x) + 1].max() - elevation[s] for s in sources))


@wrong("water-level")
def half_open(elevation, sources, x):
    """The slice lacks its last pixel."""
    ways = [elevation[min(s, x) : max(s, x)] for s in sources]
    return float(min(way.max() if way.size else elevation[x] for way in ways))


@wrong("water-level")
def the_source_that_won(elevation, sources, x):
    """The number of the source instead of the level."""
    return min(sources, key=lambda s: elevation[min(s, x) : max(s, x) + 1].max())


@wrong("water-level")
def the_way_that_won(elevation, sources, x):
    """The number of the way in the list."""
    return np.argmin([elevation[min(s, x) : max(s, x) + 1].max() for s in sources])


@wrong("water-level")
def lowest_begins_at_zero(elevation, sources, x):
    best = 0
    for source in sources:
        best = min(best, elevation[min(source, x) : max(source, x) + 1].max())
    return float(best)


@wrong("water-level")
def highest_begins_at_zero(elevation, sources, x):
    return float(min(max([0, *elevation[min(s, x) : max(s, x) + 1]]) for s in sources))


# -- flood-queue --------------------------------------------------------------------------------------


@right("flood-queue")
def one_queue_for_each_height(elevation, markers):
    """Buckets instead of a heap, as the library has it."""
    labels, queues = markers.copy(), defaultdict(deque)
    for place in np.argwhere(markers > 0).tolist():
        queues[elevation[tuple(place)]].append(place)
    for level in np.unique(elevation):
        while queues[level]:
            y, x = queues[level].popleft()
            for v, u in neighbours(y, x, labels.shape):
                if labels[v, u] == 0:
                    labels[v, u] = labels[y, x]
                    queues[max(level, elevation[v, u])].append((v, u))
    return labels


@right("flood-queue")
def sorted_list(elevation, markers):
    """No heap: a list that is sorted anew; the label is carried and given when the entry leaves."""
    labels = np.zeros_like(markers)
    queue = [
        (elevation[y, x], n, y, x, markers[y, x]) for n, (y, x) in enumerate(np.argwhere(markers).tolist())
    ]
    entered = len(queue)
    while queue:
        queue.sort(reverse=True)
        level, _, y, x, number = queue.pop()
        if labels[y, x]:
            continue
        labels[y, x] = number
        for v, u in neighbours(y, x, labels.shape):
            if labels[v, u] == 0 and markers[v, u] == 0:
                queue.append((max(level, elevation[v, u]), entered, v, u, number))
                entered += 1
    return labels


@right("flood-queue")
def course_function(elevation, markers):
    return watershed.watershed(elevation, markers)


@right("flood-queue")
def padded_frame(elevation, markers):
    """A frame that is taken already, so that no neighbour lies outside."""
    labels = np.pad(markers, 1, constant_values=-1)
    height = np.pad(elevation, 1)
    queue, entered = [], 0
    for place in np.flatnonzero(labels > 0).tolist():
        heapq.heappush(queue, (height.flat[place], entered, place))
        entered += 1
    width = labels.shape[1]
    while queue:
        level, _, place = heapq.heappop(queue)
        for step in (-width, -1, 1, width):
            if labels.flat[place + step] == 0:
                labels.flat[place + step] = labels.flat[place]
                heapq.heappush(queue, (max(level, height.flat[place + step]), entered, place + step))
                entered += 1
    return labels[1:-1, 1:-1]


@right("flood-queue")
def below_first(elevation, markers):
    """The neighbours in another order: pixels of one label that stand next to each other in the queue."""
    around = ((1, 0), (0, 1), (0, -1), (-1, 0))
    return with_key(elevation, markers, lambda height, entered, y, x: (height, entered), around=around)


@wrong("flood-queue")
def by_position(elevation, markers):
    """Entries of equal height leave in reading order."""
    return with_key(elevation, markers, lambda height, entered, y, x: (height, y, x))


@wrong("flood-queue")
def stack(elevation, markers):
    return with_key(elevation, markers, lambda height, entered, y, x: (height, -entered))


@wrong("flood-queue")
def breadth_first(elevation, markers):
    """The elevation is forgotten."""
    return with_key(elevation, markers, lambda height, entered, y, x: entered)


@wrong("flood-queue")
def highest_first(elevation, markers):
    return with_key(elevation, markers, lambda height, entered, y, x: (-height, entered))


@wrong("flood-queue")
def hollows_first(elevation, markers):
    """The water level is forgotten: a hollow behind a pass jumps the queue."""
    return with_key(elevation, markers, lambda height, entered, y, x: (height, entered), carry=False)


@wrong("flood-queue")
def immersion(elevation, markers):
    """Level by level over all pixels, as in section 4: another tie rule."""
    labels, sources = np.zeros(np.add(markers.shape, 2), int), np.pad(markers, 1)
    height = np.pad(elevation.astype(float), 1, constant_values=np.inf)
    for level in np.unique(elevation):
        labels = np.where((height == level) & (sources > 0), sources, labels)
        while True:
            around = np.stack(
                [np.roll(labels, step, axis) for step, axis in ((1, 0), (1, 1), (-1, 1), (-1, 0))]
            )
            first = np.argmax(around > 0, axis=0)[None]
            new = np.take_along_axis(around, first, axis=0)[0]
            shore = (labels == 0) & (sources == 0) & (height <= level) & (new > 0)
            if not shore.any():
                break
            labels[shore] = new[shore]
    return labels[1:-1, 1:-1]


@wrong("flood-queue")
def library_with_another_tie_rule(elevation, markers):
    """scikit-image takes marker pixels of one height in no stated order."""
    return segmentation.watershed(elevation, markers)


@wrong("flood-queue")
def wet_from_the_start(elevation, markers):
    """Markers flow at any level, also below their own elevation."""
    return watershed.watershed(np.where(markers > 0, elevation.min(), elevation), markers)


@wrong("flood-queue")
def level_from_zero(elevation, markers):
    """The water level begins at 0, and the land lies below."""
    return watershed.watershed(np.maximum(elevation, 0), markers)


@wrong("flood-queue")
def last_entry_left(elevation, markers):
    """``while len(queue) > 1``."""
    return with_key(elevation, markers, lambda height, entered, y, x: (height, entered), left=1)


@wrong("flood-queue")
def counter_stands(elevation, markers):
    """The counter is never increased after the markers."""
    first = np.count_nonzero(markers)
    return with_key(elevation, markers, lambda height, entered, y, x: (height, min(entered, first), y, x))


@wrong("flood-queue")
def minus_after_the_markers(elevation, markers):
    first = np.count_nonzero(markers)
    return with_key(
        elevation, markers, lambda height, entered, y, x: (height, entered if entered < first else -entered)
    )


@wrong("flood-queue")
def negative_index(elevation, markers):
    """The border test lacks ``0 <=``."""
    labels, queue, entered = markers.copy(), [], 0
    for y, x in np.argwhere(markers > 0).tolist():
        heapq.heappush(queue, (elevation[y, x], entered, y, x))
        entered += 1
    while queue:
        level, _, y, x = heapq.heappop(queue)
        for v, u in ((y - 1, x), (y, x - 1), (y, x + 1), (y + 1, x)):
            if v < labels.shape[0] and u < labels.shape[1] and labels[v, u] == 0:
                labels[v, u] = labels[y, x]
                heapq.heappush(queue, (max(level, elevation[v, u]), entered, v, u))
                entered += 1
    return labels


@wrong("flood-queue")
def markers_as_ones(elevation, markers):
    return watershed.watershed(elevation, (markers > 0).astype(int))


@wrong("flood-queue")
def markers_in_the_order_of_their_numbers(elevation, markers):
    return with_key(
        elevation,
        markers,
        lambda height, entered, y, x: (height, entered),
        places=sorted(np.argwhere(markers > 0).tolist(), key=lambda place: markers[tuple(place)]),
    )


@wrong("flood-queue")
def markers_column_by_column(elevation, markers):
    return with_key(
        elevation,
        markers,
        lambda height, entered, y, x: (height, entered),
        places=[place[::-1] for place in np.argwhere(markers.T > 0).tolist()],
    )


@wrong("flood-queue")
def above_forgotten(elevation, markers):
    return with_key(elevation, markers, in_order, around=((0, -1), (0, 1), (1, 0)))


@wrong("flood-queue")
def left_forgotten(elevation, markers):
    return with_key(elevation, markers, in_order, around=((-1, 0), (0, 1), (1, 0)))


@wrong("flood-queue")
def right_forgotten(elevation, markers):
    return with_key(elevation, markers, in_order, around=((-1, 0), (0, -1), (1, 0)))


@wrong("flood-queue")
def below_forgotten(elevation, markers):
    return with_key(elevation, markers, in_order, around=((-1, 0), (0, -1), (0, 1)))


@wrong("flood-queue")
def above_and_below_forgotten(elevation, markers):
    return with_key(elevation, markers, in_order, around=((0, -1), (0, 1)))


@wrong("flood-queue")
def above_and_right_forgotten(elevation, markers):
    return with_key(elevation, markers, in_order, around=((0, -1), (1, 0)))


@wrong("flood-queue")
def minimum_for_maximum(elevation, markers):
    return with_key(elevation, markers, in_order, rise=min)


@wrong("flood-queue")
def row_and_column_0_are_outside(elevation, markers):
    """``0 < v`` for ``0 <= v``."""
    return with_key(elevation, markers, in_order, first=1)


@wrong("flood-queue")
def last_row_and_column_are_outside(elevation, markers):
    return with_key(elevation, markers, in_order, last=1)


@wrong("flood-queue")
def frame_is_outside(elevation, markers):
    return with_key(elevation, markers, in_order, first=1, last=1)


@wrong("flood-queue")
def whole_heights(elevation, markers):
    return watershed.watershed(elevation.astype(int), markers)


@wrong("flood-queue")
def labels_begin_as_zeros(elevation, markers):
    """The markers hand on a 0, so each pixel enters again and again."""
    labels = np.zeros_like(markers)
    queue = np.argwhere(markers > 0).tolist()
    while queue:
        y, x = queue.pop()
        for v, u in neighbours(y, x, labels.shape):
            if labels[v, u] == 0:
                labels[v, u] = labels[y, x]
                queue.append((v, u))
    return labels


@wrong("flood-queue")
def bool_result(elevation, markers):
    return watershed.watershed(elevation, markers) > 0


@wrong("flood-queue")
def never_ends(elevation, markers):
    """Labelled pixels enter again and again."""
    queue = [(0, 0, 0)]
    while queue:
        level, y, x = heapq.heappop(queue)
        heapq.heappush(queue, (level, y, x))
    return markers


def neighbours(y, x, shape, around=SIDES, first=0, last=0):
    for dy, dx in around:
        if first <= y + dy < shape[0] - last and first <= x + dx < shape[1] - last:
            yield y + dy, x + dx


def in_order(height, entered, y, x):
    return height, entered


def with_key(
    elevation, markers, key, carry=True, around=SIDES, places=None, left=0, rise=max, first=0, last=0
):
    labels, queue, entered = markers.copy(), [], 0
    for y, x in np.argwhere(markers > 0).tolist() if places is None else places:
        heapq.heappush(queue, (key(elevation[y, x], entered, y, x), elevation[y, x], y, x))
        entered += 1
    while len(queue) > left:
        _, level, y, x = heapq.heappop(queue)
        for v, u in neighbours(y, x, labels.shape, around, first, last):
            if labels[v, u] == 0:
                labels[v, u] = labels[y, x]
                height = rise(level, elevation[v, u]) if carry else elevation[v, u]
                heapq.heappush(queue, (key(height, entered, v, u), height, v, u))
                entered += 1
    return labels


# -- repair-split -------------------------------------------------------------------------------------


@right("repair-split")
def from_the_top_of_the_range(mask):
    """The landscape turned over by subtraction, with whole numbers in the same order."""
    distance = watershed.distance_transform(mask)
    markers = morphology.label(watershed.maxima(distance), 8)
    _, ranks = np.unique(distance, return_inverse=True)
    return watershed.watershed(ranks.max() - ranks.reshape(mask.shape), markers, mask=mask)


@right("repair-split")
def flooded_then_cleared(mask):
    """Outside the mask stands a wall, which is flooded last and then cleared."""
    distance = watershed.distance_transform(mask)
    markers = morphology.label(watershed.maxima(distance) & mask, 8)
    return np.where(mask, watershed.watershed(np.where(mask, -distance, 1), markers), 0)


@right("repair-split")
def trusted_library(mask):
    distance = watershed.distance_transform(mask)
    return segmentation.watershed(-distance, morphology.label(watershed.maxima(distance), 8), mask=mask)


@wrong("repair-split")
def mask_by_position(mask):
    distance = watershed.distance_transform(mask)
    return watershed.watershed(-distance, morphology.label(watershed.maxima(distance), 8), mask)


@wrong("repair-split")
def four_neighbours(mask):
    """A top that hangs together over a corner gets two markers."""
    distance = watershed.distance_transform(mask)
    return watershed.watershed(-distance, morphology.label(watershed.maxima(distance)), mask=mask)


@wrong("repair-split")
def sources_outside(mask):
    distance = watershed.distance_transform(mask)
    return watershed.watershed(-distance, morphology.label(watershed.maxima(-distance), 8), mask=mask)


@wrong("repair-split")
def sign_only(mask):
    distance = watershed.distance_transform(mask)
    return watershed.watershed(-distance, morphology.label(watershed.maxima(distance), 8))


@wrong("repair-split")
def mask_only(mask):
    distance = watershed.distance_transform(mask)
    return watershed.watershed(distance, morphology.label(watershed.maxima(distance), 8), mask=mask)


@wrong("repair-split")
def inverted_mask(mask):
    """The water may go where it should not."""
    distance = watershed.distance_transform(mask)
    return watershed.watershed(-distance, morphology.label(watershed.maxima(distance), 8), mask=~mask)


@wrong("repair-split")
def only_markers(mask):
    return morphology.label(watershed.maxima(watershed.distance_transform(mask)), 8)


@wrong("repair-split")
def distance_as_mask(mask):
    distance = watershed.distance_transform(mask)
    return watershed.watershed(-distance, morphology.label(watershed.maxima(distance), 8), mask=distance)


@wrong("repair-split")
def whole_distances(mask):
    distance = watershed.distance_transform(mask)
    markers = morphology.label(watershed.maxima(distance), 8)
    return watershed.watershed(-distance.astype(int), markers, mask=mask)


@wrong("repair-split")
def markers_as_they_were(mask):
    return morphology.label(watershed.maxima(watershed.distance_transform(mask)), 8)


@wrong("repair-split")
def absolute_value(mask):
    distance = watershed.distance_transform(mask)
    return watershed.watershed(abs(-distance), morphology.label(watershed.maxima(distance), 8), mask=mask)


# -- territory ----------------------------------------------------------------------------------------


@right("territory")
def nearest_object_by_index(labels, reach):
    """Each background pixel asks which object pixel is nearest."""
    if (labels > 0).all():
        return labels
    distance, nearest = ndimage.distance_transform_edt(labels == 0, return_indices=True)
    return np.where(distance <= reach, labels[tuple(nearest)], 0)


@right("territory")
def library_of_labels(labels, reach):
    return segmentation.expand_labels(labels, reach)


@right("territory")
def one_distance_for_each_object(labels, reach):
    """A stack of distances, one for each object; the least wins."""
    numbers = np.unique(labels[labels > 0])
    stack = np.stack([watershed.distance_transform(labels != number) for number in numbers])
    return np.where(stack.min(axis=0) <= reach, numbers[stack.argmin(axis=0)], 0)


@wrong("territory")
def flat(labels, reach):
    """The water counts steps."""
    within = watershed.distance_transform(labels == 0) <= reach
    return watershed.watershed(np.zeros(labels.shape), labels, mask=within)


@wrong("territory")
def falling(labels, reach):
    distance = watershed.distance_transform(labels == 0)
    return watershed.watershed(-distance, labels, mask=distance <= reach)


@wrong("territory")
def nearest_centre(labels, reach):
    """Long objects end at their middle."""
    numbers, (y, x) = np.unique(labels[labels > 0]), np.indices(labels.shape)
    centres = ndimage.center_of_mass(labels > 0, labels, numbers)
    nearest = numbers[np.argmin([np.hypot(y - row, x - column) for row, column in centres], axis=0)]
    return np.where(labels > 0, labels, nearest * (watershed.distance_transform(labels == 0) <= reach))


@wrong("territory")
def sources_are_dry(labels, reach):
    distance = watershed.distance_transform(labels == 0)
    return watershed.watershed(distance, labels, mask=(distance <= reach) & (labels == 0))


@wrong("territory")
def whole_reach(labels, reach):
    return segmentation.expand_labels(labels, int(reach))


@wrong("territory")
def dilated_one_after_another(labels, reach):
    """The object that comes first takes what two can reach, and the reach is made whole."""
    grown = labels.copy()
    for number in np.unique(labels[labels > 0]):
        near = morphology.dilate(labels == number, morphology.disk(int(reach)))
        grown[near & (grown == 0)] = number
    return grown


@wrong("territory")
def without_end(labels, reach):
    return segmentation.expand_labels(labels, 10**6)


@wrong("territory")
def grey_dilation(labels, reach):
    return ndimage.maximum_filter(labels, footprint=morphology.disk(int(reach)))


@wrong("territory")
def square_reach(labels, reach):
    """The largest of the two differences for the distance."""
    near = ndimage.distance_transform_cdt(labels == 0, "chessboard") <= reach
    return np.where(near | (labels > 0), segmentation.expand_labels(labels, 10**6), 0)


@wrong("territory")
def one_pixel_short(labels, reach):
    return segmentation.expand_labels(labels, max(reach - 1, 0))


@wrong("territory")
def mask_of_cells(labels, reach):
    return watershed.distance_transform(labels == 0) <= reach


@wrong("territory")
def renumbered(labels, reach):
    """Objects are numbered anew by components."""
    return segmentation.expand_labels(morphology.label(labels > 0), reach)


# -- prominence ---------------------------------------------------------------------------------------


@right("prominence")
def sinking_water(heights):
    """Islands that rise out of sinking water: when two join, the lower top has found its pass."""
    n, result = len(heights), np.zeros(len(heights))
    top = {}
    for place in np.argsort(-heights).tolist():
        near = [top[q] for q in (place - 1, place + 1) if q in top]
        if not near:
            top[place] = place
            continue
        best = max(near, key=lambda t: heights[t])
        for other in near:
            if other != best:
                result[other] = heights[other] - heights[place]
        for q, owner in [*top.items()]:
            if owner in near:
                top[q] = best
        top[place] = best
    result[int(np.argmax(heights))] = np.inf
    assert n == len(top)
    return result


@right("prominence")
def every_pair_of_peaks(heights):
    """For each peak the best pass to any higher pixel, by brute force."""
    n, result = len(heights), np.zeros(len(heights))
    for p in range(n):
        if all(heights[q] < heights[p] for q in (p - 1, p + 1) if 0 <= q < n):
            passes = [heights[min(p, q) : max(p, q) + 1].min() for q in range(n) if heights[q] > heights[p]]
            result[p] = heights[p] - max(passes) if passes else np.inf
    return result


def walked(heights, sides=(-1, 1), goes_on=None, low=None, best=max, answer=None):
    """The walk of the exercise's text, with places for mistakes."""
    goes_on = goes_on or (lambda here, lowest, peak: here <= peak)
    answer = answer or (lambda peak, passes: peak - best(passes))
    n, result = len(heights), np.zeros(len(heights))
    for p in range(n):
        if any(heights[q] > heights[p] for q in (p - 1, p + 1) if 0 <= q < n):
            continue
        passes = []
        for step in sides:
            q, lowest = p, heights[p] if low is None else low
            while 0 <= q < n and goes_on(heights[q], lowest, heights[p]):
                lowest = min(lowest, heights[q])
                q += step
            if 0 <= q < n:
                passes.append(lowest)
        result[p] = answer(heights[p], passes) if passes else np.inf
    return result


@right("prominence")
def walk(heights):
    return walked(heights)


@wrong("prominence")
def until_it_rises(heights):
    return walked(heights, goes_on=lambda here, lowest, peak: here <= lowest)


@wrong("prominence")
def left_only(heights):
    return walked(heights, sides=(-1,))


@wrong("prominence")
def right_only(heights):
    return walked(heights, sides=(1,))


@wrong("prominence")
def the_pass(heights):
    return walked(heights, answer=lambda peak, passes: max(passes))


@wrong("prominence")
def wrong_way_round(heights):
    return walked(heights, answer=lambda peak, passes: max(passes) - peak)


@wrong("prominence")
def low_begins_at_zero(heights):
    return walked(heights, low=0)


@wrong("prominence")
def highest_low_begins_at_zero(heights):
    return walked(heights, answer=lambda peak, passes: peak - max([0, *passes]))


@wrong("prominence")
def as_scipy_has_it(heights):
    """Both sides count, and ends are no peaks."""
    result = np.zeros(len(heights))
    peaks, _ = signal.find_peaks(heights)
    result[peaks] = signal.peak_prominences(heights, peaks)[0]
    return result


@wrong("prominence")
def every_side_counts(heights):
    return both_sides(heights)


@wrong("prominence")
def every_side_counts_but_the_highest_is_infinite(heights):
    result = both_sides(heights)
    result[np.argmax(heights)] = np.inf
    return result


def both_sides(heights):
    """The lowest point of a side on which nothing is higher is taken for a pass."""
    n, result = len(heights), np.zeros(len(heights))
    for p in range(n):
        if any(heights[q] > heights[p] for q in (p - 1, p + 1) if 0 <= q < n):
            continue
        lows = []
        for way in (heights[:p][::-1], heights[p + 1 :]):
            higher = np.flatnonzero(way > heights[p])
            if higher.size or way.size:
                lows.append(way[: higher[0]].min() if higher.size else way.min())
        result[p] = heights[p] - max(lows) if lows else np.inf
    return result


@wrong("prominence")
def above_the_neighbours(heights):
    padded = np.pad(heights, 1, constant_values=-np.inf)
    return np.maximum(heights - np.maximum(padded[:-2], padded[2:]), 0)


@wrong("prominence")
def above_the_lowest(heights):
    peaks = np.array(
        [p == np.argmax(heights[max(p - 1, 0) : p + 2]) + max(p - 1, 0) for p in range(len(heights))]
    )
    return np.where(peaks, heights - heights.min(), 0.0)


@wrong("prominence")
def deeper_side(heights):
    n, result = len(heights), np.zeros(len(heights))
    for p in range(n):
        if all(heights[q] < heights[p] for q in (p - 1, p + 1) if 0 <= q < n):
            passes = [heights[min(p, q) : max(p, q) + 1].min() for q in range(n) if heights[q] > heights[p]]
            result[p] = heights[p] - min(passes) if passes else np.inf
    return result
