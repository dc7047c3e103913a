"""The harness of the benchmarks, and that in every race all entrants give the same answer."""

import importlib
import math
import time
from functools import partial
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from benchmarks import race
from benchmarks.race import Race, Row
from course_utils import kernel, paths


def sums(check=lambda answers: None):
    return Race(
        "sum", lambda megapixels: (range(1000),), {"ours": sum, "theirs": lambda v: 499500}, check, "why"
    )


def test_a_race_gives_a_row_for_each_entrant_size_and_number_of_threads(monkeypatch):
    monkeypatch.setattr(race, "SECONDS", 0.01)
    rows = race.run([sums()], sizes=(2, 1), threads=(1, 2))
    assert [(r.entrant, r.ours, r.threads, r.megapixels) for r in rows] == [
        (entrant, entrant == "ours", threads, size)
        for threads in (1, 2)
        for size in (1, 2)
        for entrant in ("ours", "theirs")
    ]
    assert all(row.seconds > 0 for row in rows)


def test_entrants_that_disagree_stop_the_race():
    def check(answers):
        assert answers["ours"] != answers["theirs"], "for the test"

    with pytest.raises(AssertionError, match="sum at 1 MP: the answers differ"):
        race.run([sums(check)], sizes=(1,), threads=(1,))


def test_an_entrant_that_is_too_slow_sits_out_the_larger_sizes(monkeypatch):
    monkeypatch.setattr(race, "SECONDS", 0.01)
    monkeypatch.setattr(race, "PATIENCE", 0.5)
    slow = Race("wait", lambda megapixels: (), {"ours": lambda: 1, "theirs": lambda: time.sleep(0.02)})
    rows = race.run([slow], sizes=(1, 100), threads=(1,))
    assert [(row.entrant, row.megapixels) for row in rows] == [("ours", 1), ("theirs", 1), ("ours", 100)]


def test_answers_are_compared_with_ours_only_where_ours_was_fast_enough(monkeypatch):
    monkeypatch.setattr(race, "SECONDS", 0.01)
    monkeypatch.setattr(race, "PATIENCE", 0.5)
    checked = []
    entrants = {"ours": lambda: time.sleep(0.02), "first": lambda: 1, "second": lambda: 1}
    rows = race.run([Race("wait", lambda megapixels: (), entrants, checked.append)], (1, 100), (1,))
    assert [set(answers) for answers in checked] == [set(entrants)]
    assert [row.entrant for row in rows if row.megapixels == 100] == ["first", "second"]


@pytest.mark.parametrize("power", [0.5, 1, 2])
def test_growth_is_the_exponent(power):
    assert race.growth([(size, 3 * size**power) for size in (0.5, 4, 16)]) == pytest.approx(power)
    assert math.isnan(race.growth([(4, 1.0)]))


def test_memory_counts_what_a_call_holds_at_its_peak():
    extra = race.extra_memory(lambda n: bytearray(b"1" * n), (30_000_000,))
    assert math.isnan(extra) or 25 < extra < 100


def test_threads_are_limited_and_given_back():
    before = kernel.get_num_threads()
    with race.limited_to(before + 1):
        assert kernel.get_num_threads() == before + 1
    assert kernel.get_num_threads() == before


def test_a_report_says_what_was_saved(tmp_path):
    rows = [
        Row("sum", "ours", True, 1, 0.5, 0.002, 1.5, 1.0, "why it is so"),
        Row("sum", "theirs", False, 1, 0.5, 0.004, math.nan, math.nan, "why it is so"),
        Row("sum", "ours", True, 1, 2.0, 0.008, 12.0, 1.0, "why it is so"),
    ]
    race.save(rows, "tiny", tmp_path)
    loaded = race.load(tmp_path / "bench_tiny.csv")
    assert [(r.entrant, r.ours, r.seconds) for r in loaded] == [
        ("ours", True, 0.002),
        ("theirs", False, 0.004),
        ("ours", True, 0.008),
    ]
    report = race.report(tmp_path)
    assert "| sum | 1 | 0.5 | 2 | theirs 4 | 0.50 | 1.00, 1.50 | 2 / – |" in report
    assert "- **sum**: why it is so" in report
    assert loaded[0].machine in report and "/" not in loaded[0].machine


def test_an_unknown_suite_is_named():
    with pytest.raises(ValueError, match=r"no benchmark is called speed; there are classic, .*regions"):
        race.main(["speed"])


