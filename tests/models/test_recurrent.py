"""Recurrent networks: equal to torch's, hearing what they may, refining step by step, and truncation."""

import math
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from course_utils.models import receptive
from course_utils.models.attention import then
from course_utils.models.memory import peak_bytes
from course_utils.models.parts import cost
from course_utils.models.recurrent import (
    REMEMBER,
    ConvGRUCell,
    EveryStep,
    GRUCell,
    Refiner,
    ReNet,
    Sweep,
    over_steps,
)
from course_utils.models.unet import UNet

# -- the cell ---------------------------------------------------------------------------------------------


def as_torchs(cell, theirs, ending=""):
    """Give a layer of torch's the weights of our cell."""
    with torch.no_grad():
        for name, layer in {"ih": cell.given, "hh": cell.recalled}.items():
            getattr(theirs, f"weight_{name}{ending}").copy_(layer.weight)
            getattr(theirs, f"bias_{name}{ending}").copy_(layer.bias)


@settings(max_examples=20)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 5), st.floats(0.1, 30))
def test_the_cell_is_that_of_torch(inputs, width, count, size):
    ours, theirs = GRUCell(inputs, width).double(), nn.GRUCell(inputs, width).double()
    as_torchs(ours, theirs)
    x, state = size * torch.randn(count, inputs).double(), torch.randn(count, width).double()
    assert torch.allclose(ours(x, state), theirs(x, state), atol=1e-12)
    assert torch.allclose(ours(x), theirs(x), atol=1e-12)


def test_a_paper_example():
    """One channel: gates at ½, a proposal of tanh(1 + ½ · 2); the new state lies half way."""
    cell = GRUCell(1, 1)
    with torch.no_grad():
        for layer in (cell.given, cell.recalled):
            layer.weight.zero_()
            layer.bias.zero_()
        cell.given.weight[2] = cell.recalled.weight[2] = 1
    found = cell(torch.tensor([1.0]), torch.tensor([2.0])).item()
    assert found == pytest.approx((2 + math.tanh(2)) / 2)


def test_an_open_gate_carries_the_state_through_any_number_of_steps():
    cell, state = GRUCell(3, 4), torch.randn(2, 4)
    with torch.no_grad():
        cell.given.bias[4:8] = 100
    carried = state
    for _ in range(200):
        carried = cell(torch.randn(2, 3), carried)
    assert torch.equal(carried, state)


def test_at_the_start_the_gates_keep_more_than_half():
    cell = GRUCell(4, 64)
    update = torch.sigmoid(cell.given(torch.zeros(4)) + cell.recalled(torch.zeros(64)))[64:128]
    assert update.mean().item() == pytest.approx(1 / (1 + math.exp(-REMEMBER)), abs=0.02)
    assert (cell.given.bias[:64].abs() <= 1 / 8).all()


# -- sweeps -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (6, 2)])
def test_a_sweep_is_torchs_two_way_network_on_rows_or_columns(down, size):
    ours = Sweep(3, 4, down=down).double()
    theirs = nn.GRU(3, 4, bidirectional=True, batch_first=True).double()
    as_torchs(ours.forth, theirs, "_l0")
    as_torchs(ours.back, theirs, "_l0_reverse")
    x = torch.randn(2, 3, *size).double()
    lines = (x.transpose(2, 3) if down else x).permute(0, 2, 3, 1)  # (B, lines, length, 3)
    expected = theirs(lines.flatten(0, 1))[0].unflatten(0, lines.shape[:2]).permute(0, 3, 1, 2)
    expected = expected.transpose(2, 3) if down else expected
    assert torch.allclose(ours(x), expected, atol=1e-12)


def heard(layer):
    """Which pixels of a map of 5 × 7 the answer at row 3, column 2 depends on."""
    x = torch.randn(1, 4, 5, 7, dtype=torch.float64, requires_grad=True)
    return receptive.influence(layer.double()(x), x, (3, 2)) != 0


def test_a_sweep_stays_in_its_row_and_two_hear_of_everything():
    row, column = heard(Sweep(4, 3)), heard(Sweep(4, 3, down=True))
    assert row[3].all() and row.sum() == 7
    assert column[:, 2].all() and column.sum() == 5
    assert heard(ReNet(4)).all()


def test_each_way_hears_of_what_it_has_passed():
    sweep, x = Sweep(2, 3), torch.randn(1, 2, 1, 9)
    changed = x.clone()
    changed[..., 4] += 1
    forth, back = (sweep(x) != sweep(changed))[0, :, 0].split(3)
    assert forth.any(0).tolist() == [False] * 4 + [True] * 5
    assert back.any(0).tolist() == [True] * 5 + [False] * 4


