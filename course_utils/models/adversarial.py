"""Adversarial refinement: a second network learns to tell answers from truths, and the first learns to pass for true.

The insight: a loss that we write charges for pixels, or for what of a region we thought of beforehand. Whether a mask
*looks like a mask* nobody can write down, but it can be learned: show a network, the **discriminator** or judge, pairs
of an image and a mask, some with the truth and some with an answer, and let it learn which is which. Its verdict on an
answer has a gradient with respect to every pixel of the answer. So it is a loss, one that looks at the whole mask, and
that changes as the answers do.

    judge      learns to lower   −log σ(D(x, y)) − log(1 − σ(D(x, p)))          `judge_loss`
    segmenter  learns to lower   its own loss(z, y) − λ log σ(D(x, p))          `fool_loss`

with x the image, y the truth as one-hot maps, z the logits, p = softmax(z), and D(x, ·) the judge's logit that a mask
is a truth. `step` does one step of each.

The judge never learns *which* truth belongs to an image beyond what the image tells; where it tells nothing, every
plausible mask is as good. So λ buys plausibility, not knowledge, and what is added under a cloud is invented.

A judge may win for a reason that we do not mean: a truth is of zeros and ones and an answer never quite, and that is
quickly seen. And a judge that wins by far may teach nothing: log(1 − σ(D)) is flat there (`saturating_fool_loss`), and
−log σ(D) is not. What is said to help, and is tried in lesson 14: `softened` truths, `noisy` masks, a bound on how fast
the verdict can change (`spectral_norm`), a rate of its own for each of the two (two time-scales).

References
----------
Goodfellow et al., Generative adversarial nets, NIPS 2014, arXiv:1406.2661. Luc, Couprie, Chintala & Verbeek, Semantic
segmentation using adversarial networks, 2016, arXiv:1611.08408 (masks; the remark on zeros and ones). Isola, Zhu, Zhou
& Efros, Image-to-image translation with conditional adversarial networks, CVPR 2017, doi:10.1109/CVPR.2017.632
(windows). Miyato, Kataoka, Koyama & Yoshida, Spectral normalization for generative adversarial networks, ICLR 2018,
arXiv:1802.05957. Heusel et al., GANs trained by a two time-scale update rule, NIPS 2017, arXiv:1706.08500. Taught in
lesson 14.
"""

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from course_utils.models.parts import check_count, check_widths

IGNORE = 255


# -- masks as a judge sees them -------------------------------------------------------------------------


def one_hot(target, classes):
    """Class numbers int64 (B, H, W) as maps of zeros and ones, float (B, K, H, W). ValueError where one is 255."""
    if (target == IGNORE).any():
        raise ValueError(
            "The target holds pixels of 255, which are ignored: a judge needs a truth at every pixel"
        )
    return F.one_hot(target, classes).movedim(-1, 1).float()


def softened(masks, smoothing):
    """Maps (B, K, H, W) with a share ``smoothing`` of each pixel spread over all classes: 1 becomes 1 − ε + ε / K."""
    return (1 - smoothing) * masks + smoothing / masks.shape[1]


def noisy(masks, noise):
    """Maps with independent normal noise of that standard deviation at each number."""
    return masks + noise * torch.randn_like(masks) if noise else masks


# -- the judges -----------------------------------------------------------------------------------------


class PatchJudge(nn.Module):
    """A discriminator of windows: an image and a mask -> one verdict for each of many windows, which overlap.

    Parameters: channels, of the images; classes, of the masks; widths, of the layers, each of which halves; norm, what
    is done to every convolution, such as `spectral_norm`; by default nothing.

    Images (B, C, H, W) and masks (B, K, H, W) -> logits (B, 1, h, w), above 0 for "a truth". A halving is a
    convolution of kernel 4 and stride 2; the last layer has kernel 3. Two halvings give windows of 18 pixels, 4 apart.

    Reference: Isola et al. 2017, doi:10.1109/CVPR.2017.632, where it is called PatchGAN. Lesson 14.
    """

    def __init__(self, channels=3, classes=2, widths=(16, 32), norm=None):
        super().__init__()
        check_count("channels", channels)
        check_count("classes", classes)
        norm = norm or (lambda layer: layer)
        self.widths = check_widths(widths)
        layers, inputs = [], channels + classes
        for width in self.widths:
            layers += [norm(_convolution(inputs, width, 4, stride=2, padding=1)), nn.LeakyReLU(0.2)]
            inputs = width
        self.layers = nn.Sequential(*layers, norm(self.last(inputs)))

    def last(self, inputs):
        """The layer that gives the verdicts."""
        return _convolution(inputs, 1, 3, padding=1)

    def forward(self, images, masks):
        return self.layers(torch.cat([images, masks], dim=1))


class ImageJudge(PatchJudge):
    """A discriminator of the whole: an image and a mask -> one verdict.

    Parameters: size, side of the images in pixels, which the halvings must divide; the others as of `PatchJudge`.
    Images (B, C, size, size) and masks -> logits (B, 1, 1, 1): the last layer looks at all places at once, each with
    its own weights.
    """

    def __init__(self, size, channels=3, classes=2, widths=(16, 32, 64), norm=None):
        check_count("size", size)
        self._side, rest = divmod(size, 2 ** len(widths))
        if rest or not self._side:
            raise ValueError(f"{len(widths)} halvings do not divide {size} pixels: take other widths")
        super().__init__(channels, classes, widths, norm)

    def last(self, inputs):
        return _convolution(inputs, 1, self._side)


