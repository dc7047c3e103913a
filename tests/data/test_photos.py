"""The photographs load, the outlines are sound, and the raster follows the stated rule."""

import itertools
import json
import subprocess
import sys

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from course_utils import paths
from course_utils.data import checksums, photos

DRAWINGS = [(name, who) for who in "AB" for name in photos.names(who)]
drawings = pytest.mark.parametrize(("name", "who"), DRAWINGS)

# Share of the photograph that each object covers, as one would guess it from a look at the picture.
PLAUSIBLE = {
    ("astronaut", "astronaut"): (0.3, 0.5),
    ("astronaut", "helmet"): (0.08, 0.2),
    ("camera", "man"): (0.2, 0.4),
    ("camera", "camera"): (0.008, 0.016),
    ("camera", "tripod"): (0.02, 0.05),
    ("chelsea", "cat"): (0.7, 0.85),
    ("coffee", "saucer"): (0.15, 0.35),
    ("coffee", "cup"): (0.15, 0.3),
    ("coffee", "spoon"): (0.015, 0.04),
    ("page", "text"): (0.05, 0.15),
    ("page", "rules"): (0.008, 0.02),
    ("rocket", "rocket"): (0.01, 0.03),
}


# --- loading ---------------------------------------------------------------------------------------------


def test_the_annotated_photographs():
    assert {"astronaut", "camera", "chelsea", "coffee", "coins", "page", "rocket"} <= set(photos.names())
    assert len(photos.names()) >= 8
    assert set(photos.names("B")) <= set(photos.names()) <= set(photos.CATALOGUE)


@pytest.mark.parametrize("name", photos.names())
def test_load(name):
    photo = photos.load(name)
    assert photo.image.dtype == np.float64 and 0.0 <= photo.image.min() < photo.image.max() <= 1.0
    assert photo.labels.dtype == np.int32 and photo.labels.shape == photo.image.shape[:2]
    assert photo.mask.dtype == bool and np.array_equal(photo.mask, photo.labels > 0)
    # Every object is seen: none has vanished behind another.
    assert np.unique(photo.labels).tolist()[-len(photo.objects) :] == list(range(1, len(photo.objects) + 1))
    assert len(set(photo.objects)) == len(photo.objects) == len(photo.classes)
    assert photo.source and photo.licence


@pytest.mark.parametrize("name", photos.CATALOGUE)
def test_image_equals_scikit_image(name):
    """The same pixels as scikit-image's own reader gives, without its downloader."""
    from skimage.io import imread

    image = photos.image(name)
    assert image.dtype == np.float64 and image.ndim in (2, 3)
    if name != "horse":  # transparent: scikit-image leaves the paper to the reader
        assert np.array_equal(image, imread(photos.file(name)) / 255.0)


def test_the_horse_is_black_on_white():
    horse = photos.image("horse")
    assert horse.ndim == 2 and horse[0, 0] == 1.0 and horse[photos.load("horse").mask].mean() < 0.05


def test_callers_cannot_corrupt_what_the_next_one_gets():
    before = photos.load("coins")
    spoiled = photos.load("coins")
    spoiled.image[:] = 0.5
    spoiled.labels[:] = 7
    photos.second("coins")[:] = 7
    after = photos.load("coins")
    assert np.array_equal(before.image, after.image) and np.array_equal(before.labels, after.labels)
    assert photos.second("coins").max() == 24
    with pytest.raises(ValueError, match="read-only"):
        photos.outlines("coins")[0].rings[0][0] = 0


def test_second_has_the_numbers_of_the_first():
    for name in photos.names("B"):
        first, second = photos.load(name), photos.second(name)
        assert second.dtype == np.int32 and second.shape == first.labels.shape
        for outline in photos.outlines(name, "B"):
            number = first.objects.index(outline.name) + 1
            assert outline.kind == first.classes[number - 1]
            assert np.mean(second[first.labels == number] == number) > 0.9, (name, outline.name)


def test_object_by_name_and_by_class():
    camera = photos.load("camera")
    assert np.array_equal(camera.object("man"), camera.labels == camera.objects.index("man") + 1)
    assert np.array_equal(photos.load("coins").object("coin"), photos.load("coins").mask)
    with pytest.raises(ValueError, match=r"man, .*camera.*tripod"):
        camera.object("bird")


def test_unknown_names_are_told_what_there_is():
    with pytest.raises(ValueError, match=r"'coin' is no annotated photograph; choose from .*coins"):
        photos.load("coin")
    with pytest.raises(ValueError, match=r"chelsea.*photos\.image"):
        photos.load("moon")
    with pytest.raises(ValueError, match=r"second drawing; choose from .*chelsea"):
        photos.second("page")
    with pytest.raises(ValueError, match=r"no photograph called 'lena'; choose from .*coins"):
        photos.image("lena")


