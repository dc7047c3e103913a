"""Shows a judgement: as HTML to people, as text elsewhere."""

import base64

import numpy as np

from course_utils import plotting
from course_utils.cards import STATES, Card, card, code, escape, paragraph
from course_utils.checks import words
from course_utils.checks.sandbox import same

_LARGEST_GRID = 8  # rows and columns of an array that is shown number by number
_LONGEST_ROW = 16
_MOST_ARRAYS = 4  # of a list, shown side by side
_PICTURE = 128  # pixels that the longer side of a small picture is enlarged to, at most
_LARGEST_PICTURE = 256  # a larger one is thinned out
_CELL = "border:1px solid rgba(128,128,128,0.55);padding:0.1em 0.45em;text-align:center;min-width:1.2em"
_WRONG_CELL = "outline:0.16em solid #D55E00;outline-offset:-0.16em;font-weight:bold"
_TRUE_CELL = "background:rgba(128,128,128,0.45)"


class Result(Card):
    """What `check` shows. ``state`` is "right", "partly", "wrong" or "open"; ``points`` of ``out_of`` were earned.

    ``diagnoses`` are the messages of the mistakes that were recognised.
    """

    def __init__(self, html, text, *, state, points, out_of, diagnoses=()):
        super().__init__(html, text)
        for name, value in (
            ("state", state),
            ("points", points),
            ("out_of", out_of),
            ("diagnoses", diagnoses),
        ):
            object.__setattr__(self, name, value)


def report(exercise, judgement):
    """The `Result` of a judgement."""
    return Result(
        _html(exercise, judgement),
        _text(exercise, judgement),
        state=judgement.state,
        points=judgement.points,
        out_of=exercise.points,
        diagnoses=judgement.diagnoses,
    )


def apology(slug, out_of, problem):
    """The `Result` when the check itself failed: the course's fault, said so, nothing counted."""
    says = (
        f"The check of “{slug}” has a fault of its own ({type(problem).__name__}). This is not your mistake, "
        "and nothing was recorded; please report it to the authors of the course."
    )
    html = card("This check is broken", paragraph(says), state="note", label=f"Check of {slug}")
    return Result(html, f"This check is broken. {says}", state="broken", points=0, out_of=out_of)


def notice(says, slug):
    """The `Result` for a check that names no exercise."""
    html = card("No such exercise", paragraph(says), state="note", label=f"Check of {slug}")
    return Result(html, f"No such exercise. {says}", state="unknown", points=0, out_of=0)


def _headline(exercise, judgement):
    if judgement.state == "open":
        return f"{exercise.title}: not attempted yet"
    held = sum(verdict.holds is True for verdict in judgement.verdicts)
    of = f"{held} of {len(judgement.verdicts)} properties, " if judgement.verdicts else ""
    says = {"right": "right", "partly": "partly right", "wrong": "not yet right"}[judgement.state]
    points = "point" if exercise.points == 1 else "points"
    return f"{exercise.title}: {says} ({of}{judgement.points:g} of {exercise.points:g} {points})"


# --------------------------------------------------------------------------------------------- HTML


def _html(exercise, judgement):
    body = paragraph(judgement.says) if judgement.says else ""
    body += "".join(_diagnosis_html(message) for message in judgement.diagnoses)
    body += _verdicts_html(judgement.verdicts)
    case = _smallest(judgement)
    if case is not None and _can_show(exercise, case):
        body += _case_html(exercise, case)
    body += _printed_html(judgement)
    label = f"Check of {exercise.title}"
    return card(_headline(exercise, judgement), body, state=judgement.state, label=label)


def _diagnosis_html(message):
    return (
        '<p style="margin:0.5em 0;padding:0.35em 0.8em;border:0.14em solid #D55E00;border-radius:0.3em">'
        f"<strong>Likely mistake.</strong> {code(message)}</p>"
    )


def _verdicts_html(verdicts):
    rows = "".join(f'<li style="list-style:none;margin:0.15em 0">{_verdict_html(v)}</li>' for v in verdicts)
    return (
        f'<div style="margin:0.5em 0">Your answer<ul style="margin:0;padding:0">{rows}</ul></div>'
        if verdicts
        else ""
    )


def _verdict_html(verdict):
    state, word = _state(verdict)
    look = STATES[state]
    return (
        f'<span aria-hidden="true" style="color:{look.colour};font-weight:bold">{look.symbol}</span> '
        f"{code(verdict.text)} <em>({word})</em>"
    )


def _state(verdict):
    if verdict.holds is None:
        return "open", "not tried"
    return ("right", "yes") if verdict.holds else ("wrong", "no")


def _smallest(judgement):
    """The smallest failing case of the first property that fails."""
    return next((v.failing for v in judgement.verdicts if v.failing is not None), None)


def _can_show(exercise, case):
    return bool(case.arguments) or exercise.shows_right_answer


