"""Public data sets, and your own: folders of images and labels, read one sample at a time.

Any folder of this form will do, and every data set that is downloaded here is brought into it::

    my_data/
      train/images/a.jpg        photographs: PNG, JPEG, TIFF or BMP, grey or colour
      train/labels/a.png        numbers under the same name: PNG, TIFF or BMP, never JPEG (or fgbg/ for labels/)
      test/images/…             as many splits as you like, or none: my_data/images, my_data/labels
      index.csv                 optional: a row an image, columns file, split and whatever you know of it
      classes.csv               optional: columns index and name
      sha256sums.txt            optional: what `sha256sum` printed, for `check`

::

    samples = public.folder("my_data", "train")
    samples[0].image, samples[0].target, samples[0].row     # read now, not before
    public.check("my_data")                                  # what the mask doctor says of all files

Nothing is downloaded unless you ask::

    public.download("penn_fudan")                # once; it says size and licence before you do
    public.load("penn_fudan", "fudan")
"""

import csv
import hashlib
import os

from PIL import Image

from course_utils import paths
from course_utils.data.public import transfer
from course_utils.data.public.folders import Report, Sample, Samples, check, folder
from course_utils.data.public.sources import CATALOGUE, Archive, Source

__all__ = [
    "CATALOGUE",
    "Archive",
    "Report",
    "Sample",
    "Samples",
    "Source",
    "check",
    "download",
    "folder",
    "load",
]


def load(name, split=None):
    """A data set of `CATALOGUE` that has been downloaded, as `Samples`.

    Raises ValueError for an unknown name or split, with the ones there are; FileNotFoundError where it has not been
    downloaded, with the call that does it, its size and its licence.
    """
    source, place = _source(name), _place(name)
    if not place.is_dir():
        raise FileNotFoundError(
            f"{source.title} has not been downloaded. `public.download({name!r})` does it: {source.megabytes} MB to "
            f"{place.parent}. Licence: {source.licence} ({source.page})."
        )
    return folder(place, split)


def download(name, *, unverified=False):
    """Fetch a data set of `CATALOGUE` once, and bring it into the folder form of this module.

    Parameters
    ----------
    name : str
        A key of `CATALOGUE`, where size and licence stand too.
    unverified : bool
        Take the archives without comparing them with the published checksums. Their SHA-256 is then recorded beside
        them, so that a later change is noticed.

    Returns
    -------
    pathlib.Path
        The folder, below ``paths.cache()``. The archives stay beside it, in ``archives``, and may be deleted.

    Raises
    ------
    ValueError
        Unknown name, wrong checksum, or an archive that is damaged, hostile or arranged in another way.
    ConnectionError
        No network; the message says where to put the file by hand. Call again to go on with half a download.
    OSError
        No room on the disk (ENOSPC), or a cache folder that cannot be written (PermissionError).
    """
    source, place = _source(name), _place(name)
    if place.is_dir():
        return place
    source.require()
    archives = [
        transfer.fetch(
            archive.url,
            place.parent / "archives" / name / archive.file,
            None if unverified else archive.checksum,
            archive.size,
        )
        for archive in source.archives
    ]
    needed = sum(archive.stat().st_size for archive in archives)
    with transfer.on_disk(place.parent, needed), transfer.building(place) as work:
        for archive in archives:
            transfer.unpack(archive, work / "unpacked")
        _arrange(source, work / "unpacked", work / "ready")
        os.replace(work / "ready", place)
    return place


def _source(name):
    if name not in CATALOGUE:
        raise ValueError(f"There is no data set called {name!r}; choose from {', '.join(CATALOGUE)}.")
    return CATALOGUE[name]


def _place(name):
    return paths.cache() / "public" / name


def _arrange(source, unpacked, ready):
    """Write the folder form: images moved, targets as PNG, tables, README and checksums."""
    rows = []
    try:
        for split, image, target, row in source.read(unpacked):
            for kind in ("images", "labels"):
                (ready / split / kind).mkdir(parents=True, exist_ok=True)
            os.replace(image, ready / split / "images" / image.name)
            Image.fromarray(target).save(ready / split / "labels" / f"{image.stem}.png")
            rows.append({"split": split, "file": image.name} | row)
        missing = None if rows else "no image"
    except (FileNotFoundError, RuntimeError) as trouble:  # torchvision raises the latter
        missing = trouble
    if missing:
        raise ValueError(
            f"The archive of {source.title} is not arranged as expected ({missing}). Was another file put in its "
            f"place? {source.page} tells what is published."
        )
    _write_table(ready / "index.csv", rows)
    if source.classes:
        _write_table(
            ready / "classes.csv", [{"index": i, "name": n} for i, n in enumerate(source.classes.split())]
        )
    facts = {"Source": source.page, "Licence": source.licence, "Cite": source.citation, "Notes": source.notes}
    text = f"# {source.title}\n\n" + "".join(f"* {fact}: {words}\n" for fact, words in facts.items() if words)
    (ready / "README.md").write_text(text, encoding="utf-8", newline="\n")
    sums = (
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(ready).as_posix()}\n"
        for path in sorted(ready.rglob("*"))
        if path.is_file()
    )
    (ready / "sha256sums.txt").write_text("".join(sums), encoding="utf-8", newline="\n")


def _write_table(path, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
