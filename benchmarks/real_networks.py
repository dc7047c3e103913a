"""The five best networks of Part II on real streets: CamVid, eleven classes, taught from nothing.

    COURSE_REAL_DATA=<folder that holds the pack "camvid"> python -m benchmarks.real_networks

Which five, the streets of `town` decide: those with the highest mean IoU on its validation streets in the study
``networks``. Each learns with three seeds from windows of the 367 training frames (180 × 240 pixels), mirrored at
random, with the rate of that study; the last weights count, so that no frame of CamVid is used to choose. The test
frames are read once for each network and seed, and every such reading is noted in ``data/results/readings.csv``. Of
them 171 belong to a drive of which no training frame comes (*new drive*); the others continue drives that were learned
from. *Position alone* gives each pixel the class that is most frequent there in the training frames.

Runs that were interrupted are taken up again. Numbers alone leave this command: they go to ``data/results``.
"""

import argparse
import csv
from datetime import date
from functools import cache, partial

import numpy as np
from torchvision.transforms import v2

from benchmarks.race import packs, publish
from course_utils import metrics, paths, training
from course_utils.data import public
from course_utils.data.masks import IGNORE
from course_utils.studies import networks
from course_utils.study import Study, record, rounded, rows, summarise

CLASSES = 11
VOID = 11  # in the labels of the pack
CROP = (128, 160)
STEPS, SEEDS = 1200, 3
TOLERANCE = 2.0  # pixels
NEW_DRIVE = "Seq05VD"  # how the names of its frames begin
COLUMNS = (
    "network",
    "mean IoU",
    "accuracy",
    "boundary F",
    "new drive: mean IoU",
    "pedestrian IoU",
)
SHOWN = ("miou", "accuracy", "boundary_f", "new_drive_miou", "iou_pedestrian")


def main(arguments=None):
    """Do the runs that are missing, write the tables, print them; `arguments` are those of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.real_networks", description=__doc__.split("\n")[0]
    )
    parser.add_argument(
        "--steps", type=int, default=STEPS, help="fewer are for a try: nothing is written then"
    )
    options = parser.parse_args(arguments)
    folder = packs("camvid")
    pack, names = folder / "camvid", networks.best(5)
    if options.steps != STEPS:
        for name in names:
            print(name, run(pack, name, 0, options.steps, split="val"), flush=True)
        return
    configurations = tuple({"net": name} for name in names)
    question = "How do the best networks of the generated streets do on real ones?"
    runs = Study("real_networks_runs", question, configurations, tuple(range(SEEDS)), partial(noted, pack))
    record(runs, on_run=lambda done, all_: print(f"{done} of {all_} runs", flush=True))
    publish("real_networks", COLUMNS, table(rows(runs.name), names, pack))


def noted(pack, seed, net):
    """`run` on the test frames, which is noted as a reading of them."""
    measured = run(pack, net, seed, STEPS, split="test")
    note_reading("benchmarks.real_networks", f"{net}, seed {seed}")
    return measured


def note_reading(by, what, pack="camvid"):
    """Add a line to ``data/results/readings.csv``: who has looked at the test frames, and with what."""
    log = paths.bundled("data") / "results" / "readings.csv"
    new = not log.exists()
    with log.open("a", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerows([("date", "pack", "split", "by", "what")] if new else [])
        table.writerow((date.today().isoformat(), pack, "test", by, what))


def run(pack, net, seed, steps, split):
    """What one of `networks.NETWORKS` gets right of the frames of a split, after learning: dict of numbers."""
    training.seed(seed)
    model = networks.NETWORKS[net].make(3, CLASSES)
    given = training.Batches(
        *frames(pack, "train")[:2], size=8, crop=CROP, augment=v2.RandomHorizontalFlip(), seed=seed
    )
    optimiser = partial(training.adamw, rate=networks.RATE)
    training.fit(model, given, steps=steps, optimiser=optimiser, watch=False)
    images, targets, names = frames(pack, split)
    answers = [training.predict(model, image).argmax(0) for image in images]
    return rounded(scores(targets, answers, names))


def scores(targets, answers, names):
    """Scores of predicted frames, pooled over their pixels; void is left out, in the boundaries too."""
    matrices = [metrics.confusion_matrix(*pair, CLASSES) for pair in zip(targets, answers, strict=True)]
    matrix = np.sum(matrices, axis=0)
    new = np.sum([m for m, name in zip(matrices, names, strict=True) if name.startswith(NEW_DRIVE)], axis=0)
    edges = [_boundary_f(*pair) for pair in zip(targets, answers, strict=True)]
    each = metrics.iou(matrix)
    return {
        "miou": np.nanmean(each),
        "accuracy": metrics.accuracy(matrix),
        "boundary_f": np.mean(edges),
        "new_drive_miou": np.nanmean(metrics.iou(new)) if np.ndim(new) else np.nan,
        "iou_pedestrian": each[9],
    }


def _boundary_f(target, answer):
    """Mean over the classes of a frame; where it is void, nothing is predicted."""
    answer = np.where(target == IGNORE, IGNORE, answer)
    classes = np.unique(target[target != IGNORE])
    return np.mean([metrics.boundary_f(target == k, answer == k, TOLERANCE) for k in classes])


@cache
def frames(pack, split):
    """(images uint8, targets uint8 with 255 for void, names) of a split."""
    samples = public.folder(pack, split, ignore=VOID)
    return *samples.arrays(), samples.names


def by_position(pack, split="test"):
    """`scores` of the answer that gives each pixel the class most frequent there in the training frames."""
    _, taught, _ = frames(pack, "train")
    counts = np.stack([np.sum([target == k for target in taught], axis=0) for k in range(CLASSES)])
    _, targets, names = frames(pack, split)
    return scores(targets, [counts.argmax(axis=0)] * len(targets), names)


def table(recorded, names, pack):
    """Rows as COLUMNS names them."""
    floor = by_position(pack)
    yield "position alone", *(f"{floor[name]:.3f}" for name in SHOWN)
    for name in names:
        found = [summarise(recorded, column, net=name) for column in SHOWN]
        yield name, *(f"{number.mean:.3f} ± {number.std:.3f}" for number in found)


if __name__ == "__main__":
    main()
