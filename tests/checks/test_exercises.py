"""What holds for every exercise of the course: right answers pass, and each known mistake gets its own message."""

import re

import pytest

from course_utils import checks
from course_utils.checks import check, framework

EXERCISES = checks.exercises()
MISTAKES = [(exercise, mistake) for exercise in EXERCISES for mistake in exercise.mistakes]


@pytest.fixture(autouse=True)
def strict(monkeypatch, own_folders):
    monkeypatch.setenv("COURSE_STRICT", "1")  # a fault of an exercise is an error here, not an apology


def named(item):
    return item.slug if isinstance(item, framework.Exercise) else item.name


@pytest.mark.parametrize("exercise", EXERCISES, ids=named)
def test_the_reference_earns_full_points(exercise):
    answer = exercise.reference() if exercise.is_value else exercise.reference
    result = check(exercise.slug, answer)
    assert (result.state, result.points) == ("right", exercise.points), str(result)


@pytest.mark.parametrize("exercise", EXERCISES, ids=named)
def test_the_stub_is_not_attempted(exercise):
    stub = (lambda *_: ...) if exercise.wants_function else ...
    result = check(exercise.slug, stub)
    assert (result.state, result.points) == ("open", 0)


@pytest.mark.parametrize(("exercise", "mistake"), MISTAKES, ids=named)
def test_each_mistake_loses_points_and_is_named_first(exercise, mistake):
    wrong = mistake.wrong() if exercise.is_value and callable(mistake.wrong) else mistake.wrong
    result = check(exercise.slug, wrong)
    assert result.points < exercise.points, f"the cases do not show this mistake\n{result}"
    assert result.diagnoses[:1] == (mistake.message,), str(result)


@pytest.mark.parametrize("exercise", EXERCISES, ids=named)
def test_an_exercise_is_well_formed(exercise):
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", exercise.slug)
    assert re.fullmatch(r"\d\d", exercise.lesson)
    assert 0 < len(exercise.title) <= 60
    assert exercise.points > 0 and exercise.minutes > 0
    assert all(len(hint) > 20 for hint in exercise.hints) and len(set(exercise.hints)) == 3
    assert len({mistake.name for mistake in exercise.mistakes}) == len(exercise.mistakes)
    if exercise.wants_function:
        messages = {
            mistake.message for mistake in exercise.mistakes
        }  # two versions of one mistake may share one
        assert len(messages) >= 4, "write the four to six wrong answers that students really give"


def test_slugs_read_from_the_text_are_those_of_the_modules():
    for topic in checks.topics():
        assert checks._slugs(topic) == [exercise.slug for exercise in checks._load(topic)]


def test_exercises_of_a_lesson_are_those_that_name_it():
    for lesson in {exercise.lesson for exercise in EXERCISES}:
        assert checks.exercises(lesson) == tuple(e for e in EXERCISES if e.lesson == lesson)
