"""The image sets that run through the course; each room is loaded when it is first used."""

from importlib import import_module as _import_module

__all__ = ["masks", "photos", "public", "synthetic"]


def __getattr__(name):
    if name in __all__:
        return _import_module(f"{__name__}.{name}")
    raise AttributeError(f"course_utils.data has no room called {name!r}; it has {', '.join(__all__)}")


def __dir__():
    return sorted([*globals(), *__all__])
