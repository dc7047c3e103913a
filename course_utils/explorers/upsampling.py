"""Enlarge a small map in six ways, and see which of them draw a checkerboard, and why. Lesson 09."""

import copy
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import vector_to_parameters

from course_utils import plotting
from course_utils.classic import filters
from course_utils.data import photos
from course_utils.explorers.canvas import Canvas, Explorer, action, meters, number_grid, png, short, slider
from course_utils.models.parts import ResizeConvolution, SubPixel, Transposed

#: Ways to double a map of one channel, by name: a function of the kernel's side that makes the layer. The first two
#: have nothing to learn; `models.parts.Bilinear` is the second with a convolution that mixes channels before it.
METHODS = {
    "nearest": lambda kernel: nn.Upsample(scale_factor=2),
    "bilinear": lambda kernel: nn.Upsample(scale_factor=2, mode="bilinear"),
    "transposed": lambda kernel: Transposed(1, 1, kernel),
    "resize, then convolve": lambda kernel: ResizeConvolution(1, 1),
    "sub-pixel": lambda kernel: SubPixel(1, 1, icnr=False),
    "sub-pixel, ICNR": lambda kernel: SubPixel(1, 1),
}
INPUTS = "constant", "step", "photograph"
WEIGHTS = "equal", "random", "learned"
_KEYS = {
    "nearest": "n", "bilinear": "b", "transposed": "t", "resize, then convolve": "r", "sub-pixel": "x",
    "sub-pixel, ICNR": "i", "constant": "c", "step": "s", "photograph": "p", "equal": "e", "random": "w",
    "learned": "l",
}  # fmt: skip
_SIDE = 32  # of the input; the output is twice as large
_BORDER = 4  # pixels of the output, all round, that the zeros beyond the border may reach
_HINT = (
    "Try: a transposed convolution with kernel 2, 3, 4 and 5 and equal weights; then random ones (W), and learned ones "
    "(L); then the same with resize, then convolve (R).\n"
    "Notice: with equal weights a kernel that is no multiple of the stride gives some pixels more products than "
    "others, and a constant becomes a checkerboard. With other weights the four sums of weights decide."
)


