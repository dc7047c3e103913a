"""The widget under every explorer: a picture with layers, a plot with a line to drag, scores and buttons.

Python decides what is shown, the page (``canvas.js``) shows it and reports what the reader does. Everything that
is shown is a trait, so a page that is reloaded while the kernel lives finds the explorer as it was left.

*Positions* are (row, column) in pixels of the image; whole numbers are the centres of pixels.
*Events* are dicts with a ``kind``:

========================================= ==================================================================
``value``: ``value``                      the line in the plot was moved; `Canvas.value` already holds it
``click``, ``stroke``, ``polyline``:      something was drawn; `Canvas.marks` already holds it
``points``, ``brush``, ``closed``
``undo``                                  the last mark was taken back
``drag``: ``gesture``, ``from``, ``to``   the picture is being dragged; a gesture keeps its number and ``from``
``action``: ``name``                      a button, or its key, was pressed
``slider``: ``name``, ``value``           a slider was moved; `Canvas.sliders` already holds the value
``tick``                                  `Canvas.playing` is true, and the answer to the last event was seen
========================================= ==================================================================

The page sends an event only when the one before it was answered, and of values, drags and each slider only the
newest: a slow answer makes the picture jump, it never makes it lag. What takes long is done in pieces, one a tick,
so that the reader sees it grow and can stop it.
"""

import io
from html import escape
from pathlib import Path

import anywidget
import numpy as np
import traitlets as t
from PIL import Image, ImageDraw

from course_utils import cards, plotting

#: Steps (rows, columns) of the buttons that `arrows` makes.
ARROWS = {"left": (0, -1), "up": (-1, 0), "down": (1, 0), "right": (0, 1)}

_HERE = Path(__file__).parent
_SMALL = 512  # pixels: outlines of smaller images are drawn on enlarged pixels, so that they stay thin lines
_SHADE = 0x78000000  # half-clear black, as alpha, blue, green, red
_HEATS = 15  # colours of a map of numbers: with the clear one, four bit planes
_KEYS = {
    "plot": "On the plot: ← and → move the line, Page Up and Page Down move it ten steps, Home and End to its ends.",
    "click": "On the picture: arrow keys move the cross (Shift: ten pixels), Enter clicks, Backspace takes back.",
    "stroke": "On the picture: arrow keys move the cross (Shift: ten pixels), Enter puts the brush down and "
    "lifts it, Backspace takes back.",
    "polyline": "On the picture: arrow keys move the cross (Shift: ten pixels), Enter sets a corner, and ends the "
    "line on its first or last corner; Escape drops the line, Backspace takes back.",
    "layers": "Digits switch the layers, + and − change their opacity.",
}


