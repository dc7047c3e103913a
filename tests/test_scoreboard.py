"""The scoreboard: perfect answers score 1, the policy is kept, rows survive, recorded rows can be made again."""

import csv
import time

import numpy as np
import pytest

from course_utils import metrics, paths, scoreboard


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(scoreboard, "_session", {})


def oracle(image):
    """Recognises each picture of the benchmark by its pixels, as it is or as a negative, and answers with the truth."""
    for item in scoreboard.items():
        grey = scoreboard._hand_over(item, "", False)
        if grey.shape == image.shape and (np.allclose(grey, image) or np.allclose(1 - grey, image)):
            return item.mask
    raise AssertionError("a picture was handed over that is not in the benchmark")


@pytest.mark.parametrize("prompts", ["", "polarity"])
def test_a_perfect_method_is_perfect_on_every_set(prompts):
    scores, cost, mb = scoreboard.evaluate(oracle, prompts=prompts)
    assert scores == {name: (1.0, 1.0) for name in scoreboard.SETS}
    assert cost > 0 and mb >= 0


def test_scores_are_means_over_the_pictures_of_a_set():
    scores, *_ = scoreboard.evaluate(lambda image: image > 0.5)
    for name in scoreboard.SETS:
        ious = []
        for item in scoreboard.items():
            if item.set == name:
                ious.append(metrics.mask_iou(item.mask, scoreboard._hand_over(item, "", False) > 0.5))
        assert scores[name][0] == pytest.approx(np.mean(ious))


def test_with_polarity_objects_are_the_brighter_side():
    """By the mean: the prompt must say what it promises for every picture that it turns round."""
    for item in scoreboard.items():
        if not item.bright:
            image = scoreboard._hand_over(item, "polarity", False)
            assert image[item.mask].mean() > image[~item.mask].mean(), item.name


def test_a_box_on_request_holds_the_object_and_not_much_more():
    boxes = []

    def inside(image, box):
        mask = np.zeros(image.shape, bool)
        mask[box[0] : box[2], box[1] : box[3]] = True
        boxes.append(mask)
        return mask

    scores, *_ = scoreboard.evaluate(inside, prompts="box")
    for item, mask in zip(scoreboard.items(), boxes[1:], strict=False):  # the first call only warms up
        assert not (item.mask & ~mask).any(), item.name
        rows, columns = (np.count_nonzero(m.any(axis=1)) for m in (mask, mask.T))
        object_rows, object_columns = (np.ptp(np.flatnonzero(item.mask.any(axis=a))) + 1 for a in (1, 0))
        margin = 2 * scoreboard.MARGIN
        assert object_rows <= rows <= object_rows + margin, item.name
        assert object_columns <= columns <= object_columns + margin, item.name
    photographs = [
        metrics.mask_iou(i.mask, b)
        for i, b in zip(scoreboard.items(), boxes[1:], strict=False)
        if i.set == "photos"
    ]
    assert scores["photos"][0] == pytest.approx(np.mean(photographs))


def test_colour_is_handed_over_on_request():
    shapes = []
    scoreboard.evaluate(
        lambda image: (shapes.append(image.shape), np.zeros(image.shape[:2], bool))[1], colour=True
    )
    assert {len(shape) for shape in shapes} == {3}


def test_a_method_may_spoil_its_picture_without_harm():
    def spoil(image):
        image[:] = 0
        return np.zeros(image.shape, bool)

    before = [item.image.sum() for item in scoreboard.items()]
    first = scoreboard.evaluate(spoil)[0]
    assert [item.image.sum() for item in scoreboard.items()] == before
    assert scoreboard.evaluate(spoil)[0] == first


def test_slower_and_larger_methods_cost_more():
    def slow(image):
        time.sleep(0.02)
        return np.zeros(image.shape, bool)

    def large(image):
        return np.zeros((40, *image.shape)).any(0)

    quick = scoreboard.evaluate(lambda image: np.zeros(image.shape, bool))
    assert scoreboard.evaluate(slow)[1] > 2 * quick[1]
    assert scoreboard.evaluate(large)[2] > quick[2] + 60  # 40 float64 copies of 512 × 512 pixels are 84 MB


@pytest.mark.parametrize("answer", [np.zeros((2, 2), bool), 0.5, None])
def test_an_answer_that_is_no_mask_is_named_with_its_picture(answer):
    with pytest.raises(ValueError, match=r"coins.*bool mask"):
        scoreboard.evaluate(lambda image: answer)


def test_own_rows_lie_over_the_recorded_and_outlive_the_kernel():
    recorded = {row.method for row in scoreboard.rows()}
    scoreboard.add("Otsu", oracle, lesson="02", prompts="polarity")
    scoreboard.add("mine", oracle, lesson="02", tuned='nothing, "really"')
    scoreboard._session.clear()  # as a new kernel would begin
    rows = {row.method: row for row in scoreboard.rows()}
    assert set(rows) == recorded | {"mine"}
    assert rows["Otsu"].own and rows["Otsu"].photos_iou == 1.0
    assert rows["mine"].tuned == 'nothing, "really"' and not rows["Li"].own
    assert "Otsu (yours)" in repr(scoreboard.show())


def test_a_damaged_file_is_left_alone(capsys):
    file = paths.home() / scoreboard.FILE
    file.parent.mkdir(parents=True)
    file.write_text("method,what\nOtsu,nonsense\n", encoding="utf-8")
    assert scoreboard.rows()
    assert "could not be read" in capsys.readouterr().out and "nonsense" in file.read_text(encoding="utf-8")
    scoreboard.add("mine", oracle, lesson="02")
    (aside,) = file.parent.glob("scoreboard-damaged-*.csv")
    assert "nonsense" in aside.read_text(encoding="utf-8") and "mine" in file.read_text(encoding="utf-8")


def test_rows_of_another_notebook_stay():
    scoreboard.add("theirs", oracle, lesson="02")
    scoreboard._session.clear()
    scoreboard.rows()
    file = paths.home() / scoreboard.FILE
    file.write_text(file.read_text(encoding="utf-8").replace("theirs", "added meanwhile"), encoding="utf-8")
    scoreboard.add("mine", oracle, lesson="02")
    assert {"added meanwhile", "mine"} <= {row.method for row in scoreboard.rows()}
    assert "added meanwhile" in file.read_text(encoding="utf-8")


def test_a_row_that_cannot_be_written_lasts_for_the_session(monkeypatch, capsys):
    paths.home().parent.mkdir(exist_ok=True)
    paths.home().write_text("a file where the folder should be", encoding="utf-8")
    scoreboard.add("mine", oracle, lesson="02")
    assert "not kept" in capsys.readouterr().out
    assert "mine" in {row.method for row in scoreboard.rows()}


def test_recorded_scores_can_be_made_again(tmp_path):
    scoreboard.record(tmp_path / "again.csv")
    with (paths.bundled("data") / "results" / scoreboard.FILE).open(newline="", encoding="utf-8") as file:
        shipped = list(csv.DictReader(file))
    with (tmp_path / "again.csv").open(newline="", encoding="utf-8") as file:
        again = list(csv.DictReader(file))
    scores = [name for name in shipped[0] if "iou" in name or "boundary" in name]
    assert [row["method"] for row in shipped] == [row["method"] for row in again] == list(scoreboard.METHODS)
    for old, new in zip(shipped, again, strict=True):
        assert [float(new[s]) for s in scores] == pytest.approx([float(old[s]) for s in scores], abs=2e-3), (
            old["method"]
        )
