"""Other people's networks: from a file, from torch's cache, and nothing from the network unless asked."""

import sys
from types import ModuleType
from urllib.error import URLError

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn
from torchvision import models

from course_utils import training
from course_utils.models import pretrained
from course_utils.models.parts import Segmenter
from course_utils.models.unet import UNetDecoder

NAME = "shufflenet_v2_x0_5"


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "hub"))


@pytest.fixture
def away(monkeypatch):
    """No network."""

    def refuse(*_, **__):
        raise URLError("no route")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)


def test_images_are_standardised_as_the_weights_expect():
    images = torch.rand(2, 3, 4, 5)
    found = pretrained.Prepared(nn.Identity())(images)
    assert torch.allclose(found[:, 1], (images[:, 1] - 0.456) / 0.224)
    grey = pretrained.Prepared(nn.Identity(), 0.5, 0.25, ["a"])
    assert torch.equal(grey(images[:, :1]), (images[:, :1] - 0.5) / 0.25) and grey.classes == ("a",)


@pytest.mark.parametrize("ending", ["pth", "safetensors"])
def test_weights_come_from_a_file(tmp_path, away, ending):
    theirs, file = models.get_model(NAME, weights=None).eval(), tmp_path / f"mine.{ending}"
    (torch.save if ending == "pth" else safetensors.torch.save_file)(theirs.state_dict(), file)
    model = pretrained.load(NAME, file=file)
    images = torch.rand(1, 3, 32, 32)
    assert torch.allclose(model(images), theirs((images - model.mean) / model.deviation))
    assert len(model.classes) == 1000 and not model.training


def test_a_network_that_labels_pixels_needs_no_backbone_from_elsewhere(tmp_path, away):
    name, file = "lraspp_mobilenet_v3_large", tmp_path / "mine.pth"
    torch.save(models.get_model(name, weights=None, weights_backbone=None, num_classes=21).state_dict(), file)
    model = pretrained.load(name, file=file)
    assert training.predict(model, torch.rand(40, 32, 3).numpy()).shape == (21, 40, 32)
    assert model.classes[0] == "__background__"


def test_what_was_fetched_before_is_taken_from_the_cache(tmp_path, away):
    weights = models.get_model_weights(NAME).DEFAULT
    with pytest.raises(
        FileNotFoundError, match=r"load\('shufflenet_v2_x0_5', download=True\).*once: 5 MB from https"
    ):
        pretrained.load(NAME)
    with pytest.raises(ConnectionError, match="could not be fetched"):
        pretrained.load(NAME, download=True)
    kept = tmp_path / "hub" / "checkpoints" / weights.url.rsplit("/", 1)[1]
    torch.save(models.get_model(NAME, weights=None).state_dict(), kept)
    assert pretrained.load(NAME)(torch.rand(1, 3, 32, 32)).shape == (1, 1000)


@pytest.mark.parametrize(
    "name", ["raft_small", "fasterrcnn_mobilenet_v3_large_fpn", "r3d_18", "quantized_mobilenet_v2"]
)
def test_what_neither_classifies_nor_labels_pixels_is_refused(name):
    with pytest.raises(ValueError, match=f"{name}' is neither a classifier of images nor a segmenter"):
        pretrained.load(name)


def test_other_names_and_weights_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no network 'vit_tiny'; it has vit_b_16"):
        pretrained.load("vit_tiny")
    torch.save(nn.Linear(2, 2).state_dict(), tmp_path / "other.pth")
    with pytest.raises(ValueError, match="weights of another network"):
        pretrained.load(NAME, file=tmp_path / "other.pth")


# -- encoders ---------------------------------------------------------------------------------------------


