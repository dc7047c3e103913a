"""Walk down a real loss in three ways, and drag the learning rate of all of them. Lesson 08."""

import io
import math
from html import escape

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from course_utils import metrics, plotting
from course_utils.classic import filters
from course_utils.data import photos
from course_utils.explorers.canvas import (
    Canvas,
    Explorer,
    action,
    check_match,
    object_mask,
    png,
    short,
    slider,
)

METHODS = ("SGD", "momentum", "AdamW")
_LEVELS = 256  # of grey, as in an 8-bit photograph
_LOW, _HIGH, _BINS = -2.5, 2.5, 50  # powers of ten: where the learning rate may stand, and in how many steps
_CEILING = 20.0  # times the least loss: the top of both plots
_SIDE, _COARSE = 400, 64  # of the map in pixels, and of the grid on which its losses are computed
_BANDS = 2  # contour lines for each doubling of what the loss is above its least
_FLOOR = 1 / 500  # of the greatest loss above the least: no contour lies lower
_FAR = 1e4  # pixels: nothing beyond is drawn
_DASHES = ("", "7 4", "2 3")  # of the three methods, so that their lines differ without colour
_HINT = (
    "Try: drag the learning rate from left to right, and click another place to start from. Then standardise the "
    "pixels (Z), and take smaller batches.\n"
    "Notice: too small crawls, too large leaps over the valley; the rate that suits one method does not suit "
    "another; in the round valley of standardised pixels nobody has to zig-zag. Is the lowest loss the best mask, too?"
)


class PixelLoss:
    """The mean cross-entropy of a one-pixel network: probability of object = σ(w · x + b), x the grey value.

    All there is to learn is the weight w and the offset b. Pixels of one grey value and class count together, so the
    loss and its gradient over a whole photograph cost 256 terms.

    Parameters
    ----------
    image : (H, W) float array in [0, 1]
        Taken in 256 levels of grey, as a camera gives it.
    target : (H, W) bool array, True on the object
    standardise : bool
        Whether x has its mean taken off and is divided by its deviation first.

    Raises ValueError where one threshold is never wrong: then the loss has no lowest point.

    Attributes
    ----------
    counts : (2, 256) int array, pixels of background and object at each level
    best : (2,) float array, the w and b of least loss
    least : float, that loss
    """

    def __init__(self, image, target, *, standardise=False):
        level = np.rint(image * (_LEVELS - 1)).astype(int).ravel()
        code = level + _LEVELS * target.ravel()
        self.counts = np.bincount(code, minlength=2 * _LEVELS).reshape(2, _LEVELS)
        ground, found = (np.flatnonzero(counts) for counts in self.counts)
        if ground[-1] < found[0] or found[-1] < ground[0]:
            raise ValueError(
                "one threshold parts object and background without an error, so the loss falls for ever as the weight "
                "grows, and has no lowest point; take an image where their grey values overlap"
            )
        x = np.arange(_LEVELS) / (_LEVELS - 1)
        share = self.counts.sum(axis=0) / level.size
        self.mean, self.deviation = 0.0, 1.0
        if standardise:
            self.mean = float(share @ x)
            self.deviation = float(np.sqrt(share @ (x - self.mean) ** 2))
        self._inputs = np.stack([(x - self.mean) / self.deviation, np.ones(_LEVELS)])
        self.best = self._lowest()
        self.least = float(self(self.best))

    def __call__(self, points):
        """The loss at points (…, 2) of w and b, float64 (…)."""
        scores = points @ self._inputs
        softplus = np.maximum(scores, 0) + np.log1p(np.exp(-np.abs(scores)))  # −log(1 − σ), without overflow
        return (softplus @ self.counts.sum(axis=0) - scores @ self.counts[1]) / self.counts.sum()

    def gradient(self, points, counts=None):
        """The slope of the loss at points (…, 2), an array alike; over a batch, if its ``counts`` are given."""
        counts = self.counts if counts is None else counts
        probability = 0.5 * (1 + np.tanh(0.5 * (points @ self._inputs)))
        return (probability * counts.sum(axis=0) - counts[1]) @ self._inputs.T / counts.sum()

    def batches(self, size, steps, seed):
        """Counts (steps, 2, 256) of random batches of pixels, drawn with replacement: one for each step."""
        drawn = np.random.default_rng(seed).multinomial(size, self.counts.ravel() / self.counts.sum(), steps)
        return drawn.reshape(steps, 2, _LEVELS)

    def threshold(self, point):
        """The grey value that a point (w, b) holds for half object, half background; NaN where w is 0."""
        weight, offset = point
        return self.mean - self.deviation * offset / weight if weight else math.nan

    def mask(self, image, point):
        """Bool (H, W): where a point (w, b) sees more object than background."""
        return point[0] * (image - self.mean) / self.deviation + point[1] > 0

    def _lowest(self):
        """Newton's method: the loss is a bowl with one bottom, so it ends there."""
        here, total = np.zeros(2), self.counts.sum(axis=0)
        for _ in range(50):
            probability = 0.5 * (1 + np.tanh(0.5 * (here @ self._inputs)))
            curvature = (
                (self._inputs * (total * probability * (1 - probability))) @ self._inputs.T / total.sum()
            )
            step = np.linalg.solve(curvature + 1e-12 * np.eye(2), self.gradient(here))
            here = here - step * min(1, 5 / np.abs(step).max(initial=1e-300))
            if np.abs(step).max() < 1e-10:
                break
        return here


