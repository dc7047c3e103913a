"""Every figure of the course.

A figure is built from panels and says three things: what is to be seen (the alt text, for those who cannot
see it), what it answers (the caption), and the picture itself::

    figure(
        Picture(photo.image, title="coins", outlines=photo.labels),
        Histogram(counts, centres, thresholds={"Otsu": t}),
        alt="…what is to be seen, with the answer in it, 40 characters at least…",
        caption="Two humps, one number between them.",
    )

It arrives as one ``<figure>`` of plain HTML with an embedded WebP, so that JupyterLab, GitHub, slides and print
show the same thing. Colours are safe for colour-blind readers (Okabe & Ito 2008, "Color Universal Design"), and
regions carry outlines, so that no meaning hangs on colour alone.
"""

import base64
import io
from dataclasses import dataclass, field
from html import escape
from textwrap import fill

import numpy as np

#: Okabe & Ito's colours, in the order in which labels 1, 2, 3 … take them.
PALETTE = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#CC79A7", "#0072B2", "#D55E00")
TRUTH, ANSWER, ACCENT, INK, PAPER = "#009E73", "#D55E00", "#0072B2", "#222222", "#FFFFFF"
LINES = ("-", "--", "-.", ":")
#: What happened to each pixel of a two-class prediction: colour and the word for the legend.
ERRORS = {"hit": "#009E73", "missed": "#56B4E9", "false alarm": "#D55E00"}

#: How up to five kinds of points differ, with or without colour: marker, colour, size.
MARKS = (("o", ACCENT, 6), ("D", "#E69F00", 6), ("s", TRUTH, 6), ("^", ANSWER, 7), ("*", "#CC79A7", 10))

_HATCHES = {"hit": "", "missed": "////", "false alarm": ".."}

WIDTH = 900  # pixels; wider pictures only cost bytes
DPI = 100
_GAP = 0.10  # inches between and around panels
_MIN_ALT = 40


class Figure:
    """A finished figure: HTML for people, its alt text for machines.

    Attributes: ``webp`` (bytes), ``alt`` and ``caption`` (str), ``size`` (width, height in px).
    """

    def __init__(self, webp, size, *, alt, caption):
        self.webp, self.size, self.alt, self.caption = webp, size, _alt(alt), caption

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/html": figure_html(self), "text/plain": self.alt}

    def __repr__(self):
        return self.alt


def figure_html(*figures, caption=None):
    """One ``<figure>`` around the pictures of one or several figures (a strip), with their alt texts.

    The caption is that of the only figure, or the one given for a strip.
    """
    images = "".join(
        f'<img alt="{escape(f.alt, quote=True)}" width="{f.size[0]}" style="max-width:100%;height:auto" '
        f'src="data:image/webp;base64,{base64.b64encode(f.webp).decode()}">'
        for f in figures
    )
    text = caption if caption is not None else " ".join(f.caption for f in figures)
    return f'<figure style="margin:0">{images}<figcaption>{escape(text)}</figcaption></figure>'


