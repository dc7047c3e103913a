"""Lesson 02: answers to its exercises, right ones written in unusual ways and usual mistakes."""

import math
from collections import Counter
from fractions import Fraction

import numpy as np
from answers import right, wrong
from scipy import ndimage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from skimage.measure import label, regionprops

from course_utils.classic import filters, morphology, thresholding


@right("between-groups")
def squared_covariance(values, threshold):
    """The criterion is what a regression on "bright or not" explains of the variance."""
    values = np.ravel(values).astype(float)
    bright = (values > threshold).astype(float)
    if bright.min() == bright.max():
        return 0.0
    covariance = np.mean((values - values.mean()) * (bright - bright.mean()))
    return float(covariance**2 / bright.var())


@right("between-groups")
def total_less_within(values, threshold):
    """The variance of all values less the variance inside the two groups."""
    values = np.ravel(values).astype(float)
    groups = [group for group in (values[values <= threshold], values[values > threshold]) if group.size]
    if len(groups) < 2:
        return 0.0
    return values.var() - sum(group.size * group.var() for group in groups) / values.size


@right("between-groups")
def mean_of_all_pairs(values, threshold):
    """Pure Python: the mean difference over every pair of a bright and a dark value."""
    numbers = np.ravel(values).tolist()
    dark, bright = [v for v in numbers if v <= threshold], [v for v in numbers if v > threshold]
    if not dark or not bright:
        return 0.0
    pairs = len(dark) * len(bright)
    difference = sum(b - d for b in bright for d in dark) / pairs
    return pairs / len(numbers) ** 2 * difference**2


@wrong("between-groups")
def not_squared(values, threshold):
    """The difference of the means is not squared."""
    return between(
        values, threshold, lambda n, dark, bright: dark.size * bright.size / n**2 * gap(dark, bright)
    )


@wrong("between-groups")
def sizes_for_shares(values, threshold):
    """The groups' sizes stand where their shares belong."""
    return between(
        values, threshold, lambda n, dark, bright: dark.size * bright.size * gap(dark, bright) ** 2
    )


@wrong("between-groups")
def shares_added(values, threshold):
    """The shares are added, which is always 1, instead of multiplied."""
    return between(
        values, threshold, lambda n, dark, bright: (dark.size + bright.size) / n * gap(dark, bright) ** 2
    )


@wrong("between-groups")
def variance_within(values, threshold):
    """The other half of the variance: that inside the groups."""
    return between(
        values, threshold, lambda n, dark, bright: (dark.size * dark.var() + bright.size * bright.var()) / n
    )


@wrong("between-groups")
def medians(values, threshold):
    """Medians for means."""
    return between(
        values,
        threshold,
        lambda n, dark, bright: dark.size * bright.size / n**2 * (np.median(bright) - np.median(dark)) ** 2,
    )


@wrong("between-groups")
def threshold_is_bright(values, threshold):
    """A value equal to the threshold is put into the bright group."""
    values = np.ravel(values)
    dark, bright = values[values < threshold], values[values >= threshold]
    if dark.size == 0 or bright.size == 0:
        return 0.0
    return float(dark.size * bright.size / values.size**2 * gap(dark, bright) ** 2)


@wrong("between-groups")
def whole_products_squared(values, threshold):
    """The bracket is too wide: the shares are squared, too."""
    return between(
        values, threshold, lambda n, dark, bright: (dark.size * bright.size / n**2 * gap(dark, bright)) ** 2
    )


@wrong("between-groups")
def share_of_each_other(values, threshold):
    """Each share is taken of the other group, not of all values."""
    return between(
        values,
        threshold,
        lambda n, dark, bright: (
            (dark.size / bright.size) * (bright.size / dark.size) * gap(dark, bright) ** 2
        ),
    )


def between(values, threshold, criterion):
    """The exercise's stub: the two groups, and 0 where one of them is empty."""
    values = np.ravel(values)
    dark, bright = values[values <= threshold], values[values > threshold]
    if dark.size == 0 or bright.size == 0:
        return 0.0
    return float(criterion(values.size, dark, bright))


def gap(dark, bright):
    return bright.mean() - dark.mean()


