"""Lesson 09's networks on streets, how they are scored, and their study."""

import numpy as np
import pytest
import torch

from course_utils import study
from course_utils.data import synthetic
from course_utils.studies import upsampling


def test_networks_on_streets_are_scored_alike_and_again(monkeypatch):
    for name, value in {"STREET_STEPS": 2, "STREETS": 2, "STREET_EXAM": upsampling.STREET_EXAM[:1]}.items():
        monkeypatch.setattr(upsampling, name, value)
    rows = {
        net: study.STUDIES["town_nets"].run(seed=0, net=net) for net in ("small", "stride 32", "unpooling")
    }
    assert len({tuple(row) for row in rows.values()}) == 1
    assert study.STUDIES["town_nets"].run(seed=0, net="small") == pytest.approx(rows["small"], nan_ok=True)
    assert study.STUDIES["ways_back"].run(seed=0, net="unpooling") != pytest.approx(rows["unpooling"])
    assert rows["stride 32"]["multiply_adds"] > rows["small"]["multiply_adds"]


def test_every_network_of_the_streets_gives_eight_scores_a_pixel():
    for make in upsampling.STREET_NETS.values():
        assert make().eval()(torch.rand(1, 3, 33, 40)).shape == (1, 8, 33, 40)


def test_scores_of_streets_say_where_the_errors_are():
    truth = np.zeros((40, 60), np.uint8)
    truth[:, 30:] = 3
    perfect = upsampling.street_scores([truth], [truth])
    errors = [f"error_{near}" for near in upsampling.BANDS]
    assert (perfect["miou"], perfect["boundary_f"], *(perfect[e] for e in errors)) == (1, 1, *5 * [0])
    deep, edge = truth.copy(), truth.copy()
    deep[:, :4], edge[:, 29] = 3, 3
    assert np.flatnonzero([upsampling.street_scores([truth], [deep])[e] for e in errors]).tolist() == [4]
    assert np.flatnonzero([upsampling.street_scores([truth], [edge])[e] for e in errors]).tolist() == [0]


def test_no_street_to_learn_from_is_in_the_exam():
    assert not {*upsampling.STREET_EXAM} & {*synthetic.TOWN_SEEDS["train"]}
