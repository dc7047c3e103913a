"""The exercises of lesson 14: a judge's loss, a broken step, plausible masks, curves to read, what to hope for."""

import numpy as np

from course_utils.checks.framework import Exercise, Mistake, Property
from course_utils.classic import morphology

# ------------------------------------------------------------------------------------------ a judge's loss


def judge_loss(truths, answers):
    return float(np.logaddexp(0, -truths).mean() + np.logaddexp(0, answers).mean())


def _sigmoid(logits):
    return 1 / (1 + np.exp(-np.clip(logits, -700, 700)))


def _pooled(truths, answers):
    return float(np.concatenate([np.logaddexp(0, -truths).ravel(), np.logaddexp(0, answers).ravel()]).mean())


def _of_probabilities(truths, answers):
    with np.errstate(all="ignore"):
        return float(
            -np.log(np.clip(truths, 1e-12, None)).mean() - np.log(np.clip(1 - answers, 1e-12, None)).mean()
        )


def _clipped(truths, answers):
    p, q = (np.clip(_sigmoid(logits), 1e-7, 1 - 1e-7) for logits in (truths, answers))
    return float(-np.log(p).mean() - np.log(1 - q).mean())


def _naive(truths, answers):
    with np.errstate(all="ignore"):
        p, q = (1 / (1 + np.exp(-logits)) for logits in (truths, answers))
        return float(-np.log(p).mean() - np.log(1 - q).mean())


FOUR = (np.array([2.0, 0.0]), np.array([-2.0, 0.0]))  # the lesson's


def _verdicts(rng):
    shapes = ((1,), (4,)), ((3,), (3,)), ((2, 4, 4), (2, 4, 4)), ((5, 1), (2, 3))
    return [tuple(rng.normal(0, 3, shape).round(2) for shape in pair) for pair in shapes]


JUDGE = Exercise(
    slug="judge-loss",
    lesson="14",
    title="What a judge lowers",
    minutes=5,
    points=2,
    hints=(
        "σ(D) is the chance that the judge gives to “a truth”. What should it give for truths, what for answers? Each "
        "has a cross-entropy of its own.",
        "−log σ(d) is log(1 + e^(−d)), and −log(1 − σ(d)) is log(1 + e^d). For large logits the exponential overflows: "
        "`np.logaddexp(0, d)` is log(1 + e^d), and never does.",
        "`np.logaddexp(0, -truths).mean() + np.logaddexp(0, answers).mean()`",
    ),
    reference=judge_loss,
    properties=(
        Property("is right on the worked example", [FOUR]),
        Property(
            "is 2 log 2 where the judge knows nothing",
            [(np.zeros(3), np.zeros(5)), (np.zeros((2, 2)), np.zeros(1))],
        ),
        Property("is right on random verdicts, of any shapes", _verdicts, weight=2),
        Property(
            "stays a number where the judge is very sure",
            [(np.array([800.0, -900.0]), np.array([-800.0])), (np.array([50.0]), np.array([60.0, 1000.0]))],
        ),
    ),
    mistakes=(
        Mistake(
            "answers as truths",
            lambda truths, answers: judge_loss(answers, truths),
            "You exchanged the two: your judge is rewarded for calling answers truths.",
        ),
        Mistake(
            "minus forgotten",
            lambda truths, answers: -judge_loss(truths, answers),
            "The sign is turned over: this is what the judge should make *large*. A loss is made small.",
        ),
        Mistake(
            "truths alone",
            lambda truths, answers: float(np.logaddexp(0, -truths).mean()),
            "Only the truths count. A judge that calls everything a truth would be perfect.",
        ),
        Mistake(
            "both towards a truth",
            lambda truths, answers: float(np.logaddexp(0, -truths).mean() + np.logaddexp(0, -answers).mean()),
            "You ask for “a truth” on both. That is the wish of the *segmenter* for its answers; the judge "
            "wants 1 − σ there.",
        ),
        Mistake(
            "pooled",
            _pooled,
            "You took one mean over all verdicts. Truths and answers have a mean each, and these are added: so both "
            "count alike, however many there are.",
        ),
        Mistake(
            "half of it",
            lambda truths, answers: judge_loss(truths, answers) / 2,
            "You have one half of it: the two means are added, not averaged.",
        ),
        Mistake(
            "summed",
            lambda truths, answers: float(np.logaddexp(0, -truths).sum() + np.logaddexp(0, answers).sum()),
            "You added up where a mean was asked for: your loss grows with the number of windows.",
        ),
        Mistake(
            "logits as probabilities",
            _of_probabilities,
            "You took the logarithm of the logits. They are any numbers; σ makes chances of them.",
        ),
        Mistake(
            "overflow",
            _naive,
            "For a judge that is very sure, 1 + e^d is too large to be held, or 1 − σ rounds to 0, and its logarithm "
            "is infinite. `np.logaddexp(0, d)` computes log(1 + e^d) safely.",
        ),
        Mistake(
            "clipped",
            _clipped,
            "You clipped the chances, so a judge that is surely wrong pays too little. `np.logaddexp(0, d)` needs "
            "no clipping.",
        ),
        Mistake(
            "in bits",
            lambda truths, answers: judge_loss(truths, answers) / np.log(2),
            "Your logarithm has the base 2; the lesson's is the natural one, `np.log`.",
        ),
    ),
)

