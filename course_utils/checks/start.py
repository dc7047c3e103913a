"""The exercises of lesson 00: a first mask, a first number."""

import numpy as np

from course_utils.checks.framework import Exercise, Mistake, Property, small_images, small_masks


def brighter(image, threshold):
    return image > threshold


def object_share(mask):
    return float(mask.mean())


TINY = np.array([[0.1, 0.5, 0.9], [0.7, 0.5, 0.2]])
ROW = np.array([[True, False, False, True]])


def _images(rng):
    images = small_images(rng, count=5, levels=5) + small_images(rng, count=5)
    return [(image, float(rng.choice([0.25, 0.5, 0.8]))) for image in images]


FIRST_MASK = Exercise(
    slug="first-mask",
    lesson="00",
    title="Your first mask",
    minutes=2,
    points=1,
    hints=(
        "Look at the second cell of section 2: there the question was put to every pixel at once.",
        "A comparison between an array and a number gives an array of True and False. No loop is needed.",
        "Replace `return ...` by `return image > threshold`.",
    ),
    reference=brighter,
    properties=(
        Property("is right on a tiny picture", [(TINY, 0.5), (TINY, 0.15)]),
        Property("is right on other pictures", _images, weight=2),
        Property("finds nothing above the brightest value", [(TINY, 0.9), (np.ones((2, 2)), 1.0)]),
    ),
    mistakes=(
        Mistake(
            "darker",
            lambda image, threshold: image < threshold,
            "You marked the *darker* pixels: turn the comparison round.",
        ),
        Mistake(
            "not darker than",
            lambda image, threshold: image >= threshold,
            "Pixels *equal* to the threshold were marked too. Greater than is asked for: `>`, not `>=`.",
        ),
        Mistake(
            "fixed number",
            lambda image, threshold: image > 0.45,
            "Your function always uses 0.45. It was given a `threshold`: use that one.",
        ),
        Mistake(
            "zeros and ones",
            lambda image, threshold: (image > threshold).astype(int),
            "You return the numbers 0 and 1. A mask holds True and False, as the comparison gives them.",
        ),
        Mistake(
            "the other grey values",
            lambda image, threshold: np.where(image > threshold, image, 0),
            "You return the grey values of the bright pixels. A mask holds only True and False.",
        ),
        Mistake(
            "one answer for all",
            lambda image, threshold: bool((image > threshold).any()),
            "You return a single yes or no. "
            "Every pixel must get its own answer: return the whole array of comparisons.",
        ),
    ),
)

OBJECT_SHARE = Exercise(
    slug="object-share",
    lesson="00",
    title="How much is coin?",
    minutes=2,
    points=1,
    hints=(
        "How many pixels are True, and how many are there?",
        "`mask.sum()` counts the True pixels (True is 1, False is 0); `mask.size` is the number of all pixels.",
        "`return mask.sum() / mask.size`, or shorter: what is the mean of ones and zeros?",
    ),
    reference=object_share,
    bounds=(0, 1),
    properties=(
        Property("is right for a row of four pixels", [ROW]),
        Property("is right for pictures of any shape", lambda rng: small_masks(rng, count=10), weight=2),
        Property(
            "is 0 for an empty mask and 1 for a full one", [np.zeros((2, 3), bool), np.ones((3, 2), bool)]
        ),
    ),
    mistakes=(
        Mistake(
            "number",
            lambda mask: float(mask.sum()),
            "That is the *number* of object pixels. The share is that number divided by all pixels.",
        ),
        Mistake("background", lambda mask: float((~mask).mean()), "That is the share of the background."),
        Mistake(
            "divided by rows",
            lambda mask: float(mask.sum() / len(mask)),
            "You divided by `len(mask)`, which is the number of rows. All pixels are `mask.size`.",
        ),
        Mistake(
            "ratio to background",
            lambda mask: float(mask.sum() / max((~mask).sum(), 1)),
            "You divided by the background. A share is a part of the *whole*: divide by all pixels.",
        ),
        Mistake(
            "percent",
            lambda mask: float(100 * mask.mean()),
            "That is in per cent. Asked for is a number from 0 to 1.",
        ),
    ),
)

EXERCISES = [FIRST_MASK, OBJECT_SHARE]
