"""How a judgement is shown: answers of several values, changed arguments."""

import numpy as np
import pytest

from course_utils.checks.framework import Exercise, Property, judge
from course_utils.checks.report import report


def halves(values):
    return values[: len(values) // 2], values[len(values) // 2 :]


def largest(values):
    return values.max()


def exercise(reference):
    return Exercise(
        slug="demo-report",
        lesson="01",
        title="Demo",
        minutes=1,
        points=1,
        hints=("a", "b", "c"),
        reference=reference,
        properties=(Property("is right", [np.array([3.0, 1, 2, 5])]),),
    )


def shown(task, answer):
    return report(task, judge(task, answer))


def test_the_arrays_of_an_answer_are_shown_one_by_one():
    result = shown(exercise(halves), lambda values: tuple(np.sort(half) for half in halves(values)))
    assert "your answer, 1 of 2:\n        1     3\n" in result.text
    assert "right answer, 1 of 2:\n        3     1\n" in result.text
    assert result.html.count("<table") == 5 and result.html.count("✗</span></td>") == 2


def test_a_number_beside_an_array_does_not_hide_the_array():
    def sorted_and_largest(values):
        return np.sort(values), values.max()

    result = shown(exercise(sorted_and_largest), lambda values: (values.copy(), values.max()))
    assert "your answer, 1 of 2:\n        3     1     2     5\n" in result.text
    assert "your answer, 2 of 2: 5.0" in result.text
    assert result.html.count("<table") == 3


def test_a_list_that_should_be_an_array_shows_its_numbers():
    result = shown(exercise(halves), lambda values: (halves(values)[0], list(halves(values)[1])))
    assert "your answer, 2 of 2:\n        2     5\n" in result.text


@pytest.mark.parametrize("answer_too", [False, True])
def test_a_changed_argument_is_shown_before_and_after(answer_too):
    def spoils(values):
        found = values.max() + answer_too
        values.sort()
        return found

    result = shown(exercise(largest), spoils)
    assert "  values:\n        3     1     2     5\n" in result.text
    assert "  values after your call:\n        1     2     3     5" in result.text
    assert "<code>values</code> after your call" in result.html
    assert ("right answer" in result.text) is answer_too
