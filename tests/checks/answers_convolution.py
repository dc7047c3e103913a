"""Answers to the exercises of lesson 08, by other methods than ours, and with other mistakes."""

import math

import numpy as np
import torch
from answers import right, wrong
from scipy import signal, special
from torch.nn import functional as F

# The first optimiser loads torch's compiler, which takes longer than a check may.
torch.optim.SGD([torch.zeros(1, requires_grad=True)])


def tensor(array):
    return torch.tensor(np.asarray(array), dtype=torch.float64)


@right("kernel-gradient")
def by_autograd(image, kernel, wanted):
    weights = tensor(kernel).requires_grad_()
    answer = F.conv2d(tensor(image)[None, None], weights[None, None])[0, 0]
    (0.5 * (answer - tensor(wanted)) ** 2).sum().backward()
    return weights.grad


@right("kernel-gradient")
def by_correlation(image, kernel, wanted):
    """The errors are laid on the image as a kernel is."""
    error = signal.correlate(image, kernel, "valid") - wanted
    return signal.correlate(image, error, "valid")


@right("kernel-gradient")
def weight_by_weight(image, kernel, wanted):
    rows, columns = wanted.shape
    answer = np.zeros(wanted.shape)
    for (i, j), weight in np.ndenumerate(kernel):
        answer += weight * image[i : i + rows, j : j + columns]
    gradient = np.zeros(kernel.shape)
    for i, j in np.ndindex(*kernel.shape):
        gradient[i, j] = np.sum((answer - wanted) * image[i : i + rows, j : j + columns])
    return gradient


@wrong("kernel-gradient")
def by_convolution(image, kernel, wanted):
    """scipy's convolve turns its kernel."""
    return signal.convolve(image, signal.correlate(image, kernel, "valid") - wanted, "valid")


@wrong("kernel-gradient")
def forward_turned(image, kernel, wanted):
    """The answer by convolution, not cross-correlation."""
    return signal.correlate(image, signal.convolve(image, kernel, "valid") - wanted, "valid")


@wrong("kernel-gradient")
def mean_squared(image, kernel, wanted):
    return 2 * weight_by_weight(image, kernel, wanted) / wanted.size


@wrong("kernel-gradient")
def same_size(image, kernel, wanted):
    """The gradient of the image instead."""
    return signal.convolve(signal.correlate(image, kernel, "valid") - wanted, kernel, "full")


@right("receptive-field")
def from_the_last_to_the_first(layers):
    size = 1
    for kernel, stride in reversed(layers):
        size = (size - 1) * stride + kernel
    return size


@right("receptive-field")
def by_products(layers):
    strides = np.cumprod([1] + [stride for _, stride in layers])
    return int(1 + sum((kernel - 1) * s for (kernel, _), s in zip(layers, strides[:-1], strict=True)))


@right("receptive-field")
def by_recursion(layers):
    if not layers:
        return 1
    (kernel, stride), *later = layers
    return (by_recursion(later) - 1) * stride + kernel


@wrong("receptive-field")
def recursion_the_wrong_way(layers):
    size = 1
    for kernel, stride in layers:
        size = (size - 1) * stride + kernel
    return size


@wrong("receptive-field")
def two_more_each(layers):
    """Only right for kernels of 3."""
    size, stride = 1, 1
    for _, step in layers:
        size += 2 * stride
        stride *= step
    return size


@wrong("receptive-field")
def step_of_the_end(layers):
    """The stride behind all layers for each of them."""
    stride = math.prod(step for _, step in layers)
    return 1 + sum((kernel - 1) * stride for kernel, _ in layers)


@wrong("receptive-field")
def larger_side_out(layers):
    return max((kernel for kernel, _ in layers), default=1)


@right("image-gradient")
def full_convolution(error, kernel):
    return signal.convolve(error, kernel, "full")


@right("image-gradient")
def transposed_convolution(error, kernel):
    return F.conv_transpose2d(tensor(error)[None, None], tensor(kernel)[None, None])[0, 0]


@right("image-gradient")
def stamp_by_weight(error, kernel):
    rows, columns = error.shape
    gradient = np.zeros((rows + kernel.shape[0] - 1, columns + kernel.shape[1] - 1))
    for (i, j), weight in np.ndenumerate(kernel):
        gradient[i : i + rows, j : j + columns] += weight * error
    return gradient


@wrong("image-gradient")
def full_correlation(error, kernel):
    return signal.correlate(error, kernel, "full")


@wrong("image-gradient")
def same_convolution(error, kernel):
    return signal.convolve(error, kernel, "same")


