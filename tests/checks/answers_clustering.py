"""Lesson 04: answers to its exercises, right ones written in unusual ways and usual mistakes."""

import numpy as np
from answers import right, wrong
from scipy import ndimage, sparse, spatial, special, stats

from course_utils.classic import clustering

# -- k-means-step -------------------------------------------------------------------------------------


@right("k-means-step")
def value_by_value(values, centres):
    """Loops, and sums that grow."""
    labels, sums, counts = [], [0.0] * len(centres), [0] * len(centres)
    for value in values:
        nearest = min(range(len(centres)), key=lambda c: (abs(value - centres[c]), c))
        labels.append(nearest)
        sums[nearest] += value
        counts[nearest] += 1
    new = [sums[c] / counts[c] if counts[c] else centres[c] for c in range(len(centres))]
    return np.array(labels), np.array(new, float)


@right("k-means-step")
def by_bincount(values, centres):
    labels = ((values[None, :] - centres[:, None]) ** 2).argmin(axis=0)
    counts = np.bincount(labels, minlength=len(centres))
    sums = np.bincount(labels, values, minlength=len(centres))
    return labels, np.where(counts, sums / np.maximum(counts, 1), centres)


@wrong("k-means-step")
def along_the_values(values, centres):
    """argmin along the wrong axis: the nearest value of each centre."""
    labels = np.abs(values[:, None] - centres).argmin(axis=0)
    return labels, np.array([values[labels == c].mean() if (labels == c).any() else centres[c]
                             for c in range(len(centres))])  # fmt: skip


@wrong("k-means-step")
def centres_first(values, centres):
    """The two results in the opposite order."""
    labels, new = by_bincount(values, centres)
    return new, labels


@wrong("k-means-step")
def sorted_centres(values, centres):
    """The centres are sorted first, so that labels mean others."""
    return by_bincount(values, np.sort(centres))


@wrong("k-means-step")
def until_it_rests(values, centres):
    """All rounds instead of one."""
    for _ in range(50):
        labels, centres = by_bincount(values, centres)
    return labels, np.asarray(centres, float)


@wrong("k-means-step")
def numbers_from_one(values, centres):
    labels, new = by_bincount(values, centres)
    return labels + 1, new


@wrong("k-means-step")
def assigned_twice(values, centres):
    """The labels are taken once more, after the centres have moved."""
    _, new = by_bincount(values, centres)
    return np.abs(values[:, None] - new).argmin(axis=1), new


@wrong("k-means-step")
def mean_of_all(values, centres):
    labels, _ = by_bincount(values, centres)
    return labels, np.full(len(centres), values.mean())


@wrong("k-means-step")
def centres_by_size(values, centres):
    labels, new = by_bincount(values, centres)
    return labels, np.array(sorted(new))


@wrong("k-means-step")
def two_decimals(values, centres):
    labels, new = by_bincount(values, centres)
    return labels, new.round(2)


@wrong("k-means-step")
def whole_numbers(values, centres):
    labels, new = by_bincount(values, centres)
    return labels, new.astype(int)


# -- mean-shift-groups --------------------------------------------------------------------------------


def mode_of(points, here, near):
    """Where a climb ends, with neighbours as ``near(here)`` says."""
    for _ in range(500):
        mean = points[near(here)].mean(axis=0)
        if np.abs(mean - here).max() < 1e-10:
            return here
        here = mean
    raise AssertionError("a climb ends")


def labels_of(ends, bandwidth):
    founders, labels = np.empty((0, len(ends[0]))), []
    for end in ends:
        near = np.flatnonzero(np.sqrt(((founders - end) ** 2).sum(axis=1)) <= bandwidth)
        labels.append(near[0] if near.size else len(founders))
        founders = founders if near.size else np.vstack([founders, end])
    return np.array(labels)


@right("mean-shift-groups")
def by_tree(points, bandwidth):
    """A k-d tree finds the neighbours."""
    tree = spatial.KDTree(points)
    ends = [mode_of(points, p, lambda here: tree.query_ball_point(here, bandwidth)) for p in points]
    return labels_of(ends, bandwidth)