def figure(*panels, alt, caption, columns=None, height=None, legend=False):
    """Lay panels out in rows and return the Figure.

    Parameters
    ----------
    panels : Picture, Errors, Numbers, Histogram, Curves, Bars, Points, Front or Network
    alt : str
        What is to be seen, with the answer in it; 40 characters at least.
    caption : str
        The answer the figure gives.
    columns : int, optional
        Panels a row; by default up to four. Fewer panels than columns make a narrower figure.
    height : float, optional
        Height of a row in inches; by default what pictures need to keep their shape, at most 4.2.
    legend : bool
        Name the kinds of points, which are those of the first panel, once above all panels.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    if not panels:
        raise ValueError("figure() got no panel: pass at least one Picture, Histogram, Curves, …")
    columns = columns or min(len(panels), 4)
    cell = WIDTH / DPI / columns
    columns = min(columns, len(panels))
    rows, width = -(-len(panels) // columns), cell * columns
    titles = [fill(panel.title, int(cell * 11)) for panel in panels]
    height = height or _row_height(panels, titles, cell - 2 * _GAP)
    canvas = Canvas(figsize=(width, rows * height), dpi=DPI, facecolor=PAPER, layout="constrained")
    canvas.get_layout_engine().set(w_pad=_GAP / 2, h_pad=_GAP / 2, wspace=0, hspace=0)
    FigureCanvasAgg(canvas)
    grid = canvas.subplots(rows, columns, squeeze=False).ravel()
    for axes, panel, title in zip(grid, panels, titles, strict=False):
        axes.tick_params(labelsize=10)
        axes.set_title(title, fontsize=12, color=INK)
        panel.draw(axes)
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    if legend:
        canvas.legend(
            handles=panels[0].handles(), loc="outside upper center", ncols=3, fontsize=10, frameon=False
        )
    return _render(canvas, alt=alt, caption=caption)


def panels(images, *, titles=None, labels=None, outlines=None, alt, caption, columns=None):
    """A row of pictures: `figure` for the common case.

    ``images`` is a sequence of images; ``titles``, ``labels`` and ``outlines`` are sequences of the same length
    (None for a picture without).
    """
    n = len(images)
    filled = [(values if values is not None else [None] * n) for values in (titles, labels, outlines)]
    for name, values in zip(("titles", "labels", "outlines"), filled, strict=True):
        if len(values) != n:
            raise ValueError(f"{name} has {len(values)} entries for {n} images: give one for each image")
    pictures = (
        Picture(i, t or "", labels=lab, outlines=out) for i, t, lab, out in zip(images, *filled, strict=True)
    )
    return figure(*pictures, alt=alt, caption=caption, columns=columns)


# ---------------------------------------------------------------------------------------------- panels


@dataclass
class Picture:
    """An image (H, W[, 3]) in [0, 1], a mask or a data map, with label overlay and outlines.

    ``labels`` are tinted and outlined, ``outlines`` only outlined; ``scale`` is the (low, high) shown as black and
    white (default: 0 to 1, the range of the data for anything outside it); ``colormap`` a perceptually uniform map
    for data that is no light. ``lines`` maps a name to points (n, 2), rows (y, x), drawn as a line over all that.
    """

    image: np.ndarray
    title: str = ""
    labels: np.ndarray | None = None
    outlines: np.ndarray | None = None
    scale: tuple | None = None
    colormap: str = "gray"
    note: str = ""
    lines: dict = field(default_factory=dict)

    def draw(self, axes):
        image = np.asarray(self.image)
        if self.labels is not None:
            image = overlay(_unit(image), self.labels)
        if self.outlines is not None:
            image = overlay(_unit(image), self.outlines, alpha=0)
        low, high = self.scale or _range(image)
        axes.imshow(image, cmap=self.colormap, vmin=low, vmax=high, interpolation=_interpolation(image))
        axes.autoscale(False)  # a line may leave the picture, the picture stays
        _draw_lines(axes, self.lines)
        _thin_frame(axes)
        if self.note:
            axes.text(0.02, 0.02, self.note, transform=axes.transAxes, fontsize=11, color=INK, va="bottom",
                      bbox={"facecolor": PAPER, "edgecolor": "none", "alpha": 0.85, "pad": 2})  # fmt: skip


@dataclass
class Errors:
    """What a mask got right and wrong against its target, as `errors` paints it, with the words under it."""

    target: np.ndarray
    prediction: np.ndarray
    title: str = ""

    @property
    def image(self):
        return self.target

    def draw(self, axes):
        from matplotlib.patches import Patch

        axes.imshow(errors(self.target, self.prediction), interpolation="nearest")
        axes.set_axis_off()
        handles = [
            Patch(facecolor=colour, edgecolor=PAPER, hatch=_HATCHES[name], label=name)
            for name, colour in ERRORS.items()
        ]
        axes.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=3, fontsize=9, frameon=False,
                    handlelength=0.8, columnspacing=0.8, handletextpad=0.3)  # fmt: skip


@dataclass
class Numbers:
    """A tiny image or matrix whose values stand in its cells, as on paper.

    ``highlight`` (bool, same shape) frames cells; ``format`` is a format specification such as ``".2f"``; ``rows`` and
    ``columns`` name the lines of a matrix; ``scale`` is the (low, high) shown as black and white, by default the least
    and the greatest value.
    """

    array: np.ndarray
    title: str = ""
    highlight: np.ndarray | None = None
    format: str = "g"
    rows: tuple = ()
    columns: tuple = ()
    colormap: str = "gray"
    scale: tuple | None = None

    def draw(self, axes):
        array = np.asarray(self.array, float)
        low, high = self.scale or (np.nanmin(array), np.nanmax(array))
        axes.imshow(array, cmap=self.colormap, vmin=low, vmax=max(high, low + 1e-9), interpolation="nearest")
        for (y, x), value in np.ndenumerate(array):
            dark = (value - low) < 0.5 * (high - low)
            text = format(value, self.format) if np.isfinite(value) else "–"
            axes.text(x, y, text, ha="center", va="center", fontsize=12, color=PAPER if dark else INK)
        if self.highlight is not None:
            for y, x in np.argwhere(self.highlight):
                axes.add_patch(_frame(x, y))
        axes.set_xticks(range(len(self.columns)), self.columns)
        axes.set_yticks(range(len(self.rows)), self.rows)
        axes.tick_params(length=0, labeltop=bool(self.columns), labelbottom=False)
        for spine in axes.spines.values():
            spine.set_color("0.6")  # a white cell at the edge is a cell, too


@dataclass
class Histogram:
    """Pixels per grey value, with named thresholds as vertical lines and, on a second axis, a criterion curve.

    ``thresholds`` maps a name to a value; ``curve`` is ``(name, x, y)``, drawn to its own height.
    """

    counts: np.ndarray
    centres: np.ndarray
    title: str = ""
    thresholds: dict = field(default_factory=dict)
    curve: tuple | None = None
    log: bool = False
    xlabel: str = "grey value"

    def draw(self, axes):
        axes.fill_between(self.centres, self.counts, step="mid", color="#999999", linewidth=0)
        axes.set(xlabel=self.xlabel, ylabel="pixels", yscale="log" if self.log else "linear")
        if not self.log:
            axes.set_ylim(bottom=0)
        for i, (name, value) in enumerate(self.thresholds.items()):
            axes.axvline(
                value,
                color=PALETTE[-1 - i % 3],
                linestyle=LINES[i % 4],
                linewidth=2,
                label=f"{name}: {value:.3g}",
            )
        if self.curve is not None:
            name, x, y = self.curve
            twin = axes.twinx()
            twin.plot(x, y, color=ACCENT, linewidth=2)
            twin.set_ylabel(name, color=ACCENT)
            twin.set_yticks([])
        if self.thresholds:
            axes.legend(fontsize=10, framealpha=0.9, edgecolor="none")


@dataclass
class Curves:
    """Lines over a common axis: ``series`` maps a name to ``y`` or to ``(x, y)``; ``marks`` a name to an ``(x, y)``.

    ``names`` stand at ``x`` in the place of its numbers; ``colours`` are those of the series, where others are meant.
    ``log`` and ``log_y`` make the common axis, or that of the values, logarithmic.
    """

    x: np.ndarray
    series: dict
    title: str = ""
    xlabel: str = ""
    ylabel: str = ""
    marks: dict = field(default_factory=dict)
    ylim: tuple | None = None
    log: bool = False
    names: tuple = ()
    colours: tuple = (ACCENT, ANSWER, TRUTH, "#CC79A7", "#E69F00")
    log_y: bool = False

    def draw(self, axes):
        axes.set_xscale("log" if self.log else "linear")
        axes.set_yscale("log" if self.log_y else "linear")
        if self.names:
            axes.set_xticks(self.x, self.names)
        for i, (name, values) in enumerate(self.series.items()):
            x, y = values if isinstance(values, tuple) else (self.x, values)
            colour = self.colours[i % len(self.colours)]
            axes.plot(x, y, color=colour, linestyle=LINES[i % 4], linewidth=2, label=name)
        for i, (name, (x, y)) in enumerate(self.marks.items()):
            axes.plot([x], [y], "osD^"[i % 4], color=INK, markersize=8, label=name)
        axes.set(xlabel=self.xlabel, ylabel=self.ylabel)
        if self.ylim:
            axes.set_ylim(*self.ylim)
        if self.log:
            _name_powers(axes.xaxis)
        if self.log_y:
            _name_powers(axes.yaxis)
        if len(self.series) + len(self.marks) > 1:
            axes.legend(fontsize=10, frameon=False)
        axes.spines[["top", "right"]].set_visible(False)


@dataclass
class Bars:
    """One horizontal bar a name, its value written at its end; ``spread`` maps a name to (low, high) error bars."""

    values: dict
    title: str = ""
    xlabel: str = ""
    spread: dict = field(default_factory=dict)
    xlim: tuple = (0, 1)
    format: str = ".2f"

    def draw(self, axes):
        names = list(self.values)
        values = np.array([self.values[n] for n in names], float)
        axes.barh(names, np.nan_to_num(values), color=ACCENT, height=0.6)
        right = values.copy()
        for i, name in enumerate(names):
            if name in self.spread:
                low, high = self.spread[name]
                axes.plot([low, high], [i, i], color=INK, linewidth=2)
                right[i] = max(right[i], high)
            text = f" {values[i]:{self.format}}" if np.isfinite(values[i]) else " not defined"
            axes.text(np.nan_to_num(right[i]), i, text, va="center", fontsize=11)
        axes.invert_yaxis()
        axes.set(xlabel=self.xlabel, xlim=(self.xlim[0], self.xlim[1] * 1.12))
        axes.tick_params(axis="y", labelsize=11)
        axes.spines[["top", "right"]].set_visible(False)


@dataclass
class Points:
    """Clouds of points: ``series`` maps a name to ``(x, y)`` (no legend if all are blank); ``diagonal`` draws y = x.

    ``colours`` are names or (r, g, b), one a series; ``equal`` gives both axes one unit.
    """

    series: dict
    title: str = ""
    xlabel: str = ""
    ylabel: str = ""
    diagonal: bool = False
    marker_size: float = 16
    colours: tuple = (ACCENT, ANSWER, TRUTH, "#CC79A7", "#E69F00")
    equal: bool = False

    def draw(self, axes):
        for i, (name, (x, y)) in enumerate(self.series.items()):
            colour = self.colours[i % len(self.colours)]
            axes.scatter(
                x,
                y,
                s=self.marker_size,
                color=colour,
                marker="osD^v"[i % 5],
                label=name,
                alpha=0.8,
                linewidths=0,
            )
        if self.diagonal:
            every = np.concatenate([np.ravel(values) for pair in self.series.values() for values in pair])
            ends = [np.nanmin(every), np.nanmax(every)]
            axes.plot(ends, ends, color="#999999", linestyle="--", linewidth=1)
        if self.equal:
            axes.set_aspect("equal", adjustable="datalim")
            axes.locator_params(nbins=6)
        axes.set(xlabel=self.xlabel, ylabel=self.ylabel)
        if any(name.strip() for name in self.series) and len(self.series) > 1:
            axes.legend(fontsize=10, frameon=False)
        axes.spines[["top", "right"]].set_visible(False)


@dataclass
class Front:
    """Score over cost, and the front: those that none beats in both.

    ``values`` maps a name to (cost, score) or (cost, score, spread of the score); costs are drawn on a logarithmic
    axis. The names stand in a column at the right, in the order of the scores, those of the front in bold. Where there
    are several ``kinds``, five at most, ``kind`` maps a name to its own; kinds differ by colour and by shape.
    """

    values: dict
    title: str = ""
    xlabel: str = ""
    ylabel: str = ""
    kinds: tuple = ()
    kind: dict = field(default_factory=dict)

    @property
    def front(self):
        """Names on the front, from cheap to dear (tuple of str)."""
        names, costs = list(self.values), [value[0] for value in self.values.values()]
        on = undominated(costs, [value[1] for value in self.values.values()])
        return tuple(names[i] for i in np.argsort(costs, kind="stable") if on[i])

    def handles(self):
        """What a legend of the kinds shows."""
        from matplotlib.lines import Line2D

        return [
            Line2D([], [], linestyle="", label=kind, marker=marker, color=colour, markersize=size)
            for kind, (marker, colour, size) in zip(self.kinds, MARKS, strict=False)
        ]

    def _mark(self, name):
        """(marker, colour, size) of a point: by its kind, or by whether it is on the front."""
        if self.kinds:
            return MARKS[self.kinds.index(self.kind[name])]
        return ("o", ACCENT, 6) if name in self.front else ("s", "#777777", 6)

    def draw(self, axes):
        from matplotlib.transforms import ScaledTranslation

        axes.set_xscale("log")
        front = [self.values[name] for name in self.front]
        line = "#999999" if self.kinds else ACCENT
        axes.step([cost for cost, *_ in front], [score for _, score, *_ in front], where="post", color=line)
        order = sorted(self.values, key=lambda name: self.values[name][1])
        marks = {name: self._mark(name) for name in order}
        for name, (marker, colour, size) in marks.items():
            cost, score, *spread = self.values[name]
            axes.errorbar(cost, score, spread[0] if spread else None, fmt=marker, markersize=size, color=colour,
                          ecolor="#AAAAAA", markeredgecolor=PAPER, markeredgewidth=0.6,
                          zorder=3 + (name in self.front))  # fmt: skip
        bottom, top = axes.get_ylim()
        heights = [(self.values[name][1] - bottom) / (top - bottom) for name in order]
        beside = axes.transAxes + ScaledTranslation(0.12, 0, axes.figure.dpi_scale_trans)
        for name, height in zip(order, apart(heights, 1 / max(len(order), 14)), strict=True):
            marker, colour, size = marks[name]
            axes.annotate(
                f"    {name}" if self.kinds else name,
                self.values[name][:2],
                (1.0, height),
                textcoords=beside,
                va="center",
                fontsize=9 if len(order) > 14 else 10,
                fontweight="bold" if name in self.front else "normal",
                arrowprops={
                    "arrowstyle": "-",
                    "color": "#DDDDDD",
                    "linewidth": 0.7,
                    "shrinkB": 4,
                    "relpos": (0, 0.5),
                },
            )
            if self.kinds:
                axes.plot(1.0, height, marker, color=colour, markersize=size - 1, clip_on=False,
                          transform=beside + ScaledTranslation(0.06, 0, axes.figure.dpi_scale_trans))  # fmt: skip
        _name_powers(axes.xaxis)
        axes.set(xlabel=self.xlabel, ylabel=self.ylabel)
        axes.spines[["top", "right"]].set_visible(False)


def apart(places, gap):
    """Places (n,), rising, moved as little as can be until neighbours are ``gap`` apart and all lie within 0 … 1.

    Those that would overlap form a row around the mean of their places; rows that meet become one.
    """
    rows = []  # (sum of the places at which each row would begin, how many)
    for place in places:
        start, count = place, 1
        while rows and rows[-1][0] / rows[-1][1] + rows[-1][1] * gap > start / count:
            before, many = rows.pop()
            start, count = before + start - count * many * gap, many + count
        rows.append((start, count))
    found = np.array([start / count + gap * n for start, count in rows for n in range(count)])
    low = gap * (np.arange(len(found)) + 0.5)
    return np.clip(found, low, 1 - low[::-1])


def undominated(costs, scores):
    """Which entries no other beats, bool (n,): none has a cost as low and a score as high, and one of them better."""
    costs, scores = np.asarray(costs, float), np.asarray(scores, float)
    no_worse = (costs <= costs[:, None]) & (scores >= scores[:, None])
    better = (costs < costs[:, None]) | (scores > scores[:, None])
    return ~(no_worse & better).any(axis=1)


@dataclass
class Network:
    """Nodes joined by pipes, as on a board.

    ``nodes`` maps a name to its place (x, y), y upwards; ``pipes`` is a sequence of (from, to, text); those whose
    (from, to) is in ``full`` are dashed and red; the nodes named in ``side`` are filled.
    """

    nodes: dict
    pipes: tuple
    title: str = ""
    full: tuple = ()
    side: tuple = ()

    def draw(self, axes):
        for start, end, text in self.pipes:
            places = np.array([self.nodes[start], self.nodes[end]], float)
            full = (start, end) in self.full
            colour, line = (ANSWER, "--") if full else (INK, "-")
            axes.annotate("", places[1], places[0], arrowprops={
                "arrowstyle": "-|>", "color": colour, "linestyle": line, "linewidth": 2.2 if full else 1.2,
                "shrinkA": 12, "shrinkB": 12,
            })  # fmt: skip
            axes.text(*(0.55 * places[0] + 0.45 * places[1]), text, color=colour, fontsize=11, ha="center", va="center",
                      bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1})  # fmt: skip
        for name, (x, y) in self.nodes.items():
            fill_colour = PALETTE[0] if name in self.side else PAPER
            axes.text(x, y, name, fontsize=12, color=INK, ha="center", va="center",
                      bbox={"boxstyle": "circle,pad=0.35", "facecolor": fill_colour, "edgecolor": INK})  # fmt: skip
        (left, bottom), (right, top) = (
            reach(list(self.nodes.values()), axis=0) for reach in (np.min, np.max)
        )
        axes.set(xlim=(left - 0.5, right + 0.5), ylim=(bottom - 0.35, top + 0.35))
        axes.set_axis_off()


# -------------------------------------------------------------------------------------- pictures of labels


def overlay(image, labels, alpha=0.4):
    """Tint each region of a label map over an image and draw its outline.

    Parameters
    ----------
    image : (H, W) or (H, W, 3) array, values in [0, 1]
    labels : (H, W) int or bool array, 0 stays untouched
    alpha : float in [0, 1], strength of the tint; 0 draws outlines alone

    Returns
    -------
    (H, W, 3) float array in [0, 1]
    """
    image, labels = np.asarray(image, float), np.asarray(labels)
    if labels.shape != image.shape[:2]:
        raise ValueError(
            f"labels have shape {labels.shape}, but the image is {image.shape[:2]}: they must match"
        )
    rgb = np.stack([image] * 3, -1) if image.ndim == 2 else image[..., :3].copy()
    rgb = np.clip(rgb, 0, 1)
    colours = _rgb(PALETTE)[(labels.astype(np.int64) - 1) % len(PALETTE)]
    inside = labels != 0
    rgb[inside] = (1 - alpha) * rgb[inside] + alpha * colours[inside]
    edge = outline(labels, thickness=1 + max(labels.shape) // 350)
    rgb[edge] = colours[edge]
    return rgb


def outline(labels, thickness=1):
    """Pixels (bool (H, W)) of every region within ``thickness`` px of another label, the image border not counted."""
    labels = np.asarray(labels).astype(np.int64)
    edge = np.zeros(labels.shape, bool)
    for d in range(1, thickness + 1):
        vertical, horizontal = labels[d:] != labels[:-d], labels[:, d:] != labels[:, :-d]
        edge[d:] |= vertical
        edge[:-d] |= vertical
        edge[:, d:] |= horizontal
        edge[:, :-d] |= horizontal
    return edge & (labels != 0)


def errors(target, prediction):
    """Picture (H, W, 3) of what a mask got right and wrong: hits, missed pixels and false alarms (see `ERRORS`).

    Missed pixels are hatched and false alarms dotted, so that the three differ without colour.
    """
    target, prediction = np.asarray(target, bool), np.asarray(prediction, bool)
    if target.shape != prediction.shape:
        raise ValueError(
            f"target {target.shape} and prediction {prediction.shape} differ in shape: crop or resize first"
        )
    y, x = np.indices(target.shape)
    step = max(2, max(target.shape) // 60)
    picture = np.full((*target.shape, 3), 0.15)
    hit, missed, alarm = _rgb(ERRORS.values())
    picture[target & prediction] = hit
    picture[target & ~prediction] = missed
    picture[target & ~prediction & ((x + y) % (2 * step) < max(1, step // 2))] = 1
    picture[~target & prediction] = alarm
    dots = ((x % (2 * step)) < max(1, step // 2)) & ((y % (2 * step)) < max(1, step // 2))
    picture[~target & prediction & dots] = 1
    return picture


# ------------------------------------------------------------------------------------------------ tables


def table(columns, rows, *, caption, best=None, lower_is_better=()):
    """An HTML table that people, screen readers and print can read.

    Parameters
    ----------
    columns : sequence of str
    rows : sequence of sequences; floats are written with three decimals, None as "–"
    caption : str, the answer the table gives
    best : columns (names) whose best value is set bold and starred; ``lower_is_better`` names those where less is more
    """
    columns, rows = list(columns), [list(r) for r in rows]
    winners = {c: _best([r[columns.index(c)] for r in rows], c in lower_is_better) for c in (best or ())}
    head = "".join(f'<th scope="col" {_CELL}>{escape(str(c))}</th>' for c in columns)
    body = "".join(f"<tr>{_row(columns, row, winners)}</tr>" for row in rows)
    html = (
        f'<table style="font-size:105%;border-collapse:collapse"><caption style="text-align:left;padding:0.4em 0">'
        f"{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )
    return Table(html, _plain(columns, rows, caption))


class Table:
    """A finished table: ``html`` for people, ``text`` for machines."""

    def __init__(self, html, text):
        self.html, self.text = html, text

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/html": self.html, "text/plain": self.text}

    def __repr__(self):
        return self.text


_CELL = 'style="text-align:left;padding:0.3em 0.8em"'


def _row(columns, values, winners):
    """The cells of one table row; the first one names the row."""
    cells = []
    for i, (column, value) in enumerate(zip(columns, values, strict=True)):
        text = escape(_text(value))
        if (
            column in winners and value is not None and text == escape(_text(winners[column]))
        ):  # as it is read
            text = f"<b>{text} ★</b>"
        cells.append(f'<th scope="row" {_CELL}>{text}</th>' if i == 0 else f"<td {_CELL}>{text}</td>")
    return "".join(cells)


def _text(value):
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "–"
    return f"{value:.3f}" if isinstance(value, float | np.floating) else str(value)


def _best(values, lower):
    numbers = [v for v in values if v is not None and not (isinstance(v, float) and np.isnan(v))]
    return (min if lower else max)(numbers) if numbers else None


def _plain(columns, rows, caption):
    lines = [[str(c) for c in columns], *[[_text(v) for v in r] for r in rows]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    return "\n".join(
        [caption, *("  ".join(t.ljust(w) for t, w in zip(line, widths, strict=True)) for line in lines)]
    )


# ----------------------------------------------------------------------------------------------- helpers


def encode(rgb, quality=70):
    """WebP bytes of a (H, W[, 3]) array, uint8 or float in [0, 1], scaled down to at most 900 px in width."""
    from PIL import Image

    array = np.asarray(rgb)
    if array.dtype != np.uint8:
        array = (np.clip(np.asarray(array, float), 0, 1) * 255 + 0.5).astype(np.uint8)
    image = Image.fromarray(array).convert("RGB")
    if image.width > WIDTH:
        image = image.resize((WIDTH, round(image.height * WIDTH / image.width)), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=quality, method=6)
    return buffer.getvalue(), image.size


def _render(canvas, *, alt, caption):
    canvas.canvas.draw()
    webp, size = encode(np.asarray(canvas.canvas.buffer_rgba())[..., :3])
    return Figure(webp, size, alt=alt, caption=caption)


def _alt(alt):
    if len(alt) < _MIN_ALT:
        raise ValueError(
            f"The alt text has {len(alt)} characters; say in at least {_MIN_ALT} what is to be seen, "
            "with the answer in it."
        )
    return alt


def _row_height(panels, titles, width):
    """Inches that the tallest picture of a row needs at this width with its title and legend; plots want 2.6."""
    heights = []
    for panel, title in zip(panels, titles, strict=True):
        shape = np.shape(getattr(panel, "image", getattr(panel, "array", None)))
        picture = width * shape[0] / shape[1] if shape else 2.4
        legend = isinstance(panel, Errors) or bool(getattr(panel, "lines", None))
        heights.append(picture + 0.2 + 0.26 * (1 + title.count("\n")) + 0.42 * legend)
    return float(np.clip(max(heights), 1.2, 4.2))


def _range(image):
    if image.dtype == bool or image.ndim == 3:
        return 0, 1
    low, high = float(np.nanmin(image)), float(np.nanmax(image))
    return (0, 1) if low >= 0 and high <= 1 else (low, high)


def _unit(image):
    low, high = _range(image)
    return (np.asarray(image, float) - low) / (high - low or 1)


def _interpolation(image):
    return "nearest" if max(image.shape[:2]) <= 64 else "auto"


def _rgb(colours):
    return np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in colours])


def _draw_lines(axes, lines):
    """Lines with a dark rim, told apart by colour and dashes, and their names under the picture."""
    for i, (name, points) in enumerate(lines.items()):
        y, x = np.asarray(points, float).T
        axes.plot(x, y, color=INK, linewidth=3.2, alpha=0.7)
        axes.plot(x, y, color=PALETTE[i % len(PALETTE)], linestyle=LINES[i % 4], linewidth=1.8, label=name)
    if lines:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=len(lines), fontsize=9, frameon=False,
                    handlelength=1.6, columnspacing=0.8, handletextpad=0.4)  # fmt: skip


def _name_powers(axis):
    """Write the powers of ten out along a logarithmic axis, with 2 and 5 between them where it is short."""
    from matplotlib.ticker import LogLocator, NullFormatter

    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def _thin_frame(axes):
    """No ticks; a hair line, so that a white picture has an edge on white paper."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(color="#999999", linewidth=0.5)


def _frame(x, y):
    from matplotlib.patches import Rectangle

    return Rectangle((x - 0.47, y - 0.47), 0.94, 0.94, fill=False, edgecolor=ANSWER, linewidth=3)
