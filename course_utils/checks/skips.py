"""The exercises of lesson 10: scores and features across, residual blocks, and targets for instances."""

from itertools import pairwise

import numpy as np

from course_utils.checks.framework import Exercise, Mistake, Property
from course_utils.classic import morphology, watershed


def _double(coarse):
    """Each pixel of (C, h, w) becomes a square of four."""
    return coarse.repeat(2, axis=1).repeat(2, axis=2)


def _cut(large, fine):
    return large[:, : fine.shape[1], : fine.shape[2]]


# ---------------------------------------------------------------------------------- scores of two resolutions


def fuse_scores(coarse, fine):
    return _cut(_double(coarse), fine) + fine


def _fine_alone(coarse, fine):
    return fine.copy()


def _coarse_alone(coarse, fine):
    return _cut(_double(coarse), fine)


def _tiled(coarse, fine):
    return _cut(np.tile(coarse, (1, 2, 2)), fine) + fine


def _rows_only(coarse, fine):
    return _cut(coarse.repeat(2, axis=1), fine) + fine


def _wrong_axes(coarse, fine):
    return _cut(coarse.repeat(2, axis=0).repeat(2, axis=1), fine) + fine


def _not_cut(coarse, fine):
    return _double(coarse) + fine


def _last_cut(coarse, fine):
    """What is too much is taken from the top and the left."""
    large = _double(coarse)
    return large[:, large.shape[1] - fine.shape[1] :, large.shape[2] - fine.shape[2] :] + fine


def _always_cut(coarse, fine):
    return _double(coarse)[:, :-1, :-1] + fine


def _rows_cut(coarse, fine):
    return _double(coarse)[:, : fine.shape[1]] + fine


def _sides_exchanged(coarse, fine):
    return _double(coarse)[:, : fine.shape[2], : fine.shape[1]] + fine


def _fine_subtracted(coarse, fine):
    return _cut(_double(coarse), fine) - fine


def _scores_rectified(coarse, fine):
    return np.maximum(fuse_scores(coarse, fine), 0)


def _whole_scores(coarse, fine):
    return fuse_scores(coarse, fine).astype(int)


def _averaged(coarse, fine):
    return fuse_scores(coarse, fine) / 2


def _multiplied(coarse, fine):
    return _cut(_double(coarse), fine) * fine


def _larger_of_both(coarse, fine):
    return np.maximum(_cut(_double(coarse), fine), fine)


def _stacked(coarse, fine):
    return np.concatenate([_cut(_double(coarse), fine), fine])


def _classes(coarse, fine):
    return fuse_scores(coarse, fine).argmax(axis=0)


ROW = np.array([[[2.0, -1]], [[0, 1]]]), np.array([[[0, 0, 1, 0]], [[0, 0.5, -1.5, 0]]])
EVEN = np.array([[[1.0, 2], [3, 4]]]), np.zeros((1, 4, 4))


