"""Recorded experiments: a row as each run ends, resumed where they stopped.

A lesson shows one telling pair of runs live; the full comparison is a *study*: every configuration with every seed,
run once by ``course study NAME`` and kept as a CSV file that ships with the course. Each run's row reaches the disk
before the next run begins, so an interrupted study goes on where it stopped, and a half-written row is done again.
"""

import csv
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from course_utils import paths

STUDIES = {}
MOST_CONFIGURATIONS, MOST_SEEDS = 10, 5


@dataclass(frozen=True)
class Study:
    """An experiment.

    name : what ``course study`` calls it
    question : the sentence that it answers
    configurations : list of dicts with the same keys
    seeds : sequence of int
    run : function(seed=…, **configuration) -> dict of numbers, the same keys each time
    """

    name: str
    question: str
    configurations: tuple
    seeds: tuple
    run: Callable

    @property
    def path(self):
        """The CSV file among the shipped data; recorded in a clone, read everywhere."""
        return path_of(self.name)

    def runs(self):
        """All (configuration, seed), in the order in which they run."""
        return list(product(self.configurations, self.seeds))


@dataclass(frozen=True)
class Summary:
    """Of one number over the seeds of a configuration: ``n``, ``mean`` and ``std`` (n − 1; NaN for one run)."""

    n: int
    mean: float
    std: float

    def __str__(self):
        return f"{self.mean:.3f} ± {self.std:.3f} (n = {self.n})"


def path_of(name):
    """The CSV file of the study of that name."""
    return paths.bundled("data") / "results" / f"{name}.csv"


def study(name, question, configurations, seeds=range(MOST_SEEDS)):
    """Decorator: register ``function(seed, …)`` as the study ``name``.

    Raises ValueError where there are more runs than a study may have (ten configurations, five seeds).
    """
    configurations, seeds = tuple(configurations), tuple(seeds)
    if len(configurations) > MOST_CONFIGURATIONS or len(seeds) > MOST_SEEDS:
        raise ValueError(
            f"study {name!r} has {len(configurations)} configurations × {len(seeds)} seeds; "
            f"{MOST_CONFIGURATIONS} × {MOST_SEEDS} is the most"
        )

    def register(function):
        STUDIES[name] = Study(name, question, configurations, seeds, function)
        return function

    return register


def grid(**choices):
    """All combinations as a list of dicts: ``grid(noise=[0.1, 0.2], method=["otsu"])``."""
    return [dict(zip(choices, values, strict=True)) for values in product(*choices.values())]


def record(study, path=None, on_run=None):
    """Do the runs of a study that its file does not hold yet; returns how many that were.

    on_run : called with (runs done, runs in all) before the first run and after each

    Raises ValueError where the file belongs to a study with other columns.
    """
    path = Path(path or study.path)
    done = {_key(row) for row in _mended(path)}
    todo = [pair for pair in study.runs() if _key(_row(study, *pair)) not in done]
    total = len(study.runs())
    if on_run:
        on_run(total - len(todo), total)
    for count, (configuration, seed) in enumerate(todo, 1):
        start = time.perf_counter()
        measured = study.run(seed=seed, **configuration)
        seconds = round(time.perf_counter() - start, 3)
        _append(
            path, _row(study, configuration, seed) | measured | {"seconds": seconds, "machine": _machine()}
        )
        if on_run:
            on_run(total - len(todo) + count, total)
    return len(todo)


def rows(name, path=None):
    """What was recorded: one dict a run, numbers as int or float.

    name : of the study. Raises FileNotFoundError, saying how to record it, where there is nothing.
    """
    path = Path(path or path_of(name))
    if not path.is_file():
        raise FileNotFoundError(f"The study {name!r} was never recorded ({path}): course study {name}")
    return _read(path)


def column(rows, value, **configuration):
    """One recorded number of the runs with a configuration, as an array in the order of the seeds.

    Parameters
    ----------
    rows : list of dict, as `rows` returns them
    value : str, the name of the number
    **configuration : what these runs have in common, such as ``net="U-Net"``

    Raises ValueError where no run has it.
    """
    chosen = [row for row in rows if all(row[key] == want for key, want in configuration.items())]
    if not chosen:
        raise ValueError(f"no recorded run has {configuration}")
    return np.array([row[value] for row in sorted(chosen, key=lambda row: row["seed"])])


def summarise(rows, value, **configuration):
    """`Summary` of a column over the rows that have the given configuration; ValueError where none has."""
    chosen = column(rows, value, **configuration)
    std = float(np.std(chosen, ddof=1)) if len(chosen) > 1 else float("nan")
    return Summary(len(chosen), float(np.mean(chosen)), std)


def margin(values, sign=1):
    """What a claim may promise of recorded values: their mean, two standard deviations to the safe side.

    values : array of at least two numbers, one for each seed; sign : 1 for a least value, −1 for a largest
    """
    return float(np.mean(values) - sign * 2 * np.std(values, ddof=1))


def spread(values, digits=3):
    """Mean ± standard deviation (n − 1) of recorded values, as text: "0.512 ± 0.013"."""
    return f"{np.mean(values):.{digits}f} ± {np.std(values, ddof=1):.{digits}f}"


def rounded(numbers):
    """The numbers as floats of four decimals, as they are recorded."""
    return {name: round(float(value), 4) for name, value in numbers.items()}


# -- the file -----------------------------------------------------------------------------------------


def _row(study, configuration, seed):
    return {"study": study.name, **configuration, "seed": seed}


def _key(row):
    """What tells one run from another: everything up to the seed, as text."""
    names = list(row)
    return tuple((name, str(row[name])) for name in names[: names.index("seed") + 1])


def _append(path, row):
    """Add one row and see it to the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = not path.is_file() or path.stat().st_size == 0
    if not new and list(row) != _columns(path):
        raise ValueError(
            f"{path} has the columns {_columns(path)}, and this study writes {list(row)}: move it away"
        )
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(row), lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(row)
        file.flush()
        os.fsync(file.fileno())


def _mended(path):
    """The rows of a file, after cutting off one that was interrupted half way."""
    if not path.is_file():
        return []
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        path.write_bytes(whole)
    return _read(path)


def _read(path):
    with path.open(encoding="utf-8", newline="") as file:
        return [{key: _number(value) for key, value in row.items()} for row in csv.DictReader(file)]


def _columns(path):
    with path.open(encoding="utf-8", newline="") as file:
        return next(csv.reader(file))


def _number(text):
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _machine():
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
