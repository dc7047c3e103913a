"""The reckoning of Part I: one or two methods of each lesson on every bundled set, and on changed photographs.

The task is the same everywhere: one mask of the object. Four sets, six to nine pictures each:

=========== ==========================================================================================
``photos``  the scoreboard's photographs with their drawn objects
``nuclei``  the scoreboard's generated cells: everything that is nucleus
``mosaics`` three textures of equal grey histogram (test halves): the region of one of them
``town``    generated streets by day: all cars
=========== ==========================================================================================

The photographs are then changed in four ways (`CHANGES`): uneven light, noise, blur, half the size.

Nobody gets anything for nothing, and what each method was given beside the picture stands in its row (`Entrant`):
nothing; the *polarity*, whether the object is the brighter side; a *box* around the object; or *strokes* that a
program painted inside and outside the object, the same for all who get strokes. Settings are one for all pictures,
stated here, and were not tuned on these pictures but for Sauvola's, which is the scoreboard's. A score is the IoU of
the object, without the pixels that were painted: whoever saw them cannot be examined on them.

``python -m course_utils.reckoning`` does the runs that ``data/results/reckoning.csv`` does not hold yet (a row each, so
it may be interrupted) and writes the checksums; lesson 07 reads the rows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from itertools import product

import numpy as np

from course_utils import metrics, scoreboard, strokes, study
from course_utils.classic import (
    clustering,
    features,
    filters,
    graph_cuts,
    level_sets,
    mixtures,
    thresholding,
    watershed,
)
from course_utils.data import checksums, synthetic

NAME = "reckoning"
SETS = ("photos", "nuclei", "mosaics", "town")
MOSAICS = range(200, 206)  # test seeds; picture 200 + t shows textures t, t + 1, t + 2 and asks for t
TOWN = (2000, 2001, 2002, 2003, 2004, 2005)  # the first test seeds that show at least 3 % car
SEEDS = (0, 1, 2)  # draws of the strokes
TREES = 30
BEFORE = "forest, painted before"  # its strokes lie on the photograph as it was


# ------------------------------------------------------------------------------------------ the pictures


@cache
def catalogue():
    """The pictures in their fixed order: dict name -> (set, function that makes its ``scoreboard.Item``)."""
    shown = {name: ("photos", partial(scoreboard.photograph, name)) for name in scoreboard.PHOTOS}
    shown |= {f"nuclei {seed}": ("nuclei", partial(scoreboard.cells, seed)) for seed in scoreboard.NUCLEI}
    shown |= {f"mosaic {seed}": ("mosaics", partial(_mosaic, seed)) for seed in MOSAICS}
    return shown | {f"town {seed}": ("town", partial(_street, seed)) for seed in TOWN}


@cache
def find(picture):
    """The item of that name. Raises ValueError, with the names, where there is none."""
    if picture not in catalogue():
        raise ValueError(f"there is no picture {picture!r}; there are {', '.join(catalogue())}")
    return catalogue()[picture][1]()


def _mosaic(seed):
    first = seed - MOSAICS[0]
    three = [synthetic.TEXTURES[(first + k) % len(synthetic.TEXTURES)] for k in range(3)]
    sample = synthetic.mosaics(seed, split="test", textures=three, regions=3)
    return scoreboard.Item("mosaics", f"mosaic {seed}", sample.image, sample.labels == first, True)


def _street(seed):
    street = synthetic.town(seed, night=0)
    mask = street.labels == synthetic.TOWN_CLASSES.index("car")
    grey = filters.luminance(street.image)
    return scoreboard.Item("town", f"town {seed}", street.image, mask, grey[mask].mean() > grey[~mask].mean())


def _light(image, rng):
    """A lamp at one side: the light falls to a quarter across the picture, in a random direction."""
    turn = rng.uniform(0, 2 * np.pi)
    y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in image.shape[:2]), indexing="ij")
    slope = y * np.sin(turn) + x * np.cos(turn)
    light = 1 - 0.75 * (slope - slope.min()) / np.ptp(slope)
    return image * (light if image.ndim == 2 else light[..., None])


def _noise(image, rng):
    return np.clip(image + rng.normal(0, 0.15, image.shape), 0, 1)


def _blur(image, rng):
    channels = np.atleast_3d(image)
    return np.stack([filters.gaussian(channels[..., c], 4) for c in range(channels.shape[2])], -1).reshape(
        image.shape
    )


def _half(image, rng=None):
    """The means of blocks of 2 × 2 pixels."""
    height, width = (n // 2 for n in image.shape[:2])
    blocks = image[: 2 * height, : 2 * width].reshape(height, 2, width, 2, *image.shape[2:])
    return blocks.mean(axis=(1, 3))


#: What happens to a photograph: function(image, rng) -> image.
CHANGES = {
    "as it is": lambda image, rng: image,
    "light": _light,
    "noise": _noise,
    "blur": _blur,
    "half": _half,
}


RANDOM = ("light", "noise")


@lru_cache(4)
def changed(picture, change="as it is", seed=0):
    """The item after a change; the seed draws noise and direction of light. Not for writing into."""
    item = find(picture)
    number = [seed, list(CHANGES).index(change), *picture.encode()]
    image = CHANGES[change](item.image, np.random.default_rng(number)).astype(np.float32)
    mask = _half(item.mask.astype(float)) >= 0.5 if change == "half" else item.mask
    return scoreboard.Item(item.set, item.name, image, mask, item.bright)


# ------------------------------------------------------------------------------------------- the methods


@dataclass(frozen=True)
class Task:
    """A picture to segment under a change, and all that a method may be given with it; ``seed`` is for chance."""

    picture: str
    change: str = "as it is"
    seed: int = 0

    @property
    def item(self):
        """The changed picture with its truth, `scoreboard.Item`."""
        return changed(*_key(self))

    @property
    def before(self):
        """The task of the same picture and seed before the change."""
        return Task(self.picture, seed=self.seed)

    @property
    def image(self):
        return self.item.image

    @property
    def grey(self):
        """Luminance, turned round where the object is the dark side: the polarity is given away here."""
        grey = filters.luminance(self.image)
        return grey if self.item.bright else 1 - grey

    @property
    def strokes(self):
        """int32 (H, W): 1 on four strokes inside the object, 2 on four outside, 0 elsewhere."""
        return _painted(self)


def _otsu(task):
    return task.grey > thresholding.otsu(task.grey)


def _sauvola(task):
    negative = 1 - task.grey
    return negative <= thresholding.sauvola(negative, window=101, k=0.1)


def _watershed(task):
    """The steepness of the slightly blurred picture, flooded from the strokes."""
    return flooded(task.image, task.strokes) == 1


def _k_means(task):
    """Eight groups of colours; the strokes say which of them are object."""
    return grouped(task.image, task.strokes, task.seed) == 1


def _mean_shift(task):
    """Regions of pixels that climb to one mode; the strokes say which of them are object."""
    return named(_segments(*_key(task)), colours(task.image), task.strokes) == 1


def flooded(image, strokes):
    """The steepness of a slightly blurred picture, flooded from strokes: their numbers, int32 (H, W)."""
    steep = filters.gradient_magnitude(filters.gaussian(filters.luminance(image), 1))
    return watershed.watershed(steep, strokes)


def grouped(image, strokes, seed=0):
    """Eight groups of colours, `named` by strokes: their numbers, int32 (H, W)."""
    values = colours(image)
    groups = mixtures.k_means(values.reshape(-1, values.shape[2]), 8, seed).labels
    return named(groups.reshape(values.shape[:2]), values, strokes)


def climbed(image):
    """Regions, int32 (H, W), of pixels that climb to one mode of place and colour."""
    return clustering.mean_shift_segments(np.squeeze(colours(image)), 8, 8.0, 50)


def _grab_cut(task):
    """A box that leaves nothing outside says nothing: the answer is then everything."""
    top, left, bottom, right = task.item.box
    if (bottom - top, right - left) == task.item.mask.shape:
        return np.ones(task.item.mask.shape, bool)
    return graph_cuts.grab_cut(task.image, task.item.box, seed=task.seed).mask


def _chan_vese(task):
    """Two even regions with a short outline; the brighter one is the object."""
    mask = level_sets.chan_vese(task.grey).mask
    if not mask.any() or mask.all():
        return mask
    return mask if task.grey[mask].mean() > task.grey[~mask].mean() else ~mask


def _forest(task):
    return _grown(task, task)


def _forest_before(task):
    return _grown(task.before, task)


@dataclass(frozen=True)
class Entrant:
    """A method: ``segment`` (Task → mask), its lesson, and what it is given beside the picture."""

    segment: Callable
    lesson: str
    given: str

    @property
    def seeds(self):
        """Strokes fall anew with each seed; what is given nothing random needs one run."""
        return SEEDS if self.given == "strokes" else SEEDS[:1]


METHODS = {
    "everything": Entrant(lambda task: np.ones(task.item.mask.shape, bool), "01", "nothing"),
    "Otsu": Entrant(_otsu, "02", "polarity"),
    "Sauvola 101": Entrant(_sauvola, "02", "polarity"),
    "marker watershed": Entrant(_watershed, "03", "strokes"),
    "k-means, k = 8": Entrant(_k_means, "04", "strokes"),
    "mean shift": Entrant(_mean_shift, "04", "strokes"),
    "GrabCut": Entrant(_grab_cut, "05", "box"),
    "Chan–Vese": Entrant(_chan_vese, "06", "polarity"),
    "forest, painted here": Entrant(_forest, "07", "strokes"),
    BEFORE: Entrant(_forest_before, "07", "strokes"),
}


# --------------------------------------------------------------------------------------------- the study


class _Reckoning(study.Study):
    """Every picture under every change with every method, with as many seeds as the method has use for."""

    def runs(self):
        """Pictures outside, methods inside: what the methods of a picture share is computed once."""
        chosen = []
        for picture, (kind, _) in catalogue().items():
            for change, seed in product(CHANGES if kind == "photos" else ("as it is",), SEEDS):
                for method, entrant in METHODS.items():
                    if seed in entrant.seeds and not (method == BEFORE and change == "as it is"):
                        place = {"set": kind, "picture": picture, "change": change}
                        chosen.append((place | {"method": method}, seed))
        return chosen


def run(seed, set, picture, change, method):
    """One row of the study."""
    task = Task(picture, change, seed)
    return {"iou": round(score(task, METHODS[method].segment(task)), 4)}


def score(task, answer):
    """IoU of the object in an answer (bool (H, W)), on the pixels that were not painted."""
    free = task.strokes == 0
    return metrics.mask_iou(task.item.mask[free], answer[free])


STUDY = _Reckoning(NAME, "Where does each classic method win, and where do all of them fail?", (), SEEDS, run)


def rows():
    """What was recorded, complete or not: a list of dicts, empty where there is nothing yet."""
    return study.rows(NAME, STUDY.path) if STUDY.path.is_file() else []


def scores(recorded, method, set, change="as it is"):
    """IoU of a method on the pictures of a set, each the mean over its seeds: dict picture -> float."""
    method = "forest, painted here" if method == BEFORE and change == "as it is" else method
    found = {}
    for row in recorded:
        if (row["method"], row["set"], row["change"]) == (method, set, change):
            found.setdefault(row["picture"], []).append(row["iou"])
    return {picture: float(np.mean(values)) for picture, values in found.items()}


def mean_score(recorded, method, set, change="as it is"):
    """The mean of `scores` over the pictures of a set, NaN where none is recorded yet."""
    return float(np.mean(list(scores(recorded, method, set, change).values()) or [np.nan]))


# ------------------------------------------------------------------------------------------------ helpers


def colours(image):
    """Lab, or 100 times the grey value: (H, W, C)."""
    if image.ndim == 2:
        return 100 * image[..., None]
    from skimage import color

    return color.rgb2lab(image)


@lru_cache(4)
def _painted(task):
    """The strokes are an eighth of the picture long and 3 px wide."""
    mask = task.item.mask
    return strokes.paint(np.where(mask, 1, 2), length=min(mask.shape) // 8, seed=task.seed)


def named(regions, values, strokes):
    """Which stroke's number each pixel gets, int32 (H, W), by the strokes in the regions.

    A region gets the number of whose strokes it holds the largest share, of equals the larger; one without any that of
    the region with strokes whose mean colour is nearest. regions : int (H, W); values : `colours` (H, W, C); strokes :
    int (H, W)
    """
    _, places = np.unique(regions, return_inverse=True)
    places = places.reshape(regions.shape)
    numbers = np.unique(strokes[strokes > 0]).astype(np.int32)
    shares = [np.bincount(places[strokes == number], minlength=places.max() + 1) for number in numbers]
    shares = np.array([share / share.sum() for share in shares])
    sizes = np.bincount(places.ravel())
    means = [np.bincount(places.ravel(), channel.ravel()) / sizes for channel in np.moveaxis(values, -1, 0)]
    means = np.stack(means, -1)
    told = np.flatnonzero(shares.any(axis=0))
    apart = np.linalg.norm(means[:, None] - means[None, told], axis=-1)
    apart[told] = np.where(told[:, None] == told, -1, np.inf)  # who has strokes asks nobody else
    nearest = told[apart.argmin(axis=1)]
    return numbers[::-1][shares[::-1].argmax(axis=0)][nearest][places]  # of equals the last


def _key(task):
    """What the picture of a task depends on: the same for all seeds where the change has no chance in it."""
    return task.picture, task.change, task.seed if task.change in RANDOM else 0


@lru_cache(2)
def _segments(*key):
    return climbed(changed(*key).image)


@lru_cache(1)  # they are large
def _features(*key):
    return features.features(changed(*key).image).values


def _grown(taught, task):
    """The mask that a forest taught by the strokes in one picture finds in another, or in the same."""
    from sklearn.ensemble import RandomForestClassifier

    known = taught.strokes > 0
    forest = RandomForestClassifier(TREES, random_state=task.seed)
    forest.fit(_features(*_key(taught))[known], taught.strokes[known])
    values = _features(*_key(task))
    return (forest.predict(values.reshape(-1, values.shape[2])) == 1).reshape(values.shape[:2])


if __name__ == "__main__":
    study.record(STUDY, on_run=lambda done, total: print(f"\r{done} of {total} runs", end="", flush=True))
    print()
    for trouble in checksums.update():
        print(*trouble)
