"""How a network learns: the loop of lesson 08, written out there and imported ever after.

The insight: all learning is three lines, repeated, ::

    loss(model(images), targets).backward()   # how would each weight change the loss?
    optimiser.step()                          # a small step downhill
    optimiser.zero_grad()                     # forget the slopes

and the rest of this file is care for what goes in and what comes out. *In:* batches cut from memory, turned and
flipped together with their targets, the same ones whenever the seed is the same. *Out:* the weights that did best on
validation images, kept on disk, so that neither an interrupt nor a killed kernel loses them.

Images are float (H, W) or (H, W, 3) in [0, 1], or uint8; targets hold class numbers, and 255 where nobody is to learn
anything. A model maps images (B, C, H, W) to logits (B, K, H, W), or to a mapping whose ``"out"`` they are, as
torchvision's segmentation models do. What prepares the input, such as `models.parts.Standardise`, belongs into the
model: then training, evaluation and prediction cannot differ in it.

Several processes learn one model together when each calls `distribute` first and all are started by torch's own
launcher, ``torchrun --nproc-per-node 2 script.py``: every batch is then dealt out among them.

References
----------
Loshchilov & Hutter, Decoupled weight decay regularization, 2019, arXiv:1711.05101.
Smith & Topin, Super-convergence, 2018, arXiv:1708.07120 (a rate that rises first and then falls).
"""

from course_utils.training.batches import FILL, Batches, Numbered, flips
from course_utils.training.inference import evaluate, load_weights, predict, save_weights
from course_utils.training.loop import (
    Diverged,
    History,
    adamw,
    constant,
    cross_entropy,
    fit,
    seed,
    warm_cosine,
)
from course_utils.training.mixing import Mixing, cutmix, mixup
from course_utils.training.processes import best_device, distribute

__all__ = [
    "FILL",
    "Batches",
    "Diverged",
    "History",
    "Mixing",
    "Numbered",
    "adamw",
    "best_device",
    "constant",
    "cross_entropy",
    "cutmix",
    "distribute",
    "evaluate",
    "fit",
    "flips",
    "load_weights",
    "mixup",
    "predict",
    "save_weights",
    "seed",
    "warm_cosine",
]
