"""Move a prediction, and see what each loss charges for it and where it pushes. Lesson 13."""

from dataclasses import dataclass, replace
from functools import partial
from html import escape

import numpy as np
import torch

from course_utils import losses, plotting
from course_utils.explorers.canvas import (
    ARROWS,
    Canvas,
    Explorer,
    action,
    arrows,
    check_match,
    heat,
    layer,
    meters,
    object_mask,
    slider,
    truth,
)

_SURE = 12.0  # the largest score: nobody is surer than p = 0.999994
_STEP = 4  # pixels between the places at which the curve is computed
_CEILING = 1.5  # of the curve, in units of finding nothing
_HINT = (
    "Try: drag the answer off the object, until the two no longer touch, and go through the losses; then cut a gap "
    "into it, and make it less sure.\n"
    "Notice: which losses still feel, from afar, where the object is; how much of the push falls on the few pixels of "
    "the object; and which loss is happiest with an answer that is too sure of itself."
)


@dataclass(frozen=True)
class Answer:
    """An answer made from the truth, in this order.

    ``gap`` rows are cut out of its middle; it grows by ``grow`` pixels all round (shrinks when negative) and moves by
    ``rows`` and ``columns``. Its score falls by ``sure`` with each pixel outwards, and is 0 on its outline.
    """

    rows: int = 0
    columns: int = 0
    grow: int = 0
    gap: int = 0
    sure: float = 1.0

    def __str__(self):
        moved = [f"{abs(n)} px {names[n > 0]}" for n, names in
                 ((self.rows, ("up", "down")), (self.columns, ("left", "right"))) if n]  # fmt: skip
        parts = ["moved " + ", ".join(moved)] * bool(moved)
        parts += [f"{'grown' if self.grow > 0 else 'shrunk'} by {abs(self.grow)} px"] * bool(self.grow)
        parts += [f"{self.gap} rows cut out"] * bool(self.gap)
        return ", ".join(parts) or "in its place"


def price_lists(target):
    """The losses that are compared, by name: functions of logits (1, 2, H, W) and a target int64 (1, H, W).

    Weights are those of `losses.inverse_frequency` for this target (H, W), bool. clDice erodes as often as it takes to
    find the target's centre line, but not more than six times.
    """
    weights = losses.inverse_frequency([target.astype(int)], 2)
    thickness = min(int(-losses.signed_distance(target).min()), 6)
    return {
        "cross-entropy": losses.cross_entropy,
        "weighted": partial(losses.cross_entropy, weights=weights),
        "smoothed": partial(losses.cross_entropy, smoothing=0.1),
        "focal": losses.focal,
        "Dice": losses.dice,
        "Tversky": partial(losses.tversky, alpha=0.2, beta=0.8),
        "Lovász": losses.lovasz,
        "clDice": partial(losses.cldice, classes=[1], iterations=thickness),
        "boundary": partial(losses.boundary, classes=[1]),
    }


KEYS = dict(zip("cwofdtlkb", price_lists(np.eye(2, dtype=bool)), strict=True))


