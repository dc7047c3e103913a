"""Answers to the exercises of lesson 10 (skip connections)."""

import numpy as np
from answers import right, wrong
from scipy import ndimage


@right("fuse-scores")
def by_index(coarse, fine):
    """Each fine pixel asks for its coarse one."""
    _, height, width = fine.shape
    rows, columns = np.arange(height) // 2, np.arange(width) // 2
    return fine + coarse[:, rows][:, :, columns]


@right("fuse-scores")
def by_kronecker(coarse, fine):
    _, height, width = fine.shape
    return np.stack(
        [np.kron(c, np.ones((2, 2)))[:height, :width] + f for c, f in zip(coarse, fine, strict=True)]
    )


@right("fuse-scores")
def from_zeros(coarse, fine):
    """Four strided copies."""
    large = np.zeros((len(coarse), 2 * coarse.shape[1], 2 * coarse.shape[2]))
    for dy in (0, 1):
        for dx in (0, 1):
            large[:, dy::2, dx::2] = coarse
    return large[:, : fine.shape[1], : fine.shape[2]] + fine


@wrong("fuse-scores")
def into_the_argument(coarse, fine):
    """``+=`` changes the fine scores."""
    fine += by_index(coarse, np.zeros(fine.shape))
    return fine


@wrong("fuse-scores")
def bare_enlarged(coarse, fine):
    """FCN-32s: nothing of the fine scores."""
    return by_index(coarse, np.zeros(fine.shape))


@wrong("fuse-scores")
def copies_beside_each_other(coarse, fine):
    return (
        np.concatenate([np.concatenate([coarse] * 2, 1)] * 2, 2)[:, : fine.shape[1], : fine.shape[2]] + fine
    )


@wrong("fuse-scores")
def half_of_each(coarse, fine):
    return 0.5 * by_index(coarse, np.zeros(fine.shape)) + 0.5 * fine


@wrong("fuse-scores")
def without_a_cut(coarse, fine):
    return ndimage.zoom(coarse, (1, 2, 2), order=0, grid_mode=True, mode="nearest") + fine


@wrong("fuse-scores")
def by_index_and_minus(coarse, fine):
    return by_index(coarse, -fine)


@wrong("fuse-scores")
def nothing_below_zero(coarse, fine):
    return np.clip(by_index(coarse, fine), 0, None)


@wrong("fuse-scores")
def integers(coarse, fine):
    return by_index(coarse, fine).astype(np.int64)


@wrong("fuse-scores")
def rows_to_the_width(coarse, fine):
    _, height, width = fine.shape
    return coarse.repeat(2, 1).repeat(2, 2)[:, :width, :height] + fine


@wrong("fuse-scores")
def columns_left_over(coarse, fine):
    return coarse.repeat(2, 1)[:, : fine.shape[1]].repeat(2, 2) + fine


@right("climb")
def recursively(features, mixes):
    """The decoder of a pyramid is one step over the decoder of the pyramid below."""
    if not mixes:
        return features[0].copy()
    below = recursively(features[1:], mixes[1:])
    return _step(below, features[0], mixes[0])


@right("climb")
def two_products(features, mixes):
    """A weight for each part, and their sum: the same as one product with the parts side by side."""
    x = features[-1]
    for level in range(len(mixes) - 1, -1, -1):
        fine, mix = features[level], mixes[level]
        rows, columns = np.arange(fine.shape[1]) // 2, np.arange(fine.shape[2]) // 2
        large = x[:, rows][:, :, columns]
        left, right_ = mix[:, : len(x)], mix[:, len(x) :]
        x = np.einsum("oc,chw->ohw", left, large) + np.einsum("oc,chw->ohw", right_, fine)
        x = np.where(x > 0, x, 0)
    return x


def _step(below, fine, mix, relu=True):
    rows, columns = np.arange(fine.shape[1]) // 2, np.arange(fine.shape[2]) // 2
    joined = np.concatenate([below[:, rows][:, :, columns], fine])
    mixed = (mix @ joined.reshape(len(joined), -1)).reshape(len(mix), *fine.shape[1:])
    return np.maximum(mixed, 0) if relu else mixed