@pytest.mark.parametrize(
    "suite", ["classic", "clustering", "crf", "features", "graph_cuts", "graphs", "regions"]
)
def test_all_entrants_of_a_suite_give_the_same_answer(suite):
    pytest.importorskip("cv2", reason="the peers of the benchmarks are in the dependency group `bench`")
    for entry in importlib.import_module(f"benchmarks.{suite}").races():
        arguments = entry.make(min((0.02, *entry.sizes)))
        entry.check({name: call(*arguments) for name, call in entry.entrants.items()})


def test_real_nuclei_are_split_about_as_well_as_by_the_usual_recipe(real_data):
    from benchmarks import nuclei_splitting

    rows = nuclei_splitting.compare(real_data / "nuclei", every=12)
    f1 = {row[0]: float(row[6]) for row in rows if row[2] == "all"}
    assert min(f1.values()) > 0.7  # Otsu and a distance transform go far on most types
    assert f1["course"] > f1["scikit-image"] - 0.03


def test_real_photographs_are_parted_about_as_well_as_by_the_libraries(real_data):
    pytest.importorskip("cv2", reason="OpenCV is in the dependency group `bench`")
    from benchmarks import real_partitions

    photos = real_partitions.photographs(real_data / "bsds_photos" / "val")[::4]
    covering = {
        name: real_partitions.measure(partial(run, count=25, compactness=10), photos)[0]
        for name, run in (("course", real_partitions.our_slic), ("theirs", real_partitions.skimage_slic))
    }
    shifted = real_partitions.measure(
        partial(real_partitions.our_mean_shift, spatial=8, colour=20, area=1500), photos
    )
    assert covering["course"] > covering["theirs"] - 0.05
    assert shifted[0] > covering["course"]  # regions of any size beat tiles


def test_real_streets_are_read_as_their_pack_says(real_data, monkeypatch):
    """Its README gives what the most frequent class of each position scores: 0.616 of the pixels, mean IoU 0.170."""
    from benchmarks import real_networks

    pack, read = real_data / "camvid", real_networks.frames
    with monkeypatch.context() as quicker:
        quicker.setattr(real_networks, "_boundary_f", lambda target, answer: 0.0)
        floor = real_networks.by_position(pack)
    assert (floor["accuracy"], floor["miou"]) == pytest.approx((0.616, 0.170), abs=6e-4)
    assert floor["new_drive_miou"] != floor["miou"]
    monkeypatch.setattr(real_networks, "frames", lambda *which: [part[::25] for part in read(*which)])
    found = real_networks.run(pack, "FCN-32s", seed=0, steps=2, split="val")
    assert set(real_networks.SHOWN) == set(found) and 0 < found["miou"] < 0.5


def test_void_counts_in_no_score_of_real_streets():
    from benchmarks import real_networks

    target = np.zeros((20, 30), np.uint8)
    target[:, 10:20], target[:, 20:] = 9, 255
    right = np.where(target == 255, 4, target)
    found = real_networks.scores([target, target], [right, right], ["Seq05VD_1", "0001TP_2"])
    assert set(found.values()) == {1.0}
    half = right.copy()
    half[10:, 10:20] = 0
    worse = real_networks.scores([target, target], [right, half], ["Seq05VD_1", "0001TP_2"])
    assert worse["new_drive_miou"] == 1 and worse["iou_pedestrian"] == 0.75 and worse["boundary_f"] < 1


