"""Studies: every run once, whatever interrupts them."""

import math

import pytest

from course_utils import paths, study


def counting(calls=None, stop_after=None, **columns):
    """A study of 2 configurations × 3 seeds that notes its runs and can be interrupted."""
    calls = [] if calls is None else calls

    def run(seed, size):
        if len(calls) == stop_after:
            raise KeyboardInterrupt
        calls.append((size, seed))
        return {"score": size + seed / 10, **columns}

    return study.Study("count", "Does it count?", ({"size": 1}, {"size": 2}), (0, 1, 2), run)


ALL = [(size, seed) for size in (1, 2) for seed in (0, 1, 2)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "results" / "count.csv"


def test_every_configuration_runs_with_every_seed_and_is_kept(path):
    calls, told = [], []
    assert study.record(counting(calls), path, lambda *counts: told.append(counts)) == 6
    assert calls == ALL
    assert told == [(number, 6) for number in range(7)]
    rows = study.rows("count", path)
    assert [(row["size"], row["seed"], row["score"]) for row in rows] == [(a, b, a + b / 10) for a, b in ALL]
    assert all(row["seconds"] >= 0 and row["machine"] for row in rows)


@pytest.mark.parametrize("stop", range(6))
def test_an_interrupted_study_goes_on_where_it_stopped(path, stop):
    first, second = [], []
    with pytest.raises(KeyboardInterrupt):
        study.record(counting(first, stop_after=stop), path)
    assert study.record(counting(second), path) == 6 - stop
    assert first + second == ALL
    assert study.record(counting(), path) == 0


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_row_that_was_half_written_is_done_again(path, cut):
    study.record(counting(), path)
    whole = study.rows("count", path)
    path.write_bytes(path.read_bytes()[:-cut])
    again = []
    assert study.record(counting(again), path) == 1
    assert again == ALL[-1:]
    assert [row["score"] for row in study.rows("count", path)] == [row["score"] for row in whole]


def test_a_new_configuration_adds_its_runs_alone(path):
    study.record(counting(), path)
    calls = []
    wider = counting(calls)
    wider = study.Study("count", "", (*wider.configurations, {"size": 3}), wider.seeds, wider.run)
    assert study.record(wider, path) == 3
    assert calls == [(3, 0), (3, 1), (3, 2)]


def test_another_set_of_columns_does_not_spoil_the_file(path):
    study.record(counting(stop_after=None), path)
    before = path.read_bytes()
    more = study.Study("count", "", ({"size": 9},), (0,), lambda seed, size: {"other": 1})
    with pytest.raises(ValueError, match=r"columns.*move it away"):
        study.record(more, path)
    assert path.read_bytes() == before


def test_a_summary_counts_averages_and_spreads(path):
    study.record(counting(), path)
    summary = study.summarise(study.rows("count", path), "score", size=2)
    assert (summary.n, summary.mean) == (3, pytest.approx(2.1))
    assert summary.std == pytest.approx(0.1)
    assert str(summary) == "2.100 ± 0.100 (n = 3)"
    assert math.isnan(study.summarise(study.rows("count", path), "score", size=2, seed=1).std)
    with pytest.raises(ValueError, match="no recorded run"):
        study.summarise(study.rows("count", path), "score", size=7)


def test_a_column_is_in_the_order_of_the_seeds_so_that_two_can_be_paired():
    runs = [{"net": net, "seed": seed, "score": 10 * seed} for net in "ab" for seed in (3, 1, 2)]
    assert study.column(runs, "score", net="b").tolist() == [10, 20, 30]
    assert study.column(runs, "score").tolist() == [10, 10, 20, 20, 30, 30]
    with pytest.raises(ValueError, match="no recorded run has"):
        study.column(runs, "score", net="c")


def test_a_margin_is_two_deviations_on_the_safe_side():
    assert study.margin([1.0, 2.0, 3.0]) == pytest.approx(0.0)
    assert study.margin([1.0, 2.0, 3.0], sign=-1) == pytest.approx(4.0)
    assert study.spread([1.0, 2.0, 3.0], digits=1) == "2.0 ± 1.0"


def test_a_number_that_a_run_does_not_have_stays_unknown():
    unknown = [{"x": 1, "seed": seed, "loss": math.nan} for seed in range(2)]
    assert str(study.summarise(unknown, "loss", x=1)) == "nan ± nan (n = 2)"


def test_what_was_never_recorded_says_how_to(path):
    with pytest.raises(FileNotFoundError, match="course study count"):
        study.rows("count", path)


def test_a_study_keeps_within_its_size(monkeypatch):
    monkeypatch.setattr(study, "STUDIES", {})
    with pytest.raises(ValueError, match=r"11 configurations × 1 seeds; 10 × 5 is the most"):
        study.study("big", "?", [{"x": x} for x in range(11)], [0])
    with pytest.raises(ValueError, match=r"1 configurations × 6 seeds"):
        study.study("long", "?", [{"x": 1}], range(6))


def test_a_grid_has_all_combinations():
    assert study.grid(a=[1, 2], b="x") == [{"a": 1, "b": "x"}, {"a": 2, "b": "x"}]


def test_the_record_ships_with_the_data():
    assert counting().path == paths.bundled("data") / "results" / "count.csv"
