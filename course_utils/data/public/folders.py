"""A folder of images and labels as a sequence of samples, and the examination of such a folder."""

import csv
import hashlib
import io
import operator
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from course_utils.data import masks
from course_utils.data.masks import IGNORE, Finding

IMAGES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
LABELS = (".png", ".tif", ".tiff", ".bmp")  # what keeps numbers as they are
TARGETS = ("labels", "fgbg")  # names of the folder beside images/, the first that is there
CLUTTER = ("thumbs.db", "desktop.ini")  # and whatever begins with a dot
ORIENTATION = 0x0112  # the EXIF tag that says how to turn a photograph; 1 is upright

FORM = "It should hold images/ and labels/ (or fgbg/), or folders such as train/ and test/ that hold them."


@dataclass(frozen=True, eq=False)
class Sample:
    """One image and its target, read from two files.

    ``image`` float64 (H, W) or (H, W, 3) in [0, 1]; ``target`` int32 (H, W), the numbers of the label file: classes
    with 255 for pixels to ignore in an 8-bit file, or in a 16-bit file 0 and a number for each object; ``name``, the
    file name without ending; ``row``, the image's row of ``index.csv`` as a dict of str, empty where there is none.
    """

    name: str
    image: np.ndarray = field(repr=False)
    target: np.ndarray = field(repr=False)
    row: dict


class Samples(Sequence):
    """The samples of a folder, in the order of their names; each is read when it is asked for.

    ``samples[3]`` is a `Sample`, ``samples[:10]`` and ``samples[::2]`` are `Samples` again. ``names`` is a tuple of
    str, ``classes`` a dict of number to name from ``classes.csv``, empty where there is none.
    """

    def __init__(self, root, pairs, rows, classes, ignore):
        self.root, self.classes = root, classes
        self._pairs, self._rows, self._ignore = tuple(pairs), rows, ignore

    @property
    def names(self):
        return tuple(image.stem for image, _ in self._pairs)

    def __len__(self):
        return len(self._pairs)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return Samples(self.root, self._pairs[index], self._rows, self.classes, self._ignore)
        image_file, label_file = self._pairs[operator.index(index)]
        image, target = _image(image_file), _label(label_file)
        if target.dtype.kind not in "biu" or target.shape != image.shape[:2]:
            diagnosis = masks.doctor(target, image)
            raise ValueError(f"{label_file} does not fit its image.\n{diagnosis}{_turned(image_file)}")
        target = target.astype(np.int32)
        if self._ignore is not None:
            target[target == self._ignore] = IGNORE
        return Sample(image_file.stem, image, target, dict(self._rows.get(image_file.stem, {})))

    def arrays(self):
        """(images, targets): two lists of all samples, kept small for a training in memory.

        Images are uint8 (H, W[, 3]), an eighth of the float64 of a sample; targets uint8 where they go up to 255,
        int32 elsewhere.
        """
        images, targets = [], []
        for sample in self:
            images.append(np.round(sample.image * 255).astype(np.uint8))
            small = sample.target.min() >= 0 and sample.target.max() <= 255
            targets.append(sample.target.astype(np.uint8) if small else sample.target)
        return images, targets

    def __repr__(self):
        classes = f", {len(self.classes)} classes" if self.classes else ""
        return f"<{len(self)} samples of {self.root}{classes}>"


def folder(path, split=None, *, ignore=None):
    """The images and labels of a folder, as a lazy sequence of samples.

    Parameters
    ----------
    path : str or pathlib.Path
        A folder of the form that `course_utils.data.public` describes.
    split : str, optional
        Which of its folders to take, such as ``"train"``; may be left out where there is one only.
    ignore : int, optional
        The number by which these labels mark pixels that nobody scores, where it is not 255: it becomes 255.

    Returns
    -------
    Samples

    Raises
    ------
    FileNotFoundError
        Where there is no such folder.
    ValueError
        For another form, an unknown split (the message lists them), an image without label or a label without image,
        two files of one name. When a sample is read: for a file that is no image, is damaged, or whose label does not
        lie on its image, with what `masks.doctor` says. `check` finds all of it at once.
    """
    root = _existing(path)
    place = _split(root, split)
    pairs, findings = _pairs(place)
    if findings:
        raise ValueError(
            f"{Report(findings, place)}\n`public.check({str(path)!r})` says all that is wrong there."
        )
    if not pairs:
        raise ValueError(f"{place / 'images'} is empty.")
    table = {} if split is None and place == root else _rows(root, place.name)
    return Samples(place, pairs, table | _rows(place, place.name), _classes(place, root), ignore)


# ------------------------------------------------------------------------------------------- the examination


