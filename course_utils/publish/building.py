"""From lesson to notebook: assemble, execute what is new, keep what is not, hold the size, write."""

import os
import tempfile
import tomllib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import nbformat

from course_utils import paths
from course_utils.publish import passes, record
from course_utils.publish.execute import CellError, execute
from course_utils.publish.lesson import LessonError

MAX_KB = 450
CORES = 2  # what every number in the course is measured on
_VIEW = "application/vnd.jupyter.widget-view+json"


@dataclass(frozen=True)
class Built:
    """path : of the notebook; kb : its size; executed : whether it ran; changed : whether the file did."""

    path: Path
    kb: float
    executed: bool
    changed: bool


def address():
    """The project's one public address, from ``pyproject.toml`` or what the installer made of it."""
    if paths.checkout():
        project = tomllib.loads((paths.checkout() / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        return project["urls"]["Repository"]
    urls = metadata.metadata(paths.APP).get_all("Project-URL") or []
    return next(url.partition(", ")[2] for url in urls if url.startswith("Repository,"))


def folder(solved):
    """Where the notebooks of a build go in the clone: ``notebooks``, which is tracked, or ``build/solved``."""
    return paths.CHECKOUT / ("build/solved" if solved else "notebooks")


def shipped(name):
    """The built student notebook of a lesson, as the course ships it."""
    return nbformat.read(paths.bundled("notebooks") / f"{name}.ipynb", as_version=4)


def assemble(lesson, exercise, build=passes.STUDENT):
    """The notebook of a build, not executed. Cells of the author keep their ``metadata.line``.

    exercise : slug -> exercise, normally ``course_utils.checks.exercise`` (see `passes.Facts`)
    """
    facts = passes.Facts(lesson, address(), record.read().get(lesson.name), exercise)
    notebook = lesson.notebook
    for step in build:
        notebook = step(notebook, facts)
    return notebook


def build(lesson, exercise, target, *, solved=False, force=False, on_cell=None):
    """Write one lesson's notebook to ``target`` and tell what happened (`Built`).

    Where the code cells are the ones that the file at ``target`` was made from, its outputs stay and nothing
    runs, unless ``force``. Raises LessonError where a cell fails or the notebook is too large.
    """
    draft = assemble(lesson, exercise, passes.SOLVED if solved else passes.STUDENT)
    old = _read(target)
    executed = force or old is None or not _has_run(old) or _code(old) != _code(_clean(draft))
    done = run(lesson, draft, on_cell=on_cell).notebook if executed else old
    text = _serialise(lesson, draft, done)
    return Built(target, len(text) / 1000, executed, _write(target, text))


def measure(lesson, exercise, target, *, on_cell=None):
    """Run the student notebook on two cores, record the cost, and write it with the new outputs and numbers.

    It runs twice: as for a student who opens it first and whose machine has to compile the algorithms, and as ever
    after, which is what counts; then trainings keep their weights for lectures (``COURSE_RECORD``). Returns the entry
    of the record.
    """
    with tempfile.TemporaryDirectory(prefix="course-cache-", ignore_cleanup_errors=True) as cache:
        env = {"COURSE_CACHE": cache}
        first = run(lesson, assemble(lesson, exercise), env=env, cores=CORES)
        env = env | {"COURSE_RECORD": "1"}
        before = record.yardstick()
        done = run(lesson, assemble(lesson, exercise), env=env, cores=CORES, on_cell=on_cell)
    slowness = (before + record.yardstick()) / 2 / record.USUAL
    entry = record.write(lesson, done, CORES, first=first, slowness=slowness)
    draft = assemble(lesson, exercise)  # again: the numbers are in its header card
    _write(target, _serialise(lesson, draft, done.notebook))
    return entry


def run(lesson, notebook, **options):
    """`execute` an assembled notebook; a failing cell becomes a LessonError that names its line in the lesson."""
    try:
        return execute(notebook, **options)
    except CellError as error:
        where = place(lesson, notebook.cells[error.index], error.line or 1)
        raise LessonError(f"{where}: cell {error.index + 1} of the notebook: {error.what}") from None


def drift(lesson, exercise, target):
    """How the notebook at ``target`` differs from a rebuild, in sentences: sources, ids and metadata, not outputs."""
    old = _read(target)
    if old is None:
        return [f"{target.name} was never built"]
    new = _clean(assemble(lesson, exercise))
    found = []
    if old.metadata != new.metadata:
        found.append(f"{target.name}: the metadata of the notebook differ")
    if len(old.cells) != len(new.cells):
        found.append(f"{target.name}: {len(old.cells)} cells, and the lesson makes {len(new.cells)}")
    for number, (before, after) in enumerate(zip(old.cells, new.cells, strict=False), 1):
        keys = ("cell_type", "source", "id", "metadata")
        differs = [key for key in keys if before[key] != after[key]]
        if differs:
            found.append(f"{target.name}: cell {number} differs in {', '.join(differs)}")
    return found


def _read(target):
    return nbformat.read(target, as_version=4) if target.is_file() else None


def _code(notebook):
    """What the outputs depend on: the code cells and their tags, in order."""
    return [(cell.source, cell.metadata) for cell in notebook.cells if cell.cell_type == "code"]


def _has_run(notebook):
    return all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")


def _with_outputs(draft, done):
    """The draft, with the outputs of another notebook that has the same code cells."""
    notebook = _clean(draft)
    ran = iter(cell for cell in done.cells if cell.cell_type == "code")
    for cell in notebook.cells:
        if cell.cell_type == "code":
            old = next(ran)
            cell.outputs = [_still(output) for output in old.outputs]
            cell.execution_count = old.execution_count
    return notebook


def _clean(notebook):
    """A copy without the lines of the source, which change when a paragraph far above does."""
    notebook = nbformat.from_dict(notebook)
    for cell in notebook.cells:
        cell.metadata.pop("line", None)
    return notebook


def _still(output):
    """An output without the live view of a widget, which is dead in a file: its HTML stays in its place."""
    output = nbformat.from_dict(output)
    output.get("data", {}).pop(_VIEW, None)
    return output


def _serialise(lesson, draft, done):
    """The content of the file. Raises LessonError, naming the heaviest cells, where it is too large."""
    notebook = _with_outputs(draft, done)
    nbformat.validate(notebook)
    content = nbformat.writes(notebook).encode() + b"\n"
    if len(content) > MAX_KB * 1000:
        sizes = [
            len(nbformat.writes(nbformat.v4.new_notebook(cells=[cell]))) / 1000 for cell in notebook.cells
        ]
        heaviest = sorted(zip(sizes, draft.cells, strict=True), key=lambda pair: -pair[0])[:3]
        raise LessonError(
            f"{lesson.name}: the notebook has {len(content) / 1000:.0f} kB, and {MAX_KB} is the most. "
            "Its heaviest cells: "
            + "; ".join(f"{place(lesson, cell)} ({size:.0f} kB)" for size, cell in heaviest)
        )
    return content


def place(lesson, cell, line=1):
    """Where a line of a cell stands in the lesson's source."""
    start = cell.metadata.get("line")
    return lesson.at(start + line - 1) if start else f"{lesson.name}, a cell that the build made"


def _write(target, text):
    """Write the file when it changes, all of it or nothing; returns whether it did."""
    if target.is_file() and target.read_bytes() == text:
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.part")
    beside.write_bytes(text)
    os.replace(beside, target)
    return True
