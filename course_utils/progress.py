"""What the student has done: checks, quiz answers and guesses, kept between kernels and sessions.

Everything is an *event* (what, when, how it went) that is written once and never changed, in one SQLite file in
`paths.home()`. What a lesson shows is worked out from the events, and two histories are merged by putting their
events together, so nothing can be lost by it. Several kernels may write at once; the file uses no write-ahead log,
which network homes do not bear. Where nothing can be written the events stay in memory, one message says so, and
they are written as soon as that works again. A damaged file is moved aside, never deleted.
"""

import contextlib
import json
import os
import sqlite3
import uuid
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from pathlib import Path

from course_utils import paths
from course_utils.cards import STATES, Card, card, escape

__all__ = [
    "Event",
    "Item",
    "Standing",
    "events",
    "export",
    "import_",
    "offer",
    "prediction",
    "record_check",
    "record_prediction",
    "record_quiz",
    "record_reveal",
    "show",
    "summary",
]

_SCHEMA = 1
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_BUSY_SECONDS = 5
_FORMAT = "from-pixels-to-regions progress"
_NUMBER = int | float
_CONTENT = {  # what the data of each kind of event holds
    "check": {"title": str, "points": _NUMBER, "out_of": _NUMBER},
    "quiz": {"title": str, "answer": str, "right": bool},
    "prediction": {"guess": str | _NUMBER, "confidence": _NUMBER, "within": _NUMBER | None},
    "reveal": {"truth": str | _NUMBER, "hit": bool},
}

_unsaved = {}  # file -> events that could not be written yet
_told = set()  # messages that were given already
_offers = []


@dataclass(frozen=True)
class Event:
    """One thing that happened: ``kind`` is "check", "quiz", "prediction" or "reveal"; ``data`` is a JSON object."""

    id: str
    at: str
    kind: str
    lesson: str
    slug: str
    data: str

    def __getitem__(self, key):
        return json.loads(self.data)[key]


@dataclass(frozen=True)
class Item:
    """Something a lesson offers to do: ``kind`` is "check" or "quiz"."""

    kind: str
    lesson: str
    slug: str
    title: str
    points: float = 1


@dataclass(frozen=True)
class Standing:
    """How far the student is with one item: ``state`` is "right", "partly", "wrong" or "open"; the best of all tries
    counts for a check, the last one for a quiz question."""

    item: Item
    state: str
    points: float
    tries: int


# ------------------------------------------------------------------------------------------------ recording


def record_check(lesson, slug, title, *, points, out_of):
    """Keep the result of a check."""
    _record("check", lesson, slug, title=title, points=points, out_of=out_of)


def record_quiz(lesson, slug, title, *, answer, right):
    """Keep an answer to a quiz question: the chosen option or number, and whether it is right."""
    _record("quiz", lesson, slug, title=title, answer=answer, right=bool(right))


def record_prediction(slug, guess, confidence, within=None):
    """Keep a guess, a text or a number (right when ``within`` so much of the truth), and how sure the student is of
    it (0 to 1)."""
    _record("prediction", "", slug, guess=guess, confidence=confidence, within=within)


def record_reveal(slug, truth, hit):
    """Keep how the last guess turned out."""
    _record("reveal", "", slug, truth=truth, hit=bool(hit))


def prediction(slug):
    """The student's last guess about ``slug``, an `Event` with ``["guess"]``, ``["confidence"]`` and ``["within"]``, or
    None."""
    guesses = [event for event in events() if event.kind == "prediction" and event.slug == slug]
    return guesses[-1] if guesses else None


def events():
    """All events, oldest first."""
    file = _file()
    found = {event.id: event for event in [*_read(file), *_unsaved.get(file, ())]}
    return sorted(found.values(), key=lambda event: (event.at, event.id))


def _record(kind, lesson, slug, **data):
    at = datetime.now(UTC).isoformat(timespec="microseconds")
    _save([Event(uuid.uuid4().hex, at, kind, lesson, slug, json.dumps(data))])


# ------------------------------------------------------------------------------------------------ the file


def _file():
    return paths.home() / "progress.sqlite"


def _save(new):
    """Write events, with those that could not be written before; keep them in memory when that fails."""
    file = _file()
    waiting = _unsaved.setdefault(file, [])
    waiting += new
    for _ in range(2):  # a second time after a damaged file was moved aside
        identity = _identity(file)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.closing(sqlite3.connect(file, timeout=_BUSY_SECONDS)) as database, database:
                _prepare(database)
                rows = [astuple(event) for event in waiting]
                database.executemany("INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?, ?)", rows)
            waiting.clear()
            return
        except (sqlite3.Error, OSError) as problem:
            if not _is_damage(problem) or not _move_aside(file, identity):
                _tell(f"Your progress cannot be saved in {file} ({problem}). It is kept in memory meanwhile.")
                return


