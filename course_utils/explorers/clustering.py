"""Click a pixel and watch it climb to its mode, in the picture and among the colours. Lesson 04."""

import base64
import time

import numpy as np

from course_utils import metrics, plotting
from course_utils.classic import clustering
from course_utils.explorers.canvas import (
    Canvas,
    Explorer,
    action,
    check_match,
    layer,
    meters,
    png,
    slider,
    truth,
)

_HINT = (
    "Try: click a pixel near an edge and watch where it goes. Then double the colour bandwidth, and let all pixels "
    "climb (A).\n"
    "Notice: the density never falls, and neither bandwidth tells you that it is the right one."
)
_PATIENCE = 0.06  # seconds of work a tick when all pixels climb
_SIDE = 240  # of the plot of the colours, in its own units
_BINS = 60


class MeanShiftExplorer(Explorer):
    """A picture whose pixels climb the density of place and colour; two bandwidths to move.

    Parameters
    ----------
    image : (H, W) or (H, W, 3) float array in [0, 1]
        Its pixels climb in Lab.
    start : (int, int), optional
        Row and column of the first pixel to climb; by default the middle.
    target : (H, W) int array, optional
        True regions; with them the covering is shown once all pixels have climbed.
    spatial, colour : float
        The first bandwidths: pixels, and units of Lab.
    area : int
        Regions smaller than this join a neighbour.
    name : str
        What the picture shows, for readers who do not see it.
    hint : str, optional
        What to try and what to notice, instead of the explorer's own line.

    Attributes
    ----------
    spatial, colour, area : the sliders' values
    path : (n, 5) float array, rows y, x, L, a, b from the pixel to its mode
    density : (n,) float array, along the path
    step : int, how far of the path is shown
    labels : (H, W) int array, the regions of the pixels that have climbed, 0 elsewhere
    """

    def __init__(
        self, image, start=None, target=None, *, spatial=8, colour=14, area=100, name="the image", hint=None
    ):
        self.image, self.target = _check(image, target)
        self.lab = lab(self.image)
        height, width = self.lab.shape[:2]
        self._cloud = Cloud(self.image, self.lab)
        self._truth = truth(self.target)
        self._job, self._rows = "climb", 2
        self.canvas = Canvas(
            self.image,
            label=f"Mean shift explorer: {name}",
            hint=_HINT if hint is None else hint,
            tool="click",
            hidden=["truth"],
            respond=self.respond,
            sliders=[
                slider("spatial", "spatial bandwidth, px", float(spatial), 2, 16, 1),
                slider("colour", "colour bandwidth, Lab", float(colour), 4, 60, 2),
                slider("area", "smallest region, px", float(area), 0, 800, 50),
            ],
        )
        self.climb(*(start or (height // 2, width // 2)))

    spatial = property(lambda self: self.canvas.sliders[0]["value"])
    colour = property(lambda self: self.canvas.sliders[1]["value"])
    area = property(lambda self: max(self.canvas.sliders[2]["value"], 1))

    def climb(self, row, column):
        """Climb from a pixel, and show the whole path."""
        self._pixel = int(row), int(column)
        self._forget()

    def respond(self, event):
        if event["kind"] == "tick":
            self._watch() if self._job == "climb" else self._climb_rows()
        elif event["kind"] == "click":
            row, column, _ = self.canvas.clicks[-1]
            self._pixel, self._job = (row, column), "climb"
            self._find_path()
            self.step, self.canvas.playing = 0, True
        elif event["kind"] == "action":
            self._press(event["name"])
        elif event["kind"] == "slider" and event["name"] != "area":
            self._forget()
            return
        elif event["kind"] == "slider" and self._done == len(self._modes):
            self._join()
        self._show()

    def _press(self, name):
        if self.canvas.playing and self._job == name:
            self.canvas.playing = False
            return
        self._job, self.canvas.playing = name, True
        if name == "climb":
            self.step = 0
        elif self._done == len(self._modes):
            self._done = 0

    def _forget(self):
        """Other bandwidths: another path, and nobody has climbed yet."""
        self.canvas.playing, self._job = False, "climb"
        height, width = self.lab.shape[:2]
        places = np.indices((height, width)).transpose(1, 2, 0) / self.spatial
        self._points = np.concatenate([places, self.lab / self.colour], axis=2)
        self._modes, self._done = np.empty_like(self._points), 0
        self.labels, self.scores = np.zeros((height, width), np.int32), {}
        self._find_path()
        self.step = len(self.path) - 1
        self._show()

    def _find_path(self):
        self.path = clustering.mean_shift_path(self.lab, *self._pixel, self.spatial, self.colour)
        self.density = clustering.joint_density(self.lab, self.path, self.spatial, self.colour)

    def _watch(self):
        self.step = min(self.step + 1, len(self.path) - 1)
        self.canvas.playing = self.step < len(self.path) - 1

    def _climb_rows(self):
        """Let the next rows climb, as many as fit into one tick."""
        start = time.perf_counter()
        rows = slice(self._done, self._done + self._rows)
        self._modes[rows] = clustering.mean_shift(self._points, 1.0, starts=self._points[rows]).ends
        self._done = min(rows.stop, len(self._modes))
        seconds = time.perf_counter() - start
        self._rows = int(np.clip(self._rows * _PATIENCE / seconds, 1, 4 * self._rows))
        self._join()
        self.canvas.playing = self._done < len(self._modes)

    def _join(self):
        climbed = self._modes[: self._done]
        self.labels[: self._done] = regions(climbed, self.area)
        if self._done == len(self._modes) and self.target is not None:
            self.scores = {"covering": metrics.covering(self.target, self.labels)}

    def _show(self):
        shown = self.path[: self.step + 1]
        line = {"kind": "polyline", "points": shown[:, :2].tolist(), "brush": 2, "closed": False}
        pixel = {"kind": "click", "points": [list(self._pixel)], "brush": 1, "closed": False}
        with self.canvas.hold_sync():
            self.canvas.marks = [line, pixel]
            self.canvas.layers = [
                layer("neighbours", self.neighbours(), plotting.PALETTE[4]),
                layer("regions", self.labels, plotting.PALETTE),
                *self._truth,
            ]
            self.canvas.actions = [
                self._switch("climb", "Climb again", "c", "Watch this pixel climb once more, or stop"),
                self._switch("all", "All pixels", "a", "Let all pixels climb, row after row, or stop"),
            ]
            drawing = self._cloud.svg(shown, self.colour)
            self.canvas.panel = drawing + steps_table(shown, self.density) + meters(self.scores)
            self.canvas.status = self._describe()

    def _switch(self, name, text, key, hint):
        return action(name, text, key=key, hint=hint, pressed=bool(self.canvas.playing and self._job == name))

    def neighbours(self):
        """The pixels within one bandwidth of the place that is shown, bool (H, W): their mean is the next step."""
        y, x, *values = self.path[self.step]
        here = np.array([y / self.spatial, x / self.spatial, *(np.array(values) / self.colour)])
        return ((self._points - here) ** 2).sum(axis=2) <= 1

    def _describe(self):
        if self._job == "all" and self._done < len(self._modes):
            return f"{self._done / len(self._modes):.0%} of the pixels have climbed."
        y, x = self.path[self.step, :2]
        text = (
            f"Step {self.step} of {len(self.path) - 1}: row {y:.1f}, column {x:.1f}, "
            f"density {self.density[self.step]:.2f}, at the start {self.density[0]:.2f}."
        )
        return text + (f" {_regions(self.labels)} in all." if self._done == len(self._modes) else "")

    def strip(self):
        """One climb with its density, and the regions for half and twice the colour bandwidth."""
        frames, story = [], []
        for factor in (0.5, 2):
            labels = clustering.mean_shift_segments(self.lab, self.spatial, factor * self.colour, self.area)
            found = f"{factor * self.colour:g}: {_regions(labels)}"
            frames.append(plotting.Picture(self.image, f"h = {found}", outlines=labels))
            story.append(f"colour bandwidth {found}")
        first, last = self.density[[0, -1]]
        moved = np.hypot(*(self.path[-1, :2] - self.path[0, :2]))
        climb = f"{len(self.path) - 1} steps, {moved:.0f} px, density {first:.0f} to {last:.0f}"
        curve = plotting.Curves(
            np.arange(len(self.density)),
            {"density": self.density},
            "its density never falls",
            "step",
            "density",
        )
        places = self.path[:, :2]
        corner = np.maximum(places.min(axis=0) - 2 * self.spatial, 0).astype(int)  # what is around the climb
        part = tuple(
            slice(a, int(b)) for a, b in zip(corner, places.max(axis=0) + 2 * self.spatial + 1, strict=True)
        )
        climbing = plotting.Picture(
            self.image[part],
            f"one climb, {len(self.path) - 1} steps",
            labels=self.neighbours()[part].astype(int),
            lines={"from the pixel to its mode": places - corner},
        )
        return plotting.figure(
            climbing, curve, *frames,
            alt=f"{self.canvas.label}. One pixel climbs: {climb}. Then the regions of all: {'; '.join(story)}.",
            caption=f"One pixel climbs ({climb}); tinted are the pixels within one bandwidth of "
            f"its mode. The density never falls. How many regions all of them make "
            f"depends on the bandwidth: {'; '.join(story)}.",
        )  # fmt: skip


class Cloud:
    """The colours of a picture, seen from the side: lightness upwards, and across it a or b, whichever varies more."""

    def __init__(self, image, values):
        self._axes = 0, 1 + int(np.ptp(values[..., 2]) > np.ptp(values[..., 1]))
        up, across = (values[..., a].ravel() for a in self._axes)
        self._middle = np.array([np.mean([v.min(), v.max()]) for v in (up, across)])
        self._extent = 1.1 * max(np.ptp(up), np.ptp(across), 1.0)
        row, column = self._place(up, across) * (_BINS / _SIDE)
        cell = row.astype(int) * _BINS + column.astype(int)
        rgb = np.broadcast_to(image.reshape(len(cell), -1), (len(cell), 3))
        count = np.bincount(cell, minlength=_BINS**2)
        total = [np.bincount(cell, rgb[:, c], minlength=_BINS**2) for c in range(3)]
        mean = np.stack(total, axis=1) / np.maximum(count, 1)[:, None]
        mean[count == 0] = 0.5
        self._png = base64.b64encode(png(mean.reshape(_BINS, _BINS, 3))).decode()

    def _place(self, up, across):
        """(rows from the top, columns), in the plot's units."""
        away = np.stack([self._middle[0] - up, across - self._middle[1]])
        return (away / self._extent + 0.5) * _SIDE

    def svg(self, path, bandwidth):
        """The colours with a climb (n, 5) among them, and a circle of one bandwidth around its last place."""
        row, column = self._place(path[:, 2 + self._axes[0]], path[:, 2 + self._axes[1]]).round(1)
        line = "L".join(f"{x} {y}" for x, y in zip(column, row, strict=True))
        radius = bandwidth / self._extent * _SIDE
        x, y, name = column[-1], row[-1], "Lab"[self._axes[1]]
        halo = 'fill="none" stroke-linejoin="round"'
        return (
            f'<svg viewBox="-18 -4 {_SIDE + 22} {_SIDE + 24}" width="100%" style="max-width:20em" role="img" '
            f'aria-label="The colours of the picture, and the climb among them">'
            f'<image href="data:image/png;base64,{self._png}" width="{_SIDE}" height="{_SIDE}" '
            f'preserveAspectRatio="none" style="image-rendering:pixelated"/>'
            f'<path d="M{line}h0" {halo} stroke="#fff" stroke-width="6" stroke-linecap="round"/>'
            f'<path d="M{line}h0" {halo} stroke="#000" stroke-width="2.5" stroke-linecap="round"/>'
            f'<circle cx="{x}" cy="{y}" r="{radius:.1f}" fill="none" stroke="#fff" stroke-width="4"/>'
            f'<circle cx="{x}" cy="{y}" r="{radius:.1f}" fill="none" stroke="#000" stroke-width="1.5"/>'
            f'<g fill="currentColor" font-size="13" text-anchor="middle"><text x="{_SIDE / 2}" y="{_SIDE + 15}">'
            f'{name} →</text><text transform="translate(-6 {_SIDE / 2}) rotate(-90)">lightness →</text></g></svg>'
        )


def steps_table(path, density, most=6):
    """HTML of the steps so far with their densities; of a long climb the first two and the last ones."""
    shown = (
        [*range(len(path))] if len(path) <= most else [0, 1, None, *range(len(path) - most + 3, len(path))]
    )
    rows = []
    for step in shown:
        if step is None:
            rows.append('<tr><td colspan="4">…</td></tr>')
            continue
        y, x, lightness = path[step, :3]
        rows.append(
            f"<tr><td>{step}</td><td>{y:.1f}, {x:.1f}</td><td>{lightness:.1f}</td>"
            f"<td><b>{density[step]:.2f}</b></td></tr>"
        )
    head = "<tr><th>step</th><th>row, column</th><th>lightness</th><th>density</th></tr>"
    body = f"<thead>{head}</thead><tbody>{''.join(rows)}</tbody>"
    return f'<table style="font-size:90%;border-spacing:0.8em 0">{body}</table>'


def regions(modes, area):
    """Regions, int32 (H, W), of modes (H, W, 2 + C) in units of the bandwidths, as `mean_shift_segments` makes them.

    Pixels side by side belong together when their modes are at most 1 apart; regions below ``area`` join a neighbour.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    height, width = modes.shape[:2]
    number = np.arange(height * width).reshape(height, width)
    pairs = []
    for one, other in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        near = ((modes[one] - modes[other]) ** 2).sum(axis=2) <= 1
        pairs.append((number[one][near], number[other][near]))
    rows, columns = (np.concatenate(ends) for ends in zip(*pairs, strict=True))
    graph = coo_array((np.ones(len(rows), bool), (rows, columns)), shape=(number.size, number.size))
    _, labels = connected_components(graph, directed=False)
    return clustering.absorb_small(labels.reshape(height, width), modes[..., 2:], area)


def _regions(labels):
    return "1 region" if labels.max() == 1 else f"{labels.max()} regions"


def lab(image):
    """The picture in Lab, float64 (H, W, 3): distances there are about as large as colours look different."""
    from skimage.color import rgb2lab

    return rgb2lab(image if image.ndim == 3 else np.stack([image] * 3, axis=-1))


def _check(image, target):
    image = np.asarray(image, float)
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3) or 0 in image.shape:
        raise ValueError(f"image has shape {image.shape}; expected (height, width) or (height, width, 3).")
    if not np.isfinite(image).all() or image.min() < 0 or image.max() > 1:
        raise ValueError("image must have finite values in [0, 1]; divide 8-bit values by 255.")
    if target is None:
        return image, None
    target = np.asarray(target)
    check_match(target, image)
    return image, target
