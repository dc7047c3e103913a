"""The grand comparison: every method of the course, from Otsu to adversarial refinement, in one table and one figure.

Each method answers the test pictures of each set whose question it can answer (`exams.EXAMS`). What is the same within
a set: the test pictures; the pictures to learn from, which differ by seed; the steps, unless a name says otherwise; how
answers are scored. Nothing was tuned on these pictures but what the scoreboard says of its methods.

A row of the study holds, of one method on one set with one seed:

* ``quality`` and ``boundary_f``, as the exam defines them;
* what people gave: ``taught``, labelled pixels to learn from, once; ``asked``, pixels or numbers given with each test
  picture (strokes; 4 for a box; 1 for which side is the object);
* what the machine took: ``train_seconds``, ``milliseconds`` for a picture, ``megabytes`` while it answers the largest
  one, its weights included.

Seconds are those of one processor core, without the waiting for others. A training's are its steps times the seconds of
a step in a short run, so that all trainings are timed in the same hour, also those whose scores an earlier study
recorded on these very pictures (``source`` names it; they are not trained again). Memory is what the arrays of
numpy, or the tensors of torch, take at a time; the two are counted by different means.

``course study comparison`` does what is missing.
"""

import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np
import torch

from course_utils import losses, reckoning, scoreboard, strokes, study, training
from course_utils.classic import features, graph_cuts, morphology, softmax, thresholding
from course_utils.data.masks import IGNORE
from course_utils.data.synthetic import TOWN_CLASSES
from course_utils.models.crf import DenseCRF, WithCRF
from course_utils.models.memory import peak_bytes
from course_utils.models.parts import Encoder, Segmenter
from course_utils.models.recurrent import ReNet
from course_utils.models.unet import UNet, UNetDecoder
from course_utils.studies import (
    adversarial,
    attention,
    exams,
    networks,
    recurrence,
    skips,
    transfer,
    upsampling,
)

NAME = "comparison"
SEEDS = (0, 1, 2)
NUMBERS = ("quality", "boundary_f", "taught", "asked", "train_seconds", "milliseconds", "megabytes")
PIXELS = 8000  # that a pixel classifier is taught of the pictures to learn from
TREES = 30
TIMED_STEPS = 10  # of a training, to tell what a step takes
CRF_STEPS = 5


@dataclass(frozen=True)
class Method:
    """One way to answer an exam.

    lesson : that teaches it; given : what people give it, see `GIVEN`; run : function of (Exam, seed) -> dict of the
    row's numbers; seeds : as many as chance has a say in it; source : study that recorded its scores, "" for this one
    """

    lesson: str
    given: str
    run: Callable
    seeds: tuple = (0,)
    source: str = ""


#: What people give a method, and what it is in the figure: colour-blind safe, and told apart by shape, too.
GIVEN = {
    "nothing": "no label",
    "which side": "no label",
    "box": "box or strokes in the picture",
    "strokes": "box or strokes in the picture",
    "pixels": "pixels of labelled pictures, features by hand",
    "pictures": "labelled pictures, network",
}
REFINED = "network, refined (lessons 13–16)"


# -- methods that answer at once --------------------------------------------------------------------------------


def at_once(lesson, given, segment, seeds=(0,)):
    """A Method from ``segment(picture, exam, seed, painted)`` -> int (H, W); painted: strokes, or None."""

    def run(exam, seed):
        pictures = exam.pictures()
        painted = [p.strokes(exam.classes, seed) if given == "strokes" else None for p in pictures]
        calls = [partial(segment, p, exam, seed, lines) for p, lines in zip(pictures, painted, strict=True)]
        answers, seconds = _timed(calls)
        known = [lines > 0 for lines in painted] if given == "strokes" else None
        asked = {"nothing": 0, "which side": 1, "box": 4}
        return exam.scores(answers, known) | {
            "taught": 0,
            "asked": np.mean([k.sum() for k in known]) if known else asked[given],
            "train_seconds": 0,
            "milliseconds": 1e3 * seconds,
            "megabytes": _arrays(calls[_largest(pictures)]),
        }

    return Method(lesson, given, run, seeds)


