"""The collages: four names for every pixel, none a short cut to another, and nothing shared with other generators."""

import ast
import zlib
from itertools import combinations, pairwise, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, stats

from course_utils.data import synthetic
from course_utils.data.synthetic import collages
from course_utils.data.synthetic.collages import (
    COLOURS,
    FIGURES,
    GRAINLESS,
    GRAINS,
    MATERIALS,
    SHAPES,
    Cloth,
    collage,
)

SEEDS = st.integers(0, 10**6)
few = settings(max_examples=40)


@few
@given(SEEDS, st.tuples(st.integers(16, 70), st.integers(16, 70)), st.integers(0, 12), st.booleans())
def test_any_knobs_give_an_eight_bit_image_and_four_names_for_every_pixel(seed, size, figures, grey):
    sample = collage(seed, size=size, figures=figures, grey=grey)
    assert sample.image.shape == (*size, 3) and sample.image.dtype == np.float64
    assert sample.labels.shape == size and sample.labels.dtype == np.int32
    assert np.array_equal(np.round(sample.image * 255) / 255, sample.image)
    assert sample.image.min() >= 0 and sample.image.max() <= 1
    assert sample.labels.min() >= 0 and sample.labels.max() < len(sample.regions)
    for region in sample.regions:
        assert region.material in MATERIALS and region.grain in GRAINS
        assert region.colour in COLOURS and region.shape in SHAPES
    ground = sum(region.shape == "ground" for region in sample.regions)
    assert 1 <= ground <= 3 and len(sample.regions) == ground + figures
    assert all(region.shape == "ground" for region in sample.regions[:ground])
    assert sample.grey is grey
    assert (np.ptp(sample.image, axis=2) == 0).all() or not grey
    again = collage(seed, size=size, figures=figures, grey=grey)
    assert again.image.tobytes() == sample.image.tobytes() and again.regions == sample.regions


def test_the_collages_are_those_that_were_learned_from():
    """The weights that ship were taught with these: a change of the generator asks for other weights."""
    samples = [collage(seed) for seed in range(8)]
    text = repr([sample.regions for sample in samples]).encode()
    assert zlib.crc32(text) == 1850005401
    assert zlib.crc32(np.stack([s.labels for s in samples]).astype("<i4").tobytes()) == 2142563673
    assert np.stack([s.image for s in samples]).mean(axis=(0, 1, 2)) == pytest.approx(
        (0.3422, 0.2785, 0.1757), abs=1e-3
    )


def test_one_picture_in_four_is_grey_and_figures_are_one_to_five():
    samples = [collage(seed, size=16) for seed in range(400)]
    assert abs(np.mean([sample.grey for sample in samples]) - 0.25) < 0.07  # three deviations
    counts = [sum(region.shape != "ground" for region in sample.regions) for sample in samples]
    assert set(counts) == set(range(1, 6))


def test_two_pictures_of_five_have_one_colour():
    alike = [
        len({region.colour for region in collage(seed, size=16, figures=5).regions}) == 1
        for seed in range(400)
    ]
    assert abs(np.mean(alike) - 0.4) < 0.075


def test_no_name_tells_another():
    """All pairs of names are thrown by independent fair dice. One region a picture, as colours may be shared."""
    regions = [collage(seed, size=16, figures=1).regions[-1] for seed in range(2500)]
    figures = [region for region in regions if region.shape != "ground"]
    kinds = {"material": MATERIALS, "grain": GRAINS, "colour": COLOURS, "shape": FIGURES}
    for kind, names in kinds.items():
        counts = [sum(getattr(region, kind) == name for region in figures) for name in names]
        assert stats.chisquare(counts).pvalue > 1e-3
    for one, other in combinations(kinds, 2):
        table = np.zeros((len(kinds[one]), len(kinds[other])))
        places = [{name: place for place, name in enumerate(kinds[kind])} for kind in (one, other)]
        for region in figures:
            table[places[0][getattr(region, one)], places[1][getattr(region, other)]] += 1
        assert stats.chi2_contingency(table).pvalue > 1e-3


# ------------------------------------------------------------------------------------------------- materials


@pytest.mark.parametrize("name", MATERIALS)
def test_a_material_is_a_field_about_nought_that_differs_from_seed_to_seed(name):
    fields = [MATERIALS[name](Cloth((48, 40), np.random.default_rng(seed))) for seed in range(12)]
    for field in fields:
        assert field.shape == (48, 40) and np.isfinite(field).all() and abs(field).max() < 4
    if name == "plain":
        assert not np.any(fields)
    else:
        assert all(0.08 < field.std() < 1.2 for field in fields)
        assert not np.allclose(fields[0], fields[1])
    assert abs(np.mean(fields)) < 0.75


