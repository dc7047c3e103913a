import numpy as np
import pytest
import torch
from page import act, press, shown
from torch import nn

from course_utils import plotting
from course_utils.explorers import ReceptiveFieldExplorer
from course_utils.explorers.receptive_field import default_model
from course_utils.models import dilated as dilation
from course_utils.models import receptive
from course_utils.models.parts import ConvBlock, group_norm
from course_utils.models.unet import UNet


def held(explorer, side):
    """Share of the influence in a square around the middle."""
    (row, column), reach = explorer.centre, (side - 1) / 2
    rows, columns = np.ogrid[: explorer.influence.shape[0], : explorer.influence.shape[1]]
    inside = (abs(rows - row) <= reach) & (abs(columns - column) <= reach)
    return explorer.influence[inside].sum() / explorer.influence.sum()


@pytest.fixture
def images():
    return np.random.default_rng(0).random((2, 40, 48))


@pytest.fixture
def explorer(images):
    return ReceptiveFieldExplorer(default_model(4), images, name="ten layers")


def test_it_opens_with_the_middle_pixel_of_the_last_layer(explorer):
    assert explorer.depth == 11 and explorer.pixel == (10, 12)
    assert explorer.theory == (32, 32) == (receptive.receptive_field(explorer.model).size,) * 2
    assert 0 < explorer.effective < 32 and explorer.side == explorer.effective


def test_what_is_tinted_is_the_gradient(explorer, images):
    batch = torch.tensor(images[:, None], dtype=torch.float32, requires_grad=True)
    expected = receptive.influence(explorer.model(batch), batch, (10, 12))
    np.testing.assert_allclose(explorer.influence, expected)
    np.testing.assert_array_equal(shown(explorer, "influence") > 0, expected > 0)
    assert shown(explorer, "influence").flat[np.argmax(expected)] == shown(explorer, "influence").max()


@pytest.mark.parametrize("depth", range(1, 12))
def test_influence_stays_inside_of_the_theory_at_every_depth(explorer, depth):
    act(explorer, "slider", name="depth", value=depth)
    assert explorer.depth == depth
    assert explorer.theory[0] == receptive.receptive_field(list(explorer.model)[:depth]).size
    top, bottom, left, right = explorer.box
    outside = explorer.influence.copy()
    outside[top : bottom + 1, left : right + 1] = 0
    assert not outside.any() and explorer.influence.any()
    assert explorer.effective <= explorer.theory[0]
    assert f"<b>{explorer.theory[0]}</b>" in explorer.canvas.panel


@pytest.mark.parametrize("place", [(0, 0), (20, 30), (39, 47)])
def test_a_click_asks_the_output_pixel_over_that_place(explorer, place):
    act(explorer, "click", points=[list(place)], brush=1)
    rows = [receptive.receptive_field(explorer.model).of(n) for n in range(20)]
    nearest = min(range(20), key=lambda n: abs(sum(rows[n]) / 2 - place[0]))
    assert explorer.pixel[0] == nearest and len(explorer.canvas.clicks) == 1
    assert f"output row {nearest}," in explorer.canvas.status


def test_the_square_holds_its_share_and_one_less_does_not(explorer):
    for depth in (2, 6, 11):
        explorer.depth = depth
        assert held(explorer, explorer.effective - 2) < 0.95 <= held(explorer, explorer.effective)


def test_the_line_draws_another_square_and_tells_what_it_holds(explorer):
    plot = explorer.canvas.plot
    width = (plot["max"] - plot["min"]) / plot["steps"]
    assert width == 2 and (explorer.side - plot["min"]) % 2 == 0
    act(explorer, "value", value=float(explorer.effective - 4))
    assert explorer.side == explorer.effective - 4
    assert f"<b>{held(explorer, explorer.side):.1%}</b>" in explorer.canvas.panel
    assert np.ptp(explorer.canvas.polylines[1][0], axis=0).tolist() == [explorer.side] * 2
    press(explorer, "square")
    assert explorer.side == explorer.effective


def test_the_middle_is_a_key_away_and_taking_back_keeps_the_pixel(explorer):
    act(explorer, "click", points=[[0.4, 0.2]], brush=1)
    act(explorer, "undo")
    assert explorer.pixel == (0, 0) and len(explorer.canvas.marks) == 3
    press(explorer, "middle")
    assert explorer.pixel == (10, 12)


