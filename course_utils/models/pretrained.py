"""Networks that were taught before: the course's own encoder, torchvision's, SAM, or yours.

Nothing is downloaded unless you ask::

    model = pretrained.load("vit_b_16", download=True)      # without download= it says how large, and from where
    model = pretrained.load("vit_b_16", file="mine.pth")    # weights that you have already
    model = pretrained.Prepared(my_network, mean=0.5, deviation=0.25)

    encoder = pretrained.encoder()                          # the one that ships with the course
    encoder = pretrained.encoder("resnet18", download=True) # another, behind the same contract
    model = Segmenter(encoder, UNetDecoder(encoder.widths, classes=8))

    segment = pretrained.sam(download=True)                 # Segment Anything: a mask for a box
    mask = segment(image, (top, left, bottom, right))

What comes out takes images (B, 3, H, W) in [0, 1] as all networks of the course do: `training.predict` and the
explorers take it as it is. Each brings along what its weights expect of an image. Lessons 12 and 16.
"""

from inspect import signature
from pathlib import Path
from urllib.error import URLError

import numpy as np
import safetensors.torch
import torch
from torch import nn

from course_utils import paths
from course_utils.models.parts import WIDTHS, ConvBlock, Encoder, Standardise, check_images

IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # red, green, blue
BUNDLED = "collages"  # the encoder that ships, by what it was taught
STEM = 16  # channels at full size, which torchvision's networks do not have

# Segment Anything: file, megabytes and SHA-256 of each size.
SAM_ADDRESS = "https://dl.fbaipublicfiles.com/segment_anything"
SAM_FILES = {
    "vit_b": (
        "sam_vit_b_01ec64.pth",
        375,
        "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
    ),
    "vit_l": (
        "sam_vit_l_0b3195.pth",
        1250,
        "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
    ),
    "vit_h": (
        "sam_vit_h_4b8939.pth",
        2565,
        "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
    ),
}


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
    network = _build(models.get_model_builder(name), weights, state)
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


def _build(builder, weights, state):
    """The network in the form that the weights have, which have to bring those of its backbone, too."""
    form = {"num_classes": len(weights.meta["categories"])}
    known = signature(builder).parameters
    if "weights_backbone" in known:
        form["weights_backbone"] = None
    if "aux_loss" in known:
        form["aux_loss"] = any(key.startswith("aux_classifier") for key in state)
    return builder(weights=None, **form)


# -- encoders ---------------------------------------------------------------------------------------------


class PreparedEncoder(nn.Module):
    """An encoder of the course's contract, with what its weights expect of an image inside.

    Images, float (B, channels, H, W) in [0, 1] -> list of features (B, widths[i], ⌈H / 2^i⌉, ⌈W / 2^i⌉).
    Parameters: network, images -> features; widths; channels.
    """

    def __init__(self, network, widths, channels=3):
        super().__init__()
        self.network, self.widths, self.channels = network, tuple(widths), channels

    def forward(self, images):
        check_images(images, self.channels, next(self.parameters()).dtype)
        return list(self.network(images))


def encoder(name=BUNDLED, *, taught=True, file=None, download=False):
    """An encoder with the weights that it was taught, for any decoder of the course.

    Parameters
    ----------
    name : str
        "collages", the course's own: that of its U-Nets, 0.3 million weights, taught by generated collages
        (``docs/encoder.md`` is its model card). Or a classifier of torchvision whose maps shrink by halves, such as
        "resnet18", "mobilenet_v3_small" or "convnext_tiny", taught by ImageNet.
    taught : bool
        False for the same network with random weights: what to compare with.
    file, download : as for `load`; where the weights come from. The course's own are on the disk.

    Returns
    -------
    PreparedEncoder
        In training mode. Grey images need three equal channels. One of torchvision has one level more, at full size: a
        new block of `STEM` channels that nobody has taught.

    Raises
    ------
    FileNotFoundError, ConnectionError, ValueError
        As `load` does, and for a network that has no such maps. FileNotFoundError, too, where the course's own weights
        were not taught yet, with the command that does it.
    """
    if name == BUNDLED:
        return _own(taught, file)
    return _theirs(name, taught, file, download)


