"""Questions: every answer gets its feedback, with a kernel and without; guesses are kept and replayed."""

import re

import pytest

from course_utils import progress, quiz

LESSONS = sorted(file.stem for file in quiz._HERE.glob("*.toml"))  # parts, too
QUESTIONS = [question for lesson in LESSONS for question in quiz.questions(lesson)]

FILE = """
[[question]]
slug = "{lesson}-colour"
text = "Which *colour* has `<b>`?"

[[question.option]]
text = "blue"
feedback = "Blue is the sky."

[[question.option]]
text = "black"
right = true
feedback = "Black, yes."

[[question]]
slug = "{lesson}-half"
text = "What is half of one?"
answer = 0.5
tolerance = 0.005
feedback = "Yes, a half."
otherwise = "Divide one by two."

[[question.wrong]]
value = 2
feedback = "You doubled it."
"""


@pytest.fixture(autouse=True)
def home(own_folders, monkeypatch):
    monkeypatch.setattr(progress, "_unsaved", {})
    monkeypatch.setattr(progress, "_told", set())
    monkeypatch.setattr(progress, "_offers", [])


@pytest.fixture
def lessons(tmp_path, monkeypatch):
    """Function that writes question files of its own for the lessons it is given."""
    monkeypatch.setattr(quiz, "_HERE", tmp_path)
    quiz._load.cache_clear()

    def write(*numbers, text=FILE):
        for number in numbers:
            (tmp_path / f"{number}.toml").write_text(text.format(lesson=number), encoding="utf-8")

    yield write
    quiz._load.cache_clear()


def answer(live, slug, given, confidence=None):
    """Answer as the page does; returns the reply as text without tags."""
    live.widget._receive(live.widget, {"slug": slug, "answer": given, "confidence": confidence}, [])
    return re.sub(r"<[^>]*>", "", live.widget.replies[slug])


def kept(slug):
    return next(standing for standing in progress.summary() if standing.item.slug == slug)


# ------------------------------------------------------------------------------------------------ the questions


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.slug)
def test_every_answer_of_the_course_has_feedback_of_its_own(question):
    feedback = [option.feedback for option in question.option] + [wrong.feedback for wrong in question.wrong]
    if question.answer is not None:
        feedback += [question.feedback, question.otherwise]
        assert question.judge(question.answer) == (True, question.feedback)
        assert all(question.judge(wrong.value) == (False, wrong.feedback) for wrong in question.wrong)
    assert len(set(feedback)) == len(feedback) and all(len(text) > 20 for text in feedback)


def test_there_are_enough_questions_and_a_calculation_in_each_lesson():
    assert len(QUESTIONS) >= 14
    for lesson in LESSONS:
        assert any(question.answer is not None for question in quiz.questions(lesson)), lesson


def test_the_right_option_has_no_favourite_place():
    places = [[o.right for o in q.option].index(True) for q in QUESTIONS if q.option]
    assert max(map(places.count, places)) <= len(places) / 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("right = true", ""), "exactly one"),
        (('feedback = "Yes, a half."', ""), "feedback"),
        (('slug = "{lesson}-half"', 'slug = "half"'), "must be unique and begin with 02"),
        (('slug = "{lesson}-half"', 'slug = "{lesson}-colour"'), "must be unique"),
        (("value = 2", "value = 0.501"), "takes for right"),
        (('otherwise = "', 'otherwhise = "'), "otherwhise"),
        (("[[question.wrong]]", "[[question.wrong"), "02.toml"),
    ],
)
def test_a_faulty_file_says_what_is_wrong(lessons, change, words):
    lessons("02", text=FILE.replace(*change))
    with pytest.raises(ValueError, match=re.escape(words)):
        quiz.questions("02")


# ------------------------------------------------------------------------------------------------ asking


def test_an_answer_gets_its_feedback_and_is_kept(lessons):
    lessons("02")
    live = quiz.ask(lesson="02")
    assert "Not this. Blue is the sky." in answer(live, "02-colour", "0")
    assert kept("02-colour").state == "wrong"
    assert "Right. Black, yes." in answer(live, "02-colour", "1")
    assert (kept("02-colour").state, kept("02-colour").tries) == ("right", 2)


@pytest.mark.parametrize(
    ("typed", "right"),
    [("18432", True), ("18,432", True), ("18.432", False), ("9,216", False), ("18,43", False)],
)
def test_a_comma_may_part_thousands(typed, right):
    (weights,) = (question for question in quiz.questions("10") if question.slug == "10-weights")
    assert weights.judge(typed)[0] == right


def test_a_wrong_number_with_a_comma_is_named():
    (weights,) = (question for question in quiz.questions("10") if question.slug == "10-weights")
    assert "the number for addition" in weights.judge("9,216")[1]


