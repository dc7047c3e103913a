"""mixup and CutMix: targets go with their images."""

from functools import partial

import numpy as np
import pytest
import torch

from course_utils import losses, training


@pytest.fixture
def batch():
    rng = torch.Generator().manual_seed(0)
    targets = torch.randint(4, (5, 12, 16), generator=rng)
    return (40 * targets[:, None] + torch.tensor([0, 1, 2])[:, None, None]).to(torch.uint8), targets


def test_mixup_fades_images_and_targets_by_the_same_share(batch):
    images, targets = batch
    mixed, shares = training.mixup(images, targets, np.random.default_rng(0), classes=4)
    assert mixed.dtype == shares.dtype == torch.float32
    torch.testing.assert_close(shares.sum(1), torch.ones(5, 12, 16))
    class_of = (shares * torch.arange(4)[:, None, None]).sum(
        1
    )  # an image's first channel is 40 times its class
    torch.testing.assert_close(mixed[:, 0], 40 * class_of / 255)
    share = np.random.default_rng(0).beta(0.4, 0.4)
    torch.testing.assert_close(mixed, (share * images + (1 - share) * images.roll(1, 0)) / 255)


def test_mixup_ignores_what_either_image_ignores(batch):
    images, targets = batch
    targets[2, :3] = 255
    _, shares = training.mixup(images, targets, np.random.default_rng(0), classes=4)
    nothing = shares.sum(1) == 0
    assert nothing[2:4, :3].all() and nothing.sum() == 2 * 3 * 16


def test_cutmix_pastes_a_rectangle_and_its_target(batch):
    images, targets = batch
    areas = []
    for seed in range(300):
        mixed, labels = training.cutmix(images, targets, np.random.default_rng(seed))
        assert (mixed[:, 0] == 40 * labels).all()
        changed = (mixed != images).any(dim=(0, 1))
        rows, columns = changed.any(1), changed.any(0)
        inside = changed[rows][:, columns]
        assert (mixed[..., rows, :][..., columns] == images.roll(1, 0)[..., rows, :][..., columns]).all()
        areas.append(inside.numel() / changed.numel())
    assert (images[:, 0] == 40 * targets).all()  # what was given stays as it was
    assert min(areas) < 0.05 and max(areas) > 0.6


@pytest.mark.parametrize(
    ("mix", "loss"),
    [
        (training.cutmix, losses.cross_entropy),
        (partial(training.mixup, classes=2), losses.soft_cross_entropy),
    ],
)
def test_a_network_learns_from_mixed_batches_and_a_seed_gives_them_again(mix, loss):
    rng = np.random.default_rng(0)
    targets = [(rng.random((8, 8)) < 0.5).astype(int) for _ in range(4)]
    images = [0.2 + 0.6 * target for target in targets]
    given = training.Batches(images, targets, size=4)
    first, again, other = (next(iter(training.Mixing(given, mix, seed))) for seed in (0, 0, 1))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])
    training.seed(0)
    model = torch.nn.Conv2d(1, 2, 1)
    history = training.fit(
        model,
        training.Mixing(given, mix),
        steps=60,
        loss=loss,
        optimiser=partial(training.adamw, rate=0.3),
        watch=False,
    )
    assert np.mean(history.losses[-5:]) < np.mean(history.losses[:5])
    assert training.evaluate(model, images, targets, 2).sum(0).diagonal().sum() == 4 * 64
