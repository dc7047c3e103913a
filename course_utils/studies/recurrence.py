"""Lesson 15: who carries a colour far, who follows a maze of canals, and what a CRF does to boundaries; the studies.

``python -m course_utils.studies.recurrence`` writes the weights that the lesson loads, but for those it teaches itself.
"""

from contextlib import contextmanager
from functools import cache, lru_cache, partial
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from course_utils import metrics, paths, training
from course_utils.data import photos, synthetic
from course_utils.models.attention import NonLocal, Positions, SqueezeExcitation
from course_utils.models.crf import DenseCRF
from course_utils.models.dilated import DilatedNet
from course_utils.models.encoder_decoder import FCN
from course_utils.models.parts import Standardise, convolution, cost
from course_utils.models.recurrent import ConvGRUCell, EveryStep, Refiner, ReNet, Sweep, over_steps
from course_utils.studies import dilation
from course_utils.study import rounded, study


@contextmanager
def one_thread():
    """Torch on one thread: steps as small as those of a sweep take longer where they are shared out."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


# -- beacons: who carries a colour far ----------------------------------------------------------------------


def behind(*layers):
    """A ``context`` for `DilatedNet`: layers made for a width, one after the other."""

    def context(inputs, outputs, norm):
        return nn.Sequential(*(layer(outputs) for layer in layers))

    return context


def sweeps(*down):
    """Sweeps of half the width, one after the other: each along the rows, or down the columns."""
    return behind(*(lambda width, down=down: Sweep(width, width // 2, down=down) for down in down))


WIDE = {"size": (24, 48), "diameter": 5, "distance": 22}  # marks 26 to 44 columns away
ASK = partial(NonLocal, heads=2, reduction=2)
#: Networks for the beacons of lesson 11, all with 12 000 weights or so. "near" has six layers and sees 6 pixels to each
#: side. What carries information takes the place of its last layer, or costs nothing, as dilation and a norm that takes
#: means over the image do. Two sweeps have as many weights as a layer: along rows and then columns, along rows twice,
#: and down the columns twice; so has one, wider, with a layer of kernel 1 to bring the channels back.
CARRIERS = {
    "near": partial(DilatedNet, dilations=(1, 1, 1, 1)),
    "dilation": partial(DilatedNet, dilations=(2, 4, 8, 2)),
    "instance norm": partial(
        DilatedNet, dilations=(1, 1, 1, 1), norm=partial(nn.InstanceNorm2d, affine=True)
    ),
    "squeeze and excitation": partial(DilatedNet, dilations=(1, 1, 1, 1), context=behind(SqueezeExcitation)),
    "attention": partial(DilatedNet, dilations=(1, 1, 1), context=behind(Positions, ASK, ASK)),
    "sweeps": partial(DilatedNet, dilations=(1, 1, 1), context=behind(ReNet)),
    "sweeps, rows only": partial(DilatedNet, dilations=(1, 1, 1), context=sweeps(False, False)),
    "sweeps, columns only": partial(DilatedNet, dilations=(1, 1, 1), context=sweeps(True, True)),
    "one sweep, rows": partial(
        DilatedNet,
        dilations=(1, 1, 1),
        context=behind(lambda width: Sweep(width, 11), lambda width: nn.Conv2d(22, width, 1)),
    ),
}


def learn_carrier(net, seed=0, **options):
    """(model, History): one of `CARRIERS`, taught as in lesson 11; options as for `training.fit`."""
    with one_thread():
        return dilation.learn_beacons(CARRIERS[net], seed, **options)


@cache
def wide():
    """Pictures twice as wide as any learned from, each mark farther from its blob than any was: list of Beacons."""
    return [synthetic.beacon(seed, **WIDE) for seed in dilation.BEACONS["test"][:100]]


def twins(seed):
    """A wide picture with its first mark amber, and the same with it blue: two `Beacons`, all else alike."""
    others = [mark.colour for mark in synthetic.beacon(seed, **WIDE).marks[1:]]
    return tuple(synthetic.beacon(seed, colours=(colour, *others), **WIDE) for colour in (1, 2))


def memory(model, sample):
    """Of the GRU that walks to the right in a model's first sweep: states, and what its gates keep, (C, H, W) each."""
    sweep, caught = next(part for part in model.modules() if isinstance(part, Sweep)), []
    hook = sweep.register_forward_pre_hook(lambda _, given: caught.extend(given))
    with torch.no_grad():
        model(seen([sample]))
        hook.remove()
        return tuple(part[0].chunk(2)[0].numpy() for part in (sweep(caught[0]), sweep.kept(caught[0])))


