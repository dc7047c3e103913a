"""Sums and weighted means over a neighbourhood, each at a cost that is small for a reason.

The insight: a mean over a window is a difference of running totals, so its cost does not depend on the window;
and a Gaussian is a product of one factor in x and one in y, so a square of weights becomes two lines of them.

Here too stand ``grey`` and ``numbers``, which look at images and labels before the loops of ``classic`` do, and what
loops over neighbours share. Taught in lessons 02 and 03.
"""

import math
from numbers import Real

import numpy as np

from course_utils.kernel import by_rows, kernel


def grey(image, name="image"):
    """The grey image as the loops want it: an array (H, W), C-contiguous, without NaN or infinity.

    uint8, uint16, float32 and float64 stay what they are; bool becomes uint8 (0 and 1), float16 float32, uint64
    float64, any other integer int64. Nothing is copied that need not be.

    Raises TypeError for anything that is not a real number, ValueError for a wrong shape, an empty image, and
    values that are not finite.
    """
    return grey_range(image, name)[0]


def grey_range(image, name="image"):
    """(array, least, greatest): what ``grey`` gives, and its extreme values, which the check finds anyway.

    For 8 bits they are 0 and 255, whatever occurs: there is nothing to check.
    """
    array = np.asarray(image)
    if array.dtype.kind not in "buif" or array.dtype.itemsize > 8:
        raise TypeError(f"{name} must be an array of numbers (bool, integer or float), not of {array.dtype}")
    if array.ndim != 2:
        colour = array.ndim == 3 and array.shape[2] in (3, 4)
        hint = f"; it looks like colour: take one channel, or the mean, {name}.mean(axis=2)" if colour else ""
        raise ValueError(f"{name} must be grey, of shape (H, W), but has shape {array.shape}{hint}")
    if array.size == 0:
        raise ValueError(f"{name} has no pixels: its shape is {array.shape}")
    array = np.ascontiguousarray(array, _working_type(array.dtype))
    array = array.view(np.uint8) if array.dtype == bool else array
    if array.dtype == np.uint8:
        return array, 0, 255
    least, greatest = array.min(), array.max()
    if not (math.isfinite(least) and math.isfinite(greatest)):
        count = array.size - np.count_nonzero(np.isfinite(array))
        raise ValueError(
            f"{name} has NaN or infinity in {count} of {array.size} pixels; see numpy.nan_to_num"
        )
    return array, least, greatest


def luminance(image):
    """The grey values of a colour image, as ``skimage.color.rgb2gray`` weighs red, green and blue.

    Parameters: image, float array (H, W, 3), or (H, W), which is grey already.
    Returns: float array (H, W); a grey image itself.
    """
    return image if image.ndim == 2 else image @ (0.2125, 0.7154, 0.0721)


def _working_type(dtype):
    if dtype.kind == "f":
        return np.float32 if dtype.itemsize <= 4 else np.float64
    if dtype.kind == "b" or (dtype.kind == "u" and dtype.itemsize <= 2):
        return dtype.newbyteorder("=")
    return np.float64 if dtype == np.uint64 else np.int64


