"""Dilated (atrous) convolution: see far without halving, and what has to be minded on the way.

The insight: a convolution need not read neighbours. Let it read every d-th pixel: nine weights then span 2d + 1 pixels,
cost what they cost before, and the map keeps its size. Layers whose dilation doubles see exponentially far, as layers
that halve do, and no place is given up.

The price is in the name: *à trous*, with holes. A convolution of dilation d is d² plain convolutions on d² coarse grids
that know nothing of each other (``grids``). Where all layers of a stack dilate alike, the grids never meet: an
answer is made of d² pictures, laced into one (**gridding**). ``ways`` counts how often a stack reads each pixel, and
``hybrid`` tells which dilations leave none out.

- ``atrous`` and ``atrous_by_grids``: the convolution from scratch, twice.
- ``dense``: an encoder that halves, and was trained so, asked at every pixel, with not one weight changed.
- ``ASPP`` and ``PyramidPooling``: several reaches side by side.
- ``DilatedNet`` stays at full size; ``DeepLab`` halves a little, dilates for the rest, and draws boundaries from fine
  features, as U-Net does.

Reference: Yu & Koltun, Multi-scale context aggregation by dilated convolutions, ICLR 2016, arXiv:1511.07122;
Holschneider, Kronland-Martinet, Morlet & Tchamitchian, A real-time algorithm for signal analysis with the help of the
wavelet transform, Wavelets, 1990, doi:10.1007/978-3-642-75988-8_28 (the name and the trick); Chen, Papandreou, Schroff
& Adam, Rethinking atrous convolution for semantic image segmentation, 2017, arXiv:1706.05587 (DeepLabv3).
Taught in lesson 11.
"""

import copy
from itertools import accumulate

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.models.parts import (
    ConvBlock,
    Encoder,
    Segmenter,
    check_count,
    check_features,
    check_maker,
    check_widths,
    convolution,
    cut,
    halve,
)

DEEP_WIDTHS = (8, 16, 32, 64)  # of DeepLab's features: three halvings, where WIDTHS has four
RATES = (2, 4, 8)  # dilations of ASPP: 6, 12 and 18 in the original, on maps of 33 × 33 pixels


# -- from scratch ---------------------------------------------------------------------------------------


