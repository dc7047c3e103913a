"""Lesson 14: what is drawn where a cloud hides the canal: by losses on pixels, by regions, by a judge; the studies."""

import statistics
import time
from dataclasses import dataclass, field
from functools import cache, partial

import numpy as np
import torch
from scipy import ndimage
from torch import nn
from torch.nn import functional as F

from course_utils import losses, metrics, paths, training
from course_utils.classic import morphology
from course_utils.data import synthetic
from course_utils.data.synthetic import CANAL_SEEDS
from course_utils.data.synthetic.canals import LEAST
from course_utils.models import adversarial
from course_utils.models.adversarial import ImageJudge, PatchJudge, spectral_norm
from course_utils.models.unet import UNet
from course_utils.study import rounded, study
from course_utils.training import bundled as bundles
from course_utils.training.inference import unit
from course_utils.training.live import Watch

SIZE = 32
WIDTHS = (8, 16, 32, 64)
WARM_STEPS, STEPS = 200, 200
WEIGHT = 0.3  # λ, with a judge of windows
RATE, JUDGE_RATE = 1e-3, 1e-3
HEAD_START = 400  # steps that a judge learns alone, where it does
EXAM = {"validation": CANAL_SEEDS["validation"][:100], "test": CANAL_SEEDS["test"][:100]}
#: Knobs of the pictures: as the lesson asks for them, without a cloud, and with a canal that goes straight on.
PICTURES = {"hidden": {}, "no cloud": {"cover": 0}, "no bend": {"bend": 0}}


@cache
def canals(split, picture="hidden"):
    """The pictures of a split, tuple of `synthetic.Canals`: 1200 to learn from, 100 to choose by, 100 to be asked."""
    seeds = EXAM.get(split, CANAL_SEEDS["train"])
    return tuple(synthetic.canals(seed, **PICTURES[picture]) for seed in seeds)


@cache
def batches(seed, size, picture="hidden"):
    """Batches of pictures to learn from, endless."""
    shown = canals("train", picture)
    return training.Batches([s.image for s in shown], [s.labels for s in shown], size=size, seed=seed)


# -- learning ---------------------------------------------------------------------------------------------


def learn_pixels(seed=0, picture="hidden", make=None, **options):
    """(model, History): a small U-Net, taught canals by cross-entropy; options as for `training.fit`.

    make : a function that makes the network, if it is another
    """
    training.seed(seed)
    model = make() if make else UNet(3, 2, WIDTHS)
    options = {"steps": WARM_STEPS, "optimiser": partial(training.adamw, rate=5e-3)} | options
    history = training.fit(model, batches(seed, 16, picture), **options)
    return model, history


@cache
def _warm(seed, picture):
    return learn_pixels(seed, picture, watch=False)[0].state_dict()


def warm(seed=0, picture="hidden"):
    """The model of `learn_pixels`, in a copy of its own; learned once in a process."""
    model = UNet(3, 2, WIDTHS)
    model.load_state_dict(_warm(seed, picture))
    return model


@dataclass
class Duel(training.History):
    """What happened between the two: of each step also the judge's loss, and its shares of "a truth".

    judge : list of float, `adversarial.judge_loss`, 1.39 where the judge knows nothing; fooled : list of float, of
    verdicts on answers; seen : list of float, of verdicts on truths
    """

    judge: list = field(default_factory=list)
    fooled: list = field(default_factory=list)
    seen: list = field(default_factory=list)


