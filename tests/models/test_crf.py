"""The dense CRF: its filter against the matrix, adjoint and of the right shape; mean field; and that it learns."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from course_utils.data import photos
from course_utils.models import crf
from course_utils.models.crf import (
    Affinity,
    DenseCRF,
    ExactFilter,
    GaussianFilter,
    WithCRF,
    features,
    free_energy,
    mean_field,
    potts,
)

FILTERS = [GaussianFilter, ExactFilter]


@pytest.fixture(scope="module")
def piece():
    """A piece of a photograph in colour, 40 × 48: an astronaut's face and suit. The blur was chosen on others."""
    return photos.load("astronaut").image[90:130, 200:248]


def cloud(seed, n, d, spread):
    """Points in a cloud of that deviation."""
    return spread * np.random.default_rng(seed).normal(size=(n, d))


def numbers(seed, n, k=3):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(n, k)))


CLOUDS = st.tuples(st.integers(0, 999), st.integers(1, 60), st.integers(1, 6), st.floats(0.01, 20))


# -- the matrix -------------------------------------------------------------------------------------------


def test_the_matrix_by_its_formula():
    points = cloud(0, 12, 3, 1)
    matrix = ExactFilter(points).matrix
    for i in range(12):
        for j in range(12):
            expected = math.exp(-sum((a - b) ** 2 for a, b in zip(points[i], points[j], strict=True)) / 2)
            assert matrix[i, j].item() == pytest.approx(expected, abs=1e-12)


def test_features_count_in_deviations():
    image = np.random.default_rng(0).random((4, 5, 3))
    found = features(image, 2.0, 0.5).reshape(4, 5, 5)
    assert found[3, 1, :2].tolist() == [1.5, 0.5]
    np.testing.assert_allclose(found[..., 2:], 2 * image)
    assert features(image[..., 0], 2.0).shape == (20, 2)
    assert features(image[..., 0], 2.0, 1.0).shape == (20, 3)


# -- the lattice ------------------------------------------------------------------------------------------


@settings(max_examples=12)
@given(CLOUDS)
def test_a_point_is_the_mean_of_its_vertices_by_their_shares(points):
    """Decoded, the vertices are points of the lattice around the pixel, one of each remainder."""
    points, d = cloud(*points), points[2]
    elevated = points @ crf._simplex(d).T * (d + 1)
    codes, shares = np.empty((len(points), d + 1), np.int64), np.empty((len(points), d + 1))
    first = np.floor(elevated.min(axis=0)).astype(np.int64) - 4 * (d + 1)
    for enclose in (crf._enclose, crf._enclose.py_func):  # in other words, a coordinate at a time
        vertices = np.empty((len(points), d + 1, d + 1))
        for k in range(d + 1):
            enclose(elevated, first, np.eye(d + 1, dtype=np.int64)[k], codes, shares)
            vertices[:, :, k] = codes + first[k]
        assert shares.min() > -1e-9
        np.testing.assert_allclose(shares.sum(axis=1), 1)
        np.testing.assert_allclose((shares[..., None] * vertices).sum(axis=1), elevated, atol=1e-9)
        assert not vertices.sum(axis=2).any()
        remainders = vertices % (d + 1)
        assert (remainders == np.arange(d + 1)[:, None]).all()


@pytest.mark.parametrize("spread", [3, 1000])
def test_each_vertex_has_one_number_and_all_its_neighbours_however_many_there_are(spread):
    points = cloud(0, 12_000, 3, spread)
    found = GaussianFilter(points)
    touched, ends = int(found._vertices.max()) + 1, found._neighbours
    assert {*np.unique(found._vertices)} == {*range(touched)}
    assert (touched > 33_000) is (
        spread == 1000
    )  # of the larger cloud, the first table would be more than half full
    assert ends.shape == (4, found.size, 2) and (ends[:, :touched] < found.size).all()
    for direction in range(4):
        on, back = ends[direction, :, 0], ends[direction, :, 1]
        met = np.flatnonzero(on < found.size)
        assert (back[on[met]] == met).all()  # there and back
        assert len(set(on[met])) == len(met) >= touched


@settings(max_examples=60)
@given(CLOUDS, st.sampled_from([GaussianFilter, ExactFilter, Affinity]))
def test_it_is_symmetric_and_has_no_negative_eigenvalue(points, make):
    """<K x, y> = <x, K y>, and <K x, x> is not below 0."""
    found = make(cloud(*points))
    x, y = numbers(0, points[1], 1), numbers(1, points[1], 1)
    scale = found(x.abs()).norm() * y.norm()
    assert abs((found(x) * y).sum() - (x * found(y)).sum()) <= 1e-12 * scale
    assert (found(x) * x).sum() >= -1e-12 * scale