def _timed(calls):
    """Answers of the calls, and the mean seconds of one; the first is called once before, to compile and load."""
    calls[0]()
    start = time.process_time()
    answers = [call() for call in calls]
    return answers, (time.process_time() - start) / len(calls)


def _arrays(call):
    """Most megabytes that arrays take at a time in a call."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def _largest(pictures):
    return max(range(len(pictures)), key=lambda n: pictures[n].truth.size)


def from_scoreboard(name):
    """A method of the scoreboard, on pictures with one object."""
    entrant = scoreboard.METHODS[name]
    given = {"": "nothing", "polarity": "which side", "box": "box"}[entrant.prompts]

    def segment(picture, exam, seed, painted):
        arguments = scoreboard.arguments(picture.item, entrant.prompts, entrant.colour)
        return np.asarray(entrant.segment(*arguments)).astype(np.uint8)

    return at_once(entrant.lesson, given, segment)


def by_strokes(lesson, segment):
    """A method that is told by strokes in the picture: ``segment(image, painted, seed)`` -> numbers of strokes."""

    def answer(picture, exam, seed, painted):
        return segment(plain(picture.image), painted, seed) % exam.classes  # class 0 was painted as K

    return at_once(lesson, "strokes", answer, SEEDS)


def plain(image):
    """A grey picture in three equal channels as one, others as they are."""
    return image[..., 0] if image.ndim == 3 and np.ptp(image, axis=2).max() == 0 else image


def _cut(image, painted, seed):
    """Boykov and Jolly's cut between two kinds of strokes."""
    return np.where(graph_cuts.graph_cut(image, painted, seed=seed).mask, 1, 2)


STROKES = {
    "watershed + strokes": by_strokes("03", lambda image, painted, seed: reckoning.flooded(image, painted)),
    "k-means + strokes": by_strokes("04", reckoning.grouped),
    "mean shift + strokes": by_strokes(
        "04",
        lambda image, painted, seed: reckoning.named(
            reckoning.climbed(image), reckoning.colours(image), painted
        ),
    ),
    "graph cut + strokes": by_strokes("05", _cut),
    "forest + strokes": by_strokes(
        "07",
        lambda image, painted, seed: strokes.pixel_classifier(image, painted, trees=TREES, seed=seed).predict(
            image
        ),
    ),
}


def parted(name):
    """The mask of a method of the scoreboard, and lesson 03's watershed to part it."""
    entrant = scoreboard.METHODS[name]

    def segment(picture, exam, seed, painted):
        return skips.part(
            entrant.segment(*scoreboard.arguments(picture.item, entrant.prompts, entrant.colour))
        )

    return at_once("03", "which side", segment)


def _islands(picture, exam, seed, painted):
    grey = picture.image
    return morphology.label(grey > thresholding.otsu(grey))


# -- methods that learn from pixels of labelled pictures ----------------------------------------------------------


def of_pixels(fit, predict):
    """A Method that learns from the features of `PIXELS` labelled pixels; ``predict(model, table)`` -> classes."""

    def run(exam, seed):
        images, targets = exam.lessons(seed)
        start = time.process_time()
        model = fit(*_table(images, targets, seed), seed)
        train_seconds = time.process_time() - start

        def answer(picture):
            values = features.features(plain(picture.image).astype(np.float32)).values
            return predict(model, values.reshape(-1, values.shape[2])).reshape(picture.truth.shape)

        pictures = exam.pictures()
        calls = [partial(answer, picture) for picture in pictures]
        answers, seconds = _timed(calls)
        return exam.scores(answers) | {
            "taught": PIXELS,
            "asked": 0,
            "train_seconds": train_seconds,
            "milliseconds": 1e3 * seconds,
            "megabytes": _arrays(calls[_largest(pictures)]),
        }

    return Method("07", "pixels", run, SEEDS)


