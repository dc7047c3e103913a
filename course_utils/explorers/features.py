"""Browse the feature maps of a network: which channel reacts where, and to what. Lessons 08 to 10."""

import base64
import copy
from html import escape
from typing import NamedTuple

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
    layer,
    number_grid,
    png,
    slider,
)
from course_utils.models import receptive
from course_utils.models.parts import Standardise

_BINS = 64
_PATCHES = 6  # that "strongest patch" goes through
_SMALLEST = 9  # pixels of the image, at least, in a patch
_HINT = (
    "Try: move the channel, then the level. Go to the strongest patches (S), and drag the line in the histogram.\n"
    "Notice: what the strongest patches of a channel have in common, and how coarse the map gets from level to level."
)


class FeatureExplorer(Explorer):
    """An image and the feature maps that a network makes of it, one channel of one level at a time.

    Parameters
    ----------
    model : torch.nn.Module, optional
        A network with ``encoder`` and ``decoder``, an encoder that returns a list of features, or a ``nn.Sequential``,
        each of whose layers is a level. By default eight edge filters by hand, made blind to the sign and pooled.
        Its own state stays as it is.
    image : (H, W) or (H, W, C) array in [0, 1], optional
        By default the camera man, a quarter of him.
    level, channel : int
        Shown at first, from 0.
    name : str
        What the picture shows, for readers who do not see it.
    hint : str, optional
        What to try and what to notice, instead of the explorer's own line.

    Attributes
    ----------
    level, channel : int, settable
    names : list of str, of the levels
    map : (h, w) float array, the activations of the channel
    threshold : float, settable, the line in the histogram
    patch : (slice, slice), rows and columns of the image behind the pixel that is asked about, but for what
        standardising takes from the whole image; None before one is
    """

    def __init__(self, model=None, image=None, *, level=0, channel=0, name="the camera man", hint=None):
        self.image = checked(_camera_man() if image is None else image)
        self._model = copy.deepcopy(oriented_edges() if model is None else model).cpu().eval()
        self._levels, self._fields = look_inside(self._model, self.image), {}
        self.names = [level.name for level in self._levels]
        self._asked, self._rank, self.patch = None, -1, None
        self.canvas = Canvas(
            displayed(self.image),
            label=f"Feature explorer: {name}",
            hint=_HINT if hint is None else hint,
            tool="click",
            opacity=0.75,
            hidden=["above the line"],
            respond=self.respond,
            actions=[action("strongest", "Strongest patch", key="s", hint="Go to the next strongest patch")],
        )
        self._choose(level, channel)

    level = property(lambda self: self._level, lambda self, level: self._choose(level, self._channel))
    channel = property(lambda self: self._channel, lambda self, channel: self._choose(self._level, channel))

    @property
    def map(self):
        return self._levels[self._level].maps[self._channel]

    @property
    def threshold(self):
        return self.canvas.value

    @threshold.setter
    def threshold(self, value):
        self.canvas.value = float(value)
        self._show()

    def respond(self, event):
        kind = event["kind"]
        if kind == "slider" and event["name"] == "level":
            self._choose(int(event["value"]), self._channel)
        elif kind == "slider":
            self._choose(self._level, int(event["value"]) - 1)
        elif kind == "click":
            row, column, _ = self.canvas.clicks[-1]
            self._rank = -1
            self._ask(tuple(int(index[n]) for index, n in zip(self._indices(), (row, column), strict=True)))
        elif kind == "undo":
            self._asked, self.patch, self._rank = None, None, -1
            self._show()
        elif kind == "action":
            best = strongest(self.map, _PATCHES)
            self._rank = (self._rank + 1) % len(best)
            self._ask(best[self._rank])
        else:
            self._show()

    def _choose(self, level, channel):
        """Another map; a channel that the level has not becomes its last."""
        if not 0 <= level < len(self._levels):
            raise ValueError(f"level must be one of 0 … {len(self._levels) - 1}, not {level}")
        channels = len(self._levels[level].maps)
        self._level, self._channel = int(level), int(np.clip(channel, 0, channels - 1))
        self._asked, self.patch, self._rank = None, None, -1
        sliders = [
            slider("level", "level", level, 0, len(self._levels) - 1, 1),
            slider("channel", f"channel of {channels}", self._channel + 1, 1, channels, 1),
        ]
        with self.canvas.hold_sync():
            self.canvas.sliders = [s for s in sliders if s["max"] > s["min"]]
            self._low, self._high = _span(self.map)
            self._counts, _ = np.histogram(self.map, _BINS, (self._low, self._high))
            self.canvas.value = float(self._low + (self._high - self._low) * 0.75)
            self._show()

    def _ask(self, pixel):
        """Show one pixel of the map and the part of the image behind it."""
        self._asked = pixel
        self.patch = self._behind(pixel)
        self._show()

    def _behind(self, pixel):
        """Rows and columns of the image that a pixel of the map can see, or its surroundings where that is all."""
        shape, coarse = self.image.shape[:2], self.map.shape
        window = []
        for axis, n in enumerate(pixel):
            step = receptive.spacing(shape[axis], coarse[axis])
            first, last = n * step, (n + 1) * step - 1
            size = self._sizes()[axis]
            side = min(max(size, _SMALLEST, step), shape[axis])
            start = int(np.clip(round((first + last - side + 1) / 2), 0, shape[axis] - side))
            window.append(slice(start, start + int(side)))
        return tuple(window)

    def _sizes(self):
        """Height and width, in pixels, of the field of a pixel in the middle of this level."""
        level = self._levels[self._level]
        if level.kernels is not None:
            return level.kernels.shape[-2:]
        if level.number not in self._fields:
            middle, shape = tuple(n // 2 for n in self.map.shape), np.atleast_3d(self.image).shape
            field = receptive.reachable(_local(self._model), (shape[2], *shape[:2]), middle, level.number)
            ends = [np.flatnonzero(field.any(axis=1 - axis))[[0, -1]] for axis in (0, 1)]
            self._fields[level.number] = [int(last - first) + 1 for first, last in ends]
        return self._fields[level.number]

    def _indices(self):
        """For each row and each column of the image, that of the map which lies over it."""
        return [
            nearest(fine, coarse) for fine, coarse in zip(self.image.shape[:2], self.map.shape, strict=True)
        ]

    # ------------------------------------------------------------------------------------ showing

    def _show(self):
        rows, columns = self._indices()
        large = self.map[np.ix_(rows, columns)]
        with self.canvas.hold_sync():
            self.canvas.layers = [
                heat("feature map", large, self._low, self._high),
                layer("above the line", large > self.threshold, plotting.ANSWER),
            ]
            self.canvas.marks = self._marks()
            self.canvas.plot = histogram_plot(
                np.sqrt(self._counts), self._low, self._high, name="activation; height: root of pixels",
                marks={} if self._asked is None else {"pixel": float(self.map[self._asked])},
            )  # fmt: skip
            self.canvas.panel = self._panel()
            self.canvas.status = self._describe()

    def _marks(self):
        if self._asked is None:
            return []
        rows, columns = self.patch
        top, bottom, left, right = rows.start - 0.5, rows.stop - 0.5, columns.start - 0.5, columns.stop - 0.5
        corners = [[top, left], [top, right], [bottom, right], [bottom, left]]
        return [{"kind": "polyline", "points": corners, "brush": 1, "closed": True}]

    def _panel(self):
        """The map by itself, the kernel if there is one, the patch if one is asked about."""
        pictures = [picture(tinted(self.map, self._low, self._high), f"feature map, {sides(self.map)}", 150)]
        kernels = self._levels[self._level].kernels
        if kernels is not None:
            pictures.append(_kernel(kernels[self._channel]))
        if self.patch is not None:
            patch = self.image[self.patch]
            pictures.append(picture(displayed(patch), f"patch, {sides(patch)}", 110))
        return f'<div style="display:flex;flex-wrap:wrap;gap:14px;align-items:flex-start">{"".join(pictures)}</div>'

    def _describe(self):
        values = self.map
        text = (
            f"Level {self._level}, {self.names[self._level]}, channel {self._channel + 1} of "
            f"{len(self._levels[self._level].maps)}: {sides(values)} values from {_number(values.min())} to "
            f"{_number(values.max())}, {(values > self.threshold).mean():.1%} above the line."
        )
        if np.ptp(values) == 0:
            text += " It says the same everywhere."
        if self._asked is None:
            return text
        rank = f"Patch {self._rank + 1} by strength" if self._rank >= 0 else "The pixel"
        row, column = self._asked
        return f"{rank}: {_number(values[row, column])} at row {row}, column {column} of the map. {text}"

    def strip(self):
        """One telling channel of up to four levels: the one that varies most, for its size."""
        frames, story = [plotting.Picture(displayed(self.image), "the image")], []
        chosen = np.unique(
            np.linspace(0, len(self._levels) - 1, min(3, len(self._levels))).round().astype(int)
        )
        for number in chosen:
            name, values = self._levels[number][:2]
            channel = int(np.argmax(values.std(axis=(1, 2))))
            text = f"{name}, channel {channel + 1}"
            picture = plotting.Picture(
                values[channel], text, scale=_span(values[channel]), colormap="viridis"
            )
            frames.append(picture)
            story.append(f"{text} of {len(values)}, {sides(values[channel])} pixels")
        return plotting.figure(
            *frames,
            alt=f"{self.canvas.label}. The image, and feature maps of it: {'; '.join(story)}.",
            caption=f"Of each level, the channel that varies most; bright: a strong reaction. {'; '.join(story)}.",
        )


class Level(NamedTuple):
    """What a network makes of an image on the way."""

    name: str
    maps: np.ndarray  #: float (C, h, w)
    number: int | None  #: among `receptive.levels`; None if it is none of them
    kernels: (
        np.ndarray | None
    )  #: float (C, channels, kh, kw), of a convolution that looks at the image itself


def look_inside(model, image):
    """The Levels of a network: those of `receptive.levels`, and the first convolution, if it is none of them."""
    pixels = np.atleast_3d(image).astype(np.float32).transpose(2, 0, 1)
    batch = torch.from_numpy(np.ascontiguousarray(pixels))[None]
    first = next((part for part in model.modules() if isinstance(part, nn.Conv2d)), None)
    if first is None:
        found = receptive.levels(model, batch)
        return [Level(name, maps[0].detach().numpy(), i, None) for i, (name, maps) in enumerate(found)]
    if first.in_channels != len(pixels):
        raise ValueError(
            f"The model takes {first.in_channels} channels, the image has {len(pixels)}: make it grey with "
            "`filters.luminance(image)`, or coloured with `np.dstack([image] * 3)`."
        )
    raw, kernels = [], first.weight.detach().numpy()
    hook = first.register_forward_hook(lambda _layer, _inputs, output: raw.append(output.clone()))
    try:
        with torch.no_grad():
            found = receptive.levels(model, batch)
    finally:
        hook.remove()
    same = [maps.shape == raw[0].shape and torch.equal(maps, raw[0]) for _, maps in found]
    start = [] if any(same) else [Level("first convolution", raw[0][0].numpy(), None, kernels)]
    return start + [
        Level(name, maps[0].detach().numpy(), i, kernels if same[i] else None)
        for i, (name, maps) in enumerate(found)
    ]


def _local(model):
    """A copy of a network in which no image is standardised, so that a pixel's field is what its layers look at."""
    model = copy.deepcopy(model)
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, Standardise):
                setattr(parent, name, nn.Identity())
    return model


