"""Lesson 13: one network on busy streets, with eight losses or nine recipes against overfitting, compared fairly.

What makes the comparison fair: every loss teaches the same network on the same streets for the same number of steps;
each has had four trainings to choose its learning rate and its own knob, on validation streets, with a seed that is
not used again (the study ``loss_trials``); and before they meet on the test streets, each has its decision tuned on
the validation streets (`shifts`). What is left is what the loss does.
"""

from functools import cache, partial
from itertools import product

import numpy as np
from torch import nn
from torchvision.transforms import v2

from course_utils import losses, metrics, training
from course_utils.data import synthetic
from course_utils.data.synthetic import TOWN_CLASSES, TOWN_SEEDS
from course_utils.models.parts import ConvBlock
from course_utils.models.unet import UNet
from course_utils.studies.upsampling import class_boundary_f
from course_utils.study import rounded, rows, study

CLASSES = len(TOWN_CLASSES)
PERSON, POLE = TOWN_CLASSES.index("person"), TOWN_CLASSES.index("pole")
WIDTHS = (8, 16, 32, 64)
STEPS, CROP = 240, 64
PEOPLE = 8  # expected in a street; with the 2.5 of the usual streets no loss finds them in so few steps
LEARNED, VALIDATION, EXAM = TOWN_SEEDS["train"][:40], TOWN_SEEDS["validation"][:8], TOWN_SEEDS["test"][:16]
TRIAL_SEED = 5  # of the trainings that choose; the study itself has the seeds 0 … 4


@cache
def street(seed):
    """A busy street of 96 × 128 pixels: (image float (96, 128, 3), classes uint8 (96, 128))."""
    sample = synthetic.town(seed, size=(96, 128), people=PEOPLE)
    return sample.image, sample.labels.astype(np.uint8)


def streets(seeds):
    """Several streets: (images, targets), lists."""
    images, targets = zip(*(street(int(seed)) for seed in seeds), strict=True)
    return list(images), list(targets)


# -- the losses -----------------------------------------------------------------------------------------


@cache
def prices():
    """Weights of the eight classes by how rare they are on the streets to learn from, see `inverse_frequency`."""
    return losses.inverse_frequency(streets(LEARNED)[1], CLASSES)


def _and(partner, share):
    """Cross-entropy and a share of another loss."""
    return losses.mixed((1, losses.cross_entropy), (share, partner))


#: Losses by name: what makes one from its knob, and the two values of the knob that are tried, if it has any.
LOSSES = {
    "cross-entropy": (lambda knob: losses.cross_entropy, None),
    "weighted": (lambda knob: partial(losses.cross_entropy, weights=prices()), None),
    "focal": (lambda gamma: partial(losses.focal, gamma=gamma), (1, 2)),
    "Dice": (lambda knob: losses.dice, None),
    "Lovász": (lambda knob: losses.lovasz, None),
    "CE + Dice": (partial(_and, losses.dice), (0.3, 1)),
    "CE + clDice": (partial(_and, partial(losses.cldice, classes=[POLE])), (0.3, 1)),
    "CE + boundary": (partial(_and, partial(losses.boundary, classes=[PERSON, POLE])), (0.01, 0.1)),
}
FOUR_RATES, TWO_RATES = (0.001, 0.003, 0.01, 0.03), (0.003, 0.01)


def trials(loss):
    """The four pairs (rate, knob) that are tried for a loss: four rates, or two rates with two values of its knob."""
    knobs = LOSSES[loss][1]
    return list(product(TWO_RATES, knobs)) if knobs else list(product(FOUR_RATES, [None]))


def chosen(loss):
    """The pair (rate, knob) that did best on the validation streets, by the recorded study ``loss_trials``."""
    (row,) = (row for row in rows("loss_trials") if row["loss"] == loss)
    return trials(loss)[int(np.argmax([row[f"trial_{n}"] for n in range(4)]))]


def learn(loss, seed=0, rate=None, knob=None, **options):
    """(model, History): the U-Net, taught streets and mirrored ones; options as for `training.fit`.

    loss : one of LOSSES; rate, knob : by default those that are `chosen`
    """
    if rate is None:
        rate, knob = chosen(loss)
    training.seed(seed)
    model = UNet(3, CLASSES, WIDTHS)
    images, targets = streets(LEARNED)
    given = training.Batches(images, targets, crop=CROP, augment=v2.RandomHorizontalFlip(), seed=seed)
    options = {"steps": STEPS} | options
    history = training.fit(
        model,
        given,
        loss=LOSSES[loss][0](knob),
        optimiser=partial(training.adamw, rate=rate),
        **options,
    )
    return model, history


# -- decisions, and scores ------------------------------------------------------------------------------


def believed(model, seeds):
    """(probabilities float32 (N, K, H, W), targets (N, H, W)) of the streets of these seeds."""
    images, targets = streets(seeds)
    return np.stack([training.predict(model, image) for image in images]), np.stack(targets)