def right_of(model, samples):
    """Share of the blobs' pixels that get their own colour (float)."""
    targets = np.stack([sample.target for sample in samples])
    return synthetic.blob_accuracy(
        targets, np.stack([training.predict(model, sample.image) for sample in samples])
    )


@study(
    "carriers",
    "With equally many weights, who carries a colour far: dilation, attention, recurrence, normalisation?",
    [{"net": net} for net in CARRIERS],
)
def carriers(seed, net):
    """`dilation.beacon_scores` on test pictures, what is right of `wide` ones, the end of the loss, and the cost."""
    model, history = learn_carrier(net, seed, watch=False)
    shown = dilation.beacons("test")
    answers = [training.predict(model, sample.image) for sample in shown]
    costs = cost(model, (1, 3, dilation.BEACON["size"], dilation.BEACON["size"]))
    return rounded(
        dilation.beacon_scores(shown, answers)
        | {"wide": right_of(model, wide())}
        | {"loss_end": np.mean(history.losses[-20:])}
        | {"parameters": costs.parameters, "multiply_adds": costs.multiply_adds}
    )


# -- mazes: who follows a way step by step ------------------------------------------------------------------

MAZES = {
    "train": {"cells": 5, "gates": 2},
    "test": {"cells": 5, "gates": 2},
    "large": {"cells": 13, "gates": 12},
}
MAZE_SEEDS = {
    "train": synthetic.MAZE_SEEDS["train"][:1000],
    "test": synthetic.MAZE_SEEDS["test"],
    "large": synthetic.MAZE_SEEDS["test"][:40],
}
MAZE_STEPS = 600  # of training
TAUGHT_STEPS = 10  # that a refiner learns with
ASKED_STEPS = (5, 10, 20, 40, 80)
WAYS = (0, 6, 12, 20)  # where bands begin, in pixels along the water from the dye
MAZE_WIDTH = 12


@cache
def waters(split):
    """The pictures of a split of `MAZES`, a list of `synthetic.Maze`."""
    return [synthetic.maze(seed, **MAZES[split]) for seed in MAZE_SEEDS[split]]


class OwnWeights(nn.Module):
    """Cells that take turns, one for each step: as a `Refiner`'s cell, but with weights of their own for each step."""

    def __init__(self, *cells):
        super().__init__()
        self.cells, self.turn = nn.ModuleList(cells), 0

    def forward(self, x, state=None):
        self.turn = 0 if state is None else min(self.turn + 1, len(self.cells) - 1)
        return self.cells[self.turn](x, state)


class Standardised(Refiner):
    """A `Refiner` of images that are standardised first; without that, it learned mazes far more slowly."""

    def iterate(self, images, steps=None):
        return super().iterate(Standardise()(images), steps)


def refiner(steps=TAUGHT_STEPS, own=False, **options):
    """A `Refiner` behind a network that sees three pixels; ``own``: with weights of its own for each step."""
    width = MAZE_WIDTH
    local = nn.Sequential(convolution(3, width), nn.ReLU(), nn.Conv2d(width, 2, 1))
    model = Standardised(local, width=width, steps=steps, **options)
    if own:
        model.cell = OwnWeights(*(ConvGRUCell(3 + 2, width) for _ in range(steps)))
    return model


#: "steps" is one convolutional GRU of ten steps, "own weights" ten of them (beyond ten, the tenth is repeated);
#: "learn 2" learns through the last two steps only, "every step" from the answers of all. "plain layers" and "dilation"
#: have as many weights as "steps", or nearly so; they and "one step" answer once, whatever number they are asked for.
FOLLOWERS = {
    "steps": refiner,
    "every step": refiner,
    "learn 2": partial(refiner, learn=2),
    "one step": partial(refiner, steps=1),
    "own weights": partial(refiner, own=True),
    "plain layers": partial(DilatedNet, 3, 2, MAZE_WIDTH, (1, 1, 1)),
    "dilation": partial(DilatedNet, 3, 2, MAZE_WIDTH, (2, 4, 8, 2)),
}