def test_a_mirrored_image_gives_the_mirrored_answer_of_exchanged_ways():
    sweep, twin, x = Sweep(2, 3), Sweep(2, 3), torch.randn(1, 2, 4, 6)
    twin.forth.load_state_dict(sweep.back.state_dict())
    twin.back.load_state_dict(sweep.forth.state_dict())
    mirrored = twin(x.flip(3)).flip(3)
    assert torch.allclose(sweep(x), torch.cat([mirrored[:, 3:], mirrored[:, :3]], dim=1), atol=1e-6)


@pytest.mark.parametrize("inner", [None, 3])
@pytest.mark.parametrize("size", [(1, 1), (4, 9)])
def test_two_sweeps_keep_the_shape_and_fit_behind_any_block(inner, size):
    x = torch.randn(2, 8, *size)
    assert ReNet(8, inner)(x).shape == x.shape
    net = UNet(3, 2, (8, 16), block=then(partial(ReNet, inner=inner)))
    assert net.eval()(torch.rand(2, 3, *size)).shape == (2, 2, *size)


@pytest.mark.parametrize("down", [False, True])
def test_what_is_kept_and_written_makes_the_states_again(down):
    """From the gates and the states one gets the proposals; they must lie between −1 and 1, and make the states."""
    sweep, x = Sweep(3, 4, down=down).double(), torch.randn(2, 3, 5, 6).double()
    axis = 2 if down else 3
    kept, states = (part.movedim(axis, 0) for part in (sweep.kept(x), sweep(x)))
    assert kept.shape == states.shape and kept.min() > 0 and kept.max() < 1
    for cells, way in ((slice(0, 4), 1), (slice(4, 8), -1)):
        line, gates = (part[:, :, cells].flip(0) if way < 0 else part[:, :, cells] for part in (states, kept))
        before = torch.cat([torch.zeros_like(line[:1]), line[:-1]])
        proposals = (line - gates * before) / (1 - gates)
        assert proposals.abs().max() <= 1 + 1e-9
        cell = sweep.forth if way > 0 else sweep.back
        pixels = x.movedim(axis, 0).movedim(2, -1)
        given = cell.given(pixels.flip(0) if way < 0 else pixels)
        recalled = cell.recalled(before.movedim(2, -1))
        expected = torch.sigmoid(given + recalled)[..., 4:8].movedim(-1, 2)
        assert torch.allclose(gates, expected)


def test_gates_that_are_wide_open_or_shut_say_so():
    sweep, x = Sweep(3, 4), torch.randn(1, 3, 2, 6)
    with torch.no_grad():
        sweep.forth.given.bias[4:8], sweep.back.given.bias[4:8] = 100, -100
    kept = sweep.kept(x)
    assert torch.allclose(kept[:, :4], torch.ones(())) and kept[:, 4:].max() < 1e-6


def test_weights_of_sweeps_are_those_of_their_formula():
    inputs, width = 5, 3
    assert cost(Sweep(inputs, width), (1, inputs, 4, 4)).parameters == 6 * width * (inputs + width + 2)


# -- a map as the state -----------------------------------------------------------------------------------


def test_on_one_pixel_it_is_the_unit_of_cho():
    cell, x, state = ConvGRUCell(3, 2), torch.randn(1, 3, 1, 1), torch.randn(1, 2, 1, 1)
    gates, proposal = (layer.weight[:, :, 1, 1] for layer in (cell.gates, cell.proposal))  # others read zeros
    seen, kept = x.flatten(), state.flatten()
    update, reset = torch.sigmoid(gates @ torch.cat([seen, kept]) + cell.gates.bias).split(2)
    proposed = torch.tanh(proposal @ torch.cat([seen, reset * kept]) + cell.proposal.bias)
    assert torch.allclose(cell(x, state).flatten(), update * kept + (1 - update) * proposed, atol=1e-6)


@pytest.mark.parametrize(("kernel", "reach"), [(1, 0), (3, 2), (5, 4)])
def test_a_step_carries_twice_as_far_as_the_kernel_reaches(kernel, reach):
    cell, state = ConvGRUCell(1, 2, kernel).double(), torch.randn(1, 2, 1, 21).double().requires_grad_()
    slopes = torch.autograd.grad(cell(torch.randn(1, 1, 1, 21).double(), state)[0, :, 0, 10].sum(), state)
    felt = slopes[0].abs().sum(dim=(0, 1, 2)).nonzero().flatten() - 10
    assert (felt.min(), felt.max()) == (-reach, reach)


def local(classes=2):
    """A network that looks at three pixels."""
    return nn.Conv2d(3, classes, 3, padding=1)


def test_before_it_has_learned_it_repeats_the_network():
    refiner, images = Refiner(local(), steps=4), torch.rand(2, 3, 6, 7)
    history = refiner.iterate(images)
    assert len(history) == 5
    for logits in history:
        assert torch.equal(logits, refiner.network(images))
    assert torch.equal(refiner(images), history[-1])