class Canvas(anywidget.AnyWidget):
    """A picture to look at and to draw on, with layers over it and a plot beside it.

    Parameters
    ----------
    image : (H, W) or (H, W, 3) array in [0, 1], bool or uint8
    label : str
        The accessible name: what the picture shows.
    tool : str
        What the pointer does on the picture: "none", "click", "stroke" (freehand), "polyline" or "drag".
    brushes : sequence of str
        Names of what is drawn with, numbered 1, 2, … in events and marks.
    respond : callable, optional
        Called with each event; whatever it changes arrives in the page before the next event leaves.
    **traits
        Further traits: ``layers`` (see `layer`), ``hint``, ``status``, ``plot``, ``panel`` (HTML), ``actions``,
        ``sliders`` (see `slider`), ``playing``.
    """

    _esm = _HERE / "canvas.js"
    _css = _HERE / "canvas.css"

    label = t.Unicode().tag(sync=True)
    hint = t.Unicode(help="one line: what to try, what to notice").tag(sync=True)
    keyboard = t.Unicode(help="what the keyboard does").tag(sync=True)
    status = t.Unicode(help="one line that is read aloud when it changes").tag(sync=True)
    strip = t.Unicode(help="id of the strip of frames that the page hides while the canvas lives").tag(
        sync=True
    )

    image = t.Bytes(help="the encoded picture").tag(sync=True)
    size = t.List(t.Int(), help="height and width in pixels").tag(sync=True)
    layers = t.List(t.Dict(), help="what `layer` makes, drawn in this order").tag(sync=True)
    hidden = t.List(t.Unicode(), help="names of the layers that are switched off").tag(sync=True)
    opacity = t.Float(0.35, min=0, max=1).tag(sync=True)

    plot = t.Dict(help="what `histogram_plot` makes, or empty").tag(sync=True)
    value = t.Float(help="where the line stands in the plot").tag(sync=True)
    panel = t.Unicode(help="HTML beside the picture").tag(sync=True)
    actions = t.List(t.Dict(), help="what `action` makes").tag(sync=True)
    sliders = t.List(t.Dict(), help="what `slider` makes").tag(sync=True)
    playing = t.Bool(help="whether the page asks for tick after tick").tag(sync=True)

    tool = t.Enum(["none", "click", "stroke", "polyline", "drag"], "none").tag(sync=True)
    colours = t.List(t.Unicode(), list(plotting.PALETTE), help="of the brushes").tag(sync=True)
    brush = t.Int(1, help="number of the brush in use").tag(sync=True)
    marks = t.List(t.Dict(), help="what was drawn: dicts kind, points, brush, closed").tag(sync=True)

    def __init__(self, image, *, label, tool="none", brushes=(), respond=None, **traits):
        buttons = [
            action(name, name, colour=plotting.PALETTE[i], pressed=False) | {"brush": i + 1}
            for i, name in enumerate(brushes)
        ]
        traits["actions"] = [*buttons, *traits.get("actions", ())]
        super().__init__(image=png(image), size=list(np.shape(image)[:2]), label=label, tool=tool, **traits)
        self._respond = respond
        self.on_msg(self._receive)

    @property
    def clicks(self):
        """Pixels that were clicked, as a list of (row, column, brush), all int."""
        return [(*_pixels(m)[0].tolist(), m["brush"]) for m in self.marks if m["kind"] == "click"]

    @property
    def strokes(self):
        """Freehand strokes, as a list of (pixels, brush); pixels is an int array (n, 2) of rows and columns."""
        return [(_pixels(m), m["brush"]) for m in self.marks if m["kind"] == "stroke"]

    @property
    def polylines(self):
        """Drawn lines, as a list of (corners, closed); corners is a float array (n, 2) of rows and columns."""
        return [(np.array(m["points"], float), m["closed"]) for m in self.marks if m["kind"] == "polyline"]

    def seeds(self, width=1):
        """Everything drawn as int32 labels (H, W): the brush's number under clicks and strokes, 0 elsewhere.

        ``width`` is that of a stroke in pixels; a later mark covers an earlier one.
        """
        canvas = Image.new("I", (self.size[1], self.size[0]))
        draw, reach = ImageDraw.Draw(canvas), (width - 1) / 2
        for mark in self.marks:
            points = [(x, y) for y, x in _pixels(mark).tolist()]
            draw.point(points, mark["brush"])
            draw.line(points, mark["brush"], width)
            for x, y in points if reach else ():  # round ends and corners
                draw.ellipse((x - reach, y - reach, x + reach, y + reach), mark["brush"])
        return np.array(canvas, dtype=np.int32)

    def _receive(self, _widget, event, _buffers):
        """Take an event of the page, let the explorer respond, and then answer: the page waits for that."""
        try:
            with self.hold_sync():  # all that changes travels together
                self._take(event)
                if self._respond:
                    self._respond(event)
        finally:
            self.send({"answered": event["id"]})

    def _take(self, event):
        if event["kind"] == "value":
            self.value = event["value"]
        elif event["kind"] in ("click", "stroke", "polyline"):
            mark = {name: event[name] for name in ("kind", "points", "brush")}
            self.marks = [*self.marks, mark | {"closed": event.get("closed", False)}]
        elif event["kind"] == "undo":
            self.marks = self.marks[:-1]
        elif event["kind"] == "slider":
            moved = {"value": event["value"]}
            self.sliders = [s | moved if s["name"] == event["name"] else s for s in self.sliders]

    @t.observe("plot", "tool", "layers", "actions")
    def _describe_keyboard(self, _change):
        cross = not any(
            a["key"].startswith("Arrow") for a in self.actions
        )  # else the arrows do something else
        used = {"plot": self.plot, self.tool: cross, "layers": self.layers}
        texts = [text for name, text in _KEYS.items() if used.get(name)]
        keyed = [f"{_key_name(a['key'])}: {a['hint'] or a['label']}." for a in self.actions if a["key"]]
        self.keyboard = " ".join([*texts, *keyed])


