"""Running a notebook: isolated, offline, measured, and clear about what failed."""

import socket
import subprocess
import sys
import threading

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_utils.publish import execute, offline


def run(*cells, **options):
    return execute.execute(new_notebook(cells=[new_code_cell(cell) for cell in cells]), **options)


def printed(cell):
    return "".join(output.get("text", "") for output in cell.outputs)


@pytest.fixture(scope="module")
def done():
    """One kernel for all questions about a run that goes well."""
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=lambda: listener.accept()[0].close(), daemon=True).start()
    remote = """
from course_utils.publish.offline import NetworkBlocked
import socket
def attempt(action):
    try:
        action()
    except NetworkBlocked as blocked:
        return "blocked"
    except OSError as error:
        return type(error).__name__
    return "open"
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
"""
    attempts = [
        "socket.create_connection(('192.0.2.1', 80), timeout=1)",
        "socket.socket().connect_ex(('192.0.2.1', 80))",
        "socket.getaddrinfo('example.org', 443)",
        "udp.sendto(b'x', ('192.0.2.1', 53))",
        "__import__('urllib.request').request.urlopen('http://example.org', timeout=1)",
        f"socket.create_connection(('127.0.0.1', {listener.getsockname()[1]}), timeout=5)",
        "socket.getaddrinfo('localhost', 80)",
    ]
    cells = [
        "print(sorted(name for name in dir() if not name.startswith('_')))",
        "import os, pathlib; print(list(pathlib.Path().iterdir()), os.environ['COURSE_STRICT'], os.environ['X'])",
        "print(os.environ['COURSE_HOME'], hash('text'))",
        remote,
        *(f"print(attempt(lambda: {attempt}))" for attempt in attempts),
        "block = bytearray(200_000_000); del block",
        "import time; time.sleep(0.3)",
    ]
    seen = []
    result = run(*cells, env={"X": "given"}, on_cell=lambda *counts: seen.append(counts))
    listener.close()
    return result, seen


def test_the_kernel_starts_with_no_names_of_ours(done):
    assert (
        printed(done[0].notebook.cells[0]).strip() == "['In', 'Out', 'exit', 'get_ipython', 'open', 'quit']"
    )


def test_the_kernel_works_in_an_empty_folder_and_holds_claims_to_account(done):
    assert printed(done[0].notebook.cells[1]).strip() == "[] 1 given"


def test_the_kernel_keeps_off_the_student_s_progress_and_hashes_alike(done):
    home, text_hash = printed(done[0].notebook.cells[2]).split()
    assert "course-" in home
    fixed = subprocess.run(
        [sys.executable, "-c", "print(hash('text'))"], env={"PYTHONHASHSEED": "0"}, capture_output=True
    )
    assert text_hash == fixed.stdout.decode().strip()


def test_the_kernel_reaches_itself_and_nothing_else(done):
    answers = [printed(cell).strip() for cell in done[0].notebook.cells[4:11]]
    assert answers == ["blocked"] * 5 + ["open"] * 2


def test_time_and_peak_memory_are_those_of_the_kernel(done):
    assert 0.3 <= done[0].seconds < 60
    assert 250 < done[0].peak_mb < 900  # a bare kernel has some 60 MB, the freed block is counted


def test_progress_is_told_cell_by_cell(done):
    count = len(done[0].notebook.cells)
    assert done[1] == [(number, count) for number in range(1, count + 1)]


def test_a_failing_cell_tells_which_and_where():
    with pytest.raises(execute.CellError) as caught:
        run("a = 1", "import json\n\ndef f():\n    return json.loads('no')\n\nf()")
    assert (caught.value.index, caught.value.line) == (1, 4)  # the last line of ours, not the library's
    assert caught.value.what.startswith("JSONDecodeError: Expecting value")


def test_a_dead_kernel_and_a_hanging_cell_are_told(monkeypatch):
    with pytest.raises(execute.CellError, match="kernel died"):
        run("import os\nos._exit(1)")
    monkeypatch.setattr(execute, "CELL_SECONDS", 1)
    with pytest.raises(execute.CellError, match="still running after 1 s"):
        run("import time\ntime.sleep(30)")


def test_the_notebook_given_is_left_alone():
    notebook = new_notebook(cells=[new_markdown_cell("text"), new_code_cell("1 + 1")])
    result = execute.execute(notebook)
    assert notebook.cells[1].outputs == []
    assert result.notebook.cells[1].outputs[0].data["text/plain"] == "2"
    assert result.notebook.cells[1].metadata == {}


@pytest.mark.parametrize(
    ("host", "here"),
    [("127.0.0.1", True), ("127.8.9.1", True), ("::1", True), ("localhost", True), ("", True), (None, True),
     (b"localhost", True), ("10.0.0.1", False), ("example.org", False), ("localhost.example.org", False),
     ("0:0:0:0:0:0:0:2", False)],
)  # fmt: skip
def test_what_counts_as_this_machine(host, here):
    assert offline._is_here(host) == here