def stirred(**options):
    """A refiner whose steps change something."""
    refiner = Refiner(local(), width=4, **options)
    nn.init.normal_(refiner.change.weight)
    return refiner


def test_the_number_of_steps_is_chosen_when_it_is_used():
    refiner, images = stirred(steps=2), torch.rand(1, 3, 6, 7)
    three, five = refiner.iterate(images, 3), refiner.iterate(images, 5)
    assert all(torch.equal(a, b) for a, b in zip(three, five[:4], strict=True))
    assert torch.equal(refiner(images), three[2]) and not torch.allclose(five[4], five[5])
    assert torch.equal(refiner(images, 0), refiner.network(images))
    assert cost(stirred(steps=9), (1, 3, 6, 7)).parameters == cost(refiner, (1, 3, 6, 7)).parameters


def test_the_gradient_reaches_every_parameter():
    refiner = stirred(steps=3)
    F.cross_entropy(refiner(torch.rand(2, 3, 8, 8)), torch.randint(0, 2, (2, 8, 8))).backward()
    assert [name for name, weight in refiner.named_parameters() if not weight.grad.any()] == []


@pytest.mark.parametrize("learn", [1, 2, 4, 7])
def test_truncation_takes_the_early_steps_as_they_come(learn):
    refiner, images = stirred(steps=4, learn=learn).double(), torch.rand(1, 3, 5, 6).double()
    given = refiner.network.weight, *refiner.cell.parameters()
    found = torch.autograd.grad(refiner(images).square().sum(), given)

    first, state = refiner.network(images), None
    answer = first
    for step in range(4):
        state = refiner.cell(torch.cat([images, answer.softmax(1)], 1), state)
        answer = first + refiner.change(state)
        if step < 4 - learn:
            state, answer = state.detach(), answer.detach()
    expected = torch.autograd.grad(answer.square().sum(), given)
    assert all(torch.allclose(*pair, atol=1e-12) for pair in zip(found, expected, strict=True))


def test_memory_grows_with_the_steps_that_are_learned_through():
    images = torch.rand(1, 3, 32, 32)

    def taken(steps, learn):
        refiner = stirred(steps=steps, learn=learn)
        return peak_bytes(lambda: refiner(images).sum().backward())

    assert taken(16, None) > 3 * taken(4, None)
    answers = (
        12 * images[:, :2].numel() * images.element_size()
    )  # twelve more answers are returned, and no more
    assert taken(16, 2) < 1.05 * taken(4, 2) + answers


def test_without_learning_nothing_is_kept():
    with torch.no_grad():
        assert not stirred(steps=2)(torch.rand(1, 3, 6, 7)).requires_grad


@pytest.mark.parametrize(("learn", "shown"), [(None, 3), (2, 2), (5, 3)])
def test_every_step_that_can_learn_is_shown(learn, shown):
    refiner, images = stirred(steps=3, learn=learn), torch.rand(2, 3, 6, 7)
    logits = EveryStep(refiner)(images)
    assert logits.shape == (2, 2, shown, 6, 7)
    assert torch.equal(logits[:, :, -1], refiner(images))
    target = torch.randint(0, 2, (2, 6, 7))
    expected = [F.cross_entropy(step, target) for step in refiner.iterate(images)[1:][-shown:]]
    assert over_steps(F.cross_entropy)(logits, target).item() == pytest.approx(sum(expected).item() / shown)


def test_steps_learn_what_the_network_cannot_see():
    """The class of a row is the colour at its left end: three pixels see it near the end, the steps carry it on."""
    colours = torch.randint(0, 2, (32, 6))
    images = torch.zeros(32, 3, 6, 12)
    images[:, 0, :, 0] = 2.0 * colours - 1
    target = colours[:, :, None].expand(-1, -1, 12)
    refiner = EveryStep(Refiner(local(), width=8, steps=8))
    optimiser = torch.optim.AdamW(refiner.parameters(), lr=0.03)
    for _ in range(60):
        loss = over_steps(F.cross_entropy)(refiner(images), target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    history = refiner.refiner.iterate(images)
    right = [(logits.argmax(1) == target).float().mean().item() for logits in history]
    assert right[0] < 0.65 and right[-1] > 0.95 and right[2] < right[-1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GRUCell(0, 4), "inputs must be"),
        (lambda: GRUCell(4, 0), "width must be"),
        (lambda: ReNet(1), "width must be"),
        (lambda: ConvGRUCell(3, 4, 2), "odd"),
        (lambda: Refiner(local(), steps=-1), "steps must be"),
        (lambda: Refiner(local(), learn=0), "learn must be"),
    ],
)
def test_what_cannot_be_made_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
