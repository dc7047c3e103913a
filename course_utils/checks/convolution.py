"""The exercises of lesson 08: gradients of a convolution, receptive fields, the loss of pixels, momentum."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from course_utils.checks.framework import Exercise, Mistake, Property

# ------------------------------------------------------------------------ 1: the gradient of the kernel


def _answer(image, kernel):
    return (sliding_window_view(image, kernel.shape) * kernel).sum(axis=(2, 3))


def _gathered(image, error, shape):
    """Σ error[y, x] · image[y + i, x + j], for each weight (i, j)."""
    return np.einsum("yx,yxij->ij", error, sliding_window_view(image, shape)).astype(float)


def kernel_gradient(image, kernel, wanted):
    return _gathered(image, _answer(image, kernel) - wanted, kernel.shape)


def _mean(image, kernel, wanted):
    return kernel_gradient(image, kernel, wanted) / wanted.size


def _no_half(image, kernel, wanted):
    return 2 * kernel_gradient(image, kernel, wanted)


def _uphill(image, kernel, wanted):
    return -kernel_gradient(image, kernel, wanted)


def _turned(image, kernel, wanted):
    return kernel_gradient(image, kernel, wanted)[::-1, ::-1]


def _errors_alone(image, kernel, wanted):
    return np.full(kernel.shape, (_answer(image, kernel) - wanted).sum(), float)


def _times_kernel(image, kernel, wanted):
    return (_answer(image, kernel) - wanted).sum() * kernel


def _of_the_target(image, kernel, wanted):
    return _gathered(image, wanted.astype(float), kernel.shape)


def _of_the_answer(image, kernel, wanted):
    return _gathered(image, _answer(image, kernel), kernel.shape)


def _loss_itself(image, kernel, wanted):
    return _gathered(image, (_answer(image, kernel) - wanted) ** 2 / 2, kernel.shape)


def _stepped(image, kernel, wanted):
    return kernel - kernel_gradient(image, kernel, wanted)


def _over_the_window(image, kernel, wanted):
    windows = sliding_window_view(image, kernel.shape)
    return (windows * (_answer(image, kernel) - wanted)).sum(axis=(2, 3))


def _gathered_times_kernel(image, kernel, wanted):
    return kernel_gradient(image, kernel, wanted) * kernel


def _without_signs(image, kernel, wanted):
    return _gathered(image, abs(_answer(image, kernel) - wanted), kernel.shape)


def _sum_times_sum(image, kernel, wanted):
    error = _answer(image, kernel) - wanted
    return error.sum() * sliding_window_view(image, kernel.shape).sum(axis=(0, 1)).astype(float)


IMAGE = np.array([[1, 2, 0], [0, 1, 3], [2, 1, 1]])
KERNEL = np.array([[1, -1], [0, 2]])
WANTED = np.array([[1, 6], [1, 1]])


def _layers(rng, count=10):
    """Images, kernels of all small shapes, and answers that are wanted of them."""
    for _ in range(count):
        kernel = rng.integers(-3, 4, rng.integers(1, 4, 2))
        image = rng.integers(0, 5, np.add(kernel.shape, rng.integers(0, 4, 2)))
        wanted = rng.integers(-6, 7, np.subtract(image.shape, kernel.shape) + 1)
        yield image, kernel, wanted


KERNEL_GRADIENT = Exercise(
    slug="kernel-gradient",
    lesson="08",
    title="The gradient of a kernel",
    minutes=6,
    points=4,
    hints=(
        "How does the loss change with one value of the answer? And how does that value change with one weight?",
        "By one value of the answer: `answer - wanted`. By the weight (i, j): the pixel that lay under it, which is "
        "`windows[y, x, i, j]`. Multiply, and sum over all places (y, x).",
        "With `error = answer - wanted`: `(error[:, :, None, None] * windows).sum(axis=(0, 1))`, or "
        '`np.einsum("yx,yxij->ij", error, windows)`.',
    ),
    reference=kernel_gradient,
    properties=(
        Property("is right on the worked example", [(IMAGE, KERNEL, WANTED)]),
        Property("is right for kernels of all shapes", lambda rng: list(_layers(rng)), weight=2),
        Property(
            "is right for floats", [(IMAGE / 4, KERNEL[:1] / 3, np.array([[1, 6], [1, 1], [0, 2]]) / 2)]
        ),
        Property("is nought where the answer is as wanted", [(IMAGE, KERNEL, _answer(IMAGE, KERNEL))]),
    ),
    mistakes=(
        Mistake(
            "mean",
            _mean,
            "You divided by the number of places: that is the gradient of the *mean*. The loss here is half the sum.",
        ),
        Mistake(
            "without the half",
            _no_half,
            "Yours is twice too large. The loss has a ½ in front; the 2 from the square cancels it.",
        ),
        Mistake(
            "uphill",
            _uphill,
            "The sign is turned round. The error is `answer - wanted`: where the answer is too large, the loss grows "
            "with it.",
        ),
        Mistake(
            "turned",
            _turned,
            "Right numbers, turned by 180°. The weight (i, j) met the pixels `image[y + i, x + j]`: nothing is turned "
            "in the gradient of the kernel. (In that of the image something is.)",
        ),
        Mistake(
            "errors alone",
            _errors_alone,
            "You summed the errors. Each belongs to a place, and counts for a weight as much as the pixel that lay "
            "under that weight there.",
        ),
        Mistake(
            "times the kernel",
            _times_kernel,
            "You multiplied the errors with the *weights*. A weight's slope is the error times the *pixel* it met.",
        ),
        Mistake(
            "the target as error",
            _of_the_target,
            "You gathered what was wanted. What pulls at a weight is the error, the answer minus what was wanted.",
        ),
        Mistake(
            "the answer as error",
            _of_the_answer,
            "You gathered the answer itself. What pulls at a weight is the error, the answer minus what was wanted.",
        ),
        Mistake(
            "the loss as error",
            _loss_itself,
            "You gathered the loss of each place. Its slope is wanted: of ½ e² that is e.",
        ),
        Mistake(
            "a step taken",
            _stepped,
            "That is the kernel after a step against its gradient. Asked for is the gradient alone.",
        ),
        Mistake(
            "a small step taken",
            lambda image, kernel, wanted: kernel - 0.1 * kernel_gradient(image, kernel, wanted),
            "That is the kernel after a step against its gradient. Asked for is the gradient alone.",
        ),
        Mistake(
            "summed over the window",
            _over_the_window,
            "You sum over the window (axes 2 and 3) and lay the errors on its pixels. An error belongs to a *place* of "
            "the window, so to axes 0 and 1; sum over these, and what is left has the kernel's shape.",
        ),
        Mistake(
            "times the kernel besides",
            _gathered_times_kernel,
            "You gathered rightly, and then multiplied with the weights. How fast an answer grows with a weight does "
            "not depend on the weight: leave it out.",
        ),
        Mistake(
            "errors without signs",
            _without_signs,
            "You gathered the sizes of the errors. Their signs count: an answer that is too small pulls the other way.",
        ),
        Mistake(
            "sum times sum",
            _sum_times_sum,
            "You multiplied the sum of the errors with the sum of the pixels. Multiply at each place, then sum.",
        ),
    ),
)

# ------------------------------------------------------------------------------ 2: the receptive field


def receptive_field(layers):
    size, stride = 1, 1
    for kernel, step in layers:
        size += (kernel - 1) * stride
        stride *= step
    return size


def _strides_ignored(layers):
    return 1 + sum(kernel - 1 for kernel, _ in layers)


def _whole_kernels(layers):
    size, stride = 1, 1
    for kernel, step in layers:
        size += kernel * stride
        stride *= step
    return size


def _from_nothing(layers):
    return receptive_field(layers) - 1


def _own_stride_first(layers):
    size, stride = 1, 1
    for kernel, step in layers:
        stride *= step
        size += (kernel - 1) * stride
    return size


def _own_stride_only(layers):
    return 1 + sum((kernel - 1) * step for kernel, step in layers)


def _last_stride_only(layers):
    size, before = 1, 1
    for kernel, step in layers:
        size += (kernel - 1) * before
        before = step
    return size


def _strides_added(layers):
    size, stride = 1, 1
    for kernel, step in layers:
        size += (kernel - 1) * stride
        stride += step - 1
    return size


def _product(layers):
    return int(np.prod([kernel for kernel, _ in layers], initial=1))


def _squared(layers):
    return receptive_field(layers) ** 2


def _backwards(layers):
    return receptive_field(layers[::-1])


def _odd_only(layers):
    size, stride = 1, 1
    for kernel, step in layers:
        size += 2 * (kernel // 2) * stride
        stride *= step
    return size


def _strides_in_full(layers):
    size, stride = 1, 1
    for kernel, step in layers:
        size += (kernel - 1) * stride
        stride += step
    return size


def _always_three(layers):
    return receptive_field([(3, stride) for _, stride in layers])


def _pair_swapped(layers):
    return receptive_field([(kernel, stride) for stride, kernel in layers])


def _first_layer_alone(layers):
    return receptive_field(layers[:1])


def _whole_kernels_from_nothing(layers):
    return _whole_kernels(layers) - 1


def _nothing_sees_nothing(layers):
    return receptive_field(layers) if layers else 0


def _chains(rng, count=12):
    for _ in range(count):
        kernels = rng.choice([1, 2, 3, 5, 7], rng.integers(1, 6))
        yield ([(int(kernel), int(rng.integers(1, 4))) for kernel in kernels],)


RECEPTIVE_FIELD = Exercise(
    slug="receptive-field",
    lesson="08",
    title="How far a pixel sees",
    minutes=8,
    points=3,
    hints=(
        "Keep two numbers while you go through the layers: how many image pixels one value sees by now, and how many "
        "image pixels lie between two neighbouring values.",
        "A window of k values spans k − 1 steps between neighbours. How long is such a step, in pixels of the image?",
        "Let `step` be the product of all *earlier* strides. In each layer first `size += (side - 1) * step`, and only "
        "then `step *= stride`.",
    ),
    reference=receptive_field,
    properties=(
        Property("is right for one layer", [([(3, 1)],), ([(5, 2)],), ([(1, 3)],)]),
        Property(
            "is right for layers without strides", [([(3, 1), (3, 1)],), ([(3, 1), (5, 1), (1, 1), (3, 1)],)]
        ),
        Property(
            "is right with strides",
            [([(3, 2), (3, 1)],), ([(3, 2), (3, 2), (3, 1), (3, 1)],), ([(2, 2), (3, 1)],)],
        ),
        Property("is right for chains drawn by lot", lambda rng: list(_chains(rng)), weight=2),
        Property("is 1 without a layer", [([],)]),
    ),
    mistakes=(
        Mistake(
            "strides ignored",
            _strides_ignored,
            "You treat all layers as if they had stride 1. Behind a stride, neighbouring values lie further apart in "
            "the image, and each later window spans more of it.",
        ),
        Mistake(
            "whole kernels",
            _whole_kernels,
            "Each layer adds one step too many. Three values in a row span two steps between neighbours.",
        ),
        Mistake(
            "from nothing",
            _from_nothing,
            "Yours is one too small. Without any layer a pixel already sees one pixel: itself.",
        ),
        Mistake(
            "whole kernels from nothing",
            _whole_kernels_from_nothing,
            "You start at 0 and let each layer add its whole kernel. Without any layer a pixel sees one pixel, itself; "
            "three values in a row span two steps between neighbours.",
        ),
        Mistake(
            "own stride first",
            _own_stride_first,
            "You lengthen the step before you use it. A layer's own stride moves its windows apart; it does not widen "
            "them. It counts for the layers *after* it.",
        ),
        Mistake(
            "own stride only",
            _own_stride_only,
            "You multiply each layer with its own stride. It is the strides of all layers *before* it, multiplied, "
            "that stretch its window.",
        ),
        Mistake(
            "last stride only",
            _last_stride_only,
            "You use the stride of the layer before. All earlier strides count, as a product.",
        ),
        Mistake(
            "strides added",
            _strides_added,
            "You add up the strides. Every second of every second is every fourth: they multiply.",
        ),
        Mistake(
            "strides added in full",
            _strides_in_full,
            "You add up the strides. Every second of every second is every fourth: they multiply.",
        ),
        Mistake(
            "odd kernels only",
            _odd_only,
            "Right for odd kernels. A window of 2 spans one step between neighbours, not two: k pixels, k − 1 steps.",
            throughout=True,
        ),
        Mistake(
            "nothing sees nothing",
            _nothing_sees_nothing,
            "Without any layer a pixel sees one pixel: itself. You said 0.",
        ),
        Mistake(
            "product of kernels",
            _product,
            "You multiply the kernels' sides. Two 3 × 3 windows, one behind the other, see 5 pixels in a row, not 9.",
        ),
        Mistake(
            "area",
            _squared,
            "That is the number of pixels in the square. Asked for is its side.",
        ),
        Mistake(
            "backwards",
            _backwards,
            "The order of the layers is turned round. If you keep the length of a step and multiply it, begin with the "
            "layer next to the image; if you compute `(size - 1) * stride + side`, begin with the *last* layer.",
        ),
        Mistake(
            "pair swapped",
            _pair_swapped,
            "You take the stride for the side of the kernel. In each pair the side comes first, then the stride.",
        ),
        Mistake(
            "first layer alone",
            _first_layer_alone,
            "Only the first layer counts in your answer. Does your `return` stand inside the loop?",
        ),
        Mistake(
            "always three",
            _always_three,
            "You add two steps in every layer. That is right for kernels of 3; one of k adds k − 1.",
        ),
    ),
)

# ------------------------------------------------------------------------- 3: the gradient of the image


def image_gradient(error, kernel):
    height, width = kernel.shape
    gradient = np.zeros(np.add(error.shape, kernel.shape) - 1)
    for (y, x), value in np.ndenumerate(error):
        gradient[y : y + height, x : x + width] += value * kernel
    return gradient


def _correlated(error, kernel, before=-1, flip=lambda kernel: kernel[::-1, ::-1]):
    """Windows of the padded errors, times the kernel laid out in some way."""
    height, width = kernel.shape
    rows, columns = height + before, width + before
    padded = np.pad(error, ((rows, rows), (columns, columns)))
    laid = flip(kernel)
    return np.einsum("yxij,ij->yx", sliding_window_view(padded, laid.shape), laid).astype(float)


def _as_it_was(error, kernel):
    height, width = kernel.shape
    padded = np.pad(error, ((height, height), (width, width)))
    return (sliding_window_view(padded, kernel.shape) * kernel).sum(axis=(2, 3))


def _not_turned(error, kernel):
    return _correlated(error, kernel, flip=lambda kernel: kernel)


def _mirrored(error, kernel):
    return _correlated(error, kernel, flip=lambda kernel: kernel[:, ::-1])


def _upside_down(error, kernel):
    return _correlated(error, kernel, flip=lambda kernel: kernel[::-1])


def _still_padded(error, kernel):
    return _correlated(error, kernel, before=0)


def _overwritten(error, kernel):
    height, width = kernel.shape
    gradient = np.zeros(np.add(error.shape, kernel.shape) - 1)
    for (y, x), value in np.ndenumerate(error):
        gradient[y : y + height, x : x + width] = value * kernel
    return gradient


def _cut_to_errors(error, kernel):
    return image_gradient(error, kernel)[: error.shape[0], : error.shape[1]]


def _sides_swapped(error, kernel):
    height, width = kernel.shape
    padded = np.pad(error, ((width - 1, width - 1), (height - 1, height - 1)))
    turned = kernel[::-1, ::-1]
    return (sliding_window_view(padded, kernel.shape) * turned).sum(axis=(2, 3))


def _edges_repeated(error, kernel):
    height, width = kernel.shape
    padded = np.pad(error, ((height - 1, height - 1), (width - 1, width - 1)), mode="edge")
    return (sliding_window_view(padded, kernel.shape) * kernel[::-1, ::-1]).sum(axis=(2, 3))


def _one_row_short(error, kernel):
    height, width = kernel.shape
    gradient = np.zeros(np.add(error.shape, kernel.shape) - 1)
    for y, x in np.ndindex(error.shape[0] - 1, error.shape[1] - 1):
        gradient[y : y + height, x : x + width] += error[y, x] * kernel
    return gradient


def _whole_numbers(error, kernel):
    return image_gradient(error, kernel).astype(int)


def _cut(answer, right, *_):
    """Whole numbers where fractions are right."""
    return np.array_equal(answer, np.round(answer)) and not np.array_equal(right, np.round(right))


_LATE = (
    "An endless loop does that, and so does a large library that is loaded inside the function: import it in a cell of "
    "its own, and check again."
)

ERROR = np.array([[0, 2], [0, -1]])
WIDE = np.array([[1, 2, 3], [-1, 0, 4]])


def _errors_and_kernels(rng, count=10):
    for _ in range(count):
        yield rng.integers(-3, 4, rng.integers(1, 5, 2)), rng.integers(-3, 4, rng.integers(1, 4, 2))


IMAGE_GRADIENT = Exercise(
    slug="image-gradient",
    lesson="08",
    title="Repair the way back to the image",
    minutes=10,
    points=4,
    hints=(
        "Take an error that is 1 at one place and 0 elsewhere. Which pixels had a part in that place, and with which "
        "weights? What does the colleague's version draw instead?",
        "The image has (kernel side − 1) rows more than the answer. Count how many the padding must add on each side "
        "so that the windows come out right.",
        "Pad with `height - 1` and `width - 1`, and lay the kernel on the windows turned by 180°: `kernel[::-1, ::-1]` "
        "or stamp: add `error[y, x] * kernel` to the part of the image that lay under the window.",
    ),
    reference=image_gradient,
    late=_LATE,
    properties=(
        Property("is right on the worked example", [(ERROR, KERNEL)]),
        Property(
            "stamps the kernel for a single error",
            [(np.array([[1]]), WIDE), (np.eye(3, dtype=int)[:2], KERNEL)],
        ),
        Property("is right for all shapes", lambda rng: list(_errors_and_kernels(rng)), weight=2),
        Property("is right for floats", [(ERROR / 4, WIDE / 3)]),
    ),
    mistakes=(
        Mistake(
            "as it was",
            _as_it_was,
            "That is still the colleague's version. Compare its shape with the image's, and try a single error of 1: "
            "the kernel comes out upside down.",
        ),
        Mistake(
            "not turned",
            _not_turned,
            "The shape is right, the kernel lies the wrong way: a single error of 1 must come out as the kernel, "
            "yours draws it turned by 180°. Cross-correlation on the way there is *convolution* on the way back.",
        ),
        Mistake(
            "mirrored",
            _mirrored,
            "You turned the kernel left and right only. It must be turned by 180°, so up and down, too.",
        ),
        Mistake(
            "upside down",
            _upside_down,
            "You turned the kernel up and down only. It must be turned by 180°, so left and right, too.",
        ),
        Mistake(
            "still padded too much",
            _still_padded,
            "The kernel lies right, but there is one ring too many: a kernel of height h needs h − 1 rows of zeros on "
            "each side.",
        ),
        Mistake(
            "overwritten",
            _overwritten,
            "Where stamps overlap, the later one replaces the earlier. A pixel that had a part in several places gets "
            "the sum: `+=`.",
        ),
        Mistake(
            "cut to the answer",
            _cut_to_errors,
            "Yours has the shape of the errors. The gradient has the shape of the image, which is larger by the "
            "kernel's sides minus 1.",
        ),
        Mistake(
            "sides swapped",
            _sides_swapped,
            "Rows and columns of the padding are swapped: the kernel's *height* minus 1 goes above and below.",
        ),
        Mistake(
            "edges repeated",
            _edges_repeated,
            "You padded with copies of the outer errors. Outside the answer there is no error: pad with zeros.",
        ),
        Mistake(
            "last row and column left out",
            _one_row_short,
            "The errors of the last row and column are missing: `range(n)` ends at n − 1 by itself.",
        ),
        Mistake(
            "whole numbers",
            _whole_numbers,
            "Your answer holds whole numbers only, and what is behind the point is lost. Stamp into an array of "
            "floats: `np.zeros(shape)` makes one, with nothing else in the brackets.",
            when=_cut,
        ),
    ),
)

# ------------------------------------------------------------------------------ 4: the loss of pixels

IGNORED = 255


def _surprises(logits, target):
    """−log p of the target's class at each pixel that counts, (n,)."""
    shifted = logits - logits.max(axis=0)
    logs = shifted - np.log(np.exp(shifted).sum(axis=0))
    rows, columns = np.nonzero(target != IGNORED)
    return -logs[target[rows, columns].astype(int), rows, columns]


