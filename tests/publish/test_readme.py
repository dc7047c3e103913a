"""The README's badges and lesson table follow from the address and the cards."""

import pytest

from course_utils import paths
from course_utils.publish import building, lesson, readme

MARKS = (
    "before\n<!-- badges: x -->\nyesterday\n<!-- /badges -->\n"
    "middle\n<!-- lessons: x -->\n<!-- /lessons -->\nafter\n"
)


def test_the_readme_is_up_to_date():
    text = (paths.CHECKOUT / "README.md").read_text(encoding="utf-8")
    assert readme.render(text, map(lesson.read, lesson.every()), building.address()) == text, (
        "README.md has drifted: run `course build`"
    )


def test_only_what_stands_between_the_marks_is_written():
    lessons = [lesson.read(path) for path in lesson.every()]
    text = readme.render(MARKS, lessons, "https://github.com/someone/somewhere")
    assert text.startswith("before\n<!-- badges: x -->\n") and text.endswith("<!-- /lessons -->\nafter\n")
    assert "yesterday" not in text and "gh/someone/somewhere" in text
    for one in lessons:
        assert f"(notebooks/{one.name}.ipynb)" in text and one.card["question"] in text
    assert readme.render(text, lessons, "https://github.com/someone/somewhere") == text


def test_a_lost_mark_is_named():
    with pytest.raises(ValueError, match="lessons"):
        readme.render(MARKS.replace("<!-- /lessons -->", ""), [], "https://github.com/a/b")


def test_updating_twice_changes_nothing(tmp_path):
    (tmp_path / "README.md").write_text(MARKS, encoding="utf-8")
    assert readme.update(tmp_path) is True
    assert readme.update(tmp_path) is False
