"""Answers to the exercises of lesson 15, by other methods than ours, and with other mistakes."""

import numpy as np
import torch
from answers import right, wrong
from scipy import ndimage, special
from skimage.graph import MCP

from course_utils.models import recurrent
from course_utils.models.crf import mean_field, potts


@right("gru-step")
def step_by_the_library(given, recalled, state):
    parts = (torch.from_numpy(part.ravel()) for part in (given, recalled))
    return recurrent.gru_step(*parts, torch.from_numpy(state)).numpy()


@right("gru-step")
def step_towards_the_proposal(given, recalled, state):
    """The state moves towards the proposal by the part of the gate that is not open."""
    reset, update = special.expit(given[:2] + recalled[:2])
    return state + (1 - update) * (np.tanh(given[2] + reset * recalled[2]) - state)


@right("gru-step")
def step_number_by_number(given, recalled, state):
    result = []
    for k in range(len(state)):
        reset, update = (1 / (1 + np.exp(-given[n, k] - recalled[n, k])) for n in (0, 1))
        proposal = 2 * special.expit(2 * (given[2, k] + reset * recalled[2, k])) - 1
        result.append(update * state[k] + (1 - update) * proposal)
    return np.array(result)


@wrong("gru-step")
def tanh_of_everything(given, recalled, state):
    """The blend goes through the tanh, too."""
    reset, update = special.expit(given[:2] + recalled[:2])
    return np.tanh(update * state + (1 - update) * (given[2] + reset * recalled[2]))


@wrong("gru-step")
def rows_in_another_order(given, recalled, state):
    """Update first, then reset."""
    update, reset = special.expit(given[:2] + recalled[:2])
    return update * state + (1 - update) * np.tanh(given[2] + reset * recalled[2])


@wrong("gru-step")
def mean_of_both(given, recalled, state):
    reset = special.expit(given[0] + recalled[0])
    return (state + np.tanh(given[2] + reset * recalled[2])) / 2


@wrong("gru-step")
def reset_squashed_twice(given, recalled, state):
    """A sigmoid of a sigmoid."""
    reset, update = special.expit(given[:2] + recalled[:2])
    return special.expit(update) * state + (1 - special.expit(update)) * np.tanh(
        given[2] + reset * recalled[2]
    )


@right("sweep-rows")
def swept_pixel_by_pixel(values, keep):
    result = np.zeros(values.shape)
    for y, row in enumerate(values):
        state = 0.0
        for x, value in enumerate(row):
            state = keep[y, x] * state + (1 - keep[y, x]) * value
            result[y, x] = state
    return result


@right("sweep-rows")
def swept_by_a_matrix(values, keep):
    """Each row is multiplied by a triangle: what was written at j, times what was kept since."""
    result = np.zeros(values.shape)
    for y in range(len(values)):
        for x in range(values.shape[1]):
            kept = [np.prod(keep[y, j + 1 : x + 1]) for j in range(x + 1)]
            result[y, x] = np.dot(kept, (1 - keep[y, : x + 1]) * values[y, : x + 1])
    return result


@right("sweep-rows")
def swept_by_doubling(values, keep):
    """Steps are joined two by two, four by four …: all pixels at once, as scans on GPUs do."""
    kept, said, reach = np.array(keep, float), (1 - keep) * values, 1
    while reach < values.shape[1]:
        said[:, reach:] = said[:, reach:] + kept[:, reach:] * said[:, :-reach]
        kept[:, reach:] = kept[:, reach:] * kept[:, :-reach]
        reach *= 2
    return said


@wrong("sweep-rows")
def running_mean(values, keep):
    """The mean of what was met so far."""
    return np.cumsum(values, axis=1) / np.arange(1, values.shape[1] + 1)


@wrong("sweep-rows")
def last_written(values, keep):
    """Gates are rounded: kept, or written."""
    return swept_pixel_by_pixel(values, np.round(keep))


@wrong("sweep-rows")
def one_state_for_all_rows(values, keep):
    """The state is a single number."""
    result, state = np.zeros(values.shape), 0.0
    for x in range(values.shape[1]):
        for y in range(len(values)):
            state = keep[y, x] * state + (1 - keep[y, x]) * values[y, x]
            result[y, x] = state
    return result


@wrong("sweep-rows")
def two_pixels_back(values, keep):
    result = np.array((1 - keep) * values, float)
    for x in range(2, values.shape[1]):
        result[:, x] += keep[:, x] * result[:, x - 2]
    return result


@right("mean-field-step")
def step_of_the_library(logits, beliefs, affinity, price):
    """Its scores are the logarithms of the beliefs: the first step from there."""
    given, matrix = torch.from_numpy(logits), torch.from_numpy(affinity)
    heard = matrix @ torch.from_numpy(beliefs) @ potts(logits.shape[1], price).double()
    assert len(mean_field(given, [], [], 1)) == 2
    return (given - heard).softmax(dim=1).numpy()


@right("mean-field-step")
def paid_for_agreeing(logits, beliefs, affinity, price):
    """What is the same for all labels of a pixel falls out of the softmax."""
    return special.softmax(logits + price * affinity @ beliefs, axis=1)