@right("otsu-one-pass")
def exact_integers(counts, centres):
    """Whole numbers only, so that equal cuts are equal: centres on a common denominator, crosswise products."""
    centres = [Fraction(float(centre)) for centre in centres]
    unit = math.lcm(*(centre.denominator for centre in centres))
    counts, steps = [int(count) for count in counts], [int(centre * unit) for centre in centres]
    pixels, total = sum(counts), sum(n * x for n, x in zip(counts, steps, strict=True))
    best, above, below = 0, -1, 1
    weight = part = 0
    for k in range(len(counts) - 1):
        weight, part = weight + counts[k], part + counts[k] * steps[k]
        if 0 < weight < pixels:
            apart, spread = (pixels * part - weight * total) ** 2, weight * (pixels - weight)
            if apart * below > above * spread:
                best, above, below = k, apart, spread
    return float(centres[best])


@right("otsu-one-pass")
def least_squares_within(counts, centres):
    """The smallest sum of squares around the two means; what rounding separates counts as equal."""
    used = counts > 0
    n, x = counts[used].astype(float), centres[used] - np.average(centres, weights=counts)
    left, right = np.cumsum(n)[:-1], np.cumsum(n[::-1])[:-1][::-1]
    explained = np.cumsum(n * x)[:-1] ** 2 * (1 / left + 1 / right)
    within = np.sum(n * x**2) - explained
    return float(centres[used][np.flatnonzero(within <= within.min() + 1e-9 * explained.max())[0]])


@right("otsu-one-pass")
def running_means(counts, centres):
    """One pass in pure Python, with the two means kept up to date from pixel group to pixel group."""
    rest = int(counts.sum())
    mean_bright = float(np.dot(counts, centres)) / rest
    weight, mean_dark, best, answer = 0, 0.0, -1.0, None
    for count, centre in zip(counts[:-1].tolist(), centres[:-1].tolist(), strict=True):
        if not count:
            continue
        weight, rest = weight + count, rest - count
        if not rest:
            break
        mean_dark += (centre - mean_dark) * count / weight
        mean_bright += (mean_bright - centre) * count / rest
        criterion = weight * rest * (mean_bright - mean_dark) ** 2
        if criterion > best * (1 + 1e-12):
            best, answer = criterion, centre
    return answer


@right("otsu-one-pass")
def course_criterion(counts, centres):
    return float(centres[np.argmax(thresholding.between_class_variance(counts, centres))])


@wrong("otsu-one-pass")
def index_of_bin(counts, centres):
    """The number of the bin instead of its grey value."""
    return int(np.argmax(thresholding.between_class_variance(counts, centres)))


@wrong("otsu-one-pass")
def first_bright_bin(counts, centres):
    """One bin too far: the first bright one."""
    return float(centres[np.argmax(thresholding.between_class_variance(counts, centres)) + 1])


@wrong("otsu-one-pass")
def nan_is_the_greatest(counts, centres):
    """0/0 before the first pixel is NaN, and ``argmax`` takes NaN for the greatest."""
    n, total = np.cumsum(counts), np.cumsum(counts * centres)
    with np.errstate(invalid="ignore", divide="ignore"):
        dark, bright = total / n, (total[-1] - total) / (n[-1] - n)
        return float(centres[np.argmax(n * (n[-1] - n) * (bright - dark) ** 2)])


@wrong("otsu-one-pass")
def bins_for_grey_values(counts, centres):
    """The means are means of bin numbers, as if the bins stood at equal distances."""
    return float(centres[np.argmax(thresholding.between_class_variance(counts, np.arange(len(counts))))])


@wrong("otsu-one-pass")
def last_of_best(counts, centres):
    """Of several best cuts the last, by ``>=`` in the search."""
    criterion = thresholding.between_class_variance(counts, centres)
    return float(centres[np.flatnonzero(criterion >= criterion.max() * (1 - 1e-12))[-1]])


@wrong("otsu-one-pass")
def middle_of_best(counts, centres):
    """Of several best cuts the one in the middle, as some programs do."""
    criterion = thresholding.between_class_variance(counts, centres)
    return float(centres[np.flatnonzero(criterion >= criterion.max() * (1 - 1e-12))].mean())


@wrong("otsu-one-pass")
def between_the_means(counts, centres):
    """The middle between the two means of the best cut: that is the isodata threshold."""
    k = np.argmax(thresholding.between_class_variance(counts, centres)) + 1
    return (
        float(np.average(centres[:k], weights=counts[:k]) + np.average(centres[k:], weights=counts[k:])) / 2
    )


@wrong("otsu-one-pass")
def without_weights(counts, centres):
    """The means that lie farthest apart, however few pixels they belong to."""
    n, total = np.cumsum(counts)[:-1], np.cumsum(counts * centres)[:-1]
    dark = total / np.maximum(1, n)
    bright = (np.sum(counts * centres) - total) / np.maximum(1, np.sum(counts) - n)
    return float(centres[np.argmax(np.where((n > 0) & (n < np.sum(counts)), (bright - dark) ** 2, 0))])


