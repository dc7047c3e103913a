"""Recurrent networks on images: information that travels, pixel by pixel, or step by step.

The insight: a convolution fetches from a fixed distance. To carry something from anywhere to anywhere takes a memory
that walks: read a row from left to right, and let a state, at each pixel, keep, forget or write. After one row each
pixel may know of all before it, however far, and the weights are those of one step. The same cell may walk in time
instead of space: look at the image and at one's own answer again, and mend it.

- ``GRUCell``: the gated recurrent unit, equal to torch's. ``gru_step`` is its formula.
- ``Sweep``: it reads all rows (or columns) of a map, both ways. ``ReNet``: rows, then columns: each pixel may hear of
  every other.
- ``ConvGRUCell``: the same unit with convolutions instead of matrices: its state is a map.
- ``Refiner``: a ConvGRU that mends the answer of a network step by step; the weights are the same at each step, so
  their number may be chosen when it is used. ``EveryStep`` lets it learn from all its steps.

References: with the classes. Taught in lesson 15.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

from course_utils.models.parts import check_count, convolution

REMEMBER = 1.0  # offset of the gates that keep the state, at the start: they keep σ(1) = 73 % of it

# -- the gated recurrent unit -----------------------------------------------------------------------------


def gru_step(given, recalled, state):
    """One step of a GRU, from what input and state say to its three parts.

    1. The reset gate: how much of what is recalled may have a say in the new proposal?
    2. The update gate: how much of the old state stays?
    3. The proposal, between −1 and 1; the new state lies between it and the old one.

    Where the update gate is open the state is copied, not multiplied: so it can be carried through many steps.

    Parameters: given, what the input says, (…, 3 · width): to reset, update and proposal; recalled, what the state
    says, alike; state (…, width). Returns: the new state. This is torch's variant, in which the reset gate stands
    behind the state's matrix, r · (U h), so that all that is recalled is one product; Cho's has it before, U (r · h).

    Reference: Cho et al., Learning phrase representations using RNN encoder–decoder for statistical machine
    translation, EMNLP 2014, doi:10.3115/v1/D14-1179. Lesson 15.
    """
    reset_given, update_given, given = given.chunk(3, dim=-1)
    reset_recalled, update_recalled, recalled = recalled.chunk(3, dim=-1)
    reset = torch.sigmoid(reset_given + reset_recalled)
    update = torch.sigmoid(update_given + update_recalled)
    proposal = torch.tanh(given + reset * recalled)
    return torch.lerp(proposal, state, update)


class GRUCell(nn.Module):
    """A gated recurrent unit: input (…, inputs) and state (…, width) -> new state (…, width).

    ``given`` and ``recalled`` are its two linear layers, each with outputs for reset, update and proposal, in torch's
    order: with their weights it equals ``torch.nn.GRUCell``. At the start the weights are random, up to 1 / √width, as
    torch's are; but the update gates keep about 73 % of the state, not half: of it, 0.2 % are left after twenty steps,
    and not a millionth.

    Parameters: inputs and width, channels of input and state. Without a state it starts from 0. Raises ValueError.
    Cost: 3 · width · (inputs + width) weights, and as many multiply–adds a step.

    Reference: Cho et al. 2014, doi:10.3115/v1/D14-1179; on gates that start open, Jozefowicz, Zaremba & Sutskever, An
    empirical exploration of recurrent network architectures, ICML 2015. Lesson 15.
    """

    def __init__(self, inputs, width):
        super().__init__()
        check_count("inputs", inputs)
        check_count("width", width)
        self.given, self.recalled = nn.Linear(inputs, 3 * width), nn.Linear(width, 3 * width)
        for weights in self.parameters():
            nn.init.uniform_(weights, -1 / math.sqrt(width), 1 / math.sqrt(width))
        with torch.no_grad():
            self.given.bias[width : 2 * width] = REMEMBER

    @property
    def width(self):
        """Channels of the state (int)."""
        return self.recalled.in_features

    def forward(self, x, state=None):
        if state is None:
            state = x.new_zeros(*x.shape[:-1], self.width)
        return gru_step(self.given(x), self.recalled(state), state)


# -- sweeps over a map ------------------------------------------------------------------------------------


class Sweep(nn.Module):
    """Read every row from left to right and from right to left, by two GRUs: each pixel hears of its whole row.

    1. What the inputs say is computed for all pixels at once; only the state has to wait for the pixel before.
    2. Then column after column: all rows of all images take the step together, and both ways side by side, the second
       one on the mirrored rows.
    3. A pixel's answer: the states of both GRUs when they come by.

    (B, inputs, H, W) -> (B, 2 · width, H, W). Parameters: inputs; width, of each GRU; down, to read the columns
    instead, from the top and from the bottom. Raises ValueError for others.
    Cost: 6 · width · (inputs + width) weights, as many multiply–adds a pixel, and W steps that wait for each other.

    Reference: Visin et al., ReSeg: a recurrent neural network-based model for semantic segmentation, CVPR workshops
    2016, doi:10.1109/CVPRW.2016.60. Lesson 15.
    """

    def __init__(self, inputs, width, *, down=False):
        super().__init__()
        self.forth, self.back, self.down = GRUCell(inputs, width), GRUCell(inputs, width), down

    def forward(self, x):
        if self.down:
            x = x.transpose(2, 3)
        pixels = x.movedim(1, -1)  # (B, H, W, inputs)
        given = torch.stack([self.forth.given(pixels), self.back.given(pixels).flip(2)])
        columns = given.permute(3, 0, 1, 2, 4).flatten(2, 3)  # (W, 2, B · H, 3 · width)
        weight = torch.stack([self.forth.recalled.weight.T, self.back.recalled.weight.T])
        offset = torch.stack([self.forth.recalled.bias, self.back.recalled.bias])[:, None]
        state = columns.new_zeros(2, columns.shape[2], self.forth.width)
        states = []
        for given in columns:
            state = gru_step(given, torch.baddbmm(offset, state, weight), state)
            states.append(state)
        forth, back = torch.stack(states).unbind(dim=1)  # each (W, B · H, width)
        heard = torch.cat([forth, back.flip(0)], dim=2).unflatten(1, (len(x), -1))  # (W, B, H, 2 · width)
        return heard.permute(1, 3, 0, 2) if self.down else heard.permute(1, 3, 2, 0)

    def kept(self, x):
        """What the update gates let stay of the state on reading each pixel: (B, 2 · width, H, W), from 0 to 1."""
        pixels, states = (
            (part.transpose(2, 3) if self.down else part).movedim(1, -1) for part in (x, self(x))
        )
        forth, back = states.chunk(2, dim=-1)
        before = {  # each way begins with 0
            self.forth: F.pad(forth, (0, 0, 1, 0))[:, :, :-1],
            self.back: F.pad(back, (0, 0, 0, 1))[:, :, 1:],
        }
        gates = [
            torch.sigmoid(cell.given(pixels) + cell.recalled(state)).chunk(3, dim=-1)[1]
            for cell, state in before.items()
        ]
        gates = torch.cat(gates, dim=-1).movedim(-1, 1)
        return gates.transpose(2, 3) if self.down else gates


class ReNet(nn.Sequential):
    """A sweep over the rows, and one over the columns of what it heard: each pixel may hear of every other.

    The paper sweeps the columns first; either order reaches every pixel.

    (B, width, H, W) -> the same, any size, so that it fits behind any block (``attention.then``). Parameters: width,
    even; inner, width of each of the four GRUs, by default a half of it: then no layer is needed to bring the channels
    back. Raises ValueError for an odd width.

    Reference: Visin, Kastner, Cho, Matteucci, Courville & Bengio, ReNet: a recurrent neural network based alternative
    to convolutional networks, 2015, arXiv:1505.00393. Lesson 15.
    """

    def __init__(self, width, inner=None):
        check_count("width", width, 2)
        inner = width // 2 if inner is None else inner
        layers = [Sweep(width, inner), Sweep(2 * inner, inner, down=True)]
        if 2 * inner != width:
            layers.append(nn.Conv2d(2 * inner, width, 1))
        super().__init__(*layers)


# -- a map as the state -----------------------------------------------------------------------------------


class ConvGRUCell(nn.Module):
    """A GRU whose state is a map: every matrix is a convolution, so each pixel also recalls its neighbours' states.

    z, r = σ(convolution of input and state); proposal = tanh(convolution of input and r · state);
    new state = z · state + (1 − z) · proposal. The reset gate comes before the convolution, as in the originals.

    Input (B, inputs, H, W) and state (B, width, H, W), or none for zeros -> new state. So a step carries things twice
    as far as the kernel reaches: the proposal sees its neighbours' reset gates, and those see theirs. With the gate
    behind the convolution, as `gru_step` has it, it would be once.

    Parameters: inputs; width; kernel, odd side in pixels. Raises ValueError for others.
    Cost: 3 · kernel² · width · (inputs + width) weights, and as many multiply–adds a pixel and step.

    Reference: Ballas, Yao, Pal & Courville, Delving deeper into convolutional networks for learning video
    representations, ICLR 2016, arXiv:1511.06432. Lesson 15.
    """

    def __init__(self, inputs, width, kernel=3):
        super().__init__()
        self.gates = convolution(inputs + width, 2 * width, kernel)
        self.proposal = convolution(inputs + width, width, kernel)
        self.width = width
        for layer in (self.gates, self.proposal):  # no ReLU before: variance 1 / n keeps the size of values
            nn.init.normal_(layer.weight, std=1 / math.sqrt(layer.in_channels * kernel**2))
        with torch.no_grad():
            self.gates.bias[:width] = REMEMBER

    def forward(self, x, state=None):
        if state is None:
            state = x.new_zeros(len(x), self.width, *x.shape[2:])
        update, reset = torch.sigmoid(self.gates(torch.cat([x, state], dim=1))).chunk(2, dim=1)
        proposal = torch.tanh(self.proposal(torch.cat([x, reset * state], dim=1)))
        return torch.lerp(proposal, state, update)


class Refiner(nn.Module):
    """A network's answer, mended step by step: each looks at the image, at the last answer and at its own memory.

    1. The network gives its logits, once.
    2. A step: the image and the probabilities so far go into a ``ConvGRUCell``; its state says, by a 1 × 1 convolution,
       what to add to the network's logits. At the start that is 0: nothing is mended, and nothing spoilt.
    3. Again. Each step has the same weights: so it may take more steps than it learned with, or fewer.

    Learning through all steps holds what each of them computed: memory grows with their number. With ``learn`` k, only
    the last k steps are learned through, the ones before are taken as they come (truncated back-propagation through
    time): memory for k, and no lesson about what an early step does to a late one.

    Parameters: network, images (B, channels, H, W) -> logits (B, classes, H, W); channels; classes; width of the state;
    steps, when none are given; learn, at least 1, or None for all. Raises ValueError for others.
    Cost: that of the network, and steps times that of the cell.

    Reference: Pinheiro & Collobert, Recurrent convolutional neural networks for scene labeling, ICML 2014 (as a
    preprint "… for scene parsing", arXiv:1306.2795): a network that is fed its own answer; Williams & Peng, An
    efficient gradient-based algorithm for on-line training of recurrent network trajectories, Neural Computation 2,
    1990, doi:10.1162/neco.1990.2.4.490 (truncation). Lesson 15.
    """

    def __init__(self, network, channels=3, classes=2, width=16, steps=6, *, learn=None, kernel=3):
        super().__init__()
        check_count("steps", steps, 0)
        if learn is not None:
            check_count("learn", learn)
        self.network, self.steps, self.learn = network, steps, learn
        self.cell = ConvGRUCell(channels + classes, width, kernel)
        self.change = nn.Conv2d(width, classes, 1)
        nn.init.zeros_(self.change.weight)
        nn.init.zeros_(self.change.bias)

    def forward(self, images, steps=None):
        return self.iterate(images, steps)[-1]

    def iterate(self, images, steps=None):
        """Logits before the first step and after each: a list of steps + 1."""
        steps, learning = self.steps if steps is None else steps, torch.is_grad_enabled()
        check_count("steps", steps, 0)
        first = self.network(images)
        history, state = [first], None
        for left in range(steps, 0, -1):
            with torch.set_grad_enabled(learning and (self.learn is None or left <= self.learn)):
                state = self.cell(torch.cat([images, history[-1].softmax(dim=1)], dim=1), state)
                history.append(first + self.change(state))
        return history


class EveryStep(nn.Module):
    """A `Refiner` that shows the logits of each step that can be learned through: images -> (B, K, steps, H, W).

    For learning from every step, not from the last alone: ``fit(EveryStep(refiner), batches, loss=over_steps(loss))``.
    The refiner inside, ``model.refiner``, is what learns.
    """

    def __init__(self, refiner):
        super().__init__()
        self.refiner = refiner

    def forward(self, images):
        steps = self.refiner.iterate(images)[1:]
        return torch.stack(steps[-(self.refiner.learn or len(steps)) :], dim=2)


def over_steps(loss):
    """A loss of (logits (B, K, steps, H, W), target (B, H, W)): the mean of a loss over the steps."""

    def mean(logits, target):
        return torch.stack([loss(step, target) for step in logits.unbind(dim=2)]).mean()

    return mean
