"""How far a network sees: the receptive field, computed from the layers and measured by gradients.

The insight: an output pixel looks at a window of the layer before, each pixel of that at a window of the one before
it, and so on down to the image. Three numbers keep the account for all pixels at once: how many input pixels one output
pixel can see (``size``), how far the windows of two neighbours lie apart (``stride``), and where the first begins
(``start``). Each layer changes them by one line of arithmetic (``receptive_fields``).

That is what a pixel *can* see. What it does see is another thing: the middle of the window can be reached by many ways
through the layers, its rim by few. The gradient of an output with respect to the image shows it (``influence``): far
more in the middle, about as a Gaussian, whose width grows with the root of the number of layers only.

Reference: Araujo, Norris & Sim, Computing receptive fields of convolutional neural networks, Distill 2019,
doi:10.23915/distill.00021; Luo, Li, Urtasun & Zemel, Understanding the effective receptive field in deep
convolutional neural networks, NIPS 2016, arXiv:1701.04128. Taught in lessons 08 and 11.
"""

import copy
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

#: Layers that compute each pixel from the pixel at the same place alone.
POINTWISE = (
    nn.Identity, nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh, nn.Softplus, nn.BatchNorm2d,
    nn.Dropout, nn.Dropout2d,
)  # fmt: skip
_POOLS = (nn.MaxPool2d, nn.AvgPool2d)
#: Functions of torch whose input `reachable` takes for their output.
_PASSED = (
    "relu", "relu_", "leaky_relu", "elu", "gelu", "silu", "sigmoid", "tanh", "softplus", "batch_norm",
)  # fmt: skip


class ReceptiveField(NamedTuple):
    """Which input pixels the output pixels see, along one axis."""

    size: int  #: from the first to the last input pixel that one output pixel sees
    stride: int  #: from the field of one output pixel to that of its neighbour, in input pixels
    start: int  #: first pixel that output pixel 0 sees; negative where the padding reaches out of the image

    def of(self, output):
        """(first, last) input pixel that an output pixel sees, numbers that may lie outside the image."""
        first = self.start + self.stride * output
        return first, first + self.size - 1


# -- computed ---------------------------------------------------------------------------------------------


def receptive_field(layers, axis=0):
    """The receptive field behind a chain of layers: the last of ``receptive_fields``."""
    return receptive_fields(layers, axis)[-1]


def receptive_fields(layers, axis=0):
    """The receptive field in the image, and after each layer of a chain.

    1. In the image a pixel sees itself: size 1, stride 1, start 0.
    2. A window of ``kernel`` pixels, ``dilation`` apart, spans (kernel − 1) · dilation steps. A step is as long as the
       stride so far: ``size += (kernel − 1) · dilation · stride``.
    3. Padding lets the first window begin earlier: ``start −= padding · stride``.
    4. A layer that takes each s-th window only lengthens all later steps: ``stride *= s``.

    Parameters: layers, a module or a sequence of them, in their order; those in an ``nn.Sequential`` count singly.
    Known are convolutions, max and average pooling, transposed convolutions of stride 1 (which are convolutions), and
    what works on each pixel by itself; axis, 0 for rows, 1 for columns.
    Returns: list of ReceptiveField, one more than there are layers.
    Raises TypeError for other layers; ValueError for one that enlarges, behind which neighbours see fields of
    different sizes (ask ``seen``).
    """
    fields = [ReceptiveField(1, 1, 0)]
    for layer in flat(layers):
        size, stride, start = fields[-1]
        kernel, step, dilation, padding = _window(layer, axis)
        fields.append(
            ReceptiveField(size + (kernel - 1) * dilation * stride, stride * step, start - padding * stride)
        )
    return fields


