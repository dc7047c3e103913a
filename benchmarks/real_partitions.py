"""Regions of photographs, ours and the libraries', against what several people drew.

    COURSE_REAL_DATA=<folder that holds the pack "bsds_photos"> python -m benchmarks.real_partitions

Each method runs with each of its settings on the train split; the setting with the best covering there is reported on
the val split. Covering, variation of information (split + merge, bits), boundary recall (within 2 pixels) and
under-segmentation error are means over the people who drew an image, then over images; *best person* is the covering
of the person who agrees most. Recall and under-segmentation favour many regions: the two lines with about 300
superpixels may be compared in them (asked for 400, scikit-image gives 300), and the number of regions stands beside
all. Seconds are a photograph's, with the
threads each library takes by itself. scikit-learn's mean shift gets every eighth pixel of every eighth row; more takes
it minutes. OpenCV's filter is made into regions by flooding, as in OpenCV's sample; of both, small regions are
absorbed as ours are. Numbers alone leave this command: they go to ``data/results/real_partitions.csv``.
"""

import time
from functools import partial
from itertools import product

import cv2
import numpy as np
from PIL import Image
from skimage import color, segmentation
from sklearn.cluster import MeanShift

from benchmarks.race import packs, publish
from course_utils import metrics
from course_utils.classic import clustering, graphs

SCORES = ("covering", "best person", "variation of information", "boundary recall", "under-segmentation")
COLUMNS = ("method", "by", "setting", "train covering", *SCORES, "regions", "seconds")
EVERY = 8  # scikit-learn's mean shift sees every eighth pixel of every eighth row


def main():
    """Print the table and write the CSV."""
    folder = packs("bsds_photos")
    publish("real_partitions", COLUMNS, compare(folder / "bsds_photos"))


def compare(folder, count=None):
    """Rows of the table as COLUMNS names them, list of tuples; of the first ``count`` photographs of each split."""
    train, val = (photographs(folder / split)[:count] for split in ("train", "val"))
    rows = []
    for method, by, run, settings in methods():
        covering, setting = max(
            ((measure(partial(run, **s), train)[0], s) for s in settings), key=lambda t: t[0]
        )
        numbers = measure(partial(run, **setting), val)
        named = ", ".join(f"{name} {value:g}" for name, value in setting.items())
        rows.append((method, by, named, *(f"{number:.3g}" for number in (covering, *numbers))))
        print(*rows[-1], sep=" | ", flush=True)
    return rows


def photographs(folder):
    """List of (image float64 (H, W, 3) in [0, 1], [label image of each person]), in the order of their names."""
    return [
        (
            np.asarray(Image.open(file)) / 255,
            [
                np.asarray(Image.open(drawn)).astype(int)
                for drawn in sorted(folder.glob(f"segs/{file.stem}_h*.png"))
            ],
        )
        for file in sorted(folder.glob("images/*.jpg"))
    ]


def measure(run, photos):
    """The SCORES, number of regions and seconds, means over the photographs."""
    rows = []
    for image, drawn in photos:
        start = time.perf_counter()
        labels = run(image)
        seconds = time.perf_counter() - start
        covering = [metrics.covering(person, labels) for person in drawn]
        rows.append(
            (
                np.mean(covering),
                np.max(covering),
                np.mean([sum(metrics.variation_of_information(person, labels)) for person in drawn]),
                np.mean([metrics.boundary_recall(person, labels) for person in drawn]),
                np.mean([metrics.under_segmentation_error(person, labels) for person in drawn]),
                len(np.unique(labels)),
                seconds,
            )
        )
    return np.mean(rows, axis=0)


def methods():
    """(method, by, function(image, **setting) -> labels, [settings]) of all entrants."""
    shift = grid(spatial=(8,), colour=(12, 20), area=(1500, 5000))
    tiles = grid(count=(10, 25, 50), compactness=(5, 10, 20))
    merged = grid(scale=(300, 1000, 3000), area=(1500, 5000))
    return [
        ("mean shift", "course", our_mean_shift, shift),
        (
            "mean shift",
            "OpenCV",
            opencv_mean_shift,
            grid(spatial=(8,), colour=(25, 40), area=(1500, 5000)),
        ),
        (
            "mean shift",
            "scikit-learn",
            sklearn_mean_shift,
            grid(spatial=(16,), colour=(12, 20), area=(5000,)),
        ),
        ("Felzenszwalb", "course", our_felzenszwalb, merged),
        ("Felzenszwalb", "scikit-image", skimage_felzenszwalb, merged),
        ("SLIC", "course", our_slic, tiles),
        ("SLIC", "scikit-image", skimage_slic, tiles),
        ("SLIC, 300 superpixels", "course", our_slic, grid(count=(300,), compactness=(10,))),
        ("SLIC, 300 superpixels", "scikit-image", skimage_slic, grid(count=(400,), compactness=(10,))),
        ("one region", "–", lambda image: np.zeros(image.shape[:2], int), [{}]),
    ]


def grid(**choices):
    """All combinations of the choices, list of dict."""
    return [dict(zip(choices, values, strict=True)) for values in product(*choices.values())]


def our_mean_shift(image, spatial, colour, area):
    return clustering.mean_shift_segments(color.rgb2lab(image), spatial, colour, area)


def opencv_mean_shift(image, spatial, colour, area):
    """Filter and flood, as OpenCV's sample meanshift_segmentation.cpp does it; colour in grey levels of RGB."""
    flat = cv2.pyrMeanShiftFiltering(np.round(image * 255).astype(np.uint8), spatial, colour)
    done = np.zeros((flat.shape[0] + 2, flat.shape[1] + 2), np.uint8)
    labels, number = np.zeros(flat.shape[:2], np.int64), 0
    only_mask = 4 | cv2.FLOODFILL_MASK_ONLY | 1 << 8
    for y, x in np.ndindex(labels.shape):
        if not done[y + 1, x + 1]:
            number += 1
            left, top, width, height = cv2.floodFill(flat, done, (x, y), None, (2,) * 3, (2,) * 3, only_mask)[
                3
            ]
            box = np.s_[top : top + height, left : left + width]
            labels[box][(done[1:-1, 1:-1][box] > 0) & (labels[box] == 0)] = number
    return clustering.absorb_small(labels, flat, area)


def sklearn_mean_shift(image, spatial, colour, area):
    """Of every eighth pixel of every eighth row; the other pixels take the label of the nearest of these."""
    lab = color.rgb2lab(image)
    few = lab[EVERY // 2 :: EVERY, EVERY // 2 :: EVERY]
    places = np.indices(few.shape[:2]).transpose(1, 2, 0) * EVERY / spatial
    points = np.concatenate([places, few / colour], axis=2).reshape(-1, 5)
    found = MeanShift(bandwidth=1.0, bin_seeding=True).fit(points).labels_.reshape(few.shape[:2])
    y, x = (np.minimum(np.arange(image.shape[a]) // EVERY, found.shape[a] - 1) for a in (0, 1))
    return clustering.absorb_small(found[np.ix_(y, x)], lab, area)


def our_felzenszwalb(image, scale, area):
    return graphs.felzenszwalb(image, scale / 255, 0.8, area)


def skimage_felzenszwalb(image, scale, area):
    return segmentation.felzenszwalb(image, scale, 0.8, area)


def our_slic(image, count, compactness):
    return clustering.slic(color.rgb2lab(image), count, compactness)


def skimage_slic(image, count, compactness):
    return segmentation.slic(image, count, compactness, sigma=0)


if __name__ == "__main__":
    main()
