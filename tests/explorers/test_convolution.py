"""The convolution explorer computes what scipy and torch compute, shows it as it grows, and takes edits."""

import io

import numpy as np
import pytest
from page import act, play, press
from PIL import Image
from scipy import ndimage

from course_utils.explorers import ConvolutionExplorer
from course_utils.explorers.canvas import short
from course_utils.explorers.convolution import KERNELS, convolve, correlate, sheet


@pytest.fixture
def numbers():
    """Anything but symmetric: a picture of whole numbers, a kernel that no turning leaves alone."""
    random = np.random.default_rng(0)
    return random.integers(0, 10, (6, 8)).astype(float), random.integers(-4, 5, (3, 3)).astype(float)


def click(explorer, grid, row, column):
    """Click the middle of a cell of the board."""
    x, y = explorer._grids()[grid].corner(row + 0.5, column + 0.5)
    act(explorer, "click", points=[[y, x]], brush=1)


def pixel(explorer, grid, row, column):
    """The colour a quarter of a cell away from a cell's corner, where no number stands."""
    cell = explorer._grids()[grid]
    x, y = cell.corner(row, column)
    board = Image.open(io.BytesIO(explorer.canvas.image))
    return board.getpixel((x + cell.cell // 6, y + cell.cell // 6))


def test_the_map_is_that_of_scipy(numbers):
    image, kernel = numbers
    expected = ndimage.correlate(image, kernel, mode="constant")
    np.testing.assert_allclose(correlate(image, kernel, padding=1), expected)
    expected = ndimage.convolve(image, kernel, mode="constant")
    np.testing.assert_allclose(convolve(image, kernel, padding=1), expected)
    assert not np.allclose(expected, correlate(image, kernel, padding=1))


@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_torch_calls_it_convolution_and_correlates(numbers, padding, stride):
    torch = pytest.importorskip("torch")
    image, kernel = (torch.from_numpy(array)[None, None] for array in numbers)
    expected = torch.nn.functional.conv2d(image, kernel, padding=padding, stride=stride)[0, 0]
    explorer = ConvolutionExplorer(*numbers, padding=padding, stride=stride)
    np.testing.assert_allclose(explorer.output, expected)


def test_a_single_bright_pixel_tells_the_two_apart(numbers):
    _, kernel = numbers
    dot = np.zeros((5, 5))
    dot[2, 2] = 1
    np.testing.assert_array_equal(convolve(dot, kernel), kernel)
    np.testing.assert_array_equal(correlate(dot, kernel), kernel[::-1, ::-1])


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("stride", [1, 2])
def test_products_of_every_window_sum_to_the_map(numbers, stride, turned):
    explorer = ConvolutionExplorer(*numbers, stride=stride, turned=turned)
    for place in np.ndindex(explorer.output.shape):
        explorer.at = place
        assert explorer.products.sum() == pytest.approx(explorer.output[place])


def test_the_map_grows_value_by_value_until_it_is_full():
    explorer = ConvolutionExplorer(at=(0, 0))
    assert explorer.seen == 1
    white = (255, 255, 255)
    assert pixel(explorer, "output", 0, 1) == white
    press(explorer, "play")
    act(explorer, "tick")
    assert explorer.at == (0, 1) and explorer.seen == 2
    assert pixel(explorer, "output", 0, 1) != white and pixel(explorer, "output", 0, 2) == white
    play(explorer)
    assert explorer.seen == explorer.output.size == 64 and explorer.at == (7, 7)
    press(explorer, "play")  # again from the start
    assert explorer.seen == 1 and explorer.canvas.playing
    press(explorer, "play")
    assert not explorer.canvas.playing


def test_keys_move_the_window_and_borders_hold_it():
    explorer = ConvolutionExplorer(at=(0, 3))
    press(explorer, "right")
    press(explorer, "down")
    press(explorer, "left")
    assert explorer.at == (1, 3)
    press(explorer, "up")
    press(explorer, "up")
    assert explorer.at == (0, 3)
    assert "Arrow Left: Move the window left." in explorer.canvas.keyboard
    assert "cross" not in explorer.canvas.keyboard  # the arrows are taken


def test_a_click_moves_the_window_to_a_pixel_or_a_value():
    explorer = ConvolutionExplorer()
    click(explorer, "input", 3, 3)  # the bright pixel, under one ring of zeros
    assert explorer.at == (2, 2) and explorer.window[1, 1] == 9
    click(explorer, "output", 6, 5)
    assert explorer.at == (6, 5)
    act(explorer, "slider", name="stride", value=2)
    click(explorer, "input", 9, 9)
    assert explorer.at == (3, 3)
    assert explorer.canvas.marks == []


def test_a_weight_is_clicked_and_slid(numbers):
    explorer = ConvolutionExplorer(*numbers)
    click(explorer, "kernel", 0, 2)
    assert explorer.canvas.sliders[0]["value"] == numbers[1][0, 2]
    act(explorer, "slider", name="weight", value=-7.5)
    expected = numbers[1].copy()
    expected[0, 2] = -7.5
    np.testing.assert_array_equal(explorer.kernel, expected)
    np.testing.assert_allclose(explorer.output, correlate(numbers[0], expected, padding=1))
    press(explorer, "weight")  # the next one: the middle row begins
    act(explorer, "slider", name="weight", value=2)
    assert explorer.kernel[1, 0] == 2


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("identity", lambda image: image),
        ("shift", lambda image: ndimage.shift(image, (0, 1), order=0)),
        ("blur", lambda image: ndimage.uniform_filter(image, 3, mode="constant")),
        ("Sobel", lambda image: ndimage.sobel(image, axis=1, mode="constant")),
        ("sharpen", lambda image: image - ndimage.laplace(image, mode="constant")),
    ],
)
def test_the_kernels_do_what_they_are_called(name, expected):
    explorer = ConvolutionExplorer()
    press(explorer, name)
    np.testing.assert_allclose(explorer.output, expected(sheet()), atol=1e-12)


