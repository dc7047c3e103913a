"""The Python side of the canvas: what it encodes, how it takes events, and what it leaves without a kernel."""

import io
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from course_utils import plotting
from course_utils.explorers.canvas import (
    Canvas,
    Explorer,
    action,
    histogram_plot,
    layer,
    meters,
    number_grid,
    png,
    short,
    slider,
)


def decode(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))


def painted(raster):
    """What the page paints: RGBA (H, W, 4) of a layer's raster."""
    height, width = raster["size"]
    planes = np.frombuffer(raster["planes"], np.uint8).reshape(-1, -(-height * width // 8))
    bits = np.unpackbits(planes, axis=1, count=height * width).astype(int)
    number = (bits << np.arange(len(bits))[:, None]).sum(0)
    return np.array(raster["palette"], "<u4")[number].view(np.uint8).reshape(height, width, 4)


@pytest.fixture
def canvas():
    return Canvas(np.zeros((20, 30)), label="an empty sheet", tool="click", brushes=("background", "object"))


@pytest.fixture
def answers(canvas, monkeypatch):
    """What the canvas sends to the page, beside its traits."""
    sent = []
    monkeypatch.setattr(Canvas, "send", lambda self, content, buffers=None: sent.append(content))
    return sent


def draw(canvas, kind, *points, brush=1, **more):
    event = {"id": f"{kind}{points}", "kind": kind, "points": [list(p) for p in points], "brush": brush}
    canvas._receive(canvas, event | more, [])


# ------------------------------------------------------------------------------------------------ pictures


@pytest.mark.parametrize("image", [
    np.array([[0, 255], [7, 128]], np.uint8),
    np.array([[0, 255], [7, 128]]) / 255,
    np.array([[False, True], [True, False]]),
    np.random.default_rng(0).integers(0, 256, (5, 3, 3), np.uint8),
])  # fmt: skip
def test_png_keeps_every_pixel(image):
    scale = 1 if image.dtype == np.uint8 else 255
    grey = image if image.ndim == 3 else np.stack([image] * 3, -1)
    np.testing.assert_array_equal(decode(png(image))[..., :3], grey * scale)


@pytest.mark.parametrize("shape", [(4,), (4, 5, 4), (4, 5, 2), (0, 5), (2, 4, 5, 3)])
def test_png_refuses_what_is_no_picture(shape):
    with pytest.raises(ValueError, match=r"expected \(height, width\)"):
        png(np.zeros(shape))


def test_values_beyond_the_range_are_clipped():
    np.testing.assert_array_equal(decode(png(np.array([[-1.0, 2.0]])))[0, :, 0], [0, 255])


# -------------------------------------------------------------------------------------------------- layers


def test_a_layer_tints_the_object_and_nothing_else():
    mask = np.zeros((400, 300), bool)
    mask[100:200, 50:150] = True
    fill = painted(layer("object", mask, "#12ab34")["fill"])
    np.testing.assert_array_equal(fill[..., 3] > 0, mask)
    assert (fill[mask] == [0x12, 0xAB, 0x34, 255]).all()


def test_outlines_are_coloured_inside_and_dark_outside():
    mask = np.zeros((400, 300), bool)
    mask[100:200, 50:150] = True
    line = painted(layer("object", mask, "#12ab34", tint=False)["line"])
    drawn = line[..., 3] > 0
    inner = np.zeros_like(mask)
    inner[101:199, 51:149] = True
    outer = np.zeros_like(mask)
    outer[99:201, 49:151] = True
    assert drawn[mask & ~inner].all() and drawn[outer & ~mask][1:-1].any()
    assert not drawn[inner].any() and not drawn[~outer].any()
    assert (line[drawn & mask][:, :3] == [0x12, 0xAB, 0x34]).all()
    assert (line[drawn & ~mask][:, :3] == 0).all()


def test_neighbouring_labels_are_parted_by_an_outline():
    labels = np.repeat([[1, 2]], 300, axis=0).repeat(150, axis=1)
    made = layer("cells", labels, plotting.PALETTE)
    line = painted(made["line"])
    assert (line[:, 149, 3] == 255).all() and (line[:, 150, 3] == 255).all()
    assert (line[0, 149] != line[0, 150]).any()
    assert len({tuple(c) for c in painted(made["fill"])[0]}) == 2


def test_labels_share_colours_in_turn():
    labels = np.arange(21).reshape(3, 7)
    fill = painted(layer("cells", labels, ["#ff0000", "#00ff00"])["fill"])
    assert tuple(fill.reshape(-1, 4)[1]) == tuple(fill.reshape(-1, 4)[3]) == (255, 0, 0, 255)
    assert tuple(fill.reshape(-1, 4)[2]) == (0, 255, 0, 255)
    assert fill[0, 0, 3] == 0


def test_dashes_leave_gaps():
    mask = np.zeros((400, 400), bool)
    mask[50:350, 50:350] = True
    solid, dashed = (
        painted(layer("m", mask, "#ffffff", style=style)["line"]) for style in ("solid", "dashed")
    )
    along = slice(60, 340)
    assert (solid[50, along, 0] == 255).all()
    assert {0, 255} == set(dashed[50, along, 0])


def test_outlines_of_small_images_are_drawn_on_enlarged_pixels():
    line = painted(layer("m", np.eye(16, dtype=bool), "#ffffff")["line"])
    assert line.shape[:2] == (512, 512)
    assert not line[16, 16, 3]  # the middle of a pixel of the object


# -------------------------------------------------------------------------------------------------- events


def test_an_event_is_answered_after_the_response(canvas, answers):
    order = []
    canvas._respond = lambda event: order.append((event["kind"], len(answers)))
    draw(canvas, "click", (1, 2))
    assert order == [("click", 0)]
    assert answers == [{"answered": "click((1, 2),)"}]


def test_a_failing_response_is_answered_too(canvas, answers):
    canvas._respond = lambda event: 1 / 0
    with pytest.raises(ZeroDivisionError):
        draw(canvas, "click", (1, 2))
    assert len(answers) == 1


def test_what_was_drawn_is_told_apart(canvas, answers):
    draw(canvas, "click", (3.4, 5.6), brush=2)
    draw(canvas, "stroke", (0, 0), (0.2, 1.1), (0, 2))
    draw(canvas, "polyline", (1.5, 1.5), (9, 9), (9, 1), closed=True)
    assert canvas.clicks == [(3, 6, 2)]
    ((pixels, brush),) = canvas.strokes
    assert (pixels.tolist(), brush) == ([[0, 0], [0, 1], [0, 2]], 1)
    ((corners, closed),) = canvas.polylines
    assert (corners.tolist(), closed) == ([[1.5, 1.5], [9, 9], [9, 1]], True)
    canvas._receive(canvas, {"id": "u", "kind": "undo"}, [])
    assert [m["kind"] for m in canvas.marks] == ["click", "stroke"]


def test_a_moved_line_is_the_value(canvas, answers):
    canvas._receive(canvas, {"id": "v", "kind": "value", "value": 0.25}, [])
    assert canvas.value == 0.25


def test_a_moved_slider_keeps_its_value(canvas, answers):
    canvas.sliders = [slider("alpha", "tension α", 0.1, 0, 1, 0.1), slider("beta", "stiffness β", 2, 0, 9, 1)]
    canvas._receive(canvas, {"id": "1", "kind": "slider", "name": "beta", "value": 5}, [])
    assert [s["value"] for s in canvas.sliders] == [0.1, 5]


def test_seeds_are_what_was_drawn(canvas, answers):
    draw(canvas, "click", (3, 4), brush=1)
    draw(canvas, "stroke", (10, 5), (10, 12), brush=2)
    seeds = canvas.seeds()
    expected = np.zeros((20, 30), int)
    expected[3, 4], expected[10, 5:13] = 1, 2
    np.testing.assert_array_equal(seeds, expected)
    assert seeds.dtype == np.int32
    thick = canvas.seeds(width=5)
    assert set(np.unique(thick[8:13, 6:12])) == {2} and thick[6, 8] == 0 and thick[14, 8] == 0
    draw(canvas, "click", (10, 8), brush=1)
    assert canvas.seeds()[10, 8] == 1


def test_the_keyboard_is_described(canvas):
    canvas.actions = [*canvas.actions, action("grow", "Grow", key="g", hint="Grow by one pixel")]
    assert "G: Grow by one pixel." in canvas.keyboard
    assert "Enter clicks" in canvas.keyboard and "On the plot" not in canvas.keyboard
    canvas.plot = histogram_plot([1, 2], 0, 1, name="grey value")
    assert "On the plot" in canvas.keyboard


# ------------------------------------------------------------------------------------- what stands beside it


def test_meters_show_values_and_changes():
    html = ElementTree.fromstring(meters({"IoU": 0.5, "a < b": 0.25}, before={"IoU": 0.75, "a < b": 0.2501}))
    first, second = html.findall("div")
    assert first.get("role") == "meter" and first.get("aria-valuenow") == "0.500"
    assert [b.text for b in html.findall("b")] == ["0.500", "0.250"]
    assert [s.text for s in html.findall("small")] == ["−0.250", None]
    assert "left:75.0%" in first.find("i").get("style") and second.find("i") is None


def test_a_grid_of_numbers_can_be_read_and_heard():
    svg = ElementTree.fromstring(number_grid([[1, -2], [0.5, 1 / 3]], "a < b"))
    assert svg.get("aria-label") == "a < b: 1 −2; 0.5 0.333"
    assert [text.text for text in svg.iter("text")] == ["a < b", "1", "−2", "0.5", "0.333"]
    tones = [int(cell.get("fill")[4:].split(",")[0]) for cell in svg.iter("rect")]
    assert tones[0] == 255 and tones[1] == 0 and tones[2] > tones[3] > 0


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (-0.0, "0"),
        (1e-9, "0"),
        (-1e-9, "0"),
        (5 / 3, "1.67"),
        (-12, "−12"),
        (12345.6, "12346"),
        (99.96, "100"),
    ],
)
def test_short_numbers(value, text):
    assert short(value) == text


