"""What the networks share: the contract between encoder and decoder, blocks, ways to up-sample, and their cost.

The insight: a network that labels pixels is two networks with a list between them. The encoder looks at ever larger
parts of the image at ever lower resolution, and keeps what it found at each; the decoder makes a map of scores of it,
as large as the image. FCN, SegNet and U-Net differ in what of the list they use, and how.

    encoder(images)   float (B, C, H, W) -> [features, high to low resolution]
    decoder(features)                    -> logits (B, K, H, W)

``features[i]`` is (B, widths[i], ⌈H / 2^i⌉, ⌈W / 2^i⌉). Halving rounds up, so that no pixel is lost, and the way back
doubles and cuts off what is too much: images may have any size. An encoder says its ``channels`` and ``widths``, a
decoder its ``widths``; where these agree, any two fit (``Segmenter``).

Layers are passed as classes, or as functions that make them: ``block(inputs, outputs, norm)``, ``norm(channels)``,
``up(inputs, outputs)``. To set more arguments, use ``functools.partial(Transposed, kernel=3)``.

All weights start by He's rule: independent normal numbers of variance 2 / n, where n is the number of products that an
output value sums up. What comes in has passed a ReLU, which has set half of it to zero: with the 2, values keep their
size from layer to layer. Offsets start at 0.

Reference: He, Zhang, Ren & Sun, Delving deep into rectifiers, ICCV 2015, doi:10.1109/ICCV.2015.123.
Taught in lessons 08 to 10.
"""

import math
from collections.abc import Sequence
from contextlib import contextmanager
from itertools import pairwise
from numbers import Integral
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

WIDTHS = (
    8,
    16,
    32,
    64,
    128,
)  # channels of the features, high to low resolution: 0.3 million weights to encode
GREY_LEVEL = 1 / 255  # the smallest step that an 8-bit image can show


# -- the contract ---------------------------------------------------------------------------------------


class Segmenter(nn.Module):
    """An encoder and a decoder: images (B, C, H, W) -> logits (B, K, H, W).

    Parameters: encoder, with the attribute ``widths``, whose first features have the size of the images; decoder,
    made for the same ``widths``. The parts stay in reach: ``model.encoder(images)`` is the list of features.
    Raises ValueError for parts that do not fit.
    """

    def __init__(self, encoder, decoder):
        super().__init__()
        if tuple(encoder.widths) != tuple(decoder.widths):
            raise ValueError(
                f"the encoder gives features of {tuple(encoder.widths)} channels, but the decoder was made for "
                f"{tuple(decoder.widths)}; make the decoder with widths=encoder.widths"
            )
        self.encoder, self.decoder = encoder, decoder

    def forward(self, images):
        logits = self.decoder(self.encoder(images))
        if logits.shape[-2:] != images.shape[-2:]:
            raise ValueError(
                f"the logits have {_size(logits)} pixels, the images {_size(images)}; the first features of an "
                "encoder must have the size of the images"
            )
        return logits


# -- blocks ---------------------------------------------------------------------------------------------


class ConvBlock(nn.Sequential):
    """Twice: 3 × 3 convolution, norm, ReLU. (B, inputs, H, W) -> (B, outputs, H, W).

    Zeros around the border keep the size. The norm takes off every channel's mean, and an offset of the convolution
    with it, so there is none; ``norm=nn.Identity`` goes without a norm and has offsets.

    ``norm`` is batch normalisation by default. In training it takes mean and deviation of each channel over all pixels
    of the batch: with 8 crops of 128 × 128 these are 512 values even at a sixteenth of the size, enough for a steady
    estimate. In evaluation it is a fixed scale and offset: a pixel's answer depends on its surroundings alone, not on
    what else the image holds nor on where a tile was cut, which group normalisation does not give. Its price: batch
    mates disturb each other, the averages for evaluation lag some ten steps behind, and a batch of one image that
    shrinks to one pixel has no deviation (torch refuses it in training). Then take ``norm=group_norm``.

    Reference: Ioffe & Szegedy, Batch normalization, ICML 2015, arXiv:1502.03167. Lesson 08.
    """

    def __init__(self, inputs, outputs, norm=nn.BatchNorm2d):
        super().__init__(
            *_normed(inputs, outputs, norm),
            nn.ReLU(),
            *_normed(outputs, outputs, norm),
            nn.ReLU(),
        )


