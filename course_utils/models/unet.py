"""U-Net: on the way back up, look again at what was seen on the way down.

The insight: the lowest features know what, and have forgotten where; the first ones know where to the pixel, and not
yet what. Handing each level's features across, to be joined with what comes up from below, gives the decoder both, and
gives the gradient a short way to the first layers.

What has changed since 2015, and here: the convolutions pad with zeros, so that the answer is as large as the image and
features need no cropping to be joined (the original lost a border of 92 pixels, and took large images as overlapping
tiles, as one still does); each convolution is followed by a norm; up-sampling is bilinear by default (it was a
transposed convolution of kernel 2); the join may be a sum, as in LinkNet, and the blocks residual, as in V-Net; eight
channels at full size, not sixty-four. The rest stood the test: nnU-Net won its contests with hardly more.

Reference: Ronneberger, Fischer & Brox, U-Net: convolutional networks for biomedical image segmentation, MICCAI 2015,
doi:10.1007/978-3-319-24574-4_28; Chaurasia & Culurciello, LinkNet, VCIP 2017, arXiv:1707.03718; Milletari, Navab &
Ahmadi, V-Net, 3DV 2016, doi:10.1109/3DV.2016.79; Isensee et al., nnU-Net, Nature Methods 18, 2021,
doi:10.1038/s41592-020-01008-z. Taught in lesson 10.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from course_utils.models.parts import (
    WIDTHS,
    Bilinear,
    ConvBlock,
    Encoder,
    Segmenter,
    check_count,
    check_features,
    check_maker,
    check_widths,
    convolution,
)


class Concatenate(nn.Module):
    """Put the channels of both side by side; the block that follows learns what to take of each (U-Net).

    (B, width, H, W) twice -> (B, 2 · width, H, W). Cost: the next block has width more inputs.
    """

    def __init__(self, width):
        super().__init__()
        self.outputs = 2 * width

    def forward(self, below, across):
        return torch.cat([below, across], dim=1)


class Add(nn.Module):
    """Add the two, channel by channel: nothing to learn, so both must speak of the same things in the same channels.

    (B, width, H, W) twice -> (B, width, H, W). Cost: none.
    """

    def __init__(self, width):
        super().__init__()
        self.outputs = width

    def forward(self, below, across):
        return below + across


class NoSkip(nn.Module):
    """Leave out what comes across: (B, width, H, W) twice -> the first of them."""

    def __init__(self, width):
        super().__init__()
        self.outputs = width

    def forward(self, below, across):
        return below


class UNet(Segmenter):
    """The plain encoder and a ``UNetDecoder``: as deep as there are widths, as wide as they say.

    Parameters: channels, of the images; classes; widths of the features, high to low resolution; join, skips, up, block
    and norm, see ``UNetDecoder`` and ``parts``. Errors as for ``Encoder`` and ``UNetDecoder``.

    By default 0.45 million weights and four halvings.
    """

    def __init__(
        self,
        channels=3,
        classes=2,
        widths=WIDTHS,
        *,
        join=Concatenate,
        skips=True,
        up=Bilinear,
        block=ConvBlock,
        norm=nn.BatchNorm2d,
    ):
        super().__init__(
            Encoder(channels, widths, block, norm),
            UNetDecoder(widths, classes, join=join, skips=skips, up=up, block=block, norm=norm),
        )


class UNetDecoder(nn.Module):
    """Climb from the lowest features to full resolution: double, join with the features there, a block, and again.

    Without skips it is the ``Decoder`` of ``encoder_decoder``.

    Parameters: widths, of the features; classes; join, ``Concatenate`` or ``Add``, or a class like them: made for a
    width, its attribute ``outputs`` the channels that it gives; skips, True, False, or one of these for each level but
    the lowest, high to low resolution; up; block; norm.
    Raises ValueError or TypeError for other parameters, ValueError for features that do not fit the widths.

    A skip that is off is left out: the net is the one that somebody without the idea would have built. After
    ``Concatenate`` the next block then has fewer inputs, 9 · width · width weights less. Zeros joined in its place
    would keep that number, not its worth: weights on zeros never learn. To compare with equal parameters, take ``Add``,
    whose skips have none.

    Reference: Ronneberger, Fischer & Brox 2015, doi:10.1007/978-3-319-24574-4_28; on what the skips do, Drozdzal et
    al., The importance of skip connections in biomedical image segmentation, DLMIA 2016,
    doi:10.1007/978-3-319-46976-8_19. Lesson 10.
    """

    def __init__(
        self,
        widths,
        classes,
        *,
        join=Concatenate,
        skips=True,
        up=Bilinear,
        block=ConvBlock,
        norm=nn.BatchNorm2d,
    ):
        super().__init__()
        self.widths = check_widths(widths)
        check_count("classes", classes)
        check_maker("join", join, "Concatenate or Add")
        check_maker("up", up, "Bilinear or Transposed")
        check_maker("block", block, "ConvBlock or ResidualBlock")
        self.skips = _each(skips, len(self.widths) - 1)
        self.ups = nn.ModuleList(up(coarse, fine) for fine, coarse in pairwise(self.widths))
        self.joins = nn.ModuleList(
            (join if on else NoSkip)(fine) for fine, on in zip(self.widths, self.skips, strict=False)
        )
        self.blocks = nn.ModuleList(
            block(join.outputs, fine, norm) for fine, join in zip(self.widths, self.joins, strict=False)
        )
        self.head = convolution(self.widths[0], classes, 1)

    def forward(self, features):
        check_features(features, self.widths)
        *finer, x = features
        levels = zip(self.ups, self.joins, self.blocks, finer, strict=True)
        for up, join, block, fine in reversed(list(levels)):
            x = block(join(up(x, fine), fine))
        return self.head(x)


def _each(skips, levels):
    """One bool for each level. ValueError for another number of them, or for other values."""
    if isinstance(skips, bool):
        return (skips,) * levels
    if (
        not isinstance(skips, Sequence)
        or len(skips) != levels
        or not all(isinstance(skip, bool) for skip in skips)
    ):
        raise ValueError(
            f"skips must be True, False, or {levels} of these, high to low resolution, for widths of "
            f"{levels + 1} levels, not {skips!r}"
        )
    return tuple(skips)
