"""Click a few pixels of each class, and see what a linear probe reads from frozen features. Lesson 16."""

import numpy as np
import torch

from course_utils import metrics, plotting
from course_utils.explorers.canvas import (
    Canvas,
    Explorer,
    action,
    check_brushes,
    check_match,
    layer,
    meters,
    slider,
    truth,
)
from course_utils.models import pretrained, transfer

_HINT = (
    "Try: click one pixel of each class, then change whose features are read; add clicks where the answer is wrong.\n"
    "Notice: how far one click goes with features that were taught, and that random ones, too, know more than the "
    "colour; then take levels away, and see which of them knew."
)
_COUNTS = (1, 3, 10)  # clicks a class in the strip
COLOURS = "colours alone"


class ProbeExplorer(Explorer):
    """A picture to click in, and three pairs of eyes: features that were taught, random ones, and the colours alone.

    Nothing of the encoders changes. From their features at the clicked pixels a linear readout is computed
    (`transfer.readout`), and it names all the other pixels: at once, for all encoders, so that they can be compared.

    Parameters
    ----------
    image : (H, W) or (H, W, 3) array in [0, 1]
    names : sequence of str
        One a class: what is clicked.
    target : (H, W) int array, optional
        The truth: numbers of the classes from 1, 0 where nobody knows. With it the mean IoU is shown.
    start : sequence of (row, column, class)
        Clicks to begin with.
    encoders : dict of str to encoder, optional
        Whose features to read. By default the course's own encoder, "taught", and the same with random weights,
        "random", whose norms are measured on this image. The colours alone are always there for comparison.
    name : str
        What the picture shows, for readers who do not see it.
    hint : str, optional
        What to try and what to notice, instead of the explorer's own line.

    Attributes
    ----------
    eyes : str, whose features are shown: a name of ``encoders``, or `COLOURS`
    answers : dict of (H, W) int arrays by whose eyes; empty while fewer than two classes were clicked
    scores : dict of the mean IoU, on the pixels that were not clicked
    """

    def __init__(
        self, image, names=("object", "background"), target=None, start=(), *, encoders=None, name="the image",
        hint=None,
    ):  # fmt: skip
        self.image = np.asarray(image, float)
        self.names, self.target = tuple(names), None if target is None else np.asarray(target)
        check_match(self.target, self.image)
        check_brushes(self.names)
        colour = self.image if self.image.ndim == 3 else np.dstack([self.image] * 3)
        pixels = torch.tensor(colour, dtype=torch.float32).permute(2, 0, 1)[None]
        self._features = {
            name: _levels(encoder, pixels) for name, encoder in (encoders or _pair(pixels)).items()
        }
        self._features[COLOURS] = [_standard(pixels)]
        self.eyes = next(iter(self._features))
        self._deepest = max(map(len, self._features.values()))
        self._truth = truth(self.target, plotting.PALETTE)
        marks = [
            {"kind": "click", "points": [[row, column]], "brush": brush, "closed": False}
            for row, column, brush in start
        ]
        self.canvas = Canvas(
            self.image,
            label=f"Probe explorer: {name}",
            hint=_HINT if hint is None else hint,
            tool="click",
            brushes=self.names,
            marks=marks,
            hidden=["truth"],
            respond=self.respond,
            sliders=[
                slider(
                    "levels", "levels that are read, from full size down", self._deepest, 1, self._deepest, 1
                )
            ],
            actions=[
                *(
                    action(
                        name, name, key=chr(ord("e") + place), pressed=name == self.eyes, hint=f"Read {name}"
                    )
                    for place, name in enumerate(self._features)
                ),
                action("clear", "Clear", key="c", hint="Take all clicks back"),
            ],
        )
        self._answer()

    @property
    def levels(self):
        """How many levels are read (int)."""
        return int(self.canvas.sliders[0]["value"])

    def respond(self, event):
        if event["kind"] == "action" and event["name"] == "clear":
            self.canvas.marks = []
        elif event["kind"] == "action":
            self.eyes = event["name"]
            self.canvas.actions = [
                each | {"pressed": each["name"] == self.eyes} if each["name"] in self._features else each
                for each in self.canvas.actions
            ]
        self._answer()

    def _answer(self):
        clicked = {(row, column): brush for row, column, brush in self.canvas.clicks}
        self.answers, self.scores = {}, {}
        if len(set(clicked.values())) > 1:
            for name in self._features:
                self.answers[name] = self._read(name, clicked)
                if self.target is not None:
                    self.scores[name] = self._measure(self.answers[name], clicked)
        nothing = np.zeros(self.image.shape[:2], np.int32)
        with self.canvas.hold_sync():
            shown = self.answers.get(self.eyes, nothing)
            self.canvas.layers = [layer("answer", shown, plotting.PALETTE), *self._truth]
            heading = (
                "<p>Mean IoU from the same clicks, by whose features are read:</p>" if self.scores else ""
            )
            self.canvas.panel = heading + meters(self.scores)
            self.canvas.status = self._describe(clicked)

    def _read(self, name, clicked):
        """Labels (H, W), by a readout of the features at the clicked pixels."""
        features = torch.cat(self._features[name][: self.levels], dim=0)
        places = np.array(list(clicked))
        known = features[:, places[:, 0], places[:, 1]].T
        classes, numbers = np.unique(list(clicked.values()), return_inverse=True)
        weights, offsets = transfer.readout(known, torch.from_numpy(numbers), len(classes))
        scores = torch.einsum("dhw,dk->khw", features, weights) + offsets[:, None, None]
        return classes[scores.argmax(0).numpy()].astype(np.int32)

    def _measure(self, answer, clicked):
        asked = self.target > 0
        asked[tuple(np.array(list(clicked)).T)] = False
        matrix = metrics.confusion_matrix(self.target[asked], answer[asked], len(self.names) + 1)
        return float(np.nanmean(metrics.iou(matrix)[1:]))

    def _describe(self, clicked):
        if not self.answers:
            return "Click a pixel of at least two classes: a readout can only tell apart what it was shown."
        text = f"{len(clicked)} clicks, {self.levels} level{'s' * (self.levels > 1)}, {self.eyes}"
        return f"{text}: mean IoU {self.scores[self.eyes]:.2f}." if self.scores else f"{text}."

    def strip(self):
        """The answers of all eyes to the same few clicks, and how they do with fewer and with more."""
        if self.target is None:
            return plotting.figure(
                plotting.Picture(self.image, "click to begin"),
                alt=f"{self.canvas.label}: the picture, in which nothing is clicked and whose truth is not known.",
                caption="Run the cell and click: from a few pixels of each class the others are named.",
            )
        frames, story = [], []
        for name in self._features:
            scores = {}
            for count in _COUNTS:
                clicked = sample_clicks(self.target, count)
                answer = self._read(name, clicked)
                scores[count] = self._measure(answer, clicked)
                if count == _COUNTS[1]:
                    frames.append(plotting.Picture(self.image, name, labels=answer))
            story.append(f"{name} {', '.join(f'{score:.2f}' for score in scores.values())}")
        counts = ", ".join(map(str, _COUNTS))
        return plotting.figure(
            *frames,
            plotting.Picture(self.image, "truth", labels=self.target),
            columns=len(frames) + 1,
            height=1.8,
            alt=f"{self.canvas.label}, named from {_COUNTS[1]} clicks a class by linear readouts of features, beside "
            f"the truth. Mean IoU after {counts} clicks a class: {'; '.join(story)}.",
            caption=f"What a linear readout of frozen features makes of {_COUNTS[1]} clicks a class. Mean IoU after "
            f"{counts} clicks a class: {'; '.join(story)}.",
        )


