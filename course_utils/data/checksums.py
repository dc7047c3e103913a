"""Keep the tables of ``data/README.md`` true: one row per file, its last column the SHA-256 of the file.

A row belongs to a file of the ``data`` folder (``annotations/coins.A.json``) or to a photograph inside
scikit-image (``scikit-image/coins.png``). After a file was changed or added ::

    python -m course_utils.data.checksums

writes the checksums anew and names the files that still lack a row: what a file is, where it comes from and
under what licence is for people to write. A test holds the table to the files.
"""

import hashlib
import re

from course_utils import paths
from course_utils.data import photos

ROW = re.compile(r"^(\| `(?P<file>[^`]+)` \|.*\| )`(?P<checksum>[0-9a-f]*)` \|$", re.MULTILINE)


def listed():
    """What the README says: dict of file name to checksum, "" where none was written yet."""
    return {row["file"]: row["checksum"] for row in ROW.finditer(_readme().read_text(encoding="utf-8"))}


def actual():
    """What is there: dict of file name to SHA-256, for all shipped files and the photographs in use."""
    folder = paths.bundled("data")
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    del files["README.md"]
    inside = {f"scikit-image/{origin.file}": photos.file(name) for name, origin in photos.CATALOGUE.items()}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in (files | inside).items()}


def update():
    """Write the checksums of all rows anew. Returns the files without a row, and the rows without a file."""
    found, known = actual(), listed()
    text = _readme().read_text(encoding="utf-8")
    text = ROW.sub(lambda row: f"{row[1]}`{found.get(row['file'], '')}` |", text)
    _readme().write_text(text, encoding="utf-8", newline="\n")
    return sorted(found.keys() - known.keys()), sorted(known.keys() - found.keys())


def _readme():
    return paths.bundled("data") / "README.md"


if __name__ == "__main__":
    for trouble, names in zip(("has no row", "is gone, but has a row"), update(), strict=True):
        for name in names:
            print(f"{name} {trouble} in data/README.md")