def seen(layers, output, length, axis=0):
    """The input pixels that one output pixel sees, exactly: holes and the border of the image included.

    Back from the last layer to the first, each pixel is replaced by those of its window that exist. It works behind
    layers that enlarge, too (transposed convolution, ``nn.Upsample``).

    Parameters: layers and axis, as for ``receptive_fields``; output, number of the pixel; length, of the image.
    Returns: int array (n,), rising. A square field is all pairs of its rows and columns.
    Raises TypeError for layers that it does not know, ValueError for an output pixel that there is not.
    """
    layers, lengths = flat(layers), [length]
    for layer in layers:
        lengths.append(_length(layer, lengths[-1], axis))
    if not 0 <= output < lengths[-1]:
        raise ValueError(
            f"output must be one of the pixels 0 … {lengths[-1] - 1} that {length} become, not {output}"
        )
    pixels = np.array([output])
    for layer, below in zip(reversed(layers), reversed(lengths[:-1]), strict=True):
        pixels = np.unique(_behind(layer, pixels, axis))
        pixels = pixels[(pixels >= 0) & (pixels < below)]
    return pixels


def flat(layers):
    """The single layers of a module, or of a sequence of modules, in their order: a list."""
    if isinstance(layers, nn.Module) and not isinstance(layers, nn.Sequential):
        return [layers]
    return [single for layer in layers for single in flat(layer)]


def describe(layer):
    """A layer in words, such as "convolution 3 × 3, stride 2"; of several, those that see more than single pixels."""
    if isinstance(layer, nn.Sequential):
        single = flat(layer)
        return " + ".join(describe(part) for part in single if not isinstance(part, POINTWISE)) or "pointwise"
    if not isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, *_POOLS)):
        return type(layer).__name__
    names = {
        nn.Conv2d: "convolution",
        nn.ConvTranspose2d: "transposed convolution",
        nn.MaxPool2d: "max pooling",
    }
    rows, columns = _pair(layer.kernel_size)
    text = f"{names.get(type(layer), 'average pooling')} {rows} × {columns}"
    for name, usual in (("stride", rows if isinstance(layer, _POOLS) else 1), ("dilation", 1)):
        value = _pair(getattr(layer, name, 1))[0]
        text += f", {name} {value}" * (value != usual)
    return text


def _window(layer, axis):
    """(kernel, stride, dilation, padding) of a layer along an axis."""
    if isinstance(layer, POINTWISE):
        return 1, 1, 1, 0
    if isinstance(layer, nn.ConvTranspose2d):
        kernel, step, dilation, padding = _numbers(layer, axis)
        if step > 1:
            raise ValueError(
                f"{describe(layer)} enlarges: behind it, neighbours see fields of different sizes, and no one size "
                "holds for all. Ask seen(layers, output, length) for one output pixel."
            )
        return kernel, 1, dilation, (kernel - 1) * dilation - padding
    if isinstance(layer, nn.Upsample):
        raise ValueError(
            "Upsample enlarges: behind it, neighbours see different fields. Ask seen(layers, output, length) "
            "for one output pixel."
        )
    if isinstance(layer, (nn.Conv2d, *_POOLS)):
        if getattr(layer, "padding_mode", "zeros") == "circular":
            raise TypeError(
                "circular padding lets a pixel at the border see the far side; reachable(model, images, pixel) finds "
                "the field of any network"
            )
        return _numbers(layer, axis)
    raise TypeError(
        f"{type(layer).__name__} is no layer of a chain that this function knows (convolutions, pooling, what "
        "works on single pixels); reachable(model, images, pixel) finds the field of any network"
    )


