"""Lesson 02's study: what ships comes from this code."""

import pytest

from course_utils import study
from course_utils.studies import thresholding  # noqa: F401, registers


def test_what_ships_comes_from_this_code():
    found = study.STUDIES["threshold_share"]
    for configuration in found.configurations[:: len(found.configurations) - 1]:
        fresh = found.run(seed=found.seeds[0], **configuration)
        wanted = {"seed": found.seeds[0]} | configuration
        (kept,) = (row for row in study.rows(found.name) if row.items() >= wanted.items())
        assert {key: kept[key] for key in fresh} == pytest.approx(fresh, abs=2e-4)
