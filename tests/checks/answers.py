"""Answers to the exercises: each `answers_<topic>.py` registers its own, and `test_answers` tries them all."""

import pytest

RIGHT, WRONG = [], []


def right(slug):
    """Register an answer that obeys the text of the exercise."""
    return lambda answer: RIGHT.append(pytest.param(slug, answer, id=answer.__name__)) or answer


def wrong(slug):
    """Register an answer with the mistake that its docstring names."""
    return lambda answer: WRONG.append(pytest.param(slug, answer, id=answer.__name__)) or answer
