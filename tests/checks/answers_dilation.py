"""Answers to the exercises of lesson 11, by other methods than ours, and with other mistakes."""

from collections import Counter
from itertools import product

import numpy as np
import torch
from answers import right, wrong
from torch import nn
from torch.nn import functional as F

from course_utils.models import dilated, receptive


@right("account-layers")
def account_by_the_library(layers):
    convolutions = [nn.Conv2d(1, 1, kernel, stride, dilation=d, bias=False) for kernel, stride, d in layers]
    return receptive.receptive_field(convolutions).size, sum(layer.weight.numel() for layer in convolutions)


@right("account-layers")
def account_from_the_end(layers):
    """One output pixel; how many pixels of the layer before does it span?"""
    size = 1
    for kernel, stride, dilation in layers[::-1]:
        size = (size - 1) * stride + (kernel - 1) * dilation + 1
    return size, sum(kernel**2 for kernel, _, _ in layers)


@wrong("account-layers")
def account_for_one_side(layers):
    """How far to one side, not how many pixels in all."""
    size, weights = account_from_the_end(layers)
    return size // 2, weights


@wrong("account-layers")
def account_without_the_pixel(layers):
    """Begins at 0."""
    size, weights = account_from_the_end(layers)
    return size - 1, weights


@wrong("account-layers")
def account_multiplied(layers):
    """Fields of layers are multiplied."""
    size = 1
    for kernel, _, dilation in layers:
        size *= (kernel - 1) * dilation + 1
    return size, sum(kernel**2 for kernel, _, _ in layers)


@wrong("account-layers")
def account_of_the_last(layers):
    """Only the last layer's own window."""
    kernel, _, dilation = layers[-1] if layers else (1, 1, 1)
    return (kernel - 1) * dilation + 1, sum(k**2 for k, _, _ in layers)