class Rivals(nn.Module):
    """A segmenter and its judge, in one set of weights, with what both said of some pictures along the way.

    ``answers`` (S, N, H, W), probabilities of the canal, and ``verdicts`` (S, N, h, w), logits of the judge of that
    time, at S moments from the first step to the last, of N pictures.
    """

    def __init__(self, segmenter, judge, pictures=0, moments=13):
        super().__init__()
        self.segmenter, self.judge = segmenter, judge
        self.moments, self._due = moments, 0
        shown = canals("test")[:pictures]
        self.shown = torch.stack([_tensor(sample.image) for sample in shown]) if shown else torch.zeros(0)
        answers, verdicts = self.look() if shown else (torch.zeros(0), torch.zeros(0))
        self.register_buffer("answers", answers[None].repeat(moments, *[1] * answers.ndim).half())
        self.register_buffer("verdicts", verdicts[None].repeat(moments, *[1] * verdicts.ndim).half())

    @torch.no_grad()
    def look(self):
        """What both say now: (N, H, W) and (N, h, w)."""
        training_now = self.segmenter.training
        self.segmenter.eval()
        p = self.segmenter(self.shown).softmax(dim=1)
        self.segmenter.train(training_now)
        return p[:, 1], self.judge(self.shown, p)[:, 0]

    def note(self, done):
        """Keep what is said now for every moment that is due; ``done`` is the share of the steps, 0 … 1."""
        reached = int(done * (self.moments - 1) + 1e-9) + 1
        if len(self.shown) and reached > self._due:
            self.answers[self._due : reached], self.verdicts[self._due : reached] = self.look()
            self._due = reached


