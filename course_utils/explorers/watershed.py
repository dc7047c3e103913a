"""Flood a landscape level by level, from markers of one's own or from its hollows. Lesson 03."""

import numpy as np

from course_utils import metrics, plotting
from course_utils.classic import morphology, watershed
from course_utils.explorers.canvas import (
    Canvas,
    Explorer,
    action,
    histogram_plot,
    layer,
    meters,
    slider,
    truth,
)

_FRAMES = 48  # that a played flood has from the lowest level to the highest
_STEPS = 120  # bins of the histogram, and places of the water level
_HINT = (
    "Try: play the flood (P). Then raise the depth h until the count is right, or plant markers of your own (O).\n"
    "Notice: where two waters meet, which hollows are no object, and which object shares the water of another."
)


class WatershedExplorer(Explorer):
    """A landscape under a picture, its markers, and a water level to drag.

    Parameters
    ----------
    image : (H, W) or (H, W, 3) array in [0, 1]
        What is shown.
    elevation : (H, W) array
        What is flooded: low inside the objects, high between them.
    mask : (H, W) bool array, optional
        Where water may go; everywhere without one.
    target : (H, W) int array, optional
        The true labels; with them the count is compared and F1 is shown.
    depth : float
        The first h: markers are the hollows deeper than that; 0 takes every hollow.
    depths : (float, float)
        Largest h and step of its slider.
    level : float, optional
        The first water level; by default the middle of the landscape.
    name : str
        What the picture shows, for readers who do not see it.
    unit : str
        Of the elevation.
    hint : str, optional
        What to try and what to notice, instead of the explorer's own line.

    Attributes
    ----------
    level, depth : float, settable
    own : bool, whether only the reader's own markers count; without it they are added to the hollows
    markers : (H, W) int array
    labels : (H, W) int array, the regions of the whole flood
    wet : (H, W) int array, the regions as far as the water has come
    scores : dict of float
    """

    def __init__(
        self, image, elevation, mask=None, target=None, *, depth=0.0, depths=(4.0, 0.25), level=None,
        name="the image", unit="elevation", hint=None,
    ):  # fmt: skip
        self.elevation, self.mask, self.target = _check(image, elevation, mask, target)
        self.image, self.own = np.asarray(image), False
        inside = self.elevation[self.mask]
        self._low, self._high = float(inside.min()), float(inside.max())
        step = (self._high - self._low) / _STEPS
        self._decimals = max(0, int(np.ceil(-np.log10(step))))  # as many as the page shows at the line
        counts, _ = np.histogram(inside, _STEPS, (self._low, self._high))
        self._truth = truth(self.target)
        self.canvas = Canvas(
            self.image,
            label=f"Watershed explorer: {name}",
            hint=_HINT if hint is None else hint,
            tool="click",
            hidden=["truth"],
            respond=self.respond,
            value=(self._low + self._high) / 2 if level is None else float(level),
            plot=histogram_plot(counts, self._low, self._high, name=unit, side=-1),
            sliders=[slider("depth", "depth h of a marker", float(depth), 0, *depths)],
        )
        self._plant()

    @property
    def level(self):
        return self.canvas.value

    @level.setter
    def level(self, level):
        self.canvas.value = float(level)
        self._show()

    @property
    def depth(self):
        return self.canvas.sliders[0]["value"]

    @depth.setter
    def depth(self, depth):
        self.canvas.sliders = [self.canvas.sliders[0] | {"value": float(depth)}]
        self._plant()

    def respond(self, event):
        if event["kind"] == "tick":
            self._rise()
        elif event["kind"] == "value":
            self.canvas.playing = False
            self._show()
        elif event["kind"] == "action" and event["name"] == "play":
            self.canvas.playing = not self.canvas.playing
            if self.canvas.playing and self.level >= self._high:
                self.canvas.value = self._low
            self._show()
        else:
            if event["kind"] == "action":
                self.own = not self.own
            self._plant()

    def _rise(self):
        self.canvas.value = min(self.level + (self._high - self._low) / _FRAMES, self._high)
        self.canvas.playing = self.canvas.playing and self.level < self._high
        self._show()

    def _plant(self):
        """Find the markers and flood from them; what the level changes is only how much of it is shown."""
        planted = [(row, column) for row, column, _ in self.canvas.clicks]
        self.markers = plant(self.elevation, self.mask, None if self.own else self.depth, planted)
        self.labels, self._levels = rise(self.elevation, self.markers, self.mask)
        self.scores = {} if self.target is None else score(self.target, self.labels)
        self._show()

    def _show(self):
        self.wet = np.where(self._levels <= self.level, self.labels, 0)
        with self.canvas.hold_sync():
            self.canvas.layers = [
                layer("regions", self.wet, plotting.PALETTE),
                layer("markers", self.markers > 0, plotting.ANSWER),
                *self._truth,
            ]
            self.canvas.actions = [
                action(
                    "play",
                    "Play",
                    key="p",
                    hint="Let the water rise, or stop it",
                    pressed=self.canvas.playing,
                ),
                action("own", "Own markers only", key="o", hint="Flood only from what you plant", pressed=self.own),
            ]  # fmt: skip
            self.canvas.panel = meters(self.scores)
            self.canvas.status = self._describe()

    def _describe(self):
        outside = sum(not self.mask[row, column] for row, column, _ in self.canvas.clicks)
        verb = "lies" if outside == 1 else "lie"
        dry = f" {outside} of your markers {verb} where no water may go." if outside else ""
        if not self.markers.any():
            return f"No markers: click where an object is.{dry}"
        under, found = np.count_nonzero(self.wet) / np.count_nonzero(self.mask), _regions(self.labels)
        known = "" if self.target is None else f", in truth {_count(self.target)}"
        level = f"{self.level:.{self._decimals}f}".replace("-", "−")
        return f"Water at {level}, {under:.0%} of the land is wet. When it is full: {found}{known}.{dry}"

    def strip(self):
        """The flood half way and full from every hollow, and full from the hollows that are deep enough."""
        step = self.canvas.sliders[0]["step"]
        frames, story = [], []
        for depth, level, when in ((0.0, 0.5, "half way"), (0.0, 1.0, "full"), (3 * step, 1.0, "full")):
            markers = plant(self.elevation, self.mask, depth)
            labels, levels = rise(self.elevation, markers, self.mask)
            wet = np.where(levels <= self._low + level * (self._high - self._low), labels, 0)
            known = f"{_count(wet)} of {_count(labels)}" if _count(wet) < _count(labels) else _regions(wet)
            text = f"{f'h = {depth:g}' if depth else 'every hollow'}, {when}: {known}"
            frames.append(plotting.Picture(self.image, text, labels=wet))
            story.append(text)
        truth = "" if self.target is None else f" In truth there are {_count(self.target)}."
        return plotting.figure(
            *frames,
            alt=f"{self.canvas.label}, three times: {'; '.join(story)}.{truth}",
            caption=f"Where the water starts decides how many regions there are: {'; '.join(story)}. Half way, only "
            f"hollows below that level are wet.{truth}",
        )


