"""Says in words what an answer is, what form it lacks, and what an exception usually means."""

import numpy as np

from course_utils.checks.sandbox import Odd

_KINDS = {"b": "bool", "i": "integer", "u": "integer", "f": "float", "c": "complex", "S": "text", "U": "text"}

#: What exceptions usually mean in array code; a key "Kind: words" is preferred when the words are in the message.
MEANINGS = {
    "IndexError": "An index went past the end. Where there are `n` entries, the last one has index `n - 1`.",
    "IndexError: boolean index did not match": "A mask picks pixels only from an array of its own shape.",
    "IndexError: only integers": "Indices must be whole numbers: a division with `/` gives a float, `//` does not.",
    "IndexError: shape mismatch": "Index arrays in one pair of brackets are paired, entry by entry. Rows and columns "
    "crossed: index twice, `a[rows][:, columns]`, or use `np.ix_`.",
    "KeyError": "A dictionary was asked for a key that it does not hold.",
    "ValueError: truth value of an array": "`if`, `and`, `or` and `not` want one True or False, not an array of them: "
    "use `&`, `|`, `~` between masks, or `.any()` and `.all()`.",
    "ValueError: core dimension": "Two tables that do not fit were multiplied: `a @ b` needs as many columns in `a` as "
    "rows in `b`; print both shapes.",
    "ValueError: could not be broadcast": "Two arrays of shapes that do not fit were combined; print both shapes.",
    "ValueError: not enough values to unpack": "The right side holds fewer values than there are names on the left.",
    "ValueError: too many values to unpack": "The right side holds more values than there are names on the left.",
    "ValueError: zero-size array": "The minimum or maximum of nothing was asked for: a selection can be empty.",
    "ValueError: one row for each point, not (0,": "No row was picked: a selection can be empty. A loop over the "
    "numbers that occur goes over `np.unique(...)`.",
    "ValueError": "A function got an argument of the right type with a value that it cannot use.",
    "TypeError: positional argument": "The check calls your function with other arguments than it takes: keep the "
    "parameters as they were given.",
    "TypeError: boolean subtract": "Masks cannot be subtracted: use `^` or `&~`, or turn them into numbers first.",
    "TypeError: is not callable": "Something that is no function was followed by parentheses; is a name used twice?",
    "TypeError: NoneType": "A value is None: a function before this line returned nothing.",
    "TypeError: list": "A list does not calculate like an array: `np.asarray(values)` makes one of it.",
    "TypeError": "An operation got a value of a type that it does not work on.",
    "UFuncTypeError": "Fractions were to be put into an array of whole numbers, as `+=` does: make that array "
    "float, or write `a = a + b`.",
    "NameError": "A name is used that nothing has been assigned to: a typing mistake, or a cell that has not run.",
    "UnboundLocalError": "A name is read before it gets its value inside the function, on at least one path.",
    "AttributeError": "That object has nothing of this name: a typing mistake, or another type than expected.",
    "ZeroDivisionError": "Something was divided by zero: which case does that, and what is right then?",
    "RecursionError": "The function calls itself without end: is there a case in which it stops?",
    "MemoryError": "An array far too large was asked for; print its shape first.",
    "OverflowError": "A number became too large for its type.",
    "FloatingPointError": "A calculation left the numbers that a float can hold.",
    "AssertionError": "An `assert` of yours did not hold.",
    "ImportError": "That module is not installed here; the exercise can be solved without it.",
    "ModuleNotFoundError": "That module is not installed here; the exercise can be solved without it.",
    "SystemExit": "Your code asked Python to end; return the answer instead.",
    "KeyboardInterrupt": "Your code raised KeyboardInterrupt itself.",
    "NotImplementedError": "A part is still marked as not written.",
}

_INNER_CALL = (
    "That line calls a function with other arguments than it takes; some have to be given by name, as in "
    "`mask=mask`. `help` shows its parameters."
)


def meaning(trouble):
    """What an exception usually means (str, may be empty); ``trouble`` is a `sandbox.Trouble`."""
    if trouble.kind == "TypeError" and "positional argument" in trouble.text and trouble.line is not None:
        return _INNER_CALL  # a line of the student's own made the call
    keyed = (
        words
        for key, words in MEANINGS.items()
        if ": " in key and key.split(": ")[0] == trouble.kind and key.split(": ")[1] in trouble.text
    )
    return next(keyed, MEANINGS.get(trouble.kind, ""))


def describe(value):
    """A frozen value in a few words: ``"a bool array of shape (4, 4)"``, ``"the number 0.25"``, ``"None"``."""
    if isinstance(value, Odd):
        return value.words
    if value is None or isinstance(value, bool):
        return str(value)
    if isinstance(value, int | float | complex):
        return f"the number {number(value)}"
    if isinstance(value, str):
        return f"the text {shorten(value, 40)!r}"
    if isinstance(value, np.ndarray):
        kind = _KINDS[value.dtype.kind]
        return f"{'an' if kind == 'integer' else 'a'} {kind} array of shape {value.shape}"
    if isinstance(value, dict):
        return f"a dictionary of {len(value)}"
    return f"a {type(value).__name__} of {len(value)}"


