"""The exams: a perfect answer is perfect, strokes are not examined, and nobody has learned from what is asked."""

import numpy as np
import pytest

from course_utils.data.masks import IGNORE
from course_utils.studies import exams
from course_utils.studies.exams import EXAMS, Picture

SOME = {name: exam.pictures()[:3] for name, exam in EXAMS.items()}


@pytest.fixture(params=EXAMS)
def name(request, monkeypatch):
    monkeypatch.setattr(exams.Exam, "pictures", lambda self: SOME[request.param])
    return request.param


def answers(name, of=lambda picture: picture.truth):
    return [p.sample.labels if name == "counted" else of(p) for p in SOME[name]]


def test_the_truth_is_the_best_answer(name):
    found = EXAMS[name].scores(answers(name))
    # Of the canals that the picture allows sixteen are drawn: the true one is a little off the nearest of them.
    assert found["quality"] == pytest.approx(1, abs=0.1 if name == "canals" else 0)
    assert np.isnan(found["boundary_f"]) if name == "counted" else found["boundary_f"] == 1
    nothing = EXAMS[name].scores([np.zeros_like(p.truth) for p in SOME[name]])
    assert nothing["quality"] < 0.25 * found["quality"]


@pytest.mark.parametrize("name", ["photos", "mosaics", "town"], indirect=True)
def test_what_was_painted_is_not_examined(name):
    exam = EXAMS[name]
    painted = [p.strokes(exam.classes, 0) > 0 for p in SOME[name]]
    spoilt = [
        np.where(known, 1 - (p.truth == 1), p.truth) for p, known in zip(SOME[name], painted, strict=True)
    ]
    assert exam.scores(spoilt, painted)["quality"] == 1 > exam.scores(spoilt)["quality"]


def test_strokes_lie_on_their_class_and_class_0_has_the_last_number():
    for name, exam in EXAMS.items():
        picture = SOME[name][0]
        strokes = picture.strokes(exam.classes, 1)
        known = strokes > 0
        assert np.array_equal(strokes[known] % exam.classes, picture.truth[known])
        assert set(np.unique(strokes[known])) == {k or exam.classes for k in np.unique(picture.truth)}


def test_void_is_not_examined():
    truth = np.array([[0, 1], [1, IGNORE]], np.uint8)
    picture = Picture(np.zeros((2, 2)), truth)
    for guess in (0, 1):
        answer = np.array([[0, 1], [1, guess]])
        assert exams.mean_iou([picture], [answer], [np.zeros((2, 2), bool)], 3) == 1


def test_a_picture_of_the_scoreboard_keeps_the_side_that_is_told_there():
    for picture in SOME["photos"]:
        assert picture.item is picture.sample
    for picture in SOME["nuclei"]:
        assert picture.item.bright and np.array_equal(picture.item.mask, picture.truth == 1)


@pytest.mark.parametrize("name", [name for name, exam in EXAMS.items() if exam.lessons])
def test_nobody_learns_from_what_is_asked(name):
    exam = EXAMS[name]
    for seed in (0, 1):
        images, targets = exam.lessons(seed)
        taught = {np.asarray(image).tobytes() for image in images}
        assert not taught & {np.asarray(p.image).tobytes() for p in exam.pictures()}
        assert {int(k) for target in targets for k in np.unique(target)} <= set(range(exam.classes))