class Explorer:
    """A `Canvas`, what it does when the reader acts (`respond`), and what stays without a kernel (`strip`)."""

    canvas: Canvas

    def respond(self, event):
        """Answer an event of the page by changing the canvas."""
        raise NotImplementedError

    def strip(self):
        """The still frames that tell the same story, as a `plotting.Figure`."""
        raise NotImplementedError

    def _ipython_display_(self):
        """Show the canvas, and under it the strip, which the living canvas hides.

        The strip is an output of its own because JupyterLab, in a notebook that it trusts, shows an error in the
        place of a widget whose kernel has gone, whatever else the widget's own output holds.
        """
        from IPython.display import display

        figure = self.strip()
        self.canvas.strip = f"strip-{self.canvas.model_id}"
        views, _ = self.canvas._repr_mimebundle_()
        note = "Run this cell to explore the picture yourself; the frames below show what there is to find."
        display(views | {"text/html": f"<p>{note}</p>", "text/plain": note}, raw=True)
        frames = f'<div class="course-strip" id="{self.canvas.strip}">{plotting.figure_html(figure)}</div>'
        display({"text/html": frames + cards.HIDE_DEAD_WIDGET, "text/plain": figure.alt}, raw=True)


class Moments(Explorer):
    """An explorer of what happened moment by moment: the line in the plot stands at one, to be dragged or played.

    ``count`` (int) is how many moments there are, `place` the one that is shown, from 0; ``_show`` shows it.
    """

    count: int

    @property
    def place(self):
        """Number of the moment that is shown (int, settable; outside of the range, the nearest end)."""
        return round(self.canvas.value)

    @place.setter
    def place(self, place):
        self.canvas.value = float(np.clip(place, 0, self.count - 1))
        self._show()

    def respond(self, event):
        """Play on at a tick, start or stop by the button, stop where the line is moved; then show."""
        last = self.count - 1
        if event["kind"] == "tick":
            self.canvas.value = float(min(self.place + 1, last))
            self.canvas.playing = self.place < last
        elif event["kind"] == "action":
            self.canvas.playing = not self.canvas.playing
            if self.canvas.playing and self.place == last:
                self.canvas.value = 0.0
        elif event["kind"] == "value":
            self.canvas.playing = False
        self._show()

    def _play_button(self, hint):
        return [action("play", "Play", key="p", hint=hint, pressed=self.canvas.playing)]


