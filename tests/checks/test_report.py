"""How a judgement is shown: answers of several values, changed arguments."""

from dataclasses import replace

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


def stacked(values):
    return np.stack([values.reshape(2, 2), -values.reshape(2, 2)])


def test_a_small_stack_is_shown_plane_by_plane():
    result = shown(exercise(stacked), lambda values: abs(stacked(values)))
    assert "your answer, plane 2 of 2:\n        3     1\n        2     5\n" in result.text
    assert "right answer, plane 2 of 2:\n       -3    -1\n" in result.text
    assert result.html.count("✗</span></td>") == 4


def test_stacks_in_a_list_are_shown_plane_by_plane():
    def both(values):
        return [stacked(values), stacked(values)[:1, :1]]

    result = shown(exercise(both), lambda values: [entry + 1 for entry in both(values)])
    assert "your answer, 2 of 2, plane 1 of 1:\n        4     2\n" in result.text
    assert result.html.count("✗</span></td>") == 10


def test_words_about_another_case_than_the_one_shown_say_so():
    task = replace(
        exercise(largest),
        properties=(
            Property("is right", [np.array([3.0, 1, 2, 5])]),
            Property("is right elsewhere", [np.array([1.0, 2])]),
        ),
    )

    def stops(values):
        return values[2]

    said = judge(task, stops).says
    assert said.startswith("Your code stopped with IndexError") and said.endswith("than the one below.)")
    assert not judge(task, lambda values: values[7]).says.endswith("below.)")