def bundled_file():
    """Where the weights of the course's own encoder lie (pathlib.Path)."""
    return paths.bundled("data") / "checkpoints" / "16-encoder.safetensors"


def _own(taught, file):
    model = PreparedEncoder(nn.Sequential(Standardise(), Encoder(3, WIDTHS)), WIDTHS)
    if not taught:
        return model
    file = Path(file or bundled_file())
    if not file.is_file():
        raise FileNotFoundError(
            f"The weights of the course's own encoder are not here ({file}). "
            "`python -m course_utils.pretraining` teaches it."
        )
    try:
        model.load_state_dict(_read(file))
    except RuntimeError as error:
        raise ValueError(
            f"{file} holds the weights of another network than the course's encoder: {error}"
        ) from error
    return model


def _theirs(name, taught, file, download):
    from torchvision import models

    if taught:
        whole = load(name, file=file, download=download)
        network, mean, deviation = whole.network, whole.mean, whole.deviation
    elif name in models.list_models(models):
        network = models.get_model(name, weights=None)
        mean, deviation = IMAGENET_MEAN, IMAGENET_DEVIATION
    else:
        raise ValueError(f"torchvision has no classifier of images {name!r}")
    pyramid = _Pyramid(network, name)
    return PreparedEncoder(Prepared(pyramid, mean, deviation), pyramid.widths).train()


class _Pyramid(nn.Module):
    """The last map of each size of a classifier, from a half of the image on, and a new block at full size."""

    def __init__(self, network, name):
        super().__init__()
        from torchvision.models.feature_extraction import create_feature_extractor

        nodes = _last_of_each_size(network, name)
        self.stem = ConvBlock(3, STEM)
        self.body = create_feature_extractor(
            network, {node: str(level) for level, node in enumerate(nodes, 1)}
        )
        self.widths = (STEM, *nodes.values())

    def forward(self, images):
        return [self.stem(images), *self.body(images).values()]


def _last_of_each_size(network, name, side=64):
    """dict of the name of a node -> its channels, high to low resolution; each map half as large as the one before."""
    from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names

    network = network.eval()
    _, nodes = get_graph_node_names(network)
    try:
        with torch.no_grad():
            made = create_feature_extractor(network, nodes[1:])(torch.zeros(1, 3, side, side))
    except (AssertionError, RuntimeError):  # takes images of one size alone
        made = {}
    found = {}
    for node, value in made.items():
        if isinstance(value, torch.Tensor) and value.ndim == 4 and value.shape[2] == value.shape[3]:
            found[value.shape[2]] = node, value.shape[1]
    sizes = []
    while side // 2 in found and side > 2:
        side //= 2
        sizes.append(side)
    if len(sizes) < 4:
        raise ValueError(
            f"torchvision's {name!r} has no maps that shrink by halves, from a half of the image on: it has maps of "
            f"{', '.join(str(size) for size in found) or 'no size'} for images of 64 pixels"
        )
    return dict(found[size] for size in sizes)


# -- Segment Anything -------------------------------------------------------------------------------------


