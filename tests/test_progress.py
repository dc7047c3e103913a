"""Progress is kept: between processes, beside other kernels, on disks that fail, and when it is moved."""

import json
import os
import sqlite3
import subprocess
import sys

import pytest

from course_utils import paths, progress


@pytest.fixture(autouse=True)
def home(own_folders, monkeypatch):
    monkeypatch.setattr(progress, "_unsaved", {})
    monkeypatch.setattr(progress, "_told", set())
    monkeypatch.setattr(progress, "_offers", [])
    return paths.home()


def solve(slug="otsu", points=2, out_of=2, lesson="02"):
    progress.record_check(lesson, slug, f"The exercise {slug}", points=points, out_of=out_of)


def state(slug):
    return next(standing for standing in progress.summary() if standing.item.slug == slug)


def in_another_process(code):
    """Run ``code`` with this test's folders; returns what it printed."""
    source = f"from course_utils import progress\n{code}"
    command = [sys.executable, "-c", source]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ).stdout


# ------------------------------------------------------------------------------------------------ what is kept


def test_the_best_try_of_a_check_counts():
    solve(points=1)
    solve(points=2)
    solve(points=0)
    assert (state("otsu").state, state("otsu").points, state("otsu").tries) == ("right", 2, 3)


def test_the_last_answer_to_a_question_counts():
    for right in (True, False):
        progress.record_quiz("02", "02-valley", "Where?", answer="there", right=right)
    assert (state("02-valley").state, state("02-valley").tries) == ("wrong", 2)


def test_the_last_guess_counts():
    assert progress.prediction("coins") is None
    progress.record_prediction("coins", 0.3, 0.7, within=0.05)
    progress.record_prediction("coins", 0.4, 0.9)
    guess = progress.prediction("coins")
    assert (guess["guess"], guess["confidence"], guess["within"]) == (0.4, 0.9, None)


def test_what_is_offered_is_listed_before_it_is_tried():
    progress.offer(lambda: [progress.Item("check", "01", "iou", "Intersection over union", 4)])
    solve()
    assert [(s.item.slug, s.state) for s in progress.summary()] == [("iou", "open"), ("otsu", "right")]


# ------------------------------------------------------------------------------------------------ several kernels


def test_another_process_sees_it():
    solve()
    assert in_another_process("print(progress.summary()[0].state)").strip() == "right"


def test_kernels_that_begin_at_once_lose_nothing():
    code = "for i in range(15): progress.record_check('02', f'{NAME}-{i}', 't', points=1, out_of=1)"
    source = "from course_utils import progress\n" + code
    kernels = [
        subprocess.Popen(
            [sys.executable, "-c", source.replace("{NAME}", name)], stdout=subprocess.PIPE, text=True
        )
        for name in "abc"
    ]
    assert [kernel.communicate(timeout=60)[0] for kernel in kernels] == [
        "",
        "",
        "",
    ]  # no message, so no failure
    assert len(progress.events()) == 45


def test_a_busy_file_is_waited_for(home):
    solve()
    other = sqlite3.connect(home / "progress.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = subprocess.Popen(
        [sys.executable, "-c", "from course_utils import progress as p; print('ready', flush=True)\n"
         "p.record_check('02', 'late', 't', points=1, out_of=1)"], stdout=subprocess.PIPE, text=True)  # fmt: skip
    assert waiting.stdout.readline() == "ready\n"
    other.execute("COMMIT")
    assert waiting.communicate(timeout=30)[0] == ""
    assert state("late").state == "right"


# ------------------------------------------------------------------------------------------------ failing disks


