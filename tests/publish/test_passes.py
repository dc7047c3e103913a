"""The passes of a build, one by one and together."""

import ast
import sys
from copy import deepcopy
from types import ModuleType

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from nbformat.v4 import new_code_cell

from course_utils.publish import passes
from course_utils.publish.lesson import LessonError

ADDRESS = "https://github.com/someone/a-course"


@pytest.fixture
def make(exercise):
    """make(lesson, build) runs the passes of a build."""

    def make(lesson, build, address=ADDRESS, measured=None):
        facts = passes.Facts(lesson, address, measured, exercise)
        notebook = lesson.notebook
        for step in build:
            notebook = step(notebook, facts)
        return notebook

    return make


def tagged(notebook, tag):
    return [cell for cell in notebook.cells if passes.has(cell, tag)]


def only(notebook, tag):
    (cell,) = tagged(notebook, tag)
    return cell


@pytest.mark.parametrize("step", [*passes.STUDENT, *passes.SOLVED], ids=lambda step: step.__name__)
def test_a_pass_leaves_the_notebook_it_is_given_alone(lesson, exercise, step):
    before = deepcopy(lesson.notebook)
    step(lesson.notebook, passes.Facts(lesson, ADDRESS, None, exercise))
    assert lesson.notebook == before


@pytest.mark.parametrize("build", [passes.STUDENT, passes.SOLVED], ids=["student", "solved"])
def test_a_build_is_valid_and_always_the_same(lesson, make, build):
    first, second = make(lesson, build), make(lesson, build)
    nbformat.validate(first)
    assert first == second
    assert len({cell.id for cell in first.cells}) == len(first.cells)


def test_the_student_gets_cells_in_the_order_of_the_guide(lesson, make):
    tags = [(cell.metadata.get("tags") or ["text"])[0] for cell in make(lesson, passes.STUDENT).cells]
    expected = "header install setup text text exercise check hint solution text closing"
    assert tags == expected.split()


def test_the_solved_build_keeps_solutions_and_notes(lesson, make):
    notebook = make(lesson, passes.SOLVED)
    assert passes.BEGIN in only(notebook, "exercise").source
    assert "does it work with words" in only(notebook, "instructor").source
    assert not tagged(notebook, "solution")


def test_no_trace_of_solution_or_notes_in_the_student_s_exercise(lesson, make):
    notebook = make(lesson, passes.STUDENT)
    source = only(notebook, "exercise").source
    assert source.endswith("    total = 0\n    return ...")
    assert '"""Sum of two numbers."""' in source
    assert "words" not in nbformat.writes(notebook)
    assert passes.BEGIN not in nbformat.writes(notebook)


def test_the_card_says_what_the_front_matter_says(lesson, make):
    card = only(make(lesson, passes.STUDENT), "header").source
    for part in (
        "# 07 · Sums",
        "**What is one and one?**",
        "- add two numbers\n- say when a sum overflows",
        "[lesson 00, start here](00_start_here.ipynb); counting",
        "5 minutes (3 to read, 2 for the exercises)",
        "https://mybinder.org/v2/gh/someone/a-course/HEAD?urlpath=lab%2Ftree%2Fnotebooks%2F07_sums.ipynb",
        "https://colab.research.google.com/github/someone/a-course/blob/main/notebooks/07_sums.ipynb",
    ):
        assert part in card
    assert "MB" not in card


def test_the_card_tells_the_measured_cost(lesson, make):
    notebook = make(
        lesson, passes.STUDENT, measured={"seconds": 12.34, "peak_mb": 341, "first_seconds": 17.8}
    )
    card = only(notebook, "header").source
    assert "12 s and 340 MB" in card and "18 s the first time" in card


def test_nothing_in_the_text_is_fetched_when_the_notebook_opens(lesson, make):
    text = "\n".join(
        cell.source for cell in make(lesson, passes.STUDENT).cells if cell.cell_type == "markdown"
    )
    assert "![" not in text
    assert "src=" not in text


