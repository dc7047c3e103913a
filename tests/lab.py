"""A notebook open in a real JupyterLab in a real browser, worked as a student works it: by keyboard and pointer.

The fixtures ``browser`` and ``lab`` (the running ``course lab``) stand in ``conftest``; this is what one does there.
"""

import json
import urllib.request
from contextlib import contextmanager
from urllib.parse import urlsplit

import nbformat

KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}


@contextmanager
def open_notebook(browser, address, *cells, name="notebook.ipynb", **context):
    """Put a notebook of code ``cells`` into the lab, open it in a page of its own, and yield a `Notebook`.

    ``cells`` are sources or whole nbformat cells; without any, the file ``name`` that lies there is opened. At the
    end the page is closed and the notebook's kernel shut down. ``context`` goes to playwright's ``new_context``.
    """
    if cells:
        upload(address, name, *cells)
    page_context = browser.new_context(**({"viewport": {"width": 1280, "height": 1000}} | context))
    page = page_context.new_page()
    try:
        page.goto(_url(address, f"doc/tree/{name}"))
        page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=60_000)
        yield Notebook(page)
    finally:
        page_context.close()
        for session in api(address, "sessions"):
            if session["path"] == name:
                api(address, f"sessions/{session['id']}", method="DELETE")


def upload(address, name, *cells):
    """Write a notebook of code ``cells``, sources or whole nbformat cells, into the lab's folder."""
    made = [nbformat.v4.new_code_cell(cell) if isinstance(cell, str) else cell for cell in cells]
    book = nbformat.v4.new_notebook(cells=made, metadata=KERNEL)
    api(address, f"contents/{name}", {"type": "notebook", "format": "json", "content": book}, method="PUT")


def api(address, path, body=None, method="GET"):
    """What the lab's server answers to a request to its REST interface."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(_url(address, f"api/{path}"), data, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read() or b"null")


def _url(address, path):
    """Another address of the same server, with the same token."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}/{path}?{parts.query}"


class Notebook:
    """An open notebook: ``page`` is playwright's Page."""

    def __init__(self, page):
        self.page = page

    def ready(self):
        """Wait until the kernel is there and has nothing to do: the status bar says so.

        (The indicator beside the kernel's name says "idle" before there is one, and a cell run then is lost.)
        """
        self.page.locator("#jp-main-statusbar").get_by_text("| Idle").wait_for(timeout=60_000)

    def cell(self, number):
        return self.page.locator(".jp-Notebook .jp-Cell").nth(number)

    def output(self, number):
        return self.cell(number).locator(".jp-Cell-outputArea")

    def run(self, number, seconds=60):
        """Run a code cell with Shift+Enter, wait until it has finished, and return its output."""
        prompt = self.cell(number).locator(".jp-InputPrompt")
        before = prompt.inner_text()
        self.cell(number).locator(".cm-content").click()
        self.page.keyboard.press("Shift+Enter")
        self.page.wait_for_function(
            "([prompt, before]) => /\\d/.test(prompt.textContent) && prompt.textContent !== before",
            arg=[prompt.element_handle(), before],
            timeout=1000 * seconds,
        )
        return self.output(number)

    def edit(self, number, source):
        """Replace the source of a code cell."""
        self.cell(number).locator(".cm-content").click()
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.insert_text(source)

    def python(self, number, expression):
        """The value (anything that JSON holds) of a Python expression, run in the cell ``number`` kept for that."""
        self.edit(number, f"import json\nprint(json.dumps({expression}))")
        return json.loads(self.run(number).locator("pre").last.inner_text())

    def restart(self):
        """Restart the kernel from the toolbar, confirm, and wait until it is there again."""
        self.page.locator("[data-jp-item-name=restart]").click()
        self.page.locator(".jp-Dialog .jp-mod-accept").click()
        self.ready()

    def save(self):
        """Save with Ctrl+S, wherever the focus is, and wait until the file is written."""
        written = lambda answer: answer.request.method == "PUT" and "/api/contents/" in answer.url  # noqa: E731
        with self.page.expect_response(written):
            self.page.keyboard.press("ControlOrMeta+s")