def sample_clicks(target, count, seed=0):
    """``count`` pixels of each class of a target, drawn by chance: dict of (row, column) -> class."""
    rng = np.random.default_rng(seed)
    found = {}
    for number in np.unique(target[target > 0]):
        places = np.argwhere(target == number)
        for place in places[rng.permutation(len(places))[:count]]:
            found[tuple(place.tolist())] = int(number)
    return found


def _pair(pixels):
    """The course's encoder, and a random one whose batch norms are measured on these pixels."""
    with torch.random.fork_rng(devices=[]):  # nothing changes for the reader's own training
        torch.manual_seed(0)
        taught, random = pretrained.encoder(), pretrained.encoder(taught=False)
    transfer.recalibrate(random, [pixels])
    return {"taught features": taught, "random features": random}


def _levels(encoder, pixels):
    """Features of each level at every pixel, (C, H, W) each, of mean 0 and deviation 1."""
    every = transfer.hypercolumns(encoder, pixels).split(list(encoder.widths), dim=1)
    return [_standard(level) for level in every]


def _standard(features):
    """(1, C, H, W) -> (C, H, W), each channel of mean 0 and deviation 1."""
    deviation, mean = torch.std_mean(features[0], dim=(1, 2), keepdim=True, correction=0)
    return (features[0] - mean) / deviation.clamp(min=1e-6)
