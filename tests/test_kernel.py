"""The decorator under the classic algorithms: compiled late, kept well, the same answer as its plain text."""

import importlib.util
import inspect
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from course_utils import kernel as module
from course_utils.kernel import KEEP, by_rows, get_num_threads, kernel, set_num_threads

CALLEE = """
from course_utils.kernel import kernel

@kernel
def factor(x):
    return 2 * x
"""
CALLER = """
from course_utils.kernel import kernel
from callee import factor

@kernel
def total(values):
    result = 0.0
    for value in values:
        result += factor(value)
    return result
"""
RUN = """
import numpy as np
from caller import total
print(total(np.arange(4.0)))
stats = total.compiled.stats
print(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))
"""


@pytest.fixture
def sources(own_folders, monkeypatch):
    """A folder with two modules of kernels, one of which calls the other's; own caches."""
    folder = own_folders / "sources"
    folder.mkdir()
    (folder / "callee.py").write_text(CALLEE)
    (folder / "caller.py").write_text(CALLER)
    monkeypatch.syspath_prepend(folder)
    yield folder
    for name in ("caller", "callee"):
        sys.modules.pop(name, None)


@pytest.fixture
def threads():
    """Puts the number of threads back."""
    before = get_num_threads()
    yield
    set_num_threads(before)


def run(folder):
    """(answer, cache hits, cache misses) of the caller in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(folder)}
    done = subprocess.run([sys.executable, "-c", RUN], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answer, hits, misses = done.stdout.split()
    return float(answer), int(hits), int(misses)


def imported(file):
    """A module, executed from its file as if for the first time in this process."""
    module._imported.cache_clear()
    spec = importlib.util.spec_from_file_location(file.stem, file)
    fresh = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = fresh
    spec.loader.exec_module(fresh)
    return fresh


def kept(folder):
    return sorted(folder.glob("cache/kernels/*/*.kernel"))


def stats(function):
    found = function.compiled.stats
    return sum(found.cache_hits.values()), sum(found.cache_misses.values())


def test_a_second_process_takes_what_the_first_compiled(sources):
    assert run(sources) == (12.0, 0, 1)
    assert run(sources) == (12.0, 1, 0)


def test_a_caller_is_compiled_again_when_its_callee_changes(sources):
    assert run(sources) == (12.0, 0, 1)
    (sources / "callee.py").write_text(CALLEE.replace("2 * x", "3 * x"))
    assert run(sources) == (18.0, 0, 1)


def test_nothing_is_kept_of_a_source_that_was_edited_after_its_import(sources, own_folders):
    caller = imported(sources / "caller.py")
    (sources / "callee.py").write_text(CALLEE.replace("2 * x", "3 * x"))
    assert caller.total(np.arange(4.0)) == 12.0
    assert kept(own_folders) == []


def test_a_kernel_runs_where_no_cache_can_be_made(sources, own_folders):
    (own_folders / "cache").write_text("a file where the folder should be")
    assert imported(sources / "caller.py").total(np.arange(4.0)) == 12.0


def test_a_full_disk_leaves_no_half_a_file(sources, own_folders, monkeypatch):
    def full(path, data):
        path.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    assert imported(sources / "caller.py").total(np.arange(4.0)) == 12.0
    assert list(own_folders.glob("cache/kernels/*/*")) == []


def test_a_torn_file_is_compiled_again_and_mended(sources, own_folders):
    imported(sources / "caller.py").total(np.arange(4.0))
    for file in kept(own_folders):
        file.write_bytes(file.read_bytes()[:100])
    torn = imported(sources / "caller.py").total
    assert (torn(np.arange(4.0)), stats(torn)) == (12.0, (0, 1))
    mended = imported(sources / "caller.py").total
    assert (mended(np.arange(4.0)), stats(mended)) == (12.0, (1, 0))


def test_old_versions_go_and_the_ones_used_last_stay(sources, own_folders):
    kernels = own_folders / "cache" / "kernels"
    for age in range(KEEP + 3):
        old = kernels / f"version{age}"
        old.mkdir(parents=True)
        os.utime(old, (10**9 - age, 10**9 - age))
    imported(sources / "caller.py").total(np.arange(4.0))
    (new,) = {file.parent.name for file in kept(own_folders)}
    assert {version.name for version in kernels.iterdir()} == {
        new,
        *(f"version{age}" for age in range(KEEP - 1)),
    }


def test_using_a_version_spares_it(sources, own_folders):
    imported(sources / "caller.py").total(np.arange(4.0))
    version = kept(own_folders)[0].parent
    os.utime(version, (10**9, 10**9))
    imported(sources / "caller.py").total(np.arange(4.0))
    assert version.stat().st_mtime > 10**9


def test_a_function_without_a_file_is_compiled_but_not_kept(own_folders):
    namespace = {"kernel": kernel}
    exec(compile("@kernel\ndef twice(x):\n    return 2 * x\n", "<cell>", "exec"), namespace)
    assert namespace["twice"](21) == 42
    assert kept(own_folders) == []


def test_closures_of_one_text_do_not_share_compiled_code(own_folders):
    def times(factor):
        @kernel
        def multiply(x):
            return factor * x

        return multiply

    assert (times(2)(10), times(3)(10)) == (20, 30)
    assert kept(own_folders) == []


def test_the_plain_text_is_at_hand_and_gives_the_same_sum_to_the_last_bit():
    @kernel
    def total(values):
        result = 0.0
        for value in values:
            result += value
        return result

    values = np.random.default_rng(0).random(1000)
    assert total(values) == total.py_func(values)
    assert np.isnan(total(np.array([1.0, np.nan])))
    assert "result += value" in inspect.getsource(total)


def test_importing_the_classic_algorithms_leaves_numba_alone():
    code = (
        "import sys; from course_utils.classic import filters, morphology, thresholding; "
        "print(*sorted({'numba', 'scipy', 'skimage', 'torch', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


@pytest.mark.parametrize("count", [1, 2, 5])
def test_by_rows_visits_every_row_once(threads, count):
    set_num_threads(count)
    visits = np.zeros(1100, int)
    lock = threading.Lock()

    def visit(first, last, step):
        with lock:
            visits[first:last] += step

    by_rows(visit, (1100, 1000), 3, band=256)
    assert (visits == 3).all()


def test_by_rows_cuts_the_same_bands_for_any_number_of_threads(threads):
    def bands(count):
        set_num_threads(count)
        found = []
        by_rows(lambda first, last: found.append((first, last)), (1100, 1000), band=500)
        return sorted(found)

    assert bands(1) == bands(3) == [(0, 500), (500, 1000), (1000, 1100)]


def test_by_rows_passes_on_what_a_band_raises(threads):
    set_num_threads(2)

    def fail(first, last):
        if first:
            raise ValueError("in a band")

    with pytest.raises(ValueError, match="in a band"):
        by_rows(fail, (1100, 1000))
