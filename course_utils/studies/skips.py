"""Lesson 10: networks that find nuclei and the rims between them, by their skips; deep stacks; and the studies."""

from functools import cache, partial

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import metrics, training
from course_utils.classic import morphology, watershed
from course_utils.data import synthetic
from course_utils.models.encoder_decoder import FCN
from course_utils.models.parts import ConvBlock, ResidualBlock, Standardise, convolution
from course_utils.models.unet import Add, UNet
from course_utils.studies import upsampling
from course_utils.study import rounded, study

KINDS = {"as they come": {}, "no dome": {"dome": 0.0}, "long": {"elongation": 0.9}}  # those of lesson 03
CROWDED = {"crowding": 0.35, "touching": 0.6}
NUCLEI = {"train": range(100, 124), "validation": range(60, 66), "test": range(300, 308)}
NUCLEI_STEPS, DEEP_STEPS = 250, 150
DEPTH = 0.75  # by which a top of the distance must stand out, from lesson 03
GREY = 1  # channel
CLASSES = 3  # outside, inside, rim

#: Networks that name outside, inside and rim, by the skips that are on, at full size and at 1/2, 1/4, 1/8 of it.
NETS = {
    "all": partial(UNet, GREY, CLASSES),
    "none": partial(UNet, GREY, CLASSES, skips=False),
    "all but full size": partial(UNet, GREY, CLASSES, skips=(False, True, True, True)),
    "all but 1/2": partial(UNet, GREY, CLASSES, skips=(True, False, True, True)),
    "all but 1/4": partial(UNet, GREY, CLASSES, skips=(True, True, False, True)),
    "all but 1/8": partial(UNet, GREY, CLASSES, skips=(True, True, True, False)),
    "all, added": partial(UNet, GREY, CLASSES, join=Add),
    "all, residual": partial(UNet, GREY, CLASSES, block=ResidualBlock),
    "only full size": partial(UNet, GREY, CLASSES, skips=(True, False, False, False)),
    "only 1/2": partial(UNet, GREY, CLASSES, skips=(False, True, False, False)),
    "only 1/4": partial(UNet, GREY, CLASSES, skips=(False, False, True, False)),
    "only 1/8": partial(UNet, GREY, CLASSES, skips=(False, False, False, True)),
    "FCN-32s": partial(FCN, GREY, CLASSES, stride=32),
    "FCN-16s": partial(FCN, GREY, CLASSES, stride=16),
    "FCN-8s": partial(FCN, GREY, CLASSES, stride=8),
}


def nuclei(seeds, kind=None, size=160):
    """Crowded nuclei, one Sample a seed; without a kind those of KINDS by turns."""
    kinds = [kind] if kind else list(KINDS)
    knobs = [KINDS[kinds[number % len(kinds)]] for number in range(len(seeds))]
    return [synthetic.nuclei(seed, size=size, **CROWDED, **k) for seed, k in zip(seeds, knobs, strict=True)]


def rim_classes(labels, width=2):
    """Classes from instances, uint8 (H, W): 0 outside, 1 inside, 2 an object's pixel near another number.

    labels : int (H, W), 0 no object; width : radius in pixels of the disk that is "near"
    """
    near = morphology.disk(width)
    rim = morphology.dilate(labels, near) != morphology.erode(labels, near)
    return np.where(labels == 0, 0, np.where(rim, 2, 1)).astype(np.uint8)


def part(mask, depth=DEPTH):
    """Lesson 03: flood the distance to the outside, from the tops that stand out by more than ``depth`` pixels.

    mask : bool (H, W). Returns int labels (H, W), 0 outside.
    """
    if not mask.any():
        return np.zeros(mask.shape, np.int32)
    distance = watershed.distance_transform(mask)
    land = np.where(mask, distance, -depth - 1)
    tops = watershed.maxima(watershed.reconstruct(land - depth, land)) & mask
    return watershed.watershed(-distance, morphology.label(tops, 8), mask=mask)