@wrong("otsu-one-pass")
def sums_for_every_cut(counts, centres):
    """Both groups are summed afresh for each cut: right, but quadratic."""
    best, answer = -1.0, None
    for k in range(1, len(counts)):
        weight, rest = sum(counts[:k].tolist()), sum(counts[k:].tolist())
        if weight and rest:
            dark = np.dot(counts[:k], centres[:k]) / weight
            bright = np.dot(counts[k:], centres[k:]) / rest
            criterion = weight * rest * (bright - dark) ** 2
            if criterion > best * (1 + 1e-12):
                best, answer = criterion, float(centres[k - 1])
    return answer


@right("window-mean")
def product_of_bands(image, radius):
    """A matrix with a band of ones adds up rows, another one columns; the same bands count the pixels."""
    down, across = (
        (np.abs(np.subtract.outer(np.arange(n), np.arange(n))) <= radius).astype(float) for n in image.shape
    )
    return down @ image.astype(float) @ across / np.outer(down.sum(axis=1), across.sum(axis=1))


@right("window-mean")
def quotient_of_filters(image, radius):
    """The filtered picture over the filtered picture of ones, both dark beyond the border."""
    image = image.astype(float)
    filtered, share = (
        ndimage.uniform_filter(array, 2 * radius + 1, mode="constant")
        for array in (image, np.ones(image.shape))
    )
    return filtered / share


@right("window-mean")
def cut_out_each_window(image, radius):
    """The definition: slices, cut off at the border, one pixel at a time."""
    height, width = image.shape
    return np.array(
        [
            [
                np.mean(
                    image[max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1],
                    dtype=float,
                )
                for x in range(width)
            ]
            for y in range(height)
        ]
    )


@wrong("window-mean")
def divided_by_full_window(image, radius):
    """Beyond the border it is black: the sum is divided by the full window everywhere."""
    return ndimage.uniform_filter(image.astype(float), 2 * radius + 1, mode="constant")


@wrong("window-mean")
def mirrored_border(image, radius):
    """The library's box filter mirrors the picture at its border."""
    return filters.box_mean(image, 2 * radius + 1)


@wrong("window-mean")
def repeated_border(image, radius):
    """The outermost pixels are repeated beyond the border."""
    return ndimage.uniform_filter(image.astype(float), 2 * radius + 1, mode="nearest")


