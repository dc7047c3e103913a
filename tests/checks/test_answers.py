"""Right answers written in unusual ways pass, and usual mistakes do not."""

from importlib import import_module
from pathlib import Path

import answers
import pytest

from course_utils import checks
from course_utils.checks import check

for topic in checks.topics():
    import_module(f"answers_{topic}")


def test_every_topic_has_answers_of_its_own():
    assert {f"answers_{topic}" for topic in checks.topics()} == {
        p.stem for p in Path(__file__).parent.glob("answers_*.py")
    }


@pytest.mark.parametrize(("slug", "answer"), answers.RIGHT)
def test_right(slug, answer):
    result = check(slug, answer)
    assert result.state == "right", result.text
    assert result.points == result.out_of


@pytest.mark.parametrize(("slug", "answer"), answers.WRONG)
def test_wrong(slug, answer):
    result = check(slug, answer)
    assert result.state in ("wrong", "partly"), result.text
    assert result.points < result.out_of
    said = result.diagnoses or "right answer" in result.text or "after your call" in result.text
    assert said, "the check does not say what is wrong"
