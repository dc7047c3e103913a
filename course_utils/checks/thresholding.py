"""The exercises of lesson 02: thresholding."""

import numpy as np

from course_utils.checks.framework import Exercise, Mistake, Property, small_images
from course_utils.classic import filters, morphology, thresholding

# ------------------------------------------------------------------------------------------- one cut


def between_groups(values, threshold):
    values = np.ravel(values)
    dark, bright = values[values <= threshold], values[values > threshold]
    if dark.size == 0 or bright.size == 0:
        return 0.0
    return dark.size * bright.size / values.size**2 * (bright.mean() - dark.mean()) ** 2


def _cut_by(criterion):
    """A wrong answer that handles empty groups rightly and scores the two groups by ``criterion``."""

    def between(values, threshold):
        values = np.ravel(values)
        dark, bright = values[values <= threshold], values[values > threshold]
        return float(criterion(dark, bright)) if dark.size and bright.size else 0.0

    return between


def _weights(dark, bright):
    return dark.size / (dark.size + bright.size), bright.size / (dark.size + bright.size)


_no_weights = _cut_by(lambda dark, bright: (bright.mean() - dark.mean()) ** 2)
_no_square = _cut_by(lambda dark, bright: np.prod(_weights(dark, bright)) * (bright.mean() - dark.mean()))
_counts = _cut_by(lambda dark, bright: dark.size * bright.size * (bright.mean() - dark.mean()) ** 2)
_one_weight = _cut_by(lambda dark, bright: _weights(dark, bright)[0] * (bright.mean() - dark.mean()) ** 2)
_within = _cut_by(lambda dark, bright: np.dot(_weights(dark, bright), (dark.var(), bright.var())))

SIX = np.array([[1, 5, 0], [7, 1, 4]])


