"""The recorded studies of the lessons, a module a lesson; `register` makes them known to ``course study``.

Lessons read the recorded rows with `study.rows`. What a lesson trains live is built by the functions here, too, so
that its claims and the recorded runs are about one thing.
"""

from importlib import import_module
from pkgutil import iter_modules


def register():
    """Import every module of this folder, and so register its studies; without torch, those that need none."""
    for module in iter_modules(__path__, f"{__name__}."):
        try:
            import_module(module.name)
        except ModuleNotFoundError as missing:
            if missing.name not in ("torch", "torchvision"):
                raise
