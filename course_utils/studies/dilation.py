"""Lesson 11: who sees far enough on beacons, gridding on nuclei, streets without halvings; and the studies."""

from functools import cache, partial
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import metrics, training
from course_utils.data import synthetic
from course_utils.models.dilated import ASPP, AtrousBlock, DilatedNet, dense
from course_utils.models.parts import Standardise, convolution, cost, group_norm
from course_utils.models.unet import UNet
from course_utils.studies import skips, upsampling
from course_utils.study import rounded, study

# -- beacons: who sees far enough ----------------------------------------------------------------------------

BEACON = {
    "size": 24,
    "distance": 6,
    "diameter": 5,
}  # marks 10 to 20 columns away from the pixels of their blobs
BEACONS = {name: synthetic.BEACON_SEEDS[name][:count] for name, count in {"train": 1600, "test": 200}.items()}
BEACON_STEPS = 250
FAR = (10, 13, 16)  # where bands of distance begin, in columns from a blob's pixel to the middle of its mark
NEAR = (1, 1, 1, 1)


def deeper(inputs, outputs, norm=nn.BatchNorm2d, layers=12):
    """Layers of kernel 1, to stand behind others: the network gets deeper, and sees no farther and no more ways."""
    return nn.Sequential(
        *(AtrousBlock(outputs if i else inputs, outputs, kernel=1, norm=norm) for i in range(layers))
    )


#: Networks for beacons. The first three have the same layers and weights, and see 6, 12 and 18 pixels to each side; the
#: next sees as far as the third by plain layers alone, 18 of them with kernel 3, and the one after it is the third with
#: as many layers, twelve of which see nothing new. Two see 6 pixels, and in some way the mean of the whole image.
BEACON_NETS = {
    "near": partial(DilatedNet, dilations=NEAR),
    "half way": partial(DilatedNet, dilations=(2, 2, 4, 2)),
    "far": partial(DilatedNet, dilations=(2, 4, 8, 2)),
    "far, plain layers": partial(DilatedNet, dilations=(1,) * 16),
    "far, deeper": partial(DilatedNet, dilations=(2, 4, 8, 2), context=deeper),
    "near, pooled": partial(DilatedNet, dilations=NEAR, context=partial(ASPP, dilations=())),
    "near, group norm": partial(DilatedNet, dilations=NEAR, norm=group_norm),
    "U-Net": partial(UNet, widths=(16, 16, 16, 16)),
}


@cache
def beacons(split):
    """The pictures of a split, a list of `synthetic.beacons.Beacons`."""
    return [synthetic.beacon(seed, **BEACON) for seed in BEACONS[split]]


def blobs_first(logits, target):
    """Cross-entropy in which a pixel of the background, of which there are ten times as many, counts a tenth."""
    return F.cross_entropy(logits, target, weight=logits.new_tensor([0.1, 1, 1]))


def learn_beacons(net, seed=0, longer=1, **options):
    """(model, History): a network, taught to name beacons.

    net : one of `BEACON_NETS`, or a function (channels, classes) that makes a network; longer : times BEACON_STEPS;
    options as for `training.fit`
    """
    training.seed(seed)
    make, shown = net if callable(net) else BEACON_NETS[net], beacons("train")
    model = make(3, len(synthetic.BEACON_CLASSES))
    batches = training.Batches(
        [sample.image for sample in shown], [sample.target for sample in shown], size=16, seed=seed
    )
    history = training.fit(
        model,
        batches,
        steps=longer * BEACON_STEPS,
        loss=blobs_first,
        optimiser=partial(training.adamw, rate=5e-3),
        **options,
    )
    return model, history


def apart(sample):
    """How many columns each pixel of a blob is away from the middle of its mark, int (H, W); 0 where no blob is."""
    columns = np.array([0, *(mark.column for mark in sample.marks if mark.blob)])
    place = np.arange(sample.labels.shape[1])
    return np.where(sample.labels > 0, abs(place - columns[sample.labels]), 0)