def png(image):
    """PNG bytes of a picture (H, W) or (H, W, 3), bool, uint8 or float in [0, 1]; quick rather than small."""
    image = np.asarray(image)
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3) or 0 in image.shape:
        raise ValueError(f"image has shape {image.shape}; expected (height, width) or (height, width, 3).")
    if image.dtype != np.uint8:
        image = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def layer(name, labels, colours, *, style="solid", tint=True):
    """A mask or label map (H, W) as a layer of a `Canvas`: a tint that fades, and outlines that stay.

    Parameters
    ----------
    name : str, as it stands on the layer's button
    labels : bool or int array (H, W), nothing where 0
    colours : a colour ``"#rrggbb"``, or a sequence that labels 1, 2, … take in turn
    style : "solid" or "dashed", of the outline, so that two layers differ without their colours
    tint : bool, whether there is a tint
    """
    labels, colours = np.asarray(labels), [colours] if isinstance(colours, str) else list(colours)
    number = labels if labels.dtype == bool else np.where(labels != 0, (labels - 1) % len(colours) + 1, 0)
    number = number.astype(np.uint8)
    palette = [
        0,
        *(0xFF000000 | int(c[5:7] + c[3:5] + c[1:3], 16) for c in colours),
    ]  # alpha, blue, green, red
    enlarge = -(-_SMALL // max(labels.shape)) if max(labels.shape) < _SMALL // 2 else 1
    line = _outline(labels, number, enlarge, len(palette), style)
    return {
        "name": name,
        "colour": colours[0],
        "style": style,
        "fill": _raster(number, palette) if tint else None,
        "line": _raster(line, [*palette, _SHADE]),
    }


def heat(name, values, low=None, high=None, *, clear=False, colormap="viridis"):
    """A map of numbers (H, W) as a layer of a `Canvas`: fifteen colours from ``low`` to ``high``, no outlines.

    By default from the least to the largest value. With ``clear``, values up to ``low`` stay clear; NaN always does.
    """
    import matplotlib

    values = np.asarray(values, float)
    low, high = (bound if given is None else given for given, bound in
                 ((low, np.nanmin(values)), (high, np.nanmax(values))))  # fmt: skip
    part = (values - low) / ((high - low) or 1)
    step = np.where(
        np.isnan(part) | (clear & (part <= 0)), 0, np.nan_to_num(part * _HEATS).clip(0, _HEATS - 1) + 1
    )
    colours = matplotlib.colormaps[colormap].resampled(_HEATS)(range(_HEATS), bytes=True)[:, :3].tolist()
    return {
        "name": name,
        "colour": "#{:02x}{:02x}{:02x}".format(*colours[-4]),
        "style": "fill",
        "fill": _raster(
            step.astype(np.uint8), [0, *(0xFF000000 | b << 16 | g << 8 | r for r, g, b in colours)]
        ),
        "line": _raster(np.zeros((1, 1), np.uint8), [0, 0]),
    }


def check_match(target, image):
    """ValueError unless the target, if there is one, has the height and width of the image."""
    if target is not None and target.shape != image.shape[:2]:
        raise ValueError(f"target has shape {target.shape} and image {image.shape}: they must match.")


def check_brushes(names):
    """ValueError unless there are two names or more, and a colour for each."""
    if not 2 <= len(names) <= len(plotting.PALETTE):
        raise ValueError(
            f"there must be 2 to {len(plotting.PALETTE)} classes, each with a name, not {len(names)}"
        )


def object_mask(target):
    """A target (H, W), not zero on the object, as a bool array; ValueError unless it has object and background."""
    mask = np.asarray(target) != 0
    if mask.ndim != 2 or not mask.any() or mask.all():
        raise ValueError(f"target {mask.shape} must be a mask (height, width) with object and background.")
    return mask


def displayed(image):
    """What is shown of an image (H, W[, C]) of any number of channels: grey, RGB, or the first channel."""
    return image if image.ndim == 2 or image.shape[2] == 3 else image[..., 0]


def truth(target, colours=plotting.TRUTH):
    """The truth (a label map or None) as dashed outlines: a list of one layer, or of none."""
    return [] if target is None else [layer("truth", target, colours, style="dashed", tint=False)]


def strokes(painted):
    """What was painted, pairs (points (row, column), brush), as `Canvas.marks`."""
    return [
        {"kind": "stroke", "points": np.asarray(points, float).tolist(), "brush": brush, "closed": False}
        for points, brush in painted
    ]


def action(name, label, *, key="", hint="", pressed=None, colour=None):
    """A button of a `Canvas`; ``pressed`` (bool) makes it a switch, ``key`` is as in JavaScript's KeyboardEvent."""
    switch = {} if pressed is None else {"pressed": bool(pressed)}
    swatch = {} if colour is None else {"colour": colour, "style": "fill"}
    return {"name": name, "label": label, "key": key, "hint": hint} | switch | swatch


def arrows(hint):
    """Four buttons named as in `ARROWS`, for the arrow keys; ``hint`` has ``{}`` where the direction stands."""
    signs = {"left": "←", "up": "↑", "down": "↓", "right": "→"}
    return [
        action(name, sign, key=f"Arrow{name.capitalize()}", hint=hint.format(name))
        for name, sign in signs.items()
    ]


def slider(name, label, value, low, high, step):
    """A slider of a `Canvas` over the numbers low, low + step, … high."""
    return {"name": name, "label": label, "value": value, "min": low, "max": high, "step": step}


def meters(scores, before=None):
    """HTML of one bar a score, for `Canvas.panel`.

    ``scores`` maps names to values in [0, 1]; ``before`` to those before the last change, shown as a tick on the
    bar and as the difference beside the value.
    """
    rows = []
    for name, value in scores.items():
        old = (before or {}).get(name, value)
        change = f"{value - old:+.3f}" if f"{value - old:+.3f}" not in ("+0.000", "-0.000") else ""
        tick = f'<i style="left:{100 * old:.1f}%"></i>' if change else ""
        rows.append(
            f'<span>{escape(name)}</span><div class="meter" role="meter" aria-label="{escape(name, quote=True)}" '
            f'aria-valuemin="0" aria-valuemax="1" aria-valuenow="{value:.3f}">'
            f'<div style="width:{100 * value:.1f}%"></div>{tick}</div><b>{value:.3f}</b>'
            f"<small>{change.replace('-', '−')}</small>"
        )
    return f'<div class="meters">{"".join(rows)}</div>'


def number_grid(values, title="", *, scale=None, cell=34):
    """SVG of a small matrix (H, W) as on paper: a number in each cell, on a grey from black (low) to white (high).

    ``scale`` is (low, high); by default the range of the values with 0 in it. ``cell`` is the side of a cell in px.
    """
    values = np.asarray(values, float)
    low, high = scale or (min(values.min(), 0), max(values.max(), 0))
    tones = np.rint(255 * (values - low).clip(0, high - low) / ((high - low) or 1)).astype(int)
    (rows, columns), top = values.shape, 20 * bool(title)
    width, height = max(columns * cell, 8 * len(title)) + 2, rows * cell + top + 2
    parts = [
        f'<svg viewBox="-1 -1 {width} {height}" width="{width}" style="max-width:100%" role="img" aria-label="'
        f'{escape(title, quote=True)}: {escape(grid_words(values))}"><g text-anchor="middle" font-size="14">',
        f'<text y="13" text-anchor="start" fill="currentColor">{escape(title)}</text>',
    ]
    for (row, column), value in np.ndenumerate(values):
        x, y, tone = column * cell, row * cell + top, tones[row, column]
        text = short(value)
        squeeze = (
            f' textLength="{cell - 4}" lengthAdjust="spacingAndGlyphs"' if 8 * len(text) > cell - 4 else ""
        )
        parts.append(
            f'<rect x="{x}" y="{y}" width="{cell}" height="{cell}" fill="rgb({tone},{tone},{tone})" stroke="#888"/>'
            f'<text x="{x + cell / 2}" y="{y + cell / 2 + 5}" fill="{"#fff" if tone < 128 else "#000"}"{squeeze}>'
            f"{text}</text>"
        )
    return "".join([*parts, "</g></svg>"])


def grid_words(values):
    """The rows of a matrix (H, W) in words, as they are read aloud."""
    return "; ".join(" ".join(short(value) for value in row) for row in np.asarray(values, float))


def short(value, digits=3):
    """A number for a cell or a sentence: few digits, no −0, and a sign that prints as long as +."""
    value = round(float(value), 3) + 0.0  # which makes 0 of −0
    text = f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:.0f}"
    return text.replace("-", "−")


