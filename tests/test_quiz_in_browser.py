"""Checks and questions in a real JupyterLab: answered by keyboard, read without a kernel, kept after a restart."""

import nbformat
import pytest
from lab import api, open_notebook

SETUP = "from course_utils import progress, quiz\nfrom course_utils.checks import check"
ANSWER = """
def brighter(image, threshold):
    return image >= threshold
check("first-mask", brighter)
"""
MANY = "quiz.ask(lesson='02')"
GUESS = "quiz.predict('browser', 'Which colour?', options=['blue', 'black'])"
REVEAL = "quiz.reveal('browser', 'black')"
PAGE = f"{SETUP}\nprogress.show()"


@pytest.fixture(scope="module")
def book(browser, lab):
    cells = (SETUP, ANSWER, MANY, GUESS, REVEAL, PAGE, "")
    with open_notebook(browser, lab, *cells, name="quiz.ipynb") as book:
        book.ready()
        for number in range(5):
            book.run(number)
        book.output(2).locator(".course-form").wait_for()
        yield book


def test_a_wrong_answer_shows_its_diagnosis(book):
    card = book.output(1).get_by_role("region", name="Check of Your first mask")
    says = card.text_content()  # not inner_text: JupyterLab hides what is scrolled out of view
    assert "Likely mistake." in says and "Greater than is asked for" in says


def test_questions_are_answered_from_the_keyboard(book):
    keys, group = book.page.keyboard, book.output(2).get_by_role("group").first
    options = group.get_by_role("radio")
    options.first.focus()
    keys.press("Space")
    keys.press("ArrowDown")
    assert options.nth(1).is_checked()
    keys.press("Tab")
    button = book.output(2).get_by_role("button").first
    assert button.evaluate("b => b === document.activeElement")
    assert button.get_attribute("aria-label").startswith("Check: ")
    keys.press("Enter")
    reply = book.output(2).get_by_role("status").first
    book.page.wait_for_function("e => /Right|Not this/.test(e.textContent)", arg=reply.element_handle())


def test_the_still_questions_are_hidden_while_the_form_lives(book):
    assert not book.output(2).locator(".course-strip").is_visible()


def test_a_guess_is_committed_to_and_replayed(book):
    form = book.output(3)
    form.get_by_role("radio", name="black").check()
    form.get_by_role("radio", name="70 %").check()
    book.page.keyboard.press("Enter")
    form.get_by_role("status").filter(has_text="Kept: “black”, 70% sure").wait_for()
    assert "You guessed “black”, 70% sure. You had it" in book.run(4).inner_text()


def test_progress_is_there_after_a_restart_and_the_dead_form_says_so(book):
    """After the tests that need the kernel."""
    question = book.output(2).locator("form").nth(1)
    book.save()
    book.restart()
    question.get_by_role("textbox").fill("1")
    book.page.keyboard.press("Enter")
    question.get_by_role("status").filter(has_text="No reply").wait_for(timeout=15_000)
    assert book.output(2).locator(".course-strip summary").first.is_visible()
    book.run(5).get_by_role("region", name="Your progress").wait_for()
    assert book.python(6, "[s.state for s in progress.summary() if s.item.slug == 'first-mask']") == ["wrong"]
    assert book.python(6, "sum(s.tries for s in progress.summary() if s.item.kind == 'quiz')") == 1


def test_without_a_kernel_the_still_questions_stand_alone(book, browser, lab):
    """The stored notebook, opened where nothing runs."""
    book.save()
    stored = nbformat.from_dict(api(lab, "contents/quiz.ipynb")["content"])
    with open_notebook(browser, lab, *stored.cells, name="stored.ipynb") as reader:
        output = reader.output(2)
        option = output.locator("summary").first
        option.wait_for()
        assert output.locator("form").count() == 0
        option.focus()
        reader.page.keyboard.press("Enter")
        assert output.get_by_text("Not this.").first.is_visible()