@pytest.mark.parametrize("name", KERNELS)
def test_only_a_symmetric_kernel_is_said_to_be_the_same_turned(name):
    explorer = ConvolutionExplorer(kernel=name)
    straight = explorer.output
    said = "Turned by 180° this kernel is the same" in explorer.canvas.status
    press(explorer, "turn")
    assert explorer.turned and said == np.allclose(straight, explorer.output)


def test_each_thing_on_the_first_sheet_is_answered_by_itself():
    stamp = correlate(sheet(), KERNELS["Sobel"][0], padding=1)[1:4, 1:4]
    np.testing.assert_array_equal(stamp, 8 * np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]]))


def test_the_sum_is_written_out():
    image = np.ones((8, 8))
    image[2, 1] = 9
    explorer = ConvolutionExplorer(image, at=(2, 0))  # Sobel sees 1, 9, 1 in its right column, 0 in its left
    assert "1 + 18 + 1 = <b>20</b>" in explorer.canvas.panel
    assert explorer.canvas.status.endswith("the nine products sum to 20.")
    explorer.kernel = "blur"
    assert "(1 + 1 + 1 + 9 + 1 + 1) ÷ 9 = <b>1.56</b>" in explorer.canvas.panel
    assert explorer.canvas.status.startswith("Cross-correlation, row 2, column 0 of a map of 8 × 8")


def test_another_padding_makes_another_map_and_a_full_one_stays_full():
    explorer = ConvolutionExplorer(at=(7, 7))
    act(explorer, "slider", name="padding", value=2)
    assert explorer.output.shape == (10, 10) and explorer.seen == 100
    act(explorer, "slider", name="padding", value=0)
    assert explorer.output.shape == (6, 6) and explorer.seen == 36
    act(explorer, "slider", name="stride", value=3)
    assert explorer.output.shape == (2, 2)
    half = ConvolutionExplorer(at=(1, 0))
    act(half, "slider", name="padding", value=0)
    assert half.seen < half.output.size


def test_the_kernel_can_be_set_from_python():
    explorer = ConvolutionExplorer()
    explorer.kernel = np.eye(3)
    explorer.turned = True
    np.testing.assert_allclose(explorer.output, convolve(sheet(), np.eye(3), padding=1))


def test_the_strip_tells_both(numbers):
    image, kernel = numbers
    explorer = ConvolutionExplorer(image, kernel, at=(2, 3), name="random numbers")
    strip = explorer.strip()
    one, other = (f(image, kernel, padding=1)[2, 3] for f in (correlate, convolve))
    assert "random numbers" in strip.alt
    assert f"cross-correlation gives {short(one)} and convolution gives {short(other)}" in strip.alt


@pytest.mark.parametrize(
    ("image", "kernel", "message"),
    [
        (np.zeros((4, 5, 3)), "blur", "finite numbers a side"),
        (np.zeros((2, 5)), "blur", "3 to 12"),
        (np.zeros((13, 5)), "blur", "3 to 12"),
        (np.full((4, 4), np.nan), "blur", "finite"),
        (None, "gauss", "no kernel called 'gauss'"),
        (None, np.zeros((5, 5)), "3 × 3"),
    ],
)
def test_what_cannot_be_read_is_refused(image, kernel, message):
    with pytest.raises(ValueError, match=message):
        ConvolutionExplorer(image, kernel)
