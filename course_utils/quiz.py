"""Questions with feedback for every answer, guesses that are committed to, and their replay; all of it offline.

In a lesson::

    quiz.ask(lesson="02")                  # the questions of the lesson
    quiz.ask(lesson="part1")               # over several lessons
    quiz.recall("02")                      # three from earlier lessons
    quiz.predict("otsu-coins", "How many …?", options=["a quarter", "a half"])
    quiz.reveal("otsu-coins", "a half")    # the guess beside the truth

Questions are data, one file a lesson: ``course_utils/quizzes/02.toml``. Each is shown as a form that works from the
keyboard and tells Python the answer; where no kernel runs, the same questions stand as plain HTML in which a click
on an option opens its feedback.
"""

import re
import string
import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path

import anywidget
import traitlets as t

from course_utils import progress
from course_utils.cards import STATES, Card, Live, card, code, paragraph

__all__ = ["Option", "Question", "ask", "commit", "predict", "questions", "recall", "reveal"]

_HERE = Path(__file__).parent / "quizzes"
_CONFIDENCES = ((0.5, "50 %, a coin toss"), (0.7, "70 %"), (0.9, "90 %"), (0.99, "99 %, I would bet on it"))
_BACK = (1, 3, 7)  # lessons back that retrieval questions are taken from, while there are such lessons


# ------------------------------------------------------------------------------------------------ questions


@dataclass(frozen=True)
class Option:
    """One possible answer, and what is said to who chooses it."""

    text: str
    feedback: str
    right: bool = False


@dataclass(frozen=True)
class Wrong:
    """A wrong number that has a reason: ``value``, and the feedback that names it."""

    value: float
    feedback: str


@dataclass(frozen=True)
class Question:
    """A question with options, one of them right, or with a number as its answer.

    ``text`` and all feedback are plain text in which `backticks` mark code. A number is right within ``tolerance``;
    ``wrong`` are the numbers that typical mistakes lead to, ``otherwise`` is said to any other one.
    """

    slug: str
    text: str
    option: tuple = ()
    answer: float | None = None
    tolerance: float = 0.0
    feedback: str = ""
    otherwise: str = ""
    wrong: tuple = ()

    def __post_init__(self):
        if self.answer is None:
            rights = sum(option.right for option in self.option)
            if len(self.option) < 2 or rights != 1:
                raise ValueError(
                    f"question {self.slug!r} needs two options or more, exactly one of them right"
                )
        elif self.option or not self.feedback or not self.otherwise:
            raise ValueError(
                f"question {self.slug!r} asks for a number: give feedback and otherwise, no options"
            )
        elif any(abs(wrong.value - self.answer) <= self.tolerance for wrong in self.wrong):
            raise ValueError(
                f"question {self.slug!r} lists a wrong number that its tolerance takes for right"
            )

    @property
    def lesson(self):
        return self.slug.partition("-")[0]

    @property
    def title(self):
        """The question in at most 70 characters, for lists."""
        plain = self.text.replace("`", "")
        return plain if len(plain) <= 70 else f"{plain[:68].rsplit(' ', 1)[0]} …"

    def judge(self, given):
        """(right, feedback) for the place of an option or for a number.

        Raises ValueError for what is neither, with a text to show.
        """
        if self.answer is None:
            place = int(given)
            if not 0 <= place < len(self.option):
                raise ValueError(f"There are options 0 to {len(self.option) - 1}.")
            return self.option[place].right, self.option[place].feedback
        typed = str(given).strip()
        value = _number(typed)
        if _THOUSANDS.fullmatch(typed):
            large = float(typed.replace(",", ""))
            known = (self.answer, *(wrong.value for wrong in self.wrong))
            if any(abs(large - number) <= max(self.tolerance, 1e-9) for number in known):
                value = large
        if abs(value - self.answer) <= self.tolerance:
            return True, self.feedback
        near = (
            wrong.feedback for wrong in self.wrong if abs(value - wrong.value) <= max(self.tolerance, 1e-9)
        )
        return False, next(near, self.otherwise)


def questions(lesson):
    """The questions of a lesson (``"02"``) or of a part (``"part1"``), in the order of their file; or none."""
    return _load(lesson)


@cache
def _load(lesson):
    file = _HERE / f"{lesson}.toml"
    if not file.is_file():
        return ()
    try:
        with file.open("rb") as stream:
            found = tuple(_question(entry) for entry in tomllib.load(stream).get("question", ()))
    except (tomllib.TOMLDecodeError, TypeError, ValueError) as problem:
        raise ValueError(f"{file.name}: {problem}") from problem
    slugs = [question.slug for question in found]
    strangers = [slug for slug in slugs if not slug.startswith(f"{lesson}-")]
    if strangers or len(set(slugs)) < len(slugs):
        raise ValueError(
            f"{file.name}: slugs must be unique and begin with {lesson}-: {', '.join(strangers or slugs)}"
        )
    return found


