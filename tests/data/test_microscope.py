"""The generated nuclei: exact truth, each knob does what it says and nothing else, and they resemble real ones."""

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.filters import threshold_otsu

from benchmarks import nuclei_realism
from course_utils.data import synthetic
from course_utils.data.synthetic import KINDS, KNOBS, nuclei, specimen

SEEDS = st.integers(0, 10**6)
SMALL = {"size": (96, 128), "diameter": 16}
DIFFICULTIES = {name: 0 for name in KNOBS if name not in ("diameter", "crowding", "clustering", "touching")}
QUIET = {"photons": 0, "read_noise": 0}

few = settings(max_examples=20)


@st.composite
def knobs(draw):
    """Any knobs at all, near their ranges' ends and zeros as hypothesis likes it."""
    chosen = {
        name: draw(st.floats(low, high)) for name, (low, high, _) in KNOBS.items() if name != "diameter"
    }
    return chosen | {"size": (64, 80), "diameter": draw(st.floats(6, 40))}


def iou(one, other):
    return (one & other).sum() / (one | other).sum()


# ------------------------------------------------------------------------------------------------ the truth


@few
@given(SEEDS, knobs())
def test_any_knobs_give_an_eight_bit_image_and_consecutive_connected_labels(seed, chosen):
    sample = nuclei(seed, **chosen)
    assert sample.image.shape == sample.labels.shape == (64, 80)
    assert sample.image.dtype == np.float64 and sample.labels.dtype == np.int32
    assert np.array_equal(np.round(sample.image * 255) / 255, sample.image)
    assert sample.image.min() >= 0 and sample.image.max() <= 1
    present = np.unique(sample.labels[sample.labels > 0])
    assert present.size and np.array_equal(present, np.arange(1, present.size + 1))
    for number in present:
        assert ndimage.label(sample.labels == number)[1] == 1


@few
@given(SEEDS, knobs())
def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_image(seed, chosen):
    one, again = nuclei(seed, **chosen), nuclei(seed, **chosen)
    assert one.image.tobytes() == again.image.tobytes() and one.labels.tobytes() == again.labels.tobytes()
    assert nuclei(seed + 1, **chosen | {"crowding": 0.3}).labels.tobytes() != one.labels.tobytes()


def test_the_nuclei_are_those_of_the_lessons():
    """Notebooks and recorded results show these: a change of the generator is a change of the lessons."""
    sample = nuclei(1)
    assert zlib.crc32(sample.labels.astype("<i4").tobytes()) == 1323975809
    assert sample.image.mean() == pytest.approx(0.10015, abs=1e-4)


@few
@given(SEEDS)
def test_without_difficulties_the_image_is_its_truth(seed):
    sample = nuclei(seed, **SMALL | DIFFICULTIES, touching=0)
    assert np.array_equal(sample.image > 0, sample.labels > 0)
    assert len(np.unique(sample.image)) == 2


@few
@given(SEEDS, st.floats(0, 1), st.floats(0, 0.9), st.floats(0, 0.6))
def test_no_two_nuclei_touch_unless_asked_to(seed, irregularity, elongation, crowding):
    shape = {"irregularity": irregularity, "elongation": elongation, "crowding": crowding}
    assert nuclei_realism.touching(nuclei(seed, **SMALL | shape, touching=0).labels) == 0


def test_touching_nuclei_have_labels_of_their_own():
    shares = [
        np.mean([nuclei_realism.touching(nuclei(s, touching=t).labels) for s in range(4)]) for t in (0.2, 0.9)
    ]
    assert 0.05 < shares[0] < shares[1] - 0.2


# --------------------------------------------------------------------------------- each knob, and it alone


@few
@given(SEEDS)
def test_more_crowding_keeps_the_nuclei_there_were(seed):
    covered, counts = np.zeros(SMALL["size"], bool), []
    for crowding in (0, 0.1, 0.3, 0.6):
        labels = nuclei(seed, **SMALL | DIFFICULTIES, touching=0, crowding=crowding).labels
        assert (labels > 0)[covered].all()
        covered = labels > 0
        counts.append(labels.max())
    assert counts == sorted(counts) and counts[0] == 1 < counts[-1]


@few
@given(
    SEEDS,
    st.sampled_from(sorted(set(DIFFICULTIES) - {"size_spread", "elongation", "irregularity", "mitosis"})),
)
def test_what_happens_to_the_light_does_not_move_the_nuclei(seed, name):
    low, high, _ = KNOBS[name]
    one, other = (nuclei(seed, **SMALL, **{name: value}) for value in (low, high))
    assert np.array_equal(one.labels, other.labels)
    assert not np.array_equal(one.image, other.image) or name in ("overlap", "debris")


@few
@given(SEEDS, st.sampled_from(["size_spread", "elongation", "irregularity", "mitosis"]))
def test_what_happens_to_the_shapes_does_not_move_the_first_nucleus(seed, name):
    low, high, _ = KNOBS[name]
    one, other = (nuclei(seed, **SMALL | {name: value}, crowding=0).labels > 0 for value in (low, high))
    assert (one & other).any()


