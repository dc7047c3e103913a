"""Masks and label maps: conversions between their forms, and the mask doctor.

A segmentation is stored in many forms: 0 and 1, 0 and 255, one number a class, one number an object, one channel a
class, a colour a class. A score computed between two different forms is a number about nothing. `doctor` looks at an
array and says which form it seems to be in and which of the usual accidents happened to it; the other functions
convert. Lesson 01 teaches both.
"""

from dataclasses import dataclass
from html import escape

import numpy as np

IGNORE = 255


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a mask.

    ``code`` names it (a stable word), ``problem`` says what was seen, ``remedy`` what to do, as code where possible;
    ``certain`` is False where the array could also be meant.
    """

    code: str
    problem: str
    remedy: str
    certain: bool = True

    def __str__(self):
        return f"{'' if self.certain else 'Perhaps: '}{self.problem}\n    → {self.remedy}"


class Diagnosis(tuple):
    """The findings of `doctor`, worst first; empty when nothing is wrong. Shows as text and as HTML."""

    @property
    def codes(self):
        """The words of the findings (tuple of str)."""
        return tuple(finding.code for finding in self)

    def __str__(self):
        return "\n".join(map(str, self)) or "Nothing is wrong with this mask."

    __repr__ = __str__

    def _repr_html_(self):
        if not self:
            return "<p>✓ Nothing is wrong with this mask.</p>"
        items = (
            f"<li>✗ {'' if f.certain else 'Perhaps: '}{escape(f.problem)}<br>→ {_code(f.remedy)}</li>"
            for f in self
        )
        return f"<ul>{''.join(items)}</ul>"


# ------------------------------------------------------------------------------------------- conversions


def to_mask(array):
    """Bool mask (H, W) from an array whose only values are 0 and one other (1, 255, True, 1.0 …).

    Raises ValueError when there are three or more values, or NaN: which of them is the object is then a question
    that a conversion cannot answer.
    """
    array = _two_dimensional(array)
    if array.dtype == bool:
        return array.copy()
    values = np.unique(array)
    if len(values) > 2 or not np.isfinite(values).all() or (len(values) == 2 and values[0] != 0):
        raise ValueError(
            f"A mask has the value 0 and one other; this array has {_list(values)}. "
            "Choose the object yourself, for example `labels > 0` or `labels == 3`."
        )
    return array != 0


def to_onehot(labels, classes):
    """Labels int (H, W) with values 0 … classes−1 → bool (classes, H, W), one channel a class.

    Pixels of value 255 (ignored) are False in every channel. Raises ValueError for any other value out of range.
    """
    labels = _two_dimensional(labels)
    wrong = np.setdiff1d(np.unique(labels), [*range(classes), IGNORE])
    if wrong.size:
        raise ValueError(
            f"labels contain {_list(wrong)}, but {classes} classes are numbered 0 to {classes - 1} (255 is ignored): "
            "pass the right number of classes, or renumber."
        )
    return labels[None] == np.arange(classes)[:, None, None]


def from_onehot(onehot):
    """(classes, H, W) bool, 0/1 or probabilities → labels uint8 (H, W), the largest channel; 255 where all are zero.

    Ties go to the lower class. Raises ValueError for another number of dimensions or more than 255 channels.
    """
    onehot = np.asarray(onehot)
    if onehot.ndim != 3 or not 1 <= onehot.shape[0] <= IGNORE:
        raise ValueError(
            f"from_onehot expects (classes, H, W) with at most 255 classes, got {onehot.shape}: "
            "move the channels to the front with np.moveaxis(array, -1, 0)."
        )
    labels = onehot.argmax(0).astype(np.uint8)
    labels[(onehot == 0).all(0)] = IGNORE
    return labels


def from_palette(rgb, palette):
    """A label picture in colours (H, W, 3) uint8 → labels uint8 (H, W) by exact colour.

    ``palette`` is a sequence of (r, g, b), class 0 first. Raises ValueError when the picture holds a colour that is
    not in the palette (a JPEG or a smooth resize does that), naming some of them.
    """
    rgb, palette = np.asarray(rgb), np.asarray(palette)
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise ValueError(f"from_palette expects uint8 (H, W, 3), got {rgb.dtype} {rgb.shape}")
    if palette.ndim != 2 or palette.shape[1] != 3 or len(palette) > IGNORE:
        raise ValueError(f"palette must be up to 255 rows of (r, g, b), got shape {palette.shape}")
    codes, wanted = _pack(rgb), _pack(palette)
    order = np.argsort(wanted)
    place = np.searchsorted(wanted, codes, sorter=order).clip(max=len(wanted) - 1)
    labels = order[place]
    stray = wanted[labels] != codes
    if stray.any():
        colours = np.unique(rgb[stray], axis=0)
        raise ValueError(
            f"{stray.sum()} pixels have a colour that is not in the palette, such as {tuple(map(int, colours[0]))} "
            f"({len(colours)} stray colours). Was the picture saved as JPEG or resized smoothly? "
            "Go back to the PNG original."
        )
    return labels.astype(np.uint8)


def to_palette(labels, palette):
    """Labels int (H, W) → uint8 (H, W, 3) picture with one (r, g, b) of ``palette`` a class; 255 becomes white."""
    labels, palette = _two_dimensional(labels), np.asarray(palette, np.uint8)
    table = np.full((256, 3), 255, np.uint8)
    table[: len(palette)] = palette
    highest = labels[labels != IGNORE].max(initial=0)
    if highest >= len(palette) or labels.min(initial=0) < 0:
        raise ValueError(
            f"labels go up to {highest}, but the palette has {len(palette)} colours: one is needed for each"
        )
    return table[labels]


def resize_labels(labels, shape):
    """Labels (H, W) → (h, w) by nearest neighbour, which invents no label; the dtype is kept."""
    labels = _two_dimensional(labels)
    if len(shape) != 2 or min(shape) < 1:
        raise ValueError(f"shape must be (height, width) with both at least 1, got {tuple(shape)}")
    rows, columns = (
        ((np.arange(n) + 0.5) * old / n).astype(int) for n, old in zip(shape, labels.shape, strict=True)
    )
    return labels[np.ix_(rows, columns)]


# ------------------------------------------------------------------------------------------- the doctor


def doctor(mask, image=None, classes=None):
    """Examine a mask or label map and report the usual mistakes.

    Parameters
    ----------
    mask : array of any shape and dtype
    image : (H, W) or (H, W, 3) array, optional
        The picture that it should lie on.
    classes : int, optional
        How many classes there should be; values must then be 0 … classes−1 or 255.

    Returns
    -------
    Diagnosis
        Findings with the codes ``empty-array``, ``not-numbers``, ``nan``, ``channel-axis``, ``palette``, ``one-hot``,
        ``probabilities``, ``transposed``, ``size``, ``negative``, ``fractions``, ``0-255``, ``interpolated``,
        ``out-of-range``, ``all-background``, ``all-object``, ``inverted``. Raises nothing, whatever the mask is.
    """
    try:
        mask = np.asarray(mask)
    except ValueError:  # a list of rows of different lengths
        remedy = "Every row must be as long as the first."
        return Diagnosis([Finding("not-numbers", "This is no array: its rows differ in length.", remedy)])
    if mask.size == 0:
        return Diagnosis(
            [
                Finding(
                    "empty-array", f"The array has no pixel: shape {mask.shape}.", "Check how it was loaded."
                )
            ]
        )
    if mask.dtype.kind not in "biuf":
        remedy = "Load it as an array of integers, for example np.asarray(PIL.Image.open(path))."
        return Diagnosis([Finding("not-numbers", f"The array holds {mask.dtype}, not numbers.", remedy)])
    if mask.ndim != 2:
        form, plane = _form(mask)
        return Diagnosis([form, *_place(plane, image)])
    findings = _place(mask.shape, image) + (_values(mask, classes) if mask.dtype.kind != "b" else [])
    if not findings:
        findings = _content(mask)
    return Diagnosis(findings)


def _form(mask):
    """What an array that is not (H, W) seems to be, and the shape of its plane where that is known."""
    shape = mask.shape
    if mask.ndim == 3:
        for axis, plane in ((0, shape[1:]), (-1, shape[:2])):
            if shape[axis] == 1:
                problem = f"The mask carries a channel of its own: shape {shape}."
                return Finding("channel-axis", problem, f"`mask.squeeze({axis})`"), plane
            if np.allclose(mask.sum(axis, dtype=float), 1, atol=1e-3) and mask.min() >= 0:
                return _channels_sum_to_one(mask, axis), plane
        if shape[-1] in (3, 4):
            colours = len(np.unique(mask.reshape(-1, shape[-1]), axis=0))
            problem = (
                f"This is a picture in {colours} colours {shape}, not numbers: a colour stands for a class."
            )
            remedy = (
                "`masks.from_palette(mask[..., :3], palette)`, or open the PNG without converting it to RGB."
            )
            return Finding("palette", problem, remedy), shape[:2]
    problem = f"A mask has two dimensions, this array has {mask.ndim}: {shape}."
    return Finding("channel-axis", problem, "Pick one plane."), None


def _channels_sum_to_one(mask, axis):
    channels = f"{mask.shape[axis]} channels along axis {axis}"
    if np.isin(mask, (0, 1)).all():
        return Finding(
            "one-hot",
            f"This is one-hot: {channels}, one of them set at each pixel.",
            f"`mask.argmax({axis})`",
        )
    return Finding(
        "probabilities",
        f"These are class probabilities: {channels}, which sum to one.",
        f"`mask.argmax({axis})`",
    )


def _place(shape, image):
    """Does the mask lie on the image?"""
    if image is None or shape is None:
        return []
    try:
        size = np.shape(image)[:2]
    except ValueError:
        size = ()
    if len(size) < 2:
        problem = "The image given with the mask is no picture of height and width."
        return [Finding("size", problem, "Give the array of the picture, (H, W) or (H, W, 3).")]
    if tuple(shape) == size:
        return []
    if tuple(shape) == size[::-1]:
        problem = f"Height and width are swapped: the mask is {tuple(shape)}, the image {size}."
        return [Finding("transposed", problem, "`mask.T`")]
    problem = f"The mask is {tuple(shape)}, the image {size} (height, width)."
    same_form = abs(shape[0] * size[1] - shape[1] * size[0]) <= max(*shape, *size)
    remedy = (
        f"`masks.resize_labels(mask, {size})`"
        if same_form
        else "They differ in proportion: one was cropped. Crop both."
    )
    return [Finding("size", problem, remedy)]


def _values(mask, classes):
    """What the numbers themselves betray."""
    if mask.dtype.kind == "f" and np.isnan(mask).any():
        return [
            Finding(
                "nan", f"{np.isnan(mask).sum()} pixels are NaN.", "`np.nan_to_num(mask)`, once you know why."
            )
        ]
    values, counts = np.unique(mask, return_counts=True)
    if values[0] < 0:
        problem = f"There are negative values ({_list(values[values < 0])})."
        return [
            Finding("negative", problem, "Was an unsigned file read as signed? Use 255 for pixels to ignore.")
        ]
    blended = _interpolated(mask, values)
    if blended is not None:
        return [blended]
    if (broken := values[values != np.round(values)]).size:
        problem = f"Labels are whole numbers, but this array holds fractions such as {broken[0]:.3g}."
        return [Finding("fractions", problem, "If these are probabilities: `mask > 0.5`.")]
    if set(values) <= {0, 255} and 255 in values and classes is None and counts[-1] < mask.size:
        problem = (
            "The object is 255, not 1: sums and confusion matrices go wrong, and 255 often means “ignore”."
        )
        return [Finding("0-255", problem, "`mask > 0`")]
    if classes is not None and (stray := values[(values >= classes) & (values != IGNORE)]).size:
        problem = (
            f"There should be {classes} classes (0 to {classes - 1}), but the values {_list(stray)} occur."
        )
        return [Finding("out-of-range", problem, "Renumber the classes; 255 marks pixels to ignore.")]
    return []


def _interpolated(mask, values):
    """Values that never fill a 3×3 square and mostly lie between a lower and a higher neighbour.

    A smooth resize makes such values between the plateaus of the true labels. A thin class between two others looks
    the same, which is why one such value alone is not certain.
    """
    from scipy.ndimage import maximum_filter, minimum_filter

    mask = np.round(mask.astype(float), 3)  # interpolation leaves rounding errors on the plateaus
    low, high = minimum_filter(mask, 3), maximum_filter(mask, 3)
    thin = ~np.isin(mask, mask[low == high])
    if not thin.any() or thin.mean() > 0.5 or ((low < mask) & (mask < high))[thin].mean() < 0.6:
        return None
    mixed = np.unique(mask[thin])
    problem = (
        f"{len(mixed)} of {len(values)} different values ({_list(mixed)}) occur only between a lower and a higher one: "
        "a smooth resize or rotation has mixed labels."
    )
    remedy = "Go back to the original and use nearest neighbour: `masks.resize_labels(labels, shape)`."
    return Finding("interpolated", problem, remedy, certain=len(mixed) > 1)


def _content(mask):
    """Masks that are valid but suspicious."""
    if mask.max() == mask.min():
        code, what = ("all-background", "background") if mask.max() == 0 else ("all-object", "object")
        problem = f"Every pixel is {what}."
        return [
            Finding(
                code,
                problem,
                "Look at it on its image: is that true, or did the loading fail?",
                certain=False,
            )
        ]
    border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    if (border != 0).mean() > 0.9 and len(np.unique(mask)) == 2:
        problem = "Nearly all of the picture's border is object: the mask may be inverted."
        return [Finding("inverted", problem, "Look at it on its image; if so: `~(mask > 0)`.", certain=False)]
    return []


def _two_dimensional(array):
    array = np.asarray(array)
    if array.ndim != 2:
        raise ValueError(
            f"expected a label map of shape (H, W), got {array.shape}: `masks.doctor(array)` tells more"
        )
    return array


def _pack(rgb):
    rgb = rgb.astype(np.int64)
    return (rgb[..., 0] << 16) | (rgb[..., 1] << 8) | rgb[..., 2]


def _list(values, most=4):
    shown = ", ".join(f"{v:.4g}" if isinstance(v, np.floating) else str(v) for v in values[:most])
    return shown + (f" and {len(values) - most} more" if len(values) > most else "")


def _code(text):
    """HTML of a remedy in which `…` marks code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{p}</code>" if i % 2 else p for i, p in enumerate(parts))
