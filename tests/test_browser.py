"""What a student does in lesson 02, in a real browser: run it, move the threshold by keyboard, answer an exercise
wrongly and then rightly, and find the progress again after the kernel was restarted."""

import re

import pytest
from lab import api, open_notebook

LESSON = "02_thresholding.ipynb"
ANSWER = """def between_groups(values, threshold):
    values = np.ravel(values)
    dark, bright = values[values <= threshold], values[values > threshold]
    if dark.size == 0 or bright.size == 0:
        return 0.0
    return dark.size * bright.size / values.size**2 * (bright.mean() - dark.mean())"""


@pytest.fixture(scope="module")
def lesson(browser, lab):
    with open_notebook(browser, lab, name=LESSON) as book:
        book.ready()
        yield book


@pytest.fixture(scope="module")
def number(lab):
    """number(text, tag=None): the place in the notebook of the first code cell with that text (and tag)."""
    cells = api(lab, f"contents/{LESSON}")["content"]["cells"]

    def find(text, tag=None):
        tagged = [tag is None or tag in cell["metadata"].get("tags", []) for cell in cells]
        return next(
            i
            for i, cell in enumerate(cells)
            if cell["cell_type"] == "code" and text in cell["source"] and tagged[i]
        )

    return find


def test_a_student_works_through_lesson_02(lesson, number):
    run_untouched(lesson, number)
    move_the_threshold(lesson, number)

    exercise, check = number("def between_groups", "exercise"), number("between-groups", "check")
    lesson.edit(exercise, ANSWER)
    lesson.run(exercise)
    assert "The difference of the means must be squared" in lesson.run(check).inner_text()

    lesson.edit(exercise, ANSWER + " ** 2")
    lesson.run(exercise)
    assert ": right (" in lesson.run(check).inner_text()

    lesson.restart()
    lesson.edit(check, "from course_utils import progress\nprogress.show()")
    row = lesson.run(check).get_by_role("row").filter(has_text="02")
    assert re.search(r"1 of \d+ exercises right", row.inner_text())


def run_untouched(lesson, number):
    """All cells, from the menu, to the last one without an error."""
    lesson.page.get_by_role("menuitem", name="Run", exact=True).click()
    lesson.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    last = lesson.cell(number("crowded = ")).locator(".jp-InputPrompt")
    lesson.page.wait_for_function(
        "p => /\\d/.test(p.textContent)", arg=last.element_handle(), timeout=120_000
    )
    assert lesson.page.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0


def move_the_threshold(lesson, number):
    explorer = lesson.output(number("ThresholdExplorer("))
    explorer.scroll_into_view_if_needed()
    line, picture = explorer.get_by_role("slider", name="grey value"), explorer.locator(".picture")
    line.focus()
    before = (
        float(line.get_attribute("aria-valuenow")),
        picture.screenshot(),
        picture.get_attribute("data-frame"),
    )
    for _ in range(5):
        lesson.page.keyboard.press("PageDown")
    lesson.page.wait_for_function(
        "([p, before]) => p.dataset.frame !== before", arg=[picture.element_handle(), before[2]]
    )
    assert float(line.get_attribute("aria-valuenow")) < before[0]
    assert picture.screenshot() != before[1]
