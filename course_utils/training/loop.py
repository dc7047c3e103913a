"""The loop: forward, backward, step, with everything kept that an interrupt or a killed kernel could lose."""

import copy
import random
import signal
import threading
import time
import warnings
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path

import numpy as np
import torch
import torch.distributed
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from course_utils.training import bundled as bundles
from course_utils.training.batches import IGNORE, Batches, Numbered
from course_utils.training.inference import logits_of, unit
from course_utils.training.live import Watch
from course_utils.training.processes import best_device, rank, world

SAVE_SECONDS = 30  # a killed kernel loses at most this much


def seed(number):
    """Make chance repeatable: Python's, NumPy's and torch's generators all start from ``number``.

    The same seed gives the same numbers on the same machine, with the same number of threads.
    """
    random.seed(number)
    np.random.seed(number)  # noqa: NPY002 (libraries draw from it)
    torch.manual_seed(number)


def cross_entropy(logits, target):
    """Mean of −log p(true class) over the pixels that count (scalar); 0 where none does.

    logits : float (B, K, H, W); target : int64 (B, H, W), 255 ignored
    """
    total = functional.cross_entropy(logits, target, ignore_index=IGNORE, reduction="sum")
    return total / (target != IGNORE).sum().clamp(min=1)


def adamw(parameters, rate=2e-3, decay=1e-2):
    """AdamW, with the learning rate ``rate`` and the weight decay ``decay``.

    parameters : of a model, or groups of them as torch's optimisers take them, whose own "lr" counts

    A wide range of rates suits it: in the study ``descents`` 0.02 was as good as 0.2.
    """
    groups = [p | {"params": list(p["params"])} if isinstance(p, dict) else p for p in parameters]
    each = [p for group in groups for p in (group["params"] if isinstance(group, dict) else [group])]
    # One kernel for all weights, where there is one, takes a tenth off the step of a small network.
    fused = {parameter.device.type for parameter in each} <= {"cpu", "cuda"}
    return torch.optim.AdamW(groups, lr=rate, weight_decay=decay, fused=fused)


def warm_cosine(progress, warm=0.1):
    """Factor of the learning rate after a part ``progress`` (0 … 1): up in a line while warming, down as a cosine."""
    if progress < warm:
        return (progress + 0.01) / (warm + 0.01)
    return (1 + np.cos(np.pi * (progress - warm) / (1 - warm))) / 2


def constant(progress):
    """The same learning rate from the first step to the last."""
    return 1.0


@dataclass
class History:
    """What happened in a training.

    losses, rates : list of float, of each step
    scores : list of (step, score), of each validation
    seconds : float, spent learning; validations and drawing are not counted
    ended : how: "finished", "interrupted", "no better" (patience ran out), "diverged"; "" while it runs
    """

    losses: list = field(default_factory=list)
    rates: list = field(default_factory=list)
    scores: list = field(default_factory=list)
    seconds: float = 0.0
    ended: str = ""

    @property
    def steps(self):
        """Steps done (int)."""
        return len(self.losses)

    @property
    def best(self):
        """(step, score) of the best validation, the first of equals; None before any."""
        return max(self.scores, key=lambda pair: pair[1], default=None)

    def summary(self):
        """One sentence."""
        text = f"{self.steps} steps in {self.seconds:.0f} s"
        if self.losses:
            text += f", loss {np.mean(self.losses[-20:]):.3f}"
        if self.scores:
            text += f", best score {self.best[1]:.3f} after {self.best[0]} steps"
        return text + (f" ({self.ended})" if self.ended else "")

    __str__ = __repr__ = summary


class Diverged(RuntimeError):
    """The loss is no longer a number. The model keeps its best weights, or its last; ``history`` tells the rest."""

    def __init__(self, history, rate):
        self.history = history
        super().__init__(
            f"The loss of step {history.steps + 1} is not a number. A learning rate that is too high is the usual "
            f"suspect: it was {rate:.2g}, try a third of it. Next, look at the images and at the loss function."
        )