def pixel_loss(logits, target):
    values = _surprises(logits, target)
    return float(values.mean()) if values.size else 0.0


def _over_all(logits, target):
    return float(_surprises(logits, target).sum() / target.size)


def _summed(logits, target):
    return float(_surprises(logits, target).sum())


def _as_background(logits, target):
    return pixel_loss(logits, np.where(target == IGNORED, 0, target))


def _as_last_class(logits, target):
    return pixel_loss(logits, np.minimum(target, len(logits) - 1))


def _nothing_of_nothing(logits, target):
    values = _surprises(logits, target)
    return float(values.sum() / values.size) if values.size else float("nan")


def _overflowing(logits, target):
    with np.errstate(all="ignore"):
        shares = np.exp(logits) / np.exp(logits).sum(axis=0)
        rows, columns = np.nonzero(target != IGNORED)
        values = -np.log(shares[target[rows, columns].astype(int), rows, columns])
    return float(values.mean()) if values.size else 0.0


def _along(axis):
    """The loss of a softmax over an axis of the image."""

    def loss(logits, target):
        shifted = logits - logits.max(axis=axis, keepdims=True)
        logs = shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))
        rows, columns = np.nonzero(target != IGNORED)
        values = -logs[target[rows, columns].astype(int), rows, columns]
        return float(values.mean()) if values.size else 0.0

    return loss


