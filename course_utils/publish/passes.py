"""The passes of a build: each a pure function (notebook, facts) -> new notebook, most of them filters on tags.

A build is the tuple of passes that it runs, in order (`STUDENT`, `SOLVED`); slides, site and graded releases
are further tuples. What a pass must know beyond the notebook, it finds in `Facts`.

Tags
----
written by authors : ``setup``, ``exercise``, ``check``, ``instructor``
made by the build  : ``header``, ``install``, ``hint``, ``solution``, ``closing``
"""

import ast
import hashlib
import re
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from urllib.parse import quote

from nbformat.v4 import new_code_cell, new_markdown_cell

from course_utils.publish.lab import IDLE_MINUTES
from course_utils.publish.lesson import MINUTES, Lesson, LessonError

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
# `...` alone means "not attempted yet"; None would mean "you forgot to return".
_BLOCK = re.compile(rf"^([ \t]*){BEGIN}[ \t]*\n(.*?)^[ \t]*{END}[ \t]*$", re.MULTILINE | re.DOTALL)
_VERBS = {"read": "to read", "explore": "to explore", "exercise": "for the exercises", "quiz": "for the quiz"}


@dataclass(frozen=True)
class Facts:
    """What a build knows besides the cells.

    lesson : the Lesson
    address : the project's public address
    measured : mapping with ``seconds``, ``peak_mb`` and ``first_seconds``, or None where nothing was recorded
    exercise : slug -> object with ``title``, ``points``, ``minutes`` and three ``hints`` (Markdown);
        KeyError for a slug that it does not know
    """

    lesson: Lesson
    address: str
    measured: dict | None
    exercise: Callable


# -- what the build writes itself ---------------------------------------------------------------------


def add_header(notebook, facts):
    """Begin with the card: title, question, objectives, what must come before, minutes, cost, badges."""
    card, lesson = facts.lesson.card, facts.lesson
    minutes = {kind: card["minutes"][kind] for kind in MINUTES if kind in card["minutes"]}
    parts = ", ".join(f"{count} {_VERBS[kind]}" for kind, count in minutes.items())
    lines = [
        f"# {lesson.number} · {card['title']}",
        "",
        f"**{card['question']}**",
        "",
        "After this lesson you can",
        "",
        *(f"- {objective}" for objective in card["objectives"]),
        "",
        f"**Before it:** {'; '.join(map(_linked, card['requires'])) or 'nothing'}.  ",
        f"**Your time:** {sum(minutes.values())} minutes ({parts}).  ",
    ]
    if facts.measured:
        seconds, megabytes = round(facts.measured["seconds"]), round(facts.measured["peak_mb"], -1)
        first = round(facts.measured["first_seconds"])
        lines.append(
            f"**The computer's:** all cells together {seconds} s and {megabytes:.0f} MB of memory, measured on two "
            f"CPU cores ({first} s the first time, when the algorithms are compiled).  "
        )
    lines += ["", badges(facts.address, facts.lesson.name)]
    return _with_cells(notebook, [_markdown("header", "\n".join(lines)), *notebook.cells])


def add_install(notebook, facts):
    """Put a cell after the header that installs the course where its import fails: on Colab, in a bare kernel."""
    extra = "[networks]" if facts.lesson.card.get("torch") else ""
    source = f"""\
# Does nothing where the course is installed; on Colab and in other bare kernels it installs it.
try:
    import course_utils  # noqa: F401
except ModuleNotFoundError:
    %pip install --quiet "from-pixels-to-regions{extra} @ git+{facts.address}"
if "google.colab" in str(get_ipython()):
    from google.colab import output as _colab

    _colab.enable_custom_widget_manager()  # Colab shows the explorers only when asked to"""
    cell = new_code_cell(source, metadata={"tags": ["install"], "jupyter": {"source_hidden": True}})
    at = 1 if notebook.cells and has(notebook.cells[0], "header") else 0
    return _with_cells(notebook, [*notebook.cells[:at], cell, *notebook.cells[at:]])


def add_closing(notebook, facts):
    """End with how to give the memory back."""
    source = f"""\
---

**Before you open the next lesson, shut this one's kernel down:** *Kernel → Shut Down Kernel* in the menu above.
The notebook and your progress are saved; what goes is the memory, which the next lesson needs. A kernel that
nobody uses is shut down by itself: after {IDLE_MINUTES["large"]} minutes, or after {IDLE_MINUTES["small"]} on
Binder and other machines with little memory. Nothing you wrote is lost; run the cells again to go on."""
    return _with_cells(notebook, [*notebook.cells, _markdown("closing", source)])