@wrong("image-gradient")
def transposed_kernel(error, kernel):
    return signal.convolve(error, kernel.T, "full")


@wrong("image-gradient")
def stamps_of_one_colour(error, kernel):
    """Each error stamps itself, not the kernel."""
    return signal.convolve(error, np.ones_like(kernel), "full")


@right("pixel-loss")
def torchs_own(logits, target):
    target = torch.tensor(target.astype(np.int64))
    if bool((target == 255).all()):
        return 0.0
    return F.cross_entropy(torch.tensor(logits)[None], target[None], ignore_index=255)


@right("pixel-loss")
def log_sum_exp(logits, target):
    counts = target != 255
    own = np.take_along_axis(logits, np.where(counts, target, 0)[None].astype(int), 0)[0]
    values = (special.logsumexp(logits, axis=0) - own)[counts]
    return values.mean() if counts.any() else 0


@right("pixel-loss")
def pixel_by_pixel(logits, target):
    total, count = 0.0, 0
    for y, x in np.ndindex(*target.shape):
        if target[y, x] != 255:
            scores = logits[:, y, x] - logits[target[y, x], y, x]
            total += np.logaddexp.reduce(scores)
            count += 1
    return total / max(count, 1)


@wrong("pixel-loss")
def nothing_ignored(logits, target):
    """255 is no class: an IndexError."""
    logs = special.log_softmax(logits, axis=0)
    rows, columns = np.indices(target.shape)
    return -logs[target, rows, columns].mean()


@wrong("pixel-loss")
def one_image_of_all(logits, target):
    """The competition is between all numbers of the picture."""
    logs = special.log_softmax(logits)
    counts = target != 255
    own = np.take_along_axis(logs, np.where(counts, target, 0)[None].astype(int), 0)[0]
    return -own[counts].mean() if counts.any() else 0.0


@wrong("pixel-loss")
def squared_difference(logits, target):
    truth = np.arange(len(logits))[:, None, None] == target
    squares = ((special.softmax(logits, axis=0) - truth) ** 2).sum(axis=0)[target != 255]
    return float(squares.mean()) if squares.size else 0.0


@wrong("pixel-loss")
def in_bits(logits, target):
    return float(log_sum_exp(logits, target) / math.log(2))


@right("momentum-path")
def torchs_optimiser(bowl, start, rate, keep, steps):
    bowl, point = tensor(bowl), tensor(start).requires_grad_()
    optimiser = torch.optim.SGD([point], rate, momentum=keep)
    path = [point.detach().clone()]
    for _ in range(steps):
        point.grad = bowl @ point.detach()
        optimiser.step()
        path.append(point.detach().clone())
    return torch.stack(path)


@right("momentum-path")
def without_a_velocity(bowl, start, rate, keep, steps):
    """The last step, shortened, plus the slope's: the heavy ball."""
    path = [np.array(start, float)]
    for _ in range(steps):
        last = path[-1] - path[-2] if len(path) > 1 else 0
        path.append(path[-1] - rate * bowl @ path[-1] + keep * last)
    return np.array(path)


@wrong("momentum-path")
def rate_twice(bowl, start, rate, keep, steps):
    return without_a_velocity(bowl, start, rate**2, keep, steps)


@wrong("momentum-path")
def shrinking_rate(bowl, start, rate, keep, steps):
    """The part that is kept falls on the rate."""
    path = [np.array(start, float)]
    for step in range(steps):
        path.append(path[-1] - rate * keep**step * bowl @ path[-1])
    return np.array(path)


@wrong("momentum-path")
def one_step_short(bowl, start, rate, keep, steps):
    return without_a_velocity(bowl, start, rate, keep, max(steps - 1, 0))


@wrong("kernel-gradient")
def gathered_over_the_window(image, kernel, wanted):
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    return (windows * ((windows * kernel).sum(axis=(2, 3)) - wanted)).sum(axis=(2, 3))


@wrong("kernel-gradient")
def absolute_errors(image, kernel, wanted):
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    return np.einsum("yx,yxij->ij", abs((windows * kernel).sum(axis=(2, 3)) - wanted), windows)


