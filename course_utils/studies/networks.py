"""The scoreboard of Part II: ten networks of lessons 09 to 12, taught the same streets by the same number of steps.

One number decides nothing: a network that scores higher may also take ten times the time. So each is shown by what it
gets right *and* by what it costs, and the question is which ones are beaten by none in both (`undominated`).

What is the same for all: the streets of lesson 09 (those to learn from differ by seed), mirrored at random; batches of
eight; `STREET_STEPS` steps; AdamW and its schedule. So is the learning rate, twice that of lesson 09: of 0.002, 0.005
and 0.01 it did best on validation streets, for U-Net, DeepLab and SegFormer alike. The widths are those of lesson
09's networks, but for networks that keep the size of the image, which can only afford few channels: their costs say
how many.
"""

import copy
import time
from functools import partial
from typing import NamedTuple

import numpy as np
import torch

from course_utils import metrics, plotting, training
from course_utils.data import synthetic
from course_utils.models.attention import GatedConcatenate, SegFormer
from course_utils.models.dilated import DeepLab, DilatedNet
from course_utils.models.encoder_decoder import FCN, VGG_WIDTHS, EncoderDecoder, SegNet
from course_utils.models.memory import peak_bytes
from course_utils.models.parts import ResidualBlock, cost
from course_utils.models.unet import UNet
from course_utils.studies import upsampling
from course_utils.study import rounded, rows, study, summarise

WIDTHS = VGG_WIDTHS[:5]
VALIDATION = synthetic.TOWN_SEEDS["validation"]
SHAPE = (3, 96, 128)  # of a street
RATE = 1e-2


class Entry(NamedTuple):
    """A network: the lesson that teaches it, and a function (channels, classes) that makes it."""

    lesson: str
    make: object


NETWORKS = {
    "FCN-32s": Entry("09", partial(FCN, stride=32)),
    "encoder–decoder": Entry("09", partial(EncoderDecoder, widths=WIDTHS)),
    "SegNet": Entry("09", partial(SegNet, widths=WIDTHS)),
    "FCN-8s": Entry("10", partial(FCN, stride=8)),
    "U-Net": Entry("10", partial(UNet, widths=WIDTHS)),
    "U-Net, residual": Entry("10", partial(UNet, widths=WIDTHS, block=ResidualBlock)),
    "dilated, full size": Entry("11", DilatedNet),
    "DeepLab": Entry("11", DeepLab),
    "U-Net, gated": Entry("12", partial(UNet, widths=WIDTHS, join=GatedConcatenate)),
    "SegFormer": Entry("12", SegFormer),
}


def learn(net, seed=0, steps=None, **options):
    """(model, History): one of `NETWORKS`, taught by streets; options as for `training.fit`."""
    make = partial(NETWORKS[net].make, 3, len(synthetic.TOWN_CLASSES))
    return upsampling.learn_streets(make, seed, steps, RATE, **options)


def scores(model, seeds):
    """What a network gets right of the streets of these seeds: dict of floats.

    ``accuracy``, share of pixels; ``miou``, mean over the classes of their IoU over all streets; ``boundary_f`` at
    1 px, mean over the classes of a street and over streets; ``iou_person`` and ``iou_pole``, the rare and the thin.
    """
    images, targets = upsampling.streets(seeds)
    answers = [training.predict(model, image).argmax(0) for image in images]
    matrix = metrics.confusion_matrix(np.stack(targets), np.stack(answers), len(synthetic.TOWN_CLASSES))
    each = dict(zip(synthetic.TOWN_CLASSES, metrics.iou(matrix), strict=True))
    edges = [upsampling.class_boundary_f(*pair) for pair in zip(targets, answers, strict=True)]
    return {
        "accuracy": metrics.accuracy(matrix),
        "miou": np.nanmean(list(each.values())),
        "boundary_f": np.mean(edges),
        "iou_person": each["person"],
        "iou_pole": each["pole"],
    }


def costs(model, shape=SHAPE):
    """What a network costs for one image (C, H, W): dict of numbers.

    ``parameters``; ``multiply_adds``; ``milliseconds``, by one thread, the fastest of some calls; ``megabytes``, the
    most that its tensors take at a time; ``megabytes_to_learn``, the same in a step with a batch of eight. Both with
    the weights, and the second with their gradients.
    """
    model = copy.deepcopy(model)  # norms follow what they see in learning
    parameters, multiply_adds = cost(model, (1, *shape))
    image = torch.rand(1, *shape)
    with torch.inference_mode():
        seconds = fastest(partial(model.eval(), image))
        answering = peak_bytes(partial(model, image))
    learning = peak_bytes(partial(_learn_once, model.train(), image.expand(8, *shape)))
    weights = sum(value.numel() * value.element_size() for value in model.state_dict().values())
    return {
        "parameters": parameters,
        "multiply_adds": multiply_adds,
        "milliseconds": 1e3 * seconds,
        "megabytes": (weights + answering) / 1e6,
        "megabytes_to_learn": (weights + learning) / 1e6,
    }