def seen(samples):
    """Their images as a float tensor (N, 3, H, W)."""
    return torch.from_numpy(np.stack([sample.image for sample in samples])).float().movedim(-1, 1)


def learn_mazes(net, seed=0, **options):
    """(model, History): one of `FOLLOWERS`, taught which water is dyed; dikes do not count. options as for `fit`."""
    training.seed(seed)
    model, shown = FOLLOWERS[net](), waters("train")
    batches = training.Batches(
        [sample.image for sample in shown],
        [np.where(sample.water, sample.target, 255) for sample in shown],
        size=16,
        augment=training.flips(),
        seed=seed,
    )
    learner, loss = model, training.cross_entropy
    if net == "every step":
        learner, loss = EveryStep(model), over_steps(loss)
    with one_thread():
        history = training.fit(
            learner,
            batches,
            steps=MAZE_STEPS,
            loss=loss,
            optimiser=partial(training.adamw, rate=1e-2),
            **options,
        )
    return model, history


def flooded(model, samples, steps=None):
    """Which pixels a model takes for dyed after so many steps, bool (N, H, W); one that learned no more, after one."""
    repeats = isinstance(model, Refiner) and model.steps > 1
    with torch.no_grad():
        logits = model(seen(samples), steps) if repeats else model(seen(samples))
    return logits.argmax(1).numpy() == 1


def flood(samples, steps, reach=2):
    """What a flood without a fault has wetted after so many steps of ``reach`` pixels each, bool (N, H, W)."""
    ways = np.stack([sample.steps for sample in samples])
    return (ways >= 0) & (ways <= reach * steps)


def maze_scores(samples, says):
    """Of the water: share ``reached`` of the dyed, ``clear`` of the rest that is called so, ``right``, their mean."""
    target, water = (np.stack([getattr(sample, name) for sample in samples]) for name in ("target", "water"))
    reached, clear = says[target == 1].mean(), 1 - says[water & (target == 0)].mean()
    return {"right": (reached + clear) / 2, "reached": reached, "clear": clear}


def by_way(samples, says):
    """Share of the dyed water that is called so, by its way from the dye: list of floats, a band of `WAYS` each."""
    steps = np.stack([sample.steps for sample in samples])
    return [says[(steps >= near) & (steps < far)].mean() for near, far in pairwise((*WAYS, np.inf))]


@study(
    "dyed",
    "Which water does the dye reach: one cell for many steps, a cell for each step, layers, or dilation?",
    [{"net": net} for net in FOLLOWERS],
)
def dyed(seed, net):
    """`maze_scores` of new pictures as small as those learned from, and of ``large`` ones, after `ASKED_STEPS`."""
    model, history = learn_mazes(net, seed, watch=False)
    found = {}
    for split in ("test", "large"):
        for steps in ASKED_STEPS:
            scores = maze_scores(waters(split), flooded(model, waters(split), steps))
            found |= {f"{split}_{name}_{steps}": value for name, value in scores.items()}
    bands = by_way(waters("test"), flooded(model, waters("test"), getattr(model, "steps", None)))
    found |= {f"way_{start}": share for start, share in zip(WAYS, bands, strict=True)}
    parameters = sum(weights.numel() for weights in model.parameters())
    return rounded(found | {"loss_end": np.mean(history.losses[-20:]), "parameters": parameters})


# -- photographs: what a CRF does to boundaries ---------------------------------------------------------------

CHOSEN_ON = ("camera", "motorcycle")  # photographs to choose the CRF's settings by
ASKED = ("astronaut", "chelsea", "coffee", "coins", "horse", "rocket")
WIDTHS = (8, 16, 32, 64)  # of features down to an eighth of the size
BLOCK = 12  # pixels: side of the squares that an annotator labels
BLOCK_STEPS = 150
BANDS = (1, 2, 4, 6, 10)  # pixels: widths of the trimaps
CRF_STEPS = (1, 2, 5, 10, 20)
# Of 54 settings (place 40, 80, 160; colour 0.02, 0.03, 0.05; appearance 8, 16, 32; smoothness 0, 2), the one with the
# best IoU within 4 px after five steps: mean over the photographs of CHOSEN_ON and seeds 0 and 1. (0.590; the worst of
# them 0.520; ten are within 0.005.)
CRF = {"position": 80.0, "colour": 0.02, "near": 3.0, "appearance": 16.0, "smoothness": 0.0}


