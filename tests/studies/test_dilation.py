"""Lesson 11's networks on beacons, nuclei and streets, how they are scored, and the studies."""

import numpy as np
import pytest
import torch
from torch import nn

from course_utils import study
from course_utils.data import synthetic
from course_utils.models import dilated, parts, receptive
from course_utils.studies import dilation, upsampling


@pytest.fixture
def brief(monkeypatch):
    """Trainings of two steps, on a few pictures."""
    for module, values in {
        dilation: {
            "BEACON_STEPS": 2,
            "GRID_STEPS": 2,
            "BEACONS": {"train": range(4), "test": range(200_000, 200_003)},
            "GRID_NUCLEI": {"train": range(100, 102), "test": range(300, 301)},
        },
        upsampling: {"STREET_STEPS": 2, "STREETS": 2, "STREET_EXAM": upsampling.STREET_EXAM[:1]},
    }.items():
        for name, value in values.items():
            monkeypatch.setattr(module, name, value)
    forget()
    yield
    forget()


def forget():
    dilation.beacons.cache_clear()
    dilation.noisy_nuclei.cache_clear()


@pytest.mark.parametrize("name", ["seeing_far", "gridding", "street_dilated", "undone_halvings"])
def test_runs_of_a_study_have_the_same_columns_and_numbers_again(brief, name):
    found = study.STUDIES[name]
    first, last = found.configurations[0], found.configurations[-1]
    rows = [found.run(seed=0, **configuration) for configuration in (first, last, first)]
    assert list(rows[1]) == list(rows[0])
    assert rows[2] == pytest.approx(rows[0], nan_ok=True)


def test_nothing_is_learned_from_and_asked_about():
    assert not {*dilation.BEACONS["train"]} & {*dilation.BEACONS["test"]}
    learned = {1000 * seed + n for seed in range(study.MOST_SEEDS) for n in dilation.GRID_NUCLEI["train"]}
    assert not learned & {*dilation.GRID_NUCLEI["test"]}


# -- beacons ----------------------------------------------------------------------------------------------


def field(net):
    return receptive.reachable(dilation.BEACON_NETS[net](3, 3), (3, 99, 99), (49, 49)).any(axis=1).sum()


def test_how_far_each_network_sees():
    sees = {"near": 13, "half way": 25, "far": 37, "far, plain layers": 37, "far, deeper": 37}
    assert {net: field(net) for net in sees} == sees
    assert field("near, pooled") == field("near, group norm") == 99


def test_three_networks_cost_the_same_and_see_differently():
    costs = {net: parts.cost(make(3, 3), (1, 3, 24, 24)) for net, make in dilation.BEACON_NETS.items()}
    assert costs["near"] == costs["half way"] == costs["far"]
    assert costs["far, plain layers"].multiply_adds > 2.5 * costs["far"].multiply_adds


def layers(net):
    return sum(isinstance(part, nn.Conv2d) for part in dilation.BEACON_NETS[net](3, 3).modules())


def test_the_deeper_net_is_as_deep_as_the_plain_one_and_twelve_of_its_layers_see_nothing_new():
    assert layers("far, deeper") == layers("far, plain layers") == layers("far") + 12
    model = dilation.BEACON_NETS["far, deeper"](3, 3)
    assert [part[0].kernel_size for part in model.encoder.context] == [(1, 1)] * 12


def test_a_near_network_cannot_see_what_tells_the_blobs():
    """Turn the first blob's mark over: nothing changes at that blob for who sees 6 pixels, and much for who sees 18."""
    for seed in range(5):
        one, other = (synthetic.beacon(seed, **dilation.BEACON, colours=(c, 1, 2)) for c in (1, 2))
        for net, sees in (("near", False), ("far", True)):
            torch.manual_seed(0)
            model = dilation.BEACON_NETS[net](3, 3).double().eval()
            with torch.no_grad():
                a, b = (model(torch.tensor(s.image).permute(2, 0, 1)[None])[0] for s in (one, other))
            assert ((a - b)[:, torch.tensor(one.labels == 1)].abs().max() > 1e-9) == sees


