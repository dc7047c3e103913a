"""The exercises of lesson 11: an account of layers, a dilated line, ways and holes, halvings left out."""

import numpy as np

from course_utils.checks.framework import Exercise, Mistake, Property

# ------------------------------------------------------------------------------------------ an account of layers


def account(layers):
    return _account(layers, lambda kernel, dilation: (kernel - 1) * dilation)


def _account(layers, span, weigh=lambda kernel, dilation: kernel**2, step_of=lambda stride, dilation: stride):
    size, step, weights = 1, 1, 0
    for kernel, stride, dilation in layers:
        size += span(kernel, dilation) * step
        step *= step_of(stride, dilation)
        weights += weigh(kernel, dilation)
    return size, weights


def _last_layer_alone(layers):
    size, weights, step = 1, 0, 1
    for kernel, stride, apart in layers:
        size, weights = (kernel - 1) * apart * step, kernel**2
        step *= stride
    return size, weights


def _whole_kernel(layers):
    return _account(layers, lambda kernel, dilation: (kernel - 1) * dilation + 1)


def _kernel_times_dilation(layers):
    return _account(layers, lambda kernel, dilation: kernel * dilation - 1)


def _kernel_times_dilation_and_one(layers):
    return _account(layers, lambda kernel, dilation: kernel * dilation)


def _without_the_pixel(layers):
    size, weights = account(layers)
    return size - 1, weights