class LossExplorer(Explorer):
    """An answer to move, grow, cut and make more or less sure, with nine losses and their slopes.

    The picture is tinted where the chosen loss pushes a pixel's score up, and in another colour where it pushes it
    down: minus the gradient of the loss by the scores, which is what a network receives at each pixel. The curve shows
    the loss while the answer moves along its row.

    Losses are shown on one scale: 0 is the price of a sure and perfect answer, 1 that of one that is sure of
    finding nothing.

    Parameters
    ----------
    target : (H, W) bool or int array
        The truth, not zero on the object.
    image : (H, W) or (H, W, 3) array in [0, 1], optional
        The picture behind; plain grey without one.
    start : Answer, optional
        By default it stands six pixels to the right.
    loss : str
        The chosen loss, one of `price_lists`.
    name : str
        What the object is, for readers who do not see it.
    hint : str
        What to try and what to notice.

    Attributes
    ----------
    answer : Answer, settable
    loss : str, settable
    values : dict of float, the losses of the answer
    push : (H, W) float array, minus the slope of the chosen loss at each pixel
    """

    def __init__(self, target, image=None, start=None, *, loss="Dice", name="the object", hint=_HINT):
        self.target = object_mask(target)
        image = np.full(self.target.shape, 0.45) if image is None else np.asarray(image)
        check_match(self.target, image)
        self._losses = price_lists(self.target)
        self._check(loss)
        self._class = torch.from_numpy(self.target.astype(np.int64))[None]
        self._ends = {
            name: [price(_pair(score), self._class).item() for score in
                   (np.where(self.target, _SURE, -_SURE), np.full(self.target.shape, -_SURE))]
            for name, price in self._losses.items()
        }  # fmt: skip
        self._answer, self._loss, self._history, self._gesture = start or Answer(columns=6), loss, [], None
        self._before, self._around, self._drawn = None, {}, (None, None)
        self.canvas = Canvas(
            image, label=f"Loss explorer: {name}", hint=hint, tool="drag", opacity=0.8, respond=self.respond,
        )  # fmt: skip
        self._show()

    # ------------------------------------------------------------------------------------ from Python

    @property
    def answer(self):
        return self._answer

    @answer.setter
    def answer(self, answer):
        self._history.append(self._answer)
        self._set(answer)

    @property
    def loss(self):
        return self._loss

    @loss.setter
    def loss(self, name):
        self._check(name)
        self._loss = name
        self._show()

    def _check(self, name):
        if name not in self._losses:
            raise ValueError(f"loss must be one of {', '.join(self._losses)}, not {name!r}")

    # ------------------------------------------------------------------------------------ from the page

    def respond(self, event):
        kind, name = event["kind"], event.get("name")
        if kind == "drag":
            self._drag(event)
        elif kind == "value":
            self._set(replace(self._answer, columns=round(event["value"])))
        elif kind == "slider":
            value = event["value"]
            self._set(replace(self._answer, **{name: float(value) if name == "sure" else int(value)}))
        elif name in self._losses:
            self.loss = name
        elif name in ARROWS:
            rows, columns = ARROWS[name]
            self.answer = replace(
                self._answer, rows=self._answer.rows + rows, columns=self._answer.columns + columns
            )
        elif name == "undo":
            self._set(self._history.pop() if self._history else self._answer)
        else:
            self.answer = Answer(sure=self._answer.sure)

    def _drag(self, event):
        if event["gesture"] != self._gesture:  # its first event: what follows is measured from here
            self._gesture, self._grabbed = event["gesture"], self._answer
            self._history.append(self._answer)
        rows, columns = np.rint(np.subtract(event["to"], event["from"])).astype(int).tolist()
        self._set(
            replace(self._grabbed, rows=self._grabbed.rows + rows, columns=self._grabbed.columns + columns)
        )

    def _set(self, answer):
        """Take an answer, which may move as far as the picture is high and wide."""
        height, width = self.target.shape
        self._before = self._relative()
        self._answer = replace(
            answer,
            rows=int(np.clip(answer.rows, -height, height)),
            columns=int(np.clip(answer.columns, -width, width)),
        )
        self._show()

    # ------------------------------------------------------------------------------------ the numbers

    def _relative(self):
        """The losses on the common scale, by name."""
        return {name: self._scaled(name, value) for name, value in self.values.items()}

    def _scaled(self, name, value):
        perfect, nothing = self._ends[name]
        return (value - perfect) / ((nothing - perfect) or 1)  # clDice sees no line in what is very thick

    def _scores(self, answer):
        if answer.gap not in self._around:
            self._around = {answer.gap: around(self.target, answer.gap)}
        return scores(self.target, answer, self._around[answer.gap])

    def _compute(self):
        score = self._scores(self._answer)
        self.prediction = score > 0
        self.values = {name: price(_pair(score), self._class).item() for name, price in self._losses.items()}
        self.push = push(self._losses[self._loss], score, self._class)

    def _curve(self):
        """(columns, losses on the common scale) of the answer at places along its row."""
        reach = self.target.shape[1] // 2 // _STEP * _STEP
        columns = np.arange(-reach, reach + 1, _STEP)
        key = self._loss, replace(self._answer, columns=0)
        if self._drawn[0] != key:
            places = [replace(self._answer, columns=int(c)) for c in columns]
            price = self._losses[self._loss]
            values = [price(_pair(self._scores(place)), self._class).item() for place in places]
            self._drawn = key, self._scaled(self._loss, np.array(values))
        return columns, self._drawn[1]

    # ------------------------------------------------------------------------------------ showing

    def _show(self):
        self._compute()
        strength = np.abs(self.push).max() or 1
        columns, curve = self._curve()
        with self.canvas.hold_sync():
            self.canvas.layers = [
                heat("pushed up", self.push.clip(0), 0, strength, clear=True, colormap="Blues"),
                heat("pushed down", (-self.push).clip(0), 0, strength, clear=True, colormap="Reds"),
                layer("answer: p above ½", self.prediction, plotting.ANSWER, tint=False),
                *truth(self.target),
            ]
            self.canvas.value = float(np.clip(self._answer.columns, columns[0], columns[-1]))
            self.canvas.plot = shift_plot(columns, curve, self._loss)
            self.canvas.panel = self._panel()
            self.canvas.sliders = [
                slider("sure", "sureness: score a pixel", self._answer.sure, 0.2, 4, 0.2),
                slider("grow", "grow, pixels", self._answer.grow, -6, 6, 1),
                slider("gap", "rows cut out", self._answer.gap, 0, 12, 1),
            ]
            self.canvas.actions = self._buttons()
            self.canvas.status = self._describe()

    def _panel(self):
        now = self._relative()
        before = self._before or now
        names = {name: f"{name} {self.values[name]:.3f}".replace("-", "−") for name in now}
        bars = meters(
            {names[name]: min(max(value, 0), 1) for name, value in now.items()},
            {names[name]: min(max(before[name], 0), 1) for name in now},
        )
        return (
            "<p>Each loss, and on the bar: 0 as a perfect answer, 1 as one that finds nothing, or dearer.</p>"
            + bars
        )

    def _buttons(self):
        return [
            *arrows("Move {} by one pixel"),
            *(
                action(name, name, key=key, hint=f"Show where {name} pushes", pressed=name == self._loss)
                for key, name in KEYS.items()
            ),
            action("undo", "Undo", key="Backspace", hint="Undo the last change"),
            action("place", "In its place", key="p", hint="Put the answer back in its place"),
        ]

    def _describe(self):
        share = on_object(self.push, self.target)
        return (
            f"The answer: {self._answer}. {self._loss}: {self.values[self._loss]:.3f}. Of all push, {share:.0%} falls "
            f"on the object, which is {self.target.mean():.1%} of the picture."
        )

    def strip(self):
        """One answer beside its object, and where four losses push."""
        score = self._scores(self._answer)
        lines = {"truth": _rim(self.target)} | ({"answer": _rim(score > 0)} if (score > 0).any() else {})
        frames, story = [], []
        for name in ("cross-entropy", "Dice", "Lovász", "boundary"):
            field = push(self._losses[name], score, self._class)
            share = f"{on_object(field, self.target):.0%}"
            frames.append(
                plotting.Picture(
                    field / (np.abs(field).max() or 1),
                    f"{name}: {share}",
                    scale=(-1, 1),
                    colormap="RdBu",
                    lines=lines,
                )
            )
            story.append(f"{name} {share}")
        return plotting.figure(
            *frames,
            alt=f"{self.canvas.label}. Where four losses push the scores of an answer that is {self._answer}, blue up "
            f"and red down; share of the push that falls on the object: {', '.join(story)}.",
            caption=f"An answer that is {self._answer}; blue is pushed up, red down. Share of the push that falls on "
            f"the object, which is {self.target.mean():.1%} of the picture: {', '.join(story)}.",
        )


