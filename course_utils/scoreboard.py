"""All methods of the course on the same pictures, under the same policy.

The benchmark is a fixed list of pictures from every bundled set, each with the mask of its object. One policy holds for
every row:

* a method gets the picture (grey unless it asks for colour) and returns a bool mask; it runs with **one setting for
  all pictures**;
* IoU and boundary F (tolerance 2 px) of the object are averaged **over the pictures of a set**; sets are unlike tasks
  and are never averaged with each other;
* what a method was given beyond the picture stands in its row: ``labels`` it learned from, ``prompts`` at test time,
  what its settings were ``tuned`` on. To know whether the object is the bright or the dark side is a prompt, too:
  with ``prompts="polarity"`` a method is handed the negative of every picture whose object is dark, and with
  ``prompts="box"`` it gets, as a second argument, the box around the object that somebody might have drawn;
* ``cost`` is the time for all pictures, as a multiple of a fixed calculation on the same machine in the same minute;
  ``mb`` the most memory that Python's and numpy's allocations took beyond the picture.

Rows recorded by ``python -m course_utils.scoreboard`` ship with the course. A student's own rows lie over them, in the
student's folder.
"""

import csv
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from functools import cache

import numpy as np

from course_utils import metrics, paths, plotting
from course_utils.classic import (
    clustering,
    features,
    filters,
    graph_cuts,
    level_sets,
    mixtures,
    snakes,
    softmax,
    thresholding,
    watershed,
)
from course_utils.data import checksums, photos, synthetic

FILE = "scoreboard.csv"
TOLERANCE = 2.0
MARGIN = 5  # pixels between the object and the box of a prompt
#: The photographs, and whether their object is the bright side.
PHOTOS = {
    "coins": True,
    "page": False,
    "camera": False,
    "horse": False,
    "cell": True,
    "rocket": True,
    "astronaut": True,
    "coffee": True,
    "chelsea": True,
}
NUCLEI = range(900, 906)  # seeds that no lesson shows
SETS = ("photos", "nuclei")


@dataclass(frozen=True)
class Item:
    """One picture of the benchmark: ``image`` (H, W[, 3]), ``mask`` of its object, and which side that is."""

    set: str
    name: str
    image: np.ndarray
    mask: np.ndarray
    bright: bool

    @property
    def box(self):
        """(top, left, bottom, right) around the object, `MARGIN` wider where the picture allows it.

        ``image[top:bottom, left:right]`` is inside. Where objects lie all over the picture, that may be all of it.
        """
        rows, columns = (np.flatnonzero(self.mask.any(axis=axis)) for axis in (1, 0))
        height, width = self.mask.shape
        top, left = max(int(rows[0]) - MARGIN, 0), max(int(columns[0]) - MARGIN, 0)
        return top, left, min(int(rows[-1]) + 1 + MARGIN, height), min(int(columns[-1]) + 1 + MARGIN, width)


@dataclass(frozen=True)
class Row:
    """A method's result. Scores are means over the pictures of a set; ``own`` marks a student's row."""

    method: str
    lesson: str
    photos_iou: float
    photos_boundary_f: float
    nuclei_iou: float
    nuclei_boundary_f: float
    cost: float
    mb: float
    labels: int = 0
    prompts: str = ""
    tuned: str = ""
    own: bool = False


@dataclass(frozen=True)
class Entrant:
    """A method to record: ``segment`` (image → mask, or image and prompt → mask), and what its row says of it."""

    segment: Callable
    lesson: str
    labels: int = 0
    prompts: str = ""
    tuned: str = ""
    colour: bool = False


@cache
def items():
    """The pictures of the benchmark, in their fixed order (tuple of Item)."""
    return (*map(photograph, PHOTOS), *map(cells, NUCLEI))


def photograph(name):
    """The Item of one of `PHOTOS`."""
    photo = photos.load(name)
    return Item("photos", name, photo.image, photo.mask, PHOTOS[name])


def cells(seed):
    """The Item of one of `NUCLEI`."""
    sample = synthetic.nuclei(seed)
    return Item("nuclei", f"nuclei {seed}", sample.image, sample.labels > 0, True)


