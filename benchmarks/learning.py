"""A race of trainings: who has learned most of real images after so many seconds of one processor core?

    COURSE_REAL_DATA=<folder that holds the packs "nuclei" and "camvid"> python -m benchmarks.learning

Every entrant learns the same images through the course's own loop, on one thread. What differs is its `Recipe`: the
network and how it is taught. The *textbook* is a small U-Net with batch normalisation: eight random windows a step,
Adam with its usual rate, cross-entropy; the networks of segmentation_models.pytorch, without weights, learn by the same
recipe. All choices of ours were made on the val splits, by ``--tried``: our recipe with one thing changed at a time.
With ``--long``, the streets have more time: ten minutes, and an hour for a wider network.

The clock runs while a network learns; import, two steps that warm up, and scoring are not counted. Entrants take turns,
seed by seed, so that a slow spell of the machine hits them all; still, leave the machine alone meanwhile. A run that is
recorded is not done again: stop the command at any time.

Scores: nuclei, the IoU of the foreground, mean over images; camvid, mean IoU of 11 classes, pooled, and the same for
the drive Seq05VD alone (*new drive*), of which training saw nothing.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torchvision.transforms import v2

from benchmarks.race import packs, publish
from benchmarks.real_networks import CLASSES, NEW_DRIVE, VOID, note_reading
from course_utils import losses, metrics, study, training
from course_utils.data import public
from course_utils.models.parts import ConvBlock, Standardise, convolution, group_norm
from course_utils.models.unet import Add, Concatenate, UNet

BUDGETS = {30: 3, 60: 3, 180: 1}  # seconds: seeds
TRIAL = 60  # seconds of each recipe that is tried
COLUMNS = ("pack", "seconds", "entrant", "test", "steps", "million weights", "new drive")
TRIED_COLUMNS = ("recipe", "nuclei: val", "lead over ours", "steps", "camvid: val", "lead over ours", "steps")


# -- the recipes ------------------------------------------------------------------------------------------


class Contrast(nn.Module):
    """Standardise an image, and add the logarithm of its grey as one more channel, in which faint things count, too.

    Images, float (B, C, H, W) -> float (B, C + 1, H, W).
    """

    def __init__(self):
        super().__init__()
        self.standardise = Standardise()

    def forward(self, images):
        grey = images.mean(1, keepdim=True)
        above = grey - grey.amin((2, 3), keepdim=True)
        faint = torch.log(above + 0.02)
        return torch.cat([self.standardise(images), self.standardise(faint)], 1)


class Half(nn.Module):
    """A network that works at half the resolution: the mean of 2 × 2 pixels in, scores interpolated."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, images):
        scores = self.network(functional.avg_pool2d(images, 2, ceil_mode=True, count_include_pad=False))
        return functional.interpolate(scores, size=images.shape[-2:], mode="bilinear")


def single(inputs, outputs, norm=nn.BatchNorm2d):
    """One 3 × 3 convolution where a `ConvBlock` has two."""
    return nn.Sequential(convolution(inputs, outputs, bias=False), norm(outputs), nn.ReLU())


@dataclass(frozen=True)
class Recipe:
    """A U-Net and how it is taught; ``peer`` makes another network in its place, from a number of classes."""

    look: Callable = Contrast
    widths: tuple = (8, 16, 32, 64, 128)
    block: Callable = single
    norm: Callable = nn.BatchNorm2d
    join: Callable = Concatenate
    around: Callable = nn.Sequential
    peer: Callable | None = None
    size: int = 4
    crop: int = 128
    colour: float = 0.0
    loss: Callable = training.cross_entropy
    optimiser: Callable = training.adamw
    schedule: Callable = training.warm_cosine

    def model(self, classes):
        """The network, for colour images."""
        if self.peer:
            return self.peer(classes=classes)
        look = self.look()
        channels = look(torch.zeros(1, 3, 1, 1)).shape[1]
        unet = UNet(channels, classes, self.widths, block=self.block, norm=self.norm, join=self.join)
        return nn.Sequential(look, self.around(unet))

    def batches(self, pack, seed):
        """Random windows of the training images, mirrored as the pack allows."""
        images, targets, _ = pack.split("train")
        steps = [pack.mirror]
        if self.colour:
            steps.append(v2.ColorJitter(self.colour, self.colour, self.colour, self.colour / 4))
        return training.Batches(images, targets, self.size, self.crop, v2.Compose(steps), seed=seed)

    def learn(self, pack, seed, seconds):
        """(model, History) after so many seconds."""
        options = {name: getattr(self, name) for name in ("loss", "optimiser", "schedule")}
        options |= {"device": "cpu", "watch": False}
        training.fit(self.model(pack.classes), self.batches(pack, seed), steps=2, **options)  # warms up
        training.seed(seed)
        model = self.model(pack.classes)
        return model, training.fit(model, self.batches(pack, seed), seconds=seconds, **options)