def _cloth(seed, period=8.0, size=(64, 64)):
    return Cloth(size, np.random.default_rng(seed), period)


@pytest.mark.parametrize("name", MATERIALS)
def test_a_coarser_grain_is_a_longer_period(name):
    """With twice the period a material has less to show at high frequencies; without a period nothing changes."""
    share = {period: [] for period in (5.0, 10.0)}
    for period, found in share.items():
        for seed in range(6):
            field = MATERIALS[name](_cloth(seed, period))
            spectrum = abs(np.fft.rfft2(field - field.mean())) ** 2
            radius = np.hypot(np.fft.fftfreq(64)[:, None], np.fft.rfftfreq(64))
            found.append((radius * spectrum).sum() / (spectrum.sum() + 1e-12))
    fine, coarse = (np.mean(found) for found in share.values())
    if name in GRAINLESS:
        assert fine == pytest.approx(coarse)
    else:
        assert coarse < 0.85 * fine


def test_grains_share_no_period_and_leave_none_out():
    bounds = [edge for span in GRAINS.values() for edge in span]
    assert bounds == sorted(bounds) and bounds[1:-1:2] == bounds[2::2]


def _portrait(field):
    """What a glance says of a texture, whichever way it is turned."""
    field = (field - field.mean()) / (field.std() + 1e-9)
    spectrum = abs(np.fft.fft2(field * np.outer(np.hanning(64), np.hanning(64)))) ** 2
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(64), np.fft.fftfreq(64)))
    rings = [spectrum[(radius >= low) & (radius < high)] for low, high in pairwise(EDGES)]
    whole = spectrum.sum() + 1e-9
    peaks = [np.sort(ring)[::-1][:4].sum() / (ring.sum() + 1e-9) for ring in rings]
    steps = np.hypot(*np.gradient(field))
    moments = [
        stats.skew(field, axis=None),
        stats.kurtosis(field, axis=None),
        stats.kurtosis(steps, axis=None),
    ]
    levels = np.histogram(np.clip(field, -3, 3), np.linspace(-3, 3, 9))[0] / field.size
    return [*(ring.sum() / whole for ring in rings), *peaks, *np.tanh(moments), steps.mean(), *levels]


EDGES = (0.0, 0.02, 0.05, 0.08, 0.12, 0.17, 0.24, 0.34, 0.75)


def test_materials_can_be_told_apart():
    """A forest names them by some numbers far oftener than by chance, one in forty: each has a look of its own."""
    from sklearn.ensemble import RandomForestClassifier

    def portraits(seeds):
        return [
            _portrait(MATERIALS[name](Cloth((64, 64), np.random.default_rng([seed, place]))))
            for place, name in enumerate(MATERIALS)
            for seed in seeds
        ]

    truth = np.repeat(np.arange(len(MATERIALS)), 24)
    forest = RandomForestClassifier(60, random_state=0).fit(np.nan_to_num(portraits(range(24))), truth)
    right = forest.predict(np.nan_to_num(portraits(range(100, 108)))) == np.repeat(
        np.arange(len(MATERIALS)), 8
    )
    assert right.mean() > 0.6
    assert (right.reshape(len(MATERIALS), 8).sum(axis=1) > 0).mean() > 0.9


def test_colours_are_those_of_their_names():
    """Before the light falls on it, the mean colour of a filled region is nearest to that of its name."""
    rng = np.random.default_rng(0)
    typical = np.array(list(COLOURS.values()))
    right = []
    for material, colour in product(("plain", "stripes", "clouds", "spots"), COLOURS):
        for _ in range(5):
            filled = collages._filled((32, 32), collages.Region(material, "fine", colour, "ground"), rng)
            nearest = np.linalg.norm(typical - np.median(filled, axis=(0, 1)), axis=1).argmin()
            right.append(list(COLOURS)[nearest] == colour)
    assert np.mean(right) > 0.8
    apart = np.linalg.norm(typical[:, None] - typical, axis=2)[np.triu_indices(len(typical), 1)]
    assert apart.min() > 3 * collages.COLOUR_SPREAD


# --------------------------------------------------------------------------------------------------- figures