class ResidualBlock(nn.Module):
    """Two convolutions that learn a change to their input: relu(shortcut(x) + change(x)).

    The shortcut is the input itself where the channels agree, else a 1 × 1 convolution with norm. With ``change`` at
    zero the block lets its (rectified) input pass, so a deep stack can start from a shallow one. Setting the last
    scale to zero at the start, ``nn.init.zeros_(block.change[-1].weight)``, makes that literal (Goyal 2017); it pays in
    nets of many blocks. At such a start the first gradient does not reach the convolutions; by default the scale is 1.

    Reference: He, Zhang, Ren & Sun, Deep residual learning for image recognition, CVPR 2016,
    doi:10.1109/CVPR.2016.90; Goyal et al., Accurate, large minibatch SGD, 2017, arXiv:1706.02677. Lesson 10.
    """

    def __init__(self, inputs, outputs, norm=nn.BatchNorm2d):
        super().__init__()
        self.change = nn.Sequential(
            *_normed(inputs, outputs, norm), nn.ReLU(), *_normed(outputs, outputs, norm)
        )
        same = inputs == outputs
        self.shortcut = nn.Identity() if same else nn.Sequential(*_normed(inputs, outputs, norm, kernel=1))

    def forward(self, x):
        return F.relu(self.shortcut(x) + self.change(x))


def group_norm(channels):
    """Group normalisation: mean and deviation over the pixels and a group of channels of each image by itself.

    It does the same in training and evaluation, with batches of any size. But its mean is taken over the whole image:
    every pixel learns something about all others, however far, and a tile is normalised otherwise than its image.
    Eight groups of two channels or more; fewer where that does not come out even.

    Reference: Wu & He, Group normalization, ECCV 2018, doi:10.1007/978-3-030-01261-8_1. Lessons 08 and 11.
    """
    groups = next((groups for groups in (8, 4, 2) if channels % (2 * groups) == 0), 1)
    return nn.GroupNorm(groups, channels)


