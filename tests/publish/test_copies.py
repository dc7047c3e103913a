"""The student's copies: whatever happens, what somebody wrote stays."""

import errno
import json
import os
import sys
from datetime import datetime

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course_utils.publish import copies


def notebook(*cells, header="about 10 s"):
    """A built lesson: header card, code cells with an output each."""
    out = new_notebook(cells=[new_markdown_cell(header, metadata={"tags": ["header"]})])
    for cell in cells:
        output = new_output("stream", text="recorded\n")
        out.cells.append(new_code_cell(cell, outputs=[output], execution_count=1))
    return out


class Folders:
    """The course's notebooks and the student's copies of them."""

    def __init__(self, folder):
        self.source, self.work = folder / "shipped", folder / "From Pixels"
        self.source.mkdir(parents=True)

    def ship(self, name, *cells, **options):
        nbformat.write(notebook(*cells, **options), self.source / f"{name}.ipynb")

    def update(self, version="2026.11"):
        return [(c.kind, c.path.name) for c in copies.update(self.source, self.work, version)]

    def edit(self, name, change):
        path = self.work / name
        found = nbformat.read(path, as_version=4)
        change(found)
        nbformat.write(found, path)

    def code(self, name):
        return [c.source for c in nbformat.read(self.work / name, 4).cells if c.cell_type == "code"]


@pytest.fixture
def folders(tmp_path):
    found = Folders(tmp_path)
    found.ship("00_start", "a = 1")
    found.ship("01_scores", "b = 1", "c = 1")
    return found


def write_something(found):
    found.cells[-1].source += "\n# mine"


def test_the_first_time_every_lesson_is_added_without_outputs(folders):
    assert folders.update() == [("added", "00_start.ipynb"), ("added", "01_scores.ipynb")]
    assert "recorded" not in (folders.work / "00_start.ipynb").read_text(encoding="utf-8")
    assert folders.code("01_scores.ipynb") == ["b = 1", "c = 1"]


def test_the_second_time_nothing_changes(folders):
    folders.update()
    before = {path: path.stat().st_mtime_ns for path in folders.work.iterdir()}
    assert folders.update() == []
    assert {path: path.stat().st_mtime_ns for path in folders.work.iterdir()} == before


def test_an_update_adds_replaces_the_untouched_and_puts_the_newer_beside_the_edited(folders):
    folders.update()
    folders.edit("01_scores.ipynb", write_something)
    folders.ship("00_start", "a = 2")
    folders.ship("01_scores", "b = 2")
    folders.ship("02_new", "d = 2")
    beside = "01_scores (new version 2027.4).ipynb"
    assert folders.update("2027.4") == [
        ("updated", "00_start.ipynb"),
        ("newer", beside),
        ("added", "02_new.ipynb"),
    ]
    assert folders.code("00_start.ipynb") == ["a = 2"]
    assert folders.code("01_scores.ipynb") == ["b = 1", "c = 1\n# mine"]
    assert folders.code(beside) == ["b = 2"]
    assert folders.update("2027.4") == []


def test_two_newer_versions_stand_side_by_side(folders):
    folders.update()
    folders.edit("01_scores.ipynb", write_something)
    for content in ("b = 2", "b = 3"):
        folders.ship("01_scores", content)
        folders.update("2027.4")
    assert folders.code("01_scores (new version 2027.4).ipynb") == ["b = 2"]
    assert folders.code("01_scores (new version 2027.4, 2).ipynb") == ["b = 3"]


def ran(found):
    found.cells[1].update(outputs=[new_output("stream", text="2\n")], execution_count=7)
    found.cells.append(new_code_cell(""))  # what Shift+Enter leaves at the end


def test_running_is_no_edit(folders):
    folders.update()
    folders.edit("00_start.ipynb", ran)
    folders.ship("00_start", "a = 2")
    assert folders.update() == [("updated", "00_start.ipynb")]


def test_new_seconds_in_the_header_are_no_new_lesson(folders):
    folders.update()
    folders.edit("00_start.ipynb", write_something)
    folders.ship("00_start", "a = 1", header="about 12 s")
    assert folders.update() == []


def test_an_edit_that_was_undone_is_no_edit(folders):
    folders.update()
    folders.edit("00_start.ipynb", write_something)
    folders.ship("00_start", "a = 2")
    folders.update()
    folders.edit("00_start.ipynb", lambda found: found.cells[-1].update(source="a = 2"))
    assert folders.update() == []
    folders.ship("00_start", "a = 3")
    assert folders.update() == [("updated", "00_start.ipynb")]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"cells": 3}', b'{"nbformat": 4}'])
def test_a_file_that_is_no_notebook_is_left_alone(folders, content):
    folders.update()
    (folders.work / "00_start.ipynb").write_bytes(content)
    for cell in ("a = 2", "a = 3"):
        folders.ship("00_start", cell)
        assert [kind for kind, _ in folders.update()] == ["newer"]
    assert (folders.work / "00_start.ipynb").read_bytes() == content