class Report(tuple):
    """What `check` found: pairs of a path and a `masks.Finding`. Empty when all is well. Shows as text and HTML."""

    def __new__(cls, findings, root, checked=None):
        report = super().__new__(cls, findings)
        report.root, report.checked = root, checked
        return report

    @property
    def codes(self):
        """The words of the findings, each once (tuple of str); those of `masks.doctor` and of `check`."""
        return tuple(dict.fromkeys(finding.code for _, finding in self))

    def files(self, code):
        """The files with one finding, as a tuple of paths."""
        return tuple(path for path, finding in self if finding.code == code)

    def __str__(self):
        return "\n".join(
            [self._headline(), *(f"{code}: {files}\n    {said}" for code, files, said in self._groups())]
        )

    __repr__ = __str__

    def _repr_html_(self):
        items = "".join(
            f"<li><b>{escape(code)}</b>: {escape(files)}<br>{escape(said)}</li>"
            for code, files, said in self._groups()
        )
        return f"<p>{'✗' if self else '✓'} {escape(self._headline())}</p><ul>{items}</ul>"

    def _headline(self):
        scope = "" if self.checked is None else f", {self.checked} pairs of image and label examined"
        return f"{self.root}{scope}: {len(self) or 'no'} finding{'s' * (len(self) != 1)}."

    def _groups(self, most=4):
        """(code, the first files, what is said of the first of them) for each kind of finding, certain ones first."""
        for code in sorted(self.codes, key=lambda code: not self._first(code).certain):
            files = self.files(code)
            names = [os.path.relpath(path, self.root) for path in files[:most]]
            yield (
                code,
                ", ".join(names) + f" and {len(files) - most} more" * (len(files) > most),
                str(self._first(code)),
            )

    def _first(self, code):
        return next(finding for _, finding in self if finding.code == code)


def check(path, split=None, *, classes=None):
    """Examine every file of a folder and report what would go wrong, file by file.

    Parameters
    ----------
    path, split : as for `folder`; without ``split`` all of them are examined.
    classes : int, optional
        How many classes there should be; without it as many as ``classes.csv`` lists, and where there is none, any
        number is allowed.

    Returns
    -------
    Report
        Findings with the codes of `masks.doctor` (``0-255``, ``interpolated``, ``palette``, ``transposed``, …) and
        ``no-label``, ``no-image``, ``same-name``, ``not-an-image``, ``jpeg`` (a label in a lossy file), ``damaged``,
        ``turned`` (an EXIF tag turns the photograph when it is shown), ``checksum`` (by ``sha256sums.txt``).

    Raises FileNotFoundError and ValueError where there is no folder of that form at all.
    """
    root = _existing(path)
    places = [root / name for name in _splits(root)] if split is None else []
    places = places or [_split(root, split)]
    findings, checked = [], 0
    for place in places:
        pairs, unpaired = _pairs(place)
        findings += unpaired
        checked += len(pairs)
        known = classes or max(_classes(place, root), default=-1) + 1 or None
        for pair in pairs:
            findings += _examine(*pair, known)
    return Report([*findings, *_changed(root)], root, checked)


def _examine(image_file, label_file, classes):
    """Findings of one pair."""
    image = None
    try:
        image = _image(image_file)
    except ValueError as trouble:
        yield image_file, Finding("damaged", str(trouble), "Replace the file.")
    else:
        if _turned(image_file):
            problem = (
                "An EXIF tag turns this photograph when it is shown, but the stored pixels lie otherwise."
            )
            remedy = "`ImageOps.exif_transpose(picture)`, save it, and look whether the label lies on it."
            yield image_file, Finding("turned", problem, remedy, certain=False)
    try:
        label = _label(label_file)
    except ValueError as trouble:
        code = "jpeg" if isinstance(trouble, _Lossy) else "damaged"
        yield label_file, Finding(code, str(trouble), "Draw or export it again, as PNG.")
    else:
        yield from ((label_file, finding) for finding in masks.doctor(label, image, classes))


def _changed(root):
    """Findings from comparing the files with ``sha256sums.txt``, where there is one."""
    listing = root / "sha256sums.txt"
    for line in listing.read_text(encoding="utf-8").splitlines() if listing.is_file() else ():
        digest, _, name = line.partition(" ")
        file = root / name.strip().removeprefix("*")
        if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != digest:
            problem = (
                "The file is missing." if not file.is_file() else "The file has changed since it was listed."
            )
            yield (
                file,
                Finding("checksum", problem, "Take it from the source again, or update sha256sums.txt."),
            )


# ------------------------------------------------------------------------------------------- what is there


def _existing(path):
    root = Path(path).expanduser()
    if not root.is_dir():
        raise FileNotFoundError(f"There is no folder {root.absolute()}. {FORM}")
    return root


def _splits(root):
    return sorted(place.name for place in root.iterdir() if (place / "images").is_dir())


def _split(root, split):
    """The folder that holds images/ and labels/."""
    splits = _splits(root)
    if split is None and (root / "images").is_dir():
        return root
    if split is None and len(splits) == 1:
        return root / splits[0]
    if split in splits:
        return root / split
    if splits:
        asked = "Say which split to take" if split is None else f"There is no split {split!r}"
        raise ValueError(f"{asked}: {root} has {', '.join(splits)}.")
    raise ValueError(
        f"{root} is no folder of images and labels{f' with a split {split!r}' * bool(split)}. {FORM}"
    )


