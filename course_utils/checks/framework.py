"""How an exercise is described, and how an answer to it is judged.

An exercise is data: a right answer (``reference``), the properties that an answer must have with the cases that show
them, and the mistakes that students make, each written as code. An answer is judged case by case; when it fails, it
is compared with what each known mistake would have returned: the mistake that explains every failure, and would not
have failed where the student did not, is the diagnosis.

Topic modules (``checks/thresholding.py`` …) hold a list ``EXERCISES``; nothing else is needed to register one.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from course_utils.checks import sandbox, words

__all__ = [
    "Case",
    "Exercise",
    "Judgement",
    "Mistake",
    "Property",
    "Verdict",
    "judge",
    "small_images",
    "small_masks",
]

_UNSET = object()
_ELSEWHERE = " (This in another case than the one below.)"
_LEAST_TIME = 0.01  # seconds that even the last case gets


@dataclass(frozen=True, eq=False)
class Property:
    """One thing a right answer does, ticked or crossed in the result.

    Parameters
    ----------
    text : str
        Completes the sentence "Your answer …": ``"is right on the worked example"``.
    cases : sequence of argument tuples, or function(rng) -> such a sequence
        What the student's function is called with. ``rng`` is ``numpy.random.default_rng(0)``, so everyone gets the
        same cases. Leave it out where the answer is a value instead of a function.
    expect : optional
        The right answer on these cases: a function of the case's arguments, or a constant. Default: the exercise's
        ``reference``.
    holds : function(answer, *arguments) -> bool or str, optional
        A predicate for what is not one right answer but a condition ("no value above 1"). True means that it holds; a
        str says in words what is wrong. Called only with answers of the right type and shape.
    weight : float
        The property's share of the points, relative to the others.
    """

    text: str
    cases: object = ((),)
    expect: object = _UNSET
    holds: Callable | None = None
    weight: float = 1.0


@dataclass(frozen=True, eq=False)
class Mistake:
    """A wrong answer that students give.

    Parameters
    ----------
    name : str
        Two or three words, the test's name: ``"inverted mask"``. Unique in the exercise.
    wrong : function or value
        The wrong answer itself, written as a student would: same arguments as the exercise's function, or a value.
    message : str
        What the student reads: what happened, and where to look, without giving the solution. `Backticks` mark code,
        *asterisks* stress a word. Two mistakes may share one message.
    when : function(answer, right, *arguments) -> bool, optional
        Recognises a whole family of wrong answers that one ``wrong`` cannot stand for ("the mask is transposed"). Must
        be True on every failing case. ``wrong`` stays: the tests throw it at the check.
    throughout : bool
        Whether the message speaks of all answers ("never above 0", "only ties"): it is then given only where the
        mistake explains every failing case of every property, not those of one.
    """

    name: str
    wrong: object
    message: str
    when: Callable | None = None
    throughout: bool = False


@dataclass(frozen=True, eq=False)
class Exercise:
    """An exercise with its check.

    Parameters
    ----------
    slug : str
        Stable name, lower case with hyphens; also the nbgrader id. Unique in the course.
    lesson : str
        Two digits, ``"02"``.
    title : str
        A line of at most 60 characters.
    minutes : int
        What a student needs for it.
    points : int
        What full marks are worth: all properties hold.
    hints : three strings
        Each a bigger push. Markdown; the last one may show a line of code.
    reference : function or value
        The right answer; for a function its parameter names are shown with the cases.
    properties : sequence of Property
    mistakes : sequence of Mistake
        Put the more telling ones first: they win a tie.
    rtol, atol : float
        Numbers are right when ``|answer − right| <= atol + rtol · |right|``; the default forgives rounding only.
    bounds : (low, high), optional
        Range that every number of an answer lies in; leaving it is explained before anything else.
    may_change_arguments : bool
        By default a function must leave its arguments as they were, which is one property more.
    reveal : bool
        Whether to show the right answer of the smallest failing case. Default: for functions yes, for values no.
    seconds : float
        Time for all calls of the student's function together.
    late : str
        What usually costs the time in this exercise, said where it runs out; by default an endless loop, or loops over
        every pixel.
    """

    slug: str
    lesson: str
    title: str
    minutes: int
    points: int
    hints: tuple
    reference: object
    properties: tuple
    mistakes: tuple = ()
    rtol: float = 1e-6
    atol: float = 1e-9
    bounds: tuple | None = None
    may_change_arguments: bool = False
    is_value: bool = False
    reveal: bool | None = None
    seconds: float = 2.0
    late: str = (
        "A loop whose condition never becomes false does that, and so do Python loops over every pixel where one array "
        "operation would do."
    )

    def __post_init__(self):
        if len(self.hints) != 3:
            raise ValueError(
                f"exercise {self.slug!r} has {len(self.hints)} hints: write three, each a bigger push"
            )
        if not self.properties:
            raise ValueError(f"exercise {self.slug!r} has no property to check")

    @property
    def wants_function(self):
        """True when the answer is a function, False when it is a value."""
        return callable(self.reference) and not self.is_value

    @property
    def shows_right_answer(self):
        return self.wants_function if self.reveal is None else self.reveal

    @property
    def signature(self):
        """How the check calls the answer, ``"iou(target, prediction)"``; empty for a value."""
        if not self.wants_function:
            return ""
        return f"{self.reference.__name__}({', '.join(self.parameters)})"

    @property
    def parameters(self):
        """Names of the arguments."""
        return tuple(inspect.signature(self.reference).parameters) if self.wants_function else ()


@dataclass(frozen=True, eq=False)
class Case:
    """One case judged.

    ``arguments`` of the call, the ``right`` answer (frozen) and the student's ``outcome``. ``problem`` is None when all
    is well, the empty string when the answer is another one than expected, else what is wrong in words.
    """

    prop: Property
    arguments: tuple
    right: object
    outcome: sandbox.Outcome
    problem: str | None

    @property
    def ok(self):
        return self.problem is None

    @property
    def size(self):
        """Number of values in the arguments, to find the smallest case."""
        return _count(self.arguments)


def _count(value):
    """Number of values in an array, or in lists of arrays of any shapes."""
    if isinstance(value, list | tuple):
        return sum(map(_count, value))
    return value.size if isinstance(value, np.ndarray) else 1


@dataclass(frozen=True, eq=False)
class Verdict:
    """One property judged. ``holds`` is None when it was not tried; ``mistake`` is the diagnosis, if there is one."""

    text: str
    holds: bool | None
    weight: float = 1.0
    cases: tuple = ()
    mistake: Mistake | None = None

    @property
    def failing(self):
        """The smallest failing case, or None."""
        return min((c for c in self.cases if not c.ok), key=lambda c: c.size, default=None)


@dataclass(frozen=True, eq=False)
class Judgement:
    """An answer judged.

    ``state`` is "right", "partly", "wrong" or "open" (not attempted); ``points`` those earned; ``says`` what is said
    before all else (str, may be empty); ``verdicts`` one per property; ``diagnoses`` the messages of the mistakes;
    ``printed`` and ``warned`` what the student's code printed and the first warning it caused.
    """

    state: str
    points: float
    says: str = ""
    verdicts: tuple = ()
    diagnoses: tuple = ()
    printed: str = ""
    warned: str = ""


# --------------------------------------------------------------------------------------------- judging


def judge(exercise, answer):
    """Try an answer on all cases of an exercise and return the `Judgement`."""
    refused = _refuse(exercise, answer)
    if refused is not None:
        return refused
    verdicts, left = [], exercise.seconds
    for prop in exercise.properties:
        cases = []
        for arguments in _arguments(prop):
            if left <= 0:
                break
            right = _right(
                exercise, prop, arguments
            )  # first, so that what it compiles is ready for the student
            outcome = _ask(answer, arguments, left)
            if _is_blank(outcome):
                return _open(outcome)
            left = 0 if outcome.late else max(left - outcome.seconds, _LEAST_TIME)
            problem = _problem(exercise, prop, arguments, right, outcome)
            cases.append(Case(prop, arguments, right, outcome, problem))
        holds = all(case.ok for case in cases) if cases else None
        verdicts.append(Verdict(prop.text, holds, prop.weight, tuple(cases)))
    verdicts += _unchanged(exercise, verdicts)
    return _conclude(exercise, answer, _diagnose(exercise, verdicts))


def _refuse(exercise, answer):
    """The judgement of what cannot be tried at all, or None."""
    if answer is Ellipsis:
        return _open(sandbox.Outcome(Ellipsis))
    if exercise.wants_function and not callable(answer):
        call = f'`check("{exercise.slug}", {exercise.reference.__name__})`'
        return Judgement("wrong", 0, f"Hand over the function itself, without calling it: {call}.")
    if not exercise.wants_function and callable(answer):
        return Judgement(
            "wrong", 0, "You handed over a function, but this exercise asks for its value: call it."
        )
    return None


def _arguments(prop):
    cases = prop.cases(np.random.default_rng(0)) if callable(prop.cases) else prop.cases
    return [case if isinstance(case, tuple) else (case,) for case in cases]


def _ask(answer, arguments, seconds):
    """One call; a value is given back by a function of ours, so that it is frozen under the same guard."""
    return sandbox.call(answer if callable(answer) else lambda *_: answer, arguments, seconds)


def _is_blank(outcome):
    """Whether the stub's ``...`` came back, or got into a calculation."""
    return outcome.value is Ellipsis or (outcome.trouble is not None and "ellipsis" in outcome.trouble.text)


