"""How far colour and small neighbourhoods go on `mosaics` and `town`: random forests on pixels and on a filter bank.

`python -m benchmarks.low_level` writes `data/results/low_level.csv`: for each task, features and class the IoU,
pooled over eight test images, trained on eight others; mean and standard deviation over three draws of both.
"""

from functools import partial

import numpy as np
from scipy import ndimage
from skimage.feature import multiscale_basic_features
from sklearn.ensemble import RandomForestClassifier

from benchmarks.race import publish
from course_utils import metrics
from course_utils.data.synthetic import TEXTURES, TOWN_CLASSES, mosaics, town

PIXELS = 3000  # pixels of each training image that the forest sees
TREES = 40


def colour(image):
    """Each pixel's own values: (H, W, C)."""
    return np.atleast_3d(image)


def filters(image, largest=8):
    """Smoothed values, edges and Hessian eigenvalues at scales from 1 to ``largest`` pixels: (H, W, F)."""
    channels = -1 if image.ndim == 3 else None
    return multiscale_basic_features(image, sigma_min=1, sigma_max=largest, channel_axis=channels)


def energies(image, window=8):
    """What filters of four scales answer, squared, and averaged over a window: (H, W, F)."""
    image = np.atleast_3d(image)
    bank = [image - image.mean()]
    for sigma in (0, 1, 2, 4):
        smooth = ndimage.gaussian_filter(image, (sigma, sigma, 0))
        bank += [smooth - ndimage.gaussian_filter(image, (1.6 * sigma + 0.6, 1.6 * sigma + 0.6, 0))]
        bank += [np.gradient(smooth, axis=0), np.gradient(smooth, axis=1)]
    answers = np.concatenate(bank, axis=-1)
    pooled = ndimage.gaussian_filter(answers**2, (window, window, 0))
    skew = ndimage.gaussian_filter(answers**3, (window, window, 0))
    return np.concatenate([np.log(pooled + 1e-6), np.cbrt(skew)], axis=-1)


def iou(train, test, features, classes, seed=0):
    """Pooled IoU of each class, float64 (K,), of a forest trained on the samples ``train``, and its accuracy."""
    rng = np.random.default_rng(seed)
    rows, answers = [], []
    for sample in train:
        picked = rng.choice(sample.labels.size, min(PIXELS, sample.labels.size), replace=False)
        rows.append(features(sample.image).reshape(sample.labels.size, -1)[picked])
        answers.append(sample.labels.ravel()[picked])
    forest = RandomForestClassifier(
        TREES, max_features="sqrt", min_samples_leaf=4, random_state=seed, n_jobs=1
    )
    forest.fit(np.concatenate(rows), np.concatenate(answers))
    matrix = 0
    for sample in test:
        answers = features(sample.image)[::2, ::2]  # every fourth pixel is enough for a mean
        guess = forest.predict(answers.reshape(-1, answers.shape[-1])).reshape(answers.shape[:2])
        matrix = matrix + metrics.confusion_matrix(sample.labels[::2, ::2], guess, classes)
    return metrics.iou(matrix), metrics.accuracy(matrix)


def tasks():
    """(name, features, draw of the training samples, draw of the test samples, classes), each draw by its number."""

    def mosaic(split, first, draw):
        return [mosaics(first + 50 * draw + number, split=split) for number in range(8)]

    def street(night, first, draw):
        return [town(first + 50 * draw + number, night=night) for number in range(8)]

    yield "mosaics", colour, partial(mosaic, "train", 0), partial(mosaic, "test", 200), TEXTURES
    yield "mosaics", energies, partial(mosaic, "train", 0), partial(mosaic, "test", 200), TEXTURES
    for name, before, after in (("town", 0, 0), ("town, night", 1, 1), ("town, day to night", 0, 1)):
        for features in (colour, filters):
            yield name, features, partial(street, before, 0), partial(street, after, 2000), TOWN_CLASSES


def main():
    rows = []
    for name, features, train, test, classes in tasks():
        results = [iou(train(draw), test(draw), features, len(classes), draw) for draw in range(3)]
        values = np.array([[*each, np.nanmean(each), accuracy] for each, accuracy in results])
        for what, column in zip([*classes, "mean IoU", "accuracy"], values.T, strict=True):
            mean, spread = np.nanmean(column), np.nanstd(column, ddof=1)
            rows.append([name, features.__name__, what, f"{mean:.3f}", f"{spread:.3f}"])
        print(
            name,
            features.__name__,
            " ".join(f"{row[2]} {row[3]}" for row in rows[-len(classes) - 2 :]),
            flush=True,
        )
    publish("low_level", ("task", "features", "class", "mean", "spread"), rows)


if __name__ == "__main__":
    main()