def decided(probabilities, shift=0.0):
    """Classes int (N, H, W): the largest log p + shift, with one shift for each class."""
    shift = np.broadcast_to(np.asarray(shift, np.float32), CLASSES)
    return (np.log(probabilities + 1e-12) + shift[:, None, None]).argmax(axis=1)


def shifts(probabilities, targets, sweeps=2):
    """What to add to the log probability of each class, so that the mean IoU on these images is best; float (K,).

    With two classes that is a threshold on the probability. With more, one class after the other gets the best of 49
    shifts from −6 to 6 while the others keep theirs, in ``sweeps`` rounds.
    """
    scores = np.log(np.moveaxis(probabilities, 1, 0).reshape(CLASSES, -1) + 1e-12)
    truth = np.asarray(targets).ravel().astype(np.int64)
    found = np.zeros(CLASSES, np.float32)
    for k in list(range(CLASSES)) * sweeps:
        others = scores + found[:, None]
        others[k] = -np.inf
        rival = others.argmax(axis=0)
        lead = others.max(axis=0) - scores[k]  # the class gets the pixels where its shift is more than that
        tried = np.concatenate([found[k : k + 1], np.linspace(-6, 6, 49, dtype=np.float32)])
        matrices = [_matrix(truth, np.where(lead < shift, k, rival)) for shift in tried]
        best = np.argmax(metrics.mean_iou(np.stack(matrices)))  # the old one, unless another is better
        found[k] = tried[best]
    return found - found[1]  # only differences count: the road has 0


def _matrix(truth, prediction):
    return np.bincount(truth * CLASSES + prediction, minlength=CLASSES**2).reshape(CLASSES, CLASSES)


def scores(probabilities, targets, shift):
    """How good the answers are: dict of floats.

    Of the likeliest classes (``plain_…``) and of those decided with the shift (``tuned_…``): ``miou``, ``CLASS`` for
    the IoU of each class, pooled, ``boundary`` for boundary F at 1 px, mean over the classes of a street, then over
    streets, and ``boundary_pole`` of the poles alone. Of the probabilities: ``ece``, the expected calibration error of
    the likeliest class, and ``said_CLASS``, the pixels that they promise in sum, over those that there are.
    """
    found = {}
    for name, answers in {"plain": decided(probabilities), "tuned": decided(probabilities, shift)}.items():
        each = metrics.iou(metrics.confusion_matrix(targets, answers, CLASSES))
        found[f"{name}_miou"] = np.nanmean(each)
        found |= {f"{name}_{k}": iou for k, iou in zip(TOWN_CLASSES, each, strict=True)}
        pairs = list(zip(targets, answers, strict=True))
        found[f"{name}_boundary"] = np.mean([class_boundary_f(*pair) for pair in pairs])
        found[f"{name}_boundary_pole"] = np.mean(
            [metrics.boundary_f(t == POLE, a == POLE, 1) for t, a in pairs if (t == POLE).any()]
        )
    top = probabilities.max(axis=1)
    found["ece"] = metrics.calibration(np.minimum(top, 1), probabilities.argmax(axis=1) == targets).error
    for k in (PERSON, POLE):
        found[f"said_{TOWN_CLASSES[k]}"] = probabilities[:, k].sum() / (targets == k).sum()
    return found


@study(
    "loss_trials",
    "Which learning rate, and which value of its own knob, suits each loss?",
    [{"loss": loss} for loss in LOSSES],
    seeds=[TRIAL_SEED],
)
def loss_trials(seed, loss):
    """Mean IoU on the validation streets after each of the four `trials`, every one with its decision tuned."""
    found = {}
    for number, (rate, knob) in enumerate(trials(loss)):
        try:
            model, _ = learn(loss, seed, rate, knob, watch=False)
        except training.Diverged:
            found[f"trial_{number}"] = 0.0
            continue
        answers = believed(model, VALIDATION)
        matrix = metrics.confusion_matrix(answers[1], decided(answers[0], shifts(*answers)), CLASSES)
        found[f"trial_{number}"] = metrics.mean_iou(matrix)
    return rounded(found)


@study(
    "losses",
    "What does each loss change on streets, before and after its decision is tuned?",
    [{"loss": loss} for loss in LOSSES],
)
def compared(seed, loss):
    """`scores` on the test streets, and the shift of people and poles that the validation streets asked for."""
    model, _ = learn(loss, seed, watch=False)
    shift = shifts(*believed(model, VALIDATION))
    found = scores(*believed(model, EXAM), shift)
    return rounded(found | {"shift_person": shift[PERSON], "shift_pole": shift[POLE]})


