"""``@kernel`` compiles a plain loop over pixels with numba, at its first call.

The course's algorithms are written as loops, because that is how they are explained. Python would take a
microsecond a step; numba turns the same text into machine code. Two of numba's habits do not fit a course, and
this module replaces them:

* ``import numba`` takes about a second. Here it happens when a kernel is first called, not when it is defined.
* numba's own cache looks at one function's file: it keeps a caller whose callee in another module has changed,
  and it fails where neither the package nor the home can be written. Here compiled code lies in
  ``paths.cache() / "kernels"``, in a folder named after the text of *all* of ``classic`` (and of the folder that
  the function itself comes from). What cannot be read is compiled, what cannot be written is not kept.

The arithmetic is IEEE 754 to the letter (``fastmath`` is off: NaN stays NaN and sums keep their order), so a
kernel and its plain Python text, ``my_kernel.py_func``, give the same answer. Kernels release the GIL, which is
what ``by_rows`` uses to run one on several threads.
"""

import contextlib
import hashlib
import os
import pickle
import re
import shutil
import sys
import threading
import time
from functools import cache, cached_property, update_wrapper
from itertools import pairwise
from pathlib import Path

from course_utils import paths

KEEP = 8  # folders of compiled code: the versions used last, for several clones and environments side by side
LARGE = 500_000  # pixels; below, starting threads costs more than they save

_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
_threads = min(_cores, 4)  # more would wait for the memory, and a server's cores belong to many students


def kernel(function):
    """Decorator: compile ``function`` at its first call and keep the machine code for later processes.

    The result is called like the function, by position, also from inside other kernels. ``.py_func`` is the
    function as written, and ``inspect.getsource`` shows its text. A function from a notebook cell, and one with
    a closure, is compiled but not kept.
    """
    return Kernel(function)


def by_rows(function, shape, *arguments, band=256):
    """Call ``function(first, last, *arguments)`` for bands of rows, on ``get_num_threads()`` threads.

    The kernel may read everything and must write rows ``first`` to ``last - 1`` of its outputs and nothing else.
    The bands depend on the image alone, never on the number of threads, and so does the answer.

    shape: (H, W) of the image; band: rows of a band, but for the last.
    """
    height, width = shape
    bands = iter([*pairwise([*range(0, height, band), height])])
    helpers = min(_threads, -(-height // band)) - 1 if height * width >= LARGE else 0
    failures = []

    def work():
        try:
            for first, last in bands:  # shared: each band goes to whoever asks next
                function(first, last, *arguments)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work) for _ in range(helpers)]
    for thread in threads:
        thread.start()
    work()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def get_num_threads():
    """How many threads ``by_rows`` uses; at first, one for each core of this process, up to 4."""
    return _threads


def set_num_threads(count):
    """Let ``by_rows`` use that many threads (at least 1)."""
    global _threads
    _threads = max(1, int(count))


def compile_seconds():
    """How long this process has been loading numba and compiling so far, as a float; it grows while that goes on."""
    return _compiling.seconds


class _Stopwatch:
    """Runs while it is entered, once or more deep."""

    def __init__(self):
        self._total, self._depth, self._since = 0.0, 0, 0.0

    @property
    def seconds(self):
        return self._total + (time.perf_counter() - self._since if self._depth else 0.0)

    def __enter__(self):
        if not self._depth:
            self._since = time.perf_counter()
        self._depth += 1

    def __exit__(self, *_):
        if self._depth == 1:
            self._total += time.perf_counter() - self._since
        self._depth -= 1


_compiling = _Stopwatch()


@cache
def _time_compilation():
    """Let numba report to the stopwatch when it begins and ends to compile."""
    from numba.core import event

    class Listener(event.Listener):
        def on_start(self, _event):
            _compiling.__enter__()

        def on_end(self, _event):
            _compiling.__exit__()

    event.register("numba:compile", Listener())


