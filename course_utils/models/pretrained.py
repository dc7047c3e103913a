"""Networks that others have taught: torchvision's, or your own, behind what their weights expect of an image.

Nothing is downloaded unless you ask::

    model = pretrained.load("vit_b_16", download=True)      # without download= it says how large, and from where
    model = pretrained.load("vit_b_16", file="mine.pth")    # weights that you have already
    model = pretrained.Prepared(my_network, mean=0.5, deviation=0.25)

What comes out takes images (B, 3, H, W) in [0, 1] as all networks of the course do: `training.predict` and the
explorers take it as it is. Lessons 12 and 16.
"""

from inspect import signature
from pathlib import Path
from urllib.error import URLError

import safetensors.torch
import torch
from torch import nn

IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # red, green, blue


class Prepared(nn.Module):
    """A network behind the standardisation that its weights were taught with: (image − mean) / deviation.

    Images, float (B, C, H, W) in [0, 1] -> what the network returns. Parameters: network, any module; mean and
    deviation, a number or one for each channel; classes, their names, as far as they are known.
    """

    def __init__(self, network, mean=IMAGENET_MEAN, deviation=IMAGENET_DEVIATION, classes=()):
        super().__init__()
        self.network, self.classes = network, tuple(classes)
        for name, values in {"mean": mean, "deviation": deviation}.items():
            self.register_buffer(name, torch.as_tensor(values, dtype=torch.float32).reshape(-1, 1, 1))

    def forward(self, images):
        return self.network((images - self.mean) / self.deviation)


def load(name, *, file=None, download=False):
    """A classifier or segmenter of torchvision with its published weights, or with those of a file.

    Parameters
    ----------
    name : str
        As torchvision has it: "vit_b_16", "fcn_resnet50", "deeplabv3_mobilenet_v3_large" …
    file : path, optional
        A state dict of this network with its usual classes, as ``torch.save`` or safetensors writes it.
    download : bool
        Fetch the published weights if they are not on this disk yet; torch keeps them in its own cache.

    Returns
    -------
    Prepared
        In evaluation mode. ``classes`` holds the names of its classes.

    Raises
    ------
    ValueError
        A name that torchvision has not, a network that neither classifies images nor labels pixels (detectors, films,
        flow, quantised copies), or weights of another network.
    FileNotFoundError
        The weights are not on this disk; the message has the call that fetches them, their size and their address.
    ConnectionError
        They could not be fetched.
    """
    from torchvision import models

    if name not in models.list_models():
        family = [known for known in models.list_models() if known[:3] == str(name)[:3]]
        raise ValueError(
            f"torchvision has no network {name!r}; it has {', '.join(family or models.list_models())}"
        )
    if not any(name in models.list_models(module) for module in (models, models.segmentation)):
        raise ValueError(f"torchvision's {name!r} is neither a classifier of images nor a segmenter")
    weights = models.get_model_weights(name).DEFAULT
    state = _published(name, weights, download) if file is None else _read(Path(file))
    network = _network(models.get_model_builder(name), weights, state)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(f"{file} holds the weights of another network than {name!r}: {error}") from error
    images = weights.transforms()
    return Prepared(network, images.mean, images.std, weights.meta["categories"]).eval()


def _published(name, weights, download):
    """The state dict from torch's cache, or from the network where that is wanted."""
    kept = Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name
    if not kept.is_file() and not download:
        raise FileNotFoundError(
            f"The weights of {name!r} are not on this disk. `pretrained.load({name!r}, download=True)` fetches them "
            f"once: {weights.meta['_file_size']:.0f} MB from {weights.url}"
        )
    try:
        return torch.hub.load_state_dict_from_url(weights.url, map_location="cpu", check_hash=True)
    except (URLError, OSError) as error:
        raise ConnectionError(f"{weights.url} could not be fetched: {error}") from error


def _read(file):
    if file.suffix == ".safetensors":
        return safetensors.torch.load_file(file)
    return torch.load(file, map_location="cpu", weights_only=True)


def _network(builder, weights, state):
    """The network in the form that the weights have, which have to bring those of its backbone, too."""
    form = {"num_classes": len(weights.meta["categories"])}
    known = signature(builder).parameters
    if "weights_backbone" in known:
        form["weights_backbone"] = None
    if "aux_loss" in known:
        form["aux_loss"] = any(key.startswith("aux_classifier") for key in state)
    return builder(weights=None, **form)
