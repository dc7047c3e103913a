"""The doctor: every check against machines that are well and machines that are not."""

from dataclasses import replace
from pathlib import Path

import pytest

from course_utils import doctor
from course_utils.doctor import BLOCKING, GB, GOOD, NOTE, Folder

WELL = doctor.Facts(
    version="2026.11",
    python=(3, 12, 1),
    system="Linux x86_64",
    cores=2,
    memory=int(8 * GB),
    folders={
        "copies": Folder("/home/a/From Pixels to Regions", int(50 * GB), True),
        "progress": Folder("/home/a/.local/share/course", int(50 * GB), True),
        "cache": Folder("/home/a/.cache/course", int(50 * GB), True),
    },
    packages={},
    extensions={"anywidget": True, "@jupyter-widgets/jupyterlab-manager": True},
    kernel="",
    browser=True,
    gpu=None,
    managed=False,
    uv=True,
)


def folders(role, **changes):
    return WELL.folders | {role: replace(WELL.folders[role], **changes)}


def test_a_machine_that_is_well_gets_no_advice():
    report = doctor.examine(WELL)
    assert report.fit
    assert {finding.level for finding in report.findings} == {GOOD}
    assert not any(finding.mend for finding in report.findings)
    assert report.summary == "This machine is ready for the course."


@pytest.mark.parametrize(
    ("changes", "level", "says", "mend"),
    [
        ({"python": (3, 10, 4)}, BLOCKING, "3.10.4", "uv run --python 3.12"),
        ({"python": (3, 14, 0)}, BLOCKING, "3.14.0", "uv run --python 3.12"),
        ({"packages": {"numpy>=2.0": "1.26.4"}}, BLOCKING, "numpy>=2.0 (found: 1.26.4)", "uv sync"),
        ({"packages": {"anywidget>=0.9": None}}, BLOCKING, "anywidget>=0.9 (found: nothing)", "uv sync"),
        ({"kernel": "RuntimeError: no answer"}, BLOCKING, "no answer", "ipykernel install"),
        ({"folders": folders("copies", writable=False)}, BLOCKING, "From Pixels to Regions (copies)", "COURSE_WORK"),
        ({"folders": folders("progress", writable=False)}, NOTE, "(progress)", "COURSE_HOME"),
        ({"folders": folders("cache", writable=False)}, NOTE, "(cache)", "COURSE_CACHE"),
        ({"folders": folders("cache", free=int(0.5 * GB))}, NOTE, "Only 0.5 GB free", "space"),
        ({"folders": folders("copies", free=int(0.05 * GB))}, BLOCKING, "Only 0.1 GB free", "space"),
        ({"memory": int(2 * GB)}, NOTE, "2.0 GB of memory: enough for one", "Shut Down Kernel"),
        ({"memory": int(1 * GB)}, NOTE, "Only 1.0 GB", "Binder"),
        ({"cores": 1}, NOTE, "One CPU core", ""),
        ({"extensions": {"anywidget": False}}, NOTE, "lacks anywidget", "uv sync"),
        ({"browser": False}, NOTE, "No browser", "--no-browser"),
        ({"managed": True, "uv": False}, NOTE, "externally managed", "pipx install uv"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_the_first_thing_said_and_how_to_mend_it(changes, level, says, mend):
    report = doctor.examine(replace(WELL, **changes))
    first, *others = report.findings
    assert first.level == level
    assert says in first.says
    assert mend in first.mend
    assert {finding.level for finding in others} == {GOOD}
    assert report.fit == (level != BLOCKING)


@pytest.mark.parametrize(
    "changes",
    [
        {"python": (3, 11, 0)},
        {"python": (3, 13, 9)},
        {"memory": int(3.6 * GB)},
        {"managed": True, "uv": True},
        {"gpu": "NVIDIA H100"},
    ],
)
def test_what_is_no_trouble_is_not_made_one(changes):
    assert {finding.level for finding in doctor.examine(replace(WELL, **changes)).findings} == {GOOD}


def test_a_report_reads_the_same_on_the_terminal_and_in_a_notebook():
    report = doctor.examine(replace(WELL, cores=1, system="<Linux>"))
    html = report._repr_html_()
    for finding in report.findings:
        assert finding.says in str(report)
    assert "! One CPU core" in str(report)
    assert "! One CPU core" in html
    assert "&lt;Linux&gt;" in html
    assert "1 remark below" in report.summary


def test_this_machine_can_be_looked_at(own_folders):
    facts = doctor.look()
    assert facts.packages == {}
    assert facts.kernel == ""
    assert all(facts.extensions.values())
    assert all(folder.writable and folder.free > 0 for folder in facts.folders.values())
    assert {folder.path for folder in facts.folders.values()} == {
        str(own_folders / name) for name in ("home", "cache", "work")
    }
    assert list(own_folders.iterdir()) == []  # looking leaves nothing behind
    assert facts.cores >= 1
    assert facts.memory > 0.5 * GB


@pytest.mark.parametrize(
    ("file", "text", "limit"),
    [
        ("memory.max", "100000000\n", 100_000_000),
        ("memory/memory.limit_in_bytes", "200000000", 200_000_000),
        ("memory.max", "max\n", None),
        ("memory/memory.limit_in_bytes", "9223372036854771712", None),
        (None, None, None),
    ],
)
def test_a_container_s_limit_counts(tmp_path, file, text, limit):
    machine = doctor.memory(Path("/nowhere"))
    if file:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(text)
    assert doctor.memory(tmp_path) == (limit or machine)


def test_a_folder_that_is_not_there_yet_is_judged_by_the_one_above(tmp_path):
    found = doctor._look_at(tmp_path / "a" / "b")
    assert (found.writable, found.path) == (True, str(tmp_path / "a" / "b"))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_refuses_is_found_out(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError

    monkeypatch.setattr(Path, "touch", refuse)
    assert not doctor._look_at(tmp_path).writable


def test_packages_missing_or_too_old_are_found(monkeypatch):
    needs = [
        "numpy>=99",
        "no-such-package>=1",
        "rich>=1",
        'torch>=99; extra == "networks"',
        "colour; python_version<'3'",
    ]
    monkeypatch.setattr("importlib.metadata.requires", lambda name: needs)
    unmet = doctor._unmet()
    assert list(unmet) == ["numpy>=99", "no-such-package>=1"]
    assert unmet["no-such-package>=1"] is None
    assert unmet["numpy>=99"]


def test_a_kernel_that_does_not_start_is_a_sentence(monkeypatch):
    def fail(**_):
        raise FileNotFoundError("no python")

    monkeypatch.setattr("jupyter_client.manager.run_kernel", fail)
    assert doctor._try_kernel() == "FileNotFoundError: no python"


def test_the_home_folder_is_not_spelled_out(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert doctor._from_home(str(tmp_path / "course")) == str(Path("~") / "course")
    assert doctor._from_home(str(tmp_path) + "-other") == str(tmp_path) + "-other"
