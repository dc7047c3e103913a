"""Runs code that may do anything, and comes back with plain data.

A student's function is called in a thread of its own, with a copy of its arguments, its printing captured and its
time bounded. What it returns is *frozen* there too: turned into plain numbers, strings, arrays and lists, so that
nothing of the student's (an odd ``__eq__``, a lazy ``__array__``, a gigabyte) reaches the code that judges it.

Why a thread: the caller gets control back whatever the student's code does. When time is up, an exception is thrown
into the thread from outside, again and again, which ends every loop written in Python, also one that catches
exceptions, on Linux, macOS and Windows, in and outside a kernel.

What it does not stop: a call into compiled code that never returns (it is left behind, and goes on using a core until
the kernel restarts; if it also holds Python's global lock, it holds everything), threads and processes that the code
starts, memory that it fills, text that compiled code writes to the terminal itself, ``os._exit``, and code that sets
out to break the course's own functions.
"""

import builtins
import contextlib
import contextvars
import copy
import ctypes
import inspect
import linecache
import os
import sys
import threading
import time
import warnings
from dataclasses import dataclass, replace

import numpy as np

from course_utils.kernel import compile_seconds

_LARGEST_ARRAY = 64 * 2**20  # bytes
_LONGEST_LIST = 100_000
_DEEPEST = 5
_LONGEST_PRINT = 2_000  # characters kept
_LAST_WORDS = 1.0  # seconds that code gets to end after its time is up


@dataclass(frozen=True)
class Odd:
    """Stands for an answer that no exercise can use; ``words`` say what it was."""

    words: str


@dataclass(frozen=True)
class Trouble:
    """An exception of the student's code: its class (``kind``), its ``text``, the ``line`` it came from, and that
    line's ``source``."""

    kind: str
    text: str
    line: int | None = None
    source: str = ""


@dataclass(frozen=True)
class Outcome:
    """What came of one call.

    ``value`` is the frozen answer, unless there is ``trouble`` (an exception), or ``late`` is True (its time was up);
    ``stuck`` says that the code could not even be stopped. ``changed`` are the positions of the arguments it changed,
    ``after`` these arguments, frozen, as the call left them, ``printed`` the beginning of what it printed, ``warned``
    the first warning it caused.
    """

    value: object = None
    trouble: Trouble | None = None
    late: bool = False
    stuck: bool = False
    changed: tuple = ()
    after: tuple = ()
    printed: str = ""
    warned: str = ""
    seconds: float = 0.0

    @property
    def answered(self):
        return self.trouble is None and not self.late


def call(function, arguments=(), seconds=2.0):
    """Call ``function(*arguments)`` safely and return an `Outcome`. The arguments given are never changed.

    Returns after ``seconds`` plus at most one second; the time that kernels of the course take to compile at their
    first call is not the student's and does not count. Must be called from one thread at a time: standard output is
    redirected for the whole process meanwhile.
    """
    answers = []
    thread = _StudentThread(_work, (function, arguments, answers))
    start = _own_time()
    with _captured() as (printed, warned):
        thread.start()
        late = not thread.wait(seconds)
        if late:
            thread.stop()
    outcome = answers[0] if answers and not late else Outcome(late=True, stuck=thread.is_alive())
    return replace(outcome, printed=printed.text(), warned=_words(warned), seconds=_own_time() - start)


def _work(function, arguments, answers):
    try:
        given = copy.deepcopy(arguments)
        value = freeze(function(*given))
        changed = _changed(arguments, given)
        answers.append(Outcome(value, changed=changed, after=tuple(freeze(given[i]) for i in changed)))
    except OutOfTime:
        raise
    except BaseException as problem:
        answers.append(Outcome(trouble=_trouble(problem, function)))


