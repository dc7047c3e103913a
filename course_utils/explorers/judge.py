"""Go back and forth between an answer before and after its refinement, with the judge's verdict on top. Lesson 14."""

from itertools import pairwise

import numpy as np

from course_utils import metrics, plotting
from course_utils.explorers.canvas import (
    Canvas,
    Explorer,
    action,
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
    "Notice: where the judge says “answer” before the mask changes there; when the gap closes; to which side the new "
    "piece goes, in this picture and in the next; and whether that is the side of the truth."
)


class JudgeExplorer(Explorer):
    """Answers as they were refined, moment by moment, and what the judge of that moment said of them.

    Parameters
    ----------
    images : sequence of (H, W[, 3]) arrays in [0, 1]
    answers : (S, N, H, W) array, probabilities of the object at S moments, two or more, in N pictures
    verdicts : (S, N, h, w) array, the judge's logits of its windows, above 0 for "a truth"
    targets : sequence of (H, W) bool or int arrays, optional
    name, hint : what the pictures show; what to try, instead of the explorer's own line

    Attributes
    ----------
    moment, picture : int, settable
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
            opacity=0.45,
            respond=self.respond,
            actions=[action("play", "Play", key="p", hint="Go from before to after", pressed=False)],
        )
        self.moment = len(self.answers) - 1

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

    @property
    def moment(self):
        return round(self.canvas.value)

    @moment.setter
    def moment(self, moment):
        self.canvas.value = float(np.clip(moment, 0, len(self.answers) - 1))
        self._show()

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
        believed = 1 / (1 + np.exp(-self.verdicts[moment, self._picture]))
        rows, columns = (
            -(-big // small) for big, small in zip(self.answers.shape[2:], believed.shape, strict=True)
        )
        height, width = self.answers.shape[2:]
        return believed.repeat(rows, axis=0).repeat(columns, axis=1)[:height, :width]

    def respond(self, event):
        if event["kind"] == "slider":
            self.picture = int(event["value"]) - 1
            return
        if event["kind"] == "tick":
            last = len(self.answers) - 1
            self.canvas.value = float(min(self.moment + 1, last))
            self.canvas.playing = self.moment < last
        elif event["kind"] == "action":
            self.canvas.playing = not self.canvas.playing
            if self.canvas.playing and self.moment == len(self.answers) - 1:
                self.canvas.value = 0.0
        elif event["kind"] == "value":
            self.canvas.playing = False
        self._show()

    def _scores(self, moment):
        """What is shown as bars: the judge's mean belief, and the IoU where the truth is known."""
        found = {"taken for a truth": float(self._belief(moment).mean())}
        if self.targets is not None:
            found["IoU"] = metrics.mask_iou(self.targets[self._picture], self._mask(moment))
        return found

    def _show(self):
        masks = [self._mask(moment) for moment in range(len(self.answers))]
        changes = [np.count_nonzero(a != b) for a, b in pairwise(masks)]
        beliefs = [self._belief(moment).mean() for moment in range(1, len(masks) - 1)]
        with self.canvas.hold_sync():
            self.canvas.layers = [
                heat("verdict", self.belief, 0, 1),
                layer("mask", self.mask, plotting.ANSWER),
                *truth(None if self.targets is None else self.targets[self._picture]),
            ]
            self.canvas.plot = histogram_plot(
                np.maximum(np.sqrt(changes), 1e-3), 0, len(changes), side=-1,
                name="before … after; height: root of the pixels that change",
                curve=beliefs, curve_name="mean belief of the judge of that moment",
            )  # fmt: skip
            self.canvas.sliders = [slider("picture", "picture", self._picture + 1, 1, len(self.images), 1)]
            self.canvas.actions = [
                action("play", "Play", key="p", hint="Go from before to after", pressed=self.canvas.playing)
            ]
            self.canvas.panel = meters(self._scores(self.moment), self._scores(0))
            self.canvas.status = self._describe()

    def _describe(self):
        scores = self._scores(self.moment)
        text = f"Picture {self._picture + 1}, moment {self.moment} of {len(self.answers) - 1}: {self.mask.sum()} pixels"
        text += f", the judge's mean belief {scores['taken for a truth']:.2f}"
        return text + (f", IoU {scores['IoU']:.3f}." if "IoU" in scores else ".")

    def strip(self):
        """Before and after, each with the judge's belief beside it."""
        frames, story = [], []
        for title, moment in {"before": 0, "after": len(self.answers) - 1}.items():
            mask, belief = self._mask(moment), self._belief(moment)
            frames.append(
                plotting.Picture(_large(self.images[self._picture]), title, labels=_large(mask).astype(int))
            )
            frames.append(plotting.Picture(_large(belief), f"verdict {title}"))
            story.append(f"{title}: {mask.sum()} pixels, mean belief {belief.mean():.2f}")
        return plotting.figure(
            *frames,
            columns=4,
            alt=f"{self.canvas.label}. A mask before and after its refinement, and where the judge took it for a truth "
            f"(bright) or for an answer (dark). {'; '.join(story)}.",
            caption=f"Bright where the judge of that moment says “a truth”. {'; '.join(story)}.",
        )


def _large(image, times=6):
    return image.repeat(times, 0).repeat(times, 1)
