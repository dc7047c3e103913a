"""Run a notebook headless, offline, in folders of its own, and measure it."""

import contextlib
import os
import re
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import nbformat
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from course_utils.publish import offline

CELL_SECONDS = 120  # far above the budget of a whole lesson: what takes longer hangs


class CellError(Exception):
    """A cell raised, hung or killed its kernel.

    index : which cell of the notebook; line : line inside the cell (1-based), or None; what : the error.
    """

    def __init__(self, index, line, what):
        super().__init__(f"cell {index + 1}: {what}")
        self.index, self.line, self.what = index, line, what


@dataclass(frozen=True)
class Run:
    """notebook : with its outputs; seconds : of all cells together; peak_mb : of the kernel's memory."""

    notebook: object
    seconds: float
    peak_mb: float


def execute(notebook, *, env=None, cores=None, on_cell=None):
    """Run all cells of ``notebook`` from top to bottom in a new kernel; the notebook given is left alone.

    The kernel works in an empty temporary folder, cannot reach another machine, keeps its progress in a
    temporary ``COURSE_HOME`` and holds claims to account (``COURSE_STRICT=1``).

    Parameters
    ----------
    notebook : nbformat v4 notebook
    env : dict, more environment variables for the kernel
    cores : int, how many CPU cores the kernel may use, where the system lets us say so
    on_cell : called with (cells done, cells in all) after each cell

    Raises CellError at the first cell that fails.
    """
    notebook = nbformat.from_dict(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    with tempfile.TemporaryDirectory(prefix="course-", ignore_cleanup_errors=True) as folder:
        client = NotebookClient(
            notebook,
            timeout=CELL_SECONDS,
            kernel_name="python3",
            extra_arguments=["--IPKernelApp.log_level=40"],  # no warnings about its own transport
            store_widget_state=False,
            record_timing=False,
            coalesce_streams=True,  # where a stream is cut into messages is chance
            resources={"metadata": {"path": _made(Path(folder) / "work")}},
        )
        with client.setup_kernel(env=sandbox(folder) | (env or {})):
            pid = client.km.provisioner.pid
            _limit(pid, cores)
            with PeakMemory(pid) as memory:
                start = time.perf_counter()
                for index, cell in enumerate(notebook.cells):
                    _run_cell(client, cell, index)
                    if on_cell:
                        on_cell(index + 1, len(notebook.cells))
                seconds = time.perf_counter() - start
    return Run(notebook, seconds, memory.peak_mb)


def sandbox(folder):
    """Environment (dict) of a kernel that is offline and keeps to ``folder``."""
    folder = Path(folder)
    startup = folder / "ipython" / "profile_default" / "startup"
    (Path(_made(startup)) / "00-offline.py").write_text(offline.STARTUP, encoding="utf-8")
    return os.environ | {
        "COURSE_HOME": str(folder / "home"),
        "COURSE_STRICT": "1",
        "IPYTHONDIR": str(folder / "ipython"),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # the debugger's warning about frozen modules
        "PYTHONHASHSEED": "0",
        "PYTHONIOENCODING": "utf-8",
    }


class PeakMemory:
    """The largest resident memory of a process while the ``with`` block runs, in ``peak_mb``."""

    def __init__(self, pid):
        self.process, self.peak_mb, self._over = psutil.Process(pid), 0.0, threading.Event()

    def __enter__(self):
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def _watch(self):
        running = True
        while running:
            running = not self._over.wait(0.1)  # one more reading after the end
            with contextlib.suppress(psutil.Error, OSError):
                self.peak_mb = max(self.peak_mb, _resident_mb(self.process))


def _resident_mb(process):
    """Linux and Windows keep the peak themselves; elsewhere this is the present value."""
    if sys.platform == "linux":
        status = Path(f"/proc/{process.pid}/status").read_text()
        peak = re.search(r"VmHWM:\s+(\d+) kB", status)
        return int(peak[1]) / 1024 if peak else 0.0  # a process that has died has no memory
    # In a virtual environment on Windows python.exe only starts the real interpreter, so count the family.
    family = [process, *process.children(recursive=True)]
    used = [member.memory_info() for member in family]
    return sum(getattr(info, "peak_wset", info.rss) for info in used) / 2**20


def _limit(pid, cores):
    process = psutil.Process(pid)
    if cores and hasattr(process, "cpu_affinity"):  # not on macOS
        process.cpu_affinity(process.cpu_affinity()[:cores])


def _run_cell(client, cell, index):
    try:
        client.execute_cell(cell, index)
    except CellExecutionError as error:
        # The traceback starts in the cell and ends where the error was raised, perhaps in a library.
        trace = re.sub(r"\x1b\[[\d;]*m", "", error.traceback)
        lines = re.findall(r"Cell In\s?\[\d+\], line (\d+)", trace)
        raise CellError(index, int(lines[-1]) if lines else None, f"{error.ename}: {error.evalue}") from None
    except CellTimeoutError:
        raise CellError(index, None, f"still running after {CELL_SECONDS} s") from None
    except DeadKernelError:
        raise CellError(index, None, "the kernel died (out of memory?)") from None


def _made(folder):
    folder.mkdir(parents=True, exist_ok=True)
    return str(folder)
