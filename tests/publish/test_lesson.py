"""Reading a lesson: cells know their lines, and what is wrong is said with its place."""

import pytest

from course_utils import paths
from course_utils.publish import lesson as source
from course_utils.publish.lesson import LessonError

NAMES = ["00_start_here", "02_thresholding", "12_attention"]


def test_every_cell_knows_the_line_where_its_own_text_begins(lesson):
    lines = lesson.path.read_text(encoding="utf-8").splitlines()
    assert len(lesson.notebook.cells) == 7
    for cell in lesson.notebook.cells:
        length = cell.source.count("\n") + 1
        assert lines[cell.metadata.line - 1 :][:length] == cell.source.splitlines()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("  title: Sums\n", "", "missing: title"),
        ("  title: Sums\n", "  title: Sums\n  tilte: Sums\n", "unknown: tilte"),
        ("requires: [00_start_here, counting]", "requires: counting", "requires"),
        ("minutes: {read: 3, exercise: 2}", "minutes: {sleep: 3}", "minutes"),
        ("course:\n", "curse:\n", "no `course:`"),
        ('print("two", 1 + 1)\n', "\n", "empty"),
        (':tags: [setup]', ':tags: [setup', "line 13"),
    ],
)  # fmt: skip
def test_a_fault_in_the_source_is_named(write_lesson, old, new, says):
    with pytest.raises(LessonError, match=r"07_sums\.md") as caught:
        write_lesson((old, new))
    assert says in str(caught.value)


@pytest.mark.parametrize("wanted", ["2", "02", "02_thresholding", "lessons/02_thresholding.md"])
def test_a_lesson_is_found_by_any_of_its_names(wanted):
    assert source.find([wanted], NAMES) == ["02_thresholding"]


def test_no_name_means_all_lessons():
    assert source.find([], NAMES) == NAMES


@pytest.mark.parametrize("wanted", ["3", "002", "thresholdign", "0"])
def test_an_unknown_lesson_is_answered_with_those_there_are(wanted):
    if wanted == "0":
        assert source.find([wanted], NAMES) == ["00_start_here"]
        return
    with pytest.raises(LessonError, match="12_attention"):
        source.find([wanted], NAMES)


def test_a_misspelt_lesson_is_guessed():
    with pytest.raises(LessonError, match=r"Did you mean 02_thresholding\?"):
        source.find(["02_tresholding"], NAMES)


def test_lessons_come_in_order_and_nothing_else_with_them(tmp_path):
    for name in ("10_b.md", "02_a.md", "README.md", "02_a.ipynb"):
        (tmp_path / name).touch()
    assert [path.name for path in source.every(tmp_path)] == ["02_a.md", "10_b.md"]


def test_an_installed_package_says_where_the_sources_are(monkeypatch):
    monkeypatch.setattr(paths, "CHECKOUT", paths.PACKAGE)
    monkeypatch.setattr(paths, "bundled", paths.PACKAGE.joinpath)
    with pytest.raises(LessonError, match="Clone the project"):
        source.every()
