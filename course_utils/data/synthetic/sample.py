"""What every generator takes and returns: a seed, a size, a picture with its truth."""

import operator
from dataclasses import dataclass
from numbers import Real
from types import SimpleNamespace

import numpy as np


@dataclass(frozen=True)
class Sample:
    """A generated image with its truth.

    ``image`` float64 (H, W[, 3]), multiples of 1/255 in [0, 1]; ``labels`` int32 (H, W), what the numbers mean says the
    generator.
    """

    image: np.ndarray
    labels: np.ndarray


def natural(seed):
    """A seed as an int, 0 or more."""
    try:
        seed = operator.index(seed)
    except TypeError:
        raise TypeError(f"seed must be a whole number, not {seed!r}.") from None
    if seed < 0:
        raise ValueError(f"seed must not be negative, but it is {seed}.")
    return seed


def frame(size):
    """(height, width) from an int or a pair."""
    try:
        height, width = (operator.index(n) for n in (size if np.ndim(size) else (size, size)))
    except (TypeError, ValueError):
        raise TypeError(f"size must be a whole number or a pair (height, width), not {size!r}.") from None
    if min(height, width) < 16:
        raise ValueError(f"size must be at least 16 pixels each way, but it is {size!r}.")
    return height, width


def checked(knobs, ranges):
    """The knobs as attributes, floats, each within its range; ``ranges`` maps a name to (low, high, meaning)."""
    for name, value in knobs.items():
        low, high, meaning = ranges[name]
        if isinstance(value, bool) or not isinstance(value, Real):
            raise TypeError(f"{name} must be a number from {low} to {high} ({meaning}), not {value!r}.")
        if not low <= value <= high:
            raise ValueError(f"{name} must lie between {low} and {high} ({meaning}), but it is {value}.")
    return SimpleNamespace(**{name: float(value) for name, value in knobs.items()})