def test_runs_on_real_streets_are_noted_and_taken_up_again(tmp_path, monkeypatch):
    from benchmarks import real_networks as real

    for folder in ("results", "camvid", "nuclei"):
        (tmp_path / folder).mkdir()
    monkeypatch.setattr(paths, "bundled", lambda name: tmp_path)
    monkeypatch.setenv("COURSE_REAL_DATA", str(tmp_path))
    monkeypatch.setattr(real.networks, "best", lambda count: ["U-Net", "FCN-8s"])
    done = []

    def run(pack, net, seed, steps, split):
        done.append((net, seed, split))
        return dict.fromkeys(real.SHOWN, 0.5 + seed / 10)

    monkeypatch.setattr(real, "run", run)
    monkeypatch.setattr(real, "by_position", lambda pack: dict.fromkeys(real.SHOWN, 0.2))
    monkeypatch.setattr(race, "write_report", lambda: None)
    monkeypatch.setattr(race.checksums, "update", lambda: ([], []))
    real.main([])
    assert done == [(net, seed, "test") for net in ("U-Net", "FCN-8s") for seed in range(real.SEEDS)]
    runs = tmp_path / "results" / "real_networks_runs.csv"
    runs.write_text(
        "".join(runs.read_text(encoding="utf-8").splitlines(keepends=True)[:-1]), encoding="utf-8"
    )
    real.main([])
    assert done[6:] == [("FCN-8s", 2, "test")]
    noted = (tmp_path / "results" / "readings.csv").read_text(encoding="utf-8").splitlines()
    assert len(noted) == 1 + len(done) and noted[-1].endswith('"FCN-8s, seed 2"')
    table = (tmp_path / "results" / "real_networks.csv").read_text(encoding="utf-8").splitlines()
    assert table[1].startswith("position alone,0.200") and table[2].startswith("U-Net,0.600 ± 0.100")
    real.main(["--steps", "2"])
    assert [split for _, _, split in done[7:]] == ["val", "val"]


@pytest.mark.parametrize("classes", [2, 11])
def test_every_recipe_of_the_race_of_trainings_gives_scores_for_each_pixel(classes):
    from benchmarks import learning

    images = torch.rand(2, 3, 64, 96)
    for name, recipe in {**learning.TRIED, **learning.ENTRANTS}.items():
        if not (recipe.peer and find_spec("segmentation_models_pytorch") is None):
            assert recipe.model(classes)(images).shape == (2, classes, 64, 96), name


def test_contrast_sees_what_is_faint_and_not_how_bright_the_image_is():
    from benchmarks.learning import Contrast

    image = torch.full((1, 3, 16, 16), 0.5)
    image[..., 4:8, 4:8], image[..., 10:14, 10:14] = 0.52, 0.9
    seen = Contrast()(image)
    assert seen.shape == (1, 4, 16, 16)
    torch.testing.assert_close(seen.mean((2, 3)), torch.zeros(1, 4), atol=1e-5, rtol=0)
    lift = (seen[0, :, 5, 5] - seen[0, :, 0, 0]) / (seen[0, :, 11, 11] - seen[0, :, 0, 0])
    assert lift[3] > 3 * lift[0]
    torch.testing.assert_close(Contrast()(0.5 * image)[:, :3], seen[:, :3])


def test_the_race_of_trainings_reads_real_images_learns_and_scores_what_it_did_not_learn(
    real_data, monkeypatch
):
    from benchmarks import learning

    noted = []
    monkeypatch.setattr(learning, "note_reading", lambda by, what: noted.append(what))
    monkeypatch.setenv("COURSE_REAL_DATA", str(real_data))
    read = learning._read.__wrapped__
    monkeypatch.setattr(learning, "_read", lambda *which: [part[::25] for part in read(*which)])
    for pack in learning.PACKS:
        found = learning.race(0, pack, 1, "ours")
        assert found["steps"] >= 1 and 0 < found["test"] < 1
        assert np.isnan(found["new_drive"]) == (pack == "nuclei")
    assert noted == ["ours, 1 s, seed 0"]