def test_scores_say_how_far_the_marks_are_that_were_seen():
    shown = [synthetic.beacon(seed, **dilation.BEACON) for seed in range(20)]
    perfect = [np.eye(3)[sample.target].transpose(2, 0, 1) for sample in shown]
    assert set(dilation.beacon_scores(shown, perfect).values()) == {1.0}
    away = [dilation.apart(sample) for sample in shown]
    assert min(a[a > 0].min() for a in away) >= dilation.FAR[0]
    assert max(a.max() for a in away) <= 20
    near = [
        np.where(a < dilation.FAR[1], answer, answer[[0, 2, 1]])
        for a, answer in zip(away, perfect, strict=True)
    ]
    scores = dilation.beacon_scores(shown, near)
    assert (scores["right_10"], scores["right_13"], scores["right_16"]) == (1, 0, 0)
    blobs = np.concatenate([a[a > 0] for a in away])
    assert scores["right"] == pytest.approx((blobs < dilation.FAR[1]).mean())


# -- gridding ---------------------------------------------------------------------------------------------


def test_all_chains_but_those_named_see_equally_far():
    fields = {
        name: receptive.receptive_field(dilation.chain(dilations)[1:]).size
        for name, dilations in dilation.GRIDS.items()
    }
    assert {name: size for name, size in fields.items() if size != 49} == {"one plain": 43, "plain": 13}
    assert len({parts.cost(dilation.chain(d), (1, 1, 32, 32)) for d in dilation.GRIDS.values()}) == 1


def test_only_the_stack_of_fours_has_a_common_divisor():
    assert {name: int(np.gcd.reduce(d)) for name, d in dilation.GRIDS.items() if np.gcd.reduce(d) > 1} == {
        "alike": 4
    }
    with_holes = {name for name, d in dilation.GRIDS.items() if not dilated.hybrid(d)}
    assert with_holes == {"alike", "no plain one", "one plain"}


def test_grain_is_the_jump_between_neighbours_away_from_boundaries():
    truth = np.zeros((20, 30), np.uint8)
    truth[:, 15:] = 1
    smooth, board = truth.astype(float), np.indices(truth.shape).sum(axis=0) % 2 * 0.5
    assert dilation.grain([truth], [smooth]) == 0
    assert dilation.grain([truth], [board]) == 0.5
    at_the_edge = smooth.copy()
    at_the_edge[:, 13:17] = 0.5
    assert dilation.grain([truth], [at_the_edge]) == 0


def test_grids_scores_of_the_truth():
    _, truths = dilation.noisy_nuclei("test")
    assert dilation.grid_scores(truths, [t.astype(float) for t in truths]) == {
        "iou": 1,
        "boundary_f": 1,
        "grain": 0,
    }


# -- streets ----------------------------------------------------------------------------------------------


def test_with_all_halvings_nothing_is_undone_and_with_fewer_the_same_scores_are_among_the_new():
    model = upsampling.STREET_NETS["stride 16"]().eval()
    images = torch.rand(1, 3, 96, 128)
    with torch.no_grad():
        torch.testing.assert_close(dilation.Undone(model, 16)(images), model(images), atol=1e-4, rtol=1e-4)
        coarse = model.decoder.scores[-1](model.encoder(images)[-1])
        for stride in (8, 4):
            undone = dilation.Undone(model, stride)
            scores = undone.scores(undone.features(images))
            torch.testing.assert_close(
                scores[..., :: 16 // stride, :: 16 // stride], coarse, atol=1e-4, rtol=1e-4
            )


def test_a_score_stands_in_the_middle_of_the_square_that_it_speaks_of():
    """Scores that say where the middle of their square is, enlarged: each pixel gets its own place."""

    class Places(nn.Module):
        def forward(self, images):
            return torch.arange(images.shape[-1] // 4)[None, None, None] * 4.0 + 7.5

    undone = dilation.Undone(upsampling.STREET_NETS["stride 16"](), 4)
    undone.features, undone.scores = Places(), nn.Identity()
    found = undone(torch.rand(1, 3, 1, 64))[0, 0, 0]
    assert torch.allclose(found[8:60], torch.arange(8.0, 60), atol=1e-4)