def _open(outcome):
    if outcome.trouble is None:
        return Judgement("open", 0, "Put your answer in place of the `...`, run its cell, then this one.")
    where = f" in line {outcome.trouble.line}: `{outcome.trouble.source}`" if outcome.trouble.line else ""
    return Judgement("open", 0, f"A blank `...` is still to be filled in{where}.")


def _right(exercise, prop, arguments):
    expect = exercise.reference if prop.expect is _UNSET else prop.expect
    return sandbox.freeze(expect(*arguments) if callable(expect) else expect)


def _problem(exercise, prop, arguments, right, outcome):
    if outcome.late:
        return "Your code did not come to an end."
    if outcome.trouble is not None:
        return "Your code stopped with an exception."
    form = words.form_problem(outcome.value, right, exercise.bounds)
    if form:
        return form
    if prop.holds is None:
        return None if _close(outcome.value, right, exercise) else ""
    held = prop.holds(outcome.value, *arguments)
    return held if isinstance(held, str) else None if held else ""


def _close(given, right, exercise):
    """Whether two frozen values of the same form are equal, numbers within the exercise's tolerance."""
    if isinstance(right, dict):
        return all(_close(given[key], right[key], exercise) for key in right)
    if isinstance(right, list | tuple):
        return all(_close(mine, theirs, exercise) for mine, theirs in zip(given, right, strict=True))
    if isinstance(right, str | bool | sandbox.Odd) or right is None:
        return given == right
    kinds = np.asarray(given).dtype.kind + np.asarray(right).dtype.kind
    if set(kinds) <= set("biuSU"):
        return np.array_equal(given, right)
    return bool(np.isclose(given, right, rtol=exercise.rtol, atol=exercise.atol, equal_nan=True).all())


