"""The two parts of the README that follow from elsewhere: the badges from the address, the lessons from their cards."""

import re

from course_utils import paths
from course_utils.publish import building, lesson, passes


def update(folder=None):
    """Write both parts into README.md; True when that changed the file."""
    file = (folder or paths.CHECKOUT) / "README.md"
    before = file.read_text(encoding="utf-8")
    after = render(before, map(lesson.read, lesson.every()), building.address())
    if after != before:
        file.write_text(after, encoding="utf-8", newline="\n")
    return after != before


def render(text, lessons, address):
    """The README with what stands between its marks written anew.

    Raises ValueError where a mark is missing.
    """
    text = _between(text, "badges", passes.badges(address, "00_start_here"))
    return _between(text, "lessons", "\n".join(_table(lessons)))


def _table(lessons):
    yield "| | lesson | its question | minutes |"
    yield "|---|---|---|---|"
    for one in lessons:
        card = one.card
        title = f"[{card['title']}](notebooks/{one.name}.ipynb)"
        yield f"| {one.number} | {title} | {card['question']} | {sum(card['minutes'].values())} |"


def _between(text, name, content):
    marks = re.compile(rf"(<!-- {name}:.*?-->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not marks.search(text):
        raise ValueError(f"README.md has lost its mark <!-- {name}: … --> … <!-- /{name} -->: put both back")
    return marks.sub(lambda found: f"{found[1]}{content}\n{found[2]}", text)