@wrong("climb")
def from_the_lowest_alone(features, mixes):
    """Zeros instead of what comes across."""
    x = features[-1]
    for fine, mix in zip(features[-2::-1], mixes[::-1], strict=True):
        x = _step(x, np.zeros_like(fine), mix)
    return x


@wrong("climb")
def negative_values_pass(features, mixes):
    x = features[-1]
    for fine, mix in zip(features[-2::-1], mixes[::-1], strict=True):
        x = _step(x, fine, mix, relu=False)
    return x


@wrong("climb")
def the_other_way_round(features, mixes):
    """Across comes first."""
    x = features[-1]
    for fine, mix in zip(features[-2::-1], mixes[::-1], strict=True):
        x = _step(x, fine, np.roll(mix, -len(x), axis=1)) if len(x) == len(fine) else _swapped(x, fine, mix)
    return x


def _swapped(below, fine, mix):
    rows, columns = np.arange(fine.shape[1]) // 2, np.arange(fine.shape[2]) // 2
    joined = np.concatenate([fine, below[:, rows][:, :, columns]])
    return np.maximum(np.tensordot(mix, joined, axes=1), 0)


@wrong("climb")
def only_the_last_join(features, mixes):
    return _step(features[-1], features[-2], mixes[-1]) if mixes else features[0].copy()


@wrong("climb")
def sum_of_both(features, mixes):
    """THE mistake: LinkNet's join, with weights that were made for U-Net's."""
    x = features[-1]
    for fine, mix in zip(features[-2::-1], mixes[::-1], strict=True):
        large = x.repeat(2, axis=1).repeat(2, axis=2)[:, : fine.shape[1], : fine.shape[2]]
        x = np.maximum(np.tensordot(mix, large + fine, axes=1), 0)
    return x


@wrong("climb")
def mix_transposed(features, mixes):
    x = features[-1]
    for fine, mix in zip(features[-2::-1], mixes[::-1], strict=True):
        x = _step(x, fine, mix.T)
    return x


@wrong("climb")
def lowest_first(features, mixes):
    x = features[-1]
    for fine, mix in zip(features[::-1], mixes[::-1], strict=False):
        large = x.repeat(2, axis=1).repeat(2, axis=2)[:, : fine.shape[1], : fine.shape[2]]
        x = np.maximum(np.tensordot(mix, np.concatenate([large, fine]), axes=1), 0)
    return x


@wrong("climb")
def bottom_right_corner(features, mixes):
    x = features[-1]
    for fine, mix in zip(features[-2::-1], mixes[::-1], strict=True):
        large = x.repeat(2, axis=1).repeat(2, axis=2)[:, -fine.shape[1] :, -fine.shape[2] :]
        x = np.maximum(np.tensordot(mix, np.concatenate([large, fine]), axes=1), 0)
    return x


@wrong("climb")
def begins_with_a_relu(features, mixes):
    return recursively([*features[:-1], features[-1].clip(0)], mixes)


@wrong("climb")
def columns_too_many(features, mixes):
    x = features[-1]
    for fine, mix in zip(features[-2::-1], mixes[::-1], strict=True):
        large = x.repeat(2, axis=1)[:, : fine.shape[1]].repeat(2, axis=2)
        x = np.maximum(np.tensordot(mix, np.concatenate([large, fine]), axes=1), 0)
    return x


@wrong("climb")
def mix_at_the_stack(features, mixes):
    """`@` with a stack of pictures, of which it takes the last two axes."""
    x = features[-1]
    for fine, mix in zip(features[-2::-1], mixes[::-1], strict=True):
        large = x.repeat(2, axis=1).repeat(2, axis=2)[:, : fine.shape[1], : fine.shape[2]]
        x = np.clip(np.matmul(mix, np.concatenate([large, fine])), 0, None)
    return x


@right("repair-residual")
def with_where(x, first, second):
    hidden = first @ x
    total = x + second @ np.where(hidden > 0, hidden, 0)
    return np.where(total > 0, total, 0.0)


