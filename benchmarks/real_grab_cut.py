"""GrabCut and seeded graph cuts on photographs, from the packs' own boxes and strokes, beside OpenCV's GrabCut.

IoU is the mean over images, the unknown band left out. Rows with the same prompt had the same box, strokes and rounds;
`wins` counts the images on which a method beats the other of its prompt by more than 0.01. The course's settings were
chosen on `bsds_photos` train and `pets` tune (`--choose` prints that table); the other two splits were read only to
report. OpenCV has no graph cut from strokes alone.

Written by `COURSE_REAL_DATA=<folder of the packs> python -m benchmarks.real_grab_cut`.
"""

import argparse
import csv
import itertools
import os
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from benchmarks import race
from course_utils import metrics, paths
from course_utils.classic.graph_cuts import grab_cut, graph_cut
from course_utils.data import checksums

CHOOSE = (("bsds_photos", "train"), ("pets", "tune"))
REPORT = (("bsds_photos", "val"), ("pets", "eval"))
COLUMNS = (
    "pack",
    "split",
    "prompt",
    "method",
    "images",
    "mean_iou",
    "lowest_iou",
    "wins",
    "seconds_an_image",
)
UNKNOWN = 255  # in the masks of the packs
ROUNDS = 5


def main(arguments=None):
    """Measure, write the CSV and rebuild the report; `arguments` are those of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.real_grab_cut", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--choose", action="store_true", help="compare settings on the splits for choosing")
    options = parser.parse_args(arguments)
    folder = os.environ.get("COURSE_REAL_DATA")
    if not folder:
        sys.exit("Set the environment variable COURSE_REAL_DATA to the folder that holds the packs.")
    if options.choose:
        choose(Path(folder))
        return
    rows = [
        row for split in (*CHOOSE, *REPORT) for row in measure(list(photos(Path(folder), *split)), *split)
    ]
    path = paths.bundled("data") / "results" / "real_grab_cut.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])
    race.write_report()
    checksums.update()
    for row in rows:
        print(*row)


def photos(folder, pack, split):
    """(image uint8 (H, W, 3), target uint8 with 255 unknown, box (top, left, bottom, right), strokes or None)."""
    with (folder / pack / "index.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["split"] == split:
                name = Path(row["file"]).stem
                image = np.asarray(Image.open(folder / pack / split / "images" / row["file"]).convert("RGB"))
                target = np.asarray(Image.open(folder / pack / split / "fgbg" / f"{name}.png"))
                drawn = folder / pack / split / "scribbles" / f"{name}.png"
                left, top, right, bottom = (int(row[f"box_{side}"]) for side in ("x0", "y0", "x1", "y1"))
                strokes = np.asarray(Image.open(drawn)) if drawn.exists() else None
                yield image, target, (top, left, bottom + 1, right + 1), strokes


def opencv(image, box, strokes=None):
    """OpenCV's mask from the same box and strokes."""
    top, left, bottom, right = box
    labels = np.full(image.shape[:2], cv2.GC_BGD, np.uint8)
    labels[top:bottom, left:right] = cv2.GC_PR_FGD
    if strokes is not None:
        labels[strokes == 1], labels[strokes == 2] = cv2.GC_FGD, cv2.GC_BGD
    cv2.setRNGSeed(0)
    models = np.zeros((2, 1, 65))
    bgr = np.ascontiguousarray(image[..., ::-1])
    cv2.grabCut(bgr, labels, None, *models, ROUNDS, cv2.GC_INIT_WITH_MASK)
    return (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)


PROMPTS = {
    "box": {
        "course": lambda image, box, strokes: grab_cut(image, box, rounds=ROUNDS).mask,
        "OpenCV": lambda image, box, strokes: opencv(image, box),
    },
    "box and strokes": {
        "course": lambda image, box, strokes: grab_cut(image, box, strokes, rounds=ROUNDS).mask,
        "OpenCV": opencv,
    },
    "strokes": {"course": lambda image, box, strokes: graph_cut(image, strokes).mask},
}


def measure(examples, pack, split):
    """Rows, each a tuple as COLUMNS names it, for the photographs of one split."""
    for prompt, methods in PROMPTS.items():
        if "strokes" in prompt and examples[0][3] is None:
            continue
        scores, seconds = {}, {}
        for method, segment in methods.items():
            start = time.perf_counter()
            masks = [segment(image, box, strokes) for image, _, box, strokes in examples]
            seconds[method] = (time.perf_counter() - start) / len(examples)
            scores[method] = np.array([score(e[1], mask) for e, mask in zip(examples, masks, strict=True)])
        for method, iou in scores.items():
            rival = next((scores[other] for other in scores if other != method), None)
            wins = "" if rival is None else np.count_nonzero(iou > rival + 0.01)
            numbers = (f"{value:.3f}" for value in (iou.mean(), iou.min()))
            yield pack, split, prompt, method, len(examples), *numbers, wins, f"{seconds[method]:.2g}"


def score(target, mask):
    """IoU of the object, without the unknown band."""
    known = target != UNKNOWN
    return metrics.mask_iou((target == 1) & known, mask & known)


def choose(folder):
    """Print mean IoU for settings of both methods, on the splits made for that."""
    splits = [list(photos(folder, *split)) for split in CHOOSE]
    for components, smoothness in itertools.product((3, 4, 5), (10, 15, 25, 50)):
        settings = {"components": components, "smoothness": smoothness}
        boxes = [
            [score(t, grab_cut(i, b, rounds=ROUNDS, **settings).mask) for i, t, b, _ in s] for s in splits
        ]
        strokes = [score(t, graph_cut(i, s, **settings).mask) for i, t, _, s in splits[0]]
        print(settings, *(f"{np.mean(iou):.3f}" for iou in (*boxes, strokes)), flush=True)


if __name__ == "__main__":
    main()
