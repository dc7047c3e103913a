"""Attention: weights that are computed from the image, where those of a convolution are the same for all images.

The insight: what to look at depends on what is there. So let the network compute, from the features, numbers by which
the features are multiplied, and learn how to compute them. Four kinds, by what gets a number:

- ``SqueezeExcitation``: each channel, from the mean of the whole map. What matters in this image?
- ``CBAM``: each channel, and then each pixel. What matters, and where?
- ``GatedConcatenate``: each pixel of a skip, from what the decoder knows by then. Where is it worth looking again?
- ``SelfAttention``: each *pair* of pixels. Every pixel asks all others; what it hears is a mean of their values,
  weighted by how well its query fits their keys.

The first three multiply by numbers between 0 and 1, and know of far away no more than means and maxima; the last brings
over what was found at the places that it chooses. It treats the pixels as a bag: shuffle them, and the answers are
shuffled alike. It knows no place unless ``Positions`` are added, or a convolution with padding lets it leak in, as in
``SegFormer``. Its cost grows with the square of the number of pixels;
its memory need not (``attend_in_pieces``).

All but the gate have one form: made for a number of channels, (B, width, H, W) -> (B, width, H, W), any size. So they
fit behind any block, ``partial(UNet, block=then(SqueezeExcitation))``.

References: with the classes. Taught in lesson 12.
"""

import math
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from course_utils.models.parts import (
    WIDTHS,
    ConvBlock,
    Segmenter,
    check_count,
    check_features,
    check_images,
    check_maker,
    check_widths,
    convolution,
    cut,
)

# -- each channel, each pixel -----------------------------------------------------------------------------


class SqueezeExcitation(nn.Module):
    """Multiply each channel by a number between 0 and 1 that is computed from the means of all channels.

    1. Squeeze: the mean of each channel over the whole map. Where things are is forgotten.
    2. Excite: two small dense layers, the first ``reduction`` times narrower but at least 8 wide, make a number a
       channel; a sigmoid.
    3. Multiply: the same number at every pixel.

    (B, width, H, W) -> the same. Parameters: width; reduction, at least 1. Raises ValueError for others.
    Cost: 2 · width² / reduction weights, and next to nothing in time.

    Reference: Hu, Shen & Sun, Squeeze-and-excitation networks, CVPR 2018, doi:10.1109/CVPR.2018.00745. Lesson 12.
    """

    def __init__(self, width, reduction=4):
        super().__init__()
        self.excite = _excitation(width, reduction)

    def forward(self, x):
        return x * self.gates(x)

    def gates(self, x):
        """The numbers by which it multiplies, (B, width, 1, 1)."""
        return torch.sigmoid(self.excite(x.mean(dim=(2, 3), keepdim=True)))


class CBAM(nn.Module):
    """Multiply each channel, and then each pixel, by a number between 0 and 1.

    1. Channels: as ``SqueezeExcitation``, but mean *and* maximum of each go through the same two layers, and add up.
    2. Pixels: mean and maximum over the channels are two maps; a convolution makes one of them; a sigmoid.

    (B, width, H, W) -> the same. Parameters: width; reduction; kernel, odd side in pixels of the convolution.
    Cost: 2 · width² / reduction + 2 · kernel² weights.

    Reference: Woo, Park, Lee & Kweon, CBAM: convolutional block attention module, ECCV 2018,
    doi:10.1007/978-3-030-01234-2_1. Lesson 12.
    """

    def __init__(self, width, reduction=4, kernel=7):
        super().__init__()
        self.excite = _excitation(width, reduction)
        self.where = convolution(2, 1, kernel)

    def forward(self, x):
        x = x * self.channel_gates(x)
        return x * self.pixel_gates(x)

    def channel_gates(self, x):
        """(B, width, 1, 1), each between 0 and 1."""
        return torch.sigmoid(
            self.excite(x.mean(dim=(2, 3), keepdim=True)) + self.excite(x.amax(dim=(2, 3), keepdim=True))
        )

    def pixel_gates(self, x):
        """(B, 1, H, W), each between 0 and 1."""
        maps = torch.cat([x.mean(dim=1, keepdim=True), x.amax(dim=1, keepdim=True)], dim=1)
        return torch.sigmoid(self.where(maps))


