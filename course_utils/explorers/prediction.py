"""Browse what a model answered: predictions, probabilities and errors, image by image. Lessons 09 and 10."""

import time
from html import escape
from typing import NamedTuple

import numpy as np

from course_utils import metrics, plotting
from course_utils.explorers.canvas import (
    Canvas,
    Explorer,
    action,
    displayed,
    heat,
    histogram_plot,
    layer,
    meters,
    png,
    slider,
)

IGNORE = 255  # a target's number for pixels that nobody is to be judged by
_EDGES = np.arange(101) / 100  # where the threshold may stand
_PATIENCE = 0.06  # seconds of predicting a tick
_STRIP = 3  # images that a model predicts for the strip
_GREY = "#999999"  # of what is ignored
_HINTS = {
    True: "Try: drag the threshold, then let the worst image come first (W) and go on (N). Click into an error.\n"
    "Notice: where in the object the errors lie, how sure the model was of them, and how far the best threshold of "
    "one image is from that of the next.",
    False: "Try: let the worst image come first (W) and go on (N); choose a class and look at its probability and its "
    "errors. Click into an error.\n"
    "Notice: which classes are taken for each other, where, and how sure the model was.",
}


class Case(NamedTuple):
    """An image with its truth and what is believed of it, and the counts that every score is made of."""

    image: np.ndarray
    target: np.ndarray  #: int (H, W), 255 is not counted
    probabilities: np.ndarray  #: float (K, H, W)
    matrix: np.ndarray  #: int (K, K), of the likeliest classes; rows the truth
    counts: (
        np.ndarray | None
    )  #: int (2, 101) of two classes: how many pixels above so many edges, for each truth


