"""The page of the grand comparison, ``docs/comparison.md``: one table, one figure, and what they say of each set.

``python -m course_utils.publish.comparison`` writes the page and its figure anew from the recorded rows. Every number
on it comes from there; what the sentences claim of them, a test holds.
"""

import csv
from pathlib import Path
from textwrap import fill

from course_utils import paths
from course_utils.studies import findings
from course_utils.studies.exams import EXAMS
from course_utils.study import rows, summarise

PAGE, FIGURE = Path("docs") / "comparison.md", Path("docs") / "comparison.webp"
#: Tables of the benchmarks on real packs that the page shows: file, columns, and words over it.


def main():
    """Write the page and its figure."""
    picture = findings.figure()
    (paths.checkout() / FIGURE).write_bytes(picture.webp)
    (paths.checkout() / PAGE).write_text(page(picture.alt), encoding="utf-8", newline="\n")


def page(alt):
    """The page as Markdown (str), around a figure with this alt text."""
    found = findings.findings()
    parts = [
        _introduction(found),
        f"![{alt}]({FIGURE.name})\n",
        _CAPTION,
        _markdown(*findings.overview(), best=range(3, 3 + len(EXAMS))),
        _DASHES,
    ]
    for name, exam in EXAMS.items():
        words = fill(PARAGRAPHS[name](Numbers(found[name])), 119, break_on_hyphens=False)
        parts += [f"## {exam.title}\n", f"{words}\n", _folded(name)]
    parts += [_lesson(found), _real(found), _LIMITS]
    return "\n".join(parts).rstrip() + "\n"


class Numbers:
    """The findings of a set as text for sentences: ``q("U-Net")`` quality, ``s`` seconds in all, ``ms`` a picture."""

    def __init__(self, found):
        self.found = found

    def q(self, method):
        mean = self.found[method].quality.mean
        return f"{mean:.3f}" if mean > 0.9 else f"{mean:.2f}"  # near 1 the third digit counts

    def b(self, method):
        return f"{self.found[method].boundary_f:.2f}"

    def ms(self, method):
        return findings.short(self.found[method].milliseconds)

    def learn(self, method):
        return findings.short(self.found[method].train_seconds)

    def px(self, method):
        one = self.found[method]
        return f"{one.taught or one.asked:,}"


# -- the tables ---------------------------------------------------------------------------------------------


def _markdown(columns, lines, best=()):
    """A table in Markdown; of the columns with these numbers the best is bold."""
    top = {n: max(line[n] for line in lines if isinstance(line[n], float)) for n in best}
    body = [
        [f"**{_text(v)}**" if v == top.get(n) else _text(v) for n, v in enumerate(line)] for line in lines
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in (columns, ["---"] * len(columns), *body)) + "\n"


def _text(value):
    if value is None or value != value:  # NaN
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _folded(name):
    summary = f"All numbers of this set: {EXAMS[name].quality}, boundary, labels, seconds, memory"
    return f"<details><summary>{summary}</summary>\n\n{_markdown(*findings.details(name))}\n</details>\n"