@right("mean-shift-groups")
def all_at_once(points, bandwidth):
    """All climbers step together, weights in a matrix."""
    here = points.astype(float)
    for _ in range(500):
        near = spatial.distance.cdist(here, points) <= bandwidth
        here = near @ points / near.sum(axis=1, keepdims=True)
    return labels_of(here, bandwidth)


@right("mean-shift-groups")
def until_allclose(points, bandwidth):
    """NumPy's own idea of close, and distances without their root."""
    founders, labels = [], []
    for here in points:
        while True:
            near = ((points - here) ** 2).sum(axis=1) <= bandwidth**2
            mean = points[near].mean(axis=0)
            if np.allclose(mean, here):
                break
            here = mean
        away = [((mean - place) ** 2).sum() for place in founders]
        group = next((g for g, square in enumerate(away) if square <= bandwidth**2), len(founders))
        labels.append(group)
        if group == len(founders):
            founders.append(mean)
    return np.array(labels)


def climbs(points, bandwidth, steps=400, rest=1e-10):
    """Ends of all climbs, given up after some steps, or at a short one."""
    ends = []
    for here in points:
        for _ in range(steps):
            mean = points[np.sqrt(((points - here) ** 2).sum(axis=1)) <= bandwidth].mean(axis=0)
            if np.abs(mean - here).max() < rest:
                break
            here = mean
        ends.append(here)
    return np.array(ends)


@wrong("mean-shift-groups")
def three_steps(points, bandwidth):
    return labels_of(climbs(points, bandwidth, steps=3), bandwidth)


@wrong("mean-shift-groups")
def eight_steps(points, bandwidth):
    return labels_of(climbs(points, bandwidth, steps=8), bandwidth)


@wrong("mean-shift-groups")
def step_below_a_tenth(points, bandwidth):
    return labels_of(climbs(points, bandwidth, rest=0.1), bandwidth)


@wrong("mean-shift-groups")
def twenty_steps(points, bandwidth):
    return labels_of(climbs(points, bandwidth, steps=20), bandwidth)


@wrong("mean-shift-groups")
def fifty_steps(points, bandwidth):
    return labels_of(climbs(points, bandwidth, steps=50), bandwidth)


@wrong("mean-shift-groups")
def step_below_a_twentieth_of_the_bandwidth(points, bandwidth):
    return labels_of(climbs(points, bandwidth, rest=bandwidth / 20), bandwidth)


@wrong("mean-shift-groups")
def half_the_bandwidth_to_founders(points, bandwidth):
    return labels_of(climbs(points, bandwidth), bandwidth / 2)


@wrong("mean-shift-groups")
def one_coordinate(points, bandwidth):
    return by_tree(points[:, :1], bandwidth)


@wrong("mean-shift-groups")
def founders_as_running_means(points, bandwidth):
    founders, counts, labels = [], [], []
    for end in climbs(points, bandwidth):
        near = [g for g, place in enumerate(founders) if np.hypot.reduce(end - place) <= bandwidth]
        group = near[0] if near else len(founders)
        if near:
            counts[group] += 1
            founders[group] = founders[group] + (end - founders[group]) / counts[group]
        else:
            founders.append(end)
            counts.append(1)
        labels.append(group)
    return np.array(labels)


@wrong("mean-shift-groups")
def ends_in_place_of_points(points, bandwidth):
    here = points.astype(float)
    for i in range(len(here)):
        here[i] = mode_of(here, here[i].copy(), lambda y: np.linalg.norm(here - y, axis=1) <= bandwidth)
    return labels_of(here, bandwidth)


@wrong("mean-shift-groups")
def founders_strictly_near(points, bandwidth):
    return labels_of(climbs(points, bandwidth), bandwidth * (1 - 1e-9))


