"""Move a kernel over a small picture: nine products, their sum, and the map that grows of the sums. Lesson 08."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image, ImageDraw, ImageFont

from course_utils import plotting
from course_utils.explorers.canvas import (
    ARROWS,
    Canvas,
    Explorer,
    action,
    arrows,
    number_grid,
    png,
    short,
    slider,
)

#: Kernels to begin with, by name: whole weights, and what their sum is divided by.
KERNELS = {
    "identity": (((0, 0, 0), (0, 1, 0), (0, 0, 0)), 1),
    "shift": (((0, 0, 0), (1, 0, 0), (0, 0, 0)), 1),
    "blur": (((1, 1, 1), (1, 1, 1), (1, 1, 1)), 9),
    "sharpen": (((0, -1, 0), (-1, 5, -1), (0, -1, 0)), 1),
    "Sobel": (((-1, 0, 1), (-2, 0, 2), (-1, 0, 1)), 1),
}
_KEYS = {"identity": "i", "shift": "t", "blur": "b", "sharpen": "h", "Sobel": "s"}
_SIDES = 3, 12  # pixels: the smallest picture that holds a kernel, the largest whose numbers can be read
_BOARD = 960, 680  # width and height of what is drawn, twice its size on the page
_HINT = (
    "Try: play (P), then click the single bright pixel and turn the kernel (C). Click a weight and move its slider.\n"
    "Notice: what networks call convolution does not turn the kernel: it is cross-correlation. A single bright pixel "
    "shows which is which: one of the two stamps the kernel as it is, the other upside down."
)


def sheet():
    """The picture that the explorer begins with: a dot and a bar, float64 (8, 8), whole numbers 1 to 9.

    They lie so far apart, and the dot so far from the border, that what a 3 × 3 kernel makes of each stands by itself.
    """
    picture = np.ones((8, 8))
    picture[2, 2] = 9
    picture[3:7, 5:7] = 8
    return picture


def correlate(image, kernel, *, padding=0, stride=1):
    """Cross-correlation: at each stand of the window, the sum of the products of pixels and weights.

    out[y, x] = Σ padded[stride · y + i, stride · x + j] · kernel[i, j], over all i and j of the kernel.

    Parameters: image (H, W); kernel (h, w); padding, rings of zeros put around the image; stride, pixels from one
    stand to the next. Returns: float64, each side ⌊(side + 2 · padding − kernel side) / stride⌋ + 1.
    Raises ValueError where the kernel is larger than the padded image.
    """
    windows = sliding_window_view(np.pad(np.asarray(image, float), padding), np.shape(kernel))
    return np.einsum("yxij,ij->yx", windows[::stride, ::stride], np.asarray(kernel, float))


def convolve(image, kernel, *, padding=0, stride=1):
    """Convolution: `correlate` with the kernel turned by 180°. Parameters and errors as there."""
    return correlate(image, np.asarray(kernel)[::-1, ::-1], padding=padding, stride=stride)


class ConvolutionExplorer(Explorer):
    """A small picture in numbers, a 3 × 3 kernel to edit, and a window to move.

    Parameters
    ----------
    image : (H, W) array, optional
        Numbers, 3 to 12 a side; by default a dot and a bar of whole numbers.
    kernel : str or (3, 3) array
        A name of `KERNELS`, or the weights.
    padding, stride : int
        First values of the sliders: rings of zeros around the picture (0 to 2), pixels a step (1 to 3).
    turned : bool
        Whether the kernel is turned first, which is convolution; without that, it is cross-correlation.
    at : (int, int), optional
        Row and column of the output where the window stands first; by default the middle.
    name : str
        What the picture shows, for readers who do not see it.
    hint : str, optional
        What to try and what to notice, instead of the explorer's own line.

    Attributes
    ----------
    kernel : (3, 3) float array, settable
    turned : bool, settable
    padding, stride : int, the sliders' values
    at : (row, column) of the output, settable: what has been passed on the way there is filled in
    window, products : (3, 3) float arrays, what the window sees, and its products with the weights
    output : float array, the whole map, as far as it will grow
    seen : int, how many values of the map are filled in, row after row
    """

    def __init__(
        self, image=None, kernel="Sobel", *, padding=1, stride=1, turned=False, at=None,
        name="a dot and a bar", hint=None,
    ):  # fmt: skip
        self.image = _check(sheet() if image is None else image)
        self._turned, self._chosen, self.seen = bool(turned), (1, 1), 0
        self._weights, self._divisor = _weights(kernel)
        self.canvas = Canvas(
            np.ones(_BOARD[::-1]),
            label=f"Convolution explorer: {name}",
            hint=_HINT if hint is None else hint,
            tool="click",
            respond=self.respond,
            sliders=[
                slider("weight", "chosen weight", 0.0, -9, 9, 0.5),
                slider("padding", "padding, pixels", int(padding), 0, 2, 1),
                slider("stride", "stride, pixels", int(stride), 1, 3, 1),
            ],
        )
        self._slide()
        self.at = tuple(n // 2 for n in self.output.shape) if at is None else at

    padding = property(lambda self: int(self.canvas.sliders[1]["value"]))
    stride = property(lambda self: int(self.canvas.sliders[2]["value"]))

    # ------------------------------------------------------------------------------------ from Python

    @property
    def kernel(self):
        return self._weights / self._divisor

    @kernel.setter
    def kernel(self, kernel):
        self._weights, self._divisor = _weights(kernel)
        self._slide()
        self._show()

    @property
    def turned(self):
        return self._turned

    @turned.setter
    def turned(self, turned):
        self._turned = bool(turned)
        self._slide()
        self._show()

    @property
    def at(self):
        return self._at

    @at.setter
    def at(self, at):
        row, column = (int(np.clip(n, 0, most - 1)) for n, most in zip(at, self.output.shape, strict=True))
        self._at = row, column
        self.seen = max(self.seen, row * self.output.shape[1] + column + 1)
        self._show()

    @property
    def window(self):
        top, left = (self.stride * n for n in self._at)
        return np.pad(self.image, self.padding)[top : top + 3, left : left + 3]

    @property
    def products(self):
        return self.window * self._laid(self._weights)

    # ------------------------------------------------------------------------------------ from the page

    def respond(self, event):
        kind, name = event["kind"], event.get("name")
        if kind == "tick":
            self._step()
        elif kind == "click":
            self._click(*self.canvas.marks[-1]["points"][0])
        elif kind == "slider" and name == "weight":
            self._weights[self._chosen] = event["value"]
            self._slide()
            self._show()
        elif kind == "slider":
            self._resize()
        elif kind == "action":
            self._press(name)

    def _press(self, name):
        if name in ARROWS:
            self.canvas.playing = False
            self.at = np.add(self._at, ARROWS[name])
        elif name == "play":
            self.canvas.playing = not self.canvas.playing
            if self.canvas.playing and self.seen == self.output.size:
                self.seen, self.at = 0, (0, 0)
            self._show()
        elif name == "turn":
            self.turned = not self.turned
        elif name == "weight":
            self._chosen = divmod((3 * self._chosen[0] + self._chosen[1] + 1) % 9, 3)
            self._show()
        else:
            self.kernel = name

    def _click(self, y, x):
        """The window moves over a pixel, or to a value of the map; a weight is chosen."""
        self.canvas.marks = []
        grids = self._grids()
        if place := grids["kernel"].find(y, x):
            self._chosen = place
            self._show()
        elif place := grids["output"].find(y, x):
            self.at = place
        elif place := grids["input"].find(y, x):
            self.at = [round((n - 1) / self.stride) for n in place]

    def _step(self):
        """Where the map ends so far, one value more."""
        last = self.output.size - 1
        place = min(self.seen, last)
        self.canvas.playing = place < last
        self.at = divmod(place, self.output.shape[1])

    def _resize(self):
        """Another padding or stride: a map of another size, filled in if it was."""
        full, where = self.seen == self.output.size, np.divide(self._at, self.output.shape)
        self._slide()
        self.seen = self.output.size if full else 0
        self.at = where * self.output.shape

    def _laid(self, weights):
        """The weights as they lie on the window."""
        return weights[::-1, ::-1] if self._turned else weights

    def _slide(self):
        self.output = correlate(self.image, self._laid(self.kernel), padding=self.padding, stride=self.stride)

    # ------------------------------------------------------------------------------------ showing

    def _grids(self):
        """Where input, kernel and output stand on the board: cells as large as fit."""
        (height, width), (rows, columns) = np.add(self.image.shape, 2 * self.padding), self.output.shape
        wide, high = width + 2 + max(columns, 3), max(height + 2, rows + 6)
        cell = min(_BOARD[0] // wide, _BOARD[1] // high)
        left, right = cell // 2, cell // 2 + (width + 1) * cell
        return {
            "input": Grid(left, cell, cell, height, width),
            "kernel": Grid(right, cell, cell, 3, 3),
            "output": Grid(right, 5 * cell + cell // 2, cell, rows, columns),
        }

    def _show(self):
        with self.canvas.hold_sync():
            self.canvas.image = self._drawn()
            self.canvas.panel = self._sum()
            weight, *others = self.canvas.sliders
            self.canvas.sliders = [weight | {"value": float(self._weights[self._chosen])}, *others]
            self.canvas.actions = _buttons(self.canvas.playing, self._turned)
            self.canvas.status = self._describe()

    def _drawn(self):
        """PNG of the board: the padded picture, the kernel, and the map as far as it has grown."""
        board = Board(self._grids())
        ring = np.pad(np.zeros(self.image.shape, bool), self.padding, constant_values=True)
        board.write("input", f"input{', zeros around it' if self.padding else ''}", np.pad(self.image, self.padding),
                    faint=ring)  # fmt: skip
        turn = ", before it is turned" if self._turned else ""
        share = "" if self._divisor == 1 else f" / {self._divisor:g}"
        board.write("kernel", f"kernel{share}{turn}", self._weights)
        hidden = np.arange(self.output.size).reshape(self.output.shape) >= self.seen
        board.write("output", "output", self.output, hidden=hidden)
        top, left = (self.stride * n for n in self._at)
        board.frame("input", top, left, 3, plotting.ANSWER)
        board.frame("output", *self._at, 1, plotting.ANSWER)
        board.frame("kernel", *self._chosen, 1, plotting.ACCENT)
        return board.png()

    def _sum(self):
        """HTML of the arithmetic at this stand."""
        laid = self._laid(self._weights)
        span = np.abs(self._weights).max(), np.abs(self.products).max()
        window = number_grid(self.window, "window", scale=_scale(self.image))
        weights = number_grid(laid, "kernel, turned" if self._turned else "kernel", scale=(-span[0], span[0]))
        products = number_grid(self.products, "products", scale=(-span[1], span[1]))
        signs = [f'<b style="align-self:center;padding-top:20px">{sign}</b>' for sign in "×="]
        row = f'<div style="display:flex;flex-wrap:wrap;gap:8px">{window}{signs[0]}{weights}{signs[1]}{products}</div>'
        return f'{row}<p style="font-variant-numeric:tabular-nums">{self._sentence()}</p>'

    def _sentence(self):
        terms = [short(value) for value in self.products.ravel() if value]
        text = (" + ".join(terms) or "0").replace("+ −", "− ")
        if self._divisor != 1:
            text = f"({text}){_divided(self._divisor)}"
        return f"{text} = <b>{short(self.output[self._at])}</b>"

    def _describe(self):
        row, column = self._at
        method = "Convolution" if self._turned else "Cross-correlation"
        same = np.array_equal(self._weights, self._weights[::-1, ::-1])
        turned = " Turned by 180° this kernel is the same: both give one map." if same else ""
        height, width = self.output.shape
        total, value = short(self.products.sum()), short(self.output[self._at])
        share = "" if self._divisor == 1 else f", and {total}{_divided(self._divisor)} is {value}"
        return (
            f"{method}, row {row}, column {column} of a map of {height} × {width}: the nine products sum to "
            f"{total}{share}.{turned}"
        )

    def strip(self):
        """The picture with the window on it, the kernel, and the maps of cross-correlation and of convolution."""
        options = {"padding": self.padding, "stride": self.stride}
        maps = {
            "cross-correlation": correlate(self.image, self.kernel, **options),
            "convolution": convolve(self.image, self.kernel, **options),
        }
        framed = np.zeros(np.add(self.image.shape, 2 * self.padding), bool)
        top, left = (self.stride * n for n in self._at)
        framed[top : top + 3, left : left + 3] = True
        story = [f"{name} gives {short(found[self._at])}" for name, found in maps.items()]
        weights = "; ".join(" ".join(short(value) for value in row) for row in self._weights)
        place = f"row {self._at[0]}, column {self._at[1]}"
        frames = [
            plotting.Numbers(
                found, name, highlight=_only(found.shape, self._at), format=".3g", scale=_scale(found)
            )
            for name, found in maps.items()
        ]
        return plotting.figure(
            plotting.Numbers(
                np.pad(self.image, self.padding), "input, and a window", highlight=framed, format=".3g"
            ),
            *frames,
            columns=3,
            alt=f"{self.canvas.label}, under the kernel {weights}{_divided(self._divisor)}. In {place}, "
            f"{' and '.join(story)}.",
            caption=f"The kernel {weights}{_divided(self._divisor)} goes over one picture twice. In {place}, "
            f"{' and '.join(story)}: convolution turns the kernel by 180° first.",
        )


class Grid(NamedTuple):
    """Square cells on the board: left and top edge, side of a cell, all in px, and how many."""

    left: int
    top: int
    cell: int
    rows: int
    columns: int

    def find(self, y, x):
        """(row, column) of the cell that holds a point, or None."""
        row, column = int((y - self.top) // self.cell), int((x - self.left) // self.cell)
        return (row, column) if 0 <= row < self.rows and 0 <= column < self.columns else None

    def corner(self, row, column):
        """(x, y) of the top left corner of a cell."""
        return self.left + column * self.cell, self.top + row * self.cell


class Board:
    """White paper with grids of numbers on it."""

    def __init__(self, grids):
        self._grids, self._paper = grids, Image.new("RGB", _BOARD, "white")
        self._draw = ImageDraw.Draw(self._paper)

    def write(self, name, title, values, *, faint=None, hidden=None):
        """Numbers (H, W) on greys into the cells of a grid; faint ones on paper, hidden ones left out."""
        grid = self._grids[name]
        low, high = _scale(values)
        tones = np.rint(255 * (values - low) / ((high - low) or 1)).astype(int)
        for (row, column), value in np.ndenumerate(values):
            blank = hidden is not None and hidden[row, column]
            plain = blank or (faint is not None and faint[row, column])
            tile = _tile(
                "" if blank else short(value, 2), None if plain else int(tones[row, column]), grid.cell
            )
            self._paper.paste(tile, grid.corner(row, column))
        edge = grid.left, grid.top, *grid.corner(grid.rows, grid.columns)
        self._draw.rectangle(edge, outline="#808080", width=2)
        self._draw.text(
            (grid.left, grid.top - 0.2 * grid.cell), title, "#222222", _font(0.42 * grid.cell), "ls"
        )

    def frame(self, name, row, column, side, colour):
        """A frame around side × side cells."""
        grid = self._grids[name]
        x, y = grid.corner(row, column)
        width = max(4, grid.cell // 10)
        box = (
            x - width // 2,
            y - width // 2,
            x + side * grid.cell + width // 2,
            y + side * grid.cell + width // 2,
        )
        self._draw.rectangle(box, outline=colour, width=width)

    def png(self):
        return png(np.asarray(self._paper))


@lru_cache(4096)
def _tile(text, tone, side):
    """One cell: a number on a grey of 0 to 255, or faint on paper."""
    colour = "#ffffff" if tone is None else (tone,) * 3
    tile = Image.new("RGB", (side, side), colour)
    draw = ImageDraw.Draw(tile)
    draw.rectangle((0, 0, side, side), outline="#c8c8c8" if tone is None else "#808080")
    ink = "#767676" if tone is None else "white" if tone < 128 else "black"
    size = min(0.5, 1.5 / max(len(text), 1)) * side
    draw.text((side / 2, side / 2), text.replace("−", "-"), ink, _font(size), "mm")  # the font has no minus
    return tile


@lru_cache(64)
def _font(size):
    return ImageFont.load_default(size)


def _scale(values):
    """What is black and what is white: 0 is mid-grey where there are negative values, else black."""
    low, high = float(np.min(values)), float(np.max(values))
    return (-max(-low, high), max(-low, high)) if low < 0 else (0.0, high or 1.0)


def _buttons(playing, turned):
    presets = [
        action(name, name.capitalize(), key=_KEYS[name], hint=f"Take the kernel of: {name}")
        for name in KERNELS
    ]
    return [
        *arrows("Move the window {}"),
        action("play", "Play", key="p", hint="Let the window go its way, or stop it", pressed=playing),
        action(
            "turn", "Convolution", key="c", hint="Turn the kernel first, which is convolution", pressed=turned
        ),
        action("weight", "Next weight", key="n", hint="Choose the next weight of the kernel"),
        *presets,
    ]


def _divided(divisor):
    return "" if divisor == 1 else f" ÷ {divisor:g}"


def _only(shape, place):
    mask = np.zeros(shape, bool)
    mask[place] = True
    return mask


def _weights(kernel):
    """(weights, what the sum is divided by) of a kernel by its name or its weights."""
    if isinstance(kernel, str):
        if kernel not in KERNELS:
            raise ValueError(
                f"there is no kernel called {kernel!r}; take one of {', '.join(KERNELS)}, or weights"
            )
        weights, divisor = KERNELS[kernel]
        return np.array(weights, float), divisor
    weights = np.array(kernel, float)
    if weights.shape != (3, 3) or not np.isfinite(weights).all():
        raise ValueError(f"kernel must be 3 × 3 finite numbers, not {weights.shape}")
    return weights, 1


def _check(image):
    image = np.asarray(image, float)
    least, most = _SIDES
    if image.ndim != 2 or min(image.shape) < least or max(image.shape) > most or not np.isfinite(image).all():
        raise ValueError(
            f"image must be (height, width), {least} to {most} finite numbers a side, so that they can be read, not "
            f"{image.shape}"
        )
    return image
