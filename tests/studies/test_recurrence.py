"""Lesson 15's networks on beacons, the scores of squares on photographs, what a CRF makes of them, and the studies."""

import numpy as np
import pytest
import torch

from course_utils import metrics, study
from course_utils.data import photos
from course_utils.models import parts, receptive
from course_utils.studies import dilation, recurrence


@pytest.fixture
def brief(monkeypatch):
    """Trainings of two steps, on few pictures; a photograph of few pixels."""
    values = {
        dilation: {"BEACON_STEPS": 2, "BEACONS": {"train": range(4), "test": range(200_000, 200_003)}},
        recurrence: {
            "BLOCK_STEPS": 2,
            "CRF_STEPS": (1, 2),
            "MAZE_STEPS": 2,
            "MAZE_SEEDS": {
                "train": range(9),
                "test": range(200_000, 200_003),
                "large": range(200_000, 200_002),
            },
        },
    }
    for module, named in values.items():
        for name, value in named.items():
            monkeypatch.setattr(module, name, value)
    forget()
    yield
    forget()


def forget():
    dilation.beacons.cache_clear()
    recurrence.coarse_scores.cache_clear()
    recurrence.waters.cache_clear()
    recurrence.wide.cache_clear()


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("carriers", ["near", "sweeps, columns only"]),
        ("crf_trimap", ["page", "coins"]),
        ("dyed", ["steps", "dilation"]),
    ],
)
def test_runs_of_a_study_have_the_same_columns_and_numbers_again(brief, name, choices):
    found, rows = study.STUDIES[name], []
    (knob,) = found.configurations[0]
    for choice in (*choices, choices[0]):
        forget()
        rows.append(found.run(seed=0, **{knob: choice}))
    assert list(rows[1]) == list(rows[0])
    assert rows[2] == pytest.approx(rows[0], nan_ok=True)


# -- beacons ----------------------------------------------------------------------------------------------


def test_all_carriers_have_nearly_as_many_weights():
    weights = {
        net: parts.cost(make(3, 3), (1, 3, 24, 24)).parameters for net, make in recurrence.CARRIERS.items()
    }
    assert max(weights.values()) < 1.04 * min(weights.values())
    assert weights["near"] == weights["dilation"]


@pytest.mark.parametrize(
    ("net", "rows", "columns"),
    [
        ("near", 13, 13),
        ("dilation", 37, 37),
        ("sweeps", 49, 49),
        ("sweeps, rows only", 11, 49),
        ("sweeps, columns only", 49, 11),
        ("one sweep, rows", 11, 49),
        ("attention", 49, 49),
        ("squeeze and excitation", 49, 49),
        ("instance norm", 49, 49),
    ],
)
def test_what_each_may_hear_of(net, rows, columns):
    """But for the mean of an image, sweeps along the columns never hear of a mark in a blob's own row."""
    torch.manual_seed(0)
    model = recurrence.CARRIERS[net](3, 3).double().eval()
    images = torch.rand(1, 3, 49, 49, dtype=torch.float64, requires_grad=True)
    felt = receptive.influence(model(images), images, (24, 24)) != 0
    assert (felt.any(axis=1).sum(), felt.any(axis=0).sum()) == (rows, columns)


def test_no_mark_is_as_near_as_a_net_of_six_layers_sees():
    assert dilation.BEACON["distance"] >= 6


def test_in_wide_pictures_no_mark_is_as_near_as_any_that_was_learned_from():
    learned = max(dilation.apart(sample).max() for sample in dilation.beacons("train")[:300])
    away = np.stack([dilation.apart(sample) for sample in recurrence.wide()])
    assert away[away > 0].min() > learned


def test_twins_differ_in_the_light_of_one_mark():
    seed = dilation.BEACONS["test"][0]
    amber, blue = recurrence.twins(seed)
    first = amber.marks[0]
    assert (first.colour, blue.marks[0].colour) == (1, 2) and amber.marks[1:] == blue.marks[1:]
    rows, columns = np.nonzero((amber.image != blue.image).any(axis=2))
    assert len(rows) and abs(rows - first.row).max() <= 3 and abs(columns - first.column).max() <= 3
    assert amber.image.shape[:2] == recurrence.WIDE["size"]


def test_one_thread_is_given_back_whatever_happens():
    before = torch.get_num_threads()
    with pytest.raises(KeyError), recurrence.one_thread():
        assert torch.get_num_threads() == 1
        raise KeyError
    assert torch.get_num_threads() == before


# -- mazes ------------------------------------------------------------------------------------------------


def test_a_network_that_learned_one_step_is_asked_for_one():
    samples = recurrence.waters("test")[:3]
    once, ten = recurrence.FOLLOWERS["one step"](), recurrence.FOLLOWERS["steps"]()
    for model in (once, ten):
        torch.nn.init.normal_(model.change.weight)
        for layer in (model.network[-1], model.change):
            torch.nn.init.zeros_(layer.bias)
    with torch.no_grad():
        expected = once(recurrence.seen(samples), 1).argmax(1).numpy() == 1
        more = ten(recurrence.seen(samples), 10).argmax(1).numpy() == 1
    assert (recurrence.flooded(once, samples, 10) == expected).all()
    assert (recurrence.flooded(ten, samples, 10) == more).all()
    assert not (recurrence.flooded(ten, samples, 1) == more).all()