def test_the_race_of_trainings_is_taken_up_again_and_its_table_gives_means(tmp_path, monkeypatch):
    from benchmarks import learning

    for folder in ("results", "camvid", "nuclei"):
        (tmp_path / folder).mkdir()
    monkeypatch.setattr(paths, "bundled", lambda name: tmp_path)
    monkeypatch.setenv("COURSE_REAL_DATA", str(tmp_path))
    monkeypatch.setattr(race, "write_report", lambda: None)
    monkeypatch.setattr(race.checksums, "update", lambda: ([], []))
    done = []

    def learn(seed, pack, budget, entrant, split="test", recipes=None):
        done.append((pack, budget, entrant, seed, split))
        score = {"camvid": 0.4, "nuclei": 0.7}[pack] + seed / 10
        new = score if pack == "camvid" else float("nan")
        score += 0.05 * (entrant == "twice as wide")
        return {split: score, "steps": 100, "weights": 2e5, "loss": 1.0, "new_drive": new}

    monkeypatch.setattr(learning, "race", learn)
    learning.main([])
    assert len(done) == len(set(done)) == 2 * 4 * 7  # packs, entrants; three seeds twice, one once
    assert [entrant for _, _, entrant, *_ in done[:4]] == list(learning.ENTRANTS)
    learning.main([])
    assert len(done) == 56
    lines = (tmp_path / "results" / "learning.csv").read_text(encoding="utf-8").splitlines()
    assert "nuclei,30,ours,0.800 ± 0.100,100,0.20,–" in lines
    assert "camvid,180,ours,0.400,100,0.20,0.400" in lines
    learning.main(["--tried"])
    tried = 56 + 2 * len(learning.TRIED)
    assert {split for *_, split in done[56:]} == {"val"} and len(done) == tried
    lines = (tmp_path / "results" / "learning_tried.csv").read_text(encoding="utf-8").splitlines()
    assert lines[1] == "ours,0.700,–,100,0.400,–,100" and len(lines) == 1 + len(learning.TRIED)
    assert "twice as wide,0.750,+0.050,100,0.450,+0.050,100" in lines
    learning.main(["--long"])
    assert [run[:3] for run in done[tried:]] == [
        ("camvid", 600, "ours"),
        ("camvid", 3600, "ours, twice as wide"),
    ]
    lines = (tmp_path / "results" / "learning_long.csv").read_text(encoding="utf-8").splitlines()
    assert lines[1] == "camvid,600,ours,0.400,100,0.20,0.400" and len(lines) == 3


def test_the_taught_encoder_learns_from_few_real_images(real_data, monkeypatch):
    from benchmarks import real_transfer as real
    from course_utils.models import pretrained

    monkeypatch.setattr(pretrained, "_own", lambda taught, file, own=pretrained._own: own(False, file))
    read = real.read
    monkeypatch.setattr(real, "read", lambda *which: tuple(part[::20] for part in read(*which)))
    for pack in real.PACKS:
        images, targets = real.read(real_data, pack, "train")
        assert {image.shape[2] for image in images} == {3}
        classes = real.PACKS[pack][0]
        assert {int(k) for target in targets for k in np.unique(target)} <= {*range(classes), 255}
        found = real.run(real_data, pack, "fine-tuned", 3, seed=0, steps=2, split="val")
        assert 0 < found["miou"] < found["accuracy"] < 1


def test_what_the_taught_encoder_is_worth_is_noted_taken_up_again_and_tabled(tmp_path, monkeypatch):
    from benchmarks import real_transfer as real

    for folder in ("results", "camvid", "nuclei"):
        (tmp_path / folder).mkdir()
    monkeypatch.setattr(paths, "bundled", lambda name: tmp_path)
    monkeypatch.setenv("COURSE_REAL_DATA", str(tmp_path))
    done = []

    def run(folder, pack, way, count, seed, steps, split):
        done.append((pack, way, count, seed, split))
        lead = 0.1 if way == "fine-tuned" and seed else 0
        return {"miou": 0.4 + lead, "accuracy": 0.7}

    monkeypatch.setattr(real, "run", run)
    monkeypatch.setattr(race, "write_report", lambda: None)
    monkeypatch.setattr(race.checksums, "update", lambda: ([], []))
    real.main([])
    runs = len(real.PACKS) * len(real.COUNTS) * 2 * real.SEEDS
    assert len(done) == len(set(done)) == runs and {split for *_, split in done} == {"test"}
    real.main([])
    assert len(done) == runs
    noted = (tmp_path / "results" / "readings.csv").read_text(encoding="utf-8").splitlines()
    assert len(noted) == 1 + runs and ",nuclei,test," in noted[-1]
    table = (tmp_path / "results" / "real_transfer.csv").read_text(encoding="utf-8").splitlines()
    assert table[1] == "nuclei,5,0.400 ± 0.000,0.467 ± 0.058,+0.067,2 of 3" and len(table) == 3
    real.main(["--steps", "2"])
    assert {split for *_, split in done[runs:]} == {"val"}


def test_packs_that_are_missing_are_named(tmp_path, monkeypatch):
    (tmp_path / "nuclei").mkdir()
    monkeypatch.setenv("COURSE_REAL_DATA", str(tmp_path))
    assert race.packs("nuclei") == tmp_path
    with pytest.raises(SystemExit, match=r"there is no camvid\."):
        race.packs("nuclei", "camvid")
    monkeypatch.delenv("COURSE_REAL_DATA")
    with pytest.raises(SystemExit, match="COURSE_REAL_DATA"):
        race.packs("nuclei")
