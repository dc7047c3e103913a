"""The command ``course``: what a student types, and what an author types."""

import json
import re
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest
from lab import api
from nbformat.v4 import new_code_cell, new_notebook
from typer.testing import CliRunner

from course_utils import cli, doctor, paths, study
from course_utils.publish import building, copies, execute, record
from course_utils.publish import lab as jupyter
from course_utils.publish import lesson as source

runner = CliRunner()


def course(*arguments):
    return runner.invoke(cli.app, [str(argument) for argument in arguments])


@pytest.fixture
def shipped(own_folders, monkeypatch):
    """A course of two small notebooks, and a student's folder that is still empty."""
    for name, code in {"00_start": "1 + 1", "02_next": "import math\nmath.sqrt(4)"}.items():
        path = own_folders / "notebooks" / f"{name}.ipynb"
        path.parent.mkdir(exist_ok=True)
        nbformat.write(new_notebook(cells=[new_code_cell(code)]), path)
    monkeypatch.setattr(paths, "bundled", own_folders.joinpath)
    return own_folders


# -- any command --------------------------------------------------------------------------------------


def test_help_names_every_command_and_loads_nothing_heavy():
    code = """
import sys
from course_utils.cli import app
try:
    app(["--help"])
except SystemExit:
    pass
heavy = {"numpy", "jupyterlab", "nbclient", "nbformat", "jupytext", "matplotlib", "torch", "numba"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8")
    for command in ("lab", "run", "reset", "build", "doctor", "study", "bench"):
        assert re.search(rf"\b{command}\b", done.stdout)
    assert done.stdout.strip().endswith("[]"), done.stdout[-300:] + done.stderr


@pytest.mark.parametrize("command", ["run", "reset", "build"])
def test_an_unknown_lesson_is_a_sentence_not_a_traceback(shipped, command):
    done = course(command, "77")
    assert done.exit_code == 1
    assert "There is no lesson '77'" in done.stderr


# -- lab ----------------------------------------------------------------------------------------------


@pytest.fixture
def started(monkeypatch):
    """What `course lab` would have started JupyterLab with."""
    calls = []
    monkeypatch.setattr("course_utils.publish.lab.start", lambda *arguments: calls.append(arguments))
    return calls


def test_the_first_start_says_where_the_copies_are_and_opens_the_first_lesson(shipped, started):
    done = course("lab", "--no-browser", "--port", 9000, "--ip=0.0.0.0")
    assert f"Your copies of the lessons are in {paths.work()}" in done.stdout
    assert sorted(path.name for path in paths.work().glob("*.ipynb")) == ["00_start.ipynb", "02_next.ipynb"]
    ((folder, first, port, browser, minutes, arguments),) = started
    assert (folder, first.name, port, browser) == (paths.work(), "00_start.ipynb", 9000, False)
    assert arguments == ["--ip=0.0.0.0"]
    assert f"nobody uses for {minutes} minutes" in done.stdout


def test_later_starts_are_quiet_and_open_what_was_open(shipped, started):
    course("lab")
    done = course("lab")
    assert "copies" not in done.stdout
    assert started[1][1] is None


def test_an_update_is_reported_lesson_by_lesson(shipped, started):
    course("lab")
    copy = paths.work() / "00_start.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("mine")]), copy)
    for name in ("00_start", "02_next"):
        nbformat.write(new_notebook(cells=[new_code_cell("2 + 2")]), shipped / "notebooks" / f"{name}.ipynb")
    done = course("lab")
    assert re.search(r"00_start \(new version .*\): put beside your edited copy", done.stdout)
    assert "02_next: updated" in done.stdout
    assert "mine" in copy.read_text()


def test_a_folder_that_cannot_be_used_stops_with_what_to_do(shipped, started):
    paths.work().write_text("in the way")
    done = course("lab")
    assert done.exit_code == 1
    assert "COURSE_WORK" in done.stderr
    assert started == []


def test_the_lab_shows_the_copies_and_asks_nothing_of_the_network(lab):
    names = {entry["name"] for entry in api(lab, "contents")["content"]}
    assert {path.name for path in paths.bundled("notebooks").glob("*.ipynb")} <= names
    with urllib.request.urlopen(lab, timeout=20) as answer:
        page = answer.read().decode()
    config = json.loads(re.search(r'id="jupyter-config-data"[^>]*>(.*?)</script>', page, re.DOTALL)[1])
    assert config["news"] == {"disabled": True}
    assert config["extensionManager"]["can_install"] is False
    assert set(config["disabledExtensions"]) >= set(jupyter.WITHOUT_IN_THE_PAGE)


def test_a_browser_that_opens_the_lab_talks_to_this_machine_alone(lab, browser):
    context = browser.new_context()
    page = context.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(lab)
    page.locator(".jp-Notebook, .jp-Launcher").first.wait_for(timeout=60_000)
    page.wait_for_timeout(1500)  # the news prompt, where it is not switched off, comes after the page
    assert page.locator(".Toastify__toast, .jp-Dialog").count() == 0
    context.close()
    here = re.compile(r"(https?|wss?)://(127\.0\.0\.1|localhost)[:/]|data:|blob:")
    assert asked
    assert [url for url in asked if not here.match(url)] == []


def test_an_idle_kernel_is_shut_down_with_a_line_in_the_log(start_lab):
    impatient = "--MappingKernelManager.cull_idle_timeout=2", "--MappingKernelManager.cull_interval=1"
    with start_lab(*impatient) as (address, log):
        api(address, "kernels", method="POST")
        deadline = time.monotonic() + 30
        while api(address, "kernels") and time.monotonic() < deadline:
            time.sleep(0.25)
        assert api(address, "kernels") == []
        assert re.search(r"Culling .* kernel .* due to \d+ seconds of inactivity", log.read_text())


# -- reset --------------------------------------------------------------------------------------------


def test_reset_names_the_backup(shipped):
    copies.update()
    (paths.work() / "02_next.ipynb").write_text("spoilt")
    done = course("reset", "2")
    assert re.search(
        r"02_next\.ipynb is fresh\. What you had is in 02_next \(backup .*\)\.ipynb", done.stdout
    )
    (backup,) = paths.work().glob("*backup*")
    assert backup.read_text() == "spoilt"


# -- doctor -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("level", "code"), [(doctor.NOTE, 0), (doctor.BLOCKING, 1)])
def test_doctor_fails_only_where_the_course_cannot_run(monkeypatch, level, code):
    report = doctor.Report([doctor.Finding(level, "Something is amiss.", "Mend it.")])
    monkeypatch.setattr(doctor, "examine", lambda: report)
    done = course("doctor")
    assert done.exit_code == code
    assert "Mend it." in done.stdout


# -- run ----------------------------------------------------------------------------------------------


def test_run_tells_seconds_and_memory_and_goes_on_after_a_failure(shipped, monkeypatch):
    def fake(notebook, cores, on_cell):
        if notebook.cells[0].source == "1 + 1":
            raise execute.CellError(0, 1, "NameError: name 'a' is not defined")
        on_cell(1, 1)
        return execute.Run(notebook, 12.34, 345.6)

    monkeypatch.setattr(execute, "execute", fake)
    done = course("run")
    assert done.exit_code == 1
    assert "00_start: cell 1: NameError" in done.stderr
    assert "02_next: 12.3 s, 346 MB" in done.stdout
    assert course("run", "02").exit_code == 0


def test_only_run_record_writes_measurements(shipped, monkeypatch):
    monkeypatch.setattr(execute, "execute", lambda notebook, **_: execute.Run(notebook, 1, 1))
    course("run")
    assert not record.path().exists()


def test_record_measures_the_lessons_that_were_named(monkeypatch):
    measured = []

    def fake(lesson, exercise, target, on_cell):
        measured.append((lesson, target))
        return {"seconds": 1.2, "peak_mb": 300}

    monkeypatch.setattr(building, "measure", fake)
    monkeypatch.setattr(
        source, "every", lambda: [paths.CHECKOUT / "lessons" / f"{name}.md" for name in ("00_a", "02_b")]
    )
    monkeypatch.setattr(source, "read", lambda path: type("L", (), {"name": path.stem}))
    done = course("run", "2", "--record")
    assert "02_b: 1.2 s, 300 MB, recorded" in done.stdout
    assert [target for _, target in measured] == [paths.CHECKOUT / "notebooks" / "02_b.ipynb"]


# -- build --------------------------------------------------------------------------------------------


def test_build_writes_where_it_is_told_and_says_what_it_did(monkeypatch, tmp_path):
    wanted = []

    def fake(lesson, exercise, target, *, solved, force, on_cell):
        wanted.append((target, solved, force))
        return building.Built(target, 123.4, executed=force, changed=force)

    monkeypatch.setattr(building, "build", fake)
    monkeypatch.setattr(source, "every", lambda: [paths.CHECKOUT / "lessons" / "02_b.md"])
    monkeypatch.setattr(source, "read", lambda path: type("L", (), {"name": path.stem}))
    assert "unchanged, 123 kB" in course("build").stdout
    assert "executed, 123 kB" in course("build", "2", "--solved", "--force", "--out", tmp_path).stdout
    assert wanted == [
        (paths.CHECKOUT / "notebooks" / "02_b.ipynb", False, False),
        (tmp_path / "02_b.ipynb", True, True),
    ]


# -- study and bench ----------------------------------------------------------------------------------


def test_study_lists_runs_and_refuses_the_unknown(monkeypatch, tmp_path):
    ready = study.Study(
        "square", "How does it grow?", ({"x": 2},), (0, 1), lambda seed, x: {"y": x**2 + seed}
    )
    monkeypatch.setattr(study, "STUDIES", {"square": ready})
    monkeypatch.setattr(study.Study, "path", property(lambda self: tmp_path / f"{self.name}.csv"))
    assert "square: How does it grow? (2 runs)" in course("study").stdout
    assert "2 new rows" in course("study", "square").stdout
    assert "0 new rows" in course("study", "square").stdout
    unknown = course("study", "cube")
    assert unknown.exit_code == 1
    assert "There are: square" in unknown.stderr


@pytest.mark.parametrize("command", [["bench"], ["study", "threshold_share"], ["build"], ["run", "--record"]])
def test_outside_a_clone_a_command_for_authors_says_where_to_run_it(monkeypatch, command):
    monkeypatch.setattr(paths, "checkout", lambda: None)
    done = course(*command)
    assert done.exit_code == 1
    assert "Clone the project" in done.stderr


def test_bench_without_its_peers_says_how_to_get_them(monkeypatch):
    from benchmarks import race

    def fail(names):
        raise RuntimeError(f"The races of {names[0]!r} need cv2: uv run --group bench course bench")

    monkeypatch.setattr(race, "main", fail)
    done = course("bench", "classic")
    assert done.exit_code == 1
    assert "uv run --group bench course bench" in done.stderr