def evaluate(segment, *, prompts="", colour=False):
    """Run a method on every picture.

    Parameters
    ----------
    segment : function(image) -> bool (H, W)
        ``image`` is float in [0, 1], (H, W), or (H, W, 3) with ``colour=True`` (grey pictures are then repeated).
    prompts : str
        With ``"polarity"``, pictures whose object is dark are handed over as negatives. With ``"box"``, the method is
        called as ``segment(image, box)`` with `Item.box`.

    Returns
    -------
    scores : dict set -> (IoU, boundary F), means over its pictures
    cost : float, multiples of the calibration
    mb : float, megabytes

    Raises ValueError, with the picture's name, where the answer is no mask of the picture's size.
    """
    given = [arguments(item, prompts, colour) for item in items()]
    _call(segment, given[0])  # what is compiled or loaded once is not part of the cost
    answers, cost = _timed(segment, given)
    scores = {}
    for name in SETS:
        of_set = [_scores(i, a) for i, a in zip(items(), answers, strict=True) if i.set == name]
        scores[name] = tuple(float(value) for value in np.mean(of_set, axis=0))
    return scores, cost, _peak_mb(segment, given)


def add(method, segment, *, lesson, labels=0, prompts="", tuned="", colour=False):
    """Run a method of one's own on the benchmark, keep its row, and return it.

    A row of the same name is replaced. See `evaluate` for ``segment``; the other arguments are the columns of `Row`.
    Where nothing can be written the row lasts as long as the kernel, and a sentence says so.
    """
    row = _row(method, Entrant(segment, lesson, labels, prompts, tuned, colour), own=True)
    _session[method] = row
    try:
        _keep_damaged(paths.home() / FILE)
        _write(paths.home() / FILE, _own().values())
    except OSError as problem:
        print(f"The row is not kept beyond this session: {problem.strerror} ({paths.home() / FILE}).")
    return row


def rows():
    """All rows, the recorded ones first; one's own replace recorded ones of the same name (list of Row)."""
    shipped = {row.method: row for row in _read(paths.bundled("data") / "results" / FILE)}
    return list((shipped | _own()).values())


def show():
    """The scoreboard as a table, with the best of each column marked."""
    columns = (
        "method",
        "lesson",
        "photos: IoU",
        "boundary F",
        "nuclei: IoU",
        "boundary F ",
        "cost",
        "MB",
        "labels",
    )
    columns = (*columns, "prompts", "tuned on")
    lines = []
    for row in rows():
        scores = (row.photos_iou, row.photos_boundary_f, row.nuclei_iou, row.nuclei_boundary_f)
        name = f"{row.method} (yours)" if row.own else row.method
        lines.append(
            (
                name,
                row.lesson,
                *scores,
                f"{row.cost:.2g}",
                f"{row.mb:.1f}",
                row.labels,
                row.prompts,
                row.tuned,
            )
        )
    return plotting.table(
        columns,
        lines,
        caption=f"The scoreboard: means over {len(PHOTOS)} photographs and {len(NUCLEI)} generated pictures of "
        f"nuclei, boundary F at {TOLERANCE:g} px. ★ marks the best. Cost is time as a multiple of a fixed calculation.",
        best=[column for column in columns if "IoU" in column or "boundary" in column],
    )


# ---------------------------------------------------------------------------------------------- recording


def _sauvola(image):
    negative = 1 - image
    return negative <= thresholding.sauvola(negative, window=101, k=0.1)


def _flooded(image):
    """The steepness flooded from pixels beyond the means of Otsu's two groups."""
    bright = image > thresholding.otsu(image)
    markers = np.zeros(image.shape, np.int32)
    markers[image >= image[bright].mean()] = 2
    markers[image <= image[~bright].mean()] = 1
    elevation = filters.gradient_magnitude(filters.gaussian(image, 1))
    return watershed.watershed(elevation, markers) == 2


def _two_greys(image):
    groups = mixtures.k_means(image[..., None], 2)
    return groups.labels == groups.centres.argmax()


def _two_colours(image):
    from skimage.color import rgb2lab

    groups = mixtures.k_means(rgb2lab(image), 2)
    return groups.labels == groups.centres[:, 0].argmax()


def _smoothed(image):
    smooth = clustering.mean_shift_filter(image, 3, 0.1)
    return smooth > thresholding.otsu(smooth)


def _answers(image):
    """What a small filter bank says of each pixel, 16 numbers."""
    families = ("gaussian", "gradient", "hessian", "tensor", "local")
    return features.features(image.astype(np.float32), (1, 4), families).values