@wrong("mean-shift-groups")
def points_as_founders(points, bandwidth):
    labels, founders = [], []
    for point, end in zip(points, climbs(points, bandwidth), strict=True):
        near = [g for g, place in enumerate(founders) if np.hypot.reduce(end - place) <= bandwidth]
        labels.append(near[0] if near else len(founders))
        founders += [] if near else [point]
    return np.array(labels)


def by_distance_to_founders(points, bandwidth, choose):
    founders, labels = [], []
    for end in climbs(points, bandwidth):
        away = {g: np.hypot.reduce(end - place) for g, place in enumerate(founders)}
        near = {g: d for g, d in away.items() if d <= bandwidth}
        labels.append(choose(near) if near else len(founders))
        founders += [] if near else [end]
    return np.array(labels)


@wrong("mean-shift-groups")
def nearest_of_the_founders(points, bandwidth):
    return by_distance_to_founders(points, bandwidth, lambda near: min(near, key=near.get))


@wrong("mean-shift-groups")
def last_of_the_founders(points, bandwidth):
    return by_distance_to_founders(points, bandwidth, max)


@wrong("mean-shift-groups")
def numbered_by_size(points, bandwidth):
    labels = by_tree(points, bandwidth)
    order = np.argsort(-np.bincount(labels), kind="stable")
    return np.argsort(order)[labels]


@wrong("mean-shift-groups")
def from_the_library(points, bandwidth):
    return clustering.mean_shift(points, bandwidth).labels


@wrong("mean-shift-groups")
def all_in_one(points, bandwidth):
    return np.zeros(len(points), int)


@wrong("mean-shift-groups")
def gaussian_kernel(points, bandwidth):
    """Weights that fall with the distance, instead of a flat kernel."""
    here = points.astype(float)
    for _ in range(200):
        weights = np.exp(-spatial.distance.cdist(here, points, "sqeuclidean") / (2 * bandwidth**2))
        here = weights @ points / weights.sum(axis=1, keepdims=True)
    return labels_of(here, bandwidth)


@wrong("mean-shift-groups")
def points_move_together(points, bandwidth):
    """Blurring mean shift: the points themselves move, so the density changes under the climbers."""
    here = points.astype(float)
    for _ in range(60):
        near = spatial.distance.cdist(here, here) <= bandwidth
        here = near @ here / near.sum(axis=1, keepdims=True)
    return labels_of(here, bandwidth)


@wrong("mean-shift-groups")
def nearest_founder_of_all(points, bandwidth):
    """Labels are the places of the ends in sorted order."""
    ends = np.array(
        [mode_of(points, p, lambda h: np.linalg.norm(points - h, axis=1) <= bandwidth) for p in points]
    )
    return np.unique(ends.round(6), axis=0, return_inverse=True)[1].ravel()


@wrong("mean-shift-groups")
def half_the_bandwidth(points, bandwidth):
    return by_tree(points, bandwidth / 2)


@wrong("mean-shift-groups")
def components_of_points(points, bandwidth):
    """Single linkage: whoever can be reached in hops of a bandwidth."""
    graph = spatial.distance.cdist(points, points) <= bandwidth
    _, labels = sparse.csgraph.connected_components(graph)
    return labels


@wrong("mean-shift-groups")
def modes_for_labels(points, bandwidth):
    return np.array(
        [mode_of(points, p, lambda h: np.linalg.norm(points - h, axis=1) <= bandwidth) for p in points]
    )


# -- responsibilities ---------------------------------------------------------------------------------


@right("responsibilities")
def by_scipy(values, weights, means, variances):
    logs = stats.norm.logpdf(values[:, None], means, np.sqrt(variances)) + np.log(weights)
    return special.softmax(logs, axis=1)


@right("responsibilities")
def by_bayes_one_by_one(values, weights, means, variances):
    rows = []
    for value in values:
        terms = [
            w / np.sqrt(v) * np.exp(-0.5 * (value - m) ** 2 / v)
            for w, m, v in zip(weights, means, variances, strict=True)
        ]
        rows.append([term / sum(terms) for term in terms])
    return np.array(rows)


