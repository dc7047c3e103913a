"""The up-sampling explorer: layers of the library, counts by hand, checkerboards by Fourier."""

import numpy as np
import pytest
from page import act, press

torch = pytest.importorskip("torch")

from course_utils.explorers import UpsamplingExplorer  # noqa: E402
from course_utils.explorers.upsampling import (  # noqa: E402
    INPUTS,
    METHODS,
    WEIGHTS,
    checkerboard,
    halve,
    make,
    overlaps,
)


@pytest.fixture(scope="module")
def explorer():
    return UpsamplingExplorer()


def reach(kernel, stride=2, side=8):
    """How many stamps of a transposed convolution lie on each output pixel of one axis: by marking them all."""
    before, marked = (kernel - stride + 1) // 2, np.zeros(stride * side + 2 * kernel, int)
    for start in range(0, stride * side, stride):
        marked[start : start + kernel] += 1
    return marked[before : before + stride * side]


@pytest.mark.parametrize("kernel", [2, 3, 4, 5])
def test_overlaps_of_a_transposed_convolution_are_its_stamps(kernel):
    counts = overlaps(make("transposed", kernel))
    np.testing.assert_array_equal(counts, np.outer(reach(kernel), reach(kernel)))
    inner = counts[4:-4, 4:-4]
    assert (np.ptp(inner) == 0) == (kernel % 2 == 0)


@pytest.mark.parametrize(
    ("method", "count"),
    [("nearest", 1), ("bilinear", 4), ("resize, then convolve", 4), ("sub-pixel", 9), ("sub-pixel, ICNR", 9)],
)
def test_all_others_reach_every_pixel_alike(method, count):
    assert (overlaps(make(method))[4:-4, 4:-4] == count).all()


def test_overlaps_do_not_depend_on_the_weights():
    layers = (make("transposed", 3, weights, seed=5, example=np.eye(16)) for weights in WEIGHTS)
    first, *others = (overlaps(layer) for layer in layers)
    for other in others:
        np.testing.assert_array_equal(first, other)


def test_the_strength_is_the_energy_at_the_nyquist_frequencies():
    random = np.random.default_rng(0)
    values = random.random((24, 16)) + 0.3 * (np.indices((24, 16)).sum(axis=0) % 2)
    energy = np.abs(np.fft.fft2(values)) ** 2
    share = (energy[0, 8] + energy[12, 0] + energy[12, 8]) / energy.sum()
    assert checkerboard(values, border=0) == pytest.approx(np.sqrt(share))
    padded = np.pad(values, 4, constant_values=9)
    assert checkerboard(padded) == pytest.approx(np.sqrt(share))  # the border does not count


@pytest.mark.parametrize(
    ("values", "strength"),
    [
        (np.ones((16, 16)), 0),
        (np.zeros((16, 16)), 0),
        (np.indices((16, 16)).sum(axis=0) % 2 * 2 - 1, 1),
        (
            np.tile([[4, 2], [2, 1]], (8, 8)),
            np.sqrt(0.19),
        ),  # the counts of kernel 3, by hand: 1 − (9/4)² / (25/4)
    ],
)
def test_strengths_known_by_hand(values, strength):
    assert checkerboard(values) == pytest.approx(strength)


@pytest.mark.parametrize("kernel", [2, 3, 4, 5])
def test_with_equal_weights_the_checkerboard_is_that_of_the_counts(explorer, kernel):
    layer = explorer.made("transposed", kernel, "equal", 0)
    result = explorer.enlarge(layer, "constant")
    assert result[8:-8, 8:-8].mean() == pytest.approx(1, abs=1e-6)
    assert checkerboard(result) == pytest.approx(checkerboard(overlaps(layer, 16)), abs=1e-6)
    assert (checkerboard(result) < 1e-6) == (kernel % 2 == 0)


@pytest.mark.parametrize("seed", range(3))
def test_with_random_weights_an_even_count_is_no_cure_and_resizing_is(explorer, seed):
    strength = {
        (method, kernel): checkerboard(explorer.enlarge(explorer.made(method, kernel, "random", seed), "constant"))
        for method, kernel in (
            ("transposed", 2), ("transposed", 3), ("transposed", 4), ("sub-pixel", 3), ("resize, then convolve", 3),
            ("sub-pixel, ICNR", 3),
        )
    }  # fmt: skip
    even, cured = strength["transposed", 4], strength["resize, then convolve", 3]
    assert even > 0.1 and strength["sub-pixel", 3] > 0.1
    assert cured < 1e-5 and strength["sub-pixel, ICNR", 3] < 1e-5