# ------------------------------------------------------------------------------------------ a step, repaired


def slopes(logits, truth, judge, weight):
    return _slopes(logits, truth, judge, weight)


def _slopes(
    logits, truth, judge, weight, *, attached=False, judges_wish=False, added=False, deaf=False, flat=False
):
    """What `slopes` returns, by hand; and with what the faults of the given version, and others, put in."""
    powers = np.exp(logits - logits.max(axis=0))
    p = powers / powers.sum(axis=0)
    on_truth, on_answer = _sigmoid((judge * truth).sum()), _sigmoid((judge * p).sum())
    bend = p * (judge - (judge * p).sum(axis=0))  # how the verdict on the answer changes with the logits
    pull = on_answer if judges_wish else -on_answer if flat else on_answer - 1
    segmenter = (p - truth) / logits[0].size + (0 if deaf else weight * pull * bend)
    discriminator = (on_truth - 1) * truth + on_answer * p
    if attached:
        segmenter = segmenter + on_answer * bend
    if added:
        discriminator = discriminator + weight * pull * p
    return segmenter, discriminator


def _with(**faults):
    return lambda logits, truth, judge, weight: _slopes(logits, truth, judge, weight, **faults)


ONE = (
    np.zeros((2, 1, 1)),
    np.array([0.0, 1.0]).reshape(2, 1, 1),
    np.array([0.0, 1.0]).reshape(2, 1, 1),
    1.0,
)  # the lesson's


def _steps(rng):
    cases = []
    for classes, height, width, weight in ((2, 1, 3, 0.5), (2, 3, 2, 0.1), (3, 2, 4, 2.0)):
        truth = np.eye(classes)[rng.integers(classes, size=(height, width))].transpose(2, 0, 1)
        logits, judge = (rng.normal(0, 1, truth.shape).round(2) for _ in range(2))
        cases.append((logits, truth, judge, weight))
    return cases


def _unheard(rng):
    return [(logits, truth, judge, 0.0) for logits, truth, judge, _ in _steps(rng)[:2]]


_ATTACHED = (
    "The segmenter's slope holds the judge's wish, too: it learns to be found out. Cut the answer off where it goes "
    "into the judge's own loss (`p.detach()`): then nobody needs `retain_graph`."
)
_WISH = (
    "Your segmenter asks for “an answer” on its answers, which is what the judge wants of them. It should ask for "
    "“a truth”, −log σ."
)
_ADDED = (
    "The judge's slope holds the segmenter's wish, too: `.grad` adds up over every `backward`, and what `.numpy()` "
    "gave before changes with it, as it shares its memory. Take a copy before the second `backward`."
)

