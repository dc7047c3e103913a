"""Methods of Part I on real images: cells of the pack "nuclei", and streets of the pack "camvid".

    COURSE_REAL_DATA=<folder that holds both packs> python -m benchmarks.real_classics

The methods are those of the grand comparison (`course_utils.studies.comparison`), with the settings that they have
there; none was chosen on these packs. On nuclei the object is everything that is a nucleus; whether that is the bright
side, a method that asks is told by the type of the picture (stained and bright-field ones are dark on light). Methods
that learn do so from 8000 labelled pixels of 32 training pictures, others for each seed. The test images are read once
for each method and seed, which ``data/results/readings.csv`` notes. Scores: nuclei, IoU of the foreground and boundary
F at 2 pixels, means over the 45 test images; camvid, mean IoU of 11 classes, pooled over 233 test frames, void left
out.

Runs that were interrupted are taken up again. Numbers alone leave this command: they go to ``data/results``.
"""

from functools import cache, partial

import numpy as np

from benchmarks.nuclei_splitting import DARK
from benchmarks.race import packs, publish
from benchmarks.real_networks import CLASSES, frames, note_reading
from course_utils import scoreboard, study
from course_utils.classic import filters
from course_utils.data import public
from course_utils.studies import comparison, exams, findings

COLUMNS = ("pack", "method", "people give", "quality", "boundary F", "s to learn", "ms a picture")
TOLD = ("watershed + strokes", "k-means + strokes", "graph cut + strokes", "forest + strokes")
ASKED = (*comparison.ANY_OBJECT, *TOLD, *comparison.TAUGHT_PIXELS)
METHODS = {
    "nuclei": {name: comparison.METHODS["nuclei"][name] for name in ASKED},
    "camvid": {"class of the place": comparison.BY_PLACE} | comparison.TAUGHT_PIXELS,
}
NUMBERS = ("quality", "boundary_f", "asked", "train_seconds", "milliseconds")


@cache
def _cells(split):
    """Grey pictures of the pack as `exams.Picture`, each with the side that is told."""
    found = []
    for sample in public.folder(packs("nuclei") / "nuclei", split):
        image = filters.luminance(sample.image)
        mask = sample.target > 0
        item = scoreboard.Item("nuclei", "", image, mask, sample.row["type"] not in DARK)
        found.append(exams.Picture(image, mask.astype(np.uint8), item))
    return tuple(found)


def _cells_to_learn(seed):
    taught = _cells("train")
    return [picture.image for picture in taught], [picture.truth for picture in taught]


@cache
def _frames(split):
    """(images float32 in [0, 1], targets) of the streets."""
    images, targets, _ = frames(packs("camvid") / "camvid", split)
    return [image / np.float32(255) for image in images], targets


def exam(pack, split="test"):
    """The `exams.Exam` of a pack."""
    if pack == "nuclei":
        draw = partial(_cells, split)
        return exams.Exam("Real nuclei", "IoU", 2, 2.0, draw, exams.object_iou, _cells_to_learn)
    score = partial(exams.mean_iou, classes=CLASSES)
    draw = partial(exams.of_pairs, partial(_frames, split))
    return exams.Exam("Real streets", "mean IoU", CLASSES, None, draw, score, lambda seed: _frames("train"))


def run(seed, pack, method):
    """One row: what a method gets right of the test images, which is noted as a reading of them."""
    found = METHODS[pack][method].run(exam(pack), seed)
    note_reading("benchmarks.real_classics", f"{method}, seed {seed}", pack)
    return study.rounded({name: found[name] for name in NUMBERS})


class _Classics(study.Study):
    def runs(self):
        return [
            ({"pack": pack, "method": name}, seed)
            for pack, methods in METHODS.items()
            for name, method in methods.items()
            for seed in (method.seeds if pack == "nuclei" else method.seeds[:1])
        ]


STUDY = _Classics(
    "real_classics_runs", "What do the methods of Part I get right of real images?", (), (), run
)


def table(recorded):
    """Rows as COLUMNS names them."""
    for pack, methods in METHODS.items():
        for name, method in methods.items():
            which = {"pack": pack, "method": name}
            score, edge, asked = (study.summarise(recorded, value, **which) for value in NUMBERS[:3])
            times = [
                min(row[value] for row in recorded if which.items() <= row.items()) for value in NUMBERS[3:]
            ]
            given = (
                f"{asked.mean:.0f} px of strokes"
                if method.given == "strokes"
                else findings.GIVEN[method.given]
            )
            yield (
                pack,
                name,
                given,
                findings.spread(score),
                "–" if np.isnan(edge.mean) else f"{edge.mean:.3f}",
                *(findings.short(value) if value else "–" for value in times),
            )


def main():
    """Do the runs that are missing, write the tables and the report."""
    packs("nuclei", "camvid")
    study.record(STUDY, on_run=lambda done, total: print(f"{done} of {total} runs", flush=True))
    publish("real_classics", COLUMNS, table(study.rows(STUDY.name)))


if __name__ == "__main__":
    main()