def beacon_scores(samples, answers):
    """Shares of the blobs' pixels that get their own colour: dict of floats.

    ``right`` of all; ``right_N`` of those whose mark is in the band of `FAR` that begins at N.
    Parameters: samples, of `synthetic.beacon`; answers, probabilities or logits (3, H, W) for each.
    """
    targets, answers = np.stack([sample.target for sample in samples]), np.stack(answers)
    away = np.stack([apart(sample) for sample in samples])
    found = {"right": synthetic.blob_accuracy(targets, answers)}
    for near, far in pairwise((*FAR, np.inf)):
        band = np.where((away >= near) & (away < far), targets, 0)
        found[f"right_{near}"] = synthetic.blob_accuracy(band, answers)
    return found


@study(
    "seeing_far",
    "Which networks see a mark far away in a blob's own row, and what do they cost?",
    [
        *({"net": net, "longer": 1} for net in BEACON_NETS),
        {"net": "far, plain layers", "longer": 3},
        {"net": "near, pooled", "longer": 4},
    ],
)
def seeing_far(seed, net, longer):
    """`beacon_scores` on test pictures, the loss of the last batches, and the cost of the network."""
    model, history = learn_beacons(net, seed, longer, watch=False)
    shown = beacons("test")
    scores = beacon_scores(shown, [training.predict(model, sample.image) for sample in shown])
    costs = cost(model, (1, 3, BEACON["size"], BEACON["size"]))
    return rounded(
        scores
        | {"loss_end": np.mean(history.losses[-20:])}
        | {"parameters": costs.parameters, "multiply_adds": costs.multiply_adds}
    )


# -- gridding, on noisy nuclei ------------------------------------------------------------------------------

NOISE = {"photons": 12.0, "read_noise": 0.06}
GRID_NUCLEI = {"train": range(100, 116), "test": range(300, 308)}
GRID_STEPS = 150
#: Six layers each; but for "plain", their dilations add up to 24, so that they see 49 pixels. In "alike" sixteen grids
#: never meet; the next three leave no hole, and two of these are each other's reverse. "no plain one" has holes at the
#: rim, and no divisor in common: its grids meet.
GRIDS = {
    "alike": (4, 4, 4, 4, 4, 4),
    "rising": (1, 2, 4, 8, 8, 1),
    "plain first": (1, 1, 4, 6, 6, 6),
    "plain last": (6, 6, 6, 4, 1, 1),
    "no plain one": (3, 3, 4, 4, 5, 5),
    "one plain": (1, 4, 4, 4, 4, 4),
    "plain": (1, 1, 1, 1, 1, 1),
}


def chain(dilations, width=8):
    """Images (B, 1, H, W) -> logits (B, 2, H, W): a dilated layer after the other, and a 1 × 1 convolution."""
    layers = [AtrousBlock(width if i else 1, width, dilation) for i, dilation in enumerate(dilations)]
    return nn.Sequential(Standardise(), *layers, convolution(width, 2, 1))


@cache
def noisy_nuclei(split, first=0):
    """Crowded nuclei in bad light, 96 × 96: (images, masks), lists; ``first`` moves the seeds."""
    samples = [
        synthetic.nuclei(1000 * first + seed, size=96, **skips.CROWDED, **NOISE)
        for seed in GRID_NUCLEI[split]
    ]
    return [sample.image for sample in samples], [(sample.labels > 0).astype(np.uint8) for sample in samples]


def learn_grids(name, seed=0, **options):
    """(model, History): a `chain` of `GRIDS`, taught to find nuclei; options as for `training.fit`."""
    training.seed(seed)
    model = chain(GRIDS[name])
    batches = training.Batches(*noisy_nuclei("train", seed), size=4, crop=64, seed=seed)
    history = training.fit(
        model, batches, steps=GRID_STEPS, optimiser=partial(training.adamw, rate=1e-2), **options
    )
    return model, history


def grain(truths, answers, depth=3):
    """By how much neighbours' probabilities differ where the truth does not: the mean, a float.

    Of pairs of pixels side by side or one above the other, both at least ``depth`` pixels from every true boundary.
    Parameters: truths, (H, W); answers, probabilities of the object, float (H, W).
    """
    jumps = []
    for truth, answer in zip(truths, answers, strict=True):
        deep = upsampling.boundary_distance(truth) >= depth
        for axis in (0, 1):
            both = np.minimum(*_halves(deep, axis))
            jumps.append(abs(np.diff(answer, axis=axis))[both])
    return float(np.concatenate(jumps).mean())