@right("mean-field-step")
def pair_by_pair(logits, beliefs, affinity, price):
    scores = np.array(logits, float)
    for i in range(len(logits)):
        for label in range(logits.shape[1]):
            scores[i, label] -= price * sum(
                affinity[i, j] * (1 - beliefs[j, label]) for j in range(len(logits))
            )
    return special.softmax(scores, axis=1)


@wrong("mean-field-step")
def half_of_the_price(logits, beliefs, affinity, price):
    """Each pair counted once, as in the energy."""
    return special.softmax(logits + price / 2 * affinity @ beliefs, axis=1)


@wrong("mean-field-step")
def two_steps(logits, beliefs, affinity, price):
    return paid_for_agreeing(logits, paid_for_agreeing(logits, beliefs, affinity, price), affinity, price)


@wrong("mean-field-step")
def one_pixel_after_the_other(logits, beliefs, affinity, price):
    """Later pixels hear what the earlier ones have just been told."""
    beliefs = beliefs.copy()
    for i in range(len(logits)):
        beliefs[i] = special.softmax(logits[i] + price * affinity[i] @ beliefs)
    return beliefs


@wrong("mean-field-step")
def hard_answer(logits, beliefs, affinity, price):
    found = paid_for_agreeing(logits, beliefs, affinity, price)
    return np.eye(found.shape[1])[found.argmax(axis=1)]


@right("grid-filter")
def filtered_with_add_at(places, values, size):
    grid, left = np.zeros(size), places.astype(int)
    np.add.at(grid, left, (1 - (places - left)) * values)
    np.add.at(grid, left + 1, (places - left) * values)
    grid = np.convolve(grid, [0.2, 0.6, 0.2], "same")
    return np.interp(places, np.arange(size), grid)


@right("grid-filter")
def filtered_by_matrices(places, values, size):
    """Splat is the transpose of slice."""
    reads = np.maximum(0, 1 - abs(places[:, None] - np.arange(size)))
    blur = np.eye(size) * 0.6 + np.eye(size, k=1) * 0.2 + np.eye(size, k=-1) * 0.2
    return reads @ (blur @ (reads.T @ values))


@right("grid-filter")
def filtered_in_a_loop(places, values, size):
    grid = np.zeros(size)
    for place, value in zip(places, values, strict=True):
        left = int(place)
        grid[left] += (1 - (place - left)) * value
        grid[left + 1] += (place - left) * value
    grid = ndimage.correlate1d(grid, [0.2, 0.6, 0.2], mode="constant")
    return np.array([(1 - p % 1) * grid[int(p)] + p % 1 * grid[int(p) + 1] for p in places])


@wrong("grid-filter")
def unique_vertices_alone(places, values, size):
    """Repeated vertices are dropped."""
    left, first = np.unique(places.astype(int), return_index=True)
    grid = np.zeros(size)
    grid[left] += (1 - places[first] % 1) * values[first]
    grid[left + 1] += places[first] % 1 * values[first]
    return np.interp(places, np.arange(size), np.convolve(grid, [0.2, 0.6, 0.2], "same"))


@wrong("grid-filter")
def wrapped(places, values, size):
    """The grid is a ring."""
    reads = np.maximum(0, 1 - abs(places[:, None] - np.arange(size)))
    return reads @ ndimage.correlate1d(reads.T @ values, [0.2, 0.6, 0.2], mode="wrap")


@wrong("grid-filter")
def weights_of_a_mean(places, values, size):
    """A blur of thirds."""
    reads = np.maximum(0, 1 - abs(places[:, None] - np.arange(size)))
    return reads @ np.convolve(reads.T @ values, np.ones(3) / 3, "same")


@right("steps-to-reach")
def by_dilation(water, source):
    steps, wet = np.full(water.shape, -1), np.zeros(water.shape, bool)
    wet[source], step = True, 0
    while True:
        steps[wet & (steps < 0)] = step
        grown = ndimage.binary_dilation(wet, mask=water)
        if (grown == wet).all():
            return steps
        wet, step = grown, step + 1


@right("steps-to-reach")
def by_a_queue(water, source):
    steps, queue = np.full(water.shape, -1), [source]
    steps[source] = 0
    for y, x in queue:
        for r, c in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if 0 <= r < water.shape[0] and 0 <= c < water.shape[1] and water[r, c] and steps[r, c] < 0:
                steps[r, c] = steps[y, x] + 1
                queue.append((r, c))
    return steps


@right("steps-to-reach")
def by_shortest_paths(water, source):
    costs = MCP(np.where(water, 1.0, -1), fully_connected=False).find_costs([source])[0]
    return np.where(np.isfinite(costs), costs - 1, -1).astype(int)


@wrong("steps-to-reach")
def as_the_crow_flies(water, source):
    """Distances without the dikes, in what is joined."""
    parts, _ = ndimage.label(water)
    y, x = np.indices(water.shape)
    return np.where(water & (parts == parts[source]), abs(y - source[0]) + abs(x - source[1]), -1)


@wrong("steps-to-reach")
def ten_steps(water, source):
    """As many steps as the network has."""
    steps = by_a_queue(water, source)
    return np.where(steps > 10, -1, steps)


@wrong("steps-to-reach")
def two_pixels_a_step(water, source):
    steps = by_a_queue(water, source)
    return np.where(steps < 0, -1, -(-steps // 2))


@wrong("steps-to-reach")
def source_unreached(water, source):
    steps = by_a_queue(water, source)
    steps[source] = -1
    return steps
