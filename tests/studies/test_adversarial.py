"""Lesson 14's measures of masks, its trainings in short, and its studies."""

import numpy as np
import pytest
import torch

from course_utils import metrics, study
from course_utils.data import synthetic
from course_utils.studies import adversarial
from course_utils.training import bundled


@pytest.fixture
def brief(monkeypatch):
    """Trainings of two steps, on few pictures."""
    monkeypatch.setattr(adversarial, "WARM_STEPS", 2)
    monkeypatch.setattr(adversarial, "STEPS", 3)
    monkeypatch.setattr(adversarial, "EXAM", {"validation": range(6, 9), "test": range(3, 6)})
    monkeypatch.setattr(adversarial, "CANAL_SEEDS", {"train": range(4)})
    for name in ("METHODS", "FAILURES", "SCHEDULES", "DRAWS"):
        ways = {
            k: v | {name: few for name, few in {"head_start": 2, "steps": 4}.items() if name in v}
            for k, v in getattr(adversarial, name).items()
        }
        monkeypatch.setattr(adversarial, name, ways)
    forget()
    yield
    forget()


def forget():
    for known in (adversarial.canals, adversarial.batches, adversarial._warm):
        known.cache_clear()


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("canals", [{"method": "cross-entropy"}, {"method": "closing"}, {"method": "λ = 0.1, whole"}]),
        ("canal_failures", [{"way": way} for way in adversarial.FAILURES]),
        ("canal_schedules", [{"schedule": schedule} for schedule in adversarial.SCHEDULES]),
        ("canal_lonely", [{"kind": kind} for kind in adversarial.LONELY]),
        ("canal_draws", [{"pays": pays} for pays in adversarial.DRAWS]),
        ("canal_weights", [{"judge": "patch", "weight": 0.3}, {"judge": "whole", "weight": 0.1}]),
        ("canal_controls", [{"picture": "no bend", "weight": 0.3}, {"picture": "no cloud", "weight": 0}]),
    ],
)
def test_runs_of_a_study_have_the_same_columns_and_numbers_again(brief, name, choices):
    found, rows = study.STUDIES[name], []
    for choice in (*choices, choices[0]):
        assert choice in found.configurations
        rows.append(found.run(seed=0, **choice))
    assert rows[-1] == rows[0]
    assert len({tuple(row) for row in rows}) == 1
    assert all(isinstance(value, float) for row in rows for value in row.values())


def test_all_methods_start_from_the_same_weights_and_a_copy_of_them(brief):
    one, other = adversarial.warm(3), adversarial.warm(3)
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b) and a is not b
    with torch.no_grad():
        next(one.parameters()).zero_()
    assert next(adversarial.warm(3).parameters()).any()


def test_a_judge_that_starts_ahead_has_learned_before_the_segmenter_has(brief):
    first, ahead = (adversarial.learn(0, steps=1, head_start=steps, watch=False)[1] for steps in (0, 30))
    assert len(first.losses) == len(ahead.losses) == 1
    assert ahead.judge[0] < first.judge[0] and ahead.losses[0] == pytest.approx(first.losses[0], abs=0.5)


def test_a_slow_judge_learns_as_fast_as_others_while_it_is_alone(brief):
    alone, slow = (
        adversarial.learn(0, steps=5, head_start=30, judge_rate=rate, watch=False)[1].judge
        for rate in (adversarial.JUDGE_RATE, 0.0)
    )
    assert slow[0] == alone[0] and slow[-1] != alone[-1]


def test_a_weight_may_change_with_the_steps(brief):
    asked = []
    always, by_and_by, never = (
        adversarial.learn(0, steps=4, weight=weight, watch=False)[0].segmenter.state_dict()
        for weight in (0.3, lambda done: asked.append(done) or 0.3, 0)
    )
    assert asked == [0, 0.25, 0.5, 0.75]
    assert all(torch.equal(always[name], by_and_by[name]) for name in always)
    assert any(not torch.equal(always[name], never[name]) for name in always)