def test_a_photograph_that_scikit_image_lost(monkeypatch):
    monkeypatch.setitem(photos.CATALOGUE, "lost", photos.Origin("lost.png", "nowhere", "none"))
    with pytest.raises(FileNotFoundError, match=r"does not carry the photograph 'lost'.*course doctor"):
        photos.image("lost")


def test_importing_is_light():
    """Neither plotting, nor networks, nor scikit-image itself; and nobody opens a socket."""
    script = (
        "import socket, sys\n"
        "socket.socket.connect = lambda *a: sys.exit('network')\n"
        "from course_utils import data\n"
        "data.photos.load('coins')\n"
        "print([m for m in ('matplotlib', 'torch', 'skimage', 'scipy', 'pooch') if m in sys.modules])\n"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


# --- the drawings ----------------------------------------------------------------------------------------


@drawings
def test_file_says_what_it_is(name, who):
    file = paths.bundled("data") / "annotations" / f"{name}.{who}.json"
    drawn = json.loads(file.read_text(encoding="utf-8"))
    assert (drawn["photo"], drawn["annotator"]) == (name, who)
    assert drawn["drawn"].startswith("202")


@drawings
def test_rings_lie_inside_the_photograph(name, who):
    height, width = photos.image(name).shape[:2]
    for outline in photos.outlines(name, who):
        for ring in outline.rings:
            assert np.all(ring >= -0.5), outline.name
            assert np.all(ring <= [width - 0.5, height - 0.5]), outline.name


@drawings
def test_rings_are_simple_polygons(name, who):
    """At least three vertices, none twice in a row, and no edge crosses another of the same object."""
    for outline in photos.outlines(name, who):
        assert outline.rings, outline.name
        for ring in outline.rings:
            assert len(ring) >= 3
            assert np.all(np.any(ring != np.roll(ring, -1, axis=0), axis=1)), outline.name
            assert not crossings(ring, ring), (outline.name, crossings(ring, ring))
        for one, other in itertools.combinations(outline.rings, 2):
            if np.all(one.min(0) <= other.max(0)) and np.all(other.min(0) <= one.max(0)):
                assert not crossings(one, other), (outline.name, crossings(one, other))


def crossings(one, other):
    """Where edges of two rings properly cross: the ends of each lie strictly on both sides of the other."""
    (a, b), (c, d) = ((ring[:, None], np.roll(ring, -1, axis=0)[:, None]) for ring in (one, other))
    c, d = c.swapaxes(0, 1), d.swapaxes(0, 1)

    def side(p, q, r):
        return np.sign(
            (q[..., 0] - p[..., 0]) * (r[..., 1] - p[..., 1])
            - (q[..., 1] - p[..., 1]) * (r[..., 0] - p[..., 0])
        )

    cross = (side(a, b, c) * side(a, b, d) < 0) & (side(c, d, a) * side(c, d, b) < 0)
    return one[np.nonzero(cross)[0]].tolist()


def test_crossings_sees_a_bow_tie():
    assert crossings(*[np.array([[0, 0], [4, 4], [4, 0], [0, 4.0]])] * 2)
    assert not crossings(*[np.array([[0, 0], [4, 0], [4, 4], [0, 4.0]])] * 2)


@pytest.mark.parametrize(("name", "object_name"), PLAUSIBLE)
def test_areas_are_plausible(name, object_name):
    low, high = PLAUSIBLE[name, object_name]
    assert low < photos.load(name).object(object_name).mean() < high


def test_24_coins_that_touch_nowhere():
    coins = photos.load("coins")
    assert coins.objects == tuple(f"coin {i}" for i in range(1, 25))
    areas = np.bincount(coins.labels.ravel())[1:]
    assert areas.min() > 900 and areas.max() < 3500
    alone = [photos.rasterise(outline.rings, coins.labels.shape) for outline in photos.outlines("coins")]
    assert np.sum(alone, axis=0).max() == 1  # disjoint before any overlap was resolved
    # … and the background runs around each one: no label has a neighbour of another label.
    for a, b in ((coins.labels[1:], coins.labels[:-1]), (coins.labels[:, 1:], coins.labels[:, :-1])):
        assert np.all((a == b) | (a == 0) | (b == 0))
    # They are numbered as one reads: rows from the top, each from the left.
    centres = np.array([np.argwhere(coins.labels == i).mean(axis=0) for i in range(1, 25)]).reshape(4, 6, 2)
    assert np.all(np.diff(centres[..., 1], axis=1) > 0)
    assert np.all(np.diff(centres[..., 0].mean(axis=1)) > 0)


def test_coins_are_brighter_than_what_surrounds_them():
    """An outline that is shifted or inverted would not have the edge of the metal under it."""
    coins = photos.load("coins")
    for outline in photos.outlines("coins"):
        ring = outline.rings[0]
        centre = ring.mean(axis=0)
        inside, outside = (
            np.mean(
                [coins.image[tuple(np.round(p).astype(int)[::-1])] for p in centre + scale * (ring - centre)]
            )
            for scale in (0.93, 1.07)
        )
        assert inside > outside + 0.15, outline.name


def test_ink_is_darker_than_the_paper_beside_it():
    page = photos.load("page")
    text = page.object("text")
    for rows in np.array_split(np.arange(len(text)), 6):
        for columns in np.array_split(np.arange(text.shape[1]), 8):
            piece, ink = page.image[np.ix_(rows, columns)], text[np.ix_(rows, columns)]
            if ink.sum() > 20:
                assert piece[ink].mean() < piece[~ink].mean() - 0.05, (rows[0], columns[0])


# --- the raster ------------------------------------------------------------------------------------------


def test_pixel_centres_are_at_whole_numbers():
    """A square around the centres 2 … 4; its left and upper edges belong to it, the others do not."""
    loose = photos.rasterise([[(1.5, 1.5), (4.5, 1.5), (4.5, 4.5), (1.5, 4.5)]], (7, 8))
    tight = photos.rasterise([[(2, 2), (5, 2), (5, 5), (2, 5)]], (7, 8))
    expected = np.zeros((7, 8), bool)
    expected[2:5, 2:5] = True
    assert np.array_equal(loose, expected) and np.array_equal(tight, expected)


def test_even_odd_makes_holes_and_parts():
    square = [(0.5, 0.5), (8.5, 0.5), (8.5, 8.5), (0.5, 8.5)]
    hole = [(3.5, 3.5), (5.5, 3.5), (5.5, 5.5), (3.5, 5.5)]
    part = [(10.5, 0.5), (11.5, 0.5), (11.5, 1.5), (10.5, 1.5)]
    for rings in itertools.permutations([square, hole, part]):
        assert photos.rasterise(rings, (10, 13)).sum() == 64 - 4 + 1


def test_rings_may_leave_the_frame():
    assert photos.rasterise([[(-9, -9), (90, -9), (90, 90), (-9, 90)]], (4, 5)).all()
    assert not photos.rasterise([[(-9, -9), (-2, -9), (-2, 90), (-9, 90)]], (4, 5)).any()
    assert not photos.rasterise([], (4, 5)).any()


coordinates = st.integers(-8, 60).map(lambda quarter: quarter / 4)  # many fall exactly on pixel centres


@hypothesis.given(st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=9))
def test_raster_equals_the_textbook_rule(ring):
    """Shoot a ray from each centre to the left and count the edges that it meets."""
    expected = np.zeros((12, 14), bool)
    for (x0, y0), (x1, y1) in zip(ring, ring[1:] + ring[:1], strict=True):
        for y, x in np.ndindex(expected.shape):
            if (y0 <= y) != (y1 <= y) and x0 + (y - y0) * (x1 - x0) / (y1 - y0) <= x:
                expected[y, x] ^= True
    assert np.array_equal(photos.rasterise([ring], expected.shape), expected)