def number(value):
    """A number, short: six digits, whole floats keep their point."""
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, int | np.integer):
        return str(int(value))
    text = f"{value:.6g}"
    return f"{text}.0" if text.lstrip("-").isdigit() else text


def shorten(text, length):
    return text if len(text) <= length else text[: length - 2] + " …"


def form_problem(given, right, bounds=None):
    """What is wrong with the type, shape or range of an answer, in words; None when its form is right.

    Both are frozen values. A whole number is a good float and a float without fraction a good count; an array of whole
    numbers is a good float array, but no other kind of array stands for another.
    """
    if given is None and right is not None:
        return "You returned None: the function ends without `return`, on this case at least."
    problem = _form(given, right)
    if problem:
        return problem
    if isinstance(given, int | float | np.ndarray) and not isinstance(given, bool):
        return _range_problem(np.asarray(given), np.asarray(right), bounds)
    return None


def _form(given, right):
    mismatch = f"You returned {describe(given)}; expected {_wanted(right)}."
    if isinstance(right, np.ndarray):
        return _array_form(given, right, mismatch)
    if isinstance(right, bool):
        return None if isinstance(given, bool) else mismatch
    if isinstance(right, int | float | complex):
        good = isinstance(given, int | float | complex) and not isinstance(given, bool)
        return None if good else mismatch + _one_number(given)
    if isinstance(right, list | tuple):
        return _sequence_form(given, right, mismatch)
    if isinstance(right, dict):
        same = isinstance(given, dict) and given.keys() == right.keys()
        return (
            None
            if same
            else mismatch
            if not isinstance(given, dict)
            else f"{mismatch} Its keys: {', '.join(right)}."
        )
    return None if type(given) is type(right) else mismatch


def _array_form(given, right, mismatch):
    if not isinstance(given, np.ndarray):
        return mismatch
    if given.shape != right.shape:
        swapped = given.ndim == 2 and given.shape == right.shape[::-1]
        if (
            given.dtype.kind in "iu" and right.dtype.kind == "f"
        ):  # whole numbers are good floats: say nothing of them
            mismatch = f"You returned an array of shape {given.shape}; expected one of shape {right.shape}."
        return mismatch + (" Rows and columns are swapped." if swapped else "")
    kinds = _KINDS[given.dtype.kind], _KINDS[right.dtype.kind]
    if kinds[0] == kinds[1] or kinds == ("integer", "float"):
        return None
    if kinds[1] == "bool":
        return mismatch + " A comparison such as `a > b` gives one."
    if kinds == ("float", "integer"):
        return mismatch + " Numbers that name things, such as labels and counts, are integers."
    return mismatch


def _sequence_form(given, right, mismatch):
    numbers = all(isinstance(entry, int | float) for entry in right)
    if isinstance(given, np.ndarray) and given.ndim == 1 and numbers:
        given = given.tolist()
    if not isinstance(given, list | tuple) or len(given) != len(right):
        return mismatch
    for place, (mine, theirs) in enumerate(zip(given, right, strict=True), start=1):
        problem = _form(mine, theirs)
        if problem:
            return f"Value {place} of {len(right)}: {problem}"
    return None


def _one_number(given):
    if isinstance(given, np.ndarray):
        return (
            f" It holds {given.size} numbers: which one is meant?"
            if given.size != 1
            else " Take it out: `.item()`."
        )
    return ""


def _range_problem(given, right, bounds):
    if (
        given.dtype.kind == "f"
        and np.isnan(given).any()
        and not (right.dtype.kind == "f" and np.isnan(right).any())
    ):
        return (
            "Your answer contains NaN (not a number), which 0/0 gives, and infinity over infinity: which case makes a "
            "denominator zero, or an `exp` too large?"
        )
    if bounds is None or given.dtype.kind not in "iuf" or not given.size:
        return None
    low, high = bounds
    least, most = given.min(), given.max()
    slack = 1e-9 * max(abs(low), abs(high))
    if least < low - slack or most > high + slack:
        outside = most if most > high else least
        return (
            f"Your answer contains {number(outside)}; it must lie between {number(low)} and {number(high)}."
        )
    return None


def _wanted(right):
    """The form that is expected, without giving the value away."""
    if isinstance(right, bool):
        return "True or False"
    if isinstance(right, int):
        return "a whole number"
    if isinstance(right, float | complex):
        return "a number"
    if isinstance(right, str):
        return "a text"
    return describe(right)
