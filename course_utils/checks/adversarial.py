"""The exercises of lesson 14: a judge's loss, a largest stretch, plausible masks, a flat loss, what to hope for."""

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

# ------------------------------------------------------------------------------------------ the largest stretch


def largest_stretch(matrix):
    vector = np.ones(matrix.shape[1]) + 0.01 * np.arange(matrix.shape[1])
    for _ in range(300):
        vector = matrix.T @ (matrix @ vector)
        vector = vector / np.linalg.norm(vector)
    return float(np.linalg.norm(matrix @ vector))


STRETCH_OF = np.array([[3.0, 0.0], [4.0, 5.0]])  # the lesson's: √45 = 6.71


def _matrices(rng):
    found = []
    for rows, columns, stretch in ((2, 2, 3.0), (3, 5, 0.5), (6, 2, 2.0), (4, 4, 1.7)):
        left, _ = np.linalg.qr(rng.normal(size=(rows, rows)))
        right, _ = np.linalg.qr(rng.normal(size=(columns, columns)))
        values = np.zeros((rows, columns))
        np.fill_diagonal(values, stretch * 0.6 ** np.arange(min(rows, columns)))
        found.append(((left @ values @ right).round(3),))
    return found


STRETCH = Exercise(
    slug="largest-stretch",
    lesson="14",
    title="The largest stretch of a layer",
    minutes=8,
    points=2,
    hints=(
        "Multiply any vector by the matrix, and then by its transpose: it has turned towards the direction that is "
        "stretched most. Do that again and again, and keep its length at 1.",
        "When the vector v no longer turns, the stretch is the length of `matrix @ v`. A hundred turns are "
        "plenty here.",
        "`v = matrix.T @ (matrix @ v); v = v / np.linalg.norm(v)`, and in the end `np.linalg.norm(matrix @ v)`",
    ),
    reference=largest_stretch,
    rtol=1e-4,
    properties=(
        Property("is right on the worked example", [(STRETCH_OF,)]),
        Property(
            "is the largest number of a diagonal, whatever its sign",
            [(np.diag([1.0, 3.0, 2.0]),), (np.diag([-5.0, 2.0]),), (np.array([[0.25]]),)],
        ),
        Property("is right on matrices of any shape", _matrices, weight=2),
        Property("grows with the matrix", [(10 * STRETCH_OF,), (0.1 * STRETCH_OF.T,)]),
    ),
    mistakes=(
        Mistake(
            "all numbers together",
            lambda matrix: float(np.linalg.norm(matrix)),
            "That is the root of the sum of all squares, the Frobenius norm: all stretches together. Asked for is the "
            "largest one.",
        ),
        Mistake(
            "squared",
            lambda matrix: largest_stretch(matrix) ** 2,
            "That is the square of it: the stretch of `matrix.T @ matrix`, which applies the matrix twice.",
        ),
        Mistake(
            "largest number",
            lambda matrix: float(abs(matrix).max()),
            "You took the largest number in the matrix. Several numbers can work together and stretch more than "
            "any alone.",
        ),
        Mistake(
            "largest row",
            lambda matrix: float(np.linalg.norm(matrix, axis=1).max()),
            "You took the longest row. Rows that point in similar directions stretch a vector together.",
        ),
        Mistake(
            "largest column",
            lambda matrix: float(np.linalg.norm(matrix, axis=0).max()),
            "You took the longest column: the stretch along an axis. Between the axes it can be larger.",
        ),
        Mistake(
            "row sums",
            lambda matrix: float(abs(matrix).sum(axis=1).max()),
            "You added up the numbers of a row: the largest *entry* that a vector of entries ±1 can get. Asked for is "
            "the change of length.",
        ),
        Mistake(
            "one turn",
            lambda matrix: float(
                np.linalg.norm(matrix @ np.ones(matrix.shape[1])) / np.sqrt(matrix.shape[1])
            ),
            "That is how much one particular vector is stretched. Let it turn: multiply by the matrix and its "
            "transpose, many times.",
        ),
        Mistake(
            "not normalised",
            lambda matrix: float(np.linalg.norm(matrix @ np.ones(matrix.shape[1]))),
            "You measured the length of `matrix @ v` for a vector v that is not of length 1.",
        ),
        Mistake(
            "smallest stretch",
            lambda matrix: float(np.linalg.norm(matrix, -2)),
            "That is the *smallest* stretch.",
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

# ------------------------------------------------------------------------------------------ a flat loss, repaired


def segmenter_loss(own, verdicts, weight):
    return float(own + weight * np.logaddexp(0, -verdicts).mean())


def _flat(own, verdicts, weight):
    return float(own - weight * np.logaddexp(0, verdicts).mean())


VERDICTS = (0.2, np.array([-2.0, 0.0, 2.0]), 0.1)


def _games(rng):
    return [
        (round(float(rng.uniform(0, 1)), 2), rng.normal(0, 4, shape).round(2), weight)
        for shape, weight in (((1,), 1.0), ((4,), 0.1), ((2, 3, 3), 0.03), ((5, 2), 2.5))
    ]


FLAT = Exercise(
    slug="steep-loss",
    lesson="14",
    title="Repair: a segmenter that no longer hears its judge",
    minutes=5,
    points=1,
    hints=(
        "Both losses fall when the verdict on an answer rises. Where is the slope of log(1 − σ(d)) when d is −10?",
        "Ask for the same in another way: not “as little as possible of *an answer*”, but “as much as possible of *a "
        "truth*”, −log σ(d). Its slope at −10 is nearly −1.",
        "`own + weight * np.logaddexp(0, -verdicts).mean()`",
    ),
    reference=segmenter_loss,
    properties=(
        Property("is right on three verdicts", [VERDICTS]),
        Property("is its own loss where the weight is 0", [(0.7, np.array([3.0, -3.0]), 0.0)], weight=0.5),
        Property("is right on random verdicts, of any shape", _games, weight=2),
        Property(
            "is steep where the judge is sure",
            [(0.1, np.array([-900.0]), 0.1), (0.1, np.array([-40.0, 900.0]), 1.0)],
        ),
    ),
    mistakes=(
        Mistake(
            "still flat",
            _flat,
            "That is the loss as it was: log(1 − σ). Where the judge is sure of an answer it hardly changes with the "
            "verdict.",
        ),
        Mistake(
            "the judge's wish",
            lambda own, verdicts, weight: float(own + weight * np.logaddexp(0, verdicts).mean()),
            "That is −log(1 − σ), what the *judge* lowers: your segmenter helps to be found out.",
        ),
        Mistake(
            "the sign",
            lambda own, verdicts, weight: float(own - weight * np.logaddexp(0, -verdicts).mean()),
            "The sign is turned over: log σ is to become large, so −log σ is what is made small.",
        ),
        Mistake(
            "weight on the wrong part",
            lambda own, verdicts, weight: float(weight * own + np.logaddexp(0, -verdicts).mean()),
            "The weight belongs to the verdict, not to the segmenter's own loss.",
        ),
        Mistake(
            "own loss forgotten",
            lambda own, verdicts, weight: float(weight * np.logaddexp(0, -verdicts).mean()),
            "The segmenter's own loss is missing: it would learn to draw any canal, wherever it likes.",
        ),
        Mistake(
            "both shares",
            lambda own, verdicts, weight: float(
                (1 - weight) * own + weight * np.logaddexp(0, -verdicts).mean()
            ),
            "You mixed the two in shares. The own loss keeps its full price; the verdict is added.",
        ),
        Mistake(
            "summed",
            lambda own, verdicts, weight: float(own + weight * np.logaddexp(0, -verdicts).sum()),
            "You added up the verdicts where a mean was asked for: with more windows, the weight would grow.",
        ),
        Mistake(
            "the bare logit",
            lambda own, verdicts, weight: float(own - weight * verdicts.mean()),
            "You made the logit itself large. That is a loss that some use, but it is not −log σ: it also pays for "
            "verdicts that are good enough.",
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

EXERCISES = [JUDGE, STRETCH, PLAUSIBLE, FLAT, HOPE]