def _pairs(place):
    """The pairs (image, label) in the order of their names, and (path, Finding) for what has no partner."""
    kind = next((name for name in TARGETS if (place / name).is_dir()), None)
    if kind is None:
        raise ValueError(f"{place} has images/ but neither {' nor '.join(f'{name}/' for name in TARGETS)}.")
    (images, findings), (labels, more) = _files(place / "images", IMAGES), _files(place / kind, LABELS)
    remedy = f"A label has the name of its image and lies in {kind}/: images/a.jpg, {kind}/a.png."
    for name in images.keys() - labels.keys():
        more.append((images[name], Finding("no-label", "The image has no label.", remedy)))
    for name in labels.keys() - images.keys():
        more.append((labels[name], Finding("no-image", "The label has no image.", remedy)))
    both = sorted(images.keys() & labels.keys())
    return [(images[name], labels[name]) for name in both], sorted(
        findings + more, key=lambda found: found[0]
    )


def _files(place, endings):
    """The files of a folder by their name without ending, and findings for those that cannot be used."""
    files, findings = {}, []
    for path in sorted(place.iterdir()):
        if path.name.startswith(".") or path.name.lower() in CLUTTER:
            continue
        if path.suffix.lower() in endings and path.is_file():
            if path.stem in files:
                problem = f"It has the same name as {files[path.stem].name}."
                findings.append((path, Finding("same-name", problem, "Keep one, or rename it.")))
            files.setdefault(path.stem, path)
        elif path.suffix.lower() in IMAGES and path.is_file():
            problem = "A label in a JPEG file: the compression changes numbers, most of all along outlines."
            findings.append((path, Finding("jpeg", problem, "Draw or export it again, as PNG.")))
        else:
            problem = f"It is none of {', '.join(endings)}."
            findings.append((path, Finding("not-an-image", problem, "Convert it, or move it elsewhere.")))
    return files, findings


def _rows(place, split):
    """``index.csv`` of a folder: dict of name to row, of the rows that belong to a split."""
    table = _table(place / "index.csv", "file")
    return {_stem(row["file"]): row for row in table if row.get("split", split) == split}


def _stem(file):
    """A file name without its ending, which a table may leave out: the dots of a name stay."""
    return Path(file).stem if Path(file).suffix.lower() in IMAGES else file


def _classes(*places):
    """``classes.csv`` of the first folder that has one: dict of number to name."""
    for place in places:
        if table := _table(place / "classes.csv", "index", "name"):
            return {int(row["index"]): row["name"] for row in table}
    return {}


def _table(path, *columns):
    """Rows of a CSV file as dicts of str, also with a spreadsheet's ; and BOM; empty where there is no file."""
    if not path.is_file():
        return []
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8: save it as “CSV UTF-8”.") from None
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    table = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    if missing := [column for column in columns if column not in (table.fieldnames or ())]:
        raise ValueError(
            f"{path} has no column {missing[0]!r}; it has {', '.join(table.fieldnames or ['none'])}."
        )
    return list(table)


# ------------------------------------------------------------------------------------------- one file


class _Lossy(ValueError):
    """A label that was stored as a JPEG."""


def _open(path, lossless=False):
    """The picture of a file with its pixels loaded; ValueError names the file and what is wrong with it."""
    try:
        with Image.open(path) as picture:
            if lossless and picture.format == "JPEG":
                raise _Lossy(f"{path} is a JPEG, whatever its name: the compression changes labels.")
            picture.load()
            return picture
    except UnidentifiedImageError:
        raise ValueError(f"{path} is not an image that can be read here.") from None
    except FileNotFoundError:
        raise
    except (OSError, SyntaxError, Image.DecompressionBombError) as trouble:  # Pillow's words for broken files
        raise ValueError(f"{path} cannot be read: {trouble}.") from trouble


def _image(path):
    """float64 (H, W) or (H, W, 3) in [0, 1], by the depth of the file; transparency is dropped."""
    picture = _open(path)
    if picture.mode == "F":
        raise ValueError(f"{path} holds floating-point numbers of unknown range: save it with 8 or 16 bits.")
    if picture.mode.startswith("I"):
        pixels = np.asarray(picture)
        if pixels.min() < 0 or pixels.max() > 65535:
            raise ValueError(f"{path} holds {pixels.min()} … {pixels.max()}: save it with 8 or 16 bits.")
        return pixels / 65535.0
    return np.asarray(picture.convert("L" if picture.mode in ("1", "L", "LA") else "RGB")) / 255.0


def _label(path):
    """The numbers of a label file as they are: of a palette image its indices, of a colour image (H, W, 3)."""
    label = np.asarray(_open(path, lossless=True))
    whole = label.dtype.kind == "f" and np.isfinite(label).all() and (label == np.round(label)).all()
    return label.astype(np.int32) if whole else label


def _turned(path):
    """A sentence for a photograph that carries an EXIF turn; "" for all others."""
    with Image.open(path) as picture:
        orientation = picture.getexif().get(ORIENTATION, 1)
    return "" if orientation == 1 else f"\nAn EXIF tag turns {path.name} when it is shown: save it upright."
