"""The networks: one module a family, and one contract that lets their parts be swapped.

=================== =================================================== ==========
``parts``           what the families share: contract, blocks, cost     08, 09, 10
``encoder_decoder`` FCN-32s to 8s, SegNet, ways to up-sample            09
``unet``            U-Net: which skips, how joined, of which blocks     10
``attention``       gates, self-attention, a small transformer          12
``dilated``         atrous convolution, gridding, ASPP, DeepLabv3+      11
``adversarial``     judges of masks, spectral norm, a step of both      14
``recurrent``       GRU, sweeps over rows and columns, refining ConvGRU 15
``crf``             the dense CRF: Gaussian filter, mean field as a net 15
``receptive``       how far a network sees: computed, and by gradients  08, 11
``pretrained``      networks taught before: the course's, torchvision's 12, 16
``transfer``        what to keep of them, how fast to change it, CKA    16
``memory``          what its tensors take at once                       12, 13
=================== =================================================== ==========

``encoder(images) -> [features, high to low resolution]`` and ``decoder(features) -> logits``: see ``parts``. Modules,
and torch with them, are loaded when they are used.
"""

from importlib import import_module as _import_module

__all__ = [
    "adversarial",
    "attention",
    "crf",
    "dilated",
    "encoder_decoder",
    "memory",
    "parts",
    "pretrained",
    "receptive",
    "recurrent",
    "transfer",
    "unet",
]


def __getattr__(name):
    if name in __all__:
        return _import_module(f"{__name__}.{name}")
    raise AttributeError(f"course_utils.models has no module {name!r}; it has {', '.join(__all__)}")


def __dir__():
    return sorted([*globals(), *__all__])
