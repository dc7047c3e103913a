"""What goes in: the same batch for the same seed and step, image and target moved together, 255 never a class."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.transforms import v2

from course_utils import training
from course_utils.training.batches import IGNORE


def pictures(number, height=20, width=24, channels=None):
    """Images that tell their own number, row and column; the targets say the same."""
    rows, columns = np.mgrid[:height, :width]
    shape = (height, width) if channels is None else (height, width, channels)
    images, targets = [], []
    for n in range(number):
        target = (n * 7 + rows * 3 + columns) % 200
        image = target if channels is None else np.repeat(target[..., None], channels, axis=2)
        images.append(image.reshape(shape).astype(np.uint8))
        targets.append(target)
    return images, targets


@given(number=st.integers(1, 9), size=st.integers(1, 12), epochs=st.integers(1, 3))
def test_every_epoch_shows_every_image_once(number, size, epochs):
    images = [np.full((2, 2), n, np.uint8) for n in range(number)]
    batches = training.Batches(images, images, size=size)
    shown = torch.cat([batches[step][1][:, 0, 0] for step in range(epochs * batches.per_epoch + 1)])
    for epoch in range(epochs):
        assert sorted(shown[epoch * number : (epoch + 1) * number].tolist()) == list(range(number))


def test_a_batch_is_a_function_of_seed_and_step():
    images, targets = pictures(6)
    again = [training.Batches(images, targets, 4, crop=8, augment=training.flips(), seed=3) for _ in range(2)]
    torch.rand(5)  # the generator of the training has no say
    assert all(torch.equal(a, b) for a, b in zip(again[0][7], again[1][7], strict=True))
    other = training.Batches(images, targets, 4, crop=8, augment=training.flips(), seed=4)
    assert not torch.equal(again[0][7][0], other[7][0])
    assert not torch.equal(again[0][7][0], again[0][8][0])


def test_batches_leave_the_generator_of_the_training_alone():
    images, targets = pictures(2)
    batches = training.Batches(images, targets, 2, augment=training.flips())
    torch.manual_seed(0)
    want = torch.rand(3)
    torch.manual_seed(0)
    batches[0]
    assert torch.equal(torch.rand(3), want)


@given(crop=st.tuples(st.integers(1, 40), st.integers(1, 40)), step=st.integers(0, 50))
def test_image_and_target_are_cut_and_flipped_together(crop, step):
    images, targets = pictures(3, channels=3)
    found, truth = training.Batches(images, targets, 2, crop=crop, augment=training.flips())[step]
    assert found.shape == (2, 3, *crop) and truth.shape == (2, *crop)
    assert found.dtype == torch.uint8 and truth.dtype == torch.int64
    counted = truth != IGNORE
    assert torch.equal(found.long()[:, 0][counted], truth[counted])
    assert not found[:, 0][~counted].any()
    assert counted.sum() == 2 * min(crop[0], 20) * min(crop[1], 24)


def test_turning_invents_no_class_and_ignores_what_it_uncovers():
    target = np.zeros((40, 40), int)
    target[10:30, 10:30] = 7
    turn = v2.RandomAffine(
        45, scale=(0.5, 1.5), interpolation=v2.InterpolationMode.BILINEAR, fill=training.FILL
    )
    batches = training.Batches([target / 10], [target], 8, augment=turn)
    found = {int(value) for step in range(5) for value in batches[step][1].unique()}
    assert found == {0, 7, IGNORE}


def test_colours_change_the_image_alone():
    images, targets = pictures(2, channels=3)
    found, truth = training.Batches(images, targets, 2, augment=v2.ColorJitter(brightness=0.9))[0]
    _, plain = training.Batches(images, targets, 2)[0]
    assert torch.equal(truth, plain) and not torch.equal(found[:, 0].long(), truth)


def test_weights_choose_the_images():
    images = [np.full((2, 2), n, np.uint8) for n in range(3)]
    batches = training.Batches(images, images, 100, weights=[0, 1, 3])
    counts = torch.bincount(batches[0][1][:, 0, 0], minlength=3)
    assert counts[0] == 0 and 60 <= counts[2] <= 90


def test_floats_become_the_nearest_bytes():
    image = np.linspace(0, 1, 256).reshape(16, 16)
    found, _ = training.Batches([image], [np.zeros((16, 16), int)])[0]
    assert torch.equal(found[0, 0].ravel(), torch.arange(256, dtype=torch.uint8))


@pytest.mark.parametrize(
    ("image", "target", "kind", "text"),
    [
        (np.zeros((4, 6)), np.zeros((6, 4), int), ValueError, "swapped"),
        (np.zeros((4, 6)), np.zeros((4, 5), int), ValueError, "Target 0"),
        (np.zeros((4, 6)), np.zeros((4, 6)), TypeError, "integers"),
        (np.zeros((4, 6)), np.full((4, 6), -1), ValueError, "-1"),
        (np.zeros((4, 6)), np.full((4, 6), 300), ValueError, "300"),
        (np.full((4, 6), 200.0), np.zeros((4, 6), int), ValueError, "Divide by 255"),
        (np.full((4, 6), np.nan), np.zeros((4, 6), int), ValueError, "nan"),
        (np.zeros((4, 6), int), np.zeros((4, 6), int), TypeError, "uint8"),
        (np.zeros((4, 6, 3, 1)), np.zeros((4, 6), int), ValueError, "expected"),
    ],
)
def test_what_does_not_fit_is_named(image, target, kind, text):
    with pytest.raises(kind, match=text):
        training.Batches([image], [target])


def test_numbers_and_sizes_that_differ_are_refused():
    with pytest.raises(ValueError, match="2 images and 1 targets"):
        training.Batches([np.zeros((2, 2))] * 2, [np.zeros((2, 2), int)])
    with pytest.raises(ValueError, match="crop="):
        training.Batches([np.zeros((2, 2)), np.zeros((3, 2))], [np.zeros((2, 2), int), np.zeros((3, 2), int)])


@pytest.mark.parametrize(
    "wrong",
    [{"size": 0}, {"crop": 0}, {"crop": (4, 0)}, {"seed": -1}, {"weights": [0.0]}, {"weights": [-1.0]}],
)
def test_impossible_numbers_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        training.Batches([np.zeros((8, 8))], [np.zeros((8, 8), int)], **wrong)


def test_a_transform_is_seeded_without_a_word_to_cuda(monkeypatch):
    def told(seed):
        raise AssertionError("torch formats the whole stack for each word")

    monkeypatch.setattr(torch.cuda, "manual_seed_all", told)
    zeros = np.zeros((8, 8), np.uint8)
    training.Batches([zeros], [zeros], size=4, augment=training.flips())[0]