def _classes_divide(logits, target):
    return pixel_loss(logits, target) / len(logits)


def _class_255(logits, target):
    """An IndexError where a pixel is unknown."""
    rows, columns = np.indices(target.shape)
    shifted = logits - logits.max(axis=0)
    own = shifted[target.astype(int), rows, columns]
    values = (np.log(np.exp(shifted).sum(axis=0)) - own)[target != IGNORED]
    return float(values.mean()) if values.size else 0.0


def _log_of_share(logits, target):
    """Shifted, but the probability is formed before its logarithm: it may be 0."""
    with np.errstate(all="ignore"):
        values = -np.log(np.exp(-_surprises(logits, target)))
    return float(values.mean()) if values.size else 0.0


def _sum_alone(logits, target):
    rows, columns = np.nonzero(target != IGNORED)
    sums = np.log(np.exp(logits - logits.max(axis=0)).sum(axis=0))[rows, columns]
    return float(sums.mean()) if rows.size else 0.0


def _own_not_shifted(logits, target):
    rows, columns = np.nonzero(target != IGNORED)
    sums = np.log(np.exp(logits - logits.max(axis=0)).sum(axis=0))[rows, columns]
    own = logits[target[rows, columns].astype(int), rows, columns]
    return float((sums - own).mean()) if rows.size else 0.0


