"""Count and split real nuclei by marker watershed, ours and the usual recipe of scikit-image, on the same masks.

    COURSE_REAL_DATA=<folder that holds the pack "nuclei"> python -m benchmarks.nuclei_splitting

Both threshold the blurred image by Otsu (the stained and bright-field types are dark on light), fill holes, drop
specks, and flood the negative distance transform within the mask. They differ in the markers: ours are the h-maxima
of the distance, the recipe's its peaks that are a least distance apart. Each method's two parameters are chosen by
the F1 at IoU 0.5 on the splits train and val; the table tells how these do on the split test. F1 counts the nuclei
of all images of a type together. The rows go to ``data/results/nuclei_splitting.csv``, ``docs/benchmarks.md`` shows
them.
"""

import csv
from functools import partial
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage import feature, segmentation

from benchmarks.race import packs, publish
from course_utils import classic, metrics

DARK = {"stained_color", "brightfield_gray"}  # types whose nuclei are darker than what is around them
SPECK = 30  # pixels; smaller things are no nuclei
BLUR = (0.0, 1.0)  # of the distance, before its maxima are taken
CHOICES = {
    "course": [(h, blur) for h in (0.25, 0.5, 1.0, 1.5, 2.5) for blur in BLUR],
    "scikit-image": [(apart, blur) for apart in (3, 5, 8, 12, 16) for blur in BLUR],
}
COLUMNS = ("method", "parameters", "type", "images", "nuclei", "found", "f1_at_50", "f1_at_75", "count_error")


class Tally(NamedTuple):
    """Of some images: nuclei, objects found, matches at IoU 0.5 and 0.75, sum of |found − nuclei|, images."""

    nuclei: int = 0
    found: int = 0
    at_50: int = 0
    at_75: int = 0
    miscounted: int = 0
    images: int = 0

    def __add__(self, other):
        return Tally(*map(sum, zip(self, other, strict=True)))

    def f1(self, matched):
        return 2 * matched / max(self.nuclei + self.found, 1)


def main():
    """Choose on train and val, report on test: print the table and write the CSV."""
    folder = packs("nuclei")
    rows = compare(folder / "nuclei")
    for row in rows:
        print(*row, sep="\t")
    publish("nuclei_splitting", COLUMNS, rows)


def compare(folder, every=1):
    """Rows of the table, each a tuple as COLUMNS names it; ``every`` n-th image is used."""
    with open(f"{folder}/index.csv", newline="", encoding="utf-8") as file:
        index = [*csv.DictReader(file)][::every]
    known = [row for row in index if row["split"] != "test"]
    masks = [nuclei_mask(grey_image(folder, row), row["type"] in DARK) for row in known]
    truths = [target(folder, row) for row in known]
    rows = []
    for method, choices in CHOICES.items():
        best = max(
            choices,
            key=lambda choice: f1_at_50(map(partial(score, method, choice), masks, truths)),
        )
        tallies = {}
        for row in index:
            if row["split"] == "test":
                mask = nuclei_mask(grey_image(folder, row), row["type"] in DARK)
                tally = score(method, best, mask, target(folder, row))
                for where in ("all", row["type"]):
                    tallies[where] = tallies.get(where, Tally()) + tally
        names = ("h {:g}, blur {:g}" if method == "course" else "apart {:g}, blur {:g}").format(*best)
        rows += [(method, names, where, *line(tallies[where])) for where in sorted(tallies)]
    return rows


def line(tally):
    """The numbers of a row: images, nuclei, found, both F1, mean error of the count in nuclei an image."""
    scores = (tally.f1(tally.at_50), tally.f1(tally.at_75), tally.miscounted / tally.images)
    return tally.images, tally.nuclei, tally.found, *(f"{value:.3f}" for value in scores)


def grey_image(folder, row):
    """float64 (H, W) in [0, 1]."""
    image = np.asarray(Image.open(f"{folder}/{row['split']}/images/{row['file']}")) / 255
    return image if image.ndim == 2 else image.mean(axis=2)


def target(folder, row):
    """int32 (H, W): the nuclei as annotated."""
    return np.asarray(Image.open(f"{folder}/{row['split']}/labels/{row['file']}")).astype(np.int32)


def nuclei_mask(image, dark):
    """The mask that both methods split."""
    image = classic.filters.gaussian(1 - image if dark else image, 1)
    mask = classic.morphology.fill_holes(image > classic.thresholding.otsu(image))
    return classic.morphology.remove_small(mask, SPECK)


def split_by_h_maxima(mask, h, blur):
    """Ours: markers where the distance has a maximum that stands out by h pixels."""
    watershed = classic.watershed
    distance = watershed.distance_transform(mask)
    hills = np.where(mask, classic.filters.gaussian(distance, blur), 0)
    markers = classic.morphology.label(watershed.h_maxima(hills, h) & mask, 8)
    return watershed.watershed(-hills, markers, mask=mask) if markers.any() else markers


def split_by_peaks(mask, apart, blur):
    """The recipe of scikit-image's gallery: markers at peaks of the distance that many pixels apart."""
    hills = np.where(mask, ndimage.gaussian_filter(ndimage.distance_transform_edt(mask), blur), 0)
    peaks = feature.peak_local_max(
        hills, min_distance=apart, labels=ndimage.label(mask)[0], exclude_border=False
    )
    markers = np.zeros(mask.shape, np.int32)
    markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    return segmentation.watershed(-hills, markers, mask=mask)


METHODS = {"course": split_by_h_maxima, "scikit-image": split_by_peaks}


def score(method, choice, mask, truth):
    """Tally of one image."""
    labels = METHODS[method](mask, *choice)
    nuclei, found = (len(np.unique(image[image > 0])) for image in (truth, labels))
    matched = [len(metrics.match_instances(truth, labels, at).pairs) for at in (0.5, 0.75)]
    return Tally(nuclei, found, *matched, abs(found - nuclei), 1)


def f1_at_50(tallies):
    """F1 at IoU 0.5 over all images together."""
    whole = sum(tallies, Tally())
    return whole.f1(whole.at_50)


if __name__ == "__main__":
    main()