@settings(max_examples=20)
@given(CLOUDS, st.floats(-3, 3))
def test_it_is_linear_and_all_its_weights_are_positive(points, factor):
    found, (n, d) = GaussianFilter(cloud(*points)), points[1:3]
    x, y = numbers(0, n), numbers(1, n)
    assert torch.allclose(found(x + factor * y), found(x) + factor * found(y))
    matrix = found(torch.eye(n, dtype=torch.float64))
    assert matrix.min() >= 0 and matrix.diagonal().min() > 0.3 and matrix.max() < 1.5 * (1 + d / 4)


@pytest.mark.parametrize(("d", "side", "tolerance"), [(1, 60, 0.02), (2, 26, 0.02), (3, 12, 0.04)])
def test_where_points_lie_dense_a_weight_is_that_of_the_gaussian_on_the_mean(d, side, tolerance):
    """Over pairs of one distance, as each lies elsewhere on the lattice."""
    axis = np.arange(side) * {1: 0.13, 2: 0.23, 3: 0.5}[d]
    points = np.stack(np.meshgrid(*[axis] * d, indexing="ij"), axis=-1).reshape(-1, d)
    matrix = GaussianFilter(points)(torch.eye(len(points), dtype=torch.float64)).numpy()
    inner = (abs(points - axis.mean()) < axis.mean() - 1.3).all(axis=1)
    apart = np.linalg.norm(points[inner][:, None] - points[inner][None], axis=2).round(6)
    for distance in np.unique(apart[apart < 2.5])[:: 1 if d < 3 else 2]:
        mean = matrix[np.ix_(inner, inner)][apart == distance].mean()
        assert mean == pytest.approx(math.exp(-(distance**2) / 2), abs=tolerance)


def off(found, expected):
    """Root mean square difference, as a share of the expected one's deviation."""
    return float((found - expected).square().mean().sqrt() / expected.std())


@pytest.mark.parametrize(
    ("deviations", "most"), [((3.0, None), 0.03), ((10.0, None), 0.03), ((20.0, 0.1), 0.1)]
)
def test_on_photographs_it_is_near_the_matrix(piece, deviations, most):
    points = features(piece, *deviations)
    values = torch.from_numpy(np.random.default_rng(0).random((len(points), 2)))
    values[:, 1] = torch.from_numpy(piece[..., 0].ravel())
    assert off(Affinity(points)(values), Affinity(points, ExactFilter)(values)) < most
    exact, ours = ExactFilter(points)(values), GaussianFilter(points)(values)
    assert off(ours, exact) < 3 * most  # by far the most of it is a factor that all pixels share


@pytest.mark.parametrize("filter", FILTERS)
def test_after_scaling_the_rows_the_eigenvalues_lie_between_0_and_1(piece, filter):
    points = features(piece[:16, :16], 5.0, 0.1)
    matrix = Affinity(points, filter)(torch.eye(256, dtype=torch.float64))
    values = torch.linalg.eigvalsh((matrix + matrix.T) / 2)
    assert values.min() > -1e-9 and values.max() == pytest.approx(1, abs=1e-9)


def test_its_slope_is_its_own_transpose():
    found, x = GaussianFilter(cloud(0, 9, 5, 1)), numbers(0, 9).requires_grad_()
    assert torch.autograd.gradcheck(found, x)
    assert torch.autograd.gradgradcheck(found, x)


def test_its_answer_has_the_precision_of_the_values(piece):
    found = Affinity(features(piece, 20.0, 0.1))
    values = numbers(0, piece.shape[0] * piece.shape[1])
    single = found(values.float())
    assert single.dtype == torch.float32 and torch.allclose(single.double(), found(values), atol=1e-4)