REPAIR = Exercise(
    slug="broken-step",
    lesson="14",
    title="Repair: a step in which everybody learns the wrong thing",
    minutes=9,
    points=2,
    hints=(
        "Three sentences should be true. The judge's loss moves the judge alone. The segmenter's loss asks the judge "
        "to say “a truth”. What is returned of the judge comes from the judge's loss alone.",
        "An error message was silenced with `retain_graph=True`. It said: the second `backward` wants to go through "
        "what the first has used up, the way to z. Should the first go that way at all? And what does the second one "
        "leave in `w.grad`?",
        "`judges = F.softplus(-verdict(t)) + F.softplus(verdict(p.detach()))`, after its `backward` "
        "`slope = w.grad.numpy().copy()`, and `F.softplus(-verdict(p))` in the segmenter's.",
    ),
    reference=slopes,
    rtol=1e-4,
    atol=1e-6,
    properties=(
        Property("is right on one pixel", [ONE]),
        Property("is right on random pictures, of two classes and of three", _steps, weight=2),
        Property("does not let the segmenter hear the judge where λ is 0", _unheard),
    ),
    mistakes=(
        Mistake(
            "as it was",
            _with(attached=True, judges_wish=True, added=True),
            f"This is the step as it was, with all three faults. One of them: {_ATTACHED}",
        ),
        Mistake("attached", _with(attached=True), _ATTACHED),
        Mistake("the judge's wish", _with(judges_wish=True), _WISH),
        Mistake("slopes added up", _with(added=True), _ADDED),
        Mistake("attached, the judge's wish", _with(attached=True, judges_wish=True), f"{_ATTACHED} {_WISH}"),
        Mistake("attached, added up", _with(attached=True, added=True), f"{_ATTACHED} {_ADDED}"),
        Mistake("the judge's wish, added up", _with(judges_wish=True, added=True), f"{_WISH} {_ADDED}"),
        Mistake(
            "deaf",
            _with(deaf=True),
            "Your segmenter does not hear its judge any more: `detach` belongs into the judge's loss alone, not into "
            "the segmenter's.",
        ),
        Mistake(
            "the flat loss",
            _with(flat=True),
            "That is the slope of log(1 − σ), which is flat where the judge is sure. Asked for is −log σ, "
            "`F.softplus(-verdict(p))`.",
        ),
        Mistake(
            "weight forgotten",
            lambda logits, truth, judge, weight: _slopes(logits, truth, judge, 1.0),
            "The verdict counts in full: you left out the weight.",
        ),
        Mistake(
            "exchanged",
            lambda logits, truth, judge, weight: _slopes(logits, truth, judge, weight)[::-1],
            "You exchanged the two: first the slope of the logits, then that of the judge.",
        ),
        Mistake(
            "turned over",
            lambda logits, truth, judge, weight: tuple(-s for s in _slopes(logits, truth, judge, weight)),
            "You returned the way down. Asked for are the slopes themselves, as `.grad` holds them.",
        ),
    ),
)

# ------------------------------------------------------------------------------------------ plausible masks


def could_be_canal(mask):
    land = np.pad(~mask, 1, constant_values=True)
    whole = morphology.label(mask, 8).max() == 1 and morphology.label(land, 4).max() == 1
    return bool(whole and mask[:, 0].any() and mask[:, -1].any())


def _mask(*rows):
    return np.array([[sign == "#" for sign in row] for row in rows])


WHOLE = _mask(".....", "##.##", "..#..")  # joined by its corners
TORN = _mask(".....", "##.##", ".....")
HOLED = _mask(".###.", "##.##", ".###.")
LEAKY = _mask("..#..", "##.##", "..#..")
DOWN = _mask(".#..", ".#..", "..#.", "..#.")
SHORT = _mask(".....", ".####", ".....")
EDGE = _mask("##.##", "#####", ".....")
STRAY = _mask("#....", "..###", "#####")
EMPTY = np.zeros((3, 4), bool)


def _pieces_by_four(mask):
    return bool(
        morphology.label(mask, 4).max() == 1
        and morphology.label(np.pad(~mask, 1, constant_values=True), 4).max() == 1
        and mask[:, 0].any()
        and mask[:, -1].any()
    )


def _land_by_eight(mask):
    land = np.pad(~mask, 1, constant_values=True)
    whole = morphology.label(mask, 8).max() == 1 and morphology.label(land, 8).max() == 1
    return bool(whole and mask[:, 0].any() and mask[:, -1].any())


def _frame_forgotten(mask):
    whole = morphology.label(mask, 8).max() == 1 and morphology.label(~mask, 4).max() == 1
    return bool(whole and mask[:, 0].any() and mask[:, -1].any())


def _two_lands(mask):
    whole = morphology.label(mask, 8).max() == 1 and morphology.label(~mask, 4).max() == 2
    return bool(whole and mask[:, 0].any() and mask[:, -1].any())