def convolution(inputs, outputs, kernel=3, *, dilation=1, bias=True):
    """A convolution that keeps height and width, by zeros around the border, with He's weights.

    Parameters: inputs and outputs, channels; kernel, odd side in pixels; dilation, how far apart in pixels the kernel
    reads. Raises ValueError for a bad one.
    Cost: kernel² · inputs · outputs multiply–adds a pixel, at any dilation. Lessons 08 and 11.
    """
    for name, value in {
        "inputs": inputs,
        "outputs": outputs,
        "kernel": kernel,
        "dilation": dilation,
    }.items():
        check_count(name, value)
    if kernel % 2 == 0:
        raise ValueError(f"kernel must be odd, so that it has a middle, not {kernel}")
    padding = dilation * (kernel // 2)
    layer = nn.Conv2d(inputs, outputs, kernel, padding=padding, dilation=dilation, bias=bias)
    return _he(layer, inputs * kernel**2)


def _normed(inputs, outputs, norm, kernel=3):
    check_maker("norm", norm, "nn.BatchNorm2d, group_norm or, for none, nn.Identity")
    return convolution(inputs, outputs, kernel, bias=norm is nn.Identity), norm(outputs)


def _he(layer, products):
    nn.init.normal_(layer.weight, std=math.sqrt(2 / products))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class Standardise(nn.Module):
    """Each image minus its mean, over its deviation: brightness and contrast no longer matter.

    Over all pixels and channels of an image together, so that colours stay what they are to each other. What varies by
    less than one grey level of 8 bits is not enlarged further; an image of one value becomes 0. It has no weights, and
    belongs into the model so that training and prediction cannot differ: ``nn.Sequential(Standardise(), UNet(3, 2))``.
    Its mean looks at the whole image: tiles of a large image are standardised each by itself.

    Images, float (B, C, H, W) -> float (B, C, H, W) of mean 0 and deviation 1.
    """

    def forward(self, images):
        deviation, mean = torch.std_mean(images, dim=(1, 2, 3), correction=0, keepdim=True)
        return (images - mean) / deviation.clamp(min=GREY_LEVEL)


# -- the plain encoder ------------------------------------------------------------------------------------


class Encoder(nn.Module):
    """The plain encoder: a block, halve, a block, halve …; the features are what each block gives.

    1. The first block sees the image at full size; it is the costliest place for channels, so it has the fewest.
    2. Max pooling keeps the largest of each 2 × 2 values; at an odd border the window is cut, and the size rounds up.
    3. The next block sees half the height and width, twice as far, and is about as dear with twice the channels.

    Parameters: channels, of the images; widths, of the features, high to low resolution, one a level; block; norm.
    Raises TypeError for images that are not floats of the weights' precision, ValueError for a wrong shape.
    """

    def __init__(self, channels=3, widths=WIDTHS, block=ConvBlock, norm=nn.BatchNorm2d):
        super().__init__()
        check_count("channels", channels)
        self.channels, self.widths = channels, check_widths(widths)
        check_maker("block", block, "ConvBlock or ResidualBlock")
        self.blocks = nn.ModuleList(block(a, b, norm) for a, b in pairwise((channels, *self.widths)))

    def forward(self, images):
        check_images(images, self.channels, next(self.parameters()).dtype)
        features = [self.blocks[0](images)]
        for block in self.blocks[1:]:
            features.append(block(halve(features[-1])))
        return features


def halve(features):
    """The largest of each 2 × 2 values: (B, C, H, W) -> (B, C, ⌈H / 2⌉, ⌈W / 2⌉)."""
    return F.max_pool2d(features, 2, ceil_mode=True)


# -- up-sampling ----------------------------------------------------------------------------------------


class UpSampling(nn.Sequential):
    """Layers that enlarge: ``up(coarse)``, (B, inputs, h, w) -> (B, outputs, stride · h, stride · w).

    In a decoder, ``up(coarse, fine)``: cut at the right and the bottom to the height and width of the finer features.
    A coarse pixel (y, x) was made from the fine pixels 2y, 2y + 1 and 2x, 2x + 1, and comes to lie over them again.
    """

    def forward(self, coarse, fine=None):
        large = super().forward(coarse)
        return large if fine is None else cut(large, fine)


class Bilinear(UpSampling):
    """Straight lines between the pixels: smooth and nothing to learn, but for the 1 × 1 convolution to ``outputs``.

    That mixes channels and the interpolation mixes pixels, so they may change places; the convolution goes first,
    where there are a quarter of the pixels. Fine detail cannot come of it: the result is blurred.

    Cost: inputs · outputs weights. Lesson 09.
    """

    def __init__(self, inputs, outputs, stride=2):
        check_count("stride", stride)
        super().__init__(convolution(inputs, outputs, 1), nn.Upsample(scale_factor=stride, mode="bilinear"))


class ResizeConvolution(UpSampling):
    """Repeat each pixel, then convolve: each output pixel is computed alike, so no checkerboard comes of the overlap.

    Cost: 9 · inputs · outputs weights, all used at the high resolution.
    Reference: Odena, Dumoulin & Olah, Deconvolution and checkerboard artifacts, Distill 2016,
    doi:10.23915/distill.00003. Lesson 09.
    """

    def __init__(self, inputs, outputs, stride=2):
        check_count("stride", stride)
        super().__init__(nn.Upsample(scale_factor=stride), convolution(inputs, outputs, 3))


class Transposed(UpSampling):
    """Transposed convolution: each coarse pixel stamps the kernel, times its value, and the stamps add up.

    1. Write the convolution with this kernel and stride, which shrinks, as a matrix: a row for each output pixel.
    2. Its transpose has the shape that enlarges. It is not the inverse: what shrinking lost does not come back.
    3. The stamps lie ``stride`` apart. Where ``stride`` does not divide ``kernel`` they overlap unevenly: with kernel 3
       and stride 2, pixels get 1, 2 or 4 products by turns, and even a constant input shows a checkerboard. With
       kernel 4 each gets 4. That makes equal weights harmless; unequal ones can still draw the pattern.

    Parameters: inputs, outputs; kernel and stride, in pixels, 2 ≤ stride ≤ kernel. Raises ValueError for others.
    Cost: kernel² · inputs · outputs weights, all used at the low resolution.

    Reference: Dumoulin & Visin, A guide to convolution arithmetic for deep learning, 2016, arXiv:1603.07285; Odena,
    Dumoulin & Olah, Deconvolution and checkerboard artifacts, Distill 2016, doi:10.23915/distill.00003. Lesson 09.
    """

    def __init__(self, inputs, outputs, kernel=4, stride=2):
        check_count("inputs", inputs)
        check_count("outputs", outputs)
        check_count("stride", stride, 2)
        check_count("kernel", kernel, stride, "the stride, or pixels between the stamps stay empty")
        before = (
            kernel - stride + 1
        ) // 2  # rows cut off at the top; at the bottom, so many that h becomes stride · h
        layer = nn.ConvTranspose2d(
            inputs, outputs, kernel, stride, padding=before, output_padding=2 * before + stride - kernel
        )
        super().__init__(_he(layer, inputs * kernel**2 / stride**2))

    def bilinear_(self):
        """Set the weights to bilinear interpolation, each channel to itself, and return the layer.

        Inside, it then equals ``Upsample``; within half a stride of the border it fades, as zeros lie outside.
        Raises ValueError where no kernel says that: outputs must be inputs, and kernel twice an even stride.
        """
        (layer,) = self
        (kernel, _), (stride, _) = layer.kernel_size, layer.stride
        if layer.in_channels != layer.out_channels or kernel != 2 * stride or stride % 2:
            raise ValueError(
                "bilinear weights need as many outputs as inputs and a kernel of twice an even stride, not "
                f"inputs={layer.in_channels}, outputs={layer.out_channels}, kernel={kernel}, stride={stride}"
            )
        tent = 1 - (torch.arange(kernel) + 0.5 - stride).abs() / stride
        with torch.no_grad():
            layer.weight.zero_()
            layer.weight.diagonal()[:] = torch.outer(tent, tent)[..., None]
        return self


class SubPixel(UpSampling):
    """Sub-pixel convolution: compute stride² values for each coarse pixel, as channels, and lay them out as a square.

    It is a transposed convolution of kernel stride · kernel, written as an ordinary convolution at low resolution. The
    stride² filters start independently in the original, which shows as a checkerboard; ``icnr`` starts them alike, so
    that at first each pixel is only repeated, and training lets them part.

    Cost: kernel² · stride² · inputs · outputs weights, all used at the low resolution.
    Reference: Shi et al., Real-time single image and video super-resolution using an efficient sub-pixel
    convolutional neural network, CVPR 2016, doi:10.1109/CVPR.2016.207; Aitken et al., Checkerboard artifact free
    sub-pixel convolution, 2017, arXiv:1707.02937 (ICNR). Lesson 09.
    """

    def __init__(self, inputs, outputs, kernel=3, stride=2, *, icnr=True):
        check_count("outputs", outputs)
        check_count("stride", stride)
        layer = convolution(inputs, outputs * stride**2, kernel)
        if icnr:
            with torch.no_grad():
                layer.weight.copy_(layer.weight[:: stride**2].repeat_interleave(stride**2, dim=0))
        super().__init__(layer, nn.PixelShuffle(stride))


def cut(large, fine):
    """The top left part of ``large`` (B, C, ≥ H, ≥ W) that has the height and width of ``fine`` (…, H, W)."""
    return large[..., : fine.shape[-2], : fine.shape[-1]]


# -- cost -----------------------------------------------------------------------------------------------


class Cost(NamedTuple):
    """What a model needs, by ``cost``."""

    parameters: int  #: numbers that training sets; one that is shared counts once
    multiply_adds: int  #: a product and its addition to a sum, for one pass forward


def cost(model, shape):
    """Parameters of a model, and its multiply–adds for an input of this shape.

    The model runs once on zeros, in evaluation mode, while torch counts the products of every convolution and matrix
    that passes by, so that any model can be counted; then it is as before. By custom, only these count: norms,
    offsets, ReLU, pooling and interpolation do not, nor is a product with a padded zero left out. Time is another
    thing: a laptop often waits for memory, not for arithmetic (lesson 19).

    Parameters: model, a torch module; shape, of its input with the batch, such as (1, 3, 128, 128).
    Returns: Cost. A training step costs about three times the multiply–adds.
    Raises ValueError for a shape that is not of whole numbers, and what the model raises on such an input.

    Reference: counts agree with those that torchvision publishes with its weights. Lessons 08 and 19.
    """
    if not isinstance(shape, Sequence):
        raise ValueError(
            f"shape must be that of an input with its batch, such as (1, 3, 128, 128), not {shape!r}"
        )
    for number in shape:
        check_count("each number of shape", number)
    parameters = list(model.parameters())
    like = parameters[0] if parameters else torch.empty(0)
    unknown = {torch.ops.aten.mkldnn_rnn_layer: _recurrent_operations}
    with _quietly(model), FlopCounterMode(display=False, custom_mapping=unknown) as counter:
        model(torch.zeros(tuple(shape), dtype=like.dtype, device=like.device))
    return Cost(sum(parameter.numel() for parameter in parameters), counter.get_total_flops() // 2)


def _recurrent_operations(x, inwards, onwards, *_, **__):
    """Additions and multiplications of a layer of LSTM on the CPU, from shapes: torch knows no count for its kernel."""
    steps, batch, _ = x
    return 2 * steps * batch * (math.prod(inwards) + math.prod(onwards))


@contextmanager
def _quietly(model):
    """In evaluation mode, without gradients, and without the fused attention that hides its products from counting."""
    training = [module for module in model.modules() if module.training]
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
        for module in training:
            module.training = True


# -- what the parts refuse ------------------------------------------------------------------------------


def check_count(name, value, least=1, why=""):
    """ValueError unless the value is a whole number that is at least ``least``."""
    if not isinstance(value, Integral) or value < least:
        raise ValueError(
            f"{name} must be a whole number, at least {least}{why and f' ({why})'}, not {value!r}"
        )


def check_widths(widths):
    """The widths as a tuple. ValueError unless they are whole numbers of channels, at least one."""
    if not (
        isinstance(widths, Sequence)
        and widths
        and all(isinstance(width, Integral) and width >= 1 for width in widths)
    ):
        raise ValueError(
            "widths must be the numbers of channels, high to low resolution, one a level, such as "
            f"{WIDTHS}, not {widths!r}"
        )
    return tuple(widths)


def check_maker(name, maker, examples):
    """TypeError unless the maker can be called: a class of layers or a function that makes one."""
    if isinstance(maker, nn.Module) or not callable(maker):
        raise TypeError(
            f"{name} must be a class, or a function that makes a layer, such as {examples}, not {maker!r}"
        )
    return maker


def check_images(images, channels, dtype):
    """TypeError or ValueError unless the images are a float tensor (B, channels, H, W), none of these 0."""
    if not isinstance(images, torch.Tensor):
        raise TypeError(f"images must be a torch tensor, not {type(images).__name__}; see torch.from_numpy")
    if not images.is_floating_point() or (
        images.dtype != dtype and not torch.is_autocast_enabled(images.device.type)
    ):
        raise TypeError(
            f"images must be {dtype}, like the weights, not {images.dtype}; "
            f"take images.to({dtype}), and divide bytes by 255"
        )
    if images.ndim != 4 or images.shape[1] != channels or 0 in images.shape:
        raise ValueError(
            f"images must have shape (B, {channels}, H, W), not {tuple(images.shape)}; an image (H, W, C) becomes "
            f"such a batch by image.permute(2, 0, 1)[None], and this network takes {channels} channels"
        )


def check_features(features, widths):
    """ValueError unless these are features of an encoder of these widths, each half as large as the one before."""
    found = tuple(level.shape[1] for level in features)
    if found != widths:
        raise ValueError(
            f"the decoder was made for features of {widths} channels, high to low resolution, but got {found}; "
            "make it with widths=encoder.widths"
        )
    for fine, coarse in pairwise(features):
        if tuple(coarse.shape[-2:]) != tuple((side + 1) // 2 for side in fine.shape[-2:]):
            raise ValueError(
                f"features of {_size(fine)} pixels must be followed by half of it, rounded up, not by {_size(coarse)}"
            )


def _size(tensor):
    return f"{tensor.shape[-2]} × {tensor.shape[-1]}"
