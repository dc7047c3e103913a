"""Lesson 02: what a rare class does to a threshold."""

import numpy as np

from course_utils import metrics
from course_utils.classic import thresholding
from course_utils.study import grid, study


@study(
    "threshold_share",
    "How rare may the bright pixels be before a threshold misses them?",
    grid(method=["otsu", "minimum_error"], share=[0.5, 0.1, 0.02, 0.005, 0.001]),
)
def threshold_share(seed, method, share):
    """IoU of the bright class for two Gaussian humps of grey values, of which the bright one holds ``share``."""
    rng = np.random.default_rng(seed)
    truth = rng.random((400, 500)) < share
    image = rng.normal(np.where(truth, 0.7, 0.3), 0.08).clip(0, 1)
    threshold = getattr(thresholding, method)(image)
    return {"threshold": round(threshold, 4), "iou": round(metrics.mask_iou(truth, image > threshold), 4)}