def _question(entry):
    options = tuple(Option(**option) for option in entry.pop("option", ()))
    wrong = tuple(Wrong(**value) for value in entry.pop("wrong", ()))
    return Question(option=options, wrong=wrong, **entry)


def _lessons():
    return sorted(file.stem for file in _HERE.glob("[0-9][0-9].toml"))


#: 18,432: with a comma before three digits it may be eighteen thousand, or the decimal 18.432.
_THOUSANDS = re.compile(r"[1-9]\d{0,2},\d{3}")


def _number(text):
    """The number a student typed: 0.5, 0,5, 1/2 and 50 % are the same. ValueError with a text to show."""
    plain = str(text).strip().replace(",", ".").replace("−", "-")
    scale = 1.0
    if plain.endswith("%"):
        plain, scale = plain[:-1], 0.01
    above, _, below = plain.partition("/")
    try:
        return float(above) / float(below or 1) * scale
    except (ValueError, ZeroDivisionError):
        raise ValueError("Please type a number, such as 0.25 or 1/4.") from None


# ------------------------------------------------------------------------------------------------ asking


def ask(slug=None, *, lesson=None):
    """One question by its slug, or all questions of a lesson or part.

    Raises ValueError for a slug or lesson that there is not.
    """
    if (slug is None) == (lesson is None):
        raise ValueError('ask for one question, ask("02-otsu-valley"), or for a lesson, ask(lesson="02")')
    chosen = (
        questions(lesson)
        if slug is None
        else [q for q in questions(slug.partition("-")[0]) if q.slug == slug]
    )
    if not chosen:
        known = [q.slug for file in sorted(_HERE.glob("*.toml")) for q in questions(file.stem)]
        close = get_close_matches(str(slug), known) or known
        raise ValueError(f"There is no question for {slug or lesson!r}; there is {', '.join(close)}")
    return _show(chosen, "Quiz")


def recall(lesson):
    """Three questions from earlier lessons: from one, three and seven lessons back, as far as there are.

    The same three in every run, others in every lesson.
    """
    number = int(lesson)
    earlier = [n for n in _lessons() if int(n) < number]
    backs = sorted((number - int(n) for n in earlier), key=lambda back: (back not in _BACK, back))
    pools = [questions(f"{number - back:02d}") for back in backs]
    # Each pool is entered at another place than by the lesson before; three rounds, for when one pool must give all.
    picked = [pool[(number + turn) % len(pool)] for turn in range(3) for pool in pools if turn < len(pool)]
    return _show(picked[:3], "Do you remember?")


def _show(chosen, headline):
    by_slug = {question.slug: question for question in chosen}
    items = [_item(question, place, len(chosen)) for place, question in enumerate(chosen, start=1)]
    return Live(Form(items, lambda slug, answer, _: _reply(by_slug[slug], answer)), _still(chosen, headline))


def _item(question, place, count):
    return {
        "slug": question.slug,
        "number": place if count > 1 else 0,
        "label": question.title,
        "text": code(question.text),
        "options": [code(option.text) for option in question.option],
        "confidence": [],
        "button": "Check",
    }


def _reply(question, answer):
    """Judge an answer, keep it, and return the feedback as HTML."""
    try:
        right, feedback = question.judge(answer)
    except ValueError as problem:
        return paragraph(str(problem))
    kept = question.option[int(answer)].text if question.option else str(answer)
    progress.record_quiz(question.lesson, question.slug, question.title, answer=kept, right=right)
    return _feedback_html(right, feedback)


def _feedback_html(right, feedback):
    look, word = (STATES["right"], "Right.") if right else (STATES["wrong"], "Not this.")
    symbol = f'<span aria-hidden="true" style="color:{look.colour};font-weight:bold">{look.symbol}</span>'
    return f'<p style="margin:0.2em 0 0.2em 1.2em">{symbol} <strong>{word}</strong> {code(feedback)}</p>'


def _still(chosen, headline):
    """The questions without a kernel: a click on an option opens its feedback."""
    parts, lines = [], [headline]
    for place, question in enumerate(chosen, start=1):
        number = f"{place}. " if len(chosen) > 1 else ""
        parts.append(f'<p style="margin:0.8em 0 0.2em 0"><strong>{number}</strong>{code(question.text)}</p>')
        parts.append(_still_answers(question))
        lines.append(f"{number}{question.text}")
        lines += [
            f"   {letter}) {o.text}"
            for letter, o in zip(string.ascii_lowercase, question.option, strict=False)
        ]
    hint = '<p style="margin:0.2em 0"><em>Open an answer to see what there is to say to it.</em></p>'
    return Card(card(headline, hint + "".join(parts), state="note", label=headline), "\n".join(lines))


def _still_answers(question):
    if question.answer is not None:
        feedback = _feedback_html(True, f"{question.answer:g}. {question.feedback}")
        return f"<details><summary>Show the answer</summary>{feedback}</details>"
    return "".join(
        f"<details><summary>{code(option.text)}</summary>{_feedback_html(option.right, option.feedback)}</details>"
        for option in question.option
    )


