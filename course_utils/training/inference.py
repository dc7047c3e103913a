"""What comes out of a network: probabilities for an image of any size, scores, and weights on disk."""

from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from course_utils import metrics
from course_utils.training.batches import channels_first


def evaluate(model, images, targets, classes, **tiles):
    """Confusion matrices int64 (N, K, K), one an image, of a model's most probable classes.

    images, targets : as `Batches` takes them; tiles : as `predict` takes them

    Sum them to pool the pixels, or score each and average: `course_utils.metrics` takes both.
    """
    pairs = zip(images, targets, strict=True)
    return np.stack(
        [
            metrics.confusion_matrix(target, predict(model, image, **tiles).argmax(0), classes)
            for image, target in pairs
        ]
    )


def predict(model, image, tile=512, halo=64, blend=32, align=32):
    """Probabilities of the classes, float32 (K, H, W), for an image of any size.

    Parameters
    ----------
    model : torch.nn.Module, used where it is, in evaluation mode
    image : float (H, W[, C]) in [0, 1], or uint8
    tile : int
        Side of the largest piece, in pixels, that the model is shown at once. An image that fits is shown whole.
    halo : int
        Margin of a tile that is looked at and thrown away. Where no pixel's answer depends on anything farther away,
        and nothing is normalised over the whole input, tiles give exactly what the whole image would give.
    blend : int
        Width of the strip over which one tile's answer fades into the next one's.
    align : int
        Tiles begin at multiples of it: the largest stride inside the model.

    Raises ValueError where tiles are too small for their halos, or the model takes other channels.
    """
    pixels = channels_first(image)
    height, width = pixels.shape[1:]
    rows, columns = (list(_tiles(length, tile, halo, blend, align)) for length in (height, width))
    device = next(model.parameters()).device
    total, training = None, model.training
    model.eval()
    try:
        with torch.inference_mode(), _explained(model, pixels):
            for top, bottom, down in rows:
                for left, right, across in columns:
                    piece = unit(pixels[None, :, top:bottom, left:right].to(device))
                    answer = logits_of(model, piece)[0].float().softmax(0).cpu()
                    if total is None:
                        total = torch.zeros(len(answer), height, width)
                    total[:, top:bottom, left:right] += answer * down[:, None] * across
    finally:
        model.train(training)
    return total.numpy()


def _tiles(length, tile, halo, blend, align):
    """(start, end, weights) of pieces along one side; the weights of all pieces sum to 1 at every pixel.

    A piece counts nothing in its halo, and then ramps up over ``blend`` pixels while its neighbour ramps down.
    """
    if length <= tile:
        yield 0, length, torch.ones(length)
        return
    blend = max(blend, 1)  # one pixel of two halves is the sharpest seam
    step = (tile - 2 * halo - blend) // align * align
    if step < blend:
        least = 2 * halo + blend + -(-blend // align) * align
        raise ValueError(
            f"A tile of {tile} pixels leaves nothing between its halos: take tile={least} or more."
        )
    size = step + 2 * halo + blend
    for start in range(0, length, step):
        end = min(start + size, length)
        place = torch.arange(start, end)
        up, down = place - start - halo + 0.5, end - halo - place - 0.5
        weights = torch.ones(end - start)
        if start:
            weights *= (up / blend).clamp(0, 1)
        if end < length:
            weights *= (down / blend).clamp(0, 1)
        yield start, end, weights
        if end == length:
            return


@contextmanager
def _explained(model, pixels):
    """Where a model fails, and its first convolution takes other channels than the image has: say so."""
    try:
        yield
    except (RuntimeError, ValueError) as error:
        first = next((part for part in model.modules() if isinstance(part, torch.nn.Conv2d)), None)
        if first is None or first.in_channels == len(pixels):
            raise
        raise ValueError(
            f"The model takes {first.in_channels} channels, the image has {len(pixels)}: make it grey with "
            "`filters.luminance(image)`, or coloured with `np.dstack([image] * 3)`."
        ) from error


def save_weights(model, path, **notes):
    """Write the weights of a model, and notes (str), as safetensors: a form that can hold nothing that runs.

    The file is replaced in one go. Raises OSError where it cannot be written.
    """
    from safetensors.torch import save_file

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    save_file(
        {name: value.cpu().contiguous() for name, value in model.state_dict().items()}, part, notes or None
    )
    part.replace(path)


def load_weights(model, path):
    """Give a model the weights that `save_weights` wrote, and return it.

    Raises FileNotFoundError where there is no such file, ValueError where they are another model's.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        model.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError) as error:
        raise ValueError(f"{path} does not hold the weights of this model: {error}") from error
    return model


def read_notes(path):
    """The notes (dict of str) that `save_weights` wrote beside the weights."""
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        return file.metadata() or {}


def unit(images):
    """Float images in [0, 1], channels last in memory, from uint8 or float ones (B, C, H, W)."""
    if images.dtype == torch.uint8:
        images = images.float() / 255
    return images.contiguous(memory_format=torch.channels_last)


def logits_of(model, images):
    """(B, K, H, W) from a model that returns logits, or a mapping that holds them as ``"out"``."""
    answer = model(images)
    return answer["out"] if isinstance(answer, Mapping) else answer
