"""The guarded call: always comes back, with plain data, and leaves nothing behind."""

import asyncio
import builtins
import sys
import threading
import time
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from course_utils.checks.sandbox import Odd, call, freeze, same
from course_utils.kernel import compile_seconds, kernel


def test_an_ordinary_call():
    outcome = call(lambda a, b: a + b, (1, 2))
    assert (outcome.value, outcome.trouble, outcome.late, outcome.changed) == (3, None, False, ())


def fresh_kernel(offset):
    @kernel  # with a closure, so that no earlier run can have kept the machine code
    def total(values):
        result = offset
        for value in values:
            result += value
        return result

    return total


def test_compiling_kernels_is_not_the_students_time():
    fresh_kernel(0)(np.arange(4))  # what numba does once a process is not all compilation
    before = compile_seconds()
    outcome = call(lambda: [fresh_kernel(k)(np.arange(4)) for k in range(8)][-1], seconds=0.1)
    compiling = compile_seconds() - before
    assert not outcome.late and outcome.value == 13
    assert outcome.seconds < 0.1 < compiling, (
        "the time allowed must be less than compiling takes, on any machine"
    )


def endless():
    while True:
        pass


def swallows_everything():
    while True:
        try:
            time.sleep(0)
        except:  # noqa: E722
            continue


def swallows_in_nested_loops():
    while True:
        try:
            swallows_everything()
        except BaseException as problem:
            str(problem)


def swallows_and_keeps():
    kept = []
    while True:
        try:
            sum(range(50))
        except BaseException as problem:
            kept.append(problem)


def takes_its_time_to_end():
    try:
        endless()
    finally:
        time.sleep(0.2)


def prints_for_ever():
    while True:
        print("x" * 10_000)


@pytest.mark.parametrize(
    "code",
    [
        endless,
        swallows_everything,
        swallows_in_nested_loops,
        swallows_and_keeps,
        takes_its_time_to_end,
        prints_for_ever,
    ],
)
def test_endless_code_is_stopped_and_its_thread_ends(code):
    start = time.perf_counter()
    outcome = call(code, (), seconds=0.2)
    assert outcome.late and not outcome.stuck and not outcome.answered
    assert time.perf_counter() - start < 2  # 0.2 s, one second to end, and some for a busy machine
    assert "student code" not in [thread.name for thread in threading.enumerate()]


def test_code_that_cannot_be_stopped_is_left_behind():
    outcome = call(lambda: time.sleep(2.5), (), seconds=0.1)
    assert outcome.late and outcome.stuck


def test_an_answer_after_the_time_is_up_does_not_count():
    def late():
        try:
            endless()
        except BaseException:
            return 1

    assert call(late, (), seconds=0.1).late


