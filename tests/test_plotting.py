"""Figures: small, described, readable without colour; overlays that touch only what they should."""

import io
from html.parser import HTMLParser
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.segmentation import find_boundaries

from course_utils import plotting as P

ALT = "Two coins, the left one found by the threshold, the right one missed."
RNG = np.random.default_rng(0)
IMAGE = RNG.random((60, 80))
MASK = IMAGE > 0.5
X = np.linspace(0, 1, 20)
PANELS = {
    "picture": P.Picture(IMAGE, "grey", note="IoU 0.5"),
    "colour": P.Picture(RNG.random((60, 80, 3)), "colour", labels=MASK),
    "data": P.Picture(IMAGE * 300 - 20, "data", colormap="viridis", outlines=MASK.astype(int)),
    "bool": P.Picture(MASK, "mask"),
    "lines": P.Picture(IMAGE, "grey", lines={"start": [(-9, 5), (20, 40)], "end": [(5, 5), (40, 99)]}),
    "errors": P.Errors(MASK, MASK.T.copy().reshape(60, 80), "errors"),
    "numbers": P.Numbers(
        np.arange(6).reshape(2, 3), "numbers", highlight=np.eye(2, 3) > 0, rows="ab", columns="cde"
    ),
    "nan": P.Numbers([[np.nan, 1.0]], "not defined", format=".2f"),
    "scaled": P.Numbers([[-0.2, 0.0]], "around nought", scale=(-5, 5)),
    "histogram": P.Histogram(X, X, "h", {"Otsu": 0.4, "Li": 0.5}, curve=("variance", X, X**2)),
    "log": P.Histogram(X, X, "h", log=True),
    "curves": P.Curves(X, {"a": X, "b": (X, X**2)}, "c", marks={"best": (0.5, 0.5)}, ylim=(0, 1)),
    "powers": P.Curves(range(1, 4), {"a": 10.0 ** np.arange(3)}, "l", names="abc", log=True, log_y=True),
    "bars": P.Bars({"a": 0.5, "b": np.nan}, "b", spread={"a": (0.4, 0.6)}),
    "points": P.Points({"a": (X, X), "b": (X, X**2)}, "p", diagonal=True),
    "front": P.Front({"cheap": (1, 0.2), "dear": (100, 0.9, 0.05), "beaten": (120, 0.3)}, "f", "ms", "IoU"),
    "front of kinds": P.Front(
        {"cheap": (1, 0.2), "dear": (100, 0.9)},
        kinds=("by hand", "taught"),
        kind={"cheap": "by hand", "dear": "taught"},
    ),
    "points of one unit": P.Points({"a": (X, X)}, "p", colours=((0.2, 0.4, 0.6),), equal=True),
    "network": P.Network({"s": (0, 1), "t": (2, 0)}, [("s", "t", "3")], "n", full=[("s", "t")], side=["s"]),
}


