"""Lesson 16: a few labelled pictures, and encoders that start with or without what collages taught them.

All networks are lesson 10's U-Net in its usual widths. What differs is where the encoder starts, and what of it may
change (`WAYS`). What is the same: the pictures, which differ by seed, and more of them contain the fewer; the steps, so
that whoever computes the same each step has the same seconds; the decoder's start, by seed.

Two sets of pictures (`TASKS`), of generators that share nothing with that of the collages: streets, whose classes are
things in colour, and mosaics, grey and made of six photographed textures. The rates were chosen on validation mosaics
(ten labelled ones, two seeds), each from three: for scratch from 0.005, 0.01 and 0.02, for a taught encoder (after 120
steps, and with an earlier state of its weights) from 0.002, 0.005 and 0.01.
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
from course_utils.study import column, grid, rounded, rows, study

STEPS = 80
FEW = 10  # pictures, where their number is not the question
LABELLED = (5, 10, 20, 50, 100)  # mosaics; of streets the first three
RATE, TAUGHT_RATE = 1e-2, 5e-3  # of the decoder, and of the encoder, where that was taught
SCRATCH_RATE = 2e-2  # of both, where neither was
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
    sample = synthetic.town(seed, size=(48, 72))
    return sample.image, sample.labels.astype(np.uint8)


def _mosaic(split, seed):
    sample = synthetic.mosaics(seed, size=64, regions=3, split=split)
    return np.dstack([sample.image] * 3), sample.labels.astype(np.uint8)


def _textures(seed):
    return _mosaic("test" if seed in MOSAICS["exam"] else "train", seed)


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
    """The optimiser of a way: `SCRATCH_RATE`, or `RATE` for a decoder under a taught encoder with `TAUGHT_RATE`."""
    fall = WAYS[way].fall
    if fall is None:
        return training.adamw(model.parameters(), SCRATCH_RATE)
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


def probed(task, encoder, count=FEW, seed=0):
    """Mean IoU of a linear probe of each level of an encoder, on the pictures to choose by: array (levels,).

    It is read out from ``count`` labelled pictures. Classes that none of them shows are never the answer.
    """
    images, targets = pictures(task, labelled(task, count, seed))
    classes, numbers = np.unique(np.stack(targets), return_inverse=True)
    asked, truth = pictures(task, TASKS[task].validation)
    found = []
    for known, new in zip(_by_level(encoder, images), _by_level(encoder, asked), strict=True):
        deviation, mean = torch.std_mean(known, dim=0, correction=0)
        deviation = deviation.clamp(min=1e-6)
        weights, offsets = transfer.readout(
            (known - mean) / deviation, torch.from_numpy(numbers.ravel()), len(classes)
        )
        answers = classes[((new - mean) / deviation @ weights + offsets).argmax(1).numpy()]
        matrix = metrics.confusion_matrix(np.stack(truth).ravel(), answers, TASKS[task].classes)
        found.append(np.nanmean(metrics.iou(matrix)))
    return np.array(found)


def _by_level(encoder, images):
    """Features of all pixels, a tensor (pixels, channels) for each level in turn."""
    whole = torch.tensor(np.stack(images)).movedim(-1, 1).float()
    for level in transfer.hypercolumns(encoder, whole).split(list(encoder.widths), dim=1):
        yield level.movedim(1, -1).flatten(0, -2)


def measured(encoder, task, seed=0):
    """The encoder, the averages of its norms measured anew on `FEW` pictures of a task, in place."""
    images, _ = pictures(task, labelled(task, FEW, seed))
    transfer.recalibrate(encoder, [torch.tensor(np.stack(images)).movedim(-1, 1).float()])
    return encoder


def noise(seed=0):
    """An encoder as it is before it learns."""
    training.seed(seed)
    return pretrained.encoder(taught=False)


# Encoders to read from, functions of task and seed; none has seen a label of the task.
EYES = {
    "taught": lambda task, seed: pretrained.encoder(),
    "taught, norms measured": lambda task, seed: measured(pretrained.encoder(), task, seed),
    "mean and variance": lambda task, seed: measured(
        transfer.mean_variance_(noise(seed), pretrained.encoder(), seed), task, seed
    ),
    "noise": lambda task, seed: measured(noise(seed), task, seed),
}


# ----------------------------------------------------------------------------------------------- the studies


PAIR = ("scratch", "fine-tuned")
EFFICIENCY = [{"way": way, "count": count} for way in PAIR for count in LABELLED]


@study(
    "few_streets",
    "How many labelled streets is a taught encoder worth?",
    [each for each in EFFICIENCY if each["count"] <= 20],
    seeds=range(3),
)
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
    [{"way": way} for way in WAYS if way not in PAIR],
    seeds=range(3),
)
def ways_to_transfer(seed, way, steps=None):
    """`measure` on ten mosaics; `few_mosaics` has the other two ways."""
    return measure("mosaics", way, FEW, seed, steps)


@study(
    "no_help",
    "Where does a taught encoder not help?",
    [{"way": way} for way in ("mean and variance", "frozen")],
    seeds=range(3),
)
def no_help(seed, way, steps=None):
    """`measure` on ten streets; `few_streets` has the pair."""
    return measure("streets", way, FEW, seed, steps)


@study(
    "probes",
    "What does a linear probe read from each level of encoders that have not seen the task?",
    grid(task=["mosaics", "streets"], eyes=list(EYES)),
)
def probes(seed, task, eyes):
    """`probed`, by the stride of the level."""
    found = probed(task, EYES[eyes](task, seed), seed=seed)
    return rounded({f"stride_{2**level}": value for level, value in enumerate(found)})


STUDIED = {"mosaics": ("few_mosaics", "ways_to_transfer"), "streets": ("few_streets", "no_help")}


def ways(task, value):
    """One recorded number of each way to learn a task from `FEW` pictures: dict of arrays over the seeds."""
    recorded = [row for name in STUDIED[task] for row in rows(name) if row.get("count", FEW) == FEW]
    return {
        way: column(recorded, value, way=way) for way in WAYS if any(row["way"] == way for row in recorded)
    }