def plant(elevation, mask, depth=None, planted=()):
    """Markers, int32 (H, W): hollows of the land deeper than ``depth`` (0: every hollow; None: none), numbered, and
    then one marker for each planted (row, column) in the mask.

    A hollow that is not deeper, seen from the pass to its neighbour, is filled up to that pass; two hollows of one
    depth that then lie under one surface are one.
    """
    markers = np.zeros(mask.shape, np.int32)
    if depth is not None:
        # outside is lower than all else, so that no part of the mask, however flat, loses its only hollow
        upside_down = np.where(mask, -elevation, -elevation[mask].max() - depth - 1)
        filled = watershed.reconstruct(upside_down - depth, upside_down)
        markers = morphology.label(watershed.maxima(filled) & mask, connectivity=8)
    for number, (row, column) in enumerate(planted, start=int(markers.max()) + 1):
        if mask[row, column]:
            markers[row, column] = number
    return markers


def rise(elevation, markers, mask):
    """(labels of the whole flood, the water level at which each pixel becomes wet: infinite where none comes)."""
    levels = np.full(elevation.shape, np.inf)
    if not markers.any():
        return np.zeros(elevation.shape, np.int32), levels
    labels, arrival = watershed.flood(elevation, markers, mask=mask)
    order = np.argsort(arrival, axis=None)[np.count_nonzero(arrival < 0) :]
    levels.ravel()[order] = np.maximum.accumulate(elevation.ravel()[order])
    return labels, levels


def score(target, labels):
    """F1 of the instances at two IoUs, a dict."""
    return {f"F1 at IoU {at}": metrics.match_instances(target, labels, at).f1 for at in (0.5, 0.75)}


def _count(labels):
    return len(np.unique(labels[labels > 0]))


def _regions(labels):
    return f"{_count(labels)} region{'s' * (_count(labels) != 1)}"


def _check(image, elevation, mask, target):
    elevation = np.asarray(elevation, float)
    mask = np.ones(elevation.shape, bool) if mask is None else np.asarray(mask)
    target = None if target is None else np.asarray(target)
    named = {"image": np.asarray(image), "mask": mask, "target": elevation if target is None else target}
    for name, array in named.items():
        if array.shape[:2] != elevation.shape:
            raise ValueError(
                f"{name} has shape {array.shape} and elevation {elevation.shape}: height and width must match."
            )
    if mask.dtype != bool or not mask.any():
        raise ValueError("mask must be bool, with at least one pixel where water may go.")
    if not np.isfinite(elevation).all() or np.ptp(elevation[mask]) == 0:
        raise ValueError(
            "elevation must be finite and have more than one height in the mask, or nothing rises."
        )
    return elevation, mask, target
