"""How near do the generated nuclei come to photographs? The same quantities measured on both, side by side.

    COURSE_REAL_DATA=<folder that holds the pack "nuclei"> python -m benchmarks.nuclei_realism

For each real fluorescence image one image of the same kind is generated, so that both sets hold the same mixture.
The table gives the quartiles of each quantity over the images of both sets, and the distance of their medians in
units of the real interquartile range; within 0.5 or so a generated image is typical. The grey histograms are compared
by their Wasserstein distance, beside the distance between two halves of the real images. Numbers alone leave this
command: they go to ``data/results/nuclei_realism.csv``.

Who reads the table should know: the ranges in `synthetic.KINDS` were tuned by looking at all images of the pack, the
test split included, and at this table. So it describes how near the generator was brought to these images; it is no
test on images that nobody had seen, and a method tuned on generated nuclei has indirectly seen the test split's look.
"""

import argparse
import csv
import itertools
from collections import defaultdict

import numpy as np
from PIL import Image
from scipy import ndimage
from scipy.stats import wasserstein_distance
from skimage.measure import regionprops

from benchmarks.race import packs, publish
from course_utils.data import synthetic

# What the types of the pack show, and in which shares (counted by eye).
MIXTURE = {
    "fluo_256": {"fibroblasts": 28, "spheroids": 12, "chromatin": 18, "dense": 34},
    "fluo_360": {"large": 20},
    "fluo_512x640": {"confocal": 6},
    "fluo_520x696": {"culture": 20},
}
HALVES = 30  # random divisions of the images for the distances between histograms
COLUMNS = (
    *("type", "quantity", "real_q25", "real_median", "real_q75"),
    *("generated_q25", "generated_median", "generated_q75", "distance"),
)


def main(arguments=None):
    """Print the table and write the CSV; `arguments` are those of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.nuclei_realism", description=__doc__.split("\n")[0]
    )
    parser.add_argument(
        "--every", type=int, default=1, help="use every n-th real image only, and write no CSV"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the first generated image")
    options = parser.parse_args(arguments)
    folder = packs("nuclei")
    rows = compare(folder / "nuclei", options.every, options.seed)
    for row in rows:
        print(f"{row[0]:13}{row[1]:23}" + "".join(f"{value:11.4g}" for value in row[2:]))
    if options.every == 1:
        publish(
            "nuclei_realism", COLUMNS, ([*row[:2], *(f"{value:.4g}" for value in row[2:])] for row in rows)
        )


def compare(folder, every=1, seed=0):
    """Rows of the table, each a tuple as COLUMNS names it, for all images together and for each type.

    ``folder`` is the pack's, ``every`` n-th of its fluorescence images is used; the generated ones have the seeds
    ``seed``, ``seed + 1`` …
    """
    with open(f"{folder}/index.csv", newline="", encoding="utf-8") as file:
        index = [row for row in csv.DictReader(file) if row["type"] in MIXTURE][::every]
    images, numbers, groups = defaultdict(list), defaultdict(list), defaultdict(list)
    kinds = {name: shuffled(shares) for name, shares in MIXTURE.items()}
    for i, row in enumerate(index):
        photo = read(folder, row)
        model = synthetic.specimen(seed + i, next(kinds[row["type"]]), size=photo.image.shape)
        for source, sample in (("real", photo), ("generated", model)):
            for where in ("all", row["type"]):
                images[where, source].append(
                    np.bincount(np.round(sample.image * 255).astype(int).ravel(), minlength=256)
                )
                numbers[where, source].append(measure(sample.image, sample.labels))
        for where in ("all", row["type"]):
            groups[where].append(row["mosaic_group"])
    rows = []
    for where, group in groups.items():
        real, made = numbers[where, "real"], numbers[where, "generated"]
        for name in real[0]:
            rows.append(_row(where, name, [n[name] for n in real], [n[name] for n in made]))
        distances = histogram_distances(images[where, "real"], images[where, "generated"], group)
        rows.append(_row(where, "histogram distance", *distances))
    return rows


def _row(where, name, real, made):
    real, made = (np.nanpercentile(values, (25, 50, 75)) for values in (real, made))
    spread = real[2] - real[0]
    return where, name, *real, *made, abs(made[1] - real[1]) / spread if spread else np.nan


def read(folder, row):
    """The Sample of one row of the pack's index."""
    image, labels = (
        np.asarray(Image.open(f"{folder}/{row['split']}/{part}/{row['file']}"))
        for part in ("images", "labels")
    )
    return synthetic.Sample(image / 255, labels.astype(np.int32))


def shuffled(shares):
    """Endless iterator over kinds of specimen in the given shares {kind: count}, in a random order."""
    kinds = np.repeat(list(shares), list(shares.values()))
    return itertools.cycle(np.random.default_rng(0).permutation(kinds).tolist())


def histogram_distances(real, made, groups):
    """Wasserstein distances (grey levels) of a random half of the real images to the other half, and to as many made.

    Tiles of one picture (``groups``) stay in the same half: they are nearly alike.
    """
    rng, real, made, groups = np.random.default_rng(0), np.array(real), np.array(made), np.array(groups)
    to_real, to_made = [], []
    for _ in range(HALVES):
        names = rng.permutation(np.unique(groups))
        one = np.isin(groups, names[::2])
        if one.all():
            return [np.nan], [np.nan]
        to_real.append(_distance(real[one], real[~one]))
        to_made.append(_distance(real[one], made[rng.permutation(len(made))[: (~one).sum()]]))
    return to_real, to_made


