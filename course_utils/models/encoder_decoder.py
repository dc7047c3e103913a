"""From the lowest resolution back to the image: FCN, SegNet, and the plain encoder–decoder.

The insight: a classifier already knows what is where, coarsely. Its last features are a small map; a 1 × 1 convolution
makes scores of each of its pixels, as a classifier's last layer does for the whole image, and what remains is to
enlarge that map. The three families differ in how:

- ``FCN`` scores first and then enlarges the scores, by 32 at once (32s) or adding those of finer features (16s, 8s).
- ``EncoderDecoder`` doubles step by step and computes in between, from the lowest features alone.
- ``SegNet`` is one of these that puts each value back where the maximum came from in pooling.

What the fine features knew about the place of a boundary is lost to the first and to FCN-32s, and partly kept by the
others; lesson 10 brings it back. Taught in lesson 09; FCN-16s and 8s open lesson 10.
"""

from itertools import pairwise

from torch import nn
from torch.nn import functional as F

from course_utils.models.parts import (
    WIDTHS,
    Bilinear,
    ConvBlock,
    Encoder,
    Segmenter,
    Transposed,
    check_count,
    check_features,
    check_maker,
    check_widths,
    convolution,
    cut,
)

VGG_WIDTHS = (
    8,
    16,
    32,
    64,
    64,
    128,
)  # those of VGG, which FCN was made from, by an eighth; five halvings make 32


class FCN(Segmenter):
    """A fully convolutional network over the plain encoder: FCN-32s, FCN-16s or FCN-8s by its stride.

    Parameters: channels, of the images; classes; widths of the features, high to low resolution; stride, see
    ``FCNDecoder``; block and norm, see ``parts``. Errors as for ``Encoder`` and ``FCNDecoder``.
    """

    def __init__(
        self, channels=3, classes=2, widths=VGG_WIDTHS, *, stride=32, block=ConvBlock, norm=nn.BatchNorm2d
    ):
        super().__init__(Encoder(channels, widths, block, norm), FCNDecoder(widths, classes, stride))


class FCNDecoder(nn.Module):
    """Score each pixel of coarse features, add the scores of finer ones, and enlarge what comes out to the image.

    1. A 1 × 1 convolution makes scores of the lowest features, one for each class.
    2. Until the resolution is a ``stride``-th of the image: double the scores, and add those of the features there.
       The doubling is a transposed convolution that starts as bilinear interpolation and goes on learning. The scores
       of finer features start at 0, so the finer net starts with the answer of the coarser one.
    3. Enlarge ``stride``-fold by bilinear interpolation, with nothing to learn.

    Parameters: widths, of the features; classes; stride, a power of two, at most that of the lowest features, where
    nothing is added: 32 gives FCN-32s, 16 and 8 FCN-16s and 8s.
    Raises ValueError for other parameters, or features that do not fit the widths.
    Cost: classes · width weights for each level that is scored, next to nothing beside the encoder.

    Reference: Long, Shelhamer & Darrell, Fully convolutional networks for semantic segmentation, CVPR 2015,
    doi:10.1109/CVPR.2015.7298965. Lessons 09 and 10.
    """

    def __init__(self, widths, classes, stride=32):
        super().__init__()
        self.widths, self.stride = check_widths(widths), stride
        check_count("classes", classes)
        strides = [2**level for level in range(len(self.widths))]
        if stride not in strides:
            raise ValueError(
                f"stride must be one of {strides} with {len(strides)} levels of features, not {stride!r}"
            )
        self.finest = strides.index(stride)
        self.scores = nn.ModuleList(convolution(width, classes, 1) for width in self.widths[self.finest :])
        for score in self.scores[:-1]:
            nn.init.zeros_(score.weight)
        self.ups = nn.ModuleList(Transposed(classes, classes).bilinear_() for _ in self.scores[:-1])

    def forward(self, features):
        check_features(features, self.widths)
        scored = features[self.finest :]
        logits = self.scores[-1](scored[-1])
        for up, score, fine in reversed(list(zip(self.ups, self.scores[:-1], scored[:-1], strict=True))):
            logits = up(logits, fine) + score(fine)
        return cut(F.interpolate(logits, scale_factor=self.stride, mode="bilinear"), features[0])