def _score_maps(rng):
    cases = []
    for classes, height, width in ((2, 2, 4), (1, 4, 2), (3, 6, 2), (2, 4, 8)):
        coarse = rng.integers(-4, 5, (classes, height // 2, width // 2)) / 2
        cases.append((coarse, rng.integers(-4, 5, (classes, height, width)) / 4))
    return cases


def _odd_maps(rng):
    cases = []
    for classes, height, width in ((1, 3, 1), (2, 1, 7), (2, 5, 4), (1, 4, 7), (3, 1, 1)):
        coarse = rng.integers(-4, 5, (classes, -(-height // 2), -(-width // 2))) / 2
        cases.append((coarse, rng.integers(-4, 5, (classes, height, width)) / 4))
    return cases


FUSE_SCORES = Exercise(
    slug="fuse-scores",
    lesson="10",
    title="Scores of two resolutions",
    minutes=5,
    points=2,
    hints=(
        "A coarse pixel (y, x) was made from the fine pixels 2y, 2y + 1 and 2x, 2x + 1, and has to lie over them "
        "again. Where the fine map has an odd side, halving was rounded up: one row or column is too much.",
        "`large[:, :3, :5]` keeps all classes, the first three rows and the first five columns. How many rows has "
        "`fine`?",
        "`large = large[:, : fine.shape[1], : fine.shape[2]]`, and then `large + fine`.",
    ),
    reference=fuse_scores,
    properties=(
        Property("is right on the worked example", [ROW]),
        Property("is right for other even sizes", lambda rng: [EVEN, *_score_maps(rng)], weight=2),
        Property("cuts off what is too much at odd sizes", _odd_maps),
    ),
    mistakes=(
        Mistake(
            "fine alone",
            _fine_alone,
            "You returned the fine scores alone. They know the place and hardly the class: the coarse ones are to be "
            "added.",
        ),
        Mistake(
            "coarse alone",
            _coarse_alone,
            "That is the coarse map, enlarged: FCN-32s. Nothing of the fine scores has reached it.",
        ),
        Mistake(
            "tiled",
            _tiled,
            "You set four copies of the whole coarse map side by side (`np.tile`). Each *pixel* becomes a square of "
            "four: `repeat`.",
        ),
        Mistake(
            "one direction",
            _rows_only,
            "You doubled the rows and not the columns. `repeat` works along one axis; here two are to be doubled.",
        ),
        Mistake(
            "classes doubled",
            _wrong_axes,
            "You doubled the axis of the classes. In (K, H, W) the rows are axis 1 and the columns axis 2.",
        ),
        Mistake(
            "not cut",
            _not_cut,
            "The doubled map is a row or a column too large where the fine one has an odd side. Cut it to the size of "
            "`fine` before you add.",
        ),
        Mistake(
            "cut at the wrong end",
            _last_cut,
            "You cut at the top and the left, so every coarse pixel lies one to the side of those it was made from. "
            "What halving rounded up is at the bottom and the right.",
        ),
        Mistake(
            "always cut",
            _always_cut,
            "You cut off the last row and column whatever the size. Take the size from `fine`: with an even side "
            "nothing is too much.",
        ),
        Mistake(
            "only rows cut",
            _rows_cut,
            "You cut the rows and not the columns: an odd width leaves a column too many.",
        ),
        Mistake(
            "sides exchanged",
            _sides_exchanged,
            "You cut the rows to the number of columns and the columns to that of rows. In (K, H, W) `shape[1]` counts "
            "the rows, and they are axis 1.",
        ),
        Mistake(
            "subtracted",
            _fine_subtracted,
            "You subtracted the fine scores. They are evidence for their class as the coarse ones are: add them.",
        ),
        Mistake(
            "rectified",
            _scores_rectified,
            "No score is below 0 in your answer. Scores pass no ReLU: a negative one speaks against its class, and "
            "has to be heard.",
        ),
        Mistake(
            "whole numbers",
            _whole_scores,
            "Your scores are whole numbers: halves and quarters were cut off. Keep floats.",
        ),
        Mistake(
            "averaged",
            _averaged,
            "You took the mean of both. Scores are evidence and add up: two reasons for a class are more than one.",
        ),
        Mistake(
            "multiplied",
            _multiplied,
            "You multiplied. Two scores below zero would become one above: two reasons against a class, a reason for "
            "it.",
        ),
        Mistake(
            "the larger one",
            _larger_of_both,
            "You took the larger of both scores. Then a reason against a class can never be heard. Add them.",
        ),
        Mistake(
            "stacked",
            _stacked,
            "You put the maps side by side as further channels. That is U-Net's join, for features, with a convolution "
            "after it. Scores speak of the same classes and are added.",
        ),
        Mistake(
            "already the classes", _classes, "You went on to the likeliest class. The scores are asked for."
        ),
    ),
)

# ------------------------------------------------------------------------------------------- a small U-Net


def climb(features, mixes):
    """Rounded far below what the check forgives, so that a nought is shown as one."""
    return np.round(_climb(features, mixes), 12) + 0.0


def _mixed(mix, x):
    return np.tensordot(mix, x, axes=1)


def _climb(features, mixes, join=None, relu=True, up=_double, cut=_cut, mixed=_mixed):
    join = join or (lambda below, across: np.concatenate([below, across]))
    x = features[-1]
    for fine, mix in reversed(list(zip(features[:-1], mixes, strict=True))):
        x = mixed(mix, join(cut(up(x), fine), fine))
        x = np.maximum(x, 0) if relu else x
    return x


def _across_first(features, mixes):
    return _climb(features, mixes, lambda below, across: np.concatenate([across, below]))


def _no_relu(features, mixes):
    return _climb(features, mixes, relu=False)


def _relu_once(features, mixes):
    """At the end only; between the levels negative values go on."""
    return np.maximum(_climb(features, mixes, relu=False), 0)


def _no_skips(features, mixes):
    """Zeros in their place."""
    return _climb(features, mixes, lambda below, across: np.concatenate([below, np.zeros_like(across)]))


def _twice_below(features, mixes):
    return _climb(
        features, mixes, lambda below, across: np.concatenate([below, np.resize(below, across.shape)])
    )


def _tiled_up(features, mixes):
    return _climb(features, mixes, up=lambda x: np.tile(x, (1, 2, 2)))


def _uncut(features, mixes):
    return _climb(features, mixes, cut=lambda x, fine: x)


def _features_below(features, mixes):
    """Up-samples the features of the level below instead of what was computed from them."""
    x = features[0]
    for fine, coarse, mix in zip(features[:-1], features[1:], mixes, strict=True):
        x = np.maximum(_mixed(mix, np.concatenate([_cut(_double(coarse), fine), fine])), 0)
        break
    return x


def _downwards(features, mixes):
    """Takes the levels high to low: the shapes do not meet."""
    x = features[-1]
    for fine, mix in zip(features[:-1], mixes, strict=True):
        x = np.maximum(_mixed(mix, np.concatenate([_cut(_double(x), fine), fine])), 0)
    return x


def _added(features, mixes):
    """Adds where the mixes have been made for both side by side: the shapes do not meet."""
    return _climb(features, mixes, lambda below, across: below + across)


def _lowest_too(features, mixes):
    """The lowest features are joined with themselves, and the highest never."""
    x = features[-1]
    for fine, mix in zip(features[::-1], mixes[::-1], strict=False):
        x = np.maximum(_mixed(mix, np.concatenate([_cut(_double(x), fine), fine])), 0)
    return x


def _cut_above(features, mixes):
    return _climb(features, mixes, cut=lambda x, fine: x[:, -fine.shape[1] :, -fine.shape[2] :])


def _rows_cut_only(features, mixes):
    return _climb(features, mixes, cut=lambda x, fine: x[:, : fine.shape[1]])


def _matmul(features, mixes):
    """`@` multiplies along the rows of the picture, not along the channels."""
    return _climb(features, mixes, mixed=np.matmul)


def _lowest_rectified(features, mixes):
    return _climb([*features[:-1], np.maximum(features[-1], 0)], mixes)


def _one_level(features, mixes):
    """Stops after the first join."""
    return _climb(features[-2:], mixes[-1:])


def _level(rng, channels, height, width):
    return rng.integers(-3, 4, (channels, height, width)).astype(float)


def _pyramid(rng, widths, height, width):
    """Features of these widths and one mix for each level but the lowest."""
    features = []
    for channels in widths:
        features.append(_level(rng, channels, height, width))
        height, width = -(-height // 2), -(-width // 2)
    return features, [
        rng.integers(-2, 3, (fine, coarse + fine)).astype(float) for fine, coarse in pairwise(widths)
    ]


TWO = (
    [np.array([[[0.0, 0, 3, 0]]]), np.array([[[2.0, 1]], [[0, 1]]])],
    [np.array([[1.0, -1, 1]])],
)


def _pyramids(*shapes):
    return lambda rng: [_pyramid(rng, *shape) for shape in shapes]


CLIMB = Exercise(
    slug="climb",
    lesson="10",
    title="The way back up",
    minutes=10,
    points=4,
    hints=(
        "Begin with the lowest features, the last of the list. Then go through the levels from the second-lowest to "
        "the highest; each takes what you have so far and gives the next.",
        "`for fine, mix in reversed(list(zip(features[:-1], mixes)))`. In the loop: double `x`, cut it to the size of "
        "`fine`, join, mix, ReLU.",
        "`x = np.maximum(np.tensordot(mix, np.concatenate([large, fine]), axes=1), 0)`, where `large` is the doubled "
        "and cut `x`.",
    ),
    reference=climb,
    properties=(
        Property("is right on two levels of a row", [TWO]),
        Property(
            "is right on other two levels",
            _pyramids(((1, 1), 2, 2), ((2, 1), 2, 4), ((1, 3), 4, 2)),
            weight=2,
        ),
        Property(
            "goes on to the top of deeper ones", _pyramids(((1, 1, 1), 4, 4), ((2, 3, 4), 4, 8)), weight=2
        ),
        Property("is right for odd sizes", _pyramids(((1, 1), 3, 1), ((2, 1), 3, 7), ((1, 2, 2), 5, 7))),
        Property("returns the features where there is one level", [([np.array([[[1.0, 2], [0, 3]]])], [])]),
    ),
    mistakes=(
        Mistake(
            "across first",
            _across_first,
            "You put the features from across before those from below. Each weight then meets the other's channel: "
            "the order is part of the contract, below first.",
        ),
        Mistake(
            "no skips",
            _no_skips,
            "Your answer does not depend on the finer features: that is lesson 09's decoder. Join `fine` itself.",
        ),
        Mistake(
            "below twice",
            _twice_below,
            "You joined what comes from below with itself. The second part are the features of that level, `fine`.",
        ),
        Mistake(
            "no ReLU",
            _no_relu,
            "Values below 0 came out. After each mix follows a ReLU: `np.maximum(…, 0)`.",
        ),
        Mistake(
            "ReLU at the end",
            _relu_once,
            "The ReLU comes after *each* mix. You cut negative values off at the end only, and they had already gone "
            "through the next level.",
        ),
        Mistake(
            "one level",
            _one_level,
            "You stopped after the first join. Go on until the size of `features[0]` is reached.",
        ),
        Mistake(
            "raw features below",
            _features_below,
            "At the top you doubled the features of the level below as the encoder gave them. What comes from below is "
            "what you have *computed* there.",
        ),
        Mistake(
            "tiled",
            _tiled_up,
            "You set copies of the whole map side by side. Each pixel is to become a square of four: `repeat`.",
        ),
        Mistake(
            "not cut",
            _uncut,
            "At an odd size the doubled map is a row or column larger than the features there, and the two cannot be "
            "joined. Cut it to their size first.",
            throughout=True,
        ),
        Mistake(
            "only rows cut",
            _rows_cut_only,
            "You cut the rows and not the columns: where the width is odd, a column is left over, and the two cannot "
            "be joined.",
            throughout=True,
        ),
        Mistake(
            "by `@`",
            _matmul,
            "`mix @ x` multiplies along the *rows* of each channel's picture: of a stack of tables `@` takes the last "
            "two axes. The channels are the first axis: `np.tensordot(mix, x, axes=1)`.",
            throughout=True,
        ),
        Mistake(
            "cut at the wrong end",
            _cut_above,
            "At an odd size you cut at the top and the left. What halving rounded up is at the bottom and the right.",
        ),
        Mistake(
            "lowest rectified",
            _lowest_rectified,
            "You cut off what is below 0 in the lowest features, too. They begin as they are: a ReLU follows each mix, "
            "and they have not been mixed.",
        ),
        Mistake(
            "lowest joined",
            _lowest_too,
            "Your first join is that of the lowest features with themselves. They are what you begin with; the first "
            "to be joined are those of the level above, `features[-2]`.",
            throughout=True,
        ),
        Mistake(
            "added",
            _added,
            "The shapes meet at no size, even or odd. Two things to look at: what comes from below and what comes from "
            "across are put side by side (`np.concatenate`), not added; and `mix` has a *column* for each channel so "
            "joined, and is taken as it is.",
            throughout=True,
        ),
        Mistake(
            "from the top",
            _downwards,
            "You went through the levels high to low. The way back begins at the bottom: take `features[:-1]` and "
            "`mixes` in reverse.",
            throughout=True,
        ),
    ),
)

# ---------------------------------------------------------------------------------------- a residual block


def residual(x, first, second):
    return np.maximum(x + second @ np.maximum(first @ x, 0), 0)


def _colleague(x, first, second):
    """As the lesson hands it out."""
    x += np.maximum(second @ np.maximum(first @ x, 0), 0)
    return x


def _change_rectified(x, first, second):
    return x + np.maximum(second @ np.maximum(first @ x, 0), 0)


def _change_rectified_too(x, first, second):
    return np.maximum(_change_rectified(x, first, second), 0)


def _no_last_relu(x, first, second):
    return x + second @ np.maximum(first @ x, 0)


def _no_shortcut(x, first, second):
    return np.maximum(second @ np.maximum(first @ x, 0), 0)


def _linear_change(x, first, second):
    return np.maximum(x + second @ (first @ x), 0)


def _shortcut_inside(x, first, second):
    return np.maximum(second @ np.maximum(x + first @ x, 0), 0)


def _concatenated(x, first, second):
    return np.concatenate([np.maximum(x, 0), np.maximum(second @ np.maximum(first @ x, 0), 0)])


def _exchanged_layers(x, first, second):
    return residual(x, second, first)


def _input_rectified(x, first, second):
    return np.maximum(x, 0) + second @ np.maximum(first @ x, 0)


def _subtracted(x, first, second):
    return np.maximum(second @ np.maximum(first @ x, 0) - x, 0)


def _change_taken_away(x, first, second):
    return np.maximum(x - second @ np.maximum(first @ x, 0), 0)


def _value_by_value(x, first, second):
    return np.maximum(x + second * np.maximum(first * x, 0), 0)


def _in_place(x, first, second):
    x += second @ np.maximum(first @ x, 0)
    return np.maximum(x, 0)


_ONLY_ADDS = (
    "Your change has passed a ReLU of its own and is never below 0, so the block can only add to its input; and the "
    "sum has passed none. The second ReLU belongs around the sum."
)

PAPER = np.array([[3.0, 1], [0, 2]]), np.array([[1.0, -1], [0, 1]]), np.array([[-1.0, 0], [1, 1]])


def _blocks(rng):
    cases = []
    for channels, pixels in ((1, 2), (2, 3), (3, 2), (2, 5), (4, 4)):
        x = rng.integers(-3, 4, (channels, pixels)).astype(float)
        cases.append((x, *rng.integers(-2, 3, (2, channels, channels)).astype(float)))
    return cases


RESIDUAL = Exercise(
    slug="repair-residual",
    lesson="10",
    title="Repair the residual block",
    minutes=6,
    points=3,
    hints=(
        "Read the line from the inside outwards, and ask of each ReLU what it makes impossible. Then ask what `+=` "
        "does to the array that was handed in.",
        "A change that has passed a ReLU is never below 0: such a block can only ever add. The ReLU belongs around the "
        "*sum*.",
        "`np.maximum(x + second @ np.maximum(first @ x, 0), 0)`, which makes a new array.",
    ),
    reference=residual,
    properties=(
        Property("is right on two channels and two pixels", [PAPER]),
        Property(
            "lets the rectified input pass where there is no change",
            [(np.array([[1.0, -2, 3]]), np.array([[2.0]]), np.array([[0.0]]))],
        ),
        Property("is right on other blocks", _blocks, weight=2),
    ),
    mistakes=(
        Mistake(
            "change rectified",
            _change_rectified,
            _ONLY_ADDS,
        ),
        Mistake(
            "as it was",
            _colleague,
            _ONLY_ADDS,
        ),
        Mistake(
            "change rectified, too",
            _change_rectified_too,
            "The ReLU around the sum is there now, but the change still passes one of its own: it can never take "
            "anything away.",
        ),
        Mistake(
            "no last ReLU",
            _no_last_relu,
            "Values below 0 came out. The sum of input and change still passes a ReLU.",
        ),
        Mistake(
            "no shortcut",
            _no_shortcut,
            "Your block returns the change alone, as a plain one does: the input is not added to it.",
        ),
        Mistake(
            "linear change",
            _linear_change,
            "Between the two layers a ReLU is missing. Without it `second @ first` is one single layer.",
        ),
        Mistake(
            "input added too early",
            _shortcut_inside,
            "You added the input before the second layer. It goes round *both* and meets the change at the end.",
        ),
        Mistake(
            "layers exchanged",
            _exchanged_layers,
            "`second` acts before `first` in your block. In a product of matrices the one next to `x` acts first.",
        ),
        Mistake(
            "input rectified",
            _input_rectified,
            "You put the ReLU round the input and then added. It belongs around the *sum*: your block can still give "
            "values below 0.",
        ),
        Mistake(
            "joined",
            _concatenated,
            "You put input and change side by side: that is a skip by concatenation, with twice the channels. In a "
            "residual block they are added.",
        ),
        Mistake(
            "subtracted",
            _subtracted,
            "You subtracted the input. What is learned is a change *to* the input: the output is their sum.",
        ),
        Mistake(
            "change subtracted",
            _change_taken_away,
            "You took the change away from the input. It is added: where it is to take something away, it is itself "
            "below 0.",
        ),
        Mistake(
            "value by value",
            _value_by_value,
            "`*` goes value by value, and gives an answer only where the shapes happen to fit. A layer is a product of "
            "matrices: `@`.",
            throughout=True,
        ),
        Mistake(
            "in place",
            _in_place,
            "Right in its values, but `x += …` writes into the array that was handed in, and the shortcut of the next "
            "block, or the next pass, finds other values there.",
        ),
    ),
)

# ----------------------------------------------------------------------------------- classes from instances


def three_classes(labels):
    """0 outside, 1 inside, 2 an object's pixel with another number beside it."""
    return np.where(labels == 0, 0, 1 + _rim(labels)).astype(np.int64)


def _rim(labels, steps=((0, 1), (0, -1), (1, 0), (-1, 0))):
    """Pixels with another number one of these steps away, inside the picture; bool (H, W)."""
    rim = np.zeros(labels.shape, bool)
    height, width = labels.shape
    padded = np.pad(labels, 1, mode="edge")
    for dy, dx in steps:
        rim |= padded[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width] != labels
    return rim


_CORNERS = ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))


def _of_the_mask(labels):
    """The rim of the mask: where two objects touch there is none."""
    mask = labels > 0
    return np.where(mask, 1 + _rim(mask), 0)


def _only_between(labels):
    """Between objects only."""
    padded = np.pad(labels, 1, mode="edge")
    height, width = labels.shape
    rim = np.zeros(labels.shape, bool)
    for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        other = padded[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
        rim |= (other != labels) & (other > 0)
    return np.where(labels > 0, 1 + rim, 0)


def _both_sides(labels):
    """Background beside an object counts, too."""
    return np.where(_rim(labels), 2, labels > 0).astype(np.int64)


def _one_side(labels):
    """Right and below only."""
    return np.where(labels > 0, 1 + _rim(labels, ((0, 1), (1, 0))), 0)


def _other_side(labels):
    """Left and above only."""
    return np.where(labels > 0, 1 + _rim(labels, ((0, -1), (-1, 0))), 0)


def _within_rows(labels):
    return np.where(labels > 0, 1 + _rim(labels, ((0, 1), (0, -1))), 0)


def _within_columns(labels):
    return np.where(labels > 0, 1 + _rim(labels, ((1, 0), (-1, 0))), 0)


def _eight(labels):
    return np.where(labels > 0, 1 + _rim(labels, _CORNERS), 0)


def _frame_too(labels):
    """The frame of the picture counts as background."""
    padded = np.pad(labels, 1)
    return np.where(labels > 0, 1 + _rim(padded)[1:-1, 1:-1], 0)


def _two_wide(labels):
    """As the lesson's network was taught."""
    near = morphology.disk(2)
    rim = morphology.dilate(labels, near) != morphology.erode(labels, near)
    return np.where(labels > 0, 1 + rim, 0)


def _higher_only(labels):
    """Of two that touch, only the one with the higher number gets a rim."""
    padded = np.pad(labels, 1, mode="edge")
    height, width = labels.shape
    rim = np.zeros(labels.shape, bool)
    for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        rim |= padded[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width] < labels
    return np.where(labels > 0, 1 + rim, 0)


def _numbers_kept(labels):
    return np.where((labels > 0) & _rim(labels), 2, labels)


def _exchanged(labels):
    return np.where(labels > 0, 2 - _rim(labels), 0)


def _rolled(labels):
    """`np.roll` brings the other side of the picture in."""
    rim = np.zeros(labels.shape, bool)
    for axis in (0, 1):
        for step in (1, -1):
            rim |= np.roll(labels, step, axis) != labels
    return np.where(labels > 0, 1 + rim, 0)


def _rim_alone(labels):
    return (labels > 0) & _rim(labels)


BLOCK = np.array([[0, 0, 0, 0, 0], [0, 4, 4, 4, 0], [0, 4, 4, 4, 0], [0, 4, 4, 4, 0], [0, 0, 0, 0, 0]])
TOUCHING = np.array([[1, 1, 1, 2, 2, 2], [1, 1, 1, 2, 2, 2], [1, 1, 1, 2, 2, 2]])
CORNER = np.array([[3, 3, 3], [3, 3, 3], [3, 3, 0]])


def _label_maps(rng):
    cases = []
    for height, width in ((3, 4), (5, 3), (6, 7), (8, 5), (7, 8)):
        coarse = rng.integers(0, 3, (-(-height // 3), -(-width // 3)))
        large = coarse.repeat(3, axis=0).repeat(3, axis=1)[:height, :width]
        cases.append(np.where(large > 0, large + 2 * (np.arange(width) > width // 2), 0))
    return cases


THREE_CLASSES = Exercise(
    slug="three-classes",
    lesson="10",
    title="A class for the rim",
    minutes=8,
    points=3,
    hints=(
        "Compare each pixel with its neighbour to the right: where the two numbers differ, *both* are candidates. The "
        "same for the neighbour below. What is background stays 0.",
        "`across = labels[:, 1:] != labels[:, :-1]` has one column less than `labels`. It concerns the pixels "
        "`[:, 1:]` and the pixels `[:, :-1]`.",
        "`rim[:, 1:] |= across; rim[:, :-1] |= across`, the same for the rows, and "
        "`np.where(labels > 0, np.where(rim, 2, 1), 0)`.",
    ),
    reference=three_classes,
    bounds=(0, 2),
    properties=(
        Property("is right on one square", [BLOCK]),
        Property("puts a rim between objects that touch", [TOUCHING, np.array([[1, 2]])], weight=2),
        Property("asks four neighbours, not eight", [CORNER]),
        Property("is right on other maps", _label_maps),
        Property(
            "leaves the frame alone, and empty pictures empty",
            [np.full((3, 4), 7), np.zeros((2, 3), int), np.array([[5]]), np.array([[1, 1, 1, 0]])],
        ),
    ),
    mistakes=(
        Mistake(
            "rim of the mask",
            _of_the_mask,
            "You took the rim of the *mask*. Where two objects touch, the mask has none, and that is the one place for "
            "which the third class was made. Compare the numbers, not whether there is one.",
        ),
        Mistake(
            "only between objects",
            _only_between,
            "You marked the rim between objects and not the one towards the background. Here each object has a rim all "
            "the way round.",
        ),
        Mistake(
            "both sides",
            _both_sides,
            "You marked background pixels, too. The rim belongs to the objects: what is 0 stays 0, or the mask grows "
            "by a pixel all round.",
        ),
        Mistake(
            "one side",
            _one_side,
            "You looked to the right and below only. A difference between two pixels concerns both of them: with "
            "slices, `rim[:, :-1]` *and* `rim[:, 1:]`, and the same for the rows.",
        ),
        Mistake(
            "the other side",
            _other_side,
            "You looked to the left and above only. A difference between two pixels concerns both of them: with "
            "slices, `rim[:, 1:]` *and* `rim[:, :-1]`, and the same for the rows.",
        ),
        Mistake(
            "within rows only",
            _within_rows,
            "You compared each pixel with those to its left and right. The ones above and below are neighbours, too.",
            throughout=True,
        ),
        Mistake(
            "within columns only",
            _within_columns,
            "You compared each pixel with those above and below. The ones to its left and right are neighbours, too.",
            throughout=True,
        ),
        Mistake(
            "corners, too",
            _eight,
            "You asked the diagonal neighbours, too. The rim is where one of the *four* neighbours has another number.",
        ),
        Mistake(
            "the frame, too",
            _frame_too,
            "You marked pixels at the frame of the picture. There the camera stopped, not the object.",
        ),
        Mistake(
            "the other side of the picture",
            _rolled,
            "`np.roll` brings the last column to the first: pixels at the frame are compared with the other side of "
            "the picture. Compare slices.",
        ),
        Mistake(
            "two wide",
            _two_wide,
            "Your rim is two pixels wide, as the network's target. Here only the pixels *next to* another number are "
            "asked for.",
        ),
        Mistake(
            "the higher number only",
            _higher_only,
            "Where two objects touch, only the one with the higher number got a rim. Ask whether the neighbour's "
            "number is *another* (`!=`), not whether it is lower.",
            throughout=True,
        ),
        Mistake(
            "numbers kept",
            _numbers_kept,
            "Inside the objects their numbers still stand. The class of all of them is 1.",
        ),
        Mistake(
            "inside and rim exchanged", _exchanged, "Inside and rim are exchanged: 1 is inside, 2 the rim."
        ),
        Mistake(
            "rim alone",
            _rim_alone,
            "You returned the rim as a mask. Three classes are asked for: 0 outside, 1 inside, 2 the rim.",
        ),
    ),
)

# ----------------------------------------------------------------------------------- distances as a target


def distance_target(labels):
    target = np.zeros(labels.shape)
    for number in np.unique(labels[labels > 0]):
        distance = watershed.distance_transform(labels == number)
        target += distance / distance.max()
    return target


def _of_all_objects(labels):
    """One distance transform of the mask."""
    distance = watershed.distance_transform(labels > 0)
    return distance / distance.max() if distance.any() else distance


def _of_all_each_scaled(labels):
    distance = watershed.distance_transform(labels > 0)
    for number in np.unique(labels[labels > 0]):
        own = labels == number
        distance[own] /= distance[own].max()
    return distance


def _not_scaled(labels):
    return sum(
        (watershed.distance_transform(labels == number) for number in np.unique(labels[labels > 0])),
        np.zeros(labels.shape),
    )


def _one_scale(labels):
    distance = _not_scaled(labels)
    return distance / max(distance.max(), 1)


def _background_too(labels):
    target = np.zeros(labels.shape)
    for number in np.unique(labels):
        distance = watershed.distance_transform(labels == number)
        target += distance / distance.max()
    return target


def _numbers_in_a_row(labels):
    """Numbers without gaps are taken for granted."""
    target = np.zeros(labels.shape)
    for number in range(1, labels.max() + 1):
        distance = watershed.distance_transform(labels == number)
        target += distance / distance.max()
    return target


def _last_missing(labels):
    target = np.zeros(labels.shape)
    for number in range(1, labels.max()):
        distance = watershed.distance_transform(labels == number)
        target += distance / distance.max()
    return target


def _last_missing_and_gaps(labels):
    """As above, and numbers that do not occur are passed over."""
    target = np.zeros(labels.shape)
    for number in range(1, labels.max()):
        if (labels == number).any():
            distance = watershed.distance_transform(labels == number)
            target += distance / distance.max()
    return target


def _whole_numbers(labels):
    """Shares written into an array of whole numbers."""
    return distance_target(labels).astype(labels.dtype)


def _one_less(labels):
    """Distances that begin at 0, in each object."""
    target = np.zeros(labels.shape)
    for number in np.unique(labels[labels > 0]):
        distance = np.maximum(watershed.distance_transform(labels == number) - 1, 0)
        target += distance / max(distance.max(), 1e-9)
    return target


def _upside_down(labels):
    return np.where(labels > 0, 1 - distance_target(labels), 0)


TWO_SIZES = np.pad(np.array([[1, 1, 1, 2, 2, 0], [1, 1, 1, 2, 2, 0], [1, 1, 1, 0, 0, 0]]), 1)
GAPS = np.pad(np.array([[0, 3, 3, 3], [0, 3, 3, 3], [9, 3, 3, 3], [9, 0, 0, 0]]), 1)


def _distance_maps(rng):
    return [np.pad(labels, 1) for labels in _label_maps(rng) if labels.any()]


DISTANCE_TARGET = Exercise(
    slug="distance-target",
    lesson="10",
    title="Going further: distances as a target",
    minutes=12,
    points=4,
    hints=(
        "Lesson 03's distance is that of a *mask*: two objects that touch are one mask. What must be handed to "
        "`distance_transform` for one object alone?",
        "`labels == number` is the mask of one object; `np.unique(labels[labels > 0])` are the numbers that there are.",
        "`distance = watershed.distance_transform(labels == number)`, and `target += distance / distance.max()`.",
    ),
    reference=distance_target,
    bounds=(0, 1),
    properties=(
        Property("is right for one object", [np.pad(np.ones((3, 4), int), 1)]),
        Property("knows two objects that touch as two", [TWO_SIZES], weight=2),
        Property(
            "is right on other maps, gaps in the numbers included", lambda rng: [GAPS, *_distance_maps(rng)]
        ),
        Property("is 0 where there is no object", [np.zeros((2, 3), int)]),
    ),
    mistakes=(
        Mistake(
            "distance of the mask",
            _of_all_objects,
            "You took the distance of the whole *mask*: between objects that touch it has a pass at best, and often "
            "none. Take each object by itself, `labels == number`.",
        ),
        Mistake(
            "distance of the mask, scaled by object",
            _of_all_each_scaled,
            "Each object has its own largest value, but the distances are still those of the whole mask: nothing falls "
            "to the line where two objects touch.",
        ),
        Mistake(
            "not scaled",
            _not_scaled,
            "These are pixels. Divide each object's distances by the largest of them, so that a small object's middle "
            "counts as much as a large one's.",
        ),
        Mistake(
            "one scale for all",
            _one_scale,
            "You divided by the largest distance of the whole picture. Each object has a largest one of its own.",
        ),
        Mistake(
            "background, too",
            _background_too,
            "The background got distances, too: number 0 is no object.",
        ),
        Mistake(
            "numbers without gaps",
            _numbers_in_a_row,
            "You counted 1, 2, 3 … Some of these numbers do not occur, and 0 over 0 is NaN: `np.unique` gives those "
            "that do.",
        ),
        *(
            Mistake(
                name,
                wrong,
                "The object with the highest number got no distances: `range(1, n)` ends at n − 1. (And some numbers "
                "may not occur: `np.unique` gives those that do.)",
                throughout=True,
            )
            for name, wrong in (
                ("last one missing", _last_missing),
                ("last one missing, gaps passed over", _last_missing_and_gaps),
            )
        ),
        Mistake(
            "whole numbers",
            _whole_numbers,
            "Only 0 and 1 came out: your array has whole numbers (`np.zeros_like(labels)` takes those of `labels`) "
            "and cuts off the rest. Take `np.zeros(labels.shape)`.",
        ),
        Mistake(
            "one less",
            _one_less,
            "You took 1 off the distances, so that the outermost pixels of an object are 0. The nearest pixel not of "
            "the object is 1 away from them.",
        ),
        Mistake(
            "upside down",
            _upside_down,
            "Your target is high at the rim and 0 in the middle. (Flooding takes *minus* the distance, but that is for "
            "later.)",
        ),
    ),
)

EXERCISES = [FUSE_SCORES, CLIMB, RESIDUAL, THREE_CLASSES, DISTANCE_TARGET]
