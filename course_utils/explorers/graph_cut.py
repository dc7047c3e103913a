"""Scribble on object and background, and see the cheapest mask; or let GrabCut find it from a box. Lesson 05."""

import numpy as np

from course_utils import metrics, plotting
from course_utils.classic import graph_cuts, morphology
from course_utils.explorers.canvas import (
    Canvas,
    Explorer,
    action,
    check_match,
    layer,
    meters,
    slider,
    strokes,
    truth,
)

_LIMIT = 65_536  # pixels that a cut is made for; larger pictures are worked on in blocks, so that it answers at once
_STRENGTHS = (0, 5, 25, 200)  # of the strip
_HINT = (
    "Try: raise λ step by step; take a stroke back (Backspace) and paint another; start GrabCut (G).\n"
    "Notice: energy and flow are one number, which part of it the boundary is, and which thin thing is cut off first."
)


class GraphCutExplorer(Explorer):
    """A picture to paint on with two brushes, object and background, and the minimum cut between them.

    Pictures of more than 65,536 pixels are cut in blocks of 2 × 2 pixels or more, with the smoothness in proportion:
    the mask is then as coarse as the blocks.

    Parameters
    ----------
    image : (H, W) or (H, W, 3) array in [0, 1]
    target : (H, W) bool or int array, optional
        The truth, not zero on the object; with it IoU is shown.
    start : sequence of (points, brush)
        Strokes to begin with; points are (row, column), joined by straight lines; brush 1 is the object, 2 background.
    width : int
        Of the strokes, in pixels.
    smoothness : float
        First value of λ, the price of a pair of neighbours; see ``graph_cuts.contrast_weights``.
    box : (top, left, bottom, right), optional
        Where GrabCut looks for the object; by default a little more than the target, or all but a rim of the picture.
    name : str
        What the picture shows, for readers who do not see it.
    hint : str, optional
        What to try and what to notice, instead of the explorer's own line.

    Attributes
    ----------
    smoothness : float, settable
    seeds : (H, W) int array, what is painted
    mask : (H, W) bool array, what is shown
    energy : dict of float, its parts ``pixels`` (overruled against what they cost at least) and ``boundary``, and the
        ``flow``; empty where there is no cut
    round : int, of GrabCut; None when it is not running
    scores : dict of float
    """

    def __init__(
        self, image, target=None, start=(), *, width=5, smoothness=25.0, box=None, name="the image", hint=None
    ):
        self.image, self.target, self.box = _check(image, target, box)
        self._block = int(np.ceil(np.sqrt(self.image.shape[0] * self.image.shape[1] / _LIMIT)))
        self._small = shrink(self.image, self._block)
        self._truth = truth(self.target)
        self.canvas = Canvas(
            self.image,
            label=f"Graph cut explorer: {name}",
            hint=_HINT if hint is None else hint,
            tool="stroke",
            brushes=("object", "background"),
            marks=strokes(start),
            hidden=["truth"],
            respond=self.respond,
            actions=[
                action("grab", "GrabCut", key="g", hint="Let GrabCut learn from the box, round by round, or stop it"),
                action("clear", "Clear", key="c", hint="Take all strokes back"),
            ],
            sliders=[
                slider("smoothness", "smoothness λ", float(smoothness), 0, 200, 1),
                slider("width", "width of the strokes", int(width), 1, 15, 1),
            ],
        )  # fmt: skip
        self._paint()

    @property
    def smoothness(self):
        return self.canvas.sliders[0]["value"]

    @smoothness.setter
    def smoothness(self, smoothness):
        first, *others = self.canvas.sliders
        self.canvas.sliders = [first | {"value": float(smoothness)}, *others]
        self._cut()

    def respond(self, event):
        if event["kind"] == "tick":
            self._next_round()
        elif event["kind"] == "slider" and event["name"] == "smoothness":
            self._cut()
        elif event["kind"] == "action" and event["name"] == "grab":
            if self.canvas.playing:
                self.canvas.playing = False
            else:
                self._grab()
        elif event["kind"] in ("stroke", "undo", "slider", "action"):
            if event["kind"] == "action" and event["name"] == "clear":
                self.canvas.marks = []
            self._paint()

    def _paint(self):
        """Learn the colours under the strokes; what λ changes is only the price of the boundary."""
        self.seeds = self.canvas.seeds(int(self.canvas.sliders[1]["value"]))
        self._small_seeds = largest(self.seeds, self._block)
        self._costs = None
        if all((self._small_seeds == brush).any() for brush in (1, 2)):
            costs = graph_cuts.seed_costs(self._small, self._small_seeds)
            self._costs = costs - costs.min(axis=0)  # the same for both labels: no mask becomes cheaper by it
        self._cut()

    def _cut(self):
        self.canvas.playing, self.round, self.energy = False, None, {}
        mask = np.zeros(self._small.shape[:2], bool)
        if self._costs is not None:
            mask, self.energy = cut(self._small, self._costs, self.smoothness / self._block)
        self._show(mask)

    def _grab(self):
        """Show where GrabCut begins; the first tick computes all rounds, and each tick shows the next one."""
        top, left = (int(side) // self._block for side in self.box[:2])
        bottom, right = (-(-int(side) // self._block) for side in self.box[2:])
        self._small_box, self._rounds = (top, left, bottom, right), None
        self.canvas.playing, self.round, self.energy = True, 0, {}
        self._show(_inside(self._small_box, self._small.shape[:2]))

    def _next_round(self):
        if self.round is None:
            return
        if self._rounds is None:
            strength = self.smoothness / self._block
            try:
                self._rounds = graph_cuts.grab_cut(
                    self._small, self._small_box, self._small_seeds, smoothness=strength
                )
            except ValueError as problem:
                self.canvas.playing = False
                self.canvas.status = f"GrabCut cannot begin: {problem}."
                return
        last = len(self._rounds.masks) - 1
        self.round = min(self.round + 1, last)
        self.canvas.playing = self.canvas.playing and self.round < last
        self._show(self._rounds.masks[self.round])

    def _show(self, small_mask):
        self.mask = enlarge(small_mask, self._block, self.image.shape[:2])
        self.scores = {} if self.target is None else {"IoU": metrics.mask_iou(self.target, self.mask)}
        layers = [layer("mask", self.mask, plotting.ANSWER), *self._truth]
        if self.round is not None:
            layers.append(layer("box", _inside(self.box, self.mask.shape), plotting.ACCENT, tint=False))
        with self.canvas.hold_sync():
            self.canvas.layers = layers
            self.canvas.panel = meters(self.scores) + self._prices()
            self.canvas.status = self._describe()

    def _prices(self):
        if not self.energy:
            return ""
        pixels, boundary, flow = (self.energy[name] for name in ("pixels", "boundary", "flow"))
        return (
            f"<p>Energy {pixels + boundary:,.0f} = {pixels:,.0f} for pixels overruled + {boundary:,.0f} for the "
            f"boundary.<br>Flow {flow:,.0f}.</p>"
        )

    def _describe(self):
        found = f"{pieces(self.mask)} pieces, {self.mask.mean():.0%} of the picture is object."
        if self.round is not None:
            if self.round == 0:
                return f"GrabCut begins with everything in the box: {found}"
            price = f"{self._rounds.energies[self.round - 1, 1]:,.0f}".replace("-", "−")
            return f"GrabCut, round {self.round}: energy {price}; {found}"
        if self._costs is None:
            return "Paint at least one stroke with each brush, object and background, or start GrabCut."
        return f"λ = {self.smoothness:g}: {found}"

    def strip(self):
        """The cut for four values of the smoothness, from the strokes as they are."""
        if self._costs is None:
            frames, story = [plotting.Picture(self.image, "nothing painted yet")], ["nothing painted yet"]
        else:
            frames, story = [], []
            for strength in _STRENGTHS:
                small, _ = cut(self._small, self._costs, strength / self._block)
                mask = enlarge(small, self._block, self.image.shape[:2])
                told = f"λ = {strength}: {pieces(mask)} pieces"
                if self.target is None:
                    frames.append(plotting.Picture(self.image, told, labels=mask))
                else:
                    score = f"IoU {metrics.mask_iou(self.target, mask):.2f}"
                    frames.append(plotting.Errors(self.target, mask, f"λ = {strength}: {score}"))
                    told += f", {score}"
                story.append(told)
        return plotting.figure(
            *frames,
            columns=4,
            alt=f"{self.canvas.label}, cut with the same strokes and more and more smoothness: {'; '.join(story)}.",
            caption=f"The same strokes, more and more smoothness: {'; '.join(story)}.",
        )


def cut(image, costs, smoothness):
    """(mask of the minimum cut, dict of the parts of its energy and of the flow)."""
    weights = graph_cuts.contrast_weights(image, smoothness)
    found = graph_cuts.min_cut(costs, weights)
    overruled = float(np.where(found.mask, costs[1], costs[0]).sum())
    boundary = graph_cuts.energy(found.mask, np.zeros(costs.shape), weights)
    return found.mask, {"pixels": overruled, "boundary": boundary, "flow": found.flow}


def pieces(mask):
    """Islands and holes together: connected pieces that the two labels fall into."""
    return int(morphology.label(mask).max() + morphology.label(~mask).max())


def shrink(image, block):
    """Means (h, w[, 3]) of blocks of ``block`` × ``block`` pixels; the last row and column are repeated to fill up."""
    return _blocks(image, block).mean(axis=(1, 3))


def largest(labels, block):
    """The largest number in each block, (h, w)."""
    return _blocks(labels, block).max(axis=(1, 3))


def enlarge(mask, block, shape):
    """A mask of blocks (h, w) as one of pixels (H, W)."""
    return np.repeat(np.repeat(mask, block, 0), block, 1)[: shape[0], : shape[1]]


def _blocks(image, block):
    padding = [(0, -side % block) for side in image.shape[:2]] + [(0, 0)] * (image.ndim - 2)
    padded = np.pad(image, padding, mode="edge")
    height, width = (side // block for side in padded.shape[:2])
    return padded.reshape(height, block, width, block, *image.shape[2:])


def _inside(box, shape):
    mask = np.zeros(shape, bool)
    mask[box[0] : box[2], box[1] : box[3]] = True
    return mask


def _around(mask):
    """The box around a mask, a fiftieth of the picture wider, and never all of the picture."""
    height, width = mask.shape
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    margin = max(height, width) // 50 + 1
    top, bottom = max(rows[0] - margin, 0), min(rows[-1] + 1 + margin, height)
    left, right = max(columns[0] - margin, 0), min(columns[-1] + 1 + margin, width)
    whole = (top, left, bottom, right) == (0, 0, height, width)
    return _rim(mask.shape) if whole else tuple(int(side) for side in (top, left, bottom, right))


def _rim(shape):
    height, width = shape
    rim = max(height, width) // 50 + 1
    return rim, rim, height - rim, width - rim


def _check(image, target, box):
    image = np.asarray(image, float)
    if image.ndim not in (2, 3) or min(image.shape[:2]) < 8:
        raise ValueError(f"image has shape {image.shape}: a picture of at least 8 × 8 pixels was expected.")
    if not np.isfinite(image).all() or image.min() < 0 or image.max() > 1:
        raise ValueError("image must be finite and in [0, 1]; divide bytes by 255.")
    if target is not None:
        target = np.asarray(target) != 0
        check_match(target, image)
    if box is None:
        box = _rim(image.shape[:2]) if target is None or not target.any() else _around(target)
    top, left, bottom, right = box
    if not (0 <= top < bottom <= image.shape[0] and 0 <= left < right <= image.shape[1]):
        raise ValueError(
            f"box {tuple(box)} (top, left, bottom, right) does not lie within {image.shape[:2]}."
        )
    return image, target, tuple(box)