def descend(gradient, start, rate, steps, *, momentum=0.9, decay=0.01):
    """The paths of the three methods from one start, under one learning rate or several at once.

    - SGD: against the slope, times the rate.
    - momentum: the velocity keeps a part of itself and takes on the slope; the step is the velocity times the rate.
    - AdamW: each parameter has a step of its own, the running mean of its slopes (0.9) over the root of the running
      mean of their squares (0.999), both corrected for having started at 0; ``decay`` times the rate shrinks the
      parameters besides.

    Parameters: gradient, a function of points (3, …, 2) and the number of the step, from 0; start (2,); rate, a number
    or an array; steps; momentum; decay. Returns: float64 (3, …, steps + 1, 2), methods as in `METHODS`.

    Reference: Polyak, Some methods of speeding up the convergence of iteration methods, 1964,
    doi:10.1016/0041-5553(64)90137-5; Kingma & Ba, Adam, 2015, arXiv:1412.6980; Loshchilov & Hutter, Decoupled weight
    decay regularization, 2019, arXiv:1711.05101. The same steps as torch.optim.
    """
    rate = np.asarray(rate, float)[..., None]
    here = np.zeros((3, *rate.shape[:-1], 2)) + np.asarray(start, float)
    velocity, mean, square = (np.zeros_like(here[0]) for _ in range(3))
    path = [here]
    for step in range(steps):
        slope, here = gradient(here, step), here.copy()
        here[0] -= rate * slope[0]
        velocity = momentum * velocity + slope[1]
        here[1] -= rate * velocity
        mean, square = 0.9 * mean + 0.1 * slope[2], 0.999 * square + 0.001 * slope[2] ** 2
        here[2] *= 1 - rate * decay
        spread = np.sqrt(square / (1 - 0.999 ** (step + 1))) + 1e-8
        here[2] -= rate * mean / (1 - 0.9 ** (step + 1)) / spread
        path.append(here)
    return np.stack(path, axis=-2)


def turning(path):
    """How many of the steps of a path (n, 2) turn back on the step before, as a share: 1 is a pure zig-zag."""
    moves = np.diff(path, axis=0)
    along = (moves[1:] * moves[:-1]).sum(axis=1)
    return float((along < 0).mean()) if len(along) else 0.0