def test_a_flood_without_a_fault_wets_no_dry_water_and_in_the_end_all_the_rest():
    samples = recurrence.waters("test")
    target = np.stack([sample.target for sample in samples]) == 1
    before = recurrence.flood(samples, 0)
    assert before.sum() == len(samples)  # the drops
    for steps in range(1, 30):
        after = recurrence.flood(samples, steps)
        assert (before <= after).all() and (after <= target).all()
        before = after
    assert (before == target).all()
    assert (recurrence.flood(samples, 4, reach=1) == recurrence.flood(samples, 2)).all()


def test_one_cell_many_steps_layers_and_dilation_have_about_as_many_weights():
    weights = {net: sum(p.numel() for p in make().parameters()) for net, make in recurrence.FOLLOWERS.items()}
    assert weights["steps"] == weights["one step"] == weights["learn 2"] < weights["own weights"] / 9
    assert 0.9 < weights["plain layers"] / weights["steps"] < weights["dilation"] / weights["steps"] < 1.2


def test_cells_of_their_own_take_turns_and_equal_ones_are_one_cell():
    shared, own = recurrence.refiner(steps=3), recurrence.refiner(steps=3, own=True)
    own.network.load_state_dict(shared.network.state_dict())
    for cell in own.cell.cells:
        cell.load_state_dict(shared.cell.state_dict())
    for model in (shared, own):
        torch.nn.init.ones_(model.change.weight[0])
    images = recurrence.seen(recurrence.waters("test")[:2])
    with torch.no_grad():
        before, expected = own(images), shared(images)
        assert torch.allclose(before, expected)
        own.cell.cells[2].gates.bias += 1
        changed, first = own.iterate(images), shared.iterate(images)
    assert torch.allclose(changed[2], first[2]) and not torch.allclose(changed[3], first[3])


def test_the_truth_is_right_and_who_says_nothing_is_half_right():
    samples = recurrence.waters("test")
    truth = np.stack([sample.target for sample in samples]) == 1
    assert recurrence.maze_scores(samples, truth) == {"right": 1, "reached": 1, "clear": 1}
    assert recurrence.maze_scores(samples, ~truth)["right"] == 0
    assert recurrence.maze_scores(samples, np.zeros_like(truth))["right"] == 0.5
    assert recurrence.by_way(samples, truth) == [1] * len(recurrence.WAYS)


# -- photographs ------------------------------------------------------------------------------------------


def test_settings_were_chosen_on_other_photographs():
    assert not {*recurrence.CHOSEN_ON} & {*recurrence.ASKED}
    assert {*recurrence.CHOSEN_ON, *recurrence.ASKED} <= {*photos.names()}


@pytest.mark.parametrize("name", ["coins", "coffee"])
def test_squares_tell_the_truth_and_nothing_of_boundaries(name):
    said, known, mask = recurrence.told(name), recurrence.examined(name), photos.load(name).mask
    assert mask[said == 1].all() and not mask[said == 0].any() and {*np.unique(said)} == {0, 1, 255}
    np.testing.assert_array_equal(known == 255, said != 255)
    np.testing.assert_array_equal(known[said == 255], mask[said == 255])
    assert (said[:12, :12] == said[0, 0]).all()
    inside = np.s_[: mask.shape[0] // 12 * 12, : mask.shape[1] // 12 * 12]
    for row in range(0, inside[0].stop, 12):
        for column in range(0, inside[1].stop, 12):
            square = np.s_[row : row + 12, column : column + 12]
            assert (said[square] == 255).all() == (mask[square].any() and not mask[square].all())


def test_what_is_learned_are_the_squares(monkeypatch):
    given = []
    monkeypatch.setattr(recurrence.training, "fit", lambda model, batches, **options: given.append(batches))
    recurrence.learn_blocks("coins", 1)
    ((_, target),) = given[0].pairs
    np.testing.assert_array_equal(target.numpy(), recurrence.told("coins"))


def test_scores_lie_on_a_grid_of_eight_pixels(brief):
    model, _ = recurrence.learn_blocks("page", watch=False)
    scores = model(torch.rand(1, 1, 48, 64))[0]
    bends = scores[:, 8:40, 8:56].diff(n=2, dim=2).abs().amax(dim=(0, 1)) > 1e-5
    assert bends.sum() <= 2 * (48 // 8)  # straight in between


def test_a_crf_that_costs_nothing_changes_nothing_and_its_scores_say_so(brief):
    logits = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 191, 384))).float()
    history = recurrence.refined("page", logits, appearance=0.0, smoothness=0.0, steps=2)
    found = recurrence.crf_scores("page", history)
    answer, known = logits.argmax(0).numpy(), recurrence.examined("page")
    assert found["iou_0"] == found["iou_2"] == metrics.iou(metrics.confusion_matrix(known, answer))[1]
    band = np.where(metrics.trimap(photos.load("page").mask, 2), known, 255)
    assert found["band_2_1"] == found["band_2_0"] == metrics.iou(metrics.confusion_matrix(band, answer))[1]


def test_the_truth_scores_one(brief):
    truth = torch.from_numpy(np.stack([~photos.load("page").mask, photos.load("page").mask])).float()
    assert set(recurrence.crf_scores("page", [truth] * 3).values()) == {1.0}
