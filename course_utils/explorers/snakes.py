"""Draw a first contour, let it go, and watch its energy fall; the same start for Chan–Vese. Lesson 06."""

import numpy as np

from course_utils import metrics, plotting
from course_utils.classic import filters, level_sets, morphology, snakes
from course_utils.data import photos
from course_utils.explorers.canvas import (
    Canvas,
    Explorer,
    action,
    check_match,
    histogram_plot,
    layer,
    meters,
    slider,
    truth,
)

_FRAMES = 240  # at most, then a run ends
_STEPS = 25  # of the snake, a frame
_WORK = 500_000  # pixels that Chan–Vese may visit, a frame
_STILL = 1e-4  # pixels a unit of time: a snake whose fastest point is slower has come to rest
_SPACING = 2.5  # pixels between the points of a snake
_HINT = (
    "Try: play (P), then drag the line under the energy back in time. Then draw a contour of your own, corner by "
    "corner, and change α, β and the balloon.\n"
    "Notice: the energy never rises while the balloon is 0, and yet the snake may stop far from the object. "
    "Start Chan–Vese (C) from the same contour."
)


class SnakeExplorer(Explorer):
    """A contour on a picture that slides downhill, with its energy beside it.

    Parameters
    ----------
    image : (H, W) or (H, W, 3) array in [0, 1]
        What is shown; contours work on its grey values.
    start : (n, 2) array of corners (y, x), optional
        The first contour, closed by itself; by default an ellipse near the border of the picture.
    target : (H, W) bool or int array, optional
        The truth, not zero on the object; with it IoU and boundary F are shown.
    alpha, beta, balloon : float
        First values of the sliders.
    sigma : float
        Of the Gaussian before the edges are measured, in pixels.
    mu : float
        Chan–Vese's price of a pixel of outline.
    name : str
        What the picture shows, for readers who do not see it.
    hint : str, optional
        What to try and what to notice, instead of the explorer's own line.

    Attributes
    ----------
    start : (n, 2) float array, settable: a run begins there
    alpha, beta, balloon : float, settable: the snake goes on from where it is, and its energy is counted anew
    regions : bool, settable, whether Chan–Vese runs instead of the snake
    contour : (n, 2) float array, the snake now; None when Chan–Vese runs, whose outline may have several parts
    mask : (H, W) bool array, the inside now
    energies : list of float, one a frame
    frame : int, settable, the frame that is shown
    scores : dict of float
    """

    def __init__(
        self, image, start=None, target=None, *, alpha=0.05, beta=0.1, balloon=0.0, sigma=2.0, mu=0.1,
        name="the image", hint=None,
    ):  # fmt: skip
        self.image, self._grey, self.target = _check(image, target)
        self._landscape, self._mu = snakes.edge_energy(self._grey, sigma), mu
        self._pace = min(snakes.largest_step(self._landscape), 100.0)
        self._given = _ellipse(self._grey.shape) if start is None else np.asarray(start, float)
        self._start, self._regions = _chain(self._given), False
        self._truth = truth(self.target)
        self.canvas = Canvas(
            self.image,
            label=f"Snake explorer: {name}",
            hint=_HINT if hint is None else hint,
            tool="polyline",
            hidden=["truth"],
            respond=self.respond,
            sliders=[
                slider("alpha", "α, tension", float(alpha), 0, 0.5, 0.01),
                slider("beta", "β, stiffness", float(beta), 0, 2, 0.05),
                slider("balloon", "balloon", float(balloon), -0.5, 0.5, 0.05),
            ],
        )
        self._begin(self._start)

    # ------------------------------------------------------------------------------------ from Python

    @property
    def start(self):
        return self._start

    @start.setter
    def start(self, corners):
        self._start = _chain(corners)
        self._begin(self._start)

    @property
    def regions(self):
        return self._regions

    @regions.setter
    def regions(self, regions):
        self._regions = bool(regions)
        self._begin(self._start)

    alpha = property(lambda self: self._slider("alpha"), lambda self, value: self._slide("alpha", value))
    beta = property(lambda self: self._slider("beta"), lambda self, value: self._slide("beta", value))
    balloon = property(
        lambda self: self._slider("balloon"), lambda self, value: self._slide("balloon", value)
    )

    @property
    def frame(self):
        return min(int(self.canvas.value), len(self._frames) - 1)

    @frame.setter
    def frame(self, frame):
        self.canvas.value = float(np.clip(frame, 0, len(self._frames) - 1))
        self._show()

    @property
    def contour(self):
        return None if self._regions else self._frames[self.frame]

    @property
    def energies(self):
        return list(self._energies)

    def advance(self):
        """Compute one frame more; frames after the one that is shown are forgotten."""
        last = self.frame
        del self._frames[last + 1 :], self._energies[last + 1 :]
        new, self._energies[last:], self._rests = self._run(self._frames[last])
        self._frames.append(new)
        self.canvas.value = float(last + 1)
        self._show()

    # ------------------------------------------------------------------------------------ from the page

    def respond(self, event):
        kind, name = event["kind"], event.get("name")
        if kind == "tick":
            self.advance()
            self._play(self.canvas.playing and not self._over)
        elif kind == "value":
            self._play(False)
            self._show()
        elif kind == "slider":
            if not self._regions:  # Chan–Vese has none of these
                self._begin(self.contour)
        elif kind == "polyline":
            corners = self.canvas.marks[-1]["points"]
            if len({tuple(corner) for corner in corners}) >= 3:
                self._start = _chain(corners)
            self._begin(self._start)
        elif kind == "undo":
            self.start = self._given
        elif name == "play":
            if self._over and not self.canvas.playing:
                self._begin(self._start)
            self._play(not self.canvas.playing)
        elif name == "step":
            self._play(False)
            self.advance()
        elif name == "regions":
            self.regions = not self._regions
        else:
            self._begin(self._start)

    @property
    def _over(self):
        return self.frame == len(self._frames) - 1 and (self._rests or len(self._frames) > _FRAMES)

    def _slider(self, name):
        return next(s["value"] for s in self.canvas.sliders if s["name"] == name)

    def _slide(self, name, value):
        self.canvas.sliders = [
            s | {"value": float(value)} if s["name"] == name else s for s in self.canvas.sliders
        ]
        self.respond({"kind": "slider"})

    def _begin(self, contour):
        """A run from a contour: one frame, and its energy."""
        self._frames, self._rests = [contour], False
        if self._regions:
            self._frames = [_signed(_inside(contour, self._grey.shape))]
        self._energies = list(self._run(self._frames[0], 0)[1][:1])
        self.canvas.value = 0.0
        self._play(False)
        self._show()

    def _run(self, frame, steps=None):
        """(the frame some steps later, the energies before and after, whether it has come to rest)."""
        if self._regions:
            steps = max(2, _WORK // self._grey.size) if steps is None else steps
            found = level_sets.chan_vese(self._grey, frame, mu=self._mu, steps=steps)
            return found.phi, found.energies[[0, -1]], len(found.energies) <= steps
        found = self._let_go(frame, _STEPS if steps is None else steps)
        return found.contours[-1], found.energy[[0, -1]], found.rested

    def _let_go(self, points, steps):
        return snakes.evolve(
            points, self._landscape, alpha=self.alpha, beta=self.beta, balloon=self.balloon, steps=steps,
            step=self._pace, tolerance=_STILL * self._pace,
        )  # fmt: skip

    # ------------------------------------------------------------------------------------ showing

    def _play(self, playing):
        self.canvas.playing = playing
        self.canvas.actions = [
            action("play", "Play", key="p", hint="Let the contour go, or stop it", pressed=playing),
            action("step", "Step", key="s", hint="One frame on"),
            action("again", "Again", key="a", hint="Back to the first contour"),
            action("regions", "Chan–Vese", key="c", hint="Compare regions instead of seeking edges, from the same "
                   "contour", pressed=self._regions),
        ]  # fmt: skip

    def _show(self):
        frame = self._frames[self.frame]
        self.mask = frame > 0 if self._regions else _inside(frame, self._grey.shape)
        self.scores = {} if self.target is None else score(self.target, self.mask)
        with self.canvas.hold_sync():
            found = [layer("inside", self.mask, plotting.ANSWER)] if self._regions else []
            self.canvas.layers = [*found, *self._truth]
            self.canvas.marks = [_mark(self._start, 2), *([] if self._regions else [_mark(frame, 1)])]
            self.canvas.plot = _energy_plot(self._energies)
            self.canvas.panel = meters(self.scores)
            self.canvas.status = self._describe()

    def _describe(self):
        now, parts = self.frame, ""
        if self._regions:
            count = int(morphology.label(self.mask).max())
            parts = f" {count} part{'s' * (count != 1)} inside."
        rest = " At rest." if self._rests and now == len(self._frames) - 1 else ""
        who = "Chan–Vese" if self._regions else "Snake"
        return (
            f"{who}, frame {now} of {len(self._frames) - 1}: energy {self._energies[now]:.2f}.{parts}{rest}"
        )

    def strip(self):
        """The start, the snake on its way and at its end, and Chan–Vese from the same start."""
        began = np.vstack([self._start, self._start[:1]])
        found = self._let_go(self._start, _FRAMES * _STEPS)
        last = len(found.contours) - 1
        frames, story = [], []
        for step in (_STEPS, last):
            step = min(step, last)
            now = np.vstack([found.contours[step], found.contours[step][:1]])
            rest = " (at rest)" if found.rested else " (cut off)"
            title = f"snake, step {step}{rest if step == last else ''}"
            score = self._in_words(_inside(found.contours[step], self._grey.shape))
            frames.append(plotting.Picture(self.image, title, lines={"start": began, "snake": now}))
            story.append(f"{title}: energy {found.energy[step]:.1f}{score}")
        region = level_sets.chan_vese(
            self._grey, _signed(_inside(self._start, self._grey.shape)), mu=self._mu
        )
        title = f"Chan–Vese, step {len(region.energies) - 1}"
        frames.append(plotting.Picture(self.image, title, outlines=region.mask))
        story.append(f"{title}{self._in_words(region.mask)}")
        return plotting.figure(
            *frames,
            columns=4,
            alt=f"{self.canvas.label}, one start, two methods: {'; '.join(story)}.",
            caption=f"From one first contour: {'; '.join(story)}.",
        )

    def _in_words(self, mask):
        return "" if self.target is None else f", IoU {metrics.mask_iou(self.target, mask):.2f}"


def score(target, mask):
    """IoU and boundary F at 2 pixels, a dict."""
    return {"IoU": metrics.mask_iou(target, mask), "boundary F": metrics.boundary_f(target, mask, 2)}


def _energy_plot(energies):
    """The energy of each frame above the least so far, as a hill to drag a line along."""
    energies = np.array(energies)
    heights = energies - energies.min()
    heights = heights + 0.04 * max(heights.max(), 1e-12)  # the lowest is to be seen, too
    frames = max(len(heights), 2)
    return histogram_plot(
        np.pad(heights, (0, frames - len(heights))), 0, frames, name="frame; height: energy", side=-1
    )


def _mark(points, brush):
    return {"kind": "polyline", "points": np.round(points, 1).tolist(), "brush": brush, "closed": True}


def _ellipse(shape):
    """Corners of an ellipse a little inside the border."""
    angle = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    middle = (np.array(shape) - 1) / 2
    return middle + 0.9 * middle * np.stack([np.sin(angle), np.cos(angle)], axis=1)


def _chain(corners):
    """Points at equal distances along the closed line through the corners."""
    corners = np.asarray(corners, float)
    if corners.ndim != 2 or corners.shape[1] != 2 or len(np.unique(corners, axis=0)) < 3:
        raise ValueError(
            f"a contour needs at least three different corners, rows (y, x), but start has shape {corners.shape}"
        )
    ring = np.vstack([corners, corners[:1]])
    length = np.hypot(*np.diff(ring, axis=0).T).sum()
    return snakes.resample(corners, max(12, round(length / _SPACING)))


def _inside(points, shape):
    """Bool (H, W): the pixels whose centre a closed contour encloses, by the even-odd rule."""
    return photos.rasterise([points[:, ::-1]], shape)


def _signed(mask):
    """A φ for Chan–Vese from a mask, as `level_sets.chan_vese` makes it."""
    phi = level_sets.signed_distance(mask)
    return phi / np.abs(phi).max()


def _check(image, target):
    image = np.asarray(image)
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
        raise ValueError(f"image has shape {image.shape}; expected (height, width) or (height, width, 3).")
    grey = filters.luminance(np.asarray(image, float))
    if not np.isfinite(grey).all() or grey.min() == grey.max():
        raise ValueError("image has one value only, or values that are not finite: nothing draws a contour.")
    target = None if target is None else np.asarray(target) != 0
    check_match(target, grey)
    return image, grey, target