@right("repair-residual")
def pixel_by_pixel(x, first, second):
    columns = []
    for pixel in x.T:
        hidden = np.clip(np.einsum("ij,j->i", first, pixel), 0, None)
        columns.append(np.clip(pixel + np.einsum("ij,j->i", second, hidden), 0, None))
    return np.stack(columns, axis=1)


@wrong("repair-residual")
def untouched(x, first, second):
    """The colleague's own lines."""
    change = np.maximum(second @ np.maximum(first @ x, 0), 0)
    x += change
    return x


@wrong("repair-residual")
def no_input(x, first, second):
    return np.clip(second @ np.clip(first @ x, 0, None), 0, None)


@wrong("repair-residual")
def still_only_adds(x, first, second):
    return np.clip(x + np.clip(second @ np.clip(first @ x, 0, None), 0, None), 0, None)


@wrong("repair-residual")
def below_zero(x, first, second):
    return x + second @ np.clip(first @ x, 0, None)


@wrong("repair-residual")
def one_layer(x, first, second):
    return np.clip(x + second @ first @ x, 0, None)


@wrong("repair-residual")
def second_before_first(x, first, second):
    return np.clip(x + first @ np.clip(second @ x, 0, None), 0, None)


@wrong("repair-residual")
def relu_of_the_input(x, first, second):
    return np.clip(x, 0, None) + second @ np.clip(first @ x, 0, None)


@wrong("repair-residual")
def minus_the_change(x, first, second):
    return np.clip(x - second @ np.clip(first @ x, 0, None), 0, None)


@wrong("repair-residual")
def stars_for_products(x, first, second):
    return np.clip(x + second * np.clip(first * x, 0, None), 0, None)


@right("three-classes")
def by_extremes(labels):
    """Where the largest and the least of the neighbourhood agree, all of it has one number."""
    cross = ndimage.generate_binary_structure(2, 1)
    most = ndimage.maximum_filter(labels, footprint=cross, mode="nearest")
    least = ndimage.minimum_filter(labels, footprint=cross, mode="nearest")
    return (labels > 0) * (1 + (most != least))


@right("three-classes")
def object_by_object(labels):
    """Erode each object by itself; what goes is its rim. Outside the frame all is object."""
    classes = np.zeros(labels.shape, int)
    for number in set(labels.ravel().tolist()) - {0}:
        own = labels == number
        inner = ndimage.binary_erosion(own, border_value=1)
        classes[own] = 2
        classes[inner] = 1
    return classes


@wrong("three-classes")
def where_the_mask_ends(labels):
    mask = labels > 0
    return mask * (2 - ndimage.binary_erosion(mask, border_value=1))


@wrong("three-classes")
def background_of_its_own(labels):
    """Pixels of the background beside an object are marked, too."""
    cross = ndimage.generate_binary_structure(2, 1)
    most = ndimage.maximum_filter(labels, footprint=cross, mode="nearest")
    least = ndimage.minimum_filter(labels, footprint=cross, mode="nearest")
    return np.where(most != least, 2, np.minimum(labels, 1))


@wrong("three-classes")
def eroded_at_the_frame(labels):
    """The frame eats into the objects."""
    classes = np.zeros(labels.shape, int)
    for number in set(labels.ravel().tolist()) - {0}:
        own = labels == number
        classes[own] = 2
        classes[ndimage.binary_erosion(own)] = 1
    return classes


@wrong("three-classes")
def square_neighbourhood(labels):
    most = ndimage.maximum_filter(labels, size=3, mode="nearest")
    least = ndimage.minimum_filter(labels, size=3, mode="nearest")
    return (labels > 0) * (1 + (most != least))


@wrong("three-classes")
def names_exchanged(labels):
    return (labels > 0) * (3 - np.where(by_extremes(labels) > 1, 2, 1))


@wrong("three-classes")
def of_two_pixels(labels):
    """`skips.rim_classes` with its usual width."""
    y, x = np.mgrid[-2:3, -2:3]
    near = y * y + x * x <= 4
    most = ndimage.maximum_filter(labels, footprint=near, mode="nearest")
    least = ndimage.minimum_filter(labels, footprint=near, mode="nearest")
    return (labels > 0) * (1 + (most != least))