def verdict(losses, least):
    """What a fall of losses (n,) comes to, in a word or two.

    "arrives": it ends less than 5 % above the least loss. "diverges": it ends above its start. "bounces": in its last
    quarter it is no lower than in the one before. "overshoots": on the way it was above its start. "crawls": more than
    half of the way is left, on the logarithmic scale of the plots. Else "is on its way".
    """
    if losses[-1] < 1.05 * least:
        return "arrives"
    if losses[-1] > losses[0]:
        return "diverges"
    quarter = max(len(losses) // 4, 1)
    if len(losses) > 3 and losses[-quarter:].mean() >= losses[-2 * quarter : -quarter].mean():
        return "bounces"
    if losses.max() > losses[0]:
        return "overshoots"
    return "crawls" if losses[-1] > np.sqrt(losses[0] * least) else "is on its way"


class RateExplorer(Explorer):
    """The loss of a real photograph over both parameters of the smallest network, and three ways down.

    Parameters
    ----------
    image : (H, W) or (H, W, 3) float array in [0, 1], optional
        By default the coins; the network sees one grey value at a time.
    target : (H, W) bool or int array
        The truth, not zero on the object. Needed with an image.
    start : (float, float), optional
        Weight w and offset b to start from; by default on the far side of the valley.
    rate : float
        The first learning rate.
    batch : int
        Pixels in a batch are 2 to this power; from the whole photograph on, all pixels count in each step.
    momentum, steps : float, int
        First values of the sliders.
    standardise : bool
        Whether the grey values are standardised first.
    seed : int
        Of the batches.
    name : str
        What the picture shows, for readers who do not see it.
    hint : str, optional
        What to try and what to notice, instead of the explorer's own line.

    Attributes
    ----------
    loss : PixelLoss
    start : (2,) float array, settable
    rate : float, settable
    standardise : bool, settable
    batch, momentum, steps : the sliders' values
    paths : (3, steps + 1, 2) float array, of the methods in `METHODS`
    losses : (3, steps + 1) float array, over all pixels, whatever the batch
    step : int, how far of the paths is shown
    """

    def __init__(
        self, image=None, target=None, start=None, *, rate=12.0, batch=20, momentum=0.9, steps=40, standardise=False,
        seed=0, name=None, hint=None,
    ):  # fmt: skip
        if image is None:
            photo = photos.load("coins")
            image, target, name = photo.image, photo.mask, name or "coins"
        self.image, self.target = _check(image, target)
        self._all = math.ceil(math.log2(self.image.size))  # the power of two that is the whole photograph
        self._seed, self._off = seed, set()
        self.canvas = Canvas(
            np.ones((_SIDE, _SIDE)),
            label=f"Learning rate explorer: {name or 'the image'}",
            hint=_HINT if hint is None else hint,
            tool="click",
            respond=self.respond,
            value=_power(rate),
            sliders=[
                slider("steps", "steps", int(steps), 5, 120, 5),
                slider(
                    "batch",
                    f"batch: 2ᵏ pixels ({self._all}: all), k",
                    min(int(batch), self._all),
                    0,
                    self._all,
                    1,
                ),
                slider("momentum", "momentum", float(momentum), 0, 0.98, 0.02),
            ],
        )
        self._survey(bool(standardise))
        self._begin(self._far_side() if start is None else start)

    # ------------------------------------------------------------------------------------ from Python

    steps = property(lambda self: int(self.canvas.sliders[0]["value"]))
    batch = property(lambda self: min(2 ** int(self.canvas.sliders[1]["value"]), self.image.size))
    momentum = property(lambda self: float(self.canvas.sliders[2]["value"]))

    @property
    def start(self):
        return self._start

    @start.setter
    def start(self, start):
        self._begin(start)

    @property
    def rate(self):
        return 10.0**self.canvas.value

    @rate.setter
    def rate(self, rate):
        self.canvas.value = _power(rate)
        self._go()

    @property
    def standardise(self):
        return self._standardise

    @standardise.setter
    def standardise(self, standardise):
        self._survey(bool(standardise))
        self._begin(self._far_side())

    # ------------------------------------------------------------------------------------ from the page

    def respond(self, event):
        kind, name = event["kind"], event.get("name")
        if kind == "tick":
            self.step = min(self.step + 1, self.steps)
            self.canvas.playing = self.canvas.playing and self.step < self.steps
            self._show()
        elif kind == "value":
            self._go()
        elif kind == "click":
            self._begin(self._point(*self.canvas.marks[-1]["points"][0]))
        elif kind == "undo":
            self._begin(self._far_side())
        elif kind == "slider":
            self._begin(self._start)
        elif name == "play":
            self.canvas.playing = not self.canvas.playing
            if self.canvas.playing and self.step == self.steps:
                self.step = 0
            self._show()
        elif name == "standardise":
            self.standardise = not self.standardise
        elif name == "seed":
            self._seed += 1
            self._begin(self._start)
        else:
            self._off ^= {name}
            self._show()

    def _survey(self, standardise):
        """The loss, the part of its landscape that is shown, and the picture of it."""
        self._standardise = standardise
        self.loss = PixelLoss(self.image, self.target, standardise=standardise)
        self._middle, self._half = self.loss.best / 2, 0.95 * max(np.abs(self.loss.best).max(), 1.0)
        self.canvas.image = landscape(self.loss, self._middle, self._half)

    def _far_side(self):
        """A start across the valley: the left lower part of the picture for a weight that shall grow, else mirrored."""
        side = np.where(self.loss.best[0] < 0, -1, 1)
        return self._middle + self._half * np.array([-0.75 * side, 0.55])

    def _begin(self, start):
        """From a start: where each learning rate would end, and the paths under the one that is set."""
        self._start = np.array(start, float)
        whole = self.batch >= self.image.size
        self._drawn = None if whole else self.loss.batches(self.batch, self.steps, self._seed)
        rates = 10 ** np.linspace(_LOW, _HIGH, _BINS + 1)
        self._ends = self.loss(self._descend(rates)[..., -1, :])
        self._go()

    def _go(self):
        """The paths, complete."""
        self.paths = self._descend(self.rate)
        self.losses = self.loss(self.paths)
        self.step, self.canvas.playing = self.steps, False
        self._show()

    def _descend(self, rate):
        def gradient(points, step):
            return self.loss.gradient(points, None if self._drawn is None else self._drawn[step])

        return descend(gradient, self._start, rate, self.steps, momentum=self.momentum)

    # ------------------------------------------------------------------------------------ showing

    def _pixels(self, points):
        """Points (…, 2) of (w, b) as (row, column) of the picture; w runs to the right, b upwards."""
        away = (points - self._middle) / self._half
        return ((np.stack([-away[..., 1], away[..., 0]], axis=-1) + 1) / 2 * _SIDE - 0.5).clip(-_FAR, _FAR)

    def _point(self, row, column):
        """(w, b) of a pixel."""
        away = (np.array([column, row]) + 0.5) / _SIDE * 2 - 1
        return self._middle + self._half * away * [1, -1]

    def _show(self):
        shown = [number for number, name in enumerate(METHODS) if name not in self._off]
        marks = [_mark("click", self._pixels(self._start[None]).tolist(), 4)]
        for number in shown:
            line = np.round(self._pixels(self.paths[number, : self.step + 1]), 1).tolist()
            marks += [_mark("polyline", line, number + 1), _mark("click", line[-1:], number + 1)]
        with self.canvas.hold_sync():
            self.canvas.marks = marks
            self.canvas.plot = rate_plot(self._ends, shown, self.loss.least, self.canvas.value)
            curves = loss_curves(self.losses, shown, self.loss.least, self.step)
            self.canvas.panel = curves + self._table(shown)
            self.canvas.actions = self._buttons()
            self.canvas.status = self._describe(shown)

    def _table(self, shown):
        """HTML: what each method has reached at the step that is shown, as a loss and as a segmentation."""
        rows = []
        for number in shown:
            path, losses = self.paths[number, : self.step + 1], self.losses[number, : self.step + 1]
            iou = metrics.mask_iou(self.target, self.loss.mask(self.image, path[-1]))
            cells = (
                _loss(losses[-1]),
                f"{turning(path):.0%}",
                short(self.loss.threshold(path[-1])),
                f"{iou:.3f}",
            )
            swatch = f'<b style="color:{plotting.PALETTE[number]}">■</b> '
            rows.append(
                f"<tr><th>{swatch}{METHODS[number]}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
            )
        head = "".join(f"<th>{name}</th>" for name in ("", "loss", "steps back", "grey threshold", "IoU"))
        return (
            f'<table style="font-size:90%;border-spacing:0.8em 0"><thead><tr>{head}</tr></thead>'
            f"<tbody>{''.join(rows)}</tbody></table>"
        )

    def _buttons(self):
        methods = [
            action(name, name, key=name[0], colour=plotting.PALETTE[number], pressed=name not in self._off,
                   hint=f"Show or hide {name}")
            for number, name in enumerate(METHODS)
        ]  # fmt: skip
        return [
            action("play", "Play", key="p", hint="Watch the steps, or stop", pressed=self.canvas.playing),
            *methods,
            action("standardise", "Standardise", key="z", hint="Take off the mean of the grey values and divide by "
                   "their deviation", pressed=self._standardise),
            action("seed", "Other batches", key="o", hint="Draw other batches"),
        ]  # fmt: skip

    def _describe(self, shown):
        now = [
            f"{METHODS[number]} {verdict(self.losses[number, : self.step + 1], self.loss.least)} "
            f"({_loss(self.losses[number, self.step])})"
            for number in shown
        ]
        batch = "all pixels" if self._drawn is None else f"{self.batch:,} pixels"
        return (
            f"Learning rate {_written(self.rate)}, {batch} a step, {self.step} of {self.steps} steps: "
            f"{', '.join(now) or 'no method shown'}. Least loss {self.loss.least:.3f}."
        )

    def strip(self):
        """The paths under a small, a fair and a large learning rate, and where every rate ends."""
        rates = 10 ** np.linspace(_LOW, _HIGH, _BINS + 1)
        picture = _decode(self.canvas.image)
        frames, story = [], []
        for rate in (self.rate / 30, self.rate, min(16 * self.rate, 10**_HIGH)):
            paths = self._descend(rate)
            lines = {name: self._pixels(path) for name, path in zip(METHODS, paths, strict=True)}
            words = [
                f"{name} {verdict(losses, self.loss.least)} ({losses[-1]:.2f})"
                for name, losses in zip(METHODS, self.loss(paths), strict=True)
            ]
            frames.append(plotting.Picture(picture, f"rate {_written(rate)}", lines=lines))
            story.append(f"at {_written(rate)} {', '.join(words)}")
        ends = dict(zip(METHODS, np.minimum(self._ends, _CEILING * self.loss.least), strict=True))
        curves = plotting.Curves(
            rates,
            ends,
            f"after {self.steps} steps",
            "learning rate",
            f"loss, cut at {short(_CEILING * self.loss.least)}",
            log=True,
            colours=plotting.PALETTE,
        )
        return plotting.figure(
            *frames, curves,
            columns=2, height=2.3,
            alt=f"{self.canvas.label}. The loss over weight and offset, and three ways down, each with the loss "
            f"that it comes to: {'; '.join(story)}.",
            caption=f"One start, three learning rates, and the loss after {self.steps} steps: {'; '.join(story)}. "
            f"The least, at the cross, is {self.loss.least:.2f}; paths may leave the part that is shown.",
        )  # fmt: skip


def landscape(loss, middle, half):
    """PNG of the loss around a middle (w, b), ``half`` to each side: dark is low, and contours stand where it is above
    its least by a power of √2. A cross marks the least."""
    away = (np.arange(_COARSE) + 0.5) / _COARSE * 2 - 1
    weight, offset = np.meshgrid(middle[0] + half * away, middle[1] - half * away)
    above = (loss(np.stack([weight, offset], axis=-1)) - loss.least).astype(np.float32)
    above = np.asarray(Image.fromarray(above).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC))
    band = np.floor(_BANDS * np.log2(np.maximum(above, _FLOOR * above.max())))
    edge = np.zeros(band.shape, bool)
    edge[1:] |= band[1:] != band[:-1]
    edge[:, 1:] |= band[:, 1:] != band[:, :-1]
    grey = 0.35 + 0.6 * (band - band.min()) / max(np.ptp(band), 1)
    grey[edge] -= 0.22
    picture = Image.fromarray(np.rint(255 * grey).astype(np.uint8))
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(15)
    x, y = (loss.best - middle) / half * _SIDE / 2 * [1, -1] + _SIDE / 2
    draw.line((x - 7, y, x + 7, y), 0, 3)
    draw.line((x, y - 7, x, y + 7), 0, 3)
    low, high = middle - half, middle + half
    for place, anchor, text in (
        ((5, _SIDE - 5), "ls", f"w = {short(low[0])}, b = {short(low[1])}"),
        ((_SIDE - 5, _SIDE - 5), "rs", f"w = {short(high[0])}"),
        ((5, 5), "la", f"b = {short(high[1])}"),
    ):
        text = text.replace("−", "-")  # the font has no minus
        draw.text(place, text, 0, font, anchor, stroke_width=2, stroke_fill=255)
    return png(np.asarray(picture))