@few
@given(SEEDS)
def test_more_photons_less_noise(seed):
    errors = []
    truth = nuclei(seed, **SMALL | QUIET).image
    for photons in (5, 50, 500, 5000):
        errors.append(np.std(nuclei(seed, **SMALL | QUIET | {"photons": photons}).image - truth))
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 5 * errors[2] > 0


@few
@given(SEEDS)
def test_read_noise_is_as_strong_as_it_says(seed):
    empty = {"crowding": 0, "background": 0.5, "cytoplasm": 0, "debris": 0, "illumination": 0, "haze": 0}
    sample = nuclei(seed, size=128, diameter=8, **empty, photons=0, read_noise=0.05)
    assert sample.image[ndimage.distance_transform_edt(sample.labels == 0) > 12].std() == pytest.approx(
        0.05, rel=0.1
    )


@few
@given(SEEDS)
def test_illumination_zero_is_flat_and_one_leaves_a_corner_dark(seed):
    glow = {
        "crowding": 0,
        "background": 1,
        "cytoplasm": 0,
        "debris": 0,
        "haze": 0,
        "blur": 0,
        "dimness": 0.2,
    } | QUIET
    flat = nuclei(seed, size=128, diameter=8, illumination=0, **glow)
    away = ndimage.distance_transform_edt(flat.labels == 0) > 12
    assert np.ptp(flat.image[away]) == 0
    uneven = nuclei(seed, size=128, diameter=8, illumination=0.8, **glow)
    assert uneven.image[away].min() < 0.3 * uneven.image[away].max()


@few
@given(SEEDS, st.sampled_from(["blur", "defocus", "smoothing"]))
def test_blur_defocus_and_smoothing_make_edges_shallower(seed, name):
    plain = {"blur": 0.5, "defocus": 0, "debris": 0, "mitosis": 0} | QUIET
    images = [nuclei(seed, **SMALL | plain | {name: value}).image for value in (0, KNOBS[name][1])]
    sharp, soft = (np.hypot(*np.gradient(image)).sum() for image in images)
    assert soft < sharp


@few
@given(SEEDS)
def test_dimness_leaves_fewer_grey_levels(seed):
    levels = [
        len(np.unique(nuclei(seed, **SMALL | QUIET | {"dimness": dimness}).image))
        for dimness in (0, 0.5, 0.95)
    ]
    assert levels == sorted(levels, reverse=True) and levels[-1] < levels[0] / 3


@pytest.mark.parametrize(
    ("name", "values", "quantity"),
    [
        ("texture", (0, 0.3, 0.8), "texture"),
        ("brightness_spread", (0, 0.3, 0.8), "spread of brightness"),
        ("size_spread", (0, 0.2, 0.4), "spread of log area"),
        ("elongation", (0.2, 0.6, 0.85), "eccentricity"),
        ("background", (0, 0.2, 0.6), "grey, 25 %"),
        ("diameter", (14, 24, 40), "area"),
        ("haze", (0, 0.3, 0.7), "halo, of contrast"),
        ("illumination", (0, 0.4, 0.9), "shading, of contrast"),
        ("read_noise", (0.002, 0.02, 0.1), "noise"),
        ("smoothing", (0, 0.6, 1.2), "noise correlation"),
    ],
)
def test_a_knob_moves_the_quantity_it_is_named_for(name, values, quantity):
    plain = DIFFICULTIES | {"background": 0.2, "blur": 0.7, "photons": 500}
    means = []
    for value in values:
        samples = [
            nuclei(seed, **plain | {"crowding": 0.15, "touching": 0, name: value}) for seed in range(3)
        ]
        means.append(np.nanmean([nuclei_realism.measure(s.image, s.labels)[quantity] for s in samples]))
    assert means == sorted(means) and means[-1] > means[0]


def test_irregular_nuclei_are_less_convex_and_spots_debris_and_cytoplasm_add_light():
    plain = {"debris": 0, "cytoplasm": 0, "nucleoli": 0, "spots": 0} | QUIET
    smooth, rough = (nuclei(3, irregularity=value, touching=0).labels for value in (0, 1))
    assert nuclei_realism.shapes(rough)["solidity"] < nuclei_realism.shapes(smooth)["solidity"]
    dark = nuclei(3, **plain).image.mean()
    for name in ("spots", "debris", "cytoplasm", "mitosis", "overlap"):
        assert nuclei(3, **plain | {"mitosis": 0, "overlap": 0, "touching": 0.8} | {name: 0}).image.mean() < (
            nuclei(
                3, **plain | {"mitosis": 0, "overlap": 0, "touching": 0.8} | {name: KNOBS[name][1]}
            ).image.mean()
        )
    assert nuclei(3, **plain | {"nucleoli": 1}).image.mean() < dark


# ------------------------------------------------------------------------------------ what lesson 02 teaches