@wrong("responsibilities")
def deviation_is_variance(values, weights, means, variances):
    """scipy wants the standard deviation and gets the variance."""
    joint = weights * stats.norm.pdf(values[:, None], means, variances)
    return joint / joint.sum(axis=1, keepdims=True)


@wrong("responsibilities")
def by_distance(values, weights, means, variances):
    """Shares by inverse distance."""
    near = weights / (np.abs(values[:, None] - means) + 1e-9)
    return near / near.sum(axis=1, keepdims=True)


@wrong("responsibilities")
def transposed(values, weights, means, variances):
    return by_scipy(values, weights, means, variances).T


@wrong("responsibilities")
def weights_added(values, weights, means, variances):
    joint = weights + stats.norm.pdf(values[:, None], means, np.sqrt(variances))
    return joint / joint.sum(axis=1, keepdims=True)


@wrong("responsibilities")
def weights_after(values, weights, means, variances):
    """The weights come in after the shares were made, and the rows no longer add up to 1."""
    bells = stats.norm.pdf(values[:, None], means, np.sqrt(variances))
    return weights * bells / bells.sum(axis=1, keepdims=True)


@wrong("responsibilities")
def over_the_weights(values, weights, means, variances):
    joint = stats.norm.pdf(values[:, None], means, np.sqrt(variances)) / weights
    return joint / joint.sum(axis=1, keepdims=True)


@wrong("responsibilities")
def never_by_zero(values, weights, means, variances):
    """A small number in the divisor, for fear of 0."""
    joint = weights * stats.norm.pdf(values[:, None], means, np.sqrt(variances))
    return joint / (joint.sum(axis=1, keepdims=True) + 1e-8)


@wrong("responsibilities")
def by_the_sum_of_all(values, weights, means, variances):
    joint = weights * stats.norm.pdf(values[:, None], means, np.sqrt(variances))
    return joint / joint.sum()


@wrong("responsibilities")
def square_roots_of_weights(values, weights, means, variances):
    return by_scipy(values, weights**0.5, means, variances)


# -- pieces -------------------------------------------------------------------------------------------


@right("pieces")
def by_ndimage(labels):
    return np.array([ndimage.label(labels == c)[1] for c in range(int(labels.max()) + 1)])


@right("pieces")
def by_flooding(labels):
    """A stack of pixels to visit."""
    found, done = [0] * (int(labels.max()) + 1), np.zeros(labels.shape, bool)
    for pixel in np.ndindex(labels.shape):
        if done[pixel]:
            continue
        found[labels[pixel]] += 1
        stack = [pixel]
        while stack:
            y, x = stack.pop()
            if done[y, x]:
                continue
            done[y, x] = True
            for beside in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                inside = 0 <= beside[0] < labels.shape[0] and 0 <= beside[1] < labels.shape[1]
                if inside and labels[beside] == labels[pixel]:
                    stack.append(beside)
    return np.array(found)


@wrong("pieces")
def changes_along_rows(labels):
    """Counts runs in rows, not pieces."""
    first = np.ones(labels.shape, bool)
    first[:, 1:] = labels[:, 1:] != labels[:, :-1]
    return np.bincount(labels[first], minlength=int(labels.max()) + 1)


@wrong("pieces")
def how_many_clusters(labels):
    return len(np.unique(labels))


@wrong("pieces")
def one_more_each(labels):
    """Counts the background of each mask as a piece."""
    return np.array([ndimage.label(labels == c)[1] + 1 for c in range(int(labels.max()) + 1)])


@wrong("pieces")
def none_for_cluster_zero(labels):
    return np.array([0] + [ndimage.label(labels == c)[1] for c in range(1, int(labels.max()) + 1)])


@wrong("pieces")
def up_to_the_last_but_one(labels):
    return np.array([ndimage.label(labels == c)[1] for c in range(int(labels.max()))], int)


@wrong("pieces")
def with_the_zero_of_label(labels):
    return np.array([len(np.unique(ndimage.label(labels == c)[0])) for c in range(int(labels.max()) + 1)])


