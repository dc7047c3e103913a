"""A lesson small enough to read at a glance, and a registry that knows its exercise."""

from dataclasses import dataclass

import pytest

from course_utils import paths
from course_utils.publish import lesson as source

TEXT = '''\
---
kernelspec: {display_name: Python 3, language: python, name: python3}
course:
  title: Sums
  question: What is one and one?
  objectives:
    - add two numbers
    - say when a sum overflows
  requires: [00_start_here, counting]
  minutes: {read: 3, exercise: 2}
---

```{code-cell} ipython3
:tags: [setup]

import os
from collections import Counter
```

## The idea

Numbers add up, as $1 + 1 = 2$ shows.

```{code-cell} ipython3
print("two", 1 + 1)
```

```{code-cell} ipython3
:tags: [exercise]
:slug: add

def add(a, b):
    """Sum of two numbers."""
    total = 0
    ### BEGIN SOLUTION
    for number in (a, b):
        total += number
    return total
    ### END SOLUTION
```

```{code-cell} ipython3
:tags: [check]
:slug: add

os.environ.get("COURSE_GRADING") and (2 if add(1, 1) == 2 else 0)
```

+++ {"tags": ["instructor"]}

Ask: *does it work with words?*

+++

The end.
'''


@dataclass(frozen=True)
class Exercise:
    title: str = "Add"
    points: int = 2
    minutes: int = 2
    hints: tuple = ("Start from `total`.", "Use a loop.", "```python\nfor number in (a, b):\n```")


EXERCISES = {"add": Exercise()}


@pytest.fixture
def exercise():
    return EXERCISES.__getitem__


@pytest.fixture
def write_lesson(tmp_path, monkeypatch):
    """Write a lesson's source, into a clone of its own with an empty record; returns the Lesson.

    ``write_lesson(("old", "new"), …)`` replaces parts of the text, each of which must be there.
    """
    (tmp_path / "lessons").mkdir()
    (tmp_path / "data").mkdir()
    monkeypatch.setattr(paths, "bundled", tmp_path.joinpath)

    def write(*replacements, text=TEXT, name="07_sums"):
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "lessons" / f"{name}.md"
        path.write_text(text, encoding="utf-8")
        return source.read(path)

    return write


@pytest.fixture
def lesson(write_lesson):
    return write_lesson()
