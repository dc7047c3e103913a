"""The scoreboard of Part II: ten networks, what they get right and what they cost."""

import numpy as np
import pytest
import torch

from course_utils import study
from course_utils.data import synthetic
from course_utils.studies import networks, upsampling


@pytest.fixture
def tiny(monkeypatch):
    settings = {"STREET_STEPS": 2, "STREETS": 2, "STREET_EXAM": upsampling.STREET_EXAM[:1]}
    for name, value in settings.items():
        monkeypatch.setattr(upsampling, name, value)
    monkeypatch.setattr(networks, "VALIDATION", networks.VALIDATION[:1])


def recorded():
    """Rows of two seeds in which later networks are better, and dearer but for the last, which is the cheapest."""
    names = ("accuracy", "miou", "boundary_f", "iou_person", "val_miou")
    prices = ("parameters", "multiply_adds", "milliseconds", "megabytes", "megabytes_to_learn")
    return [
        {"study": "networks", "net": net, "seed": seed}
        | {name: 0.3 + 0.05 * place + 0.02 * seed for name in names}
        | {name: (place + 2) * 1e6 if net != "SegFormer" else 1e6 for name in prices}
        for place, net in enumerate(networks.NETWORKS)
        for seed in range(2)
    ]


def test_ten_networks_give_eight_scores_a_pixel():
    assert len(networks.NETWORKS) == 10
    assert {entry.lesson for entry in networks.NETWORKS.values()} == {"09", "10", "11", "12"}
    for entry in networks.NETWORKS.values():
        assert entry.make(3, 8).eval()(torch.rand(1, 3, 33, 40)).shape == (1, 8, 33, 40)


def test_a_run_says_what_is_right_and_what_it_costs(tiny):
    first = study.STUDIES["networks"].run(seed=0, net="FCN-32s")
    again = study.STUDIES["networks"].run(seed=0, net="FCN-32s")
    other = study.STUDIES["networks"].run(seed=0, net="SegFormer")
    assert list(first) == list(other)
    clock = {"milliseconds"}
    assert {k: v for k, v in again.items() if k not in clock} == pytest.approx(
        {k: v for k, v in first.items() if k not in clock}, nan_ok=True
    )
    assert first["parameters"] == sum(p.numel() for p in networks.NETWORKS["FCN-32s"].make(3, 8).parameters())
    for row in (first, other):
        assert row["milliseconds"] > 0 and 0 < row["megabytes"] < row["megabytes_to_learn"]


def test_scores_are_those_of_the_answers(monkeypatch):
    class Knows(torch.nn.Module):
        """Answers with the truth, but calls each person a tree."""

        def __init__(self):
            super().__init__()
            self.nothing = torch.nn.Parameter(torch.zeros(1))
            self.left = iter(truth)

        def forward(self, images):
            target = next(self.left).astype(np.int64)
            target = np.where(target == person, tree, target)
            return torch.nn.functional.one_hot(torch.from_numpy(target), 8).permute(2, 0, 1)[None].float()

    person, tree = (synthetic.TOWN_CLASSES.index(name) for name in ("person", "tree"))
    seeds = upsampling.STREET_EXAM[:4]
    _, truth = upsampling.streets(seeds)
    found = networks.scores(Knows(), seeds)
    people = np.mean(np.stack(truth) == person)
    assert people > 0 and found["accuracy"] == pytest.approx(1 - people)
    assert found["iou_person"] == 0 and found["iou_pole"] == 1
    assert 6 / 8 < found["miou"] < 7 / 8 and found["boundary_f"] < 1


def test_the_fastest_of_some_calls_counts_by_one_thread():
    seen = []
    threads = torch.get_num_threads()
    seconds = networks.fastest(lambda: seen.append(torch.get_num_threads()), calls=5)
    assert seconds >= 0 and seen == [1] * 5 and torch.get_num_threads() == threads


def test_measuring_the_costs_leaves_no_trace():
    model = networks.NETWORKS["U-Net"].make(3, 8).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    networks.costs(model, (3, 16, 16))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters()) and not model.training


def test_table_and_fronts_show_the_recorded_rows():
    rows = recorded()
    assert networks.best(3, rows) == list(networks.NETWORKS)[-1:-4:-1]
    text = repr(networks.table(rows))
    assert all(net in text for net in networks.NETWORKS) and "0.310 ± 0.014" in text
    figure = networks.fronts(rows)
    assert "Beaten by none in mean IoU and time: SegFormer." in figure.alt


def test_no_street_to_choose_by_is_learned_from_or_examined():
    train, exam = {*synthetic.TOWN_SEEDS["train"]}, {*upsampling.STREET_EXAM}
    assert not {*networks.VALIDATION} & (train | exam)