def test_away_from_github_only_binder_is_offered(lesson, make):
    card = only(make(lesson, passes.STUDENT, address="https://git.example.org/a/course.git"), "header").source
    assert "mybinder.org/v2/git/https%3A%2F%2Fgit.example.org%2Fa%2Fcourse/HEAD" in card
    assert "Colab" not in card


@pytest.mark.parametrize(("torch", "name"), [("", "regions @"), ("  torch: true\n", "regions[networks] @")])
def test_the_install_cell_installs_what_the_lesson_needs(write_lesson, make, torch, name):
    lesson = write_lesson(("  title:", f"{torch}  title:"))
    assert f"from-pixels-to-{name} git+{ADDRESS}" in only(make(lesson, passes.STUDENT), "install").source


class Shell:
    """What the install cell sees of IPython; notes what it is asked for."""

    def __init__(self, name):
        self.name, self.asked = name, []

    def __str__(self):
        return f"<{self.name} object>"

    def run_line_magic(self, *arguments):
        self.asked.append(arguments)

    def enable_custom_widget_manager(self):
        self.asked.append("widgets")


@pytest.mark.parametrize(
    ("there", "shell", "asks"),
    [
        (True, "ipykernel.zmqshell", []),
        (False, "ipykernel.zmqshell", ["pip"]),
        (True, "google.colab._shell", ["widgets"]),
        (False, "google.colab._shell", ["pip", "widgets"]),
    ],
)
def test_the_install_cell_does_what_is_missing_and_no_more(lesson, make, monkeypatch, there, shell, asks):
    shell = Shell(shell)
    if not there:
        monkeypatch.setitem(sys.modules, "course_utils", None)  # its import fails as a missing module's does
    monkeypatch.setitem(sys.modules, "google", ModuleType("google"))
    colab = ModuleType("google.colab")
    colab.output = shell
    monkeypatch.setitem(sys.modules, "google.colab", colab)
    cell = only(make(lesson, passes.STUDENT), "install")
    exec(TransformerManager().transform_cell(cell.source), {"get_ipython": lambda: shell})
    assert [what[0] if isinstance(what, tuple) else what for what in shell.asked] == asks
    if "pip" in asks:
        assert shell.asked[0][1] == f'install --quiet "from-pixels-to-regions @ git+{ADDRESS}"'


def test_hints_and_solution_are_closed_and_in_this_order(lesson, make):
    notebook = make(lesson, passes.STUDENT)
    hints, solution = only(notebook, "hint").source, only(notebook, "solution").source
    assert hints.count("<details><summary>Hint") == hints.count("</details>") == 3
    assert hints.index("Start from") < hints.index("Use a loop") < hints.index("for number")
    code = solution.split("```")[1].removeprefix("python\n")
    compiled = {}
    exec(code, compiled)
    assert compiled["add"](2, 3) == 5


def test_nbgrader_knows_the_two_cells(lesson, make):
    nbgrader = pytest.importorskip("nbgrader.nbgraderformat")
    for build in (passes.STUDENT, passes.SOLVED):
        notebook = make(lesson, build)
        nbgrader.MetadataValidator().validate_nb(notebook)
        answer, check = (
            only(notebook, "exercise").metadata.nbgrader,
            only(notebook, "check").metadata.nbgrader,
        )
        assert answer == answer | {"schema_version": 3, "grade_id": "add", "solution": True, "grade": False}
        assert check == check | {"grade_id": "add-check", "grade": True, "locked": True, "points": 2}


def test_nbgrader_makes_the_same_stub_from_the_solved_notebook(lesson, make):
    clear = pytest.importorskip("nbgrader.preprocessors").ClearSolutions(code_stub={"python": "return ..."})
    cleared, _ = clear.preprocess(make(lesson, passes.SOLVED), {})
    assert only(cleared, "exercise").source == only(make(lesson, passes.STUDENT), "exercise").source


