"""Learning from a few strokes: paint some pixels of each class, and a random forest paints the rest.

The features are the course's (``classic.features``), the forest is scikit-learn's. Taught in lesson 07.
"""

from dataclasses import dataclass

import numpy as np

from course_utils.classic import features as feature_bank
from course_utils.classic import morphology, watershed

SCALES = feature_bank.SCALES


@dataclass(frozen=True)
class PixelForest:
    """A forest that knows pixels by their features; made by ``pixel_classifier``."""

    forest: object  #: sklearn.ensemble.RandomForestClassifier
    names: tuple  #: of the features that it was fitted to
    scales: tuple
    families: tuple

    @property
    def classes(self):
        """The numbers of the strokes, rising."""
        return self.forest.classes_

    def probabilities(self, image):
        """Share of the trees for each class: float64 (K, H, W), sum 1 over K. As many channels as in the fit."""
        values, names = feature_bank.features(image, self.scales, self.families)
        if names != self.names:
            raise ValueError(
                f"image gives {len(names)} features, but the forest was fitted to {len(self.names)}: "
                "it must have as many channels as the images of the strokes"
            )
        shares = self.forest.predict_proba(values.reshape(-1, values.shape[2]))
        return shares.T.reshape(-1, *values.shape[:2])

    def predict(self, image):
        """The class with most trees for each pixel: int32 (H, W), the smallest number of equals."""
        return self.classes[self.probabilities(image).argmax(axis=0)].astype(np.int32)

    def importances(self):
        """Name -> how much of the sorting a feature did, the largest first; sum 1.

        Each question of a tree makes the groups purer; how much (the fall of Gini's impurity) is weighted by the
        training pixels that were asked, added up by feature and averaged over the trees. It is no share of the
        questions: one asked at the root counts for more than many near the leaves.
        """
        shares = self.forest.feature_importances_
        return {self.names[i]: float(shares[i]) for i in np.argsort(-shares, kind="stable")}


def pixel_classifier(
    images, strokes, *, trees=100, seed=0, scales=SCALES, families=feature_bank.FAMILIES, jobs=None
):
    """Fit a random forest to the painted pixels of one image, or of several.

    1. Features of each image.
    2. The painted pixels are the training set: one row of features each, the stroke's number is the class.
    3. A forest: each tree sees a random sample of the rows, and at each branch a random few of the features.

    Parameters: images, one image (H, W) or (H, W, C), or a list of them, of one kind; strokes, integers (H, W), 0 where
    nothing is painted, or a list as long; trees; seed; scales and families as for ``classic.features.features``; jobs,
    processor cores for the forest as in scikit-learn. The pixels of one stroke are neighbours and much alike: they are
    no independent test data for each other.
    Returns: PixelForest, the same for the same seed. Raises ValueError when images and strokes do not fit, or when
    fewer than two classes are painted; TypeError or ValueError for a bad image.
    Cost: features, then trees · pixels painted · their logarithm; prediction is trees · depth a pixel.

    Reference: Breiman, Random forests, Machine Learning 45, 2001, doi:10.1023/A:1010933404324; Berg et al., ilastik,
    Nature Methods 16, 2019, doi:10.1038/s41592-019-0582-9. Lesson 07.
    """
    from sklearn.ensemble import RandomForestClassifier

    single = not isinstance(images, list | tuple)
    images, strokes = ([images], [strokes]) if single else (list(images), list(strokes))
    if not images or len(images) != len(strokes):
        raise ValueError(
            f"there must be one array of strokes for each image, not {len(strokes)} for {len(images)}"
        )
    tables, targets, kinds = [], [], set()
    for image, painted in zip(images, strokes, strict=True):
        painted = np.asarray(painted)
        if painted.dtype.kind not in "iu" or painted.shape != np.shape(image)[:2]:
            raise ValueError(
                f"strokes must be integers of the image's shape {np.shape(image)[:2]}, "
                f"not {painted.dtype} of {painted.shape}"
            )
        if painted.min() < 0:
            raise ValueError(f"strokes must not be negative, but the least is {painted.min()}")
        values, names = feature_bank.features(image, scales, families)
        kinds.add(names)
        tables.append(values[painted > 0])
        targets.append(painted[painted > 0])
    if len(kinds) > 1:
        raise ValueError("images must all have the same number of channels")
    targets = np.concatenate(targets)
    if len(set(targets.tolist())) < 2:
        raise ValueError("strokes must paint at least two classes, with numbers above 0")
    forest = RandomForestClassifier(trees, random_state=seed, n_jobs=jobs).fit(
        np.concatenate(tables), targets
    )
    return PixelForest(forest, kinds.pop(), tuple(np.atleast_1d(scales)), tuple(families))


def paint(labels, *, count=4, length=40, width=3, seed=0):
    """Strokes as somebody might paint them: some straight lines inside each class, the same for the same seed.

    Each begins at a pixel well inside the class, of ten random ones the farthest from the strokes before, and runs, of
    eight directions, along the one in which it stays inside longest, both ways.

    Parameters: labels, integers (H, W), 0 where nothing is ever painted; count, strokes a class; length, of the
    longest, in pixels; width, in pixels, odd, so that a line has a middle; seed.
    Returns: int32 (H, W), the class's number on its strokes, 0 elsewhere. A class of one pixel gets it.
    Raises ValueError for another width.
    """
    if not isinstance(width, int | np.integer) or width < 1 or width % 2 == 0:
        raise ValueError(f"width must be an odd whole number of pixels, not {width!r}")
    labels = np.asarray(labels)
    rng, painted = np.random.default_rng(seed), np.zeros(labels.shape, np.int32)
    for number in np.unique(labels[labels > 0]):
        inside = labels == number
        depth = watershed.distance_transform(inside)
        places = np.argwhere(depth >= min(depth.max(), max(width, 0.25 * depth.max())))
        line, starts = np.zeros(labels.shape, bool), []
        for _ in range(count):
            tries = rng.choice(places, 10)
            apart = [min((np.hypot(*(place - start)) for start in starts), default=0) for place in tries]
            starts.append(tries[np.argmax(apart)])
            line[tuple(_longest(inside, starts[-1], length).T)] = True
        painted[morphology.dilate(line, morphology.disk(width // 2)) & inside] = number
    return painted


def _longest(inside, start, length):
    """Pixels (n, 2) of the longest of eight lines through ``start`` that stay inside, at most ``length`` long."""
    lines = []
    for turn in np.pi * np.arange(8) / 8:
        way, both = np.array([np.sin(turn), np.cos(turn)]), [start[None]]
        for steps in (np.arange(1, length // 2 + 1), -np.arange(1, length // 2 + 1)):
            places = np.rint(start + steps[:, None] * way).astype(int)
            fits = ((places >= 0) & (places < inside.shape)).all(axis=1)
            fits[fits] = inside[tuple(places[fits].T)]
            both.append(places[: np.argmin(np.append(fits, False))])
        lines.append(np.concatenate(both))
    return max(lines, key=len)