def _unchanged(exercise, verdicts):
    """The verdict on whether the arguments were left alone: a list of one, or of none where it does not apply."""
    cases = [case for verdict in verdicts for case in verdict.cases if case.outcome.answered]
    if exercise.may_change_arguments or not cases or not cases[0].arguments:
        return []
    spoilt = []
    for case in cases:
        if case.outcome.changed:
            name = exercise.parameters[case.outcome.changed[0]]
            problem = f"Your function changed its argument `{name}`: work on a copy, `{name}.copy()`."
            spoilt.append(replace(case, problem=problem))
    return [Verdict("leaves its arguments as they were", not spoilt, 1.0, tuple(spoilt))]


def _conclude(exercise, answer, verdicts):
    points = _points(exercise, verdicts)
    outcomes = [case.outcome for verdict in verdicts for case in verdict.cases]
    return Judgement(
        state="right" if points == exercise.points else "partly" if points else "wrong",
        points=points,
        says=_first_words(exercise, answer, verdicts),
        verdicts=tuple(verdicts),
        diagnoses=tuple(dict.fromkeys(v.mistake.message for v in verdicts if v.mistake is not None)),
        printed=next((o.printed for o in outcomes if o.printed), ""),
        warned=next((o.warned for o in outcomes if o.warned), ""),
    )


