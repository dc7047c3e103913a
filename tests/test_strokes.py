"""The forest of pixels: learns from strokes, says the same twice, and explains what it does not take."""

import numpy as np
import pytest

from course_utils import strokes


def two_textures():
    """(image, mask, painted): stripes left, noise right, of equal mean and contrast; a stroke in each."""
    rng = np.random.default_rng(0)
    mask = np.zeros((60, 80), bool)
    mask[:, 40:] = True
    stripes = np.sign(np.sin(np.arange(60) * 2 * np.pi / 8 + 0.1))[:, None].repeat(80, axis=1)
    image = np.where(mask, rng.choice([-1.0, 1.0], mask.shape), stripes)
    painted = np.zeros(mask.shape, int)
    painted[25:28, 8:30], painted[25:28, 50:72] = 3, 8
    return image, mask, painted


def test_two_textures_are_told_apart_from_two_strokes():
    image, mask, painted = two_textures()
    forest = strokes.pixel_classifier(image, painted, trees=30, scales=(1, 2))
    answer = forest.predict(image)
    assert set(np.unique(answer)) <= {3, 8} and answer.dtype == np.int32
    assert ((answer == 8) == mask).mean() > 0.9
    probabilities = forest.probabilities(image)
    assert probabilities.shape == (2, 60, 80)
    assert np.allclose(probabilities.sum(axis=0), 1)
    assert sum(forest.importances().values()) == pytest.approx(1)
    assert list(forest.importances().values()) == sorted(forest.importances().values(), reverse=True)


def test_the_same_seed_gives_the_same_forest_from_one_image_or_a_list():
    image, _, painted = two_textures()
    one = strokes.pixel_classifier(image, painted, trees=10, scales=(1,)).probabilities(image)
    other = strokes.pixel_classifier([image], [painted], trees=10, scales=(1,)).probabilities(image)
    assert np.array_equal(one, other)


def test_strokes_in_several_images_count_together():
    image, mask, painted = two_textures()
    forest = strokes.pixel_classifier(
        [image, image[::-1]],
        [painted * (painted == 3), (painted * (painted == 8))[::-1]],
        trees=30,
        scales=(1, 2),
    )
    assert forest.classes.tolist() == [3, 8]
    assert ((forest.predict(image) == 8) == mask).mean() > 0.9


def test_what_does_not_fit_gets_a_clear_error():
    image, _, painted = two_textures()
    for images, marks, message in (
        (image, painted[1:], "image's shape"),
        (image, painted / 2, "strokes must be integers"),
        (image, painted - 1, "must not be negative"),
        (image, painted * (painted == 3), "at least two classes"),
        ([image], [], "0 for 1"),
        ([image, np.stack([image] * 3, axis=-1)], [painted] * 2, "same number of channels"),
        (image * np.nan, painted, "NaN"),
    ):
        with pytest.raises(ValueError, match=message):
            strokes.pixel_classifier(images, marks, trees=2, scales=(1,))
    forest = strokes.pixel_classifier(image, painted, trees=2, scales=(1,))
    with pytest.raises(ValueError, match="as many channels"):
        forest.predict(np.stack([image] * 3, axis=-1))


def test_paint_stays_inside_paints_every_class_and_is_the_same_for_the_same_seed():
    rng = np.random.default_rng(1)
    labels = np.kron(rng.integers(0, 4, (5, 6)), np.ones((16, 16), int))
    painted = strokes.paint(labels, seed=3)
    assert painted.dtype == np.int32 and set(np.unique(painted)) == {0, 1, 2, 3}
    assert (painted[painted > 0] == labels[painted > 0]).all()
    assert np.array_equal(painted, strokes.paint(labels, seed=3))
    assert not np.array_equal(painted, strokes.paint(labels, seed=4))


def test_paint_draws_lines_of_the_length_and_width_asked_for():
    painted = strokes.paint(np.ones((200, 200), int), count=1, length=40, width=3, seed=0)
    rows, columns = np.nonzero(painted)
    assert 40 <= np.hypot(np.ptp(rows), np.ptp(columns)) <= 46
    assert 100 <= painted.sum() <= 150


def test_paint_takes_odd_widths_alone():
    for width in (1, 3, 5):
        assert strokes.paint(np.ones((60, 60), int), count=1, width=width).any()
    for width in (2, 0, -1, 2.5):
        with pytest.raises(ValueError, match="odd whole number"):
            strokes.paint(np.ones((60, 60), int), width=width)


def test_paint_reaches_the_smallest_class_and_leaves_unknown_pixels_alone():
    labels = np.zeros((9, 9), int)
    labels[4, 4] = 2
    painted = strokes.paint(labels)
    assert painted[4, 4] == 2 and painted.sum() == 2