def histogram_plot(counts, low, high, *, name, curve=(), curve_name="", marks=None, side=1):
    """A histogram with a line to drag, for `Canvas.plot`.

    Parameters
    ----------
    counts : (n,) array, pixels in n equal bins from ``low`` to ``high``; the line moves from bin edge to bin edge
    name : str, what the axis shows
    curve : (n - 1,) array, a criterion at the inner bin edges, 0 at the outer ones, or (n + 1,) array, at all of them,
        or empty; drawn below the histogram to its own height
    marks : dict, named places on the axis
    side : 1 or -1, whether the bins right or left of the line are the chosen ones
    """
    width, top, bottom, height = 400, 34, 226, 262
    base = 150 if len(curve) else bottom
    ceiling = base + 24
    xs = np.linspace(0, width, len(counts) + 1)
    tops = base - (base - top) * np.asarray(counts) / max(counts)
    steps = "".join(f"V{y:.1f}H{x:.1f}" for y, x in zip(tops, xs[1:], strict=True))
    bars = f'd="M0 {base}{steps}V{base}z"'
    at_edges = curve if len(curve) == len(counts) + 1 else [0, *curve, 0]
    rise = np.asarray(at_edges, float) / (max(curve, default=0) or 1)
    ys = (bottom - (bottom - ceiling) * rise).round(1).tolist() if len(curve) else []
    hill = "M" + "L".join(f"{x:.1f} {y}" for x, y in zip(xs, ys, strict=False))
    parts = [
        f'<svg viewBox="-16 0 {width + 32} {height}" aria-hidden="true">',
        f'<path class="bars" {bars}/><svg class="chosen" height="{height}"><path class="bars" {bars}/></svg>',
        f'<path class="axis" d="M0 {base}H{width}M0 {bottom}H{width}"/>',
    ]
    if ys:
        parts.append(
            f'<path class="hill" d="{hill}"/><text class="left" y="{ceiling - 6}">{escape(curve_name)}</text>'
        )
    for tick in _ticks(low, high):
        parts.append(f'<text x="{width * (tick - low) / (high - low):.1f}" y="{bottom + 15}">{tick:g}</text>')
    parts.append(f'<text x="{width / 2}" y="{bottom + 32}">{escape(name)}</text>')
    for i, (label, at) in enumerate((marks or {}).items()):
        x = width * (at - low) / (high - low)
        anchor = "right" if x > 0.7 * width else "left"
        shift = -5 if anchor == "right" else 5
        parts.append(
            f'<path class="mark" d="M{x:.1f} {top - 4}V{bottom}"/>'
            f'<text class="{anchor}" x="{x + shift:.1f}" y="{top + 6 + 14 * i}">{escape(label)}</text>'
        )
    parts.append(
        f'<g class="line"><path d="M0 {top - 10}V{bottom}"/><circle class="grip" cy="{top - 12}" r="7"/>'
        f'<circle class="dot" r="{5 if ys else 0}"/><text class="value" y="{top - 22}"></text></g></svg>'
    )
    return {
        "svg": "".join(parts),
        "name": name,
        "min": float(low),
        "max": float(high),
        "steps": len(counts),
        "width": width,
        "height": height,
        "curve": ys,
        "side": side,
    }


