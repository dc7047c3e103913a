"""Scrub through the steps of a refinement: what a dense CRF, or any network that mends its answer, does. Lesson 15."""

from itertools import pairwise

import numpy as np
import torch
from torch.nn import functional as F

from course_utils import metrics, plotting
from course_utils.explorers.canvas import (
    Canvas,
    Moments,
    displayed,
    heat,
    histogram_plot,
    layer,
    meters,
    slider,
    truth,
)
from course_utils.explorers.features import checked
from course_utils.models.crf import Affinity, features, mean_field, potts

_BAND = 3  # pixels: width of the trimap that is scored
_BLOCK = 20  # pixels: side of the blocks of the default scores
_HINT = (
    "Try: drag the line through the steps, or play them (P). Take the price of appearance to 0, then that of "
    "smoothness. Make the deviation of place large, then that of colour.\n"
    "Notice: how far the first step goes, and how little the late ones do; how a score may rise and fall again, with "
    "more steps; what is thin is voted away first; and where colours are alike, the answer runs over."
)


class RefinementExplorer(Moments):
    """An image, and an answer that is refined step by step; the step is a line to drag.

    Parameters
    ----------
    image : (H, W) or (H, W, C) array in [0, 1], optional
        By default a cup of coffee, a quarter of its size.
    scores : (K, H, W) tensor or array of logits, optional
        The explorer refines them by the mean field of a dense CRF, and has sliders for its prices and its deviations of
        place and of colour. By default the target, blurred by blocks of twenty pixels.
    history : sequence of (K, H, W) logits, optional
        Given instead of scores: what was refined elsewhere, before the first step and after each, as
        `models.recurrent.Refiner.iterate` returns it for one image; there is nothing to set then.
    target : (H, W) int or bool array, optional
        The truth, class numbers; its scores are shown along the steps.
    steps : int
        Of the CRF, at least 1.
    position, colour, near, appearance, smoothness : float
        Of the CRF at the start, see `models.crf.DenseCRF`; all but ``near`` can be set by sliders.
    name : str
        What the picture shows, for readers who do not see it.
    hint : str, optional
        What to try and what to notice, instead of the explorer's own line.

    Attributes
    ----------
    history : list of (K, H, W) float tensors
    step : int, settable, how many steps are shown
    answer : (H, W) int array, the most probable class after that step
    changes : list of int, the pixels whose class changed in each step
    values : list of float, the mean IoU of the classes before, and after each step; without a target, empty
    """

    def __init__(
        self,
        image=None,
        scores=None,
        *,
        history=None,
        target=None,
        steps=10,
        position=10.0,
        colour=0.06,
        near=2.0,
        appearance=4.0,
        smoothness=2.0,
        name="a cup of coffee",
        hint=None,
    ):
        if image is None:
            image, target = _coffee()
        self.image = checked(image)
        self._near, self._steps = near, steps
        self._settings = {
            "appearance": appearance,
            "smoothness": smoothness,
            "position": position,
            "colour": colour,
        }
        self.target = None if target is None else np.asarray(target)
        if self.target is not None and self.target.shape != self.image.shape[:2]:
            raise ValueError(f"target has shape {self.target.shape}, the image {self.image.shape[:2]}")
        if steps < 1:
            raise ValueError(f"steps must be at least 1, not {steps}")
        if history is None:
            if scores is None and self.target is None:
                raise ValueError("there must be scores, history or a target to refine")
            self._scores = self._fit(by_blocks(self.target, _BLOCK) if scores is None else scores)
            self.history = [self._scores] * (steps + 1)
        else:
            self._scores, self.history = None, [self._fit(given) for given in history]
        if len(self.history) < 2:
            raise ValueError("history needs the scores before the first step and after one step, at least")
        self.canvas = Canvas(
            displayed(self.image),
            label=f"Refinement explorer: {name}",
            hint=_HINT if hint is None else hint,
            hidden=["sureness"],
            opacity=0.5,
            respond=self.respond,
            sliders=[] if self._scores is None else self._sliders(),
        )
        self._refine()
        self.step = len(self.history) - 1

    step = Moments.place

    @property
    def count(self):
        return len(self.history)

    @property
    def answer(self):
        return self._answers[self.step]

    def respond(self, event):
        if event["kind"] == "slider":
            self._settings[event["name"]] = float(event["value"])
            self._refine()
        super().respond(event)

    def _fit(self, scores):
        """Scores as a float tensor (K, H, W); ValueError unless they fit the image."""
        scores = torch.as_tensor(scores).detach().float().cpu()
        if scores.ndim != 3 or len(scores) < 2 or tuple(scores.shape[1:]) != self.image.shape[:2]:
            raise ValueError(
                f"scores must have shape (K, {self.image.shape[0]}, {self.image.shape[1]}) with two classes or more, "
                f"not {tuple(scores.shape)}"
            )
        return scores

    def _sliders(self):
        return [
            slider("appearance", "price of appearance", self._settings["appearance"], 0, 12, 0.5),
            slider("smoothness", "price of smoothness", self._settings["smoothness"], 0, 12, 0.5),
            slider("position", "deviation of place, px", self._settings["position"], 2, 40, 2),
            slider("colour", "deviation of colour", self._settings["colour"], 0.01, 0.4, 0.01),
        ]

    def _refine(self):
        """All steps anew, where they are ours, and what is counted along them."""
        if self._scores is not None:
            rows, classes = self._scores.flatten(1).T, len(self._scores)
            affinities = [
                Affinity(features(self.image, self._settings["position"], self._settings["colour"])),
                Affinity(features(self.image, self._near)),
            ]
            prices = [potts(classes, self._settings[name]) for name in ("appearance", "smoothness")]
            history = mean_field(rows, affinities, prices, self._steps)
            self.history = [scores.T.unflatten(1, self._scores.shape[1:]) for scores in history]
        self._answers = [scores.argmax(0).numpy() for scores in self.history]
        self.changes = [int(np.count_nonzero(a != b)) for a, b in pairwise(self._answers)]
        self.values = [] if self.target is None else [self._score(answer) for answer in self._answers]

    def _score(self, answer, target=None):
        target = self.target if target is None else target
        classes = max(len(self.history[0]), int(np.max(self.target, initial=0, where=self.target != 255)) + 1)
        return float(metrics.mean_iou(metrics.confusion_matrix(target.astype(int), answer, classes)))

    # ------------------------------------------------------------------------------------ showing

    def _show(self):
        sure = self.history[self.step].softmax(0).amax(0).numpy()
        with self.canvas.hold_sync():
            self.canvas.layers = [
                heat("sureness", sure, 1 / len(self.history[0]), 1),
                layer("answer", self.answer, list(plotting.PALETTE)),
                *([] if self.target is None else truth(np.where(self.target == 255, 0, self.target))),
            ]
            self.canvas.plot = histogram_plot(
                np.maximum(np.sqrt(self.changes), 1e-3), 0, len(self.changes), side=-1,
                name="steps; height: root of the pixels that change in a step",
                curve=_stretched(self.values), curve_name="mean IoU after each step, from its least to its best",
            )  # fmt: skip
            self.canvas.actions = self._play_button("Take the steps one by one")
            self.canvas.panel = self._panel()
            self.canvas.status = self._describe()

    def _panel(self):
        if self.target is None:
            return ""
        band = np.where(metrics.trimap(self.target, _BAND), self.target, 255)
        scores = [
            {"mean IoU": self._score(answer), f"mean IoU within {_BAND} px of a boundary": self._score(answer, band)}
            for answer in (self.answer, self._answers[0])
        ]  # fmt: skip
        return meters(*({name: np.nan_to_num(value) for name, value in found.items()} for found in scores))

    def _describe(self):
        step = self.step
        text = f"Step {step} of {len(self.history) - 1}"
        if step:
            changed = int(np.count_nonzero(self.answer != self._answers[0]))
            text += f": {self.changes[step - 1]} pixels change in it, {changed} since the start"
        else:
            text += ": the scores as they came"
        if self.values:
            best = int(np.argmax(self.values))
            text += f". Mean IoU {self.values[step]:.3f}; the best, {self.values[best]:.3f}, after {best}"
        return text + "."

    def strip(self):
        """The answer before, after one step, half way and at the end."""
        last = len(self.history) - 1
        shown = sorted({0, 1, last // 2, last})
        frames, story = [], []
        for step in shown:
            title = "before" if step == 0 else f"step {step}"
            frames.append(
                plotting.Picture(plotting.overlay(displayed(self.image), self._answers[step]), title)
            )
            changed = int(np.count_nonzero(self._answers[step] != self._answers[0]))
            said = f"{title}: {changed} pixels changed" if step else title
            story.append(said + (f", mean IoU {self.values[step]:.3f}" if self.values else ""))
        return plotting.figure(
            *frames,
            alt=f"{self.canvas.label}. The answer over the image, step by step. {'; '.join(story)}.",
            caption=f"What is refined, step by step. {'; '.join(story)}.",
        )


def by_blocks(target, side, sure=3.0):
    """Scores as a network of that stride might make them, float tensor (K, H, W): class shares of blocks, enlarged.

    The share of each class in a block of side × side pixels, clipped and as a logarithm times ``sure`` / 3, is
    enlarged by straight lines. It knows what is where, and not where it ends. Of the target, 255 counts as 0.
    """
    target = np.asarray(target, np.int64)
    target = torch.from_numpy(np.where(target == 255, 0, target))
    classes = max(2, int(target.max()) + 1)
    shares = F.one_hot(target, classes).movedim(-1, 0).float()
    blocks = F.avg_pool2d(shares[None], side, ceil_mode=True, count_include_pad=False)
    large = F.interpolate(
        blocks.clamp(min=0.02).log() * (sure / 3), scale_factor=side, mode="bilinear", align_corners=False
    )
    return large[0, :, : target.shape[0], : target.shape[1]]


def _coffee():
    """A quarter of the cup of coffee, (100, 150, 3), and which of its pixels are cup, saucer or spoon."""
    from course_utils.data import photos

    photo = photos.load("coffee")
    small = photo.image.reshape(100, 4, 150, 4, 3).mean(axis=(1, 3))
    return small, photo.mask[2::4, 2::4].astype(np.int64)


def _stretched(values):
    """Values from 0 to 1 for a curve; nothing of nothing, and a line where all are equal."""
    values = np.nan_to_num(np.asarray(values, float))
    if not len(values):
        return []
    spread = np.ptp(values)
    return ((values - values.min()) / spread).tolist() if spread else [0.5] * len(values)