@pytest.mark.parametrize(
    "torn", [None, "", "{", "[]", '{"00_start.ipynb": 3}', '{"00_start.ipynb": {"copied": []}}']
)
def test_without_a_manifest_nothing_is_replaced(folders, torn):
    folders.update()
    folders.edit("01_scores.ipynb", write_something)
    manifest = folders.work / copies.MANIFEST
    manifest.unlink() if torn is None else manifest.write_text(torn)
    folders.ship("00_start", "a = 2")
    assert [kind for kind, _ in folders.update()] == ["newer", "newer"]
    assert folders.code("00_start.ipynb") == ["a = 1"]
    assert folders.code("01_scores.ipynb") == ["b = 1", "c = 1\n# mine"]
    assert folders.update() == []


def test_a_copy_that_was_thrown_away_comes_back(folders):
    folders.update()
    (folders.work / "00_start.ipynb").unlink()
    assert folders.update() == [("added", "00_start.ipynb")]


def test_other_files_in_the_folder_are_the_student_s(folders):
    folders.work.mkdir()
    mine = folders.work / "my notes.ipynb"
    mine.write_text("mine")
    folders.update()
    assert mine.read_text() == "mine"


actions = st.lists(
    st.one_of(
        st.tuples(
            st.just("write"), st.sampled_from(["00_start.ipynb", "01_scores.ipynb"]), st.integers(0, 9)
        ),
        st.tuples(st.just("ship"), st.sampled_from(["00_start", "01_scores"]), st.integers(0, 3)),
        st.tuples(st.just("lose manifest"), st.none(), st.none()),
        st.tuples(st.just("reset"), st.sampled_from(["00_start", "01_scores"]), st.none()),
    ),
    max_size=8,
)


@given(actions)
def test_nothing_written_is_ever_lost(tmp_path_factory, actions):
    """Whatever students, authors and accidents do: each remark ever written is in some file of the folder."""
    folders = Folders(tmp_path_factory.mktemp("any"))
    folders.ship("00_start", "a = 1")
    folders.ship("01_scores", "b = 1")
    folders.update()
    remarks = []
    for kind, name, number in actions:
        if kind == "write":
            remarks.append(f"# remark {len(remarks)} {number}")
            folders.edit(name, lambda found: found.cells.append(new_code_cell(remarks[-1])))
        elif kind == "ship":
            folders.ship(name, f"x = {number}")
        elif kind == "reset":
            copies.reset(name, folders.source, folders.work)
        else:
            (folders.work / copies.MANIFEST).unlink()
        folders.update()
    everything = "".join(path.read_text(encoding="utf-8") for path in folders.work.glob("*.ipynb"))
    assert [remark for remark in remarks if remark not in everything] == []


# -- reset --------------------------------------------------------------------------------------------


def test_reset_gives_a_fresh_copy_and_keeps_the_old_one_with_its_date(folders):
    folders.update()
    folders.edit("00_start.ipynb", write_something)
    now = datetime(2026, 11, 22, 21, 5)
    for number in ("", ", 2"):
        copy, backup = copies.reset("00_start", folders.source, folders.work, now)
        assert (copy.name, backup.name) == (
            "00_start.ipynb",
            f"00_start (backup 2026-11-22 21.05{number}).ipynb",
        )
        assert folders.code(copy.name) == ["a = 1"]
    assert folders.code("00_start (backup 2026-11-22 21.05).ipynb") == ["a = 1\n# mine"]
    folders.ship("00_start", "a = 2")
    assert folders.update() == [("updated", "00_start.ipynb")]


def test_reset_without_a_copy_makes_one(folders):
    assert copies.reset("00_start", folders.source, folders.work)[1] is None
    assert folders.code("00_start.ipynb") == ["a = 1"]


# -- folders that cannot be used ----------------------------------------------------------------------


def test_a_full_disk_is_told_and_loses_nothing(folders, monkeypatch):
    folders.update()
    folders.edit("01_scores.ipynb", write_something)
    before = {path.name: path.read_bytes() for path in folders.work.iterdir()}
    folders.ship("01_scores", "b = 2")
    real = type(folders.work).write_bytes

    def full(path, content):
        real(path, content[: len(content) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(type(folders.work), "write_bytes", full)
    for attempt in (folders.update, lambda: copies.reset("01_scores", folders.source, folders.work)):
        with pytest.raises(copies.CopyError, match=r"the disk is full.*COURSE_WORK"):
            attempt()
    assert {path.name: path.read_bytes() for path in folders.work.iterdir()} == before


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0,
    reason="the superuser and Windows do not obey permission bits",
)
def test_a_closed_folder_is_told(folders):
    folders.work.mkdir(mode=0o500)
    with pytest.raises(copies.CopyError, match=r"may not be written.*COURSE_WORK"):
        folders.update()


def test_no_permission_is_told(folders, monkeypatch):
    def refuse(path, content):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(type(folders.work), "write_bytes", refuse)
    with pytest.raises(copies.CopyError, match=r"may not be written.*COURSE_WORK"):
        folders.update()


def test_a_file_in_the_place_of_the_folder_is_told(folders):
    folders.work.write_text("a file")
    with pytest.raises(copies.CopyError, match=r"From Pixels, cannot be used"):
        folders.update()
    assert folders.work.read_text() == "a file"


def test_the_manifest_tells_the_cells_apart(folders):
    folders.update()
    manifest = json.loads((folders.work / copies.MANIFEST).read_text())
    assert {name: len(entry["copied"]) for name, entry in manifest.items()} == {
        "00_start.ipynb": 2,
        "01_scores.ipynb": 3,
    }