def _holes_allowed(mask):
    return bool(morphology.label(mask, 8).max() == 1 and mask[:, 0].any() and mask[:, -1].any())


def _pieces_allowed(mask):
    land = np.pad(~mask, 1, constant_values=True)
    return bool(morphology.label(land, 4).max() == 1 and mask[:, 0].any() and mask[:, -1].any())


def _ends_forgotten(mask):
    land = np.pad(~mask, 1, constant_values=True)
    return bool(morphology.label(mask, 8).max() == 1 and morphology.label(land, 4).max() == 1)


def _one_end(mask):
    return bool(_ends_forgotten(mask) and (mask[:, 0].any() or mask[:, -1].any()))


def _top_to_bottom(mask):
    return bool(_ends_forgotten(mask) and mask[0].any() and mask[-1].any())


def _at_most_one(mask):
    land = np.pad(~mask, 1, constant_values=True)
    return bool(morphology.label(mask, 8).max() <= 1 and morphology.label(land, 4).max() == 1)


PLAUSIBLE = Exercise(
    slug="could-be-canal",
    lesson="14",
    title="Could this mask be a canal?",
    minutes=8,
    points=2,
    hints=(
        "`label(mask, 8).max()` is the number of pieces. A hole is a piece of the *rest* that does not touch "
        "the frame.",
        "Put a frame of land around the rest, one pixel wide: then all land that touches the frame is one piece, and "
        "every hole is one more. Where the canal hangs together by corners, the land does not: count it with 4.",
        "`land = np.pad(~mask, 1, constant_values=True)`, and `label(land, 4).max() == 1`",
    ),
    reference=could_be_canal,
    properties=(
        Property(
            "is right on a canal, a torn one and one with a hole", [(WHOLE,), (TORN,), (HOLED,), (LEAKY,)]
        ),
        Property(
            "wants it to reach from the left side to the right",
            [(SHORT,), (SHORT[:, ::-1],), (np.ones((2, 3), bool),)],
        ),
        Property("does not take a bay at the frame for a hole", [(EDGE,), (EDGE[::-1],), (STRAY,)]),
        Property("says no to an empty mask, and to a canal from top to bottom", [(EMPTY,), (DOWN,)]),
    ),
    mistakes=(
        Mistake(
            "corners not joined",
            _pieces_by_four,
            "You count a canal that is joined by its corners as torn: pieces of the mask need `label(mask, 8)`.",
        ),
        Mistake(
            "holes leak",
            _land_by_eight,
            "A hole leaks through a corner of the canal: where the mask hangs together by corners, the land must not. "
            "Count it with 4.",
        ),
        Mistake(
            "frame forgotten",
            _frame_forgotten,
            "You count the land above the canal and the land below it as two, and so no canal is whole. Put a frame of "
            "land around the picture: what touches it is no hole.",
        ),
        Mistake(
            "two lands",
            _two_lands,
            "You ask for exactly two pieces of land. A canal along the border has one, and a bay at the frame makes a "
            "third. Put a frame of land around the picture.",
        ),
        Mistake(
            "holes allowed",
            _holes_allowed,
            "You never looked for holes.",
        ),
        Mistake(
            "pieces allowed",
            _pieces_allowed,
            "You never counted the pieces of the mask: a torn canal passes.",
        ),
        Mistake(
            "ends forgotten",
            _ends_forgotten,
            "A canal must come in on the left and go out on the right: look at the first and the last column.",
        ),
        Mistake(
            "one end is enough",
            _one_end,
            "One end is enough for you. The mask must reach *both* sides.",
        ),
        Mistake(
            "top to bottom",
            _top_to_bottom,
            "You looked at the first and the last *row*. Columns are the second index: `mask[:, 0]` and `mask[:, -1]`.",
        ),
        Mistake(
            "nothing is a canal",
            _at_most_one,
            "An empty mask has no piece, and passes as “not more than one”. There must be exactly one, from "
            "side to side.",
        ),
    ),
)

# ------------------------------------------------------------------------------------------ curves, read


def caught_up(seen, fooled, window, level):
    means = np.convolve((seen + 1 - fooled) / 2, np.ones(window) / window, "valid")
    above = np.flatnonzero(means >= level)
    first = above[-1] + 1 if len(above) else 0
    return int(first + window - 1) if first < len(means) else -1


