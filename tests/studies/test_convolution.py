"""Lesson 08's network and studies: same columns, same numbers again, and no mosaic is learned from and asked about."""

import pytest
import torch

from course_utils import study
from course_utils.studies import convolution


@pytest.fixture(autouse=True)
def brief(monkeypatch):
    """Trainings of two steps, and one mosaic to validate and to test."""
    monkeypatch.setattr(convolution, "STEPS", 2)
    monkeypatch.setattr(convolution, "TEST", convolution.TEST[:1])
    monkeypatch.setattr(convolution, "VALIDATION", convolution.VALIDATION[:1])


@pytest.mark.parametrize("name", ["few_or_many", "descents"])
def test_a_run_gives_the_same_numbers_again_and_all_runs_the_same_columns(name):
    found, rows = study.STUDIES[name], []
    for configuration in found.configurations:
        if configuration.get("pictures", 0) <= 2:
            rows.append(found.run(seed=0, **configuration))
            assert list(rows[-1]) == list(rows[0])
    assert found.run(seed=0, **found.configurations[0]) == pytest.approx(rows[0], nan_ok=True)


def test_the_first_network_labels_images_of_any_size():
    model = convolution.SmallNet(3, width=2)
    assert model(torch.rand(2, 1, 13, 18)).shape == (2, 3, 13, 18)


def test_no_mosaic_to_learn_from_is_asked_about_later():
    learned = {1000 * (seed + 1) + i for seed in range(study.MOST_SEEDS) for i in range(32)}
    assert not learned & {*convolution.VALIDATION, *convolution.TEST}
