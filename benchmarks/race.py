"""Race one function against others: same input, same answer, same run.

A *suite* is a module with ``races() -> list[Race]``; ``main(["classic"])`` runs it, prints its table, writes
``data/results/bench_classic.csv`` and rebuilds ``docs/benchmarks.md`` from all such files.

How a race is run, for each image size and number of threads:

1. ``make(megapixels)`` builds the arguments, once for all entrants, who must not change them.
2. Every entrant answers once. That call warms it up (compilation, caches); ``check`` compares the answers.
3. The entrants take turns, so that a slow spell of the machine hits them all, and each one's median counts.
   A call shorter than 2 ms is repeated within its turn and the turn's mean is taken.
4. One more call is watched for the peak of the process's memory above its start.
"""

import csv
import ctypes
import math
import os
import platform
import re
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from course_utils import paths
from course_utils.data import checksums

SIZES = (0.5, 4, 16)  # megapixels
THREADS = (1, 2)
SUITES = (
    "classic",
    "clustering",
    "contours",
    "crf",
    "features",
    "graph_cuts",
    "graphs",
    "metrics",
    "regions",
)
PEERS = (
    "numpy",
    "numba",
    "scipy",
    "scikit-image",
    "scikit-learn",
    "opencv-contrib-python-headless",
    "PyMaxflow",
    "pyamg",
    "torchmetrics",
)
SECONDS = 1.5  # measured time to spend on an entrant at one size
PATIENCE = 8  # seconds; an entrant whose next call is expected to take longer sits out the larger sizes
INTRODUCTION = """\
Written by `course bench`; do not edit. Each line is one task on one size of image: warm calls, entrants
taking turns, medians, the same input and dtype for all, answers compared before the clock starts. A ratio
below 1 means that the course is faster than the fastest other entrant. *Growth* is the slope of log time, and of log
extra memory, over log pixels (1 is linear; – where less than a megabyte is taken). *Extra MB* is the peak of
the process above the start of the call, answer included.
"""

# What was measured on real images: sections of the report, from files of data/results that other commands write.
MEASURED = {
    "real_partitions": """\
Regions of the 20 photographs of the pack `bsds_photos` against those that five to seven people drew on each. The
setting with the best covering on train, reported on val; means over the people, then over the images. Covering: 1 is
perfect; *best person* is the covering of the one who agrees most. Variation of information: bits, 0 is perfect.
Boundary recall (within 2 pixels) and under-segmentation favour many regions: compare them at like numbers.
`python -m benchmarks.real_partitions`
""",
    "real_grab_cut": """\
GrabCut from the given boxes and strokes, and graph cuts from strokes alone, beside OpenCV's GrabCut on the packs
`bsds_photos` and `pets`. IoU is the mean over images and three seeds of the first clusters (`seeds`: its standard
deviation from seed to seed), the unknown band left out; rows with one prompt had the same box, strokes and five
rounds; `wins` counts the images on which a method beats the other of its prompt by more than 0.01; `lead` is the mean
lead and the 95 % interval of a paired bootstrap over images: where it holds 0, these images do not decide. The course's
settings were chosen on train and tune, OpenCV's are its own: val and eval are the test. On train and tune OpenCV's
λ = 50 gains 0.03 (pets) and loses 0.06 (bsds_photos); five Gaussians, or the least energy of four starts, change
the means by about 0.02 at most.
`python -m benchmarks.real_grab_cut`
""",
    "nuclei_splitting": """\
Counting and splitting the nuclei of the pack `nuclei` (BBBC038, CC0): Otsu's mask, the same for both, split by
marker watershed of its distance transform; markers by h-maxima (ours) or by `peak_local_max` (the recipe of
scikit-image's gallery). Parameters, in pixels, chosen by F1 at IoU 0.5 on train and val; this is the split test,
nuclei of all images of a type together; `count_error` in nuclei an image. `python -m benchmarks.nuclei_splitting`
""",
    "real_classics": """\
Methods of Part I, as the grand comparison (`docs/comparison.md`) has them, on the test images of the packs `nuclei`
(IoU of the foreground and boundary F at 2 pixels, means over 45 images) and `camvid` (mean IoU of 11 classes, pooled
over 233 frames). No setting was chosen on these packs. ± is the deviation of three seeds, of strokes or of the 8000
pixels that a method was taught; rows without it are one run. Seconds are those of one processor core.
`python -m benchmarks.real_classics`
""",
    "learning": """\
Who has learned most of real images after so many seconds of one processor core, from random weights; the clock stands
still for import, two steps that warm up, and scoring. Mean ± deviation of three seeds, one at 180 s. *test*: IoU of the
foreground, mean over images (pack `nuclei`), mean IoU of 11 classes, pooled (`camvid`); *new drive*: the same for the
frames of a drive of which training saw nothing. The textbook U-Net (8 to 64 channels) and those of
segmentation_models.pytorch (smp) learn by one recipe: Adam at 0.001, eight windows a step, cross-entropy. The machine
was a slow one; compare entrants, not seconds.
`python -m benchmarks.learning`
""",
    "learning_tried": """\
What pays, when a network has a minute: our recipe of the race, and the same with one thing changed, after 60 s of one
core; the val splits, one seed. In the race three seeds of one recipe differ by 0.004 (nuclei, camvid); here no line was
repeated: read nothing into leads below 0.02. The machine took half as many steps again as that of the race.
`python -m benchmarks.learning --tried`
""",
    "learning_long": """\
Our recipe of the race with more time, and for the hour with a wider network, on one core (of the machine of
`learning_tried`), one seed. Published, on the same frames at twice the resolution and after hours of a GPU: ENet 0.513,
SegNet 0.556 (begun with the weights of a classifier of photographs), FC-DenseNet103 0.669 (from nothing,
arXiv:1611.09326). Naming each place what it mostly was in training reaches 0.170.
`python -m benchmarks.learning --long`
""",
    "real_networks": """\
The five networks of Part II that name generated streets best, on the real ones of the pack `camvid` (eleven classes,
180 × 240 pixels), each taught from nothing by the same 1200 steps; means of three seeds ± their standard deviation.
IoU and accuracy are pooled over the pixels of the 233 test frames, void left out; boundary F at 2 pixels is the mean
over the classes of a frame and over frames. *New drive*: the 171 frames of a drive that no training frame comes from.
Published networks, most of them begun with the weights of a classifier, have 0.50 to 0.67 at twice this size (SegNet
0.556; FC-DenseNet103, from nothing, 0.669, arXiv:1611.09326).
`python -m benchmarks.real_networks`
""",
}


