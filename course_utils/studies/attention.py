"""Lesson 12: networks that differ by a kind of attention, asked about marks far away and about streets; the studies."""

import copy
from contextlib import contextmanager
from functools import cache, partial
from math import nan

import numpy as np
import torch
from torch import nn

from course_utils import training
from course_utils.data import synthetic
from course_utils.models.attention import (
    CBAM,
    GatedConcatenate,
    NonLocal,
    Positions,
    SegFormer,
    SelfAttention,
    SqueezeExcitation,
    then,
)
from course_utils.models.encoder_decoder import VGG_WIDTHS
from course_utils.models.parts import ConvBlock, Encoder, Segmenter, convolution
from course_utils.models.unet import UNet, UNetDecoder
from course_utils.studies import upsampling
from course_utils.studies.dilation import blobs_first
from course_utils.study import rounded, study

STEPS, VALIDATIONS = 400, 20
PICTURES = {"train": 2000, "validation": 60, "test": 200}
WIDTHS = (8, 32)  # one halving: no pixel's answer depends on anything more than 10 pixels away


class Behind(nn.Module):
    """An encoder with a layer behind its lowest features: the same contract."""

    def __init__(self, encoder, layer):
        super().__init__()
        self.first, self.layer, self.widths = encoder, layer, encoder.widths

    def forward(self, images):
        *finer, lowest = self.first(images)
        return [*finer, self.layer(lowest)]


def lowest(*layers, block=ConvBlock):
    """The small U-Net of "local", with layers made for a width behind the lowest features."""
    encoder = Encoder(3, WIDTHS, block)
    made = nn.Sequential(*(layer(WIDTHS[-1]) for layer in layers))
    return Segmenter(Behind(encoder, made), UNetDecoder(WIDTHS, 3, block=block))


class PixelBlock(nn.Sequential):
    """As ``ConvBlock``, of 1 × 1 convolutions: in it no pixel sees its neighbours, nor zeros around the border."""

    def __init__(self, inputs, outputs, norm=nn.BatchNorm2d):
        layers = []
        for channels in (inputs, outputs):
            layers += [convolution(channels, outputs, 1, bias=False), norm(outputs), nn.ReLU()]
        super().__init__(*layers)


LOOK = partial(NonLocal, heads=2)
#: Networks that name water, amber and blue. Most are one small U-Net, too short-sighted to see a mark from a blob, and
#: what is added to it: squeeze-and-excitation or CBAM behind each of its blocks; self-attention behind its lowest
#: features, without codes of position or with them. The two of pixels are the same but for blocks that see no
#: neighbours (the halving and the enlarging join no pixels more than three apart), so that nothing but the codes can
#: tell a place. The last is all attention, and has no codes.
NETS = {
    "local": partial(UNet, 3, 3, WIDTHS),
    "squeeze and excitation": partial(UNet, 3, 3, WIDTHS, block=then(SqueezeExcitation)),
    "CBAM": partial(UNet, 3, 3, WIDTHS, block=then(partial(CBAM, kernel=3))),
    "attention of pixels": partial(lowest, LOOK, block=PixelBlock),
    "attention of pixels, positions": partial(lowest, Positions, LOOK, block=PixelBlock),
    "attention": partial(lowest, LOOK),
    "attention, positions": partial(lowest, Positions, LOOK),
    "SegFormer": partial(SegFormer, 3, 3, (8, 32, 32), stride=2, depth=2),
}


@cache
def beacons(split, count=None):
    """Beacons of a split, those of its first seeds: tuple of samples."""
    seeds = synthetic.BEACON_SEEDS[split][: count or PICTURES[split]]
    return tuple(synthetic.beacon(seed) for seed in seeds)


def taught(net, seed=0, steps=None, rate=5e-3, curve=None, **options):
    """(model, History): one of `NETS`, taught by the beacons of the training split and their mirror images.

    curve : a list, which gets what `names` says at each validation; options : as for `training.fit`
    """
    samples, unseen = beacons("train"), beacons("validation")
    given = training.Batches(
        [sample.image for sample in samples],
        [sample.target for sample in samples],
        size=16,
        augment=training.flips(),
        seed=seed,
    )

    def validate(model):
        found = names(model, unseen)
        if curve is not None:
            curve.append(found)
        return found["right"]

    training.seed(seed)
    model = NETS[net]()
    history = training.fit(
        model,
        given,
        steps=steps or STEPS,
        loss=blobs_first,
        optimiser=partial(training.adamw, rate=rate),
        **{"validate": validate, "validations": VALIDATIONS} | options,
    )
    return model, history