def _excitation(width, reduction):
    check_count("width", width)
    check_count("reduction", reduction)
    inner = max(8, width // reduction)  # of fewer ReLUs all may be shut for good
    return nn.Sequential(convolution(width, inner, 1), nn.ReLU(), _linear(inner, width))


def then(layer, block=ConvBlock):
    """A maker of blocks with a layer behind each: ``UNet(3, 2, block=then(SqueezeExcitation))``.

    Parameters: layer, a class or function that makes a layer for a width; block, see ``parts``. Raises TypeError.
    """
    check_maker("layer", layer, "SqueezeExcitation or CBAM")
    check_maker("block", block, "ConvBlock or ResidualBlock")
    return lambda inputs, outputs, norm: nn.Sequential(block(inputs, outputs, norm), layer(outputs))


class GatedConcatenate(nn.Module):
    """U-Net's join with an attention gate: each pixel of the skip is multiplied by a number between 0 and 1 first.

    The number comes from the skip *and* from what the decoder computed below, which has seen more of the image:
    ``sigmoid(score(relu(W_across · across + W_below · below)))``. A skip can so be closed where its detail is clutter.

    (B, width, H, W) twice -> (B, 2 · width, H, W), a ``join`` for ``UNet``. Cost: width² + width / 2 weights.

    Here ``below`` has been enlarged before; the original computes the gate at the lower resolution and enlarges it.
    Reference: Oktay et al., Attention U-Net: learning where to look for the pancreas, MIDL 2018, arXiv:1804.03999.
    Lesson 12.
    """

    def __init__(self, width):
        super().__init__()
        self.outputs = 2 * width
        inner = max(1, width // 2)
        self.across, self.below = convolution(width, inner, 1), convolution(width, inner, 1, bias=False)
        self.score = _linear(inner, 1)

    def forward(self, below, across):
        return torch.cat([below, across * self.gate(below, across)], dim=1)

    def gate(self, below, across):
        """The number of each pixel, (B, 1, H, W)."""
        return torch.sigmoid(self.score(F.relu(self.across(across) + self.below(below))))


# -- each pair of pixels ----------------------------------------------------------------------------------


def attend(queries, keys, values):
    """Attention from its formula: for each query a mean of the values, weighted by how well the keys fit it.

    1. Score each pair: the product of query and key, over √d. Without the root the products of long vectors are large,
       softmax all but picks one key, and its slope is close to 0.
    2. Softmax over the keys: weights that are positive and sum to 1.
    3. The weighted mean of the values.

    Parameters: float tensors queries (…, n, d), keys (…, m, d), values (…, m, e).
    Returns: (means (…, n, e), weights (…, n, m)).
    Cost: n · m · (d + e) multiply–adds, and the n · m weights have to be held.

    Reference: Vaswani et al., Attention is all you need, NeurIPS 2017, arXiv:1706.03762. Lesson 12.
    """
    scores = queries @ keys.transpose(-2, -1) / math.sqrt(queries.shape[-1])
    weights = scores.softmax(dim=-1)
    return weights @ values, weights


def attend_in_pieces(queries, keys, values, size=256):
    """The same means as ``attend``, without ever holding all weights: the keys come by in pieces.

    A softmax is a sum over a sum, and both can be built up. Only the largest score, which is taken off before the
    exponential so that nothing overflows, may change with a later piece; then what has been summed shrinks by the
    exponential of the difference, and goes on.

    Parameters: as for ``attend``; size, keys a piece, at least 1. Returns: means (…, n, e), zeros where nobody answers.
    Cost: as many multiply–adds; n · size numbers are held at a time. (While it learns, torch keeps those of all pieces
    for the way back. The fused kernels behind torch's ``scaled_dot_product_attention`` work like this, with queries in
    pieces as well, and compute the weights a second time on the way back.)

    Reference: Milakov & Gimelshein, Online normalizer calculation for softmax, 2018, arXiv:1805.02867; Rabe & Staats,
    Self-attention does not need O(n²) memory, 2021, arXiv:2112.05682; Dao et al., FlashAttention, NeurIPS 2022,
    arXiv:2205.14135. Lesson 12.
    """
    check_count("size", size)
    shape, lowest = queries.shape[:-1], torch.finfo(queries.dtype).min  # −∞ less −∞ would be no number
    highest, total = queries.new_full((*shape, 1), lowest), queries.new_zeros(*shape, 1)
    sums = queries.new_zeros(*shape, values.shape[-1])
    if keys.shape[-2] == 0:
        return sums
    for some_keys, some_values in zip(keys.split(size, dim=-2), values.split(size, dim=-2), strict=True):
        scores = queries @ some_keys.transpose(-2, -1) / math.sqrt(queries.shape[-1])
        higher = torch.maximum(highest, scores.amax(dim=-1, keepdim=True))
        parts, shrink = (scores - higher).exp(), (highest - higher).exp()
        sums = sums * shrink + parts @ some_values
        total = total * shrink + parts.sum(dim=-1, keepdim=True)
        highest = higher
    return sums / total


class SelfAttention(nn.Module):
    """Every pixel asks all pixels: query, key and value of each are linear functions of its features.

    Several ``heads`` ask side by side, each with its share of the channels, so that a pixel may look at one thing for
    one reason and at another for another. What they heard is put side by side and mixed.

    With ``reduction`` r the keys and values come from a map that is averaged over r × r pixels: every pixel still asks,
    fewer answer, and the cost falls by r². (PVT and SegFormer reduce by a learned convolution of stride r.)

    (B, width, H, W) -> the same. Parameters: width; heads, which divide it; reduction. Raises ValueError for others.
    Cost: 4 · width² weights; 2 · width · n · m multiply–adds for n pixels and m keys.

    Reference: Vaswani et al. 2017, arXiv:1706.03762; on images, Wang, Girshick, Gupta & He, Non-local neural networks,
    CVPR 2018, doi:10.1109/CVPR.2018.00813; Wang et al., Pyramid vision transformer, ICCV 2021,
    doi:10.1109/ICCV48922.2021.00061. Lesson 12.
    """

    def __init__(self, width, heads=1, reduction=1):
        super().__init__()
        check_count("heads", heads)
        check_count("width", width, heads)
        check_count("reduction", reduction)
        if width % heads:
            raise ValueError(f"heads must divide the channels: {width} is no multiple of {heads}")
        self.heads, self.reduction = heads, reduction
        self.query, self.value, self.mix = (_linear(width, width) for _ in range(3))
        self.key = _linear(width, width, bias=False)  # an offset would add the same to all scores of a query

    def forward(self, x):
        heard = F.scaled_dot_product_attention(*self.ask(x))  # (B, heads, H · W, width / heads)
        return self.mix(heard.transpose(-2, -1).reshape(x.shape))

    def ask(self, x):
        """Queries, keys and values (B, heads, pixels, width / heads)."""
        answering = self._answering(x)
        return (
            self._split(self.query(x)),
            self._split(self.key(answering)),
            self._split(self.value(answering)),
        )

    def weights(self, x):
        """How much each pixel listens to each: (B, heads, H, W, h, w), sums of 1 over the last two."""
        _, weights = attend(*self.ask(x))
        return weights.unflatten(-1, self._answering(x).shape[-2:]).unflatten(2, x.shape[-2:])

    def _answering(self, x):
        return F.avg_pool2d(x, self.reduction, ceil_mode=True) if self.reduction > 1 else x

    def _split(self, maps):
        """(B, width, h, w) -> (B, heads, h · w, width / heads), contiguous, as the fused kernels need it."""
        return maps.unflatten(1, (self.heads, -1)).flatten(3).transpose(-2, -1).contiguous()


class NonLocal(nn.Module):
    """Self-attention as a block that can stand anywhere in a network: x + attention(norm(x)).

    The norm is that of transformers, over the channels of each pixel by itself, so that nothing but the attention
    looks elsewhere. (B, width, H, W) -> the same. Parameters and errors as for ``SelfAttention``.

    Reference: Wang et al. 2018, doi:10.1109/CVPR.2018.00813. Lesson 12.
    """

    def __init__(self, width, heads=1, reduction=1):
        super().__init__()
        self.norm, self.attention = PixelNorm(width), SelfAttention(width, heads, reduction)

    def forward(self, x):
        return x + self.attention(self.norm(x))


class PixelNorm(nn.LayerNorm):
    """Layer normalisation of each pixel by itself: mean 0 and deviation 1 over its channels, then scale and offset.

    (B, width, H, W) -> the same. Reference: Ba, Kiros & Hinton, Layer normalization, 2016, arXiv:1607.06450.
    """

    def forward(self, x):
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class Positions(nn.Module):
    """Add to each pixel's features a code of its row and its column: sines and cosines of several wavelengths.

    Half of the channels speak of the row, half of the column. The product of the codes of two places depends on their
    distance alone, and is largest where it is 0: queries and keys can learn "in my row".

    (B, width, H, W) -> the same. Parameters: width, a multiple of 4; longest, the longest wavelength in pixels of this
    map (the shortest is 4): places farther apart than it look alike again. It has no weights. Raises ValueError.

    Reference: Vaswani et al. 2017, arXiv:1706.03762. Lesson 12.
    """

    def __init__(self, width, longest=128):
        super().__init__()
        check_count("width", width, 4)
        check_count("longest", longest, 4)
        if width % 4:
            raise ValueError(f"sine and cosine of row and column need a multiple of 4 channels, not {width}")
        self.wavelengths = torch.logspace(2, math.log2(longest), width // 4, base=2).tolist()

    def forward(self, x):
        return x + self.code(*x.shape[-2:]).to(x)

    def code(self, height, width):
        """What is added: (channels, height, width), each number between −1 and 1."""
        rows, columns = self._along(height), self._along(width)
        return torch.cat([rows[:, :, None].expand(-1, -1, width), columns[:, None].expand(-1, height, -1)])

    def _along(self, length):
        turns = torch.arange(length) / torch.tensor(self.wavelengths)[:, None]
        return torch.cat([torch.sin(2 * math.pi * turns), torch.cos(2 * math.pi * turns)])


def _linear(inputs, outputs, *, bias=True):
    """A 1 × 1 convolution whose input has passed no ReLU: variance 1 / inputs keeps the size of values."""
    layer = convolution(inputs, outputs, 1, bias=bias)
    nn.init.normal_(layer.weight, std=1 / math.sqrt(inputs))
    return layer


# -- a small transformer that labels pixels ---------------------------------------------------------------


class TransformerBlock(nn.Module):
    """Look around, then think: x + attention(norm(x)), and then x + mix(norm(x)).

    ``mix`` computes on each pixel: twice as many channels, GELU, and back, with a 3 × 3 convolution of each channel by
    itself in between. Its zeros around the border are what tells the block where the border is, and so, after some
    blocks, every pixel its place; SegFormer has no other code of position.

    (B, width, H, W) -> the same. Parameters and errors as for ``SelfAttention``. Cost: 8 · width² + 26 · width weights
    or so, beside those of its norms.

    Reference: Xie et al., SegFormer, NeurIPS 2021, arXiv:2105.15203; on zeros that tell the place, Islam, Jia & Bruce,
    How much position information do convolutional neural networks encode?, ICLR 2020, arXiv:2001.08248. Lesson 12.
    """

    def __init__(self, width, heads=1, reduction=1):
        super().__init__()
        self.look = NonLocal(width, heads, reduction)
        self.norm = PixelNorm(width)
        self.mix = nn.Sequential(
            _linear(width, 2 * width),
            nn.Conv2d(2 * width, 2 * width, 3, padding=1, groups=2 * width),
            nn.GELU(),
            _linear(2 * width, width),
        )

    def forward(self, x):
        x = self.look(x)
        return x + self.mix(self.norm(x))


class TransformerEncoder(nn.Module):
    """A pyramid of transformers: halve by a convolution, look around, halve, look around …

    1. The first levels, down to ``stride``, are one convolution each: attention between all pixels of the full size
       would cost too much, and they have little to say to each other yet.
    2. From there on, each level is a 3 × 3 convolution of stride 2 (patches that overlap) and ``depth`` blocks.
    3. Keys and values have the resolution of the lowest level everywhere, so a level costs four times the one below it,
       and not sixteen times.

    Parameters: channels, of the images; widths, of the features, high to low resolution; stride of the first level
    that attends, a power of two; depth, blocks a level. A head has 16 channels, where the width is a multiple of it.
    Raises ValueError for others, and for images of a wrong shape.

    Reference: Xie et al., SegFormer, NeurIPS 2021, arXiv:2105.15203. Lesson 12.
    """

    def __init__(self, channels=3, widths=WIDTHS, *, stride=4, depth=1):
        super().__init__()
        check_count("channels", channels)
        check_count("depth", depth)
        self.channels, self.widths = channels, check_widths(widths)
        first, last = _level(stride, self.widths), len(self.widths) - 1
        self.levels = nn.ModuleList()
        for level, (inputs, width) in enumerate(pairwise((channels, *self.widths))):
            halve = nn.Conv2d(inputs, width, 3, 2 if level else 1, padding=1)
            if level < first:
                self.levels.append(nn.Sequential(halve, PixelNorm(width), nn.GELU()))
            else:
                heads = width // 16 if width % 16 == 0 else 1
                blocks = (TransformerBlock(width, heads, 2 ** (last - level)) for _ in range(depth))
                self.levels.append(nn.Sequential(halve, PixelNorm(width), *blocks, PixelNorm(width)))

    def forward(self, images):
        check_images(images, self.channels, next(self.parameters()).dtype)
        features = [images]
        for level in self.levels:
            features.append(level(features[-1]))
        return features[1:]


class MLPDecoder(nn.Module):
    """Each level says its part in the same channels, all are enlarged to the finest and mixed: SegFormer's decoder.

    There is no convolution but 1 × 1: the encoder has looked around enough. The scores come at ``stride``, and are
    enlarged by straight lines.

    Parameters: widths, of the features; classes; stride, of the finest level that is asked; width, channels of each
    part. Raises ValueError for others, or features that do not fit.
    """

    def __init__(self, widths, classes, *, stride=4, width=32):
        super().__init__()
        self.widths, self.stride = check_widths(widths), stride
        check_count("classes", classes)
        check_count("width", width)
        self.finest = _level(stride, self.widths)
        asked = self.widths[self.finest :]
        self.parts = nn.ModuleList(_linear(inputs, width) for inputs in asked)
        self.mix = nn.Sequential(_linear(len(asked) * width, width), nn.BatchNorm2d(width), nn.ReLU())
        self.scores = convolution(width, classes, 1)

    def forward(self, features):
        check_features(features, self.widths)
        asked = features[self.finest :]
        said = [
            _enlarged(part(level), 2**n, asked[0])
            for n, (part, level) in enumerate(zip(self.parts, asked, strict=True))
        ]
        return _enlarged(self.scores(self.mix(torch.cat(said, dim=1))), self.stride, features[0])


class SegFormer(Segmenter):
    """A small transformer that labels pixels: a ``TransformerEncoder`` and an ``MLPDecoder``.

    Parameters: channels, of the images; classes; widths; stride; depth, see there. Errors as there.
    By default 0.25 million weights.

    What differs from the original, beside the size: the first levels are convolutions at full and half size, so that
    other decoders fit too; keys are reduced by means; a block widens to twice its channels, not four times.
    Reference: Xie et al., SegFormer: simple and efficient design for semantic segmentation with transformers, NeurIPS
    2021, arXiv:2105.15203. Lesson 12.
    """

    def __init__(self, channels=3, classes=2, widths=WIDTHS, *, stride=4, depth=1):
        super().__init__(
            TransformerEncoder(channels, widths, stride=stride, depth=depth),
            MLPDecoder(widths, classes, stride=stride),
        )


def _level(stride, widths):
    """The number of the level of this stride. ValueError where there is none."""
    strides = [2**level for level in range(len(widths))]
    if stride not in strides:
        raise ValueError(
            f"stride must be one of {strides} with {len(strides)} levels of features, not {stride!r}"
        )
    return strides.index(stride)


def _enlarged(coarse, factor, fine):
    return cut(F.interpolate(coarse, scale_factor=factor, mode="bilinear"), fine)


# -- what a network attended to ---------------------------------------------------------------------------


class AttentionMap(NamedTuple):
    """How much each place listened to each, in one layer, for one image."""

    name: str  #: where in the model the layer is
    weights: torch.Tensor  #: (heads, H, W, h, w): of the pixel (H, W) to each of (h, w)


def attention_maps(model, image):
    """What each self-attention layer of a network made of an image, in the order in which they ran.

    It finds ``SelfAttention`` of this module and ``nn.MultiheadAttention`` of torch, as in torchvision's vision
    transformers. Those see a row of patches with one or more tokens before them that stand for no place; these are left
    out, and what went to them is missing from the sums of the weights.

    Parameters: model, any module, which runs in evaluation mode, and is then as before; image, float (C, H, W).
    Returns: list of ``AttentionMap``. Raises ValueError where it has no such layer, patches that are no grid, or a
    layer of torch's in which others answer than those that ask (cross-attention).
    Cost: all weights are computed and held, H · W · h · w a head and layer.
    """
    found, hooks = [], []
    for name, module in model.named_modules():
        if isinstance(module, SelfAttention):
            hooks.append(module.register_forward_hook(partial(_note_ours, found, name)))
        elif isinstance(module, nn.MultiheadAttention):
            note = partial(_note_torch, found, name, tuple(image.shape[-2:]))
            hooks.append(module.register_forward_hook(note, with_kwargs=True))
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        with torch.no_grad():
            model(image[None])
    finally:
        for hook in hooks:
            hook.remove()
        for module in training:
            module.training = True
    if not found:
        raise ValueError(
            f"{type(model).__name__} has no layer of attention that is known here: attention.SelfAttention or "
            "torch's nn.MultiheadAttention"
        )
    return found


def _note_ours(found, name, layer, inputs, _output):
    found.append(AttentionMap(name, layer.weights(inputs[0])[0]))


def _note_torch(found, name, shape, layer, inputs, options, _output):
    """Run torch's layer once more, on the same, for its weights."""
    given = dict(zip(("query", "key", "value"), inputs, strict=False)) | options
    given |= {"need_weights": True, "average_attn_weights": False}
    _, weights = nn.MultiheadAttention.forward(layer, **given)
    weights = weights[0]  # (heads, n, m)
    if weights.shape[1] != weights.shape[2]:
        raise ValueError(
            f"in the layer {name!r} {weights.shape[1]} queries ask {weights.shape[2]} keys: that is cross-attention, "
            "and maps are made of layers in which the patches of one image ask each other"
        )
    height, width = _grid(weights.shape[-1], shape)
    places = weights[:, -height * width :, -height * width :]
    found.append(AttentionMap(name, places.unflatten(-1, (height, width)).unflatten(1, (height, width))))


def _grid(tokens, shape, most=16):
    """Rows and columns of square patches, after up to ``most`` tokens that stand for no place."""
    for extra in range(min(most, tokens)):
        height = round(math.sqrt((tokens - extra) * shape[0] / shape[1]))
        if height and (tokens - extra) % height == 0 and (tokens - extra) * shape[0] == height**2 * shape[1]:
            return height, (tokens - extra) // height
    raise ValueError(
        f"{tokens} tokens are no grid of square patches of an image of {shape[0]} × {shape[1]} pixels"
    )
