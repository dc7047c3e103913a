"""The helper library of *From Pixels to Regions*, a course on image segmentation.

Import what you need from its rooms::

    from course_utils import classic, data, metrics, plotting
    mask = data.photos.load("coins").image > classic.thresholding.otsu(data.photos.load("coins").image)

Nothing is loaded until it is used, so ``import course_utils`` costs next to nothing.

Glossary
--------
The same word means the same thing in every function, lesson and figure.

=============== ==================================================================================
``image``       float array (H, W) grey or (H, W, 3) RGB, values in [0, 1]
``mask``        bool array (H, W), True on the object
``labels``      int array (H, W), 0 background, 1 … n one number per region or instance
``target``      the ground truth: a mask, labels, or class numbers (255 is ignored) to score against
``prediction``  what a method answered, in the same form as its target
``matrix``      confusion matrix (K, K) int64, rows the truth, columns the prediction
``histogram``   ``counts`` (n,) of pixels per bin and ``centres`` (n,) of the bins
``threshold``   float; a pixel belongs to the bright class when its value is *greater* than it
``window``      odd side, in pixels, of a square neighbourhood
``footprint``   bool array (h, w), the neighbourhood of a morphological operator
``markers``     int labels from which regions grow, 0 where undecided
``elevation``   float (H, W), the landscape that is flooded
``seeds``       pixels whose answer is given
``energy``      float, what a method makes small
``bandwidth``   float, the radius within which points count as neighbours
``logits``      float (B, K, H, W), unnormalised class scores of a network
=============== ==================================================================================
"""

from importlib import import_module as _import_module
from importlib.metadata import PackageNotFoundError as _NotFound
from importlib.metadata import version as _version

try:
    __version__ = _version("from-pixels-to-regions")
except _NotFound:  # a bare folder on sys.path, not an installed package
    __version__ = "0+unknown"

__all__ = [
    "checks",
    "classic",
    "data",
    "explorers",
    "losses",
    "metrics",
    "models",
    "plotting",
    "progress",
    "quiz",
    "scoreboard",
    "training",
]


def __getattr__(name):
    if name in __all__:
        return _import_module(f"{__name__}.{name}")
    raise AttributeError(f"course_utils has no room called {name!r}; it has {', '.join(__all__)}")


def __dir__():
    return sorted([*globals(), *__all__])