def _without_class_0(logits, target):
    return pixel_loss(logits, np.where(target == 0, IGNORED, target))


def _one_minus(logits, target):
    values = 1 - np.exp(-_surprises(logits, target))
    return float(values.mean()) if values.size else 0.0


def _probability(logits, target):
    values = np.exp(-_surprises(logits, target))
    return float(values.mean()) if values.size else 0.0


def _log_of_mean(logits, target):
    values = np.exp(-_surprises(logits, target))
    return float(-np.log(values.mean())) if values.size else 0.0


def _gain(logits, target):
    return -pixel_loss(logits, target)


def _errors(logits, target):
    counts = target != IGNORED
    return float((logits.argmax(axis=0) != target)[counts].mean()) if counts.any() else 0.0


def _score_alone(logits, target):
    rows, columns = np.nonzero(target != IGNORED)
    values = -logits[target[rows, columns].astype(int), rows, columns]
    return float(values.mean()) if values.size else 0.0


def _shifted_by(shift):
    """The loss with numbers taken off first that do not keep every exponential in range."""

    def loss(logits, target):
        rows, columns = np.nonzero(target != IGNORED)
        if not rows.size:
            return 0.0
        with np.errstate(all="ignore"):
            shifted = logits - shift(logits)
            sums = np.log(np.exp(shifted).sum(axis=0))
            values = sums[rows, columns] - shifted[target[rows, columns].astype(int), rows, columns]
            return float(values.mean())

    return loss


