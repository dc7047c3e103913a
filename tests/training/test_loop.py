"""Learning: equal to the three lines written out, repeatable, resumable, and hard to lose."""

import json
import os
import signal
import subprocess
import sys
import threading
from itertools import count

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from course_utils import training
from course_utils.training import loop


def task(number=6, side=16):
    """Images of two bright squares and their masks, learnable by one filter; a strip of the target is ignored."""
    rng = np.random.default_rng(0)
    targets = [
        np.kron(rng.integers(0, 2, (2, 2)), np.ones((side // 2, side // 2), int)) for _ in range(number)
    ]
    images = [np.clip(0.3 + 0.4 * target + rng.normal(0, 0.05, target.shape), 0, 1) for target in targets]
    for target in targets:
        target[:, 0] = 255
    return images, targets


def batches(**options):
    return training.Batches(*task(), size=3, augment=training.flips(), **options)


def net(seed=0, dropout=0.0):
    training.seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(dropout), nn.Conv2d(8, 2, 1)
    )


def fit(model, stream=None, **options):
    stream = batches() if stream is None else stream
    return training.fit(model, stream, device="cpu", watch=False, **options)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Nets this small are slower on two threads, and far slower where other work takes the second core."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes on by a tenth of a second each time that the loop looks at it."""
    ticks = (0.1 * tick for tick in count())
    monkeypatch.setattr(loop.time, "perf_counter", lambda: next(ticks))


def weights(model):
    return torch.cat([value.flatten().float() for value in model.state_dict().values()])


def accuracy(model):
    matrices = training.evaluate(model, *task(), classes=2)
    return np.trace(matrices.sum(0)) / matrices.sum()


# -- the loop itself ----------------------------------------------------------------------------------


def test_it_is_the_three_lines_written_out():
    model, twin = plain(), plain()  # normalised offsets have no slope, and AdamW would enlarge its rounding
    history = fit(model, steps=12)
    optimiser = torch.optim.AdamW(twin.parameters(), lr=2e-3, weight_decay=1e-2)
    twin.train()
    for step in range(12):
        images, targets = batches()[step]
        for group in optimiser.param_groups:
            group["lr"] = 2e-3 * training.warm_cosine(step / 12)
        loss = functional.cross_entropy(twin(images / 255), targets, ignore_index=255)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        assert history.losses[step] == pytest.approx(loss.item(), rel=1e-4)
    torch.testing.assert_close(weights(model), weights(twin), rtol=1e-4, atol=1e-5)


def test_it_learns_and_the_same_seed_gives_the_same_numbers():
    histories = [fit(net(dropout=0.1), steps=60) for _ in range(2)]
    assert histories[0].losses == histories[1].losses
    assert np.mean(histories[0].losses[-10:]) < 0.75 * np.mean(histories[0].losses[:5])
    assert histories[0].ended == "finished" and histories[0].steps == 60


def test_the_model_is_left_in_evaluation_mode():
    model = net()
    fit(model, steps=1)
    assert not model.training


def test_a_data_loader_serves_as_well_and_is_begun_again():
    images, targets = task()
    data = torch.utils.data.TensorDataset(
        torch.tensor(np.array(images)[:, None], dtype=torch.float32), torch.tensor(np.array(targets))
    )
    history = fit(net(), torch.utils.data.DataLoader(data, batch_size=4), epochs=5)
    assert history.steps == 10


def test_an_epoch_shows_all_images():
    assert fit(net(), epochs=2).steps == 2 * batches().per_epoch


def test_seconds_are_a_budget_too(clock):
    history = fit(net(), seconds=3)
    assert history.seconds == pytest.approx(3, abs=0.11) and 29 <= history.steps <= 31
    assert history.rates[-1] < 0.1 * max(history.rates)


def test_torchvisions_models_go_through_the_same_three_functions():
    from torchvision.models.segmentation import lraspp_mobilenet_v3_large

    training.seed(0)
    model = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=2)
    images, targets = task(2, side=64)
    images = [np.dstack([image] * 3) for image in images]
    history = fit(model, training.Batches(images, targets, size=2), steps=2)
    assert np.isfinite(history.losses).all()
    assert training.predict(model, images[0]).shape == (2, 64, 64)
    assert training.evaluate(model, images, targets, 2).shape == (2, 2, 2)


# -- loss and schedule --------------------------------------------------------------------------------


@given(st.integers(0, 2**32 - 1))
def test_cross_entropy_is_the_mean_over_the_pixels_that_count(number):
    generator = torch.Generator().manual_seed(number)
    logits = torch.randn(2, 3, 4, 5, generator=generator)
    target = torch.randint(0, 4, (2, 4, 5), generator=generator)
    target[target == 3] = 255
    counted = [
        -logits[b, :, y, x].log_softmax(0)[target[b, y, x]]
        for b, y, x in np.ndindex(2, 4, 5)
        if target[b, y, x] != 255
    ]
    want = torch.stack(counted).mean() if counted else torch.tensor(0.0)
    torch.testing.assert_close(training.cross_entropy(logits, target), want)


def test_where_nothing_counts_the_loss_is_zero_and_so_are_its_slopes():
    logits = torch.randn(1, 3, 4, 4, requires_grad=True)
    loss = training.cross_entropy(logits, torch.full((1, 4, 4), 255))
    loss.backward()
    assert loss.item() == 0 and not logits.grad.any()


def test_the_rate_warms_up_and_comes_to_rest():
    rates = [training.warm_cosine(p) for p in np.linspace(0, 1, 101)]
    assert max(rates) == pytest.approx(1) and np.argmax(rates) == 10
    assert 0 < rates[0] < 0.2 and rates[-1] == pytest.approx(0)
    assert (np.diff(rates[:10]) > 0).all() and (np.diff(rates[10:]) < 0).all()


# -- the best weights, and an early end ---------------------------------------------------------------


def test_the_weights_that_scored_best_are_kept():
    scores = iter([0.1, 0.8, 0.3, 0.8, 0.2])
    seen = []

    def validate(model):
        assert not model.training
        seen.append(weights(model))
        return next(scores)

    model = net()
    history = fit(model, steps=10, validate=validate, validations=5)
    assert [step for step, _ in history.scores] == [2, 4, 6, 8, 10]
    assert history.best == (4, 0.8)
    torch.testing.assert_close(weights(model), seen[1])


def test_patience_ends_a_training_that_gets_no_better():
    scores = iter([0.5, 0.6, 0.6, 0.4, 0.9])
    history = fit(net(), steps=50, validate=lambda model: next(scores), validations=10, patience=2)
    assert history.ended == "no better" and history.steps == 20 and len(history.scores) == 4


def test_validations_are_not_charged_to_the_budget(clock):
    def validate(model):
        for _ in range(100):
            loop.time.perf_counter()
        return 0.0

    history = fit(net(), seconds=2, validate=validate, validations=4)
    assert [step for step, _ in history.scores] == [5, 10, 15, 20]
    assert history.seconds == pytest.approx(2, abs=0.11)


# -- interrupts, kills, full disks --------------------------------------------------------------------


class Interrupted(training.Batches):
    """Batches that press Ctrl+C once, in the middle of a step."""

    def __getitem__(self, step):
        if step == 5:
            os.kill(os.getpid(), signal.SIGINT)
        return super().__getitem__(step)


@pytest.mark.skipif(os.name == "nt", reason="there a process cannot press Ctrl+C on itself")
def test_an_interrupt_ends_after_the_step_and_keeps_what_was_learned():
    before = signal.getsignal(signal.SIGINT)
    model, twin = net(), net()
    stream = Interrupted(*task(), size=3, augment=training.flips())
    history = fit(model, stream, steps=100, schedule=training.constant)
    fit(twin, steps=6, schedule=training.constant)
    assert history.ended == "interrupted" and history.steps == 6
    torch.testing.assert_close(weights(model), weights(twin))
    assert signal.getsignal(signal.SIGINT) is before


def test_it_learns_in_a_thread_too():
    found = []
    thread = threading.Thread(target=lambda: found.append(fit(net(), steps=3)))
    thread.start()
    thread.join()
    assert found[0].steps == 3


def test_a_training_that_was_left_goes_on_as_if_nothing_had_happened(tmp_path):
    whole = net(dropout=0.3)
    want = fit(whole, steps=20, schedule=training.constant, validate=accuracy, validations=4)
    path = tmp_path / "run.pt"
    first = fit(
        net(dropout=0.3),
        steps=10,
        schedule=training.constant,
        checkpoint=path,
        validate=accuracy,
        validations=2,
    )
    assert first.ended == "finished"
    model = net(seed=9, dropout=0.3)
    history = fit(
        model, steps=20, schedule=training.constant, checkpoint=path, validate=accuracy, validations=4
    )
    assert history.losses == want.losses and history.scores == want.scores
    torch.testing.assert_close(weights(model), weights(whole))
    assert fit(net(), steps=20, checkpoint=path, validate=accuracy).steps == 20  # nothing is left to do


KILLED = """
import sys
sys.path.insert(0, sys.argv[2])
from course_utils.training import loop
import test_loop
test_loop.torch.set_num_threads(1)
loop.SAVE_SECONDS = 0
class Slow(test_loop.training.Batches):
    def __getitem__(self, step):
        print(step, flush=True)
        return super().__getitem__(step)
stream = Slow(*test_loop.task(), size=3, augment=test_loop.training.flips())
options = dict(steps=100000, schedule=test_loop.training.constant, checkpoint=sys.argv[1])
test_loop.fit(test_loop.net(dropout=0.3), stream, **options)
"""


def test_a_killed_training_goes_on_where_it_was_last_saved(tmp_path):
    path = tmp_path / "run.pt"
    command = [sys.executable, "-c", KILLED, str(path), os.path.dirname(__file__)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if int(line) >= 12:
            process.kill()
            break
    process.wait()
    history = fit(net(seed=5, dropout=0.3), steps=20, schedule=training.constant, checkpoint=path)
    want = fit(net(dropout=0.3), steps=20, schedule=training.constant)
    assert history.losses == want.losses


def test_another_file_is_never_overwritten(tmp_path):
    path = tmp_path / "thesis.txt"
    path.write_text("three years of work")
    with pytest.raises(ValueError, match="no checkpoint of this model"):
        fit(net(), steps=1, checkpoint=path)
    assert path.read_text() == "three years of work"


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    fit(net(), steps=1, checkpoint=tmp_path / "run.pt")
    with pytest.raises(ValueError, match="Move it away"):
        fit(nn.Sequential(nn.Conv2d(1, 2, 1)), steps=1, checkpoint=tmp_path / "run.pt")


def test_a_checkpoint_that_cannot_be_written_is_told_before_time_is_spent(tmp_path):
    (tmp_path / "file").write_text("")
    steps = []
    with pytest.raises(OSError, match="could not be written"):
        fit(net(), steps=3, checkpoint=tmp_path / "file" / "run.pt", loss=lambda *a: steps.append(1))
    assert not steps


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has a device that is always full")
def test_a_disk_that_fills_up_stops_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "SAVE_SECONDS", 0)
    path = tmp_path / "run.pt"
    genuine, calls = torch.save, []

    def save(content, file):
        calls.append(1)
        if len(calls) == 1:
            return genuine(content, file)
        with open("/dev/full", "wb") as full:
            return genuine(content, full)

    monkeypatch.setattr(torch, "save", save)
    with pytest.warns(UserWarning, match="could not be written"):
        history = fit(net(), steps=5, checkpoint=path)
    assert history.steps == 5 and path.exists() and not list(tmp_path.glob("*.part"))


def test_a_loss_that_is_no_number_stops_and_spoils_nothing():
    def loss(logits, target):
        value = training.cross_entropy(logits, target)
        return value * float("nan") if len(losses) == 3 else (losses.append(1) or value)

    losses, model = [], net()
    with pytest.raises(training.Diverged, match="a third of it") as error:
        fit(model, steps=10, loss=loss)
    assert error.value.history.steps == 3 and error.value.history.ended == "diverged"
    assert torch.isfinite(weights(model)).all()


@pytest.mark.parametrize("budget", [{}, {"steps": 0}, {"steps": 3, "seconds": 2}, {"epochs": -1}])
def test_a_budget_that_is_none_is_told(budget):
    with pytest.raises(ValueError, match="Give one budget"):
        fit(net(), **budget)


def test_an_empty_stream_is_told():
    with pytest.raises(ValueError, match="no batch"):
        fit(net(), [], steps=1)


# -- several processes --------------------------------------------------------------------------------

SHARED = """
import json, sys
sys.path.insert(0, sys.argv[2])
import test_loop
from course_utils import training
import torch
rank, world = training.distribute()
torch.set_num_threads(1)
model = test_loop.plain()
stream = training.Batches(*test_loop.task(), size=4)
history = test_loop.fit(model, stream, steps=8, validate=test_loop.accuracy, validations=2)
with open(f"{sys.argv[1]}/{rank}.json", "w") as file:
    json.dump({"world": world, "losses": history.losses, "scores": history.scores,
               "weights": test_loop.weights(model).tolist()}, file)
torch.distributed.destroy_process_group()
"""


def plain():
    """Without normalisation: what a batch holds beside an image makes no difference to it."""
    training.seed(0)
    return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 2, 1))