# ------------------------------------------------------------------------------------------------- dilated


@pytest.fixture
def dilated(images):
    return ReceptiveFieldExplorer(dilations=(2, 2, 2), images=images)


def test_what_can_be_seen_stands_beside_what_is_seen(dilated):
    assert dilated.theory == (13, 13) and dilated.dilations == (2, 2, 2)
    found = dilation.ways((2, 2, 2)) > 0
    top, bottom, left, right = dilated.box
    np.testing.assert_array_equal(dilated.reach[top : bottom + 1, left : right + 1], np.outer(found, found))
    assert not dilated.influence[~dilated.reach].any() and (dilated.influence > 0).sum() > 40
    assert "49 pixels, 120 holes between them" in dilated.canvas.panel
    assert dilated.canvas.panel.count("data:image/png;base64,") == 2


def test_a_slider_dilates_a_layer_and_a_plain_one_closes_the_holes(dilated):
    weights = [layer.clone() for layer in dilated.model.parameters()]
    act(dilated, "slider", name="dilation 1", value=1)
    assert dilated.dilations == (1, 2, 2) and dilated.theory == (11, 11)
    assert "121 pixels</figcaption>" in dilated.canvas.panel and "holes" not in dilated.canvas.panel
    assert all(torch.equal(a, b) for a, b in zip(weights, dilated.model.parameters(), strict=True))
    act(dilated, "slider", name="depth", value=2)
    assert dilated.theory == (7, 7) and dilated.reach.sum() == 49
    act(dilated, "slider", name="dilation 3", value=9)  # a layer above the one that is asked
    assert dilated.theory == (7, 7) and "dilation 9" in dilated.canvas.panel


def test_the_axis_has_no_minus_zero(dilated):
    assert ">-0<" not in dilated.canvas.plot["svg"] and ">0<" in dilated.canvas.plot["svg"]


def test_the_place_stays_when_a_layer_is_dilated(dilated):
    act(dilated, "click", points=[[9, 30]], brush=1)
    dilated.dilations = (3, 1, 5)
    assert dilated.pixel == (9, 30) and dilated.centre == (9, 30) and dilated.theory == (19, 19)
    assert dilated.box == (0, 18, 21, 39)
    assert [s["value"] for s in dilated.canvas.sliders] == [3, 3, 1, 5]


def test_the_strip_shows_the_holes_and_their_cure(dilated):
    alt = dilated.strip().alt
    assert "Dilations 2, 2, 2: 49 pixels, 120 holes between them" in alt
    assert "Dilations 1, 2, 2: 121 pixels." in alt
    assert ReceptiveFieldExplorer(dilations=(1, 3)).strip().alt.count("Dilations") == 1


@pytest.mark.parametrize("dilations", [(), (0, 1), (1, 10), (1.5,)])
def test_dilations_must_fit_their_sliders(dilations):
    with pytest.raises(ValueError, match="from 1 to 9"):
        ReceptiveFieldExplorer(dilations=dilations)


def test_dilations_belong_to_the_layers_that_are_made_here(dilated, explorer):
    with pytest.raises(ValueError, match="not both"):
        ReceptiveFieldExplorer(default_model(4), dilations=(1, 2))
    for found, dilations in ((explorer, (1,)), (dilated, (1, 2))):
        with pytest.raises(ValueError, match="as many as"):
            found.dilations = dilations


def test_a_u_net_has_its_features_and_logits_as_depths():
    model = UNet(1, 2, (4, 4, 4))
    explorer = ReceptiveFieldExplorer(model, np.random.default_rng(0).random((1, 33, 40)), name="a U-Net")
    assert (
        explorer.depth == 4 and "logits" in explorer.canvas.status and "<thead>" not in explorer.canvas.panel
    )
    whole = receptive.reachable(model, (1, 132, 160), (66, 80))
    assert explorer.theory == (whole.any(axis=1).sum(), whole.any(axis=0).sum())
    act(explorer, "slider", name="depth", value=2)
    assert explorer.theory == (14, 14) and "features 1" in explorer.canvas.status
    act(explorer, "click", points=[[9, 13]], brush=1)
    assert explorer.pixel == (4, 6)
    act(explorer, "click", points=[[0, 0]], brush=1)
    assert explorer.theory == (14, 14) and explorer.box[::2] == (0, 0) and explorer.box[1] < 14
    assert model.training


