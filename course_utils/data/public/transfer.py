"""From an address to a folder on the disk: resumed, verified, and unpacked where nothing can escape.

Whatever is half done has another name than what is done. A download grows as ``NAME.part``; a later call goes on
where it ended, if the server can (HTTP ``Range``), and begins again if not. Only a file of the right checksum becomes
``NAME``. A folder is built under another name too, and renamed when it is whole.

An archive is a stranger's list of file names. Each is looked at before it is written: no absolute path, no ``..``,
no link, no device, and no more bytes in all than pictures can have been packed into.
"""

import errno
import gzip
import os
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from contextlib import contextmanager
from functools import partial

TIMEOUT = 30  # seconds without a byte
BLOCK = 1 << 20
PARTIAL, BEYOND = 206, 416  # HTTP: here is the part you asked for; the file ends before it
GROWTH = 10  # pictures are compressed already: unpacked they are hardly larger than their archive
SLACK = 10**6  # bytes, for archives so small that the growth says nothing
MEMBERS = 100_000

FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
LOCKED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}
DAMAGED = (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error)


# ------------------------------------------------------------------------------------------- download


def fetch(url, path, checksum, size):
    """Bring one file to the disk, once.

    Parameters
    ----------
    url : str
    path : pathlib.Path
        Where the file shall lie. What lies there already is verified and not fetched again, so a file can be put
        there by hand.
    checksum : str or None
        ``"sha256:…"`` or ``"md5:…"``. Without one the SHA-256 of what came is written beside the file, and a later
        call compares with that.
    size : int
        Bytes to expect, for the question whether they fit on the disk.

    Returns
    -------
    pathlib.Path
        ``path``.

    Raises
    ------
    ConnectionError
        No network, no such file, or a transfer that broke off; what has arrived stays for the next call.
    ValueError
        Wrong checksum. A fresh download is removed; a file that was there is renamed to ``NAME.wrong``.
    OSError
        ENOSPC when the disk or the quota is full, PermissionError where nothing may be written.
    """
    import pooch
    import requests
    import urllib3

    part = _beside(path, ".part")
    if path.is_file():
        _verify(path, checksum)
        return path
    with on_disk(path.parent, size - _size(part)):
        try:
            pooch.retrieve(url, checksum, path.name, path.parent, downloader=partial(_download, part=part))
        except (requests.RequestException, urllib3.exceptions.HTTPError) as trouble:
            raise ConnectionError(
                f"{url} could not be fetched: {trouble}. Call again, and it goes on where it ended "
                f"({_mb(_size(part))} of {_mb(size)} are here). Or get the file with a browser and put it here: {path}"
            ) from trouble
        except ValueError as trouble:
            raise ValueError(
                f"What came from {url} is not the file that was published (its checksum should be {checksum}), "
                "so it was removed. A transfer that went wrong is cured by calling again. If it happens twice, the "
                "publisher has changed the file: `unverified=True` takes it as it is, at your own risk."
            ) from trouble
        if checksum is None:
            _record(path)
    return path


def _download(url, output, _pooch, *, part):
    """A downloader for pooch, which knows no resuming: tries again as long as each try brings new bytes."""
    import requests
    import urllib3

    while True:
        before = _size(part)
        try:
            _append(url, part)
            break
        except (requests.RequestException, urllib3.exceptions.HTTPError):
            if _size(part) <= before:
                raise
    os.replace(part, output)


def _append(url, part):
    """One request: what is missing of ``part``, or all of it where the server cannot begin in the middle."""
    import requests
    from tqdm.auto import tqdm

    have = _size(part)
    # Identity: some servers declare a .tar.gz as a compressed .tar, and it would be unpacked on the way.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
        span, status = answer.headers.get("Content-Range", ""), answer.status_code
        if status == BEYOND and span.endswith(f"/{have}"):  # nothing is missing
            return
        if have and (status == BEYOND or (status == PARTIAL and not span.startswith(f"bytes {have}-"))):
            part.unlink()  # it belongs to another file
            return _append(url, part)
        answer.raise_for_status()
        if status != PARTIAL:
            have = 0
        length = answer.headers.get("Content-Length")
        total = None if length is None else have + int(length)
        bar = tqdm(
            total=total, initial=have, unit="B", unit_scale=True, desc=url.rpartition("/")[2], leave=False
        )
        with part.open("ab" if have else "wb") as file, bar:
            for block in answer.raw.stream(BLOCK, decode_content=False):
                file.write(block)
                bar.update(len(block))
    if total is not None and _size(part) != total:
        raise requests.ConnectionError(f"the connection ended at byte {_size(part)} of {total}")