# -- exercises ----------------------------------------------------------------------------------------


def mark_graded(notebook, facts):
    """Give exercise and check cells the metadata by which nbgrader (schema 3) knows them."""
    _check_pairs(notebook, facts)

    def marked(cell):
        if has(cell, "exercise"):
            cell.metadata["nbgrader"] = _nbgrader(cell.metadata.slug, solution=True)
        elif has(cell, "check"):
            points = facts.exercise(cell.metadata.slug).points
            cell.metadata["nbgrader"] = _nbgrader(
                f"{cell.metadata.slug}-check", grade=True, locked=True, points=points
            )
        return [cell]

    return _each(notebook, marked)


def add_hints(notebook, facts):
    """After each check cell, its three hints, closed."""

    def hinted(cell):
        if not has(cell, "check"):
            return [cell]
        hints = facts.exercise(cell.metadata.slug).hints
        folds = [_fold(f"Hint {number}", hint) for number, hint in enumerate(hints, 1)]
        return [cell, _markdown("hint", "\n\n".join(folds), slug=cell.metadata.slug)]

    return _each(notebook, hinted)


def add_solutions(notebook, facts):
    """After each check cell and its hints, the full solution, closed. Comes before `blank_solutions`."""
    solved = {cell.metadata.slug: _unmarked(cell.source) for cell in notebook.cells if has(cell, "exercise")}
    ends = {cell.metadata.slug: i for i, cell in enumerate(notebook.cells) if _has_any(cell, "check", "hint")}
    cells = []
    for i, cell in enumerate(notebook.cells):
        cells.append(cell)
        slug = cell.metadata.get("slug")
        if ends.get(slug) == i:
            code = f"```python\n{solved[slug]}\n```"
            cells.append(_markdown("solution", _fold("Solution, after your own attempt", code), slug=slug))
    return _with_cells(notebook, cells)


def blank_solutions(notebook, facts):
    """Replace every solution block by what says "not attempted yet"; what is given above and below it stays.

    Inside a function that is ``return ...``; outside, every name that the block assigns becomes ``name = ...``.
    Raises LessonError where what is left would not be valid Python.
    """

    def blanked(cell):
        if has(cell, "exercise"):
            try:
                cell.source = _BLOCK.sub(_stub, cell.source)
                compile(cell.source, "stub", "exec")
            except SyntaxError as error:
                raise LessonError(
                    f"{facts.lesson.at(cell.metadata.line)}: without its solution this exercise is not valid Python "
                    f"({error.msg}). A solution block in a function ends with the function's return."
                ) from None
        return [cell]

    return _each(notebook, blanked)


def drop_instructor(notebook, facts):
    """Take out what only the instructor reads."""
    return _each(notebook, lambda cell: [] if has(cell, "instructor") else [cell])


# -- the last touch -----------------------------------------------------------------------------------


def set_ids(notebook, facts):
    """Cell ids from the text and how often it occurred before, so that a rebuild gives the same ones."""
    seen = Counter()

    def identified(cell):
        key = f"{cell.cell_type}\n{cell.source}"
        cell.id = hashlib.sha256(f"{key}\n{seen[key]}".encode()).hexdigest()[:16]
        seen[key] += 1
        return [cell]

    return _each(notebook, identified)


def set_metadata(notebook, facts):
    """The notebook's own metadata, and nothing in it that changes from machine to machine."""
    out = _with_cells(notebook, notebook.cells)
    out.metadata.clear()
    out.metadata.update(
        kernelspec={"display_name": "Python 3", "language": "python", "name": "python3"},
        language_info={"name": "python"},
    )
    out.metadata["course"] = {"lesson": facts.lesson.name}
    return out


_ENDS = (set_ids, set_metadata)
STUDENT = (
    add_header,
    add_install,
    mark_graded,
    add_hints,
    add_solutions,
    blank_solutions,
    drop_instructor,
    add_closing,
    *_ENDS,
)
SOLVED = (add_header, add_install, mark_graded, add_hints, add_closing, *_ENDS)


# -- helpers ------------------------------------------------------------------------------------------