def otsu_iou(sample):
    return iou(sample.image > threshold_otsu(sample.image), sample.labels > 0)


EASY = {"illumination": 0, "blur": 0.7, "defocus": 0, "haze": 0.1, "mitosis": 0, "brightness_spread": 0.1}


def test_otsu_does_well_on_easy_nuclei_and_fails_under_uneven_light():
    easy = [otsu_iou(nuclei(seed, **EASY)) for seed in range(8)]
    shaded = [otsu_iou(nuclei(seed, **EASY | {"illumination": 0.95, "background": 0.4})) for seed in range(8)]
    assert min(easy) > 0.85
    assert np.mean(shaded) < np.mean(easy) - 0.3


def test_thresholding_merges_touching_nuclei_and_not_lone_ones():
    for touching, fraction in ((0, (0.95, 1.05)), (0.9, (0, 0.75))):
        samples = [nuclei(seed, **EASY | {"debris": 0, "touching": touching}) for seed in range(5)]
        found = sum(ndimage.label(s.image > threshold_otsu(s.image))[1] for s in samples)
        assert fraction[0] <= found / sum(s.labels.max() for s in samples) <= fraction[1]


# ---------------------------------------------------------------------------------- specimens, and real images


@pytest.mark.parametrize("kind", KINDS)
def test_the_ranges_of_each_kind_lie_within_those_of_the_knobs(kind):
    assert set(KINDS[kind]) | {"smoothing"} == set(KNOBS)
    for name, (low, high) in KINDS[kind].items():
        assert KNOBS[name][0] <= low <= high <= KNOBS[name][1], name
    assert specimen(3, kind, size=64).labels.max() >= 1


@few
@given(SEEDS)
def test_a_specimen_is_the_same_for_the_same_seed_and_draws_its_kind(seed):
    assert specimen(seed, size=48).image.tobytes() == specimen(seed, size=48).image.tobytes()
    assert any(
        specimen(seed, size=48).image.tobytes() == specimen(seed, kind, size=48).image.tobytes()
        for kind in KINDS
    )


def test_generated_nuclei_measure_like_real_ones(real_data):
    """On every other real image: the median of each quantity lies between the real quartiles."""
    rows = [row for row in nuclei_realism.compare(real_data / "nuclei", every=2) if row[0] == "all"]
    assert len(rows) == 24
    *quantities, histograms = [(name, low, median, high) for _, name, low, _, high, _, median, *_ in rows]
    for name, low, median, high in quantities:
        assert low <= median <= high, name
    assert histograms[0] == "histogram distance" and histograms[2] <= histograms[3]


def test_the_measures_know_what_they_measure():
    """A disc of known area on a flat, noisy background."""
    y, x = np.mgrid[:128, :128] - 64
    labels = (np.hypot(y, x) < 20).astype(np.int32)
    image = 0.2 + 0.5 * labels + 0.02 * np.random.default_rng(0).standard_normal(labels.shape)
    found = nuclei_realism.measure(image, labels)
    assert found["nuclei"] == 1 and found["touching"] == 0
    assert found["area"] == pytest.approx(np.pi * 20**2, rel=0.02)
    assert found["eccentricity"] < 0.1
    assert found["contrast"] == pytest.approx(0.5, abs=0.01)
    assert found["noise"] == pytest.approx(0.02, rel=0.1)
    assert abs(found["noise correlation"]) < 0.1
    assert found["texture"] == pytest.approx(0.02 / 0.7, rel=0.1)


# --------------------------------------------------------------------------------------------- errors that help


@pytest.mark.parametrize("name", KNOBS)
def test_a_knob_out_of_range_says_which_and_what_it_means(name):
    low, high, meaning = KNOBS[name]
    for wrong in (low - 1, high * 2 + 1, np.nan):
        with pytest.raises(ValueError, match=name) as error:
            nuclei(**{name: wrong})
        assert meaning in str(error.value) and str(high) in str(error.value)
    with pytest.raises(TypeError, match=name):
        nuclei(**{name: "much"})


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"seed": -1}, ValueError, "negative"),
        ({"seed": 1.5}, TypeError, "whole number"),
        ({"size": 8}, ValueError, "at least 16"),
        ({"size": (64, 64, 3)}, TypeError, "height, width"),
        ({"size": "big"}, TypeError, "height, width"),
        ({"size": 64.5}, TypeError, "height, width"),
    ],
)
def test_wrong_seeds_and_sizes_are_explained(arguments, error, words):
    for function in (nuclei, specimen):
        with pytest.raises(error, match=words):
            function(**arguments)


def test_an_unknown_kind_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"'plankton'.*fibroblasts.*culture"):
        specimen(kind="plankton")


def test_every_knob_is_documented_with_its_range():
    for name, (_, high, _) in KNOBS.items():
        text = synthetic.nuclei.__doc__.split(f"    {name} : float\n")[1].split(" : ")[0]
        assert f"{high:g}".replace("e+0", "e") in text, name