def test_a_thrower_starts_as_the_network_that_it_grew_from_and_hears_the_throw(brief):
    start = adversarial.warm(0)
    thrower = adversarial.Thrower(start).eval()
    images = torch.rand(4, 3, 32, 32)
    torch.testing.assert_close(thrower(images, torch.zeros(4)), start.eval()(images))
    one, other = thrower(images, torch.ones(4)), thrower(images, -torch.ones(4))
    assert not torch.allclose(one, other)
    torch.manual_seed(0)
    drawn = thrower(images)
    torch.manual_seed(0)
    half = torch.randn(2)
    torch.testing.assert_close(drawn, thrower(images, torch.cat([half, -half])))


def test_the_mean_of_two_draws_pays_once_and_draws_that_differ_may_pay_nothing_more():
    target = torch.tensor([[[1, 0]]])
    logits = torch.randn(1, 2, 1, 2)
    alike = adversarial.loss_of_the_mean(torch.cat([logits, logits]), torch.cat([target, target]))
    torch.testing.assert_close(alike, torch.nn.functional.cross_entropy(logits, target))
    up, down = (torch.tensor([[[[0.0, 0.0]], [[sign * 20.0, -20.0]]]]) for sign in (1, -1))
    mean = adversarial.loss_of_the_mean(torch.cat([up, down]), torch.cat([target, target]))
    assert mean.item() == pytest.approx(np.log(2) / 2, abs=1e-4), (
        "one half at the first pixel, sure at the second"
    )


def test_draws_to_both_sides_are_counted_by_picture():
    samples = [synthetic.canals(seed) for seed in range(4)]
    up, down = (np.stack([sample.at(rows) for sample in samples]).astype(float) for rows in (-5.0, 5.0))
    mixed = down.copy()
    mixed[:2] = up[:2]
    found = adversarial.drawn_scores(samples, np.stack([down, mixed]))
    assert found["both"] == 0.5 and found["down"] == 0.75 and found["whole"] == 1
    same = adversarial.drawn_scores(samples, np.stack([down, down]))
    single = adversarial.scores(samples, down > 0.5, down)
    assert same["both"] == 0 and all(same[name] == pytest.approx(single[name]) for name in single)
    assert list(adversarial.THROWS) == pytest.approx([-throw for throw in adversarial.THROWS[::-1]])


@pytest.mark.parametrize("steps", [3, 12, 25, 40])
def test_every_moment_is_kept_whatever_the_number_of_steps(brief, steps):
    rivals = adversarial.Rivals(
        adversarial.UNet(3, 2, adversarial.WIDTHS), adversarial.PatchJudge(), pictures=1
    )
    calls = iter(range(100))
    rivals.look = lambda: (torch.full((1, 32, 32), now := float(next(calls))), torch.full((1, 8, 8), now))
    rivals.note(0)
    for step in range(steps):
        rivals.note((step + 1) / steps)
    kept = rivals.answers[:, 0, 0, 0].tolist()
    assert kept == sorted(kept) and len(set(kept)) == min(13, steps + 1)


def test_what_was_said_along_the_way_is_kept_and_loads_with_the_weights(brief, tmp_path, monkeypatch):
    monkeypatch.setattr(bundled, "_path", lambda name: tmp_path / f"{name}.safetensors")
    monkeypatch.setenv("COURSE_RECORD", "1")
    rivals, duel = adversarial.learn(0, pictures=2, steps=24, watch=False, bundled="x")
    assert rivals.answers.shape == (13, 2, 32, 32) and rivals.verdicts.shape == (13, 2, 8, 8)
    assert not torch.equal(rivals.answers[0], rivals.answers[-1])
    now = torch.tensor(adversarial.believed(rivals.segmenter, adversarial.canals("test")[:2]))
    torch.testing.assert_close(rivals.answers[-1].float(), now, atol=2e-3, rtol=0)
    monkeypatch.delenv("COURSE_RECORD")
    monkeypatch.setenv("COURSE_LECTURE", "1")
    again, same = adversarial.learn(1, pictures=2, steps=24, watch=False, bundled="x")
    assert torch.equal(again.answers, rivals.answers) and same.judge == duel.judge