def rate_plot(ends, shown, least, power):
    """Where every learning rate ends, with a line to drag, for `Canvas.plot`.

    ``ends`` (3, n) are the losses of the methods at n rates, equally far apart in their powers of ten; ``shown``, the
    numbers of the methods to draw; ``power``, where the line stands.
    """
    width, top, bottom = 400, 30, 190
    xs = np.linspace(0, width, ends.shape[1])
    heights = bottom - (bottom - top) * _height(ends, least)
    lines = "".join(_line(xs, heights[number], number) for number in shown)
    ticks = range(math.ceil(_LOW), math.floor(_HIGH) + 1)
    labels = "".join(
        f'<text x="{width * (tick - _LOW) / (_HIGH - _LOW):.1f}" y="{bottom + 15}">{10.0**tick:g}</text>'
        for tick in ticks
    )
    x = width * (power - _LOW) / (_HIGH - _LOW)
    svg = (
        f'<svg viewBox="-16 0 {width + 32} {bottom + 38}" aria-hidden="true"><svg class="chosen"/>'
        f'<path class="axis" d="M0 {bottom}H{width}M0 {top}H{width}"/>{lines}{labels}'
        f'<text class="left" y="{top - 5}">loss at the end: {_CEILING:g} × the least, or more</text>'
        f'<text class="left" y="{bottom - 5}">the least</text>'
        f'<text x="{width / 2}" y="{bottom + 32}">learning rate</text>'
        f'<g class="line"><path d="M0 {top - 12}V{bottom}"/><circle class="grip" cy="{top - 14}" r="7"/>'
        f'<circle class="dot" r="0"/><text class="value" style="display:none"/></g>'
        f'<text x="{x:.1f}" y="{top + 14}" style="font-weight:700">{_written(10.0**power)}</text></svg>'
    )
    return {
        "svg": svg, "name": "learning rate, as a power of ten", "min": _LOW, "max": _HIGH, "steps": _BINS,
        "width": width, "height": bottom + 38, "curve": [], "side": 1,
    }  # fmt: skip


