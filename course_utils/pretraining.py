"""How the course's own encoder was taught: to name what it sees, in pictures of nothing in particular.

    python -m course_utils.pretraining

draws 20 000 collages, teaches the encoder with them, and writes ``data/checkpoints/16-encoder.safetensors`` and its
model card, ``docs/encoder.md``. It takes a quarter of an hour to half an hour of one core, may be interrupted at any
time, and goes on where it stopped: what is half done lies in the course's cache folder.

**The task** is classification with many labels. Cut a window out of a `synthetic.collage`, and ask of the thing in its
middle: what is it made of (40 materials), how coarse is that (4 grains), which colour has it (11), what shape does it
belong to (14)? A window is
asked wherever its middle lies well inside one region, with every place as likely. Lesson 09 showed how a classifier of
windows answers for all places of an image at once: as a convolution. So does this one, a linear layer on top of the
features of each of three levels, whose windows are about 30, 70 and 140 pixels wide; that each level must name
everything by itself makes the features of each of use to whoever takes them over.

Nothing of the pictures to which the course then transfers it has been seen: no street, no nucleus, no photograph.
"""

import argparse
import hashlib
import json
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from course_utils import paths, training
from course_utils.data import synthetic
from course_utils.data.synthetic import collages
from course_utils.models import pretrained
from course_utils.models.parts import convolution, cost
from course_utils.training.batches import IGNORE

QUESTIONS = {
    "material": tuple(synthetic.MATERIALS),
    "grain": tuple(synthetic.GRAINS),
    "colour": tuple(synthetic.COLOURS),
    "shape": synthetic.SHAPES,
}
WEIGHTS = (3, 1, 1, 1)  # of the questions in the loss: materials are the hardest to name
LEVELS = (2, 3, 4)  # of the features that are asked: strides 4, 8 and 16
SIDE = 64  # pixels of a collage
COLLAGES, CHUNK = 20_000, 1000  # to learn from; to a file
SIZE, STEPS, RATE = 16, 19_000, 5e-3  # images a batch; of the training; highest learning rate
COOLING, LONGER = 1 / 12, 24 / 19  # the part of the training that cools down; see `cooled`
CARD = Path("docs") / "encoder.md"


def main(arguments=None):
    """Teach the encoder, or go on; `arguments` are those of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m course_utils.pretraining", description=__doc__.split("\n")[0]
    )
    parser.add_argument(
        "--steps", type=int, default=STEPS, help="fewer are for a try: weights go to --out, no card"
    )
    parser.add_argument("--collages", type=int, default=COLLAGES, help="fewer are for a try")
    parser.add_argument("--out", type=Path, help="where to write the weights instead")
    options = parser.parse_args(arguments)
    trying = (options.steps, options.collages) != (STEPS, COLLAGES)
    if trying and not options.out:
        parser.error("a try needs --out, so that it does not replace the weights that ship")
    folder = paths.cache() / "pretraining" / version()
    pictures = draw(options.collages, folder, lambda done: print(f"{done} collages drawn", flush=True))
    model, history = teach(
        pictures, options.steps, folder / f"encoder-{options.steps}-{options.collages}.pt", say=print
    )
    found = {"accuracy": accuracies(model, examination()), "collages": options.collages}
    found |= {"steps": history.steps, "batch": SIZE, "rate": RATE, "seconds": round(history.seconds)}
    out = options.out or pretrained.bundled_file()
    training.save_weights(model.encoder, out, card=json.dumps(found))
    print(history.summary(), found["accuracy"], f"{out.stat().st_size / 1e6:.2f} MB", sep="\n")
    if not options.out:
        (paths.checkout() / CARD).write_text(card(found), encoding="utf-8", newline="\n")


def version():
    """A short name for the text of the generator: what another text drew is not gone on with (str)."""
    return hashlib.sha256(Path(collages.__file__).read_bytes()).hexdigest()[:8]


# -- the pictures -----------------------------------------------------------------------------------------


class Pictures:
    """Collages in memory: images uint8 (n, 3, side, side); regions uint8 (n, side, side); names uint8 (n, R, 4).

    ``names[i, r]`` answers the four `QUESTIONS` about region r of picture i, 255 where there is no answer: grey
    pictures have no colours, and materials without a period no grain.
    """

    def __init__(self, images, regions, names):
        self.images, self.regions, self.names = images, regions, names

    def __len__(self):
        return len(self.images)


def pictures(seeds, side=SIDE):
    """`Pictures` of these seeds."""
    most = 8  # regions: at most three parts of the ground and five figures
    images = np.empty((len(seeds), 3, side, side), np.uint8)
    regions = np.empty((len(seeds), side, side), np.uint8)
    names = np.full((len(seeds), most, len(QUESTIONS)), IGNORE, np.uint8)
    for place, seed in enumerate(seeds):
        sample = synthetic.collage(seed, size=side)
        images[place] = np.round(255 * sample.image).transpose(2, 0, 1)
        regions[place] = sample.labels
        names[place, : len(sample.regions)] = [answers(region, sample.grey) for region in sample.regions]
    return Pictures(images, regions, names)


def answers(region, grey):
    """The four classes of a region: ints, in the order of `QUESTIONS`."""
    found = {question: classes.index(getattr(region, question)) for question, classes in QUESTIONS.items()}
    if grey:
        found["colour"] = IGNORE
    if region.material in synthetic.GRAINLESS:
        found["grain"] = IGNORE
    return list(found.values())


def draw(count, folder, say=lambda done: None):
    """`Pictures` of the first training seeds, a file for each thousand; what lies in the folder is not drawn again."""
    parts, seeds = [], synthetic.COLLAGE_SEEDS["train"]
    for start in range(0, count, CHUNK):
        file = folder / f"collages-{SIDE}-{start:06d}-{min(start + CHUNK, count):06d}.npz"
        if not file.is_file():
            part = pictures(seeds[start : min(start + CHUNK, count)])
            _write(file, part)
        with np.load(file) as content:
            parts.append(tuple(content[name] for name in ("images", "regions", "names")))
        say(min(start + CHUNK, count))
    return Pictures(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _write(file, part):
    """In one go, so that a kill leaves no half file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    half = file.with_suffix(".part.npz")
    np.savez_compressed(half, images=part.images, regions=part.regions, names=part.names)
    half.replace(file)