def make(method, kernel=3, weights="random", seed=0, example=None):
    """A layer that doubles height and width of a map (B, 1, h, w).

    Parameters: method, of `METHODS`; kernel, side of the transposed convolution, 2 or more; weights: "equal", all the
    same, so that a constant keeps its mean; "random", by He's rule; "learned", those that bring back an example from
    its half with the least mean square error, where training ends; seed, of random weights; example, float (H, W), for
    learned ones.
    Returns: torch.nn.Module, whose result needs no gradient.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layer = METHODS[method](kernel)
    if weights == "equal":
        _equalise(layer)
    elif weights == "learned":
        _learn(layer, torch.as_tensor(example, dtype=torch.float32)[None, None])
    return layer.requires_grad_(False)


def overlaps(layer, side=8):
    """How many input pixels reach each output pixel: int (2 · side, 2 · side), for an input of side × side.

    Found by asking: each input pixel in turn is 1, all others are 0, and all weights are 1. A pixel of the output that
    then is not 0 has been reached.
    """
    layer = copy.deepcopy(layer)
    with torch.no_grad():
        _fill(layer)
        one_by_one = torch.eye(side**2).reshape(side**2, 1, side, side)
        return (layer(one_by_one) != 0).sum(dim=(0, 1)).numpy()


def checkerboard(values, border=_BORDER):
    """How much of a map is checkerboard: a number from 0 to 1.

    Of a pattern that repeats every second pixel, all energy lies at the highest frequency of the rows, of the columns,
    or of both (Nyquist's: one wave in two pixels). So: the root of the share of the map's energy that lies at these
    three. It is the deviation of the means of the four kinds of pixels (row and column even or odd), over the root of
    the mean square.

    Parameters: values (H, W), both even; border, an even number of pixels on all sides that do not count.
    """
    inner = np.asarray(values, float)[border:-border, border:-border] if border else np.asarray(values, float)
    height, width = inner.shape
    kinds = inner.reshape(height // 2, 2, width // 2, 2).mean(axis=(0, 2))
    energy = (inner**2).mean()
    return float(np.sqrt(kinds.var() / energy)) if energy > 0 else 0.0


class UpsamplingExplorer(Explorer):
    """A small map enlarged by a layer to choose, with its count of overlaps and the strength of its checkerboard.

    Parameters
    ----------
    image : (H, W) or (H, W, 3) float array in [0, 1], optional
        The photograph, at least 64 × 64: its middle is shrunk to 32 × 32. By default the astronaut.
    method, source, weights : str
        What is chosen first, of `METHODS`, `INPUTS` and `WEIGHTS`.
    kernel : int
        Side of the transposed convolution, 2 to 5.
    seed : int
        Of the random weights.
    name : str
        What the photograph shows, for readers who do not see it.
    hint : str, optional
        What to try and what to notice, instead of the explorer's own line.

    Attributes
    ----------
    method, source, weights : str, settable
    kernel, seed : int, settable
    layer : torch.nn.Module
    result : (64, 64) float array
    counts : (16, 16) int array, of `overlaps`
    strength : float, of `checkerboard`
    """

    def __init__(
        self, image=None, *, method="transposed", source="constant", weights="equal", kernel=3, seed=0, name=None,
        hint=None,
    ):  # fmt: skip
        if image is None:
            image, name = photos.image("astronaut")[:256, 96:352], name or "an astronaut"
        self._name, self.original = name or "the photograph", _shrink(image)
        self.inputs = {
            "constant": np.ones((_SIDE, _SIDE)),
            "step": np.where(np.arange(_SIDE) < _SIDE // 2, 0.3, 1.0) * np.ones((_SIDE, 1)),
            "photograph": halve(self.original),
        }
        self._chosen = {"method": method, "source": source, "weights": weights}
        self._layers = {}
        _check(self._chosen, kernel)
        self.canvas = Canvas(
            np.ones((2 * _SIDE, 2 * _SIDE)),
            label=f"Up-sampling explorer: a constant, a step, and {self._name}",
            hint=_HINT if hint is None else hint,
            respond=self.respond,
            sliders=[
                slider("kernel", "kernel (transposed)", int(kernel), 2, 5, 1),
                slider("seed", "seed (random)", int(seed), 0, 20, 1),
            ],
        )
        self._show()

    method = property(lambda self: self._chosen["method"], lambda self, value: self._choose("method", value))
    source = property(lambda self: self._chosen["source"], lambda self, value: self._choose("source", value))
    weights = property(
        lambda self: self._chosen["weights"], lambda self, value: self._choose("weights", value)
    )
    kernel = property(
        lambda self: int(self.canvas.sliders[0]["value"]), lambda self, value: self._slide(0, value)
    )
    seed = property(
        lambda self: int(self.canvas.sliders[1]["value"]), lambda self, value: self._slide(1, value)
    )

    def respond(self, event):
        name = event["name"]
        if event["kind"] == "slider":
            self._show()
        elif name in METHODS:
            self.method = name
        elif name in INPUTS:
            self.source = name
        else:
            self.weights = name

    def _choose(self, what, value):
        chosen = self._chosen | {what: value}
        _check(chosen, self.kernel)
        self._chosen = chosen
        self._show()

    def _slide(self, index, value):
        _check(self._chosen, int(value) if index == 0 else self.kernel)
        sliders = list(self.canvas.sliders)
        sliders[index] = sliders[index] | {"value": int(value)}
        self.canvas.sliders = sliders
        self._show()

    def made(self, method, kernel, weights, seed):
        """The layer of that name, made once."""
        key = method, kernel, weights, seed
        if key not in self._layers:
            self._layers[key] = make(*key, example=self.original)
        return self._layers[key]

    def enlarge(self, layer, source):
        """What a layer makes of an input: float64 (64, 64)."""
        small = torch.as_tensor(self.inputs[source], dtype=torch.float32)[None, None]
        return layer(small)[0, 0].numpy().astype(float)

    # ------------------------------------------------------------------------------------ showing

    def _show(self):
        self.layer = self.made(self.method, self.kernel, self.weights, self.seed)
        self.result = self.enlarge(self.layer, self.source)
        self.counts, self.strength = overlaps(self.layer), checkerboard(self.result)
        with self.canvas.hold_sync():
            self.canvas.image = _png(self.result)
            self.canvas.panel = meters({"checkerboard": self.strength}) + self._grids()
            self.canvas.actions = self._buttons()
            self.canvas.status = self._describe()

    def _grids(self):
        """HTML: the kernel, how many input pixels reach an output pixel, and the pattern that a constant becomes."""
        middle = slice(6, 10)
        grids = [number_grid(self.counts[middle, middle], "inputs of a pixel")]
        ones = self.enlarge(self.layer, "constant")[_SIDE : _SIDE + 4, _SIDE : _SIDE + 4]
        grids.append(number_grid(ones, "what 1 becomes"))
        weights = [p for p in self.layer.parameters() if p.ndim == 4]
        if weights and weights[0].shape[0] == 1:
            grids.insert(0, number_grid(weights[0][0, 0].numpy(), "weights"))
        elif weights:  # of a sub-pixel convolution: a filter for each of the four places
            grids += [number_grid(w[0].numpy(), f"filter {i + 1}") for i, w in enumerate(weights[0])]
        return f'<div style="display:flex;flex-wrap:wrap;gap:10px 18px">{"".join(grids)}</div>'

    def _buttons(self):
        groups = {"method": METHODS, "source": INPUTS, "weights": WEIGHTS}
        hints = {
            "method": "Enlarge by: {}",
            "source": "Take as input: {}",
            "weights": "Take weights that are: {}",
        }
        labels = {"equal": "Equal weights", "random": "Random weights", "learned": "Learned weights"}
        return [
            action(name, labels.get(name, name[0].upper() + name[1:]), key=_KEYS[name],
                   hint=hints[group].format(name), pressed=self._chosen[group] == name)
            for group, names in groups.items() for name in names
        ]  # fmt: skip

    def _named(self):
        size = f", kernel {self.kernel}" if self.method == "transposed" else ""
        weights = f", {self.weights} weights" if list(self.layer.parameters()) else ", nothing to learn"
        return f"{self.method}{size}{weights}"

    def _describe(self):
        inner = self.counts[4:-4, 4:-4]
        numbers = [str(n) for n in np.unique(inner)]
        reach = " or ".join([", ".join(numbers[:-1])] * (len(numbers) > 1) + numbers[-1:])
        text = self._named()
        text = (
            f"{text[0].upper()}{text[1:]}. An output pixel is reached by {reach} input "
            f"pixel{'s' * (numbers != ['1'])}; checkerboard {self.strength:.3f}."
        )
        low, high = self.result.min(), self.result.max()
        text += f" Values from {short(low)} to {short(high)}."
        if self.source == "photograph":
            error = np.sqrt(((self.result - self.original) ** 2).mean())
            text += f" Away from the original by {error:.3f} (root mean square)."
        return text

    def strip(self):
        """A constant under four layers: equal weights show the overlap, random ones show that it is not all."""
        layers = (
            ("transposed", 3, "equal"), ("transposed", 4, "equal"), ("transposed", 4, "random"),
            ("resize, then convolve", 3, "random"),
        )  # fmt: skip
        frames, story = [], []
        for method, kernel, weights in layers:
            result = self.enlarge(self.made(method, kernel, weights, self.seed), "constant")
            size = f", kernel {kernel}" if method == "transposed" else ""
            title = f"{method}{size}, {weights} weights: {checkerboard(result):.2f}"
            middle = slice(_SIDE - 8, _SIDE + 8)
            frames.append(plotting.Picture(result[middle, middle], title, scale=_range(result)))
            story.append(title)
        return plotting.figure(
            *frames,
            alt=f"{self.canvas.label}. A constant enlarged, and how much of it is checkerboard: {'; '.join(story)}.",
            caption=f"The same constant enlarged by four layers, and how much of the result is checkerboard: "
            f"{'; '.join(story)}.",
        )


def halve(image):
    """The means of 2 × 2 pixels: (H, W), both even, to (H / 2, W / 2)."""
    height, width = image.shape
    return image.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))


def _fill(layer):
    """All weights 1, all offsets 0."""
    for parameter in layer.parameters():
        nn.init.constant_(parameter, float(parameter.ndim > 1))


def _equalise(layer):
    """All weights alike, and such that a constant keeps its mean."""
    with torch.no_grad():
        _fill(layer)
        inner = layer(torch.ones(1, 1, 8, 8))[..., 4:-4, 4:-4].mean()
        for parameter in layer.parameters():
            parameter /= inner


def _learn(layer, large):
    """The weights that bring an image (1, 1, H, W) back from its half with the least mean square error.

    The layer is linear in its weights, so what training would end at is the solution of linear equations: their
    columns are what the layer makes of the half with one weight 1 and the others 0.
    """
    parameters = list(layer.parameters())
    if not parameters:
        return
    small, columns = F.avg_pool2d(large, 2), []
    with _one_thread(), torch.no_grad():
        for one in torch.eye(sum(parameter.numel() for parameter in parameters)):
            vector_to_parameters(one, parameters)
            columns.append(layer(small).ravel())
        table, wanted = torch.stack(columns, dim=1).double(), large.reshape(-1, 1).double()
        weights = torch.linalg.lstsq(table, wanted).solution
        vector_to_parameters(weights.ravel().float(), parameters)


@contextmanager
def _one_thread():
    """So small a layer is done before a second thread is awake, the more so on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _shrink(image):
    """The middle square of an image, grey, shrunk to 64 × 64 by means."""
    image = np.asarray(image, float)
    if (
        image.ndim not in (2, 3)
        or (image.ndim == 3 and image.shape[2] != 3)
        or min(image.shape[:2]) < 2 * _SIDE
    ):
        raise ValueError(
            f"image has shape {image.shape}; expected (height, width) or (height, width, 3), "
            f"at least {2 * _SIDE} a side."
        )
    image = filters.luminance(image)
    block = min(image.shape) // (2 * _SIDE)
    side = block * 2 * _SIDE
    top, left = (np.array(image.shape) - side) // 2
    square = image[top : top + side, left : left + side]
    return square.reshape(2 * _SIDE, block, 2 * _SIDE, block).mean(axis=(1, 3))


def _range(values):
    """What is black and what is white: 0 is one of them, unless there are values on both sides."""
    return min(float(values.min()), 0.0), max(float(values.max()), 0.0) or 1.0


def _png(values):
    low, high = _range(values)
    return png((values - low) / (high - low))


def _check(chosen, kernel):
    for what, known in (("method", METHODS), ("source", INPUTS), ("weights", WEIGHTS)):
        if chosen[what] not in known:
            raise ValueError(f"{what} must be one of {', '.join(known)}, not {chosen[what]!r}")
    if not 2 <= kernel <= 5:
        raise ValueError(f"kernel must be 2 to 5, not {kernel!r}")