def test_two_processes_learn_what_one_would(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SHARED)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, str(script), str(tmp_path), os.path.dirname(__file__)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2)]
    model = plain()
    want = fit(model, training.Batches(*task(), size=4), steps=8, validate=accuracy, validations=2)
    assert [one["world"] for one in found] == [2, 2]
    for one in found:
        np.testing.assert_allclose(one["weights"], weights(model), atol=1e-5)
        np.testing.assert_allclose(one["scores"], want.scores, atol=1e-6)
    np.testing.assert_allclose(np.mean([one["losses"] for one in found], axis=0), want.losses, atol=1e-5)


# -- groups of weights, numbered batches --------------------------------------------------------------


def test_groups_of_parameters_have_rates_of_their_own_through_the_schedule():
    model, still = net(), net()
    groups = [{"params": model[0].parameters(), "lr": 0.1}, {"params": model[1:].parameters(), "lr": 0.001}]
    made = []
    fit(model, steps=4, optimiser=lambda _: made.append(training.adamw(groups)) or made[0])
    assert [group["lr"] / group["full_rate"] for group in made[0].param_groups] == pytest.approx(
        [training.warm_cosine(3 / 4)] * 2
    )
    first, last = ((model[k].weight - still[k].weight).abs().max().item() for k in (0, 4))
    assert first > 20 * last > 0