def library(encoder, classes):
    """A U-Net of segmentation_models.pytorch around an encoder without learned weights."""
    from segmentation_models_pytorch import Unet

    return Unet(encoder, encoder_weights=None, classes=classes)


OURS = Recipe(
    loss=losses.mixed((1, training.cross_entropy), (1, losses.dice)),
    optimiser=partial(training.adamw, rate=5e-3),
)
TEXTBOOK = Recipe(
    look=nn.Identity,
    widths=(8, 16, 32, 64),
    block=ConvBlock,
    size=8,
    optimiser=partial(torch.optim.Adam, lr=1e-3),
    schedule=training.constant,
)
WIDE = replace(OURS, widths=tuple(2 * width for width in OURS.widths))
ENTRANTS = {
    "ours": OURS,
    "textbook U-Net": TEXTBOOK,
    "smp, resnet18": replace(TEXTBOOK, peer=partial(library, "resnet18")),
    "smp, mobilenet_v2": replace(TEXTBOOK, peer=partial(library, "mobilenet_v2")),
}
TRIED = {
    "ours": OURS,
    "as it stands: no standardising": replace(OURS, look=nn.Identity),
    "standardised, no logarithm": replace(OURS, look=Standardise),
    "cross-entropy alone": replace(OURS, loss=training.cross_entropy),
    "two convolutions a block": replace(OURS, block=ConvBlock),
    "one level less": replace(OURS, widths=OURS.widths[:-1]),
    "twice as wide": WIDE,
    "half the resolution": replace(OURS, around=Half),
    "sums for concatenation": replace(OURS, join=Add),
    "group normalisation": replace(OURS, norm=group_norm),
    "batches of 2": replace(OURS, size=2),
    "batches of 8": replace(OURS, size=8),
    "windows of 96, batches of 7": replace(OURS, size=7, crop=96),
    "half the rate": replace(OURS, optimiser=partial(training.adamw, rate=2.5e-3)),
    "twice the rate": replace(OURS, optimiser=partial(training.adamw, rate=1e-2)),
    "constant rate": replace(OURS, schedule=training.constant),
    "colours varied": replace(OURS, colour=0.3),
    "textbook U-Net": TEXTBOOK,
}
LONG = {600: ("ours", OURS), 3600: ("ours, twice as wide", WIDE)}  # seconds on camvid


# -- the images -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pack:
    """A set of real images: its classes, a function that scores confusion matrices (N, K, K), and how to mirror."""

    name: str
    classes: int
    score: Callable
    mirror: nn.Module
    ignore: int | None = None

    def split(self, split):
        """(images uint8 (H, W, 3), targets uint8 (H, W), names) of a split."""
        return _read(self, split)


@cache
def _read(pack, split):
    samples = public.folder(packs(pack.name) / pack.name, split, ignore=pack.ignore)
    images, targets = samples.arrays()
    images = [image if image.ndim == 3 else np.dstack([image] * 3) for image in images]
    if pack.classes == 2:  # the pack numbers its nuclei
        targets = [(target > 0).astype(np.uint8) for target in targets]
    return images, targets, samples.names


def foreground(matrices):
    """IoU of class 1, mean over images."""
    return float(metrics.iou(matrices)[:, 1].mean())


def pooled(matrices):
    """Mean IoU over the classes, all images counted as one."""
    return float(metrics.mean_iou(matrices.sum(0)))


PACKS = {
    "nuclei": Pack("nuclei", 2, foreground, training.flips()),
    "camvid": Pack("camvid", CLASSES, pooled, v2.RandomHorizontalFlip(), ignore=VOID),
}


