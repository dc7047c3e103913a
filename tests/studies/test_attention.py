"""Lesson 12's networks on beacons: who can see a mark, how their answers are sorted, and the studies."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import study
from course_utils.data import synthetic
from course_utils.models import receptive
from course_utils.models.attention import SelfAttention
from course_utils.studies import attention, upsampling


@pytest.fixture
def brief(monkeypatch):
    """Trainings of two steps, on few pictures."""
    for module, values in {
        attention: {"STEPS": 2, "VALIDATIONS": 2, "PICTURES": {"train": 20, "validation": 6, "test": 8}},
        upsampling: {"STREET_STEPS": 2, "STREETS": 2, "STREET_EXAM": upsampling.STREET_EXAM[:1]},
    }.items():
        for name, value in values.items():
            monkeypatch.setattr(module, name, value)
    attention.beacons.cache_clear()
    yield
    attention.beacons.cache_clear()


@pytest.mark.parametrize("name", ["beacon_attention", "street_attention"])
def test_runs_of_a_study_of_attention_have_the_same_columns_and_numbers_again(brief, name):
    found = study.STUDIES[name]
    first, last = found.configurations[0], found.configurations[-1]
    rows = [found.run(seed=0, **configuration) for configuration in (first, last, first)]
    assert list(rows[1]) == list(rows[0])
    assert rows[2] == pytest.approx(rows[0], nan_ok=True)


def test_every_network_gives_three_scores_a_pixel():
    for make in attention.NETS.values():
        assert make().eval()(torch.rand(1, 3, 33, 40)).shape == (1, 3, 33, 40)


def test_without_attention_to_other_pixels_no_mark_is_in_sight():
    for pixel in ((32, 32), (33, 32), (33, 33)):
        reach = receptive.reachable(attention.NETS["local"](), (3, 64, 64), pixel)
        rows, columns = np.nonzero(reach)
        assert max(abs(rows - pixel[0]).max(), abs(columns - pixel[1]).max()) <= 10
    assert synthetic.beacon.__kwdefaults__["distance"] > 10


def test_of_pixels_without_codes_nothing_tells_a_place():
    """Blocks of 2 × 2 pixels are shuffled, and the answers of the features with them."""
    torch.manual_seed(0)
    images, order = torch.rand(1, 3, 16, 16), torch.randperm(64)

    def shuffled(maps, side):
        blocks = F.pixel_unshuffle(maps, side).flatten(2)[..., order].unflatten(2, (8, 8))
        return F.pixel_shuffle(blocks, side)

    for net in ("attention of pixels", "attention of pixels, positions", "attention"):
        encoder = attention.NETS[net]().eval().encoder
        found, expected = encoder(shuffled(images, 2))[-1], shuffled(encoder(images)[-1], 1)
        assert torch.allclose(found, expected, atol=1e-4) is (net == "attention of pixels")


class Oracle(nn.Module):
    """Answers from a table: for each image, by its mean, scores (3, H, W)."""

    def __init__(self, samples, says):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.says = {round(float(s.image.mean()), 6): torch.tensor(says(s)).float() for s in samples}

    def forward(self, images):
        return torch.stack([self.says[round(float(image.double().mean()), 6)] for image in images])


def scored(sample, colours):
    """Scores (3, H, W) that give each pixel of the picture its colour."""
    return np.stack([np.zeros(colours.shape), colours == 1, colours == 2])


def test_answers_are_sorted_by_what_a_bag_of_marks_would_say():
    samples = attention.beacons("test", 40)
    levels = synthetic.beacon_levels(3)

    def bag(sample):
        blue = sum(mark.colour == 2 for mark in sample.marks) >= 2
        return scored(sample, np.full(sample.target.shape, 1 + blue))

    solved = attention.names(Oracle(samples, lambda sample: scored(sample, sample.target)), samples)
    assert solved == {"right": 1, "majority": 1, "minority": 1}
    by_bag = attention.names(Oracle(samples, bag), samples)
    assert (by_bag["majority"], by_bag["minority"]) == (1, 0)
    assert by_bag["right"] == pytest.approx(levels.bag, abs=0.1)


def test_a_silent_head_is_not_heard_for_a_while():
    torch.manual_seed(0)
    model, images = (
        attention.NETS["attention"]().eval(),
        [sample.image for sample in attention.beacons("test", 3)],
    )
    (layer,) = (part for part in model.modules() if isinstance(part, SelfAttention))
    before = attention.scores(model, images)
    changed = [before]
    for head in range(2):
        with attention.silent(layer, head):
            changed.append(attention.scores(model, images))
            with attention.silent(layer, 1 - head):
                nobody = attention.scores(model, images)
    with attention.silent(layer, 0, flat=True):
        changed.append(attention.scores(model, images))
    for one, other in pairwise([*changed, nobody]):
        assert not np.allclose(one, other, atol=1e-4)
    np.testing.assert_array_equal(attention.scores(model, images), before)
    nn.init.zeros_(layer.mix.weight)
    np.testing.assert_allclose(attention.scores(model, images), nobody, atol=1e-6)
    assert {name for name, _ in attention.without_each(model, attention.beacons("test", 3))} == {
        "encoder.layer.0.attention"
    }


def test_a_flat_head_says_its_mean_everywhere():
    torch.manual_seed(0)
    layer, features = SelfAttention(4, heads=2), torch.randn(2, 4, 5, 6)
    mixed = []
    layer.mix.register_forward_pre_hook(lambda _, given: mixed.append(given[0]))
    with torch.no_grad():
        layer(features)
        with attention.silent(layer, 1, flat=True):
            after = []
            watch = layer.mix.register_forward_pre_hook(lambda _, given: after.append(given[0]))
            layer(features)
            watch.remove()
    expected = mixed[0].clone()
    expected[:, 2:] = expected[:, 2:].mean(dim=(2, 3), keepdim=True)
    torch.testing.assert_close(after[0], expected)


def test_what_is_mirrored_beyond_the_border_is_felt_near_it_alone():
    torch.manual_seed(0)
    images = torch.rand(1, 3, 48, 48)
    for net, felt in {"local": True, "attention of pixels": False}.items():
        model = attention.NETS[net]().eval()
        other = attention.mirrored(model)
        before, after = model.encoder(images)[-1], other.encoder(images)[-1]
        assert torch.allclose(before, after) is not felt
        assert torch.allclose(before[..., 8:-8, 8:-8], after[..., 8:-8, 8:-8], atol=1e-6)


def test_far_lamps_are_beyond_all_that_is_learned():
    for sample in attention.far(5):
        for mark in sample.marks:
            columns = np.nonzero(sample.labels == mark.blob)[1]
            assert abs(columns - mark.column).min() > 32


def test_no_beacon_is_learned_from_and_asked_about():
    seeds = {split: {*synthetic.BEACON_SEEDS[split]} for split in attention.PICTURES}
    assert not (seeds["train"] & (seeds["validation"] | seeds["test"])) | (
        seeds["validation"] & seeds["test"]
    )
    assert all(len(seeds[split]) >= count for split, count in attention.PICTURES.items())