def scores(model, images):
    """Logits (n, 3, H, W) of a network, wherever it lives, for images (H, W, 3) of one size; a float array."""
    device = next(model.parameters()).device
    pixels = torch.tensor(np.stack(images), dtype=torch.float32, device=device).movedim(-1, 1)
    with torch.no_grad():
        return model.eval()(pixels).float().cpu().numpy()


def names(model, samples):
    """Shares of the blobs' pixels that get their colour and not the other one: dict of floats.

    ``right`` of all; and, in pictures whose marks have both colours, ``majority`` of the blobs that have the colour of
    more marks, and ``minority`` of the others. Who knows the marks and not their places gets all of the majority and
    nothing of the minority.
    """
    targets = np.stack([sample.target for sample in samples])
    found = scores(model, [sample.image for sample in samples])
    blue = np.array([np.mean([mark.colour == 2 for mark in sample.marks]) for sample in samples])
    more, mixed = (1 + (blue > 0.5))[:, None, None], ((blue % 1 != 0) & (blue != 0.5))[:, None, None]
    asked = {"right": True, "majority": mixed & (targets == more), "minority": mixed & (targets != more)}
    return {
        name: synthetic.blob_accuracy(np.where(where, targets, 0), found) for name, where in asked.items()
    }


@contextmanager
def silent(layer, head, flat=False):
    """While it is open, one head of a layer of self-attention is not heard: its part of the mixture is 0.

    flat : instead, the head says at all pixels of a picture what it says there in the mean
    """
    share = layer.mix.in_channels // layer.heads
    own = slice(head * share, (head + 1) * share)

    def muted(_, given):
        heard = given[0].clone()
        heard[:, own] = heard[:, own].mean(dim=(2, 3), keepdim=True) if flat else 0
        return (heard,)

    hook = layer.mix.register_forward_pre_hook(muted)
    try:
        yield
    finally:
        hook.remove()


def without_each(model, samples):
    """What is `right` while one head is silent: dict of (name of its layer, head from 0) -> share."""
    found = {}
    for name, layer in model.named_modules():
        if isinstance(layer, SelfAttention):
            for head in range(layer.heads):
                with silent(layer, head):
                    found[name, head] = names(model, samples)["right"]
    return found


def mirrored(model):
    """A copy of a network whose encoder's layers find their features mirrored beyond the border, instead of zeros."""
    model = copy.deepcopy(model)
    for layer in model.encoder.modules():
        if isinstance(layer, nn.Conv2d) and layer.padding != (0, 0):
            layer.padding_mode = "reflect"
    return model


@cache
def far(count=60, width=64, distance=40):
    """Beacons twice as wide as those that are learned, with lamps beyond the width of those: tuple of samples."""
    seeds = synthetic.BEACON_SEEDS["test"][:count]
    return tuple(synthetic.beacon(seed, size=(32, width), distance=distance) for seed in seeds)


@study(
    "beacon_attention",
    "Which kinds of attention bring a colour from far away, and what do they learn first: the colours or the places?",
    [{"net": net} for net in NETS],
)
def beacon_attention(seed, net):
    """`names` on test pictures, of the weights that validated best; and on validation pictures on the way.

    ``far`` is what is right of pictures with lamps farther away than any that was learned; ``mirrored`` what is right
    when mirrored features take the place of the zeros around the border, for whoever has learned to tell places by
    them; ``least_head`` and ``most_head`` what is right without the head of attention that matters least, and most (NaN
    where there is none); ``majority_20`` a share after 20 steps, and so on.
    """
    curve = []
    model, history = taught(net, seed, curve=curve, watch=False)
    way = {
        f"{what}_{step}": found[what]
        for (step, _), found in zip(history.scores, curve, strict=True)
        for what in ("majority", "minority")
    }
    heads = without_each(model, beacons("test")).values()
    more = {
        "far": names(model, far())["right"],
        "mirrored": names(mirrored(model), beacons("test"))["right"],
        "least_head": max(heads, default=nan),
        "most_head": min(heads, default=nan),
    }
    return rounded(names(model, beacons("test")) | more | way)


#: Networks for the streets of lesson 09, beside its "bilinear, skips", a U-Net of the same widths.
STREET_NETS = {
    "squeeze and excitation": partial(UNet, 3, 8, VGG_WIDTHS[:5], block=then(SqueezeExcitation)),
    "gates": partial(UNet, 3, 8, VGG_WIDTHS[:5], join=GatedConcatenate),
    "SegFormer": partial(SegFormer, 3, 8, VGG_WIDTHS[:5]),
}


@study(
    "street_attention",
    "What does attention bring on 32 streets, with the recipe of lesson 09?",
    [{"net": net} for net in STREET_NETS],
)
def street_attention(seed, net):
    """As the study ``town_nets``, which has networks without skips, and ``street_skips``, which has the U-Net."""
    return upsampling.town_nets(seed, STREET_NETS[net])
