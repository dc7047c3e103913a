"""What comes out: tiles that add up to the whole image, scores, weights that come back."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_utils import metrics, training
from course_utils.training.inference import _tiles


def net(channels=1, classes=3, layers=3, stride=False):
    """A small convolutional network that reaches ``layers`` pixels far (twice as far, and more, with a stride)."""
    torch.manual_seed(0)
    parts = [nn.Conv2d(channels, 4, 3, padding=1), nn.ReLU()]
    parts += [nn.MaxPool2d(2, ceil_mode=True)] if stride else []
    for _ in range(layers - 2):
        parts += [nn.Conv2d(4, 4, 3, padding=1), nn.ReLU()]
    parts += [nn.Upsample(scale_factor=2)] if stride else []
    return nn.Sequential(*parts, nn.Conv2d(4, classes, 3, padding=1))


@given(
    length=st.integers(1, 400),
    halo=st.integers(0, 20),
    blend=st.integers(0, 20),
    align=st.sampled_from([1, 4, 16]),
    spare=st.integers(0, 60),
)
def test_the_weights_of_the_tiles_sum_to_one(length, halo, blend, align, spare):
    tile = 2 * halo + 2 * max(blend, 1) + align + spare
    total = torch.zeros(length)
    for start, end, weights in _tiles(length, tile, halo, blend, align):
        assert 0 <= start < end <= length and end - start <= tile and start % align == 0
        if start:
            assert not weights[:halo].any()
        if end < length:
            assert not weights[len(weights) - halo :].any()
        total[start:end] += weights
    assert torch.allclose(total, torch.ones(length))


@settings(max_examples=25)
@given(height=st.integers(1, 90), width=st.integers(1, 90), stride=st.booleans())
def test_tiles_with_enough_halo_give_what_the_whole_image_gives(height, width, stride):
    image = np.random.default_rng(height * 100 + width).random((height, width))
    model = net(stride=stride)
    if stride and (height % 2 or width % 2):  # plain up-sampling by 2 gives even sizes only
        height, width = height + height % 2, width + width % 2
        image = np.resize(image, (height, width))
    whole = training.predict(model, image, tile=1000)
    tiled = training.predict(model, image, tile=40, halo=8, blend=4, align=4)
    assert whole.shape == (3, height, width) and whole.dtype == np.float32
    np.testing.assert_allclose(tiled, whole, atol=1e-6)
    np.testing.assert_allclose(whole.sum(0), 1, atol=1e-5)


def test_without_halo_a_tile_does_not_know_what_lies_beside_it():
    image = np.random.default_rng(0).random((80, 80))
    whole = training.predict(net(), image)
    assert np.abs(training.predict(net(), image, tile=40, halo=0, blend=0, align=4) - whole).max() > 1e-3


def test_prediction_is_softmax_of_the_logits_and_leaves_the_model_as_it_was():
    model = nn.Sequential(net(channels=3), nn.Dropout(0.9)).train()
    image = np.random.default_rng(0).random((9, 12, 3))
    found = training.predict(model, image)
    with torch.no_grad():
        logits = model[0](torch.tensor(image.transpose(2, 0, 1)[None], dtype=torch.float32))
    np.testing.assert_allclose(found, logits.softmax(1)[0], atol=1e-6)
    assert model.training


def test_bytes_and_floats_mean_the_same_image():
    image = np.random.default_rng(0).integers(0, 256, (9, 12), dtype=np.uint8)
    np.testing.assert_allclose(
        training.predict(net(), image), training.predict(net(), image / 255), atol=1e-6
    )


def test_the_model_may_answer_with_a_mapping():
    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net()

        def forward(self, images):
            return {"aux": None, "out": self.net(images)}

    image = np.random.default_rng(0).random((9, 12))
    np.testing.assert_array_equal(training.predict(Wrapped(), image), training.predict(net(), image))


def test_a_model_may_rearrange_its_pixels_before_the_first_convolution():
    model = nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(12, 8, 1), nn.PixelShuffle(2))
    assert training.predict(model, np.zeros((8, 6, 3))).shape == (2, 8, 6)


def test_wrong_channels_and_tiles_are_told():
    with pytest.raises(ValueError, match="takes 3 channels, the image has 1"):
        training.predict(net(channels=3), np.zeros((8, 8)))
    with pytest.raises(ValueError, match="tile=") as error:
        training.predict(net(), np.zeros((90, 90)), tile=64, halo=20, blend=20, align=16)
    least = int(str(error.value).split("tile=")[1].split()[0])
    training.predict(net(), np.zeros((90, 90)), tile=least, halo=20, blend=20, align=16)


def test_evaluation_counts_each_image_on_its_own():
    rng = np.random.default_rng(0)
    images = [rng.random((8, 10)), rng.random((6, 4))]
    targets = [rng.integers(0, 3, image.shape) for image in images]
    targets[0][:2] = 255
    found = training.evaluate(net(), images, targets, 3)
    for matrix, image, target in zip(found, images, targets, strict=True):
        answer = training.predict(net(), image).argmax(0)
        np.testing.assert_array_equal(matrix, metrics.confusion_matrix(target, answer, 3))
    assert found.sum() == 60 + 24


def test_weights_come_back_and_other_weights_are_refused(tmp_path):
    model, other = net(), net(layers=3)
    nn.init.zeros_(other[0].weight)
    training.save_weights(model, tmp_path / "new" / "net.safetensors")
    training.load_weights(other, tmp_path / "new" / "net.safetensors")
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))
    with pytest.raises(ValueError, match="does not hold the weights"):
        training.load_weights(net(layers=5), tmp_path / "new" / "net.safetensors")
    (tmp_path / "bad").write_bytes(b"no weights at all")
    with pytest.raises(ValueError, match="does not hold the weights"):
        training.load_weights(other, tmp_path / "bad")