def _with_a_little(logits, target):
    values = -np.log(np.exp(-_surprises(logits, target)) + 1e-12)
    return float(values.mean()) if values.size else 0.0


def _in_bits(logits, target):
    return pixel_loss(logits, target) / float(np.log(2))


def _no_logarithm(logits, target):
    values = np.exp(_surprises(logits, target))
    return float(values.mean()) if values.size else 0.0


def _far_apart(answer, right, logits, target):
    return np.isinf(answer) and logits.size > 0 and abs(logits).max() > 700


THREE = np.log(np.array([[[1.0, 2, 1]], [[3, 1, 1]], [[4, 1, 2]]]))  # shares of eighths and quarters
CLASSES = np.array([[2, 0, 255]])


def _pictures(rng, count=10):
    for _ in range(count):
        shape = tuple(rng.integers(1, 5, 2))
        classes = int(rng.integers(2, 5))
        target = rng.integers(0, classes, shape)
        target[rng.random(shape) < 0.25] = IGNORED
        yield rng.normal(0, 3, (classes, *shape)).round(2), target


PIXEL_LOSS = Exercise(
    slug="pixel-loss",
    lesson="08",
    title="The loss of a picture",
    minutes=8,
    points=4,
    hints=(
        "It is lesson 07's mean surprise, with the classes along the *first* axis and a pixel at each (row, column). "
        "Which pixels count?",
        "Subtract each pixel's largest score: `logits - logits.max(axis=0)`. The surprise is the logarithm of the sum "
        "of exponentials over axis 0, minus the score of the pixel's class.",
        "`rows, columns = np.nonzero(target != 255)`, then `shifted[target[rows, columns], rows, columns]` are the "
        "scores of the right classes. Take the mean over these pixels alone, and 0.0 if there are none.",
    ),
    reference=pixel_loss,
    late=_LATE,
    rtol=1e-4,
    atol=1e-6,
    properties=(
        Property("is right on three pixels", [(THREE, CLASSES)]),
        Property("is right on pictures drawn by lot", lambda rng: list(_pictures(rng)), weight=2),
        Property(
            "is log K where all scores are equal", [(np.zeros((4, 2, 3)), np.array([[0, 1, 2], [3, 3, 255]]))]
        ),
        Property(
            "stays finite for large scores",
            [
                (np.array([[[900.0, 0]], [[0, 800]]]), np.array([[0, 0]], np.uint8)),
                (
                    np.array([[[2.0, 2000]], [[1, 1990]]]),
                    np.array([[0, 0]], np.uint8),
                ),  # one huge, one modest
                (np.array([[[0.0]], [[0]], [[2000]]]), np.array([[2]], np.uint8)),  # its mean is far below
                (np.array([[[-900.0]], [[-901]]]), np.array([[1]], np.uint8)),
            ],
        ),
        Property("is 0 where no pixel counts", [(np.ones((2, 1, 2)), np.full((1, 2), 255))]),
    ),
    mistakes=(
        Mistake(
            "divided by all",
            _over_all,
            "You divide by all pixels, the ignored ones among them. Then a picture with many unknown pixels looks "
            "well learned. Divide by those that count.",
        ),
        Mistake("summed", _summed, "That is the sum over the pixels. The mean is asked for."),
        Mistake(
            "ignored as background",
            _as_background,
            "Pixels with 255 count as class 0 in your loss. They say nothing: leave them out.",
        ),
        Mistake(
            "ignored as last class",
            _as_last_class,
            "Pixels with 255 count as the last class in your loss. They say nothing: leave them out.",
        ),
        Mistake(
            "mean of nothing",
            _nothing_of_nothing,
            "Where no pixel counts you divide 0 by 0. The contract asks for 0.0 there.",
        ),
        Mistake(
            "the picture's largest score",
            _shifted_by(lambda logits: logits.max()),
            "You take off the largest score of the whole picture. A pixel whose scores are all far below it then has "
            "`np.exp` of very negative numbers, all 0, and the logarithm of 0 follows. Take off each pixel's own "
            "largest: the maximum over axis 0.",
        ),
        Mistake(
            "the mean taken off",
            _shifted_by(lambda logits: logits.mean(axis=0)),
            "You take off the mean of each pixel's scores. The largest may still lie a thousand above it, and its "
            "exponential is infinite. Take off the largest: then no exponential exceeds 1.",
        ),
        Mistake(
            "capped",
            _with_a_little,
            "Your loss of a confident mistake is capped, as it is when a little is added to the probability before the "
            "logarithm, or the probability is clipped. It should be large. Stay with the scores: the logarithm of a "
            "ratio of exponentials is a difference.",
            when=lambda answer, right, *_: right > 50 and 0 < answer < 40,
        ),
        Mistake(
            "logarithm of nought",
            _log_of_share,
            "You took off the largest score first, and yet a probability can be 0 to the last digit: `np.exp(-800)` "
            "is. Do not form it. Its logarithm is a difference: the loss is log Σ eˢ − s of the pixel's class.",
        ),
        Mistake(
            "overflow",
            _overflowing,
            "`np.exp(900)` is infinite, `np.exp(-900)` is 0, and its logarithm is minus infinity. Take off each "
            "pixel's largest score first, and do not form the probability before its logarithm: the logarithm of a "
            "ratio is a difference.",
        ),
        Mistake(
            "not taken off",
            _shifted_by(lambda logits: 0),
            "`np.exp(900)` is infinite, and the logarithm of `np.exp(-900)`, which is 0, is minus infinity. Take off "
            "each pixel's largest score first: no probability changes.",
            when=_far_apart,
        ),
        Mistake(
            "in bits",
            _in_bits,
            "Yours is right in bits: you took the logarithm to base 2. The natural one is meant, `np.log`.",
        ),
        Mistake(
            "no logarithm",
            _no_logarithm,
            "You took one over the probability of the right class. The loss is the logarithm of that, pixel by pixel.",
        ),
        Mistake(
            "competition along an axis of the image",
            _along(1),
            "Your softmax runs over the rows of the image: the pixels of a column compete. The *classes* compete at "
            "each pixel: axis 0.",
        ),
        Mistake(
            "competition along the last axis",
            _along(2),
            "Your softmax runs over the last axis: the pixels of a row compete. Here the *classes* compete at each "
            "pixel, and they lie along the first axis, 0.",
        ),
        Mistake(
            "divided by the classes",
            _classes_divide,
            "You also divided by the number of classes. The mean is over pixels: each has *one* loss, that of its own "
            "class.",
        ),
        Mistake(
            "255 as an index",
            _class_255,
            "255 is no class, so no score has that index. Choose the known pixels first, `target != 255`, and look up "
            "the scores of these alone.",
        ),
        Mistake(
            "class 0 left out",
            _without_class_0,
            "You leave out class 0 as well. It is a class like the others; only 255 says nothing.",
        ),
        Mistake(
            "the sum alone",
            _sum_alone,
            "You took the logarithm of the sum and stopped there. The score of the pixel's own class, shifted like the "
            "others, is still to be taken off.",
        ),
        Mistake(
            "own score not shifted",
            _own_not_shifted,
            "You took the largest score off in the sum, but not off the score of the pixel's own class. It changes "
            "nothing only if it is taken off both.",
        ),
        Mistake(
            "one minus the probability",
            _one_minus,
            "That is one minus the mean probability of the right class. The loss is minus its *logarithm*, pixel by "
            "pixel.",
            throughout=True,
        ),
        Mistake(
            "probability",
            _probability,
            "That is the mean probability of the right class. The loss is minus its logarithm, pixel by pixel.",
        ),
        Mistake(
            "logarithm of the mean",
            _log_of_mean,
            "You took the mean of the probabilities and then the logarithm. The logarithm comes first: probabilities "
            "of independent pixels multiply, so their logarithms add up.",
        ),
        Mistake(
            "sign",
            _gain,
            "The sign is turned round: a loss is to be made small, so it is *minus* the logarithm.",
        ),
        Mistake(
            "share of errors",
            _errors,
            "That is the share of wrong pixels. It does not ask how sure the network was, and has no slope to follow.",
        ),
        Mistake(
            "score alone",
            _score_alone,
            "You took the score of the right class. It only counts in competition: the logarithm of the sum of all "
            "exponentials is missing.",
        ),
    ),
)