# -- the runs ---------------------------------------------------------------------------------------------


def race(seed, pack, budget, entrant, recipes=ENTRANTS, split="test"):
    """One training and its scores: a recorded row. ``new_drive`` is NaN where a pack has none."""
    pack, recipe = PACKS[pack], recipes[entrant]
    model, history = recipe.learn(pack, seed, budget)
    images, targets, names = pack.split(split)
    matrices = training.evaluate(model, images, targets, pack.classes)
    if split == "test" and pack.name == "camvid":
        note_reading("benchmarks.learning", f"{entrant}, {budget} s, seed {seed}")
    new = np.array([name.startswith(NEW_DRIVE) for name in names])
    return study.rounded(
        {
            split: pack.score(matrices),
            "steps": history.steps,
            "weights": sum(weight.numel() for weight in model.parameters()),
            "loss": np.mean(history.losses[-20:]),
            "new_drive": pack.score(matrices[new]) if new.any() else np.nan,
        }
    )


def table(recorded):
    """The lines of the report, as COLUMNS names them."""
    choices = {tuple(row[name] for name in ("pack", "budget", "entrant")): row for row in recorded}
    for (pack, budget, entrant), row in choices.items():
        chosen = {"pack": pack, "budget": budget, "entrant": entrant}
        score, steps, new = (
            study.summarise(recorded, name, **chosen) for name in ("test", "steps", "new_drive")
        )
        yield (
            pack,
            budget,
            entrant,
            _spread(score),
            f"{steps.mean:.0f}",
            f"{row['weights'] / 1e6:.2f}",
            "–" if np.isnan(new.mean) else _spread(new),
        )


def table_of_tried(recorded):
    """The lines of the report on what was tried, as TRIED_COLUMNS names them."""
    for recipe in TRIED:
        line = [recipe]
        for pack in PACKS:
            score, ours = (
                study.column(recorded, "val", pack=pack, entrant=name)[0] for name in (recipe, "ours")
            )
            steps = study.column(recorded, "steps", pack=pack, entrant=recipe)[0]
            line += [f"{score:.3f}", "–" if recipe == "ours" else f"{score - ours:+.3f}", f"{steps:.0f}"]
        yield line


def _spread(summary):
    return f"{summary.mean:.3f}" + (f" ± {summary.std:.3f}" if summary.n > 1 else "")


def main(arguments=None):
    """Do the runs that are missing; write the table of the race. ``arguments`` are those of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learning", description=__doc__.split("\n")[0])
    parser.add_argument("--tried", action="store_true", help="race our recipe against its variants, on val")
    parser.add_argument("--long", action="store_true", help="ten minutes and an hour on camvid, one seed")
    options = parser.parse_args(arguments)
    packs(*PACKS)
    torch.set_num_threads(1)
    if options.tried:
        run = partial(race, recipes=TRIED, split="val")
        choices = study.grid(pack=list(PACKS), budget=[TRIAL], entrant=list(TRIED))
        _record("learning_tried_runs", choices, 0, run)
        publish("learning_tried", TRIED_COLUMNS, table_of_tried(study.rows("learning_tried_runs")))
        return
    if options.long:
        choices = [
            {"pack": "camvid", "budget": budget, "entrant": name} for budget, (name, _) in LONG.items()
        ]
        _record("learning_long_runs", choices, 0, partial(race, recipes=dict(LONG.values())))
        recorded = sorted(study.rows("learning_long_runs"), key=lambda row: row["budget"])
        publish("learning_long", COLUMNS, table(recorded))
        return
    for budget, seeds in BUDGETS.items():
        choices = study.grid(pack=list(PACKS), budget=[budget], entrant=list(ENTRANTS))
        for seed in range(seeds):
            _record("learning_runs", choices, seed, race)
    publish("learning", COLUMNS, table(study.rows("learning_runs")))


def _record(name, choices, seed, run):
    runs = study.Study(name, "Who learns most in so many seconds?", tuple(choices), (seed,), run)
    study.record(runs, on_run=lambda done, all_: print(f"{name}, seed {seed}: {done} of {all_}", flush=True))


if __name__ == "__main__":
    main()