@pytest.mark.parametrize(
    ("source", "stub"),
    [
        ("{b}\nx = 3\n{e}", "x = ..."),
        ("given = 1\n{b}\nx, y = 1, 2\nx = 3; z = x\n{e}\nb = 2", "given = 1\nx = ...\ny = ...\nz = ...\nb = 2"),
        ("def f():\n    {b}\n    return 1\n    {e}\n    # below", "def f():\n    return ...\n    # below"),
        ("def f(x):\n    if x:\n        {b}\n        return 1\n        {e}\n    {b}\n    return 2\n    {e}",
         "def f(x):\n    if x:\n        return ...\n    return ..."),
        ("def f():\n\t{b}\n\treturn r'\\1'\n\t{e}", "def f():\n\treturn ..."),
    ],
)  # fmt: skip
def test_what_a_solution_block_leaves(lesson, exercise, source, stub):
    cell = new_code_cell(
        source.format(b=passes.BEGIN, e=passes.END), metadata={"tags": ["exercise"], "line": 1}
    )
    notebook = nbformat.v4.new_notebook(cells=[cell])
    blanked = passes.blank_solutions(notebook, passes.Facts(lesson, ADDRESS, None, exercise))
    assert blanked.cells[0].source == stub
    ast.parse(stub)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (":slug: add\n\ndef", "\ndef", "needs a `:slug:`"),
        (":slug: add\n\ndef", ":slug: ad\n\ndef", "knows no exercise 'ad'"),
        (":tags: [check]\n:slug: add", ":tags: [other]", "'add' has no check below it"),
        (":tags: [exercise]\n:slug: add", ":tags: [other]", "'add' has no exercise above it"),
        ("    ### BEGIN SOLUTION\n", "", "marks no solution"),
        ("total = 0", "total =", "not valid Python"),
    ],
)  # fmt: skip
def test_a_fault_in_an_exercise_is_named_with_its_line(write_lesson, make, old, new, says):
    lesson = write_lesson((old, new))
    with pytest.raises(LessonError, match=r"lessons/07_sums\.md:\d+: ") as caught:
        make(lesson, passes.STUDENT)
    assert says in str(caught.value)


def test_an_exercise_stands_once_in_a_lesson(write_lesson, make):
    start = "```{code-cell} ipython3\n:tags: [exercise]"
    end = "+++ {"
    lesson = write_lesson()
    text = lesson.path.read_text(encoding="utf-8")
    both = text[text.index(start) : text.index(end)]
    with pytest.raises(LessonError, match="another exercise 'add'"):
        make(write_lesson((end, both + end)), passes.STUDENT)


@pytest.mark.parametrize(
    "source",
    ["if a:\n{b}\n    b = 1\n{e}", "{b}\nprint(1)\n{e}", "for a in b:\n    {b}\n    c = 1\n    {e}"],
    ids=["nothing left", "nothing assigned", "no function"],
)
def test_a_block_that_leaves_no_stub_is_refused(lesson, exercise, source):
    cell = new_code_cell(
        source.format(b=passes.BEGIN, e=passes.END), metadata={"tags": ["exercise"], "line": 31}
    )
    notebook = nbformat.v4.new_notebook(cells=[cell])
    with pytest.raises(LessonError, match=r"07_sums\.md:31"):
        passes.blank_solutions(notebook, passes.Facts(lesson, ADDRESS, None, exercise))


def test_equal_cells_have_ids_of_their_own_that_stay(lesson, exercise):
    cells = [new_code_cell("1"), new_code_cell("2"), new_code_cell("1")]
    facts = passes.Facts(lesson, ADDRESS, None, exercise)
    ids = [cell.id for cell in passes.set_ids(nbformat.v4.new_notebook(cells=cells), facts).cells]
    assert len(set(ids)) == 3
    fewer = passes.set_ids(nbformat.v4.new_notebook(cells=cells[1:]), facts).cells
    assert [cell.id for cell in fewer] == [ids[1], ids[0]]