@wrong("three-classes")
def where_a_lower_number_is(labels):
    cross = ndimage.generate_binary_structure(2, 1)
    least = ndimage.minimum_filter(labels, footprint=cross, mode="nearest")
    return (labels > 0) * (1 + (least < labels))


@wrong("three-classes")
def rim_into_the_numbers(labels):
    classes = labels.copy()
    classes[by_extremes(labels) == 2] = 2
    return classes


@wrong("three-classes")
def later_pixel_of_each_pair(labels):
    """Both are candidates; here only the right one and the lower one are marked."""
    rim = np.zeros(labels.shape, bool)
    rim[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    rim[1:] |= labels[1:] != labels[:-1]
    return np.where(labels > 0, np.where(rim, 2, 1), 0)


@wrong("three-classes")
def pairs_in_rows(labels):
    rim = np.zeros(labels.shape, bool)
    across = labels[:, 1:] != labels[:, :-1]
    rim[:, 1:] |= across
    rim[:, :-1] |= across
    return np.where(labels > 0, np.where(rim, 2, 1), 0)


@wrong("three-classes")
def pairs_in_columns(labels):
    return pairs_in_rows(labels.T).T


@right("distance-target")
def of_scipy(labels):
    target = np.zeros(labels.shape)
    for number in sorted(set(labels.ravel().tolist()) - {0}):
        distance = ndimage.distance_transform_edt(labels == number)
        target = np.maximum(target, distance / distance.max())
    return target


@right("distance-target")
def by_all_pairs(labels):
    """Each pixel asks all pixels of other numbers."""
    places = np.argwhere(np.ones(labels.shape, bool))
    numbers = labels.ravel()
    apart = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))
    apart[numbers[:, None] == numbers[None]] = np.inf
    nearest = np.where(numbers > 0, apart.min(axis=1), 0)
    largest = {n: nearest[numbers == n].max() for n in set(numbers.tolist()) - {0}}
    return np.array(
        [d / largest[n] if n else 0.0 for d, n in zip(nearest, numbers.tolist(), strict=True)]
    ).reshape(labels.shape)


@wrong("distance-target")
def of_the_whole_mask(labels):
    distance = ndimage.distance_transform_edt(labels > 0)
    return distance / (distance.max() or 1)


@wrong("distance-target")
def in_pixels(labels):
    return sum(
        (ndimage.distance_transform_edt(labels == n) for n in set(labels.ravel().tolist()) - {0}),
        np.zeros(labels.shape),
    )


@wrong("distance-target")
def low_in_the_middle(labels):
    return (labels > 0) * (1 - of_scipy(labels))


@wrong("distance-target")
def one_largest_for_all(labels):
    pixels = in_pixels(labels)
    return pixels / (pixels.max() or 1)


@wrong("distance-target")
def all_but_the_last(labels):
    target = np.zeros(labels.shape)
    for number in range(1, labels.max()):
        distance = ndimage.distance_transform_edt(labels == number)
        target += distance / distance.max()
    return target


@wrong("distance-target")
def all_but_the_last_that_occur(labels):
    target = np.zeros(labels.shape)
    for number in range(1, labels.max()):
        distance = ndimage.distance_transform_edt(labels == number)
        target += distance / (distance.max() or 1)
    return target


@wrong("distance-target")
def as_many_as_there_are(labels):
    target = np.zeros(labels.shape)
    for number in range(1, len(np.unique(labels))):
        distance = ndimage.distance_transform_edt(labels == number)
        target += distance / distance.max()
    return target


@wrong("distance-target")
def into_integers(labels):
    target = np.zeros_like(labels)
    for number in np.unique(labels[labels > 0]):
        own = labels == number
        distance = ndimage.distance_transform_edt(own)
        target[own] = distance[own] / distance.max()
    return target


@wrong("distance-target")
def from_nought(labels):
    target = np.zeros(labels.shape)
    for number in np.unique(labels[labels > 0]):
        distance = np.clip(ndimage.distance_transform_edt(labels == number) - 1, 0, None)
        if distance.any():
            target += distance / distance.max()
    return target