# ------------------------------------------------------------------------ 5, going further: momentum


def momentum_path(bowl, start, rate, keep, steps):
    return _walk(bowl, start, rate, keep, steps)


def _walk(bowl, start, rate, keep, steps, new=1.0, first=True, ahead=False):
    point, velocity, path = np.array(start, float), np.zeros(len(start)), [np.array(start, float)]
    for _ in range(steps):
        slope = bowl @ (point - rate * keep * velocity if ahead else point)
        before, velocity = velocity, keep * velocity + new * slope
        point = point - rate * (velocity if first else before)
        path.append(point)
    return np.array(path)


def _plain(bowl, start, rate, keep, steps):
    return _walk(bowl, start, rate, 0, steps)


def _averaged(bowl, start, rate, keep, steps):
    return _walk(bowl, start, rate, keep, steps, new=1 - keep)


def _old_velocity(bowl, start, rate, keep, steps):
    return _walk(bowl, start, rate, keep, steps, first=False)


def _climbing(bowl, start, rate, keep, steps):
    return _walk(bowl, start, -rate, keep, steps)


def _keeps_the_rest(bowl, start, rate, keep, steps):
    return _walk(bowl, start, rate, 1 - keep, steps)


def _keep_on_the_slope(bowl, start, rate, keep, steps):
    return _walk(bowl, start, rate, 1, steps, new=keep)