def test_the_courses_own_encoder_follows_the_contract_and_standardises_by_itself():
    encoder = pretrained.encoder(taught=False).eval()
    images = torch.rand(2, 3, 35, 50)
    features = encoder(images)
    assert [f.shape for f in features] == [
        (2, width, -(-35 // 2**level), -(-50 // 2**level)) for level, width in enumerate(encoder.widths)
    ]
    dim = encoder(0.3 * images + 0.2)
    assert all(torch.allclose(one, other, atol=1e-3) for one, other in zip(features, dim, strict=True))
    segmenter = Segmenter(encoder, UNetDecoder(encoder.widths, 5))
    assert segmenter(images).shape == (2, 5, 35, 50)
    with pytest.raises(TypeError, match="float32"):
        encoder((255 * images).to(torch.uint8))


def test_its_weights_come_from_the_file_that_ships_or_another(tmp_path, monkeypatch):
    taught = pretrained.encoder(taught=False)
    file = tmp_path / "taught.safetensors"
    training.save_weights(taught, file)
    found = pretrained.encoder(file=file)
    assert all(torch.equal(a, b) for a, b in zip(taught.parameters(), found.parameters(), strict=True))
    assert found.training
    monkeypatch.setattr(pretrained, "bundled_file", lambda: file)
    found = pretrained.encoder()
    assert all(torch.equal(a, b) for a, b in zip(taught.parameters(), found.parameters(), strict=True))
    monkeypatch.setattr(pretrained, "bundled_file", lambda: tmp_path / "none.safetensors")
    with pytest.raises(FileNotFoundError, match=r"python -m course_utils\.pretraining"):
        pretrained.encoder()
    training.save_weights(nn.Linear(2, 2), file)
    with pytest.raises(ValueError, match="another network than the course's encoder"):
        pretrained.encoder(file=file)


def test_what_ships_is_small_and_of_this_network():
    file = pretrained.bundled_file()
    if file.is_file():  # it comes with the first training
        assert file.stat().st_size < 5e6
        assert len(pretrained.encoder().widths) == 5


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small"])
def test_torchvisions_classifiers_become_encoders_of_the_same_contract(name):
    encoder = pretrained.encoder(name, taught=False).eval()
    images = torch.rand(1, 3, 70, 64)
    features = encoder(images)
    assert [tuple(f.shape) for f in features] == [
        (1, width, -(-70 // 2**level), 64 // 2**level) for level, width in enumerate(encoder.widths)
    ]
    assert len(features) == 6
    assert Segmenter(encoder, UNetDecoder(encoder.widths, 3))(images).shape == (1, 3, 70, 64)


def test_an_encoder_has_the_weights_of_its_classifier_and_its_standardisation(tmp_path, away):
    theirs, file = models.get_model("resnet18", weights=None).eval(), tmp_path / "mine.pth"
    torch.save(theirs.state_dict(), file)
    encoder = pretrained.encoder("resnet18", file=file)
    assert encoder.training
    images = torch.rand(1, 3, 64, 64)
    mean, deviation = (
        torch.tensor(v).reshape(3, 1, 1) for v in (pretrained.IMAGENET_MEAN, pretrained.IMAGENET_DEVIATION)
    )
    x = theirs.relu(theirs.bn1(theirs.conv1((images - mean) / deviation)))
    lowest = theirs.layer4(theirs.layer3(theirs.layer2(theirs.layer1(theirs.maxpool(x)))))
    features = encoder.eval()(images)
    assert torch.allclose(features[1], x, atol=1e-5) and torch.allclose(features[-1], lowest, atol=1e-4)


def test_networks_without_a_pyramid_of_halves_are_refused():
    with pytest.raises(ValueError, match="no maps that shrink by halves"):
        pretrained.encoder("vit_b_16", taught=False)
    with pytest.raises(ValueError, match="no classifier of images 'fcn_resnet50'"):
        pretrained.encoder("fcn_resnet50", taught=False)


# -- Segment Anything -------------------------------------------------------------------------------------


class FakePredictor:
    """What `SamPredictor` promises: an image first, then masks (1, H, W), scores and rough logits for a box."""

    def __init__(self, model):
        self.model, self.images = model, []

    def set_image(self, image, image_format="RGB"):
        assert image.dtype == np.uint8 and image.ndim == 3 and image_format == "RGB"
        self.images.append(image)

    def predict(self, point_coords=None, point_labels=None, box=None, mask_input=None, multimask_output=True):
        assert not multimask_output and box.shape == (4,)
        mask = np.zeros(self.images[-1].shape[:2], bool)
        left, top, right, bottom = box.astype(int)
        mask[top : bottom + 1, left : right + 1] = True
        return mask[None], np.ones(1), None


class FakeModel(nn.Module):
    def __init__(self, checkpoint):
        super().__init__()
        self.checkpoint = checkpoint


@pytest.fixture
def authors_package(monkeypatch):
    package = ModuleType("segment_anything")
    package.SamPredictor = FakePredictor
    package.sam_model_registry = dict.fromkeys(pretrained.SAM_FILES, FakeModel)
    monkeypatch.setitem(sys.modules, "segment_anything", package)


def test_sam_marks_what_is_in_the_box_and_looks_at_an_image_once(authors_package, tmp_path):
    segment = pretrained.sam(file=tmp_path / "mine.pth", device="cpu")
    assert segment.predictor.model.checkpoint == str(tmp_path / "mine.pth")
    assert not segment.predictor.model.training
    image = np.random.default_rng(0).random((20, 30, 3))
    mask = segment(image, (3, 5, 12, 25))
    expected = np.zeros((20, 30), bool)
    expected[3:12, 5:25] = True
    assert np.array_equal(mask, expected) and mask.dtype == bool
    segment(image, (0, 0, 20, 30))
    assert len(segment.predictor.images) == 1
    segment(image[..., 0], (0, 0, 20, 30))
    assert len(segment.predictor.images) == 2
    assert np.array_equal(segment.predictor.images[0], np.round(255 * image).astype(np.uint8))
    for box in ((3, 5, 3, 25), (0, 0, 21, 30), (-1, 0, 5, 5)):
        with pytest.raises(ValueError, match=r"box \(top, left, bottom, right\)"):
            segment(image, box)
    with pytest.raises(ValueError, match=r"float in \[0, 1\]"):
        segment(255 * image, (0, 0, 5, 5))


def test_sam_fetches_nothing_unasked_and_compares_the_checksum(authors_package, away, tmp_path, monkeypatch):
    with pytest.raises(
        FileNotFoundError, match=r"sam\('vit_b', download=True\).*375 MB from https://dl\.fbai"
    ):
        pretrained.sam()
    with pytest.raises(ConnectionError, match="could not be fetched"):
        pretrained.sam(download=True)
    asked = []

    def fetch(url, path, hash_prefix=None, progress=True):
        asked.append((url, hash_prefix))
        with open(path, "wb") as file:
            file.write(b"weights")

    monkeypatch.setattr(torch.hub, "download_url_to_file", fetch)
    segment = pretrained.sam("vit_l", download=True)
    assert asked == [(f"{pretrained.SAM_ADDRESS}/sam_vit_l_0b3195.pth", pretrained.SAM_FILES["vit_l"][2])]
    assert segment.predictor.model.checkpoint.endswith("sam_vit_l_0b3195.pth")
    pretrained.sam("vit_l")
    assert len(asked) == 1  # what was fetched before is there


def test_sam_says_which_package_it_needs_and_which_sizes_there_are(monkeypatch):
    monkeypatch.setitem(sys.modules, "segment_anything", None)
    with pytest.raises(ModuleNotFoundError, match="pip install git"):
        pretrained.sam(file="mine.pth")
    with pytest.raises(ValueError, match="vit_b, vit_l, vit_h"):
        pretrained.sam("vit_s")
