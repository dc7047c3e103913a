"""A lesson's source: MyST Markdown with a ``course:`` card in its front matter.

The cells that come out remember the line of the file they began on (``cell.metadata.line``), so that every
later error can point at the place that an author has to edit.
"""

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

from course_utils import paths

MINUTES = ("read", "explore", "exercise", "quiz")
REQUIRED = ("title", "question", "objectives", "requires", "minutes")
OPTIONAL = ("torch",)  # true where the lesson needs the networks: another install cell, another budget


class LessonError(Exception):
    """Something in a lesson's source has to be mended by its author; the message says what and where."""


@dataclass(frozen=True)
class Lesson:
    """One lesson as its author wrote it.

    path : the source file
    card : the ``course:`` mapping of the front matter
    notebook : the cells, as jupytext reads them, each with ``metadata.line`` (1-based)
    """

    path: Path
    card: dict
    notebook: object

    @property
    def name(self):
        """``"02_thresholding"``."""
        return self.path.stem

    @property
    def number(self):
        """``"02"``."""
        return self.name.partition("_")[0]

    def at(self, line):
        """The place to show in a message: ``lessons/02_thresholding.md:214``."""
        return f"{self.path.parent.name}/{self.path.name}:{line}"


def read(path):
    """Read a lesson's source.

    Raises LessonError where the front matter or a cell cannot be understood.
    """
    from jupytext.myst import MystMetadataParsingError, myst_to_notebook

    path = Path(path)
    text = path.read_text(encoding="utf-8")
    try:
        notebook = myst_to_notebook(text, add_source_map=True)
    except MystMetadataParsingError as problem:
        raise LessonError(f"{path.name}: {problem}") from None
    starts = notebook.metadata.pop("source_map")
    lines = text.splitlines()
    lesson = Lesson(path, notebook.metadata.get("course"), notebook)
    _check_card(lesson)
    for cell, start in zip(notebook.cells, starts, strict=True):
        if not cell.source.strip():
            raise LessonError(f"{lesson.at(start)}: this cell is empty.")
        # The map points at the fence; what the author calls line 1 of a cell is below its options.
        first = cell.source.splitlines()[0].strip()
        cell.metadata["line"] = next(i for i in range(start, len(lines)) if lines[i].strip() == first) + 1
    return lesson


def every(folder=None):
    """Sources of all lessons, in order."""
    return sorted((folder or _sources()).glob("[0-9][0-9]_*.md"))


def find(wanted, names):
    """The names out of ``names`` that a person meant by ``"2"``, ``"02"`` or ``"02_thresholding"``.

    wanted : list of str; an empty one means all. Raises LessonError for a name that fits none.
    """
    return [_find_one(name, names) for name in wanted] or list(names)


def _find_one(wanted, names):
    stem = Path(wanted).stem
    number = re.fullmatch(r"\d{1,2}", stem)
    for name in names:
        if name == stem or (number and name.startswith(f"{int(stem):02d}_")):
            return name
    near = difflib.get_close_matches(stem, names, 1, 0.4)
    meant = f" Did you mean {near[0]}?" if near else ""
    raise LessonError(
        f"There is no lesson {wanted!r}.{meant} The lessons are: {', '.join(names) or 'none yet'}."
    )


def _sources():
    if paths.checkout() is None:
        raise LessonError(
            "The sources of the lessons are not part of an installed package. "
            f"Clone the project to build them; the built notebooks are in {paths.bundled('notebooks')}."
        )
    return paths.checkout() / "lessons"


def _check_card(lesson):
    """Hold the front matter to its contract, so that the header card never shows a hole."""
    card = lesson.card
    if not isinstance(card, dict):
        raise LessonError(f"{lesson.at(1)}: the front matter has no `course:` mapping.")
    missing = [key for key in REQUIRED if key not in card]
    unknown = [key for key in card if key not in REQUIRED + OPTIONAL]
    if missing or unknown:
        raise LessonError(
            f"{lesson.at(1)}: `course:` needs {', '.join(REQUIRED)}"
            + (f"; missing: {', '.join(missing)}" if missing else "")
            + (f"; unknown: {', '.join(unknown)}" if unknown else "")
        )
    for key in ("objectives", "requires"):
        if not isinstance(card[key], list) or not all(isinstance(item, str) for item in card[key]):
            raise LessonError(f"{lesson.at(1)}: `course: {key}:` must be a list of sentences.")
    minutes = card["minutes"]
    if not isinstance(minutes, dict) or not minutes or not set(minutes) <= set(MINUTES):
        raise LessonError(f"{lesson.at(1)}: `course: minutes:` must name some of {', '.join(MINUTES)}.")
