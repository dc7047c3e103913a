"""How the encoder is taught: the questions, the windows, a training that goes on where it stopped, and its card."""

import json
from functools import cache

import numpy as np
import pytest
import torch

from course_utils import pretraining, training
from course_utils.data import synthetic
from course_utils.models import pretrained
from course_utils.training.inference import read_notes


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@cache
def few(count=24):
    return pretraining.pictures(range(count))


def test_pictures_are_the_collages_and_their_names():
    given = few()
    for place in range(6):
        sample = synthetic.collage(place)
        assert np.array_equal(given.images[place].transpose(1, 2, 0), np.round(255 * sample.image))
        assert np.array_equal(given.regions[place], sample.labels)
        for number, region in enumerate(sample.regions):
            material, grain, colour, shape = given.names[place, number]
            grainless = region.material in synthetic.GRAINLESS
            assert grain == 255 if grainless else list(synthetic.GRAINS)[grain] == region.grain
            assert list(synthetic.MATERIALS)[material] == region.material
            assert synthetic.SHAPES[shape] == region.shape
            assert colour == 255 if sample.grey else list(synthetic.COLOURS)[colour] == region.colour
    assert (given.names[0, len(synthetic.collage(0).regions) :] == 255).all()


def test_a_window_is_asked_where_its_middle_lies_in_one_region():
    regions = np.zeros((1, 16, 16), np.uint8)
    regions[0, :, 9:] = 1
    names = np.array([[[3, 4, 5], [6, 7, 8]]], np.uint8)
    found = pretraining.asked(
        regions, names, 8
    )  # places are columns 0–7 and 8–15, inner halves 2–5 and 10–13
    assert found.shape == (1, 3, 2, 2) and found.dtype == np.int64
    assert (found[0, :, :, 0] == [[3], [4], [5]]).all() and (found[0, :, :, 1] == [[6], [7], [8]]).all()
    fine = pretraining.asked(
        regions, names, 4
    )  # columns 8–11: inner half 9–10 lies in region 1, though 8 does not
    assert (fine[0, 0] == [3, 3, 6, 6]).all()
    regions[0, :, 9:] = 0
    regions[0, :8, 11:] = 1  # cuts through an inner half, above
    found = pretraining.asked(regions, names, 8)
    assert (found[0, :, 0, 1] == 255).all() and (found[0, :, 1, 1] == [3, 4, 5]).all()


def test_windows_are_a_function_of_seed_and_step_and_turn_with_their_answers():
    given = few()
    windows = pretraining.Windows(given, size=8, seed=3)
    images, answers = windows[5]
    assert images.shape == (8, 3, 64, 64) and images.dtype == torch.uint8
    assert answers.shape == (8, 4, 16 * 16 + 8 * 8 + 4 * 4) and answers.dtype == torch.int64
    again = pretraining.Windows(given, size=8, seed=3)[5]
    assert torch.equal(images, again[0]) and torch.equal(answers, again[1])
    assert not torch.equal(images, windows[6][0])
    seen = set()
    for step in range(40):
        images, answers = windows[step]
        finest = answers[:, :, :256].reshape(8, 4, 16, 16).numpy()
        for turns in range(4):
            for mirrored in (1, -1):
                for place, image in enumerate(given.images):
                    if np.array_equal(np.rot90(image, turns, (-2, -1))[..., ::mirrored], images[0]):
                        region = np.rot90(given.regions[place], turns)[:, ::mirrored]
                        expected = pretraining.asked(region[None], given.names[place][None], 4)[0]
                        assert np.array_equal(finest[0], expected)
                        seen.add((turns, mirrored))
    assert len(seen) == 8


def test_a_namer_gives_a_score_for_each_class_at_each_place_it_is_asked():
    model = pretraining.Namer(pretrained.encoder(taught=False)).eval()
    images, answers = pretraining.Windows(few(), size=2)[0]
    scores = model(images.float() / 255)
    assert scores.shape == (2, 40 + 4 + 11 + 14, answers.shape[2])
    own = model.heads[1](model.encoder(images.float() / 255)[3])
    assert torch.allclose(scores[:, :, 256:320], own.flatten(2))


def test_the_loss_is_the_mean_over_levels_and_questions_of_what_was_asked():
    """A knowing answer costs nothing, ignorance costs the mean of the logarithms of the numbers of classes."""
    _, answers = pretraining.Windows(few(), size=8)[0]
    classes = (40, 4, 11, 14)
    nothing = torch.zeros(8, sum(classes), answers.shape[2])
    ignorance = np.average(np.log(classes), weights=pretraining.WEIGHTS)
    assert pretraining.naming(nothing, answers).item() == pytest.approx(ignorance, abs=1e-5)
    knowing = nothing.clone()
    for number, start in enumerate((0, 40, 44, 55)):
        truth = torch.where(answers[:, number] == 255, 0, answers[:, number])
        knowing.scatter_(1, (start + truth)[:, None], 50.0)
    assert pretraining.naming(knowing, answers).item() == pytest.approx(0, abs=1e-6)
    half = knowing.clone()
    half[..., 256:] = 0  # knows the first of three levels
    assert pretraining.naming(half, answers).item() == pytest.approx(2 / 3 * ignorance, abs=1e-5)
    blind = answers.clone()
    blind[:, 2] = 255  # no colour was asked, and it costs nothing
    expected = ignorance - np.log(11) / sum(pretraining.WEIGHTS)
    assert pretraining.naming(nothing, blind).item() == pytest.approx(expected, abs=1e-5)


