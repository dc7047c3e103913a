"""Generated pictures with exact truth: each generator defeats the easy method for a reason of its own.

=============== ============================================================= =========
``microscope``  ``nuclei``, ``specimen``: crowded, blurred, unevenly lit cells 02, 03, 10
=============== ============================================================= =========
"""

from course_utils.data.synthetic.microscope import KINDS, KNOBS, nuclei, specimen
from course_utils.data.synthetic.sample import Sample

__all__ = ["KINDS", "KNOBS", "Sample", "nuclei", "specimen"]
