"""The student's own copies of the notebooks: new lessons are added, what somebody wrote is never replaced.

The folder (`paths.work`) belongs to the student. A manifest in it, ``.course-copies.json``, remembers what each
copy looked like when it was made, cell by cell, so that a later version of the course knows an edited copy from an
untouched one. Running a notebook is no edit; neither is the empty cell that Shift+Enter leaves at its end.
"""

import errno
import hashlib
import json
import os
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import nbformat

from course_utils import __version__, paths

MANIFEST = ".course-copies.json"


class CopyError(Exception):
    """The student's folder cannot be used; the message says why and what to do. Nothing was lost."""


@dataclass(frozen=True)
class Change:
    """What `update` did. kind : ``"added"``, ``"updated"`` or ``"newer"`` (put beside an edited copy)."""

    kind: str
    path: Path


def update(source=None, work=None, version=__version__):
    """Bring the student's folder up to date with the course; returns the list of `Change`.

    A lesson that is not there yet is added. A copy that nobody edited gives way to a newer lesson. Beside an
    edited one the newer lesson is put under another name, once.

    source : folder of the built notebooks (default: the ones that the course ships)
    work : the student's folder (default: `paths.work`)

    Raises CopyError where the folder cannot be read or written.
    """
    source, work = Path(source or paths.bundled("notebooks")), Path(work or paths.work())
    changes = []
    with _explained(work):
        work.mkdir(parents=True, exist_ok=True)
        manifest = _manifest(work)
        for shipped in sorted(source.glob("[0-9][0-9]_*.ipynb")):
            change = _update_one(shipped, work, manifest, version)
            changes += [change] if change else []
            _save(work, manifest)  # at once: if the disk is full at the next lesson, this one is still known
    return changes


def reset(name, source=None, work=None, now=None):
    """Give a lesson a fresh copy; the old one stays beside it under a dated name.

    Returns (path of the fresh copy, path of the backup or None). Raises CopyError as `update` does.
    """
    source, work = Path(source or paths.bundled("notebooks")), Path(work or paths.work())
    stamp = (now or datetime.now()).strftime("%Y-%m-%d %H.%M")  # no colon: Windows forbids it
    with _explained(work):
        work.mkdir(parents=True, exist_ok=True)
        copy, backup = work / f"{name}.ipynb", None
        fresh = _cleared(source / f"{name}.ipynb")
        if copy.exists():
            backup = _free(work, f"{name} (backup {stamp}")
            _write(backup, copy.read_bytes())
        _write(copy, _bytes(fresh))
        entry = {"copied": fingerprint(fresh), "offered": lesson_fingerprint(fresh)}
        _save(work, _manifest(work) | {copy.name: entry})
    return copy, backup


def fingerprint(notebook):
    """A hash per cell with something in it, in order: what "edited" compares."""
    return [_hash(cell) for cell in notebook.cells if cell.source.strip()]


def lesson_fingerprint(notebook):
    """One hash of a lesson's cells without its header card: new measured seconds are no new lesson."""
    cells = [cell for cell in notebook.cells if "header" not in cell.metadata.get("tags", [])]
    return hashlib.sha256("".join(map(_hash, cells)).encode()).hexdigest()[:16]


def _update_one(shipped, work, manifest, version):
    """Decide about one lesson; changes ``manifest`` in place and returns a Change or None."""
    copy, fresh = work / shipped.name, _cleared(shipped)
    now, news = fingerprint(fresh), lesson_fingerprint(fresh)
    known = manifest.get(shipped.name)
    theirs = _fingerprint_of(copy)
    if theirs is None or (theirs and known and theirs == known["copied"] != now):
        _write(copy, _bytes(fresh))
        manifest[shipped.name] = {"copied": now, "offered": news}
        return Change("added" if theirs is None else "updated", copy)
    if theirs == now:
        manifest[shipped.name] = {"copied": now, "offered": news}
        return None
    if known and known["offered"] == news:
        return None  # edited, and they have seen this version
    beside = _free(work, f"{copy.stem} (new version {version}")
    _write(beside, _bytes(fresh))
    manifest[shipped.name] = {"copied": known["copied"] if known else None, "offered": news}
    return Change("newer", beside)


def _hash(cell):
    return hashlib.sha256(f"{cell.cell_type}\n{cell.source.strip()}".encode()).hexdigest()[:16]


def _fingerprint_of(copy):
    """Of a file in the student's folder: None where there is none, [] where it is no notebook (so: edited)."""
    if not copy.exists():
        return None
    try:
        return fingerprint(nbformat.read(copy, as_version=4))
    except OSError:  # the folder's trouble, not the file's
        raise
    except Exception:  # nbformat fails in many ways on what is no notebook
        return []


def _cleared(path):
    """A shipped notebook without its outputs."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def _manifest(work):
    """{file name: {"copied": hashes per cell, "offered": hash of the newest lesson shown}}; empty when torn."""
    try:
        found = json.loads((work / MANIFEST).read_text(encoding="utf-8"))
        return {name: entry for name, entry in found.items() if {"copied", "offered"} <= set(entry)}
    except (FileNotFoundError, ValueError, AttributeError, TypeError):
        return {}


def _free(work, stem):
    """A path that is not taken: ``stem).ipynb``, or with a number before the parenthesis."""
    path, number = work / f"{stem}).ipynb", 2
    while path.exists():
        path, number = work / f"{stem}, {number}).ipynb", number + 1
    return path


def _save(work, manifest):
    if manifest != _manifest(work):
        _write(work / MANIFEST, json.dumps(manifest, indent=1).encode())


def _bytes(notebook):
    return nbformat.writes(notebook).encode() + b"\n"


def _write(path, content):
    """Write a whole file or none of it."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(content)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _explained(work):
    """Turn what the system says about a folder into what a person can do about it."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            why = "the disk is full. Free some space"
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            why = "it may not be written. Change its permissions"
        else:
            why = f"{error.strerror or error} ({error.filename}). Mend that"
        raise CopyError(
            f"The folder of your copies, {work}, cannot be used: {why}, or name another folder in the "
            "environment variable COURSE_WORK. Nothing of yours was changed."
        ) from error
