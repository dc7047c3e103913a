"""Checks in a real kernel: code that never ends, ends the kernel, or writes to stderr costs one ✗ and nothing else."""

import os

import nbclient
import nbformat
import pytest

SETUP = "import logging, sys, time, warnings\nfrom course_utils.checks import check"
BODIES = {
    "while True: pass": "stopped after 2 seconds",
    "exit()": "exit() was called",
    "quit()": "exit() was called",
    "return input('?')": "input() was called",
    "sys.stderr.write('e'); warnings.warn('w'); logging.warning('l'); return image": "expected a bool array",
}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """The outputs of one cell for each of the `BODIES`, run in one kernel."""
    checks = [f"def f(image, threshold):\n    {body}\ncheck('first-mask', f)" for body in BODIES]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in (SETUP, *checks)])
    home = str(tmp_path_factory.mktemp("home"))
    nbclient.NotebookClient(book, timeout=60).execute(env=os.environ | {"COURSE_HOME": home})
    return dict(zip(BODIES, (cell.outputs for cell in book.cells[1:]), strict=True))


@pytest.mark.parametrize("body", BODIES)
def test_the_result_is_the_only_output(outputs, body):
    (result,) = outputs[body]
    assert result.output_type == "execute_result" and "<section" in result.data["text/html"]
    assert BODIES[body] in result.data["text/plain"]