def fit(
    model,
    batches,
    *,
    steps=None,
    epochs=None,
    seconds=None,
    loss=cross_entropy,
    optimiser=adamw,
    schedule=warm_cosine,
    validate=None,
    validations=10,
    patience=None,
    checkpoint=None,
    bundled=None,
    device=None,
    watch=True,
):
    """Teach ``model``, in place, and return the History.

    Parameters
    ----------
    model : torch.nn.Module
    batches : Batches or another `Numbered`, or any iterable of (images, targets) such as a DataLoader
        Tensors (B, C, H, W), uint8 or float, and int64 (B, H, W). An iterable is begun again when it ends.
    steps, epochs, seconds : the budget, exactly one of them
        Steps give the same numbers again; seconds give what this machine can do.
    loss : function of (logits, target), a scalar to be made small
    optimiser : function of the parameters, a torch.optim.Optimizer
    schedule : function of the part that is done (0 … 1), the factor of the learning rate
    validate : function of the model (in evaluation mode), a score; higher is better
        Called ``validations`` times, evenly spread; in the end the model has the weights that scored best.
    patience : int, optional
        Stop after so many validations without a better score.
    checkpoint : path, optional
        Kept up to date, so that the same call goes on where a killed one stopped. Other files are never overwritten.
    bundled : str, optional
        Name of the weights that ship with the course and are loaded instead in lectures, see `training.bundled`.
    device : str or torch.device, optional
        By default the best of this machine. On CUDA it computes in mixed precision.
    watch : bool
        Draw the curves while it learns.

    An interrupt (■ in the notebook, Ctrl+C) ends the training after the current step and keeps what was learned.

    Raises
    ------
    Diverged where the loss becomes NaN; ValueError for a budget that is none, or a checkpoint of another model.
    """
    budget = _Budget(steps, epochs, seconds, batches)
    if bundled and bundles.lecture():
        return History(**bundles.load(bundled, model.eval()))
    device = torch.device(device) if device else best_device()
    model.to(device, memory_format=torch.channels_last)
    run = _Run(model, optimiser(model.parameters()), checkpoint, device)
    history = run.history
    progress = budget.progress(history)
    patience = patience or np.inf
    if progress >= 1 or run.stale >= patience:
        run.end(history.ended)
        return history
    learner = model if world() == 1 else DistributedDataParallel(model)
    scaler = torch.amp.GradScaler(device.type, enabled=device.type == "cuda")
    view = Watch() if watch and rank() == 0 else None
    stream = _stream(batches, history.steps)
    ended, due = "", _next_validation(progress, validations)
    try:
        with _interruptible() as interrupts:
            while not ended:
                start = time.perf_counter()
                value = _step(learner, run.optimiser, scaler, next(stream), loss, schedule(progress))
                history.seconds += time.perf_counter() - start
                progress, interrupted, failed = _agreed(
                    budget.progress(history, done=1), interrupts, not np.isfinite(value)
                )
                if failed:
                    ended = "diverged"
                    raise Diverged(history, run.rate)
                history.losses.append(value)
                history.rates.append(run.rate)
                ended = "interrupted" if interrupted else "finished" if progress >= 1 else ""
                if validate and (ended or progress >= due):
                    due = _next_validation(progress, validations)
                    run.note(validate)
                    ended = ended or ("no better" if run.stale >= patience else "")
                run.save_now_and_then()
                if view:
                    view.show(history, progress)
    finally:
        run.end(ended)
        if view:
            view.close(history)
    if bundled and bundles.recording():
        bundles.save(bundled, model, history)
    return history


def _step(learner, optimiser, scaler, batch, loss, factor):
    """One step downhill; returns the loss (float), and leaves the weights alone where it is no number."""
    learner.train()
    images, targets = batch
    device = next(learner.parameters()).device
    images = unit(images.to(device, non_blocking=True))
    targets = targets.to(device, non_blocking=True)
    with torch.autocast(device.type, enabled=scaler.is_enabled()):
        value = loss(logits_of(learner, images).float(), targets)
    if not torch.isfinite(value):
        return value.item()
    for group in optimiser.param_groups:
        group.setdefault("full_rate", group["lr"])
        group["lr"] = float(group["full_rate"] * factor)  # a number of NumPy's would spoil the checkpoint
    optimiser.zero_grad()
    scaler.scale(value).backward()
    scaler.step(optimiser)
    scaler.update()
    return value.item()


class _Budget:
    """How long to learn: one of steps, epochs, seconds."""

    def __init__(self, steps, epochs, seconds, batches):
        given = [value for value in (steps, epochs, seconds) if value is not None]
        if len(given) != 1 or not given[0] > 0:
            raise ValueError("Give one budget, more than 0: steps=…, epochs=… or seconds=….")
        if epochs:
            steps = epochs * (batches.per_epoch if isinstance(batches, Batches) else len(batches))
        self.steps, self.seconds = steps, seconds

    def progress(self, history, done=0):
        """The part (0 … 1 and a little more) that is used up, ``done`` steps after those in the history."""
        return (history.steps + done) / self.steps if self.steps else history.seconds / self.seconds