def has(cell, tag):
    """Whether a cell carries a tag."""
    return tag in cell.metadata.get("tags", [])


def _has_any(cell, *tags):
    return any(has(cell, tag) for tag in tags)


def _with_cells(notebook, cells):
    """A copy of the notebook with other cells."""
    out = deepcopy(notebook)
    out.cells = deepcopy(list(cells))
    return out


def _each(notebook, change):
    """A copy of the notebook in which every cell gave way to the list of cells that ``change`` makes of it."""
    return _with_cells(notebook, [new for cell in deepcopy(notebook.cells) for new in change(cell)])


def _markdown(tag, source, **metadata):
    return new_markdown_cell(source, metadata={"tags": [tag], **metadata})


def _fold(summary, body):
    """A closed block that needs no script: the blank lines let Markdown inside it be Markdown."""
    return f"<details><summary>{summary}</summary>\n\n{body.strip()}\n\n</details>"


def _linked(requirement):
    """A lesson named as what comes before becomes a link to its notebook."""
    if not re.fullmatch(r"\d\d_\w+", requirement):
        return requirement
    number, _, topic = requirement.partition("_")
    return f"[lesson {number}, {topic.replace('_', ' ')}]({requirement}.ipynb)"


def badges(address, name):
    """Links to the hosts that can open this notebook without an installation.

    They are drawn as keys: the hosts' own badge images would be fetched from the network by every reader.
    """
    address = address.rstrip("/").removesuffix(".git")
    path = f"notebooks/{name}.ipynb"
    project = address.removeprefix("https://github.com/")
    if project == address:
        repository, colab = f"git/{quote(address, safe='')}", ""
    else:
        url = f"https://colab.research.google.com/github/{project}/blob/main/{path}"
        repository, colab = f"gh/{project}", f" [<kbd>Open in Colab</kbd>]({url})"
    binder = f"https://mybinder.org/v2/{repository}/HEAD?urlpath={quote(f'lab/tree/{path}', safe='')}"
    return f"[<kbd>Open in Binder</kbd>]({binder}){colab}"


def _nbgrader(grade_id, *, grade=False, locked=False, solution=False, **points):
    return {
        "grade": grade,
        "grade_id": grade_id,
        "locked": locked,
        "schema_version": 3,
        "solution": solution,
        "task": False,
        **points,
    }


def _unmarked(source):
    """A solution without the two lines that mark it."""
    return "\n".join(line for line in source.splitlines() if line.strip() not in (BEGIN, END))


def _stub(block):
    indent, solution = block.groups()
    if indent:
        return f"{indent}return ..."
    targets = [t for step in ast.parse(solution).body if isinstance(step, ast.Assign) for t in step.targets]
    names = [
        n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    ]
    if not names:
        raise SyntaxError("a solution block outside a function has to assign a name")
    return "\n".join(f"{name} = ..." for name in dict.fromkeys(names))


def _check_pairs(notebook, facts):
    """Every exercise has a slug the registry knows, a marked solution, and one check below it."""
    open_exercises, seen = {}, set()
    for cell in notebook.cells:
        if not _has_any(cell, "exercise", "check"):
            continue
        at, slug = facts.lesson.at(cell.metadata.line), cell.metadata.get("slug")
        if not slug:
            raise LessonError(f"{at}: an exercise or check cell needs a `:slug:`.")
        try:
            facts.exercise(slug)
        except KeyError:
            raise LessonError(f"{at}: course_utils.checks knows no exercise {slug!r}.") from None
        if has(cell, "check"):
            if open_exercises.pop(slug, None) is None:
                raise LessonError(f"{at}: the check {slug!r} has no exercise above it.")
            continue
        if slug in seen:
            raise LessonError(f"{at}: there is another exercise {slug!r} in this lesson.")
        if not _BLOCK.search(cell.source):
            raise LessonError(f"{at}: the exercise {slug!r} marks no solution ({BEGIN} … {END}).")
        _check_python(cell, at)
        seen.add(slug)
        open_exercises[slug] = at
    for slug, at in open_exercises.items():
        raise LessonError(f"{at}: the exercise {slug!r} has no check below it.")


def _check_python(cell, at):
    try:
        ast.parse(cell.source)
    except SyntaxError as error:
        raise LessonError(f"{at}: this exercise is not valid Python ({error.msg}).") from None