def freeze(value, depth=_DEEPEST):
    """Plain data with the content of ``value``: None, Ellipsis, bool, int, float, complex, str, a base-class array
    of such (which tensors become), a list, tuple or dict of such, or `Odd` for all else. Runs the value's own code, so
    call it in `call`.
    """
    if value is None or value is Ellipsis or isinstance(value, Odd):
        return value
    torch = sys.modules.get("torch")  # whoever answers with a tensor has loaded it
    if torch is not None and isinstance(value, torch.Tensor):
        value = value.detach().cpu().resolve_conj().resolve_neg()
        value = np.asarray(value.float() if value.dtype is torch.bfloat16 else value)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        return _freeze_array(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        fits = int.bit_length(value) <= 64
        return int.__add__(value, 0) if fits else Odd("an integer too large for 64 bits")
    if isinstance(value, float | np.longdouble):
        return float(value)
    if isinstance(value, complex):
        return complex(value)
    if isinstance(value, str):
        return str.__str__(value)[:_LONGEST_LIST]
    if isinstance(value, list | tuple) and depth:
        plain = list if isinstance(value, list) else tuple
        if plain.__len__(value) > _LONGEST_LIST:
            return Odd(f"a {plain.__name__} of {plain.__len__(value):,} entries")
        return plain([freeze(entry, depth - 1) for entry in plain.__iter__(value)])
    if isinstance(value, dict) and depth and dict.__len__(value) <= _LONGEST_LIST:
        return {str(key): freeze(entry, depth - 1) for key, entry in dict.items(value)}
    return Odd(_odd_words(value))


def same(a, b):
    """Whether two frozen values are equal: kinds, shapes and numbers (NaN equals NaN)."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return a == b or (a != a and b != b)


def _freeze_array(array):
    array = np.asarray(array)  # a subclass may lie
    what = f"of shape {array.shape}"
    if array.dtype.kind not in "biufcSU":
        return Odd(f"an array {what} that holds {_kind_words(array.dtype)} instead of numbers")
    if array.nbytes > _LARGEST_ARRAY:
        return Odd(f"an array {what}, which is far too large")
    if array.ndim == 0:
        return freeze(array.item())
    return np.array(array, order="C")


def _kind_words(dtype):
    return "Python objects" if dtype.kind == "O" else f"{dtype.name} values"


def _odd_words(value):
    name = type(value).__name__[:60]
    if inspect.iscoroutine(value):
        value.close()  # else Python complains on stderr that nobody awaited it
        return "a coroutine: write `def`, not `async def`"
    if inspect.isgenerator(value):
        return "a generator: collect its values, for instance with `list(...)`"
    if inspect.isroutine(value):
        return "a function: it is not called yet"
    if isinstance(value, type):
        return "a class, not a value"
    if isinstance(value, list | tuple | dict):
        return f"a {name} too large or too deeply nested"
    return f"an object of class `{name}`"


def _changed(before, after):
    pairs = enumerate(zip(before, after, strict=True))
    return tuple(i for i, (old, new) in pairs if not same(freeze(old), freeze(new)))


# --------------------------------------------------------------------------------------------- time


def _own_time():
    """Seconds on a clock that stands still while a kernel is compiled."""
    return time.perf_counter() - compile_seconds()


class _StudentThread(threading.Thread):
    """Calls ``work``, and can be stopped."""

    def __init__(self, work, arguments):
        # The context carries NumPy's error settings, and the notebook cell that display() writes to.
        context = contextvars.copy_context()
        super().__init__(target=context.run, args=(work, *arguments), daemon=True, name="student code")
        self._over = False
        self._lock = threading.Lock()  # nothing is thrown once the work is over

    def run(self):
        try:  # noqa: SIM105 (a `with` would make a call that the next exception could interrupt)
            super().run()
        except OutOfTime:
            pass
        while not self._over:
            try:
                sys.settrace(None)
                with self._lock:
                    self._over = True
            except OutOfTime:
                pass

    def wait(self, seconds):
        """Whether the thread ended within that time; False also when the student pressed *interrupt*."""
        end = _own_time() + seconds
        try:
            while self.is_alive() and (left := end - _own_time()) > 0:
                self.join(left)
        except KeyboardInterrupt:
            return False
        return not self.is_alive()

    def stop(self):
        """Throw `OutOfTime` into the thread until it ends, for at most a second."""
        deadline = time.perf_counter() + _LAST_WORDS
        pause = 0.001
        while not self.wait(pause) and time.perf_counter() < deadline:
            with self._lock:
                if not self._over:
                    identity = ctypes.c_ulong(self.ident)
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(identity, ctypes.py_object(OutOfTime))
            pause = min(pause * 1.3, 0.05)


class OutOfTime(SystemExit):
    """Thrown into code whose time is up. A SystemExit: no ``except Exception`` stops it, no traceback is printed.

    A bare ``except:`` does catch it. So when one is made in the thread, and again when it is dropped at the end of such
    a handler, tracing is switched on there, and the next line that runs raises another, now outside of that ``try``.
    """

    def __init__(self):
        super().__init__()
        self._thread = threading.current_thread()
        self._trace(sys._getframe(1))

    def __del__(self):
        if (
            threading.current_thread() is self._thread
        ):  # not when the garbage of one call is collected in the next
            self._trace(sys._getframe(1))

    @staticmethod
    def _trace(frame):
        if not _is_student_code(frame):
            return
        while frame is not None:
            frame.f_trace = _raise_out_of_time
            frame = frame.f_back
        sys.settrace(_raise_out_of_time)


def _raise_out_of_time(frame, event, _argument):
    if event == "line" and _is_student_code(frame):
        raise OutOfTime
    return _raise_out_of_time


def _is_student_code(frame):
    """Whether a frame runs on behalf of `_work`, and not of `OutOfTime` itself."""
    own = OutOfTime.__init__.__code__, OutOfTime.__del__.__code__
    while frame is not None and frame.f_code not in own:
        if frame.f_code is _work.__code__:
            return True
        frame = frame.f_back
    return False


# --------------------------------------------------------------------------------------------- printing


class _Pipe:
    """A text stream that keeps the beginning of what is written to it."""

    encoding = "utf-8"

    def __init__(self):
        self._parts, self._room = [], _LONGEST_PRINT

    def write(self, text):
        if self._room > 0:
            self._parts.append(str(text)[: self._room])
            self._room -= len(self._parts[-1])
        return len(text)

    def writelines(self, lines):
        for line in lines:
            self.write(line)

    def flush(self):
        pass

    def isatty(self):
        return False

    def text(self):
        return "".join(self._parts) + (" …" if self._room <= 0 else "")


@contextlib.contextmanager
def _captured():
    """Take over stdout, stderr, input, warnings and IPython's exit(); yields the pipe and the list of warnings."""
    pipe = _Pipe()
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    saved = sys.stdout, sys.stderr, builtins.input
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            sys.stdout = sys.stderr = pipe
            builtins.input = _no_input
            if shell is not None:
                shell.ask_exit = (
                    _no_exit  # what exit() and quit() call in a notebook, which would end the kernel
                )
            yield pipe, warned
        finally:
            sys.stdout, sys.stderr, builtins.input = saved
            if shell is not None:
                del shell.ask_exit


def _no_input(*_):
    raise RuntimeError("input() was called: a checked function gets all it needs as arguments")


def _no_exit():
    raise SystemExit("exit() was called")


def _words(warned):
    return str(warned[0].message)[:200] if warned else ""


# --------------------------------------------------------------------------------------------- exceptions


def _trouble(problem, function):
    """Plain data about an exception: the deepest line that the student wrote, and the exception's own words."""
    own_file = getattr(getattr(function, "__code__", None), "co_filename", None)
    line, source = None, ""
    trace = problem.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file == own_file or _is_cell(file):
            line, source = trace.tb_lineno, linecache.getline(file, trace.tb_lineno).strip()
        trace = trace.tb_next
    try:
        text = str(problem)
    except BaseException:  # an exception class whose own __str__ fails
        text = ""
    return Trouble(type(problem).__name__[:60], " ".join(text.split())[:300], line, source[:120])


def _is_cell(file):
    """Whether IPython compiled this file from a notebook cell."""
    return file.startswith("<ipython-input") or f"ipykernel_{os.getpid()}" in file
