"""Lesson 16's study: the ways to transfer, who has seen what, and rows that come out alike again."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from course_utils import study, training
from course_utils.data import synthetic
from course_utils.models import pretrained
from course_utils.models.transfer import FALL, _Held, recalibrate
from course_utils.studies import transfer


@pytest.fixture
def brief(monkeypatch, tmp_path):
    """A taught encoder that is none, few pictures, and trainings of two steps."""
    training.seed(99)
    own = pretrained.encoder(taught=False)
    for parameter in own.parameters():
        parameter.data.add_(0.01)
    seen = np.stack([synthetic.collage(seed).image for seed in range(16)])
    recalibrate(own, [torch.tensor(seen).movedim(-1, 1).float()])
    file = tmp_path / "encoder.safetensors"
    training.save_weights(own, file)
    monkeypatch.setattr(pretrained, "bundled_file", lambda: file)
    monkeypatch.setattr(transfer, "STEPS", 2)
    short = {
        name: task._replace(pool=task.pool[:8], validation=task.validation[:2], exam=task.exam[:2])
        for name, task in transfer.TASKS.items()
    }
    monkeypatch.setattr(transfer, "TASKS", short)
    return own


@pytest.mark.parametrize("name", ["few_streets", "few_mosaics", "ways_to_transfer", "no_help"])
def test_runs_have_the_same_columns_and_numbers_again(brief, name):
    found = study.STUDIES[name]
    first, last = found.configurations[0], found.configurations[-1]
    rows = [found.run(seed=0, **configuration) for configuration in (first, last, first)]
    assert list(rows[1]) == list(rows[0])
    assert rows[2] == pytest.approx(rows[0], nan_ok=True)
    assert 0 <= rows[0]["miou"] <= 1
    assert 0 < rows[1]["kept_0"] <= 1  # deep levels may be out of step with their norms after two steps


@pytest.mark.parametrize("way", transfer.WAYS)
def test_each_way_changes_of_the_encoder_what_it_says(brief, way):
    before = transfer.begin("mosaics", way, 4)[0]
    start = {name: value.clone() for name, value in before.encoder.state_dict().items()}
    model, _ = transfer.learn("mosaics", way, 4, watch=False)
    moved = {
        name for name, value in model.encoder.state_dict().items() if not torch.equal(value, start[name])
    }
    weights = {name for name in moved if name.endswith(("weight", "bias"))}
    if way == "frozen, norms follow":
        assert moved and not weights
    elif "frozen" in way:
        assert not moved
    else:
        assert {name.split(".")[3] for name in weights} == set("01234") or way == "gradual"
        assert not any(isinstance(part, _Held) for part in model.modules())
    taught = all(
        torch.equal(one, other)
        for one, other in zip(
            transfer.begin("mosaics", way, 4)[0].encoder.parameters(), brief.parameters(), strict=True
        )
    )
    assert taught is transfer.WAYS[way].taught


def test_what_begins_alike_differs_in_the_encoder_alone(brief):
    scratch, taught = (transfer.begin("streets", way, 4, seed=3) for way in ("scratch", "fine-tuned"))
    for one, other in zip(scratch[0].decoder.parameters(), taught[0].decoder.parameters(), strict=True):
        assert torch.equal(one, other)
    for step in range(3):
        assert all(torch.equal(a, b) for a, b in zip(scratch[1][step], taught[1][step], strict=True))


def test_scratch_and_fine_tuning_do_as_many_steps_and_four_times_is_four_times(brief, monkeypatch):
    counted = {}
    real = training.fit

    def fit(model, batches, *, steps, **options):
        counted[way] = counted.get(way, 0) + steps
        return real(model, batches, steps=1, **options)

    monkeypatch.setattr(training, "fit", fit)
    for way in transfer.WAYS:
        transfer.learn("mosaics", way, 4, steps=60, watch=False)
    assert counted == {way: 240 if "4 ×" in way else 60 for way in transfer.WAYS}


def test_rates_are_those_of_the_way(brief):
    model, _ = transfer.begin("mosaics", "layer-wise", 4)
    new, taught = transfer.RATE, transfer.TAUGHT_RATE
    expected = {
        "scratch": [transfer.SCRATCH_RATE],
        "fine-tuned": [new] + [taught] * 5,
        "layer-wise": [new] + [taught / FALL**k for k in range(1, 6)],
    }
    for way, rates in expected.items():
        found = [group["lr"] for group in transfer.rates_of(model, way).param_groups]
        assert found == pytest.approx(rates)


def test_more_pictures_contain_the_fewer_and_none_is_examined():
    for name, task in transfer.TASKS.items():
        for seed in range(3):
            chosen = [transfer.labelled(name, count, seed).tolist() for count in transfer.LABELLED]
            assert all(more[: len(fewer)] == fewer for fewer, more in pairwise(chosen))
            assert [len(set(each)) for each in chosen] == list(transfer.LABELLED)
        assert transfer.labelled(name, 5, 0).tolist() != transfer.labelled(name, 5, 1).tolist()
        sets = [set(task.pool), set(task.validation), set(task.exam)]
        assert not (sets[0] & sets[1] or sets[0] & sets[2] or sets[1] & sets[2])
    used = set(transfer.TASKS["streets"].pool) & set(synthetic.TOWN_SEEDS["test"])
    assert not used


def test_examined_mosaics_are_cut_from_what_nobody_learns_from(monkeypatch):
    cut = []
    real = synthetic.mosaics
    monkeypatch.setattr(
        synthetic,
        "mosaics",
        lambda seed, split, **knobs: cut.append((seed, split)) or real(seed, split=split, **knobs),
    )
    task = transfer.TASKS["mosaics"]
    for seed in (task.pool[0], task.validation[0], task.exam[0]):
        task.draw(seed)
    assert [split for _, split in cut] == ["train", "train", "test"]


def test_scores_are_those_of_the_answers():
    class Knows(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.nothing = torch.nn.Parameter(torch.zeros(1))
            self.left = iter(targets)

        def forward(self, images):
            target = torch.from_numpy(next(self.left).astype(np.int64))
            return torch.nn.functional.one_hot(target, 8).permute(2, 0, 1)[None].float()

    seeds = transfer.TASKS["streets"].exam[:2]
    _, targets = transfer.pictures("streets", seeds)
    assert transfer.scores("streets", Knows(), seeds) == {"miou": 1, "accuracy": 1, "boundary_f": 1}
    wrong = [np.where(target == 0, 1, target) for target in targets]
    sky = np.mean(np.stack(targets) == 0)
    targets = wrong
    assert transfer.scores("streets", Knows(), seeds)["accuracy"] == pytest.approx(1 - sky)


def test_a_probe_reads_what_a_level_says_outright_and_nothing_from_noise(monkeypatch):
    """An encoder whose first level is the truth itself, and whose second says the same everywhere."""
    task = transfer.TASKS["mosaics"]
    monkeypatch.setitem(transfer.TASKS, "mosaics", task._replace(pool=range(2), validation=(1,)))
    drawn = [transfer.picture("mosaics", seed) for seed in range(2)]
    truth = {np.float32(image).tobytes(): target for image, target in drawn}

    class Knows(torch.nn.Module):
        widths = (6, 1)

        def forward(self, images):
            said = np.stack([truth[image.movedim(0, -1).numpy().tobytes()] for image in images])
            known = torch.nn.functional.one_hot(torch.from_numpy(said).long(), 6)
            return [known.movedim(-1, 1).float(), torch.zeros(len(images), 1, 32, 32)]

    knows, blind = transfer.probed("mosaics", Knows(), count=2)
    assert knows == 1 and blind < 0.6


def test_eyes_are_what_they_are_called(brief):
    taught = brief.state_dict()
    seen = {name: eyes("mosaics", 0) for name, eyes in transfer.EYES.items()}

    def same(name, kind):
        found = seen[name].state_dict()
        return all(torch.equal(found[k], taught[k]) for k in taught if k.rsplit(".", 1)[1] in kind)

    weights, averages = ("weight", "bias"), ("running_mean", "running_var")
    assert same("taught", weights) and same("taught", averages)
    assert same("taught, norms measured", weights) and not same("taught, norms measured", averages)
    for name in ("mean and variance", "noise"):
        assert not same(name, weights) and not same(name, averages)
    for own, theirs in zip(seen["mean and variance"].parameters(), brief.parameters(), strict=True):
        if own.numel() > 1000:
            assert own.std().item() == pytest.approx(theirs.std().item(), rel=0.1)
    again = transfer.EYES["noise"]("mosaics", 0)
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), seen["noise"].parameters(), strict=True))


def test_rows_of_a_way_are_found_across_studies(monkeypatch):
    def rows(name):
        base = {"seed": 0}
        return {
            "few_mosaics": [base | {"way": w, "count": c, "miou": c} for w in transfer.PAIR for c in (5, 10)],
            "ways_to_transfer": [base | {"way": "frozen", "miou": 0.5}],
            "few_streets": [base | {"way": w, "count": c, "miou": c} for w in transfer.PAIR for c in (5, 10)],
            "no_help": [base | {"way": "frozen", "miou": 1}],
        }[name]

    monkeypatch.setattr(transfer, "rows", rows)
    assert transfer.ways("mosaics", "miou") == {"scratch": [10], "frozen": [0.5], "fine-tuned": [10]}
    assert transfer.ways("streets", "miou") == {"scratch": [10], "frozen": [1], "fine-tuned": [10]}
