"""The page of the grand comparison: its numbers are the recorded ones, and what it says of them is so."""

import re

import pytest

from course_utils import paths
from course_utils.publish import comparison
from course_utils.studies import findings
from course_utils.studies.exams import EXAMS

PAGE = (paths.CHECKOUT / comparison.PAGE).read_text(encoding="utf-8")
ALT = re.search(r"!\[(.*?)\]\(comparison\.webp\)", PAGE)[1]
FOUND = findings.findings()


def q(name, method):
    return FOUND[name][method].quality.mean


def test_the_page_is_what_the_recorded_rows_make():
    """Else: python -m course_utils.publish.comparison"""
    assert comparison.page(ALT) == PAGE


def test_the_figure_is_there_described_and_of_modest_size():
    figure = findings.figure()
    assert figure.alt == ALT
    picture = (paths.CHECKOUT / comparison.FIGURE).read_bytes()
    assert picture[:4] == b"RIFF" and picture[8:12] == b"WEBP" and len(picture) < 250_000


def test_links_of_the_page_lead_somewhere_and_the_readme_leads_to_it():
    for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", PAGE):
        assert (paths.CHECKOUT / "docs" / target).is_file(), target
    for anchor in re.findall(r"\]\(#([^)]*)\)", PAGE):
        assert f"## {anchor.replace('-', ' ').capitalize()}\n" in PAGE, anchor
    assert "(docs/comparison.md)" in (paths.CHECKOUT / "README.md").read_text(encoding="utf-8")


def test_every_set_has_its_paragraph_and_its_numbers():
    for name, exam in EXAMS.items():
        section = PAGE.split(f"\n## {exam.title}\n")[1].split("\n## ")[0]
        lines = findings.details(name)[1]
        assert all(f"| {line[0]} | {line[1]} | {line[2]} |" in section for line in lines)
    for columns in re.findall(r"^\|.*\|$", PAGE, re.MULTILINE):
        assert columns.count("|") >= 5


@pytest.mark.parametrize(
    ("name", "better", "worse", "by"),
    [
        ("photos", "GrabCut", "graph cut + strokes", 0.05),
        ("nuclei", "U-Net", "Li", 0.01),
        ("nuclei", "Otsu", "encoder–decoder", 0.05),
        ("counted", "Otsu, watershed", "U-Net, islands", 0.2),
        ("counted", "U-Net, watershed", "Li, watershed", 0.02),
        ("counted", "U-Net", "U-Net, watershed", 0.02),
        ("mosaics", "taught encoder", "U-Net, 80 steps", 0.05),
        ("mosaics", "taught encoder, 100 pictures", "taught encoder", 0.05),
        ("town", "U-Net", "FCN-32s", 0.05),
        ("canals", "U-Net + judge", "U-Net, Dice", 0.05),
        ("canals", "U-Net", "U-Net + CRF", 0.05),
        ("town", "softmax on filter bank", "FCN-32s", 0.02),
        ("town", "U-Net", "U-Net + CRF", 0.03),
        ("town", "U-Net, Dice", "U-Net", 0.01),
    ],
)
def test_what_the_page_says_is_so(name, better, worse, by):
    assert q(name, better) - q(name, worse) >= by