class Parser(HTMLParser):
    """Collects tags with attributes and checks that the HTML is closed properly."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.text = [], [], ""
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("name", PANELS)
def test_each_panel_draws_something_small(name):
    figure = P.figure(PANELS[name], alt=ALT, caption="The caption.")
    picture = np.asarray(Image.open(io.BytesIO(figure.webp)).convert("L"))
    assert picture.shape == figure.size[::-1] and picture.shape[1] <= P.WIDTH
    assert (picture < 128).mean() > 0.002, "the picture is blank"
    assert len(figure.webp) < 60_000


def test_two_tables_of_one_scale_show_a_number_in_one_grey():
    def grey(array):
        figure = P.figure(P.Numbers(array, scale=(-5, 5)), alt=ALT, caption="The caption.")
        picture = np.asarray(Image.open(io.BytesIO(figure.webp)).convert("L")).astype(int)
        return int(np.median(picture))  # the ground of its equal cells

    assert abs(grey([[0.0, 0.0]]) - 127) < 8 and grey([[4.0, 4.0]]) > grey([[0.0, 0.0]]) + 60


def test_names_take_the_place_of_the_numbers_below_a_curve():
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    P.Curves([0, 2], {"a": [1, 2]}, names=("near", "far")).draw(axes)
    assert [(tick.get_position()[0], tick.get_text()) for tick in axes.get_xticklabels()] == [
        (0, "near"),
        (2, "far"),
    ]


def test_on_the_front_are_those_that_none_beats_in_both():
    assert P.undominated([1, 2, 3, 3, 1], [0.1, 0.5, 0.4, 0.6, 0.1]).tolist() == [
        True,
        True,
        False,
        True,
        True,
    ]
    values = {"dear": (30, 0.9), "worse": (40, 0.8), "cheap": (1, 0.2, 0.01), "as good": (30, 0.7)}
    assert P.Front(values).front == ("cheap", "dear")


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20).map(sorted))
def test_names_are_moved_apart_and_no_farther_than_they_must(places):
    gap = 1 / 20
    found = P.apart(places, gap)
    assert (
        np.all(np.diff(found) >= gap - 1e-9)
        and gap / 2 - 1e-9 <= found[0]
        and found[-1] <= 1 - gap / 2 + 1e-9
    )
    inside = np.clip(places, gap / 2, 1 - gap / 2)
    if np.all(np.diff(inside) >= gap):
        assert np.allclose(found, inside)


def test_kinds_of_a_front_differ_by_shape_and_are_named_once_for_all_panels():
    from matplotlib.figure import Figure

    kinds = ("a", "b", "c", "d", "e")
    panel = P.Front({k: (n + 1, n) for n, k in enumerate(kinds)}, kinds=kinds, kind={k: k for k in kinds})
    handles = panel.handles()
    assert [handle.get_label() for handle in handles] == list(kinds)
    assert len({handle.get_marker() for handle in handles}) == 5 == len({h.get_color() for h in handles})
    axes = Figure().add_subplot()
    panel.draw(axes)
    drawn = [line for line in axes.lines if line.get_marker() not in ("None", "")]
    shapes = {(line.get_marker(), line.get_color()) for line in drawn}
    assert shapes == {(handle.get_marker(), handle.get_color()) for handle in handles}
    names = [text.get_text().strip() for text in axes.texts]
    assert names == list(kinds)  # in the order of the scores
    alone, named = (P.figure(panel, alt=ALT, caption="", legend=legend, height=4) for legend in (False, True))
    assert alone.size == named.size and alone.webp != named.webp


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ((3, 40), {"5", "10", "20"}),
        ((0.05, 500), {"0.1", "1", "10", "100"}),
        ((0.002, 0.9), {"0.01", "0.1", "1"}),
    ],
)
def test_the_numbers_along_a_logarithmic_axis_are_written_out(values, named):
    from matplotlib.figure import Figure

    along, up = Figure().add_subplot(), Figure().add_subplot()
    P.Curves(np.array(values), {"a": np.array([0, 1])}, log=True).draw(along)
    P.Curves(np.array([0, 1]), {"a": np.array(values)}, log_y=True).draw(up)
    for axis in (along.xaxis, up.yaxis):
        ticks = dict(zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=True))
        low, high = axis.get_view_interval()
        assert {text.get_text() for at, text in ticks.items() if low <= at <= high} == named
        assert not any(text.get_text() for text in axis.get_ticklabels(minor=True))


def test_a_figure_of_all_panels_is_laid_out_in_rows():
    one, two = (
        P.figure(*PANELS.values(), alt=ALT, caption="c"),
        P.figure(*PANELS.values(), alt=ALT, caption="c", columns=2),
    )
    assert two.size[1] > one.size[1]


def test_long_titles_are_wrapped_and_a_lone_panel_is_no_wider_than_its_column():
    short, long = (
        P.figure(P.Picture(IMAGE, t), alt=ALT, caption="c", columns=3) for t in ("short", "long title " * 9)
    )
    assert short.size[0] == P.WIDTH / 3
    assert long.size[1] > short.size[1] + 40


def test_the_bundle_is_plain_html_with_alt_and_caption():
    figure = P.panels([IMAGE, MASK], titles=["a", "b"], alt=ALT + ' <"quotes">', caption="A < B")
    bundle = figure._repr_mimebundle_()
    parser = Parser(bundle["text/html"])
    assert [tag for tag, _ in parser.tags] == ["figure", "img", "figcaption"]
    image = parser.tags[1][1]
    assert image["alt"] == ALT + ' <"quotes">' == bundle["text/plain"]
    assert image["src"].startswith("data:image/webp;base64,")
    assert parser.text == "A < B"
    assert "script" not in bundle["text/html"] and "class=" not in bundle["text/html"]


def test_a_figure_without_description_is_refused():
    with pytest.raises(ValueError, match="40"):
        P.figure(P.Picture(IMAGE), alt="coins", caption="c")
    with pytest.raises(ValueError, match="panel"):
        P.figure(alt=ALT, caption="c")
    with pytest.raises(ValueError, match="titles has 1 entries for 2 images"):
        P.panels([IMAGE, IMAGE], titles=["a"], alt=ALT, caption="c")


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.integers(0, 3)))
def test_outline_is_the_inner_boundary(labels):
    expected = find_boundaries(np.pad(labels, 1, mode="edge"), mode="inner", connectivity=1)[1:-1, 1:-1]
    assert (P.outline(labels) == (expected & (labels != 0))).all()


@given(hnp.arrays(np.uint8, (7, 9), elements=st.integers(0, 3)), st.floats(0, 1))
def test_overlay_leaves_the_background_alone(labels, alpha):
    image = np.linspace(0, 1, 63).reshape(7, 9)
    before = image.copy()
    rgb = P.overlay(image, labels, alpha)
    assert (image == before).all() and rgb.shape == (7, 9, 3)
    assert (rgb[labels == 0] == image[labels == 0][:, None]).all()
    assert rgb.min() >= 0 and rgb.max() <= 1


def test_wrong_shapes_are_named():
    with pytest.raises(ValueError, match=r"\(3, 3\).*\(60, 80\)"):
        P.overlay(IMAGE, np.zeros((3, 3), int))
    with pytest.raises(ValueError, match="differ in shape"):
        P.errors(MASK, MASK.T)


# Machado, Oliveira & Fernandes 2009, severity 1.0, on linear RGB
DEFICIENCY = {
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def seen_as(rgb, deficiency):
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(DEFICIENCY[deficiency]).T, 0, 1)
    return np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("deficiency", DEFICIENCY)
@pytest.mark.parametrize(
    "colours", [P.PALETTE[:4], tuple(P.ERRORS.values())], ids=["first four labels", "errors"]
)
def test_colours_stay_apart_for_colour_blind_readers(colours, deficiency):
    lab = rgb2lab(seen_as(P._rgb(colours), deficiency))
    closest = min(deltaE_ciede2000(a, b) for a, b in combinations(lab, 2))
    assert closest > 8, f"{closest:.1f}"


def test_missed_and_false_pixels_differ_without_colour():
    grey = P.errors(np.eye(120) > 0, np.ones((120, 120))).mean(-1)
    assert len(np.unique(grey.round(2))) >= 3


def test_table_marks_the_best_and_reads_as_text():
    rows = [["Otsu", 0.7, 3], ["Li & Tam", 0.8, None], ["none", float("nan"), 9]]
    table = P.table(
        ["method", "IoU", "ms"], rows, caption="Li wins.", best=["IoU", "ms"], lower_is_better=["ms"]
    )
    parser = Parser(table.html)
    assert (
        "0.800 ★" in parser.text and "3 ★" in parser.text and "–" in parser.text and "Li & Tam" in parser.text
    )
    assert [a["scope"] for t, a in parser.tags if t == "th"] == ["col"] * 3 + ["row"] * 3
    assert "Li wins." in repr(table) and table._repr_mimebundle_()["text/plain"] == repr(table)