def _parts(exercise, case):
    """(name, value, what it is compared with) of all that is shown of a case; names hold `code`."""
    outcome = case.outcome
    after = dict(zip(outcome.changed, outcome.after, strict=False))
    for i, (name, value) in enumerate(zip(exercise.parameters, case.arguments, strict=False)):
        yield f"`{name}`", value, None
        if i in after:
            yield f"`{name}` after your call", after[i], value
    if after and same(outcome.value, case.right):
        return  # the change is what is wrong, not the answer
    if outcome.answered:
        yield "your answer", outcome.value, case.right
    if exercise.shows_right_answer:
        yield "right answer", case.right, None


def _case_html(exercise, case):
    figures = "".join(
        f'<div style="display:inline-block;vertical-align:top;margin:0.3em 1.4em 0.3em 0">'
        f"<div>{code(name)}</div>{_value_html(value, right)}</div>"
        for name, value, right in _parts(exercise, case)
    )
    return f'<div style="margin-top:0.5em"><strong>The smallest case that fails</strong><div>{figures}</div></div>'


def _value_html(value, right=None):
    """A value as numbers where it is small enough for the eye, else as a picture and in words.

    ``right``, when given, is what it is compared with: cells that differ are marked, else they are counted.
    """
    value, right = _planes(value), _planes(right)
    if _is_group(value):
        inside = "".join(map(_value_html, value, _partners(value, right)))
        return f'<div style="display:flex;flex-wrap:wrap;gap:0.8em;align-items:flex-start">{inside}</div>'
    if _as_grid(value) is not None:
        return _grid_html(_as_grid(value), _differences(value, right))
    text = f"{code(_value_text(value))}{code(_difference_text(value, right))}"
    if _is_shown(value):
        return f'{_picture_html(value)}<div style="max-width:18em">{text}</div>'
    return f"<div>{text}</div>"


def _is_shown(value):
    """Whether a value is an array that `_value_html` shows as numbers or as a picture."""
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf" or not value.size:
        return False
    return _as_grid(value) is not None or value.ndim == 2 or (value.ndim == 3 and value.shape[2] == 3)


def _is_group(value):
    """Whether a list or tuple holds up to four values, shown one by one, arrays or rows of numbers among them."""
    return (
        isinstance(value, list | tuple)
        and 0 < len(value) <= _MOST_ARRAYS
        and any(_is_shown(entry) or _as_grid(entry) is not None or _is_stack(entry) for entry in value)
    )


def _is_stack(value):
    """Whether an array holds up to four planes, each small enough for the eye, and is no colour image.

    Three columns may be colours, but only if they lie in [0, 1].
    """
    return (
        isinstance(value, np.ndarray)
        and value.ndim == 3
        and 0 < len(value) <= _MOST_ARRAYS
        and value.shape[2] != 0
        and (
            value.shape[2] != 3 or (value.dtype.kind == "f" and bool((value < 0).any() or (value > 1).any()))
        )
        and _as_grid(value[0]) is not None
    )


def _planes(value):
    """The planes of a small stack, as a list; any other value as it is."""
    return list(value) if _is_stack(value) else value


def _partners(value, right):
    """For each entry of a group what it is compared with; None where there is nothing to compare."""
    return right if isinstance(right, list | tuple) and len(right) == len(value) else [None] * len(value)


def _grid_html(array, differs):
    rows = []
    for y, row in enumerate(array):
        cells = (_cell_html(entry, differs[y, x]) for x, entry in enumerate(row))
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return f'<table style="border-collapse:collapse;font-size:95%;margin:0.2em 0">{"".join(rows)}</table>'