def nearest(fine, coarse):
    """For each of ``fine`` pixels along an axis, the one of ``coarse`` that lies over it: int (fine,)."""
    return np.minimum(np.arange(fine) // receptive.spacing(fine, coarse), coarse - 1).astype(int)


def strongest(values, count):
    """The pixels (row, column) of the largest values, falling, no two of them within an eighth of the map."""
    left, reach, found = values.astype(float), max(1, max(values.shape) // 8), []
    while len(found) < count and np.isfinite(left).any():
        row, column = (int(n) for n in np.unravel_index(np.argmax(left), left.shape))
        found.append((row, column))
        left[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1] = -np.inf
    return found


def oriented_edges(side=7):
    """Eight edge filters by hand, 22.5° apart over half a turn; then both signs, and means of 4 × 4 pixels.

    The kernels are slopes of a Gaussian. A rectified filter and its mirror image add up to the size of the slope,
    whether it rises or falls: what the cells of the visual cortex called complex do.
    """
    rows, columns = np.mgrid[:side, :side] - side // 2
    bell = np.exp(-(rows**2 + columns**2) / (2 * (side / 5) ** 2))
    angles = np.arange(8) * np.pi / 8
    kernels = np.stack([(np.cos(a) * columns + np.sin(a) * rows) * bell for a in angles])
    kernels /= np.abs(kernels[0]).sum() / 2
    model = nn.Sequential(
        nn.Conv2d(1, 16, side, padding=side // 2, padding_mode="replicate", bias=False),
        nn.ReLU(),
        nn.Conv2d(16, 8, 1, bias=False),
        nn.AvgPool2d(4, ceil_mode=True),
        nn.MaxPool2d(4, ceil_mode=True),
    )
    with torch.no_grad():
        model[0].weight.copy_(torch.from_numpy(np.concatenate([kernels, -kernels]))[:, None])
        model[2].weight.copy_(torch.eye(8).repeat(1, 2)[..., None, None])
    return model


def _camera_man():
    from course_utils.data import photos

    return photos.image("camera").reshape(256, 2, 256, 2).mean(axis=(1, 3))


def checked(image):
    """An image (H, W) or (H, W, C) as floats; ValueError unless they are in [0, 1]."""
    image = np.asarray(image, float)
    if image.ndim not in (2, 3) or 0 in image.shape:
        raise ValueError(
            f"image has shape {image.shape}; expected (height, width) or (height, width, channels)."
        )
    if not (image.min() >= 0 and image.max() <= 1):  # a NaN fails both
        raise ValueError("image must have finite values in [0, 1]; divide 8-bit values by 255.")
    return image


def _span(values):
    """(low, high) of a map, apart even where it has one value."""
    low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def tinted(values, low, high):
    """A map (h, w) as a picture, float (h, w, 3): dark where it is low, bright where it is high."""
    import matplotlib

    return matplotlib.colormaps["viridis"]((values - low) / (high - low))[..., :3]


def picture(values, title, width):
    """HTML of a small picture, each of its pixels a square, with its title under it."""
    data = base64.b64encode(png(values)).decode()
    return (
        f'<figure style="margin:0;font-size:85%"><img alt="{escape(title, quote=True)}" width="{width}" '
        f'style="image-rendering:pixelated;display:block" src="data:image/png;base64,{data}">'
        f"<figcaption>{escape(title)}</figcaption></figure>"
    )


def _kernel(weights):
    """A kernel (C, kh, kw): numbers where they are few, else a picture; grey is 0, colours where it sees three."""
    channels, rows, columns = weights.shape
    if channels == 1 and max(rows, columns) <= 5:
        return number_grid(weights[0], "kernel")
    reach = float(np.abs(weights).max()) or 1.0
    values = 0.5 + weights / (2 * reach)
    seen = values.transpose(1, 2, 0) if channels == 3 else values.mean(axis=0)
    return picture(seen, f"kernel, {rows} × {columns}, ±{reach:.2g}", 110)


def sides(values):
    """Height and width, as in a sentence."""
    return f"{values.shape[0]} × {values.shape[1]}"


def _number(value):
    return f"{value:.2f}".replace("-", "−")