@pytest.mark.parametrize(
    ("exception", "kind"),
    [
        (SystemExit(3), "SystemExit"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (GeneratorExit(), "GeneratorExit"),
        (RecursionError("deep"), "RecursionError"),
        (ValueError("no\nsuch  thing"), "ValueError"),
    ],
)
def test_every_exception_is_caught(exception, kind):
    def fails():
        raise exception

    trouble = call(fails).trouble
    assert trouble.kind == kind
    assert trouble.source == "raise exception" and trouble.line > 0
    assert "\n" not in trouble.text


def test_real_recursion_without_end():
    def deeper(n):
        return deeper(n + 1)

    outcome = call(deeper, (0,))
    assert outcome.trouble and outcome.trouble.kind == "RecursionError", outcome


def test_an_exception_that_cannot_be_printed():
    class Evil(Exception):
        def __str__(self):
            raise RuntimeError

    def fails():
        raise Evil

    assert call(fails).trouble.kind == "Evil"


def test_the_line_is_the_deepest_one_that_the_student_wrote():
    def fails():
        values = np.zeros(3)
        return np.take(values, 7)

    trouble = call(fails).trouble
    assert trouble.source == "return np.take(values, 7)"


def test_arguments_are_copies_and_changes_are_noticed():
    image, mask = np.zeros((2, 2)), np.zeros((2, 2), bool)

    def changes(a, b):
        a[0, 0] = 1
        b.sort()
        return a

    outcome = call(changes, (image, mask))
    assert outcome.changed == (0,) and not image.any()


def test_printing_is_captured_and_bounded(capfd):
    def talks():
        print("hello")
        print("x" * 100_000, file=sys.stderr)
        warnings.warn("mind the gap", stacklevel=1)
        return 1

    outcome = call(talks)
    assert outcome.printed.startswith("hello\nxxx") and len(outcome.printed) < 3000
    assert outcome.warned == "mind the gap"
    assert capfd.readouterr() == ("", "")


def test_input_does_not_wait():
    assert "input()" in call(lambda: input("?")).trouble.text


def test_streams_are_put_back():
    before = sys.stdout, sys.stderr, builtins.input
    call(endless, (), seconds=0.05)
    call(lambda: 1 / 0)
    assert (sys.stdout, sys.stderr, builtins.input) == before


def test_a_coroutine_is_no_answer_and_causes_no_warning(capfd):
    async def answer():
        await asyncio.sleep(0)

    assert "async def" in call(answer).value.words
    assert capfd.readouterr().err == ""


class Liar:
    """Everything about it fails or lies."""

    __class__ = np.ndarray

    def __eq__(self, other):
        raise SystemExit

    __hash__ = None

    def __repr__(self):
        raise SystemExit

    def __array__(self, *args, **kwargs):
        while True:
            pass


class LyingArray(np.ndarray):
    @property
    def shape(self):
        raise RuntimeError

    def __eq__(self, other):
        raise RuntimeError


def test_lying_objects_do_no_harm():
    assert not call(Liar).answered or isinstance(call(Liar).value, Odd)
    frozen = call(lambda: np.zeros((2, 2)).view(LyingArray)).value
    assert type(frozen) is np.ndarray and frozen.shape == (2, 2)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.array([object()]), "Python objects"),
        (np.broadcast_to(np.zeros(1), (10**6, 10**6)), "too large"),
        (1 << 20_000, "too large"),
        ((x for x in "ab"), "generator"),
        (len, "not called"),
        (int, "class"),
        (range(10**9), "range"),
        ([0] * 200_000, "200,000"),
        ([[[[[[[1]]]]]]], "nested"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_no_exercise_can_use(value, words):
    frozen = freeze(value)
    while isinstance(frozen, list):
        frozen = frozen[0]
    assert isinstance(frozen, Odd)
    assert words in frozen.words


def test_a_list_that_holds_itself():
    loop = []
    loop.append(loop)
    assert isinstance(freeze(loop), list)


numbers = st.one_of(st.booleans(), st.integers(-(2**60), 2**60), st.floats(), st.complex_numbers(), st.text())
arrays = hnp.arrays(
    st.sampled_from([bool, np.uint8, np.int64, np.float32, np.float64, np.complex128]),
    hnp.array_shapes(min_dims=0, max_dims=3, max_side=4),
)
plain = st.recursive(
    st.none() | numbers | arrays,
    lambda inner: (
        st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner, max_size=2)
    ),
    max_leaves=6,
)


def test_tensors_become_arrays():
    torch = pytest.importorskip("torch")
    weights = torch.arange(4.0, requires_grad=True)
    assert same(freeze(2 * weights), np.array([0, 2, 4, 6], np.float32))
    assert same(freeze([weights.sum()]), [6.0])
    assert same(freeze(torch.ones(2, dtype=torch.bfloat16)), np.ones(2, np.float32))
    assert same(freeze(torch.tensor(3)), 3)


@given(plain)
def test_freezing_keeps_plain_values_and_is_idempotent(value):
    frozen = freeze(value)
    assert same(freeze(frozen), frozen)
    if isinstance(value, np.ndarray) and value.ndim:
        assert frozen is not value and same(frozen, value)
    elif isinstance(value, bool | int | str):
        assert frozen == value and type(frozen) is type(value)


@given(arrays, arrays)
def test_same_means_equal_in_kind_shape_and_value(a, b):
    equal = a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")
    if a.ndim and b.ndim and same(a, b):
        assert equal
