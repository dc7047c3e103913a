"""Go back and forth between an answer before and after its refinement, with the judge's verdict on top. Lesson 14."""

from itertools import pairwise

import numpy as np

from course_utils import metrics, plotting
from course_utils.explorers.canvas import (
    Canvas,
    Moments,
    displayed,
    heat,
    histogram_plot,
    layer,
    meters,
    png,
    slider,
    truth,
)

_HINT = (
    "Try: drag the line from the left end, before, to the right end, after, or play it (P); then take another picture. "
    "Switch the verdict off to see the mask alone.\n"
    "Notice: the judge of moment 0 has learned nothing yet. Soon it is dark, “an answer”, where the mask gives itself "
    "away; the mask changes there; and at the end the judge can hardly tell. To which side does the new piece go, in "
    "this picture and in the next, and is that the side of the truth?"
)


class JudgeExplorer(Moments):
    """Answers as they were refined, moment by moment, and what the judge of that moment said of them.

    It opens at the moment whose judge saw through the answers best. Colours of the verdict are stretched to what these
    judges say, evenly to both sides of ½.

    Parameters
    ----------
    images : sequence of (H, W[, 3]) arrays in [0, 1]
    answers : (S, N, H, W) array, probabilities of the object at S moments, two or more, in N pictures; the first before
        the judge and they have learned from each other
    verdicts : (S, N, h, w) array, the judge's logits of its windows, above 0 for "a truth"
    targets : sequence of (H, W) bool or int arrays, optional
    name, hint : what the pictures show; what to try, instead of the explorer's own line

    Attributes
    ----------
    moment, picture : int, settable
    seen_through : int, the moment at which the judge believed the answers least
    mask : bool (H, W), where the answer is above one half
    belief : float (H, W), the probability that each pixel's windows are of a truth, mean over the judge's squares
    """

    def __init__(self, images, answers, verdicts, targets=None, *, name="canals", hint=None):
        self.images = [displayed(np.asarray(image)) for image in images]
        self.answers, self.verdicts = (np.asarray(a, float) for a in (answers, verdicts))
        self.targets = None if targets is None else [np.asarray(target) != 0 for target in targets]
        self._check()
        self._picture = 0
        self.canvas = Canvas(
            self.images[0],
            label=f"Judge explorer: {name}",
            hint=_HINT if hint is None else hint,
            opacity=0.6,
            respond=self.respond,
        )
        taught = _sigmoid(self.verdicts[1:])
        self._reach = (
            float(np.quantile(abs(taught - 0.5), 0.98)) or 0.5
        )  # of the colours, to both sides of one half
        self.seen_through = 1 + int(taught.mean(axis=(1, 2, 3)).argmin())
        self.moment = self.seen_through

    def _check(self):
        expected = (len(self.images), *self.images[0].shape[:2])
        if self.answers.ndim != 4 or len(self.answers) < 2 or self.answers.shape[1:] != expected:
            raise ValueError(
                f"answers have shape {self.answers.shape}; expected (S, {expected}) with S of 2 or more"
            )
        if self.verdicts.ndim != 4 or self.verdicts.shape[:2] != self.answers.shape[:2]:
            raise ValueError(
                f"verdicts have shape {self.verdicts.shape}; expected {self.answers.shape[:2]} first"
            )
        if self.targets is not None and [t.shape for t in self.targets] != [i.shape[:2] for i in self.images]:
            raise ValueError("there must be a target for each picture, of its height and width")

    moment = Moments.place

    @property
    def count(self):
        return len(self.answers)

    @property
    def picture(self):
        return self._picture

    @picture.setter
    def picture(self, number):
        self._picture = int(np.clip(number, 0, len(self.images) - 1))
        self.canvas.image = png(self.images[self._picture])
        self._show()

    @property
    def mask(self):
        return self._mask(self.moment)

    @property
    def belief(self):
        return self._belief(self.moment)

    def _mask(self, moment):
        return self.answers[moment, self._picture] > 0.5

    def _belief(self, moment):
        believed = _sigmoid(self.verdicts[moment, self._picture])
        rows, columns = (
            -(-big // small) for big, small in zip(self.answers.shape[2:], believed.shape, strict=True)
        )
        height, width = self.answers.shape[2:]
        return believed.repeat(rows, axis=0).repeat(columns, axis=1)[:height, :width]

    def respond(self, event):
        if event["kind"] == "slider":
            self.picture = int(event["value"]) - 1
            return
        super().respond(event)

    def _scores(self, moment):
        """What is shown as bars: the judge's mean belief, and the IoU where the truth is known."""
        found = {"taken for a truth": float(self._belief(moment).mean())}
        if self.targets is not None:
            found["IoU"] = metrics.mask_iou(self.targets[self._picture], self._mask(moment))
        return found

    def _show(self):
        masks = [self._mask(moment) for moment in range(len(self.answers))]
        changes = [np.count_nonzero(a != b) for a, b in pairwise(masks)]
        beliefs = [self._belief(moment).mean() for moment in range(len(masks))]
        with self.canvas.hold_sync():
            self.canvas.layers = [
                heat("verdict", self.belief, 0.5 - self._reach, 0.5 + self._reach),
                layer("mask", self.mask, plotting.ANSWER),
                *truth(None if self.targets is None else self.targets[self._picture]),
            ]
            self.canvas.plot = histogram_plot(
                np.maximum(np.sqrt(changes), 1e-3), 0, len(changes), side=-1,
                name="before … after; height: root of the pixels that change",
                curve=beliefs, curve_name="mean belief of the judge of that moment",
            )  # fmt: skip
            self.canvas.sliders = [slider("picture", "picture", self._picture + 1, 1, len(self.images), 1)]
            self.canvas.actions = self._play_button("Go from before to after")
            self.canvas.panel = meters(self._scores(self.moment), self._scores(0))
            self.canvas.status = self._describe()

    def _describe(self):
        scores = self._scores(self.moment)
        text = f"Picture {self._picture + 1}, moment {self.moment} of {len(self.answers) - 1}: {self.mask.sum()} pixels"
        text += f", the judge's mean belief {scores['taken for a truth']:.2f}"
        text += "" if self.moment else " (it has learned nothing yet)"
        return text + (f", IoU {scores['IoU']:.3f}." if "IoU" in scores else ".")

    def strip(self):
        """Before; when the judge saw through it, and after, each with the judge's belief beside it."""
        frames, story = [self._frame("before", 0)], [f"before: {self._mask(0).sum()} pixels"]
        for title, moment in {"seen through": self.seen_through, "after": len(self.answers) - 1}.items():
            mask, belief = self._mask(moment), self._belief(moment)
            scale = (0.5 - self._reach, 0.5 + self._reach)
            frames.append(self._frame(title, moment))
            frames.append(plotting.Picture(_large(belief), "its verdict", scale=scale, colormap="viridis"))
            story.append(f"{title} (moment {moment}): {mask.sum()} pixels, mean belief {belief.mean():.2f}")
        return plotting.figure(
            *frames,
            columns=5,
            alt=f"{self.canvas.label}. A mask before its refinement, when the judge saw through it best, and after, "
            f"and where the judge took it for a truth (bright) or for an answer (dark). {'; '.join(story)}.",
            caption=f"Bright where the judge of that moment says “a truth”, dark where “an answer”; from "
            f"{scale[0]:.2f} to {scale[1]:.2f}. {'; '.join(story)}.",
        )

    def _frame(self, title, moment):
        image, mask = self.images[self._picture], self._mask(moment)
        return plotting.Picture(_large(image), title, labels=_large(mask).astype(int))


def _sigmoid(logits):
    return 1 / (1 + np.exp(-logits))


def _large(image, times=6):
    return image.repeat(times, 0).repeat(times, 1)