def _caught(accuracy, window, level):
    """The right answer for another accuracy."""
    return caught_up(2 * np.asarray(accuracy) - 1, np.zeros(len(accuracy)), window, level)


def _first_time(seen, fooled, window, level):
    means = np.convolve((seen + 1 - fooled) / 2, np.ones(window) / window, "valid")
    below = np.flatnonzero(means < level)
    return int(below[0] + window - 1) if len(below) else -1


def _from_the_mean(shift):
    def wrong(seen, fooled, window, level):
        found = caught_up(seen, fooled, window, level)
        return found if found < 0 else found - shift(window)

    return wrong


def _padded(seen, fooled, window, level):
    means = np.convolve((seen + 1 - fooled) / 2, np.ones(window) / window)[: len(seen)]
    return _caught(means, 1, level)


def _gone_up(seen, fooled, window, level):
    means = np.convolve((seen + 1 - fooled) / 2, np.ones(window) / window, "valid")
    below = np.flatnonzero(means < level)
    first = below[-1] + 1 if len(below) else 0
    return int(first + window - 1) if first < len(means) else -1


FALLING = (
    np.array([1.0, 1.0, 0.5, 1.0, 0.5, 0.5, 0.5]),
    np.array([0.0, 0.0, 0.5, 0.0, 0.5, 0.25, 0.5]),
    2,
    0.7,
)  # the lesson's: 5


def _runs(rng):
    """Judges that lose their lead: slowly, early, late, and one that gets it back."""
    cases = []
    for steps, window, level, start, end in (
        (12, 3, 0.72, 0.95, 0.5),
        (20, 4, 0.66, 0.9, 0.45),
        (30, 5, 0.6, 0.8, 0.5),
        (16, 1, 0.7, 0.9, 0.5),
    ):
        mean = np.linspace(start, end, steps)
        seen = np.clip(mean + rng.normal(0, 0.12, steps), 0, 1).round(3)
        fooled = np.clip(1 - mean + rng.normal(0, 0.12, steps), 0, 1).round(3)
        cases.append((seen, fooled, window, level))
    wave = 0.7 + 0.25 * np.cos(np.arange(24) / 3)
    return [*cases, (wave.round(3), (1 - wave).round(3), 3, 0.8)]


def _unbeaten(rng):
    back = np.array([0.9, 0.5, 0.5, 0.5, 0.9, 0.9])
    return [(np.full(5, 0.95), np.full(5, 0.1), 2, 0.7), (back, 1 - back, 2, 0.7)]