def _values(rng):
    cases = []
    for shape in ((5,), (2, 4), (3, 3), (7,)):
        values = rng.integers(0, 10, shape)
        cases += [(values, int(np.sort(values.ravel())[k])) for k in (1, values.size // 2)]
    return [*cases, (rng.random((2, 5)), 0.5)]


BETWEEN_GROUPS = Exercise(
    slug="between-groups",
    lesson="02",
    title="Six pixels again",
    minutes=4,
    points=2,
    hints=(
        "The share of the dark group is its number of pixels divided by the number of all pixels.",
        "`w0 = dark.size / values.size`, and likewise `w1`. Which three factors does the formula multiply?",
        "`w0 * w1 * (bright.mean() - dark.mean()) ** 2`",
    ),
    reference=between_groups,
    properties=(
        Property("is right on the worked example", [(SIX, 1), (SIX, 4), (SIX, 0)]),
        Property("is right on other values", _values, weight=2),
        Property("is 0 where a group is empty", [(SIX, 7), (SIX, -1), (np.array([3.0]), 3.0)], weight=0.2),
    ),
    mistakes=(
        Mistake(
            "no weights",
            _no_weights,
            "The sizes of the groups are missing, or were added: w0 + w1 is always 1. Multiply by both shares.",
        ),
        Mistake(
            "no square",
            _no_square,
            "The difference of the means must be squared, as every variance is a mean of squares.",
        ),
        Mistake(
            "counts for shares",
            _counts,
            "You multiplied the numbers of pixels. The shares w0 and w1 are these numbers divided "
            "by the number of all pixels.",
        ),
        Mistake(
            "one weight only",
            _one_weight,
            "Only the dark group's share is in your formula; both belong there.",
        ),
        Mistake(
            "within",
            _within,
            "That is the variance *within* the groups. Asked for is the part *between* them.",
        ),
    ),
)

# ----------------------------------------------------------------------------------------- one pass


def otsu_from_histogram(counts, centres):
    between = _between(counts, centres)
    return float(centres[np.argmax(between)])


def _between(counts, centres):
    """Between-class variance after each bin but the last; 0 where a side is empty."""
    share = counts / counts.sum()
    w0, m = np.cumsum(share)[:-1], np.cumsum(share * centres)
    sides = np.cumsum(counts)[:-1]
    inside = (sides > 0) & (sides < counts.sum())
    between = np.zeros(len(w0))
    between[inside] = (m[-1] * w0 - m[:-1])[inside] ** 2 / (w0 * (1 - w0))[inside]
    return between


def _next_bin(counts, centres):
    return float(centres[np.argmax(_between(counts, centres)) + 1])


def _index(counts, centres):
    return float(np.argmax(_between(counts, centres)))


def _last_best(counts, centres):
    between = _between(counts, centres)
    return float(centres[np.flatnonzero(between >= between.max() * (1 - 1e-12))[-1]])


def _argmin(counts, centres):
    between = _between(counts, centres)
    inside = between > 0
    return float(centres[:-1][inside][np.argmin(between[inside])])


def _bin_numbers(counts, centres):
    return float(centres[np.argmax(_between(counts, np.arange(len(counts))))])


def _unweighted_means(counts, centres):
    scores = [(centres[b + 1 :].mean() - centres[: b + 1].mean()) ** 2 for b in range(len(counts) - 1)]
    share = np.cumsum(counts / counts.sum())[:-1]
    return float(centres[np.argmax(share * (1 - share) * scores)])


def _nan_wins(counts, centres):
    share = counts / counts.sum()
    w0, m = np.cumsum(share)[:-1], np.cumsum(share * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(centres[np.argmax((m[-1] * w0 - m[:-1]) ** 2 / (w0 * (1 - w0)))])


def _last_bin_too(counts, centres):
    share = counts / counts.sum()
    w0, m = np.cumsum(share), np.cumsum(share * centres)
    w0[-1] = 1
    with np.errstate(divide="ignore", invalid="ignore"):
        means = m / w0, (m[-1] - m) / (1 - w0)
        return float(centres[np.argmax(w0 * (1 - w0) * (means[1] - means[0]) ** 2)])


def _not_normalised(counts, centres):
    w0, m = np.cumsum(counts)[:-1], np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(centres[np.argmax(np.nan_to_num((m[-1] * w0 - m[:-1]) ** 2 / (w0 * (1.0 - w0))))])


def _mean_of_all(counts, centres):
    return float((counts * centres).sum() / counts.sum())


def _valley(counts, centres):
    peaks = np.sort(np.argsort(counts)[-2:])
    inside = np.arange(peaks[0], peaks[1] + 1)
    return float(centres[inside[np.argmin(counts[inside])]])


PAPER = np.array([1, 2, 0, 0, 1, 1, 0, 1]), np.arange(8.0)
RARE = np.array([40, 90, 40, 4, 1, 2, 5, 2]), np.linspace(0.1, 0.8, 8)
UNEVEN = np.array([5, 9, 3, 1, 0, 6, 8, 4]), np.array([0, 1, 2, 4, 8, 9, 10, 20.0])
GAP = np.array([1, 4, 0, 0, 5]), np.linspace(0, 1, 5)
EMPTY_ENDS = np.array([0, 0, 3, 1, 4, 0]), np.linspace(0, 1, 6)
FOUR = np.array([2, 1, 0, 3]), np.array([0, 2, 4, 6.0])


def _histograms(rng):
    """Histograms without empty bins and without near ties, so that rounding cannot decide."""
    cases = []
    while len(cases) < 12:
        counts = rng.integers(1, 30, int(rng.integers(2, 9)))
        centres = np.sort(rng.choice(50, len(counts), replace=False)) / 10
        between = np.sort(_between(counts, centres))
        if len(between) == 1 or between[-1] > between[-2] * (1 + 1e-6):
            cases.append((counts, centres))
    return cases


def _long_histogram(rng):
    centres = np.linspace(0, 1, 20_000)
    humps = 900 * np.exp(-(((centres - 0.3) / 0.1) ** 2)) + 500 * np.exp(-(((centres - 0.7) / 0.08) ** 2))
    return [((humps + rng.integers(1, 9, len(centres))).astype(int), centres)]


OTSU_ONE_PASS = Exercise(
    slug="otsu-one-pass",
    lesson="02",
    title="Otsu in one pass",
    minutes=18,
    points=4,
    hints=(
        "`np.cumsum` gives all the running sums at once: the share of dark pixels for every cut, "
        "and their grey values added up.",
        "The last cut has an empty bright group: leave it out with `[:-1]`. Where a group is "
        "empty, the formula divides by 0: set the criterion to 0 there.",
        "`between = (m_total * w0 - m) ** 2 / (w0 * (1 - w0))`, computed only where "
        "`(w0 > 0) & (w0 < 1)` and 0 elsewhere, then `centres[np.argmax(between)]`.",
    ),
    reference=otsu_from_histogram,
    properties=(
        Property("is right for the six pixels of the worked example, and for six others", [PAPER, FOUR]),
        Property("is right on random histograms", _histograms, weight=2),
        Property("is right when one group is rare, and when the bins are unevenly spaced", [RARE, UNEVEN]),
        Property("takes the first of several best cuts", [GAP]),
        Property("is right when the first and last bins are empty", [EMPTY_ENDS]),
        # beside the peak the criterion is flat to the seventh digit: rounding may choose a neighbouring bin
        Property(
            "does twenty thousand bins at once",
            _long_histogram,
            holds=lambda answer, counts, centres: abs(answer - otsu_from_histogram(counts, centres)) < 0.001,
        ),
    ),
    mistakes=(
        Mistake(
            "one bin too far",
            _next_bin,
            "You return the first *bright* bin. The threshold is the last dark one: a pixel equal "
            "to it is still dark.",
        ),
        Mistake(
            "last bin too",
            _last_bin_too,
            "There is a nan in your criterion (0/0): after the last bin the bright group is empty. "
            "`argmax` takes nan for the largest of all. Leave the last bin out.",
        ),
        Mistake(
            "index for value",
            _index,
            "You return the number of the bin, not its grey value: look it up in `centres`.",
        ),
        Mistake(
            "smallest",
            _argmin,
            "You took the cut with the *smallest* difference between the groups. Which extreme is asked for?",
        ),
        Mistake(
            "bins for grey values",
            _bin_numbers,
            "You computed with the numbers of the bins. The bins need not be evenly spaced: use `centres`.",
        ),
        Mistake(
            "counts left out of the means",
            _unweighted_means,
            "Your group means average the bins, not the pixels: a bin of a thousand pixels must "
            "count a thousand times.",
        ),
        Mistake(
            "nan wins",
            _nan_wins,
            "Where a group is empty the formula is 0/0, which is nan, and `argmax` takes nan for the "
            "largest. Set the criterion to 0 there.",
        ),
        Mistake(
            "counts for shares",
            _not_normalised,
            "Your w0 is a number of pixels; in `1 - w0` it must be a share. Divide the counts by "
            "their sum first.",
        ),
        Mistake(
            "the valley",
            _valley,
            "You return the emptiest bin between the two highest. Otsu does not look for the valley.",
        ),
        Mistake(
            "the mean",
            _mean_of_all,
            "You return the mean grey value of all pixels; no cut was compared with another.",
        ),
        Mistake(
            "last of several",
            _last_best,
            "Of several best cuts the *first* is asked for, as `argmax` gives it.",
        ),
    ),
)

# ---------------------------------------------------------------------------------------- window mean


def window_mean(image, radius):
    height, width = image.shape
    sums = np.zeros((height + 1, width + 1))
    sums[1:, 1:] = np.cumsum(np.cumsum(image, axis=0, dtype=float), axis=1)
    top, bottom = _span(height, radius)
    left, right = _span(width, radius)
    total = _four_corners(sums, top, bottom, left, right)
    return total / np.outer(bottom - top, right - left)


def _four_corners(sums, top, bottom, left, right):
    """Sum over each window, from the corners in a table of sums."""
    right_of, left_of = (sums[np.ix_(bottom, x)] - sums[np.ix_(top, x)] for x in (right, left))
    return right_of - left_of


def _span(size, radius):
    """First index of each window, and the index after its last."""
    return np.maximum(np.arange(size) - radius, 0), np.minimum(np.arange(size) + radius + 1, size)


def _area(shape, radius):
    (top, bottom), (left, right) = _span(shape[0], radius), _span(shape[1], radius)
    return np.outer(bottom - top, right - left)


def _full_area(image, radius):
    return window_mean(image, radius) * _area(image.shape, radius) / (2 * radius + 1) ** 2


def _padded(mode):
    """Means of windows that see the picture continued beyond its border."""

    def window_mean(image, radius):
        padded = np.pad(np.asarray(image, float), radius, mode=mode)
        return np.lib.stride_tricks.sliding_window_view(padded, (2 * radius + 1,) * 2).mean((2, 3))

    return window_mean


_mirrored, _reflected, _repeated = _padded("symmetric"), _padded("reflect"), _padded("edge")


def _own_type(image, radius):
    sums = np.cumsum(np.cumsum(image, axis=0, dtype=image.dtype), axis=1, dtype=image.dtype)
    sums = np.pad(sums, ((1, 0), (1, 0)))
    (top, bottom), (left, right) = _span(image.shape[0], radius), _span(image.shape[1], radius)
    total = _four_corners(sums, top, bottom, left, right)
    return total / _area(image.shape, radius)


def _radius_as_side(image, radius):
    return window_mean(image, radius // 2)


def _half_open(image, radius):
    height, width = image.shape
    result = np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            window = image[max(y - radius, 0) : y + radius, max(x - radius, 0) : x + radius]
            result[y, x] = window.mean() if window.size else 0
    return result


def _negative_index(image, radius):
    height, width = image.shape
    result = np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            window = image[y - radius : y + radius + 1, x - radius : x + radius + 1]
            result[y, x] = window.mean() if window.size else 0
    return result


def _sums(image, radius):
    return window_mean(image, radius) * _area(image.shape, radius)


def _without_zero_row(image, radius):
    height, width = image.shape
    sums = np.cumsum(np.cumsum(image, axis=0, dtype=float), axis=1)
    top, left = np.maximum(np.arange(height) - radius, 0), np.maximum(np.arange(width) - radius, 0)
    bottom, right = (
        np.minimum(np.arange(height) + radius, height - 1),
        np.minimum(np.arange(width) + radius, width - 1),
    )
    total = _four_corners(sums, top, bottom, left, right)
    return total / _area(image.shape, radius)


def _integer(image, radius):
    return np.floor(window_mean(image, radius))


RAMP = np.arange(12).reshape(3, 4)


def _pictures(rng):
    return [(image, int(rng.integers(1, 3))) for image in small_images(rng, count=10)]


WINDOW_MEAN = Exercise(
    slug="window-mean",
    lesson="02",
    title="Going further: the mean of every window",
    minutes=30,
    points=4,
    hints=(
        "Build the integral image with one more row and column than the picture, zeros first: "
        "then `S[y, x]` is the sum of "
        "`image[:y, :x]`.",
        "The window of row y reaches from `max(y - radius, 0)` to `min(y + radius + 1, H)`, the end not included. "
        "All four corners are look-ups in `S`; `np.ix_(rows, columns)` looks up a whole grid at once.",
        "Divide by the number of pixels inside: `np.outer(bottom - top, right - left)`.",
    ),
    reference=window_mean,
    rtol=1e-6,
    atol=1e-9,
    properties=(
        Property("is right on a small ramp", [(RAMP, 1)]),
        Property("gives the picture itself for radius 0", [(RAMP, 0)]),
        Property("is right on random pictures, integer and float", _pictures, weight=2),
        Property("averages only what lies inside", [(np.ones((4, 5)), 2), (RAMP.astype(float), 3)]),
        Property("does not overflow", [(np.full((6, 7), 200, np.uint8), 2)]),
        Property("handles one pixel", [(np.array([[0.25]]), 4)]),
    ),
    mistakes=(
        Mistake(
            "divided by the full window",
            _full_area,
            "Near the border you divide by (2·radius + 1)², though part of the window lies "
            "outside: the picture gets dark edges.",
        ),
        *(
            Mistake(
                name,
                wrong,
                "You continued the picture beyond its border (by mirroring or repeating it). Here only the part of the "
                "window that lies inside counts.",
            )
            for name, wrong in (("mirrored", _mirrored), ("reflected", _reflected), ("repeated", _repeated))
        ),
        Mistake(
            "overflow",
            _own_type,
            "The sums were added up in the type of the picture and wrapped around. Convert to float first.",
        ),
        Mistake(
            "radius as side",
            _radius_as_side,
            "Your window has about `radius` pixels a side. It reaches `radius` pixels to *each* side: 2·radius + 1.",
        ),
        Mistake(
            "window one short",
            _half_open,
            "Your windows end one row and column too early: a slice leaves out its end, so it "
            "must be `y + radius + 1`.",
        ),
        Mistake(
            "negative start",
            _negative_index,
            "Near the top and left the window starts at a negative index, which numpy counts from "
            "the end. Stop at 0.",
        ),
        Mistake("sums", _sums, "These are the sums of the windows. Divide by how many pixels each holds."),
        Mistake(
            "no zero row",
            _without_zero_row,
            "The integral image needs a row and a column of zeros first; without it each window "
            "loses its first row and column.",
        ),
        Mistake("rounded down", _integer, "Your means are whole numbers: compute in float."),
    ),
)

# --------------------------------------------------------------------------------------------- repair


def ink(image, window=25, k=0.2):
    mean, std = filters.box_mean_std(image, window)
    return image <= mean * (1 + k * (std / 0.5 - 1))


def _ink_by(threshold, dark=True):
    def answer(image, window=25, k=0.2):
        mean, std = filters.box_mean_std(image, window)
        cut = threshold(mean, std, k)
        return image <= cut if dark else image > cut

    return answer


_still_plus = _ink_by(lambda mean, std, k: mean * (1 + k * (std / 0.5 + 1)))
_still_bright = _ink_by(lambda mean, std, k: mean * (1 + k * (std / 0.5 - 1)), dark=False)
_untouched = _ink_by(lambda mean, std, k: mean * (1 + k * (std / 0.5 + 1)), dark=False)
_niblack = _ink_by(lambda mean, std, k: mean - k * std)
_variance = _ink_by(lambda mean, std, k: mean * (1 + k * (std**2 / 0.5 - 1)))
_one_for_r = _ink_by(lambda mean, std, k: mean * (1 + k * (std - 1)))
_bracket_lost = _ink_by(lambda mean, std, k: mean * (1 + k * std / 0.5 - 1))
_r_in_bytes = _ink_by(lambda mean, std, k: mean * (1 + k * (std / 128 - 1)))
_fixed_k = _ink_by(lambda mean, std, k: mean * (1 + 0.2 * (std / 0.5 - 1)))


def _pages(rng):
    """Small pages: dark strokes on paper that is lit from one side."""
    cases = []
    for shape in ((5, 7), (6, 8), (8, 8), (8, 6)):
        paper = np.linspace(0.95, 0.5, shape[1]) * np.ones(shape)
        strokes = rng.random(shape) < 0.3
        page = np.where(strokes, paper * 0.55, paper) + rng.normal(0, 0.03, shape)
        cases += [(np.clip(page, 0, 1), w, k) for w, k in ((3, 0.2), (5, 0.1), (5, 0.35))]
    return cases


_brackets_lost = _ink_by(lambda mean, std, k: mean * 1 + k * (std / 0.5 - 1))


def _r_measured(image, window=25, k=0.2):
    mean, std = filters.box_mean_std(image, window)
    return image <= mean * (1 + k * (std / max(image.std(), 1e-9) - 1))


def _strictly_darker(image, window=25, k=0.2):
    mean, std = filters.box_mean_std(image, window)
    return image < mean * (1 + k * (std / 0.5 - 1))


def _fixed_window(image, window=25, k=0.2):
    return ink(image, 25, k)


REPAIR_SAUVOLA = Exercise(
    slug="repair-sauvola",
    lesson="02",
    title="Repair: Sauvola's threshold",
    minutes=8,
    points=3,
    hints=(
        "On empty paper the standard deviation is nearly 0. What does the colleague's threshold "
        "become there, and what should it be?",
        "Compare the sign inside the inner bracket with the formula. Then ask: is ink brighter or "
        "darker than its threshold?",
        "`threshold = mean * (1 + k * (std / 0.5 - 1))`, and ink is where `image <= threshold`.",
    ),
    reference=ink,
    properties=(
        Property("finds the ink of small shaded pages", _pages, weight=4),
        Property("finds no ink on empty paper", [(np.full((5, 6), 0.8), 3, 0.2)], weight=0.5),
        Property("calls a black page ink", [(np.zeros((3, 4)), 3, 0.2)], weight=0.5),
        Property(
            "uses `k` and `window`", [(np.clip(RAMP / 11, 0, 1), 3, 0.1), (np.clip(RAMP / 11, 0, 1), 5, 0.6)]
        ),
    ),
    mistakes=(
        Mistake(
            "nothing repaired",
            _untouched,
            "Both mistakes are still there: look at a patch of empty paper, where `std` is 0.",
        ),
        Mistake(
            "sign not repaired",
            _still_plus,
            "On empty paper your threshold lies *above* the paper, so all of it becomes ink. Check the signs.",
        ),
        Mistake(
            "paper for ink",
            _still_bright,
            "You return the paper. Ink is *dark*: where the image is not brighter than its threshold.",
        ),
        Mistake(
            "Niblack",
            _niblack,
            "That is Niblack's threshold, mean − k · std; empty paper has noise below its own "
            "mean, so it fills with specks.",
        ),
        Mistake("variance", _variance, "The formula has the standard deviation s, not its square."),
        Mistake(
            "R missing",
            _one_for_r,
            "The standard deviation must be divided by R = 0.5, the largest it can be.",
        ),
        Mistake(
            "R of 8 bits",
            _r_in_bytes,
            "R = 128 belongs to grey values from 0 to 255. Here they reach from 0 to 1: R = 0.5.",
        ),
        Mistake(
            "a bracket lost",
            _bracket_lost,
            "The bracket around `std / R - 1` is missing: k must multiply the 1 as well.",
        ),
        Mistake(
            "both brackets lost",
            _brackets_lost,
            "A bracket is missing: `mean` must multiply all of `1 + k * (…)`.",
        ),
        Mistake(
            "R measured",
            _r_measured,
            "R is the largest standard deviation that is possible, 0.5, whatever the picture.",
        ),
        Mistake(
            "strictly darker",
            _strictly_darker,
            "A pixel that equals its threshold is ink, too: `<=`. (On a black page nothing is darker than black.)",
        ),
        Mistake("window fixed", _fixed_window, "Your function ignores its argument `window`."),
        Mistake("k fixed", _fixed_k, "Your function ignores its argument `k`."),
    ),
)

# ---------------------------------------------------------------------------------------------- count


def count_islands(image, smallest):
    return _count(image, smallest)


def _count(image, smallest, *, fill=True, connectivity=8, background=0, dark=False, strict=False, mask=None):
    if mask is None:
        threshold = thresholding.otsu(image)
        mask = image <= threshold if dark else image > threshold
    mask = morphology.fill_holes(mask) if fill else mask
    sizes = np.bincount(morphology.label(mask, connectivity=connectivity).ravel())[1 - background :]
    return int((sizes > smallest).sum() if strict else (sizes >= smallest).sum())


def _four(image, smallest):
    return _count(image, smallest, connectivity=4)


def _with_background(image, smallest):
    return _count(image, smallest, background=1)


def _dark(image, smallest):
    return _count(image, smallest, dark=True)


def _strict(image, smallest):
    return _count(image, smallest, strict=True)


def _unfilled(image, smallest):
    return _count(image, smallest, fill=False)


def _highest_number(image, smallest):
    labels = morphology.label(morphology.fill_holes(image > thresholding.otsu(image)), connectivity=8)
    return int(morphology.remove_small(labels, smallest).max())


def _all_sizes(image, smallest):
    return _count(image, 1)


def _opened(image, smallest):
    return _count(
        image, smallest, mask=morphology.opening(image > thresholding.otsu(image), morphology.disk(1))
    )


def _fixed_threshold(image, smallest):
    return _count(image, smallest, mask=image > 0.5)


def _islands(rows, low=0.2, high=0.8):
    return np.where(np.array([[c == "#" for c in row] for row in rows]), high, low)


RING = _islands([".......", ".####..", ".#..#..", ".####.#", ".......", "##...##"])
LAKE = _islands(
    ["########", "#......#", "#.####.#", "#.#..#.#", "#.####.#", "#......#", "########", "........"]
)
CORNERS = _islands(["#....", ".#...", "..##.", ".....", "#...#"])
DIM = _islands(["##...", "##..#", "....#", "#...."], 0.05, 0.35)


def _random_islands(rng):
    """Coarse blobs on a noisy, dim ground: two humps, so that Otsu's cut is the same for every "
    "good implementation."""
    cases = []
    for size in (8, 12, 16):
        blobs = np.repeat(np.repeat(rng.random((size // 2, size // 2)) < 0.35, 2, 0), 2, 1)
        blobs[0, :2] = [True, False]
        cases.append(
            (
                np.clip(np.where(blobs, 0.45, 0.15) + rng.normal(0, 0.02, blobs.shape), 0, 1),
                int(rng.integers(1, 7)),
            )
        )
    return cases


COUNT_ISLANDS = Exercise(
    slug="count-islands",
    lesson="02",
    title="How many?",
    minutes=10,
    points=4,
    hints=(
        "Four steps, each one call: threshold, fill, label, count. `morphology.label` gives every island a number.",
        "`np.bincount(labels.ravel())` is the number of pixels of every label. Which of its entries is no island?",
        "`sizes = np.bincount(labels.ravel())[1:]`, then count `sizes >= smallest`.",
    ),
    reference=count_islands,
    properties=(
        Property("counts the islands of small pictures", [(RING, 1), (DIM, 1)]),
        Property("joins pixels that touch at a corner", [(CORNERS, 1)]),
        Property(
            "leaves out what is smaller than `smallest`, and keeps what is just as large",
            [(RING, 2), (DIM, 2), (CORNERS, 4), (DIM, 5)],
        ),
        Property("fills the holes before it measures", [(RING, 12), (LAKE, 1), (LAKE, 56)]),
        Property("is right on random pictures", _random_islands, weight=2),
    ),
    mistakes=(
        Mistake(
            "background counted",
            _with_background,
            "The background was counted as an island: label 0 is no object.",
        ),
        Mistake(
            "dark for bright",
            _dark,
            "You counted the dark parts. A pixel is object where it is *brighter* than the threshold.",
        ),
        Mistake(
            "four neighbours",
            _four,
            "Pixels that touch at a corner were taken apart: label with `connectivity=8`.",
        ),
        Mistake(
            "strictly larger",
            _strict,
            "Islands of exactly `smallest` pixels were left out; the contract says *at least*.",
        ),
        Mistake(
            "holes not filled",
            _unfilled,
            "The hole of the ring was not filled, so the ring measured too small.",
        ),
        Mistake(
            "highest number",
            _highest_number,
            "You return the highest number, but removing islands leaves gaps in the numbering. Count "
            "the numbers that are left.",
        ),
        Mistake("sizes ignored", _all_sizes, "Every island was counted, whatever its size: use `smallest`."),
        Mistake(
            "opened",
            _opened,
            "You opened the mask first, which removes thin islands. The contract asks for holes to be filled, no more.",
        ),
        Mistake(
            "fixed threshold",
            _fixed_threshold,
            "You cut at a fixed 0.5; dim pictures then have no object at all. Use Otsu's threshold.",
        ),
    ),
)

EXERCISES = [BETWEEN_GROUPS, OTSU_ONE_PASS, WINDOW_MEAN, REPAIR_SAUVOLA, COUNT_ISLANDS]
