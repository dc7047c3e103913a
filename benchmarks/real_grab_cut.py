"""GrabCut and seeded graph cuts on photographs, from the packs' own boxes and strokes, beside OpenCV's GrabCut.

IoU is the mean over images and over three seeds of the clusters that both methods start from, the unknown band
left out; `seeds` is the standard deviation of that mean from seed to seed. Rows with the same prompt had the same
box, strokes and rounds; `wins` counts the images on which a method beats the other of its prompt by more than 0.01,
and `lead` is its mean lead with the 95 % interval of the paired bootstrap over images. The course's settings were
chosen on `bsds_photos` train and `pets` tune (`--choose` prints that table); the other two splits were read only to
report. OpenCV has no graph cut from strokes alone.

Written by `COURSE_REAL_DATA=<folder of the packs> python -m benchmarks.real_grab_cut`.
"""

import argparse
import csv
import itertools
import time
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from benchmarks.race import packs, publish
from course_utils import metrics
from course_utils.classic.graph_cuts import grab_cut, graph_cut

CHOOSE = (("bsds_photos", "train"), ("pets", "tune"))
REPORT = (("bsds_photos", "val"), ("pets", "eval"))
COLUMNS = (
    "pack",
    "split",
    "prompt",
    "method",
    "images",
    "mean_iou",
    "seeds",
    "lowest_iou",
    "wins",
    "lead",
    "seconds_an_image",
)
UNKNOWN = 255  # in the masks of the packs
ROUNDS = 5
SEEDS = range(3)


def main(arguments=None):
    """Measure, write the CSV and rebuild the report; `arguments` are those of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.real_grab_cut", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--choose", action="store_true", help="compare settings on the splits for choosing")
    options = parser.parse_args(arguments)
    folder = packs("bsds_photos", "pets")
    if options.choose:
        choose(folder)
        return
    results = {split: try_all(list(photos(folder, *split))) for split in (*CHOOSE, *REPORT)}
    rows = [row for split, tried in results.items() for row in compare(tried, *split)]
    rows += compare(together([results[split] for split in REPORT]), "both", "val, eval")
    publish("real_grab_cut", COLUMNS, rows)
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


def opencv(image, box, strokes, seed):
    """OpenCV's mask from the same box and, unless they are None, strokes."""
    top, left, bottom, right = box
    labels = np.full(image.shape[:2], cv2.GC_BGD, np.uint8)
    labels[top:bottom, left:right] = cv2.GC_PR_FGD
    if strokes is not None:
        labels[strokes == 1], labels[strokes == 2] = cv2.GC_FGD, cv2.GC_BGD
    cv2.setRNGSeed(seed)
    models = np.zeros((2, 1, 65))
    bgr = np.ascontiguousarray(image[..., ::-1])
    cv2.grabCut(bgr, labels, None, *models, ROUNDS, cv2.GC_INIT_WITH_MASK)
    return (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)


PROMPTS = {
    "box": {
        "course": lambda image, box, _, seed: grab_cut(image, box, rounds=ROUNDS, seed=seed).mask,
        "OpenCV": lambda image, box, _, seed: opencv(image, box, None, seed),
    },
    "box and strokes": {
        "course": lambda image, box, strokes, seed: (
            grab_cut(image, box, strokes, rounds=ROUNDS, seed=seed).mask
        ),
        "OpenCV": opencv,
    },
    "strokes": {"course": lambda image, _, strokes, seed: graph_cut(image, strokes, seed=seed).mask},
}


def try_all(examples):
    """{prompt: {method: (IoU (seeds, images), seconds an image)}} for the photographs of one split."""
    tried = {}
    for prompt, methods in PROMPTS.items():
        if "strokes" in prompt and examples[0][3] is None:
            continue
        for method, segment in methods.items():
            start = time.perf_counter()
            masks = [[segment(i, box, strokes, seed) for i, _, box, strokes in examples] for seed in SEEDS]
            seconds = (time.perf_counter() - start) / len(SEEDS) / len(examples)
            iou = [[score(e[1], mask) for e, mask in zip(examples, row, strict=True)] for row in masks]
            tried.setdefault(prompt, {})[method] = np.array(iou), seconds
    return tried


def together(results):
    """What `try_all` gave for several splits, for all their images at once, where all have the prompt."""
    return {
        prompt: {
            method: (
                np.concatenate([tried[prompt][method][0] for tried in results], axis=1),
                float(np.mean([tried[prompt][method][1] for tried in results])),
            )
            for method in results[0][prompt]
        }
        for prompt in results[0]
        if all(prompt in tried for tried in results)
    }


def compare(tried, pack, split):
    """Rows, each a tuple as COLUMNS names it, of what `try_all` gave."""
    for prompt, methods in tried.items():
        for method, (iou, seconds) in methods.items():
            images = iou.mean(axis=0)
            rival = next((other.mean(axis=0) for name, (other, _) in methods.items() if name != method), None)
            wins = lead = ""
            if rival is not None:
                wins = np.count_nonzero(images > rival + 0.01)
                found = metrics.paired_bootstrap(rival, images)
                lead = f"{found.difference:+.3f} ({found.low:+.3f} to {found.high:+.3f})"
            numbers = (f"{value:.3f}" for value in (iou.mean(), iou.mean(axis=1).std(), images.min()))
            yield pack, split, prompt, method, iou.shape[1], *numbers, wins, lead, f"{seconds:.2g}"


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
