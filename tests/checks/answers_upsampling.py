"""Answers to the exercises of lesson 09, by other methods than ours, and with other mistakes."""

import numpy as np
import torch
from answers import right, wrong
from scipy import ndimage, signal
from torch.nn import functional as F


@right("scan-dense")
def convolved_by_torch(features, weights, offsets, side):
    kernels = weights.reshape(len(weights), len(features), side, side)
    tensors = (torch.from_numpy(np.ascontiguousarray(a)) for a in (features[None], kernels, offsets))
    return F.conv2d(*tensors)[0].numpy()


@right("scan-dense")
def window_after_window(features, weights, offsets, side):
    """The dense layer itself, at each place."""
    rows, columns = features.shape[1] - side + 1, features.shape[2] - side + 1
    scores = np.empty((len(weights), rows, columns))
    for y in range(rows):
        for x in range(columns):
            scores[:, y, x] = weights @ features[:, y : y + side, x : x + side].ravel() + offsets
    return scores


@wrong("scan-dense")
def convolved_by_scipy(features, weights, offsets, side):
    """scipy's convolution turns the kernel round."""
    kernels = weights.reshape(len(weights), len(features), side, side)
    return np.stack(
        [
            sum(signal.convolve2d(f, k, "valid") for f, k in zip(features, kernel, strict=True)) + offset
            for kernel, offset in zip(kernels, offsets, strict=True)
        ]
    )


@wrong("scan-dense")
def padded_with_zeros(features, weights, offsets, side):
    """As large as the input."""
    padded = np.pad(features, ((0, 0), (0, side - 1), (0, side - 1)))
    return window_after_window(padded, weights, offsets, side)


@wrong("scan-dense")
def column_by_column(features, weights, offsets, side):
    """The window is flattened down its columns."""
    return window_after_window(features.transpose(0, 2, 1), weights, offsets, side).transpose(0, 2, 1)


@wrong("scan-dense")
def side_by_side_windows(features, weights, offsets, side):
    """Windows that do not overlap: only every side-th place."""
    return window_after_window(features, weights, offsets, side)[:, ::side, ::side]


@wrong("scan-dense")
def one_offset_for_all_classes(features, weights, offsets, side):
    return window_after_window(features, weights, np.full(len(offsets), offsets[0]), side)


@wrong("scan-dense")
def all_offsets_for_each_class(features, weights, offsets, side):
    return window_after_window(features, weights, np.full(len(offsets), offsets.sum()), side)


@wrong("scan-dense")
def a_dense_layer_a_channel(features, weights, offsets, side):
    """Each channel is scored by itself, offset included, and the scores are added up."""
    kernels = weights.reshape(len(weights), len(features), -1)
    return sum(
        window_after_window(feature[None], kernels[:, channel], offsets, side)
        for channel, feature in enumerate(features)
    )


@right("enlarge-by-stamps")
def by_torch(values, kernel, stride):
    given = (torch.tensor(a, dtype=torch.float64)[None, None] for a in (values, kernel))
    return F.conv_transpose1d(*given, stride=stride)[0, 0].numpy()


@right("enlarge-by-stamps")
def by_the_matrix(values, kernel, stride):
    size = (len(values) - 1) * stride + len(kernel)
    unit = np.eye(size)
    matrix = np.array([[e[i * stride :][: len(kernel)] @ kernel for e in unit] for i in range(len(values))])
    return matrix.T @ values


@right("enlarge-by-stamps")
def zeros_between(values, kernel, stride):
    spread = np.zeros((len(values) - 1) * stride + 1)
    spread[::stride] = values
    return np.convolve(spread, kernel)


@wrong("enlarge-by-stamps")
def least_squares(values, kernel, stride):
    """Looks for what the convolution would turn into the values: an inverse."""
    matrix = np.array([by_the_matrix(row, kernel, stride) for row in np.eye(len(values))])
    return np.linalg.lstsq(matrix, values, rcond=None)[0]


@wrong("enlarge-by-stamps")
def resized_then_convolved(values, kernel, stride):
    return np.convolve(np.repeat(values, stride), kernel)[: (len(values) - 1) * stride + len(kernel)]