def _recorded(name):
    """Rows of a table that a benchmark wrote, list of dict."""
    with (paths.bundled("data") / "results" / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# -- the words ----------------------------------------------------------------------------------------------

_CAPTION = """\
*Up and left is better. Seconds are those of one processor core, for learning, if there is any, and for answering all
test pictures of the set. The grey line joins the methods that none beats in both quality and seconds; their names are
bold. Names stand in the order of their quality.*
"""

_DASHES = """\
**Why there are dashes.** *Photographs* show nine different things: there is nothing to learn from but what is asked, so
no method is taught, and no network takes part (but see [real images](#real-images)). Thresholds, two means and contours
part an object from a background; they cannot name *textures* or *classes*. GrabCut, the snake and Chan–Vese start from
a box around one object; all nuclei, or a canal, fill their picture, so that a box would say nothing. A cut between two
kinds of strokes has no third class. Who gives a mask alone is counted one by one by way of its *islands*, or parted by
*watershed*; both stand in rows of their own. A judge (lesson 14) can only help where the picture leaves open what is
true; lesson 14 measures that it brings nothing elsewhere. What else of lessons 09 to 16 is missing on a set was not
tried there.
"""

_LIMITS = """\
## What this comparison cannot tell

* **Which method is best.** Each set asks its own question, and sets have no mean. Networks have few steps here, as in
  the lessons: *U-Net, longer* shows how far they are from their end.
* **How a method does on your pictures.** Test pictures of a generator are as those that taught: that flatters whoever
  learns. The section on real images is there to correct that.
* **What labels cost.** A pixel of a stroke takes a moment, a pixel of an outlined picture another. Pixels are counted,
  not minutes; labels of generated pictures cost nothing at all.
* **What tuning would bring.** Each method has one setting for all pictures of all sets. The rates of networks were
  chosen on validation pictures of their lessons.
* **Differences of a hair.** Three seeds tell a lead of a few hundredths from chance, no less. Where there is no ±,
  chance has no say, but for strokes on photographs, which were drawn once.
* **Memory across the border.** Classics are counted in numpy's arrays (the trees of a forest are not among them),
  networks in tensors and weights: compare within a kind.

Made by `course study comparison` (rows: `data/results/comparison.csv`; scores that a lesson's study had recorded on
these very pictures were taken from there) and `python -m course_utils.publish.comparison`. In a notebook:
`findings.table()` and `findings.figure()` of `course_utils.studies`.
"""


def _introduction(found):
    methods = {method for each in found.values() for method in each}
    return f"""\
# All methods, one table

Written by `python -m course_utils.publish.comparison` from recorded rows; a change by hand would be lost.

{len(methods)} entries, from Otsu's threshold to adversarial refinement, on six questions: one object in a photograph,
all nuclei, nuclei one by one, textures without a colour, streets in eight classes, and canals whose course a cloud
hides. On each, all methods meet the same test pictures, those that learn have the same pictures to learn from, and
all are scored by one rule. What differs is the price: what people must give (nothing, a box, strokes, labelled
pictures) and what the machine must do.
"""


def _photos(n):
    return f"""\
A box that somebody drew, and two mixtures of colours: GrabCut has {n.q("GrabCut")}, and {n.b("GrabCut")} on
boundaries, at {n.ms("GrabCut")} ms a picture. Strokes, about {n.px("mean shift + strokes")} pixels of them in each
picture, bring a cut to {n.q("graph cut + strokes")}, mean shift to {n.q("mean shift + strokes")}, and the flooding of
lesson 03 to {n.q("watershed + strokes")} in {n.ms("watershed + strokes")} ms. Thresholds know brightness alone:
{n.q("Otsu")} (Otsu), {n.q("Sauvola 101")} (Sauvola). Saying that *everything* is object has {n.q("everything")}.
"""


def _nuclei(n):
    top, pixels = findings.best(n.found), findings.best(n.found, 2)
    return f"""\
The home of the threshold: Li's has {n.q("Li")} in {n.ms("Li")} ms, without a single label. The *{pixels}* of lesson 07
has {n.q(pixels)}, after {n.px(pixels)} labelled pixels and {n.learn(pixels)} s. The U-Net has no more
({n.q("U-Net")}, after {n.px("U-Net")} pixels and {n.learn("U-Net")} s); taught three times as long it has
{n.q("U-Net, longer")}. The best of all is *{top}*. What labels buy is the boundary: at a tolerance of one pixel it is
right to {n.b("Li")} with Li's threshold, to {n.b(pixels)} and {n.b("U-Net, longer")} with those that learned. A network
without skips ({n.q("encoder–decoder")}) is worse than Otsu ({n.q("Otsu")}): it knows what, but no longer where.
"""


def _counted(n):
    return f"""\
A mask does not count. The U-Net's mask, taken island by island, has an F1 of {n.q("U-Net, islands")}, not much more
than Otsu's ({n.q("Otsu, islands")}): nuclei that touch are one island, however good the mask. Lesson 03's watershed on
the distance lifts Otsu's mask to {n.q("Otsu, watershed")} and Li's to {n.q("Li, watershed")}, in
{n.ms("Li, watershed")} ms and without a label: here forty lines beat the network that lacks them. The network's better
mask, parted by the same forty lines, has {n.q("U-Net, watershed")}; taught the rims between nuclei, too, it has
{n.q("U-Net")}, and after three times the steps {n.q("U-Net, longer")}. The best answer is both.
"""


def _mosaics(n):
    pixels, told = findings.best(n.found, 2), findings.best(n.found, 1)
    return f"""\
No colour and no brightness tells these regions apart. Who is told by strokes in each picture, {n.px(told)} pixels of
them, which three textures there are, and roughly where, has the best of it: *{told}* {n.q(told)}, and the flooding of
lesson 03 {n.q("watershed + strokes")} in {n.ms("watershed + strokes")} ms; eight groups of grey values, of course, have
nothing ({n.q("k-means + strokes")}). All others must know textures from ten labelled pictures of 64 × 64 pixels. That
is too little for features by hand (*{pixels}*, {n.q(pixels)}) and for a U-Net of 80 steps ({n.q("U-Net, 80 steps")});
four times the steps bring {n.q("U-Net")}, and the encoder of lesson 16 brings as much in 80: {n.q("taught encoder")}.
(It was taught once, by other pictures, for 2,572 s that no row counts.) A hundred pictures instead of ten help the
taught encoder ({n.q("taught encoder, 100 pictures")}), not the other ({n.q("U-Net, 100 pictures")}): 80 steps are too
few to learn from them.
"""


def _town(n):
    top, pixels, told = (findings.best(n.found, kind) for kind in (3, 2, 1))
    return f"""\
Eight classes, and what a pixel is hangs on what is around it. *{top}* has {n.q(top)} and the U-Net {n.q("U-Net")},
after {n.px("U-Net")} labelled pixels and {n.learn("U-Net")} s of learning. The *{pixels}* of lesson 07 has
{n.q(pixels)} after {n.learn(pixels)} s: more than a network that knows things but not where they end (FCN-32s,
{n.q("FCN-32s")}), and far more than the *class of the place* ({n.q("class of the place")}). Who paints strokes of all
classes into each street, {n.px(told)} pixels of them, gets {n.q(told)} from *{told}*.
{_refined(n)}"""


def _refined(n):
    """What lessons 13 to 16 add on streets."""
    return f"""\
Of lessons 13 to 16, the Dice loss has {n.q("U-Net, Dice")}, and {n.b("U-Net, Dice")} on boundaries where the U-Net has
{n.b("U-Net")}; the taught encoder has {n.q("taught encoder")}, and sweeps {n.q("U-Net + sweeps")}. A CRF, set as for
lesson 15's photographs, makes {n.b("FCN-32s + CRF")} of FCN-32s' {n.b("FCN-32s")} on boundaries, and no more of its
mean IoU ({n.q("FCN-32s + CRF")}); the U-Net it spoils ({n.q("U-Net + CRF")}, boundaries {n.b("U-Net + CRF")}). It takes
most of the time of an answer, {n.ms("U-Net + CRF")} ms.
"""


def _canals(n):
    whole = _whole()
    return f"""\
The picture does not say which way the canal bends under the cloud, so an answer is held against the nearest canal that
might be there. A network that learns from pixels alone draws the mean of all, which is none of them:
{n.q("U-Net")}, and {whole["cross-entropy"]:.0%} of its answers are whole canals. Against a judge it learns
to decide: {n.q("U-Net + judge")}, and {whole["λ = 0.3"]:.0%} are whole, after {n.learn("U-Net + judge")} s of learning
in all and at no cost in the answer. Of other losses, Dice has {n.q("U-Net, Dice")}, and clDice {n.q("U-Net, clDice")},
since it fills both ways; the CRF, which was set for photographs, has {n.q("U-Net + CRF")} and takes thin canals away.
Thresholds have no chance ({n.q("Otsu")} for Otsu), since water is not what is bright here, and even strokes on the true
canal bring at most {n.q(findings.best(n.found, 1))}: a canal is three pixels wide. Features by hand and a softmax
regression see it where it can be seen ({n.q("softmax on filter bank")}).
"""


def _whole():
    """Share of whole canals of each of lesson 14's methods, by its study: dict of float."""
    recorded = rows("canals")
    return {row["method"]: summarise(recorded, "whole", method=row["method"]).mean for row in recorded}


PARAGRAPHS = {
    "photos": _photos,
    "nuclei": _nuclei,
    "counted": _counted,
    "mosaics": _mosaics,
    "town": _town,
    "canals": _canals,
}


def _lesson(found):
    counted, canals = Numbers(found["counted"]), Numbers(found["canals"])
    nuclei, mosaics, town = (Numbers(found[name]) for name in ("nuclei", "mosaics", "town"))
    best = findings.best(found["town"], 2, 3, 4)
    return f"""\
## When forty lines of watershed beat a network, and when they do not

* **They win where the picture says it and the question is theirs.** One bright object, or bright objects that touch:
  a threshold and a watershed have {counted.q("Li, watershed")} with no label and no training, and the network without
  them {counted.q("U-Net, islands")}. So much must a network bring first.
* **They join.** The network makes the mask, the watershed parts it: {counted.q("U-Net, watershed")}, and
  {counted.q("U-Net")} where the network also learned what the watershed needs.
* **They lose where one pixel does not say it.** What a region is, texture or thing, takes many pixels at once:
  {mosaics.q(findings.best(found["mosaics"], 2, 3, 4))} on mosaics and {town.q(best)} on streets belong to those who
  learned, from labels that somebody must make. On nuclei all that labels bring is the step from {nuclei.q("Li")} to
  {nuclei.q(findings.best(found["nuclei"]))}.
* **And where the picture does not say it at all,** no loss on pixels helps much, whoever computes it: a judge of shapes
  is what takes {canals.q("U-Net")} to {canals.q("U-Net + judge")}.

So begin with the threshold, look where it fails, and pay for what mends that: a box, strokes, a few thousand labelled
pixels, a network, in this order.
"""


def _real(found):
    """Real images, from what the benchmarks recorded."""
    cells, streets = ({line[0]: line for line in _of_pack(pack, "")[1]} for pack in ("nuclei", "camvid"))
    cut = {
        (row["pack"], row["split"], row["prompt"], row["method"]): row for row in _recorded("real_grab_cut")
    }
    generated = Numbers(found["nuclei"])
    five = sorted(row["mean IoU"].split()[0] for row in _recorded("real_networks")[1:])
    low, high = five[0], five[-1]
    of_box = cut["both", "val, eval", "box", "course"]
    return f"""\
## Real images

Pictures of a generator flatter those that learn, since what is asked is as what was taught. These are real: nuclei of
six kinds of microscopy ([BBBC038](https://bbbc.broadinstitute.org/BBBC038)) and streets
([CamVid](http://mi.eng.cam.ac.uk/research/projects/VideoRec/CamVid/)), cut to test images that nobody learned from;
every reading of them is noted in `data/results/readings.csv`. None of them ships with the course. How each number was
made, and more of them, stands in the [benchmark report](benchmarks.md). Networks are named by the seconds that they
learned, on one core of a slower machine than the one that timed the rest.

**Nuclei.** Otsu, told whether nuclei are the bright side, has {cells["Otsu"][2]}, and a forest on a filter bank, after
8000 labelled pixels and {cells["forest on filter bank"][4]} s, {cells["forest on filter bank"][2]}. A textbook U-Net
has {cells["textbook U-Net, 30 s"][2]} after thirty seconds of learning and {cells["textbook U-Net, 180 s"][2]} after
three minutes: no more. It takes a better recipe to leave both behind, {cells["ours, 30 s"][2]} and
{cells["ours, 180 s"][2]}. The softmax regression that had {generated.q("softmax on filter bank")} on generated nuclei
has {cells["softmax on filter bank"][2]}: one line through the features does not part six kinds of microscopy.

{_markdown(*_of_pack("nuclei", "IoU of all nuclei"))}
**Streets.** Eleven classes, 180 × 240 pixels. Naming each place what it mostly was in training has
{streets["class of the place"][2]}, a softmax on a filter bank {streets["softmax on filter bank"][2]}. A network is past
both within half a minute ({streets["ours, 30 s"][2]}), and goes on: {streets["ours, 180 s"][2]} after three minutes,
{streets["ours, twice as wide, 3600 s"][2]} after an hour. The five best networks of Part II on generated streets, after
1200 steps each, end within {low} and {high}.

{_markdown(*_of_pack("camvid", "mean IoU, 11 classes"))}
**Photographs.** GrabCut from a box has {of_box["mean_iou"]} on {of_box["images"]} photographs of two packs (OpenCV's
{cut["both", "val, eval", "box", "OpenCV"]["mean_iou"]}), and {of_box["lowest_iou"]} on the worst of them. No network of
this course has learned what it would need to name the object in a photograph: that takes weights taught by a million
others (lesson 16).
"""


def _of_pack(pack, score):
    """(columns, lines) of all that was recorded of a pack: methods of Part I, and networks by their seconds."""
    lines = [
        (row["method"], row["people give"], row["quality"], row["boundary F"], row["s to learn"])
        for row in _recorded("real_classics")
        if row["pack"] == pack
    ]
    taught = "labelled pictures, once"
    networks = [*_recorded("learning"), *_recorded("learning_long")]
    lines += [
        (f"{row['entrant']}, {row['seconds']} s", taught, row["test"], "–", row["seconds"])
        for row in sorted(networks, key=lambda row: int(row["seconds"]))
        if row["pack"] == pack
    ]
    if pack == "camvid":
        lines += [
            (f"{row['network']}, 1200 steps", taught, row["mean IoU"], row["boundary F"], "–")
            for row in _recorded("real_networks")
            if row["network"] != "position alone"
        ]
    return ("method", "people give", score, "boundary F, 2 px", "s to learn"), lines


if __name__ == "__main__":
    main()
