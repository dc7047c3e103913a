"""How JupyterLab opens the course: offline, with nothing to click away, and idle kernels shut down.

The same configuration serves ``course lab`` and Binder, where ``postBuild`` writes it, so both behave alike.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote

from course_utils import paths

# A kernel that nobody uses keeps its memory: 2 GB hold two lessons, so there the wait is short.
IDLE_MINUTES = {"small": 20, "large": 120}
SMALL_MEMORY_GB = 4

# What a student's lab does without: the question about news, and what jupytext and nbgrader, which are there for
# building and for the tests, would add to menus and log.
WITHOUT_IN_THE_PAGE = (
    "@jupyter/nbgrader",
    "@jupyterlab/apputils-extension:announcements",
    "jupyterlab-jupytext",
)
WITHOUT_IN_THE_SERVER = (
    "jupyterlab_jupytext",
    "nbgrader.server_extensions.assignment_list",
    "nbgrader.server_extensions.course_list",
    "nbgrader.server_extensions.formgrader",
    "nbgrader.server_extensions.validate_assignment",
)


def write_config(folder, minutes):
    """Write the course's settings as a Jupyter configuration folder; kernels idle for ``minutes`` are shut down."""
    quiet = {"log_level": "WARN"}  # what is left: the address to open, kernels shut down, errors
    server = {
        "MappingKernelManager": {
            "cull_idle_timeout": minutes * 60,
            "cull_interval": 60,
            "cull_connected": True,  # an open tab keeps its kernel connected, and is what gets forgotten
        },
        "LabApp": {
            **quiet,
            "news_url": None,
            "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
            "extension_manager": "readonly",  # the other one asks the package index for its list
        },
        "ServerApp": {**quiet, "jpserver_extensions": dict.fromkeys(WITHOUT_IN_THE_SERVER, False)},
    }
    page = {"disabledExtensions": dict.fromkeys(WITHOUT_IN_THE_PAGE, True)}
    for name, content in {"jupyter_server_config.json": server, "labconfig/page_config.json": page}.items():
        path = Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def start(folder, first, port, browser, minutes, arguments=()):
    """Become JupyterLab in ``folder``; returns when it is shut down.

    first : notebook to open, or None to open what was open last time
    minutes : after which an idle kernel is shut down
    arguments : further ones for JupyterLab; they win over ours
    """
    own = _own_folder()
    write_config(own / "config", minutes)
    places = [str(own / "config"), os.environ.get("JUPYTER_CONFIG_PATH")]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, places))
    os.environ.setdefault("JUPYTERLAB_SETTINGS_DIR", str(own / "settings"))
    os.environ.setdefault("JUPYTERLAB_WORKSPACES_DIR", str(own / "workspaces"))
    from jupyterlab.labapp import LabApp  # reads the environment when it is imported

    flags = [
        f"--ServerApp.root_dir={folder}",
        f"--ServerApp.port={port}",
        f"--ServerApp.open_browser={browser}",
    ]
    if first:
        flags.append(f"--LabApp.default_url=/lab/tree/{quote(Path(first).name)}")
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # in a container; elsewhere nobody would
        flags.append("--allow-root")
    LabApp.launch_instance(argv=[*flags, *arguments])


def _own_folder():
    """For the lab's settings and open tabs, apart from the student's other Jupyter work."""
    own = paths.home() / "lab"
    try:
        own.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=own):
            return own
    except OSError:  # a home that cannot be written: the lab works, and forgets
        return Path(tempfile.mkdtemp(prefix="course-lab-"))


def idle_minutes(memory_gb):
    """How long a kernel may idle on a machine with that much memory."""
    return IDLE_MINUTES["small" if memory_gb < SMALL_MEMORY_GB else "large"]


if __name__ == "__main__":  # Binder's postBuild: the environment's own configuration folder
    write_config(Path(sys.prefix) / "etc" / "jupyter", IDLE_MINUTES["small"])
