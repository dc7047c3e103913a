"""Mazes: the dyed water is a component of the water, the ways are the shortest, gates close."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.sparse.csgraph import dijkstra
from skimage.graph import pixel_graph

from course_utils.data.synthetic.mazes import DIKE, DYE, WATER, maze

SEEDS, CELLS = st.integers(0, 10**6), st.integers(2, 9)


@settings(max_examples=30)
@given(SEEDS, CELLS, st.integers(0, 3))
def test_the_dyed_water_is_the_dyes_component_and_its_steps_are_the_shortest_ways(seed, cells, gates):
    found = maze(seed, cells=cells, gates=gates)
    parts, count = ndimage.label(found.water)
    (start,) = np.argwhere(found.steps == 0)
    np.testing.assert_array_equal(found.target == 1, parts == parts[tuple(start)])
    assert count == gates + 1  # each pair of crossings is joined in one way
    graph, nodes = pixel_graph(found.water, connectivity=1)
    ways = dijkstra(graph, indices=np.flatnonzero(nodes == np.ravel_multi_index(start, found.water.shape))[0])
    np.testing.assert_array_equal(found.steps.ravel()[nodes], np.where(np.isfinite(ways), ways, -1))
    assert (found.steps[~found.water] == -1).all()


@settings(max_examples=20)
@given(SEEDS, CELLS, st.floats(0, 0.2))
def test_the_image_shows_water_dikes_and_one_pixel_of_dye(seed, cells, noise):
    found = maze(seed, cells=cells, gates=1, noise=noise)
    assert found.image.shape == (2 * cells + 1, 2 * cells + 1, 3)
    assert np.array_equal(np.round(found.image * 255) / 255, found.image)
    assert not found.water[[0, -1]].any() and not found.water[:, [0, -1]].any()
    plain = maze(seed, cells=cells, gates=1, noise=0)
    for scene, where in (
        (WATER, found.water & (found.steps != 0)),
        (DIKE, ~found.water),
        (DYE, found.steps == 0),
    ):
        np.testing.assert_allclose(plain.image[where] - scene, 0, atol=1 / 510 + 1e-9)
    np.testing.assert_array_equal(plain.target, found.target)
    assert maze(seed, cells=cells, gates=1, noise=noise).image.tobytes() == found.image.tobytes()


@pytest.mark.parametrize(
    "knobs",
    [{"cells": 1}, {"cells": 2.5}, {"gates": -1}, {"cells": 2, "gates": 4}, {"noise": 0.5}, {"seed": -1}],
)
def test_what_cannot_be_is_refused(knobs):
    with pytest.raises(ValueError):
        maze(**knobs)