@cache
def _taught_by_nuclei():
    """Softmax regression of nucleus or not, on 2000 pixels of each of four generated pictures."""
    rng, tables, targets = np.random.default_rng(0), [], []
    for sample in map(synthetic.nuclei, range(4)):
        some = rng.choice(sample.labels.size, 2000, replace=False)
        tables.append(_answers(sample.image).reshape(sample.labels.size, -1)[some])
        targets.append((sample.labels.ravel()[some] > 0).astype(int))
    return softmax.softmax_regression(np.concatenate(tables), np.concatenate(targets))


def _learned(image):
    return np.array([softmax.predict(_taught_by_nuclei(), row) == 1 for row in _answers(image)])


def _otsu_and_neighbours(image):
    """Otsu's two groups as Gaussians of one spread, and neighbours that agree."""
    dark = image <= thresholding.otsu(image)
    means = np.array([image[dark].mean(), image[~dark].mean()])
    spread = (image - means[1 - dark]).std()
    costs = (image - means[:, None, None]) ** 2 / (2 * spread**2)
    return graph_cuts.min_cut(costs, graph_cuts.contrast_weights(image, 4.0)).mask


def _grab_cut(image, box):
    height, width = image.shape[:2]
    if box == (0, 0, height, width):  # without background nothing can be learned: leave it a rim
        box = 1, 1, height - 1, width - 1
    return graph_cuts.grab_cut(image, box).mask


def _ellipse(box):
    """A closed contour in a box, a point every two pixels or so, to start a snake from."""
    low, high = np.array(box[:2]), np.array(box[2:]) - 1
    radii = (high - low + 1) / 2
    count = max(40, 2 * int(radii.max() * np.pi / 2))
    return snakes.resample((low + high) / 2 + radii * snakes.circle((0, 0), 1, count), count)


def _snake(image, box):
    """Cut off after 1000 steps of the largest size; on the larger pictures it would rest after many times that."""
    edges = snakes.edge_energy(image)
    points = snakes.settle(_ellipse(box), edges, alpha=0.02, beta=0.1, steps=1000).contour
    return photos.rasterise([points[:, ::-1]], image.shape)


def _chan_vese(image, box):
    start = photos.rasterise([_ellipse(box)[:, ::-1]], image.shape)
    return level_sets.chan_vese(image, start, mu=0.1, steps=100).mask


def _morphological(image):
    """From a checkerboard; of the two sides the brighter."""
    mask = level_sets.morphological_chan_vese(image, steps=50)
    return mask if np.sum(image * (mask - mask.mean())) >= 0 else ~mask


#: The methods of the lessons so far.
METHODS = {
    "nothing": Entrant(lambda image: np.zeros(image.shape, bool), "01"),
    "everything": Entrant(lambda image: np.ones(image.shape, bool), "01"),
    "above 0.45": Entrant(lambda image: image > 0.45, "00", prompts="polarity", tuned="coins, by eye"),
    "Otsu": Entrant(lambda image: image > thresholding.otsu(image), "02", prompts="polarity"),
    "Li": Entrant(lambda image: image > thresholding.li(image), "02", prompts="polarity"),
    "minimum error": Entrant(
        lambda image: image > thresholding.minimum_error(image), "02", prompts="polarity"
    ),
    "Sauvola 101": Entrant(_sauvola, "02", prompts="polarity", tuned="coins"),
    "sure pixels, flooded": Entrant(_flooded, "03", prompts="polarity", tuned="coins"),
    "k-means, k = 2": Entrant(_two_greys, "04", prompts="polarity"),
    "k-means, k = 2, colour": Entrant(_two_colours, "04", prompts="polarity", colour=True),
    "mean shift, then Otsu": Entrant(_smoothed, "04", prompts="polarity"),
    "Otsu + neighbours": Entrant(_otsu_and_neighbours, "05", prompts="polarity", tuned="λ on this benchmark"),
    "GrabCut": Entrant(_grab_cut, "05", prompts="box", colour=True),
    "snake": Entrant(_snake, "06", prompts="box", tuned="coins"),
    "Chan–Vese": Entrant(_chan_vese, "06", prompts="box"),
    "morphological Chan–Vese": Entrant(_morphological, "06", prompts="polarity"),
    "softmax, filter bank": Entrant(_learned, "07", labels=8000, tuned="nuclei"),
}


