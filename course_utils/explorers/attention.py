"""Click a pixel and see what it attends to, head by head and layer by layer. Lesson 12."""

import numpy as np
import torch

from course_utils import plotting
from course_utils.explorers.canvas import (
    Canvas,
    Explorer,
    action,
    displayed,
    heat,
    histogram_plot,
    layer,
    slider,
)
from course_utils.explorers.features import checked, nearest, picture, sides, tinted
from course_utils.models.attention import AttentionMap, attention_maps
from course_utils.training.batches import channels_first

_SHOWN = 60  # of the strongest places, in the plot
_HINT = (
    "Try: click on something, then on its surroundings. Move the head, then the layer. Go where it looks (F), and ask "
    "who looks there (W).\n"
    "Notice: tinted places get more than an even share. Pixels of one thing ask alike, heads ask for different things; "
    "and a bright place tells where a pixel looked, not what it took from there."
)


class AttentionExplorer(Explorer):
    """An image, and how much one of its pixels listens to all others, in one head of one layer.

    Parameters
    ----------
    model : torch.nn.Module, optional
        A network with layers of self-attention, see `models.attention.attention_maps`. By default three heads made by
        hand: for the same colour, for the same row, and for both.
    image : (H, W) or (H, W, C) array in [0, 1], optional
        By default a generated one in which rows and colours matter.
    maps : sequence of `AttentionMap`, or of pairs (name, (heads, H, W, h, w) array), optional
        Instead of a model: what was attended to, from wherever. Rows and columns lie evenly over the image.
    layer, head : int
        Shown at first, from 0; head −1 is the mean of all heads.
    pixel : (int, int), optional
        Row and column in the image of the first pixel that asks; by default the middle.
    name : str
        What the picture shows, for readers who do not see it.
    hint : str, optional
        What to try and what to notice, instead of the explorer's own line.

    Attributes
    ----------
    layer, head : int, settable
    pixel : (int, int), settable
    names : list of str, of the layers
    incoming : bool, settable: show who listens to the pixel, instead of whom it listens to
    map : (h, w) float array, how much the pixel listens to each place; if incoming, (H, W), how much each listens to it
    places : int, settable, how many of the strongest places are outlined
    """

    def __init__(
        self,
        model=None,
        image=None,
        *,
        maps=None,
        layer=0,
        head=-1,
        pixel=None,
        name="lamps and islets",
        hint=None,
    ):
        self.image = checked(_beacon() if image is None else image)
        if maps is None:
            maps = by_hand(self.image) if model is None else attention_maps(model, channels_first(self.image))
        self._layers = [_named(*found) for found in maps]
        self.names = [name for name, _ in self._layers]
        self._incoming = False
        self.canvas = Canvas(
            displayed(self.image),
            label=f"Attention explorer: {name}",
            hint=_HINT if hint is None else hint,
            tool="click",
            opacity=0.6,
            colours=[plotting.ANSWER, plotting.PALETTE[3]],
            respond=self.respond,
            actions=[
                action("follow", "Follow", key="f", hint="Go to the place that it listens to most"),
                action("incoming", "Who looks here?", key="w", hint="Turn the question round", pressed=False),
            ],
        )
        height, width = self.image.shape[:2]
        self._pixel = height // 2, width // 2
        self._choose(layer, head)
        if pixel is not None:
            self.pixel = pixel

    layer = property(lambda self: self._layer, lambda self, layer: self._choose(layer, self._head))
    head = property(lambda self: self._head, lambda self, head: self._choose(self._layer, head))

    @property
    def pixel(self):
        return self._pixel

    @pixel.setter
    def pixel(self, pixel):
        pixel = tuple(int(n) for n in pixel)
        if not all(0 <= n < length for n, length in zip(pixel, self.image.shape[:2], strict=True)):
            raise ValueError(f"pixel {pixel} lies outside of the image, {sides(self.image)}")
        self._pixel = pixel
        self._ask()

    @property
    def incoming(self):
        return self._incoming

    @incoming.setter
    def incoming(self, incoming):
        self._incoming = bool(incoming)
        self.canvas.actions = [
            a | {"pressed": self._incoming} if a["name"] == "incoming" else a for a in self.canvas.actions
        ]
        self._ask()

    @property
    def map(self):
        return self._of(self._layer, self._head)

    @property
    def places(self):
        return round(self.canvas.value)

    @places.setter
    def places(self, places):
        self.canvas.value = float(np.clip(places, 0, self._most))
        self._show()

    def respond(self, event):
        kind = event["kind"]
        if kind == "slider" and event["name"] == "layer":
            self._choose(int(event["value"]) - 1, self._head)
        elif kind == "slider":
            self._choose(self._layer, int(event["value"]) - 1)
        elif kind == "click":
            self.pixel = self.canvas.clicks[-1][:2]
        elif kind == "action" and event["name"] == "follow":
            self.pixel = self._under_the_strongest(self.map)
        elif kind == "action":
            self.incoming = not self.incoming
        else:
            self._show()

    def _choose(self, number, head):
        """Another layer or head; a head that the layer has not becomes its last."""
        if not 0 <= number < len(self._layers):
            raise ValueError(f"layer must be one of 0 … {len(self._layers) - 1}, not {number}")
        heads = len(self._layers[number][1])
        self._layer, self._head = int(number), int(np.clip(head, -1, heads - 1))
        if heads == 1:
            self._head = 0
        sliders = [
            slider("layer", f"layer of {len(self._layers)}", number + 1, 1, len(self._layers), 1),
            slider("head", f"head of {heads}, 0 their mean", self._head + 1, 0, heads, 1),
        ]
        self.canvas.sliders = [s for s in sliders if s["max"] > 1]
        self._ask()

    # ------------------------------------------------------------------------------------ one pixel that asks

    def _of(self, number, head):
        """A map of one layer and head, for the pixel, in the direction that is asked for."""
        weights = self._layers[number][1]
        chosen = weights.mean(axis=0) if head < 0 else weights[head]
        if self._incoming:
            return chosen[:, :, *self._place(weights.shape[3:])]
        return chosen[self._place(weights.shape[1:3])]

    def _grids(self):
        """Rows and columns of the places that ask and of those that answer, in this layer."""
        shape = self._layers[self._layer][1].shape
        return shape[1:3], shape[3:]

    def _place(self, shape):
        """(row, column) of the place of a map of this shape that lies over the pixel."""
        return tuple(
            int(nearest(fine, coarse)[n])
            for n, fine, coarse in zip(self._pixel, self.image.shape[:2], shape, strict=True)
        )

    def _under_the_strongest(self, found):
        """The pixel of the image in the middle under the strongest place of a map."""
        place, middles = np.unravel_index(np.argmax(found), found.shape), []
        for n, fine, coarse in zip(place, self.image.shape[:2], found.shape, strict=True):
            under = np.flatnonzero(nearest(fine, coarse) == n)
            middles.append(int(under[len(under) // 2]))
        return tuple(middles)

    def _ask(self):
        """The weights of one pixel, sorted; at first the places are outlined that hold half of them."""
        self._sorted = np.sort(self.map.ravel())[::-1]
        held = np.cumsum(self._sorted)
        self._most = min(len(held), _SHOWN)
        half = int(np.searchsorted(held, held[-1] / 2)) + 1
        self.canvas.value = float(min(half, self._most))
        self._show()

    # ------------------------------------------------------------------------------------ showing

    def _show(self):
        large = _enlarged(self.map, self.image.shape)
        least = self._sorted[self.places - 1] if self.places else np.inf
        with self.canvas.hold_sync():
            self.canvas.layers = [
                heat("attention", large, self.map.mean(), clear=True),  # what gets more than an even share
                layer("the strongest", large >= least, plotting.ANSWER, tint=False),
            ]
            self.canvas.marks = [self._box(self._grids()[self._incoming])]
            self.canvas.plot = histogram_plot(
                self._sorted[: self._most], 0, self._most, side=-1,
                name="places, the strongest first; height: their weight",
            )  # fmt: skip
            self.canvas.panel = self._heads() + self._numbers()
            self.canvas.status = self._describe()

    def _box(self, shape):
        """The outline of the pixels under the place of a map of this shape that is asked about."""
        ends = []
        for n, fine, coarse in zip(self._place(shape), self.image.shape[:2], shape, strict=True):
            under = np.flatnonzero(nearest(fine, coarse) == n)
            ends.append((float(under[0]) - 0.5, float(under[-1]) + 0.5))
        (top, bottom), (left, right) = ends
        corners = [[top, left], [top, right], [bottom, right], [bottom, left]]
        return {"kind": "polyline", "points": corners, "brush": 2, "closed": True}

    def _heads(self):
        """All heads of the layer side by side, each bright where it is strongest."""
        heads = len(self._layers[self._layer][1])
        if heads == 1:
            return ""
        pictures = []
        for head in range(heads):
            found = self._of(self._layer, head)
            title = f"head {head + 1}" + (" (shown)" if head == self._head else "")
            pictures.append(picture(tinted(found, 0, found.max() or 1), title, 96))
        return f'<div style="display:flex;flex-wrap:wrap;gap:10px">{"".join(pictures)}</div>'

    def _numbers(self):
        total = self._sorted.sum() or 1
        cells = {
            "places": f"{len(self._sorted)}",
            f"held by the {self.places} strongest": f"{self._sorted[: self.places].sum() / total:.0%}",
            "as many equal ones would be as vague": f"{spread(self.map):.1f}",
        }
        if self._incoming:
            cells["all together"] = f"{self._sorted.sum():.2f} (1 is the mean over places)"
        body = "".join(
            f'<tr><th scope="row" style="text-align:left;font-weight:400">{name}</th><td><b>{text}</b></td></tr>'
            for name, text in cells.items()
        )
        return f'<table style="border-spacing:0.4em 0">{body}</table>'

    def _describe(self):
        row, column = self._pixel
        best = self._under_the_strongest(self.map)
        says = "is listened to most by" if self._incoming else "listens most to"
        title = self._title(self._layer, self._head)
        return (
            f"{title[0].upper()}{title[1:]} ({self.names[self._layer]}): row {row}, column {column} "
            f"{says} row {best[0]}, column {best[1]} ({self.map.max():.1%}); {self.places} places hold "
            f"{self._sorted[: self.places].sum() / (self._sorted.sum() or 1):.0%}."
        )

    def strip(self):
        """The pixel and what it listens to, in up to four heads: of the last layer, then of those before it."""
        corners = np.array(self._box(self._layers[-1][1].shape[1:3])["points"])
        asks = {"asks": np.vstack([corners, corners[:1]])}
        frames = [plotting.Picture(displayed(self.image), "who asks", lines=asks)]
        story = []
        chosen = [(n, h) for n in range(len(self._layers))[::-1] for h in range(len(self._layers[n][1]))][:4]
        for number, head in sorted(chosen):
            found = self._of(number, head)
            text = self._title(number, head)
            frames.append(
                plotting.Picture(
                    found,
                    f"{text}: {found.max():.0%} at most",
                    scale=(0, float(found.max()) or 1),
                    colormap="viridis",
                )
            )
            row, column = self._under_the_strongest(found)
            story.append(f"{text}: most to row {row}, column {column} ({found.max():.0%})")
        row, column = self._pixel
        return plotting.figure(
            *frames,
            alt=f"{self.canvas.label}. What the pixel in row {row}, column {column} listens to: {'; '.join(story)}.",
            caption=f"The pixel in row {row}, column {column} asks. Bright: listened to. {'; '.join(story)}.",
        )

    def _title(self, number, head):
        name = "mean of the heads" if head < 0 else f"head {head + 1}"
        return f"layer {number + 1}, {name}" if len(self._layers) > 1 else name


def spread(weights):
    """How many places a map would have if all its weights were equal and it were as vague: e to the entropy, float."""
    shares = np.asarray(weights, float).ravel()
    shares = shares[shares > 0] / (shares.sum() or 1)
    return float(np.exp(-(shares * np.log(shares)).sum()))


def by_hand(image):
    """One layer of three heads without any learning: what has my colour, what is in my row, and what is both.

    image : (H, W[, C]) in [0, 1]. It is averaged over 2 × 2 pixels before (not along a side of one pixel).
    Returns a list of one `AttentionMap`.
    """
    pixels = np.atleast_3d(image)
    down, right = (min(length, 2) for length in pixels.shape[:2])
    height, width = pixels.shape[0] // down, pixels.shape[1] // right
    small = pixels[: down * height, : right * width].reshape(height, down, width, right, -1).mean(axis=(1, 3))
    colours = small.reshape(height * width, -1)
    rows = np.repeat(np.arange(height), width)
    alike = -(((colours[:, None] - colours[None]) ** 2).sum(axis=2)) / 0.01
    level = -((rows[:, None] - rows[None]) ** 2) / 0.5
    scores = np.stack([alike, level, alike + level])
    weights = np.exp(scores - scores.max(axis=2, keepdims=True))
    weights /= weights.sum(axis=2, keepdims=True)
    return [AttentionMap("by hand", torch.from_numpy(weights).reshape(3, height, width, height, width))]


def _beacon():
    from course_utils.data import synthetic

    return synthetic.beacon(3).image


def _named(name, weights):
    """A map by name, as (str, float array); ValueError unless it can be weights of attention."""
    weights = np.asarray(weights, float)
    if weights.ndim != 5 or 0 in weights.shape:
        raise ValueError(
            f"the map {name!r} has shape {weights.shape}; expected (heads, rows, columns, rows, columns): of the "
            "places that ask to the places that answer"
        )
    if not (np.isfinite(weights).all() and weights.min() >= 0):
        raise ValueError(f"the map {name!r} must have finite weights that are not negative")
    return str(name), weights


def _enlarged(values, shape):
    """A map, each place drawn over the pixels that lie under it."""
    rows, columns = (nearest(fine, coarse) for fine, coarse in zip(shape[:2], values.shape, strict=True))
    return values[np.ix_(rows, columns)]