def test_accuracy_counts_what_was_named_right():
    class Knows(torch.nn.Module):
        """Knows materials, grains and shapes, and calls everything black."""

        def forward(self, images):
            start, end = self.done, self.done + len(images)
            self.done = end
            parts = [
                pretraining.asked(few().regions[start:end], few().names[start:end], 2**level).reshape(
                    end - start, 4, -1
                )
                for level in pretraining.LEVELS
            ]
            truth = torch.from_numpy(np.concatenate(parts, 2)) % 255
            truth[:, 2] = 0
            return torch.cat(
                [
                    torch.nn.functional.one_hot(truth[:, k], n).movedim(-1, 1).float()
                    for k, n in enumerate((40, 4, 11, 14))
                ],
                1,
            )

    model = Knows()
    model.done = 0
    found = pretraining.accuracies(model, few())
    assert all(
        found[f"{kind}, stride {s}"] == 1 for kind in ("material", "grain", "shape") for s in (4, 8, 16)
    )
    answers = pretraining.asked(few().regions, few().names, 4)[:, 2]
    assert found["colour, stride 4"] == pytest.approx((answers[answers != 255] == 0).mean(), abs=1e-4)


def test_it_learns():
    given = few(48)
    model, history = pretraining.teach(given, steps=25)
    assert np.mean(history.losses[-5:]) < np.mean(history.losses[:5]) - 0.3
    assert model.encoder.widths == (8, 16, 32, 64, 128)


def test_the_rate_is_that_of_a_longer_training_until_it_cools_down():
    start = 1 - pretraining.COOLING
    for part in (0, 0.05, 0.4, start):
        assert pretraining.cooled(part) == training.warm_cosine(part / pretraining.LONGER)
    assert pretraining.cooled(1) == 0
    falling = [pretraining.cooled(part) for part in np.linspace(start, 1, 9)]
    assert all(np.diff(falling) < 0) and training.warm_cosine(1 / pretraining.LONGER) > 0


def test_half_a_training_goes_on_where_it_stopped(tmp_path, monkeypatch):
    _, history = pretraining.teach(few(), steps=6)
    stopped = pretraining.Windows.__getitem__

    def breaks(self, step):
        if step == 3:
            raise KeyboardInterrupt
        return stopped(self, step)

    monkeypatch.setattr(pretraining.Windows, "__getitem__", breaks)
    with pytest.raises(KeyboardInterrupt):
        pretraining.teach(few(), steps=6, checkpoint=tmp_path / "half.pt")
    seen = []
    monkeypatch.setattr(
        pretraining.Windows, "__getitem__", lambda self, step: seen.append(step) or stopped(self, step)
    )
    _, rest = pretraining.teach(few(), steps=6, checkpoint=tmp_path / "half.pt")
    assert seen == [3, 4, 5]
    assert rest.losses == pytest.approx(history.losses, rel=1e-4)


def test_collages_are_drawn_once_and_a_half_file_is_drawn_again(tmp_path, monkeypatch):
    monkeypatch.setattr(pretraining, "CHUNK", 4)
    drawn = []
    real = pretraining.pictures
    monkeypatch.setattr(pretraining, "pictures", lambda seeds: drawn.extend(seeds) or real(seeds))
    first = pretraining.draw(10, tmp_path)
    assert drawn == list(range(10)) and len(first) == 10
    files = sorted(tmp_path.iterdir())
    assert len(files) == 3
    files[1].unlink()
    (tmp_path / "collages-64-000004-000008.part.npz").write_bytes(b"half")
    again = pretraining.draw(10, tmp_path)
    assert drawn[10:] == [4, 5, 6, 7]
    for name in ("images", "regions", "names"):
        assert np.array_equal(getattr(first, name), getattr(again, name))


def test_the_command_writes_weights_that_load_with_what_the_card_needs(own_folders, capsys, monkeypatch):
    monkeypatch.setattr(pretraining, "examination", lambda: few())
    out = own_folders / "try.safetensors"
    pretraining.main(["--steps", "2", "--collages", "8", "--out", str(out)])
    assert "8 collages drawn" in capsys.readouterr().out
    encoder = pretrained.encoder(file=out)
    assert encoder(torch.rand(1, 3, 32, 32))[-1].shape == (1, 128, 2, 2)
    found = json.loads(read_notes(out)["card"])
    assert found["steps"] == 2 and found["collages"] == 8
    text = pretraining.card(found)
    share = found["accuracy"]["material, stride 16"]
    assert f"{share:.3f}" in text and "300,0" not in text.split("What it was taught")[1]
    assert f"{sum(p.numel() for p in encoder.parameters()):,} weights" in text
    with pytest.raises(SystemExit):
        pretraining.main(["--steps", "2"])  # a try must not replace what ships


def test_the_card_that_ships_is_of_the_weights_that_ship():
    file = pretrained.bundled_file()
    if not file.is_file():  # both come with the first training
        return
    from course_utils import paths

    found = json.loads(read_notes(file)["card"])
    assert (paths.CHECKOUT / pretraining.CARD).read_text(encoding="utf-8") == pretraining.card(found)
    chance = 1 / 40
    assert found["accuracy"]["material, stride 8"] > 10 * chance


def test_seeds_for_learning_choosing_and_examining_share_nothing():
    assert len(synthetic.COLLAGE_SEEDS["train"]) >= pretraining.COLLAGES
    assert isinstance(pretraining.Windows(few()), training.Numbered)
