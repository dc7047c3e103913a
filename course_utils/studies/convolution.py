"""Lesson 08: a small network and the mosaics that it learns, and its studies."""

from functools import partial
from math import nan

import numpy as np
import torch
from scipy import ndimage
from torch import nn
from torch.nn import functional as F

from course_utils import training
from course_utils.classic import features
from course_utils.data import synthetic
from course_utils.models.parts import Standardise
from course_utils.study import rounded, study

TEXTURES = ("brick", "grass", "gravel")
VALIDATION, TEST = synthetic.MOSAIC_SEEDS["validation"], synthetic.MOSAIC_SEEDS["test"]
STEPS = 300
SCALES = (1, 2, 4)  # of the forest's features: those that validation pictures chose
BLURS = (0, 2, 4, 6, 8, 10, 12, 16)  # deviations in pixels with which answers may be smoothed


class SmallNet(nn.Module):
    """Four times convolution, norm and ReLU, and a fifth convolution that makes a score for each class; nothing else.

    The first two move their window on by two pixels, so the scores come at a quarter of the height and width.
    They are enlarged to the image by straight lines. (B, channels, H, W) -> (B, classes, H, W), images of any size.

    Parameters: classes; width, channels of the first convolution (the others have twice as many); norm, a layer
    between each convolution and its ReLU, made for a number of channels; channels, of the images.
    """

    def __init__(self, classes, width=16, norm=nn.BatchNorm2d, channels=1):
        super().__init__()
        self.features, inputs = nn.Sequential(Standardise()), channels
        for outputs, stride in ((width, 2), (2 * width, 2), (2 * width, 1), (2 * width, 1)):
            layer = nn.Conv2d(inputs, outputs, 3, stride, padding=1)
            nn.init.kaiming_normal_(layer.weight)  # He's rule
            nn.init.zeros_(layer.bias)
            self.features.extend([layer, norm(outputs), nn.ReLU()])
            inputs = outputs
        self.scores = nn.Conv2d(inputs, classes, 1)

    def forward(self, images):
        return F.interpolate(self.scores(self.features(images)), images.shape[-2:], mode="bilinear")


def mosaics(seeds, split="train", **knobs):
    """Mosaics of the three textures, 128 × 128: (images, targets), lists of float and uint8 arrays (H, W)."""
    made = [synthetic.mosaics(seed, size=128, textures=TEXTURES, split=split, **knobs) for seed in seeds]
    return [sample.image for sample in made], [sample.labels.astype(np.uint8) for sample in made]


def teaching(seed, count):
    """Mosaics to learn from, others for each seed; none is used to validate or to test."""
    return mosaics(range(1000 * (seed + 1), 1000 * (seed + 1) + count))


def examine(model, images, targets):
    """(mean cross-entropy, share of pixels right) of a network, wherever it lives, on images of one size."""
    device = next(model.parameters()).device
    pixels = torch.tensor(np.stack(images), dtype=torch.float32, device=device)[:, None]
    truth = torch.tensor(np.stack(targets), device=device).long()
    with torch.no_grad():
        logits = model(pixels)
    return float(training.cross_entropy(logits, truth)), float((logits.argmax(1) == truth).float().mean())


def batches(images, targets, seed=0, augment=None):
    """Eight windows of 96 × 96 a step."""
    return training.Batches(images, targets, size=8, crop=96, augment=augment, seed=seed)


def table_of(images, targets, every):
    """Lesson 07's features (n, 45) of each image's pixels, one in ``every``, and the classes there (n,)."""
    rows = [features.features(image, SCALES).values.reshape(image.size, -1)[::every] for image in images]
    return np.concatenate(rows), np.concatenate([target.ravel()[::every] for target in targets])


