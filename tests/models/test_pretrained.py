"""Other people's networks: from a file, from torch's cache, and nothing from the network unless asked."""

from urllib.error import URLError

import pytest
import safetensors.torch
import torch
from torch import nn
from torchvision import models

from course_utils import training
from course_utils.models import pretrained

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