# --------------------------------------------------------------------------------------------- what is measured


def bar(*holes):
    mask = np.zeros((12, 16), bool)
    mask[4:9] = True
    for rows, columns in holes:
        mask[rows, columns] = False
    return mask


@pytest.mark.parametrize(
    ("mask", "pieces", "holes", "canal"),
    [
        (bar(), 1, 0, True),
        (bar((slice(6, 7), slice(5, 7))), 1, 1, False),
        (bar((slice(0, 12), slice(5, 7))), 2, 0, False),
        (bar((slice(0, 12), slice(0, 2))), 1, 0, False),
        (bar((slice(4, 5), slice(3, 9))), 1, 0, True),
        (np.zeros((12, 16), bool), 0, 0, False),
        (np.eye(16, dtype=bool), 1, 0, True),
    ],
)
def test_a_canal_is_one_piece_without_a_hole_from_side_to_side(mask, pieces, holes, canal):
    assert (adversarial.pieces(mask), adversarial.holes(mask)) == (pieces, holes)
    assert adversarial.is_canal(mask) is canal


def test_truths_are_plausible_and_right_and_other_truths_plausible_alone():
    samples = [synthetic.canals(seed) for seed in range(8)]
    truths = np.stack([sample.labels == 1 for sample in samples])
    own = adversarial.scores(samples, truths)
    assert own["accuracy"] == own["iou"] == own["boundary"] == own["whole"] == own["area"] == 1
    assert own["nearest"] > 0.9 and own["down"] == np.mean([sample.detour > 0 for sample in samples])
    turned = adversarial.scores(samples, np.stack([sample.at(-sample.detour) for sample in samples]))
    assert turned["whole"] == 1 and turned["nearest"] > 0.9 and turned["iou_seen"] == 1
    assert turned["iou_hidden"] < 0.5 and turned["down"] == 1 - own["down"]
    likeliest = np.stack([sample.chances() for sample in samples])
    torn = adversarial.scores(samples, likeliest > 0.5, likeliest)
    assert torn["whole"] == 0 and torn["pieces"] == 2 and torn["accuracy"] > turned["accuracy"]
    assert torn["ece"] < 0.02, "the chances are honest"


def test_the_nearest_truth_is_the_best_of_all():
    sample = synthetic.canals(4)
    mask = sample.at(3.3)
    masks, detours = adversarial.possible([sample])
    best = max(metrics.mask_iou(maybe, mask) for maybe in masks[0])
    assert adversarial.scores([sample], mask[None])["nearest"] == pytest.approx(best)
    assert detours.shape == (1, 16) and (detours > 0).sum() == 8


def test_where_the_bend_is_seen_one_truth_is_possible():
    samples = [synthetic.canals(seed, cover=cover) for seed, cover in ((4, 1), (4, 0), (5, 0))]
    masks, _ = adversarial.possible(samples)
    assert len(np.unique(masks[0], axis=0)) > 10
    for sample, maybe in zip(samples[1:], masks[1:], strict=True):
        assert (maybe == (sample.labels == 1)).all()
    turned = np.stack([sample.at(-sample.detour) for sample in samples])
    apart = [adversarial.scores([sample], mask[None]) for sample, mask in zip(samples, turned, strict=True)]
    assert apart[0]["nearest"] > 0.9 and apart[1]["nearest"] == pytest.approx(apart[1]["iou"])


def test_closing_joins_what_is_nearer_than_the_disk_is_wide():
    mask = bar((slice(0, 12), slice(7, 9)))
    assert adversarial.pieces(mask) == 2
    assert adversarial.is_canal(adversarial.closed(mask[None], 3)[0])
    assert np.array_equal(adversarial.closed(bar()[None], 3)[0], bar())
