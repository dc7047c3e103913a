"""What running each lesson cost, and from which lesson, library and data that was measured.

One JSON file, written by ``course run --record`` alone, read by the header cards and by the tests.

A machine that others share is now and then half as fast as an hour before. So the seconds of a lesson are those that it
took, over the machine's ``slowness`` before and after: the seconds of a `yardstick` over the `USUAL` ones. A machine
that is faster than usual keeps its seconds: how much faster it is depends on the work, and a yardstick is only one.
"""

import hashlib
import json
import platform
import time
from dataclasses import dataclass

import numpy as np

from course_utils import paths

FILE = "measurements.json"
PARTS = ("lesson", "library", "data")


@dataclass(frozen=True)
class Budget:
    """The most that a lesson may cost on two idle CPU cores, once its algorithms are compiled."""

    seconds: float
    peak_mb: float


BUDGET = Budget(20, 500)
BUDGET_TORCH = Budget(45, 1500)


USUAL = 0.68  # seconds of the yardstick at the speed that the budgets are meant for


def yardstick():
    """Seconds that a fixed piece of work takes just now: Python's own loop, and sorted and exponential numbers."""
    start = time.perf_counter()
    total = 0
    for number in range(8_000_000):
        total += number % 7
    numbers = np.random.default_rng(0).random(1_000_000)
    for _ in range(10):
        np.exp(np.sort(numbers))
    return time.perf_counter() - start


def path():
    """The record's file, in the clone or in the installed package."""
    return paths.bundled("data") / "results" / FILE


def read():
    """All measurements, {lesson name: entry}; empty before the first."""
    return json.loads(path().read_text(encoding="utf-8")) if path().is_file() else {}


def write(lesson, run, cores, *, first=None, slowness=1.0):
    """Record a `Run` of a lesson's student notebook, and the ``first``, in which the algorithms were compiled."""
    first = first or run
    slowness = max(slowness, 1.0)
    entry = {
        "seconds": round(run.seconds / slowness, 1),
        "peak_mb": round(run.peak_mb),
        "first_seconds": round(first.seconds / slowness, 1),
        "slowness": round(slowness, 2),
        "first_peak_mb": round(first.peak_mb),
        "cores": cores,
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        **fingerprints(lesson),
    }
    entries = dict(sorted((read() | {lesson.name: entry}).items()))
    path().parent.mkdir(parents=True, exist_ok=True)
    path().write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8", newline="\n")
    return entry


def fingerprints(lesson):
    """Hashes of the lesson's text, the library's code and the shipped data (without what runs have left there)."""
    data = paths.bundled("data")
    left = {data / "results", data / "checkpoints"}
    files = {
        "lesson": (lesson.path.parent, [lesson.path]),
        "library": (paths.PACKAGE, [p for kind in ("py", "js", "css") for p in _all(paths.PACKAGE, kind)]),
        "data": (data, [p for p in _all(data) if not left & set(p.parents) and p.suffix != ".md"]),
    }
    return {part: _fingerprint(*files[part]) for part in PARTS}


def judge(lesson, entry):
    """(errors, warnings): what the recorded ``entry`` of a lesson says against it, in sentences."""
    if entry is None:
        return [f"{lesson.name} was never measured. {_again(lesson)}"], []
    budget = BUDGET_TORCH if lesson.card.get("torch") else BUDGET
    errors = [
        f"{lesson.name} takes {entry[key]} {unit}, and {getattr(budget, key)} is the most."
        for key, unit in (("seconds", "seconds"), ("peak_mb", "MB"))
        if entry[key] > getattr(budget, key)
    ]
    now = fingerprints(lesson)
    changed = [part for part in PARTS if entry[part] != now[part]]
    if "lesson" in changed:
        errors.append(f"{lesson.name} was measured with another text of the lesson. {_again(lesson)}")
    warnings = [
        f"The {part} changed since {lesson.name} was measured and its outputs were made. {_again(lesson)}"
        for part in changed
        if part != "lesson"
    ]
    return errors, warnings


def _again(lesson):
    return f"On an idle machine: course run {lesson.number} --record"


def _all(folder, kind="*"):
    """Files below a folder; what the interpreter and a wheel put there aside."""
    return [p for p in folder.rglob(f"*.{kind}") if not {"__pycache__", "bundled"} & set(p.parts)]


def _fingerprint(base, files):
    """Hash of names and contents, the same on every system: line ends do not count."""
    digest = hashlib.sha256()
    for file in sorted(files, key=lambda p: p.relative_to(base).as_posix()):
        content = file.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{file.relative_to(base).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]