def test_two_digits_fit_a_small_cell():
    assert [short(value, 2) for value in (5 / 3, -0.1111, 28, 120.4, -25)] == [
        "1.7",
        "−0.11",
        "28",
        "120",
        "−25",
    ]


def test_a_histogram_has_its_bars_its_curve_and_its_marks():
    plot = histogram_plot(
        [0, 4, 2, 0], 1, 3, name="grey value", curve=[1, 2, 1], curve_name="x & y", marks={"Otsu": 2}
    )
    svg = ElementTree.fromstring(plot["svg"])
    texts = [text.text for text in svg.iter("text")]
    assert {"grey value", "x & y", "Otsu"} <= set(texts)
    mark = next(path for path in svg.iter("path") if path.get("class") == "mark")
    assert mark.get("d").startswith(f"M{plot['width'] / 2:.1f} ")
    assert len(plot["curve"]) == 5 and min(plot["curve"]) == plot["curve"][2]  # the top lies highest
    assert (plot["min"], plot["max"], plot["steps"]) == (1.0, 3.0, 4)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.0039, 0.99), (0.31, 0.32), (-5, 120)])
def test_ticks_are_few_and_round(low, high):
    svg = ElementTree.fromstring(histogram_plot([1, 2, 3], low, high, name="v")["svg"])
    ticks = [float(text.text) for text in svg.iter("text") if text.text and text.text != "v"]
    assert 2 <= len(ticks) <= 6
    assert all(low <= tick <= high and len(f"{tick:g}") <= 5 for tick in ticks)


# ---------------------------------------------------------------------------------------- without a kernel


def test_an_explorer_leaves_its_strip_as_an_output_of_its_own(canvas, monkeypatch):
    class Still(Explorer):
        def __init__(self):
            self.canvas = canvas

        def strip(self):
            alt = "A grey square, which is all that this explorer ever shows"
            return plotting.panels([np.zeros((4, 4))], alt=alt, caption="Grey.")

    shown = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: shown.append(bundle))
    Still()._ipython_display_()
    living, still = shown
    assert living["application/vnd.jupyter.widget-view+json"]["model_id"] == canvas.model_id
    assert "Run this cell" in living["text/html"]
    assert "<figure" in still["text/html"] and 'alt="A grey square' in still["text/html"]
    assert f'id="{canvas.strip}"' in still["text/html"]
    assert still["text/plain"].startswith("A grey square")
