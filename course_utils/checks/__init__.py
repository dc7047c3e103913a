"""Checks of the exercises, which say what is wrong, not only that something is.

In a lesson::

    from course_utils.checks import check, claim

    check("mask-iou", iou)

``check`` tries the answer on the cases of the exercise, ticks or crosses each property, shows the smallest case that
fails, and names the likely mistake. It never raises, prints nothing, bounds the time, and keeps the result in the
student's progress. Under ``COURSE_GRADING=1`` it returns the points earned, which is what nbgrader takes from a check
cell.

The exercises of a topic stand in a module of their own beside this one, as a list ``EXERCISES`` of
`framework.Exercise`; it is imported when one of them is asked for. How to write one: see `framework`.
"""

import os
import re
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path

from course_utils import cards, progress
from course_utils.checks import framework, report

__all__ = ["check", "claim", "exercise", "exercises", "topics"]

_CORE = {"framework", "report", "sandbox", "words"}


def check(slug, answer):
    """Check an answer (a function or a value) to the exercise ``slug``.

    Returns a `report.Result`, which shows itself, or the number of points earned under ``COURSE_GRADING=1``.
    Never raises, except under ``COURSE_STRICT=1`` for a fault in the exercise itself.
    """
    result = _result(slug, answer)
    if os.environ.get("COURSE_GRADING") != "1":
        return result
    # No points for a fault of the course: whoever grades must see why.
    if result.state in ("broken", "unknown"):
        print(result.text)
    return result.points


def _result(slug, answer):
    try:
        found = exercise(slug)
    except KeyError as unknown:
        return report.notice(str(unknown.args[0]), slug)
    try:
        judgement = framework.judge(found, answer)
        result = report.report(found, judgement)
    except Exception as problem:
        if os.environ.get("COURSE_STRICT") == "1":
            raise
        return report.apology(slug, found.points, problem)
    if result.state != "open" and os.environ.get("COURSE_GRADING") != "1":
        progress.record_check(found.lesson, slug, found.title, points=result.points, out_of=result.out_of)
    return result


def claim(text, measured, *, at_least=None, at_most=None):
    """Hold a sentence of the lesson to a number that was measured just now.

    Returns a card with ✓ or ✗. Under ``COURSE_STRICT=1`` (the tests) a claim that does not hold raises AssertionError.
    Choose the margin from recorded runs, before this one.
    """
    if (at_least is None) == (at_most is None):
        raise ValueError("claim() needs one margin: at_least=… or at_most=…")
    holds = bool(measured >= at_least if at_most is None else measured <= at_most)  # NaN holds nothing
    margin = f"at least {at_least:.4g}" if at_most is None else f"at most {at_most:.4g}"
    says = f"measured {measured:.4g}; claimed {margin}"
    if not holds and os.environ.get("COURSE_STRICT") == "1":
        raise AssertionError(f"The claim does not hold: {text} ({says})")
    state, word = ("right", "holds") if holds else ("wrong", "does not hold here")
    html = cards.card(
        f"{text}: {word}", cards.paragraph(f"{says}."), state=state, label="Claim of the lesson"
    )
    return cards.Card(html, f"{cards.STATES[state].symbol} {text}: {word} ({says})")


# --------------------------------------------------------------------------------------------- registry


def topics():
    """Names of the topic modules, sorted."""
    return tuple(sorted(f.stem for f in _folder().glob("[a-z]*.py") if f.stem not in _CORE))


def exercises(lesson=None):
    """All exercises, or those of a lesson (``"02"``), in the order of their modules; imports every topic.

    Raises ValueError when two exercises share a slug.
    """
    found = {}
    for topic in topics():
        for item in _load(topic):
            if item.slug in found:
                raise ValueError(f"two exercises are called {item.slug!r}: slugs are unique in the course")
            found[item.slug] = item
    ordered = sorted(found.values(), key=lambda item: item.lesson)  # stable: within a lesson as written
    return tuple(item for item in ordered if lesson in (None, item.lesson))


def exercise(slug):
    """The exercise called ``slug``; KeyError names those that are close.

    Imports one topic: the one whose text holds the slug.
    """
    for topic in topics():
        if slug in _slugs(topic):
            return next(item for item in _load(topic) if item.slug == slug)
    known = [name for topic in topics() for name in _slugs(topic)]
    close = get_close_matches(str(slug), known, n=3, cutoff=0.4) or known
    raise KeyError(
        f"There is no exercise called `{slug}`; there is {', '.join(f'`{name}`' for name in close)}."
    )


def _load(topic):
    return import_module(f"{__name__}.{topic}").EXERCISES


def _slugs(topic):
    """Slugs in a topic's source text, read without importing it; a test holds them to the module's EXERCISES."""
    text = (_folder() / f"{topic}.py").read_text(encoding="utf-8")
    return re.findall(r'^\s+slug="([a-z0-9-]+)",$', text, re.MULTILINE)


def _folder():
    return Path(__file__).parent


def _items():
    return [progress.Item("check", e.lesson, e.slug, e.title, e.points) for e in exercises()]


progress.offer(_items)