def loss_curves(losses, shown, least, step):
    """SVG of the losses (3, n) of the methods, step by step, as far as they are shown."""
    width, top, bottom = 400, 8, 108
    xs = np.linspace(0, width, losses.shape[1])[: step + 1]
    ys = bottom - (bottom - top) * _height(losses[:, : step + 1], least)
    lines = "".join(_line(xs, ys[number], number) for number in shown)
    words = "; ".join(f"{METHODS[number]} {_loss(losses[number, step])}" for number in shown)
    return (
        f'<svg viewBox="-16 0 {width + 32} {bottom + 22}" width="100%" role="img" '
        f'aria-label="Loss at step {step}: {escape(words)}">'
        f'<path d="M0 {bottom}H{width}M0 {top}H{width}" stroke="currentColor" stroke-opacity="0.4"/>{lines}'
        f'<g font-size="12" fill="currentColor"><text y="{bottom + 15}">loss, step by step</text>'
        f'<text x="{width}" y="{bottom + 15}" text-anchor="end">step {losses.shape[1] - 1}</text></g></svg>'
    )


def _height(losses, least):
    """Losses on the axis of both plots, by their logarithm: 0 is the least, 1 is `_CEILING` times that, or more."""
    return np.log(np.clip(losses / least, 1, _CEILING)) / math.log(_CEILING)


