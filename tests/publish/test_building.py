"""Building: what is unchanged stays byte for byte, what changed is made again, errors point at the source."""

import json
import os

import nbformat
import pytest

from course_utils import paths
from course_utils.publish import building, record
from course_utils.publish.execute import Run
from course_utils.publish.lesson import LessonError


class Kernel:
    """Stands in for `execute`: counts its runs and prints something new in every one."""

    def __init__(self):
        self.runs, self.heavy = [], ""

    def __call__(self, notebook, **options):
        self.runs.append(options)
        notebook = nbformat.from_dict(notebook)
        for number, cell in enumerate(c for c in notebook.cells if c.cell_type == "code"):
            views = {building._VIEW: {"model_id": f"{len(self.runs)}"}, "text/html": f"run {len(self.runs)}"}
            views["text/plain"] = self.heavy if cell.source.startswith("print") else ""
            cell.outputs = [nbformat.v4.new_output("display_data", data=views)]
            cell.execution_count = number + 1
        return Run(notebook, 1.234, 345.6)


@pytest.fixture
def kernel(monkeypatch):
    kernel = Kernel()
    monkeypatch.setattr(building, "execute", kernel)
    return kernel


@pytest.fixture
def target(tmp_path):
    return tmp_path / "notebooks" / "07_sums.ipynb"


def outputs(target):
    return [c.outputs[0].data["text/html"] for c in nbformat.read(target, 4).cells if c.cell_type == "code"]


def test_the_real_thing_from_source_to_file(lesson, exercise, target):
    built = building.build(lesson, exercise, target)
    assert (built.executed, built.changed, built.path) == (True, True, target)
    assert built.kb == target.stat().st_size / 1000
    notebook = nbformat.read(target, as_version=4)
    nbformat.validate(notebook)
    assert "two 2" in target.read_text(encoding="utf-8")
    assert all("line" not in cell.metadata and "execution" not in cell.metadata for cell in notebook.cells)
    assert [c.execution_count for c in notebook.cells if c.cell_type == "code"] == [1, 2, 3, 4, 5]
    assert building.drift(lesson, exercise, target) == []


def test_an_unchanged_lesson_changes_no_byte_and_runs_nothing(lesson, exercise, target, kernel):
    building.build(lesson, exercise, target)
    before, stamp = target.read_bytes(), target.stat().st_mtime_ns
    built = building.build(lesson, exercise, target)
    assert (built.executed, built.changed) == (False, False)
    assert (target.read_bytes(), target.stat().st_mtime_ns) == (before, stamp)
    assert len(kernel.runs) == 1


def test_new_prose_keeps_the_outputs(write_lesson, exercise, target, kernel):
    building.build(write_lesson(), exercise, target)
    built = building.build(write_lesson(("The end.", "A new end.")), exercise, target)
    assert (built.executed, built.changed) == (False, True)
    assert "A new end." in target.read_text(encoding="utf-8")
    assert set(outputs(target)) == {"run 1"}


@pytest.mark.parametrize(
    "change",
    [("1 + 1)\n", "2 + 2)\n"), (":tags: [setup]", ":tags: [setup, raises-exception]")],
    ids=["code", "tags"],
)
def test_new_code_runs_again(write_lesson, exercise, target, kernel, change):
    building.build(write_lesson(), exercise, target)
    assert building.build(write_lesson(change), exercise, target).executed
    assert set(outputs(target)) == {"run 2"}


def test_a_notebook_without_outputs_runs_again(lesson, exercise, target, kernel):
    building.build(lesson, exercise, target)
    cleared = nbformat.read(target, as_version=4)
    cleared.cells[2].update(outputs=[], execution_count=None)
    nbformat.write(cleared, target)
    assert building.build(lesson, exercise, target).executed


def test_force_runs_again(lesson, exercise, target, kernel):
    building.build(lesson, exercise, target)
    assert building.build(lesson, exercise, target, force=True).executed


def test_no_widget_state_and_no_dead_view_is_stored(lesson, exercise, target, kernel):
    building.build(lesson, exercise, target)
    notebook = nbformat.read(target, as_version=4)
    assert "widgets" not in notebook.metadata
    assert "widget-view" not in target.read_text(encoding="utf-8")
    assert set(outputs(target)) == {"run 1"}


def test_an_error_points_at_its_line_in_the_lesson(write_lesson, exercise, target):
    lesson = write_lesson(('print("two", 1 + 1)', 'one = 1\nprint("two", one / 0)'))
    line = lesson.path.read_text(encoding="utf-8").splitlines().index('print("two", one / 0)') + 1
    with pytest.raises(LessonError, match=rf"lessons/07_sums\.md:{line}: cell 5 .*: ZeroDivisionError"):
        building.build(lesson, exercise, target)
    assert not target.exists()