def _points(exercise, verdicts):
    """Share of the weights that hold. Leaving the arguments alone earns nothing by itself: ``return 0`` does that."""
    own = verdicts[: len(exercise.properties)]
    if not any(verdict.holds for verdict in own):
        return 0
    if all(verdict.holds for verdict in verdicts):
        return exercise.points
    share = sum(v.weight for v in verdicts if v.holds) / sum(v.weight for v in verdicts)
    return round(exercise.points * share, 2)


def _first_words(exercise, answer, verdicts):
    """What is said before all else: an exception, lost time, a wrong form, chance, or a changed argument."""
    failing = [verdict.failing for verdict in verdicts if verdict.holds is False]
    for case in failing:
        says = _case_words(exercise, answer, case)
        if says:
            return says + (_ELSEWHERE if _is_elsewhere(case, failing[0]) else "")
    return ""


def _is_elsewhere(case, shown):
    """Whether what is said of a case is not to be seen in the failing case that the report shows, the first one."""
    both_changed = case.outcome.changed and shown.outcome.changed
    return bool(case.arguments) and case is not shown and not both_changed


def _case_words(exercise, answer, case):
    if case.outcome.late:
        return _late_words(exercise, case.outcome)
    if case.outcome.trouble is not None:
        return _trouble_words(case.outcome.trouble)
    return case.problem or _chance_words(exercise, answer, case)


def _late_words(exercise, outcome):
    says = f"Your code was stopped after {exercise.seconds:g} seconds. {exercise.late}"
    return says + (" It could not be stopped: restart the kernel before you go on." if outcome.stuck else "")


def _trouble_words(trouble):
    where = f" in line {trouble.line} of its cell, `{trouble.source}`" if trouble.line else ""
    says = f"Your code stopped with {trouble.kind}{where}: {trouble.text.rstrip('.') or 'no message'}."
    return f"{says} {words.meaning(trouble)}".strip()


def _chance_words(exercise, answer, case):
    again = _ask(answer, case.arguments, exercise.seconds / 4)
    if not again.answered or sandbox.same(again.value, case.outcome.value):
        return ""
    return "Two calls with the same arguments gave two answers: something in your code is left to chance, or remembers."


# --------------------------------------------------------------------------------------------- diagnosis


def _diagnose(exercise, verdicts):
    """The verdicts, each failing one with the mistake that explains it best, if any does."""
    cases = [case for verdict in verdicts[: len(exercise.properties)] for case in verdict.cases]
    if all(verdict.holds for verdict in verdicts):
        return verdicts
    suspects = [_Suspect(exercise, mistake) for mistake in (*exercise.mistakes, *_GENERAL)]
    suspects = [suspect for suspect in suspects if not suspect.contradicted(cases)]
    told = []
    for i, verdict in enumerate(verdicts):
        failing = [case for case in verdict.cases if not case.ok]
        changed = i == len(exercise.properties)  # the verdict of `_unchanged`
        guilty = [s for s in suspects if failing and all(s.explains(case, changed) for case in failing)]
        best = max(guilty, key=lambda s: sum(s.explains(case) for case in cases), default=None)
        told.append(replace(verdict, mistake=best and best.mistake))
    return told