def unwritable(folder):
    """Make a folder that nobody can create files in, root neither: a file stands in its place."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("not a folder")


def test_memory_when_nothing_can_be_written_and_disk_again_when_it_can(home, capsys):
    unwritable(home)
    solve("first")
    solve("second")
    said = capsys.readouterr()
    assert said.out.count("kept in memory") == 1 and said.err == ""
    assert state("first").state == "right"
    home.unlink()
    solve("third")
    assert in_another_process("print(len(progress.events()))").strip() == "3"


def test_a_read_only_file_is_read_and_what_is_new_stays_in_memory(home, monkeypatch, capsys):
    solve("old")
    connect = sqlite3.connect

    def read_only(database, **options):
        return connect(f"file:{home}/progress.sqlite?mode=ro", uri=True)

    monkeypatch.setattr(progress.sqlite3, "connect", read_only)
    solve("new")
    assert "kept in memory" in capsys.readouterr().out
    assert {s.item.slug for s in progress.summary()} == {"old", "new"}


def test_a_full_disk_loses_nothing(home, monkeypatch, capsys):
    solve("old")
    connect = sqlite3.connect

    def full(database, **options):
        connection = connect(database, **options)
        connection.execute("PRAGMA max_page_count = 1")  # SQLite's own way to run out of space
        return connection

    monkeypatch.setattr(progress.sqlite3, "connect", full)
    for i in range(100):
        solve(f"new-{i}")
    assert capsys.readouterr().out.count("disk is full") == 1
    monkeypatch.setattr(progress.sqlite3, "connect", connect)
    solve("last")
    assert in_another_process("print(len(progress.events()))").strip() == "102"


@pytest.mark.parametrize("damage", ["garbage", "middle"])
def test_a_damaged_file_is_moved_aside(home, damage, capsys):
    for i in range(60):
        solve(f"exercise-{i}")
    file = home / "progress.sqlite"
    content = bytearray(file.read_bytes())
    if damage == "garbage":
        content[:] = b"this is no database at all " * 50
    else:
        content[4096:] = b"\xff" * len(content[4096:])
    file.write_bytes(content)
    progress.summary()  # reading moves nothing
    assert file.read_bytes() == content
    solve("after")
    aside = list(home.glob("progress-damaged-*.sqlite"))
    assert [path.read_bytes() for path in aside] == [bytes(content)]
    assert state("after").state == "right"
    assert capsys.readouterr().err == ""


def test_a_file_of_a_later_course_is_left_alone(home, capsys):
    solve()
    with sqlite3.connect(home / "progress.sqlite") as database:
        database.execute("PRAGMA user_version = 99")
    before = (home / "progress.sqlite").read_bytes()
    solve("new")
    assert "later version" in capsys.readouterr().out
    assert (home / "progress.sqlite").read_bytes() == before
    assert state("new").state == "right"


def test_there_is_no_write_ahead_log(home):
    solve()
    assert sorted(path.name for path in home.iterdir()) == ["progress.sqlite"]
    assert (home / "progress.sqlite").read_bytes()[18:20] == b"\x01\x01"  # SQLite's header: rollback journal


# ------------------------------------------------------------------------------------------------ moving


def test_histories_of_two_machines_are_merged(tmp_path, monkeypatch):
    solve("here")
    progress.export(tmp_path / "here.json")
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "other"))
    solve("there")
    assert progress.import_(tmp_path / "here.json") == 1
    assert progress.import_(tmp_path / "here.json") == 0
    assert {s.item.slug for s in progress.summary()} == {"here", "there"}


def test_an_export_overwrites_nothing(tmp_path):
    solve()
    assert progress.export(tmp_path / "mine.json") == 1
    with pytest.raises(FileExistsError, match="another name"):
        progress.export(tmp_path / "mine.json")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"format": "something else", "version": 1, "events": []}',
        '{"format": "from-pixels-to-regions progress", "version": 99, "events": []}',
        '{"format": "from-pixels-to-regions progress", "version": 1, "events": [{"id": 1}]}',
        json.dumps({
            "format": "from-pixels-to-regions progress",
            "version": 1,
            "events": [dict.fromkeys(("id", "at", "kind", "lesson", "slug", "data"), "no json")],
        }),
        json.dumps({
            "format": "from-pixels-to-regions progress",
            "version": 1,
            "events": [dict.fromkeys(("id", "at", "kind", "lesson", "slug"), "check") | {"data": "{}"}],
        }),
    ],
)  # fmt: skip
def test_what_is_no_export_changes_nothing(tmp_path, content):
    solve()
    (tmp_path / "odd.json").write_text(content)
    with pytest.raises(ValueError, match=r"odd\.json"):
        progress.import_(tmp_path / "odd.json")
    assert len(progress.events()) == 1
    progress.show()


# ------------------------------------------------------------------------------------------------ the page


def test_the_page_counts_by_lesson_and_lists_every_item():
    progress.offer(lambda: [progress.Item("check", "01", "iou", "Intersection <over> union", 4)])
    solve("otsu", points=1)
    progress.record_quiz("02", "02-valley", "Where?", answer="there", right=True)
    page = progress.show()
    assert "Lesson 01: 0 of 1 exercises right" in page.text
    assert "Lesson 02: 0 of 1 exercises right, 1 of 1 questions right" in page.text
    assert (
        "Intersection &lt;over&gt; union" in page.html and "(partly right, 1 of 2 points, 1 try)" in page.html
    )
    assert (
        page.html.count('scope="col"') == 3
        and page.html.count('scope="row"') == 2
        and "<caption" in page.html
    )


def test_an_empty_page_says_so():
    assert "Nothing yet" in progress.show().html


def test_the_page_compares_confidence_with_outcomes():
    for slug, sure, hit in (("a", 0.9, True), ("b", 0.7, False)):
        progress.record_prediction(slug, "x", sure)
        progress.record_reveal(slug, "x", hit)
        progress.record_reveal(slug, "x", hit)  # a cell that is run again does not count twice
    assert "1 of 2 were right; your confidence promised 1.6" in progress.show().text