class PredictionExplorer(Explorer):
    """Images with their truth and the probabilities that a model gives: prediction, probability map, errors, scores.

    With two classes, a pixel is object where the probability of class 1 is greater than a threshold, which can be
    dragged. With more, the likeliest class is the prediction, and errors are those of one class against the rest.
    Pixels whose target is 255 are shown and not counted.

    Parameters
    ----------
    images : sequence of (H, W) or (H, W, C) arrays in [0, 1], or uint8; optional
        By default six generated images of nuclei, of several kinds, and a softmax regression on three blurs of the
        grey value that has seen one kind.
    targets : sequence of (H, W) int or bool arrays, numbers of classes
    probabilities : sequence of (K, H, W) float arrays
        Without them, ``model`` predicts when an image is first looked at.
    model : torch.nn.Module, see `training.predict`
    classes : sequence of str, optional
        Names of the classes.
    start : int
        The first image, counted from 0.
    threshold : float
        The first threshold; it moves in hundredths.
    name : str
        What the pictures show, for readers who do not see them.
    hint : str, optional
        What to try and what to notice, instead of the explorer's own line.

    Attributes
    ----------
    index : int, settable, the image that is shown, as counted in ``images``
    order : list of int, in which they are gone through
    threshold : float, settable; 0.5 and without effect when there are more than two classes
    shown_class : int, settable, the class of the probability map and of the errors; 1 of two
    prediction : (H, W) int array
    scores : dict of float, of this image, and of all pixels of all images as far as they have been predicted
    """

    def __init__(
        self, images=None, targets=None, probabilities=None, *, model=None, classes=None, start=0, threshold=0.5,
        name="the predictions", hint=None,
    ):  # fmt: skip
        if images is None:
            images, targets, probabilities = example()
            classes = classes or ("background", "nucleus")
        _check_lengths(images, targets, probabilities, model)
        self._images, self._targets, self._given, self._model = images, targets, probabilities, model
        self._cases = {}
        self.order, self._sorted = list(range(len(images))), False
        first = self._case(int(start))
        self.classes = _names(classes, len(first.probabilities))
        self.two = len(self.classes) == 2
        self._class, self._index, self._pixel = 1, int(start), None
        self.canvas = Canvas(
            displayed(first.image),
            label=f"Prediction explorer: {name}",
            hint=_HINTS[self.two] if hint is None else hint,
            tool="click",
            value=_snap(threshold),
            opacity=0.5,
            hidden=["probability", "truth"]
            if self.two
            else ["probability", "hits", "missed", "false alarms"],
            respond=self.respond,
        )
        self._go(int(start))

    # ------------------------------------------------------------------------------------ from Python

    @property
    def index(self):
        return self._index

    @index.setter
    def index(self, index):
        self._go(int(index))

    @property
    def threshold(self):
        return _snap(self.canvas.value) if self.two else 0.5

    @threshold.setter
    def threshold(self, value):
        self.canvas.value = _snap(value)
        self._show()

    @property
    def shown_class(self):
        return self._class

    @shown_class.setter
    def shown_class(self, number):
        if not 0 <= number < len(self.classes):
            raise ValueError(f"shown_class must be one of 0 … {len(self.classes) - 1}, not {number}")
        self._class = int(number)
        self._show()

    # ------------------------------------------------------------------------------------ from the page

    def respond(self, event):
        kind, name = event["kind"], event.get("name")
        place = self.order.index(self._index)
        if kind == "tick":
            self._predict_some()
        elif kind == "slider" and name == "image":
            self._go(self.order[int(event["value"]) - 1])
        elif kind == "slider":
            self.shown_class = int(event["value"])
        elif kind == "action" and name == "worst":
            self._sort()
        elif kind == "action":
            step = 1 if name == "next" else -1
            self._go(self.order[(place + step) % len(self.order)])
        else:
            if kind in ("click", "undo"):
                self.canvas.marks = self.canvas.marks[-1:] if kind == "click" else []
                self._pixel = self.canvas.clicks[0][:2] if self.canvas.marks else None
            self._show()

    def _sort(self):
        """Worst first, or back to the order in which they came; what is not yet predicted comes first."""
        if self.canvas.playing or self._sorted:
            self.canvas.playing = self._sorted = False
            self.order = sorted(self.order)
            self._show()
        elif len(self._cases) < len(self.order):
            self.canvas.playing = True
            self._show()
        else:
            self._sorted = True
            self.order = sorted(self.order, key=lambda i: self._score(self._cases[i]))
            self._go(self.order[0])

    def _predict_some(self):
        """Predict some images more, as many as fit into a tick; after the last one, sort."""
        end = time.perf_counter() + _PATIENCE
        for index in self.order:
            if index not in self._cases:
                self._case(index)
                if time.perf_counter() > end:
                    break
        if len(self._cases) == len(self.order):
            self.canvas.playing = False
            self._sort()
        else:
            self._show()

    def _case(self, index):
        if not 0 <= index < len(self._images):
            raise ValueError(f"there are images 0 … {len(self._images) - 1}, but none of number {index}")
        if index not in self._cases:
            image, target = np.asarray(self._images[index]), np.asarray(self._targets[index])
            if self._given is not None:
                probabilities = np.asarray(self._given[index])
            else:
                from course_utils import training

                probabilities = training.predict(self._model, image)
            self._cases[index] = examine(image, target, probabilities, f"image {index}")
        return self._cases[index]

    def _go(self, index):
        case = self._case(index)
        self._index, self._pixel = index, None
        with self.canvas.hold_sync():
            self.canvas.marks = []
            self.canvas.image, self.canvas.size = png(displayed(case.image)), list(case.target.shape)
            self._show()

    # ------------------------------------------------------------------------------------ showing

    def _show(self):
        case = self._cases[self._index]
        self.prediction = self._predicted(case)
        self.scores = self._measure(case)
        with self.canvas.hold_sync():
            self.canvas.layers = self._layers(case)
            self.canvas.plot = self._plot(case) if self.two else {}
            self.canvas.sliders = self._sliders()
            self.canvas.actions = [
                action("previous", "Previous", key="p", hint="The image before this one"),
                action("next", "Next", key="n", hint="The image after this one"),
                action("worst", "Worst first", key="w", hint="Sort the images by their score, the worst first, or back",
                       pressed=self._sorted or self.canvas.playing),
            ]  # fmt: skip
            self.canvas.panel = self._legend() + meters(self.scores) + self._beliefs(case)
            self.canvas.status = self._describe(case)

    def _predicted(self, case):
        if self.two:
            return (case.probabilities[1] > np.float64(self.threshold)).astype(int)
        return case.probabilities.argmax(axis=0)

    def _errors(self, case):
        """(hits, missed, false alarms) of the shown class, bool (H, W) each."""
        counted = case.target != IGNORE
        truth, found = case.target == self._class, (self.prediction == self._class) & counted
        return truth & found, truth & ~found, found & ~truth

    def _layers(self, case):
        truth = np.where(case.target == IGNORE, 0, case.target)
        colours = plotting.ANSWER if self.two else plotting.PALETTE
        hits, missed, alarms = self._errors(case)
        made = [
            heat("probability", case.probabilities[self._class], 0, 1),
            layer("prediction", self.prediction, colours, tint=not self.two),
            layer(
                "truth", truth, plotting.TRUTH if self.two else plotting.PALETTE, style="dashed", tint=False
            ),
            layer("hits", hits, plotting.ERRORS["hit"]),
            layer("missed", missed, plotting.ERRORS["missed"], style="dashed"),
            layer("false alarms", alarms, plotting.ERRORS["false alarm"]),
        ]
        ignored = case.target == IGNORE
        return [*made, layer("ignored", ignored, _GREY, style="dashed")] if ignored.any() else made

    def _sliders(self):
        made = []
        if len(self.order) > 1:
            label = "image, worst first" if self._sorted else "image"
            made.append(slider("image", label, self.order.index(self._index) + 1, 1, len(self.order), 1))
        if not self.two:
            made.append(slider("class", "class", self._class, 0, len(self.classes) - 1, 1))
        return made

    def _measure(self, case):
        everything = len(self._cases) == len(self.order) > 1
        if self.two:
            matrix = at(case.counts, self.threshold)
            found = {"IoU": self._score(case), "precision": metrics.precision(matrix)[1],
                     "recall": metrics.recall(matrix)[1]}  # fmt: skip
            if everything:
                pooled = at(sum(known.counts for known in self._cases.values()), self.threshold)
                found["IoU, all images pooled"] = metrics.iou(pooled)[1]
        else:
            each = metrics.iou(case.matrix)
            found = {"mean IoU": self._score(case)}
            found |= {f"IoU, {name}": value for name, value in zip(self.classes, each, strict=True)}
            if everything:
                pooled = sum(known.matrix for known in self._cases.values())
                found["mean IoU, all images pooled"] = metrics.mean_iou(pooled)
        return {name: float(value) for name, value in found.items() if np.isfinite(value)}

    def _score(self, case):
        """IoU of the object at this threshold (1 where there is none and none was found), or the mean over classes."""
        if not self.two:
            return float(metrics.mean_iou(case.matrix))
        score = float(metrics.iou(at(case.counts, self.threshold))[1])
        return 1.0 if np.isnan(score) else score

    def _plot(self, case):
        """The probabilities of the object, and below them the IoU at each threshold."""
        curve = ious(case.counts)
        marks = (
            {"best here": float(_EDGES[1:-1][np.argmax(curve)])}
            if case.target[case.target != IGNORE].any()
            else {}
        )
        if self._pixel is not None:
            marks["pixel"] = float(np.clip(case.probabilities[(1, *self._pixel)], 0, 1))
        bars = case.counts.sum(axis=0)
        bars = np.sqrt([bars[0] + bars[1], *bars[2:]])
        return histogram_plot(
            bars if bars.any() else bars + 1, 0, 1, name=f"probability of {self.classes[1]}; height: root of pixels",
            curve=curve, curve_name="IoU of this image", marks=marks,
        )  # fmt: skip

    def _legend(self):
        """The colours of more than two classes; class 0 has none."""
        if self.two:
            return ""
        names = (
            '<span style="white-space:nowrap">'  # a colour and its name stay in one line
            f'<i class="swatch fill" style="--colour:{plotting.PALETTE[i % len(plotting.PALETTE)]};'
            f'display:inline-block;margin:0 0.3em 0 0.9em"></i>{escape(name)}</span>'
            for i, name in enumerate(self.classes[1:])
        )
        return f'<p style="font-size:90%">{escape(self.classes[0])}: clear {" ".join(names)}</p>'

    def _beliefs(self, case):
        """The probabilities at the pixel that was clicked."""
        if self._pixel is None:
            return ""
        values = case.probabilities[(slice(None), *self._pixel)]
        beliefs = {f"p({name})": float(p) for name, p in zip(self.classes, values, strict=True)}
        row, column = self._pixel
        return f"<p>Row {row}, column {column}; truth: {self._truth_at(case)}</p>{meters(beliefs)}"

    def _truth_at(self, case):
        number = int(case.target[self._pixel])
        return "ignored" if number == IGNORE else self.classes[number]

    def _describe(self, case):
        if self.canvas.playing:
            return f"Predicting: {len(self._cases)} of {len(self.order)} images."
        _, missed, alarms = self._errors(case)
        place = self.order.index(self._index) + 1
        text = f"Image {place} of {len(self.order)}" + (f", number {self._index + 1}" if self._sorted else "")
        if self.two:
            text += f": IoU {self._score(case):.3f} at threshold {self.threshold:.2f}; "
        else:
            text += f": mean IoU {self._score(case):.3f}; {self.classes[self._class]}: "
        text += f"{missed.sum():,} pixels missed, {alarms.sum():,} false alarms."
        ignored = (case.target == IGNORE).mean()
        text += f" {ignored:.1%} of the pixels are not counted." if ignored else ""
        if self._pixel is not None:
            row, column = self._pixel
            found = int(self.prediction[self._pixel])
            text += (
                f" Row {row}, column {column}: {self.classes[found]} with probability "
                f"{case.probabilities[(found, *self._pixel)]:.2f}, truth {self._truth_at(case)}."
            )
        return text

    def strip(self):
        """The worst, a middling and the best of the images that have been predicted, and of some more."""
        for index in self.order[: _STRIP if self._given is None else 8 * _STRIP]:
            self._case(index)
        known = sorted(self._cases, key=lambda i: self._score(self._cases[i]))
        chosen = dict.fromkeys((known[0], known[len(known) // 2], known[-1]))
        frames, story, score = [], [], "IoU" if self.two else "mean IoU"
        for index in chosen:
            case = self._cases[index]
            prediction, counted = self._predicted(case), case.target != IGNORE
            text = f"image {index + 1}: {score} {self._score(case):.2f}"
            if self.two:
                frames.append(plotting.Errors((case.target == 1), (prediction == 1) & counted, text))
            else:
                frames.append(
                    plotting.Picture(displayed(case.image), text, labels=np.where(counted, prediction, 0))
                )
            story.append(text)
        return plotting.figure(
            *frames,
            alt=f"{self.canvas.label}, from worse to better. {'; '.join(story)}.",
            caption=f"{'Hits and errors' if self.two else 'Predictions'}, from the worst image to the best: "
            f"{'; '.join(story)}.",
        )


def examine(image, target, probabilities, name="the image"):
    """A Case, with its counts. Raises ValueError, with the name, for arrays that do not fit each other."""
    target = target.astype(int) if target.dtype == bool else target
    if probabilities.ndim != 3 or len(probabilities) < 2 or probabilities.shape[1:] != target.shape:
        raise ValueError(
            f"{name}: probabilities have shape {probabilities.shape}; expected (K, height, width) with K of 2 or more "
            f"and the target's {target.shape}"
        )
    if target.shape != image.shape[:2]:
        raise ValueError(
            f"{name}: the target has shape {target.shape}, the image {image.shape}: they must match"
        )
    if target.dtype.kind not in "iu":
        raise ValueError(f"{name}: the target is {target.dtype}; numbers of classes are integers")
    if not (
        probabilities.min() >= 0 and np.abs(probabilities.sum(axis=0) - 1).max() < 1e-3
    ):  # NaN fails both
        raise ValueError(f"{name}: probabilities must be 0 or more and sum to 1; of logits, take the softmax")
    counted = target != IGNORE
    classes = len(probabilities)
    matrix, counts = np.zeros((classes, classes), np.int64), None
    if counted.any():
        matrix = metrics.confusion_matrix(target[counted], probabilities.argmax(axis=0)[counted], classes)
    if classes == 2:
        above = np.searchsorted(_EDGES, probabilities[1][counted]).clip(0, 100)
        code = above + 101 * (target[counted] == 1)
        counts = np.bincount(code, minlength=202).reshape(2, 101)
    return Case(image, target, probabilities, matrix, counts)


def at(counts, threshold):
    """The confusion matrix, int (2, 2), at a threshold that is a hundredth; counts as in `Case`."""
    edge = round(100 * threshold)
    return np.stack([counts[:, : edge + 1].sum(axis=1), counts[:, edge + 1 :].sum(axis=1)], axis=1)


def ious(counts):
    """IoU of the object at the thresholds 0.01 … 0.99, float (99,); 0 where there is neither truth nor prediction."""
    found = counts.sum(axis=1, keepdims=True) - counts.cumsum(axis=1)  # above each edge, of both truths
    alarms, hits = found[:, 1:100]
    return hits / np.maximum(counts[1].sum() + alarms, 1)


def example(count=6, size=128):
    """(images, targets, probabilities) of generated nuclei of several kinds.

    The probabilities are those of a softmax regression that learned from one image only.
    """
    from scipy import ndimage

    from course_utils.classic import softmax
    from course_utils.data import synthetic

    def blurs(image):
        return np.stack(
            [image, ndimage.gaussian_filter(image, 2), ndimage.gaussian_filter(image, 8)], axis=-1
        ).reshape(-1, 3)

    lesson, *samples = (synthetic.specimen(seed, size=size) for seed in range(count + 1))
    model = softmax.softmax_regression(blurs(lesson.image), (lesson.labels > 0).astype(int).ravel())
    images = [sample.image for sample in samples]
    targets = [(sample.labels > 0).astype(int) for sample in samples]
    return (
        images,
        targets,
        [softmax.probabilities(model, blurs(image)).T.reshape(2, size, size) for image in images],
    )


def _snap(threshold):
    """The nearest hundredth, 0 to 1, exactly as `_EDGES` holds it."""
    return float(_EDGES[int(np.clip(np.rint(100 * threshold), 0, 100))])


def _names(classes, count):
    if classes is None:
        return ("background", "object") if count == 2 else tuple(f"class {i}" for i in range(count))
    if len(classes) != count:
        raise ValueError(f"classes has {len(classes)} names, but there are probabilities of {count}")
    return tuple(classes)


def _check_lengths(images, targets, probabilities, model):
    if (probabilities is None) == (model is None):
        raise ValueError("give probabilities, or a model that predicts them: one of the two")
    if targets is None or len(targets) != len(images) or not len(images):
        raise ValueError(f"there are {len(images)} images: each needs its own target")
    if probabilities is not None and len(probabilities) != len(images):
        raise ValueError(f"there are {len(probabilities)} arrays of probabilities for {len(images)} images")