class _Run:
    """A training that can be left and taken up again: model, optimiser, history, best weights, and their file."""

    def __init__(self, model, optimiser, path, device):
        self.model, self.optimiser, self.device = model, optimiser, device
        self.path = Path(path) if path else None
        self.history, self.best, self.saved = History(), None, time.perf_counter()
        if self.path and self.path.exists():
            self._resume()
        elif self.path:
            self._write("Pass a path in a folder of your own, or no checkpoint.")

    @property
    def rate(self):
        """Learning rate of the last step (float)."""
        return float(self.optimiser.param_groups[0]["lr"])

    @property
    def stale(self):
        """Validations since the best one (int)."""
        scores = self.history.scores
        return len(scores) - 1 - scores.index(self.history.best) if scores else 0

    def note(self, validate):
        """Score the model, and keep its weights if they are the best."""
        self.model.eval()
        with torch.no_grad():
            score = float(validate(self.model))
        history = self.history
        if history.best is None or score > history.best[1]:
            self.best = copy.deepcopy(self.model.state_dict())
        history.scores.append((history.steps, score))

    def save_now_and_then(self):
        """Write the checkpoint when its time has come; what fails is said, and learning goes on."""
        if time.perf_counter() - self.saved > SAVE_SECONDS:
            self._try_to_write()

    def end(self, ended):
        """Write the checkpoint, give the model its best weights and leave it in evaluation mode."""
        self.history.ended = ended
        self._try_to_write()
        if self.best is not None:
            self.model.load_state_dict(self.best)
        self.model.eval()

    def _try_to_write(self):
        try:
            self._write("The training goes on; make room, and it is saved at the next occasion.")
        except OSError as error:
            warnings.warn(str(error), stacklevel=4)

    def _write(self, advice):
        """Replace the file in one go, so that a kill leaves the old one or the new one."""
        self.saved = time.perf_counter()
        if not self.path or rank():
            return
        content = {
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "best": self.best,
            "history": asdict(self.history),
            "chance": torch.get_rng_state(),
        }
        part = self.path.with_name(self.path.name + ".part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            torch.save(content, part)
            part.replace(self.path)
        except (OSError, RuntimeError) as error:  # torch's writer turns a full disk into a RuntimeError
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise OSError(f"The checkpoint {self.path} could not be written ({error}). {advice}") from error

    def _resume(self):
        try:
            content = torch.load(self.path, map_location=self.device, weights_only=True)
            self.model.load_state_dict(content["model"])
            self.optimiser.load_state_dict(content["optimiser"])
            self.history = History(**content["history"])
            self.best = content["best"]
            torch.set_rng_state(content["chance"].cpu())
        except Exception as error:
            raise ValueError(
                f"{self.path} is no checkpoint of this model and optimiser ({error}). "
                "Move it away to start anew, or pass another path."
            ) from error


def _next_validation(progress, validations):
    """The progress at which the next of so many validations is due."""
    return (int(progress * validations + 1e-9) + 1) / validations


def _stream(batches, start):
    """Batches without end, from number ``start`` where they are numbered."""
    if isinstance(batches, Numbered):
        yield from (batches[step] for step in count(start))
    while True:
        empty = True
        for batch in batches:
            empty = False
            yield batch
        if empty:
            raise ValueError(
                "There is no batch to learn from: the iterable is empty, or can be run through only once."
            )


@contextmanager
def _interruptible():
    """A list that an interrupt fills, instead of breaking off in the middle of a step; a second one breaks off."""
    interrupts = []
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return

    def note(number, frame):
        signal.signal(signal.SIGINT, usual)
        interrupts.append(number)

    usual = signal.signal(signal.SIGINT, note)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, usual)


def _agreed(*values):
    """The largest of each value over all processes, so that all do the same; a list is 1 when it holds anything."""
    values = [float(bool(value) if isinstance(value, list) else value) for value in values]
    if world() == 1:
        return values
    shared = torch.tensor(values, device=best_device())
    torch.distributed.all_reduce(shared, torch.distributed.ReduceOp.MAX)
    return shared.tolist()