CURVES = Exercise(
    slug="caught-up",
    lesson="14",
    title="When did the segmenter catch up?",
    minutes=9,
    points=2,
    hints=(
        "As many truths as answers are shown. A judge is right about a truth where it calls it one, and about an "
        "answer where it does not: what is its accuracy, from the two shares?",
        '`np.convolve(values, np.ones(window) / window, "valid")` are the means; the first belongs to step window − 1. '
        "“To the end” means: after the *last* mean that is not below the level.",
        "`above = np.flatnonzero(means >= level)`; the first place after all of them is `above[-1] + 1`, or 0 where "
        "there is none. If that is `len(means)`, the answer is −1.",
    ),
    reference=caught_up,
    properties=(
        Property("is right on the worked example", [FALLING]),
        Property("is right on judges that lose their lead, and win it back", _runs, weight=2),
        Property("is −1 where the judge is ahead at the end", _unbeaten),
        Property(
            "is the first step with a mean where it is below all the time",
            [(np.full(6, 0.5), np.full(6, 0.5), 3, 0.7), (np.full(4, 0.4), np.full(4, 0.6), 1, 0.5)],
        ),
    ),
    mistakes=(
        Mistake(
            "the first time",
            _first_time,
            "You took the first step at which the mean is below the level. It may rise again: asked for is when it "
            "stays below.",
        ),
        Mistake(
            "one step early",
            _from_the_mean(lambda window: 1),
            "You are one step early: you returned the last step that is *not* below.",
        ),
        Mistake(
            "place among the means",
            _from_the_mean(lambda window: window - 1),
            "You returned a place among the means. The first of them belongs to step window − 1, as it needs that many "
            "steps before it.",
        ),
        Mistake(
            "means around a step",
            _from_the_mean(lambda window: window // 2),
            "Your means look into the future: that of a step is over the last `window` steps, the step itself the last "
            "of them.",
        ),
        Mistake(
            "not smoothed",
            lambda seen, fooled, window, level: caught_up(seen, fooled, 1, level),
            "You read single steps. A batch is a small sample, and its accuracy jumps: take the mean over the window.",
        ),
        Mistake(
            "padded with zeros",
            _padded,
            "The first steps have no full window, and where it is filled up with zeros, the judge looks bad from the "
            "start. No step before window − 1 can be the answer.",
        ),
        Mistake(
            "fooled counts as right",
            lambda seen, fooled, window, level: _caught((seen + fooled) / 2, window, level),
            "You added the share of answers that are called truths as if that were right. The judge is right about the "
            "others, 1 − `fooled`.",
        ),
        Mistake(
            "truths alone",
            lambda seen, fooled, window, level: _caught(seen, window, level),
            "You looked at truths alone. A judge that calls everything a truth would never be caught up with.",
        ),
        Mistake(
            "answers alone",
            lambda seen, fooled, window, level: _caught(1 - fooled, window, level),
            "You looked at answers alone. A judge that calls everything an answer would never be caught up with.",
        ),
        Mistake(
            "above the level",
            _gone_up,
            "You have found when the judge stays at the level or *above* it. The segmenter has caught up where it is "
            "below.",
        ),
    ),
)

# ------------------------------------------------------------------------------------------ what a guess may hope


def hoped_accuracy(chances, mask):
    return float(np.where(mask, chances, 1 - chances).mean())


LINE = (np.array([[1.0, 0.5, 1.0], [0.0, 0.5, 0.0]]), np.array([[True, True, True], [False, False, False]]))


def _guesses(rng):
    return [
        (rng.random(shape).round(2), rng.random(shape) < 0.4) for shape in ((1, 4), (3, 3), (4, 6), (5, 2))
    ]


HOPE = Exercise(
    slug="hoped-accuracy",
    lesson="14",
    title="What a guess may hope for",
    minutes=6,
    points=1,
    hints=(
        "At one pixel: the truth is canal with the chance p. You say canal: how often are you right? You say land?",
        "Where the mask is True you are right with `chances`, where it is False with `1 - chances`. All pixels count.",
        "`np.where(mask, chances, 1 - chances).mean()`",
    ),
    reference=hoped_accuracy,
    properties=(
        Property("is right on the worked example", [LINE, (LINE[0], LINE[0] > 0.5)]),
        Property(
            "is 1 where all is certain and said",
            [(np.array([[1.0, 0.0]]), np.array([[True, False]]))],
            weight=0.5,
        ),
        Property("is right for any chances and masks", _guesses, weight=2),
        Property(
            "is right for masks that say all, and nothing",
            [(np.full((2, 2), 0.3), np.ones((2, 2), bool)), (np.full((2, 2), 0.3), np.zeros((2, 2), bool))],
        ),
    ),
    bounds=(0, 1),
    mistakes=(
        Mistake(
            "canal alone",
            lambda chances, mask: float(chances[mask].mean()) if mask.any() else 1.0,
            "You counted the pixels that the mask calls canal. Those that it calls land can be right or wrong, too.",
        ),
        Mistake(
            "turned over",
            lambda chances, mask: 1 - hoped_accuracy(chances, mask),
            "That is the share you may expect to be *wrong*.",
        ),
        Mistake(
            "against the likeliest",
            lambda chances, mask: float((mask == (chances > 0.5)).mean()),
            "You compared the mask with the likeliest class. That is one guess about the truth; asked for is the mean "
            "over all truths that there might be.",
        ),
        Mistake(
            "the best there is",
            lambda chances, mask: float(np.maximum(chances, 1 - chances).mean()),
            "That is what the *best* mask may hope for; you did not look at the mask that was given.",
        ),
        Mistake(
            "land as zero",
            lambda chances, mask: float((chances * mask).mean()),
            "Pixels that the mask calls land count as wrong in your mean. They are right with the chance "
            "`1 - chances`.",
        ),
        Mistake(
            "hits and chances",
            lambda chances, mask: float(chances.mean()),
            "You returned the mean chance of canal, whatever the mask says.",
        ),
    ),
)

EXERCISES = [JUDGE, REPAIR, PLAUSIBLE, CURVES, HOPE]
