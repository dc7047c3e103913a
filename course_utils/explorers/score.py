"""Damage a perfect prediction and watch the scores disagree. Lesson 01."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from course_utils import metrics, plotting
from course_utils.explorers.canvas import (
    ARROWS,
    Canvas,
    Explorer,
    action,
    arrows,
    check_match,
    layer,
    meters,
    object_mask,
    truth,
)

TOLERANCE = 2.0  # pixels, of the boundary F
_SPOTS = 12  # specks or holes that one press adds
_HINT = (
    "Try: drag the prediction, or move it with the arrow keys, a few pixels further; then let it answer nothing (N).\n"
    "Notice: which score falls first, which hardly falls, and what accuracy says of an answer that found nothing."
)


@dataclass(frozen=True)
class Damage:
    """What is done to a perfect prediction, in this order.

    ``grow`` pixels are added all round (taken away when negative); ``blur`` rounds its corners, as a Gaussian of
    twice as many pixels would; ``holes`` and ``specks`` times twelve round spots are cut out of the object and
    strewn over the background; the object moves by ``rows`` and ``columns``; ``nothing`` empties the answer.
    """

    rows: int = 0
    columns: int = 0
    grow: int = 0
    blur: int = 0
    holes: int = 0
    specks: int = 0
    nothing: bool = False

    def __str__(self):
        if self.nothing:
            return "nothing found"
        moved = [f"{abs(n)} px {names[n > 0]}" for n, names in
                 ((self.rows, ("up", "down")), (self.columns, ("left", "right"))) if n]  # fmt: skip
        parts = ["moved " + ", ".join(moved)] * bool(moved)
        parts += [f"{'grown' if self.grow > 0 else 'eroded'} by {abs(self.grow)} px"] * bool(self.grow)
        parts += ["blurred"] * bool(self.blur)
        parts += [f"{_SPOTS * self.holes} holes"] * bool(self.holes)
        parts += [f"{_SPOTS * self.specks} specks"] * bool(self.specks)
        return ", ".join(parts) or "perfect"


class ScoreExplorer(Explorer):
    """A prediction to move, grow, erode, blur and spoil, with four scores that answer differently.

    Parameters
    ----------
    target : (H, W) bool or int array
        The truth, not zero on the object.
    image : (H, W) or (H, W, 3) array in [0, 1], optional
        The picture behind; plain grey without one.
    start : Damage, optional
        What is done to the prediction at first; by default it is moved by four pixels.
    name : str
        What the object is, for readers who do not see it.
    hint : str
        What to try and what to notice.

    Attributes
    ----------
    damage : Damage, settable
    prediction : (H, W) bool array
    scores : dict of float, what the bars show
    """

    def __init__(self, target, image=None, start=None, *, name="the object", hint=_HINT):
        self.target = object_mask(target)
        self.image = np.full(self.target.shape, 0.45) if image is None else np.asarray(image)
        check_match(self.target, self.image)
        self._truth = truth(self.target)
        self._damage, self._history, self._gesture = start or Damage(columns=4), [], None
        self._before = score(self.target, self.target)
        self.canvas = Canvas(
            self.image, label=f"Score explorer: {name}", hint=hint, tool="drag",
            hidden=["missed", "false alarms"], respond=self.respond,
        )  # fmt: skip
        self._show()

    @property
    def damage(self):
        return self._damage

    @damage.setter
    def damage(self, damage):
        self._history.append(self._damage)
        self._before, self._damage = self.scores, damage
        self._show()

    def respond(self, event):
        if event["kind"] == "drag":
            self._drag(event)
        elif event["name"] == "undo":
            self._damage = self._history.pop() if self._history else self._damage
            self._before = self.scores
            self._show()
        else:
            self.damage = act(self._damage, event["name"])

    def _drag(self, event):
        if event["gesture"] != self._gesture:  # its first event: what follows is measured from here
            self._gesture, self._grabbed = event["gesture"], self._damage
            self._history.append(self._damage)
            self._before = self.scores
        rows, columns = np.rint(np.subtract(event["to"], event["from"])).astype(int).tolist()
        self._damage = replace(
            self._grabbed, rows=self._grabbed.rows + rows, columns=self._grabbed.columns + columns
        )
        self._show()

    def _show(self):
        self.prediction = predict(self.target, self._damage)
        self.scores = score(self.target, self.prediction)
        missed, alarms = self.target & ~self.prediction, self.prediction & ~self.target
        with self.canvas.hold_sync():
            self.canvas.layers = [
                layer("prediction", self.prediction, plotting.ANSWER),
                *self._truth,
                layer("missed", missed, plotting.ERRORS["missed"]),
                layer("false alarms", alarms, plotting.ERRORS["false alarm"]),
            ]
            self.canvas.actions = _buttons(self._damage.nothing)
            self.canvas.panel = meters(self.scores, self._before)
            mistakes = f"{missed.sum():,} pixels missed, {alarms.sum():,} false alarms"
            self.canvas.status = f"The prediction: {self._damage}. {mistakes}."

    def strip(self):
        """Four predictions, what they got right and wrong, and their scores."""
        pictures, story = [], []
        for damage in (Damage(columns=4), Damage(grow=4), Damage(specks=4), Damage(nothing=True)):
            prediction = predict(self.target, damage)
            scores = score(self.target, prediction)
            text = ", ".join(f"{name} {scores[name]:.2f}" for name in ("accuracy", "IoU", _BOUNDARY))
            pictures.append(plotting.Errors(self.target, prediction, f"{damage}: {text}"))
            story.append(pictures[-1].title)
        return plotting.figure(
            *pictures,
            alt=f"{self.canvas.label}, four predictions and their mistakes. {'; '.join(story)}.",
            caption=f"The same truth, four answers, and scores that disagree: {'; '.join(story[::3])}.",
        )


_BOUNDARY = f"boundary F ({TOLERANCE:g} px)"


def score(target, prediction):
    """The four scores of a mask, by name, each a float in [0, 1]."""
    return {
        "accuracy": metrics.accuracy(metrics.confusion_matrix(target, prediction)),
        "IoU": metrics.mask_iou(target, prediction),
        "Dice": metrics.mask_dice(target, prediction),
        _BOUNDARY: metrics.boundary_f(target, prediction, TOLERANCE),
    }


def act(damage, name):
    """The damage after pressing the button of that name."""
    if name == "reset":
        return Damage()
    if name == "nothing":
        return replace(damage, nothing=not damage.nothing)
    if name in ARROWS:
        rows, columns = ARROWS[name]
        return replace(damage, rows=damage.rows + rows, columns=damage.columns + columns)
    field, step = {"erode": ("grow", -1)}.get(name, (name, 1))
    return replace(damage, **{field: getattr(damage, field) + step})


def predict(target, damage):
    """The prediction (bool, as ``target``) that remains of a perfect one after the damage; always the same one."""
    if damage.nothing:
        return np.zeros_like(target)
    mask = target
    if damage.grow:  # the disk of that radius, by the distance to the nearest pixel of the other side
        outside = (
            ndimage.distance_transform_edt(~mask)
            if damage.grow > 0
            else -ndimage.distance_transform_edt(mask)
        )
        mask = outside <= damage.grow if damage.grow > 0 else outside < damage.grow
    if damage.blur:
        mask = ndimage.gaussian_filter(mask.astype(float), 2.0 * damage.blur) > 0.5
    mask = mask & ~_spots(target, target, damage.holes)
    mask = _moved(mask, damage.rows, damage.columns)
    return mask | _spots(target, ~target, damage.specks)


def _moved(mask, rows, columns):
    """The mask moved down and right; what leaves the frame is lost, what comes in is empty."""
    height, width = mask.shape
    moved = np.zeros_like(mask)
    if abs(rows) < height and abs(columns) < width:
        there = (slice(max(rows, 0), height + min(rows, 0)), slice(max(columns, 0), width + min(columns, 0)))
        here = (
            slice(max(-rows, 0), height + min(-rows, 0)),
            slice(max(-columns, 0), width + min(-columns, 0)),
        )
        moved[there] = mask[here]
    return moved


def _spots(target, region, presses):
    """Round spots (bool) whose centres lie in a region, twelve a press; those of fewer presses stay where they were."""
    spots = np.zeros_like(target)
    if presses:
        places = np.flatnonzero(region)
        chosen = np.random.default_rng(0).permutation(places)[: _SPOTS * presses]
        radius = max(1.0, np.sqrt(target.sum()) / 40)
        reach = int(radius)
        y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        spots.flat[chosen] = True
        spots = ndimage.binary_dilation(spots, y * y + x * x <= radius * radius)
    return spots


def _buttons(nothing):
    return [
        *arrows("Move {} by one pixel"),
        action("grow", "Grow", key="g", hint="Grow by one pixel all round"),
        action("erode", "Erode", key="e", hint="Erode by one pixel all round"),
        action("blur", "Blur", key="b", hint="Blur the outline"),
        action("holes", "Holes", key="h", hint=f"Cut {_SPOTS} holes"),
        action("specks", "Specks", key="s", hint=f"Strew {_SPOTS} specks"),
        action("nothing", "Answer nothing", key="n", hint="Answer nothing at all", pressed=nothing),
        action("undo", "Undo", key="Backspace", hint="Undo the last change"),
        action("reset", "Perfect", key="p", hint="Make the prediction perfect again"),
    ]