def _whole_path(bowl, start, rate, keep, steps):
    path = np.zeros((steps + 1, len(start)), np.asarray(start).dtype)
    path[0], velocity = start, np.zeros(len(start))
    for i in range(steps):
        velocity = keep * velocity + bowl @ path[i]
        path[i + 1] = path[i] - rate * velocity
    return path


def _looking_ahead(bowl, start, rate, keep, steps):
    return _walk(bowl, start, rate, keep, steps, ahead=True)


def _undamped(bowl, start, rate, keep, steps):
    return _walk(bowl, start, rate, 1, steps)


def _without_start(bowl, start, rate, keep, steps):
    return momentum_path(bowl, start, rate, keep, steps)[1:]


def _end_alone(bowl, start, rate, keep, steps):
    return momentum_path(bowl, start, rate, keep, steps)[-1]


def _start_slope(bowl, start, rate, keep, steps):
    point, velocity, path = np.array(start, float), np.zeros(len(start)), [np.array(start, float)]
    for _ in range(steps):
        velocity = keep * velocity + bowl @ np.array(start, float)
        point = point - rate * velocity
        path.append(point)
    return np.array(path)


def _one_point_many_times(bowl, start, rate, keep, steps):
    """In-place steps: every row of the path is the same array, at its end."""
    path = momentum_path(bowl, start, rate, keep, steps)
    return np.repeat(path[-1:], len(path), axis=0)


