"""The record of the two annotators is true, and they agree."""

import numpy as np
import pytest

from course_utils import agreement, metrics
from course_utils.data import photos


@pytest.fixture(scope="module")
def measured():
    return agreement.measure()


def test_the_record_is_what_is_measured(measured):
    recorded = agreement.recorded()
    assert [row[:2] for row in recorded] == [row[:2] for row in measured]
    np.testing.assert_allclose([row[2:] for row in recorded], [row[2:] for row in measured], atol=1e-3)


def test_at_least_four_photographs_were_drawn_twice(measured):
    assert len({row.photo for row in measured}) >= 4
    assert [row.object for row in measured if row.photo == "coins"] == [f"coin {i}" for i in range(1, 25)]


def test_the_annotators_agree(measured):
    """Within a pixel on average, and all but a tenth of the boundary within two, where the edge is in focus."""
    for row in measured:
        # The cat's far cheek is out of focus, and no line in the blur is the right one.
        assert row.distance < (1.5 if row.object == "cat" else 1.0), row
        assert row.boundary_f > (0.75 if row.object == "cat" else 0.9), row
        # Half a pixel all around costs a thin object most: the tripod's legs are seven pixels wide.
        assert row.iou > (0.88 if row.object == "tripod" else 0.94), row


def test_no_vertex_was_taken_over():
    """Vertices on the frame of the photograph may meet; elsewhere a shared one betrays a copy."""
    for name in photos.names("B"):
        height, width = photos.image(name).shape[:2]
        frame = {-0.5, width - 0.5}, {-0.5, height - 0.5}
        first, second = (
            {(x, y) for outline in photos.outlines(name, who) for ring in outline.rings for x, y in ring}
            for who in "AB"
        )
        assert not {(x, y) for x, y in first & second if x not in frame[0] and y not in frame[1]}, name


def test_distance_of_squares():
    """A square and itself one pixel to the right, against all pairs of boundary pixels."""
    a = np.zeros((20, 20), bool)
    a[5:11, 5:11] = True
    b = np.roll(a, 1, axis=1)
    assert agreement.boundary_distance(a, a) == 0.0
    to, of = np.argwhere(metrics.boundary(a)), np.argwhere(metrics.boundary(b))
    pairs = np.linalg.norm(to[:, None] - of[None], axis=2)
    expected = np.concatenate([pairs.min(axis=1), pairs.min(axis=0)]).mean()
    assert agreement.boundary_distance(a, b) == pytest.approx(expected)
    assert agreement.boundary_distance(a, b) == agreement.boundary_distance(b, a)


def test_distance_to_nothing_is_refused():
    for nothing in (np.zeros((3, 3), bool), np.ones((3, 3), bool)):
        with pytest.raises(ValueError, match="no boundary"):
            agreement.boundary_distance(np.eye(3, dtype=bool), nothing)
