"""The exams of the grand comparison: one list of test pictures a set, and one rule that scores any answer to them.

=========== ===================================================================================== ==================
``photos``  the nine photographs of the scoreboard, the object of each                            IoU
``nuclei``  24 generated pictures of crowded nuclei, those of lesson 10: all that is nucleus      IoU
``counted`` the same pictures, nucleus by nucleus                                                 F1 at IoU 0.5
``mosaics`` 48 mosaics of six photographed textures, those of lesson 16: which texture is where   mean IoU
``town``    12 generated streets, those of lesson 09: eight classes                               mean IoU
``canals``  100 canals under clouds, those of lesson 14, which the picture does not decide        IoU with the
                                                                                                  nearest possible
=========== ===================================================================================== ==================

IoU and F1 are means over pictures; mean IoU is the mean over classes, pooled over all pixels of the set. Who was given
strokes in the test picture is not examined on the painted pixels (but for boundaries, which strokes keep away from, and
canals).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property, partial

import numpy as np

from course_utils import metrics, scoreboard, strokes
from course_utils.classic import filters
from course_utils.data import synthetic
from course_utils.data.masks import IGNORE
from course_utils.studies import adversarial, skips, transfer, upsampling


@dataclass(frozen=True, eq=False)
class Picture:
    """A test picture: ``image`` float (H, W[, 3]); ``truth`` uint8 (H, W), classes from 0; ``sample``, what made it."""

    image: np.ndarray
    truth: np.ndarray
    sample: object = None

    @cached_property
    def item(self):
        """As a picture of the scoreboard, which it may be, with class 1 as its object (`scoreboard.Item`)."""
        if isinstance(self.sample, scoreboard.Item):
            return self.sample
        grey, mask = filters.luminance(self.image), self.truth == 1
        return scoreboard.Item("", "", self.image, mask, grey[mask].mean() > grey[~mask].mean())

    def strokes(self, classes, seed):
        """Strokes as in the reckoning, int32 (H, W): each class's number, ``classes`` for class 0, 0 elsewhere."""
        numbers = np.where(self.truth == 0, classes, self.truth)
        return strokes.paint(numbers, length=min(numbers.shape) // 8, seed=seed)


@dataclass(frozen=True)
class Exam:
    """What is asked of the pictures of a set.

    title : for people; quality : what the score is, in words; classes : how many an answer may hold; tolerance : of
    the boundary F, in pixels, None where the question is another; draw : -> tuple of Picture; lessons : function of a
    seed -> (images, targets) to learn from, None where there are none; score : function of (pictures, answers, painted)
    -> quality.
    """

    title: str
    quality: str
    classes: int
    tolerance: float | None
    draw: Callable
    score: Callable
    lessons: Callable | None = None

    def pictures(self):
        """The test pictures, tuple of Picture."""
        return self.draw()

    def scores(self, answers, painted=None):
        """``quality`` and ``boundary_f`` of answers, int (H, W) each: dict; ``painted``: where strokes were, bool."""
        pictures = self.pictures()
        painted = [np.zeros(p.truth.shape, bool) for p in pictures] if painted is None else painted
        found = {"quality": self.score(pictures, answers, painted), "boundary_f": np.nan}
        if self.tolerance is not None:
            edges = _object_edges if self.classes == 2 else upsampling.class_boundary_f
            pairs = zip(pictures, answers, strict=True)
            found["boundary_f"] = np.mean([edges(p.truth, answer, self.tolerance) for p, answer in pairs])
        return found


def _object_edges(truth, answer, tolerance):
    return metrics.boundary_f(truth == 1, answer == 1, tolerance)


# -- how answers are scored ---------------------------------------------------------------------------------


def object_iou(pictures, answers, painted):
    """Mean over the pictures of the object's IoU, on the pixels that nobody painted (float)."""
    triples = zip(pictures, answers, painted, strict=True)
    return np.mean([metrics.mask_iou(p.truth[~known] == 1, a[~known] == 1) for p, a, known in triples])


def mean_iou(pictures, answers, painted, classes):
    """Mean over the classes of their IoU, pooled over the pixels that nobody painted and that are not void (float)."""
    truths = np.stack([np.where(known, IGNORE, p.truth) for p, known in zip(pictures, painted, strict=True)])
    return np.nanmean(metrics.iou(metrics.confusion_matrix(truths, np.stack(answers), classes)))


def nearest_iou(pictures, answers, painted):
    """Mean over the pictures of the IoU with the nearest of the canals that would have given the same picture."""
    return adversarial.scores([p.sample for p in pictures], np.stack(answers) == 1)["nearest"]


def instance_f1(pictures, answers, painted):
    """Mean over the pictures of F1 of the instances, matched where their IoU is 0.5 or more (float)."""
    pairs = zip(pictures, answers, strict=True)
    return np.mean([metrics.match_instances(p.sample.labels, answer, 0.5).f1 for p, answer in pairs])


# -- the pictures -------------------------------------------------------------------------------------------


@cache
def _photos():
    found = map(scoreboard.photograph, scoreboard.PHOTOS)
    return tuple(Picture(item.image, item.mask.astype(np.uint8), item) for item in found)


@cache
def _nuclei():
    return tuple(Picture(s.image, (s.labels > 0).astype(np.uint8), s) for s in skips.unseen())


@cache
def _canals():
    return tuple(Picture(s.image, s.labels.astype(np.uint8), s) for s in adversarial.canals("test"))


@cache
def of_pairs(load):
    """Pictures from a function that returns (images, truths), tuple of Picture; read once."""
    return tuple(Picture(*pair) for pair in zip(*load(), strict=True))


def _mosaics():
    return transfer.pictures("mosaics", transfer.TASKS["mosaics"].exam)


def _streets():
    return upsampling.streets(upsampling.STREET_EXAM)


# -- the pictures to learn from: those that the networks get --------------------------------------------------


def _nuclei_lessons(seed):
    samples = skips.pictures(seed)
    return [s.image for s in samples], [(s.labels > 0).astype(np.uint8) for s in samples]


def _mosaic_lessons(seed):
    return transfer.pictures("mosaics", transfer.labelled("mosaics", transfer.FEW, seed))


def _canal_lessons(seed):
    samples = adversarial.canals("train")
    return [s.image for s in samples], [s.labels.astype(np.uint8) for s in samples]


def _town_lessons(seed):
    return upsampling.streets(upsampling.streets_to_learn(seed))


EXAMS = {
    "photos": Exam("Photographs", "IoU of the object", 2, 2.0, _photos, object_iou),
    "nuclei": Exam("Nuclei", "IoU of all nuclei", 2, 1.0, _nuclei, object_iou, _nuclei_lessons),
    "counted": Exam("Nuclei, one by one", "F1 at IoU 0.5", 2, None, _nuclei, instance_f1, _nuclei_lessons),
    "mosaics": Exam(
        "Mosaics of textures",
        "mean IoU",
        len(synthetic.TEXTURES),
        1.0,
        partial(of_pairs, _mosaics),
        partial(mean_iou, classes=len(synthetic.TEXTURES)),
        _mosaic_lessons,
    ),
    "town": Exam(
        "Streets",
        "mean IoU",
        len(synthetic.TOWN_CLASSES),
        1.0,
        partial(of_pairs, _streets),
        partial(mean_iou, classes=len(synthetic.TOWN_CLASSES)),
        _town_lessons,
    ),
    "canals": Exam(
        "Canals under clouds", "IoU, nearest possible", 2, 1.0, _canals, nearest_iou, _canal_lessons
    ),
}
