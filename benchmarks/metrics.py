"""Races of `course_utils.metrics` against scikit-learn, scikit-image, torchmetrics and plain NumPy.

The images are made for this: smooth random bands and blobs for class maps and masks, discs for instances,
their size in pixels fixed, so that a larger image holds more of them; the prediction is the target, shifted a
little.
"""

import numpy as np
import torch
from scipy import ndimage
from skimage import metrics as skimage_metrics
from sklearn import metrics as sklearn_metrics
from torchmetrics.functional import classification, detection

from benchmarks.race import Race, side
from course_utils import metrics

CLASSES = 8
TOLERANCE = 2.0


def races():
    """All races of this suite, list of Race."""
    return [
        Race(
            "confusion matrix, 8 classes, uint8",
            class_maps,
            {
                "course": lambda t, p: metrics.confusion_matrix(t, p, CLASSES, ignore=None),
                "numpy": lambda t, p: _table(t * np.uint8(CLASSES) + p),
                "torchmetrics": _torch_confusion,
                "scikit-learn": lambda t, p: sklearn_metrics.confusion_matrix(t.ravel(), p.ravel()),
            },
            same,
        ),
        Race(
            "confusion matrix, 8 classes, int64",
            lambda megapixels: [image.astype(np.int64) for image in class_maps(megapixels)],
            {
                "course": lambda t, p: metrics.confusion_matrix(t, p, CLASSES, ignore=None),
                "numpy": lambda t, p: _table(t * CLASSES + p),
                "torchmetrics": _torch_confusion,
                "scikit-learn": lambda t, p: sklearn_metrics.confusion_matrix(t.ravel(), p.ravel()),
            },
            same,
        ),
        Race(
            "confusion matrix, 8 classes of noise, uint8",
            noise,
            {
                "course": lambda t, p: metrics.confusion_matrix(t, p, CLASSES, ignore=None),
                "numpy": lambda t, p: _table(t * np.uint8(CLASSES) + p),
                "torchmetrics": _torch_confusion,
            },
            same,
            "The worst case for whatever profits from equal neighbours.",
        ),
        Race(
            "confusion matrix, 8 classes and ignored pixels, uint8",
            with_ignored,
            {
                "course": lambda t, p: metrics.confusion_matrix(t, p, CLASSES),
                "numpy": _numpy_ignoring,
                "torchmetrics": lambda t, p: _torch_confusion(t, p, ignore_index=255),
            },
            same,
        ),
        Race(
            "IoU of two masks",
            masks,
            {
                "course": metrics.mask_iou,
                "numpy": lambda t, p: np.count_nonzero(t & p) / np.count_nonzero(t | p),
                "torchmetrics": lambda t, p: classification.binary_jaccard_index(
                    torch.from_numpy(p), torch.from_numpy(t), validate_args=False
                ).item(),
                "scikit-learn": lambda t, p: sklearn_metrics.jaccard_score(t.ravel(), p.ravel()),
            },
            same,
            "Some 0.03 ms of ours go into checking the arguments, which plain NumPy leaves out.",
        ),
        Race(
            "boundary F at 2 px",
            masks,
            {
                "course": lambda t, p: metrics.boundary_f(t, p, TOLERANCE),
                "scipy, distance transform": _boundary_f_by_transform,
            },
            same,
            "None of the three libraries has this score; the other entrant is the usual few lines with SciPy.",
        ),
        Race(
            "Hausdorff distance",
            masks,
            {
                "course": metrics.hausdorff,
                "scikit-image": lambda t, p: skimage_metrics.hausdorff_distance(
                    metrics.boundary(t), metrics.boundary(p)
                ),
            },
            same,
            "scikit-image is handed the boundaries that the course finds, as it would take all pixels otherwise.",
        ),
        Race(
            "matching of instances, panoptic quality",
            instances,
            {
                "course": lambda t, p: metrics.match_instances(t, p).pq,
                "torchmetrics": _torch_panoptic_quality,
            },
            same,
        ),
        Race(
            "adjusted Rand index of instances",
            instances,
            {
                "course": metrics.adjusted_rand,
                "scikit-learn": lambda t, p: sklearn_metrics.adjusted_rand_score(t.ravel(), p.ravel()),
            },
            same,
        ),
        Race(
            "variation of information of instances",
            instances,
            {
                "course": metrics.variation_of_information,
                "scikit-image": skimage_metrics.variation_of_information,
            },
            same,
        ),
    ]


