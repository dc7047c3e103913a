"""Where things lie: what the course ships, and the folders that belong to the student.

The shipped folders (``data``, ``notebooks``) lie beside the package in a clone and inside it in a wheel.
The student's own folders can be moved with environment variables:

``COURSE_HOME``   progress, own scoreboard rows      (default: the user's data folder)
``COURSE_CACHE``  downloads, compiled kernels        (default: the user's cache folder)
``COURSE_WORK``   working copies of the notebooks    (default: ``From Pixels to Regions`` in the home folder)
"""

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
CHECKOUT = PACKAGE.parent
APP = "from-pixels-to-regions"


def bundled(name):
    """Folder (pathlib.Path) that the course ships, by name: ``"data"`` or ``"notebooks"``.

    Raises FileNotFoundError when neither a clone nor an installed wheel holds it.
    """
    for folder in (CHECKOUT / name, PACKAGE / "bundled" / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(
        f"The course folder {name!r} is missing (looked beside and inside {PACKAGE}). "
        "The installation is incomplete: clone the project again, or reinstall the package."
    )


def checkout():
    """The clone this package runs from, or None when it was installed from a wheel."""
    return CHECKOUT if (CHECKOUT / "lessons").is_dir() and (CHECKOUT / "pyproject.toml").is_file() else None


def home():
    """The student's folder for progress and own results; not created here."""
    return _own("COURSE_HOME", "user_data_path")


def cache():
    """The folder for what can be made again: downloads and compiled kernels; not created here."""
    return _own("COURSE_CACHE", "user_cache_path")


def work():
    """The folder of the student's working copies; not created here."""
    return Path(os.environ.get("COURSE_WORK") or Path.home() / "From Pixels to Regions").expanduser()


def _own(variable, platform_folder):
    if os.environ.get(variable):
        return Path(os.environ[variable]).expanduser()
    import platformdirs  # imported late: most calls run with the variable set or never come here

    return getattr(platformdirs, platform_folder)(APP, appauthor=False)