def _learn_once(model, images):
    """The way forward and back."""
    training.cross_entropy(
        model(images), torch.zeros(len(images), *images.shape[2:], dtype=torch.long)
    ).backward()


def fastest(run, calls=20, seconds=1.0):
    """Seconds of the fastest call of ``run()`` by one thread: other work on the machine can only add to it.

    At most so many calls, and so many seconds, but three at least.
    """
    threads, times = torch.get_num_threads(), []
    torch.set_num_threads(1)
    try:
        while len(times) < 3 or (len(times) < calls and sum(times) < seconds):
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
    finally:
        torch.set_num_threads(threads)
    return min(times)


@study(
    "networks",
    "Which networks of Part II are beaten by none that is as cheap and as good?",
    [{"net": net} for net in NETWORKS],
)
def networks(seed, net, steps=None):
    """`scores` on test streets, ``val_miou`` on those to choose by, and `costs`, of a network after its training."""
    model, _ = learn(net, seed, steps, watch=False)
    chosen = scores(model, VALIDATION)["miou"]
    return rounded(scores(model, upsampling.STREET_EXAM) | {"val_miou": chosen} | costs(model))


# ------------------------------------------------------------------------------------------ what it shows


def best(count=5, recorded=None):
    """Names of the networks with the highest mean IoU on validation streets, the best first."""
    recorded = recorded or rows("networks")
    means = {net: summarise(recorded, "val_miou", net=net).mean for net in NETWORKS}
    return sorted(means, key=means.get, reverse=True)[:count]


def table(recorded=None):
    """The scoreboard of Part II as a `plotting.Table`, from the rows of the study."""
    recorded = recorded or rows("networks")
    score = {
        name: partial(summarise, recorded, name) for name in ("miou", "accuracy", "boundary_f", "iou_person")
    }
    price = partial(_price, recorded)
    lines = [
        (
            net,
            entry.lesson,
            f"{score['miou'](net=net).mean:.3f} ± {score['miou'](net=net).std:.3f}",
            *(score[name](net=net).mean for name in ("accuracy", "boundary_f", "iou_person")),
            round(price("parameters", net) / 1e3),
            round(price("multiply_adds", net) / 1e6),
            f"{price('milliseconds', net):.1f}",
            f"{price('megabytes', net):.1f}",
            round(price("megabytes_to_learn", net)),
        )
        for net, entry in NETWORKS.items()
    ]
    scored = ("network", "lesson", "mean IoU", "accuracy", "boundary F", "person IoU")
    priced = ("weights, k", "million multiply–adds", "ms", "MB", "MB to learn")
    low = tuple(name for name in priced if name not in ("ms", "MB"))
    return plotting.table(
        scored + priced,
        lines,
        caption=f"Ten networks after the same {upsampling.STREET_STEPS} steps on the same streets: means of "
        f"{score['miou'](net='U-Net').n} seeds (± their standard deviation), on streets that nobody learned from. "
        "Costs are those of one street of 96 × 128 pixels by one thread; learning takes a batch of eight. ★ marks the "
        "best.",
        best=("accuracy", "boundary F", "person IoU", *low),
        lower_is_better=low,
    )


def fronts(recorded=None):
    """Score against cost, as a `plotting.Figure`: mean IoU over time, and boundary F over multiply–adds."""
    recorded = recorded or rows("networks")

    def panel(score, price, unit, **words):
        means = {net: summarise(recorded, score, net=net) for net in NETWORKS}
        values = {net: (_price(recorded, price, net) / unit, m.mean, m.std) for net, m in means.items()}
        return plotting.Front(values, **words)

    time_panel = panel("miou", "milliseconds", 1, xlabel="ms for a street, one thread", ylabel="mean IoU")
    work_panel = panel(
        "boundary_f", "multiply_adds", 1e6, xlabel="million multiply–adds", ylabel="boundary F"
    )
    return plotting.figure(
        time_panel,
        work_panel,
        alt="Two scatter plots of ten networks, score over cost. Beaten by none in mean IoU and time: "
        f"{', '.join(time_panel.front)}. In boundary F and multiply–adds: {', '.join(work_panel.front)}.",
        caption=f"Up and left is better. In mean IoU for its time, no network beats {_listed(time_panel.front)}; in "
        f"boundary F for its multiply–adds, none beats {_listed(work_panel.front)}. Bars: one standard deviation "
        "over the seeds.",
        height=4.2,
    )


def _price(recorded, name, net):
    """The lowest of a cost over the seeds: the time is the same in truth, and other work can only add to it."""
    return min(row[name] for row in recorded if row["net"] == net)


def _listed(names):
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