def _figure(name, seed=0, side=81):
    place = np.linspace(-1.6, 1.6, side)
    return FIGURES[name](*np.meshgrid(place, place), np.random.default_rng(seed))


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_one_piece_within_its_radius(name):
    for seed in range(5):
        level = _figure(name, seed)
        place = np.linspace(-1.6, 1.6, 81)
        inside = level > 0
        assert inside.any() and ndimage.label(inside)[1] == 1
        assert np.hypot(*np.meshgrid(place, place))[inside].max() < 1.6
        rim = inside ^ ndimage.binary_erosion(inside)
        slope = np.hypot(*np.gradient(level, 3.2 / 80))
        assert (
            0.25 < np.median(slope[rim]) < 1.6
        )  # the level is about the distance: its edge is as sharp as a pixel


def test_holes_and_corners_are_where_their_names_say():
    around = np.ones((3, 3))  # what is outside hangs together across corners, too
    holes = {name: ndimage.label(_figure(name) <= 0, around)[1] - 1 for name in FIGURES}
    assert holes == {name: int(name in ("ring", "frame")) for name in FIGURES}
    filled = {
        name: (_figure(name, side=321) > 0).mean() * 3.2**2 for name in ("disk", "box", "triangle", "hexagon")
    }
    assert filled == pytest.approx(
        {"disk": np.pi, "box": 4, "triangle": 27**0.5 / 4, "hexagon": 1.5 * 3**0.5}, rel=0.04
    )


def test_figures_cover_what_was_there_before():
    """With more figures the ground that is left gets less, and every figure but hidden ones is seen."""
    shares = []
    for seed in range(30):
        none, many = collage(seed, figures=0), collage(seed, figures=6)
        assert {region.shape for region in none.regions} == {"ground"}
        ground = sum(region.shape == "ground" for region in many.regions)
        shares.append((many.labels < ground).mean())
        assert np.array_equal(np.unique(none.labels), np.arange(len(none.regions)))
    assert 0.3 < np.mean(shares) < 0.8


def test_edges_of_the_picture_are_edges_of_the_truth(monkeypatch):
    """Where all materials are plain, the steepest steps of the picture lie where the number of the region changes."""
    monkeypatch.setattr(collages, "MATERIALS", dict.fromkeys(MATERIALS, MATERIALS["plain"]))
    shares = []
    for seed in range(24):
        sample = collage(seed, grey=False)
        steps = np.hypot(*np.gradient(ndimage.gaussian_filter(sample.image.mean(axis=2), 1)))
        border = ndimage.maximum_filter(sample.labels, 5) != ndimage.minimum_filter(sample.labels, 5)
        shares.append(border[steps >= np.quantile(steps, 0.97)].mean())
    assert np.mean(shares) > 0.85


# ------------------------------------------------------------------------------------------------- small print


def test_nothing_is_shared_with_other_generators_or_photographs():
    text = ast.parse(Path(collages.__file__).read_text(encoding="utf-8"))
    names = {
        node.module if isinstance(node, ast.ImportFrom) else alias.name
        for node in ast.walk(text)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    assert {name for name in names if name.startswith("course_utils")} == {
        "course_utils.data.synthetic.sample"
    }
    assert {name.split(".")[0] for name in names} == {
        "course_utils",
        "dataclasses",
        "functools",
        "numpy",
        "scipy",
        "typing",
    }


def test_the_nearest_of_strewn_points_is_the_nearest_of_all():
    rng = np.random.default_rng(0)
    u, v = rng.uniform(-3, 4, (2, 30, 30))
    for jitter, staggered in ((1.0, False), (0.0, False), (0.0, True), (1.0, True)):
        found = collages._nearest(u, v, jitter, staggered, np.random.default_rng(1))
        points = np.stack([v - found.dv, u - found.du], -1).reshape(-1, 2)
        points = np.unique(points.round(9), axis=0)  # those that are nearest to something
        apart = np.hypot(v[..., None] - points[:, 0], u[..., None] - points[:, 1])
        assert np.allclose(found.first, np.hypot(found.du, found.dv))
        assert (found.first <= apart.min(axis=-1) + 1e-9).all()
        assert (found.second >= found.first).all()


def test_seeds_of_the_course_share_nothing():
    splits = [set(seeds) for seeds in synthetic.COLLAGE_SEEDS.values()]
    assert not any(one & other for place, one in enumerate(splits) for other in splits[:place])


@pytest.mark.parametrize(
    ("knobs", "error"),
    [
        ({"figures": 13}, ValueError),
        ({"figures": -1}, ValueError),
        ({"figures": 2.5}, TypeError),
        ({"figures": True}, TypeError),
        ({"size": 8}, ValueError),
        ({"seed": -1}, ValueError),
        ({"seed": "a"}, TypeError),
    ],
)
def test_what_is_out_of_range_is_refused(knobs, error):
    with pytest.raises(error, match=next(iter(knobs))):
        collage(**knobs)