def test_whatever_is_numbered_is_asked_by_number_and_goes_on_where_it_stopped(tmp_path):
    numbers = []

    class Asked(training.Numbered):
        def __getitem__(self, step):
            numbers.append(step)
            if step == 2 and numbers.count(2) == 1:
                raise KeyboardInterrupt
            return batches()[step]

    with pytest.raises(KeyboardInterrupt):
        fit(net(), Asked(), steps=4, checkpoint=tmp_path / "run.pt")
    fit(net(), Asked(), steps=4, checkpoint=tmp_path / "run.pt")
    assert numbers == [0, 1, 2, 2, 3]


# -- lectures -----------------------------------------------------------------------------------------


def test_a_lecture_loads_what_a_recorded_training_kept(tmp_path, monkeypatch, capsys):
    (tmp_path / "checkpoints").mkdir()
    monkeypatch.setattr("course_utils.paths.bundled", lambda name: tmp_path)
    monkeypatch.setenv("COURSE_RECORD", "1")
    model, other = net(), net(seed=1)
    want = fit(model, steps=5, validate=accuracy, validations=2, bundled="example")
    monkeypatch.delenv("COURSE_RECORD")
    monkeypatch.setenv("COURSE_LECTURE", "1")
    found = fit(other, steps=5, validate=accuracy, validations=2, bundled="example")
    assert "not trained now" in capsys.readouterr().out
    assert found.losses == want.losses and found.best == tuple(want.best) and not other.training
    torch.testing.assert_close(weights(other), weights(model))
    with pytest.raises(FileNotFoundError, match="COURSE_LECTURE"):
        fit(other, steps=5, bundled="nothing")


def test_a_training_that_is_not_recorded_keeps_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("course_utils.paths.bundled", lambda name: tmp_path)
    fit(net(), steps=1, bundled="example")
    assert not list(tmp_path.iterdir())