# -- slic-distance ------------------------------------------------------------------------------------


@right("slic-distance")
def pixel_by_pixel(image, y, x, value, step, compactness):
    away = np.full(image.shape, np.inf)
    for row, column in np.ndindex(image.shape):
        if abs(row - y) <= step and abs(column - x) <= step:
            place = np.hypot(row - y, column - x) * compactness / step
            away[row, column] = (image[row, column] - value) ** 2 + place**2
    return away


@right("slic-distance")
def by_outer_sums(image, y, x, value, step, compactness):
    down = np.arange(image.shape[0]) - y
    across = np.arange(image.shape[1]) - x
    squares = [
        np.where(np.abs(line) <= step, (compactness * line / step) ** 2, np.inf) for line in (down, across)
    ]
    return np.add.outer(*squares) + (image - value) ** 2


@wrong("slic-distance")
def strict_window(image, y, x, value, step, compactness):
    rows, columns = np.indices(image.shape)
    away = pixel_by_pixel(image, y, x, value, step, compactness)
    return np.where((abs(rows - y) < step) & (abs(columns - x) < step), away, np.inf)


@wrong("slic-distance")
def city_block(image, y, x, value, step, compactness):
    rows, columns = np.indices(image.shape)
    place = (abs(rows - y) + abs(columns - x)) * compactness / step
    inside = (abs(rows - y) <= step) & (abs(columns - x) <= step)
    return np.where(inside, (image - value) ** 2 + place**2, np.inf)


@wrong("slic-distance")
def absolute_difference(image, y, x, value, step, compactness):
    """The difference of the values is not squared."""
    away = pixel_by_pixel(image, y, x, value, step, compactness)
    return away - (image - value) ** 2 + np.abs(image - value)


@wrong("slic-distance")
def zero_outside(image, y, x, value, step, compactness):
    away = pixel_by_pixel(image, y, x, value, step, compactness)
    return np.where(np.isinf(away), 0, away)


@wrong("slic-distance")
def whole_centre(image, y, x, value, step, compactness):
    return pixel_by_pixel(image, int(y), int(x), value, step, compactness)


@wrong("slic-distance")
def multiplied_by_step(image, y, x, value, step, compactness):
    return pixel_by_pixel(image, y, x, value, step, compactness * step**2)


@wrong("slic-distance")
def billion_outside(image, y, x, value, step, compactness):
    away = pixel_by_pixel(image, y, x, value, step, compactness)
    return np.where(np.isinf(away), 1e9, away)


def in_window(image, y, x, value, step, compactness, inside):
    """The distance where ``inside`` of the distances in rows and in columns is True, else infinity."""
    rows, columns = np.indices(image.shape)
    place = np.hypot(rows - y, columns - x) * compactness / step
    return np.where(inside(abs(rows - y), abs(columns - x)), (image - value) ** 2 + place**2, np.inf)


@wrong("slic-distance")
def rows_or_columns(image, y, x, value, step, compactness):
    return in_window(
        image, y, x, value, step, compactness, lambda down, along: (down <= step) | (along <= step)
    )


@wrong("slic-distance")
def two_steps(image, y, x, value, step, compactness):
    return in_window(
        image, y, x, value, step, compactness, lambda down, along: np.maximum(down, along) <= 2 * step
    )


@wrong("slic-distance")
def plain_ratio(image, y, x, value, step, compactness):
    return pixel_by_pixel(image, y, x, value, step, np.sqrt(compactness * step))


@wrong("slic-distance")
def value_at_the_centre(image, y, x, value, step, compactness):
    return pixel_by_pixel(image, y, x, image[int(y), int(x)], step, compactness)


@wrong("slic-distance")
def slice_from_the_end(image, y, x, value, step, compactness):
    away = np.full(image.shape, np.inf)
    window = np.s_[int(y - step) : int(y + step) + 1, int(x - step) : int(x + step) + 1]
    away[window] = in_window(image, y, x, value, step, compactness, lambda down, along: down >= 0)[window]
    return away
