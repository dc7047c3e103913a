"""Lesson 09: networks that name the eight classes of a street, how their answers are scored, and their study."""

from functools import cache, partial
from itertools import pairwise

import numpy as np
from torchvision.transforms import v2

from course_utils import metrics, plotting, training
from course_utils.classic.watershed import distance_transform
from course_utils.data import synthetic
from course_utils.models.dilated import ASPP, DeepLab, DilatedEncoder, Scores
from course_utils.models.encoder_decoder import FCN, VGG_WIDTHS, EncoderDecoder, SegNet
from course_utils.models.parts import Bilinear, Segmenter, SubPixel, Transposed, cost
from course_utils.models.unet import UNet
from course_utils.studies.convolution import SmallNet
from course_utils.study import rounded, study

STREET_STEPS = 200
STREETS = 32  # to learn from
STREET_EXAM = synthetic.TOWN_SEEDS["test"][:12]
BANDS = (0, 2, 4, 8, 16)  # where they begin, in pixels from the nearest boundary; the last has no end
#: Networks that name the eight classes of a street, by what sets them apart: the first net of lesson 08; FCNs that
#: halve two to five times and enlarge their scores in one go; one encoder, that of "stride 16", with five ways back;
#: "bilinear" with skips; and the encoder of "stride 8" with two layers more, plain or dilated, with ASPP, with a skip.
STREET_NETS = {
    "small": lambda: SmallNet(8, channels=3),
    "stride 4": lambda: FCN(3, 8, VGG_WIDTHS[:3], stride=4),
    "stride 8": lambda: FCN(3, 8, VGG_WIDTHS[:4], stride=8),
    "stride 16": lambda: FCN(3, 8, VGG_WIDTHS[:5], stride=16),
    "stride 32": lambda: FCN(3, 8, VGG_WIDTHS, stride=32),
    "bilinear": lambda: EncoderDecoder(3, 8, VGG_WIDTHS[:5], up=Bilinear),
    "transposed 3": lambda: EncoderDecoder(3, 8, VGG_WIDTHS[:5], up=partial(Transposed, kernel=3)),
    "transposed 4": lambda: EncoderDecoder(3, 8, VGG_WIDTHS[:5], up=Transposed),
    "sub-pixel": lambda: EncoderDecoder(3, 8, VGG_WIDTHS[:5], up=SubPixel),
    "unpooling": lambda: SegNet(3, 8, VGG_WIDTHS[:5]),
    "bilinear, skips": lambda: UNet(3, 8, VGG_WIDTHS[:5]),
    "plain layers": lambda: _without_skip(dilations=(1, 1)),
    "dilated layers": lambda: _without_skip(dilations=(2, 4)),
    "DeepLab, no skip": lambda: _without_skip(dilations=(2, 4), context=ASPP),
    "DeepLab": lambda: DeepLab(3, 8, VGG_WIDTHS[:4]),
}


def _without_skip(**options):
    encoder = DilatedEncoder(3, VGG_WIDTHS[:4], **options)
    return Segmenter(encoder, Scores(encoder.widths, 8))


@cache
def street(seed):
    """A street of 96 × 128 pixels: (image float (96, 128, 3), classes uint8 (96, 128))."""
    sample = synthetic.town(seed, size=(96, 128))
    return sample.image, sample.labels.astype(np.uint8)


def streets(seeds):
    """Several streets: (images, targets), lists."""
    images, targets = zip(*(street(int(seed)) for seed in seeds), strict=True)
    return list(images), list(targets)


def streets_to_learn(seed):
    """Seeds of the streets that a run with this seed learns from."""
    return np.random.default_rng(seed).permutation(synthetic.TOWN_SEEDS["train"])[:STREETS]


def learn_streets(name, seed=0, steps=None, rate=5e-3, **options):
    """(model, History): one of `STREET_NETS`, taught by streets and mirrored ones; options as for `training.fit`.

    Another network may be given as a function that makes it.
    """
    training.seed(seed)
    model = STREET_NETS.get(name, name)()
    mirrored = v2.RandomHorizontalFlip()
    given = training.Batches(*streets(streets_to_learn(seed)), size=8, augment=mirrored, seed=seed)
    options = {"optimiser": partial(training.adamw, rate=rate)} | options
    history = training.fit(model, given, steps=steps or STREET_STEPS, **options)
    return model, history


def boundary_distance(target):
    """Distance of each pixel to the nearest one that touches another class, in pixels, float64 (H, W)."""
    return distance_transform(~plotting.outline(target.astype(int) + 1))


def street_scores(targets, predictions):
    """What is right of predicted streets, and where: dict of floats.

    ``miou`` mean over the classes and ``iou_CLASS``, pooled; ``boundary_f`` at 1 px, mean over the classes that a
    street has, then over streets; ``error_N`` share of wrong pixels in the band of `BANDS` that begins at N.
    """
    targets, predictions = np.stack(targets), np.stack(predictions)
    each = metrics.iou(metrics.confusion_matrix(targets, predictions, 8))
    found = {"miou": np.nanmean(each)}
    found |= {f"iou_{name}": iou for name, iou in zip(synthetic.TOWN_CLASSES, each, strict=True)}
    found["boundary_f"] = np.mean(
        [class_boundary_f(*pair) for pair in zip(targets, predictions, strict=True)]
    )
    away = np.stack([boundary_distance(target) for target in targets])
    wrong = targets != predictions
    for near, far in pairwise((*BANDS, np.inf)):
        found[f"error_{near}"] = wrong[(away >= near) & (away < far)].mean()
    return found


def class_boundary_f(target, prediction, tolerance=1.0):
    """Boundary F of one labelled image: the mean over the classes that are in the target."""
    return np.mean([metrics.boundary_f(target == k, prediction == k, tolerance) for k in np.unique(target)])


@study(
    "town_nets",
    "What does a network gain and lose by halving, and does the way back matter?",
    [{"net": name} for name in list(STREET_NETS)[:10]],  # all without skips
)
def town_nets(seed, net, steps=None):
    """`street_scores` on streets that nobody learned from, and the cost of the network."""
    model, _ = learn_streets(net, seed, steps, watch=False)
    images, targets = streets(STREET_EXAM)
    answers = [training.predict(model, image).argmax(0) for image in images]
    costs = cost(model, (1, 3, 96, 128))
    return rounded(
        street_scores(targets, answers)
        | {"parameters": costs.parameters, "multiply_adds": costs.multiply_adds}
    )


@study(
    "ways_back",
    "What do the ways back up bring when there are steps enough to learn them?",
    [{"net": net} for net in ("stride 16", "bilinear", "transposed 4", "sub-pixel", "unpooling")],
)
def ways_back(seed, net):
    """As the study ``town_nets``, after twice as many steps."""
    return town_nets(seed, net, steps=2 * STREET_STEPS)