def _halves(values, axis):
    """All but the last, and all but the first, along an axis."""
    values = np.moveaxis(values, axis, 0)
    return tuple(np.moveaxis(part, 0, axis) for part in (values[:-1], values[1:]))


def grid_scores(truths, answers):
    """What is right of the object's probabilities, and how grainy they are: dict of floats, means over pictures."""
    pairs = [(truth > 0, answer > 0.5) for truth, answer in zip(truths, answers, strict=True)]
    return {
        "iou": np.mean([metrics.mask_iou(*pair) for pair in pairs]),
        "boundary_f": np.mean([metrics.boundary_f(*pair, tolerance=1) for pair in pairs]),
        "grain": grain(truths, answers),
    }


@study(
    "gridding",
    "What do dilations without a plain layer cost, and does it matter where the plain ones stand?",
    [{"dilations": name} for name in GRIDS],
)
def gridding(seed, dilations):
    """`grid_scores` on test pictures, and the loss of the last batches."""
    model, history = learn_grids(dilations, seed, watch=False)
    images, truths = noisy_nuclei("test")
    answers = [training.predict(model, image)[1] for image in images]
    return rounded(grid_scores(truths, answers) | {"loss_end": np.mean(history.losses[-20:])})


# -- streets ----------------------------------------------------------------------------------------------

STREETS = ("plain layers", "dilated layers", "DeepLab, no skip", "DeepLab")  # of `upsampling.STREET_NETS`


@study(
    "street_dilated",
    "What do dilated layers at stride 8 bring on the streets of lesson 09, with the recipe of lesson 09?",
    [{"net": net} for net in STREETS],
)
def street_dilated(seed, net):
    """As the study ``town_nets``, whose "stride 16" has a halving more."""
    return upsampling.town_nets(seed, net)


class Undone(nn.Module):
    """A trained FCN whose halvings are left out down to a stride: same weights, more scores. See ``dilated.dense``.

    (B, C, H, W) -> (B, K, H, W). Each score stands for the middle of the square of the old stride, to which it belongs.
    """

    def __init__(self, fcn, stride):
        super().__init__()
        self.features, self.scores = dense(fcn.encoder, stride), fcn.decoder.scores[-1]
        self.stride, self.shift = stride, (fcn.decoder.stride - stride) / 2

    def forward(self, images):
        scores = self.scores(self.features(images))
        rows, columns = (self._between(images.shape[axis], scores.shape[axis]) for axis in (-2, -1))
        grid = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), dim=-1).to(scores)
        return F.grid_sample(
            scores, grid.expand(len(scores), -1, -1, -1), padding_mode="border", align_corners=False
        )

    def _between(self, length, coarse):
        """Where the pixels of an image lie on the map of scores, from -1 to 1 as torch counts them."""
        place = (torch.arange(length) + 0.5 - self.shift) / self.stride
        return 2 * place / coarse - 1


@study(
    "undone_halvings",
    "What does an FCN of stride 16 gain when its halvings are left out, with not one weight changed?",
    [{"net": "stride 16"}],
)
def undone_halvings(seed, net):
    """Of `upsampling.street_scores` three numbers at each stride, and the multiply–adds."""
    model, _ = upsampling.learn_streets(net, seed, watch=False)
    images, targets = upsampling.streets(upsampling.STREET_EXAM)
    found = {}
    for stride in (16, 8, 4):
        undone = Undone(model.eval(), stride)
        answers = [training.predict(undone, image).argmax(0) for image in images]
        scores = upsampling.street_scores(targets, answers)
        found |= {f"{name}_{stride}": scores[name] for name in ("miou", "boundary_f", "error_8")}
        found[f"multiply_adds_{stride}"] = cost(undone, (1, 3, 96, 128)).multiply_adds
    return rounded(found)