@wrong("window-mean")
def radius_for_side(image, radius):
    """A window of side ``radius`` instead of 2·radius + 1."""
    return product_of_bands(image, radius // 2)


@wrong("window-mean")
def table_without_zeros(image, radius):
    """The integral image lacks its row and column of zeros: each window loses its first row and column."""
    height, width = image.shape
    table = np.cumsum(np.cumsum(image.astype(float), axis=0), axis=1)
    top, bottom = (
        np.maximum(np.arange(height) - radius, 0),
        np.minimum(np.arange(height) + radius, height - 1),
    )
    left, right = np.maximum(np.arange(width) - radius, 0), np.minimum(np.arange(width) + radius, width - 1)
    corner = table[np.ix_(bottom, right)] - table[np.ix_(top, right)]
    corner += table[np.ix_(top, left)] - table[np.ix_(bottom, left)]
    return corner / np.outer(bottom - top + 1, right - left + 1)


@wrong("window-mean")
def whole_grey_values(image, radius):
    """The result takes the type of the picture, so an 8-bit picture gets whole numbers."""
    return np.round(product_of_bands(image, radius)).astype(image.dtype)


@wrong("window-mean")
def sums_in_the_images_type(image, radius):
    """The integral image is made in the picture's own type, where a few bright pixels overflow it."""
    table = np.pad(
        image.cumsum(axis=0, dtype=image.dtype).cumsum(axis=1, dtype=image.dtype), ((1, 0), (1, 0))
    )
    rows, columns = np.arange(image.shape[0]), np.arange(image.shape[1])
    top, bottom = np.maximum(rows - radius, 0), np.minimum(rows + radius + 1, len(rows))
    left, right = np.maximum(columns - radius, 0), np.minimum(columns + radius + 1, len(columns))
    table = table.astype(float)
    sums = table[np.ix_(bottom, right)] - table[np.ix_(top, right)]
    sums += table[np.ix_(top, left)] - table[np.ix_(bottom, left)]
    return sums / np.outer(bottom - top, right - left)


@wrong("window-mean")
def only_whole_windows(image, radius):
    """The mean is given only where the whole window fits; the result is smaller."""
    if 2 * radius + 1 > min(image.shape):
        return np.zeros((0, 0))
    windows = np.lib.stride_tricks.sliding_window_view(image, (2 * radius + 1, 2 * radius + 1))
    return windows.mean(axis=(2, 3))


@wrong("window-mean")
def half_open_slices(image, radius):
    """A slice ends before its last index: the windows lack their last row and column."""
    height, width = image.shape
    return np.array(
        [
            [
                image[max(0, y - radius) : max(1, y + radius), max(0, x - radius) : max(1, x + radius)].mean()
                if radius
                else float(image[y, x])
                for x in range(width)
            ]
            for y in range(height)
        ]
    )


@right("repair-sauvola")
def depth_below_the_mean(image, window=25, k=0.2):
    """The formula rearranged: how far below its mean a pixel lies."""
    mean, std = filters.box_mean_std(image, window)
    return ~(mean - image < k * mean * (1 - 2 * std))


@right("repair-sauvola")
def course_threshold(image, window=25, k=0.2):
    return np.less_equal(image, thresholding.sauvola(image, window, k, r=0.5))


@right("repair-sauvola")
def pixel_after_pixel(image, window=25, k=0.2):
    """A loop over the pixels, each with a threshold of its own."""
    means, stds = filters.box_mean_std(image, window)
    ink = []
    for value, mean, std in zip(image.ravel().tolist(), means.flat, stds.flat, strict=True):
        ink.append(not value > mean * (1 + k * (std / 0.5 - 1)))
    return np.array(ink).reshape(image.shape)


@wrong("repair-sauvola")
def sign_only(image, window=25, k=0.2):
    """The sign in the bracket is repaired, the comparison is not."""
    mean, std = filters.box_mean_std(image, window)
    return image > mean * (1 + k * (std / 0.5 - 1))


@wrong("repair-sauvola")
def comparison_only(image, window=25, k=0.2):
    """The comparison is repaired, the sign in the bracket is not."""
    mean, std = filters.box_mean_std(image, window)
    return image <= mean * (1 + k * (std / 0.5 + 1))


@wrong("repair-sauvola")
def darker_than_threshold(image, window=25, k=0.2):
    """Strictly darker: a black pixel amid black, where the threshold is 0, is lost."""
    mean, std = filters.box_mean_std(image, window)
    return image < mean * (1 + k * (std / 0.5 - 1))


@wrong("repair-sauvola")
def range_of_8_bits(image, window=25, k=0.2):
    """R = 128, as the paper has it for 8 bits."""
    mean, std = filters.box_mean_std(image, window)
    return image <= mean * (1 + k * (std / 128 - 1))


@wrong("repair-sauvola")
def niblacks_formula(image, window=25, k=0.2):
    """That is Niblack's threshold."""
    return image <= thresholding.niblack(image, window, k)


@wrong("repair-sauvola")
def defaults_only(image, window=25, k=0.2):
    """The arguments are there, but the numbers of the lesson stand in the code."""
    mean, std = filters.box_mean_std(image, 25)
    return image <= mean * (1 + 0.2 * (std / 0.5 - 1))


@wrong("repair-sauvola")
def bracket_forgotten(image, window=25, k=0.2):
    """Without its bracket the 1 is not multiplied by k."""
    mean, std = filters.box_mean_std(image, window)
    return image <= mean * (1 + k * std / 0.5 - 1)


@wrong("repair-sauvola")
def threshold_returned(image, window=25, k=0.2):
    """The thresholds themselves, not the mask."""
    return thresholding.sauvola(image, window, k, r=0.5)


@right("count-islands")
def graph_of_pixels(image, smallest):
    """A graph with an edge between neighbouring pixels; its components are counted by a sparse-matrix library."""
    sky = components(np.pad(image <= thresholding.otsu(image), 1, constant_values=True), ((0, 1), (1, 0)))
    land = (sky != sky[0, 0])[1:-1, 1:-1]  # what cannot be reached from beyond the border
    numbers = components(land, ((0, 1), (1, 0), (1, 1), (1, -1)))
    return sum(area >= smallest for area in Counter(numbers[land].tolist()).values())


def components(mask, steps):
    """Array (H, W): pixels of the mask have equal numbers where they are connected by the steps."""
    index = np.pad(np.arange(mask.size).reshape(mask.shape), 1, constant_values=-1)
    inside = np.pad(mask, 1)
    edges = [np.zeros((2, 0), int)]
    for step in steps:
        joined = inside & np.roll(inside, step, (0, 1))
        edges.append(np.stack([index[joined], np.roll(index, step, (0, 1))[joined]]))
    rows, columns = np.concatenate(edges, axis=1)
    graph = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(mask.size, mask.size))
    return connected_components(graph, directed=False)[1].reshape(mask.shape)