@wrong("enlarge-by-stamps")
def correlated(values, kernel, stride):
    """Zeros between the values, then a correlation."""
    spread = np.zeros((len(values) - 1) * stride + 1)
    spread[::stride] = values
    return np.correlate(spread, kernel, "full")


@wrong("enlarge-by-stamps")
def maxima_of_stamps(values, kernel, stride):
    result = np.full((len(values) - 1) * stride + len(kernel), -np.inf)
    for i, value in enumerate(values):
        part = result[i * stride : i * stride + len(kernel)]
        np.maximum(part, value * kernel, out=part)
    return np.where(np.isfinite(result), result, 0)


@wrong("enlarge-by-stamps")
def two_apart(values, kernel, stride):
    """The stride of the worked example, always."""
    result = np.zeros((len(values) - 1) * 2 + len(kernel))
    for i, value in enumerate(values):
        result[2 * i : 2 * i + len(kernel)] += value * kernel
    return result


@wrong("enlarge-by-stamps")
def counted_in_whole_numbers(values, kernel, stride):
    return np.trunc(zeros_between(values, kernel, stride)).astype(np.int64)


@wrong("enlarge-by-stamps")
def next_to_each_other(values, kernel, stride):
    """Stamps as far apart as they are long."""
    return np.outer(values, kernel).ravel()


@wrong("enlarge-by-stamps")
def into_zeros_like_the_values(values, kernel, stride):
    """numpy refuses to add fractions into whole numbers."""
    result = np.zeros_like(values, shape=(len(values) - 1) * stride + len(kernel))
    for i, value in enumerate(values):
        result[i * stride :][: len(kernel)] += value * kernel
    return result


@wrong("enlarge-by-stamps")
def all_but_the_last(values, kernel, stride):
    spread = np.zeros((len(values) - 1) * stride + 1)
    spread[:-1:stride] = values[:-1]
    return np.convolve(spread, kernel)


@wrong("enlarge-by-stamps")
def kernel_made_to_sum_to_one(values, kernel, stride):
    return zeros_between(values, kernel / (kernel.sum() or 1), stride)


@right("half-pixel")
def interpolated_by_torch(values, factor):
    given = torch.tensor(values, dtype=torch.float64)[None, None]
    return F.interpolate(given, scale_factor=factor, mode="linear")[0, 0].numpy()


@right("half-pixel")
def zoomed_by_scipy(values, factor):
    return ndimage.zoom(np.asarray(values, float), factor, order=1, mode="nearest", grid_mode=True)


@right("half-pixel")
def pixel_after_pixel(values, factor):
    found = []
    for j in range(len(values) * factor):
        place = (2 * j + 1 - factor) / (2 * factor)
        left = int(np.floor(place))
        share = place - left
        ends = [values[min(max(i, 0), len(values) - 1)] for i in (left, left + 1)]
        found.append((1 - share) * ends[0] + share * ends[1])
    return np.array(found)


@wrong("half-pixel")
def corners_aligned(values, factor):
    given = torch.tensor(values, dtype=torch.float64)[None, None]
    return F.interpolate(given, scale_factor=factor, mode="linear", align_corners=True)[0, 0].numpy()


@wrong("half-pixel")
def nearest_by_torch(values, factor):
    given = torch.tensor(values, dtype=torch.float64)[None, None]
    return F.interpolate(given, scale_factor=factor)[0, 0].numpy()


@wrong("half-pixel")
def colleague(values, factor):
    return np.interp(np.arange(len(values) * factor) / factor, np.arange(len(values)), values)


@wrong("half-pixel")
def zoomed_by_points(values, factor):
    """scipy's default takes pixels for points: the ends are laid on the ends."""
    return ndimage.zoom(np.asarray(values, float), factor, order=1)


@wrong("half-pixel")
def half_a_fine_pixel_back(values, factor):
    places = np.linspace(0, len(values), len(values) * factor, endpoint=False) - 0.5 / factor
    return np.interp(places, np.arange(len(values)), values)


@wrong("half-pixel")
def a_quarter_back(values, factor):
    """Right for factor 2 alone."""
    places = np.linspace(0, len(values), len(values) * factor, endpoint=False) - 0.25
    return np.interp(places, np.arange(len(values)), values)