def told(name):
    """What a hasty annotator says of a photograph, uint8 (H, W): squares that are all object 1, all background 0.

    Squares that hold a piece of a boundary, and what is left over at the right and below, are 255: not told.
    """
    mask = photos.load(name).mask
    rows, columns = (length // BLOCK for length in mask.shape)
    blocks = mask[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
    said = np.where(blocks.all(axis=(1, 3)), 1, np.where(blocks.any(axis=(1, 3)), 255, 0))
    target = np.full(mask.shape, 255, np.uint8)
    target[: rows * BLOCK, : columns * BLOCK] = said.repeat(BLOCK, axis=0).repeat(BLOCK, axis=1)
    return target


def learn_blocks(name, seed=0, steps=None, **options):
    """(model, History): a network of stride 8 that learns the object of one photograph from its squares.

    Its scores are made at an eighth of the size and enlarged by straight lines: FCN without any skip.
    options as for `training.fit`
    """
    image = photos.load(name).image
    batches = training.Batches([image], [told(name)], size=4, crop=128, augment=training.flips(), seed=seed)
    training.seed(seed)
    channels = 1 if image.ndim == 2 else 3
    model = nn.Sequential(Standardise(), FCN(channels, 2, WIDTHS, stride=8))
    history = training.fit(model, batches, steps=steps or BLOCK_STEPS, **options)
    return model, history


@lru_cache(2)
def coarse_scores(name, seed=0):
    """Logits (2, H, W) of `learn_blocks` for the whole photograph, a float32 tensor."""
    model, _ = learn_blocks(name, seed, watch=False)
    shares = torch.from_numpy(training.predict(model, photos.load(name).image, tile=1024))
    return shares.clamp(min=1e-6).log()


def refined(name, logits, steps=None, **settings):
    """Scores (2, H, W) before, and after each step of a `DenseCRF` with the settings of `CRF`, or others."""
    image = np.atleast_3d(photos.load(name).image)
    layer = DenseCRF(2, max(CRF_STEPS) if steps is None else steps, **CRF | settings)
    with torch.no_grad():
        return layer.iterate(logits, torch.from_numpy(image.transpose(2, 0, 1)))


@cache
def examined(name):
    """The truth of a photograph, with 255 where it was told: uint8 (H, W)."""
    return np.where(told(name) == 255, photos.load(name).mask, 255).astype(np.uint8)


def object_iou(target, answer):
    """IoU of the object where the target is known (float)."""
    return metrics.iou(metrics.confusion_matrix(target, answer))[1]


def crf_scores(name, history):
    """IoU before, and after so many steps: dict of floats.

    ``iou_N`` of all that was not told, after N of `CRF_STEPS` (0: before); ``band_W_N`` in the trimap of width W.
    """
    truth, known = photos.load(name).mask, examined(name)
    bands = {width: np.where(metrics.trimap(truth, width), known, 255) for width in BANDS}
    found = {}
    for steps in (0, *CRF_STEPS):
        answer = history[steps].argmax(0).numpy()
        found[f"iou_{steps}"] = object_iou(known, answer)
        found |= {f"band_{width}_{steps}": object_iou(band, answer) for width, band in bands.items()}
    return found


@study(
    "crf_trimap",
    "Stride-8 scores of photographs: what does a dense CRF make better, where, and after how many steps?",
    [{"photo": name} for name in ASKED],
    seeds=range(3),
)
def crf_trimap(seed, photo):
    """`crf_scores` of one photograph, for one draw of the first weights and the windows."""
    return rounded(crf_scores(photo, refined(photo, coarse_scores(photo, seed))))


# -- weights that the lesson loads ----------------------------------------------------------------------------


def main():
    """Teach what the lesson loads, with seed 0: a refiner of mazes, a coarse network of one photograph."""
    folder = paths.bundled("data") / "checkpoints"
    taught = {
        "15-maze": learn_mazes("steps", watch=False),
        "15-coffee": learn_blocks("coffee", watch=False),
    }
    for name, (model, _) in taught.items():
        training.save_weights(model, folder / f"{name}.safetensors")


if __name__ == "__main__":
    main()
