"""What the grand comparison found: one table, one figure, and a table for each set, from the recorded rows."""

from dataclasses import dataclass

import numpy as np

from course_utils import plotting
from course_utils.studies.comparison import METHODS, NAME
from course_utils.studies.exams import EXAMS
from course_utils.study import rows, summarise

#: What a method is in the figure, by what people give it; networks of lessons 13 to 16 are the last of these.
KINDS = (
    "nothing to learn from",
    "told by a box or strokes in each picture",
    "taught pixels, features by hand",
    "network (lessons 09–12)",
    "network, refined (13–16)",
)
KIND = {"nothing": 0, "which side": 0, "box": 1, "strokes": 1, "pixels": 2, "pictures": 3}
REFINED = "13"  # the first lesson whose networks are


@dataclass(frozen=True)
class Finding:
    """Of one method on one set: means over its seeds, and for times the lowest, to which other work can only add.

    ``quality`` is a `study.Summary`; ``seconds`` is the whole price: of learning, and of all test pictures.
    """

    lesson: str
    given: str
    quality: object
    boundary_f: float
    taught: int
    asked: int
    train_seconds: float
    milliseconds: float
    megabytes: float
    seconds: float

    @property
    def kind(self):
        """Number of its kind in `KINDS`."""
        if self.given == "pictures" and self.lesson >= REFINED:
            return len(KINDS) - 1
        return KIND[self.given] if self.lesson != "01" else 0


def findings(recorded=None):
    """All of them: dict set -> dict method -> Finding, in the order of the lessons."""
    recorded = recorded or rows(NAME)
    found = {}
    for name, methods in METHODS.items():
        each = {method: _finding(recorded, name, method) for method in methods}
        found[name] = dict(sorted(each.items(), key=lambda pair: pair[1].lesson))
    return found


def _finding(recorded, name, method):
    entry, here = METHODS[name][method], {"set": name, "method": method}
    mean = {
        value: summarise(recorded, value, **here).mean
        for value in ("boundary_f", "taught", "asked", "megabytes")
    }
    least = {
        value: min(row[value] for row in recorded if here.items() <= row.items())
        for value in ("train_seconds", "milliseconds")
    }
    pictures = len(EXAMS[name].pictures())
    return Finding(
        entry.lesson,
        entry.given,
        summarise(recorded, "quality", **here),
        mean["boundary_f"],
        round(mean["taught"]),
        round(mean["asked"]),
        **least,
        megabytes=mean["megabytes"],
        seconds=least["train_seconds"] + pictures * least["milliseconds"] / 1e3,
    )


def best(of_set, *kinds):
    """Name of the method with the highest quality in a set, among those of some kinds (all, if none is given)."""
    chosen = {name: one for name, one in of_set.items() if not kinds or one.kind in kinds}
    return max(chosen, key=lambda name: chosen[name].quality.mean)


def overview(recorded=None):
    """(columns, lines) of the one table: every method, and its quality on every set, None where it cannot answer."""
    found = findings(recorded)
    known = {method: one for each in found.values() for method, one in each.items()}
    lines = [
        (
            method,
            known[method].lesson,
            GIVEN[known[method].given],
            *(each[method].quality.mean if method in each else None for each in found.values()),
        )
        for method in sorted(known, key=lambda name: known[name].lesson)
    ]
    return ("method", "lesson", "people give", *(EXAMS[name].title for name in found)), lines


def table(recorded=None):
    """The `overview` as a `plotting.Table`."""
    columns, lines = overview(recorded)
    scores = "; ".join(f"{exam.title}, {exam.quality}" for exam in EXAMS.values())
    return plotting.table(
        columns,
        lines,
        caption=f"All methods of the course. Each set has its own score: {scores}. – where a method cannot answer. ★ "
        "marks the best of a set; sets are unlike tasks and have no mean.",
        best=columns[3:],
    )


GIVEN = {
    "nothing": "nothing",
    "which side": "which side is object",
    "box": "a box in each picture",
    "strokes": "strokes in each picture",
    "pixels": "labelled pixels, once",
    "pictures": "labelled pictures, once",
}


def details(name, recorded=None):
    """(columns, lines) of one set: quality, boundary, labels, seconds and memory of each method."""
    exam = EXAMS[name]
    edges = f"boundary F, {exam.tolerance:g} px" if exam.tolerance else "boundary F"
    lines = [
        (
            method,
            one.lesson,
            spread(one.quality),
            one.boundary_f,
            labels(one),
            short(one.train_seconds) if one.train_seconds else None,
            short(one.milliseconds),
            short(one.megabytes),
        )
        for method, one in findings(recorded)[name].items()
    ]
    return ("method", "lesson", exam.quality, edges, "labels", "s to learn", "ms a picture", "MB"), lines


def spread(summary):
    """A `study.Summary` as text, "0.480 ± 0.012", or without the spread where there is one run."""
    return f"{summary.mean:.3f} ± {summary.std:.3f}" if summary.n > 1 else f"{summary.mean:.3f}"


def labels(one):
    """What people gave, in a few words."""
    return {
        "nothing": "none",
        "which side": "1 bit a picture",
        "box": "a box a picture",
        "strokes": f"{one.asked:,} px a picture",
        "pixels": f"{one.taught:,} px, once",
        "pictures": f"{one.taught:,} px, once",
    }[one.given]


def short(number):
    """A number with two significant digits at least, without powers of ten."""
    return f"{number:.0f}" if number >= 9.95 else f"{number:.1f}" if number >= 0.95 else f"{number:.2g}"


def figure(recorded=None):
    """Quality over seconds on every set, with the front of those that none beats in both: the one figure."""
    found = findings(recorded)
    panels = {name: _panel(EXAMS[name], each) for name, each in found.items()}
    fronts = "; ".join(f"{EXAMS[name].title}: {', '.join(panel.front)}" for name, panel in panels.items())
    return plotting.figure(
        *panels.values(),
        columns=2,
        height=4.6,
        legend=True,
        alt=f"Six scatter plots, quality over seconds, one for each set. Beaten by none, from cheap to dear. {fronts}.",
        caption="Up and left is better. Seconds are those of one processor core for learning, if there is any, and for "
        "answering all test pictures. The line joins those that none beats in both; their names are bold.",
    )


def _panel(exam, each):
    return plotting.Front(
        {name: (one.seconds, one.quality.mean, np.nan_to_num(one.quality.std)) for name, one in each.items()},
        title=exam.title,
        xlabel="seconds, learning and all pictures",
        ylabel=exam.quality,
        kinds=KINDS,
        kind={name: KINDS[one.kind] for name, one in each.items()},
    )