def _prepare(database):
    """Create the table in a new file; refuse a file of a later version of the course."""
    database.execute("BEGIN IMMEDIATE")  # two kernels may both find the file new
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version > _SCHEMA:
        raise sqlite3.OperationalError("it was written by a later version of the course; please update")
    if version == 0:
        database.execute(
            "CREATE TABLE events (id TEXT PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL, lesson TEXT NOT NULL, "
            "slug TEXT NOT NULL, data TEXT NOT NULL)"
        )
        database.execute(f"PRAGMA user_version = {_SCHEMA}")


def _read(file):
    """Events of the file; none where there is no file, or none that can be read."""
    if _identity(file) is None:
        return []
    try:
        uri = f"{file.absolute().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS)) as database:
            if database.execute("PRAGMA user_version").fetchone()[0] != _SCHEMA:
                return []
            return [
                Event(*row) for row in database.execute("SELECT id, at, kind, lesson, slug, data FROM events")
            ]
    except (sqlite3.Error, OSError) as problem:
        if _is_damage(problem):
            _tell(f"Your progress in {file} is damaged; it will be moved aside when something is saved.")
        else:
            _tell(f"Your progress in {file} cannot be read ({problem}).")
        return []


def _is_damage(problem):
    code = getattr(problem, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _DAMAGED


def _identity(file):
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _move_aside(file, identity):
    """Rename a damaged file, and its journal, which would otherwise be played into its successor.

    True when the way is free, also when another kernel was faster (then another file lies there by now).
    """
    if _identity(file) != identity:
        return True
    aside = file.with_name(f"progress-damaged-{datetime.now():%Y%m%d-%H%M%S-%f}.sqlite")
    try:
        os.rename(file, aside)
        with contextlib.suppress(FileNotFoundError):
            os.rename(f"{file}-journal", f"{aside}-journal")
    except FileNotFoundError:
        return True
    except OSError:
        return False
    _tell(f"The file of your progress was damaged. It now lies in {aside}, and a new one was begun.")
    return True


def _tell(message):
    """Say it once, on standard output: stderr would cost a graded cell its points."""
    if message not in _told:
        _told.add(message)
        print(message)


# ------------------------------------------------------------------------------------------------ moving


def export(path):
    """Write all events to a new JSON file, to move them to another machine; returns their number.

    Raises FileExistsError rather than write over a file: it might hold another machine's progress.
    """
    path = Path(path).expanduser()
    found = events()
    content = {"format": _FORMAT, "version": _SCHEMA, "events": [event.__dict__ for event in found]}
    try:
        with path.open("x", encoding="utf-8") as file:
            json.dump(content, file, indent=1)
    except FileExistsError:
        raise FileExistsError(f"{path} exists: choose another name, so that nothing is lost") from None
    return len(found)


def import_(path):
    """Add the events of an exported file to those that are here; returns how many were new.

    Raises ValueError when the file is not an export of this course, and then changes nothing.
    """
    try:
        content = json.loads(Path(path).expanduser().read_text(encoding="utf-8"))
        if content["format"] != _FORMAT or content["version"] > _SCHEMA:
            raise ValueError(f"version {content['version']} of {content['format']!r}")
        new = [Event(**event) for event in content["events"]]
        for event in new:
            _validate(event)
    except (ValueError, KeyError, TypeError) as problem:
        raise ValueError(f"{path} does not hold exported progress of this course: {problem}") from problem
    known = {event.id for event in events()}
    _save(new)
    return len({event.id for event in new} - known)


def _validate(event):
    """Raise ValueError, KeyError or TypeError unless the event is one that this course writes."""
    if not all(isinstance(value, str) for value in astuple(event)):
        raise TypeError("an event with something else than text")
    for key, kind in _CONTENT[event.kind].items():
        if not isinstance(event[key], kind):
            raise TypeError(f"{key} of an event is {event[key]!r}")


# ------------------------------------------------------------------------------------------------ showing


def offer(items):
    """Register ``items() -> iterable of Item``: what can be done, whether or not it has been done yet."""
    if items not in _offers:
        _offers.append(items)


def summary():
    """A `Standing` for each item that is offered or has been tried, by lesson."""
    history = {}
    for event in events():
        if event.kind in ("check", "quiz"):
            history.setdefault((event.kind, event.slug), []).append(event)
    items = {(item.kind, item.slug): item for items in _offers for item in items()}
    for key, tries in history.items():
        items.setdefault(key, _tried(tries[-1]))
    standings = [_standing(item, history.get(key, [])) for key, item in items.items()]
    return tuple(sorted(standings, key=lambda standing: standing.item.lesson))  # stable: else as offered


def _tried(event):
    """The item behind an event whose question or exercise is not offered any more."""
    points = event["out_of"] if event.kind == "check" else 1
    return Item(event.kind, event.lesson, event.slug, event["title"], points)


def _standing(item, tries):
    if not tries:
        return Standing(item, "open", 0, 0)
    if item.kind == "quiz":
        right = tries[-1]["right"]
        return Standing(item, "right" if right else "wrong", float(right), len(tries))
    share = max(event["points"] / (event["out_of"] or 1) for event in tries)
    state = "right" if share == 1 else "partly" if share else "wrong"
    return Standing(item, state, round(share * item.points, 2), len(tries))


def show():
    """The progress page: a table of lessons, with the state of each exercise and question."""
    standings = summary()
    lessons = sorted({standing.item.lesson for standing in standings})
    rows = [(lesson, *(_of(standings, lesson, kind) for kind in ("check", "quiz"))) for lesson in lessons]
    body = _table_html(rows) if rows else "<p>Nothing yet: your first check will appear here.</p>"
    guesses = _guesses_words()
    body += f'<p style="margin:0.6em 0 0 0">{escape(guesses)}</p>' if guesses else ""
    html = card("Your progress", body, state="note", label="Your progress")
    lines = [
        f"Lesson {n}: {_count(checks, 'exercises')}, {_count(quiz, 'questions')}" for n, checks, quiz in rows
    ]
    return Card(html, "\n".join(["Your progress", *lines, guesses]).strip())


def _of(standings, lesson, kind):
    return [s for s in standings if s.item.lesson == lesson and s.item.kind == kind]


def _count(standings, noun):
    right = sum(standing.state == "right" for standing in standings)
    return f"{right} of {len(standings)} {noun} right"


def _table_html(rows):
    pad = 'style="text-align:left;vertical-align:top;padding:0.3em 1.2em 0.3em 0"'
    head = "".join(f'<th scope="col" {pad}>{name}</th>' for name in ("Lesson", "Exercises", "Quiz"))
    body = "".join(
        f'<tr><th scope="row" {pad}>{escape(lesson)}</th><td {pad}>{_cell_html(checks, "exercises")}</td>'
        f"<td {pad}>{_cell_html(quiz, 'questions')}</td></tr>"
        for lesson, checks, quiz in rows
    )
    caption = (
        '<caption style="text-align:left">Best try of each exercise, last answer to each question</caption>'
    )
    table = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f'<table style="border-collapse:collapse;font-size:100%;margin-top:0.4em">{caption}{table}</table>'


def _cell_html(standings, noun):
    """The count, and behind a click the list."""
    if not standings:
        return "–"
    items = "".join(f'<li style="list-style:none">{_standing_html(standing)}</li>' for standing in standings)
    listed = f'<ul style="padding:0;margin:0.2em 0">{items}</ul>'
    return f"<details><summary>{_count(standings, noun)}</summary>{listed}</details>"


def _standing_html(standing):
    look = STATES[standing.state]
    word = {"right": "right", "partly": "partly right", "wrong": "not yet right", "open": "open"}[
        standing.state
    ]
    points = (
        f", {standing.points:g} of {standing.item.points:g} points" if standing.item.kind == "check" else ""
    )
    tries = f", {standing.tries} {'try' if standing.tries == 1 else 'tries'}" if standing.tries else ""
    symbol = f'<span aria-hidden="true" style="color:{look.colour};font-weight:bold">{look.symbol}</span>'
    return f"{symbol} {escape(standing.item.title)} <em>({word}{points}{tries})</em>"


def _guesses_words():
    """How well the student's confidence matches the outcomes, in a sentence; empty before the first reveal."""
    guesses, outcomes = {}, []
    for event in events():
        if event.kind == "prediction":
            guesses[event.slug] = event
        elif event.kind == "reveal" and event.slug in guesses:
            outcomes.append((guesses.pop(event.slug)["confidence"], event["hit"]))
    if not outcomes:
        return ""
    expected, hits = sum(sure for sure, _ in outcomes), sum(hit for _, hit in outcomes)
    return (
        f"Guesses: {hits} of {len(outcomes)} were right; your confidence promised {expected:.1f}. "
        "The closer the two numbers, the better you know what you know."
    )