def scores(target, answer, distance=None):
    """The score of the object at each pixel, float64 (H, W), for an `Answer` about a target (H, W), bool.

    distance : what `around` says for this target and gap, for those who ask often
    """
    height, width = target.shape
    distance = around(target, answer.gap) if distance is None else distance
    window = distance[height - answer.rows :, width - answer.columns :][:height, :width]
    return (answer.sure * (answer.grow - window)).clip(-_SURE, _SURE)


def around(target, gap):
    """Signed distance to the object without so many rows of its middle, in a frame as large as the picture all round.

    target : bool (H, W). Returns float64 (3 H, 3 W); far away everywhere where nothing is left.
    """
    height, width = target.shape
    mask = np.pad(target, ((height, height), (width, width)))
    rows = np.flatnonzero(target.any(axis=1)) + height
    top = (rows[0] + rows[-1] + 1) // 2 - gap // 2
    mask[top : top + gap] = False
    return losses.signed_distance(mask) if mask.any() else np.full(mask.shape, np.inf)


def push(loss, score, target):
    """Minus the slope of a loss by each pixel's score, float64 (H, W): where it wants the object, and where not."""
    logits = _pair(score).requires_grad_()
    loss(logits, target).backward()
    return -logits.grad[0, 1].numpy()


def on_object(field, target):
    """Share of the absolute values of a field (H, W) that lies on the object; 0 where there are none."""
    total = np.abs(field).sum()
    return float(np.abs(field)[target].sum() / total) if total else 0.0