def test_too_large_a_notebook_names_its_heaviest_cell(lesson, exercise, target, kernel):
    kernel.heavy = "x" * 440_000
    assert building.build(lesson, exercise, target).kb < building.MAX_KB
    before = target.read_bytes()
    kernel.heavy = "x" * 450_000
    says = r"has 456 kB, and 450 is the most\. Its heaviest cells: lessons/07_sums\.md:25 \(450 kB\); "
    with pytest.raises(LessonError, match=says):
        building.build(lesson, exercise, target, force=True)
    assert target.read_bytes() == before


def test_the_solved_notebook_has_its_own_place_and_content(lesson, exercise, target, kernel):
    building.build(lesson, exercise, target, solved=True)
    text = target.read_text(encoding="utf-8")
    assert "BEGIN SOLUTION" in text
    assert "does it work with words" in text
    assert building.folder(solved=True) == paths.CHECKOUT / "build" / "solved"
    assert building.folder(solved=False) == paths.CHECKOUT / "notebooks"


# -- drift --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda nb: nb.cells[4].update(source="other"), "cell 5 differs in source"),
        (lambda nb: nb.cells[4].update(id="other"), "cell 5 differs in id"),
        (lambda nb: nb.cells[5].metadata.update(tags=[]), "cell 6 differs in metadata"),
        (lambda nb: nb.metadata.update(widgets={}), "metadata of the notebook"),
        (lambda nb: nb.cells.pop(), "10 cells, and the lesson makes 11"),
    ],
)
def test_drift_is_seen_and_named(lesson, exercise, target, kernel, edit, says):
    building.build(lesson, exercise, target)
    notebook = nbformat.read(target, as_version=4)
    edit(notebook)
    nbformat.write(notebook, target)
    (found,) = building.drift(lesson, exercise, target)
    assert says in found


def test_outputs_are_no_drift_and_a_missing_notebook_is(lesson, exercise, target, kernel):
    assert building.drift(lesson, exercise, target) == ["07_sums.ipynb was never built"]
    building.build(lesson, exercise, target)
    notebook = nbformat.read(target, as_version=4)
    notebook.cells[4].outputs = []
    nbformat.write(notebook, target)
    assert building.drift(lesson, exercise, target) == []


# -- measuring ----------------------------------------------------------------------------------------


def test_measuring_records_and_shows_the_numbers(lesson, exercise, target, kernel, monkeypatch):
    ticks = iter(
        [1.0 * record.USUAL, 1.5 * record.USUAL]
    )  # a slow spell: 1.25 of the usual time, in the mean
    monkeypatch.setattr(record, "yardstick", lambda: next(ticks))
    entry = building.measure(lesson, exercise, target)
    assert (entry["seconds"], entry["slowness"]) == (1.0, 1.25)
    assert (entry["peak_mb"], entry["cores"]) == (346, 2)
    assert record.read() == {"07_sums": entry}
    assert "1 s and 350 MB" in target.read_text(encoding="utf-8")
    assert building.drift(lesson, exercise, target) == []
    assert record.judge(lesson, entry) == ([], [])


def test_measuring_starts_without_compiled_kernels_on_two_cores(lesson, exercise, target, kernel):
    """And the second run, which counts, finds what the first has compiled."""
    building.measure(lesson, exercise, target)
    first, second = kernel.runs
    assert first["cores"] == second["cores"] == 2
    assert first["env"]["COURSE_CACHE"] == second["env"]["COURSE_CACHE"] != str(paths.cache())
    assert "COURSE_RECORD" not in first["env"] and second["env"]["COURSE_RECORD"] == "1"


def test_building_writes_no_measurement(lesson, exercise, target, kernel):
    building.build(lesson, exercise, target)
    assert not record.path().exists()


# -- the address --------------------------------------------------------------------------------------


def test_the_address_stands_once(monkeypatch):
    from_project = building.address()
    monkeypatch.setattr(paths, "checkout", lambda: None)
    assert building.address() == from_project
    assert from_project.startswith("https://")


# -- files --------------------------------------------------------------------------------------------


def test_a_failed_write_keeps_what_was_there(tmp_path, monkeypatch):
    file = tmp_path / "a.ipynb"
    file.write_bytes(b"old")

    def fail(*_):
        raise OSError

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError):
        building._write(file, b"new")
    assert file.read_bytes() == b"old"


def test_the_record_is_readable_json_in_order(lesson, write_lesson, kernel, exercise, target):
    for name in ("09_b", "08_a"):
        record.write(write_lesson(name=name), Run(None, 1, 1), 2)
    assert list(json.loads(record.path().read_text(encoding="utf-8"))) == ["08_a", "09_b"]