@dataclass(frozen=True)
class Race:
    """One task and those who solve it.

    name:      the task, as it stands in the report
    make:      megapixels -> tuple of arguments
    entrants:  name -> callable(*arguments); the first is ours
    check:     {name: answer} -> None, raises AssertionError when two answers differ; an entrant that was
               too slow for the larger sizes is missing there
    note:      for the report: who may do less work than the others, or why ours is slower
    sizes:     megapixels, where this race cannot bear those of its suite
    """

    name: str
    make: Callable[[float], tuple]
    entrants: dict[str, Callable]
    check: Callable[[dict], None] = lambda answers: None
    note: str = ""
    sizes: tuple = ()


@dataclass
class Row:
    """One entrant's measurement: seconds of a warm call, growth = d log seconds / d log pixels."""

    race: str
    entrant: str
    ours: bool
    threads: int
    megapixels: float
    seconds: float
    extra_mb: float
    growth: float = math.nan
    note: str = ""
    date: str = ""
    machine: str = ""


def side(megapixels):
    """Side, in pixels, of the square image with that many megapixels (10⁶ pixels)."""
    return round(math.sqrt(megapixels * 1e6))


def run(races, sizes=SIZES, threads=THREADS):
    """Measure all races; list of Row. Raises AssertionError, naming the race, when answers differ."""
    rows = []
    for race in races:
        for count in threads:
            with limited_to(count):
                rows += _one_race(race, sorted(race.sizes or sizes), count)
    return rows


def _one_race(race, sizes, threads):
    rows, last = [], {}
    first = next(iter(race.entrants))
    for megapixels in sizes:
        arguments = race.make(megapixels)
        entrants = {
            name: call
            for name, call in race.entrants.items()
            if name not in last or last[name][1] * megapixels / last[name][0] < PATIENCE
        }
        answers = {name: call(*arguments) for name, call in entrants.items()}
        try:
            if first in answers and len(answers) > 1:  # some may have been too slow for this size
                race.check(answers)
        except AssertionError as error:
            raise AssertionError(f"{race.name} at {megapixels} MP: the answers differ. {error}") from error
        del answers
        medians = _take_turns(entrants, arguments)
        for name, call in entrants.items():
            last[name] = (megapixels, medians[name])
            rows.append(
                Row(
                    race=race.name,
                    entrant=name,
                    ours=name == first,
                    threads=threads,
                    megapixels=megapixels,
                    seconds=medians[name],
                    extra_mb=extra_memory(call, arguments),
                    note=race.note,
                )
            )
    for row in rows:
        row.growth = growth([(r.megapixels, r.seconds) for r in rows if r.entrant == row.entrant])
    return rows