def _pushed_off(bowl, start, rate, keep, steps):
    point, velocity, path = np.array(start, float), bowl @ np.array(start, float), [np.array(start, float)]
    for _ in range(steps):
        velocity = keep * velocity + bowl @ point
        point = point - rate * velocity
        path.append(point)
    return np.array(path)


def _a_step_short(bowl, start, rate, keep, steps):
    return momentum_path(bowl, start, rate, keep, steps)[: max(steps, 1)]


BOWL = np.array([[1.0, 0], [0, 9]])


def _bowls(rng, count=8):
    for _ in range(count):
        size = int(rng.integers(1, 4))
        sides = rng.normal(size=(size, size))
        bowl = sides @ sides.T + 0.1 * np.eye(size)
        yield bowl, rng.normal(size=size), 0.1, float(rng.choice([0.5, 0.9])), int(rng.integers(2, 6))


MOMENTUM_PATH = Exercise(
    slug="momentum-path",
    lesson="08",
    title="Going further: momentum",
    minutes=10,
    points=3,
    hints=(
        "Two things are carried from step to step: the point and the velocity. What is the velocity before the first "
        "step?",
        "In each step: the slope at the point, `bowl @ point`; the velocity keeps a part of itself and takes on the "
        "slope; then the point moves against it.",
        "`velocity = keep * velocity + bowl @ point`, then `point = point - rate * velocity`; collect the points, the "
        "start first.",
    ),
    reference=momentum_path,
    late=_LATE,
    properties=(
        Property("is right for two steps", [(BOWL, np.array([4.0, 1.0]), 0.1, 0.5, 2)]),
        Property("is right in bowls drawn by lot", lambda rng: list(_bowls(rng)), weight=2),
        Property("is plain descent when it keeps nothing", [(BOWL, np.array([1.0, 2.0]), 0.05, 0.0, 3)]),
        Property("stays at the start without a step", [(BOWL, np.array([1.0, 2.0]), 0.1, 0.9, 0)]),
        Property("takes whole numbers", [(np.array([[2, 1], [1, 3]]), np.array([3, -1]), 0.1, 0.5, 3)]),
    ),
    mistakes=(
        Mistake(
            "plain descent",
            _plain,
            "That is plain descent: the velocity forgets itself. `keep` of it must live on.",
        ),
        Mistake(
            "averaged",
            _averaged,
            "You weigh the new slope by 1 − keep, which makes the velocity a mean (as in Adam). Here it is taken on in "
            "full, as in torch.optim.SGD.",
        ),
        Mistake(
            "old velocity",
            _old_velocity,
            "The point moves by the velocity of the step before. Renew the velocity first, then move.",
        ),
        Mistake("uphill", _climbing, "You climb. The step goes *against* the velocity, which points uphill."),
        Mistake(
            "looking ahead",
            _looking_ahead,
            "You take the slope at the place where the velocity would lead: that is Nesterov's version. Here it is the "
            "slope at the point itself.",
        ),
        Mistake(
            "undamped",
            _undamped,
            "Your velocity adds up all slopes and forgets none: `keep` is missing from it.",
        ),
        Mistake(
            "the rest kept",
            _keeps_the_rest,
            "Your velocity keeps the part `1 - keep` of itself. It is to keep the part `keep`.",
        ),
        Mistake(
            "keep on the slope",
            _keep_on_the_slope,
            "You multiply the new slope by `keep`. It belongs to the old velocity; the slope is taken on in full.",
        ),
        Mistake(
            "a path of whole numbers",
            _whole_path,
            "Your path holds whole numbers only, as `start` does in this case, and what is behind the point is lost. "
            "Make the array float.",
            when=_cut,
        ),
        Mistake(
            "without the start",
            _without_start,
            "The first row of the path is the start itself; yours begins after it.",
        ),
        Mistake("end alone", _end_alone, "That is where the walk ends. Asked for is the whole path."),
        Mistake(
            "slope of the start",
            _start_slope,
            "You use the slope at the start in every step. It must be taken anew at each point.",
        ),
        Mistake(
            "one point many times",
            _one_point_many_times,
            "All rows of your path are the last point. `point -= …` changes the array that you stored, too: write "
            "`point = point - …`, or store a copy.",
        ),
        Mistake(
            "pushed off",
            _pushed_off,
            "Your ball has a velocity before it moves. It starts at rest: the first velocity is 0.",
        ),
        Mistake(
            "a step short", _a_step_short, "Your path has `steps` points. With the start there is one more."
        ),
    ),
)

EXERCISES = [KERNEL_GRADIENT, RECEPTIVE_FIELD, IMAGE_GRADIENT, PIXEL_LOSS, MOMENTUM_PATH]
