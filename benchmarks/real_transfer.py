"""What the course's taught encoder is worth on real images of microscopy, with few of them labelled.

    COURSE_REAL_DATA=<folder that holds the pack "nuclei"> python -m benchmarks.real_transfer

The encoder was taught by generated collages, and has seen nothing like this pack. The U-Net of lesson 16 learns
from 5 or 20 labelled images, from scratch and from the taught encoder, with three seeds, other images for
each, and with the rates that lesson 16 chose on generated pictures: nothing is chosen on real ones. The last weights
count. *Nuclei* (BBBC038): inside or outside, scored on all test tiles; images are grey or stained, bright on dark or
dark on bright.

Each reading of test images is noted in ``data/results/readings.csv``. Runs that were interrupted are taken up again.
"""

import argparse
from functools import cache, partial

import numpy as np

from benchmarks.race import packs, publish
from benchmarks.real_networks import note_reading
from course_utils import metrics, training
from course_utils.data import public
from course_utils.studies import transfer
from course_utils.study import Study, column, grid, record, rounded, rows, spread

COUNTS, SEEDS = (5, 20), 3
STEPS, SIZE = 100, 8
PACKS = {"nuclei": (2, (96, 96), training.flips)}  # classes, crop, how images are mirrored
COLUMNS = (
    "pack",
    "labelled images",
    "from scratch: mean IoU",
    "taught encoder: mean IoU",
    "lead",
    "seeds ahead",
)


def main(arguments=None):
    """Do the runs that are missing and write the table; `arguments` are those of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.real_transfer", description=__doc__.split("\n")[0]
    )
    parser.add_argument(
        "--steps", type=int, default=STEPS, help="fewer are for a try: nothing is written then"
    )
    options = parser.parse_args(arguments)
    folder = packs(*PACKS)
    configurations = grid(pack=list(PACKS), way=["scratch", "fine-tuned"], count=list(COUNTS))
    if options.steps != STEPS:
        for configuration in configurations:
            print(
                configuration,
                run(folder, seed=0, steps=options.steps, split="val", **configuration),
                flush=True,
            )
        return
    question = "What is the taught encoder worth on real images?"
    runs = Study(
        "real_transfer_runs", question, tuple(configurations), tuple(range(SEEDS)), partial(noted, folder)
    )
    record(runs, on_run=lambda done, all_: print(f"{done} of {all_} runs", flush=True))
    publish("real_transfer", COLUMNS, table(rows(runs.name)))


def noted(folder, seed, pack, way, count):
    """`run` on the test images, which is noted as a reading of them."""
    measured = run(folder, pack, way, count, seed, STEPS, split="test")
    note_reading("benchmarks.real_transfer", f"{way}, {count} images, seed {seed}", pack)
    return measured


def run(folder, pack, way, count, seed, steps, split):
    """Scores of a network that learned from some of the training images: dict of ``miou`` and ``accuracy``."""
    classes, crop, mirrored = PACKS[pack]
    images, targets = read(folder, pack, "train")
    chosen = np.random.default_rng(seed).permutation(len(images))[:count]
    training.seed(seed)
    model = transfer.segmenter(classes, transfer.WAYS[way].taught)
    given = training.Batches(
        [images[k] for k in chosen],
        [targets[k] for k in chosen],
        size=SIZE,
        crop=crop,
        augment=mirrored(),
        seed=seed,
    )
    rates = partial(transfer.rates_of, model, way)
    training.fit(model, given, steps=steps, optimiser=rates, watch=False)
    images, targets = read(folder, pack, split)
    matrix = np.sum(training.evaluate(model, images, targets, classes), axis=0)
    return rounded({"miou": np.nanmean(metrics.iou(matrix)), "accuracy": metrics.accuracy(matrix)})


@cache
def read(folder, pack, split):
    """(images uint8 (H, W, 3), targets uint8) of a split, lists; grey images have three equal channels."""
    images, targets = public.folder(folder / pack, split).arrays()
    images = [np.dstack([image] * 3) if image.ndim == 2 else image for image in images]
    return images, [np.uint8(target > 0) for target in targets]


def table(recorded):
    """Rows as COLUMNS names them."""
    for pack in PACKS:
        for count in COUNTS:
            scratch, taught = (
                column(recorded, "miou", pack=pack, way=way, count=count) for way in ("scratch", "fine-tuned")
            )
            leads = taught - scratch
            ahead = f"{(leads > 0).sum()} of {len(leads)}"
            yield pack, count, spread(scratch), spread(taught), f"{leads.mean():+.3f}", ahead


if __name__ == "__main__":
    main()
