"""The record: fingerprints that see every change and nothing else, and what they are held against."""

import pytest

from course_utils import paths
from course_utils.publish import record
from course_utils.publish.execute import Run


@pytest.fixture
def clone(lesson, tmp_path, monkeypatch):
    """A small project: one lesson, one module, one data file."""
    for path, content in {
        "package/a.py": "x = 1\n",
        "package/static/canvas.js": "let x = 1\n",
        "data/coins.json": "[]\n",
        "data/results/old.csv": "1\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content.encode())
    monkeypatch.setattr(paths, "PACKAGE", tmp_path / "package")
    return lesson


def changed(lesson, before):
    now = record.fingerprints(lesson)
    return [part for part in record.PARTS if now[part] != before[part]]


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("lessons/07_sums.md", "lesson"),
        ("package/a.py", "library"),
        ("package/static/canvas.js", "library"),
        ("package/new.py", "library"),
        ("data/coins.json", "data"),
        ("data/new.json", "data"),
    ],
)
def test_a_change_shows_in_its_part_alone(clone, tmp_path, path, part):
    before = record.fingerprints(clone)
    with (tmp_path / path).open("a") as file:
        file.write("# more\n")
    assert changed(clone, before) == [part]


@pytest.mark.parametrize(
    "path",
    [
        "data/results/old.csv",
        "data/README.md",
        "package/__pycache__/a.py",
        "package/bundled/data/b.py",
        "lessons/08_b.md",
    ],
)
def test_what_a_lesson_does_not_depend_on_changes_nothing(clone, tmp_path, path):
    before = record.fingerprints(clone)
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text("new")
    assert changed(clone, before) == []


def test_a_file_s_name_counts_and_its_line_ends_do_not(clone, tmp_path):
    before = record.fingerprints(clone)
    (tmp_path / "package/a.py").write_bytes(b"x = 1\r\n")
    assert changed(clone, before) == []
    (tmp_path / "package/a.py").rename(tmp_path / "package/b.py")
    assert changed(clone, before) == ["library"]


def test_within_budget_and_fresh_is_fine(clone):
    assert record.judge(clone, record.write(clone, Run(None, 19.9, 499), 2)) == ([], [])


def test_seconds_are_those_of_the_usual_speed(clone):
    entry = record.write(clone, Run(None, 30, 100), 2, first=Run(None, 45, 100), slowness=1.5)
    assert (entry["seconds"], entry["first_seconds"], entry["slowness"]) == (20, 30, 1.5)
    entry = record.write(clone, Run(None, 15, 100), 2, slowness=0.5)  # a faster machine keeps its seconds
    assert (entry["seconds"], entry["slowness"]) == (15, 1)
    assert record.judge(clone, entry) == ([], [])


def test_the_yardstick_is_always_the_same_work():
    assert 0.05 < record.yardstick() < 60


@pytest.mark.parametrize(
    ("run", "says"), [(Run(None, 20.4, 100), "20.4 seconds, and 20"), (Run(None, 1, 501), "501 MB, and 500")]
)
def test_over_budget_is_an_error(clone, run, says):
    (error,), warnings = record.judge(clone, record.write(clone, run, 2))
    assert says in error
    assert warnings == []


def test_a_torch_lesson_may_cost_more(write_lesson, clone):
    lesson = write_lesson(("  title:", "  torch: true\n  title:"))
    assert record.judge(lesson, record.write(lesson, Run(None, 44, 1400), 2)) == ([], [])


def test_another_text_is_an_error_and_another_library_a_warning(write_lesson, clone, tmp_path):
    entry = record.write(clone, Run(None, 1, 1), 2)
    (tmp_path / "package/a.py").write_text("x = 2\n")
    errors, warnings = record.judge(clone, entry)
    assert errors == []
    assert "library changed" in warnings[0]
    (error,), _ = record.judge(write_lesson(("The end.", "The very end.")), entry)
    assert "another text" in error
    assert "course run 07 --record" in error


def test_an_unmeasured_lesson_is_an_error(clone):
    (error,), _ = record.judge(clone, None)
    assert "never measured" in error


def test_recording_one_lesson_keeps_the_others(write_lesson, clone):
    record.write(write_lesson(name="08_more"), Run(None, 2, 2), 2)
    record.write(clone, Run(None, 1, 1), 2)
    record.write(clone, Run(None, 3, 1), 2)
    assert {name: entry["seconds"] for name, entry in record.read().items()} == {"07_sums": 3, "08_more": 2}
