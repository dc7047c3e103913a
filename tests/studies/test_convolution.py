"""Lesson 08's network and studies: same columns, same numbers again, and no mosaic is learned from and asked about."""

import numpy as np
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


@pytest.mark.parametrize("name", ["few_or_many", "descents", "schedules", "smoothed_forests"])
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


def test_a_network_is_examined_where_it_lives():
    model = convolution.SmallNet(3, width=2).to("meta").eval()
    images, targets = convolution.mosaics(convolution.TEST)
    with pytest.raises(RuntimeError, match="item"):  # they met there; reading is what fails
        convolution.examine(model, images, targets)


def test_smoothing_is_chosen_by_some_pictures_and_asked_of_others():
    target = np.zeros((24, 24), np.uint8)
    target[:, 12:] = 1
    noisy = np.stack([1 - target, target]) + np.random.default_rng(0).normal(0, 2, (2, 24, 24))
    known = [np.zeros(target.shape)], [target]
    blur, chose, asked = convolution.smoothed(lambda image: noisy, known, known)
    plain = (noisy.argmax(0) == target).mean()
    assert blur > 0 and asked == chose > plain + 0.1
    sharp = convolution.smoothed(lambda image: np.stack([1 - target, target]) * 1.0, known, known)
    assert sharp == (0, 1.0, 1.0)
