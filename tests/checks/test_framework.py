"""`check` on an exercise of the test's own: diagnoses, words, points, and nothing that a student writes breaks it."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from course_utils import checks, progress
from course_utils.checks import check, claim, report
from course_utils.checks.framework import Exercise, Mistake, Property, judge, small_images, small_masks
from course_utils.checks.words import describe, form_problem

TARGET = np.array([[0, 1, 1], [0, 1, 0]], bool)
PREDICTION = np.array([[0, 0, 1], [0, 1, 1]], bool)
EMPTY = np.zeros((2, 3), bool)


def iou(target, prediction):
    union = np.count_nonzero(target | prediction)
    return np.count_nonzero(target & prediction) / union if union else 1.0


def dice(target, prediction):
    total = np.count_nonzero(target) + np.count_nonzero(prediction)
    return 2 * np.count_nonzero(target & prediction) / total if total else 1.0


def brighter(image, threshold):
    return image > threshold


SCORE = Exercise(
    slug="demo-iou",
    lesson="01",
    title="Intersection over union",
    minutes=8,
    points=4,
    hints=("a", "b", "c"),
    reference=iou,
    bounds=(0, 1),
    seconds=0.5,
    properties=(
        Property("is right on the worked example", [(TARGET, PREDICTION)]),
        Property(
            "is right on random masks", lambda rng: [(m, rng.random(m.shape) < 0.5) for m in small_masks(rng)]
        ),
        Property("scores two empty masks 1", [(EMPTY, EMPTY)]),
    ),
    mistakes=(
        Mistake("Dice", dice, "That is Dice."),
        Mistake(
            "empty masks score 0",
            lambda target, prediction: iou(target, prediction) if (target | prediction).any() else 0.0,
            "Two empty masks agree.",
        ),
        Mistake(
            "changes",
            lambda target, prediction: iou(np.logical_or(target, prediction, out=target), prediction),
            "`out=`!",
        ),
    ),
)
MASK = Exercise(
    slug="demo-mask",
    lesson="02",
    title="Brighter than a number",
    minutes=2,
    points=3,
    hints=("a", "b", "c"),
    reference=brighter,
    properties=(
        Property("is right on small images", lambda rng: [(i, 0.5) for i in small_images(rng, levels=3)]),
        Property("marks nothing above 1", holds=lambda mask, *_: True if not mask.any() else "Nothing is above 1.",
                 cases=[(np.ones((2, 3)), 1.0)]),
    ),
    mistakes=(Mistake("not darker", lambda image, t: image >= t, "Equal is not greater: `>`, not `>=`."),),
)  # fmt: skip
VALUE = Exercise(
    slug="demo-value",
    lesson="01",
    title="By hand",
    minutes=2,
    points=1,
    hints=("a", "b", "c"),
    reference=0.5,
    atol=0.005,
    properties=(Property("is right"),),
    mistakes=(Mistake("upside down", 2.0, "You divided the other way round."),),
)
RANGE = Exercise(
    slug="demo-pair",
    lesson="02",
    title="Two values",
    minutes=2,
    points=1,
    hints=("a", "b", "c"),
    reference=lambda image: (float(image.min()), float(image.max())),
    properties=(Property("is right", lambda rng: [(image,) for image in small_images(rng)]),),
)
DEMOS = {exercise.slug: exercise for exercise in (SCORE, MASK, VALUE, RANGE)}


@pytest.fixture(autouse=True, scope="module")
def demos(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("COURSE_STRICT", "1")
        patch.setattr(checks, "exercise", DEMOS.__getitem__)
        yield


# ------------------------------------------------------------------------------------------------ right and wrong


def test_a_right_answer_earns_all_points_and_is_kept():
    result = check("demo-iou", iou)
    assert (result.state, result.points, result.out_of, result.diagnoses) == ("right", 4, 4, ())
    assert "✓" in result.text and "4 of 4 properties" in result.text
    kept = next(s for s in progress.summary() if s.item.slug == "demo-iou")
    assert (kept.state, kept.points) == ("right", 4)


def test_a_known_mistake_is_named():
    def other_dice(target, prediction):
        both = target.sum() + prediction.sum()
        return 1.0 if both == 0 else (target & prediction).sum() / (both / 2)

    assert check("demo-iou", other_dice).diagnoses == ("That is Dice.",)


def test_two_mistakes_at_once_are_both_named():
    def dice_without_policy(target, prediction):
        return 2 * (target & prediction).sum() / max(target.sum() + prediction.sum(), 1)

    assert check("demo-iou", dice_without_policy).diagnoses == ("That is Dice.", "Two empty masks agree.")


def test_a_mistake_is_not_named_where_it_would_have_failed_and_the_student_did_not():
    def wrong_on_empty_masks_only(target, prediction):
        return iou(target, prediction) if target.any() or prediction.any() else 0

    assert check("demo-iou", wrong_on_empty_masks_only).diagnoses == ("Two empty masks agree.",)


def test_a_message_on_all_answers_is_given_only_if_they_bear_it_out():
    exercise = replace(
        SCORE,
        mistakes=(
            Mistake("half", lambda *_: 0.5, "Always 0.5.", throughout=True),
            Mistake("never 1", 0.5, "Never 1.", when=lambda answer, *_: answer < 1, throughout=True),
        ),
    )
    assert judge(exercise, lambda target, prediction: 0.5).diagnoses == ("Always 0.5.",)
    assert judge(exercise, lambda target, prediction: 0.5 * target.any()).diagnoses == ("Never 1.",)
    assert judge(exercise, lambda target, prediction: 0.5 if target.any() else 2.0).diagnoses == ()
    assert judge(replace(SCORE, mistakes=()), lambda target, prediction: 0.5).diagnoses == ()


def test_an_exercise_may_say_what_costs_the_time():
    def endless(target, prediction):
        while True:
            pass

    says = judge(replace(SCORE, seconds=0.1, late="Look at the queue."), endless).says
    assert says == "Your code was stopped after 0.1 seconds. Look at the queue."


def test_an_unknown_mistake_gets_no_diagnosis():
    assert (
        check("demo-iou", lambda t, p: (t & p).sum() / max(t.sum(), 1) ** 2 if t.any() else 1).diagnoses == ()
    )


def test_points_are_the_share_of_the_properties():
    result = check("demo-iou", lambda t, p: (t & p).sum() / max((t | p).sum(), 1))
    assert (result.state, result.points) == ("partly", 3)  # empty masks: one of four equal shares


def test_leaving_the_arguments_alone_earns_nothing_by_itself():
    assert check("demo-iou", lambda t, p: 0.123).points == 0


def test_changed_arguments_are_named():
    def spoils(target, prediction):
        score = iou(target, prediction)
        target[:] = False
        return score

    result = check("demo-iou", spoils)
    assert result.points == 3 and "changed its argument `target`" in result.text


def test_the_smallest_failing_case_is_shown_with_both_answers():
    result = check("demo-mask", lambda image, threshold: image > 0.4)
    assert "your answer" in result.text and "right answer" in result.text and "threshold: 0.5" in result.text
    assert result.html.count("<table") == 3


def test_a_condition_says_in_words_what_is_wrong():
    assert "Nothing is above 1." in check("demo-mask", lambda image, threshold: image > 0.5).text


def test_general_mistakes_need_no_code():
    assert "inverted" in check("demo-mask", lambda image, threshold: ~(image > threshold)).diagnoses[0]
    assert "other order" in check("demo-pair", lambda image: (image.max(), image.min())).diagnoses[0]
    assert (
        "255 times" in check("demo-pair", lambda image: (image.min() * 255, image.max() * 255)).diagnoses[0]
    )


def test_chance_is_named():
    rng = np.random.default_rng(0)
    assert "Two calls" in check("demo-iou", lambda t, p: rng.random()).text


# ------------------------------------------------------------------------------------------------ forms of answers


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda t, p: None, "without `return`"),
        (lambda t, p: [0.5], "You returned a list of 1; expected a number."),
        (lambda t, p: "0.5", "the text '0.5'"),
        (lambda t, p: True, "You returned True; expected a number."),
        (lambda t, p: np.ones(3), "holds 3 numbers"),
        (lambda t, p: 50.0, "between 0 and 1"),
        (lambda t, p: (t & p).sum() / (t | p).sum(), "NaN"),
        (lambda t, p: 1 / 0, "ZeroDivisionError"),
        (lambda t: 1, "keep the parameters"),
        (lambda t, p: (yield), "a generator"),
        (lambda t, p: t[5], "An index went past the end"),
        (0.5, "without calling it"),
        (None, "Hand over the function"),
    ],
)
def test_what_is_wrong_is_said_in_words(answer, words):
    result = check("demo-iou", answer)
    assert words in result.text and result.state != "right"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda i, t: (i > t).tolist(), "expected a bool array of shape"),
        (lambda i, t: (i > t).astype(int), "A comparison such as"),
        (lambda i, t: (i > t).T, "Rows and columns are swapped"),
        (lambda i, t: i[i > t], "expected a bool array of shape"),
    ],
)
def test_masks_of_another_form(answer, words):
    assert words in check("demo-mask", answer).text


def test_an_exception_comes_with_the_line():
    def fails(target, prediction):
        return target.sum() / prediction.nothing

    says = check("demo-iou", fails).text
    assert "`return target.sum() / prediction.nothing`" in says and "AttributeError" in says
    assert "Traceback" not in says


def test_values():
    assert check("demo-value", 0.502).state == "right"
    assert check("demo-value", np.float32(0.5)).state == "right"
    assert check("demo-value", 2).diagnoses == ("You divided the other way round.",)
    assert "0.5" not in check("demo-value", 0.7).text  # the answer is not given away
    assert check("demo-value", ...).state == "open"
    assert "call it" in check("demo-value", lambda: 0.5).text


@given(hnp.arrays(st.sampled_from([bool, int, float]), hnp.array_shapes(min_dims=1, max_dims=2, max_side=3)))
def test_no_array_has_a_problem_with_its_own_form(array):
    assert form_problem(array, np.nan_to_num(array)) is None or np.isnan(array).any()
    assert describe(array).endswith(f"array of shape {array.shape}")


# ------------------------------------------------------------------------------------------------ stubs


def test_a_blank_left_in_the_code_is_not_an_attempt():
    def blank(target, prediction):
        union = ...
        return np.count_nonzero(target & prediction) / union

    result = check("demo-iou", blank)
    assert result.state == "open" and "blank" in result.text and "union" in result.text
    assert check("demo-iou", lambda t, p: ...).state == "open"


def test_an_open_exercise_is_not_kept():
    tries = len(progress.events())
    check("demo-iou", ...)
    assert len(progress.events()) == tries


# ------------------------------------------------------------------------------------------------ grading


@pytest.mark.parametrize(
    ("answer", "points"),
    [
        (iou, 4),
        (lambda t, p: ..., 0),
        (lambda t, p: 1 / 0, 0),
        (lambda t, p: (t & p).sum() / max((t | p).sum(), 1), 3),
        (..., 0),
    ],
)
def test_grading_returns_the_points_and_keeps_nothing(answer, points, monkeypatch, capfd):
    monkeypatch.setenv("COURSE_GRADING", "1")
    tries = len(progress.events())
    earned = check("demo-iou", answer)
    assert earned == points and isinstance(earned, int | float)
    assert len(progress.events()) == tries and capfd.readouterr() == ("", "")


# ------------------------------------------------------------------------------------------------ never raises


class Evil:
    def __call__(self, *_):
        return self

    def __getattr__(self, name):
        raise KeyboardInterrupt

    __eq__ = __repr__ = __str__ = __len__ = __iter__ = __array__ = __bool__ = __float__ = __getattr__
    __hash__ = None


def forever(*_):
    while True:
        print("still here", file=sys.stderr)


def deeper(*arguments):
    return deeper(*arguments)


def leaves(*_):
    sys.exit("bye")


class NotCallable:
    def __repr__(self):
        raise SystemExit


nasty = st.sampled_from(
    [Evil(), forever, deeper, leaves, NotCallable(), object, print, input, 10**5000, {1: ...}, "…"]
)
values = st.one_of(
    nasty,
    st.none(),
    st.floats(),
    st.integers(),
    st.text(),
    st.lists(st.floats(), max_size=4),
    hnp.arrays(
        st.sampled_from([bool, np.uint8, float, complex, object]), hnp.array_shapes(min_dims=0, max_side=3)
    ),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(slug=st.sampled_from(list(DEMOS)), value=values, wrapped=st.booleans())
def test_check_never_raises_and_writes_nothing(slug, value, wrapped, capfd):
    result = check(slug, (lambda *_: value) if wrapped else value)
    assert result.state in {"right", "partly", "wrong", "open"} and 0 <= result.points <= result.out_of
    assert result.html.startswith("<section") and len(result.html) < 60_000 and repr(result) == result.text
    assert capfd.readouterr() == ("", "")


def test_a_fault_of_the_exercise_is_not_the_students(monkeypatch, capfd):
    broken = Exercise(
        **{**VALUE.__dict__, "slug": "demo-broken", "reference": lambda: 1 / 0, "is_value": True}
    )
    monkeypatch.setitem(DEMOS, "demo-broken", broken)
    with pytest.raises(ZeroDivisionError):
        check("demo-broken", 1)
    monkeypatch.delenv("COURSE_STRICT")
    assert "not your mistake" in check("demo-broken", 1).text
    monkeypatch.setenv("COURSE_GRADING", "1")
    assert check("demo-broken", 1) == 0 and "report it" in capfd.readouterr().out


# ------------------------------------------------------------------------------------------------ HTML


def test_text_of_the_student_is_escaped():
    def prints(target, prediction):
        print("<script>alert(1)</script>")
        raise ValueError("<img src=x onerror=alert(1)>")

    html = check("demo-iou", prints).html
    assert "<script>" not in html and "<img" not in html and "&lt;script&gt;" in html


def test_meaning_never_hangs_on_colour_or_style():
    html = check("demo-mask", lambda image, threshold: image > 0.4).html
    assert "<em>(no)</em>" in html and 'aria-label="Check of Brighter than a number"' in html
    assert "✗</span></td>" in html  # the cells that differ carry a mark


def judged(reference, answer, *cases):
    """The result of an answer to an exercise with these cases only."""
    changes = {"reference": reference, "properties": (Property("is right", list(cases)),), "mistakes": ()}
    exercise = Exercise(**MASK.__dict__ | changes)
    return report.report(exercise, judge(exercise, answer))


def test_larger_arrays_are_shown_as_pictures_with_the_first_difference():
    image = np.linspace(0, 1, 600).reshape(20, 30)
    result = judged(lambda image: image > 0.5, lambda image: image > 0.49, (image,))
    assert (
        result.html.count("<img alt=") == 3
        and 'alt="a bool array of shape (20, 30), 306 of 600 True"' in result.html
    )
    assert "6 of 600 values differ, the first at `[9, 24]`: True, and False is right" in result.text
    assert (
        len(judged(lambda i: i > 0.5, lambda i: i > 0.4, (np.random.default_rng(0).random((900, 900)),)).html)
        < 300_000
    )


def test_long_rows_and_lists_of_arrays():
    row = judged(lambda n: np.arange(n) / n, lambda n: np.arange(n) / n + (np.arange(n) == 3), (50,))
    assert "1 of 50 values differ, the first at `[3]`: 1.06, and 0.06 is right" in row.text
    masks = judged(lambda masks: len(masks), lambda masks: 3, ([TARGET, EMPTY],))
    assert masks.html.count("<table") == 2
    planes = judged(lambda costs: costs.sum(), lambda costs: 0, (np.arange(12).reshape(2, 3, 2),))
    assert planes.html.count("<table") == 2 and ">11</td>" in planes.html
    colours = judged(lambda image: image.sum(), lambda image: 0, (np.zeros((2, 3, 3)),))
    assert "<table" not in colours.html
    scores = judged(lambda scores: scores.sum(), lambda scores: 0, (np.full((2, 1, 3), 1.5),))
    assert scores.html.count("<table") == 2 and "1.5   1.5   1.5" in scores.text


def test_a_wrong_shape_of_whole_numbers_is_told_without_their_kind():
    result = judged(lambda n: np.zeros((n, n)), lambda n: np.zeros((n, 1), int), (2,))
    assert "You returned an array of shape (2, 1); expected one of shape (2, 2)." in result.text


def test_fractions_into_whole_numbers_are_explained():
    def added(values):
        total = np.zeros(3, int)
        total += values
        return total

    assert "array of whole numbers" in judged(lambda values: values, added, (np.full(3, 0.5),)).text


def test_index_arrays_that_do_not_pair_are_explained():
    def paired(array):
        return array[[0, 1, 2], [0, 1]].sum()

    result = judged(lambda array: array.sum(), paired, (np.ones((3, 3)),))
    assert "paired, entry by entry" in result.text and "went past the end" not in result.text


# ------------------------------------------------------------------------------------------------ claims


def test_claims():
    assert "✓" in claim("Otsu helps", 0.8, at_least=0.5).text
    with pytest.raises(AssertionError, match="Otsu helps"):
        claim("Otsu helps", 0.4, at_least=0.5)
    with pytest.raises(AssertionError):
        claim("nothing holds for NaN", float("nan"), at_most=1)
    with pytest.raises(ValueError, match="one margin"):
        claim("both", 1, at_least=0, at_most=2)


def test_a_claim_that_fails_in_a_lesson_is_shown_not_raised(monkeypatch):
    monkeypatch.delenv("COURSE_STRICT")
    card = claim("Otsu is fast", 3.0, at_most=2)
    assert "✗" in card.text and "does not hold here" in card.html


# ------------------------------------------------------------------------------------------------ registry


def test_an_exercise_needs_three_hints_and_a_property():
    with pytest.raises(ValueError, match="three"):
        Exercise(**{**VALUE.__dict__, "hints": ("one",)})
    with pytest.raises(ValueError, match="no property"):
        Exercise(**{**VALUE.__dict__, "properties": ()})


@pytest.fixture
def topic_folder(tmp_path, monkeypatch):
    """A registry of two topics that hold the same exercise."""
    for name in ("alpha", "beta"):
        (tmp_path / f"{name}.py").write_text('EXERCISE = dict(\n    slug="twice",\n)\n')
    monkeypatch.undo()
    monkeypatch.setattr(checks, "_folder", lambda: tmp_path)
    monkeypatch.setattr(checks, "_load", lambda topic: [Exercise(**{**VALUE.__dict__, "slug": "twice"})])


def test_two_exercises_of_one_name_are_refused(topic_folder):
    with pytest.raises(ValueError, match="unique"):
        checks.exercises()


def test_importing_checks_imports_no_topic():
    code = """
import sys
from course_utils import checks
print([topic for topic in checks.topics() if f"course_utils.checks.{topic}" in sys.modules])
"""
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"