def _convolution(inputs, outputs, kernel, **options):
    """A convolution whose weights start by He's rule for leaky ReLUs, offsets at 0."""
    layer = nn.Conv2d(inputs, outputs, kernel, **options)
    nn.init.kaiming_normal_(layer.weight, a=0.2)
    nn.init.zeros_(layer.bias)
    return layer


# -- a bound on how fast a verdict can change -----------------------------------------------------------


class Spectral(nn.Module):
    """W -> W / σ(W): no vector gets longer when it is multiplied by it. To be used through `spectral_norm`.

    σ is the largest singular value of the weights as a matrix, a row for each output: by how much they can stretch a
    vector. The **power iteration** finds it: multiply any vector by Wᵀ and W in turn, and it turns towards the
    direction that is stretched most. Weights change little from step to step, so the vector is kept, and one turn a
    step is enough.
    """

    def __init__(self, weight, turns=1):
        super().__init__()
        self.turns = turns
        matrix = weight.detach().flatten(1)
        self.register_buffer("left", F.normalize(torch.randn_like(matrix[:, 0]), dim=0))
        self.register_buffer("right", F.normalize(matrix.T @ self.left, dim=0))
        self._turn(matrix, 15)

    @torch.no_grad()
    def _turn(self, matrix, turns):
        for _ in range(turns):
            self.left.copy_(F.normalize(matrix @ self.right, dim=0))
            self.right.copy_(F.normalize(matrix.T @ self.left, dim=0))

    def forward(self, weight):
        matrix = weight.flatten(1)
        if self.training:
            self._turn(matrix.detach(), self.turns)
        left, right = self.left.clone(), self.right.clone()  # so that an old graph keeps its own vectors
        return weight / (left @ matrix @ right)


def spectral_norm(layer, turns=1):
    """The layer, with its weights divided by their largest singular value whenever they are used; returned, too.

    layer : with a ``weight``; turns : of the power iteration, each time that the weights are used in training

    The same as torch's ``nn.utils.parametrizations.spectral_norm``. The singular value is that of the weights as a
    matrix; a convolution, whose windows overlap, may stretch a map by more, at most by the root of the number of
    windows that a pixel is in. So a chain of such layers and (leaky) ReLUs changes its verdict by a limited amount
    when a mask changes a little.

    Reference: Miyato et al. 2018, arXiv:1802.05957. Lesson 14.
    """
    parametrize.register_parametrization(layer, "weight", Spectral(layer.weight, turns))
    return layer


# -- the losses, and a step of each ---------------------------------------------------------------------


def judge_loss(truths, answers):
    """−log σ(truths) − log(1 − σ(answers)), means: the cross-entropy of a judge, 2 log 2 = 1.39 where it knows nothing.

    truths, answers : logits of the judge, of any shapes
    """
    return F.softplus(-truths).mean() + F.softplus(answers).mean()


def fool_loss(answers):
    """−log σ(answers), mean: small where the judge takes answers for truths, and steepest where it does not."""
    return F.softplus(-answers).mean()


def saturating_fool_loss(answers):
    """log(1 − σ(answers)), mean: the same wish, as the game is first written down. Flat where the judge is sure."""
    return -F.softplus(answers).mean()


def step(segmenter, judge, optimisers, images, target, loss, weight, *, fool=fool_loss, smoothing=0, noise=0):
    """One step of the judge, and one of the segmenter; returns dict of floats.

    Parameters
    ----------
    segmenter : images -> logits (B, K, H, W); judge : (images, masks) -> logits
    optimisers : (of the segmenter, of the judge); None for who does not learn
    images : float (B, C, H, W); target : int64 (B, H, W), without 255
    loss : function of (logits, target), what the segmenter learns beside; weight : λ, of the judge's verdict
    fool : function of the judge's logits of the answers
    smoothing, noise : what truths lose, and what both masks get, before the judge sees them

    Returns ``loss``, the segmenter's own; ``judge``, the `judge_loss`; ``fooled``, the share of verdicts on answers
    that are "a truth"; ``seen``, that of truths.
    """
    logits = segmenter(images)
    answers = logits.softmax(dim=1)
    truths = softened(one_hot(target, logits.shape[1]), smoothing)

    on_truths = judge(images, noisy(truths, noise))
    on_answers = judge(images, noisy(answers.detach(), noise))  # the segmenter must not hear of this
    verdict = judge_loss(on_truths, on_answers)
    _down(optimisers[1], verdict)

    own = loss(logits, target)
    if optimisers[0]:
        fooling = fool(judge(images, noisy(answers, noise))) if weight else 0
        _down(optimisers[0], own + weight * fooling)
    return {
        "loss": own.item(),
        "judge": verdict.item(),
        "fooled": (on_answers > 0).float().mean().item(),
        "seen": (on_truths > 0).float().mean().item(),
    }


def _down(optimiser, loss):
    if optimiser is None:
        return
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
