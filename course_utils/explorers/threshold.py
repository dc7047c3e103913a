"""Drag a threshold along the histogram and see what it makes of the picture. Lesson 02."""

import numpy as np

from course_utils import metrics, plotting
from course_utils.classic import thresholding
from course_utils.explorers.canvas import (
    Canvas,
    Explorer,
    action,
    check_match,
    histogram_plot,
    layer,
    meters,
    truth,
)

_HINT = {
    False: "Try: drag the line from one end to the other.\nNotice: which part of the picture each hump of the "
    "histogram is, and that Otsu's threshold is the top of the curve, not the bottom of the valley.",
    True: "Try: drag the line to where you think the score is best.\nNotice: how far that is from Otsu's threshold, "
    "which is the top of the curve, and how little the score changes on the way.",
}


class ThresholdExplorer(Explorer):
    """A grey picture, its histogram, and one threshold to drag.

    Parameters
    ----------
    image : (H, W) float array in [0, 1]
    target : (H, W) bool or int array, optional
        The truth, not zero on the object; with it IoU and Dice are shown.
    start : float, optional
        The first threshold; by default half way between the darkest and the brightest pixel.
    dark : bool
        Whether the object is the dark side.
    name : str
        What the picture shows, for readers who do not see it.
    hint : str, optional
        What to try and what to notice, instead of the explorer's own line.

    Attributes
    ----------
    threshold : float, settable
    mask : (H, W) bool array, the object at this threshold
    scores : dict of float, what the bars show
    """

    def __init__(self, image, target=None, start=None, *, dark=False, name="the image", hint=None):
        self.image, self.target = _check(image, target)
        self.dark, self._pixel = bool(dark), None
        self._counts, self._centres = thresholding.histogram(self.image, _bins(self.image))
        self._curve = thresholding.between_class_variance(self._counts, self._centres)
        self._low, self._high = float(self.image.min()), float(self.image.max())
        self.otsu = float(thresholding.otsu(self.image))
        self._truth = truth(self.target)
        self.canvas = Canvas(
            self.image,
            label=f"Threshold explorer: {name}",
            hint=_HINT[self.target is not None] if hint is None else hint,
            tool="click",
            hidden=["truth"],
            respond=self.respond,
            value=(self._low + self._high) / 2 if start is None else float(start),
        )
        self._show_plot()
        self._show_mask()

    @property
    def threshold(self):
        return self.canvas.value

    @threshold.setter
    def threshold(self, value):
        self.canvas.value = float(value)
        self._show_mask()

    def respond(self, event):
        if event["kind"] == "action":
            if event["name"] == "otsu":
                self.canvas.value = self.otsu
            else:
                self.dark = not self.dark
                self._show_plot()
        elif event["kind"] in ("click", "undo"):
            self.canvas.marks = self.canvas.marks[-1:]  # one pixel is asked about at a time
            self._show_plot()
        self._show_mask()

    def _show_plot(self):
        marks = {"Otsu": self.otsu}
        for row, column, _ in self.canvas.clicks:
            marks["pixel"] = float(self.image[row, column])
        self.canvas.plot = histogram_plot(
            self._counts, self._low, self._high, name="grey value", curve=self._curve,
            curve_name="between-class variance", marks=marks, side=-1 if self.dark else 1,
        )  # fmt: skip
        self.canvas.actions = [
            action("otsu", "Otsu", key="o", hint="Put the line at Otsu's threshold"),
            action(
                "dark", "Dark objects", key="d", hint="Take the dark side as the object", pressed=self.dark
            ),
        ]

    def _show_mask(self):
        self.mask, self.scores = measure(self.image, self.threshold, self.target, dark=self.dark)
        with self.canvas.hold_sync():
            self.canvas.layers = [layer("object", self.mask, plotting.ANSWER), *self._truth]
            self.canvas.panel = meters(self.scores)
            self.canvas.status = self._describe()

    def _describe(self):
        text = f"Threshold {self.threshold:.3f}: {self.mask.mean():.1%} of the pixels are object."
        for row, column, _ in self.canvas.clicks:
            side = "object" if self.mask[row, column] else "background"
            text += f" The pixel at row {row}, column {column} is {self.image[row, column]:.3f}: {side}."
        return text

    def strip(self):
        """The picture at three thresholds, one too low, Otsu's, one too high, and the histogram with all three."""
        spread = min(self.otsu - self._low, self._high - self.otsu) / 2
        thresholds = {"low": self.otsu - spread, "Otsu": self.otsu, "high": self.otsu + spread}
        pictures, story = [], []
        for name, value in thresholds.items():
            mask, scores = measure(self.image, value, self.target, dark=self.dark)
            first = next(iter(scores))
            text = f"{name} {value:.2f}: {first} {scores[first]:.2f}"
            pictures.append(plotting.Picture(self.image, text, labels=mask))
            story.append(text)
        plot = plotting.Histogram(self._counts, self._centres, "histogram", thresholds=thresholds)
        return plotting.figure(
            *pictures, plot,
            alt=f"{self.canvas.label}, at three thresholds, and its histogram: {'; '.join(story)}.",
            caption=f"Three thresholds on one histogram: {'; '.join(story)}.",
        )  # fmt: skip


def measure(image, threshold, target=None, *, dark=False):
    """The mask (bool, as ``image``) at a threshold and its scores, a dict: IoU and Dice if there is a target, and
    the object's share of the pixels. A pixel is bright when it is greater than the threshold, dark otherwise."""
    mask = (image > threshold) != dark
    scores = (
        {}
        if target is None
        else {"IoU": metrics.mask_iou(target, mask), "Dice": metrics.mask_dice(target, mask)}
    )
    return mask, scores | {"share of pixels": float(mask.mean())}


def _bins(image):
    """One bin a grey level where the image has the 8-bit levels k / 255, so that no bin stays empty; else 256."""
    levels = image * 255
    return int(np.ptp(levels).round()) + 1 if np.allclose(levels, levels.round(), atol=1e-6) else 256


def _check(image, target):
    image = np.asarray(image, float)
    if image.ndim != 2:
        raise ValueError(
            f"image has shape {image.shape}; a threshold needs one number a pixel, (height, width). "
            "Take one channel, or the mean of the three: image.mean(axis=2)."
        )
    if not np.isfinite(image).all() or image.min() == image.max():
        raise ValueError("image has one value only, or values that are not finite: no threshold can part it.")
    if target is None:
        return image, None
    target = np.asarray(target) != 0
    check_match(target, image)
    return image, target