@wrong("half-pixel")
def floored(values, factor):
    return np.trunc(pixel_after_pixel(values, factor)).astype(np.int64)


@wrong("half-pixel")
def nothing_beyond_the_middles(values, factor):
    places = (np.arange(len(values) * factor) + 0.5) / factor - 0.5
    return np.interp(places, np.arange(len(values)), values, 0, 0)


@wrong("half-pixel")
def half_a_factor_in_whole_pixels(values, factor):
    """Right for odd factors."""
    places = np.arange(-(factor // 2), len(values) * factor - factor // 2) / factor
    return np.interp(places, np.arange(len(values)), values)


@right("error-bands")
def sorted_into_bands(distance, wrong_pixels, edges):
    band = np.digitize(distance, edges) - 1
    shares = []
    for number in range(len(edges) - 1):
        inside = wrong_pixels[band == number]
        shares.append(inside.sum() / inside.size if inside.size else float("nan"))
    return np.array(shares)


@right("error-bands")
def cumulative(distance, wrong_pixels, edges):
    with np.errstate(invalid="ignore"):
        pixels = np.diff([np.sum(distance < edge) for edge in edges])
        errors = np.diff([np.sum(wrong_pixels & (distance < edge)) for edge in edges])
        return errors / pixels


@wrong("error-bands")
def a_histogram_of_errors(distance, wrong_pixels, edges):
    return np.histogram(distance[wrong_pixels], edges)[0]


@wrong("error-bands")
def a_density_of_errors(distance, wrong_pixels, edges):
    counts = np.histogram(distance[wrong_pixels], edges)[0]
    return counts / max(wrong_pixels.sum(), 1)


@wrong("error-bands")
def whole_pixels(distance, wrong_pixels, edges):
    """Distances cut to whole numbers."""
    return sorted_into_bands(distance.astype(int), wrong_pixels, edges)


@wrong("error-bands")
def rounded(distance, wrong_pixels, edges):
    return sorted_into_bands(np.rint(distance), wrong_pixels, edges)


@wrong("error-bands")
def the_rest_in_the_last_band(distance, wrong_pixels, edges):
    return sorted_into_bands(distance, wrong_pixels, [*edges[:-1], np.inf])


@wrong("error-bands")
def accuracy(distance, wrong_pixels, edges):
    return sorted_into_bands(distance, ~wrong_pixels, edges)


@wrong("error-bands")
def at_least_so_far(distance, wrong_pixels, edges):
    return np.array([wrong_pixels[distance >= edge].mean() for edge in edges[:-1]])


@wrong("error-bands")
def no_pixels_no_errors(distance, wrong_pixels, edges):
    return np.nan_to_num(sorted_into_bands(distance, wrong_pixels, edges))


@right("sub-pixel")
def shuffled_by_torch(values, factor):
    return F.pixel_shuffle(torch.from_numpy(np.ascontiguousarray(values)), factor).numpy()


@right("sub-pixel")
def place_by_place(values, factor):
    height, width = values.shape[1:]
    result = np.empty((len(values) // factor**2, height * factor, width * factor), values.dtype)
    for number, channel in enumerate(values):
        c, place = divmod(number, factor**2)
        i, j = divmod(place, factor)
        result[c, i::factor, j::factor] = channel
    return result


@right("sub-pixel")
def slices_of_floats(values, factor):
    """The same numbers as floats."""
    return place_by_place(values, factor).astype(float)


@wrong("sub-pixel")
def interleaved_the_other_way(values, factor):
    return place_by_place(values.transpose(0, 2, 1), factor).transpose(0, 2, 1)


@wrong("sub-pixel")
def in_blocks(values, factor):
    """The maps are laid side by side."""
    groups = values.reshape(-1, factor, factor, *values.shape[1:])
    return np.stack([np.block([[*row] for row in group]) for group in groups])


@wrong("sub-pixel")
def the_other_channels_first(values, factor):
    """Channel i · C + c instead of c · f² + i."""
    groups = np.concatenate([values[c :: len(values) // factor**2] for c in range(len(values) // factor**2)])
    return place_by_place(groups, factor)