def numbers(labels, name="labels", shape=None):
    """A label image or markers as the loops want them: a new int32 array (H, W), C-contiguous, none negative.

    Raises TypeError for what is not integer, ValueError for a wrong shape (another than ``shape``, where that is given)
    and for numbers below 0 or above 2³¹ - 1.
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "ui":
        hint = f"; number them with morphology.label({name})" if labels.dtype == bool else ""
        raise TypeError(f"{name} must be integers, 0 where there is none, not {labels.dtype}{hint}")
    if labels.ndim != 2 or labels.size == 0 or shape not in (None, labels.shape):
        wanted = "(H, W) with at least one pixel" if shape is None else f"that of the image, {shape}"
        raise ValueError(f"the shape of {name} must be {wanted}, but is {labels.shape}")
    if labels.min() < 0 or labels.max() >= 2**31:
        raise ValueError(
            f"{name} must be numbers from 0 to 2³¹ - 1, but reach from {labels.min()} to {labels.max()}"
        )
    return labels.astype(np.int32, order="C")


def framed(image, value):
    """The image with a frame, one pixel wide, of that value: so every pixel has all its neighbours."""
    array = np.empty((image.shape[0] + 2, image.shape[1] + 2), image.dtype)
    array[1:-1, 1:-1] = image
    array[0] = array[-1] = value
    array[:, 0] = array[:, -1] = value
    return array


def neighbours(width, connectivity):
    """Steps from a pixel to its 4 or 8 neighbours in a raveled image of that width: sides, then corners.

    Raises ValueError for another connectivity.
    """
    if connectivity not in (4, 8):
        raise ValueError(f"connectivity must be 4 (sides) or 8 (sides and corners), not {connectivity!r}")
    sides, corners = (-width, -1, 1, width), (-width - 1, -width + 1, width - 1, width + 1)
    return sides if connectivity == 4 else sides + corners


def integral_image(image):
    """Summed-area table of a grey image: ``table[y, x]`` is the sum of ``image[:y, :x]``.

    Any rectangle's sum is then four look-ups, whatever its size:
    ``image[a:b, c:d].sum() == table[b, d] - table[a, d] - table[b, c] + table[a, c]``.

    1. Along a row, keep the running total of its pixels.
    2. Add the table's entry above.

    Parameters: image (H, W), any real dtype. Returns: float64 (H + 1, W + 1), row 0 and column 0 are zero; exact
    for integers up to 2⁵³ in total. Cost: two additions a pixel.

    Reference: Crow, Summed-area tables for texture mapping, SIGGRAPH 1984, doi:10.1145/800031.808600.
    Lesson 02 builds local thresholds on it.
    """
    image = grey(image)
    table = np.empty((image.shape[0] + 1, image.shape[1] + 1))
    _integral_image(image, table)
    return table


@kernel
def _integral_image(image, table):
    height, width = image.shape
    table[0] = 0
    table[:, 0] = 0
    for y in range(
        0, height - 1, 2
    ):  # two rows at once: each sum waits for the last, so the other fills the wait
        row, next_row = image[y], image[y + 1]
        above, here, below = table[y, 1:], table[y + 1, 1:], table[y + 2, 1:]
        total = next_total = np.int64(0)
        for x in range(width):
            total += row[x]
            next_total += next_row[x]
            here[x] = above[x] + total
            below[x] = here[x] + next_total
    if height % 2:
        total = np.int64(0)
        for x in range(width):
            total += image[height - 1, x]
            table[height, x + 1] = table[height - 1, x + 1] + total


def box_mean(image, window):
    """Mean of the window × window pixels around each pixel.

    The integral image answers this with four look-ups a pixel. Only ``window`` rows of it ever matter at a time,
    so this keeps one running total a column instead, which stays in the processor's cache:

    1. Sum each column over the window's rows.
    2. Slide along the row: add the column that enters the window, subtract the one that leaves.
    3. Step one row down: in each column, add the pixel that enters, subtract the one that leaves.

    The border reflects about the outermost pixels, which are not repeated (numpy's "reflect": d c b | a b c d).

    Parameters: image (H, W), any real dtype; window, odd side in pixels, at least 1.
    Returns: float32 (H, W) for uint8, uint16 and float32, else float64. The mean of a constant image is exact.
    Raises TypeError or ValueError for a bad image (see ``grey``) or window.
    Cost: about six additions a pixel, whatever the window.

    Reference: McDonnell, Box-filtering techniques, Computer Graphics and Image Processing 17, 1981,
    doi:10.1016/S0146-664X(81)80009-3. Lesson 02.
    """
    image, radius, origin, real = _boxed(image, window)
    mean = np.empty(image.shape, real)
    by_rows(_box_mean, image.shape, image, radius, origin, mean, band=_band(radius))
    return mean


@kernel
def _box_mean(first, last, image, radius, origin, mean):
    height, width = image.shape
    window = 2 * radius + 1
    zero = origin - origin
    sums = np.full(
        width + window, zero
    )  # a column's total over the window's rows, with the reflected borders
    inner, entering = sums[radius : radius + width], sums[window:]
    share = 1 / window**2
    for y in range(first - radius, first + radius + 1):
        row = image[_reflect(y, height)]
        for x in range(width):
            inner[x] += row[x] - origin
    for y in range(first, last):
        _fill_border(sums, radius, width)
        total = zero
        for x in range(window):
            total += sums[x]
        row = mean[y]
        for x in range(width):
            row[x] = origin + total * share
            total += entering[x] - sums[x]
        old, new = image[_reflect(y - radius, height)], image[_reflect(y + radius + 1, height)]
        for x in range(width):
            inner[x] += (new[x] - origin) - (old[x] - origin)


def box_mean_std(image, window):
    """Mean and standard deviation of the window × window pixels around each pixel.

    The variance is the mean of the squares minus the square of the mean, so two sliding sums (see ``box_mean``)
    give both. That difference cancels digits when the spread is small beside the values. Two remedies: integer
    images are summed in integers, without any rounding; of float images the value of the first pixel is taken off
    before squaring. A constant image has deviation 0 exactly, and so has every constant window of an 8- or 16-bit
    image; elsewhere the error is below 10⁻⁶ of the image's range (max − min).

    Parameters: image (H, W), any real dtype; window, odd side in pixels, at least 1. Border as in ``box_mean``.
    Returns: (mean, std), both float32 (H, W) for uint8, uint16 and float32, else float64.
    Raises TypeError or ValueError for a bad image (see ``grey``) or window. Cost: about twenty operations a pixel.

    Reference: Shafait, Keysers & Breuel, Efficient implementation of local adaptive thresholding techniques using
    integral images, Document Recognition and Retrieval XV, 2008, doi:10.1117/12.767755. Lesson 02.
    """
    image, radius, origin, real = _boxed(image, window)
    mean, std = np.empty(image.shape, real), np.empty(image.shape, real)
    by_rows(_box_mean_std, image.shape, image, radius, origin, mean, std, band=_band(radius))
    return mean, std


@kernel
def _box_mean_std(first, last, image, radius, origin, mean, std):
    height, width = image.shape
    window = 2 * radius + 1
    zero = origin - origin
    sums, squares = np.full(width + window, zero), np.full(width + window, zero)
    inner, inner_squares = sums[radius : radius + width], squares[radius : radius + width]
    entering, entering_squares = sums[window:], squares[window:]
    variance = np.empty(width)
    area = window * window
    share = 1 / area
    for y in range(first - radius, first + radius + 1):
        row = image[_reflect(y, height)]
        for x in range(width):
            value = row[x] - origin
            inner[x] += value
            inner_squares[x] += value * value
    for y in range(first, last):
        _fill_border(sums, radius, width)
        _fill_border(squares, radius, width)
        total = total_squares = zero
        for x in range(window):
            total += sums[x]
            total_squares += squares[x]
        means, deviations = mean[y], std[y]
        for x in range(width):
            means[x] = origin + total * share
            variance[x] = (area * total_squares - total * total) * share * share
            total += entering[x] - sums[x]
            total_squares += entering_squares[x] - squares[x]
        for x in range(width):
            deviations[x] = math.sqrt(max(variance[x], 0.0))
        old, new = image[_reflect(y - radius, height)], image[_reflect(y + radius + 1, height)]
        for x in range(width):
            leaves, enters = old[x] - origin, new[x] - origin
            inner[x] += enters - leaves
            inner_squares[x] += enters * enters - leaves * leaves


def gaussian(image, sigma):
    """Gaussian blur: a weighted mean with weights exp(−r² / 2σ²) at distance r, cut off at 4σ.

    exp(−(x² + y²) / 2σ²) is a factor in x times a factor in y, so one blur down the columns and one along the
    rows do the work of a whole disk of weights:

    1. The weights on one side of the centre, out to 4σ, scaled so that all of them sum to 1.
    2. For each row: the weighted sum of the rows above and below, in pairs at equal distance.
    3. The same along that row.

    The border reflects between pixels, repeating the outermost (scipy's "reflect": c b a | a b c).

    Parameters: image (H, W), any real dtype; sigma, standard deviation in pixels, at least 0 (0 only copies).
    Returns: float32 (H, W) for uint8, uint16 and float32, else float64. Equal to ``scipy.ndimage.gaussian_filter``
    of the image as float.
    Raises TypeError or ValueError for a bad image (see ``grey``), ValueError for a bad sigma.
    Cost: 8σ + 2 multiplications a pixel instead of 64σ².

    Reference: Marr & Hildreth, Theory of edge detection, Proc. R. Soc. Lond. B 207, 1980,
    doi:10.1098/rspb.1980.0020. Lesson 03.
    """
    image = grey(image)
    if not (np.isscalar(sigma) and math.isfinite(sigma) and sigma >= 0):
        raise ValueError(f"sigma must be a number of pixels, 0 or more, not {sigma!r}")
    image = image.astype(_real(image), copy=False)
    radius = int(4 * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(radius + 1) / max(sigma, 1e-9)) ** 2)
    weights = (weights / (2 * weights.sum() - 1)).astype(image.dtype)
    blurred = np.empty_like(image)
    by_rows(_gaussian, image.shape, image, weights, blurred)
    return blurred


@kernel
def _gaussian(first, last, image, weights, blurred):
    height, width = image.shape
    radius = weights.size - 1
    line = np.empty(width + 2 * radius, image.dtype)  # one row, blurred down the columns, with its borders
    inner = line[radius : radius + width]
    for y in range(first, last):
        _scale(image[y], weights[0], inner)
        for k in range(1, radius + 1):
            _add_pair(image[_repeat(y - k, height)], image[_repeat(y + k, height)], weights[k], inner)
        for x in range(radius):
            line[radius - 1 - x] = inner[_repeat(-1 - x, width)]
            line[radius + width + x] = inner[_repeat(width + x, width)]
        _scale(inner, weights[0], blurred[y])
        for k in range(1, radius + 1):
            _add_pair(line[radius - k :], line[radius + k :], weights[k], blurred[y])


def gradient(image):
    """How steeply the image rises, down and to the right: Sobel's derivatives, in grey values a pixel.

    1. Half the difference of the two neighbours on either side is the slope at a pixel.
    2. Noise makes it unsteady, so take the weighted mean, 1 : 2 : 1, of three such slopes side by side.

    The border repeats the outermost pixels.

    Parameters: image (H, W), any real dtype.
    Returns: (down, right), each float32 (H, W) for uint8, uint16 and float32, else float64; an eighth of
    ``scipy.ndimage.sobel`` along axis 0 and axis 1. A ramp that rises by 1 a pixel has slope 1.
    Raises TypeError or ValueError for a bad image (see ``grey``). Cost: about ten operations a pixel.

    Reference: Sobel & Feldman, A 3 × 3 isotropic gradient operator for image processing, talk at the Stanford
    Artificial Intelligence Project, 1968. Lesson 03.
    """
    image = grey(image)
    down, right = np.empty(image.shape, _real(image)), np.empty(image.shape, _real(image))
    by_rows(_gradient, image.shape, image.astype(down.dtype, copy=False), down, right)
    return down, right


@kernel
def _gradient(first, last, image, down, right):
    height, width = image.shape
    eighth = down.dtype.type(0.125)
    fall, total = np.empty(width + 2, image.dtype), np.empty(width + 2, image.dtype)
    for y in range(first, last):
        above, here, below = image[max(y - 1, 0)], image[y], image[min(y + 1, height - 1)]
        for x in range(width):  # down each column: the difference, and the sum with weights 1 : 2 : 1
            fall[x + 1] = below[x] - above[x]
            total[x + 1] = above[x] + here[x] + (here[x] + below[x])
        fall[0], total[0], fall[-1], total[-1] = fall[1], total[1], fall[-2], total[-2]
        _combine(fall, fall[1:], fall[2:], total, total[2:], eighth, down[y], right[y])


@kernel
def _combine(left, here, ahead, total, total_ahead, eighth, down, right):
    for x in range(down.size):
        down[x] = eighth * (left[x] + here[x] + (here[x] + ahead[x]))
        right[x] = eighth * (total_ahead[x] - total[x])


@kernel
def _lengths(first, last, down, right, length):
    for y in range(first, last):
        fall, rise, out = down[y], right[y], length[y]
        for x in range(out.size):
            out[x] = math.sqrt(fall[x] * fall[x] + rise[x] * rise[x])


def gradient_magnitude(image):
    """Steepness: length of the gradient, in grey values a pixel. A usual landscape for a watershed.

    Parameters, errors and cost as for ``gradient``. Returns: float (H, W). ``skimage.filters.sobel``, with the same
    border, gives √2 times as much.
    """
    down, right = gradient(image)
    by_rows(_lengths, down.shape, down, right, down)
    return down


def canny(image, sigma, low, high):
    """Canny's edges: thin lines along the crests of the gradient, started where it is steep and followed where less.

    1. Blur, ``gaussian``: the scale of the edges that are looked for.
    2. ``gradient``, and its length, the steepness.
    3. Thin: keep a pixel where the steepness is greater than one step back along the gradient and not less than one
       step on. The step ends between pixels, so weigh the two nearest.
    4. Hysteresis: of these, pixels steeper than ``low`` count where they hang together, corners included, with one
       steeper than ``high``.

    Parameters: image (H, W), any real dtype; sigma, in pixels, at least 0; 0 ≤ low ≤ high, in grey values a pixel
    (after the blur, a step of height c has the steepness c / (√(2π) σ) or a little less).
    Returns: mask of the edges, bool (H, W); none on the outermost pixels. Away from the border, nearly that of
    ``skimage.feature.canny`` with 8 times these thresholds on the image as float; it blurs as if zeros lay outside.
    Raises TypeError or ValueError for a bad image (see ``grey``), ValueError for a bad sigma or thresholds.
    Cost: that of the blur and some thirty operations a pixel.

    Reference: Canny, A computational approach to edge detection, IEEE Transactions on Pattern Analysis and Machine
    Intelligence 8, 1986, doi:10.1109/TPAMI.1986.4767851. Lesson 03.
    """
    if not 0 <= low <= high:
        raise ValueError(f"thresholds must be 0 <= low <= high, but low is {low!r} and high {high!r}")
    down, right = gradient(gaussian(image, sigma))
    steepness = np.empty_like(down)
    by_rows(_lengths, down.shape, down, right, steepness)
    crest = np.zeros(steepness.shape, bool)
    by_rows(_crests, crest.shape, down, right, steepness, crest)
    edges = framed((crest & (steepness > low)).astype(np.uint8) + (crest & (steepness > high)), 0)
    _follow(edges.ravel(), neighbours(edges.shape[1], 8))
    return edges[1:-1, 1:-1] == 3


@kernel
def _crests(first, last, down, right, steepness, crest):
    height, width = steepness.shape
    for y in range(max(first, 1), min(last, height - 1)):
        for x in range(1, width - 1):
            dy, dx = down[y, x], right[y, x]
            if dy == 0 and dx == 0:
                continue
            sy, sx = (1 if dy > 0 else -1), (1 if dx > 0 else -1)
            if abs(dx) > abs(dy):  # one step right or left, and a part of one up or down
                share, ay, ax = abs(dy) / abs(dx), 0, sx
            else:
                share, ay, ax = abs(dx) / abs(dy), sy, 0
            on = share * steepness[y + sy, x + sx] + (1 - share) * steepness[y + ay, x + ax]
            back = share * steepness[y - sy, x - sx] + (1 - share) * steepness[y - ay, x - ax]
            crest[y, x] = steepness[y, x] > back and steepness[y, x] >= on


@kernel
def _follow(edges, steps):
    """edges: 1 weak, 2 strong; both become 3 where weak ones hang together with a strong one."""
    stack = np.empty(edges.size, np.int32)
    for p in range(edges.size):
        count = 0
        if edges[p] == 2:
            edges[p], stack[0], count = 3, p, 1
        while count > 0:
            count -= 1
            q = stack[count]
            for step in steps:
                if 0 < edges[q + step] < 3:
                    edges[q + step], stack[count] = 3, q + step
                    count += 1


@kernel
def _scale(row, weight, out):
    for x in range(out.size):
        out[x] = weight * row[x]


@kernel
def _add_pair(left, right, weight, out):
    for x in range(out.size):
        out[x] += weight * (left[x] + right[x])


@kernel
def _repeat(i, size):
    """Index that lies at i when the image is reflected between pixels: -1 -> 0, size -> size - 1."""
    i %= 2 * size
    return i if i < size else 2 * size - 1 - i


@kernel
def _reflect(i, size):
    """Index that lies at i when the image is reflected about its outermost pixels: -1 -> 1, size -> size - 2."""
    period = max(2 * (size - 1), 1)
    i = abs(i) % period
    return i if i < size else period - i


@kernel
def _fill_border(sums, radius, width):
    for x in range(radius):
        sums[radius - 1 - x] = sums[radius + _reflect(-1 - x, width)]
        sums[radius + width + x] = sums[radius + _reflect(width + x, width)]


def _boxed(image, window):
    """(image, radius, origin, dtype of the result) for the sliding sums: integers as long as they stay exact."""
    image = grey(image)
    if not isinstance(window, int | np.integer) or window < 1 or window % 2 == 0:
        raise ValueError(f"window must be an odd whole number of pixels, not {window!r}")
    radius, real = int(window) // 2, _real(image)
    if image.dtype.kind == "u" and np.iinfo(image.dtype).max ** 2 * int(window) ** 4 < 2**63:
        return image, radius, np.int64(0), real
    if image.dtype.kind != "f":
        image = image.astype(np.float64)
    return image, radius, np.float64(image[0, 0]), real


def _real(image):
    """The float type in which a mean of these pixels is given."""
    return np.float32 if image.dtype.itemsize <= 4 else np.float64


def _band(radius):
    """Rows of a band: enough to make the first window of each, which is summed afresh, a small part of the work."""
    return max(256, 16 * radius)


def check_number(name, value, least):
    """ValueError unless the value is a finite number that is at least ``least``."""
    if not (isinstance(value, Real) and math.isfinite(value) and value >= least):
        raise ValueError(f"{name} must be a finite number, {least} or more, not {value!r}")


def check_positive(name, value):
    """ValueError unless the value is a finite number above 0."""
    if not (isinstance(value, Real) and math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be a finite number above 0, not {value!r}")


def check_count(name, value, least=0):
    """ValueError unless the value is a whole number that is at least ``least``."""
    if not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} must be a whole number, {least} or more, not {value!r}")
