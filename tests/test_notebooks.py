"""Every lesson and its notebook: built from the source that stands there, running, solvable, within its budgets.

Each notebook runs twice: as the student finds it, by nbval, and with the solutions in place, whose checks must then
give full points. Both in kernels that reach no other machine.
"""

import json
import re
import shutil
import subprocess
import sys
import warnings
from html import unescape
from itertools import pairwise

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from course_utils import checks, paths
from course_utils.publish import building, execute, passes, record
from course_utils.publish import lesson as source

NOTEBOOKS = paths.CHECKOUT / "notebooks"
LESSONS = [source.read(path) for path in source.every()]
each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)


def notebook_of(lesson):
    return nbformat.read(NOTEBOOKS / f"{lesson.name}.ipynb", as_version=4)


def nbval(notebook, folder):
    """Run a notebook by nbval in ``folder``; returns the finished process."""
    (folder / "ipynb").mkdir()
    copy = shutil.copy(notebook, folder / "ipynb")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbval-lax",
        "--nbval-cell-timeout",
        str(execute.CELL_SECONDS),
    ]
    command += [
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(folder),
        "--override-ini",
        "addopts=",
        "-q",
        str(copy),
    ]
    environment = execute.sandbox(folder)
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, encoding="utf-8")


# -- lesson and notebook belong together --------------------------------------------------------------


def test_every_lesson_has_its_notebook_and_every_notebook_its_lesson():
    assert LESSONS
    assert [path.stem for path in sorted(NOTEBOOKS.glob("*.ipynb"))] == [lesson.name for lesson in LESSONS]


@each_lesson
def test_the_notebook_is_what_the_lesson_makes(lesson):
    drifted = building.drift(lesson, checks.exercise, NOTEBOOKS / f"{lesson.name}.ipynb")
    assert drifted == [], f"course build {lesson.number}"


@each_lesson
def test_the_measurements_are_of_this_text_and_within_budget(lesson):
    errors, remarks = record.judge(lesson, record.read().get(lesson.name))
    for remark in remarks:
        warnings.warn(remark, stacklevel=1)
    assert errors == []


@each_lesson
def test_the_notebook_is_small_enough(lesson):
    assert (NOTEBOOKS / f"{lesson.name}.ipynb").stat().st_size <= building.MAX_KB * 1000


def test_all_notebooks_together_are_small_enough():
    assert sum(path.stat().st_size for path in NOTEBOOKS.glob("*.ipynb")) <= 8_000_000


# -- they run -----------------------------------------------------------------------------------------


@each_lesson
def test_an_untouched_notebook_runs_from_top_to_bottom(lesson, tmp_path):
    done = nbval(NOTEBOOKS / f"{lesson.name}.ipynb", tmp_path)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


@each_lesson
def test_the_solutions_get_full_points(lesson):
    notebook = building.assemble(lesson, checks.exercise, passes.SOLVED)
    loaded = new_code_cell("'torch' in __import__('sys').modules")
    notebook.cells.append(loaded)
    done = building.run(lesson, notebook, env={"COURSE_GRADING": "1"}).notebook
    graded = [cell for cell in done.cells if passes.has(cell, "check")]
    earned = {cell.metadata.slug: shown(cell) for cell in graded}
    assert earned == {slug: str(checks.exercise(slug).points) for slug in earned}
    assert shown(done.cells[-1]) == str(bool(lesson.card.get("torch")))


def shown(cell):
    """The text of a cell's result."""
    (result,) = (output for output in cell.outputs if output.output_type == "execute_result")
    return result.data["text/plain"]


def test_nbval_runs_where_no_other_machine_can_be_reached(tmp_path):
    """So that the test above would fail for a lesson that reaches for the network."""
    attempt = "import socket\nsocket.create_connection(('192.0.2.1', 80), timeout=1)"
    notebook = new_notebook(cells=[new_code_cell(attempt)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, tmp_path / "reaches_out.ipynb")
    done = nbval(tmp_path / "reaches_out.ipynb", tmp_path)
    assert done.returncode == 1
    assert "NetworkBlocked" in done.stdout


# -- they read well -----------------------------------------------------------------------------------


def html_of(notebook):
    """All HTML that the outputs of a notebook store."""
    outputs = (output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs)
    return ["".join(output.get("data", {}).get("text/html", "")) for output in outputs]


@each_lesson
def test_every_picture_says_what_is_to_be_seen(lesson):
    notebook = notebook_of(lesson)
    tags = [tag for html in html_of(notebook) for tag in re.findall(r"<img\b[^>]*>", html)]
    alts = [unescape(found[1]) if (found := re.search(r'\balt="([^"]*)"', tag)) else "" for tag in tags]
    assert [alt for alt in alts if len(alt) < 40] == []
    assert len(set(alts)) == len(alts)
    assert len(tags) == len([tag for tag in tags if 'src="data:' in tag])  # none comes over the network
    bare = [
        kind
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        for kind in output.get("data", {})
    ]
    assert not [kind for kind in bare if kind.startswith("image/")]  # JupyterLab drops the alt text of those


@each_lesson
def test_no_warning_and_no_error_is_stored(lesson):
    outputs = [output for cell in notebook_of(lesson).cells for output in cell.get("outputs", [])]
    assert [
        output for output in outputs if output.get("name") == "stderr" or output.output_type == "error"
    ] == []


@each_lesson
def test_headings_go_down_one_step_at_a_time(lesson):
    text = "\n".join(cell.source for cell in notebook_of(lesson).cells if cell.cell_type == "markdown")
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    levels = [len(marks) for marks in re.findall(r"^(#+) ", text, re.MULTILINE)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert [pair for pair in pairwise(levels) if pair[1] > pair[0] + 1] == []


@each_lesson
def test_no_directive_is_left_that_only_one_host_would_show(lesson):
    text = "\n".join(cell.source for cell in lesson.notebook.cells if cell.cell_type == "markdown")
    assert re.findall(r"^(?::::|```)\{.*", text, re.MULTILINE) == []


@each_lesson
def test_ruff_is_content_with_the_code_of_the_lesson(lesson, tmp_path):
    """ruff passes over code in Markdown, so it is shown the solved notebook."""
    notebook = building.assemble(lesson, checks.exercise, passes.SOLVED)
    path = tmp_path / f"{lesson.name}.ipynb"
    nbformat.write(notebook, path)
    config = ["--config", str(paths.CHECKOUT / "pyproject.toml"), "--no-cache"]
    # A notebook shows what stands on its last line, and imports stand where they are first needed.
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--output-format=json",
        "--ignore=B018,E402",
        *config,
        str(path),
    ]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    found = []
    for fault in json.loads(done.stdout):
        place = building.place(lesson, notebook.cells[fault["cell"] - 1], fault["location"]["row"])
        found.append(f"{place}: {fault['code']} {fault['message']}")
    assert found == [], "\n".join(found)