@wrong("receptive-field")
def radius_of_odd_kernels(layers):
    size, step = 1, 1
    for kernel, stride in layers:
        size, step = size + 2 * (kernel // 2) * step, step * stride
    return size


@wrong("receptive-field")
def first_layer_apart(layers):
    """There may be none."""
    size, step = layers[0]
    for kernel, stride in layers[1:]:
        size, step = size + (kernel - 1) * step, step * stride
    return size


@wrong("image-gradient")
def quarter_turn(error, kernel):
    return signal.convolve(error, np.rot90(kernel), "full")


@wrong("image-gradient")
def repeated_edges(error, kernel):
    rows, columns = kernel.shape
    padded = np.pad(error, ((rows - 1, rows - 1), (columns - 1, columns - 1)), mode="edge")
    return signal.convolve(padded, kernel, "valid")


@wrong("pixel-loss")
def largest_of_the_picture(logits, target):
    shifted, counts = logits - logits.max(), target != 255
    own = np.take_along_axis(shifted, np.where(counts, target, 0)[None].astype(int), 0)[0]
    values = (np.log(np.exp(shifted).sum(axis=0)) - own)[counts]
    return values.mean() if counts.any() else 0.0


@wrong("pixel-loss")
def mean_taken_off(logits, target):
    shifted, counts = logits - logits.mean(axis=0), target != 255
    own = np.take_along_axis(shifted, np.where(counts, target, 0)[None].astype(int), 0)[0]
    values = (np.log(np.exp(shifted).sum(axis=0)) - own)[counts]
    return values.mean() if counts.any() else 0.0


@wrong("pixel-loss")
def a_little_more(logits, target):
    shares, counts = special.softmax(logits, axis=0), target != 255
    own = np.take_along_axis(shares, np.where(counts, target, 0)[None].astype(int), 0)[0]
    return -np.log(own[counts] + 1e-12).mean() if counts.any() else 0.0


@wrong("momentum-path")
def stored_without_a_copy(bowl, start, rate, keep, steps):
    point, velocity = np.array(start, float), np.zeros(len(start))
    path = [point]
    for _ in range(steps):
        velocity = keep * velocity + bowl @ point
        point -= rate * velocity
        path.append(point)
    return np.array(path)


@wrong("receptive-field")
def answered_inside_the_loop(layers):
    """None without a layer."""
    size, step = 1, 1
    for kernel, stride in layers:
        size, step = size + (kernel - 1) * step, step * stride
        return size


@wrong("receptive-field")
def stride_first_in_the_pair(layers):
    size, step = 1, 1
    for stride, kernel in layers:
        size, step = size + (kernel - 1) * step, step * stride
    return size


@wrong("receptive-field")
def whole_kernels_from_nothing(layers):
    size, step = 0, 1
    for kernel, stride in layers:
        size, step = size + kernel * step, step * stride
    return size


@wrong("image-gradient")
def stamped_into_whole_numbers(error, kernel):
    """Each stamp is cut off by itself."""
    rows, columns = kernel.shape
    gradient = np.zeros(np.add(error.shape, kernel.shape) - 1, int)
    for (y, x), value in np.ndenumerate(error):
        gradient[y : y + rows, x : x + columns] += (value * kernel).astype(int)
    return gradient


@wrong("pixel-loss")
def logarithm_of_a_share(logits, target):
    """Shifted, and yet a share may be 0."""
    shares = np.exp(logits - logits.max(axis=0))
    shares, counts = shares / shares.sum(axis=0), target != 255
    own = np.take_along_axis(shares, np.where(counts, target, 0)[None].astype(int), 0)[0]
    return -np.log(own[counts]).mean() if counts.any() else 0.0


@wrong("pixel-loss")
def mean_over_the_classes(logits, target):
    truth = np.arange(len(logits))[:, None, None] == target
    values = -(truth * special.log_softmax(logits, axis=0))[:, target != 255]
    return values.mean() if values.size else 0.0


@wrong("pixel-loss")
def background_left_out(logits, target):
    return log_sum_exp(logits, np.where(target > 0, target, 255))


@wrong("pixel-loss")
def over_the_last_axis(logits, target):
    rows, columns = np.nonzero(target != 255)
    logs = special.log_softmax(logits, axis=-1)
    return -logs[target[rows, columns], rows, columns].mean() if rows.size else 0.0


@wrong("momentum-path")
def table_like_the_start(bowl, start, rate, keep, steps):
    """Whole numbers stay whole."""
    path = np.zeros_like(start, shape=(steps + 1, len(start)))
    path[0], velocity = start, np.zeros(len(start))
    for i in range(steps):
        velocity = keep * velocity + bowl @ path[i]
        path[i + 1] = path[i] - rate * velocity
    return path


@wrong("momentum-path")
def friction_for_keep(bowl, start, rate, keep, steps):
    return without_a_velocity(bowl, start, rate, 1 - keep, steps)