def seam(labels, width=2):
    """Pixels of an object that have another *object* within ``width`` pixels: where two touch; bool (H, W)."""
    near = morphology.disk(width)
    numbers = np.where(labels > 0, labels, labels.max() + 1).astype(labels.dtype)
    return (labels > 0) & (morphology.dilate(labels, near) != morphology.erode(numbers, near))


def instances(classes):
    """Instances from classes (H, W), 0 outside, 1 inside, 2 rim: part the inside, and let each part grow over its rim.

    Returns int labels (H, W), 0 outside.
    """
    return grow(part(classes == 1), classes)


def grow(parts, classes, least=10):
    """Labels (H, W) of parts of the inside, those of ``least`` pixels or more, grown to the end of rim and inside."""
    inside, mask = classes == 1, classes > 0
    markers = morphology.remove_small(parts, least)
    if not markers.any():
        return morphology.label(mask)
    return watershed.watershed(watershed.distance_transform(~inside), markers, mask=mask)


@cache
def _pictures(seeds):
    """Pictures to learn from, tuple of Samples; drawing them takes two seconds."""
    return tuple(nuclei(seeds, size=128))


def pictures(seed=0):
    """The 24 generated pictures to learn from, others for each seed: tuple of Samples."""
    return _pictures(tuple(1000 * seed + number for number in NUCLEI["train"]))


def rims(seed=0, crop=64):
    """Batches of eight windows from 24 generated pictures, others for each seed, with their `rim_classes`."""
    samples = pictures(seed)
    targets = [rim_classes(sample.labels) for sample in samples]
    images = [sample.image for sample in samples]
    return training.Batches(images, targets, size=8, crop=crop, augment=training.flips(), seed=seed)


def taught(net, seed=0, longer=1, **options):
    """(model, History): one of NETS, which has learned rims from 24 pictures; options as for `training.fit`.

    net : its name; another network may be given as a function that makes it
    seed : of its first weights, its batches and its pictures; longer : times NUCLEI_STEPS
    """
    training.seed(seed)
    model = nn.Sequential(Standardise(), NETS.get(net, net)())
    options = {"steps": longer * NUCLEI_STEPS, "optimiser": partial(training.adamw, rate=5e-3)} | options
    history = training.fit(model, rims(seed), **options)
    return model, history


def nuclei_scores(samples, answers):
    """What is right of classes (H, W) found in pictures of nuclei: dict of floats, means over the pictures.

    ``iou`` and ``boundary_f`` (at 1 px) of what is not outside; ``seams``, the share of the `seam` that is called rim,
    pooled. F1 of instances at IoU 0.5 and 0.75: ``f1_50`` and ``f1_75`` of `instances`; ``mask_50`` and ``mask_75`` of
    the mask alone, by `part`; and at 0.5 of islands: ``islands_50`` of the mask, ``inside_50`` of the inside, grown.
    """
    rows, touching = [], [seam(sample.labels) for sample in samples]
    for sample, classes in zip(samples, answers, strict=True):
        mask = classes > 0
        row = {
            "iou": metrics.mask_iou(sample.labels > 0, mask),
            "boundary_f": metrics.boundary_f(sample.labels > 0, mask, tolerance=1),
        }
        found = {"islands": morphology.label(mask), "inside": grow(morphology.label(classes == 1), classes)}
        found |= {"mask": part(mask), "f1": instances(classes)}
        for name, labels in found.items():
            for at in (0.5,) if name in ("islands", "inside") else (0.5, 0.75):
                row[f"{name}_{round(100 * at)}"] = metrics.match_instances(sample.labels, labels, at).f1
        rows.append(row)
    means = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    return means | {"seams": float((np.stack(answers)[np.stack(touching)] == 2).mean())}


@cache
def unseen():
    """Eight test pictures of each kind."""
    return [sample for kind in KINDS for sample in nuclei(NUCLEI["test"], kind)]


def _examined(model):
    """`nuclei_scores` of a network on the test pictures."""
    answers = [training.predict(model, sample.image).argmax(axis=0) for sample in unseen()]
    return nuclei_scores(unseen(), answers)