def test_vertices_grow_no_faster_than_pixels():
    """Of a texture that goes on and on, and deviations that stay."""
    image = np.random.default_rng(0).random((64, 256, 3)) / 4
    sizes = [GaussianFilter(features(image[:, :width], 8.0, 0.1)).size for width in (64, 128, 256)]
    assert sizes[1] < 2.1 * sizes[0] and sizes[2] < 2.1 * sizes[1]


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda: GaussianFilter(np.zeros(4)), r"finite numbers of shape \(n, d\)"),
        (lambda: GaussianFilter(np.full((3, 2), np.nan)), "finite"),
        (lambda: GaussianFilter(np.eye(6) * 1e9), "take larger deviations"),
        (lambda: GaussianFilter(np.eye(3))(torch.zeros(4, 1)), r"shape \(3, K\)"),
        (lambda: features(np.zeros((3, 3)), 0), "position must be"),
        (lambda: features(np.zeros((3, 3)), 1, -1), "colour must be"),
        (lambda: DenseCRF(1), "classes must be"),
        (lambda: DenseCRF(2)(torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4)), r"logits must have shape \(B, 2"),
        (lambda: DenseCRF(2)(torch.zeros(1, 2, 4, 4), torch.zeros(1, 3, 4, 5)), "images must have shape"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(run, message):
    with pytest.raises(ValueError, match=message):
        run()


# -- mean field -------------------------------------------------------------------------------------------


def test_a_step_of_mean_field_by_its_sums():
    """Every pixel, every pair, every label, by loops."""
    points, logits = cloud(0, 6, 2, 1), numbers(0, 6)
    prices = [numbers(1, 3), numbers(2, 3)]
    affinities = [Affinity(points, ExactFilter), Affinity(3 * points, ExactFilter)]
    found = mean_field(logits, affinities, prices, 1)[1]
    beliefs = logits.softmax(1)
    for i in range(6):
        for label in range(3):
            paid = 0
            for affinity, price in zip(affinities, prices, strict=True):
                kernel = affinity.filter.matrix
                for j in range(6):
                    weight = kernel[i, j] / math.sqrt(kernel[i].sum() * kernel[j].sum())
                    paid += sum(weight * beliefs[j, other] * price[other, label] for other in range(3))
            assert found[i, label].item() == pytest.approx((logits[i, label] - paid).item())


def test_steps_build_on_the_beliefs_and_on_the_first_logits():
    points, logits = cloud(0, 6, 2, 1), numbers(0, 6)
    step = partial(mean_field, affinities=[Affinity(points)], compatibilities=[potts(3, 2.0).double()])
    history = step(logits, steps=3)
    assert len(history) == 4 and history[0] is logits
    heard = Affinity(points)(history[2].softmax(1)) @ potts(3, 2.0).double()
    assert torch.allclose(history[3], logits - heard)
    assert step(logits, steps=0) == [logits]


@settings(max_examples=40)
@given(CLOUDS, st.floats(0, 30), st.sampled_from(FILTERS))
def test_no_step_raises_the_free_energy(points, price, filter):
    found, logits = Affinity(cloud(*points), filter), 3 * numbers(5, points[1])
    prices = [potts(3, price).double()]
    history = mean_field(logits, [found], prices, 8)
    energies = [free_energy(logits, scores.softmax(1), [found], prices) for scores in history]
    assert (np.diff(energies) <= 1e-9 * (1 + abs(energies[0]))).all()


def test_the_free_energy_is_the_distance_but_for_what_a_pixel_says_to_itself():
    """The numbers of the docstring; and where no pixel hears itself, F is the distance to the field itself."""
    logits = torch.tensor([[math.log(9), 0], [0, math.log(1.5)]]).double()
    prices, half = [potts(2, 4.0).double()], torch.full((2, 2), 0.5).double()
    apart = half * (1 - torch.eye(2))
    labels = torch.cartesian_prod(*[torch.arange(2)] * 2)  # all four labellings of two pixels

    def distance(beliefs):
        """KL(Q ‖ p) less log Z, over all labellings: a pixel always agrees with itself."""
        chosen = beliefs[torch.arange(2), labels].prod(dim=1)
        paid = half[0, 1] * 4.0 * (labels[:, 0] != labels[:, 1])  # ½ for each of two orders
        return float((chosen * (chosen.log() - logits[torch.arange(2), labels].sum(1) + paid)).sum())

    history = [scores.softmax(1) for scores in mean_field(logits, [lambda q: half @ q], prices, 4)]
    energies = [free_energy(logits, beliefs, [lambda q: half @ q], prices) for beliefs in history]
    assert energies == pytest.approx([-1.399, -1.877, -2.185, -2.227, -2.228], abs=6e-4)
    distances = [distance(beliefs) for beliefs in history]
    assert distances == pytest.approx([-2.059, -2.368, -2.378, -2.310, -2.294], abs=6e-4)
    for beliefs, expected in zip(history, distances, strict=True):
        assert free_energy(logits, beliefs, [lambda q: apart @ q], prices) == pytest.approx(expected)


def test_with_a_negative_eigenvalue_it_may_go_round_for_ever():
    """Two pixels that hear each other and not themselves, and start apart: each takes over what the other held."""
    swap = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).double()
    logits, prices = torch.tensor([[0.1, 0.0], [0.0, 0.1]]).double(), [potts(2, 8.0).double()]
    history = mean_field(logits, [lambda values: swap @ values], prices, 60)
    held = [scores.softmax(1)[0, 0].item() for scores in history[-4:]]
    assert held[0] == pytest.approx(held[2], abs=0.01) and abs(held[0] - held[1]) > 0.5
    energies = [
        free_energy(logits, scores.softmax(1), [lambda v: swap @ v], prices) for scores in history[:3]
    ]
    assert max(np.diff(energies)) > 0