def atrous(images, weight, dilation=1):
    """Atrous convolution, tap by tap, with zeros around the border.

    1. Each of the k × k taps of the kernel reads the whole image, moved by (i, j) · dilation.
    2. What it read is mixed by the tap's matrix of weights (K, C), and added to what the others gave.

    Parameters: images, float (B, C, H, W); weight, float (K, C, k, k) with k odd; dilation, in pixels.
    Returns: (B, K, H, W). Raises ValueError for another kernel or dilation.
    Cost: k² · C · K multiply–adds a pixel, at any dilation. Lesson 11.
    """
    side = _side(weight, dilation)
    height, width = images.shape[-2:]
    padded = F.pad(images, [dilation * (side // 2)] * 4)
    result = images.new_zeros(len(images), len(weight), height, width)
    for i in range(side):
        for j in range(side):
            y, x = i * dilation, j * dilation
            moved = padded[..., y : y + height, x : x + width]
            result = result + torch.einsum("kc,bchw->bkhw", weight[:, :, i, j], moved)
    return result


def atrous_by_grids(images, weight, dilation=1):
    """The same as `atrous`: deal the pixels out to grids, convolve each as usual, and put them back.

    A pixel reads others that are a multiple of ``dilation`` away, so only those of its own grid; there they are
    neighbours. Parameters, result and errors as for ``atrous``.
    """
    side = _side(weight, dilation)
    answers = F.conv2d(grids(images, dilation), weight, padding=side // 2)
    return cut(from_grids(answers, dilation), images)


def grids(images, dilation):
    """Every dilation-th pixel, from each of the dilation² first ones: the grids that a dilated layer works on.

    (B, C, H, W) -> (B · dilation², C, ⌈H / dilation⌉, ⌈W / dilation⌉). An image's grids follow each other, the
    one that begins in row i and column j as number i · dilation + j; what lies outside of the image is 0.
    """
    channels, height, width = images.shape[1:]
    full = F.pad(images, (0, -width % dilation, 0, -height % dilation))
    dealt = F.pixel_unshuffle(full, dilation)  # (B, C · dilation², h, w), a channel's grids side by side
    return dealt.unflatten(1, (channels, dilation**2)).transpose(1, 2).flatten(0, 1)


def from_grids(grids, dilation):
    """`grids` undone: (B · dilation², C, h, w) -> (B, C, dilation · h, dilation · w)."""
    dealt = grids.unflatten(0, (-1, dilation**2)).transpose(1, 2)
    return F.pixel_shuffle(dealt.flatten(1, 2), dilation)


def _side(weight, dilation):
    check_count("dilation", dilation)
    if weight.ndim != 4 or weight.shape[2] != weight.shape[3] or weight.shape[2] % 2 == 0:
        raise ValueError(
            f"weight must have shape (K, C, k, k) with k odd, so that it has a middle, not {tuple(weight.shape)}"
        )
    return weight.shape[2]


# -- gridding -------------------------------------------------------------------------------------------


def ways(dilations, kernel=3):
    """In how many ways an output pixel reaches each pixel of its receptive field, along one axis.

    A way takes one tap of each layer, and ends at the sum of its steps: so the ways of a stack are those of its layers,
    convolved. 0 is a **hole**, a pixel inside the field that no way leads to. In the image, the ways are the products
    of those of the row and the column. With equal positive weights and no ReLU, the gradient is in proportion to them.

    Parameters: dilations, of the layers, in any order; kernel, odd, of each. Raises ValueError for others, and where
    there may be more ways to a pixel than 64 bits count (from 43 plain layers on).
    Returns: int64 array (n,), n the side of the receptive field, its middle the pixel itself.
    """
    found = np.ones(1, np.int64)
    for layer, dilation in enumerate(_dilations(dilations, kernel), start=1):
        if int(found.max()) > np.iinfo(np.int64).max // kernel:
            raise ValueError(f"after {layer} layers there may be more ways to a pixel than 64 bits count")
        comb = np.zeros((kernel - 1) * dilation + 1, np.int64)
        comb[::dilation] = 1
        found = np.convolve(found, comb)
    return found


def hybrid(dilations, kernel=3):
    """Whether a stack of these dilations leaves no hole in its receptive field (bool).

    The rule: **take the dilations from the smallest on; none may be larger than the field of those before it.** The
    field of no layer is 1, so one layer has to be plain.

    Enough: where a field has no hole, copies of it that lie at most its own side apart leave none between them.
    Needed: call the first dilation that breaks the rule d, and let the ones before it see f < d pixels. The pixel that
    is f before the end of the whole field would have to be reached by a way that is f short of the longest. Layers
    come short in steps of their dilation; those of d or more cannot help, and those before come f − 1 short at most.

    For dilations that rise from 1 and kernel 3, this is the condition of hybrid dilated convolution, M₂ ≤ kernel (Wang
    2018). That alone does not ask for the 1: it lets (2, 2, 2) pass. With kernel 5 it asks for more than is needed: it
    refuses (1, 1, 8), which has no hole. The largest dilations without holes are the powers of the
    kernel, 1, 3, 9, 27: each pixel is reached in one way, as each weight is weighed by Bachet's 1, 3, 9 and 27 pounds.

    Parameters and errors as for ``ways``.
    Reference: Wang, Chen, Yuan, Liu, Huang, Hou & Cottrell, Understanding convolution for semantic segmentation,
    WACV 2018, doi:10.1109/WACV.2018.00163. Lesson 11.
    """
    rising = sorted(_dilations(dilations, kernel))
    fields = accumulate(rising, lambda field, dilation: field + (kernel - 1) * dilation, initial=1)
    return all(dilation <= field for dilation, field in zip(rising, fields, strict=False))


def _dilations(dilations, kernel=3):
    check_count("kernel", kernel)
    if kernel % 2 == 0:
        raise ValueError(f"kernel must be odd, so that it has a middle, not {kernel}")
    dilations = tuple(dilations)
    for dilation in dilations:
        check_count("each dilation", dilation)
    return dilations


# -- an encoder that was trained with halvings, without them ----------------------------------------------


def dense(encoder, stride=1):
    """The lowest features of a plain encoder at every stride-th pixel: the same weights, fewer halvings.

    A halving takes the largest of each 2 × 2 values, and throws three of four places away. Leave out the throwing away:
    the largest of four is taken at every pixel, and each later layer finds the values that it used to read as
    neighbours twice as far apart. Dilate it by two, and it reads the same ones; so does the next largest of four. So
    each halving that is left out doubles the dilation of all that follows. At the pixels where the encoder would have
    given features, the answers are equal; between them lie, away from the border, the answers that it would have given
    for the image moved by a few pixels.

    Parameters: encoder, ``parts.Encoder``, trained or not; stride, a power of two, at most that of its lowest features.
    Returns: a module in evaluation mode with weights of its own, images (B, C, H, W) -> (B, widths[-1], ⌈H / stride⌉,
    ⌈W / stride⌉). Pixel (y, x) of it speaks of the square of the old stride whose first pixel is (y, x) · stride: its
    middle lies (old stride − stride) / 2 further down and to the right than the one of its own square.
    Raises ValueError for another stride, and for an encoder with a norm that averages over the map, such as
    ``parts.group_norm``: on a denser map it averages other values, and no answer would be the old one. A layer of your
    own that looks at the whole map goes unnoticed. At the old stride nothing changes, and nothing is refused.
    Cost: with a halving less, all that follows costs four times as much.

    Reference: Chen, Papandreou, Kokkinos, Murphy & Yuille, DeepLab, IEEE Transactions on Pattern Analysis and Machine
    Intelligence 40, 2018, doi:10.1109/TPAMI.2017.2699184, section 3.1. Lesson 11.
    """
    strides = [2**level for level in range(len(encoder.widths))]
    if stride not in strides:
        raise ValueError(
            f"stride must be one of {strides} for an encoder of {len(strides)} levels, not {stride!r}"
        )
    averaging = next((layer for layer in encoder.modules() if _averages(layer)), None)
    if averaging is not None and stride < strides[-1]:
        raise ValueError(
            f"the encoder has {type(averaging).__name__}, which averages over the map: with a halving less it would "
            "average other values, and no answer would stay what it was; take an encoder with batch normalisation"
        )
    return _Dense(encoder, strides.index(stride)).eval()


def _averages(layer):
    """Whether a layer, in evaluation, takes a mean over the map that it gets."""
    if isinstance(layer, nn.BatchNorm2d | nn.InstanceNorm2d):
        return layer.running_mean is None
    return isinstance(layer, nn.GroupNorm | nn.AdaptiveAvgPool2d)


class _Dense(nn.Module):
    """The blocks of an encoder that halves no more than ``halvings`` times, and dilates from there on."""

    def __init__(self, encoder, halvings):
        super().__init__()
        self.blocks, self.halvings = copy.deepcopy(encoder.blocks), halvings
        for level, block in enumerate(self.blocks):
            dilation = 2 ** max(0, level - halvings)
            for layer in block.modules():
                if isinstance(layer, nn.Conv2d):
                    layer.dilation = (dilation, dilation)
                    layer.padding = tuple(dilation * (side // 2) for side in layer.kernel_size)

    def forward(self, images):
        x = self.blocks[0](images)
        for level, block in enumerate(self.blocks[1:]):
            x = block(halve(x) if level < self.halvings else _largest(x, 2 ** (level - self.halvings)))
        return x


def _largest(x, apart):
    """The largest of each 2 × 2 values that lie ``apart`` pixels from each other, at every pixel."""
    return F.max_pool2d(F.pad(x, (0, apart, 0, apart), value=-torch.inf), 2, stride=1, dilation=apart)


# -- several reaches side by side -------------------------------------------------------------------------


class AtrousBlock(nn.Sequential):
    """Atrous convolution, norm, ReLU: (B, inputs, H, W) -> (B, outputs, H, W). See ``parts.ConvBlock``."""

    def __init__(self, inputs, outputs, dilation=1, kernel=3, norm=nn.BatchNorm2d):
        check_maker("norm", norm, "nn.BatchNorm2d, group_norm or, for none, nn.Identity")
        layer = convolution(inputs, outputs, kernel, dilation=dilation, bias=norm is nn.Identity)
        super().__init__(layer, norm(outputs), nn.ReLU())


class Pooled(nn.Module):
    """The mean over each of bins × bins parts of the image, mixed, and handed to every pixel there by straight lines.

    (B, inputs, H, W) -> (B, outputs, H, W). With one bin, all pixels get the same: it says what is in the image, and
    not where (unless the features know their own place, as they can by the zeros around the border). There is no norm:
    with one bin, a batch of one image has nothing to take a deviation of.
    """

    def __init__(self, inputs, outputs, bins=1):
        super().__init__()
        check_count("bins", bins)
        self.bins, self.mix = bins, convolution(inputs, outputs, 1)

    def forward(self, x):
        means = F.relu(self.mix(F.adaptive_avg_pool2d(x, self.bins)))
        return F.interpolate(means, x.shape[-2:], mode="bilinear")


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling: several dilations look at the same map, and the next layer takes its pick.

    1. A 1 × 1 convolution sees the pixel itself, one of kernel 3 for each dilation so much farther; ``whole`` adds the
       mean of the whole image.
    2. Their answers are put side by side and mixed by a 1 × 1 convolution.

    Where a dilation is as large as the map, eight of the nine taps read only zeros outside: hence the whole image.

    Parameters: inputs and outputs, channels, as many for each branch; dilations; norm; whole. Errors as for
    ``parts.convolution``.
    Reference: Chen, Papandreou, Schroff & Adam 2017, arXiv:1706.05587. Lesson 11.
    """

    def __init__(self, inputs, outputs, dilations=RATES, norm=nn.BatchNorm2d, *, whole=True):
        super().__init__()
        branches = [AtrousBlock(inputs, outputs, kernel=1, norm=norm)]
        branches += [AtrousBlock(inputs, outputs, dilation, norm=norm) for dilation in _dilations(dilations)]
        branches += [Pooled(inputs, outputs)] * bool(whole)
        self.branches = nn.ModuleList(branches)
        self.mix = AtrousBlock(len(branches) * outputs, outputs, kernel=1, norm=norm)

    def forward(self, x):
        return self.mix(torch.cat([branch(x) for branch in self.branches], dim=1))


class PyramidPooling(nn.Module):
    """Pyramid pooling (PSPNet): the means of the whole image, of its quarters, ninths … beside the map itself.

    Parameters: inputs and outputs, channels; bins, parts along each side; norm. A quarter of the inputs, at least one,
    is kept of each level. Errors as for ``parts.convolution``.
    Reference: Zhao, Shi, Qi, Wang & Jia, Pyramid scene parsing network, CVPR 2017, doi:10.1109/CVPR.2017.660.
    Lesson 11.
    """

    def __init__(self, inputs, outputs, bins=(1, 2, 3, 6), norm=nn.BatchNorm2d):
        super().__init__()
        few = max(1, inputs // 4)
        self.levels = nn.ModuleList(Pooled(inputs, few, number) for number in bins)
        self.mix = AtrousBlock(inputs + len(self.levels) * few, outputs, norm=norm)

    def forward(self, x):
        return self.mix(torch.cat([x, *(level(x) for level in self.levels)], dim=1))


# -- networks ---------------------------------------------------------------------------------------------


class DilatedEncoder(nn.Module):
    """The plain encoder, whose lowest features then look around by dilated layers instead of further halvings.

    Parameters: channels, of the images; widths, of the features, high to low resolution, one a level (a single one: no
    halving at all); dilations, of the layers behind the lowest block; context, None or what to put behind these, a
    class such as ``ASPP`` or ``PyramidPooling`` or a function like it, called with (inputs, outputs, norm=…); block and
    norm, see ``parts``. Errors as for ``parts.Encoder`` and ``parts.convolution``.

    images (B, channels, H, W) -> [features, high to low resolution].
    """

    def __init__(
        self,
        channels=3,
        widths=DEEP_WIDTHS,
        dilations=(2, 4),
        *,
        context=None,
        block=ConvBlock,
        norm=nn.BatchNorm2d,
    ):
        super().__init__()
        self.plain = Encoder(channels, widths, block, norm)
        self.channels, self.widths = channels, self.plain.widths
        lowest = self.widths[-1]
        self.dilated = nn.Sequential(
            *(AtrousBlock(lowest, lowest, dilation, norm=norm) for dilation in _dilations(dilations))
        )
        if context is not None:
            check_maker("context", context, "ASPP or PyramidPooling")
        self.context = nn.Identity() if context is None else context(lowest, lowest, norm=norm)

    def forward(self, images):
        *finer, x = self.plain(images)
        return [*finer, self.context(self.dilated(x))]


class Scores(nn.Module):
    """A score for each class at the lowest features, enlarged by straight lines: DeepLabv3's decoder, and FCN's.

    Parameters: widths, of the features; classes. Raises ValueError for others, or for features that do not fit.
    """

    def __init__(self, widths, classes):
        super().__init__()
        self.widths = check_widths(widths)
        check_count("classes", classes)
        self.head = convolution(self.widths[-1], classes, 1)

    def forward(self, features):
        check_features(features, self.widths)
        return _enlarge(self.head(features[-1]), 2 ** (len(self.widths) - 1), features[0])


class DeepLabDecoder(nn.Module):
    """DeepLabv3+: enlarge the lowest features at one go, set fine ones beside them, a block, and enlarge the scores.

    1. A 1 × 1 convolution leaves few channels of the fine features, that they do not drown the others.
    2. The lowest features are enlarged to their size by straight lines, and the two put side by side: one skip.
    3. A block computes on both; a 1 × 1 convolution scores; straight lines lead to full size.

    Parameters: widths, of the features; classes; fine, number of the level that is handed across, 0 the one of full
    size; few, channels that are left of it; block; norm.
    Raises ValueError or TypeError for others, ValueError for features that do not fit the widths.

    Reference: Chen, Zhu, Papandreou, Schroff & Adam, Encoder-decoder with atrous separable convolution for semantic
    image segmentation, ECCV 2018, doi:10.1007/978-3-030-01234-2_49 (48 channels are left of 256, at a quarter of the
    size; its convolutions are separable, see lesson 19). Lesson 11.
    """

    def __init__(self, widths, classes, *, fine=1, few=8, block=ConvBlock, norm=nn.BatchNorm2d):
        super().__init__()
        self.widths, self.fine = check_widths(widths), fine
        check_count("classes", classes)
        check_count("few", few)
        check_count("fine", fine, 0)
        if fine >= len(self.widths) - 1:
            raise ValueError(
                f"fine must be the number of a level above the lowest one, 0 … {len(self.widths) - 2} for "
                f"{len(self.widths)} widths, not {fine}"
            )
        check_maker("block", block, "ConvBlock or ResidualBlock")
        lowest = self.widths[-1]
        self.across = AtrousBlock(self.widths[fine], few, kernel=1, norm=norm)
        self.block = block(lowest + few, lowest, norm)
        self.head = convolution(lowest, classes, 1)

    def forward(self, features):
        check_features(features, self.widths)
        fine = self.across(features[self.fine])
        below = _enlarge(features[-1], 2 ** (len(self.widths) - 1 - self.fine), fine)
        logits = self.head(self.block(torch.cat([below, fine], dim=1)))
        return _enlarge(logits, 2**self.fine, features[0])


def _enlarge(x, factor, fine):
    return x if factor == 1 else cut(F.interpolate(x, scale_factor=factor, mode="bilinear"), fine)


class DilatedNet(Segmenter):
    """One size from the image to the scores: two plain convolutions, dilated ones, and a 1 × 1 convolution.

    Parameters: channels, of the images; classes; width, of all features; dilations; context, block and norm, see
    ``DilatedEncoder``. Errors as for that.

    Reference: Yu & Koltun 2016, arXiv:1511.07122, whose context module has the dilations 1, 1, 2, 4, 8, 16, 1.
    Lesson 11.
    """

    def __init__(
        self, channels=3, classes=2, width=16, dilations=(2, 4, 8, 1), *, context=None, block=ConvBlock,
        norm=nn.BatchNorm2d,
    ):  # fmt: skip
        encoder = DilatedEncoder(channels, (width,), dilations, context=context, block=block, norm=norm)
        super().__init__(encoder, Scores((width,), classes))


class DeepLab(Segmenter):
    """A DeepLabv3+-style network: three halvings, dilated layers, ASPP, and one skip from fine features.

    Parameters: channels, of the images; classes; widths, of the features; dilations and context, see
    ``DilatedEncoder``; fine, see ``DeepLabDecoder``; block and norm. Errors as for these.

    By default 0.37 million weights. In training, batches of one tiny image need ``norm=group_norm``.
    """

    def __init__(
        self, channels=3, classes=2, widths=DEEP_WIDTHS, *, dilations=(2, 4), context=ASPP, fine=1, block=ConvBlock,
        norm=nn.BatchNorm2d,
    ):  # fmt: skip
        super().__init__(
            DilatedEncoder(channels, widths, dilations, context=context, block=block, norm=norm),
            DeepLabDecoder(widths, classes, fine=fine, block=block, norm=norm),
        )