@study(
    "closer_losses",
    "What do losses do to the order and the honesty of the probabilities, and what do weights do in the long run?",
    [{"loss": loss, "longer": 1} for loss in ("cross-entropy", "weighted", "focal", "Dice")]
    + [{"loss": loss, "longer": 4} for loss in ("cross-entropy", "weighted")],
)
def closer(seed, loss, longer):
    """Some of the `scores`, after ``longer`` times the steps; and what does not hang on any decision:
    ``ordered_person``, the average precision of p(person), ``sure``, the mean probability of the likeliest class, and
    ``right``, the share of the pixels in which that class is the true one.
    """
    model, _ = learn(loss, seed, steps=longer * STEPS, watch=False)
    shift = shifts(*believed(model, VALIDATION))
    probabilities, targets = believed(model, EXAM)
    found = scores(probabilities, targets, shift) | {
        "ordered_person": metrics.average_precision(probabilities[:, PERSON], targets == PERSON),
        "sure": probabilities.max(axis=1).mean(),
        "right": (probabilities.argmax(axis=1) == targets).mean(),
    }
    kept = [f"{how}_{what}" for how in ("plain", "tuned") for what in ("miou", "person", "building")]
    return rounded({name: found[name] for name in ("ordered_person", "said_person", "sure", "right", *kept)})


# -- regularisation -------------------------------------------------------------------------------------

REGULAR_STEPS, RATE = 240, 5e-3


class DropoutBlock(nn.Sequential):
    """The usual block, after which one channel in ten is left out in training."""

    def __init__(self, inputs, outputs, norm=nn.BatchNorm2d):
        super().__init__(ConvBlock(inputs, outputs, norm), nn.Dropout2d(0.1))


_MIRROR = v2.RandomHorizontalFlip()
_COLOUR = v2.ColorJitter(brightness=0.3, contrast=0.3, saturation=0.3, hue=0.03)
#: What may keep a network from learning its images by heart, as changes to the plain recipe.
RECIPES = {
    "nothing": {},
    "weight decay": {"decay": 0.3},
    "dropout": {"block": DropoutBlock},
    "label smoothing": {"loss": partial(losses.cross_entropy, smoothing=0.1)},
    "flips": {"augment": _MIRROR},
    "colour": {"augment": _COLOUR},
    "mixup": {"mix": partial(training.mixup, classes=CLASSES), "loss": losses.soft_cross_entropy},
    "CutMix": {"mix": training.cutmix},
    "flips, colour, CutMix": {"augment": v2.Compose([_MIRROR, _COLOUR]), "mix": training.cutmix},
}


def regularised(recipe, images, seed=0, **options):
    """(model, History, seeds): the U-Net after a recipe, and the streets that it was taught; options as for `fit`.

    recipe : one of RECIPES; images : how many of the streets 0 … 99
    """
    how = {"decay": 0, "block": ConvBlock, "loss": losses.cross_entropy, "augment": None, "mix": None}
    how |= RECIPES[recipe]
    seeds = np.random.default_rng(seed).permutation(100)[:images]
    training.seed(seed)
    model = UNet(3, CLASSES, WIDTHS, block=how["block"])
    given = training.Batches(*streets(seeds), crop=CROP, augment=how["augment"], seed=seed)
    history = training.fit(
        model,
        training.Mixing(given, how["mix"], seed) if how["mix"] else given,
        loss=how["loss"],
        optimiser=partial(training.adamw, rate=RATE, decay=how["decay"]),
        **{"steps": REGULAR_STEPS} | options,
    )
    return model, history, seeds


def _regularised(seed, recipe, images, **options):
    """A row of the studies of regularisation: losses, scores and calibration on learned and on new streets."""
    model, _, seeds = regularised(recipe, images, seed, watch=False, **options)
    found = {}
    for name, asked in {"learned": seeds[:16], "test": EXAM}.items():
        probabilities, targets = believed(model, asked)
        answers = decided(probabilities)
        true = np.take_along_axis(probabilities, targets[:, None].astype(int), axis=1)
        found[f"{name}_miou"] = metrics.mean_iou(metrics.confusion_matrix(targets, answers, CLASSES))
        found[f"{name}_accuracy"] = (targets == answers).mean()
        found[f"{name}_loss"] = -np.log(true + 1e-12).mean()
        sure = np.minimum(probabilities.max(axis=1), 1)
        found[f"{name}_sure"] = sure.mean()
        found[f"{name}_ece"] = metrics.calibration(sure, targets == answers).error
    return rounded(found)


@study(
    "regularised_20",
    "What keeps a network from learning twenty streets by heart?",
    [{"recipe": recipe} for recipe in RECIPES],
    seeds=range(3),
)
def regularised_20(seed, recipe):
    """Mean IoU, accuracy, cross-entropy, sureness and calibration error, on learned streets and on test streets."""
    return _regularised(seed, recipe, 20)


@study(
    "regularised_100",
    "What does regularisation still bring when there are five times as many streets?",
    [{"recipe": recipe} for recipe in RECIPES],
    seeds=range(3),
)
def regularised_100(seed, recipe):
    """As the study ``regularised_20``."""
    return _regularised(seed, recipe, 100)


@study(
    "by_heart",
    "Five streets only, and twice the steps: which regulariser helps then?",
    [{"recipe": recipe} for recipe in ("nothing", "flips", "flips, colour, CutMix")],
    seeds=range(3),
)
def by_heart(seed, recipe):
    """As the study ``regularised_20``."""
    return _regularised(seed, recipe, 5, steps=2 * REGULAR_STEPS)