# ------------------------------------------------------------------------------------------------ guesses


def predict(slug, question, *, options=None, between=None, within=None):
    """Ask for a guess before anything runs: one of ``options``, or a number in the range ``between`` = (low, high).

    The student also says how sure they are. A number will count as right when it is ``within`` so much of the truth (by
    default a twentieth of the range). `reveal` shows the guess again beside the truth.
    """
    if (options is None) == (between is None):
        raise ValueError("predict() needs options=[…] or between=(low, high)")
    if between is not None and within is None:
        within = (between[1] - between[0]) / 20
    text = (
        question
        if options
        else f"{question} (from {between[0]:g} to {between[1]:g}; right within {within:g})"
    )
    item = {
        "slug": slug,
        "number": 0,
        "label": question,
        "text": f"<b>Your guess first.</b> {code(text)}",
        "options": [code(option) for option in options or ()],
        "confidence": [list(pair) for pair in _CONFIDENCES],
        "button": "Commit",
    }
    form = Form([item], lambda _, answer, sure: _committed(slug, answer, sure, options, within))
    known = progress.prediction(slug)
    if known is not None:
        form.replies = {slug: _committed_words(known["guess"], known["confidence"])}
    listed = "".join(f"<li>{code(option)}</li>" for option in options or ())
    body = f"{paragraph(text)}<ul>{listed}</ul>" if listed else paragraph(text)
    body += paragraph("Write your guess down, and how sure you are of it, before you read on.")
    still_text = "\n".join([f"Your guess first. {text}", *(f"   {option}" for option in options or ())])
    return Live(
        form, Card(card("Your guess first", body, state="note", label="Your guess first"), still_text)
    )


def commit(slug, guess, confidence, *, within=None):
    """Keep a guess without the form: a text or a number, and a confidence from 0 to 1."""
    if not 0 <= confidence <= 1:
        raise ValueError(f"confidence is {confidence}; it goes from 0 to 1")
    progress.record_prediction(slug, guess, confidence, within)


def reveal(slug, truth):
    """Show the truth beside the guess that was committed to, as a card; without one it says so."""
    event = progress.prediction(slug)
    shown = f"{truth:.4g}" if isinstance(truth, float) else str(truth)
    if event is None:
        says = "You did not commit to a guess this time. Guessing first is what makes an answer stick."
        return _revealed(f"It is {shown}.", says, "note")
    guess, sure = event["guess"], event["confidence"]
    hit = str(guess) == str(truth) if isinstance(guess, str) else abs(guess - truth) <= (event["within"] or 0)
    progress.record_reveal(slug, truth if isinstance(truth, str) else float(truth), hit)
    says = f"You guessed {_short(guess)}, {sure:.0%} sure. "
    if hit:
        says += "You had it." if sure > 0.6 else "You had it, and may trust yourself more."
    else:
        says += (
            "Which part of your picture was wrong?"
            if sure < 0.8
            else "A surprise like this is worth a minute: why?"
        )
    return _revealed(f"It is {shown}.", says, "right" if hit else "wrong")


def _committed(slug, answer, sure, options, within):
    try:
        guess = options[int(answer)] if options else _number(answer)
    except ValueError as problem:
        return paragraph(str(problem))
    commit(slug, guess, float(sure), within=within)
    return _committed_words(guess, sure)


def _committed_words(guess, sure):
    return paragraph(f"› Kept: {_short(guess)}, {sure:.0%} sure. You will see it again beside the result.")


def _short(guess):
    return f"“{guess}”" if isinstance(guess, str) else f"{guess:g}"


def _revealed(headline, says, state):
    html = card(headline, paragraph(says), state=state, label="The guess and the truth")
    return Card(html, f"{STATES[state].symbol} {headline} {says}")


# ------------------------------------------------------------------------------------------------ the form


class Form(anywidget.AnyWidget):
    """Questions in the page; ``respond(slug, answer, confidence)`` returns the reply to an answer as HTML."""

    _esm = _HERE / "form.js"
    _css = _HERE / "form.css"

    items = t.List(t.Dict(), help="what `_item` makes").tag(sync=True)
    replies = t.Dict(help="slug -> HTML of the last reply, for a page that is reloaded").tag(sync=True)
    still = t.Unicode(help="id of the still card that the page hides while the form lives").tag(sync=True)

    def __init__(self, items, respond):
        super().__init__(items=items)
        self._respond = respond
        self.on_msg(self._receive)

    def _receive(self, _widget, message, _buffers):
        reply = self._respond(message["slug"], message["answer"], message["confidence"])
        self.replies = self.replies | {message["slug"]: reply}
        self.send({"slug": message["slug"], "reply": reply})


def _offered():
    return [
        progress.Item("quiz", q.lesson, q.slug, q.title) for number in _lessons() for q in questions(number)
    ]


progress.offer(_offered)
