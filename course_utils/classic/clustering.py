"""Groups of pixels without their number: mean shift climbs to the modes of a density, SLIC tiles the image.

The insight of mean shift: the mean of the points around you lies uphill. Go there, and again, and you reach a mode
without ever computing the density; whoever reaches the same mode is of one group. The bandwidth, how far "around"
reaches, takes the place of the number of groups: it has to be chosen just the same. SLIC is k-means for pixels that
knows where they lie, so each needs to look at its nearest few centres only. Taught in lesson 04; k-means and mixtures
are in ``mixtures``.

The kernel is flat: points within one bandwidth count 1, others 0. The density that is then climbed is the one of the
Epanechnikov kernel, Σ max(0, 1 − r²) over the points at a distance of r bandwidths. With a flat kernel the same
neighbours have the same mean, so that a climb ends after finitely many steps, exactly on a place that is the mean of
its own neighbours. That is a mode, a top of the density, unless a point lies exactly one bandwidth away: there the
density has a kink, and such a place may even be the bottom of a dip (Huang, Fu & Sidiropoulos, On convergence of
Epanechnikov mean shift, Proceedings of the AAAI Conference on Artificial Intelligence 32, 2018,
doi:10.1609/aaai.v32i1.11657). Distances are compared without dividing by a bandwidth, so that a point exactly one
bandwidth away counts wherever the numbers are exact, as whole grey values and bandwidths are.
"""

import math
from typing import NamedTuple

import numpy as np

from course_utils.classic.filters import grey
from course_utils.classic.morphology import find_root
from course_utils.kernel import by_rows, kernel

LANES = 64  # points looked at together
STEPS = 1000  # of a climb, at most; ten or twenty are usual
ROUNDS = 10  # of SLIC, as in the paper
LEAST = 1e-140  # of bandwidths: the products of two squares of smaller ones are 0


class Groups(NamedTuple):
    """What ``mean_shift`` found."""

    modes: np.ndarray  #: float64 (k, d), the one with the most points around it first
    labels: np.ndarray  #: int32 (...,), number of the mode that each point climbs to
    ends: np.ndarray  #: float64 (..., d), where its climb came to rest, before near modes were merged


# ------------------------------------------------------------------------------------------------ images


def mean_shift_filter(image, spatial, colour):
    """Smooth an image and keep its edges: each pixel takes the colour of the mode that it climbs to.

    Parameters, errors, cost and reference as for ``mean_shift_modes``. Returns: float64, of the image's shape.
    """
    modes = mean_shift_modes(image, spatial, colour)
    return modes[..., 2:].reshape(np.shape(image))


def mean_shift_modes(image, spatial, colour):
    """Where each pixel ends when it climbs the density of pixels in place and colour together.

    Pixel (y, x) of colour c is the point (y / spatial, x / spatial, c / colour). From each pixel's own point:

    1. The neighbours: the pixels at most 1 away. They lie in a window of 2 · spatial + 1 rows and columns, so that no
       search tree is needed.
    2. Go to the mean of the neighbours, in place and in colour.
    3. Again from 1 until the mean is where we stand (or after 1000 steps).

    Parameters: image (H, W) or (H, W, C), any real dtype, C at most 3; spatial, bandwidth in pixels, at least 1;
    colour, bandwidth in units of the image's values, above 0. Best in colours whose distance is how different
    they look (Lab).
    Returns: float64 (H, W, 2 + C): y, x and colour of the mode.
    Raises TypeError or ValueError for a bad image (see ``filters.grey``) or bandwidth.
    Cost: about 4 · spatial² · (C + 2) operations a pixel and step; some ten steps.

    Reference: Comaniciu & Meer, Mean shift: a robust approach toward feature space analysis, IEEE Transactions on
    Pattern Analysis and Machine Intelligence 24, 2002, doi:10.1109/34.1000236. There the neighbours lie within
    ``spatial`` in the image and within ``colour`` in colour; here within 1 of both together, which makes the climb that
    of one density. Lesson 04.
    """
    pixels, channels = _pixels(image, spatial, colour)
    height, width, _ = pixels.shape
    modes = np.empty((height, width, 5))
    window = (
        2 * int(spatial) + 1
    ) ** 2  # what a pixel costs, in pixels: small images are work for several threads
    by_rows(_modes, (height, width * window), pixels, float(spatial), float(colour), modes, band=16)
    return modes[..., : 2 + channels]