def shift_plot(columns, curve, name):
    """A loss (n,) on the common scale over n shifts in pixels, with a line to drag, for `Canvas.plot`."""
    width, top, bottom = 400, 34, 170
    xs = np.linspace(0, width, len(columns))
    ys = (bottom - (bottom - top) * curve.clip(0, _CEILING) / _CEILING).round(1)
    one = bottom - (bottom - top) / _CEILING
    points = "L".join(f"{x:.1f} {y}" for x, y in zip(xs, ys, strict=True))
    ticks = "".join(
        f'<text x="{width * (tick - columns[0]) / (columns[-1] - columns[0]):.1f}" y="{bottom + 15}">{tick}</text>'
        for tick in (columns[0], 0, columns[-1])
    )
    svg = (
        f'<svg viewBox="-16 0 {width + 32} {bottom + 38}" aria-hidden="true"><svg class="chosen"/>'
        f'<path class="axis" d="M0 {bottom}H{width}M0 {one:.1f}H{width}"/>'
        f'<path d="M{points}" style="fill:none;stroke:{plotting.PALETTE[0]};stroke-width:2.5"/>{ticks}'
        f'<text class="left" y="{one - 5:.1f}">finds nothing</text>'
        f'<text class="left" y="{bottom - 5}">perfect</text>'
        f'<text x="{width / 2}" y="{bottom + 32}">{escape(name)}, while the answer moves along its row (pixels)</text>'
        f'<g class="line"><path d="M0 {top - 12}V{bottom}"/><circle class="grip" cy="{top - 14}" r="7"/>'
        '<circle class="dot" r="0"/><text class="value" style="display:none"/></g></svg>'
    )
    return {
        "svg": svg, "name": "shift along the row, in pixels", "min": float(columns[0]), "max": float(columns[-1]),
        "steps": int(columns[-1] - columns[0]), "width": width, "height": bottom + 38, "curve": [], "side": 1,
    }  # fmt: skip


def _pair(score):
    """Scores (H, W) of the object as logits (1, 2, H, W); those of the background are 0."""
    score = torch.from_numpy(score)
    return torch.stack([torch.zeros_like(score), score])[None]


def _rim(mask):
    """The longest outline of a mask, float (n, 2)."""
    from skimage.measure import find_contours

    return max(find_contours(np.pad(mask, 1).astype(float), 0.5), key=len) - 1