class _Suspect:
    """A mistake, and what it would have answered on each case."""

    def __init__(self, exercise, mistake):
        self.exercise, self.mistake, self._outcomes = exercise, mistake, {}

    def outcome(self, case):
        if id(case.arguments) not in self._outcomes:
            self._outcomes[id(case.arguments)] = _ask(self.mistake.wrong, case.arguments, 0.5)
        return self._outcomes[id(case.arguments)]

    def explains(self, case, changed=False):
        """Whether the student's outcome is what this mistake leads to."""
        given = case.outcome
        if changed:
            return self.mistake.when is None and self.outcome(case).changed == given.changed
        if self.mistake.when is not None:
            form_is_right = given.answered and not words.form_problem(given.value, case.right)
            return form_is_right and bool(self.mistake.when(given.value, case.right, *case.arguments))
        wrong = self.outcome(case)
        if not (given.answered and wrong.answered):
            return given.late == wrong.late and _kind(given) == _kind(wrong)
        return words.form_problem(given.value, wrong.value) is None and _close(
            given.value, wrong.value, self.exercise
        )

    def contradicted(self, cases):
        """Whether the student is right where this mistake is not, or the message says more than the cases bear out."""
        right = [case for case in cases if case.ok]
        if self.mistake.throughout and not all(self.explains(case) for case in cases if not case.ok):
            return True
        if self.mistake in _GENERAL:
            return not all(self.explains(case) for case in right)
        if self.mistake.when is not None:
            return False
        return any(
            _problem(self.exercise, case.prop, case.arguments, case.right, self.outcome(case)) is not None
            for case in right
        )


def _kind(outcome):
    return outcome.trouble.kind if outcome.trouble else None


def _is_array(right, kinds):
    return isinstance(right, np.ndarray) and right.dtype.kind in kinds


def _is_numbers(right):
    """Whether a frozen answer is a number, a flat list of numbers, or an array of them."""
    if isinstance(right, list | tuple):
        return all(isinstance(entry, int | float) and not isinstance(entry, bool) for entry in right)
    return _is_array(right, "iuf") or (isinstance(right, int | float) and not isinstance(right, bool))


def _scaled(factor):
    def when(answer, right, *_):
        return _is_numbers(right) and np.allclose(answer, np.multiply(right, factor), rtol=1e-6, atol=1e-12)

    return when


#: What can go wrong in any exercise; tried after its own mistakes.
_GENERAL = (
    Mistake(
        "inverted mask",
        None,
        "Your mask is inverted: it is True exactly where it should be False.",
        when=lambda answer, right, *_: (
            _is_array(right, "b") and right.size > 0 and np.array_equal(answer, ~right)
        ),
    ),
    Mistake(
        "rows and columns swapped",
        None,
        "Rows and columns are swapped: your answer is the transpose of the right one. `array[y, x]` has the row first.",
        when=lambda answer, right, *_: (
            _is_array(right, "biuf") and right.ndim == 2 and np.array_equal(answer, right.T)
        ),
    ),
    Mistake(
        "values in another order",
        None,
        "The values are right, but in the other order.",
        when=lambda answer, right, *_: (
            isinstance(right, list | tuple)
            and all(np.array_equal(given, other) for given, other in zip(answer, right[::-1], strict=True))
        ),
    ),
    Mistake("wrong sign", None, "Only the sign is wrong.", when=_scaled(-1)),
    *(
        Mistake(
            f"scaled by {factor:.3g}", None, f"Your answer is {says} the right one.", when=_scaled(factor)
        )
        for factor, says in (
            (255, "255 times"),
            (1 / 255, "a 255th of"),
            (100, "100 times"),
            (1 / 100, "a hundredth of"),
            (2, "twice"),
            (1 / 2, "half"),
        )
    ),
)


# --------------------------------------------------------------------------------------------- cases


def small_masks(rng, count=12, largest=6):
    """``count`` random masks, bool (H, W) with sides from 1 to ``largest``, of any density; not square as a rule."""
    masks = []
    for _ in range(count):
        shape = rng.integers(1, largest + 1, 2)
        masks.append(rng.random(shape) < rng.random())
    return masks


def small_images(rng, count=12, largest=6, levels=None):
    """``count`` random images, float (H, W) in [0, 1] with sides from 1 to ``largest``.

    ``levels`` rounds the values to that many grey values, so that ties occur.
    """
    images = []
    for _ in range(count):
        image = rng.random(rng.integers(1, largest + 1, 2))
        images.append(image if levels is None else np.floor(image * levels) / max(levels - 1, 1))
    return images
