"""Paint strokes and watch a forest learn from them, tree by tree. Lesson 07."""

import time

import numpy as np

from course_utils import metrics, plotting
from course_utils import strokes as pixel_forest
from course_utils.classic import features as feature_bank
from course_utils.explorers.canvas import (
    Canvas,
    Explorer,
    action,
    check_brushes,
    layer,
    meters,
    slider,
    strokes,
    truth,
)

_HINT = (
    "Try: paint a stroke with each brush, then another where the answer is wrong.\n"
    "Notice: how few pixels it takes, which features do the sorting, that a wrong place need not be an unsure one, and "
    "that a right stroke may lower the score of another class."
)
_PATIENCE = 0.05  # seconds of growing a tick
_UNSURE = 0.2  # a pixel is unsure when its two best classes are no further apart
_SHOWN = 5  # kinds of features in the panel


class StrokesExplorer(Explorer):
    """A picture to paint on with two brushes or more, and a random forest that paints the rest.

    The features are computed once; after each stroke a new forest grows, some trees a tick, and its answer is shown
    as it grows.

    Parameters
    ----------
    image : (H, W) or (H, W, 3) array in [0, 1]
    names : sequence of str
        One a brush: what it paints.
    target : (H, W) int array, optional
        The truth: numbers of the brushes, 0 where nobody knows. With it the IoU is shown.
    start : sequence of (points, brush)
        Strokes to begin with; points are (row, column), joined by straight lines.
    width : int
        Of the strokes, in pixels.
    trees : int
        Of the forest.
    scales : sequence of float
        Of the features.
    name : str
        What the picture shows, for readers who do not see it.
    hint : str, optional
        What to try and what to notice, instead of the explorer's own line.

    Attributes
    ----------
    painted : (H, W) int array, numbers of the brushes, 0 where nothing is painted
    grown : int, trees so far
    answer : (H, W) int array, the class with most trees; 0 while fewer than two brushes were used
    unsure : (H, W) bool array
    importances : dict kind of feature -> share of the sorting it did (the fall of impurity), the largest first
    scores : dict of float, on the pixels that are not painted
    """

    def __init__(
        self, image, names=("object", "background"), target=None, start=(), *, width=5, trees=32,
        scales=feature_bank.SCALES, name="the image", hint=None,
    ):  # fmt: skip
        self.image, self.target = _check(image, names, target)
        self.names, self.trees, self.scales = tuple(names), int(trees), scales
        values, self._features = feature_bank.features(self.image, scales)
        self._values = values.reshape(-1, values.shape[2])
        self._truth = truth(self.target, plotting.PALETTE)
        self.canvas = Canvas(
            self.image,
            label=f"Strokes explorer: {name}",
            hint=_HINT if hint is None else hint,
            tool="stroke",
            brushes=self.names,
            marks=strokes(start),
            hidden=["truth", "unsure"],
            respond=self.respond,
            sliders=[slider("width", "width of the strokes", int(width), 1, 15, 2)],
            actions=[
                action("stop", "Stop", key="s", hint="Grow no further trees"),
                action("clear", "Clear", key="c", hint="Take all strokes back"),
            ],
        )
        self._learn()

    @property
    def width(self):
        return self.canvas.sliders[0]["value"]

    def respond(self, event):
        if event["kind"] == "tick":
            self._grow()
        elif event["kind"] == "action" and event["name"] == "stop":
            self.canvas.playing = False
            self._show()
        else:
            if event["kind"] == "action":
                self.canvas.marks = []
            self._learn()

    def finish(self):
        """Grow all the trees now, without waiting for the page's ticks."""
        while self.canvas.playing:
            self._grow()

    def _learn(self):
        """Begin a new forest with the strokes as they are."""
        from sklearn.ensemble import RandomForestClassifier

        self.painted = self.canvas.seeds(self.width)
        used = np.unique(self.painted[self.painted > 0])
        self.grown, self._shares = 0, np.zeros(len(self._features))
        self._votes = np.zeros((len(used), self.painted.size), np.float32)
        self._forest = RandomForestClassifier(warm_start=True, random_state=0)
        self.canvas.playing = len(used) > 1
        if self.canvas.playing:
            self._grow()
        else:
            self._show()

    def _grow(self):
        """A few more trees: as many as fit into the time of a tick, one at least."""
        known = self.painted.ravel() > 0
        end = time.perf_counter() + _PATIENCE
        while self.grown < self.trees and (time.perf_counter() < end or not self.grown):
            self.grown += 1
            self._forest.set_params(n_estimators=self.grown)
            self._forest.fit(self._values[known], self.painted.ravel()[known])
            tree = self._forest.estimators_[-1]
            self._votes += tree.predict_proba(self._values, check_input=False).T
            self._shares += tree.feature_importances_
        self.canvas.playing = self.canvas.playing and self.grown < self.trees
        self._show()

    def _show(self):
        shape = self.painted.shape
        self.answer, self.unsure = np.zeros(shape, np.int32), np.zeros(shape, bool)
        if self.grown:
            self.answer = self._forest.classes_[self._votes.argmax(axis=0)].reshape(shape).astype(np.int32)
            best = np.partition(self._votes, -2, axis=0)[-2:]
            self.unsure = (best[1] - best[0] < _UNSURE * self.grown).reshape(shape)
        self.importances = kinds(self._features, self._shares)
        known = self.target is not None and self.grown
        self.scores = self._measure(self.painted, self.answer) if known else {}
        with self.canvas.hold_sync():
            self.canvas.layers = [
                layer("answer", self.answer, plotting.PALETTE),
                layer("unsure", self.unsure, plotting.PAPER),
                *self._truth,
            ]
            asked = dict(list(self.importances.items())[:_SHOWN]) if self.grown else {}
            heading = "<p>What sorts the painted pixels, in shares:</p>" if asked else ""
            self.canvas.panel = meters(self.scores) + heading + meters(asked)
            self.canvas.status = self._describe()

    def _measure(self, painted, answer):
        """IoU of each class, and their mean, where the truth is known and nothing was painted."""
        asked = (self.target > 0) & (painted == 0)
        matrix = metrics.confusion_matrix(self.target[asked], answer[asked], len(self.names) + 1)
        each = metrics.iou(matrix)[1:]
        return {"mean IoU": float(np.nanmean(each))} | {
            f"IoU, {name}": float(value)
            for name, value in zip(self.names, each, strict=True)
            if np.isfinite(value)
        }

    def _describe(self):
        if not self.grown:
            return "Paint with at least two brushes: a forest can only tell apart what it has seen."
        share = (self.painted > 0).mean()
        if self.canvas.playing:  # read aloud when it changes: not at every tick
            return f"Learning from {share:.1%} of the pixels …"
        score = f" Mean IoU on the others {self.scores['mean IoU']:.2f}." if self.scores else ""
        return f"{self.grown} trees learned from {share:.1%} of the pixels; {self.unsure.mean():.0%} are unsure.{score}"

    def strip(self):
        """The strokes and the forest's answer, for more and more strokes."""
        frames, story = [], []
        for count, painted in self._lessons():
            if len(np.unique(painted[painted > 0])) < 2:
                continue
            forest = pixel_forest.pixel_classifier(self.image, painted, trees=self.trees, scales=self.scales)
            answer = forest.predict(self.image)
            text = f"{count}, {(painted > 0).mean():.1%} of the pixels"
            if self.target is not None:
                score = self._measure(painted, answer)["mean IoU"]
                text += f": mean IoU on the others {score:.2f}"
            frames.append(plotting.Picture(self.image, count, labels=answer))
            story.append(text)
        if not frames:
            frames, story = [plotting.Picture(self.image, "nothing painted yet")], ["nothing painted yet"]
        return plotting.figure(
            *frames,
            columns=max(4, len(frames)),
            height=1.8 if len(frames) > 1 else None,
            alt=f"{self.canvas.label}, coloured by a forest that learned from strokes: {'; '.join(story)}.",
            caption=f"A forest of {self.trees} trees colours the picture after {'; after '.join(story)}.",
        )

    def _lessons(self):
        """(words, strokes) for the strip: strokes painted by a program where the truth is known, else the reader's."""
        if self.target is None:
            return [("the strokes", self.painted)]
        return [
            (f"{count} stroke{'s' * (count > 1)} a class", pixel_forest.paint(self.target, count=count))
            for count in (1, 9)
        ]


def kinds(names, shares):
    """Shares of features summed over scales, directions and channels: dict kind -> float, the largest first, sum 1."""
    total, found = max(shares.sum(), 1e-12), {}
    for name, share in zip(names, shares, strict=True):
        words = [word for word in name.split() if word in feature_bank.FAMILIES]
        found[words[0]] = found.get(words[0], 0.0) + float(share / total)
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _check(image, names, target):
    image = np.asarray(image, float)
    check_brushes(names)
    if target is None:
        return image, None
    target = np.asarray(target)
    if target.shape != image.shape[:2] or target.dtype.kind not in "iu":
        raise ValueError(
            f"target is {target.dtype} of shape {target.shape}; expected integers of the image's {image.shape[:2]}"
        )
    if target.min() < 0 or target.max() > len(names):
        raise ValueError(f"target has numbers up to {target.max()}, but there are {len(names)} brushes")
    return image, target