class Thrower(nn.Module):
    """A `UNet` that is given a throw with each picture: one normal number, a plane more beside the colours.

    Images (B, 3, H, W) and throws (B,) -> logits (B, 2, H, W). Without throws, the second half of the batch gets
    those of the first with the sign turned over. ``start`` : the `UNet` whose weights it begins with.
    """

    def __init__(self, start):
        super().__init__()
        self.net = UNet(4, 2, WIDTHS)
        known = start.state_dict()
        for name, weights in self.net.state_dict().items():
            if weights.shape == known[name].shape:
                weights.copy_(known[name])
            else:  # the first layer: what the throw is worth, it has to learn
                weights[:, :3].copy_(known[name])

    def forward(self, images, throws=None):
        if throws is None:
            half = torch.randn(len(images) // 2)
            throws = torch.cat([half, -half])
        plane = throws.view(-1, 1, 1, 1).expand(-1, 1, *images.shape[2:])
        return self.net(torch.cat([images, plane], dim=1))


class Twice:
    """Batches, each picture twice: first all, then all again."""

    def __init__(self, given):
        self.given = given

    def __getitem__(self, number):
        images, target = self.given[number]
        return torch.cat([images, images]), torch.cat([target, target])


def loss_of_the_mean(logits, target):
    """Cross-entropy of the mean probability of both draws of each picture; logits and target as `Twice` orders them."""
    first, second = logits.softmax(dim=1).chunk(2)
    return F.nll_loss(((first + second) / 2).clamp(min=1e-6).log(), target.chunk(2)[0])


def refine(
    rivals,
    given,
    *,
    steps=None,
    weight=WEIGHT,
    loss=training.cross_entropy,
    rate=RATE,
    judge_rate=JUDGE_RATE,
    head_start=0,
    watch=True,
    bundled=None,
    **how,
):
    """Train segmenter and judge against each other, in place; returns `Duel`.

    rivals : `Rivals`; given : Batches; steps : by default STEPS; weight : λ, a number or a function of the share of the
    steps that are done; loss : of the segmenter, beside the judge; rate, judge_rate : of Adam; head_start : steps in
    which the judge learns alone, at JUDGE_RATE; bundled : as for `training.fit`; how : as for `adversarial.step`
    """
    if bundled and bundles.lecture():
        return Duel(**bundles.load(bundled, rivals.eval()))
    steps = steps or STEPS
    segmenter, judge = rivals.segmenter.train(), rivals.judge.train()
    optimisers = [_adam(segmenter, rate), _adam(judge, JUDGE_RATE)]
    idle = [None, optimisers[1]]
    history, view = Duel(), Watch("Refining") if watch else None
    rivals.note(0)
    start = time.perf_counter()
    for number in range(-head_start, steps):
        images, target = given[number + head_start]
        who = optimisers if number >= 0 else idle
        if number == 0:
            optimisers[1].param_groups[0]["lr"] = judge_rate
        now = weight(number / steps) if callable(weight) else weight
        told = adversarial.step(segmenter, judge, who, unit(images), target, loss, now, **how)
        if number < 0:
            continue
        history.losses.append(told["loss"])
        history.judge.append(told["judge"])
        history.fooled.append(told["fooled"])
        history.seen.append(told["seen"])
        history.seconds = time.perf_counter() - start
        rivals.note((number + 1) / steps)
        if view:
            view.show(history, (number + 1) / steps)
    history.ended = "finished"
    if view:
        view.close(history)
    rivals.eval()
    if bundled and bundles.recording():
        bundles.save(bundled, rivals, history)
    return history


def _adam(model, rate):
    return torch.optim.Adam(model.parameters(), lr=rate, betas=(0.5, 0.999), fused=True)


def alone(judge, segmenter, given, samples, steps=120, **how):
    """What a judge learns of a segmenter that does not answer back; how : as for `adversarial.step`.

    Returns a dict of floats: ``loss``, of its last step; its mean belief, σ(D), that masks of the samples are truths:
    ``truths``, ``answers``, and ``rounded``, the answers made zeros and ones; ``steep`` and ``flat``, the lengths of
    the slopes of −log σ and of log(1 − σ) at the answers' pixels.
    """
    segmenter.eval()
    optimisers = [None, _adam(judge.train(), JUDGE_RATE)]
    for number in range(steps):
        images, target = given[number]
        told = adversarial.step(
            segmenter, judge, optimisers, unit(images), target, losses.cross_entropy, 0, **how
        )
    judge.eval()
    images = torch.stack([_tensor(sample.image) for sample in samples])
    target = torch.stack([torch.tensor(sample.labels == 1).long() for sample in samples])
    p = torch.tensor(believed(segmenter, samples))
    answers = torch.stack([1 - p, p], dim=1).requires_grad_()
    soft = how.get("smoothing", 0)  # zeros and ones it sees softened, as it is used to
    hard = {"truths": adversarial.one_hot(target, 2), "rounded": answers.detach().round()}
    shown = {"answers": answers.detach()} | {
        name: adversarial.softened(masks, soft) for name, masks in hard.items()
    }
    with torch.no_grad():
        found = {name: judge(images, masks).sigmoid().mean().item() for name, masks in shown.items()}
    for name, loss in {"steep": adversarial.fool_loss, "flat": adversarial.saturating_fool_loss}.items():
        (slope,) = torch.autograd.grad(loss(judge(images, answers)), answers)
        found[name] = slope.norm().item()
    return {"loss": told["judge"]} | found


def shipped(name, grown=lambda start: start):
    """The segmenter of a training against a judge of windows that ships with the course, since a lesson has no time.

    It is written by ``COURSE_RECORD=1`` and ``learn(…, bundled=name)`` or `learn_draws`, then with ``grown=Thrower``.
    """
    path = paths.bundled("data") / "checkpoints" / f"{name}.safetensors"
    return training.load_weights(Rivals(grown(UNet(3, 2, WIDTHS)), PatchJudge()), path).segmenter.eval()


# -- what is drawn, and how good it is ---------------------------------------------------------------------

EIGHT = np.ones((3, 3))


def believed(model, samples):
    """Probabilities of the canal, float32 (N, H, W)."""
    model.eval()
    with torch.inference_mode():
        images = torch.stack([_tensor(sample.image) for sample in samples])
        return model(images).softmax(dim=1)[:, 1].numpy()


@torch.inference_mode()
def draws(thrower, samples, throws):
    """Probabilities of the canal, one answer for each throw: float32 (D, N, H, W)."""
    thrower.eval()
    images = torch.stack([_tensor(sample.image) for sample in samples])
    same = [torch.full((len(images),), float(throw)) for throw in throws]
    return np.stack([thrower(images, throw).softmax(dim=1)[:, 1].numpy() for throw in same])


#: Throws by which draws are measured: the middles of ten equally likely parts of the normal distribution.
THROWS = tuple(statistics.NormalDist().inv_cdf((part + 0.5) / 10) for part in range(10))


def drawn_scores(samples, p):
    """`scores` of draws p (D, N, H, W), means over the draws; ``ece`` and ``sure`` are those of the mean of the draws.

    Also ``both``: the share of pictures with draws to both sides.
    """
    each = [scores(samples, draw > 0.5) for draw in p]
    down = np.array([nearest(samples, draw > 0.5)[1] > 0 for draw in p])
    mean = p.mean(axis=0)
    found = {name: np.mean([told[name] for told in each]) for name in each[0]}
    found |= {name: scores(samples, mean > 0.5, mean)[name] for name in ("ece", "sure")}
    found["both"] = (down.any(axis=0) & ~down.all(axis=0)).mean()
    return {name: float(value) for name, value in found.items()}


def _tensor(image):
    return torch.tensor(image, dtype=torch.float32).permute(2, 0, 1)


def pieces(mask):
    """How many pieces a mask has, corners joined (int)."""
    return ndimage.label(mask, EIGHT)[1]


def holes(mask):
    """How many parts of the rest do not touch the frame (int)."""
    return ndimage.label(np.pad(~mask, 1, constant_values=True))[1] - 1


def is_canal(mask):
    """Whether a mask (H, W) could be a canal at all: one piece without a hole, from the left side to the right."""
    return bool(pieces(mask) == 1 and holes(mask) == 0 and mask[:, 0].any() and mask[:, -1].any())


def possible(samples, steps=8):
    """(masks bool (N, 2 · steps, H, W), detours (N, 2 · steps)): truths that would have given the same picture.

    Where no cloud covers the bend, there is one, again and again.
    """
    sides = np.linspace(LEAST, 1, steps)
    sides = np.concatenate([-sides[::-1], sides])
    detours = np.stack(
        [sides * max(s.bend, 1e-9) if s.cover else np.full(2 * steps, s.detour) for s in samples]
    )
    masks = [[s.at(detour) for detour in row] for s, row in zip(samples, detours, strict=True)]
    return np.array(masks), detours


def nearest(samples, masks):
    """Of each mask, the IoU with the nearest of the `possible` truths, and that one's detour: (N,) and (N,)."""
    maybe, detours = possible(samples)
    flat = maybe.reshape(*maybe.shape[:2], -1).astype(np.float32)
    ours = masks.reshape(len(masks), 1, -1).astype(np.float32)
    both = (flat * ours).sum(axis=2)
    ious = both / np.maximum(flat.sum(axis=2) + ours.sum(axis=2) - both, 1)
    return ious.max(axis=1), detours[np.arange(len(masks)), ious.argmax(axis=1)]


def scores(samples, masks, p=None):
    """How right, and how plausible, masks (N, H, W) are: dict of floats, means over the pictures unless it says pooled.

    Right: ``accuracy``, ``iou``, ``iou_hidden`` and ``iou_seen`` (under the thick of the cloud, and outside), pooled;
    ``boundary``, F at 1 px. Plausible: ``whole``, the share that `is_canal`; ``pieces``; ``holes``; ``nearest``, IoU
    with the nearest of the `possible` truths; ``area``, pixels over those of the truths. ``down``, the share that is
    nearest to a detour downwards. With probabilities p also ``ece``, the calibration error, and ``sure``, the mean of
    the larger probability.
    """
    truths, hidden = (np.stack([getattr(s, name) for s in samples]) for name in ("labels", "hidden"))
    truths = truths == 1
    close, detours = nearest(samples, masks)
    found = {
        "accuracy": (masks == truths).mean(),
        "iou": metrics.mask_iou(truths, masks),
        "iou_hidden": metrics.mask_iou(truths & hidden, masks & hidden),
        "iou_seen": metrics.mask_iou(truths & ~hidden, masks & ~hidden),
        "boundary": np.mean([metrics.boundary_f(t, m, 1) for t, m in zip(truths, masks, strict=True)]),
        "whole": np.mean([is_canal(mask) for mask in masks]),
        "pieces": np.mean([pieces(mask) for mask in masks]),
        "holes": np.mean([holes(mask) for mask in masks]),
        "nearest": close.mean(),
        "area": masks.sum() / truths.sum(),
        "down": (detours > 0).mean(),
    }
    if p is not None:
        sure = np.minimum(np.maximum(p, 1 - p), 1)
        found |= {"ece": metrics.calibration(sure, (p > 0.5) == truths).error, "sure": sure.mean()}
    return {name: float(value) for name, value in found.items()}


def closed(masks, radius):
    """Each mask, closed by a disk: what is narrower than the disk is filled."""
    disk = morphology.disk(radius)
    edge = 2 * radius
    return np.stack([_inner(morphology.closing(np.pad(m, edge, "edge"), disk), edge) for m in masks])


def _inner(mask, edge):
    return mask[edge:-edge, edge:-edge]


def closing_radius(model, picture="hidden", most=12):
    """The radius (1 … ``most``) whose closing makes most whole canals of the model's validation masks, the IoU next."""
    samples = canals("validation", picture)
    masks = believed(model, samples) > 0.5
    truths = np.stack([sample.labels == 1 for sample in samples])

    def worth(radius):
        tried = closed(masks, radius)
        return np.mean([is_canal(mask) for mask in tried]), metrics.mask_iou(truths, tried)

    return max(range(1, most + 1), key=worth)


# -- the studies --------------------------------------------------------------------------------------------

#: What teaches after the start by cross-entropy, for STEPS steps: changes to `refine`, without a judge or with one.
METHODS = {
    "cross-entropy": {"weight": 0},
    "closing": {"weight": 0},
    "Dice": {"weight": 0, "loss": losses.dice},
    "CE + clDice": {
        "weight": 0,
        "loss": losses.mixed((1, losses.cross_entropy), (1, partial(losses.cldice, classes=[1]))),
    },
    "λ = 0.01": {"weight": 0.01},
    "λ = 0.03": {"weight": 0.03},
    "λ = 0.1": {"weight": 0.1},
    "λ = 0.3": {"weight": 0.3},
    "λ = 1": {"weight": 1.0},
    "λ = 0.1, whole": {"weight": 0.1, "judge": "whole"},
}


JUDGES = {
    "patch": PatchJudge,
    "whole": partial(ImageJudge, SIZE),
    "whole, spectral": partial(ImageJudge, SIZE, norm=spectral_norm),
}
_WHOLE = {"judge": "whole", "weight": 0.1}
_FLAT = _WHOLE | {"fool": adversarial.saturating_fool_loss}
_AHEAD = _FLAT | {"head_start": HEAD_START}
#: Ways to fail with a judge of the whole and λ = 0.1, and what is said to cure them, one change at a time. The one
#: with neither head start nor flat loss is a method of "canals".
FAILURES = {
    "ahead, flat loss": _AHEAD,
    "flat loss alone": _FLAT,
    "ahead, steep loss": _AHEAD | {"fool": adversarial.fool_loss},
    "ahead, flat loss, spectral norm": _AHEAD | {"judge": "whole, spectral"},
    "ahead, flat loss, softened masks": _AHEAD | {"smoothing": 0.2, "noise": 0.3},
    "ahead, flat loss, slow judge": _AHEAD | {"judge_rate": JUDGE_RATE / 10},
}
#: When a judge of windows is heard. After the start by cross-entropy and at once, it is a method of "canals".
SCHEDULES = {
    "after cross-entropy, rising": {"weight": lambda done: WEIGHT * done},
    "after cross-entropy, from half-way on": {"weight": lambda done: WEIGHT * (done >= 0.5)},
    "from the first step": {"cold": True, "steps": WARM_STEPS + STEPS},
}
#: Judges that learn alone: one of `JUDGES`, and what `adversarial.step` is told.
LONELY = {
    "plain": ("whole", {}),
    "spectral norm": ("whole, spectral", {}),
    "softened truths, noise": ("whole", {"smoothing": 0.2, "noise": 0.3}),
}
#: What a segmenter with throws pays for wrong pixels, each draw for itself or the mean of two, and for how long.
DRAWS = {
    "each draw": {"loss": losses.cross_entropy},
    "mean of two draws": {"loss": loss_of_the_mean},
    "mean of two draws, 400 steps": {"loss": loss_of_the_mean, "steps": 2 * STEPS},
}
#: (judge, λ) among which validation pictures choose.
WEIGHTS = [("patch", weight) for weight in (0.01, 0.03, 0.1, 0.3, 1.0)] + [
    ("whole", weight) for weight in (0.03, 0.1, 0.3)
]


def learn(seed=0, *, judge="patch", picture="hidden", cold=False, pictures=0, **options):
    """(Rivals, Duel): a segmenter that starts from `warm`, and a judge that knows nothing; options as for `refine`.

    judge : one of `JUDGES`; cold : start from first weights instead; pictures : as of `Rivals`
    """
    start = None if cold else warm(seed, picture)
    training.seed(seed)
    segmenter = start or UNet(3, 2, WIDTHS)
    rivals = Rivals(segmenter, JUDGES[judge](), pictures)
    return rivals, refine(rivals, batches(seed, 8, picture), **options)


def learn_draws(seed=0, pays="mean of two draws, 400 steps", **options):
    """(Rivals, Duel): a `Thrower` that starts from `warm`, and a judge of windows; pays : one of `DRAWS`."""
    start = warm(seed)
    training.seed(seed)
    rivals = Rivals(Thrower(start), PatchJudge())
    return rivals, refine(rivals, Twice(batches(seed, 8)), **DRAWS[pays], **options)


def _row(seed, picture="hidden", split="test", **options):
    """(model, pictures, probabilities, means of what the judge said in the last 50 steps) of a training."""
    rivals, duel = learn(seed, picture=picture, watch=False, **options)
    samples = canals(split, picture)
    p = believed(rivals.segmenter, samples)
    last = {name: np.mean(getattr(duel, name)[-50:]) for name in ("judge", "fooled", "seen")}
    return rivals.segmenter, samples, p, last


@study(
    "canals",
    "A canal bends under a cloud: what do losses draw there, and how right and how plausible is it?",
    [{"method": method} for method in METHODS],
)
def compared(seed, method):
    """`scores` on test pictures; of "closing" those of the closed masks, its radius chosen on validation pictures."""
    model, samples, p, last = _row(seed, **METHODS[method])
    masks, radius = p > 0.5, 0
    if method == "closing":
        radius = closing_radius(model)
        masks = closed(masks, radius)
    return rounded(scores(samples, masks, p) | last | {"radius": radius})


@study(
    "canal_weights",
    "How much say should a judge have? On validation pictures.",
    [{"judge": judge, "weight": weight} for judge, weight in WEIGHTS],
)
def weighed(seed, judge, weight):
    """`scores` on validation pictures."""
    _, samples, p, _ = _row(seed, split="validation", judge=judge, weight=weight)
    return rounded(scores(samples, p > 0.5, p))


@study(
    "canal_failures",
    "How does training against a judge fail, and what cures it?",
    [{"way": way} for way in FAILURES],
    seeds=range(3),
)
def failures(seed, way):
    """`scores` on test pictures, and what the judge said in the last 50 steps."""
    _, samples, p, last = _row(seed, **FAILURES[way])
    return rounded(scores(samples, p > 0.5, p) | last)


@study(
    "canal_lonely",
    "What does a judge look at that nobody answers back?",
    [{"kind": kind} for kind in LONELY],
)
def lonely(seed, kind):
    """What `alone` says on test pictures, of the judge of a network that learned by cross-entropy."""
    model = warm(seed)
    training.seed(seed)
    judge, how = LONELY[kind]
    return rounded(alone(JUDGES[judge](), model, batches(seed, 8), canals("test"), **how))


@study(
    "canal_draws",
    "Can a segmenter with throws draw canals to both sides?",
    [{"pays": pays} for pays in DRAWS],
)
def thrown(seed, pays):
    """`drawn_scores` on test pictures."""
    rivals, _ = learn_draws(seed, pays, watch=False)
    samples = canals("test")
    return rounded(drawn_scores(samples, draws(rivals.segmenter, samples, THROWS)))


@study(
    "canal_schedules",
    "When should the judge be heard, from the start or later, at once or by and by?",
    [{"schedule": schedule} for schedule in SCHEDULES],
)
def scheduled(seed, schedule):
    """`scores` on test pictures, and what the judge said in the last 50 steps."""
    _, samples, p, last = _row(seed, **SCHEDULES[schedule])
    return rounded(scores(samples, p > 0.5, p) | last)


@study(
    "canal_controls",
    "Where nothing is ambiguous, what does a judge add?",
    [{"picture": picture, "weight": weight} for picture in ("no cloud", "no bend") for weight in (0, WEIGHT)],
    seeds=range(3),
)
def controls(seed, picture, weight):
    """`scores` on test pictures of that kind."""
    _, samples, p, last = _row(seed, picture, weight=weight)
    return rounded(scores(samples, p > 0.5, p) | last)
