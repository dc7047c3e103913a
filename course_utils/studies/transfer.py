"""Lesson 16: a few labelled pictures, and encoders that start with or without what collages taught them.

All networks are lesson 10's U-Net in its usual widths. What differs is where the encoder starts, and what of it may
change (`WAYS`). What is the same: the pictures, which differ by seed, and more of them contain the fewer; the steps, so
that whoever computes the same each step has the same seconds; the decoder's start, by seed.

Two sets of pictures (`TASKS`), of generators that share nothing with that of the collages: streets, whose classes are
things in colour, and mosaics, grey and made of six photographed textures. A third, nuclei, is there to ask when a
good start does not matter.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

import numpy as np
import torch
from torchvision.transforms import v2

from course_utils import metrics, training
from course_utils.data import synthetic
from course_utils.models import pretrained, transfer
from course_utils.models.parts import Segmenter
from course_utils.models.unet import UNetDecoder
from course_utils.study import rounded, study

STEPS = 120
FEW = 10  # pictures, where their number is not the question
LABELLED = (5, 10, 20, 50, 100)  # pictures
RATE, TAUGHT_RATE = 1e-2, 5e-3  # of what is new, and of an encoder that was taught
POOL = 200  # pictures that those to learn from are drawn from


class Task(NamedTuple):
    """Pictures to segment: number of classes; a function seed -> (image, target); seeds of the pool to learn from, of
    those to choose by and of the exam, which share nothing; how pictures are mirrored.
    """

    classes: int
    draw: Callable
    pool: range
    validation: tuple
    exam: tuple
    augment: Callable


def _street(seed):
    sample = synthetic.town(seed, size=(64, 96))
    return sample.image, sample.labels.astype(np.uint8)


def _mosaic(split, seed):
    sample = synthetic.mosaics(seed, size=64, regions=3, split=split)
    return np.dstack([sample.image] * 3), sample.labels.astype(np.uint8)


def _textures(seed):
    return _mosaic("test" if seed in MOSAICS["exam"] else "train", seed)


def _nuclei(seed):
    sample = synthetic.specimen(seed, size=64)
    return np.dstack([sample.image] * 3), (sample.labels > 0).astype(np.uint8)


MOSAICS = {"pool": range(10_000, 10_000 + POOL), "exam": tuple(range(20_000, 20_048))}
TASKS = {
    "streets": Task(
        classes=len(synthetic.TOWN_CLASSES),
        draw=_street,
        pool=range(10_000, 10_000 + POOL),
        validation=synthetic.TOWN_SEEDS["validation"],
        exam=synthetic.TOWN_SEEDS["test"],
        augment=v2.RandomHorizontalFlip,
    ),
    "mosaics": Task(
        classes=len(synthetic.TEXTURES),
        draw=_textures,
        pool=MOSAICS["pool"],
        validation=tuple(range(15_000, 15_024)),
        exam=MOSAICS["exam"],
        augment=training.flips,
    ),
    "nuclei": Task(
        classes=2,
        draw=_nuclei,
        pool=range(10_000, 10_000 + POOL),
        validation=tuple(range(15_000, 15_024)),
        exam=tuple(range(20_000, 20_048)),
        augment=training.flips,
    ),
}


@cache
def picture(task, seed):
    """(image float (H, W, 3), target uint8 (H, W)) of a task."""
    return TASKS[task].draw(int(seed))


def pictures(task, seeds):
    """Several of them: (images, targets), lists."""
    images, targets = zip(*(picture(task, seed) for seed in seeds), strict=True)
    return list(images), list(targets)


def labelled(task, count, seed):
    """Seeds of the ``count`` pictures that a run may learn from: with more pictures, those and others."""
    return np.random.default_rng(seed).permutation(TASKS[task].pool)[:count]


# ------------------------------------------------------------------------------------------------- the ways


def segmenter(classes, taught):
    """A U-Net whose encoder was taught by collages, or was not."""
    encoder = pretrained.encoder(taught=taught)
    return Segmenter(encoder, UNetDecoder(encoder.widths, classes))


def images_of(given):
    """All images of Batches as one float tensor (n, 3, H, W)."""
    return torch.stack([image for image, _ in given.pairs]).float() / 255


class Way(NamedTuple):
    """How to begin: whether the encoder was taught; what is done to the model, a function of it and of the Batches; by
    how much each level of the encoder is slower than the one below it, None if all of it has the rate of what is new;
    times the usual steps; whether it opens level by level.
    """

    taught: bool
    prepare: Callable = lambda model, given: None
    fall: float | None = 1.0
    longer: float = 1
    opening: bool = False


def _frozen(model, given, hold_norms=True, measured=False):
    if measured:
        transfer.recalibrate(model.encoder, [images_of(given)])
    transfer.freeze(model.encoder, hold_norms=hold_norms)


def _scaled(model, given):
    transfer.mean_variance_(model.encoder, pretrained.encoder())


WAYS = {
    "scratch": Way(False, fall=None),
    "scratch, 4 × the steps": Way(False, fall=None, longer=4),
    "mean and variance": Way(False, _scaled, fall=None),
    "random, frozen": Way(False, partial(_frozen, measured=True)),
    "frozen": Way(True, _frozen),
    "frozen, norms follow": Way(True, partial(_frozen, hold_norms=False)),
    "frozen, norms measured": Way(True, partial(_frozen, measured=True)),
    "fine-tuned": Way(True),
    "layer-wise": Way(True, fall=transfer.FALL),
    "gradual": Way(True, opening=True),
}


def begin(task, way="fine-tuned", count=FEW, seed=0):
    """(model, Batches) before the first step: a function of its arguments."""
    training.seed(seed)
    model = segmenter(TASKS[task].classes, WAYS[way].taught)
    seen, mirrored = pictures(task, labelled(task, count, seed)), TASKS[task].augment()
    given = training.Batches(*seen, size=8, augment=mirrored, seed=seed)
    WAYS[way].prepare(model, given)
    return model, given


def learn(task, way="fine-tuned", count=FEW, seed=0, steps=None, **options):
    """(model, History of its last stage): a network that learns a task from ``count`` pictures in one of `WAYS`.

    seed : of the pictures, their order, and the random weights; options : as for `training.fit`
    """
    model, given = begin(task, way, count, seed)
    how, total = WAYS[way], round((steps or STEPS) * WAYS[way].longer)
    rates = partial(rates_of, model, way)
    if not how.opening:
        return model, training.fit(model, given, steps=total, optimiser=rates, **options)
    stages = len(model.encoder.widths) + 1
    for opened in transfer.gradually(model.encoder):
        given.seed = 1000 * (seed + 1) + opened  # other batches at each stage
        share = total * (opened + 1) // stages - total * opened // stages
        history = training.fit(model, given, steps=max(share, 1), optimiser=rates, **options)
    return model, history


def rates_of(model, way, _=None):
    """The optimiser of a way: `RATE` for what is new; `TAUGHT_RATE` for a taught encoder, falling level by level."""
    fall = WAYS[way].fall
    if fall is None:
        return training.adamw(model.parameters(), RATE)
    new, *levels = transfer.layerwise(model, TAUGHT_RATE, fall)
    return training.adamw([new | {"lr": RATE}, *levels])


# ------------------------------------------------------------------------------------------------ the scores


def scores(task, model, seeds):
    """What is right of the pictures of these seeds: dict of floats.

    ``miou`` mean over the classes of their IoU over all pictures, ``accuracy``, ``boundary_f`` at 1 px, mean over the
    classes of a picture, then over pictures.
    """
    images, targets = pictures(task, seeds)
    answers = [training.predict(model, image).argmax(0) for image in images]
    matrix = metrics.confusion_matrix(np.stack(targets), np.stack(answers), TASKS[task].classes)
    edges = [_boundary_f(*pair) for pair in zip(targets, answers, strict=True)]
    return {
        "miou": np.nanmean(metrics.iou(matrix)),
        "accuracy": metrics.accuracy(matrix),
        "boundary_f": np.mean(edges),
    }


def _boundary_f(target, answer):
    return np.mean([metrics.boundary_f(target == k, answer == k, 1.0) for k in np.unique(target)])


def changed(task, model, before, count=24):
    """How alike each level of the encoder is to what it was, by CKA: dict of ``kept_0`` (full size) to the lowest.

    NaN where a level has died.

    before : the encoder as it began; count : pictures, of those to choose by
    """
    images, _ = pictures(task, TASKS[task].validation[:count])
    pixels = torch.tensor(np.stack(images)).movedim(-1, 1).float()
    found = transfer.similarity(before, model.encoder, pixels).diagonal()
    return {f"kept_{level}": float(value) for level, value in enumerate(found)}


def measure(task, way, count, seed, steps=None):
    """`scores` on the exam; ``val_miou`` on the pictures to choose by; and `changed`."""
    before = begin(task, way, count, seed)[0].encoder
    model, _ = learn(task, way, count, seed, steps, watch=False)
    chosen = scores(task, model, TASKS[task].validation)["miou"]
    found = scores(task, model, TASKS[task].exam) | {"val_miou": chosen} | changed(task, model, before)
    return rounded(found)


# ----------------------------------------------------------------------------------------------- the studies


EFFICIENCY = [{"way": way, "count": count} for way in ("scratch", "fine-tuned") for count in LABELLED]


@study("few_streets", "How many labelled streets is a taught encoder worth?", EFFICIENCY)
def few_streets(seed, way, count, steps=None):
    """`measure` on streets."""
    return measure("streets", way, count, seed, steps)


@study("few_mosaics", "How many labelled mosaics is a taught encoder worth?", EFFICIENCY)
def few_mosaics(seed, way, count, steps=None):
    """`measure` on mosaics."""
    return measure("mosaics", way, count, seed, steps)


@study(
    "ways_to_transfer",
    "What of a taught encoder should be kept, and what must be controlled for?",
    [{"way": way} for way in WAYS],
)
def ways_to_transfer(seed, way, steps=None):
    """`measure` on ten streets."""
    return measure("streets", way, FEW, seed, steps)


@study(
    "ways_to_nuclei",
    "When does a taught encoder not help?",
    [{"way": way} for way in WAYS],
)
def ways_to_nuclei(seed, way, steps=None):
    """`measure` on ten pictures of nuclei."""
    return measure("nuclei", way, FEW, seed, steps)