def test_learning_brings_the_photograph_nearer_than_repeating(explorer):
    def error(method, weights, kernel=3):
        result = explorer.enlarge(explorer.made(method, kernel, weights, 0), "photograph")
        return np.sqrt(((result - explorer.original) ** 2).mean())

    assert (
        error("transposed", "learned", 2) < error("nearest", "equal") + 1e-6
    )  # which has kernel 2 as a special case
    assert error("transposed", "learned") < error("nearest", "equal") < error("transposed", "random")


@pytest.mark.parametrize("method", ["transposed", "resize, then convolve", "sub-pixel"])
def test_no_training_goes_below_the_learned_weights(explorer, method):
    small, large = (
        torch.tensor(a, dtype=torch.float32)[None, None]
        for a in (explorer.inputs["photograph"], explorer.original)
    )
    layer = make(method, 4, "learned", example=explorer.original).requires_grad_(True)
    loss = torch.nn.functional.mse_loss(layer(small), large)
    loss.backward()
    assert max(p.grad.abs().max() for p in layer.parameters()) < 1e-4


@pytest.mark.parametrize("method", METHODS)
def test_layers_are_those_of_torch(explorer, method):
    """Against torch's functions, called with the layer's own weights."""
    f = torch.nn.functional
    layer, x = explorer.made(method, 3, "random", 1), torch.rand(1, 1, 6, 7)
    parameters = list(layer.parameters())
    expected = {
        "nearest": lambda: f.interpolate(x, scale_factor=2),
        "bilinear": lambda: f.interpolate(x, scale_factor=2, mode="bilinear"),
        "transposed": lambda: f.conv_transpose2d(x, *parameters, stride=2, padding=1, output_padding=1),
        "resize, then convolve": lambda: f.conv2d(f.interpolate(x, scale_factor=2), *parameters, padding=1),
        "sub-pixel": lambda: f.pixel_shuffle(f.conv2d(x, *parameters, padding=1), 2),
    }
    found = layer(x)
    torch.testing.assert_close(found, expected[method.removesuffix(", ICNR")]())
    assert found.shape == (1, 1, 12, 14)


def test_seeds_are_repeatable_and_leave_the_readers_own_alone():
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    first, again, other = (make("transposed", 3, "random", seed)[0].weight for seed in (7, 7, 8))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(torch.rand(4), expected)


@pytest.mark.parametrize("source", INPUTS)
@pytest.mark.parametrize("method", METHODS)
def test_every_choice_is_a_button_away(explorer, method, source):
    press(explorer, method)
    press(explorer, source)
    press(explorer, "random")
    assert (explorer.method, explorer.source, explorer.weights) == (method, source, "random")
    np.testing.assert_array_equal(explorer.result, explorer.enlarge(explorer.layer, source))
    assert f">{explorer.strength:.3f}<" in explorer.canvas.panel
    assert f"checkerboard {explorer.strength:.3f}" in explorer.canvas.status
    pressed = {a["name"] for a in explorer.canvas.actions if a["pressed"]}
    assert pressed == {method, source, "random"}


def test_sliders_choose_kernel_and_seed(explorer):
    explorer.method, explorer.weights, explorer.source = "transposed", "equal", "constant"
    act(explorer, "slider", name="kernel", value=3)
    assert explorer.kernel == 3 and "reached by 1, 2 or 4 input pixels" in explorer.canvas.status
    act(explorer, "slider", name="kernel", value=4)
    assert "reached by 4 input pixels" in explorer.canvas.status
    explorer.weights = "random"
    before = explorer.result
    act(explorer, "slider", name="seed", value=9)
    assert explorer.seed == 9 and not np.allclose(explorer.result, before)
    explorer.kernel, explorer.seed = 5, 0
    assert [s["value"] for s in explorer.canvas.sliders] == [5, 0]


def test_the_photograph_is_the_middle_of_the_image_by_means():
    image = np.random.default_rng(0).random((130, 200))
    explorer = UpsamplingExplorer(image, source="photograph")
    np.testing.assert_allclose(explorer.original, halve(image[1:129, 36:164]))
    np.testing.assert_allclose(explorer.inputs["photograph"], halve(explorer.original))
    assert explorer.result.shape == (64, 64) and "Away from the original" in explorer.canvas.status


def test_the_strip_tells_strengths(explorer):
    strip = explorer.strip()
    assert "transposed, kernel 3, equal weights: 0.44" in strip.alt
    assert "transposed, kernel 4, equal weights: 0.00" in strip.alt
    assert "resize, then convolve, random weights: 0.00" in strip.alt


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "deconvolution"}, "method must be one of"),
        ({"source": "cat"}, "source must be one of"),
        ({"weights": "good"}, "weights must be one of"),
        ({"kernel": 6}, "2 to 5"),
        ({"image": np.zeros((63, 100))}, "64 a side"),
        ({"image": np.zeros((100, 100, 2))}, "height, width"),
    ],
)
def test_what_is_not_there_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        UpsamplingExplorer(**options)