def mean_shift_path(image, y, x, spatial, colour):
    """The climb of one pixel, as ``mean_shift_modes`` makes it, step by step.

    Parameters: y, x, whole numbers, a pixel of the image; the others as for ``mean_shift_modes``.
    Returns: float64 (n, 2 + C): y, x and colour, from the pixel itself to its mode.
    Raises ValueError also for a pixel outside the image.
    """
    pixels, channels = _pixels(image, spatial, colour)
    height, width, _ = pixels.shape
    if not (0 <= y < height and 0 <= x < width):
        raise ValueError(f"pixel ({y}, {x}) is not in the image: y is 0 … {height - 1}, x is 0 … {width - 1}")
    path = np.empty((STEPS + 1, 5))
    path = path[: _climb(pixels, int(y), int(x), float(spatial), float(colour), path)]
    return path[:, : 2 + channels]


def joint_density(image, places, spatial, colour):
    """The density that mean shift climbs, at given places: Σ max(0, 1 − r²) over all pixels, float64 (...,).

    Parameters: places (..., 2 + C), y, x and colour, as paths and modes give them; the others as for
    ``mean_shift_modes``. r is the distance in place and colour, each in its bandwidths. 1 is a lonely pixel.
    """
    pixels, channels = _pixels(image, spatial, colour)
    places = np.asarray(places, np.float64)
    if places.shape[-1:] != (2 + channels,):
        raise ValueError(f"places must have shape (..., {2 + channels}): y, x and colour, not {places.shape}")
    rows, columns = (np.arange(size) for size in pixels.shape[:2])
    density = np.empty(places.shape[:-1])
    for index in np.ndindex(density.shape):
        y, x = places[index][:2]
        near_y, near_x = (np.flatnonzero(abs(line - at) <= spatial) for line, at in ((rows, y), (columns, x)))
        away = ((near_y - y) / spatial)[:, None] ** 2 + ((near_x - x) / spatial) ** 2
        near = pixels[np.ix_(near_y, near_x)][..., :channels]
        away += (((near - places[index][2:]) / colour) ** 2).sum(axis=2)
        density[index] = np.maximum(0, 1 - away).sum()
    return density


def mean_shift_segments(image, spatial, colour, area=1):
    """Regions of pixels that climb to the same mode: connected, numbered 1 … n as a reader meets them.

    1. The mode of each pixel (``mean_shift_modes``).
    2. Two pixels side by side are of one region when their modes are at most 1 apart, in place and colour together.
    3. A region smaller than ``area`` joins the neighbour whose mean modal colour is nearest, until none is left.

    Parameters: area, in pixels; the others, errors and reference as for ``mean_shift_modes``.
    Returns: int32 (H, W). Cost: the modes take nearly all of it.
    """
    modes = mean_shift_modes(image, spatial, colour)
    scaled = modes / np.array([spatial] * 2 + [colour] * (modes.shape[2] - 2))
    parent = np.empty(modes.shape[:2], np.int32)
    _join_near_modes(scaled, parent.ravel())
    return _without_small(parent, np.ascontiguousarray(modes[..., 2:]), area)