def _line(xs, ys, number):
    points = "L".join(f"{x:.1f} {y:.1f}" for x, y in zip(xs, ys, strict=True))
    return (
        f'<path d="M{points}" style="fill:none;stroke:{plotting.PALETTE[number]};stroke-width:2.5;'
        f'stroke-dasharray:{_DASHES[number] or "none"}"/>'
    )


def _mark(kind, points, brush):
    return {"kind": kind, "points": points, "brush": brush, "closed": False}


def _decode(data):
    return np.asarray(Image.open(io.BytesIO(data))) / 255


def _power(rate):
    """The power of ten that is a rate. ValueError outside the plot."""
    if not 10**_LOW * 0.999 <= rate <= 10**_HIGH * 1.001:
        raise ValueError(f"rate must be from {10**_LOW:.4f} to {10**_HIGH:.0f}, not {rate!r}")
    return math.log10(rate)


def _loss(value):
    """A loss with three decimals; one that has run away with two digits."""
    return f"{value:.3f}" if value < 1e4 else f"{value:.2g}"


def _written(rate):
    """A rate with two digits."""
    return f"{float(f'{rate:.2g}'):g}"


def _check(image, target):
    image = np.asarray(image, float)
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
        raise ValueError(f"image has shape {image.shape}; expected (height, width) or (height, width, 3).")
    image = filters.luminance(image)
    if not np.isfinite(image).all() or image.min() < 0 or image.max() > 1 or image.min() == image.max():
        raise ValueError("image must have different finite values in [0, 1]; divide 8-bit values by 255.")
    if target is None:
        raise ValueError("a loss needs a target: pass the true mask beside the image.")
    target = object_mask(target)
    check_match(target, image)
    return image, target