def examination(count=1000):
    """`Pictures` that nobody learned from."""
    return pictures(synthetic.COLLAGE_SEEDS["test"][:count])


# -- the task ---------------------------------------------------------------------------------------------


def asked(regions, names, stride):
    """The answers for the window around each place of a map: int64 (B, 4, H / stride, W / stride), 255 not asked.

    A window is asked if the inner half of the place (stride / 2 pixels each way) lies in one region.

    regions : uint8 (B, H, W); names : uint8 (B, R, 4); stride : divides H and W, even
    """
    count, height, width = regions.shape
    blocks = regions.reshape(count, height // stride, stride, width // stride, stride)
    inner = slice(stride // 4, stride - stride // 4)
    blocks = blocks[:, :, inner, :, inner]
    least, most = blocks.min(axis=(2, 4)), blocks.max(axis=(2, 4))
    found = names[np.arange(count)[:, None, None], least].astype(np.int64)
    found[least != most] = IGNORE
    return np.moveaxis(found, -1, 1)


class Windows(training.Numbered):
    """Batches of collages, turned and mirrored: ``windows[step]`` is (images, answers), a function of seed and step.

    images uint8 (B, 3, side, side); answers int64 (B, 4, places), all places of the first of `LEVELS`, then those of
    the next.
    """

    def __init__(self, pictures, size=SIZE, seed=0):
        self.pictures, self.size, self.seed = pictures, size, seed

    def __getitem__(self, step):
        rng = np.random.default_rng([self.seed, step])
        chosen = rng.choice(len(self.pictures), self.size, replace=len(self.pictures) < self.size)
        turns, mirrored = rng.integers(4), rng.integers(2)
        images, regions = (
            np.rot90(part[chosen], turns, (-2, -1))[..., :: 1 - 2 * mirrored]
            for part in (self.pictures.images, self.pictures.regions)
        )
        answers = [asked(regions, self.pictures.names[chosen], 2**level) for level in LEVELS]
        flat = np.concatenate([part.reshape(*part.shape[:2], -1) for part in answers], axis=2)
        return torch.from_numpy(np.ascontiguousarray(images)), torch.from_numpy(flat)


class Namer(nn.Module):
    """An encoder, and a linear layer on each of `LEVELS` that names what the windows show.

    images (B, 3, H, W) -> scores (B, K, places), of all classes of all `QUESTIONS`, places as `Windows` has them.
    """

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder
        classes = sum(map(len, QUESTIONS.values()))
        self.heads = nn.ModuleList(convolution(encoder.widths[level], classes, 1) for level in LEVELS)

    def forward(self, images):
        features = self.encoder(images)
        scores = [head(features[level]) for head, level in zip(self.heads, LEVELS, strict=True)]
        return torch.cat([part.flatten(2) for part in scores], dim=2)


def naming(scores, answers):
    """The loss: cross-entropy of each question, at each level, the mean by `WEIGHTS` (scalar).

    scores : float (B, K, places); answers : int64 (B, 4, places), 255 not asked

    Each is a mean over what was asked, so that levels count alike: one of few places would otherwise hardly be heard.
    """
    losses = []
    for part, truth in zip(
        scores.split(_sections(scores), 2), answers.split(_sections(answers), 2), strict=True
    ):
        for number, own in enumerate(part.split(list(map(len, QUESTIONS.values())), 1)):
            losses.append(WEIGHTS[number] * training.cross_entropy(own, truth[:, number]))
    return torch.stack(losses).sum() / (len(LEVELS) * sum(WEIGHTS))


def _sections(flat):
    """Places of each of `LEVELS`, of maps with square sides."""
    shares = [4.0 ** (LEVELS[-1] - level) for level in LEVELS]
    return [round(flat.shape[2] * share / sum(shares)) for share in shares]


# -- learning ---------------------------------------------------------------------------------------------


def teach(given, steps=STEPS, checkpoint=None, seed=0, say=None):
    """(Namer, History) after so many steps; with a checkpoint it goes on where it stopped."""
    training.seed(seed)
    model = Namer(pretrained.encoder(taught=False))
    seen = pictures(synthetic.COLLAGE_SEEDS["validation"][:200])

    def validate(model):
        found = accuracies(model, seen)
        if say:
            say(found, flush=True)
        return np.mean(list(found.values()))

    history = training.fit(
        model,
        Windows(given, seed=seed),
        steps=steps,
        loss=naming,
        optimiser=partial(training.adamw, rate=RATE),
        schedule=cooled,
        validate=validate,
        checkpoint=checkpoint,
        device="cpu",
        watch=False,
    )
    return model, history


def cooled(progress):
    """Factor of the learning rate: lesson 08's, of a training `LONGER` times as long, and straight to 0 at its end.

    Whoever cools down late may decide late how long to train.
    Reference: Hägele et al., Scaling laws and compute-optimal training beyond fixed training durations, 2024,
    arXiv:2405.18392.
    """
    return training.warm_cosine(progress / LONGER) * min(1, (1 - progress) / COOLING)


def accuracies(model, given):
    """Share of the windows that are named right: dict of "material, stride 16" and so on -> float."""
    model.eval()
    right, total = np.zeros((2, len(LEVELS), len(QUESTIONS)))
    for start in range(0, len(given), 50):
        part = slice(start, start + 50)
        with torch.inference_mode():
            scores = model(torch.from_numpy(given.images[part]).float() / 255)
        for place, (level, own) in enumerate(zip(LEVELS, scores.split(_sections(scores), 2), strict=True)):
            truth = asked(given.regions[part], given.names[part], 2**level)
            truth = truth.reshape(*truth.shape[:2], -1)
            for number, each in enumerate(own.split(list(map(len, QUESTIONS.values())), 1)):
                known = truth[:, number] != IGNORE
                right[place, number] += (each.argmax(1).numpy() == truth[:, number])[known].sum()
                total[place, number] += known.sum()
    share = right / np.maximum(total, 1)
    return {
        f"{question}, stride {2**level}": round(float(share[place, number]), 4)
        for place, level in enumerate(LEVELS)
        for number, question in enumerate(QUESTIONS)
    }


# -- the model card ---------------------------------------------------------------------------------------


def card(found):
    """The model card as Markdown, from what `main` measured."""
    encoder = pretrained.encoder(taught=False)
    size = cost(encoder, (1, 3, SIDE, SIDE))
    rows = "\n".join(
        f"| {question} | {len(classes)} | {1 / len(classes):.3f} | "
        + " | ".join(f"{found['accuracy'][f'{question}, stride {2**level}']:.3f}" for level in LEVELS)
        + " |"
        for question, classes in QUESTIONS.items()
    )
    widths = ", ".join(map(str, encoder.widths))
    strides = " | ".join(f"stride {2**level}" for level in LEVELS)
    return f"""# Model card: the encoder that ships with the course

Written by `python -m course_utils.pretraining`; a change by hand would be lost.

**What it is.** The encoder of the course's U-Nets, {size.parameters:,} weights in five levels of {widths}
channels, {size.multiply_adds / 1e6:.0f} million multiply–adds for {SIDE} × {SIDE} pixels, in
`data/checkpoints/16-encoder.safetensors`. Made by this project in 2026; CC BY 4.0.
`course_utils.models.pretrained.encoder()` loads it. It brings the image to mean 0 and deviation 1 by itself.

**What it is for.** Lesson 16: to start a segmenter from, where labels are few, and to see when that helps. Small
images, colour or grey (three equal channels). It is no substitute for a network that was taught by photographs.

**What it was taught.** To name material, grain, colour and shape of what is in the middle of windows of
`synthetic.collage`, generated pictures of nothing in particular; no photograph, and none of the course's other
generators, was used.
{found["collages"]:,} pictures of {SIDE} × {SIDE} pixels, turned and mirrored; {found["steps"]:,} steps with
{found["batch"]} of them each, AdamW with a highest rate of {found["rate"]:g}, cooled down at the end;
{found["seconds"]:,} seconds by the clock on one core, which others may have been using, too. The weights are those
that named most on validation collages.

**How well it does that.** Share of windows named right, on 1,000 collages that nobody had seen. Chance is for a guess
among equals; whoever says *ground* for every shape is right in seven to eight of ten windows.

| question | classes | chance | {strides} |
|---|---|---|{"---|" * len(LEVELS)}
{rows}

**What it helps with** is for others to measure than whoever taught it: the recorded studies of lesson 16 do, with the
same encoder from scratch beside it, and one of them shows where it does not help.

**Limits.** It knows materials, grain and colours, at the scale of a few to some fifty pixels. Where its numbers for
shapes are those of saying *ground* each time, it has learned nothing about shapes, and it has never seen a thing. It
was taught with square pictures of one size, with mild blur and noise. Brightness and contrast of a whole image do not
reach it, so it cannot tell a dim picture from a bright one. The levels of stride 1 and 2 were asked nothing themselves:
they were taught through the coarser ones.
"""


if __name__ == "__main__":
    main()