@pytest.mark.parametrize("typed", ["0.5", "0,5", " .5 ", "1/2", "50 %", "0.504", "5e-1"])
def test_numbers_may_be_typed_in_several_ways(lessons, typed):
    lessons("02")
    assert "Right." in answer(quiz.ask("02-half"), "02-half", typed)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("2", "doubled"),
        ("3", "Divide one by two."),
        ("nan", "Divide"),
        ("", "type a number"),
        ("1/0", "type a number"),
    ],
)
def test_wrong_numbers(lessons, typed, words):
    lessons("02")
    assert words in answer(quiz.ask("02-half"), "02-half", typed)


def test_what_is_no_number_is_not_kept(lessons):
    lessons("02")
    answer(quiz.ask("02-half"), "02-half", "many")
    assert progress.events() == []


def test_without_a_kernel_every_answer_opens_its_feedback(lessons):
    lessons("02")
    still = quiz.ask(lesson="02").still
    assert still.html.count("<details>") == 3
    for text in (
        "Blue is the sky.",
        "Black, yes.",
        "Yes, a half.",
        "<em>colour</em>",
        "<code>&lt;b&gt;</code>",
    ):
        assert text in still.html
    assert still.text.splitlines() == [
        "Quiz",
        "1. Which *colour* has `<b>`?",
        "   a) blue",
        "   b) black",
        "2. What is half of one?",
    ]
    assert quiz.ask(lesson="02").still == still


def test_the_questions_are_shown_twice_and_the_living_form_hides_the_still_one(lessons, monkeypatch):
    lessons("02")
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    live = quiz.ask("02-colour")
    live._ipython_display_()
    form, still = shown
    assert "application/vnd.jupyter.widget-view+json" in form
    assert f'id="{live.widget.still}"' in still["text/html"] and "Blue is the sky." in still["text/html"]
    assert "blue" in still["text/plain"]


@pytest.mark.parametrize(
    ("slug", "lesson"), [("02-nothing", None), (None, "77"), (None, None), ("02-half", "02")]
)
def test_asking_for_what_there_is_not(slug, lesson):
    with pytest.raises(ValueError):
        quiz.ask(slug, lesson=lesson)


# ------------------------------------------------------------------------------------------------ recall


def recalled(lesson):
    return [item["slug"] for item in quiz.recall(lesson).widget.items]


def test_recall_goes_one_three_and_seven_lessons_back(lessons):
    lessons(*(f"{n:02d}" for n in range(12)))
    assert [slug[:2] for slug in recalled("10")] == ["09", "07", "03"]
    assert recalled("10") == recalled("10")


def test_recall_makes_do_with_what_there_is(lessons):
    lessons("00", "01", "02", "05")
    assert [slug[:2] for slug in recalled("02")] == ["01", "00", "01"]
    assert len(set(recalled("02"))) == 3
    assert len(recalled("01")) == 2  # two questions in all
    assert [slug[:2] for slug in recalled("05")] == ["02", "01", "00"]


# ------------------------------------------------------------------------------------------------ guesses


def test_a_guess_is_kept_and_replayed():
    form = quiz.predict("coins", "How many?", options=["ten", "twenty"])
    assert "Kept: “twenty”, 70% sure" in answer(form, "coins", "1", 0.7)
    assert "You guessed “twenty”, 70% sure. You had it" in quiz.reveal("coins", "twenty").text
    assert "✗ It is ten." in quiz.reveal("coins", "ten").text
    again = quiz.predict("coins", "How many?", options=["ten", "twenty"])
    assert "twenty" in again.widget.replies["coins"]


def test_a_number_is_right_within_a_twentieth_of_its_range():
    form = quiz.predict("share", "Which share?", between=(0, 1))
    assert "right within 0.05" in form.widget.items[0]["text"]
    assert "30%" not in answer(form, "share", "30 %", 0.9)
    assert "✓" in quiz.reveal("share", 0.34).text
    assert "✗" in quiz.reveal("share", 0.36).text
    assert "type a number" in answer(form, "share", "a lot", 0.9)


def test_an_untouched_lesson_runs_through():
    still = quiz.predict("coins", "How many?", options=["ten", "twenty"]).still
    assert "ten" in still.html and "Write your guess down" in still.html
    assert quiz.reveal("coins", 24).text.startswith("› It is 24. You did not commit to a guess")
    assert progress.events() == []


def test_guesses_without_the_form():
    quiz.commit("t", 0.4, 0.5, within=0.1)
    assert "✓" in quiz.reveal("t", 0.45).text
    with pytest.raises(ValueError, match="0 to 1"):
        quiz.commit("t", 0.4, 70)
    with pytest.raises(ValueError, match="options"):
        quiz.predict("t", "?")
