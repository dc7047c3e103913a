"""The table and the figure of the grand comparison: complete, and their prices are what was measured."""

import pytest

from course_utils.studies import comparison, exams, findings


def recorded():
    """Rows of all runs: later methods are better and dearer, of a later seed slower."""
    numbers = {"boundary_f": 0.5, "taught": 8000, "asked": 100, "megabytes": 2.0, "source": ""}
    return [
        {"study": "comparison", **configuration, "seed": seed}
        | {"quality": 0.1 + 0.01 * place + 0.02 * seed, "train_seconds": place, "milliseconds": 10 + seed}
        | numbers
        for place, (configuration, seed) in enumerate(comparison.STUDY.runs())
    ]


def test_the_price_is_that_of_learning_and_of_all_pictures():
    rows = recorded()
    one = findings.findings(rows)["canals"]["U-Net + judge"]
    least = min(r["train_seconds"] for r in rows if (r["set"], r["method"]) == ("canals", "U-Net + judge"))
    assert one.train_seconds == least and one.milliseconds == 10
    assert one.seconds == pytest.approx(least + 100 * 0.010)
    assert one.quality.n == 3 and one.quality.std > 0


def test_the_table_has_a_row_for_each_method_and_a_dash_where_it_cannot_answer():
    lines = findings.overview(recorded())[1]
    methods = {method for each in comparison.METHODS.values() for method in each}
    assert len(lines) == len(methods) == len({line[0] for line in lines})
    assert [line[1] for line in lines] == sorted(line[1] for line in lines)
    for line in lines:
        cells = dict(zip(exams.EXAMS, line[3:], strict=True))
        assert {name for name, cell in cells.items() if cell is not None} == {
            name for name, each in comparison.METHODS.items() if line[0] in each
        }
    html = findings.table(recorded()).html
    assert html.count("★</b>") == len(exams.EXAMS) and html.count("<tr>") == len(methods) + 1


def test_details_say_what_people_gave():
    for name in exams.EXAMS:
        columns, lines = findings.details(name, recorded())
        assert all(len(line) == len(columns) for line in lines)
    words = {line[0]: line[4] for line in findings.details("photos", recorded())[1]}
    assert words["Otsu"] == "1 bit a picture" and words["GrabCut"] == "a box a picture"
    assert words["forest + strokes"] == "100 px a picture"
    assert dict((line[0], line[4]) for line in lines)["U-Net"] == "8,000 px, once"


@pytest.mark.parametrize(
    ("number", "text"), [(0.0123, "0.012"), (0.96, "1.0"), (1.23, "1.2"), (9.96, "10"), (1234.5, "1234")]
)
def test_short_numbers_have_two_digits(number, text):
    assert findings.short(number) == text


def test_the_figure_names_the_fronts_and_every_kind():
    figure = findings.figure(recorded())
    assert figure.size[0] == 900
    found = findings.findings(recorded())
    for name, exam in exams.EXAMS.items():
        assert f"{exam.title}: " in figure.alt
        assert findings.best(found[name]) in figure.alt.split(f"{exam.title}: ")[1].split(";")[0]
    kinds = {one.kind for each in found.values() for one in each.values()}
    assert kinds == set(range(len(findings.KINDS)))