@right("dilate-line")
def dilated_by_torch(values, kernel, dilation):
    line, weight = (torch.tensor(np.asarray(a), dtype=torch.float64)[None, None] for a in (values, kernel))
    return F.conv1d(line, weight, padding=dilation * (len(kernel) // 2), dilation=dilation)[0, 0].numpy()


@right("dilate-line")
def place_by_place(values, kernel, dilation):
    result = np.zeros(len(values))
    for x in range(len(values)):
        for j, weight in enumerate(kernel):
            place = x + (j - len(kernel) // 2) * dilation
            if 0 <= place < len(values):
                result[x] += weight * values[place]
    return result


@right("dilate-line")
def stretched_kernel(values, kernel, dilation):
    stretched = np.zeros((len(kernel) - 1) * dilation + 1)
    stretched[::dilation] = kernel
    return np.correlate(np.pad(np.asarray(values, float), len(stretched) // 2), stretched, "valid")


@wrong("dilate-line")
def negative_places_wrap(values, kernel, dilation):
    """Python's values[-1] is the last one."""
    result = np.zeros(len(values))
    for x in range(len(values)):
        for j, weight in enumerate(kernel):
            place = x + (j - len(kernel) // 2) * dilation
            if place < len(values):
                result[x] += weight * values[max(place, -len(values))]
    return result


@wrong("dilate-line")
def convolved_by_numpy(values, kernel, dilation):
    """np.convolve turns the kernel round."""
    stretched = np.zeros((len(kernel) - 1) * dilation + 1)
    stretched[::dilation] = kernel
    full, reach = np.convolve(values, stretched), len(stretched) // 2
    return full[reach : reach + len(values)]


@wrong("dilate-line")
def kernel_repeated(values, kernel, dilation):
    """A wider kernel: each weight stands `dilation` times."""
    wide = np.repeat(kernel, dilation)
    padded = np.pad(np.asarray(values, float), (len(wide) // 2, len(wide) - 1 - len(wide) // 2))
    return np.correlate(padded, wide, "valid")


@wrong("dilate-line")
def whole_numbers_only(values, kernel, dilation):
    """The result has the type of the values."""
    return place_by_place(values, kernel, dilation).astype(np.asarray(values).dtype)


@right("dilate-line")
def in_single_precision(values, kernel, dilation):
    return place_by_place(values, kernel, dilation).astype(np.float32)


@right("dilate-line")
def summed_in_single_precision(values, kernel, dilation):
    result = np.zeros(len(values), np.float32)
    padded = np.pad(values, dilation * (len(kernel) // 2))
    for j, weight in enumerate(kernel):
        result += weight * padded[j * dilation : j * dilation + len(values)]
    return result


@wrong("dilate-line")
def fractions_cut_off_at_the_end(values, kernel, dilation):
    return place_by_place(values, kernel, dilation).astype(int)


@right("count-ways")
def counted_one_by_one(dilations):
    ends = Counter(sum(steps) for steps in product(*((-d, 0, d) for d in dilations)))
    reach = sum(dilations)
    return np.array([ends[place] for place in range(-reach, reach + 1)])


@right("count-ways")
def ways_by_the_library(dilations):
    return dilated.ways(dilations)


@right("count-ways")
def ways_of_a_polynomial(dilations):
    """Coefficients of the product of 1 + x^d + x^2d."""
    found = np.poly1d([1])
    for d in dilations:
        found *= np.poly1d([1, *[0] * (d - 1), 1, *[0] * (d - 1), 1])
    return found.coeffs.astype(int)


@wrong("count-ways")
def counted_in_bytes(dilations):
    """np.uint8 ends at 255."""
    found = np.ones(1, np.uint8)
    for d in dilations:
        comb = np.zeros(2 * d + 1, np.uint8)
        comb[::d] = 1
        found = np.convolve(found, comb)
    return found


@wrong("count-ways")
def a_triangle(dilations):
    """Many in the middle, fewer outwards, without counting."""
    reach = sum(dilations)
    return reach + 1 - abs(np.arange(-reach, reach + 1))


@wrong("count-ways")
def the_last_layer_twice(dilations):
    return dilated.ways([*dilations[:-1], *dilations[-1:] * 2])


@wrong("count-ways")
def largest_dilation_alone(dilations):
    return dilated.ways([max(dilations)] * len(dilations) if dilations else [])


@wrong("count-ways")
def counted_in_the_image(dilations):
    """Rows and columns: the square of the field."""
    return np.outer(dilated.ways(dilations), dilated.ways(dilations))


@right("undo-halving")
def undone_by_torch(values, kernels):
    for level, kernel in enumerate(kernels):
        values = dilated_by_torch(values, kernel, 2**level)
    return values


@right("undo-halving")
def interleaved(values, kernels):
    """Both halves go through the rest of the network, and are laced together."""
    first, *rest = kernels
    values = place_by_place(values, first, 1)
    if not rest:
        return values
    result = np.empty(len(values))
    for start in (0, 1):
        result[start::2] = interleaved(values[start::2], rest) if len(values) > start else 0
    return result


@wrong("undo-halving")
def only_where_it_was(values, kernels):
    """Zeros at the places that were thrown away."""
    result = undone_by_torch(values, kernels)
    keep = np.arange(len(result)) % 2 ** (len(kernels) - 1) == 0
    return np.where(keep, result, 0)


@wrong("undo-halving")
def interpolated(values, kernels):
    """Straight lines between the halved network's numbers."""
    step = 2 ** (len(kernels) - 1)
    known = undone_by_torch(values, kernels)[::step]
    return np.interp(np.arange(len(values)), step * np.arange(len(known)), known)


@wrong("undo-halving")
def squares_of_levels(values, kernels):
    for level, kernel in enumerate(kernels):
        values = place_by_place(values, kernel, max(1, level**2))
    return values


@wrong("undo-halving")
def the_last_layer_alone_dilated(values, kernels):
    for level, kernel in enumerate(kernels):
        values = place_by_place(values, kernel, 2**level if level == len(kernels) - 1 else 1)
    return values
