"""What is seen while a network trains: a bar, the losses so far, the scores so far.

In a notebook one output is drawn again and again in place; drawing takes at most a twentieth of the time, so that
watching does not slow the learning. In a terminal it is a line of text, and where nobody looks, nothing.
"""

import sys
import time
from html import escape

import numpy as np

from course_utils import plotting

SHARE = 1 / 20  # of the time, at most, goes into drawing
POINTS = 200  # of a curve: more than a screen shows only cost bytes


class Watch:
    """Shows a training as it goes.

    ``show(history, progress)`` may be called after every step, and draws when it is time to; ``close(history)`` draws
    what remains to be seen. A history has ``losses``, ``scores`` and ``summary()``, see `training.History`.
    """

    def __init__(self, name="Training"):
        self.name = name
        self._display = _notebook_display()
        self._due = time.perf_counter() + 1
        self._line = self._display is None and sys.stderr.isatty()

    def show(self, history, progress):
        """Draw, if drawing is due; ``progress`` is the part that is done, 0 … 1."""
        start = time.perf_counter()
        if start < self._due or not (self._display or self._line):
            return
        if self._display:
            self._display.update(_Output(self._bar(history, progress), curves(history)))
        else:
            print(f"\r{self.name}: {progress:4.0%}  {history.summary()}", end="", file=sys.stderr, flush=True)
        end = time.perf_counter()
        self._due = end + max(1.0, (end - start) / SHARE)

    def close(self, history):
        """Draw the end of it."""
        if self._display:
            self._display.update(_Output(f"<p>{escape(history.summary())}</p>", curves(history)))
        elif self._line:
            print(f"\r{self.name}: {history.summary()}", file=sys.stderr)

    def _bar(self, history, progress):
        text = escape(f"{self.name}: {progress:.0%}, {history.summary()}")
        return f'<p><progress value="{progress:.3f}" max="1" aria-label="{self.name}"></progress> {text}</p>'


class _Output:
    """A line of HTML above a figure, as one output."""

    def __init__(self, line, figure):
        self.line, self.figure = line, figure

    def _repr_mimebundle_(self, include=None, exclude=None):
        html = self.line + (plotting.figure_html(self.figure) if self.figure else "")
        return {
            "text/html": html,
            "text/plain": self.figure.alt if self.figure else "Nothing is learned yet.",
        }


def curves(history):
    """Figure of a history: the loss, smoothed, and the scores where there are any; None before the first step."""
    if not history.losses:
        return None
    x, smooth = _smoothed(np.asarray(history.losses))
    panels = [plotting.Curves(x, {"loss": smooth}, xlabel="step", ylabel="loss of the batches")]
    alt = f"The loss over {len(history.losses)} steps goes from {smooth[0]:.3g} to {np.mean(history.losses[-20:]):.3g}."
    if history.scores:
        steps, scores = np.array(history.scores).T
        best = scores.argmax()
        marks = {f"best, {scores[best]:.3f}": (steps[best], scores[best])}
        panels.append(plotting.Curves(steps, {"score": scores}, xlabel="step", ylabel="score", marks=marks))
        alt += f" The validation score is best, {scores[best]:.3f}, after {steps[best]:.0f} steps."
    return plotting.figure(*panels, alt=alt, caption=alt, columns=2, height=2.4)


def _smoothed(losses):
    """(steps, means of the losses in at most ``POINTS`` equal stretches)."""
    stretch = -(-len(losses) // POINTS)
    edges = np.arange(0, len(losses), stretch)
    counts = np.diff(np.append(edges, len(losses)))
    return edges + counts / 2, np.add.reduceat(losses, edges) / counts


def _notebook_display():
    """A display handle where a notebook listens, else None."""
    if "IPython" not in sys.modules:
        return None
    from IPython import get_ipython
    from IPython.display import display

    if getattr(get_ipython(), "kernel", None) is None:
        return None
    return display(_Output("<p>The first step is the slowest.</p>", None), display_id=True)