def _take_turns(entrants, arguments):
    once = {name: _seconds(call, arguments, 1) for name, call in entrants.items()}
    repeats = {name: max(1, round(0.002 / seconds)) for name, seconds in once.items()}
    turn = sum(once[name] * repeats[name] for name in entrants)
    rounds = min(max(3, round(SECONDS * len(entrants) / turn)), 50)
    times = {name: [] for name in entrants}
    for _ in range(rounds):
        for name, call in entrants.items():
            times[name].append(_seconds(call, arguments, repeats[name]))
    return {name: statistics.median(measured) for name, measured in times.items()}


def _seconds(call, arguments, repeats):
    start = time.perf_counter()
    for _ in range(repeats):
        call(*arguments)
    return max((time.perf_counter() - start) / repeats, 1e-9)


def growth(points):
    """Least-squares slope of log seconds over log megapixels: 1 is linear. NaN for fewer than two sizes."""
    if len({size for size, _ in points}) < 2:
        return math.nan
    return statistics.linear_regression(*zip(*[map(math.log, p) for p in points], strict=True)).slope


def extra_memory(call, arguments):
    """Peak resident memory, in MB, of one call above what was resident before it, its answer included.

    Linux tells the peak of a process and lets it be reset; elsewhere the answer is NaN.
    """
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)  # else freed pages that are still resident hide new ones
        Path("/proc/self/clear_refs").write_text("5")
        before = _status("VmRSS")
        call(*arguments)
        return (_status("VmHWM") - before) / 1024
    except (OSError, AttributeError):
        return math.nan


def _status(field):
    return int(re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())[1])


@contextmanager
def limited_to(threads):
    """Hold the course, OpenCV, torch and whatever uses OpenMP or a BLAS to that many threads."""
    from threadpoolctl import threadpool_limits

    with ExitStack() as undo:
        undo.enter_context(threadpool_limits(threads))
        for module, getter, setter in (
            ("course_utils.kernel", "get_num_threads", "set_num_threads"),
            ("cv2", "getNumThreads", "setNumThreads"),
            ("torch", "get_num_threads", "set_num_threads"),
        ):
            if library := sys.modules.get(module):
                undo.callback(getattr(library, setter), getattr(library, getter)())
                getattr(library, setter)(threads)
        yield


def machine():
    """The machine in one line: processor, cores, system, versions. No paths and no host name."""
    import psutil

    versions = [f"Python {platform.python_version()}"]
    for name in PEERS:
        try:
            versions.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            versions.append(f"{name} absent")
    memory = round(psutil.virtual_memory().total / 2**30)
    return (
        f"{_processor()}, {psutil.cpu_count()} cores, {memory} GB, {platform.system()}; {', '.join(versions)}"
    )


def _processor():
    try:
        found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
        return found[1].strip() if found else platform.machine()
    except OSError:
        return platform.processor() or platform.machine()


def show(rows, title):
    """Print the table of a suite."""
    from rich.console import Console
    from rich.table import Table

    header, body = _table(rows)
    table = Table(title=title)
    for name in header:
        table.add_column(name)
    for line in body:
        table.add_row(*line)
    Console().print(table)


def _table(rows):
    """(header, lines of strings): one line for each race, number of threads and size."""
    header = [
        "race",
        "threads",
        "MP",
        "ours, ms",
        "others, ms",
        "ratio",
        "growth: time, memory",
        "extra MB, ours / fastest",
    ]
    groups, memory = {}, {}
    for row in rows:
        groups.setdefault((row.race, row.threads, row.megapixels), []).append(row)
        if row.ours and row.extra_mb >= 1:  # smaller ones are the allocator's
            memory.setdefault((row.race, row.threads), []).append((row.megapixels, row.extra_mb))
    body = []
    for (race, threads, megapixels), group in groups.items():
        ours = next((row for row in group if row.ours), None)
        others = sorted((row for row in group if not row.ours), key=lambda row: row.seconds)
        body.append(
            [
                race,
                str(threads),
                f"{megapixels:g}",
                _milliseconds(ours.seconds) if ours else "–",
                ", ".join(f"{row.entrant} {_milliseconds(row.seconds)}" for row in others),
                f"{ours.seconds / others[0].seconds:.2f}" if ours and others else "–",
                _exponents(ours, memory.get((race, threads), ())) if ours else "–",
                " / ".join(_number(row.extra_mb, ".0f") for row in [ours, *others[:1]] if row),
            ]
        )
    return header, body