def record(path=None):
    """Run all of `METHODS` and write the rows that ship with the course; returns them."""
    recorded = [_row(method, entrant, own=False) for method, entrant in METHODS.items()]
    _write(path or paths.bundled("data") / "results" / FILE, recorded)
    return recorded


# ------------------------------------------------------------------------------------------------ helpers


def _row(method, entrant, *, own):
    scores, cost, mb = evaluate(entrant.segment, prompts=entrant.prompts, colour=entrant.colour)
    means = {
        f"{name}_{score}": v
        for name in SETS
        for score, v in zip(("iou", "boundary_f"), scores[name], strict=True)
    }
    given = {"labels": entrant.labels, "prompts": entrant.prompts, "tuned": entrant.tuned}
    return Row(method, entrant.lesson, **means, cost=cost, mb=mb, **given, own=own)


def arguments(item, prompts, colour):
    """What a method is called with on an Item: the picture, and the prompt if it is one that is handed over (tuple)."""
    image = _hand_over(item, prompts, colour)
    return (image, item.box) if prompts == "box" else (image,)


def _call(segment, arguments):
    image, *prompt = arguments
    return segment(image.copy(), *prompt)  # a method may spoil its picture


def _hand_over(item, prompts, colour):
    image = item.image
    if colour and image.ndim == 2:
        image = np.stack([image] * 3, -1)
    if not colour:
        image = filters.luminance(image)
    return 1 - image if prompts == "polarity" and not item.bright else image.copy()


def _scores(item, answer):
    answer = np.asarray(answer)
    if answer.shape != item.mask.shape or answer.dtype != bool:
        raise ValueError(
            f"On {item.name!r} the method returned {answer.dtype} {answer.shape}; a bool mask of the picture's shape "
            f"{item.mask.shape} was expected. A comparison such as `image > t` makes one."
        )
    return metrics.mask_iou(item.mask, answer), metrics.boundary_f(item.mask, answer, TOLERANCE)


def _timed(segment, given):
    """The answers, and the time for all of them in multiples of `_calibrate`."""
    unit = _calibrate()
    start = time.perf_counter()
    answers = [_call(segment, arguments) for arguments in given]
    return answers, (time.perf_counter() - start) / unit


def _calibrate():
    """Seconds that this machine takes now for a fixed calculation: Gaussian blurs of a million pixels, the fastest."""
    image = np.linspace(0, 1, 1_000_000).reshape(1000, 1000)
    filters.gaussian(image, 3)  # compiles
    return min(_seconds(filters.gaussian, image, 3) for _ in range(5))


def _seconds(function, *arguments):
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def _peak_mb(segment, given):
    tracemalloc.start()
    try:
        for arguments in given:
            segment(*arguments)
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


_session = {}  # the rows of this session by method: they count where the file cannot be written


def _own():
    """The student's rows by method. Read anew each time: another notebook may have added to them."""
    return {row.method: row for row in _read(paths.home() / FILE)} | _session


def _read(path):
    """The rows of a file; none, and a sentence, where it is damaged."""
    try:
        return _parse(path)
    except ValueError:
        print(f"{path} could not be read; its rows are not shown.")
        return []


def _parse(path):
    """The rows of a file, none where there is no file. Raises ValueError where it holds something else."""
    if not path.is_file():
        return []
    kinds = {field.name: field.type for field in fields(Row)}
    with path.open(newline="", encoding="utf-8") as file:
        try:
            return [
                Row(**{name: _value(kinds[name], text) for name, text in line.items()})
                for line in csv.DictReader(file)
            ]
        except (KeyError, TypeError) as problem:
            raise ValueError(f"{path} is no scoreboard") from problem


def _keep_damaged(path):
    """Move a file that cannot be read aside, before another is written in its place."""
    try:
        _parse(path)
    except ValueError:
        aside = path.with_name(f"scoreboard-damaged-{time.strftime('%Y%m%d-%H%M%S')}.csv")
        path.replace(aside)
        print(f"Your scoreboard could not be read. It now lies in {aside}, and a new one was begun.")


def _value(kind, text):
    return text == "True" if kind is bool else kind(text)


def _write(path, rows):
    """Write the rows whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    with new.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(row).items()} for row in rows
        )
    new.replace(path)


if __name__ == "__main__":
    for row in record():
        print(row)
    checksums.update()