def test_where_the_whole_image_is_seen_its_size_is_told(images):
    explorer = ReceptiveFieldExplorer(ConvBlock(1, 4, group_norm), images)
    assert explorer.theory == (40, 48) and explorer.box == (0, 39, 0, 47)


def test_behind_an_enlarging_layer_the_field_is_the_set_that_it_sees(images):
    model = nn.Sequential(
        nn.MaxPool2d(2), nn.Conv2d(1, 4, 3, padding=1), nn.ConvTranspose2d(4, 4, 3, 2, 1, 1)
    )
    explorer = ReceptiveFieldExplorer(model, images, pixel=(20, 21))
    rows, columns = receptive.seen(model, 20, 40, 0), receptive.seen(model, 21, 48, 1)
    assert explorer.box == (rows[0], rows[-1], columns[0], columns[-1])
    assert explorer.theory == (len(rows), len(columns))


def test_one_block_has_one_depth(images):
    explorer = ReceptiveFieldExplorer(nn.Conv2d(1, 3, 5, padding=2), images)
    assert explorer.canvas.sliders == [] and explorer.theory == (5, 5)
    assert ReceptiveFieldExplorer(nn.Sequential(ConvBlock(1, 4)), images).theory == (5, 5)


def test_an_output_that_nothing_changes_is_told(images):
    model = nn.Sequential(nn.Conv2d(1, 1, 3), nn.ReLU())
    nn.init.constant_(model[0].weight, -1.0)
    nn.init.zeros_(model[0].bias)
    explorer = ReceptiveFieldExplorer(model, images)
    assert explorer.effective == 0 and "no input pixel changes" in explorer.canvas.status


def test_an_output_that_lies_in_the_padding_sees_nothing(images):
    explorer = ReceptiveFieldExplorer(nn.Conv2d(1, 1, 1, padding=1), images, pixel=(0, 0))
    assert explorer.effective == 0 and "no input pixel changes" in explorer.canvas.status


def test_coloured_images_are_shown_in_colour():
    explorer = ReceptiveFieldExplorer(
        nn.Conv2d(3, 2, 3, padding=1), np.random.default_rng(0).random((2, 12, 12, 3))
    )
    assert explorer.influence.shape == (12, 12) and (explorer.influence > 0).sum() == 9


def test_the_strip_tells_both_sides_at_three_depths(explorer):
    strip = explorer.strip()
    assert (
        f"depth 11: can see 32 px, 95% within {explorer.effective} px" in strip.alt
        and "ten layers" in strip.alt
    )
    assert strip.alt.count("can see") == 3


def test_the_strip_asks_the_first_pixel_and_marks_it(images, monkeypatch):
    explorer = ReceptiveFieldExplorer(default_model(4), images, pixel=(4, 20))
    drawn = []
    monkeypatch.setattr(plotting, "figure", lambda *frames, **texts: drawn.append(frames) or texts)
    explorer.pixel = 12, 3  # who clicks elsewhere does not move the strip
    texts = explorer.strip()
    picture, before, last, _ = drawn[0]
    assert picture.image.shape == (40, 48)
    row, column = picture.lines["asked"].mean(axis=0)
    assert texts["alt"].count("can see") == 2 and "row 8.5, column 40.5" in texts["alt"]
    for frame in (picture, before, last):
        assert (frame.lines["asked"] == picture.lines["asked"]).all()
    explorer.pixel = 4, 20
    np.testing.assert_allclose(last.image, np.sqrt(explorer.influence / explorer.influence.max()))
    top, bottom, left, right = explorer.box
    assert top <= row <= bottom and left <= column <= right


@pytest.mark.parametrize(
    ("images", "options", "message"),
    [
        (np.zeros((4, 5)), {}, "expected"),
        (np.full((1, 40, 40), 200.0), {}, "divide 8-bit"),
        (np.zeros((1, 40, 40)), {"pixel": (20, 3)}, "outside of the output, 20 × 20"),
    ],
)
def test_what_cannot_be_asked_is_refused(images, options, message):
    with pytest.raises(ValueError, match=message):
        ReceptiveFieldExplorer(default_model(4), images, **options)