def _one_side_only(layers):
    return _account(layers, lambda kernel, dilation: kernel // 2 * dilation)


def _nine_weights(layers):
    return _account(layers, lambda kernel, dilation: (kernel - 1) * dilation, lambda kernel, dilation: 9)


def _last_step_for_all(layers):
    step = np.prod([1, *(stride for _, stride, _ in layers)])
    size = 1 + sum((kernel - 1) * dilation * int(step) for kernel, _, dilation in layers)
    return size, sum(kernel**2 for kernel, _, _ in layers)


def _first_layer_only(layers):
    for kernel, _, dilation in layers:
        return 1 + (kernel - 1) * dilation, kernel**2


def _zeros_counted_twice(layers):
    return _account(layers, lambda kernel, dilation: (kernel - 1) * (dilation + 1))


def _dilation_as_a_stride(layers):
    return _account(
        layers,
        lambda kernel, dilation: (kernel - 1) * dilation,
        step_of=lambda stride, dilation: stride * dilation,
    )


def _no_dilation(layers):
    return _account(layers, lambda kernel, dilation: kernel - 1)


def _no_steps(layers):
    return _account(
        layers, lambda kernel, dilation: (kernel - 1) * dilation, step_of=lambda stride, dilation: 1
    )


def _own_stride_at_once(layers):
    size, step, weights = 1, 1, 0
    for kernel, stride, dilation in layers:
        step *= stride
        size += (kernel - 1) * dilation * step
        weights += kernel**2
    return size, weights


def _stretched_weights(layers):
    return _account(
        layers,
        lambda kernel, dilation: (kernel - 1) * dilation,
        lambda kernel, dilation: ((kernel - 1) * dilation + 1) ** 2,
    )


def _weights_times_dilation(layers):
    return _account(
        layers,
        lambda kernel, dilation: (kernel - 1) * dilation,
        lambda kernel, dilation: dilation * kernel**2,
    )


def _weights_along_a_line(layers):
    return _account(layers, lambda kernel, dilation: (kernel - 1) * dilation, lambda kernel, dilation: kernel)


CONTEXT = [(3, 1, 1), (3, 1, 2), (3, 1, 4)]  # the lesson's: 15 pixels, 27 weights

ACCOUNT = Exercise(
    slug="account-layers",
    lesson="11",
    title="What a stack sees, and what it costs",
    minutes=6,
    points=2,
    hints=(
        "A window of `kernel` taps has `kernel - 1` gaps. How many input pixels is one gap long, if the taps lie "
        "`dilation` pixels of the layer's input apart, and those lie `step` pixels of the image apart?",
        "The field grows by the gaps alone: its first pixel is there already. And a dilated kernel has as many weights "
        "as any other: what lies between the taps is not read.",
        "`size += (kernel - 1) * dilation * step` and `weights += kernel**2`",
    ),
    reference=account,
    properties=(
        Property("is right on the worked example", [(CONTEXT,)]),
        Property(
            "is right for a single layer",
            [([(3, 1, 1)],), ([(3, 1, 6)],), ([(5, 1, 3)],), ([(1, 2, 4)],), ([(7, 2, 1)],)],
        ),
        Property("knows that no layer sees the pixel itself", [([],)], weight=0.5),
        Property(
            "is right where some layers stride and others dilate",
            [
                ([(3, 2, 1), (3, 1, 2)],),
                ([(3, 1, 2), (2, 2, 1), (3, 1, 1)],),
                ([(3, 2, 1), (3, 2, 3), (5, 1, 2), (1, 1, 1)],),
                ([(2, 2, 1), (3, 1, 4), (2, 2, 2), (3, 1, 3)],),
            ],
            weight=2,
        ),
    ),
    mistakes=(
        Mistake(
            "dilation adds weights",
            _stretched_weights,
            "You counted the pixels that the stretched kernel spans as weights. Nothing is read between the taps: a "
            "dilated layer has `kernel**2` weights, like any other.",
        ),
        Mistake(
            "weights times dilation",
            _weights_times_dilation,
            "You multiplied the weights by the dilation. It moves the taps apart and makes no more of them: "
            "`kernel**2`.",
        ),
        Mistake(
            "weights along a line",
            _weights_along_a_line,
            "The field is right. The weights of one row only are counted: the kernel is a square of `kernel**2`.",
        ),
        Mistake(
            "the last layer alone",
            _last_layer_alone,
            "You assign where you should add: `size = …` forgets all layers before. Write `size += …`, and so for the "
            "weights.",
        ),
        Mistake(
            "whole kernels added",
            _whole_kernel,
            "You added the whole extent of each kernel. The pixel in its middle was in the field before, so a layer "
            "adds the gaps alone: `(kernel - 1) * dilation`.",
        ),
        Mistake(
            "kernel times dilation",
            _kernel_times_dilation,
            "A kernel of 3 with dilation 4 spans 9 pixels, not 12: there are `kernel - 1` gaps of `dilation` pixels.",
        ),
        Mistake(
            "kernel times dilation added",
            _kernel_times_dilation_and_one,
            "A kernel of 3 with dilation 4 spans 9 pixels, not 12: there are `kernel - 1` gaps of `dilation` pixels. "
            "Only the gaps are added.",
        ),
        Mistake(
            "dilation zeros between",
            _zeros_counted_twice,
            "You put `dilation` zeros *between* the taps. They lie `dilation` apart, so there are `dilation - 1` "
            "between them; dilation 1 is the plain kernel.",
        ),
        Mistake(
            "dilation as a stride",
            _dilation_as_a_stride,
            "You let a dilation lengthen the steps of all later layers. A *stride* does that, as it leaves pixels out; "
            "after a dilated layer every pixel is still there.",
        ),
        Mistake(
            "dilation forgotten",
            _no_dilation,
            "Your field grows as if all layers were plain. The gap between two taps is `dilation` long.",
        ),
        Mistake(
            "steps forgotten",
            _no_steps,
            "Behind a stride of 2, neighbours lie two pixels of the image apart: the gaps of all later layers are "
            "twice as long.",
        ),
        Mistake(
            "the last step for all",
            _last_step_for_all,
            "You used the step behind the last layer for all of them. Each layer has the step *before* it: "
            "`zip(layers, steps)` goes through both.",
        ),
        Mistake(
            "own stride at once",
            _own_stride_at_once,
            "You lengthened the gaps of a layer by its own stride. It reads its input before it strides: the step "
            "grows for the layers *after* it.",
        ),
        Mistake(
            "the pixel itself forgotten",
            _without_the_pixel,
            "Your field is one pixel short: it begins with the pixel itself, before any layer is added.",
        ),
        Mistake(
            "one side only",
            _one_side_only,
            "You went from the middle tap to one side. The field reaches to both: all `kernel - 1` gaps count.",
        ),
        Mistake(
            "nine weights",
            _nine_weights,
            "The field is right. You counted nine weights for every layer: a kernel of side `kernel` has `kernel**2`.",
        ),
        Mistake(
            "return in the loop",
            _first_layer_only,
            "Your `return` stands inside of the loop: the function ends after the first layer.",
        ),
    ),
)

# ------------------------------------------------------------------------------------------ a dilated line


def dilate(values, kernel, dilation):
    reach = dilation * (len(kernel) // 2)
    padded = np.pad(np.asarray(values, float), reach)
    return sum(weight * padded[j * dilation : j * dilation + len(values)] for j, weight in enumerate(kernel))


def _flipped(values, kernel, dilation):
    return dilate(values, kernel[::-1], dilation)


def _plain(values, kernel, dilation):
    return dilate(values, kernel, 1)


def _zeros_between(values, kernel, dilation):
    return dilate(values, kernel, dilation + 1)


def _strided(values, kernel, dilation):
    return dilate(values, kernel, 1)[::dilation]


def _from_here_on(values, kernel, dilation):
    padded = np.pad(np.asarray(values, float), (0, dilation * (len(kernel) - 1)))
    return sum(weight * padded[j * dilation : j * dilation + len(values)] for j, weight in enumerate(kernel))


def _up_to_here(values, kernel, dilation):
    padded = np.pad(np.asarray(values, float), (dilation * (len(kernel) - 1), 0))
    return sum(weight * padded[j * dilation : j * dilation + len(values)] for j, weight in enumerate(kernel))


def _round_the_corner(values, kernel, dilation):
    middle = len(kernel) // 2
    return sum(
        weight * np.roll(np.asarray(values, float), (middle - j) * dilation)
        for j, weight in enumerate(kernel)
    )


def _edges_repeated(values, kernel, dilation):
    reach = dilation * (len(kernel) // 2)
    padded = np.pad(np.asarray(values, float), reach, mode="edge")
    return sum(weight * padded[j * dilation : j * dilation + len(values)] for j, weight in enumerate(kernel))


def _only_inside(values, kernel, dilation):
    reach = dilation * (len(kernel) // 2)
    return dilate(values, kernel, dilation)[reach : len(values) - reach]


def _place_by_place(values, kernel, dilation, inside, result=None):
    """As a loop over places and taps; ``inside`` tells which places are read."""
    result = np.zeros(len(values)) if result is None else result
    for x in range(len(values)):
        for j, weight in enumerate(kernel):
            place = x + (j - len(kernel) // 2) * dilation
            if inside(place):
                result[x] += weight * values[place]
    return result


def _negative_places(values, kernel, dilation):
    return _place_by_place(values, kernel, dilation, lambda place: place < len(values))


def _without_place_0(values, kernel, dilation):
    return _place_by_place(values, kernel, dilation, lambda place: 0 < place < len(values))


def _fractions_cut_off(values, kernel, dilation):
    inside = range(len(values)).__contains__
    return _place_by_place(values, kernel, dilation, inside, np.zeros_like(values))


def _slices_side_by_side(values, kernel, dilation):
    padded = np.pad(np.asarray(values, float), dilation * (len(kernel) // 2))
    return sum(weight * padded[j : j + len(values)] for j, weight in enumerate(kernel))


def _ends_left_0(values, kernel, dilation):
    reach, places = dilation * (len(kernel) // 2), np.arange(len(values))
    inside = (places >= reach) & (places < len(values) - reach)
    return np.where(inside, dilate(values, kernel, dilation), 0)


def _three_taps(values, kernel, dilation):
    return dilate(values, kernel[:3], dilation)


def _same_by_numpy(values, kernel, dilation):
    stretched = np.zeros((len(kernel) - 1) * dilation + 1)
    stretched[::dilation] = kernel
    return np.convolve(values, stretched[::-1], "same")


def _mean(values, kernel, dilation):
    return dilate(values, kernel, dilation) / len(kernel)


LINE = np.array([1.0, 2, 3, 4, 5]), np.array([1.0, 10, 100]), 2


def _lines(rng):
    return [
        (rng.normal(0, 2, count).round(1), rng.normal(0, 1, taps).round(1), dilation)
        for count, taps, dilation in (
            (6, 3, 1),
            (6, 3, 2),
            (9, 3, 3),
            (8, 5, 2),
            (7, 5, 1),
            (10, 3, 4),
            (12, 5, 3),
        )
    ]


DILATE = Exercise(
    slug="dilate-line",
    lesson="11",
    title="A dilated convolution",
    minutes=8,
    points=4,
    hints=(
        "Which places does output x read, for a kernel of three taps and dilation 2? The middle tap reads x itself.",
        "Tap j reads place `x + (j - k // 2) * dilation`, and 0 where there is no such place. Pad both ends with zeros "
        "first, as many as the outermost tap reaches.",
        "With `padded = np.pad(values, dilation * (k // 2))`, tap j reads `padded[j * dilation : j * dilation + n]`: "
        "for all outputs at once.",
    ),
    reference=dilate,
    properties=(
        Property("is right on the worked example", [LINE]),
        Property(
            "shows where the taps read, for a single 1 among zeros",
            [
                (np.array([0.0, 0, 0, 0, 1, 0, 0, 0, 0]), np.array([1.0, 2, 4]), 3),
                (np.array([0.0, 0, 0, 1, 0, 0, 0]), np.array([1.0, 2, 4]), 1),
                (np.array([0.0, 0, 0, 0, 1, 0, 0, 0, 0]), np.array([1.0, 2, 4, 8, 16]), 2),
            ],
        ),
        Property("is right on other values", _lines, weight=2),
        Property(
            "reads zeros outside, even where all but the middle tap lie there",
            [
                (np.array([3.0, 1]), np.array([5.0, 2, 7]), 4),
                (np.array([2.0]), np.array([1.0, 3, 1]), 1),
                (np.array([1.0, 2, 3]), np.array([1.0, 1, 1]), 2),
            ],
        ),
        Property("takes whole numbers", [(np.array([4, 0, 2, 1]), np.array([0.5, 1, 0.25]), 2)], weight=0.5),
    ),
    mistakes=(
        Mistake(
            "flipped",
            _flipped,
            "You turned the kernel round (so does `np.convolve`). As in torch, the first weight belongs to the place "
            "on the left.",
        ),
        Mistake(
            "dilation forgotten",
            _plain,
            "You read the direct neighbours. The taps lie `dilation` places apart.",
        ),
        Mistake(
            "dilation zeros between",
            _zeros_between,
            "Your taps lie `dilation + 1` places apart, with `dilation` left out between them. With dilation 1 nothing "
            "is left out.",
        ),
        Mistake(
            "stride",
            _strided,
            "You computed a plain convolution and kept every `dilation`-th number. That is a *stride*: it shrinks. A "
            "dilated convolution has an answer at every place.",
        ),
        Mistake(
            "from here on",
            _from_here_on,
            "Your *first* tap reads place x, and the others read to the right of it. The *middle* tap reads x.",
        ),
        Mistake(
            "up to here",
            _up_to_here,
            "Your *last* tap reads place x, and the others read to the left of it. The *middle* tap reads x.",
        ),
        Mistake(
            "round the corner",
            _round_the_corner,
            "Taps that leave the line on one end come in again on the other (`np.roll` does that). Outside, zeros are "
            "read.",
        ),
        Mistake(
            "negative places",
            _negative_places,
            "A place below 0 lies outside, too. Python reads `values[-1]` from the *other* end: taps that leave the "
            "line on the left come in again on the right.",
        ),
        Mistake(
            "place 0 left out",
            _without_place_0,
            "You never read place 0. It is the first one *inside*: `0 <= place`.",
        ),
        Mistake(
            "fractions cut off",
            _fractions_cut_off,
            "Where `values` are whole numbers, so is your result, and fractions are cut off: `np.zeros(len(values))` "
            "holds floats, `np.zeros_like(values)` what `values` holds.",
        ),
        Mistake(
            "slices side by side",
            _slices_side_by_side,
            "You padded as far as the taps reach, and then read slices that lie one place apart. The slice of tap j "
            "begins at `j * dilation`.",
        ),
        Mistake(
            "three taps",
            _three_taps,
            "Right for three taps. The kernel may have five, or any odd number: `len(kernel)`.",
        ),
        Mistake(
            "edges repeated",
            _edges_repeated,
            "Outside of the line you read its last number. There are zeros.",
        ),
        Mistake(
            "only inside",
            _only_inside,
            "You left out the places at which a tap reads outside. The answer is as long as the line.",
        ),
        Mistake(
            "ends left 0",
            _ends_left_0,
            "You left 0 at the places where a tap reads outside. Only *that tap* reads 0 there; the others read what "
            "there is.",
        ),
        Mistake(
            "the longer of the two",
            _same_by_numpy,
            '`np.convolve(…, "same")` is as long as the *longer* of the two. Where the stretched kernel is longer than '
            'the line, pad the line and ask for "valid".',
        ),
        Mistake(
            "mean",
            _mean,
            "You divided by the number of taps. A convolution is a *sum* of products.",
        ),
    ),
    rtol=1e-5,  # who calculates with float32 is right
    atol=1e-5,
)

# ------------------------------------------------------------------------------------------ ways and holes


def ways(dilations):
    found = np.ones(1, int)
    for dilation in dilations:
        found = np.convolve(found, _comb(dilation))
    return found


def _comb(dilation):
    comb = np.zeros(2 * dilation + 1, int)
    comb[::dilation] = 1
    return comb


def _flat(dilations):
    return np.ones(2 * sum(dilations) + 1, int)


def _whether(dilations):
    return (ways(dilations) > 0).astype(int)


def _without_the_middle(dilations):
    found = np.ones(1, int)
    for dilation in dilations:
        comb = _comb(dilation)
        comb[dilation] = 0
        found = np.convolve(found, comb)
    return found


def _side_by_side(dilations):
    reach = sum(dilations)
    found = np.zeros(2 * reach + 1, int)
    for dilation in dilations:
        found[[reach - dilation, reach, reach + dilation]] += 1
    return found if len(dilations) else np.ones(1, int)


def _boxes(dilations):
    found = np.ones(1, int)
    for dilation in dilations:
        found = np.convolve(found, np.ones(2 * dilation + 1, int))
    return found


def _one_too_far(dilations):
    return ways([dilation + 1 for dilation in dilations])


def _one_side(dilations):
    return ways(dilations)[sum(dilations) :]


def _shares_of_ways(dilations):
    return ways(dilations) / 3.0 ** len(dilations)


def _shifted_in_place(dilations):
    reach = sum(dilations)
    found = np.zeros(2 * reach + 1, int)
    found[reach] = 1
    for dilation in dilations:
        found[dilation:] += found[:-dilation]
        found[:-dilation] += found[dilation:]
    return found


def _in_a_byte(dilations):
    return ways(dilations).astype(np.uint8)


def _as_many_as_there_are(answer, dilations):
    """Whether the ways are 3 · 3 · 3 … in all."""
    right, found = 3 ** len(dilations), np.sum(answer)
    return bool(found == right) or (
        f"For the dilations {list(dilations)} there are {right} ways; you counted {found}."
    )


STACKS = ([3], [1, 1], [1, 3], [3, 1], [1, 2, 4], [2, 2, 2], [1, 5], [1, 1, 1, 1], [2, 3], [1, 2, 9], [1] * 8)

WAYS = Exercise(
    slug="count-ways",
    lesson="11",
    title="Ways and holes",
    minutes=8,
    points=4,
    hints=(
        "Start with one way, of no steps, to the pixel itself. What does one more layer do to each way that there is?",
        "Each way goes on in three: `dilation` to the left, straight on, `dilation` to the right. So add up three "
        "copies of the counts, moved apart. That is a convolution with a comb.",
        "The comb of a layer: zeros, `2 * dilation + 1` of them, with ones at 0, `dilation` and `2 * dilation`. Then "
        "`found = np.convolve(found, comb)` for layer after layer.",
    ),
    reference=ways,
    properties=(
        Property("is right on the worked example", [([2, 2],)]),
        Property("knows the one way of no layer", [([],)], weight=0.5),
        Property(
            "counts three ways for each layer, that is 3 · 3 · 3 … in all",
            [(dilations,) for dilations in STACKS],
            holds=_as_many_as_there_are,
        ),
        Property("is right on other stacks", [(dilations,) for dilations in STACKS], weight=2),
    ),
    mistakes=(
        Mistake(
            "the whole field alike",
            _flat,
            "You counted one way for each pixel of the field. Can see is not does see: the middle is reached in many "
            "ways, the rim in one, a hole in none.",
        ),
        Mistake(
            "whether, not how many",
            _whether,
            "You say *whether* a pixel is reached. Asked is in *how many* ways.",
        ),
        Mistake(
            "no holes between the taps",
            _boxes,
            "You let each layer read every pixel between its outermost taps. It reads three, `dilation` apart.",
        ),
        Mistake(
            "the middle tap forgotten",
            _without_the_middle,
            "Your ways go left or right at every layer. The middle tap goes straight on.",
        ),
        Mistake(
            "side by side",
            _side_by_side,
            "You added the taps of all layers up, as if each read the image itself (as ASPP's do). In a stack each "
            "layer reads what the one before it made, so the steps add up: convolve.",
        ),
        Mistake(
            "dilation zeros between",
            _one_too_far,
            "Your taps lie `dilation + 1` apart. With dilation 1 a layer reads direct neighbours.",
        ),
        Mistake(
            "one side",
            _one_side,
            "You counted from the middle to the right. The array covers the whole field, from its left end to its "
            "right.",
        ),
        Mistake(
            "shares",
            _shares_of_ways,
            "You divided by the number of all ways. Asked are the counts themselves, as whole numbers.",
            throughout=True,
        ),
        Mistake(
            "shifted in place",
            _shifted_in_place,
            "Your second shift moves what the first one has just added. Add both shifts of the *old* counts, as they "
            "were before this layer.",
        ),
        Mistake(
            "in a byte",
            _in_a_byte,
            "Your counts begin again at 0 after 255: numbers of 8 bits hold no more. Use `int`.",
        ),
    ),
)

# ------------------------------------------------------------------------------------------ halvings left out


def undone(values, kernels):
    return _undone(values, kernels, lambda level: 2**level)


def _undone(values, kernels, dilation_of):
    for level, kernel in enumerate(kernels):
        values = dilate(values, kernel, dilation_of(level))
    return values


def _colleague(values, kernels):
    return _undone(values, kernels, lambda level: 1)


def _two_at_every_layer(values, kernels):
    return _undone(values, kernels, lambda level: 2)


def _two_from_the_second_on(values, kernels):
    return _undone(values, kernels, lambda level: 1 + (level > 0))


def _one_more_each(values, kernels):
    return _undone(values, kernels, lambda level: level + 1)


def _doubled_at_once(values, kernels):
    return _undone(values, kernels, lambda level: 2 ** (level + 1))


def _the_other_way_round(values, kernels):
    return _undone(values, kernels, lambda level: 2 ** (len(kernels) - 1 - level))


def _halved(values, kernels):
    for level, kernel in enumerate(kernels):
        values = dilate(values[::2] if level else values, kernel, 1)
    return values


def _repeated(values, kernels):
    coarse = _halved(values, kernels)
    return np.repeat(coarse, 2 ** max(0, len(kernels) - 1))[: len(values)]


def _zeros_between_answers(values, kernels):
    places = np.arange(len(values))
    return np.where(places % 2 ** (len(kernels) - 1) == 0, undone(values, kernels), 0)


def _lines_between_answers(values, kernels):
    coarse, step = _halved(values, kernels), 2 ** (len(kernels) - 1)
    return np.interp(np.arange(len(values)), step * np.arange(len(coarse)), coarse)


def _nothing_assigned(values, kernels):
    return values.copy()


def _each_from_the_line(values, kernels):
    return dilate(values, kernels[-1], 2 ** (len(kernels) - 1))


def _returned_at_once(values, kernels):
    return dilate(values, kernels[0], 1)


UNDONE_CASES = [
    (np.array([1.0, 2, 3, 4, 5, 6]), [np.array([0.0, 1, 1]), np.array([1.0, 0, 10])]),
    (np.array([0.0, 0, 0, 0, 1, 0, 0, 0, 0]), [np.array([1.0, 2, 4]), np.array([1.0, 0, 0])]),
]


def _nets(rng):
    return [
        (rng.normal(0, 2, count).round(1), [rng.normal(0, 1, 3).round(1) for _ in range(layers)])
        for count, layers in ((5, 2), (8, 3), (9, 3), (13, 4), (16, 4), (12, 3))
    ]


def _holds_the_halved(answer, values, kernels):
    """Whether the answer has the halved network's numbers among its own."""
    expected = _halved(values, kernels)
    found = answer[:: 2 ** max(0, len(kernels) - 1)]
    return (len(found) == len(expected) and bool(np.allclose(found, expected))) or (
        "Every second number of your answer (with two halvings every fourth, and so on) should be one of the halved "
        "network's."
    )


UNDONE = Exercise(
    slug="undo-halving",
    lesson="11",
    title="Repair: halvings left out",
    minutes=6,
    points=4,
    hints=(
        "After a halving, neighbours in the row are two places of the line apart. Where do these two stand if nothing "
        "is thrown away?",
        "Without the halving they lie two places apart, so the next layer has to read at dilation 2. Behind a second "
        "halving that is left out they lie four apart.",
        "The layer with the number `level` (0, 1, 2 …) has `level` halvings before it: its dilation is `2**level`.",
    ),
    reference=undone,
    properties=(
        Property(
            "gives the halved network's numbers at the places that it keeps",
            lambda rng: [*UNDONE_CASES, *_nets(rng)],
            holds=_holds_the_halved,
            weight=2,
        ),
        Property("is right with one halving", UNDONE_CASES),
        Property("changes nothing where there is none", [(np.array([1.0, 2, 3]), [np.array([1.0, 1, 1])])]),
        Property("is right at all other places", _nets),
    ),
    mistakes=(
        Mistake(
            "the same weights on neighbours",
            _colleague,
            "The weights are the same, but the layers behind a halving now read direct neighbours, which they never "
            "saw in training. They used to read numbers two places apart, or four.",
        ),
        Mistake(
            "the first layer dilated, too",
            _two_at_every_layer,
            "Before the first layer nothing was halved: it reads direct neighbours, as it always did.",
        ),
        Mistake(
            "one doubling too many",
            _doubled_at_once,
            "Each of your layers is dilated once too often. A layer's dilation doubles for each halving *before* it.",
        ),
        Mistake(
            "dilation 2 for good",
            _two_from_the_second_on,
            "Right as long as there is one halving. Behind a second one, neighbours lay four places apart.",
        ),
        Mistake(
            "one more each time",
            _one_more_each,
            "Your dilations are 1, 2, 3 … Each halving *doubles* the distance of neighbours: 1, 2, 4 …",
        ),
        Mistake(
            "two more each time",
            lambda values, kernels: _undone(values, kernels, lambda level: max(1, 2 * level)),
            "Your dilations are 1, 2, 4, 6 … Each halving *doubles* the distance of neighbours: 1, 2, 4, 8 …",
        ),
        Mistake(
            "odd numbers",
            lambda values, kernels: _undone(values, kernels, lambda level: 2 * level + 1),
            "Your dilations are 1, 3, 5 … Each halving *doubles* the distance of neighbours: 1, 2, 4 …",
        ),
        Mistake(
            "the other way round",
            _the_other_way_round,
            "Your first layer has the largest dilation. It is the last one that has all halvings before it.",
        ),
        Mistake(
            "still halved",
            _halved,
            "You still throw away every second number. Left out are the halvings: there must be an answer at every "
            "place.",
        ),
        Mistake(
            "repeated",
            _repeated,
            "You computed the halved network and repeated its numbers. The places in between have answers of their "
            "own, and computing them is the point.",
        ),
        Mistake(
            "lines between",
            _lines_between_answers,
            "You computed the halved network and drew straight lines between its numbers. The places in between have "
            "answers of their own, and computing them is the point.",
        ),
        Mistake(
            "zeros between",
            _zeros_between_answers,
            "Where the halved network has a number, yours is right, and everywhere else it is 0. The places in between "
            "have answers of their own.",
        ),
        Mistake(
            "nothing assigned",
            _nothing_assigned,
            "You returned `values` as they came: `convolve` changes nothing, it returns its answer. Assign it.",
        ),
        Mistake(
            "each from the line",
            _each_from_the_line,
            "Each of your layers read the line itself, and not the answer of the layer before it: the last one alone "
            "is left.",
        ),
        Mistake(
            "return in the loop",
            _returned_at_once,
            "Only the first layer was computed: does your `return` stand inside of the loop?",
        ),
    ),
)

EXERCISES = [ACCOUNT, DILATE, WAYS, UNDONE]
