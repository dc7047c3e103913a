import re
import time

import numpy as np
import pytest
import torch
from page import act, shown

from course_utils import metrics
from course_utils.explorers import ProbeExplorer
from course_utils.explorers.probe import COLOURS, sample_clicks
from course_utils.models import pretrained, transfer
from course_utils.models.parts import Encoder


@pytest.fixture
def target():
    labels = np.ones((48, 64), np.int32)
    labels[:, 32:] = 2
    labels[:4] = 0  # nobody knows
    return labels


@pytest.fixture
def image():
    """Stripes left, checks right, of equal colours: only what neighbours do tells them apart."""
    rows, columns = np.mgrid[:48, :64]
    return 0.5 + 0.3 * np.where(columns < 32, (-1) ** (rows // 2), (-1) ** (rows // 2 + columns // 2))


@pytest.fixture
def encoders(image):
    torch.manual_seed(0)
    encoder = Encoder(3, (8, 16, 16))
    transfer.recalibrate(encoder, [torch.tensor(np.dstack([image] * 3)).permute(2, 0, 1)[None].float()])
    return {"features": encoder}


@pytest.fixture
def explorer(image, target, encoders):
    return ProbeExplorer(image, ("stripes", "checks"), target, encoders=encoders)


def click(explorer, *places):
    for row, column, brush in places:
        act(explorer, "click", points=[[row, column]], brush=brush)


PLACES = (
    (20, 10, 1),
    (21, 14, 1),
    (22, 17, 1),
    (20, 50, 2),
    (21, 45, 2),
    (22, 52, 2),
    (30, 48, 2),
    (31, 12, 1),
)


def test_one_class_teaches_nothing(explorer):
    assert "at least two classes" in explorer.canvas.status
    click(explorer, PLACES[0])
    assert explorer.answers == {} and explorer.scores == {} and not shown(explorer, "answer").any()


def test_features_tell_apart_what_colours_cannot(explorer, target):
    click(explorer, *PLACES)
    assert set(explorer.answers) == {"features", COLOURS}
    assert explorer.scores["features"] > 0.8 > 0.6 > explorer.scores[COLOURS]
    asked = target > 0
    for row, column, _ in PLACES:
        asked[row, column] = False
    each = [metrics.mask_iou(target[asked] == k, explorer.answers["features"][asked] == k) for k in (1, 2)]
    assert explorer.scores["features"] == pytest.approx(np.mean(each))
    assert f"{np.mean(each):.2f}" in explorer.canvas.status
    assert np.array_equal(shown(explorer, "answer"), explorer.answers["features"])


def test_the_answer_is_that_of_the_library(explorer, encoders, image):
    click(explorer, *PLACES)
    pixels = torch.tensor(np.dstack([image] * 3)).permute(2, 0, 1)[None].float()
    columns = transfer.hypercolumns(encoders["features"], pixels)[0]
    columns = (columns - columns.mean((1, 2), keepdim=True)) / columns.std(
        (1, 2), keepdim=True, correction=0
    ).clamp(1e-6)
    rows = torch.stack([columns[:, row, column] for row, column, _ in PLACES])
    weights, offsets = transfer.readout(rows, torch.tensor([brush - 1 for *_, brush in PLACES]), 2)
    scores = columns.permute(1, 2, 0) @ weights + offsets
    sure = (scores[..., 0] - scores[..., 1]).abs().numpy() > 1e-4  # where rounding does not decide
    assert np.array_equal(explorer.answers["features"][sure], 1 + scores.argmax(2).numpy()[sure])


def test_other_eyes_show_their_answer_and_fewer_levels_are_read(explorer):
    click(explorer, *PLACES)
    act(explorer, "action", name=COLOURS)
    assert (
        np.array_equal(shown(explorer, "answer"), explorer.answers[COLOURS])
        and COLOURS in explorer.canvas.status
    )
    pressed = {each["name"]: each.get("pressed") for each in explorer.canvas.actions}
    assert pressed[COLOURS] is True and pressed["features"] is False
    colours, whole = explorer.scores[COLOURS], explorer.answers["features"]
    act(explorer, "slider", name="levels", value=1)
    assert explorer.levels == 1 and "1 level," in explorer.canvas.status
    assert explorer.scores[COLOURS] == colours and not np.array_equal(explorer.answers["features"], whole)


def test_undo_and_clear_forget(explorer):
    click(explorer, *PLACES)
    before = explorer.answers["features"]
    click(explorer, (40, 5, 2))
    assert not np.array_equal(explorer.answers["features"], before)
    act(explorer, "undo")
    assert np.array_equal(explorer.answers["features"], before)
    act(explorer, "action", name="clear")
    assert explorer.canvas.marks == [] and explorer.answers == {}


def test_a_pixel_that_is_clicked_twice_is_what_it_was_called_last(explorer):
    click(explorer, *PLACES, (20, 10, 2))
    assert len(explorer.canvas.clicks) == 9 and "8 clicks" in explorer.canvas.status


def test_without_truth_there_are_answers_and_no_scores(image, encoders):
    explorer = ProbeExplorer(image, start=PLACES, encoders=encoders)
    assert (
        explorer.answers["features"].all() and explorer.scores == {} and "IoU" not in explorer.canvas.status
    )
    assert "click" in explorer.strip().caption


def test_the_courses_own_encoders_are_taken_by_default(image, target, tmp_path, monkeypatch):
    from course_utils import training

    file = tmp_path / "encoder.safetensors"
    training.save_weights(pretrained.encoder(taught=False), file)
    monkeypatch.setattr(pretrained, "bundled_file", lambda: file)
    state = torch.get_rng_state()
    explorer = ProbeExplorer(np.dstack([image] * 3), ("a", "b"), target, PLACES)
    assert list(explorer.answers) == ["taught features", "random features", COLOURS]
    assert torch.equal(torch.get_rng_state(), state)  # of the reader's own training nothing changes


def test_a_click_is_answered_quickly(encoders):
    rng = np.random.default_rng(0)
    large = ProbeExplorer(rng.random((256, 256, 3)), encoders=encoders, start=PLACES)
    start = time.perf_counter()
    click(large, (100, 100, 1))
    assert time.perf_counter() - start < 1  # a tenth on an idle machine


def test_the_strip_tells_that_more_clicks_help(explorer):
    strip = explorer.strip()
    few, some, many = map(float, re.search(r"features (0\.\d+), (0\.\d+), (0\.\d+)", strip.alt).groups())
    assert few < many and some > 0.5 and "truth" in strip.alt


def test_clicks_are_drawn_from_each_class(target):
    found = sample_clicks(target, 3)
    assert len(found) == 6 and all(target[place] == number for place, number in found.items())
    assert found == sample_clicks(target, 3) != sample_clicks(target, 3, seed=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"names": ("one",)}, "2 to 7 classes"), ({"target": np.ones((4, 5), int)}, "must match")],
)
def test_what_does_not_fit_is_refused(image, encoders, options, message):
    with pytest.raises(ValueError, match=message):
        ProbeExplorer(image, encoders=encoders, **options)
