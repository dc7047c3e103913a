"""Trainings that a lecture has no time for: their weights and curves ship with the course.

``fit(model, …, bundled="10-skips")`` trains as always. With ``COURSE_LECTURE=1`` in the environment it says so and
loads ``data/checkpoints/10-skips.safetensors`` instead. Under ``COURSE_RECORD=1``, which ``course run --record`` sets,
a training writes that file when it is done.
"""

import json
import os
from dataclasses import asdict

from course_utils import paths
from course_utils.training.inference import load_weights, read_notes, save_weights


def lecture():
    """True where bundled weights are to be loaded instead of training (bool)."""
    return os.environ.get("COURSE_LECTURE") == "1"


def recording():
    """True where trainings are to become the bundled ones (bool)."""
    return os.environ.get("COURSE_RECORD") == "1"


def load(name, model):
    """Give ``model`` the bundled weights; returns the dict of its history, and prints where they come from.

    Raises FileNotFoundError where the course ships none of that name, ValueError where they fit another model.
    """
    path = _path(name)
    if not path.is_file():
        raise FileNotFoundError(
            f"The course ships no weights {name!r} ({path}). Unset COURSE_LECTURE to train them here."
        )
    load_weights(model, path)
    history = json.loads(read_notes(path)["history"])
    history["scores"] = [tuple(pair) for pair in history["scores"]]
    print(
        f"COURSE_LECTURE=1: not trained now, loaded from {path.name} ({history['seconds']:.0f} s of training)."
    )
    return history


def save(name, model, history):
    """Keep the weights of ``model`` and its History for lectures."""
    save_weights(model, _path(name), history=json.dumps(asdict(history)))


def _path(name):
    return paths.bundled("data") / "checkpoints" / f"{name}.safetensors"
