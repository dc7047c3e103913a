"""Click an output pixel and see which input pixels it can see, and which it does see. Lessons 08 and 11."""

import base64
import copy

import numpy as np
import torch
from torch import nn

from course_utils import plotting
from course_utils.explorers.canvas import (
    Canvas,
    Explorer,
    action,
    displayed,
    heat,
    histogram_plot,
    png,
    slider,
)
from course_utils.models import receptive

SHARE = 0.95  # of the influence, for the effective side
_COLOURS = [
    plotting.ANSWER,
    plotting.TRUTH,
    plotting.PALETTE[3],
]  # of the square, the field, the output pixel
_HINT = (
    "Try: raise the depth layer by layer. Click elsewhere, also near the border. Drag the line in the plot.\n"
    "Notice: the dashed field grows by a fixed rule, and nearly all of the influence stays in a smaller square around "
    "its middle."
)
_DILATED_HINT = (
    "Try: give all layers dilation 2, then 4; look at the pictures on the right. Set one of them to 1.\n"
    "Notice: the field grows with the same number of weights. Without a plain layer it has holes; with one, only where "
    "a dilation is larger than the field of all smaller ones."
)
LARGEST = 9  # dilation on a slider


class ReceptiveFieldExplorer(Explorer):
    """What an output pixel of a network can see (outline) and how strongly it reacts (tint), layer by layer.

    Parameters
    ----------
    model : torch.nn.Module, optional
        A ``nn.Sequential``, whose layers or blocks are the depths; or a network with ``encoder`` and ``decoder``, whose
        features and logits are; any other has one depth. By default ten 3 × 3 convolutions with ReLU and a pooling,
        with random weights. Its own state stays as it is.
    dilations : sequence of int, optional
        In place of a model: 3 × 3 convolutions with ReLU of these dilations, with random weights, and a slider for
        each dilation.
    images : (B, H, W) or (B, H, W, C) array in [0, 1], optional
        Gradients are averaged over them, and the first is shown. By default four images of noise, 64 × 64.
    depth : int, optional
        At first, 1 … ; by default the last.
    pixel : (int, int), optional
        Row and column of the first output pixel; by default the middle one. The strip of frames asks the same,
        but for ``dilations``, whose frames ask the middle one.
    name : str
        What the network is, for readers who do not see it.
    hint : str, optional
        What to try and what to notice, instead of the explorer's own line.

    Attributes
    ----------
    depth : int, settable
    dilations : tuple of int, settable, of the layers; None where a model was given
    pixel : (int, int), settable, of the output at this depth
    influence : (H, W) float array
    reach : (H, W) bool array, what the pixel can see, its holes left out
    centre : (float, float), row and column of the middle of what the pixel sees, which may lie between pixels
    box : (first row, last row, first column, last column), int, what the pixel can see inside the image
    theory : (rows, columns), int, what it could see in an image without end; where that varies from pixel to pixel and
        the border cuts it off, what the middle pixel of a larger image sees
    effective : int, side of the smallest square around the middle that holds 95 % of the influence
    side : int, settable, of the square that is drawn
    """

    def __init__(
        self, model=None, images=None, *, dilations=None, depth=None, pixel=None, name=None, hint=None
    ):
        if model is not None and dilations is not None:
            raise ValueError("Give a model, or the dilations of one that is made here, not both.")
        self._dilations = None if dilations is None else _checked(dilations)
        if dilations is not None:
            model, name = dilated_model(self._dilations), name or f"{len(self._dilations)} dilated layers"
            hint = _DILATED_HINT if hint is None else hint
        self.model = copy.deepcopy(default_model() if model is None else model).cpu().eval()
        pixels = _tensor(_noise(self.model) if images is None else images)
        self._images = pixels.requires_grad_()
        self._levels = receptive.levels(self.model, self._images)
        parts = list(self.model) if receptive.is_chain(self.model) else []
        self._chain = parts if len(parts) == len(self._levels) else []
        self._theories = {}
        depths = len(self._levels)
        shown = pixels.detach()[0].permute(1, 2, 0).numpy()
        self.canvas = Canvas(
            shown[..., 0] if shown.shape[2] != 3 else shown,
            label=f"Receptive field explorer: {name or 'ten convolutions'}",
            hint=_HINT if hint is None else hint,
            tool="click",
            opacity=0.6,
            colours=_COLOURS,
            respond=self.respond,
            sliders=[slider("depth", "depth, layers", depths if depth is None else int(depth), 1, depths, 1)]
            * (depths > 1)
            + [
                slider(f"dilation {n}", f"dilation of layer {n}", dilation, 1, LARGEST, 1)
                for n, dilation in enumerate(self._dilations or (), start=1)
            ],
            actions=[
                action("middle", "Middle", key="m", hint="Ask the output pixel in the middle"),
                action("square", f"{SHARE:.0%}", key="s", hint=f"The square that holds {SHARE:.0%} again"),
            ],
        )
        self._ask(self._middle() if pixel is None else pixel)
        self._start = None if pixel is None else self.centre

    @property
    def depth(self):
        return int(self._slid().get("depth", 1))

    @depth.setter
    def depth(self, depth):
        place = self.centre
        self._slide(depth=int(depth))
        self._ask(self._pixel_at(place))

    @property
    def dilations(self):
        return self._dilations

    @dilations.setter
    def dilations(self, dilations):
        if self._dilations is None or len(dilations) != len(self._dilations):
            raise ValueError(f"dilations must be as many as there are layers to dilate, not {dilations!r}.")
        dilations = _checked(dilations)
        self._slide(**{f"dilation {n}": dilation for n, dilation in enumerate(dilations, start=1)})
        self._dilate()

    def _slid(self):
        return {s["name"]: s["value"] for s in self.canvas.sliders}

    def _slide(self, **values):
        self.canvas.sliders = [s | {"value": values.get(s["name"], s["value"])} for s in self.canvas.sliders]

    def _dilate(self):
        """Dilate the layers as the sliders say, with the weights that they have, and ask the same place again."""
        place, slid = self.centre, self._slid()
        self._dilations = tuple(int(slid[f"dilation {n}"]) for n in range(1, len(self._dilations) + 1))
        for block, dilation in zip(self.model, self._dilations, strict=True):
            block[0].dilation = block[0].padding = (dilation, dilation)
        self._levels = receptive.levels(self.model, self._images)
        self._ask(self._pixel_at(place))

    @property
    def pixel(self):
        return self._pixel

    @pixel.setter
    def pixel(self, pixel):
        self._ask(pixel)

    @property
    def side(self):
        return round(self.canvas.value)

    @side.setter
    def side(self, side):
        self.canvas.value = float(side)
        self._show()

    def respond(self, event):
        if event["kind"] == "slider" and event["name"].startswith("dilation"):
            self._dilate()
        elif event["kind"] == "slider":
            self._ask(self._pixel_at(self.centre))
        elif event["kind"] == "click":
            self._ask(self._pixel_at(self.canvas.marks[-1]["points"][0]))
        elif event["kind"] == "action" and event["name"] == "middle":
            self._ask(self._middle())
        elif event["kind"] == "action":
            self.side = self.effective
        else:
            self._show()

    # ------------------------------------------------------------------------------------ one output pixel

    @property
    def _output(self):
        return self._levels[self.depth - 1][1]

    @property
    def _shape(self):
        return self._images.shape[-2:]

    def _middle(self):
        return tuple(length // 2 for length in self._output.shape[-2:])

    def _ask(self, pixel):
        """What one output pixel sees, and the square back at its 95 %."""
        row, column = (int(n) for n in pixel)
        height, width = self._output.shape[-2:]
        if not (0 <= row < height and 0 <= column < width):
            raise ValueError(f"pixel {(row, column)} lies outside of the output, {height} × {width}")
        self._pixel = row, column
        seen, self.reach, self.theory, self.centre = self._field(self.depth, self._pixel)
        self.influence, self.box = seen, _box(self.reach)
        self._shares = receptive.shares(seen, self.centre)
        self.effective = receptive.effective_side(seen, self.centre, SHARE)
        self.canvas.value = float(self.effective)
        self._show()

    def _field(self, depth, pixel):
        """(influence, reach, theory, centre) of an output pixel."""
        output = self._levels[depth - 1][1]
        seen = receptive.influence(output, self._images, pixel)
        reach = np.zeros(self._shape, bool)
        try:
            lines = [
                receptive.seen(self._chain[:depth] or self.model, output_pixel, length, axis)
                for axis, (output_pixel, length) in enumerate(zip(pixel, self._shape, strict=True))
            ]
            reach[np.ix_(*lines)] = True
        except TypeError:  # no chain of layers that are known by name
            reach = receptive.reachable(self.model, self._images.shape[1:], pixel, depth - 1)
        fields = self._fields(depth)
        if fields:
            return seen, reach, tuple(f.size for f in fields), _middles(fields, pixel)
        box = _box(reach)
        theory = None if _inside(box, self._shape) else self._uncut(depth)
        return seen, reach, theory or _sides(box), self._place(output, pixel)

    def _fields(self, depth):
        """The receptive fields (rows, columns) at a depth, None where no one size holds."""
        if not self._chain:
            return None
        try:
            return [receptive.receptive_field(self._chain[:depth], axis) for axis in (0, 1)]
        except (TypeError, ValueError):
            return None

    def _uncut(self, depth):
        """Rows and columns that the middle pixel of a larger image sees; None where it sees all of that, too."""
        if depth not in self._theories:
            self._theories[depth] = None
            for factor in (1, 2, 4):
                shape = tuple(factor * length for length in self._shape)
                middle = [factor * length // 2 for length in self._levels[depth - 1][1].shape[-2:]]
                field = receptive.reachable(self.model, (self._images.shape[1], *shape), middle, depth - 1)
                box = _box(field)
                if _inside(box, shape):
                    self._theories[depth] = _sides(box)
                    break
        return self._theories[depth]

    def _place(self, output, pixel):
        """The middle, in the image, of an output pixel that lies over a square of the image."""
        steps = [receptive.spacing(*pair) for pair in zip(self._shape, output.shape[-2:], strict=True)]
        return tuple((n + 0.5) * step - 0.5 for n, step in zip(pixel, steps, strict=True))

    def _pixel_at(self, place, depth=None):
        """The output pixel, at this depth or another, whose field has its middle nearest to a place in the image."""
        depth = depth or self.depth
        output, fields, found = self._levels[depth - 1][1], self._fields(depth), []
        for axis, length in enumerate(output.shape[-2:]):
            if fields:
                first, step = _middles(fields, (0, 0))[axis], fields[axis].stride
            else:
                first, step = (
                    self._place(output, (0, 0))[axis],
                    receptive.spacing(self._shape[axis], length),
                )
            found.append(int(np.clip(np.rint((place[axis] - first) / step), 0, length - 1)))
        return tuple(found)

    # ------------------------------------------------------------------------------------ showing

    def _show(self):
        with self.canvas.hold_sync():
            self.canvas.layers = [heat("influence", _tones(self.influence), 0, 1, clear=True)]
            self.canvas.marks = [
                _outline(self.box, 2),
                _outline(_around(self.centre, self.side), 1),
                {"kind": "click", "points": [list(self.centre)], "brush": 3, "closed": False},
            ]
            self.canvas.plot = self._plot()
            self.canvas.panel = self._beside() + self._numbers() + self._account()
            self.canvas.status = self._describe()

    def _plot(self):
        """The influence in square rings around the middle, from bar to bar one pixel farther out."""
        first = 1 + (int(2 * self.centre[0]) % 2)  # side of the innermost square
        last = min(len(self._shares) - 1, max(*self.theory, self.effective) + 2)
        sides = np.arange(first - 2, last + 1, 2)
        held = np.where(sides > 0, self._shares[sides.clip(0)], 0)
        rings = np.diff(held) if self._shares[-1] else np.ones(len(sides) - 1)
        marks = {f"{SHARE:.0%}": self.effective}
        if max(self.theory) <= sides[-1]:
            marks["can be seen"] = max(self.theory)
        return histogram_plot(
            rings, sides[0], sides[-1], name="side of the square, px; height: influence that it adds", marks=marks,
            side=-1,
        )  # fmt: skip

    def _beside(self):
        """What can be seen beside what is seen, cut out and enlarged, as pictures for the panel."""
        if not self.reach.any():
            return ""
        top, bottom, left, right = self.box
        part = np.s_[top : bottom + 1, left : right + 1]
        can, does = self.reach[part], _tones(self.influence)[part]
        told = f"can be seen: {_told(can)}"
        names = {told: _in_colour(can, _COLOURS[1]), "is seen: the gradient": _coloured(does)}
        pictures = "".join(
            f'<figure style="margin:0;flex:1 1 0;max-width:11em"><img alt="{name}" style="width:100%;'
            f'image-rendering:pixelated" src="data:image/png;base64,{base64.b64encode(png(shown)).decode()}">'
            f'<figcaption style="font-size:85%">{name}</figcaption></figure>'
            for name, shown in names.items()
        )
        return f'<div style="display:flex;gap:0.7em;margin-bottom:0.5em">{pictures}</div>'

    def _numbers(self):
        share = self._shares[min(self.side, len(self._shares) - 1)]
        rows, columns = self.theory
        cells = {
            _swatch(_COLOURS[1], "dashed") + "can be seen": f"{rows} × {columns} px",
            f"holds {SHARE:.0%} of the influence": f"{self.effective} × {self.effective} px",
            _swatch(_COLOURS[0]) + f"held by the square of {self.side} px": f"{share:.1%}",
        }
        body = "".join(
            f'<tr><th scope="row" style="text-align:left;font-weight:400">{name}</th><td><b>{text}</b></td></tr>'
            for name, text in cells.items()
        )
        return f'<table style="border-spacing:0.4em 0">{body}</table>'

    def _account(self):
        """The receptive field after each layer, as a table; nothing for a network that is no chain."""
        rows = []
        for depth, part in enumerate(self._chain, start=1):
            fields = self._fields(depth)
            if not fields:
                break
            name, (size, stride, _) = receptive.describe(part), fields[0]
            bold = ("<b>", "</b>") if depth == self.depth else ("", "")
            cells = (str(depth), name, str(size), str(stride))
            rows.append("<tr>" + "".join(f"<td>{bold[0]}{cell}{bold[1]}</td>" for cell in cells) + "</tr>")
        if not rows:
            return ""
        titles = ("", "layer", "size", "stride")
        head = "".join(f'<th scope="col" style="text-align:left">{name}</th>' for name in titles)
        return (
            f'<table style="font-size:85%;line-height:1.25;border-spacing:0.7em 0"><thead><tr>{head}</tr></thead>'
            f"<tbody>{''.join(rows)}</tbody></table>"
        )

    def _level_name(self, depth):
        return receptive.describe(self._chain[depth - 1]) if self._chain else self._levels[depth - 1][0]

    def _describe(self):
        rows, columns = self.theory
        where = f"Depth {self.depth} of {len(self._levels)}, {self._level_name(self.depth)}"
        if not self.effective:
            return f"{where}: no input pixel changes this output on these images."
        return (
            f"{where}: output row {self.pixel[0]}, column {self.pixel[1]} can see {rows} × {columns} pixels; "
            f"{SHARE:.0%} of the influence lies in {self.effective} × {self.effective}."
        )

    def strip(self):
        """The first pixel at some depths, and how the two sides grow; of dilated layers, `_strip_of_holes`.

        Where a first pixel was given, the picture stands before its frames, and it is marked in all of them.
        """
        if self._dilations:
            return self._strip_of_holes()
        depths = range(1, len(self._levels) + 1)
        known = {depth: self._known(depth) for depth in depths}
        chosen = sorted({depths[len(depths) // 3], depths[2 * len(depths) // 3 - 1], depths[-1]})
        frames, story, asked, who = [], [], {}, "the output pixel in the middle"
        if self._start is not None:
            chosen, who = (
                chosen[-2:],
                f"the output pixel over row {self._start[0]:g}, column {self._start[1]:g}",
            )
            asked = {"asked": _corners(*_around(self._start, 1))}
            shown = self._images.detach()[0].permute(1, 2, 0).numpy()
            frames.append(plotting.Picture(displayed(shown), "the picture", lines=asked))
        for depth in chosen:
            frame = _frame(depth, *known[depth], asked)
            frames.append(frame)
            story.append(frame.title)
        if len(depths) > 1:
            series = {
                "can be seen": np.array([known[depth][2] for depth in depths]),
                f"holds {SHARE:.0%}": np.array([known[depth][3] for depth in depths]),
            }
            sides = plotting.Curves(
                np.array(depths), series, "side of the field", "depth", "px", ylim=(0, None)
            )
            frames.append(sides)
        return plotting.figure(
            *frames,
            alt=f"{self.canvas.label}, {who}. {'; '.join(story)}.",
            caption=f"Bright: what {who} reacts to (roots of absolute gradients); dark: hardly or not at all. "
            f"{'; '.join(story)}.",
        )

    def _known(self, depth):
        """Of the asked pixel: what it sees, the box that it can see, that box's side, the effective one, its place."""
        if self._start is None:
            pixel = tuple(length // 2 for length in self._levels[depth - 1][1].shape[-2:])
        else:
            pixel = self._pixel_at(self._start, depth)
        seen, reach, theory, centre = self._field(depth, pixel)
        return seen, _box(reach), max(theory), receptive.effective_side(seen, centre, SHARE), centre

    def _strip_of_holes(self):
        """What can be seen and what is seen, with these dilations and with a plain layer in the place of the first."""
        frames, story = [], []
        for dilations in dict.fromkeys([self._dilations, (1, *self._dilations[1:])]):
            model, text = dilated_model(dilations), ", ".join(map(str, dilations))
            pixel = [length // 2 for length in self._shape]
            influence = receptive.influence(model(self._images), self._images, pixel)
            lines = [
                receptive.seen(model, n, length, axis)
                for axis, (n, length) in enumerate(zip(pixel, self._shape, strict=True))
            ]
            reach = np.zeros(self._shape, bool)
            reach[np.ix_(*lines)] = True
            top, bottom, left, right = _box(reach)
            part = np.s_[top : bottom + 1, left : right + 1]
            frames += [
                plotting.Picture(reach[part], f"{text}: can see"),
                plotting.Picture(_tones(influence)[part], "and does see", scale=(0, 1), colormap="viridis"),
            ]
            story.append(f"Dilations {text}: {_told(reach[part])}")
        return plotting.figure(
            *frames,
            columns=4,
            alt=f"{self.canvas.label}, the output pixel in the middle. {'. '.join(story)}.",
            caption=f"White: what the output pixel in the middle can see; bright: what it reacts to. "
            f"{'. '.join(story)}.",
        )


def _frame(depth, seen, box, theory, effective, centre, asked):
    """What a depth sees, with the square that it can see and the one that holds most of what it does see."""
    lines = {"can see": _corners(*box), f"{SHARE:.0%}": _corners(*_around(centre, effective))}
    if np.array_equal(*lines.values()):  # one line would hide the other
        lines = {f"can see, and {SHARE:.0%}": _corners(*box)}
    title = f"depth {depth}: can see {theory} px"
    if effective != theory:
        title += f", {SHARE:.0%} within {effective} px"
    return plotting.Picture(_tones(seen), title, scale=(0, 1), colormap="viridis", lines=asked | lines)


def _box(reach):
    """(first row, last row, first column, last column) of a mask, int; of an empty one 0, −1 twice."""
    lines = (np.flatnonzero(reach.any(axis=axis)) for axis in (1, 0))
    return tuple(int(end) for line in lines for end in (line[[0, -1]] if len(line) else (0, -1)))


def _told(reach):
    """How many pixels of a cut-out mask can be seen, and how many in it are holes."""
    holes = reach.size - np.count_nonzero(reach)
    return f"{np.count_nonzero(reach)} pixels" + f", {holes} holes between them" * bool(holes)


def _inside(box, shape):
    """Whether nothing is cut off at the border."""
    return box[0] > 0 and box[2] > 0 and box[1] < shape[0] - 1 and box[3] < shape[1] - 1


def _sides(box):
    return box[1] - box[0] + 1, box[3] - box[2] + 1


def _around(centre, side):
    """A square around a centre, as `ReceptiveFieldExplorer.box`."""
    (row, column), reach = centre, (side - 1) / 2
    return row - reach, row + reach, column - reach, column + reach


def _outline(box, brush):
    return {"kind": "polyline", "points": _corners(*box)[:-1].tolist(), "brush": brush, "closed": True}


def default_model(width=16):
    """Ten 3 × 3 convolutions with ReLU, a pooling in the middle, random weights (always the same)."""
    from course_utils.models.parts import convolution

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = [nn.Sequential(convolution(width if i else 1, width), nn.ReLU()) for i in range(10)]
    return nn.Sequential(*layers[:5], nn.MaxPool2d(2), *layers[5:])


def dilated_model(dilations, width=8):
    """3 × 3 convolutions of these dilations, each with ReLU, random weights (always the same)."""
    from course_utils.models.parts import convolution

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(
            *(
                nn.Sequential(convolution(width if i else 1, width, dilation=dilation), nn.ReLU())
                for i, dilation in enumerate(dilations)
            )
        )


def _checked(dilations):
    """Dilations as a tuple; ValueError unless they fit their sliders."""
    dilations = tuple(dilations)
    if not dilations or not all(dilation in range(1, LARGEST + 1) for dilation in dilations):
        raise ValueError(
            f"dilations must be whole numbers from 1 to {LARGEST}, one a layer, not {dilations!r}."
        )
    return tuple(map(int, dilations))


def _noise(model, count=4, side=64):
    """Images of noise with as many channels as the first convolution of a model takes."""
    first = next((part for part in model.modules() if isinstance(part, nn.Conv2d)), None)
    return np.random.default_rng(0).random((count, side, side, first.in_channels if first else 1))


def _tensor(images):
    """Float images (B, H, W[, C]) in [0, 1] as a float32 tensor (B, C, H, W)."""
    images = np.asarray(images, np.float32)
    images = images[..., None] if images.ndim == 3 else images
    if images.ndim != 4 or 0 in images.shape:
        raise ValueError(f"images have shape {images.shape}; expected (B, H, W) or (B, H, W, C)")
    if not (images.min() >= 0 and images.max() <= 1):
        raise ValueError("images must have finite values in [0, 1]; divide 8-bit values by 255.")
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))


def _middles(fields, pixel):
    """The middles of the fields of an output pixel, (row, column), in the image."""
    return tuple(
        field.start + field.stride * n + (field.size - 1) / 2 for field, n in zip(fields, pixel, strict=True)
    )


def _swatch(colour, style=""):
    return f'<i class="swatch {style}" style="--colour:{colour};display:inline-block;margin-right:0.5em"></i>'


def _tones(influence):
    """Roots, from 0 to 1: the rim of a field has a thousandth of the influence of its middle, and is to be seen."""
    return np.sqrt(influence / (influence.max() or 1))


def _coloured(tones):
    """Tones from 0 to 1 as the picture shows them, (H, W, 3)."""
    import matplotlib

    return matplotlib.colormaps["viridis"](tones)[..., :3]


def _in_colour(mask, colour):
    """A mask in a colour ``"#rrggbb"`` on black, uint8 (H, W, 3)."""
    return np.where(mask[..., None], [int(colour[i : i + 2], 16) for i in (1, 3, 5)], 0).astype(np.uint8)


def _corners(top, bottom, left, right):
    """A closed rectangle around the pixels top … bottom, left … right, as points (y, x)."""
    top, bottom, left, right = top - 0.5, bottom + 0.5, left - 0.5, right + 0.5
    return np.array([(top, left), (top, right), (bottom, right), (bottom, left), (top, left)])