@drawings
def test_raster_has_the_area_of_the_polygon(name, who):
    """The shoelace formula, holes subtracted, against the counted pixels of each object."""
    shape = photos.image(name).shape[:2]
    for outline in photos.outlines(name, who):
        doubled = [np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) for x, y in (r.T for r in outline.rings)]
        inside = [
            sum(inside_of(ring[0], other) for other in outline.rings if other is not ring)
            for ring in outline.rings
        ]
        area = sum(abs(d) / 2 * (-1) ** depth for d, depth in zip(doubled, inside, strict=True))
        length = sum(np.hypot(*(r - np.roll(r, 1, axis=0)).T).sum() for r in outline.rings)
        assert abs(photos.rasterise(outline.rings, shape).sum() - area) < max(2, 0.1 * length), outline.name


def inside_of(point, ring):
    if np.any(point < ring.min(axis=0)) or np.any(point > ring.max(axis=0)):
        return 0
    (x0, y0), (x1, y1) = ring.T, np.roll(ring, -1, axis=0).T
    met = (y0 <= point[1]) != (y1 <= point[1])
    slope = (x1 - x0)[met] / (y1 - y0)[met]
    return np.sum(x0[met] + (point[1] - y0[met]) * slope <= point[0]) % 2


# --- the README of the data ------------------------------------------------------------------------------


def test_every_file_has_a_row_with_its_checksum():
    """To mend: write the missing row, then `python -m course_utils.data.checksums`."""
    assert checksums.listed() == checksums.actual()


def test_update_writes_checksums_and_names_what_is_missing(tmp_path, monkeypatch):
    (tmp_path / "here.csv").write_bytes(b"")
    (tmp_path / "new.csv").write_bytes(b"")
    (tmp_path / "README.md").write_text(
        "| `here.csv` | x | `` |\n| `gone.csv` | x | `12` |\n", encoding="utf-8"
    )
    monkeypatch.setattr(paths, "bundled", lambda name: tmp_path)
    monkeypatch.setattr(photos, "CATALOGUE", {})
    assert checksums.update() == (["new.csv"], ["gone.csv"])
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert checksums.listed() == {"here.csv": empty, "gone.csv": ""}
