"""Pictures that nobody took: the images of a batch mixed in pairs, and their targets with them."""

from itertools import count

import numpy as np
import torch

from course_utils.training.batches import IGNORE
from course_utils.training.inference import unit


def mixup(images, targets, rng, classes, alpha=0.4):
    """Fade each image into the next of its batch, and its target too: λ of the one, 1 − λ of the other.

    Parameters
    ----------
    images : uint8 or float (B, C, H, W); targets : int64 (B, H, W), 255 ignored
    rng : numpy Generator; draws one λ for the batch from Beta(alpha, alpha): for a small alpha mostly near 0 or 1
    classes : int

    Returns
    -------
    images float (B, C, H, W) in [0, 1]; shares float (B, K, H, W), of each class at each pixel, for
    `losses.soft_cross_entropy`. A pixel that is ignored in either image has shares of 0.

    Reference: Zhang, Cissé, Dauphin & Lopez-Paz, mixup: beyond empirical risk minimization, ICLR 2018,
    arXiv:1710.09412. Lesson 13.
    """
    share = float(rng.beta(alpha, alpha))
    counted = (targets != IGNORE) & (targets.roll(1, 0) != IGNORE)
    truth = torch.nn.functional.one_hot(torch.where(targets == IGNORE, 0, targets), classes).movedim(-1, 1)
    images, truth = unit(images), truth.to(torch.float32)
    faded = [share * part + (1 - share) * part.roll(1, 0) for part in (images, truth)]
    return faded[0], faded[1] * counted[:, None]


def cutmix(images, targets, rng):
    """Paste a rectangle of each image's predecessor in the batch into it, target and all, at the same place.

    Its area is a share between 0 and 1 of the image, every share as likely; what hangs over the frame is lost.

    Parameters: as for `mixup`. Returns: images and targets as they were given, in new tensors. One that is cut at a
    seam shows things without their surroundings, so no context can be relied on.

    Reference: Yun et al., CutMix: regularization strategy to train strong classifiers with localizable features, ICCV
    2019, doi:10.1109/ICCV.2019.00612. Lesson 13.
    """
    side = np.sqrt(rng.random())
    rows, columns = (_part(length, side, rng) for length in targets.shape[1:])
    images, targets = images.clone(), targets.clone()
    images[..., rows, columns] = images.roll(1, 0)[..., rows, columns]
    targets[..., rows, columns] = targets.roll(1, 0)[..., rows, columns]
    return images, targets


def _part(length, side, rng):
    """A slice of a share ``side`` of a length, around a random middle, cut off at the ends."""
    middle, half = rng.integers(length), round(side * length) // 2
    return slice(max(middle - half, 0), min(middle + half, length))


class Mixing:
    """Endless `Batches`, each changed by a function ``mix(images, targets, rng)``, such as `cutmix`.

    batches : Batches; seed : int, of the mixing. The same seeds give the same batches.
    """

    def __init__(self, batches, mix, seed=0):
        self.batches, self.mix, self.seed = batches, mix, seed

    def __iter__(self):
        for step in count():
            yield self.mix(*self.batches[step], np.random.default_rng([self.seed, step]))