@kernel
def _modes(first, last, pixels, spatial, colour, modes):
    """A climb that comes to a place where an earlier one has been will end where that one ended."""
    width = pixels.shape[1]
    places = np.empty((8 * (last - first) * width, 5))
    pixel = np.full(len(places), -1)  # whose climb came by each of the places, a table by hash
    path = np.empty((2, 5))
    for p in range(first * width, last * width):
        y, x = p // width, p % width
        here, there = path[0], path[1]
        _start(pixels, y, x, here)
        end = p
        for _ in range(STEPS):
            _mean_of_neighbours(pixels, here, spatial, colour, there)
            if _same(here, there):
                break
            slot = _slot(there, places, pixel)
            if pixel[slot] >= 0 and _same(places[slot], there):
                end = pixel[slot]
                break
            pixel[slot], places[slot] = p, there
            here, there = there, here
        modes[y, x] = here if end == p else modes[end // width, end % width]


@kernel
def _slot(place, places, pixel):
    """The slot that holds the place, or an empty one, or where neither is near, that of another place."""
    code = 0.0
    for number in place:
        code = (code + number) * 7919.73 % 1.0  # its digits, stirred: places side by side come far apart
    first = int(code * len(pixel))
    for slot in range(first, first + 8):
        if pixel[slot % len(pixel)] < 0 or _same(places[slot % len(pixel)], place):
            return slot % len(pixel)
    return first % len(pixel)


@kernel
def _same(one, other):
    same = True
    for j in range(one.size):
        same &= one[j] == other[j]
    return same


@kernel
def _start(pixels, y, x, here):
    here[0], here[1] = y, x
    for c in range(3):
        here[2 + c] = pixels[y, x, c]


@kernel
def _climb(pixels, y, x, spatial, colour, path):
    """Write the path of pixel (y, x); how many places it has."""
    _start(pixels, y, x, path[0])
    for step in range(1, len(path)):
        _mean_of_neighbours(pixels, path[step - 1], spatial, colour, path[step])
        if _same(path[step - 1], path[step]):
            return step
    return len(path)


@kernel
def _mean_of_neighbours(pixels, here, spatial, colour, mean):
    """Fill in the mean of the pixels within one bandwidth, with both sides times spatial² · colour², so that whole
    numbers stay whole.
    """
    y, x, r, g, b = here
    places, colours = colour * colour, spatial * spatial
    count = rows = columns = reds = greens = blues = 0.0
    for i in range(max(math.ceil(y - spatial), 0), min(math.floor(y + spatial) + 1, len(pixels))):
        down = (i - y) * (i - y)
        reach = math.sqrt(max(colours - down, 0.0))
        room = places * (colours - down)
        row = pixels[i]
        inside_before = count
        for j in range(max(math.ceil(x - reach), 0), min(math.floor(x + reach) + 1, len(row))):
            dx, dr, dg, db = j - x, row[j, 0] - r, row[j, 1] - g, row[j, 2] - b
            inside = 1.0 if places * dx * dx + colours * (dr * dr + dg * dg + db * db) <= room else 0.0
            count += inside  # a product instead of a branch, which the processor could not foresee
            columns += inside * j
            reds += inside * row[j, 0]
            greens += inside * row[j, 1]
            blues += inside * row[j, 2]
        rows += (count - inside_before) * i
    mean[0], mean[1] = rows / count, columns / count
    mean[2], mean[3], mean[4] = reds / count, greens / count, blues / count


@kernel
def _add(row, number, out, size):
    for i in range(size):
        out[i] = row[i] + number


@kernel
def _add_square(row, value, out, size):
    for i in range(size):
        out[i] += (row[i] - value) * (row[i] - value)


@kernel
def _add_product(one, other, out, size):
    for i in range(size):
        out[i] += one[i] * other[i]


@kernel
def _sum(row, size):
    total = 0.0
    for i in range(size):
        total += row[i]
    return total


@kernel
def _join_near_modes(modes, parent):
    height, width, _ = modes.shape
    for y in range(height):
        for x in range(width):
            p = y * width + x
            parent[p] = p
            if x > 0 and _near(modes[y, x], modes[y, x - 1], 1.0):
                _join(parent, p, p - 1)
            if y > 0 and _near(modes[y, x], modes[y - 1, x], 1.0):
                _join(parent, p, p - width)


@kernel
def _near(one, other, square):
    away = 0.0
    for j in range(one.size):
        away += (one[j] - other[j]) * (one[j] - other[j])
    return away <= square


# ------------------------------------------------------------------------------------------------ points


def mean_shift(points, bandwidth, *, starts=None):
    """The modes of a cloud of points, and the mode that each of them climbs to.

    1. Sort the points into cells with sides of one bandwidth (or more, where there would be more cells than points).
       All that lies within a bandwidth of a place is in its cell or in one beside it.
    2. From each point, go to the mean of the points within a bandwidth, until the mean is where we stand.
    3. Merge: of the places where climbs ended, take the one with the most points around it, and drop the others
       within a bandwidth of it; of the rest again, until all are taken or dropped.
    4. Each point gets the label of the taken mode nearest to where its climb ended.

    Cells are made of the three coordinates with the widest spread: in more dimensions there would be more cells to
    look into than points.

    Parameters: points (..., d), any real dtype; bandwidth, above 0, in units of the points; starts (..., d), the
    places to climb from, by default the points.
    Returns: Groups, labels and ends of the starts. A start without any point within a bandwidth stays where it is and
    has label −1: there is no mode.
    Raises TypeError or ValueError for points that are no finite numbers, for a bad bandwidth and for bad starts.
    Cost: n starts · steps · the points in 27 cells.

    Reference: Fukunaga & Hostetler, The estimation of the gradient of a density function, IEEE Transactions on
    Information Theory 21, 1975, doi:10.1109/TIT.1975.1055330; Cheng, Mean shift, mode seeking, and clustering, IEEE
    Transactions on Pattern Analysis and Machine Intelligence 17, 1995, doi:10.1109/34.400568. Lesson 04.
    """
    rows, shape = _rows(points, "points")
    _positive("bandwidth", bandwidth)
    climbers, start_shape = (rows, shape) if starts is None else _rows(starts, "starts")
    if climbers.shape[1] != rows.shape[1]:
        raise ValueError(
            f"starts must have {rows.shape[1]} coordinates, as the points, not {climbers.shape[1]}"
        )
    bandwidth = float(bandwidth)
    columns, cells = _cells(rows, bandwidth)
    ends, around = climbers.copy(), np.empty(len(climbers), np.int64)
    by_rows(_climb_points, (len(ends), len(rows)), columns, bandwidth**2, *cells, ends, around, band=64)
    seen = around > 0
    places, which = np.unique(np.column_stack([-around, ends])[seen], axis=0, return_inverse=True)
    taken, label = np.empty(len(places), np.int64), np.empty(len(places), np.int32)
    count = _merge(np.ascontiguousarray(places[:, 1:]), bandwidth**2, taken, label)
    labels = np.full(len(ends), -1, np.int32)
    labels[seen] = label[which.ravel()]
    return Groups(places[taken[:count], 1:], labels.reshape(start_shape), ends.reshape(*start_shape, -1))


@kernel
def _climb_points(first, last, columns, square, axes, low, rate, sizes, begins, ends, around):
    dimensions = len(columns)
    lanes, mean = np.empty((3 + dimensions, LANES)), np.empty(dimensions)
    for p in range(first, last):
        here = ends[p]
        for _ in range(STEPS):
            around[p] = _mean_of_near_points(
                columns, square, axes, low, rate, sizes, begins, here, lanes, mean
            )
            moved = False
            for j in range(dimensions):
                moved |= around[p] > 0 and mean[j] != here[j]
            if not moved:
                break
            for j in range(dimensions):
                here[j] = mean[j]


@kernel
def _mean_of_near_points(columns, square, axes, low, rate, sizes, begins, here, lanes, mean):
    """Fill in the mean of the points whose squared distance from ``here`` is at most ``square``; how many they are."""
    away, inside, totals = lanes[0], lanes[1], lanes[2:]
    totals[:] = 0
    cell = np.empty(3, np.int64)
    for a in range(3):
        cell[a] = math.floor((here[axes[a]] - low[a]) * rate[a])
    for i in range(max(cell[0] - 1, 0), min(cell[0] + 2, sizes[0])):
        for j in range(max(cell[1] - 1, 0), min(cell[1] + 2, sizes[1])):
            row = (i * sizes[1] + j) * sizes[2]
            from_cell, to_cell = max(cell[2] - 1, 0), min(cell[2] + 2, sizes[2])
            if from_cell >= to_cell:
                continue
            stop = begins[row + to_cell]
            for start in range(
                begins[row + from_cell], stop, LANES
            ):  # cells side by side: points side by side
                size = min(LANES, stop - start)
                for n in range(size):
                    away[n] = 0
                for c in range(len(columns)):
                    _add_square(columns[c, start:], here[c], away, size)
                for n in range(size):
                    inside[n] = away[n] <= square
                    totals[0, n] += inside[n]
                for c in range(len(columns)):
                    _add_product(inside, columns[c, start:], totals[1 + c], size)
    count = _sum(totals[0], LANES)
    for c in range(len(columns)):
        mean[c] = _sum(totals[1 + c], LANES) / max(count, 1.0)
    return count


@kernel
def _merge(places, square, taken, label):
    """Take or drop the places in their order; label[p] is the nearest taken one, and the answer their number."""
    count = 0
    for p in range(len(places)):
        near = False
        for t in range(count):
            near |= _near(places[p], places[taken[t]], square)
        if not near:
            taken[count] = p
            count += 1
    for p in range(len(places)):
        nearest = np.inf
        for t in range(count):
            away = 0.0
            for j in range(places.shape[1]):
                away += (places[p, j] - places[taken[t], j]) ** 2
            if away < nearest:
                nearest, label[p] = away, t
    return count


def _cells(rows, bandwidth):
    """(columns (d, n), sorted by cell; (axes, low, rate, sizes, begins)) of points (n, d).

    Cell (i, j, k) has number (i · sizes[1] + j) · sizes[2] + k; its points are begins[number] … begins[number + 1] − 1.
    """
    count, dimensions = rows.shape
    lowest, spread = rows.min(axis=0), np.ptp(rows, axis=0)
    widest = np.argsort(-spread, kind="stable")[:3]
    axes = np.resize(widest, 3)
    real = np.arange(3) < dimensions  # with fewer than three coordinates the cells are one deep
    spread = np.where(real, spread[axes], 0)
    side = bandwidth * (1 + 1e-9)  # a little more, for the rounding of whoever stands on a border
    while np.prod(spread // side + 1) > 4 * count + 64:
        side *= 1.25
    rate = real / side
    sizes = (spread * rate).astype(np.int64) + 1
    place = np.minimum(((rows[:, axes] - lowest[axes]) * rate).astype(np.int64), sizes - 1)
    number = (place[:, 0] * sizes[1] + place[:, 1]) * sizes[2] + place[:, 2]
    order = np.argsort(number, kind="stable")
    begins = np.append(0, np.cumsum(np.bincount(number, minlength=sizes.prod())))
    return np.ascontiguousarray(rows[order].T), (axes, lowest[axes], rate, sizes, begins)


# ------------------------------------------------------------------------------------------------ superpixels


def slic(image, count, compactness=10.0):
    """Superpixels: about ``count`` connected regions of about the same size that keep to the edges.

    1. Centres on a grid of side S = √(H · W / count), each moved to the flattest of the 3 × 3 pixels there.
    2. Each centre looks at the pixels within S rows and columns. A pixel takes the label of the centre with the least
       |colour difference|² + (compactness · distance / S)².
    3. Each centre moves to the mean place and colour of its pixels. Ten times steps 2 and 3.
    4. Each connected piece of a label becomes a region of its own; pieces below a quarter of S² join the neighbour
       whose mean colour is nearest, so that no stray pieces are left and every label is one 4-connected region.

    Parameters: image (H, W) or (H, W, C), any real dtype, best in Lab (``skimage.color.rgb2lab``); count, 1 … number of
    pixels; compactness, above 0, in units of the image: the difference of colour that weighs as much as a distance
    of S. 10 suits Lab; for values in [0, 1] take about 0.1.
    Returns: int32 (H, W), labels 1 … n as a reader meets them, n near ``count`` where the image is wider and higher
    than S (a strip narrower than S has more: its cells are as wide as it is).
    Raises TypeError or ValueError for a bad image (see ``filters.grey``), count or compactness.
    Cost: about 4 (C + 2) operations a pixel and round, whatever ``count``: k-means would take ``count`` times C.

    Reference: Achanta, Shaji, Smith, Lucchi, Fua & Süsstrunk, SLIC superpixels compared to state-of-the-art superpixel
    methods, IEEE Transactions on Pattern Analysis and Machine Intelligence 34, 2012, doi:10.1109/TPAMI.2012.120.
    Lesson 04.
    """
    planes = _planes(image)
    _, height, width = planes.shape
    if not isinstance(count, int | np.integer) or not 1 <= count <= height * width:
        raise ValueError(
            f"count must be a whole number from 1 to the number of pixels, {height * width}, not {count!r}"
        )
    _positive("compactness", compactness)
    step = math.sqrt(height * width / count)
    centres, labels = _grid(planes, step)
    bands = -(-height // 256)
    nearest = np.empty((height, width), np.float32)
    for _ in range(ROUNDS):
        totals = np.zeros((bands, len(centres), 3 + len(planes)))
        by_rows(
            _nearest_centres, labels.shape, planes, centres, step, compactness / step, nearest, labels, totals
        )
        total = totals.sum(axis=0)
        centres = np.where(total[:, :1] > 0, total[:, 1:] / np.maximum(total[:, :1], 1), centres)
    return absorb_small(labels, image, step**2 / 4)


@kernel
def _nearest_centres(first, last, planes, centres, step, weight, nearest, labels, totals):
    channels, _, width = planes.shape
    lanes, colour = np.empty((3, width), np.float32), centres.astype(np.float32)
    across, away, down = lanes[0], lanes[1], lanes[2]
    nearest[first:last] = np.inf
    for k in range(len(centres)):
        cy, cx = centres[k, 0], centres[k, 1]
        left, right = max(math.ceil(cx - step), 0), min(math.floor(cx + step) + 1, width)
        size = right - left
        for i in range(size):
            across[i] = (weight * (left + i - cx)) ** 2
        for y in range(max(math.ceil(cy - step), first), min(math.floor(cy + step) + 1, last)):
            down[0] = (weight * (y - cy)) ** 2
            _add(across, down[0], away, size)
            for c in range(channels):
                _add_square(planes[c, y, left:], colour[k, 2 + c], away, size)
            least, label = nearest[y, left:right], labels[y, left:right]
            for i in range(size):
                nearer = away[i] < least[i]
                least[i] = away[i] if nearer else least[i]
                label[i] = k if nearer else label[i]
    sums = totals[first // 256]
    for y in range(first, last):
        for x in range(width):
            total = sums[labels[y, x]]
            total[0] += 1
            total[1] += y
            total[2] += x
            for c in range(channels):
                total[3 + c] += planes[c, y, x]


def _grid(planes, step):
    """(centres float64 (k, 2 + C): y, x and colour, each on the flattest pixel; labels (H, W), the cells)."""
    height, width = planes.shape[1:]
    rows, columns = max(round(height / step), 1), max(round(width / step), 1)
    labels = (np.arange(height) * rows // height)[:, None] * columns + np.arange(width) * columns // width
    y = ((np.arange(rows) + 0.5) * height / rows).astype(int).repeat(columns)
    x = np.tile(((np.arange(columns) + 0.5) * width / columns).astype(int), rows)
    slope = np.zeros((height, width), np.float32)
    for axis in (1, 2):
        if planes.shape[axis] > 1:
            slope += (np.gradient(planes, axis=axis) ** 2).sum(axis=0)
    ways = np.array([(0, 0), *[(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx]])
    near_y = np.clip(y + ways[:, :1], 0, height - 1)
    near_x = np.clip(x + ways[:, 1:], 0, width - 1)
    best = slope[near_y, near_x].argmin(axis=0), np.arange(len(y))
    y, x = near_y[best], near_x[best]
    return np.column_stack([y, x, *planes[:, y, x]]).astype(np.float64), labels.astype(np.int32)


# ------------------------------------------------------------------------------------------------ regions


def absorb_small(labels, image, area):
    """Connected regions of at least ``area`` pixels: smaller ones join the neighbour with the nearest mean colour.

    1. Each 4-connected piece of a label is a region of its own.
    2. In rounds: each region that is too small joins the neighbour whose mean colour is nearest. At least half of
       them are gone after each round, since every one joins another region.

    Parameters: labels, integers (H, W); image (H, W) or (H, W, C), where the colours come from; area, in pixels.
    Returns: int32 (H, W), labels 1 … n as a reader meets them.
    Raises TypeError or ValueError for a bad image, labels that do not fit it, and an area that is not above 0.
    Cost: one pass over the pixels a round. Lesson 04.
    """
    planes, labels = _planes(image), np.asarray(labels)
    if labels.shape != planes.shape[1:] or labels.dtype.kind not in "iu":
        raise ValueError(
            f"labels must be integers of the image's shape {planes.shape[1:]}, "
            f"but are {labels.dtype} of shape {labels.shape}"
        )
    parent = np.empty(labels.shape, np.int32)
    _join_equal(np.ascontiguousarray(labels), parent.ravel())
    return _without_small(parent, np.ascontiguousarray(planes.transpose(1, 2, 0)), area)


@kernel
def _join_equal(labels, parent):
    height, width = labels.shape
    for y in range(height):
        for x in range(width):
            p = y * width + x
            parent[p] = p
            if x > 0 and labels[y, x] == labels[y, x - 1]:
                _join(parent, p, p - 1)
            if y > 0 and labels[y, x] == labels[y - 1, x]:
                _join(parent, p, p - width)


@kernel
def _join(parent, p, q):
    """One tree of the two that hold p and q; the root is the least number of a tree."""
    p, q = find_root(parent, p), find_root(parent, q)
    parent[max(p, q)] = min(p, q)


def _without_small(parent, colours, area):
    """Step 2 of ``absorb_small``, from a forest of pixels."""
    _positive("area", area)
    labels = parent
    regions = _number(parent.ravel(), labels.ravel())
    channels = colours.shape[2]
    while True:
        totals = np.zeros((regions, 1 + channels))
        _total(labels, colours, totals)
        small = totals[:, 0] < area
        if regions == 1 or not small.any():
            return labels + np.int32(1)
        means = totals[:, 1:] / totals[:, :1]
        nearest, partner = np.full(regions, np.inf), np.arange(regions)
        _find_partners(labels, means, small, nearest, partner)
        roots = np.arange(regions, dtype=np.int32)
        for region in np.flatnonzero(small):
            _join(roots, region, partner[region])
        number = np.empty_like(roots)
        regions = _number(roots, number)
        labels = number[labels]


@kernel
def _number(parent, number):
    """Number the trees 0, 1, 2 … in the order of their roots; how many they are. ``number`` may be ``parent``."""
    count = 0
    for p in range(parent.size):
        if parent[p] == p:
            number[p] = count
            count += 1
        else:
            number[p] = number[parent[p]]
    return count


@kernel
def _total(labels, colours, totals):
    height, width, channels = colours.shape
    for y in range(height):
        for x in range(width):
            total = totals[labels[y, x]]
            total[0] += 1
            for c in range(channels):
                total[1 + c] += colours[y, x, c]


@kernel
def _find_partners(labels, means, small, nearest, partner):
    height, width = labels.shape
    for y in range(height):
        for x in range(width):
            if x > 0:
                _offer(labels[y, x], labels[y, x - 1], means, small, nearest, partner)
            if y > 0:
                _offer(labels[y, x], labels[y - 1, x], means, small, nearest, partner)


@kernel
def _offer(a, b, means, small, nearest, partner):
    if a != b and (small[a] or small[b]):
        away = 0.0
        for c in range(means.shape[1]):
            away += (means[a, c] - means[b, c]) ** 2
        for one, other in ((a, b), (b, a)):
            if away < nearest[one] or (away == nearest[one] and other < partner[one]):
                nearest[one], partner[one] = away, other


# ------------------------------------------------------------------------------------------------ input


def _planes(image, dtype=np.float32):
    """The image as (C, H, W) of that dtype."""
    array = np.asarray(image)
    if array.ndim == 2:
        return grey(array).astype(dtype, copy=False)[None]
    if array.ndim != 3 or array.shape[2] == 0:
        raise ValueError(f"image must have shape (H, W) or (H, W, C), but has shape {array.shape}")
    flat = grey(array.reshape(len(array), -1))
    return np.ascontiguousarray(flat.reshape(array.shape).transpose(2, 0, 1), dtype)


def _pixels(image, spatial, colour):
    """(float64 (H, W, 3), C): the image, with zeros for the channels it lacks."""
    _positive("colour", colour)
    if not (np.isscalar(spatial) and 1 <= spatial < np.inf):
        raise ValueError(f"spatial must be a number of pixels, 1 or more, not {spatial!r}")
    planes = _planes(image, np.float64)
    if len(planes) > 3:
        raise ValueError(
            f"image must have at most 3 channels, not {len(planes)}; mean_shift takes points in any"
        )
    pixels = np.zeros((*planes.shape[1:], 3))
    pixels[..., : len(planes)] = planes.transpose(1, 2, 0)
    return pixels, len(planes)


def _rows(points, name):
    """(float64 (n, d), shape (...,)) of points (..., d)."""
    array = np.asarray(points)
    if array.ndim < 2 or array.shape[-1] == 0:
        raise ValueError(f"{name} must have shape (..., d), coordinates last, but have shape {array.shape}")
    if not array.size:
        raise ValueError(f"{name} must hold one point at least; their shape is {array.shape}")
    return grey(array.reshape(-1, array.shape[-1]), name).astype(np.float64), array.shape[:-1]


def _positive(name, value):
    if not (np.isscalar(value) and LEAST <= value <= 1 / LEAST):
        raise ValueError(
            f"{name} must be a number above 0, with a square that is a number, too; not {value!r}"
        )