@study(
    "skips",
    "What is lost when a skip of a U-Net is off, and do addition or residual blocks do as well?",
    [
        *({"net": net, "longer": 1} for net in list(NETS)[:8]),
        *({"net": net, "longer": 3} for net in ("all", "none")),
    ],
)
def skips(seed, net, longer):
    """`nuclei_scores` on the 24 test pictures, and the loss of the last batches."""
    model, history = taught(net, seed, longer, watch=False)
    return rounded(_examined(model) | {"loss_end": np.mean(history.losses[-20:])})


@study(
    "few_skips",
    "What does a single skip of features bring, and what do finer scores bring to FCN?",
    [{"net": net} for net in list(NETS)[8:]],
)
def few_skips(seed, net):
    """As the study ``skips``."""
    return skips(seed, net, longer=1)


@study(
    "seams",
    "What makes a U-Net draw the rim between two nuclei: more steps, or a larger weight of the rim?",
    [{"weight": weight, "longer": longer} for weight in (1, 3) for longer in (1, 3)],
)
def seams(seed, weight, longer):
    """As the study ``skips``, of the net with all skips; the loss counts a pixel of the rim ``weight`` times."""

    def loss(logits, target):
        return F.cross_entropy(logits, target, weight=logits.new_tensor([1, 1, weight]))

    model, _ = taught("all", seed, longer, loss=loss, watch=False)
    return rounded(_examined(model))


@study(
    "street_skips",
    "What do skips bring on the streets of lesson 09, with the recipe of lesson 09?",
    [{"net": "bilinear, skips"}],
)
def street_skips(seed, net):
    """As the study ``town_nets``, which has "bilinear"."""
    return upsampling.town_nets(seed, net)


def stack(blocks, kind, width=8):
    """A chain of blocks at full size, without normalisation.

    kind : "plain", "residual", or "residual from 0", whose changes start at zero
    """
    make = ConvBlock if kind == "plain" else ResidualBlock
    chain = [make(width, width, nn.Identity) for _ in range(blocks)]
    if kind == "residual from 0":
        for block in chain:
            nn.init.zeros_(block.change[3].weight)  # of the second convolution
    return nn.Sequential(
        Standardise(), convolution(GREY, width), nn.ReLU(), *chain, convolution(width, CLASSES, 1)
    )


DEEP_OPTIMISERS = {"AdamW": training.adamw, "SGD": partial(torch.optim.SGD, lr=0.05, momentum=0.9)}


@study(
    "deep_stacks",
    "From which depth on does a plain stack of convolutions stop learning, and what do residual blocks change?",
    [
        {"optimiser": optimiser, "blocks": blocks, "kind": kind}
        for optimiser, depths in (("AdamW", (3, 12, 24)), ("SGD", (3, 6)))
        for blocks in depths
        for kind in ("plain", "residual from 0")
    ],
)
def deep_stacks(seed, optimiser, blocks, kind):
    """Loss of the last batches (of a diverged run, those before), and the gradient at the first layer, at the start."""
    training.seed(seed)
    model = stack(blocks, kind)
    shown = rims(seed, crop=32)
    first = gradients(model, shown[0])[0]
    try:
        history = training.fit(
            model, shown, steps=DEEP_STEPS, optimiser=DEEP_OPTIMISERS[optimiser], watch=False
        )
    except training.Diverged as stopped:
        history = stopped.history
    return {
        "first_gradient": float(f"{first:.4g}"),
        "diverged": float(history.ended == "diverged"),
        "loss_end": float(f"{np.mean(history.losses[-20:]):.4g}"),
    }


def gradients(model, batch):
    """Length of the loss's gradient at the weights of each convolution, first to last; a list of floats."""
    images, targets = batch
    model.zero_grad()
    training.cross_entropy(model(images.float() / 255), targets).backward()
    lengths = [layer.weight.grad.norm().item() for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    model.zero_grad()
    return lengths