@right("count-islands")
def walk_with_a_stack(image, smallest):
    """Pure Python: walk over the sea from outside, then sink one island after the other."""
    height, width = image.shape
    bright = image > thresholding.otsu(image)
    dry = {(y, x) for y in range(-1, height + 1) for x in range(-1, width + 1)}
    around = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)]

    def sink(start, steps, may_enter):
        stack, area = [start], 0
        dry.remove(start)
        while stack:
            y, x = stack.pop()
            area += 1
            for dy, dx in steps:
                there = y + dy, x + dx
                if there in dry and may_enter(there):
                    dry.remove(there)
                    stack.append(there)
        return area

    def is_sea(place):
        return not (0 <= place[0] < height and 0 <= place[1] < width) or not bright[place]

    sink((-1, -1), [(-1, 0), (1, 0), (0, -1), (0, 1)], is_sea)
    found = 0
    while dry:
        found += sink(next(iter(dry)), around, lambda place: True) >= smallest
    return found


@right("count-islands")
def scipy_and_bincount(image, smallest):
    land = ndimage.binary_fill_holes(image > thresholding.otsu(image))
    numbers, _ = ndimage.label(land, structure=np.ones((3, 3)))
    return int(np.sum(np.bincount(numbers.ravel())[1:] >= smallest))


@right("count-islands")
def regions_of_skimage(image, smallest):
    land = morphology.fill_holes(image > thresholding.otsu(image))
    return sum(region.area >= smallest for region in regionprops(label(land, connectivity=2)))


@wrong("count-islands")
def four_neighbours(image, smallest):
    """Islands that touch at a corner are counted apart."""
    land = morphology.fill_holes(image > thresholding.otsu(image))
    return int(np.sum(morphology.areas(morphology.label(land, 4))[1:] >= smallest))


@wrong("count-islands")
def holes_left_open(image, smallest):
    """The holes are not filled, so a ring is smaller, and an island in its lake is counted."""
    land = image > thresholding.otsu(image)
    return int(np.sum(morphology.areas(morphology.label(land, 8))[1:] >= smallest))


@wrong("count-islands")
def more_than_smallest(image, smallest):
    """An island of exactly ``smallest`` pixels is dropped."""
    land = morphology.fill_holes(image > thresholding.otsu(image))
    return int(np.sum(morphology.areas(morphology.label(land, 8))[1:] > smallest))


@wrong("count-islands")
def sea_is_an_island(image, smallest):
    """The background, number 0, is counted as well."""
    land = morphology.fill_holes(image > thresholding.otsu(image))
    return int(np.sum(morphology.areas(morphology.label(land, 8)) >= smallest))


@wrong("count-islands")
def all_islands(image, smallest):
    """The small ones are counted, too."""
    land = morphology.fill_holes(image > thresholding.otsu(image))
    return int(morphology.label(land, 8).max())


@wrong("count-islands")
def dark_islands(image, smallest):
    """The comparison is the wrong way round."""
    land = morphology.fill_holes(image <= thresholding.otsu(image))
    return int(np.sum(morphology.areas(morphology.label(land, 8))[1:] >= smallest))


@wrong("count-islands")
def areas_before_filling(image, smallest):
    """Small pieces are removed before the holes are filled: a large thin ring goes with them."""
    land = morphology.remove_small(image > thresholding.otsu(image), smallest, 8)
    return int(morphology.label(morphology.fill_holes(land), 8).max())


@wrong("count-islands")
def one_half_for_otsu(image, smallest):
    """A fixed threshold of 0.5."""
    land = morphology.fill_holes(image > 0.5)
    return int(np.sum(morphology.areas(morphology.label(land, 8))[1:] >= smallest))


@wrong("count-islands")
def pixels_of_islands(image, smallest):
    """The area of the islands instead of their number."""
    land = morphology.fill_holes(image > thresholding.otsu(image))
    return int(morphology.remove_small(land, smallest, 8).sum())