def _numbers(layer, axis):
    kernel, step = _pair(layer.kernel_size)[axis], _pair(layer.stride)[axis]
    dilation = _pair(getattr(layer, "dilation", 1))[axis]
    named = {"valid": 0, "same": (kernel - 1) * dilation // 2}
    padding = named[layer.padding] if isinstance(layer.padding, str) else _pair(layer.padding)[axis]
    return kernel, step, dilation, padding


def _behind(layer, pixels, axis):
    """The pixels of a layer's input that some pixels of its output see, those outside of it included."""
    if isinstance(layer, nn.Upsample):
        place = (pixels + 0.5) / _factor(layer, axis) - 0.5
        if layer.mode == "nearest":
            return np.rint(place).astype(int)
        return np.concatenate([np.floor(place), np.ceil(place)]).astype(int)
    if isinstance(
        layer, nn.ConvTranspose2d
    ):  # input pixel i is stamped on i · step − padding + tap · dilation
        kernel, step, dilation, padding = _numbers(layer, axis)
        places = (pixels[:, None] + padding - dilation * np.arange(kernel)).ravel()
        return places[places % step == 0] // step
    kernel, step, dilation, padding = _window(layer, axis)
    return (pixels[:, None] * step - padding + dilation * np.arange(kernel)).ravel()


def _length(layer, length, axis):
    """Pixels of a layer's output along an axis."""
    if isinstance(layer, nn.Upsample):
        return length * _factor(layer, axis)
    if isinstance(layer, nn.ConvTranspose2d):
        kernel, step, dilation, padding = _numbers(layer, axis)
        return (length - 1) * step - 2 * padding + dilation * (kernel - 1) + 1 + layer.output_padding[axis]
    kernel, step, dilation, padding = _window(layer, axis)
    if getattr(layer, "padding", 0) == "same":
        return length
    room = length + 2 * padding - dilation * (kernel - 1) - 1
    if not getattr(layer, "ceil_mode", False):
        return room // step + 1
    outputs = -(-room // step) + 1
    return outputs - (
        (outputs - 1) * step >= length + padding
    )  # no window begins in the padding at the far end


def _factor(layer, axis):
    factor = _pair(layer.scale_factor)[axis] if layer.scale_factor else 0
    known = layer.mode in ("nearest", "bilinear") and not layer.align_corners
    if not known or factor < 1 or factor != int(factor):
        raise TypeError(
            f"{layer} is not known: expected a whole scale_factor, and mode nearest, or bilinear without align_corners"
        )
    return int(factor)


def _pair(value):
    return value if isinstance(value, tuple) else (value, value)


# -- measured ---------------------------------------------------------------------------------------------


def influence(output, images, pixel, *, seed=0):
    """How much each input pixel changes an output pixel: the size of its gradient, float64 (H, W).

    The channels of the output are weighted at random before their sum is differentiated. Their plain sum would hide
    the influence on scores that mirror each other, as those of two classes often do.

    Parameters: output, (B, C, h, w), computed from ``images``, (B, …, H, W), which has ``requires_grad``; pixel, (row,
    column) in the output; seed, of the weights.
    Returns: absolute gradients, summed over input channels, averaged over the images.
    Raises IndexError for a pixel that there is not; what torch raises where there is no gradient.
    """
    row, column = pixel
    chance = torch.Generator().manual_seed(seed)
    weights = torch.randn(output.shape[:2], generator=chance).to(output)
    value = (weights * output[:, :, row, column]).sum()
    (gradient,) = torch.autograd.grad(value, images, retain_graph=True)
    return gradient.abs().sum(dim=1).mean(dim=0).double().cpu().numpy()


def reachable(model, shape, pixel, level=-1):
    """The input pixels from which any way leads to an output pixel, bool (H, W): the theory for every network.

    The network runs on numbers that cannot cancel: all weights of its convolutions are positive, negative values are
    not cut off, pooling takes the mean instead of the maximum, and norms do nothing, but for group and instance
    normalisation, which mix in the mean of the whole image. A gradient that is then zero is zero for all weights.

    Parameters: model, any module; shape, (C, H, W) of its images; pixel, (row, column) in the output; level, which
    output, one of ``levels``. Layers that it does not know run as they are.
    Cost: one pass forward and back, in double precision, on a copy of the model.
    """
    images = torch.zeros(1, *shape, dtype=torch.float64, requires_grad=True)
    model = copy.deepcopy(model).cpu().double().eval()
    with _Ways():
        _, output = levels(model, images)[level]
    return influence(output, images, pixel) != 0


class _Ways(TorchFunctionMode):
    """While it is active, layers let through all that they look at; see `reachable`."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        name, kwargs = getattr(function, "__name__", ""), dict(kwargs or {})
        if name in ("conv2d", "conv_transpose2d"):
            return _all_alike(function, name == "conv2d", *args, **kwargs)
        if name in _PASSED:
            return args[0]
        if name in ("group_norm", "instance_norm"):
            return args[0] + args[0].mean(dim=(1, 2, 3), keepdim=True)
        if name == "max_pool2d" and not kwargs.get("return_indices"):
            return _mean_of_windows(*args, **kwargs)
        if name == "max_unpool2d":
            return F.interpolate(args[0], size=kwargs["output_size"])
        return function(*args, **kwargs)


def _all_alike(function, forwards, values, weights, bias=None, *rest, **options):
    """A convolution of equal positive weights; where all channels meet, once for all of them."""
    groups = options.get("groups", rest[3] if len(rest) > 3 else 1)
    equal = torch.full_like(weights, 1 / weights[0, 0].numel())
    if groups > 1:
        return function(values, equal, None, *rest, **options)
    once = function(values.mean(dim=1, keepdim=True), equal[:1, :1], None, *rest, **options)
    return once.repeat(1, weights.shape[0 if forwards else 1], 1, 1)


def _mean_of_windows(values, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, **_):
    if _pair(dilation) != (1, 1):
        raise NotImplementedError("reachable does not know max pooling with dilation")
    return F.avg_pool2d(values, kernel_size, stride, padding, ceil_mode)


def levels(model, images):
    """What a network computes on the way: a list of (name, tensor (B, C, h, w)), the last its output.

    Of a model with ``encoder`` and ``decoder``, the features and the logits; of a ``nn.Sequential``, the output of
    each of its layers or blocks; of any other module, what it returns, one tensor or several.
    """
    if hasattr(model, "encoder") and hasattr(model, "decoder"):
        features = model.encoder(images)
        return [*_named(features), ("logits", model.decoder(features))]
    if not is_chain(model):
        found = model(images)
        found = found["out"] if isinstance(found, Mapping) else found
        return [(describe(model), found)] if isinstance(found, torch.Tensor) else _named(found)
    found = []
    for child in model:  # copies, since layers may work in place
        inside = (
            [(describe(child), child(images.clone()))] if is_chain(child) else levels(child, images.clone())
        )
        found, images = found + inside, inside[-1][1]
    return found


def is_chain(module):
    """Whether a module runs the modules in it one after the other, and nothing else."""
    return isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward


def _named(features):
    return [(f"features {i}", level) for i, level in enumerate(features)]


def spacing(length, coarse):
    """Input pixels from one pixel of a coarser map to the next.

    The power of two that explains the two lengths by halvings, rounding up or else down; if none does, their ratio.
    """
    near = max(0, round(np.log2(length / coarse)))
    steps = [2**n for n in (near, near + 1)]
    rounded = [step for step in steps if -(-length // step) == coarse] + [
        s for s in steps if length // s == coarse
    ]
    return rounded[0] if rounded else length / coarse


def shares(influence, centre):
    """What part of an influence lies in squares around a centre: float (n,), rising to 1.

    Entry s belongs to the square of side s (the first, of side 0, is 0). Parameters: influence, (H, W); centre, (row,
    column), which may lie between pixels, as fields of even size do. Of an influence that is 0 everywhere, all are 0.
    """
    row, column = centre
    rows, columns = np.ogrid[: influence.shape[0], : influence.shape[1]]
    side = (2 * np.maximum(abs(rows - row), abs(columns - column))).astype(int) + 1
    held = np.cumsum(np.bincount(side.ravel(), influence.ravel()))
    return held / (held[-1] or 1)


def effective_side(influence, centre, share=0.95):
    """Side of the smallest square around a centre that holds this share of an influence (int); 0 if there is none."""
    held = shares(influence, centre)
    return int(np.argmax(held >= share * held[-1])) if held[-1] else 0
