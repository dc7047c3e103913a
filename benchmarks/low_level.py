"""How far colour and small neighbourhoods go on `mosaics` and `town`: random forests on pixels and on a filter bank.

`python -m benchmarks.low_level` writes `data/results/low_level.csv``: for each task, features and class the IoU,
pooled over eight test images, mean and spread over three draws of the training images.
"""

import numpy as np
from scipy import ndimage
from skimage.feature import multiscale_basic_features
from sklearn.ensemble import RandomForestClassifier

from course_utils import metrics

PIXELS = 3000  # pixels of each training image that the forest sees
TREES = 60


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
        guess = forest.predict(features(sample.image).reshape(sample.labels.size, -1)).reshape(
            sample.labels.shape
        )
        matrix = matrix + metrics.confusion_matrix(sample.labels, guess, classes)
    return metrics.iou(matrix), metrics.accuracy(matrix)
