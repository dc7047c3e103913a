"""Lesson 15: who carries a colour far with equally many weights, and what a CRF does to boundaries; the studies."""

from functools import cache, lru_cache, partial

import numpy as np
import torch
from torch import nn

from course_utils import metrics, training
from course_utils.data import photos
from course_utils.models.attention import NonLocal, Positions, SqueezeExcitation
from course_utils.models.crf import DenseCRF
from course_utils.models.dilated import DilatedNet
from course_utils.models.encoder_decoder import FCN
from course_utils.models.parts import Standardise, cost
from course_utils.models.recurrent import ReNet, Sweep
from course_utils.studies import dilation
from course_utils.study import rounded, study

# -- beacons: who carries a colour far ----------------------------------------------------------------------


def behind(*layers):
    """A ``context`` for `DilatedNet`: layers made for a width, one after the other."""

    def context(inputs, outputs, norm):
        return nn.Sequential(*(layer(outputs) for layer in layers))

    return context


def sweeps(*down):
    """Sweeps of half the width, one after the other: each along the rows, or down the columns."""
    return behind(*(lambda width, down=down: Sweep(width, width // 2, down=down) for down in down))


ASK = partial(NonLocal, heads=2, reduction=2)
#: Networks for the beacons of lesson 11, all with 12 000 weights or so. "near" has six layers and sees 6 pixels to each
#: side. What carries information takes the place of its last layer, or costs nothing, as dilation and a norm that takes
#: means over the image do. Two sweeps have as many weights as a layer: along rows and then columns, along rows twice,
#: and down the columns twice.
CARRIERS = {
    "near": partial(DilatedNet, dilations=(1, 1, 1, 1)),
    "dilation": partial(DilatedNet, dilations=(2, 4, 8, 2)),
    "instance norm": partial(
        DilatedNet, dilations=(1, 1, 1, 1), norm=partial(nn.InstanceNorm2d, affine=True)
    ),
    "squeeze and excitation": partial(DilatedNet, dilations=(1, 1, 1, 1), context=behind(SqueezeExcitation)),
    "attention": partial(DilatedNet, dilations=(1, 1, 1), context=behind(Positions, ASK, ASK)),
    "sweeps": partial(DilatedNet, dilations=(1, 1, 1), context=behind(ReNet)),
    "sweeps, rows only": partial(DilatedNet, dilations=(1, 1, 1), context=sweeps(False, False)),
    "sweeps, columns only": partial(DilatedNet, dilations=(1, 1, 1), context=sweeps(True, True)),
}


def learn_carrier(net, seed=0, **options):
    """(model, History): one of `CARRIERS`, taught as in lesson 11; options as for `training.fit`."""
    return dilation.learn_beacons(CARRIERS[net], seed, **options)


@study(
    "carriers",
    "With equally many weights, who carries a colour far: dilation, attention, recurrence, normalisation?",
    [{"net": net} for net in CARRIERS],
)
def carriers(seed, net):
    """`dilation.beacon_scores` on test pictures, the loss of the last batches, and the cost of the network."""
    model, history = learn_carrier(net, seed, watch=False)
    shown = dilation.beacons("test")
    answers = [training.predict(model, sample.image) for sample in shown]
    costs = cost(model, (1, 3, dilation.BEACON["size"], dilation.BEACON["size"]))
    return rounded(
        dilation.beacon_scores(shown, answers)
        | {"loss_end": np.mean(history.losses[-20:])}
        | {"parameters": costs.parameters, "multiply_adds": costs.multiply_adds}
    )


# -- photographs: what a CRF does to boundaries ---------------------------------------------------------------

CHOSEN_ON = ("camera", "motorcycle")  # photographs to choose the CRF's settings by
ASKED = ("astronaut", "chelsea", "coffee", "coins", "horse", "rocket")
WIDTHS = (8, 16, 32, 64)  # of features down to an eighth of the size
BLOCK = 12  # pixels: side of the squares that an annotator labels
BLOCK_STEPS = 150
BANDS = (1, 2, 4, 6, 10)  # pixels: widths of the trimaps
CRF_STEPS = (1, 2, 5, 10, 20)
# Of 27 settings, the one with the best IoU within 4 px after five steps, on the photographs of CHOSEN_ON, seed 0.
CRF = {"position": 80.0, "colour": 0.03, "near": 3.0, "appearance": 8.0, "smoothness": 2.0}


def told(name):
    """What a hasty annotator says of a photograph, uint8 (H, W): squares that are all object 1, all background 0.

    Squares that hold a piece of a boundary, and what is left over at the right and below, are 255: not told.
    """
    mask = photos.load(name).mask
    rows, columns = (length // BLOCK for length in mask.shape)
    blocks = mask[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
    said = np.where(blocks.all(axis=(1, 3)), 1, np.where(blocks.any(axis=(1, 3)), 255, 0))
    target = np.full(mask.shape, 255, np.uint8)
    target[: rows * BLOCK, : columns * BLOCK] = said.repeat(BLOCK, axis=0).repeat(BLOCK, axis=1)
    return target


def learn_blocks(name, seed=0, steps=None, **options):
    """(model, History): a network of stride 8 that learns the object of one photograph from its squares.

    Its scores are made at an eighth of the size and enlarged by straight lines: FCN without any skip.
    options as for `training.fit`
    """
    image = photos.load(name).image
    batches = training.Batches([image], [told(name)], size=4, crop=128, augment=training.flips(), seed=seed)
    training.seed(seed)
    channels = 1 if image.ndim == 2 else 3
    model = nn.Sequential(Standardise(), FCN(channels, 2, WIDTHS, stride=8))
    history = training.fit(model, batches, steps=steps or BLOCK_STEPS, **options)
    return model, history


@lru_cache(2)
def coarse_scores(name, seed=0):
    """Logits (2, H, W) of `learn_blocks` for the whole photograph, a float32 tensor."""
    model, _ = learn_blocks(name, seed, watch=False)
    shares = torch.from_numpy(training.predict(model, photos.load(name).image, tile=1024))
    return shares.clamp(min=1e-6).log()


def refined(name, logits, steps=None, **settings):
    """Scores (2, H, W) before, and after each step of a `DenseCRF` with the settings of `CRF`, or others."""
    image = np.atleast_3d(photos.load(name).image)
    layer = DenseCRF(2, max(CRF_STEPS) if steps is None else steps, **CRF | settings)
    with torch.no_grad():
        return layer.iterate(logits, torch.from_numpy(image.transpose(2, 0, 1)))


@cache
def examined(name):
    """The truth of a photograph, with 255 where it was told: uint8 (H, W)."""
    return np.where(told(name) == 255, photos.load(name).mask, 255).astype(np.uint8)


def object_iou(target, answer):
    """IoU of the object where the target is known (float)."""
    return metrics.iou(metrics.confusion_matrix(target, answer))[1]


def crf_scores(name, history):
    """IoU before, and after so many steps: dict of floats.

    ``iou_N`` of all that was not told, after N of `CRF_STEPS` (0: before); ``band_W_N`` in the trimap of width W.
    """
    truth, known = photos.load(name).mask, examined(name)
    bands = {width: np.where(metrics.trimap(truth, width), known, 255) for width in BANDS}
    found = {}
    for steps in (0, *CRF_STEPS):
        answer = history[steps].argmax(0).numpy()
        found[f"iou_{steps}"] = object_iou(known, answer)
        found |= {f"band_{width}_{steps}": object_iou(band, answer) for width, band in bands.items()}
    return found


@study(
    "crf_trimap",
    "Stride-8 scores of photographs: what does a dense CRF make better, where, and after how many steps?",
    [{"photo": name} for name in ASKED],
    seeds=range(3),
)
def crf_trimap(seed, photo):
    """`crf_scores` of one photograph, for one draw of the first weights and the windows."""
    return rounded(crf_scores(photo, refined(photo, coarse_scores(photo, seed))))