def _picture_html(array):
    """An image, mask or map, dark to bright: 0 to 1 if its values lie in there, else from the least to the greatest."""
    alt = escape(_array_text(array), quote=True)
    step = -(-max(array.shape[:2]) // _LARGEST_PICTURE)
    array = np.nan_to_num(np.asarray(array[::step, ::step], float), posinf=0, neginf=0)
    low, high = array.min(), array.max()
    if low >= 0 and high <= 1:
        low, high = 0, 1
    times = max(1, _PICTURE // max(array.shape[:2]))
    enlarged = ((array - low) / ((high - low) or 1)).repeat(times, axis=0).repeat(times, axis=1)
    webp, (width, _) = plotting.encode(enlarged)
    source = f"data:image/webp;base64,{base64.b64encode(webp).decode()}"
    return f'<img alt="{alt}" width="{width}" style="max-width:100%" src="{source}">'


def _cell_html(entry, differs):
    style = _CELL
    if entry is True or (isinstance(entry, np.bool_) and entry):
        style += f";{_TRUE_CELL}"
    text = _entry(entry)
    if differs:  # a mark beside the frame, for those who cannot see it
        style += f";{_WRONG_CELL}"
        text += '<span style="font-weight:normal"> ✗</span>'
    return f'<td style="{style}">{text}</td>'


def _printed_html(judgement):
    html = ""
    if judgement.printed:
        html += (
            "<details><summary>Your code printed something</summary>"
            f'<pre style="max-height:12em;overflow:auto">{escape(judgement.printed)}</pre></details>'
        )
    if judgement.warned and judgement.state != "right":
        html += paragraph(f"Python warned: {judgement.warned}")
    return html


# --------------------------------------------------------------------------------------------- values


def _as_grid(value):
    """A 2-D array of at most 8×8, or one row of at most 16, of a value; None for all else."""
    if isinstance(value, list | tuple) and value and all(isinstance(v, bool | int | float) for v in value):
        value = np.array(value, dtype=object if any(isinstance(v, bool) for v in value) else None)
    if not isinstance(value, np.ndarray) or value.size == 0:
        return None
    if value.ndim == 1 and len(value) <= _LONGEST_ROW:
        return value[None]
    longest = _LONGEST_ROW if len(value) == 1 else _LARGEST_GRID
    return value if value.ndim == 2 and max(value.shape) <= longest else None


def _differences(value, right):
    """Bool array: where an answer differs from the right one; all False when they cannot be compared."""
    mine, right = (_as_grid(v) if _as_grid(v) is not None else v for v in (value, right))
    if not isinstance(right, np.ndarray) or mine.shape != right.shape:
        return np.zeros(mine.shape, bool)
    if mine.dtype.kind in "biufc" and right.dtype.kind in "biufc":
        return ~np.isclose(mine, right, rtol=1e-6, atol=1e-9, equal_nan=True)
    return mine != right


def _difference_text(value, right):
    """How many values of an array differ from the right one, and the first of them; empty where none does."""
    if not isinstance(value, np.ndarray) or not _differences(value, right).any():
        return ""
    places = np.argwhere(_differences(value, right))
    first = tuple(places[0].tolist())
    index = ", ".join(map(str, first))
    mine, theirs = words.number(value[first]), words.number(right[first])
    return f"; {len(places)} of {value.size} values differ, the first at `[{index}]`: {mine}, and {theirs} is right"


def _entry(entry):
    """A number in a cell: masks as 1 and 0, others with four digits."""
    if isinstance(entry, bool | np.bool_):
        return "1" if entry else "0"
    if isinstance(entry, float | np.floating):
        return escape(f"{entry:.4g}")
    return escape(words.shorten(str(entry), 12))


def _value_text(value):
    """A value in a line of text."""
    if isinstance(value, np.ndarray):
        return _array_text(value)
    if isinstance(value, list | tuple):
        inside = ", ".join(_value_text(entry) for entry in value[:8])
        return words.shorten(f"({inside})", 160)
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, int | float | np.integer | np.floating):
        return words.number(value)
    return words.describe(value) if not callable(value) else getattr(value, "__name__", "a function")


def _array_text(array):
    if array.size == 0 or array.dtype.kind not in "biuf":
        return words.describe(array)
    if array.dtype.kind == "b":
        return f"{words.describe(array)}, {np.count_nonzero(array)} of {array.size} True"
    return f"{words.describe(array)}, from {words.number(array.min())} to {words.number(array.max())}"


# --------------------------------------------------------------------------------------------- text


def _text(exercise, judgement):
    lines = [f"{STATES[judgement.state].symbol} {_headline(exercise, judgement)}"]
    lines += [judgement.says] if judgement.says else []
    lines += [f"Likely mistake: {message}" for message in judgement.diagnoses]
    lines += ["Your answer"] if judgement.verdicts else []
    for verdict in judgement.verdicts:
        state, word = _state(verdict)
        lines.append(f"  {STATES[state].symbol} {verdict.text} ({word})")
    case = _smallest(judgement)
    if case is not None and _can_show(exercise, case):
        lines += ["The smallest case that fails:", *_case_lines(exercise, case)]
    if judgement.printed:
        lines += ["Your code printed:", judgement.printed]
    return "\n".join(lines)


def _case_lines(exercise, case):
    for shown, value, right in _parts(exercise, case):
        yield from _value_lines(shown.replace("`", ""), value, right)


def _value_lines(name, value, right):
    kind = "plane " if _is_stack(value) else ""
    value, right = _planes(value), _planes(right)
    if _is_group(value):
        for i, (entry, theirs) in enumerate(zip(value, _partners(value, right), strict=True)):
            yield from _value_lines(f"{name}, {kind}{i + 1} of {len(value)}", entry, theirs)
        return
    grid = _as_grid(value)
    if grid is None:
        yield f"  {name}: {_value_text(value)}{_difference_text(value, right)}"
    else:
        yield f"  {name}:"
        yield from ("    " + " ".join(_entry(entry).rjust(5) for entry in row) for row in grid)