def _ticks(low, high):
    """Round numbers on an axis, at most six."""
    rough = (high - low) / 5
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(power * n for n in (1, 2, 5, 10) if power * n >= rough)
    return np.round(np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step, 12) + 0.0  # no −0


def _outline(labels, number, enlarge, shade, style):
    """Palette numbers of the outlines: inner pixels in their colour, outer ones (and the gaps of dashes) in shade."""
    if enlarge > 1:
        labels, number = (np.repeat(np.repeat(a, enlarge, 0), enlarge, 1) for a in (labels, number))
    thickness = max(1, round(max(labels.shape) / 400)) + (style == "dashed")
    edge = np.zeros(labels.shape, bool)
    for d in range(1, thickness + 1):
        down, right = labels[d:] != labels[:-d], labels[:, d:] != labels[:, :-d]
        edge[d:] |= down
        edge[:-d] |= down
        edge[:, d:] |= right
        edge[:, :-d] |= right
    line = np.where(number > 0, number, np.uint8(shade))
    if style == "dashed":
        rows, columns = np.ogrid[: labels.shape[0], : labels.shape[1]]
        line[(rows + columns) // (6 * thickness) % 2 == 1] = shade
    return np.where(edge, line, np.uint8(0))


def _raster(number, palette):
    """Palette numbers (H, W) as bit planes, lowest first, eight pixels a byte.

    The page paints them at once; an encoded picture, a fifth as long, is decoded when the browser finds time, and that
    is what a reader who drags would wait for.
    """
    planes = [np.packbits(number & (1 << bit)) for bit in range((len(palette) - 1).bit_length())]
    return {"size": list(number.shape), "palette": palette, "planes": np.concatenate(planes).tobytes()}


def _key_name(key):
    return key.upper() if len(key) == 1 else key.replace("Arrow", "Arrow ")


def _pixels(mark):
    return np.rint(mark["points"]).astype(int)
