"""All studies of the course: each is known to ``course study``, and what ships of it is complete."""

import subprocess
import sys

import pytest

from course_utils import paths, studies, study

studies.register()


@pytest.mark.parametrize("name", study.STUDIES)
def test_what_ships_is_complete(name):
    found = study.STUDIES[name]
    if not found.path.exists():
        lessons = (paths.CHECKOUT / "lessons").glob("*.md")
        assert [
            lesson.name for lesson in lessons if f'rows("{name}")' in lesson.read_text(encoding="utf-8")
        ] == []
        return
    rows = study.rows(name)
    assert sorted(map(study._key, rows)) == sorted(
        study._key(study._row(found, *run)) for run in found.runs()
    )


def test_without_torch_the_studies_that_need_none_are_known():
    code = """
import sys
sys.modules["torch"] = None
from course_utils import studies, study
studies.register()
print(*study.STUDIES)
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.split() == ["threshold_share"]