def _distance(one, other):
    return wasserstein_distance(np.arange(256), np.arange(256), one.sum(axis=0), other.sum(axis=0))


# ------------------------------------------------------------------------------------------ what is measured


def measure(image, labels):
    """All quantities of one image: {name: float}, NaN where it holds nothing to measure them on.

    Grey values are shares of the camera's range, lengths pixels; *of contrast* means divided by the contrast.
    """
    foreground = labels > 0
    away = ndimage.distance_transform_edt(~foreground)
    far, rim = away > 8, (away > 3) & (away < 7)
    background = np.median(image[far]) if far.any() else np.nan
    contrast = np.median(image[foreground]) - background
    return {
        **{f"grey, {q} %": np.percentile(image, q) for q in (1, 25, 50, 75, 95, 99, 99.8)},
        **shapes(labels),
        "covered": foreground.mean(),
        "touching": touching(labels),
        "contrast": contrast,
        **light(image, labels),
        "edge, of contrast": edge(image, foreground) / contrast,
        "halo, of contrast": (np.median(image[rim]) - background) / contrast if rim.any() else np.nan,
        "shading, of contrast": shading(image, far) / contrast,
        "noise": noise(image, far),
        "noise correlation": correlation(image, far),
        "spectrum slope": spectrum_slope(image),
    }


def shapes(labels):
    """Number of nuclei; of those that the border does not cut: area, its spread, eccentricity, solidity."""
    nuclei = regionprops(labels)
    bottom, right = labels.shape
    whole = [n for n in nuclei if min(n.bbox[:2]) > 0 and n.bbox[2] < bottom and n.bbox[3] < right]
    areas, roundness = [n.area for n in whole], [n.eccentricity for n in whole]
    return {
        "nuclei": len(nuclei),
        "area": np.median(areas) if whole else np.nan,
        "spread of log area": np.std(np.log(areas)) if len(whole) > 2 else np.nan,
        "eccentricity": np.median(roundness) if whole else np.nan,
        "solidity": np.median([n.solidity for n in whole]) if whole else np.nan,
    }


def touching(labels):
    """Share of the nuclei that are neighbours of another one (eight directions)."""
    lowest = ndimage.minimum_filter(np.where(labels, labels, labels.max() + 1), 3)
    met = (labels > 0) & ((ndimage.maximum_filter(labels, 3) != labels) | (lowest != labels))
    return len(np.unique(labels[met])) / labels.max() if labels.any() else np.nan


def light(image, labels):
    """Texture inside the nuclei and spread of brightness between them, both as coefficients of variation."""
    inside = np.where(ndimage.minimum_filter(labels, 5) == labels, labels, 0)  # two pixels away from the edge
    count, total, squares = (
        np.bincount(inside.ravel(), w)[1:] for w in (None, image.ravel(), image.ravel() ** 2)
    )
    large = count > 15
    mean = total[large] / count[large]
    texture = np.sqrt(np.maximum(squares[large] / count[large] - mean**2, 0)) / mean
    return {
        "texture": np.median(texture) if mean.size else np.nan,
        "spread of brightness": mean.std() / mean.mean() if mean.size > 2 else np.nan,
    }


def edge(image, foreground):
    """Median over the outline of the steepest grey step per pixel nearby."""
    outline = foreground & ~ndimage.binary_erosion(foreground, border_value=1)
    slope = np.hypot(*np.gradient(ndimage.gaussian_filter(image, 0.7)))
    return np.median(ndimage.maximum_filter(slope, 5)[outline])


def shading(image, where, block=32):
    """Standard deviation of the medians of the background's blocks."""
    corners = [(y, x) for y in range(0, image.shape[0], block) for x in range(0, image.shape[1], block)]
    blocks = [np.s_[y : y + block, x : x + block] for y, x in corners]
    medians = [np.median(image[b][where[b]]) for b in blocks if where[b].mean() > 0.25]
    return np.std(medians) if len(medians) > 3 else np.nan


LAPLACIAN = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]])  # blind to planes, and nearly to smooth shading


def noise(image, where):
    """Standard deviation of the white noise that explains the background.

    Immerkær 1996, "Fast noise variance estimation", doi:10.1006/cviu.1996.0060.
    """
    if where.sum() < 500:
        return np.nan
    return np.sqrt(np.pi / 2) * np.abs(ndimage.convolve(image, LAPLACIAN)[where]).mean() / 6


def correlation(image, where):
    """Correlation of neighbouring background pixels after the shading is taken away."""
    both = where[:, 1:] & where[:, :-1]
    if both.sum() < 500:
        return np.nan
    rest = image - ndimage.gaussian_filter(image, 4)
    return np.corrcoef(rest[:, 1:][both], rest[:, :-1][both])[0, 1]


def spectrum_slope(image):
    """Exponent of the power spectrum, averaged over directions, from 4 to 64 cycles in 256 pixels."""
    windowed = (image - image.mean()) * np.hanning(image.shape[0])[:, None] * np.hanning(image.shape[1])
    power = np.abs(np.fft.fft2(windowed)) ** 2
    frequency = 256 * np.hypot(np.fft.fftfreq(image.shape[0])[:, None], np.fft.fftfreq(image.shape[1]))
    octaves = np.log2(np.maximum(frequency, 1))
    rings = np.round(4 * octaves).astype(int)
    used = np.arange(8, 25)  # quarter octaves: 2² … 2⁶
    return np.polyfit(used / 4, np.log2(ndimage.mean(power, rings, used)), 1)[0]


if __name__ == "__main__":
    main()
