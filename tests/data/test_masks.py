"""Conversions undo each other, and the doctor recognises each mistake and no healthy mask."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.transform import resize

from course_utils.data import masks

LABELS = hnp.arrays(
    np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(0, 4)
)
PALETTE = [(0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255), (250, 250, 250)]


def blobs(shape=(40, 60)):
    """Three thick regions, away from the border, numbered 0, 3 and 7."""
    labels = np.zeros(shape, np.uint8)
    labels[5:20, 8:30] = 3
    labels[24:36, 20:50] = 7
    return labels


@given(LABELS)
def test_onehot_and_palette_undo_each_other(labels):
    assert (masks.from_onehot(masks.to_onehot(labels, 5)) == labels).all()
    assert (masks.from_palette(masks.to_palette(labels, PALETTE), PALETTE) == labels).all()


@given(LABELS)
def test_ignored_pixels_survive_the_round_trip(labels):
    labels = np.where(labels == 4, 255, labels).astype(np.uint8)
    assert (masks.from_onehot(masks.to_onehot(labels, 4)) == labels).all()


@given(LABELS, st.integers(1, 20), st.integers(1, 20))
def test_resizing_invents_no_label_and_identity_is_identity(labels, h, w):
    resized = masks.resize_labels(labels, (h, w))
    assert resized.shape == (h, w) and resized.dtype == labels.dtype
    assert set(np.unique(resized)) <= set(np.unique(labels))
    assert (masks.resize_labels(labels, labels.shape) == labels).all()
    expected = resize(labels, (h, w), order=0, preserve_range=True, anti_aliasing=False, mode="edge")
    # skimage puts exact ties elsewhere; where no sample point falls on a pixel border the two agree
    rows = ((np.arange(h) + 0.5) * labels.shape[0] / h) % 1 != 0
    columns = ((np.arange(w) + 0.5) * labels.shape[1] / w) % 1 != 0
    assert (resized == expected)[np.ix_(rows, columns)].all()


@pytest.mark.parametrize("array", [np.eye(3, dtype=bool), np.eye(3), np.eye(3, dtype=np.uint8) * 255])
def test_to_mask_takes_two_valued_arrays(array):
    assert (masks.to_mask(array) == np.eye(3, dtype=bool)).all()


@pytest.mark.parametrize(
    ("array", "hint"),
    [(blobs(), "labels > 0"), (np.full((2, 2), np.nan), "nan"), (np.zeros((2, 2, 3)), "doctor")],
)
def test_to_mask_refuses_what_is_not_two_valued(array, hint):
    with pytest.raises(ValueError, match=hint):
        masks.to_mask(array)


def test_errors_say_what_to_do():
    with pytest.raises(ValueError, match="numbered 0 to 2"):
        masks.to_onehot(blobs(), 3)
    with pytest.raises(ValueError, match="moveaxis"):
        masks.from_onehot(np.zeros((4, 4)))
    picture = masks.to_palette(np.zeros((4, 4), int), PALETTE)
    picture[1, 2] = (3, 1, 0)
    with pytest.raises(ValueError, match=r"1 pixels .*\(3, 1, 0\).*JPEG"):
        masks.from_palette(picture, PALETTE)
    with pytest.raises(ValueError, match="colours"):
        masks.to_palette(blobs(), PALETTE)
    with pytest.raises(ValueError, match="at least 1"):
        masks.resize_labels(blobs(), (0, 4))


RNG = np.random.default_rng(0)
IMAGE = RNG.random((40, 60))
SICK = {
    "empty-array": np.zeros((0, 5)),
    "not-numbers": np.array([["cat", "dog"]]),
    "nan": np.where(blobs() == 3, np.nan, blobs()),
    "channel-axis": (blobs() > 0)[..., None],
    "palette": masks.to_palette((blobs() > 0).astype(int), PALETTE),
    "one-hot": masks.to_onehot(np.searchsorted([0, 3, 7], blobs()), 3),
    "probabilities": np.stack([np.full((40, 60), 0.25), np.full((40, 60), 0.75)]),
    "transposed": (blobs() > 0).T,
    "size": masks.resize_labels(blobs(), (20, 30)),
    "negative": blobs().astype(int) - 1,
    "fractions": np.where(blobs() > 0, 0.7, 0.0),
    "0-255": (blobs() > 0).astype(np.uint8) * 255,
    "all-background": np.zeros((40, 60), bool),
    "all-object": np.ones((40, 60), np.uint8),
    "inverted": blobs() == 0,
}


@pytest.mark.parametrize("code", SICK)
def test_the_doctor_names_each_mistake(code):
    diagnosis = masks.doctor(SICK[code], IMAGE)
    assert diagnosis.codes[0] == code
    assert code not in ("transposed", "size") or diagnosis.codes == (code,)
    assert diagnosis[0].remedy in str(diagnosis)
    assert "✗" in diagnosis._repr_html_()


@pytest.mark.parametrize("order", [1, 3])
@pytest.mark.parametrize("keep_float", [True, False])
def test_the_doctor_recognises_a_smooth_resize(order, keep_float):
    blurred = resize(blobs().astype(float), (97, 131), order=order, preserve_range=True, clip=True)
    blurred = blurred if keep_float else np.rint(blurred).astype(np.uint8)
    assert masks.doctor(blurred).codes == ("interpolated",)


def test_the_doctor_checks_the_number_of_classes():
    assert masks.doctor(blobs(), IMAGE, classes=5).codes == ("out-of-range",)
    assert masks.doctor(np.where(blobs() == 7, 255, blobs()), IMAGE, classes=4).codes == ()


@pytest.mark.parametrize(
    "healthy", [blobs(), blobs() > 0, (blobs() > 0).astype(float), blobs().astype(np.int64)]
)
def test_the_doctor_leaves_healthy_masks_alone(healthy):
    diagnosis = masks.doctor(healthy, IMAGE)
    assert diagnosis.codes == () and "Nothing is wrong" in str(diagnosis)


def test_remedies_cure():
    """The code that the doctor prescribes makes a mask that the doctor finds healthy."""
    truth = blobs() > 0
    for code in ("channel-axis", "one-hot", "transposed", "0-255", "inverted"):
        prescription = masks.doctor(SICK[code], IMAGE)[0].remedy.split("`")[1]
        cured = eval(prescription, {"mask": SICK[code], "masks": masks, "np": np})
        assert masks.doctor(cured, IMAGE).codes == (), code
        assert ((np.asarray(cured) > 0) == truth).all(), code


def test_the_doctor_knows_lists_that_are_no_arrays():
    ragged = [[1, 0], [1]]
    assert masks.doctor(ragged).codes == ("not-numbers",)
    assert masks.doctor(blobs(), ragged).codes == ("size",)


ANY_SHAPE = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)


@given(st.one_of(hnp.arrays(dtype, ANY_SHAPE) for dtype in (bool, np.uint8, np.int16, np.float32, "U2")))
def test_the_doctor_never_raises(array):
    diagnosis = masks.doctor(array, IMAGE)
    assert isinstance(str(diagnosis), str) and isinstance(diagnosis._repr_html_(), str)