def test_mean_field_on_the_lattice_is_near_that_of_the_matrix(piece):
    rng = np.random.default_rng(0)
    bright = piece.mean(axis=2) > np.median(piece.mean(axis=2))
    logits = torch.from_numpy(2.0 * np.eye(2)[bright.ravel().astype(int)] + rng.normal(size=(bright.size, 2)))
    answers = []
    for filter in FILTERS:
        affinities = [
            Affinity(features(piece, 20.0, 0.1), filter),
            Affinity(features(piece, 3.0), filter),
        ]
        answers.append(mean_field(logits, affinities, [potts(2, 3.0).double(), potts(2, 2.0).double()])[-1])
    ours, exact = (scores.softmax(1) for scores in answers)
    before = (logits.argmax(1) != exact.argmax(1)).double().mean()
    assert (ours.argmax(1) != exact.argmax(1)).double().mean() < before / 10 and before > 0.05
    assert (ours - exact).abs().mean() < 0.02


# -- the layer --------------------------------------------------------------------------------------------


def two_sides(seed=0, side=16, colours=(0.2, 0.8)):
    """(image (3, H, W), logits (2, H, W), target (H, W)): two even colours, and scores that blur their boundary."""
    generator = torch.Generator().manual_seed(seed)
    target = (torch.arange(side)[None] + 3 * torch.arange(side)[:, None] > 2 * side).long()
    image = torch.tensor(colours)[target].expand(3, -1, -1) + 0.02 * torch.randn(
        3, side, side, generator=generator
    )
    blurred = F.avg_pool2d(F.pad(target[None].float(), (4,) * 4, mode="replicate"), 9, 1)[0]
    scores = torch.stack([1 - blurred, blurred]).clamp(0.02).log()
    return image, scores + 0.7 * torch.randn(2, side, side, generator=generator), target


def wrong(logits, target):
    return (logits.argmax(-3) != target).float().mean().item()


def test_boundaries_follow_the_image():
    image, logits, target = two_sides()
    history = DenseCRF(2, 5, position=10, near=1.5).iterate(logits, image)
    assert len(history) == 6 and torch.equal(history[0], logits)
    assert wrong(history[0], target) > 0.04 and wrong(history[-1], target) < 0.01


def test_a_crf_invents_no_object():
    """Where the network believes in none, nothing in the colours makes one."""
    image, _, target = two_sides()
    logits = torch.stack([torch.full(target.shape, 2.0), torch.full(target.shape, -2.0)])
    assert not DenseCRF(2)(logits[None], image[None]).argmax(1).any()


def test_images_of_a_batch_do_not_hear_of_each_other():
    (a, of_a, _), (b, of_b, _) = two_sides(0), two_sides(1, colours=(0.7, 0.5))
    layer = DenseCRF(2)
    together = layer(torch.stack([of_a, of_b]), torch.stack([a, b]))
    assert torch.allclose(together[1], layer(of_b[None], b[None])[0])


def test_at_no_price_the_network_has_the_last_word():
    image, logits, _ = two_sides()
    assert torch.equal(DenseCRF(2, appearance=0.0, smoothness=0.0)(logits[None], image[None])[0], logits)


def test_slopes_run_through_all_steps_to_prices_and_logits():
    image, logits, _ = two_sides(side=5)
    layer, logits = DenseCRF(2, 3, position=3, near=1).double(), logits[None].double().requires_grad_()
    assert torch.autograd.gradcheck(lambda scores: layer(scores, image[None].double()), logits, atol=1e-6)
    layer(logits, image[None].double()).square().sum().backward()
    assert layer.appearance.grad.all() and layer.smoothness.grad.all()


def test_prices_are_learned_with_the_network():
    """Started at no price at all, disagreeing gets dear; the same network by itself cannot tell noise from image."""
    samples = [two_sides(seed) for seed in range(4)]
    images, logits, targets = (torch.stack(part) for part in zip(*samples, strict=True))

    class Said(nn.Module):
        """A network that says its given scores, louder or not."""

        def __init__(self):
            super().__init__()
            self.loudness = nn.Parameter(torch.ones(()))

        def forward(self, images):
            return self.loudness * logits

    def taught(model):
        optimiser = torch.optim.Adam(model.parameters(), lr=0.2)
        for _ in range(25):
            loss = F.cross_entropy(model(images), targets)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        return loss.item()

    layer = DenseCRF(2, 3, position=10, near=1.5, appearance=0.0, smoothness=0.0)
    model = WithCRF(Said(), layer)
    assert taught(model) < 0.3 * taught(Said())
    prices = layer.appearance.detach()
    assert prices[0, 1] + prices[1, 0] > prices[0, 0] + prices[1, 1] + 1
    assert model.network.loudness.item() != 1 and wrong(model(images), targets) < 0.01