def same(answers):
    """All entrants gave the same numbers, up to float32 (torchmetrics divides in that)."""
    answers = {name: np.asarray(answer, np.float64) for name, answer in answers.items()}
    for name, answer in answers.items():
        np.testing.assert_allclose(answer, answers["course"], rtol=1e-6, atol=1e-9, err_msg=name)


# --------------------------------------------------------------------------------------------------------
# Images
# --------------------------------------------------------------------------------------------------------


def class_maps(megapixels):
    """(target, prediction) uint8 (n, n): 8 classes in bands along smooth contours, the same area for each."""
    n = side(megapixels)
    coarse = np.random.default_rng(0).normal(size=(n // 32 + 2, n // 32 + 2))
    smooth = ndimage.zoom(coarse, 32, order=1)[:n, :n]
    edges = np.quantile(smooth[::7, ::7], np.linspace(0, 1, CLASSES + 1)[1:-1])
    target = np.digitize(smooth, edges).astype(np.uint8)
    return target, np.roll(target, (3, 5), axis=(0, 1))


def with_ignored(megapixels):
    """Class maps in whose target a line of 255 runs between the classes, as in Pascal VOC."""
    target, prediction = class_maps(megapixels)
    target[target != np.roll(target, 2, axis=1)] = 255
    return target, prediction


def noise(megapixels):
    """(target, prediction) uint8 (n, n): each pixel one of 8 classes, by chance."""
    n = side(megapixels)
    return tuple(np.random.default_rng(0).integers(0, CLASSES, (2, n, n), dtype=np.uint8))


def masks(megapixels):
    """(target, prediction) bool (n, n), blobs that cover three eighths."""
    return tuple(image > 4 for image in class_maps(megapixels))


def instances(megapixels):
    """(target, prediction) int32 (n, n): discs of 17 pixels' radius, one in each square of 40."""
    n = side(megapixels)
    y, x = np.arange(n)[:, None], np.arange(n)
    number = (y // 40) * (n // 40 + 1) + x // 40 + 1
    target = np.where((y % 40 - 20) ** 2 + (x % 40 - 20) ** 2 < 17**2, number, 0).astype(np.int32)
    return target, np.roll(target, (2, 3), axis=(0, 1))


# --------------------------------------------------------------------------------------------------------
# Entrants that take more than a line
# --------------------------------------------------------------------------------------------------------


def _table(codes):
    return np.bincount(codes.ravel(), minlength=CLASSES**2).reshape(CLASSES, CLASSES)


def _numpy_ignoring(target, prediction):
    keep = target != 255
    return _table(target[keep] * np.uint8(CLASSES) + prediction[keep])


def _torch_confusion(target, prediction, ignore_index=None):
    return classification.multiclass_confusion_matrix(
        torch.from_numpy(prediction).long(),  # it is several times slower on bytes
        torch.from_numpy(target).long(),
        num_classes=CLASSES,
        ignore_index=ignore_index,
        validate_args=False,
    ).numpy()


def _torch_panoptic_quality(target, prediction):
    things = [torch.from_numpy(np.stack([image > 0, image], axis=-1))[None] for image in (prediction, target)]
    return detection.panoptic_quality(*things, things={1}, stuffs={0}, return_per_class=True)[0, 0].item()


def _boundary_f_by_transform(target, prediction):
    target, prediction = (
        mask & ~ndimage.binary_erosion(mask, border_value=1) for mask in (target, prediction)
    )
    precise = np.mean(ndimage.distance_transform_edt(~target)[prediction] <= TOLERANCE)
    recalled = np.mean(ndimage.distance_transform_edt(~prediction)[target] <= TOLERANCE)
    return 2 * precise * recalled / (precise + recalled)