def _exponents(ours, memory):
    return f"{_number(ours.growth, '.2f')}, {_number(growth(memory), '.2f')}"


def _milliseconds(seconds):
    return f"{seconds * 1e3:.3g}"


def _number(value, form):
    return "–" if math.isnan(value) else format(value, form)


def save(rows, name, folder):
    """Write ``bench_<name>.csv`` into a folder, with date and machine in each row."""
    for row in rows:
        row.date, row.machine = date.today().isoformat(), machine()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"bench_{name}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [f.name for f in fields(Row)], lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow(
                asdict(row)
                | {name: f"{getattr(row, name):.4g}" for name in ("seconds", "extra_mb", "growth")}
            )


def load(file):
    """Rows of a CSV file that ``save`` wrote."""
    kinds = {f.name: f.type for f in fields(Row)}
    with file.open(newline="", encoding="utf-8") as lines:
        return [
            Row(**{k: v == "True" if kinds[k] is bool else kinds[k](v) for k, v in line.items()})
            for line in csv.DictReader(lines)
        ]


def report(folder):
    """The Markdown text of ``docs/benchmarks.md``: a section for each ``bench_*.csv`` in a folder and each MEASURED."""
    parts = ["# Benchmarks\n", INTRODUCTION]
    for file in sorted(folder.glob("bench_*.csv")):
        rows = load(file)
        if not rows:
            continue
        header, body = _table(rows)
        parts += [f"## {file.stem.removeprefix('bench_')}\n", f"{rows[0].date}; {rows[0].machine}\n"]
        parts += [f"| {' | '.join(line)} |" for line in (header, ["---"] * len(header), *body)]
        notes = {row.race: row.note for row in rows if row.note}
        parts += ["", *(f"- **{race}**: {note}" for race, note in notes.items()), ""]
    for name, text in MEASURED.items():
        if (folder / f"{name}.csv").exists():
            with (folder / f"{name}.csv").open(newline="", encoding="utf-8") as lines:
                header, *body = csv.reader(lines)
            parts += [f"## {name}\n", text]
            parts += [*(f"| {' | '.join(line)} |" for line in (header, ["---"] * len(header), *body)), ""]
    return "\n".join(parts).rstrip() + "\n"


def write_report():
    """Write ``docs/benchmarks.md`` anew from what lies in ``data/results``."""
    docs = paths.CHECKOUT / "docs" / "benchmarks.md"
    docs.write_text(report(paths.bundled("data") / "results"), encoding="utf-8", newline="\n")


def publish(name, columns, rows):
    """Write a table to ``data/results/NAME.csv``, and bring checksums and report up to date."""
    path = paths.bundled("data") / "results" / f"{name}.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([columns, *rows])
    without_row, _ = checksums.update()
    write_report()
    if without_row:
        print("data/README.md has no row for", ", ".join(without_row))


def packs(*names):
    """Folder of the packs of real images, which no clone holds; ends the command where one of ``names`` is missing."""
    folder = Path(os.environ.get("COURSE_REAL_DATA") or "not told")
    missing = [name for name in names if not (folder / name).is_dir()]
    if missing:
        sys.exit(
            f"COURSE_REAL_DATA ({folder}) must name the folder that holds the packs {', '.join(names)}; there is no "
            f"{', '.join(missing)}."
        )
    return folder


def main(names=(), quick=False):
    """Run suites by name (all when none is given) and write their results and the report.

    quick: the smallest size on one thread, printed only, for a look while developing.
    Raises ValueError for an unknown suite, RuntimeError when a peer library is missing.
    """
    if unknown := set(names) - set(SUITES):
        raise ValueError(
            f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(SUITES)}"
        )
    for name in names or SUITES:
        try:
            suite = import_module(f"benchmarks.{name}")
        except ModuleNotFoundError as error:
            raise RuntimeError(
                f"The races of {name!r} need {error.name}, which is not installed. "
                "Run them with `uv run --group bench course bench`."
            ) from error
        sizes = getattr(suite, "SIZES", SIZES)  # a suite whose slowest entrant cannot bear these has its own
        races = [replace(race, sizes=race.sizes or sizes) for race in suite.races()]
        if quick:
            races = [replace(race, sizes=race.sizes[:1]) for race in races]
        threads = getattr(suite, "THREADS", THREADS)
        rows = run(races, threads=threads[:1] if quick else threads)
        show(rows, name)
        if not quick:
            results = paths.bundled("data") / "results"
            save(rows, name, results)
            write_report()
            checksums.update()


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main([a for a in arguments if a != "--quick"], quick="--quick" in arguments)