def forest_of(images, targets, seed=0):
    """Lesson 07's forest, of 30 trees, taught about 8000 pixels however many the images."""
    every = max(1, len(images) * images[0].size // 8000)
    from sklearn.ensemble import RandomForestClassifier  # two seconds, which lessons 09 and 10 need not wait

    return RandomForestClassifier(30, random_state=seed).fit(*table_of(images, targets, every))


@study(
    "few_or_many",
    "What do a forest on features by hand and a small network make of 2, 8 and 32 mosaics?",
    [
        *({"learner": "forest", "pictures": count} for count in (2, 8, 32)),
        *({"learner": "network", "pictures": count} for count in (2, 8, 32)),
        *({"learner": "flips", "pictures": count} for count in (2, 32)),
        {"learner": "narrow", "pictures": 32},
        {"learner": "no norm", "pictures": 32},
    ],
)
def few_or_many(seed, learner, pictures):
    """Shares of pixels right and losses, of the weights that validated best and, ``_end``, of the last ones."""
    images, targets = teaching(seed, pictures)
    chosen, asked = mosaics(VALIDATION), mosaics(TEST, "test")
    if learner == "forest":
        return rounded(_of_forest(seed, images, targets, chosen, asked))
    training.seed(seed)
    norm = nn.Identity if learner == "no norm" else nn.BatchNorm2d
    model = SmallNet(3, 3 if learner == "narrow" else 16, norm)
    exams = []

    def validate(model):
        exams.append(examine(model, *chosen))
        return -exams[-1][0]

    augment = training.flips() if learner == "flips" else None
    history = training.fit(
        model, batches(images, targets, seed, augment), steps=STEPS, validate=validate, watch=False
    )
    losses, rights = zip(*exams, strict=True)
    known, test = examine(model, images, targets), examine(model, *asked)
    return rounded(
        {
            "train_loss_end": np.mean(history.losses[-20:]),
            "val_loss_end": losses[-1],
            "val_right_end": rights[-1],
            "best_step": history.best[0],
            "train_right": known[1],
            "val_loss": min(losses),
            "val_right": rights[int(np.argmin(losses))],
            "test_right": test[1],
        }
    )


def _of_forest(seed, images, targets, chosen, asked):
    """The same numbers of a forest, as far as it has them."""
    forest = forest_of(images, targets, seed)
    pairs = (images[:2], targets[:2]), chosen, asked
    known, chose, test = (forest.score(*table_of(*pair, every=7)) for pair in pairs)
    return {
        "train_loss_end": nan,
        "val_loss_end": nan,
        "val_right_end": chose,
        "best_step": 0,
        "train_right": known,
        "val_loss": nan,
        "val_right": chose,
        "test_right": test,
    }


def shares_of(forest, image):
    """A forest's share of votes for each class at each pixel, (K, H, W)."""
    rows = table_of([image], [np.zeros(image.shape, np.uint8)], every=1)[0]
    return forest.predict_proba(rows).T.reshape(-1, *image.shape)


def smoothed(answer, choosing, asking):
    """(deviation, share of ``choosing`` right, share of ``asking`` right) of answers that were smoothed.

    Each class's probabilities are blurred by a Gaussian before the largest is taken. Of `BLURS`, the deviation is the
    one with which most pixels of ``choosing`` are right.

    Parameters: answer, a function of an image, probabilities (K, H, W); choosing, asking, pairs (images, targets).
    """

    def rights(images, targets, blurs):
        answers = [answer(image) for image in images]
        return [
            np.mean(
                [
                    (ndimage.gaussian_filter(shares, (0, blur, blur)).argmax(0) == target).mean()
                    for shares, target in zip(answers, targets, strict=True)
                ]
            )
            for blur in blurs
        ]

    chosen = rights(*choosing, BLURS)
    blur = BLURS[int(np.argmax(chosen))]
    return blur, float(max(chosen)), float(rights(*asking, [blur])[0])


@study(
    "smoothed_forests",
    "How much better is a forest on features by hand when its answers are smoothed, as a network's are by its stride?",
    [{"pictures": count} for count in (2, 32)],
)
def smoothed_forests(seed, pictures):
    """The deviation that validation mosaics chose, and the shares of pixels right with it."""
    forest = forest_of(*teaching(seed, pictures), seed)
    blur, chose, test = smoothed(
        lambda image: shares_of(forest, image), mosaics(VALIDATION), mosaics(TEST, "test")
    )
    return rounded({"blur": blur, "val_right": chose, "test_right": test})


OPTIMISERS = {
    "SGD": torch.optim.SGD,
    "momentum": lambda parameters, lr: torch.optim.SGD(parameters, lr, momentum=0.9),
    "AdamW": training.adamw,
}
SCHEDULES = {
    "rise and fall": training.warm_cosine,
    "rise alone": lambda progress: 1.0 if progress >= 0.1 else training.warm_cosine(progress),
    "fall alone": partial(training.warm_cosine, warm=0.0),
    "constant": training.constant,
}


@study(
    "descents",
    "Which learning rates suit SGD, momentum and AdamW?",
    [
        *({"method": "SGD", "rate": rate} for rate in (0.3, 3.0, 30.0)),
        *({"method": "momentum", "rate": rate} for rate in (0.03, 0.3, 3.0)),
        *({"method": "AdamW", "rate": rate} for rate in (0.002, 0.02, 0.2, 2.0)),
    ],
)
def descents(seed, method, rate):
    """Loss of the last batches, and on validation mosaics of the last weights; ``diverged`` 1 where it went to NaN."""
    return _descend(seed, lambda parameters: OPTIMISERS[method](parameters, rate))


@study(
    "schedules",
    "What does a rate that rises and falls add, and which of the two does it?",
    [{"schedule": name, "rate": 0.02} for name in SCHEDULES],
)
def schedules(seed, schedule, rate):
    """The same of AdamW, by its schedule."""
    return _descend(seed, partial(training.adamw, rate=rate), SCHEDULES[schedule])


def _descend(seed, optimiser, schedule=training.warm_cosine):
    training.seed(seed)
    model, chosen = SmallNet(3), mosaics(VALIDATION)
    given = batches(*teaching(seed, 32), seed)
    try:
        history = training.fit(model, given, steps=STEPS, optimiser=optimiser, schedule=schedule, watch=False)
    except training.Diverged as stopped:
        history = stopped.history
    loss, right = examine(model, *chosen)
    return rounded(
        {
            "diverged": int(history.ended == "diverged"),
            "train_loss_end": np.mean(history.losses[-20:]),
            "val_loss": loss,
            "val_right": right,
        }
    )
