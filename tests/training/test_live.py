"""What is seen of a training: nothing where nobody looks, a line in a terminal, one output in a notebook."""

import io

import numpy as np
import pytest

from course_utils.training import live
from course_utils.training.loop import History


def history(steps=1000, scores=((500, 0.5), (1000, 0.25))):
    return History(
        losses=list(np.linspace(2, 1, steps)), rates=[0.1] * steps, scores=list(scores), seconds=12.0
    )


class Handle:
    def __init__(self):
        self.shown = []

    def update(self, what):
        self.shown.append(what._repr_mimebundle_())


@pytest.fixture
def notebook(monkeypatch):
    handle = Handle()
    monkeypatch.setattr(live, "_notebook_display", lambda: handle)
    return handle


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is set."""
    now = [0.0]
    monkeypatch.setattr(live.time, "perf_counter", lambda: now[0])
    return now


def test_a_notebook_gets_bar_and_curves_in_one_output(notebook, clock):
    watch = live.Watch("Learning")
    watch.show(history(), 0.5)
    assert not notebook.shown  # not due yet
    clock[0] = 2
    watch.show(history(), 0.5)
    watch.close(history())
    during, after = notebook.shown
    assert "<progress" in during["text/html"] and "50%" in during["text/html"]
    assert "<progress" not in after["text/html"] and "<figure" in after["text/html"]
    assert "goes from 2 to 1" in after["text/plain"] and "0.500, after 500 steps" in after["text/plain"]


def test_drawing_takes_a_twentieth_of_the_time_at_most(notebook, clock, monkeypatch):
    def slow(history):
        clock[0] += 3

    monkeypatch.setattr(live, "curves", slow)
    watch = live.Watch()
    for clock[0] in (2.0, 64.9, 65.1):  # drawn at 2, until 5; then not before 60 seconds have passed
        watch.show(history(), 0.1)
    assert len(notebook.shown) == 2


def test_the_curve_is_the_mean_of_equal_stretches():
    x, smooth = live._smoothed(np.arange(450.0))
    assert len(x) == 150 and smooth[0] == 1 and smooth[-1] == 448
    np.testing.assert_array_equal(live._smoothed(np.array([3.0, 5.0]))[1], [3, 5])


def test_before_the_first_step_there_is_no_curve(notebook):
    watch = live.Watch()
    watch.close(History())
    assert live.curves(History()) is None and notebook.shown[0]["text/plain"]


def test_a_terminal_gets_one_line_and_a_file_gets_nothing(monkeypatch, clock):
    monkeypatch.setattr(live, "_notebook_display", lambda: None)
    for terminal in (True, False):
        out = io.StringIO()
        out.isatty = lambda terminal=terminal: terminal
        monkeypatch.setattr(live.sys, "stderr", out)
        clock[0] = 0.0
        watch = live.Watch()
        clock[0] = 5.0
        watch.show(history(), 0.25)
        watch.close(history())
        text = out.getvalue()
        assert ("25%" in text and text.count("\n") == 1) if terminal else text == ""