class EncoderDecoder(Segmenter):
    """The plain encoder, and a ``Decoder`` that climbs back from its lowest features alone.

    Parameters: channels, of the images; classes; widths of the features, high to low resolution; up, block and norm,
    see ``Decoder`` and ``parts``. Errors as for ``Encoder`` and ``Decoder``.
    """

    def __init__(
        self, channels=3, classes=2, widths=WIDTHS, *, up=Bilinear, block=ConvBlock, norm=nn.BatchNorm2d
    ):
        super().__init__(
            Encoder(channels, widths, block, norm), Decoder(widths, classes, up=up, block=block, norm=norm)
        )


class SegNet(EncoderDecoder):
    """The encoder–decoder that up-samples by ``Unpool``: the fine features tell where, the coarse ones what.

    Parameters and errors as for ``EncoderDecoder``.

    Reference: Badrinarayanan, Kendall & Cipolla, SegNet: a deep convolutional encoder-decoder architecture for image
    segmentation, IEEE Transactions on Pattern Analysis and Machine Intelligence 39, 2017,
    doi:10.1109/TPAMI.2016.2644615. Lesson 09.
    """

    def __init__(self, channels=3, classes=2, widths=WIDTHS, *, block=ConvBlock, norm=nn.BatchNorm2d):
        super().__init__(channels, classes, widths, up=Unpool, block=block, norm=norm)


class Decoder(nn.Module):
    """Climb from the lowest features to full resolution: double, a block, double, a block …, then score each pixel.

    It takes the size of the finer features, and not their values (but see ``Unpool``).

    Parameters: widths, of the features; classes; up, how to double: ``Bilinear``, ``ResizeConvolution``,
    ``Transposed``, ``SubPixel`` or ``Unpool``, or ``partial(Transposed, kernel=3)``; block; norm.
    Raises ValueError or TypeError for other parameters, ValueError for features that do not fit the widths.

    Reference: Noh, Hong & Han, Learning deconvolution network for semantic segmentation, ICCV 2015,
    doi:10.1109/ICCV.2015.178. Lesson 09.
    """

    def __init__(self, widths, classes, *, up=Bilinear, block=ConvBlock, norm=nn.BatchNorm2d):
        super().__init__()
        self.widths = check_widths(widths)
        check_count("classes", classes)
        check_maker("up", up, "Bilinear or Transposed")
        check_maker("block", block, "ConvBlock or ResidualBlock")
        self.ups = nn.ModuleList(up(coarse, fine) for fine, coarse in pairwise(self.widths))
        self.blocks = nn.ModuleList(block(fine, fine, norm) for fine in self.widths[:-1])
        self.head = convolution(self.widths[0], classes, 1)

    def forward(self, features):
        check_features(features, self.widths)
        *finer, x = features
        for up, block, fine in reversed(list(zip(self.ups, self.blocks, finer, strict=True))):
            x = block(up(x, fine))
        return self.head(x)


class Unpool(nn.Module):
    """Put each coarse value where the largest of the 2 × 2 fine ones was; zeros elsewhere, for the next block to fill.

    SegNet's encoder hands the places of its maxima to the decoder. They need no place in the list of features: they
    can be read off the fine features, which were pooled, at the price of pooling once more. So it works over any
    encoder. Only the places are taken, as no gradient flows through a choice. What is given up is SegNet's saving: two
    bits for each place were all that had to be kept of the fine features.

    ``up(coarse, fine)``: (B, inputs, ⌈H / 2⌉, ⌈W / 2⌉) and (B, outputs, H, W) -> (B, outputs, H, W); a 1 × 1
    convolution brings the coarse channels to as many as there are fine ones, since each has its own places.
    Cost: inputs · outputs weights. Reference: as ``SegNet``. Lesson 09.
    """

    def __init__(self, inputs, outputs):
        super().__init__()
        self.mix = convolution(inputs, outputs, 1)

    def forward(self, coarse, fine):
        _, places = F.max_pool2d(fine.detach(), 2, ceil_mode=True, return_indices=True)
        return F.max_unpool2d(self.mix(coarse), places, 2, output_size=fine.shape[-2:])
