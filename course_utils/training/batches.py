"""What goes into a network: batches cut from memory, each window turned and flipped together with its target."""

import numpy as np
import torch
from torch.nn import functional
from torchvision import tv_tensors
from torchvision.transforms import v2

from course_utils.training.processes import rank, world

IGNORE = 255
FILL = {
    tv_tensors.Image: 0,
    tv_tensors.Mask: IGNORE,
}  # of what a rotation uncovers: black, and not learned from


def flips():
    """Mirror left and right, up and down, each with a chance of one half: right where no side is special."""
    return v2.Compose([v2.RandomHorizontalFlip(), v2.RandomVerticalFlip()])


class Numbered:
    """Batches without end, each a function of its number: ``batches[step]`` is (images, targets).

    A training that is taken up again goes on with the number where it stopped.
    """

    def __getitem__(self, step):
        raise NotImplementedError


class Batches(Numbered):
    """Endless batches from images in memory: ``batches[step]`` is (images, targets), a function of seed and step.

    Each epoch takes all images in a new order. From each a window is cut at a random place, and window and target are
    turned, flipped and coloured together.

    Parameters
    ----------
    images : sequence of float arrays (H, W) or (H, W, C) in [0, 1], or uint8
    targets : sequence of int or bool arrays (H, W), 0 … 254 the classes, 255 ignored
    size : int
        Images a batch.
    crop : int or (int, int), optional
        Height and width of the windows; smaller images are filled up with black that is ignored. Without it all
        images must have one size.
    augment : transform of torchvision.transforms.v2, optional
        Applied to each (Image, Mask) pair; masks are never interpolated. Give geometric ones ``fill=training.FILL``.
    weights : sequence of float, optional
        One for each image: draw them with this chance, instead of each once an epoch.
    seed : int

    Raises ValueError or TypeError, naming the first pair that does not fit.
    """

    def __init__(self, images, targets, size=8, crop=None, augment=None, weights=None, seed=0):
        if len(images) != len(targets) or len(images) == 0:
            raise ValueError(
                f"There are {len(images)} images and {len(targets)} targets: each image needs its own."
            )
        if size < 1 or seed < 0:
            raise ValueError(f"size must be 1 or more and seed 0 or more, not {size} and {seed}.")
        if crop is not None and np.min(crop) < 1:
            raise ValueError(f"crop must be 1 pixel or more, not {crop}.")
        if weights is not None and not (np.min(weights) >= 0 and 0 < np.sum(weights) < np.inf):
            raise ValueError("weights must be 0 or more, and not all 0.")
        pairs = [_pair(index, *pair) for index, pair in enumerate(zip(images, targets, strict=True))]
        shapes = {image.shape[1:] for image, _ in pairs}
        if crop is None and len(shapes) > 1:
            raise ValueError(f"The images have {len(shapes)} sizes: pass crop=, the size of a window.")
        self.pairs, self.size, self.augment, self.seed = pairs, size, augment, seed
        self.crop = (crop, crop) if isinstance(crop, int) else crop
        self.weights = None if weights is None else np.asarray(weights, float) / np.sum(weights)

    @property
    def per_epoch(self):
        """Batches that show all images once (int)."""
        return -(-len(self.pairs) // self.size)

    def __getitem__(self, step):
        """(images uint8 (B, C, h, w), targets int64 (B, h, w)); in several processes each gets its share."""
        chosen = self._chosen(step)[rank() :: world()]
        with torch.random.fork_rng(devices=[]):
            pairs = [self._sample(index, step, place) for place, index in enumerate(chosen)]
        images, targets = zip(*pairs, strict=True)
        return torch.stack(images), torch.stack(targets).long()

    def _chosen(self, step):
        """Numbers of the images of a batch, int (size,)."""
        places = np.arange(step * self.size, (step + 1) * self.size)
        if self.weights is not None:
            rng = np.random.default_rng([self.seed, step])
            return rng.choice(len(self.pairs), self.size, p=self.weights)
        epochs, places = np.divmod(places, len(self.pairs))
        orders = {e: np.random.default_rng([self.seed, e]).permutation(len(self.pairs)) for e in set(epochs)}
        return np.array([orders[e][place] for e, place in zip(epochs, places, strict=True)])

    def _sample(self, index, step, place):
        """One image with its target, cut and augmented by a chance of its own."""
        rng = np.random.default_rng([self.seed, step, place, rank()])
        image, target = self.pairs[index]
        if self.crop:
            image, target = _window(image, target, self.crop, rng)
        if self.augment:
            # torch.manual_seed would also note who called, for the day that CUDA wakes: slower than all that follows.
            torch.default_generator.manual_seed(int(rng.integers(2**63)))
            image, target = self.augment(tv_tensors.Image(image), tv_tensors.Mask(target))
            image, target = image.as_subclass(torch.Tensor), target.as_subclass(torch.Tensor)
        return image, target


def _pair(index, image, target):
    """An image and its target as uint8 tensors (C, H, W) and (H, W)."""
    image, target = np.asarray(image), np.asarray(target)
    if target.shape != image.shape[:2]:
        swapped = " (height and width are swapped)" if target.shape == image.shape[1::-1] else ""
        raise ValueError(f"Target {index} is {target.shape}, its image {image.shape}{swapped}.")
    if not (target.dtype == bool or np.issubdtype(target.dtype, np.integer)):
        raise TypeError(f"Target {index} is {target.dtype}; class numbers are integers.")
    if target.min() < 0 or target.max() > IGNORE:
        raise ValueError(
            f"Target {index} has values {target.min()} … {target.max()}; "
            "classes are 0 … 254, and 255 is ignored."
        )
    return _bytes(channels_first(image, f"Image {index}")), torch.from_numpy(
        np.ascontiguousarray(target, np.uint8)
    )


def _window(image, target, crop, rng):
    """Both cut to ``crop`` at one random place; filled up with ignored black where they are smaller."""
    short = [max(0, want - have) for want, have in zip(crop, target.shape, strict=True)]
    if any(short):
        edges = (0, short[1], 0, short[0])
        image, target = functional.pad(image, edges), functional.pad(target, edges, value=IGNORE)
    top, left = (int(rng.integers(have - want + 1)) for want, have in zip(crop, target.shape, strict=True))
    rows, columns = slice(top, top + crop[0]), slice(left, left + crop[1])
    return image[:, rows, columns], target[rows, columns]


def channels_first(image, name="The image"):
    """Tensor (C, H, W) of an image (H, W[, C]): uint8 stays, floats in [0, 1] become float32."""
    image = np.atleast_3d(image)
    if image.ndim != 3 or not image.size:
        raise ValueError(f"{name} has the shape {image.shape}; expected (H, W) or (H, W, C).")
    if image.dtype != np.uint8:
        if not np.issubdtype(image.dtype, np.floating):
            raise TypeError(f"{name} is {image.dtype}; expected floats in [0, 1], or uint8.")
        if not (image.min() >= 0 and image.max() <= 1):  # a NaN fails both
            raise ValueError(
                f"{name} has values {image.min():.3g} … {image.max():.3g}; expected 0 … 1. Divide by 255?"
            )
        image = image.astype(np.float32)
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))


def _bytes(image):
    """The same image as uint8: a quarter of the memory."""
    return image if image.dtype == torch.uint8 else (image * 255).round().to(torch.uint8)