def _table(images, targets, seed):
    """Features (n, F) and classes (n,) of `PIXELS` pixels, as many of each of at most 32 pictures."""
    rng, rows, classes = np.random.default_rng(seed), [], []
    chosen = rng.permutation(len(images))[:32]
    for number in chosen:
        image, target = plain(images[number]), targets[number].ravel()
        some = rng.choice(np.flatnonzero(target != IGNORE), PIXELS // len(chosen), replace=False)
        values = features.features(image.astype(np.float32)).values
        rows.append(values.reshape(target.size, -1)[some])
        classes.append(target[some].astype(np.int64))
    return np.concatenate(rows), np.concatenate(classes)


def _forest(table, classes, seed):
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(TREES, random_state=seed).fit(table, classes)


TAUGHT_PIXELS = {
    "softmax on filter bank": of_pixels(
        lambda table, classes, seed: softmax.softmax_regression(table, classes), softmax.predict
    ),
    "forest on filter bank": of_pixels(_forest, lambda forest, table: forest.predict(table)),
}


def _by_place(exam, seed):
    """Each pixel gets the class that is most frequent there in the pictures to learn from."""
    targets = exam.lessons(seed)[1]
    start = time.process_time()
    counts = np.stack([np.sum([target == k for target in targets], axis=0) for k in range(exam.classes)])
    answer = counts.argmax(axis=0)
    seconds = time.process_time() - start
    answers = [answer] * len(exam.pictures())
    taught = sum(target.size for target in targets)
    none = {"asked": 0, "milliseconds": 0, "megabytes": answer.nbytes / 1e6}
    return exam.scores(answers) | none | {"taught": taught, "train_seconds": seconds}


# -- methods that are networks ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Recorded:
    """Where the scores of a network were recorded on the pictures of an exam: a study, which of its rows, and what the
    two scores are called there (None for none)."""

    study: str
    which: dict
    quality: str
    boundary_f: str | None = "boundary_f"

    def scores(self, seed):
        """``quality`` and ``boundary_f`` of the run with that seed, as they stand there."""
        (row,) = (r for r in study.rows(self.study) if r["seed"] == seed and self.which.items() <= r.items())
        return {
            "quality": row[self.quality],
            "boundary_f": row[self.boundary_f] if self.boundary_f else np.nan,
        }


def _likeliest(scores):
    return scores.argmax(axis=0)


def network(lesson, learn, steps, recorded=None, *, then=None, read=_likeliest, taught=None, before=()):
    """A Method that is a network.

    learn : function of (seed, and ``steps`` for a short run) -> (model, History); steps : of the whole training;
    before : other such pairs, of stages before this one that its time holds, too;
    recorded : `Recorded`, where its scores are known; then : what is put behind the model, a function of it; read :
    answers from logits, (K, H, W) -> int (H, W); taught : labelled pixels, by default all of the exam's lessons
    """

    stages = (*before, (learn, steps))

    def run(exam, seed):
        pictures = exam.pictures()
        model = _short(learn)[0] if recorded else _taught(learn, seed)[0]
        model = (then(model) if then else model).eval()
        scores = (
            recorded.scores(seed)
            if recorded
            else exam.scores([read(logits(model, p.image)) for p in pictures])
        )
        pixels = sum(target.size for target in exam.lessons(seed)[1]) if taught is None else taught
        seconds = sum(count * _short(stage)[1] for stage, count in stages)
        costs = {"taught": pixels, "asked": 0, "train_seconds": seconds}
        return scores | costs | _answering(model, pictures[_largest(pictures)].image, read)

    return Method(lesson, "pictures", run, SEEDS, recorded.study if recorded else "")


@cache
def _taught(learn, seed):
    """A whole training, done once in a process: who asks a second time asks the same network something else."""
    return learn(seed, watch=False)


@cache
def _short(learn):
    """(model, seconds of a step) of a short training, of the faster of two after a first one, which does not count.

    Once in a process: the price of a method does not hang on its seed.
    """
    found = []
    for _ in range(3):  # the first step of a process imports what takes seconds, and pictures are drawn once
        start = time.process_time()
        model, history = learn(0, steps=TIMED_STEPS, watch=False)
        found.append((time.process_time() - start) / history.steps)
    return model, min(found[1:])


def _tensor(image):
    return torch.from_numpy(np.atleast_3d(image)).float().movedim(-1, 0)[None].contiguous()


def logits(model, image):
    """What a network says of an image float (H, W[, C]): float32 (K, H, W)."""
    with torch.inference_mode():
        return model(_tensor(image))[0].numpy()


def _answering(model, image, read):
    """``milliseconds`` by one thread, and ``megabytes`` of its weights and of what its tensors take at a time."""
    scores = logits(model, image)
    pixels = _tensor(image).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        seconds = _fastest(partial(model, pixels)) + _fastest(partial(read, scores))
        tensors = peak_bytes(partial(model, pixels))
    weights = sum(value.numel() * value.element_size() for value in model.state_dict().values())
    return {"milliseconds": 1e3 * seconds, "megabytes": (weights + tensors) / 1e6}


def _fastest(call, calls=7):
    """Seconds of a processor core for the fastest of some calls."""
    found = []
    for _ in range(calls):
        start = time.process_time()
        call()
        found.append(time.process_time() - start)
    return min(found)


def with_crf(classes):
    """What puts lesson 15's CRF, as it was chosen there for photographs, behind a network."""
    return lambda model: WithCRF(model, DenseCRF(classes, CRF_STEPS, **recurrence.CRF))


def swept(channels, classes, widths):
    """A U-Net with two sweeps, along rows and columns, behind its lowest features."""
    encoder = attention.Behind(Encoder(channels, widths), ReNet(widths[-1]))
    return Segmenter(encoder, UNetDecoder(widths, classes))


# nuclei: outside, inside, rim, by the functions of lesson 10

RIMS = {net: partial(skips.taught, net) for net in ("FCN-32s", "none", "FCN-8s", "all", "all, residual")}


def _nucleus(scores):
    return (scores.argmax(axis=0) > 0).astype(np.uint8)


def _by_islands(scores):
    return morphology.label(scores.argmax(axis=0) > 0)


def _by_distance(scores):
    return skips.part(scores.argmax(axis=0) > 0)


def _by_rims(scores):
    return skips.instances(scores.argmax(axis=0))


def of_rims(lesson, net, *names, read=_nucleus, longer=1):
    """A network taught rims, and how its answer is read; ``names``: of its scores in lesson 10's studies, if any."""
    recorded = None
    if names:
        of_few = net.startswith("FCN")
        which = {"net": net} if of_few else {"net": net, "longer": longer}
        recorded = Recorded("few_skips" if of_few else "skips", which, *names)
    return network(lesson, RIMS[net], longer * skips.NUCLEI_STEPS, recorded, read=read)


# mosaics: six textures, ten labelled pictures, by the functions of lesson 16


def _learn_mosaics(way, seed, steps=None, count=transfer.FEW, **options):
    """As `transfer.learn`, whose steps are multiplied by those of the way."""
    steps = steps and max(round(steps / transfer.WAYS[way].longer), 1)
    return transfer.learn("mosaics", way, count, seed, steps, **options)


def of_transfer(lesson, way, count=transfer.FEW):
    """One of the ways of lesson 16, with its recorded scores."""
    source = Recorded("ways_to_transfer", {"way": way}, "miou")
    if way in transfer.PAIR:
        source = Recorded("few_mosaics", {"way": way, "count": count}, "miou")
    steps = round(transfer.STEPS * transfer.WAYS[way].longer)
    taught = sum(
        target.size for target in transfer.pictures("mosaics", transfer.labelled("mosaics", 1, 0))[1]
    )
    return network(lesson, partial(_learn_mosaics, way, count=count), steps, source, taught=count * taught)


# streets, by the functions of lessons 09 and 12


def of_streets(name):
    """A network of Part II with its recorded scores."""
    source = Recorded("networks", {"net": name}, "miou")
    lesson = networks.NETWORKS[name].lesson
    return network(lesson, partial(networks.learn, name), upsampling.STREET_STEPS, source)


UNET = partial(UNet, 3, len(TOWN_CLASSES), networks.WIDTHS)
SWEPT = partial(swept, 3, len(TOWN_CLASSES), networks.WIDTHS)


def _learn_town(make, seed, **options):
    return upsampling.learn_streets(make, seed, rate=networks.RATE, **options)


def _learn_taught(seed, **options):
    """The U-Net with the encoder of lesson 16, all of it learning on."""
    model = transfer.segmenter(len(TOWN_CLASSES), taught=True)
    rates = partial(transfer.rates_of, model, "fine-tuned")
    return upsampling.learn_streets(lambda: model, seed, optimiser=rates, **options)


def of_town(lesson, learn, **more):
    """A network on streets that no study has recorded."""
    return network(lesson, learn, upsampling.STREET_STEPS, **more)


# canals, by the functions of lesson 14

CANAL_STEPS = adversarial.WARM_STEPS + adversarial.STEPS


def _learn_canals(make, seed, steps=CANAL_STEPS, **options):
    return adversarial.learn_pixels(seed, make=make, steps=steps, **options)


def _learn_refined(method, seed, steps=None, **options):
    rivals, history = adversarial.learn(seed, steps=steps, **adversarial.METHODS[method], **options)
    return rivals.segmenter, history


CANAL_UNET = partial(_learn_canals, partial(UNet, 3, 2, adversarial.WIDTHS))


def of_losses(lesson, method, **more):
    """One of lesson 14's methods without a judge, with its recorded scores."""
    learn = partial(CANAL_UNET, loss=adversarial.METHODS[method].get("loss", training.cross_entropy))
    source = Recorded("canals", {"method": method}, "nearest", "boundary")
    return network(lesson, learn, CANAL_STEPS, source, **more)


def of_judge(method):
    """One of lesson 14's methods with a judge, with its recorded scores; it begins with steps by cross-entropy."""
    source = Recorded("canals", {"method": method}, "nearest", "boundary")
    learn = partial(_learn_refined, method)
    return network("14", learn, adversarial.STEPS, source, before=((CANAL_UNET, adversarial.WARM_STEPS),))


# ------------------------------------------------------------------------------------------------- who takes part

BY_PLACE = Method("01", "pictures", _by_place, SEEDS)
ANY_OBJECT = ("everything", "Otsu", "Li", "Sauvola 101", "sure pixels, flooded", "k-means, k = 2")
ANY_OBJECT = (*ANY_OBJECT, "mean shift, then Otsu", "Otsu + neighbours", "morphological Chan–Vese")
BOXED = ("GrabCut", "snake", "Chan–Vese")
SEVERAL = (
    "watershed + strokes",
    "k-means + strokes",
    "mean shift + strokes",
    "forest + strokes",
)


def _classics(*names):
    return {name: from_scoreboard(name) for name in names}


METHODS = {
    # One draw of the strokes: mean shift and forests take their time on photographs.
    "photos": _classics(*ANY_OBJECT, *BOXED) | {name: replace(m, seeds=(0,)) for name, m in STROKES.items()},
    "nuclei": _classics(*ANY_OBJECT)
    | STROKES
    | TAUGHT_PIXELS
    | {
        "FCN-32s": of_rims("09", "FCN-32s", "iou"),
        "encoder–decoder": of_rims("09", "none", "iou"),
        "FCN-8s": of_rims("10", "FCN-8s", "iou"),
        "U-Net": of_rims("10", "all", "iou"),
        "U-Net, residual": of_rims("10", "all, residual", "iou"),
        "U-Net, longer": of_rims("10", "all", "iou", longer=3),
    },
    "counted": {
        "Otsu, islands": at_once("02", "which side", _islands),
        "Otsu, watershed": parted("Otsu"),
        "Li, watershed": parted("Li"),
        "FCN-32s": of_rims("09", "FCN-32s", "f1_50", None, read=_by_rims),
        "encoder–decoder": of_rims("09", "none", "f1_50", None, read=_by_rims),
        "FCN-8s": of_rims("10", "FCN-8s", "f1_50", None, read=_by_rims),
        "U-Net, islands": of_rims("10", "all", "islands_50", None, read=_by_islands),
        "U-Net, watershed": of_rims("10", "all", "mask_50", None, read=_by_distance),
        "U-Net": of_rims("10", "all", "f1_50", None, read=_by_rims),
        "U-Net, residual": of_rims("10", "all, residual", "f1_50", None, read=_by_rims),
        "U-Net, longer": of_rims("10", "all", "f1_50", None, read=_by_rims, longer=3),
    },
    "mosaics": {name: STROKES[name] for name in SEVERAL}
    | TAUGHT_PIXELS
    | {
        "U-Net": of_transfer("10", "scratch, 4 × the steps"),
        "U-Net, 80 steps": of_transfer("10", "scratch"),
        "U-Net, 100 pictures": of_transfer("10", "scratch", 100),
        "taught encoder, frozen": of_transfer("16", "frozen"),
        "taught encoder": of_transfer("16", "fine-tuned"),
        "taught encoder, 100 pictures": of_transfer("16", "fine-tuned", 100),
    },
    "town": {"class of the place": BY_PLACE}
    | {name: STROKES[name] for name in SEVERAL}
    | TAUGHT_PIXELS
    | {name: of_streets(name) for name in networks.NETWORKS}
    | {
        "U-Net, Dice": of_town("13", partial(_learn_town, UNET, loss=losses.dice)),
        "FCN-32s + CRF": of_town("15", partial(networks.learn, "FCN-32s"), then=with_crf(len(TOWN_CLASSES))),
        "U-Net + CRF": of_town("15", partial(networks.learn, "U-Net"), then=with_crf(len(TOWN_CLASSES))),
        "U-Net + sweeps": of_town("15", partial(_learn_town, SWEPT)),
        "taught encoder": of_town("16", _learn_taught),
    },
    "canals": _classics(*ANY_OBJECT)
    | STROKES
    | TAUGHT_PIXELS
    | {
        "U-Net": of_losses("10", "cross-entropy"),
        "U-Net, Dice": of_losses("13", "Dice"),
        "U-Net, clDice": of_losses("13", "CE + clDice"),
        "U-Net + judge": of_judge("λ = 0.3"),
        "U-Net + CRF": network("15", CANAL_UNET, CANAL_STEPS, then=with_crf(2)),
    },
}


class _Comparison(study.Study):
    """Each method on each set that it can answer, with as many seeds as chance has a say in it."""

    def runs(self):
        return [
            ({"set": name, "method": method}, seed)
            for name, methods in METHODS.items()
            for method, entry in methods.items()
            for seed in entry.seeds
        ]


def run(seed, set, method):
    """One row of the study."""
    entry = METHODS[set][method]
    found = study.rounded(entry.run(exams.EXAMS[set], seed))
    return {name: found[name] for name in NUMBERS} | {"source": entry.source}


STUDY = _Comparison(NAME, "What does each method of the course get right, and at what price?", (), SEEDS, run)
study.STUDIES[NAME] = STUDY