class Kernel:
    """A function that numba compiles when it is first called; made by ``kernel``."""

    def __init__(self, function):
        update_wrapper(self, function)
        self.py_func = function
        self._imported = _imported(Path(function.__code__.co_filename))

    def __call__(self, *arguments):
        return self.compiled(*arguments)

    def __repr__(self):
        return f"<kernel {self.__module__}.{self.__qualname__}>"

    @cached_property
    def compiled(self):
        """numba's dispatcher; its ``stats`` count what came from the cache and what was compiled."""
        with _compiling:
            import numba

            _time_compilation()
            dispatcher = numba.njit(nogil=True)(self.py_func)
            if self._imported and not self.py_func.__closure__:
                dispatcher._cache = _Store(self.py_func, self._imported)
        return dispatcher

    @property
    def _numba_type_(self):  # numba asks this of a global that it meets while it compiles a caller
        return self.compiled._numba_type_


class _Store:
    """The two questions that a numba dispatcher asks of its cache, answered from a folder of pickles."""

    def __init__(self, function, imported):
        import llvmlite.binding
        import numba

        self.function = function
        self.imported = imported
        versions = (imported, numba.__version__, sys.version, llvmlite.binding.get_host_cpu_name())
        self.cache_path = paths.cache() / "kernels" / _digest(repr(versions).encode())
        with contextlib.suppress(OSError):
            os.utime(self.cache_path)  # used last: spared by _prune

    def load_overload(self, signature, context):
        """numba's CompileResult for that signature, or None."""
        from numba.core.compiler import CompileResult

        context.refresh()
        try:
            if self._edited():
                return None
            payload = pickle.loads(self._file(signature, context.codegen()).read_bytes())
            return CompileResult._rebuild(context, *payload)
        except Exception:  # absent, torn or of another numba: whatever it is, compiling mends it
            return None

    def save_overload(self, signature, result):
        """Keep a CompileResult, if that is possible."""
        from numba.core.serialize import dumps

        if result.library.has_dynamic_globals or self._edited():
            return
        with contextlib.suppress(Exception):  # read-only home, full disk: the kernel works all the same
            if not self.cache_path.is_dir():
                self.cache_path.mkdir(parents=True)
                _prune(self.cache_path.parent)
            file = self._file(signature, result.codegen)
            mine = file.with_suffix(f".{os.getpid()}")  # another process may be writing the same kernel
            try:
                mine.write_bytes(dumps(result._reduce()))
                mine.replace(file)
            finally:
                mine.unlink(missing_ok=True)

    def _file(self, signature, codegen):
        name = re.sub(r"[^\w.]", "", f"{self.function.__module__}.{self.function.__qualname__}")
        variant = repr((signature, codegen.magic_tuple(), self.function.__code__.co_firstlineno))
        return self.cache_path / f"{name}-{_digest(variant.encode())}.kernel"

    def _edited(self):
        """True once the sources have changed since their import: what is in memory is not what they say."""
        return _sources_digest(Path(self.function.__code__.co_filename)) != self.imported


def _sources_digest(file):
    """Name for the texts that the kernels of a file depend on; None when it is no file (a notebook cell)."""
    if not file.is_file():
        return None
    folders = {file.parent, paths.PACKAGE / "classic"}
    sources = {Path(__file__), *(source for folder in folders for source in folder.glob("*.py"))}
    return _digest(*(source.read_bytes() for source in sorted(sources)))


_imported = cache(_sources_digest)  # once a file and process: what the sources were when they were imported


def _digest(*texts):
    return hashlib.sha256(b"".join(hashlib.sha256(text).digest() for text in texts)).hexdigest()[:16]


def _prune(folder):
    """Remove all but the KEEP versions used last."""
    versions = sorted(folder.iterdir(), key=lambda version: version.stat().st_mtime, reverse=True)
    for version in versions[KEEP:]:
        shutil.rmtree(version, ignore_errors=True)