class Promptable:
    """Segment Anything as a function: ``segment(image, box)`` -> bool (H, W).

    Made by `sam`. The image is looked at once, and asked about as often as you like: that is the slow part.
    """

    def __init__(self, predictor):
        self.predictor, self._seen = predictor, None

    def __call__(self, image, box):
        """The object in a box.

        Parameters: image (H, W) or (H, W, 3), float in [0, 1] or uint8; box (top, left, bottom, right):
        ``image[top:bottom, left:right]`` is inside, as for ``graph_cuts.grab_cut``.
        Returns: bool (H, W). The mask may leave the box a little; GrabCut's cannot.
        Raises ValueError for a box that is empty or leaves the image.
        """
        pixels = _colour_bytes(image)
        top, left, bottom, right = box
        height, width = pixels.shape[:2]
        if not (0 <= top < bottom <= height and 0 <= left < right <= width):
            raise ValueError(
                f"box (top, left, bottom, right) = {tuple(box)} must have top < bottom and left < right and lie within "
                f"the image of {height} rows and {width} columns"
            )
        if self._seen is None or not np.array_equal(self._seen, pixels):
            self.predictor.set_image(pixels)
            self._seen = pixels
        corners = np.array([left, top, right - 1, bottom - 1], float)  # x before y, both pixels inside
        masks, _, _ = self.predictor.predict(box=corners, multimask_output=False)
        return np.asarray(masks[0], bool)


def sam(size="vit_b", *, file=None, download=False, device=None):
    """Segment Anything, which was taught by a billion masks to mark the object that a prompt means.

    It needs the package that its authors published with it::

        pip install git+https://github.com/facebookresearch/segment-anything.git

    Parameters
    ----------
    size : "vit_b", "vit_l" or "vit_h"
        375, 1250 or 2565 MB. The smallest takes some ten seconds an image without a graphics card.
    file : path, optional
        Weights that you have already.
    download : bool
        Fetch them if they are not on this disk yet; they are kept in torch's own cache, and their checksum is compared.
    device : str, optional
        By default CUDA where there is one, else the CPU.

    Returns
    -------
    Promptable

    Raises
    ------
    ValueError
        Another size.
    ModuleNotFoundError
        The package is missing; the message has the command.
    FileNotFoundError
        The weights are not on this disk; the message has the call that fetches them, their size and their address.
    ConnectionError
        They could not be fetched, or are not those that were published.

    Reference: Kirillov et al., Segment anything, ICCV 2023, doi:10.1109/ICCV51070.2023.00371, arXiv:2304.02643.
    """
    if size not in SAM_FILES:
        raise ValueError(f"size must be one of {', '.join(SAM_FILES)}, not {size!r}")
    try:
        from segment_anything import SamPredictor, sam_model_registry
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(
            "Segment Anything needs the package of its authors: "
            "pip install git+https://github.com/facebookresearch/segment-anything.git"
        ) from missing
    weights = _sam_weights(size, download) if file is None else Path(file)
    model = sam_model_registry[size](checkpoint=str(weights))
    model.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    return Promptable(SamPredictor(model.eval()))


def _sam_weights(size, download):
    """The file in torch's cache, or from the network where that is wanted."""
    name, megabytes, checksum = SAM_FILES[size]
    kept, address = Path(torch.hub.get_dir()) / "checkpoints" / name, f"{SAM_ADDRESS}/{name}"
    if kept.is_file():
        return kept
    if not download:
        raise FileNotFoundError(
            f"The weights of SAM's {size!r} are not on this disk. `pretrained.sam({size!r}, download=True)` fetches "
            f"them once: {megabytes} MB from {address}"
        )
    kept.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(address, str(kept), hash_prefix=checksum)
    except (URLError, OSError, RuntimeError) as error:  # torch's own, for another checksum, is a RuntimeError
        raise ConnectionError(f"{address} could not be fetched: {error}") from error
    return kept


def _colour_bytes(image):
    """uint8 (H, W, 3) of an image, grey or colour, uint8 or float in [0, 1]."""
    pixels = np.asarray(image)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(f"image must be (H, W) or (H, W, 3), not {np.shape(image)}")
    if pixels.dtype != np.uint8:
        if not (pixels.min() >= 0 and pixels.max() <= 1):
            raise ValueError("image must be uint8, or float in [0, 1]")
        pixels = np.round(255 * pixels).astype(np.uint8)
    return np.ascontiguousarray(pixels)