def _verify(path, checksum):
    """Compare a file that lies here with the published checksum, or with the one recorded when it came."""
    import pooch

    record = _beside(path, ".sha256")
    known = checksum or (
        f"sha256:{record.read_text(encoding='utf-8').split()[0]}" if record.is_file() else None
    )
    if known is None:
        return _record(path)
    algorithm, _, digest = known.partition(":")
    if pooch.file_hash(path, alg=algorithm) != digest:
        aside = _beside(path, ".wrong")
        os.replace(path, aside)
        raise ValueError(
            f"{path} is damaged, cut short or another file: its checksum is not {known}. It was renamed to "
            f"{aside.name}. Call again to download it, or put a whole copy in its place."
        )


def _record(path):
    import pooch

    line = f"{pooch.file_hash(path)}  {path.name}\n"
    _beside(path, ".sha256").write_text(line, encoding="utf-8", newline="\n")


# ------------------------------------------------------------------------------------------- the disk


@contextmanager
def on_disk(folder, needed):
    """Make ``folder``, ask whether ``needed`` bytes fit, and say what to do when a write inside the block fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if needed > _free(folder):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        yield
    except OSError as trouble:
        if trouble.errno in FULL:
            message = (
                f"There is no room in {folder}: {_mb(needed)} are needed, {_mb(_free(folder))} are free. Free some, "
                "or set the environment variable COURSE_CACHE to a folder on another disk, and call again."
            )
            raise OSError(errno.ENOSPC, message) from trouble
        if trouble.errno in LOCKED:
            message = (
                f"Nothing can be written to {folder} ({trouble.strerror}). Set the environment variable COURSE_CACHE "
                "to a folder of your own, and call again."
            )
            raise PermissionError(trouble.errno, message) from trouble
        raise


@contextmanager
def building(place):
    """A fresh folder beside ``place`` to build in; it is removed at the end, however the block is left."""
    work = _beside(place, ".unfinished")
    shutil.rmtree(work, ignore_errors=True)  # of a process that was killed
    work.mkdir()
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _free(folder):
    return shutil.disk_usage(next(p for p in (folder, *folder.parents) if p.is_dir())).free


def _size(path):
    return path.stat().st_size if path.exists() else 0


def _beside(path, suffix):
    return path.with_name(path.name + suffix)


def _mb(size):
    return f"{size / 1e6:,.1f} MB"


# ------------------------------------------------------------------------------------------- unpack


def unpack(archive, folder):
    """Write the files of a zip or tar archive below ``folder``.

    Folders are made as the files need them; owner, rights and dates in the archive are not taken over.

    Raises
    ------
    ValueError
        For an archive that is damaged or of another kind; for a name that leads out of the folder, a link or a
        device; for more than `MEMBERS` files, or more bytes than `GROWTH` times the archive's own. What was written
        before that stays: build in a folder that you throw away (`building`).
    """
    left = GROWTH * archive.stat().st_size + SLACK
    try:
        for number, (name, plain, content) in enumerate(_members(archive)):
            if not plain:
                raise _refusal(archive, f"{name!r} is a link or a device, not a file")
            if number == MEMBERS:
                raise _refusal(archive, f"it holds more than {MEMBERS:,} files")
            target = _inside(folder, name, archive)
            target.parent.mkdir(parents=True, exist_ok=True)
            with content() as source, target.open("wb") as file:
                while block := source.read(BLOCK):
                    left -= len(block)
                    if left < 0:
                        raise _refusal(archive, "it grows without end when it is unpacked")
                    file.write(block)
    except DAMAGED as trouble:
        raise ValueError(
            f"{archive} is no whole zip or tar archive ({trouble}). Delete it and download again."
        ) from trouble


def _members(archive):
    """(name, whether it is an ordinary file, how to open it) of all members but folders."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as packed:
            for entry in packed.infolist():
                if not entry.is_dir():
                    kind = stat.S_IFMT(entry.external_attr >> 16)  # 0 where it was packed on Windows
                    yield entry.filename, kind in (0, stat.S_IFREG), partial(packed.open, entry)
    else:
        with tarfile.open(archive) as packed:
            for entry in packed:
                if not entry.isdir():
                    yield entry.name, entry.isreg(), partial(packed.extractfile, entry)


def _inside(folder, name, archive):
    parts = re.split(r"[/\\]", name)
    if parts[0] == "" or ".." in parts or ":" in name:
        raise _refusal(archive, f"{name!r} would be written outside of its folder")
    return folder.joinpath(*parts)


def _refusal(archive, why):
    return ValueError(
        f"{archive} was not unpacked, because {why}. No honest data set does that: delete the file."
    )
