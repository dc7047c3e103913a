"""Memory is counted as it must be: what lives at one time, once, until nobody needs it."""

import gc

import pytest
import torch
from torch.nn import functional as F

from course_utils.models import parts
from course_utils.models.memory import peak_bytes
from course_utils.models.unet import UNet

KB = 1000 * 4  # bytes of a thousand numbers


def chain(length, start):
    x = start
    for _ in range(length):
        x = torch.sin(x)
    return x


@pytest.mark.parametrize("length", [1, 2, 10])
def test_a_chain_needs_room_for_two_and_learning_it_for_all(length):
    start = torch.zeros(1000)
    assert peak_bytes(lambda: chain(length, start)) == KB * min(length, 2)
    start.requires_grad_()
    learned = peak_bytes(lambda: chain(length, start).sum().backward())
    assert KB * (length + 1) <= learned <= KB * (length + 3)


def test_views_changes_in_place_and_what_was_there_before_cost_nothing():
    weights = torch.zeros(1000)
    assert peak_bytes(lambda: weights.view(10, 100).t()[3]) == 0
    assert peak_bytes(lambda: torch.zeros(1000).add_(1).view(-1)) == KB
    assert peak_bytes(lambda: weights.add_(1)) == 0


def test_all_that_is_kept_counts_and_what_was_let_go_does_not():
    def kept():
        held = [torch.zeros(1000) for _ in range(5)]
        del held[1:]
        return held[0] + 1

    assert peak_bytes(kept) == 5 * KB
    gc.collect()


def test_attention_written_out_needs_the_square_of_its_tokens_and_the_fused_one_does_not():
    def apart(n):
        q = torch.rand(1, 1, n, 16)
        return (
            peak_bytes(lambda: (q @ q.transpose(-1, -2)).softmax(-1) @ q),
            peak_bytes(lambda: F.scaled_dot_product_attention(q, q, q)),
        )

    (small, fused_small), (large, fused_large) = apart(128), apart(512)
    assert large == pytest.approx(16 * small, rel=0.1)
    assert fused_large == pytest.approx(4 * fused_small, rel=0.1)


def test_a_network_needs_more_to_learn_than_to_answer_and_is_as_it_was():
    model, images = UNet(3, 2, (4, 8)), torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        answering = peak_bytes(lambda: model(images))
    learning = peak_bytes(lambda: model(images).sum().backward())
    assert images.nbytes < answering < learning
    assert learning >= sum(p.grad.nbytes for p in model.parameters())
    assert parts.cost(model, (1, 3, 32, 32)).parameters == sum(p.numel() for p in model.parameters())
